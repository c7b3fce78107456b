//! The label of an LVM2 physical volume, and the texts in its metadata areas.
//!
//! ```text
//! sector 0..3   "LABELONE", its sector, CRC, "LVM2 001"; then UUID, size, data areas, metadata areas
//! area          CRC, " LVM2 x[5A%r0N*>", version 1, its place; where the text begins, its length and CRC
//!               then a ring in which each new text stands behind the last
//! ```
//!
//! Source: LVM2, `lib/format_text/layout.h`; libvslvm, "Logical Volume Manager (LVM) format".

use crate::bytes::{ByteSource, ReadFault};
use crate::field::{le32, le64};
use crate::volumes::crc32::crc32;

/// A physical volume: its UUID, and its metadata areas as first byte and length.
#[derive(Clone, Debug)]
pub(super) struct Label {
    pub(super) uuid: String,
    pub(super) areas: Vec<(u64, u64)>,
}

/// Looks for a label in the first four sectors.
///
/// # Errors
///
/// [`ReadFault`] where they cannot be read.
pub(super) fn find(bytes: &dyn ByteSource) -> Result<Option<Result<Label, String>>, ReadFault> {
    let mut head = vec![0; 4 * SECTOR];
    let count = bytes.read_at(0, &mut head)?;
    head.truncate(count);
    let sectors = (0_u64..).zip(head.chunks_exact(SECTOR));
    let mut labels = sectors.filter(|(_, sector)| sector.starts_with(b"LABELONE"));
    Ok(labels.next().map(|(number, sector)| label(sector, number)))
}

fn label(sector: &[u8], number: u64) -> Result<Label, String> {
    let short = || "the label is cut off".to_owned();
    let stated = le32(sector, 16).ok_or_else(short)?;
    let found = crc32(SEED, sector.get(20..).unwrap_or_default());
    if found != stated {
        return Err(format!("the label's checksum is {found:08x}, stated is {stated:08x}"));
    }
    if le64(sector, 8) != Some(number) || sector.get(24..32) != Some(b"LVM2 001") {
        return Err(format!("the label in sector {number} is of another place or kind"));
    }
    let at = le32(sector, 20).and_then(|at| usize::try_from(at).ok());
    let header = at.and_then(|at| sector.get(at..)).ok_or_else(short)?;
    let uuid = header.get(..32).and_then(uuid).ok_or("the label holds no UUID")?;
    // Two lists of places, of data and of metadata, each closed by an entry of zeros.
    let mut areas = Vec::new();
    let mut lists = 0;
    for entry in header.get(40..).unwrap_or_default().chunks_exact(16) {
        match (le64(entry, 0), le64(entry, 8)) {
            (Some(0), _) => lists += 1,
            (Some(start), Some(length)) if lists == 1 => areas.push((start, length)),
            _ => {}
        }
        if lists == 2 {
            return Ok(Label { uuid, areas });
        }
    }
    Err("the label's lists of areas do not end".into())
}

/// A UUID of LVM as it is written in texts, `jsRy1d-0d2u-kRwQ-SMtR-qrz9-8jdQ-3Yf9Lf`, from its 32 characters.
pub(super) fn uuid(raw: &[u8]) -> Option<String> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'!' | b'#');
    if raw.len() != 32 || !raw.iter().all(plain) {
        return None;
    }
    let mut text = String::with_capacity(38);
    for (index, byte) in raw.iter().enumerate() {
        if matches!(index, 6 | 10 | 14 | 18 | 22 | 26) {
            text.push('-');
        }
        text.push(char::from(*byte));
    }
    Some(text)
}

/// The text in a metadata area; `None` where the area holds none or is marked as not in use.
///
/// # Errors
///
/// Why the area cannot be believed.
pub(super) fn text(bytes: &dyn ByteSource, area: (u64, u64)) -> Result<Option<Vec<u8>>, String> {
    let (start, length) = area;
    let mut header = [0; SECTOR];
    bytes.read_exact_at(start, &mut header).map_err(|fault| format!("a metadata area: {fault}"))?;
    let short = || "the header of a metadata area is cut off".to_owned();
    let (stated, found) =
        (le32(&header, 0).ok_or_else(short)?, crc32(SEED, header.get(4..).unwrap_or_default()));
    if found != stated {
        return Err(format!("a metadata area's checksum is {found:08x}, stated is {stated:08x}"));
    }
    let own = (le64(&header, 24), le64(&header, 32));
    if header.get(4..20) != Some(MAGIC) || le32(&header, 20) != Some(1) || own != (Some(start), Some(length))
    {
        return Err(format!("the metadata area at byte {start} is of another place or kind"));
    }
    let offset = le64(&header, 40).ok_or_else(short)?;
    let size = le64(&header, 48).ok_or_else(short)?;
    let (stated, flags) = (le32(&header, 56).ok_or_else(short)?, le32(&header, 60).ok_or_else(short)?);
    if offset == 0 || size == 0 || flags & IGNORED != 0 {
        return Ok(None);
    }
    let ring = length.saturating_sub(HEADER);
    if offset < HEADER || offset >= length || size > ring || size > MAX_TEXT {
        return Err(format!("a metadata area of {length} bytes states a text of {size} bytes at {offset}"));
    }
    let mut text = vec![0; usize::try_from(size).unwrap_or_default()];
    let straight = usize::try_from(length.saturating_sub(offset).min(size)).unwrap_or_default();
    let (first, wrapped) = text.split_at_mut_checked(straight).ok_or_else(short)?;
    let at = |offset: u64| start.saturating_add(offset);
    let read = bytes.read_exact_at(at(offset), first).and_then(|()| bytes.read_exact_at(at(HEADER), wrapped));
    read.map_err(|fault| format!("a metadata text: {fault}"))?;
    let found = crc32(SEED, &text);
    if found != stated {
        return Err(format!("a metadata text's checksum is {found:08x}, stated is {stated:08x}"));
    }
    Ok(Some(text))
}

const SECTOR: usize = 512;
/// Bytes before the ring.
const HEADER: u64 = 512;
const MAGIC: &[u8] = b" LVM2 x[5A%r0N*>";
/// What LVM2's checksums begin with.
const SEED: u32 = 0xF597_A6CF;
/// Flag of a text's place: it is not kept up to date.
const IGNORED: u32 = 1;
/// Longest text read. An area has 1 MiB by default; 8 MiB describe tens of thousands of volumes.
const MAX_TEXT: u64 = 8 << 20;
