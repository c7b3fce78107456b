//! What is in content, read out of its form: the messages of a mailbox.
//!
//! A medium that is read in a process of its own has this done there, too: what
//! parses hostile bytes is as far from the program as what parses file systems.
//! What comes back is believed in nothing that can be checked.

mod mail;

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

pub use mail::Told;

/// As what content is read.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// As messages: a line of JSON for each [`Told`].
    Mail {
        /// Whether its first bytes are those of a message or a mailbox.
        surely: bool,
    },
}

/// Takes what is in content, piece by piece.
pub type Take<'t> = &'t mut dyn FnMut(&[u8]) -> io::Result<()>;

/// Longest line that [`Form::Mail`] gives: a header's bytes, each of which JSON may write as six.
pub const MAX_MAIL_LINE: usize = 8 << 20;

/// Reads `content` as `form`.
///
/// # Errors
///
/// What `content` or `take` return.
pub(crate) fn extract(form: Form, content: &mut dyn Read, take: Take<'_>) -> io::Result<()> {
    match form {
        Form::Mail { surely } => mail::read(content, surely, &mut |told| {
            let mut line = serde_json::to_vec(told)?;
            line.push(b'\n');
            take(&line)
        }),
    }
}
