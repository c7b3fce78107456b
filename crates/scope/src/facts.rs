//! Facts: what the looks at one item found.
//!
//! A record carries each fact as one JSON value, committed alone, so that one
//! fact can be opened without the others:
//!
//! ```text
//! {"kind":"file"}
//! {"name":"/var/log/auth.log"}
//! {"size":18231}
//! {"time":{"of":"modified","from":"inode","ns":"1300000000000000000","zone":"recorded"}}
//! ```
//!
//! Integers, booleans, enumerations and byte strings alone: no floating point,
//! so that a decision comes out the same everywhere.

mod attribute;
mod contained;
mod decimal;
mod keywords;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::digest::Digest;
use crate::mail::MailFact;
use crate::name::RawName;

pub use attribute::Attribute;
pub use contained::{ContainerFact, EndFact, Member, Slack};
pub use keywords::{Hit, KeywordFact, Layer, TextFact};

/// How deep into an item the examination goes, in rising intrusion.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Look {
    /// Names, times, sizes, owners: what the file system says about the item.
    Metadata,
    /// The first bytes, compared with the table `magic/1`.
    Type,
    /// The digest of the content.
    Hash,
    /// The content, searched for keywords.
    Content,
}

impl Look {
    /// All looks, in rising intrusion.
    pub const ALL: [Self; 4] = [Self::Metadata, Self::Type, Self::Hash, Self::Content];

    /// The word used in policies and records.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Type => "type",
            Self::Hash => "hash",
            Self::Content => "content",
        }
    }
}

/// What an item is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A file with content.
    File,
    /// A directory.
    Directory,
    /// A symbolic link; its target is a fact and is never followed.
    Symlink,
    /// A named pipe; never opened.
    Fifo,
    /// A socket; never opened.
    Socket,
    /// A character device; never opened.
    CharDevice,
    /// A block device; never opened.
    BlockDevice,
    /// A named stream of a file.
    Stream,
    /// A deleted entry of which the file system still has something. Its content is not read: what it was is not certain.
    Deleted,
    /// A range of a volume of which no file can be read, preserved raw.
    Volume,
    /// A run of space that its file system counts as free.
    Unallocated,
    /// What stands behind the end of a file's content, in the last of its blocks. Its facts are its file's, and [`Facts::slack`].
    Slack,
    /// What stands where a deleted entry had its content, in space that is free now.
    Recovered,
    /// A file inside a container. It is a file to every rule; its facts say of what it is a member.
    Member,
    /// An object of a kind that this version does not know.
    Other,
}

impl Kind {
    /// Whether items of this kind have a size: those with content, and deleted entries, whose size is still on record.
    #[must_use]
    pub fn has_size(self) -> bool {
        self.has_content() || self == Self::Deleted
    }

    /// Whether a rule about `kinds` is about this one. A member is a file, too: what is said of files must not pass it by.
    #[must_use]
    pub fn is_among(self, kinds: &[Self]) -> bool {
        kinds.contains(&self) || self == Self::Member && kinds.contains(&Self::File)
    }

    /// Whether items of this kind have bytes that can be read.
    #[must_use]
    pub fn has_content(self) -> bool {
        matches!(
            self,
            Self::File
                | Self::Stream
                | Self::Volume
                | Self::Unallocated
                | Self::Slack
                | Self::Recovered
                | Self::Member
        )
    }
}

/// Which time of an item.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeKind {
    /// The content was last changed.
    Modified,
    /// The content was last read.
    Accessed,
    /// The inode was last changed.
    Changed,
    /// The item came into being.
    Created,
}

/// How a time's zone is known.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Zone {
    /// The file system stores UTC or an offset.
    Recorded,
    /// Local time, read with the policy's `zoneless_times`.
    Assumed,
    /// Local time of an unknown zone: the time decides nothing.
    None,
}

/// One time stamp.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    /// Which time.
    pub of: TimeKind,
    /// Where it stands: `inode`, `stat`, `dir-entry`, `$SI`, `$FN`.
    pub from: String,
    /// Nanoseconds since 1970-01-01T00:00:00Z, in decimal; local time where `zone` is `none`.
    #[serde(with = "decimal")]
    pub ns: i128,
    /// How the zone is known.
    pub zone: Zone,
}

/// How names compare on a volume.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CaseRule {
    /// `A` and `a` are two names.
    #[default]
    Sensitive,
    /// `A` and `a` are one name (`fold/1`).
    Insensitive,
}

