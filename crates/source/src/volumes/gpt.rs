//! The GUID partition table: a header and a table at the beginning, and copies of both at the end.
//!
//! ```text
//! sector 1      "EFI PART", CRC of the header, where the copy is, disk GUID, where the table is, its CRC
//! sector 2..    entries: type GUID, own GUID, first and last sector, attributes, name
//! last sector   the copy of the header; its table lies before it
//! ```
//!
//! Source: UEFI Specification 2.10, 5.3.

use std::collections::BTreeSet;

use crate::bytes::ByteSource;
use crate::field::{le32, le64};
use crate::medium::cut_short;
use crate::names::wide;

use super::crc32::crc32;
use super::kinds::{gpt_kind, guid};
use super::{Boot, Notes, Partition};

/// A header and a table whose checksums fit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Table {
    /// Bytes in a sector.
    pub(super) sector_size: u32,
    /// The disk's GUID.
    pub(super) guid: String,
    alternate: u64,
    usable: (u64, u64),
    entry_size: usize,
    entries: Vec<u8>,
    /// Where its header and its entries stand, and those of its copy, as first byte and length.
    pub(super) own: Vec<(u64, u64)>,
}

impl Table {
    /// The partitions of the table, those too that leave the disk.
    pub(super) fn partitions(&self, notes: &mut Notes) -> Vec<Partition> {
        let numbered = (1_u32..).zip(self.entries.chunks_exact(self.entry_size));
        numbered.filter_map(|(number, entry)| self.partition(number, entry, notes)).collect()
    }

    fn partition(&self, number: u32, entry: &[u8], notes: &mut Notes) -> Option<Partition> {
        let kind = guid(entry, 0)?;
        if entry.first_chunk() == Some(&[0_u8; 16]) {
            return None;
        }
        let (first, last) = (le64(entry, 32)?, le64(entry, 40)?);
        let size = u64::from(self.sector_size);
        let count = last.checked_sub(first).and_then(|count| count.checked_add(1));
        let bytes = count.and_then(|count| Some((first.checked_mul(size)?, count.checked_mul(size)?)));
        let Some((start, length)) = bytes.filter(|(start, length)| start.checked_add(*length).is_some())
        else {
            notes
                .add(format!("entry {number} of the GPT is left out: it goes from sector {first} to {last}"));
            return None;
        };
        if first < self.usable.0 || last > self.usable.1 {
            let (from, to) = self.usable;
            notes.add(format!(
                "partition {number} goes from sector {first} to {last}, the GPT allows {from} to {to}"
            ));
        }
        let name = entry.get(56..128).and_then(wide);
        Some(Partition { number, start, length, kind: gpt_kind(kind), guid: guid(entry, 16), name })
    }
}

/// What stands where a header should be.
enum Seen {
    Absent,
    Unreadable(String),
    /// Why it is not used, and where its copy would be, if that can be believed.
    Damaged(String, Option<u64>),
    Good(Table),
}

/// Whether `EFI PART` stands where a primary header would.
pub(super) fn is_marked(bytes: &dyn ByteSource) -> bool {
    SECTOR_SIZES.iter().any(|size| matches!(look(bytes, *size, 1), Seen::Damaged(..) | Seen::Good(_)))
}

/// The table to be used: the primary, or the secondary where the primary is damaged or the disk's beginning is.
pub(super) fn find(bytes: &dyn ByteSource, boot: &Boot, notes: &mut Notes) -> Option<Table> {
    // Without any sign at the beginning, a copy at the end may be what is left of an earlier use.
    let mut expected = !matches!(boot, Boot::Absent | Boot::Implausible(_));
    let mut damaged = None;
    for size in SECTOR_SIZES {
        match look(bytes, size, 1) {
            Seen::Good(mut table) => {
                about_boot(boot, notes);
                let copy = compare(bytes, &table, notes);
                table.own.extend(copy);
                return Some(table);
            }
            Seen::Damaged(why, alternate) => {
                expected = true;
                damaged = Some((why, alternate.map(|at| (size, at))));
            }
            Seen::Unreadable(why) if expected => damaged = damaged.or(Some((why, None))),
            Seen::Unreadable(_) | Seen::Absent => {}
        }
    }
    let last = |size: u32| (size, (bytes.len() / u64::from(size)).saturating_sub(1));
    let mut places: BTreeSet<(u32, u64)> = SECTOR_SIZES.into_iter().map(last).collect();
    places.extend(damaged.as_ref().and_then(|(_, alternate)| *alternate));
    let why = damaged.as_ref().map_or("it is not there", |(why, _)| why.as_str());
    for (size, at) in places {
        match look(bytes, size, at) {
            Seen::Good(_) if !expected => {
                notes.add(format!("what may be left of a GPT stands at sector {at}, and is not used"));
                return None;
            }
            Seen::Good(table) => {
                about_boot(boot, notes);
                notes.add(format!("the primary GPT is not used ({why}): the secondary at sector {at} is"));
                return Some(table);
            }
            Seen::Damaged(other, _) | Seen::Unreadable(other) if damaged.is_some() => {
                notes.add(format!("the secondary GPT at sector {at} is not used: {other}"));
            }
            Seen::Damaged(..) | Seen::Unreadable(_) | Seen::Absent => {}
        }
    }
    if damaged.is_some() {
        notes.add(format!("the primary GPT is not used ({why}), and no secondary can be"));
    }
    None
}

fn about_boot(boot: &Boot, notes: &mut Notes) {
    match boot {
        Boot::Protective { others: 0 } => {}
        Boot::Protective { others } => {
            notes.add(format!(
                "the MBR is a hybrid one: it lists {others} partitions besides the protective one"
            ));
        }
        Boot::Unreadable(fault) => notes.add(format!("the protective MBR cannot be read: {fault}")),
        _ => notes.add("the disk has a GPT, but no protective MBR"),
    }
}

