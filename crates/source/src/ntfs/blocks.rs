//! Blocks of indexes that hold something else: nobody reads a block that its bitmap calls free, nor the blocks of a view.
//!
//! ```text
//! 300000 bytes in blocks of indexes (of 1 records) are none of an index, and are not read: the first is of MFT record 65
//! ```

use crate::bytes::length;
use crate::field::{le32, le64};
use crate::ntfs::bits::Bits;
use crate::ntfs::data::Data;
use crate::ntfs::file::File;
use crate::ntfs::fixup;
use crate::ntfs::index::{I30, MAX_BLOCK};
use crate::ntfs::nodes::Nodes;
use crate::ntfs::record::{Value, kind};

/// What was found.
#[derive(Default)]
struct Foreign {
    bytes: u64,
    records: u64,
    first: u64,
}

impl Nodes {
    /// Bytes in the blocks of indexes that are no index, in sentences with numbers.
    pub(super) fn foreign_blocks(&self) -> Vec<String> {
        let boot = &self.volume.disk.boot;
        let (mut found, mut unknown) = (Foreign::default(), 0_u64);
        // Each cluster is of one index: indexes that share clusters would be read again and again.
        let mut left = boot.length().saturating_mul(2);
        for number in 0..self.volume.mft.count() {
            let Some(header) = self.volume.header(number).filter(|header| header.is_in_use()) else {
                continue;
            };
            if header.base.is_some() || !(header.is_directory() || header.is_view_index()) {
                continue;
            }
            let Ok(file) = self.volume.file(number) else { continue };
            let mut bytes = 0_u64;
            for (record, allocation) in file.all(kind::INDEX_ALLOCATION) {
                // What an index is called elsewhere is not read at all, and is an issue of its item.
                let name = record.name(allocation);
                if name == I30 && !header.is_directory() {
                    continue;
                }
                let spanned = match &allocation.value {
                    Value::Mapped(mapped) => mapped.spanned.max(mapped.size),
                    Value::Resident(_) => 0,
                };
                if spanned > left {
                    unknown = unknown.saturating_add(1);
                    continue;
                }
                left = left.saturating_sub(spanned);
                match self.foreign(&file, name) {
                    Some(foreign) => bytes = bytes.saturating_add(foreign),
                    None => unknown = unknown.saturating_add(1),
                }
            }
            if bytes > 0 {
                found.first = if found.records == 0 { number } else { found.first };
                found.records = found.records.saturating_add(1);
                found.bytes = found.bytes.saturating_add(bytes);
            }
        }
        let mut limits = Vec::new();
        if found.records > 0 {
            limits.push(format!(
                "{} bytes in blocks of indexes (of {} records) are none of an index, and are not read: the first is of MFT record {}",
                found.bytes, found.records, found.first
            ));
        }
        if unknown > 0 {
            limits.push(format!(
                "whether the blocks of {unknown} indexes hold something else was not looked at: they cannot be read, or claim more \
                 clusters than the volume has"
            ));
        }
        limits
    }

    /// Bytes of an index that are in no block of its own, and in no empty one; `None` where it cannot be read.
    fn foreign(&self, file: &File, name: &[u8]) -> Option<u64> {
        let disk = &self.volume.disk;
        let (record, root) = file.find(kind::INDEX_ROOT, name)?;
        let size = record.resident(root).and_then(|root| le32(root, 8)).map(u64::from)?;
        if !size.is_power_of_two() || !(512..=MAX_BLOCK).contains(&size) {
            return None;
        }
        let blocks = file.value(disk, kind::INDEX_ALLOCATION, name).ok()?;
        let unit = if disk.boot.cluster <= size { disk.boot.cluster } else { 512 };
        let count = blocks.size.checked_div(size)?;
        let bitmap = file.value(disk, kind::BITMAP, name).ok()?;
        let used = Bits::read(disk, &bitmap, count).ok()?;
        let mut raw = vec![0; usize::try_from(size).ok()?];
        let mut foreign = 0_u64;
        for number in 0..count {
            let offset = number.checked_mul(size)?;
            blocks.fill(disk, offset, &mut raw).ok()?;
            let is_own = raw.starts_with(b"INDX")
                && le64(&raw, 16).and_then(|at| at.checked_mul(unit)) == Some(offset);
            let is_empty = !used.has(number) && raw.iter().all(|byte| *byte == 0);
            let is_sound = is_own && (!used.has(number) || fixup::restore(&mut raw, b"INDX").is_ok());
            if !is_empty && !is_sound {
                foreign = foreign.saturating_add(size);
            }
        }
        let end = blocks.size.div_ceil(disk.boot.cluster).saturating_mul(disk.boot.cluster);
        let behind = blocks.mapped(disk).saturating_sub(end);
        let unwritten = blocks.size.saturating_sub(blocks.valid);
        let tail = blocks.size.checked_rem(size)?;
        Some(
            [behind, unwritten, tail, self.behind_bits(&bitmap, count)?]
                .iter()
                .fold(foreign, |sum, more| sum.saturating_add(*more)),
        )
    }

    /// Bytes of a bitmap behind those of the `count` blocks, unless they are zeros.
    fn behind_bits(&self, bitmap: &Data, count: u64) -> Option<u64> {
        let disk = &self.volume.disk;
        let needed = count.div_ceil(8);
        let end = bitmap.size.div_ceil(disk.boot.cluster).saturating_mul(disk.boot.cluster);
        let behind = bitmap.mapped(disk).saturating_sub(end.max(bitmap.size));
        let more = bitmap.size.saturating_sub(needed);
        let mut rest = vec![0; usize::try_from(more.min(MAX_BITS)).ok()?];
        bitmap.fill(disk, needed, &mut rest).ok()?;
        let is_empty = length(rest.len()) == more && rest.iter().all(|byte| *byte == 0);
        Some(behind.saturating_add(if is_empty { 0 } else { more }))
    }
}

/// Most bytes of a bitmap behind its blocks that are looked at; Windows rounds up to eight.
const MAX_BITS: u64 = 1 << 16;
