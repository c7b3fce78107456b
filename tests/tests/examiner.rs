//! What an examiner meets on a bad night: a cut image, the wrong medium, a misspelt path, a key that is none.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::fs::{self, File};
use std::io::IsTerminal as _;
use std::process::Command;

use scenarios::reading::acquisition;
use scenarios::story::{Desk, run};

const CAPTURE: &str = "ambit capture {what} {both} --out {dir}/KC07.ambit";

/// An ext4 file system of some MiB, with one file of that name.
fn image(desk: &Desk, name: &str, file: &str, size: &str) {
    let tree = desk.path("tree");
    fs::create_dir_all(&tree).unwrap();
    fs::write(tree.join(file), "somebody's letter\n").unwrap();
    let to = desk.path(name);
    let words = ["-q", "-F", "-t", "ext4", "-d", tree.to_str().unwrap(), to.to_str().unwrap(), size];
    assert!(Command::new("mke2fs").args(words).status().expect("mke2fs is in e2fsprogs").success());
}

#[test]
fn nothing_begins_where_nobody_can_be_asked_before_the_seal() {
    if std::io::stdin().is_terminal() {
        println!("did not run: there is a terminal, at which the capture would ask");
        return;
    }
    let desk = Desk::with_case();
    let events = || fs::read_dir(desk.path("case/custody")).unwrap().count();
    let before = events();
    let words = "ambit capture --policy {policy} --medium {medium} --case {case} --trust {trust} \
                 --sign-as examiner={keys}/examiner --sign-as witness={keys}/witness --out {dir}/KC07.ambit";
    let ran = run(words.split_whitespace().map(|word| desk.fill(word)));
    ran.exits(1).says("standard input is no terminal").says("--yes");
    assert_eq!(events(), before, "something was signed");
    assert!(!desk.path("KC07.ambit").exists());
}

#[test]
fn a_cut_image_is_told_before_and_after_and_in_the_record() {
    let desk = Desk::with_open_case();
    image(&desk, "whole.img", "letter", "8M");
    fs::copy(desk.path("whole.img"), desk.path("cut.img")).unwrap();
    File::options().write(true).open(desk.path("cut.img")).unwrap().set_len(6 << 20).unwrap();
    let info = desk.run("ambit medium info {dir}/whole.img --json").exits(0).json();
    let uuid = info["ids"][0]["value"].as_str().unwrap().to_owned();
    let media = format!("media = [{{ label = \"KC07\", fsuuid = \"{uuid}\" }}]");
    desk.policy_with(&[("media ", &media)]);
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    let what = "--policy {dir}/policy --medium {dir}/cut.img --case {case}";
    let cut = "cut short: its file system claims 8388608 bytes, of which 6291456 are there";
    let warning = format!("WARNING: this medium is not whole: {cut}");

    let ran = desk.run("ambit medium info {dir}/cut.img").exits(3);
    assert!(ran.out.starts_with("WARNING: this medium is not whole"), "{ran}");
    let ran = desk.run(&format!("ambit plan {what} {{examiner}}")).exits(0);
    ran.says(&format!("WARNING: {cut}")).prints(&warning);
    let html =
        desk.run(&format!("ambit plan {what} {{examiner}} --html {{dir}}/cut.html --json")).exits(0).json();
    assert!(html["limits"].to_string().contains(cut), "{html}");
    let page = fs::read_to_string(desk.path("cut.html")).unwrap();
    assert!(page.contains(&format!("This medium is not whole: {cut}")), "{page}");
    let ran = desk.run(&format!("ambit capture {what} --trust {{trust}} {{both}} --out {{dir}}/cut.ambit"));
    ran.exits(3).says(&format!("WARNING: {cut}")).prints(&warning);
    let limits = acquisition(&desk.path("cut.ambit")).limits;
    assert!(limits.iter().any(|limit| limit == cut), "{limits:?}");
    let report = desk.run("ambit-verify {dir}/cut.ambit --trust {trust} --json").exits(0).json();
    assert!(report["limits"].as_array().unwrap().iter().any(|limit| limit == cut), "{report}");

    // Of the whole image nothing of the kind is said.
    let ran = desk.run(&format!("ambit plan {} {{examiner}}", what.replace("cut.img", "whole.img"))).exits(0);
    assert!(!ran.to_string().contains("not whole") && !ran.to_string().contains("WARNING"), "{ran}");
}

