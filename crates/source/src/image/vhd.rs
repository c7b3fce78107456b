//! VHD: the disk of Virtual PC, Hyper-V and Azure, fixed or dynamic.
//!
//! After Microsoft's "Virtual Hard Disk Image Format Specification", version 1.0. Numbers are big-endian.
//!
//! ```text
//! 0        footer, a copy          conectix, type 3 (dynamic), current size 20973568
//! 512      header                  cxsparse, table at 1536, 11 blocks of 2097152
//! 1536     table                   00000004 00001005 ffffffff ...      sectors
//! 2048     a block                 512 bytes of bitmap, 2097152 of data
//! ...
//! end-512  footer
//! ```

use std::ffi::OsStr;
use std::fs::File;
use std::sync::Arc;

use super::disk::{Disk, Map, Place, Run};
use super::table::{MAX_COMPARED, Pages, Taken, account, claimed_twice};
use super::{Beside, Image, ImageError};
use crate::bytes::{ByteSource, RawFile};
use crate::field::{be16, be32, be64, byte};
use crate::volumes::Window;

/// Opens a VHD. Nothing beside its one file is read.
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
    let (footer, mut limits) = footer(file.as_ref())?;
    let sectors = u64::from(footer.cylinders) * u64::from(footer.heads) * u64::from(footer.per_track);
    if sectors.checked_mul(SECTOR) != Some(footer.size) {
        limits.push(format!(
            "the VHD's geometry tells {sectors} sectors of 512 bytes, its current size {} bytes: the current size is read",
            footer.size
        ));
    }
    if footer.saved {
        limits.push(
            "the VHD belongs to a machine whose state was saved: parts of its content may be in that state"
                .into(),
        );
    }
    let (bytes, form): (Arc<dyn ByteSource>, _) = match footer.kind {
        2 => (fixed(file, footer.size, &mut limits)?, "fixed VHD disk"),
        3 => (Arc::new(Disk::new(Dynamic::new(file, &footer, &mut limits)?, 0)), "dynamic VHD disk"),
        4 => {
            return Err(ImageError::Unsupported(
                "a differencing VHD, which holds only what differs from another disk".into(),
            ));
        }
        other => return Err(ImageError::Unsupported(format!("a VHD of type {other}"))),
    };
    Ok(Image { bytes, form: form.into(), ids: Vec::new(), said: Vec::new(), stored: Vec::new(), limits })
}

/// Whether the last sector of a file is the footer of a fixed disk: then the disk's bytes are those of the file.
pub(super) fn is_fixed(tail: &[u8]) -> bool {
    <&[u8; 512]>::try_from(tail).ok().and_then(parse).is_some_and(|footer| footer.kind == 2)
}

fn fixed(
    file: Arc<dyn ByteSource>,
    size: u64,
    limits: &mut Vec<String>,
) -> Result<Arc<dyn ByteSource>, ImageError> {
    let held = file.len().saturating_sub(SECTOR);
    if size > held {
        return Err(corrupt(format!("a fixed VHD of {size} bytes whose file holds {held} bytes of content")));
    }
    if size < held {
        limits.push(format!(
            "{} bytes of the file after the VHD's current size are not read",
            held.saturating_sub(size)
        ));
    }
    Ok(Arc::new(Window::new(file, 0, size)))
}

struct Footer {
    header: u64,
    size: u64,
    cylinders: u16,
    heads: u8,
    per_track: u8,
    kind: u32,
    saved: bool,
    /// Whether this is the copy at the beginning, because the one at the end is no footer.
    copy: bool,
}

