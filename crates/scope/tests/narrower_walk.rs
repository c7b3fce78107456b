//! What is called narrower gives nobody more of a whole medium: with streams, deleted entries, what stands where their content
//! was, slack and unallocated space, and with limits at which the walk stops.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

#[path = "sketch/audiences.rs"]
mod audiences;
mod sketch;

use std::cell::Cell;
use std::collections::BTreeSet;

use audiences::{Edit, Seen, apply, edit, gives_no_more, seen};
use proptest::prelude::*;
use scope::facts::{Kind, Slack};
use scope::policy::{Deleted, Effect};
use scope::{Facts, Look, Outcome, Policy, Verdict};
use sketch::{DELETED, HELD, Sketch, complete, less, runner, sketch};

/// One thing that a walk comes to, and the slack behind it.
#[derive(Clone, Debug)]
struct Entry {
    item: Facts,
    slack: Option<Facts>,
}

fn entry() -> impl Strategy<Value = Entry> {
    let kind = proptest::sample::select(vec![
        None,
        None,
        Some(Kind::Stream),
        Some(Kind::Deleted),
        Some(Kind::Recovered),
        Some(Kind::Unallocated),
    ]);
    let forget = proptest::option::weighted(0.3, proptest::array::uniform10(proptest::bool::weighted(0.15)));
    (complete(), kind, any::<bool>(), forget).prop_map(|(mut item, kind, slack, forget)| {
        match kind {
            Some(Kind::Deleted) => {
                (item.kind, item.size) = (Kind::Deleted, Some(20));
                (item.type_fact, item.hash) = (None, None);
                item.keywords.clear();
                item.mail.clear();
            }
            Some(kind) if item.kind == Kind::File => item.kind = kind,
            _ => {}
        }
        if item.kind == Kind::Unallocated {
            item.names.clear();
        }
        if let Some(forget) = forget {
            item = less(&item, forget);
        }
        let slack = slack && matches!(item.kind, Kind::File | Kind::Stream);
        let slack = slack.then(|| Facts {
            kind: Kind::Slack,
            slack: Some(Slack { of: item.kind, size: 15 }),
            ..item.clone()
        });
        Entry { item, slack }
    })
}

/// What each audience has of each entry and of each slack, by a walk of them all in their order.
fn walk(policy: &Policy, medium: &[Entry]) -> Vec<Seen> {
    let (target, limits) = (policy.target(), policy.limits());
    let (mut items, mut bytes, mut stopped) = (0, 0, false);
    let mut all = Vec::new();
    for own in medium {
        let comes_to = match own.item.kind {
            Kind::Stream => target.streams,
            Kind::Deleted => target.deleted != Deleted::Never,
            Kind::Recovered => matches!(target.deleted, Deleted::Hold(_)),
            Kind::Unallocated => target.unallocated.is_some(),
            _ => true,
        };
        all.extend([nothing(), nothing()]);
        let [item, slack] = all.last_chunk_mut().unwrap();
        if stopped || !comes_to {
            continue;
        }
        let found = seen(policy, &own.item);
        let kept = !found.content.is_empty();
        let behind = own.slack.as_ref().filter(|_| kept && target.slack.is_some());
        let size = |facts: &Facts| facts.content_size().filter(|_| facts.kind.has_content()).unwrap_or(0);
        let more = if kept { size(&own.item) + behind.map_or(0, size) } else { 0 };
        if limits.bytes.is_some_and(|limit| bytes + more > limit) {
            stopped = true;
            continue;
        }
        (items, bytes) = (items + 1, bytes + more);
        stopped = limits.items.is_some_and(|limit| items >= limit);
        *item = found;
        if let Some(behind) = behind {
            *slack = seen(policy, behind);
        }
    }
    all
}

fn nothing() -> Seen {
    Seen {
        outcome: Outcome::Left,
        looks: BTreeSet::<Look>::new(),
        content: BTreeSet::new(),
        names: BTreeSet::new(),
    }
}

type Limits = (Option<u64>, Option<u64>);

