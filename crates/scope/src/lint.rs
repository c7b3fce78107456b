//! Lints: what a person should look at before signing; not errors.
//!
//! Implements `docs/spec/policy.md`, "Lints". They stand in the rendering, so
//! that whoever signs has seen them.

use std::collections::BTreeSet;

use crate::policy::{Condition, Effect, ListItems, Policy, Rule, UNREAD_VOLUMES};

/// Something in a policy that a person should look at; not an error.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lint {
    /// The kind of remark: `unused`, `unlimited`, `short-keyword`, `any-folder`, `short-name`, `unseen`,
    /// `shared-key`, `nothing-included`.
    pub id: &'static str,
    /// What it is about: `selector tenant-web`, `rule I-1`.
    pub about: String,
    /// The remark.
    pub message: String,
}

/// Keywords below this many characters hit by chance in almost any text.
const SHORT_KEYWORD: usize = 4;

/// Remarks on a policy, in a fixed order.
#[must_use]
pub fn lint(policy: &Policy) -> Vec<Lint> {
    let mut lints = Vec::new();
    unused(policy, &mut lints);
    rules(policy, &mut lints);
    selectors(policy, &mut lints);
    keywords(policy, &mut lints);
    keys(policy, &mut lints);
    lints
}

fn remark(lints: &mut Vec<Lint>, id: &'static str, about: String, message: &str) {
    lints.push(Lint { id, about, message: message.to_owned() });
}

fn unused(policy: &Policy, lints: &mut Vec<Lint>) {
    let rules = policy.rules().iter();
    let used: BTreeSet<&String> =
        rules.flat_map(|rule| rule.any.iter().chain(&rule.all).chain(&rule.unless)).collect();
    let (mut windows, mut custodians, mut lists) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for selector in policy.selectors() {
        if !used.contains(&selector.id) {
            remark(
                lints,
                "unused",
                format!("selector {}", selector.id),
                "no rule names it: it selects nothing",
            );
        }
        for condition in &selector.conditions {
            match condition {
                Condition::Time(time) => windows.extend([&time.within]),
                Condition::Owner(ids) => custodians.extend(ids),
                Condition::HashIn(ids) => lists.extend(ids),
                Condition::Keywords { list, .. } => lists.extend([list]),
                _ => {}
            }
        }
    }
    let held: BTreeSet<&String> = policy.rules().iter().filter_map(|rule| rule.to.as_ref()).collect();
    let unknown = match &policy.defaults().unknown {
        crate::policy::UnknownDefault::Hold(id) => Some(id),
        crate::policy::UnknownDefault::Left => None,
    };
    let ids = |what: &'static str, ids: Vec<&String>, used: BTreeSet<&String>| {
        let unused: Vec<String> =
            ids.into_iter().filter(|id| !used.contains(id)).map(|id| format!("{what} {id}")).collect();
        unused
    };
    let windows = ids("window", policy.windows().iter().map(|own| &own.id).collect(), windows);
    let custodians = ids("custodian", policy.custodians().iter().map(|own| &own.id).collect(), custodians);
    let lists = ids("list", policy.lists().iter().map(|own| &own.id).collect(), lists);
    let unread = UNREAD_VOLUMES.to_owned();
    let held = held.into_iter().chain(unknown).chain([&unread]).collect();
    let compartments = ids("compartment", policy.compartments().iter().map(|own| &own.id).collect(), held);
    for about in windows.into_iter().chain(custodians).chain(lists).chain(compartments) {
        remark(lints, "unused", about, "nothing refers to it");
    }
}

fn rules(policy: &Policy, lints: &mut Vec<Lint>) {
    let includes: Vec<&Rule> = policy.rules().iter().filter(|rule| rule.effect == Effect::Include).collect();
    if includes.is_empty() {
        remark(
            lints,
            "nothing-included",
            "rules".to_owned(),
            "no rule includes anything: every item is left",
        );
    }
    let limits = |id: &String| {
        let selector = policy.selectors().iter().find(|own| own.id == *id);
        selector.is_none_or(|own| own.conditions.iter().any(is_limit))
    };
    for rule in includes {
        let limited = rule.all.iter().any(limits) || !rule.any.is_empty() && rule.any.iter().all(limits);
        if !limited {
            let message = "it can include an item by neither place, period, owner nor digest";
            remark(lints, "unlimited", format!("rule {}", rule.id), message);
        }
    }
}

/// Whether a condition limits by place, period, owner or digest.
fn is_limit(condition: &Condition) -> bool {
    matches!(
        condition,
        Condition::Path(_)
            | Condition::Time(_)
            | Condition::Owner(_)
            | Condition::HashIn(_)
            | Condition::Volume(_)
    )
}

fn selectors(policy: &Policy, lints: &mut Vec<Lint>) {
    for selector in policy.selectors() {
        let about = || format!("selector {}", selector.id);
        for condition in &selector.conditions {
            let field = condition.field();
            if !policy.target().inspect.contains(&field.look()) {
                let (word, look) = (field.word(), field.look().word());
                let message = format!(
                    "`{word}` needs the look `{look}`, which target.inspect does not allow: for files it is always unknown"
                );
                remark(lints, "unseen", about(), &message);
            }
            let (Condition::Path(globs) | Condition::Name(globs)) = condition else { continue };
            for glob in globs {
                if glob.text().starts_with("/**") {
                    let message = format!(
                        "`{}` begins with `/**`: it matches in any folder of the medium",
                        glob.text()
                    );
                    remark(lints, "any-folder", about(), &message);
                }
                if glob.text().contains("~1") {
                    let message = format!(
                        "`{}` looks like a short (8.3) name: only long names are compared",
                        glob.text()
                    );
                    remark(lints, "short-name", about(), &message);
                }
            }
        }
    }
}

fn keywords(policy: &Policy, lints: &mut Vec<Lint>) {
    for list in policy.lists() {
        let ListItems::Keywords(terms) = &list.items else { continue };
        let short = terms.iter().filter(|term| term.chars().count() < SHORT_KEYWORD).count();
        if short > 0 {
            // Not the terms themselves: the list may be restricted, and remarks are rendered.
            let message =
                format!("{short} of its terms have fewer than {SHORT_KEYWORD} characters and hit by chance");
            remark(lints, "short-keyword", format!("list {}", list.id), &message);
        }
    }
}

fn keys(policy: &Policy, lints: &mut Vec<Lint>) {
    let recipients = policy.recipients();
    let case: BTreeSet<&String> = recipients.case.iter().chain(&recipients.captured_also).collect();
    let shared = |keys: &[String]| keys.iter().any(|key| case.contains(key));
    for compartment in policy.compartments() {
        if shared(&compartment.recipients) {
            let message = "the case team has a key of this compartment: what is held from it is open to it";
            remark(lints, "shared-key", format!("compartment {}", compartment.id), message);
        }
    }
    if recipients.auditor.iter().any(|key| recipients.case.contains(key)) {
        let message = "the case team has a key of the auditor: the names of what was left are open to it";
        remark(lints, "shared-key", "recipients".to_owned(), message);
    }
}
