//! An item's content, as it comes from the process that reads.

use std::io::{self, Read};
use std::sync::Arc;

use scope::facts::Kind;

use super::frame::{ask, tell};
use super::pool::{Again, Deaths, Pool};
use super::process::{Ended, Process};
use super::words::{ExtractAsk, Fault, Item, OpenAsk};
use crate::bytes::length;
use crate::exact::{Content, EvidenceStream, Exact, Gap};
use crate::extract::Take;
use crate::walk::{Entry, SourceError};

/// Opens `entry` of the source `source`, to deliver what is behind its first `from` bytes.
///
/// # Errors
///
/// As `Source::open`; also where the process ended, and another one does not get further.
pub(super) fn open(
    pool: &Arc<Pool>,
    deaths: &Arc<Deaths>,
    source: usize,
    entry: &Entry,
    from: u64,
) -> Result<Box<dyn EvidenceStream>, SourceError> {
    deaths.allow()?;
    let asked = OpenAsk { source, item: Item::from(entry), from };
    let mut again = Again::default();
    let mut begun = loop {
        match begin(pool, &asked)? {
            Ok(begun) => break begun,
            Err(ended) => again.allow(deaths, ended, from)?,
        }
    };
    // A slack is first opened to learn its length.
    let is_known = |size: &u64| *size > 0 || entry.facts.kind != Kind::Slack;
    if entry.facts.content_size().filter(is_known).is_some_and(|size| size != begun.declared) {
        let what = begun.process.broke(OTHER_LENGTH).what;
        return Err(SourceError::Changed(what));
    }
    let declared = begun.declared;
    let content = Remote {
        pool: Arc::clone(pool),
        deaths: Arc::clone(deaths),
        asked,
        declared,
        again,
        left: begun.left,
        last: begun.all,
        process: Some(begun.process),
        ended: false,
        missing: 0,
    };
    Ok(Box::new(Exact::new(content, declared).beginning(from.min(declared))))
}

/// Content that a process has begun to tell.
struct Begun {
    process: Process,
    /// Whether all of it is in this frame.
    all: bool,
    declared: u64,
    /// Bytes left of this frame.
    left: usize,
}

fn begin(pool: &Pool, asked: &OpenAsk) -> Result<Result<Begun, Ended>, SourceError> {
    let asked =
        serde_json::to_vec(asked).map_err(|error| SourceError::Io("asking for content", error.into()))?;
    let mut process = pool.take()?;
    match process.ask(ask::OPEN, &asked).and_then(|()| answer(&mut process)) {
        Ok(Ok((all, declared, left))) => Ok(Ok(Begun { process, all, declared, left })),
        Ok(Err(fault)) => {
            pool.give(process);
            Err(fault.source())
        }
        Err(ended) => Ok(Err(ended)),
    }
}

/// Has content read as something, and gives what is in it.
///
/// # Errors
///
/// As `Source::extract`; also where the process ended.
pub(super) fn extract(
    pool: &Arc<Pool>,
    deaths: &Arc<Deaths>,
    asked: &ExtractAsk,
    take: Take<'_>,
) -> Result<(), SourceError> {
    deaths.allow()?;
    let asked = serde_json::to_vec(asked)
        .map_err(|error| SourceError::Io("asking what is in content", error.into()))?;
    let (mut again, mut given) = (Again::default(), 0);
    while let Err(ended) = extract_once(pool, &asked, &mut given, take)? {
        again.allow(deaths, ended, given)?;
    }
    Ok(())
}

/// Has content read once, and passes on what comes behind the first `given` bytes of what is in it.
fn extract_once(
    pool: &Pool,
    asked: &[u8],
    given: &mut u64,
    take: Take<'_>,
) -> Result<Result<(), Ended>, SourceError> {
    let mut process = pool.take()?;
    if let Err(ended) = process.ask(ask::EXTRACT, asked) {
        return Ok(Err(ended));
    }
    let mut at = 0_u64;
    loop {
        match next(&mut process) {
            Ok(Ok(Some(piece))) => {
                let had = usize::try_from(given.saturating_sub(at)).unwrap_or(usize::MAX);
                at = at.saturating_add(length(piece.len()));
                let Some(new) = piece.get(had..).filter(|new| !new.is_empty()) else { continue };
                *given = at;
                if let Err(error) = take(new) {
                    if process.ask(ask::CANCEL, &[]).is_ok() {
                        process.stopping = true;
                        pool.give(process);
                    }
                    return Err(SourceError::Io("reading content", error));
                }
            }
            Ok(Ok(None)) => {
                pool.give(process);
                return Ok(Ok(()));
            }
            Ok(Err(fault)) => {
                pool.give(process);
                return Err(fault.source());
            }
            Err(ended) => return Ok(Err(ended)),
        }
    }
}

/// The next piece of what is in content; `None` at the end.
fn next(process: &mut Process) -> Result<Result<Option<Vec<u8>>, Fault>, Ended> {
    match process.head()? {
        (tell::DATA, length) if length > 0 => Ok(Ok(Some(process.rest(length)?))),
        (tell::END, 0) => Ok(Ok(None)),
        (tell::FAULT, length) => fault(process, length).map(Err),
        _ => Err(process.broke("it was asked what is in content and told something else")),
    }
}

