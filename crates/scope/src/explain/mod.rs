//! Explaining a decision, from the trits that the record carries.
//!
//! Implements `docs/spec/policy.md`, "Explanation".
//!
//! ```text
//! left: out of scope
//! looked: metadata
//! looked: hash, since I-3 waited for the hash of "known binary" (known)
//! I-2 (Attachment B, paragraph 2) was missed: The tenant's own log files of the lease.
//!   "tenant's logs" (tenant-logs): path and kind matched, period did not: modified 2009-01-01T00:00:00Z
//! ```

mod cause;
mod inside;
mod looks;
mod teller;
mod text;
mod value;

use serde::Serialize;

pub use cause::Cause;
pub use looks::Waited;

use crate::compile::{Compiled, RuleTier};
use crate::decide::visible_names;
use crate::facts::{Facts, Look};
use crate::outcome::{Decision, Outcome, Tier};
use crate::policy::{Effect, Field, Policy, Rule};
use crate::trit::Trit;
use teller::Teller;

/// Why an item's outcome is what it is. `to_string` says it in words, names of the medium escaped.
///
/// It names the item: it is for those who may see the name.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Explanation {
    /// What became of the item.
    pub outcome: Outcome,
    /// Which group of rules determined it.
    pub tier: Tier,
    /// What stands in the place of a reason: `[target]` alone decided, or the trits are not of this policy.
    pub remark: Option<&'static str>,
    /// What opening an archive made of it, in words; `None` where it is none that is opened.
    pub inside: Option<String>,
    /// The looks taken, in order, each with what waited for it.
    pub looks: Vec<LookTaken>,
    /// The determining rules; of an archive whose members stand for it, the include rules because of which it was opened.
    pub rules: Vec<Reason>,
    /// Of what is out of scope: each include rule, and what was nearest to it.
    pub misses: Vec<Reason>,
    /// Of what is undetermined: what was unknown, in which rule.
    pub unknown: Vec<Reason>,
}

/// A look, and why it was taken.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct LookTaken {
    /// Which look.
    pub look: Look,
    /// What waited for it when it was taken; nothing for metadata, which comes first. Empty for another look: the
    /// decision did not need it.
    pub needed_by: Vec<Waited>,
    /// Whether it told, without anything waiting for it, if this is an archive that is opened, or opened it.
    pub opens: bool,
    /// Why it could not be taken to its end.
    pub failure: Option<String>,
}

/// A rule, and what of it the item meets.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Reason {
    /// The rule's id.
    pub rule: String,
    /// What it does, as policies write it.
    pub effect: &'static str,
    /// Where the order says so.
    pub basis: String,
    /// What it means, in the authority's words.
    pub text: String,
    /// The selectors that matter, for one name of the item each.
    pub selectors: Vec<Compared>,
}

/// A selector, compared with an item under one of its names.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Compared {
    /// The selector's id.
    pub selector: String,
    /// What it selects, in words.
    pub label: String,
    /// Which part it has in the rule: `any`, `all` or `unless`.
    pub part: &'static str,
    /// The name that was compared, escaped, where the item has several; words in its place where it may not be shown, or
    /// was not found.
    pub name: Option<String>,
    /// Its conditions, in schema order.
    pub conditions: Vec<Condition>,
}

/// A condition, and what the facts say of it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Condition {
    /// The field, as policies write it.
    pub field: &'static str,
    /// `matched`, `missed` or `unknown`.
    pub value: &'static str,
    /// The facts that were used, in words.
    pub used: String,
    /// Where it is unknown: why.
    pub cause: Option<Cause>,
    #[serde(skip)]
    pub(crate) of: Field,
}

/// Explains a decision by the trits it carries and the facts they rest on.
#[must_use]
pub fn explain(policy: &Policy, facts: &Facts, decision: &Decision) -> Explanation {
    told(policy, facts, decision, &mut |_| true)
}

