//! What every source offers: a walk over all items, and the bytes of one.
//!
//! Implements `docs/spec/sources.md`, "What a walk yields".
//!
//! ```text
//! ext4:0c9a4a5e-8d0f-4f0e-9a57-6d1c6a4c2f11/inode:12:0      a locator; no names in it
//! tree/dev:8:1/inode:99
//! ```

use std::ops::ControlFlow;

use scope::RawName;
use scope::facts::{CaseRule, Facts, Kind, Look};
use serde::{Deserialize, Serialize};

use crate::bytes::ReadFault;
use crate::exact::EvidenceStream;
use crate::extract::{Form, Take, extract};

/// One file system or tree on a medium.
pub trait Source: Send + Sync {
    /// What this source is.
    fn info(&self) -> &SourceInfo;

    /// Whether a walk can begin.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the root itself cannot be read.
    fn root(&self) -> Result<(), SourceError> {
        Ok(())
    }

    /// The areas that are in no item, not free space, and not the file system's own structures.
    fn unused(&self) -> Unused {
        Unused::default()
    }

    /// The first bytes of structures that are in use, taken evenly from all of it, a few dozens at most. In none of them
    /// values are spread as chance spreads them. Empty where this version does not tell.
    fn structures(&self) -> Vec<u64> {
        Vec::new()
    }

    /// Whether the file system counts the byte `at` of its volume as in use; `None` where this version does not tell.
    fn uses(&self, _at: u64) -> Option<bool> {
        None
    }

    /// Yields every item once, and an [`Issue`] for whatever cannot be read. Local damage never ends a walk.
    ///
    /// Items come depth first, each directory's names in bytewise order. An
    /// item with several links comes after all others, with every name that was
    /// found; deleted entries, where they are asked for, come last. `visit` ends
    /// the walk with `Break`; the report then says `complete: false`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the root itself cannot be read.
    fn walk_with(
        &self,
        options: &WalkOptions<'_>,
        visit: &mut dyn FnMut(WalkEvent) -> ControlFlow<()>,
    ) -> Result<WalkReport, SourceError>;

    /// As [`Source::walk_with`], with [`WalkOptions::default`].
    ///
    /// # Errors
    ///
    /// As [`Source::walk_with`].
    fn walk(&self, visit: &mut dyn FnMut(WalkEvent) -> ControlFlow<()>) -> Result<WalkReport, SourceError> {
        self.walk_with(&WalkOptions::default(), visit)
    }

    /// Opens the content of one item: its declared length, or an error.
    ///
    /// A slack is opened by its file's facts with the kind `slack`, and its file's locator with `/slack` behind it;
    /// whatever length its facts state, the stream declares the true one, which may be 0.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the item has no content, cannot be reached, or is
    /// no longer the item that the walk saw.
    fn open(&self, entry: &Entry) -> Result<Box<dyn EvidenceStream + '_>, SourceError>;

    /// As [`Source::open`], for content of which the first `from` bytes were read before: the stream, of the same declared length,
    /// goes on behind them.
    ///
    /// # Errors
    ///
    /// As [`Source::open`], and where those have to be read again and cannot be.
    fn open_at(&self, entry: &Entry, from: u64) -> Result<Box<dyn EvidenceStream + '_>, SourceError> {
        let mut stream = self.open(entry)?;
        stream.advance(from).map_err(|error| SourceError::Io("reading content", error))?;
        Ok(stream)
    }

    /// Reads the content of one item as `form`, and gives what is in it, piece by piece: not what was opened and read by the
    /// program, but what the process made of it that reads the medium, where there is one.
    ///
    /// # Errors
    ///
    /// As [`Source::open`], and where the content cannot be read; what was given before stays true. What `take` returns.
    fn extract(&self, entry: &Entry, form: Form, take: Take<'_>) -> Result<(), SourceError> {
        let mut stream = self.open(entry)?;
        extract(form, stream.as_mut(), take).map_err(|error| SourceError::Io("reading content", error))
    }

    /// As [`Source::open`], for content that was decided to be kept: also where the item, still the same, has changed since the
    /// walk. Then the stream is as long as the walk saw, and ends in [`crate::StreamFault::ChangedDuringRead`].
    ///
    /// # Errors
    ///
    /// As [`Source::open`].
    fn open_to_keep(&self, entry: &Entry) -> Result<Box<dyn EvidenceStream + '_>, SourceError> {
        self.open(entry)
    }
}

