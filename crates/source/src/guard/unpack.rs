//! Archives are opened by a process of their own, which has no file open and is given the archive's bytes as it asks for them.
//!
//! Implements `docs/spec/containers.md`, "In a process of its own".
//!
//! ```text
//! program                          ambit read-medium (confined, without a medium)
//!   BEGIN  limits            -->
//!                            <--   READY
//!   ARCHIVE form, length     -->
//!                            <--   WANT offset, length
//!   GIVEN  bytes             -->
//!                            <--   MEMBERS ...  LISTED
//!   MEMBER number, from where -->
//!                            <--   OPENED length, first bytes; MORE -> DATA ... END
//!   READ   number, as what   -->
//!                            <--   DATA ...; MORE -> DATA ... END
//! ```

mod room;
mod serve;

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use scope::RawName;
use scope::facts::Kind;
use serde::{Deserialize, Serialize};

use super::frame::{VERSION, ask, tell};
use super::process::{Ended, Process};
use super::words::{Begin, Fault, plain};
use super::{Apart, Reader};
use crate::archive::{self, Archive, Form, Limits, Member, Modified, Other, Place};
use crate::bytes::{ByteSource, length};
use crate::exact::{Content, EvidenceStream, Exact, Gap};
use crate::extract::{self, Take, extract};
use crate::guard::pool::{Deaths, source_error};
use crate::walk::SourceError;

use room::{Permit, Room};
pub(super) use serve::serve;

/// Opens archives, one after the other or several at once. Processes that are done take the next one.
#[derive(Default)]
pub struct Unpacker {
    apart: Option<Apart>,
    idle: Mutex<Vec<Process>>,
    deaths: Deaths,
    /// For archives with so many names that memory has room for those of one.
    room: Room,
    unconfined: OnceLock<String>,
}

impl std::fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unpacker").field("apart", &self.apart).finish_non_exhaustive()
    }
}

/// An archive that was opened.
pub struct Unpacked<'b> {
    /// What it holds. Where its members are is known to the process alone.
    pub archive: Archive,
    inside: Inside<'b>,
}

enum Inside<'b> {
    Here(Arc<dyn ByteSource + 'b>),
    Apart(Arc<Mutex<Session<'b>>>),
}

impl Unpacker {
    /// Opens archives where `reader` says.
    #[must_use]
    pub fn new(reader: &Reader) -> Self {
        let apart = match reader {
            Reader::Here => None,
            Reader::Process(apart) => Some(apart.clone()),
        };
        Self { apart, ..Self::default() }
    }

    /// Opens the archive of this form in `bytes`, where it has no more than `limits` allow.
    ///
    /// # Errors
    ///
    /// [`SourceError`] in words that name nothing of it: it is damaged, too large, or its reader ended.
    pub fn open<'b>(
        &'b self,
        form: Form,
        bytes: Arc<dyn ByteSource + 'b>,
        limits: &Limits,
    ) -> Result<Unpacked<'b>, SourceError> {
        let Some(apart) = &self.apart else {
            let archive = archive::read_known(form, Arc::clone(&bytes), limits).map_err(of_archive)?;
            return Ok(Unpacked { archive, inside: Inside::Here(bytes) });
        };
        self.deaths.allow()?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let process = match idle.take_if(Process::is_alive) {
            Some(process) => process,
            None => self.start(apart).map_err(|ended| self.noted(ended))?,
        };
        let mut session = Session { unpacker: self, process: Some(process), bytes, opened: 0, permit: None };
        let archive = session.list(form, limits)?;
        Ok(Unpacked { archive, inside: Inside::Apart(Arc::new(Mutex::new(session))) })
    }

    /// In which way processes that opened archives were not confined as they should be, in printable characters.
    #[must_use]
    pub fn unconfined(&self) -> Option<&str> {
        self.unconfined.get().map(String::as_str)
    }

    fn start(&self, apart: &Apart) -> Result<Process, Ended> {
        let mut process = Process::start(apart)?;
        let memory = apart.limits.memory.min(MEMORY);
        let paths = Vec::new();
        let begin = Begin {
            version: VERSION,
            paths,
            writable_source: false,
            bare: false,
            form: None,
            names: false,
            memory,
        };
        let begin = serde_json::to_vec(&begin).map_err(|_| process.broke("it was asked for nothing"))?;
        process.ask(ask::BEGIN, &begin)?;
        match process.frame()? {
            (tell::READY, how) if how.is_empty() => {}
            (tell::READY, how) => {
                self.unconfined.get_or_init(|| plain(&String::from_utf8_lossy(&how)));
            }
            _ => return Err(process.broke("it was to open archives and told something else")),
        }
        Ok(process)
    }

    fn noted(&self, ended: Ended) -> SourceError {
        self.deaths.note(&ended);
        source_error(ended)
    }
}