/// As [`explain`], for the case team: names that they may not see are not shown.
#[must_use]
pub fn explain_visible(policy: &Policy, facts: &Facts, decision: &Decision) -> Explanation {
    let visible = visible_names(policy, facts);
    told(policy, facts, decision, &mut |name| visible.contains(&name))
}

/// What was unknown where a decision was not reached: each field of which an answer was missing, and why. None twice.
#[must_use]
pub fn unknowns(policy: &Policy, facts: &Facts, decision: &Decision) -> Vec<(Field, Cause)> {
    let reasons = explain(policy, facts, decision).unknown;
    let conditions = reasons.into_iter().flat_map(|reason| reason.selectors).flat_map(|own| own.conditions);
    let mut unknowns: Vec<_> = conditions.filter_map(|own| Some((own.of, own.cause?))).collect();
    unknowns.sort_unstable();
    unknowns.dedup();
    unknowns
}

fn told(
    policy: &Policy,
    facts: &Facts,
    decision: &Decision,
    shown: &mut dyn FnMut(usize) -> bool,
) -> Explanation {
    let mut explanation = Explanation {
        outcome: decision.outcome.clone(),
        tier: decision.tier,
        remark: None,
        inside: inside::told(policy, facts, decision),
        looks: looks::taken(policy, facts, &decision.looks),
        rules: Vec::new(),
        misses: Vec::new(),
        unknown: Vec::new(),
    };
    let facts = &facts.up_to(&decision.looks);
    let Some(rows) = rows(&policy.compiled, decision) else {
        explanation.remark = Some("the record's trits do not fit this policy");
        return explanation;
    };
    let shown: Vec<bool> = (0..facts.names.len()).map(shown).collect();
    let teller = Teller::new(policy, facts, rows, &shown);
    for (rule, compiled) in policy.rules().iter().zip(&policy.compiled.rules) {
        let reason = |selectors| reason(rule, selectors);
        let opened_by = inside::stands_apart(facts, decision) && compiled.tier == RuleTier::Include;
        if decision.rules.contains(&rule.id) {
            explanation.rules.push(reason(teller.satisfied(compiled)));
        } else if opened_by {
            // Where it may be in scope it is opened, too: what was unknown then does not matter any more.
            let satisfied = teller.satisfied(compiled);
            if !satisfied.is_empty() {
                explanation.rules.push(reason(satisfied));
            }
        } else if decision.tier == Tier::OutOfScope && compiled.tier == RuleTier::Include {
            explanation.misses.push(reason(teller.nearest(compiled)));
        } else if decision.tier == Tier::Undetermined && teller.tier(compiled.tier) == Trit::U {
            let unknown = teller.unknown(compiled);
            if !unknown.is_empty() {
                explanation.unknown.push(reason(unknown));
            }
        }
    }
    if crate::decide::is_by_target(policy, facts.kind) {
        explanation.remark = Some("`[target]` decides of items of this kind, and no rule");
        explanation.misses.clear();
    }
    explanation
}

fn reason(rule: &Rule, selectors: Vec<Compared>) -> Reason {
    Reason {
        rule: rule.id.clone(),
        effect: Effect::word(rule.effect),
        basis: rule.basis.clone(),
        text: rule.text.clone(),
        selectors,
    }
}

/// The trits of the record, per name; `None` where they are not of this policy.
fn rows(compiled: &Compiled, decision: &Decision) -> Option<Vec<Vec<Trit>>> {
    let read = |letter| match letter {
        'T' => Some(Trit::T),
        'F' => Some(Trit::F),
        'U' => Some(Trit::U),
        _ => None,
    };
    let row = |text: &String| text.chars().map(read).collect::<Option<Vec<_>>>();
    let rows: Vec<_> = decision.trits.iter().map(row).collect::<Option<_>>()?;
    rows.iter().all(|row| row.len() == compiled.atoms.len()).then_some(rows)
}
