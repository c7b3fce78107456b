//! Free space, slack and the content of deleted entries: of images made here, with known bytes put into them, against
//! The Sleuth Kit.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

mod common;
mod media;
mod ntfs_volumes;
mod remnants_of;

use std::fs;
use std::path::Path;

use common::{noise, run};
use media::need;
use ntfs_volumes::Mount;
use remnants_of::{blkls, dumpe2fs, free, opened, place, slack, whole};
use scope::facts::Kind;

/// A file that stays, of no whole number of blocks; one that is deleted; one that takes the place of another deleted one.
const KEPT: usize = 5_100;
const GONE: usize = 9_000;

/// Writes a mark into the slack of the file that stays, and compares everything with what is known.
fn check(path: &Path, kind: &str, block: usize, recovered: Option<&str>) {
    let mut image = fs::read(path).unwrap();
    let (kept, gone) = (noise(KEPT, 1), noise(GONE, 2));
    let end = place(&image, &kept) + KEPT;
    image[end..end + 10].copy_from_slice(b"slack mark");
    fs::write(path, &image).unwrap();
    let source = opened(&image);
    let found = whole(source.as_ref());
    assert_eq!(found.report.limits, Vec::<String>::new());
    // Free space, by the bytes and by another reader.
    let free = free(source.as_ref(), &found, &image);
    assert!(free.windows(512).any(|window| *window == gone[..512]), "the deleted file is in free space");
    assert!(!free.windows(512).any(|window| *window == kept[..512]), "the kept file is not");
    match (kind, blkls(path, kind)) {
        // The Sleuth Kit takes copies of superblocks and descriptors in groups without a bitmap for free space.
        ("ext", _) => assert!(dumpe2fs(path, &image) == free),
        (_, None) => {}
        // It adds the sectors behind the last cluster of a FAT volume.
        (_, Some(other)) => {
            let more = other.strip_prefix(free.as_slice()).map(<[u8]>::len);
            assert!(
                more.is_some_and(|more| more < block),
                "blkls has {} bytes, the items {}",
                other.len(),
                free.len()
            );
        }
    }
    // Slack: what stands behind the end of the file, to the end of its last block.
    let behind = slack(source.as_ref(), found.named("/kept.bin"));
    assert_eq!(behind.len(), KEPT.next_multiple_of(block) - KEPT);
    assert!(behind.starts_with(b"slack mark"));
    assert!(behind == image[end..end + behind.len()]);
    // What was deleted.
    let all = found.recovered(source.as_ref());
    match recovered {
        Some(how) => {
            let (_, told) = all.iter().find(|(bytes, _)| *bytes == gone).expect("the deleted file's bytes");
            assert!(told.contains(how), "{told}");
        }
        None => assert!(all.is_empty(), "{}", all.len()),
    }
}

/// Where the place was given to another file, nothing is recovered, and an issue says so.
fn check_reused(path: &Path, expect: &str) {
    let image = fs::read(path).unwrap();
    let source = opened(&image);
    let found = whole(source.as_ref());
    let gone = noise(GONE, 2);
    assert!(found.recovered(source.as_ref()).iter().all(|(bytes, _)| *bytes != gone));
    let told = found.issues.iter().any(|issue| issue.what.contains(expect));
    assert!(told, "{:?}", found.issues);
}

fn mtools(program: &str, image: &Path, arguments: &[&str]) {
    let mut all = vec!["-i", image.to_str().unwrap()];
    all.extend(arguments);
    run(program, &all);
}

fn files(folder: &Path) -> [String; 3] {
    [("kept.bin", KEPT, 1), ("gone.bin", GONE, 2), ("next.bin", GONE, 3)].map(|(name, length, seed)| {
        let path = folder.join(name);
        fs::write(&path, noise(length, seed)).unwrap();
        path.to_str().unwrap().to_owned()
    })
}

