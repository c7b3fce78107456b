//! All of an inode's map at once: its blocks, in order, and the blocks of the map itself.
//!
//! `map` answers for one block of a file, as a reader asks; here everything is told that the map claims, whatever the size.

use std::ops::ControlFlow;

use crate::ext::inode::Inode;
use crate::ext::map::{self, DIRECT, Entries, FILE_END, Header};
use crate::ext::superblock::corrupt;
use crate::ext::volume::Volume;
use crate::field::{le16, le32, wide};
use crate::walk::SourceError;

/// What a map says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mapped {
    /// A block of the map itself.
    Map(u64),
    /// Blocks of the file: from which of its blocks on, where they stand, how many.
    Run {
        logical: u64,
        start: u64,
        blocks: u64,
        /// Whether they were ever written; what was not reads as zeros.
        written: bool,
    },
}

/// Tells `visit` what the map of `inode` says, of block numbers up to the file's block `end`. What is damaged is passed over;
/// returns the first such damage.
pub(crate) fn each(
    volume: &Volume,
    inode: &Inode,
    end: u64,
    visit: &mut dyn FnMut(Mapped) -> ControlFlow<()>,
) -> Option<SourceError> {
    let mut walk = Walk { volume, inode, end, visit, damage: None };
    // What ends the walk is known to `visit`.
    let _ = if inode.has_extents() { walk.extents(&inode.blocks, None, 0, FILE_END) } else { walk.numbers() };
    walk.damage
}

struct Walk<'a> {
    volume: &'a Volume,
    inode: &'a Inode,
    end: u64,
    visit: &'a mut dyn FnMut(Mapped) -> ControlFlow<()>,
    damage: Option<SourceError>,
}

impl Walk<'_> {
    fn damaged(&mut self, error: SourceError) -> ControlFlow<()> {
        self.damage.get_or_insert(error);
        ControlFlow::Continue(())
    }

    /// A node of the tree of extents, of which `depth` is expected, and what is below it: no deeper than the format allows.
    fn extents(&mut self, node: &[u8], depth: Option<u16>, from: u64, until: u64) -> ControlFlow<()> {
        let read = || {
            let header = Header::read(node).ok_or_else(|| corrupt("an extent node is cut short"))?;
            header.check(depth)?;
            let entries = Entries::read(node, &header, from, until)?;
            Ok((header, entries))
        };
        let (header, entries) = match read() {
            Ok(read) => read,
            Err(error) => return self.damaged(error),
        };
        for (key, at, next) in entries.all() {
            let field = |skip: usize| at.checked_add(skip);
            let found = || {
                let short = le16(node, field(4)?)?;
                let middle = le16(node, field(6)?)?;
                Some((short, middle, le32(node, field(8)?)?, le32(node, field(4)?)?, le16(node, field(8)?)?))
            };
            let Some((raw, high, low, child, child_high)) = found() else {
                self.damaged(corrupt("an extent is cut short"))?;
                continue;
            };
            if header.depth() == 0 {
                let (blocks, written) = map::length_of(raw);
                if blocks == 0 || key.saturating_add(blocks) > next {
                    self.damaged(corrupt("extents overlap"))?;
                    continue;
                }
                (self.visit)(Mapped::Run { logical: key, start: wide(low, high.into()), blocks, written })?;
                continue;
            }
            let block = wide(child, child_high.into());
            (self.visit)(Mapped::Map(block))?;
            let node = self.volume.block(block);
            let node = node.and_then(|node| map::check_node(self.volume, self.inode, &node).map(|()| node));
            match node {
                Ok(node) => self.extents(&node, header.depth().checked_sub(1), key, next)?,
                Err(error) => self.damaged(error)?,
            }
        }
        ControlFlow::Continue(())
    }

    /// Block numbers: twelve in the inode, and those that one to three levels of blocks hold.
    fn numbers(&mut self) -> ControlFlow<()> {
        let numbers = map::numbers(&self.inode.blocks);
        for (block, logical) in numbers.iter().zip(0..DIRECT) {
            self.block(*block, logical)?;
        }
        let per_block = u64::from(self.volume.sb.block_size >> 2);
        let (mut logical, mut span) = (DIRECT, per_block);
        for root in numbers.iter().skip(12).take(3) {
            self.indirect(*root, logical, span)?;
            logical = logical.saturating_add(span);
            span = span.saturating_mul(per_block);
        }
        ControlFlow::Continue(())
    }

    fn indirect(&mut self, root: u64, from: u64, span: u64) -> ControlFlow<()> {
        if root == 0 || from >= self.end {
            return ControlFlow::Continue(());
        }
        (self.visit)(Mapped::Map(root))?;
        let block = match self.volume.block(root) {
            Ok(block) => block,
            Err(error) => return self.damaged(error),
        };
        let per_block = u64::from(self.volume.sb.block_size >> 2);
        let step = span.checked_div(per_block).unwrap_or(1).max(1);
        let mut logical = from;
        for number in map::numbers(&block) {
            match step {
                1 => self.block(number, logical)?,
                _ => self.indirect(number, logical, step)?,
            }
            logical = logical.saturating_add(step);
        }
        ControlFlow::Continue(())
    }

    fn block(&mut self, start: u64, logical: u64) -> ControlFlow<()> {
        if start == 0 || logical >= self.end {
            return ControlFlow::Continue(());
        }
        (self.visit)(Mapped::Run { logical, start, blocks: 1, written: true })
    }
}
