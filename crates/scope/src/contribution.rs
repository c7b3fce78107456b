//! What one rule does that no other does, and items whose names lie on both sides of a policy: for a dry run.
//!
//! Implements `docs/spec/policy.md`, "Contribution".

use crate::board::Board;
use crate::compile::RuleTier;
use crate::facts::Facts;
use crate::looks::Looks;
use crate::outcome::{Decision, Outcome};
use crate::policy::Policy;
use crate::trit::Trit;

/// The rules that do with this item what no other does, as far as was looked: of those that are true, the only one
/// of its effect (of a hold: for its compartment). An include counts where the item is not left; an exclude where an include
/// would else have it, or might.
#[must_use]
pub fn alone<'p>(policy: &'p Policy, facts: &Facts, decision: &Decision) -> Vec<&'p str> {
    let board = Board::on(&policy.compiled, facts, Looks::of(&decision.looks));
    let rules = || policy.compiled.rules.iter().zip(&board.rules);
    let in_tier = |tier: RuleTier| rules().filter(move |(rule, _)| rule.tier == tier);
    let included = Trit::or(in_tier(RuleTier::Include).map(|(_, value)| *value));
    let of_outcome = |tier: RuleTier| match (tier, &decision.outcome) {
        (RuleTier::Include, outcome) => *outcome != Outcome::Left && included == Trit::T,
        (RuleTier::Exclude, _) => included != Trit::F,
        (RuleTier::Withhold, outcome) => matches!(outcome, Outcome::Listed | Outcome::ListedTo(_)),
        (RuleTier::Hold(at), Outcome::Held(id) | Outcome::ListedTo(id)) => {
            policy.compartments().get(at).is_some_and(|own| own.id == *id)
        }
        (RuleTier::Hold(_), _) => false,
    };
    let is_alone = |tier: RuleTier| in_tier(tier).filter(|(_, value)| **value == Trit::T).count() == 1;
    let rules = policy.rules().iter().zip(rules());
    let own = rules.filter(|(_, (compiled, value))| {
        **value == Trit::T && of_outcome(compiled.tier) && is_alone(compiled.tier)
    });
    own.map(|(rule, _)| rule.id.as_str()).collect()
}

/// Whether an item has names on both sides: one that the policy would take if it were the only one, and one that it
/// would not.
#[must_use]
pub fn crosses_scopes(policy: &Policy, facts: &Facts) -> bool {
    let board = Board::of(&policy.compiled, facts);
    let (mut inside, mut outside) = (false, false);
    for row in board.rows().take(facts.names.len()) {
        match (row.tier(RuleTier::Exclude), row.tier(RuleTier::Include)) {
            (Trit::T, _) | (_, Trit::F) => outside = true,
            (Trit::F, Trit::T) => inside = true,
            _ => {}
        }
    }
    inside && outside
}