/// Whether all of the content is in this frame, the declared length, and how many bytes of the frame are left.
fn answer(process: &mut Process) -> Result<Result<(bool, u64, usize), Fault>, Ended> {
    match process.head()? {
        (tell::OPENED, length) if length >= OPENED => {
            let head = process.rest(OPENED)?;
            let all = head.first() == Some(&1);
            let declared = head.get(1..).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
            let declared = declared.ok_or_else(|| process.broke("content has no length"))?;
            Ok(Ok((all, declared, length.saturating_sub(OPENED))))
        }
        (tell::FAULT, length) => fault(process, length).map(Err),
        _ => Err(process.broke("it was asked for content and told something else")),
    }
}

/// Reads the rest of a frame that tells of a fault.
pub(super) fn fault(process: &mut Process, length: usize) -> Result<Fault, Ended> {
    let holds = process.rest(length)?;
    serde_json::from_slice(&holds).map_err(|_| process.broke("it tells of a fault that is none"))
}

/// Why content that is begun again is not believed.
const OTHER_LENGTH: &str = "content is not of the length that was on record";
/// Bytes of [`tell::OPENED`] before the content.
const OPENED: usize = 9;
/// Bytes of [`tell::GAP`] before the fault.
const GAP: usize = 8;

struct Remote {
    pool: Arc<Pool>,
    deaths: Arc<Deaths>,
    /// What is asked for, behind what was had.
    asked: OpenAsk,
    declared: u64,
    again: Again,
    /// `None` once it ended, or was given back.
    process: Option<Process>,
    /// Bytes left of this frame.
    left: usize,
    /// Whether no frame follows this one.
    last: bool,
    ended: bool,
    /// Bytes that the medium does not give, from here on.
    missing: u64,
}

impl Remote {
    /// Takes heads until there is content; `false` at the end.
    fn next(&mut self, process: &mut Process) -> Result<Result<bool, Fault>, Ended> {
        if self.left > 0 {
            return Ok(Ok(true));
        }
        if self.last {
            return Ok(Ok(false));
        }
        match process.head()? {
            (tell::DATA, length) if length > 0 => {
                self.left = length;
                Ok(Ok(true))
            }
            (tell::END, 0) => {
                self.last = true;
                Ok(Ok(false))
            }
            (tell::GAP, length) if length > GAP => {
                let head = process.rest(GAP)?;
                let count = head.as_slice().try_into().ok().map(u64::from_le_bytes);
                self.missing = count
                    .filter(|count| *count > 0)
                    .ok_or_else(|| process.broke("it tells of a gap of nothing"))?;
                fault(process, length.saturating_sub(GAP)).map(Err)
            }
            (tell::FAULT, length) => {
                self.last = true;
                fault(process, length).map(Err)
            }
            _ => Err(process.broke("it broke off content and told something else")),
        }
    }

    fn step(&mut self, process: &mut Process, buf: &mut [u8]) -> Result<Result<usize, Fault>, Ended> {
        match self.next(process)? {
            Ok(true) => {
                let want = buf.len().min(self.left);
                let count = process.some(buf.get_mut(..want).unwrap_or_default())?;
                self.left = self.left.saturating_sub(count);
                Ok(Ok(count))
            }
            Ok(false) => Ok(Ok(0)),
            Err(fault) => Ok(Err(fault)),
        }
    }
}

impl Remote {
    fn had(&mut self, count: u64) {
        self.asked.from = self.asked.from.saturating_add(count);
    }

    /// Goes on in another process, behind what was had: the bytes of a medium do not change.
    fn begin_again(&mut self, mut ended: Ended) -> io::Result<()> {
        loop {
            self.again.allow(&self.deaths, ended, self.asked.from).map_err(io::Error::other)?;
            ended = match begin(&self.pool, &self.asked).map_err(io::Error::other)? {
                Ok(mut begun) if begun.declared != self.declared => begun.process.broke(OTHER_LENGTH),
                Ok(begun) => {
                    (self.left, self.last) = (begun.left, begun.all);
                    self.process = Some(begun.process);
                    return Ok(());
                }
                Err(ended) => ended,
            };
        }
    }
}

impl Read for Remote {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.ended || buf.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(mut process) = self.process.take() else {
                return Err(io::Error::other("the process that reads this volume is gone"));
            };
            match self.step(&mut process, buf) {
                Ok(Ok(0)) => {
                    self.ended = true;
                    self.pool.give(process);
                    return Ok(0);
                }
                Ok(Ok(count)) => {
                    self.process = Some(process);
                    self.had(length(count));
                    return Ok(count);
                }
                Ok(Err(fault)) => {
                    match self.missing {
                        0 => self.pool.give(process),
                        _ => self.process = Some(process),
                    }
                    return Err(fault.stream());
                }
                Err(ended) => self.begin_again(ended)?,
            }
        }
    }
}

impl Content for Remote {
    fn gap(&self) -> Gap {
        match self.missing {
            0 => Gap::Final,
            missing => Gap::Known(missing),
        }
    }

    fn skip(&mut self, count: u64) {
        self.missing = 0;
        self.had(count);
    }
}

impl Drop for Remote {
    /// A stream that is not read to its end is stopped; what is on its way is taken when the process is next used.
    fn drop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        if self.left == 0 && self.last {
            self.pool.give(process);
        } else if self.left == 0 && process.ask(ask::CANCEL, &[]).is_ok() {
            process.stopping = true;
            self.pool.give(process);
        } else if self.left > 0 {
            let last = self.last;
            if process.rest(self.left).is_ok() && (last || process.ask(ask::CANCEL, &[]).is_ok()) {
                process.stopping = !last;
                self.pool.give(process);
            }
        }
    }
}
