//! Where a run stopped that met a limit of its policy, found again on the medium.
//!
//! The order of a walk is fixed, and so is the item at which a limit is met: what lies behind that item and has no record
//! was not reached, and nothing is missing of it. What has no record and lies before it, or before an item that has one, is
//! missing as ever: an item that was left out cannot hide behind the limit.
//!
//! ```text
//! limits.items = 3     a b c d e        on record a b c:  d and e lie beyond
//!                                       on record a c:    b is missing
//!                                       on record a b:    c is missing, since two are fewer than three
//! ```

use scope::facts::{Facts, Kind};
use scope::policy::Limits;

use super::{FindingKind, Reexamination, called, shown};

/// How far the walk of today has come on the way of a run that stopped at a limit.
#[derive(Debug)]
pub(super) struct Stop {
    limits: Limits,
    /// Items of the walk so far that the run took: neither members of archives nor slack.
    items: u64,
    /// Bytes of the content and the slack of what it kept of them, and of what it kept of what is in them.
    kept: u64,
    /// Bytes that would be kept of what is in the item of the walk that comes next.
    within: u64,
    /// The item that is next: whether the policy keeps it, and the length of its slack.
    next: (bool, u64),
    /// Whether the place where the limit was met has been passed.
    passed: bool,
    /// Items without a record of which is not known yet whether they lie beyond that place.
    open: Vec<Open>,
    /// In a walk in which nothing is looked into: how many have no record since that place.
    skipped: u64,
}

/// What becomes of an item without a record, unless it lies beyond the stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Without {
    Missing,
    Left,
    Undecided,
}

#[derive(Debug)]
struct Open {
    what: Without,
    locator: Box<str>,
    called: Box<str>,
    of_walk: bool,
}

impl Stop {
    /// Whether the run stops before an item of the walk: as many items as the limit allows are taken, or its bytes would
    /// be more than may be kept.
    fn is_met_at(&self, facts: &Facts) -> bool {
        let size = self.size(facts).saturating_add(self.within);
        self.limits.items.is_some_and(|most| self.items >= most)
            || size > 0 && self.limits.bytes.is_some_and(|most| self.kept.saturating_add(size) > most)
    }

    /// How many bytes would be kept of the item that is next, and of its slack.
    fn size(&self, facts: &Facts) -> u64 {
        let (is_kept, slack) = self.next;
        if is_kept { slack.saturating_add(facts.content_size().unwrap_or(0)) } else { 0 }
    }
}

/// Whether an item comes of the walk itself.
fn is_of_walk(facts: &Facts) -> bool {
    !matches!(facts.kind, Kind::Member | Kind::Slack)
}

impl Reexamination {
    /// Says that the run stopped at a limit of its policy. From here on items are given in the order of the walk, and
    /// [`Reexamination::next`] comes before each item but slack.
    pub fn stopped_at(&mut self, limits: Limits) {
        let (next, open) = ((false, 0), Vec::new());
        self.stop = Some(Box::new(Stop {
            limits,
            items: 0,
            kept: 0,
            within: 0,
            next,
            passed: false,
            open,
            skipped: 0,
        }));
    }

    /// Says of the next item whether the policy keeps it, and how many bytes of slack come along with it.
    pub fn next(&mut self, is_kept: bool, slack: u64) {
        if let Some(stop) = &mut self.stop {
            stop.next = (is_kept, slack);
        }
    }

    /// Items that lie beyond the limit at which the run stopped, so far; `None` for a run that came to its end.
    #[must_use]
    pub fn beyond(&self) -> Option<u64> {
        self.stop.as_ref().map(|stop| stop.open.len() as u64)
    }

    /// As [`Reexamination::item`] would, for an item of the walk that nobody looks into: whether it lies beyond the place
    /// where the run stopped, unless an item that comes later has a record. `size` is asked where it decides:
    /// how many bytes the policy keeps of the item and of what is in it.
    ///
    /// What was kept is that of all records: where it is too much, a record follows. Of a policy that has slack read, the bytes
    /// are not known without a look into every item: any item of which something is kept is then taken for the one at which the limit was met.
    pub fn is_beyond(&mut self, locator: &str, slack: bool, size: impl FnOnce() -> u64) -> bool {
        let Some(stop) = &mut self.stop else { return false };
        if self.recorded.contains_key(locator) {
            // What was skipped before it was reached.
            let skipped = std::mem::take(&mut stop.skipped);
            stop.items = stop.items.saturating_add(1).saturating_add(skipped);
            stop.passed = false;
            return false;
        }
        if !stop.passed {
            let by_items = stop.limits.items.is_some_and(|most| stop.items >= most);
            let by_bytes = stop.limits.bytes.filter(|_| !by_items).is_some_and(|most| {
                let (all, size) = (self.recorded.values().map(|recorded| recorded.kept), size());
                size > 0 && (slack || all.fold(size, u64::saturating_add) > most)
            });
            stop.passed = by_items || by_bytes;
        }
        let count = if stop.passed { &mut stop.skipped } else { &mut stop.items };
        *count = count.saturating_add(1);
        stop.passed
    }

