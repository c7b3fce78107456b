//! The partition table of an MBR, and its chain of logical partitions.
//!
//! ```text
//! 446   four entries of 16 bytes: status, CHS, type, CHS, first sector, sectors
//! 510   55 AA
//! ```
//!
//! Sources: UEFI Specification 2.10, 5.2.1 (legacy MBR); Microsoft, "Basic disks" (extended boot records).

use std::collections::BTreeSet;

use crate::bytes::ByteSource;
use crate::field::{byte, le32};

use super::kinds::mbr_kind;
use super::{Boot, Notes, Partition};

/// One entry in use.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its place in the table, from 1.
    number: u32,
    status: u8,
    kind: u8,
    /// First sector and how many, as the entry counts them.
    first: u64,
    count: u64,
}

impl Entry {
    /// The sector in which it begins.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    pub(super) fn is_extended(&self) -> bool {
        matches!(self.kind, 0x05 | 0x0F | 0x85)
    }
}

/// What a disk's first sector holds. An MBR is believed where every entry can be one; see [`implausible`].
///
/// `over_iso`: an ISO 9660 file system stands behind. Then an entry may begin with it at sector 0, and others lie in it, as the tools write
/// it for discs that are to start from a stick too; one at least has to begin elsewhere.
pub(super) fn boot(sector: &[u8; 512], len: u64, sector_size: u32, over_iso: bool) -> Boot {
    if sector.iter().all(|byte| *byte == 0) {
        return Boot::Blank;
    }
    if !sector.ends_with(&SIGNATURE) {
        return Boot::Absent;
    }
    let all = entries(sector);
    let used: Vec<Entry> = all.iter().filter(|entry| entry.kind != 0).cloned().collect();
    let plain = all.iter().all(|entry| entry.status == 0x00 || entry.status == 0x80);
    if plain && used.iter().any(|entry| entry.kind == PROTECTIVE) {
        return Boot::Protective { others: used.iter().filter(|entry| entry.kind != PROTECTIVE).count() };
    }
    let sectors = len / u64::from(sector_size.max(512));
    let is_disc = |entry: &Entry| over_iso && entry.kind != 0 && entry.first == 0 && entry.count > 0;
    let beside: Vec<Entry> = all.iter().filter(|entry| !is_disc(entry)).cloned().collect();
    match implausible(&beside, sectors) {
        Some(why) => Boot::Implausible(why),
        None => Boot::Table(used),
    }
}

/// Why four entries are no partition table, or `None`.
///
/// A boot sector of FAT, NTFS or exFAT ends in the same signature, with code and messages in the entries' place, or zeros.
/// Each entry's status must be 00 or 80. Each that has a type must have sectors, begin after the table, and overlap no other;
/// one at least must begin inside the disk. The rest may lie beyond it: the image may be cut.
fn implausible(all: &[Entry], sectors: u64) -> Option<String> {
    let mut before: Vec<&Entry> = Vec::new();
    for entry in all {
        let Entry { number, status, first, count, .. } = entry;
        if *status != 0x00 && *status != 0x80 {
            return Some(format!("entry {number} has the status {status:#04x}"));
        }
        if entry.kind == 0 {
            continue;
        }
        if *count == 0 || *first == 0 {
            return Some(format!("entry {number} has {count} sectors from {first}"));
        }
        let ends = |entry: &Entry| entry.first.saturating_add(entry.count);
        if let Some(other) = before.iter().find(|other| *first < ends(other) && other.first < ends(entry)) {
            return Some(format!("entries {} and {number} overlap", other.number));
        }
        before.push(entry);
    }
    if before.is_empty() {
        return Some("no entry is in use".into());
    }
    let inside = before.iter().any(|entry| entry.first < sectors);
    (!inside).then(|| format!("no entry begins inside the disk's {sectors} sectors"))
}

