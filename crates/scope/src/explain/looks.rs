//! Why each look was taken: what waited for it, decided again on the facts of the looks before it.

use serde::Serialize;

use super::LookTaken;
use crate::board::{Board, rule_value};
use crate::facts::{Facts, Look};
use crate::policy::Policy;
use crate::trit::Trit;

/// A condition that waited for a look.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Waited {
    /// The rule that was undecided without it.
    pub rule: String,
    /// The selector's id.
    pub selector: String,
    /// What the selector selects, in words.
    pub label: String,
    /// The field, as policies write it.
    pub field: &'static str,
}

/// The looks, each with what waited for it.
pub(super) fn taken(policy: &Policy, facts: &Facts, looks: &[Look]) -> Vec<LookTaken> {
    let failure = |look| facts.failures.iter().find(|own| own.look == look).map(|own| own.reason.clone());
    let opens = policy.target().containers.is_some();
    let taken = looks.iter().enumerate().map(|(at, look)| {
        let needed_by = match look {
            Look::Metadata => Vec::new(),
            _ => waited(policy, &facts.up_to(looks.get(..at).unwrap_or_default()), *look),
        };
        let opens = opens && needed_by.is_empty() && matches!(look, Look::Type | Look::Content);
        LookTaken { look: *look, needed_by, opens, failure: failure(*look) }
    });
    taken.collect()
}

/// The live atoms that wait for `look`: by the same definition as the decision's own.
fn waited(policy: &Policy, facts: &Facts, look: Look) -> Vec<Waited> {
    let compiled = &policy.compiled;
    let board = Board::of(compiled, facts);
    let pending: Vec<_> = board.pending().collect();
    let mut found = Vec::new();
    for ((rule, own), value) in policy.rules().iter().zip(&compiled.rules).zip(&board.rules) {
        if *value != Trit::U || !pending.contains(&own.tier) {
            continue;
        }
        for row in board.rows().filter(|row| rule_value(own, row.selectors) == Trit::U) {
            for at in own.any.iter().chain(&own.all).chain(&own.unless) {
                let Some((id, start, end)) = compiled.selectors.get(*at) else { continue };
                if row.selectors.get(*at) != Some(&Trit::U) {
                    continue;
                }
                let atoms =
                    compiled.atoms.iter().zip(row.atoms).take(*end).skip(*start).map(|(atom, v)| (atom, *v));
                for (atom, _) in atoms.filter(|(atom, value)| *value == Trit::U && atom.look == look) {
                    let selector = policy.selectors().iter().find(|own| own.id == *id);
                    let waited = Waited {
                        rule: rule.id.clone(),
                        selector: id.clone(),
                        label: selector.map_or_else(String::new, |own| own.label.clone()),
                        field: atom.atom.field.word(),
                    };
                    if !found.contains(&waited) {
                        found.push(waited);
                    }
                }
            }
        }
    }
    found
}
