//! Writing a package: items in, encrypted parts and a blinded inventory out.
//!
//! Implements the writing side of `docs/spec/package.md`, version 1.
//!
//! ```text
//! OUT.partial/data/...              parts of closed batches, and those being written
//! OUT.partial/.work/journal.jsonl   what is committed; OUT.partial/.work/lines-000001 the inventory so far
//! ```
//!
//! A batch ends once its parts hold [`Options::part_size`] bytes or it has
//! [`Options::items`] items: every open part is closed, made durable and read
//! back, and one journal line commits it. The first error ends the writing:
//! every later call returns [`PackageError::Broken`], and `OUT.partial` stays
//! as it is, recognisable by its name and its journal.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use evidence::acquisition::{MediumStatement, PartStatement, RecordLeft, RunNumber, SetName};
use evidence::commit::{self, BatchKey, Opening};
use evidence::item::{Control, ObjectValue, Record, RecordError, Series};
use evidence::ledger::{self, LedgerError, LedgerHeader, LedgerWriter};
use evidence::manifest::{Binding, HeldRow, ManifestError, Opened, Row, size_class};
use evidence::sshsig;
use scope::facts::Facts;
use scope::{Decision, Digest, Outcome};

use crate::close::Closed;
use crate::durable::{Disk, DurableError};
use crate::journal::{self, Journal};
use crate::keys::SecretKey;
use crate::part::{LedgerPart, Part, Place, Recipients, Trouble};
use crate::random::{self, RandomError};
use crate::sorted::Runs;

pub use crate::part::Content;
pub use crate::totals::Totals;

/// What a package is bound to, and for whom it is encrypted.
#[derive(Debug)]
pub struct Setup {
    /// The custody log's origin.
    pub origin: String,
    /// The run number that acquisition.start announced.
    pub package: RunNumber,
    /// The medium, as it was found.
    pub medium: MediumStatement,
    /// The policy's id.
    pub policy: Digest,
    /// The run key that acquisition.start announced. It is wiped when the package is closed.
    pub run_key: SecretKey,
    /// For whom each set is encrypted: from the approved policy.
    pub recipients: SetRecipients,
    /// What is recorded of items that are left.
    pub record_left: RecordLeft,
    /// How much goes into a batch.
    pub options: Options,
}

/// The age recipients (`age1...`) of each set.
#[derive(Clone, Debug, Default)]
pub struct SetRecipients {
    /// Of the captured set.
    pub captured: Vec<String>,
    /// Of each compartment, in the policy's order: control numbers count them from 1.
    pub compartments: Vec<(String, Vec<String>)>,
    /// Of the ledger: auditor and court.
    pub ledger: Vec<String>,
}

/// How much goes into a batch.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of all open parts at which a batch ends. An item is never split, so a part can be longer.
    pub part_size: u64,
    /// Items at which a batch ends: 1 to 65,536, which is what a reader of a part accepts.
    pub items: u64,
}

impl Default for Options {
    /// 1 GiB and 65,536 items.
    fn default() -> Self {
        Self { part_size: 1 << 30, items: MAX_ITEMS }
    }
}

/// One item with what was found and decided.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// Where it is on the medium: plain ASCII, no names.
    pub locator: &'a str,
    /// What was found.
    pub facts: &'a Facts,
    /// What was decided.
    pub decision: &'a Decision,
    /// Positions of the names that the case team may see (`scope::visible_names`).
    pub visible: &'a [usize],
}

/// What became of a kept item.
#[derive(Debug)]
pub struct Kept {
    /// Its control number.
    pub control: Control,
    /// Its preserved bytes; `None` for a kind without content.
    pub object: Option<ObjectValue>,
    /// Why bytes are missing, where some are. The record names the ranges.
    pub trouble: Option<Trouble>,
    /// Whether the content went on after its stated length; the rest was not taken.
    pub longer: bool,
}

