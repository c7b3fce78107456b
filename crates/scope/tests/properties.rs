//! The properties of the evaluation (`docs/spec/policy.md`, "Properties"), on generated policies and items.
//!
//! A second evaluator, written from the page over the recorded trits alone, must agree. Broken versions of it must not
//! get past the properties.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod sketch;

use std::collections::BTreeSet;

use proptest::prelude::*;
use scope::facts::{Kind, Look, Zone};
use scope::policy::{Effect, Field, Rule, UnknownDefault};
use scope::{Facts, Outcome, Policy, Step, Tier};
use sketch::{RuleSketch, Sketch, complete, less, rule, runner, sketch};

/// How the second evaluator can be broken.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    UnknownIsFalse,
    UnknownIsTrue,
    IncludeBeatsExclude,
    FirstRuleWins,
    WithholdIgnored,
    WithholdNamesWhatIsHeld,
    AnyRuleDetermines,
    LastHoldWins,
    UnlessOfAnotherName,
    NamesTogether,
    UnseenNamesForgotten,
}

const ALL_FAULTS: [Fault; 11] = [
    Fault::UnknownIsFalse,
    Fault::UnknownIsTrue,
    Fault::IncludeBeatsExclude,
    Fault::FirstRuleWins,
    Fault::WithholdIgnored,
    Fault::WithholdNamesWhatIsHeld,
    Fault::AnyRuleDetermines,
    Fault::LastHoldWins,
    Fault::UnlessOfAnotherName,
    Fault::NamesTogether,
    Fault::UnseenNamesForgotten,
];

fn not(value: char) -> char {
    match value {
        'T' => 'F',
        'F' => 'T',
        _ => 'U',
    }
}

fn or(values: impl IntoIterator<Item = char>) -> char {
    let values: Vec<char> = values.into_iter().collect();
    if values.contains(&'T') {
        'T'
    } else if values.contains(&'U') {
        'U'
    } else {
        'F'
    }
}

fn and(values: impl IntoIterator<Item = char>) -> char {
    not(or(values.into_iter().map(not)))
}

