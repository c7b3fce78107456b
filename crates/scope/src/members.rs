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

use crate::facts::{Facts, Kind, Look, TypeFact};
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
    let Some(form) = form(containers, found) else { return Opening::AsRules };
    let document = is_document(form);
    if !document && facts.member.as_ref().is_some_and(|member| member.depth >= containers.max_depth) {
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
        // It has no members: the rules' word is the last.
        Some(_) if document => Opening::AsRules,
        Some(held) if held.captured == held.members && tier == Tier::Included => Opening::AsRules,
        Some(_) => Opening::Singly,
    }
}

/// The form of what a file of this type is opened as: by its beginning, or, where that is none of them, by its end.
pub(crate) fn form(containers: &Containers, found: &TypeFact) -> Option<&'static str> {
    let zips = containers.open.contains(&"zip");
    match by_beginning(containers, &found.name) {
        None if zips && found.end.is_some_and(|end| end.zip) => Some("zip"),
        known => known,
    }
}

fn by_beginning(containers: &Containers, name: &str) -> Option<&'static str> {
    let zips = containers.open.contains(&"zip");
    match name {
        "jar" if zips => Some("zip"),
        name if zips && is_document(name) => DOCUMENTS.into_iter().find(|own| *own == name),
        name => containers.open.iter().copied().find(|own| *own == name),
    }
}

/// Whether it is a form of documents that are packed as zips: they are decided whole, and have no members.
pub(crate) fn is_document(form: &str) -> bool {
    DOCUMENTS.contains(&form)
}

const DOCUMENTS: [&str; 3] = ["ooxml", "odf", "epub"];

/// What an item is opened as: `zip`, `gzip`, `tar`; or `ooxml`, `odf`, `epub`, as a document that has no members. `None` where its
/// type says that it is none of them.
#[must_use]
pub fn opened_as(policy: &Policy, facts: &Facts) -> Option<&'static str> {
    form(policy.target().containers.as_ref()?, facts.type_fact.as_ref()?)
}

/// Whether the end of a file tells, beside the type `name` of its beginning, whether it is opened.
#[must_use]
pub fn asks_for_end(policy: &Policy, kind: Kind, name: &str) -> bool {
    let zips = policy.target().containers.as_ref().filter(|own| own.open.contains(&"zip"));
    matches!(kind, Kind::File | Kind::Stream | Kind::Member)
        && zips.is_some_and(|own| by_beginning(own, name).is_none())
}

/// Whether an item is a container of a form that is opened, and no deeper than that, by its type; or may be, where that is not
/// known.
pub(crate) fn may_be_opened(containers: &Containers, facts: &Facts) -> bool {
    let may_be = matches!(facts.kind_for_rules(), Kind::File | Kind::Stream | Kind::Member);
    let failed = facts.failures.iter().any(|failure| failure.look == Look::Type);
    let found = facts.type_fact.as_ref().filter(|_| !failed && facts.looks.contains(&Look::Type));
    let deep = facts.member.as_ref().is_some_and(|member| member.depth >= containers.max_depth);
    let is_archive = |found| form(containers, found).is_some_and(|form| !is_document(form));
    may_be && !deep && found.is_none_or(is_archive)
}
