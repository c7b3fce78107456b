//! Free blocks, slack, and blocks that a deleted inode still points to.
//!
//! Linux wipes the map of an inode that it deletes on ext3 and ext4, and its size: little is left to recover there.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use scope::facts::{CaseRule, Kind};

use crate::bytes::ByteSource;
use crate::exact::Exact;
use crate::ext::content::{InodeReader, inline};
use crate::ext::inode::Inode;
use crate::ext::map::{FILE_END, run_by};
use crate::ext::nodes::Nodes;
use crate::ext::superblock::corrupt;
use crate::ext::tree::{self, Mapped};
use crate::ext::volume::Volume;
use crate::walk::{Entry, SourceError};
use crate::walker::{Lost, Pieces, Remnants, Span, cut};

/// The bitmap of one group, as it was read last.
pub(crate) type LastGroup = Option<(u64, Arc<Vec<u8>>)>;

impl Remnants for Nodes {
    fn volume(&self) -> (&str, CaseRule) {
        (self.name(), CaseRule::Sensitive)
    }

    fn bytes(&self) -> &Arc<dyn ByteSource> {
        &self.volume.bytes
    }

    fn free(&self, each: &mut dyn FnMut(Span) -> ControlFlow<()>) -> Vec<String> {
        let volume = &self.volume;
        let (ratio, size) = (u64::from(volume.sb.cluster_ratio), u64::from(volume.sb.block_size));
        // What lies beyond the end of the bytes is not there to be read.
        let end = volume.sb.blocks_count.min(volume.bytes.len().checked_div(size).unwrap_or(0));
        let (mut lost, mut why) = (0_u64, None);
        for group in 0..volume.sb.groups() {
            let Some(first) = volume.first_block(group).filter(|first| *first < end) else { break };
            let until = first.saturating_add(volume.sb.blocks_per_group.into()).min(end);
            let bits = match volume.blocks_in_use(group) {
                Ok(bits) => bits,
                Err(error) => {
                    lost = lost.saturating_add(1);
                    why = why.or(Some(error));
                    continue;
                }
            };
            let mut block = first;
            while block < until {
                let next = block.saturating_add(ratio).min(until);
                let bit = block.saturating_sub(first).checked_div(ratio).unwrap_or(u64::MAX);
                let span = Span {
                    start: block.saturating_mul(size),
                    length: next.saturating_sub(block).saturating_mul(size),
                };
                if !is_set(&bits, bit) && each(span).is_break() {
                    return Vec::new();
                }
                block = next;
            }
        }
        let told = why.map(|why| {
            format!("which blocks of {lost} block groups are free is not known; they are no items: {why}")
        });
        told.into_iter().collect()
    }

