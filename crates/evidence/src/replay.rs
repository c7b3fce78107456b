//! The auditor's replay: facts, trits, outcome.
//!
//! Implements `docs/spec/record.md`, section "Replay".
//!
//! ```text
//! every ledger part    its records, its batch's key K, the run key's signature
//! every record         policy + recorded facts  ->  trits, outcome, rules, looks: as recorded?
//! every record         K + record               ->  a line of the inventory, not met before
//! every line           met by a record
//! ```
//!
//! Records are judged many at a time, on as many threads as the caller lends,
//! and taken in the order of the ledger. What must be unlike in any two of them
//! is sorted, outside memory where there is much of it: so memory does not
//! grow with the number of items, but for findings, which are kept whole.
//!
//! [`Reexamination`] compares the ledger with the medium itself, or with a
//! sample of it.

mod examined;
mod finding;
mod judge;
mod limits;
mod members;
mod reexamine;
#[cfg(test)]
mod remnant_tests;
mod shared;
mod stated;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod unlike;
mod walked;

use std::collections::BTreeMap;
use std::io::Read;

use scope::{Digest, Outcome, Policy};

pub use finding::{Finding, FindingKind};
pub(crate) use judge::wrong_compartment;
pub use reexamine::{Objects, Original, Reexamination, Unread, Unsaid, match_medium};

use crate::acquisition::{Acquisition, RecordLeft, SetName};
use crate::commit::BatchKey;
use crate::helpers::{Helpers, Task};
use crate::inventory::{CompareError, Inventory};
use crate::item::Record;
use crate::ledger::{LedgerError, LedgerReader, RawRow, SignedLedger};
use crate::manifest::{Binding, BindingError};
use judge::{Found, Judge, Judged, Stage, name_of};
use stated::Tally;
use unlike::Unlike;
use walked::Ranges;

/// Replays the ledger of one package.
///
/// Give it every part in order, then ask it to [`finish`](Replay::finish).
pub struct Replay<'a> {
    judge: Judge<'a>,
    inventory: &'a Inventory,
    helpers: Helpers<'a>,
    books: Books<'a>,
    /// The key of the first batch: locators are hashed with it before they are sorted.
    blind: Option<BatchKey>,
    read: u64,
    parts: usize,
    failed: bool,
    interrupted: bool,
}

/// What the records that were judged add up to.
struct Books<'a> {
    unlike: Unlike<'a>,
    tally: Tally,
    ranges: Ranges,
    kept: u64,
    containers: members::Containers,
    findings: Vec<Found>,
}

/// What a replay of a whole ledger came to. Only [`Replay::finish`] gives one.
#[derive(Debug)]
pub struct Replayed {
    /// Everything that is not as it must be; empty where every decision follows.
    pub findings: Vec<Finding>,
    /// How many records were replayed.
    pub records: u64,
    /// Items left of which the policy keeps no record: nobody can replay their decisions.
    pub unrecorded: u64,
    /// Findings that lack the name of their item, by the number of its record.
    nameless: BTreeMap<u64, Vec<usize>>,
    reread: u64,
}

/// Why a ledger could not be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// A part cannot be read, belongs elsewhere, or is not signed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// More parts were given than the acquisition states, or not all, or one of them could not be used.
    #[error("{replayed} of {stated} ledger parts were replayed")]
    Parts {
        /// How many could be replayed.
        replayed: usize,
        /// How many the acquisition states.
        stated: usize,
    },
    /// The lines could not be compared with the inventory.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// A list of digests could not be read when it was asked, or is another file by now.
    #[error("the policy's list {0}")]
    List(String),
}

impl<'a> Replay<'a> {
    /// Begins a replay: compares what the acquisition states with the policy and the inventory.
    #[must_use]
    pub fn new(
        policy: &'a Policy,
        acquisition: &'a Acquisition,
        inventory: &'a Inventory,
        helpers: Helpers<'a>,
    ) -> Self {
        let first = [
            stated::against_policy(policy, acquisition, inventory),
            walked::beyond_order(policy, acquisition),
            walked::unfounded(acquisition),
            shared::shared(acquisition),
        ];
        let first = first.concat().into_iter();
        let findings = first.map(|finding| Found { record: 0, stage: Stage::Rest, finding }).collect();
        Self {
            judge: Judge::new(policy, acquisition),
            inventory,
            helpers,
            books: Books {
                unlike: Unlike::new(inventory, helpers.scratch),
                tally: Tally::default(),
                ranges: Ranges::default(),
                kept: 0,
                containers: members::Containers::default(),
                findings,
            },
            blind: None,
            read: 0,
            parts: 0,
            failed: false,
            interrupted: false,
        }
    }

