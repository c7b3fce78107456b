//! Bytes of an image that are in no chunk, behind the entries of a table, or in more texts than an image needs.

use std::collections::BTreeMap;

use super::notes;
use super::section::{Kind, Section, Segment};
use super::table::Table;

/// What was counted while the sections were read.
#[derive(Default)]
pub(super) struct Account {
    /// Bytes of the sections that hold chunks, by the segment's index and where they begin.
    sectors: BTreeMap<(usize, u64), u64>,
    /// Bytes behind the entries of tables.
    tails: u64,
    /// Bytes of sections that say something beside the disk.
    aside: u64,
}

impl Account {
    /// Counts a section of segment `index`, counted from 0.
    pub(super) fn section(&mut self, index: usize, section: &Section) {
        let size = section.data.end.saturating_sub(section.data.start);
        match section.kind {
            Kind::Sectors => {
                self.sectors.insert((index, section.data.start), size);
            }
            Kind::Header { .. } | Kind::Volume | Kind::Data | Kind::Digest => {
                self.aside = self.aside.saturating_add(size);
            }
            // What is longer is counted by itself.
            Kind::Aside if size <= notes::MAX_HEADER => self.aside = self.aside.saturating_add(size),
            _ => {}
        }
    }

    /// Counts the bytes behind the entries of one copy of a table.
    pub(super) fn tail(&mut self, bytes: u64) {
        self.tails = self.tails.saturating_add(bytes);
    }

    /// What nothing reads, in sentences with numbers. Chunks are of `chunk` bytes.
    pub(super) fn told(mut self, segments: &[Segment], tables: &[Table], chunk: u64) -> Vec<String> {
        let mut limits = Vec::new();
        let mut covered: BTreeMap<(usize, u64), u64> = BTreeMap::new();
        for table in tables {
            let place = (table.segment, table.data.start);
            let size = table.data.end.saturating_sub(table.data.start);
            let all = self.sectors.entry(place).or_insert(size);
            // Chunks of a table that cannot be read are told as missing.
            let offsets = segments.get(table.segment).and_then(|segment| table.offsets(segment).ok());
            let sum = offsets.map_or(*all, |offsets| offsets.covered(chunk));
            // Where chunks stand behind the entries, some writers put the checksum of these between.
            let sum = if table.is_bare() { sum.saturating_add(4) } else { sum };
            let known = covered.entry(place).or_default();
            *known = known.saturating_add(sum);
        }
        let (mut bytes, mut first) = (0_u64, None);
        for (place, size) in self.sectors {
            let rest = size.saturating_sub(covered.get(&place).copied().unwrap_or(0));
            bytes = bytes.saturating_add(rest);
            first = first.or(Some(place).filter(|_| rest > 0));
        }
        if let Some((segment, start)) = first {
            limits.push(format!(
                "{bytes} bytes of the E01 image are among its chunks and in none of them, and are not read: the first are in \
                 segment {}, in the section whose content begins at byte {start}",
                segment.saturating_add(1)
            ));
        }
        if self.tails > 0 {
            limits.push(format!(
                "{} bytes of the E01 image stand behind the entries of its tables, and are not read",
                self.tails
            ));
        }
        let most = u64::try_from(segments.len()).unwrap_or(u64::MAX).saturating_add(1);
        if self.aside > most.saturating_mul(COPIES).saturating_add(notes::MAX_HEADER) {
            limits.push(format!(
                "{} bytes of the E01 image are in headers, sessions, digests and copies of its volume section, more than such need: \
                 not all of them are read",
                self.aside
            ));
        }
        limits
    }
}

/// Bytes for each segment's copy of the volume section, and its digests.
const COPIES: u64 = 1 << 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_short_sections_are_counted_by_their_sum() {
        let told = |kind: Kind, count: usize, size: u64| {
            let mut account = Account::default();
            (0..count).for_each(|_| account.section(0, &Section { kind, data: 100..100 + size }));
            account.told(&[], &[], 32_768).join("; ")
        };
        assert!(told(Kind::Aside, 40, 250_000).starts_with("10000000 bytes of the E01 image are in headers"));
        assert!(told(Kind::Header { wide: false }, 3, 1_100_000).starts_with("3300000 bytes"));
        assert!(told(Kind::Data, 1000, 1052).starts_with("1052000 bytes"));
        assert_eq!(told(Kind::Header { wide: true }, 3, 4_000), "");
        // Chunks without a table.
        assert!(
            told(Kind::Sectors, 1, 5_000).starts_with("5000 bytes of the E01 image are among its chunks")
        );
    }
}