#[test]
fn of_another_medium_no_name_is_told() {
    let desk = Desk::new();
    image(&desk, "other.img", "letter-to-a-stranger", "8M");
    let audit = "ambit-verify audit {package} --trust {trust} --identity {keys}/auditor.age --against";
    // Another length; then the same length, and another identity.
    for length in [None, Some(fs_len(&desk))] {
        if let Some(length) = length {
            File::options().write(true).open(desk.path("other.img")).unwrap().set_len(length).unwrap();
        }
        let ran = desk.run(&format!("{audit} {{dir}}/other.img")).exits(2);
        assert!(ran.out.contains("NOT MATCHED") && ran.out.contains("another medium: it has"), "{ran}");
        let said: String = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("NOT MATCHED: what was given as the original is another medium than the one that was acquired: it has"), "{ran}");
        assert!(!said.contains("it is not so that the record agrees"), "{ran}");
        let told = ran.to_string();
        assert!(!told.contains("stranger") && !told.contains("lost+found"), "{told}");
        let report = desk.run(&format!("{audit} {{dir}}/other.img --json")).exits(2).json();
        assert_eq!(report["findings"].as_array().unwrap().len(), 1, "{report}");
    }
}

/// The length of the demo's disk.
fn fs_len(desk: &Desk) -> u64 {
    desk.run("ambit medium info {medium} --json").exits(0).json()["bytes"].as_u64().unwrap()
}

#[test]
fn a_path_that_fits_nothing_is_named_beside_others_that_do() {
    let desk = Desk::with_open_case();
    let paths =
        "path  = [\"/var/www/vhosts/cust4417.example/**\", \"/var/wwww/vhosts/**\", \"/opt/panel/**\"]";
    desk.policy_with(&[("path  = [\"/var/www/vhosts/cust4417.example/**\"", paths)]);
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    let what =
        CAPTURE.replace("{what}", "--policy {dir}/policy --medium {medium} --case {case} --trust {trust}");
    let plan = "ambit plan --policy {dir}/policy --medium {medium} --case {case} {examiner}";
    let ran = desk.run(plan).exits(0);
    assert!(ran.out.contains("note: path /var/wwww/vhosts/** of selector"), "{ran}");
    assert!(!ran.out.contains("path /opt/panel/** of"), "{ran}");
    let ran = desk.run(&what).exits(0);
    assert!(ran.out.contains("path /var/wwww/vhosts/** of selector"), "{ran}");
    // Whoever has no key must not learn which paths of the policy there are.
    let sealed = std::fs::read_to_string(desk.path("KC07.ambit/meta/acquisition.json")).unwrap();
    assert!(!sealed.contains("/var/wwww") && !sealed.contains("fits no item"), "{sealed}");
}

#[test]
fn the_digest_of_the_medium_is_printed() {
    let desk = Desk::with_case();
    let ran = desk.run(&format!("{CAPTURE} --digest-medium")).exits(0);
    let digest = acquisition(&desk.path("KC07.ambit"))
        .medium
        .ids
        .into_iter()
        .find(|id| id.kind == "image_sha256")
        .expect("the medium's digest")
        .value;
    ran.says(&digest).prints(&format!("before and after: {digest}"));
}

#[test]
fn every_refusal_says_what_to_do_next() {
    let desk = Desk::with_case();
    fs::write(desk.path("list"), "not a key").unwrap();
    desk.policy_with(&[(
        "media ",
        "unread_volumes = \"keep\"\nmedia = [{ label = \"KC07\", serial = \"X\" }]",
    )]);
    fs::create_dir(desk.path("other")).unwrap();
    fs::copy(desk.demo.path("policy/policy.toml"), desk.path("other/policy.toml")).unwrap();
    for (command, says) in [
        (
            "plan --policy {policy} --medium {dir}/none.E01 --case {case} {examiner}",
            "give the path of an image",
        ),
        ("medium info {dir}/none.E01", "give the path of an image"),
        ("plan --policy {policy} --medium {medium} --case {dir}/nocase {examiner}", "give --case DIR"),
        (
            "plan --policy {policy} --medium {medium} --case {case} --sign-as examiner={dir}/nokey",
            "ambit key new",
        ),
        ("plan --policy {dir} --medium {medium} --case {case} {examiner}", "policy.toml in it"),
        ("trust show {dir}/none", "give the trust file"),
        ("trust show {policy}/policy.toml", "is this the trust file, and not the policy?"),
        ("policy approve {policy} --case {case} {officer}", "go on with `ambit plan`"),
        ("policy check {dir}/policy", "or \"preserve\" to have them kept whole"),
        (
            "case new {case} --trust {trust} --medium-label KC07 --log-key {keys}/log {examiner}",
            "give another name",
        ),
        (
            "open {package} --trust {trust} --identity {keys}/examiner --set captured --out {dir}/o",
            "give an age identity",
        ),
        (
            "open {package} --trust {trust} --identity {keys}/case-team.age --set kept --out {dir}/o",
            "the sets captured, held:neutral",
        ),
        (
            "open {package} --trust {trust} --identity {keys}/case-team.age --set captured --out {dir}/policy",
            "another --out",
        ),
        ("sign {package} --trust {trust} --case {case} {witness}", "hint: "),
    ] {
        let ran = desk.run(&format!("ambit {command}"));
        assert!(ran.exit == 1 || ran.exit == 2, "{ran}");
        let hint = ran.err.split("hint: ").skip(1).collect::<Vec<_>>().join(" ");
        assert!(hint.contains(says) || says == "hint: " && !hint.is_empty(), "`{says}`: {ran}");
    }
    // An amended policy does not take the place of the one that was approved.
    let mut policy = fs::read_to_string(desk.path("other/policy.toml")).unwrap();
    policy = policy.replacen("version = ", "version = 1", 1);
    fs::write(desk.path("other/policy.toml"), policy).unwrap();
    for list in
        fs::read_dir(desk.demo.path("policy")).unwrap().map(Result::unwrap).filter(|f| f.path().is_dir())
    {
        for file in fs::read_dir(list.path()).unwrap().map(Result::unwrap) {
            fs::create_dir_all(desk.path("other").join(list.file_name())).unwrap();
            fs::copy(file.path(), desk.path("other").join(list.file_name()).join(file.file_name())).unwrap();
        }
    }
    let ran = desk.run("ambit policy approve {dir}/other --case {case} {officer}").exits(1);
    ran.says("has another approved policy").says("ambit case new NEWFOLDER");
}

