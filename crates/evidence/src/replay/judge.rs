//! One record: decided again, and compared with what it says. Nothing here depends on another record.

use std::collections::BTreeSet;

use scope::facts::Look;
use scope::{Outcome, Policy, decide_from_metadata};

use super::finding::{Finding, FindingKind, called, shown};
use super::stated::{self, Tally};
use super::walked::{Range, Walked};
use super::{examined, limits, members, short_digest};
use crate::acquisition::{Acquisition, RecordLeft};
use crate::commit::{BatchKey, Commitments};
use crate::inventory::Line;
use crate::item::{Control, DecisionValue, Mismatch, Parts, Record, RecordError, Series};
use crate::ledger::{LedgerError, RawRow};

/// What every record is judged by. Any number of threads may judge at once.
pub(super) struct Judge<'a> {
    pub(super) policy: &'a Policy,
    pub(super) acquisition: &'a Acquisition,
    keyword_lists: Vec<String>,
    mail_selectors: Vec<String>,
    walked: Walked,
    /// The names of all parts that are stated, as objects name them.
    parts: BTreeSet<String>,
}

/// What some records, one after the other, came to.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) items: Vec<Item>,
    pub(super) records: Vec<Record>,
    pub(super) tally: Tally,
    /// Bytes of preserved content.
    pub(super) kept: u64,
    pub(super) ranges: Vec<Range>,
    pub(super) containers: Vec<members::Told>,
    pub(super) findings: Vec<Found>,
    /// Why the records end before the rows do.
    pub(super) error: Option<LedgerError>,
    /// The record in hand, counted from 1 over the whole ledger.
    number: u64,
}

/// What of a record must be unlike that of every other record.
pub(super) struct Item {
    pub(super) id: [u8; 16],
    pub(super) locator: [u8; 16],
    pub(super) line: Option<Line>,
    pub(super) control: Option<(Series, u64)>,
}

/// A finding, and where in the report it stands.
pub(super) struct Found {
    /// The record that it is about, from 1; 0 comes before all records, `u64::MAX` after them.
    pub(super) record: u64,
    pub(super) stage: Stage,
    pub(super) finding: Finding,
}

/// The order of the findings about one record.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Stage {
    /// Its line, id and locator.
    Line,
    /// Where it is.
    Place,
    /// Its control number.
    Control,
    /// All else.
    Rest,
}

impl<'a> Judge<'a> {
    pub(super) fn new(policy: &'a Policy, acquisition: &'a Acquisition) -> Self {
        let parts = acquisition
            .sets
            .iter()
            .flat_map(|set| set.parts.iter().map(|stated| set.set.part(stated.number)));
        Self {
            policy,
            acquisition,
            keyword_lists: policy.keyword_lists().iter().map(|list| list.id.to_owned()).collect(),
            mail_selectors: policy.mail_tests().iter().map(|(id, _)| (*id).to_owned()).collect(),
            walked: Walked::new(acquisition),
            parts: parts.collect(),
        }
    }

    /// Judges rows of a batch of key `key`; the first is record number `first`. `blind` is what locators are hashed with.
    pub(super) fn rows(&self, key: &BatchKey, blind: &BatchKey, rows: &[RawRow], first: u64) -> Judged {
        let mut judged = Judged { number: first, ..Judged::default() };
        for row in rows {
            match row.record() {
                Ok(record) => {
                    self.record(key, blind, &record, &mut judged);
                    judged.records.push(record);
                }
                Err(error) => {
                    judged.error = Some(error);
                    break;
                }
            }
            judged.number = judged.number.saturating_add(1);
        }
        judged
    }

    fn record(&self, key: &BatchKey, blind: &BatchKey, record: &Record, to: &mut Judged) {
        to.tally.records = to.tally.records.saturating_add(1);
        let parts = record.parts();
        let item = name_of(record, &parts);
        let decision = match &parts {
            Ok(parts) => Some(&parts.decision),
            Err(_) => None,
        };
        // Where the facts cannot be read, the decision may be: one finding for it, and it counts as what it says it is.
        let alone = decision.is_none().then(|| DecisionValue::parse(&record.decision).ok()).flatten();
        let decision = decision.or(alone.as_ref());
        let line = decision.map(|decision| Commitments::of(key, record).line(decision.outcome.clone()));
        let control = parts.as_ref().ok().and_then(|parts| parts.decision.control.as_ref());
        to.items.push(Item {
            id: record.id,
            locator: short_digest(&[&blind.0[..], record.locator.as_bytes()].concat()),
            line,
            control: control.map(|control| (control.series(), control.number())),
        });
        if let Some(decision) = decision {
            to.tally.add(decision);
        }
        match &parts {
            Err(error) => to.raise(kind_of(error), &item, &[], error.to_string()),
            Ok(parts) => {
                match self.walked.item(&item, &record.locator, &parts.facts) {
                    Ok(range) => to.ranges.extend(range),
                    Err(finding) => to.found(Stage::Place, finding),
                }
                for (kind, detail) in members::unsound(self.policy, &record.locator, &parts.facts) {
                    to.raise(kind, &item, &[], detail.to_owned());
                }
                let told = members::told(self.policy, &record.locator, &parts.facts, &parts.decision.outcome);
                to.containers.extend(told);
                self.parts_of(&item, parts, to);
            }
        }
    }

