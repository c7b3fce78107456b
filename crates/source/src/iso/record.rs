//! A directory record: where an item's content stands, when it was recorded, its plain name.

use crate::field::{be16, be32, byte, le16, le32};
use crate::wtf8::wtf8;

/// A directory record.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// Bytes of the record.
    pub(crate) length: usize,
    /// First block of the content, after the extended attribute record.
    pub(crate) start: u64,
    pub(crate) size: u32,
    /// Blocks of the extended attribute record, which stands before the content.
    pub(crate) before: u8,
    pub(crate) flags: u8,
    /// File unit and gap: not 0 where the content is interleaved.
    pub(crate) interleaved: bool,
    /// Number of the disc that holds the content.
    pub(crate) sequence: u16,
    pub(crate) time: [u8; 7],
    pub(crate) identifier: Vec<u8>,
    /// What stands behind the name: Rock Ridge, or something else.
    pub(crate) system_use: Vec<u8>,
    /// Fields whose two forms differ.
    pub(crate) differs: Vec<&'static str>,
}

mod flag {
    pub(super) const HIDDEN: u8 = 1;
    pub(super) const DIRECTORY: u8 = 2;
    pub(super) const ASSOCIATED: u8 = 4;
    pub(super) const MORE: u8 = 0x80;
}

impl Record {
    /// The record at the beginning of `raw`, which ends where its sector does.
    pub(crate) fn parse(raw: &[u8]) -> Result<Self, String> {
        let length = usize::from(byte(raw, 0).unwrap_or(0));
        let raw = raw.get(..length).ok_or_else(|| format!("{length} bytes cross the end of a sector"))?;
        Self::fields(raw, length).ok_or_else(|| format!("{length} bytes do not hold its fields and its name"))
    }

    fn fields(raw: &[u8], length: usize) -> Option<Self> {
        let (extent, extent_same) = both32(raw, 2)?;
        let (size, size_same) = both32(raw, 10)?;
        let (sequence, sequence_same) = both16(raw, 28)?;
        let named = usize::from(byte(raw, 32)?);
        let name_end = NAME.checked_add(named)?;
        let identifier = raw.get(NAME..name_end)?.to_vec();
        // A byte is added so that what follows begins at an even place.
        let behind = name_end.checked_add(usize::from(named.is_multiple_of(2)))?;
        let same = [(extent_same, "extent"), (size_same, "size"), (sequence_same, "disc number")];
        Some(Self {
            length,
            start: u64::from(extent).checked_add(byte(raw, 1)?.into())?,
            size,
            before: byte(raw, 1)?,
            flags: byte(raw, 25)?,
            interleaved: byte(raw, 26)? != 0 || byte(raw, 27)? != 0,
            sequence,
            time: raw.get(18..25)?.try_into().ok()?,
            identifier,
            system_use: raw.get(behind..).unwrap_or_default().to_vec(),
            differs: same.into_iter().filter(|(same, _)| !same).map(|(_, field)| field).collect(),
        })
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.flags & flag::DIRECTORY != 0
    }

    /// Whether the content goes on in the next record.
    pub(crate) fn has_more(&self) -> bool {
        self.flags & flag::MORE != 0
    }

    /// Whether this is a companion of another file, such as a resource fork.
    pub(crate) fn is_associated(&self) -> bool {
        self.flags & flag::ASSOCIATED != 0
    }

    pub(crate) fn is_hidden(&self) -> bool {
        self.flags & flag::HIDDEN != 0
    }

    /// Whether this is a directory's record of itself or of the one above.
    pub(crate) fn is_dots(&self) -> bool {
        matches!(self.identifier.as_slice(), [0 | 1])
    }

    /// The plain name, without the version `;1` and the dot before it.
    pub(crate) fn plain_name(&self) -> Vec<u8> {
        let name = self.identifier.as_slice();
        let name = name.strip_suffix(b";1").unwrap_or(name);
        match name.strip_suffix(b".") {
            Some(stem) if !stem.is_empty() => stem.to_vec(),
            _ => name.to_vec(),
        }
    }

    /// The Joliet name, without the version `;1`.
    pub(crate) fn joliet_name(&self) -> Vec<u8> {
        let mut units: Vec<u16> = self
            .identifier
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |unit, byte| unit << 8 | u16::from(*byte)))
            .collect();
        if let Some(end) = units.len().checked_sub(2)
            && units.get(end..) == Some(&[0x3B, 0x31])
        {
            units.truncate(end);
        }
        wtf8(units)
    }
}

/// A number in both orders of bytes, and whether the two are the same. The little-endian one is given.
pub(crate) fn both32(raw: &[u8], at: usize) -> Option<(u32, bool)> {
    let little = le32(raw, at)?;
    Some((little, be32(raw, at.checked_add(4)?)? == little))
}

/// As [`both32`], of 16 bits.
pub(crate) fn both16(raw: &[u8], at: usize) -> Option<(u16, bool)> {
    let little = le16(raw, at)?;
    Some((little, be16(raw, at.checked_add(2)?)? == little))
}

/// Where the name stands in a record.
const NAME: usize = 33;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &[u8]) -> Vec<u8> {
        let mut raw = vec![0; 33];
        raw[32] = name.len() as u8;
        raw.extend(name);
        raw.resize(raw.len().next_multiple_of(2), 0);
        raw[0] = raw.len() as u8;
        raw
    }

    #[test]
    fn names() {
        let check = |name: &[u8], plain: &[u8], joliet: &[u8]| {
            let record = Record::parse(&record(name)).unwrap();
            assert_eq!((record.plain_name(), record.joliet_name()), (plain.to_vec(), joliet.to_vec()));
        };
        check(b"FILE.TXT;1", b"FILE.TXT", "\u{4649}\u{4c45}\u{2e54}\u{5854}\u{3b31}".as_bytes());
        check(b"FILE.;1", b"FILE", "\u{4649}\u{4c45}\u{2e3b}1".as_bytes());
        check(b"\0A\0;\x001", b"\0A\0;\x001", b"A");
        check(b".;1", b".", "\u{2e3b}1".as_bytes());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let raw = record(b"NAME;1");
        for end in 0..raw.len() {
            assert!(Record::parse(&raw[..end]).is_err());
        }
        let mut long = raw;
        long[32] = 200;
        assert!(Record::parse(&long).is_err());
        assert!(Record::parse(&[20; 64]).is_err());
    }
}
