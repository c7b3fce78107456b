//! Content line by line, in bounded memory.

use std::io::{self, Read};

use super::header::is_field;

/// A line without its end.
pub(super) struct Line {
    /// Where it begins, in bytes from the beginning of the content.
    pub(super) at: u64,
    bytes: Vec<u8>,
    /// Whether it is longer than what was kept of it.
    pub(super) cut: bool,
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

    /// Whether its last characters, but for white space, are four digits.
    pub(super) fn ends_in_year(&self) -> bool {
        let end = self.bytes.trim_ascii_end();
        let digits = end.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        !self.cut && digits == 4
    }

    /// Whether it is a number and nothing else but white space.
    pub(super) fn is_number(&self) -> bool {
        let digits = self.bytes.trim_ascii();
        !digits.is_empty() && digits.len() <= 20 && digits.iter().all(u8::is_ascii_digit)
    }

    /// Whether it can be the first line of a header.
    pub(super) fn begins_header(&self) -> bool {
        self.is_quoted_from() || is_field(&self.bytes)
    }
}

/// The lines of some content.
pub(super) struct Lines<'c> {
    content: &'c mut dyn Read,
    held: Vec<u8>,
    begin: usize,
    end: usize,
    at: u64,
}

impl<'c> Lines<'c> {
    pub(super) fn new(content: &'c mut dyn Read) -> Self {
        Self { content, held: vec![0; HELD], begin: 0, end: 0, at: 0 }
    }

    /// The next line; `None` at the end. Of a long one, [`MAX_LINE`] bytes are kept.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        let mut line = Line { at: self.at, bytes: Vec::new(), cut: false };
        let mut length = 0_u64;
        loop {
            if self.begin == self.end {
                (self.begin, self.end) = (0, read(self.content, &mut self.held)?);
                if self.end == 0 {
                    return Ok((length > 0).then(|| line.ended()));
                }
            }
            let held = self.held.get(self.begin..self.end).unwrap_or_default();
            let end = held.iter().position(|byte| *byte == b'\n');
            let part = held.get(..end.unwrap_or(held.len())).unwrap_or_default();
            let taken = part.len().saturating_add(usize::from(end.is_some()));
            let room = MAX_LINE.saturating_sub(line.bytes.len());
            line.bytes.extend_from_slice(part.get(..room).unwrap_or(part));
            line.cut |= part.len() > room;
            self.begin = self.begin.saturating_add(taken);
            let taken = u64::try_from(taken).unwrap_or(u64::MAX);
            (length, self.at) = (length.saturating_add(taken), self.at.saturating_add(taken));
            if end.is_some() {
                return Ok(Some(line.ended()));
            }
        }
    }
}

impl Line {
    /// Without the carriage return before its end.
    fn ended(mut self) -> Self {
        if !self.cut && self.bytes.last() == Some(&b'\r') {
            self.bytes.pop();
        }
        self
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
