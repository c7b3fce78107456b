//! The case folder: where a custody log lives before there is a package.
//!
//! ```text
//! KC07.case/
//!   case.json          format, origin, medium label, description, log key, created
//!   log.key            the key that signs checkpoints (mode 0600)
//!   custody/000000/    the log, from case.open on: the master until the seal
//!   policy/            the approved bundle, rendering.md, approval.txt and its signatures
//!   state/             resume keys of packages being written
//!   lock               one process at a time
//! ```

use std::fs::File;
use std::path::{Path, PathBuf};

use evidence::custody_log::Statement;
use evidence::event::{Action, CaseOpen, Event, Moment, TreeHead};
use evidence::strict::{self, StrictError};
use scope::{BundleFile, Digest};
use serde::{Deserialize, Serialize};

use crate::durable::{Disk, DurableError};
use crate::keys::{Ask, KeyError, KeyWarning, SecretKey, Signer};
use crate::lock;
use crate::log::{LogError, LogFolder};

/// What `case.json` says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// `ambit/case/1`.
    pub format: Format,
    /// The custody log's origin.
    pub origin: String,
    /// The label of the medium.
    pub medium_label: String,
    /// The case, in words.
    pub description: String,
    /// Where the log key lies, from the case folder.
    pub log_key: PathBuf,
    /// When the folder was made.
    pub created: Moment,
}

/// The format and version that the file states.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum Format {
    /// Version 1.
    #[default]
    #[serde(rename = "ambit/case/1")]
    V1,
}

/// A new case, in words.
#[derive(Clone, Debug)]
pub struct NewCase {
    /// The custody log's origin.
    pub origin: String,
    /// The label of the medium.
    pub medium_label: String,
    /// The case, in words.
    pub description: String,
    /// The log's key, as a path from the case folder or from the root; `None` makes one in the folder.
    pub log_key: Option<PathBuf>,
}

/// Why a case folder could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaseError {
    /// The disk.
    #[error(transparent)]
    Disk(#[from] DurableError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// `case.json` is not what it should be.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: StrictError,
    },
    /// The origin cannot name a log.
    #[error("`{0}` cannot be a log's origin: 1 to 200 characters of A-Z a-z 0-9 . _ / : -")]
    Origin(String),
    /// Another process has the folder open.
    #[error("`{0}` is in use by another ambit; wait until it has ended")]
    Locked(PathBuf),
    /// A file of the policy has a name that is not of the grammar.
    #[error("`{0}` cannot be the name of a policy file")]
    Name(String),
}

/// An open case folder. One process at a time has it.
#[derive(Debug)]
pub struct CaseFolder {
    disk: Disk,
    root: PathBuf,
    file: CaseFile,
    log: LogFolder,
    _lock: File,
}

impl CaseFolder {
    /// Makes a case folder; its log begins with case.open.
    ///
    /// `statement.action` and `statement.who` are filled in here.
    ///
    /// # Errors
    ///
    /// [`DurableError::Exists`] if `root` is there; [`CaseError::Origin`].
    pub fn create(
        disk: &Disk,
        root: &Path,
        case: NewCase,
        mut statement: Statement,
        signers: &[&Signer],
    ) -> Result<Self, CaseError> {
        if !evidence::trust::is_origin(&case.origin) {
            return Err(CaseError::Origin(case.origin));
        }
        disk.create_folder(root)?;
        let lock = lock(disk, root)?;
        for folder in ["custody", "state"] {
            disk.create_folder(&root.join(folder))?;
        }
        if case.log_key.is_none() {
            // Unprotected on purpose: it signs heads of the log on a machine without a person, and stands for no one.
            SecretKey::generate(&format!("log {}", case.origin))?.save(disk, &root.join(LOG_KEY), None)?;
        }
        let NewCase { origin, medium_label, description, log_key } = case;
        let file = CaseFile {
            format: Format::V1,
            origin,
            medium_label: medium_label.clone(),
            description: description.clone(),
            log_key: log_key.unwrap_or_else(|| PathBuf::from(LOG_KEY)),
            created: statement.when.clone(),
        };
        let path = root.join(CASE_FILE);
        let bytes =
            strict::to_json_pretty(&file).map_err(|source| CaseError::File { path: path.clone(), source })?;
        disk.write_new(&path, &bytes)?;
        let mut log = LogFolder::open(disk, root, &file.origin)?;
        statement.action = Action::CaseOpen(CaseOpen { medium_label, description });
        log.append(statement, signers)?;
        Ok(Self { disk: disk.clone(), root: root.to_owned(), file, log, _lock: lock })
    }

