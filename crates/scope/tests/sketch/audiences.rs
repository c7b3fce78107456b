//! Changes of generated policies, and what each audience has of an item under one.

#![allow(dead_code, reason = "each test uses some of it")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use scope::policy::Effect;
use scope::{Facts, Look, Outcome, Policy, visible_names};

use crate::sketch::{CONDITIONS, RuleSketch, SELECTORS, Sketch, rule};

/// One change of a policy.
#[derive(Clone, Debug)]
pub enum Edit {
    Add(usize, RuleSketch),
    Remove(usize),
    Effect(usize, Effect, bool),
    Any(usize, usize),
    All(usize, usize),
    Unless(usize, usize),
    Condition(usize, usize),
    HoldUnknown(bool),
    NoHit(bool),
    Zoneless(bool),
    Looks([bool; 3]),
    Containers(usize),
    Streams(bool),
    Deleted(usize),
    Unallocated(usize),
    Slack(usize),
    Limits(Option<u64>, Option<u64>),
}

pub fn edit() -> impl Strategy<Value = Edit> {
    let effect = proptest::sample::select(Effect::ALL.to_vec());
    let selector = 0..SELECTORS;
    prop_oneof![
        3 => (0usize..6, rule()).prop_map(|(at, rule)| Edit::Add(at, rule)),
        4 => (0usize..6).prop_map(Edit::Remove),
        1 => (0usize..6, effect, any::<bool>()).prop_map(|(at, effect, to)| Edit::Effect(at, effect, to)),
        2 => (0usize..6, selector.clone()).prop_map(|(at, id)| Edit::Any(at, id)),
        3 => (0usize..6, selector.clone()).prop_map(|(at, id)| Edit::All(at, id)),
        2 => (0usize..6, selector.clone()).prop_map(|(at, id)| Edit::Unless(at, id)),
        4 => (selector, 0..CONDITIONS.len()).prop_map(|(at, condition)| Edit::Condition(at, condition)),
        1 => any::<bool>().prop_map(Edit::HoldUnknown),
        1 => any::<bool>().prop_map(Edit::NoHit),
        1 => any::<bool>().prop_map(Edit::Zoneless),
        1 => any::<[bool; 3]>().prop_map(Edit::Looks),
    ]
}

/// Puts in what is not there, takes out what is.
fn toggle(set: &mut BTreeSet<usize>, value: usize) {
    if !set.insert(value) {
        set.remove(&value);
    }
}

pub fn apply(sketch: &Sketch, edit: &Edit) -> Sketch {
    let mut after = sketch.clone();
    let count = after.rules.len();
    let mut change = |at: usize, with: &dyn Fn(&mut RuleSketch)| {
        let rule = &mut after.rules[at % count];
        with(rule);
        if rule.any.is_empty() && rule.all.is_empty() {
            rule.any.insert(0);
        }
    };
    match edit {
        Edit::Add(at, rule) => after.rules.insert(at % (count + 1), rule.clone()),
        Edit::Remove(at) if count > 1 => {
            after.rules.remove(at % count);
        }
        Edit::Remove(_) => {}
        Edit::Effect(at, effect, to) => change(*at, &|rule| (rule.effect, rule.to) = (*effect, *to)),
        Edit::Any(at, id) => change(*at, &|rule| toggle(&mut rule.any, *id)),
        Edit::All(at, id) => change(*at, &|rule| toggle(&mut rule.all, *id)),
        Edit::Unless(at, id) => change(*at, &|rule| toggle(&mut rule.unless, *id)),
        Edit::Condition(at, condition) => {
            let conditions = &mut after.selectors[at % SELECTORS];
            toggle(conditions, *condition);
            if conditions.is_empty() {
                conditions.insert(*condition);
            }
        }
        Edit::HoldUnknown(flag) => after.hold_unknown = *flag,
        Edit::NoHit(flag) => after.no_hit = *flag,
        Edit::Zoneless(flag) => after.zoneless = *flag,
        Edit::Looks(looks) => after.looks = *looks,
        Edit::Containers(at) => after.containers = *at,
        Edit::Streams(flag) => after.streams = *flag,
        Edit::Deleted(at) => after.deleted = *at,
        Edit::Unallocated(at) => after.unallocated = *at,
        Edit::Slack(at) => after.slack = *at,
        Edit::Limits(items, bytes) => after.limits = (*items, *bytes),
    }
    after
}

/// What each audience has of one item under a policy.
#[derive(Debug)]
pub struct Seen {
    pub outcome: Outcome,
    pub looks: BTreeSet<Look>,
    /// Who has the content, and who the names.
    pub content: BTreeSet<String>,
    pub names: BTreeSet<(String, usize)>,
}

pub fn seen(policy: &Policy, facts: &Facts) -> Seen {
    let decision = scope::decide_from_metadata(policy, facts).unwrap();
    let taken = facts.up_to(&decision.looks);
    let shown: Vec<usize> = visible_names(policy, &taken);
    let named = |who: &str, names: Vec<usize>| names.into_iter().map(|at| (who.to_owned(), at)).collect();
    // Held and listed items without a found name are still known to exist.
    let all = || (0..=facts.names.len()).collect::<Vec<usize>>();
    let (content, names) = match &decision.outcome {
        Outcome::Captured => (BTreeSet::from(["case".to_owned()]), named("case", shown)),
        Outcome::Held(id) => (BTreeSet::from([id.clone()]), named(id, all())),
        Outcome::Listed => (BTreeSet::new(), named("case", shown)),
        Outcome::ListedTo(id) => (BTreeSet::new(), named(id, all())),
        Outcome::Left => Default::default(),
    };
    Seen { outcome: decision.outcome, looks: decision.looks.into_iter().collect(), content, names }
}

pub fn gives_no_more(was: &Seen, is: &Seen, of: &dyn std::fmt::Debug) -> Result<(), TestCaseError> {
    let shown = format!("{of:?}\nbefore {was:?}\nafter {is:?}");
    prop_assert!(is.content.is_subset(&was.content), "content: {shown}");
    prop_assert!(is.names.is_subset(&was.names), "names: {shown}");
    prop_assert!(is.looks.is_subset(&was.looks), "looks: {shown}");
    let listed = matches!(was.outcome, Outcome::Listed | Outcome::ListedTo(_));
    prop_assert!(!listed || was.outcome == is.outcome, "no longer listed: {shown}");
    Ok(())
}
