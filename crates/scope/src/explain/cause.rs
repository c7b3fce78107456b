//! Why the value of a condition is unknown.

use serde::{Serialize, Serializer};

use crate::compile::Compiled;
use crate::facts::{Facts, Layer, Look, Zone};
use crate::mail::MailCause;
use crate::policy::{Condition, Field, Policy};

/// Why a condition's value is unknown.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Cause {
    /// The item has more names than were found, or none was: another may be the one that matches.
    NameNotFound,
    /// The decision did not need the look.
    NotLookedAt,
    /// The policy does not allow the look.
    NotAllowed,
    /// The look could not be taken to its end.
    Unreadable,
    /// The file system has no such time of the item.
    NoTime,
    /// The time is local, of a zone that nobody states.
    NoZone,
    /// The file system has no owner of that kind.
    NoOwner,
    /// The first bytes do not tell whether the content is encrypted.
    EncryptionNotTold,
    /// The type has no text that could be searched.
    NoText,
    /// The text could not be extracted or read.
    TextUnread,
    /// A message, or all mail of the file, could not be read as the condition asks.
    Mail(MailCause),
    /// The fact is absent.
    Absent,
}

impl Cause {
    /// Why, in words that name nothing of the item.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NameNotFound => "not every name of the item was found",
            Self::NotLookedAt => "not looked at",
            Self::NotAllowed => "the policy does not allow the look",
            Self::Unreadable => "the look could not be taken to its end",
            Self::NoTime => "the file system has no such time",
            Self::NoZone => "the time has no zone",
            Self::NoOwner => "the file system has no owner of that kind",
            Self::EncryptionNotTold => "the first bytes do not tell",
            Self::NoText => "the type has no text to search",
            Self::TextUnread => "the text could not be read",
            Self::Mail(cause) => cause.words(),
            Self::Absent => "the fact is absent",
        }
    }

    /// Why the condition `field` of a selector is unknown of an item.
    pub(super) fn of(
        policy: &Policy,
        facts: &Facts,
        selector: &str,
        condition: &Condition,
        unseen: bool,
    ) -> Self {
        let field = condition.field();
        let of_name =
            matches!(field, Field::Path | Field::Artifact | Field::Name | Field::Ext | Field::TypeMismatch);
        let look = field.look();
        if !facts.looks.contains(&look) {
            let allowed = policy.target().inspect.contains(&look);
            return if allowed { Self::NotLookedAt } else { Self::NotAllowed };
        }
        if facts.failures.iter().any(|failure| failure.look == look) {
            return Self::Unreadable;
        }
        if of_name && (unseen || facts.names.is_empty()) {
            return Self::NameNotFound;
        }
        match condition {
            Condition::Time(time) => of_time(&policy.compiled, facts, time),
            Condition::Owner(_) => Self::NoOwner,
            Condition::Encrypted(_) => Self::EncryptionNotTold,
            Condition::Keywords { list, .. } => {
                match facts.keywords.iter().find(|found| found.list == *list).map(|found| found.layer) {
                    Some(Layer::None) => Self::NoText,
                    Some(Layer::Unread) => Self::TextUnread,
                    Some(Layer::Full) | None => Self::Absent,
                }
            }
            Condition::Mail(_) => {
                let found = facts.mail.iter().find(|found| found.selector == selector);
                found.and_then(|found| found.causes.first()).map_or(Self::Absent, |cause| Self::Mail(*cause))
            }
            _ => Self::Absent,
        }
    }
}

fn of_time(compiled: &Compiled, facts: &Facts, time: &crate::policy::TimeCondition) -> Cause {
    let mut stamps = facts.times.iter().filter(|stamp| time.of.contains(&stamp.of));
    let zoneless = |zone| zone != Zone::Recorded && compiled.zoneless_offset_ns.is_none();
    if stamps.any(|stamp| zoneless(stamp.zone)) { Cause::NoZone } else { Cause::NoTime }
}

impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.words())
    }
}

/// Whether names of the item are missing: it has more links than names.
pub(super) fn names_missing(facts: &Facts) -> bool {
    let counted = facts.links.filter(|_| facts.kind != crate::facts::Kind::Directory);
    counted.is_some_and(|links| links > facts.names.len() as u64)
}

/// Whether items of this kind can have what the look finds.
pub(super) fn can_apply(facts: &Facts, look: Look) -> bool {
    look == Look::Metadata || facts.kind.has_content()
}
