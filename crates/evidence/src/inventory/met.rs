//! Which lines of an inventory somebody has met, once, twice or not at all.
//!
//! ```text
//! meet       each line that a record or a row makes, with what it is called by
//! compare    all of them, sorted, beside the lines of the file
//! ```
//!
//! Both sides come in the same order, so that memory does not depend on how many there are, and every line is compared
//! in full.

use std::collections::BTreeMap;
use std::io::{self, Read};

use scope::{Digest, Outcome};

use super::{Inventory, InventoryError, Line, Reader};
use crate::helpers::Scratch;
use crate::sorter::{Sorted, Sorter};

/// Lines that were met.
pub(crate) struct Meetings<'s> {
    /// The outcomes of the inventory, each with its place in the order of the file.
    places: BTreeMap<Outcome, u16>,
    lines: Sorter<'s, SIZE>,
}

/// The place of the outcome, the digest, and by what the line was met.
const SIZE: usize = 2 + 32 + 16;

/// What a comparison tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Met {
    /// The line was met before, by a smaller number.
    Again(u128, Line),
    /// The inventory has no such line.
    Absent(u128, Line),
    /// Nobody met this line.
    Unmet(Line),
}

/// Why the lines could not be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// The inventory cannot be read, or is another one by now.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    /// The scratch.
    #[error("scratch: {0}")]
    Scratch(#[from] io::Error),
}

impl<'s> Meetings<'s> {
    /// No line has been met.
    pub(crate) fn new(inventory: &Inventory, scratch: &'s dyn Scratch) -> Self {
        let mut outcomes: Vec<(String, &Outcome)> =
            inventory.counts.keys().map(|outcome| (format!("{outcome} "), outcome)).collect();
        outcomes.sort();
        let places = outcomes.into_iter().zip(0..).map(|((_, outcome), place)| (outcome.clone(), place));
        Self { places: places.collect(), lines: Sorter::new(scratch) }
    }

    /// Meets a line, by a number that tells who did. False if the inventory has no line of that outcome at all.
    ///
    /// # Errors
    ///
    /// What the scratch reports.
    pub(crate) fn meet(&mut self, line: &Line, by: u128) -> io::Result<bool> {
        let Some(place) = self.places.get(&line.outcome) else { return Ok(false) };
        let mut record = [0; SIZE];
        let fields = place.to_be_bytes().into_iter().chain(line.digest.0).chain(by.to_be_bytes());
        record.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        self.lines.add(record)?;
        Ok(true)
    }

    /// Goes through what was met and through `lines`, the bytes of the same inventory.
    ///
    /// # Errors
    ///
    /// [`CompareError`]; what was told before is then worth nothing.
    pub(crate) fn compare(
        self,
        inventory: &Inventory,
        lines: impl Read,
        tell: &mut dyn FnMut(Met),
    ) -> Result<(), CompareError> {
        let Self { places, lines: met } = self;
        let outcomes: BTreeMap<u16, Outcome> =
            places.iter().map(|(outcome, place)| (*place, outcome.clone())).collect();
        let mut met = Pending { sorted: met.sorted()?, next: None, outcomes };
        met.step()?;
        let mut reader = Reader::new(lines);
        for line in &mut reader {
            let line = line?;
            // An outcome that was not there before shows in the root.
            let at = (places.get(&line.outcome).copied().unwrap_or(u16::MAX), line.digest);
            met.before(at, tell)?;
            let mut first = true;
            while let Some((_, by, again)) = met.next.take_if(|(place, ..)| *place == at) {
                if !first {
                    tell(Met::Again(by, again));
                }
                first = false;
                met.step()?;
            }
            if first {
                tell(Met::Unmet(line));
            }
        }
        met.before((u16::MAX, Digest([u8::MAX; 32])), tell)?;
        let (expected, found) = (inventory.root, reader.root());
        if expected != found {
            return Err(InventoryError::Changed { expected, found }.into());
        }
        Ok(())
    }
}

/// The next line that was met.
struct Pending {
    sorted: Sorted<SIZE>,
    next: Option<((u16, Digest), u128, Line)>,
    outcomes: BTreeMap<u16, Outcome>,
}

impl Pending {
    fn step(&mut self) -> io::Result<()> {
        self.next = self.sorted.next().transpose()?.and_then(|record| {
            let (place, rest) = record.split_first_chunk::<2>()?;
            let (digest, by) = rest.split_first_chunk::<32>()?;
            let (place, digest) = (u16::from_be_bytes(*place), Digest(*digest));
            let line = Line { outcome: self.outcomes.get(&place)?.clone(), digest };
            Some(((place, digest), u128::from_be_bytes(*by.first_chunk::<16>()?), line))
        });
        Ok(())
    }

    /// Tells of everything that sorts before a line of the file: it is not in there.
    fn before(&mut self, at: (u16, Digest), tell: &mut dyn FnMut(Met)) -> io::Result<()> {
        while let Some((_, by, line)) = self.next.take_if(|(place, ..)| *place < at) {
            tell(Met::Absent(by, line));
            self.step()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helpers::Alone;

    fn line(outcome: &str, byte: u8) -> Line {
        format!("{outcome} {}", scope::digest::hex(&[byte; 32])).parse().unwrap()
    }

    fn check(met: &[Line], expected: &[Met]) {
        let lines =
            [line("captured", 1), line("held:a", 1), line("held:a-b", 0), line("left", 2), line("left", 3)];
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let inventory = Inventory::read(text.as_bytes()).unwrap();
        let mut meetings = Meetings::new(&inventory, &Alone);
        for (line, by) in met.iter().zip(1..) {
            assert!(meetings.meet(line, by).unwrap(), "{line}");
        }
        assert!(!meetings.meet(&line("held:x", 1), 0).unwrap(), "an outcome without a line");
        let mut told = Vec::new();
        meetings.compare(&inventory, text.as_bytes(), &mut |met| told.push(met)).unwrap();
        assert_eq!(told, expected);
    }

    #[test]
    fn every_line_is_met_once() {
        let all =
            [line("left", 3), line("held:a", 1), line("captured", 1), line("left", 2), line("held:a-b", 0)];
        check(&all, &[]);
        let lacks = |byte| Met::Unmet(line("left", byte));
        check(&all[..3], &[Met::Unmet(line("held:a-b", 0)), lacks(2)]);
        let with = |more: &[Line]| [&all[..], more].concat();
        check(&with(&[line("left", 3), line("left", 3)]), &[6, 7].map(|by| Met::Again(by, line("left", 3))));
        check(&with(&[line("left", 1)]), &[Met::Absent(6, line("left", 1))]);
        check(&with(&[line("left", 9)]), &[Met::Absent(6, line("left", 9))]);
        check(&with(&[line("captured", 2)]), &[Met::Absent(6, line("captured", 2))]);
        // The same digest under another outcome is another line.
        check(&with(&[line("left", 0)]), &[Met::Absent(6, line("left", 0))]);
    }

    #[test]
    fn an_inventory_that_changes_between_two_readings_is_an_error() {
        let inventory = Inventory::read(format!("{}\n", line("left", 1)).as_bytes()).unwrap();
        for other in [line("left", 2).to_string() + "\n", line("listed", 1).to_string() + "\n", String::new()]
        {
            let mut meetings = Meetings::new(&inventory, &Alone);
            meetings.meet(&line("left", 1), 1).unwrap();
            let error = meetings.compare(&inventory, other.as_bytes(), &mut |_| ()).unwrap_err();
            assert!(error.to_string().contains("another one the second time"), "{error}");
        }
    }
}
