//! The auditor's replay: facts, trits, outcome.
//!
//! Implements `docs/spec/record.md`, section "Replay".
//!
//! ```text
//! every ledger part    its records, its batch's key K, the run key's signature
//! every record         policy + recorded facts  ->  trits, outcome, rules, looks: as recorded?
//! every record         K + record               ->  a line of the inventory, not met before
//! every line           met by a record
//! ```
//!
//! Memory grows with the number of items, by small constants: 33 bytes for each
//! line of the inventory, and about 80 for each record (its id, a digest of its
//! locator, its control number). Findings are kept whole.
//!
//! [`Reexamination`] compares the ledger with the medium itself, or with a
//! sample of it.

mod examined;
mod finding;
mod limits;
mod reexamine;
#[cfg(test)]
mod remnant_tests;
mod stated;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod walked;

use std::collections::HashSet;
use std::io::Read;

use scope::facts::Look;
use scope::{Digest, Outcome, Policy, decide_from_metadata};

pub use finding::{Finding, FindingKind};
pub use reexamine::{Objects, Reexamination, match_medium};

use crate::acquisition::{Acquisition, RecordLeft, SetName};
use crate::commit::{self, BatchKey};
use crate::inventory::{Inventory, Tick, Ticks};
use crate::item::{Control, DecisionValue, Mismatch, Parts, Record, RecordError, Series};
use crate::ledger::{LedgerError, LedgerReader, SignedLedger};
use crate::manifest::{Binding, BindingError};
use finding::{called, shown};
use stated::Tally;
use walked::Walked;

/// Replays the ledger of one package.
///
/// Give it every part in order, then ask it to [`finish`](Replay::finish).
#[derive(Debug)]
pub struct Replay<'a> {
    policy: &'a Policy,
    acquisition: &'a Acquisition,
    binding: Binding,
    inventory: &'a Inventory,
    ticks: Ticks<'a>,
    ids: HashSet<[u8; 16]>,
    locators: HashSet<[u8; 16]>,
    controls: HashSet<(Series, u64)>,
    keyword_lists: Vec<String>,
    tally: Tally,
    walked: Walked,
    kept: u64,
    parts: usize,
    failed: bool,
    interrupted: bool,
    findings: Vec<Finding>,
}

/// What a replay of a whole ledger came to. Only [`Replay::finish`] gives one.
#[derive(Debug)]
pub struct Replayed {
    /// Everything that is not as it must be; empty where every decision follows.
    pub findings: Vec<Finding>,
    /// How many records were replayed.
    pub records: u64,
    /// Items left of which the policy keeps no record: nobody can replay their decisions.
    pub unrecorded: u64,
}

/// Why a ledger could not be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// A part cannot be read, belongs elsewhere, or is not signed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// More parts were given than the acquisition states, or not all, or one of them could not be used.
    #[error("{replayed} of {stated} ledger parts were replayed")]
    Parts {
        /// How many could be replayed.
        replayed: usize,
        /// How many the acquisition states.
        stated: usize,
    },
}

impl<'a> Replay<'a> {
    /// Begins a replay: compares what the acquisition states with the policy and the inventory.
    #[must_use]
    pub fn new(policy: &'a Policy, acquisition: &'a Acquisition, inventory: &'a Inventory) -> Self {
        Self {
            policy,
            acquisition,
            binding: Binding::of(acquisition),
            inventory,
            ticks: Ticks::new(inventory),
            ids: HashSet::new(),
            locators: HashSet::new(),
            controls: HashSet::new(),
            keyword_lists: policy.keyword_lists().iter().map(|list| list.id.to_owned()).collect(),
            tally: Tally::default(),
            walked: Walked::new(acquisition),
            kept: 0,
            parts: 0,
            failed: false,
            interrupted: false,
            findings: [
                stated::against_policy(policy, acquisition, inventory),
                walked::beyond_order(policy, acquisition),
                walked::unfounded(acquisition),
            ]
            .concat(),
        }
    }

