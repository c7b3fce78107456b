//! Archives on a medium: opened as far as the order grants it, their files items of their own; what is excluded stays closed.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use scenarios::reading::{files_below, ledger, zip_entries};
use scenarios::second::{self, opened};
use scenarios::story::Desk;
use scope::{Digest, Tier};

/// Makes the archives in the tree given: the names say what they are.
const MAKE: &str = r#"
import gzip, io, os, sys, tarfile, zipfile
root = sys.argv[1]
os.makedirs(root + "/opt/panel"), os.makedirs(root + "/home/other/Maildir")

def zipped(members, method=zipfile.ZIP_DEFLATED):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as out:
        for name, content in members:
            out.writestr(name, content)
    return held.getvalue()

def put(path, content):
    with open(root + "/" + path, "wb") as out:
        out.write(content)

put("opt/panel/whole.zip", zipped([("gate.php", b"<?php // gate\n" * 999), ("inc/db.php", b"<?php // db\n")]))
put("opt/panel/mixed.zip", zipped([("panel.php", b"<?php // panel\n"), ("old/emails.txt", b"somebody@victim.example\n")]))
held = io.BytesIO()
with tarfile.open(fileobj=held, mode="w") as out:
    for name, content in [("notes.txt", b"a note\n"), ("a/b.zip", zipped([("deep.txt", b"three archives down\n")], zipfile.ZIP_STORED))]:
        info = tarfile.TarInfo(name)
        info.size, info.mtime = len(content), 1300000000
        out.addfile(info, io.BytesIO(content))
put("opt/panel/backup.tar.gz", gzip.compress(held.getvalue(), mtime=0))
locked = bytearray(zipped([("locked.txt", b"nobody reads this\n")]))
locked[6] |= 1
locked[locked.rindex(b"PK\1\2") + 8] |= 1
put("opt/panel/locked.zip", bytes(locked))
put("opt/panel/cut.zip", zipped([("cut.txt", b"cut off\n" * 50)])[:-30])
deep = zipped([("bottom.txt", b"too deep\n")])
for level in range(3):
    deep = zipped([(f"level{level}.zip", deep)], zipfile.ZIP_STORED)
put("opt/panel/deep.zip", deep)
put("opt/panel/odd.zip", zipped([("../../etc/passwd", b"up\n"), ("/abs", b"abs\n"), ("x!/y", b"mark\n")]))
put("home/other/Maildir/box.zip", zipped([("a-private-letter.txt", b"dear somebody\n")]))
"#;

fn made_by(program: &str, words: &[&str]) -> bool {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    match Command::new(program).args(words).env("PATH", path).stdin(Stdio::null()).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{program}: {said}");
            true
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "`{program}` is absent in CI: {error}");
            println!("did not run: `{program}` is not here");
            false
        }
    }
}

fn medium(folder: &Path) -> Option<()> {
    let image = folder.join("fat.img");
    let place = image.to_str().unwrap();
    fs::write(&image, []).unwrap();
    fs::OpenOptions::new().write(true).open(&image).unwrap().set_len(10 << 20).unwrap();
    made_by("mkfs.vfat", &["-F", "16", "-s", "4", "-i", "1A2B3C4D", place]).then_some(())?;
    let tree = folder.join("tree");
    made_by("python3", &["-c", MAKE, tree.to_str().unwrap()]).then_some(())?;
    for top in ["opt", "home"] {
        made_by("mcopy", &["-i", place, "-s", tree.join(top).to_str().unwrap(), "::/"]).then_some(())?;
    }
    Some(())
}

/// A desk with that medium, and an order under which archives are opened, three in each other.
fn desk(left: &str) -> Option<Desk> {
    let desk = Desk::with_open_case();
    let media = "media = [{ label = \"KC07\", fsuuid = \"1A2B-3C4D\" }]\ncontainers = { open = [\"zip\", \"gzip\", \"tar\"], max_depth = 3 }";
    desk.policy_with(&[("media ", media), ("left ", left)]);
    medium(&desk.path(""))?;
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    Some(desk)
}

