//! Chunks: where on this device the file system's logical addresses stand.
//!
//! ```text
//! logical 22020096, 8 MiB, DUP:  copies at 22020096 and 30408704
//! ```

use std::collections::BTreeMap;

use crate::btrfs::superblock::{Superblock, corrupt};
use crate::btrfs::tree::{KEY, Key, kind};
use crate::field::{le16, le64};
use crate::walk::SourceError;

/// All chunks, by their first logical address.
#[derive(Default)]
pub(crate) struct Chunks {
    map: BTreeMap<u64, Chunk>,
}

struct Chunk {
    length: u64,
    /// Where whole copies of it begin on this device; none where it is striped, or on other devices alone.
    copies: Vec<u64>,
    /// Length of the item that describes it.
    item: usize,
}

impl Chunks {
    /// The chunks that the superblock itself lists: enough to read the chunk tree.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the list contradicts itself.
    pub(crate) fn of_superblock(superblock: &Superblock) -> Result<Self, SourceError> {
        let mut chunks = Self::default();
        let mut rest = superblock.system_chunks.as_slice();
        while !rest.is_empty() {
            let wrong = || corrupt("the superblock's list of chunks contradicts itself");
            let key = Key::parse(rest, 0).filter(|key| key.kind == kind::CHUNK).ok_or_else(wrong)?;
            rest = rest.get(KEY..).ok_or_else(wrong)?;
            let length = chunks.add(key.offset, rest, superblock.device)?;
            rest = rest.get(length..).ok_or_else(wrong)?;
        }
        Ok(chunks)
    }

    /// Adds the chunk at `logical` that `item` describes. Returns the item's length.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where it is cut short, or there are more than [`MAX_CHUNKS`].
    pub(crate) fn add(&mut self, logical: u64, item: &[u8], device: u64) -> Result<usize, SourceError> {
        if self.map.len() >= MAX_CHUNKS {
            return Err(corrupt(format!("more than {MAX_CHUNKS} chunks")));
        }
        let chunk = Chunk::parse(item, device)
            .ok_or_else(|| corrupt(format!("the chunk at logical address {logical} is cut short")))?;
        let length = chunk.item;
        self.map.insert(logical, chunk);
        Ok(length)
    }

    /// How many there are, and how many of them have no whole copy on this device.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.map.len(), self.map.values().filter(|chunk| chunk.copies.is_empty()).count())
    }

    /// Where on this device `length` bytes from `logical` stand: one place for each copy, at least one.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where no chunk holds them all, or none of its copies is here.
    pub(crate) fn places(&self, logical: u64, length: u64) -> Result<Vec<u64>, SourceError> {
        let outside = || corrupt(format!("{length} bytes at logical address {logical} stand in no chunk"));
        let (first, chunk) = self.map.range(..=logical).next_back().ok_or_else(outside)?;
        let within = logical.saturating_sub(*first);
        if within.checked_add(length).is_none_or(|end| end > chunk.length) {
            return Err(outside());
        }
        let places: Option<Vec<u64>> = chunk.copies.iter().map(|copy| copy.checked_add(within)).collect();
        places.filter(|places| !places.is_empty()).ok_or_else(|| {
            SourceError::NoContent(format!("logical address {logical} has no whole copy on this device"))
        })
    }
}

impl Chunk {
    fn parse(item: &[u8], device: u64) -> Option<Self> {
        let profile = le64(item, 24)?;
        let (stripes, sub_stripes) = (le16(item, 44)?, le16(item, 46)?);
        let end = usize::from(stripes).checked_mul(STRIPE)?.checked_add(HEADER)?;
        let list = item.get(HEADER..end)?;
        let is_whole = match profile & STRIPED {
            0 => true,
            RAID0 => stripes == 1,
            RAID10 => stripes == sub_stripes,
            _ => false,
        };
        let mut copies = Vec::new();
        for stripe in list.chunks_exact(STRIPE).filter(|_| is_whole) {
            if le64(stripe, 0)? == device && copies.len() < MAX_COPIES {
                copies.push(le64(stripe, 8)?);
            }
        }
        Some(Self { length: le64(item, 0)?, copies, item: end })
    }
}

const HEADER: usize = 48;
const STRIPE: usize = 32;
const RAID0: u64 = 1 << 3;
const RAID10: u64 = 1 << 6;
/// RAID0, RAID10, RAID5, RAID6: a stripe alone is no copy.
const STRIPED: u64 = RAID0 | RAID10 | 1 << 7 | 1 << 8;
/// Copies tried of one chunk: btrfs makes two on one device, and knows no more than four.
const MAX_COPIES: usize = 4;
/// Chunks of 1 GiB, btrfs's own size, are this many on a file system of 1 PiB.
const MAX_CHUNKS: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// A chunk of 1000 bytes at logical 5000 with stripes on devices, and where byte 5100 then stands on device 1.
    fn check(profile: u64, sub_stripes: u16, stripes: &[(u64, u64)], expect: Option<&[u64]>) {
        let mut item = vec![0; HEADER];
        item[0..8].copy_from_slice(&1000_u64.to_le_bytes());
        item[24..32].copy_from_slice(&profile.to_le_bytes());
        item[44..46].copy_from_slice(&u16::try_from(stripes.len()).unwrap().to_le_bytes());
        item[46..48].copy_from_slice(&sub_stripes.to_le_bytes());
        for (device, at) in stripes {
            item.extend(device.to_le_bytes());
            item.extend(at.to_le_bytes());
            item.extend([0; 16]);
        }
        let mut chunks = Chunks::default();
        assert!(chunks.add(5000, &item[..item.len() - 1], 1).is_err());
        assert_eq!(chunks.add(5000, &item, 1).unwrap(), item.len());
        assert_eq!(chunks.places(5100, 900).ok().as_deref(), expect);
        assert!(chunks.places(5100, 901).is_err());
        assert!(chunks.places(4999, 1).is_err());
        assert!(chunks.places(u64::MAX, u64::MAX).is_err());
        let is_here = stripes.iter().any(|(device, at)| *device == 1 && *at == u64::MAX) || expect.is_some();
        assert_eq!(chunks.count(), (1, usize::from(!is_here)));
    }

    #[test]
    fn whole_copies_on_this_device() {
        check(0, 0, &[(1, 10)], Some(&[110]));
        check(0, 0, &[(2, 10)], None);
        check(1 << 5, 0, &[(1, 10), (1, 20)], Some(&[110, 120]));
        check(1 << 4, 0, &[(2, 10), (1, 20)], Some(&[120]));
        check(1 << 3, 0, &[(1, 10), (2, 20)], None);
        check(1 << 3, 0, &[(1, 10)], Some(&[110]));
        check(1 << 6, 2, &[(1, 10), (2, 10)], Some(&[110]));
        check(1 << 6, 2, &[(1, 10), (2, 10), (3, 10), (4, 10)], None);
        check(1 << 7, 1, &[(1, 10), (2, 10), (3, 10)], None);
        check(0, 0, &[(1, u64::MAX)], None);
    }
}
