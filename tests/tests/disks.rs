//! A partitioned disk, from the first look to the re-examination: what is read, what is named, what the court alone gets.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use scenarios::reading::acquisition;
use scenarios::second;
use scenarios::story::Desk;
use serde_json::{Value, json};

const GUID: &str = "4b433037-2011-4316-8000-00000000c0de";
const FSUUID: &str = "4b433037-2011-4316-8000-0000000000aa";
const MIB: u64 = 1 << 20;

/// Runs a program of others; `false` where it is not here, which CI does not excuse.
fn made_by(program: &str, words: &[&str]) -> bool {
    match Command::new(program).args(words).stdin(Stdio::null()).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{program} {words:?}: {said}");
            true
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "`{program}` is absent in CI: {error}");
            println!("did not run: `{program}` is not here");
            false
        }
    }
}

/// A disk with a GPT: an ext4 file system with a tenant's site, and an encrypted volume of 3 MiB.
fn disk(folder: &Path) -> Option<()> {
    let tree = folder.join("tree");
    fs::create_dir_all(tree.join("opt/panel")).unwrap();
    fs::create_dir_all(tree.join("home/other/Maildir")).unwrap();
    fs::write(tree.join("opt/panel/gate.php"), "<?php // the panel\n").unwrap();
    fs::write(tree.join("home/other/Maildir/1"), "a letter of somebody else\n").unwrap();
    let disk = folder.join("disk.img");
    let image = File::create(&disk).unwrap();
    image.set_len(16 * MIB).unwrap();
    let place = disk.to_str().unwrap();
    made_by("sgdisk", &["-U", GUID, "-n1:2048:+8M", "-n2:0:+3M", place]).then_some(())?;
    let ext = folder.join("ext.img");
    let from = ["-d", tree.to_str().unwrap(), ext.to_str().unwrap(), "8M"];
    made_by("mke2fs", &[&["-q", "-t", "ext4", "-U", FSUUID][..], &from].concat()).then_some(())?;
    let mut image = File::options().write(true).open(&disk).unwrap();
    image.seek(SeekFrom::Start(MIB)).unwrap();
    image.write_all(&fs::read(&ext).unwrap()).unwrap();
    image.seek(SeekFrom::Start(9 * MIB)).unwrap();
    let mut volume = b"LUKS\xba\xbe\x00\x02".to_vec();
    volume
        .extend((0..3 * MIB - 8).map(|at| u8::try_from(at.wrapping_mul(2_654_435_761) >> 7 & 0xFF).unwrap()));
    image.write_all(&volume).unwrap();
    fs::write(folder.join("luks.img"), &volume).unwrap();
    Some(())
}

/// A desk with that disk, and a policy for it that was approved.
fn desk(unread: &str) -> Option<Desk> {
    let desk = Desk::with_open_case();
    let target = format!("unread_volumes = \"{unread}\"\nmedia = [{{ label = \"KC07\", gpt = \"{GUID}\" }}]");
    desk.policy_with(&[("media ", &target)]);
    disk(&desk.path(""))?;
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    Some(desk)
}

const DISK: &str = "--policy {dir}/policy --medium {dir}/disk.img --case {case} --trust {trust} {both}";

#[test]
fn a_disk_is_described_without_names() {
    let Some(desk) = desk("name") else { return };
    let ran = desk.run("ambit medium info {dir}/disk.img --digest").exits(0);
    for words in [
        "GPT partition table, 2 partitions",
        "gpt:1               1048576         8388608  an ext2, ext3 or ext4 file system",
        "gpt:2               9437184         3145728  a LUKS-encrypted volume",
        "no partition covers it",
        GUID,
    ] {
        assert!(ran.out.contains(words), "`{words}`: {ran}");
    }
    assert!(!ran.to_string().contains("panel"), "{ran}");
    let value = desk.run("ambit medium info --json {dir}/disk.img").exits(0).json();
    assert_eq!(value["volumes"][0]["place"], "gpt:1");
    assert_eq!(value["sha256"], Value::Null);
    let before = desk.run("ambit medium list {dir}/disk.img").exits(1);
    assert!(before.says("--i-may-see-names").out.is_empty());
}

