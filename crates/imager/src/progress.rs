//! Progress: counts, rates and what is left, never a name.
//!
//! A terminal gets one line that is written again and again, everything else a
//! plain line every few seconds. `--progress json` gives one JSON object a line
//! instead, described in `docs/guide/examiner.md`:
//!
//! ```text
//! {"phase":"capture","seconds":5.0,"scanned":41200,"decided":40960,"kept":812,"kept_bytes":91230112,
//!  "read_bytes":91230112,"items_per_second":8192,"bytes_per_second":18246022,"items_expected":250000,"seconds_left":26}
//! ```

use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use indicatif::{HumanBytes, HumanDuration};
use rustix::termios::tcgetwinsize;
use serde::Serialize;

use crate::interrupt::Interrupt;

/// How progress is told.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum ProgressMode {
    /// One line on a terminal, plain lines elsewhere.
    #[default]
    Auto,
    /// A plain line every few seconds.
    Plain,
    /// A JSON object a line, every second, on standard error.
    Json,
    /// Nothing.
    Off,
}

/// What all threads of a walk count. Copies count together.
#[derive(Clone, Debug)]
pub(crate) struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    scanned: AtomicU64,
    decided: AtomicU64,
    kept: AtomicU64,
    kept_bytes: AtomicU64,
    read: AtomicU64,
    /// Bytes that were read to be kept, of items that are under way.
    under_way: AtomicU64,
    throttle: Option<Throttle>,
}

/// Most bytes a second, over all threads.
#[derive(Debug)]
struct Throttle {
    rate: u64,
    free: Mutex<Instant>,
}

/// How long a reader that waits sleeps before it asks whether all was stopped.
const NAP: Duration = Duration::from_millis(100);

impl Meter {
    /// Counts from zero; with a limit, readers wait so that no more bytes a second are read.
    pub(crate) fn new(bytes_per_second: Option<u64>) -> Self {
        let throttle = bytes_per_second.map(|rate| Throttle { rate, free: Mutex::new(Instant::now()) });
        Self(Arc::new(Counts { throttle, ..Counts::default() }))
    }

    /// The walker met an item.
    pub(crate) fn scanned(&self) {
        self.0.scanned.fetch_add(1, Ordering::Relaxed);
    }

    /// An item was decided; `kept` bytes of it were preserved.
    pub(crate) fn decided(&self, kept: Option<u64>) {
        self.0.decided.fetch_add(1, Ordering::Relaxed);
        if let Some(bytes) = kept {
            self.0.kept.fetch_add(1, Ordering::Relaxed);
            self.0.kept_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// So many bytes were read of an item that is kept, and is not done yet.
    pub(crate) fn under_way(&self, bytes: u64) {
        self.0.under_way.fetch_add(bytes, Ordering::Relaxed);
    }

    /// An item of which so many bytes were read is done.
    pub(crate) fn done(&self, bytes: u64) {
        self.0.under_way.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// So many bytes of content were read. Waits where there is a limit, until somebody asks to stop.
    pub(crate) fn read(&self, bytes: usize, interrupt: &Interrupt) {
        self.0.read.fetch_add(bytes as u64, Ordering::Relaxed);
        let Some(throttle) = &self.0.throttle else { return };
        let cost = Duration::from_secs_f64(bytes as f64 / throttle.rate.max(1) as f64);
        let mut free = throttle.free.lock().unwrap_or_else(PoisonError::into_inner);
        // Time that nobody used is not saved up.
        let until = (*free).max(Instant::now()) + cost;
        *free = until;
        drop(free);
        while !interrupt.is_asked() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(NAP));
        }
    }

    fn counted(&self) -> Counted {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let counts = &self.0;
        Counted {
            scanned: of(&counts.scanned),
            decided: of(&counts.decided),
            kept: of(&counts.kept),
            kept_bytes: of(&counts.kept_bytes),
            read: of(&counts.read),
            under_way: of(&counts.under_way),
        }
    }
}

struct Counted {
    scanned: u64,
    decided: u64,
    kept: u64,
    kept_bytes: u64,
    read: u64,
    under_way: u64,
}

/// What an earlier pass over the same medium under the same policy counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Expected {
    pub(crate) items: u64,
    pub(crate) kept_bytes: u64,
    /// Bytes of the largest item to keep.
    pub(crate) largest: u64,
}

/// What a run had done before it was broken off.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Committed {
    pub(crate) items: u64,
    pub(crate) kept: u64,
    pub(crate) kept_bytes: u64,
}

