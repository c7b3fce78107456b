//! Segment files and the chain of sections in each.
//!
//! ```text
//! 45 56 46 09 0d 0a ff 00  01  01 00  00 00        the file header: EVF, segment 1
//! "header2" ... "volume" ... "sectors" "table" "table2" ... "next" or "done"
//! ```

use std::fs::File;
use std::ops::Range;

use super::adler32::adler32;
use crate::bytes::{ByteSource as _, RawFile, ReadFault};
use crate::field::{byte, le16, le64};
use crate::image::ImageError;

/// One file of an image.
pub(super) struct Segment {
    /// Its place in the image, from 1.
    pub(super) number: usize,
    bytes: RawFile,
}

impl Segment {
    /// Takes `file` as segment `number`, which its file header has to confirm.
    pub(super) fn new(file: File, number: usize) -> Result<Self, ImageError> {
        let metadata = file.metadata().map_err(|error| ReadFault {
            offset: 0,
            length: FILE_HEADER,
            reason: format!("segment {number}: {error}"),
        })?;
        let segment = Self { number, bytes: RawFile::new(file, metadata.len()) };
        let header = segment.read(0..FILE_HEADER)?;
        let stated = signature(&header).map_err(|what| match number {
            1 => ImageError::Unsupported(what.into()),
            _ => ImageError::Corrupt(format!("segment {number} is {what}")),
        })?;
        match usize::from(stated) {
            stated if stated == number => Ok(segment),
            stated if number == 1 => Err(ImageError::Unsupported(format!(
                "segment {stated} of an E01 image by itself; open the first segment, whose name ends in .E01"
            ))),
            stated => Err(ImageError::Corrupt(format!(
                "the file named as segment {number} of the E01 image says that it is segment {stated}"
            ))),
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes.len()
    }

    /// The bytes of `range`. The caller bounds its length.
    pub(super) fn read(&self, range: Range<u64>) -> Result<Vec<u8>, ReadFault> {
        let mut bytes = Vec::new();
        self.read_into(range, &mut bytes)?;
        Ok(bytes)
    }

    /// As [`Segment::read`], into a buffer that is used again.
    pub(super) fn read_into(&self, range: Range<u64>, bytes: &mut Vec<u8>) -> Result<(), ReadFault> {
        let want = range.end.saturating_sub(range.start);
        let fault = |reason: String| ReadFault {
            offset: range.start,
            length: want,
            reason: format!("segment {}: {reason}", self.number),
        };
        if range.end > self.len() {
            return Err(fault(format!("the file ends at {}", self.len())));
        }
        bytes.resize(usize::try_from(want).map_err(|_| fault("longer than memory".into()))?, 0);
        self.bytes.read_exact_at(range.start, bytes).map_err(|error| fault(error.reason))
    }
}

/// The segment number of a file header, or what the file is instead.
fn signature(header: &[u8]) -> Result<u16, &'static str> {
    if header.starts_with(b"EVF2\x0D\x0A\x81\x00") {
        return Err("an EnCase image of the second generation (Ex01); export it as a raw image");
    }
    if header.starts_with(b"LVF\x09\x0D\x0A\xFF\x00") || header.starts_with(b"LEF2\x0D\x0A\x81\x00") {
        return Err("an EnCase logical image (L01), which holds files and not a disk");
    }
    let marks = (byte(header, 8), le16(header, 11));
    if !header.starts_with(b"EVF\x09\x0D\x0A\xFF\x00") || marks != (Some(1), Some(0)) {
        return Err("not a segment of an E01 image");
    }
    le16(header, 9).ok_or("not a segment of an E01 image")
}

/// What a section holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Texts on the acquisition, as 8-bit or 16-bit characters.
    Header {
        /// Whether the characters are of 16 bits.
        wide: bool,
    },
    /// Size and layout of the disk.
    Volume,
    /// A copy of the volume section, in later segments and at the end.
    Data,
    /// Chunks.
    Sectors,
    /// Where chunks lie.
    Table,
    /// The copy of the table before it.
    Table2,
    /// MD5, or MD5 and SHA-1, of the disk.
    Digest,
    /// Sectors that could not be read.
    Errors,
    /// Known, and of no use here.
    Aside,
    /// The segment ends, another follows.
    Next,
    /// The image ends.
    Done,
    /// A kind that this version does not know.
    Unknown,
}

/// A section: what it holds, and where.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) kind: Kind,
    /// Its content in the segment.
    pub(super) data: Range<u64>,
}

impl Section {
    /// The section whose descriptor is at `at`.
    pub(super) fn read(segment: &Segment, at: u64) -> Result<Self, ImageError> {
        let corrupt = |what: String| ImageError::Corrupt(format!("segment {}: {what}", segment.number));
        let start = at.saturating_add(DESCRIPTOR);
        if start > segment.len() {
            return Err(corrupt(format!(
                "the file ends at {} where a section should begin at {at}: it was cut, or the acquisition did not end",
                segment.len()
            )));
        }
        let bytes = segment.read(at..start)?;
        let damaged = || corrupt(format!("the checksum of the section at {at} does not fit"));
        let (covered, checksum) = bytes.split_last_chunk::<4>().ok_or_else(damaged)?;
        if adler32(covered) != u32::from_le_bytes(*checksum) {
            return Err(damaged());
        }
        let name = bytes.get(..16).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default();
        let kind = kind(name);
        if matches!(kind, Kind::Next | Kind::Done) {
            return Ok(Self { kind, data: start..start });
        }
        let end = le64(&bytes, 16).unwrap_or_default();
        if end < start || end > segment.len() {
            return Err(corrupt(format!(
                "the section at {at} ends at {end}, in a file of {} bytes: the file was cut, or is damaged",
                segment.len()
            )));
        }
        Ok(Self { kind, data: start..end })
    }

    /// The section's content, if it is not longer than `most`.
    pub(super) fn content(&self, segment: &Segment, most: u64) -> Result<Option<Vec<u8>>, ReadFault> {
        if self.data.end.saturating_sub(self.data.start) > most {
            return Ok(None);
        }
        segment.read(self.data.clone()).map(Some)
    }
}

fn kind(name: &[u8]) -> Kind {
    match name {
        b"header" => Kind::Header { wide: false },
        b"header2" => Kind::Header { wide: true },
        b"volume" | b"disk" => Kind::Volume,
        b"data" => Kind::Data,
        b"sectors" => Kind::Sectors,
        b"table" => Kind::Table,
        b"table2" => Kind::Table2,
        b"hash" | b"digest" => Kind::Digest,
        b"error2" => Kind::Errors,
        b"session" | b"xheader" | b"xhash" => Kind::Aside,
        b"next" => Kind::Next,
        b"done" => Kind::Done,
        _ => Kind::Unknown,
    }
}

/// `content` up to its last four bytes, if those are its checksum.
pub(super) fn checked(content: &[u8]) -> Option<&[u8]> {
    let (covered, checksum) = content.split_last_chunk::<4>()?;
    (adler32(covered) == u32::from_le_bytes(*checksum)).then_some(covered)
}

/// Bytes of a file header: a signature, a mark, the segment's number, a mark.
pub(super) const FILE_HEADER: u64 = 13;
/// Bytes of a section's descriptor.
const DESCRIPTOR: u64 = 76;
