//! A fork: content or attributes of an inode, and where they stand: inside it, in a list of extents, or in a tree of them.

use std::sync::Arc;

use crate::bytes::length;
use crate::field::{be16, be64};
use crate::walk::SourceError;
use crate::xfs::superblock::corrupt;
use crate::xfs::volume::{Seal, Volume, broken};

/// How a fork is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Format {
    /// A device's number: there is no content.
    Device,
    /// Inside the inode.
    Local,
    /// A list of extents inside the inode.
    Extents,
    /// A tree of extents, its root inside the inode.
    Tree,
    /// Something that is not read.
    Unknown(u8),
}

impl Format {
    /// The format that the inode states as `raw`.
    pub(crate) fn of(raw: u8) -> Self {
        match raw {
            0 => Self::Device,
            1 => Self::Local,
            2 => Self::Extents,
            3 => Self::Tree,
            other => Self::Unknown(other),
        }
    }
}

/// A fork of an inode.
#[derive(Clone, Debug)]
pub(crate) struct Fork {
    pub(crate) format: Format,
    /// Its bytes in the inode.
    pub(crate) bytes: Vec<u8>,
    /// How many extents the inode counts.
    pub(crate) extents: u64,
    /// The inode's number, which blocks of the tree repeat.
    pub(crate) owner: u64,
}

/// Neighbouring blocks of a file that are neighbours on the volume.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Extent {
    logical: u64,
    start: u64,
    blocks: u64,
    written: bool,
}

/// All extents of a part of a file: it has no others between `from` and `until`.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Leaf {
    from: u64,
    until: u64,
    extents: Vec<Extent>,
}

/// A run of blocks of a file, from the block asked for on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Run {
    /// First block on the volume; `None` for a hole.
    pub(crate) start: Option<u64>,
    /// Whether the blocks were ever written: if not, they read as zeros.
    pub(crate) written: bool,
    /// How many blocks, at least 1.
    pub(crate) blocks: u64,
}

impl Fork {
    /// How many blocks the extents in the inode hold; `None` where a tree, or damage, must be read to tell.
    pub(crate) fn inline_blocks(&self) -> Option<u64> {
        match self.format {
            Format::Device | Format::Local => Some(0),
            Format::Extents => {
                self.list().ok().map(|leaf| leaf.extents.iter().map(|extent| extent.blocks).sum())
            }
            Format::Tree | Format::Unknown(_) => None,
        }
    }

    /// How many bytes of the first `size` of a file stand in blocks that were never written; `None` where the tree of extents
    /// has more than [`MAX_LEAVES`] blocks that tell of extents.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the map is damaged.
    pub(crate) fn unwritten(&self, volume: &Volume, size: u64) -> Result<Option<u64>, SourceError> {
        if !matches!(self.format, Format::Extents | Format::Tree) {
            return Ok(Some(0));
        }
        let block = u64::from(volume.sb.block_size);
        let end = size.div_ceil(block).min(FILE_END);
        let (mut bytes, mut at, mut leaves) = (0_u64, 0, 0_u64);
        while at < end {
            leaves = leaves.saturating_add(1);
            if leaves > MAX_LEAVES || !volume.maps.take() {
                return Ok(None);
            }
            let leaf = self.leaf(volume, at)?;
            for extent in leaf.extents.iter().filter(|extent| !extent.written) {
                let from = extent.logical.saturating_mul(block);
                let to = from.saturating_add(extent.blocks.saturating_mul(block)).min(size);
                bytes = bytes.saturating_add(to.saturating_sub(from));
            }
            at = leaf.until;
        }
        Ok(Some(bytes))
    }

    /// The part of the map around the file's block `logical`.
    fn leaf(&self, volume: &Volume, logical: u64) -> Result<Leaf, SourceError> {
        match self.format {
            Format::Extents => self.list(),
            Format::Tree => self.descend(volume, logical),
            Format::Device | Format::Local => {
                Err(corrupt("content inside an inode that cannot have it there"))
            }
            Format::Unknown(format) => Err(corrupt(&format!("content in the unknown format {format}"))),
        }
    }

    fn list(&self) -> Result<Leaf, SourceError> {
        let count = usize::try_from(self.extents).unwrap_or(usize::MAX);
        let records = count.checked_mul(RECORD).and_then(|end| self.bytes.get(..end));
        let records = records.ok_or_else(|| corrupt("an inode counts more extents than it has room for"))?;
        Leaf::read(records, 0, FILE_END)
    }

