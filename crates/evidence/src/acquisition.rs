//! The public statement of an acquisition: `meta/acquisition.json`.
//!
//! Implements `docs/spec/package.md`, version 1. It holds no name and no
//! digest of anything on the medium.
//!
//! ```text
//! {
//!   "format": "ambit/acquisition/1",
//!   "origin": "example.org/cases/KC07",
//!   "package": "6f1d...",
//!   "inventory": {"lines": 412, "root": "sha256:60303ae2...", "counts": {"captured": 3, "left": 409}},
//!   ...
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use scope::facts::Look;
use scope::identity::{Known, Other, Shown};
use scope::outcome::is_id;
use scope::policy::Target;
use scope::{Digest, Outcome};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::{Moment, Tool, TreeHead, present, pretty};
use crate::strict::{self, StrictError};
use crate::trust::is_origin;

/// What was acquired, by which policy, into which parts.
///
/// Written as pretty-printed JSON in the order of the fields; see [`Acquisition::to_bytes`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Acquisition {
    /// `ambit/acquisition/1`.
    pub format: Format,
    /// The custody log's origin.
    pub origin: String,
    /// The run number that acquisition.start announced.
    pub package: RunNumber,
    /// The medium, as the examiner found it.
    pub medium: MediumStatement,
    /// The layers of the medium, outermost first; empty for a mounted tree.
    pub layers: Vec<LayerStatement>,
    /// What of the medium was examined.
    pub extent: Extent,
    /// The policy's id.
    pub policy: Digest,
    /// The run key that acquisition.start announced, `ssh-ed25519 AAAA...`, no comment.
    pub run_key: String,
    /// Where the run was broken off and resumed, in order: from which batch on another key signs. Absent where it was not.
    #[serde(default, deserialize_with = "some_entries", skip_serializing_if = "Vec::is_empty")]
    pub resumed: Vec<Resumed>,
    /// The program that captured.
    pub tool: Tool,
    /// When the walk began, by the examiner's clock.
    pub began: Moment,
    /// When the last part was closed, by the examiner's clock.
    pub ended: Moment,
    /// Size and root of the custody log before acquisition.end, which comes next on it and quotes this file.
    pub log: TreeHead,
    /// What `meta/inventory.txt` must add up to.
    pub inventory: InventoryStatement,
    /// Every set, with its recipients and parts: `captured`, then `held:*` by name, then `ledger`.
    pub sets: Vec<SetStatement>,
    /// What is recorded of items that were left.
    pub record_left: RecordLeft,
    /// What could not be read or was not reached, in words that name nothing of the medium.
    pub limits: Vec<String>,
    /// One report per volume that was walked.
    pub walk: Vec<WalkStatement>,
    /// Departures from the order or the procedure.
    pub departures: Vec<Departure>,
    /// Items per tier of the decision, by the tier's word: `included`, `out-of-scope`...
    pub tier_counts: BTreeMap<String, u64>,
    /// Items per rule that determined their outcome.
    pub rule_counts: BTreeMap<String, u64>,
    /// Items per look that was taken.
    pub looks: BTreeMap<Look, u64>,
}

