//! Volume descriptors: what a disc says of itself, from sector 16 on.

use scope::Digest;

use crate::bytes::{ByteSource, length};
use crate::field::{byte, le32};
use crate::iso::record::{Record, both16, both32};
use crate::walk::SourceError;

/// Bytes of a logical sector: descriptors and directories are written in these.
pub(crate) const SECTOR: usize = 2048;

/// Whether `head` has a volume descriptor in its sector 16.
pub(crate) fn is_iso(head: &[u8]) -> bool {
    head.get(0x8001..0x8006) == Some(MARK.as_slice())
}

/// What a primary or supplementary descriptor says.
#[derive(Clone, Debug)]
pub(crate) struct Descriptor {
    /// Bytes of a logical block, in which extents are counted.
    pub(crate) block: u64,
    /// Number of this disc in its set.
    pub(crate) sequence: u16,
    /// Blocks of the volume.
    pub(crate) space: u32,
    /// Record of the root directory.
    pub(crate) root: Record,
    /// Bytes of the path table.
    pub(crate) table_size: u32,
    /// First block of the path table with little-endian numbers.
    pub(crate) table: u32,
}

/// What stands in the sectors from 16 on.
pub(crate) struct Found {
    pub(crate) primary: Descriptor,
    pub(crate) joliet: Option<Descriptor>,
    /// Sixteen digits that stand for the volume in locators.
    pub(crate) id: String,
    /// The stamp by which other tools know the volume.
    pub(crate) stamp: Option<String>,
    pub(crate) limits: Vec<String>,
}

/// Reads the descriptors.
///
/// # Errors
///
/// [`SourceError`] where there is no sound primary one.
pub(crate) fn read(bytes: &dyn ByteSource) -> Result<Found, SourceError> {
    let mut raw = vec![0; SECTOR];
    let mut primary: Option<(Descriptor, Vec<u8>)> = None;
    let (mut joliet, mut limits) = (None, Vec::new());
    let (mut ended, mut udf) = (false, false);
    for sector in FIRST..FIRST.saturating_add(MAX_DESCRIPTORS) {
        if let Err(error) = bytes.read_exact_at(sector.saturating_mul(length(SECTOR)), &mut raw) {
            if !ended {
                limits.push(format!("the volume descriptors could not be read to their end: {error}"));
            }
            break;
        }
        match raw.get(1..6).unwrap_or_default() {
            b"NSR02" | b"NSR03" => udf = true,
            b"BEA01" | b"TEA01" | b"BOOT2" => {}
            mark if mark != MARK => break,
            _ if ended => {}
            _ => match (byte(&raw, 0).unwrap_or(0), byte(&raw, 6).unwrap_or(0)) {
                (1, _) if primary.is_none() => {
                    primary = Some((Descriptor::parse(&raw, &mut limits)?, raw.clone()));
                }
                (0, _) if raw.get(7..30) == Some(b"EL TORITO SPECIFICATION") => limits.push(format!(
                    "a boot catalogue (El Torito) stands at block {}; boot images that are not files are not items",
                    le32(&raw, 71).unwrap_or(0)
                )),
                (2, 2) => limits.push(
                    "the volume also has an enhanced tree (ISO 9660:1999), which is not walked".into(),
                ),
                (2, _) if is_joliet(&raw) && joliet.is_none() => {
                    match Descriptor::parse(&raw, &mut limits) {
                        Ok(found) => joliet = Some(found),
                        Err(error) => limits.push(format!("the Joliet tree cannot be read: {error}")),
                    }
                }
                (2, _) => limits.push(
                    "the volume also has a supplementary tree that is not known, which is not walked".into(),
                ),
                (3, _) => limits.push("the volume has partitions of its own, which are not read".into()),
                (255, _) => ended = true,
                _ => {}
            },
        }
    }
    let Some((primary, raw)) = primary else {
        return Err(corrupt("there is no primary volume descriptor"));
    };
    if !ended {
        limits.push("the volume descriptors have no end mark".into());
    }
    if udf {
        limits.push("the volume also has a UDF file system, which is not walked".into());
    }
    sizes(bytes, &primary, &mut limits);
    let digest = Digest::of(&raw);
    let id = digest.0.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let stamp = stamp(&raw, 830).or_else(|| stamp(&raw, 813));
    Ok(Found { primary, joliet, id, stamp, limits })
}