/// The evaluation as the page states it, from the trits of all looks.
fn second(policy: &Policy, facts: &Facts, fault: Fault) -> (Outcome, Tier, Vec<String>) {
    let Step::Decided(decision) = scope::decide(policy, facts) else { panic!("all looks were taken") };
    let atoms = scope::atoms(policy);
    let mut rows: Vec<Vec<char>> = decision.trits.iter().map(|row| row.chars().collect()).collect();
    let unseen =
        facts.kind != Kind::Directory && facts.links.is_some_and(|links| links > facts.names.len() as u64);
    if unseen && !facts.names.is_empty() && fault != Fault::UnseenNamesForgotten {
        let of_name = |word: &str| ["path", "artifact", "name", "ext", "type_mismatch"].contains(&word);
        let content = facts.kind.has_content();
        let row = atoms.iter().zip(&rows[0]).map(|(atom, value)| {
            let word = atom.field.word();
            if of_name(word) && (content || word != "type_mismatch") { 'U' } else { *value }
        });
        let row = row.collect();
        rows.push(row);
    }
    if fault == Fault::NamesTogether {
        rows = vec![(0..atoms.len()).map(|at| or(rows.iter().map(|row| row[at]))).collect()];
    }
    for value in rows.iter_mut().flatten().filter(|value| **value == 'U') {
        match fault {
            Fault::UnknownIsFalse => *value = 'F',
            Fault::UnknownIsTrue => *value = 'T',
            _ => {}
        }
    }
    let selector = |row: &Vec<char>, id: &String| {
        and(atoms.iter().zip(row).filter(|(atom, _)| atom.selector == *id).map(|(_, value)| *value))
    };
    let values: Vec<char> = policy
        .rules()
        .iter()
        .map(|rule| {
            or(rows.iter().map(|row| {
                let any =
                    if rule.any.is_empty() { 'T' } else { or(rule.any.iter().map(|id| selector(row, id))) };
                let all = and(rule.all.iter().map(|id| selector(row, id)));
                let unless = |row| or(rule.unless.iter().map(|id| selector(row, id)));
                let unless = match fault {
                    Fault::UnlessOfAnotherName => or(rows.iter().map(unless)),
                    _ => unless(row),
                };
                and([any, all, not(unless)])
            }))
        })
        .collect();
    let tier = |effect: Effect, to: Option<&str>| {
        let rules = policy.rules().iter().zip(&values);
        or(rules
            .filter(|(rule, _)| rule.effect == effect && rule.to.as_deref() == to)
            .map(|(_, value)| *value))
    };
    let won = |wins: &dyn Fn(Effect, Option<&str>) -> bool| -> Vec<String> {
        let rules = policy.rules().iter().zip(&values);
        let wins = |rule: &Rule| fault == Fault::AnyRuleDetermines || wins(rule.effect, rule.to.as_deref());
        let rules = rules.filter(|(rule, value)| **value == 'T' && wins(rule));
        rules.map(|(rule, _)| rule.id.clone()).collect()
    };
    let (x, i) = (tier(Effect::Exclude, None), tier(Effect::Include, None));
    let w = if fault == Fault::WithholdIgnored { 'F' } else { tier(Effect::Withhold, None) };
    let undetermined = || match &policy.defaults().unknown {
        UnknownDefault::Hold(id) if w != 'T' => (Outcome::Held(id.clone()), Tier::Undetermined, Vec::new()),
        _ => (Outcome::Left, Tier::Undetermined, Vec::new()),
    };
    if fault == Fault::IncludeBeatsExclude && i == 'T' {
        return (Outcome::Captured, Tier::Included, won(&|effect, _| effect == Effect::Include));
    }
    if fault == Fault::FirstRuleWins
        && let Some((rule, _)) = policy.rules().iter().zip(&values).find(|(_, value)| **value == 'T')
        && rule.effect == Effect::Include
    {
        return (Outcome::Captured, Tier::Included, won(&|effect, _| effect == Effect::Include));
    }
    if x == 'T' {
        return (Outcome::Left, Tier::Excluded, won(&|effect, _| effect == Effect::Exclude));
    }
    if i == 'F' {
        return (Outcome::Left, Tier::OutOfScope, Vec::new());
    }
    if x == 'U' || i == 'U' || w == 'U' {
        return undetermined();
    }
    for id in if fault == Fault::LastHoldWins { ["two", "one"] } else { ["one", "two"] } {
        let to = Some(id);
        match (tier(Effect::Hold, to), w) {
            ('T', 'T') if fault == Fault::WithholdNamesWhatIsHeld => {
                return (Outcome::Listed, Tier::Withheld, won(&|effect, _| effect == Effect::Withhold));
            }
            ('U', _) => return undetermined(),
            ('T', 'T') => {
                let wins = |effect, own: Option<&str>| effect == Effect::Withhold || own == to;
                return (Outcome::ListedTo(id.into()), Tier::WithheldAndHeld, won(&wins));
            }
            ('T', _) => return (Outcome::Held(id.into()), Tier::Held, won(&|_, own| own == to)),
            _ => {}
        }
    }
    if w == 'T' {
        return (Outcome::Listed, Tier::Withheld, won(&|effect, _| effect == Effect::Withhold));
    }
    (Outcome::Captured, Tier::Included, won(&|effect, _| effect == Effect::Include))
}

type Verdict = (Outcome, Tier, Vec<String>);
type Evaluator<'e> = &'e dyn Fn(&Policy, &Facts) -> Verdict;

fn real(policy: &Policy, facts: &Facts) -> Verdict {
    let decision = scope::decide_from_metadata(policy, facts).unwrap();
    (decision.outcome, decision.tier, decision.rules)
}

#[derive(Clone, Debug)]
struct Scene {
    sketch: Sketch,
    facts: Facts,
    forget: [bool; 10],
    extra: RuleSketch,
    turn: usize,
}

fn scene() -> impl Strategy<Value = Scene> {
    let forget = proptest::array::uniform10(proptest::bool::weighted(0.2));
    (sketch(), complete(), forget, rule(), 0usize..5).prop_map(|(sketch, facts, forget, extra, turn)| Scene {
        sketch,
        facts,
        forget,
        extra,
        turn,
    })
}

