//! The log: whether it ends in the record of an unmount. It is not applied.
//!
//! ```text
//! ... | header, cycle 7 | unmount | cycle 6 | cycle 6 ...      unmounted cleanly: the newest record says so
//! ```
//!
//! The log is a ring of sectors of 512 bytes. Each begins with the number of
//! the round (cycle) in which it was written, a record's header with a magic
//! number before it.

use crate::field::{be32, byte};
use crate::walk::SourceError;
use crate::xfs::superblock::corrupt;
use crate::xfs::volume::Volume;

/// Whether the file system was unmounted cleanly, as far as the log tells.
///
/// # Errors
///
/// [`SourceError`] where the log cannot be read.
pub(crate) fn is_clean(volume: &Volume) -> Result<bool, SourceError> {
    let log = Log::new(volume)?;
    let first = log.cycle(0)?;
    if first == 0 {
        return Ok(true); // never written to
    }
    // What was written in this round comes first: the newest sector is the last of them.
    let (mut low, mut high) = (1, log.sectors);
    while low < high {
        let middle = low.midpoint(high);
        if log.cycle(middle)? == first { low = middle.saturating_add(1) } else { high = middle }
    }
    log.ends_in_unmount(low)
}

struct Log<'a> {
    volume: &'a Volume,
    start: u64,
    sectors: u64,
}

impl<'a> Log<'a> {
    fn new(volume: &'a Volume) -> Result<Self, SourceError> {
        let (start, blocks) = volume.sb.log;
        let sectors = u64::from(blocks).saturating_mul(u64::from(volume.sb.block_size) >> 9);
        let log = Self { volume, start, sectors };
        if sectors < 2 { Err(corrupt("the log has an impossible length")) } else { Ok(log) }
    }

    fn sector(&self, number: u64) -> Result<[u8; 512], SourceError> {
        let mut buf = [0; 512];
        self.volume.read(self.start, number.saturating_mul(512), &mut buf)?;
        Ok(buf)
    }

    fn cycle(&self, number: u64) -> Result<u32, SourceError> {
        let sector = self.sector(number)?;
        Ok(match be32(&sector, 0) {
            Some(MAGIC) => be32(&sector, 4).unwrap_or(0),
            other => other.unwrap_or(0),
        })
    }

    /// Whether the record before the sector `end` is that of an unmount, and ends there.
    fn ends_in_unmount(&self, end: u64) -> Result<bool, SourceError> {
        for back in 1..=self.sectors.min(MAX_RECORD) {
            // The ring: before its first sector comes its last.
            let at = end
                .checked_sub(back)
                .unwrap_or_else(|| end.saturating_add(self.sectors).saturating_sub(back));
            let header = self.sector(at)?;
            if be32(&header, 0) != Some(MAGIC) {
                continue;
            }
            let field = |at| be32(&header, at).unwrap_or(0);
            let (length, operations, buffer) = (field(12), field(40), field(320));
            let long = self.volume.sb.has_log_v2() && field(8) & 2 != 0;
            let headers = if long { u64::from(buffer).div_ceil(COVERED).max(1) } else { 1 };
            let content = headers.saturating_add(u64::from(length).div_ceil(512));
            if operations != 1 || content != back {
                return Ok(false);
            }
            let place = at.saturating_add(headers);
            let operation = self.sector(place.checked_rem(self.sectors).unwrap_or(0))?;
            return Ok(byte(&operation, 9).is_some_and(|flags| flags & UNMOUNT != 0));
        }
        Ok(false)
    }
}

/// Begins a record.
const MAGIC: u32 = 0xFEED_BABE;
/// Marks the operation that is written last when a file system is unmounted.
const UNMOUNT: u8 = 0x20;
/// Bytes of a record that one sector of header covers.
const COVERED: u64 = 32 << 10;
/// Longest record, in sectors: 256 KiB, the format's own limit, and its headers.
const MAX_RECORD: u64 = 512 + 16;