/// Areas of a volume in which nothing of the file system stands.
#[derive(Clone, Debug, Default)]
pub struct Unused {
    /// Each area: its first byte, its length, and where it is, in words.
    pub areas: Vec<(u64, u64, &'static str)>,
    /// What stands in them and is the file system's own all the same: first byte and length.
    pub own: Vec<(u64, u64)>,
}

/// At most `most` of the numbers below `count`, evenly over all of them.
pub(crate) fn evenly(count: u64, most: u64) -> impl Iterator<Item = u64> {
    let taken = count.min(most);
    (0..taken).filter_map(move |index| index.checked_mul(count)?.checked_div(taken))
}

impl Unused {
    /// Adds the area from one byte to another, if it has any.
    pub(crate) fn area(&mut self, from: u64, to: u64, place: &'static str) {
        if from < to {
            self.areas.push((from, to.saturating_sub(from), place));
        }
    }
}

/// What a walk is to find.
#[derive(Clone, Copy)]
pub struct WalkOptions<'a> {
    /// A directory whose path is closed is an item, and is not entered: nothing below it is looked for.
    pub closed: &'a dyn Fn(&RawName) -> bool,
    /// Whether `closed` says yes to anything. Where it does not, a source may leave it unasked.
    pub closes: bool,
    /// Whether named streams are items of their own.
    pub streams: bool,
    /// Whether deleted entries are items.
    pub deleted: bool,
    /// Whether what stands where deleted entries had their content is an item, too, where all of it is free now.
    pub recovered: bool,
    /// Whether space that the file system counts as free is items.
    pub unallocated: bool,
}

impl Default for WalkOptions<'_> {
    /// Every directory open, streams, no deleted entries, nothing of free space.
    fn default() -> Self {
        Self {
            closed: &|_| false,
            closes: true,
            streams: true,
            deleted: false,
            recovered: false,
            unallocated: false,
        }
    }
}

/// What a source is.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SourceInfo {
    /// Where on the medium it is, as its locators begin: `gpt:2`; empty where it is the whole medium.
    pub place: String,
    /// The volume, as facts and reports name it: `ext4:<uuid>` or `tree`.
    pub volume: String,
    /// The file system's name: `ext4`, `tmpfs`.
    pub file_system: String,
    /// How names compare.
    pub case_rule: CaseRule,
    /// About how many items a walk will find, where the file system counts them: for progress alone.
    pub about_items: Option<u64>,
    /// Identifiers: kind (`fsuuid`) and value.
    pub ids: Vec<(String, String)>,
    /// What this reading does not cover or had to assume, in sentences without names.
    pub limits: Vec<String>,
}

/// What a walk yields.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every event is an item, and it is moved on at once")]
pub enum WalkEvent {
    /// An item.
    Item(Entry),
    /// Something that could not be read.
    Issue(Issue),
}

/// One item on a medium.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where the item is, in plain ASCII and without names.
    pub locator: String,
    /// What the look *metadata* found.
    pub facts: Facts,
    /// The source's own handle of the item.
    pub node: NodeId,
}

/// A source's own handle of an item: its inode number, and what else a file system needs to find it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NodeId {
    number: u64,
    part: u64,
}

impl NodeId {
    /// A handle from an inode number.
    #[must_use]
    pub fn new(inode: u64) -> Self {
        Self { number: inode, part: 0 }
    }

    /// A handle from two numbers: a record and an attribute of it, a subvolume's inode and the subvolume.
    #[must_use]
    pub fn with_part(number: u64, part: u64) -> Self {
        Self { number, part }
    }

    /// The inode number, or what stands for it.
    #[must_use]
    pub fn number(self) -> u64 {
        self.number
    }

    /// The second number, 0 where there is none.
    #[must_use]
    pub fn part(self) -> u64 {
        self.part
    }
}

/// Something that could not be read, in words that name nothing of the medium.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Issue {
    /// The item concerned, where it is known.
    pub locator: Option<String>,
    /// What went wrong.
    pub what: String,
}

