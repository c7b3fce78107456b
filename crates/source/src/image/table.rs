//! Tables inside a container: read in pages, kept in small caches, never believed.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::{Decompress, FlushDecompress, Status};

use super::disk::in_file;
use crate::bytes::{ByteSource, length};
use crate::medium::cut_short;

/// The values that were asked for last, by key.
pub(crate) struct Recent<V> {
    /// Latest first.
    entries: Mutex<Vec<(u64, Arc<V>)>>,
    limit: usize,
}

impl<V> Recent<V> {
    /// Keeps `limit` values.
    pub(crate) fn new(limit: usize) -> Self {
        Self { entries: Mutex::new(Vec::new()), limit }
    }

    /// The value of `key`, if it is still kept.
    pub(crate) fn get(&self, key: u64) -> Option<Arc<V>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let found = entries.iter().position(|(known, _)| *known == key)?;
        entries.get_mut(..=found)?.rotate_right(1);
        entries.first().map(|(_, value)| Arc::clone(value))
    }

    /// Keeps `value`, and lets go of the one unused for longest.
    pub(crate) fn put(&self, key: u64, value: Arc<V>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|(known, _)| *known != key);
        entries.truncate(self.limit.saturating_sub(1));
        entries.insert(0, (key, value));
    }
}

/// A container's file, whose tables are read page by page: no table is ever in memory as a whole.
pub(crate) struct Pages {
    file: Arc<dyn ByteSource>,
    recent: Recent<Vec<u8>>,
}

impl Pages {
    /// The tables in `file`.
    pub(crate) fn new(file: Arc<dyn ByteSource>) -> Self {
        Self { file, recent: Recent::new(KEPT) }
    }

    /// The file itself.
    pub(crate) fn file(&self) -> &dyn ByteSource {
        self.file.as_ref()
    }

    /// The `N` bytes at `at`.
    ///
    /// # Errors
    ///
    /// In words, where the file ends first or cannot be read.
    pub(crate) fn read<const N: usize>(&self, at: u64) -> Result<[u8; N], String> {
        let page = at & !(PAGE - 1);
        let from = usize::try_from(at.saturating_sub(page)).unwrap_or(usize::MAX);
        let field = |bytes: &[u8]| bytes.get(from..).and_then(|rest| rest.first_chunk().copied());
        if let Some(bytes) = self.recent.get(page).as_deref().and_then(|bytes| field(bytes)) {
            return Ok(bytes);
        }
        let mut buf = vec![0; usize::try_from(PAGE.min(self.file.len().saturating_sub(page))).unwrap_or(0)];
        if let Ok(count) = self.file.read_at(page, &mut buf) {
            buf.truncate(count);
            if let Some(bytes) = field(&buf) {
                self.recent.put(page, Arc::new(buf));
                return Ok(bytes);
            }
        }
        // Across two pages, beside a bad sector, or beyond the end: this field alone.
        let mut bytes = [0; N];
        self.file.read_exact_at(at, &mut bytes).map_err(in_file)?;
        Ok(bytes)
    }

    /// The big-endian 32-bit entry `index` of the table at `table`.
    ///
    /// # Errors
    ///
    /// As [`Pages::read`].
    pub(crate) fn be32(&self, table: u64, index: u64) -> Result<u32, String> {
        self.read(entry(table, index, 4)?).map(u32::from_be_bytes)
    }

    /// The little-endian 32-bit entry `index` of the table at `table`.
    ///
    /// # Errors
    ///
    /// As [`Pages::read`].
    pub(crate) fn le32(&self, table: u64, index: u64) -> Result<u32, String> {
        self.read(entry(table, index, 4)?).map(u32::from_le_bytes)
    }

    /// The big-endian 64-bit entry `index` of the table at `table`.
    ///
    /// # Errors
    ///
    /// As [`Pages::read`].
    pub(crate) fn be64(&self, table: u64, index: u64) -> Result<u64, String> {
        self.read(entry(table, index, 8)?).map(u64::from_be_bytes)
    }

