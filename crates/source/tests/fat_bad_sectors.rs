//! FAT on a medium with bad sectors: in the table, in a folder, in a file.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;
mod media;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::ops::Range;
use std::sync::Arc;

use common::{Walked, noise, run, walk};
use media::need;
use scope::facts::Kind;
use source::{ByteSource, PastGaps, Patient, ReadFault, Source, file_system};

/// Bytes of which some ranges cannot be read.
struct Torn(Vec<u8>, Vec<Range<u64>>);

impl ByteSource for Torn {
    fn len(&self) -> u64 {
        ByteSource::len(&self.0)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let end = offset + buf.len() as u64;
        if self.1.iter().any(|bad| offset < bad.end && bad.start < end) {
            return Err(ReadFault { offset, length: buf.len() as u64, reason: "bad sector".into() });
        }
        self.0.read_at(offset, buf)
    }
}

/// A FAT16 file system with `/early`, `/between`, `/late` and a folder of 300 files, and what one file has.
struct Made {
    image: Vec<u8>,
    files: BTreeMap<String, Vec<u8>>,
}

impl Made {
    fn new() -> Option<Self> {
        if !need(&["mkfs.vfat", "mcopy"]) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("fat.img");
        fs::write(&image, vec![0; 16 << 20]).unwrap();
        let path = image.to_str().unwrap();
        run("mkfs.vfat", &["-F", "16", "-s", "4", "-f", "2", path]);
        let mut files = BTreeMap::new();
        // The first sector of the table has the first 256 clusters of 2 KiB.
        for (name, length) in [("early", 100_000), ("between", 900_000), ("late", 150_000)] {
            let bytes = noise(length, length as u64);
            fs::write(folder.path().join(name), &bytes).unwrap();
            run("mcopy", &["-i", path, folder.path().join(name).to_str().unwrap(), "::/"]);
            files.insert(format!("/{name}"), bytes);
        }
        fs::create_dir(folder.path().join("many")).unwrap();
        for number in 0..300 {
            let bytes = format!("content of {number}").into_bytes();
            fs::write(folder.path().join(format!("many/file-{number:03}")), &bytes).unwrap();
            files.insert(format!("/many/file-{number:03}"), bytes);
        }
        run("mcopy", &["-i", path, "-s", folder.path().join("many").to_str().unwrap(), "::/"]);
        Some(Self { image: fs::read(&image).unwrap(), files })
    }

    fn number(&self, at: usize) -> u64 {
        u16::from_le_bytes([self.image[at], self.image[at + 1]]).into()
    }

    /// Sector `number` of a copy of the table.
    fn table(&self, copy: u64, number: u64) -> Range<u64> {
        let at = (self.number(14) + copy * self.number(22) + number) * 512;
        at..at + 512
    }

    fn open(&self, bad: &[Range<u64>]) -> Box<dyn Source> {
        file_system(Arc::new(Patient::new(Arc::new(Torn(self.image.clone(), bad.to_vec()))))).unwrap()
    }
}

/// Of each file what is kept and what is missing of it; `None` where nothing can be read of it.
type Kept = BTreeMap<String, Option<(Vec<u8>, Vec<(u64, u64)>)>>;

fn kept(source: &dyn Source, walked: &Walked) -> Kept {
    let files = walked.entries.iter().filter(|entry| entry.facts.kind == Kind::File);
    // An item of whose name a part was lost has none.
    let all = files.filter_map(|entry| {
        let name = entry.facts.names.first()?;
        let kept = source.open_to_keep(entry).ok().and_then(|stream| {
            let mut stream = PastGaps::new(stream);
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).ok()?;
            Some((bytes, stream.missing().to_vec()))
        });
        Some((String::from_utf8(name.0.clone()).unwrap(), kept))
    });
    all.collect()
}

fn whole(made: &Made) -> Kept {
    made.files.iter().map(|(name, bytes)| (name.clone(), Some((bytes.clone(), vec![])))).collect()
}

#[test]
fn what_one_copy_of_the_table_does_not_give_comes_from_the_other() {
    let Some(made) = Made::new() else { return };
    let limits = |source: &dyn Source, walked: &Walked| {
        [&source.info().limits[..], &walked.report.limits[..]].concat().join("\n")
    };
    for (bad, said) in [
        (vec![], ""),
        (
            vec![made.table(0, 0)],
            "1 sectors of the first copy of the file allocation table cannot be read; there another copy is used",
        ),
        (vec![made.table(1, 0)], "1 sectors of further copies of the file allocation table cannot be read"),
        // Each copy alone is not enough.
        (vec![made.table(0, 0), made.table(1, 1)], "1 sectors of the first copy"),
    ] {
        let source = made.open(&bad);
        let walked = walk(source.as_ref());
        assert!(kept(source.as_ref(), &walked) == whole(&made), "{bad:?}");
        assert!(walked.issues.is_empty() && walked.report.complete, "{:?}", walked.issues);
        let limits = limits(source.as_ref(), &walked);
        assert!(limits.contains(said) && !limits.contains("differ in"), "{bad:?}: {limits}");
    }
}