/// What the look *type* found.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TypeFact {
    /// The type's name in `magic/1`, such as `zip`; `unknown` where no entry fits.
    pub name: String,
    /// Whether the content is encrypted: `null` where the first bytes do not tell.
    pub encrypted: Option<bool>,
    /// How many bytes were examined.
    pub examined: u64,
    /// What its end tells, where the policy opens archives and its beginning is that of none.
    #[serde(default, deserialize_with = "contained::end", skip_serializing_if = "Option::is_none")]
    pub end: Option<EndFact>,
}

/// What the look *hash* found.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HashFact {
    /// SHA-256 of the whole content.
    pub sha256: Digest,
    /// MD5, 32 lower-case hex digits, where asked for.
    #[serde(default, deserialize_with = "hex_of::<32, _>", skip_serializing_if = "Option::is_none")]
    pub md5: Option<String>,
    /// SHA-1, 40 lower-case hex digits, where asked for.
    #[serde(default, deserialize_with = "hex_of::<40, _>", skip_serializing_if = "Option::is_none")]
    pub sha1: Option<String>,
}

/// A look that could not be taken to its end.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Which look.
    pub look: Look,
    /// What went wrong, in words that name nothing of the item: at most [`Failure::MAX_REASON`] printable ASCII characters.
    #[serde(deserialize_with = "reason")]
    pub reason: String,
}

impl Failure {
    /// Longest reason, in characters. A reason is a sentence, and no place for anything else.
    pub const MAX_REASON: usize = 200;

    /// How a reason begins where a look failed since the archive that holds the item contradicts it: the archive's bytes could
    /// be read, and say so.
    pub const OF_ARCHIVE: &str = "the archive contradicts its content: ";

    /// Whether the look failed for that reason.
    #[must_use]
    pub fn is_of_archive(&self) -> bool {
        self.reason.starts_with(Self::OF_ARCHIVE)
    }

    /// A failure whose reason is cut to what may be recorded; other characters become `?`.
    #[must_use]
    pub fn new(look: Look, reason: &str) -> Self {
        Self { look, reason: Self::plain(reason) }
    }

    /// A reason as it may be recorded.
    #[must_use]
    pub fn plain(reason: &str) -> String {
        let plain = |c: char| if matches!(c, ' '..='~') { c } else { '?' };
        reason.chars().take(Self::MAX_REASON).map(plain).collect()
    }
}

/// One fact, as a record carries it.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// The volume that the item is on.
    Volume(String),
    /// How names compare on that volume.
    CaseRule(CaseRule),
    /// The file system's own id of the item: `inode:12:0`.
    Node(String),
    /// What the item is.
    Kind(Kind),
    /// A path from the root of the volume. An item with several names has several of these.
    Name(RawName),
    /// How many names the file system counts.
    Links(u64),
    /// Length in bytes.
    Size(u64),
    /// Bytes allocated on the medium; less than `size` for a sparse file.
    Allocated(u64),
    /// Of a slack: whose it is, and how long.
    Slack(Slack),
    /// Of a member: of which container.
    Member(Member),
    /// A time stamp.
    Time(Stamp),
    /// Owner's user id.
    Uid(u64),
    /// Owner's group id.
    Gid(u64),
    /// Owner's security identifier.
    Sid(String),
    /// Permission bits.
    Mode(u64),
    /// A symbolic link's target; never followed.
    LinkTarget(RawName),
    /// An extended attribute.
    Attribute(Attribute),
    /// The look *type*.
    Type(TypeFact),
    /// The look *hash*.
    Hash(HashFact),
    /// The look *content*, for one keyword list.
    Keywords(KeywordFact),
    /// The look *content*, for one condition on mail.
    Mail(MailFact),
    /// The look *content*: what the container holds.
    Container(ContainerFact),
    /// A look that could not be taken to its end.
    Failure(Failure),
    /// The looks taken, in order. Always the last fact.
    Looks(Vec<Look>),
}

impl Fact {
    /// The look that finds this fact. `Looks` itself is bookkeeping and belongs to metadata.
    #[must_use]
    pub fn look(&self) -> Look {
        match self {
            Self::Type(_) => Look::Type,
            Self::Hash(_) => Look::Hash,
            Self::Keywords(_) | Self::Mail(_) | Self::Container(_) => Look::Content,
            Self::Failure(failure) => failure.look,
            _ => Look::Metadata,
        }
    }
}