impl<'b> Unpacked<'b> {
    /// Opens the content of a member.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where it cannot be read: encrypted, packed in a way that is not read, or the reader ended.
    pub fn content(&self, number: usize) -> Result<Box<dyn EvidenceStream + 'b>, SourceError> {
        self.content_at(number, 0)
    }

    /// As [`Unpacked::content`], behind the first `from` bytes of it.
    ///
    /// # Errors
    ///
    /// As [`Unpacked::content`]; also where what is before has to be unpacked again and cannot be.
    pub fn content_at(&self, number: usize, from: u64) -> Result<Box<dyn EvidenceStream + 'b>, SourceError> {
        match &self.inside {
            Inside::Here(bytes) => open_at(&self.archive, number, from, Arc::clone(bytes)),
            Inside::Apart(session) => {
                let size = self.archive.members.get(number).map_or(0, |member| member.size);
                let mut own = session.lock().unwrap_or_else(PoisonError::into_inner);
                let (all, first) = own.open(number, from, size)?;
                let session = Arc::clone(session);
                let content =
                    Remote { session, opened: own.opened, held: first, used: 0, last: all, missing: 0 };
                Ok(Box::new(Exact::new(content, size).beginning(from.min(size))))
            }
        }
    }

    /// Reads the content of a member as something, and gives what is in it.
    ///
    /// # Errors
    ///
    /// As [`Unpacked::content`], and what `take` returns.
    pub fn extract(&self, number: usize, form: extract::Form, take: Take<'_>) -> Result<(), SourceError> {
        match &self.inside {
            Inside::Here(_) => {
                let mut content = self.content(number)?;
                extract(form, content.as_mut(), take).map_err(of_content)
            }
            Inside::Apart(session) => {
                session.lock().unwrap_or_else(PoisonError::into_inner).extract(number, form, take)
            }
        }
    }
}

/// Opens a member behind its first `from` bytes.
fn open_at<'b>(
    archive: &Archive,
    number: usize,
    from: u64,
    bytes: Arc<dyn ByteSource + 'b>,
) -> Result<Box<dyn EvidenceStream + 'b>, SourceError> {
    if from == 0 {
        return archive.open(number, bytes).map_err(of_archive);
    }
    let (mut stream, at) = archive.open_at(number, from, bytes).map_err(of_archive)?;
    stream.advance(from.saturating_sub(at)).map_err(of_content)?;
    Ok(stream)
}

fn of_content(error: io::Error) -> SourceError {
    SourceError::Io("reading content", error)
}

fn of_archive(error: archive::ArchiveError) -> SourceError {
    match error {
        archive::ArchiveError::Read(fault) => SourceError::Read(fault),
        archive::ArchiveError::Unreadable(what) => SourceError::NoContent(what.to_owned()),
        other => SourceError::Corrupt(other.to_string()),
    }
}

/// An archive, open in a process.
struct Session<'b> {
    unpacker: &'b Unpacker,
    /// `None` once it ended.
    process: Option<Process>,
    bytes: Arc<dyn ByteSource + 'b>,
    /// Which opening of a member is the last: of those before, nothing more can be had.
    opened: u64,
    /// Had while its names need room.
    permit: Option<Permit<'b>>,
}