    fn descend(&self, volume: &Volume, logical: u64) -> Result<Leaf, SourceError> {
        let mut level = be16(&self.bytes, 0).unwrap_or(0);
        if level == 0 || level > MAX_LEVEL {
            return Err(corrupt("a tree of extents has an impossible depth"));
        }
        // Blocks of the file that this node is answerable for: keys outside belong to another node.
        let (mut from, mut until) = (0, FILE_END);
        let mut node = self.bytes.clone();
        let mut header = ROOT_HEADER;
        let mut count = be16(&self.bytes, 2).unwrap_or(0);
        loop {
            let keys = keys(&node, header, count, from, until)?;
            let after = keys.partition_point(|key| *key <= logical);
            let Some(index) = after.checked_sub(1) else {
                return Ok(Leaf { from, until: keys.first().copied().unwrap_or(until), extents: Vec::new() });
            };
            from = keys.get(index).copied().unwrap_or(from);
            until = keys.get(after).copied().unwrap_or(until);
            let block =
                pointer(&node, header, index).ok_or_else(|| corrupt("a tree of extents is cut short"))?;
            level = level.saturating_sub(1);
            (node, count) = child(volume, block, self.owner, level)?;
            header = if volume.sb.checksums { HEADER_V5 } else { HEADER };
            if level == 0 {
                let end =
                    usize::from(count).checked_mul(RECORD).and_then(|length| header.checked_add(length));
                let records = end.and_then(|end| node.get(header..end));
                let records = records.ok_or_else(|| corrupt("a tree of extents is cut short"))?;
                return Leaf::read(records, from, until);
            }
        }
    }
}

/// The block of a tree at `block`, and how many entries it has.
fn child(volume: &Volume, block: u64, owner: u64, level: u16) -> Result<(Vec<u8>, u16), SourceError> {
    let node = volume.block(block)?;
    volume.check(&node, &SEAL, owner, block).map_err(|how| broken("a tree of extents", how))?;
    let magic: &[u8] = if volume.sb.checksums { b"BMA3" } else { b"BMAP" };
    let count = be16(&node, 6).unwrap_or(0);
    if !node.starts_with(magic) || be16(&node, 4) != Some(level) || count == 0 {
        return Err(corrupt("a tree of extents contradicts itself"));
    }
    Ok((node, count))
}

/// The keys of a node, proven to ascend within the node's range.
fn keys(node: &[u8], header: usize, count: u16, from: u64, until: u64) -> Result<Vec<u64>, SourceError> {
    let count = usize::from(count);
    if count == 0 || count > room(node, header) {
        return Err(corrupt("a tree of extents contradicts itself"));
    }
    let mut keys: Vec<u64> = Vec::with_capacity(count);
    for index in 0..count {
        let key = be64(node, header.saturating_add(index.saturating_mul(8)));
        let key = key.ok_or_else(|| corrupt("a tree of extents is cut short"))?;
        if key < from || key >= until || keys.last().is_some_and(|last| *last >= key) {
            return Err(corrupt("a tree of extents is out of order"));
        }
        keys.push(key);
    }
    Ok(keys)
}

/// Pointers stand behind room for as many keys.
fn pointer(node: &[u8], header: usize, index: usize) -> Option<u64> {
    let skip = room(node, header).checked_add(index)?.checked_mul(8)?;
    be64(node, header.checked_add(skip)?)
}

/// How many keys and pointers a node has room for.
fn room(node: &[u8], header: usize) -> usize {
    node.len().saturating_sub(header) >> 4
}

impl Leaf {
    /// Reads records, proven to ascend between `from` and `until` without overlap.
    fn read(records: &[u8], from: u64, until: u64) -> Result<Self, SourceError> {
        let mut extents = Vec::with_capacity(records.len() >> 4);
        let mut end = from;
        for record in records.as_chunks::<RECORD>().0 {
            let bits = u128::from_be_bytes(*record);
            // 1 bit: never written; 54: block of the file; 52: block of the volume; 21: count.
            let part =
                |shift: u32, width: u32| u64::try_from(bits >> shift & ((1 << width) - 1)).unwrap_or(0);
            let extent = Extent {
                logical: part(73, 54),
                start: part(21, 52),
                blocks: part(0, 21),
                written: bits >> 127 == 0,
            };
            if extent.logical < end || extent.blocks == 0 {
                return Err(corrupt("extents are out of order or overlap"));
            }
            end = extent.logical.saturating_add(extent.blocks);
            if end > until {
                return Err(corrupt("an extent goes on beyond its part of the file"));
            }
            extents.push(extent);
        }
        Ok(Self { from, until, extents })
    }

    fn covers(&self, logical: u64) -> bool {
        (self.from..self.until).contains(&logical)
    }

    fn run(&self, logical: u64) -> Run {
        let next =
            self.extents.partition_point(|extent| extent.logical.saturating_add(extent.blocks) <= logical);
        match self.extents.get(next) {
            Some(extent) if extent.logical <= logical => {
                let skip = logical.saturating_sub(extent.logical);
                Run {
                    start: Some(extent.start.saturating_add(skip)),
                    written: extent.written,
                    blocks: extent.blocks.saturating_sub(skip),
                }
            }
            next => {
                let end = next.map_or(self.until, |extent| extent.logical);
                Run { start: None, written: false, blocks: end.saturating_sub(logical).max(1) }
            }
        }
    }
}

