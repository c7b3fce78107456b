//! A hand: what one thread writes of a package.
//!
//! Each hand has its own part of every set that it touches. What goes into
//! the ledger it gathers, and brings to the recorder many rows at a time.

use std::collections::BTreeMap;
use std::mem;

use evidence::acquisition::{RecordLeft, SetName};
use evidence::commit::{BatchKey, Commitments, Opening};
use evidence::item::{Control, ObjectValue, Record, RecordError, Series};
use evidence::ledger;
use evidence::manifest::{HeldRow, Opened, Row, size_class};
use scope::Outcome;
use scope::facts::{Attribute, FactsError};
use zeroize::Zeroizing;

use crate::batch::{Gathered, close_part};
use crate::package::{Content, Item, Kept, PackageError, PackageWriter, lock};
use crate::part::Part;
use crate::random;

/// The parts that one thread writes, and the rows that it has gathered. Made by [`PackageWriter::hand`].
#[derive(Default)]
pub struct Hand {
    batch: Option<(u64, BatchKey)>,
    parts: BTreeMap<SetName, Part>,
    gathered: Gathered,
    /// Content on its way, kept so that a small file costs no large allocation.
    buffer: Zeroizing<Vec<u8>>,
}

impl Hand {
    pub(crate) fn keep(
        &mut self,
        writer: &PackageWriter,
        item: &Item<'_>,
        content: Option<Content<'_>>,
    ) -> Result<Kept, PackageError> {
        let outcome = &item.decision.outcome;
        let (set, series) = match outcome {
            Outcome::Held(compartment) => {
                (SetName::Held(compartment.clone()), writer.series_of_compartment(compartment)?)
            }
            _ => (SetName::Captured, Series::Captured),
        };
        let control = writer.control(series);
        let mut kept = Kept { control, object: None, trouble: None, longer: false };
        let mut buffer = mem::take(&mut self.buffer);
        let part = self.part(writer, &set)?;
        if let Some(content) = content {
            let (before, length, missing) = (part.written(), content.length, content.missing);
            let written = part.object(&kept.control, content, &mut buffer)?;
            writer.counters.add_written(part.written().saturating_sub(before));
            let mut missing = missing();
            if written.got < length {
                missing.ranges.push((written.got, length));
            }
            let ranges = merged(missing.ranges, length);
            let amiss = written.amiss(length, missing.reason);
            let object = ObjectValue::new(written.digest(), length, part.name(), ranges);
            kept.object = Some(object.with_trouble(amiss.as_deref()));
            kept.trouble = written.trouble;
            kept.longer = written.longer;
            if set == SetName::Captured {
                // Held bytes are not counted: with few held items the sum would tell their sizes.
                let totals = &mut self.gathered.totals;
                totals.bytes = totals.bytes.saturating_add(length);
            }
        }
        self.buffer = buffer;
        let partial = kept.object.as_ref().is_some_and(|object| !object.unreadable.is_empty())
            || item.facts.attributes.iter().any(|own| own.is_unread_of(Attribute::UNREAD_NODE));
        let totals = &mut self.gathered.totals;
        totals.unreadable = totals.unreadable.saturating_add(u64::from(partial));
        let size =
            kept.object.as_ref().map_or(item.facts.content_size(), |object| Some(object.size)).unwrap_or(0);
        let record = self.write_record(writer, item, Some(&kept.control), kept.object.as_ref())?;
        let (control, key) = (kept.control.clone(), self.key(writer)?);
        let opening = match outcome {
            Outcome::Held(_) => {
                let (control, rules) = (control.clone(), item.decision.rules.clone());
                let row = HeldRow { control, rules, size_class: size_class(size) };
                self.gathered.held.push(row);
                Opening::whole(&key, &record)
            }
            _ => Opening::for_reader(&key, &record, item.visible),
        };
        self.row(writer, &set, &Row::Object(Opened { control, opening }))?;
        self.end_item(writer, item)?;
        Ok(kept)
    }

    pub(crate) fn record(
        &mut self,
        writer: &PackageWriter,
        item: &Item<'_>,
    ) -> Result<Option<Control>, PackageError> {
        let set = match &item.decision.outcome {
            Outcome::Listed => SetName::Captured,
            Outcome::ListedTo(compartment) => {
                writer.series_of_compartment(compartment)?;
                SetName::Held(compartment.clone())
            }
            _ => {
                self.write_record(writer, item, None, None)?;
                self.end_item(writer, item)?;
                return Ok(None);
            }
        };
        let control = writer.control(Series::Listed);
        let record = self.write_record(writer, item, Some(&control), None)?;
        let key = self.key(writer)?;
        let opening = match set {
            SetName::Held(_) => Opening::whole(&key, &record),
            _ => Opening::for_reader(&key, &record, item.visible),
        };
        self.row(writer, &set, &Row::Listed(Opened { control: control.clone(), opening }))?;
        self.end_item(writer, item)?;
        Ok(Some(control))
    }

