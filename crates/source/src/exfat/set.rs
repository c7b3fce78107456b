//! The entries of one item: a file entry, its stream extension, its name in parts of 15.
//!
//! ```text
//! 85 02 checksum attributes times         two more entries follow
//! C0 flags length-of-name ... sizes, first cluster
//! C1 00 L e t t e r . t x t
//! ```
//!
//! Without the highest bit, the entries are those of a deleted item.

use scope::facts::{Attribute, Stamp, TimeKind, Zone};

use crate::fat::entry::{letters, nanoseconds};
use crate::fat::volume::{Piece, Place, SLOT};
use crate::field::{byte, le16, le32, le64};
use crate::wtf8::wtf8;

/// A file entry and what follows of its set.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    /// Where the file entry stands.
    pub(crate) place: Place,
    /// The entries, of which the first is the file entry.
    slots: Vec<[u8; SLOT]>,
    /// Whether it stands behind the mark that ends its directory.
    pub(crate) behind: bool,
}

/// Where content stands, by the stream extension.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Extension {
    /// Whether its clusters follow each other, and the table says nothing of them.
    pub(crate) contiguous: bool,
    /// First cluster; 0 where there is none.
    pub(crate) first: u32,
    /// Bytes.
    pub(crate) size: u64,
    /// Bytes that were ever written.
    pub(crate) valid: u64,
}

/// An entry that begins an item.
pub(crate) const FILE: u8 = 0x85;
/// The bit of an entry's type that says that it is in use.
pub(crate) const IN_USE: u8 = 0x80;
const SECONDARY: u8 = 0x40;
const BENIGN: u8 = 0x20;
const STREAM: u8 = 0x40;
const NAME: u8 = 0x41;
const DIRECTORY: u16 = 0x10;

impl Set {
    /// A set of which only the file entry is known yet.
    pub(crate) fn new(place: Place, file: [u8; SLOT], behind: bool) -> Self {
        Self { place, slots: vec![file], behind }
    }

    /// Takes the next entry, where it belongs to this set.
    pub(crate) fn push(&mut self, slot: &[u8; SLOT]) -> bool {
        let kind = byte(slot, 0).unwrap_or(0);
        let fits = !self.is_whole() && kind & SECONDARY != 0 && kind & IN_USE == self.kind(0) & IN_USE;
        if fits {
            self.slots.push(*slot);
        }
        fits
    }

    fn file(&self) -> &[u8] {
        self.slots.first().map_or(&[], |slot| slot.as_slice())
    }

    fn kind(&self, number: usize) -> u8 {
        self.slots.get(number).and_then(|slot| slot.first().copied()).unwrap_or(0)
    }

    /// Whether the item is in use.
    pub(crate) fn is_live(&self) -> bool {
        self.kind(0) & IN_USE != 0
    }

    /// Entries that the set is to have.
    fn count(&self) -> usize {
        usize::from(byte(self.file(), 1).unwrap_or(0)).saturating_add(1)
    }

    /// Whether all entries are there.
    pub(crate) fn is_whole(&self) -> bool {
        self.slots.len() >= self.count()
    }

    /// Whether all entries are there, and the checksum is theirs as they were in use.
    pub(crate) fn is_sound(&self) -> bool {
        let mut sum = 0_u16;
        for (at, byte) in self.slots.iter().flatten().enumerate() {
            if !matches!(at, 2 | 3) {
                let byte = if at % SLOT == 0 { byte | IN_USE } else { *byte };
                sum = sum.rotate_right(1).wrapping_add(byte.into());
            }
        }
        self.is_whole() && le16(self.file(), 2) == Some(sum)
    }

    fn bits(&self) -> u16 {
        le16(self.file(), 4).unwrap_or(0)
    }

    /// Whether this is a directory.
    pub(crate) fn is_directory(&self) -> bool {
        self.bits() & DIRECTORY != 0
    }

    /// The attributes that are set, as letters.
    pub(crate) fn attributes(&self) -> Option<Attribute> {
        letters("exfat.attributes", self.bits().to_le_bytes()[0])
    }

    /// The stream extension, where it is in its place.
    pub(crate) fn extension(&self) -> Option<Extension> {
        let slot = self.slots.get(1).filter(|_| self.kind(1) | IN_USE == STREAM | IN_USE)?;
        let flags = byte(slot, 1)?;
        Some(Extension {
            contiguous: flags & 2 != 0,
            first: if flags & 1 != 0 { le32(slot, 20)? } else { 0 },
            size: le64(slot, 24)?,
            valid: le64(slot, 8)?,
        })
    }

    /// The name as far as its parts are there, and whether all are.
    pub(crate) fn left_of_name(&self) -> (Vec<u8>, bool) {
        let length = match self.extension() {
            Some(_) => self.slots.get(1).and_then(|slot| byte(slot, 3)).unwrap_or(0).into(),
            None => 0_usize,
        };
        let mut units = Vec::with_capacity(length);
        let rest = self.slots.iter().skip(2).take_while(|slot| slot[0] | IN_USE == NAME | IN_USE);
        for slot in rest {
            let part = slot.get(2..).unwrap_or_default().as_chunks::<2>().0;
            units.extend(part.iter().map(|unit| u16::from_le_bytes(*unit)));
        }
        let whole = length != 0 && units.len() >= length;
        units.truncate(length);
        (wtf8(units), whole)
    }

