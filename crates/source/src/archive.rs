//! Archives: files that hold files. Each member by its number, its name as raw bytes, and its content.
//!
//! Implements `docs/spec/containers.md`, "Reading an archive".
//!
//! ```text
//! let archive = archive::read(Form::Zip, bytes.clone(), &Limits::of(bytes.len()))?;
//! for (number, member) in archive.members.iter().enumerate() {
//!     let stream = archive.open(number, bytes.clone())?;       // as long as member.size, or an error
//! }
//! ```
//!
//! Programs read archives differently, and whoever makes one may want them to. Here an archive is read in one way or not at all: what
//! contradicts itself, overlaps, or claims what cannot be is refused, and bytes that no member holds are told of. Names are
//! never paths of this machine: they are bytes.

mod content;
mod gzip;
mod names;
mod seek;
mod tar;
pub mod zip;

use std::sync::{Arc, Mutex, PoisonError};

use scope::facts::Kind;
use serde::{Deserialize, Serialize};

use crate::bytes::{ByteSource, ReadFault};
use crate::exact::EvidenceStream;

pub use content::Place;

/// The forms of archives that are read.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Many members, packed one by one.
    Zip,
    /// One member, packed. Its name may be empty: the archive need not have one.
    Gzip,
    /// Many members, not packed.
    Tar,
}

impl Form {
    /// The form that `magic/1` calls `name`; `None` for all others.
    #[must_use]
    pub fn of_type(name: &str) -> Option<Self> {
        match name {
            "zip" => Some(Self::Zip),
            "gzip" => Some(Self::Gzip),
            "tar" => Some(Self::Tar),
            _ => None,
        }
    }
}

/// Reads what an archive holds. Of a gzip all is unpacked, since nothing else tells how long its member is.
///
/// # Errors
///
/// [`ArchiveError`].
pub fn read(form: Form, bytes: Arc<dyn ByteSource + '_>, limits: &Limits) -> Result<Archive, ArchiveError> {
    read_into(form, bytes, limits, &mut Known::default())
}

/// As [`read`]; of one that breaks off, contradicts itself or has too much, what was read before that showed, where there is
/// anything: [`Archive::broken`] says why it is not all.
///
/// # Errors
///
/// [`ArchiveError`], where nothing is known of what it holds, or its bytes could not be read.
pub fn read_known(
    form: Form,
    bytes: Arc<dyn ByteSource + '_>,
    limits: &Limits,
) -> Result<Archive, ArchiveError> {
    let mut known = Known::default();
    let error = match read_into(form, bytes, limits, &mut known) {
        Err(error) if !matches!(error, ArchiveError::Read(_)) => error,
        other => return other,
    };
    let Known { mut members, mut others } = known;
    if !matches!(error, ArchiveError::Damaged { .. }) {
        // What is too much is not taken in part.
        others.extend(members.drain(..).map(Other::named));
    }
    let archive = Archive { broken: Some(error.to_string()), ..Archive::new(members, others) };
    let is_empty = archive.members.is_empty() && archive.others.is_empty();
    if is_empty || limits.check_names(&archive).is_err() { Err(error) } else { Ok(archive) }
}

fn read_into(
    form: Form,
    bytes: Arc<dyn ByteSource + '_>,
    limits: &Limits,
    known: &mut Known,
) -> Result<Archive, ArchiveError> {
    let archive = match form {
        Form::Zip => zip::read_whole(bytes, limits, known),
        Form::Gzip => gzip::read(bytes, limits, known),
        Form::Tar => tar::read(bytes.as_ref(), limits, known),
    }?;
    limits.check_names(&archive)?;
    Ok(archive)
}

/// What was known of an archive when reading it ended in an error.
#[derive(Default)]
struct Known {
    /// Whole, and where they are said to be.
    members: Vec<Member>,
    /// Entries without content, and files of which the name alone is known.
    others: Vec<Other>,
}

/// Longest name of a member: that of a path in the systems that archives are made on.
const MAX_NAME: u64 = 4096;
/// Most folders in a name: each is compared with the policy's closed ones.
const MAX_FOLDERS: u64 = 255;

/// What an archive holds.
#[non_exhaustive]
pub struct Archive {
    /// Files with content, in the order in which the archive names them.
    pub members: Vec<Member>,
    /// Entries without content, such as directories.
    pub others: Vec<Other>,
    /// Bytes that belong to no member and to no structure of the archive.
    pub loose: u64,
    /// Bytes in its structure that say something of which no member tells: comments, attributes, what stands behind a name.
    pub aside: u64,
    /// Why there is more in it than this, and nobody knows what. Files that are known by name alone are among the others.
    pub broken: Option<String>,
    /// Members whose packed bytes are not what the archive says of them: damaged, or with other bytes behind their end.
    pub unsound: u64,
    kept: Mutex<seek::Kept>,
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { members, others, loose, aside, broken, unsound, .. } = self;
        f.debug_struct("Archive")
            .field("members", members)
            .field("others", others)
            .field("loose", loose)
            .field("aside", aside)
            .field("broken", broken)
            .field("unsound", unsound)
            .finish_non_exhaustive()
    }
}

impl Archive {
    /// Of members and other entries alone.
    pub(crate) fn new(members: Vec<Member>, others: Vec<Other>) -> Self {
        Self { members, others, loose: 0, aside: 0, broken: None, unsound: 0, kept: Mutex::default() }
    }

