//! Names that are hard to write down: what other tools make of them in a listing is what the ledger has.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;

use scenarios::archives::made_by;
use scenarios::story::Desk;

const FSUUID: &str = "4b433037-2011-4316-8000-0000000000cc";

/// Names with what some tool escapes, replaces or ends a name at.
const NAMES: [&[u8]; 22] = [
    b"back\\slash",
    b"spelt\\x5Clike an escape",
    b"spelt\\x41",
    b"spelt\\n",
    b"control\x01\x1b",
    b"line\nbreak",
    b"tab\tstop",
    b"return\rto start",
    b"rubbed out\x7f",
    b"latin\xe9",
    b"no text\xff\xfe",
    b"too long\xc0\xaf",
    b"half a pair\xed\xa0\x80",
    b"no character\xef\xbf\xbe",
    "umlaut \u{e4}".as_bytes(),
    "control \u{85}".as_bytes(),
    "smile \u{1f600}".as_bytes(),
    b"quote\"and'",
    b"markup&amp;<lt>]]>",
    b"bars|and|bars",
    b"hat^x",
    b" blanks ",
];

/// An ext4 file system with them, each with itself as content, and the same below a folder with a backslash.
fn medium(desk: &Desk) -> Option<()> {
    let tree = desk.path("tree");
    let folder = tree.join("folder\\x5C of them");
    fs::create_dir_all(&folder).unwrap();
    for name in NAMES {
        fs::write(tree.join(OsStr::from_bytes(name)), name).unwrap();
        fs::write(folder.join(OsStr::from_bytes(name)), name).unwrap();
    }
    let image = desk.path("disk.img");
    let (tree, image) = (tree.to_str().unwrap(), image.to_str().unwrap());
    made_by("mke2fs", &["-q", "-t", "ext4", "-U", FSUUID, "-d", tree, image, "8M"]).then_some(())
}

/// What a program of sleuthkit says of the medium, or that it did not run.
fn listing(desk: &Desk, words: &[&str], to: &Path) -> Option<()> {
    let Ok(done) = Command::new(words[0]).args(&words[1..]).arg(desk.path("disk.img")).output() else {
        assert!(std::env::var_os("CI").is_none(), "sleuthkit is missing");
        println!("NOT RUN: sleuthkit is missing");
        return None;
    };
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    fs::write(to, done.stdout).unwrap();
    Some(())
}

#[test]
fn names_that_another_tool_escapes_are_the_ledgers() {
    let desk = Desk::with_open_case();
    if medium(&desk).is_none() {
        return;
    }
    let media = format!("media = [{{ label = \"KC07\", fsuuid = \"{FSUUID}\" }}]");
    desk.policy_with(&[("media ", &media)]);
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    desk.run("ambit capture --policy {dir}/policy --medium {dir}/disk.img --case {case} --trust {trust} {both} --out {dir}/out.ambit")
        .exits(0);
    let audit = "ambit-verify audit {dir}/out.ambit --trust {trust} --identity {keys}/auditor.age --json --against-listing {dir}/listing";
    let file = desk.path("listing");
    for words in [&["fls", "-r", "-p", "-m", "/"][..], &["fiwalk", "-x"]] {
        if listing(&desk, words, &file).is_none() {
            return;
        }
        let ran = desk.run(audit).exits(0);
        let told = ran.json();
        assert_eq!(told["findings"].as_array().map(Vec::len), Some(0), "{words:?}: {ran}");
        // The names, their folder's, both folders and `lost+found`.
        let agreed = told["listing"]["agreed"].as_u64().unwrap();
        assert_eq!(agreed, 2 * NAMES.len() as u64 + 2, "{words:?}: {ran}");
    }
    // What fiwalk escaped is not another name that is spelt so.
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("<filename>back\\x5Cslash<", "<filename>back\\x5Cx5Cslash<", 1)).unwrap();
    let ran = desk.run(audit).exits(2);
    let kinds: Vec<_> =
        ran.json()["findings"].as_array().unwrap().iter().map(|own| own["kind"].clone()).collect();
    assert_eq!(kinds, ["missing", "extra"], "{ran}");
}

/// A digest that is not there is no digest of nothing.
#[test]
fn a_listing_with_digests_says_that_it_could_not_read_something() {
    let desk = Desk::new();
    if medium(&desk).is_none() {
        return;
    }
    let list = "ambit medium list {dir}/disk.img --i-may-see-names --digest";
    let whole = desk.run(list).exits(0);
    assert!(!whole.err.contains("could not be read"), "{whole}");
    // The head of a file's extent tree.
    let image = desk.path("disk.img");
    if !made_by("debugfs", &["-w", "-R", "set_inode_field hat^x block[0] 0", image.to_str().unwrap()]) {
        return;
    }
    let ran = desk.run(list).exits(3).says("1 items could not be read wholly");
    assert_eq!(ran.out.matches("\"error\":").count(), 1, "{ran}");
    desk.run(&list.replace(" --digest", "")).exits(0);
}
