//! The bounded queue between the walker and the workers, and the place where workers meet to end a batch.
//!
//! ```text
//! walker   push   chunks of items, in the order of the walk; waits while the queue is full
//! worker   take   the next chunk; or: the batch is full; or: nothing comes any more
//! workers  meet   all are here, or somebody stopped
//! ```

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use source::Entry;

use crate::console::Failure;

/// Items that one worker takes at a time.
pub(crate) struct Chunk {
    /// Which source they are of.
    pub(crate) source: usize,
    /// Which chunk of the walk this is, from 0.
    pub(crate) number: u64,
    /// The items.
    pub(crate) entries: Vec<Entry>,
}

/// What a worker does next.
pub(crate) enum Step {
    /// Works on these.
    Chunk(Chunk),
    /// Ends the batch together with all others, and goes on.
    EndBatch,
    /// Ends the batch together with all others, and is done.
    End,
}

/// Chunks on their way, and what the threads know of each other.
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    room: Condvar,
    workers: usize,
    capacity: usize,
}

#[derive(Default)]
struct State {
    chunks: VecDeque<Chunk>,
    pushed: u64,
    ended: bool,
    full: bool,
    waiting: usize,
    met: usize,
    meetings: u64,
    stopped: bool,
    failure: Option<Failure>,
}

/// Somebody stopped: there is nothing more to do.
pub(crate) struct Stopped;

impl Queue {
    /// A queue for so many workers.
    pub(crate) fn new(workers: usize) -> Self {
        let capacity = workers.saturating_mul(CHUNKS_PER_WORKER);
        Self { state: Mutex::default(), changed: Condvar::new(), room: Condvar::new(), workers, capacity }
    }

    /// Adds items, once there is room. Empty chunks are not worth a worker.
    pub(crate) fn push(&self, source: usize, entries: Vec<Entry>) -> Result<(), Stopped> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut state = self.state();
        while state.chunks.len() >= self.capacity && !state.stopped && !state.ended {
            state = self.wait(&self.room, state);
        }
        // INVARIANT: after a cut nothing follows: a chunk would wait for the turn of those that were forgotten.
        if state.stopped || state.ended {
            return Err(Stopped);
        }
        let number = state.pushed;
        state.pushed = state.pushed.saturating_add(1);
        state.chunks.push_back(Chunk { source, number, entries });
        let waiting = state.waiting > 0;
        drop(state);
        if waiting {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Whether a worker waits for items.
    pub(crate) fn is_hungry(&self) -> bool {
        self.state().waiting > 0
    }

    /// No more items will come.
    pub(crate) fn end(&self) {
        self.state().ended = true;
        self.changed.notify_all();
    }

    /// Stops everybody; the first failure is kept. `None` ends the work without one, and nothing in the queue is taken.
    pub(crate) fn stop(&self, failure: Option<Failure>) {
        let mut state = self.state();
        state.failure = state.failure.take().or(failure);
        state.stopped = true;
        drop(state);
        self.changed.notify_all();
        self.room.notify_all();
    }

    /// Forgets what was not taken, and lets nothing follow: the batch can still be ended.
    pub(crate) fn cut(&self) {
        let mut state = self.state();
        state.chunks.clear();
        state.ended = true;
        drop(state);
        self.changed.notify_all();
        self.room.notify_all();
    }

    /// Whether nothing more is taken.
    pub(crate) fn is_ended(&self) -> bool {
        let state = self.state();
        state.ended || state.stopped
    }

    /// Whether somebody stopped everybody.
    pub(crate) fn failed(&self) -> bool {
        self.state().stopped
    }

    /// The first failure, where there was one.
    pub(crate) fn failure(self) -> Option<Failure> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).failure
    }

    /// What to do next. `has_room` tells whether the batch takes so many items more, and `taken` sees each chunk in the
    /// order of the walk, before any worker has it.
    pub(crate) fn take(
        &self,
        has_room: impl Fn(u64) -> bool,
        taken: impl FnOnce(&Chunk),
    ) -> Result<Step, Stopped> {
        let mut state = self.state();
        loop {
            if state.stopped {
                return Err(Stopped);
            }
            if state.full {
                return Ok(Step::EndBatch);
            }
            if let Some(next) = state.chunks.front() {
                if !has_room(next.entries.len() as u64) {
                    state.full = true;
                    drop(state);
                    self.changed.notify_all();
                    return Ok(Step::EndBatch);
                }
                let Some(chunk) = state.chunks.pop_front() else { continue };
                taken(&chunk);
                drop(state);
                self.room.notify_one();
                return Ok(Step::Chunk(chunk));
            }
            if state.ended {
                return Ok(Step::End);
            }
            state.waiting = state.waiting.saturating_add(1);
            state = self.wait(&self.changed, state);
            state.waiting = state.waiting.saturating_sub(1);
        }
    }

    /// Waits until all workers are here. True for one of them.
    pub(crate) fn meet(&self) -> Result<bool, Stopped> {
        let mut state = self.state();
        if state.stopped {
            return Err(Stopped);
        }
        state.met = state.met.saturating_add(1);
        if state.met >= self.workers {
            state.met = 0;
            state.meetings = state.meetings.saturating_add(1);
            drop(state);
            self.changed.notify_all();
            return Ok(true);
        }
        let meeting = state.meetings;
        while state.meetings == meeting {
            if state.stopped {
                return Err(Stopped);
            }
            state = self.wait(&self.changed, state);
        }
        Ok(false)
    }

    /// The batch was ended; the next one begins.
    pub(crate) fn batch_ended(&self) {
        self.state().full = false;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&self, on: &Condvar, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        on.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Stops everybody where the thread that holds it ends in a panic: nobody may wait for it.
pub(crate) struct StopOnPanic<'a>(pub(crate) &'a Queue);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop(Some(Failure::new("a worker ended by a panic; this is a fault of the program")));
        }
    }
}

/// Chunks that wait for each worker: enough that none runs dry while the walker reads a directory.
const CHUNKS_PER_WORKER: usize = 4;

/// How long anybody sleeps without looking again: a word that was missed costs no more.
const PATIENCE: Duration = Duration::from_secs(1);
