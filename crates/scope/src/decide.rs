//! Deciding what becomes of an item: staged, three-valued.
//!
//! Implements `docs/spec/policy.md`, "Evaluation". [`decide`] says what to do
//! next: take one more look, or nothing more. Unknown never falls through: a
//! decision is reached on known facts, or the item goes where the court said.
//!
//! ```text
//! facts of metadata               -> Look(hash)        an include waits for it
//! facts of metadata and hash      -> Decided(captured by I-3)
//! ```

use crate::atom::{Name, value};
use crate::compile::{Compiled, CompiledRule, RuleTier};
use crate::facts::{Facts, Kind, Look};
use crate::outcome::{Decision, Outcome, Step, Tier};
use crate::policy::{Atom, Deleted, Policy, UNREAD_VOLUMES, UnknownDefault, UnreadVolumes};
use crate::trit::Trit;

/// A replay needs a look that the record does not have.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the decision needs the look `{}`, which was not taken", .0.word())]
pub struct MissingLook(pub Look);

/// What to do next with an item of which `facts` are known.
///
/// `facts.looks` says which looks were taken; facts of other looks are ignored.
#[must_use]
pub fn decide(policy: &Policy, facts: &Facts) -> Step {
    if !facts.looks.contains(&Look::Metadata) {
        return Step::Look(Look::Metadata);
    }
    let board = Board::of(&policy.compiled, facts);
    if let Some((outcome, tier)) = by_target(policy, facts.kind) {
        // No rule had a say, also where one holds for the same compartment.
        let decision = board.decision(policy, facts, outcome, tier);
        return Step::Decided(Decision { rules: Vec::new(), ..decision });
    }
    if let Some((outcome, tier)) = board.outcome(policy) {
        let (outcome, tier) = of_remnant(policy, facts.kind, outcome, tier);
        return Step::Decided(board.decision(policy, facts, outcome, tier));
    }
    let open = policy.target().inspect.iter().filter(|look| !facts.looks.contains(look));
    if let Some(look) = open.copied().find(|look| board.waits_for(*look)) {
        return Step::Look(look);
    }
    let outcome = match &policy.defaults().unknown {
        // What is withheld is not taken, whatever else is unknown.
        UnknownDefault::Hold(compartment) if board.tier(RuleTier::Withhold) != Trit::T => {
            Outcome::Held(compartment.clone())
        }
        _ => Outcome::Left,
    };
    Step::Decided(board.decision(policy, facts, outcome, Tier::Undetermined))
}

/// The outcome of kinds about which no rule can be: `[target]` says of all of them what may be done.
fn by_target(policy: &Policy, kind: Kind) -> Option<(Outcome, Tier)> {
    let target = policy.target();
    let held = match kind {
        Kind::Volume => (target.unread_volumes == UnreadVolumes::Preserve).then(|| UNREAD_VOLUMES.to_owned()),
        Kind::Unallocated => target.unallocated.clone(),
        // The rules decide, where the policy has them read at all.
        Kind::Slack if target.slack.is_some() => return None,
        Kind::Recovered if matches!(target.deleted, Deleted::Hold(_)) => return None,
        Kind::Slack | Kind::Recovered => None,
        _ => return None,
    };
    Some(match held {
        Some(compartment) => (Outcome::Held(compartment), Tier::Held),
        None => (Outcome::Left, Tier::OutOfScope),
    })
}

/// Whether `[target]` alone decides of items of this kind.
pub(crate) fn is_by_target(policy: &Policy, kind: Kind) -> bool {
    by_target(policy, kind).is_some()
}

/// What the rules capture of slack and of what was deleted goes to the compartment that `[target]` names, and to nobody
/// else. There is no slack of what is not kept.
fn of_remnant(policy: &Policy, kind: Kind, outcome: Outcome, tier: Tier) -> (Outcome, Tier) {
    let compartment = match (kind, &policy.target().deleted) {
        (Kind::Slack, _) => policy.target().slack.as_ref(),
        (Kind::Deleted | Kind::Recovered, Deleted::Hold(compartment)) => Some(compartment),
        _ => None,
    };
    match (compartment, outcome) {
        (Some(compartment), Outcome::Captured) => (Outcome::Held(compartment.clone()), Tier::Held),
        (_, Outcome::Listed | Outcome::ListedTo(_)) if kind == Kind::Slack => {
            (Outcome::Left, Tier::OutOfScope)
        }
        (_, outcome) => (outcome, tier),
    }
}

/// Decides again on recorded facts: from metadata, granting each look that the decision asks for.
///
/// # Errors
///
/// [`MissingLook`] where the decision asks for a look that `full.looks` does not have.
pub fn decide_from_metadata(policy: &Policy, full: &Facts) -> Result<Decision, MissingLook> {
    let mut granted = Vec::new();
    loop {
        match decide(policy, &full.up_to(&granted)) {
            Step::Decided(decision) => return Ok(decision),
            // INVARIANT: decide never asks for a look twice, so this ends after four rounds.
            Step::Look(look) if full.looks.contains(&look) => granted.push(look),
            Step::Look(look) => return Err(MissingLook(look)),
        }
    }
}

