//! What a record itself says could not be read when it was made: what the original shows there today is no difference.
//!
//! ```text
//! node     a name that led to nothing readable     the item of that name today, and what is below it
//! names    a folder of which names were wanting    those of its items that are not on record, and what is below them
//! facts    an item of which facts were wanting     facts that are not on record, and its streams
//! look     a look that failed                      what that look finds today; the members of an archive that it was to open
//! ```
//!
//! Nothing else is covered: what stands in a folder that is on record and was read to its end is missing if it is not there.

use std::collections::{HashMap, HashSet};

use scope::RawName;
use scope::facts::{Attribute, Facts, Kind};

use super::labels::Short;
use super::{MAX_TOLD, Recorded};
use crate::replay::finding::shown;
use crate::replay::short_digest;

/// Items of the original of which something was not compared, since the record says that it could not be read then.
#[derive(Debug, Default)]
pub struct Unsaid {
    /// How many.
    pub items: u64,
    /// The first of them, by locator, with what of them was not compared.
    pub first: Vec<String>,
    /// Of them, those of which the record has nothing to compare: no line, or that of a node that could not be read.
    pub unknown: u64,
    /// Of those that are on record, the ones that the policy decides otherwise with what can be read today.
    pub otherwise: u64,
    /// The first of these, by locator.
    pub otherwise_first: Vec<String>,
    /// Of them, those that the policy leaves and keeps no record of.
    pub(super) left: u64,
    /// By their names, items whose node could not be read then, and the locator of the record.
    nodes: HashMap<Short, Box<str>>,
    /// Folders of which not all names could be read, and folders that are covered themselves.
    folders: HashSet<Short>,
    /// Folders in which an item on record stands: they were read.
    entered: HashSet<Short>,
    /// These, and the folders above them.
    passed: HashSet<Short>,
    /// Locators of items on record that the original shows today as something else.
    others: HashSet<Box<str>>,
}

/// What of an item could not be read, as its own fact says.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Claims {
    pub(super) node: bool,
    pub(super) facts: bool,
    pub(super) names: bool,
}

impl Claims {
    pub(super) fn of(facts: &Facts) -> Self {
        let says = |what| facts.attributes.iter().any(|attribute| attribute.is_unread_of(what));
        Self {
            node: says(Attribute::UNREAD_NODE),
            facts: says(Attribute::UNREAD_FACTS),
            names: says(Attribute::UNREAD_NAMES),
        }
    }

    /// Whether an attribute is such a fact: what it says is looked at by itself.
    pub(super) fn is_one(attribute: &Attribute) -> bool {
        [Attribute::UNREAD_NODE, Attribute::UNREAD_FACTS, Attribute::UNREAD_NAMES]
            .iter()
            .any(|what| attribute.is_unread_of(what))
    }
}

impl Unsaid {
    pub(super) fn add(&mut self, locator: &str, what: &str) {
        self.items = self.items.saturating_add(1);
        if self.first.len() < MAX_TOLD {
            self.first.push(format!("{}: {what}", shown(locator)));
        }
    }

    /// As [`Unsaid::add`], of an item of which the record has nothing.
    pub(super) fn add_unknown(&mut self, locator: &str, what: &str) {
        self.unknown = self.unknown.saturating_add(1);
        self.add(locator, what);
    }

    /// Takes note that an item, told before, is decided otherwise with what can be read today.
    pub(super) fn add_otherwise(&mut self, locator: &str) {
        self.otherwise = self.otherwise.saturating_add(1);
        if self.otherwise_first.len() < MAX_TOLD {
            self.otherwise_first.push(shown(locator));
        }
    }

    /// Takes note of what a record says of itself, and that it is there.
    pub(super) fn record(&mut self, locator: &str, facts: &Facts, claims: Claims) {
        // A deleted entry tells its path by itself: whether its folder was read is not known by it.
        let of_walk = ![Kind::Deleted, Kind::Recovered].contains(&facts.kind);
        for name in &facts.names {
            if let Some(folder) = parent(name).filter(|_| of_walk) {
                self.entered.insert(key(&facts.volume, folder));
                let mut at = Some(folder);
                while let Some(above) = at.filter(|above| self.passed.insert(key(&facts.volume, above))) {
                    at = parent_of(above);
                }
            }
            if claims.node {
                self.nodes.insert(key(&facts.volume, &name.0), locator.into());
            }
            if claims.names {
                self.folders.insert(key(&facts.volume, folder_of(name)));
            }
        }
    }

