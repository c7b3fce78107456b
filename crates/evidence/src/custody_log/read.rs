//! Reading a log: what is there, how it is chained, and whether anything lies there that no entry names.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;

use scope::Digest;

use super::{ATTESTATION, Entry, LogHead, attestation_signature, folder};
use crate::attestation::MAX_ATTESTATION;
use crate::event::{Event, SealSignature};
use crate::files::{self, Files};

/// Most entries read: three digits more than the longest chain of custody we know of.
const MAX_ENTRIES: usize = 100_000;

/// Longest event read. The longest kind holds the coverage of a medium's volumes: some kilobytes.
const MAX_EVENT: u64 = 256 << 10;

/// Longest entry read: 64 signatures take 7 kB.
const MAX_ENTRY: u64 = 8 << 10;

/// Longest signature or checkpoint file read: a token's signature takes 600 bytes.
pub(crate) const MAX_SIGNATURE: u64 = 16 << 10;

/// Most bytes of one log held in memory.
const MAX_LOG: u64 = 256 << 20;

/// Most problems told one by one; what follows the first few is their consequence.
const MAX_PROBLEMS: usize = 100;

/// A custody log as it lies in a package or a case folder, read from the first entry to the last.
#[derive(Debug, Default)]
pub struct Log {
    /// The entries that could be read, by index.
    pub entries: Vec<Logged>,
    /// What is wrong with the chain, one line each; empty for a log that holds together.
    pub problems: Vec<String>,
    /// Why reading stopped early, where the storage refused; then nothing can be said of the rest.
    pub unfinished: Option<String>,
}

/// One entry with all its files.
#[derive(Debug)]
pub struct Logged {
    /// The event, read from `event_bytes`.
    pub event: Event,
    /// The bytes that were signed.
    pub event_bytes: Vec<u8>,
    /// The entry, read from `entry_bytes`.
    pub entry: Entry,
    /// The leaf of the tree.
    pub entry_bytes: Vec<u8>,
    /// Principal and signature file, in the entry's order; digests agree with the entry.
    pub signatures: Vec<(String, Vec<u8>)>,
    /// `attestation.txt` and the signatures over it by principal, in the event's order; digests agree with the event.
    pub attestation: Option<AttestedFiles>,
    /// The checkpoint of which this entry is the last, as it lies there.
    pub checkpoint: Option<Vec<u8>>,
}

/// What an event of the kind `auditor.replay` has beside it.
#[derive(Debug)]
pub struct AttestedFiles {
    /// The bytes of `attestation.txt`.
    pub text: Vec<u8>,
    /// Principal and signature file.
    pub signatures: Vec<(String, Vec<u8>)>,
}

impl Log {
    /// Reads everything under `custody/`: indices from 0 without gaps, digests, chain, `prev_tree`, and no file
    /// that no entry names. No signature is verified here; [`Log::replay`] does that.
    ///
    /// Problems are kept in [`Log::problems`]; reading stops at the first entry that cannot be read.
    #[must_use]
    pub fn read(files: &dyn Files) -> Self {
        let mut log = Self::default();
        let folders = match folders(files) {
            Ok(folders) => folders,
            Err(Trouble::Found(problem)) => {
                log.problems.push(problem);
                return log;
            }
            Err(Trouble::Storage(problem)) => {
                log.unfinished = Some(problem);
                return log;
            }
        };
        let mut head: Option<LogHead> = None;
        let mut budget = MAX_LOG;
        for (index, inside) in (0_u64..).zip(folders.values()) {
            let at = folder(index);
            if !folders.contains_key(&at) {
                log.problem(format!("{at} is missing, and later entries are there"));
                break;
            }
            let logged = match read_entry(files, &at, inside) {
                Ok(logged) => logged,
                Err(Trouble::Found(problem)) => {
                    log.problem(format!("{at}: {problem}"));
                    break;
                }
                Err(Trouble::Storage(problem)) => {
                    log.unfinished = Some(format!("{at}: {problem}"));
                    break;
                }
            };
            budget = match budget.checked_sub(logged.bytes()) {
                Some(rest) => rest,
                None => {
                    log.problem(format!("{at}: the log is longer than {MAX_LOG} bytes"));
                    break;
                }
            };
            let head = head.get_or_insert_with(|| LogHead::empty(&logged.event.origin));
            for problem in chain_problems(&logged, head) {
                log.problem(format!("{at}: {problem}"));
            }
            log.account_for(&at, &logged, inside);
            head.push(logged.entry_bytes.clone());
            log.entries.push(logged);
        }
        if log.entries.is_empty() && log.problems.is_empty() && log.unfinished.is_none() {
            log.problems.push("custody/ holds no entry".to_owned());
        }
        log
    }

