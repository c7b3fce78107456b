//! The program's handle of one process that reads: frames within time, and its end in words.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::frame::{HEAD, frame, parse_head, tell};
use super::words::plain;
use super::{Apart, Limits, PANICKED};

/// A process that reads. Killed and reaped when this is dropped.
pub(super) struct Process {
    child: Child,
    input: File,
    output: File,
    errors: File,
    limits: Limits,
    /// Bytes read and not used yet: `held[begin..end]`.
    held: Box<[u8]>,
    begin: usize,
    end: usize,
    /// How long this frame was waited for.
    waited: Duration,
    /// How long something other than progress was waited for, and how often progress was told since.
    silent: Duration,
    progressed: u64,
    /// Set where [`super::frame::tell::CANCELLED`] is still to come.
    pub(super) stopping: bool,
    /// Where it is noted that the medium is gone, and why.
    pub(super) lost: Arc<OnceLock<String>>,
}

/// The end of a process that reads. Whoever holds this has no process any more.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{what}")]
pub(super) struct Ended {
    /// What happened, as a sentence's end: `ran out of memory ...`.
    pub(super) what: String,
    /// Whether the whole of a time limit passed first.
    pub(super) timed_out: bool,
    /// Whether it ended of itself, or others ended it: another one may get further.
    pub(super) of_itself: bool,
}

impl Ended {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), timed_out: false, of_itself: false }
    }
}

