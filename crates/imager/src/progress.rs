//! Progress: counts and rates, never a name.

use std::io::{IsTerminal, Write as _};
use std::time::{Duration, Instant};

use indicatif::HumanBytes;

/// Tells how far a walk has come: a line that is rewritten on a terminal, a plain line now and then elsewhere.
pub(crate) struct Progress {
    phase: &'static str,
    began: Instant,
    told: Instant,
    terminal: bool,
    expected: Option<u64>,
    items: u64,
    kept: u64,
    bytes: u64,
}

/// How often a terminal is told.
const TERMINAL: Duration = Duration::from_millis(200);
/// How often a log file is told.
const PLAIN: Duration = Duration::from_secs(5);

impl Progress {
    /// Starts counting. `expected` is the number of items on the medium, where its file system counts them.
    pub(crate) fn start(phase: &'static str, expected: Option<u64>) -> Self {
        let now = Instant::now();
        let terminal = std::io::stderr().is_terminal();
        Self { phase, began: now, told: now, terminal, expected, items: 0, kept: 0, bytes: 0 }
    }

    /// One more item was decided; `kept` bytes of it were preserved.
    pub(crate) fn item(&mut self, kept: Option<u64>) {
        self.items += 1;
        if let Some(bytes) = kept {
            self.kept += 1;
            self.bytes = self.bytes.saturating_add(bytes);
        }
        let every = if self.terminal { TERMINAL } else { PLAIN };
        if self.told.elapsed() >= every {
            self.told = Instant::now();
            self.tell();
        }
    }

    /// Ends the line on a terminal.
    pub(crate) fn finish(self) {
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }

    fn tell(&self) {
        let seconds = self.began.elapsed().as_secs_f64().max(0.001);
        let rate = self.items as f64 / seconds;
        let eta = match self.expected {
            Some(all) if all > self.items && rate > 0.0 => {
                let left = Duration::from_secs_f64((all - self.items) as f64 / rate);
                format!(", about {} left", indicatif::HumanDuration(left))
            }
            _ => String::new(),
        };
        let of = self.expected.map(|all| format!(" of about {all}")).unwrap_or_default();
        let text = format!(
            "{}: {}{of} items decided ({rate:.0}/s), {} kept, {}{eta}",
            self.phase,
            self.items,
            self.kept,
            HumanBytes(self.bytes)
        );
        let mut err = std::io::stderr();
        let _ = if self.terminal { write!(err, "\r\x1b[K{text}") } else { writeln!(err, "{text}") };
    }
}

/// Tells how much of a medium was read, for a digest of all of it.
pub(crate) struct ByteProgress {
    phase: &'static str,
    began: Instant,
    told: Instant,
    terminal: bool,
    all: u64,
}

impl Progress {
    /// Starts counting bytes, of `all`.
    pub(crate) fn of_bytes(phase: &'static str, all: u64) -> ByteProgress {
        let now = Instant::now();
        ByteProgress { phase, began: now, told: now, terminal: std::io::stderr().is_terminal(), all }
    }
}

impl ByteProgress {
    /// So many bytes were read.
    pub(crate) fn bytes(&mut self, read: u64) {
        let every = if self.terminal { TERMINAL } else { PLAIN };
        if self.told.elapsed() < every {
            return;
        }
        self.told = Instant::now();
        let seconds = self.began.elapsed().as_secs_f64().max(0.001);
        let rate = read as f64 / seconds;
        let left = Duration::from_secs_f64(self.all.saturating_sub(read) as f64 / rate.max(1.0));
        let text = format!(
            "{}: {} of {}, {}/s, about {} left",
            self.phase,
            HumanBytes(read),
            HumanBytes(self.all),
            HumanBytes(rate as u64),
            indicatif::HumanDuration(left)
        );
        let mut err = std::io::stderr();
        let _ = if self.terminal { write!(err, "\r\x1b[K{text}") } else { writeln!(err, "{text}") };
    }

    /// Ends the line on a terminal.
    pub(crate) fn finish(self) {
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