    fn parts_of(&self, item: &str, parts: &Parts, to: &mut Judged) {
        let Parts { facts, decision, object, .. } = parts;
        self.control(item, decision, to);
        if decision.policy != self.policy.id() {
            let detail = format!("decided under {}, not {}", decision.policy, self.policy.id());
            to.raise(FindingKind::Policy, item, &[], detail);
        }
        if decision.outcome == Outcome::Left && self.acquisition.record_left == RecordLeft::Counts {
            let detail = "a record of an item that was left, of which the policy keeps none".to_owned();
            to.raise(FindingKind::Extra, item, &decision.rules, detail);
        }
        if let Some(object) = object {
            to.kept = to.kept.saturating_add(object.size);
            self.object_part(item, &object.part, to);
        }
        let (extent, outcome) = (self.acquisition.extent, &decision.outcome);
        for finding in limits::beyond_target(self.policy, extent, item, facts, outcome) {
            to.found(Stage::Rest, finding);
        }
        let looks_differ = self.decide_again(item, parts, to);
        for detail in examined::unsound(facts, &self.keyword_lists, &self.mail_selectors) {
            to.raise(FindingKind::Fact, item, &[], detail);
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
            to.raise(kind, item, &decision.rules, mismatch.to_string());
        }
    }

    /// Decides from the recorded facts, and compares. Returns whether a finding about looks was raised.
    fn decide_again(&self, item: &str, parts: &Parts, to: &mut Judged) -> bool {
        let Parts { facts, trits, decision: recorded, .. } = parts;
        let undeclared = examined::undeclared(facts);
        if let Some(look) = undeclared {
            let detail =
                format!("there are facts of the look {}, which is not recorded as taken", look.word());
            to.raise(FindingKind::Look, item, &recorded.rules, detail);
        }
        let decision = match decide_from_metadata(self.policy, facts) {
            Ok(decision) => decision,
            Err(missing) => {
                to.raise(FindingKind::Look, item, &recorded.rules, missing.to_string());
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
            to.raise(FindingKind::Outcome, item, rules, format!("recorded {was}; the policy gives {is}"));
        }
        if decision.trits != *trits {
            let detail = format!("recorded {}; the policy gives {}", listed(trits), listed(&decision.trits));
            to.raise(FindingKind::Trits, item, &recorded.rules, detail);
        }
        let looks_differ = decision.looks != recorded.looks;
        if looks_differ {
            let (was, is) = (words(&recorded.looks), words(&decision.looks));
            let detail = format!("looked: {was}; the decision needs {is}");
            to.raise(FindingKind::Look, item, &recorded.rules, detail);
        }
        looks_differ || undeclared.is_some()
    }

    fn control(&self, item: &str, decision: &DecisionValue, to: &mut Judged) {
        let Some(control) = &decision.control else {
            return;
        };
        if !control.is_for(&self.acquisition.medium.label) {
            let detail = format!("the control number {control} belongs to another medium");
            to.raise(FindingKind::Fact, item, &[], detail);
        }
        if let Some(compartment) = wrong_compartment(self.policy, control, &decision.outcome) {
            let detail =
                format!("the control number {control} belongs to compartment {}", shown(&compartment));
            to.raise(FindingKind::Fact, item, &[], detail);
        }
    }

    /// The part that a record names is one that the acquisition states.
    fn object_part(&self, item: &str, part: &str, to: &mut Judged) {
        if !self.parts.contains(part) {
            let detail = format!("the object's part `{}` is not in the package", shown(part));
            to.raise(FindingKind::Fact, item, &[], detail);
        }
    }
}

impl Judged {
    fn raise(&mut self, kind: FindingKind, item: &str, rules: &[String], detail: String) {
        let rule = shown(&rules.join(","));
        self.found(Stage::Rest, Finding { kind, item: item.to_owned(), rule, detail });
    }

    fn found(&mut self, stage: Stage, finding: Finding) {
        self.findings.push(Found { record: self.number, stage, finding });
    }
}

/// What findings call a record.
pub(super) fn name_of(record: &Record, parts: &Result<Parts, RecordError>) -> String {
    match parts {
        Ok(parts) => called(&record.locator, &parts.facts),
        Err(_) => shown(&record.locator),
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