#[test]
fn of_what_no_copy_of_the_table_gives_the_files_alone_are_lost() {
    let Some(made) = Made::new() else { return };
    let source = made.open(&[made.table(0, 0), made.table(1, 0)]);
    let walked = walk(source.as_ref());
    let mut found = kept(source.as_ref(), &walked);
    let mut expected = whole(&made);
    for name in ["/early", "/between"] {
        let (early, bytes) = (found.remove(name).unwrap(), expected.remove(name).unwrap().unwrap().0);
        // Nothing that was read stands in a place of its own that the table did not tell.
        if let Some((kept, missing)) = early {
            assert_eq!((missing.len(), missing[0].1), (1, bytes.len() as u64), "{name}: {missing:?}");
            let from = missing[0].0 as usize;
            assert!(kept[..from] == bytes[..from] && kept[from..].iter().all(|byte| *byte == 0), "{name}");
        }
    }
    assert!(found == expected);
    let said = [&source.info().limits[..], &walked.report.limits[..]].concat().join("\n");
    assert!(said.contains("256 of ") || said.contains("254 of "), "{said}");
}

#[test]
fn of_a_folder_the_names_of_the_bad_sector_alone_are_lost() {
    let Some(made) = Made::new() else { return };
    let needle = b"FILE-150";
    let at = made.image.windows(needle.len()).position(|window| window == needle).unwrap() as u64 / 512 * 512;
    let source = made.open(std::slice::from_ref(&(at..at + 512)));
    let walked = walk(source.as_ref());
    let found = kept(source.as_ref(), &walked);
    assert!(!walked.issues.is_empty(), "what is lost is told");
    assert!(!found.contains_key("/many/file-150"));
    let lost: Vec<_> = made.files.keys().filter(|name| !found.contains_key(*name)).collect();
    // 16 entries of 32 bytes in a sector; a name that begins in the sector before is lost with its end.
    assert!(lost.len() <= 17, "{lost:?}");
    let nameless = walked.entries.iter().filter(|entry| entry.facts.names.is_empty()).count();
    assert!(nameless <= 1, "{nameless} items without a name");
    assert!(found.iter().all(|(name, kept)| *kept == Some((made.files[name].clone(), vec![]))));
}

#[test]
fn of_a_file_the_bad_sector_alone_is_missing() {
    let Some(made) = Made::new() else { return };
    let bytes = &made.files["/late"];
    let at =
        made.image.chunks(512).position(|sector| sector == &bytes[7 * 512..8 * 512]).unwrap() as u64 * 512;
    let source = made.open(std::slice::from_ref(&(at..at + 512)));
    let walked = walk(source.as_ref());
    let mut expected = whole(&made);
    let late = expected.get_mut("/late").unwrap().as_mut().unwrap();
    late.0[7 * 512..8 * 512].fill(0);
    late.1 = vec![(7 * 512, 8 * 512)];
    assert!(kept(source.as_ref(), &walked) == expected);
    assert!(walked.issues.is_empty());
}

#[test]
fn of_an_e01_the_chunk_with_a_wrong_checksum_alone_is_missing() {
    if !need(&["ewfacquire"]) {
        return;
    }
    let Some(made) = Made::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (raw, copy) = (folder.path().join("disk.raw"), folder.path().join("copy"));
    fs::write(&raw, &made.image).unwrap();
    run("ewfacquire", &["-u", "-q", "-c", "none", "-t", copy.to_str().unwrap(), raw.to_str().unwrap()]);
    let image = folder.path().join("copy.E01");
    let mut bytes = fs::read(&image).unwrap();
    let sector = &made.files["/between"][800 * 512..801 * 512];
    let at = bytes.windows(512).position(|window| window == sector).unwrap();
    bytes[at + 100] ^= 4;
    fs::write(&image, bytes).unwrap();
    // A chunk is 64 sectors of the disk, of which the file has its part.
    let on_disk = |sector: &[u8]| made.image.chunks(512).position(|found| found == sector).unwrap();
    let chunk = on_disk(sector) / 64;
    let mut expected = whole(&made);
    let between = expected.get_mut("/between").unwrap().as_mut().unwrap();
    let content = made.files["/between"].clone();
    let lost: Vec<usize> = (0..content.len() / 512)
        .filter(|number| on_disk(&content[number * 512..][..512]) / 64 == chunk)
        .collect();
    assert_eq!(lost.len(), 64, "the chunk lies in the file");
    let (from, to) = (lost[0] * 512, (lost[63] + 1) * 512);
    between.0[from..to].fill(0);
    between.1 = vec![(from as u64, to as u64)];

    let opened = source::open(&image, &source::OpenOptions::default()).unwrap();
    let source = opened.sources[0].as_ref();
    let walked = walk(source);
    assert!(kept(source, &walked) == expected);
    assert!(walked.issues.is_empty());
    let chunk = chunk as u64 * 64 * 512;
    let bad = opened.drives.bad_ranges();
    assert!(bad.len() == 1 && bad[0].iter().eq([&(chunk..chunk + 64 * 512)]), "{bad:?}");
}
