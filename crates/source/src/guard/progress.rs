//! Whether the medium is being read: what tells a slow disk from a parser that hangs.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A read of the medium that is under way, until it is dropped.
pub(crate) struct Reading(());

/// Notes that a read of the medium begins. Whatever reads files of a medium calls it.
pub(crate) fn reading() -> Reading {
    BEGUN.fetch_add(1, Ordering::Relaxed);
    Reading(())
}

impl Drop for Reading {
    fn drop(&mut self) {
        ENDED.fetch_add(1, Ordering::Relaxed);
    }
}

/// How often the medium was read so far.
pub(super) fn reads() -> u64 {
    ENDED.load(Ordering::Relaxed)
}

/// Whether a read is under way: a drive may try for minutes to read a bad sector.
pub(super) fn is_reading() -> bool {
    BEGUN.load(Ordering::Relaxed) != ENDED.load(Ordering::Relaxed)
}

/// Notes that the medium is gone, and why. Where nobody is to be told, the read that found it has failed, and that is all.
pub(crate) fn lost(why: &str) {
    if let Some(tell) = TELL.get() {
        tell(why);
    }
}

/// Has `tell` called where the medium is gone. The first one stays.
pub(super) fn tell_of_loss(tell: fn(&str)) {
    let _ = TELL.set(tell);
}

static TELL: OnceLock<fn(&str)> = OnceLock::new();
static BEGUN: AtomicU64 = AtomicU64::new(0);
static ENDED: AtomicU64 = AtomicU64::new(0);
