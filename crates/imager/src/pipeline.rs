//! The pipeline: one walker, a bounded queue, and workers that look, decide and keep.
//!
//! ```text
//! walker (this thread)   every source in turn, in its own order
//! worker 1 .. N          look, decide, then whatever the crew does with the item
//! all workers            meet where the batch is full: each closes what it has, one commits
//! ```
//!
//! What is decided does not depend on the number of workers: a decision is a
//! function of policy and facts. Where the policy limits the bytes that may be
//! kept, items are decided one after the other, in the order of the walk, and
//! only kept side by side; an archive is one item with all that is in it, and
//! is opened twice: to see whether it fits, and to keep it.

use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use examine::{Event, Examined, Examiner, MAX_MEMBERS, Slacks, every_entry, slack_wanted};
use scope::Policy;
use source::{Drives, Entry, Source, WalkEvent, WalkReport};

use crate::console::{Context as _, Failure};
use crate::interrupt::Interrupt;
use crate::progress::Meter;
use crate::queue::{Chunk, Queue, Step, StopOnPanic, Stopped};
use crate::survey::{Counted, Kept, Tally, beyond_bytes};

/// What is done with decided items, by several threads at once.
pub(crate) trait Crew: Sync {
    /// What one thread holds.
    type Hand: Send;
    /// A hand for one thread.
    fn hand(&self) -> Self::Hand;
    /// Whether the content of items is kept.
    fn keeps(&self) -> bool {
        false
    }
    /// Whether the open batch takes so many items more.
    fn has_room(&self, items: u64) -> bool;
    /// Sees every item in the order of the walk, before it is examined.
    fn walked(&self, entry: &Entry);
    /// How many items are committed already: the walk meets them again before all others.
    fn ahead(&self) -> u64 {
        0
    }
    /// Sees an item that is committed already, in the order of the walk.
    fn walked_again(&self, _: &Entry) -> Result<(), Failure> {
        Ok(())
    }
    /// What becomes of one item.
    fn item(
        &self,
        hand: &mut Self::Hand,
        source: &dyn Source,
        entry: &Entry,
        examined: Examined,
    ) -> Result<Kept, Failure>;
    /// The hand is about to wait.
    fn pause(&self, hand: &mut Self::Hand) -> Result<(), Failure>;
    /// Every hand has paused and none is at work: ends what this one holds of the batch.
    fn close(&self, hand: &mut Self::Hand) -> Result<(), Failure>;
    /// Every hand has closed: ends the batch, with what was counted so far.
    fn commit(&self, counted: &Counted) -> Result<(), Failure>;
}

/// What a run needs beside its crew.
pub(crate) struct Run<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) sources: &'a [&'a dyn Source],
    pub(crate) examiner: &'a Examiner<'a>,
    pub(crate) jobs: usize,
    pub(crate) meter: &'a Meter,
    pub(crate) interrupt: &'a Interrupt,
    /// Who knows whether the medium is still there.
    pub(crate) drives: &'a dyn Drives,
    /// What was counted before a break.
    pub(crate) before: &'a Counted,
}

impl Run<'_> {
    /// Why nothing more is committed: what a medium did not give that is gone, or that nobody wanted any more, looks like what
    /// could not be read.
    fn stopped(&self) -> Option<Failure> {
        if self.interrupt.is_asked() {
            return Some(asked_to_stop());
        }
        self.drives.lost().map(|why| medium_gone(&why))
    }
}

/// What a run came to.
pub(crate) struct Done {
    /// What was decided, over all workers.
    pub(crate) tally: Tally,
    /// What each source's walk reported, and the items of it that were recorded.
    pub(crate) walks: Vec<(WalkReport, u64)>,
}

