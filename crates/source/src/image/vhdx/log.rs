//! The log of a VHDX: changes to its tables that were not finished when the machine stopped.
//!
//! [MS-VHDX], sections 2.3 and 2.3.3. The log is a ring of entries; the file
//! itself is never written to. What the log says is laid over it in memory.
//!
//! ```text
//! loge  length 8192, tail 0, sequence 7, 1 descriptor
//! desc  to 3145728, sequence 7           one sector of data, at the next 4096 bytes
//! ```

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::{Header, guid, sealed};
use crate::bytes::{ByteSource, ReadFault, length};
use crate::field::{le32, le64};
use crate::image::ImageError;

/// `file` as its log would leave it. The same file where the log is empty.
pub(super) fn replay(
    file: Arc<dyn ByteSource>,
    header: &Header,
    limits: &mut Vec<String>,
) -> Result<Arc<dyn ByteSource>, ImageError> {
    if header.log_guid == [0; 16] {
        return Ok(file);
    }
    let corrupt = |what: String| Err(ImageError::Corrupt(what));
    let whole = header.log_length.is_multiple_of(1 << 20) && header.log_start.is_multiple_of(1 << 20);
    if header.log_version != 0 || !whole || header.log_start == 0 || header.log_length == 0 {
        return corrupt("a VHDX log of an unknown version, or in an impossible place".into());
    }
    if header.log_length > MAX_LOG {
        return Err(ImageError::Unsupported(format!("a VHDX log of {} bytes", header.log_length)));
    }
    let mut ring = vec![0; usize::try_from(header.log_length).unwrap_or(0)];
    file.read_exact_at(header.log_start, &mut ring)?;
    let own =
        |sector: &[u8; SECTOR]| sector.starts_with(b"loge") && guid(sector, 32) == Some(header.log_guid);
    if !ring.as_chunks::<SECTOR>().0.iter().any(own) {
        limits.push(
            "the VHDX was not closed, and its log holds no entry: its tables are read as they are".into(),
        );
        return Ok(file);
    }
    let Some(entries) = active(&ring, header.log_guid) else {
        return corrupt(
            "a VHDX that was not closed, and whose log holds no complete sequence of entries".into(),
        );
    };
    let mut sectors = BTreeMap::new();
    for entry in &entries {
        if entry.flushed > file.len() {
            return corrupt(format!(
                "a VHDX of {} bytes whose log was written when it had {}",
                file.len(),
                entry.flushed
            ));
        }
        if !entry.apply(&mut sectors) {
            return Err(ImageError::Unsupported(format!(
                "a VHDX log that changes more than {MAX_SECTORS} sectors"
            )));
        }
    }
    limits.push(format!(
        "the VHDX was not closed: {} entries of its log were applied in memory, {} sectors of 4096 bytes",
        entries.len(),
        sectors.len()
    ));
    Ok(Arc::new(Overlay { file, sectors }))
}

/// One entry of the log, complete and with a checksum that fits.
struct Entry {
    bytes: Vec<u8>,
    tail: usize,
    sequence: u64,
    descriptors: usize,
    flushed: u64,
}

impl Entry {
    /// The entry at `at` of `ring`, over the ring's end where need be.
    fn at(ring: &[u8], at: usize, log_guid: [u8; 16], checked: &mut usize) -> Option<Self> {
        let head = ring.get(at..)?;
        let total = usize::try_from(le32(head, 8)?).ok()?;
        let right = head.starts_with(b"loge") && guid(head, 32)? == log_guid;
        if !right || total == 0 || !total.is_multiple_of(SECTOR) || total > ring.len() {
            return None;
        }
        *checked = checked.saturating_add(total);
        if *checked > ring.len().saturating_mul(4) {
            return None;
        }
        let bytes: Vec<u8> = head.iter().chain(ring).take(total).copied().collect();
        let entry = Self {
            tail: usize::try_from(le32(&bytes, 12)?).ok()?,
            sequence: le64(&bytes, 16)?,
            descriptors: usize::try_from(le32(&bytes, 24)?).ok()?,
            flushed: le64(&bytes, 48)?,
            bytes,
        };
        (entry.sequence > 0 && sealed(&entry.bytes) && entry.changes().is_some()).then_some(entry)
    }

