//! VHDX: the disk of Hyper-V since 2012, fixed or dynamic.
//!
//! After Microsoft's [MS-VHDX], version 9.0. Numbers are little-endian.
//!
//! ```text
//! 0        vhdxfile
//! 65536    head   sequence 4, log of 1 MiB at 1 MiB          a second one at 131072
//! 196608   regi   table at 3 MiB, metadata at 2 MiB          a second one at 262144
//! 2 MiB    metadata: blocks of 8 MiB, disk of 20973568 bytes, sectors of 512
//! 3 MiB    table: 0000000000400006 (present, at 4 MiB) 0000000000000002 (zeros) ...
//! ```

mod log;
mod own;

use std::ffi::OsStr;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use super::disk::{Disk, Map, Place, Run};
use super::table::{MAX_COMPARED, Pages, Taken, account, claimed_twice};
use super::{Beside, Image, ImageError};
use crate::bytes::{ByteSource, RawFile, ReadFault};
use crate::crc32c::crc32c;
use crate::field::{le16, le32, le64};

/// Opens a VHDX. Nothing beside its one file is read.
///
/// # Errors
///
/// [`ImageError`]; differencing disks are refused by name.
pub(crate) fn open(_name: &OsStr, first: File, _beside: &dyn Beside) -> Result<Image, ImageError> {
    let length = super::file_length(&first)?;
    read(Arc::new(RawFile::new(first, length)))
}

/// The disk in `file`.
pub(super) fn read(file: Arc<dyn ByteSource>) -> Result<Image, ImageError> {
    let mut limits = Vec::new();
    let header = header(file.as_ref(), &mut limits)?;
    let file = log::replay(file, &header, &mut limits)?;
    let regions = regions(file.as_ref(), &mut limits)?;
    let facts = facts(file.as_ref(), regions.metadata.0)?;
    let form = if facts.fixed { "fixed VHDX disk" } else { "dynamic VHDX disk" };
    let disk = Blocks::new(file, &header, &regions, &facts, &mut limits)?;
    Ok(Image {
        bytes: Arc::new(Disk::new(disk, 0)),
        form: form.into(),
        ids: Vec::new(),
        said: Vec::new(),
        stored: Vec::new(),
        limits,
    })
}

/// One of the two headers.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Header {
    sequence: u64,
    /// All zeros where the log is empty.
    log_guid: [u8; 16],
    log_version: u16,
    log_start: u64,
    log_length: u64,
}

impl Header {
    fn log(&self) -> (u64, u64) {
        (self.log_start, self.log_length)
    }
}

fn header(file: &dyn ByteSource, limits: &mut Vec<String>) -> Result<Header, ImageError> {
    let [first, second] = HEADERS
        .map(|at| checked::<4096>(file, at, b"head").map(|bytes| bytes.and_then(|bytes| parse(&bytes))));
    let header = match (first, second) {
        (Ok(Some(first)), Ok(Some(second))) => {
            if second.sequence > first.sequence {
                second
            } else {
                first
            }
        }
        (Ok(Some(one)), _) | (_, Ok(Some(one))) => {
            limits.push("one of the VHDX's two headers is damaged: the other is used".into());
            one
        }
        (Err(fault), _) | (_, Err(fault)) => return Err(fault.into()),
        _ => return Err(corrupt("neither header of the VHDX has a checksum that fits")),
    };
    Ok(header)
}

/// The fields of a header of version 1.
fn parse(bytes: &[u8]) -> Option<Header> {
    (le16(bytes, 66)? == 1).then_some(())?;
    Some(Header {
        sequence: le64(bytes, 8)?,
        log_guid: guid(bytes, 48)?,
        log_version: le16(bytes, 64)?,
        log_start: le64(bytes, 72)?,
        log_length: le32(bytes, 68)?.into(),
    })
}

/// The structure at `at`, if it begins with `magic` and its CRC-32C, at byte 4, fits.
fn checked<const N: usize>(
    file: &dyn ByteSource,
    at: u64,
    magic: &[u8; 4],
) -> Result<Option<Vec<u8>>, ReadFault> {
    let mut bytes = vec![0; N];
    file.read_exact_at(at, &mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.starts_with(magic) && sealed(bytes)))
}

/// Whether the checksum at byte 4, counted as zeros itself, fits `bytes`.
fn sealed(bytes: &[u8]) -> bool {
    let (head, body) = (bytes.get(..4).unwrap_or_default(), bytes.get(8..).unwrap_or_default());
    let crc = crc32c(crc32c(crc32c(u32::MAX, head), &[0; 4]), body);
    le32(bytes, 4) == Some(!crc)
}

