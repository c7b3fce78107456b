//! A sparse extent: grains, through a directory of tables, packed or not.
//!
//! Numbers are little-endian, and count sectors of 512 bytes.
//!
//! ```text
//! 0       KDMV, version 1, 40964 sectors in grains of 128, directory at 26, a copy of it at 21
//! 1       descriptor
//! 26      directory    0000001b                a table of 512 grains at 27
//! 27      table        00000080 00000000 ...   stored at 128; zeros
//! ```

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use super::{MAX_DESCRIPTOR, SECTOR, corrupt};
use crate::bytes::{ByteSource, length};
use crate::field::{byte, le16, le32, le64};
use crate::image::ImageError;
use crate::image::disk::{Place, Run, in_file};
use crate::image::table::{MAX_COMPARED, Pages, Taken, account, claimed_twice, inflate};
use crate::medium::cut_short;

/// A sparse extent.
pub(super) struct Sparse {
    pages: Pages,
    header: Header,
    taken: Taken,
    /// Where two grains lie over one another.
    twice: Taken,
    /// Whether the tables have copies that each answer is compared with.
    copies: bool,
}

/// What the header says; places and lengths in bytes.
#[derive(Clone, Copy, Debug)]
struct Header {
    flags: u32,
    size: u64,
    grain: u64,
    descriptor: (u64, u64),
    /// Grains of one table.
    per_table: u64,
    copy: u64,
    directory: u64,
    unclean: bool,
    packing: u16,
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        let version = le32(bytes, 4).unwrap_or(0);
        if !bytes.starts_with(b"KDMV") {
            return Err(corrupt("no header where a sparse VMDK extent should have one"));
        }
        if !(1..=3).contains(&version) {
            return Err(ImageError::Unsupported(format!("a sparse VMDK extent of version {version}")));
        }
        let sectors = |at| le64(bytes, at).and_then(|sectors| sectors.checked_mul(SECTOR));
        let header = || {
            Some(Self {
                flags: le32(bytes, 8)?,
                size: sectors(12)?,
                grain: sectors(20)?,
                descriptor: (sectors(28)?, sectors(36)?),
                per_table: le32(bytes, 44)?.into(),
                copy: le64(bytes, 48)?.saturating_mul(SECTOR),
                directory: le64(bytes, 56)?.saturating_mul(SECTOR),
                unclean: byte(bytes, 72)? != 0,
                packing: le16(bytes, 77)?,
            })
        };
        let header = header()
            .ok_or_else(|| corrupt("numbers beyond any length in the header of a sparse VMDK extent"))?;
        if header.flags & NEWLINES != 0 && bytes.get(73..77) != Some(b"\n \r\n") {
            return Err(corrupt("a sparse VMDK extent whose line breaks were changed by a transfer as text"));
        }
        Ok(header)
    }

    fn check(&self) -> Result<(), ImageError> {
        if !self.grain.is_power_of_two() || !(SECTOR..=MAX_GRAIN).contains(&self.grain) {
            return Err(corrupt(format!("VMDK grains of {} bytes", self.grain)));
        }
        if !PER_TABLE.contains(&self.per_table) || self.tables() > MAX_TABLES {
            return Err(corrupt(format!("{} tables of {} VMDK grains", self.tables(), self.per_table)));
        }
        if self.packs() && self.packing != 1 {
            return Err(ImageError::Unsupported(format!(
                "a VMDK packed in the unknown way {}",
                self.packing
            )));
        }
        Ok(())
    }

    fn packs(&self) -> bool {
        self.flags & PACKED != 0
    }

    /// Entries of the directory.
    fn tables(&self) -> u64 {
        self.size.div_ceil(self.grain.max(1)).div_ceil(self.per_table.max(1))
    }
}

