//! Whose the blocks are that the block bitmaps call used: what belongs to no inode and no structure is somewhere to hide.
//!
//! ```text
//! 65536 bytes of blocks, in 1 runs, are marked as used and belong to no item and no structure; the first: 21504000+65536
//! ```

use std::ops::ControlFlow;

use crate::bytes::length;
use crate::ext::inode::Inode;
use crate::ext::map::FILE_END;
use crate::ext::nodes::{Nodes, ROOT};
use crate::ext::superblock::FIRST_INODE;
use crate::ext::tree::{self, Mapped};
use crate::ext::volume::Volume;
use crate::walker::{Seen, Span, has_no_content};

/// One bit for each block, or cluster of blocks, of a volume.
struct Owned {
    bits: Vec<u64>,
    first: u64,
    ratio: u64,
}

impl Owned {
    /// Of the blocks from `first` to `end`; `None` where they are too many to be kept in memory.
    fn new(first: u64, end: u64, ratio: u64) -> Option<Self> {
        let clusters = end.saturating_sub(first).div_ceil(ratio.max(1));
        let words = usize::try_from(clusters.div_ceil(64)).ok().filter(|_| clusters <= MAX_CLUSTERS)?;
        Some(Self { bits: vec![0; words], first, ratio: ratio.max(1) })
    }

    fn cluster(&self, block: u64) -> u64 {
        block.saturating_sub(self.first).checked_div(self.ratio).unwrap_or(0)
    }

    /// Blocks that belong to something; what lies outside the volume is not counted.
    fn add(&mut self, start: u64, blocks: u64) {
        let end = start.saturating_add(blocks);
        if end <= self.first || blocks == 0 {
            return;
        }
        let (from, last) = (self.cluster(start), self.cluster(end.saturating_sub(1)));
        let Ok(word) = usize::try_from(from / 64) else { return };
        let mut bit = from & !63;
        for word in self.bits.get_mut(word..).unwrap_or_default() {
            if bit > last {
                break;
            }
            let low = u64::MAX << from.saturating_sub(bit).min(63);
            let high = u64::MAX >> 63_u64.saturating_sub(last.saturating_sub(bit).min(63));
            *word |= low & high;
            bit = bit.saturating_add(64);
        }
    }

    fn has(&self, block: u64) -> bool {
        let cluster = self.cluster(block);
        let word = usize::try_from(cluster / 64).ok().and_then(|at| self.bits.get(at));
        word.is_some_and(|word| word >> (cluster % 64) & 1 == 1)
    }
}

/// What may yet be read of maps, and claimed by them: more than a sound volume has, so that maps which share blocks end.
struct Budget {
    maps: u64,
    blocks: u64,
}

impl Nodes {
    /// Blocks in use that are nobody's, in sentences with numbers.
    pub(super) fn blocks_unowned(&self, seen: &Seen) -> Vec<String> {
        let volume: &Volume = &self.volume;
        let size = u64::from(volume.sb.block_size);
        let first = u64::from(volume.sb.first_data_block);
        let end = volume.sb.blocks_count.min(volume.bytes.len().checked_div(size).unwrap_or(0));
        let Some(mut owned) = Owned::new(first, end, volume.sb.cluster_ratio.into()) else {
            return vec![format!(
                "whether the blocks in use belong to items was not counted: there are more than {MAX_CLUSTERS}"
            )];
        };
        volume.own_structures(end, &mut owned);
        let mut budget =
            Budget { maps: (end / 64).saturating_add(LEAST_MAPS), blocks: end.saturating_mul(MAX_TIMES) };
        let mut damaged = 0_u64;
        let mut all = ControlFlow::Continue(());
        volume.each_in_use(&mut |number| {
            all = volume.own_blocks(number, &mut owned, &mut budget, &mut damaged);
            all
        });
        // What has a name is an item, though its bitmap calls it free.
        for id in seen.named.iter() {
            if all.is_break() {
                break;
            }
            let Ok(number) = u32::try_from(id.number()) else { continue };
            if volume.is_in_use(number).is_ok_and(|is_in_use| !is_in_use) {
                all = volume.own_blocks(number, &mut owned, &mut budget, &mut damaged);
            }
        }
        if all.is_break() {
            return vec![
                "whether the blocks in use belong to items was not counted: the maps of its inodes claim more than the volume has".into(),
            ];
        }
        let mut limits = Vec::new();
        let found = volume.unowned(end, &owned);
        if let Some(told) = told(&found, "blocks") {
            limits.push(told);
            if damaged > 0 {
                limits.push(format!(
                    "the maps of {damaged} inodes are damaged: what they do not tell any more counts as nobody's"
                ));
            }
        }
        if found.unknown > 0 {
            limits.push(format!(
                "whether the blocks in use of {} block groups belong to items is not known: their bitmaps cannot be read",
                found.unknown
            ));
        }
        limits
    }
}

