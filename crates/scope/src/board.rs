//! The values of everything for one item: atoms, selectors and rules.
//!
//! ```text
//!            atoms            selectors
//! name 1     T F F T U F      F T U          one row per name; the trits of a record are its atoms
//! name 2     F F F T U F      F F U
//! rules      F T U                           true where they are for one of the names
//! ```
//!
//! Made for every item, and again in part for each look: all rows share one vector, and nothing is looked up by name.

use crate::atom::{Name, value};
use crate::compile::{Compiled, CompiledAtom, CompiledRule, RuleTier};
use crate::facts::{Facts, Kind, Look};
use crate::looks::Looks;
use crate::outcome::{Decision, Outcome, Tier};
use crate::policy::{Policy, UnknownDefault};
use crate::trit::Trit;

/// See the module's page.
pub(crate) struct Board<'a> {
    compiled: &'a Compiled,
    pub(crate) facts: &'a Facts,
    /// Looks whose facts count; those of others are as if they were not there.
    pub(crate) taken: Looks,
    /// Whether there are names that were not found.
    unseen: bool,
    /// One row per name, or one for an item without; after them, where names are missing, one for a name unseen.
    values: Vec<Trit>,
    /// How many rows there are.
    rows: usize,
    /// Per rule.
    pub(crate) rules: Vec<Trit>,
}

/// The values for one name.
#[derive(Clone, Copy)]
pub(crate) struct Row<'b> {
    compiled: &'b Compiled,
    pub(crate) atoms: &'b [Trit],
    pub(crate) selectors: &'b [Trit],
}

impl<'a> Board<'a> {
    /// The values by all looks that were taken.
    pub(crate) fn of(compiled: &'a Compiled, facts: &'a Facts) -> Self {
        Self::on(compiled, facts, Looks::of(&facts.looks))
    }

    /// The values by the looks `taken` alone.
    pub(crate) fn on(compiled: &'a Compiled, facts: &'a Facts, taken: Looks) -> Self {
        // A directory's count is of its subdirectories: it has one name.
        let counted = facts.links.filter(|_| facts.kind != Kind::Directory);
        let unseen = counted.is_some_and(|links| links > facts.names.len() as u64);
        Self::with(compiled, facts, taken, unseen)
    }

    /// The values by all looks that were taken, of an item with a name that was not found, or without.
    pub(crate) fn unseen(compiled: &'a Compiled, facts: &'a Facts, unseen: bool) -> Self {
        Self::with(compiled, facts, Looks::of(&facts.looks), unseen)
    }

    fn with(compiled: &'a Compiled, facts: &'a Facts, taken: Looks, unseen: bool) -> Self {
        let names = facts.names.len();
        let rows = names.max(1).saturating_add(usize::from(unseen && names > 0));
        let width = compiled.atoms.len().saturating_add(compiled.selectors.len());
        let values = vec![Trit::U; rows.saturating_mul(width)];
        let rules = vec![Trit::U; compiled.rules.len()];
        let mut board = Self { compiled, facts, taken, unseen, values, rows, rules };
        board.fill(|_| true);
        board
    }

    /// Takes one more look of those on record.
    pub(crate) fn take(&mut self, look: Look) {
        self.taken = self.taken.with(look);
        self.fill(|atom| atom.look == look);
    }

    /// Finds the values of the atoms that are `wanted`, and of all that follows from them.
    fn fill(&mut self, wanted: impl Fn(&CompiledAtom) -> bool) {
        let Self { compiled, facts, taken, unseen, .. } = *self;
        let of_names = compiled.atoms.iter().any(|atom| atom.test.is_of_name() && wanted(atom));
        let applies = |atom: &CompiledAtom| atom.look == Look::Metadata || facts.kind.has_content();
        self.rules.fill(Trit::F);
        let mut rest = self.values.as_mut_slice();
        for row in 0..self.rows {
            let name = facts.names.get(row).filter(|_| of_names);
            let name = name.map(|name| Name::new(name.bytes(), facts, compiled));
            let (atoms, after) = rest.split_at_mut_checked(compiled.atoms.len()).unwrap_or_default();
            let (selectors, after) = after.split_at_mut_checked(compiled.selectors.len()).unwrap_or_default();
            rest = after;
            for (atom, slot) in compiled.atoms.iter().zip(atoms.iter_mut()).filter(|(atom, _)| wanted(atom)) {
                *slot = match value(atom, compiled, facts, taken, name.as_ref()) {
                    // A name that was not found may be the one that matches.
                    Trit::F if unseen && atom.test.is_of_name() && applies(atom) => Trit::U,
                    value => value,
                };
            }
            for ((_, start, end), slot) in compiled.selectors.iter().zip(selectors.iter_mut()) {
                *slot = Trit::and(atoms.get(*start..*end).unwrap_or_default().iter().copied());
            }
            for (rule, slot) in compiled.rules.iter().zip(&mut self.rules) {
                *slot = (*slot).max(rule_value(rule, selectors));
            }
        }
    }

