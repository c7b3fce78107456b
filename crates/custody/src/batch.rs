//! A batch, and what all hands share of it: counters, the ledger part, the commit.
//!
//! ```text
//! hands        own parts, rows and lines gathered          many at once
//! recorder     ledger part, inventory run, journal         one at a time
//! ```
//!
//! Whoever has the lock on the [`Recorder`] is the recorder. Hands come to it
//! with many rows at a time, so that they seldom wait for each other.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use evidence::acquisition::{PartStatement, SetName};
use evidence::commit::BatchKey;
use evidence::item::Series;
use evidence::ledger::{self, LedgerHeader, LedgerWriter};
use evidence::manifest::{HeldRow, Row};
use evidence::sshsig;

use crate::durable::Disk;
use crate::journal::{self, Journal};
use crate::package::{PackageError, PackageWriter, Totals, lock};
use crate::part::{LedgerPart, Part, Place};
use crate::random;
use crate::sorted::Runs;

/// Numbers that every hand draws from.
#[derive(Default)]
pub(crate) struct Counters {
    controls: Mutex<BTreeMap<Series, u64>>,
    parts: Mutex<BTreeMap<SetName, u64>>,
    written: AtomicU64,
    rows: AtomicUsize,
    /// Items that were recorded: with slack and members, more than were walked.
    items: AtomicU64,
}

impl Counters {
    /// Goes on after so many control numbers and parts.
    pub(crate) fn after(
        controls: &BTreeMap<String, u64>,
        closed: &BTreeMap<SetName, Vec<PartStatement>>,
    ) -> Self {
        let controls = controls.iter().filter_map(|(word, last)| Some((series_of(word)?, *last))).collect();
        let count = |parts: &Vec<PartStatement>| u64::try_from(parts.len()).unwrap_or(u64::MAX);
        let parts = closed.iter().map(|(set, parts)| (set.clone(), count(parts))).collect();
        Self { controls: Mutex::new(controls), parts: Mutex::new(parts), ..Self::default() }
    }

    /// The last control number of each series.
    fn controls(&self) -> BTreeMap<String, u64> {
        lock(&self.controls).iter().map(|(series, last)| (word_of(*series), *last)).collect()
    }

    /// The next control number of a series.
    pub(crate) fn next_control(&self, series: Series) -> u64 {
        next(&mut lock(&self.controls), series)
    }

    /// The next part number of a set.
    pub(crate) fn next_part(&self, set: &SetName) -> u64 {
        next(&mut lock(&self.parts), set.clone())
    }

    /// Bytes of all open parts.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Bytes of manifest rows, which hold names and wait in memory until their part is closed.
    pub(crate) fn rows_in_memory(&self) -> usize {
        self.rows.load(Ordering::Relaxed)
    }

    /// Items of the open batch.
    pub(crate) fn items(&self) -> u64 {
        self.items.load(Ordering::Relaxed)
    }

