//! Media that do not give some sectors: exactly these are missing, and nothing else.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;
mod media;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{content, noise, run, walk};
use media::need;
use scope::facts::Kind;
use source::{ByteSource, PastGaps, Patient, ReadFault, Source, digests, file_system};

/// Bytes of which some ranges cannot be read, some of them a few times only.
struct Failing {
    bytes: Vec<u8>,
    bad: Vec<Range<u64>>,
    /// A range that is given after so many failures.
    moody: (Range<u64>, AtomicU64),
    reads: AtomicU64,
}

impl Failing {
    fn new(bytes: Vec<u8>, bad: &[Range<u64>]) -> Self {
        Self { bytes, bad: bad.to_vec(), moody: (0..0, AtomicU64::new(0)), reads: AtomicU64::new(0) }
    }
}

impl ByteSource for Failing {
    fn len(&self) -> u64 {
        ByteSource::len(&self.bytes)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let end = offset + buf.len() as u64;
        let hit = |bad: &Range<u64>| offset < bad.end && bad.start < end;
        let (moody, left) = &self.moody;
        let is_moody = hit(moody)
            && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok();
        if is_moody || self.bad.iter().any(hit) {
            return Err(ReadFault { offset, length: buf.len() as u64, reason: "bad sector".into() });
        }
        self.bytes.read_at(offset, buf)
    }
}

/// Where the sector `number` of `content` stands in `image`.
fn place(image: &[u8], content: &[u8], number: usize) -> Range<u64> {
    let sector = &content[number * 512..][..512];
    let at = image.chunks_exact(512).position(|chunk| chunk == sector).unwrap() as u64 * 512;
    at..at + 512
}

/// Of each file by its name: its bytes, and the ranges of them that were not given.
type Kept = BTreeMap<Vec<u8>, (Vec<u8>, Vec<(u64, u64)>)>;

/// What is kept of each file, and what is missing of it.
fn kept(source: &dyn Source) -> Kept {
    let mut all = BTreeMap::new();
    for entry in walk(source)
        .entries
        .iter()
        .filter(|entry| entry.facts.kind == Kind::File && !entry.facts.names.is_empty())
    {
        let mut stream = PastGaps::new(source.open_to_keep(entry).unwrap());
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        assert_eq!(stream.reason().is_some(), !stream.missing().is_empty());
        all.insert(entry.facts.names[0].0.clone(), (bytes, stream.missing().to_vec()));
    }
    all
}

/// A file system that holds the file `/evidence` (noise), with chosen sectors of it that fail.
fn check(image: &[u8], evidence: &[u8]) {
    let whole = kept(file_system(Arc::new(image.to_vec())).unwrap().as_ref());
    let last = evidence.len() / 512 - 1;
    let sectors = [0, 3, 4, 5, 100, last];
    let bad: Vec<_> = sectors.iter().map(|number| place(image, evidence, *number)).collect();
    let patient = Arc::new(Patient::new(Arc::new(Failing::new(image.to_vec(), &bad))));
    let source = file_system(Arc::clone(&patient) as Arc<dyn ByteSource>).unwrap();
    let found = kept(source.as_ref());

    let mut expected = whole;
    let (bytes, missing) = expected.get_mut(b"/evidence".as_slice()).unwrap();
    assert!(bytes == evidence);
    for number in sectors {
        bytes[number * 512..][..512].fill(0);
    }
    let last = last as u64 * 512;
    *missing = vec![(0, 512), (3 * 512, 6 * 512), (100 * 512, 101 * 512), (last, last + 512)];
    assert!(
        found == expected,
        "{:?}",
        found.iter().map(|(name, (_, missing))| (String::from_utf8_lossy(name), missing)).collect::<Vec<_>>()
    );
    assert_eq!(patient.bad_ranges(), source::merged(bad), "of the medium");

    // A look is never taken on zeros.
    let walked = walk(source.as_ref());
    let entry =
        walked.entries.iter().find(|entry| entry.facts.names.iter().any(|name| name.0 == b"/evidence"));
    assert!(source.open(entry.unwrap()).unwrap().read_to_end(&mut Vec::new()).is_err());
}

fn tree(folder: &Path) -> (std::path::PathBuf, Vec<u8>) {
    let tree = folder.join("tree");
    fs::create_dir_all(tree.join("sub")).unwrap();
    let evidence = noise(300 * 512 + 77, 5);
    fs::write(tree.join("evidence"), &evidence).unwrap();
    fs::write(tree.join("sub/other"), noise(5000, 6)).unwrap();
    (tree, evidence)
}

#[test]
fn of_ext4_exactly_the_bad_sectors_are_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (tree, evidence) = tree(folder.path());
    let image = common::image(folder.path(), &tree, "8M", &["-t", "ext4", "-b", "1024"]);
    check(&fs::read(image).unwrap(), &evidence);
}

