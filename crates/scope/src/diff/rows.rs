//! What one name of an item comes to under both policies, and how the names of one item add up.
//!
//! A rule is true for an item if it is for one of its names. So what an item comes to is the join of its names'
//! rows: the greatest value of each tier, and all the looks that wait. Rows that agree are one row, and the joins
//! of a few rows are all the items that there can be.

use std::collections::{BTreeMap, BTreeSet};

use crate::board::rule_value;
use crate::compile::{Compiled, RuleTier};
use crate::facts::Look;
use crate::policy::{Effect, Policy, UnknownDefault};
use crate::trit::Trit;

/// Which of the looks beyond metadata were taken, as bits.
pub(super) type Looks = u8;

const BEYOND: [Look; 3] = [Look::Type, Look::Hash, Look::Content];

pub(super) fn bit(look: Look) -> Looks {
    BEYOND.iter().position(|own| *own == look).map_or(0, |at| 1 << at)
}

/// The words of some looks.
pub(super) fn words(looks: Looks) -> Vec<&'static str> {
    BEYOND.iter().filter(|look| looks & bit(**look) != 0).map(|look| look.word()).collect()
}

/// Some effects of rules, as bits.
pub(super) type Effects = u8;

pub(super) fn bit_of(effect: Effect) -> Effects {
    match effect {
        Effect::Exclude => 1,
        Effect::Include => 2,
        Effect::Withhold => 4,
        Effect::Hold => 8,
    }
}

/// One policy, ready to be evaluated on cells.
pub(super) struct Side<'p> {
    pub(super) policy: &'p Policy,
    compiled: &'p Compiled,
    /// Where its atoms begin among those of both policies.
    pub(super) first: usize,
    tiers: Vec<RuleTier>,
    /// The sets of looks that a decision can come to.
    stages: Vec<Looks>,
    /// The looks that may be taken, in their order.
    open: Vec<Look>,
}

/// The values of each tier at each stage for one policy, each with the looks that wait for it.
type Tiers = Vec<(Trit, Looks)>;

/// What one name, or several of one item, come to under both policies.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Row {
    pub(super) before: Tiers,
    pub(super) after: Tiers,
    /// A bit for each pair of stages, in which some name is shown by the one policy and not by the other.
    pub(super) shown_after: u64,
    pub(super) shown_before: u64,
}

/// What becomes of an item: as `Outcome`, with the compartments by position in the policy.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Fate {
    Captured,
    Held(usize),
    Listed,
    ListedTo(usize),
    Left(Why),
}

impl Fate {
    /// Of what was deleted, where it is held for that compartment: as `decide` has it.
    pub(super) fn of_deleted(self, compartment: usize) -> Self {
        match self {
            Self::Captured => Self::Held(compartment),
            other => other,
        }
    }

    /// Of slack that is held for that compartment: there is none of what is not kept.
    pub(super) fn of_slack(self, compartment: usize) -> Self {
        match self {
            Self::Captured => Self::Held(compartment),
            Self::Listed | Self::ListedTo(_) => Self::Left(Why::OutOfScope),
            other => other,
        }
    }
}

/// Why an item is left.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Why {
    Excluded,
    OutOfScope,
    Undetermined,
}

impl<'p> Side<'p> {
    pub(super) fn new(policy: &'p Policy, first: usize, used: &BTreeSet<usize>) -> Self {
        let compiled = &policy.compiled;
        let tiers = [RuleTier::Exclude, RuleTier::Include, RuleTier::Withhold].into_iter();
        let tiers = tiers.chain((0..compiled.compartments).map(RuleTier::Hold)).collect();
        let atoms =
            compiled.atoms.iter().enumerate().filter(|(at, _)| used.contains(&first.saturating_add(*at)));
        let needed: BTreeSet<Look> = atoms.map(|(_, atom)| atom.look).collect();
        let open: Vec<Look> =
            policy.target().inspect.iter().filter(|look| needed.contains(look)).copied().collect();
        let open: Vec<Look> = open.into_iter().filter(|look| *look != Look::Metadata).collect();
        let mut stages = vec![0];
        for look in &open {
            stages = stages.iter().flat_map(|have| [*have, have | bit(*look)]).collect();
        }
        Self { policy, compiled, first, tiers, stages, open }
    }