/// Walks every source, and has each item decided and handed to the crew.
///
/// # Errors
///
/// The root of the only source, or of each of them, cannot be read; whatever the crew reports; an interrupt.
pub(crate) fn run<C: Crew>(run: &Run<'_>, crew: &C) -> Result<Done, Failure> {
    let queue = Queue::new(run.jobs);
    let turns = run.policy.limits().bytes.map(|_| Turns::after(run.before.kept));
    let opens = run.policy.target().containers.is_some();
    let counted = Mutex::new(run.before.clone());
    let (walked, tallies) = thread::scope(|scope| {
        let workers: Vec<_> = (0..run.jobs)
            .map(|_| {
                scope.spawn(|| {
                    let _guard = StopOnPanic(&queue);
                    let mut worker = Worker {
                        run,
                        crew,
                        queue: &queue,
                        turns: turns.as_ref(),
                        counted: &counted,
                        hand: crew.hand(),
                        tally: Tally::default(),
                    };
                    match worker.work() {
                        Ok(()) | Err(Ended::Stopped) => {}
                        Err(Ended::Failed(failure)) => queue.stop(Some(failure)),
                    }
                    worker.tally
                })
            })
            .collect();
        let guard = StopOnPanic(&queue);
        let walked = walk(run, &queue, crew, turns.is_some() || opens);
        match &walked {
            Ok(_) => queue.end(),
            Err(_) => queue.stop(None),
        }
        drop(guard);
        let tallies: Vec<Tally> = workers.into_iter().filter_map(|worker| worker.join().ok()).collect();
        (walked, tallies)
    });
    if let Some(failure) = queue.failure() {
        return Err(failure);
    }
    let (reports, mut interrupted) = walked?;
    if let Some(failure) = run.stopped() {
        return Err(failure);
    }
    let mut tally = counted.into_inner().unwrap_or_else(PoisonError::into_inner).tally;
    tallies.iter().for_each(|other| tally.add(other));
    if let Some(turns) = turns {
        let turn = turns.turn.into_inner().unwrap_or_else(PoisonError::into_inner);
        interrupted = turn.interrupted.or(interrupted);
    }
    tally.interrupted = interrupted;
    let recorded = |index: usize| tally.of_sources.get(&index).copied().unwrap_or(0);
    let walks = reports.into_iter().enumerate().map(|(index, report)| (report, recorded(index))).collect();
    Ok(Done { tally, walks })
}

/// The failure of a run that was interrupted.
pub(crate) fn asked_to_stop() -> Failure {
    Failure::new("stopped, as asked (interrupt or SIGTERM)")
}

/// The failure of a run whose medium is not there any more.
pub(crate) fn medium_gone(why: &str) -> Failure {
    Failure::new(format!("{MEDIUM_GONE}{why}"))
}

/// How the message of a run begins whose medium is not there any more.
pub(crate) const MEDIUM_GONE: &str = "the medium is gone: ";

