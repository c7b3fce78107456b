//! A package that was broken off: what of it is committed, and how it goes on.
//!
//! ```text
//! match Unfinished::open(&disk, &outs, &state)? {
//!     Found::Nothing                  begun, and nothing was committed: not even that it was begun
//!     Found::Complete(complete)       all is there but the name, it seems: complete.check(..)?, then place()?
//!     Found::Unfinished(unfinished)   unfinished.believe(..)?, check(..)?, then resume(..), close(..) or sealed(..)
//!     Found::Finished(out)            nothing is to be done
//! }
//! ```
//!
//! Nothing is believed that the journal does not name, no journal that the key in
//! the case folder does not authenticate, and, once [`Unfinished::believe`] was asked,
//! no line that no announced run key has signed. Of two copies, the one whose
//! journal is longer is gone on from, and the other is brought there. Nothing
//! is changed before [`Unfinished::resume`] or [`Unfinished::close`].

mod complete;
mod inspect;
mod made_again;
mod open;
mod sealed;
mod settle;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use evidence::acquisition::{Departure, PartStatement, SetName};
use scope::Digest;

use crate::batch::Recorder;
use crate::close::{Batches, Closed, Ending, INVENTORY, Subject};
use crate::durable::Disk;
use crate::journal::{self, Batch, Begun, Journal, Journaled, Keys, Marks};
use crate::package::{PackageError, PackageWriter, SetRecipients, Setup};
use crate::part::Recipients;
use crate::read_back::Reading;
use crate::site::{WORK, partial_path};
use crate::sorted::Runs;
pub use complete::{Complete, Left, remove_what_is_left};

/// A package that was broken off, and that nobody else works on.
pub struct Unfinished {
    /// Not mirrored: copies are not the same yet.
    disk: Disk,
    outs: Vec<PathBuf>,
    /// The copy that is gone on from: the one with the longer journal.
    first: Copy,
    second: Option<Copy>,
    mend: Vec<Mend>,
    /// What was lost, or made again, since the journal's last line.
    lost: Vec<String>,
    key_path: PathBuf,
    keys: Keys,
    journal: Journaled,
    older: Option<Older>,
    /// The batches that are taken again, from the first to the last.
    discarded: Option<(u64, u64)>,
    /// The digest of the statement, where acquisition.end is on the log.
    quoted: Option<Digest>,
}

/// Why an unfinished package is not the newest copy.
#[derive(Debug)]
pub struct Older {
    /// Where it is.
    pub path: PathBuf,
    /// How many lines of its journal the case folder knows of.
    pub known: usize,
    /// How many of them it has.
    pub has: usize,
    /// How many lines its journal has.
    pub lines: usize,
}

impl Older {
    /// Whether a journal with these lines is older than its marks; [`PackageError::CaseBehind`] where the marks are.
    pub(crate) fn of(
        partial: &Path,
        marks: &Marks,
        journal: &Journaled,
    ) -> Result<Option<Self>, PackageError> {
        let macs = journal.macs.as_slice();
        let (path, lines) = (partial.to_owned(), macs.len());
        if marks.knew(lines, &journal.rest) {
            let what =
                "it was durable, by what the case folder knows, and is not as it was written".to_owned();
            return Err(PackageError::Journal { line: lines.saturating_add(1), what });
        }
        let (known, has) = (marks.count(), marks.in_common(macs));
        // A mark follows its line at once: more than one without a mark were written under another copy of the case folder,
        // whose log announces the run key of those batches. This one's log never will.
        if marks.are_there() && has == known && lines > known.saturating_add(1) {
            return Err(PackageError::CaseBehind { path, lines, known });
        }
        let unmarked = !marks.are_there() && lines > 1;
        Ok((has < known || unmarked).then_some(Self { path, known, has, lines }))
    }
}

impl fmt::Display for Older {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { known, has, lines, .. } = self;
        if *known == 0 {
            return write!(
                f,
                "the case folder has its keys, and no marks of its journal: nothing there says that this is the newest"
            );
        }
        write!(
            f,
            "the case folder knows of {known} lines of its journal, and it has the first {has} of them"
        )?;
        if *lines > *has {
            write!(f, " and another in place of the next, or the marks in the case folder were altered")?;
        }
        Ok(())
    }
}

/// One copy of an unfinished package.
struct Copy {
    /// 1 or 2: in the order of the names that were given.
    number: usize,
    partial: PathBuf,
    lock: Option<File>,
    /// Bytes of whole lines of its journal.
    length: u64,
}

impl Copy {
    fn nothing(number: usize, out: &Path) -> Self {
        Self { number, partial: partial_path(out), lock: None, length: 0 }
    }
}

/// A committed file that one copy gets from the other.
struct Mend {
    file: String,
    digest: Digest,
    to_first: bool,
}