/// Tells how far a walk has come.
pub(crate) struct Progress {
    committed: Committed,
    phase: &'static str,
    mode: Mode,
    items: Option<u64>,
    /// How many bytes will be kept; `None` where nobody counted them: then nobody can say how long it takes.
    kept_bytes: Option<u64>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Mode {
    Terminal,
    Plain,
    Json,
    Off,
}

impl Mode {
    fn of(mode: ProgressMode) -> Self {
        match mode {
            ProgressMode::Auto if std::io::stderr().is_terminal() => Self::Terminal,
            ProgressMode::Auto | ProgressMode::Plain => Self::Plain,
            ProgressMode::Json => Self::Json,
            ProgressMode::Off => Self::Off,
        }
    }

    fn every(self) -> Duration {
        match self {
            Self::Terminal => Duration::from_millis(200),
            Self::Json => Duration::from_secs(1),
            Self::Plain | Self::Off => Duration::from_secs(5),
        }
    }
}

/// One line of `--progress json`.
#[derive(Serialize)]
struct Told {
    phase: &'static str,
    seconds: f64,
    scanned: u64,
    decided: u64,
    kept: u64,
    kept_bytes: u64,
    read_bytes: u64,
    items_per_second: u64,
    bytes_per_second: u64,
    items_expected: Option<u64>,
    seconds_left: Option<u64>,
}

impl Progress {
    /// `about` is the number of items on the medium, where its file system counts them; `expected` what an earlier pass
    /// found, which is better; `keeps` whether content is kept.
    pub(crate) fn new(
        phase: &'static str,
        mode: ProgressMode,
        about: Option<u64>,
        expected: Option<Expected>,
        keeps: bool,
    ) -> Self {
        let items = expected.map(|expected| expected.items).or(about);
        let kept_bytes = if keeps { expected.map(|expected| expected.kept_bytes) } else { Some(0) };
        Self { committed: Committed::default(), phase, mode: Mode::of(mode), items, kept_bytes }
    }

    /// What was committed before a break: the walk meets those items again, in next to no time.
    pub(crate) fn after(mut self, committed: Committed) -> Self {
        self.committed = committed;
        self
    }

    /// Tells of what `meter` counts while `work` is done.
    pub(crate) fn during<T>(&self, meter: &Meter, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = (Mutex::new(false), Condvar::new());
        thread::scope(|scope| {
            if self.mode != Mode::Off {
                scope.spawn(|| {
                    let mut over = done.0.lock().unwrap_or_else(PoisonError::into_inner);
                    while !*over {
                        let waited = done.1.wait_timeout(over, self.mode.every());
                        over = waited.unwrap_or_else(PoisonError::into_inner).0;
                        if !*over || self.mode == Mode::Json {
                            self.tell(meter, began.elapsed());
                        }
                    }
                    if self.mode == Mode::Terminal {
                        let _ = write!(std::io::stderr(), "\r\x1b[K");
                    }
                });
            }
            let result = work();
            *done.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            done.1.notify_all();
            result
        })
    }

    fn tell(&self, meter: &Meter, took: Duration) {
        let mut counted = meter.counted();
        counted.kept = counted.kept.saturating_add(self.committed.kept);
        counted.kept_bytes = counted.kept_bytes.saturating_add(self.committed.kept_bytes);
        let seconds = took.as_secs_f64().max(0.001);
        let rate = |count: u64| (count as f64 / seconds) as u64;
        let left = self.left(&counted, seconds);
        let text = match self.mode {
            Mode::Json => {
                let told = Told {
                    phase: self.phase,
                    seconds: (seconds * 1000.0).round() / 1000.0,
                    scanned: counted.scanned,
                    decided: counted.decided,
                    kept: counted.kept,
                    kept_bytes: counted.kept_bytes,
                    read_bytes: counted.read,
                    items_per_second: rate(counted.decided),
                    bytes_per_second: rate(counted.read),
                    items_expected: self.items,
                    seconds_left: left.map(|left| left.as_secs()),
                };
                serde_json::to_string(&told).unwrap_or_default()
            }
            _ => {
                let of = self.items.map(|all| format!(" of about {all}")).unwrap_or_default();
                let left =
                    left.map(|left| format!(" about {} left,", HumanDuration(left))).unwrap_or_default();
                // A dry run keeps nothing.
                let kept = if self.phase == "plan" { "to keep" } else { "kept" };
                // What matters most stands first: a narrow terminal shows the beginning.
                format!(
                    "{}:{left} {}{of} decided ({}/s), {} {kept} ({}), {} read ({}/s), {} met",
                    self.phase,
                    counted.decided,
                    rate(counted.decided),
                    counted.kept,
                    HumanBytes(counted.kept_bytes.saturating_add(counted.under_way)),
                    HumanBytes(counted.read),
                    HumanBytes(rate(counted.read)),
                    counted.scanned,
                )
            }
        };
        let mut err = std::io::stderr();
        let _ = match self.mode {
            Mode::Terminal => write!(err, "{}", on_its_row(&text)),
            _ => writeln!(err, "{text}"),
        };
    }

