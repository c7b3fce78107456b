//! What has no item that could say it was not read: lists beside the tree of names, and what was left without a record.
//!
//! ```text
//! deleted        a deleted entry without a record         it may stand where the list could not be read
//! unallocated    free space without a record              the same; a record is to lie within what is free today
//! slack: 2       the slack of a kept item                 of as many items as the acquisition says
//! left: 1        an item that the policy keeps today      it was left, or stands in a folder that was left
//! ```
//!
//! Nothing of that is a difference, and nothing of it agrees.

use std::collections::{BTreeMap, HashSet};

use scope::RawName;
use scope::facts::{Facts, Kind};

use super::labels::Short;
use super::unsaid::{Unsaid, folder_of, key, parent_of};
use crate::acquisition::Wanting;

/// What is wanting, by what the locators of a volume's items begin with.
#[derive(Debug, Default)]
pub(super) struct Lists {
    then: BTreeMap<Box<str>, List>,
    today: BTreeMap<Box<str>, Wanting>,
    /// Folders of today that were left without a record.
    left_folders: HashSet<Short>,
    /// Whether something was left of which not all could be read.
    has_left: bool,
}

#[derive(Debug, Default)]
struct List {
    wanting: Wanting,
    /// Free space of today, from a byte to another, ascending.
    free: Vec<(u64, u64)>,
}

/// Where an item that was to be on record may have been left.
pub(super) enum Left {
    /// In the last of these folders, of which each stands in the one before.
    In(Vec<Short>),
    /// It was left itself.
    Itself,
}

impl Lists {
    /// Takes in what the acquisition says of `volume`.
    pub(super) fn stated(&mut self, volume: &str, wanting: Wanting) {
        self.has_left |= wanting.left > 0;
        if wanting != Wanting::default() {
            self.then.entry(prefix(volume)).or_default().wanting = wanting;
        }
    }

    /// Takes in what today's walk of `volume` lacks.
    pub(super) fn today(&mut self, volume: &str, wanting: Wanting) {
        self.today.insert(prefix(volume), wanting);
    }

    /// Whether something was left of which not all could be read.
    pub(super) fn has_left(&self) -> bool {
        self.has_left
    }

    /// Takes note of an item of today.
    pub(super) fn met(&mut self, locator: &str, facts: &Facts) {
        if facts.kind != Kind::Unallocated || self.then.is_empty() {
            return;
        }
        let Some((list, span)) = of(&mut self.then, locator) else { return };
        if let Some(span) = span {
            match list.free.last_mut() {
                Some(last) if last.1 == span.0 => last.1 = span.1,
                _ => list.free.push(span),
            }
        }
    }

    /// Takes note of a folder of today that is left and has no record.
    pub(super) fn left_folder(&mut self, facts: &Facts) {
        if facts.kind == Kind::Directory && !self.then.is_empty() {
            let folders = facts.names.iter().map(|name| key(&facts.volume, folder_of(name)));
            self.left_folders.extend(folders);
        }
    }

    /// Whether not all of the list of deleted entries that an item is of could be read.
    pub(super) fn lacks_deleted(&mut self, locator: &str, kind: Kind) -> bool {
        [Kind::Deleted, Kind::Recovered].contains(&kind)
            && of(&mut self.then, locator).is_some_and(|(list, _)| list.wanting.deleted)
    }

    /// Why nothing can be missing of an item of today that has no record.
    pub(super) fn covers(&mut self, locator: &str, kind: Kind) -> Option<&'static str> {
        let (list, _) = of(&mut self.then, locator)?;
        let wanting = &mut list.wanting;
        let covered = match kind {
            Kind::Deleted | Kind::Recovered => wanting.deleted,
            Kind::Unallocated => wanting.unallocated,
            Kind::Slack => wanting.slack.checked_sub(1).is_some_and(|fewer| {
                wanting.slack = fewer;
                true
            }),
            _ => false,
        };
        covered.then_some("not all of the list that it belongs to could be read then")
    }

    /// Where an item that has no record, and is to have one, may have been left. Each item that was left unread explains one.
    /// The folder that explains it is the highest of which nothing is on record, or else the one in which it stands.
    pub(super) fn left(&mut self, locator: &str, facts: &Facts, unsaid: &Unsaid) -> Option<Left> {
        let (list, _) = of(&mut self.then, locator)?;
        list.wanting.left = list.wanting.left.checked_sub(1)?;
        let above = |name: &RawName| {
            let mut chain: Vec<Short> = Vec::new();
            let mut at = parent_of(&name.0);
            while let Some(folder) = at {
                let own = key(&facts.volume, folder);
                let is_left = self.left_folders.contains(&own);
                if !is_left || !chain.is_empty() && unsaid.was_passed(&own) {
                    break;
                }
                chain.insert(0, own);
                if unsaid.was_passed(&own) {
                    break;
                }
                at = parent_of(folder);
            }
            (!chain.is_empty()).then_some(chain)
        };
        Some(facts.names.iter().find_map(above).map_or(Left::Itself, Left::In))
    }

    /// Why a record may have no item today: that list is not all read today, or what was free then is a part of what is free.
    pub(super) fn explains(&mut self, locator: &str, kind: Kind) -> Option<Unmet> {
        let today = self.today.iter().find(|(prefix, _)| locator.starts_with(&***prefix));
        let lacks = today.is_some_and(|(_, wanting)| match kind {
            Kind::Deleted | Kind::Recovered => wanting.deleted,
            Kind::Unallocated => wanting.unallocated,
            Kind::Slack => wanting.slack > 0,
            _ => false,
        });
        if lacks {
            return Some(Unmet::Today);
        }
        let (list, span) = of(&mut self.then, locator)?;
        let (from, to) = span.filter(|_| kind == Kind::Unallocated && list.wanting.unallocated)?;
        let at = list.free.partition_point(|free| free.1 < to);
        list.free.get(at).is_some_and(|free| free.0 <= from).then_some(Unmet::Then)
    }
}

/// Whose reading tells why a record has no item.
pub(super) enum Unmet {
    Then,
    Today,
}

/// The list of the volume that a locator is of, and the bytes of free space that it names.
fn of<'l>(
    lists: &'l mut BTreeMap<Box<str>, List>,
    locator: &str,
) -> Option<(&'l mut List, Option<(u64, u64)>)> {
    let (prefix, list) = lists.iter_mut().find(|(prefix, _)| locator.starts_with(&***prefix))?;
    let span = locator.get(prefix.len()..).and_then(|own| {
        let (start, length) = own.strip_prefix("unallocated:")?.split_once('+')?;
        let start: u64 = start.parse().ok()?;
        Some((start, start.checked_add(length.parse().ok()?)?))
    });
    Some((list, span))
}

fn prefix(volume: &str) -> Box<str> {
    format!("{volume}/").into()
}
