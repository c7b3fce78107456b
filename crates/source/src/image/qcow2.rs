//! QCOW2: the disk of QEMU, versions 2 and 3.
//!
//! After `docs/interop/qcow2.rst` of QEMU. Numbers are big-endian.
//!
//! ```text
//! 0        QFI\xFB, version 3, clusters of 65536 bytes, disk of 20973568 bytes, first table at 196608
//! 196608   first table     8000000000040000          the second table is at 262144
//! 262144   second table    8000000000050000 (stored at 327680) 0000000000000000 (zeros)
//!                          4000000000050c31 (packed) 0000000000000001 (zeros)
//! ```

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::sync::Arc;

use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use super::disk::{Disk, Map, Place, Run, in_file};
use super::table::{MAX_COMPARED, Pages, Taken, account, claimed_twice, inflate};
use super::{Beside, Image, ImageError};
use crate::bytes::{ByteSource, RawFile, length};
use crate::field::{be32, be64, byte};

/// Opens a QCOW2 disk. Nothing beside its one file is read.
///
/// # Errors
///
/// [`ImageError`]; backing and external data files, encryption and unknown features are refused by name.
pub(crate) fn open(_name: &OsStr, first: File, _beside: &dyn Beside) -> Result<Image, ImageError> {
    let length = super::file_length(&first)?;
    read(Arc::new(RawFile::new(first, length)))
}

/// The disk in `file`.
pub(super) fn read(file: Arc<dyn ByteSource>) -> Result<Image, ImageError> {
    let (header, mut limits) = Header::read(file.as_ref())?;
    let form = format!("QCOW2 disk, version {}", header.version);
    let cluster = header.cluster();
    let bytes = Arc::new(Disk::new(Clusters::new(file, header, &mut limits), cluster));
    Ok(Image { bytes, form, ids: Vec::new(), said: Vec::new(), stored: Vec::new(), limits })
}

/// What the header says, once everything that is not read was refused.
#[derive(Debug)]
struct Header {
    version: u32,
    cluster_bits: u32,
    size: u64,
    /// Entries of the first table, and where it is.
    first: (u64, u64),
    /// Clusters of the table of reference counts, and where it is.
    counts: (u64, u64),
    /// The exponent of the bits of a count.
    count_order: u32,
    /// Whether clusters are packed by zstd, not by deflate.
    zstd: bool,
    /// Whether each entry of a second table tells of 32 parts of its cluster.
    parts: bool,
}

impl Header {
    fn cluster(&self) -> u64 {
        1_u64.checked_shl(self.cluster_bits).unwrap_or(u64::MAX)
    }

    /// Bytes of an entry of a second table.
    fn width(&self) -> u64 {
        if self.parts { 16 } else { 8 }
    }

    /// Where the packed bytes of a cluster are: their start, and their end at the latest.
    fn packed(&self, entry: u64) -> Range<u64> {
        let split = 70_u32.saturating_sub(self.cluster_bits);
        let low = entry & (PACKED - 1);
        let start = low & 1_u64.checked_shl(split).unwrap_or(0).wrapping_sub(1);
        let sectors = (low >> split).saturating_add(1);
        start..(start & !511).saturating_add(sectors.saturating_mul(512))
    }

    /// The header in the first cluster, and what follows it of kinds that are known.
    fn texts(&self, pages: &Pages) -> Vec<Range<u64>> {
        let mut at = match self.version {
            2 => 72,
            _ => pages.be32(100, 0).map_or(104, |length| u64::from(length).clamp(104, SECTOR)),
        };
        let mut texts = vec![extent(0, at)];
        while let (Ok(kind), Ok(size)) = (pages.be32(at, 0), pages.be32(at, 1)) {
            let size = u64::from(size).saturating_add(8).next_multiple_of(8);
            if kind == 0 || at.saturating_add(size) > self.cluster() {
                break;
            }
            if EXTENSIONS.contains(&kind) && size <= MAX_EXTENSION {
                texts.push(extent(at, size));
            }
            at = at.saturating_add(size);
        }
        texts
    }

