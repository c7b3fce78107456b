//! What no partition covers, and what lies behind a file system that is shorter than what it is on.
//!
//! ```text
//! gap:33554432        no partition covers it, and it bears the mark of a LUKS-encrypted volume
//! gpt:2/free:5242880  no logical volume has it, and it is not blank
//! gpt:1/rest:8388608  what lies behind the file system, and is not blank
//! gpt:2/between:512   what lies in the volume, and in none of its structures
//! ```

use std::sync::Arc;

use super::{Found, Level, Span, Survey, join, shown};
use crate::bytes::{ByteSource, length};
use crate::file_system::{Kind, recognise};
use crate::medium::{Layer, LayerState};
use crate::probe;
use crate::volumes::Window;
use crate::walk::Unused;

/// What a stretch holds.
enum Holds {
    /// Zeros, and whatever the tables that stand in it are.
    Zeros,
    /// Zeros in all places that were looked at.
    ZerosInParts,
    /// A mark of what is known, in its first bytes or at a whole MiB: which, and what to do now.
    Mark(String, &'static str),
    /// Something else: its first byte that is not zero.
    Bytes(u64),
    /// Nobody knows.
    Unread(String),
}

impl Survey {
    /// What no partition of a table covers. `tables`: where the tables themselves stand.
    pub(super) fn gap(&mut self, found: &Found, at: (u64, u64), tables: &[(u64, u64)]) {
        self.uncovered(found, "gap", at, tables, "no partition covers it");
    }

    /// A stretch that belongs to nothing: it has a layer, and is a volume of which no file is read where it is not blank.
    pub(super) fn uncovered(
        &mut self,
        found: &Found,
        kind: &str,
        at: (u64, u64),
        tables: &[(u64, u64)],
        where_it_is: &str,
    ) {
        let (start, len) = at;
        let place = join(&found.place, &format!("{kind}:{start}"));
        if !self.stretch(found, place, at, tables, where_it_is) && self.layers.len() < MAX_LAYERS {
            self.layers.push(Layer {
                place: found.place.clone(),
                start: Some(start),
                length: len,
                stated: String::new(),
                what: where_it_is.to_owned(),
                members: Vec::new(),
                state: LayerState::Gap,
            });
        }
    }

