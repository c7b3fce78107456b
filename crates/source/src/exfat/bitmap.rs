//! The allocation bitmap: a bit for each cluster, set where it is in use. And the up-case table, of which only the
//! checksum matters here: names are kept as they are.

use std::io::Read as _;
use std::sync::Arc;

use crate::exfat::volume::Volume;
use crate::fat::boot::corrupt;
use crate::fat::heap::{Run, RunReader};
use crate::fat::volume::{Piece, SLOT};
use crate::field::{byte, le32, le64};
use crate::patient::failed_reads;
use crate::walk::SourceError;

/// What belongs to the volume itself.
#[derive(Default)]
pub(crate) struct System {
    /// The bitmap in use, where it can be read.
    bitmap: Option<Vec<u8>>,
    /// Clusters of bitmaps and of the up-case table.
    pub(crate) runs: Vec<Run>,
    /// What limits this reading.
    pub(crate) limits: Vec<String>,
    /// Which of the two bitmaps were met.
    met: (bool, bool),
    /// Whether the medium did not give all that was read for this.
    is_wanting: bool,
}

impl System {
    /// Finds the bitmap and the up-case table in the root directory of `volume`.
    pub(crate) fn read(volume: &Volume) -> Self {
        let failed = failed_reads();
        let mut slots: Vec<[u8; SLOT]> = Vec::new();
        let mut ended = false;
        volume.slots(&volume.root(), &mut |piece| {
            if let Piece::Slot(_, slot) = piece {
                ended |= slot[0] == 0;
                if !ended && matches!(slot[0], 0x81 | 0x82) && slots.len() < MAX_SYSTEM {
                    slots.push(*slot);
                }
            }
        });
        let mut system = Self::default();
        let mut has_table = false;
        for slot in &slots {
            if slot[0] == 0x82 && has_table {
                let stated = le64(slot, 24).unwrap_or(0);
                system.limits.push(format!(
                    "the root directory names an up-case table twice: the other, of {stated} bytes, is not read"
                ));
            } else if slot[0] == 0x82 {
                has_table = true;
                system.up_case(volume, slot);
            } else {
                system.take_bitmap(volume, slot);
            }
        }
        if system.bitmap.is_none() {
            system.limits.push("no allocation bitmap can be read: what is in use is not counted".into());
        }
        if !has_table {
            system.limits.push("the volume has no up-case table".into());
        }
        system.is_wanting = failed_reads() > failed;
        system
    }

    fn take_bitmap(&mut self, volume: &Volume, slot: &[u8; SLOT]) {
        let bytes = u64::from(volume.heap.clusters).div_ceil(8);
        let stated = le64(slot, 24).unwrap_or(0);
        if stated < bytes {
            self.limits.push(format!("an allocation bitmap has {stated} bytes of {bytes}"));
            return;
        }
        let second = byte(slot, 1).unwrap_or(0) & 1 != 0;
        let met = if second { &mut self.met.1 } else { &mut self.met.0 };
        if std::mem::replace(met, true) {
            self.limits.push(format!(
                "the root directory names an allocation bitmap twice: the other, of {stated} bytes, is not read"
            ));
            return;
        }
        match load(volume, slot, bytes) {
            Ok((runs, bitmap)) => {
                if stated > bytes {
                    self.limits.push(format!(
                        "an allocation bitmap states {stated} bytes, and the volume's clusters need {bytes}: {} bytes are not read",
                        stated.saturating_sub(bytes)
                    ));
                }
                self.behind(volume, &runs, bytes, "the allocation bitmap");
                self.runs.extend(runs);
                if second == volume.boot.second && self.bitmap.is_none() {
                    self.bitmap = Some(bitmap);
                }
            }
            Err(error) => self.limits.push(format!("an allocation bitmap cannot be read: {error}")),
        }
    }

