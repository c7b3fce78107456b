//! Damaged and hostile XFS images: an error or an issue, never a panic, a hang or a silent short read.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

mod common;

use std::fs::{self, File};
use std::io::Read as _;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{noise, run, unmount};
use scope::facts::Kind;
use source::bytes::RawFile;
use source::{ByteSource, ReadFault, WalkEvent, file_system};

/// An image of which some bytes are others, or the end is missing.
#[derive(Clone)]
struct Altered {
    image: Arc<RawFile>,
    len: u64,
    changes: Vec<(u64, u8)>,
}

impl Altered {
    fn new(path: &Path) -> Self {
        let file = File::open(path).unwrap();
        let len = file.metadata().unwrap().len();
        Self { image: Arc::new(RawFile::new(file, len)), len, changes: Vec::new() }
    }

    fn with(&self, at: u64, flip: u8) -> Self {
        let mut altered = self.clone();
        altered.changes.push((at, flip));
        altered
    }

    fn cut(&self, len: u64) -> Self {
        Self { len, ..self.clone() }
    }
}

impl ByteSource for Altered {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let want = self.len.saturating_sub(offset).min(buf.len() as u64) as usize;
        let count = self.image.read_at(offset, &mut buf[..want])?;
        for (at, flip) in &self.changes {
            if (offset..offset + count as u64).contains(at) {
                buf[(at - offset) as usize] ^= flip;
            }
        }
        Ok(count)
    }
}

/// What a walk and a read of every file came to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Outcome {
    names: Vec<Vec<u8>>,
    issues: Vec<String>,
    /// Contents that could not be read to their end.
    failed: Vec<String>,
    limits: String,
}

const READ: u64 = 4 << 20;

/// Walks all of `bytes` and reads every file's beginning. `None` where there is no file system or no root.
fn survive(bytes: Altered, what: &str) -> Option<Outcome> {
    let began = Instant::now();
    let source = file_system(Arc::new(bytes)).ok()?;
    let mut outcome = Outcome { limits: source.info().limits.join("; "), ..Outcome::default() };
    let mut entries = Vec::new();
    let walk = source.walk(&mut |event| {
        match event {
            WalkEvent::Item(entry) => entries.push(entry),
            WalkEvent::Issue(issue) => outcome.issues.push(issue.what),
        }
        ControlFlow::Continue(())
    });
    walk.ok()?;
    for entry in &entries {
        outcome.names.extend(entry.facts.names.iter().map(|name| name.bytes().to_vec()));
        if entry.facts.kind != Kind::File {
            continue;
        }
        match source.open(entry) {
            Err(error) => outcome.failed.push(error.to_string()),
            Ok(mut stream) => {
                // A mutant may claim a size of petabytes, all of it a hole: read its beginning.
                let declared = stream.declared_len();
                match stream.by_ref().take(READ).read_to_end(&mut Vec::new()) {
                    Ok(count) => assert_eq!(count as u64, declared.min(READ), "{what}: a silent short read"),
                    Err(error) => outcome.failed.push(error.to_string()),
                }
            }
        }
    }
    assert!(began.elapsed() < Duration::from_secs(30), "{what}: took {:?}", began.elapsed());
    Some(outcome)
}

