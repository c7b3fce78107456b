//! What the comparison of two policies calls narrower gives nobody a name, a content or a look more.
//!
//! Both policies decide on the same generated items, with full staged looks, and each audience is asked what it sees. Where
//! containers are opened, whoever has the content of one has that of all members of it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod sketch;

use std::cell::Cell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use scope::diff::{Audience, Way};
use scope::facts::{ContainerFact, Kind, Member, TypeFact};
use scope::policy::Effect;
use scope::{Facts, Look, Outcome, Policy, RawName, Step, Verdict, visible_names};
use sketch::{CONDITIONS, OPENINGS, RuleSketch, SELECTORS, Sketch, complete, less, rule, runner, sketch};

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
    Containers(usize),
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
        Edit::Containers(at) => after.containers = *at,
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
            gives_no_more(&was, &is, &facts)?;
        }
    }
    Ok(())
}

fn gives_no_more(was: &Seen, is: &Seen, of: &dyn std::fmt::Debug) -> Result<(), TestCaseError> {
    let shown = format!("{of:?}\nbefore {was:?}\nafter {is:?}");
    prop_assert!(is.content.is_subset(&was.content), "content: {shown}");
    prop_assert!(is.names.is_subset(&was.names), "names: {shown}");
    prop_assert!(is.looks.is_subset(&was.looks), "looks: {shown}");
    let listed = matches!(was.outcome, Outcome::Listed | Outcome::ListedTo(_));
    prop_assert!(!listed || was.outcome == is.outcome, "no longer listed: {shown}");
    Ok(())
}

/// A container, or what looks like one, and what is in it.
#[derive(Clone, Debug)]
struct Archive {
    item: Facts,
    members: Vec<Facts>,
    trouble: bool,
}

fn archives() -> impl Strategy<Value = Archive> {
    let members = proptest::collection::vec(complete(), 0..=3);
    let form = proptest::sample::select(vec!["zip", "tar", "zip", "text"]);
    (complete(), members, form, proptest::bool::weighted(0.1)).prop_map(
        |(mut item, members, form, trouble)| {
            (item.kind, item.size) = (Kind::File, Some(50));
            item.type_fact =
                Some(TypeFact { name: form.into(), encrypted: Some(false), examined: 10, end: None });
            let within = |(number, own): (u64, Facts)| {
                let last = own.names[0].bytes();
                let last = RawName(last.rsplit(|byte| *byte == b'/').next().unwrap().to_vec());
                let names = item.names.iter();
                let mut names: Vec<RawName> =
                    names.map(|path| RawName([path.bytes(), b"!/", last.bytes()].concat())).collect();
                names.sort();
                let of = "v/inode:1:0".to_owned();
                Facts {
                    volume: item.volume.clone(),
                    case_rule: item.case_rule,
                    kind: Kind::Member,
                    member: Some(Member { of, number, depth: 1, name: last }),
                    links: item.links,
                    names,
                    ..own
                }
            };
            let members = (0..).zip(members).filter(|(_, own)| own.kind.has_content()).map(within).collect();
            Archive { item, members, trouble }
        },
    )
}

impl Archive {
    fn less(&self, forget: [bool; 10]) -> Self {
        Self { members: self.members.iter().map(|own| less(own, forget)).collect(), ..self.clone() }
    }

    /// What each audience has of the container, and of each member.
    fn seen(&self, policy: &Policy) -> Vec<Seen> {
        let (mut looks, mut taken) = (vec![Look::Metadata], self.item.up_to(&[Look::Metadata]));
        let mut within: Vec<Seen> = Vec::new();
        while let Step::Look(look) = scope::decide(policy, &taken) {
            looks.push(look);
            looks.sort();
            taken = Facts { container: taken.container.take(), ..self.item.up_to(&looks) };
            if taken.container.is_none() && scope::opens(policy, &taken) {
                within = self.members.iter().map(|own| seen(policy, own)).collect();
                let captured = within.iter().filter(|own| own.outcome == Outcome::Captured).count() as u64;
                let barred = self.members.iter().filter(|own| {
                    let decision = scope::decide_from_metadata(policy, own).unwrap();
                    scope::is_barred(policy, &own.up_to(&decision.looks))
                });
                let barred = barred.count();
                taken.container = Some(ContainerFact {
                    form: taken.type_fact.as_ref().unwrap().name.clone(),
                    members: within.len() as u64,
                    captured,
                    barred: barred as u64,
                    others: 0,
                    trouble: self.trouble.then(|| "damaged".to_owned()),
                });
            }
        }
        let whole = seen(policy, &taken);
        if within.is_empty() {
            // Nobody looked into it, and nobody knows what is in it but those who have it.
            let nothing = |_| Seen {
                outcome: Outcome::Left,
                looks: BTreeSet::new(),
                content: BTreeSet::new(),
                names: BTreeSet::new(),
            };
            within = self.members.iter().map(nothing).collect();
        }
        for (own, facts) in within.iter_mut().zip(&self.members) {
            own.content.extend(whole.content.iter().cloned());
            let all =
                whole.content.iter().flat_map(|who| (0..=facts.names.len()).map(|at| (who.clone(), at)));
            own.names.extend(all);
        }
        within.push(whole);
        within
    }
}