impl Sparse {
    /// The sparse extent in `file`, number `number` of its disk.
    pub(super) fn new(
        file: Arc<dyn ByteSource>,
        number: usize,
        limits: &mut Vec<String>,
    ) -> Result<Self, ImageError> {
        let mut bytes = [0; 512];
        file.read_exact_at(0, &mut bytes)?;
        let mut header = Header::parse(&bytes)?;
        let mut own = vec![(0, SECTOR), described(file.as_ref(), header.descriptor)];
        if header.directory == AT_END {
            let at =
                file.len().checked_sub(2 * SECTOR).ok_or_else(|| corrupt("a VMDK without its footer"))?;
            file.read_exact_at(at, &mut bytes)?;
            if !bytes.starts_with(b"KDMV") {
                return Err(corrupt(
                    "a VMDK without the footer that tells where its grains are: the file was cut",
                ));
            }
            header = Header { descriptor: header.descriptor, ..Header::parse(&bytes)? };
            own.push((at, 2 * SECTOR));
        }
        header.check()?;
        if header.unclean {
            limits.push(format!(
                "extent {number} of the VMDK was not closed: what was written last may be missing"
            ));
        }
        let (tables, each) = (header.tables(), header.per_table.saturating_mul(4));
        if header.directory.saturating_add(tables.saturating_mul(4)) > file.len() {
            return Err(corrupt(format!("the directory of VMDK extent {number} ends beyond its file")));
        }
        let copies = header.flags & COPIES != 0 && header.copy != 0;
        let pages = Pages::new(file);
        for directory in [Some(header.directory), copies.then_some(header.copy)].into_iter().flatten() {
            own.push((directory, tables.saturating_mul(4)));
            // A directory that cannot be read is told where its grains are asked for.
            let found = (0..tables).map_while(|index| pages.le32(directory, index).ok());
            own.extend(
                found
                    .filter(|table| *table != 0)
                    .map(|table| (u64::from(table).saturating_mul(SECTOR), each)),
            );
        }
        let taken: Vec<_> = own.iter().map(|(start, length)| *start..start.saturating_add(*length)).collect();
        let used = taken.clone();
        let mut sparse =
            Self { pages, header, taken: Taken::new(taken), twice: Taken::new(Vec::new()), copies };
        sparse.twice = sparse.compare(number, used, limits);
        Ok(sparse)
    }

    /// Where two grains lie over one another. A packed grain tells whose it is, and needs no comparison.
    fn compare(&self, number: usize, mut used: Vec<Range<u64>>, limits: &mut Vec<String>) -> Taken {
        let Header { size, grain, per_table, .. } = self.header;
        let mut starts = Vec::new();
        let mut index = 0;
        let mut compared = 0;
        while index < size.div_ceil(grain) {
            // What cannot be read is told where its grains are asked for; a table that is nowhere places none.
            let table = self.pages.le32(self.header.directory, index / per_table).unwrap_or(0);
            let start = u64::from(table).saturating_mul(SECTOR);
            if table == 0 || start >= self.pages.file().len() {
                index = (index / per_table).saturating_add(1).saturating_mul(per_table);
                continue;
            }
            if compared == MAX_COMPARED {
                limits.push(format!("grains of VMDK extent {number} beyond the first {MAX_COMPARED} were not compared with each other"));
                break;
            }
            let sector = self.pages.le32(start, index % per_table).unwrap_or(0);
            if sector > 1 {
                starts.push(u64::from(sector).saturating_mul(SECTOR));
            }
            compared = compared.saturating_add(1);
            index = index.saturating_add(1);
        }
        let what = format!("VMDK's extent {number}");
        if self.header.packs() {
            // How long a packed grain is stands in it, and marks of the format's own lie between them.
            let file = self.pages.file().len();
            let last = starts.iter().max().map_or(0, |start| start.saturating_add(PACKED_HEAD));
            if last > file {
                let says = format!("by its own tables the file of the {what} has more than");
                limits.push(cut_short(&says, last, file));
            }
            if index >= size.div_ceil(grain) {
                let marks = used.iter().filter_map(|range| range.start.checked_sub(SECTOR));
                let marks: Vec<_> = marks.filter(|at| self.is_mark(*at)).collect();
                used.extend(marks.iter().map(|at| *at..at.saturating_add(SECTOR)));
                used.extend(starts.iter().map(|start| {
                    let packed = self.pages.le32(*start, 2).map_or(0, u64::from).min(grain.saturating_mul(2));
                    let end = start.saturating_add(PACKED_HEAD).saturating_add(packed);
                    *start..end.next_multiple_of(SECTOR)
                }));
                account(self.pages.file(), &what, used, SECTOR.saturating_sub(1), limits);
            }
            return Taken::new(Vec::new());
        }
        if index >= size.div_ceil(grain) {
            used.extend(starts.iter().map(|start| *start..start.saturating_add(grain)));
            account(self.pages.file(), &what, used, grain, limits);
        }
        Taken::new(claimed_twice(starts, grain))
    }

    /// Length in bytes.
    pub(super) fn size(&self) -> u64 {
        self.header.size
    }

    /// Bytes of a grain.
    pub(super) fn grain(&self) -> u64 {
        self.header.grain
    }

    /// The descriptor inside the extent; empty where there is none.
    pub(super) fn descriptor(&self) -> Result<Vec<u8>, ImageError> {
        let (at, size) = self.header.descriptor;
        let size = size.min(MAX_DESCRIPTOR);
        let mut text = vec![0; usize::try_from(size).unwrap_or(0)];
        self.pages.file().read_exact_at(at, &mut text)?;
        Ok(text)
    }

    /// Whether the sector at `at` is a mark of the format's own, before a table, a directory or the footer.
    fn is_mark(&self, at: u64) -> bool {
        let mut mark = [0; 512];
        self.pages.file().read_exact_at(at, &mut mark).is_ok()
            && le32(&mark, 8) == Some(0)
            && le32(&mark, 12).is_some_and(|kind| (1..=3).contains(&kind))
            && mark.iter().skip(16).all(|byte| *byte == 0)
    }

