//! The custody log: signed, chained entries.
//!
//! Implements `docs/spec/custody-log.md`, version 1. One folder per event:
//!
//! ```text
//! custody/000002/event.json  examiner.sig  witness.sig  entry.txt  [checkpoint]
//!
//! ambit/custody-entry/v1
//! origin example.org/cases/KC07
//! index 2
//! previous sha256:5c1b...
//! event sha256:e3b0...
//! signature examiner sha256:9f86...
//! signature witness sha256:60303...
//! ```
//!
//! To append: [`LogHead::next_event`], sign its bytes, [`Entry::of`], [`LogHead::push`].

use scope::Digest;

use crate::event::{Action, Clock, Event, Format, Moment, Person, Tool, TreeHead};
use crate::tree;
use crate::trust::{is_origin, is_principal};

/// The namespace in which events are signed.
pub use crate::sshsig::CUSTODY_EVENT as NAMESPACE;

mod attested;
mod heads;
mod read;
mod replay;

pub use read::{AttestedFiles, Log, Logged};
pub use replay::{Course, Replayed};
pub(crate) use replay::{attestation_quorum, check_signature};

/// The text of `entry.txt`: what binds an event, its signatures and its predecessor.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The log's origin.
    pub origin: String,
    /// The event's place in the log, from 0.
    pub index: u64,
    /// SHA-256 of the previous `entry.txt`; none at 0.
    pub previous: Option<Digest>,
    /// SHA-256 of `event.json`.
    pub event: Digest,
    /// Principal, and SHA-256 of `<principal>.sig`; sorted by principal, none twice.
    pub signatures: Vec<(String, Digest)>,
}

impl Entry {
    /// The entry for `event`, whose bytes were signed by these principals with these signature files.
    #[must_use]
    pub fn of(event: &Event, event_bytes: &[u8], signatures: &[(String, Vec<u8>)]) -> Self {
        let mut signatures: Vec<_> =
            signatures.iter().map(|(principal, file)| (principal.clone(), Digest::of(file))).collect();
        signatures.sort();
        Self {
            origin: event.origin.clone(),
            index: event.index,
            previous: event.prev_entry,
            event: Digest::of(event_bytes),
            signatures,
        }
    }

    /// The bytes of `entry.txt`. They are one leaf of the log's tree.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let previous = self.previous.map_or_else(|| "-".to_owned(), |digest| digest.to_string());
        let mut text = format!(
            "ambit/custody-entry/v1\norigin {}\nindex {}\nprevious {previous}\nevent {}\n",
            self.origin, self.index, self.event
        );
        for (principal, digest) in &self.signatures {
            text.push_str(&format!("signature {principal} {digest}\n"));
        }
        text.into_bytes()
    }

    /// Reads an `entry.txt`.
    ///
    /// # Errors
    ///
    /// [`EntryError`] for anything but the bytes that [`Entry::to_bytes`] gives.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        let fail = |line: usize, what: &'static str| EntryError { line, what };
        let text = std::str::from_utf8(bytes).map_err(|_| fail(1, "not UTF-8"))?;
        let text = text.strip_suffix('\n').ok_or_else(|| fail(1, "the last line does not end"))?;
        let mut lines = text.split('\n');
        if lines.next() != Some("ambit/custody-entry/v1") {
            return Err(fail(1, "expected `ambit/custody-entry/v1`"));
        }
        let mut field = |line: usize, name: &str, what| {
            let value = lines.next().and_then(|text| text.strip_prefix(name)?.strip_prefix(' '));
            value.ok_or_else(|| fail(line, what))
        };
        let origin = field(2, "origin", "expected `origin`")?;
        let index = field(3, "index", "expected `index`")?;
        let previous = field(4, "previous", "expected `previous`")?;
        let event = field(5, "event", "expected `event`")?;
        let mut signatures = Vec::new();
        for (text, line) in lines.zip(6..) {
            let (principal, digest) = text
                .strip_prefix("signature ")
                .and_then(|rest| rest.split_once(' '))
                .filter(|(principal, _)| is_principal(principal))
                .ok_or_else(|| fail(line, "expected `signature`, a principal and a digest"))?;
            signatures.push((principal.to_owned(), digest.parse().map_err(|_| fail(line, "not a digest"))?));
        }
        let entry = Self {
            origin: if is_origin(origin) { origin.to_owned() } else { return Err(fail(2, "not an origin")) },
            index: index.parse().map_err(|_| fail(3, "not a number"))?,
            previous: match previous {
                "-" => None,
                digest => Some(digest.parse().map_err(|_| fail(4, "not a digest"))?),
            },
            event: event.parse().map_err(|_| fail(5, "not a digest"))?,
            signatures,
        };
        if !entry.signatures.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(fail(6, "signatures are not sorted by principal, or one stands there twice"));
        }
        // One spelling per entry: `007` or `+7` are not how 7 is written.
        if entry.to_bytes() != bytes {
            return Err(fail(3, "not a canonical decimal number"));
        }
        Ok(entry)
    }
}

/// Why a text is not an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("entry.txt line {line}: {what}")]
pub struct EntryError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// Where a log stands: all that is needed to append to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogHead {
    origin: String,
    leaves: Vec<Vec<u8>>,
}

impl LogHead {
    /// A log without entries.
    #[must_use]
    pub fn empty(origin: &str) -> Self {
        Self { origin: origin.to_owned(), leaves: Vec::new() }
    }

    /// The log's origin.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many entries there are; also the next event's index.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    /// Size and root; `None` while there is no entry.
    #[must_use]
    pub fn tree(&self) -> Option<TreeHead> {
        (!self.leaves.is_empty()).then(|| TreeHead { size: self.size(), root: tree::root(&self.leaves) })
    }

    /// SHA-256 of the last `entry.txt`.
    #[must_use]
    pub fn last(&self) -> Option<Digest> {
        self.leaves.last().map(|entry| Digest::of(entry))
    }

    /// The next event, not yet signed. `who` is sorted by principal.
    #[must_use]
    pub fn next_event(&self, statement: Statement) -> Event {
        let mut who = statement.who;
        who.sort_by(|a, b| a.principal.cmp(&b.principal));
        Event {
            format: Format::V1,
            origin: self.origin.clone(),
            index: self.size(),
            prev_entry: self.last(),
            prev_tree: self.tree(),
            when: statement.when,
            clock: statement.clock,
            who,
            action: statement.action,
            reason: statement.reason,
            tool: statement.tool,
        }
    }

    /// Appends the bytes of an `entry.txt`.
    pub fn push(&mut self, entry: Vec<u8>) {
        self.leaves.push(entry);
    }
}

/// What a new event says, apart from its place in the log.
#[derive(Clone, Debug)]
pub struct Statement {
    /// When.
    pub when: Moment,
    /// By which clock.
    pub clock: Clock,
    /// Who will sign.
    pub who: Vec<Person>,
    /// What happened.
    pub action: Action,
    /// Why; may be empty.
    pub reason: String,
    /// The program that writes the event.
    pub tool: Tool,
}

/// The file of an attestation, beside the event that puts it on the log.
pub const ATTESTATION: &str = "attestation.txt";

/// The file of a signature over an attestation on the log.
#[must_use]
pub fn attestation_signature(principal: &str) -> String {
    format!("{ATTESTATION}.{principal}.sig")
}

/// The folder of entry `index`: `custody/000002`.
#[must_use]
pub fn folder(index: u64) -> String {
    format!("custody/{index:06}")
}