    /// The run was ended before the walk was: what was not reached is missing, and no finding.
    pub fn interrupted(&mut self) {
        self.interrupted = true;
    }

    /// Replays the next part of the ledger, from its decrypted and unpacked bytes.
    ///
    /// `each` is handed every record, before it is known to be signed: what it makes of them may be used only
    /// once [`Replay::finish`] has succeeded.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] if the part cannot be read, belongs elsewhere or is not signed by the run key. The replay
    /// then cannot be finished.
    pub fn part(
        &mut self,
        source: impl Read,
        each: impl FnMut(&Record),
    ) -> Result<SignedLedger, ReplayError> {
        let signed = self.replay_part(source, each);
        self.failed |= signed.is_err();
        signed
    }

    /// Ends the replay: lines without a record, and the counts.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Parts`] unless every part of the ledger was given and could be replayed.
    pub fn finish(mut self) -> Result<Replayed, ReplayError> {
        let stated = self.ledger_parts();
        if self.failed || self.parts != stated {
            return Err(ReplayError::Parts { replayed: self.parts, stated });
        }
        let unrecorded = self.unrecorded();
        self.missing();
        let counted = self.tally.against(self.acquisition, unrecorded);
        self.findings.extend(counted);
        if !self.interrupted {
            self.findings.extend(std::mem::take(&mut self.walked).finish(self.acquisition));
        }
        self.findings.extend(limits::exceeded(self.policy, self.inventory.len(), self.kept));
        Ok(Replayed { findings: self.findings, records: self.tally.records, unrecorded })
    }

    fn replay_part(
        &mut self,
        source: impl Read,
        mut each: impl FnMut(&Record),
    ) -> Result<SignedLedger, ReplayError> {
        let mut reader = LedgerReader::new(source)?;
        let key = reader.header().k.clone();
        while let Some(record) = reader.next_record()? {
            self.record(&key, &record);
            each(&record);
        }
        let ledger = self.acquisition.sets.iter().find(|set| set.set == SetName::Ledger);
        let Some(part) = ledger.and_then(|set| set.parts.get(self.parts)) else {
            return Err(ReplayError::Parts {
                replayed: self.parts.saturating_add(1),
                stated: self.ledger_parts(),
            });
        };
        let signed = reader.finish(&self.binding, part.number)?;
        BindingError::unless_equal("batch", part.batch, signed.header().batch).map_err(LedgerError::from)?;
        self.parts = self.parts.saturating_add(1);
        Ok(signed)
    }

    fn ledger_parts(&self) -> usize {
        self.acquisition.sets.iter().filter(|set| set.set == SetName::Ledger).map(|set| set.parts.len()).sum()
    }

    fn record(&mut self, key: &BatchKey, record: &Record) {
        self.tally.records = self.tally.records.saturating_add(1);
        let parts = record.parts();
        let item = match &parts {
            Ok(parts) => called(&record.locator, &parts.facts),
            Err(_) => shown(&record.locator),
        };
        self.one_line(key, record, &item);
        match parts {
            Err(error) => {
                // One finding for it: it counts as what it says it is.
                let _ = DecisionValue::parse(&record.decision).map(|decision| self.tally.add(&decision));
                self.raise(kind_of(&error), &item, &[], error.to_string());
            }
            Ok(parts) => {
                self.tally.add(&parts.decision);
                self.findings.extend(self.walked.item(&item, &record.locator, &parts.facts));
                self.parts_of(&item, &parts);
            }
        }
    }