    /// Where the log stands after its last entry: what is needed to append to it. `None` for an empty log.
    #[must_use]
    pub fn head(&self) -> Option<LogHead> {
        self.head_at(self.entries.len() as u64)
    }

    /// Where the log stood when it had `size` entries. `None` for 0, and beyond the last entry.
    #[must_use]
    pub fn head_at(&self, size: u64) -> Option<LogHead> {
        let first = self.entries.first()?;
        let entries = self.entries.get(..usize::try_from(size).ok()?)?;
        if entries.is_empty() {
            return None;
        }
        let mut head = LogHead::empty(&first.event.origin);
        entries.iter().for_each(|logged| head.push(logged.entry_bytes.clone()));
        Some(head)
    }

    /// Every checkpoint in the log, each with the number of entries that it should cover, in order.
    ///
    /// They are not verified here: see [`SignedCheckpoint`](crate::checkpoint::SignedCheckpoint).
    pub fn checkpoints(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let covered = (1_u64..).zip(&self.entries);
        covered.filter_map(|(size, logged)| Some((size, logged.checkpoint.as_deref()?)))
    }

    fn problem(&mut self, problem: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }

    /// Raises the files that the entry does not name.
    fn account_for(&mut self, at: &str, logged: &Logged, inside: &BTreeSet<String>) {
        let mut named: BTreeSet<String> = logged.signatures.iter().map(|(p, _)| format!("{p}.sig")).collect();
        named.extend(["event.json".to_owned(), "entry.txt".to_owned(), "checkpoint".to_owned()]);
        for (principal, _) in logged.attestation.iter().flat_map(|attested| &attested.signatures) {
            named.extend([ATTESTATION.to_owned(), attestation_signature(principal)]);
        }
        for file in inside {
            if !named.contains(file) {
                self.problem(format!("{at}/{file}: no entry names this file"));
            }
        }
    }
}

impl Logged {
    fn bytes(&self) -> u64 {
        let signatures = self.signatures.iter().map(|(_, file)| file.len());
        let parts =
            [self.event_bytes.len(), self.entry_bytes.len(), self.checkpoint.as_ref().map_or(0, Vec::len)];
        let attested = self.attestation.iter().flat_map(|attested| {
            let signatures = attested.signatures.iter().map(|(_, file)| file.len());
            signatures.chain([attested.text.len()])
        });
        parts.into_iter().chain(signatures).chain(attested).map(|len| len as u64).sum()
    }
}

/// The files of each folder under `custody/`.
fn folders(files: &dyn Files) -> Result<BTreeMap<String, BTreeSet<String>>, Trouble> {
    let names = files.names().map_err(|e| Trouble::Storage(format!("the files cannot be listed: {e}")))?;
    let mut folders: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for name in names {
        let Some(rest) = name.strip_prefix("custody/") else { continue };
        match rest.split_once('/') {
            Some((index, file)) if index.len() == 6 && index.bytes().all(|c| c.is_ascii_digit()) => {
                folders.entry(format!("custody/{index}")).or_default().insert(file.to_owned());
            }
            _ => return Err(Trouble::Found(format!("{name}: not in a folder of six digits"))),
        }
    }
    if folders.len() > MAX_ENTRIES {
        return Err(Trouble::Found(format!("more than {MAX_ENTRIES} entries")));
    }
    Ok(folders)
}

/// Why an entry could not be read.
enum Trouble {
    /// It is not what an entry must be.
    Found(String),
    /// The storage refused.
    Storage(String),
}

impl From<String> for Trouble {
    fn from(problem: String) -> Self {
        Self::Found(problem)
    }
}

