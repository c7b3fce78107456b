//! Streams that deliver exactly their declared length, or an error.
//!
//! Implements `docs/spec/sources.md`, "Streams". A short read that looks like
//! the end of a file is how other tools lose evidence in silence.

use std::io::{self, Read};

/// The content of one item.
pub trait EvidenceStream: Read + Send {
    /// How many bytes the stream delivers before its end. Anything else is an error.
    fn declared_len(&self) -> u64;
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
}

impl StreamFault {
    /// The fault inside `error`, if there is one.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
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
}

/// Holds a reader to its declared length.
pub struct Exact<R> {
    inner: R,
    declared: u64,
    delivered: u64,
    state: State,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    Reading,
    Ended,
    Failed,
}

impl<R: Content> Exact<R> {
    /// Wraps `inner`, which is to deliver `declared` bytes.
    pub fn new(inner: R, declared: u64) -> Self {
        Self { inner, declared, delivered: 0, state: State::Reading }
    }

    fn end(&mut self) -> io::Result<usize> {
        let mut probe = [0];
        loop {
            match self.inner.read(&mut probe) {
                Ok(0) => break,
                Ok(_) => return Err(StreamFault::Long { declared: self.declared }.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.inner.finish()?;
        self.state = State::Ended;
        Ok(0)
    }

    fn step(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.declared.saturating_sub(self.delivered);
        if left == 0 {
            return self.end();
        }
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        let short = StreamFault::Short { declared: self.declared, delivered: self.delivered };
        match self.inner.read(buf.get_mut(..want).unwrap_or_default())? {
            0 => Err(short.into()),
            count => {
                self.delivered = self.delivered.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
                Ok(count)
            }
        }
    }
}

impl<R: Content> Read for Exact<R> {
    /// Returns the number of bytes read, 0 only after the declared length. An error repeats: a failed stream never ends well.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.state {
            State::Ended => return Ok(0),
            State::Failed => return Err(io::Error::other("the stream has already failed")),
            State::Reading if buf.is_empty() => return Ok(0),
            State::Reading => {}
        }
        let result = self.step(buf);
        if result.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            self.state = State::Failed;
        }
        result
    }
}

impl<R: Content> EvidenceStream for Exact<R> {
    fn declared_len(&self) -> u64 {
        self.declared
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
    }
}
