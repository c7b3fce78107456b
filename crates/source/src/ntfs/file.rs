//! A file: its base record and those that extend it, as one list of attributes.

use std::collections::BTreeMap;

use crate::bytes::length;
use crate::field::{byte, le16, le32, le64};
use crate::ntfs::corrupt;
use crate::ntfs::data::{Data, Disk};
use crate::ntfs::mft::Mft;
use crate::ntfs::record::{Attribute, Header, Record, Reference, Value, kind};
use crate::walk::SourceError;

/// All records of one file.
#[derive(Debug)]
pub(crate) struct File {
    /// The base record, then the others.
    records: Vec<Record>,
    /// What could not be read of it.
    pub(crate) issues: Vec<String>,
}

impl File {
    /// Reads the file whose base record is `number`, in use or not.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the base record cannot be read, or extends another.
    pub(crate) fn read(disk: &Disk, mft: &Mft, number: u64) -> Result<Self, SourceError> {
        let base = mft.record(disk, number)?;
        if base.header.base.is_some() {
            return Err(corrupt("the record is a part of another file's"));
        }
        let mut file =
            Self { issues: base.damage.map(str::to_owned).into_iter().collect(), records: vec![base] };
        if let Some((base, list)) = file.find(kind::ATTRIBUTE_LIST, b"") {
            match Data::first(disk, base, list).and_then(|list| list.whole(disk, MAX_LIST)) {
                Ok(list) => file.read_extensions(disk, mft, &list),
                Err(error) => file.issues.push(format!("the attribute list could not be read: {error}")),
            }
        }
        Ok(file)
    }

    fn read_extensions(&mut self, disk: &Disk, mft: &Mft, list: &[u8]) {
        let base = self.base();
        let own = Reference { record: base.number, sequence: base.header.sequence };
        let is_in_use = base.header.is_in_use();
        let mut places = BTreeMap::from([(own.record, 0)]);
        let (mut lost, mut missing) = (0, 0_u64);
        let entries = listed(list).unwrap_or_else(|error| {
            self.issues.push(error.to_string());
            Vec::new()
        });
        for entry in entries {
            let place = entry.place;
            let known = places.get(&place.record).copied();
            let index = known.unwrap_or_else(|| {
                // A list that leads elsewhere again and again would make each file cost thousands of reads.
                let extension = (lost < MAX_LOST).then(|| mft.record(disk, place.record).ok()).flatten();
                let fits = |record: &Record| {
                    let header = &record.header;
                    header.base == Some(own)
                        && header.sequence == place.sequence
                        && header.is_in_use() == is_in_use
                };
                let index = extension.filter(fits).map(|record| {
                    self.issues.extend(record.damage.map(str::to_owned));
                    self.records.push(record);
                    self.records.len().saturating_sub(1)
                });
                lost += usize::from(index.is_none());
                places.insert(place.record, index.unwrap_or(usize::MAX));
                index.unwrap_or(usize::MAX)
            });
            let is_it = |found: &Attribute| found.kind == entry.kind && found.id == entry.id;
            if !self.records.get(index).is_some_and(|record| record.attributes.iter().any(is_it)) {
                missing = missing.saturating_add(1);
            }
        }
        if missing > 0 {
            self.issues
                .push(format!("{missing} attributes are named by the attribute list and could not be read"));
        }
    }

    fn base(&self) -> &Record {
        // INVARIANT: `read` puts the base record there.
        #[expect(clippy::indexing_slicing, reason = "a file has at least its base record")]
        &self.records[0]
    }

    /// The base record's number.
    pub(crate) fn number(&self) -> u64 {
        self.base().number
    }

    /// Whether a record is one of this file's.
    pub(crate) fn has_record(&self, number: u64) -> bool {
        self.records.iter().any(|record| record.number == number)
    }

    /// The base record's header.
    pub(crate) fn header(&self) -> &Header {
        &self.base().header
    }

