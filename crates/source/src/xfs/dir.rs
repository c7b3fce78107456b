//! Directories: the names in them, inside the inode or in blocks of data.
//!
//! Only blocks of data are read. What stands at 32 GiB and beyond in a
//! directory's content is an index of them, and a list of free space.

use std::sync::Arc;

use crate::field::{be16, be32, be64, byte};
use crate::walk::{NodeId, SourceError};
use crate::walker::{Link, Listing};
use crate::xfs::fork::{Format, Map};
use crate::xfs::inode::Inode;
use crate::xfs::superblock::corrupt;
use crate::xfs::volume::{Broken, Seal, Volume, broken};

/// Reads a directory. Damage becomes issues; what can be read is given.
///
/// At most `limit` names are kept; more are an issue.
pub(crate) fn list(volume: &Arc<Volume>, inode: &Inode, limit: usize) -> Listing {
    let mut listing = Listing::default();
    let result = if inode.data.format == Format::Local {
        list_inline(volume, inode, &mut listing)
    } else {
        list_blocks(volume, inode, limit, &mut listing)
    };
    if let Err(error) = result {
        listing.issues.push(format!("a directory could not be read to its end: {error}"));
    }
    listing
}

/// Names inside the inode: a count, the parent, then entries, with inode numbers of 4 or 8 bytes.
fn list_inline(volume: &Volume, inode: &Inode, listing: &mut Listing) -> Result<(), SourceError> {
    let size = usize::try_from(inode.size).unwrap_or(usize::MAX);
    let bytes = inode.data.bytes.get(..size).ok_or_else(|| corrupt("larger than its inode"))?;
    let (Some(count), Some(wide)) = (byte(bytes, 0), byte(bytes, 1)) else {
        return Err(corrupt("cut short"));
    };
    // The first byte counts entries whatever the numbers' length; the second, those that need 8 bytes.
    let width = if wide == 0 { 4 } else { 8 };
    let mut rest = bytes.get(width + 2..).ok_or_else(|| corrupt("cut short"))?;
    for _ in 0..count {
        let (link, length) =
            inline_entry(volume, rest, width).ok_or_else(|| corrupt("an entry is cut short"))?;
        listing.links.push(link);
        rest = rest.get(length..).unwrap_or_default();
    }
    if rest.is_empty() { Ok(()) } else { Err(corrupt("more entries than it counts")) }
}

fn inline_entry(volume: &Volume, rest: &[u8], width: usize) -> Option<(Link, usize)> {
    // The length of the name, the entry's place in a block if it were in one, the name, perhaps its kind, the inode.
    let end = usize::from(byte(rest, 0)?).checked_add(3)?;
    let name = rest.get(3..end)?.to_vec();
    let at = end.checked_add(usize::from(volume.sb.file_types))?;
    let number = if width == 8 { be64(rest, at)? } else { be32(rest, at)?.into() };
    Some((Link { name, node: NodeId::new(number) }, at.checked_add(width)?))
}

fn list_blocks(
    volume: &Arc<Volume>,
    inode: &Inode,
    limit: usize,
    listing: &mut Listing,
) -> Result<(), SourceError> {
    let per = volume.sb.directory_blocks();
    let end = INDEX_AT.checked_div(volume.sb.block_size.into()).unwrap_or(0);
    let mut map = Map::new(Arc::clone(volume), inode.data.clone());
    let (mut logical, mut mapped) = (0_u64, 0_u64);
    while logical < end && listing.links.len() <= limit && listing.issues.len() <= MAX_ISSUES {
        let run = map.run(logical)?;
        if run.start.is_none() && run.blocks >= per {
            // Blocks that became empty are given back: a hole of whole blocks is nothing odd.
            logical = logical.saturating_add(run.blocks - run.blocks % per);
            continue;
        }
        // A directory larger than its volume shows the same blocks again and again.
        mapped = mapped.saturating_add(per);
        if mapped > volume.sb.blocks {
            return Err(corrupt("a directory claims more blocks than the volume has"));
        }
        match map.blocks(logical, per) {
            Ok((block, place)) => read_block(volume, inode, &block, place, listing),
            Err(error) => listing.issues.push(format!("a directory block could not be read: {error}")),
        }
        logical = logical.saturating_add(per);
    }
    map.check_count()
}

fn read_block(volume: &Volume, inode: &Inode, block: &[u8], place: u64, listing: &mut Listing) {
    match volume.check(block, &SEAL, inode.number, place) {
        Ok(()) => {}
        Err(how @ Broken::Foreign) => {
            listing.issues.push(format!("{}; its names are not walked", broken("a directory block", how)));
            return;
        }
        Err(how @ Broken::Checksum) => listing.issues.push(broken("a directory block", how).to_string()),
    }
    let kind: Option<[u8; 4]> = block.first_chunk().copied();
    let end = match (kind.as_ref(), volume.sb.checksums) {
        (Some(b"XDD3"), true) | (Some(b"XD2D"), false) => Some(block.len()),
        // The only block of a directory holds its index too, and at its end the index's length.
        (Some(b"XDB3"), true) | (Some(b"XD2B"), false) => index_start(block),
        _ => None,
    };
    let start = if volume.sb.checksums { HEADER_V5 } else { HEADER };
    let whole = end.and_then(|end| read_entries(volume, block.get(..end)?, start, listing));
    if whole.is_none() {
        listing.issues.push("a directory block contradicts itself; the rest of it is not walked".into());
    }
}

/// Where the index begins in a directory's only block.
fn index_start(block: &[u8]) -> Option<usize> {
    let tail = block.len().checked_sub(8)?;
    let count = usize::try_from(be32(block, tail)?).ok()?;
    tail.checked_sub(count.checked_mul(8)?)
}

/// Reads the entries from `at` to the end of `block`. `None` where one contradicts itself.
fn read_entries(volume: &Volume, block: &[u8], mut at: usize, listing: &mut Listing) -> Option<()> {
    while at < block.len() {
        let entry = block.get(at..)?;
        let unused = be16(entry, 0)? == UNUSED;
        let length = if unused {
            usize::from(be16(entry, 2)?)
        } else {
            let name = usize::from(byte(entry, 8)?);
            (name.checked_add(11)?.checked_add(usize::from(volume.sb.file_types))?).next_multiple_of(8)
        };
        // Each entry ends in its own place in the block.
        let tag = be16(entry.get(..length)?, length.checked_sub(2)?)?;
        if length == 0 || length % 8 != 0 || usize::from(tag) != at {
            return None;
        }
        if !unused {
            let name = entry.get(9..usize::from(byte(entry, 8)?).checked_add(9)?)?;
            if name != b"." && name != b".." {
                let node = NodeId::new(be64(entry, 0)?);
                listing.links.push(Link { name: name.to_vec(), node });
            }
        }
        at = at.checked_add(length)?;
    }
    (at == block.len()).then_some(())
}

const SEAL: Seal = Seal { checksum: 4, place: 8, uuid: 24, owner: 40, of_group: false };
/// Where the index begins in a directory's content.
const INDEX_AT: u64 = 32 << 30;
const HEADER: usize = 16;
const HEADER_V5: usize = 64;
/// In place of the first two bytes of an inode number: an entry not in use.
const UNUSED: u16 = 0xFFFF;
/// A directory with more damage than this is given up: the issues would outgrow the report.
const MAX_ISSUES: usize = 1000;