    pub(crate) fn hand_over(&mut self, writer: &PackageWriter) -> Result<(), PackageError> {
        if self.batch.is_none() {
            return Ok(()); // nothing was gathered since the last batch
        }
        lock(&writer.recorder).take(writer, &mut self.gathered)
    }

    pub(crate) fn close(&mut self, writer: &PackageWriter) -> Result<(), PackageError> {
        self.hand_over(writer)?;
        self.batch = None;
        for (set, part) in mem::take(&mut self.parts) {
            let held = match set {
                SetName::Captured => lock(&writer.recorder).held_rows()?,
                _ => Vec::new(),
            };
            self.close_part(writer, set, part, held)?;
        }
        Ok(())
    }

    fn close_part(
        &self,
        writer: &PackageWriter,
        set: SetName,
        part: Part,
        held: Vec<HeldRow>,
    ) -> Result<(), PackageError> {
        let rows = part.rows();
        let statement = close_part(writer, part, held)?;
        writer.counters.drop_rows(rows);
        lock(&writer.recorder).part_done(set, statement)
    }

    /// Closes parts of which the rows are too long to wait for the end of the batch: an archive's members are all of one batch,
    /// and a hostile one gives each of 50,000 a name of 4 KiB. Whatever the set then gets is in its next part.
    fn close_long_parts(&mut self, writer: &PackageWriter) -> Result<(), PackageError> {
        let all = writer.options.rows;
        let is_full = writer.counters.rows_in_memory() >= all;
        let most = if is_full { all / 32 } else { all / 2 };
        let long: Vec<SetName> =
            self.parts.iter().filter(|(_, part)| part.rows() >= most).map(|(set, _)| set.clone()).collect();
        for set in long {
            // Rows of held items wait: they are sorted when the batch ends, and none tells when it came.
            let Some(part) = self.parts.remove(&set) else { continue };
            self.close_part(writer, set, part, Vec::new())?;
        }
        Ok(())
    }

    /// The record's row in the ledger, and its line in the inventory.
    fn write_record(
        &mut self,
        writer: &PackageWriter,
        item: &Item<'_>,
        control: Option<&Control>,
        object: Option<&ObjectValue>,
    ) -> Result<Record, PackageError> {
        let id = random::bytes::<16>()?;
        let policy = writer.binding.policy;
        let unnamed = item.decision.outcome == Outcome::Left && writer.record_left == RecordLeft::Counts;
        let record = if unnamed {
            Record::unnamed(id, item.decision, policy)?
        } else {
            // What is written must be readable: a source that doubles a name is stopped here, not at the audit.
            if !item.facts.are_canonical() {
                return Err(RecordError::Facts(FactsError::NotCanonical).into());
            }
            Record::new(id, item.locator, item.facts, item.decision, control, policy, object)?
        };
        let key = self.key(writer)?;
        if !unnamed {
            self.gathered.rows.extend_from_slice(&ledger::record_row(&record)?);
        }
        let line = Commitments::of(&key, &record).line(item.decision.outcome.clone());
        self.gathered.lines.push(line.to_string());
        Ok(record)
    }

    fn row(&mut self, writer: &PackageWriter, set: &SetName, row: &Row) -> Result<(), PackageError> {
        let bytes = self.part(writer, set)?.add(row)?;
        writer.counters.add_rows(bytes);
        Ok(())
    }

    fn end_item(&mut self, writer: &PackageWriter, item: &Item<'_>) -> Result<(), PackageError> {
        self.gathered.totals.count(item.decision);
        writer.counters.add_item();
        self.gathered.told |= item.decision.outcome != Outcome::Left;
        self.close_long_parts(writer)?;
        if self.gathered.rows.len() >= MAX_GATHERED { self.hand_over(writer) } else { Ok(()) }
    }

    fn key(&mut self, writer: &PackageWriter) -> Result<BatchKey, PackageError> {
        Ok(self.batch(writer)?.1)
    }

    fn batch(&mut self, writer: &PackageWriter) -> Result<(u64, BatchKey), PackageError> {
        if let Some(batch) = &self.batch {
            return Ok(batch.clone());
        }
        let batch = lock(&writer.recorder).open_batch(writer)?;
        self.batch = Some(batch.clone());
        Ok(batch)
    }

    /// The hand's own part of a set, begun if there is none.
    fn part(&mut self, writer: &PackageWriter, set: &SetName) -> Result<&mut Part, PackageError> {
        let (number, _) = self.batch(writer)?;
        if !self.parts.contains_key(set) {
            self.parts.insert(set.clone(), Part::begin(writer, set, number)?);
        }
        let part = self.parts.get_mut(set);
        part.ok_or_else(|| PackageError::Broken("no part is open".into()))
    }
}

/// Ascending ranges within the object, none touching the next.
fn merged(mut ranges: Vec<(u64, u64)>, length: u64) -> Vec<(u64, u64)> {
    ranges.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (from, to) in ranges {
        let to = to.min(length);
        match merged.last_mut() {
            _ if from >= to => {}
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// Bytes of ledger rows that a hand gathers before it waits for the recorder.
const MAX_GATHERED: usize = 1 << 18;
