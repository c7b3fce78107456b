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

/// The namespace in which events are signed.
pub const NAMESPACE: &str = "ambit/custody-event/v1";

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

/// The folder of entry `index`: `custody/000002`.
#[must_use]
pub fn folder(index: u64) -> String {
    format!("custody/{index:06}")
}
