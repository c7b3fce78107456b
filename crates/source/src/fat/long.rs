//! Long names: up to twenty slots before the entry, the last part first.
//!
//! ```text
//! 42 . t x t ..  0F 00 5C      part 2, the last; checksum 5C
//! 01 L e t t e r ...  5C       part 1
//! LETTER~1TXT                  the entry, whose eleven bytes have the checksum 5C
//! ```

use crate::fat::entry::{DELETED, Short, first_byte};
use crate::fat::volume::SLOT;
use crate::field::{byte, le16};
use crate::wtf8::wtf8;

/// The parts of a long name that were met, and still wait for their entry.
#[derive(Default)]
pub(crate) struct Long {
    /// Parts as they stand on the medium: the last one first.
    parts: Vec<[u16; PART]>,
    checksum: u8,
    /// Number of the part met last; 1 where all are there.
    number: u8,
    /// Sets of parts that no entry fitted.
    pub(crate) orphans: u64,
}

impl Long {
    /// Takes a part.
    pub(crate) fn push(&mut self, slot: &[u8; SLOT]) {
        let (order, checksum) = (byte(slot, 0).unwrap_or(0), byte(slot, 13).unwrap_or(0));
        let number = order & !LAST;
        if order & LAST != 0 {
            self.reset();
            if !(1..=MAX_PARTS).contains(&number) {
                self.orphans = self.orphans.saturating_add(1);
                return;
            }
            self.checksum = checksum;
        } else if self.parts.is_empty()
            || number == 0
            || number.checked_add(1) != Some(self.number)
            || checksum != self.checksum
        {
            if self.parts.is_empty() {
                self.orphans = self.orphans.saturating_add(1);
            }
            self.reset();
            return;
        }
        self.number = number;
        self.parts.push(part(slot));
    }

    /// Drops the parts that wait: no entry followed them.
    pub(crate) fn reset(&mut self) {
        if !self.parts.is_empty() {
            self.orphans = self.orphans.saturating_add(1);
        }
        self.parts.clear();
    }

    /// The long name of the entry that follows, where all parts are there and their checksum is the entry's.
    pub(crate) fn take(&mut self, short: Short<'_>) -> Option<Vec<u8>> {
        let whole = !self.parts.is_empty() && self.number == 1 && self.checksum == short.checksum();
        let name = whole.then(|| name(&self.parts)).flatten();
        if name.is_none() {
            self.reset();
        }
        self.parts.clear();
        name
    }
}

/// Whether `before` is the first part of the long name of `short`.
pub(crate) fn belongs(before: &[u8; SLOT], short: Short<'_>) -> bool {
    let first = byte(before, 0).is_some_and(|order| order & !LAST == 1);
    first && Short(before).is_long() && byte(before, 13) == Some(short.checksum())
}

/// The parts of a deleted long name, whose numbers are lost.
#[derive(Default)]
pub(crate) struct Lost {
    parts: Vec<[u16; PART]>,
    checksum: u8,
}

impl Lost {
    /// Takes a deleted part.
    pub(crate) fn push(&mut self, slot: &[u8; SLOT]) {
        let checksum = byte(slot, 13).unwrap_or(0);
        if checksum != self.checksum || self.parts.len() >= usize::from(MAX_PARTS) {
            self.parts.clear();
        }
        self.checksum = checksum;
        self.parts.push(part(slot));
    }

    /// Drops the parts that wait.
    pub(crate) fn reset(&mut self) {
        self.parts.clear();
    }

    /// The long name of the deleted entry that follows, where it is certain to be whole: its end is there, and the first
    /// byte of the short name that follows from the checksum is the one that this long name gives.
    pub(crate) fn take(&mut self, short: Short<'_>) -> Option<Vec<u8>> {
        let parts = std::mem::take(&mut self.parts);
        let (last, others) = parts.split_first()?;
        let ended = last.contains(&0) && others.iter().all(|part| !part.contains(&0));
        let name = name(&parts).filter(|_| ended)?;
        let first = first_byte(short.raw_name().get(1..)?, self.checksum);
        let expected = name.iter().find(|byte| !matches!(byte, b'.' | b' '))?;
        let expected = match expected {
            b'+' | b',' | b';' | b'=' | b'[' | b']' => b'_',
            byte if byte.is_ascii() => byte.to_ascii_uppercase(),
            _ => return None,
        };
        (first == expected && first != DELETED).then_some(name)
    }
}