/// What a walk saw, to be compared with what the file system itself counts.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WalkReport {
    /// Items yielded.
    pub items: u64,
    /// Names found; more than `items` where there are hard links.
    pub names: u64,
    /// Issues yielded.
    pub issues: u64,
    /// What was counted, how many were seen, how many the file system counts.
    pub coverage: Vec<(String, u64, u64)>,
    /// Whether the walk came to its end; `false` where `visit` ended it.
    pub complete: bool,
    /// Whether this source can tell of free space and of slack at all.
    pub remnants: bool,
    /// What of free space is no item although it was asked for, in sentences without names.
    pub limits: Vec<String>,
    /// Of which lists something is wanting, since reading the medium failed.
    pub wanting: Wanting,
}

/// Lists that a walk makes beside its items with names, and of which something is wanting, since reading the medium failed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Wanting {
    /// Deleted entries, what is in use without a name, and what was recovered of them.
    pub deleted: bool,
    /// Free space.
    pub unallocated: bool,
    /// Slack that could not be read, for whatever reason: of how many items.
    pub slack: u64,
}

/// The limit of a walk that found a damaged root directory, and in it no name at all.
pub const ROOT_UNREAD: &str =
    "its root directory is damaged, and no name in it can be read: nothing below it was found";

/// Why a source, or an item on it, cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The medium could not be read.
    #[error(transparent)]
    Read(#[from] ReadFault),
    /// The operating system refused.
    #[error("{0}: {1}")]
    Io(&'static str, #[source] std::io::Error),
    /// The item has no content, or none that this version can read.
    #[error("no readable content: {0}")]
    NoContent(String),
    /// The item is not the one that the walk saw.
    #[error("the item changed since the walk: {0}")]
    Changed(String),
    /// The file system's structures contradict themselves.
    #[error("damaged: {0}")]
    Corrupt(String),
}

/// A number of the medium, if a record can state it: integers of records are below 2^53.
pub(crate) fn stated(number: u64) -> Option<u64> {
    Some(number).filter(|number| *number < 1 << 53)
}

/// Adds a name to an item's, in bytewise order, none twice; not beyond [`MAX_NAMES`].
pub(crate) fn add_name(facts: &mut Facts, path: Vec<u8>) {
    let held = facts.names.iter().fold(0_usize, |sum, name| sum.saturating_add(name.bytes().len()));
    if held.saturating_add(path.len()) > MAX_NAMES {
        return;
    }
    let path = RawName(path);
    if let Err(at) = facts.names.binary_search(&path) {
        facts.names.insert(at, path);
    }
}

/// Tells, once all names of an item were met, of those beyond [`MAX_NAMES`].
///
/// The item's link count is then at least what was found, so that the names which are not recorded are known to be
/// missing: no condition on a name is false for such an item.
pub(crate) fn names_left_out(facts: &mut Facts, found: u64) -> Option<String> {
    let recorded = facts.names.len() as u64;
    let held = facts.names.iter().fold(0_usize, |sum, name| sum.saturating_add(name.bytes().len()));
    if recorded >= found || held < MAX_NAMES / 2 {
        return None;
    }
    facts.links = Some(facts.links.unwrap_or(0).max(found));
    Some(format!("an item has {found} names, of which {recorded} are recorded: more than {MAX_NAMES} bytes"))
}

/// Most bytes of names that one item keeps. A record is one row; a hostile medium can give a file 65,000 long names.
const MAX_NAMES: usize = 4 << 20;

/// Facts of an item of which nothing more is known yet; the look *metadata* was taken.
pub(crate) fn bare_facts(volume: &str, case_rule: CaseRule, node: String, kind: Kind) -> Facts {
    Facts {
        volume: volume.to_owned(),
        case_rule,
        node,
        kind,
        names: Vec::new(),
        links: None,
        size: None,
        allocated: None,
        slack: None,
        member: None,
        times: Vec::new(),
        uid: None,
        gid: None,
        sid: None,
        mode: None,
        link_target: None,
        attributes: Vec::new(),
        type_fact: None,
        hash: None,
        keywords: Vec::new(),
        mail: Vec::new(),
        container: None,
        failures: Vec::new(),
        looks: vec![Look::Metadata],
    }
}
