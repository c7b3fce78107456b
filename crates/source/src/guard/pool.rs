//! The processes that read one medium, and what is done when one ends.

use std::ops::Range;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::{io, mem};

use scope::RawName;

use super::Apart;
use super::frame::{VERSION, ask, tell};
use super::process::{Ended, Process};
use super::words::{Bad, Begin, Refusal, Survey};
use crate::medium::Drives;
use crate::open::{OpenError, OpenOptions};
use crate::patient::{MAX_BAD, merged};
use crate::presence;
use crate::walk::SourceError;

/// The processes that read one medium. Each has opened all of it; one that is idle takes what is asked next.
pub(super) struct Pool {
    /// The medium's paths, as they were given.
    paths: Vec<PathBuf>,
    apart: Apart,
    /// What each process is told first.
    begin: Vec<u8>,
    /// What the medium was when it was opened: each process must find the same.
    identity: String,
    /// Bytes of the medium, where they are known.
    size: Option<u64>,
    /// Why the medium is gone: nothing is read any more.
    lost: Arc<OnceLock<String>>,
    idle: Mutex<Vec<Process>>,
}

impl Pool {
    /// Starts the first process, and has it open the medium.
    pub(super) fn open(
        paths: &[PathBuf],
        apart: &Apart,
        options: &OpenOptions,
    ) -> Result<(Self, Survey), OpenError> {
        let absolute = |path: &PathBuf| {
            let path =
                std::path::absolute(path).map_err(|error| OpenError::Io { path: path.clone(), error })?;
            Ok(RawName(path.into_os_string().into_vec()))
        };
        let begin = Begin {
            version: VERSION,
            paths: paths.iter().map(absolute).collect::<Result<_, OpenError>>()?,
            writable_source: options.writable_source,
            bare: options.bare,
            form: options.form,
            names: options.names,
            memory: apart.limits.memory,
        };
        let begin =
            serde_json::to_vec(&begin).map_err(|error| OpenError::Apart { what: error.to_string() })?;
        let mut pool = Self {
            paths: paths.to_vec(),
            apart: apart.clone(),
            begin,
            identity: String::new(),
            size: None,
            lost: Arc::default(),
            idle: Mutex::default(),
        };
        let first = paths.first().cloned().unwrap_or_default();
        let ended = |ended: Ended| OpenError::Apart {
            what: format!("cannot read {}: the process that was to read it {ended}", first.display()),
        };
        let (process, survey) = pool.start().map_err(ended)?;
        let survey = survey.map_err(|refusal| refusal.error(paths))?;
        (pool.identity, pool.size) = (survey.identity(), survey.medium.size);
        pool.give(process);
        Ok((pool, survey))
    }

    /// A process with the medium open, which does nothing else.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where none can be had, or the medium is gone or not what it was.
    pub(super) fn take(&self) -> Result<Process, SourceError> {
        loop {
            if let Some(why) = self.lost.get() {
                return Err(SourceError::Io("the medium is gone", io::Error::other(why.clone())));
            }
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut process) = idle else { break };
            if process.is_alive() && settled(&mut process).is_ok() {
                return Ok(process);
            }
        }
        let (mut process, survey) = self.start().map_err(source_error)?;
        match survey {
            Ok(survey) if survey.identity() == self.identity => Ok(process),
            Ok(other) => {
                if other.medium.size != self.size {
                    let _ = self.lost.set("it has another size than when it was opened".to_owned());
                }
                Err(SourceError::Changed(
                    process.broke("the medium is not what it was when it was opened").what,
                ))
            }
            Err(refusal) => {
                let refusal = refusal.error(&self.paths);
                let said = refusal.to_string();
                if is_of_loss(&refusal) {
                    let _ = self.lost.set(said.clone());
                }
                Err(SourceError::Io("opening the medium again", io::Error::other(said)))
            }
        }
    }

    /// Takes back a process that has answered all it was asked, or was asked to stop.
    pub(super) fn give(&self, process: Process) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(process);
        }
    }

    fn start(&self) -> Result<(Process, Result<Survey, Refusal>), Ended> {
        let mut process = Process::start(&self.apart)?;
        process.lost = Arc::clone(&self.lost);
        process.ask(ask::BEGIN, &self.begin)?;
        let (kind, holds) = process.frame()?;
        let survey = match kind {
            tell::SURVEY => serde_json::from_slice(&holds).map(Ok),
            tell::REFUSED => serde_json::from_slice(&holds).map(Err),
            _ => return Err(process.broke("it does not say what the medium is")),
        };
        let survey = survey.map_err(|_| process.broke("what it says of the medium is no survey"))?;
        Ok((process, survey))
    }
}

