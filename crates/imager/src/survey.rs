//! Walking a medium and deciding every item: what `plan` and `capture` have in common.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use evidence::acquisition::{Coverage, MediumId, WalkStatement};
use examine::{Event, Examined, Examiner, Options, every_item};
use scope::facts::Look;
use scope::{Outcome, Policy};
use serde::Serialize;
use source::{Entry, Source, SourceInfo};

use crate::console::{Context as _, Failure};
use crate::progress::Progress;

/// Counts of a walk; never a name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) items: u64,
    pub(crate) outcomes: BTreeMap<Outcome, Amount>,
    pub(crate) rules: BTreeMap<String, Amount>,
    pub(crate) tiers: BTreeMap<&'static str, Amount>,
    /// Items by the deepest look that was taken at them.
    pub(crate) deepest: BTreeMap<Look, u64>,
    /// Looks taken, whatever came after.
    pub(crate) looks: BTreeMap<Look, u64>,
    /// Looks that could not be taken to their end.
    pub(crate) failed_looks: u64,
    pub(crate) issues: u64,
    pub(crate) walks: Vec<WalkStatement>,
    /// Set where a limit of the policy, or the person, ended the walk before its end.
    pub(crate) interrupted: Option<String>,
}

/// How many items, and how many bytes they hold.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub(crate) struct Amount {
    pub(crate) items: u64,
    pub(crate) bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.items += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

impl Tally {
    /// Items with this kind of outcome, over all compartments.
    pub(crate) fn total(&self, of: impl Fn(&Outcome) -> bool) -> Amount {
        self.outcomes.iter().filter(|(outcome, _)| of(outcome)).fold(Amount::default(), |sum, (_, amount)| {
            Amount { items: sum.items + amount.items, bytes: sum.bytes.saturating_add(amount.bytes) }
        })
    }

    fn count(&mut self, examined: &Examined) {
        let bytes = examined.facts.size.unwrap_or(0);
        let decision = &examined.decision;
        self.items += 1;
        self.outcomes.entry(decision.outcome.clone()).or_default().add(bytes);
        self.tiers.entry(decision.tier.word()).or_default().add(bytes);
        for rule in &decision.rules {
            self.rules.entry(rule.clone()).or_default().add(bytes);
        }
        for look in &decision.looks {
            *self.looks.entry(*look).or_default() += 1;
        }
        let deepest = decision.looks.iter().max().copied().unwrap_or(Look::Metadata);
        *self.deepest.entry(deepest).or_default() += 1;
        self.failed_looks += examined.facts.failures.len() as u64;
    }

    /// The rules of `policy` that determined nothing on this medium.
    pub(crate) fn idle_rules(&self, policy: &Policy) -> Vec<String> {
        policy.rules().iter().filter(|r| !self.rules.contains_key(&r.id)).map(|r| r.id.clone()).collect()
    }
}

/// What became of one item in the hands of the caller.
pub(crate) type Kept = Option<u64>;

/// What the caller does with an item: from its source, the item as it was walked, and what was found and decided.
type Each<'e> = dyn FnMut(&dyn Source, &Entry, Examined) -> Result<Kept, Failure> + 'e;

/// Walks every source, decides each item, and hands it to `each`.
///
/// `each` returns how many bytes of the item were preserved, `None` for an item without an object.
///
/// # Errors
///
/// A source whose root cannot be read, and whatever `each` reports. Damage elsewhere is an issue, and counted.
pub(crate) fn survey(
    phase: &'static str,
    policy: &Policy,
    sources: &[Box<dyn Source>],
    options: &Options,
    each: &mut Each<'_>,
) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    let examiner = Examiner::new(policy, *options);
    let about: Option<u64> = sources.iter().map(|source| source.info().about_items).sum();
    let mut progress = Progress::start(phase, about);
    for source in sources {
        let source = source.as_ref();
        let mut failed = None;
        let before = tally.issues;
        let report = every_item(&examiner, source, &mut |event| {
            let (entry, examined) = match event {
                Event::Item(entry, examined) => (entry, examined),
                Event::Issue(_) => {
                    tally.issues += 1;
                    return ControlFlow::Continue(());
                }
            };
            if let Some(reason) = beyond_bytes(policy, &tally, &examined) {
                tally.interrupted = Some(reason);
                return ControlFlow::Break(());
            }
            tally.count(&examined);
            match each(source, entry, examined) {
                Ok(kept) => progress.item(kept),
                Err(failure) => {
                    failed = Some(failure);
                    return ControlFlow::Break(());
                }
            }
            match policy.limits().items {
                Some(limit) if tally.items >= limit => {
                    tally.interrupted = Some(format!("the policy's limit of {limit} items"));
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        })
        .context(format_args!("volume {}", source.info().volume))?;
        if let Some(failure) = failed {
            return Err(failure);
        }
        let coverage = report.coverage.into_iter();
        tally.walks.push(WalkStatement {
            volume: at_place(&source.info().place, &source.info().volume),
            ids: ids_of(source.info()),
            items: report.items,
            names: report.names,
            issues: tally.issues - before,
            coverage: coverage
                .map(|(what, counted, expected)| Coverage { what, counted, expected })
                .collect(),
        });
        if tally.interrupted.is_some() {
            break;
        }
    }
    progress.finish();
    Ok(tally)
}

/// A volume as the record names it: two partitions can hold copies of one file system.
fn at_place(place: &str, volume: &str) -> String {
    if place.is_empty() || place == volume { volume.to_owned() } else { format!("{place}/{volume}") }
}

fn ids_of(info: &SourceInfo) -> Vec<MediumId> {
    let ids = info.ids.iter().map(|(kind, value)| MediumId { kind: kind.clone(), value: value.clone() });
    ids.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Why an item cannot be kept any more, where keeping it would exceed the policy's limit of bytes.
fn beyond_bytes(policy: &Policy, tally: &Tally, examined: &Examined) -> Option<String> {
    let limit = policy.limits().bytes?;
    let size = examined.facts.size.unwrap_or(0);
    let kept = tally.total(Outcome::is_kept).bytes;
    (examined.decision.outcome.is_kept() && kept.saturating_add(size) > limit).then(|| {
        format!(
            "the policy's limit of {limit} bytes: {kept} are kept, and the next item, of {size} bytes, was examined, \
             not taken, and is in no record"
        )
    })
}