    /// The tiers for one name at each stage, from the values of all atoms once all looks are taken.
    fn tiers(&self, values: &[Trit], has_content: bool) -> Tiers {
        let mut tiers = Vec::with_capacity(self.stages.len().saturating_mul(self.tiers.len()));
        for taken in &self.stages {
            let seen = |atom: usize, look: Look| {
                let hidden = has_content && look != Look::Metadata && taken & bit(look) == 0;
                if hidden {
                    Trit::U
                } else {
                    values.get(self.first.saturating_add(atom)).copied().unwrap_or(Trit::U)
                }
            };
            let looks = |at: usize| self.compiled.atoms.get(at).map_or(Look::Metadata, |atom| atom.look);
            let selectors: Vec<Trit> = self
                .compiled
                .selectors
                .iter()
                .map(|(_, from, until)| Trit::and((*from..*until).map(|at| seen(at, looks(at)))))
                .collect();
            for tier in &self.tiers {
                let (mut most, mut waits) = (Trit::F, 0);
                for rule in self.compiled.rules.iter().filter(|rule| rule.tier == *tier) {
                    let value = rule_value(rule, &selectors);
                    most = most.max(value);
                    if value != Trit::U {
                        continue;
                    }
                    for selector in rule.any.iter().chain(&rule.all).chain(&rule.unless) {
                        let Some((_, from, until)) = self.compiled.selectors.get(*selector) else { continue };
                        if selectors.get(*selector) == Some(&Trit::U) {
                            waits = (*from..*until)
                                .filter(|at| seen(*at, looks(*at)) == Trit::U)
                                .fold(waits, |all, at| all | bit(looks(at)));
                        }
                    }
                }
                tiers.push((most, waits));
            }
        }
        tiers
    }

    fn tier(&self, tiers: &Tiers, stage: usize, tier: usize) -> (Trit, Looks) {
        let at = stage.saturating_mul(self.tiers.len()).saturating_add(tier);
        tiers.get(at).copied().unwrap_or((Trit::U, 0))
    }

    /// Whether a name of which this is the row is shown, once decided at that stage.
    fn shows(&self, tiers: &Tiers, stage: usize) -> bool {
        self.tier(tiers, stage, 1).0 == Trit::T && self.tier(tiers, stage, 0).0 == Trit::F
    }

    /// What becomes of the item, at which stage. The steps are those of `decide`.
    pub(super) fn fate(&self, tiers: &Tiers) -> (Fate, usize) {
        let mut stage = 0;
        loop {
            let value = |tier| self.tier(tiers, stage, tier).0;
            if let Some(fate) = self.decided(value) {
                return (fate, stage);
            }
            let taken = self.stages.get(stage).copied().unwrap_or(0);
            let holds = (HOLDS..self.tiers.len()).take_while(|tier| value(*tier) != Trit::T);
            let pending = (0..HOLDS).chain(holds).filter(|tier| value(*tier) == Trit::U);
            let waits = pending.fold(0, |all, tier| all | self.tier(tiers, stage, tier).1);
            let next =
                self.open.iter().map(|look| bit(*look)).find(|look| waits & look != 0 && taken & look == 0);
            let Some(at) = next.and_then(|look| self.stages.iter().position(|own| *own == taken | look))
            else {
                return (self.undetermined(value(2)), stage);
            };
            stage = at;
        }
    }

    fn decided(&self, value: impl Fn(usize) -> Trit) -> Option<Fate> {
        match (value(0), value(1)) {
            (Trit::T, _) => return Some(Fate::Left(Why::Excluded)),
            (_, Trit::F) => return Some(Fate::Left(Why::OutOfScope)),
            (Trit::U, _) | (_, Trit::U) => return None,
            _ => {}
        }
        let withheld = match value(2) {
            Trit::U => return None,
            known => known == Trit::T,
        };
        for tier in HOLDS..self.tiers.len() {
            match value(tier) {
                Trit::U => return None,
                Trit::F => {}
                Trit::T if withheld => return Some(Fate::ListedTo(tier.saturating_sub(HOLDS))),
                Trit::T => return Some(Fate::Held(tier.saturating_sub(HOLDS))),
            }
        }
        Some(if withheld { Fate::Listed } else { Fate::Captured })
    }