fn read_entry(files: &dyn Files, at: &str, inside: &BTreeSet<String>) -> Result<Logged, Trouble> {
    let read = |file: &str, limit| {
        files::read(files, &format!("{at}/{file}"), limit).map_err(|e| match e.kind() {
            ErrorKind::NotFound => Trouble::Found(format!("{file} is missing")),
            ErrorKind::FileTooLarge => Trouble::Found(format!("{file}: {e}")),
            _ => Trouble::Storage(format!("{file} cannot be read: {e}")),
        })
    };
    let entry_bytes = read("entry.txt", MAX_ENTRY)?;
    let entry = Entry::parse(&entry_bytes).map_err(|e| e.to_string())?;
    let event_bytes = read("event.json", MAX_EVENT)?;
    same_digest("event.json", entry.event, &event_bytes)?;
    let event = Event::from_bytes(&event_bytes).map_err(|e| format!("event.json: {e}"))?;
    let mut signatures = Vec::with_capacity(entry.signatures.len());
    for (principal, digest) in &entry.signatures {
        let file = format!("{principal}.sig");
        let bytes = read(&file, MAX_SIGNATURE)?;
        same_digest(&file, *digest, &bytes)?;
        signatures.push((principal.clone(), bytes));
    }
    let attestation = match event.action.attested() {
        None => None,
        Some(attested) => {
            let text = read(ATTESTATION, MAX_ATTESTATION)?;
            same_digest_as(EVENT, ATTESTATION, attested.attestation, &text)?;
            let mut signatures = Vec::with_capacity(attested.signatures.len());
            for SealSignature { principal, signature } in &attested.signatures {
                let file = attestation_signature(principal);
                let bytes = read(&file, MAX_SIGNATURE)?;
                same_digest_as(EVENT, &file, *signature, &bytes)?;
                signatures.push((principal.clone(), bytes));
            }
            Some(AttestedFiles { text, signatures })
        }
    };
    let checkpoint = match inside.contains("checkpoint") {
        true => Some(read("checkpoint", MAX_SIGNATURE)?),
        false => None,
    };
    Ok(Logged { event, event_bytes, entry, entry_bytes, signatures, attestation, checkpoint })
}

fn same_digest(file: &str, expected: Digest, bytes: &[u8]) -> Result<(), String> {
    same_digest_as("entry.txt", file, expected, bytes)
}

fn same_digest_as(by: &str, file: &str, expected: Digest, bytes: &[u8]) -> Result<(), String> {
    let found = Digest::of(bytes);
    if found == expected {
        return Ok(());
    }
    Err(format!("{file}: expected {expected} ({by}), found {found}"))
}

/// The file in which an event says what happened.
const EVENT: &str = "event.json";

/// What does not follow from the entries before.
fn chain_problems(logged: &Logged, head: &LogHead) -> Vec<String> {
    let (event, entry) = (&logged.event, &logged.entry);
    let mut problems = Vec::new();
    let mut expect = |holds: bool, what: String| {
        if !holds {
            problems.push(what);
        }
    };
    let size = head.size();
    expect(
        entry.index == size && event.index == size,
        format!("entry.txt has index {}, event.json {}", entry.index, event.index),
    );
    expect(
        entry.origin == head.origin() && event.origin == head.origin(),
        format!("the origin is not {}, as it is in entry 0", head.origin()),
    );
    let previous = |digest: Option<Digest>| digest.map_or_else(|| "none".to_owned(), |d| d.to_string());
    let last = head.last();
    expect(
        entry.previous == last,
        format!(
            "entry.txt: previous is {}, the entry before has {}",
            previous(entry.previous),
            previous(last)
        ),
    );
    expect(
        event.prev_entry == last,
        format!(
            "event.json: prev_entry is {}, the entry before has {}",
            previous(event.prev_entry),
            previous(last)
        ),
    );
    let tree = |head: Option<crate::event::TreeHead>| {
        head.map_or_else(|| "none".to_owned(), |t| format!("{} {}", t.size, t.root))
    };
    expect(
        event.prev_tree == head.tree(),
        format!(
            "event.json: prev_tree is {}, the tree over the entries before is {}",
            tree(event.prev_tree),
            tree(head.tree())
        ),
    );
    expect(
        event
            .who
            .iter()
            .map(|who| &who.principal)
            .eq(entry.signatures.iter().map(|(principal, _)| principal)),
        "event.json names other signers than entry.txt".to_owned(),
    );
    problems
}
