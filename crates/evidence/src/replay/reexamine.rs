//! The ledger against the medium itself, or a sample of it.
//!
//! Implements `docs/spec/record.md`, section "Re-examination".
//!
//! Compared are the facts of the looks that both the ledger and the
//! re-examination took, the content of every preserved object, and what the
//! medium shows of itself. Left out are, as they change without anyone's doing:
//!
//! - of a mounted tree (volume `tree`): access times, which reading may move,
//!   and the allocated size, which file systems settle after the fact;
//! - the reason of a failure, though not that there was one;
//! - what the original does not give today and gave then: that item is told as not compared. Where the archive that holds the
//!   item contradicts it today, the original was read, and differs;
//! - what the record itself says could not be read then, and the original gives today: see [`unsaid`];
//! - what has no item that could say so, by the acquisition's word: see [`lists`].

mod content;
mod labels;
mod lists;
mod medium;
mod stated;
mod stop;
mod unopened;
mod unrecorded;
mod unsaid;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;

use scope::Decision;
use scope::facts::{Facts, Failure, Kind, Look};

use super::finding::{Finding, FindingKind, called, shown};
use super::short_digest;
use crate::item::{ObjectValue, Partial, Record, RecordError};
pub use content::Original;
use content::Preserved;
use labels::{
    CONTAINER, KIND_AND_PLACE, Label, MD5, NAME, OF_ONE_PLACE, SHA1, Short, bit, bits, digests,
    failure_label, look_of, look_word,
};
use lists::Lists;
use stated::Stated;
use stop::{Stop, Without};
use unopened::Unopened;
use unrecorded::was_left;
use unsaid::Claims;
pub use unsaid::Unsaid;

/// Compares ledger records with a re-examined medium, by locator.
///
/// First every record, then every re-examined item; about 600 bytes of memory per record.
#[derive(Debug, Default)]
pub struct Reexamination {
    recorded: HashMap<Box<str>, Recorded>,
    objects: Objects,
    unread: Unread,
    left: u64,
    /// Containers that were opened then and cannot be today.
    unopened: Unopened,
    unsaid: Unsaid,
    lists: Lists,
    /// Of lists that were not all read, items that the policy leaves without a record.
    left_of_lists: u64,
    /// Where the run stopped that met a limit; none of one that came to its end.
    stop: Option<Box<Stop>>,
    findings: Vec<Finding>,
}

/// How many preserved objects were compared with the content of the original.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Objects {
    /// Read to their end and compared; a difference is a finding.
    pub compared: u64,
    /// Of these, objects that have zeros where the medium gave nothing: there, nothing was compared.
    pub partial: u64,
    /// Of these, objects whose original gives bytes today where none could be read then.
    pub readable_now: u64,
    /// Not compared: the original cannot be read today where it could be read then.
    pub unreadable_now: u64,
}

/// Items that could not be compared in all that the ledger has of them, since the original cannot be read there today.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Unread {
    /// How many items: of their objects or of their facts.
    pub items: u64,
    /// The first of them, by locator, with what of them was not compared.
    pub first: Vec<String>,
    /// Items without a record that might be among those of which none is kept: what decides them cannot be read today.
    pub undecided: u64,
}

impl Unread {
    fn add(&mut self, what: String) {
        self.items = self.items.saturating_add(1);
        if self.first.len() < MAX_TOLD {
            self.first.push(what);
        }
    }
}

/// Most items that are told by locator.
const MAX_TOLD: usize = 1_000;

/// What stays in memory of a record.
#[derive(Debug)]
struct Recorded {
    kind: Kind,
    /// Sixteen bytes of the digest of each kind of fact that is there: finding a second fact for one of them takes
    /// 2^128 steps.
    facts: Box<[(Label, Short)]>,
    looks: u8,
    /// Of these, looks that failed, and not for what an archive says of itself.
    failed: u8,
    claims: Claims,
    /// Each fact by itself, where the record says that some were wanting.
    stated: Option<Box<Stated>>,
    /// What was decided, where the record was read whole.
    decided: Option<Short>,
    /// Whether something of it was not compared, since it could not be read then.
    excused: bool,
    met: bool,
    /// Not all of the item could be read then.
    partial: bool,
    /// Bytes that count against a limit of the policy: of its content, where it was kept.
    kept: u64,
    object: Option<Box<Preserved>>,
}

