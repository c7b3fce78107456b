//! How much trouble a medium may give before it is no longer asked sector by sector.
//!
//! A drive may try for half a minute to read one sector, and a dying one fails on all of them. So whatever narrows
//! a fault down asks here first: within the budget every sector is tried by itself; beyond it a read that fails is
//! believed at once, and what follows is passed over in steps that double until a read succeeds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The failed reads of one medium, or of one stream.
#[derive(Debug)]
pub(crate) struct Patience {
    /// Most reads that may fail.
    most: u64,
    failed: AtomicU64,
    /// Nanoseconds that failed reads took.
    took: AtomicU64,
    /// What is passed over at the next failure beyond the budget.
    step: AtomicU64,
}

impl Patience {
    /// Patience for `most` failed reads and [`TIME`].
    pub(crate) fn new(most: u64) -> Self {
        let step = AtomicU64::new(FIRST_STEP);
        Self { most, failed: AtomicU64::new(0), took: AtomicU64::new(0), step }
    }

    /// Notes a read that failed.
    pub(crate) fn failed(&self, took: Duration) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.took.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX >> 8), Ordering::Relaxed);
    }

    /// Notes a read that succeeded: what lies behind it is tried closely again.
    pub(crate) fn eased(&self) {
        if self.step.load(Ordering::Relaxed) != FIRST_STEP {
            self.step.store(FIRST_STEP, Ordering::Relaxed);
        }
    }

    /// Whether faults are no longer narrowed down.
    pub(crate) fn is_spent(&self) -> bool {
        self.failed.load(Ordering::Relaxed) >= self.most
            || self.took.load(Ordering::Relaxed) >= u64::try_from(TIME.as_nanos()).unwrap_or(u64::MAX)
    }

    /// How many bytes to pass over at a failure beyond the budget.
    pub(crate) fn step(&self) -> u64 {
        let step = self.step.load(Ordering::Relaxed);
        self.step.store(step.saturating_mul(2).min(LAST_STEP), Ordering::Relaxed);
        step
    }
}

/// What the reason of a failed read begins with where the budget is spent: the record of an item that was read so says so itself.
pub(crate) const SPENT: &str = "not tried sector by sector, since too many reads have failed";
/// The unit to which faults are narrowed down. Sectors of 4,096 bytes are eight of them, and fail together.
pub(crate) const SECTOR: u64 = 512;
/// How often a sector that failed is read again.
pub(crate) const RETRIES: u32 = 2;
/// Most time that failed reads of a medium take before it is no longer asked sector by sector: an hour of a night.
pub(crate) const TIME: Duration = Duration::from_secs(60 * 60);
/// Most failed reads of a medium: some 50 MiB of it, sector by sector.
pub(crate) const MEDIUM_FAILURES: u64 = 400_000;
/// Most failed reads of a stream: each is answered from memory where the medium is known to be bad there.
pub(crate) const STREAM_FAILURES: u64 = 1 << 20;
/// What is passed over first, and at most, beyond the budget: a dead drive of 20 TB is then asked some 20,000 times.
const FIRST_STEP: u64 = 1 << 20;
const LAST_STEP: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_and_time_are_counted_and_steps_double_until_something_is_read() {
        let patience = Patience::new(2);
        patience.failed(Duration::ZERO);
        assert!(!patience.is_spent());
        patience.failed(Duration::ZERO);
        assert!(patience.is_spent());
        assert_eq!([patience.step(), patience.step()], [FIRST_STEP, 2 * FIRST_STEP]);
        for _ in 0..20 {
            patience.step();
        }
        assert_eq!(patience.step(), LAST_STEP);
        patience.eased();
        assert_eq!(patience.step(), FIRST_STEP);
        let slow = Patience::new(100);
        slow.failed(TIME);
        assert!(slow.is_spent());
    }
}