    fn slack(&self, item: &Entry) -> Result<Vec<Span>, SourceError> {
        let inode = self.file(item)?;
        readable(&inode)?;
        if inode.is_inline() {
            return Ok(Vec::new());
        }
        let block = u64::from(self.volume.sb.block_size);
        // Block numbers name no block behind the last one of a file.
        let end = if inode.has_extents() { FILE_END } else { inode.size.div_ceil(block) };
        let room = self.volume.bytes.len().div_ceil(block);
        let (mut spans, mut wrong, mut maps) = (Vec::new(), None, 0_u64);
        let damage = tree::each(&self.volume, &inode, end, &mut |mapped| {
            match mapped {
                Mapped::Map(_) => maps = maps.saturating_add(1),
                Mapped::Run { logical, start, blocks, written } => {
                    // Zeros are the content of what was never written, and what stands there is none of it.
                    let begin = logical.saturating_mul(block);
                    let skip = if written { inode.size.saturating_sub(begin) } else { 0 };
                    if skip < blocks.saturating_mul(block) {
                        match self.span(start, blocks, skip) {
                            Ok(span) => spans.push(span),
                            Err(error) => wrong = Some(error),
                        }
                    }
                }
            }
            if spans.len() > MAX_PIECES {
                wrong = Some(SourceError::NoContent(format!("slack in more than {MAX_PIECES} pieces")));
            }
            if maps > room {
                wrong = Some(corrupt("a map of more blocks than the volume has"));
            }
            if wrong.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        wrong.or(damage).map_or(Ok(spans), Err)
    }

    fn recover(&self, deleted: &Entry) -> Result<Option<(Pieces, &'static str)>, Lost> {
        let number = u32::try_from(deleted.node.number()).unwrap_or(0);
        let inode = self.volume.inode(number)?;
        let Some(size) = inode.sound_size(&self.volume.sb).filter(|size| *size > 0) else { return Ok(None) };
        if inode.kind() != Kind::File || deleted.facts.size != Some(size) {
            return Ok(None);
        }
        readable(&inode)?;
        if self.volume.is_in_use(number)? {
            let reader = InodeReader::new(Arc::clone(&self.volume), inode)?;
            let how = "the inode is in use, and no name leads to it; this is its content";
            return Ok(Some((Pieces::InUse(Box::new(Exact::new(reader, size))), how)));
        }
        if inode.is_inline() {
            let mut bytes = inline(&self.volume, &inode)?;
            bytes.truncate(usize::try_from(size).unwrap_or(usize::MAX));
            if u64::try_from(bytes.len()).ok() != Some(size) {
                return Err(Lost(format!("the inode holds {} of its {size} bytes", bytes.len())));
            }
            return Ok(Some((Pieces::Bytes(bytes), "the content is inside the deleted inode")));
        }
        let blocks = size.div_ceil(self.volume.sb.block_size.into());
        let (mut spans, mut maps) = (Vec::new(), BTreeSet::new());
        let (mut logical, mut used) = (0, 0_u64);
        while logical < blocks {
            let run = run_by(&self.volume, &inode, logical, &mut |block| {
                maps.insert(block);
            })?;
            let Some(start) = run.start else {
                return Err(Lost(format!("block {logical} of its {blocks} blocks has no place on record")));
            };
            let count = run.blocks.min(blocks.saturating_sub(logical));
            spans.push(self.span(start, count, 0)?);
            if spans.len() > MAX_PIECES {
                return Err(Lost(format!("it is in more than {MAX_PIECES} pieces")));
            }
            used = used.saturating_add(self.used(start..start.saturating_add(count))?);
            logical = logical.saturating_add(count);
        }
        let mut maps_used = 0_u64;
        for block in maps {
            maps_used = maps_used.saturating_add(self.used(block..block.saturating_add(1))?);
        }
        if used > 0 || maps_used > 0 {
            return Err(Lost(format!(
                "of its {blocks} blocks, {used} are in use again, and {maps_used} of those that tell of them"
            )));
        }
        Ok(Some((
            Pieces::Spans(cut(spans, size)?),
            "the map of blocks is the deleted inode's; all blocks are free",
        )))
    }
}

impl Nodes {
    /// Blocks of the volume, without the first `skip` bytes.
    fn span(&self, start: u64, blocks: u64, skip: u64) -> Result<Span, SourceError> {
        let size = u64::from(self.volume.sb.block_size);
        let inside = start.checked_add(blocks).is_some_and(|end| end <= self.volume.sb.blocks_count);
        let span = inside.then(|| {
            let (start, length) = (start.checked_mul(size)?, blocks.checked_mul(size)?);
            Some(Span { start: start.checked_add(skip)?, length: length.checked_sub(skip)? })
        });
        span.flatten().ok_or_else(|| corrupt("a block number beyond the end of the file system"))
    }

    /// How many of `blocks` are in use.
    fn used(&self, blocks: std::ops::Range<u64>) -> Result<u64, SourceError> {
        let volume: &Volume = &self.volume;
        let per_group = u64::from(volume.sb.blocks_per_group);
        let mut used = 0_u64;
        for block in blocks {
            let Some(within) = block.checked_sub(volume.sb.first_data_block.into()) else {
                return Err(corrupt("a block number before the first"));
            };
            let group = within.checked_div(per_group).unwrap_or(0);
            let bit =
                within.checked_rem(per_group).and_then(|bit| bit.checked_div(volume.sb.cluster_ratio.into()));
            let bits = self.group_bits(group)?;
            used = used.saturating_add(u64::from(is_set(&bits, bit.unwrap_or(u64::MAX))));
        }
        Ok(used)
    }

    fn group_bits(&self, group: u64) -> Result<Arc<Vec<u8>>, SourceError> {
        let mut last = self.last_group.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match last.as_ref() {
            Some((number, bits)) if *number == group => Ok(Arc::clone(bits)),
            _ => {
                let bits = Arc::new(self.volume.blocks_in_use(group)?);
                *last = Some((group, Arc::clone(&bits)));
                Ok(bits)
            }
        }
    }
}

/// Whether a bit is set; one that is not there counts as set.
fn is_set(bits: &[u8], bit: u64) -> bool {
    let byte = usize::try_from(bit / 8).ok().and_then(|at| bits.get(at));
    byte.is_none_or(|byte| byte >> (bit % 8) & 1 == 1)
}

fn readable(inode: &Inode) -> Result<(), SourceError> {
    if inode.is_encrypted() || inode.is_compressed() {
        return Err(SourceError::NoContent("encrypted (fscrypt) or compressed (e2compr)".into()));
    }
    Ok(())
}

/// Most runs of blocks of one file: a file of terabytes in runs of 128 MiB has fewer.
const MAX_PIECES: usize = 1 << 18;
