//! The table's bytes: of each sector, those of the first copy that gives them.
//!
//! ```text
//! copy 1    sector 3 cannot be read       sector 3 of copy 2
//! copy 2    sector 9 cannot be read       sector 9 of copy 1
//! both      sector 12 cannot be read      its entries are unknown, and no others
//! ```

use std::collections::BTreeMap;

use super::cut;
use crate::bytes::{ByteSource, ReadFault, length};
use crate::patient::failed_again;
use crate::walk::SourceError;

/// A part of the table.
pub(super) struct Window {
    bytes: Vec<u8>,
    /// Sectors that no copy gives, by number within the window.
    lost: BTreeMap<usize, ReadFault>,
}

impl Window {
    /// Reads what begins at byte `begin` of a table of `end` bytes, of which `copies` are the offsets.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where no copy gives any of it.
    pub(super) fn read(
        source: &dyn ByteSource,
        copies: &[u64],
        begin: u64,
        end: u64,
    ) -> Result<Self, SourceError> {
        let mut fault = None;
        for copy in copies {
            let at = copy.saturating_add(begin);
            let room = end.saturating_sub(begin).min(WINDOW).min(source.len().saturating_sub(at));
            let mut bytes = vec![0; usize::try_from(room).unwrap_or(0)];
            match source.read_exact_at(at, &mut bytes) {
                Ok(()) => return Ok(Self { bytes, lost: BTreeMap::new() }),
                Err(error) => fault = fault.or(Some(error)),
            }
        }
        let room = end.saturating_sub(begin).min(WINDOW);
        let mut bytes = vec![0; usize::try_from(room).unwrap_or(0)];
        let mut lost = BTreeMap::new();
        let mut at = begin;
        for (number, sector) in bytes.chunks_mut(SECTOR).enumerate() {
            let mut first = None;
            let given = copies.iter().any(|copy| {
                let read = source.read_exact_at(copy.saturating_add(at), sector);
                read.map_err(|error| first.get_or_insert(error).offset).is_ok()
            });
            if let Some(error) = first.filter(|_| !given) {
                lost.insert(number, error);
            }
            at = at.saturating_add(length(SECTOR));
        }
        match lost.len() == bytes.len().div_ceil(SECTOR) {
            true => Err(fault.map_or_else(cut, SourceError::Read)),
            false => Ok(Self { bytes, lost }),
        }
    }

    /// Four bytes from `at` on, zeros behind the end.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the first of them is not there.
    pub(super) fn part(&self, at: usize) -> Result<[u8; 4], SourceError> {
        if let Some(fault) = self.lost.get(&(at / SECTOR)) {
            failed_again();
            return Err(SourceError::Read(fault.clone()));
        }
        let there = self.bytes.get(at..).filter(|there| !there.is_empty()).ok_or_else(cut)?;
        let mut part = [0; 4];
        part.iter_mut().zip(there).for_each(|(to, from)| *to = *from);
        Ok(part)
    }
}

/// The copies of a table beside each other.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Compared {
    /// Windows in which copies differ, as far as both can be read.
    differ: u64,
    /// Sectors that the first copy does not give, and another does.
    replaced: u64,
    /// Sectors that some other copy does not give.
    torn: u64,
}

/// Compares the copies of a table in its first `end` bytes.
pub(super) fn compare(source: &dyn ByteSource, copies: &[u64], end: u64) -> Compared {
    let mut found = Compared::default();
    if copies.len() < 2 {
        return found;
    }
    let mut at = 0;
    while at < end {
        let room = end.saturating_sub(at).min(WINDOW);
        let copies: Vec<Copy> =
            copies.iter().map(|copy| read(source, copy.saturating_add(at), room)).collect();
        at = at.saturating_add(WINDOW);
        let Some((first, others)) = copies.split_first() else { break };
        let mut differ = false;
        for (sector, own) in first.iter().enumerate() {
            let theirs = || others.iter().map(|other| other.get(sector).and_then(Option::as_ref));
            differ |= theirs().flatten().any(|other| own.as_ref().is_some_and(|own| own != other));
            let others_torn = theirs().filter(Option::is_none).count();
            if own.is_none() && theirs().flatten().next().is_some() {
                found.replaced = found.replaced.saturating_add(1);
            }
            found.torn = found.torn.saturating_add(length(others_torn));
        }
        found.differ = found.differ.saturating_add(differ.into());
    }
    found
}

/// The sectors of one copy's window, those that can be read.
type Copy = Vec<Option<Vec<u8>>>;

fn read(source: &dyn ByteSource, at: u64, room: u64) -> Copy {
    let mut bytes = vec![0; usize::try_from(room).unwrap_or(0)];
    if source.read_exact_at(at, &mut bytes).is_ok() {
        return bytes.chunks(SECTOR).map(|sector| Some(sector.to_vec())).collect();
    }
    let mut at = at;
    let sectors = bytes.chunks_mut(SECTOR).map(|sector| {
        let read = source.read_exact_at(at, sector).ok().map(|()| sector.to_vec());
        at = at.saturating_add(length(SECTOR));
        read
    });
    sectors.collect()
}

impl Compared {
    /// What is to be said of it.
    pub(super) fn limits(&self) -> Vec<String> {
        let Self { differ, replaced, torn } = self;
        let mut limits = Vec::new();
        if *differ != 0 {
            limits.push(format!(
                "the copies of the file allocation table differ in {differ} parts of {WINDOW} bytes; the first copy is used"
            ));
        }
        if *replaced != 0 {
            limits.push(format!(
                "{replaced} sectors of the first copy of the file allocation table cannot be read; there another copy is used"
            ));
        }
        if *torn != 0 {
            limits.push(format!(
                "{torn} sectors of further copies of the file allocation table cannot be read and were not compared"
            ));
        }
        limits
    }
}

/// Bytes of the table that are held at once. FAT12's whole table fits.
pub(super) const WINDOW: u64 = 1 << 16;
/// Bytes that a copy gives together or not at all.
const SECTOR: usize = 512;
