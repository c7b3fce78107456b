//! Every file of a sealed package, changed in every way: `ambit-verify` says no, and names the check.
//!
//! Nothing is signed again here; forgeries that are stand in `attacks.rs`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::sliced_string_as_bytes,
    clippy::type_complexity,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use scenarios::reading::files_below;
use scenarios::story::{Desk, Ran, run};
use tempfile::TempDir;

/// A copy of the demo's package, to be changed and mended.
struct Copy {
    desk: Desk,
    folder: TempDir,
    names: Vec<String>,
}

impl Copy {
    fn new() -> Self {
        let desk = Desk::new();
        let folder = tempfile::tempdir().unwrap();
        let package = desk.demo.path("KC07.ambit");
        let files = files_below(&package);
        for (name, bytes) in &files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let copy = Self { desk, folder, names: files.into_keys().collect() };
        assert!(copy.names.len() > 35, "{:?}", copy.names);
        copy.verify().exits(0);
        copy
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn verify(&self) -> Ran {
        let package = self.folder.path().to_str().unwrap();
        run(["ambit-verify", package, "--trust", &self.desk.fill("{trust}"), "--json"])
    }

    /// The package is refused, and one of these checks is the one that says so.
    #[track_caller]
    fn check(&self, what: &str, expected: &[&str]) {
        let ran = self.verify();
        assert!(ran.exit == 2, "{what}: exit code {}, expected 2: {ran}", ran.exit);
        let report = ran.json();
        assert_eq!(report["intact"], "no", "{what}");
        let checks = report["checks"].as_array().unwrap();
        let failed: BTreeSet<&str> = checks
            .iter()
            .filter(|check| check["status"] == "fail")
            .map(|check| check["id"].as_str().unwrap())
            .collect();
        assert!(
            expected.iter().any(|id| failed.contains(id)),
            "{what}: {expected:?} should fail, and {failed:?} did: {ran}"
        );
    }

    /// As `check`, with other bytes in one file; it is mended afterwards.
    #[track_caller]
    fn changed(&self, name: &str, what: &str, bytes: &[u8]) {
        let honest = self.read(name);
        assert_ne!(honest, bytes, "{name}, {what}: nothing was changed");
        fs::write(self.path(name), bytes).unwrap();
        self.check(&format!("{name}, {what}"), &[catcher(name)]);
        fs::write(self.path(name), honest).unwrap();
    }
}

/// Which check must catch a change of this file, whatever others say of it.
fn catcher(name: &str) -> &'static str {
    match name.split('/').next().unwrap() {
        "seal" | "tagmanifest-sha256.txt" => "seal",
        "custody" if name.ends_with("/checkpoint") => "checkpoint",
        "custody" => "log",
        "data" | "meta" | "bagit.txt" | "bag-info.txt" | "manifest-sha256.txt" | "VERIFY.txt" => "bag",
        _ => panic!("{name}: a package has no such file"),
    }
}

#[test]
fn a_flipped_bit_in_any_file_is_found() {
    let copy = Copy::new();
    for name in &copy.names {
        let bytes = copy.read(name);
        let positions = [0, bytes.len() / 4, bytes.len() / 2, bytes.len() - 2, bytes.len() - 1];
        for at in BTreeSet::from(positions) {
            for bit in [0x01, 0x20, 0x80] {
                let mut flipped = bytes.clone();
                flipped[at] ^= bit;
                copy.changed(name, &format!("byte {at} ^ {bit:#04x}"), &flipped);
            }
        }
    }
    copy.verify().exits(0);
}

#[test]
fn a_file_that_is_cut_or_longer_is_found() {
    let copy = Copy::new();
    for name in &copy.names {
        let bytes = copy.read(name);
        copy.changed(name, "emptied", b"");
        copy.changed(name, "cut in half", &bytes[..bytes.len() / 2]);
        copy.changed(name, "cut by a byte", &bytes[..bytes.len() - 1]);
        copy.changed(name, "longer by a line feed", &[&bytes, b"\n".as_slice()].concat());
        copy.changed(name, "longer by itself", &bytes.repeat(2));
        copy.changed(name, "zeros", &vec![0; bytes.len()]);
    }
    copy.verify().exits(0);
}