impl Volume {
    /// Copies of the superblock, descriptors, bitmaps and tables.
    fn own_structures(&self, end: u64, owned: &mut Owned) {
        // Block 0 is boot code where the superblock begins in block 1, and its own before that.
        owned.add(0, 2);
        let described = self.bytes.len().div_ceil(u64::from(self.sb.desc_size).max(1));
        for number in 0..self.sb.groups().min(described) {
            let Some(first) = self.first_block(number).filter(|first| *first < end) else { break };
            let Ok(group) = self.group(number) else { continue };
            for (start, count) in self.structures(number, first, &group) {
                owned.add(start, count);
            }
            if first == 0 && self.sb.block_size == 1024 {
                // The superblock is then block 1, not the group's first.
                owned.add(1, self.sb.copies(number));
            }
        }
        if let Some(block) = self.sb.mount_guard {
            owned.add(block, 1);
        }
    }

    /// The blocks of one inode: content, map and attributes.
    fn own_blocks(
        &self,
        number: u32,
        owned: &mut Owned,
        budget: &mut Budget,
        damaged: &mut u64,
    ) -> ControlFlow<()> {
        let is_own = number < FIRST_INODE && u64::from(number) != ROOT;
        let inode = match self.inode(number) {
            Ok(inode) => inode,
            Err(_) => {
                *damaged = damaged.saturating_add(1);
                return ControlFlow::Continue(());
            }
        };
        if inode.mode == 0 && !is_own {
            return ControlFlow::Continue(());
        }
        if inode.attribute_block != 0 {
            owned.add(inode.attribute_block, 1);
        }
        let Some(end) = mapped_end(self, &inode, is_own) else { return ControlFlow::Continue(()) };
        let mut all = ControlFlow::Continue(());
        let damage = tree::each(self, &inode, end, &mut |mapped| {
            let (start, blocks) = match mapped {
                Mapped::Map(block) => {
                    let Some(left) = budget.maps.checked_sub(1) else {
                        all = ControlFlow::Break(());
                        return all;
                    };
                    budget.maps = left;
                    (block, 1)
                }
                Mapped::Run { start, blocks, .. } => (start, blocks),
            };
            match budget.blocks.checked_sub(blocks) {
                Some(left) => budget.blocks = left,
                None => all = ControlFlow::Break(()),
            }
            owned.add(start, blocks);
            all
        });
        *damaged = damaged.saturating_add(damage.is_some().into());
        all
    }

    /// The runs of blocks that are in use and nobody's.
    fn unowned(&self, end: u64, owned: &Owned) -> Unowned {
        let (size, ratio) = (u64::from(self.sb.block_size), u64::from(self.sb.cluster_ratio));
        let mut found = Unowned::default();
        for number in 0..self.sb.groups() {
            let Some(first) = self.first_block(number).filter(|first| *first < end) else { break };
            let until = first.saturating_add(self.sb.blocks_per_group.into()).min(end);
            let Ok(bits) = self.blocks_in_use(number) else {
                found.unknown = found.unknown.saturating_add(1);
                continue;
            };
            let mut block = first;
            while block < until {
                let next = block.saturating_add(ratio).min(until);
                let bit = block.saturating_sub(first).checked_div(ratio).unwrap_or(u64::MAX);
                let byte = usize::try_from(bit / 8).ok().and_then(|at| bits.get(at));
                if byte.is_some_and(|byte| byte >> (bit % 8) & 1 == 1) && !owned.has(block) {
                    let length = next.saturating_sub(block).saturating_mul(size);
                    found.add(Span { start: block.saturating_mul(size), length });
                }
                block = next;
            }
        }
        found
    }
}

