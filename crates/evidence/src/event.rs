//! Events of the custody log: one signed statement each, in `event.json`.
//!
//! Implements `docs/spec/custody-log.md`, version 1.
//!
//! ```text
//! {
//!   "format": "ambit/custody-event/1",
//!   "origin": "example.org/cases/KC07",
//!   "index": 2,
//!   "prev_entry": "sha256:5c1b...",
//!   "prev_tree": {"size": 2, "root": "sha256:77aa..."},
//!   "when": "2026-11-23T09:14:00+01:00",
//!   "who": [{"principal": "examiner", "role": "examiner", "person": "A. Berg", "organisation": "LKA"}],
//!   "action": {"kind": "note", "text": "the room was locked at 09:10"},
//!   ...
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, FixedOffset, SecondsFormat};
use scope::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::acquisition::{MediumStatement, RunNumber};
use crate::approval::Instrument;
use crate::strict::{self, StrictError};
use crate::trust::{Role, is_origin, is_principal};

/// One statement in the package's life, signed by those who stand for it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// `ambit/custody-event/1`.
    pub format: Format,
    /// The log's origin.
    pub origin: String,
    /// The event's place in the log, from 0.
    pub index: u64,
    /// SHA-256 of the previous `entry.txt`; null at 0.
    #[serde(deserialize_with = "present")]
    pub prev_entry: Option<Digest>,
    /// The tree over all previous entries; null at 0.
    #[serde(deserialize_with = "present")]
    pub prev_tree: Option<TreeHead>,
    /// When, by the clock below.
    pub when: Moment,
    /// Which clock said so.
    pub clock: Clock,
    /// Everybody who signs this event, sorted by principal.
    pub who: Vec<Person>,
    /// What happened.
    pub action: Action,
    /// Why, in their own words; may be empty.
    pub reason: String,
    /// The program that wrote the event.
    pub tool: Tool,
}

/// The format and version that the file states.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum Format {
    /// Version 1.
    #[default]
    #[serde(rename = "ambit/custody-event/1")]
    V1,
}

/// Size and root of a tree.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TreeHead {
    /// How many leaves.
    pub size: u64,
    /// The RFC 6962 root over them.
    pub root: Digest,
}

/// Which clock gave the time.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// `system`, or what was read.
    pub source: String,
    /// Seconds by which the clock was ahead of a reference; null where none was at hand.
    #[serde(deserialize_with = "present")]
    pub offset_seconds: Option<i64>,
}

/// One signer of an event.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The principal's name in the trust file.
    pub principal: String,
    /// The role in which they sign this event.
    pub role: Role,
    /// The person's name.
    pub person: String,
    /// Whom they work for.
    pub organisation: String,
}

/// The program that acted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its executable.
    pub digest: Digest,
}

/// What happened. A kind that this version does not know is an error.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind")]
pub enum Action {
    /// The case begins. Always, and only, at index 0.
    #[serde(rename = "case.open")]
    CaseOpen(CaseOpen),
    /// A policy is approved.
    #[serde(rename = "policy.approve")]
    PolicyApprove(PolicyApprove),
    /// The medium was opened beyond its layers and counters, and nothing was taken.
    #[serde(rename = "examine")]
    Examine(Examine),
    /// An acquisition is about to read its first item.
    #[serde(rename = "acquisition.start")]
    AcquisitionStart(AcquisitionStart),
    /// An acquisition that was broken off is about to go on.
    #[serde(rename = "acquisition.resume")]
    AcquisitionResume(AcquisitionResume),
    /// An acquisition has closed its last part.
    #[serde(rename = "acquisition.end")]
    AcquisitionEnd(AcquisitionEnd),
    /// A package is sealed.
    #[serde(rename = "package.seal")]
    PackageSeal(PackageSeal),
    /// An auditor's attestation is put on the log.
    #[serde(rename = "auditor.replay")]
    AuditorReplay(Attested),
    /// A holder's attestation is put on the log.
    #[serde(rename = "holder.verdict")]
    HolderVerdict(Attested),
    /// Something worth saying.
    #[serde(rename = "note")]
    Note(Note),
    /// The procedure was departed from, on purpose.
    #[serde(rename = "override")]
    Override(Override),
}