#[test]
fn a_plan_and_its_page_say_what_is_in_no_count() {
    let Some(desk) = desk("preserve") else { return };
    let plan = "ambit plan --policy {dir}/policy --medium {dir}/disk.img --case {case} {examiner}";
    let ran = desk.run(&format!("{plan} --html {{dir}}/plan.html --json")).exits(0);
    let told = ran.json();
    let volume = &told["unread_volumes"][0];
    assert_eq!((&volume["place"], &volume["bytes"]), (&json!("gpt:2"), &json!(3 * MIB)), "{ran}");
    assert!(told["limits"].to_string().contains("gpt:2: a LUKS-encrypted volume"), "{ran}");
    let command = told["unread_command"].as_str().unwrap();
    let page = fs::read_to_string(desk.path("plan.html")).unwrap();
    for words in
        ["In none of these numbers", "gpt:2, a LUKS-encrypted volume, 3145728 bytes", "image --to court"]
    {
        assert!(page.contains(words), "`{words}`: {page}");
    }
    assert!(page.find("In none of these numbers") < page.find("<svg"), "before the first number");
    let text = desk.run(plan).exits(0);
    assert!(text.out.contains("warning: in no count: gpt:2") && text.out.contains(command), "{text}");
    // It works as it was printed, once the witness's key is named; the package's folder is the examiner's to choose.
    assert!(command.contains("witness=KEY"), "{command}");
    let keys = desk.fill("{keys}/witness");
    let command = command.replace("witness=KEY", &format!("witness={keys}"));
    let command = command.replace("KC07-volumes.ambit", "{dir}/volumes.ambit");
    desk.run(&command).exits(0);

    // Where the order lets such volumes be named alone, the page says that nothing of them would be kept.
    let Some(desk) = self::desk("name") else { return };
    let told = desk.run(&format!("{plan} --json")).exits(0).json();
    assert!(told["unread_command"].is_null(), "{told}");
    assert!(told["unread_rule"].as_str().unwrap().contains("nothing would be kept"), "{told}");
}

#[test]
fn a_listing_shows_names_and_leaves_an_event() {
    let Some(desk) = desk("name") else { return };
    let list = "ambit medium list {dir}/disk.img --i-may-see-names --digest --case {case}";
    // Without a signer nothing is shown: the look could not be put on the log.
    assert!(desk.run(list).exits(1).out.is_empty());
    let ran = desk.run(&format!("{list} {{examiner}}")).exits(0);
    let lines: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let gate = lines.iter().find(|line| line["paths"][0] == "/opt/panel/gate.php").expect("the panel");
    assert!(gate["locator"].as_str().unwrap().starts_with("gpt:1/ext4:"), "{gate}");
    assert_eq!(gate["sha256"], scope_digest(b"<?php // the panel\n"));
    assert_eq!(gate["deleted"], false);
    let events: Vec<String> = scenarios::reading::files_below(&desk.path("case/custody"))
        .into_iter()
        .filter(|(name, _)| name.ends_with("event.json"))
        .map(|(_, bytes)| String::from_utf8(bytes).unwrap())
        .collect();
    assert!(events.iter().any(|event| event.contains("\"purpose\": \"list\"")), "{events:?}");
}

fn scope_digest(bytes: &[u8]) -> String {
    scope::Digest::of(bytes).to_string()
}