/// The partitions of a table: primaries, and logical ones in the order of their chain. An extended partition is not one.
///
/// Where the chain's tables stand is added to `tables`.
pub(super) fn partitions(
    bytes: &dyn ByteSource,
    sector_size: u32,
    entries: &[Entry],
    tables: &mut Vec<(u64, u64)>,
    notes: &mut Notes,
) -> Vec<Partition> {
    let size = u64::from(sector_size.max(512));
    let mut found: Vec<Partition> = entries
        .iter()
        .filter(|entry| !entry.is_extended())
        .map(|entry| partition(entry.number, entry.kind, entry.first, entry.count, size))
        .collect();
    let mut next = FIRST_LOGICAL;
    let extended: Vec<&Entry> = entries.iter().filter(|entry| entry.is_extended()).collect();
    if extended.len() > 1 {
        notes.add(format!("the MBR has {} extended partitions instead of one", extended.len()));
    }
    for entry in extended {
        let links = logical(bytes, entry, size, &mut next, &mut found, notes);
        tables.extend(links.into_iter().map(|at| (at.saturating_mul(size), 512)));
    }
    found
}

/// Follows the chain of one extended partition. Each link is entered once; returns the sectors of all that are.
fn logical(
    bytes: &dyn ByteSource,
    extended: &Entry,
    size: u64,
    next: &mut u32,
    found: &mut Vec<Partition>,
    notes: &mut Notes,
) -> BTreeSet<u64> {
    let end = extended.first.saturating_add(extended.count);
    let (mut seen, mut links) = (BTreeSet::new(), BTreeSet::new());
    let mut at = extended.first;
    loop {
        if !seen.insert(at) {
            notes.add(format!("the chain of logical partitions comes back to sector {at}, and ends there"));
            return links;
        }
        if seen.len() > MAX_LINKS {
            notes.add(format!(
                "the chain of logical partitions has more than {MAX_LINKS} links: the rest is left out"
            ));
            return links;
        }
        let mut sector = [0; 512];
        if let Err(fault) = bytes.read_exact_at(at.saturating_mul(size), &mut sector) {
            notes.add(format!("the chain of logical partitions ends at sector {at}: {fault}"));
            return links;
        }
        if !sector.ends_with(&SIGNATURE) {
            notes.add(format!(
                "the chain of logical partitions ends at sector {at}, which has no boot signature"
            ));
            return links;
        }
        links.insert(at);
        let mut link = None;
        for entry in entries(&sector).into_iter().filter(|entry| entry.kind != 0 && entry.count != 0) {
            if entry.is_extended() {
                if link.is_some() {
                    notes.add(format!("the link at sector {at} has two successors: the first is followed"));
                }
                link = link.or(Some(extended.first.saturating_add(entry.first)));
                continue;
            }
            if entry.number > 2 {
                notes.add(format!("the link at sector {at} uses entry {} of its table", entry.number));
            }
            let first = at.saturating_add(entry.first);
            if first < extended.first || first.saturating_add(entry.count) > end {
                notes.add(format!(
                    "logical partition {next} leaves the extended partition, which ends at sector {end}"
                ));
            }
            found.push(partition(*next, entry.kind, first, entry.count, size));
            *next = next.saturating_add(1);
        }
        let Some(link) = link else { return links };
        at = link;
    }
}

fn partition(number: u32, kind: u8, first: u64, count: u64, size: u64) -> Partition {
    let (start, length) = (first.saturating_mul(size), count.saturating_mul(size));
    Partition { number, start, length, kind: mbr_kind(kind), guid: None, name: None }
}

fn entries(sector: &[u8; 512]) -> Vec<Entry> {
    let table = sector.get(446..510).unwrap_or_default();
    let read = |(number, entry): (u32, &[u8])| {
        Some(Entry {
            number,
            status: byte(entry, 0)?,
            kind: byte(entry, 4)?,
            first: le32(entry, 8)?.into(),
            count: le32(entry, 12)?.into(),
        })
    };
    (1..).zip(table.chunks(16)).filter_map(read).collect()
}

