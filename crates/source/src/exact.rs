//! Streams that deliver exactly their declared length, or an error.
//!
//! Implements `docs/spec/sources.md`, "Streams". A short read that looks like
//! the end of a file is how other tools lose evidence in silence.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use scope::facts::Failure;

use crate::patience::{Patience, SECTOR, SPENT, STREAM_FAILURES};
use crate::walk::SourceError;

/// The content of one item.
pub trait EvidenceStream: Read + Send {
    /// How many bytes the stream delivers before its end. Anything else is an error.
    fn declared_len(&self) -> u64;

    /// Goes on behind bytes that the medium did not give, once a read has failed on them. Returns how many these are; `None`
    /// where the stream cannot go on. Whoever calls this says on record that they are missing.
    fn pass(&mut self) -> Option<u64> {
        None
    }

    /// Goes on `count` bytes further on, without delivering those before. Where a reader can begin anywhere, they are not read.
    ///
    /// # Errors
    ///
    /// Where they have to be read, and cannot be.
    fn advance(&mut self, count: u64) -> io::Result<()> {
        read_past(self, count)
    }
}

/// Reads so many bytes, and forgets them.
fn read_past(stream: &mut (impl Read + ?Sized), mut count: u64) -> io::Result<()> {
    let mut piece = vec![0; usize::try_from(count).unwrap_or(PAST).min(PAST)];
    while count > 0 {
        let want = usize::try_from(count).unwrap_or(PAST).min(PAST);
        match stream.read(piece.get_mut(..want).unwrap_or_default()) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => count = count.saturating_sub(crate::bytes::length(read)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Bytes forgotten at once.
const PAST: usize = 64 << 10;

impl<S: EvidenceStream + ?Sized> EvidenceStream for Box<S> {
    fn declared_len(&self) -> u64 {
        (**self).declared_len()
    }

    fn pass(&mut self) -> Option<u64> {
        (**self).pass()
    }

    fn advance(&mut self, count: u64) -> io::Result<()> {
        (**self).advance(count)
    }
}

/// Why a stream ended before or after its declared length, or is not to be trusted. The cause inside an [`io::Error`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamFault {
    /// The content ended early.
    #[error("content ended after {delivered} of {declared} bytes")]
    Short {
        /// Bytes declared.
        declared: u64,
        /// Bytes delivered.
        delivered: u64,
    },
    /// The content goes on beyond its declared length. No byte beyond it is delivered.
    #[error("content goes on after its declared {declared} bytes")]
    Long {
        /// Bytes declared.
        declared: u64,
    },
    /// The item changed while it was read.
    #[error("changed during reading: {0}")]
    ChangedDuringRead(String),
    /// The archive that holds the content contradicts it. All bytes of the archive that were asked for could be read.
    #[error("{of}{0}", of = Failure::OF_ARCHIVE)]
    Damaged(String),
}

impl StreamFault {
    /// The fault inside `error`, if there is one.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<&Self> {
        let inside = error.get_ref()?;
        match inside.downcast_ref::<SourceError>() {
            Some(SourceError::Io(_, inside)) => Self::of(inside),
            _ => inside.downcast_ref(),
        }
    }

    /// Whether `error` is the fault of an archive that holds the content, or of one around that: [`StreamFault::Damaged`].
    #[must_use]
    pub fn is_of_archive(error: &io::Error) -> bool {
        match (Self::of(error), error.get_ref()) {
            (Some(fault), _) => matches!(fault, Self::Damaged(_)),
            (None, Some(inside)) => match (inside.downcast_ref(), inside.downcast_ref()) {
                (Some(SourceError::Read(fault)), _) | (_, Some(fault)) => fault.is_of_archive(),
                _ => false,
            },
            (None, None) => false,
        }
    }
}

impl From<StreamFault> for io::Error {
    fn from(fault: StreamFault) -> Self {
        Self::other(fault)
    }
}

/// What an [`Exact`] asks of the reader inside: a last word once the declared length is reached.
pub trait Content: Read + Send {
    /// Called once, after the last byte, before the end is reported.
    ///
    /// # Errors
    ///
    /// Any reason not to trust the bytes delivered, such as [`StreamFault::ChangedDuringRead`].
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// How the bytes that the last read failed on can be gone past.
    fn gap(&self) -> Gap {
        Gap::Final
    }

    /// Whether [`Content::skip`] may be called before anything was read, too: to begin further on.
    fn begins_anywhere(&self) -> bool {
        self.gap() == Gap::Unknown
    }

    /// Goes on `count` bytes further on, after a read that failed. Called where [`Content::gap`] or
    /// [`Content::begins_anywhere`] allows it alone.
    fn skip(&mut self, _count: u64) {}
}

/// How a read that failed can be gone past.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Gap {
    /// It cannot.
    Final,
    /// The reader is where it was, can read fewer bytes there, or go on behind them.
    Unknown,
    /// So many bytes are missing from here on.
    Known(u64),
}