    /// The entries that count the file's own clusters, and where those entries are told of.
    fn counted(&self, pages: &Pages) -> Vec<Range<u64>> {
        let cluster = self.cluster();
        let bits = 1_u64.checked_shl(self.count_order).unwrap_or(64);
        let per_block = cluster.saturating_mul(8) / bits;
        let clusters = pages.file().len().div_ceil(cluster);
        let blocks = clusters.div_ceil(per_block.max(1)).min(self.counts.0.saturating_mul(cluster / 8));
        let mut counted = vec![extent(self.counts.1, blocks.saturating_mul(8))];
        for block in 0..blocks {
            let start = pages.be64(self.counts.1, block).unwrap_or(0);
            let left = clusters.saturating_sub(block.saturating_mul(per_block)).min(per_block);
            if start != 0 {
                counted.push(extent(start, left.saturating_mul(bits).div_ceil(8)));
            }
        }
        counted
    }

    fn read(file: &dyn ByteSource) -> Result<(Self, Vec<String>), ImageError> {
        // The header of version 2 has 72 bytes; a file of it can be no shorter than one small cluster.
        let mut bytes = [0; 112];
        file.read_exact_at(0, &mut bytes)?;
        let four = |at| be32(&bytes, at).unwrap_or(0);
        let eight = |at| be64(&bytes, at).unwrap_or(0);
        let version = four(4);
        if ![2, 3].contains(&version) {
            return Err(unsupported(format!("QCOW version {version}")));
        }
        let features = if version == 3 { eight(72) } else { 0 };
        let packing = if four(100) > 104 { byte(&bytes, 104).unwrap_or(0) } else { 0 };
        let refused = [
            (
                four(16) != 0 || eight(8) != 0,
                "a QCOW2 disk with a backing file, which holds only what differs from it",
            ),
            (four(32) == 1, "a QCOW2 disk encrypted with AES"),
            (four(32) == 2, "a QCOW2 disk encrypted with LUKS"),
            (four(32) > 2, "a QCOW2 disk encrypted in an unknown way"),
            (features & EXTERNAL != 0, "a QCOW2 disk whose data are in another file"),
            (
                features & !(DIRTY | DAMAGED | EXTERNAL | PACKING | PARTS) != 0,
                "a QCOW2 disk with unknown features",
            ),
            (features & PACKING != 0 && packing > 1, "a QCOW2 disk compressed in an unknown way"),
        ];
        if let Some((_, what)) = refused.iter().find(|(found, _)| *found) {
            return Err(unsupported(*what));
        }
        let header = Self {
            version,
            cluster_bits: four(20),
            size: eight(24),
            first: (four(36).into(), eight(40)),
            counts: (four(56).into(), eight(48)),
            count_order: if version == 3 { four(96).min(6) } else { 4 },
            zstd: features & PACKING != 0 && packing == 1,
            parts: features & PARTS != 0,
        };
        header.check()?;
        let noted = [
            (
                features & DIRTY != 0,
                "the QCOW2 disk was not closed: its reference counts may be stale, which its content does not depend on",
            ),
            (
                features & DAMAGED != 0,
                "the QCOW2 disk is marked as damaged by the program that last wrote to it",
            ),
            (
                four(60) != 0,
                "the QCOW2 disk holds internal snapshots, which are not read: its content is the current state",
            ),
        ];
        Ok((header, noted.iter().filter(|(found, _)| *found).map(|(_, what)| (*what).to_owned()).collect()))
    }

    fn check(&self) -> Result<(), ImageError> {
        if !(9..=21).contains(&self.cluster_bits) || (self.parts && self.cluster_bits < 14) {
            return Err(unsupported(format!("QCOW2 clusters of 2^{} bytes", self.cluster_bits)));
        }
        let (entries, at) = self.first;
        let reach = self.cluster().saturating_mul(self.cluster() / self.width());
        if entries > MAX_FIRST || entries < self.size.div_ceil(reach) {
            return Err(corrupt(format!(
                "a QCOW2 disk of {} bytes with a first table of {entries} entries",
                self.size
            )));
        }
        if !at.is_multiple_of(self.cluster()) || self.counts.0.saturating_mul(self.cluster()) > MAX_COUNTS {
            return Err(corrupt("QCOW2 tables in impossible places, or too long"));
        }
        Ok(())
    }
}