    /// Why nothing can be missing of an item that has no record: the record says that it could not be read there.
    ///
    /// What is below it is covered with it, unless something of that is on record.
    pub(super) fn covers(
        &mut self,
        locator: &str,
        facts: &Facts,
        recorded: &mut HashMap<Box<str>, Recorded>,
    ) -> Option<&'static str> {
        if self.nodes.is_empty() && self.folders.is_empty() && !locator.contains(MEMBER) {
            return of_holder(locator, facts, recorded);
        }
        let mut archives = locator.match_indices(MEMBER).filter_map(|(at, _)| locator.get(..at));
        if archives.any(|archive| recorded.get(archive).is_some_and(Recorded::was_not_opened)) {
            return Some("it is in an archive that could not be read then");
        }
        if let Some(why) = of_holder(locator, facts, recorded) {
            return Some(why);
        }
        // What is in an item, or beside it, is covered with it, and with nothing else.
        if holder(locator, facts.kind).is_some_and(|holder| recorded.contains_key(holder)) {
            return None;
        }
        let covered = !facts.names.is_empty() && facts.names.iter().all(|name| self.is_covered(name, facts));
        if !covered {
            return None;
        }
        for name in &facts.names {
            let own = key(&facts.volume, &name.0);
            if let Some(claim) = self.nodes.get(&own).and_then(|claim| recorded.get_mut(claim)) {
                claim.met = true;
            }
            if facts.kind == Kind::Directory && !self.entered.contains(&own) {
                self.folders.insert(own);
            }
        }
        Some("its folder, or what its name leads to, could not be read then")
    }

    /// Whether a name stands where the record says that names could not be read, or is that of a node that could not.
    pub(super) fn is_covered(&self, name: &RawName, facts: &Facts) -> bool {
        let known = |path: &[u8]| {
            let folder = |folder| self.folders.contains(&key(&facts.volume, folder));
            self.nodes.contains_key(&key(&facts.volume, path)) || parent_of(path).is_some_and(folder)
        };
        known(&name.0)
            || match facts.kind {
                Kind::Member => ends(&name.0, b"!/").any(|end| known(name.0.get(..end).unwrap_or_default())),
                Kind::Stream => ends(&name.0, b":").any(|end| known(name.0.get(..end).unwrap_or_default())),
                _ => false,
            }
    }

    /// Whether an item on record stands in a folder, or below it.
    pub(super) fn was_passed(&self, folder: &Short) -> bool {
        self.passed.contains(folder)
    }

    /// Takes note of a folder in which something without a record may have been left.
    pub(super) fn cover_folder(&mut self, folder: Short) {
        self.folders.insert(folder);
    }

    /// As [`Unsaid::cover_folder`], of each name of a folder in which nothing is on record.
    pub(super) fn cover_below(&mut self, facts: &Facts) {
        for name in facts.names.iter().filter(|_| facts.kind == Kind::Directory) {
            let own = key(&facts.volume, &name.0);
            if !self.entered.contains(&own) {
                self.folders.insert(own);
            }
        }
    }

    /// Takes note of an item that was on record without a name, and is a named one today.
    pub(super) fn is_another(&mut self, locator: &str) {
        self.others.insert(locator.into());
    }

    /// Whether a record is of what an item left behind that is known to be another today.
    pub(super) fn is_of_another(&self, locator: &str) -> bool {
        locator.rsplit_once('/').is_some_and(|(of, _)| self.others.contains(of))
    }
}

/// Streams of an item of which facts were wanting; and whatever is in an item, or beside it, that could not be read at all.
fn of_holder(locator: &str, facts: &Facts, recorded: &HashMap<Box<str>, Recorded>) -> Option<&'static str> {
    let holder = recorded.get(holder(locator, facts.kind)?)?;
    let claims = holder.claims;
    let covered = match facts.kind {
        Kind::Stream => claims.node || claims.facts,
        // Only a file that is kept has a slack: which one that is may rest on what could not be read.
        Kind::Slack => claims.node || holder.excused,
        _ => claims.node,
    };
    covered.then_some("not all of the item that it belongs to could be read then")
}

/// The locator of what an item is in or belongs to: of a member its outermost archive, of a stream its file.
fn holder(locator: &str, kind: Kind) -> Option<&str> {
    match kind {
        Kind::Member => locator.split_once(MEMBER).map(|(archive, _)| archive),
        Kind::Stream => locator.rsplit_once(':').map(|(item, _)| item),
        Kind::Slack => locator.rsplit_once('/').map(|(item, _)| item),
        _ => None,
    }
}

/// Where in `text` a separator begins.
fn ends<'t>(text: &'t [u8], separator: &'t [u8]) -> impl Iterator<Item = usize> + 't {
    text.windows(separator.len()).enumerate().filter(move |(_, part)| *part == separator).map(|(at, _)| at)
}

/// The folder that a name stands in; none of the root.
fn parent(name: &RawName) -> Option<&[u8]> {
    parent_of(&name.0)
}

pub(super) fn parent_of(path: &[u8]) -> Option<&[u8]> {
    let at = path.iter().rposition(|byte| *byte == b'/')?;
    (path.len() > 1).then(|| path.get(..at).unwrap_or_default())
}

/// A folder's name as that of what stands in it begins: nothing for the root.
pub(super) fn folder_of(name: &RawName) -> &[u8] {
    if name.0 == b"/" { b"" } else { &name.0 }
}

pub(super) fn key(volume: &str, path: &[u8]) -> Short {
    short_digest(&[volume.as_bytes(), b"\0", path].concat())
}

/// What stands in the locator of a member, behind its archive.
const MEMBER: &str = "/member:";

#[cfg(test)]
mod tests;
