//! A sample of the original, looked at again: the drawn lines' items, and items drawn from the medium itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::PathBuf;

use evidence::acquisition::{Acquisition, Extent};
use evidence::replay::{Finding, FindingKind, Reexamination};
use evidence::sample::{Draw, Population, Seed, outermost};
use examine::{Examined, Examiner, Options, every_entry};
use scope::Policy;
use scope::facts::Look;
use scope::policy::LeftRecord;
use source::{Entry, OpenOptions, Source, WalkEvent};

use crate::Counts;
use crate::against::{
    beyond as told_beyond, compare_facts, compare_object, ids_of, layers, limit_to, not_compared,
    shortcomings, unsaid,
};

/// What came of a sample.
#[derive(Debug)]
pub struct Sampled {
    /// How many items the medium has today, and how many of them were drawn.
    pub nodes: (u64, u64),
    /// Locators of the items that were drawn from the medium.
    pub drawn: Vec<String>,
    /// Of the lines' items, those that were looked at again, in all that the record says of them.
    pub lines_seen: u64,
    /// Of the lines' items, those that no walk gives by itself: slack.
    pub lines_unseen: u64,
    /// Of the lines' items, those of which something cannot be read today, and was not compared.
    pub lines_unread: u64,
    /// Of the lines' items, those that could not be read wholly when they were recorded: what could be agrees.
    pub lines_partial: u64,
    /// Of the items drawn from the medium, those that were compared in all that the record says of them.
    pub nodes_seen: u64,
    /// Items of drawn lines and drawn items of the medium of which something was not compared.
    pub unread: u64,
    /// Items that lie beyond the limit of the policy at which the run stopped; none of a run that came to its end.
    pub beyond: Option<u64>,
    /// What differs.
    pub findings: Vec<Finding>,
    /// What was not looked at, and why.
    pub limits: Vec<String>,
}

/// Walks a medium, draws `n` of its items, and examines these and the items of `lines` again, under the package's policy.
///
/// `reexamination` knows every record of the ledger, which must be FOLLOWED, and whether the run stopped at a limit: of what
/// lies beyond it nothing is drawn.
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
    if let Some(named) = acquisition.file_systems(policy.target()) {
        limit_to(&mut opened, &named);
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
    let mut chosen: BTreeMap<String, (usize, Entry)> = BTreeMap::new();
    // Members come of their archive's examination, not of a walk.
    let archives: BTreeSet<&str> = lines.iter().map(|locator| outermost(locator)).collect();
    let has_slack = policy.target().slack.is_some();
    let none = || Draw::<(usize, Entry)>::new(seed, Population::Nodes, n);
    let (mut draw, mut beyond, mut failed) = (none(), none(), None);
    let stops = reexamination.beyond().is_some();
    for (at, source) in sources.iter().enumerate() {
        let walk = every_entry(policy, source.as_ref(), &mut |event| {
            if let WalkEvent::Item(entry) = event {
                // Which folders the record says it could not read is known on the way down alone.
                reexamination.passed(&entry.locator, &entry.facts);
                let size = || {
                    let mut size = 0_u64;
                    let examined = examiner.examine_each(&entry, source.as_ref(), &mut |_, _, member| {
                        size = size.saturating_add(kept_bytes(&member));
                        ControlFlow::Continue(())
                    });
                    match examined {
                        Ok(examined) => size.saturating_add(kept_bytes(&examined)),
                        Err(error) => {
                            failed.get_or_insert_with(|| format!("item {}: {error}", entry.locator));
                            0
                        }
                    }
                };
                if reexamination.is_beyond(&entry.locator, has_slack, size) {
                    beyond.meet(entry.locator.as_bytes(), || (at, entry.clone()));
                    return ControlFlow::Continue(());
                }
                if beyond.met() > 0 && reexamination.has_record(&entry.locator) {
                    // An item of the record lies behind these: the run had not stopped before them.
                    draw.join(std::mem::replace(&mut beyond, none()));
                }
                draw.meet(entry.locator.as_bytes(), || (at, entry.clone()));
                if archives.contains(entry.locator.as_str()) {
                    chosen.insert(entry.locator.clone(), (at, entry));
                }
            }
            ControlFlow::Continue(())
        })
        .map_err(|error| format!("volume {}: {error}", source.info().volume))?;
        limits.extend(shortcomings(&walk));
    }
    if let Some(failed) = failed {
        return Err(failed);
    }
    let beyond = stops.then(|| beyond.met());
    limits.extend(beyond.map(told_beyond));
    reexamination.end_of_walk();
    let nodes = draw.met();
    let drawn: Vec<(usize, Entry)> = draw.drawn().collect();
    let names: Vec<String> = drawn.iter().map(|(_, entry)| entry.locator.clone()).collect();
    for (at, entry) in drawn {
        chosen.insert(entry.locator.clone(), (at, entry));
    }
    let findings = reexamination.take_findings();
    let counts = policy.record().left == LeftRecord::Counts;
    let mut looked = Looked {
        reexamination,
        counts,
        findings,
        read: BTreeSet::new(),
        partial: BTreeSet::new(),
        unread: BTreeSet::new(),
    };
    let drawn_nodes: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    for (at, entry) in chosen.values() {
        let Some(source) = sources.get(*at) else { continue };
        let source: &dyn Source = source.as_ref();
        // An archive that was drawn from the medium is its members, too.
        let whole = drawn_nodes.contains(entry.locator.as_str());
        let wanted = |locator: &str| whole || lines.contains(locator);
        let examined = examiner
            .examine_each(entry, source, &mut |source, member, examined| {
                looked.at(source, member, &examined, wanted(&member.locator));
                ControlFlow::Continue(())
            })
            .map_err(|error| format!("item {}: {error}", entry.locator))?;
        looked.at(source, entry, &examined, wanted(&entry.locator));
    }
    let (mut lines_seen, mut lines_partial, mut lines_unseen, mut lines_unread) =
        (0_u64, 0_u64, 0_u64, 0_u64);
    for locator in lines {
        let count = if looked.read.contains(locator) {
            &mut lines_seen
        } else if looked.partial.contains(locator) {
            &mut lines_partial
        } else if locator.ends_with("/slack") {
            &mut lines_unseen
        } else if looked.unread.contains(locator) || looked.is_in_unread(locator) {
            limits.push(format!(
                "not compared: {locator}: it, or the archive that it is in, cannot be read today, or could not then"
            ));
            &mut lines_unread
        } else {
            looked.findings.push(Finding {
                kind: FindingKind::Extra,
                item: locator.clone(),
                rule: String::new(),
                detail: "in the ledger, not on the medium".to_owned(),
            });
            continue;
        };
        *count = count.saturating_add(1);
    }
    limits.extend(not_compared(looked.reexamination.unread()));
    limits.extend(unsaid(looked.reexamination.unsaid()));
    let nodes_seen = names.iter().filter(|locator| looked.read.contains(*locator)).count() as u64;
    if !looked.partial.is_empty() {
        limits.push(format!(
            "{} items are partial: what could not be read when they were recorded was not compared",
            looked.partial.len()
        ));
    }
    let unread = looked.reexamination.unread().items;
    let unread = unread.saturating_add(looked.reexamination.unsaid().items).saturating_add(lines_unread);
    let findings = looked.findings;
    Ok(Sampled {
        nodes: (nodes, names.len() as u64),
        drawn: names,
        lines_seen,
        lines_partial,
        nodes_seen,
        lines_unseen,
        lines_unread,
        unread,
        beyond,
        findings,
        limits,
    })
}

