//! The look *content* at documents: their text, taken out of its form, searched for the policy's keywords.
//!
//! Implements `docs/spec/keywords.md`, "Extracted text". Where a medium is read in
//! a process of its own, that process takes the text out; here it is hashed and searched.

use std::io;

use scope::Digest;
use sha2::{Digest as _, Sha256};
use source::extract::{Form, JOINED, MAX_TEXT, WHOLE};
use source::{Entry, Source, SourceError, StreamFault};

use crate::examine::cannot_open;
use crate::keywords::{Found, Searchers};
use crate::reading::Reading;

/// What the text of a document has.
#[derive(Debug)]
pub(crate) struct Text {
    /// SHA-256 of the text in UTF-8.
    pub(crate) sha256: Digest,
    /// What was found in it.
    pub(crate) found: Found,
    /// What was found in it loosely, and in the text without its lines.
    pub(crate) loose: Vec<Found>,
    /// Whether letters of it are shown in another order.
    pub(crate) is_reversed: bool,
}

/// The text of a document that is read as `form`; `None` where not all of it can be told.
pub(crate) fn look_at_text(
    searchers: &Searchers,
    form: Form,
    entry: &Entry,
    source: &dyn Source,
) -> Result<Option<Text>, String> {
    let mut taken = Taken::new(searchers);
    let read = source.extract(entry, form, &mut |piece| taken.take(piece));
    match read {
        Ok(()) => Ok(taken.whole()),
        Err(SourceError::Io(_, error)) if !StreamFault::is_of_archive(&error) => {
            Err(format!("the text could not be read: {}", error.kind()))
        }
        Err(error) => Err(cannot_open(&error)),
    }
}

/// The text that was told so far.
struct Taken<'s> {
    search: crate::keywords::Search<'s>,
    hash: Sha256,
    loose: Reading<'s>,
    joined: Option<Reading<'s>>,
    searchers: &'s Searchers,
    length: usize,
    /// The last byte is no text: it says whether this is all.
    last: Option<u8>,
}

impl<'s> Taken<'s> {
    fn new(searchers: &'s Searchers) -> Self {
        Self {
            search: searchers.exact.start(),
            hash: Sha256::new(),
            loose: Reading::new(searchers, "text", &[]),
            joined: None,
            searchers,
            length: 0,
            last: None,
        }
    }

    fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        self.length = self.length.saturating_add(piece.len());
        if self.length > MAX_TEXT.saturating_mul(2).saturating_add(2) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let Some((end, rest)) = piece.split_last() else { return Ok(()) };
        let before = self.last.replace(*end);
        for part in [before.as_slice(), rest] {
            let mut parts = part.split(|byte| *byte == JOINED);
            if let Some(part) = parts.next() {
                self.add(part);
            }
            for part in parts {
                if self.joined.is_some() {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                self.joined = Some(Reading::new(self.searchers, "text", &[]));
                self.add(part);
            }
        }
        Ok(())
    }

    fn add(&mut self, part: &[u8]) {
        match &mut self.joined {
            Some(joined) => joined.feed(part),
            None => {
                self.hash.update(part);
                self.search.feed(part);
                self.loose.feed(part);
            }
        }
    }

    fn whole(self) -> Option<Text> {
        let joined = self.joined.filter(|_| self.last == Some(WHOLE))?;
        let loose = self.loose.finish();
        Some(Text {
            sha256: Digest(self.hash.finalize().into()),
            found: self.search.finish(),
            is_reversed: loose.plain.is_reversed(),
            loose: loose.loose.into_iter().chain(joined.finish().loose).collect(),
        })
    }
}