    pub(crate) fn add_item(&self) {
        self.items.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_written(&self, bytes: u64) {
        self.written.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add_rows(&self, bytes: usize) {
        self.rows.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The rows of a part that was closed wait no more.
    pub(crate) fn drop_rows(&self, bytes: usize) {
        let _ = self
            .rows
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |rows| Some(rows.saturating_sub(bytes)));
    }

    fn batch_ends(&self) {
        self.written.store(0, Ordering::Relaxed);
        self.rows.store(0, Ordering::Relaxed);
        self.items.store(0, Ordering::Relaxed);
    }
}

/// A series as the journal writes it.
fn word_of(series: Series) -> String {
    match series {
        Series::Captured => "captured".to_owned(),
        Series::Listed => "listed".to_owned(),
        Series::Held(compartment) => format!("held {compartment}"),
    }
}

fn series_of(word: &str) -> Option<Series> {
    match word {
        "captured" => Some(Series::Captured),
        "listed" => Some(Series::Listed),
        held => held.strip_prefix("held ")?.parse().ok().map(Series::Held),
    }
}

fn next<K: Ord>(counters: &mut BTreeMap<K, u64>, of: K) -> u64 {
    let number = counters.entry(of).or_default();
    *number = number.saturating_add(1);
    *number
}

/// What is written by one hand at a time.
pub(crate) struct Recorder {
    pub(crate) totals: Totals,
    pub(crate) journal: Journal,
    pub(crate) runs: Runs,
    pub(crate) closed: BTreeMap<SetName, Vec<PartStatement>>,
    batch: Option<Batch>,
    batches: u64,
}

/// The batch that is open.
struct Batch {
    number: u64,
    key: BatchKey,
    ledger: LedgerPart,
    rows: LedgerWriter,
    lines: Vec<String>,
    /// Rows for a captured part of items that are held.
    held: Vec<HeldRow>,
    /// Whether there is an item of which the captured set tells.
    told: bool,
    done: Vec<(SetName, PartStatement)>,
}

impl PackageWriter {
    /// Whether any batch is committed, of this process or of an earlier one.
    #[must_use]
    pub fn has_committed(&self) -> bool {
        lock(&self.recorder).closed.values().any(|parts| !parts.is_empty())
    }
}

/// What a hand brings to the recorder.
#[derive(Default)]
pub(crate) struct Gathered {
    /// Rows of the ledger.
    pub(crate) rows: Vec<u8>,
    /// Lines of the inventory.
    pub(crate) lines: Vec<String>,
    /// Rows of held items for a captured part.
    pub(crate) held: Vec<HeldRow>,
    /// Whether there is an item of which the captured set tells.
    pub(crate) told: bool,
    /// What was counted.
    pub(crate) totals: Totals,
}

impl Recorder {
    pub(crate) fn new<'a>(journal: Journal, runs: Runs, sets: impl Iterator<Item = &'a SetName>) -> Self {
        let closed = sets.map(|set| (set.clone(), Vec::new())).collect();
        Self { totals: Totals::default(), journal, runs, closed, batch: None, batches: 0 }
    }

    /// Goes on after the batches of an earlier process.
    pub(crate) fn again<'a>(
        journal: Journal,
        runs: Runs,
        sets: impl Iterator<Item = &'a SetName>,
        batches: &[journal::Batch],
    ) -> Self {
        let mut recorder = Self::new(journal, runs, sets);
        for (set, part) in batches.iter().flat_map(|batch| batch.parts.iter().cloned()) {
            recorder.closed.entry(set).or_default().push(part);
        }
        if let Some(last) = batches.last() {
            (recorder.totals, recorder.batches) = (last.totals.clone(), last.number);
        }
        recorder
    }

    /// Number and key of the open batch, begun if there is none.
    pub(crate) fn open_batch(&mut self, writer: &PackageWriter) -> Result<(u64, BatchKey), PackageError> {
        if self.batch.is_none() {
            self.batches = self.batches.saturating_add(1);
            self.batch = Some(Batch::begin(writer, self.batches)?);
        }
        Ok((self.batch()?.number, self.batch()?.key.clone()))
    }

    /// Takes what a hand has gathered, and leaves it empty.
    pub(crate) fn take(
        &mut self,
        writer: &PackageWriter,
        gathered: &mut Gathered,
    ) -> Result<(), PackageError> {
        self.totals.add(&gathered.totals);
        let batch = self.batch()?;
        batch.rows.rows(&gathered.rows);
        batch.ledger.rows(&gathered.rows)?;
        writer.counters.add_written(u64::try_from(gathered.rows.len()).unwrap_or(u64::MAX));
        batch.lines.append(&mut gathered.lines);
        batch.held.append(&mut gathered.held);
        batch.told |= gathered.told;
        gathered.rows.clear();
        gathered.told = false;
        gathered.totals = Totals::default();
        Ok(())
    }

    /// The rows of held items: for the captured part that asks first.
    pub(crate) fn held_rows(&mut self) -> Result<Vec<HeldRow>, PackageError> {
        let mut held = std::mem::take(&mut self.batch()?.held);
        // In walk order they would tell between which captured items each held one stands.
        held.sort_by(|a, b| a.control.cmp(&b.control));
        Ok(held)
    }

    /// A part of the open batch is closed and durable.
    pub(crate) fn part_done(&mut self, set: SetName, part: PartStatement) -> Result<(), PackageError> {
        self.batch()?.done.push((set, part));
        Ok(())
    }

