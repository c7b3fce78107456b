//! How many blocks of maps may be read to tell what a file's or a directory's map has beside its content.
//!
//! Maps that thousands of items share would be read thousands of times. All sound maps together have fewer blocks than
//! their volume.

use std::sync::atomic::{AtomicU64, Ordering};

/// What is left for a volume.
pub(crate) struct Budget(AtomicU64);

impl Budget {
    /// For a volume of `blocks` blocks.
    pub(crate) fn new(blocks: u64) -> Self {
        Self(AtomicU64::new(blocks.saturating_add(SPARE)))
    }

    /// Takes one block; whether there was one.
    pub(crate) fn take(&self) -> bool {
        self.0.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

/// What the smallest volume has.
const SPARE: u64 = 1 << 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_is_spent() {
        let budget = Budget::new(5);
        assert_eq!((0..10_000).filter(|_| budget.take()).count(), 4096 + 5);
    }
}
