//! Many single-byte mutants of every file system: none may crash, hang, or have a stream that is not of its declared length.
//!
//! ```text
//! AMBIT_MUTANTS=10000 cargo test -p source --release --test mutants -- --ignored --nocapture
//! ```
//!
//! Bytes are changed only where a walk reads; of those that it does not read nothing can be learned. Some hundred mutants
//! of each reader are part of every run of its own tests. This is for the nights: see `tests/tools/mutants.sh`.

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

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use matrix_media::Extent;
use matrix_media::file_systems::make;
use source::{ByteSource, ReadFault, Source, WalkEvent, WalkOptions, file_system};

/// An image with one byte changed, which notes where it is read.
struct Mutant {
    image: Arc<Vec<u8>>,
    at: u64,
    flip: u8,
    /// Sectors of 64 bytes that were read in small pieces: structures, not content.
    read: Option<Mutex<BTreeSet<u64>>>,
}

impl ByteSource for Mutant {
    fn len(&self) -> u64 {
        ByteSource::len(self.image.as_ref())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let count = self.image.read_at(offset, buf)?;
        if let Some(at) = self.at.checked_sub(offset).filter(|at| *at < count as u64) {
            buf[at as usize] ^= self.flip;
        }
        if let Some(read) = &self.read {
            read.lock().unwrap().extend(offset / 64..(offset + count as u64).div_ceil(64));
        }
        Ok(count)
    }
}

/// Walks and reads everything, content up to a limit: a mutant may claim a size of exabytes, all of it a hole.
fn survive(bytes: Arc<dyn ByteSource>, what: &str) -> (u64, u64) {
    let (mut items, mut failures) = (0, 0);
    let source: Box<dyn Source> = match file_system(bytes) {
        Ok(source) => source,
        Err(_) => return (0, 1),
    };
    let mut buf = vec![0; 1 << 16];
    let visit = &mut |event| {
        let WalkEvent::Item(entry) = event else {
            failures += 1;
            return ControlFlow::Continue(());
        };
        items += 1;
        let Ok(mut stream) = source.open(&entry) else {
            failures += u64::from(entry.facts.kind.has_content());
            return ControlFlow::Continue(());
        };
        let declared = stream.declared_len();
        let mut length = 0;
        while length < LIMIT {
            match stream.read(&mut buf) {
                Ok(0) => {
                    assert_eq!(length, declared, "{what}: {}", entry.locator);
                    break;
                }
                Ok(count) => length += count as u64,
                Err(_) => {
                    failures += 1;
                    break;
                }
            }
            assert!(length <= declared, "{what}: {}", entry.locator);
        }
        ControlFlow::Continue(())
    };
    let options = WalkOptions { deleted: true, ..WalkOptions::default() };
    if source.walk_with(&options, visit).is_err() {
        failures += 1;
    }
    (items, failures)
}

fn mutate(name: &str) {
    let count = std::env::var("AMBIT_MUTANTS").ok().and_then(|count| count.parse().ok()).unwrap_or(200_u64);
    let seconds = std::env::var("AMBIT_MUTANTS_SECONDS").ok().and_then(|count| count.parse().ok());
    let folder = tempfile::tempdir().unwrap();
    let Some(made) = make(name, folder.path(), Extent::Mutants) else { return };
    let image = Arc::new(fs::read(&made.image).unwrap());
    let whole = Arc::new(Mutant { image: Arc::clone(&image), at: 0, flip: 0, read: Some(Mutex::default()) });
    // A walk alone, so that it is its structures that are changed, and not much of its content.
    let source = file_system(Arc::clone(&whole) as Arc<dyn ByteSource>).unwrap();
    source.walk(&mut |_| ControlFlow::Continue(())).unwrap();
    let places: Vec<u64> = whole.read.as_ref().unwrap().lock().unwrap().iter().copied().collect();
    let sound = survive(Arc::<Vec<u8>>::clone(&image), name);
    let mut state = 0x9E37_79B9_7F4A_7C15_u64 ^ name.len() as u64;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) % below
    };
    let began = Instant::now();
    let (mut noticed, mut done, mut slowest) = (0, 0, (Duration::ZERO, String::new()));
    for _ in 0..count {
        if seconds.is_some_and(|seconds| began.elapsed() > Duration::from_secs(seconds)) {
            break;
        }
        let at = places[random(places.len() as u64) as usize] * 64 + random(64);
        // Half of them one bit, half of them any other value.
        let flip = if random(2) == 0 { 1_u8 << random(8) } else { 1 + random(255) as u8 };
        let what = format!("{name}, byte {at} with {flip:#04x}");
        let one = Instant::now();
        let mutant = Mutant { image: Arc::clone(&image), at, flip, read: None };
        let found = std::panic::catch_unwind(|| survive(Arc::new(mutant), &what));
        let found = found.unwrap_or_else(|_| panic!("{what}: a panic"));
        assert!(one.elapsed() < Duration::from_secs(60), "{what}: {:?}", one.elapsed());
        if one.elapsed() > slowest.0 {
            slowest = (one.elapsed(), what);
        }
        noticed += u64::from(found != sound);
        done += 1;
    }
    eprintln!(
        "{name}: {done} mutants in {:.0} s, {noticed} with another number of items or issues; slowest {:?} ({})",
        began.elapsed().as_secs_f64(),
        slowest.0,
        slowest.1
    );
}

/// Bytes read of one stream.
const LIMIT: u64 = 1 << 20;

macro_rules! mutants {
    ($($test:ident: $name:expr;)*) => {
        $(#[test] #[ignore = "for the nights: tests/tools/mutants.sh"] fn $test() { mutate($name); })*
    };
}

mutants! {
    ext2: "ext2";
    ext3: "ext3";
    ext4: "ext4";
    ntfs: "NTFS";
    fat16: "FAT16";
    fat32: "FAT32";
    exfat: "exFAT";
    iso: "ISO 9660";
    xfs: "XFS";
    btrfs: "btrfs";
}
