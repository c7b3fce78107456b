//! Zips made to be read in two ways: each must be refused, and for its own reason.

use std::io::{Read, Write};

use evidence::zip_strict::{Limits, ZipReader};
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::says;
use crate::zip_profile::{SMALL, options, read, read_with, write};

const ENDING: [(&str, &[u8]); 2] = [("manifest.jsonl", b"{}\n"), ("manifest.jsonl.sig", b"s\n")];

/// An archive with these objects before a manifest and its signature.
fn with(objects: &[(&str, &[u8])]) -> Vec<u8> {
    write(objects.iter().copied().chain(ENDING))
}

/// Replaces bytes of the same length, in every place or in the `nth` alone.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8], nth: Option<usize>) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut out = bytes.to_vec();
    let places = bytes.windows(from.len()).enumerate().filter(|(_, w)| *w == from).map(|(at, _)| at);
    let places = places.collect::<Vec<_>>();
    assert!(!places.is_empty());
    for (number, at) in places.into_iter().enumerate() {
        if nth.is_none_or(|nth| nth == number) {
            out[at..at + to.len()].copy_from_slice(to);
        }
    }
    out
}

/// The profile's bytes for these entries, whatever their order or names: the writer that an attacker has.
fn forged(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let placeholder = |i: usize, name: &str| format!("{:0width$}", i + 1, width = name.len());
    let names = entries.iter().enumerate().map(|(i, (n, _))| placeholder(i, n)).collect::<Vec<_>>();
    let mut bytes = write(names.iter().map(String::as_str).zip(entries.iter().map(|(_, c)| *c)));
    for (placeholder, (name, _)) in names.iter().zip(entries) {
        bytes = replaced(&bytes, placeholder.as_bytes(), name.as_bytes(), None);
    }
    bytes
}

#[test]
fn names() {
    let object = ("objects/A-C-0000001", &b"x"[..]);
    let refused = |entries: &[(&str, &[u8])], expected: &str| {
        let all = entries.iter().chain(&ENDING).copied().collect::<Vec<_>>();
        says(read(&forged(&all)), expected);
    };
    assert_eq!(read(&forged(&[object, ENDING[0], ENDING[1]])).unwrap().len(), 3);
    refused(&[object, object], "a second time");
    refused(&[object, ENDING[0]], "a second time");
    refused(&[("padding", b"0")], "out of order");
    for name in [
        "objects/../../evil",
        "../objects/A-C-0000001",
        "/objects/A-C-0000001",
        "C:\\objects\\A-C-000001",
        "objects\\A-C-0000001",
        "objects/A-C-0000001/",
        "objects/a-c-0000001",
        "objects/A/C-0000001",
        "objects/A-C-000000\u{e9}",
        "objects/A-C-00000\n1",
        "objects/-C-0000001",
        "manifest.JSONL",
        "Padding-and-more-text",
        "objects/ ",
    ] {
        refused(&[(name, b"x")], "is not of the profile");
    }
    refused(&[(&format!("objects/{}", "A".repeat(65)), b"x")], "too long");
    says(read(&forged(&[ENDING[1], ENDING[0]])), "out of order");
    says(read(&forged(&[ENDING[0], object, ENDING[1]])), "out of order");
    says(read(&forged(&[object])), "no `manifest.jsonl`");
    says(read(&forged(&[object, ENDING[0]])), "no `manifest.jsonl.sig`");
    says(read(&forged(&[ENDING[0], ENDING[1], ("padding", b"0"), object])), "out of order");
}

#[test]
fn two_tellings_that_differ() {
    let good = with(&[("objects/A-C-0000001", b"hello"), ("objects/A-C-0000002", b"other")]);
    let differs = |bytes: &[u8]| says(read(bytes), "the central directory differs");
    // The name in the directory alone: the second place where it stands.
    differs(&replaced(&good, b"A-C-0000001", b"A-C-0000003", Some(1)));
    says(read(&replaced(&good, b"A-C-0000001", b"A-C-0000003", Some(0))), "the central directory differs");
    // Every byte of directory and end records, one after another.
    let start = good.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    for at in start + 4..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x20;
        differs(&bad);
    }
    // A hidden entry: in the file, and not in the directory.
    let end = good.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    let last = good.windows(4).position(|w| w == b"PK\x05\x06").unwrap();
    let mut hidden = good.clone();
    hidden.drain(end..last);
    differs(&hidden);
    // Two entries of the directory in another order.
    let second = start + 4 + good[start + 4..].windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let third = second + 4 + good[second + 4..].windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let swapped = [&good[..start], &good[second..third], &good[start..second], &good[third..]].concat();
    differs(&swapped);
}

#[test]
fn nothing_before_between_or_after() {
    let good = with(&[("objects/A-C-0000001", b"hello")]);
    let not_here = "neither an entry nor the central directory";
    says(read(&[b"#!/bin/sh\n", &good[..]].concat()), not_here);
    says(read(&[b"\0", &good[..]].concat()), not_here);
    says(read(&[&good[..], b"\0"].concat()), "bytes follow the archive");
    says(read(&[&good[..], &good[..]].concat()), "bytes follow the archive");
    let second = 4 + good[4..].windows(4).position(|w| w == b"PK\x03\x04").unwrap();
    says(read(&[&good[..second], b"gap", &good[second..]].concat()), not_here);
    let directory = good.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    says(read(&[&good[..directory], b"gap", &good[directory..]].concat()), not_here);
    let end = good.windows(4).position(|w| w == b"PK\x05\x06").unwrap();
    says(read(&[&good[..end], b"gap", &good[end..]].concat()), "the central directory differs");
    // A comment, which the end record would have to count.
    let mut comment = good.clone();
    let length = comment.len();
    comment[length - 2] = 1;
    comment.push(b'!');
    says(read(&comment), "the central directory differs");
    // An archive whose first entry is the directory of nothing.
    says(read(b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), not_here);
    says(read(b""), "ends early");
}