#[test]
fn each_drive_of_a_set_has_a_digest_before_and_after() {
    let desk = Desk::with_open_case();
    image(&desk, "a.img", "letter", "8M");
    image(&desk, "b.img", "other-letter", "6M");
    let sha = |name: &str| scope::Digest::of(&fs::read(desk.path(name)).unwrap());
    let (a, b) = (sha("a.img"), sha("b.img"));
    let info = desk.run("ambit medium info {dir}/a.img {dir}/b.img --digest").exits(0);
    for line in [format!("sha256 drive 1 {}", a.hex()), format!("sha256 drive 2 {}", b.hex())] {
        assert!(info.out.contains(&line), "{line}: {info}");
    }
    let info = desk.run("ambit medium info {dir}/a.img {dir}/b.img --digest --json").exits(0).json();
    assert_eq!(info["drives"][1]["sha256"], b.to_string());

    let uuid = desk.run("ambit medium info {dir}/a.img --json").exits(0).json()["ids"][0]["value"].clone();
    let media = format!("media = [{{ label = \"KC07\", fsuuid = {uuid} }}]");
    desk.policy_with(&[("media ", &media)]);
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    let what = "--policy {dir}/policy --medium {dir}/a.img --medium {dir}/b.img --case {case} --trust {trust} --digest-medium";
    let ran = desk.run(&format!("ambit capture {what} {{both}} --out {{dir}}/set.ambit")).exits(0);
    assert!(ran.out.contains(&format!("SHA-256 of drive 2, after: {}", b.hex())), "{ran}");
    let ids = acquisition(&desk.path("set.ambit")).medium.ids;
    let of_drives: Vec<&str> =
        ids.iter().filter(|id| id.kind == "drive_sha256").map(|id| id.value.as_str()).collect();
    let mut both = [a.hex(), b.hex()];
    both.sort();
    assert_eq!(of_drives, both);
    let log = fs::read_dir(desk.path("case/custody")).unwrap().flatten();
    let ended = log
        .map(|entry| fs::read_to_string(entry.path().join("event.json")).unwrap_or_default())
        .find(|event| event.contains("acquisition.end"))
        .unwrap();
    let event: serde_json::Value = serde_json::from_str(&ended).unwrap();
    assert_eq!(event["action"]["drive_sha256"], serde_json::json!([a, b]), "{ended}");

    let audit = "ambit-verify audit {dir}/set.ambit --trust {trust} --identity {keys}/auditor.age --against";
    let ran = desk.run(&format!("{audit} {{dir}}/a.img --against {{dir}}/b.img")).exits(0);
    assert!(ran.out.contains("MATCHED") && !ran.out.contains("NOT MATCHED"), "{ran}");
    // One byte of the drive that no item is on is a difference.
    let mut bytes = fs::read(desk.path("b.img")).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(desk.path("b.img"), bytes).unwrap();
    let ran = desk.run(&format!("{audit} {{dir}}/a.img --against {{dir}}/b.img")).exits(2);
    assert!(ran.out.contains("NOT MATCHED") && ran.out.contains("the medium has the drive_sha256"), "{ran}");
}

