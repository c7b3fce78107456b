//! A preserved object against the content of the original.

use std::fmt;
use std::io::{self, Read};

use scope::Digest;
use sha2::{Digest as _, Sha256};

use crate::item::ObjectValue;

/// Most zeros that are hashed to tell slack of which nothing else was read: a record may state any size.
const MAX_ZEROS: u64 = 1 << 30;
/// Bytes of an original that are hashed at a time.
const CHUNK: usize = 64 << 10;

/// Content of an original as it is read today.
pub trait Original: Read {
    /// Where the medium gave nothing so far, `[from, to)`, ascending: zeros were read there.
    fn missing(&self) -> &[(u64, u64)] {
        &[]
    }

    /// Whether what is missing, or the error that it ended in, is the fault of the archive that holds the content: all of its
    /// bytes could be read, and they contradict themselves.
    fn is_damaged(&self) -> bool {
        false
    }
}

impl<T: AsRef<[u8]>> Original for io::Cursor<T> {}

/// Why an object cannot be compared: the original gives less today than it gave then.
#[derive(Debug)]
pub(super) enum Unread {
    /// Bytes of these ranges.
    Ranges(Vec<(u64, u64)>),
    /// It ended in an error.
    Error(io::Error),
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges = match self {
            Self::Error(error) => return write!(f, "its content cannot be read today: {error}"),
            Self::Ranges(ranges) => ranges,
        };
        let told: Vec<String> = ranges.iter().take(TOLD).map(|(from, to)| format!("{from}-{to}")).collect();
        let more = match ranges.len().saturating_sub(TOLD) {
            0 => String::new(),
            more => format!(" and {more} further ranges"),
        };
        write!(f, "its bytes {}{more} cannot be read today", told.join(", "))
    }
}

/// Most ranges of one object that are told.
const TOLD: usize = 10;

/// What stays in memory of an object.
#[derive(Debug)]
pub(super) struct Preserved {
    sha256: Digest,
    size: u64,
    unreadable: Box<[(u64, u64)]>,
    /// Whether something was amiss when it was read.
    amiss: bool,
}

/// What the original gives today, with zeros where the object has them for want of bytes.
#[derive(Debug)]
pub(super) struct Found {
    sha256: Digest,
    size: u64,
    /// It goes on; no more was read.
    longer: bool,
    /// The archive that holds it contradicts it.
    damaged: bool,
    /// It gave bytes where none could be read when the object was made.
    pub(super) readable_now: bool,
}

impl Preserved {
    pub(super) fn of(object: &ObjectValue) -> Self {
        let ObjectValue { sha256, size, unreadable, .. } = object;
        let amiss = object.trouble.is_some() || !unreadable.is_empty();
        Self { sha256: *sha256, size: *size, unreadable: unreadable.clone().into_boxed_slice(), amiss }
    }

    pub(super) fn is_partial(&self) -> bool {
        !self.unreadable.is_empty()
    }

    /// Whether the medium did not give it as it was.
    pub(super) fn is_amiss(&self) -> bool {
        self.amiss
    }

    /// Whether every byte of it that was read is zero, and some were not read. Of more than [`MAX_ZEROS`] it is not told.
    pub(super) fn is_zeros_in_part(&self) -> bool {
        if !self.is_partial() || self.size > MAX_ZEROS {
            return false;
        }
        let mut hash = Sha256::new();
        let (zeros, mut left) = (vec![0; CHUNK], self.size);
        while left > 0 {
            let now = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            hash.update(zeros.get(..now).unwrap_or_default());
            left = left.saturating_sub(length(now));
        }
        Digest(hash.finalize().into()) == self.sha256
    }

    pub(super) fn is(&self, found: &Found) -> bool {
        !found.longer
            && (self.amiss || !found.damaged)
            && found.size == self.size
            && found.sha256 == self.sha256
    }

