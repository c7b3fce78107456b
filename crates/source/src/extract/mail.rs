//! Mail: the messages of a file, each with its parties and its date.
//!
//! Implements `docs/spec/mail.md`, "Files of messages". A file is read line by
//! line, with bounded memory, and nothing of a body is kept.
//!
//! ```text
//! {"message":{"at":0,"parties":[{"addresses":["ann@firm.example"],"fault":null},...],"date":{"utc":1300000000}}}
//! {"layer":"full"}
//! ```

mod addresses;
mod date;
mod header;
mod lines;

use std::io::{self, Read};

use scope::facts::Layer;
use scope::mail::Message;
use serde::{Deserialize, Serialize};

use header::{Header, is_field};
use lines::{Line, Lines};

/// What is told of a file that may be mail: its messages, and at the end whether that is all.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// The next message.
    Message(Message),
    /// No more follow: `full` where every message was read, `none` where the content is no mail.
    Layer(Layer),
}

/// Reads the messages of `content`. `surely`: its first bytes are those of a message or a mailbox; otherwise it may be
/// neither, and is then told as [`Layer::None`].
///
/// # Errors
///
/// What `content` or `tell` return.
pub(super) fn read(
    content: &mut dyn Read,
    surely: bool,
    tell: &mut dyn FnMut(&Told) -> io::Result<()>,
) -> io::Result<()> {
    let mut lines = Lines::new(content);
    let Some(mut first) = lines.next()? else { return tell(&Told::Layer(Layer::None)) };
    first.strip_mark();
    if first.is_from() {
        return mailbox(&mut lines, &first, surely, tell);
    }
    // Apple Mail begins with the length of the message, on a line of its own.
    if first.is_number() {
        match lines.next()? {
            Some(next) => first = next,
            None => return tell(&Told::Layer(Layer::None)),
        }
    }
    if !surely && !is_field(first.bytes()) {
        return tell(&Told::Layer(Layer::None));
    }
    let mut header = Header::default();
    let mut line = Some(first);
    while let Some(own) = line.filter(|own| !own.is_empty()) {
        header.add(&own);
        if !surely && header.is_broken() && !header.is_of_a_message() {
            return tell(&Told::Layer(if header.is_too_long() { Layer::Unread } else { Layer::None }));
        }
        if header.is_too_long() {
            break;
        }
        line = lines.next()?;
    }
    if !surely && !header.is_of_a_message() {
        return tell(&Told::Layer(Layer::None));
    }
    tell(&Told::Message(header.message(0)))?;
    tell(&Told::Layer(Layer::Full))
}

/// Where the reading of a mailbox stands.
enum Place {
    /// In the header of the message that begins at `at`.
    Header {
        at: u64,
        header: Header,
    },
    Body,
}

/// Reads a mailbox whose first line is `first`.
fn mailbox(
    lines: &mut Lines<'_>,
    first: &Line,
    surely: bool,
    tell: &mut dyn FnMut(&Told) -> io::Result<()>,
) -> io::Result<()> {
    let mut line = lines.next()?;
    let begins = line.as_ref().is_some_and(Line::begins_header);
    if !surely && !begins {
        return tell(&Told::Layer(Layer::None));
    }
    let mut place = Place::Header { at: first.at, header: Header::default() };
    let mut after_empty = false;
    while let Some(own) = line {
        line = lines.next()?;
        // A line that begins a message, if what follows is a header.
        let separates = own.is_from() && (after_empty || own.ends_in_year());
        if separates && line.as_ref().is_some_and(Line::begins_header) {
            end(&place, tell)?;
            place = Place::Header { at: own.at, header: Header::default() };
            after_empty = false;
            continue;
        }
        after_empty = own.is_empty();
        if let Place::Header { header, .. } = &mut place {
            if own.is_empty() {
                end(&place, tell)?;
                place = Place::Body;
            } else if !(header.is_new() && own.is_quoted_from()) {
                header.add(&own);
            }
        }
    }
    end(&place, tell)?;
    tell(&Told::Layer(Layer::Full))
}

fn end(place: &Place, tell: &mut dyn FnMut(&Told) -> io::Result<()>) -> io::Result<()> {
    match place {
        Place::Header { at, header } => tell(&Told::Message(header.message(*at))),
        Place::Body => Ok(()),
    }
}

#[cfg(test)]
mod tests;