/// The clusters, through two levels of tables.
struct Clusters {
    header: Header,
    pages: Pages,
    /// Where there is no content: the header, the tables, the counts.
    taken: Taken,
    /// Where two second tables or two clusters lie over one another.
    twice: Taken,
}

impl Clusters {
    fn new(file: Arc<dyn ByteSource>, header: Header, limits: &mut Vec<String>) -> Self {
        let cluster = header.cluster();
        let pages = Pages::new(file);
        let seconds = offsets(&pages, header.first, FIRST_RESERVED);
        let count_entries = header.counts.0.saturating_mul(cluster / 8);
        let counts = offsets(&pages, (count_entries, header.counts.1), 0);
        let mut own = vec![
            extent(0, cluster),
            extent(header.first.1, header.first.0.saturating_mul(8)),
            extent(header.counts.1, header.counts.0.saturating_mul(cluster)),
        ];
        own.extend(seconds.iter().chain(&counts).map(|start| extent(*start, cluster)));
        // Of these, what the file needs: the rest can hold anything.
        let mut needed = header.texts(&pages);
        needed.push(extent(header.first.1, header.first.0.saturating_mul(8)));
        needed.extend(seconds.iter().map(|start| extent(*start, cluster)));
        needed.extend(header.counted(&pages));
        let width = header.width();
        let held = seconds.iter().filter(|table| **table < pages.file().len());
        let slots = held.flat_map(|table| (0..cluster / width).map(move |slot| (*table, slot)));
        let (mut starts, mut packed, mut whole) = (Vec::new(), Vec::new(), true);
        for (count, (table, slot)) in slots.enumerate() {
            if length(count) >= MAX_COMPARED {
                whole = false;
                limits.push(format!("clusters of the QCOW2 disk beyond the first {MAX_COMPARED} were not compared with each other"));
                break;
            }
            // An entry that cannot be read is told where its cluster is asked for.
            let Ok(entry) = pages.be64(table, slot.saturating_mul(width / 8)) else { continue };
            if entry & PACKED == 0 && entry & OFFSET != 0 {
                starts.push(entry & OFFSET);
            } else if entry & PACKED != 0 {
                packed.push(header.packed(entry));
            }
        }
        if whole {
            let mut used = needed;
            used.extend(starts.iter().map(|start| extent(*start, cluster)).chain(packed));
            account(pages.file(), "QCOW2 disk", used, cluster, limits);
        }
        let mut twice = claimed_twice(starts, cluster);
        twice.extend(claimed_twice(seconds, cluster));
        let clusters = Self { header, pages, taken: Taken::new(own), twice: Taken::new(twice) };
        match clusters.beyond() {
            0 => {}
            count => limits.push(format!(
                "the QCOW2 disk holds {count} clusters of {cluster} bytes behind its size of {}, which are not read",
                clusters.header.size
            )),
        }
        clusters
    }

    /// How many entries tell of clusters behind the end of the disk: a disk that was made smaller has kept what it held there.
    fn beyond(&self) -> u64 {
        let (cluster, width) = (self.header.cluster(), self.header.width());
        let per_table = (cluster / width).max(1);
        let from = self.header.size.div_ceil(cluster);
        let mut count = 0_u64;
        for index in from / per_table..self.header.first.0 {
            let first = self.pages.be64(self.header.first.1, index).unwrap_or(0) & OFFSET;
            if first == 0 || count >= MAX_COMPARED {
                continue;
            }
            let slots = from.saturating_sub(index.saturating_mul(per_table)).min(per_table)..per_table;
            let tells = |slot: &u64| {
                self.pages
                    .be64(first, slot.saturating_mul(width / 8))
                    .is_ok_and(|entry| entry & (OFFSET | PACKED) != 0)
            };
            count = count.saturating_add(length(slots.filter(tells).count()));
        }
        count
    }

