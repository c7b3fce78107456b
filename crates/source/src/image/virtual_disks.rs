//! Virtual disks made by `qemu-img` and `qemu-io`, read back byte by byte; and damaged ones.

mod damage;
mod forged;
mod made;
mod room;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Beside, Image, ImageError, qcow2, vhd, vhdx, vmdk};

/// The folder of a test's disks.
struct Folder(PathBuf);

impl Beside for Folder {
    fn open(&self, name: &OsStr) -> io::Result<File> {
        assert!(!name.as_bytes().contains(&b'/'), "a reader must not ask for a path");
        File::open(self.0.join(name))
    }
}

fn open(path: &Path) -> Result<Image, ImageError> {
    let mut head = [0; 4];
    let file = File::open(path).unwrap();
    let _ = file.read_at(&mut head, 0).unwrap();
    let beside = Folder(path.parent().unwrap().to_owned());
    let name = path.file_name().unwrap();
    match &head {
        b"QFI\xFB" => qcow2::open(name, file, &beside),
        b"vhdx" => vhdx::open(name, file, &beside),
        b"KDMV" | b"COWD" | b"# Di" => vmdk::open(name, file, &beside),
        _ => vhd::open(name, file, &beside),
    }
}

/// Whether `qemu-img` is there. In CI its absence fails the test.
fn has_qemu() -> bool {
    let found = Command::new("qemu-img").arg("--version").output().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "qemu-img is absent: install qemu-utils");
    if !found {
        eprintln!("skipped: qemu-img is absent");
    }
    found
}

fn run(program: &str, arguments: &[&OsStr]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {words}");
    output.stdout
}

/// Runs a program with arguments in one line, where `{}` stands for the paths in turn and `~` for a blank inside one.
fn line(line: &str, paths: &[&Path]) -> Vec<u8> {
    let mut paths = paths.iter();
    let mut words = line.split(' ').map(|word| match word {
        "{}" => paths.next().unwrap().as_os_str().to_owned(),
        word => OsString::from(word.replace('~', " ")),
    });
    let program = words.next().unwrap().into_string().unwrap();
    let arguments: Vec<OsString> = words.collect();
    run(&program, &arguments.iter().map(OsString::as_os_str).collect::<Vec<_>>())
}

/// Bytes without a pattern.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    (0..length.div_ceil(8)).flat_map(|_| random.next().to_le_bytes()).take(length).collect()
}

/// A sequence of numbers that looks random and is the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }
}

/// A raw disk with holes, noise, text and an odd number of sectors.
fn raw(folder: &Path, length: usize) -> PathBuf {
    let path = folder.join("raw");
    let file = File::create(&path).unwrap();
    file.set_len(length as u64).unwrap();
    let text = b"All work and no play makes Jack a dull boy. ".repeat(12_000);
    let step = length / 8;
    for (index, part) in
        [noise(300_000, 1), text, vec![0; 100_000], noise(70_001, 2), vec![0xFF; 5]].iter().enumerate()
    {
        file.write_all_at(part, (index * step + 1000 * index) as u64).unwrap();
    }
    let tail = noise(1000, 3);
    file.write_all_at(&tail, (length - tail.len()) as u64).unwrap();
    path
}

/// Reads all of `image`, in pieces of `step` bytes.
fn content(image: &Image, step: usize) -> Result<Vec<u8>, crate::ReadFault> {
    let length = usize::try_from(image.bytes.len()).unwrap();
    let mut bytes = vec![0xEE; length];
    for (index, piece) in bytes.chunks_mut(step).enumerate() {
        image.bytes.read_exact_at((index * step) as u64, piece)?;
    }
    Ok(bytes)
}

/// Holds the disk at `path` to the bytes of `truth`, beyond which there may be zeros to round it up.
fn check(path: &Path, truth: &[u8]) -> Image {
    let image = open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let bytes = content(&image, 1 << 20).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    compare(path, &bytes, truth);
    image
}

fn compare(path: &Path, bytes: &[u8], truth: &[u8]) {
    assert!(bytes.len() >= truth.len(), "{}: {} of {} bytes", path.display(), bytes.len(), truth.len());
    let differs =
        bytes.iter().zip(truth.iter().chain(std::iter::repeat(&0))).position(|(one, other)| one != other);
    assert_eq!(differs, None, "{}", path.display());
}
