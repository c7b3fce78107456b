//! MFT records: a header, and attributes one after the other.

use std::ops::Range;

use crate::field::{byte, le16, le32, le64};
use crate::ntfs::corrupt;
use crate::ntfs::fixup;
use crate::walk::SourceError;

/// Which record, and which use of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Reference {
    /// The record's number.
    pub(crate) record: u64,
    /// How often the record had been given out.
    pub(crate) sequence: u16,
}

impl Reference {
    /// The reference that stands at `at`.
    pub(crate) fn parse(bytes: &[u8], at: usize) -> Option<Self> {
        let raw = le64(bytes, at)?;
        Some(Self { record: raw & 0xFFFF_FFFF_FFFF, sequence: le16(bytes, at.checked_add(6)?)? })
    }
}

/// A record's first fields, which stand before anything that an update sequence covers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) sequence: u16,
    pub(crate) links: u16,
    flags: u16,
    /// The record that this one extends.
    pub(crate) base: Option<Reference>,
}

impl Header {
    /// Reads a header. `None` where there is no record.
    pub(crate) fn parse(raw: &[u8]) -> Option<Self> {
        let base = Reference::parse(raw, 0x20)?;
        Some(Self {
            sequence: le16(raw, 0x10)?,
            links: le16(raw, 0x12)?,
            flags: le16(raw, 0x16)?,
            base: (base != Reference { record: 0, sequence: 0 }).then_some(base),
        })
        .filter(|_| raw.starts_with(MARK))
    }

    /// Whether the record is in use.
    pub(crate) fn is_in_use(&self) -> bool {
        self.flags & 0x1 != 0
    }

    /// Whether the record is a directory's.
    pub(crate) fn is_directory(&self) -> bool {
        self.flags & 0x2 != 0
    }

    /// Whether the record has an index that is not of names.
    pub(crate) fn is_view_index(&self) -> bool {
        self.flags & 0x8 != 0
    }
}

/// An attribute's place in its record.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) kind: u32,
    /// The instance: one of its kind in the record.
    pub(crate) id: u16,
    pub(crate) flags: u16,
    pub(crate) value: Value,
    name: Range<usize>,
}

impl Attribute {
    /// Whether the value is encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.flags & 0x4000 != 0
    }

    /// Whether the value may have holes.
    pub(crate) fn is_sparse(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    /// How the value is compressed: 0 not at all, 1 by LZNT1.
    pub(crate) fn compression(&self) -> u16 {
        self.flags & 0xFF
    }

    /// The value's first cluster that this attribute tells of: parts of one value can stand in several records.
    pub(crate) fn first(&self) -> u64 {
        match &self.value {
            Value::Resident(_) => 0,
            Value::Mapped(mapped) => mapped.first,
        }
    }
}

/// Where an attribute's value stands.
#[derive(Debug)]
pub(crate) enum Value {
    /// In the record.
    Resident(Range<usize>),
    /// In clusters.
    Mapped(Mapped),
}

/// A value in clusters, as the attribute describes it. The sizes hold in a value's first part alone.
#[derive(Debug)]
pub(crate) struct Mapped {
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// The exponent of the clusters of a compression unit.
    pub(crate) unit: u8,
    /// Bytes of the clusters that the value spans, with holes.
    pub(crate) spanned: u64,
    pub(crate) size: u64,
    /// Bytes that were ever written. What follows reads as zeros.
    pub(crate) valid: u64,
    /// Bytes of the clusters that the value has, where there can be holes.
    pub(crate) allocated: u64,
    runs: Range<usize>,
}