/// A small image with one of each sort, filled by the kernel where it can mount, else by mkfs.xfs. `None` without mkfs.xfs.
fn small(folder: &Path, options: &[&str], mount: bool) -> Option<PathBuf> {
    let there = Path::new("/usr/sbin/mkfs.xfs").exists() || Path::new("/sbin/mkfs.xfs").exists();
    assert!(there || std::env::var_os("CI").is_none(), "mkfs.xfs is not installed (xfsprogs)");
    if !there {
        eprintln!("mkfs.xfs is not installed: XFS was NOT tested");
        return None;
    }
    let image = folder.join("image");
    File::create(&image).unwrap().set_len(320 << 20).unwrap();
    let content = folder.join("content");
    fs::write(&content, noise(20_000, 3)).unwrap();
    let mut prototype = "/\n0 0\nd--755 0 0\nblock d--755 0 0\n".to_owned();
    for index in 0..30 {
        prototype += &format!("entry-number-{index:05} ---644 0 0 /dev/null\n");
    }
    prototype += "$\nmany d--755 0 0\n";
    for index in 0..300 {
        prototype += &format!("entry-number-{index:05} ---644 0 0 /dev/null\n");
    }
    prototype += "$\nlink l--777 0 0 target\n";
    for index in 0..5 {
        prototype += &format!("content-{index} ---644 0 0 {}\n", content.display());
    }
    let file = folder.join("prototype");
    fs::write(&file, prototype + "$\n").unwrap();
    let made = [options, &["-q", "-f", "-p", file.to_str().unwrap(), image.to_str().unwrap()]].concat();
    run("mkfs.xfs", &made);
    if mount {
        let point = folder.join("mount");
        fs::create_dir(&point).unwrap();
        let arguments = ["-t", "xfs", "-o", "loop", image.to_str().unwrap(), point.to_str().unwrap()];
        if !Command::new("mount").args(arguments).status().is_ok_and(|status| status.success()) {
            eprintln!("XFS cannot be mounted here: what the kernel writes was NOT tested");
            return Some(image);
        }
        let fragments = File::create(point.join("fragments")).unwrap();
        for index in 0..300 {
            fragments.write_all_at(&noise(100, index), index * 8192).unwrap();
        }
        let set = |name: &str, length| {
            let value = noise(length, 5);
            rustix::fs::setxattr(point.join("content-1"), name, &value, rustix::fs::XattrFlags::empty())
                .unwrap();
        };
        (0..200).for_each(|index| set(&format!("user.attribute-{index}"), 100));
        set("user.remote", 9000);
        std::os::unix::fs::symlink("t".repeat(1000), point.join("long")).unwrap();
        drop(fragments);
        unmount(&point);
    }
    Some(image)
}

/// Blocks of 512 bytes that are not empty: where each begins, and its content.
fn used(image: &Path) -> Vec<(u64, Vec<u8>)> {
    let file = File::open(image).unwrap();
    let (mut found, mut buf) = (Vec::new(), vec![0; 1 << 20]);
    for at in (0..file.metadata().unwrap().len()).step_by(1 << 20) {
        file.read_exact_at(&mut buf, at).unwrap();
        if buf.iter().all(|byte| *byte == 0) {
            continue;
        }
        let sectors = buf.chunks(512).zip((at..).step_by(512));
        found
            .extend(sectors.filter(|(s, _)| s.iter().any(|byte| *byte != 0)).map(|(s, at)| (at, s.to_vec())));
    }
    found
}

fn mutate(options: &[&str], mount: bool) {
    let folder = tempfile::tempdir().unwrap();
    let Some(image) = small(folder.path(), options, mount) else { return };
    let original = Altered::new(&image);
    let whole = survive(original.clone(), "the original").unwrap();
    assert!(whole.names.len() > 300 && whole.issues.is_empty() && whole.failed.is_empty(), "{whole:?}");
    let used = used(&image);
    // Structures begin with letters of their own.
    let marks: [&[u8]; 9] = [b"XFSB", b"XAGI", b"IN", b"XD", b"IAB", b"BMA", b"XSLM", b"XARM", b"\0\0\0"];
    let structures: Vec<_> =
        used.iter().filter(|(_, sector)| marks.iter().any(|mark| sector.starts_with(mark))).collect();
    assert!(structures.len() > 100, "{}", structures.len());
    let mut noticed = 0;
    for pick in noise(200 * 9, 17).chunks_exact(9) {
        let index = u32::from_le_bytes(pick[..4].try_into().unwrap()) as usize;
        let (at, sector) = match index % 4 {
            0 => &used[index / 4 % used.len()],
            _ => structures[index / 4 % structures.len()],
        };
        let filled: Vec<usize> = (0..512).filter(|inner| sector[*inner] != 0).collect();
        let inner = usize::from(u16::from_le_bytes(pick[4..6].try_into().unwrap()));
        let at = at + filled[inner % filled.len()] as u64;
        let flip = pick[6].max(1);
        let mutant = survive(original.with(at, flip), &format!("byte {at} with {flip:#x}"));
        noticed += u32::from(mutant.as_ref() != Some(&whole));
    }
    assert!(noticed > 20, "the mutants changed nothing: {noticed}");
}

#[test]
fn single_byte_mutants_of_version_4() {
    mutate(&["-m", "crc=0", "-b", "size=1024"], false);
}