    /// The record has a line of its own, and an id and a locator that no other record has.
    fn one_line(&mut self, key: &BatchKey, record: &Record, item: &str) {
        let id_is_new = self.ids.insert(record.id);
        let locator_is_new = self.locators.insert(short_digest(record.locator.as_bytes()));
        let again = match (id_is_new, locator_is_new) {
            (true, true) => None,
            (false, true) => Some("another record has this id"),
            (true, false) => Some("another record has this locator"),
            (false, false) => Some("another record has this id and this locator"),
        };
        if let Some(again) = again {
            self.raise(FindingKind::Duplicate, item, &[], again.to_owned());
        }
        let Ok(line) = commit::line(key, record) else {
            return; // the decision cannot be read, and that is a finding already
        };
        match self.ticks.tick(&line) {
            Tick::First => {}
            Tick::Again if again.is_some() => {} // the same record twice has the same line: said above
            Tick::Again => {
                self.raise(FindingKind::Duplicate, item, &[], "another record has this line".to_owned());
            }
            Tick::Absent => {
                let detail = format!("the record's line `{line}` is not in the inventory");
                self.raise(FindingKind::Extra, item, &[], detail);
            }
        }
    }

    fn parts_of(&mut self, item: &str, parts: &Parts) {
        let Parts { facts, decision, object, .. } = parts;
        self.control(item, decision);
        if decision.policy != self.policy.id() {
            let detail = format!("decided under {}, not {}", decision.policy, self.policy.id());
            self.raise(FindingKind::Policy, item, &[], detail);
        }
        if decision.outcome == Outcome::Left && self.acquisition.record_left == RecordLeft::Counts {
            let detail = "a record of an item that was left, of which the policy keeps none".to_owned();
            self.raise(FindingKind::Extra, item, &decision.rules, detail);
        }
        if let Some(object) = object {
            self.kept = self.kept.saturating_add(object.size);
            self.object_part(item, &object.part);
        }
        let (extent, outcome) = (self.acquisition.extent, &decision.outcome);
        self.findings.extend(limits::beyond_target(self.policy, extent, item, facts, outcome));
        let looks_differ = self.decide_again(item, parts);
        for detail in examined::unsound(facts, &self.keyword_lists) {
            self.raise(FindingKind::Fact, item, &[], detail);
        }
        for mismatch in crate::item::mismatches(facts, decision, object.as_ref()) {
            let kind = match mismatch {
                // Said already, with the looks that the decision needs.
                Mismatch::Looks if looks_differ => continue,
                Mismatch::Looks => FindingKind::Look,
                Mismatch::ObjectMissing { .. } => FindingKind::Missing,
                Mismatch::ObjectTaken { .. } => FindingKind::Extra,
                _ => FindingKind::Fact,
            };
            self.raise(kind, item, &decision.rules, mismatch.to_string());
        }
    }

    /// Decides from the recorded facts, and compares. Returns whether a finding about looks was raised.
    fn decide_again(&mut self, item: &str, parts: &Parts) -> bool {
        let Parts { facts, trits, decision: recorded, .. } = parts;
        let undeclared = examined::undeclared(facts);
        if let Some(look) = undeclared {
            let detail =
                format!("there are facts of the look {}, which is not recorded as taken", look.word());
            self.raise(FindingKind::Look, item, &recorded.rules, detail);
        }
        let decision = match decide_from_metadata(self.policy, facts) {
            Ok(decision) => decision,
            Err(missing) => {
                self.raise(FindingKind::Look, item, &recorded.rules, missing.to_string());
                return true;
            }
        };
        if decision.outcome != recorded.outcome
            || decision.tier != recorded.tier
            || decision.rules != recorded.rules
        {
            let was = described(&recorded.outcome, recorded.tier, &recorded.rules);
            let is = described(&decision.outcome, decision.tier, &decision.rules);
            let rules = if decision.rules.is_empty() { &recorded.rules } else { &decision.rules };
            self.raise(FindingKind::Outcome, item, rules, format!("recorded {was}; the policy gives {is}"));
        }
        if decision.trits != *trits {
            let detail = format!("recorded {}; the policy gives {}", listed(trits), listed(&decision.trits));
            self.raise(FindingKind::Trits, item, &recorded.rules, detail);
        }
        let looks_differ = decision.looks != recorded.looks;
        if looks_differ {
            let (was, is) = (words(&recorded.looks), words(&decision.looks));
            let detail = format!("looked: {was}; the decision needs {is}");
            self.raise(FindingKind::Look, item, &recorded.rules, detail);
        }
        looks_differ || undeclared.is_some()
    }