/// All properties at once, for one evaluator.
fn properties(evaluate: Evaluator<'_>, scene: &Scene) -> Result<(), TestCaseError> {
    let policy = scene.sketch.policy();
    let partial = less(&scene.facts, scene.forget);

    // Total on complete facts, where all looks are allowed and every time has a zone.
    let full = evaluate(&policy, &scene.facts);
    let zoned = scene.sketch.zoneless || scene.facts.times.iter().all(|stamp| stamp.zone == Zone::Recorded);
    if scene.sketch.looks == [true; 3] && zoned {
        prop_assert_ne!(full.1, Tier::Undetermined, "total");
    }

    // More knowledge never changes a decided outcome.
    let before = evaluate(&policy, &partial);
    if before.1 != Tier::Undetermined {
        prop_assert_eq!(&before.0, &full.0, "more knowledge");
        // An item is left for the first reason that is found, and what is known says how far one had to look for it.
        let left = |tier| matches!(tier, Tier::OutOfScope | Tier::Excluded);
        let same = before.1 == full.1 || left(before.1) && left(full.1);
        prop_assert!(same, "more knowledge: {:?} became {:?}", before.1, full.1);
    }

    for facts in [&scene.facts, &partial] {
        let base = evaluate(&policy, facts);

        // The determining rules are the satisfied rules of the winning tier: as the page says, from the trits.
        let page = second(&policy, facts, Fault::None);
        if page.1 != Tier::Undetermined && base.1 != Tier::Undetermined {
            prop_assert_eq!(&base.0, &page.0, "the page");
        }
        // Looking no deeper than needed, some of them may not be known yet.
        if page.1 == base.1 {
            let none = matches!(base.1, Tier::OutOfScope | Tier::Undetermined);
            prop_assert_eq!(base.2.is_empty(), none, "determining rules: {:?}", base);
            prop_assert!(
                base.2.iter().all(|id| page.2.contains(id)),
                "determining rules: {:?} {:?}",
                base,
                page
            );
        }

        // Rule order and duplicates are irrelevant.
        let mut turned = scene.sketch.clone();
        let turn = scene.turn % turned.rules.len();
        turned.rules.rotate_left(turn);
        turned.rules.push(turned.rules[0].clone());
        turned.rules.reverse();
        let other = evaluate(&turned.policy(), facts);
        prop_assert_eq!((&base.0, base.1), (&other.0, other.1), "order");

        // What one more rule can do.
        let mut more = scene.sketch.clone();
        more.rules.insert(scene.turn % (more.rules.len() + 1), scene.extra.clone());
        let after = evaluate(&more.policy(), facts);
        let taken = |verdict: &Verdict| verdict.0 != Outcome::Left;
        match scene.extra.effect {
            Effect::Exclude => prop_assert!(taken(&base) || !taken(&after), "an exclude added {:?}", after.0),
            Effect::Include => {
                prop_assert!(!taken(&base) || taken(&after), "an include removed {:?}", base.0)
            }
            Effect::Withhold | Effect::Hold => {
                prop_assert!(
                    base.0 == Outcome::Captured || after.0 != Outcome::Captured,
                    "a {} added to captured",
                    scene.extra.effect.word()
                );
                // What is held is named to its compartment alone, withheld or not.
                prop_assert!(
                    !matches!(base.0, Outcome::Held(_)) || after.0 != Outcome::Listed,
                    "a {} named what is held",
                    scene.extra.effect.word()
                );
            }
        }
    }
    Ok(())
}

#[test]
fn the_evaluation_has_its_properties() {
    if let Err(error) = runner(4000).run(&scene(), |scene| properties(&real, &scene)) {
        panic!("{error}");
    }
}