    /// What lies behind all file systems at one place.
    pub(super) fn rest(&mut self, found: &Found, kinds: &[&'static Kind], head: &[u8]) {
        let extents: Option<Vec<u64>> = kinds.iter().map(|kind| (kind.extent)(head)).collect();
        let Some(start) = extents.and_then(|extents| extents.into_iter().max()) else { return };
        let len = found.bytes.len().saturating_sub(start);
        if len > 0 {
            let place = join(&found.place, &format!("rest:{start}"));
            self.stretch(found, place, (start, len), &[], "it lies behind the file system");
        }
    }

    /// What lies inside a volume, and is none of its file system's.
    pub(super) fn between(&mut self, found: &Found, unused: Vec<Unused>, tables: &[(u64, u64)]) {
        let unused = match <[Unused; 1]>::try_from(unused) {
            Ok([unused]) => unused,
            Err(several) => {
                // What is none of one's is another's, whose files the order may leave.
                if several.iter().any(|unused| !unused.areas.is_empty()) {
                    self.limits.push(format!(
                        "{}: with several file systems at one place, what none of them uses is not looked at",
                        shown(&found.place)
                    ));
                }
                return;
            }
        };
        let own = [unused.own.as_slice(), tables].concat();
        for (start, len, where_it_is) in unused.areas {
            let len = len.min(found.bytes.len().saturating_sub(start));
            if len > 0 {
                let place = join(&found.place, &format!("between:{start}"));
                self.stretch(found, place, (start, len), &own, where_it_is);
            }
        }
    }

    /// A piece with zeros where marks stand: how far it is blank, or what it holds behind.
    pub(super) fn blank(&mut self, found: &Found) {
        let len = found.bytes.len();
        let (place, bytes) = (shown(&found.place).to_owned(), Arc::clone(&found.bytes));
        let (what, why) = match self.holds(bytes.as_ref(), 0, &[]) {
            Holds::Zeros if len == 0 => return self.not_known(found, EMPTY, LayerState::Blank),
            Holds::Zeros => return self.not_known(found, BLANK, LayerState::Blank),
            Holds::ZerosInParts => {
                self.limits.push(format!(
                    "{place}: of its {len} bytes, the first {FULL}, the last {END} and {SAMPLES} blocks between them are \
                     zeros; the rest is not looked at"
                ));
                return self.not_known(found, BLANK_IN_PARTS, LayerState::Blank);
            }
            Holds::Mark(what, next) => (format!("{NO_MARK}, and the mark of {what}"), next.to_owned()),
            Holds::Bytes(first) => {
                (format!("{NO_MARK}, and other bytes behind"), format!("{}; {EXAMINE}", first_of(first)))
            }
            Holds::Unread(why) => (NO_MARK.to_owned(), why),
        };
        self.limits.push(format!("{place}, {len} bytes: {what}; no file of it is read: {why}"));
        self.not_read(found, &what, why);
    }

    /// Looks at a stretch: where it is not blank, it becomes a volume of which no file is read. Returns whether it did.
    fn stretch(
        &mut self,
        found: &Found,
        place: String,
        (start, len): (u64, u64),
        tables: &[(u64, u64)],
        where_it_is: &str,
    ) -> bool {
        let bytes: Arc<dyn ByteSource> = Arc::new(Window::new(Arc::clone(&found.bytes), start, len));
        let mut first_byte = String::new();
        let (what, why) = match self.holds(bytes.as_ref(), start, tables) {
            Holds::Zeros => return false,
            Holds::ZerosInParts => {
                self.limits.push(format!(
                    "{}: of the {len} bytes from byte {start} ({where_it_is}), the first {FULL}, the last {END} and {SAMPLES} \
                     blocks between them are zeros; the rest is not looked at",
                    shown(&found.place)
                ));
                return false;
            }
            Holds::Mark(what, next) => {
                (format!("{where_it_is}, and it bears the mark of {what}"), next.to_owned())
            }
            Holds::Bytes(first) => {
                first_byte = format!("; {}", first_of(first));
                (format!("{where_it_is}, and it is not blank"), format!("{}; {EXAMINE}", first_of(first)))
            }
            Holds::Unread(why) => (where_it_is.to_owned(), why),
        };
        self.limits
            .push(format!("{place}, {len} bytes: {what}; no file of it is read{first_byte}; {PRESERVE}"));
        let stretch = Found {
            place,
            start: Some(start),
            stated: String::new(),
            bytes,
            depth: found.depth.saturating_add(1),
            level: Level::Within,
        };
        if self.layers.len() >= MAX_LAYERS {
            self.not_looked_at(&stretch, "there are too many layers".to_owned());
            return true;
        }
        if self.spans.len() < MAX_LAYERS {
            self.spans.push(Span {
                outer: found.place.clone(),
                place: stretch.place.clone(),
                range: start..start.saturating_add(len),
                bytes: Arc::clone(&stretch.bytes),
            });
        }
        self.not_read(&stretch, &what, why);
        true
    }

    fn holds(&mut self, bytes: &dyn ByteSource, start: u64, tables: &[(u64, u64)]) -> Holds {
        match mark(bytes, start) {
            Ok(Some((what, next))) => return Holds::Mark(what, next),
            Ok(None) => {}
            Err(why) => return Holds::Unread(why),
        }
        let len = bytes.len();
        let mut parts = vec![(0, len.min(FULL))];
        if len > FULL {
            let step = (len - FULL) / (SAMPLES + 1);
            parts.extend((1..=SAMPLES).map(|index| (FULL.saturating_add(index.saturating_mul(step)), BLOCK)));
            parts.push((len.saturating_sub(END).max(FULL), END));
        }
        let mut buf = vec![0; BUFFER];
        for (at, count) in parts {
            let (mut at, end) = (at, at.saturating_add(count).min(len));
            while at < end {
                let want = usize::try_from(end.saturating_sub(at)).unwrap_or(BUFFER).min(BUFFER);
                self.gap_bytes = self.gap_bytes.saturating_add(length(want));
                if self.gap_bytes > MAX_GAP_BYTES {
                    let why = format!(
                        "more than {MAX_GAP_BYTES} bytes in which no file system stands are not looked at"
                    );
                    return Holds::Unread(why);
                }
                let Some(now) = buf.get_mut(..want) else { break };
                if let Err(fault) = bytes.read_exact_at(at, now) {
                    return Holds::Unread(fault.to_string());
                }
                if let Some(first) = first_byte(now, start.saturating_add(at), tables) {
                    return Holds::Bytes(first.saturating_sub(start));
                }
                at = at.saturating_add(length(want));
            }
        }
        if len > FULL { Holds::ZerosInParts } else { Holds::Zeros }
    }
}

/// The mark of something known where a gap begins, or at the first whole MiB in it.
///
/// What stands at the first byte of a disk was looked at with the disk.
fn mark(bytes: &dyn ByteSource, start: u64) -> Result<Option<(String, &'static str)>, String> {
    let aligned = start.saturating_add(1).next_multiple_of(1 << 20).saturating_sub(start);
    for at in [0, aligned].into_iter().filter(|at| *at < bytes.len() && (start, *at) != (0, 0)) {
        let inside = Inside { bytes, at };
        let head = probe::head(&inside).map_err(|fault| fault.to_string())?;
        let found = recognise(&head).map(|kind| (kind.name.to_owned(), ASK));
        let found = match found {
            Some(found) => Some(found),
            None => {
                let marks = probe::marks(&inside).map_err(|fault| fault.to_string())?;
                marks.first().map(|(what, next)| ((*what).to_owned(), *next))
            }
        };
        if let Some((what, next)) = found {
            let what = if at == 0 { what } else { format!("{what} at byte {at}") };
            return Ok(Some((what, next)));
        }
    }
    Ok(None)
}

/// Where content begins, counted from the beginning of the stretch itself.
fn first_of(first: u64) -> String {
    format!("of these bytes, the first that is not zero is byte {first}")
}

/// The first byte that is not zero and in no table; `at` is where `bytes` begin in what the tables divide.
fn first_byte(bytes: &[u8], at: u64, tables: &[(u64, u64)]) -> Option<u64> {
    if bytes.chunks(ZEROS.len()).all(|chunk| ZEROS.get(..chunk.len()) == Some(chunk)) {
        return None;
    }
    let in_table =
        |at: u64| tables.iter().any(|(start, len)| at >= *start && at < start.saturating_add(*len));
    let set = (at..).zip(bytes).filter(|(_, byte)| **byte != 0);
    set.map(|(at, _)| at).find(|at| !in_table(*at))
}

/// What follows a byte of a source.
struct Inside<'a> {
    bytes: &'a dyn ByteSource,
    at: u64,
}

impl ByteSource for Inside<'_> {
    fn len(&self) -> u64 {
        self.bytes.len().saturating_sub(self.at)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, crate::bytes::ReadFault> {
        self.bytes.read_at(self.at.saturating_add(offset), buf)
    }
}

/// What is told of a piece without a byte.
const EMPTY: &str = "empty: it has 0 bytes";
/// What is told of a piece of which every byte was read, and is zero.
const BLANK: &str = "blank: every byte is zero";
/// What is told of a piece that is too large to be read whole for this.
const BLANK_IN_PARTS: &str = "blank in every place that was looked at";
/// What is told of a piece with zeros where marks stand, and something else behind.
const NO_MARK: &str = "zeros where signatures stand";

/// What to do with what bears no mark.
const EXAMINE: &str = "Examine it with a tool that carves";
/// What to do with what would be read in a partition.
const ASK: &str = "No table says whose it is: ask whether the order covers it; its files can then be read from a copy of these bytes";
/// How it is kept for whoever decides that.
const PRESERVE: &str = "`ambit image --to court` preserves it whole where the policy allows that (target.unread_volumes = \"preserve\")";

/// Bytes at the beginning that are read whole; gaps of installers have one MiB or two.
const FULL: u64 = 64 << 20;
/// Bytes at the end that are, where there are more.
const END: u64 = 1 << 20;
/// Blocks between them that are.
const SAMPLES: u64 = 1024;
const BLOCK: u64 = 4096;
const BUFFER: usize = 1 << 20;
const ZEROS: [u8; 4096] = [0; 4096];
/// Most bytes of gaps read of one medium: tables in tables could have the same ones read again and again.
const MAX_GAP_BYTES: u64 = 2 << 30;
/// Most layers that a gap is told in.
const MAX_LAYERS: usize = 2 * super::MAX_LAYERS;
