//! Facts of what belongs to another item: members and their containers, slack.
//!
//! ```text
//! {"container":{"form":"zip","members":2,"captured":1,"barred":0,"others":0,"trouble":null}}
//! {"member":{"of":"ext4:.../inode:13:0","number":0,"depth":1,"name":"letter.txt"}}
//! ```

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

#[cfg(doc)]
use super::Failure;
use super::{Kind, is_reason};
use crate::name::RawName;

/// Of a slack: whose it is, and how long.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    /// The kind of the item whose slack it is: `file` or `stream`.
    pub of: Kind,
    /// Length of the slack in bytes. The fact `size` is that of the item itself.
    pub size: u64,
}

/// Of a member: of which container.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The container's locator.
    pub of: String,
    /// Which member it is, from 0, as the container orders them.
    pub number: u64,
    /// How many containers it is in: 1 for a member of a file.
    pub depth: u64,
    /// Its name, as it stands in the container: any bytes.
    pub name: RawName,
}

/// What the end of a file tells: part of the look *type*.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EndFact {
    /// Whether it ends as a zip does, whatever it begins with.
    pub zip: bool,
    /// How many bytes at the end were examined.
    pub examined: u64,
}

/// Reads a [`super::TypeFact::end`]: absent, or there.
pub(super) fn end<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<EndFact>, D::Error> {
    EndFact::deserialize(deserializer).map(Some)
}

/// What opening a container found: part of the look *content*.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ContainerFact {
    /// Its form: `zip`, `gzip`, `tar`; or `ooxml`, `odf`, `epub`, of a document, which has no members.
    pub form: String,
    /// How many members it has, each of which is an item.
    pub members: u64,
    /// How many of them were captured.
    pub captured: u64,
    /// How many of them, and of what else is in it, a rule keeps from those who would get the whole: [`crate::is_barred`].
    pub barred: u64,
    /// How many entries have no content, and are no members; of a document, how many are not such as its form has.
    pub others: u64,
    /// Why not all that it holds is known, in at most [`Failure::MAX_REASON`] printable ASCII characters; `null` where all is.
    #[serde(deserialize_with = "trouble")]
    pub trouble: Option<String>,
}

/// Reads a [`ContainerFact::trouble`].
fn trouble<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    match text {
        Some(text) if !is_reason(&text) => {
            Err(D::Error::custom("not printable ASCII characters, or too many"))
        }
        text => Ok(text),
    }
}
