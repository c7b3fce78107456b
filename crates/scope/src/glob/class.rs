//! `[...]`: classes of symbols.

use crate::fold::{Symbol, folded_in};

/// A set of symbols, or all but a set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Class {
    negated: bool,
    /// Closed ranges, sorted, neither overlapping nor touching.
    ranges: Vec<(Symbol, Symbol)>,
}

impl Class {
    pub(super) fn new(negated: bool, mut ranges: Vec<(Symbol, Symbol)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(Symbol, Symbol)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Self { negated, ranges: merged }
    }

    /// The ranges of its members, or of all that are not.
    pub(super) fn ranges(&self) -> &[(Symbol, Symbol)] {
        &self.ranges
    }

    pub(super) fn contains(&self, symbol: Symbol) -> bool {
        let after = self.ranges.partition_point(|range| range.0 <= symbol);
        let range = after.checked_sub(1).and_then(|at| self.ranges.get(at));
        range.is_some_and(|range| symbol <= range.1) != self.negated
    }

    /// The class over folded symbols: what its members fold to.
    pub(super) fn folded(&self) -> Self {
        let mut ranges = Vec::with_capacity(self.ranges.len());
        for &(first, last) in &self.ranges {
            let mut from = first;
            for (source, target) in folded_in(first, last) {
                ranges.push((target, target));
                if from < source {
                    ranges.push((from, source - 1));
                }
                from = source + 1;
            }
            if from <= last {
                ranges.push((from, last));
            }
        }
        Self::new(self.negated, ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::fold;

    #[test]
    fn a_folded_class_has_what_its_members_fold_to() {
        for ranges in [vec![(0x41, 0x5A)], vec![(0x30, 0x7A), (0x100, 0x180)], vec![(0x212A, 0x212A)]] {
            let class = Class::new(false, ranges.clone());
            let folded = class.folded();
            let expected: std::collections::BTreeSet<_> =
                ranges.iter().flat_map(|&(a, b)| a..=b).map(fold).collect();
            for symbol in 0..0x3000 {
                assert_eq!(folded.contains(symbol), expected.contains(&symbol), "{symbol:04X} {ranges:?}");
            }
        }
    }
}