    /// The entry that tells of the cluster at `offset`, with the bits of its parts.
    fn entry(&self, offset: u64) -> Result<(u64, u64), String> {
        let (cluster, width) = (self.header.cluster(), self.header.width());
        let per_table = cluster / width;
        let index = offset / cluster;
        let first = self.pages.be64(self.header.first.1, index / per_table)?;
        let table = first & OFFSET;
        if first & FIRST_RESERVED != 0 || !table.is_multiple_of(cluster) {
            return Err(format!(
                "entry {} of the QCOW2 disk's first table has bits that no entry has",
                index / per_table
            ));
        }
        if table == 0 {
            return Ok((0, 0));
        }
        if self.twice.touches(table, cluster) {
            return Err(format!("the QCOW2 disk's second table at {table} lies where another one lies too"));
        }
        let slot = index % per_table;
        if self.header.parts {
            return Ok((
                self.pages.be64(table, slot.saturating_mul(2))?,
                self.pages.be64(table, slot.saturating_mul(2) + 1)?,
            ));
        }
        Ok((self.pages.be64(table, slot)?, 0))
    }

    /// What lies `inside` bytes into a cluster that is not packed.
    fn stored(&self, entry: u64, parts: u64, inside: u64) -> Result<Run<'_>, String> {
        let cluster = self.header.cluster();
        let (start, left) = (entry & OFFSET, cluster.saturating_sub(inside));
        let zeros = if self.header.parts || self.header.version < 3 { 0 } else { ZEROS };
        if entry & !(OFFSET | COPIED | zeros) != 0 || !start.is_multiple_of(cluster) {
            return Err("an entry of a second table of the QCOW2 disk has bits that no entry has".into());
        }
        let (present, length) = if self.header.parts {
            let size = cluster / 32;
            let (present, alike) = part(parts, inside / size)?;
            (present, alike.saturating_mul(size).saturating_sub(inside % size))
        } else {
            (entry & zeros == 0 && start != 0, left)
        };
        if !present {
            return Ok(Run { length, place: Place::Zeros });
        }
        // A part can be present only where its cluster is somewhere; at 0 is the header.
        if self.taken.touches(start, cluster) {
            return Err(format!("a cluster of the QCOW2 disk lies at {start}, in the disk's own structures"));
        }
        if self.twice.touches(start, cluster) {
            return Err(format!("a cluster of the QCOW2 disk lies at {start}, where another one lies too"));
        }
        Ok(Run { length, place: Place::Stored(self.pages.file(), start.saturating_add(inside)) })
    }
}

impl Map for Clusters {
    fn len(&self) -> u64 {
        self.header.size
    }

    fn run(&self, offset: u64) -> Result<Run<'_>, String> {
        let inside = offset % self.header.cluster();
        let (entry, parts) = self.entry(offset)?;
        if entry & PACKED == 0 {
            return self.stored(entry, parts, inside);
        }
        let length = self.header.cluster().saturating_sub(inside);
        Ok(Run { length, place: Place::Packed(offset.saturating_sub(inside)) })
    }

    fn unpack(&self, start: u64) -> Result<Vec<u8>, String> {
        let (entry, parts) = self.entry(start)?;
        let file = self.pages.file();
        let range = self.header.packed(entry);
        let end = range.end.min(file.len());
        let length = end.saturating_sub(range.start);
        if entry & COPIED != 0 || parts != 0 || length == 0 || self.taken.touches(range.start, length) {
            return Err(format!(
                "a packed cluster of the QCOW2 disk lies at {}, where none can be",
                range.start
            ));
        }
        let mut packed = vec![0; usize::try_from(length).unwrap_or(0)];
        file.read_exact_at(range.start, &mut packed).map_err(in_file)?;
        let size = usize::try_from(self.header.cluster()).unwrap_or(0);
        let unpacked = if self.header.zstd { unzstd(&packed, size)? } else { inflate(&packed, false, size)? };
        if unpacked.len() != size {
            return Err(format!(
                "a packed cluster of the QCOW2 disk unpacks to {} of {size} bytes",
                unpacked.len()
            ));
        }
        Ok(unpacked)
    }
}

