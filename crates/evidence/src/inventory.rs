//! The inventory: one blinded line for every item.
//!
//! Implements `docs/spec/inventory.md`, version 1.
//!
//! ```text
//! captured 0c3b5e9f...
//! held:neutral 7a11f0d2...
//! left 00a3c9e1...
//! ```
//!
//! Lines are sorted bytewise, so that their order tells nothing of the walk,
//! and none stands twice. The root is the RFC 6962 tree over the lines without
//! their line feeds.

mod met;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::str::FromStr;

use scope::{Digest, Outcome};

use crate::ledger::{LineError, Lines};
use crate::tree::Tree;
pub use met::CompareError;
pub(crate) use met::{Meetings, Met};

/// Longest line in bytes, with its LF: the longest outcome is `listed:` and a compartment of 64.
pub const MAX_LINE: usize = 7 + 64 + 1 + 64 + 1;

/// One line of the inventory.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Line {
    /// What became of the item.
    pub outcome: Outcome,
    /// What the item is committed to by.
    pub digest: Digest,
}

/// Why a text is not a line of an inventory.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an inventory line: expected an outcome, one space and 64 lower-case hex digits")]
pub struct LineGrammarError;

/// Why an inventory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InventoryError {
    /// The file gives no whole line.
    #[error("inventory: {0}")]
    Line(#[from] LineError),
    /// A line does not follow the grammar.
    #[error("inventory line {line}: {source}")]
    Grammar {
        /// Which line, from 1.
        line: u64,
        /// What is wrong.
        source: LineGrammarError,
    },
    /// A line does not sort after the one before it.
    #[error("inventory line {line} does not sort after the line before it, or stands twice")]
    Order {
        /// Which line, from 1.
        line: u64,
    },
    /// There are more outcomes than any policy has.
    #[error("inventory: more than {MAX_OUTCOMES} different outcomes")]
    Outcomes,
    /// The storage gave other lines than before.
    #[error(
        "inventory: expected root {expected}, found {found}: it was read twice, and was another one the second time"
    )]
    Changed {
        /// The root of the first reading.
        expected: Digest,
        /// The root of this one.
        found: Digest,
    },
}

impl fmt::Display for Line {
    /// The line without its LF. Sorting these texts bytewise gives the inventory's order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.outcome, self.digest.hex())
    }
}

impl FromStr for Line {
    type Err = LineGrammarError;
    fn from_str(text: &str) -> Result<Self, LineGrammarError> {
        let (outcome, digest) = text.split_once(' ').ok_or(LineGrammarError)?;
        let outcome = outcome.parse().map_err(|_| LineGrammarError)?;
        Ok(Self { outcome, digest: Digest::from_hex(digest).map_err(|_| LineGrammarError)? })
    }
}

/// Reads an inventory line by line, in constant memory.
///
/// After an error it gives nothing more.
#[derive(Debug)]
pub struct Reader<R> {
    lines: Lines<R>,
    previous: Vec<u8>,
    tree: Tree,
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// The lines of `source`, the bytes of `meta/inventory.txt`.
    pub fn new(source: R) -> Self {
        Self { lines: Lines::new(source, MAX_LINE), previous: Vec::new(), tree: Tree::new(), ended: false }
    }

    /// The root over the lines given so far.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.tree.root()
    }

    fn read(&mut self) -> Result<Option<Line>, InventoryError> {
        let Some(mut text) = self.lines.next_line()? else {
            return Ok(None);
        };
        text.pop(); // its LF
        let number = self.lines.number();
        let grammar = |source| InventoryError::Grammar { line: number, source };
        let line: Line =
            std::str::from_utf8(&text).map_err(|_| grammar(LineGrammarError))?.parse().map_err(grammar)?;
        if text <= self.previous {
            return Err(InventoryError::Order { line: number });
        }
        self.tree.push(&text);
        self.previous = text;
        Ok(Some(line))
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Line, InventoryError>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let line = self.read().transpose();
        self.ended = !matches!(line, Some(Ok(_)));
        line
    }
}

/// What a whole inventory comes to: its root, and how many lines of each outcome. The lines are not kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Inventory {
    counts: BTreeMap<Outcome, u64>,
    root: Digest,
    count: u64,
}