/// What the image has less or more than its volume.
fn sizes(bytes: &dyn ByteSource, primary: &Descriptor, limits: &mut Vec<String>) {
    let end = u64::from(primary.space).saturating_mul(primary.block);
    if end > bytes.len() {
        limits.push(crate::medium::cut_short("its file system claims", end, bytes.len()));
    }
    let more = bytes.len().saturating_sub(end);
    if more > 0 {
        limits.push(format!(
            "the image goes on for {more} bytes after the volume; later sessions, if there are any, are not read"
        ));
    }
    let mut mark = [0; 5];
    if bytes.read_exact_at(OTHER_SESSION, &mut mark).is_ok() && mark == *MARK {
        limits.push("an earlier session has descriptors of its own at sector 48, and is not walked".into());
    }
}

/// The stamp at `at` in the form of blkid: `2024-05-06-07-08-09-00`.
fn stamp(raw: &[u8], at: usize) -> Option<String> {
    let digits = raw.get(at..at.checked_add(16)?)?;
    if !digits.iter().all(u8::is_ascii_digit) || digits.iter().all(|digit| *digit == b'0') {
        return None;
    }
    let mut text = String::new();
    for (index, digit) in digits.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10 | 12 | 14) {
            text.push('-');
        }
        text.push(char::from(*digit));
    }
    Some(text)
}

fn is_joliet(raw: &[u8]) -> bool {
    matches!(raw.get(88..91), Some(b"%/@" | b"%/C" | b"%/E"))
}

impl Descriptor {
    fn parse(raw: &[u8], limits: &mut Vec<String>) -> Result<Self, SourceError> {
        let cut = || corrupt("a volume descriptor is cut short");
        let (space, space_same) = both32(raw, 80).ok_or_else(cut)?;
        let (sequence, sequence_same) = both16(raw, 124).ok_or_else(cut)?;
        let (block, block_same) = both16(raw, 128).ok_or_else(cut)?;
        let (table_size, table_same) = both32(raw, 132).ok_or_else(cut)?;
        if !(space_same && sequence_same && block_same && table_same) {
            limits.push(
                "the two forms of a number in a volume descriptor differ; the little-endian one is used"
                    .into(),
            );
        }
        if !matches!(block, 512 | 1024 | 2048) {
            return Err(corrupt(&format!("logical blocks of {block} bytes")));
        }
        let root = Record::parse(raw.get(156..190).unwrap_or_default())
            .map_err(|what| corrupt(&format!("the root directory's record: {what}")))?;
        if !root.is_directory() {
            return Err(corrupt("the root is not a directory"));
        }
        if !root.differs.is_empty() {
            limits.push(format!(
                "the two forms of the root directory's {} differ; the little-endian one is used",
                root.differs.join(" and ")
            ));
        }
        let table = le32(raw, 140).ok_or_else(cut)?;
        Ok(Self { block: block.into(), sequence, space, root, table_size, table })
    }
}

/// Damage in words; never with names or content of the medium.
pub(crate) fn corrupt(what: &str) -> SourceError {
    SourceError::Corrupt(what.to_owned())
}

const MARK: &[u8; 5] = b"CD001";
/// The sector of the first descriptor.
const FIRST: u64 = 16;
/// Most descriptors that are looked at. Real discs have fewer than ten.
const MAX_DESCRIPTORS: u64 = 64;
/// Where xorriso keeps the first session's mark on media that can be overwritten.
const OTHER_SESSION: u64 = 48 * 2048 + 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_blkids() {
        let check = |raw: &[u8], expect: Option<&str>| assert_eq!(stamp(raw, 0).as_deref(), expect);
        check(b"2024050607080900\0", Some("2024-05-06-07-08-09-00"));
        check(b"0000000000000000\0", None);
        check(b"20240506 7080900\0", None);
        check(b"2024", None);
    }
}
