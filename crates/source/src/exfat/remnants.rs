//! Free clusters, slack, and clusters that deleted sets point to.

use std::ops::ControlFlow;
use std::sync::Arc;

use scope::facts::CaseRule;

use crate::bytes::ByteSource;
use crate::exfat::nodes::Nodes;
use crate::fat::boot::corrupt;
use crate::fat::remnants::CONTIGUOUS;
use crate::fat::volume::Place;
use crate::walk::{Entry, SourceError, stated};
use crate::walker::{Lost, Pieces, Remnants, Span, behind};

impl Remnants for Nodes {
    fn volume(&self) -> (&str, CaseRule) {
        (self.name(), CaseRule::Insensitive)
    }

    fn bytes(&self) -> &Arc<dyn ByteSource> {
        &self.volume.bytes
    }

    fn free(&self, each: &mut dyn FnMut(Span) -> ControlFlow<()>) -> Vec<String> {
        if !self.volume.system.has_bitmap() {
            return vec!["unallocated space is not known: no allocation bitmap can be read".into()];
        }
        self.volume.heap.free(|cluster| self.volume.system.is_free(cluster), each);
        Vec::new()
    }

    fn slack(&self, item: &Entry) -> Result<Vec<Span>, SourceError> {
        let extension = self.file(item)?;
        if extension.first == 0 {
            return Ok(Vec::new());
        }
        let runs = if extension.contiguous {
            self.volume.runs(extension)?
        } else {
            let extent = self.volume.table.extent(extension.first);
            if let Some(wrong) = extent.wrong {
                return Err(corrupt(&wrong));
            }
            self.volume.table.follow(extension.first, extent.clusters)?
        };
        // Behind the valid length zeros are the content, and what the clusters hold is none of it.
        Ok(behind(self.volume.heap.spans(&runs), extension.valid.min(extension.size)))
    }

    fn recover(&self, deleted: &Entry) -> Result<Option<(Pieces, &'static str)>, Lost> {
        let place =
            Place::of(deleted.node.number()).ok_or_else(|| Lost("an entry without a place".into()))?;
        let set = self.volume.deleted_set(place)?;
        if !set.is_sound() {
            return Err(Lost(
                "the checksum of its set of entries does not fit: nothing in it is certain".into(),
            ));
        }
        let Some(extension) = set.extension().filter(|_| !set.is_directory()) else { return Ok(None) };
        let Some(size) = stated(extension.size).filter(|size| *size > 0 && deleted.facts.size == Some(*size))
        else {
            return Ok(None);
        };
        if extension.first == 0 {
            return Err(Lost(format!("its entry states {size} bytes and no first cluster")));
        }
        let is_free = |cluster| self.volume.system.is_free(cluster);
        let pieces = self.volume.heap.recover(extension.first, size, is_free)?;
        Ok(Some((pieces, if extension.contiguous { STATED } else { CONTIGUOUS })))
    }
}

const STATED: &str = "the first cluster and the size are the deleted entry's, which states that its clusters follow each other; all are free";
