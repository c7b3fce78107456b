//! Walking a medium and deciding every item: what `plan` and `capture` have in common.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use evidence::acquisition::{Coverage, MediumId, WalkStatement, Wanting};
use examine::{Examined, Examiner, Options, Slacks, remnant_limits};
use folder::at_place;
use scope::facts::{Attribute, Facts, Failure as FailedLook, Look};
use scope::policy::LeftRecord;
use scope::{Decision, Outcome, PathsMet, Policy};
use serde::{Deserialize, Serialize};
use source::{Drives, Reader, Source, SourceInfo};

use crate::bad_places::BadPlaces;
use crate::cli::PaceArgs;
use crate::console::Failure;
use crate::interrupt::Interrupt;
use crate::metered::Metered;
use crate::pipeline::{self, Crew, Run};
use crate::progress::{Committed, Expected, Meter, Progress};

/// Counts of a walk; never a name.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Tally {
    pub(crate) items: u64,
    /// Bytes of the largest item that is kept.
    pub(crate) largest: u64,
    pub(crate) outcomes: BTreeMap<Outcome, Amount>,
    pub(crate) rules: BTreeMap<String, Amount>,
    pub(crate) tiers: BTreeMap<String, Amount>,
    /// Items by the deepest look that was taken at them.
    pub(crate) deepest: BTreeMap<Look, u64>,
    /// Looks taken, whatever came after.
    pub(crate) looks: BTreeMap<Look, u64>,
    /// Looks that could not be taken to their end.
    pub(crate) failed_looks: u64,
    /// Archives that go whole to nobody, and of which not all could be read.
    pub(crate) lost_archives: u64,
    pub(crate) issues: u64,
    pub(crate) walks: Vec<WalkStatement>,
    /// Items per source, by its position.
    pub(crate) of_sources: BTreeMap<usize, u64>,
    /// The slack of kept items, per source.
    pub(crate) slacks: BTreeMap<usize, SlackCounts>,
    /// Slack that could not be read, or not be decided, per source.
    pub(crate) slack_issues: BTreeMap<usize, u64>,
    /// Per source, items that were left and of which something could not be read.
    #[serde(default)]
    pub(crate) left_unread: BTreeMap<usize, u64>,
    /// What the walks left out, in sentences.
    pub(crate) limits: Vec<String>,
    /// Set where a limit of the policy, or the person, ended the walk before its end.
    pub(crate) interrupted: Option<String>,
    /// Paths of the policy that some item fits.
    pub(crate) paths: PathsMet,
}

/// What a run has counted: what the journal keeps with each batch, so that a resumed run counts on.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Counted {
    pub(crate) tally: Tally,
    /// Bytes of items that were kept, where the policy limits them.
    pub(crate) kept: u64,
    /// Why nothing more is kept, where the limit was met.
    pub(crate) interrupted: Option<String>,
    /// What was amiss with kept items.
    pub(crate) amiss: Amiss,
    /// What the medium did not give to this process and to those before it.
    pub(crate) bad: BadPlaces,
    /// At the end: whether anything departs from the order or the procedure.
    pub(crate) departs: bool,
    /// At the end: whether the medium has another digest than before.
    pub(crate) altered: bool,
    /// At the end: what tells of a medium that was cut off.
    pub(crate) cut_short: Vec<String>,
    /// At the end: volumes that cannot be read.
    pub(crate) unread: usize,
}

/// What was amiss with kept items.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Amiss {
    /// They changed while they were read, or gave other bytes the second time.
    pub(crate) changed: u64,
    /// Their archive says something else of them than their bytes do.
    pub(crate) contradicted: u64,
    /// Not one byte of them could be read: by their outcome, by the rules that determined it, and by its tier.
    pub(crate) unread: BTreeMap<Outcome, Amount>,
    pub(crate) unread_of_rules: BTreeMap<String, Amount>,
    pub(crate) unread_of_tiers: BTreeMap<String, Amount>,
    /// Some of their content could not be read.
    #[serde(default)]
    pub(crate) partial: u64,
    /// Of these, the ones whose reading process was ended.
    #[serde(default)]
    pub(crate) cut_off: u64,
}