/// What stands at `OUT.partial`.
pub enum Found {
    /// Folders, and nothing that was committed.
    Nothing,
    /// A package that seems to lack nothing but its name: [`Complete::check`] says whether it does.
    Complete(Complete),
    /// A package that can go on.
    Unfinished(Box<Unfinished>),
    /// A package under its name.
    Finished(PathBuf),
}

impl Unfinished {
    /// Locks what stands at `OUT.partial`, for each of one or two names, and reads its journal.
    ///
    /// # Errors
    ///
    /// [`PackageError::Locked`], [`PackageError::NoKey`], [`PackageError::Journal`], [`PackageError::NoCopies`].
    pub fn open(disk: &Disk, outs: &[PathBuf], state: &Path) -> Result<Found, PackageError> {
        open::open(disk, outs, state)
    }

    /// Set where the case folder knows of more than this journal does: the package is an older copy of what went on
    /// elsewhere.
    #[must_use]
    pub fn older(&self) -> Option<&Older> {
        self.older.as_ref()
    }

    /// What it was begun with.
    #[must_use]
    pub fn begun(&self) -> &Begun {
        &self.journal.begun
    }

    /// How many batches are committed.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.last().map_or(0, |batch| batch.number)
    }

    /// How many items of the walk are in committed batches.
    #[must_use]
    pub fn items(&self) -> u64 {
        self.last().map_or(0, |batch| batch.items)
    }

    /// Fails where a line of the journal is not signed by the run keys that the custody log announces for this run, in their
    /// order: this comes before anything that the journal says counts. A last process whose key was not announced has read
    /// nothing; of what it said nothing counts but which batches are committed no more.
    ///
    /// # Errors
    ///
    /// [`PackageError::Journal`] names the line.
    pub fn believe(&mut self, announced: &[String]) -> Result<(), PackageError> {
        self.journal.believe(announced)
    }

    /// What departed from the order or the procedure, by processes that ended before their keys were announced: of it
    /// counts what the log says, too, or whoever is asked now.
    pub fn unannounced(&self) -> impl Iterator<Item = &Departure> {
        self.journal.unannounced()
    }

    /// What departed from the order or the procedure so far.
    #[must_use]
    pub fn departures(&self) -> &[Departure] {
        &self.journal.departures
    }

    /// Before which batch it went on, each time, by its journal.
    #[must_use]
    pub fn resumed(&self) -> &[u64] {
        &self.journal.resumed
    }

    /// Copies that were lost until it was broken off, in words.
    #[must_use]
    pub fn lost(&self) -> &[String] {
        &self.journal.lost
    }

    /// What will be done about copies that are not what was committed, in sentences: known once [`Unfinished::check`] has read them.
    #[must_use]
    pub fn unlike(&self) -> Vec<String> {
        let mut told = Vec::new();
        match &self.second {
            Some(second) if second.length == 0 => told.push(format!(
                "nothing of this run is at {}: copy {} is made there anew, from the other. If its disk is not mounted, stop with Ctrl-C, mount it, and give the command again",
                second.partial.display(),
                second.number
            )),
            None if self.journal.copies > 1 && self.journal.lost.is_empty() => {
                told.push("two copies were begun, and one of them is gone on with".to_owned());
            }
            _ => {}
        }
        let first = self.first.number;
        let second = self.second.as_ref().filter(|second| second.length > 0).map(|second| second.number);
        for (copy, to_first) in [(Some(first), true), (second, false)] {
            let files = self.mend.iter().filter(|mend| mend.to_first == to_first).count();
            if let (Some(copy), true) = (copy, files > 0) {
                told.push(format!(
                    "{files} committed files of copy {copy} of 2 are missing or not as they were written, and are made again from the other"
                ));
            }
        }
        told
    }

    /// Adds a departure to what is said of a run that has ended: [`Unfinished::close`] states it.
    pub fn depart(&mut self, departure: Departure) {
        if let Some(ending) = &mut self.journal.ending
            && !ending.departures.contains(&departure)
        {
            ending.departures.push(departure);
        }
    }

    /// Where the last batch is committed and nothing but the seal is missing: what is said of the acquisition.
    #[must_use]
    pub fn ending(&self) -> Option<&Ending> {
        self.journal.ending.as_ref()
    }

    /// What the program counted beside the package, as it was given to the last commit.
    ///
    /// # Errors
    ///
    /// [`PackageError::Age`] where it does not open.
    pub fn crew(&self) -> Result<Option<String>, PackageError> {
        self.last().map(|batch| self.keys.open(&batch.crew)).transpose()
    }

    /// Bytes of all committed parts.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.parts().fold(0, |sum, (_, part)| sum.saturating_add(part.bytes))
    }

    /// Reads every committed part and every run of the inventory, in each copy, and compares.
    ///
    /// # Errors
    ///
    /// [`PackageError::Altered`] for one that in no copy is as it was committed: see [`Unfinished::discard_from`].
    pub fn check(&mut self, reading: Reading<'_>) -> Result<(), PackageError> {
        self.check_copies(reading)
    }

    /// Gives up the batches from this one on: [`Unfinished::resume`] then says so in the journal, and they are taken again.
    /// Nothing is changed before that.
    pub fn discard_from(&mut self, batch: u64) {
        self.discarded = Some((batch, self.batches()));
        self.journal.discard(batch);
    }

    /// The batches that were given up, from the first to the last.
    #[must_use]
    pub fn discarded(&self) -> Option<(u64, u64)> {
        self.discarded
    }

    /// Goes on: removes what no journal names, makes two copies the same, and notes what departs from the order or the
    /// procedure from here on.
    ///
    /// `setup` is as at the start, but for its run key, which is the one that acquisition.resume announced.
    ///
    /// # Errors
    ///
    /// [`PackageError`]; it can be tried again.
    pub fn resume(mut self, setup: Setup) -> Result<PackageWriter, PackageError> {
        let site = self.settle()?;
        let Self { lost, keys, journal, discarded, .. } = self;
        let work = site.partial().join(WORK);
        let path = journal::path_in(&work);
        let run_key = setup.run_key.clone();
        let (mut file, walk) = Journal::go_on(&site.disk, &path, &site.key_path, keys, &journal, run_key)?;
        file.resume(setup.departures.clone(), lost, discarded.map(|(from, _)| from))?;
        let recipients = setup.recipients.by_set()?;
        let runs = Runs::again(&site.disk, &work, journal.batches.iter().map(Batch::run));
        let recorder = Recorder::again(file, runs, recipients.keys(), &journal.batches);
        let counters = journal.batches.last().map(|batch| batch.controls.clone()).unwrap_or_default();
        PackageWriter::of(site, recorder, counters, walk, recipients, setup)
    }

    /// Ends what has ended already: the inventory is merged again, and the rest is written anew, but for the statement that
    /// acquisition.end on the log quotes, by its digest.
    ///
    /// # Errors
    ///
    /// [`PackageError`]; it can be tried again.
    pub fn close(
        mut self,
        recipients: SetRecipients,
        quoted: Option<Digest>,
    ) -> Result<Closed, PackageError> {
        self.quoted = quoted;
        let recipients = recipients.by_set()?;
        if self.journal.ending.is_none() {
            return Err(PackageError::Broken("the run has not ended".to_owned()));
        }
        let site = self.settle()?;
        let Self { mut lost, journal, .. } = self;
        let Journaled { begun, batches, ending: Some(mut ending), lost: before, .. } = journal else {
            return Err(PackageError::Broken("the run has not ended".to_owned()));
        };
        if quoted.is_none() {
            ending.limits.extend(lost.iter().cloned());
        }
        lost.splice(0..0, before);
        let work = site.partial().join(WORK);
        let parts = by_set(&recipients, &batches);
        let totals = batches.last().map(|batch| batch.totals.clone()).unwrap_or_default();
        let inventory = Runs::again(&site.disk, &work, batches.iter().map(Batch::run))
            .finish(&site.partial().join(INVENTORY))?;
        let Begun { origin, package: run, policy, medium, record_left, .. } = begun;
        let subject = Subject { origin, run, policy, medium, record_left };
        let batches = Batches { totals, parts, inventory };
        Ok(Closed::ended(site, subject, recipients, batches, (ending, lost, quoted)))
    }

    fn parts(&self) -> impl Iterator<Item = &(SetName, PartStatement)> {
        self.journal.batches.iter().flat_map(|batch| &batch.parts)
    }

    fn last(&self) -> Option<&Batch> {
        self.journal.batches.last()
    }
}

/// The parts of each set, also of one that has none.
fn by_set(
    recipients: &BTreeMap<SetName, Recipients>,
    batches: &[Batch],
) -> BTreeMap<SetName, Vec<PartStatement>> {
    let mut parts: BTreeMap<_, Vec<_>> = recipients.keys().map(|set| (set.clone(), Vec::new())).collect();
    for (set, part) in batches.iter().flat_map(|batch| batch.parts.iter().cloned()) {
        parts.entry(set).or_default().push(part);
    }
    parts
}

const TAGMANIFEST: &str = "tagmanifest-sha256.txt";

/// Longest journal that is read: a line of some 2 KB for each batch, and 300 bytes for each part.
pub(crate) const MAX_JOURNAL: u64 = 256 << 20;

/// Longest `acquisition.json` and tag manifest that are read.
pub(crate) const MAX_ACQUISITION: u64 = 64 << 20;