    /// The run was ended before the walk was: what was not reached is missing, and no finding.
    pub fn interrupted(&mut self) {
        self.interrupted = true;
    }

    /// Replays the next part of the ledger, from its decrypted and unpacked bytes.
    ///
    /// `each` is handed every record, before it is known to be signed: what it makes of them may be used only
    /// once [`Replay::finish`] has succeeded.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] if the part cannot be read, belongs elsewhere or is not signed by the run key. The replay
    /// then cannot be finished.
    pub fn part(
        &mut self,
        source: impl Read,
        each: impl FnMut(&Record),
    ) -> Result<SignedLedger, ReplayError> {
        let signed = self.replay_part(source, each);
        self.failed |= signed.is_err();
        signed
    }

    /// Ends the replay: lines without a record, and the counts. `lines` are the bytes of the inventory, once more.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Parts`] unless every part of the ledger was given and could be replayed;
    /// [`ReplayError::Compare`] if the inventory cannot be read again, or what is outside memory cannot.
    pub fn finish(self, lines: impl Read) -> Result<Replayed, ReplayError> {
        let Self { judge: Judge { policy, acquisition, .. }, inventory, books, .. } = self;
        if let Some(why) = policy.list_trouble() {
            return Err(ReplayError::List(why));
        }
        let stated = ledger_parts(acquisition);
        if self.failed || self.parts != stated {
            return Err(ReplayError::Parts { replayed: self.parts, stated });
        }
        let Books { unlike, tally, ranges, kept, containers, mut findings } = books;
        let counts_alone =
            |outcome: &Outcome| *outcome == Outcome::Left && acquisition.record_left == RecordLeft::Counts;
        let unrecorded =
            unlike.compare(inventory, lines, &acquisition.medium.label, counts_alone, &mut findings)?;
        let mut last = tally.against(acquisition, unrecorded);
        if !self.interrupted {
            let by_file_system = acquisition.file_systems(policy.target()).is_some();
            last.extend(ranges.finish(acquisition, by_file_system));
        }
        last.extend(containers.finish(acquisition.record_left));
        last.extend(limits::exceeded(policy, inventory.len(), kept));
        let last = last.into_iter();
        findings.extend(last.map(|finding| Found { record: u64::MAX, stage: Stage::Rest, finding }));
        // Stable: what was found first of a record stays first.
        findings.sort_by_key(|found| (found.record, found.stage));
        let mut nameless: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (at, found) in findings.iter().enumerate() {
            if found.finding.item.is_empty() && found.record != 0 && found.record != u64::MAX {
                nameless.entry(found.record).or_default().push(at);
            }
        }
        let findings = findings.into_iter().map(|found| found.finding).collect();
        Ok(Replayed { findings, records: tally.records, unrecorded, nameless, reread: 0 })
    }

