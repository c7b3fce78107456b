//! What a search for keywords found.
//!
//! Implements `docs/spec/record.md`, the fact `keywords`.
//!
//! ```text
//! {"keywords":{"list":"spam-marks","hits":[{"term":0,"count":2,"offsets":[6,14]}],"searched":70017,"layer":"full"}}
//! ```

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// What the look *content* found for one keyword list.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KeywordFact {
    /// The list's id in the policy.
    pub list: String,
    /// The terms that occur.
    pub hits: Vec<Hit>,
    /// The text that was extracted from a document, and the terms that occur in it. Absent where none was, or not all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextFact>,
    /// How many bytes were searched.
    pub searched: u64,
    /// Whether the item has a text layer (`text/1`) that was searched to its end:
    /// `full`, `none` (a type without one) or `unread` (a type whose text was not extracted, or an error).
    pub layer: Layer,
}

impl KeywordFact {
    /// The terms that occur in the content or in its text, sorted, none twice.
    #[must_use]
    pub fn terms(&self) -> Vec<u64> {
        let in_text = self.text.iter().flat_map(|text| &text.hits);
        let hits = self.hits.iter().chain(in_text).filter(|hit| hit.count > 0);
        let mut terms: Vec<u64> = hits.map(|hit| hit.term).collect();
        terms.sort_unstable();
        terms.dedup();
        terms
    }
}

/// The text of a document, and what a search of it found.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TextFact {
    /// SHA-256 of the text in UTF-8.
    pub sha256: Digest,
    /// Its length in bytes.
    pub bytes: u64,
    /// The terms that occur in it; offsets are in its bytes.
    pub hits: Vec<Hit>,
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
