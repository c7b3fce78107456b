//! btrfs images made with btrfs-progs and by the kernel, against the trees that they were made from.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Seen, Walked, expected, populate, run, seen, walk};
use source::Source;
use source::bytes::RawFile;

/// Whether the tools are there. In CI they must be.
fn can(program: &str) -> bool {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let found = std::process::Command::new(program).arg("--version").env("PATH", path).output().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "{program} is not installed");
    if !found {
        eprintln!("{program} is not installed: btrfs was NOT tested");
    }
    found
}

fn source(image: &Path) -> Box<dyn Source> {
    let file = File::open(image).unwrap();
    let length = file.metadata().unwrap().len();
    source::file_system(Arc::new(RawFile::new(file, length))).unwrap()
}

/// An image of `tree`, made by mkfs.btrfs.
fn image(folder: &Path, tree: &Path, options: &[&str]) -> PathBuf {
    let image = folder.join("image");
    File::create(&image).unwrap().set_len(200 << 20).unwrap();
    let mut arguments = vec!["-q", "--rootdir", tree.to_str().unwrap()];
    arguments.extend(options);
    arguments.push(image.to_str().unwrap());
    run("mkfs.btrfs", &arguments);
    image
}

/// What differs is printed by name, without the content.
fn compare(mut seen: BTreeMap<Vec<u8>, Seen>, mut expected: BTreeMap<Vec<u8>, Seen>) {
    for items in [&mut seen, &mut expected] {
        items.remove(&b"/"[..]).unwrap();
    }
    assert_eq!(seen.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, item) in &seen {
        let other = &expected[name];
        let brief =
            |item: &Seen| (item.content.as_ref().map(Vec::len), Seen { content: None, ..item.clone() });
        assert_eq!(brief(item), brief(other), "{}", String::from_utf8_lossy(name));
        assert!(item.content == other.content, "{}", String::from_utf8_lossy(name));
    }
}

fn whole(source: &dyn Source) -> Walked {
    let walked = walk(source);
    assert_eq!(walked.issues, vec![]);
    assert!(walked.report.complete);
    for (what, walked, expected) in &walked.report.coverage {
        assert_eq!(walked, expected, "{what}");
    }
    assert_eq!(walked.report.coverage.len(), 2);
    walked
}

fn check(options: &[&str]) {
    if !can("mkfs.btrfs") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    populate(&tree, 1 << 20);
    let source = source(&image(folder.path(), &tree, options));
    assert_eq!(source.info().limits, Vec::<String>::new());
    assert_eq!(source.info().file_system, "btrfs");
    let walked = whole(source.as_ref());
    let mut expected = expected(&tree);
    // Each directory counts one link.
    for item in expected.values_mut().filter(|item| item.kind == scope::facts::Kind::Directory) {
        item.links = 1;
    }
    compare(seen(source.as_ref(), &walked), expected);
}

#[test]
fn two_copies_of_the_trees() {
    check(&["-m", "dup", "-d", "single"]);
}

#[test]
fn one_copy_of_the_trees_in_the_smallest_blocks() {
    check(&["-m", "single", "-d", "single", "-n", "4k", "--csum", "xxhash"]);
}

#[test]
fn two_copies_of_everything_in_the_largest_blocks() {
    check(&["-m", "dup", "-d", "dup", "-n", "64k", "--csum", "sha256"]);
}

#[test]
fn data_and_trees_in_the_same_chunks() {
    check(&["--mixed", "--csum", "blake2", "-O", "^no-holes"]);
}
