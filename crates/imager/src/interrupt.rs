//! Ctrl-C and SIGTERM: a walk ends in order, everything else at once.
//!
//! ```text
//! first     the walk stops, the open batch is discarded, exit code 1
//! second    the program ends where it is, exit code 1
//! ```

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Whether somebody asked the program to stop. Copies share one answer.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt {
    asked: Arc<AtomicBool>,
    /// Whether nothing is under way that has to end in order: a signal then ends the program as signals do.
    idle: Arc<AtomicBool>,
}

impl Default for Interrupt {
    /// One that nobody gives.
    fn default() -> Self {
        Self { asked: Arc::default(), idle: Arc::new(AtomicBool::new(true)) }
    }
}

impl Interrupt {
    /// Listens to the signals of this process.
    ///
    /// # Errors
    ///
    /// What the operating system said.
    pub(crate) fn of_process() -> io::Result<Self> {
        let interrupt = Self::default();
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_default(signal, Arc::clone(&interrupt.idle))?;
            // INVARIANT: this stands before the next line, so that the first signal does not count as the second.
            flag::register_conditional_shutdown(signal, 1, Arc::clone(&interrupt.asked))?;
            flag::register(signal, Arc::clone(&interrupt.asked))?;
        }
        Ok(interrupt)
    }

    /// One that was given before anything began.
    #[cfg(test)]
    pub(crate) fn asked() -> Self {
        let interrupt = Self::default();
        interrupt.asked.store(true, Ordering::Relaxed);
        interrupt
    }

    /// Whether somebody asked.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// From now on, until the answer is dropped, a signal is a question that [`Interrupt::is_asked`] tells of.
    pub(crate) fn ends_in_order(&self) -> InOrder<'_> {
        self.idle.store(false, Ordering::Relaxed);
        InOrder(self)
    }
}

/// See [`Interrupt::ends_in_order`].
pub(crate) struct InOrder<'a>(&'a Interrupt);

impl Drop for InOrder<'_> {
    fn drop(&mut self) {
        self.0.idle.store(true, Ordering::Relaxed);
    }
}
