//! The policy as a typed tree: what `policy.toml` says, once it can only be right.
//!
//! Implements `docs/spec/policy.md`, "Schema, field by field". The way to get a
//! [`Policy`] is [`Policy::parse`].

use std::sync::Arc;

use chrono::{DateTime, FixedOffset};

use crate::artifact::Artifact;
use crate::bundle::Bundle;
use crate::compile::{Compiled, Test};
use crate::digest::Digest;
use crate::facts::Look;
use crate::glob::Glob;
use crate::hash_list::HashList;
use crate::mail::MailTest;
use crate::problem::PolicyProblems;
use crate::read::Places;

pub use crate::hours::Hours;
pub use crate::selector::{
    Atom, Condition, Effect, Field, MailCondition, Rule, Selector, TimeCondition, TimeMode,
};

/// A scoping policy that has been read, checked and compiled. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) tree: Arc<Tree>,
    pub(crate) compiled: Arc<Compiled>,
}

/// The fields of `policy.toml`.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) id: Digest,
    pub(crate) schema_id: String,
    pub(crate) version: u64,
    pub(crate) title: String,
    pub(crate) supersedes: Option<Digest>,
    pub(crate) authority: Authority,
    pub(crate) recipients: Recipients,
    pub(crate) record: Record,
    pub(crate) target: Target,
    pub(crate) limits: Limits,
    pub(crate) defaults: Defaults,
    pub(crate) windows: Vec<Window>,
    pub(crate) custodians: Vec<Custodian>,
    pub(crate) lists: Vec<List>,
    pub(crate) artifacts: Vec<Artifact>,
    pub(crate) compartments: Vec<Compartment>,
    pub(crate) selectors: Vec<Selector>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) places: Places,
}

impl Policy {
    /// Reads a bundle.
    ///
    /// # Errors
    ///
    /// [`PolicyProblems`]: every problem at once, each with file, line, column and a hint.
    pub fn parse(bundle: &Bundle) -> Result<Self, PolicyProblems> {
        let tree = crate::read::read(bundle)?;
        let compiled = Compiled::of(&tree);
        Ok(Self { tree: Arc::new(tree), compiled: Arc::new(compiled) })
    }

    /// The policy id: what the authority signs. See [`Bundle::id`].
    #[must_use]
    pub fn id(&self) -> Digest {
        self.tree.id
    }

    /// The field `id`: the name that the authority gave to this policy.
    #[must_use]
    pub fn schema_id(&self) -> &str {
        &self.tree.schema_id
    }

