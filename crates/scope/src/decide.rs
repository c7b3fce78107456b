//! Deciding.

use crate::facts::{Facts, Look};
use crate::outcome::{Decision, Outcome, Step, Tier};
use crate::policy::{Atom, Policy};

/// A replay needs a look that the record does not have.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the decision needs the look `{}`, which was not taken", .0.word())]
pub struct MissingLook(pub Look);

/// Decides.
#[must_use]
pub fn decide(_policy: &Policy, facts: &Facts) -> Step {
    Step::Decided(Decision {
        outcome: Outcome::Left,
        tier: Tier::Undetermined,
        rules: Vec::new(),
        looks: facts.looks.clone(),
        trits: Vec::new(),
    })
}

/// Replays a decision.
///
/// # Errors
///
/// [`MissingLook`].
pub fn decide_from_metadata(policy: &Policy, full: &Facts) -> Result<Decision, MissingLook> {
    match decide(policy, full) {
        Step::Look(look) => Err(MissingLook(look)),
        Step::Decided(decision) => Ok(decision),
    }
}

/// Which names may be shown.
#[must_use]
pub fn visible_names(_policy: &Policy, _facts: &Facts) -> Vec<usize> {
    Vec::new()
}

/// The atoms.
#[must_use]
pub fn atoms(_policy: &Policy) -> Vec<Atom> {
    Vec::new()
}
