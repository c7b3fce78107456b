//! Drawn lines, and the records that the ledger has for them.

use std::collections::HashMap;

use super::audit::{MAX_LEDGER, open};
use super::package::trouble;
use super::{Stop, VerifyOptions};
use crate::acquisition::{Acquisition, SetName};
use crate::commit;
use crate::files::Files;
use crate::gzip::GzipReader;
use crate::inventory::Reader;
use crate::item::Record;
use crate::ledger::LedgerReader;
use crate::manifest::Binding;
use crate::sample::{Draw, Population, Seed};

/// Lines that were drawn from an inventory.
#[derive(Debug)]
pub struct DrawnLines {
    /// How many lines there are.
    pub lines: u64,
    /// Those that were drawn, in the order of their rank, each with its record; none where the order lets nobody keep one.
    pub drawn: Vec<(String, Option<Record>)>,
}

/// Draws `n` lines of a package whose ledger was replayed and is FOLLOWED, and finds their records.
///
/// # Errors
///
/// In words: a file cannot be read, or gives other bytes than before.
pub fn draw_lines(
    files: &dyn Files,
    acquisition: &Acquisition,
    options: &VerifyOptions,
    seed: Seed,
    n: usize,
) -> Result<DrawnLines, String> {
    drawn(files, acquisition, options, seed, n).map_err(Stop::words)
}

fn drawn(
    files: &dyn Files,
    acquisition: &Acquisition,
    options: &VerifyOptions,
    seed: Seed,
    n: usize,
) -> Result<DrawnLines, Stop> {
    let mut draw = Draw::new(seed, Population::Lines, n);
    let mut reader = Reader::new(files.open(INVENTORY).map_err(|error| trouble(INVENTORY, &error))?);
    for line in &mut reader {
        let line = line.map_err(|error| Stop::Unfinished(format!("{INVENTORY}: {error}")))?.to_string();
        draw.meet(line.as_bytes(), || line.clone());
    }
    if reader.root() != acquisition.inventory.root {
        return Err(Stop::Unfinished(format!("{INVENTORY} gave other bytes the second time")));
    }
    let lines = draw.met();
    let drawn: Vec<String> = draw.drawn().collect();
    let mut records: HashMap<&str, Record> = HashMap::with_capacity(drawn.len());
    let wanted: HashMap<&str, ()> = drawn.iter().map(|line| (line.as_str(), ())).collect();
    let binding = Binding::of(acquisition);
    for part in acquisition.set(&SetName::Ledger).map_or(&[][..], |set| &set.parts) {
        let fail = |error: crate::ledger::LedgerError| Stop::Unfinished(format!("{}: {error}", part.file));
        let mut reader =
            LedgerReader::new(GzipReader::new(open(files, part, options)?, MAX_LEDGER)).map_err(fail)?;
        let key = reader.header().k.clone();
        while let Some(record) = reader.next_record().map_err(fail)? {
            let Ok(line) = commit::line(&key, &record) else { continue };
            if let Some((line, ())) = wanted.get_key_value(line.to_string().as_str()) {
                records.insert(line, record);
            }
        }
        reader.finish(&binding, part.number).map_err(fail)?;
    }
    let with_records: Vec<(String, Option<Record>)> =
        drawn.iter().map(|line| (line.clone(), records.remove(line.as_str()))).collect();
    Ok(DrawnLines { lines, drawn: with_records })
}

const INVENTORY: &str = "meta/inventory.txt";
