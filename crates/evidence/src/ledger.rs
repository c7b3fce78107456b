//! The ledger: one record for every item, for the auditor and the court.
//!
//! Implements `docs/spec/record.md`, section "The ledger part", version 1.
//!
//! ```text
//! {"format":"ambit/ledger/1","origin":"example.org/KC07","package":"6f1d...","medium":"KC07",...,"k":"...","run_key":"ssh-ed25519 ..."}
//! {"id":"4pCk...","locator":"ext4:9f0c.../inode:12:0","facts":[...],"trits":"...","decision":"...","object":"..."}
//! {"signature":"-----BEGIN SSH SIGNATURE-----\n..."}
//! ```
//!
//! A part may have millions of rows and its signature stands at the end, so
//! rows are handed out before they are known to be signed. Nothing may be said
//! about them until [`LedgerReader::finish`] has given a [`SignedLedger`].

mod lines;

use std::io::Read;

use scope::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha512};

pub use lines::LineError;
pub(crate) use lines::Lines;

use crate::acquisition::RunNumber;
use crate::commit::BatchKey;
use crate::item::Record;
use crate::manifest::{Binding, BindingError};
use crate::sshsig::{self, MessageDigest, PublicKey, Signature, SshsigError};
use crate::strict::{self, StrictError};

/// Longest row in bytes. A file with 65,000 names of 100 bytes and as many trits needs about 20 MiB.
pub const MAX_ROW: usize = 64 << 20;

/// The first row of a ledger part: what it belongs to, and the key of its batch.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerHeader {
    /// `ambit/ledger/1`.
    pub format: Format,
    /// The custody log's origin.
    pub origin: String,
    /// The run that wrote the package.
    pub package: RunNumber,
    /// The medium's label.
    pub medium: String,
    /// The policy's id.
    pub policy: Digest,
    /// The part's number within the ledger, from 1.
    pub part: u64,
    /// The batch with which it was closed, from 1.
    pub batch: u64,
    /// `K`: what the batch's salts are made with.
    pub k: BatchKey,
    /// The run key, `ssh-ed25519 AAAA...`, no comment.
    pub run_key: String,
}

/// The format and version that the first row states.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum Format {
    /// Version 1.
    #[default]
    #[serde(rename = "ambit/ledger/1")]
    V1,
}

/// The last row of a ledger part.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct SignatureRow {
    /// SSHSIG by the run key over all bytes before this row.
    signature: String,
}

