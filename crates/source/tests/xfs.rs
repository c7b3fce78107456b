//! XFS images made with xfsprogs, and where the kernel can mount them filled by it, against the tree they were made from.

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
use std::io::Read as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use common::{Walked, expected, noise, populate, run, seen, unmount, walk};
use rustix::fs::{FallocateFlags, Timespec, Timestamps, UTIME_OMIT, XattrFlags};
use scope::facts::{CaseRule, Kind, TimeKind};
use source::bytes::RawFile;
use source::{Entry, Source, file_system};

/// What every XFS record says of itself.
const ALWAYS: &str = "deleted entries are not looked for: XFS keeps next to nothing of them";

/// Whether mkfs.xfs is there. Where everything must be tested, it must be.
fn tools() -> bool {
    let there = Path::new("/usr/sbin/mkfs.xfs").exists() || Path::new("/sbin/mkfs.xfs").exists();
    assert!(there || std::env::var_os("CI").is_none(), "mkfs.xfs is not installed (xfsprogs)");
    if !there {
        eprintln!("mkfs.xfs is not installed: XFS was NOT tested");
    }
    there
}

/// Makes an image of `size` with mkfs.xfs.
fn make(folder: &Path, size: u64, options: &[&str]) -> PathBuf {
    let image = folder.join("image");
    File::create(&image).unwrap().set_len(size).unwrap();
    let mut arguments = vec!["-q", "-f"];
    arguments.extend(options);
    arguments.push(image.to_str().unwrap());
    run("mkfs.xfs", &arguments);
    image
}

fn opened(image: &Path) -> Box<dyn Source> {
    let file = File::open(image).unwrap();
    let length = file.metadata().unwrap().len();
    file_system(Arc::new(RawFile::new(file, length))).unwrap()
}

/// A walk without issues, which saw what the file system counts.
fn sound(source: &dyn Source, what: &str) -> Walked {
    assert_eq!(source.info().limits, [ALWAYS], "{what}");
    let walked = walk(source);
    assert_eq!(walked.issues, vec![], "{what}");
    assert!(walked.report.complete);
    assert_eq!(walked.report.coverage.len(), 3);
    for (line, walked, expected) in &walked.report.coverage {
        assert_eq!(walked, expected, "{line} {what}");
    }
    walked
}

// Images filled by mkfs.xfs, from a prototype of the tree: no mount.

/// The prototype of `tree`, in the order of names. It has no spaces, times, attributes or hard links.
fn prototype(tree: &Path) -> String {
    fn directory(path: &Path, text: &mut String) {
        let mut entries: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for entry in entries {
            let name = entry.file_name().unwrap().to_str().unwrap();
            let metadata = fs::symlink_metadata(&entry).unwrap();
            let mode = metadata.mode() & 0o777;
            if metadata.is_dir() {
                *text += &format!("{name} d--{mode:03o} 0 0\n");
                directory(&entry, text);
                *text += "$\n";
            } else if metadata.is_symlink() {
                *text += &format!("{name} l--{mode:03o} 0 0 {}\n", fs::read_link(&entry).unwrap().display());
            } else {
                *text += &format!("{name} ---{mode:03o} 0 0 {}\n", entry.display());
            }
        }
    }
    let mut text = "/\n0 0\nd--755 0 0\n".to_owned();
    directory(tree, &mut text);
    text + "$\n"
}

