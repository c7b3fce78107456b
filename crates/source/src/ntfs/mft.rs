//! The MFT: records by number, through a bounded cache.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use crate::bytes::length;
use crate::ntfs::boot::MAX_RECORD;
use crate::ntfs::corrupt;
use crate::ntfs::data::{Data, Disk};
use crate::ntfs::file::{Listed, MAX_LIST, listed};
use crate::ntfs::record::{Header, Record, Value, kind};
use crate::walk::{SourceError, evenly};

/// The table of all records.
pub(crate) struct Mft {
    data: Data,
    record: usize,
    /// How many records there are, as far as the run lists reach.
    count: u64,
    cache: Mutex<Cache>,
}

impl Mft {
    /// Reads the MFT's own record, or its copy, and the parts of its run list that stand in other records.
    ///
    /// What is missing of it is added to `limits`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where neither the record nor its copy can be read.
    pub(crate) fn open(disk: &Disk, limits: &mut Vec<String>) -> Result<Self, SourceError> {
        let record = disk.boot.record;
        let base = match first_record(disk, disk.boot.mft) {
            Ok(base) => base,
            Err(error) => {
                let base = first_record(disk, disk.boot.mirror).map_err(|_| error)?;
                limits.push("the MFT's own record is damaged; its copy in the MFT mirror is used".into());
                base
            }
        };
        let found = base.attributes.iter().find(|part| part.kind == kind::DATA && base.name(part).is_empty());
        let first = found.ok_or_else(|| corrupt("the MFT's record has no content"))?;
        let mut data = Data::first(disk, &base, first)?;
        if let Err(error) = further_parts(disk, &base, &mut data) {
            limits.push(format!("the MFT's run list could not be read to its end: {error}"));
        }
        let reached = data.size.min(data.mapped(disk)).min(disk.boot.length()).min(disk.bytes.len());
        let count = reached.checked_div(length(record)).unwrap_or(0).min(1 << 32);
        if reached < data.size {
            limits.push(format!("the MFT has {} bytes, of which {reached} can be reached", data.size));
        }
        Ok(Self { data, record, count, cache: Mutex::default() })
    }

    /// How many records there are.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Where records stand, `most` of all that were ever written.
    pub(crate) fn places(&self, disk: &Disk, most: u64) -> Vec<u64> {
        let record = length(self.record);
        let written = self.count.min(self.data.valid.checked_div(record).unwrap_or(0));
        evenly(written, most)
            .filter_map(|number| self.data.place(disk, number.checked_mul(record)?))
            .collect()
    }

    /// The header of record `number`; `None` where there is no record.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where it cannot be read.
    pub(crate) fn header(&self, disk: &Disk, number: u64) -> Result<Option<Header>, SourceError> {
        self.raw(disk, number, Header::parse)
    }

    /// Record `number`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where there is no such record or it cannot be read.
    pub(crate) fn record(&self, disk: &Disk, number: u64) -> Result<Record, SourceError> {
        Record::parse(number, self.raw(disk, number, <[u8]>::to_vec)?)
    }

    fn raw<T>(&self, disk: &Disk, number: u64, take: impl Fn(&[u8]) -> T) -> Result<T, SourceError> {
        if number >= self.count {
            return Err(corrupt("a record number beyond the end of the MFT"));
        }
        let offset = number.saturating_mul(length(self.record));
        let (at, skip) = (offset - offset % PIECE, usize::try_from(offset % PIECE).unwrap_or(0));
        // The lock is let go before anything is read.
        let held = self.cache().get(at);
        let Ok(piece) = held.map_or_else(|| self.piece(disk, at), Ok) else {
            // Something else in the piece cannot be read: the record alone may be.
            let mut raw = vec![0; self.record];
            self.data.fill(disk, offset, &mut raw)?;
            return Ok(take(&raw));
        };
        let raw = skip.checked_add(self.record).and_then(|end| piece.get(skip..end));
        raw.map(take).ok_or_else(|| corrupt("an MFT record is cut short"))
    }

    fn piece(&self, disk: &Disk, at: u64) -> Result<Arc<Vec<u8>>, SourceError> {
        let mut piece = vec![0; usize::try_from(PIECE).unwrap_or(0)];
        let count = self.data.fill(disk, at, &mut piece)?;
        piece.truncate(count);
        let piece = Arc::new(piece);
        self.cache().keep(at, Arc::clone(&piece));
        Ok(piece)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        // A cache cannot be left half written: a poisoned one is as good as any.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pieces of the MFT by their offset; the oldest goes first.
#[derive(Default)]
struct Cache {
    pieces: HashMap<u64, Arc<Vec<u8>>>,
    order: VecDeque<u64>,
}

impl Cache {
    fn get(&self, at: u64) -> Option<Arc<Vec<u8>>> {
        self.pieces.get(&at).cloned()
    }

    fn keep(&mut self, at: u64, piece: Arc<Vec<u8>>) {
        if self.pieces.insert(at, piece).is_none() {
            self.order.push_back(at);
        }
        if self.order.len() > MAX_PIECES
            && let Some(oldest) = self.order.pop_front()
        {
            self.pieces.remove(&oldest);
        }
    }
}

fn first_record(disk: &Disk, cluster: u64) -> Result<Record, SourceError> {
    let mut raw = vec![0; disk.boot.record];
    disk.read(cluster, 0, &mut raw)?;
    Record::parse(0, raw)
}

/// Adds the parts of the MFT's run list that stand in other records: each in a part of the MFT that is known by then.
fn further_parts(disk: &Disk, base: &Record, data: &mut Data) -> Result<(), SourceError> {
    let Some(list) = base.attributes.iter().find(|attribute| attribute.kind == kind::ATTRIBUTE_LIST) else {
        return Ok(());
    };
    let list = Data::first(disk, base, list)?.whole(disk, MAX_LIST)?;
    for Listed { place, kind, id, first } in listed(&list)? {
        if kind != kind::DATA || first == 0 {
            continue;
        }
        let offset = place.record.saturating_mul(length(disk.boot.record));
        let mut raw = vec![0; disk.boot.record];
        if data.fill(disk, offset, &mut raw)? < raw.len() {
            return Err(corrupt("a record number beyond the end of the MFT"));
        }
        let record = Record::parse(place.record, raw)?;
        let part = record.attributes.iter().find(|attribute| attribute.kind == kind && attribute.id == id);
        match part.map(|part| &part.value) {
            Some(Value::Mapped(mapped)) => data.extend(disk, &record, mapped)?,
            _ => return Err(corrupt("an attribute list leads to an attribute that is not there")),
        }
    }
    Ok(())
}

/// Bytes of the MFT read at once: several records, and never part of one.
const PIECE: u64 = MAX_RECORD;
/// Most pieces kept: 64 MiB. Directories lead to records in no order; this holds the MFT of 65,000 files.
const MAX_PIECES: usize = 1024;
