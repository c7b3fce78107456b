//! Rules beside each other: what lies within what, and what lies apart, by exact relations of globs.
//!
//! Two sets of globs stand for a rule: its *extent*, outside which nothing fits it, and its *core*, inside which
//! everything does. A remark is made only where it is certain, however names compare on the medium.

use super::Remarks;
use super::conditions::MAX_PAIRS;
use super::rules::selector;
use crate::artifact::path_globs;
use crate::glob::Glob;
use crate::policy::{Condition, Effect, Policy, Rule, Selector};

/// A glob and its place in the file.
type Placed<'p> = (&'p Glob, String);

pub(super) fn relations(remarks: &mut Remarks<'_>) {
    includes(remarks);
    holds(remarks);
    unlesses(remarks);
    redundant(remarks);
}

/// The globs of a selector outside which nothing fits it; `None` where it is not of names.
fn selector_extent<'p>(policy: &'p Policy, own: &'p Selector) -> Option<Vec<Placed<'p>>> {
    own.conditions.iter().find_map(|condition| globs_of(policy, own, condition))
}

/// The globs of a condition and where each stands; `None` where it has none.
pub(super) fn globs_of<'p>(
    policy: &'p Policy,
    own: &Selector,
    condition: &'p Condition,
) -> Option<Vec<Placed<'p>>> {
    if let Condition::Name(list) = condition {
        let place = |at: usize| format!("selector.{}.name.{at}", own.id);
        return Some(list.iter().enumerate().map(|(at, glob)| (glob, place(at))).collect());
    }
    path_globs(policy.artifacts(), &own.id, condition)
}

/// The globs outside which nothing fits the rule; `None` where it may be anywhere.
pub(super) fn extent<'p>(policy: &'p Policy, rule: &Rule) -> Option<Vec<Placed<'p>>> {
    let of = |id: &String| selector(policy, id).and_then(|own| selector_extent(policy, own));
    if let Some(all) = rule.all.iter().find_map(of) {
        return Some(all);
    }
    if rule.any.is_empty() {
        return None;
    }
    let parts: Option<Vec<_>> = rule.any.iter().map(of).collect();
    Some(parts?.into_iter().flatten().collect())
}

/// The globs inside which everything fits the rule, were it not for `unless`.
fn core<'p>(policy: &'p Policy, rule: &Rule) -> Vec<&'p Glob> {
    let pure = |id: &String| {
        let own = selector(policy, id)?;
        if own.conditions.len() == 1 { selector_extent(policy, own) } else { None }
    };
    let ids: &[String] = match (rule.any.as_slice(), rule.all.as_slice()) {
        (any, []) => any,
        ([], [one]) => std::slice::from_ref(one),
        _ => &[],
    };
    ids.iter().filter_map(pure).flatten().map(|(glob, _)| glob).collect()
}

/// Whether an `unless` of the rule may fit a path of the glob.
fn may_rescue(remarks: &Remarks<'_>, rule: &Rule, glob: &Glob) -> bool {
    rule.unless.iter().any(|id| {
        match selector(remarks.policy, id).and_then(|own| selector_extent(remarks.policy, own)) {
            Some(extent) => extent.iter().any(|(own, _)| !remarks.apart(own, glob)),
            None => true,
        }
    })
}

/// Includes of which nothing can come.
fn includes(remarks: &mut Remarks<'_>) {
    let policy = remarks.policy;
    let excludes: Vec<&Rule> = policy.rules().iter().filter(|rule| rule.effect == Effect::Exclude).collect();
    let below = |glob: &Glob| Glob::path(&format!("{}/*/**", glob.text().trim_end_matches('/'))).ok();
    let closed: Vec<Glob> = policy.target().closed.iter().filter_map(below).collect();
    let closed: Vec<&Glob> = closed.iter().collect();
    for rule in policy.rules().iter().filter(|rule| rule.effect == Effect::Include) {
        for (glob, place) in extent(policy, rule).unwrap_or_default() {
            let (text, about) = (glob.text(), format!("rule {}", rule.id));
            if remarks.within(glob, &closed) {
                let message = format!("`{text}` lies below a closed folder, so the walk never gets there");
                remarks.add("closed-include", about, &place, message);
                continue;
            }
            let certain: Vec<&&Rule> =
                excludes.iter().filter(|own| !may_rescue(remarks, own, glob)).collect();
            let globs: Vec<&Glob> = certain.iter().flat_map(|own| core(policy, own)).collect();
            if remarks.within(glob, &globs) {
                let meets = |own: &&&&Rule| core(policy, own).iter().any(|other| !remarks.apart(other, glob));
                let ids: Vec<&str> = certain.iter().filter(meets).map(|own| own.id.as_str()).collect();
                let unless = if certain.iter().any(|own| !own.unless.is_empty()) {
                    ", and no `unless` can reach it"
                } else {
                    ""
                };
                let message =
                    format!("`{text}` is never in scope: {} exclude all of it{unless}", ids.join(" and "));
                let message =
                    if ids.len() == 1 { message.replace(" exclude all", " excludes all") } else { message };
                remarks.add("dead-include", about, &place, message);
            }
        }
    }
}

