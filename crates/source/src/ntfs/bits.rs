//! Bitmaps: which records, or which blocks of an index, are in use.

use crate::bytes::length;
use crate::field::byte;
use crate::ntfs::corrupt;
use crate::ntfs::data::{Data, Disk};
use crate::walk::SourceError;

/// A bitmap.
pub(crate) struct Bits {
    bytes: Vec<u8>,
    count: u64,
}

impl Bits {
    /// Reads `count` bits of `data`, or as many as it has.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where they cannot be read.
    pub(crate) fn read(disk: &Disk, data: &Data, count: u64) -> Result<Self, SourceError> {
        let needed = count.div_ceil(8).min(data.size);
        let mut bytes = vec![0; usize::try_from(needed).map_err(|_| corrupt("longer than memory"))?];
        data.fill(disk, 0, &mut bytes)?;
        Ok(Self { bytes, count: count.min(needed.saturating_mul(8)) })
    }

    /// Whether bit `number` is set.
    pub(crate) fn has(&self, number: u64) -> bool {
        let at = usize::try_from(number >> 3).unwrap_or(usize::MAX);
        number < self.count && byte(&self.bytes, at).is_some_and(|byte| byte >> (number & 7) & 1 == 1)
    }

    /// How many bits there are.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The numbers of the set bits.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        (0..length(self.bytes.len()).saturating_mul(8)).filter(|number| self.has(*number))
    }

    /// How many bits are set.
    pub(crate) fn set(&self) -> u64 {
        self.bytes.iter().map(|byte| u64::from(byte.count_ones())).sum()
    }
}