impl Reexamination {
    /// Nothing recorded, nothing compared.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a record.
    ///
    /// # Errors
    ///
    /// [`RecordError`] for a record whose facts cannot be read: the replay has a finding about it. Its item counts
    /// as recorded, and nothing of it is compared.
    pub fn record(&mut self, record: &Record) -> Result<(), RecordError> {
        match record.parts() {
            Ok(parts) => {
                self.recorded_item(&record.locator, &parts.facts, parts.object.as_ref());
                let decision = &parts.decision;
                let decided = decided(&decision.outcome, decision.tier, &decision.rules);
                if let Some(recorded) = self.recorded.get_mut(record.locator.as_str()) {
                    recorded.decided = Some(decided);
                    if decision.outcome.is_kept() {
                        recorded.kept = parts.facts.content_size().unwrap_or(0);
                    }
                }
            }
            Err(error) => {
                self.recorded.insert(record.locator.as_str().into(), Recorded::unreadable());
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes in a record by its locator, its facts and what was preserved.
    pub fn recorded_item(&mut self, locator: &str, facts: &Facts, object: Option<&ObjectValue>) {
        let claims = Claims::of(facts);
        self.unsaid.record(locator, facts, claims);
        let failed = facts.failures.iter().filter(|failure| !failure.is_of_archive());
        let recorded = Recorded {
            kind: facts.kind,
            facts: digests(facts).into_iter().collect(),
            looks: bits(&facts.looks),
            failed: failed.fold(0, |bits, failure| bits | bit(failure.look)),
            claims,
            stated: (claims.facts || [Kind::Deleted, Kind::Recovered].contains(&facts.kind))
                .then(|| Box::new(Stated::of(facts))),
            decided: None,
            excused: false,
            met: false,
            partial: Partial::of(facts, object).is_some(),
            kept: 0,
            object: object.map(|object| Box::new(Preserved::of(object))),
        };
        self.recorded.insert(locator.into(), recorded);
    }

    /// Whether a record has an MD5: then it is worth computing again.
    #[must_use]
    pub fn has_md5(&self) -> bool {
        self.has(MD5)
    }

    /// Whether a record has a SHA-1.
    #[must_use]
    pub fn has_sha1(&self) -> bool {
        self.has(SHA1)
    }

    fn has(&self, label: Label) -> bool {
        self.recorded.values().any(|recorded| recorded.facts.iter().any(|(found, _)| *found == label))
    }

    /// Whether the record says that not all of the item could be read then: see [`Partial`].
    #[must_use]
    pub fn is_partial(&self, locator: &str) -> bool {
        self.recorded.get(locator).is_some_and(|recorded| recorded.partial)
    }

    /// Whether the ledger has an object of the item, which [`Reexamination::object`] compares.
    #[must_use]
    pub fn has_object(&self, locator: &str) -> bool {
        self.recorded.get(locator).is_some_and(|recorded| recorded.object.is_some())
    }

    /// Compares the content of an item with the object that the ledger says was preserved of it.
    ///
    /// `open` is asked only where there is such an object. The content is read once and not kept. Where the original gives
    /// less today than then, the item is told as not compared: its digest is of all of its bytes together.
    pub fn object<'c>(
        &mut self,
        locator: &str,
        facts: &Facts,
        open: impl FnOnce() -> io::Result<Box<dyn Original + 'c>>,
    ) {
        let Some(object) = self.recorded.get(locator).and_then(|recorded| recorded.object.as_deref()) else {
            return;
        };
        let found = match object.of_original(open()) {
            Ok(found) => found,
            Err(why) => {
                self.objects.unreadable_now = self.objects.unreadable_now.saturating_add(1);
                self.unread.add(format!("{}: {why}", shown(locator)));
                return;
            }
        };
        let detail = (!object.is(&found)).then(|| {
            format!("the medium differs from the ledger in: object ({}; recorded: {object})", found.told())
        });
        let (partial, readable_now) = (object.is_partial(), found.readable_now);
        self.objects.compared = self.objects.compared.saturating_add(1);
        self.objects.partial = self.objects.partial.saturating_add(u64::from(partial));
        self.objects.readable_now = self.objects.readable_now.saturating_add(u64::from(readable_now));
        if let Some(detail) = detail {
            self.raise(FindingKind::Fact, called(locator, facts), detail);
        }
    }

    /// How many objects were compared so far.
    #[must_use]
    pub fn objects(&self) -> Objects {
        self.objects
    }

    /// What could not be compared so far.
    #[must_use]
    pub fn unread(&self) -> &Unread {
        &self.unread
    }

    /// What the record says could not be read then, so far.
    #[must_use]
    pub fn unsaid(&self) -> &Unsaid {
        &self.unsaid
    }

    /// Takes note of an item that is met on the way to others: of a folder without a record, whether the record says why.
    pub fn passed(&mut self, locator: &str, facts: &Facts) {
        if !self.recorded.contains_key(locator) {
            self.unsaid.covers(locator, facts, &mut self.recorded);
        }
    }

    /// Whether the ledger has a record of the item.
    #[must_use]
    pub fn has_record(&self, locator: &str) -> bool {
        self.recorded.contains_key(locator)
    }

    /// Takes note of an item without a record that the policy may leave: a look that its decision needs fails today.
    pub fn undecided(&mut self, locator: &str, facts: &Facts) {
        if let Some(why) = self.covered(locator, facts) {
            self.unsaid.add_unknown(locator, why);
            self.unsaid.left = self.unsaid.left.saturating_add(1);
            return;
        }
        if !self.is_open(locator, facts, Without::Undecided) {
            self.no_record_and_undecided(locator);
        }
    }

    fn no_record_and_undecided(&mut self, locator: &str) {
        self.unread.undecided = self.unread.undecided.saturating_add(1);
        let what = "it has no record, and what decides whether it needs one cannot be read today";
        self.unread.add(format!("{}: {what}", shown(locator)));
        self.unopened.insert(locator);
    }

    /// Compares an item of the medium, looked into as deep as the examiner of today wants.
    pub fn item(&mut self, locator: &str, facts: &Facts) {
        self.lists.met(locator, facts);
        let Some(recorded) = self.recorded.get_mut(locator) else {
            if let Some(why) = self.covered(locator, facts).or_else(|| self.was_left(locator, facts)) {
                return self.unsaid.add_unknown(locator, why);
            }
            if self.is_open(locator, facts, Without::Missing) {
                return;
            }
            let detail = format!("on the medium at {}, not in the ledger", shown(locator));
            return self.raise(FindingKind::Missing, called(locator, facts), detail);
        };
        recorded.met = true;
        let kept = recorded.kept;
        self.reached(facts, kept);
        let Some(recorded) = self.recorded.get(locator) else { return };
        let was: BTreeMap<Label, Short> = recorded.facts.iter().copied().collect();
        let (then, today) = (recorded.claims, Claims::of(facts));
        if then.node && !today.node {
            self.unsaid.cover_below(facts);
            return self.unsaid.add_unknown(locator, "what its name leads to could not be read then");
        }
        if today.node && !then.node {
            return self.unread.add(format!("{}: it cannot be read today", shown(locator)));
        }
        // Nameless then, since the folder that names it could not be read.
        let named = !facts.names.is_empty() && !was.contains_key(NAME);
        let covered = |unsaid: &Unsaid| facts.names.iter().all(|name| unsaid.is_covered(name, facts));
        if named
            && (covered(&self.unsaid)
                || was_left((&mut self.lists, &mut self.unsaid), locator, facts).is_some())
        {
            self.unsaid.is_another(locator);
            self.unsaid.cover_below(facts);
            self.excuse(locator);
            return self.unsaid.add(locator, "its folder could not be read then");
        }
        let found = digests(facts);
        // What its archive contradicts could be read, and is not what it was.
        let of_archive = |look: Look| {
            let mut failures = facts.failures.iter().filter(|failure| failure.look == look);
            failures.any(Failure::is_of_archive)
        };
        let both = recorded.looks & bits(&facts.looks);
        let one_failed = |look: Look, failed: &BTreeMap<Label, Short>, well: &BTreeMap<Label, Short>| {
            let label = failure_label(look);
            both & bit(look) != 0 && failed.contains_key(label) && !well.contains_key(label)
        };
        let deep = [Look::Type, Look::Hash, Look::Content];
        let fails_today = |look: &Look| one_failed(*look, &found, &was) && !of_archive(*look);
        let failed_then = |look: &Look| one_failed(*look, &was, &found) && recorded.failed_for_want(*look);
        let failed: Vec<Look> = deep.into_iter().filter(fails_today).collect();
        let wanting: Vec<Look> = deep.into_iter().filter(failed_then).collect();
        let both = failed.iter().chain(&wanting).fold(both, |both, look| both & !bit(*look));
        let metadata = then.facts == today.facts;
        let mut differ: BTreeSet<Label> = was
            .keys()
            .chain(found.keys())
            .filter(|label| both & bit(look_of(label)) != 0 && was.get(*label) != found.get(*label))
            .filter(|label| metadata || look_of(label) != Look::Metadata || KIND_AND_PLACE.contains(label))
            .filter(|label| {
                ![MD5, SHA1].contains(label) || was.contains_key(*label) && found.contains_key(*label)
            })
            .copied()
            .collect();
        // Of a list that was not all read, what is known of an entry may rest on others that are wanting.
        let of_list = !then.facts && !differ.is_empty() && self.lists.lacks_deleted(locator, recorded.kind);
        if of_list {
            differ
                .retain(|label| KIND_AND_PLACE.contains(label) && (*label != NAME || was.contains_key(NAME)));
        }
        // What is wanting is not compared. What is there is, each by itself.
        let in_part = then.facts || of_list;
        if let Some(stated) = recorded.stated.as_ref().filter(|_| in_part && !today.facts) {
            differ.extend(stated.unlike(facts));
        } else if today.facts && !then.facts {
            let both = |label: &Label| matches!((was.get(label), found.get(label)), (Some(was), Some(is)) if was != is);
            differ.extend(OF_ONE_PLACE.into_iter().filter(both));
        }
        let further = differ.contains(NAME) && {
            let mut known = facts.clone();
            known.names.retain(|name| !self.unsaid.is_covered(name, facts));
            known.names.len() < facts.names.len() && digests(&known).get(NAME) == was.get(NAME)
        };
        if further {
            differ.remove(NAME);
        }
        if !differ.is_empty() {
            let differ: Vec<Label> = differ.into_iter().collect();
            let detail = format!("the medium differs from the ledger in: {}", differ.join(", "));
            self.raise(FindingKind::Fact, called(locator, facts), detail);
        }
        if !failed.is_empty() {
            let words: Vec<&str> = failed.iter().map(|look| look_word(*look)).collect();
            let what = format!("{}: it cannot be read today for its {}", shown(locator), words.join(", "));
            self.unread.add(what);
            if failed.contains(&Look::Content) && was.contains_key(CONTAINER) {
                self.unopened.insert(locator);
            }
        } else if today.facts && !then.facts || today.names && !then.names {
            self.unread.add(format!("{}: not all of it can be read today", shown(locator)));
        }
        let mut unsaid: Vec<String> = Vec::new();
        if !wanting.is_empty() {
            let words: Vec<&str> = wanting.iter().map(|look| look_word(*look)).collect();
            unsaid.push(format!("it could not be read then for its {}", words.join(", ")));
        }
        if then.facts && !today.facts || of_list {
            unsaid.push("not all of it could be read then".to_owned());
        }
        if then.names && !today.names {
            unsaid.push("not all names in it could be read then".to_owned());
        }
        if further {
            unsaid.push("it has names in a folder that could not be read then".to_owned());
        }
        if !unsaid.is_empty() {
            self.excuse(locator);
            self.unsaid.add(locator, &unsaid.join("; "));
        }
    }

    /// Why nothing can be missing of an item without a record; of what lies beyond the run's stop that is known.
    fn covered(&mut self, locator: &str, facts: &Facts) -> Option<&'static str> {
        if self.is_past_stop() { None } else { self.excuses(locator, facts) }
    }

    /// Why an item that is to have a record, and lies before the run's stop, may have been left.
    fn was_left(&mut self, locator: &str, facts: &Facts) -> Option<&'static str> {
        if self.is_past_stop() { None } else { was_left((&mut self.lists, &mut self.unsaid), locator, facts) }
    }

