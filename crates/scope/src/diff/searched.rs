//! What is searched for in content though no rule asks: where content is looked at, every list of keywords and every
//! condition on mail is answered, and the answers stand in the ledger.
//!
//! ```text
//! [list.more]  keywords, which no rule names      the auditor and the court gain: they read where its words occur
//! ```

use std::collections::BTreeSet;

use super::meaning::selector;
use super::{Audience, Finding, Way, add};
use crate::facts::Look;
use crate::policy::{Condition, ListItems, Policy, Selector};

/// Tells of words and conditions on mail that the later policy has for nothing but the record.
pub(super) fn compare(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    if !after.target().inspect.contains(&Look::Content) {
        return;
    }
    let mut tell = |what: String| {
        add(
            findings,
            Way::Adds,
            Audience::AuditorAndCourt,
            format!("facts: {what}, where content is looked at"),
        );
    };
    let looks = before.target().inspect.contains(&Look::Content);
    let known = before.keyword_lists();
    let known: BTreeSet<&String> = known.iter().filter(|_| looks).flat_map(|list| list.terms).collect();
    let named = lists_of_rules(after);
    for list in after.lists().iter().filter(|list| !named.contains(list.id.as_str())) {
        let ListItems::Keywords(terms) = &list.items else { continue };
        if terms.iter().any(|term| !known.contains(term)) {
            tell(format!("which words of the list {}, which no rule names, occur where", list.id));
        }
    }
    let mail = |policy: &Policy| -> BTreeSet<String> {
        policy.selectors().iter().filter(|own| asks_of_mail(own)).map(|own| selector(policy, own)).collect()
    };
    let known = if looks { mail(before) } else { BTreeSet::new() };
    for own in after.selectors().iter().filter(|own| asks_of_mail(own) && !is_named(after, own)) {
        if !known.contains(&selector(after, own)) {
            tell(format!("whose mail is what the selector {} asks, which no rule names", own.id));
        }
    }
}

fn asks_of_mail(own: &Selector) -> bool {
    own.conditions.iter().any(|condition| matches!(condition, Condition::Mail(_)))
}

fn is_named(policy: &Policy, own: &Selector) -> bool {
    let mut rules = policy.rules().iter();
    rules.any(|rule| rule.any.iter().chain(&rule.all).chain(&rule.unless).any(|id| *id == own.id))
}

/// The lists of keywords that a rule asks about.
fn lists_of_rules(policy: &Policy) -> BTreeSet<&str> {
    let selectors = policy.selectors().iter().filter(|own| is_named(policy, own));
    let conditions = selectors.flat_map(|own| &own.conditions);
    conditions
        .filter_map(|condition| match condition {
            Condition::Keywords { list, .. } => Some(list.as_str()),
            _ => None,
        })
        .collect()
}
