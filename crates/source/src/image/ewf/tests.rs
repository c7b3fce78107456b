//! Images made by ewfacquire, compared with the bytes that they were made from.

use std::ffi::OsStr;
use std::process::Command;

use md5::Md5;
use sha1::{Digest as _, Sha1};

use super::*;
use crate::bytes::ReadFault;
use crate::image::ewf::adler32::adler32;
use crate::image::testing::Folder;

mod mutants;
use mutants::check_mutant;

const CHUNK: usize = 32_768;

/// A small generator, so that tests fail the same way twice.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(below).unwrap()).unwrap()
    }
}

/// A disk with runs of noise, of zeros and of text, as disks have.
fn disk(len: usize) -> Vec<u8> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut bytes = Vec::new();
    while bytes.len() < len {
        let run = random.next(90_000);
        match random.next(3) {
            0 => bytes.extend((0..run).map(|_| u8::try_from(random.next(256)).unwrap())),
            1 => bytes.resize(bytes.len() + run, 0),
            _ => bytes.extend(b"a line of a log, which compresses well\n".iter().cycle().take(run)),
        }
    }
    bytes.truncate(len);
    bytes
}

/// Whether ewfacquire is there; on a machine that tests every change, it has to be.
fn has_ewfacquire() -> bool {
    let found = Command::new("ewfacquire").arg("-V").output().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "ewfacquire (ewf-tools) is not installed");
    if !found {
        eprintln!("ewfacquire is not installed: E01 images were NOT tested");
    }
    found
}