    fn excuse(&mut self, locator: &str) {
        if let Some(recorded) = self.recorded.get_mut(locator) {
            recorded.excused = true;
        }
    }

    /// After an item was compared: what the policy decides of it today. Where something of the record was not compared, and
    /// the decision is another with what can be read today, nobody can say that the record agrees.
    pub fn decided(&mut self, locator: &str, decision: &Decision) {
        let Some(recorded) = self.recorded.get(locator).filter(|recorded| recorded.excused) else { return };
        if recorded
            .decided
            .is_some_and(|then| then != decided(&decision.outcome, decision.tier, &decision.rules))
        {
            self.unsaid.add_otherwise(locator);
        }
    }

    /// After the whole medium: also what the ledger has and the medium has not.
    #[must_use]
    pub fn finish(mut self) -> Vec<Finding> {
        let mut unmet: Vec<&str> = self
            .recorded
            .iter()
            .filter(|(_, recorded)| !recorded.met)
            .map(|(locator, _)| &**locator)
            .filter(|locator| !self.unopened.holds(locator) && !self.unsaid.is_of_another(locator))
            .collect();
        unmet.sort_unstable();
        for locator in unmet {
            self.findings.push(Finding {
                kind: FindingKind::Extra,
                item: shown(locator),
                rule: String::new(),
                detail: "in the ledger, not on the medium".to_owned(),
            });
        }
        self.findings
    }

