//! A member's content: as long as it is said to be, with the check sum that it is said to have, or an error.

use std::io::{self, BufRead, Read};
use std::sync::{Arc, Mutex};

use flate2::bufread::DeflateDecoder;

use super::gzip::Unpacked;
use super::seek::{APART, Packed, Points, Sought};
use super::{ArchiveError, Member};
use crate::bytes::{ByteSource, ReadFault, length};
use crate::exact::{Content, EvidenceStream, Exact, Gap, StreamFault};

/// Where a member's content is in its archive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Place {
    /// As it is.
    Stored {
        /// Its first byte.
        at: u64,
        /// Its CRC-32, where the archive has one.
        crc: Option<u32>,
    },
    /// One deflate stream.
    Deflated {
        /// Its first byte.
        at: u64,
        /// How many bytes it has.
        packed: u64,
        /// The CRC-32 of the content.
        crc: u32,
    },
    /// All of a gzip of this length.
    Gzip {
        /// Bytes of the gzip.
        length: u64,
    },
    /// It cannot be read, and why.
    Unreadable(&'static str),
}

impl Place {
    /// The member is encrypted.
    pub const ENCRYPTED: &str = "the member is encrypted";
    /// It is packed in a way that is not read.
    pub const METHOD: &str = "the member is packed by a method that is not read";
    /// It has holes.
    pub const HOLES: &str = "the member is stored with holes, in a form that is not read";
}

/// Opens `member` of the archive in `bytes`.
///
/// # Errors
///
/// [`ArchiveError::Unreadable`].
pub(super) fn open<'b>(
    member: &Member,
    bytes: Arc<dyn ByteSource + 'b>,
) -> Result<Box<dyn EvidenceStream + 'b>, ArchiveError> {
    let (unpack, crc) = match member.place {
        Place::Stored { at, crc } => (Unpack::Stored(Range::new(bytes, at, member.size)), crc),
        Place::Deflated { at, packed, crc } => {
            (Unpack::Deflated(DeflateDecoder::new(Range::new(bytes, at, packed))), Some(crc))
        }
        Place::Gzip { length } => (Unpack::Gzip(Box::new(Unpacked::new(Range::new(bytes, 0, length)))), None),
        Place::Unreadable(why) => return Err(ArchiveError::Unreadable(why)),
    };
    let content = Checked { unpack, crc, sum: flate2::Crc::new(), left: member.size, failed: false };
    Ok(Box::new(Exact::new(content, member.size)))
}

/// Opens `member` near before its byte `from`; returns where.
pub(super) fn open_at<'b>(
    member: &Member,
    from: u64,
    bytes: Arc<dyn ByteSource + 'b>,
    points: Arc<Mutex<Points>>,
) -> Result<(Box<dyn EvidenceStream + 'b>, u64), ArchiveError> {
    let (packed, place) = match member.place {
        _ if from < APART => return Ok((open(member, bytes)?, 0)),
        Place::Stored { at, .. } => {
            let from = from.min(member.size);
            let left = member.size.saturating_sub(from);
            let unpack = Unpack::Stored(Range::new(bytes, at.saturating_add(from), left));
            return Ok((Checked::beginning(unpack, member, from), from));
        }
        Place::Deflated { at, packed, crc } => (Packed::Deflate(crc), (at, packed)),
        Place::Gzip { length } => (Packed::Gzip, (0, length)),
        Place::Unreadable(why) => return Err(ArchiveError::Unreadable(why)),
    };
    let (content, at) = Sought::new(packed, bytes, place, from, points);
    Ok((Checked::beginning(Unpack::Sought(Box::new(content)), member, at), at))
}

