//! Writing a zip by hand, entry by entry: the profile, and what is not of the profile.

use std::io::Write as _;

use custody::size_class::padme;
use flate2::{Compression, Crc, write::DeflateEncoder};

/// One entry, as its local header and as the central directory tell it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The name in the local header.
    pub name: Vec<u8>,
    /// The name in the directory.
    pub listed_as: Vec<u8>,
    /// Whether the directory has it.
    pub listed: bool,
    /// 8, or 0 for content that is not compressed.
    pub method: u16,
    /// The content.
    pub content: Vec<u8>,
    /// The deflate stream, where it is not left to the compressor.
    pub stream: Option<Vec<u8>>,
}

impl Entry {
    /// An entry of the profile.
    #[must_use]
    pub fn new(name: &str, content: &[u8]) -> Self {
        let name = name.as_bytes().to_vec();
        let listed_as = name.clone();
        Self { name, listed_as, listed: true, method: 8, content: content.to_vec(), stream: None }
    }

    fn data(&self) -> Vec<u8> {
        if self.method == 0 {
            return self.content.clone();
        }
        if let Some(stream) = &self.stream {
            return stream.clone();
        }
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(1));
        encoder.write_all(&self.content).expect("memory");
        encoder.finish().expect("memory")
    }
}

/// The archive of these entries, in the byte layout of the profile.
#[must_use]
pub fn archive(entries: &[Entry]) -> Vec<u8> {
    let (mut out, mut directory, mut count) = (Vec::new(), Vec::new(), 0_u16);
    for entry in entries {
        let offset = u32::try_from(out.len()).expect("a small archive");
        let data = entry.data();
        let mut crc = Crc::new();
        crc.update(&entry.content);
        let mut fixed = vec![45, 0, 8, 0];
        fixed.extend(entry.method.to_le_bytes());
        fixed.extend([0, 0, 0x21, 0]);
        let mut sums = crc.sum().to_le_bytes().to_vec();
        let (size, compressed) = (length(&entry.content), length(&data));

        out.extend(b"PK\x03\x04");
        out.extend(&fixed);
        out.extend([0; 12]);
        out.extend(short(&entry.name));
        out.extend([20, 0]);
        out.extend(&entry.name);
        out.extend([1, 0, 16, 0]);
        out.extend([0; 16]);
        out.extend(&data);
        out.extend(b"PK\x07\x08");
        out.extend(&sums);
        out.extend(compressed);
        out.extend(size);

        if !entry.listed {
            continue;
        }
        count += 1;
        directory.extend(b"PK\x01\x02\x2d\x03");
        directory.extend(&fixed);
        sums.extend([0xff; 8]);
        directory.extend(&sums);
        directory.extend(short(&entry.listed_as));
        directory.extend([20, 0, 0, 0, 0, 0, 0, 0]);
        directory.extend([0, 0, 0xa4, 0x81]);
        directory.extend(offset.to_le_bytes());
        directory.extend(&entry.listed_as);
        directory.extend([1, 0, 16, 0]);
        directory.extend(size);
        directory.extend(compressed);
    }
    let start = u32::try_from(out.len()).expect("a small archive");
    let length = u32::try_from(directory.len()).expect("a small archive");
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(length.to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

/// Adds the entry that brings a held part to its size class.
pub(super) fn pad(entries: &mut Vec<Entry>) {
    let mut padding = Entry::new("padding", &[]);
    padding.stream = Some(stored(5));
    entries.push(padding.clone());
    let length = u64::try_from(archive(entries).len()).expect("a length");
    let stream = 5 + usize::try_from(padme(length) - length).expect("a length");
    padding.content = vec![0; stream - 5 * blocks(stream)];
    padding.stream = Some(stored(stream));
    entries.pop();
    entries.push(padding);
}

/// How many stored blocks, of 5 bytes and at most 65,535 zeros, make a stream of that length.
fn blocks(stream: usize) -> usize {
    stream.div_ceil(65_540)
}

/// A stream of stored blocks of zeros, of exactly that length.
fn stored(stream: usize) -> Vec<u8> {
    let mut zeros = stream - 5 * blocks(stream);
    let mut out = Vec::new();
    while out.len() < stream {
        let count = zeros.min(65_535);
        zeros -= count;
        out.push(u8::from(zeros == 0));
        let count = u16::try_from(count).expect("at most 65,535");
        out.extend(count.to_le_bytes());
        out.extend((!count).to_le_bytes());
        out.extend(vec![0; usize::from(count)]);
    }
    out
}

fn length(bytes: &[u8]) -> [u8; 8] {
    u64::try_from(bytes.len()).expect("a length").to_le_bytes()
}

fn short(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).expect("a short name").to_le_bytes()
}
