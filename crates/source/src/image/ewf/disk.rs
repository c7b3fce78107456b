//! The bytes of the disk: chunks found, read, unpacked and checked.
//!
//! ```text
//! stored as it is:   32,768 bytes and their Adler-32
//! compressed:        a zlib stream, which ends in the Adler-32 of what it unpacks to
//! ```
//!
//! A chunk whose checksum does not fit is a fault, whole. No byte of it is
//! handed over.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flate2::{Decompress, FlushDecompress, Status};

use super::adler32::adler32;
use super::geometry::Geometry;
use super::section::Segment;
use super::table::{Extent, Offsets, Table};
use crate::bytes::{ByteSource, FILLED, ReadFault, length};

/// The disk in an image.
pub(super) struct Disk {
    segments: Vec<Segment>,
    tables: Vec<Table>,
    geometry: Geometry,
    bad: Vec<Range<u64>>,
    /// Of these, what the maker of the image could not read.
    filled: Vec<Range<u64>>,
    chunks: Mutex<Recent<Vec<u8>>>,
    offsets: Mutex<Recent<Offsets>>,
    benches: Mutex<Vec<Bench>>,
}

/// What unpacking a chunk needs, used again for the next.
struct Bench {
    inflate: Decompress,
    stored: Vec<u8>,
}

impl Disk {
    /// Puts a disk together. The tables are in the order of their chunks and hold all of them.
    pub(super) fn new(segments: Vec<Segment>, tables: Vec<Table>, geometry: Geometry) -> Self {
        let kept = usize::try_from(CACHE / geometry.chunk).unwrap_or(1).clamp(2, 256);
        Self {
            segments,
            tables,
            geometry,
            bad: Vec::new(),
            filled: Vec::new(),
            chunks: Mutex::new(Recent::new(kept)),
            offsets: Mutex::new(Recent::new(MAX_OFFSETS)),
            benches: Mutex::new(Vec::new()),
        }
    }

    /// States the ranges known to be unreadable, and which of them the maker of the image could not read; ascending.
    pub(super) fn set_bad(&mut self, bad: Vec<Range<u64>>, filled: Vec<Range<u64>>) {
        (self.bad, self.filled) = (bad, filled);
    }

    /// Takes `len` as the disk's length, within its last chunk.
    pub(super) fn set_len(&mut self, len: u64) {
        self.geometry.len = len;
    }

    /// How many bytes the last chunk holds, which may be more than belong to the disk. `None` where there is no chunk.
    pub(super) fn last_chunk(&self) -> Option<Result<u64, ReadFault>> {
        let last = self.geometry.chunks.checked_sub(1)?;
        Some(self.decode(last).map(|bytes| length(bytes.len())))
    }

    /// Where chunk `number` lies on the disk.
    fn place(&self, number: u64) -> Range<u64> {
        let start = number.saturating_mul(self.geometry.chunk);
        start..start.saturating_add(self.geometry.chunk).min(self.geometry.len)
    }

    /// Copies what chunk `number` has from `skip` on into `buf`, which may want less; returns how many bytes.
    fn copy(&self, number: u64, skip: usize, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let place = self.place(number);
        let size = memory(place.end.saturating_sub(place.start));
        let want = size.saturating_sub(skip).min(buf.len());
        let buf = buf.get_mut(..want).unwrap_or_default();
        let known = lock(&self.chunks).get(number);
        if known.is_none() && length(want) == self.geometry.chunk {
            self.unpack(number, buf)?;
            return Ok(want);
        }
        let bytes = match known {
            Some(bytes) => bytes,
            None => {
                let bytes = Arc::new(self.decode(number)?);
                lock(&self.chunks).put(number, Arc::clone(&bytes));
                bytes
            }
        };
        let from = bytes.get(skip..skip.saturating_add(want));
        buf.copy_from_slice(from.ok_or_else(|| self.fault(number, "it is too short".into()))?);
        Ok(want)
    }

    /// All that chunk `number` holds.
    fn decode(&self, number: u64) -> Result<Vec<u8>, ReadFault> {
        let mut bytes = vec![0; memory(self.geometry.chunk)];
        let count = self.unpack(number, &mut bytes)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// Fills `out`, which is as long as a chunk, and returns how much of it the chunk holds: all of it, but for the last chunk.
    fn unpack(&self, number: u64, out: &mut [u8]) -> Result<usize, ReadFault> {
        let bench = lock(&self.benches).pop();
        let mut bench = bench.unwrap_or_else(|| Bench { inflate: Decompress::new(true), stored: Vec::new() });
        let result = self.unpack_with(&mut bench, number, out).map_err(|reason| self.fault(number, reason));
        let mut benches = lock(&self.benches);
        if benches.len() < MAX_BENCHES {
            benches.push(bench);
        }
        result
    }

    fn unpack_with(&self, bench: &mut Bench, number: u64, out: &mut [u8]) -> Result<usize, String> {
        let at = self.tables.partition_point(|table| table.first <= number).checked_sub(1);
        let (index, table) = at.and_then(|at| Some((at, self.tables.get(at)?))).ok_or("no table has it")?;
        let segment = self.segments.get(table.segment).ok_or("no segment has it")?;
        let offsets = self.offsets(index, table, segment)?;
        let inside = number.saturating_sub(table.first);
        let extent = offsets.extent(inside).ok_or("its table leads to where no chunk can be")?;
        // What is longer holds more than the chunk: only the last of a run, whose end is not known well.
        let most = self.geometry.chunk.saturating_mul(2).saturating_add(SLACK);
        let end = extent.place.end.min(extent.place.start.saturating_add(most));
        segment.read_into(extent.place.start..end, &mut bench.stored).map_err(|fault| fault.to_string())?;
        let expect = self.place(number);
        let expect = memory(expect.end.saturating_sub(expect.start));
        let found = if extent.compressed {
            inflate(bench, &extent, out)
        } else {
            plain(&bench.stored, &extent, expect, out)
        };
        match found.map_err(|reason| {
            format!("{reason}, at byte {} of segment {}", extent.place.start, segment.number)
        })? {
            count if count < expect => Err(format!("it holds {count} bytes, where {expect} belong to it")),
            count => Ok(count),
        }
    }

    fn offsets(&self, index: usize, table: &Table, segment: &Segment) -> Result<Arc<Offsets>, String> {
        if let Some(offsets) = lock(&self.offsets).get(length(index)) {
            return Ok(offsets);
        }
        let offsets = Arc::new(table.offsets(segment)?);
        lock(&self.offsets).put(length(index), Arc::clone(&offsets));
        Ok(offsets)
    }

    fn fault(&self, number: u64, reason: String) -> ReadFault {
        let place = self.place(number);
        ReadFault {
            offset: place.start,
            length: place.end.saturating_sub(place.start),
            reason: format!("chunk {number} of the E01 image: {reason}"),
        }
    }
}

impl ByteSource for Disk {
    fn len(&self) -> u64 {
        self.geometry.len
    }