fn guid(bytes: &[u8], at: usize) -> Option<[u8; 16]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// The two regions that a disk needs, as start and length.
struct Regions {
    table: (u64, u64),
    metadata: (u64, u64),
    /// Bytes of the table of regions that say something.
    listed: u64,
}

fn regions(file: &dyn ByteSource, limits: &mut Vec<String>) -> Result<Regions, ImageError> {
    let [first, second] = REGIONS.map(|at| checked::<{ 64 << 10 }>(file, at, b"regi"));
    let bytes = match (first, second) {
        (Ok(Some(first)), Ok(Some(second))) => {
            if first != second {
                limits.push("the VHDX's two region tables differ: the first is used".into());
            }
            first
        }
        (Ok(Some(one)), _) | (_, Ok(Some(one))) => {
            limits.push("one of the VHDX's two region tables is damaged: the other is used".into());
            one
        }
        (Err(fault), _) | (_, Err(fault)) => return Err(fault.into()),
        _ => return Err(corrupt("neither region table of the VHDX has a checksum that fits")),
    };
    let (mut table, mut metadata) = (None, None);
    for entry in entries(&bytes, 8, 16).map_err(corrupt)? {
        let (id, start, length) =
            (guid(entry, 0), le64(entry, 16).unwrap_or(0), le32(entry, 24).unwrap_or(0));
        let slot = match id {
            Some(TABLE) => &mut table,
            Some(METADATA) => &mut metadata,
            _ if le32(entry, 28).is_some_and(|bits| bits & 1 == 1) => {
                return Err(ImageError::Unsupported(
                    "a VHDX with a required region of an unknown kind".into(),
                ));
            }
            _ => continue,
        };
        if start < MIB || slot.replace((start, u64::from(length))).is_some() {
            return Err(corrupt("a VHDX region that stands twice, or in the first MiB"));
        }
    }
    match (table, metadata) {
        (Some(table), Some(metadata)) => {
            let listed = le32(&bytes, 8).map_or(0, |count| u64::from(count).saturating_mul(32));
            Ok(Regions { table, metadata, listed: listed.saturating_add(16) })
        }
        _ => Err(corrupt("a VHDX without a block table or metadata")),
    }
}

/// The entries of 32 bytes of a region or metadata table, whose count stands at `count` and which begin at `from`.
fn entries(bytes: &[u8], count: usize, from: usize) -> Result<impl Iterator<Item = &[u8; 32]>, String> {
    let number = if from == 16 { le32(bytes, count) } else { le16(bytes, count).map(u32::from) };
    let number = usize::try_from(number.unwrap_or(u32::MAX)).unwrap_or(usize::MAX);
    let all = bytes.get(from..).unwrap_or_default().as_chunks::<32>().0;
    let used = all.get(..number).filter(|_| number <= MAX_ENTRIES);
    used.map(|used| used.iter()).ok_or_else(|| format!("a VHDX table of {number} entries"))
}

/// What the metadata say of the disk.
#[derive(Debug)]
struct Facts {
    block: u64,
    fixed: bool,
    size: u64,
    sector: u32,
    /// Where the table of the metadata and what it names stand.
    own: Vec<Range<u64>>,
}