/// Holds a reader to its declared length, and narrows down what it cannot read.
pub struct Exact<R> {
    inner: R,
    declared: u64,
    delivered: u64,
    state: State,
    /// How many bytes are read at once: few behind a fault.
    careful: u64,
    patience: Arc<Patience>,
    /// Why the last read failed.
    reason: (Option<StreamFault>, String),
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    Reading,
    Ended,
    Failed,
    /// Failed on so many bytes, behind which it can go on.
    Gap(u64),
}

impl<R: Content> Exact<R> {
    /// Wraps `inner`, which is to deliver `declared` bytes.
    pub fn new(inner: R, declared: u64) -> Self {
        Self::with(inner, declared, Arc::new(Patience::new(STREAM_FAILURES)))
    }

    /// As [`Exact::new`], for a reader that shares its patience with others.
    pub(crate) fn with(inner: R, declared: u64, patience: Arc<Patience>) -> Self {
        Self {
            inner,
            declared,
            delivered: 0,
            state: State::Reading,
            careful: u64::MAX,
            patience,
            reason: <_>::default(),
        }
    }

    /// Says that `inner` delivers what is behind the first `at` bytes alone.
    pub(crate) fn beginning(self, at: u64) -> Self {
        Self { delivered: at, ..self }
    }

    fn end(&mut self) -> io::Result<usize> {
        let mut probe = [0];
        loop {
            match self.inner.read(&mut probe) {
                Ok(0) => break,
                Ok(_) => {
                    // The reader may know more of the reason.
                    self.inner.finish()?;
                    return Err(StreamFault::Long { declared: self.declared }.into());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.inner.finish()?;
        self.state = State::Ended;
        Ok(0)
    }

    fn left(&self) -> u64 {
        self.declared.saturating_sub(self.delivered)
    }

    fn step(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.left() == 0 {
                return self.end();
            }
            let want = self.left().min(self.piece()).min(u64::try_from(buf.len()).unwrap_or(u64::MAX));
            let room = usize::try_from(want).unwrap_or(usize::MAX);
            let began = Instant::now();
            match self.inner.read(buf.get_mut(..room).unwrap_or_default()) {
                Ok(0) => {
                    let short = StreamFault::Short { declared: self.declared, delivered: self.delivered };
                    self.state = State::Gap(self.left());
                    return Err(short.into());
                }
                Ok(count) => {
                    if self.careful != u64::MAX {
                        self.careful = self.careful.saturating_mul(2);
                        self.patience.eased();
                    }
                    self.delivered = self.delivered.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
                Err(error) => self.failed(error, want, began.elapsed())?,
            }
        }
    }

    /// How much to read next: up to a sector's end, where little is read.
    fn piece(&self) -> u64 {
        let end = self.delivered.saturating_add(self.careful);
        let even = end.checked_sub(end % SECTOR).filter(|even| *even > self.delivered);
        even.unwrap_or(end).saturating_sub(self.delivered)
    }

    /// After a read of `want` bytes that failed: reads fewer next, or says what is missing.
    fn failed(&mut self, error: io::Error, want: u64, took: Duration) -> io::Result<()> {
        let missing = match self.inner.gap() {
            Gap::Final => return Err(error),
            Gap::Known(count) => count,
            Gap::Unknown => {
                self.patience.failed(took);
                let is_sector = want <= SECTOR.saturating_sub(self.delivered % SECTOR);
                if !is_sector && !self.patience.is_spent() {
                    self.careful = (want / 2).max(SECTOR);
                    return Ok(());
                }
                let missing = if is_sector { want } else { want.max(self.patience.step()) };
                if self.patience.is_spent() && !error.to_string().contains(SPENT) {
                    self.state = State::Gap(missing.min(self.left()));
                    return Err(io::Error::other(format!("{SPENT} of this item ({error})")));
                }
                missing
            }
        };
        self.state = State::Gap(missing.min(self.left()));
        Err(error)
    }
}

impl<R: Content> Read for Exact<R> {
    /// Returns the number of bytes read, 0 only after the declared length. An error repeats, unless it was passed.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.state {
            State::Ended => return Ok(0),
            // Whoever asks again learns why.
            State::Failed | State::Gap(_) => {
                let (fault, reason) = self.reason.clone();
                return Err(fault.map_or_else(|| io::Error::other(reason), io::Error::from));
            }
            State::Reading if buf.is_empty() => return Ok(0),
            State::Reading => {}
        }
        let result = self.step(buf);
        if let Err(error) = &result
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.reason = (StreamFault::of(error).cloned(), error.to_string());
            if self.state == State::Reading {
                self.state = State::Failed;
            }
        }
        result
    }
}