/// Unpacks one zstd frame to `size` bytes or fewer.
fn unzstd(packed: &[u8], size: usize) -> Result<Vec<u8>, String> {
    let damaged = || "compressed data is damaged".to_owned();
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(MAX_WINDOW);
    let stream = StreamingDecoder::new_with_decoder(packed, decoder).map_err(|_| damaged())?;
    let mut unpacked = Vec::with_capacity(size);
    stream.take(length(size).saturating_add(1)).read_to_end(&mut unpacked).map_err(|_| damaged())?;
    if unpacked.len() > size {
        return Err(format!("compressed data does not end after {size} bytes"));
    }
    Ok(unpacked)
}

/// Whether part `index` of a cluster is in the file, and how many from it on are alike.
fn part(parts: u64, index: u64) -> Result<(bool, u64), String> {
    let (present, zeros) = (parts & 0xFFFF_FFFF, parts >> 32);
    if present & zeros != 0 {
        return Err("parts of a QCOW2 cluster are marked both as present and as zeros".into());
    }
    let rest = present >> index;
    let alike = if rest & 1 == 1 { rest.trailing_ones() } else { rest.trailing_zeros() };
    Ok((rest & 1 == 1, u64::from(alike).min(32_u64.saturating_sub(index))))
}

/// The offsets in a table of `entries` at `at`, as far as the file goes, without those that are none.
fn offsets(pages: &Pages, (entries, at): (u64, u64), reserved: u64) -> Vec<u64> {
    let held = pages.file().len().saturating_sub(at) / 8;
    // An entry that cannot be read is told where its clusters are asked for.
    let all = (0..entries.min(held)).filter_map(|index| pages.be64(at, index).ok());
    all.filter(|entry| entry & reserved == 0)
        .map(|entry| entry & OFFSET)
        .filter(|start| *start != 0)
        .collect()
}

fn extent(start: u64, length: u64) -> Range<u64> {
    start..start.saturating_add(length)
}

fn corrupt(what: impl Into<String>) -> ImageError {
    ImageError::Corrupt(what.into())
}

fn unsupported(what: impl Into<String>) -> ImageError {
    ImageError::Unsupported(what.into())
}

const DIRTY: u64 = 1;
const DAMAGED: u64 = 1 << 1;
const EXTERNAL: u64 = 1 << 2;
const PACKING: u64 = 1 << 3;
const PARTS: u64 = 1 << 4;

/// The bits of an entry that hold an offset.
const OFFSET: u64 = 0x00FF_FFFF_FFFF_FE00;
/// Extensions of the header: format of a backing file, names of features, bitmaps, encryption, name of a data file.
const EXTENSIONS: [u32; 5] = [0xE279_2ACA, 0x6803_F857, 0x2385_2875, 0x0537_BE77, 0x4441_5441];
/// Longest extension that is taken for one: names of 64 features and more.
const MAX_EXTENSION: u64 = 1 << 12;
const SECTOR: u64 = 512;
/// The cluster or table belongs to nothing else.
const COPIED: u64 = 1 << 63;
/// The cluster is packed.
const PACKED: u64 = 1 << 62;
/// The cluster is zeros, whatever lies in the file. Version 3 alone has it.
const ZEROS: u64 = 1;
/// Bits that no entry of a first table has.
const FIRST_RESERVED: u64 = !(OFFSET | COPIED);
/// Longest first table, 8 MiB: 512 TiB of disk in the usual clusters, 2 TiB in clusters of 4 KiB.
const MAX_FIRST: u64 = (8 << 20) / 8;
/// Farthest that a zstd frame refers back, which is memory: four times the largest cluster.
const MAX_WINDOW: u64 = 8 << 20;
/// Longest table of reference counts, 8 MiB: what QEMU itself allows.
const MAX_COUNTS: u64 = 8 << 20;