/// A record with its bytes in their places.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) number: u64,
    pub(crate) header: Header,
    pub(crate) attributes: Vec<Attribute>,
    /// What is wrong with it: its attributes could not be read to the end.
    pub(crate) damage: Option<&'static str>,
    bytes: Vec<u8>,
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where there is none, or it was not written to its end.
    pub(crate) fn parse(number: u64, mut bytes: Vec<u8>) -> Result<Self, SourceError> {
        fixup::restore(&mut bytes, MARK)?;
        let header = Header::parse(&bytes).ok_or_else(|| corrupt("an MFT record is cut short"))?;
        let mut record = Self { number, header, attributes: Vec::new(), damage: None, bytes };
        record.damage = record.read_attributes().err();
        Ok(record)
    }

    fn read_attributes(&mut self) -> Result<(), &'static str> {
        let cut = "an MFT record's attributes are cut short";
        let bytes = &self.bytes;
        let used = le32(bytes, 0x18).and_then(|used| usize::try_from(used).ok());
        let used =
            used.filter(|used| *used <= bytes.len()).ok_or("an MFT record claims more bytes than it has")?;
        let mut at = usize::from(le16(bytes, 0x14).ok_or(cut)?);
        loop {
            let kind = le32(bytes, at).filter(|_| at < used).ok_or(cut)?;
            if kind == END {
                return Ok(());
            }
            let length =
                at.checked_add(4).and_then(|at| le32(bytes, at)).and_then(|l| usize::try_from(l).ok());
            let end = length.filter(|length| *length >= 0x18).and_then(|length| at.checked_add(length));
            let end = end.filter(|end| *end <= used).ok_or(cut)?;
            let raw = bytes.get(at..end).ok_or(cut)?;
            self.attributes.push(attribute(raw, at).ok_or("an attribute contradicts itself")?);
            at = end;
        }
    }

    /// An attribute's name, as UTF-16.
    pub(crate) fn name(&self, attribute: &Attribute) -> &[u8] {
        self.bytes.get(attribute.name.clone()).unwrap_or_default()
    }

    /// An attribute's value, if it stands in the record.
    pub(crate) fn resident(&self, attribute: &Attribute) -> Option<&[u8]> {
        match &attribute.value {
            Value::Resident(range) => self.bytes.get(range.clone()),
            Value::Mapped(_) => None,
        }
    }

    /// The run list of a value in clusters.
    pub(crate) fn runs(&self, mapped: &Mapped) -> &[u8] {
        self.bytes.get(mapped.runs.clone()).unwrap_or_default()
    }
}

/// The attribute whose bytes are `raw`, which stands at `at` in its record.
fn attribute(raw: &[u8], at: usize) -> Option<Attribute> {
    // A range inside the attribute, as one inside the record.
    let within = |start: usize, length: usize| {
        let end = start.checked_add(length).filter(|end| *end <= raw.len())?;
        Some(at.checked_add(start)?..at.checked_add(end)?)
    };
    let name = within(usize::from(le16(raw, 0xA)?), usize::from(byte(raw, 9)?).checked_mul(2)?)?;
    let value = if byte(raw, 8)? == 0 {
        Value::Resident(within(usize::from(le16(raw, 0x14)?), usize::try_from(le32(raw, 0x10)?).ok()?)?)
    } else {
        let runs = usize::from(le16(raw, 0x20)?);
        let spanned = le64(raw, 0x28)?;
        let has_allocated = runs >= 0x48 && le16(raw, 0xC)? & 0x80FF != 0;
        Value::Mapped(Mapped {
            first: le64(raw, 0x10)?,
            last: le64(raw, 0x18)?,
            unit: byte(raw, 0x22)?,
            spanned,
            size: le64(raw, 0x30)?,
            valid: le64(raw, 0x38)?,
            allocated: if has_allocated { le64(raw, 0x40)? } else { spanned },
            runs: within(runs, raw.len().checked_sub(runs)?)?,
        })
    };
    Some(Attribute { kind: le32(raw, 0)?, id: le16(raw, 0xE)?, flags: le16(raw, 0xC)?, value, name })
}

/// Kinds of attributes.
pub(crate) mod kind {
    /// Times, flags, the owner's security id.
    pub(crate) const STANDARD_INFORMATION: u32 = 0x10;
    /// Where attributes stand that did not fit into the record.
    pub(crate) const ATTRIBUTE_LIST: u32 = 0x20;
    /// A name, the directory it stands in, and times of its own.
    pub(crate) const FILE_NAME: u32 = 0x30;
    /// What the item is called by programs that keep track of it.
    pub(crate) const OBJECT_ID: u32 = 0x40;
    /// Owner and rights, before NTFS 3.0 and in system files.
    pub(crate) const SECURITY_DESCRIPTOR: u32 = 0x50;
    /// The volume's label.
    pub(crate) const VOLUME_NAME: u32 = 0x60;
    /// The volume's version and flags.
    pub(crate) const VOLUME_INFORMATION: u32 = 0x70;
    /// Content.
    pub(crate) const DATA: u32 = 0x80;
    /// The root of an index.
    pub(crate) const INDEX_ROOT: u32 = 0x90;
    /// The blocks of an index.
    pub(crate) const INDEX_ALLOCATION: u32 = 0xA0;
    /// Which blocks of an index, or which records of the MFT, are in use.
    pub(crate) const BITMAP: u32 = 0xB0;
    /// What another program is to make of the item: a link, a placeholder, a compressed file.
    pub(crate) const REPARSE_POINT: u32 = 0xC0;
    /// The lengths of `$EA`.
    pub(crate) const EA_INFORMATION: u32 = 0xD0;
    /// Extended attributes.
    pub(crate) const EA: u32 = 0xE0;
    /// What other parts of the system keep: keys of encrypted files, notes of transactions.
    pub(crate) const LOGGED: u32 = 0x100;
}

const MARK: &[u8; 4] = b"FILE";
const END: u32 = 0xFFFF_FFFF;