    /// The field `version`.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.tree.version
    }

    /// The field `title`.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.tree.title
    }

    /// The policy id of the version that this one replaces.
    #[must_use]
    pub fn supersedes(&self) -> Option<Digest> {
        self.tree.supersedes
    }

    /// Who ordered it, on what ground, until when.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.tree.authority
    }

    /// Who can open what, apart from the compartments.
    #[must_use]
    pub fn recipients(&self) -> &Recipients {
        &self.tree.recipients
    }

    /// What is kept about items that were left.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.tree.record
    }

    /// Which media, and how deep the tool may look.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.tree.target
    }

    /// Where the capture stops.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.tree.limits
    }

    /// What holds where a rule does not say.
    #[must_use]
    pub fn defaults(&self) -> &Defaults {
        &self.tree.defaults
    }

    /// The windows of time, in file order.
    #[must_use]
    pub fn windows(&self) -> &[Window] {
        &self.tree.windows
    }

    /// The custodians, in file order.
    #[must_use]
    pub fn custodians(&self) -> &[Custodian] {
        &self.tree.custodians
    }

    /// The lists, in file order.
    #[must_use]
    pub fn lists(&self) -> &[List] {
        &self.tree.lists
    }

    /// The compartments, in file order, which is their precedence.
    #[must_use]
    pub fn compartments(&self) -> &[Compartment] {
        &self.tree.compartments
    }

    /// The selectors, in file order.
    #[must_use]
    pub fn selectors(&self) -> &[Selector] {
        &self.tree.selectors
    }

    /// The rules, in file order, which means nothing.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.tree.rules
    }

    /// Why a list of digests could not be read when it was asked, if that has happened: the file, and what the storage said
    /// or that it is another file by now. What was decided since then is of no use.
    #[must_use]
    pub fn list_trouble(&self) -> Option<String> {
        self.tree.lists.iter().find_map(|list| match &list.items {
            ListItems::Sha256(items) => {
                items.trouble().map(|why| format!("{}: {why}", list.file.as_deref().unwrap_or(&list.id)))
            }
            ListItems::Keywords(_) | ListItems::Addresses(_) => None,
        })
    }

    /// The keyword lists, in file order: what the look *content* searches for.
    #[must_use]
    pub fn keyword_lists(&self) -> Vec<KeywordList<'_>> {
        let lists = self.tree.lists.iter();
        lists
            .filter_map(|list| match &list.items {
                ListItems::Keywords(terms) => Some(KeywordList { id: &list.id, terms }),
                ListItems::Sha256(_) | ListItems::Addresses(_) => None,
            })
            .collect()
    }

    /// How many different terms of a keyword list the policy asks for, once for each time it asks.
    pub fn keyword_thresholds<'a>(&'a self, id: &'a str) -> impl Iterator<Item = u64> + 'a {
        self.compiled.atoms.iter().filter_map(move |own| match &own.test {
            Test::Keywords { list, at_least, .. } if list == id => Some(*at_least),
            _ => None,
        })
    }

    /// The conditions on mail by their selectors' ids, in the order of the atoms: what the look *content* compares messages
    /// with.
    #[must_use]
    pub fn mail_tests(&self) -> Vec<(&str, &MailTest)> {
        let atoms = self.compiled.atoms.iter();
        atoms
            .filter_map(|own| match &own.test {
                Test::Mail(test) => Some((own.atom.selector.as_str(), test)),
                _ => None,
            })
            .collect()
    }
}

/// One keyword list. Hits name a term by its position, from 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeywordList<'a> {
    /// The list's id.
    pub id: &'a str,
    /// The terms, as written.
    pub terms: &'a [String],
}

/// `[authority]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Authority {
    /// The court, or who else ordered it.
    pub court: String,
    /// Docket number.
    pub docket: String,
    /// What kind of order.
    pub instrument: String,
    /// The law it rests on.
    pub legal_basis: Vec<String>,
    /// When it was issued.
    pub issued: DateTime<FixedOffset>,
    /// Seizure or copying on site must be done by then.
    pub execute_by: DateTime<FixedOffset>,
    /// Hours of the day for work on site.
    pub hours: Hours,
    /// Examination in the laboratory must be done by then.
    pub review_by: DateTime<FixedOffset>,
    /// What the order describes.
    pub particulars: Vec<String>,
    /// Duties of people: shown, not checked.
    pub conditions: Vec<String>,
}

/// `[recipients]`: age X25519 recipients, `age1...`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recipients {
    /// Who opens the captured set.
    pub case: Vec<String>,
    /// Who opens the ledger.
    pub auditor: Vec<String>,
    /// Who opens the ledger, too.
    pub court: Vec<String>,
    /// Further holders of the captured set: the defence, the court.
    pub captured_also: Vec<String>,
}

/// `[record]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// What the ledger keeps of an item that was left.
    pub left: LeftRecord,
    /// Who keeps it.
    pub holder: String,
    /// On what ground.
    pub basis: String,
    /// Until when, in words.
    pub until: String,
}

/// What the ledger keeps of an item that was left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LeftRecord {
    /// Its facts, encrypted to auditor and court.
    Facts,
    /// Nothing but a blinded line; its decision cannot be replayed.
    Counts,
}