/// A tree that a prototype can describe: a short directory, one of one block, one of many, contents of many lengths.
fn plain_tree(root: &Path, many: usize, longest_link: usize) {
    let write = |name: &str, bytes: &[u8]| {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    for length in [0, 1, 511, 512, 513, 1023, 1024, 4095, 4096, 4097, 65_536, 300_000, 3_000_001] {
        write(&format!("sizes/{length}"), &noise(length, 7));
    }
    for index in 0..30 {
        write(&format!("block/entry-number-{index:05}"), b"");
    }
    // Contents between the names, so that the directory's blocks are not neighbours.
    for index in 0..many {
        write(&format!("many/entry-number-{index:05}"), &noise(600, index as u64));
    }
    write(&format!("{}end", "deep/".repeat(40)), b"deep");
    write(&"n".repeat(255), b"a long name");
    fs::create_dir(root.join("empty")).unwrap();
    for length in [1, 50, 100, 155, 156, 157, 335, 336, 337, 500, 900, 1020]
        .into_iter()
        .filter(|length| *length <= longest_link)
    {
        symlink("t".repeat(length), root.join(format!("link-{length}"))).unwrap();
    }
}

fn check_prototype(options: &[&str], many: usize, longest_link: usize) {
    if !tools() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    plain_tree(&tree, many, longest_link);
    let prototype_file = folder.path().join("prototype");
    fs::write(&prototype_file, prototype(&tree)).unwrap();
    let options = [options, &["-p", prototype_file.to_str().unwrap()]].concat();
    let image = make(folder.path(), 320 << 20, &options);
    let source = opened(&image);
    let walked = sound(source.as_ref(), &options.join(" "));
    let (seen, mut expected) = (seen(source.as_ref(), &walked), expected(&tree));
    assert_eq!(seen.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, item) in &seen {
        // A prototype has no times, and directories on the disk of the tests may count their links in other ways.
        let expected = expected.remove(name).unwrap();
        let expected = common::Seen { seconds: item.seconds, links: item.links, ..expected };
        let mode = if name == b"/" { item.mode } else { expected.mode };
        assert!(*item == common::Seen { mode, ..expected }, "{options:?} {}", String::from_utf8_lossy(name));
    }
}

#[test]
fn version_4() {
    check_prototype(&["-m", "crc=0"], 1000, 1020);
}

#[test]
fn version_4_without_file_types_and_with_blocks_of_512_bytes() {
    check_prototype(&["-m", "crc=0", "-n", "ftype=0", "-b", "size=512", "-i", "size=256"], 1500, 1020);
}

#[test]
fn version_4_with_large_directory_blocks() {
    check_prototype(&["-m", "crc=0", "-b", "size=1024", "-n", "size=16384"], 1500, 1020);
}

/// mkfs.xfs 6.1 writes a long target without its header; the kernel refuses such a link as this reader does.
const SHORT_LINKS: usize = 336;

#[test]
fn version_5() {
    check_prototype(&[], 1000, SHORT_LINKS);
}

#[test]
fn version_5_with_blocks_of_1_kib_and_small_times() {
    check_prototype(&["-b", "size=1024", "-m", "bigtime=0,reflink=0"], 1000, SHORT_LINKS);
}

#[test]
fn version_5_with_large_inodes() {
    check_prototype(&["-i", "size=2048,nrext64=1,sparse=1"], 1000, SHORT_LINKS);
}

/// mkfs.xfs gives no attributes, the kernel of today no longer mounts version 4, and xfs_db 6.1 dies of more than fits the inode.
#[test]
fn attributes_of_version_4() {
    if !tools() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let prototype = folder.path().join("prototype");
    fs::write(&prototype, "/\n0 0\nd--755 0 0\nitem l--777 0 0 target\n$\n").unwrap();
    for (count, length) in [(1, 50), (3, 1)] {
        let image = make(
            folder.path(),
            320 << 20,
            &["-m", "crc=0", "-b", "size=1024", "-p", prototype.to_str().unwrap()],
        );
        let number = walk(opened(&image).as_ref()).entries[1].node.number();
        let commands = (0..count).map(|index| format!("attr_set -u -v {length} attribute-{index:03}"));
        let mut arguments = vec!["-x".to_owned(), "-c".into(), format!("inode {number}")];
        arguments.extend(commands.flat_map(|command| ["-c".to_owned(), command]));
        arguments.push(image.to_str().unwrap().to_owned());
        run("xfs_db", &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let source = opened(&image);
        let walked = sound(source.as_ref(), "attributes");
        let found = &walked.entries[1].facts.attributes;
        assert_eq!(found.len(), count);
        for (index, attribute) in found.iter().enumerate() {
            assert_eq!(attribute.name.bytes(), format!("user.attribute-{index:03}").as_bytes());
            assert_eq!(attribute.size, length);
            assert_eq!(attribute.value.bytes().len() as u64, length.min(4096));
            assert!(attribute.value.bytes().iter().all(|byte| *byte == attribute.value.bytes()[0]));
        }
    }
}

// Images filled by the kernel, through a mount.

/// An image that is mounted, until it is dropped.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        unmount(&self.0);
    }
}

