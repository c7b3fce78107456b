//! The bytes of an inode: extents one after the other, holes as zeros, each sector checked where it has a checksum.

use std::io::{self, Read};
use std::sync::Arc;

use crate::btrfs::extent::{Extent, Place};
use crate::btrfs::inode::Inode;
use crate::btrfs::superblock::corrupt;
use crate::btrfs::tree::{Key, Root, kind};
use crate::btrfs::unpack::Method;
use crate::btrfs::volume::Volume;
use crate::bytes::length;
use crate::exact::{Content, Gap};
use crate::walk::SourceError;

/// Reads an inode's content from its beginning to its declared size.
pub(crate) struct InodeReader {
    volume: Arc<Volume>,
    /// The tree in which the inode's items stand.
    root: Root,
    inode: u64,
    size: u64,
    checksums: Option<Root>,
    position: u64,
    /// The offset from which the next extent is looked for.
    from: u64,
    current: Piece,
    /// What is left of an extent that is read part by part.
    rest: Option<Rest>,
    /// How much of an extent is read at once: a sector behind a fault.
    part: u64,
    /// From the position, bytes of an extent that could not be read.
    lost: u64,
}

/// What stands at the position.
enum Piece {
    /// Zeros up to an offset.
    Zeros(u64),
    /// Bytes, of which some were given.
    Bytes(io::Cursor<Vec<u8>>),
}

/// Data at a logical address, up to an offset in the file.
#[derive(Clone, Copy)]
struct Rest {
    logical: u64,
    end: u64,
}

impl Rest {
    /// What is left of it behind `count` bytes from `position` in the file.
    fn behind(self, count: u64, position: u64) -> Option<Self> {
        let is_more = position.saturating_add(count) < self.end;
        is_more.then(|| Self { logical: self.logical.saturating_add(count), end: self.end })
    }
}

impl InodeReader {
    fn sector(&self) -> u64 {
        u64::from(self.volume.superblock.sector)
    }

    /// A reader of the inode `number` of the tree at `root`. `checksums` is the root of the tree of checksums.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the content should have checksums and their tree is not found.
    pub(crate) fn new(
        volume: Arc<Volume>,
        root: Root,
        number: u64,
        inode: &Inode,
        checksums: Option<Root>,
    ) -> Result<Self, SourceError> {
        if inode.has_checksums() && checksums.is_none() {
            return Err(corrupt("the tree of checksums is not found"));
        }
        Ok(Self {
            volume,
            root,
            inode: number,
            size: inode.size,
            checksums: checksums.filter(|_| inode.has_checksums()),
            position: 0,
            from: 0,
            current: Piece::Zeros(0),
            rest: None,
            part: PART,
            lost: 0,
        })
    }

