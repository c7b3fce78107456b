//! A slot of 32 bytes as the entry of an item.

use scope::RawName;
use scope::facts::{Attribute, Stamp, TimeKind, Zone};

use crate::calendar::Moment;
use crate::fat::table::Width;
use crate::fat::volume::SLOT;
use crate::field::{byte, le16, le32};

/// The entry of an item: eight and three bytes of name, attributes, times, first cluster, size.
#[derive(Clone, Copy)]
pub(crate) struct Short<'a>(pub(crate) &'a [u8; SLOT]);

/// What a slot is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sort {
    /// The end of the directory.
    End,
    Deleted,
    /// A part of a long name.
    Long,
    /// The volume's label, which is not an item.
    Label,
    Item,
}

/// First byte of a slot whose item was deleted.
pub(crate) const DELETED: u8 = 0xE5;

mod attribute {
    pub(super) const LABEL: u8 = 0x08;
    pub(super) const DIRECTORY: u8 = 0x10;
    pub(super) const LONG: u8 = 0x0F;
    pub(super) const LONG_MASK: u8 = 0x3F;
    /// As `attrib` shows them.
    pub(super) const LETTERS: [(u8, u8); 5] =
        [(0x01, b'R'), (0x02, b'H'), (0x04, b'S'), (0x10, b'D'), (0x20, b'A')];
}

impl<'a> Short<'a> {
    fn field(self, at: usize) -> u16 {
        le16(self.0, at).unwrap_or(0)
    }

    fn one(self, at: usize) -> u8 {
        byte(self.0, at).unwrap_or(0)
    }

    /// What this slot is.
    pub(crate) fn sort(self) -> Sort {
        match self.one(0) {
            0 => Sort::End,
            DELETED => Sort::Deleted,
            _ if self.is_long() => Sort::Long,
            _ if self.is_label() => Sort::Label,
            _ => Sort::Item,
        }
    }

    /// Whether this is a part of a long name, also a deleted one.
    pub(crate) fn is_long(self) -> bool {
        self.one(11) & attribute::LONG_MASK == attribute::LONG
    }

    /// Whether this is the volume's label, also a deleted one.
    pub(crate) fn is_label(self) -> bool {
        !self.is_long() && self.one(11) & attribute::LABEL != 0
    }

    /// Whether this is the entry of a directory.
    pub(crate) fn is_directory(self) -> bool {
        self.one(11) & attribute::DIRECTORY != 0
    }

    /// Whether this is a directory's entry for itself or for the one above.
    pub(crate) fn is_dots(self) -> bool {
        self.is_directory() && matches!(self.raw_name(), b".          " | b"..         ")
    }

    /// The eleven bytes of the name.
    pub(crate) fn raw_name(self) -> &'a [u8] {
        self.0.get(..11).unwrap_or_default()
    }

    /// First cluster; 0 where there is none.
    pub(crate) fn first_cluster(self, width: Width) -> u32 {
        // On FAT12 and FAT16 the upper half belongs to OS/2.
        let high = if width == Width::ThirtyTwo { self.field(20) & 0x0FFF } else { 0 };
        u32::from(high) << 16 | u32::from(self.field(26))
    }

    /// Size in bytes; directories have none.
    pub(crate) fn size(self) -> u32 {
        le32(self.0, 28).unwrap_or(0)
    }

    /// The checksum by which long names know their entry.
    pub(crate) fn checksum(self) -> u8 {
        checksum(self.raw_name())
    }

    /// The name by the eleven bytes alone: with a dot, and lower case where the entry says so. Bytes from 0x80 on stay
    /// as they are: the code page that they are of is not on the medium.
    pub(crate) fn name(self) -> Vec<u8> {
        let part = |bytes: &[u8], lower: bool| {
            let end = bytes.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last.saturating_add(1));
            let mut part = bytes.get(..end).unwrap_or_default().to_vec();
            if lower {
                part.make_ascii_lowercase();
            }
            part
        };
        let mut raw = self.raw_name().to_vec();
        if let Some(first) = raw.first_mut().filter(|first| **first == 0x05) {
            *first = DELETED;
        }
        let case = self.one(12);
        let mut name = part(raw.get(..8).unwrap_or_default(), case & 0x08 != 0);
        let extension = part(raw.get(8..).unwrap_or_default(), case & 0x10 != 0);
        if !extension.is_empty() {
            name.push(b'.');
            name.extend(extension);
        }
        name
    }

    /// The attributes that are set, as letters.
    pub(crate) fn attributes(self) -> Option<Attribute> {
        letters("fat.attributes", self.one(11))
    }

    /// The times, and whether one of them is in no calendar. They are local, of a zone that is not on the medium.
    pub(crate) fn times(self) -> (Vec<Stamp>, bool) {
        let tenths = self.one(13);
        let all = [
            (TimeKind::Modified, self.field(24), self.field(22), 0),
            (TimeKind::Accessed, self.field(18), 0, 0),
            (TimeKind::Created, self.field(16), self.field(14), tenths),
        ];
        let mut times = Vec::new();
        let mut wrong = false;
        for (of, date, time, tenths) in all.into_iter().filter(|(_, date, ..)| *date != 0) {
            match nanoseconds(date, time, tenths) {
                Some(ns) => times.push(Stamp { of, from: "dir-entry".into(), ns, zone: Zone::None }),
                None => wrong = true,
            }
        }
        (times, wrong)
    }
}

