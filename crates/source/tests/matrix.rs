//! Every file system in every container, and in every table: every item and digest against what is true.
//!
//! `AMBIT_MATRIX=full` makes larger trees and the whole product; see `docs/contributing/testing.md`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

mod common;
mod matrix_media;
mod ntfs_volumes;

use std::fs;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use common::run;
use matrix_media::file_systems::{Made, Mounted, make};
use matrix_media::{Extent, containers, tables, truth};
use source::{OpenOptions, WalkEvent, open, open_set};

/// The containers of a file system in a table, where not all are asked for.
const FEW: &[&str] = &["raw", "E01"];

/// Opens a disk, or the disks of a set, in a container, and compares. Whether it could be made here.
fn in_container(disks: &[PathBuf], container: &str, folder: &Path, made: &Made, what: &str) -> bool {
    let what = format!("{what}, {container}");
    let mut wrapped = Vec::new();
    let folder = tempfile::tempdir_in(folder).unwrap();
    for (index, disk) in disks.iter().enumerate() {
        let folder = folder.path().join(index.to_string());
        fs::create_dir(&folder).unwrap();
        match containers::wrap(disk, container, &folder) {
            Some(path) => wrapped.push(path),
            None => return false,
        }
    }
    let opened = match wrapped.as_slice() {
        [only] => open(only, &OpenOptions::default()),
        set => open_set(set, &OpenOptions::default()),
    };
    let opened = opened.unwrap_or_else(|error| panic!("{what}: {error}"));
    truth::compare(&opened, &made.truth, made.is_system, &what);
    true
}

fn check(name: &str, with_tables: bool) {
    let began = Instant::now();
    let extent = Extent::asked();
    let folder = tempfile::tempdir().unwrap();
    let Some(made) = make(name, folder.path(), extent) else { return };
    let bare = [made.image.clone()];
    let mut done = Vec::new();
    for container in containers::ALL {
        if in_container(&bare, container, folder.path(), &made, name) {
            done.push(container.to_owned());
        }
    }
    let some = if extent == Extent::Full { &containers::ALL[..] } else { FEW };
    for table in tables::ALL.iter().filter(|_| with_tables || extent == Extent::Full) {
        let Some(disks) = tables::put(&made.image, table, folder.path()) else { continue };
        let what = format!("{name}, {table}");
        for container in some {
            if in_container(&disks, container, folder.path(), &made, &what) {
                done.push(format!("{table} in {container}"));
            }
        }
        disks.iter().for_each(|disk| fs::remove_file(disk).unwrap());
    }
    eprintln!(
        "{name}: {} items, by {}; {} in {:.1} s: {}",
        made.truth.len(),
        made.by,
        done.len(),
        began.elapsed().as_secs_f64(),
        done.join(", ")
    );
}

macro_rules! matrix {
    ($($test:ident: $name:expr, $with_tables:expr;)*) => {
        $(#[test] fn $test() { check($name, $with_tables); })*
    };
}

matrix! {
    ext2: "ext2", false;
    ext3: "ext3", false;
    ext4: "ext4", true;
    ntfs: "NTFS", true;
    fat16: "FAT16", false;
    fat32: "FAT32", false;
    exfat: "exFAT", false;
    iso: "ISO 9660", false;
    xfs: "XFS", false;
    btrfs: "btrfs", false;
}

/// Opens a damaged image. Something must be noticed, and no stream may end well with other bytes.
fn check_damaged(path: &Path, made: &Made, what: &str) {
    match open(path, &OpenOptions::default()) {
        Err(_) => {}
        Ok(opened) => {
            let noticed = truth::damaged(&opened, &made.truth, made.is_system, what);
            assert!(noticed > 0, "{what}: nothing was noticed");
        }
    }
}

/// Cuts a file to parts of its length, the longest first, and opens it each time.
fn check_cuts(cut: &Path, open: &Path, made: &Made, what: &str) {
    let length = matrix_media::length(cut);
    let file = fs::OpenOptions::new().write(true).open(cut).unwrap();
    for eighths in [7, 5, 3, 1] {
        file.set_len(length * eighths / 8 / 512 * 512).unwrap();
        check_damaged(open, made, &format!("{what}, {eighths} eighths of it"));
    }
}

#[test]
fn truncated_containers_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let Some(made) = make("ext4", folder.path(), Extent::Quick) else { return };
    for container in containers::ALL {
        let Some(first) = containers::wrap(&made.image, container, folder.path()) else { continue };
        // Of a set, the last segment.
        let files = fs::read_dir(first.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
        let last = files.max().unwrap();
        let last = if container == "raw" { copied(&last) } else { last };
        let first = if container == "raw" { last.clone() } else { first };
        check_cuts(&last, &first, &made, container);
    }
}

/// The raw container is the image itself: a copy of it can be cut.
fn copied(path: &Path) -> PathBuf {
    let copy = path.with_extension("copy");
    fs::copy(path, &copy).unwrap();
    copy
}

#[test]
fn truncated_partitions_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["ext4", "NTFS"] {
        let Some(made) = make(name, &folder.path().join(name), Extent::Quick) else { continue };
        let sectors = matrix_media::length(&made.image) / 512;
        // The table states less than the file system has; then the disk ends within the partition.
        for part in [7, 4, 1] {
            let disk = folder.path().join(format!("{name}.{part}.disk"));
            let script = tables::gpt(sectors * part / 8);
            let Some(disks) = tables::divided(&made.image, &disk, sectors, &script) else { return };
            check_damaged(&disks[0], &made, &format!("{name} in a partition of {part} eighths"));
        }
        let Some(disks) = tables::put(&made.image, "GPT", folder.path()) else { return };
        check_cuts(&disks[0], &disks[0], &made, &format!("{name} on a disk that was cut"));
    }
}

