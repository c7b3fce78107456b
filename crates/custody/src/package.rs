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
//! [`Options::items`] items: every open part is closed, made durable and
//! looked at, and one journal line commits it. The first error ends the writing:
//! every later call returns [`PackageError::Broken`], and `OUT.partial` stays
//! as it is: [`crate::Unfinished`] goes on from its last committed batch.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use evidence::acquisition::{Departure, MediumStatement, RecordLeft, RunNumber, SetName};
use evidence::item::{Control, ObjectValue, Series};
use evidence::manifest::Binding;
use scope::facts::Facts;
use scope::{Decision, Digest};

use crate::batch::{Counters, Recorder};
use crate::close::{Closed, Ending};
use crate::durable::{Disk, DurableError};
use crate::journal::{self, Begun, Journal, Walk};
use crate::keys::SecretKey;
use crate::lock as locked;
use crate::part::{Recipients, Trouble};
use crate::read_back::Reading;
use crate::site::{FOLDERS, Site};
use crate::sorted::Runs;

mod error;

pub use crate::hand::Hand;
pub use crate::part::Content;
pub use crate::site::{TRY_OUT, WORK, partial_path};
pub use crate::totals::Totals;
pub use crate::zipper::Compression;
pub use error::{PackageError, destination_lacks};

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
    /// The run key that acquisition.start or acquisition.resume announces. It is wiped when the package is closed.
    pub run_key: SecretKey,
    /// For whom each set is encrypted: from the approved policy.
    pub recipients: SetRecipients,
    /// What is recorded of items that are left.
    pub record_left: RecordLeft,
    /// How much goes into a batch.
    pub options: Options,
    /// What else was chosen, by its name: the journal keeps it for whoever resumes.
    pub setting: BTreeMap<String, String>,
    /// What departs from the order or the procedure: the journal keeps it for the end.
    pub departures: Vec<Departure>,
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
    /// Bytes of manifest rows at which a batch ends, and at which a long part is closed before: they hold names, so they stay
    /// in memory until they are encrypted.
    pub rows: usize,
    /// How hard content is compressed.
    pub compression: Compression,
}

