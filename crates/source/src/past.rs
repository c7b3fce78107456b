//! Content to be kept: what the medium does not give is zeros, and on a list.
//!
//! Implements `docs/spec/sources.md`, "Bytes that cannot be read". Looks do
//! not read this way: what is decided is never decided on zeros.

use std::io::{self, Read};

use crate::exact::{EvidenceStream, StreamFault};
use crate::patience::SPENT;

/// A stream that goes past what it cannot read.
pub struct PastGaps<S> {
    stream: S,
    at: u64,
    /// Zeros still to be given.
    owed: u64,
    missing: Vec<(u64, u64)>,
    reason: Option<String>,
    /// How many errors were met, and how many of them were an archive's fault.
    errors: u64,
    damages: u64,
}

impl<S: EvidenceStream> PastGaps<S> {
    /// Goes past the gaps of `stream`.
    pub fn new(stream: S) -> Self {
        Self { stream, at: 0, owed: 0, missing: Vec::new(), reason: None, errors: 0, damages: 0 }
    }

    /// What was not read, `[from, to)`: ascending, none empty, none touching the next.
    #[must_use]
    pub fn missing(&self) -> &[(u64, u64)] {
        &self.missing
    }

    /// Why the first of these was not read, or the first that was not even tried.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Whether what is missing, or what the stream ended on, is the fault of the archive that holds the content, and of
    /// nothing else: its bytes could be read, and contradict themselves.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.errors > 0 && self.errors == self.damages
    }

    fn zeros(&mut self, buf: &mut [u8]) -> usize {
        let count = usize::try_from(self.owed).unwrap_or(usize::MAX).min(buf.len());
        buf.get_mut(..count).unwrap_or_default().fill(0);
        let given = u64::try_from(count).unwrap_or(u64::MAX);
        self.owed = self.owed.saturating_sub(given);
        self.at = self.at.saturating_add(given);
        count
    }
}

impl<S: EvidenceStream> Read for PastGaps<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.owed > 0 || buf.is_empty() {
                return Ok(self.zeros(buf));
            }
            let error = match self.stream.read(buf) {
                Ok(count) => {
                    self.at = self.at.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
                Err(error) => error,
            };
            self.errors = self.errors.saturating_add(1);
            self.damages = self.damages.saturating_add(u64::from(StreamFault::is_of_archive(&error)));
            let said = error.to_string();
            // That something was not even tried is told rather than the first reason.
            if self.reason.as_ref().is_none_or(|first| said.contains(SPENT) && !first.contains(SPENT)) {
                self.reason = Some(said);
            }
            if self.missing.len() >= MAX_GAPS {
                return Err(error);
            }
            let Some(count) = self.stream.pass().filter(|count| *count > 0) else { return Err(error) };
            let end = self.at.saturating_add(count);
            match self.missing.last_mut() {
                Some(last) if last.1 == self.at => last.1 = end,
                _ => self.missing.push((self.at, end)),
            }
            self.owed = count;
        }
    }
}

/// Most gaps of one item, so that its record stays a row that can be read. An item that has more is given up there.
const MAX_GAPS: usize = 1 << 15;
