//! Counting what lies under a path, record by record.

use scope::facts::{CaseRule, Facts, Kind};
use scope::fold::{Symbol, symbols};
use scope::{Outcome, RawName};

use super::Counts;
use crate::item::Record;

/// Counts the items under one path, over all volumes and all of an item's names.
///
/// Names compare as `fold/1` says, without case where the item's volume has none: rather an item too many than one
/// too few.
#[derive(Clone, Debug)]
pub struct Under {
    path: RawName,
    exact: Vec<Symbol>,
    folded: Vec<Symbol>,
    counts: Counts,
    records: u64,
    left: u64,
    unnamed_kept: u64,
    unreadable: u64,
}

/// Why a path cannot be asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected a path from the root of its volume, which begins with `/`, of at most {MAX_PATH} bytes")]
pub struct NotAPath;

/// Longest path: what Linux takes.
const MAX_PATH: usize = 4096;

impl Under {
    /// Nothing counted yet. Slashes at the end of the path mean nothing.
    ///
    /// # Errors
    ///
    /// [`NotAPath`].
    pub fn new(path: &[u8]) -> Result<Self, NotAPath> {
        if !path.starts_with(b"/") || path.len() > MAX_PATH {
            return Err(NotAPath);
        }
        let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last.saturating_add(1));
        let bare = path.get(..end).unwrap_or_default();
        Ok(Self {
            path: RawName(if bare.is_empty() { b"/".to_vec() } else { bare.to_vec() }),
            exact: symbols(bare, false),
            folded: symbols(bare, true),
            counts: Counts::default(),
            records: 0,
            left: 0,
            unnamed_kept: 0,
            unreadable: 0,
        })
    }

    /// Counts one record of the ledger.
    pub fn record(&mut self, record: &Record) {
        self.records = self.records.saturating_add(1);
        let Ok(parts) = record.parts() else {
            self.unreadable = self.unreadable.saturating_add(1);
            return;
        };
        let outcome = &parts.decision.outcome;
        if *outcome == Outcome::Left {
            self.left = self.left.saturating_add(1);
        }
        if outcome.is_kept() && lacks_a_name(&parts.facts) {
            self.unnamed_kept = self.unnamed_kept.saturating_add(1);
        }
        if !self.holds(&parts.facts) {
            return;
        }
        let count = match outcome {
            Outcome::Captured => &mut self.counts.captured,
            Outcome::Held(_) => &mut self.counts.held,
            Outcome::Listed | Outcome::ListedTo(_) => &mut self.counts.listed,
            Outcome::Left => &mut self.counts.left,
        };
        *count = count.saturating_add(1);
    }

    /// The path, without slashes at its end.
    #[must_use]
    pub fn path(&self) -> &RawName {
        &self.path
    }

    /// What was counted under the path.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many records were counted in all.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// How many of all records are of the outcome `left`.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left
    }

    /// How many of all records are kept and have a name that nobody found, or none at all.
    #[must_use]
    pub fn unnamed_kept(&self) -> u64 {
        self.unnamed_kept
    }

    /// How many records could not be read. With any, nothing can be said.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Whether any name of an item is the path, or lies below it.
    fn holds(&self, facts: &Facts) -> bool {
        let folded = facts.case_rule == CaseRule::Insensitive;
        let path = if folded { &self.folded } else { &self.exact };
        facts.names.iter().any(|name| match symbols(name.bytes(), folded).strip_prefix(path.as_slice()) {
            None => false,
            Some([]) => true,
            // A named stream is a part of its file.
            Some([next, ..]) => {
                *next == Symbol::from(b'/') || (facts.kind == Kind::Stream && *next == Symbol::from(b':'))
            }
        })
    }
}

/// Whether an item has a name that is not on record. A directory's links are of its subdirectories.
fn lacks_a_name(facts: &Facts) -> bool {
    let found = u64::try_from(facts.names.len()).unwrap_or(u64::MAX);
    found == 0 || (facts.kind != Kind::Directory && facts.links.is_some_and(|links| links > found))
}