/// The attribute fact `name` with the letters of the attributes in `bits`, where any is set.
pub(crate) fn letters(name: &str, bits: u8) -> Option<Attribute> {
    let set = attribute::LETTERS.iter().filter(|(bit, _)| bits & bit != 0);
    let letters: Vec<u8> = set.map(|(_, letter)| *letter).collect();
    (!letters.is_empty()).then(|| fact(name, letters))
}

/// An attribute fact of this file system.
pub(crate) fn fact(name: &str, value: Vec<u8>) -> Attribute {
    Attribute {
        name: RawName(name.as_bytes().to_vec()),
        size: crate::bytes::length(value.len()),
        value: RawName(value),
    }
}

/// The checksum of the eleven bytes of a name.
fn checksum(name: &[u8]) -> u8 {
    name.iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}

/// The first byte that a name had, where `rest` are its other ten and `sum` was its checksum. There is exactly one.
pub(crate) fn first_byte(rest: &[u8], sum: u8) -> u8 {
    // Each step of the checksum can be undone: take the byte away, and turn back.
    rest.iter().rev().fold(sum, |sum, byte| sum.wrapping_sub(*byte).rotate_left(1))
}

/// A date and a time of day in 16 bits each, and hundredths of a second up to 199.
pub(crate) fn nanoseconds(date: u16, time: u16, hundredths: u8) -> Option<i128> {
    let moment = Moment {
        year: u32::from(date >> 9).saturating_add(1980),
        month: u32::from(date >> 5 & 0xF),
        day: u32::from(date & 0x1F),
        hour: u32::from(time >> 11),
        minute: u32::from(time >> 5 & 0x3F),
        second: u32::from(time & 0x1F).saturating_mul(2),
    };
    if hundredths > 199 {
        return None;
    }
    let seconds = i128::from(moment.seconds()?);
    Some(
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(i128::from(hundredths).saturating_mul(10_000_000)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(name: &[u8; 11], case: u8) -> [u8; SLOT] {
        let mut slot = [0; SLOT];
        slot[..11].copy_from_slice(name);
        slot[12] = case;
        slot
    }

    #[test]
    fn short_names() {
        let check =
            |name: &[u8; 11], case, expect: &[u8]| assert_eq!(Short(&slot(name, case)).name(), expect);
        check(b"README  TXT", 0, b"README.TXT");
        check(b"README  TXT", 0x08, b"readme.TXT");
        check(b"README  TXT", 0x18, b"readme.txt");
        check(b"NOEXT      ", 0x10, b"NOEXT");
        check(b"A B     C D", 0, b"A B.C D");
        check(b"\x05BC     \x81 \x9A", 0, b"\xE5BC.\x81 \x9A");
    }

    #[test]
    fn the_first_byte_follows_from_the_checksum() {
        for first in 0..=255 {
            let mut name = *b"?ETTER~1TXT";
            name[0] = first;
            assert_eq!(first_byte(&name[1..], checksum(&name)), first);
        }
    }

    #[test]
    fn dates_and_times() {
        let check = |date, time, hundredths, expect| assert_eq!(nanoseconds(date, time, hundredths), expect);
        check(0x0021, 0, 0, Some(315_532_800_000_000_000));
        check(0x0021, 0x0001, 199, Some(315_532_803_990_000_000));
        check(0xFF9F, 0xBF7D, 0, Some(4_354_819_198_000_000_000));
        check(0x0021, 0, 200, None);
        check(0x0021, 0x001E, 0, None);
        check(0x0001, 0, 0, None);
        check(0x0020, 0, 0, None);
    }
}