impl Acquisition {
    /// By what the medium is known to be the order's, as far as this states what it showed.
    ///
    /// # Errors
    ///
    /// Why it is another.
    pub fn known<'p>(&self, target: &'p Target) -> Result<Known<'p>, Other> {
        let ids: Vec<(&str, &str)> = self.medium.ids.iter().map(MediumId::pair).collect();
        let layers: Vec<(&str, u64)> =
            self.layers.iter().map(|layer| (layer.place.as_str(), layer.length)).collect();
        target.known(&self.medium.label, &Shown { form: &self.medium.form, ids: &ids, layers: &layers })
    }

    /// The file systems by which alone the medium is known, and which alone the order covers; `None` where it covers all
    /// of it, or a departure says that it is another.
    #[must_use]
    pub fn file_systems<'p>(&self, target: &'p Target) -> Option<Vec<&'p str>> {
        let other = self.departures.iter().any(|departure| departure.what.starts_with(OTHER_MEDIUM));
        let known = (!other && !self.layers.is_empty()).then(|| self.known(target).ok())?;
        known?.file_systems
    }

    /// The bytes of `meta/acquisition.json`: pretty-printed JSON and a line feed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        pretty(self)
    }

    /// Reads a `meta/acquisition.json`.
    ///
    /// # Errors
    ///
    /// [`AcquisitionError`] for anything but one strict JSON object with exactly these fields, in which sets,
    /// parts, recipients and identities are in their order, none twice, and each part has its own file's name.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AcquisitionError> {
        let statement: Self = strict::from_json(bytes)?;
        let rule = |holds: bool, what: &str| {
            if holds { Ok(()) } else { Err(AcquisitionError::Rule(what.to_owned())) }
        };
        rule(is_origin(&statement.origin), "origin: not an origin")?;
        rule(statement.medium.ids.is_sorted_by(|a, b| a < b), "medium.ids: not sorted, or one twice")?;
        rule(statement.sets.is_sorted_by(|a, b| a.set < b.set), "sets: not in order, or one twice")?;
        rule(statement.resumed.is_sorted_by_key(|resumed| resumed.batch), "resumed: batches not in order")?;
        for set in &statement.sets {
            let name = &set.set;
            rule(!set.recipients.is_empty(), &format!("set {name}: no recipients"))?;
            rule(
                set.recipients.is_sorted_by(|a, b| a < b),
                &format!("set {name}: recipients not sorted, or one twice"),
            )?;
            for (part, number) in set.parts.iter().zip(1_u64..) {
                rule(
                    part.number == number,
                    &format!("set {name}: parts are not numbered from 1 without gaps"),
                )?;
                rule(
                    part.file == name.file(number),
                    &format!("set {name}: part {number} must be {}", name.file(number)),
                )?;
            }
        }
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        let texts = |layer: &LayerStatement| {
            plain(&layer.place) && layer.what.bytes().all(|b| matches!(b, b' '..=b'~'))
        };
        rule(statement.layers.iter().all(texts), "layers: a place or a kind that is not printable ASCII")?;
        for walk in &statement.walk {
            rule(walk.ids.is_sorted_by(|a, b| a < b), "walk.ids: not sorted, or one twice")?;
        }
        let counted = statement.inventory.counts.values().try_fold(0_u64, |sum, n| sum.checked_add(*n));
        rule(counted == Some(statement.inventory.lines), "inventory: lines is not the sum of counts")?;
        rule(!statement.inventory.counts.values().any(|n| *n == 0), "inventory: an outcome without a line")?;
        Ok(statement)
    }

    /// The key that signs the parts of a batch: that of the last resume at or before it, or of the start.
    #[must_use]
    pub fn run_key_of(&self, batch: u64) -> &str {
        let last = self.resumed.iter().rev().find(|resumed| resumed.batch <= batch);
        last.map_or(&self.run_key, |resumed| &resumed.run_key)
    }

    /// The statement about one set.
    #[must_use]
    pub fn set(&self, name: &SetName) -> Option<&SetStatement> {
        self.sets.iter().find(|set| set.set == *name)
    }
}

/// That a run was resumed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Resumed {
    /// The first batch that this key signs, unless a later entry names the same.
    pub batch: u64,
    /// The key that acquisition.resume announced, `ssh-ed25519 AAAA...`, no comment.
    pub run_key: String,
}

fn some_entries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Resumed>, D::Error> {
    let entries = Vec::deserialize(deserializer)?;
    if entries.is_empty() {
        Err(serde::de::Error::custom("empty; it is left out instead"))
    } else {
        Ok(entries)
    }
}

/// Why bytes are not an acquisition statement.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcquisitionError {
    /// Not the strict JSON of a statement.
    #[error(transparent)]
    Json(#[from] StrictError),
    /// A value that no statement may have.
    #[error("{0}")]
    Rule(String),
}

/// The format and version that the file states.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum Format {
    /// Version 1.
    #[default]
    #[serde(rename = "ambit/acquisition/1")]
    V1,
}

/// A medium as it was found.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MediumStatement {
    /// The label by which order and policy call it.
    pub label: String,
    /// `raw image`, `mounted tree`...
    pub form: String,
    /// Its length in bytes, where it has one.
    #[serde(deserialize_with = "present")]
    pub size: Option<u64>,
    /// Its identities, sorted, none twice.
    pub ids: Vec<MediumId>,
}

