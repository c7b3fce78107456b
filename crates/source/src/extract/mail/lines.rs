//! Content line by line, in bounded memory.

use std::io::{self, Read};

use super::super::saved::Saved;
use super::super::signs::Signs;

/// A line without its end.
pub(super) struct Line {
    /// Where it begins, in bytes from the beginning of the content.
    pub(super) at: u64,
    bytes: Vec<u8>,
    /// Whether it is longer than what was kept of it.
    pub(super) cut: bool,
    /// Whether it ends with a carriage return alone, at which some programs end a line and others do not.
    pub(super) bare: bool,
}

impl Line {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Drops a UTF-8 byte order mark, which only a first line can have.
    pub(super) fn strip_mark(&mut self) {
        if self.bytes.starts_with(b"\xef\xbb\xbf") {
            self.bytes.drain(..3);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether a mailbox has it before a message: `From ann@x.org Mon Jan  1 00:00:00 2024`.
    pub(super) fn is_from(&self) -> bool {
        self.bytes.starts_with(b"From ")
    }

    /// `>From `, as some mailboxes have it after the line before a message.
    pub(super) fn is_quoted_from(&self) -> bool {
        self.bytes.starts_with(b">From ")
    }

    /// Whether a year ends it, but for white space, or a year and a time of the day are among its words.
    pub(super) fn is_dated(&self) -> bool {
        let end = self.bytes.trim_ascii_end();
        let digits = end.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let words = || self.bytes.split(u8::is_ascii_whitespace);
        let year = |word: &[u8]| word.len() == 4 && word.iter().all(u8::is_ascii_digit);
        let time = |word: &[u8]| {
            word.contains(&b':') && word.iter().all(|byte| byte.is_ascii_digit() || *byte == b':')
        };
        !self.cut && (digits == 4 || (words().any(year) && words().any(time)))
    }

    /// Whether it is a number and nothing else but white space.
    pub(super) fn is_number(&self) -> bool {
        let digits = self.bytes.trim_ascii();
        !digits.is_empty() && digits.len() <= 20 && digits.iter().all(u8::is_ascii_digit)
    }
}

/// The lines of some content. A line ends with LF, CR LF, or CR alone.
pub(super) struct Lines<'c> {
    content: &'c mut dyn Read,
    held: Vec<u8>,
    begin: usize,
    end: usize,
    at: u64,
    /// Signs of mail in what was read, as lines and as data.
    signs: Signs,
    saved: Saved,
    /// How many of the next bytes are looked at for signs.
    watched: u64,
}

impl<'c> Lines<'c> {
    /// `watched`: how many bytes are looked at for signs of mail.
    pub(super) fn new(content: &'c mut dyn Read, watched: u64) -> Self {
        Self {
            content,
            held: vec![0; HELD],
            begin: 0,
            end: 0,
            at: 0,
            signs: Signs::default(),
            saved: Saved::default(),
            watched,
        }
    }

    /// The next line; `None` at the end. Of a long one, [`MAX_LINE`] bytes are kept.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        let mut line = Line { at: self.at, bytes: Vec::new(), cut: false, bare: false };
        let mut length = 0_usize;
        loop {
            if self.begin == self.end && !self.fill()? {
                return Ok((length > 0).then_some(line));
            }
            let held = self.held.get(self.begin..self.end).unwrap_or_default();
            let end = held.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let part = held.get(..end.unwrap_or(held.len())).unwrap_or_default();
            let ending = end.and_then(|at| held.get(at)).copied();
            let room = MAX_LINE.saturating_sub(line.bytes.len());
            line.bytes.extend_from_slice(part.get(..room).unwrap_or(part));
            line.cut |= part.len() > room;
            length = length.saturating_add(part.len());
            self.pass(part.len());
            if let Some(ending) = ending {
                self.pass(1);
                if ending == b'\r' {
                    let more = self.begin < self.end || self.fill()?;
                    let follows = more && self.held.get(self.begin) == Some(&b'\n');
                    self.pass(usize::from(follows));
                    line.bare = !follows;
                }
                return Ok(Some(line));
            }
        }
    }

    /// Whether there is a sign of mail in the rest of what is watched, or was one before.
    pub(super) fn has_signs(mut self) -> io::Result<bool> {
        while !self.has_sign() && self.watched > 0 && (self.begin < self.end || self.fill()?) {
            self.pass(self.end.saturating_sub(self.begin));
        }
        Ok(self.has_sign())
    }

    fn has_sign(&self) -> bool {
        self.signs.found() || self.saved.found()
    }

    /// It is mail: nobody asks for signs of it.
    pub(super) fn is_mail(&mut self) {
        self.watched = 0;
    }

    /// Reads more, where all of it was passed; whether there was any.
    fn fill(&mut self) -> io::Result<bool> {
        (self.begin, self.end) = (0, read(self.content, &mut self.held)?);
        Ok(self.end > 0)
    }

    /// Goes on by `count` bytes that are held.
    fn pass(&mut self, count: usize) {
        let end = self.begin.saturating_add(count);
        let passed = self.held.get(self.begin..end).unwrap_or_default();
        let watched = usize::try_from(self.watched).unwrap_or(usize::MAX).min(passed.len());
        let seen = passed.get(..watched).unwrap_or_default();
        self.signs.feed(seen);
        self.saved.feed(seen);
        self.watched = self.watched.saturating_sub(watched as u64);
        self.begin = end;
        self.at = self.at.saturating_add(passed.len() as u64);
    }
}

fn read(content: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match content.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Bytes read at once.
const HELD: usize = 64 << 10;
/// Bytes kept of a line: RFC 5322 allows 998, and some programs write all recipients into one.
const MAX_LINE: usize = super::header::MAX_HEADER;