/// Writes `bytes` as an image with ewfacquire; the name of its first segment.
fn acquire(folder: &Folder, bytes: &[u8], options: &[&str]) -> String {
    folder.write("disk.raw", bytes);
    let output = Command::new("ewfacquire")
        .args(["-u", "-q", "-t"])
        .arg(folder.path("disk"))
        .args(options)
        .arg(folder.path("disk.raw"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{options:?}: {output:?}");
    let first = ["disk.E01", "disk.e01", "disk.s01"].into_iter().find(|name| folder.path(name).exists());
    first.unwrap().to_owned()
}

fn open_image(folder: &Folder, first: &str) -> Result<Image, ImageError> {
    let name = OsStr::new(first);
    open(name, folder.open(name).unwrap(), folder)
}

fn refused(folder: &Folder, first: &str) -> String {
    open_image(folder, first).map(|image| image.form).unwrap_err().to_string()
}

/// Reads everything in steps of `step`, chunk by chunk where a step fails: what was read, and the faults.
fn read_all(image: &Image, step: usize) -> (Vec<Option<Vec<u8>>>, Vec<ReadFault>) {
    let (mut steps, mut faults) = (Vec::new(), Vec::new());
    let len = image.bytes.len();
    let mut at = 0;
    while at < len {
        let mut buf = vec![0; step];
        match image.bytes.read_at(at, &mut buf) {
            Ok(count) => {
                buf.truncate(count);
                steps.push(Some(buf));
            }
            Err(fault) => {
                steps.push(None);
                faults.push(fault);
            }
        }
        at += step as u64;
    }
    (steps, faults)
}

fn whole(image: &Image, step: usize) -> Vec<u8> {
    let (steps, faults) = read_all(image, step);
    assert_eq!(faults, []);
    steps.into_iter().flatten().flatten().collect()
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Acquires `bytes` and compares: every byte, in steps of several lengths and at random; stored digests; form.
fn check(bytes: &[u8], options: &[&str], at_least: usize) {
    let folder = Folder::new();
    let first = acquire(&folder, bytes, options);
    let segments = folder.count() - 1;
    assert!(segments >= at_least, "{options:?}: {segments}");
    let image = open_image(&folder, &first).unwrap_or_else(|error| panic!("{options:?}: {error}"));
    assert_eq!(image.bytes.len(), bytes.len() as u64, "{options:?}");
    for step in [4_096, 65_536, 1 << 20, 5_001] {
        assert!(whole(&image, step) == bytes, "{options:?}: other bytes in steps of {step}");
    }
    let mut random = Random(7);
    for _ in 0..50 {
        let at = random.next(bytes.len() + 10);
        let mut buf = vec![0; random.next(3 * CHUNK)];
        let count = image.bytes.read_at(at as u64, &mut buf).unwrap();
        let expect = bytes.get(at..).unwrap_or_default();
        assert!(buf[..count] == expect[..expect.len().min(buf.len())], "{options:?} at {at}");
    }
    let md5 = StoredDigest { algorithm: "md5".into(), hex: hex(&Md5::digest(bytes)) };
    let sha1 = StoredDigest { algorithm: "sha1".into(), hex: hex(&Sha1::digest(bytes)) };
    assert!(image.stored.contains(&md5), "{options:?}: {:?}", image.stored);
    assert_eq!(image.stored.len() == 2, image.stored.contains(&sha1), "{options:?}: {:?}", image.stored);
    let form =
        if segments == 1 { "E01 image".to_owned() } else { format!("E01 image of {segments} segments") };
    assert_eq!(image.form, form, "{options:?}");
    let expected = usize::from(!bytes.len().is_multiple_of(512));
    assert_eq!(image.limits.len(), expected, "{options:?}: {:?}", image.limits);
    assert_eq!(image.ids, []);
    assert_eq!(image.bytes.bad_ranges(), []);
}

#[test]
fn every_format_that_ewfacquire_writes() {
    if !has_ewfacquire() {
        return;
    }
    let bytes = disk(7 * CHUNK + 3 * 512);
    for format in [
        "ewf", "smart", "ftk", "encase1", "encase2", "encase3", "encase4", "encase5", "encase6", "encase7",
        "linen5", "linen6", "linen7", "ewfx",
    ] {
        check(&bytes, &["-f", format, "-c", "fast", "-d", "sha1"], 1);
        check(&bytes, &["-f", format, "-c", "none"], 1);
    }
}

#[test]
fn every_compression_and_length() {
    if !has_ewfacquire() {
        return;
    }
    for compression in ["none", "empty-block", "fast", "best"] {
        for len in [512, CHUNK, 3 * CHUNK, 3 * CHUNK + 512, 5 * CHUNK - 100, 200_000] {
            check(&disk(len), &["-c", compression], 1);
        }
    }
    check(&disk(1 << 20), &["-b", "16", "-d", "sha256"], 1);
    check(&disk(1 << 20), &["-b", "2048", "-c", "fast"], 1);
    check(&disk(5 << 20), &["-b", "4096", "-P", "4096"], 1);
}

#[test]
fn segments_are_joined() {
    if !has_ewfacquire() {
        return;
    }
    let bytes = disk(9_000_000 / 512 * 512);
    for (format, compression) in
        [("encase6", "none"), ("encase5", "best"), ("smart", "fast"), ("ewf", "fast")]
    {
        check(&bytes, &["-f", format, "-c", compression, "-S", "1048576"], 3);
    }
}

/// A small image, its first segment's name and the bytes that it was made from.
fn small(options: &[&str]) -> (Folder, String, Vec<u8>) {
    let folder = Folder::new();
    let bytes = disk(6 * CHUNK + 5 * 512);
    let first = acquire(&folder, &bytes, options);
    (folder, first, bytes)
}

/// Where the sections of a segment begin, by kind.
fn sections(segment: &[u8]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut at = 13;
    loop {
        let name = segment[at..at + 16].split(|byte| *byte == 0).next().unwrap();
        let name = String::from_utf8(name.to_vec()).unwrap();
        let last = name == "next" || name == "done";
        found.push((name, at));
        if last {
            return found;
        }
        at = usize::try_from(u64::from_le_bytes(segment[at + 16..at + 24].try_into().unwrap())).unwrap();
    }
}

fn section(segment: &[u8], kind: &str) -> usize {
    sections(segment).into_iter().find(|(name, _)| name == kind).unwrap().1
}

#[test]
fn bytes_behind_the_last_section_are_counted() {
    if !has_ewfacquire() {
        return;
    }
    let (folder, first, bytes) = small(&[]);
    assert_eq!(open_image(&folder, &first).unwrap().limits, Vec::<String>::new());
    let mut segment = std::fs::read(folder.path(&first)).unwrap();
    segment.extend(vec![b'H'; 12_345]);
    folder.write(&first, &segment);
    let image = open_image(&folder, &first).unwrap();
    let expect = "12345 bytes of segment 1 of the E01 image, behind its last section, are not read";
    assert_eq!(image.limits, [expect]);
    assert!(whole(&image, 70_000) == bytes);
}

/// Puts `extra` into the content of section `kind`, `at` bytes into it, and moves everything behind it.
fn insert(segment: &[u8], kind: &str, at: usize, extra: &[u8]) -> Vec<u8> {
    let place = section(segment, kind) + 76 + at;
    let mut longer = segment[..place].to_vec();
    longer.extend(extra);
    longer.extend(&segment[place..]);
    let moved = |at: usize| if at >= place { at + extra.len() } else { at };
    for (_, start) in sections(segment) {
        let descriptor = moved(start);
        let next = u64::from_le_bytes(segment[start + 16..start + 24].try_into().unwrap());
        let next = moved(usize::try_from(next).unwrap());
        longer[descriptor + 16..descriptor + 24].copy_from_slice(&(next as u64).to_le_bytes());
        let sum = adler32(&longer[descriptor..descriptor + 72]).to_le_bytes();
        longer[descriptor + 72..descriptor + 76].copy_from_slice(&sum);
    }
    longer
}

#[test]
fn bytes_between_chunks_and_behind_entries_are_counted() {
    if !has_ewfacquire() {
        return;
    }
    for compression in ["none", "best"] {
        let (folder, first, bytes) = small(&["-c", compression]);
        let sound = std::fs::read(folder.path(&first)).unwrap();
        let check = |segment: &[u8], expect: &str| {
            folder.write(&first, segment);
            let image = open_image(&folder, &first).unwrap();
            let said = image.limits.join("; ");
            assert!(
                if expect.is_empty() { said.is_empty() } else { said.contains(expect) },
                "{expect}: {said}"
            );
            assert!(whole(&image, 70_000) == bytes, "{expect}");
        };
        check(&sound, "");
        let sections = sections(&sound);
        let at = |kind: &str| sections.iter().position(|(name, _)| name == kind).unwrap();
        let (start, end) = (sections[at("sectors")].1 + 76, sections[at("sectors") + 1].1);
        // Behind the last chunk, which counts as long as it could be.
        let longer = insert(&sound, "sectors", end - start, &[b'H'; 100_000]);
        check(&longer, " bytes of the E01 image are among its chunks and in none of them");
        let end = sections[at("table") + 1].1;
        let longer = insert(&sound, "table", end - (sections[at("table")].1 + 76), &[b'H'; 777]);
        check(&longer, "777 bytes of the E01 image stand behind the entries of its tables");
    }
}

#[test]
fn a_damaged_chunk_fails_and_no_other() {
    if !has_ewfacquire() {
        return;
    }
    for compression in ["none", "best"] {
        let (folder, first, bytes) = small(&["-c", compression]);
        let mut image = folder.read(&first);
        let table = section(&image, "table");
        let entry = |index: usize| {
            let at = table + 76 + 24 + 4 * index;
            let raw = u32::from_le_bytes(image[at..at + 4].try_into().unwrap()) & 0x7FFF_FFFF;
            usize::try_from(raw).unwrap() + section(&image, "volume") + 1_128
        };
        let middle = entry(3) + (entry(4) - entry(3)) / 2;
        image[middle] ^= 0x10;
        folder.write(&first, &image);
        let image = open_image(&folder, &first).unwrap();
        for step in [CHUNK, 512] {
            let (steps, faults) = read_all(&image, step);
            let (start, end) = (3 * CHUNK / step, 4 * CHUNK / step);
            for (index, read) in steps.iter().enumerate() {
                let expect = &bytes[index * step..bytes.len().min((index + 1) * step)];
                assert_eq!(
                    read.as_deref(),
                    (!(start..end).contains(&index)).then_some(expect),
                    "{compression} {index}"
                );
            }
            assert_eq!(faults.len(), end - start);
            for fault in faults {
                assert_eq!((fault.offset, fault.length), (3 * CHUNK as u64, CHUNK as u64), "{fault}");
                assert!(fault.reason.starts_with("chunk 3 of the E01 image"), "{fault}");
            }
        }
        let fault = image.bytes.read_at(0, &mut vec![0; bytes.len()]).unwrap_err();
        assert_eq!(fault.offset, 3 * CHUNK as u64);
    }
}

#[test]
fn one_copy_of_a_table_is_enough() {
    if !has_ewfacquire() {
        return;
    }
    for at in [76, 84, 76 + 24 + 5, 76 + 24 + 28] {
        for (kind, what) in
            [("table", "its first copy is damaged or missing"), ("table2", "its second copy is damaged")]
        {
            let (folder, first, bytes) = small(&["-c", "best"]);
            let mut image = folder.read(&first);
            let place = section(&image, kind) + at;
            image[place] ^= 4;
            folder.write(&first, &image);
            let image = open_image(&folder, &first).unwrap();
            assert!(whole(&image, 10_000) == bytes);
            assert_eq!(image.limits.len(), 1);
            assert!(image.limits[0].contains(what), "{:?}", image.limits);
        }
    }
}

#[test]
fn one_volume_section_or_its_copy_is_enough() {
    if !has_ewfacquire() {
        return;
    }
    let (folder, first, bytes) = small(&["-f", "encase6", "-c", "best"]);
    let whole_image = folder.read(&first);
    for (damaged, limits) in [(["volume", "volume"], 1), (["data", "data"], 1), (["volume", "data"], 0)] {
        let mut image = whole_image.clone();
        for (index, kind) in damaged.iter().enumerate() {
            let place = section(&image, kind) + 76 + 16;
            image[place] ^= if damaged[0] == damaged[1] { [1, 2][index] } else { 1 };
        }
        folder.write(&first, &image);
        if limits == 0 {
            assert!(refused(&folder, &first).contains("no volume section that is whole"));
        } else {
            let image = open_image(&folder, &first).unwrap();
            assert_eq!(image.limits.len(), limits, "{:?}", image.limits);
            assert!(image.limits[0].contains("is damaged and was not used"), "{:?}", image.limits);
            assert!(whole(&image, 65_536) == bytes);
        }
    }
}

#[test]
fn what_no_table_tells_is_lost_and_known() {
    if !has_ewfacquire() {
        return;
    }
    let folder = Folder::new();
    let bytes = disk(3_000_000 / 512 * 512);
    let first = acquire(&folder, &bytes, &["-c", "none", "-S", "1048576"]);
    let mut image = folder.read("disk.E02");
    for kind in ["table", "table2"] {
        let place = section(&image, kind) + 76 + 24;
        image[place] ^= 1;
    }
    folder.write("disk.E02", &image);
    let image = open_image(&folder, &first).unwrap();
    let bad = image.bytes.bad_ranges();
    assert_eq!((bad.len(), bad[0].clone()), (1, 31 * CHUNK as u64..62 * CHUNK as u64));
    assert!(image.limits.iter().any(|limit| limit.contains("no copy of it is whole")), "{:?}", image.limits);
    let (steps, faults) = read_all(&image, CHUNK);
    assert_eq!(faults.len(), 31);
    for (index, read) in steps.iter().enumerate() {
        let expect = &bytes[index * CHUNK..bytes.len().min((index + 1) * CHUNK)];
        assert_eq!(read.as_deref(), (!(31..62).contains(&index)).then_some(expect), "{index}");
    }
    // And where the number of chunks is not told either, nothing is read.
    let mut image = folder.read("disk.E02");
    for kind in ["table", "table2"] {
        let place = section(&image, kind) + 76;
        image[place] ^= 1;
    }
    folder.write("disk.E02", &image);
    assert!(
        refused(&folder, &first).contains("it does not tell how many chunks"),
        "{}",
        refused(&folder, &first)
    );
}

#[test]
fn an_entry_without_a_checksum_that_leads_to_another_chunk_fails() {
    if !has_ewfacquire() {
        return;
    }
    for format in ["smart", "ewf"] {
        let folder = Folder::new();
        let bytes = disk(6 * CHUNK);
        let first = acquire(&folder, &bytes, &["-f", format, "-c", "fast"]);
        let image = folder.read(&first);
        let entries = section(&image, "table") + 76 + 24;
        for (wrong, right) in [(3, 2), (2, 3), (5, 1), (5, 4), (0, 5)] {
            let mut mutant = image.clone();
            mutant.copy_within(entries + 4 * right..entries + 4 * right + 4, entries + 4 * wrong);
            folder.write(&first, &mutant);
            check_mutant(&folder, &first, &bytes, &format!("{format}: entry {right} in place of {wrong}"));
            let image = open_image(&folder, &first).unwrap();
            assert!(
                image.bytes.read_at((wrong * CHUNK) as u64, &mut [0; CHUNK]).is_err(),
                "{format} {wrong} {right}"
            );
        }
    }
}

#[test]
fn several_read_at_once() {
    if !has_ewfacquire() {
        return;
    }
    let folder = Folder::new();
    let bytes = disk(4_000_000 / 512 * 512);
    let first = acquire(&folder, &bytes, &["-c", "fast", "-S", "1048576"]);
    let image = open_image(&folder, &first).unwrap();
    std::thread::scope(|scope| {
        for seed in 1..=4 {
            let (image, bytes) = (&image, &bytes);
            scope.spawn(move || {
                let mut random = Random(seed);
                for _ in 0..300 {
                    let at = random.next(bytes.len());
                    let mut buf = vec![0; random.next(3 * CHUNK)];
                    let count = image.bytes.read_at(at as u64, &mut buf).unwrap();
                    assert!(buf[..count] == bytes[at..bytes.len().min(at + buf.len())], "at {at}");
                }
            });
        }
    });
}

#[test]
fn segments_that_are_missing_or_of_another_image() {
    if !has_ewfacquire() {
        return;
    }
    let folder = Folder::new();
    let bytes = disk(3_000_000 / 512 * 512);
    let first = acquire(&folder, &bytes, &["-c", "none", "-S", "1048576"]);
    let check = |expect: &str| {
        let error = refused(&folder, &first);
        assert!(error.contains(expect), "{error}");
    };
    let third = folder.read("disk.E03");
    folder.remove("disk.E03");
    check("part 3 of the image, disk.E03: missing, and segment 2 says that it follows");
    folder.write("disk.E03", &third[..third.len() - 100]);
    check("segment 3: ");
    folder.write("disk.E03", &third[..20_000]);
    check("the file was cut, or is damaged");
    folder.write("disk.E03", b"");
    check("segment 3: the file ends at 0");
    folder.write("disk.E03", b"something else altogether");
    check("segment 3 is not a segment of an E01 image");
    folder.write("disk.E03", &folder.read("disk.E02"));
    check("the file named as segment 3 of the E01 image says that it is segment 2");
    assert!(refused(&folder, "disk.E02").contains("segment 2 of an E01 image by itself"));
    let other = Folder::new();
    acquire(&other, &bytes, &["-c", "none", "-S", "1048576", "-b", "128"]);
    folder.write("disk.E03", &other.read("disk.E03"));
    check("segment 3 is of another image");
    folder.write("disk.E03", &third);
    folder.write("image.bin", &folder.read("disk.E01"));
    assert!(refused(&folder, "image.bin").contains("goes on in segment 2"));
    assert!(open_image(&folder, &first).is_ok());
}

#[test]
fn other_formats_are_refused_by_name() {
    let folder = Folder::new();
    for (magic, expect) in [
        (b"EVF2\x0D\x0A\x81\x00\x02\x01\x01\x00\x01\x00\x00\x00", "Ex01"),
        (b"LVF\x09\x0D\x0A\xFF\x00\x01\x01\x00\x00\x00\x00\x00\x00", "L01"),
        (b"LEF2\x0D\x0A\x81\x00\x02\x01\x01\x00\x01\x00\x00\x00", "L01"),
        (b"MZ\x90\x00............", "not a segment of an E01 image"),
    ] {
        folder.write("disk.E01", magic);
        assert!(refused(&folder, "disk.E01").contains(expect), "{}", refused(&folder, "disk.E01"));
    }
}

/// A section with its descriptor, to stand at `at`.
fn made(at: usize, kind: &str, content: &[u8]) -> Vec<u8> {
    let mut section = kind.as_bytes().to_vec();
    section.resize(16, 0);
    let size = u64::try_from(76 + content.len()).unwrap();
    section.extend((u64::try_from(at).unwrap() + size).to_le_bytes());
    section.extend(size.to_le_bytes());
    section.resize(72, 0);
    section.extend(adler32(&section).to_le_bytes());
    section.extend(content);
    section
}

fn sealed(mut content: Vec<u8>) -> Vec<u8> {
    content.extend(adler32(&content).to_le_bytes());
    content
}

#[test]
fn sectors_that_the_maker_could_not_read_are_known() {
    if !has_ewfacquire() {
        return;
    }
    let (folder, first, bytes) = small(&[]);
    let mut image = folder.read(&first);
    let at = section(&image, "done");
    let done = image.split_off(at);
    let mut header = 3_u32.to_le_bytes().to_vec();
    header.resize(516, 0);
    let entries = [9_u32, 2, 3, 1, 380, u32::MAX].iter().flat_map(|value| value.to_le_bytes()).collect();
    let errors = [sealed(header), sealed(entries)].concat();
    image.extend(made(at, "error2", &errors));
    image.extend(made(image.len(), "strange", b"?"));
    image.extend(done);
    folder.write(&first, &image);
    let image = open_image(&folder, &first).unwrap();
    let end = bytes.len() as u64;
    assert_eq!(image.bytes.bad_ranges(), [3 * 512..4 * 512, 9 * 512..11 * 512, 380 * 512..end]);
    // Reads fail there and nowhere else; what the image holds is still to be had, for its digests.
    for (sector, expect) in bytes.chunks(512).enumerate() {
        let given = image.bytes.read_exact_at(sector as u64 * 512, &mut vec![0; expect.len()]).is_ok();
        assert_eq!(given, !matches!(sector, 3 | 9 | 10 | 380..), "sector {sector}");
    }
    let fault = image.bytes.read_at(0, &mut vec![0; 8_192]).unwrap_err();
    assert_eq!((fault.offset, fault.length), (3 * 512, 512));
    assert!(fault.reason.contains("the maker of the image could not read it"), "{fault}");
    let mut held = vec![0; bytes.len()];
    assert_eq!(image.bytes.read_filled_at(0, &mut held).unwrap(), bytes.len());
    assert!(held == bytes);
    assert_eq!(image.limits.len(), 4, "{:?}", image.limits);
    // libewf reads the list alike.
    let other = Command::new("ewfinfo").arg(folder.path(&first)).output().unwrap();
    let other = String::from_utf8_lossy(&other.stdout).into_owned();
    for expect in ["total number: 3", "at sector(s): 9 - 10 number: 2", "at sector(s): 3 - 3 number: 1"] {
        assert!(other.contains(expect), "{other}");
    }
    assert!(image.limits.iter().any(|limit| limit.contains("could not read 2 sectors at sector 9")));
    assert!(image.limits.iter().any(|limit| limit.contains("1 sections of the E01 image, of ")));
}

#[test]
fn a_digest_that_differs_is_said() {
    if !has_ewfacquire() {
        return;
    }
    let (folder, first, bytes) = small(&["-d", "sha1"]);
    let mut image = folder.read(&first);
    let at = section(&image, "hash");
    image.truncate(at);
    image.extend(made(at, "hash", &sealed(vec![7; 32])));
    image.extend(made(image.len(), "done", b""));
    folder.write(&first, &image);
    let image = open_image(&folder, &first).unwrap();
    assert_eq!(image.stored.len(), 3);
    assert!(image.limits[0].contains("two md5 digests"), "{:?}", image.limits);
    assert!(whole(&image, 4_096) == bytes);
}
