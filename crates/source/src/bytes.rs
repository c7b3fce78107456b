//! An image or device as bytes, read by position.
//!
//! No memory map: a bad sector under a map is a signal that ends the process,
//! under `pread` it is an error with an offset.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use rustix::fs::{Advice, SeekFrom};
use scope::Digest;
use scope::facts::Failure;
use sha2::Digest as _;

use crate::presence::Presence;

/// Bytes of a medium, addressed from 0.
pub trait ByteSource: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Whether there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buf` from `offset`. Returns the number of bytes read: less than `buf.len()` only at the end of the
    /// medium, 0 only at or after it.
    ///
    /// # Errors
    ///
    /// [`ReadFault`], with the range that could not be read.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault>;

    /// The unit in which the medium is read, in bytes.
    fn sector_size(&self) -> u32 {
        512
    }

    /// Ranges already known to be unreadable, ascending.
    fn bad_ranges(&self) -> Vec<Range<u64>> {
        Vec::new()
    }

    /// Ranges that the medium's maker could not read, ascending, none touching the next: reads of them fail, and
    /// [`ByteSource::read_filled_at`] gives what was put in their place.
    fn filled_ranges(&self) -> Vec<Range<u64>> {
        Vec::new()
    }

    /// As [`ByteSource::read_at`], with what an image holds in place of the sectors that its maker could not read. It is no
    /// content of the drive: for digests of the image alone.
    ///
    /// # Errors
    ///
    /// [`ReadFault`] for what is in the image and cannot be read.
    fn read_filled_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        self.read_at(offset, buf)
    }

    /// The next bytes at or behind `offset` that the file system stores; what lies before them are zeros that it does not.
    /// `None` where that is not known.
    fn stored_from(&self, offset: u64) -> Option<Range<u64>> {
        let _ = offset;
        None
    }

    /// Fills all of `buf` from `offset`.
    ///
    /// # Errors
    ///
    /// [`ReadFault`], also where the medium ends first.
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadFault> {
        let count = self.read_at(offset, buf)?;
        if count == buf.len() {
            return Ok(());
        }
        Err(ReadFault {
            offset,
            length: length(buf.len()),
            reason: format!("the medium ends at {}", self.len()),
        })
    }
}

/// Bytes that could not be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("cannot read {length} bytes at {offset}: {reason}")]
pub struct ReadFault {
    /// First byte of the read.
    pub offset: u64,
    /// Bytes asked for.
    pub length: u64,
    /// Why.
    pub reason: String,
}

impl ReadFault {
    /// Whether the bytes are those of a member of an archive that contradicts it.
    #[must_use]
    pub fn is_of_archive(&self) -> bool {
        self.reason.contains(Failure::OF_ARCHIVE)
    }
}

/// A raw image: a regular file, or a device, whose bytes are the medium's.
#[derive(Debug)]
pub struct RawFile {
    file: File,
    len: u64,
    /// The same, read past the page cache: sector by sector where the cache reads whole pages.
    direct: Option<File>,
    /// Bytes in a sector, where a device says so.
    sector: u32,
    presence: Presence,
}

impl RawFile {
    /// Takes `file`, opened for reading alone, as `len` bytes of medium.
    #[must_use]
    pub fn new(file: File, len: u64) -> Self {
        Self::with_direct(file, None, len)
    }

    /// As [`RawFile::new`], with the same file opened to be read past the page cache.
    #[must_use]
    pub fn with_direct(file: File, direct: Option<File>, len: u64) -> Self {
        let presence = Presence::of(&file);
        Self { file, len, direct, sector: 512, presence }
    }

    /// The same, in sectors of that many bytes.
    #[must_use]
    pub fn in_sectors(self, sector: u32) -> Self {
        Self { sector, ..self }
    }

    /// After a read that failed: tells where the medium is gone. A process that reads for another ends with that.
    fn look_for(&self, error: Option<&io::Error>) {
        if let Some(why) = self.presence.lost(&self.file, error, |place| self.gives(place)) {
            crate::guard::lost(&why);
        }
    }

    /// Whether a byte is given that no cache has.
    fn gives(&self, offset: u64) -> bool {
        if self.direct.is_some() {
            return self.read_direct(offset, &mut [0]).is_some();
        }
        let page = offset.saturating_sub(offset % length(PAGE));
        let _ = rustix::fs::fadvise(&self.file, page, NonZeroU64::new(length(PAGE)), Advice::DontNeed);
        self.file.read_at(&mut [0], offset).is_ok()
    }

    /// Reads a few bytes past the page cache, where that is possible: the sectors in which they are, whole.
    fn read_direct(&self, offset: u64, buf: &mut [u8]) -> Option<()> {
        let direct = self.direct.as_ref().filter(|_| buf.len() <= PAGE)?;
        let mut room = vec![0; 3 * PAGE];
        let start = room.as_ptr().align_offset(PAGE);
        // A device of larger sectors refuses what is not of its own.
        [512, PAGE].into_iter().find_map(|sector| {
            let within = usize::try_from(offset % length(sector)).ok()?;
            let whole = within.checked_add(buf.len())?.checked_next_multiple_of(sector)?;
            let room = room.get_mut(start..)?.get_mut(..whole)?;
            let count = direct.read_at(room, offset.checked_sub(length(within))?).ok()?;
            let wanted = room.get(..count)?.get(within..)?.get(..buf.len())?;
            buf.copy_from_slice(wanted);
            Some(())
        })
    }
}

impl ByteSource for RawFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn sector_size(&self) -> u32 {
        self.sector
    }

    fn stored_from(&self, offset: u64) -> Option<Range<u64>> {
        let seek = |to| rustix::fs::seek(&self.file, to);
        match seek(SeekFrom::Data(offset)) {
            Ok(start) => Some(start..seek(SeekFrom::Hole(start)).ok()?),
            Err(rustix::io::Errno::NXIO) => Some(self.len..self.len),
            Err(_) => None,
        }
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let asked = length(buf.len());
        let fault = |reason: String| ReadFault { offset, length: asked, reason };
        let left = self.len.saturating_sub(offset);
        let want = usize::try_from(left.min(asked)).map_err(|_| fault("longer than memory".into()))?;
        let _reading = crate::guard::reading();
        let mut done = 0;
        while done < want {
            let at = offset.checked_add(length(done)).ok_or_else(|| fault("offset overflows".into()))?;
            match self.file.read_at(buf.get_mut(done..want).unwrap_or_default(), at) {
                Ok(0) => {
                    self.look_for(None);
                    return Err(fault(format!("the file ended at {at}, before its {} bytes", self.len)));
                }
                Ok(count) => done = done.saturating_add(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let rest = buf.get_mut(done..want).unwrap_or_default();
                    return match self.read_direct(at, rest) {
                        Some(()) => Ok(want),
                        None => {
                            self.look_for(Some(&error));
                            Err(fault(error.to_string()))
                        }
                    };
                }
            }
        }
        if want > 0 {
            self.presence.gave(offset);
        }
        Ok(done)
    }
}

impl ByteSource for Vec<u8> {
    fn len(&self) -> u64 {
        length(self.as_slice().len())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let tail = usize::try_from(offset).ok().and_then(|start| self.get(start..)).unwrap_or_default();
        let count = tail.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..count), tail.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }
}

/// SHA-256 of every byte of `bytes`: of an image, of every byte that it holds.
///
/// # Errors
///
/// [`ReadFault`] for the first range that cannot be read: a digest of part of a medium is never given.
pub fn digest(bytes: &dyn ByteSource) -> Result<Digest, ReadFault> {
    let mut hash = sha2::Sha256::new();
    let mut buf = vec![0; DIGEST_CHUNK];
    let mut at = 0;
    loop {
        let count = bytes.read_filled_at(at, &mut buf)?;
        if count == 0 {
            return Ok(Digest(hash.finalize().into()));
        }
        hash.update(buf.get(..count).unwrap_or_default());
        at = at.saturating_add(length(count));
    }
}

/// `usize` as `u64`; no platform has a wider `usize`.
pub(crate) fn length(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Why what an image's maker could not read is not read.
pub(crate) const FILLED: &str = "the maker of the image could not read it from the drive";
/// What the page cache reads at least, and the alignment that every device accepts.
const PAGE: usize = 4096;
/// Bytes read at once for a digest: large enough that the calls do not count, small enough for any laptop.
const DIGEST_CHUNK: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn raw(content: &[u8], len: u64) -> RawFile {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        RawFile::new(file, len)
    }

    fn check(source: &dyn ByteSource, offset: u64, want: usize, expect: &[u8]) {
        let mut buf = vec![0xEE; want];
        let count = source.read_at(offset, &mut buf).unwrap();
        assert_eq!(&buf[..count], expect, "at {offset}");
    }

    #[test]
    fn reads_are_short_only_at_the_end() {
        for source in [&raw(b"abcdef", 6) as &dyn ByteSource, &b"abcdef".to_vec()] {
            check(source, 0, 6, b"abcdef");
            check(source, 4, 6, b"ef");
            check(source, 6, 6, b"");
            check(source, u64::MAX, 6, b"");
            assert!(source.read_exact_at(4, &mut [0; 3]).is_err());
        }
    }

    #[test]
    fn a_file_shorter_than_promised_is_an_error() {
        let source = raw(b"abc", 6);
        assert!(source.read_at(0, &mut [0; 6]).is_err());
        assert!(digest(&source).is_err());
    }

    #[test]
    fn the_digest_covers_every_byte() {
        let content = vec![7; DIGEST_CHUNK + 5];
        assert_eq!(digest(&raw(&content, content.len() as u64)).unwrap(), Digest::of(&content));
    }
}
