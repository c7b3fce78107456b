//! The boot region: twelve sectors, and a copy of them behind.

use std::sync::Arc;

use crate::bytes::{ByteSource, length};
use crate::fat::boot::corrupt;
use crate::fat::heap::Heap;
use crate::fat::table::Width;
use crate::field::{byte, le16, le32, le64};
use crate::walk::{SourceError, Unused, evenly};

/// What a boot sector says.
#[derive(Clone, Debug)]
pub(crate) struct Boot {
    /// Bytes of a sector.
    pub(crate) sector: u64,
    /// Where clusters stand.
    pub(crate) heap: Heap,
    /// Offset of the file allocation table that is in use.
    pub(crate) table: u64,
    /// Bytes of it.
    pub(crate) table_length: u64,
    /// Whether the second table and the second bitmap are in use.
    pub(crate) second: bool,
    /// First cluster of the root directory.
    pub(crate) root: u32,
    /// Serial number of the volume.
    pub(crate) serial: u32,
    /// Offset of the first file allocation table, and how many there are.
    tables: (u64, u8),
    /// Bytes of the volume.
    total: u64,
    /// What limits this reading.
    pub(crate) limits: Vec<String>,
}

/// Whether `head` begins with the boot sector of an exFAT volume.
pub(crate) fn is_exfat(head: &[u8]) -> bool {
    head.get(3..).is_some_and(|rest| rest.starts_with(MARK))
}

/// Reads the boot region, or its copy where it is damaged.
///
/// # Errors
///
/// [`SourceError`] where neither says how the volume is laid out.
pub(crate) fn read(bytes: &dyn ByteSource) -> Result<Boot, SourceError> {
    let first = region(bytes, 0, None);
    let copy = |shift| region(bytes, COPY << shift, Some(shift)).ok();
    if let Ok((raw, shift, true)) = &first {
        let mut boot = Boot::parse(raw, bytes.len())?;
        match copy(*shift) {
            Some((_, _, true)) => {}
            _ => boot.limits.push("the copy of the boot region is damaged; the first is used".into()),
        }
        return Ok(boot);
    }
    for shift in SECTOR_SHIFTS {
        if let Some((raw, _, true)) = copy(shift) {
            let mut boot = Boot::parse(&raw, bytes.len())?;
            boot.limits.push("the boot region is damaged; its copy is used".into());
            return Ok(boot);
        }
    }
    let (raw, ..) = first?;
    let mut boot = Boot::parse(&raw, bytes.len())?;
    boot.limits.push("the boot region and its copy are damaged; the first is used as it stands".into());
    Ok(boot)
}

/// Where a sound copy of the boot region stands, and its boot sector.
pub(crate) fn copy(bytes: &dyn ByteSource) -> Option<(u64, Vec<u8>)> {
    SECTOR_SHIFTS.into_iter().find_map(|shift| {
        let at = COPY << shift;
        region(bytes, at, Some(shift)).ok().filter(|(_, _, fits)| *fits).map(|(raw, ..)| (at, raw))
    })
}

/// What shows that the first sectors were written to after the file system was made.
pub(crate) fn written_over(bytes: &Arc<dyn ByteSource>) -> Option<&'static str> {
    let (.., fits) = region(bytes.as_ref(), 0, None).ok()?;
    (!fits).then_some("the checksum of its boot region does not fit")
}

/// The boot sector at `offset`, its sector shift, and whether the region's checksum fits.
fn region(
    bytes: &dyn ByteSource,
    offset: u64,
    expected: Option<u8>,
) -> Result<(Vec<u8>, u8, bool), SourceError> {
    let mut raw = vec![0; SECTOR];
    if bytes.len() < offset.saturating_add(length(SECTOR)) {
        return Err(corrupt("shorter than a boot sector"));
    }
    bytes.read_exact_at(offset, &mut raw)?;
    let shift = byte(&raw, 108).unwrap_or(0);
    if !is_exfat(&raw) || !SECTOR_SHIFTS.contains(&shift) || expected.is_some_and(|known| known != shift) {
        return Err(corrupt("the boot sector is not that of an exFAT volume"));
    }
    let fits = checksum_fits(bytes, offset, 1 << shift);
    Ok((raw, shift, fits))
}

fn checksum_fits(bytes: &dyn ByteSource, offset: u64, sector: usize) -> bool {
    let mut all = vec![0; sector.saturating_mul(12)];
    if bytes.read_exact_at(offset, &mut all).is_err() {
        return false;
    }
    let (covered, sums) = all.split_at(sector.saturating_mul(11));
    // The state and the share in use change without the checksum.
    let counted = covered.iter().enumerate().filter(|(at, _)| !matches!(at, 106 | 107 | 112));
    let sum = counted.fold(0_u32, |sum, (_, byte)| sum.rotate_right(1).wrapping_add((*byte).into()));
    sums.as_chunks::<4>().0.iter().all(|stored| u32::from_le_bytes(*stored) == sum)
}

impl Boot {
    /// At most `most` places in the table, evenly.
    pub(crate) fn table_places(&self, most: u64) -> impl Iterator<Item = u64> {
        let entries = u64::from(self.heap.clusters).saturating_mul(4).min(self.table_length);
        let sector = length(SECTOR);
        let first = self.table;
        evenly(entries / sector, most)
            .filter_map(move |number| first.checked_add(number.checked_mul(sector)?))
    }