#[test]
fn that_a_disk_is_wiped_is_on_the_record_and_it_can_be_preserved() {
    let desk = Desk::with_open_case();
    File::create_new(desk.path("wiped.img")).unwrap().set_len(2 << 20).unwrap();
    let media = "media = [{ label = \"KC07\", asset_tag = \"KC-07\" }]\nunread_volumes = \"preserve\"";
    desk.policy_with(&[("media ", media)]);
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    let what = "--policy {dir}/policy --medium {dir}/wiped.img --case {case} --asset-tag KC-07";
    let ran = desk.run(&format!("ambit plan {what} {{examiner}}")).exits(2);
    assert!(ran.out.contains("warning: in no count: the medium"), "{ran}");
    let events = |kind: &str| {
        let log = fs::read_dir(desk.path("case/custody")).unwrap().flatten();
        log.filter(|entry| {
            fs::read_to_string(entry.path().join("event.json")).is_ok_and(|event| event.contains(kind))
        })
        .count()
    };
    assert_eq!(events("\"purpose\": \"plan\""), 1);
    let ran = desk
        .run(&format!("ambit capture {what} --trust {{trust}} {{both}} --out {{dir}}/files.ambit"))
        .exits(2);
    ran.says("the medium, 2097152 bytes, is").says("ambit image --to court");
    assert_eq!((events("\"purpose\": \"capture\""), events("acquisition.start")), (1, 0));
    assert!(!desk.path("files.ambit").exists() && !desk.path("files.ambit.partial").exists());
    desk.run(&format!("ambit image --to court {what} --trust {{trust}} {{both}} --out {{dir}}/all.ambit"))
        .exits(3);
}

#[test]
fn a_refusal_names_the_option_that_would_have_helped() {
    let desk = Desk::with_open_case();
    image(&desk, "disk.img", "letter", "8M");
    let digest = scope::Digest::of(&fs::read(desk.path("disk.img")).unwrap()).hex();
    let media = format!("media = [{{ label = \"KC07\", image_sha256 = \"{digest}\" }}]");
    desk.policy_with(&[("media ", &media)]);
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    let plan = "ambit plan --policy {dir}/policy --case {case} {examiner} --medium";
    desk.run(&format!("{plan} {{dir}}/disk.img")).exits(2).says("give --digest-medium");
    desk.run(&format!("{plan} {{dir}}/disk.img --digest-medium")).exits(0);
    let mounted = desk.run(&format!("{plan} {{dir}}/tree --writable-source test")).exits(2);
    mounted.says("give the image or the device itself");
}

#[test]
fn names_in_a_medium_are_shown_to_those_who_may_see_them() {
    let desk = Desk::with_open_case();
    image(&desk, "disk.img", "letter", "8M");
    let mut file = File::options().write(true).open(desk.path("disk.img")).unwrap();
    // The label of an ext file system, 120 bytes into its superblock.
    std::os::unix::fs::FileExt::write_all_at(&file, b"kunden\x1b", 1144).unwrap();
    std::io::Write::flush(&mut file).unwrap();
    let hidden = desk.run("ambit medium info {dir}/disk.img").exits(0);
    assert!(!hidden.to_string().contains("kunden"), "{hidden}");
    desk.run("ambit medium info {dir}/disk.img --i-may-see-names").exits(0).prints("labelled \"kunden%1B\"");
    // What an E01's maker wrote is the same: the demo's image has a case and an examiner.
    let hidden = desk.run("ambit medium info {medium} --json").exits(0).json();
    assert!(hidden["said"].is_null(), "{hidden}");
    let shown = desk.run("ambit medium info {medium} --i-may-see-names --json").exits(0).json();
    assert!(shown["said"].as_array().is_some_and(|said| !said.is_empty()), "{shown}");
}

#[test]
fn a_page_for_counsel_names_what_departs_from_the_order() {
    let desk = Desk::with_open_case();
    let plan = "ambit plan --policy {policy} --medium {medium} --case {case} {examiner}";
    desk.run(plan).exits(2).says("the case has no approval on record").says("have the authority run");
    let reason = "--without-approval the-judge-is-on-the-way";
    let ran = desk.run(&format!("{plan} {reason} --html {{dir}}/plan.html --json")).exits(3);
    let told = "no approval on record; reason given: the-judge-is-on-the-way";
    let ran = ran.says(&format!("departure: {told}"));
    assert_eq!(ran.json()["departures"], serde_json::json!([told]));
    let page = fs::read_to_string(desk.path("plan.html")).unwrap();
    assert!(page.contains(&format!("Departure from the order or the procedure: {told}.")), "{page}");
    // Of an approved policy there is nothing of the kind.
    desk.run("ambit policy approve {policy} --case {case} {officer}").exits(0);
    let ran = desk.run(&format!("{plan} --json")).exits(0);
    assert_eq!(ran.json()["departures"], serde_json::json!([]));
}
