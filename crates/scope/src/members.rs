//! Containers: a file whose members are items of their own.
//!
//! Implements `docs/spec/policy.md`, "Containers". A container is captured whole
//! only if every member is captured; otherwise its members are taken singly.
//!
//! ```text
//! captured, type zip            -> Look(content), which opens it
//! 3 members, 3 captured         -> captured
//! 3 members, 2 captured         -> left: the two are taken without it
//! a member is encrypted         -> not all of it is known: as the court said
//! and another one is excluded   -> left: what was read is taken without it
//! ```

use crate::facts::{Facts, Kind, Look};
use crate::looks::Looks;
use crate::outcome::Tier;
use crate::policy::{Containers, Policy};

/// What opening a container has to say of an item that the rules have brought to a tier.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Opening {
    /// A look tells whether it is a container, or opens it.
    Look(Look),
    /// It is open to be opened, and was not.
    Open,
    /// Nothing: it is no container, or none that is opened, or every member is captured.
    AsRules,
    /// Not all that it holds is known.
    Unknown,
    /// Its members were decided one by one, and stand for it.
    Singly,
}

/// The next step with an item that the rules have brought to `tier` after the looks `taken`, or what its members make of it.
///
/// Only what is to be captured, or may be, is opened: what is excluded, out of scope, held or withheld stays closed. `barred`
/// says that a rule excludes, holds or withholds it, whatever else is unknown.
pub(crate) fn step(policy: &Policy, facts: &Facts, taken: Looks, tier: Tier, barred: bool) -> Opening {
    let Some(containers) = policy.target().containers.as_ref().filter(|_| !barred) else {
        return Opening::AsRules;
    };
    let may_be = matches!(facts.kind_for_rules(), Kind::File | Kind::Stream | Kind::Member);
    if !may_be || !matches!(tier, Tier::Included | Tier::Undetermined) {
        return Opening::AsRules;
    }
    let failed = |look| facts.failures.iter().any(|failure| failure.look == look);
    if !taken.has(Look::Type) {
        return Opening::Look(Look::Type);
    }
    let found = facts.type_fact.as_ref().filter(|_| !failed(Look::Type));
    let Some(found) = found else { return Opening::Unknown };
    if !containers.open.contains(&found.name.as_str()) {
        return Opening::AsRules;
    }
    if facts.member.as_ref().is_some_and(|member| member.depth >= containers.max_depth) {
        return Opening::Unknown;
    }
    if !taken.has(Look::Content) {
        return Opening::Look(Look::Content);
    }
    match &facts.container {
        None if failed(Look::Content) => Opening::Unknown,
        None => Opening::Open,
        // Whoever got the whole would get what a rule keeps from them.
        Some(held) if held.barred > 0 => Opening::Singly,
        Some(held) if held.trouble.is_some() => Opening::Unknown,
        Some(held) if held.captured == held.members && tier == Tier::Included => Opening::AsRules,
        Some(_) => Opening::Singly,
    }
}

/// Whether an item is a container of a form that is opened, and no deeper than that, by its type; or may be, where that is not
/// known.
pub(crate) fn may_be_opened(containers: &Containers, facts: &Facts) -> bool {
    let may_be = matches!(facts.kind_for_rules(), Kind::File | Kind::Stream | Kind::Member);
    let failed = facts.failures.iter().any(|failure| failure.look == Look::Type);
    let form = facts.type_fact.as_ref().filter(|_| !failed && facts.looks.contains(&Look::Type));
    let deep = facts.member.as_ref().is_some_and(|member| member.depth >= containers.max_depth);
    may_be && !deep && form.is_none_or(|form| containers.open.contains(&form.name.as_str()))
}