impl Process {
    /// Starts the program of `apart`. It inherits no variable, no folder and no terminal.
    pub(super) fn start(apart: &Apart) -> Result<Self, Ended> {
        let failed = |error: io::Error| Ended::new(format!("could not be started: {error}"));
        let mut child = Command::new(&apart.program)
            .args(&apart.arguments)
            .env_clear()
            .current_dir("/")
            // An interrupt at the terminal is for the program alone: it decides what becomes of an item half read.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err(Ended::new("was started without pipes"));
        };
        let files = [OwnedFd::from(input), OwnedFd::from(output), OwnedFd::from(errors)];
        for file in &files {
            let set = fcntl_getfl(file).and_then(|flags| fcntl_setfl(file, flags | OFlags::NONBLOCK));
            set.map_err(|error| failed(error.into()))?;
        }
        let [input, output, errors] = files;
        // A larger pipe lets both sides work longer before one waits; an ordinary one works as well.
        let _ = rustix::pipe::fcntl_setpipe_size(&output, PIPE);
        Ok(Self {
            child,
            input: File::from(input),
            output: File::from(output),
            errors: File::from(errors),
            limits: apart.limits,
            held: vec![0; HELD].into_boxed_slice(),
            begin: 0,
            end: 0,
            waited: Duration::ZERO,
            silent: Duration::ZERO,
            progressed: 0,
            stopping: false,
            lost: Arc::default(),
        })
    }

    /// Sends a frame.
    pub(super) fn ask(&mut self, kind: u8, holds: &[u8]) -> Result<(), Ended> {
        self.waited = Duration::ZERO;
        self.silent = Duration::ZERO;
        let bytes = frame(kind, holds).ok_or_else(|| Ended::new("was asked more than a frame holds"))?;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            match self.input.write(rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait(PollFlags::OUT)?,
                Err(_) => return Err(self.gone()),
            }
        }
        Ok(())
    }

    /// The head of the next frame that is not progress. All of the frame before must have been taken.
    pub(super) fn head(&mut self) -> Result<(u8, usize), Ended> {
        loop {
            let mut head = [0; HEAD];
            self.waited = Duration::ZERO;
            self.exactly(&mut head)?;
            let (kind, length) = parse_head(head).ok_or_else(|| self.broke("a frame is too long"))?;
            if kind != tell::PROGRESS && kind != tell::LOST {
                self.waited = Duration::ZERO;
                self.silent = Duration::ZERO;
                self.progressed = 0;
                return Ok((kind, length));
            }
            if kind == tell::LOST {
                return Err(self.found_lost(length));
            }
            self.progressed = self.progressed.saturating_add(1);
            if length != 0 || self.progressed > self.limits.silence.as_secs().saturating_add(MORE_PROGRESS) {
                return Err(self.broke("it tells of progress without end"));
            }
        }
    }

    /// Notes that the medium is gone, in the words of a frame of `length` bytes.
    fn found_lost(&mut self, length: usize) -> Ended {
        if length > LONGEST_LOSS {
            return self.broke("a frame is too long");
        }
        let why = match self.rest(length) {
            Ok(why) => plain(&String::from_utf8_lossy(&why)),
            Err(ended) => return ended,
        };
        let what = format!("found the medium gone: {why}");
        let _ = self.lost.set(why);
        Ended::new(what)
    }

    /// The next frame that is not progress.
    pub(super) fn frame(&mut self) -> Result<(u8, Vec<u8>), Ended> {
        let (kind, length) = self.head()?;
        Ok((kind, self.rest(length)?))
    }

    /// `length` bytes of a frame whose head was taken. Memory is taken as the bytes come.
    pub(super) fn rest(&mut self, length: usize) -> Result<Vec<u8>, Ended> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let done = bytes.len();
            bytes.resize(length.min(done.saturating_add(STEP)), 0);
            self.exactly(bytes.get_mut(done..).unwrap_or_default())?;
        }
        Ok(bytes)
    }

    /// Some bytes of a frame whose head was taken, at least one. Large pieces pass through no other buffer.
    pub(super) fn some(&mut self, into: &mut [u8]) -> Result<usize, Ended> {
        if into.is_empty() {
            return Ok(0);
        }
        if self.begin == self.end && into.len() >= HELD {
            return self.receive(|output, _| output.read(into));
        }
        if self.begin == self.end {
            let count = self.receive(|output, held| output.read(held))?;
            (self.begin, self.end) = (0, count);
        }
        let held = self.held.get(self.begin..self.end).unwrap_or_default();
        let count = held.len().min(into.len());
        if let (Some(to), Some(from)) = (into.get_mut(..count), held.get(..count)) {
            to.copy_from_slice(from);
        }
        self.begin = self.begin.saturating_add(count);
        Ok(count)
    }

    /// Whether it has not ended of itself.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Stops a process that did what it must not, and says so.
    pub(super) fn broke(&mut self, what: &str) -> Ended {
        self.kill();
        Ended::new(format!("was stopped: {what}"))
    }

    fn exactly(&mut self, mut into: &mut [u8]) -> Result<(), Ended> {
        while !into.is_empty() {
            let count = self.some(into)?;
            into = into.get_mut(count..).unwrap_or_default();
        }
        Ok(())
    }

    fn receive(
        &mut self,
        mut read: impl FnMut(&mut File, &mut [u8]) -> io::Result<usize>,
    ) -> Result<usize, Ended> {
        loop {
            match read(&mut self.output, &mut self.held) {
                Ok(0) => return Err(self.gone()),
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait(PollFlags::IN)?,
                Err(_) => return Err(self.gone()),
            }
        }
    }

    /// Waits until bytes can pass, but no longer than the limits allow.
    fn wait(&mut self, until: PollFlags) -> Result<(), Ended> {
        let answer = self.limits.answer.saturating_sub(self.waited);
        let silence = self.limits.silence.saturating_sub(self.silent);
        let limit = answer.min(silence);
        if limit.is_zero() {
            self.kill();
            let what = if answer.is_zero() {
                format!("gave no answer for {} s and was stopped", self.limits.answer.as_secs())
            } else {
                format!("had read for {} s without a result and was stopped", self.limits.silence.as_secs())
            };
            return Err(Ended { what, timed_out: true, of_itself: false });
        }
        let began = Instant::now();
        let time = Timespec::try_from(limit).ok();
        let file = if until == PollFlags::IN { self.output.as_fd() } else { self.input.as_fd() };
        match poll(&mut [PollFd::from_borrowed_fd(file, until)], time.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return Err(self.gone()),
        }
        let took = began.elapsed();
        self.waited = self.waited.saturating_add(took);
        self.silent = self.silent.saturating_add(took);
        Ok(())
    }

    /// Its end, where it closed its side.
    fn gone(&mut self) -> Ended {
        let began = Instant::now();
        while began.elapsed() < GRACE {
            match self.child.try_wait() {
                Ok(Some(status)) => return self.said(status),
                Ok(None) => thread::sleep(PAUSE),
                Err(_) => break,
            }
        }
        self.broke("it closed its side and went on")
    }

    /// Why it ended. What it wrote to standard error is looked through for the words of our own runtime, and never shown.
    fn said(&mut self, status: ExitStatus) -> Ended {
        let mut words = [0; 256];
        let count = self.errors.read(&mut words).unwrap_or(0);
        let words = words.get(..count).unwrap_or_default();
        let has = |what: &str| words.windows(what.len()).any(|window| window == what.as_bytes());
        let what = match (status.code(), status.signal()) {
            (Some(PANICKED), _) => "ended: a check inside the reader failed (panic)".into(),
            (Some(code), _) => format!("ended with exit code {code}"),
            _ if has("memory allocation of") => {
                format!("ended: it ran out of its {} MiB of memory", self.limits.memory >> 20)
            }
            _ if has("has overflowed its stack") => "ended: it ran out of its stack".into(),
            (_, Some(9)) => {
                "was killed from outside (signal 9), as where the computer runs out of memory".into()
            }
            (_, Some(signal)) => format!("ended by signal {signal}"),
            _ => "ended".into(),
        };
        Ended { what, timed_out: false, of_itself: true }
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let began = Instant::now();
        while began.elapsed() < GRACE {
            match self.child.try_wait() {
                Ok(None) => thread::sleep(PAUSE),
                _ => return,
            }
        }
    }
}

impl Drop for Process {
    /// A process that waits for a drive dies when the drive answers; it is reaped, where it can be, at the next start.
    fn drop(&mut self) {
        self.kill();
    }
}

/// Bytes taken from the pipe at once where a frame is small.
const HELD: usize = 64 << 10;
/// Memory taken at once for a frame that says it is long.
const STEP: usize = 1 << 20;
/// The pipe's size asked for: a frame of content, the largest that users other than root are given by default.
const PIPE: usize = 1 << 20;
/// More tellings of progress than there are seconds of patience are a flood: five seconds lie between two.
const MORE_PROGRESS: u64 = 16;
/// Longest text that says why a medium is gone.
const LONGEST_LOSS: usize = 4096;
/// How long a process may take to die once it was killed or closed its side.
const GRACE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(1);