/// All that is known of one item.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Facts {
    /// The volume that the item is on.
    pub volume: String,
    /// How names compare on that volume.
    pub case_rule: CaseRule,
    /// The file system's own id of the item.
    pub node: String,
    /// What the item is.
    pub kind: Kind,
    /// Every name that was found, sorted bytewise, none twice. Empty only where no path is known.
    pub names: Vec<RawName>,
    /// How many names the file system counts, where it does.
    pub links: Option<u64>,
    /// Length in bytes, for items with content.
    pub size: Option<u64>,
    /// Bytes allocated on the medium.
    pub allocated: Option<u64>,
    /// Of a slack: whose it is, and how long. All other facts are of the item whose slack it is.
    pub slack: Option<Slack>,
    /// Of a member: of which container.
    pub member: Option<Member>,
    /// Time stamps.
    pub times: Vec<Stamp>,
    /// Owner's user id.
    pub uid: Option<u64>,
    /// Owner's group id.
    pub gid: Option<u64>,
    /// Owner's security identifier.
    pub sid: Option<String>,
    /// Permission bits.
    pub mode: Option<u64>,
    /// A symbolic link's target.
    pub link_target: Option<RawName>,
    /// Extended attributes, sorted by name.
    pub attributes: Vec<Attribute>,
    /// What the look *type* found.
    pub type_fact: Option<TypeFact>,
    /// What the look *hash* found.
    pub hash: Option<HashFact>,
    /// What the look *content* found, one per keyword list, in the policy's order.
    pub keywords: Vec<KeywordFact>,
    /// What the look *content* found, one per condition on mail, in the order of the atoms.
    pub mail: Vec<MailFact>,
    /// What the container holds, where it was opened.
    pub container: Option<ContainerFact>,
    /// Looks that could not be taken to their end.
    pub failures: Vec<Failure>,
    /// The looks taken so far, in order.
    pub looks: Vec<Look>,
}

/// Why a list of facts is not a record's.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FactsError {
    /// A fact that every item has is absent.
    #[error("the fact `{0}` is missing")]
    Missing(&'static str),
    /// The facts are not exactly those that writing them again gives: one is doubled or out of order.
    #[error("facts are doubled or out of order")]
    NotCanonical,
}

impl Facts {
    /// Length of the item's own content in bytes: of a slack, that of the slack.
    #[must_use]
    pub fn content_size(&self) -> Option<u64> {
        match self.kind {
            Kind::Slack => self.slack.map(|slack| slack.size),
            _ => self.size,
        }
    }

    /// What the look *hash* found of the item's own content; nothing for a slack, whose file it was taken at.
    #[must_use]
    pub fn content_hash(&self) -> Option<&HashFact> {
        self.hash.as_ref().filter(|_| self.kind != Kind::Slack)
    }

    /// The kind that a rule asks for: of a slack, that of the item whose slack it is.
    #[must_use]
    pub fn kind_for_rules(&self) -> Kind {
        match (self.kind, self.slack) {
            (Kind::Slack, Some(slack)) => slack.of,
            _ => self.kind,
        }
    }

    /// The facts one by one, in the order in which a record carries them.
    #[must_use]
    pub fn to_list(&self) -> Vec<Fact> {
        let mut list = vec![
            Fact::Volume(self.volume.clone()),
            Fact::CaseRule(self.case_rule),
            Fact::Node(self.node.clone()),
            Fact::Kind(self.kind),
        ];
        list.extend(self.names.iter().cloned().map(Fact::Name));
        list.extend(self.links.map(Fact::Links));
        list.extend(self.size.map(Fact::Size));
        list.extend(self.allocated.map(Fact::Allocated));
        list.extend(self.slack.map(Fact::Slack));
        list.extend(self.member.clone().map(Fact::Member));
        list.extend(self.times.iter().cloned().map(Fact::Time));
        list.extend(self.uid.map(Fact::Uid));
        list.extend(self.gid.map(Fact::Gid));
        list.extend(self.sid.clone().map(Fact::Sid));
        list.extend(self.mode.map(Fact::Mode));
        list.extend(self.link_target.clone().map(Fact::LinkTarget));
        list.extend(self.attributes.iter().cloned().map(Fact::Attribute));
        list.extend(self.type_fact.clone().map(Fact::Type));
        list.extend(self.hash.clone().map(Fact::Hash));
        list.extend(self.keywords.iter().cloned().map(Fact::Keywords));
        list.extend(self.mail.iter().cloned().map(Fact::Mail));
        list.extend(self.container.clone().map(Fact::Container));
        list.extend(self.failures.iter().cloned().map(Fact::Failure));
        list.push(Fact::Looks(self.looks.clone()));
        list
    }

