//! What the policy defines and no rule comes to.

use std::collections::BTreeSet;

use super::Remarks;
use crate::policy::{Condition, UNREAD_VOLUMES, UnknownDefault};

pub(super) fn unused(remarks: &mut Remarks<'_>) {
    let policy = remarks.policy;
    let rules = policy.rules().iter();
    let used: BTreeSet<&String> =
        rules.flat_map(|rule| rule.any.iter().chain(&rule.all).chain(&rule.unless)).collect();
    let (mut windows, mut custodians, mut lists) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut artifacts = BTreeSet::new();
    for selector in policy.selectors() {
        if !used.contains(&selector.id) {
            let about = format!("selector {}", selector.id);
            let place = format!("selector.{}", selector.id);
            remarks.add("unused", about, &place, "no rule names it: it selects nothing");
        }
        for condition in &selector.conditions {
            match condition {
                Condition::Time(time) => windows.extend([&time.within]),
                Condition::Owner(ids) => custodians.extend(ids),
                Condition::HashIn(ids) => lists.extend(ids),
                Condition::Artifact(ids) => artifacts.extend(ids),
                Condition::Keywords { list, .. } => lists.extend([list]),
                Condition::Mail(mail) => {
                    lists.extend(&mail.party);
                    windows.extend(&mail.within);
                }
                _ => {}
            }
        }
    }
    let mut held: BTreeSet<&String> = policy.rules().iter().filter_map(|rule| rule.to.as_ref()).collect();
    if let UnknownDefault::Hold(id) = &policy.defaults().unknown {
        held.insert(id);
    }
    let mut report = |what: &str, place: String, id: &String, used: bool| {
        if !used {
            remarks.add("unused", format!("{what} {id}"), &place, "nothing refers to it");
        }
    };
    for own in policy.windows() {
        report("window", format!("window.{}", own.id), &own.id, windows.contains(&own.id));
    }
    for own in policy.custodians() {
        report("custodian", format!("custodian.{}", own.id), &own.id, custodians.contains(&own.id));
    }
    for own in policy.lists() {
        report("list", format!("list.{}", own.id), &own.id, lists.contains(&own.id));
    }
    for own in policy.artifacts() {
        report("artifact", format!("artifact.{}", own.id), &own.id, artifacts.contains(&own.id));
    }
    for (at, own) in policy.compartments().iter().enumerate() {
        let used = held.contains(&own.id) || own.id == UNREAD_VOLUMES || policy.target().holds_for(&own.id);
        report("compartment", format!("compartment.{at}.id"), &own.id, used);
    }
}