/// The fields of `case.open`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaseOpen {
    /// The label of the medium that the case is about.
    pub medium_label: String,
    /// The case, in words.
    pub description: String,
}

/// The fields of `policy.approve`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyApprove {
    /// The policy's id.
    pub policy: Digest,
    /// SHA-256 of `approval.txt`.
    pub approval: Digest,
    /// SHA-256 of the rendering that was read.
    pub rendering: Digest,
    /// How it was approved.
    pub by: ApprovedBy,
    /// The order that people attest, as `approval.txt` has it; null where the authority signs with a key.
    #[serde(deserialize_with = "present")]
    pub instrument: Option<Instrument>,
    /// What in this approval departs from the procedure, in words; null where nothing does.
    #[serde(deserialize_with = "present")]
    pub departure: Option<String>,
}

/// How a policy was approved.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ApprovedBy {
    /// The authority signed `approval.txt`.
    Signature,
    /// An examiner and a witness attest an order by its digest.
    Instrument,
}

/// The fields of `examine`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Examine {
    /// What for: `plan`, `list` or `explain`.
    pub purpose: String,
    /// The policy by which it was examined; null where there was none.
    #[serde(deserialize_with = "present")]
    pub policy: Option<Digest>,
    /// The medium, as it was found.
    pub medium: MediumStatement,
    /// What was counted.
    pub counts: BTreeMap<String, u64>,
}

/// The fields of `acquisition.start`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AcquisitionStart {
    /// The run number, drawn for this acquisition.
    pub package: RunNumber,
    /// The run key, `ssh-ed25519 AAAA...`, no comment.
    pub run_key: String,
    /// The policy's id.
    pub policy: Digest,
    /// The medium, as it was found.
    pub medium: MediumStatement,
    /// What shows that this was signed after some public moment: `not checked`, or that moment in words.
    pub freshness: String,
    /// Why the source was writable; null where it was not.
    #[serde(deserialize_with = "present")]
    pub writable_source: Option<String>,
    /// Why there is no approval on record; null where there is one.
    #[serde(deserialize_with = "present")]
    pub without_approval: Option<String>,
    /// Make and serial number of the write blocker; null where none is stated.
    #[serde(deserialize_with = "present")]
    pub write_blocker: Option<String>,
}

/// The fields of `acquisition.resume`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AcquisitionResume {
    /// The run number that acquisition.start announced.
    pub package: RunNumber,
    /// The key that signs from here on, `ssh-ed25519 AAAA...`, no comment: the one before is gone.
    pub run_key: String,
    /// The first batch that this key signs, unless a later resume names the same; all before it are kept.
    pub batch: u64,
    /// The policy's id.
    pub policy: Digest,
    /// The medium, as it was found again.
    pub medium: MediumStatement,
}

/// The fields of `acquisition.end`. Items are counted by outcome, over all compartments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AcquisitionEnd {
    /// The run number.
    pub package: RunNumber,
    /// All items: the sum of the four below.
    pub items: u64,
    /// Items captured.
    pub captured: u64,
    /// Items held for any compartment.
    pub held: u64,
    /// Items listed, to anybody.
    pub listed: u64,
    /// Items left.
    pub left: u64,
    /// Bytes of content captured, before compression; held content is not counted, so that its size stays unknown.
    pub bytes: u64,
    /// Items of which some content could not be read.
    pub unreadable: u64,
    /// Places of the medium that could not be walked.
    pub issues: u64,
    /// Whether the run was ended before the walk was.
    pub interrupted: bool,
    /// SHA-256 of `meta/acquisition.json`: whoever changes it after the run can no longer hide that.
    pub acquisition_sha256: Digest,
    /// SHA-256 of the whole medium after the last item; absent where it was not computed.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub medium_sha256: Option<Digest>,
    /// SHA-256 of each drive of a set after the last item, in the order given, `None` where not every byte of it could be
    /// read; absent where they were not computed, and of a medium of one drive.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub drive_sha256: Option<Vec<Option<Digest>>>,
    /// What the medium did not give, wherever it was read; absent where it gave everything.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub medium_unreadable: Option<MediumUnreadable>,
}

