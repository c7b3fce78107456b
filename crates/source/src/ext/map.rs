//! Where an inode's content stands: extents, or block numbers of one to three levels.

use crate::bytes::length;
use crate::crc32c::crc32c;
use crate::ext::inode::Inode;
use crate::ext::superblock::corrupt;
use crate::ext::volume::Volume;
use crate::field::{le16, le32, wide};
use crate::walk::SourceError;

/// A run of blocks of a file, from the block asked for on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Run {
    /// First block on the volume; `None` for a hole or blocks allocated but never written, which read as zeros.
    pub(crate) start: Option<u64>,
    /// How many blocks, at least 1.
    pub(crate) blocks: u64,
}

/// The run that holds the file's block `logical`.
///
/// # Errors
///
/// [`SourceError`] where the map is damaged: content is never guessed.
pub(crate) fn run(volume: &Volume, inode: &Inode, logical: u64) -> Result<Run, SourceError> {
    run_by(volume, inode, logical, &mut |_| {})
}

/// As [`run`]; `through` is told of each block of the map itself that was read on the way.
///
/// # Errors
///
/// As [`run`].
pub(crate) fn run_by(
    volume: &Volume,
    inode: &Inode,
    logical: u64,
    through: &mut dyn FnMut(u64),
) -> Result<Run, SourceError> {
    if inode.has_extents() {
        extent_run(volume, inode, logical, through)
    } else {
        block_run(volume, inode, logical, through)
    }
}

fn extent_run(
    volume: &Volume,
    inode: &Inode,
    logical: u64,
    through: &mut dyn FnMut(u64),
) -> Result<Run, SourceError> {
    let mut node = inode.blocks.to_vec();
    let mut depth = None;
    // Blocks of the file that this node is answerable for: keys outside belong to another node.
    let (mut from, mut until) = (0, FILE_END);
    loop {
        let header = Header::read(&node).ok_or_else(|| corrupt("an extent node is cut short"))?;
        header.check(depth)?;
        let entries = Entries::read(&node, &header, from, until)?;
        let Some((key, at, next)) = entries.covering(logical) else {
            return Ok(Run {
                start: None,
                blocks: entries.first.min(FILE_END).saturating_sub(logical).max(1),
            });
        };
        if header.depth == 0 {
            return leaf_run(&node, key, at, next, logical);
        }
        let child = le32(&node, at.saturating_add(4)).zip(le16(&node, at.saturating_add(8)));
        let (low, high) = child.ok_or_else(|| corrupt("an extent index is cut short"))?;
        let block = wide(low, high.into());
        through(block);
        node = volume.block(block)?;
        check_node(volume, inode, &node)?;
        (from, until, depth) = (key, next, header.depth.checked_sub(1));
    }
}

fn leaf_run(node: &[u8], key: u64, at: usize, next: u64, logical: u64) -> Result<Run, SourceError> {
    let fields = || {
        let raw = le16(node, at.saturating_add(4))?;
        Some((raw, wide(le32(node, at.saturating_add(8))?, le16(node, at.saturating_add(6))?.into())))
    };
    let (raw, start) = fields().ok_or_else(|| corrupt("an extent is cut short"))?;
    let (blocks, written) = length_of(raw);
    let end = key.saturating_add(blocks);
    if blocks == 0 || end > next {
        return Err(corrupt("extents overlap"));
    }
    if logical >= end {
        return Ok(Run { start: None, blocks: next.saturating_sub(logical).max(1) });
    }
    let start = start.checked_add(logical.saturating_sub(key)).filter(|_| written);
    Ok(Run { start, blocks: end.saturating_sub(logical) })
}

/// How many blocks an extent has, and whether they were ever written.
pub(super) fn length_of(raw: u16) -> (u64, bool) {
    match raw.checked_sub(MAX_WRITTEN) {
        Some(unwritten) if unwritten > 0 => (unwritten.into(), false),
        _ => (raw.into(), true),
    }
}

pub(super) struct Header {
    entries: u16,
    capacity: u16,
    depth: u16,
    room: usize,
}

impl Header {
    pub(super) fn read(node: &[u8]) -> Option<Self> {
        let magic = le16(node, 0)?;
        Some(Self {
            // A wrong magic number becomes an impossible count, which `check` refuses.
            entries: if magic == EXTENT_MAGIC { le16(node, 2)? } else { u16::MAX },
            capacity: le16(node, 4)?,
            depth: le16(node, 6)?,
            room: node.len().checked_div(ENTRY)?.checked_sub(1)?,
        })
    }

    /// How many levels are below the node.
    pub(super) fn depth(&self) -> u16 {
        self.depth
    }

    pub(super) fn check(&self, expected: Option<u16>) -> Result<(), SourceError> {
        let fits = self.entries <= self.capacity && usize::from(self.capacity) <= self.room;
        let depth = match expected {
            None => self.depth <= MAX_DEPTH,
            Some(expected) => self.depth == expected,
        };
        if fits && depth { Ok(()) } else { Err(corrupt("an extent node contradicts itself")) }
    }
}

/// The keys of a node's entries, proven to ascend within the node's range.
pub(super) struct Entries {
    first: u64,
    keys: Vec<(u64, usize)>,
    until: u64,
}