/// Walks the sources, until the policy's limit of items or somebody's stop. Returns the reports, and the limit that was met.
fn walk<C: Crew>(
    run: &Run<'_>,
    queue: &Queue,
    crew: &C,
    one_by_one: bool,
) -> Result<(Vec<WalkReport>, Option<String>), Failure> {
    let mut reports = Vec::new();
    let (mut items, mut ahead, mut other) = (0_u64, crew.ahead(), None);
    let mut first_failure = None;
    let mut walked = false;
    for (index, source) in run.sources.iter().enumerate() {
        let mut chunk = Vec::new();
        let mut weight = 0_u64;
        let (mut limit, mut issues) = (None, 0_u64);
        let report = every_entry(run.policy, *source, &mut |event| {
            let entry = match event {
                WalkEvent::Item(entry) => entry,
                WalkEvent::Issue(_) => {
                    issues = issues.saturating_add(1);
                    return go_on(run.stopped().is_none() && !queue.is_ended());
                }
            };
            run.meter.scanned();
            items = items.saturating_add(1);
            if ahead > 0 {
                ahead = ahead.saturating_sub(1);
                other = crew.walked_again(&entry).err();
                run.meter.decided(None);
                let last = run.policy.limits().items.filter(|limit| items >= *limit);
                limit = last.map(|last| format!("the policy's limit of {last} items"));
                if ahead == 0 && limit.is_none() {
                    // The limit of bytes was met before the break, by the last item that was walked.
                    limit.clone_from(&run.before.interrupted);
                }
                return go_on(other.is_none() && limit.is_none() && run.stopped().is_none());
            }
            weight = weight.saturating_add(entry.facts.content_size().unwrap_or(0));
            chunk.push(entry);
            let last = run.policy.limits().items.filter(|limit| items >= *limit);
            let full = one_by_one || chunk.len() >= CHUNK_ITEMS || weight >= CHUNK_BYTES;
            // A hungry worker gets less at once, but not so little that handing it over costs more than the work.
            let enough = chunk.len() >= LEAST_ITEMS || weight >= LEAST_BYTES;
            if full || last.is_some() || enough && queue.is_hungry() {
                weight = 0;
                if run.stopped().is_some() || queue.push(index, std::mem::take(&mut chunk)).is_err() {
                    return ControlFlow::Break(());
                }
                if queue.is_ended() {
                    return ControlFlow::Break(());
                }
            }
            if let Some(last) = last {
                limit = Some(format!("the policy's limit of {last} items"));
            }
            go_on(limit.is_none())
        });
        // Of a medium that is gone nothing is said that was not read before: not that items are others, nor that a root is damaged.
        if let Some(failure) = run.stopped().or_else(|| other.take()) {
            return Err(failure);
        }
        // A root that cannot be read costs its volume, and says so; the others are walked.
        let report = match report {
            Ok(report) => {
                walked = true;
                report
            }
            Err(error) => {
                issues = issues.saturating_add(1);
                let limits = vec![format!("{NOT_WALKED}{error}")];
                first_failure.get_or_insert((source.info().volume.clone(), error));
                WalkReport { limits, ..WalkReport::default() }
            }
        };
        reports.push(WalkReport { issues, ..report });
        // Where somebody stopped, nobody takes what is left.
        let _ = queue.push(index, chunk);
        if limit.is_some() || queue.is_ended() {
            return Ok((reports, limit));
        }
    }
    if let Some((volume, error)) = first_failure.filter(|_| !walked) {
        return Err(error).context(format_args!("volume {volume}"));
    }
    if ahead > 0 {
        return Err(Failure::no(format!(
            "the medium is not as it was: it has {items} items now, and {ahead} more were captured before the break"
        )));
    }
    Ok((reports, None))
}

/// How the limit of a volume begins whose root could be read when the medium was opened, and not any more.
pub(crate) const NOT_WALKED: &str = "not walked: ";