#[test]
fn files_are_captured_and_the_encrypted_volume_is_the_courts() {
    let Some(desk) = desk("preserve") else { return };
    let ran = desk.run(&format!("ambit capture --digest-medium {DISK} --out {{dir}}/files.ambit")).exits(0);
    ran.says("gpt:2: a LUKS-encrypted volume, of which no file is read").prints("ambit image --to court");
    let files = acquisition(&desk.path("files.ambit"));
    assert!(
        files.limits.iter().any(|limit| limit.starts_with("gpt:2: a LUKS-encrypted volume")),
        "{files:?}"
    );
    let states: Vec<String> = files.layers.iter().map(|layer| layer.state.to_string()).collect();
    assert_eq!(states, ["divided", "gap", "gap", "read", "unread"], "{:?}", files.layers);

    desk.run(&format!("ambit image --to court {DISK} --out {{dir}}/volumes.ambit")).exits(0);
    let volumes = acquisition(&desk.path("volumes.ambit"));
    let counts: Vec<String> = volumes.inventory.counts.keys().map(ToString::to_string).collect();
    assert_eq!(counts, ["held:unread-volumes"]);

    for package in ["files", "volumes"] {
        let audit = format!(
            "ambit-verify audit {{dir}}/{package}.ambit --trust {{trust}} --identity {{keys}}/auditor.age \
             --against {{dir}}/disk.img"
        );
        let ran = desk.run(&audit).exits(0);
        assert!(ran.out.contains("MATCHED") && !ran.out.contains("NOT MATCHED"), "{ran}");
    }

    // The court opens it; the case team cannot.
    let open = |who: &str, to: &str| {
        desk.run(&format!(
            "ambit open {{dir}}/volumes.ambit --trust {{trust}} --identity {{keys}}/{who}.age \
             --set held:unread-volumes --out {{dir}}/{to}"
        ))
    };
    assert_ne!(open("case-team", "no").exit, 0);
    open("court", "court").exits(0);
    let wanted = fs::read(desk.path("luks.img")).unwrap();
    let items = fs::read_to_string(desk.path("court/items.tsv")).unwrap();
    assert!(items.lines().nth(1).is_some_and(|line| line.ends_with("\t[gpt:2 bytes:0-3145728]")), "{items}");
    let found = scenarios::reading::files_below(&desk.path("court"));
    assert!(found.values().any(|bytes| *bytes == wanted), "{:?}", found.keys());

    // Another disk of the same kind does not match.
    let mut image = File::options().write(true).open(desk.path("disk.img")).unwrap();
    image.seek(SeekFrom::Start(9 * MIB + 4096)).unwrap();
    image.write_all(b"x").unwrap();
    let audit = "ambit-verify audit {dir}/volumes.ambit --trust {trust} --identity {keys}/auditor.age --against {dir}/disk.img";
    assert!(desk.run(audit).exits(2).out.contains("NOT MATCHED"));
}

#[test]
fn a_volume_is_not_taken_where_the_order_does_not_say_so() {
    let Some(desk) = desk("name") else { return };
    let ran = desk.run(&format!("ambit image --to court {DISK} --out {{dir}}/volumes.ambit"));
    ran.exits(2).says("lets a volume that cannot be read be named, and not taken");
    assert!(!desk.path("volumes.ambit").exists());
}

#[test]
fn an_order_that_names_a_file_system_covers_no_other() {
    let desk = Desk::with_open_case();
    let target =
        format!("unread_volumes = \"preserve\"\nmedia = [{{ label = \"KC07\", fsuuid = \"{FSUUID}\" }}]");
    desk.policy_with(&[("media ", &target)]);
    if disk(&desk.path("")).is_none() {
        return;
    }
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    desk.run(&format!("ambit image --to court {DISK} --out {{dir}}/volumes.ambit"))
        .exits(1)
        .says("gpt:2 (a LUKS-encrypted volume) cannot be preserved: of what the order names, the medium shows another file system alone")
        .says("no volume that the order covers");
    // In the place of the encrypted volume, another file system that could be read.
    let other = desk.path("other.img");
    made_by(
        "mke2fs",
        &["-q", "-t", "ext2", "-d", desk.path("tree").to_str().unwrap(), other.to_str().unwrap(), "3M"],
    );
    let mut image = File::options().write(true).open(desk.path("disk.img")).unwrap();
    image.seek(SeekFrom::Start(9 * MIB)).unwrap();
    image.write_all(&fs::read(&other).unwrap()).unwrap();
    desk.run(&format!("ambit capture {DISK} --out {{dir}}/files.ambit"))
        .exits(0)
        .says("gpt:2 (ext2) is not examined");
    let stated = acquisition(&desk.path("files.ambit"));
    assert_eq!(stated.walk.len(), 1);
    assert_eq!(stated.walk[0].ids[0].value, FSUUID);
    let audit = "ambit-verify audit {dir}/files.ambit --trust {trust} --identity {keys}/auditor.age --against {dir}/disk.img";
    let ran = desk.run(audit).exits(0);
    assert!(ran.out.contains("MATCHED") && !ran.out.contains("NOT MATCHED"), "{ran}");
}