    /// The rows, in the order of the names.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let compiled = self.compiled;
        let mut rest = self.values.as_slice();
        (0..self.rows).map(move |_| {
            let (atoms, after) = rest.split_at_checked(compiled.atoms.len()).unwrap_or_default();
            let (selectors, after) = after.split_at_checked(compiled.selectors.len()).unwrap_or_default();
            rest = after;
            Row { compiled, atoms, selectors }
        })
    }

    pub(crate) fn tier(&self, tier: RuleTier) -> Trit {
        let rules = self.compiled.rules.iter().zip(&self.rules);
        Trit::or(rules.filter(|(rule, _)| rule.tier == tier).map(|(_, value)| *value))
    }

    /// The outcome and its tier, if the facts suffice.
    pub(crate) fn outcome(&self, policy: &Policy) -> Option<(Outcome, Tier)> {
        let (excluded, included) = (self.tier(RuleTier::Exclude), self.tier(RuleTier::Include));
        if excluded == Trit::T {
            return Some((Outcome::Left, Tier::Excluded));
        }
        if included == Trit::F {
            return Some((Outcome::Left, Tier::OutOfScope));
        }
        if excluded == Trit::U || included == Trit::U {
            return None;
        }
        let withheld = match self.tier(RuleTier::Withhold) {
            Trit::U => return None,
            known => known == Trit::T,
        };
        for (at, compartment) in policy.compartments().iter().enumerate() {
            match self.tier(RuleTier::Hold(at)) {
                Trit::U => return None,
                Trit::F => {}
                Trit::T if withheld => {
                    return Some((Outcome::ListedTo(compartment.id.clone()), Tier::WithheldAndHeld));
                }
                Trit::T => return Some((Outcome::Held(compartment.id.clone()), Tier::Held)),
            }
        }
        Some(if withheld { (Outcome::Listed, Tier::Withheld) } else { (Outcome::Captured, Tier::Included) })
    }

    /// Whether a rule excludes, holds or withholds the item, so that it is not captured, whatever else is unknown.
    pub(crate) fn is_barred(&self) -> bool {
        let holds = (0..self.compiled.compartments).map(RuleTier::Hold);
        let mut tiers = [RuleTier::Exclude, RuleTier::Withhold].into_iter().chain(holds);
        tiers.any(|tier| self.tier(tier) == Trit::T)
    }

    /// Whether a rule keeps the item from whoever gets what is captured, and what is unknown: one excludes or withholds it, or
    /// holds it for somebody else than has what is unknown.
    pub(crate) fn is_kept_apart(&self, policy: &Policy) -> bool {
        let is_true = |tier| self.tier(tier) == Trit::T;
        let first = policy.compartments().iter().enumerate().find(|(at, _)| is_true(RuleTier::Hold(*at)));
        let held_apart = first.is_some_and(|(_, own)| match &policy.defaults().unknown {
            UnknownDefault::Hold(id) => own.id != *id,
            UnknownDefault::Left => true,
        });
        held_apart || is_true(RuleTier::Exclude) || is_true(RuleTier::Withhold)
    }

    /// The tiers that are still unknown and that the decision can come to.
    pub(crate) fn pending(&self) -> impl Iterator<Item = RuleTier> {
        let holds = (0..self.compiled.compartments).map(RuleTier::Hold);
        // A compartment behind one that is certain never gets the item.
        let holds = holds.take_while(|tier| self.tier(*tier) != Trit::T);
        let tiers = [RuleTier::Exclude, RuleTier::Include, RuleTier::Withhold].into_iter().chain(holds);
        tiers.filter(|tier| self.tier(*tier) == Trit::U)
    }

    /// Whether a live atom waits for a look: an unknown atom, of an unknown selector, in a rule that is
    /// unknown for this name and for the item, of a pending tier.
    pub(crate) fn waits_for(&self, look: Look) -> bool {
        let pending: Vec<RuleTier> = self.pending().collect();
        let rules = self.compiled.rules.iter().zip(&self.rules);
        let mut rules = rules.filter(|(rule, value)| **value == Trit::U && pending.contains(&rule.tier));
        rules.any(|(rule, _)| {
            let mut rows = self.rows().filter(|row| rule_value(rule, row.selectors) == Trit::U);
            rows.any(|row| {
                let mut selectors = rule.any.iter().chain(&rule.all).chain(&rule.unless);
                selectors.any(|selector| row.waits_for(*selector, look))
            })
        })
    }

    pub(crate) fn decision(&self, policy: &Policy, outcome: Outcome, tier: Tier) -> Decision {
        let held = match &outcome {
            Outcome::Held(id) | Outcome::ListedTo(id) => {
                policy.compartments().iter().position(|own| own.id == *id).map(RuleTier::Hold)
            }
            _ => None,
        };
        let wins = |rule: RuleTier| match tier {
            Tier::Excluded => rule == RuleTier::Exclude,
            Tier::OutOfScope | Tier::Undetermined => false,
            Tier::Held => Some(rule) == held,
            Tier::Withheld => rule == RuleTier::Withhold,
            Tier::WithheldAndHeld => rule == RuleTier::Withhold || Some(rule) == held,
            Tier::Included => rule == RuleTier::Include,
        };
        let rules = policy.rules().iter().zip(&self.compiled.rules).zip(&self.rules);
        let satisfied = rules.filter(|((_, compiled), value)| **value == Trit::T && wins(compiled.tier));
        Decision {
            outcome,
            tier,
            rules: satisfied.map(|((rule, _), _)| rule.id.clone()).collect(),
            looks: self.facts.looks.iter().copied().filter(|look| self.taken.has(*look)).collect(),
            // Of the item's own rows; not of that for a name unseen.
            trits: self.rows().take(self.facts.names.len().max(1)).map(Row::trits).collect(),
        }
    }
}

