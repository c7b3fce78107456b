//! Items that have no record, and records that have no item: what explains them.

use scope::facts::{Facts, Kind, Look};

use super::content::Preserved;
use super::lists::{Left, Lists, Unmet};
use super::stop::Without;
use super::{Reexamination, Unsaid};
use crate::acquisition::{WalkStatement, Wanting};
use crate::replay::finding::{FindingKind, shown};

impl Reexamination {
    /// Takes in, before any item, what the acquisition says of volumes: of what there is no item that could say that it was not read.
    pub fn wanting<'w>(&mut self, walks: impl IntoIterator<Item = &'w WalkStatement>) {
        walks.into_iter().for_each(|walk| self.lists.stated(&walk.volume, walk.wanting));
    }

    /// Takes in what of its lists today's walk of `volume`, by its name in the acquisition, could not read.
    pub fn wanting_today(&mut self, volume: &str, wanting: Wanting) {
        self.lists.today(volume, wanting);
    }

    /// Why nothing can be missing of an item that has no record.
    pub(super) fn excuses(&mut self, locator: &str, facts: &Facts) -> Option<&'static str> {
        let why = self.unsaid.covers(locator, facts, &mut self.recorded);
        why.or_else(|| self.lists.covers(locator, facts.kind))
    }

    /// As [`Reexamination::item`], for an item that the policy leaves, under `record.left = "counts"`.
    ///
    /// No record of it is kept, so none is missing. Returns whether the ledger has one all the same.
    pub fn left_item(&mut self, locator: &str, facts: &Facts) -> bool {
        if self.recorded.contains_key(locator) {
            self.item(locator, facts);
            return true;
        }
        self.lists.met(locator, facts);
        let past = self.is_past_stop();
        if !past && self.lists.covers(locator, facts.kind).is_some() {
            self.left_of_lists = self.left_of_lists.saturating_add(1);
        } else if let Some(why) =
            if past { None } else { self.unsaid.covers(locator, facts, &mut self.recorded) }
        {
            self.unsaid.add_unknown(locator, why);
            self.unsaid.left = self.unsaid.left.saturating_add(1);
        } else if !self.is_open(locator, facts, Without::Left) {
            self.left = self.left.saturating_add(1);
            self.lists.left_folder(facts);
            let without = facts.failures.iter().any(|failure| failure.look == Look::Content);
            if without && self.unopened.without_record(locator, self.recorded.keys().map(|own| &**own)) {
                self.unread.add(format!("{}: it cannot be opened today", shown(locator)));
            }
        }
        false
    }

    /// After the whole medium, under `record.left = "counts"`: as many items are left as the inventory has lines of
    /// that outcome.
    pub fn left_lines(&mut self, lines: u64) {
        let most = self.left.saturating_add(self.unread.undecided).saturating_add(self.unsaid.left);
        // How many members were left of a container that cannot be opened today is not known.
        let most = if self.unopened.is_empty() { most } else { u64::MAX };
        // Nor how many of a list that was not all read, or what stood in a folder that was left.
        let all = self.left_of_lists;
        let unread = self.lists.has_left();
        if all > 0 && !unread && (self.left..most.saturating_add(all)).contains(&lines)
            || unread && lines != self.left.saturating_add(all)
        {
            let what = format!(
                "the inventory has {lines} lines of what was left, the original {} items, and not all of them could be read then",
                self.left.saturating_add(all)
            );
            self.unsaid.add_unknown("outcome left", &what);
        } else if !(self.left..=most.saturating_add(all)).contains(&lines) {
            let detail = format!("outcome left: {lines} lines, {} items on the medium", self.left);
            self.raise(FindingKind::Count, String::new(), detail);
        }
    }

    /// After the whole medium, and before it is asked what was not compared: records of lists that were not all read, then or today.
    pub fn walked(&mut self) {
        let of_lists = [Kind::Deleted, Kind::Recovered, Kind::Unallocated, Kind::Slack];
        let unmet =
            self.recorded.iter().filter(|(_, recorded)| !recorded.met && of_lists.contains(&recorded.kind));
        let mut unmet: Vec<(Box<str>, Kind)> =
            unmet.map(|(locator, recorded)| (locator.clone(), recorded.kind)).collect();
        unmet.sort_unstable();
        for (locator, kind) in unmet {
            let of_excused = kind == Kind::Slack
                && locator
                    .rsplit_once('/')
                    .and_then(|(of, _)| self.recorded.get(of))
                    .is_some_and(|of| of.excused);
            // Slack of zeros is no item. All that was read of this one is zeros.
            let object = self.recorded.get(&locator).and_then(|recorded| recorded.object.as_deref());
            if kind == Kind::Slack && object.is_some_and(Preserved::is_zeros_in_part) {
                if let Some(recorded) = self.recorded.get_mut(&locator) {
                    recorded.met = true;
                }
                continue;
            }
            match self.lists.explains(&locator, kind) {
                Some(Unmet::Today) => {
                    let what = "not all of the list that it belongs to can be read today";
                    self.unread.add(format!("{}: {what}", shown(&locator)));
                }
                Some(Unmet::Then) => {
                    let what = "it is a part of what is free; not all of that list could be read then";
                    self.unsaid.add_unknown(&locator, what);
                }
                None if of_excused => {
                    self.unsaid.add_unknown(&locator, "its file was kept by what could not all be read then");
                }
                None => continue,
            }
            if let Some(recorded) = self.recorded.get_mut(&locator) {
                recorded.met = true;
            }
        }
    }
}

/// Why an item that is to have a record may have none: it, or its folder, is one of those that were left unread.
pub(super) fn was_left(
    (lists, unsaid): (&mut Lists, &mut Unsaid),
    locator: &str,
    facts: &Facts,
) -> Option<&'static str> {
    match lists.left(locator, facts, unsaid)? {
        Left::In(folders) => folders.into_iter().for_each(|folder| unsaid.cover_folder(folder)),
        Left::Itself => {}
    }
    unsaid.cover_below(facts);
    Some("it was left, or its folder was, and not all of what was left could be read then")
}