    /// Whether the two are one fate: a compartment is known by its id, not by its place.
    pub(super) fn is_alike(&self, own: Fate, other: &Side<'_>, fate: Fate) -> bool {
        let id = |policy: &Policy, at: usize| policy.compartments().get(at).map(|own| own.id.clone());
        match (own, fate) {
            (Fate::Held(a), Fate::Held(b)) | (Fate::ListedTo(a), Fate::ListedTo(b)) => {
                id(self.policy, a) == id(other.policy, b)
            }
            (a, b) => a == b,
        }
    }

    fn undetermined(&self, withheld: Trit) -> Fate {
        match &self.policy.defaults().unknown {
            UnknownDefault::Hold(id) if withheld != Trit::T => {
                let at = self.policy.compartments().iter().position(|own| own.id == *id);
                at.map_or(Fate::Left(Why::Undetermined), Fate::Held)
            }
            _ => Fate::Left(Why::Undetermined),
        }
    }

    /// The value of each kind of rule once decided at that stage: exclude, include, withhold, and each compartment's.
    fn values(&self, tiers: &Tiers, stage: usize) -> ([Trit; HOLDS], BTreeMap<&str, Trit>) {
        let value = |tier| self.tier(tiers, stage, tier).0;
        let ids = self.policy.compartments().iter().map(|own| own.id.as_str());
        ([value(0), value(1), value(2)], ids.zip((HOLDS..self.tiers.len()).map(value)).collect())
    }

    pub(super) fn looks(&self, stage: usize) -> Looks {
        self.stages.get(stage).copied().unwrap_or(0)
    }
}

/// The effects whose rules come to different values under the two, each once decided at its stage.
pub(super) fn differing(before: (&Side<'_>, usize), after: (&Side<'_>, usize), item: &Row) -> Effects {
    let (old, holds) = before.0.values(&item.before, before.1);
    let (new, other_holds) = after.0.values(&item.after, after.1);
    let effects = [Effect::Exclude, Effect::Include, Effect::Withhold].into_iter();
    let single = effects.zip(old.iter().zip(&new)).filter(|(_, (old, new))| old != new);
    let hold = (holds != other_holds).then_some(Effect::Hold);
    single.map(|(effect, _)| effect).chain(hold).fold(0, |all, effect| all | bit_of(effect))
}

/// Where the compartments begin among the tiers: after exclude, include and withhold.
const HOLDS: usize = 3;

/// Most stages of one policy: the subsets of three looks.
const STAGES: usize = 8;

impl Row {
    /// The row of one name. A name that was not found is not shown.
    pub(super) fn of(
        before: &Side<'_>,
        after: &Side<'_>,
        values: &[Trit],
        has_content: bool,
        found: bool,
    ) -> Self {
        let (old, new) = (before.tiers(values, has_content), after.tiers(values, has_content));
        let (mut shown_after, mut shown_before) = (0, 0);
        for a in 0..before.stages.len() {
            for b in 0..after.stages.len() {
                let (was, is) = (before.shows(&old, a), after.shows(&new, b));
                let pair = pair(a, b);
                shown_after |= if found && is && !was { pair } else { 0 };
                shown_before |= if found && was && !is { pair } else { 0 };
            }
        }
        Self { before: old, after: new, shown_after, shown_before }
    }

    /// The row of an item that has the names of both.
    pub(super) fn join(&self, other: &Self) -> Self {
        let join = |a: &Tiers, b: &Tiers| a.iter().zip(b).map(|(x, y)| (x.0.max(y.0), x.1 | y.1)).collect();
        Self {
            before: join(&self.before, &other.before),
            after: join(&self.after, &other.after),
            shown_after: self.shown_after | other.shown_after,
            shown_before: self.shown_before | other.shown_before,
        }
    }

    pub(super) fn differs(&self) -> bool {
        self.before != self.after || self.shown_after != 0 || self.shown_before != 0
    }
}

/// The bit of two stages.
pub(super) fn pair(before: usize, after: usize) -> u64 {
    1_u64
        .checked_shl(u32::try_from(before.saturating_mul(STAGES).saturating_add(after)).unwrap_or(u32::MAX))
        .unwrap_or(0)
}