    fn control(&mut self, item: &str, decision: &DecisionValue) {
        let Some(control) = &decision.control else {
            return;
        };
        if !self.controls.insert((control.series(), control.number())) {
            let detail = format!("the control number {control} is given twice");
            self.raise(FindingKind::Duplicate, item, &[], detail);
        }
        if !control.is_for(&self.binding.medium) {
            let detail = format!("the control number {control} belongs to another medium");
            self.raise(FindingKind::Fact, item, &[], detail);
        }
        if let Some(compartment) = wrong_compartment(self.policy, control, &decision.outcome) {
            let detail =
                format!("the control number {control} belongs to compartment {}", shown(&compartment));
            self.raise(FindingKind::Fact, item, &[], detail);
        }
    }

    /// The part that a record names is one that the acquisition states.
    fn object_part(&mut self, item: &str, part: &str) {
        let known = |set: &crate::acquisition::SetStatement| {
            set.parts.iter().any(|stated| set.set.part(stated.number) == part)
        };
        if !self.acquisition.sets.iter().any(known) {
            let detail = format!("the object's part `{}` is not in the package", shown(part));
            self.raise(FindingKind::Fact, item, &[], detail);
        }
    }

    /// Lines that no record met.
    fn missing(&mut self) {
        for outcome in self.inventory.outcomes() {
            if *outcome == Outcome::Left && self.acquisition.record_left == RecordLeft::Counts {
                continue;
            }
            for digest in self.ticks.unmet(outcome) {
                self.findings.push(Finding {
                    kind: FindingKind::Missing,
                    item: format!("{outcome} {}", digest.hex()),
                    rule: String::new(),
                    detail: "the ledger has no record of this line".to_owned(),
                });
            }
        }
    }

    /// Lines of items that were left, of which the policy keeps no record.
    fn unrecorded(&self) -> u64 {
        match self.acquisition.record_left {
            RecordLeft::Facts => 0,
            RecordLeft::Counts => u64::try_from(self.ticks.unmet(&Outcome::Left).count()).unwrap_or(u64::MAX),
        }
    }

    fn raise(&mut self, kind: FindingKind, item: &str, rules: &[String], detail: String) {
        let rule = shown(&rules.join(","));
        self.findings.push(Finding { kind, item: item.to_owned(), rule, detail });
    }
}

/// The compartment whose numbers these are, if the outcome is about another.
pub(crate) fn wrong_compartment(policy: &Policy, control: &Control, outcome: &Outcome) -> Option<String> {
    let (Series::Held(number), Outcome::Held(held)) = (control.series(), outcome) else {
        return None;
    };
    let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let compartment = index.and_then(|index| policy.compartments().get(index)).map(|found| &found.id);
    match compartment {
        Some(id) if id == held => None,
        Some(id) => Some(id.clone()),
        None => Some(format!("number {number}, which the policy does not have")),
    }
}

fn kind_of(error: &RecordError) -> FindingKind {
    match error {
        RecordError::Trits => FindingKind::Trits,
        RecordError::Value { field, .. } if field == "trits" => FindingKind::Trits,
        _ => FindingKind::Fact,
    }
}

/// Sixteen bytes stand for a locator: two locators that share them cannot be found by any search we know of
/// below 2^64 steps, and all that it would gain is a false finding.
fn short_digest(bytes: &[u8]) -> [u8; 16] {
    let Digest(digest) = Digest::of(bytes);
    let mut short = [0; 16];
    short.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    short
}

fn described(outcome: &Outcome, tier: scope::Tier, rules: &[String]) -> String {
    let by = if rules.is_empty() { String::new() } else { format!(" by {}", shown(&rules.join(", "))) };
    format!("{outcome} ({}{by})", stated::tier_word(tier))
}

fn listed(trits: &[String]) -> String {
    match trits {
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
        [] => "none".to_owned(),
    }
}

fn words(looks: &[Look]) -> String {
    looks.iter().map(|look| look.word()).collect::<Vec<_>>().join(", ")
}
