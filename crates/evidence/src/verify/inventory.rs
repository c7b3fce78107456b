//! Check `inventory`: strict lines, their root and counts, as acquisition.json states them.

use std::io::Read;

use super::package::trouble;
use super::{Checked, Context, Stop, none_or_fail};
use crate::acquisition::Acquisition;
use crate::files::Files;
use crate::inventory::{CompareError, Inventory, InventoryError};
use crate::ledger::LineError;

const FILE: &str = "meta/inventory.txt";

/// What the inventory comes to, if its root is the one that acquisition.json states: it is read more than once, and the
/// storage may give other bytes.
pub(crate) fn stated(files: &dyn Files, acquisition: &Acquisition) -> Result<Inventory, Stop> {
    let inventory = read(files)?;
    let expected = acquisition.inventory.root;
    if inventory.root() != expected {
        return Err(Stop::Fail(format!("{FILE}: expected root {expected}, found {}", inventory.root())));
    }
    Ok(inventory)
}

/// The bytes of the inventory, for another reading.
pub(crate) fn lines(files: &dyn Files) -> Result<impl Read + use<>, Stop> {
    files.open(FILE).map_err(|e| trouble(FILE, &e))
}

/// Why the inventory cannot be used.
pub(crate) fn unusable(error: InventoryError) -> Stop {
    match error {
        InventoryError::Line(LineError::Read { source, .. }) => trouble(FILE, &source),
        e => Stop::Fail(format!("{FILE}: {e}")),
    }
}

/// Why lines could not be compared with the inventory.
pub(crate) fn incomparable(error: CompareError) -> Stop {
    match error {
        CompareError::Inventory(error) => unusable(error),
        CompareError::Scratch(error) => Stop::Unfinished(format!("{SCRATCH}: {error}")),
    }
}

fn read(files: &dyn Files) -> Result<Inventory, Stop> {
    Inventory::read(lines(files)?).map_err(unusable)
}

pub(crate) fn check(context: &mut Context<'_>) -> Checked {
    let found = read(context.files)?;
    let (lines, root, counts) = (found.len(), found.root(), found.counts());
    let stated = match &context.package.acquisition {
        Ok(acquisition) => &acquisition.inventory,
        Err(_) => {
            return Err(Stop::Fail(format!(
                "{FILE}: {lines} lines, root {root}; no acquisition.json to compare with"
            )));
        }
    };
    let mut problems = Vec::new();
    if stated.lines != lines {
        problems.push(format!("{FILE}: expected {} lines, found {lines}", stated.lines));
    }
    if stated.root != root {
        problems.push(format!("{FILE}: expected root {}, found {root}", stated.root));
    }
    for outcome in stated.counts.keys().chain(counts.keys()) {
        let (expected, found) = (stated.counts.get(outcome), counts.get(outcome));
        if expected != found {
            let number = |n: Option<&u64>| n.copied().unwrap_or(0);
            problems.push(format!(
                "{FILE}: expected {} {outcome}, found {}",
                number(expected),
                number(found)
            ));
        }
    }
    problems.dedup();
    none_or_fail(&problems, || format!("{lines} lines, root {root}"))
}

/// What a person can do about a scratch that fails.
pub(crate) const SCRATCH: &str = "the folder for temporary files (TMPDIR) cannot hold what has to be sorted";
