//! A package that was broken off: what of it is committed, and how it goes on.
//!
//! ```text
//! match Unfinished::open(&disk, &out, &state)? {
//!     Found::Nothing                  begun, and nothing was committed: not even that it was begun
//!     Found::Complete(complete)       all is there but the name: complete.place()?
//!     Found::Unfinished(unfinished)   unfinished.check(..)?, then resume(..), close(..) or place(..)
//! }
//! ```
//!
//! Nothing is believed that the journal does not name, and no journal that the
//! key in the case folder does not authenticate. Nothing is changed before
//! [`Unfinished::resume`] or [`Unfinished::close`].

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use evidence::acquisition::{Acquisition, Departure, PartStatement, SetName};
use evidence::strict;
use scope::Digest;

use crate::batch::Recorder;
use crate::close::{Closed, Ending, Unsealed};
use crate::durable::{Disk, DurableError};
use crate::journal::{self, Batch, Begun, Journal, Journaled, Keys};
use crate::lock;
use crate::package::{FOLDERS, PackageError, PackageWriter, SetRecipients, Setup, WORK, partial_path};
use crate::part::digest_and_length;
use crate::sorted::Runs;

/// A package that was broken off, and that nobody else works on.
pub struct Unfinished {
    disk: Disk,
    out: PathBuf,
    partial: PathBuf,
    key_path: PathBuf,
    lock: File,
    keys: Keys,
    journal: Journaled,
}

/// What stands at `OUT.partial`.
pub enum Found {
    /// Folders, and nothing that was committed.
    Nothing,
    /// A package that lacks nothing but its name.
    Complete(Complete),
    /// A package that can go on.
    Unfinished(Box<Unfinished>),
}

/// A package that lacks nothing but its name.
pub struct Complete {
    disk: Disk,
    out: PathBuf,
    partial: PathBuf,
    key_path: PathBuf,
}

impl Complete {
    /// Gives it its name.
    ///
    /// # Errors
    ///
    /// [`DurableError`]; it can be tried again.
    pub fn place(self) -> Result<(), DurableError> {
        remove_work(&self.disk, &self.partial)?;
        self.disk.rename(&self.partial, &self.out)?;
        self.disk.remove_file(&self.key_path)
    }
}

impl Unfinished {
    /// Locks what stands at `OUT.partial`, and reads its journal.
    ///
    /// # Errors
    ///
    /// [`PackageError::Locked`], [`PackageError::NoKey`], [`PackageError::Journal`].
    pub fn open(disk: &Disk, out: &Path, state: &Path) -> Result<Found, PackageError> {
        let partial = partial_path(out);
        let path = journal::path_in(&partial.join(WORK));
        if path.symlink_metadata().is_err() {
            return Self::without_journal(disk, out, partial, state);
        }
        let lock = lock::take(&path)?.ok_or(PackageError::Locked(partial.clone()))?;
        let bytes = disk.read(&path, MAX_JOURNAL)?;
        let Some(run) = journal::run_of(&bytes)? else { return Ok(Found::Nothing) };
        let key_path = journal::key_path(state, run);
        if key_path.symlink_metadata().is_err() {
            return Err(PackageError::NoKey(key_path));
        }
        let altered =
            || PackageError::Journal { line: 1, what: "the resume key is not as it was written".to_owned() };
        let keys = Keys::load(disk, &key_path)?.ok_or_else(altered)?;
        let Some(journal) = Journaled::read(&bytes, &keys)? else { return Ok(Found::Nothing) };
        let (disk, out) = (disk.clone(), out.to_owned());
        Ok(Found::Unfinished(Box::new(Self { disk, out, partial, key_path, lock, keys, journal })))
    }

