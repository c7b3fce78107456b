//! Lists of digests of any size: short ones in memory, long ones where they lie.
//!
//! Implements `docs/spec/policy.md`, "Lists of digests".
//!
//! ```text
//! 00000a1c...\n      64 digits and a line feed, ascending
//! 00000f22...\n      first digests of blocks are kept, and the block's SHA-256: what is read later is compared with that
//! ```
//!
//! A long list is read once from end to end. That gives its digest, says whether its lines are in order, and leaves 64
//! bytes for each block of 504 lines. To look a digest up then takes one read, of one block. INVARIANT: a block that is
//! not the one that was read at first answers nothing, so that a file may change and a decision cannot.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use sha2::{Digest as _, Sha256};

use crate::digest::{Digest, hex};

/// The bytes of a list file, wherever they lie.
pub trait ListBytes: fmt::Debug + Send + Sync {
    /// How many bytes there are.
    fn length(&self) -> u64;

    /// Fills `into` with the bytes from `offset`.
    ///
    /// # Errors
    ///
    /// What the storage reports; [`io::ErrorKind::UnexpectedEof`] where there are fewer bytes.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;
}

/// Bytes in memory: of a browser, or of a test.
impl ListBytes for Vec<u8> {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(offset).ok().and_then(|offset| self.get(offset..));
        let found = from.and_then(|from| from.get(..into.len()));
        into.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// A file of lines that was read once and stays where it is.
#[derive(Debug)]
pub struct ListFile {
    bytes: Arc<dyn ListBytes>,
    length: u64,
    digest: Digest,
    /// First digest and SHA-256 of each block.
    blocks: Vec<(Digest, Digest)>,
    count: u64,
    /// SHA-256 of all digests, in order: the same for the same set.
    set: Digest,
    fault: Option<LineFault>,
    trouble: OnceLock<String>,
}

/// Where a file is no list of digests in ascending order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct LineFault {
    /// From 1.
    pub(crate) line: u64,
    pub(crate) what: &'static str,
}

impl ListFile {
    /// Reads the file from end to end.
    ///
    /// # Errors
    ///
    /// What the storage reports.
    pub fn read(bytes: Arc<dyn ListBytes>) -> io::Result<Self> {
        let length = bytes.length();
        let mut found = Self {
            bytes,
            length,
            digest: Digest([0; 32]),
            blocks: Vec::new(),
            count: 0,
            set: Digest([0; 32]),
            fault: None,
            trouble: OnceLock::new(),
        };
        let (mut whole, mut set) = (Sha256::new(), Sha256::new());
        let (mut buffer, mut offset, mut last) = (vec![0; BLOCK], 0_u64, None);
        while offset < length {
            let block = found.piece(offset, &mut buffer)?;
            found.bytes.read_at(offset, block)?;
            whole.update(&*block);
            let mut first = None;
            for line in block.chunks(LINE) {
                if found.fault.is_some() {
                    break;
                }
                found.count = found.count.saturating_add(1);
                match digest_of(line, offset.saturating_add(BLOCK as u64) >= length) {
                    Some(digest) if last < Some(digest) => {
                        set.update(digest.0);
                        first.get_or_insert(digest);
                        last = Some(digest);
                    }
                    Some(digest) if last == Some(digest) => found.fail("the line before it is the same"),
                    Some(_) => {
                        found.fail("it comes before the line above it; a long list is in ascending order")
                    }
                    None => found.fail("not 64 lower-case hexadecimal digits and a line feed"),
                }
            }
            if let (Some(first), None) = (first, &found.fault) {
                found.blocks.push((first, Digest::of(block)));
            }
            offset = offset.saturating_add(block.len() as u64);
        }
        found.digest = Digest(whole.finalize().into());
        found.set = Digest(set.finalize().into());
        Ok(found)
    }

    fn fail(&mut self, what: &'static str) {
        self.fault = Some(LineFault { line: self.count, what });
    }

    /// The part of the buffer for what lies from `offset`.
    fn piece<'b>(&self, offset: u64, buffer: &'b mut [u8]) -> io::Result<&'b mut [u8]> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        buffer.get_mut(..left.min(BLOCK)).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    /// How many bytes it has.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The SHA-256 of its bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub(crate) fn fault(&self) -> Option<&LineFault> {
        self.fault.as_ref()
    }

    /// Hands its bytes on, piece by piece, as they were when it was read.
    ///
    /// # Errors
    ///
    /// What the storage or `take` report; [`io::ErrorKind::InvalidData`] where the bytes are no longer those.
    pub fn copy(&self, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let (mut buffer, mut offset, mut whole) = (vec![0; BLOCK], 0_u64, Sha256::new());
        while offset < self.length {
            let block = self.piece(offset, &mut buffer)?;
            self.bytes.read_at(offset, block)?;
            whole.update(&*block);
            take(block)?;
            offset = offset.saturating_add(block.len() as u64);
        }
        if Digest(whole.finalize().into()) == self.digest { Ok(()) } else { Err(changed()) }
    }

    /// The block of that number, as it was when the file was read.
    fn block(&self, at: usize) -> io::Result<Vec<u8>> {
        let offset = (at as u64).saturating_mul(BLOCK as u64);
        let mut buffer = vec![0; BLOCK];
        let length = self.piece(offset, &mut buffer)?.len();
        buffer.truncate(length);
        self.bytes.read_at(offset, &mut buffer)?;
        match self.blocks.get(at) {
            Some((_, digest)) if *digest == Digest::of(&buffer) => Ok(buffer),
            _ => Err(changed()),
        }
    }

    fn contains(&self, wanted: &Digest) -> io::Result<bool> {
        let after = self.blocks.partition_point(|(first, _)| first <= wanted);
        let Some(at) = after.checked_sub(1) else { return Ok(false) };
        let block = self.block(at)?;
        let lines: Vec<&[u8]> = block.chunks(LINE).map(|line| line.get(..DIGITS).unwrap_or(line)).collect();
        Ok(lines.binary_search(&hex(&wanted.0).as_bytes()).is_ok())
    }
}

fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is no longer the file that was read")
}

/// A line of a long list. Only the last of the file may lack its line feed.
fn digest_of(line: &[u8], may_be_last: bool) -> Option<Digest> {
    let (digits, end) = line.split_at_checked(DIGITS)?;
    let ended = end == b"\n" || end.is_empty() && may_be_last;
    if !ended {
        return None;
    }
    Digest::from_hex(std::str::from_utf8(digits).ok()?).ok()
}

/// The digests of a list.
#[derive(Clone)]
pub struct HashList(Held);

#[derive(Clone)]
enum Held {
    /// Sorted, none twice, and the set's digest.
    Memory(Arc<(Vec<Digest>, Digest)>),
    Outside(Arc<ListFile>),
}

impl HashList {
    pub(crate) fn of(mut digests: Vec<Digest>) -> Self {
        digests.sort_unstable();
        digests.dedup();
        let mut set = Sha256::new();
        digests.iter().for_each(|digest| set.update(digest.0));
        let set = Digest(set.finalize().into());
        Self(Held::Memory(Arc::new((digests, set))))
    }

    /// INVARIANT: the file has no fault.
    pub(crate) fn outside(file: Arc<ListFile>) -> Self {
        Self(Held::Outside(file))
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        match &self.0 {
            Held::Memory(list) => list.0.len() as u64,
            Held::Outside(file) => file.count,
        }
    }

    /// Whether the digest is on the list; `None` where the list cannot be read, and from then on [`HashList::trouble`]
    /// says why.
    #[must_use]
    pub fn contains(&self, digest: &Digest) -> Option<bool> {
        match &self.0 {
            Held::Memory(list) => Some(list.0.binary_search(digest).is_ok()),
            Held::Outside(file) => self.noted(file.contains(digest)),
        }
    }

    /// The digest of that number, from 0, in ascending order.
    #[must_use]
    pub fn get(&self, at: u64) -> Option<Digest> {
        let at = usize::try_from(at).ok()?;
        match &self.0 {
            Held::Memory(list) => list.0.get(at).copied(),
            Held::Outside(file) if at as u64 >= file.count => None,
            Held::Outside(file) => {
                let block = self.noted(file.block(at.checked_div(LINES)?))?;
                digest_of(block.chunks(LINE).nth(at.checked_rem(LINES)?)?, true)
            }
        }
    }

    /// All digests, ascending. An error ends them.
    pub(crate) fn iter(&self) -> Box<dyn Iterator<Item = io::Result<Digest>> + '_> {
        match &self.0 {
            Held::Memory(list) => Box::new(list.0.iter().copied().map(Ok)),
            Held::Outside(file) => Box::new((0..file.blocks.len()).flat_map(|at| {
                let lines = |block: Vec<u8>| {
                    let all: Vec<_> =
                        block.chunks(LINE).filter_map(|line| digest_of(line, true)).map(Ok).collect();
                    all
                };
                file.block(at).map_or_else(|error| vec![Err(error)], lines)
            })),
        }
    }

    /// SHA-256 of all digests in ascending order: the same for the same set.
    #[must_use]
    pub fn set(&self) -> Digest {
        match &self.0 {
            Held::Memory(list) => list.1,
            Held::Outside(file) => file.set,
        }
    }

    /// Why the list could not be read when it was asked, if that has happened.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        match &self.0 {
            Held::Memory(_) => None,
            Held::Outside(file) => file.trouble.get().map(String::as_str),
        }
    }

    fn noted<T>(&self, found: io::Result<T>) -> Option<T> {
        let Held::Outside(file) = &self.0 else { return found.ok() };
        found.map_err(|error| file.trouble.get_or_init(|| error.to_string())).ok()
    }
}

impl fmt::Debug for HashList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HashList of {}", self.count())
    }
}

impl PartialEq for HashList {
    fn eq(&self, other: &Self) -> bool {
        self.count() == other.count() && self.set() == other.set()
    }
}

impl Eq for HashList {}

/// Hexadecimal digits of a digest.
const DIGITS: usize = 64;

/// Bytes of a line.
const LINE: usize = DIGITS + 1;

/// Lines of a block: what 64 bytes of memory are kept for. 32 KiB are read and hashed in some twenty microseconds.
const LINES: usize = 504;

const BLOCK: usize = LINES * LINE;

#[cfg(test)]
#[path = "hash_list_tests.rs"]
mod tests;
