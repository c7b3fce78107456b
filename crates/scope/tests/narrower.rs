//! What the comparison of two policies calls narrower gives nobody a name, a content or a look more.
//!
//! Both policies decide on the same generated items, with full staged looks, and each audience is asked what it sees. Where
//! containers are opened, whoever has the content of one has that of all members of it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

#[path = "sketch/audiences.rs"]
mod audiences;
mod sketch;

use std::cell::Cell;
use std::collections::BTreeSet;

use audiences::{Edit, Seen, apply, edit, gives_no_more, seen};
use proptest::prelude::*;
use scope::diff::{Audience, Way};
use scope::facts::{ContainerFact, Kind, Member, TypeFact};
use scope::{Facts, Look, Outcome, Policy, RawName, Step, Verdict};
use sketch::{OPENINGS, Sketch, complete, less, runner, sketch};

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