    /// What the entry changes, in its order; `None` where it contradicts itself.
    fn changes(&self) -> Option<Vec<Change<'_>>> {
        let listed = self.bytes.get(64..)?.as_chunks::<32>().0.get(..self.descriptors)?;
        let mut data = self.descriptors.checked_mul(32)?.checked_add(64)?.next_multiple_of(SECTOR);
        let mut changes = Vec::new();
        for descriptor in listed {
            let to = le64(descriptor, 16)?;
            if le64(descriptor, 24)? != self.sequence || !to.is_multiple_of(length(SECTOR)) {
                return None;
            }
            if descriptor.starts_with(b"zero") {
                let end = to.checked_add(le64(descriptor, 8)?.checked_next_multiple_of(length(SECTOR))?)?;
                changes.push(Change::Zeros(to..end));
            } else if descriptor.starts_with(b"desc") {
                let sector = self.bytes.get(data..)?.first_chunk::<SECTOR>()?;
                let halves = [le32(sector, SECTOR - 4)?, le32(sector, 4)?].map(u64::from);
                if !sector.starts_with(b"data") || halves != [self.sequence & LOW, self.sequence >> 32] {
                    return None;
                }
                changes.push(Change::Data(to, descriptor, sector));
                data = data.checked_add(SECTOR)?;
            } else {
                return None;
            }
        }
        Some(changes)
    }

    /// Lays the entry's changes over `sectors`. `false` where that is too much.
    fn apply(&self, sectors: &mut Sectors) -> bool {
        for change in self.changes().unwrap_or_default() {
            match change {
                Change::Data(to, descriptor, sector) => {
                    let mut bytes = Box::new(*sector);
                    // The eight bytes at the sector's beginning and the four at its end stand in the descriptor.
                    let (lead, trail) = (descriptor.get(8..16), descriptor.get(4..8));
                    if let (Some(to), Some(from)) = (bytes.first_chunk_mut::<8>(), lead) {
                        to.copy_from_slice(from);
                    }
                    if let (Some(to), Some(from)) = (bytes.last_chunk_mut::<4>(), trail) {
                        to.copy_from_slice(from);
                    }
                    sectors.insert(to, Some(bytes));
                }
                Change::Zeros(range) => {
                    if range.end.saturating_sub(range.start) / length(SECTOR) > MAX_SECTORS {
                        return false;
                    }
                    sectors.extend(range.step_by(SECTOR).map(|at| (at, None)));
                }
            }
            if length(sectors.len()) > MAX_SECTORS {
                return false;
            }
        }
        true
    }
}

enum Change<'a> {
    Data(u64, &'a [u8; 32], &'a [u8; SECTOR]),
    Zeros(Range<u64>),
}

/// The entries to apply: of all unbroken sequences that reach their own tail, the one that ends latest.
fn active(ring: &[u8], log_guid: [u8; 16]) -> Option<Vec<Entry>> {
    let mut found = BTreeMap::new();
    // Entries that are not stale do not overlap. Without a bound, hostile ones could all be as long as the ring.
    let mut checked = 0_usize;
    for at in (0..ring.len()).step_by(SECTOR) {
        let Some(entry) = Entry::at(ring, at, log_guid, &mut checked) else { continue };
        found.insert(at, entry);
    }
    let mut heads: Vec<(u64, usize)> = found.iter().map(|(at, entry)| (entry.sequence, *at)).collect();
    heads.sort_unstable();
    let places = heads.iter().rev().find_map(|(_, at)| sequence(&found, *at, ring.len()))?;
    Some(places.into_iter().filter_map(|at| found.remove(&at)).collect())
}

/// Where the entries stand from the tail that the one at `head` names to that one itself, if each follows the one before.
fn sequence(found: &BTreeMap<usize, Entry>, head: usize, ring: usize) -> Option<Vec<usize>> {
    let mut places = Vec::new();
    let mut next = found.get(&head)?.tail;
    let mut expected = found.get(&next)?.sequence;
    loop {
        // Sequence numbers rise with each step, so no entry comes twice.
        let entry = found.get(&next).filter(|entry| entry.sequence == expected)?;
        places.push(next);
        if next == head {
            return Some(places);
        }
        expected = expected.checked_add(1)?;
        next = next.checked_add(entry.bytes.len())?.checked_rem(ring)?;
    }
}

/// Changed sectors by offset; `None` is a sector of zeros.
type Sectors = BTreeMap<u64, Option<Box<[u8; SECTOR]>>>;

/// A file under the sectors that its log changes.
struct Overlay {
    file: Arc<dyn ByteSource>,
    sectors: Sectors,
}

impl ByteSource for Overlay {
    fn len(&self) -> u64 {
        let end = self.sectors.keys().next_back().map_or(0, |at| at.saturating_add(length(SECTOR)));
        self.file.len().max(end)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let want = usize::try_from(self.len().saturating_sub(offset)).unwrap_or(usize::MAX).min(buf.len());
        let mut rest = buf.get_mut(..want).unwrap_or_default();
        let mut at = offset;
        while !rest.is_empty() {
            let start = at & !(length(SECTOR) - 1);
            let changed = self.sectors.get(&start);
            // Up to this sector's end if it is changed, or else to the next changed one.
            let end = match changed {
                Some(_) => start.saturating_add(length(SECTOR)),
                None => self.sectors.range(at..).next().map_or(u64::MAX, |(next, _)| *next),
            };
            let count = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX).min(rest.len());
            let Some((now, later)) = rest.split_at_mut_checked(count).filter(|_| count > 0) else {
                return Err(ReadFault { offset: at, length: 1, reason: "the log's sectors end here".into() });
            };
            match changed {
                None => self.file.read_exact_at(at, now)?,
                Some(None) => now.fill(0),
                Some(Some(sector)) => {
                    let from = usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX);
                    let bytes = sector.get(from..from.saturating_add(count)).unwrap_or_default();
                    now.copy_from_slice(bytes);
                }
            }
            at = at.saturating_add(length(count));
            rest = later;
        }
        Ok(want)
    }
}

/// The unit of the log.
const SECTOR: usize = 4096;
/// The low half of a sequence number.
const LOW: u64 = 0xFFFF_FFFF;
/// Largest log that is applied: eight times the usual one.
pub(super) const MAX_LOG: u64 = 8 << 20;
/// Most sectors that a log may change: 8 MiB, more data than the largest log holds.
const MAX_SECTORS: u64 = 2048;