impl Amiss {
    /// What was counted, without the bytes of which nobody has any.
    pub(crate) fn without_unread(&self, tally: &Tally) -> Tally {
        let mut tally = tally.clone();
        take_bytes(&mut tally.outcomes, &self.unread);
        take_bytes(&mut tally.rules, &self.unread_of_rules);
        take_bytes(&mut tally.tiers, &self.unread_of_tiers);
        tally
    }

    /// Counts an item of so many bytes, none of which could be read.
    pub(crate) fn add_unread(&mut self, decision: &Decision, bytes: u64) {
        self.unread.entry(decision.outcome.clone()).or_default().add(bytes);
        for rule in &decision.rules {
            self.unread_of_rules.entry(rule.clone()).or_default().add(bytes);
        }
        self.unread_of_tiers.entry(decision.tier.word().to_owned()).or_default().add(bytes);
    }
}

/// As [`Slacks`], for the journal.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct SlackCounts {
    pub(crate) items: u64,
    pub(crate) unread: u64,
    #[serde(default)]
    pub(crate) wanting: u64,
}

impl From<SlackCounts> for Slacks {
    fn from(counts: SlackCounts) -> Self {
        Self { items: counts.items, unread: counts.unread, wanting: counts.wanting }
    }
}

impl From<Slacks> for SlackCounts {
    fn from(slacks: Slacks) -> Self {
        Self { items: slacks.items, unread: slacks.unread, wanting: slacks.wanting }
    }
}

/// How many items, and how many bytes they hold.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Amount {
    pub(crate) items: u64,
    pub(crate) bytes: u64,
}