fn facts(file: &dyn ByteSource, metadata: u64) -> Result<Facts, ImageError> {
    let mut bytes = vec![0; 64 << 10];
    file.read_exact_at(metadata, &mut bytes)?;
    if !bytes.starts_with(b"metadata") {
        return Err(corrupt(format!("no metadata table of the VHDX at {metadata}")));
    }
    let (mut parameters, mut size, mut sector) = (None, None, None);
    let listed = le16(&bytes, 10).map_or(0, |count| u64::from(count).saturating_mul(32)).saturating_add(32);
    let mut own: Vec<_> = std::iter::once(metadata..metadata.saturating_add(listed)).collect();
    for entry in entries(&bytes, 10, 32).map_err(corrupt)? {
        let at = metadata.saturating_add(le32(entry, 16).unwrap_or(0).into());
        let item = || {
            let mut bytes = [0; 8];
            file.read_exact_at(at, bytes.get_mut(..4).unwrap_or_default())?;
            // A sector size has four bytes, perhaps at the file's very end.
            let _ = file.read_at(at.saturating_add(4), bytes.get_mut(4..).unwrap_or_default())?;
            Ok::<_, ReadFault>(u64::from_le_bytes(bytes))
        };
        let bits = le32(entry, 24).unwrap_or(0);
        let length = match guid(entry, 0) {
            Some(FILE_PARAMETERS | DISK_SIZE) => 8,
            Some(SECTOR_SIZE | PHYSICAL_SECTOR_SIZE) => 4,
            Some(DISK_ID) => 16,
            _ => 0,
        };
        own.push(at..at.saturating_add(length));
        match guid(entry, 0) {
            Some(FILE_PARAMETERS) => parameters = Some(item()?),
            Some(DISK_SIZE) => size = Some(item()?),
            Some(SECTOR_SIZE) => sector = u32::try_from(item()? & u64::from(u32::MAX)).ok(),
            Some(PHYSICAL_SECTOR_SIZE | DISK_ID) => {}
            Some(PARENT) => return Err(differencing()),
            _ if bits & 4 != 0 => {
                return Err(ImageError::Unsupported(
                    "a VHDX with required metadata of an unknown kind".into(),
                ));
            }
            _ => {}
        }
    }
    let (Some(parameters), Some(size), Some(sector)) = (parameters, size, sector) else {
        return Err(corrupt("VHDX metadata without block size, disk size or sector size"));
    };
    let (block, bits) = (parameters & u64::from(u32::MAX), parameters >> 32);
    if bits & 2 != 0 {
        return Err(differencing());
    }
    if !block.is_power_of_two() || !(MIB..=MAX_BLOCK).contains(&block) || ![512, 4096].contains(&sector) {
        return Err(corrupt(format!("VHDX blocks of {block} bytes and sectors of {sector}")));
    }
    if size > MAX_SIZE || !size.is_multiple_of(sector.into()) {
        return Err(corrupt(format!("a VHDX of {size} bytes, in sectors of {sector}")));
    }
    Ok(Facts { block, fixed: bits & 1 == 1, size, sector, own })
}

fn differencing() -> ImageError {
    ImageError::Unsupported("a differencing VHDX, which holds only what differs from another disk".into())
}

/// The blocks, through their table.
struct Blocks {
    pages: Pages,
    table: u64,
    block: u64,
    size: u64,
    sector: u32,
    taken: Taken,
    twice: Taken,
}

impl Blocks {
    fn new(
        file: Arc<dyn ByteSource>,
        header: &Header,
        regions: &Regions,
        facts: &Facts,
        limits: &mut Vec<String>,
    ) -> Result<Self, ImageError> {
        // No block can lie where a structure may; what of it counts as its own is less.
        let own = [(0, MIB), header.log(), regions.table, regions.metadata];
        let taken: Vec<_> = own.iter().map(|(start, length)| *start..start.saturating_add(*length)).collect();
        let mut blocks = Self {
            pages: Pages::new(file),
            table: regions.table.0,
            block: facts.block,
            size: facts.size,
            sector: facts.sector,
            taken: Taken::new(taken),
            twice: Taken::new(Vec::new()),
        };
        let count = facts.size.div_ceil(facts.block);
        let held = regions.table.1 / 8;
        if count > 0 && blocks.slot(count.saturating_sub(1)) >= held {
            return Err(corrupt(format!("a VHDX of {count} blocks with a table of {held} entries")));
        }
        if count > MAX_COMPARED {
            limits.push(format!(
                "blocks of the VHDX beyond the first {MAX_COMPARED} were not compared with each other"
            ));
        }
        let mut starts = Vec::new();
        for index in 0..count.min(MAX_COMPARED) {
            let slot = blocks.slot(index);
            // A table that cannot be read is told where its blocks are asked for.
            match blocks.pages.le64(blocks.table, slot) {
                Ok(entry) if entry & STATE == PRESENT => starts.push(entry & !(MIB - 1)),
                Ok(_) => {}
                Err(_)
                    if blocks.table.saturating_add(slot.saturating_mul(8)) >= blocks.pages.file().len() =>
                {
                    break;
                }
                Err(_) => {}
            }
        }
        if count <= MAX_COMPARED {
            let entries = if count > 0 { blocks.slot(count.saturating_sub(1)).saturating_add(1) } else { 0 };
            let mut used = own::first(&blocks.pages, regions.listed);
            used.extend(own::log(&blocks.pages, header.log()));
            used.extend(facts.own.iter().cloned());
            used.push(blocks.table..blocks.table.saturating_add(entries.saturating_mul(8)));
            used.extend(starts.iter().map(|start| *start..start.saturating_add(facts.block)));
            account(blocks.pages.file(), "VHDX", used, 0, limits);
        }
        blocks.twice = Taken::new(claimed_twice(starts, facts.block));
        Ok(blocks)
    }