fn limits() -> impl Strategy<Value = Limits> {
    let (items, bytes) =
        (proptest::option::weighted(0.3, 2u64..8), proptest::option::weighted(0.3, 30u64..300));
    prop_oneof![1 => Just((None, None)), 2 => (items, bytes)]
}

fn edit_of_extent() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => edit(),
        // Of these most come to "different": what is only looked at less is tried more often.
        1 => any::<bool>().prop_map(Edit::Streams),
        1 => (0..DELETED.len()).prop_map(Edit::Deleted),
        2 => (0..HELD.len()).prop_map(Edit::Unallocated),
        1 => Just(Edit::Unallocated(0)),
        1 => (0..HELD.len()).prop_map(Edit::Slack),
        1 => Just(Edit::Slack(0)),
        1 => limits().prop_map(|(items, bytes)| Edit::Limits(items, bytes)),
    ]
}

/// An earlier policy: rules that can name, more often than by chance.
fn earlier() -> impl Strategy<Value = Sketch> {
    let extent = (any::<bool>(), 0..DELETED.len(), 0..HELD.len(), 0..HELD.len(), limits());
    (sketch(), extent).prop_map(|(sketch, (streams, deleted, unallocated, slack, limits))| Sketch {
        streams,
        deleted,
        unallocated,
        slack,
        limits,
        ..sketch
    })
}

/// A rule that withholds what the rules capture: for these the compartment of what was deleted matters.
fn withheld(sketch: &Sketch) -> Sketch {
    let mut after = sketch.clone();
    let mut rule = after.rules[0].clone();
    (rule.effect, rule.unless) = (Effect::Withhold, BTreeSet::new());
    after.rules.push(rule);
    after
}

#[test]
fn what_is_called_narrower_gives_nobody_more_of_a_whole_medium() {
    let counts = [const { Cell::new(0) }; 5];
    let stopped = Cell::new(0);
    let edits = proptest::collection::vec(edit_of_extent(), 1..=2);
    let media = proptest::collection::vec(proptest::collection::vec(entry(), 12), 6);
    let scene = (earlier(), edits, proptest::bool::weighted(0.15), media);
    let check = |(before, edits, withhold, media): (Sketch, Vec<Edit>, bool, Vec<Vec<Entry>>)| {
        let after = match withhold {
            true => withheld(&before),
            false => edits.iter().fold(before.clone(), |sketch, edit| apply(&sketch, edit)),
        };
        let (before, after) = (before.policy(), after.policy());
        let difference = scope::diff(&before, &after);
        counts[difference.verdict as usize].set(counts[difference.verdict as usize].get() + 1);
        let pairs = match difference.verdict {
            Verdict::Same => vec![(&before, &after), (&after, &before)],
            Verdict::Narrower => vec![(&before, &after)],
            // What is only more takes nothing away.
            Verdict::Wider => vec![(&after, &before)],
            Verdict::Different | Verdict::CannotBeSaid => Vec::new(),
        };
        for (before, after) in pairs {
            for medium in &media {
                for (was, is) in walk(before, medium).iter().zip(walk(after, medium)) {
                    let shown = format!("{difference:?}\n{medium:?}");
                    match difference.verdict {
                        Verdict::Wider => {
                            prop_assert!(is.content.is_subset(&was.content), "{was:?}\n{is:?}\n{shown}");
                            prop_assert!(is.names.is_subset(&was.names), "{was:?}\n{is:?}\n{shown}");
                        }
                        _ => gives_no_more(was, &is, &shown)?,
                    }
                    stopped.set(stopped.get() + usize::from(is.looks.is_empty() && !was.looks.is_empty()));
                }
            }
        }
        Ok(())
    };
    if let Err(error) = runner(2500).run(&scene, check) {
        panic!("{error}");
    }
    let counts: Vec<i32> = counts.iter().map(Cell::get).collect();
    let [same, narrower, wider, different, _] = counts[..] else { panic!() };
    assert!(same > 50 && narrower > 100 && wider > 25 && different > 250, "{counts:?}");
    assert!(stopped.get() > 100, "{} entries that were not come to any more", stopped.get());
}