#[test]
fn of_fat_exactly_the_bad_sectors_are_missing() {
    if !need(&["mkfs.vfat", "mcopy"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (tree, evidence) = tree(folder.path());
    let image = folder.path().join("fat.img");
    fs::write(&image, vec![0; 8 << 20]).unwrap();
    let path = image.to_str().unwrap();
    run("mkfs.vfat", &["-F", "12", path]);
    for name in ["evidence", "sub"] {
        run("mcopy", &["-i", path, "-s", tree.join(name).to_str().unwrap(), "::/"]);
    }
    check(&fs::read(image).unwrap(), &evidence);
}

#[test]
fn of_ntfs_exactly_the_bad_sectors_are_missing() {
    if !need(&["mkntfs", "ntfscp"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (tree, evidence) = tree(folder.path());
    let image = folder.path().join("ntfs.img");
    fs::write(&image, vec![0; 8 << 20]).unwrap();
    let path = image.to_str().unwrap();
    run("mkntfs", &["-F", "-q", "-Q", path]);
    run("ntfscp", &["-f", path, tree.join("evidence").to_str().unwrap(), "evidence"]);
    check(&fs::read(image).unwrap(), &evidence);
}

#[test]
fn metadata_that_cannot_be_read_is_an_issue_and_ends_no_walk() {
    let folder = tempfile::tempdir().unwrap();
    let (tree, evidence) = tree(folder.path());
    for number in 0..200 {
        fs::write(tree.join(format!("sub/file-{number:03}")), format!("content {number}")).unwrap();
    }
    let image = common::image(folder.path(), &tree, "8M", &["-t", "ext4", "-b", "1024"]);
    let bytes = fs::read(image).unwrap();
    let needle = b"file-150";
    let at = bytes.windows(needle.len()).position(|window| window == needle).unwrap() as u64;
    // A block of the directory: the names in it are lost, the others are not.
    let bad = at / 1024 * 1024..at / 1024 * 1024 + 1;
    let source = file_system(Arc::new(Patient::new(Arc::new(Failing::new(bytes, &[bad]))))).unwrap();
    let walked = walk(source.as_ref());
    assert!(!walked.issues.is_empty() && walked.report.complete);
    let has =
        |name: &[u8]| walked.entries.iter().any(|entry| entry.facts.names.iter().any(|of| of.0 == name));
    assert!(has(b"/evidence") && !has(b"/sub/file-150"));
    assert!(walked.entries.len() > 50, "{} items", walked.entries.len());
    let entry =
        walked.entries.iter().find(|entry| entry.facts.names.iter().any(|name| name.0 == b"/evidence"));
    assert!(content(source.as_ref(), entry.unwrap()) == evidence);
}

#[test]
fn a_sector_that_is_given_at_the_next_try_is_missing_nowhere() {
    let bytes = noise(1 << 20, 3);
    let mut failing = Failing::new(bytes.clone(), &[]);
    // It fails in every read that narrows it down (1 MiB to one sector: 12 halvings), and once alone.
    failing.moody = (5120..5632, AtomicU64::new(13));
    let patient = Patient::new(Arc::new(failing));
    let mut read = vec![0; 1 << 20];
    patient.read_exact_at(0, &mut read).unwrap();
    assert!(read == bytes && patient.bad_ranges().is_empty());
}

#[test]
fn a_known_bad_sector_is_not_asked_for_again() {
    let failing = Arc::new(Failing::new(vec![7; 1 << 20], std::slice::from_ref(&(1024..1536))));
    let patient = Patient::new(Arc::clone(&failing) as Arc<dyn ByteSource>);
    let fault = patient.read_exact_at(0, &mut vec![0; 1 << 16]).unwrap_err();
    assert_eq!((fault.offset, fault.length), (1024, 512));
    let before = failing.reads.load(Ordering::Relaxed);
    assert!(patient.read_exact_at(1000, &mut [0; 100]).is_err());
    assert_eq!(failing.reads.load(Ordering::Relaxed), before);
    patient.read_exact_at(512, &mut [0; 512]).unwrap();
}

#[test]
fn a_digest_over_bad_sectors_says_which() {
    let bytes = noise(1 << 20, 4);
    let bad = [700 * 512..702 * 512, 9 * 512..10 * 512];
    let patient: Arc<dyn ByteSource> = Arc::new(Patient::new(Arc::new(Failing::new(bytes.clone(), &bad))));
    let found = digests(&patient, &[], &mut |_| {}).unwrap();
    let mut zeroed = bytes;
    for range in bad {
        zeroed[range.start as usize..range.end as usize].fill(0);
    }
    assert_eq!(found.unreadable, [(9 * 512, 10 * 512), (700 * 512, 702 * 512)]);
    assert_eq!(found.sha256, scope::Digest::of(&zeroed));
}

/// A drive of which every read fails.
struct Dead(AtomicU64);

impl ByteSource for Dead {
    fn len(&self) -> u64 {
        20 << 40
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(ReadFault { offset, length: buf.len() as u64, reason: "dead".into() })
    }
}

#[test]
fn a_drive_that_fails_on_everything_is_asked_a_bounded_number_of_times() {
    let dead = Arc::new(Dead(AtomicU64::new(0)));
    let patient: Arc<dyn ByteSource> = Arc::new(Patient::new(Arc::clone(&dead) as Arc<dyn ByteSource>));
    let mut at = 0;
    while at < patient.len() {
        // As a stream asks: behind what was said to be missing.
        let fault = patient.read_at(at, &mut vec![0; 1 << 20]).unwrap_err();
        at = fault.offset + fault.length;
        let known = patient.bad_ranges();
        assert_eq!(known.len(), 1);
        at = at.max(known[0].end);
    }
    assert!(dead.0.load(Ordering::Relaxed) < 500_000, "{}", dead.0.load(Ordering::Relaxed));
}
