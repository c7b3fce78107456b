//! What goes on paper: a document, and what paper adds to it.

use scope::render::Document;
use scope::{Digest, Language, Policy};

use crate::words::Word;

/// A document with its frame.
pub(crate) struct Paper {
    pub(crate) document: Document,
    /// What it is, above its title.
    pub(crate) kind: Word,
    /// The digest of the form that is signed, shown among the facts where the document does not state it itself.
    pub(crate) markdown: Option<Digest>,
    /// What the signatures are for.
    pub(crate) signatures: Word,
    /// When the order was issued: the document's date, since there is no clock. Year to second, in UTC.
    #[cfg_attr(not(feature = "pdf"), expect(dead_code, reason = "HTML states no date"))]
    pub(crate) issued: [u16; 6],
}

impl Paper {
    /// The policy in plain words.
    pub(crate) fn policy(policy: &Policy, language: Language) -> Self {
        Self {
            document: scope::render::document(policy, language),
            kind: Word::Kind,
            markdown: Some(markdown(policy, language)),
            signatures: Word::SignaturesFor,
            issued: issued(policy),
        }
    }
}

/// The digest of the form that is signed.
pub(crate) fn markdown(policy: &Policy, language: Language) -> Digest {
    Digest::of(scope::render_in(policy, language).as_bytes())
}

pub(crate) fn issued(policy: &Policy) -> [u16; 6] {
    let text = policy.authority().issued.naive_utc().format("%Y %m %d %H %M %S").to_string();
    let mut parts = text.split(' ').map(|part| part.parse().unwrap_or(0));
    [(); 6].map(|()| parts.next().unwrap_or(0))
}