/// The ranges of a medium that could not be read.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MediumUnreadable {
    /// How many there are.
    pub ranges: u64,
    /// How many bytes they have together.
    pub bytes: u64,
    /// The first of them, at most 1,000: by drive, then ascending.
    pub first: Vec<UnreadableRange>,
    /// SHA-256 of the whole medium with zeros in all of them, after the last item; absent where it was not computed. It is
    /// the digest of no medium.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub sha256_with_zeros: Option<Digest>,
}

impl fmt::Display for MediumUnreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of the medium in {} ranges could not be read", self.bytes, self.ranges)
    }
}

/// A range of a drive that could not be read.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UnreadableRange {
    /// Which drive of the medium, from 1.
    pub drive: u64,
    /// The first byte.
    pub from: u64,
    /// The byte after the last.
    pub to: u64,
}

impl MediumUnreadable {
    /// Most ranges that are spelled out, so that an event stays one that can be read.
    pub const MAX_FIRST: usize = 1_000;

    /// Of the ranges of each drive, ascending; `None` where there is none.
    #[must_use]
    pub fn of(drives: &[Vec<std::ops::Range<u64>>]) -> Option<Self> {
        let mut all = Self::default();
        for (drive, ranges) in (1_u64..).zip(drives) {
            for range in ranges {
                all.ranges = all.ranges.saturating_add(1);
                all.bytes = all.bytes.saturating_add(range.end.saturating_sub(range.start));
                if all.first.len() < Self::MAX_FIRST {
                    all.first.push(UnreadableRange { drive, from: range.start, to: range.end });
                }
            }
        }
        (all.ranges > 0).then_some(all)
    }
}

/// The fields of `package.seal`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PackageSeal {
    /// The run number.
    pub package: RunNumber,
    /// SHA-256 of `tagmanifest-sha256.txt`.
    pub tagmanifest: Digest,
    /// Every seal signature, sorted by principal.
    pub signatures: Vec<SealSignature>,
}

/// One signature over a file that the event quotes.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SealSignature {
    /// Who signed: the file is `seal/tagmanifest-sha256.txt.<principal>.sig`, or `attestation.txt.<principal>.sig`
    /// beside the event.
    pub principal: String,
    /// SHA-256 of the signature file.
    pub signature: Digest,
}

/// The fields of `auditor.replay` and `holder.verdict`: an attestation, `attestation.txt` beside the event, and who signed it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Attested {
    /// The run number of the package that it is about.
    pub package: RunNumber,
    /// SHA-256 of `attestation.txt`.
    pub attestation: Digest,
    /// Every signature over it, `attestation.txt.<principal>.sig`, sorted by principal.
    pub signatures: Vec<SealSignature>,
}

/// The fields of `note`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// What there is to say.
    pub text: String,
}

/// The fields of `override`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// What was departed from.
    pub what: String,
    /// Why.
    pub reason: String,
}

impl Action {
    /// The kind as the log writes it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CaseOpen(_) => "case.open",
            Self::PolicyApprove(_) => "policy.approve",
            Self::Examine(_) => "examine",
            Self::AcquisitionStart(_) => "acquisition.start",
            Self::AcquisitionResume(_) => "acquisition.resume",
            Self::AcquisitionEnd(_) => "acquisition.end",
            Self::PackageSeal(_) => "package.seal",
            Self::AuditorReplay(_) => "auditor.replay",
            Self::HolderVerdict(_) => "holder.verdict",
            Self::Note(_) => "note",
            Self::Override(_) => "override",
        }
    }
}

impl Action {
    /// The attestation that the event puts on the log, if it is of such a kind.
    #[must_use]
    pub fn attested(&self) -> Option<&Attested> {
        match self {
            Self::AuditorReplay(attested) | Self::HolderVerdict(attested) => Some(attested),
            _ => None,
        }
    }
}

