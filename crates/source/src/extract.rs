//! What is in content, read out of its form: the messages of a mailbox, the text of a document.
//!
//! A medium that is read in a process of its own has this done there, too: what
//! parses hostile bytes is as far from the program as what parses file systems.
//! What comes back is believed in nothing that can be checked.

mod html;
mod mail;
mod ooxml;
mod saved;
mod signs;
mod xml;

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

pub use mail::Told;
pub use signs::Signs;

/// As what content is read.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// As messages: a line of JSON for each [`Told`].
    Mail {
        /// Whether its first bytes are those of a message or a mailbox.
        surely: bool,
        /// Whether it is looked for signs of mail at its beginning alone.
        bounded: bool,
    },
    /// As a page in HTML: its text in UTF-8, [`JOINED`], the text without its lines, and [`WHOLE`]; or nothing but another byte where not all of it can be told.
    Html,
    /// As a document in OOXML: the same.
    Ooxml,
}

/// Takes what is in content, piece by piece.
pub type Take<'t> = &'t mut dyn FnMut(&[u8]) -> io::Result<()>;

/// Longest line that [`Form::Mail`] gives: a header's bytes, each of which JSON may write as six.
pub const MAX_MAIL_LINE: usize = 8 << 20;

/// Most bytes of text of one document.
pub const MAX_TEXT: usize = 128 << 20;

/// The byte between a text and the same without the ends of its lines, which is not searched but in doubt.
pub const JOINED: u8 = 0xff;

/// The byte behind all of a text.
pub const WHOLE: u8 = 1;

/// Most bytes of a document whose text is looked for: it is held in memory.
const MAX_DOCUMENT: u64 = 64 << 20;

/// Reads `content` as `form`.
///
/// # Errors
///
/// What `content` or `take` return.
pub(crate) fn extract(form: Form, content: &mut dyn Read, take: Take<'_>) -> io::Result<()> {
    match form {
        Form::Mail { surely, bounded } => mail::read(content, surely, bounded, &mut |told| {
            let mut line = serde_json::to_vec(told)?;
            line.push(b'\n');
            take(&line)
        }),
        Form::Html => tell(whole(content)?.and_then(|page| html::text(&String::from_utf8(page).ok()?)), take),
        Form::Ooxml => tell(whole(content)?.and_then(ooxml::text), take),
    }
}

/// All of the content; `None` where it is longer than is held.
fn whole(content: &mut dyn Read) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    content.take(MAX_DOCUMENT.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_DOCUMENT)))
}

/// The text of a document.
#[derive(Default)]
struct Texts {
    text: String,
    /// The same without the ends of lines that its form makes, and without what is not shown in them.
    joined: String,
}

impl Texts {
    fn fits(&self) -> bool {
        self.text.len() <= MAX_TEXT && self.joined.len() <= MAX_TEXT
    }
}

fn tell(texts: Option<Texts>, take: Take<'_>) -> io::Result<()> {
    let Some(texts) = texts.filter(Texts::fits) else { return take(&[0]) };
    for piece in texts.text.as_bytes().chunks(PIECE) {
        take(piece)?;
    }
    take(&[JOINED])?;
    for piece in texts.joined.as_bytes().chunks(PIECE) {
        take(piece)?;
    }
    take(&[WHOLE])
}

/// Bytes of text given at once.
const PIECE: usize = 64 << 10;

#[cfg(test)]
mod tests;