/// Mounts `image`; says so where that cannot be done.
fn mounted(image: &Path, options: &str) -> Option<Mounted> {
    let point = image.with_extension("mount");
    fs::create_dir_all(&point).unwrap();
    let options = format!("loop,{options}");
    let result = Command::new("mount").args(["-t", "xfs", "-o", &options]).args([image, &point]).output();
    match result {
        Ok(output) if output.status.success() => Some(Mounted(point)),
        other => {
            eprintln!("XFS cannot be mounted here: what the kernel writes was NOT tested ({other:?})");
            None
        }
    }
}

fn set_attribute(path: &Path, name: &str, value: &[u8]) {
    rustix::fs::setxattr(path, name, value, XattrFlags::empty()).unwrap();
}

/// What takes the forms that only the kernel writes.
fn fill(root: &Path, reflink: bool) {
    populate(root, 70 << 20);
    // Extents beyond what an inode holds: trees of one and two levels.
    for (name, count) in
        [("fragments", 300_u64), ("splinters", if cfg!(debug_assertions) { 3000 } else { 20_000 })]
    {
        let file = File::create(root.join(name)).unwrap();
        for index in 0..count {
            file.write_all_at(&noise(700, index), index * 8192).unwrap();
        }
        file.set_len(count * 8192 + 100_000).unwrap();
    }
    let punched = File::create(root.join("punched")).unwrap();
    punched.write_all_at(&noise(1 << 20, 3), 0).unwrap();
    for index in 0..64 {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        rustix::fs::fallocate(&punched, flags, index * 16_384, 4096).unwrap();
    }
    let unwritten = File::create(root.join("unwritten")).unwrap();
    rustix::fs::fallocate(&unwritten, FallocateFlags::empty(), 0, 1 << 20).unwrap();
    unwritten.write_all_at(b"in the middle", 500_000).unwrap();
    let beyond = File::create(root.join("allocated-beyond-its-end")).unwrap();
    beyond.write_all_at(b"short", 0).unwrap();
    rustix::fs::fallocate(&beyond, FallocateFlags::KEEP_SIZE, 0, 1 << 20).unwrap();
    if reflink {
        let copy = File::create(root.join("clone")).unwrap();
        rustix::fs::ioctl_ficlone(&copy, File::open(root.join("punched")).unwrap()).unwrap();
        copy.write_all_at(b"its own", 70_000).unwrap();
    }
    // Names enough for an index of two levels; most of them gone again, and their blocks with them.
    let many = root.join("thinned");
    fs::create_dir(&many).unwrap();
    let count = if cfg!(debug_assertions) { 3000 } else { 20_000 };
    for index in 0..count {
        File::create(many.join(format!("a-rather-long-name-for-entry-{index:06}"))).unwrap();
    }
    for index in (0..count).filter(|index| index % 500 > 60) {
        fs::remove_file(many.join(format!("a-rather-long-name-for-entry-{index:06}"))).unwrap();
    }
    for (name, count, length) in
        [("leaf", 12, 60), ("node", 400, 100), ("remote", 20, 9000), ("longest", 1, 65_536)]
    {
        let path = root.join(name);
        fs::write(&path, name).unwrap();
        for index in 0..count {
            set_attribute(&path, &format!("user.attribute-{index}"), &noise(length, index));
        }
        set_attribute(&path, "trusted.mark", b"trusted");
        set_attribute(&path, "security.mark", b"");
    }
    for length in [336, 337, 900, 968, 969, 1023] {
        symlink("t".repeat(length), root.join(format!("link-{length}"))).unwrap();
    }
    for (name, seconds) in [("before-1970", -1_000_000_000), ("after-2038", 4_102_444_800)] {
        let path = root.join(name);
        fs::write(&path, name).unwrap();
        let time = Timespec { tv_sec: seconds, tv_nsec: 500_000_001 };
        let times =
            Timestamps { last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }, last_modification: time };
        rustix::fs::utimensat(rustix::fs::CWD, &path, &times, rustix::fs::AtFlags::empty()).unwrap();
    }
    std::os::unix::fs::chown(root.join("leaf"), Some(70_000), Some(4_000_000_000)).unwrap();
}

