//! The ledger against the medium itself, or a sample of it.
//!
//! Implements `docs/spec/record.md`, section "Re-examination".
//!
//! Compared are the facts of the looks that both the ledger and the
//! re-examination took. Left out are, as they change without anyone's doing:
//!
//! - of a mounted tree (volume `tree`): access times, which reading may move,
//!   and the allocated size, which file systems settle after the fact;
//! - the reason of a failure, though not that there was one.

use std::collections::{BTreeMap, HashMap};

use scope::Digest;
use scope::facts::{Fact, Facts, Look, Stamp, TimeKind};

use super::finding::{Finding, FindingKind, called, shown};
use crate::item::{Record, RecordError};

/// The volume of a mounted tree.
const TREE: &str = "tree";

/// Compares ledger records with a re-examined medium, by locator.
///
/// First every record, then every re-examined item; about 250 bytes of memory per record.
#[derive(Debug, Default)]
pub struct Reexamination {
    recorded: HashMap<Box<str>, Recorded>,
    findings: Vec<Finding>,
}

/// What stays in memory of a record.
#[derive(Debug)]
struct Recorded {
    /// A 64-bit digest of each kind of fact that is there. A forger who finds a second fact of one digest (2^64
    /// steps) has gained one fact of one item; the recorded one stays signed.
    facts: Box<[(Label, u64)]>,
    looks: u8,
    met: bool,
}

/// A kind of fact, as a finding names it.
type Label = &'static str;

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
            Ok(parts) => self.recorded_facts(&record.locator, &parts.facts),
            Err(error) => {
                self.recorded.insert(record.locator.as_str().into(), Recorded::unreadable());
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes in a record by its locator and facts.
    pub fn recorded_facts(&mut self, locator: &str, facts: &Facts) {
        let recorded =
            Recorded { facts: digests(facts).into_iter().collect(), looks: bits(&facts.looks), met: false };
        self.recorded.insert(locator.into(), recorded);
    }

    /// Compares an item of the medium, looked into as deep as the examiner of today wants.
    pub fn item(&mut self, locator: &str, facts: &Facts) {
        let Some(recorded) = self.recorded.get_mut(locator) else {
            let detail = format!("on the medium at {}, not in the ledger", shown(locator));
            self.raise(FindingKind::Missing, called(locator, facts), detail);
            return;
        };
        recorded.met = true;
        let both = recorded.looks & bits(&facts.looks);
        let found = digests(facts);
        let was: BTreeMap<Label, u64> = recorded.facts.iter().copied().collect();
        let differ: Vec<Label> = was
            .keys()
            .chain(found.keys())
            .filter(|label| both & bit(look_of(label)) != 0 && was.get(*label) != found.get(*label))
            .copied()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        if !differ.is_empty() {
            let detail = format!("the medium differs from the ledger in: {}", differ.join(", "));
            self.raise(FindingKind::Fact, called(locator, facts), detail);
        }
    }

    /// As [`Reexamination::item`], for an item that the policy leaves, under `record.left = "counts"`.
    ///
    /// No record of it is kept, so none is missing. Returns whether the ledger has one all the same.
    pub fn left_item(&mut self, locator: &str, facts: &Facts) -> bool {
        let recorded = self.recorded.contains_key(locator);
        if recorded {
            self.item(locator, facts);
        }
        recorded
    }

    /// After the whole medium: also what the ledger has and the medium has not.
    #[must_use]
    pub fn finish(mut self) -> Vec<Finding> {
        let mut unmet: Vec<&str> = self
            .recorded
            .iter()
            .filter(|(_, recorded)| !recorded.met)
            .map(|(locator, _)| &**locator)
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
/// [`Reexamination::left_item`] instead.
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
    reexamination.finish()
}

impl Recorded {
    /// A record of which nothing can be compared.
    fn unreadable() -> Self {
        Self { facts: Box::default(), looks: 0, met: false }
    }
}

/// One digest per kind of fact: several names or times are one.
fn digests(facts: &Facts) -> BTreeMap<Label, u64> {
    let tree = facts.volume == TREE;
    let mut texts: BTreeMap<Label, Vec<u8>> = BTreeMap::new();
    for fact in facts.to_list() {
        if let Some((label, text)) = compared(&fact, tree) {
            let bytes = texts.entry(label).or_default();
            bytes.extend_from_slice(&text);
            bytes.push(b'\n'); // no JSON value of ours holds a line feed
        }
    }
    texts.into_iter().map(|(label, text)| (label, short(&text))).collect()
}

/// The label and text of a fact, if it is one that is compared.
fn compared(fact: &Fact, tree: bool) -> Option<(Label, Vec<u8>)> {
    let label = match fact {
        Fact::Volume(_) => "volume",
        Fact::CaseRule(_) => "case-rule",
        Fact::Node(_) => "node",
        Fact::Kind(_) => "kind",
        Fact::Name(_) => "name",
        Fact::Links(_) => "links",
        Fact::Size(_) => "size",
        Fact::Allocated(_) if tree => return None,
        Fact::Allocated(_) => "allocated",
        Fact::Time(Stamp { of: TimeKind::Accessed, .. }) if tree => return None,
        Fact::Time(stamp) => time_label(stamp.of),
        Fact::Uid(_) => "uid",
        Fact::Gid(_) => "gid",
        Fact::Sid(_) => "sid",
        Fact::Mode(_) => "mode",
        Fact::LinkTarget(_) => "link-target",
        Fact::Attribute(_) => "attribute",
        Fact::Type(_) => "type",
        Fact::Hash(hash) => return Some(("hash", hash.sha256.0.to_vec())), // MD5 and SHA-1 are optional extras
        Fact::Keywords(_) => "keywords",
        Fact::Failure(failure) => return Some((failure_label(failure.look), Vec::new())),
        Fact::Looks(_) => return None,
    };
    // Facts hold strings, integers and booleans alone: writing them cannot fail.
    Some((label, serde_json::to_vec(fact).unwrap_or_default()))
}

fn time_label(of: TimeKind) -> Label {
    match of {
        TimeKind::Modified => "time modified",
        TimeKind::Accessed => "time accessed",
        TimeKind::Changed => "time changed",
        TimeKind::Created => "time created",
        TimeKind::MessageDate => "time message_date",
    }
}

fn failure_label(look: Look) -> Label {
    match look {
        Look::Metadata => "failure of metadata",
        Look::Type => "failure of type",
        Look::Hash => "failure of hash",
        Look::Content => "failure of content",
    }
}

fn look_of(label: Label) -> Look {
    match label {
        "type" | "failure of type" => Look::Type,
        "hash" | "failure of hash" => Look::Hash,
        "keywords" | "failure of content" => Look::Content,
        _ => Look::Metadata,
    }
}

fn bits(looks: &[Look]) -> u8 {
    looks.iter().fold(0, |bits, look| bits | bit(*look))
}

fn bit(look: Look) -> u8 {
    match look {
        Look::Metadata => 1,
        Look::Type => 2,
        Look::Hash => 4,
        Look::Content => 8,
    }
}

fn short(bytes: &[u8]) -> u64 {
    let Digest([a, b, c, d, e, f, g, h, ..]) = Digest::of(bytes);
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests;