    fn replay_part(
        &mut self,
        source: impl Read,
        mut each: impl FnMut(&Record),
    ) -> Result<SignedLedger, ReplayError> {
        let mut reader = LedgerReader::new(source)?;
        let key = reader.header().k.clone();
        let blind = self.blind.get_or_insert_with(|| key.clone()).clone();
        let (judge, books, workers) = (&self.judge, &mut self.books, self.helpers.workers);
        let mut judged: Vec<Judged> = Vec::new();
        let mut rows = some_rows(&mut reader)?;
        // While these rows are judged, this thread takes what the rows before them came to, and reads the next ones.
        while !rows.is_empty() || !judged.is_empty() {
            let slice = rows.len().div_ceil(workers.count().max(1)).max(1);
            let firsts = (self.read.saturating_add(1)..).step_by(slice);
            let mut next: Vec<Judged> = rows.chunks(slice).map(|_| Judged::default()).collect();
            let tasks = rows.chunks(slice).zip(firsts).zip(&mut next).map(|((rows, first), to)| {
                let (key, blind) = (&key, &blind);
                Box::new(move || *to = judge.rows(key, blind, rows, first)) as Task<'_>
            });
            let (mut taken, mut following) = (Ok(()), Ok(Vec::new()));
            workers.side_by_side(tasks.collect(), &mut || {
                taken = judged.drain(..).try_for_each(|judged| books.take(judged, &mut each));
                following = some_rows(&mut reader);
            });
            taken?;
            self.read = self.read.saturating_add(rows.len() as u64);
            judged = next;
            // A row that is wrong comes before a stream that ends too early.
            rows = match following {
                Ok(rows) => rows,
                Err(error) => {
                    judged.drain(..).try_for_each(|judged| books.take(judged, &mut each))?;
                    return Err(error.into());
                }
            };
        }
        let stated = ledger_parts(self.judge.acquisition);
        let ledger = self.judge.acquisition.sets.iter().find(|set| set.set == SetName::Ledger);
        let Some(part) = ledger.and_then(|set| set.parts.get(self.parts)) else {
            return Err(ReplayError::Parts { replayed: self.parts.saturating_add(1), stated });
        };
        let signed = reader.finish(&Binding::of(self.judge.acquisition, part.batch), part.number)?;
        BindingError::unless_equal("batch", part.batch, signed.header().batch).map_err(LedgerError::from)?;
        self.parts = self.parts.saturating_add(1);
        Ok(signed)
    }
}

impl Books<'_> {
    fn take(&mut self, judged: Judged, each: &mut impl FnMut(&Record)) -> Result<(), ReplayError> {
        let Judged { items, records, tally, kept, ranges, containers, findings, error, .. } = judged;
        records.iter().for_each(each);
        for item in &items {
            self.unlike.take(item, &mut self.findings).map_err(CompareError::from)?;
        }
        self.tally.join(tally);
        self.kept = self.kept.saturating_add(kept);
        ranges.into_iter().for_each(|range| self.ranges.add(range));
        containers.into_iter().for_each(|told| self.containers.add(told));
        self.findings.extend(findings);
        error.map_or(Ok(()), |error| Err(error.into()))
    }
}

impl Replayed {
    /// Whether every finding about an item says which: where one does not, give the ledger once more, to
    /// [`Replayed::name_from`].
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.nameless.is_empty()
    }

    /// Takes names from the next part of the ledger, from its decrypted and unpacked bytes.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the part cannot be read a second time.
    pub fn name_from(&mut self, source: impl Read) -> Result<(), LedgerError> {
        let mut reader = LedgerReader::new(source)?;
        while let Some(row) = reader.next_row()? {
            self.reread = self.reread.saturating_add(1);
            let Some(places) = self.nameless.remove(&self.reread) else { continue };
            let record = row.record()?;
            let name = name_of(&record, &record.parts());
            for at in places {
                if let Some(finding) = self.findings.get_mut(at) {
                    finding.item.clone_from(&name);
                }
            }
        }
        Ok(())
    }
}

/// The next rows of a part, so many that threads have something to do; none after the last.
fn some_rows(reader: &mut LedgerReader<impl Read>) -> Result<Vec<RawRow>, LedgerError> {
    let (mut rows, mut bytes) = (Vec::new(), 0_usize);
    while rows.len() < ROWS && bytes < ROW_BYTES {
        let Some(row) = reader.next_row()? else { break };
        bytes = bytes.saturating_add(row.len());
        rows.push(row);
    }
    Ok(rows)
}

/// Rows, and bytes of rows but for the last, that are judged at a time: some ten milliseconds of work.
const ROWS: usize = 2048;
const ROW_BYTES: usize = 4 << 20;

fn ledger_parts(acquisition: &Acquisition) -> usize {
    acquisition.sets.iter().filter(|set| set.set == SetName::Ledger).map(|set| set.parts.len()).sum()
}

/// Sixteen bytes stand for a locator: two locators that share them cannot be found by any search we know of
/// below 2^64 steps, and all that it would gain is a false finding.
fn short_digest(bytes: &[u8]) -> [u8; 16] {
    let Digest(digest) = Digest::of(bytes);
    let mut short = [0; 16];
    short.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    short
}