/// Notes where the secondary is not what it should be. Returns where it stands.
fn compare(bytes: &dyn ByteSource, table: &Table, notes: &mut Notes) -> Vec<(u64, u64)> {
    let (at, mut own) = (table.alternate, Vec::new());
    match look(bytes, table.sector_size, at) {
        Seen::Good(other) if other.guid == table.guid && other.entries == table.entries => own = other.own,
        Seen::Good(_) => {
            notes.add(format!("the secondary GPT at sector {at} differs from the primary, which is used"))
        }
        Seen::Damaged(why, _) | Seen::Unreadable(why) => {
            notes.add(format!("the secondary GPT at sector {at} is damaged: {why}"));
        }
        Seen::Absent => notes.add(format!("there is no secondary GPT at sector {at}")),
    }
    let last = (bytes.len() / u64::from(table.sector_size)).saturating_sub(1);
    if at > last {
        let length = at.saturating_add(1).saturating_mul(table.sector_size.into());
        notes.add(cut_short("by its GPT the disk has", length, bytes.len()));
    } else if at != last {
        notes.add(format!("the secondary GPT belongs at sector {at}; the disk's last sector is {last}"));
    }
    own
}

fn look(bytes: &dyn ByteSource, sector_size: u32, at: u64) -> Seen {
    let mut sector = vec![0; usize::try_from(sector_size).unwrap_or_default()];
    let Some(offset) = at.checked_mul(u64::from(sector_size)) else { return Seen::Absent };
    let end = offset.checked_add(u64::from(sector_size));
    if end.is_none_or(|end| end > bytes.len()) {
        return Seen::Absent;
    }
    if let Err(fault) = bytes.read_exact_at(offset, &mut sector) {
        return Seen::Unreadable(fault.to_string());
    }
    if !sector.starts_with(b"EFI PART") {
        return Seen::Absent;
    }
    match header(&sector, at) {
        Ok(header) => match header.table(bytes, sector_size) {
            Ok(mut table) => {
                table.own.push((offset, u64::from(sector_size)));
                Seen::Good(table)
            }
            Err(why) => Seen::Damaged(why, Some(header.alternate)),
        },
        Err(why) => Seen::Damaged(why, None),
    }
}

struct Header {
    alternate: u64,
    usable: (u64, u64),
    guid: String,
    table_at: u64,
    count: u32,
    entry_size: u32,
    table_crc: u32,
}

fn header(sector: &[u8], at: u64) -> Result<Header, String> {
    let short = || "the header is short".to_owned();
    let size = le32(sector, 12).ok_or_else(short)?;
    let mut covered = usize::try_from(size)
        .ok()
        .filter(|size| *size >= MIN_HEADER)
        .and_then(|size| sector.get(..size))
        .ok_or_else(|| format!("the header states its size as {size} bytes"))?
        .to_vec();
    let stated = le32(sector, 16).ok_or_else(short)?;
    if let Some(field) = covered.get_mut(16..20) {
        field.fill(0);
    }
    let found = !crc32(!0, &covered);
    if found != stated {
        return Err(format!("the header's checksum is {found:08x}, stated is {stated:08x}"));
    }
    let own = le64(sector, 24).ok_or_else(short)?;
    if own != at {
        return Err(format!("the header at sector {at} says that it stands at sector {own}"));
    }
    let read = || {
        Some(Header {
            alternate: le64(sector, 32)?,
            usable: (le64(sector, 40)?, le64(sector, 48)?),
            guid: guid(sector, 56)?,
            table_at: le64(sector, 72)?,
            count: le32(sector, 80)?,
            entry_size: le32(sector, 84)?,
            table_crc: le32(sector, 88)?,
        })
    };
    read().ok_or_else(short)
}

impl Header {
    fn table(&self, bytes: &dyn ByteSource, sector_size: u32) -> Result<Table, String> {
        let Self { count, entry_size, table_at, .. } = self;
        let size = usize::try_from(*entry_size).unwrap_or_default();
        let length = usize::try_from(*count).unwrap_or(usize::MAX).saturating_mul(size);
        if size < MIN_ENTRY || !size.is_multiple_of(8) || length > MAX_TABLE {
            return Err(format!("the header states a table of {count} entries of {entry_size} bytes"));
        }
        let offset = table_at
            .checked_mul(u64::from(sector_size))
            .filter(|offset| *offset < bytes.len())
            .ok_or_else(|| format!("the header states a table at sector {table_at}, beyond the disk"))?;
        let mut entries = vec![0; length];
        bytes.read_exact_at(offset, &mut entries).map_err(|fault| format!("its table: {fault}"))?;
        let found = !crc32(!0, &entries);
        if found != self.table_crc {
            return Err(format!("its table's checksum is {found:08x}, stated is {:08x}", self.table_crc));
        }
        Ok(Table {
            sector_size,
            guid: self.guid.clone(),
            alternate: self.alternate,
            usable: self.usable,
            entry_size: size,
            own: vec![(offset, crate::bytes::length(entries.len()))],
            entries,
        })
    }
}

/// Where a header can stand: one sector from the beginning, and the last sector.
const SECTOR_SIZES: [u32; 2] = [512, 4096];
/// Bytes of the header's fields.
const MIN_HEADER: usize = 92;
/// Bytes of an entry's fields.
const MIN_ENTRY: usize = 128;
/// Longest table read. The usual one has 128 entries of 128 bytes; this holds 8,192.
const MAX_TABLE: usize = 1 << 20;
