//! FAT12, FAT16 and FAT32 images made with dosfstools and mtools, against the tree they were made from and against The
//! Sleuth Kit; damaged ones; and Debian's sample.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

mod common;
mod media;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{content, noise, run, walk};
use media::{all, expected, need, sample, survives, survives_mutants, tree};
use scope::facts::{Kind, TimeKind, Zone};
use source::{Source, file_system};

/// Makes an image and copies everything in `tree` to it; some files between are deleted, so that others are fragmented.
fn image(folder: &Path, tree: &Path, bits: &str, size: &str, options: &[&str]) -> PathBuf {
    let image = folder.join(format!("fat{bits}.img"));
    fs::File::create(&image).unwrap().set_len(0).unwrap();
    run("truncate", &["-s", size, image.to_str().unwrap()]);
    let mut arguments = vec!["-F", bits, "-i", "1A2B3C4D", "-n", "LABEL"];
    arguments.extend(options);
    arguments.push(image.to_str().unwrap());
    run("mkfs.vfat", &arguments);
    let path = image.to_str().unwrap();
    // Every second of these goes away again: what comes later stands in the holes.
    let filler = folder.join("filler");
    fs::create_dir_all(&filler).unwrap();
    for index in 0..60 {
        fs::write(filler.join(format!("filler file with a long name {index}")), noise(6000, index)).unwrap();
    }
    mtools("mcopy", path, &["-s", filler.to_str().unwrap(), "::/filler"]);
    for index in (0..60).step_by(2) {
        mtools("mdel", path, &[&format!("::/filler/filler file with a long name {index}")]);
    }
    for entry in fs::read_dir(tree).unwrap() {
        let entry = entry.unwrap().path();
        mtools("mcopy", path, &["-s", "-m", entry.to_str().unwrap(), "::/"]);
    }
    image
}