#[test]
fn truncated_file_systems_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    for name in matrix_media::file_systems::ALL {
        let Some(made) = make(name, &folder.path().join(name), Extent::Quick) else { continue };
        check_cuts(&made.image, &made.image, &made, name);
    }
}

/// Pieces of content in a file of more than 4 GiB; the rest is a hole.
const FAR: [u64; 5] = [0, 1 << 31, (1 << 32) - 3, (1 << 32) + 5000, (1 << 32) + 100_000 - 700];
const FAR_LENGTH: u64 = (1 << 32) + 100_000;

fn write_far(path: &Path) {
    let file = fs::File::create(path).unwrap();
    for at in FAR {
        file.write_all_at(&common::noise(700, at), at).unwrap();
    }
    assert_eq!(file.metadata().unwrap().len(), FAR_LENGTH);
}

/// A small file system with one file of more than 4 GiB.
fn with_far(name: &str, folder: &Path) -> Option<PathBuf> {
    let image = folder.join("image");
    let path = image.to_str().unwrap();
    let blank = |mib: u64| fs::File::create(&image).unwrap().set_len(mib << 20).unwrap();
    match name {
        "ext4" => {
            let tree = folder.join("tree");
            fs::create_dir(&tree).unwrap();
            write_far(&tree.join("far"));
            blank(16);
            run("mke2fs", &["-q", "-F", "-t", "ext4", "-d", tree.to_str().unwrap(), path]);
        }
        "NTFS" => {
            if !ntfs_volumes::is_ready() {
                return None;
            }
            let image = ntfs_volumes::format(folder, 16 << 20, &["-c", "4096"]);
            let mount = ntfs_volumes::Mount::new(&image, "rw");
            fs::File::create(mount.path().join("far")).unwrap().set_len(FAR_LENGTH).unwrap();
            let file = fs::OpenOptions::new().write(true).open(mount.path().join("far")).unwrap();
            FAR.iter().for_each(|at| file.write_all_at(&common::noise(700, *at), *at).unwrap());
            return Some(image);
        }
        kind => {
            let (maker, options): (_, &[&str]) =
                if kind == "xfs" { ("mkfs.xfs", &["-q", "-f"]) } else { ("mkfs.btrfs", &["-q"]) };
            if !matrix_media::need(&[maker]) {
                return None;
            }
            blank(300);
            run(maker, &[options, &[path]].concat());
            write_far(&Mounted::new(&image, kind)?.0.join("far"));
        }
    }
    Some(image)
}

/// The stream holds the pieces in their places, and zeros elsewhere.
fn check_far(opened: &source::Opened, what: &str) {
    let mut far = None;
    let source = opened.sources[0].as_ref();
    let visit = &mut |event| {
        if let WalkEvent::Item(entry) = event
            && entry.facts.names.iter().any(|name| name.bytes() == b"/far")
        {
            far = Some(entry);
        }
        ControlFlow::Continue(())
    };
    source.walk(visit).unwrap();
    let mut stream = source.open(&far.unwrap()).unwrap();
    assert_eq!(stream.declared_len(), FAR_LENGTH, "{what}");
    let pieces = FAR.map(|at| (at, common::noise(700, at)));
    let (mut at, mut buf, zeros) = (0, vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let count = stream.read(&mut buf).unwrap();
        if count == 0 {
            break;
        }
        for (start, bytes) in &pieces {
            let overlap = at.max(*start)..(at + count as u64).min(start + 700);
            for place in overlap {
                let byte = std::mem::take(&mut buf[(place - at) as usize]);
                assert_eq!(byte, bytes[(place - start) as usize], "{what}, at {place}");
            }
        }
        assert!(buf[..count] == zeros[..count], "{what}, after {at}");
        at += count as u64;
    }
    assert_eq!(at, FAR_LENGTH, "{what}");
}

fn beyond_4_gib(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let Some(image) = with_far(name, folder.path()) else { return };
    for container in ["raw", "QCOW2"] {
        let Some(path) = containers::wrap(&image, container, folder.path()) else { continue };
        check_far(&open(&path, &OpenOptions::default()).unwrap(), &format!("{name}, {container}"));
    }
}

#[test]
fn beyond_4_gib_on_ext4() {
    beyond_4_gib("ext4");
}

#[test]
fn beyond_4_gib_on_ntfs() {
    beyond_4_gib("NTFS");
}

#[test]
fn beyond_4_gib_on_xfs() {
    beyond_4_gib("xfs");
}

#[test]
fn beyond_4_gib_on_btrfs() {
    beyond_4_gib("btrfs");
}
