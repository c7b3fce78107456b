//! What the acquisition states, against the policy, the inventory and the records.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use scope::facts::Look;
use scope::policy::LeftRecord;
use scope::{Policy, Tier};

use super::finding::{Finding, FindingKind, shown};
use crate::acquisition::{Acquisition, RecordLeft, SetName};
use crate::inventory::Inventory;
use crate::item::DecisionValue;

/// What the records add up to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) records: u64,
    tiers: BTreeMap<String, u64>,
    rules: BTreeMap<String, u64>,
    looks: BTreeMap<Look, u64>,
}

impl Tally {
    /// Counts a record.
    pub(super) fn add(&mut self, decision: &DecisionValue) {
        count(&mut self.tiers, tier_word(decision.tier).to_owned());
        decision.rules.iter().for_each(|rule| count(&mut self.rules, rule.clone()));
        decision.looks.iter().for_each(|look| count(&mut self.looks, *look));
    }

    /// Adds what other records came to.
    pub(super) fn join(&mut self, other: Self) {
        self.records = self.records.saturating_add(other.records);
        add_all(&mut self.tiers, other.tiers);
        add_all(&mut self.rules, other.rules);
        add_all(&mut self.looks, other.looks);
    }

    /// The counts that the acquisition states and that the records do not bear out.
    ///
    /// Of `unrecorded` items there are lines alone: for them a count may be larger than the records tell.
    pub(super) fn against(&self, acquisition: &Acquisition, unrecorded: u64) -> Vec<Finding> {
        let mut findings = Vec::new();
        compare(&mut findings, "tier", &acquisition.tier_counts, &self.tiers, unrecorded, |tier| shown(tier));
        compare(&mut findings, "rule", &acquisition.rule_counts, &self.rules, unrecorded, |rule| shown(rule));
        compare(&mut findings, "look", &acquisition.looks, &self.looks, unrecorded, |look| {
            look.word().to_owned()
        });
        findings
    }
}

/// What can be said before the first record is read.
pub(super) fn against_policy(
    policy: &Policy,
    acquisition: &Acquisition,
    inventory: &Inventory,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if acquisition.policy != policy.id() {
        let detail = format!("acquired under {}, not {}", acquisition.policy, policy.id());
        findings.push(about(FindingKind::Policy, detail));
    }
    let left = match policy.record().left {
        LeftRecord::Facts => RecordLeft::Facts,
        LeftRecord::Counts => RecordLeft::Counts,
    };
    if acquisition.record_left != left {
        let detail = "what is recorded of items that were left is not what the policy says".to_owned();
        findings.push(about(FindingKind::Policy, detail));
    }
    recipients(policy, acquisition, &mut findings);
    let stated = &acquisition.inventory;
    if stated.lines != inventory.len() || stated.root != inventory.root() {
        let detail = format!(
            "stated {} lines under {}; the inventory has {} under {}",
            stated.lines,
            stated.root,
            inventory.len(),
            inventory.root()
        );
        findings.push(about(FindingKind::Count, detail));
    }
    compare(&mut findings, "outcome", &stated.counts, inventory.counts(), 0, ToString::to_string);
    findings
}

/// Every set is encrypted to whom the policy names, and to nobody else.
fn recipients(policy: &Policy, acquisition: &Acquisition, findings: &mut Vec<Finding>) {
    let named = policy.recipients();
    for set in &acquisition.sets {
        let expected: Option<BTreeSet<&String>> = match &set.set {
            SetName::Captured => Some(named.case.iter().chain(&named.captured_also).collect()),
            SetName::Ledger => Some(named.auditor.iter().chain(&named.court).collect()),
            SetName::Held(id) => {
                let compartment = policy.compartments().iter().find(|compartment| compartment.id == *id);
                compartment.map(|compartment| compartment.recipients.iter().collect())
            }
        };
        let stated: BTreeSet<&String> = set.recipients.iter().collect();
        let detail = match expected {
            None => format!("the policy has no compartment for the set {}", set.set),
            Some(expected) if expected == stated => continue,
            Some(expected) => format!(
                "the set {} is encrypted to {}; the policy names {}",
                set.set,
                joined(&stated),
                joined(&expected)
            ),
        };
        findings.push(about(FindingKind::Recipients, detail));
    }
}

fn joined(recipients: &BTreeSet<&String>) -> String {
    recipients.iter().map(|recipient| shown(recipient)).collect::<Vec<_>>().join(", ")
}

fn compare<K: Ord>(
    findings: &mut Vec<Finding>,
    what: &str,
    stated: &BTreeMap<K, u64>,
    found: &BTreeMap<K, u64>,
    unrecorded: u64,
    word: impl Fn(&K) -> String,
) {
    for key in stated.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
        let stated = stated.get(key).copied().unwrap_or(0);
        let found = found.get(key).copied().unwrap_or(0);
        if stated < found || stated.saturating_sub(found) > unrecorded {
            let detail = format!("{what} {}: {stated} stated, {found} found", word(key));
            findings.push(about(FindingKind::Count, detail));
        }
    }
}

fn about(kind: FindingKind, detail: impl Display) -> Finding {
    Finding { kind, item: String::new(), rule: String::new(), detail: detail.to_string() }
}

fn add_all<K: Ord>(to: &mut BTreeMap<K, u64>, from: BTreeMap<K, u64>) {
    for (key, more) in from {
        let count = to.entry(key).or_default();
        *count = count.saturating_add(more);
    }
}

fn count<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(1);
}

/// The word of a tier in records and counts.
pub(crate) fn tier_word(tier: Tier) -> &'static str {
    match tier {
        Tier::Excluded => "excluded",
        Tier::OutOfScope => "out-of-scope",
        Tier::Undetermined => "undetermined",
        Tier::Held => "held",
        Tier::Withheld => "withheld",
        Tier::WithheldAndHeld => "withheld-and-held",
        Tier::Included => "included",
    }
}
