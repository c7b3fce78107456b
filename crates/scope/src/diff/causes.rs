//! Which rules read otherwise, and through which conditions: what leads to another outcome.
//!
//! ```text
//! include I-1 reads otherwise, by `in-window`
//!   - The item was last changed in content from 1 January 2022 and before 1 July 2023.
//!   + The item was last changed in content from 1 January 2022 and before 1 June 2023.
//! ```

use std::collections::BTreeSet;

use super::meaning::{meaning, selector};
use super::rows::{Effects, bit_of};
use crate::policy::{Condition, ListItems, Policy, Rule, Selector};
use crate::render::{Language, conditions_of};

/// A selector that reads otherwise in the later policy, and what is said of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cause {
    /// The selector's id.
    pub selector: String,
    /// The rules that name it.
    pub rules: Vec<String>,
    /// What the earlier policy says that the later one does not.
    pub old: Vec<String>,
    /// What the later policy says in its stead.
    pub new: Vec<String>,
}

/// Most entries of a list that are shown as added or taken out.
const MOST_ENTRIES: usize = 20;

/// The selectors that read otherwise, in the order of the policies.
pub(super) fn causes(before: &Policy, after: &Policy, language: Language) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (own, other) in pairs(before, after) {
        let said = |policy: &Policy, own: Option<&Selector>| {
            own.map_or_else(Vec::new, |own| conditions_of(policy, own, language))
        };
        let (mut old, mut new) = (said(before, own), said(after, other));
        let (gone, come): (Vec<String>, Vec<String>) = (entries(before, own), entries(after, other));
        let both: BTreeSet<String> = old.iter().filter(|line| new.contains(line)).cloned().collect();
        old.retain(|line| !both.contains(line));
        new.retain(|line| !both.contains(line));
        old.extend(beyond(&gone, &come));
        new.extend(beyond(&come, &gone));
        let id = own.or(other).map_or_else(String::new, |own| own.id.clone());
        let rules = before.rules().iter().chain(after.rules()).filter(|rule| names(rule, &id));
        let rules: BTreeSet<String> = rules.map(|rule| rule.id.clone()).collect();
        if !rules.is_empty() {
            causes.push(Cause { selector: id, rules: rules.into_iter().collect(), old, new });
        }
    }
    causes
}

/// Selectors of one id that mean different things, or are in one policy alone.
fn pairs<'p>(before: &'p Policy, after: &'p Policy) -> Vec<(Option<&'p Selector>, Option<&'p Selector>)> {
    let find = |policy: &'p Policy, id: &str| policy.selectors().iter().find(|own| own.id == id);
    let of_before = before.selectors().iter().map(|own| (Some(own), find(after, &own.id)));
    let new = after.selectors().iter().filter(|own| find(before, &own.id).is_none());
    let differ = |(own, other): &(Option<&Selector>, Option<&Selector>)| {
        own.map(|own| selector(before, own)) != other.map(|own| selector(after, own))
    };
    of_before.chain(new.map(|own| (None, Some(own)))).filter(differ).collect()
}

/// The entries of the lists that a selector names, but for those that nobody is to read.
fn entries(policy: &Policy, own: Option<&Selector>) -> Vec<String> {
    let ids = own.into_iter().flat_map(|own| &own.conditions).flat_map(|condition| match condition {
        Condition::Keywords { list, .. } => vec![list],
        Condition::Mail(mail) => mail.party.iter().collect(),
        _ => Vec::new(),
    });
    let lists = ids.filter_map(|id| policy.lists().iter().find(|list| list.id == *id));
    let open = lists.filter(|list| !list.restricted).flat_map(|list| match &list.items {
        ListItems::Keywords(items) | ListItems::Addresses(items) => items.as_slice(),
        ListItems::Sha256(_) => &[],
    });
    open.cloned().collect()
}

/// The entries that the others have not, as lines.
fn beyond(own: &[String], others: &[String]) -> Vec<String> {
    let others: BTreeSet<&String> = others.iter().collect();
    let beyond: Vec<&String> = own.iter().filter(|entry| !others.contains(entry)).collect();
    let mut lines: Vec<String> =
        beyond.iter().take(MOST_ENTRIES).map(|entry| format!("`{}`", entry.escape_debug())).collect();
    let more = beyond.len().saturating_sub(MOST_ENTRIES);
    if more > 0 {
        lines.push(format!("... {more}"));
    }
    lines
}

/// Why items fare otherwise: the rules of these effects that are in one policy alone, or read otherwise.
pub(super) fn because(before: &Policy, after: &Policy, effects: Effects) -> Vec<String> {
    let mut reasons = Vec::new();
    let changed = pairs(before, after);
    let meanings =
        |policy: &Policy| policy.rules().iter().map(|rule| meaning(policy, rule)).collect::<BTreeSet<_>>();
    let (olds, news) = (meanings(before), meanings(after));
    for rule in before.rules().iter().filter(|rule| effects & bit_of(rule.effect) != 0) {
        if news.contains(&meaning(before, rule)) {
            continue;
        }
        match counterpart(after, rule) {
            Some(other) => {
                let changed = changed.iter().filter_map(|(own, other)| own.or(*other)).map(|own| &own.id);
                let changed = changed.filter(|id| names(rule, id) || names(other, id));
                let changed: Vec<String> = changed.map(|id| format!("`{id}`")).collect();
                let by =
                    if changed.is_empty() { String::new() } else { format!(", by {}", changed.join(", ")) };
                reasons.push(format!("{} {} reads otherwise{by}", rule.effect.word(), rule.id));
            }
            None => reasons.push(format!("{} {} is gone", rule.effect.word(), rule.id)),
        }
    }
    for rule in after.rules().iter().filter(|rule| effects & bit_of(rule.effect) != 0) {
        if counterpart(before, rule).is_none() && !olds.contains(&meaning(after, rule)) {
            reasons.push(format!("{} {} is new", rule.effect.word(), rule.id));
        }
    }
    reasons
}

/// The rule of the same id and effect in the other policy.
fn counterpart<'p>(policy: &'p Policy, rule: &Rule) -> Option<&'p Rule> {
    let same = |other: &&Rule| (&other.id, other.effect, &other.to) == (&rule.id, rule.effect, &rule.to);
    policy.rules().iter().find(same)
}

fn names(rule: &Rule, id: &str) -> bool {
    rule.any.iter().chain(&rule.all).chain(&rule.unless).any(|own| own == id)
}