    fn parse(raw: &[u8], available: u64) -> Result<Self, SourceError> {
        Self::fields(raw, available).ok_or_else(|| corrupt("the boot sector is cut short"))?
    }

    fn fields(raw: &[u8], available: u64) -> Option<Result<Self, SourceError>> {
        let (sector_shift, cluster_shift) = (byte(raw, 108)?, byte(raw, 109)?);
        let shift = sector_shift.saturating_add(cluster_shift);
        let fats = byte(raw, 110)?;
        let (revision, flags) = (le16(raw, 104)?, le16(raw, 106)?);
        let (fat, fat_length) = (u64::from(le32(raw, 80)?), u64::from(le32(raw, 84)?));
        let (heap, mut clusters, total) = (u64::from(le32(raw, 88)?), le32(raw, 92)?, le64(raw, 72)?);
        let root = le32(raw, 96)?;
        if revision >> 8 != 1 {
            return Some(Err(corrupt(&format!(
                "version {}.{} of exFAT is not known",
                revision >> 8,
                revision & 0xFF
            ))));
        }
        let tables = u64::from(fats).saturating_mul(fat_length);
        if !SECTOR_SHIFTS.contains(&sector_shift)
            || shift > MAX_CLUSTER_SHIFT
            || !(1..=2).contains(&fats)
            || fat < COPY.saturating_mul(2)
            || heap < fat.saturating_add(tables)
            || total < heap
        {
            return Some(Err(corrupt("the boot sector contradicts itself")));
        }
        let mut limits = Vec::new();
        let sector = 1_u64 << sector_shift;
        let table_length = fat_length.saturating_mul(sector);
        let room = total.saturating_sub(heap) >> cluster_shift;
        // Not even the table of more clusters would be within these bytes: no memory is set aside for them.
        let most =
            room.min((table_length / 4).saturating_sub(2)).min(available / 4).min(Width::Whole.most().into());
        if u64::from(clusters) > most {
            limits.push(format!(
                "the volume states {clusters} clusters, and has room for {most}; the rest is not read"
            ));
            clusters = u32::try_from(most).unwrap_or(u32::MAX);
        }
        match total.checked_mul(sector) {
            Some(end) if end <= available => {}
            end => limits.push(crate::medium::cut_short(
                "its file system claims",
                end.unwrap_or(u64::MAX),
                available,
            )),
        }
        let second = flags & 1 != 0 && fats == 2;
        for (bit, what) in [
            (
                flags & 1 != 0 && fats == 1,
                "the volume names a second file allocation table, and has one; the first is used",
            ),
            (fats == 2, "the volume has two file allocation tables (TexFAT); the one in use is read"),
            (flags & 2 != 0, "the volume is marked as not unmounted cleanly"),
            (flags & 4 != 0, "the volume is marked as one with disk errors"),
        ] {
            if bit {
                limits.push(what.into());
            }
        }
        let heap = Heap { first: heap.saturating_mul(sector), cluster: 1 << shift, clusters };
        if !heap.has(root) {
            return Some(Err(corrupt(&format!("the root directory is to begin at cluster {root}"))));
        }
        let table = fat.saturating_mul(sector).saturating_add(if second { table_length } else { 0 });
        let (tables, total) = ((fat.saturating_mul(sector), fats), total.saturating_mul(sector));
        let serial = le32(raw, 100)?;
        Some(Ok(Self { sector, heap, table, table_length, second, root, serial, tables, total, limits }))
    }

    /// What lies around the boot regions, before, behind and in the file allocation tables, and behind the last cluster.
    pub(crate) fn unused(&self, available: u64) -> Unused {
        let mut unused = Unused::default();
        for region in [0, COPY].map(|sector| sector.saturating_mul(self.sector)) {
            let place = |sector: u64| sector.saturating_mul(self.sector).saturating_add(region);
            // The boot sector; the marks in which the extended ones end; the maker's parameters; the checksums.
            unused.own.push((place(0), length(SECTOR)));
            unused.own.extend((1..9).map(|sector| (place(sector + 1).saturating_sub(4), 4)));
            unused.own.extend([(place(9), length(SECTOR)), (place(11), self.sector)]);
        }
        let (first, count) = self.tables;
        unused.area(0, first, "it lies before the file allocation table");
        let used = u64::from(self.heap.clusters).saturating_add(2).saturating_mul(4);
        let table = |index: u64| index.saturating_mul(self.table_length).saturating_add(first);
        for index in 0..u64::from(count) {
            unused.area(
                table(index).saturating_add(used),
                table(index + 1),
                "it lies behind the entries of a file allocation table",
            );
        }
        unused.area(table(count.into()), self.heap.first, "it lies before the first cluster");
        let end = u64::from(self.heap.clusters).saturating_mul(self.heap.cluster);
        let end = end.saturating_add(self.heap.first);
        unused.area(end, self.total.min(available), "it lies behind the last cluster");
        unused
    }
}

/// What stands in the place of a maker's name.
const MARK: &[u8] = b"EXFAT   ";
/// Bytes of a boot sector that matter, whatever the sector size.
const SECTOR: usize = 512;
/// Sectors of a boot region; its copy follows at once.
const COPY: u64 = 12;
/// Sectors of 512 to 4096 bytes, as the specification has them.
const SECTOR_SHIFTS: std::ops::RangeInclusive<u8> = 9..=12;
/// Largest cluster of the specification: 32 MiB.
const MAX_CLUSTER_SHIFT: u8 = 25;
