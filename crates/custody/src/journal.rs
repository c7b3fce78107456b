//! The journal: what of a package is committed while it is being written.
//!
//! One line per step, made durable before the next step begins. A line's `mac`
//! is HMAC-SHA256 under the resume key, over the `mac` of the line before it and
//! this line without its `mac`. The keys lie in the case folder, off the destination,
//! and are removed when the package is closed: the journal never ships.
//! A line of a capture has a `signature` as well, by the run key of the process that
//! wrote it ([`signed`]): whoever has the keys of the case folder alone cannot make one.
//!
//! ```text
//! {"begin":{"format":"ambit/journal/1","package":"6f1d...","medium":{...},...},"signature":"<base64>","mac":"<hex>"}
//! {"batch":{"number":1,"items":65536,"walk":"<hex>","parts":[["captured",{...}],...],"lines":"lines-000001",...},"signature":"<base64>","mac":"<hex>"}
//! {"moved":{"files":112,"bytes":90177536},"mac":"<hex>"}
//! {"resume":{"departures":[],"copies":1,"lost":[]},"signature":"<base64>","mac":"<hex>"}
//! {"end":{"tool":{...},"began":"...",...},"signature":"<base64>","mac":"<hex>"}
//! ```
//!
//! `items` counts the items that were walked so far, and `walk` is HMAC-SHA256
//! under the resume key over one line for each, in the order of the walk: its
//! locator, its size, and the nanoseconds of its times of modification and of
//! change, `-` where there is none, separated by spaces and ended by LF. A
//! resumed run walks again and compares. `crew` is what the program counts
//! beside the package, encrypted: sizes of what is held are in it.
//!
//! `resume` may have a number `discarded_from`: no batch from that one on is committed any more, and the run has not ended.
//! The destination has not kept a file of the first of them.
//!
//! Beside the keys lie the marks: the `mac` of every line that is durable, a
//! line each. A journal that lacks one of them is an older copy; one that has
//! two lines more went on under another copy of the case folder.

mod keys;
mod marks;
mod read;
mod signed;
mod walk;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use evidence::acquisition::{Departure, MediumStatement, PartStatement, RecordLeft, RunNumber, SetName};
use scope::Digest;
use serde::{Deserialize, Serialize};

use crate::close::Ending;
use crate::durable::{Disk, DurableError, NewFile, Op};
use crate::keys::SecretKey;
use crate::package::{PackageError, Totals};

pub(crate) use keys::Keys;
pub(crate) use marks::Marks;
pub(crate) use read::Journaled;
use read::Parts;
pub(crate) use walk::Walk;

/// What a package was begun with, and what must be the same when it is resumed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Begun {
    /// `ambit/journal/1`.
    pub format: Format,
    /// The custody log's origin.
    pub origin: String,
    /// The run number.
    pub package: RunNumber,
    /// The medium, as it was found.
    pub medium: MediumStatement,
    /// The policy's id.
    pub policy: Digest,
    /// What is recorded of items that are left.
    pub record_left: RecordLeft,
    /// What else was chosen, by its name: compared by whoever resumes.
    pub setting: BTreeMap<String, String>,
    /// What departed from the order or the procedure.
    pub departures: Vec<Departure>,
    /// How many copies are made at once: 1 or 2.
    pub copies: u64,
}

/// The format and version that the first line states.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum Format {
    /// Version 1.
    #[default]
    #[serde(rename = "ambit/journal/1")]
    V1,
}

/// A batch that is committed: all its files are durable, and every item that was walked so far is in one of them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    pub(crate) number: u64,
    pub(crate) items: u64,
    pub(crate) walk: String,
    pub(crate) parts: Vec<(SetName, PartStatement)>,
    /// The inventory's run, and its digest.
    pub(crate) lines: String,
    pub(crate) lines_sha256: Digest,
    /// The last control number of each series.
    pub(crate) controls: BTreeMap<String, u64>,
    pub(crate) totals: Totals,
    pub(crate) crew: String,
    /// Copies that were lost so far, in words.
    pub(crate) lost: Vec<String>,
}

impl Batch {
    /// Name and digest of the inventory's run.
    pub(crate) fn run(&self) -> (&str, Digest) {
        (&self.lines, self.lines_sha256)
    }
}

/// The run goes on after a break.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resumption {
    pub(crate) departures: Vec<Departure>,
    /// How many copies are made from here on.
    pub(crate) copies: u64,
    /// Copies that were lost so far, in words.
    pub(crate) lost: Vec<String>,
    /// From which number on batches are not committed any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) discarded_from: Option<u64>,
}

/// The package lies in another place from here on.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Moved {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// One line, but for its signature and its `mac`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Line {
    Begin(Box<Begun>),
    Batch(Box<Batch>),
    Moved(Moved),
    Resume(Resumption),
    End(Box<Ending>),
}

/// A journal that is being written.
pub(crate) struct Journal {
    disk: Disk,
    file: NewFile,
    marks: NewFile,
    keys: Keys,
    /// The run key of this process: it signs each line, and is on no disk.
    run_key: SecretKey,
    last_mac: String,
    /// Copies that were lost before this process, in words.
    lost: Vec<String>,
}

