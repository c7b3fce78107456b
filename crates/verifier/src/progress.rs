//! How far a check has come, on standard error: counts and rates, never a name.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use folder::{Counted, Folder};

/// How progress is told.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum ProgressMode {
    /// One line on a terminal, plain lines elsewhere.
    #[default]
    Auto,
    /// A plain line every few seconds.
    Plain,
    /// Nothing.
    Off,
}

/// Tells what is counted with `files` while `work` is done.
pub(crate) fn during<T>(mode: ProgressMode, phase: &str, files: &Folder, work: impl FnOnce() -> T) -> T {
    if mode == ProgressMode::Off {
        return work();
    }
    let in_place = mode == ProgressMode::Auto && std::io::stderr().is_terminal();
    let every = if in_place { Duration::from_millis(200) } else { Duration::from_secs(5) };
    let all = files.bytes().unwrap_or(0);
    let done = (Mutex::new(false), Condvar::new());
    let began = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut err = std::io::stderr();
            let mut over = done.0.lock().unwrap_or_else(PoisonError::into_inner);
            while !*over {
                over = done.1.wait_timeout(over, every).unwrap_or_else(PoisonError::into_inner).0;
                if *over {
                    break;
                }
                let line = told(phase, files, all, began.elapsed());
                let _ = if in_place { write!(err, "\r\x1b[K{line}") } else { writeln!(err, "{line}") };
            }
            if in_place {
                let _ = write!(err, "\r\x1b[K");
            }
        });
        let result = work();
        *done.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        done.1.notify_all();
        result
    })
}

/// One line. The parts of a package may be read twice: for their digests, and to be opened.
fn told(phase: &str, files: &Folder, all: u64, took: Duration) -> String {
    let counts = files.counts();
    let of = |what| counts.of(what);
    let mut line = format!(
        "{phase}: {} s, {} read of a package of {}",
        took.as_secs(),
        megabytes(of(Counted::Read)),
        megabytes(all)
    );
    if of(Counted::Digested) > 0 {
        line += &format!("; {} of the original read for its digest", megabytes(of(Counted::Digested)));
    }
    if of(Counted::Items) > 0 {
        line += &format!(
            "; {} items of the original met again, {} of content compared",
            of(Counted::Items),
            megabytes(of(Counted::Compared))
        );
    }
    line
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_done_and_nothing_that_was_not_begun() {
        let folder = std::env::temp_dir();
        let files = Folder::open(&folder).unwrap();
        files.counts().add(Counted::Read, 1_950_000);
        let check = |expected: &str| {
            assert_eq!(told("audit", &files, 2_000_000, Duration::from_secs(7)), expected);
        };
        check("audit: 7 s, 1.9 MB read of a package of 2.0 MB");
        files.counts().add(Counted::Items, 12);
        files.counts().add(Counted::Compared, 100_000);
        check(
            "audit: 7 s, 1.9 MB read of a package of 2.0 MB; 12 items of the original met again, 0.1 MB of content compared",
        );
    }
}
