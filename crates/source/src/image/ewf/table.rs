//! Tables: where the chunks of one run lie, and which are compressed.
//!
//! ```text
//! 1f 00 00 00  00 00 00 00  f4 06 00 00 00 00 00 00  00 00 00 00  (checksum)      31 chunks, counted from byte 1,780
//! 4c 00 00 00  50 80 00 80 ...  (checksum)                                        at 76, as it is; at 32,848, compressed
//! ```
//!
//! A table stands in the image twice. What neither copy tells is lost, and
//! only that.

use std::collections::BTreeSet;
use std::ops::Range;

use super::adler32::adler32;
use super::section::{Section, Segment};
use crate::bytes::{ReadFault, length};
use crate::field::{le32, le64};

/// A run of chunks and where they are told of.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// The first chunk of the run.
    pub(super) first: u64,
    /// Chunks in the run.
    pub(super) chunks: u64,
    /// Index of the segment.
    pub(super) segment: usize,
    /// The entries; `None` where both copies are damaged.
    entries: Option<Entries>,
    /// Where the run's chunks lie.
    pub(super) data: Range<u64>,
}

/// Where the entries of a table are, and what guards them.
#[derive(Clone, Debug)]
struct Entries {
    place: Range<u64>,
    base: u64,
    checksum: Option<u32>,
}

/// One of the two copies of a table, as it was read.
pub(super) struct Copy {
    chunks: u64,
    base: u64,
    place: Range<u64>,
    bytes: Vec<u8>,
    checksum: Option<u32>,
    sound: bool,
    data: Range<u64>,
    /// Bytes of the section behind the entries and their checksum.
    pub(super) tail: u64,
}

impl Copy {
    /// Reads a table section. Its chunks lie in `sectors`, or behind its entries where there is no such section; its entries
    /// have no checksum then. `None` where the header of the table cannot be believed.
    pub(super) fn read(
        segment: &Segment,
        section: &Section,
        sectors: Option<&Range<u64>>,
    ) -> Result<Option<Self>, ReadFault> {
        let entries = section.data.start.saturating_add(HEADER);
        if entries > section.data.end {
            return Ok(None);
        }
        let header = segment.read(section.data.start..entries)?;
        let (Some(chunks), Some(base)) = (le32(&header, 0), le64(&header, 8)) else { return Ok(None) };
        let end = entries.saturating_add(u64::from(chunks).saturating_mul(4));
        let footer = if sectors.is_some() { end.saturating_add(4) } else { end };
        let sound = header.get(..20).map(adler32) == le32(&header, 20);
        if !sound || chunks > MAX_CHUNKS || footer > section.data.end {
            return Ok(None);
        }
        let bytes = segment.read(entries..end)?;
        let checksum = match sectors {
            Some(_) => le32(&segment.read(end..footer)?, 0),
            None => None,
        };
        Ok(Some(Self {
            chunks: chunks.into(),
            base,
            place: entries..end,
            sound: checksum.is_none_or(|checksum| checksum == adler32(&bytes)),
            bytes,
            checksum,
            data: sectors.cloned().unwrap_or(end..section.data.end),
            tail: if sectors.is_some() { section.data.end.saturating_sub(footer) } else { 0 },
        }))
    }
}