impl Inventory {
    /// Reads the bytes of `meta/inventory.txt`, in constant memory.
    ///
    /// # Errors
    ///
    /// [`InventoryError`] for the first line that is not of the grammar, in order, or alone, or one outcome too many.
    pub fn read(source: impl Read) -> Result<Self, InventoryError> {
        let mut reader = Reader::new(source);
        let mut inventory = Self { counts: BTreeMap::new(), root: reader.root(), count: 0 };
        // Outcomes come in sorted runs, but a hostile file may name a new compartment on every line.
        for line in &mut reader {
            let count = inventory.counts.entry(line?.outcome).or_default();
            *count = count.saturating_add(1);
            inventory.count = inventory.count.saturating_add(1);
            if inventory.counts.len() > MAX_OUTCOMES {
                return Err(InventoryError::Outcomes);
            }
        }
        inventory.root = reader.root();
        Ok(inventory)
    }

    /// The RFC 6962 root over the lines without their line feeds.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.root
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether there is no line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Lines per outcome; outcomes without a line are absent.
    #[must_use]
    pub fn counts(&self) -> &BTreeMap<Outcome, u64> {
        &self.counts
    }
}

/// Most different outcomes: two per compartment and three more; a policy file has no room for as many.
const MAX_OUTCOMES: usize = 10_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(outcome: &str, byte: u8) -> String {
        format!("{outcome} {}\n", scope::digest::hex(&[byte; 32]))
    }

    fn check(text: &str, expected: &str) {
        let found = match Inventory::read(text.as_bytes()) {
            Ok(inventory) => {
                let counts: Vec<_> = inventory.counts().iter().map(|(o, n)| format!("{o} {n}")).collect();
                format!("{} lines: {}", inventory.len(), counts.join(", "))
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn sorted_unique_and_of_the_grammar() {
        check("", "0 lines: ");
        let good =
            [line("captured", 1), line("captured", 2), line("held:a", 0), line("left", 0), line("listed", 9)];
        check(
            &(good.concat() + &line("listed:a", 0)),
            "6 lines: captured 2, held:a 1, listed 1, listed:a 1, left 1",
        );
        check(
            &(line("left", 1) + &line("left", 1)),
            "inventory line 2 does not sort after the line before it, or stands twice",
        );
        check(
            &(line("left", 1) + &line("captured", 1)),
            "inventory line 2 does not sort after the line before it, or stands twice",
        );
        for wrong in [
            line("Left", 0),
            line("left ", 0),
            line(" left", 0),
            line("sealed", 0),
            line("held:", 0),
            line("left", 0).replace("00\n", "0\n"),
            line("left", 0).replace("00\n", "0G\n"),
            line("left", 0xaa).to_uppercase(),
            line("left", 0).replace('\n', "\r\n"),
            "\n".into(),
            "left \u{e9}\n".into(),
        ] {
            check(
                &wrong,
                "inventory line 1: not an inventory line: expected an outcome, one space and 64 lower-case hex digits",
            );
        }
        check(
            line("left", 0).trim_end(),
            "inventory: line 1 does not end with a line feed: the file was cut",
        );
        check(&"x".repeat(1 << 20), "inventory: line 1 is longer than 137 bytes");
        let longest = line(&format!("listed:{}", "a".repeat(64)), 0);
        assert_eq!(longest.len(), MAX_LINE);
        check(&longest, &format!("1 lines: listed:{} 1", "a".repeat(64)));
    }

    proptest! {
        #[test]
        fn the_root_is_the_tree_over_the_sorted_lines(
            digests in prop::collection::btree_set(any::<[u8; 32]>(), 0..40),
            outcomes in prop::collection::vec("captured|left|listed|held:[a-z0-9_-]{1}[a-z0-9]{0,3}x", 40),
        ) {
            let outcomes = outcomes.iter().map(|text| text.parse::<Outcome>().unwrap_or(Outcome::Left));
            let mut lines: Vec<String> = digests
                .iter()
                .zip(outcomes)
                .map(|(digest, outcome)| Line { outcome, digest: Digest(*digest) }.to_string())
                .collect();
            lines.sort();
            let inventory = Inventory::read((lines.join("\n") + "\n").trim_start().as_bytes()).unwrap();
            prop_assert_eq!(inventory.root(), crate::tree::root(&lines));
            prop_assert_eq!(inventory.counts().values().sum::<u64>(), digests.len() as u64);
        }
    }
}
