//! Extended attributes, and what is noted like one of an item that could not be read whole.
//!
//! ```text
//! {"attribute":{"name":"user.comment","size":5,"value":"draft"}}
//! {"attribute":{"name":"item.unread","size":5,"value":"names"}}
//! ```

use serde::{Deserialize, Serialize};

use crate::name::RawName;

/// An extended attribute.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// Its name, with the namespace: `user.comment`.
    pub name: RawName,
    /// Its length in bytes.
    pub size: u64,
    /// Its first bytes, at most [`Attribute::MAX_VALUE`].
    pub value: RawName,
}

impl Attribute {
    /// Longest value kept as a fact. A longer one is cut here and its `size` tells.
    pub const MAX_VALUE: usize = 4096;

    /// Of an item of which not all could be read: its value says what is wanting, [`Attribute::UNREAD_NODE`] and the like,
    /// with a space between two.
    pub const UNREAD: &str = "item.unread";
    /// What the item's name leads to: nothing but the name is known.
    pub const UNREAD_NODE: &str = "node";
    /// Some of what else is known of the item.
    pub const UNREAD_FACTS: &str = "facts";
    /// Some of the names in the folder.
    pub const UNREAD_NAMES: &str = "names";

    /// See [`Attribute::UNREAD`].
    #[must_use]
    pub fn unread(what: &str) -> Self {
        let text = |text: &str| RawName(text.as_bytes().to_vec());
        let size = u64::try_from(what.len()).unwrap_or(u64::MAX);
        Self { name: text(Self::UNREAD), size, value: text(what) }
    }

    /// Whether this is [`Attribute::UNREAD`].
    #[must_use]
    pub fn is_unread(&self) -> bool {
        self.name.0 == Self::UNREAD.as_bytes()
    }

    /// Whether this is [`Attribute::UNREAD`], and says so of `what`.
    #[must_use]
    pub fn is_unread_of(&self, what: &str) -> bool {
        self.is_unread() && self.value.0.split(|byte| *byte == b' ').any(|word| word == what.as_bytes())
    }
}