#[test]
fn an_order_that_names_a_file_system_of_which_there_are_two_is_refused() {
    let desk = Desk::with_open_case();
    desk.policy_with(&[("media ", &format!("media = [{{ label = \"KC07\", fsuuid = \"{FSUUID}\" }}]"))]);
    if disk(&desk.path("")).is_none() {
        return;
    }
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    let (tree, other) = (desk.path("tree"), desk.path("other.img"));
    made_by(
        "mke2fs",
        &["-q", "-t", "ext2", "-U", FSUUID, "-d", tree.to_str().unwrap(), other.to_str().unwrap(), "3M"],
    );
    let mut image = File::options().write(true).open(desk.path("disk.img")).unwrap();
    image.seek(SeekFrom::Start(9 * MIB)).unwrap();
    image.write_all(&fs::read(&other).unwrap()).unwrap();
    let capture = format!("ambit capture {DISK} --out {{dir}}/files.ambit");
    desk.run(&capture)
        .exits(2)
        .says("2 file systems on it have that identity: at gpt:1, gpt:2")
        .says("have the order name the medium itself");
    assert!(!desk.path("files.ambit").exists());
    // Whoever decides to take both says why, and the record says that it is a departure.
    desk.run(&format!("{capture} --other-medium both-were-seized")).exits(3);
    let stated = acquisition(&desk.path("files.ambit"));
    assert_eq!(stated.walk.len(), 2);
    assert!(stated.departures.iter().any(|departure| departure.what.contains("at gpt:1, gpt:2")));
}

/// Makes the root of the file system on the disk something that is no directory.
fn without_its_root(folder: &Path) {
    let disk = folder.join("disk.img");
    let mut bytes = fs::read(&disk).unwrap();
    let ext = &mut bytes[usize::try_from(MIB).unwrap()..];
    let table = u32::from_le_bytes(ext[2048 + 8..2048 + 12].try_into().unwrap()) as usize;
    let size = u16::from_le_bytes(ext[1024 + 0x58..1024 + 0x5A].try_into().unwrap()) as usize;
    ext[table * 1024 + size..][..size].fill(0xFF);
    fs::write(disk, bytes).unwrap();
}

#[test]
fn a_file_system_without_its_root_is_told_and_goes_to_the_court() {
    for (identity, value) in [("fsuuid", FSUUID), ("gpt", GUID)] {
        let desk = Desk::with_open_case();
        let target = format!(
            "unread_volumes = \"preserve\"\nmedia = [{{ label = \"KC07\", {identity} = \"{value}\" }}]"
        );
        desk.policy_with(&[("media ", &target)]);
        if disk(&desk.path("")).is_none() {
            return;
        }
        without_its_root(&desk.path(""));
        desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
        let lost = "this medium is not whole: gpt:1: an ext2, ext3 or ext4 file system, not read";
        assert!(desk.run("ambit medium info {dir}/disk.img").exits(3).out.contains(lost));
        // What the hint says can be done.
        desk.run(&format!("ambit capture {DISK} --out {{dir}}/files.ambit"))
            .exits(2)
            .says("gpt:1: an ext2, ext3 or ext4 file system, not read")
            .says("`ambit image --to court` preserves it whole");
        assert!(!desk.path("files.ambit").exists());
        let ran = desk.run(&format!("ambit image --to court {DISK} --out {{dir}}/volumes.ambit")).exits(3);
        assert!(ran.out.contains(&format!("WARNING: {lost}")), "{ran}");
        let stated = acquisition(&desk.path("volumes.ambit"));
        let walked: Vec<&str> = stated.walk.iter().map(|walk| walk.volume.as_str()).collect();
        assert!(stated.walk[0].ids[0].value == FSUUID, "{:?}", stated.walk);
        match identity {
            "fsuuid" => assert_eq!(walked, ["gpt:1"], "the order covers no other"),
            _ => assert_eq!(walked, ["gpt:1", "gpt:2"]),
        }
        let audit = "ambit-verify audit {dir}/volumes.ambit --trust {trust} --identity {keys}/auditor.age --against {dir}/disk.img";
        let ran = desk.run(audit).exits(0);
        assert!(ran.out.contains("FOLLOWED") && !ran.out.contains("NOT FOLLOWED"), "{ran}");
        assert!(ran.out.contains("MATCHED") && !ran.out.contains("NOT MATCHED"), "{ran}");
        if second::is_there() {
            let (auditor, log) = (desk.demo.path("keys/auditor.age"), desk.demo.path("keys/log.pub"));
            let replayed = second::replayed_from(&desk.path("volumes.ambit"), &auditor, &log);
            assert_eq!((replayed.exit, replayed.kinds().as_str()), (0, ""), "{}", replayed.text);
        }
    }
}

