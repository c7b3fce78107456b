//! The zip profile: what the `zip` crate writes in streaming mode is what we read, byte for byte.

use std::io::{Read, Write};
use std::process::Command;

use evidence::zip_strict::{Limits, ZipReader};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

/// The options with which custody writes.
pub fn options(level: i64) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(level))
        .large_file(true)
        .last_modified_time(DateTime::default())
        .system(System::Unix)
}

/// An archive written as custody writes it.
pub fn write<'a>(entries: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut writer = ZipWriter::new_stream(Vec::new());
    for (name, content) in entries {
        writer.start_file(name, options(1)).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// All entries, whole; an error if the archive is refused anywhere.
pub fn read(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    read_with(bytes, Limits::default())
}

pub fn read_with(bytes: impl Read, limits: Limits) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut zip = ZipReader::with_limits(bytes, limits);
    let mut entries = Vec::new();
    while let Some(mut entry) = zip.next_entry().map_err(|e| e.to_string())? {
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(|e| e.to_string())?;
        entries.push((entry.name().to_string(), content));
    }
    assert!(zip.next_entry().unwrap().is_none(), "the end stays the end");
    Ok(entries)
}

/// A small part with every kind of entry.
pub const SMALL: [(&str, &[u8]); 5] = [
    ("objects/KC07-H1-0000001", b"hello hello hello"),
    ("objects/KC07-H1-0000002", b""),
    ("manifest.jsonl", b"{}\n"),
    ("manifest.jsonl.sig", b"signature\n"),
    ("padding", b"\0\0\0\0"),
];

#[test]
fn what_custody_writes_is_read_back() {
    let noise =
        (0_u32..300_000).flat_map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()).collect::<Vec<_>>();
    let mut entries = SMALL.to_vec();
    entries.insert(1, ("objects/KC07-H1-0000009", &noise));
    let bytes = write(entries.iter().copied());
    let expected = entries.iter().map(|(n, c)| ((*n).to_owned(), c.to_vec())).collect::<Vec<_>>();
    assert_eq!(read(&bytes).unwrap(), expected);
    // From a reader that gives a byte at a time, and without reading the content.
    assert_eq!(read_with(Slow(&bytes), Limits::default()).unwrap(), expected);
    let mut zip = ZipReader::new(&bytes[..]);
    while zip.next_entry().unwrap().is_some() {}
}

struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = out.len().min(1);
        self.0.read(&mut out[..count])
    }
}

/// The archive on the spec page; the page and the code must not drift apart.
#[test]
fn the_example_of_the_page() {
    let bytes = write([
        ("objects/KC07-C-0000001", &b"hello hello hello hello"[..]),
        ("manifest.jsonl", b""),
        ("manifest.jsonl.sig", b""),
    ]);
    let page = include_str!("../../../../docs/spec/zip-profile.md");
    let hex = page.lines().filter_map(|line| line.strip_prefix("    ")?.get(..47.min(line.len() - 4)));
    let hex = hex.filter(|text| text.len() > 2 && text.split_whitespace().all(|w| w.len() == 2));
    let hex = hex.flat_map(str::split_whitespace).collect::<String>();
    assert_eq!(scope::digest::unhex(&hex).unwrap(), bytes);
    assert_eq!(read(&bytes).unwrap().len(), 3);
}

#[test]
fn more_entries_than_sixteen_bits_count() {
    let mut writer = ZipWriter::new_stream(Vec::new());
    for number in 0..65_536 {
        writer.start_file(format!("objects/KC07-C-{number:07}"), options(1)).unwrap();
    }
    for name in ["manifest.jsonl", "manifest.jsonl.sig"] {
        writer.start_file(name, options(1)).unwrap();
    }
    let bytes = writer.finish().unwrap().into_inner();
    assert_eq!(read(&bytes).unwrap().len(), 65_538);
}

/// Content of more than 4 GiB, and a directory that begins beyond 4 GiB, without holding either in memory.
#[test]
#[ignore = "deflates 5 GiB; run by hand and at night"]
fn beyond_four_gib() {
    let (reader, pipe) = std::io::pipe().unwrap();
    let writing = std::thread::spawn(move || {
        let mut writer = ZipWriter::new_stream(pipe);
        let mut state = 1_u64;
        let mut block = vec![0_u8; 1 << 20];
        writer.start_file("objects/KC07-C-0000001", options(1)).unwrap();
        for _ in 0..4_200 {
            for chunk in block.chunks_mut(8) {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                chunk.copy_from_slice(&(state ^ (state >> 29)).to_le_bytes());
            }
            writer.write_all(&block).unwrap();
        }
        for name in ["objects/KC07-C-0000002", "manifest.jsonl", "manifest.jsonl.sig"] {
            writer.start_file(name, options(1)).unwrap();
        }
        writer.finish().unwrap();
    });
    let mut zip = ZipReader::new(reader);
    let mut sizes = Vec::new();
    while let Some(mut entry) = zip.next_entry().unwrap() {
        sizes.push(std::io::copy(&mut entry, &mut std::io::sink()).unwrap());
    }
    assert_eq!(sizes, [4_200 << 20, 0, 0, 0]);
    writing.join().unwrap();
}

#[test]
fn other_tools_open_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.zip"), write(SMALL)).unwrap();
    let python = "import zipfile,sys; sys.exit(zipfile.ZipFile('a.zip').testzip() is not None)";
    for (program, arguments) in
        [("unzip", vec!["-t", "a.zip"]), ("7z", vec!["t", "a.zip"]), ("python3", vec!["-c", python])]
    {
        if !crate::present(program) {
            continue;
        }
        let output = Command::new(program).args(arguments).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stdout));
    }
}