    /// The name. Empty, which is no name, where parts are missing, or where the checksum does not fit and the name could
    /// not have been given.
    pub(crate) fn name(&self) -> Vec<u8> {
        let (name, whole) = self.left_of_name();
        let is_sane = || name.iter().all(|byte| *byte >= b' ' && !FORBIDDEN.contains(byte));
        let is_dots = matches!(name.as_slice(), b"." | b"..");
        if whole && !is_dots && (self.is_sound() || is_sane()) { name } else { Vec::new() }
    }

    /// The times, and whether one of them is in no calendar.
    pub(crate) fn times(&self) -> (Vec<Stamp>, bool) {
        let file = self.file();
        let one = |at| byte(file, at).unwrap_or(0);
        let all = [
            (TimeKind::Modified, 12, one(21), one(23)),
            (TimeKind::Accessed, 16, 0, one(24)),
            (TimeKind::Created, 8, one(20), one(22)),
        ];
        let (mut times, mut wrong) = (Vec::new(), false);
        for (of, at, hundredths, offset) in all {
            let (time, date) = (le16(file, at).unwrap_or(0), le16(file, at.saturating_add(2)).unwrap_or(0));
            if date == 0 {
                continue;
            }
            match nanoseconds(date, time, hundredths) {
                Some(ns) => {
                    let (ns, zone) = in_zone(ns, offset);
                    times.push(Stamp { of, from: "dir-entry".into(), ns, zone });
                }
                None => wrong = true,
            }
        }
        (times, wrong)
    }

    /// What is wrong with the set itself.
    pub(crate) fn issues(&self) -> Vec<String> {
        let mut issues = Vec::new();
        if !self.is_whole() {
            issues.push(format!("its set has {} of {} entries", self.slots.len(), self.count()));
        } else if !self.is_sound() {
            issues.push("the checksum of its set of entries does not fit".into());
        }
        if self.extension().is_none() {
            issues.push("its set has no stream extension: its size and content are not known".into());
        }
        let unknown = |kind: &u8| kind & BENIGN == 0 && !matches!(kind | IN_USE, 0xC0 | 0xC1);
        let kinds = self.slots.iter().skip(1).map(|slot| slot[0]);
        let count = kinds.filter(unknown).count();
        if count != 0 {
            issues.push(format!("its set has {count} entries of a kind that is not known and matters"));
        }
        issues
    }
}

/// A local time with the field that tells its zone: in steps of a quarter of an hour, where the highest bit is set.
fn in_zone(local: i128, field: u8) -> (i128, Zone) {
    if field & 0x80 == 0 {
        return (local, Zone::None);
    }
    let quarters = i128::from(field & 0x7F);
    let quarters = if quarters >= 64 { quarters.saturating_sub(128) } else { quarters };
    (local.saturating_sub(quarters.saturating_mul(900_000_000_000)), Zone::Recorded)
}

/// Reads the entries of a directory into sets.
#[derive(Default)]
pub(crate) struct Reader {
    pending: Option<Set>,
    ended: bool,
    /// Whether secondary entries that come now belong to something that is not an item.
    other: bool,
    behind: u64,
    orphans: u64,
    unknown: u64,
}

impl Reader {
    /// Takes the next entry; gives each set that is done. In the `root`, entries of the volume itself are as they should be.
    pub(crate) fn push(&mut self, piece: Piece<'_>, root: bool, each: &mut dyn FnMut(Set)) {
        let Piece::Slot(place, slot) = piece else {
            self.end_set(each);
            self.other = true;
            return;
        };
        if let Some(set) = self.pending.as_mut()
            && set.push(slot)
        {
            if set.is_whole() {
                self.end_set(each);
            }
            return;
        }
        self.end_set(each);
        let kind = slot[0];
        if self.ended && kind & IN_USE != 0 {
            self.behind = self.behind.saturating_add(1);
        }
        match kind {
            0 => self.ended = true,
            _ if kind | IN_USE == FILE => {
                self.other = false;
                self.pending = Some(Set::new(place, *slot, self.ended));
                if self.pending.as_ref().is_some_and(Set::is_whole) {
                    self.end_set(each);
                }
            }
            _ if kind & IN_USE == 0 || self.ended => self.other = false,
            _ if kind & SECONDARY != 0 => {
                if !self.other {
                    self.orphans = self.orphans.saturating_add(1);
                }
            }
            _ => {
                self.other = true;
                if kind & BENIGN == 0 && !(root && matches!(kind, 0x81..=0x83)) {
                    self.unknown = self.unknown.saturating_add(1);
                }
            }
        }
    }

    /// Gives the set that no further entry belongs to.
    pub(crate) fn end_set(&mut self, each: &mut dyn FnMut(Set)) {
        if let Some(set) = self.pending.take() {
            each(set);
        }
    }

    /// What was odd in this directory.
    pub(crate) fn issues(self) -> Vec<String> {
        let tell = |count: u64, what: &str| (count != 0).then(|| format!("{count} {what}"));
        [
            tell(
                self.behind,
                "entries stand behind the mark that ends a directory; they are not items in use",
            ),
            tell(self.orphans, "entries in a directory belong to no file entry"),
            tell(self.unknown, "entries in a directory are of a kind that is not known there and matters"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// ASCII characters that no name may have.
const FORBIDDEN: &[u8] = b"\"*/:<>?\\|";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones() {
        let check = |field, ns, zone| assert_eq!(in_zone(0, field), (ns, zone), "{field:x}");
        let quarter = 900_000_000_000;
        check(0, 0, Zone::None);
        check(0x04, 0, Zone::None);
        check(0x80, 0, Zone::Recorded);
        check(0x84, -4 * quarter, Zone::Recorded);
        check(0xF0, 16 * quarter, Zone::Recorded);
    }
}