impl Drives for Pool {
    /// What each process that is still there met. Of one that ended, its list is lost.
    fn bad_ranges(&self) -> Vec<Vec<Range<u64>>> {
        let idle = mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        let mut drives: Vec<Vec<Range<u64>>> = Vec::new();
        for mut process in idle {
            let told = settled(&mut process).and_then(|()| bad(&mut process));
            let Ok(told) = told else { continue };
            drives.resize(drives.len().max(told.len()).min(self.paths.len()), Vec::new());
            for (drive, ranges) in drives.iter_mut().zip(told) {
                drive.extend(ranges.into_iter().take(MAX_BAD).map(|(start, end)| start..end));
            }
            self.give(process);
        }
        drives.into_iter().map(merged).collect()
    }

    fn lost(&self) -> Option<String> {
        self.lost.get().cloned()
    }
}

/// Whether what could be opened before cannot be found any more. What is there and cannot be read is a medium with bad places.
fn is_of_loss(refusal: &OpenError) -> bool {
    match refusal {
        OpenError::WritableDevice { .. } => true,
        OpenError::Io { error, .. } => error.kind() == io::ErrorKind::NotFound || presence::is_of_loss(error),
        _ => false,
    }
}

fn bad(process: &mut Process) -> Result<Bad, Ended> {
    process.ask(ask::BAD, &[])?;
    let (kind, holds) = process.frame()?;
    let bad = Some(&holds).filter(|_| kind == tell::BAD).and_then(|holds| serde_json::from_slice(holds).ok());
    bad.ok_or_else(|| process.broke("it does not say what it could not read"))
}

/// Takes what was still on its way when the process was asked to stop.
fn settled(process: &mut Process) -> Result<(), Ended> {
    let mut frames = 0_u32;
    while mem::take(&mut process.stopping) {
        let (kind, holds) = process.frame()?;
        process.stopping = kind != tell::CANCELLED;
        frames = frames.saturating_add(1);
        if frames > MAX_LATE || (kind == tell::CANCELLED && !holds.is_empty()) {
            return Err(process.broke("it does not stop"));
        }
    }
    Ok(())
}

/// The end of a process as the error of what it was asked.
pub(super) fn source_error(ended: Ended) -> SourceError {
    SourceError::Io(READER, io::Error::other(ended))
}

/// How often a source's processes ended.
#[derive(Default)]
pub(super) struct Deaths {
    ended: AtomicU32,
    timed_out: AtomicU32,
}

impl Deaths {
    /// Notes an end.
    pub(super) fn note(&self, ended: &Ended) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        if ended.timed_out {
            self.timed_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether another process is worth its start.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where there were too many.
    pub(super) fn allow(&self) -> Result<(), SourceError> {
        let (ended, timed_out) = (self.ended.load(Ordering::Relaxed), self.timed_out.load(Ordering::Relaxed));
        if ended < MAX_ENDED && timed_out < MAX_TIMED_OUT {
            return Ok(());
        }
        let what =
            format!("ended {ended} times, {timed_out} of them at a time limit; it is not started again");
        Err(source_error(Ended { what, timed_out: false, of_itself: false }))
    }
}

/// How often one item was begun again because its process ended.
#[derive(Default)]
pub(super) struct Again {
    /// How far it had come at the last end, and how often a process ended there.
    at: u64,
    here: u32,
    all: u32,
}

impl Again {
    /// Notes an end at byte `at` of what is read; all ends of one item count as one of its source.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where another process is not worth its start: this one was stopped, or others ended at the same place.
    pub(super) fn allow(&mut self, deaths: &Deaths, ended: Ended, at: u64) -> Result<(), SourceError> {
        if self.all == 0 || ended.timed_out {
            deaths.note(&ended);
        }
        if at != self.at {
            (self.at, self.here) = (at, 0);
        }
        (self.here, self.all) = (self.here.saturating_add(1), self.all.saturating_add(1));
        match ended.of_itself && self.here <= MOST_HERE && self.all <= MOST_AGAIN {
            true => Ok(()),
            false => Err(source_error(ended)),
        }
    }
}

/// What the error begins with of content whose process ended.
const READER: &str = "the process that reads this volume";

/// Whether `reason` says that not the medium is at fault: the process that read it ended, or was ended.
#[must_use]
pub fn is_of_reader(reason: &str) -> bool {
    reason.contains(READER)
}

/// Most processes that wait for work: a walk's, and one for each thread of the program that reads content. They are
/// started as threads ask for them, so that a program with two threads has three.
const MAX_IDLE: usize = 256;
/// Most frames that can be on their way to a program that has asked to stop: what a pipe and a buffer hold.
const MAX_LATE: u32 = 1 << 20;
/// Most ends of a source's processes. A start takes milliseconds, so that a thousand damaged files do not cost the next;
/// a medium made to end every reader is given up after seconds.
const MAX_ENDED: u32 = 1000;
/// How often an item is begun again at one place, and at all: whoever runs out of memory kills more than once, and a parser that
/// fails on some bytes fails again on them.
const MOST_HERE: u32 = 2;
const MOST_AGAIN: u32 = 16;
/// Most ends at a time limit: each may have cost a minute or more.
const MAX_TIMED_OUT: u32 = 20;