impl Row<'_> {
    /// The rules of a tier, for this name alone.
    pub(crate) fn tier(self, tier: RuleTier) -> Trit {
        let rules = self.compiled.rules.iter().filter(|rule| rule.tier == tier);
        Trit::or(rules.map(|rule| rule_value(rule, self.selectors)))
    }

    /// Whether a selector is unknown because of an atom that this look finds.
    fn waits_for(self, selector: usize, look: Look) -> bool {
        if self.selectors.get(selector) != Some(&Trit::U) {
            return false;
        }
        let Some((_, start, end)) = self.compiled.selectors.get(selector) else { return false };
        let atoms = self.compiled.atoms.iter().zip(self.atoms).skip(*start).take(end.saturating_sub(*start));
        // What content means depends on whether it is that of a container that is opened: the type tells.
        let opens = self.compiled.containers.is_some();
        let first = |own| opens && look == Look::Type && own == Look::Content;
        let mut unknown = atoms.filter(|(_, value)| **value == Trit::U);
        unknown.any(|(atom, _)| atom.look == look || first(atom.look))
    }

    /// The atoms, as a record has them.
    fn trits(self) -> String {
        // INVARIANT: letters are ASCII. Written as bytes: one check of all of them is cheaper than one of each.
        let letters = self.atoms.iter().map(|value| value.letter()).collect();
        String::from_utf8(letters).unwrap_or_default()
    }
}

/// (`any` is empty or one of it) and all of `all` and none of `unless`, for one name.
pub(crate) fn rule_value(rule: &CompiledRule, selectors: &[Trit]) -> Trit {
    let of = |at: &usize| selectors.get(*at).copied().unwrap_or(Trit::U);
    let any = if rule.any.is_empty() { Trit::T } else { Trit::or(rule.any.iter().map(of)) };
    let all = Trit::and(rule.all.iter().map(of));
    let unless = Trit::or(rule.unless.iter().map(of));
    any.min(all).min(unless.not())
}