/// The footer, or the copy of it that begins a dynamic disk.
fn footer(file: &dyn ByteSource) -> Result<(Footer, Vec<String>), ImageError> {
    let last = file.len().checked_sub(SECTOR).ok_or_else(|| corrupt("shorter than a VHD's footer"))?;
    let (mut end, mut start) = ([0; 512], [0; 512]);
    // A bad sector under one of the two leaves the other.
    let at_end = file.read_exact_at(last, &mut end).map(|()| parse(&end));
    let at_start = file.read_exact_at(0, &mut start).map(|()| parse(&start));
    let (footer, copy) = match (at_end, at_start) {
        (Ok(Some(footer)), _) => (footer, false),
        // A fixed disk has no copy: its first bytes are content.
        (_, Ok(Some(footer))) if footer.kind != 2 => (Footer { copy: true, ..footer }, true),
        (Err(fault), _) => return Err(fault.into()),
        _ => return Err(corrupt("no footer of the VHD has a checksum that fits")),
    };
    let mut limits = Vec::new();
    if copy {
        limits.push("the VHD's footer is damaged or missing: its copy at the beginning is used".into());
    } else if footer.kind == 3 && start != end {
        limits.push("the VHD's two footers differ: the one at the end is used".into());
    }
    Ok((footer, limits))
}

/// The fields of a footer whose checksum fits.
fn parse(bytes: &[u8; 512]) -> Option<Footer> {
    if !bytes.starts_with(b"conectix")
        || be32(bytes, 64)? != checksum(bytes, 64)
        || be32(bytes, 12)? >> 16 != 1
    {
        return None;
    }
    Some(Footer {
        header: be64(bytes, 16)?,
        size: be64(bytes, 48)?,
        cylinders: be16(bytes, 56)?,
        heads: byte(bytes, 58)?,
        per_track: byte(bytes, 59)?,
        kind: be32(bytes, 60)?,
        saved: byte(bytes, 84)? != 0,
        copy: false,
    })
}

/// The complement of the sum of all bytes but the four of the checksum itself, which stands at `at`.
fn checksum(bytes: &[u8], at: usize) -> u32 {
    let own = at..at.saturating_add(4);
    let others = bytes.iter().enumerate().filter(|(index, _)| !own.contains(index));
    !others.fold(0_u32, |sum, (_, byte)| sum.wrapping_add(u32::from(*byte)))
}

/// A dynamic disk: blocks, each behind a bitmap of its sectors.
struct Dynamic {
    pages: Pages,
    size: u64,
    table: u64,
    block: u64,
    /// Bytes of bitmap before each block's data.
    bitmap: u64,
    taken: Taken,
    twice: Taken,
}

impl Dynamic {
    fn new(file: Arc<dyn ByteSource>, footer: &Footer, limits: &mut Vec<String>) -> Result<Self, ImageError> {
        let mut header = [0; 1024];
        file.read_exact_at(footer.header, &mut header)?;
        let fields =
            || Some((be64(&header, 16)?, be32(&header, 28)?, be32(&header, 32)?, be32(&header, 36)?));
        let (table, entries, block, sum) = fields().unwrap_or_default();
        if !header.starts_with(b"cxsparse") || sum != checksum(&header, 36) {
            return Err(corrupt(format!(
                "the dynamic VHD's header at {} has a checksum that does not fit",
                footer.header
            )));
        }
        if !block.is_power_of_two() || !(4096..=MAX_BLOCK).contains(&block) {
            return Err(corrupt(format!("VHD blocks of {block} bytes")));
        }
        let (entries, block) = (u64::from(entries), u64::from(block));
        let needed = footer.size.div_ceil(block);
        if entries < needed {
            return Err(corrupt(format!(
                "a VHD of {} bytes with a table of {entries} blocks of {block}",
                footer.size
            )));
        }
        let bitmap = (block / SECTOR / 8).next_multiple_of(SECTOR);
        let pages = Pages::new(file);
        let file = pages.file();
        // A table can be longer than the disk needs, and what more it has can be anything.
        let mut unused = needed;
        while unused < entries.min(MAX_COMPARED)
            && pages.be32(table, unused).is_ok_and(|entry| entry == UNUSED)
        {
            unused = unused.saturating_add(1);
        }
        let own = [
            (0, SECTOR),
            (footer.header, 1024),
            (table, unused.saturating_mul(4)),
            (file.len().saturating_sub(SECTOR), if footer.copy { 0 } else { SECTOR }),
        ];
        let mut used: Vec<_> =
            own.iter().map(|(start, length)| *start..start.saturating_add(*length)).collect();
        // Writers fill the table's last sector with entries that are not used.
        used.push(table..table.saturating_add(unused.saturating_mul(4).next_multiple_of(SECTOR)));
        let taken =
            Taken::new(own.iter().map(|(start, length)| *start..start.saturating_add(*length)).collect());
        let mut starts = Vec::new();
        for index in 0..needed.min(MAX_COMPARED) {
            // A table that cannot be read is told where its blocks are asked for.
            let entry = pages.be32(table, index).unwrap_or(UNUSED);
            if entry != UNUSED {
                starts.push(u64::from(entry).saturating_mul(SECTOR));
            }
            if table.saturating_add(index.saturating_mul(4)) > pages.file().len() {
                break;
            }
        }
        if needed > MAX_COMPARED {
            limits.push(format!(
                "blocks of the VHD beyond the first {MAX_COMPARED} were not compared with each other"
            ));
        } else {
            let size = bitmap.saturating_add(block);
            used.extend(starts.iter().map(|start| *start..start.saturating_add(size)));
            account(pages.file(), "VHD", used, 0, limits);
        }
        let twice = Taken::new(claimed_twice(starts, bitmap.saturating_add(block)));
        Ok(Self { pages, size: footer.size, table, block, bitmap, taken, twice })
    }
}

