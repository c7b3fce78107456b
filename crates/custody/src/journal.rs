//! The journal: what of a package is committed while it is being written.
//!
//! One line per closed batch, made durable before the next batch begins. A
//! line's `mac` is HMAC-SHA256 under the resume key, over the line before it
//! and this line without its `mac`. The key lies in the case folder, off the
//! destination, and is removed with the journal when the package is closed:
//! the journal never ships.
//!
//! ```text
//! {"batch":1,"items":65536,"walk":"<hex>","parts":[{"file":"data/captured-0001.zip.age",...}],"lines":{...},"mac":"<hex>"}
//! ```
//!
//! `items` counts the items that were walked so far, and `walk` is HMAC-SHA256
//! under the resume key over one line for each, in the order of the walk: its
//! locator, its size, and the nanoseconds of its times of modification and of
//! change, `-` where there is none, separated by spaces and ended by LF. A
//! resumed run walks again and compares.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use evidence::acquisition::PartStatement;
use hmac::{Hmac, KeyInit as _, Mac as _};
use scope::digest::hex;
use scope::facts::{Facts, TimeKind};
use serde::Serialize;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::durable::{Disk, NewFile};
use crate::package::PackageError;
use crate::random;

pub(crate) struct Journal {
    disk: Disk,
    file: NewFile,
    path: PathBuf,
    key_path: PathBuf,
    key: Zeroizing<[u8; 32]>,
    last_mac: String,
}

/// What was walked so far.
pub(crate) struct Walk {
    mac: Hmac<Sha256>,
    items: u64,
    of_batch: u64,
    line: String,
}

impl Walk {
    /// Notes an item that was walked.
    pub(crate) fn walked(&mut self, locator: &str, facts: &Facts) {
        self.line.clear();
        self.line.push_str(locator);
        // Writing to a string does not fail.
        let _ = match facts.size {
            Some(size) => write!(self.line, " {size}"),
            None => self.line.write_str(" -"),
        };
        for of in [TimeKind::Modified, TimeKind::Changed] {
            let _ = match facts.times.iter().find(|stamp| stamp.of == of) {
                Some(stamp) => write!(self.line, " {}", stamp.ns),
                None => self.line.write_str(" -"),
            };
        }
        self.line.push('\n');
        self.mac.update(self.line.as_bytes());
        self.items = self.items.saturating_add(1);
        self.of_batch = self.of_batch.saturating_add(1);
    }

    /// Items that were walked since the last commit.
    pub(crate) fn of_batch(&self) -> u64 {
        self.of_batch
    }
}

/// One line, but for its `mac`.
#[derive(Serialize)]
struct Line<'a> {
    batch: u64,
    items: u64,
    walk: String,
    parts: &'a [PartStatement],
    lines: &'a str,
}

#[derive(Serialize)]
struct Signed<'a> {
    #[serde(flatten)]
    line: &'a Line<'a>,
    mac: &'a str,
}

impl Journal {
    /// Begins a journal at `path`, its key at `key_path`; neither exists yet.
    pub(crate) fn create(
        disk: &Disk,
        path: PathBuf,
        key_path: PathBuf,
    ) -> Result<(Self, Walk), PackageError> {
        let key = Zeroizing::new(random::bytes::<32>()?);
        disk.write_secret(&key_path, hex(&*key).as_bytes())?;
        let file = disk.create_new(&path)?;
        let walk = Walk { mac: mac(&key)?, items: 0, of_batch: 0, line: String::new() };
        let journal = Self { disk: disk.clone(), file, path, key_path, key, last_mac: String::new() };
        Ok((journal, walk))
    }

    /// Commits a batch: all its files are durable, and every item that was walked so far is in one of them.
    pub(crate) fn commit(
        &mut self,
        batch: u64,
        walk: &mut Walk,
        parts: &[PartStatement],
        lines: &str,
    ) -> Result<(), PackageError> {
        let walked = hex(&walk.mac.clone().finalize().into_bytes());
        let line = Line { batch, items: walk.items, walk: walked, parts, lines };
        let mut over = mac(&self.key)?;
        over.update(self.last_mac.as_bytes());
        over.update(serde_json::to_string(&line).map_err(std::io::Error::other)?.as_bytes());
        self.last_mac = hex(&over.finalize().into_bytes());
        let signed = Signed { line: &line, mac: &self.last_mac };
        let mut text = serde_json::to_string(&signed).map_err(std::io::Error::other)?;
        text.push('\n');
        self.file.write_all(text.as_bytes())?;
        self.file.sync()?;
        walk.of_batch = 0;
        Ok(())
    }

    /// Removes journal and key: the package is closed, and nothing will be resumed.
    pub(crate) fn remove(self) -> Result<(), PackageError> {
        self.disk.remove_file(&self.key_path)?;
        Ok(self.disk.remove_file(&self.path)?)
    }
}

fn mac(key: &[u8; 32]) -> Result<Hmac<Sha256>, PackageError> {
    Hmac::new_from_slice(key).map_err(|e| PackageError::Age(e.to_string()))
}

/// The journal's name inside the work folder.
pub(crate) fn path_in(work: &Path) -> PathBuf {
    work.join("journal.jsonl")
}
