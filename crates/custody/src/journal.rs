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
//! `walk` is HMAC-SHA256 under the resume key over the locators so far, each
//! with LF: a resumed run walks again and compares.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use evidence::acquisition::PartStatement;
use hmac::{Hmac, KeyInit as _, Mac as _};
use scope::digest::hex;
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
    walk: Hmac<Sha256>,
    items: u64,
    last_mac: String,
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
    pub(crate) fn create(disk: &Disk, path: PathBuf, key_path: PathBuf) -> Result<Self, PackageError> {
        let key = Zeroizing::new(random::bytes::<32>()?);
        disk.write_secret(&key_path, hex(&*key).as_bytes())?;
        let file = disk.create_new(&path)?;
        let walk = mac(&key)?;
        Ok(Self { disk: disk.clone(), file, path, key_path, key, walk, items: 0, last_mac: String::new() })
    }

    /// Notes an item that was walked.
    pub(crate) fn walked(&mut self, locator: &str) {
        self.walk.update(locator.as_bytes());
        self.walk.update(b"\n");
        self.items = self.items.saturating_add(1);
    }

    /// Commits a batch: all its files are durable.
    pub(crate) fn commit(
        &mut self,
        batch: u64,
        parts: &[PartStatement],
        lines: &str,
    ) -> Result<(), PackageError> {
        let walk = hex(&self.walk.clone().finalize().into_bytes());
        let line = Line { batch, items: self.items, walk, parts, lines };
        let mut over = mac(&self.key)?;
        over.update(self.last_mac.as_bytes());
        over.update(serde_json::to_string(&line).map_err(std::io::Error::other)?.as_bytes());
        self.last_mac = hex(&over.finalize().into_bytes());
        let signed = Signed { line: &line, mac: &self.last_mac };
        let mut text = serde_json::to_string(&signed).map_err(std::io::Error::other)?;
        text.push('\n');
        self.file.write_all(text.as_bytes())?;
        Ok(self.file.sync()?)
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