impl Journal {
    /// Begins a journal at `path`, its keys at `key_path`; neither exists yet.
    pub(crate) fn create(
        disk: &Disk,
        path: &Path,
        key_path: &Path,
        begun: &Begun,
        run_key: SecretKey,
    ) -> Result<(Self, Walk), PackageError> {
        let keys = Keys::create(disk, key_path)?;
        let file = disk.create_new(path)?;
        let marks = disk.create_new(&marks_path(key_path))?;
        let walk = Walk::new(keys.hmac()?, Vec::new());
        let disk = disk.clone();
        let (last_mac, lost) = (String::new(), Vec::new());
        let mut journal = Self { disk, file, marks, keys, run_key, last_mac, lost };
        journal.add(&Line::Begin(Box::new(begun.clone())))?;
        for folder in [path.parent(), key_path.parent()].into_iter().flatten() {
            journal.disk.sync_folder(folder)?;
        }
        Ok((journal, walk))
    }

    /// Goes on where a journal that was read ended; what stands behind its last whole line is cut off.
    pub(crate) fn go_on(
        disk: &Disk,
        path: &Path,
        key_path: &Path,
        keys: Keys,
        read: &Journaled,
        run_key: SecretKey,
    ) -> Result<(Self, Walk), PackageError> {
        let mut file = disk.append(path, read.length)?;
        file.sync()?;
        let marks = Marks::bring(disk, key_path, &read.macs)?;
        let walked = read.batches.iter().map(|batch| (batch.items, batch.walk.clone())).collect();
        let walk = Walk::new(keys.hmac()?, walked);
        let last_mac = read.macs.last().cloned().unwrap_or_default();
        let (disk, lost) = (disk.clone(), read.lost.clone());
        Ok((Self { disk, file, marks, keys, run_key, last_mac, lost }, walk))
    }

    /// Copies that were lost so far, in words.
    pub(crate) fn lost(&self) -> Vec<String> {
        let mut lost = self.lost.clone();
        let now = self.disk.loss().map(|loss| loss.to_string());
        lost.extend(now.filter(|now| !self.lost.contains(now)));
        lost
    }

    /// Commits a batch. What the walk and the crew came to is filled in here.
    pub(crate) fn commit(
        &mut self,
        mut batch: Batch,
        walk: &mut Walk,
        crew: &str,
    ) -> Result<(), PackageError> {
        (batch.items, batch.walk) = walk.so_far();
        batch.crew = self.keys.close(crew)?;
        self.add(&Line::Batch(Box::new(batch)))?;
        walk.batch_ended();
        Ok(())
    }

    /// Notes that the run goes on after a break, and what was lost or given up by it.
    pub(crate) fn resume(
        &mut self,
        departures: Vec<Departure>,
        lost: Vec<String>,
        discarded_from: Option<u64>,
    ) -> Result<(), PackageError> {
        self.lost.extend(lost);
        let (copies, lost) = (self.disk.copies(), self.lost());
        self.add(&Line::Resume(Resumption { departures, copies, lost, discarded_from }))
    }

    /// Notes that the last batch is committed, and what is said of the acquisition as a whole.
    pub(crate) fn end(&mut self, ending: &Ending) -> Result<(), PackageError> {
        let crew = self.keys.close(&ending.crew)?;
        self.add(&Line::End(Box::new(Ending { crew, ..ending.clone() })))
    }

    fn add(&mut self, line: &Line) -> Result<(), PackageError> {
        let (text, mac) = self.keys.line(&self.last_mac, line, Some(&self.run_key))?;
        self.last_mac = mac;
        self.file.write_all(text.as_bytes())?;
        self.file.sync()?;
        self.marks.write_all(format!("{}\n", self.last_mac).as_bytes())?;
        Ok(self.marks.sync()?)
    }
}

/// Reads a file beside the case's log. A pipe in its place would be waited for for ever.
fn read_own(disk: &Disk, path: &Path, limit: u64) -> Result<Vec<u8>, DurableError> {
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        let source = std::io::Error::other("it is no regular file");
        return Err(DurableError::Io { op: Op::Open, path: path.to_owned(), source });
    }
    disk.read(path, limit)
}

/// The journal's name inside the work folder.
pub(crate) fn path_in(work: &Path) -> PathBuf {
    work.join("journal.jsonl")
}

/// Where the keys of a run lie: in the case folder's `state`.
pub(crate) fn key_path(state: &Path, run: RunNumber) -> PathBuf {
    state.join(format!("{run}.resume.key"))
}

/// Where the marks of a run lie: beside its keys.
pub(crate) fn marks_path(key_path: &Path) -> PathBuf {
    key_path.with_extension("marks")
}

/// The run that a journal says it is of: not authenticated yet. `None` where its first line was never whole.
pub(crate) fn run_of(bytes: &[u8]) -> Result<Option<RunNumber>, PackageError> {
    let Some((first, _)) =
        bytes.iter().position(|byte| *byte == b'\n').and_then(|end| bytes.split_at_checked(end + 1))
    else {
        return Ok(None);
    };
    match read::split(first) {
        Some(Parts { line: Line::Begin(begun), .. }) => Ok(Some(begun.package)),
        _ => Err(PackageError::Journal { line: 1, what: "it is not how a journal begins".to_owned() }),
    }
}