impl Map for Dynamic {
    fn len(&self) -> u64 {
        self.size
    }

    fn run(&self, offset: u64) -> Result<Run<'_>, String> {
        let (index, inside) = (offset / self.block, offset % self.block);
        let left = self.block.saturating_sub(inside);
        let entry = self.pages.be32(self.table, index)?;
        if entry == UNUSED {
            return Ok(Run { length: left, place: Place::Zeros });
        }
        let start = u64::from(entry).saturating_mul(SECTOR);
        let length = self.bitmap.saturating_add(self.block);
        if self.taken.touches(start, length) {
            return Err(format!("block {index} of the VHD lies at {start}, in the VHD's own structures"));
        }
        if self.twice.touches(start, length) {
            return Err(format!("block {index} of the VHD lies at {start}, where another block lies too"));
        }
        let data = start.saturating_add(self.bitmap).saturating_add(inside);
        let (marked, sectors) = self.marks(start, inside / SECTOR)?;
        let place = if marked { Place::Stored } else { Place::Unmarked };
        let length = sectors.saturating_mul(SECTOR).saturating_sub(inside % SECTOR).min(left);
        Ok(Run { length, place: place(self.pages.file(), data) })
    }
}

impl Dynamic {
    /// Whether `sector` of the block at `start` is marked as written, and how many from it are alike, as far as 64 marks tell.
    fn marks(&self, start: u64, sector: u64) -> Result<(bool, u64), String> {
        let word = self.pages.be64(start, sector / 64)?;
        let rest = word << (sector % 64);
        let marked = rest >> 63 == 1;
        let alike = if marked { rest.leading_ones() } else { rest.leading_zeros() };
        let mut sectors = u64::from(alike).min(64 - sector % 64);
        // Nearly every block is marked as a whole.
        let mut next = sector / 64 + 1;
        let whole = if marked { u64::MAX } else { 0 };
        while sector.saturating_add(sectors) == next * 64
            && next * 8 < self.bitmap
            && self.pages.be64(start, next)? == whole
        {
            sectors = sectors.saturating_add(64);
            next = next.saturating_add(1);
        }
        Ok((marked, sectors))
    }
}

fn corrupt(what: impl Into<String>) -> ImageError {
    ImageError::Corrupt(what.into())
}

/// The unit of a VHD's numbers.
const SECTOR: u64 = 512;
/// A table entry of a block that was never written.
const UNUSED: u32 = u32::MAX;
/// Largest block read: 128 times the usual 2 MiB.
const MAX_BLOCK: u32 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_leaves_itself_out() {
        let mut bytes = [0; 512];
        bytes[..8].copy_from_slice(b"conectix");
        bytes[64..68].copy_from_slice(&[9; 4]);
        assert_eq!(checksum(&bytes, 64), !b"conectix".iter().map(|byte| u32::from(*byte)).sum::<u32>());
    }
}