const CAPTURE: &str = "ambit capture --policy {dir}/policy --medium {dir}/fat.img --case {case} --trust {trust} {both} --out {dir}/fat.ambit";
const AUDIT: &str = "ambit-verify audit {dir}/fat.ambit --trust {trust} --identity {keys}/auditor.age --against {dir}/fat.img";

/// What an independent program gets out of an archive.
fn truth(folder: &Path, program: &str, words: &[&str]) -> Option<Digest> {
    let ran = Command::new(program).args(words).current_dir(folder.join("tree/opt/panel")).output().ok()?;
    assert!(ran.status.success(), "{program} {words:?}");
    Some(Digest::of(&ran.stdout))
}

#[test]
fn an_archive_is_taken_whole_or_its_files_are_taken_singly() {
    let Some(desk) = desk("left   = \"facts\"") else { return };
    let ran = desk.run(CAPTURE).exits(0);
    let package = desk.path("fat.ambit");
    let key = |who: &str| desk.demo.path(&format!("keys/{who}.age"));
    let records = ledger(&package, &key("auditor"));
    let by_name: BTreeMap<String, _> = records
        .values()
        .filter_map(|parts| {
            Some((String::from_utf8_lossy(parts.facts.names.first()?.bytes()).into_owned(), parts))
        })
        .collect();
    let panel = "/opt/panel/";
    for (name, outcome, tier) in [
        ("whole.zip", "captured", Tier::Included),
        ("whole.zip!/gate.php", "captured", Tier::Included),
        ("whole.zip!/inc/db.php", "captured", Tier::Included),
        ("mixed.zip", "left", Tier::OutOfScope),
        ("mixed.zip!/panel.php", "captured", Tier::Included),
        ("mixed.zip!/old/emails.txt", "held:victim-data", Tier::Held),
        ("backup.tar.gz", "captured", Tier::Included),
        ("backup.tar.gz!/backup.tar", "captured", Tier::Included),
        ("backup.tar.gz!/backup.tar!/notes.txt", "captured", Tier::Included),
        ("backup.tar.gz!/backup.tar!/a/b.zip", "captured", Tier::Included),
        ("backup.tar.gz!/backup.tar!/a/b.zip!/deep.txt", "captured", Tier::Included),
        ("locked.zip", "held:neutral", Tier::Undetermined),
        ("cut.zip", "held:neutral", Tier::Undetermined),
        ("deep.zip", "left", Tier::OutOfScope),
        ("deep.zip!/level2.zip", "left", Tier::OutOfScope),
        ("deep.zip!/level2.zip!/level1.zip", "left", Tier::OutOfScope),
        ("deep.zip!/level2.zip!/level1.zip!/level0.zip", "held:neutral", Tier::Undetermined),
        ("odd.zip", "captured", Tier::Included),
        ("odd.zip!/../../etc/passwd", "captured", Tier::Included),
        ("odd.zip!//abs", "captured", Tier::Included),
        ("odd.zip!/x!/y", "captured", Tier::Included),
    ] {
        let found =
            by_name.get(&format!("{panel}{name}")).unwrap_or_else(|| panic!("{name}: {:?}", by_name.keys()));
        assert_eq!(
            (found.decision.outcome.to_string().as_str(), found.decision.tier),
            (outcome, tier),
            "{name}"
        );
    }
    let trouble =
        |name: &str| by_name[&format!("{panel}{name}")].facts.container.as_ref().unwrap().trouble.clone();
    assert!(trouble("locked.zip").unwrap().contains("encrypted"));
    assert!(trouble("cut.zip").unwrap().contains("not opened"));
    assert_eq!(trouble("whole.zip"), None);

    // What was taken is what other programs find there.
    let sha256 = |name: &str| by_name[&format!("{panel}{name}")].object.as_ref().unwrap().sha256;
    for (name, program, words) in [
        ("whole.zip!/gate.php", "unzip", &["-p", "whole.zip", "gate.php"][..]),
        ("mixed.zip!/old/emails.txt", "unzip", &["-p", "mixed.zip", "old/emails.txt"]),
        ("backup.tar.gz!/backup.tar", "gzip", &["-dc", "backup.tar.gz"]),
        ("backup.tar.gz!/backup.tar!/notes.txt", "tar", &["-xzOf", "backup.tar.gz", "notes.txt"]),
        ("backup.tar.gz!/backup.tar!/a/b.zip", "tar", &["-xzOf", "backup.tar.gz", "a/b.zip"]),
        ("whole.zip", "cat", &["whole.zip"]),
    ] {
        match truth(&desk.path(""), program, words) {
            Some(truth) => assert_eq!(sha256(name), truth, "{name}"),
            None => assert!(std::env::var_os("CI").is_none(), "`{program}` is absent in CI"),
        }
    }
    assert_eq!(sha256("backup.tar.gz!/backup.tar!/a/b.zip!/deep.txt"), Digest::of(b"three archives down\n"));

    // The archive of somebody else was not opened: the name of what is in it is nowhere, nor in any output.
    assert!(by_name["/home/other/Maildir/box.zip"].facts.container.is_none());
    assert!(!by_name.keys().any(|name| name.contains("a-private-letter")));
    let hidden = by_name
        .iter()
        .filter(|(name, parts)| name.contains('.') && parts.decision.outcome.to_string() != "captured");
    for (name, _) in hidden {
        let last = name.rsplit('/').next().unwrap();
        assert!(last.is_empty() || !ran.out.contains(last) && !ran.err.contains(last), "{name}: {ran}");
    }
    // Nor does the case team learn of a file that is held, from the archive in which it lies.
    for (entry, bytes) in zip_entries(&package, "captured", &key("case-team")) {
        for hidden in [&b"emails.txt"[..], b"somebody@victim", b"a-private-letter", b"locked.txt"] {
            assert!(!bytes.windows(hidden.len()).any(|window| window == hidden), "{entry}");
        }
    }

    // Replayed by two programs, examined again on the original.
    let ran = desk.run(AUDIT).exits(0);
    assert!(ran.out.contains("MATCHED") && !ran.out.contains("NOT MATCHED"), "{ran}");
    if second::is_there() {
        let replayed = opened(&desk, &desk.fill("{dir}/fat.ambit")).replay();
        assert_eq!((replayed.exit, replayed.kinds().as_str()), (0, ""), "{}", replayed.text);
    }
    desk.run("ambit open {dir}/fat.ambit --trust {trust} --identity {keys}/case-team.age --set captured --out {dir}/got").exits(0);
    assert!(files_below(&desk.path("got")).values().any(|bytes| bytes == b"three archives down\n"));

    // One byte of a file in an archive: its check sum fails, so that nothing can be compared, and the answer is not yes.
    let mut image = fs::read(desk.path("fat.img")).unwrap();
    let text = b"three archives";
    assert!(!image.windows(text.len()).any(|window| window == text), "it is packed in the gzip");
    let text = b"level0.zip";
    let at = image.windows(text.len()).position(|window| window == text).unwrap();
    image[at] = b'L';
    fs::write(desk.path("fat.img"), image).unwrap();
    let ran = desk.run(AUDIT).exits(1);
    assert!(
        ran.out.contains("MATCHED: not checked") && ran.out.contains("examined again: not compared: fat:"),
        "{ran}"
    );
}

#[test]
fn under_counts_nothing_is_recorded_of_what_is_left_in_an_archive() {
    let Some(desk) = desk("left   = \"counts\"") else { return };
    desk.run(CAPTURE).exits(0);
    let records = ledger(&desk.path("fat.ambit"), &desk.demo.path("keys/auditor.age"));
    let names: Vec<String> = records
        .values()
        .flat_map(|parts| {
            parts.facts.names.iter().map(|name| String::from_utf8_lossy(name.bytes()).into_owned())
        })
        .collect();
    assert!(names.iter().any(|name| name == "/opt/panel/mixed.zip!/panel.php"));
    assert!(!names.iter().any(|name| name == "/opt/panel/mixed.zip"));
    let ran = desk.run(AUDIT).exits(0);
    assert!(ran.out.contains("MATCHED") && !ran.out.contains("NOT MATCHED"), "{ran}");
    if second::is_there() {
        let replayed = opened(&desk, &desk.fill("{dir}/fat.ambit")).replay();
        assert_eq!((replayed.exit, replayed.kinds().as_str()), (0, ""), "{}", replayed.text);
    }
}