    /// Puts a record's facts together again.
    ///
    /// # Errors
    ///
    /// [`FactsError`] unless [`Facts::to_list`] of the result gives `list` back.
    pub fn from_list(list: &[Fact]) -> Result<Self, FactsError> {
        let mut volume = None;
        let mut case_rule = None;
        let mut node = None;
        let mut kind = None;
        let mut looks = None;
        let mut facts = Self::empty();
        for fact in list {
            match fact.clone() {
                Fact::Volume(value) => volume = Some(value),
                Fact::CaseRule(value) => case_rule = Some(value),
                Fact::Node(value) => node = Some(value),
                Fact::Kind(value) => kind = Some(value),
                Fact::Name(value) => facts.names.push(value),
                Fact::Links(value) => facts.links = Some(value),
                Fact::Size(value) => facts.size = Some(value),
                Fact::Allocated(value) => facts.allocated = Some(value),
                Fact::Slack(value) => facts.slack = Some(value),
                Fact::Member(value) => facts.member = Some(value),
                Fact::Time(value) => facts.times.push(value),
                Fact::Uid(value) => facts.uid = Some(value),
                Fact::Gid(value) => facts.gid = Some(value),
                Fact::Sid(value) => facts.sid = Some(value),
                Fact::Mode(value) => facts.mode = Some(value),
                Fact::LinkTarget(value) => facts.link_target = Some(value),
                Fact::Attribute(value) => facts.attributes.push(value),
                Fact::Type(value) => facts.type_fact = Some(value),
                Fact::Hash(value) => facts.hash = Some(value),
                Fact::Keywords(value) => facts.keywords.push(value),
                Fact::Mail(value) => facts.mail.push(value),
                Fact::Container(value) => facts.container = Some(value),
                Fact::Failure(value) => facts.failures.push(value),
                Fact::Looks(value) => looks = Some(value),
            }
        }
        facts.volume = volume.ok_or(FactsError::Missing("volume"))?;
        facts.case_rule = case_rule.ok_or(FactsError::Missing("case-rule"))?;
        facts.node = node.ok_or(FactsError::Missing("node"))?;
        facts.kind = kind.ok_or(FactsError::Missing("kind"))?;
        facts.looks = looks.ok_or(FactsError::Missing("looks"))?;
        if facts.to_list() != list || !facts.are_canonical() {
            return Err(FactsError::NotCanonical);
        }
        Ok(facts)
    }

    /// Whether [`Facts::from_list`] takes what [`Facts::to_list`] gives: no name stands twice or out of order.
    #[must_use]
    pub fn are_canonical(&self) -> bool {
        self.names.is_sorted_by(|a, b| a < b)
    }

    /// The facts as they stood when only `looks` had been taken: what a replay starts from.
    #[must_use]
    pub fn up_to(&self, looks: &[Look]) -> Self {
        let mut facts = self.clone();
        let took = |look| looks.contains(&look);
        if !took(Look::Type) {
            facts.type_fact = None;
        }
        if !took(Look::Hash) {
            facts.hash = None;
        }
        if !took(Look::Content) {
            facts.keywords.clear();
            facts.mail.clear();
            facts.container = None;
        }
        facts.failures.retain(|failure| took(failure.look));
        facts.looks.retain(|look| took(*look));
        facts
    }

    fn empty() -> Self {
        Self {
            volume: String::new(),
            case_rule: CaseRule::Sensitive,
            node: String::new(),
            kind: Kind::Other,
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
            looks: Vec::new(),
        }
    }
}

/// Reads `DIGITS` lower-case hex digits.
fn hex_of<'de, const DIGITS: usize, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let sound = text.len() == DIGITS && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    if sound { Ok(Some(text)) } else { Err(D::Error::custom(format!("not {DIGITS} lower-case hex digits"))) }
}

fn is_reason(text: &str) -> bool {
    text.len() <= Failure::MAX_REASON && text.bytes().all(|c| matches!(c, b' '..=b'~'))
}

/// Reads a [`Failure::reason`].
fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let sound = is_reason(&text);
    let limit = Failure::MAX_REASON;
    if sound {
        Ok(text)
    } else {
        Err(D::Error::custom(format!("not at most {limit} printable ASCII characters")))
    }
}