    /// Fails on what the image's maker could not read: what the image holds there is no content of the disk.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let end = offset.saturating_add(length(buf.len()));
        let next = self.filled.get(self.filled.partition_point(|range| range.end <= offset));
        if let Some(range) = next.filter(|range| range.start < end && offset < self.geometry.len) {
            let (from, to) = (range.start.max(offset), range.end.min(end));
            return Err(ReadFault {
                offset: from,
                length: to.saturating_sub(from),
                reason: FILLED.to_owned(),
            });
        }
        self.read_filled_at(offset, buf)
    }

    fn read_filled_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let want = memory(self.geometry.len.saturating_sub(offset).min(length(buf.len())));
        let mut done = 0;
        while done < want {
            let at = offset.saturating_add(length(done));
            let skip = memory(at % self.geometry.chunk);
            let rest = buf.get_mut(done..want).unwrap_or_default();
            done = done.saturating_add(self.copy(at / self.geometry.chunk, skip, rest)?);
        }
        Ok(done)
    }

    fn sector_size(&self) -> u32 {
        self.geometry.sector
    }

    fn bad_ranges(&self) -> Vec<Range<u64>> {
        self.bad.clone()
    }

    fn filled_ranges(&self) -> Vec<Range<u64>> {
        self.filled.clone()
    }
}

/// Unpacks a zlib stream, whose end checks it.
fn inflate(bench: &mut Bench, extent: &Extent, out: &mut [u8]) -> Result<usize, String> {
    bench.inflate.reset(true);
    let status = bench.inflate.decompress(&bench.stored, out, FlushDecompress::Finish);
    let used = bench.inflate.total_in();
    match status {
        Ok(Status::StreamEnd) if extent.exact && used != length(bench.stored.len()) => {
            Err(format!("it ends after {used} of its {} stored bytes", bench.stored.len()))
        }
        Ok(Status::StreamEnd) => Ok(memory(bench.inflate.total_out())),
        Ok(_) => Err("its compressed bytes do not end with the chunk".into()),
        Err(_) => Err("its compressed bytes or their checksum are damaged".into()),
    }
}

/// Takes over bytes that are followed by their Adler-32.
fn plain(stored: &[u8], extent: &Extent, expect: usize, out: &mut [u8]) -> Result<usize, String> {
    // The last chunk of a disk is as long as the disk needs, or filled up; and the last of a run can be followed by something else.
    let all = stored.len().saturating_sub(4);
    let lengths = if extent.exact { [all; 3] } else { [all, expect, out.len()] };
    for count in lengths {
        let sum = stored.get(count..).and_then(|rest| rest.first_chunk::<4>());
        let (Some(bytes), Some(sum), Some(to)) = (stored.get(..count), sum, out.get_mut(..count)) else {
            continue;
        };
        if adler32(bytes) == u32::from_le_bytes(*sum) {
            to.copy_from_slice(bytes);
            return Ok(count);
        }
    }
    Err("its checksum does not fit".into())
}

/// What was used last, found by number.
struct Recent<T> {
    kept: VecDeque<(u64, Arc<T>)>,
    most: usize,
}

impl<T> Recent<T> {
    fn new(most: usize) -> Self {
        Self { kept: VecDeque::new(), most }
    }

    fn get(&mut self, number: u64) -> Option<Arc<T>> {
        let at = self.kept.iter().position(|(known, _)| *known == number)?;
        let found = self.kept.remove(at)?;
        let value = Arc::clone(&found.1);
        self.kept.push_front(found);
        Some(value)
    }

    fn put(&mut self, number: u64, value: Arc<T>) {
        self.kept.truncate(self.most.saturating_sub(1));
        self.kept.push_front((number, value));
    }
}

/// A worker that panicked leaves a cache as good as it was.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A length that was bounded before, as `usize`.
fn memory(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

/// Bytes of unpacked chunks kept: 128 of the usual 32 KiB.
const CACHE: u64 = 4 << 20;
/// Tables kept. One takes 64 KiB as EnCase writes them, 4 MiB at most.
const MAX_OFFSETS: usize = 16;
/// Sets of buffers kept: one for each worker of a usual machine.
const MAX_BENCHES: usize = 16;
/// Bytes that a chunk may be longer when stored than twice itself.
const SLACK: u64 = 1 << 10;