#[test]
fn a_capture_says_of_a_whole_file_system_that_it_is_lost() {
    let Some(desk) = desk("name") else { return };
    let other = desk.path("other.img");
    made_by(
        "mke2fs",
        &["-q", "-t", "ext2", "-d", desk.path("tree").to_str().unwrap(), other.to_str().unwrap(), "3M"],
    );
    let mut image = File::options().write(true).open(desk.path("disk.img")).unwrap();
    image.seek(SeekFrom::Start(9 * MIB)).unwrap();
    image.write_all(&fs::read(&other).unwrap()).unwrap();
    without_its_root(&desk.path(""));
    let ran = desk.run(&format!("ambit capture {DISK} --out {{dir}}/files.ambit")).exits(3);
    let lost = "gpt:1: an ext2, ext3 or ext4 file system, not read: neither its root nor anything below it can be read";
    let ran = ran.says(&format!("WARNING: {lost}"));
    assert!(ran.out.contains(&format!("WARNING: this medium is not whole: {lost}")), "{ran}");
    let stated = acquisition(&desk.path("files.ambit"));
    assert!(stated.limits.iter().any(|limit| limit.starts_with(lost)), "{:?}", stated.limits);
    let layer = stated.layers.iter().find(|layer| layer.place == "gpt:1").unwrap();
    assert_eq!(layer.state.to_string(), "unread");
    // Of such a volume no byte is compared where nobody computed the medium's digest: that is said.
    let audit = "ambit-verify audit {dir}/files.ambit --trust {trust} --identity {keys}/auditor.age --against {dir}/disk.img --json";
    let report = desk.run(audit).exits(0).json();
    let told = "1 volumes of which no file is read, of 8388608 bytes together, are there; without a digest of the whole medium";
    let limits = report["limits"].as_array().unwrap();
    assert!(limits.iter().any(|limit| limit.as_str().unwrap().contains(told)), "{report}");
}

const ARRAY: &str = "30313233:34353637:38396162:63646566";

/// Two drives with MBR tables, on each of them a member of a mirror, and on that an ext4 file system with a tenant's site.
fn mirror(folder: &Path) -> Option<()> {
    let tree = folder.join("tree");
    fs::create_dir_all(tree.join("opt/panel")).unwrap();
    fs::write(tree.join("opt/panel/gate.php"), "<?php // the panel\n").unwrap();
    let ext = folder.join("ext.img");
    let from = ["-d", tree.to_str().unwrap(), ext.to_str().unwrap(), "8M"];
    made_by("mke2fs", &[&["-q", "-t", "ext4", "-U", FSUUID][..], &from].concat()).then_some(())?;
    let content = fs::read(&ext).unwrap();
    for number in 0..2_u32 {
        // Metadata 1.2, eight sectors into the partition; the data begin at its first MiB.
        let mut block = vec![0_u8; 260];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &0xA92B_4EFC_u32.to_le_bytes());
        put(4, &1_u32.to_le_bytes());
        put(16, b"0123456789abcdef");
        put(64, &1_700_000_000_u64.to_le_bytes());
        put(72, &1_u32.to_le_bytes());
        let sectors = content.len() as u64 / 512;
        put(80, &sectors.to_le_bytes());
        put(92, &2_u32.to_le_bytes());
        put(128, &2048_u64.to_le_bytes());
        put(136, &sectors.to_le_bytes());
        put(144, &8_u64.to_le_bytes());
        put(160, &number.to_le_bytes());
        put(168, &[u8::try_from(number).unwrap(); 16]);
        put(200, &7_u64.to_le_bytes());
        put(208, &u64::MAX.to_le_bytes());
        put(220, &2_u32.to_le_bytes());
        put(258, &1_u16.to_le_bytes());
        let sum: u64 = block.as_chunks::<4>().0.iter().map(|word| u64::from(u32::from_le_bytes(*word))).sum();
        let sum = u32::try_from((sum & 0xFFFF_FFFF) + (sum >> 32)).unwrap();
        block[216..220].copy_from_slice(&sum.to_le_bytes());

        let mut disk = vec![0_u8; usize::try_from(12 * MIB).unwrap()];
        disk[440..444].copy_from_slice(&(0xBEEF_0000 + number).to_le_bytes());
        disk[446..462].copy_from_slice(&[0, 0, 0, 0, 0xFD, 0, 0, 0, 0, 8, 0, 0, 0, 0x58, 0, 0]);
        disk[510..512].copy_from_slice(&[0x55, 0xAA]);
        let start = usize::try_from(MIB).unwrap();
        disk[start + 4096..][..block.len()].copy_from_slice(&block);
        disk[2 * start..][..content.len()].copy_from_slice(&content);
        fs::write(folder.join(format!("sd{number}.img")), disk).unwrap();
    }
    Some(())
}

