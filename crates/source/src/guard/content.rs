//! An item's content, as it comes from the process that reads.

use std::io::{self, Read};
use std::sync::Arc;

use scope::facts::Kind;

use super::frame::{ask, tell};
use super::pool::{Deaths, Pool, source_error};
use super::process::{Ended, Process};
use super::words::{ExtractAsk, Fault, Item, OpenAsk};
use crate::exact::{Content, EvidenceStream, Exact, Gap};
use crate::extract::Take;
use crate::walk::{Entry, SourceError};

/// Opens `entry` of the source `source`, to deliver what is behind its first `from` bytes.
///
/// # Errors
///
/// As `Source::open`; also where the process ended.
pub(super) fn open(
    pool: &Arc<Pool>,
    deaths: &Arc<Deaths>,
    source: usize,
    entry: &Entry,
    from: u64,
) -> Result<Box<dyn EvidenceStream>, SourceError> {
    deaths.allow()?;
    let asked = serde_json::to_vec(&OpenAsk { source, item: Item::from(entry), from })
        .map_err(|error| SourceError::Io("asking for content", error.into()))?;
    let mut process = pool.take()?;
    let opened = process.ask(ask::OPEN, &asked).and_then(|()| answer(&mut process));
    let (all, declared, left) = match opened.map_err(|ended| noted(deaths, ended))? {
        Ok(opened) => opened,
        Err(fault) => {
            pool.give(process);
            return Err(fault.source());
        }
    };
    // A slack is first opened to learn its length.
    let is_known = |size: &u64| *size > 0 || entry.facts.kind != Kind::Slack;
    if entry.facts.content_size().filter(is_known).is_some_and(|size| size != declared) {
        let what = process.broke("content is not of the length that was on record").what;
        return Err(SourceError::Changed(what));
    }
    let content = Remote {
        pool: Arc::clone(pool),
        deaths: Arc::clone(deaths),
        process: Some(process),
        left,
        last: all,
        ended: false,
        missing: 0,
    };
    Ok(Box::new(Exact::new(content, declared).beginning(from.min(declared))))
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
    let mut process = pool.take()?;
    process.ask(ask::EXTRACT, &asked).map_err(|ended| noted(deaths, ended))?;
    loop {
        match next(&mut process).map_err(|ended| noted(deaths, ended))? {
            Ok(Some(piece)) => {
                if let Err(error) = take(&piece) {
                    if process.ask(ask::CANCEL, &[]).is_ok() {
                        process.stopping = true;
                        pool.give(process);
                    }
                    return Err(SourceError::Io("reading content", error));
                }
            }
            Ok(None) => {
                pool.give(process);
                return Ok(());
            }
            Err(fault) => {
                pool.give(process);
                return Err(fault.source());
            }
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

fn noted(deaths: &Deaths, ended: Ended) -> SourceError {
    deaths.note(&ended);
    source_error(ended)
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

/// Bytes of [`tell::OPENED`] before the content.
const OPENED: usize = 9;
/// Bytes of [`tell::GAP`] before the fault.
const GAP: usize = 8;

struct Remote {
    pool: Arc<Pool>,
    deaths: Arc<Deaths>,
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

impl Read for Remote {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.ended || buf.is_empty() {
            return Ok(0);
        }
        let Some(mut process) = self.process.take() else {
            return Err(io::Error::other("the process that reads this volume is gone"));
        };
        match self.step(&mut process, buf) {
            Ok(Ok(0)) => {
                self.ended = true;
                self.pool.give(process);
                Ok(0)
            }
            Ok(Ok(count)) => {
                self.process = Some(process);
                Ok(count)
            }
            Ok(Err(fault)) => {
                match self.missing {
                    0 => self.pool.give(process),
                    _ => self.process = Some(process),
                }
                Err(fault.stream())
            }
            Err(ended) => Err(io::Error::other(noted(&self.deaths, ended))),
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

    fn skip(&mut self, _: u64) {
        self.missing = 0;
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