/// `[target]`.
#[derive(Clone, Debug)]
pub struct Target {
    /// The media that the order covers.
    pub media: Vec<MediaSpec>,
    /// Whether a running system or a snapshot of one may be read.
    pub live: bool,
    /// The looks that the tool may take at an item, in rising intrusion; metadata is always among them.
    pub inspect: Vec<Look>,
    /// Whether named streams are items.
    pub streams: bool,
    /// Whether deleted entries are items, and whether what stands where their content was is read.
    pub deleted: Deleted,
    /// The compartment for which unallocated space of file systems that are read is held; `None` where it is not read.
    pub unallocated: Option<String>,
    /// The compartment for which slack of what is kept is held; `None` where it is not read.
    pub slack: Option<String>,
    /// What becomes of a volume that is recognised and cannot be read.
    pub unread_volumes: UnreadVolumes,
    /// Folders into which the walk does not go.
    pub closed: Vec<Glob>,
    /// Which containers are opened; `None` where none is.
    pub containers: Option<Containers>,
}

/// Which containers are opened, and how deep.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Containers {
    /// Their forms, in the order of [`Containers::FORMS`].
    pub open: Vec<&'static str>,
    /// How many containers may lie in each other.
    pub max_depth: u64,
}

impl Containers {
    /// The forms that can be opened, as `magic/1` calls them.
    pub const FORMS: [&'static str; 3] = ["zip", "gzip", "tar"];
    /// The deepest that a policy can ask for. Each level costs a process while it is open.
    pub const MAX_DEPTH: u64 = 8;
}

/// `target.deleted`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Deleted {
    /// Deleted entries are no items.
    #[default]
    Never,
    /// They are, decided by what the file system still says of them. Their content is not read.
    Catalogue,
    /// They are, and so is what stands where their content was, if it is free now. What the rules capture of either is
    /// held for this compartment.
    Hold(String),
}

impl Target {
    /// Whether it has something held for the compartment `id`, whatever the rules say.
    #[must_use]
    pub fn holds_for(&self, id: &str) -> bool {
        let deleted = match &self.deleted {
            Deleted::Hold(compartment) => Some(compartment),
            Deleted::Never | Deleted::Catalogue => None,
        };
        [self.unallocated.as_ref(), self.slack.as_ref(), deleted].into_iter().flatten().any(|own| own == id)
    }
}

/// The compartment, after all those of the file, to which unread volumes go where they are preserved. The court opens it.
pub const UNREAD_VOLUMES: &str = "unread-volumes";

/// `target.unread_volumes`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum UnreadVolumes {
    /// It is named in the record, and nothing of it is taken.
    #[default]
    Name,
    /// It may be preserved raw, encrypted to the court alone.
    Preserve,
}

/// One medium that the order covers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MediaSpec {
    /// Its label.
    pub label: String,
    /// Its identities, in the order of [`MediumIdKind`]; at least one.
    pub ids: Vec<(MediumIdKind, String)>,
}

/// What identifies a medium.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum MediumIdKind {
    /// The device's serial number.
    Serial,
    /// Its World Wide Name.
    Wwn,
    /// The GUID of its GPT partition table.
    Gpt,
    /// The UUID of a Linux RAID that it is made of, as `mdadm` prints it.
    MdUuid,
    /// The UUID of an LVM volume group on it.
    VgUuid,
    /// The number in its MBR, eight lower-case hex digits: 32 bits, which a copy of the disk has, too.
    MbrSignature,
    /// The UUID of a file system on it.
    Fsuuid,
    /// A tag that people put on it.
    AssetTag,
    /// SHA-256 of a raw image, 64 lower-case hex digits.
    ImageSha256,
}

