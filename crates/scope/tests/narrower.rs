//! What the comparison of two policies calls narrower gives nobody a name, a content or a look more.
//!
//! Both policies decide on the same generated items, with full staged looks, and each audience is asked what it sees.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod sketch;

use std::cell::Cell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use scope::policy::Effect;
use scope::{Facts, Look, Outcome, Policy, Verdict, visible_names};
use sketch::{CONDITIONS, RuleSketch, SELECTORS, Sketch, complete, less, rule, runner, sketch};

/// One change of a policy.
#[derive(Clone, Debug)]
enum Edit {
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
}

fn edit() -> impl Strategy<Value = Edit> {
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

fn apply(sketch: &Sketch, edit: &Edit) -> Sketch {
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
    }
    after
}

/// What each audience has of one item under a policy.
#[derive(Debug)]
struct Seen {
    outcome: Outcome,
    looks: BTreeSet<Look>,
    /// Who has the content, and who the names.
    content: BTreeSet<String>,
    names: BTreeSet<(String, usize)>,
}

fn seen(policy: &Policy, facts: &Facts) -> Seen {
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

#[derive(Clone, Debug)]
struct Scene {
    before: Sketch,
    edits: Vec<Edit>,
    items: Vec<(Facts, [bool; 10])>,
}

fn scene() -> impl Strategy<Value = Scene> {
    let forget = proptest::array::uniform10(proptest::bool::weighted(0.15));
    let items = proptest::collection::vec((complete(), forget), 24);
    (sketch(), proptest::collection::vec(edit(), 1..=2), items).prop_map(|(before, edits, items)| Scene {
        before,
        edits,
        items,
    })
}

/// Nobody has more of any of the items.
fn gives_nobody_more(
    before: &Policy,
    after: &Policy,
    items: &[(Facts, [bool; 10])],
) -> Result<(), TestCaseError> {
    for (facts, forget) in items {
        for facts in [facts.clone(), less(facts, *forget)] {
            let (was, is) = (seen(before, &facts), seen(after, &facts));
            let shown = format!("{facts:?}\nbefore {was:?}\nafter {is:?}");
            prop_assert!(is.content.is_subset(&was.content), "content: {shown}");
            prop_assert!(is.names.is_subset(&was.names), "names: {shown}");
            prop_assert!(is.looks.is_subset(&was.looks), "looks: {shown}");
            let listed = matches!(was.outcome, Outcome::Listed | Outcome::ListedTo(_));
            prop_assert!(!listed || was.outcome == is.outcome, "no longer listed: {shown}");
        }
    }
    Ok(())
}

#[test]
fn what_is_called_narrower_gives_nobody_more() {
    let counts = [const { Cell::new(0) }; 5];
    let check = |scene: Scene| {
        let after = scene.edits.iter().fold(scene.before.clone(), |sketch, edit| apply(&sketch, edit));
        let (before, after) = (scene.before.policy(), after.policy());
        let difference = scope::diff(&before, &after);
        counts[difference.verdict as usize].set(counts[difference.verdict as usize].get() + 1);
        match difference.verdict {
            Verdict::Narrower => gives_nobody_more(&before, &after, &scene.items)?,
            // What is called the same is so both ways; what is called wider is narrower the other way round.
            Verdict::Same => {
                gives_nobody_more(&before, &after, &scene.items)?;
                gives_nobody_more(&after, &before, &scene.items)?;
            }
            Verdict::Wider => prop_assert!(
                difference.findings.iter().all(|own| own.way == scope::diff::Way::Adds),
                "{difference:?}"
            ),
            Verdict::Different | Verdict::CannotBeSaid => {}
        }
        Ok(())
    };
    if let Err(error) = runner(1500).run(&scene(), check) {
        panic!("{error}");
    }
    // The test says something only where the answer is often yes.
    let counts: Vec<i32> = counts.iter().map(Cell::get).collect();
    let [same, narrower, wider, different, unsaid] = counts[..] else { panic!() };
    assert!(same > 50 && narrower > 100 && wider > 25 && different > 250, "{counts:?}");
    assert!(unsaid < 30, "{counts:?}");
}
