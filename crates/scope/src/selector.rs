//! Selectors and rules: the part of the policy that decides.
//!
//! Implements `docs/spec/policy.md`, "Conditions of a selector". Reached as
//! [`crate::policy`]'s own.

use crate::facts::{Kind, Look, TimeKind};
use crate::glob::Glob;
use crate::mail::Role;

/// `[selector.X]`: all given conditions must hold.
#[derive(Clone, Debug)]
pub struct Selector {
    /// Its id.
    pub id: String,
    /// What it selects, in words.
    pub label: String,
    /// Its conditions, in the order of [`Field`]; at least one.
    pub conditions: Vec<Condition>,
}

/// One field of a selector: any of its values suffices.
#[derive(Clone, Debug)]
pub enum Condition {
    /// The whole path, from the root of the volume.
    Path(Vec<Glob>),
    /// The last component of the path.
    Name(Vec<Glob>),
    /// The last extension, without the dot.
    Ext(Vec<String>),
    /// What the item is.
    Kind(Vec<Kind>),
    /// Its type by `magic/1`.
    Type(Vec<String>),
    /// Whether its name's extension belongs to other types alone.
    TypeMismatch(bool),
    /// Its length in bytes, both ends included.
    Size {
        /// At least.
        min: Option<u64>,
        /// At most.
        max: Option<u64>,
    },
    /// Its times.
    Time(TimeCondition),
    /// Its owner: ids of custodians.
    Owner(Vec<String>),
    /// Its digest is on one of these lists.
    HashIn(Vec<String>),
    /// Whether its content is encrypted.
    Encrypted(bool),
    /// Its text contains terms of a list.
    Keywords {
        /// The list's id.
        list: String,
        /// How many distinct terms.
        at_least: u64,
    },
    /// It is mail, of which one message or every message has such parties and such a date.
    Mail(MailCondition),
    /// Its path is one of these artifacts.
    Artifact(Vec<String>),
    /// The volume it is on.
    Volume(Vec<String>),
}

/// A condition on times.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TimeCondition {
    /// Which times.
    pub of: Vec<TimeKind>,
    /// The id of the window.
    pub within: String,
    /// Whether one of them suffices.
    pub mode: TimeMode,
}

/// A condition on mail: at least one of `party` and `within` is given.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MailCondition {
    /// The ids of lists of addresses, one of which must have an address of the message; empty where none is asked for.
    pub party: Vec<String>,
    /// In which roles.
    pub role: Vec<Role>,
    /// The id of the window in which the date of the same message must be.
    pub within: Option<String>,
    /// Whether every message of a file must fit, or one.
    pub messages: TimeMode,
}

/// Whether one time inside the window suffices.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TimeMode {
    /// One suffices.
    Any,
    /// All must be inside.
    All,
}

/// The fields of a selector, in schema order.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Field {
    /// `path`.
    Path,
    /// `name`.
    Name,
    /// `ext`.
    Ext,
    /// `kind`.
    Kind,
    /// `type`.
    Type,
    /// `type_mismatch`.
    TypeMismatch,
    /// `size`.
    Size,
    /// `time`.
    Time,
    /// `owner`.
    Owner,
    /// `hash_in`.
    HashIn,
    /// `encrypted`.
    Encrypted,
    /// `keywords`.
    Keywords,
    /// `mail`.
    Mail,
    /// `artifact`.
    Artifact,
    /// `volume`.
    Volume,
}

impl Field {
    /// All fields, in schema order.
    pub const ALL: [Self; 15] = [
        Self::Path,
        Self::Name,
        Self::Ext,
        Self::Kind,
        Self::Type,
        Self::TypeMismatch,
        Self::Size,
        Self::Time,
        Self::Owner,
        Self::HashIn,
        Self::Encrypted,
        Self::Keywords,
        Self::Mail,
        Self::Artifact,
        Self::Volume,
    ];

    /// The word used in policies.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Name => "name",
            Self::Ext => "ext",
            Self::Kind => "kind",
            Self::Type => "type",
            Self::TypeMismatch => "type_mismatch",
            Self::Size => "size",
            Self::Time => "time",
            Self::Owner => "owner",
            Self::HashIn => "hash_in",
            Self::Encrypted => "encrypted",
            Self::Keywords => "keywords",
            Self::Mail => "mail",
            Self::Artifact => "artifact",
            Self::Volume => "volume",
        }
    }

    /// The look that finds the facts for this field.
    #[must_use]
    pub fn look(self) -> Look {
        match self {
            Self::Type | Self::TypeMismatch | Self::Encrypted => Look::Type,
            Self::HashIn => Look::Hash,
            Self::Keywords | Self::Mail => Look::Content,
            _ => Look::Metadata,
        }
    }
}

impl Condition {
    /// Which field it is.
    #[must_use]
    pub fn field(&self) -> Field {
        match self {
            Self::Path(_) => Field::Path,
            Self::Name(_) => Field::Name,
            Self::Ext(_) => Field::Ext,
            Self::Kind(_) => Field::Kind,
            Self::Type(_) => Field::Type,
            Self::TypeMismatch(_) => Field::TypeMismatch,
            Self::Size { .. } => Field::Size,
            Self::Time(_) => Field::Time,
            Self::Owner(_) => Field::Owner,
            Self::HashIn(_) => Field::HashIn,
            Self::Encrypted(_) => Field::Encrypted,
            Self::Keywords { .. } => Field::Keywords,
            Self::Mail(_) => Field::Mail,
            Self::Artifact(_) => Field::Artifact,
            Self::Volume(_) => Field::Volume,
        }
    }
}

/// One condition of one selector: what a trit is about.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Atom {
    /// The selector's id.
    pub selector: String,
    /// Its field.
    pub field: Field,
}

/// `[[rule]]`: matches where `any` is empty or one of it matches, all of `all` match, and none of `unless`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// Its id.
    pub id: String,
    /// What it does.
    pub effect: Effect,
    /// The compartment, for `hold` alone.
    pub to: Option<String>,
    /// The ground of a hold or withhold, where given: `attorney-client`.
    pub ground: Option<String>,
    /// What it means, in the authority's words.
    pub text: String,
    /// Where the order says so.
    pub basis: String,
    /// Selectors of which one must match.
    pub any: Vec<String>,
    /// Selectors of which all must match.
    pub all: Vec<String>,
    /// Selectors of which none may match.
    pub unless: Vec<String>,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Effect {
    /// In scope.
    Include,
    /// Out of scope, whatever else matches.
    Exclude,
    /// Not taken, but named.
    Withhold,
    /// For one compartment alone.
    Hold,
}

impl Effect {
    /// All effects.
    pub const ALL: [Self; 4] = [Self::Include, Self::Exclude, Self::Withhold, Self::Hold];

    /// The word used in policies.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Include => "include",
            Self::Exclude => "exclude",
            Self::Withhold => "withhold",
            Self::Hold => "hold",
        }
    }
}