fn mtools(program: &str, image: &str, arguments: &[&str]) {
    let mut all = vec!["-i", image];
    all.extend(arguments);
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let output = std::process::Command::new(program)
        .args(&all)
        .env("PATH", path)
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8")
        .env("MTOOLS_SKIP_CHECK", "1")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{program} {all:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn open(image: &Path) -> Box<dyn Source> {
    file_system(Arc::new(fs::read(image).unwrap())).unwrap()
}

fn check(bits: &str, size: &str, options: &[&str]) {
    if !need(&["mkfs.vfat", "mcopy", "mdel"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let source_tree = folder.path().join("tree");
    tree(&source_tree, 300);
    let image = image(folder.path(), &source_tree, bits, size, options);
    let source = open(&image);
    assert_eq!(source.info().file_system, format!("fat{bits}"));
    assert_eq!(source.info().volume, "fat:1A2B3C4D");
    assert_eq!(source.info().ids, [("fsuuid".to_owned(), "1A2B-3C4D".to_owned())]);
    assert_eq!(source.info().limits, Vec::<String>::new());
    let walked = walk(source.as_ref());
    assert_eq!(walked.issues, vec![]);
    for (what, walked, expected) in &walked.report.coverage {
        assert_eq!(walked, expected, "{what}");
    }
    let mut truth = expected(&source_tree);
    truth.insert(b"/filler".to_vec(), (Kind::Directory, None, 0));
    for index in (1..60).step_by(2) {
        let name = format!("/filler/filler file with a long name {index}");
        truth.insert(name.into_bytes(), (Kind::File, Some(noise(6000, index)), 0));
    }
    let mut names = BTreeSet::new();
    let cluster = cluster(&image);
    for entry in &walked.entries {
        let [name] = entry.facts.names.as_slice() else { panic!("{}", entry.locator) };
        let (kind, bytes, modified) = truth.get(name.bytes()).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(entry.facts.kind, *kind, "{name}");
        if let Some(bytes) = bytes {
            assert!(content(source.as_ref(), entry) == *bytes, "{name}");
            assert_eq!(entry.facts.allocated, Some(bytes.len().next_multiple_of(cluster) as u64));
        }
        if *modified != 0 {
            let stamp = entry.facts.times.iter().find(|stamp| stamp.of == TimeKind::Modified).unwrap();
            assert_eq!(
                (stamp.ns / 1_000_000_000, stamp.zone),
                ((modified / 2 * 2).into(), Zone::None),
                "{name}"
            );
        }
        names.insert(name.bytes().to_vec());
    }
    assert_eq!(names, truth.into_keys().collect());

    // Deleted entries: the long names are all longer than one part, and whole.
    let deleted = all(source.as_ref());
    let deleted: Vec<_> = deleted.iter().filter(|entry| entry.facts.kind == Kind::Deleted).collect();
    let known: BTreeSet<_> =
        deleted.iter().flat_map(|entry| &entry.facts.names).map(|name| name.bytes().to_vec()).collect();
    let expect =
        (0..60).step_by(2).map(|index| format!("/filler/filler file with a long name {index}").into_bytes());
    assert_eq!(known, expect.collect());
    assert_eq!(deleted.len(), 30);
    for entry in deleted {
        assert_eq!(entry.facts.size, Some(6000));
        assert!(source.open(entry).is_err());
    }
    media::sleuth_kit(&image, "fat", source.as_ref(), &walked);
}

fn cluster(image: &Path) -> usize {
    let bytes = fs::read(image).unwrap();
    usize::from(u16::from_le_bytes([bytes[11], bytes[12]])) * usize::from(bytes[13])
}

#[test]
fn fat12() {
    check("12", "6M", &["-s", "8"]);
}

#[test]
fn fat16() {
    check("16", "24M", &["-s", "2"]);
}

#[test]
fn fat16_with_large_sectors() {
    check("16", "40M", &["-S", "4096", "-s", "1"]);
}

#[test]
fn fat32() {
    check("32", "40M", &["-s", "1"]);
}

#[test]
fn names_without_long_names() {
    if !need(&["mkfs.vfat", "mcopy", "mattrib"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    run("truncate", &["-s", "4M", image.to_str().unwrap()]);
    run("mkfs.vfat", &["-F", "12", image.to_str().unwrap()]);
    let file = folder.path().join("UPPER.TXT");
    fs::write(&file, "content").unwrap();
    let path = image.to_str().unwrap();
    mtools("mcopy", path, &[file.to_str().unwrap(), "::/UPPER.TXT"]);
    mtools("mcopy", path, &[file.to_str().unwrap(), "::/GONE.TXT"]);
    mtools("mattrib", path, &["+r", "+h", "-a", "::/UPPER.TXT"]);
    mtools("mdel", path, &["::/GONE.TXT"]);
    let mut bytes = fs::read(&image).unwrap();
    let at = bytes.windows(11).position(|name| name == b"UPPER   TXT").unwrap();
    for (case, byte, expect) in
        [(0_u8, b'U', &b"/UPPER.TXT"[..]), (0x18, b'U', b"/upper.txt"), (0x08, 0x9A, b"/\x9Apper.TXT")]
    {
        bytes[at + 12] = case;
        bytes[at] = byte;
        let source = file_system(Arc::new(bytes.clone())).unwrap();
        let entries = all(source.as_ref());
        assert_eq!(entries[1].facts.names[0].bytes(), expect);
        let attributes: BTreeMap<_, _> =
            entries[1].facts.attributes.iter().map(|a| (a.name.to_string(), a.value.0.clone())).collect();
        assert_eq!(attributes, BTreeMap::from([("fat.attributes".to_owned(), b"RH".to_vec())]));
        assert_eq!(content(source.as_ref(), &entries[1]), b"content");
        assert_eq!(entries[2].facts.kind, Kind::Deleted);
        assert_eq!(entries[2].facts.names, vec![]);
        assert!(entries[2].facts.attributes.iter().any(|a| a.value.0 == b"?ONE.TXT"));
    }
}

/// The FAT entry of `cluster`, on FAT16 with one sector before the FAT of `reserved` sectors.
fn set16(bytes: &mut [u8], cluster: usize, value: u16) {
    let reserved = usize::from(u16::from_le_bytes([bytes[14], bytes[15]]));
    let sector = usize::from(u16::from_le_bytes([bytes[11], bytes[12]]));
    let length = usize::from(u16::from_le_bytes([bytes[22], bytes[23]])) * sector;
    for copy in 0..2 {
        let at = reserved * sector + copy * length + cluster * 2;
        bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
}

#[test]
fn broken_chains() {
    if !need(&["mkfs.vfat", "mcopy"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    run("truncate", &["-s", "24M", image.to_str().unwrap()]);
    run("mkfs.vfat", &["-F", "16", "-s", "2", image.to_str().unwrap()]);
    let path = image.to_str().unwrap();
    let dir = folder.path().join("dir");
    fs::create_dir_all(dir.join("inner")).unwrap();
    fs::write(dir.join("a"), noise(4000, 1)).unwrap();
    mtools("mcopy", path, &["-s", dir.to_str().unwrap(), "::/dir"]);
    fs::write(dir.join("b"), noise(4000, 2)).unwrap();
    mtools("mcopy", path, &[dir.join("b").to_str().unwrap(), "::/b"]);
    let sound = fs::read(&image).unwrap();
    let first = |name: &[u8; 11]| {
        let at = sound.windows(11).position(|window| window == name).unwrap();
        (usize::from(u16::from_le_bytes([sound[at + 26], sound[at + 27]])), at)
    };
    let (a, at_a) = first(b"A          ");
    let (b, _) = first(b"B          ");
    let (inner, at_inner) = first(b"INNER      ");
    let (dir, _) = first(b"DIR        ");
    let number = |cluster: usize| u16::try_from(cluster).unwrap();
    let check = |bytes: Vec<u8>, readable: bool, words: &str| {
        let source = file_system(Arc::new(bytes)).unwrap();
        let walked = walk(source.as_ref());
        assert!(walked.issues.iter().any(|issue| issue.what.contains(words)), "{words}: {:?}", walked.issues);
        let file = walked
            .entries
            .iter()
            .find(|entry| entry.facts.names.iter().any(|n| n.bytes() == b"/dir/a"))
            .unwrap();
        assert_eq!(survives(source.as_ref(), file), readable, "{words}");
    };
    let changed = |cluster, value| {
        let mut bytes = sound.clone();
        set16(&mut bytes, cluster, value);
        bytes
    };
    check(changed(a + 1, 0xFFFF), false, "its clusters hold 2048 bytes of 4000");
    check(changed(a + 1, 0), false, "is marked as free");
    check(changed(a + 1, 0xFFF7), false, "is marked as bad");
    check(changed(a + 1, 0xFFF0), false, "which does not exist");
    check(changed(a + 1, number(a)), false, "in the middle of a chain");
    check(changed(a + 2, number(a + 1)), false, "returns to itself");
    check(changed(a + 1, number(b + 1)), true, "runs into another");
    check(changed(a + 3, number(b)), true, "in the middle of a chain");
    check(changed(dir, number(dir)), true, "already part of a directory");
    // A directory in itself, and a file at the cluster of another.
    let mut bytes = sound.clone();
    bytes[at_inner + 26..at_inner + 28].copy_from_slice(&number(dir).to_le_bytes());
    check(bytes, true, "a further name of an item");
    let mut bytes = sound.clone();
    bytes[at_a + 26..at_a + 28].copy_from_slice(&number(inner).to_le_bytes());
    check(bytes, false, "begins at the same cluster as another");
}

#[test]
fn damage() {
    if !need(&["mkfs.vfat", "mcopy", "mdel"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let source_tree = folder.path().join("tree");
    tree(&source_tree, 20);
    for (bits, size, sectors) in [("12", "3M", "2"), ("16", "5M", "1"), ("32", "36M", "1")] {
        let image = image(folder.path(), &source_tree, bits, size, &["-s", sectors]);
        let bytes: Arc<Vec<u8>> = Arc::new(fs::read(&image).unwrap());
        // The table and the directories stand in the first megabyte.
        survives_mutants(&bytes, 1 << 20, 200);
    }
}

#[test]
fn the_real_sample() {
    let Some(bytes) = sample("fs.vfat.xz") else { return };
    // A disk: its one partition begins at sector 2048.
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("partition");
    fs::write(&image, &bytes[2048 * 512..][..100_352 * 512]).unwrap();
    let source = open(&image);
    assert_eq!(source.info().limits, Vec::<String>::new());
    let walked = walk(source.as_ref());
    assert_eq!(walked.issues, vec![]);
    assert_eq!(walked.entries.len(), 23);
    for (what, walked, expected) in &walked.report.coverage {
        assert_eq!(walked, expected, "{what}");
    }
    media::sleuth_kit(&image, "fat", source.as_ref(), &walked);

    // The Sleuth Kit gives every deleted entry a path. We do so only where the path is certain: not below a deleted
    // directory. It also finds two entries in later clusters of a deleted directory, which no entry leads to any more.
    let theirs = media::fls(&image, &["-d", "-f", "fat"]);
    let theirs: BTreeSet<_> = theirs
        .iter()
        .filter(|(name, ..)| !name.starts_with("$OrphanFiles"))
        .map(|(name, ..)| name.rsplit('/').next().unwrap().to_owned())
        .collect();
    let deleted = all(source.as_ref());
    let deleted: Vec<_> = deleted.iter().filter(|entry| entry.facts.kind == Kind::Deleted).collect();
    let ours: BTreeSet<_> = deleted
        .iter()
        .map(|entry| {
            let left = entry.facts.attributes.iter().find(|a| a.name.bytes() == b"fat.deleted-name").unwrap();
            let path =
                entry.facts.names.first().map(|name| name.to_string().trim_start_matches('/').to_owned());
            path.unwrap_or_else(|| String::from_utf8(left.value.0.clone()).unwrap())
        })
        .collect();
    assert_eq!(ours, theirs);
    assert_eq!(deleted.len(), theirs.len());
    assert_eq!(deleted.iter().filter(|entry| !entry.facts.names.is_empty()).count(), 4);
}
