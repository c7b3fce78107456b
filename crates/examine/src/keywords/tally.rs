//! One term's count: which of its occurrences count, and where they begin.
//!
//! Implements `docs/spec/keywords.md`, "Counting". The same bytes can spell a
//! term in two views: `0 a 0 b 0` is `ab` in big-endian at the first byte and
//! in little-endian at the second. They are counted once.

/// How many offsets of a term are kept.
const MAX_OFFSETS: usize = 16;

/// Which view an occurrence was met in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// UTF-16 at even offsets, either byte order.
    Even,
    /// UTF-16 at odd offsets, either byte order.
    Odd,
    /// UTF-8.
    Narrow,
}

/// What is known of one term so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) offsets: Vec<u64>,
    last_end: u64,
    /// An occurrence at odd offsets that gives way to one at even offsets a byte later.
    held: Option<(u64, u64)>,
}

impl Tally {
    /// Takes the next occurrence.
    // INVARIANT: occurrences arrive in the order of their ends, and at one end UTF-16 before UTF-8.
    pub(super) fn meet(&mut self, place: Place, start: u64, end: u64) {
        if let Some((held_start, held_end)) = self.held {
            match place {
                Place::Odd if held_end == end => return, // the other byte order, the same bytes
                Place::Narrow if held_end == end => return self.count(start, end), // its turn is before the one held
                _ => {}
            }
            self.held = None;
            let twin = place == Place::Even && (start, end) == (held_start + 1, held_end + 1);
            if !twin {
                self.count(held_start, held_end);
            }
        }
        if place == Place::Odd {
            self.held = Some((start, end));
        } else {
            self.count(start, end);
        }
    }

    /// Counts what still waits.
    pub(super) fn finish(&mut self) {
        if let Some((start, end)) = self.held.take() {
            self.count(start, end);
        }
    }

    fn count(&mut self, start: u64, end: u64) {
        if start < self.last_end {
            return;
        }
        self.last_end = end;
        self.count += 1;
        if self.offsets.len() < MAX_OFFSETS {
            self.offsets.push(start);
        }
    }
}