    /// Opens a case folder and replays its log's chain.
    ///
    /// # Errors
    ///
    /// [`CaseError::Locked`] while another process has it open.
    pub fn open(disk: &Disk, root: &Path) -> Result<Self, CaseError> {
        let path = root.join(CASE_FILE);
        let bytes = disk.read(&path, MAX_CASE_FILE)?;
        let file: CaseFile =
            strict::from_json(&bytes).map_err(|source| CaseError::File { path: path.clone(), source })?;
        let lock = lock(disk, root)?;
        let log = LogFolder::open(disk, root, &file.origin)?;
        Ok(Self { disk: disk.clone(), root: root.to_owned(), file, log, _lock: lock })
    }

    /// What `case.json` says.
    #[must_use]
    pub fn file(&self) -> &CaseFile {
        &self.file
    }

    /// Where the folder is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder for what must not lie on the destination.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.root.join("state")
    }

    /// The custody log.
    #[must_use]
    pub fn log(&self) -> &LogFolder {
        &self.log
    }

    /// The custody log, to copy from a package's.
    #[must_use]
    pub fn log_mut(&mut self) -> &mut LogFolder {
        &mut self.log
    }

    /// Size and root of the log.
    #[must_use]
    pub fn tree(&self) -> Option<TreeHead> {
        self.log.tree()
    }

    /// Appends an event; see [`LogFolder::append`].
    ///
    /// # Errors
    ///
    /// [`LogError`]; the log is then as it was.
    pub fn append(&mut self, statement: Statement, signers: &[&Signer]) -> Result<Event, CaseError> {
        Ok(self.log.append(statement, signers)?)
    }

    /// The log key. `ask` is called only if somebody has protected it.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn log_key(&self, ask: &mut Ask<'_>) -> Result<(SecretKey, Vec<KeyWarning>), CaseError> {
        Ok(SecretKey::load(&self.disk, &self.root.join(&self.file.log_key), ask)?)
    }

    /// Where `case.json` says that the log's key lies: from the root, or from the case folder.
    #[must_use]
    pub fn log_key_path(&self) -> &Path {
        &self.file.log_key
    }

    /// Stores a policy that is to be approved: the bundle, `rendering.md`, `approval.txt`. Whole or not at all.
    ///
    /// # Errors
    ///
    /// [`DurableError::Exists`] if the case has a policy: another medium or order is another case.
    pub fn store_policy(&self, files: &[(String, BundleFile)]) -> Result<(), CaseError> {
        let stored = self.root.join("policy");
        if stored.symlink_metadata().is_ok() {
            return Err(DurableError::Exists { path: stored }.into());
        }
        let new = self.root.join("policy.new");
        if new.symlink_metadata().is_ok() {
            for name in self.disk.file_names(&new)? {
                self.disk.remove_file(&new.join(name))?;
            }
            self.disk.remove_folder(&new)?;
        }
        self.disk.create_folder(&new)?;
        for (name, file) in files {
            self.disk.write_policy_file(&new.join(policy_name(name)?), file)?;
        }
        Ok(self.disk.rename(&new, &stored)?)
    }

    /// Adds a signature over `approval.txt`.
    ///
    /// # Errors
    ///
    /// [`DurableError::Exists`] if this principal has signed before.
    pub fn add_approval_signature(&self, principal: &str, signature: &str) -> Result<(), CaseError> {
        let name = format!("approval.txt.{principal}.sig");
        let path = self.root.join("policy").join(policy_name(&name)?);
        Ok(self.disk.write_new(&path, signature.as_bytes())?)
    }

    /// The files of `policy/`, sorted by name; empty where no policy is stored. They go into the package as they are.
    ///
    /// # Errors
    ///
    /// [`DurableError`].
    pub fn policy_files(&self) -> Result<Vec<(String, BundleFile)>, CaseError> {
        let folder = self.root.join("policy");
        if folder.symlink_metadata().is_err() {
            return Ok(Vec::new());
        }
        let mut files = Vec::new();
        for name in self.disk.file_names(&folder)? {
            let file = self.disk.read_policy_file(&folder.join(&name))?;
            files.push((name, file));
        }
        Ok(files)
    }

    /// One small file of `policy/`, such as `approval.txt`; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`DurableError`].
    pub fn policy_file(&self, name: &str) -> Result<Option<Vec<u8>>, CaseError> {
        let path = self.root.join("policy").join(policy_name(name)?);
        if path.symlink_metadata().is_err() {
            return Ok(None);
        }
        Ok(Some(self.disk.read(&path, MAX_CASE_FILE)?))
    }

    /// The digest of `approval.txt`, where there is one.
    ///
    /// # Errors
    ///
    /// [`DurableError`].
    pub fn approval(&self) -> Result<Option<Digest>, CaseError> {
        Ok(self.policy_file("approval.txt")?.map(|bytes| Digest::of(&bytes)))
    }
}