impl Entries {
    pub(super) fn read(node: &[u8], header: &Header, from: u64, until: u64) -> Result<Self, SourceError> {
        let mut keys: Vec<(u64, usize)> = Vec::with_capacity(header.entries.into());
        for index in 0..usize::from(header.entries) {
            let at = index.saturating_add(1).saturating_mul(ENTRY);
            let key = u64::from(le32(node, at).ok_or_else(|| corrupt("an extent is cut short"))?);
            if key < from || key >= until || keys.last().is_some_and(|(last, _)| *last >= key) {
                return Err(corrupt("extents are out of order"));
            }
            keys.push((key, at));
        }
        Ok(Self { first: keys.first().map_or(until, |(key, _)| *key), keys, until })
    }

    /// Each entry: its key, its place in the node, and the key of the next one.
    pub(super) fn all(&self) -> impl Iterator<Item = (u64, usize, u64)> + '_ {
        let next = self.keys.iter().skip(1).map(|(key, _)| *key).chain([self.until]);
        self.keys.iter().zip(next).map(|((key, at), next)| (*key, *at, next))
    }

    /// The last entry at or before `logical`: its key, its place in the node, and the key of the next one.
    fn covering(&self, logical: u64) -> Option<(u64, usize, u64)> {
        let after = self.keys.partition_point(|(key, _)| *key <= logical);
        let (key, at) = self.keys.get(after.checked_sub(1)?)?;
        Some((*key, *at, self.keys.get(after).map_or(self.until, |(next, _)| *next)))
    }
}

pub(super) fn check_node(volume: &Volume, inode: &Inode, node: &[u8]) -> Result<(), SourceError> {
    let Some(seed) = volume.seed(inode) else { return Ok(()) };
    let tail = usize::from(le16(node, 4).unwrap_or(0)).saturating_add(1).saturating_mul(ENTRY);
    let stored = le32(node, tail);
    if stored.is_some() && stored == node.get(..tail).map(|covered| crc32c(seed, covered)) {
        return Ok(());
    }
    Err(corrupt("an extent node's checksum does not fit its content"))
}

fn block_run(
    volume: &Volume,
    inode: &Inode,
    logical: u64,
    through: &mut dyn FnMut(u64),
) -> Result<Run, SourceError> {
    let per_block = u64::from(volume.sb.block_size >> 2);
    let direct: Vec<u64> = numbers(&inode.blocks);
    let mut index = logical;
    if index < DIRECT {
        return Ok(coalesce(direct.get(..12).unwrap_or_default(), index, 1));
    }
    index = index.saturating_sub(DIRECT);
    let mut span = per_block;
    for level in 1..=3_usize {
        if index < span {
            let root = direct.get(level.saturating_add(11)).copied().unwrap_or(0);
            return indirect_run(volume, root, index, span, through);
        }
        index = index.saturating_sub(span);
        span = span.saturating_mul(per_block);
    }
    Err(corrupt("a file longer than its block numbers can tell"))
}

/// Descends from `root`, which answers for `span` blocks, to the run at `index` among them.
fn indirect_run(
    volume: &Volume,
    root: u64,
    mut index: u64,
    mut span: u64,
    through: &mut dyn FnMut(u64),
) -> Result<Run, SourceError> {
    let per_block = u64::from(volume.sb.block_size >> 2);
    let mut block = root;
    loop {
        if block == 0 {
            return Ok(Run { start: None, blocks: span.saturating_sub(index).max(1) });
        }
        through(block);
        let entries = numbers(&volume.block(block)?);
        span = span.checked_div(per_block).unwrap_or(1).max(1);
        let slot = index.checked_div(span).unwrap_or(0);
        if span == 1 {
            return Ok(coalesce(&entries, slot, 1));
        }
        index = index.checked_rem(span).unwrap_or(0);
        block = usize::try_from(slot).ok().and_then(|slot| entries.get(slot)).copied().unwrap_or(0);
    }
}

/// The run of consecutive block numbers, or of holes, that begins at `slot`.
fn coalesce(entries: &[u64], slot: u64, step: u64) -> Run {
    let tail = usize::try_from(slot).ok().and_then(|slot| entries.get(slot..)).unwrap_or_default();
    let Some(first) = tail.first().copied() else { return Run { start: None, blocks: 1 } };
    let mut expected = first;
    let follows = tail.iter().take_while(|number| {
        let fits = **number == expected;
        expected = if first == 0 { 0 } else { expected.saturating_add(step) };
        fits
    });
    Run { start: Some(first).filter(|first| *first != 0), blocks: length(follows.count()).max(1) }
}

pub(super) fn numbers(bytes: &[u8]) -> Vec<u64> {
    bytes.as_chunks::<4>().0.iter().map(|number| u32::from_le_bytes(*number).into()).collect()
}

/// Length of a node's header and of each entry.
const ENTRY: usize = 12;
const EXTENT_MAGIC: u16 = 0xF30A;
/// Deepest extent tree: the format's own limit.
const MAX_DEPTH: u16 = 5;
/// Longest extent of written blocks; longer lengths mean allocated but never written.
const MAX_WRITTEN: u16 = 0x8000;
/// Blocks numbered in the inode itself.
pub(super) const DIRECT: u64 = 12;
/// A file has at most 2^32 blocks.
pub(crate) const FILE_END: u64 = 1 << 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_run() {
        let check = |entries: &[u64], slot, start, blocks| {
            assert_eq!(coalesce(entries, slot, 1), Run { start, blocks }, "{entries:?} {slot}");
        };
        check(&[7, 8, 9, 11], 0, Some(7), 3);
        check(&[7, 8, 9, 11], 2, Some(9), 1);
        check(&[0, 0, 5], 0, None, 2);
        check(&[0, 0, 5], 2, Some(5), 1);
        check(&[], 0, None, 1);
    }
}
