//! The boot sector: how long a cluster and a record are, and where the MFT begins.

use std::sync::Arc;

use crate::bytes::ByteSource;
use crate::field::{byte, le16, le32, le64};
use crate::ntfs::corrupt;
use crate::walk::SourceError;

/// What the boot sector says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Boot {
    /// Length of a cluster in bytes, a power of two.
    pub(crate) cluster: u64,
    /// Clusters of the volume.
    pub(crate) clusters: u64,
    /// Length of an MFT record in bytes, a power of two.
    pub(crate) record: usize,
    /// First cluster of the MFT.
    pub(crate) mft: u64,
    /// First cluster of the copy of the MFT's first records.
    pub(crate) mirror: u64,
    /// Serial number of the volume.
    pub(crate) serial: u64,
}

impl Boot {
    /// Reads the boot sector, or its copy behind the volume where it is damaged: then the second value is `true`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where neither can be read: the reason of the first.
    pub(crate) fn read(bytes: &dyn ByteSource) -> Result<(Self, bool), SourceError> {
        let first = Self::at(bytes, 0);
        if let Ok(boot) = first {
            return Ok((boot, false));
        }
        for sector in SECTORS {
            let copy = bytes.len().checked_sub(sector).filter(|at| *at > 0).map(|at| Self::at(bytes, at));
            if let Some(Ok(boot)) = copy {
                return Ok((boot, true));
            }
        }
        first.map(|boot| (boot, false))
    }

    fn at(bytes: &dyn ByteSource, offset: u64) -> Result<Self, SourceError> {
        let mut raw = [0; 512];
        bytes.read_exact_at(offset, &mut raw)?;
        Self::parse(&raw)
    }

    fn parse(raw: &[u8]) -> Result<Self, SourceError> {
        if !is_ntfs(raw) {
            return Err(corrupt("the boot sector has the wrong mark"));
        }
        Self::fields(raw).ok_or_else(|| corrupt("the boot sector's numbers contradict each other"))
    }

    fn fields(raw: &[u8]) -> Option<Self> {
        let sector = u64::from(le16(raw, 0x0B)?);
        if !SECTORS.contains(&sector) {
            return None;
        }
        let cluster = sector.checked_mul(match byte(raw, 0x0D)? {
            0 => return None,
            count @ ..=0x80 => u64::from(count),
            // Above 128 sectors it is the negative of an exponent.
            exponent => 1_u64.checked_shl(exponent.cast_signed().unsigned_abs().into())?,
        })?;
        let record = match byte(raw, 0x40)?.cast_signed() {
            count @ 1.. => cluster.checked_mul(count.unsigned_abs().into())?,
            exponent => 1_u64.checked_shl(exponent.unsigned_abs().into())?,
        };
        let fits = |size: u64, most: u64| size.is_power_of_two() && (512..=most).contains(&size);
        if !fits(cluster, MAX_CLUSTER) || !fits(record, MAX_RECORD) {
            return None;
        }
        let clusters = le64(raw, 0x28)?.checked_mul(sector)?.checked_div(cluster)?;
        let (mft, mirror) = (le64(raw, 0x30)?, le64(raw, 0x38)?);
        if clusters > MAX_CLUSTERS || mft >= clusters || le32(raw, 0x20)? != 0 {
            return None;
        }
        let record = usize::try_from(record).ok()?;
        Some(Self { cluster, clusters, record, mft, mirror, serial: le64(raw, 0x48)? })
    }

    /// Length of the volume in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.clusters.saturating_mul(self.cluster)
    }
}

/// What shows that the first sectors were written to after the file system was made: a GPT's entries reach as far as the MFT of
/// small volumes.
pub(crate) fn written_over(bytes: &Arc<dyn ByteSource>) -> Option<&'static str> {
    let boot = Boot::at(bytes.as_ref(), 0).ok()?;
    let mut mark = [0; 4];
    bytes.read_exact_at(boot.mft.checked_mul(boot.cluster)?, &mut mark).ok()?;
    (&mark != b"FILE").then_some("the first record of its MFT is not there")
}

/// Whether `head`, the first bytes of a volume, bear the mark of NTFS.
pub(crate) fn is_ntfs(head: &[u8]) -> bool {
    head.get(3..11) == Some(b"NTFS    ")
}

/// Lengths of a sector, of the usual one first.
const SECTORS: [u64; 5] = [512, 4096, 1024, 2048, 256];
/// Longest cluster: Windows goes to 2 MiB.
const MAX_CLUSTER: u64 = 2 << 20;
/// Longest record: Windows writes 1 KiB and 4 KiB; a cluster of 64 KiB as record was possible once.
pub(crate) const MAX_RECORD: u64 = 1 << 16;
/// Most clusters of a volume: 2^32, by Windows. More would only make sizes that cannot be.
const MAX_CLUSTERS: u64 = 1 << 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut [u8]), expect: Option<(u64, usize)>) {
        let mut raw = [0_u8; 512];
        raw[3..11].copy_from_slice(b"NTFS    ");
        raw[0x0B..0x0D].copy_from_slice(&512_u16.to_le_bytes());
        raw[0x0D] = 8;
        raw[0x28..0x30].copy_from_slice(&(1_u64 << 20).to_le_bytes());
        raw[0x30] = 4;
        raw[0x38] = 5;
        raw[0x40] = 0xF6;
        change(&mut raw);
        assert_eq!(Boot::parse(&raw).ok().map(|boot| (boot.cluster, boot.record)), expect);
    }

    #[test]
    fn numbers_that_can_be_are_taken() {
        check(|_| {}, Some((4096, 1024)));
        check(|raw| raw[0x0D] = 0xF4, Some((2 << 20, 1024)));
        check(|raw| raw[0x40] = 1, Some((4096, 4096)));
        check(|raw| raw[0x0D] = 0, None);
        check(|raw| raw[0x0D] = 3, None);
        check(|raw| raw[0x0B] = 1, None);
        check(|raw| raw[0x40] = 0x80, None);
        check(|raw| raw[0x30..0x38].copy_from_slice(&(1_u64 << 17).to_le_bytes()), None);
        check(|raw| raw[0x2F] = 0xFF, None);
        check(|raw| raw[3] = b'X', None);
    }
}