/// Why a package could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// The disk.
    #[error(transparent)]
    Disk(#[from] DurableError),
    /// A write in the middle of a part. The text names path and numbers.
    #[error("{0}")]
    Write(#[from] io::Error),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// A recipient is not an X25519 recipient, or a set has none.
    #[error("`{recipient}` is not an age recipient (age1...) of the set {set}")]
    Recipient {
        /// The set.
        set: SetName,
        /// What stands there.
        recipient: String,
    },
    /// Encryption.
    #[error("age: {0}")]
    Age(String),
    /// A part on the disk is not what was written.
    #[error("`{path}` was written as {written} and reads back as {found}: do not trust this disk")]
    ReadBack {
        /// The part.
        path: PathBuf,
        /// The digest made while writing.
        written: Digest,
        /// The digest of the file.
        found: Digest,
    },
    /// A record that no reader would accept.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A ledger row that no reader would accept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A manifest row that no reader would accept.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Two items have one inventory line: the randomness repeated itself.
    #[error("two items have the same inventory line; the random numbers of this machine repeat")]
    DoubledLine,
    /// A compartment that the setup does not name.
    #[error("the compartment `{0}` has no recipients in the policy")]
    Compartment(String),
    /// `keep` for an outcome that keeps nothing, or `record` for one that does.
    #[error("the outcome `{0}` does not go with this call")]
    Misuse(Outcome),
    /// An earlier error ended the writing.
    #[error("an earlier error ended this package: {0}")]
    Broken(String),
}

/// A package being written.
pub struct PackageWriter {
    pub(crate) disk: Disk,
    pub(crate) out: PathBuf,
    pub(crate) partial: PathBuf,
    pub(crate) binding: Binding,
    pub(crate) medium: MediumStatement,
    pub(crate) record_left: RecordLeft,
    pub(crate) recipients: BTreeMap<SetName, Recipients>,
    pub(crate) closed: BTreeMap<SetName, Vec<PartStatement>>,
    pub(crate) totals: Totals,
    pub(crate) journal: Journal,
    pub(crate) runs: Runs,
    compartments: Vec<String>,
    run_key: SecretKey,
    options: Options,
    batch: Option<Batch>,
    batches: u64,
    numbers: BTreeMap<Series, u64>,
    broken: Option<String>,
}

/// The parts that are open together.
struct Batch {
    number: u64,
    key: BatchKey,
    ledger: LedgerPart,
    rows: LedgerWriter,
    parts: BTreeMap<SetName, Part>,
    lines: Vec<String>,
    /// Rows for the captured part of items that are held.
    held: Vec<HeldRow>,
    items: u64,
}

impl PackageWriter {
    /// Begins a package at `OUT.partial`. `state` is a folder off the destination (the case folder's `state`).
    ///
    /// # Errors
    ///
    /// [`DurableError::Exists`] if `out` or `out.partial` is there; [`PackageError::Recipient`].
    pub fn create(disk: &Disk, out: &Path, state: &Path, setup: Setup) -> Result<Self, PackageError> {
        if out.symlink_metadata().is_ok() {
            return Err(DurableError::Exists { path: out.to_owned() }.into());
        }
        let recipients = setup.recipients.by_set()?;
        let partial = partial_path(out);
        disk.create_folder(&partial)?;
        let work = partial.join(WORK);
        for folder in ["data", "meta", "meta/policy", "seal", "custody", WORK] {
            disk.create_folder(&partial.join(folder))?;
        }
        let key_path = state.join(format!("{}.resume.key", setup.package));
        let journal = Journal::create(disk, journal::path_in(&work), key_path)?;
        let binding = Binding {
            origin: setup.origin,
            package: setup.package,
            medium: setup.medium.label.clone(),
            policy: setup.policy,
            run_key: setup.run_key.public_line(),
        };
        Ok(Self {
            disk: disk.clone(),
            out: out.to_owned(),
            partial,
            binding,
            medium: setup.medium,
            record_left: setup.record_left,
            closed: recipients.keys().map(|set| (set.clone(), Vec::new())).collect(),
            recipients,
            totals: Totals::default(),
            journal,
            runs: Runs::new(disk, &work),
            compartments: setup.recipients.compartments.into_iter().map(|(id, _)| id).collect(),
            run_key: setup.run_key,
            options: Options { items: setup.options.items.clamp(1, MAX_ITEMS), ..setup.options },
            batch: None,
            batches: 0,
            numbers: BTreeMap::new(),
            broken: None,
        })
    }

    /// Keeps an item: its content into its set's part, read once; its record into the ledger.
    ///
    /// An error *of the reader* is no error here: what is missing is recorded, and [`Kept::trouble`] says why.
    /// `None` is for kinds without content.
    ///
    /// # Errors
    ///
    /// [`PackageError`]; the package is then broken.
    pub fn keep(&mut self, item: &Item<'_>, content: Option<Content<'_>>) -> Result<Kept, PackageError> {
        if !item.decision.outcome.is_kept() {
            return Err(PackageError::Misuse(item.decision.outcome.clone()));
        }
        self.unbroken(|writer| writer.keep_item(item, content))
    }

    /// Records an item that is listed or left. Returns its control number, if it has one.
    ///
    /// # Errors
    ///
    /// [`PackageError`]; the package is then broken.
    pub fn record(&mut self, item: &Item<'_>) -> Result<Option<Control>, PackageError> {
        if item.decision.outcome.is_kept() {
            return Err(PackageError::Misuse(item.decision.outcome.clone()));
        }
        self.unbroken(|writer| writer.record_item(item))
    }

    /// Closes the last batch and sorts the inventory. Next: [`Closed::end`], then [`Closed::finish`].
    ///
    /// # Errors
    ///
    /// [`PackageError`].
    pub fn close(mut self) -> Result<Closed, PackageError> {
        self.unbroken(Self::barrier)?;
        Closed::of(self)
    }

    /// What was counted so far.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    fn unbroken<T>(
        &mut self,
        action: impl FnOnce(&mut Self) -> Result<T, PackageError>,
    ) -> Result<T, PackageError> {
        if let Some(first) = &self.broken {
            return Err(PackageError::Broken(first.clone()));
        }
        let done = action(self);
        if let Err(error) = &done {
            self.broken = Some(error.to_string());
        }
        done
    }

    fn keep_item(&mut self, item: &Item<'_>, content: Option<Content<'_>>) -> Result<Kept, PackageError> {
        let outcome = &item.decision.outcome;
        let (set, series) = match outcome {
            Outcome::Held(compartment) => {
                (SetName::Held(compartment.clone()), self.series_of_compartment(compartment)?)
            }
            _ => (SetName::Captured, Series::Captured),
        };
        self.begin_item()?;
        let control = self.next_control(series);
        let mut kept = Kept { control, object: None, trouble: None, longer: false };
        let part = self.part(&set)?;
        if let Some(content) = content {
            let length = content.length;
            let unreadable = content.unreadable;
            let written = part.object(&kept.control, content)?;
            let mut missing = unreadable();
            if written.got < length {
                missing.push((written.got, length));
            }
            let (digest, name) = (written.digest(), part.name());
            kept.object = Some(ObjectValue::new(digest, length, name, merged(missing, length)));
            kept.trouble = written.trouble;
            kept.longer = written.longer;
            if set == SetName::Captured {
                // Held bytes are not counted: with few held items the sum would tell their sizes.
                self.totals.bytes = self.totals.bytes.saturating_add(length);
            }
        }
        let partial = kept.object.as_ref().is_some_and(|object| !object.unreadable.is_empty());
        self.totals.unreadable = self.totals.unreadable.saturating_add(u64::from(partial));
        let size = kept.object.as_ref().map_or(item.facts.size, |object| Some(object.size)).unwrap_or(0);
        let record = self.write_record(item, Some(&kept.control), kept.object.as_ref())?;
        let control = kept.control.clone();
        match outcome {
            Outcome::Held(_) => {
                let opening = Opening::whole(&self.batch()?.key, &record);
                self.part(&set)?.add(&Row::Object(Opened { control: control.clone(), opening }))?;
                let rules = item.decision.rules.clone();
                let row = HeldRow { control, rules, size_class: size_class(size) };
                self.part(&SetName::Captured)?;
                self.batch()?.held.push(row);
            }
            _ => {
                let opening = Opening::for_reader(&self.batch()?.key, &record, item.visible);
                self.part(&set)?.add(&Row::Object(Opened { control, opening }))?;
            }
        }
        self.end_item(item)?;
        Ok(kept)
    }

    fn record_item(&mut self, item: &Item<'_>) -> Result<Option<Control>, PackageError> {
        self.begin_item()?;
        let set = match &item.decision.outcome {
            Outcome::Listed => SetName::Captured,
            Outcome::ListedTo(compartment) => {
                self.series_of_compartment(compartment)?;
                SetName::Held(compartment.clone())
            }
            _ => {
                self.write_record(item, None, None)?;
                self.end_item(item)?;
                return Ok(None);
            }
        };
        let control = self.next_control(Series::Listed);
        let record = self.write_record(item, Some(&control), None)?;
        let key = &self.batch()?.key;
        let opening = match set {
            SetName::Held(_) => Opening::whole(key, &record),
            _ => Opening::for_reader(key, &record, item.visible),
        };
        self.part(&set)?.add(&Row::Listed(Opened { control: control.clone(), opening }))?;
        // A captured part goes with every batch that has an item of which somebody is told.
        self.part(&SetName::Captured)?;
        self.end_item(item)?;
        Ok(Some(control))
    }

    /// The record's row in the ledger, and its line in the inventory.
    fn write_record(
        &mut self,
        item: &Item<'_>,
        control: Option<&Control>,
        object: Option<&ObjectValue>,
    ) -> Result<Record, PackageError> {
        let id = random::bytes::<16>()?;
        let policy = self.binding.policy;
        let unnamed = item.decision.outcome == Outcome::Left && self.record_left == RecordLeft::Counts;
        let record = if unnamed {
            Record::unnamed(id, item.decision, policy)?
        } else {
            // What is written must be readable: a source that doubles a name is stopped here, not at the audit.
            Facts::from_list(&item.facts.to_list()).map_err(RecordError::Facts)?;
            Record::new(id, item.locator, item.facts, item.decision, control, policy, object)?
        };
        let batch = self.batch()?;
        if !unnamed {
            let row = batch.rows.row(&record)?;
            batch.ledger.row(&row)?;
        }
        batch.lines.push(commit::line(&batch.key, &record)?.to_string());
        Ok(record)
    }

    /// Ends the batch if it is full, and begins one if none is open.
    fn begin_item(&mut self) -> Result<(), PackageError> {
        let full = self.batch.as_ref().is_some_and(|batch| {
            let written = batch
                .parts
                .values()
                .fold(batch.ledger.written(), |sum, part| sum.saturating_add(part.written()));
            let held =
                batch.parts.values().fold(0_usize, |sum, part| sum.saturating_add(part.held_in_memory()));
            batch.items >= self.options.items
                || written >= self.options.part_size
                || held >= MAX_ROWS_IN_MEMORY
        });
        if full {
            self.barrier()?;
        }
        if self.batch.is_none() {
            self.batch = Some(self.new_batch()?);
        }
        Ok(())
    }

    fn end_item(&mut self, item: &Item<'_>) -> Result<(), PackageError> {
        let batch = self.batch()?;
        batch.items = batch.items.saturating_add(1);
        self.totals.count(item.decision);
        self.journal.walked(item.locator);
        Ok(())
    }

    fn new_batch(&mut self) -> Result<Batch, PackageError> {
        self.batches = self.batches.saturating_add(1);
        let number = self.batches;
        let place = self.place(&SetName::Ledger, number);
        let key = BatchKey(random::bytes::<32>()?);
        let Binding { origin, package, medium, policy, run_key } = self.binding.clone();
        let header = LedgerHeader {
            format: ledger::Format::V1,
            origin,
            package,
            medium,
            policy,
            part: place.number,
            batch: number,
            k: key.clone(),
            run_key,
        };
        let recipients = recipients_of(&self.recipients, &SetName::Ledger)?;
        let (rows, first) = LedgerWriter::begin(&header)?;
        let mut ledger = LedgerPart::create(&self.disk, &self.partial, place, recipients)?;
        ledger.row(&first)?;
        Ok(Batch {
            number,
            key,
            ledger,
            rows,
            parts: BTreeMap::new(),
            lines: Vec::new(),
            held: Vec::new(),
            items: 0,
        })
    }

    /// Closes all open parts together, and commits them.
    fn barrier(&mut self) -> Result<(), PackageError> {
        let Some(batch) = self.batch.take() else { return Ok(()) };
        let Batch { number, mut ledger, rows, parts, lines, mut held, .. } = batch;
        let mut done = Vec::new();
        // In walk order they would tell between which captured items each held one stands.
        held.sort_by(|a, b| a.control.cmp(&b.control));
        for (set, mut part) in parts {
            if set == SetName::Captured {
                held.drain(..).try_for_each(|row| part.add(&Row::Held(row)))?;
            }
            let recipients = recipients_of(&self.recipients, &set)?;
            let statement = part.close(&self.disk, &self.binding, recipients, &self.run_key)?;
            done.push((set, statement));
        }
        let signature = self.run_key.sign_digest(sshsig::MANIFEST, &rows.finish());
        ledger.row(&ledger::signature_row(&signature)?)?;
        done.push((SetName::Ledger, ledger.close(&self.disk)?));
        let run = self.runs.add(lines)?;
        let parts: Vec<PartStatement> = done.iter().map(|(_, part)| part.clone()).collect();
        self.journal.commit(number, &parts, &run)?;
        for (set, part) in done {
            self.closed.entry(set).or_default().push(part);
        }
        Ok(())
    }

    fn batch(&mut self) -> Result<&mut Batch, PackageError> {
        self.batch.as_mut().ok_or_else(|| PackageError::Broken("no batch is open".into()))
    }

    /// The open part of a set, begun if there is none.
    fn part(&mut self, set: &SetName) -> Result<&mut Part, PackageError> {
        let number = self.batch()?.number;
        if !self.batch()?.parts.contains_key(set) {
            let place = self.place(set, number);
            let part = Part::create(&self.disk, &self.partial, place, recipients_of(&self.recipients, set)?)?;
            self.batch()?.parts.insert(set.clone(), part);
        }
        let part = self.batch()?.parts.get_mut(set);
        part.ok_or_else(|| PackageError::Broken("no part is open".into()))
    }

    fn place(&self, set: &SetName, batch: u64) -> Place {
        let before = self.closed.get(set).map_or(0, Vec::len);
        let number = u64::try_from(before).unwrap_or(u64::MAX).saturating_add(1);
        Place { set: set.clone(), number, batch }
    }

    fn next_control(&mut self, series: Series) -> Control {
        let number = self.numbers.entry(series).or_default();
        *number = number.saturating_add(1);
        Control::new(&self.binding.medium, series, *number)
    }

    fn series_of_compartment(&self, compartment: &str) -> Result<Series, PackageError> {
        let place = self.compartments.iter().zip(1_u32..).find(|(id, _)| *id == compartment);
        let unknown = || PackageError::Compartment(compartment.to_owned());
        place.map(|(_, number)| Series::Held(number)).ok_or_else(unknown)
    }
}

