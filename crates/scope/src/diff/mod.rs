//! Comparing two versions of a policy: who gains what, and whether the later is narrower.
//!
//! Implements `docs/spec/policy.md`, "Comparing two policies". Nothing is looked
//! at but the two policies: all items that they can tell apart are gone through,
//! with every fact that can be unknown. So *narrower* is a statement about every
//! medium. Whatever cannot be worked out makes the answer worse, never better.
//!
//! ```text
//! X-2 is new: exclude /home/*/private/**     narrower: what was captured there is left
//! H-2 is new: hold /srv/mail/** for filter   different: its compartment gains content that the case team loses
//! ```

mod causes;
mod cells;
mod containers;
mod fields;
mod items;
mod meaning;
mod provisions;
mod published;
mod rows;
mod searched;
mod sentences;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::policy::Policy;
use crate::render::Language;
use cells::Sort;
use items::Move;
use rows::{Fate, Why};

pub use causes::Cause;
pub use sentences::Change;

/// What the later of two policies is, beside the earlier.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Nobody gains or loses anything; the words may differ.
    Same,
    /// It adds nothing for anyone, and what must stay has stayed.
    Narrower,
    /// It adds, and takes nothing away.
    Wider,
    /// It adds and takes away, or changes something that is neither.
    Different,
    /// It adds nothing that was found, and not all of it could be worked out.
    CannotBeSaid,
}

impl Verdict {
    /// The words shown to people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Same => "the same",
            Self::Narrower => "narrower",
            Self::Wider => "wider",
            Self::Different => "different",
            Self::CannotBeSaid => "cannot be said",
        }
    }
}

/// Who can gain or lose something.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Audience {
    /// Those who open the captured set and read the withholding log.
    CaseTeam,
    /// Those who open one compartment.
    Compartment(String),
    /// The auditor and the court, who open the ledger.
    AuditorAndCourt,
    /// Whoever reads the inventory and the policy.
    Public,
    /// Those who carry it out: what they may look at, and when.
    Examiners,
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaseTeam => f.write_str("case team"),
            Self::Compartment(id) => write!(f, "compartment {id}"),
            Self::AuditorAndCourt => f.write_str("auditor and court"),
            Self::Public => f.write_str("public"),
            Self::Examiners => f.write_str("examiners"),
        }
    }
}

/// Which way a finding points.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Way {
    /// The audience gains it.
    Adds,
    /// It is neither more nor less; a later policy that is narrower leaves it as it was.
    Changes,
    /// It could not be worked out.
    Unsaid,
    /// The audience loses it.
    Removes,
}

impl Way {
    /// The word shown to people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Adds => "adds",
            Self::Changes => "changes",
            Self::Unsaid => "not worked out",
            Self::Removes => "removes",
        }
    }
}

/// One thing in which the policies differ, for one audience.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Finding {
    /// Whether it is gained, lost, or neither.
    pub way: Way,
    /// By whom.
    pub audience: Audience,
    /// What it is.
    pub what: String,
    /// The rules that lead to it, and through what: `include I-1 reads otherwise, by `in-window``.
    pub because: Vec<String>,
}

/// What differs between two policies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// What the later one is.
    pub verdict: Verdict,
    /// Why, in the order of [`Way`] and [`Audience`].
    pub findings: Vec<Finding>,
    /// The selectors that read otherwise, each with what it said and says.
    pub causes: Vec<Cause>,
    /// The sentences of the plain-language form that differ, in their order.
    pub sentences: Vec<Change>,
}

/// Compares a policy with a later one.
#[must_use]
pub fn diff(before: &Policy, after: &Policy) -> Difference {
    diff_in(before, after, Language::English)
}

/// Compares a policy with a later one; the sentences of both are in a language, the findings in English.
#[must_use]
pub fn diff_in(before: &Policy, after: &Policy, language: Language) -> Difference {
    let mut findings = provisions::compare(before, after);
    let decides_alike = meaning::same_rules(before, after);
    if !cells::read_alike(before, after) {
        // The finding of the provision stands for what it does to the items.
    } else if !decides_alike {
        match items::moves(before, after) {
            Some(moves) => {
                for (own, effects) in &moves {
                    let first = findings.len();
                    of_move(before, after, own, &mut findings);
                    let because = causes::because(before, after, *effects);
                    for finding in findings.iter_mut().skip(first) {
                        finding.because.clone_from(&because);
                    }
                }
                let opens = |policy: &Policy| policy.target().containers.is_some();
                if opens(before) || opens(after) {
                    let what = "where containers are opened, what the rules make of one decides whether its members are reached, and they whether it is captured whole";
                    add(&mut findings, Way::Unsaid, Audience::CaseTeam, what.to_owned());
                }
                if !moves.is_empty() && (before.limits().bytes.is_some() || after.limits().bytes.is_some()) {
                    let what = "with a limit of bytes, what is kept of earlier items decides which later ones are reached";
                    add(&mut findings, Way::Unsaid, Audience::CaseTeam, what.to_owned());
                }
            }
            None => {
                let what = "the rules tell more items apart than can be gone through";
                add(&mut findings, Way::Unsaid, Audience::CaseTeam, what.to_owned());
            }
        }
    }
    Difference {
        verdict: verdict(&findings),
        findings: merged(findings),
        causes: causes::causes(before, after, language),
        sentences: sentences::changes(before, after, language),
    }
}

