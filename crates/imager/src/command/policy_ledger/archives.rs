//! Archives under two policies: whether what is in one is an item at all hangs on what becomes of it, and that on what is in it.
//!
//! ```text
//! /d/box.zip!/a.txt       captured -> captured       waits for what becomes of box.zip
//! /d/box.zip!/b.txt       captured -> left
//! /d/box.zip              captured -> left           one of two is captured: it is not taken whole
//! ```
//!
//! The members of an archive come before it. What cannot be worked out from the records is not said.

use std::collections::{BTreeMap, BTreeSet};

use evidence::item::Parts;
use scope::facts::{ContainerFact, EndFact, Facts, Kind, TypeFact};
use scope::policy::Effect;
use scope::{Outcome, Policy, decide_from_metadata};

use super::{Item, Side, side_of};
use crate::command::other_content::OtherContent;

/// One of the two policies, beside the one of the ledger.
pub(super) struct Reader<'p> {
    policy: &'p Policy,
    own: &'p Policy,
    content: OtherContent,
    /// Whether it may bar the name of an entry that has no record.
    bars: bool,
    /// Whether other folders are closed than under the ledger's policy.
    closes_otherwise: bool,
}

/// What a policy makes of one record.
struct Made {
    side: Side,
    /// Whether it is an archive that is opened; none where that cannot be said.
    opened: Option<bool>,
    /// Whether it keeps the archive that it is in from being taken whole; none where that cannot be said.
    barred: Option<bool>,
}

/// What the members of one archive come to under a policy.
#[derive(Clone, Copy, Debug, Default)]
struct Within {
    records: u64,
    captured: u64,
    barred: u64,
    unsaid: bool,
}

impl<'p> Reader<'p> {
    pub(super) fn new(own: &'p Policy, policy: &'p Policy) -> Self {
        Self {
            policy,
            own,
            content: OtherContent::of(own, policy),
            bars: policy.rules().iter().any(|rule| rule.effect != Effect::Include),
            closes_otherwise: policy.target().closed.iter().map(scope::glob::Glob::text).ne(own
                .target()
                .closed
                .iter()
                .map(scope::glob::Glob::text)),
        }
    }

    fn read(&self, parts: &Parts, within: Option<Within>) -> Made {
        let (policy, facts) = (self.policy, &parts.facts);
        if policy.id() == self.own.id() {
            // Nothing is worked out that is on record.
            let side = side_of(decide_from_metadata(policy, facts));
            let barred = scope::is_barred(policy, facts);
            return Made { side, opened: Some(facts.container.is_some()), barred: Some(barred) };
        }
        let Some(tried) = self.content.tried(facts) else {
            let because = "too many of its searches are not on record".to_owned();
            return Made { side: Side { outcome: None, because }, opened: None, barred: None };
        };
        let mut all = Vec::new();
        for facts in &tried.each {
            self.each(facts, within, &mut all);
        }
        let one = |values: BTreeSet<Option<bool>>| match values.into_iter().collect::<Vec<_>>().as_slice() {
            [value] => *value,
            _ => None,
        };
        let opened = one(all.iter().map(|own| own.opened).collect());
        let barred = one(all.iter().map(|own| own.barred).collect());
        let outcomes: BTreeSet<&Option<Outcome>> = all.iter().map(|own| &own.side.outcome).collect();
        let because: BTreeSet<&str> = all.iter().map(|own| own.side.because.as_str()).collect();
        let side = match outcomes.into_iter().collect::<Vec<_>>().as_slice() {
            [outcome] => {
                let because = because.into_iter().collect::<Vec<_>>().join(" or ");
                Side { outcome: (*outcome).clone(), because }
            }
            _ if tried.open.is_empty() => {
                let because = "hangs on what is in it, of which not all is on record".to_owned();
                Side { outcome: None, because }
            }
            _ => {
                let open = tried.open.join(" and ");
                let because =
                    format!("hangs on {open}, which its content was not, or not wholly, searched for");
                Side { outcome: None, because }
            }
        };
        Made { side, opened, barred }
    }

    /// What an item of these facts comes to, with each of the facts `container` that it can have.
    fn each(&self, facts: &Facts, within: Option<Within>, all: &mut Vec<Made>) {
        if let Some(own) = &facts.type_fact
            && own.end.is_none()
            && scope::asks_for_end(self.policy, facts.kind_for_rules(), &own.name)
        {
            // Nobody looked whether it ends as a zip.
            for zip in [false, true] {
                let end = Some(EndFact { zip, examined: 0 });
                let own = TypeFact { end, ..own.clone() };
                self.each(&Facts { type_fact: Some(own), ..facts.clone() }, within, all);
            }
            return;
        }
        let closed = Facts { container: None, ..facts.clone() };
        let made = self.made(&closed);
        if made.opened != Some(true) {
            all.push(made);
            return;
        }
        let Some(held) = &facts.container else {
            let because = "it would be opened, and what is in it is not on record".to_owned();
            all.push(Made { side: Side { outcome: None, because }, opened: Some(true), barred: None });
            return;
        };
        for container in self.containers(held, within) {
            let made = self.made(&Facts { container: Some(container), ..closed.clone() });
            all.push(Made { opened: Some(true), ..made });
        }
    }

