//! A block device with bad sectors, from capture to audit: exactly these are missing, and the record says which.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::fs;
use std::io::Error;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use custody::Disk;
use custody::durable::{Op, Step};
use scenarios::failing::{Device, device, is_here};
use scenarios::hazard::run_on;
use scenarios::reading::{acquisition, files_below, ledger};
use scenarios::story::Desk;
use scope::Digest;
use serde_json::{Value, json};

const FSUUID: &str = "4b433037-2011-4316-8000-0000000000bb";

fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from(state >> 56).unwrap()
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Where a sector of a file stands on the image.
fn place(image: &[u8], file: &[u8], sector: usize) -> Range<usize> {
    let wanted = &file[sector * 512..][..512];
    let at = image.chunks_exact(512).position(|chunk| chunk == wanted).unwrap() * 512;
    at..at + 512
}

/// A case with an approved policy for a file system that holds a captured file of noise and another one: its image, and the noise.
fn exhibit() -> (Desk, Vec<u8>, Vec<u8>) {
    let desk = Desk::with_open_case();
    let target = format!("media = [{{ label = \"KC07\", fsuuid = \"{FSUUID}\" }}]");
    desk.policy_with(&[("media ", &target)]);
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    let (tree, image) = (desk.path("tree"), desk.path("disk.img"));
    fs::create_dir_all(tree.join("opt/panel")).unwrap();
    let damaged = noise(300 * 512);
    fs::write(tree.join("opt/panel/dump.bin"), &damaged).unwrap();
    fs::write(tree.join("opt/panel/gate.php"), "<?php // the panel\n").unwrap();
    let made = Command::new("mke2fs")
        .args(["-q", "-t", "ext4", "-U", FSUUID, "-d"])
        .args([tree.as_os_str(), image.as_os_str(), "8M".as_ref()])
        .status();
    assert!(made.unwrap().success());
    let bytes = fs::read(&image).unwrap();
    (desk, bytes, damaged)
}

/// The object of which the medium did not give all.
fn partial_object(desk: &Desk, size: u64) -> evidence::item::ObjectValue {
    let records = ledger(&desk.path("out.ambit"), &desk.demo.path("keys/auditor.age"));
    let objects = records.values().filter_map(|parts| parts.object.clone());
    objects.into_iter().find(|object| object.size == size && !object.unreadable.is_empty()).unwrap()
}

const AUDIT: &str = "ambit-verify audit {dir}/out.ambit --trust {trust} --identity {keys}/auditor.age";