/// A desk with those drives, and an approved policy that knows the medium by `ids`.
fn desk_of_mirror(ids: &str) -> Option<Desk> {
    let desk = Desk::with_open_case();
    desk.policy_with(&[("media ", &format!("media = [{{ label = \"KC07\", {ids} }}]"))]);
    mirror(&desk.path(""))?;
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    Some(desk)
}

#[test]
fn drives_without_a_gpt_are_known_by_their_array_or_by_a_signature() {
    let both = "--medium {dir}/sd0.img --medium {dir}/sd1.img";
    let capture = |medium: &str| {
        format!(
            "ambit capture --policy {{dir}}/policy {medium} --case {{case}} --trust {{trust}} {{both}} --out {{dir}}/files.ambit"
        )
    };
    for (ids, other) in [
        (format!("md_uuid = \"{ARRAY}\""), "md_uuid = \"00000000:34353637:38396162:63646566\""),
        ("mbr_signature = \"beef0001\"".to_owned(), "mbr_signature = \"beef0002\""),
    ] {
        let Some(desk) = desk_of_mirror(&ids) else { return };
        let info = desk.run("ambit medium info {dir}/sd0.img {dir}/sd1.img").exits(0);
        for words in
            [&format!("md_uuid        {ARRAY}\n"), "mbr_signature  beef0000\n", "mbr_signature  beef0001\n"]
        {
            assert!(info.out.contains(words), "{words}: {info}");
        }
        // What they make up stands below the last of them.
        let rows: Vec<&str> =
            info.out.lines().filter_map(|line| line.split("  ").find(|cell| !cell.is_empty())).collect();
        let at = |place: &str| {
            rows.iter().position(|row| *row == place).unwrap_or_else(|| panic!("{place}: {info}"))
        };
        let array = format!("md:{}", "30313233-3435-3637-3839-616263646566");
        assert!(at("disk:1") < at("disk:1/mbr:1") && at("disk:1/mbr:1") < at("disk:2"), "{info}");
        assert!(at("disk:2/mbr:1") < at(&array), "{info}");
        assert!(info.out.contains(&format!("\n    {array} ")), "{info}");

        // A number that each copy has, and anybody can set, is too little by itself: lawful, and a departure.
        let exit = if ids.starts_with("mbr") { 3 } else { 0 };
        let captured = desk.run(&capture(both)).exits(exit);
        let weak = "departure: that this is the policy's medium rests on the signature of its MBR alone";
        assert_eq!(captured.err.contains(weak), exit == 3, "{captured}");
        let stated = acquisition(&desk.path("files.ambit"));
        assert_eq!(stated.walk.len(), 1);
        assert_eq!(stated.medium.ids.iter().filter(|id| id.kind == "md_uuid").count(), 1);
        let audit = "ambit-verify audit {dir}/files.ambit --trust {trust} --identity {keys}/auditor.age \
            --against {dir}/sd0.img --against {dir}/sd1.img";
        let ran = desk.run(audit).exits(exit);
        assert!(ran.out.contains("MATCHED") && !ran.out.contains("NOT MATCHED"), "{ran}");
        replayed_rests_on(&desk, (exit == 3).then_some("mbr_signature"));

        let Some(desk) = desk_of_mirror(other) else { return };
        let kind = other.split(' ').next().unwrap();
        desk.run(&capture(both)).exits(2).says(&format!("the policy's medium has {kind} "));
    }
}

