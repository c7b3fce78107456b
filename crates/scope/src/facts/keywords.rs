//! What a search for keywords found.
//!
//! Implements `docs/spec/record.md`, the fact `keywords`.
//!
//! ```text
//! {"keywords":{"list":"spam-marks","hits":[{"term":0,"count":2,"offsets":[6,14]}],"searched":70017,"layer":"full"}}
//! ```

use serde::{Deserialize, Serialize};

/// What the look *content* found for one keyword list.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KeywordFact {
    /// The list's id in the policy.
    pub list: String,
    /// The terms that occur.
    pub hits: Vec<Hit>,
    /// How many bytes were searched.
    pub searched: u64,
    /// Whether the item has a text layer (`text/1`) that was searched to its end:
    /// `full`, `none` (a type without one) or `unread` (a type whose text was not extracted, or an error).
    pub layer: Layer,
}

/// Whether the absence of a hit says anything.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// The whole text was searched: no hit means not there.
    Full,
    /// The type has no text: `defaults.not_searchable` decides.
    None,
    /// The text could not be extracted or read: no hit means unknown.
    Unread,
}

/// One keyword's hits.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Hit {
    /// The term's position in the list, from 0.
    pub term: u64,
    /// How often it occurs, over all encodings.
    pub count: u64,
    /// Byte offsets of the first hits, at most 16, ascending.
    pub offsets: Vec<u64>,
}
