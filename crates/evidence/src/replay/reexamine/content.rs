//! A preserved object against the content of the original.

use std::fmt;
use std::io::{self, Read};

use scope::Digest;
use sha2::{Digest as _, Sha256};

use crate::item::ObjectValue;

/// Bytes of an original that are hashed at a time.
const CHUNK: usize = 64 << 10;

/// What stays in memory of an object.
#[derive(Debug)]
pub(super) struct Preserved {
    sha256: Digest,
    size: u64,
    unreadable: Box<[(u64, u64)]>,
}

/// What the original gives today, with zeros where the object has them for want of bytes.
#[derive(Debug)]
pub(super) struct Found {
    sha256: Digest,
    size: u64,
    /// It goes on; no more was read.
    longer: bool,
    /// It gave bytes where none could be read when the object was made.
    pub(super) readable_now: bool,
}

impl Preserved {
    pub(super) fn of(object: &ObjectValue) -> Self {
        let ObjectValue { sha256, size, unreadable, .. } = object;
        Self { sha256: *sha256, size: *size, unreadable: unreadable.clone().into_boxed_slice() }
    }

    pub(super) fn is_partial(&self) -> bool {
        !self.unreadable.is_empty()
    }

    pub(super) fn is(&self, found: &Found) -> bool {
        !found.longer && found.size == self.size && found.sha256 == self.sha256
    }

    /// Reads an original to its end, or to the size of the object and a little more.
    ///
    /// # Errors
    ///
    /// What the reader reports, where the object has bytes.
    pub(super) fn of_original(&self, opened: io::Result<Box<dyn Read + '_>>) -> io::Result<Found> {
        let mut hash = Sha256::new();
        let mut found = Found { sha256: self.sha256, size: 0, longer: false, readable_now: false };
        let mut buffer = vec![0; CHUNK];
        let mut reader = match opened {
            Ok(reader) => reader,
            Err(error) => return self.zeros_to_the_end(found, hash, Some(error)),
        };
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => return self.zeros_to_the_end(found, hash, None),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return self.zeros_to_the_end(found, hash, Some(error)),
            };
            let bytes = buffer.get_mut(..count).unwrap_or_default();
            found.readable_now |= self.blank(bytes, found.size);
            hash.update(&*bytes);
            found.size = found.size.saturating_add(length(count));
            if found.size > self.size {
                found.longer = true;
                return Ok(finish(found, hash));
            }
        }
    }

    /// The reader gave its last byte. Where the object has zeros from here to its end, so has the original.
    fn zeros_to_the_end(
        &self,
        mut found: Found,
        mut hash: Sha256,
        error: Option<io::Error>,
    ) -> io::Result<Found> {
        let gap = self.unreadable.last().filter(|(from, to)| *from <= found.size && *to == self.size);
        if gap.is_none() {
            return error.map_or_else(|| Ok(finish(found, hash)), Err);
        }
        let zeros = vec![0; CHUNK];
        while found.size < self.size {
            let step = self.size.saturating_sub(found.size).min(length(CHUNK));
            let step = usize::try_from(step).ok().and_then(|step| zeros.get(..step)).unwrap_or(&zeros);
            hash.update(step);
            found.size = found.size.saturating_add(length(step.len()));
        }
        Ok(finish(found, hash))
    }

    /// Puts zeros where the object has them for want of bytes; returns whether there was such a place.
    fn blank(&self, bytes: &mut [u8], at: u64) -> bool {
        let end = at.saturating_add(length(bytes.len()));
        let first = self.unreadable.partition_point(|(_, to)| *to <= at);
        let mut any = false;
        for (from, to) in self.unreadable.iter().skip(first).take_while(|(from, _)| *from < end) {
            let place = |position: u64| usize::try_from(position.clamp(at, end).saturating_sub(at));
            if let (Ok(from), Ok(to)) = (place(*from), place(*to))
                && let Some(gap) = bytes.get_mut(from..to)
            {
                any |= !gap.is_empty();
                gap.fill(0);
            }
        }
        any
    }
}

impl Found {
    pub(super) fn told(&self) -> String {
        if self.longer {
            return "more bytes than recorded".to_owned();
        }
        format!("{} of {} bytes", self.sha256, self.size)
    }
}

impl fmt::Display for Preserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes", self.sha256, self.size)
    }
}

fn finish(found: Found, hash: Sha256) -> Found {
    Found { sha256: Digest(hash.finalize().into()), ..found }
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
