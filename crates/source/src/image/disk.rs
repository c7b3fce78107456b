//! A virtual disk: blocks that a table places somewhere in a file, or nowhere.
//!
//! Each format says through a [`Map`] what lies at an offset; [`Disk`] fetches it.
//!
//! ```text
//! offset 0        65536 bytes   stored at 327680
//! offset 65536    65536 bytes   zeros
//! offset 131072   65536 bytes   packed
//! ```

use std::sync::Arc;

use super::table::Recent;
use crate::bytes::{ByteSource, ReadFault, length};

/// Where the bytes of a disk are.
pub(crate) trait Map: Send + Sync {
    /// Length of the disk in bytes.
    fn len(&self) -> u64;

    /// Bytes in a sector of the disk.
    fn sector_size(&self) -> u32 {
        512
    }

    /// What lies at `offset`, which is less than the length.
    ///
    /// # Errors
    ///
    /// Why the table's answer is not to be trusted or cannot be read.
    fn run(&self, offset: u64) -> Result<Run<'_>, String>;

    /// The whole unpacked unit that begins at `start` on the disk, which [`Map::run`] called packed.
    ///
    /// # Errors
    ///
    /// Why it cannot be unpacked in full.
    fn unpack(&self, start: u64) -> Result<Vec<u8>, String> {
        Err(format!("nothing is packed at {start}"))
    }
}

/// Consecutive bytes of a disk that lie in one place.
pub(crate) struct Run<'a> {
    /// How many, at least 1.
    pub(crate) length: u64,
    /// Where.
    pub(crate) place: Place<'a>,
}

/// Where some bytes of a disk lie.
pub(crate) enum Place<'a> {
    /// Nowhere: they are zeros.
    Zeros,
    /// In a file, from this offset.
    Stored(&'a dyn ByteSource, u64),
    /// In a file, from this offset, but marked as never written: zeros there, or the two contradict each other.
    Unmarked(&'a dyn ByteSource, u64),
    /// Inside a packed unit, which begins at this offset of the disk.
    Packed(u64),
}

/// The bytes of a disk, through its map.
pub(crate) struct Disk<M> {
    map: M,
    unpacked: Recent<Vec<u8>>,
}

impl<M: Map> Disk<M> {
    /// A disk as `map` describes it, whose packed units unpack to `unit` bytes (0 where there are none).
    pub(crate) fn new(map: M, unit: u64) -> Self {
        let kept = UNPACKED.checked_div(unit).unwrap_or(1).clamp(1, 64);
        Self { map, unpacked: Recent::new(usize::try_from(kept).unwrap_or(1)) }
    }

    /// Fills all of `buf` with what lies at `offset`, from one run.
    fn fill(&self, place: Place<'_>, offset: u64, buf: &mut [u8]) -> Result<(), String> {
        match place {
            Place::Zeros => buf.fill(0),
            Place::Stored(file, at) => file.read_exact_at(at, buf).map_err(in_file)?,
            Place::Unmarked(file, at) => {
                file.read_exact_at(at, buf).map_err(in_file)?;
                if buf.iter().any(|byte| *byte != 0) {
                    return Err(
                        "sectors marked as never written hold data; which of the two is right cannot be told"
                            .into(),
                    );
                }
            }
            Place::Packed(start) => {
                let unit = self.unit(start)?;
                let from = usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX);
                let end = from.saturating_add(buf.len());
                buf.copy_from_slice(unit.get(from..end).ok_or("a packed unit is shorter than its place")?);
            }
        }
        Ok(())
    }

    fn unit(&self, start: u64) -> Result<Arc<Vec<u8>>, String> {
        if let Some(unit) = self.unpacked.get(start) {
            return Ok(unit);
        }
        let unit = Arc::new(self.map.unpack(start)?);
        self.unpacked.put(start, Arc::clone(&unit));
        Ok(unit)
    }
}

impl<M: Map> ByteSource for Disk<M> {
    fn len(&self) -> u64 {
        self.map.len()
    }

    fn sector_size(&self) -> u32 {
        self.map.sector_size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let left = self.map.len().saturating_sub(offset);
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        let mut rest = buf.get_mut(..want).unwrap_or_default();
        let mut at = offset;
        while !rest.is_empty() {
            let fault = |length, reason| ReadFault { offset: at, length, reason };
            let run = self.map.run(at).map_err(|reason| fault(length(rest.len()), reason))?;
            let count = usize::try_from(run.length).unwrap_or(usize::MAX).min(rest.len());
            let Some((now, later)) = rest.split_at_mut_checked(count).filter(|_| count > 0) else {
                return Err(fault(1, "the disk's table ends here".into()));
            };
            self.fill(run.place, at, now).map_err(|reason| fault(length(count), reason))?;
            at = at.saturating_add(length(count));
            rest = later;
        }
        Ok(want)
    }
}

/// A fault of a container's file, as the reason of a fault of its disk.
pub(crate) fn in_file(fault: ReadFault) -> String {
    format!("in the container's file: {fault}")
}

/// Bytes of unpacked units that are kept: a few units of 2 MiB, or dozens of 64 KiB.
const UNPACKED: u64 = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten bytes in a file, ten zeros, ten packed, ten unmarked, ten that cannot be read.
    struct Strips(Vec<u8>);

    impl Map for Strips {
        fn len(&self) -> u64 {
            50
        }

        fn run(&self, offset: u64) -> Result<Run<'_>, String> {
            let place = match offset / 10 {
                0 => Place::Stored(&self.0, offset),
                1 => Place::Zeros,
                2 => Place::Packed(20),
                3 => Place::Unmarked(&self.0, offset - 20),
                _ => return Err("no".into()),
            };
            Ok(Run { length: 10 - offset % 10, place })
        }

        fn unpack(&self, _: u64) -> Result<Vec<u8>, String> {
            Ok(b"0123456789".to_vec())
        }
    }

    #[test]
    fn runs_are_put_together() {
        let mut file = b"abcdefghij".to_vec();
        file.resize(20, 0);
        let disk = Disk::new(Strips(file), 10);
        let mut buf = [0xEE; 40];
        assert_eq!(disk.read_at(0, &mut buf).unwrap(), 40);
        assert_eq!(&buf, b"abcdefghij\0\0\0\0\0\0\0\0\0\x000123456789\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(disk.read_at(8, &mut buf[..15]).unwrap(), 15);
        assert_eq!(&buf[..15], b"ij\0\0\0\0\0\0\0\0\0\x00012");
        assert_eq!(disk.read_at(39, &mut buf).unwrap_err().offset, 40);
        assert_eq!(disk.read_at(50, &mut buf).unwrap(), 0);
    }

    #[test]
    fn data_that_is_marked_as_never_written_is_not_given() {
        let disk = Disk::new(Strips(vec![7; 20]), 10);
        assert!(disk.read_at(30, &mut [0; 4]).unwrap_err().reason.contains("never written"));
    }
}