    /// Tells of what stands behind the `size` bytes of a bitmap or table in its last cluster, unless it is zeros.
    fn behind(&mut self, volume: &Volume, runs: &[Run], size: u64, what: &str) {
        let clusters = runs.iter().fold(0_u64, |sum, run| sum.saturating_add(run.count.into()));
        let end = clusters.saturating_mul(volume.heap.cluster);
        let mut reader = RunReader::new(Arc::clone(&volume.bytes), volume.heap, runs.to_vec(), end, end);
        let mut part = vec![0; PART];
        let (mut at, mut filled) = (0_u64, 0_u64);
        while let Ok(count @ 1..) = reader.read(&mut part) {
            for byte in part.get(..count).unwrap_or_default() {
                filled = filled.saturating_add(u64::from(at >= size && *byte != 0));
                at = at.saturating_add(1);
            }
        }
        if filled > 0 {
            self.limits.push(format!(
                "behind {what}, in its last cluster, {filled} of {} bytes are not zeros, and are not read",
                end.saturating_sub(size)
            ));
        }
    }

    fn up_case(&mut self, volume: &Volume, slot: &[u8; SLOT]) {
        let stated = le64(slot, 24).unwrap_or(0);
        let sum = |bytes: &[u8]| {
            bytes.iter().fold(0_u32, |sum, byte| sum.rotate_right(1).wrapping_add((*byte).into()))
        };
        match load(volume, slot, stated) {
            _ if stated > MAX_UP_CASE => {
                self.limits.push(format!("the up-case table has {stated} bytes, more than there can be"));
            }
            Ok((runs, table)) => {
                self.behind(volume, &runs, stated, "the up-case table");
                self.runs.extend(runs);
                if le32(slot, 4) != Some(sum(&table)) {
                    self.limits.push("the checksum of the up-case table does not fit".into());
                }
            }
            Err(error) => self.limits.push(format!("the up-case table cannot be read: {error}")),
        }
    }

    /// Clusters in use, of `clusters`.
    pub(crate) fn used(&self, clusters: u32) -> u64 {
        let Some(bitmap) = &self.bitmap else { return 0 };
        let whole = usize::try_from(clusters / 8).unwrap_or(usize::MAX);
        let last = bitmap.get(whole).map_or(0, |byte| byte & ((1_u8 << (clusters % 8)).wrapping_sub(1)));
        let full = bitmap.iter().take(whole).map(|byte| u64::from(byte.count_ones())).sum::<u64>();
        full.saturating_add(last.count_ones().into())
    }

    /// Whether there is a bitmap that could be read.
    pub(crate) fn has_bitmap(&self) -> bool {
        self.bitmap.is_some()
    }

    /// Whether it could not all be read, since the medium did not give it.
    pub(crate) fn is_wanting(&self) -> bool {
        self.is_wanting
    }

    /// Whether a cluster is marked as free.
    pub(crate) fn is_free(&self, cluster: u32) -> bool {
        let Some((bitmap, index)) = self.bitmap.as_ref().zip(cluster.checked_sub(2)) else { return false };
        let byte = usize::try_from(index / 8).ok().and_then(|at| bitmap.get(at));
        byte.is_some_and(|byte| byte & 1 << (index % 8) == 0)
    }
}

/// The clusters of what `slot` tells of, and its first `size` bytes.
fn load(volume: &Volume, slot: &[u8; SLOT], size: u64) -> Result<(Vec<Run>, Vec<u8>), SourceError> {
    if size > u64::from(volume.heap.clusters).div_ceil(8).max(MAX_UP_CASE) {
        return Err(corrupt("it is larger than it can be"));
    }
    let first = le32(slot, 20).unwrap_or(0);
    let runs = volume.table.follow(first, volume.heap.needed(size))?;
    let reader = RunReader::new(Arc::clone(&volume.bytes), volume.heap, runs.clone(), size, size);
    let mut bytes = Vec::new();
    reader.take(size).read_to_end(&mut bytes).map_err(|error| corrupt(&error.to_string()))?;
    Ok((runs, bytes))
}

/// Most entries of bitmaps and tables that are looked at: a volume has two or three.
const MAX_SYSTEM: usize = 4;
/// Bytes that are looked at at once.
const PART: usize = 1 << 16;
/// An up-case table of all 65,536 units.
const MAX_UP_CASE: u64 = 1 << 17;
