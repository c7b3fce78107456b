//! Free clusters, slack, and clusters that deleted entries point to. FAT and exFAT share most of this.

use std::ops::ControlFlow;
use std::sync::Arc;

use scope::facts::CaseRule;

use crate::bytes::ByteSource;
use crate::fat::boot::corrupt;
use crate::fat::entry::{Short, Sort};
use crate::fat::heap::{Heap, Run};
use crate::fat::nodes::Nodes;
use crate::fat::table::Next;
use crate::fat::volume::Place;
use crate::walk::{Entry, SourceError};
use crate::walker::{Lost, Pieces, Remnants, Span, behind, cut};

impl Heap {
    /// Runs of consecutive clusters as bytes of the volume.
    pub(crate) fn spans(&self, runs: &[Run]) -> Vec<Span> {
        let span = |run: &Run| {
            let length = u64::from(run.count).saturating_mul(self.cluster);
            Some(Span { start: self.offset(run.start)?, length })
        };
        runs.iter().filter_map(span).collect()
    }

    /// Yields the runs of clusters that are free, ascending.
    pub(crate) fn free(
        &self,
        mut is_free: impl FnMut(u32) -> bool,
        each: &mut dyn FnMut(Span) -> ControlFlow<()>,
    ) {
        let mut run: Option<Run> = None;
        let end = self.clusters.saturating_add(2);
        for cluster in 2..end {
            match &mut run {
                _ if !is_free(cluster) => {
                    let ended = run.take().map(|run| self.spans(&[run]));
                    if ended.into_iter().flatten().any(|span| each(span).is_break()) {
                        return;
                    }
                }
                Some(run) => run.count = run.count.saturating_add(1),
                None => run = Some(Run { start: cluster, count: 1 }),
            }
        }
        for span in self.spans(run.as_slice()) {
            // Nothing comes after it.
            let _ = each(span);
        }
    }

    /// The clusters from `first` on that `size` bytes need, if all of them are free.
    ///
    /// # Errors
    ///
    /// [`Lost`]: how many are not.
    pub(crate) fn recover(
        &self,
        first: u32,
        size: u64,
        is_free: impl Fn(u32) -> bool,
    ) -> Result<Pieces, Lost> {
        let needed = self.needed(size);
        let count = u32::try_from(needed).ok().filter(|count| *count <= self.clusters);
        let end = count.and_then(|count| first.checked_add(count));
        let Some((count, end)) =
            count.zip(end).filter(|(_, end)| self.has(first) && self.has(end.saturating_sub(1)))
        else {
            return Err(Lost(format!("its {needed} clusters from {first} on lead out of the volume")));
        };
        let used = (first..end).filter(|cluster| !is_free(*cluster)).count();
        if used > 0 {
            return Err(Lost(format!("of the {needed} clusters from {first} on, {used} are in use again")));
        }
        Ok(Pieces::Spans(cut(self.spans(&[Run { start: first, count }]), size)?))
    }
}

impl Nodes {
    fn is_free(&self, cluster: u32) -> bool {
        matches!(self.volume.table.next(cluster), Ok(Next::Free))
    }
}

impl Remnants for Nodes {
    fn volume(&self) -> (&str, CaseRule) {
        (self.name(), CaseRule::Insensitive)
    }

    fn bytes(&self) -> &Arc<dyn ByteSource> {
        &self.volume.bytes
    }

    fn free(&self, each: &mut dyn FnMut(Span) -> ControlFlow<()>) -> Vec<String> {
        self.volume.heap.free(|cluster| self.is_free(cluster), each);
        Vec::new()
    }

    fn slack(&self, item: &Entry) -> Result<Vec<Span>, SourceError> {
        let (first, size) = self.file(item)?;
        if first == 0 {
            return Ok(Vec::new());
        }
        let extent = self.volume.table.extent(first);
        if let Some(wrong) = extent.wrong {
            return Err(corrupt(&wrong));
        }
        let runs = self.volume.table.follow(first, extent.clusters)?;
        Ok(behind(self.volume.heap.spans(&runs), size))
    }

    fn recover(&self, deleted: &Entry) -> Result<Option<(Pieces, &'static str)>, Lost> {
        let place =
            Place::of(deleted.node.number()).ok_or_else(|| Lost("an entry without a place".into()))?;
        let slot = self.volume.slot(place)?;
        let short = Short(&slot);
        // What stands in a deleted directory is not marked as deleted itself.
        let is_entry = matches!(short.sort(), Sort::Deleted | Sort::Item);
        let (first, size) = (short.first_cluster(self.volume.boot.width), u64::from(short.size()));
        if !is_entry
            || short.is_long()
            || short.is_directory()
            || size == 0
            || deleted.facts.size != Some(size)
        {
            return Ok(None);
        }
        if first == 0 {
            return Err(Lost(format!("its entry states {size} bytes and no first cluster")));
        }
        let pieces = self.volume.heap.recover(first, size, |cluster| self.is_free(cluster))?;
        Ok(Some((pieces, CONTIGUOUS)))
    }
}

/// How the place of what was recovered is known, where nothing is left but the first cluster.
pub(crate) const CONTIGUOUS: &str = "the first cluster and the size are the deleted entry's; that the other clusters follow it is assumed; all are free";
