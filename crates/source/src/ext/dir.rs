//! Directories: the names in them, read block by block.
//!
//! Hashed directories are read the same way: their index blocks look like
//! unused entries, on purpose of those who made the format.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::crc32c::crc32c;
use crate::ext::content::inline;
use crate::ext::inode::Inode;
use crate::ext::map::{FILE_END, run};
use crate::ext::superblock::corrupt;
use crate::ext::tree::{self, Mapped};
use crate::ext::volume::Volume;
use crate::field::{byte, le16, le32};
use crate::walk::{NodeId, SourceError};
use crate::walker::{Link, Listing};

/// Reads a directory. Damage becomes issues; what can be read is given.
///
/// At most `limit` names are kept; more are an issue.
pub(crate) fn list(volume: &Arc<Volume>, inode: &Inode, limit: usize) -> Listing {
    let mut listing = Listing { nameless: inode.is_encrypted(), ..Listing::default() };
    if !inode.is_inline() {
        listing.issues.extend(behind(volume, inode));
    }
    let result = if inode.is_inline() {
        inline(volume, inode).map(|bytes| list_inline(volume, inode, &bytes, &mut listing))
    } else {
        list_blocks(volume, inode, limit, &mut listing)
    };
    if let Err(error) = result {
        listing.issues.push(format!("a directory could not be read to its end: {error}"));
    }
    listing
}

fn list_blocks(
    volume: &Arc<Volume>,
    inode: &Inode,
    limit: usize,
    listing: &mut Listing,
) -> Result<(), SourceError> {
    let size = u64::from(volume.sb.block_size);
    let end = inode.size.div_ceil(size);
    let mut mapped = 0_u64;
    let mut logical = 0;
    // Holes cost nothing to claim: a hostile map has no end of them.
    while logical < end && listing.links.len() <= limit && listing.issues.len() <= MAX_ISSUES {
        let run = run(volume, inode, logical)?;
        let blocks = run.blocks.min(end.saturating_sub(logical));
        if run.start.is_none() {
            listing.issues.push("a directory has a hole".into());
        }
        for index in 0..run.start.map_or(0, |_| blocks) {
            // A directory larger than its volume shows the same blocks again and again.
            mapped = mapped.saturating_add(1);
            if mapped > volume.sb.blocks_count {
                return Err(corrupt("a directory claims more blocks than the volume has"));
            }
            let at = run.start.unwrap_or(0).saturating_add(index);
            match volume.block(at) {
                Ok(block) => read_block(volume, inode, &block, listing),
                Err(error) => listing.issues.push(format!("a directory block could not be read: {error}")),
            }
            if listing.links.len() > limit || listing.issues.len() > MAX_ISSUES {
                return Ok(());
            }
        }
        logical = logical.saturating_add(blocks.max(1));
    }
    Ok(())
}

/// What there is to say of blocks behind the directory's size: nothing has names there, and somebody may have shortened it.
fn behind(volume: &Volume, inode: &Inode) -> Option<String> {
    let size = u64::from(volume.sb.block_size);
    let end = inode.size.div_ceil(size);
    let (mut blocks, mut maps, mut is_spent) = (0_u64, 0_u64, false);
    // Damage is told where the names are read.
    let _ = tree::each(volume, inode, FILE_END, &mut |mapped| {
        match mapped {
            Mapped::Map(_) => {
                maps = maps.saturating_add(1);
                is_spent = maps > MAX_MAPS || !volume.maps.take();
            }
            Mapped::Run { logical, blocks: run, .. } => {
                blocks = blocks.saturating_add(logical.saturating_add(run).saturating_sub(logical.max(end)));
            }
        }
        if is_spent { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if is_spent {
        return Some(
            "a directory's map, or the maps before it, have too many blocks to tell what lies behind its size".into(),
        );
    }
    let bytes = blocks.saturating_mul(size);
    (blocks > 0).then(|| {
        format!("a directory states a size of {} bytes, and has {bytes} bytes of blocks behind that, in which no name is read", inode.size)
    })
}

fn list_inline(volume: &Arc<Volume>, inode: &Inode, bytes: &[u8], listing: &mut Listing) {
    // The first four bytes are the parent's inode; `.` and `..` are not stored.
    let size = usize::try_from(inode.size).unwrap_or(usize::MAX);
    let bytes = bytes.get(..size.min(bytes.len())).unwrap_or_default();
    let head = bytes.get(4..bytes.len().min(60)).unwrap_or_default();
    read_entries(volume, head, listing);
    read_entries(volume, bytes.get(60..).unwrap_or_default(), listing);
}

fn read_block(volume: &Volume, inode: &Inode, block: &[u8], listing: &mut Listing) {
    let end = read_entries(volume, block, listing);
    // Only a tail that the entries lead to is one: a block that became an index keeps the bytes of its old tail.
    let Some(seed) = volume.seed(inode).filter(|_| end == Some(TAIL)) else { return };
    let tail = block.len().saturating_sub(TAIL);
    let stored = le32(block, tail.saturating_add(8));
    if block.get(..tail).map(|entries| crc32c(seed, entries)) != stored {
        listing.issues.push("a directory block's checksum does not fit its content".into());
    }
}

/// Reads entries to the end. Returns the length of the last one if it is a checksum's.
fn read_entries(volume: &Volume, mut rest: &[u8], listing: &mut Listing) -> Option<usize> {
    let mut tail = None;
    while !rest.is_empty() {
        let Some((link, length)) = entry(volume, rest) else {
            listing
                .issues
                .push("a directory entry contradicts itself; the rest of its block is not walked".into());
            return None;
        };
        let is_tail = link.node.number() == 0 && byte(rest, 6) == Some(0) && byte(rest, 7) == Some(TAIL_KIND);
        tail = (is_tail && length == TAIL && rest.len() == TAIL).then_some(length);
        if link.node.number() != 0 && link.name != b"." && link.name != b".." {
            listing.links.push(link);
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    tail
}

/// The entry at the start of `rest`, and its length. `None` where it contradicts itself.
fn entry(volume: &Volume, rest: &[u8]) -> Option<(Link, usize)> {
    let inode = le32(rest, 0)?;
    let raw = le16(rest, 4)?;
    // Blocks of 64 KiB need 17 bits: the two low bits, always zero otherwise, are the upper ones.
    let length = match (usize::from(raw), volume.sb.block_size) {
        (0 | 0xFFFF, 0x1_0000) => rest.len(),
        (raw, 0x1_0000) => raw & 0xFFFC | (raw & 3) << 16,
        (raw, _) => raw,
    };
    let name_length = if volume.sb.has_file_types() { u16::from(byte(rest, 6)?) } else { le16(rest, 6)? };
    let name_end = usize::from(name_length).checked_add(HEADER)?;
    let named = inode != 0;
    if length < HEADER
        || length % 4 != 0
        || length > rest.len()
        || named && (name_end > length || name_length == 0)
    {
        return None;
    }
    let name = if named { rest.get(HEADER..name_end)?.to_vec() } else { Vec::new() };
    Some((Link { name, node: NodeId::new(inode.into()) }, length))
}

const HEADER: usize = 8;
/// Length and mark of the entry that carries a block's checksum.
const TAIL: usize = 12;
const TAIL_KIND: u8 = 0xDE;
/// Most blocks of one directory's map that are read to tell what lies behind its size: one of a million names has fewer.
const MAX_MAPS: u64 = 1 << 10;
/// A directory with more damage than this is given up: the issues would outgrow the report.
const MAX_ISSUES: usize = 1000;