fn policy_name(name: &str) -> Result<&str, CaseError> {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'.' | b'_' | b'-');
    let sound = (1..=100).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('.');
    if sound { Ok(name) } else { Err(CaseError::Name(name.to_owned())) }
}

fn lock(disk: &Disk, root: &Path) -> Result<File, CaseError> {
    let taken = lock::take(&root.join("lock"))?;
    disk.sync_folder(root)?;
    taken.ok_or_else(|| CaseError::Locked(root.to_owned()))
}

const CASE_FILE: &str = "case.json";
const LOG_KEY: &str = "log.key";

/// Longest `case.json` that is read: a page of words.
const MAX_CASE_FILE: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use evidence::event::{Clock, Note, Person, Tool};
    use evidence::trust::Role;

    use super::*;

    fn signer(name: &str) -> Signer {
        let person = Person {
            principal: name.to_owned(),
            role: Role::Examiner,
            person: name.to_uppercase(),
            organisation: "LKA".to_owned(),
        };
        Signer { person, key: SecretKey::generate(name).unwrap() }
    }

    fn note(text: &str) -> Statement {
        Statement {
            when: "2026-11-23T09:14:00+01:00".parse().unwrap(),
            clock: Clock { source: "system".to_owned(), offset_seconds: None },
            who: Vec::new(),
            action: Action::Note(Note { text: text.to_owned() }),
            reason: String::new(),
            tool: Tool { name: "ambit".to_owned(), version: "0.1.0".to_owned(), digest: Digest::of(b"tool") },
        }
    }

    fn new_case() -> NewCase {
        NewCase {
            origin: "example.org/KC07".to_owned(),
            medium_label: "KC07".to_owned(),
            description: String::new(),
            log_key: None,
        }
    }

    #[test]
    fn a_case_is_opened_by_one_process_at_a_time_and_its_chain_is_replayed() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, root) = (Disk::new(), folder.path().join("KC07.case"));
        let examiner = signer("examiner");
        let mut case = CaseFolder::create(&disk, &root, new_case(), note(""), &[&examiner]).unwrap();
        case.append(note("locked"), &[&examiner]).unwrap();
        assert!(matches!(CaseFolder::open(&disk, &root), Err(CaseError::Locked(_))));
        let tree = case.tree();
        let (key, _) = case.log_key(&mut |_| None).unwrap();
        case.log().checkpoint(&key).unwrap();
        drop(case);

        std::fs::create_dir(root.join("custody/.new-000002")).unwrap();
        std::fs::write(root.join("custody/.new-000002/event.json"), "half").unwrap();
        let case = CaseFolder::open(&disk, &root).unwrap();
        assert_eq!(case.tree(), tree);
        assert!(!root.join("custody/.new-000002").exists(), "what was never appended is gone");
        drop(case);

        std::fs::write(root.join("custody/000001/event.json"), "{}").unwrap();
        let changed = CaseFolder::open(&disk, &root).unwrap_err();
        assert!(changed.to_string().contains("event.json is not the one it quotes"), "{changed}");
    }

    #[test]
    fn a_policy_is_stored_once() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("case");
        let case =
            CaseFolder::create(&Disk::new(), &root, new_case(), note(""), &[&signer("examiner")]).unwrap();
        assert!(case.policy_files().unwrap().is_empty());
        let file = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec().into());
        let files = vec![file("approval.txt", b"a"), file("policy.toml", b"p")];
        case.store_policy(&files).unwrap();
        case.add_approval_signature("authority", "sig").unwrap();
        assert_eq!(case.policy_files().unwrap().len(), 3);
        assert_eq!(case.approval().unwrap(), Some(Digest::of(b"a")));
        assert!(case.store_policy(&files).is_err(), "nothing is overwritten");
        assert!(case.add_approval_signature("authority", "sig").is_err());
        assert!(matches!(case.add_approval_signature("../x", "sig"), Err(CaseError::Name(_))));
    }
}