const SIGNATURE: [u8; 2] = [0x55, 0xAA];
/// The type of the entry that keeps older programs away from a GPT.
const PROTECTIVE: u8 = 0xEE;
/// Logical partitions are counted from here, behind four primaries.
const FIRST_LOGICAL: u32 = 5;
/// Most links followed. Linux names 255 partitions of one disk; a longer chain is a trap.
const MAX_LINKS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn sector(entries: &[(u8, u8, u32, u32)]) -> [u8; 512] {
        let mut sector = [0; 512];
        for (index, (status, kind, first, count)) in entries.iter().enumerate() {
            let at = 446 + 16 * index;
            (sector[at], sector[at + 4]) = (*status, *kind);
            sector[at + 8..at + 12].copy_from_slice(&first.to_le_bytes());
            sector[at + 12..at + 16].copy_from_slice(&count.to_le_bytes());
        }
        sector[510..].copy_from_slice(&SIGNATURE);
        sector
    }

    fn check(entries: &[(u8, u8, u32, u32)], expect: &str) {
        check_over(false, entries, expect);
    }

    fn check_over(over_iso: bool, entries: &[(u8, u8, u32, u32)], expect: &str) {
        let said = match boot(&sector(entries), 1000 * 512, 512, over_iso) {
            Boot::Implausible(why) => why,
            Boot::Protective { others } => format!("protective and {others}"),
            Boot::Table(entries) => format!("{} entries", entries.len()),
            _ => "nothing".into(),
        };
        assert_eq!(said, expect);
    }

    #[test]
    fn an_mbr_is_more_than_its_signature() {
        check(&[], "no entry is in use");
        check(&[(0x80, 7, 63, 900)], "1 entries");
        check(&[(0, 7, 63, 5000)], "1 entries");
        check(&[(0, 7, 63, 100), (0, 0x83, 163, 100)], "2 entries");
        check(&[(0, 7, 63, 101), (0, 0x83, 163, 100)], "entries 1 and 2 overlap");
        check(&[(0, 7, 63, 100), (0x20, 0, 0, 0)], "entry 2 has the status 0x20");
        check(&[(0, 7, 1000, 10)], "no entry begins inside the disk's 1000 sectors");
        check(&[(0, 7, 63, 10), (0, 7, 1000, 10)], "2 entries");
        check(&[(0, 7, 63, 0)], "entry 1 has 0 sectors from 63");
        check(&[(0, 7, 0, 10)], "entry 1 has 10 sectors from 0");
        check(&[(0, 0xEE, 1, 999)], "protective and 0");
        check(&[(0, 0xEE, 1, 62), (0x80, 7, 63, 100)], "protective and 1");
        check(&[(0x6E, 0x61, 1, 62)], "entry 1 has the status 0x6e");
    }

    #[test]
    fn an_entry_may_begin_with_a_disc_where_another_does_not() {
        let (disc, efi, kept) = ((0x80, 0x17, 0, 500), (0, 0xEF, 100, 20), (0, 0x83, 500, 400));
        check_over(true, &[disc, efi, kept], "3 entries");
        check_over(false, &[disc, efi, kept], "entry 1 has 500 sectors from 0");
        check_over(true, &[disc], "no entry is in use");
        check_over(true, &[disc, kept, (0, 0x83, 600, 10)], "entries 2 and 3 overlap");
        check_over(true, &[(0x80, 0x17, 0, 0), kept], "entry 1 has 0 sectors from 0");
    }

    #[test]
    fn a_chain_that_comes_back_ends() {
        let mut disk = sector(&[(0, 5, 100, 800)]).to_vec();
        disk.resize(1000 * 512, 0);
        disk[100 * 512..101 * 512].copy_from_slice(&sector(&[(0, 0x83, 1, 10), (0, 5, 50, 20)]));
        disk[150 * 512..151 * 512].copy_from_slice(&sector(&[(0, 0x83, 1, 10), (0, 5, 0, 20)]));
        let map = super::super::volumes(&disk).unwrap();
        assert_eq!(
            map.partitions.iter().map(|p| (p.number, p.start / 512)).collect::<Vec<_>>(),
            [(5, 101), (6, 151)]
        );
        assert_eq!(
            map.warnings,
            ["the chain of logical partitions comes back to sector 100, and ends there"]
        );
    }
}