fn go_on(on: bool) -> ControlFlow<()> {
    if on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

enum Ended {
    Stopped,
    Failed(Failure),
}

impl From<Stopped> for Ended {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

struct Worker<'a, C: Crew> {
    run: &'a Run<'a>,
    crew: &'a C,
    queue: &'a Queue,
    turns: Option<&'a Turns>,
    counted: &'a Mutex<Counted>,
    hand: C::Hand,
    tally: Tally,
}

impl<C: Crew> Worker<'_, C> {
    fn work(&mut self) -> Result<(), Ended> {
        // Where items have turns, those that others hold and that have not had theirs are not counted yet.
        let others = if self.turns.is_some() { self.run.jobs as u64 } else { 0 };
        // All members of a container are of its batch, and in parts of one worker.
        let members = if self.run.policy.target().containers.is_some() { MAX_MEMBERS } else { 0 };
        loop {
            let step = self.queue.take(
                |items| self.crew.has_room(items.saturating_add(others).saturating_add(members)),
                |chunk| {
                    if self.turns.is_none() {
                        chunk.entries.iter().for_each(|entry| self.crew.walked(entry));
                    }
                },
            )?;
            match step {
                Step::Chunk(chunk) => self.chunk(&chunk)?,
                Step::EndBatch => self.end_batch()?,
                Step::End => {
                    self.end_batch()?;
                    return Ok(());
                }
            }
        }
    }

    fn chunk(&mut self, chunk: &Chunk) -> Result<(), Ended> {
        let Some(source) = self.run.sources.get(chunk.source).copied() else { return Ok(()) };
        for entry in &chunk.entries {
            let examined = match self.turns {
                None => Some(self.examine_each(chunk.source, entry, source)?),
                Some(turns) => match self.in_turn(turns, chunk.number, entry, source)? {
                    // There is room for all that is in it: it is opened again, and kept.
                    Some(examined) if examined.facts.container.is_some() => {
                        Some(self.examine_each(chunk.source, entry, source)?)
                    }
                    examined => examined,
                },
            };
            let Some(examined) = examined else { continue };
            self.tally.count(&examined, chunk.source);
            self.run.policy.meet_paths(&examined.facts, &mut self.tally.paths);
            let slack = slack_wanted(self.run.examiner, entry, &examined);
            let kept = self.crew.item(&mut self.hand, source, entry, examined);
            // A stream that was cut off looks like one that could not be read: it is never committed.
            if let Some(failure) = self.run.stopped() {
                return Err(failure.into());
            }
            self.run.meter.decided(kept?);
            if let Some(slack) = slack {
                self.slack(chunk.source, source, slack)?;
            }
        }
        Ok(())
    }

    /// Keeps the slack of an item that was kept, where there is some.
    fn slack(&mut self, at: usize, source: &dyn Source, slack: Entry) -> Result<(), Ended> {
        let (run, crew, hand, tally) = (self.run, self.crew, &mut self.hand, &mut self.tally);
        let mut slacks = Slacks::from(tally.slacks.get(&at).copied().unwrap_or_default());
        let mut failed = None;
        let _ = slacks.take(run.examiner, source, slack, &mut |event| {
            match event {
                Event::Issue(_) => *tally.slack_issues.entry(at).or_default() += 1,
                Event::Item(_, entry, examined) => {
                    tally.count(&examined, at);
                    match crew.item(hand, source, entry, examined) {
                        Ok(kept) => run.meter.decided(kept),
                        Err(failure) => failed = Some(failure),
                    }
                }
            }
            ControlFlow::Continue(())
        });
        tally.slacks.insert(at, slacks.into());
        if let Some(failure) = run.stopped() {
            return Err(failure.into());
        }
        failed.map_or(Ok(()), |failure| Err(failure.into()))
    }

    /// Examines an item; where it is a container that is opened, its members are kept or left first.
    fn examine_each(&mut self, at: usize, entry: &Entry, source: &dyn Source) -> Result<Examined, Ended> {
        let (run, crew, hand, tally) = (self.run, self.crew, &mut self.hand, &mut self.tally);
        let mut failed = None;
        let examined = run.examiner.examine_each(entry, source, &mut |source, member, examined| {
            tally.count(&examined, at);
            run.policy.meet_paths(&examined.facts, &mut tally.paths);
            // Like slack, they are items that no walk yields.
            let more = tally.slacks.entry(at).or_default();
            more.items = more.items.saturating_add(1);
            match crew.item(hand, source, member, examined) {
                Ok(kept) => run.meter.decided(kept),
                Err(failure) => failed = Some(failure),
            }
            go_on(failed.is_none() && run.stopped().is_none())
        });
        match run.stopped().or(failed) {
            Some(failure) => Err(failure.into()),
            None => Ok(examined.context(format_args!("item {}", entry.locator))?),
        }
    }

    /// Examines an item and what is in it, and keeps nothing. Returns how many bytes of what is in it would be kept, too.
    fn examine(&self, entry: &Entry, source: &dyn Source) -> Result<(Examined, u64), Failure> {
        let mut within = 0_u64;
        let examined = self.run.examiner.examine_each(entry, source, &mut |_, _, member| {
            within = within.saturating_add(kept_bytes(&member));
            go_on(!self.run.interrupt.is_asked())
        });
        Ok((examined.context(format_args!("item {}", entry.locator))?, within))
    }

    /// Examines an item once all before it are decided; `None` where the policy's limit of bytes was met.
    fn in_turn(
        &self,
        turns: &Turns,
        number: u64,
        entry: &Entry,
        source: &dyn Source,
    ) -> Result<Option<Examined>, Ended> {
        let mut turn = turns.wait_for(number, self.queue)?;
        if turn.interrupted.is_some() {
            turns.pass(turn);
            return Ok(None);
        }
        self.crew.walked(entry);
        let (examined, within) = self.examine(entry, source)?;
        if let Some(failure) = self.run.stopped() {
            return Err(failure.into());
        }
        // Its slack comes along, and what is in it, and counts.
        let slack = slack_wanted(self.run.examiner, entry, &examined)
            .and_then(|slack| Some(source.open(&slack).ok()?.declared_len()))
            .unwrap_or(0);
        let size = kept_bytes(&examined).saturating_add(within).saturating_add(slack);
        turn.interrupted = beyond_bytes(self.run.policy, turn.kept, size);
        let taken = turn.interrupted.is_none();
        if taken {
            turn.kept = turn.kept.saturating_add(size);
        }
        if !taken {
            self.queue.cut();
        }
        turns.pass(turn);
        Ok(taken.then_some(examined))
    }

    /// Ends the batch, together with all others.
    fn end_batch(&mut self) -> Result<(), Ended> {
        self.crew.pause(&mut self.hand)?;
        self.queue.meet()?;
        self.crew.close(&mut self.hand)?;
        let tally = std::mem::take(&mut self.tally);
        self.counted().tally.add(&tally);
        if self.queue.meet()? {
            // The walk may have found it while items were still at work.
            if let Some(failure) = self.run.stopped() {
                return Err(failure.into());
            }
            let mut counted = self.counted();
            if let Some(turns) = self.turns {
                let turn = turns.turn.lock().unwrap_or_else(PoisonError::into_inner);
                (counted.kept, counted.interrupted) = (turn.kept, turn.interrupted.clone());
            }
            self.crew.commit(&counted)?;
            drop(counted);
            self.queue.batch_ended();
        }
        self.queue.meet()?;
        Ok(())
    }
}

