//! A medium with bad sectors: reads that fail are tried again, narrowed down to sectors, and remembered.
//!
//! Implements `docs/spec/sources.md`, "Bytes that cannot be read".
//!
//! ```text
//! read 0..1048576                 fails
//! read 0..524288, 524288..        halves, down to sectors
//! read 700416..700928             fails three times: known as bad, never asked again
//! ```

use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::bytes::{ByteSource, FILLED, ReadFault, length};
use crate::patience::{MEDIUM_FAILURES, Patience, RETRIES, SECTOR, SPENT};

/// The bytes of a medium, as far as it gives them.
pub struct Patient {
    inner: Arc<dyn ByteSource>,
    patience: Patience,
    bad: Mutex<Bad>,
    any: AtomicBool,
    /// What the maker of an image could not read: known as bad from the beginning.
    filled: Vec<Range<u64>>,
}

/// What a medium did not give. Both ascending, none touching the next.
#[derive(Default)]
struct Bad {
    all: Vec<Range<u64>>,
    /// Of these, what was passed over or not read again when the budget was spent.
    untried: Vec<Range<u64>>,
}

impl Patient {
    /// Reads `inner`, and remembers what it does not give.
    #[must_use]
    pub fn new(inner: Arc<dyn ByteSource>) -> Self {
        Self::with(inner, Patience::new(MEDIUM_FAILURES))
    }

    fn with(inner: Arc<dyn ByteSource>, patience: Patience) -> Self {
        let filled = inner.filled_ranges();
        Self { inner, patience, bad: Mutex::default(), any: AtomicBool::new(false), filled }
    }

    fn bad(&self) -> MutexGuard<'_, Bad> {
        self.bad.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first bytes of `range` that are known as bad, as a fault.
    fn known(&self, range: &Range<u64>) -> Option<ReadFault> {
        let filled = first_of(&self.filled, range);
        if !self.any.load(Ordering::Relaxed) {
            return filled.map(filled_fault);
        }
        let known = self.bad();
        match (first_of(&known.all, range), filled) {
            (Some(bad), Some(filled)) if filled.start <= bad.start => Some(filled_fault(filled)),
            (Some(bad), _) => Some(told(&bad, first_of(&known.untried, &bad).is_some())),
            (None, filled) => filled.map(filled_fault),
        }
    }

    fn note(&self, range: Range<u64>, untried: bool) {
        let mut bad = self.bad();
        if untried {
            insert(&mut bad.untried, range.clone());
        }
        insert(&mut bad.all, range);
        self.any.store(true, Ordering::Relaxed);
    }

    fn read_or_narrow(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let left = usize::try_from(self.inner.len().saturating_sub(offset)).unwrap_or(usize::MAX);
        let want = left.min(buf.len());
        let buf = buf.get_mut(..want).unwrap_or_default();
        if let Some(known) = self.known(&(offset..offset.saturating_add(length(want)))) {
            return Err(known);
        }
        let began = Instant::now();
        let Err(fault) = self.inner.read_exact_at(offset, buf) else {
            self.patience.eased();
            return Ok(want);
        };
        self.patience.failed(began.elapsed());
        self.narrow(offset, buf, fault).map_or(Ok(want), Err)
    }

    /// Reads `buf` in ever smaller pieces, and returns the first range that could not be read, with the reason.
    fn narrow(&self, offset: u64, buf: &mut [u8], fault: ReadFault) -> Option<ReadFault> {
        let mut first: Option<ReadFault> = None;
        let mut pieces = vec![(offset, length(buf.len()), Some(fault))];
        while let Some((at, long, known)) = pieces.pop() {
            let fault = match known.map_or_else(|| self.piece(at, long, offset, buf), Err) {
                Ok(()) => continue,
                Err(fault) => fault,
            };
            let is_sector = long <= SECTOR.saturating_sub(at % SECTOR);
            if !is_sector && !self.patience.is_spent() {
                let half = at.saturating_add(long / 2).next_multiple_of(SECTOR);
                let half = if half < at.saturating_add(long) { half } else { half.saturating_sub(SECTOR) };
                let left = half.saturating_sub(at);
                pieces.push((half, long.saturating_sub(left), None));
                pieces.push((at, left, None));
                continue;
            }
            let spent = self.patience.is_spent();
            let tries = if spent { 0 } else { RETRIES };
            if (0..tries).any(|_| self.piece(at, long, offset, buf).is_ok()) {
                continue;
            }
            let passed = if is_sector { long } else { long.max(self.patience.step()) };
            let end = at.saturating_add(passed).min(self.inner.len());
            // A sector is given whole, or not at all.
            let whole = end.checked_next_multiple_of(SECTOR).unwrap_or(end).min(self.inner.len());
            self.note(at.saturating_sub(at % SECTOR)..whole, spent);
            let within = end.min(offset.saturating_add(length(buf.len())));
            match &mut first {
                Some(first) if first.offset.saturating_add(first.length) == at => {
                    first.length = within.saturating_sub(first.offset);
                }
                Some(_) => {}
                None => {
                    let length = within.saturating_sub(at);
                    let reason = if spent { without_trying(&fault.reason) } else { fault.reason };
                    first = Some(ReadFault { offset: at, length, reason });
                }
            }
            // What was passed over is not tried.
            pieces.retain_mut(|(at, long, _)| {
                let skip = end.saturating_sub(*at).min(*long);
                (*at, *long) = (at.saturating_add(skip), long.saturating_sub(skip));
                *long > 0
            });
        }
        first
    }

