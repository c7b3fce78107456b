//! ext2, ext3 and ext4 images made with e2fsprogs, against the tree they were made from and against The Sleuth Kit.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::{content, expected, has, image, populate, run, seen, walk};
use scope::facts::Kind;
use source::{OpenOptions, Opened, open};

fn opened(image: &Path) -> Opened {
    open(image, &OpenOptions::default()).unwrap()
}

/// The image holds exactly the tree, and The Sleuth Kit says the same.
fn check(size: &str, options: &[&str], file_system: &str, far: u64) {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    populate(&tree, far);
    if options.iter().any(|option| option.contains("inline_data")) {
        // With this feature mke2fs 1.47 writes a wrong size for a file that ends in a hole, as the kernel's mount shows too.
        std::fs::remove_file(tree.join("sparse")).unwrap();
    }
    let image = image(folder.path(), &tree, size, options);
    let opened = opened(&image);
    assert_eq!(opened.medium.limits, Vec::<String>::new());
    let source = opened.sources[0].as_ref();
    assert_eq!(source.info().file_system, file_system);
    let walked = walk(source);
    assert_eq!(walked.issues, vec![], "{options:?}");
    assert!(walked.report.complete);
    for (what, walked, expected) in &walked.report.coverage {
        assert_eq!(walked, expected, "{what} {options:?}");
    }
    assert_eq!(walked.report.coverage.len(), 3);
    assert_eq!(walked.report.limits, Vec::<String>::new(), "{options:?}");

    let mut seen = seen(source, &walked);
    let mut expected = expected(&tree);
    assert_eq!(seen.remove(&b"/lost+found"[..]).unwrap().kind, Kind::Directory);
    // The root's link count and time differ: mke2fs adds lost+found after the rest.
    assert_eq!(
        seen.remove(&b"/"[..]).map(|item| item.kind),
        expected.remove(&b"/"[..]).map(|item| item.kind)
    );
    assert_eq!(seen.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, item) in &seen {
        assert!(*item == expected[name], "{options:?} {}", String::from_utf8_lossy(name));
    }
    // The Sleuth Kit reads neither of these two features.
    if !options.iter().any(|option| option.contains("bigalloc") || option.contains("inline_data")) {
        sleuth_kit(&image, source, &walked);
    }
}

fn sleuth_kit(image: &Path, source: &dyn source::Source, walked: &common::Walked) {
    if !has("fls") {
        return;
    }
    let path = image.to_str().unwrap();
    let listing = run("fls", &["-r", "-u", path]);
    let listing = String::from_utf8_lossy(&listing);
    let inodes = listing.lines().filter_map(|line| {
        let (kind, rest) = line.trim_start_matches('+').trim_start().split_once(' ')?;
        let known = kind.len() == 3 && kind.as_bytes()[1] == b'/' && !kind.starts_with(['V', 'v']);
        known.then(|| rest.split_once(':')?.0.parse::<u64>().ok())?
    });
    let theirs: BTreeSet<u64> = inodes.collect();
    let ours: BTreeSet<u64> =
        walked.entries.iter().map(|entry| entry.node.number()).filter(|inode| *inode != 2).collect();
    assert_eq!(ours, theirs);
    let files = walked.entries.iter().filter(|entry| entry.facts.kind == Kind::File);
    // One process a file: the larger ones, and every fourth of the others that has content. Sparse files take it minutes, and on ext4 it
    // fails on them or shortens them: the tree itself is their only oracle.
    let sample = |entry: &&source::Entry| {
        let sparse = entry.facts.allocated < entry.facts.size;
        !sparse
            && entry.facts.size != Some(0)
            && (entry.facts.size > Some(50_000) || entry.node.number().is_multiple_of(4))
    };
    for entry in files.filter(sample) {
        let theirs = std::process::Command::new("icat")
            .args([path, &entry.node.number().to_string()])
            .output()
            .unwrap();
        assert!(theirs.stdout == content(source, entry), "icat differs on {}", entry.locator);
    }
}

const FAR: u64 = 70 << 20; // third-level block numbers with blocks of 1 KiB

#[test]
fn ext4_with_blocks_of_4_kib() {
    check("64M", &["-t", "ext4", "-b", "4096"], "ext4", FAR);
}

#[test]
fn ext4_with_blocks_of_1_kib() {
    check("64M", &["-t", "ext4", "-b", "1024"], "ext4", FAR);
}

#[test]
fn ext4_without_checksums_and_64_bit() {
    check("64M", &["-t", "ext4", "-O", "^metadata_csum,^64bit"], "ext4", FAR);
}

#[test]
fn ext4_with_descriptors_in_meta_groups() {
    check("600M", &["-t", "ext4", "-b", "1024", "-O", "meta_bg,^resize_inode"], "ext4", FAR);
}

#[test]
fn ext4_with_large_clusters() {
    check("256M", &["-t", "ext4", "-O", "bigalloc", "-C", "16384"], "ext4", FAR);
}

#[test]
fn ext4_with_content_inside_inodes() {
    check("64M", &["-t", "ext4", "-O", "inline_data", "-I", "256"], "ext4", FAR);
}

#[test]
fn ext3_with_blocks_of_1_kib() {
    check("64M", &["-t", "ext3", "-b", "1024"], "ext3", FAR);
}

#[test]
fn ext2_with_blocks_of_1_kib_and_small_inodes() {
    check("64M", &["-t", "ext2", "-b", "1024", "-I", "128"], "ext2", FAR);
}

#[test]
fn ext2_with_blocks_of_4_kib() {
    check("64M", &["-t", "ext2", "-b", "4096"], "ext2", FAR);
}