    /// The little-endian 64-bit entry `index` of the table at `table`.
    ///
    /// # Errors
    ///
    /// As [`Pages::read`].
    pub(crate) fn le64(&self, table: u64, index: u64) -> Result<u64, String> {
        self.read(entry(table, index, 8)?).map(u64::from_le_bytes)
    }
}

fn entry(table: u64, index: u64, width: u64) -> Result<u64, String> {
    let at = index.checked_mul(width).and_then(|inside| table.checked_add(inside));
    at.ok_or_else(|| format!("entry {index} of a table at {table} lies beyond any file"))
}

/// Ranges of a container's file that hold its own structures, where no block of the disk can lie.
#[derive(Debug)]
pub(crate) struct Taken(Vec<Range<u64>>);

impl Taken {
    /// The union of `ranges`.
    pub(crate) fn new(mut ranges: Vec<Range<u64>>) -> Self {
        ranges.retain(|range| range.start < range.end);
        ranges.sort_unstable_by_key(|range| range.start);
        ranges.dedup_by(|next, last| {
            let joined = next.start <= last.end;
            if joined {
                last.end = last.end.max(next.end);
            }
            joined
        });
        Self(ranges)
    }

    /// Whether any of the `length` bytes at `start` are taken.
    pub(crate) fn touches(&self, start: u64, length: u64) -> bool {
        let end = start.saturating_add(length);
        let next = self.0.partition_point(|range| range.end <= start);
        self.0.get(next).is_some_and(|range| range.start < end)
    }
}

/// Tells of what a container's file lacks of what its tables lead to, and of what it has besides.
///
/// `used`: every range that its structures and its blocks take; the last of them may end up to `rest` bytes behind the
/// file's end, where a writer does not fill its last block.
pub(crate) fn account(
    file: &dyn ByteSource,
    what: &str,
    used: Vec<Range<u64>>,
    rest: u64,
    limits: &mut Vec<String>,
) {
    let used = Taken::new(used).0;
    let (length, end) = (file.len(), used.last().map_or(0, |range| range.end));
    if end > length.saturating_add(rest) {
        let says = format!("by its own tables the file of the {what} has at least");
        limits.push(cut_short(&says, end, length));
    }
    let (mut at, mut count, mut looked, mut read, mut first) = (0, 0_u64, 0_u64, 0_u64, None);
    for range in used.into_iter().chain(std::iter::once(length..length)) {
        let hole = at..range.start.min(length);
        at = range.end.max(at);
        let size = hole.end.saturating_sub(hole.start);
        count = count.saturating_add(size);
        // What the file system does not even store are zeros, and costs nothing.
        let (mut from, mut budget) = (hole.start, MAX_LOOKED.saturating_sub(read));
        while first.is_none() && from < hole.end {
            let stored = file.stored_from(from).unwrap_or(from..u64::MAX);
            let (start, end) = (stored.start.clamp(from, hole.end), stored.end.clamp(from, hole.end));
            let room = budget.min(end.saturating_sub(start));
            first = first_set(file, start, start.saturating_add(room));
            looked = looked.saturating_add(start.saturating_sub(from)).saturating_add(room);
            (read, budget) = (read.saturating_add(room), budget.saturating_sub(room));
            if start.saturating_add(room) < end || end <= from {
                break;
            }
            from = end;
        }
    }
    match first {
        Some(first) => limits.push(format!(
            "{count} bytes of the file of the {what} are in none of its structures and blocks, and are not read; they are not blank, \
             from byte {first} of the file on"
        )),
        None if count > looked => limits.push(format!(
            "{count} bytes of the file of the {what} are in none of its structures and blocks, and are not read; of them {looked} were \
             looked at, and are zeros; the others were not"
        )),
        None => {}
    }
}

