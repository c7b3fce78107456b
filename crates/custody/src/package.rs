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
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use evidence::acquisition::{Departure, MediumStatement, RecordLeft, RunNumber, SetName};
use evidence::item::{Control, ObjectValue, RecordError, Series};
use evidence::ledger::LedgerError;
use evidence::manifest::{Binding, ManifestError};
use scope::facts::Facts;
use scope::{Decision, Digest, Outcome};

use crate::batch::{Counters, Recorder};
use crate::close::{Closed, Ending};
use crate::durable::{Disk, DurableError};
use crate::journal::{self, Begun, Journal, Walk};
use crate::keys::SecretKey;
use crate::lock as locked;
use crate::part::{Recipients, Trouble};
use crate::random::RandomError;
use crate::read_back::Reading;
use crate::site::{FOLDERS, Site};
use crate::sorted::Runs;

pub use crate::hand::Hand;
pub use crate::part::Content;
pub use crate::site::{TRY_OUT, WORK, partial_path};
pub use crate::totals::Totals;
pub use crate::zipper::Compression;

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
    /// The end of a part is not on the disk as it was written.
    #[error(
        "`{path}` was written with {length} bytes, and from byte {at} on does not read back as written: do not trust this disk"
    )]
    Look {
        /// The part.
        path: PathBuf,
        /// From which byte on.
        at: u64,
        /// How many were written.
        length: u64,
    },
    /// Committed files do not read back as they were written, in any copy.
    #[error("read back, batch {batch}: {first}{}: do not trust this disk", likewise(*others))]
    Altered {
        /// The first batch of which a file differs.
        batch: u64,
        /// What is wrong with it.
        first: Box<PackageError>,
        /// How many more files differ.
        others: usize,
    },
    /// The statement that the log quotes is lost.
    #[error(
        "meta/acquisition.json: acquisition.end on the custody log quotes {quoted}, which is not there, and the journal gives {made}"
    )]
    OtherStatement {
        /// The digest on the log.
        quoted: Digest,
        /// The digest of what can be made.
        made: Digest,
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
    /// Another process writes this package.
    #[error("`{0}` is in use by another ambit; wait until it has ended")]
    Locked(PathBuf),
    /// One of two copies cannot be opened, and the other can.
    #[error("the copy {} cannot be gone on with: {error}", fails.display())]
    OneFails {
        /// Where it is to go on.
        fails: PathBuf,
        /// What the disk says.
        error: Box<PackageError>,
        /// The name of the other.
        other: PathBuf,
    },
    /// The key of the journal is not where it was written.
    #[error("the resume key `{0}` is missing: without it nobody can tell what of this package is genuine")]
    NoKey(PathBuf),
    /// The run went on where this case folder was not.
    #[error(
        "the journal of {} has {lines} lines, of which this case folder knows {known}: the run went on under another copy of the \
         case folder, whose log announces the run key of what was taken since", path.display()
    )]
    CaseBehind {
        /// The unfinished package.
        path: PathBuf,
        /// How many lines its journal has.
        lines: usize,
        /// How many of them the case folder knows.
        known: usize,
    },
    /// The journal is not what was written.
    #[error("line {line} of the journal was altered: {what}")]
    Journal {
        /// Which line, from 1.
        line: usize,
        /// What does not hold.
        what: String,
    },
    /// A committed file is not what was committed.
    #[error("`{path}` is not what was committed: {stated} was, and {found} is there, with {length} bytes")]
    Part {
        /// The file.
        path: PathBuf,
        /// The digest that the journal states.
        stated: Digest,
        /// The digest of the file.
        found: Digest,
        /// Its length.
        length: u64,
    },
    /// A committed file is not there.
    #[error("`{path}` is missing, and was committed, as {stated}")]
    Missing {
        /// The file.
        path: PathBuf,
        /// Its digest.
        stated: Digest,
    },
    /// The medium gives other items than before the break.
    #[error(
        "the medium is not as it was: of its first {until} items, place, size or times of one differ from those that were captured"
    )]
    OtherWalk {
        /// Within how many items it differs.
        until: u64,
    },
    /// In the package lies what is not of one.
    #[error("`{}`: {what}; nothing was removed", path.display())]
    Foreign {
        /// What lies there.
        path: PathBuf,
        /// Why it is none of a package.
        what: &'static str,
    },
    /// Files, and no journal that names them.
    #[error(
        "`{}` has {files} files of {bytes} bytes, and no journal that says what they are; nothing was removed", path.display()
    )]
    NoJournal {
        /// The unfinished package.
        path: PathBuf,
        /// How many files that are not empty.
        files: u64,
        /// Bytes of them.
        bytes: u64,
    },
    /// Two copies are not of one run.
    #[error("`{first}` and `{second}` are not two copies of one run: {what}")]
    NoCopies {
        /// The first.
        first: PathBuf,
        /// The second.
        second: PathBuf,
        /// In what they differ.
        what: &'static str,
    },
    /// Somebody asked to stop, in the middle of an object or while files are read back.
    #[error("stopped, as asked")]
    Stopped,
    /// An earlier error ended the writing.
    #[error("an earlier error ended this package: {0}")]
    Broken(String),
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

fn likewise(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => "; one more file differs".to_owned(),
        others => format!("; {others} more files differ"),
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