/// How many bytes of an item are kept.
fn kept_bytes(examined: &Examined) -> u64 {
    if examined.decision.outcome.is_kept() { examined.facts.content_size().unwrap_or(0) } else { 0 }
}

/// What was examined again, and what came of it.
struct Looked {
    reexamination: Reexamination,
    counts: bool,
    findings: Vec<Finding>,
    /// Locators of what was compared in all that the ledger has of it.
    read: BTreeSet<String>,
    /// Of what the record itself has in part alone.
    partial: BTreeSet<String>,
    /// And of what was not; of archives, also where they were not asked for.
    unread: BTreeSet<String>,
}

impl Looked {
    fn at(&mut self, source: &dyn Source, entry: &Entry, examined: &Examined, wanted: bool) {
        let locator = &entry.locator;
        if !wanted {
            let failed = |look| examined.facts.failures.iter().any(|failure| failure.look == look);
            if failed(Look::Type) || failed(Look::Content) {
                self.unread.insert(locator.clone());
            }
            return;
        }
        let uncompared =
            |reexamination: &Reexamination| (reexamination.unread().items, reexamination.unsaid().items);
        let before = uncompared(&self.reexamination);
        compare_facts(&mut self.reexamination, self.counts, locator, examined);
        compare_object(&mut self.reexamination, source, entry, examined, &Counts::default());
        let compared = before == uncompared(&self.reexamination);
        let into = match compared {
            false => &mut self.unread,
            true if self.reexamination.is_partial(locator) => &mut self.partial,
            true => &mut self.read,
        };
        into.insert(locator.clone());
        // By locator: who draws a sample need not see names.
        let found = self.reexamination.take_findings().into_iter();
        self.findings.extend(found.map(|finding| Finding { item: locator.clone(), ..finding }));
    }

    /// Whether an archive that the member is in could not be read.
    fn is_in_unread(&self, locator: &str) -> bool {
        std::iter::successors(Some(locator), |locator: &&str| Some(locator.rsplit_once("/member:")?.0))
            .skip(1)
            .any(|locator| self.unread.contains(locator))
    }
}