    /// The table's entry of block `index`: after each chunk's blocks stands the entry of a bitmap, which only differencing disks use.
    fn slot(&self, index: u64) -> u64 {
        let chunk = u64::from(self.sector).saturating_mul(1 << 23) / self.block;
        index.saturating_add(index.checked_div(chunk).unwrap_or(0))
    }
}

impl Map for Blocks {
    fn len(&self) -> u64 {
        self.size
    }

    fn sector_size(&self) -> u32 {
        self.sector
    }

    fn run(&self, offset: u64) -> Result<Run<'_>, String> {
        let (index, inside) = (offset / self.block, offset % self.block);
        let entry = self.pages.le64(self.table, self.slot(index))?;
        let start = entry & !(MIB - 1);
        let place = match entry & STATE {
            // Not present, undefined, zero, unmapped: a disk without a parent holds zeros there.
            0..=3 => Place::Zeros,
            PRESENT if self.taken.touches(start, self.block) => {
                return Err(format!(
                    "block {index} of the VHDX lies at {start}, in the VHDX's own structures"
                ));
            }
            PRESENT if self.twice.touches(start, self.block) => {
                return Err(format!(
                    "block {index} of the VHDX lies at {start}, where another block lies too"
                ));
            }
            PRESENT => Place::Stored(self.pages.file(), start.saturating_add(inside)),
            other => {
                return Err(format!(
                    "block {index} of the VHDX is in state {other}, which its kind of disk does not have"
                ));
            }
        };
        Ok(Run { length: self.block.saturating_sub(inside), place })
    }
}

fn corrupt(what: impl Into<String>) -> ImageError {
    ImageError::Corrupt(what.into())
}

const MIB: u64 = 1 << 20;
const HEADERS: [u64; 2] = [64 << 10, 128 << 10];
const REGIONS: [u64; 2] = [192 << 10, 256 << 10];
/// Entries that fit a region or metadata table: the format's own limit.
const MAX_ENTRIES: usize = 2047;
/// Largest block: the format's own limit.
const MAX_BLOCK: u64 = 256 << 20;
/// Largest disk: the format's own limit.
const MAX_SIZE: u64 = 64 << 40;
/// The bits of a table entry that tell a block's state.
const STATE: u64 = 7;
/// The state of a block that is in the file as a whole.
const PRESENT: u64 = 6;

/// A GUID as it is stored, from its usual spelling in five numbers.
const fn stored(one: u32, two: u16, three: u16, rest: u64) -> [u8; 16] {
    let ([a, b, c, d], [e, f], [g, h]) = (one.to_le_bytes(), two.to_le_bytes(), three.to_le_bytes());
    let [i, j, k, l, m, n, o, p] = rest.to_be_bytes();
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

const TABLE: [u8; 16] = stored(0x2DC2_7766, 0xF623, 0x4200, 0x9D64_115E_9BFD_4A08);
const METADATA: [u8; 16] = stored(0x8B7C_A206, 0x4790, 0x4B9A, 0xB8FE_575F_050F_886E);
const FILE_PARAMETERS: [u8; 16] = stored(0xCAA1_6737, 0xFA36, 0x4D43, 0xB3B6_33F0_AA44_E76B);
const DISK_SIZE: [u8; 16] = stored(0x2FA5_4224, 0xCD1B, 0x4876, 0xB211_5DBE_D83B_F4B8);
const DISK_ID: [u8; 16] = stored(0xBECA_12AB, 0xB2E6, 0x4523, 0x93EF_C309_E000_C746);
const SECTOR_SIZE: [u8; 16] = stored(0x8141_BF1D, 0xA96F, 0x4709, 0xBA47_F233_A8FA_AB5F);
const PHYSICAL_SECTOR_SIZE: [u8; 16] = stored(0xCDA3_48C7, 0x445D, 0x4471, 0x9CC9_E988_5251_C556);
const PARENT: [u8; 16] = stored(0xA8D3_5F2D, 0xB30B, 0x454D, 0xABF7_D3D8_4834_AB0C);