    /// Reads an original to its end, or to the size of the object and a little more.
    ///
    /// # Errors
    ///
    /// What the original does not give where the object has bytes.
    pub(super) fn of_original(&self, opened: io::Result<Box<dyn Original + '_>>) -> Result<Found, Unread> {
        let mut hash = Sha256::new();
        let mut found =
            Found { sha256: self.sha256, size: 0, longer: false, damaged: false, readable_now: false };
        let mut buffer = vec![0; CHUNK];
        let mut reader = match opened {
            Ok(reader) => reader,
            Err(error) => return self.zeros_to_the_end(found, hash, Some(error)),
        };
        let found = loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break self.zeros_to_the_end(found, hash, None)?,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // Its archive could be read, and says that it is not what it was: so it is compared as it is.
                Err(_) if reader.is_damaged() => break self.zeros_to_the_end(found, hash, None)?,
                Err(error) => break self.zeros_to_the_end(found, hash, Some(error))?,
            };
            let bytes = buffer.get_mut(..count).unwrap_or_default();
            let missing = reader.missing();
            found.readable_now |= self.blank(bytes, found.size, missing);
            hash.update(&*bytes);
            found.size = found.size.saturating_add(length(count));
            if found.size > self.size {
                found.longer = true;
                break finish(found, hash);
            }
        };
        let lost = outside(reader.missing(), &self.unreadable, self.size);
        let damaged = reader.is_damaged();
        if lost.is_empty() || damaged { Ok(Found { damaged, ..found }) } else { Err(Unread::Ranges(lost)) }
    }

    /// The reader gave its last byte. Where the object has zeros from here to its end, so has the original.
    fn zeros_to_the_end(
        &self,
        mut found: Found,
        mut hash: Sha256,
        error: Option<io::Error>,
    ) -> Result<Found, Unread> {
        let gap = self.unreadable.last().filter(|(from, to)| *from <= found.size && *to == self.size);
        if gap.is_none() {
            return error.map_or_else(|| Ok(finish(found, hash)), |error| Err(Unread::Error(error)));
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

    /// Puts zeros where the object has them for want of bytes; returns whether the original gave bytes in such a place, which is
    /// not one of the ranges `missing`.
    fn blank(&self, bytes: &mut [u8], at: u64, missing: &[(u64, u64)]) -> bool {
        let end = at.saturating_add(length(bytes.len()));
        let first = self.unreadable.partition_point(|(_, to)| *to <= at);
        let mut any = false;
        for (from_at, to_at) in self.unreadable.iter().skip(first).take_while(|(from, _)| *from < end) {
            let place = |position: u64| usize::try_from(position.clamp(at, end).saturating_sub(at));
            if let (Ok(from), Ok(to)) = (place(*from_at), place(*to_at))
                && let Some(gap) = bytes.get_mut(from..to)
            {
                let here = (at.max(*from_at), end.min(*to_at));
                any |= !gap.is_empty() && !outside(&[here], missing, u64::MAX).is_empty();
                gap.fill(0);
            }
        }
        any
    }
}

/// What of `ranges`, up to `end`, lies in none of `others`; both ascending.
fn outside(ranges: &[(u64, u64)], others: &[(u64, u64)], end: u64) -> Vec<(u64, u64)> {
    let mut rest = Vec::new();
    for (from, to) in ranges {
        let (mut from, to) = (*from, (*to).min(end));
        let first = others.partition_point(|(_, other)| *other <= from);
        for (other, behind) in others.iter().skip(first).take_while(|(other, _)| *other < to) {
            if from < *other {
                rest.push((from, *other));
            }
            from = from.max(*behind);
        }
        if from < to {
            rest.push((from, to));
        }
    }
    rest
}

impl Found {
    pub(super) fn told(&self) -> String {
        if self.longer {
            return "more bytes than recorded".to_owned();
        }
        let damaged = if self.damaged { "damaged in its archive: " } else { "" };
        format!("{damaged}{} of {} bytes", self.sha256, self.size)
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