fn fat(bits: &str, size: &str, sectors: &str) {
    if !need(&["mkfs.vfat", "mcopy", "mdel"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [kept, gone, next] = files(folder.path());
    let image = folder.path().join("fat.img");
    run("truncate", &["-s", size, image.to_str().unwrap()]);
    run("mkfs.vfat", &["-F", bits, "-s", sectors, "-i", "1A2B3C4D", image.to_str().unwrap()]);
    for file in [&gone, &kept] {
        mtools("mcopy", &image, &[file, "::/"]);
    }
    mtools("mdel", &image, &["::/gone.bin"]);
    let block = sectors.parse::<usize>().unwrap() * 512;
    check(&image, "fat", block, Some("is assumed"));
    // mtools takes the first free clusters only once it is told to begin there: the hint of FAT32 leads further on.
    let mut bytes = fs::read(&image).unwrap();
    if bits == "32" {
        bytes[512 + 492..512 + 496].copy_from_slice(&2_u32.to_le_bytes());
        fs::write(&image, &bytes).unwrap();
    }
    mtools("mcopy", &image, &[&next, "::/"]);
    // The slot of the deleted entry may be taken, too: then it is gone altogether.
    let source = opened(&fs::read(&image).unwrap());
    if whole(source.as_ref()).of(Kind::Deleted).count() > 0 {
        check_reused(&image, "are in use again");
    }
}

#[test]
fn fat12() {
    fat("12", "2M", "2");
}

#[test]
fn fat16() {
    fat("16", "20M", "4");
}

#[test]
fn fat32() {
    fat("32", "40M", "1");
}

fn ext(options: &[&str], recovered: Option<&str>) {
    if !need(&["mke2fs", "debugfs"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    let [kept, gone, next] = files(folder.path());
    for file in [&kept, &gone] {
        fs::copy(file, tree.join(Path::new(file).file_name().unwrap())).unwrap();
    }
    let image = common::image(folder.path(), &tree, "20M", options);
    // debugfs takes the name and the blocks, and leaves the map in the inode: the kernel of ext2 did so, too.
    run("debugfs", &["-w", "-R", "rm /gone.bin", image.to_str().unwrap()]);
    check(&image, "ext", 1024, recovered);
    run("debugfs", &["-w", "-R", &format!("write {next} next.bin"), image.to_str().unwrap()]);
    let source = opened(&fs::read(&image).unwrap());
    // debugfs may give the new file the deleted one's inode.
    if recovered.is_some()
        && whole(source.as_ref()).of(Kind::Deleted).any(|entry| entry.facts.size == Some(GONE as u64))
    {
        check_reused(&image, "are in use again");
    }
}

#[test]
fn ext2() {
    ext(&["-t", "ext2", "-b", "1024"], Some("map of blocks"));
}

#[test]
fn ext3() {
    ext(&["-t", "ext3", "-b", "1024"], Some("map of blocks"));
}

#[test]
fn ext4() {
    ext(&["-t", "ext4", "-b", "1024"], Some("map of blocks"));
}

#[test]
fn ext4_without_copies_in_every_group() {
    ext(&["-t", "ext4", "-b", "1024", "-O", "^resize_inode,sparse_super2"], Some("map of blocks"));
}

#[test]
fn ntfs() {
    if !ntfs_volumes::is_ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [kept, gone, next] = files(folder.path());
    let image = ntfs_volumes::format(folder.path(), 12 << 20, &["-c", "1024"]);
    {
        let mount = Mount::new(&image, "rw");
        fs::copy(&gone, mount.path().join("gone.bin")).unwrap();
        fs::copy(&kept, mount.path().join("kept.bin")).unwrap();
        fs::write(mount.path().join("small.txt"), b"within its record").unwrap();
        fs::remove_file(mount.path().join("gone.bin")).unwrap();
        fs::remove_file(mount.path().join("small.txt")).unwrap();
    }
    check(&image, "ntfs", 1024, Some("run list"));
    let source = opened(&fs::read(&image).unwrap());
    let small = whole(source.as_ref()).recovered(source.as_ref());
    let small = small.iter().find(|(bytes, _)| bytes == b"within its record").expect("resident content");
    assert!(small.1.contains("inside the record"), "{}", small.1);
    // As The Sleuth Kit recovers it, by the number of the record.
    let found = whole(source.as_ref());
    let deleted = found.of(Kind::Deleted).find(|entry| entry.facts.size == Some(GONE as u64)).unwrap();
    let number = deleted.facts.node.split(':').nth(1).unwrap();
    let theirs = run("icat", &["-r", "-f", "ntfs", image.to_str().unwrap(), number]);
    assert!(theirs == noise(GONE, 2));
    // A few clusters of it are taken again: by the bitmap alone, so that the record stays.
    let mut bytes = fs::read(&image).unwrap();
    let first = place(&bytes, &noise(GONE, 2)) / 1024;
    let bitmap = {
        let runs = String::from_utf8(run("istat", &["-f", "ntfs", image.to_str().unwrap(), "6"])).unwrap();
        let line = runs.lines().skip_while(|line| !line.contains("$DATA")).nth(1).unwrap();
        line.split_whitespace().next().unwrap().parse::<usize>().unwrap() * 1024
    };
    for cluster in first + 2..first + 5 {
        bytes[bitmap + cluster / 8] |= 1 << (cluster % 8);
    }
    fs::write(&image, &bytes).unwrap();
    check_reused(&image, "of its 9 clusters, 3 are in use again");
    drop(next);
}

#[test]
fn what_lies_past_the_end_of_an_image_is_no_item() {
    if !need(&["mkfs.vfat"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("fat.img");
    run("truncate", &["-s", "20M", image.to_str().unwrap()]);
    run("mkfs.vfat", &["-F", "16", image.to_str().unwrap()]);
    let mut bytes = fs::read(&image).unwrap();
    bytes.truncate(5_000_000);
    let source = opened(&bytes);
    let found = whole(source.as_ref());
    let ends: Vec<u64> =
        found.of(Kind::Unallocated).map(|entry| entry.node.number() + entry.node.part()).collect();
    assert_eq!(ends, [5_000_000]);
    free(source.as_ref(), &found, &bytes);
}