#[test]
fn single_byte_mutants_of_version_5() {
    mutate(&["-b", "size=1024"], true);
}

#[test]
fn truncated_images_fail_aloud() {
    let folder = tempfile::tempdir().unwrap();
    let Some(image) = small(folder.path(), &[], true) else { return };
    let original = Altered::new(&image);
    let step = (original.len / 37) as usize;
    for keep in (0..original.len).step_by(step).chain([1, 500, 512, 1024, 4096, 70_000]) {
        let what = format!("the first {keep} bytes");
        if let Some(outcome) = survive(original.cut(keep), &what) {
            assert!(outcome.limits.contains("its file system claims"), "{what}");
        }
    }
}

/// One flipped bit in each kind of structure is told, and nothing beside it is lost.
#[test]
fn wrong_checksums_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let Some(image) = small(folder.path(), &[], true) else { return };
    let original = Altered::new(&image);
    let whole = survive(original.clone(), "the original").unwrap();
    let used = used(&image);
    let first =
        |fits: &dyn Fn(&[u8]) -> bool| used.iter().find(|(_, sector)| fits(sector)).map(|(at, _)| *at);
    // An inode in use, at a bit of its access time: all that it says is still given.
    let inode = first(&|sector| sector.starts_with(b"IN\x81")).unwrap();
    let outcome = survive(original.with(inode + 39, 1), "inode").unwrap();
    assert_eq!(outcome.issues, ["the inode's checksum does not fit its content"]);
    assert_eq!((&outcome.names, &outcome.failed), (&whole.names, &whole.failed));
    // A directory's block, at a byte that no entry uses: the names are still given.
    for mark in [b"XDB3", b"XDD3"] {
        let block = first(&|sector| sector.starts_with(mark)).unwrap();
        let outcome = survive(original.with(block + 62, 1), "directory").unwrap();
        assert_eq!(outcome.issues, ["damaged: a directory block's checksum does not fit its content"]);
        assert_eq!(outcome.names, whole.names);
        // Its owner: it is not this directory's, and its names are not given.
        let outcome = survive(original.with(block + 47, 1), "directory").unwrap();
        assert!(outcome.issues[0].contains("belongs elsewhere"), "{:?}", outcome.issues);
        assert!(outcome.names.len() < whole.names.len());
    }
    let filled_by_the_kernel = whole.names.contains(&b"/fragments".to_vec());
    for (mark, at, what) in [
        (&b"BMA3"[..], 0, "a tree of extents"),
        (b"XSLM", 0, "target"),
        (b"XARM", 0, "attribute"),
        (b"\x3B\xEE", 8, "attribute"),
    ] {
        let Some(block) = first(&|sector| sector[at..].starts_with(mark)) else {
            assert!(!filled_by_the_kernel, "{what}");
            continue;
        };
        let outcome = survive(original.with(block + 300, 1), what).unwrap();
        let told: Vec<_> = outcome.issues.iter().chain(&outcome.failed).collect();
        // Of a file's map twice: when it is walked, for what was never written, and when its content is read.
        let times = if what == "a tree of extents" { 2 } else { 1 };
        assert!(
            told.len() == times && told.iter().all(|one| one.contains(what) && one.contains("checksum")),
            "{what}: {told:?}"
        );
        assert_eq!(outcome.names, whole.names);
    }
    // The trees of inodes count: what cannot be read is told in the coverage.
    let tree = first(&|sector| sector.starts_with(b"IAB3")).unwrap();
    let source = file_system(Arc::new(original.with(tree + 60, 1))).unwrap();
    let report = source.walk(&mut |_| ControlFlow::Continue(())).unwrap();
    assert!(report.coverage[0].0.contains("1 groups could not be read whole"), "{:?}", report.coverage);
}

#[test]
fn a_damaged_superblock_has_copies() {
    for options in [&["-m", "crc=0"][..], &[]] {
        let folder = tempfile::tempdir().unwrap();
        let Some(image) = small(folder.path(), options, false) else { return };
        let original = Altered::new(&image);
        let whole = survive(original.clone(), "the original").unwrap();
        // Block size, block count, group size, group count, inode size, bits of each.
        for at in [4, 6, 9, 84, 86, 88, 104, 120, 123, 124, 192] {
            let outcome = survive(original.with(at, 0x15), &format!("byte {at}")).unwrap();
            assert!(
                outcome.limits.contains("the first superblock is damaged; the copy of group"),
                "{at}: {outcome:?}"
            );
            assert_eq!((&outcome.names, &outcome.issues), (&whole.names, &whole.issues), "{at}");
        }
    }
}