impl MediumIdKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Serial,
        Self::Wwn,
        Self::Gpt,
        Self::MdUuid,
        Self::VgUuid,
        Self::MbrSignature,
        Self::Fsuuid,
        Self::AssetTag,
        Self::ImageSha256,
    ];

    /// The word used in policies and records.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Wwn => "wwn",
            Self::Gpt => "gpt",
            Self::MdUuid => "md_uuid",
            Self::VgUuid => "vg_uuid",
            Self::MbrSignature => "mbr_signature",
            Self::Fsuuid => "fsuuid",
            Self::AssetTag => "asset_tag",
            Self::ImageSha256 => "image_sha256",
        }
    }

    /// Whether it stands in the bytes of the medium: whoever reads a drive, or a copy of it, from the first byte to the
    /// last sees it. The others are told by a device, written on its case, or computed.
    #[must_use]
    pub fn is_on_every_copy(self) -> bool {
        match self {
            Self::Gpt | Self::MdUuid | Self::VgUuid | Self::MbrSignature | Self::Fsuuid => true,
            Self::Serial | Self::Wwn | Self::AssetTag | Self::ImageSha256 => false,
        }
    }
}

/// `[limits]`: the capture stops there and says so.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Limits {
    /// Most items.
    pub items: Option<u64>,
    /// Most bytes.
    pub bytes: Option<u64>,
}

/// `[defaults]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Defaults {
    /// What becomes of an item whose decision needs a fact that cannot be had.
    pub unknown: UnknownDefault,
    /// How names compare.
    pub path_case: PathCase,
    /// The offset of times that carry none.
    pub zoneless_times: Option<FixedOffset>,
    /// What keyword conditions say of types without text.
    pub not_searchable: NotSearchable,
}

/// `defaults.unknown`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum UnknownDefault {
    /// The item is left.
    Left,
    /// The item goes to this compartment.
    Hold(String),
}

/// `defaults.path_case`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PathCase {
    /// As the volume compares names.
    AsVolume,
    /// `A` and `a` are two.
    Sensitive,
    /// `A` and `a` are one (`fold/1`).
    Insensitive,
}

/// `defaults.not_searchable`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotSearchable {
    /// A type without text has no hit.
    NoHit,
    /// A type without text leaves the condition unknown.
    Unknown,
}

/// `[window.X]`: half-open.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Window {
    /// Its id.
    pub id: String,
    /// First moment inside.
    pub from: DateTime<FixedOffset>,
    /// First moment after.
    pub until: DateTime<FixedOffset>,
}

/// `[custodian.X]`: a person or account, by ids.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Custodian {
    /// Its id.
    pub id: String,
    /// Who it is.
    pub label: String,
    /// User ids.
    pub uid: Vec<u64>,
    /// Security identifiers.
    pub sid: Vec<String>,
}

/// `[list.X]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct List {
    /// Its id.
    pub id: String,
    /// What it is a list of, in words.
    pub label: String,
    /// Its items.
    pub items: ListItems,
    /// The file of the bundle that holds the items; `None` where they stand in the policy.
    pub file: Option<String>,
    /// Published as digest and count alone.
    pub restricted: bool,
    /// SHA-256 of the items: the file's bytes, or the items each followed by LF.
    pub digest: Digest,
}

/// The items of a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ListItems {
    /// Digests of content.
    Sha256(HashList),
    /// Keywords, in the list's order, none twice.
    Keywords(Vec<String>),
    /// Addresses of mail and `@domain`s, as they are written, in the list's order, no two alike.
    Addresses(Vec<String>),
}

impl ListItems {
    /// The word used in policies.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "sha256",
            Self::Keywords(_) => "keywords",
            Self::Addresses(_) => "addresses",
        }
    }

    /// How many items.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::Sha256(items) => items.count(),
            Self::Keywords(items) | Self::Addresses(items) => items.len() as u64,
        }
    }
}

/// `[[compartment]]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Compartment {
    /// Its id.
    pub id: String,
    /// Who it is.
    pub label: String,
    /// Who opens it: age X25519 recipients.
    pub recipients: Vec<String>,
    /// On what condition it may be released.
    pub release: String,
}
