//! Whose the blocks are that the block bitmaps call used: what belongs to no inode and no structure is somewhere to hide.
//!
//! ```text
//! 65536 bytes of blocks, in 1 runs, are marked as used and belong to no item and no structure; the first: 21504000+65536
//! ```

use std::ops::ControlFlow;

use crate::ext::inode::Inode;
use crate::ext::map::FILE_END;
use crate::ext::nodes::{Nodes, ROOT};
use crate::ext::superblock::FIRST_INODE;
use crate::ext::tree::{self, Mapped};
use crate::ext::volume::Volume;
use crate::walker::owned::{MAX_CLUSTERS, MAX_TIMES, Owned, Unowned, told};
use crate::walker::{Seen, Span, has_no_content};

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

/// Blocks of maps that are read however small the volume is.
const LEAST_MAPS: u64 = 1 << 16;
