//! Whose the space is that a file system calls used: one bit for each block or cluster that belongs to something.
//!
//! What belongs to nothing is somewhere to hide: it is neither an item nor free space.
//!
//! ```text
//! 65536 bytes of blocks, in 1 runs, are marked as used and belong to no item and no structure: ... 21504000+65536
//! ```

use crate::bytes::length;
use crate::walker::Span;

/// One bit for each block, or cluster of blocks, of a volume.
pub(crate) struct Owned {
    bits: Vec<u64>,
    first: u64,
    ratio: u64,
}

impl Owned {
    /// Of the blocks from `first` to `end`; `None` where they are too many to be kept in memory.
    pub(crate) fn new(first: u64, end: u64, ratio: u64) -> Option<Self> {
        let clusters = end.saturating_sub(first).div_ceil(ratio.max(1));
        let words = usize::try_from(clusters.div_ceil(64)).ok().filter(|_| clusters <= MAX_CLUSTERS)?;
        Some(Self { bits: vec![0; words], first, ratio: ratio.max(1) })
    }

    fn cluster(&self, block: u64) -> u64 {
        block.saturating_sub(self.first).checked_div(self.ratio).unwrap_or(0)
    }

    /// Blocks that belong to something; what lies outside the volume is not counted.
    pub(crate) fn add(&mut self, start: u64, blocks: u64) {
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

    pub(crate) fn has(&self, block: u64) -> bool {
        let cluster = self.cluster(block);
        let word = usize::try_from(cluster / 64).ok().and_then(|at| self.bits.get(at));
        word.is_some_and(|word| word >> (cluster % 64) & 1 == 1)
    }
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
    pub(crate) unknown: u64,
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
pub(crate) const MAX_CLUSTERS: u64 = 1 << 30;
/// How often its blocks may be claimed over before the count is given up.
pub(crate) const MAX_TIMES: u64 = 4;
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
