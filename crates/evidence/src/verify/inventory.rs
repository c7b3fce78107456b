//! Check `inventory`: strict lines, their root and counts, as acquisition.json states them.

use std::collections::BTreeMap;

use scope::Outcome;

use super::package::trouble;
use super::{Checked, Context, Stop, none_or_fail};
use crate::acquisition::Acquisition;
use crate::files::Files;
use crate::inventory::{Inventory, InventoryError, Reader};
use crate::ledger::LineError;

const FILE: &str = "meta/inventory.txt";

/// The whole inventory, if it is the one whose root acquisition.json states: it is read more than once, and the
/// storage may give other bytes.
pub(crate) fn whole(files: &dyn Files, acquisition: &Acquisition) -> Result<Inventory, Stop> {
    let source = files.open(FILE).map_err(|e| trouble(FILE, &e))?;
    let inventory = Inventory::read(source).map_err(|e| match e {
        InventoryError::Line(LineError::Read { source, .. }) => trouble(FILE, &source),
        e => Stop::Fail(format!("{FILE}: {e}")),
    })?;
    let expected = acquisition.inventory.root;
    if inventory.root() != expected {
        return Err(Stop::Fail(format!("{FILE}: expected root {expected}, found {}", inventory.root())));
    }
    Ok(inventory)
}

pub(crate) fn check(context: &mut Context<'_>) -> Checked {
    let source = context.files.open(FILE).map_err(|e| trouble(FILE, &e))?;
    let mut reader = Reader::new(source);
    let mut counts: BTreeMap<Outcome, u64> = BTreeMap::new();
    let mut lines = 0_u64;
    // Outcomes come in sorted runs, but a hostile file may name a new compartment on every line.
    for line in &mut reader {
        let line = line.map_err(|e| match e {
            InventoryError::Line(LineError::Read { source, .. }) => trouble(FILE, &source),
            e => Stop::Fail(format!("{FILE}: {e}")),
        })?;
        lines = lines.saturating_add(1);
        let count = counts.entry(line.outcome).or_insert(0);
        *count = count.saturating_add(1);
        if counts.len() > MAX_OUTCOMES {
            return Err(Stop::Fail(format!("{FILE}: more than {MAX_OUTCOMES} different outcomes")));
        }
    }
    let root = reader.root();
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

/// Most different outcomes: two per compartment and three more; a policy file has no room for as many.
const MAX_OUTCOMES: usize = 10_000;