    /// The journal goes first when a package gets its name: where all else is there, only that is left to do.
    fn without_journal(
        disk: &Disk,
        out: &Path,
        partial: PathBuf,
        state: &Path,
    ) -> Result<Found, PackageError> {
        // Fails where there is no such folder.
        disk.folder_names(&partial)?;
        if partial.join(TAGMANIFEST).symlink_metadata().is_err() {
            return Ok(Found::Nothing);
        }
        let bytes = disk.read(&partial.join("meta/acquisition.json"), MAX_ACQUISITION)?;
        let acquisition: Acquisition = strict::from_json(&bytes).map_err(std::io::Error::other)?;
        let key_path = journal::key_path(state, acquisition.package);
        if key_path.symlink_metadata().is_err() {
            return Err(PackageError::NoKey(key_path));
        }
        Ok(Found::Complete(Complete { disk: disk.clone(), out: out.to_owned(), partial, key_path }))
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

    /// What departed from the order or the procedure so far.
    #[must_use]
    pub fn departures(&self) -> &[Departure] {
        &self.journal.departures
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

    /// Reads every committed part and every run of the inventory, and compares. `told` hears how many bytes were read.
    ///
    /// # Errors
    ///
    /// [`PackageError::Part`] for one that is not as it was committed.
    pub fn check(&self, told: &mut dyn FnMut(u64)) -> Result<(), PackageError> {
        let mut done = 0_u64;
        for (_, part) in self.parts() {
            check_file(&self.disk, &self.partial.join(&part.file), part.sha256, Some(part.bytes))?;
            done = done.saturating_add(part.bytes);
            told(done);
        }
        for batch in &self.journal.batches {
            check_file(&self.disk, &self.partial.join(WORK).join(&batch.lines), batch.lines_sha256, None)?;
        }
        Ok(())
    }

    /// Goes on: removes what no journal names, and notes what departs from the order or the procedure from here on.
    ///
    /// `setup` is as at the start, but for its run key, which is the one that acquisition.resume announced.
    ///
    /// # Errors
    ///
    /// [`PackageError`]; it can be tried again.
    pub fn resume(self, setup: Setup) -> Result<PackageWriter, PackageError> {
        self.remove_uncommitted()?;
        let departures = setup.departures.clone();
        let Self { disk, out, partial, key_path, lock, keys, journal } = self;
        let work = partial.join(WORK);
        let (mut file, walk) = Journal::go_on(&disk, &journal::path_in(&work), keys, &journal)?;
        file.resume(departures)?;
        let recipients = setup.recipients.by_set()?;
        let runs = Runs::again(&disk, &work, journal.batches.iter().map(|batch| batch.lines.as_str()));
        let recorder = Recorder::again(file, runs, recipients.keys(), &journal.batches);
        let counters = journal.batches.last().map(|batch| batch.controls.clone()).unwrap_or_default();
        PackageWriter::of(disk, out, key_path, lock, recorder, counters, walk, recipients, setup)
    }

    /// Ends what has ended already: the inventory is merged again, and the rest is written anew.
    ///
    /// # Errors
    ///
    /// [`PackageError`]; it can be tried again.
    pub fn close(self, recipients: SetRecipients) -> Result<Closed, PackageError> {
        self.remove_uncommitted()?;
        let recipients = recipients.by_set()?;
        let Self { disk, out, partial, key_path, lock, journal, .. } = self;
        let Some(ending) = journal.ending else {
            return Err(PackageError::Broken("the run has not ended".to_owned()));
        };
        let work = partial.join(WORK);
        let mut closed: BTreeMap<SetName, Vec<PartStatement>> =
            recipients.keys().map(|set| (set.clone(), Vec::new())).collect();
        for (set, part) in journal.batches.iter().flat_map(|batch| batch.parts.iter().cloned()) {
            closed.entry(set).or_default().push(part);
        }
        let totals = journal.batches.last().map(|batch| batch.totals.clone()).unwrap_or_default();
        let runs = Runs::again(&disk, &work, journal.batches.iter().map(|batch| batch.lines.as_str()));
        Closed::again(disk, out, key_path, lock, journal.begun, ending, recipients, totals, closed, runs)
    }

    /// What a log that has its package.seal already lacks: the copy of the log, and the name.
    #[must_use]
    pub fn sealed(self) -> Unsealed {
        let Self { disk, out, partial, key_path, lock, journal, .. } = self;
        let run = journal.begun.package;
        Unsealed { disk, out, partial, run, tagmanifest: Vec::new(), key_path, lock }
    }

    /// The digest of the bytes that are sealed, where they are there.
    ///
    /// # Errors
    ///
    /// [`DurableError`].
    pub fn tagmanifest(&self) -> Result<Digest, PackageError> {
        Ok(Digest::of(&self.disk.read(&self.partial.join(TAGMANIFEST), MAX_ACQUISITION)?))
    }

    fn remove_uncommitted(&self) -> Result<(), PackageError> {
        let parts: Vec<&str> = self.parts().filter_map(|(_, part)| part.file.strip_prefix("data/")).collect();
        let lines: Vec<&str> = self.journal.batches.iter().map(|batch| batch.lines.as_str()).collect();
        let (disk, root) = (&self.disk, &self.partial);
        disk.clear(root, &|name| FOLDERS.contains(&name) || name == WORK)?;
        for folder in FOLDERS {
            let path = root.join(folder);
            if path.symlink_metadata().is_err() {
                disk.create_folder(&path)?;
            }
            disk.clear(&path, &|name| match folder {
                "data" => parts.contains(&name),
                "meta" => name == "policy",
                _ => false,
            })?;
        }
        let work = root.join(WORK);
        let journal = journal::path_in(&work);
        let journal = journal.file_name().and_then(|name| name.to_str());
        disk.clear(&work, &|name| Some(name) == journal || lines.contains(&name))?;
        Ok(())
    }

    fn parts(&self) -> impl Iterator<Item = &(SetName, PartStatement)> {
        self.journal.batches.iter().flat_map(|batch| &batch.parts)
    }

    fn last(&self) -> Option<&Batch> {
        self.journal.batches.last()
    }
}

/// Fails unless a file is what was committed.
pub(crate) fn check_file(
    disk: &Disk,
    path: &Path,
    stated: Digest,
    bytes: Option<u64>,
) -> Result<(), PackageError> {
    let (found, length) = digest_and_length(disk, path)?;
    if found == stated && bytes.is_none_or(|bytes| bytes == length) {
        return Ok(());
    }
    Err(PackageError::Part { path: path.to_owned(), stated, found, length })
}

/// Removes the folder of what never ships: the journal first, so that what is left is known for what it is.
pub(crate) fn remove_work(disk: &Disk, partial: &Path) -> Result<(), DurableError> {
    let work = partial.join(WORK);
    if work.symlink_metadata().is_err() {
        return disk.sync_folder(partial);
    }
    let journal = journal::path_in(&work);
    if journal.symlink_metadata().is_ok() {
        disk.remove_file(&journal)?;
        disk.sync_folder(&work)?;
    }
    disk.clear(&work, &|_| false)?;
    disk.remove_folder(&work)?;
    // Before the name: a package under its name has no such folder, whatever a power cut undoes.
    disk.sync_folder(partial)
}

const TAGMANIFEST: &str = "tagmanifest-sha256.txt";

/// Longest journal that is read: a line of some 2 KB for each batch, and 300 bytes for each part.
const MAX_JOURNAL: u64 = 256 << 20;

/// Longest `acquisition.json` and tag manifest that are read.
const MAX_ACQUISITION: u64 = 64 << 20;
