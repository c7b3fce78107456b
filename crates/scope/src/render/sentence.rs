//! Every sentence that a rendering can say, with what it speaks of.
//!
//! A language is one function with a `match` over all of them, so that none
//! can be forgotten in any: `Sentence::Docket("24 Mag. 0000")` is "Docket: 24
//! Mag. 0000." and "Aktenzeichen: 24 Mag. 0000."

use chrono::{DateTime, FixedOffset};

use crate::artifact::Artifact;
use crate::digest::Digest;
use crate::facts::{Kind, Look, TimeKind};
use crate::glob::Glob;
use crate::lint::Lint;
use crate::mail::Role;
use crate::policy::{Condition, Effect, Hours, ListItems, MediumIdKind, PathCase, Policy, TimeMode};

use super::document::Mark;

/// Something with an id and the label that people read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'p> {
    pub(super) id: &'p str,
    pub(super) label: &'p str,
}

/// Which groups of selectors a rule has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) any: bool,
    pub(super) all: bool,
    pub(super) unless: bool,
}

/// How the selectors under a rule are joined.
#[derive(Clone, Copy, Debug)]
pub(super) enum Join {
    Any,
    All,
    Unless,
}

/// The parts of the document.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Authority,
    Media,
    Looks,
    Rules,
    Combination,
    Unknown,
    Periods,
    Custodians,
    Lists,
    Artifacts,
    Recipients,
    Record,
    Duties,
    Remarks,
}

/// The columns of tables.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column {
    Id,
    From,
    Until,
    Label,
    Accounts,
    Size,
    Digest,
    Holder,
    Opens,
    Key,
}

/// Who holds a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Holder {
    Case,
    Further,
    Auditor,
    Court,
}

/// Where an item goes whose decision needs a fact that cannot be had.
#[derive(Clone, Copy, Debug)]
pub(super) enum Undetermined<'p> {
    Left,
    Held(&'p str),
}

/// From a moment until before another.
pub(super) type Period = (DateTime<FixedOffset>, DateTime<FixedOffset>);

