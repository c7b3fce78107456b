//! Bytes that an ext file system hides from its own names, counters and bitmaps: an item or a limit with numbers tells of each.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Walked, image, noise, run};
use scope::RawName;
use scope::facts::Kind;
use source::{Entry, OpenOptions, WalkEvent, WalkOptions, open};

/// Length of the file whose name is taken away.
const LENGTH: usize = 40_000;

/// An image with a folder of files, one of them with extents or block numbers that need a block of their own.
fn small(options: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir_all(tree.join("dir")).unwrap();
    for name in ["dir/long", "dir/other", "kept"] {
        fs::write(tree.join(name), noise(LENGTH, name.len() as u64)).unwrap();
    }
    let image = image(folder.path(), &tree, "8M", options);
    (folder, image)
}

fn debugfs(image: &Path, commands: &str) {
    let mut child = Command::new("/usr/sbin/debugfs")
        .args(["-w", image.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{commands}\nquit\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

const EVERYTHING: WalkOptions<'_> = WalkOptions {
    closed: &|_| false,
    closes: false,
    streams: true,
    deleted: true,
    recovered: true,
    unallocated: true,
};

/// Walks an image, and gives the content of what was recovered, too.
fn walked(image: &Path, options: &WalkOptions<'_>) -> (Walked, Vec<(Entry, Vec<u8>)>) {
    let opened = open(image, &OpenOptions::default()).unwrap();
    let source = opened.sources[0].as_ref();
    let (mut entries, mut issues) = (Vec::new(), Vec::new());
    let report = source
        .walk_with(options, &mut |event| {
            match event {
                WalkEvent::Item(entry) => entries.push(entry),
                WalkEvent::Issue(issue) => issues.push(issue),
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    let recovered = entries.iter().filter(|entry| entry.facts.kind == Kind::Recovered).map(|entry| {
        let mut bytes = Vec::new();
        source.open(entry).unwrap().read_to_end(&mut bytes).unwrap();
        (entry.clone(), bytes)
    });
    let recovered = recovered.collect();
    (Walked { entries, issues, report }, recovered)
}

fn limits(walked: &Walked) -> String {
    walked.report.limits.join("\n")
}

/// What the walk saw and what is counted, by the lines of the coverage that begin so.
fn covered(walked: &Walked, what: &str) -> (u64, u64) {
    let line = walked.report.coverage.iter().find(|(line, _, _)| line.contains(what));
    line.map(|(_, seen, counted)| (*seen, *counted)).unwrap_or_else(|| panic!("{:?}", walked.report.coverage))
}

const KINDS: [&[&str]; 3] = [
    &["-t", "ext4", "-b", "1024"],
    &["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,uninit_bg"],
    &["-t", "ext2", "-b", "1024"],
];

/// The counters of superblock and group lowered by one, so that they fit a walk that does not find a file.
fn lower_counters(image: &Path) {
    let stat = String::from_utf8(run("debugfs", &["-R", "stats", image.to_str().unwrap()])).unwrap();
    let number = |name: &str| {
        let line = stat.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().trim().parse::<u64>().unwrap()
    };
    let free = number("Free inodes:") + 1;
    debugfs(
        image,
        &format!("ssv free_inodes_count {free}\nset_bg 0 free_inodes_count {free}\nset_bg 0 checksum calc"),
    );
}

#[test]
fn a_file_without_a_name_is_an_item_whatever_the_counters_say() {
    for options in KINDS {
        let (_folder, image) = small(options);
        let (before, none) = walked(&image, &EVERYTHING);
        assert_eq!((limits(&before), none.len()), (String::new(), 0), "{options:?}");
        // The name goes, the inode stays in use: what remains of a file that was deleted while it was open, too.
        debugfs(&image, "unlink /dir/long");
        lower_counters(&image);
        let (after, recovered) = walked(&image, &EVERYTHING);
        assert_eq!(covered(&after, "group descriptors"), (5, 5), "the counters are not forged");
        assert_eq!(covered(&after, "superblock"), (5, 5));
        assert_eq!(covered(&after, "inode bitmaps"), (5, 6), "{options:?}");
        let said = limits(&after);
        assert!(said.contains("call 1 inodes in use to which the walk found no name, with 4"), "{said}");
        assert!(said.contains("they are items of the kind deleted"), "{said}");
        let attribute = |entry: &Entry, name: &str| {
            let found = entry.facts.attributes.iter().find(|attribute| attribute.name == RawName::from(name));
            found.map(|attribute| String::from_utf8(attribute.value.bytes().to_vec()).unwrap())
        };
        let item = after.entries.iter().find(|entry| attribute(entry, "ext.in-use").is_some()).unwrap();
        assert_eq!(attribute(item, "ext.in-use").as_deref(), Some("file"));
        assert_eq!((item.facts.kind, item.facts.size), (Kind::Deleted, Some(LENGTH as u64)));
        assert!(item.facts.names.is_empty());
        let [(entry, bytes)] = recovered.as_slice() else { panic!("{} recovered", recovered.len()) };
        assert!(*bytes == noise(LENGTH, 8));
        assert!(attribute(entry, "recovered.how").unwrap().contains("no name leads to it"));
        // Where deleted entries are not granted, it is a limit alone.
        let (plain, _) = walked(&image, &WalkOptions::default());
        assert!(plain.entries.iter().all(|entry| entry.facts.kind != Kind::Deleted));
        assert!(limits(&plain).contains("they are no items, since deleted"), "{}", limits(&plain));
        // Where a folder is not entered, its files are not without a name.
        let closed = |name: &RawName| name.bytes() == b"/dir";
        let (shut, _) = walked(&image, &WalkOptions { closed: &closed, closes: true, ..EVERYTHING });
        assert!(shut.entries.iter().all(|entry| attribute(entry, "ext.in-use").is_none()));
        assert!(limits(&shut).contains("call 2 inodes in use"), "{}", limits(&shut));
    }
}

#[test]
fn the_first_inode_that_the_superblock_states_hides_nothing() {
    for options in KINDS {
        let (_folder, image) = small(options);
        debugfs(&image, "unlink /dir/long\nssv first_ino 500");
        let (found, recovered) = walked(&image, &EVERYTHING);
        assert_eq!(covered(&found, "inode bitmaps"), (5, 6), "{options:?}");
        assert_eq!(covered(&found, "group descriptors"), (5, 6));
        assert_eq!(recovered.len(), 1);
        let opened = open(&image, &OpenOptions::default()).unwrap();
        let said = opened.medium.limits.join("\n");
        assert!(said.contains("says that files begin with inode 500"), "{said}");
        let said = limits(&found);
        assert!(said.contains("names lead to 4 inodes below 500"), "{said}");
        // What is deleted below that number is found, too.
        debugfs(&image, "rm /dir/other");
        let (found, _) = walked(&image, &EVERYTHING);
        assert_eq!(found.entries.iter().filter(|entry| entry.facts.kind == Kind::Deleted).count(), 2);
    }
}

#[test]
fn an_inode_that_its_bitmap_calls_free_and_a_name_leads_to_is_a_limit() {
    for options in KINDS {
        let (_folder, image) = small(options);
        debugfs(&image, "freei /kept");
        let (found, _) = walked(&image, &WalkOptions::default());
        assert_eq!(covered(&found, "inode bitmaps"), (6, 5), "{options:?}");
        assert!(
            limits(&found).contains("names lead to 1 inodes that the inode bitmaps call free"),
            "{}",
            limits(&found)
        );
    }
}

#[test]
fn a_group_whose_inodes_were_never_used_has_no_bitmap() {
    // What the flag covers is not read, so what stands there is nothing: random bytes are no inodes in use.
    let (_folder, image) = small(&["-t", "ext4", "-b", "1024", "-g", "2048", "-O", "^flex_bg"]);
    let stat = String::from_utf8(run("dumpe2fs", &[image.to_str().unwrap()])).unwrap();
    let group =
        stat.split("\nGroup ").find(|group| group.contains("INODE_UNINIT")).expect("a group never used");
    let bitmap = group.lines().find(|line| line.contains("Inode bitmap at")).unwrap();
    let block: usize =
        bitmap.split("Inode bitmap at ").nth(1).unwrap().split([' ', ',']).next().unwrap().parse().unwrap();
    let mut bytes = fs::read(&image).unwrap();
    bytes[block * 1024..][..64].fill(0xFF);
    fs::write(&image, bytes).unwrap();
    let (found, recovered) = walked(&image, &EVERYTHING);
    assert_eq!(limits(&found), "");
    assert_eq!(covered(&found, "inode bitmaps"), (6, 6));
    assert!(recovered.is_empty());
}

/// Where blocks in use that are nobody's are, as the limit tells it.
const NOBODYS: &str = "are marked as used and belong to no item and no structure";

#[test]
fn blocks_in_use_that_are_nobodys_are_a_limit_with_their_bytes() {
    for options in KINDS {
        let (_folder, image) = small(options);
        debugfs(&image, "setb 5000 64\nsetb 6000 1");
        let (found, _) = walked(&image, &WalkOptions::default());
        let said = limits(&found);
        assert!(said.contains("66560 bytes of blocks, in 2 runs, "), "{options:?}: {said}");
        assert!(said.contains(NOBODYS) && said.ends_with(": 5120000+65536, 6144000+1024"), "{said}");
    }
}

#[test]
fn blocks_behind_the_end_of_a_file_with_block_numbers_are_nobodys() {
    // No slack tells of them: the numbers go on, and the size does not.
    let (_folder, image) = small(&["-t", "ext2", "-b", "1024"]);
    debugfs(&image, "sif /kept size 2048");
    let (found, _) = walked(&image, &WalkOptions::default());
    assert!(limits(&found).contains(&format!("{} bytes of blocks", 39 * 1024)), "{}", limits(&found));
}

#[test]
fn nothing_is_said_of_file_systems_as_their_makers_leave_them() {
    let check = |size: &str, options: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        fs::create_dir_all(tree.join("dir")).unwrap();
        for length in [0, 5, 4096, 300_000] {
            fs::write(tree.join(format!("dir/{length}")), noise(length, 3)).unwrap();
        }
        std::os::unix::fs::symlink("x".repeat(100), tree.join("long")).unwrap();
        std::os::unix::fs::symlink("x", tree.join("short")).unwrap();
        let image = image(folder.path(), &tree, size, options);
        let again = |what: &str| {
            let (found, _) = walked(&image, &EVERYTHING);
            assert_eq!(limits(&found), "", "{options:?} {what}");
            assert!(
                found.report.coverage.iter().all(|(_, seen, counted)| seen == counted),
                "{options:?} {what}"
            );
        };
        again("as made");
        let path = image.to_str().unwrap();
        if ["^flex_bg", "quota,project", "^64bit"].contains(options.last().unwrap()) {
            run("resize2fs", &["-f", path, "40M"]);
            again("made larger");
            run("resize2fs", &["-f", path, "18M"]);
            again("made smaller");
        }
    };
    for features in [
        "quota",
        "quota,project",
        "casefold",
        "orphan_file",
        "^orphan_file",
        "metadata_csum_seed",
        "^resize_inode",
        "^huge_file",
        "mmp",
        "sparse_super2",
        "ea_inode",
        "^has_journal",
        "^flex_bg",
        "^sparse_super,^resize_inode",
        "large_dir",
        "^64bit",
        "^extents,^64bit",
        "stable_inodes",
    ] {
        check("16M", &["-t", "ext4", "-b", "1024", "-O", features]);
    }
    check("16M", &["-t", "ext4", "-b", "4096", "-O", "bigalloc,^resize_inode", "-C", "16384"]);
    check("24M", &["-t", "ext4", "-b", "1024", "-g", "1024", "-O", "meta_bg,^resize_inode"]);
    check("16M", &["-t", "ext4", "-b", "1024", "-J", "size=4", "-N", "4000"]);
    check("16M", &["-t", "ext2", "-b", "2048", "-r", "0"]);
    check("16M", &["-t", "ext3", "-b", "1024"]);
}

#[test]
fn blocks_that_were_never_written_are_a_fact_and_slack() {
    // One leaf in the inode; and a tree, whose extents end where another begins.
    for (size, pieces) in [(LENGTH, 1), (200_000, 12)] {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        fs::create_dir(&tree).unwrap();
        let file = fs::File::create(tree.join("file")).unwrap();
        for piece in 0..pieces {
            let part = size / pieces / 1024 * 1024;
            let bytes = noise(part.min(9000), piece as u64 + 1);
            std::os::unix::fs::FileExt::write_all_at(&file, &bytes, (piece * part * 2) as u64).unwrap();
        }
        drop(file);
        let image = image(folder.path(), &tree, "8M", &["-t", "ext4", "-b", "1024"]);
        let path = image.to_str().unwrap();
        let plain = walked(&image, &WalkOptions::default()).0;
        assert!(plain.entries.iter().all(|entry| entry.facts.attributes.is_empty()));
        // The blocks from the fifth to the eighth are marked, as a program's reservation leaves them; the map has a checksum, or stands in the inode.
        debugfs(&image, "punch /file 4 7\nfallocate /file 4 7");
        let blocks = String::from_utf8(run("debugfs", &["-R", "bmap /file 5", path])).unwrap();
        let place: usize = blocks.split_whitespace().next().unwrap().parse().unwrap();
        let mut bytes = fs::read(&image).unwrap();
        bytes[place * 1024..][..1024].fill(b'H');
        fs::write(&image, bytes).unwrap();
        let opened = open(&image, &OpenOptions::default()).unwrap();
        let source = opened.sources[0].as_ref();
        let found = common::walk(source);
        let entry = found.entries.iter().find(|entry| entry.facts.kind == Kind::File).unwrap();
        let fact = entry.facts.attributes.iter().find(|one| one.name == RawName::from("ext.unwritten"));
        assert_eq!(fact.unwrap().value.bytes(), b"4096");
        let content = common::content(source, entry);
        assert!(content[4 * 1024..8 * 1024].iter().all(|byte| *byte == 0), "it reads as zeros");
        let mut slack = Vec::new();
        source
            .open(&source::slack_of(entry, &entry.facts).unwrap())
            .unwrap()
            .read_to_end(&mut slack)
            .unwrap();
        assert!(slack.windows(1024).any(|window| window.iter().all(|byte| *byte == b'H')), "{}", slack.len());
        assert!(slack.len() >= 4096);
    }
}

#[test]
fn a_directory_that_is_longer_than_its_size_is_an_issue() {
    for options in KINDS {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        fs::create_dir_all(tree.join("dir")).unwrap();
        for number in 0..200 {
            fs::write(tree.join(format!("dir/a_file_with_a_longish_name_{number}")), b"x").unwrap();
        }
        let image = image(folder.path(), &tree, "8M", options);
        let before = walked(&image, &WalkOptions::default()).0;
        assert_eq!((before.issues.len(), before.entries.len()), (0, 203), "{:?}", before.issues);
        debugfs(&image, "sif /dir size 1024");
        let after = walked(&image, &WalkOptions::default()).0;
        assert!(after.entries.len() < 60, "the names behind the size are not read");
        let said: Vec<&str> = after.issues.iter().map(|issue| issue.what.as_str()).collect();
        let says = |what: &&str| {
            what.starts_with("a directory states a size of 1024 bytes, and has ")
                && what.ends_with("in which no name is read")
        };
        assert_eq!(said.iter().filter(|what| says(what)).count(), 1, "{options:?}: {said:?}");
    }
}

#[test]
fn what_stands_in_a_journal_is_a_limit_with_its_bytes() {
    let (_folder, image) = small(&["-t", "ext4", "-b", "1024"]);
    let path = image.to_str().unwrap();
    let blocks = String::from_utf8(run("debugfs", &["-R", "bmap <8> 300", path])).unwrap();
    let place: usize = blocks.split_whitespace().next().unwrap().parse().unwrap();
    let mut bytes = fs::read(&image).unwrap();
    bytes[place * 1024 + 77] = b'H';
    fs::write(&image, bytes).unwrap();
    let said = limits(&walked(&image, &WalkOptions::default()).0);
    assert!(said.starts_with("the journal, inode 8, has 1024 bytes of blocks"), "{said}");
}

/// Forty directories of one map of 257 blocks, in an image of 2 MiB: the map is read for some, and of the others it is told that it was not.
#[test]
fn a_map_that_many_directories_share_is_not_read_for_each() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    for number in 0..40 {
        fs::create_dir_all(tree.join(format!("dir{number}"))).unwrap();
    }
    let image = image(folder.path(), &tree, "2M", &["-t", "ext2", "-b", "1024", "-I", "128"]);
    let mut bytes = fs::read(&image).unwrap();
    let four = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    // Block 2,000 holds 256 times the number of block 2,001, and that one the number of block 2,002.
    for (block, number) in [(2000, 2001_u32), (2001, 2002)] {
        bytes[block * 1024..][..1024].copy_from_slice(&number.to_le_bytes().repeat(256));
    }
    let (table, count) = (four(&bytes, 2048 + 8) * 1024, four(&bytes, 1024));
    let mut directories = 0;
    for at in (11..count).map(|inode| table + inode * 128) {
        // i_mode, and the number of the block with numbers of such blocks.
        if bytes[at + 1] >> 4 == 4 {
            bytes[at + 40 + 13 * 4..][..4].copy_from_slice(&2000_u32.to_le_bytes());
            directories += 1;
        }
    }
    assert!(directories >= 40);
    fs::write(&image, &bytes).unwrap();
    let said = walked(&image, &WalkOptions::default()).0.issues;
    let about = |words: &str| said.iter().filter(|issue| issue.what.contains(words)).count();
    let (read, spent) =
        (about("in which no name is read"), about("too many blocks to tell what lies behind its size"));
    assert!(spent > 10 && read + spent >= 40, "{read} and {spent}: {said:?}");
}
