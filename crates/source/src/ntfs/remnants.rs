//! Free clusters, slack, and clusters that a record which is not in use still points to.

use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use scope::facts::CaseRule;

use crate::bytes::ByteSource;
use crate::ntfs::bits::Bits;
use crate::ntfs::corrupt;
use crate::ntfs::data::{Data, Form};
use crate::ntfs::nodes::Nodes;
use crate::ntfs::record::kind;
use crate::ntfs::runs::Run;
use crate::walk::{Entry, SourceError, stated};
use crate::walker::{Lost, Pieces, Remnants, Span, behind, cut};

/// Which clusters are in use, once somebody asked; why it cannot be told, in words.
pub(crate) type Clusters = OnceLock<Result<Bits, String>>;

impl Remnants for Nodes {
    fn volume(&self) -> (&str, CaseRule) {
        (self.name(), CaseRule::Insensitive)
    }

    fn bytes(&self) -> &Arc<dyn ByteSource> {
        &self.volume.disk.bytes
    }

    fn free(&self, each: &mut dyn FnMut(Span) -> ControlFlow<()>) -> Vec<String> {
        let bits = match self.clusters() {
            Ok(bits) => bits,
            Err(why) => {
                return vec![format!("unallocated space is not known: $Bitmap cannot be read: {why}")];
            }
        };
        let mut first = None;
        let told = bits.count();
        for cluster in 0..=told {
            let is_free = cluster < told && !bits.has(cluster);
            match (is_free, first) {
                (true, None) => first = Some(cluster),
                (false, Some(start)) => {
                    first = None;
                    if each(self.span(start, cluster.saturating_sub(start))).is_break() {
                        return Vec::new();
                    }
                }
                _ => {}
            }
        }
        let all = self.volume.disk.boot.clusters.min(self.there());
        let untold = all.saturating_sub(told);
        (untold > 0)
            .then(|| format!("$Bitmap tells of {told} of {all} clusters; the others are no items"))
            .into_iter()
            .collect()
    }

    fn slack(&self, item: &Entry) -> Result<Vec<Span>, SourceError> {
        let data = self.data(item)?;
        let Form::Clusters { runs, unit, .. } = &data.form else { return Ok(Vec::new()) };
        if unit.is_some() {
            return Err(SourceError::NoContent("compressed".into()));
        }
        // Behind the valid length zeros are the content, and what the clusters hold is none of it.
        let size = data.valid;
        let cluster = self.volume.disk.boot.cluster;
        // Holes take part in the counting, and nothing stands in them.
        let mut spans = Vec::new();
        for run in runs {
            let begin = run.first.saturating_mul(cluster);
            let skip = size.saturating_sub(begin);
            if let Some(start) = run.start {
                spans.extend(behind(vec![self.span(start, run.clusters)], skip));
            }
        }
        Ok(spans)
    }

    fn recover(&self, deleted: &Entry) -> Result<Option<(Pieces, &'static str)>, Lost> {
        let file = self.volume.file(deleted.node.number())?;
        let header = file.header();
        if header.is_in_use() || u64::from(header.sequence) != deleted.node.part() {
            return Err(Lost("the record is another item's".into()));
        }
        let Some(found) =
            file.find(kind::DATA, b"").filter(|_| deleted.facts.size.is_some_and(|size| size > 0))
        else {
            return Ok(None);
        };
        let data = file.data(&self.volume.disk, found)?;
        if stated(data.size) != deleted.facts.size {
            return Err(Lost("the size is not the one on record".into()));
        }
        let Data { size, form, .. } = data;
        let (runs, unit) = match form {
            Form::Resident(bytes) => {
                return Ok(Some((
                    Pieces::Bytes(bytes),
                    "the content is inside the record that is not in use",
                )));
            }
            Form::Clusters { runs, unit, .. } => (runs, unit),
        };
        if unit.is_some() || runs.iter().any(|run| run.start.is_none()) {
            return Err(Lost(
                "it was compressed, or had holes; what is left of such content is not read".into(),
            ));
        }
        let needed = size.div_ceil(self.volume.disk.boot.cluster.max(1));
        let bits = self.clusters().map_err(|why| Lost(format!("$Bitmap cannot be read: {why}")))?;
        let (mut spans, mut used, mut left) = (Vec::new(), 0_u64, needed);
        for Run { clusters, start, .. } in runs {
            let (Some(start), true) = (start, left > 0) else { continue };
            let count = clusters.min(left);
            left = left.saturating_sub(count);
            for cluster in start..start.saturating_add(count) {
                used = used.saturating_add(u64::from(cluster >= bits.count() || bits.has(cluster)));
            }
            spans.push(self.span(start, count));
        }
        if used > 0 {
            return Err(Lost(format!("of its {needed} clusters, {used} are in use again")));
        }
        Ok(Some((
            Pieces::Spans(cut(spans, size)?),
            "the run list is that of a record not in use; all clusters are free",
        )))
    }
}

impl Nodes {
    pub(super) fn span(&self, start: u64, clusters: u64) -> Span {
        let cluster = self.volume.disk.boot.cluster;
        Span { start: start.saturating_mul(cluster), length: clusters.saturating_mul(cluster) }
    }

    /// Clusters that the bytes have room for.
    fn there(&self) -> u64 {
        self.volume.disk.bytes.len().checked_div(self.volume.disk.boot.cluster).unwrap_or(0)
    }

    pub(super) fn clusters(&self) -> Result<&Bits, String> {
        let read = || {
            let volume = &self.volume;
            let bitmap = volume.file(BITMAP)?.value(&volume.disk, kind::DATA, b"")?;
            let bits = Bits::read(&volume.disk, &bitmap, volume.disk.boot.clusters.min(self.there()))?;
            if bits.count() == 0 { Err(corrupt("it is empty")) } else { Ok(bits) }
        };
        let known = self.cluster_bits.get_or_init(|| read().map_err(|error: SourceError| error.to_string()));
        known.as_ref().map_err(Clone::clone)
    }
}

/// The record of `$Bitmap`.
const BITMAP: u64 = 6;
