//! Trees of files that are put into the file systems.

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::Path;

use super::Extent;
use crate::common::noise;

/// What a file system, and the tool that fills it, can hold.
#[derive(Clone, Copy)]
pub struct Can {
    pub hard_links: bool,
    pub symlinks: bool,
    pub names: Names,
}

/// Which names can be given.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Names {
    /// Any bytes.
    Bytes,
    /// Any characters.
    Unicode,
    /// What Windows accepts.
    Windows,
    /// No spaces.
    Plain,
}

/// Fills `root`: some 60 files, some 300, or some 1,500 and a directory of 20,000 names.
pub fn fill(root: &Path, can: Can, extent: Extent) {
    let write = |name: &[u8], bytes: &[u8]| {
        let path = root.join(std::ffi::OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let (plain, wide) = match extent {
        Extent::Mutants => (10, 20),
        Extent::Quick => (130, 120),
        Extent::Full => (1400, 20_000),
    };
    for index in 0..plain {
        let length = if index % 10 == 0 { 20_000 + index * 7 } else { index * 31 % 5000 };
        write(format!("plain/d{}/f{index}.dat", index % 7).as_bytes(), &noise(length, index as u64));
    }
    for index in 0..wide {
        let content = noise(if index % 50 == 0 { 300 } else { 0 }, index);
        write(format!("wide/entry-{index:05}").as_bytes(), &content);
    }
    for length in [0, 1, 511, 512, 513, 700, 1023, 1024, 1025, 4095, 4096, 4097, 65_536, 65_537, 300_000] {
        write(format!("sizes/{length}").as_bytes(), &noise(length, 7));
    }
    write(
        "deep/".repeat(if extent == Extent::Full { 60 } else { 25 }).trim_end_matches('/').as_bytes(),
        b"deep",
    );
    let dotted = "x".repeat(180);
    let mut names: Vec<&[u8]> =
        vec![b"-rf", b"%41", b".hidden", b"two.dots.txt", b"Mixed.Txt", dotted.as_bytes()];
    if can.names != Names::Plain {
        names.extend([
            &b"with a space"[..],
            "caf\u{e9} au lait".as_bytes(),
            "\u{65e5}\u{672c}\u{8a9e}".as_bytes(),
        ]);
    }
    if matches!(can.names, Names::Unicode | Names::Bytes) {
        names.extend([&b"new\nline"[..], b"quote\"'", b" "]);
    }
    if can.names == Names::Bytes {
        names.extend([&b"\xFF\xFE"[..], b"tab\t", &[b'y'; 255]]);
    }
    for name in names {
        write(&[b"odd/", name].concat(), name);
    }
    if can.hard_links {
        write(b"links/one", b"one file, three names");
        fs::hard_link(root.join("links/one"), root.join("links/two")).unwrap();
        fs::hard_link(root.join("links/one"), root.join("three")).unwrap();
    }
    if can.symlinks {
        fs::create_dir_all(root.join("links")).unwrap();
        symlink("one", root.join("links/short")).unwrap();
        symlink("../".repeat(40) + "end", root.join("links/long")).unwrap();
    }
}

/// Files with holes, also at their ends.
pub fn sparse(root: &Path) {
    let file = File::create(root.join("sparse")).unwrap();
    for index in 0..30_u64 {
        file.write_all_at(&noise(700, index), index * 32_768 + 100).unwrap();
    }
    file.set_len(30 * 32_768 + 12_345).unwrap();
    File::create(root.join("hole")).unwrap().set_len(1 << 20).unwrap();
}

/// A file in many pieces, by a file system that is mounted: first its even ones, then its odd ones.
pub fn pieces(root: &Path) {
    let file = File::create(root.join("pieces")).unwrap();
    for first in [0, 1] {
        for index in (first..120_u64).step_by(2) {
            file.write_all_at(&noise(4096, index), index * 4096).unwrap();
        }
        file.sync_all().unwrap();
        fs::write(root.join(format!("between{first}")), noise(9000, first)).unwrap();
    }
}

/// Files that are deleted again, so that what follows stands in their places.
pub fn filler(root: &Path) {
    fs::create_dir_all(root.join("filler")).unwrap();
    for index in 0..FILLERS {
        fs::write(root.join(format!("filler/{index}")), noise(6000, index)).unwrap();
    }
}

/// How many files [`filler`] makes; every second of them goes again.
pub const FILLERS: u64 = 40;

/// What is written when they have gone: in pieces, since there is little room elsewhere or it is looked for from the beginning.
pub fn fragments() -> Vec<u8> {
    noise(200_000, 77)
}
