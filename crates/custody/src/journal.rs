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
//! {"resume":{"departures":[]},"mac":"<hex>"}
//! {"end":{"tool":{...},"began":"...",...},"mac":"<hex>"}
//! ```
//!
//! `items` counts the items that were walked so far, and `walk` is HMAC-SHA256
//! under the resume key over one line for each, in the order of the walk: its
//! locator, its size, and the nanoseconds of its times of modification and of
//! change, `-` where there is none, separated by spaces and ended by LF. A
//! resumed run walks again and compares. `crew` is what the program counts
//! beside the package, encrypted: sizes of what is held are in it.

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
use crate::durable::{Disk, NewFile};
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
}

/// The run goes on after a break.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resumption {
    pub(crate) departures: Vec<Departure>,
}

/// One line, but for its `mac`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Line {
    Begin(Box<Begun>),
    Batch(Box<Batch>),
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
        let text = Zeroizing::new(disk.read(path, MAX_KEYS)?);
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
    file: NewFile,
    keys: Keys,
    last_mac: String,
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
        let walk = Walk::new(keys.hmac()?, Vec::new());
        let mut journal = Self { file, keys, last_mac: String::new() };
        journal.add(&Line::Begin(Box::new(begun.clone())))?;
        if let Some(folder) = path.parent() {
            disk.sync_folder(folder)?;
        }
        Ok((journal, walk))
    }

    /// Goes on where a journal that was read ended; what stands behind its last whole line is cut off.
    pub(crate) fn go_on(
        disk: &Disk,
        path: &Path,
        keys: Keys,
        read: &Journaled,
    ) -> Result<(Self, Walk), PackageError> {
        let file = disk.append(path, read.length)?;
        let marks = read.batches.iter().map(|batch| (batch.items, batch.walk.clone())).collect();
        let walk = Walk::new(keys.hmac()?, marks);
        Ok((Self { file, keys, last_mac: read.last_mac.clone() }, walk))
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

    /// Notes that the run goes on after a break.
    pub(crate) fn resume(&mut self, departures: Vec<Departure>) -> Result<(), PackageError> {
        self.add(&Line::Resume(Resumption { departures }))
    }

    /// Notes that the last batch is committed, and what is said of the acquisition as a whole.
    pub(crate) fn end(&mut self, ending: &Ending) -> Result<(), PackageError> {
        let crew = self.keys.close(&ending.crew)?;
        self.add(&Line::End(Box::new(Ending { crew, ..ending.clone() })))
    }

    fn add(&mut self, line: &Line) -> Result<(), PackageError> {
        let line = serde_json::to_string(line).map_err(std::io::Error::other)?;
        self.last_mac = self.keys.mac_of(&self.last_mac, &line)?;
        let open = line.strip_suffix('}').unwrap_or(&line);
        let text = format!("{open}{MAC}{}{END}\n", self.last_mac);
        self.file.write_all(text.as_bytes())?;
        Ok(self.file.sync()?)
    }
}

/// What stands before and after the `mac` of a line.
const MAC: &str = ",\"mac\":\"";
const END: &str = "\"}";

/// Longest key file: a key in hex, and an age identity.
const MAX_KEYS: u64 = 1 << 10;

/// The journal's name inside the work folder.
pub(crate) fn path_in(work: &Path) -> PathBuf {
    work.join("journal.jsonl")
}

/// Where the keys of a run lie: in the case folder's `state`.
pub(crate) fn key_path(state: &Path, run: RunNumber) -> PathBuf {
    state.join(format!("{run}.resume.key"))
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