/// One identity of a medium.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MediumId {
    /// `serial`, `wwn`, `gpt`, `md_uuid`, `vg_uuid`, `mbr_signature`, `fsuuid`, `fsuuid_of_copy`, `asset_tag`, `image_sha256` or `drive_sha256`.
    pub kind: String,
    /// The identity itself: printable ASCII without a space.
    pub value: String,
}

impl MediumId {
    /// Kind and value.
    #[must_use]
    pub fn pair(&self) -> (&str, &str) {
        (&self.kind, &self.value)
    }
}

/// One layer of a medium: a table, a partition, a volume, a gap.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LayerStatement {
    /// Where it is: empty for the medium itself, `gpt:2`, `lvm:<group>:<volume>`...
    pub place: String,
    /// First byte within the layer that holds it; null where it is put together from several places.
    #[serde(deserialize_with = "present")]
    pub start: Option<u64>,
    /// Length in bytes.
    pub length: u64,
    /// What it is.
    pub what: String,
    /// What becomes of it.
    pub state: LayerState,
}

impl LayerStatement {
    /// Whether it has bytes of which no file is read: what can be preserved whole.
    #[must_use]
    pub fn is_unread_volume(&self) -> bool {
        let unread = matches!(self.state, LayerState::Unread | LayerState::Blank | LayerState::Unknown);
        unread && self.length > 0
    }
}

/// What becomes of a layer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerState {
    /// A file system whose items are read.
    Read,
    /// A table, or a member of something: what it holds are layers of their own.
    Divided,
    /// Recognised, and not read.
    Unread,
    /// Zeros where marks stand.
    Blank,
    /// Nothing that is known.
    Unknown,
    /// What no partition covers.
    Gap,
}

impl fmt::Display for LayerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Divided => "divided",
            Self::Unread => "unread",
            Self::Blank => "blank",
            Self::Unknown => "unknown",
            Self::Gap => "gap",
        })
    }
}

/// What of a medium was examined.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Extent {
    /// The items of every file system that is read.
    #[default]
    Files,
    /// The volumes of which no file can be read, as ranges of bytes; no file was examined.
    Volumes,
}

/// What the inventory must add up to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct InventoryStatement {
    /// How many lines: one per item.
    pub lines: u64,
    /// The RFC 6962 root over the lines without their line feeds.
    pub root: Digest,
    /// Lines per outcome; outcomes without a line are absent.
    pub counts: BTreeMap<Outcome, u64>,
}

/// One set: the parts encrypted to one list of recipients.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SetStatement {
    /// Which set.
    pub set: SetName,
    /// The age recipients, sorted, none twice.
    pub recipients: Vec<String>,
    /// Its parts, by number.
    pub parts: Vec<PartStatement>,
}

/// One encrypted file under `data/`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PartStatement {
    /// Its path from the root of the package: `data/captured-0001.zip.age`.
    pub file: String,
    /// Its number within the set, from 1 without gaps.
    pub number: u64,
    /// The batch with which it was closed, from 1.
    pub batch: u64,
    /// SHA-256 of the encrypted file.
    pub sha256: Digest,
    /// Length of the encrypted file in bytes.
    pub bytes: u64,
    /// `X25519` stanzas in its age header: one per recipient. (A `-grease` stanza opens nothing and is not counted.)
    pub stanzas: u64,
}

/// How one volume was walked.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WalkStatement {
    /// The volume, such as `gpt:2/ext:<uuid>`: what the locators of its items begin with.
    pub volume: String,
    /// What identifies its file system, sorted: an `fsuuid`, or nothing.
    pub ids: Vec<MediumId>,
    /// Items found.
    pub items: u64,
    /// Names found.
    pub names: u64,
    /// Places that could not be walked.
    pub issues: u64,
    /// What was counted, against what the volume's own counters say.
    pub coverage: Vec<Coverage>,
    /// What is not on record, since it could not be read, and has no item that says so. Absent where there is nothing.
    #[serde(default, deserialize_with = "some_wanting", skip_serializing_if = "Wanting::is_nothing")]
    pub wanting: Wanting,
}