    fn made(&self, facts: &Facts) -> Made {
        let decision = decide_from_metadata(self.policy, facts);
        let taken = decision.as_ref().ok().map(|decision| facts.up_to(&decision.looks));
        Made {
            opened: taken.as_ref().map(|taken| scope::opens(self.policy, taken)),
            barred: taken.as_ref().map(|taken| scope::is_barred(self.policy, taken)),
            side: side_of(decision),
        }
    }

    /// What opening it can have found, under this policy: one where all that matters is on record.
    fn containers(&self, held: &ContainerFact, within: Option<Within>) -> Vec<ContainerFact> {
        let known = within.or((held.members == 0).then(Within::default));
        let known = known.filter(|own| !own.unsaid && own.records == held.members && !self.closes_otherwise);
        let with = |captured, barred, trouble: Option<String>| ContainerFact {
            captured,
            barred,
            trouble,
            ..held.clone()
        };
        let Some(Within { captured, barred, .. }) = known else {
            let trouble = Some("not on record".to_owned());
            return vec![
                with(held.members, 0, None),
                with(0, 0, None),
                with(0, 1, None),
                with(held.members, 0, trouble),
            ];
        };
        // Below a closed folder nothing is on record but that there is something.
        let below = held.trouble.as_deref().is_some_and(|trouble| trouble.contains("target.closed"));
        let barred = if below { barred.max(1) } else { barred };
        let mut all = vec![with(captured, barred, held.trouble.clone())];
        if held.others > 0 && (self.bars || held.trouble.is_some()) {
            // The names of folders and links are not on record.
            all.push(with(captured, barred, None));
        }
        if held.others > 0 && self.bars {
            all.push(with(captured, barred, Some("a name that may be barred".to_owned())));
            all.push(with(captured, barred.saturating_add(1), None));
        }
        all
    }
}

/// A record that was read, and waits for what becomes of the archive that it is in.
struct Waiting {
    sides: [Side; 2],
    bytes: u64,
    item: Item,
}

#[derive(Default)]
struct Group {
    waiting: Vec<Waiting>,
    within: [Within; 2],
}

/// Records under two policies, in the ledger's order.
pub(super) struct Archives<'p> {
    readers: [Reader<'p>; 2],
    groups: BTreeMap<String, Group>,
}

/// What is told of each record: what it comes to under either, its bytes, and the item.
pub(super) type Each<'e> = dyn FnMut([Side; 2], u64, Item) + 'e;

impl<'p> Archives<'p> {
    pub(super) fn new(own: &'p Policy, before: &'p Policy, after: &'p Policy) -> Self {
        Self { readers: [Reader::new(own, before), Reader::new(own, after)], groups: BTreeMap::new() }
    }

    /// Takes a record, and tells of those that are decided now.
    pub(super) fn record(&mut self, locator: &str, parts: &Parts, item: Item, each: &mut Each<'_>) {
        let group = if parts.facts.kind == Kind::Slack { None } else { self.groups.remove(locator) }
            .unwrap_or_default();
        let found = !group.waiting.is_empty();
        let made = [0, 1].map(|at| {
            let within = group.within.get(at).copied().filter(|_| found);
            self.readers.get(at).map(|reader| reader.read(parts, within))
        });
        let [Some(before), Some(after)] = made else { return };
        let mut told = group.waiting;
        for own in &mut told {
            for (side, made) in own.sides.iter_mut().zip([&before, &after]) {
                match made.opened {
                    Some(true) => {}
                    Some(false) => *side = Side { outcome: None, because: NOT_OPENED.to_owned() },
                    None => *side = Side { outcome: None, because: MAYBE_OPENED.to_owned() },
                }
            }
        }
        let bytes = parts.facts.content_size().unwrap_or(0);
        let parent =
            parts.facts.member.as_ref().map(|member| self.groups.entry(member.of.clone()).or_default());
        let Some(parent) = parent else {
            told.push(Waiting { sides: [before.side, after.side], bytes, item });
            told.into_iter().for_each(|own| each(own.sides, own.bytes, own.item));
            return;
        };
        for (within, made) in parent.within.iter_mut().zip([&before, &after]) {
            within.records = within.records.saturating_add(1);
            let captured = made.side.outcome == Some(Outcome::Captured);
            within.captured = within.captured.saturating_add(u64::from(captured));
            within.barred = within.barred.saturating_add(u64::from(made.barred == Some(true)));
            within.unsaid |= made.side.outcome.is_none() || made.barred.is_none();
        }
        told.push(Waiting { sides: [before.side, after.side], bytes, item });
        parent.waiting.append(&mut told);
    }

    /// All records were taken: of archives that have none themselves nothing can be said but what was recorded.
    pub(super) fn finish(self, each: &mut Each<'_>) {
        let [before, after] = self.readers.map(|reader| reader.policy.id() == reader.own.id());
        for own in self.groups.into_values().flat_map(|group| group.waiting) {
            let mut sides = own.sides;
            for (side, is_own) in sides.iter_mut().zip([before, after]) {
                if !is_own {
                    *side = Side { outcome: None, because: MAYBE_OPENED.to_owned() };
                }
            }
            each(sides, own.bytes, own.item);
        }
    }
}

const NOT_OPENED: &str = "no item of its own, since its archive is not opened";
const MAYBE_OPENED: &str = "whether its archive is opened cannot be said";
