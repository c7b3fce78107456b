//! Reading one gzip member, strictly: what a ledger part holds inside age.
//!
//! ```text
//! 1f 8b 08 00 | 00 00 00 00 | 04 ff     no optional fields, no time, level, system unknown
//! deflate data
//! crc32 | length                        of the bytes inflated, each 32 bits, little-endian
//! ```
//!
//! RFC 1952 without its freedoms: flags and time are zero, the system is 255, nothing follows the member. What has been
//! read is checked only once the reader has returned 0 at the end.

use std::io::{self, BufRead, BufReader, Read};

use flate2::{Crc, Decompress, FlushDecompress, Status};

/// Why a gzip member is refused; reached through [`io::Error::get_ref`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GzipError {
    /// The ten bytes of the header.
    #[error("gzip header: only a member without optional fields and time is read")]
    Header,
    /// The compressed data is not deflate.
    #[error("the compressed data is damaged")]
    Deflate,
    /// It ends early.
    #[error("the gzip member ends early")]
    Truncated,
    /// More comes out than the caller allowed.
    #[error("more than {0} bytes inflated")]
    TooLong(u64),
    /// Check sum or length does not fit.
    #[error("the gzip check sum or length does not fit the bytes inflated")]
    Check,
    /// Something follows.
    #[error("bytes follow the gzip member")]
    Trailing,
    /// An error has already been reported.
    #[error("the gzip member was refused before")]
    Refused,
}

impl From<GzipError> for io::Error {
    fn from(error: GzipError) -> Self {
        let truncated = error == GzipError::Truncated;
        let kind = if truncated { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::InvalidData };
        Self::new(kind, error)
    }
}

/// Inflates one gzip member from a reader and refuses whatever the module's page does not allow.
///
/// The end, a read of 0 bytes, comes only after check sum, length and the end of the input have been checked.
pub struct GzipReader<R> {
    input: BufReader<R>,
    inflater: Inflater,
    limit: u64,
    state: State,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    Header,
    Data,
    Done,
    Refused,
}

impl<R: Read> GzipReader<R> {
    /// Reads a member of which at most `limit` bytes may come out.
    pub fn new(reader: R, limit: u64) -> Self {
        Self { input: BufReader::new(reader), inflater: Inflater::new(), limit, state: State::Header }
    }

    fn step(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.state == State::Header {
            let mut header = [0; 10];
            self.input.read_exact(&mut header).map_err(truncated)?;
            // The ninth byte tells the compressor's effort: nothing, most, least.
            let [start @ .., effort, system] = header;
            if start != [0x1f, 0x8b, 8, 0, 0, 0, 0, 0] || !matches!(effort, 0 | 2 | 4) || system != 255 {
                return Err(GzipError::Header.into());
            }
            self.state = State::Data;
        }
        let count = self.inflater.read(&mut self.input, out).map_err(|e| e.unless_io(GzipError::Deflate))?;
        if self.inflater.bytes_out() > self.limit {
            return Err(GzipError::TooLong(self.limit).into());
        }
        if count == 0 {
            let mut trailer = [0; 8];
            self.input.read_exact(&mut trailer).map_err(truncated)?;
            // INVARIANT: gzip gives the length modulo 2^32.
            let length = u32::try_from(self.inflater.bytes_out() & 0xffff_ffff).unwrap_or_default();
            let expected = [self.inflater.crc().to_le_bytes(), length.to_le_bytes()];
            if trailer != expected.as_flattened() {
                return Err(GzipError::Check.into());
            }
            if !self.input.fill_buf()?.is_empty() {
                return Err(GzipError::Trailing.into());
            }
            self.state = State::Done;
        }
        Ok(count)
    }
}

impl<R: Read> Read for GzipReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.state {
            State::Refused => return Err(GzipError::Refused.into()),
            State::Done => return Ok(0),
            State::Header | State::Data if out.is_empty() => return Ok(0),
            State::Header | State::Data => {}
        }
        self.step(out).inspect_err(|_| self.state = State::Refused)
    }
}

fn truncated(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof { GzipError::Truncated.into() } else { error }
}

/// Inflates one raw deflate stream and takes no byte beyond its end.
pub(crate) struct Inflater {
    state: Decompress,
    crc: Crc,
    done: bool,
}

/// Why inflating stopped.
pub(crate) enum InflateError {
    Damaged,
    Truncated,
    Io(io::Error),
}

impl InflateError {
    /// The error of a gzip member.
    fn unless_io(self, damaged: GzipError) -> io::Error {
        match self {
            Self::Damaged => damaged.into(),
            Self::Truncated => GzipError::Truncated.into(),
            Self::Io(error) => error,
        }
    }
}

impl Inflater {
    pub(crate) fn new() -> Self {
        Self { state: Decompress::new(false), crc: Crc::new(), done: false }
    }

    /// Fills some of `out`, which is not empty; 0 at the end of the stream and ever after.
    pub(crate) fn read(&mut self, input: &mut impl BufRead, out: &mut [u8]) -> Result<usize, InflateError> {
        while !self.done {
            let (taken, given) = (self.state.total_in(), self.state.total_out());
            let bytes = match input.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(InflateError::Io(error)),
            };
            let at_end = bytes.is_empty();
            let status = self.state.decompress(bytes, out, FlushDecompress::None);
            let status = status.map_err(|_| InflateError::Damaged)?;
            let since =
                |before: u64, now: u64| usize::try_from(now.saturating_sub(before)).unwrap_or(usize::MAX);
            let taken = since(taken, self.state.total_in());
            let given = since(given, self.state.total_out());
            input.consume(taken);
            self.crc.update(out.get(..given).unwrap_or_default());
            self.done = status == Status::StreamEnd;
            match (given, self.done) {
                (1.., _) => return Ok(given),
                (0, true) => break,
                (0, false) if at_end => return Err(InflateError::Truncated),
                (0, false) if taken == 0 => return Err(InflateError::Damaged),
                (0, false) => {}
            }
        }
        Ok(0)
    }

    /// Compressed bytes taken.
    pub(crate) fn bytes_in(&self) -> u64 {
        self.state.total_in()
    }

    /// Inflated bytes given.
    pub(crate) fn bytes_out(&self) -> u64 {
        self.state.total_out()
    }

    /// CRC-32 of the inflated bytes.
    pub(crate) fn crc(&self) -> u32 {
        self.crc.sum()
    }
}