    /// Whether the place where the run stopped has been passed, as far as is known.
    pub(super) fn is_past_stop(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.passed)
    }

    /// After a walk in which nothing was looked into: what is looked into from here on comes in no order.
    pub fn end_of_walk(&mut self) {
        self.stop = None;
    }

    /// Takes note of an item that has a record: what came before it was reached.
    pub(super) fn reached(&mut self, facts: &Facts, kept: u64) {
        let Some(stop) = &mut self.stop else { return };
        if facts.kind != Kind::Slack {
            stop.kept = stop.kept.saturating_add(kept).saturating_add(stop.next.1);
        }
        if is_of_walk(facts) {
            stop.items = stop.items.saturating_add(1);
            stop.within = 0;
        }
        if stop.passed || is_of_walk(facts) {
            stop.passed = false;
            self.release();
        }
    }

    /// Takes note of an item without a record. Whether it lies beyond the stop, or it is not known yet.
    ///
    /// Members come before their archive, and so before anybody knows on which side it lies.
    pub(super) fn is_open(&mut self, locator: &str, facts: &Facts, what: Without) -> bool {
        let Some(stop) = &mut self.stop else { return false };
        let of_walk = is_of_walk(facts);
        if of_walk && !stop.passed {
            stop.passed = stop.is_met_at(facts);
            stop.within = 0;
            if !stop.passed {
                stop.items = stop.items.saturating_add(1);
                self.release();
                return false;
            }
        }
        let open = stop.passed || facts.kind == Kind::Member;
        if open {
            if facts.kind == Kind::Member {
                stop.within = stop.within.saturating_add(stop.size(facts));
            }
            let called = called(locator, facts).into();
            stop.open.push(Open { what, locator: locator.into(), called, of_walk });
        }
        open
    }

    /// What was open lies before an item that was reached.
    fn release(&mut self) {
        let Some(stop) = &mut self.stop else { return };
        let open = std::mem::take(&mut stop.open);
        let of_walk = open.iter().filter(|open| open.of_walk).count() as u64;
        stop.items = stop.items.saturating_add(of_walk);
        for Open { what, locator, called, .. } in open {
            match what {
                Without::Missing => {
                    let detail = format!("on the medium at {}, not in the ledger", shown(&locator));
                    self.raise(FindingKind::Missing, called.into(), detail);
                }
                Without::Left => self.left = self.left.saturating_add(1),
                Without::Undecided => self.no_record_and_undecided(&locator),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::testing::{Case, told};

    /// Six items of a walk, of which `on_record` were taken, at ten bytes each: what is missing, and how many lie beyond.
    fn walk(limits: Limits, on_record: &[usize]) -> (Vec<String>, u64) {
        let case = Case::new();
        let of = |number: usize| {
            let facts =
                Facts { names: vec![format!("/{number}").as_str().into()], ..case.items[2].facts.clone() };
            (format!("ext4:test/inode:{number}:0"), Facts { size: Some(10), ..facts })
        };
        let mut reexamination = Reexamination::new();
        for number in on_record {
            let (locator, facts) = of(*number);
            reexamination.recorded_item(&locator, &facts, None);
            reexamination.recorded.get_mut(locator.as_str()).unwrap().kept = 10;
        }
        reexamination.stopped_at(limits);
        for number in 1..=6 {
            let (locator, facts) = of(number);
            let member = Facts {
                kind: Kind::Member,
                names: vec![format!("/{number}!/m").as_str().into()],
                ..facts.clone()
            };
            // Its archive was taken, and this was not: it is in no record.
            if number % 2 == 0 && !on_record.contains(&number) {
                reexamination.item(&format!("{locator}/member:0"), &member);
            }
            reexamination.next(true, 0);
            reexamination.item(&locator, &facts);
        }
        let beyond = reexamination.beyond().unwrap();
        let found = reexamination.finish().iter().map(told).collect();
        (found, beyond)
    }

    #[test]
    fn what_lies_beyond_a_limit_is_counted_and_what_lies_before_it_is_missing() {
        let items = |most| Limits { items: Some(most), bytes: None };
        let bytes = |most| Limits { items: None, bytes: Some(most) };
        let missing = |number: &str| format!("missing /{number}: on the medium at ext4:test/inode:");
        let check = |limits: Limits, on_record: &[usize], expected: &[&str], beyond: u64| {
            let (found, counted) = walk(limits, on_record);
            assert_eq!(found.len(), expected.len(), "{on_record:?}: {found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.starts_with(&missing(expected)), "{found}");
            }
            assert_eq!(counted, beyond, "{on_record:?}");
        };
        // Members of 4 and 6 lie beyond, too.
        check(items(3), &[1, 2, 3], &[], 5);
        check(bytes(39), &[1, 2, 3], &[], 5);
        check(items(6), &[1, 2, 3, 4, 5, 6], &[], 0);
        // One before the last on record.
        check(items(3), &[1, 3, 4], &["2!/m", "2"], 3);
        check(bytes(39), &[1, 3, 4], &["2!/m", "2"], 3);
        // The last ones before the limit.
        check(items(4), &[1, 2, 3], &["4!/m", "4"], 3);
        check(bytes(60), &[1, 2, 3], &["4!/m", "4", "5", "6!/m", "6"], 0);
        // A limit that another item would have met: those that come later are on record.
        check(bytes(19), &[1, 3], &["2!/m", "2"], 5);
        check(Limits::default(), &[1, 2, 3, 4, 5], &["6!/m", "6"], 0);
    }
}