/// Where a fork's blocks stand. Keeps the part of the tree that was read last.
pub(crate) struct Map {
    volume: Arc<Volume>,
    fork: Fork,
    leaf: Option<Leaf>,
}

impl Map {
    /// The map of `fork`.
    pub(crate) fn new(volume: Arc<Volume>, fork: Fork) -> Self {
        Self { volume, fork, leaf: None }
    }

    /// The run that holds the file's block `logical`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the map is damaged: content is never guessed.
    pub(crate) fn run(&mut self, logical: u64) -> Result<Run, SourceError> {
        if logical >= FILE_END {
            return Err(corrupt("a block beyond the end of all files"));
        }
        if let Some(leaf) = self.leaf.as_ref().filter(|leaf| leaf.covers(logical)) {
            return Ok(leaf.run(logical));
        }
        let leaf = self.fork.leaf(&self.volume, logical)?;
        let run = leaf.run(logical);
        self.leaf = Some(leaf);
        Ok(run)
    }

    /// `count` blocks from `logical` on, and the block on the volume at which they begin.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where one of them is a hole or was never written: structures are neither.
    pub(crate) fn blocks(&mut self, logical: u64, count: u64) -> Result<(Vec<u8>, u64), SourceError> {
        let size = u64::from(self.volume.sb.block_size);
        let mut bytes = vec![0; usize::try_from(size.saturating_mul(count)).unwrap_or(0)];
        let mut place = None;
        let mut rest = bytes.as_mut_slice();
        while !rest.is_empty() {
            let done = count.saturating_sub(length(rest.len()).checked_div(size).unwrap_or(0));
            let run = self.run(logical.saturating_add(done))?;
            let start = run.start.filter(|_| run.written).ok_or_else(|| corrupt("a structure has a hole"))?;
            place.get_or_insert(start);
            let take = usize::try_from(run.blocks.saturating_mul(size)).unwrap_or(usize::MAX).min(rest.len());
            let (piece, tail) = rest.split_at_mut(take);
            self.volume.read(start, 0, piece)?;
            rest = tail;
        }
        Ok((bytes, place.unwrap_or(0)))
    }

    /// Compares the extents of a tree with the number that the inode counts.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where they differ: a lost extent would read as a hole.
    pub(crate) fn check_count(&self) -> Result<(), SourceError> {
        if self.fork.format != Format::Tree {
            return Ok(());
        }
        let (mut found, mut at) = (0_u64, 0);
        while at < FILE_END {
            let leaf = self.fork.leaf(&self.volume, at)?;
            found = found.saturating_add(length(leaf.extents.len()));
            at = leaf.until;
        }
        if found == self.fork.extents {
            return Ok(());
        }
        Err(corrupt(&format!("the inode counts {} extents, its tree holds {found}", self.fork.extents)))
    }
}

const SEAL: Seal = Seal { checksum: 64, place: 24, uuid: 40, owner: 56, of_group: false };
/// Length of the header of the root of a tree, and of other nodes.
const ROOT_HEADER: usize = 4;
const HEADER: usize = 24;
const HEADER_V5: usize = 72;
/// Length of an extent's record.
const RECORD: usize = 16;
/// Deepest tree of extents: the format's own limit (`XFS_BM_MAXLEVELS`) is below it.
const MAX_LEVEL: u16 = 12;
/// Most blocks of one file's tree that are read to tell what of it was never written: a file in a million pieces has fewer.
const MAX_LEAVES: u64 = 1 << 12;
/// A file's blocks are numbered with 54 bits.
const FILE_END: u64 = 1 << 54;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(logical: u64, start: u64, blocks: u64, written: bool) -> Vec<u8> {
        let bits = u128::from(!written) << 127 | u128::from(logical) << 73 | u128::from(start) << 21;
        (bits | u128::from(blocks)).to_be_bytes().to_vec()
    }

    #[test]
    fn runs_of_a_list() {
        let records = [record(2, 100, 3, true), record(5, 200, 1, false), record(9, 7, 1, true)].concat();
        let leaf = Leaf::read(&records, 0, FILE_END).unwrap();
        let check = |logical, start, written, blocks| {
            assert_eq!(leaf.run(logical), Run { start, written, blocks }, "{logical}");
        };
        check(0, None, false, 2);
        check(2, Some(100), true, 3);
        check(4, Some(102), true, 1);
        check(5, Some(200), false, 1);
        check(6, None, false, 3);
        check(10, None, false, FILE_END - 10);
    }

    #[test]
    fn records_out_of_order_are_refused() {
        let check = |records: &[Vec<u8>]| assert!(Leaf::read(&records.concat(), 1, 50).is_err());
        check(&[record(2, 100, 3, true), record(4, 200, 1, true)]);
        check(&[record(9, 100, 1, true), record(4, 200, 1, true)]);
        check(&[record(0, 100, 1, true)]);
        check(&[record(2, 100, 0, true)]);
        check(&[record(49, 100, 2, true)]);
    }
}
