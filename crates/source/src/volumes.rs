//! Volumes: the pieces into which a disk is divided, and the gaps between them.
//!
//! Implements `docs/spec/volumes.md`, "Partitions".
//!
//! ```text
//! gpt, 512 bytes a sector
//!       0    1048576   gap: protective MBR, header, table
//! 1048576   67108864   1  EFI system
//! ```

pub(crate) mod crc32;
mod gpt;
mod kinds;
mod mbr;
mod unit;

use std::sync::Arc;

use crate::bytes::{ByteSource, ReadFault};

/// How a disk is divided.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct VolumeMap {
    /// `gpt`, `mbr`, or `none` where the disk holds no partition table.
    pub scheme: String,
    /// Bytes in a sector, as the table counts them.
    pub sector_size: u32,
    /// The GUID of a GPT, as text in lower case; `None` otherwise.
    pub guid: Option<String>,
    /// The partitions, by where they begin.
    pub partitions: Vec<Partition>,
    /// What no partition covers, tables and boot code included, as first byte and length, ascending.
    pub gaps: Vec<(u64, u64)>,
    /// Where the tables themselves stand, as first byte and length.
    pub tables: Vec<(u64, u64)>,
    /// What is wrong with the tables, in sentences without names.
    pub warnings: Vec<String>,
}

/// One partition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Partition {
    /// Its number in the table, from 1; logical partitions of an MBR count from 5.
    pub number: u32,
    /// First byte.
    pub start: u64,
    /// Length in bytes.
    pub length: u64,
    /// What the table says it is for, in words: `Linux`, `NTFS or exFAT`, `type 0x12`, a GPT type's GUID where it is not known.
    pub kind: String,
    /// The partition's own GUID, in a GPT.
    pub guid: Option<String>,
    /// Its name, in a GPT, escaped.
    pub name: Option<String>,
}

/// Reads how a disk is divided. Damage in a table is a warning; a disk without one is one gap.
///
/// Whoever calls this looks for a file system at the beginning first: a file system's boot sector may bear the same
/// signature as an MBR, and the remains of an older table may lie around a file system.
///
/// # Errors
///
/// [`ReadFault`] where the first sector cannot be read and no GPT tells what is there.
pub fn volumes(bytes: &dyn ByteSource) -> Result<VolumeMap, ReadFault> {
    let mut notes = Notes::default();
    let mut map =
        VolumeMap { scheme: "none".into(), sector_size: bytes.sector_size(), ..VolumeMap::default() };
    let mut first = [0; 512];
    let boot = match bytes.read_exact_at(0, &mut first) {
        _ if bytes.len() < 512 => Boot::Absent,
        Ok(()) => mbr::boot(&first, bytes.len(), bytes.sector_size(), is_disc(bytes)),
        Err(fault) => Boot::Unreadable(fault),
    };
    if let Boot::Table(entries) = boot {
        map.scheme = "mbr".into();
        map.tables.push((0, 512));
        map.sector_size = unit::counted_in(bytes, &entries, &mut notes);
        map.partitions = mbr::partitions(bytes, map.sector_size, &entries, &mut map.tables, &mut notes);
        if gpt::is_marked(bytes) {
            notes.add("a GPT header stands beside an MBR without a protective entry: the MBR is used");
        }
    } else {
        let found = gpt::find(bytes, &boot, &mut notes);
        match (found, boot) {
            (Some(table), boot) => {
                map.scheme = "gpt".into();
                map.sector_size = table.sector_size;
                map.partitions = table.partitions(&mut notes);
                map.tables = table.own;
                map.tables.extend(matches!(boot, Boot::Protective { .. }).then_some((0, 512)));
                map.guid = Some(table.guid);
            }
            (None, Boot::Protective { others }) => {
                map.scheme = "gpt".into();
                map.tables.push((0, 512));
                let text =
                    "the MBR is a protective one, but no GPT can be read; its other entries are not used:";
                notes.add(format!("{text} {others}"));
            }
            (None, Boot::Unreadable(fault)) => return Err(fault),
            (None, Boot::Implausible(why)) => notes.add(format!(
                "the first sector ends in a boot signature, but holds no partition table: {why}"
            )),
            (None, Boot::Absent | Boot::Blank | Boot::Table(_)) => {}
        }
    }
    map.partitions.sort_by_key(|partition| (partition.start, partition.number));
    map.gaps = gaps(bytes.len(), &map.partitions, &mut notes);
    map.warnings = notes.done();
    Ok(map)
}

