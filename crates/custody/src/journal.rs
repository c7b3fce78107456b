//! The journal: what of a package is committed while it is being written.
//!
//! One line per step, made durable before the next step begins. A line's `mac`
//! is HMAC-SHA256 under the resume key, over the line before it and this line
//! without its `mac`. The keys lie in the case folder, off the destination, and
//! are removed when the package is closed: the journal never ships.
//!
//! ```text
//! {"begin":{"format":"ambit/journal/1","package":"6f1d...","medium":{...},...},"mac":"<hex>"}
//! {"batch":{"number":1,"items":65536,"walk":"<hex>","parts":[["captured",{...}],...],"lines":"lines-000001",...},"mac":"<hex>"}
//! {"moved":{"files":112,"bytes":90177536},"mac":"<hex>"}
//! {"resume":{"departures":[],"copies":1,"lost":[]},"mac":"<hex>"}
//! {"end":{"tool":{...},"began":"...",...},"mac":"<hex>"}
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

mod read;
mod walk;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evidence::acquisition::{Departure, MediumStatement, PartStatement, RecordLeft, RunNumber, SetName};
use hmac::{Hmac, KeyInit as _, Mac as _};
use scope::Digest;
use scope::digest::hex;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::close::Ending;
use crate::durable::{Disk, DurableError, NewFile, Op};
use crate::identities;
use crate::package::{PackageError, Totals};
use crate::random;

pub(crate) use read::Journaled;
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

/// One line, but for its `mac`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Line {
    Begin(Box<Begun>),
    Batch(Box<Batch>),
    Moved(Moved),
    Resume(Resumption),
    End(Box<Ending>),
}

/// What the journal is authenticated and encrypted with.
pub(crate) struct Keys {
    pub(crate) mac: Zeroizing<[u8; 32]>,
    crew: age::x25519::Identity,
}

impl Keys {
    /// Draws keys and writes them to `path`, which did not exist.
    fn create(disk: &Disk, path: &Path) -> Result<Self, PackageError> {
        let keys = Self { mac: Zeroizing::new(random::bytes::<32>()?), crew: identities::generate() };
        let crew = keys.crew.to_string();
        let text = Zeroizing::new(format!(
            "{}\n{}\n",
            hex(&*keys.mac),
            age::secrecy::ExposeSecret::expose_secret(&crew)
        ));
        disk.write_secret(path, text.as_bytes())?;
        Ok(keys)
    }

    /// Reads the keys that [`Keys::create`] wrote; `None` for a file that it did not write.
    pub(crate) fn load(disk: &Disk, path: &Path) -> Result<Option<Self>, PackageError> {
        let text = Zeroizing::new(read_own(disk, path, MAX_KEYS)?);
        let parsed = std::str::from_utf8(&text).ok().and_then(|text| {
            let (mac, rest) = text.split_once('\n')?;
            let mac = Zeroizing::new(format!("sha256:{mac}").parse::<Digest>().ok()?.0);
            Some(Self { mac, crew: rest.trim_end().parse().ok()? })
        });
        Ok(parsed)
    }

    pub(crate) fn hmac(&self) -> Result<Hmac<Sha256>, PackageError> {
        Hmac::new_from_slice(&*self.mac).map_err(|e| PackageError::Age(e.to_string()))
    }

    fn mac_of(&self, last: &str, line: &str) -> Result<String, PackageError> {
        let mut over = self.hmac()?;
        over.update(last.as_bytes());
        over.update(line.as_bytes());
        Ok(hex(&over.finalize().into_bytes()))
    }

    /// A line as it is written, and its `mac`.
    fn line(&self, last: &str, line: &Line) -> Result<(String, String), PackageError> {
        let line = serde_json::to_string(line).map_err(std::io::Error::other)?;
        let mac = self.mac_of(last, &line)?;
        let open = line.strip_suffix('}').unwrap_or(&line);
        Ok((format!("{open}{MAC}{mac}{END}\n"), mac))
    }

    pub(crate) fn close(&self, crew: &str) -> Result<String, PackageError> {
        let sealed = age::encrypt(&self.crew.to_public(), crew.as_bytes());
        Ok(STANDARD.encode(sealed.map_err(|e| PackageError::Age(e.to_string()))?))
    }

    pub(crate) fn open(&self, sealed: &str) -> Result<String, PackageError> {
        let age = |what: String| PackageError::Age(format!("the journal's counts: {what}"));
        let sealed = STANDARD.decode(sealed).map_err(|e| age(e.to_string()))?;
        let decryptor = age::Decryptor::new(sealed.as_slice()).map_err(|e| age(e.to_string()))?;
        let identity: &dyn age::Identity = &self.crew;
        let mut text = String::new();
        let mut reader = decryptor.decrypt(std::iter::once(identity)).map_err(|e| age(e.to_string()))?;
        reader.read_to_string(&mut text)?;
        Ok(text)
    }
}

