//! Counting what lies under a path, record by record.

use std::collections::BTreeMap;

use scope::facts::{CaseRule, Facts, Kind};
use scope::fold::{Symbol, symbols};
use scope::{Outcome, RawName};

use super::prefix::{NotAPath, bare};
use super::{Counts, Ending, Portion, Volume};
use crate::acquisition::{Acquisition, WalkStatement};
use crate::item::Record;

/// Counts the items under one path, over all volumes and all of an item's names.
///
/// Names compare as `fold/1` says, without case where the item's volume has none: rather an item too many than one
/// too few. What has a name under the path only without case, or without the first parts of the path, is counted apart.
#[derive(Clone, Debug)]
pub struct Under {
    path: RawName,
    sought: Sought,
    /// Endings of the path, the longest first: where a volume was in use at a folder, its names begin there.
    endings: Vec<(RawName, Sought, Portion)>,
    /// Volumes by what their locators begin with, and the items under the path on each.
    volumes: BTreeMap<String, u64>,
    counts: Counts,
    other_case: Portion,
    records: u64,
    left: u64,
    unnamed_kept: u64,
    unreadable: u64,
}

/// A path in both spellings in which names are compared.
#[derive(Clone, Debug)]
struct Sought {
    exact: Vec<Symbol>,
    folded: Vec<Symbol>,
}

impl Sought {
    /// The root is under itself, and everything is under the root.
    fn new(path: &[u8]) -> Self {
        let path = path.strip_suffix(b"/").unwrap_or(path);
        Self { exact: symbols(path, false), folded: symbols(path, true) }
    }

    /// Whether the name is the path, or lies below it.
    fn holds(&self, name: &[Symbol], folded: bool, kind: Kind) -> bool {
        match name.strip_prefix(if folded { self.folded.as_slice() } else { &self.exact }) {
            None => false,
            Some([]) => true,
            // A named stream is a part of its file.
            Some([next, ..]) => {
                *next == Symbol::from(b'/') || (kind == Kind::Stream && *next == Symbol::from(b':'))
            }
        }
    }
}

/// How an item's name lies to the path.
enum Place {
    Under,
    Ending(usize),
    OtherCase,
    Elsewhere,
}

impl Under {
    /// Nothing counted yet. A slash at the end of the path means nothing.
    ///
    /// # Errors
    ///
    /// [`NotAPath`].
    pub fn new(path: &[u8]) -> Result<Self, NotAPath> {
        let bare = bare(path)?;
        let slashes = bare.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/');
        let endings = slashes.filter_map(|(at, _)| bare.get(at..));
        Ok(Self {
            path: RawName(bare.to_vec()),
            sought: Sought::new(bare),
            endings: endings
                .map(|ending| (RawName(ending.to_vec()), Sought::new(ending), Portion::default()))
                .collect(),
            volumes: BTreeMap::new(),
            counts: Counts::default(),
            other_case: Portion::default(),
            records: 0,
            left: 0,
            unnamed_kept: 0,
            unreadable: 0,
        })
    }

    /// Knows the volumes that were walked; [`Under::volumes`] has the items of each.
    pub fn on(&mut self, acquisition: &Acquisition) {
        self.volumes = acquisition.walk.iter().map(|walk| (walk.volume.clone(), 0)).collect();
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
        let portion = match self.place(&parts.facts) {
            Place::Elsewhere => return,
            Place::OtherCase => &mut self.other_case,
            Place::Ending(at) => match self.endings.get_mut(at) {
                Some((_, _, portion)) => portion,
                None => return,
            },
            Place::Under => {
                let mut begins =
                    record.locator.match_indices('/').filter_map(|(at, _)| record.locator.get(..at));
                let volume = begins.find(|begin| self.volumes.contains_key(*begin));
                match volume.and_then(|volume| self.volumes.get_mut(volume)) {
                    Some(count) => *count = count.saturating_add(1),
                    None => self.unreadable = self.unreadable.saturating_add(1),
                }
                let count = match outcome {
                    Outcome::Captured => &mut self.counts.captured,
                    Outcome::Held(_) => &mut self.counts.held,
                    Outcome::Listed | Outcome::ListedTo(_) => &mut self.counts.listed,
                    Outcome::Left => &mut self.counts.left,
                };
                *count = count.saturating_add(1);
                return;
            }
        };
        portion.all = portion.all.saturating_add(1);
        if outcome.is_kept() {
            portion.kept = portion.kept.saturating_add(1);
        }
    }

    /// Where an item lies by that of its names which is nearest to the path.
    fn place(&self, facts: &Facts) -> Place {
        let folds = facts.case_rule == CaseRule::Insensitive;
        let mut found = Place::Elsewhere;
        for name in &facts.names {
            let own = symbols(name.bytes(), folds);
            let holds = |sought: &Sought| sought.holds(&own, folds, facts.kind);
            if holds(&self.sought) {
                return Place::Under;
            }
            let apart = !folds && self.sought.holds(&symbols(name.bytes(), true), true, facts.kind);
            found = match (apart, self.endings.iter().position(|(_, sought, _)| holds(sought)), found) {
                (true, _, _) => Place::OtherCase,
                (false, _, Place::OtherCase) => Place::OtherCase,
                (false, Some(at), Place::Ending(before)) => Place::Ending(at.min(before)),
                (false, Some(at), _) => Place::Ending(at),
                (false, None, before) => before,
            };
        }
        found
    }

    /// Under the path, by volume: those of the acquisition, in its order.
    #[must_use]
    pub fn volumes(&self, acquisition: &Acquisition) -> Vec<Volume> {
        let volume = |walk: &WalkStatement| Volume {
            locator: walk.volume.clone(),
            under: self.volumes.get(&walk.volume).copied().unwrap_or(0),
            not_walked: walk.issues,
        };
        acquisition.walk.iter().map(volume).collect()
    }

    /// Endings of the path under which there is something that is not under the path.
    #[must_use]
    pub fn endings(&self) -> Vec<Ending> {
        let some = self.endings.iter().filter(|(_, _, items)| items.all > 0);
        some.map(|(path, _, items)| Ending { path: path.clone(), items: *items }).collect()
    }

    /// What would be under the path without capital and small letters, where the volume tells these apart.
    #[must_use]
    pub fn other_case(&self) -> Portion {
        self.other_case
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
}

/// Whether an item has a name that is not on record. A directory's links are of its subdirectories.
fn lacks_a_name(facts: &Facts) -> bool {
    let found = u64::try_from(facts.names.len()).unwrap_or(u64::MAX);
    found == 0 || (facts.kind != Kind::Directory && facts.links.is_some_and(|links| links > found))
}