#[test]
fn a_file_that_is_gone_is_missed() {
    let copy = Copy::new();
    for name in &copy.names {
        let bytes = copy.read(name);
        fs::remove_file(copy.path(name)).unwrap();
        copy.check(&format!("{name}, removed"), &[catcher(name)]);
        // A link or a folder in its place is no file, and is not followed.
        std::os::unix::fs::symlink(copy.desk.demo.path("KC07.ambit").join(name), copy.path(name)).unwrap();
        copy.check(&format!("{name}, a link to the honest one"), &["directory"]);
        fs::remove_file(copy.path(name)).unwrap();
        fs::create_dir(copy.path(name)).unwrap();
        copy.check(&format!("{name}, a folder"), &[catcher(name)]);
        fs::remove_dir(copy.path(name)).unwrap();
        fs::write(copy.path(name), bytes).unwrap();
    }
    for folder in folders(copy.folder.path()) {
        let aside = copy.folder.path().with_extension("aside");
        fs::rename(copy.path(&folder), &aside).unwrap();
        let expected = ["bag", "seal", "log"];
        copy.check(&format!("{folder}/, removed"), &expected);
        fs::rename(aside, copy.path(&folder)).unwrap();
    }
    copy.verify().exits(0);
}

#[test]
fn a_file_that_is_added_to_any_folder_is_found() {
    let copy = Copy::new();
    let mut added = 0;
    for folder in folders(copy.folder.path()).into_iter().chain([
        String::new(),
        "new".to_owned(),
        "data/new".to_owned(),
    ]) {
        let made = fs::create_dir(copy.path(&folder)).is_ok();
        for name in [
            "extra",
            "captured-0002.zip.age",
            "tagmanifest-sha256.txt.court.sig",
            "court.sig",
            "checkpoint.old",
            ".hidden",
            "UPPER.TXT",
            "two words",
            "name\nwith a line feed",
        ] {
            let name = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            fs::write(copy.path(&name), b"added").unwrap();
            copy.check(&format!("{name:?}, added"), &["directory", "bag", "seal", "log"]);
            fs::remove_file(copy.path(&name)).unwrap();
            added += 1;
        }
        if made {
            fs::remove_dir(copy.path(&folder)).unwrap();
        }
    }
    assert!(added > 100, "{added}");
    // An entry that nobody signed, and one beyond a gap.
    let last = folders(&copy.path("custody")).len();
    for index in [last, last + 1] {
        let folder = copy.path(&format!("custody/{index:06}"));
        fs::create_dir(&folder).unwrap();
        for name in ["event.json", "entry.txt", "examiner.sig"] {
            fs::copy(copy.path(&format!("custody/000002/{name}")), folder.join(name)).unwrap();
        }
        copy.check(&format!("entry {index}, a copy of an earlier one"), &["log"]);
        fs::remove_dir_all(folder).unwrap();
    }
    copy.verify().exits(0);
}

#[test]
fn an_empty_folder_that_is_added_is_found_and_one_of_the_packages_own_is_none() {
    let copy = Copy::new();
    for folder in ["photos", "photos/2024", "data/photos", "custody/000099", "custody/.new-000099"] {
        fs::create_dir_all(copy.path(folder)).unwrap();
        copy.check(&format!("{folder}/, added"), &["directory"]);
        assert!(copy.verify().out.contains(&format!("{folder} is an empty folder")), "{folder}");
        fs::remove_dir_all(copy.path(if folder.starts_with("photos") { "photos" } else { folder })).unwrap();
    }
    copy.verify().exits(0);
}

#[test]
fn a_printed_report_says_when_and_by_which_program_and_json_is_the_same_each_time() {
    let copy = Copy::new();
    let package = copy.folder.path().to_str().unwrap();
    let ran = run(["ambit-verify", package, "--trust", &copy.desk.fill("{trust}")]).exits(0);
    let first = ran.out.lines().next().unwrap();
    let (when, by) =
        first.strip_prefix("Checked at ").unwrap().split_once(", by this computer's clock, ").unwrap();
    assert!(when.parse::<evidence::event::Moment>().is_ok(), "{first}");
    assert_eq!(by, concat!("with ambit-verify ", env!("CARGO_PKG_VERSION"), "."));
    assert_eq!(copy.verify().out, copy.verify().out);
    assert!(!copy.verify().out.contains("Checked at"));
}

#[test]
fn no_two_files_can_change_places() {
    let copy = Copy::new();
    let mut swapped = 0;
    for (at, a) in copy.names.iter().enumerate() {
        let of_a = copy.read(a);
        for b in &copy.names[at + 1..] {
            let of_b = copy.read(b);
            if of_a == of_b {
                continue;
            }
            fs::write(copy.path(a), &of_b).unwrap();
            fs::write(copy.path(b), &of_a).unwrap();
            copy.check(&format!("{a} and {b}, swapped"), &[catcher(a), catcher(b)]);
            fs::write(copy.path(a), &of_a).unwrap();
            fs::write(copy.path(b), &of_b).unwrap();
            swapped += 1;
        }
    }
    assert!(swapped > 600, "{swapped}");
    copy.verify().exits(0);
}

/// The folders below a folder, by their paths from there.
fn folders(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
                waiting.push(path);
            }
        }
    }
    found.sort();
    found
}