impl<C: Crew> Worker<'_, C> {
    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many bytes of an item are kept.
fn kept_bytes(examined: &Examined) -> u64 {
    if examined.decision.outcome.is_kept() { examined.facts.content_size().unwrap_or(0) } else { 0 }
}

/// Who decides next, where decisions depend on those before.
struct Turns {
    turn: Mutex<Turn>,
    passed: Condvar,
}

#[derive(Default)]
struct Turn {
    next: u64,
    kept: u64,
    interrupted: Option<String>,
}

impl Turns {
    /// Turns after so many bytes were kept.
    fn after(kept: u64) -> Self {
        Self { turn: Mutex::new(Turn { kept, ..Turn::default() }), passed: Condvar::new() }
    }

    /// Waits for the turn of chunk `number`; whoever has it keeps it until [`Turns::pass`].
    fn wait_for(&self, number: u64, queue: &Queue) -> Result<MutexGuard<'_, Turn>, Ended> {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        while turn.next != number {
            if queue.failed() {
                return Err(Ended::Stopped);
            }
            turn = self.passed.wait_timeout(turn, PATIENCE).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(turn)
    }

    fn pass(&self, mut turn: MutexGuard<'_, Turn>) {
        turn.next = turn.next.saturating_add(1);
        drop(turn);
        self.passed.notify_all();
    }
}

/// Most items of a chunk: a hundred microseconds of work at least, so that queue and locks cost next to nothing.
const CHUNK_ITEMS: usize = 64;
/// Most bytes of a chunk, but for one large item: what one worker does while another waits at the end.
const CHUNK_BYTES: u64 = 1 << 20;
/// What is handed over early where a worker waits.
const LEAST_ITEMS: usize = 16;
const LEAST_BYTES: u64 = 1 << 16;

/// How long a worker waits for its turn without asking whether all was stopped.
const PATIENCE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests;