/// A container, and what is not known of its members.
type Forgetful = (Archive, [bool; 10]);

fn edit_of_containers() -> impl Strategy<Value = Edit> {
    prop_oneof![
        2 => edit(),
        2 => (0..OPENINGS.len()).prop_map(Edit::Containers),
        1 => any::<bool>().prop_map(Edit::HoldUnknown),
        2 => any::<bool>().prop_map(|hash| Edit::Looks([true, hash, true])),
    ]
}

#[test]
fn what_is_called_narrower_gives_nobody_more_of_what_is_in_containers() {
    let counts = [const { Cell::new(0) }; 5];
    let opened = Cell::new(0);
    let forget = proptest::array::uniform10(proptest::bool::weighted(0.15));
    let boxes = proptest::collection::vec((archives(), forget), 24);
    let edits = proptest::collection::vec(edit_of_containers(), 1..=2);
    let scene = (sketch(), 1..OPENINGS.len(), edits, boxes);
    let check = |(mut sketch, containers, edits, boxes): (Sketch, usize, Vec<Edit>, Vec<Forgetful>)| {
        sketch.containers = containers;
        let after = edits.iter().fold(sketch.clone(), |sketch, edit| apply(&sketch, edit));
        let (before, after) = (sketch.policy(), after.policy());
        let verdict = scope::diff(&before, &after).verdict;
        counts[verdict as usize].set(counts[verdict as usize].get() + 1);
        let pairs = match verdict {
            Verdict::Same => vec![(&before, &after), (&after, &before)],
            Verdict::Narrower => vec![(&before, &after)],
            Verdict::Wider | Verdict::Different | Verdict::CannotBeSaid => Vec::new(),
        };
        for (before, after) in pairs {
            for (own, forget) in &boxes {
                for own in [own.clone(), own.less(*forget)] {
                    for (was, is) in own.seen(before).iter().zip(own.seen(after)) {
                        gives_no_more(was, &is, &own)?;
                        opened.set(opened.get() + usize::from(!is.content.is_empty()));
                    }
                }
            }
        }
        Ok(())
    };
    if let Err(error) = runner(1500).run(&scene, check) {
        panic!("{error}");
    }
    let counts: Vec<i32> = counts.iter().map(Cell::get).collect();
    let [same, narrower, _, different, unsaid] = counts[..] else { panic!() };
    assert!(same > 50 && narrower > 4 && different > 250 && unsaid > 50, "{counts:?}");
    assert!(opened.get() > 1000, "{} members that somebody has", opened.get());
}

/// Whoever has something more because containers are opened otherwise is told to gain, and of what.
#[test]
fn whoever_gains_by_what_is_opened_is_named() {
    let gains = [const { Cell::new(0) }; 4];
    let forget = proptest::array::uniform10(proptest::bool::weighted(0.15));
    let boxes = proptest::collection::vec((archives(), forget), 24);
    let scene = (sketch(), 0..OPENINGS.len(), 0..OPENINGS.len(), boxes);
    let check = |(mut sketch, first, second, boxes): (Sketch, usize, usize, Vec<Forgetful>)| {
        (sketch.looks, sketch.containers) = ([true, sketch.looks[1], true], first);
        let after = apply(&sketch, &Edit::Containers(second));
        let (before, after) = (sketch.policy(), after.policy());
        let findings = scope::diff(&before, &after).findings;
        let said = |audience: &Audience, kind: &str| {
            let mut own = findings.iter().filter(|own| own.way == Way::Adds && own.audience == *audience);
            own.any(|own| own.what.starts_with(kind))
        };
        let who = |id: &str| match id {
            "case" => Audience::CaseTeam,
            id => Audience::Compartment(id.to_owned()),
        };
        for (own, forget) in &boxes {
            for own in [own.clone(), own.less(*forget)] {
                for (was, is) in own.seen(&before).iter().zip(own.seen(&after)) {
                    let shown = format!("{own:?}\nbefore {was:?}\nafter {is:?}\n{findings:?}");
                    for id in is.content.difference(&was.content) {
                        gains[usize::from(id != "case")].set(gains[usize::from(id != "case")].get() + 1);
                        prop_assert!(said(&who(id), "content: "), "content for {id}: {shown}");
                    }
                    for (id, _) in is.names.difference(&was.names) {
                        gains[2].set(gains[2].get() + 1);
                        prop_assert!(
                            said(&who(id), "content: ") || said(&who(id), "names: "),
                            "names for {id}: {shown}"
                        );
                    }
                    if !is.looks.is_subset(&was.looks) {
                        gains[3].set(gains[3].get() + 1);
                        prop_assert!(said(&Audience::Examiners, ""), "looks: {shown}");
                    }
                }
            }
        }
        Ok(())
    };
    if let Err(error) = runner(600).run(&scene, check) {
        panic!("{error}");
    }
    let gains: Vec<i32> = gains.iter().map(Cell::get).collect();
    assert!(gains.iter().all(|count| *count > 20), "{gains:?}");
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