/// How many of an inode's blocks its map may tell of; `None` where it has none.
fn mapped_end(volume: &Volume, inode: &Inode, is_own: bool) -> Option<u64> {
    if inode.is_inline() || inode.is_fast_symlink() {
        return None;
    }
    if inode.has_extents() {
        return Some(FILE_END);
    }
    // The numbers of a device stand where those of blocks would.
    if has_no_content(inode.kind()) {
        return None;
    }
    // Numbers behind the end of a file are told by nothing else; bad blocks and the table for growth have no such end.
    let blocks = inode.size.div_ceil(volume.sb.block_size.into());
    Some(if is_own { FILE_END } else { blocks.min(FILE_END) })
}

/// Space in use that belongs to nothing.
#[derive(Default)]
pub(crate) struct Unowned {
    bytes: u64,
    runs: u64,
    /// The first runs, neighbours as one.
    first: Vec<Span>,
    end: u64,
    /// Groups of which nothing is known.
    unknown: u64,
}

impl Unowned {
    /// Adds a piece that lies behind all those before.
    pub(crate) fn add(&mut self, piece: Span) {
        self.bytes = self.bytes.saturating_add(piece.length);
        let continues = self.runs > 0 && self.end == piece.start;
        self.end = piece.start.saturating_add(piece.length);
        let has_room = length(self.first.len()) < MAX_TOLD;
        match self.first.last_mut() {
            Some(last) if continues && last.start.saturating_add(last.length) == piece.start => {
                last.length = last.length.saturating_add(piece.length);
            }
            _ if !continues && has_room => self.first.push(piece),
            _ => {}
        }
        self.runs = self.runs.saturating_add(u64::from(!continues));
    }
}

/// What is found, in a sentence: bytes, runs, and where the first of them are.
pub(crate) fn told(found: &Unowned, what: &str) -> Option<String> {
    let places: Vec<String> =
        found.first.iter().map(|span| format!("{}+{}", span.start, span.length)).collect();
    (found.runs > 0).then(|| {
        format!(
            "{} bytes of {what}, in {} runs, are marked as used and belong to no item and no structure: they are neither items nor free space; the first (bytes of the volume): {}",
            found.bytes,
            found.runs,
            places.join(", ")
        )
    })
}

/// Most blocks or clusters that are counted: 128 MiB of memory, 4 TiB in blocks of 4 KiB.
const MAX_CLUSTERS: u64 = 1 << 30;
/// How often its blocks may be claimed over before the count is given up.
const MAX_TIMES: u64 = 4;
/// Blocks of maps that are read however small the volume is.
const LEAST_MAPS: u64 = 1 << 16;
/// Runs of which it is told where they are.
const MAX_TOLD: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_the_blocks_added() {
        for (first, ratio) in [(0, 1), (1, 1), (0, 16)] {
            for (start, blocks) in [(0, 1), (1, 1), (3, 61), (3, 62), (63, 2), (64, 64), (5, 200), (299, 9)] {
                let mut owned = Owned::new(first, 300, ratio).unwrap();
                owned.add(start, blocks);
                for block in first..300 {
                    let cluster = (block - first) / ratio;
                    let has = (start.max(first)..start + blocks).any(|own| (own - first) / ratio == cluster);
                    assert_eq!(owned.has(block), has, "{first} {ratio}: {start}+{blocks} {block}");
                }
            }
        }
        assert!(Owned::new(0, MAX_CLUSTERS + 1, 1).is_none());
    }

    #[test]
    fn neighbours_are_one_run_and_the_first_are_told() {
        let mut found = Unowned::default();
        for start in [10, 20, 40, 60, 80, 100, 120, 130] {
            found.add(Span { start, length: 10 });
        }
        let told = told(&found, "blocks").unwrap();
        assert!(told.starts_with("80 bytes of blocks, in 6 runs, "), "{told}");
        assert!(told.ends_with(": 10+20, 40+10, 60+10, 80+10, 100+10"), "{told}");
    }
}