    /// All attributes, each with its record.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&Record, &Attribute)> {
        self.records.iter().flat_map(|record| record.attributes.iter().map(move |found| (record, found)))
    }

    /// The attributes of a kind in which a value begins.
    pub(crate) fn all(&self, kind: u32) -> impl Iterator<Item = (&Record, &Attribute)> {
        self.attributes().filter(move |(_, found)| found.kind == kind && found.first() == 0)
    }

    /// The attribute of a kind and a name in which its value begins.
    pub(crate) fn find(&self, kind: u32, name: &[u8]) -> Option<(&Record, &Attribute)> {
        self.all(kind).find(|(record, found)| record.name(found) == name)
    }

    /// The value of an attribute without a name that always stands in its record.
    pub(crate) fn resident(&self, kind: u32) -> Option<&[u8]> {
        self.find(kind, b"").and_then(|(record, found)| record.resident(found))
    }

    /// The value that begins in `first`, with its parts in other records.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where it cannot be read, by what is recorded of it.
    pub(crate) fn data(&self, disk: &Disk, first: (&Record, &Attribute)) -> Result<Data, SourceError> {
        let (record, attribute) = first;
        let mut data = Data::first(disk, record, attribute)?;
        let name = record.name(attribute);
        let mut parts: Vec<_> = self
            .attributes()
            .filter(|(record, part)| part.kind == attribute.kind && record.name(part) == name)
            .filter_map(|(record, part)| match &part.value {
                Value::Mapped(mapped) if mapped.first > 0 => Some((record, mapped)),
                _ => None,
            })
            .collect();
        parts.sort_by_key(|(_, part)| part.first);
        for (record, part) in parts {
            data.extend(disk, record, part)?;
        }
        Ok(data)
    }

    /// The value of the attribute of a kind and a name, with its parts.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where there is none, or it cannot be read.
    pub(crate) fn value(&self, disk: &Disk, kind: u32, name: &[u8]) -> Result<Data, SourceError> {
        let first = self.find(kind, name).ok_or_else(|| corrupt("an attribute is missing"))?;
        self.data(disk, first)
    }
}

/// What an attribute list says of one attribute.
pub(crate) struct Listed {
    /// The record that it stands in.
    pub(crate) place: Reference,
    pub(crate) kind: u32,
    pub(crate) id: u16,
    /// The value's first cluster that it tells of.
    pub(crate) first: u64,
}

/// The entries of an attribute list.
///
/// # Errors
///
/// [`SourceError`] where one contradicts itself.
pub(crate) fn listed(list: &[u8]) -> Result<Vec<Listed>, SourceError> {
    let mut entries = Vec::new();
    let mut at = 0_usize;
    while at < list.len() {
        let rest = list.get(at..).unwrap_or_default();
        let entry = || {
            let size = usize::from(le16(rest, 4)?);
            let name =
                usize::from(byte(rest, 6)?).checked_mul(2)?.checked_add(usize::from(byte(rest, 7)?))?;
            let entry = Listed {
                place: Reference::parse(rest, 0x10)?,
                kind: le32(rest, 0)?,
                id: le16(rest, 0x18)?,
                first: le64(rest, 8)?,
            };
            (size >= ENTRY && size <= rest.len() && name <= size.max(ENTRY)).then_some((entry, size))
        };
        let (entry, size) = entry().ok_or_else(|| corrupt("an attribute list contradicts itself"))?;
        entries.push(entry);
        at = at.saturating_add(size);
    }
    debug_assert!(length(entries.len()) <= MAX_LIST);
    Ok(entries)
}

/// Shortest entry of an attribute list.
const ENTRY: usize = 0x1A;
/// Longest attribute list: 256 KiB, by Windows. About 8,000 attributes.
pub(crate) const MAX_LIST: u64 = 256 << 10;
/// Most records that an attribute list may name without their being the file's.
const MAX_LOST: usize = 16;