    /// Opens the member with this number, of the bytes from which the archive was read.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Unreadable`] for an encrypted member, and one packed in a way that is not read.
    pub fn open<'b>(
        &self,
        number: usize,
        bytes: Arc<dyn ByteSource + 'b>,
    ) -> Result<Box<dyn EvidenceStream + 'b>, ArchiveError> {
        let member = self.members.get(number).ok_or(ArchiveError::Unreadable("there is no such member"))?;
        content::open(member, bytes)
    }

    /// As [`Archive::open`], for content of which the first `from` bytes were read before. Returns a stream and which byte it
    /// delivers first: that one or one before, since what is packed is unpacked from somewhere.
    ///
    /// # Errors
    ///
    /// As [`Archive::open`].
    pub fn open_at<'b>(
        &self,
        number: usize,
        from: u64,
        bytes: Arc<dyn ByteSource + 'b>,
    ) -> Result<(Box<dyn EvidenceStream + 'b>, u64), ArchiveError> {
        let member = self.members.get(number).ok_or(ArchiveError::Unreadable("there is no such member"))?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        content::open_at(member, from, bytes, kept.of(number))
    }
}

/// A file in an archive.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name as it stands there: any bytes, also `../`, a leading `/`, zero bytes; perhaps the name of another member as well.
    pub name: Vec<u8>,
    /// Its other names: as other programs show it, and those of hard links to it.
    pub also: Vec<Vec<u8>>,
    /// Whether there may be one more name, which nobody can tell.
    pub doubtful: bool,
    /// How many bytes its content has. The archive claims it; a stream that has more or fewer ends in an error.
    pub size: u64,
    /// When it was changed, as the archive says.
    pub modified: Option<Modified>,
    /// Where its content begins in the archive, readable or not. No two members have bytes in common.
    pub at: u64,
    /// Where its content is.
    pub place: Place,
}

/// An entry without content: a folder, a link, a device.
#[derive(Clone, Debug)]
pub struct Other {
    /// What it is.
    pub kind: Kind,
    /// Its name, as a [`Member::name`] without a slash at its end.
    pub name: Vec<u8>,
    /// As of a [`Member`].
    pub also: Vec<Vec<u8>>,
    /// As of a [`Member`].
    pub doubtful: bool,
    /// When it was changed, as the archive says.
    pub modified: Option<Modified>,
}

impl Other {
    /// A file of which nothing is read but the name.
    #[must_use]
    pub fn named(member: Member) -> Self {
        let Member { name, also, doubtful, modified, .. } = member;
        Self { kind: Kind::Member, name, also, doubtful, modified }
    }
}

/// A time of change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Modified {
    /// Nanoseconds since 1970-01-01T00:00:00; local time where `local` is set.
    pub ns: i128,
    /// Whether it is local time of a zone that nobody wrote down.
    pub local: bool,
}

/// How much of an archive is read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Entries, at most.
    pub entries: u64,
    /// Bytes of all members together, unpacked.
    pub total: u64,
    /// Bytes of all names together.
    pub names: u64,
}

impl Limits {
    /// For all archives in each other in a file of `length` bytes on a medium: however they are packed in each other, a small
    /// file has not more than a small file may have. 50,000 members are of one batch, which has room for 65,536. 64 GiB take
    /// some minutes to unpack. Text in need of packing has a ratio of 10 to 30, and rarely 200; deflate can reach 1,032.
    #[must_use]
    pub fn of(length: u64) -> Self {
        let total = length.saturating_mul(RATIO).clamp(FREE, TOTAL);
        Self { entries: 50_000, total, names: 64 << 20 }
    }
}

impl Default for Limits {
    /// For the longest files.
    fn default() -> Self {
        Self::of(u64::MAX)
    }
}

/// How many times as long as the file all members together may be, where they have more than [`FREE`] bytes.
const RATIO: u64 = 250;
/// Bytes of all members together that are not measured by the ratio.
const FREE: u64 = 256 << 20;
/// Most bytes of all members together.
const TOTAL: u64 = 64 << 30;

impl Limits {
    /// Checks all names.
    pub(crate) fn check_names(&self, archive: &Archive) -> Result<(), ArchiveError> {
        let members = archive.members.iter().flat_map(|own| std::iter::once(&own.name).chain(&own.also));
        let others = archive.others.iter().flat_map(|own| std::iter::once(&own.name).chain(&own.also));
        let mut total = 0_u64;
        for name in members.chain(others) {
            let folders = name.iter().filter(|byte| **byte == b'/').count();
            let own = crate::bytes::length(name.len());
            total = total.saturating_add(own);
            for (found, limit, what) in [
                (own, MAX_NAME, "bytes in a member's name"),
                (crate::bytes::length(folders), MAX_FOLDERS, "folders in a member's name"),
                (total, self.names, "bytes of names"),
            ] {
                if found > limit {
                    return Err(ArchiveError::TooMuch { limit, what });
                }
            }
        }
        Ok(())
    }

    /// Checks the bytes of all members, as the archive claims them.
    pub(crate) fn check(&self, total: u64) -> Result<(), ArchiveError> {
        if total > self.total {
            return Err(ArchiveError::TooMuch { limit: self.total, what: "bytes unpacked" });
        }
        Ok(())
    }
}

/// Why an archive, or a member of it, is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// It contradicts itself, or is not whole.
    #[error("byte {offset}: {what}")]
    Damaged {
        /// Where, from the beginning of the archive.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// It is of a form that is not read.
    #[error("{0}")]
    Unreadable(&'static str),
    /// A limit was met.
    #[error("more than {limit} {what}")]
    TooMuch {
        /// The limit.
        limit: u64,
        /// Of what.
        what: &'static str,
    },
    /// Its own bytes could not be read.
    #[error(transparent)]
    Read(#[from] ReadFault),
}

impl ArchiveError {
    pub(crate) fn damaged(offset: u64, what: &'static str) -> Self {
        Self::Damaged { offset, what }
    }
}