/// The first byte from `at` to `end` that is not zero, or that cannot be read.
fn first_set(file: &dyn ByteSource, mut at: u64, end: u64) -> Option<u64> {
    let mut buf = vec![0; usize::try_from(PAGE).unwrap_or(0)];
    while at < end {
        let want = usize::try_from(end.saturating_sub(at).min(PAGE)).unwrap_or(0);
        let piece = buf.get_mut(..want)?;
        if file.read_exact_at(at, piece).is_err() {
            return Some(at);
        }
        if let Some(inside) = piece.iter().position(|byte| *byte != 0) {
            return Some(at.saturating_add(length(inside)));
        }
        at = at.saturating_add(length(want));
    }
    None
}

/// Of blocks of `size` bytes that begin at `starts`, the parts of the file in which two of them lie.
pub(crate) fn claimed_twice(mut starts: Vec<u64>, size: u64) -> Vec<Range<u64>> {
    starts.sort_unstable();
    let mut twice = Vec::new();
    for (one, other) in starts.iter().zip(starts.iter().skip(1)) {
        if other.saturating_sub(*one) < size {
            twice.push(*one..other.saturating_add(size));
        }
    }
    twice
}

/// Unpacks one deflate stream, with zlib's frame if `framed`, to exactly `size` bytes or fewer.
///
/// # Errors
///
/// In words, where the stream is damaged, does not end in `packed`, or would unpack to more.
pub(crate) fn inflate(packed: &[u8], framed: bool, size: usize) -> Result<Vec<u8>, String> {
    let mut state = Decompress::new(framed);
    let mut out = vec![0; size];
    let mut ended = false;
    while !ended {
        let (read, written) = (state.total_in(), state.total_out());
        let from = usize::try_from(read).unwrap_or(usize::MAX);
        let to = usize::try_from(written).unwrap_or(usize::MAX);
        let input = packed.get(from..).unwrap_or_default();
        let output = out.get_mut(to..).unwrap_or_default();
        let status = state.decompress(input, output, FlushDecompress::Finish);
        ended = status.map_err(|_| "compressed data is damaged")? == Status::StreamEnd;
        if !ended && state.total_in() == read && state.total_out() == written {
            return Err(format!(
                "compressed data does not end within {} bytes, or not after {size}",
                packed.len()
            ));
        }
    }
    out.truncate(usize::try_from(state.total_out()).unwrap_or(0));
    Ok(out)
}

/// Bytes of a table that are read at once: thousands of entries, less than one block of most disks.
const PAGE: u64 = 1 << 16;
/// Most bytes outside of all structures that are read.
const MAX_LOOKED: u64 = 64 << 20;
/// Pages kept: 2 MiB, enough for the tables of 16 GiB of disk in every format's default.
const KEPT: usize = 32;
/// Most blocks that are compared with each other before reading: 16 MiB of numbers, for 128 GiB in blocks of 64 KiB.
pub(crate) const MAX_COMPARED: u64 = 1 << 21;

#[cfg(test)]
mod tests {
    #![allow(clippy::single_range_in_vec_init, reason = "lists of ranges, some with one")]