enum Unpack<'b> {
    Stored(Range<'b>),
    Deflated(DeflateDecoder<Range<'b>>),
    Gzip(Box<Unpacked<'b>>),
    Sought(Box<Sought<'b>>),
}

/// Content on its way, and its check sum so far.
struct Checked<'b> {
    unpack: Unpack<'b>,
    crc: Option<u32>,
    sum: flate2::Crc,
    left: u64,
    failed: bool,
}

impl Read for Checked<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.unpack {
            Unpack::Stored(range) => range.read(buf),
            Unpack::Deflated(decoder) => decoder.read(buf),
            Unpack::Gzip(unpacked) => unpacked.read(buf),
            Unpack::Sought(content) => content.read(buf),
        };
        let count = read.map_err(|error| self.fault(error))?;
        if count == 0 && self.left > 0 && !buf.is_empty() {
            return Err(self.fault(damaged("it ends before its stated size")));
        }
        if count > 0 && self.left == 0 {
            return Err(self.fault(damaged("it goes on behind its stated size")));
        }
        self.sum.update(buf.get(..count).unwrap_or_default());
        self.left = self.left.saturating_sub(length(count));
        Ok(count)
    }
}

impl<'b> Checked<'b> {
    /// The content of `member` from its byte `at` on.
    fn beginning(unpack: Unpack<'b>, member: &Member, at: u64) -> Box<dyn EvidenceStream + 'b> {
        let left = member.size.saturating_sub(at);
        let content = Self { unpack, crc: None, sum: flate2::Crc::new(), left, failed: false };
        Box::new(Exact::new(content, member.size).beginning(at))
    }

    /// The archive's fault, unless bytes of it could not be read.
    fn fault(&mut self, error: io::Error) -> io::Error {
        if error.kind() == io::ErrorKind::Interrupted {
            return error;
        }
        self.failed = true;
        match error.get_ref() {
            _ if StreamFault::of(&error).is_some() => error,
            Some(inside) if inside.is::<ReadFault>() && StreamFault::is_of_archive(&error) => {
                damaged("the archive around it is damaged")
            }
            Some(inside) if inside.is::<ReadFault>() => error,
            _ => damaged("what is packed cannot be unpacked"),
        }
    }
}

fn damaged(what: &str) -> io::Error {
    StreamFault::Damaged(what.to_owned()).into()
}

impl Content for Checked<'_> {
    fn finish(&mut self) -> io::Result<()> {
        if let Unpack::Deflated(decoder) = &mut self.unpack
            && !decoder.get_mut().fill_buf()?.is_empty()
        {
            return Err(damaged("packed bytes follow its end"));
        }
        if self.crc.is_some_and(|crc| crc != self.sum.sum()) {
            return Err(damaged("its check sum is another"));
        }
        Ok(())
    }

    /// What follows damage in a packed stream cannot be known.
    fn gap(&self) -> Gap {
        if self.failed { Gap::Known(self.left) } else { Gap::Final }
    }

    fn skip(&mut self, _: u64) {
        (self.left, self.failed, self.crc) = (0, false, None);
        self.unpack = Unpack::Stored(Range::empty());
    }
}

/// Bytes of an archive, one after the other.
pub(super) struct Range<'b> {
    bytes: Arc<dyn ByteSource + 'b>,
    at: u64,
    left: u64,
    held: Vec<u8>,
    used: usize,
}

impl<'b> Range<'b> {
    pub(super) fn new(bytes: Arc<dyn ByteSource + 'b>, at: u64, left: u64) -> Self {
        Self { bytes, at, left, held: Vec::new(), used: 0 }
    }

    /// How many bytes were not taken.
    pub(super) fn left(&self) -> u64 {
        self.left.saturating_add(length(self.held.len().saturating_sub(self.used)))
    }

    fn empty() -> Self {
        Self::new(Arc::new(Vec::new()), 0, 0)
    }
}

impl BufRead for Range<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used >= self.held.len() && self.left > 0 {
            let want = usize::try_from(self.left).unwrap_or(PIECE).min(PIECE);
            self.held.resize(want, 0);
            self.used = want;
            self.bytes.read_exact_at(self.at, &mut self.held).map_err(io::Error::other)?;
            self.used = 0;
            self.at = self.at.saturating_add(length(want));
            self.left = self.left.saturating_sub(length(want));
        }
        Ok(self.held.get(self.used..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.used = self.used.saturating_add(count);
    }
}

impl Read for Range<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut held = self.fill_buf()?;
        let count = held.read(buf)?;
        self.consume(count);
        Ok(count)
    }
}

/// Packed bytes read at once.
const PIECE: usize = 64 << 10;
