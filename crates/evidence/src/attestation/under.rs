//! Counting what lies under a path, record by record.
//!
//! ```text
//! /d/box.zip              left
//! /d/box.zip!/diary.txt   captured     `!/` continues a path, as `/` does
//! /d/locked.zip           held, whole
//! /d/locked.zip!/a.txt    left         and lies in what was held: it counts as held
//! ```

use std::collections::BTreeMap;

use scope::facts::{CaseRule, Facts, Kind};
use scope::fold::{Symbol, symbols};
use scope::{Outcome, RawName};

use super::prefix::{NotAPath, bare};
use super::{Archives, Counts, Ending, Portion, Volume, Within};
use crate::acquisition::{Acquisition, WalkStatement};
use crate::item::{ObjectValue, Parts, Record};

/// Counts the items under one path, over all volumes and all of an item's names.
///
/// Names compare as `fold/1` says, without case where the item's volume has none: rather an item too many than one
/// too few. What has a name under the path only without case, without the first parts of the path, or inside of an
/// archive, is counted apart.
#[derive(Clone, Debug)]
pub struct Under {
    path: RawName,
    sought: Sought,
    /// Endings of the path, the longest first: where a volume was in use at a folder, its names begin there.
    endings: Vec<(RawName, Sought)>,
    /// Volumes by what their locators begin with, and the items under the path on each.
    volumes: BTreeMap<String, u64>,
    /// Every item that is not elsewhere, but for members that were not captured.
    tally: BTreeMap<(Place, Fate), u64>,
    /// Members that were not captured, by the container that they are in: it comes after them, and may be taken whole.
    members: BTreeMap<(String, Place, Fate), u64>,
    /// Containers that were taken: whether they were captured.
    taken: BTreeMap<String, Fate>,
    archives: Archives,
    records: u64,
    left: u64,
    unnamed_kept: u64,
    unreadable: u64,
}

/// What an item is counted as, the strongest first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Fate {
    Captured,
    Held,
    Listed,
    /// Kept, and its record has not one byte of its content.
    Unread,
    Left,
}

impl Fate {
    fn of(parts: &Parts) -> Self {
        match parts.decision.outcome {
            Outcome::Captured | Outcome::Held(_)
                if parts.object.as_ref().is_some_and(ObjectValue::is_unread) =>
            {
                Self::Unread
            }
            Outcome::Captured => Self::Captured,
            Outcome::Held(_) => Self::Held,
            Outcome::Listed | Outcome::ListedTo(_) => Self::Listed,
            Outcome::Left => Self::Left,
        }
    }

    fn is_kept(self) -> bool {
        matches!(self, Self::Captured | Self::Held)
    }
}

/// What was counted, once every record was.
#[derive(Clone, Debug)]
pub struct Counted {
    under: Under,
    counts: Counts,
    within: Within,
    portions: BTreeMap<Place, Portion>,
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
        let rest = name.strip_prefix(if folded { self.folded.as_slice() } else { &self.exact });
        match rest.map(|rest| (rest.first(), rest.get(1))) {
            None => false,
            Some((None, _)) => true,
            // A named stream is a part of its file, a member of its archive.
            Some((Some(next), after)) => {
                let slash = Symbol::from(b'/');
                *next == slash
                    || (kind == Kind::Stream && *next == Symbol::from(b':'))
                    || (kind == Kind::Member && *next == Symbol::from(b'!') && after == Some(&slash))
            }
        }
    }
}

