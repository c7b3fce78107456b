//! Counts over all items of a package.

use std::collections::BTreeMap;

use scope::facts::Look;
use scope::{Decision, Outcome};
use serde::{Deserialize, Serialize};

/// Counts over all items of a package.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Items per outcome.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Bytes of content captured, before compression; held content is not counted.
    pub bytes: u64,
    /// Items of which some content could not be read.
    pub unreadable: u64,
    /// Items per tier, by the tier's word.
    pub tiers: BTreeMap<String, u64>,
    /// Items per rule that determined their outcome.
    pub rules: BTreeMap<String, u64>,
    /// Items per look that was taken.
    pub looks: BTreeMap<Look, u64>,
}

impl Totals {
    /// All items.
    #[must_use]
    pub fn items(&self) -> u64 {
        self.outcomes.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Adds what was counted elsewhere.
    pub(crate) fn add(&mut self, other: &Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.unreadable = self.unreadable.saturating_add(other.unreadable);
        add(&mut self.outcomes, &other.outcomes);
        add(&mut self.tiers, &other.tiers);
        add(&mut self.rules, &other.rules);
        add(&mut self.looks, &other.looks);
    }

    pub(crate) fn count(&mut self, decision: &Decision) {
        let add = |count: &mut u64| *count = count.saturating_add(1);
        add(self.outcomes.entry(decision.outcome.clone()).or_default());
        add(self.tiers.entry(decision.tier.word().to_owned()).or_default());
        decision.rules.iter().for_each(|rule| add(self.rules.entry(rule.clone()).or_default()));
        decision.looks.iter().for_each(|look| add(self.looks.entry(*look).or_default()));
    }
}

fn add<K: Clone + Ord>(to: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (key, count) in from {
        let sum = to.entry(key.clone()).or_default();
        *sum = sum.saturating_add(*count);
    }
}
