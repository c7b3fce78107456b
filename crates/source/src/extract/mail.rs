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
use scope::mail::{MailCause, Message};
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
/// neither, and is then told as [`Layer::None`], or as [`Layer::Unread`] where there are signs of mail in it
/// (`bounded`: in its first [`WINDOW`] bytes).
///
/// # Errors
///
/// What `content` or `tell` return.
pub(super) fn read(
    content: &mut dyn Read,
    surely: bool,
    bounded: bool,
    tell: &mut dyn FnMut(&Told) -> io::Result<()>,
) -> io::Result<()> {
    let mut lines = Lines::new(content, if bounded { WINDOW } else { u64::MAX });
    let Some(mut first) = lines.next()? else { return tell(&Told::Layer(Layer::None)) };
    first.strip_mark();
    let mut place = if first.is_from() {
        let Some(next) = lines.next()? else { return no_mail(lines, tell) };
        if !surely && !next.is_quoted_from() && !is_field(next.bytes()) {
            return no_mail(lines, tell);
        }
        let mut begun = Begun::new(&first, !first.bare);
        begun.add(&next);
        Some(begun)
    } else {
        // Apple Mail begins with the length of the message, on a line of its own.
        if first.is_number() {
            match lines.next()? {
                Some(next) => first = next,
                None => return no_mail(lines, tell),
            }
        }
        if !surely && !is_field(first.bytes()) {
            return no_mail(lines, tell);
        }
        let Some(begun) = one_message(&mut lines, first, surely)? else { return no_mail(lines, tell) };
        if begun.header.is_too_long() && !surely && !begun.header.is_of_a_message() {
            return tell(&Told::Layer(Layer::Unread));
        }
        begun.tell(tell)?;
        None
    };
    lines.is_mail();
    let mailbox = place.is_some();
    let mut after_empty = !mailbox;
    while let Some(own) = lines.next()? {
        if own.is_from() {
            // It begins a message for all who read mailboxes, or for some of them.
            let between = place.as_ref().is_none_or(|begun| !begun.certain);
            let surely = mailbox && between && after_empty && own.is_dated() && !own.bare;
            if let Some(mut begun) = place.take() {
                begun.certain = false;
                begun.tell(tell)?;
            }
            place = Some(Begun::new(&own, surely));
        } else if place.as_mut().is_some_and(|begun| begun.add(&own))
            && let Some(begun) = place.take()
        {
            begun.tell(tell)?;
        }
        after_empty = own.is_empty() && !own.bare;
    }
    if let Some(begun) = place {
        begun.tell(tell)?;
    }
    tell(&Told::Layer(Layer::Full))
}

/// Content that begins like no message may be one, or hold one, for others.
fn no_mail(lines: Lines<'_>, tell: &mut dyn FnMut(&Told) -> io::Result<()>) -> io::Result<()> {
    let layer = if lines.has_signs()? { Layer::Unread } else { Layer::None };
    tell(&Told::Layer(layer))
}

/// Reads the header that begins with the line `first`; `None` where, unless it is `surely` one, it is none.
fn one_message(lines: &mut Lines<'_>, first: Line, surely: bool) -> io::Result<Option<Begun>> {
    let mut begun = Begun { at: 0, header: Header::default(), certain: true };
    let mut line = Some(first);
    while let Some(own) = line {
        let ended = begun.add(&own);
        let header = &begun.header;
        if header.is_too_long() {
            break;
        }
        if !surely && (header.is_broken() || ended) && !header.is_of_a_message() {
            return Ok(None);
        }
        if ended {
            break;
        }
        line = lines.next()?;
    }
    let known = surely || begun.header.is_too_long() || begun.header.is_of_a_message();
    Ok(known.then_some(begun))
}

/// A message whose header is being read.
struct Begun {
    at: u64,
    header: Header,
    /// Whether it begins here for everybody who reads such files.
    certain: bool,
}

impl Begun {
    /// The message behind the line `from` of a mailbox.
    fn new(from: &Line, certain: bool) -> Self {
        Self { at: from.at, header: Header::default(), certain }
    }

    /// Takes in a line; whether the header ends with it.
    fn add(&mut self, line: &Line) -> bool {
        if line.is_empty() {
            if line.bare {
                self.header.doubt(MailCause::Header);
            }
            // Some look for the header behind an empty line, too.
            self.certain &= !self.header.is_new();
            return !self.header.is_new();
        }
        if !(self.header.is_new() && line.is_quoted_from()) {
            self.certain &= !self.header.is_new() || self.at == 0 || is_field(line.bytes());
            self.header.add(line);
        }
        false
    }

    /// Tells it, unless it is nothing but a line that begins with `From `.
    fn tell(mut self, tell: &mut dyn FnMut(&Told) -> io::Result<()>) -> io::Result<()> {
        if !self.certain {
            if self.at > 0 && !self.header.is_of_mail() {
                return Ok(());
            }
            self.header.doubt_begin();
        }
        tell(&Told::Message(self.header.message(self.at)))
    }
}

/// How much of content of a type that is no mail is looked at for signs of it.
const WINDOW: u64 = 1 << 20;

#[cfg(test)]
mod tests;
