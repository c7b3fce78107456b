//! Rules by themselves: their breadth, and what they do to names.

use super::Remarks;
use crate::policy::{Condition, Effect, Field, Policy, Rule};

pub(super) fn rules(remarks: &mut Remarks<'_>) {
    let policy = remarks.policy;
    if !policy.rules().iter().any(|rule| rule.effect == Effect::Include) {
        let message = "no rule includes anything: every item is left";
        remarks.add("nothing-included", "rules".to_owned(), "rule.0.effect", message);
    }
    for (at, rule) in policy.rules().iter().enumerate() {
        let about = || format!("rule {}", rule.id);
        let place = format!("rule.{at}.id");
        if rule.effect == Effect::Include {
            mailboxes(remarks, rule, &place);
        }
        match rule.effect {
            Effect::Include if !always_has(policy, rule, is_limit) => {
                let message = "it can include an item by neither place, period, owner nor digest";
                remarks.add("unlimited", about(), &place, message);
            }
            Effect::Exclude if by_digest_alone(policy, rule) => {
                let message = "it excludes by digest alone: a file on the list is left wherever it is, and lists of known files name tools and unwanted software, too";
                remarks.add("hash-exclude", about(), &place, message);
            }
            Effect::Withhold => withhold(remarks, rule, &place),
            _ => {}
        }
        let same =
            |other: &&Rule| (other.effect, &other.to, sets(other)) == (rule.effect, &rule.to, sets(rule));
        if let Some(first) = policy.rules().get(..at).unwrap_or_default().iter().find(same) {
            let message = format!("it has the effect and the selectors of {}", first.id);
            remarks.add("duplicate-rule", about(), &place, message);
        }
    }
}

fn sets(rule: &Rule) -> [std::collections::BTreeSet<&String>; 3] {
    [&rule.any, &rule.all, &rule.unless].map(|ids| ids.iter().collect())
}

/// A mailbox is one file: what one message in it brings into scope takes all others with it.
fn mailboxes(remarks: &mut Remarks<'_>, rule: &Rule, place: &str) {
    let policy = remarks.policy;
    let of_one = |id: &&String| {
        let conditions = selector(policy, id).map_or(&[][..], |own| own.conditions.as_slice());
        conditions
            .iter()
            .any(|own| matches!(own, Condition::Mail(mail) if mail.messages == crate::policy::TimeMode::Any))
    };
    if let Some(id) = rule.any.iter().chain(&rule.all).find(of_one) {
        let message = format!(
            "a mailbox is included whole where one of its messages fits `{id}`: all others go with it"
        );
        remarks.add("mailbox-whole", format!("rule {}", rule.id), place, message);
    }
}

/// Names of withheld items stand in the withholding log, where the case team reads them.
fn withhold(remarks: &mut Remarks<'_>, rule: &Rule, place: &str) {
    let policy = remarks.policy;
    let ground = rule.ground.as_deref().unwrap_or_default().to_lowercase();
    let privileged = ["privileg", "attorney", "counsel", "work product", "doctor", "clergy", "journalis"]
        .iter()
        .any(|word| ground.contains(word));
    let held = |other: &&Rule| other.effect == Effect::Hold && sets(other) == sets(rule);
    if privileged && !policy.rules().iter().any(|other| held(&other)) {
        let message =
            "its ground is a privilege, and the names of what it withholds are shown to the case team";
        remarks.add("privileged-names", format!("rule {}", rule.id), place, message);
    }
}

/// Whether a condition limits by place, period, owner or digest.
fn is_limit(condition: &Condition) -> bool {
    matches!(
        condition,
        Condition::Path(_)
            | Condition::Artifact(_)
            | Condition::Time(_)
            | Condition::Owner(_)
            | Condition::HashIn(_)
            | Condition::Volume(_)
    )
}

/// Whether each item that fits the rule fits such a condition.
fn always_has(policy: &Policy, rule: &Rule, wanted: fn(&Condition) -> bool) -> bool {
    let has = |id: &String| selector(policy, id).is_some_and(|own| own.conditions.iter().any(wanted));
    rule.all.iter().any(has) || !rule.any.is_empty() && rule.any.iter().all(has)
}

/// Whether an item can fit the rule by its digest, wherever it is, whoever has it and whenever it was changed.
fn by_digest_alone(policy: &Policy, rule: &Rule) -> bool {
    let alone = |id: &String| {
        let conditions = selector(policy, id).map_or(&[][..], |own| own.conditions.as_slice());
        let digest = conditions.iter().any(|own| own.field() == Field::HashIn);
        digest
            && conditions.iter().all(|own| matches!(own.field(), Field::HashIn | Field::Kind | Field::Size))
    };
    let any = rule.any.iter().any(alone) || rule.any.is_empty() && !rule.all.is_empty();
    any && rule.all.iter().all(alone)
}

pub(super) fn selector<'p>(policy: &'p Policy, id: &str) -> Option<&'p crate::policy::Selector> {
    policy.selectors().iter().find(|own| own.id == id)
}
