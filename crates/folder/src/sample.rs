//! A sample of the original, looked at again: the drawn lines' items, and items drawn from the medium itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::PathBuf;

use evidence::acquisition::{Acquisition, Extent, OTHER_MEDIUM};
use evidence::replay::{Finding, FindingKind, Reexamination};
use evidence::sample::{Draw, Population, Seed};
use examine::{Examiner, Options, every_entry};
use scope::Policy;
use scope::policy::LeftRecord;
use source::{Entry, OpenOptions, Source, WalkEvent};

use crate::Counts;
use crate::against::{
    compare_facts, compare_object, ids_of, layers, limit_to_order, not_compared, shortcomings,
};

/// What came of a sample.
#[derive(Debug)]
pub struct Sampled {
    /// How many items the medium has today, and how many of them were drawn.
    pub nodes: (u64, u64),
    /// Locators of the items that were drawn from the medium.
    pub drawn: Vec<String>,
    /// Of the lines' items, those that were looked at again.
    pub lines_seen: u64,
    /// Of the lines' items, those that no walk gives by itself: slack.
    pub lines_unseen: u64,
    /// What differs.
    pub findings: Vec<Finding>,
    /// What was not looked at, and why.
    pub limits: Vec<String>,
}

/// Walks a medium, draws `n` of its items, and examines these and the items of `lines` again, under the package's policy.
///
/// `reexamination` knows every record of the ledger, which must be FOLLOWED.
///
/// # Errors
///
/// In words: the medium cannot be opened, or not walked to its end.
pub fn sample_medium(
    mut reexamination: Reexamination,
    acquisition: &Acquisition,
    policy: &Policy,
    lines: &BTreeSet<String>,
    (seed, n): (Seed, usize),
    medium: &[PathBuf],
    open: &OpenOptions,
) -> Result<Sampled, String> {
    let mut opened = source::open_set(medium, open).map_err(|error| error.to_string())?;
    if !acquisition.departures.iter().any(|departure| departure.what.starts_with(OTHER_MEDIUM)) {
        limit_to_order(&mut opened, policy.target(), &acquisition.medium.label);
    }
    let mut limits = opened.medium.limits.clone();
    let ids = ids_of(acquisition, &opened, (medium, open), &Counts::default(), &mut limits);
    let found = layers(&opened);
    // Names on a medium of somebody else are nobody's to see: first of all, whether it is the one.
    let size = opened.medium.size;
    if let Some(why) =
        Reexamination::other_medium(&acquisition.medium, &acquisition.layers, size, &ids, &found)
    {
        return Err(format!("{why}: give the original, or a true copy"));
    }
    if reexamination.medium(&acquisition.medium, size, &ids) == 0 {
        limits.push("the medium shows no identity of a kind that the acquisition states".to_owned());
    }
    let extras =
        Options { md5: reexamination.has_md5(), sha1: reexamination.has_sha1(), ..Options::default() };
    let examiner = Examiner::new(policy, extras).reading(&open.reader);
    let volumes = opened.unread_sources();
    let sources = match acquisition.extent {
        Extent::Files => &opened.sources,
        Extent::Volumes => &volumes,
    };
    let mut draw: Draw<(usize, Entry)> = Draw::new(seed, Population::Nodes, n);
    let mut chosen: BTreeMap<String, (usize, Entry)> = BTreeMap::new();
    for (at, source) in sources.iter().enumerate() {
        let walk = every_entry(policy, source.as_ref(), &mut |event| {
            if let WalkEvent::Item(entry) = event {
                draw.meet(entry.locator.as_bytes(), || (at, entry.clone()));
                if lines.contains(&entry.locator) {
                    chosen.insert(entry.locator.clone(), (at, entry));
                }
            }
            ControlFlow::Continue(())
        })
        .map_err(|error| format!("volume {}: {error}", source.info().volume))?;
        limits.extend(shortcomings(&walk));
    }
    let lines_seen = chosen.len() as u64;
    // Slack and members come of their file's examination, not of a walk.
    let (slack, gone): (Vec<&String>, Vec<&String>) = lines
        .iter()
        .filter(|locator| !chosen.contains_key(*locator))
        .partition(|l| l.ends_with("/slack") || l.contains("/member:"));
    let mut findings: Vec<Finding> = gone
        .into_iter()
        .map(|locator| Finding {
            kind: FindingKind::Extra,
            item: locator.clone(),
            rule: String::new(),
            detail: "in the ledger, not on the medium".to_owned(),
        })
        .collect();
    let nodes = draw.met();
    let drawn: Vec<(usize, Entry)> = draw.drawn().collect();
    let names: Vec<String> = drawn.iter().map(|(_, entry)| entry.locator.clone()).collect();
    for (at, entry) in drawn {
        chosen.insert(entry.locator.clone(), (at, entry));
    }
    let counts = policy.record().left == LeftRecord::Counts;
    findings.extend(reexamination.take_findings());
    for (at, entry) in chosen.values() {
        let Some(source) = sources.get(*at) else { continue };
        let source: &dyn Source = source.as_ref();
        let examined =
            examiner.examine(entry, source).map_err(|error| format!("item {}: {error}", entry.locator))?;
        compare_facts(&mut reexamination, counts, &entry.locator, &examined);
        compare_object(&mut reexamination, source, entry, &examined, &Counts::default());
        // By locator: who draws a sample need not see names.
        let found = reexamination.take_findings().into_iter();
        findings.extend(found.map(|finding| Finding { item: entry.locator.clone(), ..finding }));
    }
    limits.extend(not_compared(reexamination.unread()));
    let lines_unseen = slack.len() as u64;
    Ok(Sampled {
        nodes: (nodes, names.len() as u64),
        drawn: names,
        lines_seen,
        lines_unseen,
        findings,
        limits,
    })
}
