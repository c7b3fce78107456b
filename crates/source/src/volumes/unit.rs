//! In which sectors an MBR counts: it does not say. A drive in a USB case may count in 4096 bytes, and its image does not.

use crate::bytes::{ByteSource, ReadFault};
use crate::file_system::recognise;
use crate::probe::{self, Probe};
use crate::stack;

use super::Notes;
use super::mbr::Entry;

/// Bytes in a sector, as the table counts: those of the source, unless nothing that is known begins where its partitions would
/// then, and something does by the other length.
pub(super) fn counted_in(bytes: &dyn ByteSource, entries: &[Entry], notes: &mut Notes) -> u32 {
    let own = bytes.sector_size().max(512);
    let other = if own == 512 { 4096 } else { 512 };
    let begin = |size: u32| entries.iter().filter(|entry| is_known(bytes, entry, size)).count();
    if begin(own) > 0 {
        return own;
    }
    let count = begin(other);
    if count == 0 {
        return own;
    }
    notes.add(format!(
        "the MBR counts in sectors of {other} bytes, it seems: so {count} of its {} partitions begin with something that is \
         known, in sectors of {own} none does; it is read so",
        entries.len()
    ));
    other
}

/// Whether something that is known begins where an entry does, in sectors of that length.
fn is_known(bytes: &dyn ByteSource, entry: &Entry, size: u32) -> bool {
    let Some(start) = entry.first().checked_mul(size.into()).filter(|start| *start < bytes.len()) else {
        return false;
    };
    let from = From { bytes, start };
    if entry.is_extended() {
        let mut end = [0; 2];
        return from.read_exact_at(510, &mut end).is_ok() && end == [0x55, 0xAA];
    }
    let head = probe::head(&from);
    head.is_ok_and(|head| recognise(&head).is_some())
        || matches!(probe::probe(&from), Ok(Probe::Known(..)))
        || stack::is_member(&from, false)
}

/// All bytes from one on.
struct From<'a> {
    bytes: &'a dyn ByteSource,
    start: u64,
}

impl ByteSource for From<'_> {
    fn len(&self) -> u64 {
        self.bytes.len().saturating_sub(self.start)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        self.bytes.read_at(self.start.saturating_add(offset), buf)
    }
}