/// Whether an ISO 9660 file system bears its mark: its first 32 KiB are nobody's, and a table can stand in them.
fn is_disc(bytes: &dyn ByteSource) -> bool {
    let mut mark = [0; 5];
    bytes.read_exact_at(0x8001, &mut mark).is_ok() && &mark == b"CD001"
}

/// What the first sector holds.
enum Boot {
    /// No boot signature, and not blank; or a disk of less than a sector.
    Absent,
    /// Zeros.
    Blank,
    /// A boot signature and nothing that can be a partition table; why.
    Implausible(String),
    /// An MBR that protects a GPT, with this many other entries.
    Protective { others: usize },
    /// A plausible MBR: its entries in use, with their numbers.
    Table(Vec<mbr::Entry>),
    /// The sector cannot be read.
    Unreadable(ReadFault),
}

/// What no partition covers, ascending; partitions that overlap or leave the disk are noted. `partitions` are sorted.
fn gaps(len: u64, partitions: &[Partition], notes: &mut Notes) -> Vec<(u64, u64)> {
    let mut gaps = Vec::new();
    let (mut covered, mut last) = (0_u64, 0);
    for Partition { number, start, length, .. } in partitions {
        let end = start.saturating_add(*length);
        if end > len {
            notes.add(format!("partition {number} ends at byte {end}, beyond the disk's {len}"));
        }
        if *start < covered {
            notes.add(format!(
                "partition {number} begins at byte {start}, before partition {last} ends at {covered}"
            ));
        } else if *start > covered && covered < len {
            gaps.push((covered, start.min(&len).saturating_sub(covered)));
        }
        if end > covered {
            (covered, last) = (end, *number);
        }
    }
    if covered < len {
        gaps.push((covered, len.saturating_sub(covered)));
    }
    gaps
}

/// Warnings, as many as somebody reads.
#[derive(Default)]
struct Notes {
    texts: Vec<String>,
    more: u64,
}

impl Notes {
    fn add(&mut self, text: impl Into<String>) {
        if self.texts.len() < MAX_WARNINGS {
            self.texts.push(text.into());
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    fn done(mut self) -> Vec<String> {
        if self.more > 0 {
            self.texts.push(format!("{} more warnings of this kind are left out", self.more));
        }
        self.texts
    }
}

/// Most warnings of one disk. A hostile table could give one for each of thousands of entries.
const MAX_WARNINGS: usize = 64;

/// A range of bytes as a source of its own: a partition.
pub(crate) struct Window {
    inner: Arc<dyn ByteSource>,
    start: u64,
    length: u64,
}

impl Window {
    /// `length` bytes of `inner` from `start`, cut at the end of `inner`.
    pub(crate) fn new(inner: Arc<dyn ByteSource>, start: u64, length: u64) -> Self {
        let length = length.min(inner.len().saturating_sub(start));
        Self { inner, start, length }
    }
}

impl ByteSource for Window {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let want = left.min(buf.len());
        let Some(buf) = buf.get_mut(..want).filter(|buf| !buf.is_empty()) else { return Ok(0) };
        self.inner.read_at(self.start.saturating_add(offset), buf)
    }

    fn sector_size(&self) -> u32 {
        self.inner.sector_size()
    }

    fn bad_ranges(&self) -> Vec<std::ops::Range<u64>> {
        let end = self.start.saturating_add(self.length);
        let clip = |at: u64| at.clamp(self.start, end).saturating_sub(self.start);
        let ranges = self.inner.bad_ranges().into_iter().map(|range| clip(range.start)..clip(range.end));
        ranges.filter(|range| range.start < range.end).collect()
    }
}