    use super::*;
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, ZlibEncoder};

    #[test]
    fn the_one_unused_for_longest_goes() {
        let recent = Recent::new(2);
        recent.put(1, Arc::new("one"));
        recent.put(2, Arc::new("two"));
        assert_eq!(recent.get(1).as_deref(), Some(&"one"));
        recent.put(3, Arc::new("three"));
        assert_eq!(recent.get(2), None);
        assert_eq!(recent.get(1).as_deref(), Some(&"one"));
    }

    #[test]
    fn fields_are_read_across_pages_and_not_beyond_the_end() {
        let mut file = vec![0; 3 << 16];
        file[(1 << 16) - 2..(1 << 16) + 2].copy_from_slice(&[1, 2, 3, 4]);
        let length = file.len() as u64;
        let pages = Pages::new(Arc::new(file));
        assert_eq!(pages.be32((1 << 16) - 2, 0), Ok(0x0102_0304));
        assert_eq!(pages.le32((1 << 16) - 6, 1), Ok(0x0403_0201));
        assert!(pages.be64(length - 8, 0).is_ok());
        assert!(pages.be64(length - 7, 0).is_err());
        assert!(pages.le64(8, u64::MAX / 8).is_err());
    }

    #[test]
    fn what_is_taken_is_taken() {
        let taken = Taken::new(vec![40..50, 0..10, 10..20, 15..18, 30..30]);
        assert_eq!(taken.0, [0..20, 40..50]);
        for (start, length, expect) in
            [(20, 20, false), (20, 21, true), (19, 1, true), (50, 9, false), (0, 0, false)]
        {
            assert_eq!(taken.touches(start, length), expect, "{start} {length}");
        }
        assert_eq!(claimed_twice(vec![30, 0, 10, 35, 60], 10), vec![30..45]);
        assert_eq!(claimed_twice(vec![30, 30], 10), vec![30..40]);
    }

    #[test]
    fn what_a_container_has_besides_is_counted_and_what_it_lacks_is_told() {
        let check = |used: Vec<Range<u64>>, rest: u64, expect: &[&str]| {
            let mut file = vec![0_u8; 1000];
            file[300] = 1;
            file[980] = 1;
            let mut limits = Vec::new();
            account(&file, "QCOW2 disk", used, rest, &mut limits);
            assert_eq!(limits, expect);
        };
        let holes =
            "are in none of its structures and blocks, and are not read; they are not blank, from byte";
        let all = |count: u64, first: u64| {
            format!("{count} bytes of the file of the QCOW2 disk {holes} {first} of the file on")
        };
        check(vec![0..1000], 0, &[]);
        check(vec![0..250, 290..1000], 0, &[]); // zeros alone
        check(vec![0..250, 350..1000], 0, &[&all(100, 300)]);
        check(vec![0..950, 100..200], 0, &[&all(50, 980)]);
        check(vec![0..1500], 500, &[]);
        let cut = "cut short: by its own tables the file of the QCOW2 disk has at least 1500 bytes, of which 1000 are there";
        check(vec![0..1500], 499, &[cut]);
    }

    #[test]
    fn what_is_not_looked_at_is_told_and_what_is_not_stored_is_zeros() {
        let (what, size) = ("VHDX", MAX_LOOKED + (8 << 20));
        let limits = |file: &dyn ByteSource| {
            let mut limits = Vec::new();
            account(file, what, vec![0..4096], 0, &mut limits);
            limits
        };
        let file = tempfile::tempfile().unwrap();
        file.set_len(size).unwrap();
        assert_eq!(limits(&crate::bytes::RawFile::new(file, size)), [""; 0]);
        let stored = vec![0_u8; usize::try_from(size).unwrap()];
        let count = size - 4096;
        assert_eq!(
            limits(&stored),
            [format!(
                "{count} bytes of the file of the VHDX are in none of its structures and blocks, and are not read; of them \
                 {MAX_LOOKED} were looked at, and are zeros; the others were not"
            )]
        );
    }

    #[test]
    fn unpacked_in_full_or_not_at_all() {
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(&[5; 1000]).unwrap();
        let raw = raw.finish().unwrap();
        assert_eq!(inflate(&raw, false, 1000).unwrap(), [5; 1000]);
        assert!(inflate(&raw, false, 999).is_err());
        assert!(inflate(&raw[..raw.len() - 1], false, 1000).is_err());
        let mut framed = ZlibEncoder::new(Vec::new(), Compression::default());
        framed.write_all(&[5; 1000]).unwrap();
        let mut framed = framed.finish().unwrap();
        assert_eq!(inflate(&framed, true, 2000).unwrap(), [5; 1000]);
        *framed.last_mut().unwrap() ^= 1;
        assert!(inflate(&framed, true, 1000).is_err());
    }
}
