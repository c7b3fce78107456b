//! What of an item could not be read when it was recorded.

use std::fmt;

use scope::facts::{Attribute, Facts};

use super::ObjectValue;

/// Why a record does not say all of an item that it set out to say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Partial {
    /// The medium did not give all bytes: zeros stand for the others, also in the digest.
    Bytes {
        /// How many it gave.
        read: u64,
        /// How many the item has.
        size: u64,
    },
    /// What its name leads to, some of its facts or of the names in it; or a look at bytes of which none is kept.
    Otherwise,
}

impl Partial {
    /// Of an item's facts and what was preserved of it; `None` where all could be read that was looked at.
    #[must_use]
    pub fn of(facts: &Facts, object: Option<&ObjectValue>) -> Option<Self> {
        if let Some(object) = object.filter(|object| !object.unreadable.is_empty()) {
            let lost = object
                .unreadable
                .iter()
                .fold(0_u64, |sum, (from, to)| sum.saturating_add(to.saturating_sub(*from)));
            return Some(Self::Bytes { read: object.size.saturating_sub(lost), size: object.size });
        }
        let unread = [Attribute::UNREAD_NODE, Attribute::UNREAD_FACTS, Attribute::UNREAD_NAMES];
        let says = |attribute: &Attribute| unread.iter().any(|what| attribute.is_unread_of(what));
        // An object that has every byte says that a look did not fail for want of any; so does what an archive says of itself.
        let failed = object.is_none() && facts.failures.iter().any(|failure| !failure.is_of_archive());
        (failed || facts.attributes.iter().any(says)).then_some(Self::Otherwise)
    }
}

impl fmt::Display for Partial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes { read, size } => write!(f, "partial: {read} of {size} bytes were read"),
            Self::Otherwise => f.write_str("partial: not all of it could be read when it was recorded"),
        }
    }
}