impl Event {
    /// The bytes of `event.json`: pretty-printed JSON and a line feed. These bytes are what is signed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        pretty(self)
    }

    /// Reads an `event.json`.
    ///
    /// # Errors
    ///
    /// [`StrictError`] for anything but one strict JSON object with exactly these fields, and [`EventError::Rule`]
    /// for a value that no event may have.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EventError> {
        let event: Self = strict::from_json(bytes)?;
        let rule = |holds: bool, what| if holds { Ok(()) } else { Err(EventError::Rule(what)) };
        rule(is_origin(&event.origin), "origin: not an origin")?;
        rule(
            (event.index == 0) == event.prev_entry.is_none(),
            "prev_entry: null at index 0 and there alone",
        )?;
        rule((event.index == 0) == event.prev_tree.is_none(), "prev_tree: null at index 0 and there alone")?;
        rule(!event.who.is_empty(), "who: nobody")?;
        rule(event.who.iter().all(|w| is_principal(&w.principal)), "who: not a principal's name")?;
        rule(
            event.who.is_sorted_by(|a, b| a.principal < b.principal),
            "who: not sorted by principal, or one twice",
        )?;
        let sealed = match &event.action {
            Action::PackageSeal(seal) => Some(&seal.signatures),
            action => action.attested().map(|attested| &attested.signatures),
        };
        if let Some(signatures) = sealed {
            let sorted = signatures.is_sorted_by(|a, b| a.principal < b.principal);
            rule(sorted, "signatures: not sorted by principal, or one twice")?;
            rule(
                signatures.iter().all(|s| is_principal(&s.principal)),
                "signatures: not a principal's name",
            )?;
        }
        if let Some(attested) = event.action.attested() {
            rule(!attested.signatures.is_empty(), "signatures: nobody signed the attestation")?;
        }
        if let Action::PolicyApprove(approve) = &event.action {
            let attested = approve.by == ApprovedBy::Instrument;
            rule(
                attested == approve.instrument.is_some(),
                "instrument: given exactly where `by` is `instrument`",
            )?;
        }
        if let Action::AcquisitionEnd(end) = &event.action {
            let parts = [end.captured, end.held, end.listed, end.left];
            let sum = parts.into_iter().try_fold(0_u64, u64::checked_add);
            rule(sum == Some(end.items), "items: not the sum of captured, held, listed and left")?;
        }
        Ok(event)
    }
}

/// Why bytes are not an event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// Not the strict JSON of an event.
    #[error(transparent)]
    Json(#[from] StrictError),
    /// A value that no event may have.
    #[error("{0}")]
    Rule(&'static str),
}

/// A point in time as RFC 3339 writes it, with seconds and an explicit offset.
///
/// Two moments are equal when they are written alike.
#[derive(Clone, Eq, PartialEq)]
pub struct Moment {
    text: String,
    at: DateTime<FixedOffset>,
}

/// Why a text is not a moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a time: expected RFC 3339 such as 2026-11-23T09:14:00+01:00")]
pub struct MomentError;

impl Moment {
    /// This point in time, to the second.
    #[must_use]
    pub fn new(at: DateTime<FixedOffset>) -> Self {
        let text = at.to_rfc3339_opts(SecondsFormat::Secs, true);
        // What is written is what is meant: the fraction of a second is gone from both.
        let at = DateTime::parse_from_rfc3339(&text).unwrap_or(at);
        Self { text, at }
    }

    /// The point in time.
    #[must_use]
    pub fn at(&self) -> DateTime<FixedOffset> {
        self.at
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Moment {
    type Err = MomentError;
    fn from_str(text: &str) -> Result<Self, MomentError> {
        // chrono also reads a blank or small letters between date and time, and leap seconds.
        let shape = text.len() <= 40
            && text.bytes().enumerate().all(|(place, c)| match place {
                10 => c == b'T',
                _ => c.is_ascii_digit() || matches!(c, b'-' | b':' | b'.' | b'+' | b'Z'),
            });
        if !shape || text.ends_with("-00:00") || text.get(17..19).is_none_or(|seconds| seconds > "59") {
            return Err(MomentError);
        }
        let at = DateTime::parse_from_rfc3339(text).map_err(|_| MomentError)?;
        Ok(Self { text: text.to_owned(), at })
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Reads a field that may be null but must be there.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer)
}

/// Reads a field that may be absent, and is never null.
pub(crate) fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Pretty-printed JSON and a line feed.
pub(crate) fn pretty<T: Serialize>(value: &T) -> Vec<u8> {
    // Our structures hold strings, integers and maps with string keys alone: writing them cannot fail.
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests;