#[test]
fn of_a_device_with_bad_sectors_everything_else_is_captured_and_the_record_says_which() {
    if !["mke2fs", "nbdkit", "nbdfuse", "losetup", "fusermount3"].into_iter().all(is_here) {
        return;
    }
    let (desk, mut bytes, damaged) = exhibit();
    let image = desk.path("disk.img");
    let sectors = [1, 2, 77, 299];
    let bad = sectors.map(|sector| place(&bytes, &damaged, sector));
    let more = [bad.as_slice(), &[place(&bytes, &damaged, 200)]].concat();
    let Some(device) = device(&desk.path("device"), &image, &bad) else { return };

    let capture = format!(
        "ambit capture --policy {{dir}}/policy --medium {} --case {{case}} --trust {{trust}} {{both}} --digest-medium \
         --out {{dir}}/out.ambit",
        device.path.display()
    );
    let ran = desk.run(&capture).exits(3);
    assert!(ran.out.contains("WARNING: some content of 1 kept items could not be read"), "{ran}");
    assert!(ran.out.contains("2048 bytes of the medium in 3 ranges could not be read"), "{ran}");

    // The object: exactly these sectors, and zeros in their places alone.
    let mut expected = damaged.clone();
    sectors.iter().for_each(|sector| expected[sector * 512..][..512].fill(0));
    let object = partial_object(&desk, damaged.len() as u64);
    assert_eq!(object.unreadable, [(512, 1536), (77 * 512, 78 * 512), (299 * 512, 300 * 512)]);
    assert_eq!(object.sha256, Digest::of(&expected));
    assert!(object.trouble.as_ref().unwrap().starts_with("cannot read 512 bytes at "), "{object:?}");
    desk.run("ambit open {dir}/out.ambit --trust {trust} --identity {keys}/case-team.age --set captured --out {dir}/opened")
        .exits(0);
    let opened = files_below(&desk.path("opened"));
    assert!(opened.values().any(|content| *content == expected), "{:?}", opened.keys());

    // The log: the medium's ranges, and no digest that would pass for the medium's.
    let events = files_below(&desk.path("case/custody"));
    let events = events.into_iter().filter(|(name, _)| name.ends_with("event.json"));
    let events: Vec<Value> = events.map(|(_, bytes)| serde_json::from_slice(&bytes).unwrap()).collect();
    let end = &events.iter().find(|event| event["action"]["kind"] == "acquisition.end").unwrap()["action"];
    bad.iter().for_each(|range| bytes[range.clone()].fill(0));
    let mut first: Vec<_> = bad.iter().map(|range| (range.start, range.end)).collect();
    first.sort_unstable();
    first.dedup_by(|next, last| {
        next.0 == last.1 && {
            last.1 = next.1;
            true
        }
    });
    let first: Vec<_> = first.iter().map(|(from, to)| json!({"drive": 1, "from": from, "to": to})).collect();
    assert_eq!(end["medium_sha256"], Value::Null);
    assert_eq!(
        end["medium_unreadable"],
        json!({"ranges": 3, "bytes": 2048, "first": first, "sha256_with_zeros": Digest::of(&bytes).to_string()})
    );

    let verify = "ambit-verify {dir}/out.ambit --trust {trust}";
    let ran = desk.run(verify).exits(0);
    assert!(
        ran.out.contains("INTACT") && ran.out.contains("some content of 1 items could not be read"),
        "{ran}"
    );
    let ran = desk.run(AUDIT).exits(0);
    assert!(ran.out.contains("FOLLOWED") && !ran.out.contains("NOT FOLLOWED"), "{ran}");

    // The same drive again: what it gives is compared, and is all that the package has.
    let against = |device: &Device| format!("{AUDIT} --against {}", device.path.display());
    let ran = desk.run(&against(&device)).exits(0);
    assert!(ran.out.contains("MATCHED") && !ran.out.contains("NOT MATCHED"), "{ran}");
    assert!(ran.out.contains("1 of them are partial") && !ran.out.contains("not compared:"), "{ran}");
    // It has lost a sector since: that item alone is not compared, and is named with the place.
    drop(device);
    let Some(worse) = scenarios::failing::device(&desk.path("worse"), &image, &more) else { return };
    let ran = desk.run(&against(&worse)).exits(1);
    let words = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words.matches("not compared: ext4:").count(), 1, "{ran}");
    assert!(words.contains("its bytes 102400-102912 cannot be read today"), "{ran}");
    assert!(!ran.out.contains("NOT MATCHED"), "{ran}");
}

#[test]
fn what_a_broken_off_run_could_not_read_is_told_by_the_one_that_goes_on() {
    if !["mke2fs", "nbdkit", "nbdfuse", "losetup", "fusermount3"].into_iter().all(is_here) {
        return;
    }
    let (desk, bytes, damaged) = exhibit();
    let bad = [1, 77].map(|sector| place(&bytes, &damaged, sector));
    let Some(device) = device(&desk.path("device"), &desk.path("disk.img"), &bad) else { return };
    let capture = format!(
        "ambit capture --policy {{dir}}/policy --medium {} --case {{case}} --trust {{trust}} {{both}} --progress off --jobs 1 \
         --part-size 100000 --out {{dir}}/out.ambit",
        device.path.display()
    );
    // The first batch is committed, and the destination fails: what is resumed reads none of its items again.
    let journal = desk.path("out.ambit.partial/.work/journal.jsonl");
    let failing = Disk::watched(Arc::new(move |step: &Step<'_>| {
        let lines = fs::read_to_string(&journal).map_or(0, |text| text.lines().count());
        let is_part = step.op == Op::Write && step.path.to_string_lossy().contains("/data/");
        if is_part && lines > 1 { Err(Error::from_raw_os_error(5)) } else { Ok(usize::MAX) }
    }));
    let ran = run_on(failing, &desk.words(&capture)).exits(1);
    assert!(ran.err.contains("--resume"), "{ran}");
    let ran = desk.run(&format!("{capture} --resume")).exits(3);
    assert!(ran.out.contains("1024 bytes of the medium in 2 ranges could not be read"), "{ran}");
    let limits = acquisition(&desk.path("out.ambit")).limits;
    assert!(
        limits.contains(&"1024 bytes of the medium in 2 ranges could not be read".to_owned()),
        "{limits:?}"
    );
}