    /// Ends the open batch, if there is one.
    pub(crate) fn commit(&mut self, writer: &PackageWriter, crew: &str) -> Result<(), PackageError> {
        let Some(mut batch) = self.batch.take() else { return Ok(()) };
        // A captured part goes with every batch that has an item of which somebody is told; and rows of held items that came
        // after the last one was closed need one more.
        let captured = batch.done.iter().any(|(set, _)| *set == SetName::Captured);
        if batch.told && !captured || !batch.held.is_empty() {
            let part = Part::begin(writer, &SetName::Captured, batch.number)?;
            let held = std::mem::take(&mut batch.held);
            batch.done.push((SetName::Captured, close_part(writer, part, held)?));
        }
        let Batch { number, mut ledger, rows, lines, held, mut done, .. } = batch;
        let signature = writer.run_key.sign_digest(sshsig::MANIFEST, &rows.finish());
        ledger.rows(&ledger::signature_row(&signature)?)?;
        done.push((SetName::Ledger, ledger.close(&writer.site.disk)?));
        done.sort_by(|(a, x), (b, y)| (a, x.number).cmp(&(b, y.number)));
        self.are_all(&done, held.is_empty())?;
        let (lines, lines_sha256) = self.runs.add(lines)?;
        let batch = journal::Batch {
            number,
            items: 0,
            walk: String::new(),
            parts: done.clone(),
            lines,
            lines_sha256,
            controls: writer.counters.controls(),
            totals: self.totals.clone(),
            crew: String::new(),
            lost: self.journal.lost(),
        };
        // From here on the parts stay: a line that was written and not made durable may be on the disk all the same.
        for (set, part) in done {
            self.closed.entry(set).or_default().push(part);
        }
        self.journal.commit(batch, &mut lock(&writer.walk), crew)?;
        writer.counters.batch_ends();
        Ok(())
    }

    /// Fails unless the numbers of each set go on where the last batch ended: a part that is missing is still open.
    fn are_all(&self, done: &[(SetName, PartStatement)], held_told: bool) -> Result<(), PackageError> {
        let mut counts: BTreeMap<&SetName, u64> = BTreeMap::new();
        for (set, part) in done {
            let before = self.closed.get(set).map_or(0, Vec::len);
            let expected = counts.entry(set).or_insert_with(|| u64::try_from(before).unwrap_or(u64::MAX));
            *expected = expected.saturating_add(1);
            if part.number != *expected {
                return Err(PackageError::Broken(format!("part {expected} of {set} is still open")));
            }
        }
        if held_told { Ok(()) } else { Err(PackageError::Broken("rows of held items are left over".into())) }
    }

    /// Removes every file of `data/` that no committed batch has.
    pub(crate) fn discard(&mut self, disk: &Disk, partial: &Path) -> Result<(), PackageError> {
        self.batch = None;
        let committed: Vec<&str> =
            self.closed.values().flatten().map(|statement| statement.file.as_str()).collect();
        for name in disk.file_names(&partial.join("data"))? {
            let file = format!("data/{name}");
            if !committed.contains(&file.as_str()) {
                disk.remove_file(&partial.join(file))?;
            }
        }
        Ok(())
    }

    fn batch(&mut self) -> Result<&mut Batch, PackageError> {
        self.batch.as_mut().ok_or_else(|| PackageError::Broken("no batch is open".into()))
    }
}

impl Batch {
    fn begin(writer: &PackageWriter, number: u64) -> Result<Self, PackageError> {
        let place = Place {
            set: SetName::Ledger,
            number: writer.counters.next_part(&SetName::Ledger),
            batch: number,
        };
        let key = BatchKey(random::bytes::<32>()?);
        let header = LedgerHeader::new(&writer.binding, place.number, number, key.clone());
        let recipients = writer.recipients_of(&SetName::Ledger)?;
        let (rows, first) = LedgerWriter::begin(&header)?;
        let mut ledger = LedgerPart::create(&writer.site.disk, &writer.site.partial(), place, recipients)?;
        ledger.rows(&first)?;
        Ok(Self {
            number,
            key,
            ledger,
            rows,
            lines: Vec::new(),
            held: Vec::new(),
            told: false,
            done: Vec::new(),
        })
    }
}

/// Closes a part: in the captured set with rows of held items.
pub(crate) fn close_part(
    writer: &PackageWriter,
    mut part: Part,
    held: Vec<HeldRow>,
) -> Result<PartStatement, PackageError> {
    held.into_iter().try_for_each(|row| part.add(&Row::Held(row)).map(drop))?;
    let recipients = writer.recipients_of(part.set())?;
    part.close(&writer.site.disk, &writer.binding, recipients, &writer.run_key)
}