/// How an item's name lies to the path, the nearest first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Place {
    Under,
    OtherCase,
    Ending(usize),
    /// Inside of an archive: the path itself, or the ending before the number.
    Inside(usize),
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
            endings: endings.map(|ending| (RawName(ending.to_vec()), Sought::new(ending))).collect(),
            volumes: BTreeMap::new(),
            tally: BTreeMap::new(),
            members: BTreeMap::new(),
            taken: BTreeMap::new(),
            archives: Archives::default(),
            records: 0,
            left: 0,
            unnamed_kept: 0,
            unreadable: 0,
        })
    }

    /// Knows the volumes that were walked; [`Counted::volumes`] has the items of each.
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
        let fate = Fate::of(&parts);
        if fate == Fate::Left {
            self.left = self.left.saturating_add(1);
        }
        if fate.is_kept() && lacks_a_name(&parts.facts) {
            self.unnamed_kept = self.unnamed_kept.saturating_add(1);
        }
        self.archive(&record.locator, &parts.facts, fate);
        let place = self.place(&parts.facts);
        if place == Place::Elsewhere {
            return;
        }
        if place == Place::Under {
            let mut begins = record.locator.match_indices('/').filter_map(|(at, _)| record.locator.get(..at));
            let volume = begins.find(|begin| self.volumes.contains_key(*begin));
            match volume.and_then(|volume| self.volumes.get_mut(volume)) {
                Some(count) => *count = count.saturating_add(1),
                None => self.unreadable = self.unreadable.saturating_add(1),
            }
        }
        let count = match parts.facts.member {
            Some(member) if fate != Fate::Captured => {
                self.members.entry((member.of, place, fate)).or_default()
            }
            _ => self.tally.entry((place, fate)).or_default(),
        };
        *count = count.saturating_add(1);
    }

    /// What a record says of archives. A slack's facts are those of its file, which says it.
    fn archive(&mut self, locator: &str, facts: &Facts, fate: Fate) {
        if facts.kind == Kind::Slack {
            return;
        }
        let is_one = facts.type_fact.as_ref().is_some_and(|found| ARCHIVES.contains(&found.name.as_str()));
        // A document of which all is known is no archive.
        let held = facts.container.as_ref().filter(|held| held.trouble.is_some() || is_archive(&held.form));
        let is_open = held.is_some_and(|held| held.trouble.is_none());
        let is_one = is_one || facts.type_fact.as_ref().is_some_and(|own| own.end.is_some_and(|end| end.zip));
        let Archives { opened, closed, closed_kept } = &mut self.archives;
        if is_open {
            *opened = opened.saturating_add(1);
        } else if is_one || held.is_some() {
            *closed = closed.saturating_add(1);
            *closed_kept = closed_kept.saturating_add(u64::from(fate.is_kept()));
        }
        if held.is_some() && fate.is_kept() {
            self.taken.insert(locator.to_owned(), fate);
        }
    }

    /// Where an item lies by that of its names which is nearest to the path.
    fn place(&self, facts: &Facts) -> Place {
        let folds = facts.case_rule == CaseRule::Insensitive;
        let of_name = |name: &RawName| {
            let own = symbols(name.bytes(), folds);
            let holds = |sought: &Sought| sought.holds(&own, folds, facts.kind);
            if holds(&self.sought) {
                Place::Under
            } else if !folds && self.sought.holds(&symbols(name.bytes(), true), true, facts.kind) {
                Place::OtherCase
            } else {
                let ending = self.endings.iter().position(|(_, sought)| holds(sought));
                ending.map_or(Place::Elsewhere, Place::Ending)
            }
        };
        let plain = facts.names.iter().map(of_name).min().unwrap_or(Place::Elsewhere);
        if facts.member.is_none() {
            return plain;
        }
        // Inside of an archive a name is what its maker wrote.
        let told: Vec<RawName> = facts.names.iter().flat_map(|name| told(name.bytes())).collect();
        let inside = told.iter().flat_map(|name| insides(name.bytes())).filter_map(|name| {
            let own = symbols(&name, folds);
            let mut sought =
                std::iter::once(&self.sought).chain(self.endings.iter().map(|(_, sought)| sought));
            sought.position(|sought| sought.holds(&own, folds, facts.kind)).map(Place::Inside)
        });
        let told_place = told.iter().map(of_name);
        told_place.chain(inside).chain([plain]).min().unwrap_or(Place::Elsewhere)
    }

    /// All records were counted: what lies in an archive that was taken whole was taken.
    #[must_use]
    pub fn finish(mut self) -> Counted {
        let mut within = Within::default();
        for ((of, place, own), count) in std::mem::take(&mut self.members) {
            let taken = ancestors(&of).filter_map(|locator| self.taken.get(locator)).min();
            let fate = taken.map_or(own, |taken| own.min(*taken));
            let more = match fate {
                Fate::Captured if place == Place::Under => &mut within.captured,
                Fate::Held if place == Place::Under && own != fate => &mut within.held,
                _ => &mut 0,
            };
            *more = more.saturating_add(count);
            let tally = self.tally.entry((place, fate)).or_default();
            *tally = tally.saturating_add(count);
        }
        let mut counts = Counts::default();
        let mut portions: BTreeMap<Place, Portion> = BTreeMap::new();
        for ((place, fate), count) in &self.tally {
            if *place == Place::Under {
                let own = match fate {
                    Fate::Captured => &mut counts.captured,
                    Fate::Held => &mut counts.held,
                    Fate::Listed => &mut counts.listed,
                    Fate::Unread => &mut counts.unread,
                    Fate::Left => &mut counts.left,
                };
                *own = own.saturating_add(*count);
            }
            let portion = portions.entry(*place).or_default();
            portion.all = portion.all.saturating_add(*count);
            portion.kept = portion.kept.saturating_add(if fate.is_kept() { *count } else { 0 });
        }
        Counted { under: self, counts, within, portions }
    }
}

