//! A medium with bad sectors: reads that fail are tried again, narrowed down to sectors, and remembered.
//!
//! Implements `docs/spec/sources.md`, "Bytes that cannot be read".
//!
//! ```text
//! read 0..1048576                 fails
//! read 0..524288, 524288..        halves, down to sectors
//! read 700416..700928             fails three times: known as bad, never asked again
//! ```

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::bytes::{ByteSource, ReadFault, length};
use crate::patience::{MEDIUM_FAILURES, Patience, RETRIES, SECTOR};

/// The bytes of a medium, as far as it gives them.
pub struct Patient {
    inner: Arc<dyn ByteSource>,
    patience: Patience,
    /// Ascending, none touching the next.
    bad: Mutex<Vec<Range<u64>>>,
    any: AtomicBool,
}

impl Patient {
    /// Reads `inner`, and remembers what it does not give.
    #[must_use]
    pub fn new(inner: Arc<dyn ByteSource>) -> Self {
        Self {
            inner,
            patience: Patience::new(MEDIUM_FAILURES),
            bad: Mutex::default(),
            any: AtomicBool::new(false),
        }
    }

    fn bad(&self) -> MutexGuard<'_, Vec<Range<u64>>> {
        self.bad.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first bytes of `range` that are known as bad.
    fn known(&self, range: &Range<u64>) -> Option<Range<u64>> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let bad = self.bad();
        let first = bad.get(bad.partition_point(|other| other.end <= range.start))?;
        (first.start < range.end).then(|| first.start.max(range.start)..first.end.min(range.end))
    }

    fn note(&self, range: Range<u64>) {
        let mut bad = self.bad();
        let from = bad.partition_point(|other| other.end < range.start);
        let to = bad.partition_point(|other| other.start <= range.end);
        let touched = bad.get(from..to).unwrap_or_default();
        if touched.is_empty() && bad.len() >= MAX_BAD {
            return;
        }
        let start = touched.first().map_or(range.start, |other| other.start.min(range.start));
        let end = touched.last().map_or(range.end, |other| other.end.max(range.end));
        bad.splice(from..to.max(from), std::iter::once(start..end));
        self.any.store(true, Ordering::Relaxed);
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
            let tries = if self.patience.is_spent() { 0 } else { RETRIES };
            if (0..tries).any(|_| self.piece(at, long, offset, buf).is_ok()) {
                continue;
            }
            let passed = if is_sector { long } else { long.max(self.patience.step()) };
            let end = at.saturating_add(passed).min(self.inner.len());
            // A sector is given whole, or not at all.
            let whole = end.checked_next_multiple_of(SECTOR).unwrap_or(end).min(self.inner.len());
            self.note(at.saturating_sub(at % SECTOR)..whole);
            let within = end.min(offset.saturating_add(length(buf.len())));
            match &mut first {
                Some(first) if first.offset.saturating_add(first.length) == at => {
                    first.length = within.saturating_sub(first.offset);
                }
                Some(_) => {}
                None => {
                    let length = within.saturating_sub(at);
                    first = Some(ReadFault { offset: at, length, reason: fault.reason });
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
            return Err(told(&known));
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

fn told(known: &Range<u64>) -> ReadFault {
    let reason = "could not be read before".to_owned();
    ReadFault { offset: known.start, length: known.end.saturating_sub(known.start), reason }
}

impl ByteSource for Patient {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let left = usize::try_from(self.inner.len().saturating_sub(offset)).unwrap_or(usize::MAX);
        let want = left.min(buf.len());
        let buf = buf.get_mut(..want).unwrap_or_default();
        if let Some(known) = self.known(&(offset..offset.saturating_add(length(want)))) {
            return Err(told(&known));
        }
        let began = Instant::now();
        let Err(fault) = self.inner.read_exact_at(offset, buf) else {
            self.patience.eased();
            return Ok(want);
        };
        self.patience.failed(began.elapsed());
        self.narrow(offset, buf, fault).map_or(Ok(want), Err)
    }

    fn sector_size(&self) -> u32 {
        self.inner.sector_size()
    }

    /// What was known before, and what has failed since.
    fn bad_ranges(&self) -> Vec<Range<u64>> {
        merged(self.inner.bad_ranges().into_iter().chain(self.bad().iter().cloned()).collect())
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