impl Default for Options {
    /// 1 GiB, 65,536 items and 64 MiB of rows, compressed fast.
    fn default() -> Self {
        Self { part_size: 1 << 30, items: MAX_ITEMS, rows: 64 << 20, compression: Compression::default() }
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

/// A package being written, by several [`Hand`]s at once.
///
/// ```text
/// let mut hand = writer.hand();                         one for each thread
/// writer.walked(locator, &facts)?;                      in the order of the walk, before the item is worked on
/// writer.keep(&mut hand, &item, content)?;              or `record`: in any order
/// if !writer.has_room(1) {                              then, once no hand is at work:
///     writer.close_parts(&mut hand)?;                       every hand, at the same time
///     writer.commit()?;                                     one of them, when all have
/// }
/// ```
pub struct PackageWriter {
    pub(crate) site: Site,
    pub(crate) binding: Binding,
    pub(crate) medium: MediumStatement,
    pub(crate) record_left: RecordLeft,
    pub(crate) recipients: BTreeMap<SetName, Recipients>,
    pub(crate) options: Options,
    pub(crate) run_key: SecretKey,
    pub(crate) recorder: Mutex<Recorder>,
    pub(crate) counters: Counters,
    pub(crate) walk: Mutex<Walk>,
    compartments: Vec<String>,
    broken: OnceLock<String>,
}

impl PackageWriter {
    /// Begins a package at `OUT.partial`. `state` is a folder off the destination (the case folder's `state`).
    ///
    /// # Errors
    ///
    /// [`DurableError::Exists`] if `out` or `out.partial` is there; [`PackageError::Recipient`].
    pub fn create(disk: &Disk, out: &Path, state: &Path, setup: Setup) -> Result<Self, PackageError> {
        if disk.exists(out) {
            return Err(DurableError::Exists { path: out.to_owned() }.into());
        }
        let recipients = setup.recipients.by_set()?;
        let partial = partial_path(out);
        disk.create_folder(&partial)?;
        let work = partial.join(WORK);
        disk.create_folder(&work)?;
        for folder in FOLDERS {
            disk.create_folder(&partial.join(folder))?;
        }
        let key_path = journal::key_path(state, setup.package);
        let begun = Begun {
            format: journal::Format::V1,
            origin: setup.origin.clone(),
            package: setup.package,
            medium: setup.medium.clone(),
            policy: setup.policy,
            record_left: setup.record_left,
            setting: setup.setting.clone(),
            departures: setup.departures.clone(),
            copies: disk.copies(),
        };
        let run_key = setup.run_key.clone();
        let (journal, walk) = Journal::create(disk, &journal::path_in(&work), &key_path, &begun, run_key)?;
        let mut site = Site { disk: disk.clone(), out: out.to_owned(), key_path, locks: Vec::new() };
        for path in disk.places(&journal::path_in(&work)) {
            site.locks.push(locked::take(&path)?.ok_or(PackageError::Locked(path))?);
        }
        let recorder = Recorder::new(journal, Runs::new(disk, &work), recipients.keys());
        Self::of(site, recorder, BTreeMap::new(), walk, recipients, setup)
    }

    /// A writer from its parts: at the beginning, or after a break.
    pub(crate) fn of(
        site: Site,
        recorder: Recorder,
        controls: BTreeMap<String, u64>,
        walk: Walk,
        recipients: BTreeMap<SetName, Recipients>,
        setup: Setup,
    ) -> Result<Self, PackageError> {
        let binding = Binding {
            origin: setup.origin,
            package: setup.package,
            medium: setup.medium.label.clone(),
            policy: setup.policy,
            run_key: setup.run_key.public_line(),
        };
        Ok(Self {
            site,
            binding,
            medium: setup.medium,
            record_left: setup.record_left,
            counters: Counters::after(&controls, &recorder.closed),
            recorder: Mutex::new(recorder),
            recipients,
            walk: Mutex::new(walk),
            compartments: setup.recipients.compartments.into_iter().map(|(id, _)| id).collect(),
            run_key: setup.run_key,
            options: Options { items: setup.options.items.clamp(1, MAX_ITEMS), ..setup.options },
            broken: OnceLock::new(),
        })
    }

    /// A hand: the parts that one thread writes.
    #[must_use]
    pub fn hand(&self) -> Hand {
        Hand::default()
    }

    /// Notes an item that was walked: in the order of the walk, before [`PackageWriter::keep`] or `record`.
    pub fn walked(&self, locator: &str, facts: &Facts) {
        lock(&self.walk).walked(locator, facts);
    }

    /// How many items are committed already and are to be walked again, with [`PackageWriter::walked_again`], before
    /// anything else.
    #[must_use]
    pub fn ahead(&self) -> u64 {
        lock(&self.walk).ahead()
    }

    /// Notes an item that is committed already, in the order of the walk.
    ///
    /// # Errors
    ///
    /// [`PackageError::OtherWalk`] where the medium gives another item than before the break.
    pub fn walked_again(&self, locator: &str, facts: &Facts) -> Result<(), PackageError> {
        self.unbroken(|| lock(&self.walk).walked_again(locator, facts))
    }

    /// Whether the open batch takes `items` more. Otherwise all hands are to close their parts, and one commits.
    #[must_use]
    pub fn has_room(&self, items: u64) -> bool {
        let taken = lock(&self.walk).of_batch().max(self.counters.items());
        taken == 0
            || taken.saturating_add(items) <= self.options.items
                && self.counters.written() < self.options.part_size
                && self.counters.rows_in_memory() < self.options.rows
    }

    /// Keeps an item: its content into the hand's own part of its set, read once; its record into the ledger.
    ///
    /// An error *of the reader* is no error here: what is missing is recorded, and [`Kept::trouble`] says why.
    /// `None` is for kinds without content.
    ///
    /// # Errors
    ///
    /// [`PackageError`]; the package is then broken.
    pub fn keep(
        &self,
        hand: &mut Hand,
        item: &Item<'_>,
        content: Option<Content<'_>>,
    ) -> Result<Kept, PackageError> {
        if !item.decision.outcome.is_kept() {
            return Err(PackageError::Misuse(item.decision.outcome.clone()));
        }
        self.unbroken(|| hand.keep(self, item, content))
    }

    /// Records an item that is listed or left. Returns its control number, if it has one.
    ///
    /// # Errors
    ///
    /// [`PackageError`]; the package is then broken.
    pub fn record(&self, hand: &mut Hand, item: &Item<'_>) -> Result<Option<Control>, PackageError> {
        if item.decision.outcome.is_kept() {
            return Err(PackageError::Misuse(item.decision.outcome.clone()));
        }
        self.unbroken(|| hand.record(self, item))
    }

    /// Hands over what a hand has gathered for the ledger: before its thread waits for anything.
    ///
    /// # Errors
    ///
    /// [`PackageError`]; the package is then broken.
    pub fn hand_over(&self, hand: &mut Hand) -> Result<(), PackageError> {
        self.unbroken(|| hand.hand_over(self))
    }

    /// Closes the parts of a hand and makes them durable. No hand may be at work on an item of this batch any more;
    /// several hands may do this at once.
    ///
    /// # Errors
    ///
    /// [`PackageError`]; the package is then broken.
    pub fn close_parts(&self, hand: &mut Hand) -> Result<(), PackageError> {
        self.unbroken(|| hand.close(self))
    }

    /// Ends the batch, once every hand has closed its parts: the journal's line is the commit. `crew` is what the
    /// caller counts beside the package, for [`crate::Unfinished::crew`].
    ///
    /// # Errors
    ///
    /// [`PackageError`]; the package is then broken.
    pub fn commit(&self, crew: &str) -> Result<(), PackageError> {
        self.unbroken(|| lock(&self.recorder).commit(self, crew))
    }

    /// Ends the writing, once the last batch is committed: reads back everything that was committed, in every copy, and
    /// sorts the inventory. Next: [`Closed::state`], then [`crate::Stated::finish`].
    ///
    /// # Errors
    ///
    /// [`PackageError`]; [`PackageError::Altered`] where a file is not as it was written, [`PackageError::Stopped`] where
    /// somebody asked to stop. The run has not ended then.
    pub fn close(self, ending: Ending, reading: Reading<'_>) -> Result<Closed, PackageError> {
        self.commit(&ending.crew)?;
        Closed::of(self, ending, reading)
    }

    /// The disk that it is written to: what was lost of it, and what was read back.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        &self.site.disk
    }

    /// Removes the parts of the open batch: nothing commits them any more.
    ///
    /// # Errors
    ///
    /// [`PackageError`] where one cannot be removed.
    pub fn discard_batch(self) -> Result<(), PackageError> {
        lock(&self.recorder).discard(&self.site.disk, &self.site.partial())
    }

    /// What was counted so far, but for what hands have not handed over.
    #[must_use]
    pub fn totals(&self) -> Totals {
        lock(&self.recorder).totals.clone()
    }

    fn unbroken<T>(&self, action: impl FnOnce() -> Result<T, PackageError>) -> Result<T, PackageError> {
        if let Some(first) = self.broken.get() {
            return Err(PackageError::Broken(first.clone()));
        }
        let done = action();
        if let Err(error) = &done {
            let _ = self.broken.set(error.to_string()); // the first error stays
        }
        done
    }

    pub(crate) fn control(&self, series: Series) -> Control {
        Control::new(&self.binding.medium, series, self.counters.next_control(series))
    }

    pub(crate) fn recipients_of(&self, set: &SetName) -> Result<&Recipients, PackageError> {
        self.recipients.get(set).ok_or_else(|| PackageError::Compartment(set.to_string()))
    }

    pub(crate) fn series_of_compartment(&self, compartment: &str) -> Result<Series, PackageError> {
        let place = self.compartments.iter().zip(1_u32..).find(|(id, _)| *id == compartment);
        let unknown = || PackageError::Compartment(compartment.to_owned());
        place.map(|(_, number)| Series::Held(number)).ok_or_else(unknown)
    }
}

/// What a thread that ended in the middle leaves behind is never used: the package is broken, or its thread is gone.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SetRecipients {
    pub(crate) fn by_set(&self) -> Result<BTreeMap<SetName, Recipients>, PackageError> {
        let held = self.compartments.iter().map(|(id, names)| (SetName::Held(id.clone()), names));
        let all =
            [(SetName::Captured, &self.captured), (SetName::Ledger, &self.ledger)].into_iter().chain(held);
        all.map(|(set, names)| Ok((set.clone(), Recipients::parse(&set, names)?))).collect()
    }
}

/// Most items of a batch: the zip profile's bound on entries follows from it.
const MAX_ITEMS: u64 = 1 << 16;
