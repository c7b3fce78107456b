//! A custody log on the disk: appended to, copied, headed by a checkpoint; never edited.
//!
//! Implements the writing side of `docs/spec/custody-log.md`, version 1. An
//! entry is written as `custody/.new-000003` and renamed to `custody/000003`:
//! it is there whole or not at all.
//!
//! ```text
//! custody/000003/event.json  examiner.sig  witness.sig  entry.txt  [checkpoint]
//! ```

use std::path::{Path, PathBuf};

use evidence::checkpoint::{Checkpoint, SignedCheckpoint};
use evidence::custody_log::{
    ATTESTATION, Course, Entry, EntryError, LogHead, Statement, attestation_signature,
};
use evidence::event::{Event, TreeHead};
use evidence::files::MemoryFiles;
use evidence::sshsig;
use scope::Digest;

use crate::durable::{Disk, DurableError};
use crate::keys::{SecretKey, Signer};
use crate::seal::without_zeros;

/// Why a log could not be read or appended to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The disk.
    #[error(transparent)]
    Disk(#[from] DurableError),
    /// An entry is not an entry.
    #[error("{}: {source}", path.display())]
    Entry {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: EntryError,
    },
    /// An entry does not continue the log before it.
    #[error("{}: {what}; the log was changed, and nothing is appended to it", path.display())]
    Chain {
        /// Which file.
        path: PathBuf,
        /// What does not fit.
        what: &'static str,
    },
    /// Whoever reads the log would refuse the event.
    #[error("{}: event {index} would be refused by everybody who reads the log: {why}; nothing is appended", root.display())]
    Refused {
        /// Whose log.
        root: PathBuf,
        /// The event's number.
        index: u64,
        /// Why, in the reader's words.
        why: String,
    },
    /// Nobody signs.
    #[error("an event needs at least one signer")]
    NoSigner,
    /// The two logs are not one log at two times.
    #[error(
        "the custody logs part at event {index}: its entry.txt has {here} in {}, and {there} in {}; neither goes on from the other, and both are kept as they are",
        root.display(),
        other.display()
    )]
    Fork {
        /// The first event that differs.
        index: u64,
        /// Whose log was to be copied.
        root: PathBuf,
        /// The digest of its entry.
        here: Digest,
        /// Whose log it was to be copied to.
        other: PathBuf,
        /// The digest of that one's entry.
        there: Digest,
    },
    /// The log that was to be copied is an older one of the two.
    #[error(
        "{} has {size} events of the custody log, and {} has {other_size}: the first is an older copy; both are kept as they are",
        root.display(),
        other.display()
    )]
    Behind {
        /// Whose log was to be copied.
        root: PathBuf,
        /// How many events it has.
        size: u64,
        /// Whose log it was to be copied to.
        other: PathBuf,
        /// How many events that one has.
        other_size: u64,
    },
    /// There is no entry to head.
    #[error("the log has no entry yet")]
    Empty,
}

/// A log in a folder that has a `custody/` in it: a case folder or a package.
#[derive(Debug)]
pub struct LogFolder {
    disk: Disk,
    root: PathBuf,
    head: LogHead,
    entries: Vec<Vec<u8>>,
    course: Course,
}

impl LogFolder {
    /// Opens the log under `root`, replaying its chain. Signatures are not judged here: that is for the verifier.
    ///
    /// # Errors
    ///
    /// [`LogError`] unless every entry continues the one before it and quotes the files beside it.
    pub fn open(disk: &Disk, root: &Path, origin: &str) -> Result<Self, LogError> {
        let head = LogHead::empty(origin);
        let (disk, root, course) = (disk.clone(), root.to_owned(), Course::default());
        remove_unfinished(&disk, &root)?;
        let mut log = Self { disk, root, head, entries: Vec::new(), course };
        for name in log.disk.folder_names(&log.root.join("custody"))? {
            log.read(&name)?;
        }
        Ok(log)
    }

    /// Size and root; `None` while there is no entry.
    #[must_use]
    pub fn tree(&self) -> Option<TreeHead> {
        self.head.tree()
    }

