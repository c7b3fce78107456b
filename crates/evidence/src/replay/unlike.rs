//! What must be unlike in any two records: line, id, locator, control number.
//!
//! ```text
//! take       of each record four small numbers, with the record's own, to be sorted
//! compare    equal neighbours are duplicates; lines are compared with the inventory
//! ```

use std::collections::BTreeMap;
use std::io::{self, Read};

use scope::Outcome;

use super::finding::{Finding, FindingKind};
use super::judge::{Found, Item, Stage};
use crate::helpers::Scratch;
use crate::inventory::{CompareError, Inventory, Line, Meetings, Met};
use crate::item::{Control, Series};
use crate::sorter::Sorter;

/// What the records so far have shown of themselves.
pub(super) struct Unlike<'s> {
    lines: Meetings<'s>,
    ids: Sorter<'s, { 16 + 8 }>,
    locators: Sorter<'s, { 16 + 8 }>,
    controls: Sorter<'s, { 5 + 8 + 8 }>,
    taken: u64,
}

/// What a record shares with one before it.
#[derive(Clone, Copy, Default)]
struct Shared {
    id: bool,
    locator: bool,
}

impl<'s> Unlike<'s> {
    pub(super) fn new(inventory: &Inventory, scratch: &'s dyn Scratch) -> Self {
        Self {
            lines: Meetings::new(inventory, scratch),
            ids: Sorter::new(scratch),
            locators: Sorter::new(scratch),
            controls: Sorter::new(scratch),
            taken: 0,
        }
    }

    /// Takes the next record, in the order of the ledger.
    pub(super) fn take(&mut self, item: &Item, findings: &mut Vec<Found>) -> io::Result<()> {
        self.taken = self.taken.saturating_add(1);
        let number = self.taken.to_be_bytes();
        self.ids.add(joined(&[&item.id, &number]))?;
        self.locators.add(joined(&[&item.locator, &number]))?;
        if let Some((series, of_series)) = item.control {
            self.controls.add(joined(&[&code(series), &of_series.to_be_bytes(), &number]))?;
        }
        if let Some(line) = &item.line
            && !self.lines.meet(line, u128::from(self.taken))?
        {
            findings.push(about(self.taken, Stage::Line, FindingKind::Extra, absent(line)));
        }
        Ok(())
    }

    /// Findings about records that share something, lines without a record and records without a line.
    ///
    /// Returns how many lines have no record because the policy keeps `counts_alone` of their outcome.
    pub(super) fn compare(
        self,
        inventory: &Inventory,
        lines: impl Read,
        medium: &str,
        counts_alone: impl Fn(&Outcome) -> bool,
        findings: &mut Vec<Found>,
    ) -> Result<u64, CompareError> {
        let mut shared: BTreeMap<u64, Shared> = BTreeMap::new();
        again(self.ids, 16, |record, _| shared.entry(record).or_default().id = true)?;
        again(self.locators, 16, |record, _| shared.entry(record).or_default().locator = true)?;
        for (record, Shared { id, locator }) in &shared {
            let what = match (id, locator) {
                (true, true) => "another record has this id and this locator",
                (true, false) => "another record has this id",
                _ => "another record has this locator",
            };
            findings.push(about(*record, Stage::Line, FindingKind::Duplicate, what.to_owned()));
        }
        again(self.controls, 13, |record, key| {
            if let Some(control) = decoded(key, medium) {
                let what = format!("the control number {control} is given twice");
                findings.push(about(record, Stage::Control, FindingKind::Duplicate, what));
            }
        })?;
        let mut unrecorded = 0_u64;
        self.lines.compare(inventory, lines, &mut |met| match met {
            Met::Again(by, _) => {
                let record = u64::try_from(by).unwrap_or(u64::MAX);
                // The same record twice has the same line: said above.
                if !shared.contains_key(&record) {
                    let what = "another record has this line".to_owned();
                    findings.push(about(record, Stage::Line, FindingKind::Duplicate, what));
                }
            }
            Met::Absent(by, line) => {
                let record = u64::try_from(by).unwrap_or(u64::MAX);
                findings.push(about(record, Stage::Line, FindingKind::Extra, absent(&line)));
            }
            Met::Unmet(line) if counts_alone(&line.outcome) => unrecorded = unrecorded.saturating_add(1),
            Met::Unmet(line) => {
                let what = "the ledger has no record of this line".to_owned();
                let mut found = about(u64::MAX, Stage::Line, FindingKind::Missing, what);
                found.finding.item = line.to_string();
                findings.push(found);
            }
        })?;
        Ok(unrecorded)
    }
}

fn absent(line: &Line) -> String {
    format!("the record's line `{line}` is not in the inventory")
}

/// A finding whose item is named later.
fn about(record: u64, stage: Stage, kind: FindingKind, detail: String) -> Found {
    Found { record, stage, finding: Finding { kind, item: String::new(), rule: String::new(), detail } }
}

/// Tells of every record whose first `key` bytes are those of one before it.
fn again<const N: usize>(
    sorter: Sorter<'_, N>,
    key: usize,
    mut tell: impl FnMut(u64, &[u8]),
) -> Result<(), CompareError> {
    let mut last = None;
    for record in sorter.sorted()? {
        let record = record?;
        let (this, number) = record.split_at_checked(key).unwrap_or_default();
        if last.as_ref().and_then(|last: &[u8; N]| last.get(..key)) == Some(this) {
            tell(number.first_chunk::<8>().map_or(u64::MAX, |number| u64::from_be_bytes(*number)), this);
        }
        last = Some(record);
    }
    Ok(())
}

fn joined<const N: usize>(fields: &[&[u8]]) -> [u8; N] {
    let mut joined = [0; N];
    joined.iter_mut().zip(fields.iter().copied().flatten()).for_each(|(to, from)| *to = *from);
    joined
}

fn code(series: Series) -> [u8; 5] {
    match series {
        Series::Captured => [0; 5],
        Series::Held(number) => joined(&[&[1], &number.to_be_bytes()]),
        Series::Listed => [2, 0, 0, 0, 0],
    }
}

fn decoded(key: &[u8], medium: &str) -> Option<Control> {
    let (series, number) = key.split_first_chunk::<5>()?;
    let (kind, held) = series.split_first()?;
    let series = match kind {
        0 => Series::Captured,
        1 => Series::Held(u32::from_be_bytes(*held.first_chunk::<4>()?)),
        _ => Series::Listed,
    };
    Some(Control::new(medium, series, u64::from_be_bytes(*number.first_chunk::<8>()?)))
}