/// Compares numbers and times with those of the kernel.
fn same_as_stat(root: &Path, walked: &Walked) {
    for entry in &walked.entries {
        let facts = &entry.facts;
        let name = std::str::from_utf8(facts.names[0].bytes());
        let Ok(name) = name else { continue };
        let stat = fs::symlink_metadata(root.join(name.trim_start_matches('/'))).unwrap();
        assert_eq!(entry.node.number(), stat.ino(), "{name}");
        assert_eq!(facts.allocated, Some(stat.blocks() * 512), "{name}");
        assert_eq!((facts.uid, facts.gid), (Some(stat.uid().into()), Some(stat.gid().into())), "{name}");
        let ns =
            |seconds: i64, nanoseconds: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
        let created = match stat.created().unwrap().duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => after.as_nanos() as i128,
            Err(before) => -(before.duration().as_nanos() as i128),
        };
        let expected = [
            (TimeKind::Modified, ns(stat.mtime(), stat.mtime_nsec())),
            (TimeKind::Accessed, ns(stat.atime(), stat.atime_nsec())),
            (TimeKind::Changed, ns(stat.ctime(), stat.ctime_nsec())),
            (TimeKind::Created, created),
        ];
        let found: Vec<_> = facts.times.iter().map(|stamp| (stamp.of, stamp.ns)).collect();
        assert_eq!(found, expected, "{name}");
    }
}

fn check_mounted(options: &[&str], reflink: bool) {
    if !tools() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = make(folder.path(), 512 << 20, options);
    let Some(mount) = mounted(&image, "rw") else { return };
    fill(&mount.0, reflink);
    drop(mount);
    let source = opened(&image);
    let walked = sound(source.as_ref(), &options.join(" "));
    let Some(mount) = mounted(&image, "ro") else { return };
    let (seen, expected) = (seen(source.as_ref(), &walked), expected(&mount.0));
    assert_eq!(seen.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, item) in &seen {
        assert!(*item == expected[name], "{options:?} {}", String::from_utf8_lossy(name));
    }
    same_as_stat(&mount.0, &walked);
    // Of a megabyte that was reserved, some bytes were written: a block, or the pages that the kernel writes at once.
    let named = |entry: &&Entry| entry.facts.names.iter().any(|name| name.bytes() == b"/unwritten");
    let facts = &walked.entries.iter().find(named).unwrap().facts;
    let fact = facts.attributes.iter().find(|one| one.name.bytes() == b"xfs.unwritten").unwrap();
    let bytes: u64 = std::str::from_utf8(fact.value.bytes()).unwrap().parse().unwrap();
    assert!(((1 << 20) - 65_536..1 << 20).contains(&bytes), "{bytes}");
    let item = walked.entries.iter().find(|entry| entry.facts.kind == Kind::File).unwrap();
    let inode = format!("inode {}", item.node.number());
    let generation = run("xfs_db", &["-r", "-c", &inode, "-c", "p core.gen", image.to_str().unwrap()]);
    let generation = String::from_utf8(generation).unwrap();
    assert!(
        item.locator.ends_with(&format!(":{}", generation.trim().rsplit(' ').next().unwrap())),
        "{generation}"
    );
    assert_eq!(source.info().case_rule, CaseRule::Sensitive);
}

#[test]
fn mounted_version_5() {
    check_mounted(&[], true);
}

#[test]
fn mounted_with_blocks_of_1_kib_and_small_times() {
    check_mounted(&["-b", "size=1024", "-m", "bigtime=0,reflink=0"], false);
}

#[test]
fn mounted_with_large_counters_inodes_and_directory_blocks() {
    check_mounted(
        &["-i", "size=2048,nrext64=1,sparse=1", "-n", "size=16384", "-m", "bigtime=1,rmapbt=1"],
        true,
    );
}