    /// Gives bytes at the position, none at the end.
    fn step(&mut self, buf: &mut [u8]) -> Result<usize, SourceError> {
        let left = usize::try_from(self.size.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let buf = buf.get_mut(..left.min(buf.len())).unwrap_or_default();
        while !buf.is_empty() {
            let count = match &mut self.current {
                Piece::Bytes(bytes) => bytes.read(buf).unwrap_or(0),
                Piece::Zeros(end) => {
                    let room = usize::try_from(end.saturating_sub(self.position)).unwrap_or(usize::MAX);
                    let zeros = buf.get_mut(..room.min(buf.len())).unwrap_or_default();
                    zeros.fill(0);
                    zeros.len()
                }
            };
            if count > 0 {
                self.position = self.position.saturating_add(length(count));
                return Ok(count);
            }
            self.current = match self.next() {
                // The same again, a sector alone: a fault of one is none of the others.
                Err(_) if self.rest.is_some() && self.part > self.sector() => {
                    self.part = self.sector();
                    self.next()?
                }
                next => next?,
            };
        }
        Ok(0)
    }

    /// What begins at the position: more of an extent, the next one, or a hole before it.
    fn next(&mut self) -> Result<Piece, SourceError> {
        if let Some(rest) = self.rest {
            return self.part(rest);
        }
        let found = self.volume.first(self.root, Key::new(self.inode, kind::EXTENT_DATA, self.from))?;
        let found =
            found.filter(|found| (found.key.object, found.key.kind) == (self.inode, kind::EXTENT_DATA));
        let Some(found) = found else { return Ok(Piece::Zeros(self.size)) };
        let begin = found.key.offset;
        if begin < self.position {
            return Err(corrupt("extents overlap"));
        }
        if begin > self.position {
            return Ok(Piece::Zeros(begin));
        }
        // INVARIANT: no extent is looked at twice, so that an empty one cannot hold the reader up.
        self.from = begin.checked_add(1).ok_or_else(|| corrupt("an extent at the end of all numbers"))?;
        let extent = Extent::parse(found.data())?;
        let end =
            begin.checked_add(extent.length).ok_or_else(|| corrupt("an extent ends beyond all numbers"))?;
        // What follows may fail; then these are the bytes that are missing.
        self.lost = extent.length;
        let piece = self.extent(extent, end)?;
        self.lost = 0;
        Ok(piece)
    }

    /// The beginning of an extent that goes to `end`.
    fn extent(&mut self, extent: Extent, end: u64) -> Result<Piece, SourceError> {
        match extent.place {
            Place::Nowhere => Ok(Piece::Zeros(end)),
            Place::Here { bytes, method } => self.here(bytes, method, extent.length),
            Place::Plain(logical) => {
                let rest = Rest { logical, end };
                self.rest = Some(rest);
                self.part(rest)
            }
            Place::Packed { method, logical, packed, unpacked, skip } => {
                let packed = self.volume.data(logical, packed, self.checksums)?;
                let mut bytes = self.unpack(method, &packed, unpacked)?;
                bytes.truncate(skip.saturating_add(usize::try_from(extent.length).unwrap_or(usize::MAX)));
                bytes.drain(..skip.min(bytes.len()));
                Ok(Piece::Bytes(io::Cursor::new(bytes)))
            }
        }
    }

    /// Reads a part of an extent that is not packed, and keeps in mind what is left of it.
    fn part(&mut self, Rest { logical, end }: Rest) -> Result<Piece, SourceError> {
        let sector = self.sector();
        // Of an extent that goes on after the content, the last sector of the content is enough.
        let needed = self.size.checked_next_multiple_of(sector).unwrap_or(self.size);
        let size = end.min(needed).saturating_sub(self.position).min(self.part);
        self.lost = size;
        let bytes = self.volume.data(logical, usize::try_from(size).unwrap_or(0), self.checksums)?;
        self.lost = 0;
        self.part = self.part.saturating_mul(2).min(PART);
        self.rest = Rest { logical, end }.behind(size, self.position);
        Ok(Piece::Bytes(io::Cursor::new(bytes)))
    }

    fn here(&self, bytes: Vec<u8>, method: Option<Method>, length: u64) -> Result<Piece, SourceError> {
        let length = usize::try_from(length).map_err(|_| corrupt("longer than memory"))?;
        let bytes = match method {
            Some(method) => self.unpack(method, &bytes, length)?,
            None => bytes,
        };
        Ok(Piece::Bytes(io::Cursor::new(bytes)))
    }

    fn unpack(&self, method: Method, packed: &[u8], length: usize) -> Result<Vec<u8>, SourceError> {
        let sector = usize::try_from(self.volume.superblock.sector).unwrap_or(1);
        method.unpack(packed, length, sector).map_err(corrupt)
    }
}

impl Read for InodeReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let at = self.position;
        self.step(buf).map_err(|error| io::Error::other(format!("content from byte {at} on: {error}")))
    }
}

impl Content for InodeReader {
    fn gap(&self) -> Gap {
        // Where no extent is at fault, its whereabouts are, and those of all that follow.
        match self.lost {
            0 => Gap::Final,
            lost => Gap::Known(lost),
        }
    }

    fn begins_anywhere(&self) -> bool {
        true
    }

    fn skip(&mut self, count: u64) {
        self.rest = self.rest.and_then(|rest| rest.behind(count, self.position));
        self.position = self.position.saturating_add(count);
        self.lost = 0;
    }
}

/// The whole content of a small inode.
///
/// # Errors
///
/// [`SourceError`] where it is longer than `limit` or cannot be read.
pub(crate) fn read_small(mut reader: InodeReader, limit: u64) -> Result<Vec<u8>, SourceError> {
    if reader.size > limit {
        return Err(corrupt("content longer than its kind allows"));
    }
    let mut bytes = vec![0; usize::try_from(reader.size).map_err(|_| corrupt("longer than memory"))?];
    let mut done = 0;
    while done < bytes.len() {
        let count = reader.step(bytes.get_mut(done..).unwrap_or_default())?;
        if count == 0 {
            return Err(corrupt("content ends before its size"));
        }
        done = done.saturating_add(count);
    }
    Ok(bytes)
}

/// Bytes read and checked at once: as many as a packed extent holds.
const PART: u64 = 128 << 10;