/// A journal that is being written.
pub(crate) struct Journal {
    disk: Disk,
    file: NewFile,
    marks: NewFile,
    keys: Keys,
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
    ) -> Result<(Self, Walk), PackageError> {
        let keys = Keys::create(disk, key_path)?;
        let file = disk.create_new(path)?;
        let marks = disk.create_new(&marks_path(key_path))?;
        let walk = Walk::new(keys.hmac()?, Vec::new());
        let disk = disk.clone();
        let mut journal = Self { disk, file, marks, keys, last_mac: String::new(), lost: Vec::new() };
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
    ) -> Result<(Self, Walk), PackageError> {
        let mut file = disk.append(path, read.length)?;
        file.sync()?;
        let marked = Marks::read(disk, key_path)?;
        let known = marked.in_common(&read.macs);
        let mut marks = match marked.are_there {
            true => disk.append(&marks_path(key_path), marked.bytes(known))?,
            false => disk.create_new(&marks_path(key_path))?,
        };
        for mac in read.macs.iter().skip(known) {
            marks.write_all(format!("{mac}\n").as_bytes())?;
        }
        marks.sync()?;
        let walked = read.batches.iter().map(|batch| (batch.items, batch.walk.clone())).collect();
        let walk = Walk::new(keys.hmac()?, walked);
        let last_mac = read.macs.last().cloned().unwrap_or_default();
        Ok((Self { disk: disk.clone(), file, marks, keys, last_mac, lost: read.lost.clone() }, walk))
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
        let (text, mac) = self.keys.line(&self.last_mac, line)?;
        self.last_mac = mac;
        self.file.write_all(text.as_bytes())?;
        self.file.sync()?;
        self.marks.write_all(format!("{}\n", self.last_mac).as_bytes())?;
        Ok(self.marks.sync()?)
    }
}

/// What the case folder knows of a journal: the `mac` of each line.
pub(crate) struct Marks {
    macs: Vec<String>,
    are_there: bool,
}

impl Marks {
    /// Reads the marks beside a key. A last line that is not whole was never one.
    pub(crate) fn read(disk: &Disk, key_path: &Path) -> Result<Self, PackageError> {
        let path = marks_path(key_path);
        if !disk.exists(&path) {
            return Ok(Self { macs: Vec::new(), are_there: false });
        }
        let bytes = read_own(disk, &path, MAX_MARKS)?;
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').map_while(|line| line.strip_suffix(b"\n"));
        let macs = lines.map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        Ok(Self { macs, are_there: true })
    }

    /// Whether the file is there, however much is in it.
    pub(crate) fn are_there(&self) -> bool {
        self.are_there
    }

    pub(crate) fn count(&self) -> usize {
        self.macs.len()
    }

    /// How many lines of a journal are known, from its first. A `mac` is over all lines before its own: where a later mark
    /// agrees, an earlier one that does not was altered, and says nothing.
    pub(crate) fn in_common(&self, macs: &[String]) -> usize {
        let agreeing = self.macs.iter().zip(macs).zip(1..).filter(|((a, b), _)| a == b);
        agreeing.map(|(_, number)| number).last().unwrap_or(0)
    }

    /// Whether bytes behind the last whole line of a journal are of a line that was durable: its mark follows it.
    pub(crate) fn knew(&self, lines: usize, rest: &[u8]) -> bool {
        let next = self.macs.get(lines).map(String::as_bytes);
        next.is_some_and(|mac| {
            rest.ends_with(b"\n") || rest.windows(mac.len().max(1)).any(|part| part == mac)
        })
    }

    fn bytes(&self, lines: usize) -> u64 {
        let sizes = self.macs.iter().take(lines).map(|mac| mac.len().saturating_add(1));
        u64::try_from(sizes.sum::<usize>()).unwrap_or(u64::MAX)
    }
}

/// What stands before and after the `mac` of a line.
const MAC: &str = ",\"mac\":\"";
const END: &str = "\"}";

/// Longest key file: a key in hex, and an age identity.
const MAX_KEYS: u64 = 1 << 10;

/// Longest file of marks: 65 bytes for each line of a journal.
const MAX_MARKS: u64 = 64 << 20;

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
        Some((Line::Begin(begun), ..)) => Ok(Some(begun.package)),
        _ => Err(PackageError::Journal { line: 1, what: "it is not how a journal begins".to_owned() }),
    }
}
