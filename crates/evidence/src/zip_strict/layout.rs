//! The bytes of the zip profile, computed from what the entries are.

use std::fmt;

/// The name of an entry: the grammar of the profile.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Name {
    /// `objects/<control number>`: the content of one item.
    Object(String),
    /// `manifest.jsonl`: what the reader of this part may know of its items.
    Manifest,
    /// `manifest.jsonl.sig`: the run key's signature over the manifest.
    Signature,
    /// `padding`: zeros that bring a held part to its size class.
    Padding,
}

impl Name {
    /// Reads a name; `None` outside the grammar.
    pub(super) fn parse(name: &[u8]) -> Option<Self> {
        match name {
            b"manifest.jsonl" => Some(Self::Manifest),
            b"manifest.jsonl.sig" => Some(Self::Signature),
            b"padding" => Some(Self::Padding),
            _ => {
                let control = std::str::from_utf8(name.strip_prefix(b"objects/")?).ok()?;
                let plain = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'-';
                let edges = control.starts_with('-') || control.ends_with('-');
                let whole =
                    (1..=MAX_CONTROL).contains(&control.len()) && !edges && control.bytes().all(plain);
                whole.then(|| Self::Object(control.to_owned()))
            }
        }
    }

    /// Objects, then manifest, signature and padding, each once.
    pub(super) fn may_follow(&self, last: &Self) -> bool {
        matches!((last, self), (Self::Object(_), Self::Object(_) | Self::Manifest))
            || matches!((last, self), (Self::Manifest, Self::Signature) | (Self::Signature, Self::Padding))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(control) => write!(f, "objects/{control}"),
            Self::Manifest => f.write_str("manifest.jsonl"),
            Self::Signature => f.write_str("manifest.jsonl.sig"),
            Self::Padding => f.write_str("padding"),
        }
    }
}

/// An entry that has been read to its end: all that the central directory tells again.
#[derive(Debug)]
pub(super) struct Stored {
    pub name: Name,
    /// Where its local header begins.
    pub offset: u64,
    /// CRC-32 of the content.
    pub crc: u32,
    /// Bytes of deflate data.
    pub compressed: u64,
    /// Bytes of content.
    pub size: u64,
}

impl Stored {
    /// The signed ZIP64 data descriptor.
    pub fn descriptor(&self) -> Vec<u8> {
        let mut out = b"PK\x07\x08".to_vec();
        out.extend(self.crc.to_le_bytes());
        out.extend(self.compressed.to_le_bytes());
        out.extend(self.size.to_le_bytes());
        out
    }

    /// The header in the central directory.
    pub fn central_header(&self) -> Vec<u8> {
        let name = self.name.to_string();
        let far = self.offset >= u64::from(u32::MAX);
        let extra: u16 = if far { 24 } else { 16 };
        let mut out = CENTRAL_MAGIC.to_vec();
        out.extend([45, SYSTEM_UNIX, 45, 0]);
        out.extend(FLAGS_METHOD_TIME);
        out.extend(self.crc.to_le_bytes());
        out.extend([0xff; 8]); // both sizes are in the extra field
        out.extend(short(name.len()).to_le_bytes());
        out.extend(extra.saturating_add(4).to_le_bytes());
        out.extend([0; 6]); // comment, disk, internal attributes
        out.extend(REGULAR_FILE_0644.to_le_bytes());
        out.extend(word(self.offset).to_le_bytes());
        out.extend(name.as_bytes());
        out.extend(1_u16.to_le_bytes());
        out.extend(extra.to_le_bytes());
        out.extend(self.size.to_le_bytes());
        out.extend(self.compressed.to_le_bytes());
        if far {
            out.extend(self.offset.to_le_bytes());
        }
        out
    }
}

/// The records after a central directory of `count` entries that begins at `start` and has `size` bytes.
pub(super) fn end(count: usize, start: u64, size: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let zip64 = count > usize::from(u16::MAX) || start.max(size) > u64::from(u32::MAX);
    if zip64 {
        let entries = u64::try_from(count).unwrap_or(u64::MAX);
        out.extend(b"PK\x06\x06");
        out.extend(44_u64.to_le_bytes());
        out.extend([45, 0, 45, 0]);
        out.extend([0; 8]); // this disk, disk of the directory
        [entries, entries, size, start].iter().for_each(|n| out.extend(n.to_le_bytes()));
        out.extend(b"PK\x06\x07");
        out.extend([0; 4]);
        out.extend(start.saturating_add(size).to_le_bytes());
        out.extend(1_u32.to_le_bytes());
    }
    out.extend(b"PK\x05\x06");
    out.extend([0; 4]);
    out.extend(short(count).to_le_bytes());
    out.extend(short(count).to_le_bytes());
    out.extend(if zip64 { u32::MAX } else { word(size) }.to_le_bytes());
    out.extend(word(start).to_le_bytes());
    out.extend([0; 2]); // no comment
    out
}

/// A number in 16 bits, or all ones where ZIP64 tells it.
fn short(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// A number in 32 bits, or all ones where ZIP64 tells it.
fn word(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

pub(super) const LOCAL_MAGIC: [u8; 4] = *b"PK\x03\x04";
pub(super) const CENTRAL_MAGIC: [u8; 4] = *b"PK\x01\x02";

/// Flag 3 (descriptor follows), method 8 (deflate), 1980-01-01 00:00:00.
const FLAGS_METHOD_TIME: [u8; 8] = [8, 0, 8, 0, 0, 0, 0x21, 0];

/// A local header without its magic number; the name's length is zero here.
pub(super) const LOCAL_FIXED: [u8; 26] =
    [45, 0, 8, 0, 8, 0, 0, 0, 0x21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0];

/// The length of [`LOCAL_EXTRA`], as a local header gives it.
pub(super) const LOCAL_EXTRA_LEN: [u8; 2] = [20, 0];

/// The ZIP64 field of a local header, its sizes zero: they stand in the descriptor.
pub(super) const LOCAL_EXTRA: [u8; 20] = [1, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Length of a descriptor.
pub(super) const DESCRIPTOR: usize = 24;

const SYSTEM_UNIX: u8 = 3;
const REGULAR_FILE_0644: u32 = 0o100_644 << 16;

/// Longest control number: a label of 16, a set, a number, and room.
const MAX_CONTROL: usize = 64;

/// Longest name: `objects/` and a control number.
pub(super) const MAX_NAME: usize = 8 + MAX_CONTROL;