/// The second implementation derives by which weak identity the medium of `files.ambit` is known, if by one.
fn replayed_rests_on(desk: &Desk, weak: Option<&str>) {
    if !second::is_there() {
        return;
    }
    let keys = desk.demo.path("keys");
    let replayed =
        second::replayed_from(&desk.path("files.ambit"), &keys.join("auditor.age"), &keys.join("log.pub"));
    assert_eq!((replayed.exit, replayed.kinds().as_str()), (0, ""), "{}", replayed.text);
    let told = replayed.text.lines().find_map(|line| line.strip_prefix("departure: "));
    let told = told.map(|line| line.trim_start_matches("that this is the policy's medium rests on "));
    assert_eq!(told, weak, "{}", replayed.text);
}

/// What a volume with a random beginning is known by is a copy's: both implementations call that a departure.
#[test]
fn an_order_that_rests_on_what_a_copy_shows_is_met_with_a_departure() {
    let desk = Desk::with_open_case();
    let target = format!("media = [{{ label = \"KC07\", fsuuid = \"{FSUUID}\" }}]");
    desk.policy_with(&[("media ", &target)]);
    let image = desk.path("disk.img");
    let words = ["-q", "-t", "ext4", "-b", "1024", "-U", FSUUID, image.to_str().unwrap(), "20M"];
    if !made_by("mke2fs", &words) {
        return;
    }
    let mut bytes = fs::read(&image).unwrap();
    let mut state = 7_u64;
    bytes[..2048].fill_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from(state >> 56).unwrap()
    });
    fs::write(&image, bytes).unwrap();
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    let capture = "ambit capture --policy {dir}/policy --medium {dir}/disk.img --case {case} --trust {trust} {both} --out {dir}/files.ambit";
    desk.run(capture).exits(3);
    let ran = desk.run("ambit-verify {dir}/files.ambit --trust {trust}").exits(3);
    let words = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(&format!("rests on fsuuid {FSUUID}, which only a copy shows")), "{ran}");
    replayed_rests_on(&desk, Some("fsuuid_of_copy"));
}

#[test]
fn a_listing_is_for_people_too_and_tells_what_is_covered() {
    let Some(desk) = desk("name") else { return };
    let list = "ambit medium list {dir}/disk.img --i-may-see-names --case {case} {examiner} --format";
    let lines = desk.run(&format!("{list} lines")).exits(0);
    assert!(lines.out.starts_with("# gpt:1: ext4 ("), "{lines}");
    let gate = lines.out.lines().find(|line| line.ends_with("\t/opt/panel/gate.php")).expect("the panel");
    let cells: Vec<&str> = gate.split('\t').map(str::trim).collect();
    assert_eq!((cells[0], cells[1]), ("file", "19"), "{gate}");
    assert!(cells[2].starts_with("20") && cells[2].ends_with('Z'), "{gate}");
    lines.says("inodes in use by the inode bitmaps: ").says("counted by the file system: all were seen");

    let body = desk.run(&format!("{list} bodyfile")).exits(0);
    let gate = body.out.lines().find(|line| line.contains("gate.php")).expect("the panel");
    assert!(
        gate.starts_with("0|/opt/panel/gate.php|") && gate.contains("|r/rrw-") && gate.contains("|19|"),
        "{gate}"
    );
    assert_eq!(gate.split('|').count(), 11);

    // A name is swallowed by its neighbour, and the counters stay: both say so, and neither ends well.
    let count = "ambit medium info {dir}/disk.img --count";
    let whole = desk.run(count).exits(0);
    assert!(whole.out.contains("walked: ") && whole.out.contains(": all were seen"), "{whole}");
    assert!(!whole.to_string().contains("gate"), "{whole}");
    let ext = desk.path("ext.img");
    made_by("debugfs", &["-w", "-R", "unlink /opt/panel/gate.php", ext.to_str().unwrap()]);
    let mut image = File::options().write(true).open(desk.path("disk.img")).unwrap();
    image.seek(SeekFrom::Start(MIB)).unwrap();
    image.write_all(&fs::read(&ext).unwrap()).unwrap();
    let ran = desk.run(count).exits(3);
    assert!(ran.out.contains("counted by the file system: DIFFERS"), "{ran}");
    ran.says("were seen, the medium itself counts");
    let value = desk.run(&format!("{count} --json")).exits(3).json();
    let coverage = value["volumes"][0]["counted"]["coverage"].as_array().unwrap();
    assert!(coverage.iter().any(|line| line["seen"] != line["stated"]), "{value}");
    desk.run(&format!("{list} lines")).exits(3).says("were seen, the medium itself counts");
}
