//! Check `inventory`: strict lines, their root and counts, as acquisition.json states them.

use std::collections::BTreeMap;

use scope::Outcome;

use super::package::trouble;
use super::{Checked, Context, Stop, none_or_fail};
use crate::inventory::{InventoryError, Reader};
use crate::ledger::LineError;

pub(crate) fn check(context: &mut Context<'_>) -> Checked {
    const FILE: &str = "meta/inventory.txt";
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
