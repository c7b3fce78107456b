//! The look *content* at documents: their text, taken out of its form, searched for the policy's keywords.
//!
//! Implements `docs/spec/keywords.md`, "Extracted text". Where a medium is read in
//! a process of its own, that process takes the text out; here it is hashed and searched.

use std::io;

use scope::Digest;
use sha2::{Digest as _, Sha256};
use source::extract::{Form, MAX_TEXT, WHOLE};
use source::{Entry, Source, SourceError};

use crate::examine::cannot_open;
use crate::keywords::{Found, Searcher};

/// What the text of a document of the type `name` has; `None` for other types, and where not all of its text can be told.
pub(crate) fn look_at_text(
    searcher: &Searcher,
    name: &str,
    entry: &Entry,
    source: &dyn Source,
) -> Result<Option<(Digest, Found)>, String> {
    let form = match name {
        "html" => Form::Html,
        "ooxml" => Form::Ooxml,
        _ => return Ok(None),
    };
    let mut search = searcher.start();
    let mut hash = Sha256::new();
    let mut length = 0_usize;
    // The last byte is no text: it says whether this is all.
    let mut last = None;
    let read = source.extract(entry, form, &mut |piece| {
        let Some((end, rest)) = piece.split_last() else { return Ok(()) };
        length = length.saturating_add(piece.len());
        if length > MAX_TEXT.saturating_add(1) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        for part in [last.as_slice(), rest] {
            hash.update(part);
            search.feed(part);
        }
        last = Some(*end);
        Ok(())
    });
    match read {
        Ok(()) => Ok((last == Some(WHOLE)).then(|| (Digest(hash.finalize().into()), search.finish()))),
        Err(SourceError::Io(_, error)) => Err(format!("the text could not be read: {}", error.kind())),
        Err(error) => Err(cannot_open(&error)),
    }
}