impl Session<'_> {
    /// Asks, gives what is wanted, and returns the answer.
    fn ask(&mut self, kind: u8, holds: &[u8]) -> Result<(u8, Vec<u8>), SourceError> {
        let Some(mut process) = self.process.take() else {
            return Err(SourceError::Io("opening an archive", io::Error::other("its process has ended")));
        };
        let answer = process.ask(kind, holds).and_then(|()| self.answer(&mut process));
        let answer = answer.map_err(|ended| self.unpacker.noted(ended))?;
        self.process = Some(process);
        if answer.0 == tell::FAULT {
            let fault = serde_json::from_slice::<Fault>(&answer.1);
            return Err(fault.map_or_else(|_| self.broke("it tells of a fault that is none"), Fault::source));
        }
        Ok(answer)
    }

    fn answer(&mut self, process: &mut Process) -> Result<(u8, Vec<u8>), Ended> {
        let most = self.bytes.len().saturating_mul(4).saturating_add(MORE);
        let mut given = 0_u64;
        loop {
            let (kind, holds) = process.frame()?;
            if kind != tell::WANT {
                return Ok((kind, holds));
            }
            let want: Want = serde_json::from_slice(&holds).map_err(|_| process.broke("it wants nothing"))?;
            given = given.saturating_add(length(want.length));
            let fits = want.offset.saturating_add(length(want.length)) <= self.bytes.len();
            if want.length > WINDOW || given > most || !fits {
                return Err(process.broke("it wants more than there is"));
            }
            let mut piece = vec![0; want.length];
            match self.bytes.read_exact_at(want.offset, &mut piece) {
                Ok(()) => process.ask(ask::GIVEN, &piece)?,
                Err(fault) => {
                    let fault = serde_json::to_vec(&Fault::from(&fault)).unwrap_or_default();
                    process.ask(ask::NOT_GIVEN, &fault)?;
                }
            }
        }
    }

    fn broke(&mut self, what: &str) -> SourceError {
        let ended = self.process.take().map(|mut process| process.broke(what));
        match ended {
            Some(ended) => self.unpacker.noted(ended),
            None => SourceError::Corrupt(what.to_owned()),
        }
    }

    fn list(&mut self, form: Form, limits: &Limits) -> Result<Archive, SourceError> {
        let asked = serde_json::to_vec(&ArchiveAsk { form, length: self.bytes.len(), total: limits.total });
        let asked = asked.map_err(|error| SourceError::Io("asking for members", error.into()))?;
        let (mut members, mut others, mut held) = (Vec::new(), Vec::new(), 0_u64);
        let (mut kind, mut holds) = self.ask(ask::ARCHIVE, &asked)?;
        while kind == tell::MEMBERS {
            let told: Vec<Told> = serde_json::from_slice(&holds).unwrap_or_default();
            held = held.saturating_add(length(holds.len()));
            let all = members.len().saturating_add(others.len());
            if told.is_empty() || length(all) > limits.entries || held > MAX_TOLD {
                return Err(self.broke("it tells of members that are none"));
            }
            if held > ROOM && self.permit.is_none() {
                self.permit = Some(self.unpacker.room.enter());
            }
            for told in told {
                match told.kind {
                    Some(kind) => others.push(told.other(kind)),
                    None => members.push(told.member()),
                }
            }
            (kind, holds) = self.ask(ask::MORE, &[])?;
        }
        let listed: Option<Listed> = Some(&holds)
            .filter(|_| kind == tell::LISTED)
            .and_then(|holds| serde_json::from_slice(holds).ok());
        let Some(listed) = listed else {
            return Err(self.broke("it was asked for members and told something else"));
        };
        let Listed { loose, aside, broken, unsound } = listed;
        let mut archive = Archive::new(members, others);
        (archive.loose, archive.aside, archive.unsound) = (loose, aside, unsound);
        archive.broken = broken.map(|why| plain(&why));
        let total = archive.members.iter().fold(0_u64, |sum, member| sum.saturating_add(member.size));
        let stated = archive.members.iter().all(|member| member.size < 1 << 53);
        if !stated || limits.check(total).and(limits.check_names(&archive)).is_err() {
            return Err(self.broke("it tells of members that cannot be"));
        }
        Ok(archive)
    }

    /// Opens a member: whether what comes with the answer is all, and that.
    fn open(&mut self, number: usize, from: u64, size: u64) -> Result<(bool, Vec<u8>), SourceError> {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        let asked = [number.to_le_bytes(), from.to_le_bytes()].concat();
        let (kind, mut holds) = self.ask(ask::MEMBER, &asked)?;
        let head = holds.first_chunk::<9>().copied().filter(|_| kind == tell::OPENED);
        let Some([all, declared @ ..]) = head else {
            return Err(self.broke("it was asked for content and told something else"));
        };
        if u64::from_le_bytes(declared) != size {
            return Err(self.broke("content is not of the length that was told before"));
        }
        self.opened = self.opened.saturating_add(1);
        holds.drain(..9);
        Ok((all == 1, holds))
    }

    fn extract(&mut self, number: usize, form: extract::Form, take: Take<'_>) -> Result<(), SourceError> {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        let asked =
            serde_json::to_vec(&ReadAsk { number, form }).map_err(|error| of_content(error.into()))?;
        self.opened = self.opened.saturating_add(1);
        let (mut kind, mut holds) = self.ask(ask::READ, &asked)?;
        while kind == tell::DATA && !holds.is_empty() {
            if let Err(error) = take(&holds) {
                return match self.ask(ask::CANCEL, &[])? {
                    (tell::CANCELLED, _) => Err(of_content(error)),
                    _ => Err(self.broke("it was to stop and told something else")),
                };
            }
            (kind, holds) = self.ask(ask::MORE, &[])?;
        }
        match kind {
            tell::END => Ok(()),
            _ => Err(self.broke("it was asked what is in content and told something else")),
        }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        let Some(process) = self.process.take() else { return };
        let mut idle = self.unpacker.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(process);
        }
    }
}

/// A member's content, as it comes.
struct Remote<'b> {
    session: Arc<Mutex<Session<'b>>>,
    opened: u64,
    held: Vec<u8>,
    used: usize,
    last: bool,
    missing: u64,
}

