//! What an auditor raises.

use std::fmt;

use scope::RawName;
use scope::facts::Facts;
use serde::{Serialize, Serializer};

/// One thing that is not as it must be.
///
/// All texts are safe to print: whatever came from the medium or the ledger is escaped.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// What kind of thing it is.
    pub kind: FindingKind,
    /// The item: its first name, escaped, or its locator, or its inventory line; empty if it is about no item.
    pub item: String,
    /// The rules that are concerned, comma-separated; often empty.
    pub rule: String,
    /// What was expected and what was found.
    pub detail: String,
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum FindingKind {
    /// A fact is unreadable, contradicts another part of its record, or differs from the medium.
    Fact,
    /// The recorded trits are not those that the policy and the facts give.
    Trits,
    /// The recorded outcome, tier or rules are not those that the policy and the facts give.
    Outcome,
    /// An item was looked into deeper than its decision needs, or not deep enough, or the looks are misstated.
    Look,
    /// A line without a record, a kept item without its object, an item of the medium that the ledger lacks.
    Missing,
    /// An id, a locator, a control number or a line is used twice.
    Duplicate,
    /// A record without a line, an object that was not to be taken, a record of an item that is not on the medium.
    Extra,
    /// A policy other than the approved one is named.
    Policy,
    /// A set's recipients are not those that the policy names.
    Recipients,
    /// A stated count is not what there is.
    Count,
}

impl FindingKind {
    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fact => "fact",
            Self::Trits => "trits",
            Self::Outcome => "outcome",
            Self::Look => "look",
            Self::Missing => "missing",
            Self::Duplicate => "duplicate",
            Self::Extra => "extra",
            Self::Policy => "policy",
            Self::Recipients => "recipients",
            Self::Count => "count",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Serialize for FindingKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl From<Finding> for crate::report::Finding {
    fn from(finding: Finding) -> Self {
        let Finding { kind, item, rule, detail } = finding;
        Self { kind: kind.word().to_owned(), item, rule, detail }
    }
}

/// How an item is called in a finding: by its first name, or by its locator if it has none.
pub(crate) fn called(locator: &str, facts: &Facts) -> String {
    match (facts.names.first(), facts.names.len().saturating_sub(1)) {
        (None, _) => shown(locator),
        (Some(name), 0) => name.to_string(),
        (Some(name), more) => format!("{name} (and {more} more)"),
    }
}

/// A text of unknown origin, safe to print.
pub(crate) fn shown(text: &str) -> String {
    RawName::from(text).to_string()
}