impl SetRecipients {
    fn by_set(&self) -> Result<BTreeMap<SetName, Recipients>, PackageError> {
        let held = self.compartments.iter().map(|(id, names)| (SetName::Held(id.clone()), names));
        let all =
            [(SetName::Captured, &self.captured), (SetName::Ledger, &self.ledger)].into_iter().chain(held);
        all.map(|(set, names)| Ok((set.clone(), Recipients::parse(&set, names)?))).collect()
    }
}

fn recipients_of<'a>(
    all: &'a BTreeMap<SetName, Recipients>,
    set: &SetName,
) -> Result<&'a Recipients, PackageError> {
    all.get(set).ok_or_else(|| PackageError::Compartment(set.to_string()))
}

/// Ascending ranges within the object, none touching the next.
fn merged(mut ranges: Vec<(u64, u64)>, length: u64) -> Vec<(u64, u64)> {
    ranges.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (from, to) in ranges {
        let to = to.min(length);
        match merged.last_mut() {
            _ if from >= to => {}
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// Where a package is written until it is closed: `OUT.partial`.
#[must_use]
pub fn partial_path(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

/// Most items of a batch: the zip profile's bound on entries follows from it.
const MAX_ITEMS: u64 = 1 << 16;

/// The folder of what never ships.
pub(crate) const WORK: &str = ".work";

/// Bytes of manifest rows at which a batch ends: they hold names, so they stay in memory until they are encrypted.
const MAX_ROWS_IN_MEMORY: usize = 64 << 20;