/// The positions of the names that may be shown to the case team: a name that itself satisfies an include
/// rule, and of which it is known that it satisfies no exclude rule.
#[must_use]
pub fn visible_names(policy: &Policy, facts: &Facts) -> Vec<usize> {
    let board = Board::of(&policy.compiled, facts);
    let any = |row: &Row, tier| Trit::or(board.rules_of(tier).map(|rule| rule_value(rule, &row.selectors)));
    let shown = |row: &Row| any(row, RuleTier::Include) == Trit::T && any(row, RuleTier::Exclude) == Trit::F;
    let named = board.rows.iter().take(facts.names.len()).enumerate();
    named.filter(|(_, row)| shown(row)).map(|(at, _)| at).collect()
}

/// The atoms of a policy, in the order of the trits: selectors by id bytewise, fields in schema order.
#[must_use]
pub fn atoms(policy: &Policy) -> Vec<Atom> {
    policy.compiled.atoms.iter().map(|atom| atom.atom.clone()).collect()
}

/// The values of everything for one item.
pub(crate) struct Board<'p> {
    compiled: &'p Compiled,
    /// One row per name, or one for an item without; after them, where names are missing, one for a name unseen.
    pub(crate) rows: Vec<Row>,
    /// How many rows are of the item's own, and recorded as trits.
    recorded: usize,
    /// Per rule.
    pub(crate) rules: Vec<Trit>,
}

/// The values for one name.
pub(crate) struct Row {
    pub(crate) atoms: Vec<Trit>,
    pub(crate) selectors: Vec<Trit>,
}

impl<'p> Board<'p> {
    pub(crate) fn of(compiled: &'p Compiled, facts: &Facts) -> Self {
        // A directory's count is of its subdirectories: it has one name.
        let counted = facts.links.filter(|_| facts.kind != Kind::Directory);
        let unseen = counted.is_some_and(|links| links > facts.names.len() as u64);
        let names: Vec<Name> =
            facts.names.iter().map(|name| Name::new(name.bytes(), facts, compiled)).collect();
        let mut rows: Vec<Row> =
            names.iter().map(|name| Row::of(compiled, facts, Some(name), unseen)).collect();
        if rows.is_empty() {
            rows.push(Row::of(compiled, facts, None, unseen));
        }
        let recorded = rows.len();
        if unseen && !names.is_empty() {
            rows.push(Row::of(compiled, facts, None, unseen));
        }
        let rule = |rule: &CompiledRule| Trit::or(rows.iter().map(|row| rule_value(rule, &row.selectors)));
        let rules = compiled.rules.iter().map(rule).collect();
        Self { compiled, rows, recorded, rules }
    }

    fn rules_of(&self, tier: RuleTier) -> impl Iterator<Item = &'p CompiledRule> {
        self.compiled.rules.iter().filter(move |rule| rule.tier == tier)
    }

    fn tier(&self, tier: RuleTier) -> Trit {
        let rules = self.compiled.rules.iter().zip(&self.rules);
        Trit::or(rules.filter(|(rule, _)| rule.tier == tier).map(|(_, value)| *value))
    }

    /// The outcome and its tier, if the facts suffice.
    fn outcome(&self, policy: &Policy) -> Option<(Outcome, Tier)> {
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
    fn waits_for(&self, look: Look) -> bool {
        let pending: Vec<RuleTier> = self.pending().collect();
        let rules = self.compiled.rules.iter().zip(&self.rules);
        let mut rules = rules.filter(|(rule, value)| **value == Trit::U && pending.contains(&rule.tier));
        rules.any(|(rule, _)| {
            let rows = self.rows.iter().filter(|row| rule_value(rule, &row.selectors) == Trit::U);
            let mut selectors = rows.flat_map(|row| {
                rule.any.iter().chain(&rule.all).chain(&rule.unless).map(move |selector| (row, *selector))
            });
            selectors.any(|(row, selector)| self.selector_waits(row, selector, look))
        })
    }

    fn selector_waits(&self, row: &Row, selector: usize, look: Look) -> bool {
        if row.selectors.get(selector) != Some(&Trit::U) {
            return false;
        }
        let Some((_, start, end)) = self.compiled.selectors.get(selector) else { return false };
        let atoms = self.compiled.atoms.iter().zip(&row.atoms).skip(*start).take(end.saturating_sub(*start));
        let mut unknown = atoms.filter(|(_, value)| **value == Trit::U);
        unknown.any(|(atom, _)| atom.look == look)
    }

    fn decision(&self, policy: &Policy, facts: &Facts, outcome: Outcome, tier: Tier) -> Decision {
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
        let letters = |row: &Row| row.atoms.iter().map(|value| value.letter()).collect();
        Decision {
            outcome,
            tier,
            rules: satisfied.map(|((rule, _), _)| rule.id.clone()).collect(),
            looks: facts.looks.clone(),
            trits: self.rows.iter().take(self.recorded).map(letters).collect(),
        }
    }
}

impl Row {
    fn of(compiled: &Compiled, facts: &Facts, name: Option<&Name>, unseen: bool) -> Self {
        let can_apply = |look| look == Look::Metadata || facts.kind.has_content();
        let atoms: Vec<Trit> = compiled
            .atoms
            .iter()
            .map(|atom| match value(atom, compiled, facts, name) {
                // A name that was not found may be the one that matches.
                Trit::F if unseen && atom.test.is_of_name() && can_apply(atom.look) => Trit::U,
                value => value,
            })
            .collect();
        let range = |(_, start, end): &(String, usize, usize)| {
            Trit::and(atoms.get(*start..*end).unwrap_or_default().iter().copied())
        };
        let selectors = compiled.selectors.iter().map(range).collect();
        Self { atoms, selectors }
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