#[test]
fn what_the_maker_of_an_e01_could_not_read_is_missing_and_told() {
    let programs = ["mke2fs", "nbdkit", "nbdfuse", "losetup", "fusermount3", "ewfacquire", "ewfinfo"];
    if !programs.into_iter().all(is_here) {
        return;
    }
    let (desk, bytes, damaged) = exhibit();
    let Some(device) = device(&desk.path("device"), &desk.path("disk.img"), &[place(&bytes, &damaged, 150)])
    else {
        return;
    };
    let acquired = Command::new("ewfacquire")
        .args(["-u", "-q", "-r", "0", "-f", "encase6", "-t"])
        .args([desk.path("copy").as_os_str(), device.path.as_os_str()])
        .stdout(Stdio::null())
        .status();
    assert!(acquired.unwrap().success());
    drop(device);
    // `at sector(s): 64 - 127 number: 64 (...)`: more than the sector that failed, since whole blocks are given up.
    let said = Command::new("ewfinfo").arg(desk.path("copy.E01")).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let numbers = |line: &str| {
        let words: Vec<usize> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        (words[0] * 512, (words[0] + words[2]) * 512)
    };
    let filled: Vec<(usize, usize)> = said
        .lines()
        .filter_map(|line| line.split_once("at sector(s):"))
        .map(|(_, rest)| numbers(rest))
        .collect();
    assert_eq!(filled.len(), 1, "{said}");
    let (from, to) = filled[0];

    let mut expected = damaged.clone();
    let mut missing = Vec::new();
    for (sector, content) in expected.chunks_mut(512).enumerate() {
        let at = place(&bytes, &damaged, sector).start;
        if (from..to).contains(&at) {
            content.fill(0);
            missing.push(sector as u64 * 512);
        }
    }
    let missing = (missing[0], missing[missing.len() - 1] + 512);
    assert!(missing.1 - missing.0 >= 512);
    let ran = desk.run("ambit medium info {dir}/copy.E01").exits(0);
    assert!(ran.out.contains(&format!("unreadable     {} bytes in 1 ranges", to - from)), "{ran}");
    let ran = desk.run("ambit medium info {dir}/copy.E01 --digest");
    assert!(
        ran.out.contains("sha256         none:") && ran.out.contains("by the maker of the image"),
        "{ran}"
    );
    assert!(ran.out.contains("as the image states, and as computed"), "{ran}");
    let capture = "ambit capture --policy {dir}/policy --medium {dir}/copy.E01 --case {case} --trust {trust} {both} --digest-medium \
                   --out {dir}/out.ambit";
    let ran = desk.run(capture).exits(3);
    // Whole blocks are given up, so that another file can be hit as well.
    assert!(ran.out.contains("kept items could not be read; the record lists the ranges"), "{ran}");
    let object = partial_object(&desk, damaged.len() as u64);
    assert_eq!(object.unreadable, [missing]);
    assert_eq!(object.sha256, Digest::of(&expected));
    assert!(
        object.trouble.as_ref().unwrap().contains("the maker of the image could not read it"),
        "{object:?}"
    );
    let ran = desk.run(&format!("{AUDIT} --against {{dir}}/copy.E01")).exits(0);
    assert!(ran.out.contains("MATCHED") && !ran.out.contains("NOT MATCHED"), "{ran}");
}

