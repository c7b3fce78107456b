//! Clusters on the medium, and content that stands in runs of them. FAT and exFAT share this.

use std::io::{self, Read};
use std::sync::Arc;

use crate::bytes::{ByteSource, length};
use crate::exact::{Content, Gap};
use crate::fat::boot::corrupt;
use crate::walk::SourceError;

/// Where clusters stand. The first one has the number 2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heap {
    /// Offset of cluster 2.
    pub(crate) first: u64,
    /// Bytes of a cluster.
    pub(crate) cluster: u64,
    /// How many there are.
    pub(crate) clusters: u32,
}

/// Consecutive clusters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Run {
    pub(crate) start: u32,
    pub(crate) count: u32,
}

impl Heap {
    /// Whether the byte `at` of the volume is in use: what lies before the first cluster is, what lies behind the last is not known.
    pub(crate) fn uses(&self, at: u64, is_free: impl FnOnce(u32) -> Option<bool>) -> Option<bool> {
        let Some(within) = at.checked_sub(self.first) else { return Some(true) };
        let cluster = u32::try_from(within.checked_div(self.cluster)?).ok()?.checked_add(2)?;
        is_free(Some(cluster).filter(|cluster| self.has(*cluster))?).map(|free| !free)
    }

    /// Whether there is a cluster of this number.
    pub(crate) fn has(&self, cluster: u32) -> bool {
        cluster.checked_sub(2).is_some_and(|index| index < self.clusters)
    }

    /// Offset of a cluster.
    pub(crate) fn offset(&self, cluster: u32) -> Option<u64> {
        let index = cluster.checked_sub(2).filter(|index| *index < self.clusters)?;
        u64::from(index).checked_mul(self.cluster)?.checked_add(self.first)
    }

    /// Clusters that `size` bytes need.
    pub(crate) fn needed(&self, size: u64) -> u64 {
        size.div_ceil(self.cluster.max(1))
    }
}

/// Reads content that stands in `runs`, from its beginning to `size`. What is not `valid` was never written, and is zeros.
pub(crate) struct RunReader {
    pub(crate) bytes: Arc<dyn ByteSource>,
    pub(crate) heap: Heap,
    pub(crate) runs: std::vec::IntoIter<Run>,
    pub(crate) size: u64,
    pub(crate) valid: u64,
    position: u64,
    /// What is left of the current run: its offset and length in bytes.
    current: (u64, u64),
}

impl RunReader {
    /// A reader of `size` bytes, of which the first `valid` are on the medium.
    pub(crate) fn new(bytes: Arc<dyn ByteSource>, heap: Heap, runs: Vec<Run>, size: u64, valid: u64) -> Self {
        Self { bytes, heap, runs: runs.into_iter(), size, valid, position: 0, current: (0, 0) }
    }

    fn step(&mut self, buf: &mut [u8]) -> Result<usize, SourceError> {
        let end = if self.position < self.valid { self.valid.min(self.size) } else { self.size };
        let room = usize::try_from(end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let buf = buf.get_mut(..room.min(buf.len())).unwrap_or_default();
        if buf.is_empty() {
            return Ok(0);
        }
        if self.position >= self.valid {
            buf.fill(0);
            return Ok(buf.len());
        }
        while self.current.1 == 0 {
            if !self.next_run()? {
                return Err(corrupt("the clusters end before the content does"));
            }
        }
        let (offset, left) = self.current;
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        self.bytes.read_exact_at(offset, buf.get_mut(..take).unwrap_or_default())?;
        let took = length(take);
        self.current = (offset.saturating_add(took), left.saturating_sub(took));
        Ok(take)
    }
}

impl RunReader {
    /// Takes the next run; `false` where there is none.
    fn next_run(&mut self) -> Result<bool, SourceError> {
        let Some(run) = self.runs.next() else { return Ok(false) };
        let offset = self.heap.offset(run.start).ok_or_else(|| corrupt("a cluster outside the volume"))?;
        self.current = (offset, u64::from(run.count).saturating_mul(self.heap.cluster));
        Ok(true)
    }
}

impl Read for RunReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.step(buf).map_err(io::Error::other)?;
        self.position = self.position.saturating_add(length(count));
        Ok(count)
    }
}

impl Content for RunReader {
    fn gap(&self) -> Gap {
        Gap::Unknown
    }

    fn skip(&mut self, mut count: u64) {
        self.position = self.position.saturating_add(count);
        while count > 0 {
            let (offset, left) = self.current;
            let now = count.min(left);
            self.current = (offset.saturating_add(now), left.saturating_sub(now));
            count = count.saturating_sub(now);
            if count > 0 && !self.next_run().is_ok_and(|found| found) {
                return;
            }
        }
    }
}