/// One condition, with what it refers to.
#[derive(Debug)]
pub(super) enum Phrase<'p> {
    Path(Vec<&'p str>),
    Name(Vec<&'p str>),
    Ext(&'p [String]),
    Kind(&'p [Kind]),
    Type(&'p [String]),
    TypeMismatch(bool),
    Size { min: Option<u64>, max: Option<u64> },
    Time { of: &'p [TimeKind], each: bool, within: Option<Period> },
    Owner(Vec<Named<'p>>),
    HashIn(Vec<Named<'p>>),
    Encrypted(bool),
    Keywords { list: Named<'p>, at_least: u64 },
    Mail { parties: Vec<Named<'p>>, roles: &'p [Role], each: bool, within: Option<Period> },
    Artifact(Vec<Named<'p>>),
    Volume(&'p [String]),
}

/// One sentence, heading or name.
#[derive(Debug)]
pub(super) enum Sentence<'p> {
    // What the document is.
    Version { id: &'p str, version: u64 },
    PolicyId,
    Supersedes,
    RenderedBy,
    WhatBinds,
    MarksFollow,
    MarkMeans(Mark),
    Part(Part),
    // Who ordered what, and until when.
    Court(&'p str),
    Docket(&'p str),
    Instrument(&'p str),
    LegalBasis(&'p str),
    Particular(&'p str),
    Issued(DateTime<FixedOffset>),
    ExecuteBy(DateTime<FixedOffset>),
    Hours(Hours),
    ReviewBy(DateTime<FixedOffset>),
    // The media.
    MediumShows { label: &'p str, ids: Vec<&'p (MediumIdKind, String)> },
    MediumTagged { label: &'p str, ids: Vec<&'p (MediumIdKind, String)> },
    OtherMediaRefused { tagged: bool },
    WritableRefused,
    Live(bool),
    DeletedCatalogued,
    DeletedHeld(&'p str),
    UnallocatedHeld(&'p str),
    SlackHeld(&'p str),
    NotRead { deleted: bool, unallocated: bool, slack: bool },
    Streams(bool),
    ContainersNotOpened,
    TakenApart { documents: bool, mail: bool },
    ContainersOpened { forms: &'p [&'static str], depth: u64 },
    ContainersWhole,
    ContainersUnknown,
    ContainersZips,
    UnreadNamed,
    UnreadPreserved,
    Closed(&'p str),
    MostItems(u64),
    MostBytes(u64),
    MostBytesWithin(u64),
    // Looks.
    LooksFollow,
    LookAllowed(Look),
    KeptIsRead,
    LookRefused(Look),
    // Rules.
    DefaultDeny,
    RuleHeading { id: &'p str, effect: Effect, to: Option<&'p str> },
    Basis(&'p str),
    Ground(&'p str),
    RuleMeans { effect: Effect, to: Option<Named<'p>>, shape: Shape },
    Joined(Join),
    SelectorIs { selector: Named<'p>, phrase: Phrase<'p> },
    SelectorAll(Named<'p>),
    ItemIs(Phrase<'p>),
    // How they come together.
    ExcludeWins,
    NotIncludedIsLeft,
    Withheld { holds: bool },
    Held(Vec<&'p str>),
    RestIsCaptured,
    HardLinks,
    MailIsDecidedWhole,
    MailIsRead,
    LinksNotFollowed,
    PathCase(PathCase),
    Globs,
    PathsOfVolumes,
    Extensions,
    KeywordsCompare,
    KeywordsRead,
    // What cannot be determined.
    Unknown(Undetermined<'p>),
    UnknownDespiteHold(Undetermined<'p>),
    NotSearchable { no_hit: bool },
    Zoneless(Option<FixedOffset>),
    // Names that the rules use.
    Column(Column),
    Moment(DateTime<FixedOffset>),
    Accounts { uid: &'p [u64], sid: &'p [String] },
    AccountsAreTheirs,
    ListSize { of: &'p ListItems },
    ListDigest { digest: Digest, file: Option<&'p str>, restricted: bool },
    ListTerms(&'p [String]),
    ArtifactOrigin(&'p Artifact),
    ArtifactPaths(&'p [Glob]),
    ArtifactsDecide,
    // Who can open what.
    RecipientsFollow,
    Holder(Holder),
    Opens(Holder),
    CompartmentHeading { at: usize, id: &'p str },
    CompartmentHolder(&'p str),
    CompartmentOfUnread,
    CompartmentKey { key: &'p str, alone: bool },
    Release(&'p str),
    ReleaseOfUnread,
    HeldRow,
    // What is kept of what was left.
    LeftFacts { case: bool },
    LeftCounts,
    KeptBy(&'p str),
    KeptOn(&'p str),
    KeptUntil(&'p str),
    Replayable,
    NotReplayable,
    Inventory,
    // Duties, remarks, the end.
    Condition(&'p str),
    NoConditions,
    Remark(&'p Lint),
    NoRemarks,
    End(Digest),
}

impl<'p> Phrase<'p> {
    /// The condition with what it refers to looked up.
    pub(super) fn of(policy: &'p Policy, condition: &'p Condition) -> Self {
        let lists = |ids: &'p [String]| ids.iter().map(|id| list(policy, id)).collect();
        match condition {
            Condition::Path(globs) => Self::Path(globs.iter().map(|glob| glob.text()).collect()),
            Condition::Name(globs) => Self::Name(globs.iter().map(|glob| glob.text()).collect()),
            Condition::Ext(exts) => Self::Ext(exts),
            Condition::Kind(kinds) => Self::Kind(kinds),
            Condition::Type(types) => Self::Type(types),
            Condition::TypeMismatch(mismatch) => Self::TypeMismatch(*mismatch),
            Condition::Size { min, max } => Self::Size { min: *min, max: *max },
            Condition::Time(time) => {
                let window = policy.windows().iter().find(|window| window.id == time.within);
                let each = time.mode == TimeMode::All && time.of.len() > 1;
                Self::Time { of: &time.of, each, within: window.map(|window| (window.from, window.until)) }
            }
            Condition::Owner(ids) => {
                let owner = |id: &'p String| {
                    let found = policy.custodians().iter().find(|own| own.id == *id);
                    Named { id, label: found.map_or("", |own| &own.label) }
                };
                Self::Owner(ids.iter().map(owner).collect())
            }
            Condition::HashIn(ids) => Self::HashIn(lists(ids)),
            Condition::Encrypted(encrypted) => Self::Encrypted(*encrypted),
            Condition::Keywords { list: id, at_least } => {
                Self::Keywords { list: list(policy, id), at_least: *at_least }
            }
            Condition::Mail(mail) => {
                let window = |id: &String| policy.windows().iter().find(|window| window.id == *id);
                Self::Mail {
                    parties: lists(&mail.party),
                    roles: &mail.role,
                    each: mail.messages == TimeMode::All,
                    within: mail.within.as_ref().and_then(window).map(|window| (window.from, window.until)),
                }
            }
            Condition::Artifact(ids) => {
                let known = ids.iter().filter_map(|id| policy.artifacts().iter().find(|own| own.id == *id));
                Self::Artifact(known.map(|own| Named { id: &own.id, label: &own.label }).collect())
            }
            Condition::Volume(volumes) => Self::Volume(volumes),
        }
    }
}

fn list<'p>(policy: &'p Policy, id: &'p str) -> Named<'p> {
    let found = policy.lists().iter().find(|list| list.id == id);
    Named { id, label: found.map_or("", |list| &list.label) }
}