impl Counted {
    /// Under the path, by volume: those of the acquisition, in its order.
    #[must_use]
    pub fn volumes(&self, acquisition: &Acquisition) -> Vec<Volume> {
        let volume = |walk: &WalkStatement| Volume {
            locator: walk.volume.clone(),
            under: self.under.volumes.get(&walk.volume).copied().unwrap_or(0),
            not_walked: walk.issues,
        };
        acquisition.walk.iter().map(volume).collect()
    }

    /// Endings of the path under which there is something that is not under the path.
    #[must_use]
    pub fn endings(&self) -> Vec<Ending> {
        let paths = self.under.endings.iter().map(|(path, _)| path);
        self.each(paths, Place::Ending)
    }

    /// The path and its endings under which there is something inside of archives that is not among the others.
    #[must_use]
    pub fn inside(&self) -> Vec<Ending> {
        let endings = self.under.endings.iter().map(|(path, _)| path);
        self.each(std::iter::once(&self.under.path).chain(endings), Place::Inside)
    }

    fn each<'a>(&self, paths: impl Iterator<Item = &'a RawName>, place: fn(usize) -> Place) -> Vec<Ending> {
        let items = |at| self.portions.get(&place(at)).copied();
        paths
            .enumerate()
            .filter_map(|(at, path)| Some(Ending { path: path.clone(), items: items(at)? }))
            .collect()
    }

    /// What would be under the path without capital and small letters, where the volume tells these apart.
    #[must_use]
    pub fn other_case(&self) -> Portion {
        self.portions.get(&Place::OtherCase).copied().unwrap_or_default()
    }

    /// The path, without slashes at its end.
    #[must_use]
    pub fn path(&self) -> &RawName {
        &self.under.path
    }

    /// What was counted under the path.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What of this was taken with an archive alone.
    #[must_use]
    pub fn within(&self) -> Within {
        self.within
    }

    /// Archives on the whole medium.
    #[must_use]
    pub fn archives(&self) -> Archives {
        self.under.archives
    }

    /// How many records were counted in all.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.under.records
    }

    /// How many of all records are of the outcome `left`.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.under.left
    }

    /// How many of all records are kept and have a name that nobody found, or none at all.
    #[must_use]
    pub fn unnamed_kept(&self) -> u64 {
        self.under.unnamed_kept
    }

    /// How many records could not be read. With any, nothing can be said.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.under.unreadable
    }
}

/// Types of `magic/1` that are files in which files lie, whether they can be opened or not.
const ARCHIVES: [&str; 12] =
    ["zip", "jar", "gzip", "bzip2", "xz", "zstd", "lz4", "7z", "rar", "tar", "cab", "ar"];

/// Whether what is opened in this form has members.
fn is_archive(form: &str) -> bool {
    scope::policy::Containers::FORMS.contains(&form)
}

/// A container, and those that it lies in.
fn ancestors(of: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(of), |locator: &&str| Some(locator.rsplit_once("/member:")?.0))
}

/// The name of a member as programs that unpack it would write it: behind the first `!/` without empty parts and parts
/// `.`; and so with `\` as `/`, too.
fn told(name: &[u8]) -> Vec<RawName> {
    let Some(at) = name.windows(2).position(|two| two == b"!/") else { return Vec::new() };
    let (archive, rest) = name.split_at(at.saturating_add(2));
    let tidy = |rest: &[u8]| {
        let parts = rest.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
        RawName([archive, &parts.collect::<Vec<_>>().join(&b'/')].concat())
    };
    let slashes: Vec<u8> = rest.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect();
    vec![tidy(rest), tidy(&slashes)]
}

/// What stands behind each `!/` of a name, as a path from a root: any of them may be the name inside of the archive.
fn insides(name: &[u8]) -> Vec<Vec<u8>> {
    let marks = name.windows(2).enumerate().filter(|(_, two)| *two == b"!/");
    marks.filter_map(|(at, _)| Some(name.get(at.saturating_add(1)..)?.to_vec())).collect()
}

/// Whether an item has a name that is not on record. A directory's links are of its subdirectories.
fn lacks_a_name(facts: &Facts) -> bool {
    let found = u64::try_from(facts.names.len()).unwrap_or(u64::MAX);
    found == 0 || (facts.kind != Kind::Directory && facts.links.is_some_and(|links| links > found))
}

#[cfg(test)]
#[path = "under_tests.rs"]
mod archived;
#[cfg(test)]
mod tests;
