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

use crate::board::Board;
use crate::compile::RuleTier;
use crate::facts::{Facts, Kind, Look};
use crate::looks::Looks;
use crate::members::{self, Opening};
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
    next(policy, &Board::of(&policy.compiled, facts))
}

/// What to do next, by the values of what was looked at so far.
fn next(policy: &Policy, board: &Board<'_>) -> Step {
    let facts = board.facts;
    if let Some((outcome, tier)) = by_target(policy, facts.kind) {
        // No rule had a say, also where one holds for the same compartment.
        let decision = board.decision(policy, outcome, tier);
        return Step::Decided(Decision { rules: Vec::new(), ..decision });
    }
    if let Some((outcome, tier)) = board.outcome(policy) {
        return by_members(policy, board, outcome, tier);
    }
    let open = policy.target().inspect.iter().filter(|look| !board.taken.has(**look));
    if let Some(look) = open.copied().find(|look| board.waits_for(*look)) {
        return Step::Look(look);
    }
    by_members(policy, board, undetermined(policy, board), Tier::Undetermined)
}

/// Where an item goes of which a needed fact cannot be had.
fn undetermined(policy: &Policy, board: &Board<'_>) -> Outcome {
    match &policy.defaults().unknown {
        // What is withheld is not taken, whatever else is unknown.
        UnknownDefault::Hold(compartment) if board.tier(RuleTier::Withhold) != Trit::T => {
            Outcome::Held(compartment.clone())
        }
        _ => Outcome::Left,
    }
}

/// What the rules come to, unless the item is a container that the policy opens: then its members have a say.
fn by_members(policy: &Policy, board: &Board<'_>, outcome: Outcome, tier: Tier) -> Step {
    let (outcome, tier) = match members::step(policy, board.facts, board.taken, tier, board.is_barred()) {
        Opening::Look(look) => return Step::Look(look),
        Opening::AsRules => (outcome, tier),
        Opening::Unknown | Opening::Open => (undetermined(policy, board), Tier::Undetermined),
        Opening::Singly => (Outcome::Left, Tier::OutOfScope),
    };
    // Last, so that slack asks for the looks for which its file asks: its record has the same ones.
    let (outcome, tier) = of_remnant(policy, board.facts.kind, outcome, tier);
    Step::Decided(board.decision(policy, outcome, tier))
}

/// Whether the next thing to do with an item is to open it: it is a container that the policy opens, its looks were taken, and
/// what it holds is not among its facts.
///
/// A record has the fact `container` exactly where this was true of its other facts.
#[must_use]
pub fn opens(policy: &Policy, facts: &Facts) -> bool {
    if policy.target().containers.is_none() || !facts.looks.contains(&Look::Metadata) {
        return false;
    }
    let board = Board::of(&policy.compiled, facts);
    let tier = match board.outcome(policy) {
        _ if by_target(policy, facts.kind).is_some() => return false,
        Some((_, tier)) => tier,
        None => Tier::Undetermined,
    };
    let closed = Facts { container: None, ..facts.clone() };
    members::step(policy, &closed, Looks::of(&facts.looks), tier, board.is_barred()) == Opening::Open
}

/// Whether a rule excludes, withholds or holds an item, or may, by what is known of it: it has a name that was not found where
/// one is `unseen`, of whatever kind it is.
#[must_use]
pub fn may_be_barred(policy: &Policy, facts: &Facts, unseen: bool) -> bool {
    let board = Board::unseen(&policy.compiled, facts, unseen);
    let holds = (0..policy.compartments().len()).map(RuleTier::Hold);
    let mut tiers = [RuleTier::Exclude, RuleTier::Withhold].into_iter().chain(holds);
    tiers.any(|tier| board.tier(tier) != Trit::F)
}

/// Whether the archive that holds an item may go whole to nobody, for what is known of the item: a rule keeps it from those who
/// would get it, or something in it.
#[must_use]
pub fn is_barred(policy: &Policy, facts: &Facts) -> bool {
    let within = facts.container.as_ref().is_some_and(|held| held.barred > 0);
    within || Board::of(&policy.compiled, facts).is_kept_apart(policy)
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
    let on_record = Looks::of(&full.looks);
    if !on_record.has(Look::Metadata) {
        return Err(MissingLook(Look::Metadata));
    }
    let mut board = Board::on(&policy.compiled, full, Looks::of(&[Look::Metadata]));
    loop {
        match next(policy, &board) {
            Step::Decided(decision) => return Ok(decision),
            // INVARIANT: decide never asks for a look twice, so this ends after four rounds.
            Step::Look(look) if on_record.has(look) => board.take(look),
            Step::Look(look) => return Err(MissingLook(look)),
        }
    }
}

/// The positions of the names that may be shown to the case team: a name that itself satisfies an include
/// rule, and of which it is known that it satisfies no exclude rule.
#[must_use]
pub fn visible_names(policy: &Policy, facts: &Facts) -> Vec<usize> {
    let board = Board::of(&policy.compiled, facts);
    let rows = board.rows().take(facts.names.len()).enumerate();
    let shown = rows
        .filter(|(_, row)| row.tier(RuleTier::Include) == Trit::T && row.tier(RuleTier::Exclude) == Trit::F);
    shown.map(|(at, _)| at).collect()
}

/// The atoms of a policy, in the order of the trits: selectors by id bytewise, fields in schema order.
#[must_use]
pub fn atoms(policy: &Policy) -> Vec<Atom> {
    policy.compiled.atoms.iter().map(|atom| atom.atom.clone()).collect()
}