/// Why a ledger part cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The stream gives no whole line.
    #[error(transparent)]
    Line(#[from] LineError),
    /// A row is not strict JSON of its shape.
    #[error("line {line}: {source}")]
    Row {
        /// Which line, from 1.
        line: u64,
        /// What is wrong.
        source: StrictError,
    },
    /// A row to be written is longer than [`MAX_ROW`].
    #[error("a row of {bytes} bytes is longer than {MAX_ROW} bytes")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// There is no row, or no signature after the first.
    #[error("the part ends before its signature")]
    Cut,
    /// [`LedgerReader::finish`] was asked for while records were left.
    #[error("records were left unread")]
    Unread,
    /// The part belongs to something else.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// The run key's signature does not hold.
    #[error("the run key's signature does not hold: {0}")]
    Signature(#[from] SshsigError),
}

impl LedgerHeader {
    /// The header of a part of a package.
    #[must_use]
    pub fn new(binding: &Binding, part: u64, batch: u64, k: BatchKey) -> Self {
        let Binding { origin, package, medium, policy, run_key } = binding.clone();
        Self { format: Format::V1, origin, package, medium, policy, part, batch, k, run_key }
    }

    /// What the part says it belongs to.
    #[must_use]
    pub fn binding(&self) -> Binding {
        Binding {
            origin: self.origin.clone(),
            package: self.package,
            medium: self.medium.clone(),
            policy: self.policy,
            run_key: self.run_key.clone(),
        }
    }
}

/// Makes the rows of a ledger part and hashes them for the run key.
#[derive(Debug)]
pub struct LedgerWriter {
    hash: Sha512,
}

impl LedgerWriter {
    /// Begins a part; the bytes are its first row.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] for a header that a reader would refuse.
    pub fn begin(header: &LedgerHeader) -> Result<(Self, Vec<u8>), LedgerError> {
        let mut writer = Self { hash: Sha512::new() };
        let row = bounded(strict::to_json_line(header))?;
        writer.rows(&row);
        Ok((writer, row))
    }

    /// The next row, with its LF. It counts as written: write it or give up the part.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] for a record that a reader would refuse; the part can go on without it.
    pub fn row(&mut self, record: &Record) -> Result<Vec<u8>, LedgerError> {
        let row = record_row(record)?;
        self.rows(&row);
        Ok(row)
    }

    /// Takes rows that [`record_row`] made, one after the other. They count as written.
    pub fn rows(&mut self, rows: &[u8]) {
        self.hash.update(rows);
    }

    /// What the run key signs, in namespace [`sshsig::MANIFEST`], to end the part with [`signature_row`].
    #[must_use]
    pub fn finish(self) -> MessageDigest {
        MessageDigest(self.hash.finalize().into())
    }
}

/// A record as a row of any part, with its LF: for a writer that gathers rows before it writes them.
///
/// # Errors
///
/// [`LedgerError`] for a record that a reader would refuse.
pub fn record_row(record: &Record) -> Result<Vec<u8>, LedgerError> {
    bounded(strict::strings_to_json_line(record))
}

fn bounded(row: Result<Vec<u8>, StrictError>) -> Result<Vec<u8>, LedgerError> {
    let row = row.map_err(|source| LedgerError::Row { line: 0, source })?;
    if row.len() > MAX_ROW {
        return Err(LedgerError::TooLong { bytes: row.len() });
    }
    Ok(row)
}

/// The last row of a part, with its LF, from the armored signature.
///
/// # Errors
///
/// [`LedgerError`] if the row cannot be written.
pub fn signature_row(armored: &str) -> Result<Vec<u8>, LedgerError> {
    let row = SignatureRow { signature: armored.to_owned() };
    strict::to_json_line(&row).map_err(|source| LedgerError::Row { line: 0, source })
}

/// A row that is not yet known to be a record.
pub(crate) struct RawRow {
    line: u64,
    row: Vec<u8>,
}

impl RawRow {
    /// Its bytes.
    pub(crate) fn len(&self) -> usize {
        self.row.len()
    }

    /// The record that it is.
    pub(crate) fn record(&self) -> Result<Record, LedgerError> {
        strict::from_json(&self.row).map_err(|source| LedgerError::Row { line: self.line, source })
    }
}

/// Reads a ledger part row by row, with one row in memory.
///
/// ```text
/// let mut reader = LedgerReader::new(source)?;
/// while let Some(record) = reader.next_record()? { ... }      // not yet known to be signed
/// let signed: SignedLedger = reader.finish(&binding, 1)?;     // now it is
/// ```
#[derive(Debug)]
pub struct LedgerReader<R> {
    lines: Lines<R>,
    hash: Sha512,
    header: LedgerHeader,
    records: u64,
    /// The row read ahead. Once the lines have ended it is the signature.
    pending: Vec<u8>,
    ended: bool,
}

/// Proof that a ledger part was read to its end and is signed by the run key. Only [`LedgerReader::finish`] gives one.
#[derive(Debug)]
pub struct SignedLedger {
    header: LedgerHeader,
    records: u64,
}

impl SignedLedger {
    /// The part's first row.
    #[must_use]
    pub fn header(&self) -> &LedgerHeader {
        &self.header
    }

    /// How many records the part has.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }
}

impl<R: Read> LedgerReader<R> {
    /// Reads the first row of the decrypted and unpacked part.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] unless a header and at least one more row follow.
    pub fn new(source: R) -> Result<Self, LedgerError> {
        let mut lines = Lines::new(source, MAX_ROW);
        let first = lines.next_line()?.ok_or(LedgerError::Cut)?;
        let header = strict::from_json(&first).map_err(|source| LedgerError::Row { line: 1, source })?;
        let pending = lines.next_line()?.ok_or(LedgerError::Cut)?;
        Ok(Self { lines, hash: Sha512::new_with_prefix(first), header, records: 0, pending, ended: false })
    }

    /// The first row, not yet known to be signed.
    #[must_use]
    pub fn header(&self) -> &LedgerHeader {
        &self.header
    }

    /// The next record, not yet known to be signed; `None` after the last.
    ///
    /// The record has the shape of a row; its values are read by [`Record::parts`].
    ///
    /// # Errors
    ///
    /// [`LedgerError`]; the part cannot be read further.
    pub fn next_record(&mut self) -> Result<Option<Record>, LedgerError> {
        let Some(row) = self.next_row()? else { return Ok(None) };
        row.record().map(Some)
    }

    /// As [`LedgerReader::next_record`], for whoever makes records of rows elsewhere.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]; the part cannot be read further.
    pub(crate) fn next_row(&mut self) -> Result<Option<RawRow>, LedgerError> {
        if self.ended {
            return Ok(None);
        }
        let line = self.lines.number();
        let Some(following) = self.lines.next_line()? else {
            self.ended = true;
            return Ok(None);
        };
        let row = std::mem::replace(&mut self.pending, following);
        self.hash.update(&row);
        self.records = self.records.saturating_add(1);
        Ok(Some(RawRow { line, row }))
    }

    /// Checks that the part belongs to the package, is number `part` of its ledger, and is signed by its run key.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if it does not, or if records were left unread.
    pub fn finish(self, binding: &Binding, part: u64) -> Result<SignedLedger, LedgerError> {
        if !self.ended {
            return Err(LedgerError::Unread);
        }
        self.header.binding().must_equal(binding)?;
        BindingError::unless_equal("part", part, self.header.part)?;
        let line = self.lines.number();
        let last: SignatureRow =
            strict::from_json(&self.pending).map_err(|source| LedgerError::Row { line, source })?;
        let key: PublicKey = binding.run_key.parse()?;
        let signed = MessageDigest(self.hash.finalize().into());
        Signature::parse(last.signature.as_bytes())?.verify(&key, sshsig::MANIFEST, &signed)?;
        Ok(SignedLedger { header: self.header, records: self.records })
    }
}