    /// The time that is left, where it is known how much there is to do: at the pace of what this process does itself.
    fn left(&self, counted: &Counted, seconds: f64) -> Option<Duration> {
        let before = self.committed;
        let to_keep = self.kept_bytes?.saturating_sub(before.kept_bytes);
        let items = self.items?.saturating_sub(before.items);
        let all = items.checked_mul(ITEM)?.checked_add(to_keep)?;
        let kept = counted.kept_bytes.saturating_sub(before.kept_bytes).saturating_add(counted.under_way);
        let decided = counted.decided.saturating_sub(before.items);
        let done = decided.checked_mul(ITEM)?.checked_add(kept.min(to_keep))?;
        (done > 0 && all >= done)
            .then(|| seconds * (all - done) as f64 / done as f64)
            .and_then(|left| Duration::try_from_secs_f64(left).ok())
    }
}

/// The row of a terminal that is written again and again, cut to the terminal's width: a longer one would go on in a second row,
/// which nothing clears, and push what was said of the night out of sight.
fn on_its_row(text: &str) -> String {
    let width = tcgetwinsize(std::io::stderr()).map_or(0, |size| usize::from(size.ws_col));
    format!("\r\x1b[K{}", cut(text, width))
}

/// The beginning of a text that fits `width` columns, the last of which stays free; all of it where nobody knows the width.
fn cut(text: &str, width: usize) -> &str {
    let end = text.char_indices().nth(width.saturating_sub(1)).map_or(text.len(), |(at, _)| at);
    if width == 0 { text } else { text.get(..end).unwrap_or(text) }
}

/// Says something while progress is told: on a line of its own.
pub(crate) fn notice(text: std::fmt::Arguments<'_>) {
    let mut err = std::io::stderr();
    let begin = if err.is_terminal() { "\r\x1b[K" } else { "" };
    let _ = writeln!(err, "{begin}{text}");
}

/// What an item costs beside its content, in bytes that could be kept in the same time.
const ITEM: u64 = 16 << 10;

/// Tells `text`, of the seconds since it began, every so often while `work` is done.
pub(crate) fn watch<T>(
    mode: ProgressMode,
    text: &(dyn Fn(f64) -> String + Sync),
    work: impl FnOnce() -> T,
) -> T {
    let mode = match Mode::of(mode) {
        // There are no counts of items to give as JSON: a line of words would not be one.
        Mode::Json => Mode::Off,
        mode => mode,
    };
    let began = Instant::now();
    let done = (Mutex::new(false), Condvar::new());
    thread::scope(|scope| {
        if mode != Mode::Off {
            scope.spawn(|| {
                let mut err = std::io::stderr();
                let mut over = done.0.lock().unwrap_or_else(PoisonError::into_inner);
                while !*over {
                    over = done.1.wait_timeout(over, mode.every()).unwrap_or_else(PoisonError::into_inner).0;
                    if *over {
                        break;
                    }
                    let text = text(began.elapsed().as_secs_f64().max(0.001));
                    let _ = match mode {
                        Mode::Terminal => write!(err, "{}", on_its_row(&text)),
                        _ => writeln!(err, "{text}"),
                    };
                }
                if mode == Mode::Terminal {
                    let _ = write!(err, "\r\x1b[K");
                }
            });
        }
        let result = work();
        *done.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        done.1.notify_all();
        result
    })
}

/// Tells how many of a known number of bytes were read.
pub(crate) struct ByteProgress {
    phase: String,
    began: Instant,
    told: Mutex<Instant>,
    mode: Mode,
    all: u64,
}

/// One line of `--progress json` where bytes are all that is counted.
#[derive(Serialize)]
struct ToldBytes<'a> {
    phase: &'a str,
    seconds: f64,
    read_bytes: u64,
    bytes_expected: u64,
    bytes_per_second: u64,
    seconds_left: u64,
}

impl ByteProgress {
    /// Starts counting bytes, of `all`.
    pub(crate) fn start(phase: impl Into<String>, all: u64) -> Self {
        Self::start_in(ProgressMode::Auto, phase, all)
    }

    /// As [`ByteProgress::start`], told in this way.
    pub(crate) fn start_in(mode: ProgressMode, phase: impl Into<String>, all: u64) -> Self {
        let now = Instant::now();
        Self { phase: phase.into(), began: now, told: Mutex::new(now), mode: Mode::of(mode), all }
    }

