//! Reading the zip profile, strictly and in one pass over any reader.
//!
//! Implements `docs/spec/zip-profile.md`.
//!
//! ```text
//! objects/KC07-C-0000001   local header, deflate data, descriptor
//! manifest.jsonl           ...
//! manifest.jsonl.sig       ...
//! central directory, end records, end of input
//! ```
//!
//! Zip tells everything twice, and readers differ on which telling they believe. Here a name and the compressed data are
//! read once, and every other byte of the archive is *computed* from them and compared: so there is nothing left to
//! disagree about, and nothing between, before or after the entries.

mod layout;

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use crate::gzip::{InflateError, Inflater};

pub use layout::Name;
use layout::{LOCAL_EXTRA, LOCAL_FIXED, Stored};

/// How much a zip may hold. Sizes are streamed, so these bound time, and the memory of one name per entry.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Entries, at most.
    pub entries: usize,
    /// Bytes of one entry, inflated.
    pub entry: u64,
    /// Bytes of all entries together, inflated.
    pub total: u64,
}

impl Default for Limits {
    /// A batch has at most 65,536 items; a medium today at most 2^46 bytes.
    fn default() -> Self {
        Self { entries: (1 << 16) + 3, entry: 1 << 46, total: 1 << 46 }
    }
}

/// Why a zip is refused; a reading [`Entry`] gives it through [`io::Error::get_ref`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZipError {
    /// Neither an entry of the profile nor the central directory stands here.
    #[error("byte {offset}: not the header of an entry in the zip profile: {what}")]
    Header {
        /// Bytes from the beginning of the archive.
        offset: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A name outside the grammar.
    #[error("byte {offset}: entry name `{name}` is not of the profile")]
    Name {
        /// Where its header begins.
        offset: u64,
        /// The name, escaped.
        name: String,
    },
    /// A name twice, or an entry out of order.
    #[error("byte {offset}: entry `{name}` stands here a second time or out of order")]
    Order {
        /// Where its header begins.
        offset: u64,
        /// The name.
        name: String,
    },
    /// Manifest or signature is not there.
    #[error("the archive has no `{0}`")]
    Missing(&'static str),
    /// The data of an entry is not deflate.
    #[error("entry `{0}`: the compressed data is damaged")]
    Deflate(String),
    /// The descriptor does not fit the data before it.
    #[error("entry `{0}`: check sum or sizes do not fit the data")]
    Descriptor(String),
    /// The central directory or the end records tell something else than the entries.
    #[error("byte {offset}: the central directory differs from the entries")]
    Directory {
        /// First byte that differs, from the beginning of the archive.
        offset: u64,
    },
    /// Something follows the end record.
    #[error("byte {offset}: bytes follow the archive")]
    Trailing {
        /// Length of the archive.
        offset: u64,
    },
    /// It ends early.
    #[error("byte {offset}: the archive ends early")]
    Truncated {
        /// Length of what is there.
        offset: u64,
    },
    /// A limit of the caller's.
    #[error("more than {limit} {what}")]
    TooMuch {
        /// The limit.
        limit: u64,
        /// Of what.
        what: &'static str,
    },
    /// An error has already been reported.
    #[error("the archive was refused before")]
    Refused,
    /// The reader below.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<ZipError> for io::Error {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Io(error) => error,
            ZipError::Truncated { .. } => Self::new(io::ErrorKind::UnexpectedEof, error),
            other => Self::new(io::ErrorKind::InvalidData, other),
        }
    }
}

/// A zip of the profile, read entry by entry.
///
/// Nothing that it gives may be believed before [`ZipReader::next_entry`] has returned `None`.
pub struct ZipReader<R> {
    input: BufReader<R>,
    /// Bytes taken from `input`.
    offset: u64,
    limits: Limits,
    /// Inflated bytes of all finished entries.
    total: u64,
    names: BTreeSet<Name>,
    entries: Vec<Stored>,
    current: Option<Current>,
    state: State,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    Entries,
    Done,
    Refused,
}

/// The entry whose data is being read.
struct Current {
    name: Name,
    offset: u64,
    /// Where its data begins.
    data: u64,
    inflater: Inflater,
}