/// Version 4 has no checksums: bits of an inode can be set as if its file system had.
#[test]
fn blocks_never_written_realtime_content_and_counts_that_do_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let Some(image) = small(folder.path(), &["-m", "crc=0"], false) else { return };
    let original = Altered::new(&image);
    let is_content = |(_, sector): &&(u64, Vec<u8>)| {
        sector.starts_with(b"IN\x81") && sector[56..64] == 20_000_u64.to_be_bytes()
    };
    let used = used(&image);
    let (inode, _) = used.iter().find(is_content).unwrap();
    let contents = |bytes: Altered| {
        let source = file_system(Arc::new(bytes)).unwrap();
        let walked = common::walk(source.as_ref());
        let files = walked.entries.iter().filter(|entry| entry.facts.size == Some(20_000));
        files.map(|entry| common::content(source.as_ref(), entry)).collect::<Vec<_>>()
    };
    let (noise, zeros) = (noise(20_000, 3), vec![0; 20_000]);
    assert!(contents(original.clone()).iter().all(|content| *content == noise));
    // The first bit of an extent: its blocks were never written, whatever they hold.
    let found = contents(original.with(inode + 100, 0x80));
    assert_eq!(found.len(), 5);
    assert_eq!(found.iter().filter(|content| **content == noise).count(), 4);
    assert_eq!(found.iter().filter(|content| **content == zeros).count(), 1);
    for (at, flip, issue) in [
        (91, 1, "the content stands on the realtime device"),
        (71, 1, "the inode counts other blocks than its extents hold"),
        (79, 1, "the inode counts other blocks than its extents hold"),
    ] {
        let outcome = survive(original.with(inode + at, flip), issue).unwrap();
        let told = (&outcome.issues, &outcome.failed);
        assert!(told.0.len() == 1 && told.0[0].starts_with(issue) && told.1.len() == 1, "{at}: {told:?}");
    }
}

/// A superblock can claim groups without number; those that are not there are not looked at one by one.
#[test]
fn a_forged_count_of_groups_keeps_nobody_busy() {
    let folder = tempfile::tempdir().unwrap();
    let Some(image) = small(folder.path(), &["-m", "crc=0"], false) else { return };
    let original = Altered::new(&image);
    let mut raw = [0; 512];
    original.read_at(0, &mut raw).unwrap();
    let groups = u32::MAX;
    let blocks = u64::from(groups) * u64::from(u32::from_be_bytes(raw[84..88].try_into().unwrap()));
    let mut forged = original.clone();
    for (at, byte) in (8..).zip(blocks.to_be_bytes()).chain((88..).zip(groups.to_be_bytes())) {
        forged.changes.push((at, raw[at as usize] ^ byte));
    }
    let began = Instant::now();
    let outcome = survive(forged, "groups").unwrap();
    assert!(outcome.limits.contains("its file system claims"), "{}", outcome.limits);
    assert!(began.elapsed() < Duration::from_secs(5), "took {:?}", began.elapsed());
}

#[test]
fn features_that_are_not_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let Some(image) = small(folder.path(), &["-m", "crc=0"], false) else { return };
    let mut raw = vec![0; 4096];
    File::open(&image).unwrap().read_exact_at(&mut raw, 0).unwrap();
    let check = |changes: &[(usize, u8)], expect: &str| {
        let mut raw = raw.clone();
        changes.iter().for_each(|(at, byte)| raw[*at] = *byte);
        let error = file_system(Arc::new(raw)).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(expect), "{error}");
    };
    // Version 5 in the low bits of the version, then incompatible features.
    check(&[(101, 0xA5), (218, 1)], "a metadata directory (metadir)");
    check(&[(101, 0xA5), (218, 2)], "a zoned realtime device (zoned)");
    check(&[(101, 0xA5), (216, 0x80)], "unknown incompatible features 0x80000000");
    check(&[(101, 0xA3)], "version 3 of the format is not read by this version");
    check(&[(100, 0x84)], "directories of version 1");
    check(&[(200, 0x40)], "unknown features 0x40000000 of version 4");
}
