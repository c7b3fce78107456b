//! Room for one: who comes in is alone until it leaves, but for what it does within itself.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// Whoever is in, and how often it came in.
#[derive(Default)]
pub(super) struct Room {
    within: Mutex<Option<(ThreadId, usize)>>,
    left: Condvar,
}

impl Room {
    /// Waits until nobody else is in. A thread that is in comes in again at once: an archive may lie in another.
    pub(super) fn enter(&self) -> Permit<'_> {
        let own = thread::current().id();
        let mut within = self.lock();
        loop {
            match &mut *within {
                None => *within = Some((own, 1)),
                Some((thread, times)) if *thread == own => *times = times.saturating_add(1),
                Some(_) => {
                    within = self.left.wait(within).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
            }
            return Permit(self);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(ThreadId, usize)>> {
        self.within.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody is in, until this is dropped, by whichever thread.
pub(super) struct Permit<'r>(&'r Room);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut within = self.0.lock();
        *within = within.take().and_then(|(own, times)| (times > 1).then(|| (own, times.saturating_sub(1))));
        drop(within);
        self.0.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn many_threads_come_in_one_after_the_other_and_each_may_come_in_twice() {
        let (room, inside, most) = (Room::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        let turns = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let outer = room.enter();
                        let inner = room.enter();
                        let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        drop(inner);
                        thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(outer);
                        turns.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!((most.into_inner(), turns.into_inner()), (1, 800));
        assert!(room.lock().is_none());
    }

    #[test]
    fn who_waits_comes_in_when_the_other_has_left_for_good() {
        let (room, waiting, in_now) = (Room::default(), AtomicBool::new(false), AtomicBool::new(false));
        thread::scope(|scope| {
            let (outer, inner) = (room.enter(), room.enter());
            scope.spawn(|| {
                waiting.store(true, Ordering::SeqCst);
                let _own = room.enter();
                in_now.store(true, Ordering::SeqCst);
            });
            while !waiting.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            drop(inner);
            assert!(!in_now.load(Ordering::SeqCst), "the first is still in");
            drop(outer);
        });
        assert!(in_now.into_inner());
    }
}