/// One entry: its name, and its content through [`Read`].
///
/// A read of 0 bytes comes only after check sum and sizes have been checked. What is not read is inflated and
/// checked by the next call of [`ZipReader::next_entry`].
pub struct Entry<'a, R> {
    name: Name,
    zip: &'a mut ZipReader<R>,
}

impl<R: Read> ZipReader<R> {
    /// Reads with the default limits.
    pub fn new(reader: R) -> Self {
        Self::with_limits(reader, Limits::default())
    }

    /// Reads with limits of the caller's.
    pub fn with_limits(reader: R, limits: Limits) -> Self {
        Self {
            input: BufReader::with_capacity(BUFFER, reader),
            offset: 0,
            limits,
            total: 0,
            names: BTreeSet::new(),
            entries: Vec::new(),
            current: None,
            state: State::Entries,
        }
    }

    /// The next entry; `None` once the central directory, the end records and the end of the input have been checked.
    ///
    /// # Errors
    ///
    /// [`ZipError`], after which every call fails.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'_, R>>, ZipError> {
        match self.state {
            State::Done => return Ok(None),
            State::Refused => return Err(ZipError::Refused),
            State::Entries => {}
        }
        match self.advance() {
            Ok(Some(name)) => Ok(Some(Entry { name, zip: self })),
            Ok(None) => {
                self.state = State::Done;
                Ok(None)
            }
            Err(error) => {
                self.state = State::Refused;
                Err(error)
            }
        }
    }

    fn advance(&mut self) -> Result<Option<Name>, ZipError> {
        let mut rest = [0; 4096];
        while self.current.is_some() {
            self.read_data(&mut rest)?;
        }
        let offset = self.offset;
        let mut magic = [0; 4];
        self.take(&mut magic)?;
        if magic == layout::LOCAL_MAGIC {
            return self.local_header(offset).map(Some);
        }
        if magic != layout::CENTRAL_MAGIC {
            let what = "neither an entry nor the central directory begins here";
            return Err(ZipError::Header { offset, what });
        }
        self.directory(offset)?;
        Ok(None)
    }

    /// Reads what follows the magic number of a local header, and begins the entry.
    fn local_header(&mut self, offset: u64) -> Result<Name, ZipError> {
        let mut fixed = LOCAL_FIXED;
        self.take(&mut fixed)?;
        let [start @ .., low, high, extra_low, extra_high] = fixed;
        let [expected @ .., _, _, _, _] = LOCAL_FIXED;
        if start != expected {
            let what = "version, flags, method, time, or sizes that are not zero";
            return Err(ZipError::Header { offset, what });
        }
        if [extra_low, extra_high] != layout::LOCAL_EXTRA_LEN {
            return Err(ZipError::Header { offset, what: "extra fields" });
        }
        let length = usize::from(u16::from_le_bytes([low, high]));
        let mut name = [0; layout::MAX_NAME];
        let Some(name) = name.get_mut(..length) else {
            return Err(ZipError::Header { offset, what: "the name is too long" });
        };
        self.take(name)?;
        let name = Name::parse(name)
            .ok_or_else(|| ZipError::Name { offset, name: name.escape_ascii().to_string() })?;
        let mut extra = [0; LOCAL_EXTRA.len()];
        self.take(&mut extra)?;
        if extra != LOCAL_EXTRA {
            return Err(ZipError::Header { offset, what: "extra fields" });
        }
        let in_order = self.entries.last().is_none_or(|last| name.may_follow(&last.name));
        if !in_order || !self.names.insert(name.clone()) {
            return Err(ZipError::Order { offset, name: name.to_string() });
        }
        if self.entries.len() >= self.limits.entries {
            let limit = u64::try_from(self.limits.entries).unwrap_or(u64::MAX);
            return Err(ZipError::TooMuch { limit, what: "entries" });
        }
        let current = Current { name: name.clone(), offset, data: self.offset, inflater: Inflater::new() };
        self.current = Some(current);
        Ok(name)
    }

    /// Inflates into `out`, which is not empty; 0 once the entry has ended and its descriptor fits.
    fn read_data(&mut self, out: &mut [u8]) -> Result<usize, ZipError> {
        let Some(current) = &mut self.current else { return Ok(0) };
        let count = current.inflater.read(&mut self.input, out);
        self.offset = current.data.saturating_add(current.inflater.bytes_in());
        let count = count.map_err(|error| match error {
            InflateError::Damaged => ZipError::Deflate(current.name.to_string()),
            InflateError::Truncated => ZipError::Truncated { offset: self.offset },
            InflateError::Io(error) => ZipError::Io(error),
        })?;
        let bytes = current.inflater.bytes_out();
        if bytes > self.limits.entry {
            return Err(ZipError::TooMuch { limit: self.limits.entry, what: "bytes in one entry" });
        }
        if self.total.saturating_add(bytes) > self.limits.total {
            return Err(ZipError::TooMuch { limit: self.limits.total, what: "bytes in the archive" });
        }
        if count == 0 {
            self.descriptor()?;
        }
        Ok(count)
    }

    fn descriptor(&mut self) -> Result<(), ZipError> {
        let Some(Current { name, offset, inflater, .. }) = self.current.take() else { return Ok(()) };
        let stored = Stored {
            name,
            offset,
            crc: inflater.crc(),
            compressed: inflater.bytes_in(),
            size: inflater.bytes_out(),
        };
        let mut found = [0; layout::DESCRIPTOR];
        self.take(&mut found)?;
        if found.as_slice() != stored.descriptor() {
            return Err(ZipError::Descriptor(stored.name.to_string()));
        }
        self.total = self.total.saturating_add(stored.size);
        self.entries.push(stored);
        Ok(())
    }

    /// Compares the rest of the input, whose first four bytes were read, with what the entries make it.
    fn directory(&mut self, start: u64) -> Result<(), ZipError> {
        for (name, text) in [(Name::Manifest, "manifest.jsonl"), (Name::Signature, "manifest.jsonl.sig")] {
            if !self.names.contains(&name) {
                return Err(ZipError::Missing(text));
            }
        }
        let entries = std::mem::take(&mut self.entries);
        let mut skip = layout::CENTRAL_MAGIC.len();
        for entry in &entries {
            self.expect(entry.central_header().get(skip..).unwrap_or_default())?;
            skip = 0;
        }
        self.expect(&layout::end(entries.len(), start, self.offset.saturating_sub(start)))?;
        if !self.input.fill_buf()?.is_empty() {
            return Err(ZipError::Trailing { offset: self.offset });
        }
        Ok(())
    }

    /// The next bytes must be these.
    fn expect(&mut self, expected: &[u8]) -> Result<(), ZipError> {
        let mut rest = expected;
        while !rest.is_empty() {
            let found = match self.input.fill_buf() {
                Ok([]) => return Err(ZipError::Truncated { offset: self.offset }),
                Ok(found) => found,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(ZipError::Io(error)),
            };
            let there = found.len().min(rest.len());
            let same = found.iter().zip(rest).take_while(|(a, b)| a == b).count();
            self.input.consume(same);
            self.offset = self.offset.saturating_add(u64::try_from(same).unwrap_or(u64::MAX));
            if same < there {
                return Err(ZipError::Directory { offset: self.offset });
            }
            rest = rest.get(same..).unwrap_or_default();
        }
        Ok(())
    }

    fn take(&mut self, out: &mut [u8]) -> Result<(), ZipError> {
        self.input.read_exact(out).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ZipError::Truncated { offset: self.offset },
            _ => ZipError::Io(error),
        })?;
        self.offset = self.offset.saturating_add(u64::try_from(out.len()).unwrap_or(u64::MAX));
        Ok(())
    }
}

impl<R> Entry<'_, R> {
    /// The name of this entry.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }
}

impl<R: Read> Read for Entry<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.zip.state == State::Refused {
            return Err(ZipError::Refused.into());
        }
        if out.is_empty() {
            return Ok(0);
        }
        self.zip.read_data(out).map_err(|error| {
            self.zip.state = State::Refused;
            error.into()
        })
    }
}

impl<R> fmt::Debug for Entry<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({})", self.name)
    }
}

/// Bytes read at once: one chunk of age.
const BUFFER: usize = 64 << 10;