/// Each finding once, with all that leads to it.
fn merged(findings: Vec<Finding>) -> Vec<Finding> {
    let mut merged: BTreeMap<(Way, Audience, String), BTreeSet<String>> = BTreeMap::new();
    for own in findings {
        merged.entry((own.way, own.audience, own.what)).or_default().extend(own.because);
    }
    let finding = |((way, audience, what), because): (_, BTreeSet<String>)| Finding {
        way,
        audience,
        what,
        because: because.into_iter().collect(),
    };
    merged.into_iter().map(finding).collect()
}

fn verdict(findings: &[Finding]) -> Verdict {
    let has = |way| findings.iter().any(|own| own.way == way);
    match (has(Way::Adds), has(Way::Removes), has(Way::Changes), has(Way::Unsaid)) {
        (true, false, false, false) => Verdict::Wider,
        (true, ..) | (false, _, true, _) => Verdict::Different,
        (false, _, false, true) => Verdict::CannotBeSaid,
        (false, true, false, false) => Verdict::Narrower,
        (false, false, false, false) => Verdict::Same,
    }
}

fn add(findings: &mut Vec<Finding>, way: Way, audience: Audience, what: String) {
    findings.push(Finding { way, audience, what, because: Vec::new() });
}

/// Who sees the content of an item, and its name.
fn sees(policy: &Policy, fate: Fate) -> (Option<Audience>, Option<Audience>) {
    let compartment = |at: usize| {
        let id = policy.compartments().get(at).map_or_else(String::new, |own| own.id.clone());
        Some(Audience::Compartment(id))
    };
    match fate {
        Fate::Captured => (Some(Audience::CaseTeam), Some(Audience::CaseTeam)),
        Fate::Held(at) => (compartment(at), compartment(at)),
        Fate::Listed => (None, Some(Audience::CaseTeam)),
        Fate::ListedTo(at) => (None, compartment(at)),
        Fate::Left(_) => (None, None),
    }
}

fn words(policy: &Policy, fate: Fate) -> String {
    let id = |at: usize| policy.compartments().get(at).map_or("", |own| own.id.as_str());
    match fate {
        Fate::Captured => "captured".to_owned(),
        Fate::Held(at) => format!("held for {}", id(at)),
        Fate::Listed => "listed".to_owned(),
        Fate::ListedTo(at) => format!("listed to {}", id(at)),
        Fate::Left(Why::Excluded) => "left as excluded".to_owned(),
        Fate::Left(Why::OutOfScope) => "left as out of scope".to_owned(),
        Fate::Left(Why::Undetermined) => "left as undetermined".to_owned(),
    }
}

/// What one way of faring differently means to whom.
fn of_move(before: &Policy, after: &Policy, own: &Move, findings: &mut Vec<Finding>) {
    let items = match own.sort {
        Sort::AsRules => "items",
        Sort::Deleted(..) => "deleted entries, or what stands where their content was,",
        Sort::Slack(..) => "pieces of slack",
    };
    let path = format!("{items} that were {} are {}", words(before, own.before), words(after, own.after));
    let ((had_content, had_name), (has_content, has_name)) =
        (sees(before, own.before), sees(after, own.after));
    for (had, has, what) in [(had_content, has_content, "content"), (had_name, has_name, "names")] {
        if had == has {
            continue;
        }
        if let Some(audience) = has {
            add(findings, Way::Adds, audience, format!("{what}: {path}"));
        }
        if let Some(audience) = had {
            add(findings, Way::Removes, audience, format!("{what}: {path}"));
        }
    }
    let listed = |fate: Fate| matches!(fate, Fate::Listed | Fate::ListedTo(_));
    if listed(own.before) && words(before, own.before) != words(after, own.after) {
        add(
            findings,
            Way::Changes,
            Audience::CaseTeam,
            format!("what was not taken is no longer named: {path}"),
        );
    }
    let left = |fate: Fate| matches!(fate, Fate::Left(_));
    if before.record().left == crate::policy::LeftRecord::Counts && left(own.before) && !left(own.after) {
        add(findings, Way::Adds, Audience::AuditorAndCourt, format!("facts: {path}"));
    }
    if own.name_added {
        let what = format!(
            "a further name of items that were {} and are {}",
            words(before, own.before),
            words(after, own.after)
        );
        add(findings, Way::Adds, Audience::CaseTeam, what);
    }
    if own.name_removed {
        let what = format!(
            "a name of items that were {} and are {}",
            words(before, own.before),
            words(after, own.after)
        );
        add(findings, Way::Removes, Audience::CaseTeam, what);
    }
    for (looks, way) in [(own.looks_added, Way::Adds), (own.looks_removed, Way::Removes)] {
        for look in rows::words(looks) {
            add(findings, way, Audience::Examiners, format!("the look {look}: {path}"));
        }
    }
}