impl io::Read for Remote<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.used >= self.held.len() && !self.last {
            let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
            if session.opened != self.opened {
                return Err(io::Error::other("another member of the archive was opened meanwhile"));
            }
            (self.held, self.used) = (Vec::new(), 0);
            match session.ask(ask::MORE, &[]).map_err(io::Error::other)? {
                (tell::DATA, holds) if !holds.is_empty() => self.held = holds,
                (tell::END, _) => self.last = true,
                (tell::GAP, holds) => {
                    let (count, fault) = holds.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
                    self.missing = u64::from_le_bytes(*count);
                    let fault = serde_json::from_slice::<Fault>(fault).ok().filter(|_| self.missing > 0);
                    let broke = || io::Error::other(session.broke("it tells of a gap of nothing"));
                    return Err(fault.map_or_else(broke, Fault::stream));
                }
                _ => {
                    return Err(io::Error::other(
                        session.broke("it broke off content and told something else"),
                    ));
                }
            }
        }
        let held = self.held.get(self.used..).unwrap_or_default();
        let count = held.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..count), held.get(..count)) {
            to.copy_from_slice(from);
        }
        self.used = self.used.saturating_add(count);
        Ok(count)
    }
}

impl Content for Remote<'_> {
    fn gap(&self) -> Gap {
        if self.missing > 0 { Gap::Known(self.missing) } else { Gap::Final }
    }

    fn skip(&mut self, _: u64) {
        self.missing = 0;
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ArchiveAsk {
    form: Form,
    length: u64,
    /// Most bytes of all members.
    total: u64,
}

/// What is in the content of a member is asked for.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadAsk {
    number: u64,
    form: extract::Form,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Want {
    offset: u64,
    length: usize,
}

/// A [`Member`], or an [`Other`].
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Told {
    /// Of an entry without content.
    kind: Option<Kind>,
    name: RawName,
    also: Vec<RawName>,
    doubtful: bool,
    size: u64,
    /// Nanoseconds as text, and whether they are local time.
    modified: Option<(String, bool)>,
    at: u64,
    readable: bool,
}

impl Told {
    fn of(member: &Member) -> Self {
        Self {
            kind: None,
            name: RawName(member.name.clone()),
            also: member.also.iter().cloned().map(RawName).collect(),
            doubtful: member.doubtful,
            size: member.size,
            modified: member.modified.map(|time| (time.ns.to_string(), time.local)),
            at: member.at,
            readable: !matches!(member.place, Place::Unreadable(_)),
        }
    }

    fn of_other(other: &Other) -> Self {
        Self {
            kind: Some(other.kind),
            name: RawName(other.name.clone()),
            also: other.also.iter().cloned().map(RawName).collect(),
            doubtful: other.doubtful,
            size: 0,
            modified: other.modified.map(|time| (time.ns.to_string(), time.local)),
            at: 0,
            readable: false,
        }
    }

    /// How many bytes its names have.
    fn length(&self) -> usize {
        self.also.iter().chain([&self.name]).fold(100, |sum, name| sum.saturating_add(name.bytes().len()))
    }

    fn modified(&self) -> Option<Modified> {
        let (ns, local) = self.modified.as_ref()?;
        Some(Modified { ns: ns.parse().ok()?, local: *local })
    }

    fn other(self, kind: Kind) -> Other {
        let modified = self.modified();
        let also = self.also.into_iter().map(|name| name.0).collect();
        Other { kind, name: self.name.0, also, doubtful: self.doubtful, modified }
    }

    fn member(self) -> Member {
        let modified = self.modified();
        // The process knows where it is.
        let place = if self.readable {
            Place::Stored { at: 0, crc: None }
        } else {
            Place::Unreadable("not readable")
        };
        let also = self.also.into_iter().map(|name| name.0).collect();
        Member {
            name: self.name.0,
            also,
            doubtful: self.doubtful,
            size: self.size,
            modified,
            at: self.at,
            place,
        }
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    loose: u64,
    aside: u64,
    broken: Option<String>,
    unsound: u64,
}

/// Address space of a process that opens archives: a directory of 64 MiB and its entries are some 300 MiB.
const MEMORY: u64 = 1 << 30;
/// Most bytes that are given or told at once.
const WINDOW: usize = 1 << 20;
/// Most bytes in which members are told: their names, each byte of which may be three, and 200 more for each.
const MAX_TOLD: u64 = 256 << 20;
/// Bytes in which members are told at which an archive waits for those that others have open: so much each worker may have.
const ROOM: u64 = 2 << 20;
/// Bytes given beyond four times the archive, in answer to one question.
const MORE: u64 = 1 << 30;
/// Most processes that wait for an archive.
const MAX_IDLE: usize = 64;
