//! What rules and selectors mean, whatever they and what they refer to are called.

use std::collections::BTreeSet;

use crate::artifact::path_globs;
use crate::glob::Glob;
use crate::mail::normal;
use crate::policy::{Condition, Effect, ListItems, Policy, Rule, Selector};

/// Whether the rules mean the same, whatever their names, their words and their order.
pub(super) fn same_rules(before: &Policy, after: &Policy) -> bool {
    let order = |policy: &Policy| policy.compartments().iter().map(|own| own.id.clone()).collect::<Vec<_>>();
    let alike = before.target().inspect == after.target().inspect
        && before.defaults() == after.defaults()
        && order(before) == order(after);
    alike && meanings(before) == meanings(after)
}

pub(super) type Meaning = (Effect, Option<String>, [BTreeSet<String>; 3]);

fn meanings(policy: &Policy) -> BTreeSet<Meaning> {
    policy.rules().iter().map(|rule| meaning(policy, rule)).collect()
}

/// What a rule means, whatever it and what it refers to are called.
pub(super) fn meaning(policy: &Policy, rule: &Rule) -> Meaning {
    let of = |ids: &[String]| {
        let own = |id: &String| policy.selectors().iter().find(|own| own.id == *id);
        ids.iter().filter_map(own).map(|own| selector(policy, own)).collect()
    };
    (rule.effect, rule.to.clone(), [of(&rule.any), of(&rule.all), of(&rule.unless)])
}

/// A selector with all that it refers to.
pub(super) fn selector(policy: &Policy, own: &Selector) -> String {
    let list = |id: &String| {
        let found = policy.lists().iter().find(|list| list.id == *id);
        match found.map(|list| &list.items) {
            // Digests are read as a set, so that the file's bytes may differ.
            Some(ListItems::Sha256(items)) => items.set().to_string(),
            Some(ListItems::Keywords(terms)) => format!("{:?}", terms.iter().collect::<BTreeSet<_>>()),
            Some(ListItems::Addresses(items)) => {
                format!("{:?}", items.iter().map(|own| normal(own)).collect::<BTreeSet<_>>())
            }
            None => String::new(),
        }
    };
    let parts = own.conditions.iter().map(|condition| match condition {
        Condition::Path(globs) => format!("path {:?}", globs.iter().map(Glob::text).collect::<BTreeSet<_>>()),
        Condition::Name(globs) => format!("name {:?}", globs.iter().map(Glob::text).collect::<BTreeSet<_>>()),
        Condition::Artifact(_) => {
            let globs = path_globs(policy.artifacts(), &own.id, condition).unwrap_or_default();
            format!("artifact {:?}", globs.iter().map(|(glob, _)| glob.text()).collect::<BTreeSet<_>>())
        }
        Condition::HashIn(ids) => format!("hash {:?}", ids.iter().map(list).collect::<BTreeSet<_>>()),
        Condition::Mail(mail) => {
            let window =
                mail.within.as_ref().and_then(|id| policy.windows().iter().find(|own| own.id == *id));
            let window = window.map(|window| (window.from.to_utc(), window.until.to_utc()));
            let party = mail.party.iter().map(list).collect::<BTreeSet<_>>();
            let role = mail.role.iter().collect::<BTreeSet<_>>();
            format!("mail {party:?} {role:?} {window:?} {:?}", mail.messages)
        }
        Condition::Keywords { list: id, at_least } => format!("keywords {at_least} {}", list(id)),
        Condition::Owner(ids) => {
            let known = ids.iter().filter_map(|id| policy.custodians().iter().find(|own| own.id == *id));
            format!("owner {:?}", known.map(|own| (&own.uid, &own.sid)).collect::<BTreeSet<_>>())
        }
        Condition::Time(time) => {
            let window = policy.windows().iter().find(|window| window.id == time.within);
            let window = window.map(|window| (window.from.to_utc(), window.until.to_utc()));
            format!("time {:?} {:?} {window:?}", time.of, time.mode)
        }
        other => format!("{other:?}"),
    });
    parts.collect::<Vec<_>>().join("; ")
}