impl Amount {
    pub(crate) fn add(&mut self, bytes: u64) {
        self.items += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.items += other.items;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// Takes bytes away by their keys; the items stay.
fn take_bytes<K: Ord>(from: &mut BTreeMap<K, Amount>, lost: &BTreeMap<K, Amount>) {
    for (key, lost) in lost {
        if let Some(amount) = from.get_mut(key) {
            amount.bytes = amount.bytes.saturating_sub(lost.bytes);
        }
    }
}

/// Adds counts by their keys.
fn add<K: Clone + Ord, V: AddAssign + Copy + Default>(to: &mut BTreeMap<K, V>, from: &BTreeMap<K, V>) {
    for (key, value) in from {
        *to.entry(key.clone()).or_default() += *value;
    }
}

impl Tally {
    /// Items with this kind of outcome, over all compartments.
    pub(crate) fn total(&self, of: impl Fn(&Outcome) -> bool) -> Amount {
        self.outcomes.iter().filter(|(outcome, _)| of(outcome)).fold(Amount::default(), |sum, (_, amount)| {
            Amount { items: sum.items + amount.items, bytes: sum.bytes.saturating_add(amount.bytes) }
        })
    }

    /// Adds what another worker counted.
    pub(crate) fn add(&mut self, other: &Self) {
        self.items += other.items;
        self.largest = self.largest.max(other.largest);
        self.failed_looks += other.failed_looks;
        self.lost_archives += other.lost_archives;
        self.paths.add(&other.paths);
        add(&mut self.outcomes, &other.outcomes);
        add(&mut self.rules, &other.rules);
        add(&mut self.tiers, &other.tiers);
        add(&mut self.deepest, &other.deepest);
        add(&mut self.looks, &other.looks);
        add(&mut self.of_sources, &other.of_sources);
        add(&mut self.slack_issues, &other.slack_issues);
        add(&mut self.left_unread, &other.left_unread);
        for (source, slacks) in &other.slacks {
            let sum = self.slacks.entry(*source).or_default();
            sum.items = sum.items.saturating_add(slacks.items);
            sum.unread = sum.unread.saturating_add(slacks.unread);
            sum.wanting = sum.wanting.saturating_add(slacks.wanting);
        }
    }

    pub(crate) fn count(&mut self, examined: &Examined, source: usize) {
        let bytes = examined.facts.content_size().unwrap_or(0);
        let decision = &examined.decision;
        self.items += 1;
        if decision.outcome.is_kept() {
            self.largest = self.largest.max(bytes);
        }
        *self.of_sources.entry(source).or_default() += 1;
        self.outcomes.entry(decision.outcome.clone()).or_default().add(bytes);
        self.tiers.entry(decision.tier.word().to_owned()).or_default().add(bytes);
        for rule in &decision.rules {
            self.rules.entry(rule.clone()).or_default().add(bytes);
        }
        for look in &decision.looks {
            *self.looks.entry(*look).or_default() += 1;
        }
        let deepest = decision.looks.iter().max().copied().unwrap_or(Look::Metadata);
        *self.deepest.entry(deepest).or_default() += 1;
        if decision.outcome == Outcome::Left && is_wanting(&examined.facts) {
            *self.left_unread.entry(source).or_default() += 1;
        }
        self.failed_looks += examined.facts.failures.len() as u64;
        let container = examined.facts.container.as_ref();
        let is_lost = container.is_some_and(|held| held.trouble.is_some() && held.barred > 0);
        self.lost_archives += u64::from(is_lost && !decision.outcome.is_kept());
    }

    /// That archives are with nobody though something in them may be wanted.
    pub(crate) fn lost_archives(&self) -> Option<String> {
        let count = self.lost_archives;
        (count > 0).then(|| {
            format!(
                "{count} archives have something in them that a rule keeps apart, and could not be read wholly: they go whole to nobody, and what \
                 could not be read of them is on the original alone; keep it, and ask whoever gave the order"
            )
        })
    }

    /// The rules of `policy` that determined nothing on this medium.
    pub(crate) fn idle_rules(&self, policy: &Policy) -> Vec<String> {
        policy.rules().iter().filter(|r| !self.rules.contains_key(&r.id)).map(|r| r.id.clone()).collect()
    }

    /// The paths of `policy` that fit no item of this medium, in sentences. Of a walk that was stopped, none can be told.
    pub(crate) fn dead_paths(&self, policy: &Policy) -> Vec<String> {
        if self.interrupted.is_some() {
            return Vec::new();
        }
        let dead = policy.dead_paths(&self.paths);
        let told = dead.iter().take(MAX_DEAD_PATHS);
        let told = told.map(|(selector, path)| {
            format!("path {} of selector {selector} fits no item on this medium", path.escape_debug())
        });
        let more = dead.len().saturating_sub(MAX_DEAD_PATHS);
        let more = (more > 0).then(|| format!("{more} more paths of the policy fit no item on this medium"));
        told.chain(more).collect()
    }
}

/// What became of one item in the hands of the crew: how many bytes were preserved, `None` without an object.
pub(crate) type Kept = Option<u64>;

/// How a medium is surveyed.
pub(crate) struct How<'a> {
    /// The looks.
    pub(crate) looks: Options,
    /// How many workers, and how fast they may read.
    pub(crate) pace: &'a PaceArgs,
    /// What the walk is for, as progress names it.
    pub(crate) phase: &'static str,
    /// What an earlier pass found, where one is on record.
    pub(crate) expected: Option<Expected>,
    /// Whether somebody asked to stop.
    pub(crate) interrupt: &'a Interrupt,
    /// What was counted before a break.
    pub(crate) before: Counted,
    /// Where containers are opened.
    pub(crate) reader: &'a Reader,
    /// Who knows whether the medium is still there.
    pub(crate) drives: &'a dyn Drives,
}

/// Walks every source, decides each item, and hands it to the crew.
///
/// # Errors
///
/// A source whose root cannot be read, whatever the crew reports, and an interrupt. Damage elsewhere is an issue, and
/// counted.
pub(crate) fn survey<C: Crew>(
    how: &How<'_>,
    policy: &Policy,
    sources: &[Box<dyn Source>],
    crew: &C,
) -> Result<Tally, Failure> {
    let jobs = how.pace.jobs();
    // Many workers hold many items: each holds less, and reads the larger ones twice.
    let most = (HELD / jobs).clamp(LEAST_BUFFER, how.looks.buffer.max(LEAST_BUFFER));
    let examiner = Examiner::new(policy, Options { buffer: how.looks.buffer.min(most), ..how.looks })
        .reading(how.reader);
    let about: Option<u64> = sources.iter().map(|source| source.info().about_items).sum();
    let meter = Meter::new(how.pace.throttle.map(|rate| rate.get()));
    let metered: Vec<Metered<'_>> =
        sources.iter().map(|source| Metered::new(source.as_ref(), &meter, how.interrupt)).collect();
    let metered: Vec<&dyn Source> = metered.iter().map(|source| source as &dyn Source).collect();
    let run = Run {
        policy,
        sources: &metered,
        examiner: &examiner,
        jobs,
        meter: &meter,
        interrupt: how.interrupt,
        drives: how.drives,
        before: &how.before,
    };
    let _in_order = how.interrupt.ends_in_order();
    let progress = Progress::new(how.phase, how.pace.progress, about, how.expected, crew.keeps())
        .after(committed(&how.before.tally));
    let done = progress.during(&meter, || pipeline::run(&run, crew))?;
    let mut tally = done.tally;
    let stopped = tally.interrupted.is_some();
    let last = done.walks.len();
    for (source, (at, (report, recorded))) in sources.iter().zip((1_usize..).zip(done.walks)) {
        let index = at.saturating_sub(1);
        let slacks = tally.slacks.get(&index).copied().unwrap_or_default();
        let walked = recorded.saturating_sub(slacks.items);
        // The walker is ahead of the decisions: where a limit of bytes ended the run, one item more was met.
        let items =
            if stopped && at == last { report.items.min(walked.saturating_add(1)) } else { report.items };
        let issues =
            report.issues.saturating_add(tally.slack_issues.get(&index).copied().unwrap_or_default());
        tally.issues = tally.issues.saturating_add(issues);
        let volume = at_place(&source.info().place, &source.info().volume);
        let unread = remnant_limits(policy, source.as_ref(), &report, slacks.unread);
        // Of what is on record, its own facts say what could not be read.
        let alone = policy.record().left == LeftRecord::Counts;
        let left = tally.left_unread.get(&index).copied().filter(|_| alone);
        let wanting = Wanting { slack: slacks.wanting, left: left.unwrap_or(0), ..folder::wanting(&report) };
        let limits = report.limits.iter().chain(&unread);
        tally.limits.extend(limits.map(|limit| format!("{volume}: {limit}")));
        tally.walks.push(WalkStatement {
            volume,
            ids: ids_of(source.info()),
            items: items.saturating_add(slacks.items),
            names: report.names,
            issues,
            coverage: report
                .coverage
                .into_iter()
                .map(|(what, counted, expected)| Coverage { what, counted, expected })
                .collect(),
            wanting,
        });
    }
    tally.limits.extend(examiner.unconfined());
    Ok(tally)
}

/// Whether something of an item could not be read, but for what an archive contradicts.
fn is_wanting(facts: &Facts) -> bool {
    facts.attributes.iter().any(Attribute::is_unread) || !facts.failures.iter().all(FailedLook::is_of_archive)
}

/// What of a run was done before it was broken off.
fn committed(tally: &Tally) -> Committed {
    let kept = tally.outcomes.iter().filter(|(outcome, _)| outcome.is_kept()).map(|(_, amount)| amount);
    let (kept, kept_bytes) = kept.fold((0_u64, 0_u64), |(items, bytes), amount| {
        (items.saturating_add(amount.items), bytes.saturating_add(amount.bytes))
    });
    Committed { items: tally.items, kept, kept_bytes }
}

fn ids_of(info: &SourceInfo) -> Vec<MediumId> {
    let ids = info.ids.iter().map(|(kind, value)| MediumId { kind: kind.clone(), value: value.clone() });
    ids.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Why an item cannot be kept any more, where keeping what is kept of it, so many bytes with its slack and what is in it, would exceed
/// the policy's limit of bytes.
pub(crate) fn beyond_bytes(policy: &Policy, kept: u64, size: u64) -> Option<String> {
    let limit = policy.limits().bytes?;
    (size > 0 && kept.saturating_add(size) > limit).then(|| {
        format!(
            "the policy's limit of {limit} bytes: {kept} are kept, and the next item, of {size} bytes, was examined, \
             not taken, and is in no record"
        )
    })
}

/// Most paths that are named one by one: as many as somebody reads.
const MAX_DEAD_PATHS: usize = 50;

/// Bytes of items that all workers together hold in memory, and the least for one.
const HELD: usize = 128 << 20;
const LEAST_BUFFER: usize = 1 << 20;