#[test]
fn the_page_and_the_evaluation_agree() {
    let agree = |scene: Scene| {
        let mut scene = scene;
        scene.sketch.looks = [true; 3];
        let policy = scene.sketch.policy();
        for facts in [scene.facts.clone(), less(&scene.facts, scene.forget)] {
            let Step::Decided(decision) = scope::decide(&policy, &facts) else {
                return Err(TestCaseError::fail("all looks were taken"));
            };
            let page = second(&policy, &facts, Fault::None);
            prop_assert_eq!((decision.outcome, decision.tier, decision.rules), page);
            // Looking only as deep as needed comes to the same.
            let staged = scope::decide_from_metadata(&policy, &facts).unwrap();
            let all = second(&policy, &facts, Fault::None);
            prop_assert_eq!(&staged.outcome, &all.0);
            let left = (staged.tier, all.1) == (Tier::OutOfScope, Tier::Excluded);
            prop_assert!(staged.tier == all.1 || left, "{:?} {:?}", staged.tier, all.1);
        }
        Ok(())
    };
    if let Err(error) = runner(4000).run(&scene(), agree) {
        panic!("{error}");
    }
}

/// The properties say something of every predicate: each is true, false and unknown in the generated scenes.
#[test]
fn every_predicate_takes_every_value() {
    let found = std::cell::RefCell::new(BTreeSet::new());
    let collect = |scene: Scene| {
        let mut scene = scene;
        scene.sketch.looks = [true; 3];
        let policy = scene.sketch.policy();
        let atoms = scope::atoms(&policy);
        for facts in [scene.facts.clone(), less(&scene.facts, scene.forget)] {
            let Step::Decided(decision) = scope::decide(&policy, &facts) else {
                return Err(TestCaseError::fail("all looks were taken"));
            };
            for row in &decision.trits {
                found.borrow_mut().extend(atoms.iter().map(|atom| atom.field).zip(row.chars()));
            }
        }
        Ok(())
    };
    if let Err(error) = runner(2000).run(&scene(), collect) {
        panic!("{error}");
    }
    let found = found.into_inner();
    for field in Field::ALL {
        // The kind and the volume of an item are always known.
        let values = if matches!(field, Field::Kind | Field::Volume) { "TF" } else { "TFU" };
        for value in values.chars() {
            assert!(found.contains(&(field, value)), "`{}` is never {value}", field.word());
        }
    }
}

/// A replay keeps what it knows from look to look; the capture began anew after each. Both say the same, to the last trit.
#[test]
fn a_replay_and_the_rounds_of_a_capture_agree() {
    let agree = |scene: Scene| {
        let policy = scene.sketch.policy();
        for facts in [scene.facts.clone(), less(&scene.facts, scene.forget)] {
            let mut looks = vec![Look::Metadata];
            let rounds = loop {
                match scope::decide(&policy, &facts.up_to(&looks)) {
                    Step::Decided(decision) => break decision,
                    Step::Look(look) => looks.push(look),
                }
            };
            prop_assert_eq!(scope::decide_from_metadata(&policy, &facts), Ok(rounds));
        }
        Ok(())
    };
    if let Err(error) = runner(4000).run(&scene(), agree) {
        panic!("{error}");
    }
}

#[test]
fn no_look_is_taken_that_cannot_tell() {
    let needed = |scene: Scene| {
        let policy = scene.sketch.policy();
        let staged = scope::decide_from_metadata(&policy, &scene.facts).unwrap();
        for look in &staged.looks {
            prop_assert!(*look == Look::Metadata || scene.facts.kind.has_content(), "nothing to read");
            prop_assert!(policy.target().inspect.contains(look), "a look that is not allowed");
        }
        // With the last look taken back, the decision still wanted it.
        if let [first @ .., last] = staged.looks.as_slice()
            && !first.is_empty()
        {
            prop_assert_eq!(scope::decide(&policy, &scene.facts.up_to(first)), Step::Look(*last));
        }
        Ok(())
    };
    if let Err(error) = runner(2000).run(&scene(), needed) {
        panic!("{error}");
    }
}

#[test]
fn a_broken_evaluator_is_caught() {
    for fault in ALL_FAULTS {
        let broken = move |policy: &Policy, facts: &Facts| second(policy, facts, fault);
        let result = runner(6000).run(&scene(), |scene| properties(&broken, &scene));
        assert!(result.is_err(), "nothing noticed {fault:?}");
    }
}