/// What the two copies of a table make together.
pub(super) enum Joined {
    /// A table, and what is to be said of it.
    Table(Table, Option<&'static str>),
    /// Neither copy tells how many chunks there are.
    Nothing,
}

impl Table {
    /// Makes a table of its copies; `second` is `None` where there is no second one.
    pub(super) fn join(
        first: u64,
        segment: usize,
        table: Option<Copy>,
        second: Option<Option<Copy>>,
    ) -> Joined {
        let single = second.is_none();
        let sound = |copy: &Option<Copy>| copy.as_ref().is_some_and(|copy| copy.sound);
        let second = second.flatten();
        let (chosen, said) = match (sound(&table), sound(&second)) {
            (true, true) => {
                let same =
                    |a: &Copy, b: &Copy| a.chunks == b.chunks && a.base == b.base && a.bytes == b.bytes;
                let differ = table.as_ref().zip(second.as_ref()).is_some_and(|(a, b)| !same(a, b));
                (table, differ.then_some("its two copies differ, and the first is used"))
            }
            (true, false) if single => (table, None),
            (true, false) => (table, Some("its second copy is damaged, and the first is used")),
            (false, true) => (second, Some("its first copy is damaged or missing, and the second is used")),
            (false, false) if single => (table, Some(LOST)),
            (false, false) => (table.or(second), Some(LOST)),
        };
        let Some(copy) = chosen else { return Joined::Nothing };
        let entries = Entries { place: copy.place, base: copy.base, checksum: copy.checksum };
        let entries = copy.sound.then_some(entries);
        Joined::Table(Self { first, chunks: copy.chunks, segment, entries, data: copy.data }, said)
    }

    /// Whether no copy of the table tells where its chunks are.
    pub(super) fn is_lost(&self) -> bool {
        self.entries.is_none()
    }

    /// Whether the chunks stand behind the entries, which have no checksum that is read.
    pub(super) fn is_bare(&self) -> bool {
        self.entries.as_ref().is_some_and(|entries| entries.checksum.is_none())
    }

    /// Reads the entries.
    pub(super) fn offsets(&self, segment: &Segment) -> Result<Offsets, String> {
        let entries = self.entries.as_ref().ok_or(LOST)?;
        let bytes = segment.read(entries.place.clone()).map_err(|fault| fault.to_string())?;
        if entries.checksum.is_some_and(|checksum| checksum != adler32(&bytes)) {
            return Err("the table of chunks is not what it was when the image was opened".into());
        }
        let raw = bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        Ok(Offsets::new(raw, entries.base, self.data.clone(), entries.checksum.is_none()))
    }
}

/// Where the chunks of one table lie.
pub(super) struct Offsets {
    raw: Vec<u32>,
    base: u64,
    data: Range<u64>,
    /// Entries from here on use all 32 bits, and their chunks are not compressed.
    wide_from: usize,
    /// Whether nothing but the chunks themselves shows that the entries are right.
    bare: bool,
    /// Places to which more than one entry leads: a chunk cannot be two.
    shared: BTreeSet<u64>,
}

/// Where a chunk is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Extent {
    /// The bytes in the segment.
    pub(super) place: Range<u64>,
    /// Whether they are a zlib stream.
    pub(super) compressed: bool,
    /// Whether the chunk has to fill them: then an entry that is wrong shows.
    pub(super) exact: bool,
}

impl Offsets {
    fn new(raw: Vec<u32>, base: u64, data: Range<u64>, bare: bool) -> Self {
        // EnCase 6.7 went on beyond 2 GiB by letting the offset grow into the bit that otherwise says "compressed".
        let grown = |pair: &[u32]| match pair {
            [before, after] => after & !COMPRESSED < before & !COMPRESSED && after & COMPRESSED != 0,
            _ => false,
        };
        let wide_from = raw.windows(2).position(grown).map_or(usize::MAX, |at| at.saturating_add(1));
        let mut offsets = Self { raw, base, data, wide_from, bare, shared: BTreeSet::new() };
        let mut starts: Vec<u64> =
            (0..offsets.raw.len()).filter_map(|index| Some(offsets.start(index)?.0)).collect();
        starts.sort_unstable();
        let twice =
            starts.windows(2).filter_map(|pair| pair.first().filter(|first| pair.last() == Some(*first)));
        offsets.shared = twice.copied().collect();
        offsets
    }

    /// Where the chunk `index` of the run is stored; `None` where the table leads out of the run's place.
    pub(super) fn extent(&self, index: u64) -> Option<Extent> {
        let index = usize::try_from(index).ok()?;
        let (start, compressed) = self.start(index).filter(|(start, _)| !self.shared.contains(start))?;
        let next = index.checked_add(1)?;
        // What lies behind the last chunk of a run, or a chunk that is followed by one before it, ends with the run.
        let end = match self.start(next) {
            Some((end, _)) if end > start => end,
            _ => self.data.end,
        };
        let inside = self.data.start <= start && start < end && end <= self.data.end;
        inside.then_some(Extent { place: start..end, compressed, exact: self.bare })
    }