/// What of a volume is not on record, since it could not be read, and has no item of its own that says so.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Wanting {
    /// The list of deleted entries, and of what is in use without a name, was not all read.
    pub deleted: bool,
    /// That of free space.
    pub unallocated: bool,
    /// Kept items whose slack could not be read.
    pub slack: u64,
    /// Where of items that were left their number alone is on record: those of which something could not be read.
    pub left: u64,
}

impl Wanting {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

fn some_wanting<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Wanting, D::Error> {
    let wanting = Wanting::deserialize(deserializer)?;
    if wanting.is_nothing() {
        Err(serde::de::Error::custom("nothing is wanting; it is left out instead"))
    } else {
        Ok(wanting)
    }
}

/// A count against the medium's own counter.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// What is counted: `inodes in use`.
    pub what: String,
    /// What the walk counted.
    pub counted: u64,
    /// What the volume says.
    pub expected: u64,
}

/// How a departure's `what` begins where the medium is not the one that the policy names.
///
/// It alone, stated here and by an override on the log, lets a package of such a medium pass as one with a departure.
pub const OTHER_MEDIUM: &str = "other medium: ";

/// A departure from the order or the procedure.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Departure {
    /// What departs.
    pub what: String,
    /// Why, in the examiner's words.
    pub reason: String,
}

/// What is recorded of items that were left.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordLeft {
    /// A full record, encrypted to the auditor and the court.
    Facts,
    /// Their number alone.
    Counts,
}

/// A set's name: `captured`, `held:<compartment>` or `ledger`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SetName {
    /// What the case team may open.
    Captured,
    /// What one compartment alone may open.
    Held(String),
    /// One record per item, for the auditor and the court.
    Ledger,
}

/// Why a text is not a set's name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a set: expected captured, held:<compartment> or ledger")]
pub struct SetNameError;

impl SetName {
    /// The path of part `number` (from 1): `data/held-neutral-0001.zip.age`.
    #[must_use]
    pub fn file(&self, number: u64) -> String {
        format!("data/{}", self.part(number) + self.extension())
    }

    /// The part's own name, as records quote it: `held-neutral-0001`.
    #[must_use]
    pub fn part(&self, number: u64) -> String {
        match self {
            Self::Captured => format!("captured-{number:04}"),
            Self::Held(compartment) => format!("held-{compartment}-{number:04}"),
            Self::Ledger => format!("ledger-{number:04}"),
        }
    }

    fn extension(&self) -> &'static str {
        match self {
            Self::Captured | Self::Held(_) => ".zip.age",
            Self::Ledger => ".jsonl.gz.age",
        }
    }
}

impl fmt::Display for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Captured => f.write_str("captured"),
            Self::Held(compartment) => write!(f, "held:{compartment}"),
            Self::Ledger => f.write_str("ledger"),
        }
    }
}

impl FromStr for SetName {
    type Err = SetNameError;
    fn from_str(text: &str) -> Result<Self, SetNameError> {
        match text {
            "captured" => Ok(Self::Captured),
            "ledger" => Ok(Self::Ledger),
            _ => match text.strip_prefix("held:") {
                Some(id) if is_id(id) => Ok(Self::Held(id.to_owned())),
                _ => Err(SetNameError),
            },
        }
    }
}

impl Serialize for SetName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SetName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The number of one run: 16 random bytes, written as 32 lower-case hex digits.
///
/// It names the package, in acquisition.start before the first read as in
/// every part written after.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RunNumber(pub [u8; 16]);

/// Why a text is not a run number.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a run number: expected 32 lower-case hex digits")]
pub struct RunNumberError;

impl fmt::Display for RunNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&scope::digest::hex(&self.0))
    }
}

impl FromStr for RunNumber {
    type Err = RunNumberError;
    fn from_str(text: &str) -> Result<Self, RunNumberError> {
        let bytes = scope::digest::unhex(text).ok_or(RunNumberError)?;
        Ok(Self(bytes.try_into().map_err(|_| RunNumberError)?))
    }
}

impl Serialize for RunNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RunNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