fn part(slot: &[u8; SLOT]) -> [u16; PART] {
    let places = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
    places.map(|at| le16(slot, at).unwrap_or(0))
}

/// The name in `parts`, the last one first. `None` where it is empty, or longer than 255 units.
fn name(parts: &[[u16; PART]]) -> Option<Vec<u8>> {
    let units: Vec<u16> = parts.iter().rev().flatten().copied().take_while(|unit| *unit != 0).collect();
    (1..=MAX_UNITS).contains(&units.len()).then(|| wtf8(units))
}

/// Units of a part.
const PART: usize = 13;
/// Mark of the last part.
const LAST: u8 = 0x40;
/// Most parts: 255 units in parts of 13.
const MAX_PARTS: u8 = 20;
/// Longest name, in units.
const MAX_UNITS: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    /// Slots of a long name, as they stand on a medium, and its entry.
    fn set(name: &str, short: &[u8; 11]) -> (Vec<[u8; SLOT]>, [u8; SLOT]) {
        let mut entry = [0; SLOT];
        entry[..11].copy_from_slice(short);
        let mut units: Vec<u16> = name.encode_utf16().collect();
        if !units.len().is_multiple_of(PART) {
            units.push(0);
            units.resize(units.len().next_multiple_of(PART), 0xFFFF);
        }
        let mut slots = Vec::new();
        for (index, part) in units.chunks(PART).enumerate() {
            let mut slot = [0; SLOT];
            slot[0] = (index as u8 + 1) | if (index + 1) * PART == units.len() { LAST } else { 0 };
            slot[11] = 0x0F;
            slot[13] = Short(&entry).checksum();
            for (unit, at) in part.iter().zip([1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30]) {
                slot[at..at + 2].copy_from_slice(&unit.to_le_bytes());
            }
            slots.insert(0, slot);
        }
        (slots, entry)
    }

    #[test]
    fn parts_out_of_order_or_of_another_entry_are_orphans() {
        let (slots, entry) = set("a name of three parts, at least", b"ANAMEO~1   ");
        let check = |slots: &[&[u8; SLOT]], expect: Option<&[u8]>, orphans| {
            let mut long = Long::default();
            for slot in slots {
                long.push(slot);
            }
            assert_eq!(long.take(Short(&entry)).as_deref(), expect);
            assert_eq!(long.orphans, orphans);
        };
        check(&[&slots[0], &slots[1], &slots[2]], Some(b"a name of three parts, at least"), 0);
        check(&[&slots[0], &slots[2]], None, 1);
        check(&[&slots[0], &slots[1]], None, 1);
        check(&[&slots[1], &slots[2]], None, 2);
        check(&[], None, 0);
        check(&[&slots[0], &slots[0], &slots[1], &slots[2]], Some(b"a name of three parts, at least"), 1);
        let mut other = slots[1];
        other[13] ^= 1;
        check(&[&slots[0], &other, &slots[2]], None, 2);
        let (all, _) = set("a name of three parts, at least", b"OTHER      ");
        check(&[&all[0], &all[1], &all[2]], None, 1);
    }

    #[test]
    fn a_deleted_name_is_certain_only_where_it_is_whole() {
        let check = |name: &str, short: &[u8; 11], skip, expect: bool| {
            let (slots, mut entry) = set(name, short);
            entry[0] = DELETED;
            let mut lost = Lost::default();
            for slot in &slots[skip..] {
                let mut slot = *slot;
                slot[0] = DELETED;
                lost.push(&slot);
            }
            assert_eq!(lost.take(Short(&entry)), expect.then(|| name.as_bytes().to_vec()), "{name}");
        };
        check("letter to a friend.txt", b"LETTER~1TXT", 0, true);
        check("letter to a friend.txt", b"LETTER~1TXT", 1, false);
        check("letter to a friend.txt", b"OTHER   TXT", 0, false);
        check(".hidden file", b"HIDDEN~1   ", 0, true);
        check("thirteen char", b"THIRTE~1   ", 0, false); // its end is not marked
        check("\u{e9}t\u{e9} 2026", b"\x90T\x902026    ", 0, false); // the first byte cannot be checked
    }
}