    /// How many entries there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.head.size()
    }

    /// The tree over the first `size` entries; `None` for 0, and beyond the last entry.
    #[must_use]
    pub fn tree_at(&self, size: u64) -> Option<TreeHead> {
        let entries = self.entries.get(..usize::try_from(size).ok()?)?;
        let mut head = LogHead::empty(self.origin());
        entries.iter().for_each(|entry| head.push(entry.clone()));
        head.tree()
    }

    /// Every event, in order. That each is the one its entry quotes was seen when the log was opened.
    ///
    /// # Errors
    ///
    /// [`LogError`] where one cannot be read.
    pub fn events(&self) -> Result<Vec<Event>, LogError> {
        let read = |index| {
            let path = self.folder(index).join(EVENT);
            let bytes = self.disk.read(&path, MAX_FILE)?;
            Event::from_bytes(&bytes)
                .map_err(|_| LogError::Chain { path, what: "event.json is not an event" })
        };
        (0..self.size()).map(read).collect()
    }

    /// What a package gets of the log: the files that entries name, and nothing else that lies beside them. To be judged as
    /// everybody will judge it, before anything is added: see [`Log::refused`](evidence::custody_log::Log::refused).
    ///
    /// # Errors
    ///
    /// [`LogError`] where one cannot be read.
    pub fn files(&self) -> Result<MemoryFiles, LogError> {
        let mut all = MemoryFiles::new();
        for (index, entry) in (0_u64..).zip(&self.entries) {
            let folder = evidence::custody_log::folder(index);
            for (name, bytes) in self.files_of(index, entry)? {
                all.insert(format!("{folder}/{name}"), bytes);
            }
        }
        Ok(all)
    }

    /// The files of an entry, by name: those that it or its event quotes, and the checkpoint where there is one.
    fn files_of(&self, index: u64, entry: &[u8]) -> Result<Vec<(String, Vec<u8>)>, LogError> {
        let folder = self.folder(index);
        let parsed =
            Entry::parse(entry).map_err(|source| LogError::Entry { path: folder.join(ENTRY), source })?;
        let event = self.disk.read(&folder.join(EVENT), MAX_FILE)?;
        let mut names: Vec<String> =
            parsed.signatures.iter().map(|(principal, _)| format!("{principal}.sig")).collect();
        // An event that nobody can read quotes nothing.
        if let Some(attested) = Event::from_bytes(&event).ok().as_ref().and_then(|e| e.action.attested()) {
            names.push(ATTESTATION.to_owned());
            names.extend(attested.signatures.iter().map(|by| attestation_signature(&by.principal)));
        }
        if self.disk.exists(&folder.join(CHECKPOINT)) {
            names.push(CHECKPOINT.to_owned());
        }
        let mut files = vec![(EVENT.to_owned(), event), (ENTRY.to_owned(), entry.to_vec())];
        for name in names {
            let bytes = self.disk.read(&folder.join(&name), MAX_FILE)?;
            files.push((name, bytes));
        }
        Ok(files)
    }

    /// The log's origin.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.head.origin()
    }

    /// Appends an event, signed by everybody in `signers`, who are also its `who`. Returns the event.
    ///
    /// # Errors
    ///
    /// [`LogError`]; the log is then as it was.
    pub fn append(&mut self, statement: Statement, signers: &[&Signer]) -> Result<Event, LogError> {
        self.append_with(statement, signers, &[])
    }

    /// As [`LogFolder::append`], with the files that the event quotes beside it.
    ///
    /// # Errors
    ///
    /// [`LogError`]; the log is then as it was.
    pub fn append_with(
        &mut self,
        mut statement: Statement,
        signers: &[&Signer],
        quoted: &[(String, Vec<u8>)],
    ) -> Result<Event, LogError> {
        if signers.is_empty() {
            return Err(LogError::NoSigner);
        }
        statement.who = signers.iter().map(|signer| signer.person.clone()).collect();
        let event = self.head.next_event(statement);
        if let Some(why) = self.course.refuses(&event) {
            return Err(LogError::Refused { root: self.root.clone(), index: event.index, why });
        }
        let bytes = event.to_bytes();
        let signatures: Vec<(String, Vec<u8>)> = signers
            .iter()
            .map(|signer| {
                let signature = signer.sign(sshsig::CUSTODY_EVENT, &bytes);
                (signer.principal().to_owned(), signature.into_bytes())
            })
            .collect();
        let entry = Entry::of(&event, &bytes, &signatures).to_bytes();
        let mut files = vec![(EVENT.to_owned(), bytes)];
        files.extend(quoted.iter().cloned());
        files.extend(signatures.into_iter().map(|(principal, bytes)| (format!("{principal}.sig"), bytes)));
        files.push((ENTRY.to_owned(), entry.clone()));
        self.place(event.index, &files)?;
        self.course.read(&event);
        self.head.push(entry.clone());
        self.entries.push(entry);
        Ok(event)
    }

    /// Signs the log's head with the log key, beside the last entry. Leaves a checkpoint that is there already.
    ///
    /// # Errors
    ///
    /// [`LogError::Empty`] for a log without entries.
    pub fn checkpoint(&self, log_key: &SecretKey) -> Result<(), LogError> {
        let TreeHead { size, root } = self.tree().ok_or(LogError::Empty)?;
        let path = self.folder(size.saturating_sub(1)).join(CHECKPOINT);
        if path.symlink_metadata().is_ok() {
            return Ok(());
        }
        let checkpoint = Checkpoint { origin: self.origin().to_owned(), size, root };
        let signature = log_key.sign_raw(checkpoint.body().as_bytes());
        let note = checkpoint.signed(&log_key.public_bytes(), &signature);
        Ok(self.disk.write_new(&path, note.to_string().as_bytes())?)
    }

    /// Whether the log's head is signed at this entry or at a later one.
    #[must_use]
    pub fn is_headed_from(&self, index: u64) -> bool {
        (index..self.size()).any(|index| self.is_headed_at(index))
    }

    /// Whether the log's head was signed when this entry was the last.
    fn is_headed_at(&self, index: u64) -> bool {
        self.folder(index).join(CHECKPOINT).symlink_metadata().is_ok()
    }

    /// Whether `other` is a beginning of this log, or this log itself.
    #[must_use]
    pub fn continues(&self, other: &Self) -> bool {
        self.entries.starts_with(&other.entries)
    }

    /// Fails unless `other` is a beginning of this log, or this log itself.
    ///
    /// # Errors
    ///
    /// [`LogError::Fork`] at the first event that differs, [`LogError::Behind`] if `other` goes on from this log.
    pub fn must_continue(&self, other: &Self) -> Result<(), LogError> {
        let (root, place) = (self.root.clone(), other.root.clone());
        let parts = (0_u64..).zip(self.entries.iter().zip(&other.entries)).find(|(_, (one, two))| one != two);
        if let Some((index, (one, two))) = parts {
            let (here, there) = (Digest::of(one), Digest::of(two));
            return Err(LogError::Fork { index, root, here, other: place, there });
        }
        match self.size() < other.size() {
            true => Err(LogError::Behind { root, size: self.size(), other: place, other_size: other.size() }),
            false => Ok(()),
        }
    }

    /// Whether `other` lacks an entry of this log, or the signature of a head that this one has.
    #[must_use]
    pub fn has_more_than(&self, other: &Self) -> bool {
        let heads = |log: &Self| (0..log.size()).filter(|index| log.is_headed_at(*index)).count();
        self.size() > other.size() || heads(self) > heads(other)
    }

    /// Copies to `other` what it lacks: entries and checkpoints. Afterwards both hold the same files up to here.
    ///
    /// # Errors
    ///
    /// As [`LogFolder::must_continue`]; nothing is then copied.
    pub fn copy_to(&self, other: &mut Self) -> Result<(), LogError> {
        self.must_continue(other)?;
        for (index, entry) in (0_u64..).zip(&self.entries) {
            let from = self.folder(index);
            let there = other.folder(index);
            if index < other.size() {
                self.copy_checkpoint(&from, &there)?;
                continue;
            }
            let files = self.files_of(index, entry)?;
            other.place(index, &files)?;
            if let Some((_, event)) = files.iter().find(|(name, _)| name == EVENT) {
                other.follow(event);
            }
            other.head.push(entry.clone());
            other.entries.push(entry.clone());
        }
        Ok(())
    }

    fn copy_checkpoint(&self, from: &Path, there: &Path) -> Result<(), LogError> {
        let (from, there) = (from.join(CHECKPOINT), there.join(CHECKPOINT));
        if from.symlink_metadata().is_ok() && there.symlink_metadata().is_err() {
            self.disk.write_new(&there, &self.disk.read(&from, MAX_FILE)?)?;
        }
        Ok(())
    }

    /// Makes an entry's folder, whole or not at all.
    fn place(&self, index: u64, files: &[(String, Vec<u8>)]) -> Result<(), LogError> {
        let new = self.root.join("custody").join(format!("{NEW}{index:06}"));
        self.disk.create_folder(&new)?;
        for (name, bytes) in files {
            self.disk.write_new(&new.join(name), bytes)?;
        }
        Ok(self.disk.rename(&new, &self.folder(index))?)
    }

    fn folder(&self, index: u64) -> PathBuf {
        self.root.join(evidence::custody_log::folder(index))
    }

    fn read(&mut self, name: &str) -> Result<(), LogError> {
        let folder = self.folder(self.size());
        let path = folder.join(ENTRY);
        let chain = |what| LogError::Chain { path: path.clone(), what };
        if folder.file_name().and_then(|n| n.to_str()) != Some(name) {
            return Err(chain("an entry before it is missing"));
        }
        let bytes = self.disk.read(&path, MAX_FILE)?;
        let entry = Entry::parse(&bytes).map_err(|source| LogError::Entry { path: path.clone(), source })?;
        if entry.origin != self.origin() || entry.index != self.size() {
            return Err(chain("its origin or index is another log's"));
        }
        if entry.previous != self.head.last() {
            return Err(chain("it does not quote the entry before it"));
        }
        let event = self.disk.read(&folder.join(EVENT), MAX_FILE)?;
        if Digest::of(&event) != entry.event {
            return Err(chain("event.json is not the one it quotes"));
        }
        let quotes = |name: &str, digest: Digest| -> Result<bool, LogError> {
            Ok(Digest::of(&self.disk.read(&folder.join(name), MAX_FILE)?) == digest)
        };
        for (principal, digest) in &entry.signatures {
            if !quotes(&format!("{principal}.sig"), *digest)? {
                return Err(chain("a signature is not the one it quotes"));
            }
        }
        self.follow(&event);
        self.head.push(bytes.clone());
        self.entries.push(bytes);
        self.remove_torn_checkpoint(&folder.join(CHECKPOINT))
    }

    /// Removes what a break left of a signed head: no reader takes it for one, and the next is written in its place.
    fn remove_torn_checkpoint(&self, path: &Path) -> Result<(), LogError> {
        let Some(TreeHead { size, root }) = self.tree().filter(|_| self.disk.exists(path)) else {
            return Ok(());
        };
        let bytes = self.disk.read(path, MAX_FILE)?;
        let body = Checkpoint { origin: self.origin().to_owned(), size, root }.body();
        let written = without_zeros(&bytes);
        let begun = body.as_bytes().starts_with(written) || written.starts_with(body.as_bytes());
        if begun && SignedCheckpoint::parse(&bytes).is_err() {
            self.disk.remove_file(path)?;
        }
        Ok(())
    }

    /// Goes on by an event that is on the log. One that nobody can read says nothing of what may come next.
    fn follow(&mut self, bytes: &[u8]) {
        if let Ok(event) = Event::from_bytes(bytes) {
            self.course.read(&event);
        }
    }
}

/// Removes what a break left of entries that were never appended to the log under `root`.
///
/// # Errors
///
/// [`DurableError`].
pub fn remove_unfinished(disk: &Disk, root: &Path) -> Result<(), DurableError> {
    let custody = root.join("custody");
    let names = disk.folder_names(&custody)?;
    for folder in names.iter().filter(|name| name.starts_with(NEW)).map(|name| custody.join(name)) {
        for file in disk.file_names(&folder)? {
            disk.remove_file(&folder.join(file))?;
        }
        disk.remove_folder(&folder)?;
    }
    Ok(())
}

const EVENT: &str = "event.json";
const ENTRY: &str = "entry.txt";
const CHECKPOINT: &str = "checkpoint";

/// The name of an entry's folder until it is whole.
const NEW: &str = ".new-";

/// Longest file of a log that is read. An acquisition.start with a hundred identities takes 20 KiB.
const MAX_FILE: u64 = 1 << 20;
