//! A set of nodes, small where their numbers lie close together, as inode numbers do.
//!
//! A walk remembers every node that it met. At 16 bytes each, ten million would take a quarter of a gibibyte and more;
//! as bits of blocks of 64 they take some megabytes. Numbers that lie far apart take a block each.

use std::collections::HashMap;

use crate::walk::NodeId;

/// Nodes, each once.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeSet {
    /// By the second number of a node, and the first but for its last six bits.
    blocks: HashMap<(u64, u64), u64>,
    len: usize,
}

impl NodeSet {
    /// Adds a node. False if it was there.
    pub(crate) fn insert(&mut self, node: NodeId) -> bool {
        let (block, bit) = place(node);
        let bits = self.blocks.entry(block).or_default();
        let new = *bits & bit == 0;
        *bits |= bit;
        self.len = self.len.saturating_add(usize::from(new));
        new
    }

    pub(crate) fn contains(&self, node: NodeId) -> bool {
        let (block, bit) = place(node);
        self.blocks.get(&block).is_some_and(|bits| bits & bit != 0)
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All nodes, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.blocks.iter().flat_map(|((part, block), bits)| {
            let set = (0..u64::BITS).filter(move |bit| bits >> bit & 1 == 1);
            set.map(move |bit| NodeId::with_part(block << SHIFT | u64::from(bit), *part))
        })
    }
}

/// Bits of a number that choose the bit in a block.
const SHIFT: u32 = 6;

fn place(node: NodeId) -> ((u64, u64), u64) {
    ((node.part(), node.number() >> SHIFT), 1 << (node.number() & 63))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn it_holds_what_a_set_of_the_standard_library_holds() {
        let (mut ours, mut theirs) = (NodeSet::default(), HashSet::new());
        let numbers = [0, 1, 63, 64, 65, 12, 1 << 40, u64::MAX, u64::MAX - 63, 63, 0];
        for (number, part) in numbers.into_iter().flat_map(|number| [(number, 0), (number, u64::MAX)]) {
            let node = NodeId::with_part(number, part);
            assert!(!ours.contains(node) || theirs.contains(&node));
            assert_eq!(ours.insert(node), theirs.insert(node));
            assert!(ours.contains(node) && !ours.contains(NodeId::with_part(number ^ 2, part)));
        }
        assert_eq!((ours.len(), ours.iter().collect::<HashSet<_>>()), (theirs.len(), theirs));
    }
}