    /// Where the grain is that holds `offset`, in sectors: 0 nowhere, 1 zeros.
    fn place(&self, offset: u64) -> Result<u32, String> {
        let index = offset / self.header.grain;
        let (table, slot) = (index / self.header.per_table, index % self.header.per_table);
        let through = |directory| match self.pages.le32(directory, table)? {
            0 => Ok(0),
            at => self.pages.le32(u64::from(at).saturating_mul(SECTOR), slot),
        };
        let sector = through(self.header.directory)?;
        if self.copies {
            let other = through(self.header.copy)?;
            if other != sector {
                return Err(format!(
                    "the two tables of a VMDK extent place grain {index} at sectors {sector} and {other}"
                ));
            }
        }
        Ok(sector)
    }

    /// What lies at `offset` of the extent; packed grains by where they begin in the extent.
    pub(super) fn run(&self, offset: u64) -> Result<Run<'_>, String> {
        let grain = self.header.grain;
        let (inside, sector) = (offset % grain, self.place(offset)?);
        let start = u64::from(sector).saturating_mul(SECTOR);
        let place = match sector {
            0 => Place::Zeros,
            1 if self.header.flags & ZEROED != 0 => Place::Zeros,
            _ if self.header.packs() => Place::Packed(offset.saturating_sub(inside)),
            _ if self.taken.touches(
                start,
                grain.min(self.header.size.saturating_sub(offset.saturating_sub(inside))),
            ) =>
            {
                return Err(format!("a grain of the VMDK lies at {start}, in the VMDK's own structures"));
            }
            _ if self.twice.touches(start, grain) => {
                return Err(format!("a grain of the VMDK lies at {start}, where another one lies too"));
            }
            _ => Place::Stored(self.pages.file(), start.saturating_add(inside)),
        };
        Ok(Run { length: grain.saturating_sub(inside), place })
    }

    /// The packed grain that begins at `start` of the extent.
    pub(super) fn unpack(&self, start: u64) -> Result<Vec<u8>, String> {
        let at = u64::from(self.place(start)?).saturating_mul(SECTOR);
        let mark: [u8; 12] = self.pages.read(at)?;
        let (sector, size) = (le64(&mark, 0).unwrap_or(0), u64::from(le32(&mark, 8).unwrap_or(0)));
        if sector.checked_mul(SECTOR) != Some(start) {
            return Err(format!("the packed grain at {at} of the VMDK is marked as that of sector {sector}"));
        }
        let grain = self.header.grain;
        if size > grain.saturating_mul(2) || self.taken.touches(at, size.saturating_add(12)) {
            return Err(format!("a packed grain of {size} bytes at {at} of the VMDK, where it cannot be"));
        }
        let mut packed = vec![0; usize::try_from(size).unwrap_or(0)];
        self.pages.file().read_exact_at(at.saturating_add(12), &mut packed).map_err(in_file)?;
        let unpacked = inflate(&packed, true, usize::try_from(grain).unwrap_or(0))?;
        // The last grain of an extent may end with the extent.
        let needed = grain.min(self.header.size.saturating_sub(start));
        if length(unpacked.len()) < needed {
            return Err(format!(
                "a packed grain of the VMDK unpacks to {} of {needed} bytes",
                unpacked.len()
            ));
        }
        Ok(unpacked)
    }
}

/// Where the text of a descriptor stands that may take more than its text.
fn described(file: &dyn ByteSource, descriptor: (u64, u64)) -> (u64, u64) {
    let (at, size) = descriptor;
    let mut text = vec![0; usize::try_from(size.min(MAX_TEXT)).unwrap_or(0)];
    if file.read_exact_at(at, &mut text).is_err() {
        return (at, size);
    }
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    (at, length(end).next_multiple_of(SECTOR))
}

/// Longest text of a descriptor inside a sparse file, which tells of one extent.
const MAX_TEXT: u64 = 1 << 16;
/// The header holds line breaks by which a transfer as text shows.
const NEWLINES: u32 = 1;
/// There are two directories, with tables of their own.
const COPIES: u32 = 1 << 1;
/// Grains placed at sector 1 are zeros.
const ZEROED: u32 = 1 << 2;
/// Bytes before a packed grain: its sector and its length.
const PACKED_HEAD: u64 = 12;
/// Grains are packed.
const PACKED: u32 = 1 << 16;
/// The directory is told by the footer, since it was not known when the header was written: all ones, times 512.
const AT_END: u64 = u64::MAX;
/// Largest grain: 16 times the usual 64 KiB.
const MAX_GRAIN: u64 = 1 << 20;
/// Grains of a table: 512 is what every writer uses. Fewer would make a walk over the tables slow, more their copies long.
const PER_TABLE: RangeInclusive<u64> = 128..=4096;
/// Most tables: 16 TiB in the usual grains and tables.
const MAX_TABLES: u64 = 1 << 19;