#[test]
fn blocks_that_were_never_written_are_a_fact_of_their_file() {
    if !tools() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("file"), noise(20_000, 1)).unwrap();
    let list = folder.path().join("list");
    fs::write(&list, format!("/\n0 0\nd--755 0 0\nfile ---644 0 0 {}\n$\n", tree.join("file").display()))
        .unwrap();
    let image = make(folder.path(), 320 << 20, &["-m", "crc=0", "-p", list.to_str().unwrap()]);
    let fact = |expected: Option<&[u8]>, content: &[u8]| {
        let source = opened(&image);
        let walked = walk(source.as_ref());
        assert_eq!(walked.issues.len(), 0, "{:?}", walked.issues);
        let file = walked.entries.iter().find(|entry| entry.facts.kind == Kind::File).unwrap();
        let found: Vec<(String, &[u8])> =
            file.facts.attributes.iter().map(|one| (one.name.to_string(), one.value.bytes())).collect();
        let expected: Vec<_> =
            expected.map(|bytes| ("xfs.unwritten".to_owned(), bytes)).into_iter().collect();
        assert_eq!(found, expected);
        assert!(common::content(source.as_ref(), file) == content);
    };
    fact(None, &noise(20_000, 1));
    let inode = walk(opened(&image).as_ref())
        .entries
        .iter()
        .find(|entry| entry.facts.kind == Kind::File)
        .unwrap()
        .node
        .number();
    let inode = format!("inode {inode}");
    // The bit that says so of the file's one extent: what stands there is no longer its content.
    let words = ["-x", "-c", &inode, "-c", "write u.bmx[0].extentflag 1", image.to_str().unwrap()];
    run("xfs_db", &words);
    fact(Some(b"20000"), &[0; 20_000]);
}

#[test]
fn content_beyond_4_gib() {
    if !tools() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = make(folder.path(), 320 << 20, &[]);
    let Some(mount) = mounted(&image, "rw") else { return };
    let places = [0_u64, 1 << 31, (1 << 32) - 3, (1 << 32) + 5000];
    let file = File::create(mount.0.join("far")).unwrap();
    for at in places {
        file.write_all_at(&noise(700, at), at).unwrap();
    }
    file.set_len((1 << 32) + 100_000).unwrap();
    drop((file, mount));
    let source = opened(&image);
    let walked = sound(source.as_ref(), "far");
    let mut stream = source.open(&walked.entries[1]).unwrap();
    assert_eq!(stream.declared_len(), (1 << 32) + 100_000);
    let mut written: BTreeMap<u64, u8> = BTreeMap::new();
    for at in places {
        written.extend(noise(700, at).into_iter().zip(at..).map(|(byte, at)| (at, byte)));
    }
    let (mut at, mut buf) = (0_u64, vec![0; 1 << 20]);
    let zeros = vec![0; 1 << 20];
    loop {
        let count = stream.read(&mut buf).unwrap();
        if count == 0 {
            break;
        }
        for (place, byte) in written.range(at..at + count as u64) {
            assert_eq!(std::mem::take(&mut buf[(place - at) as usize]), *byte, "at {place}");
        }
        assert!(buf[..count] == zeros[..count], "after {at}");
        at += count as u64;
    }
    assert_eq!(at, (1 << 32) + 100_000);
}

#[test]
fn a_volume_in_use_has_limits_on_record() {
    if !tools() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = make(folder.path(), 320 << 20, &[]);
    let Some(mount) = mounted(&image, "rw") else { return };
    fs::write(mount.0.join("kept"), b"kept").unwrap();
    let open = File::create(mount.0.join("deleted while open")).unwrap();
    open.write_all_at(b"still here", 0).unwrap();
    run("sync", &["-f", mount.0.to_str().unwrap()]);
    fs::remove_file(mount.0.join("deleted while open")).unwrap();
    run("xfs_freeze", &["-f", mount.0.to_str().unwrap()]);
    let copy = folder.path().join("copy");
    run("cp", &["--sparse=always", image.to_str().unwrap(), copy.to_str().unwrap()]);
    run("xfs_freeze", &["-u", mount.0.to_str().unwrap()]);
    drop((open, mount));
    let source = opened(&copy);
    let limits = source.info().limits.join("; ");
    assert!(limits.contains("was not unmounted cleanly, and its log is not applied"), "{limits}");
    assert!(limits.contains("deleted while still open"), "{limits}");
    let walked = walk(source.as_ref());
    assert_eq!(walked.entries.len(), 2);
    // The trees and the headers count it; the superblock is not asked.
    assert_eq!(walked.report.coverage.len(), 2);
    assert!(walked.report.coverage.iter().all(|(_, walked, counted)| (*walked, *counted) == (2, 3)));
    // Unmounted, it is released.
    sound(opened(&image).as_ref(), "unmounted");
}