    /// What was found since the last time, for a caller that goes item by item.
    #[must_use]
    pub fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }

    /// After a sample of the medium: items that were not drawn say nothing.
    #[must_use]
    pub fn finish_sample(self) -> Vec<Finding> {
        self.findings
    }

    fn raise(&mut self, kind: FindingKind, item: String, detail: String) {
        self.findings.push(Finding { kind, item, rule: String::new(), detail });
    }
}

/// Compares all records with a whole re-examined medium, given as locators and facts.
///
/// Under `record.left = "counts"` items that were left have no record and would come out as missing: give those to
/// [`Reexamination::left_item`] instead. What cannot be read today is a finding here.
#[must_use]
pub fn match_medium<'r>(
    records: impl IntoIterator<Item = &'r Record>,
    medium: impl IntoIterator<Item = (String, Facts)>,
) -> Vec<Finding> {
    let mut reexamination = Reexamination::new();
    for record in records {
        if let Err(error) = reexamination.record(record) {
            reexamination.raise(FindingKind::Fact, shown(&record.locator), error.to_string());
        }
    }
    medium.into_iter().for_each(|(locator, facts)| reexamination.item(&locator, &facts));
    for what in std::mem::take(&mut reexamination.unread.first) {
        reexamination.raise(FindingKind::Fact, String::new(), what);
    }
    reexamination.finish()
}

impl Recorded {
    /// A record of which nothing can be compared.
    fn unreadable() -> Self {
        Self {
            kind: Kind::Other,
            facts: Box::default(),
            looks: 0,
            failed: 0,
            claims: Claims::default(),
            stated: None,
            decided: None,
            excused: false,
            met: false,
            partial: false,
            kept: 0,
            object: None,
        }
    }

    /// Whether a look failed since bytes were wanting. An object that has every byte says that none were.
    fn failed_for_want(&self, look: Look) -> bool {
        self.failed & bit(look) != 0 && self.object.as_ref().is_none_or(|object| object.is_amiss())
    }

    /// Whether this is an archive that was to be opened and could not be read.
    fn was_not_opened(&self) -> bool {
        let opened = self.facts.iter().any(|(label, _)| *label == CONTAINER);
        self.failed_for_want(Look::Content) && !opened
    }
}

fn decided(outcome: &scope::Outcome, tier: scope::Tier, rules: &[String]) -> Short {
    let rules: String = rules.iter().map(|rule| format!("\0{rule}")).collect();
    short_digest(format!("{outcome}\0{tier:?}{rules}").as_bytes())
}

#[cfg(test)]
mod tests;