#[test]
fn an_item_of_which_the_name_alone_could_be_read_is_counted_and_told() {
    if !["mke2fs", "debugfs"].into_iter().all(is_here) {
        return;
    }
    let (desk, ..) = exhibit();
    let cleared = Command::new("debugfs")
        .args(["-w", "-R", "clri /opt/panel/dump.bin"])
        .arg(desk.path("disk.img"))
        .output();
    assert!(cleared.unwrap().status.success());
    let capture = "ambit capture --policy {dir}/policy --medium {dir}/disk.img --case {case} --trust {trust} {both} \
                   --out {dir}/out.ambit";
    // Whoever reads exit codes alone stops: had it been a folder, all that is in it would be in no number.
    let ran = desk
        .run(capture)
        .exits(3)
        .prints("WARNING: this medium is not whole: 1 places of the medium could not be walked");
    assert!(ran.out.contains("some content of 1 kept items could not be read"), "{ran}");
    let ran = desk
        .run("ambit open {dir}/out.ambit --trust {trust} --identity {keys}/case-team.age --set captured --out {dir}/opened")
        .exits(0);
    assert!(ran.out.contains("WARNING: of 1 items not all could be read"), "{ran}");
    let items = fs::read_to_string(desk.path("opened/items.tsv")).unwrap();
    let row = |name: &str| {
        let line = items.lines().find(|line| line.ends_with(name)).unwrap_or_else(|| panic!("{items}"));
        line.split('\t').skip(2).take(3).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(row("/opt/panel/dump.bin"), ["-", "-", "unread"]);
    assert_eq!(row("/opt/panel/gate.php")[2], "complete");
    desk.run(AUDIT).exits(0);
}

/// What debugfs says to one request.
fn debugfs(image: &Path, request: &str) -> String {
    let said = Command::new("debugfs").args(["-w", "-R", request]).arg(image).output().unwrap();
    assert!(said.status.success(), "{request}");
    String::from_utf8(said.stdout).unwrap()
}

#[test]
fn against_a_better_image_what_the_record_says_it_could_not_read_is_counted_and_no_difference() {
    let programs = ["mke2fs", "debugfs", "nbdkit", "nbdfuse", "losetup", "fusermount3", "tar", "gzip"];
    if !programs.into_iter().all(is_here) {
        return;
    }
    let desk = Desk::with_open_case();
    let target = format!(
        "containers = {{ open = [\"gzip\", \"tar\"], max_depth = 3 }}\nmedia = [{{ label = \"KC07\", fsuuid = \"{FSUUID}\" }}]"
    );
    desk.policy_with(&[("media ", &target)]);
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    let (tree, image) = (desk.path("tree"), desk.path("disk.img"));
    for (folder, files) in [("read", 3), ("torn", 40), ("nodes", 8)] {
        fs::create_dir_all(tree.join("opt/panel").join(folder)).unwrap();
        for number in 0..files {
            let file = tree.join(format!("opt/panel/{folder}/file-{number}.php"));
            fs::write(file, format!("<?php // {folder} {number}\n")).unwrap();
        }
    }
    fs::write(tree.join("opt/panel/noise.bin"), noise(40 * 512)).unwrap();
    let archive = tree.join("opt/panel/box.tar.gz");
    let made = Command::new("tar").arg("-C").arg(&tree).arg("-czf").arg(desk.path("box")).arg("opt").status();
    assert!(made.unwrap().success());
    fs::rename(desk.path("box"), &archive).unwrap();
    let packed = fs::read(&archive).unwrap();
    let made = Command::new("mke2fs")
        .args(["-q", "-t", "ext4", "-b", "1024", "-U", FSUUID, "-d"])
        .args([tree.as_os_str(), image.as_os_str(), "8M".as_ref()])
        .status();
    assert!(made.unwrap().success());
    let bytes = fs::read(&image).unwrap();
    let block = |path: &str| {
        let blocks = debugfs(&image, &format!("blocks {path}"));
        let last: usize = blocks.split_whitespace().last().unwrap().parse().unwrap();
        last * 1024..last * 1024 + 512
    };
    // `... located at block 131, offset 0x0200`
    let said = debugfs(&image, "imap /opt/panel/nodes/file-3.php");
    let words: Vec<&str> = said.split_whitespace().collect();
    let behind =
        |word: &str| words[words.iter().rposition(|own| *own == word).unwrap() + 1].trim_end_matches(',');
    let offset = usize::from_str_radix(behind("offset").trim_start_matches("0x"), 16).unwrap();
    let node = (behind("block").parse::<usize>().unwrap() * 1024 + offset) / 512 * 512;
    let bad = [block("/opt/panel/torn"), node..node + 512, place(&bytes, &packed, packed.len() / 1024)];

    let Some(device) = device(&desk.path("device"), &image, &bad) else { return };
    let capture = format!(
        "ambit capture --policy {{dir}}/policy --medium {} --case {{case}} --trust {{trust}} {{both}} --out {{dir}}/out.ambit",
        device.path.display()
    );
    desk.run(&capture).exits(3);
    let same = desk.run(&format!("{AUDIT} --against {}", device.path.display())).exits(0);
    assert!(same.out.contains("MATCHED") && !same.out.contains("not compared: ext4:"), "{same}");
    drop(device);
    let against = format!("{AUDIT} --against {{dir}}/disk.img");
    // Of the files that the record lost nobody can say that they agree.
    let better = desk.run(&against).exits(1);
    assert!(better.out.contains("MATCHED: not checked") && !better.out.contains("NOT MATCHED"), "{better}");
    let words = better.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("the record has nothing of them"), "{better}");
    let words = better.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("not all names in it could be read then"), "{better}");
    assert!(words.contains("it is in an archive that could not be read then"), "{better}");
    assert!(
        words.contains("the record itself says that they could not be read when it was made"),
        "{better}"
    );
    let counted = words.matches("not compared: ext4:").count();
    assert!(words.contains(&format!("{counted} items were not compared, or not in all")), "{better}");

    // One more file where the record has nothing to excuse it: beside the folder, in one that was read, and in the archive's.
    fs::write(desk.path("php"), "<?php // omitted\n").unwrap();
    let php = desk.path("php").display().to_string();
    for omitted in ["/opt/panel/omitted.php", "/opt/panel/read/omitted.php", "/opt/panel/torn/excused.php"] {
        debugfs(&image, &format!("write {php} {omitted}"));
    }
    let ran = desk.run(&against).exits(2);
    assert!(ran.out.contains("NOT MATCHED"), "{ran}");
    let missing: Vec<&str> = ran.out.lines().filter(|line| line.contains("not in the ledger")).collect();
    assert_eq!(missing.len(), 2, "{ran}");
}