/// Holds and withholds that lie apart from all includes; holds of compartments that meet.
fn holds(remarks: &mut Remarks<'_>) {
    let policy = remarks.policy;
    let includes: Option<Vec<_>> = policy
        .rules()
        .iter()
        .filter(|rule| rule.effect == Effect::Include)
        .map(|rule| extent(policy, rule))
        .collect();
    let includes: Option<Vec<&Glob>> =
        includes.map(|parts| parts.into_iter().flatten().map(|(glob, _)| glob).collect());
    let order = |rule: &Rule| policy.compartments().iter().position(|own| Some(&own.id) == rule.to.as_ref());
    for (at, rule) in policy.rules().iter().enumerate() {
        if !matches!(rule.effect, Effect::Hold | Effect::Withhold) {
            continue;
        }
        let (about, place) = (format!("rule {}", rule.id), format!("rule.{at}.id"));
        let Some(own) = extent(policy, rule) else { continue };
        if let Some(includes) =
            includes.as_ref().filter(|all| all.len().saturating_mul(own.len()) <= MAX_PAIRS)
            && !includes.is_empty()
            && own.iter().all(|(glob, _)| includes.iter().all(|other| remarks.apart(glob, other)))
        {
            let message = "it lies apart from every include: only a second name of a file can fall under it";
            remarks.add("idle-hold", about, &place, message);
            continue;
        }
        if rule.effect != Effect::Hold {
            continue;
        }
        let earlier =
            policy.rules().iter().filter(|other| other.effect == Effect::Hold && order(other) < order(rule));
        let (mut shadow, mut seen) = (Vec::new(), std::collections::BTreeSet::new());
        for other in earlier {
            if other.unless.is_empty() {
                shadow.extend(core(policy, other));
            }
            let Some(extents) = extent(policy, other) else { continue };
            let meets = |(glob, _): &Placed<'_>| extents.iter().any(|(first, _)| !remarks.apart(first, glob));
            if own.len().saturating_mul(extents.len()) <= MAX_PAIRS && own.iter().any(meets) {
                seen.insert(other.id.as_str());
            }
        }
        if own.iter().all(|(glob, _)| remarks.within(glob, &shadow)) {
            let message = "all that it means is held for an earlier compartment: its own gets nothing";
            remarks.add("shadowed-hold", about, &place, message);
        } else if !seen.is_empty() {
            let ids: Vec<&str> = seen.into_iter().collect();
            let message = format!(
                "some paths fall under it and under {}, whose compartment comes first and gets those items",
                ids.join(" and ")
            );
            remarks.add("overlap", about, &place, message);
        }
    }
}

/// An `unless` that lies apart from its rule.
fn unlesses(remarks: &mut Remarks<'_>) {
    let policy = remarks.policy;
    for (rule_at, rule) in policy.rules().iter().enumerate() {
        let Some(own) = extent(policy, rule) else { continue };
        for (at, id) in rule.unless.iter().enumerate() {
            let Some(rescue) = selector(policy, id).and_then(|own| selector_extent(policy, own)) else {
                continue;
            };
            let apart = |(glob, _): &Placed<'_>| own.iter().all(|(other, _)| remarks.apart(glob, other));
            if own.len().saturating_mul(rescue.len()) <= MAX_PAIRS && rescue.iter().all(apart) {
                let message =
                    format!("its `unless` `{id}` lies apart from what the rule means, and rescues nothing");
                let place = format!("rule.{rule_at}.unless.{at}");
                remarks.add("idle-unless", format!("rule {}", rule.id), &place, message);
            }
        }
    }
}

/// Globs that say nothing more than another one beside them.
fn redundant(remarks: &mut Remarks<'_>) {
    let policy = remarks.policy;
    for own in policy.selectors() {
        for condition in &own.conditions {
            let Some(globs) = globs_of(policy, own, condition) else { continue };
            if globs.len().saturating_mul(globs.len()) > MAX_PAIRS {
                continue;
            }
            for (at, (glob, place)) in globs.iter().enumerate() {
                let wider = globs.iter().enumerate().find(|(other_at, (other, _))| {
                    // Of two that mean the same, the later one is redundant.
                    *other_at != at
                        && remarks.within(glob, &[other])
                        && (*other_at < at || !remarks.within(other, &[glob]))
                });
                if let Some((_, (wider, _))) = wider {
                    let message = format!("`{}` lies within `{}`", glob.text(), wider.text());
                    remarks.add("redundant-glob", format!("selector {}", own.id), place, message);
                }
            }
        }
    }
}