    /// Reads `long` bytes at `at` to their place in `buf`, which stands for `offset`.
    fn piece(&self, at: u64, long: u64, offset: u64, buf: &mut [u8]) -> Result<(), ReadFault> {
        if let Some(known) = self.known(&(at..at.saturating_add(long))) {
            return Err(known);
        }
        let from = usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX);
        let to = from.saturating_add(usize::try_from(long).unwrap_or(usize::MAX));
        let began = Instant::now();
        let read = self.inner.read_exact_at(at, buf.get_mut(from..to).unwrap_or_default());
        match &read {
            Ok(()) => self.patience.eased(),
            Err(_) => self.patience.failed(began.elapsed()),
        }
        read
    }
}

thread_local! {
    /// Reads of this thread that ended in a fault.
    static FAILED: Cell<u64> = const { Cell::new(0) };
}

/// How many reads this thread asked a medium for that it did not give. What was parsed meanwhile may lack something for that.
pub(crate) fn failed_reads() -> u64 {
    FAILED.with(Cell::get)
}

/// Takes note that what a read of before did not give was asked for again, by whoever remembers that instead of reading again.
pub(crate) fn failed_again() {
    FAILED.with(|failed| failed.set(failed.get().saturating_add(1)));
}

/// What the first of `ranges` that reaches into `range` has of it.
fn first_of(ranges: &[Range<u64>], range: &Range<u64>) -> Option<Range<u64>> {
    let first = ranges.get(ranges.partition_point(|other| other.end <= range.start))?;
    (first.start < range.end).then(|| first.start.max(range.start)..first.end.min(range.end))
}

fn filled_fault(known: Range<u64>) -> ReadFault {
    let length = known.end.saturating_sub(known.start);
    ReadFault { offset: known.start, length, reason: FILLED.to_owned() }
}

/// Adds a range to a list, and joins it with those that it touches.
fn insert(list: &mut Vec<Range<u64>>, range: Range<u64>) {
    let from = list.partition_point(|other| other.end < range.start);
    let to = list.partition_point(|other| other.start <= range.end);
    let touched = list.get(from..to).unwrap_or_default();
    if touched.is_empty() && list.len() >= MAX_BAD {
        return;
    }
    let start = touched.first().map_or(range.start, |other| other.start.min(range.start));
    let end = touched.last().map_or(range.end, |other| other.end.max(range.end));
    list.splice(from..to.max(from), std::iter::once(start..end));
}

fn told(known: &Range<u64>, untried: bool) -> ReadFault {
    let reason = if untried { without_trying(BEFORE) } else { BEFORE.to_owned() };
    ReadFault { offset: known.start, length: known.end.saturating_sub(known.start), reason }
}

/// A reason as it is told where the budget of failed reads is spent, once.
fn without_trying(reason: &str) -> String {
    if reason.starts_with(SPENT) { reason.to_owned() } else { format!("{SPENT} ({reason})") }
}

/// Why what is known as bad is not read.
const BEFORE: &str = "could not be read before";

impl ByteSource for Patient {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        self.read_or_narrow(offset, buf)
            .inspect_err(|_| FAILED.with(|failed| failed.set(failed.get().saturating_add(1))))
    }

    fn sector_size(&self) -> u32 {
        self.inner.sector_size()
    }

    fn filled_ranges(&self) -> Vec<Range<u64>> {
        self.filled.clone()
    }

    fn read_filled_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        match first_of(&self.filled, &(offset..offset.saturating_add(length(buf.len())))) {
            Some(_) => self.inner.read_filled_at(offset, buf),
            None => self.read_at(offset, buf),
        }
    }

    /// What was known before, and what has failed since.
    fn bad_ranges(&self) -> Vec<Range<u64>> {
        merged(self.inner.bad_ranges().into_iter().chain(self.bad().all.iter().cloned()).collect())
    }
}

/// Ascending ranges, none empty, none touching the next.
#[must_use]
pub fn merged(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges.into_iter().filter(|range| !range.is_empty()) {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// Most bad ranges remembered, so that a hostile image has no list without end. One that has more is read no worse.
pub(crate) const MAX_BAD: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// Zeros of which one range fails.
    struct Torn(Range<u64>);

    impl ByteSource for Torn {
        fn len(&self) -> u64 {
            8 << 20
        }

        fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
            let end = offset.saturating_add(length(buf.len())).min(self.len());
            if offset < self.0.end && end > self.0.start {
                return Err(ReadFault { offset, length: end - offset, reason: "bad sector".into() });
            }
            buf.fill(0);
            Ok(usize::try_from(end.saturating_sub(offset)).unwrap())
        }
    }

    #[test]
    fn what_is_read_after_the_budget_was_spent_says_so() {
        let torn = Arc::new(Torn(1 << 20..3 << 20));
        // A read of 8 sectors of which all fail costs more than 20 failed reads, one of a sector three.
        let patient = Patient::with(torn, Patience::new(20));
        let reason = |at: u64, count: usize| patient.read_at(at, &mut vec![0; count]).unwrap_err().reason;
        assert_eq!(reason(1 << 20, 512), "bad sector");
        assert_eq!(reason(1 << 20, 512), BEFORE);
        let spent = reason((1 << 20) + 512, 8 * 512);
        assert_eq!(reason((1 << 20) + 512, 512), BEFORE, "{spent}");
        assert_eq!(reason(5 << 19, 4096), format!("{SPENT} (bad sector)"));
        assert_eq!(reason((5 << 19) + 512, 512), format!("{SPENT} ({BEFORE})"));
        assert_eq!(reason(1 << 20, 512), BEFORE, "what was tried stays as it was");
    }
}