/// What a record states is compared, though it says that other facts of the item could not be read: whoever makes a copy with another
/// time needs no more than a bad sector, or the claim of one.
#[test]
fn what_is_stated_of_an_item_that_could_not_be_read_in_all_is_compared_with_a_better_image() {
    let programs = ["mke2fs", "debugfs", "nbdkit", "nbdfuse", "losetup", "fusermount3"];
    if !programs.into_iter().all(is_here) {
        return;
    }
    let gate = "/opt/panel/gate.php";
    // Of the medium that is captured the block of the file's extended attributes cannot be read; the original is whole.
    let audited = |changes: &[&str]| {
        let (desk, ..) = exhibit();
        let (image, copy) = (desk.path("disk.img"), desk.path("copy.img"));
        fs::write(desk.path("value"), noise(700)).unwrap();
        debugfs(&image, &format!("ea_set -f {} {gate} user.note", desk.path("value").display()));
        fs::copy(&image, &copy).unwrap();
        changes.iter().for_each(|change| _ = debugfs(&copy, change));
        let said = debugfs(&image, &format!("stat {gate}"));
        let words: Vec<&str> = said.split_whitespace().collect();
        let at = words.windows(2).position(|pair| pair == ["File", "ACL:"]).unwrap();
        let start = words[at + 2].parse::<usize>().unwrap() * block_size(&image);
        let bad = start..start + 512;
        let device = device(&desk.path("device"), &copy, std::slice::from_ref(&bad))?;
        let capture = format!(
            "ambit capture --policy {{dir}}/policy --medium {} --case {{case}} --trust {{trust}} {{both}} --out {{dir}}/out.ambit",
            device.path.display()
        );
        desk.run(&capture).exits(3).prints("1 places of the medium could not be walked");
        Some(desk.run(&format!("{AUDIT} --against {{dir}}/disk.img")))
    };
    let Some(ran) = audited(&[]) else { return };
    let ran = ran.exits(0);
    let words = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("MATCHED") && !words.contains("NOT MATCHED"), "{ran}");
    assert!(words.contains("not all of it could be read then"), "{ran}");
    let changes = [format!("sif {gate} mtime 20250601"), format!("sif {gate} uid 1234")];
    let ran = audited(&changes.each_ref().map(String::as_str)).unwrap().exits(2);
    assert!(ran.out.contains("NOT MATCHED") && ran.out.contains("time modified, uid"), "{ran}");
}

fn block_size(image: &Path) -> usize {
    let said = debugfs(image, "show_super_stats -h");
    let line = said.lines().find(|line| line.starts_with("Block size:")).unwrap();
    line.split_whitespace().last().unwrap().parse().unwrap()
}