#[test]
fn other_ways_to_write_an_entry() {
    let one = |options: zip::write::SimpleFileOptions| {
        let mut writer = ZipWriter::new_stream(Vec::new());
        writer.start_file("objects/A-C-0000001", options).unwrap();
        writer.write_all(b"hello").unwrap();
        for (name, content) in ENDING {
            writer.start_file(name, self::options(1)).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    };
    let header = "version, flags, method, time, or sizes";
    assert!(read(&one(options(1))).is_ok() && read(&one(options(9))).is_ok());
    says(read(&one(options(1).large_file(false))), header);
    says(
        read(&one(options(1).compression_method(CompressionMethod::Stored).compression_level(None))),
        header,
    );
    let noon = DateTime::from_date_and_time(2026, 3, 1, 12, 0, 0).unwrap();
    says(read(&one(options(1).last_modified_time(noon))), header);
    says(read(&one(options(1).unix_permissions(0o755))), "the central directory differs");
    says(read(&one(options(1).system(zip::System::Dos))), "the central directory differs");
    // Sizes in the local header, as a writer that can seek gives them.
    let mut seeking = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    seeking.start_file("objects/A-C-0000001", options(1)).unwrap();
    seeking.write_all(b"hello").unwrap();
    says(read(&seeking.finish().unwrap().into_inner()), header);
}

#[test]
fn descriptors_must_fit() {
    let good = with(&[("objects/A-C-0000001", b"hello")]);
    let at = good.windows(4).position(|w| w == b"PK\x07\x08").unwrap();
    for byte in at..at + 24 {
        let mut bad = good.clone();
        bad[byte] ^= 1;
        says(read(&bad), "check sum or sizes do not fit");
    }
    // Compressed data that ends before its descriptor says so: bytes hidden between the two.
    says(read(&[&good[..at], b"x", &good[at..]].concat()), "check sum or sizes do not fit");
}

#[test]
fn limits() {
    let bomb = with(&[("objects/A-C-0000001", &vec![0; 50 << 20])]);
    assert!(bomb.len() < 1 << 20);
    let limited = |limits| says(read_with(&bomb[..], limits), "more than");
    let wide = Limits::default();
    limited(Limits { entry: 1 << 20, ..wide });
    limited(Limits { total: 1 << 20, ..wide });
    limited(Limits { entries: 2, ..wide });
    // Also when nobody reads the content.
    let mut zip = ZipReader::with_limits(&bomb[..], Limits { entry: 1 << 20, ..wide });
    zip.next_entry().unwrap().unwrap();
    says(zip.next_entry().map(|_| ()), "more than 1048576 bytes in one entry");
    says(zip.next_entry().map(|_| ()), "refused before");
    // A limit is met, not passed.
    let small = with(&[("objects/A-C-0000001", b"hello")]);
    assert!(read_with(&small[..], Limits { entries: 3, entry: 5, total: 10 }).is_ok());
    assert!(read_with(&small[..], Limits { entries: 3, entry: 5, total: 9 }).is_err());
}

#[test]
fn an_error_while_reading_content_stays() {
    let good = with(&[("objects/A-C-0000001", b"hello")]);
    let bad = &good[..72];
    let mut zip = ZipReader::new(bad);
    let mut entry = zip.next_entry().unwrap().unwrap();
    assert!(entry.read_to_end(&mut Vec::new()).is_err());
    says(entry.read(&mut [0; 4]), "refused before");
    says(zip.next_entry().map(|_| ()), "refused before");
}

#[test]
fn truncated_anywhere() {
    let good = write(SMALL);
    for end in 0..good.len() {
        says(read(&good[..end]), "ends early");
    }
}

#[test]
fn changed_anywhere_it_is_refused_or_says_the_same() {
    let good = write(SMALL);
    let content = read(&good).unwrap();
    let mut survived = 0;
    for at in 0..good.len() {
        for flip in (0..8).map(|bit| 1 << bit).chain([0xff]) {
            let mut bad = good.clone();
            bad[at] ^= flip;
            if let Ok(found) = read(&bad) {
                assert_eq!(found, content, "byte {at}");
                survived += 1;
            }
        }
    }
    // Deflate leaves unused bits at the end of its last byte: five entries, at most seven bits each.
    assert!(survived <= 35, "{survived}");
}

proptest::proptest! {
    #[test]
    fn rubbish_never_panics(at in 0_usize..600, rubbish in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
        let mut bytes = write(SMALL);
        let at = at % bytes.len();
        let end = (at + rubbish.len()).min(bytes.len());
        bytes.splice(at..end, rubbish);
        if let Ok(found) = read(&bytes) {
            assert_eq!(found, read(&write(SMALL)).unwrap());
        }
    }
}