    /// Bytes that the chunks take, of `chunk` bytes each when unpacked. How long a packed one is shows when it is unpacked:
    /// it counts as long as such can be.
    pub(super) fn covered(&self, chunk: u64) -> u64 {
        let packed = chunk.saturating_add(chunk / 64).saturating_add(64);
        (0..length(self.raw.len())).filter_map(|index| self.extent(index)).fold(0_u64, |sum, extent| {
            let size = extent.place.end.saturating_sub(extent.place.start);
            let most = if extent.compressed { packed } else { chunk.saturating_add(4) };
            sum.saturating_add(size.min(most))
        })
    }

    fn start(&self, index: usize) -> Option<(u64, bool)> {
        let raw = *self.raw.get(index)?;
        let wide = index >= self.wide_from;
        let offset = if wide { raw } else { raw & !COMPRESSED };
        Some((self.base.checked_add(offset.into())?, !wide && raw & COMPRESSED != 0))
    }
}

/// The most that one table takes in memory, in chunks. EnCase writes at most 65,534.
const MAX_CHUNKS: u32 = 1 << 20;
/// Bytes of a table's header.
const HEADER: u64 = 24;
/// The bit of an entry that says that the chunk is compressed.
const COMPRESSED: u32 = 1 << 31;
const LOST: &str = "no copy of it is whole, and its chunks cannot be read";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &[u32], index: u64, expect: Option<(u64, u64, bool)>) {
        let offsets = Offsets::new(raw.to_vec(), 1_000, 1_000..5_000_000_000, false);
        let found =
            offsets.extent(index).map(|extent| (extent.place.start, extent.place.end, extent.compressed));
        assert_eq!(found, expect, "{raw:x?} {index}");
    }

    #[test]
    fn extents_end_where_the_next_begins() {
        let raw = [0x0000_0000, 0x8000_0100, 0x0000_0200];
        check(&raw, 0, Some((1_000, 1_256, false)));
        check(&raw, 1, Some((1_256, 1_512, true)));
        check(&raw, 2, Some((1_512, 5_000_000_000, false)));
        check(&raw, 3, None);
        check(&[0x0000_0200, 0x0000_0100], 0, Some((1_512, 5_000_000_000, false)));
    }

    #[test]
    fn offsets_grow_beyond_two_gibibytes() {
        let raw = [0x7FFF_0000, 0x7FFF_8004, 0x8000_0008, 0x8000_800C, 0xFFFF_FFF0];
        check(&raw, 0, Some((0x7FFF_0000 + 1_000, 0x7FFF_8004 + 1_000, false)));
        check(&raw, 1, Some((0x7FFF_8004 + 1_000, 0x8000_0008 + 1_000, false)));
        check(&raw, 2, Some((0x8000_0008 + 1_000, 0x8000_800C + 1_000, false)));
        check(&raw, 4, Some((0xFFFF_FFF0 + 1_000, 5_000_000_000, false)));
    }

    #[test]
    fn extents_stay_in_their_run() {
        let outside = Offsets::new(vec![0, 10, 30], 1_000, 1_005..1_020, true);
        assert_eq!(outside.extent(0), None);
        assert_eq!(outside.extent(1), None);
        assert_eq!(outside.extent(2), None);
        assert_eq!(Offsets::new(vec![0, 10], u64::MAX, 0..u64::MAX, true).extent(1), None);
        // Two chunks at one place are none, whichever was meant.
        let twice = Offsets::new(vec![5, 20, 20 | COMPRESSED, 40], 1_000, 1_000..2_000, false);
        let found: Vec<bool> = (0..4).map(|index| twice.extent(index).is_some()).collect();
        assert_eq!(found, [true, false, false, true]);
    }
}