impl<R: Content> EvidenceStream for Exact<R> {
    fn declared_len(&self) -> u64 {
        self.declared
    }

    fn pass(&mut self) -> Option<u64> {
        let State::Gap(count) = self.state else { return None };
        self.inner.skip(count);
        self.delivered = self.delivered.saturating_add(count);
        self.state = State::Reading;
        Some(count)
    }

    fn advance(&mut self, count: u64) -> io::Result<()> {
        if self.state == State::Reading && self.inner.begins_anywhere() && count <= self.left() {
            self.inner.skip(count);
            self.delivered = self.delivered.saturating_add(count);
            return Ok(());
        }
        read_past(self, count)
    }
}

impl<T: AsRef<[u8]> + Send> Content for io::Cursor<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content: &[u8], declared: u64, expect: Result<&[u8], StreamFault>) {
        let mut stream = Exact::new(io::Cursor::new(content.to_vec()), declared);
        let mut bytes = Vec::new();
        let result = stream.read_to_end(&mut bytes);
        match expect {
            Ok(expected) => {
                assert_eq!(result.unwrap(), expected.len());
                assert_eq!(bytes, expected);
            }
            Err(fault) => {
                assert_eq!(StreamFault::of(&result.unwrap_err()), Some(&fault));
                assert!(stream.read(&mut [0; 8]).is_err(), "a failed stream must stay failed");
                assert!(bytes.len() as u64 <= declared);
            }
        }
    }

    #[test]
    fn the_declared_length_or_an_error() {
        check(b"abc", 3, Ok(b"abc"));
        check(b"", 0, Ok(b""));
        check(b"ab", 3, Err(StreamFault::Short { declared: 3, delivered: 2 }));
        check(b"", 1, Err(StreamFault::Short { declared: 1, delivered: 0 }));
        check(b"abcd", 3, Err(StreamFault::Long { declared: 3 }));
        check(b"a", 0, Err(StreamFault::Long { declared: 0 }));
    }

    struct Changed(io::Cursor<Vec<u8>>);

    impl Read for Changed {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.0.read(buf)
        }
    }

    impl Content for Changed {
        fn finish(&mut self) -> io::Result<()> {
            Err(StreamFault::ChangedDuringRead("size".into()).into())
        }
    }

    #[test]
    fn a_last_word_decides() {
        let mut stream = Exact::new(Changed(io::Cursor::new(b"abc".to_vec())), 3);
        let error = stream.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(StreamFault::of(&error), Some(&StreamFault::ChangedDuringRead("size".into())));
        let again = stream.read(&mut [0; 8]).unwrap_err();
        assert_eq!(again.to_string(), error.to_string());
    }

    /// Every read fails, each with the words that follow.
    struct Failing(Vec<&'static str>, u64);

    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            if self.1 == 0 {
                return Ok(0);
            }
            Err(io::Error::other(self.0.pop().unwrap_or("bad sector")))
        }
    }

    impl Content for Failing {
        fn gap(&self) -> Gap {
            Gap::Unknown
        }

        fn skip(&mut self, count: u64) {
            self.1 -= count;
        }
    }

    #[test]
    fn content_that_is_not_tried_any_more_says_so_itself() {
        let kept = |patience, words: &[&'static str]| {
            let stream = Exact::with(Failing(words.to_vec(), 2048), 2048, Arc::new(Patience::new(patience)));
            let mut stream = crate::PastGaps::new(stream);
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).unwrap();
            assert_eq!((bytes.len(), stream.missing()), (2048, [(0, 2048)].as_slice()));
            stream.reason().unwrap().to_owned()
        };
        assert_eq!(kept(100, &[]), "bad sector");
        assert_eq!(kept(5, &[]), format!("{SPENT} of this item (bad sector)"));
        // Words of the medium below are not said twice, and go before the first reason.
        let below = "not tried sector by sector, since too many reads have failed (x)";
        assert_eq!(
            kept(100, &[below, "bad sector", "bad sector", "bad sector", "bad sector", "bad sector"]),
            below
        );
    }
}