    /// So many bytes were read.
    pub(crate) fn bytes(&self, read: u64) {
        self.bytes_of(read, self.all);
    }

    /// So many of `all` bytes were read. Several threads may say so.
    pub(crate) fn bytes_of(&self, read: u64, all: u64) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if self.mode == Mode::Off || told.elapsed() < self.mode.every() {
            return;
        }
        *told = Instant::now();
        let seconds = self.began.elapsed().as_secs_f64().max(0.001);
        let rate = read as f64 / seconds;
        let left = Duration::try_from_secs_f64(all.saturating_sub(read) as f64 / rate.max(1.0));
        let left = left.unwrap_or(Duration::MAX);
        let text = match self.mode {
            Mode::Json => serde_json::to_string(&ToldBytes {
                phase: &self.phase,
                seconds: (seconds * 1000.0).round() / 1000.0,
                read_bytes: read,
                bytes_expected: all,
                bytes_per_second: rate as u64,
                seconds_left: left.as_secs(),
            })
            .unwrap_or_default(),
            _ => format!(
                "{}: {} of {}, {}/s, about {} left",
                self.phase,
                HumanBytes(read),
                HumanBytes(all),
                HumanBytes(rate as u64),
                HumanDuration(left)
            ),
        };
        let mut err = std::io::stderr();
        let terminal = self.mode == Mode::Terminal;
        let _ = if terminal { write!(err, "{}", on_its_row(&text)) } else { writeln!(err, "{text}") };
    }

    /// Ends the line on a terminal.
    pub(crate) fn finish(self) {
        if self.mode == Mode::Terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_falls_while_one_large_item_is_read_and_is_unknown_without_a_plan() {
        let expected = Some(Expected { items: 100, kept_bytes: 64 << 20, largest: 60 << 20 });
        let planned = Progress::new("capture", ProgressMode::Off, Some(90), expected, true);
        let meter = Meter::new(None);
        (0..99).for_each(|_| meter.decided(None));
        meter.under_way(16 << 20);
        let early = planned.left(&meter.counted(), 10.0).unwrap();
        meter.under_way(32 << 20);
        let late = planned.left(&meter.counted(), 30.0).unwrap();
        assert!(late < early && early > Duration::from_secs(20), "{early:?}, {late:?}");
        // What is done is not counted twice.
        meter.done(48 << 20);
        meter.decided(Some(48 << 20));
        assert_eq!(meter.counted().kept_bytes + meter.counted().under_way, 48 << 20);

        // A run that goes on has only the rest to do, and what it walks again takes no time.
        let again = Progress::new("capture", ProgressMode::Off, Some(90), expected, true).after(Committed {
            items: 60,
            kept: 10,
            kept_bytes: 40 << 20,
        });
        let meter = Meter::new(None);
        (0..60).for_each(|_| meter.decided(None));
        let told = |meter: &Meter| {
            let mut counted = meter.counted();
            counted.kept_bytes += again.committed.kept_bytes;
            counted
        };
        assert_eq!(again.left(&told(&meter), 5.0), None);
        (0..20).for_each(|_| meter.decided(Some(12 << 20 >> 4)));
        let left = again.left(&told(&meter), 10.0).unwrap();
        assert!((5..9).contains(&left.as_secs()), "{left:?}");

        let meter = Meter::new(None);
        (0..100).for_each(|_| meter.decided(None));
        let blind = Progress::new("capture", ProgressMode::Off, Some(100), None, true);
        assert_eq!(blind.left(&meter.counted(), 30.0), None);
        let plan = Progress::new("plan", ProgressMode::Off, Some(200), None, false);
        assert_eq!(plan.left(&meter.counted(), 30.0), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_line_stays_in_its_row() {
        for (text, width, row) in [
            ("capture: 12 decided", 80, "capture: 12 decided"),
            ("capture: 12 decided", 19, "capture: 12 decide"),
            ("capture: 12 decided", 20, "capture: 12 decided"),
            ("wörter", 3, "wö"),
            ("all of it", 0, "all of it"),
            ("nothing", 1, ""),
        ] {
            assert_eq!(cut(text, width), row, "{width}");
        }
    }

    #[test]
    fn whoever_waits_for_a_slow_pace_is_stopped() {
        let (to, stopped) = std::sync::mpsc::channel();
        thread::spawn(move || {
            Meter::new(Some(1)).read(1 << 30, &Interrupt::asked());
            to.send(()).unwrap();
        });
        // The wait itself would be of 34 years.
        stopped.recv_timeout(Duration::from_secs(300)).expect("it still waits");
    }
}
