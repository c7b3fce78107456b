//! Volumes: the pieces into which a disk is divided, and the gaps between them.
//!
//! Implements `docs/spec/volumes.md`.

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
}

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
