//! Extended attributes: inside the inode, or in leaves of a tree, with long values in blocks of their own.

use std::sync::Arc;

use scope::RawName;
use scope::facts::Attribute;

use crate::bytes::length;
use crate::field::{be16, be32, byte};
use crate::walk::SourceError;
use crate::xfs::fork::{Format, Map};
use crate::xfs::inode::Inode;
use crate::xfs::superblock::corrupt;
use crate::xfs::volume::{Seal, Volume, broken};

/// Reads all attributes of `inode`, sorted by name.
///
/// # Errors
///
/// [`SourceError`] where they are damaged: then none is given.
pub(crate) fn read(volume: &Arc<Volume>, inode: &Inode) -> Result<Vec<Attribute>, SourceError> {
    let mut found = Found::default();
    match &inode.attributes {
        None => {}
        Some(fork) if fork.format == Format::Local => read_inline(&fork.bytes, &mut found)?,
        // A list without extents: room was made for attributes, and there are none.
        Some(fork) if fork.format == Format::Extents && fork.extents == 0 => {}
        Some(fork) => {
            let mut map = Map::new(Arc::clone(volume), fork.clone());
            map.check_count()?;
            read_leaves(volume, &mut map, inode.number, &mut found)?;
        }
    }
    found.list.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found.list)
}

/// Attributes found, and how many bytes they hold.
#[derive(Default)]
struct Found {
    list: Vec<Attribute>,
    held: usize,
}

impl Found {
    /// Keeps an attribute; `value` may be its beginning alone.
    fn keep(&mut self, flags: u8, name: &[u8], size: u64, value: &[u8]) -> Result<(), SourceError> {
        let value = value.get(..value.len().min(Attribute::MAX_VALUE)).unwrap_or_default();
        self.held = self.held.saturating_add(value.len()).saturating_add(name.len()).saturating_add(ENTRY);
        if self.held > MAX_HELD {
            return Err(corrupt(&format!("an item has more than {MAX_HELD} bytes of extended attributes")));
        }
        let name = RawName([prefix(flags), name].concat());
        self.list.push(Attribute { name, size, value: RawName(value.to_vec()) });
        Ok(())
    }
}

fn read_inline(bytes: &[u8], found: &mut Found) -> Result<(), SourceError> {
    let cut = || corrupt("extended attributes in an inode are cut short");
    let total = be16(bytes, 0).map(usize::from).and_then(|total| bytes.get(..total)).ok_or_else(cut)?;
    let mut rest = total.get(4..).ok_or_else(cut)?;
    for _ in 0..byte(total, 2).unwrap_or(0) {
        let [name_length, value_length, flags, tail @ ..] = rest else { return Err(cut()) };
        let (name, tail) = tail.split_at_checked((*name_length).into()).ok_or_else(cut)?;
        let (value, tail) = tail.split_at_checked((*value_length).into()).ok_or_else(cut)?;
        if is_meant(*flags) {
            found.keep(*flags, name, length(value.len()), value)?;
        }
        rest = tail;
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(corrupt("an inode has more extended attributes than it counts"))
    }
}

/// Goes down to the first leaf, then from each leaf to the next.
fn read_leaves(volume: &Volume, map: &mut Map, owner: u64, found: &mut Found) -> Result<(), SourceError> {
    let (mut logical, mut level) = (0_u32, None);
    for _ in 0..MAX_BLOCKS {
        let (block, place) = map.blocks(logical.into(), 1)?;
        volume.check(&block, &SEAL, owner, place).map_err(|how| broken("an attribute block", how))?;
        let damaged = || corrupt("an attribute block contradicts itself");
        let (header, count_at) = if volume.sb.checksums { (NODE_V5, 56) } else { (NODE, 12) };
        match (be16(&block, 8), volume.sb.checksums) {
            (Some(0x3EBE), true) | (Some(0xFEBE), false) => {
                let own = be16(&block, count_at + 2).ok_or_else(damaged)?;
                let fits = level.map_or(own <= MAX_LEVEL, |level| own == level);
                if !fits || own == 0 {
                    return Err(damaged());
                }
                level = own.checked_sub(1);
                logical = be32(&block, header + 4).ok_or_else(damaged)?;
            }
            (Some(0x3BEE), true) | (Some(0xFBEE), false) if level.is_none_or(|level| level == 0) => {
                level = Some(0);
                read_leaf(volume, map, owner, &block, found)?;
                logical = be32(&block, 0).ok_or_else(damaged)?;
                if logical == 0 {
                    return Ok(());
                }
            }
            _ => return Err(damaged()),
        }
    }
    Err(corrupt("extended attributes go round in a circle"))
}

fn read_leaf(
    volume: &Volume,
    map: &mut Map,
    owner: u64,
    block: &[u8],
    found: &mut Found,
) -> Result<(), SourceError> {
    let cut = || corrupt("an extended attribute is cut short");
    let (header, count_at) = if volume.sb.checksums { (LEAF_V5, 56) } else { (LEAF, 12) };
    let count = usize::from(be16(block, count_at).ok_or_else(cut)?);
    let entries = count.checked_mul(ENTRY).and_then(|length| block.get(header..header.checked_add(length)?));
    for entry in entries.ok_or_else(cut)?.as_chunks::<ENTRY>().0 {
        let [_, _, _, _, high, low, flags, _] = *entry;
        if !is_meant(flags) {
            continue;
        }
        let item = block.get(usize::from(u16::from_be_bytes([high, low]))..).ok_or_else(cut)?;
        if flags & LOCAL != 0 {
            let size = usize::from(be16(item, 0).ok_or_else(cut)?);
            let name = item.get(3..).and_then(|rest| rest.split_at_checked(byte(item, 2)?.into()));
            let (name, rest) = name.ok_or_else(cut)?;
            found.keep(flags, name, length(size), rest.get(..size).ok_or_else(cut)?)?;
        } else {
            let first = be32(item, 0).ok_or_else(cut)?;
            let size = be32(item, 4).ok_or_else(cut)?;
            let name = item.get(9..).and_then(|rest| rest.get(..byte(item, 8)?.into())).ok_or_else(cut)?;
            let value = remote(volume, map, owner, first, size)?;
            found.keep(flags, name, size.into(), &value)?;
        }
    }
    Ok(())
}

/// The beginning of a value in blocks of its own: as much as a fact keeps.
fn remote(volume: &Volume, map: &mut Map, owner: u64, first: u32, size: u32) -> Result<Vec<u8>, SourceError> {
    if size > MAX_VALUE {
        return Err(corrupt("an extended attribute is longer than one can be"));
    }
    let want = usize::try_from(size).unwrap_or(usize::MAX).min(Attribute::MAX_VALUE);
    let mut value = Vec::with_capacity(want);
    let mut logical = u64::from(first);
    // INVARIANT: each turn adds at least one byte, or ends.
    while value.len() < want {
        let (block, place) = map.blocks(logical, 1)?;
        let mut part = block.as_slice();
        if volume.sb.checksums {
            volume
                .check(part, &REMOTE_SEAL, owner, place)
                .map_err(|how| broken("an attribute's value", how))?;
            let offset = be32(part, 4).and_then(|offset| usize::try_from(offset).ok());
            let end = be32(part, 8).and_then(|bytes| usize::try_from(bytes).ok()?.checked_add(REMOTE));
            let inner = end.and_then(|end| part.get(REMOTE..end));
            let inner = inner.filter(|inner| {
                part.starts_with(b"XARM") && offset == Some(value.len()) && !inner.is_empty()
            });
            part = inner.ok_or_else(|| corrupt("an attribute's value contradicts itself"))?;
        }
        value.extend(part.iter().take(want.saturating_sub(value.len())));
        logical = logical.saturating_add(1);
    }
    Ok(value)
}

/// Whether an entry is an attribute of a person or program: not one being written, and not a parent's pointer.
fn is_meant(flags: u8) -> bool {
    flags & (UNFINISHED | PARENT) == 0
}

fn prefix(flags: u8) -> &'static [u8] {
    match flags & (TRUSTED | SECURITY) {
        0 => b"user.",
        TRUSTED => b"trusted.",
        SECURITY => b"security.",
        _ => b"unknown.",
    }
}

const LOCAL: u8 = 0x1;
const TRUSTED: u8 = 0x2;
const SECURITY: u8 = 0x4;
const PARENT: u8 = 0x8;
const UNFINISHED: u8 = 0x80;

const SEAL: Seal = Seal { checksum: 12, place: 16, uuid: 32, owner: 48, of_group: false };
const REMOTE_SEAL: Seal = Seal { checksum: 12, place: 40, uuid: 16, owner: 32, of_group: false };
/// Lengths of headers: of nodes, of leaves, of blocks with values.
const NODE: usize = 16;
const NODE_V5: usize = 64;
const LEAF: usize = 32;
const LEAF_V5: usize = 80;
const REMOTE: usize = 56;
/// Length of a leaf's entry.
const ENTRY: usize = 8;
/// Deepest tree: the format's own limit is 5.
const MAX_LEVEL: u16 = 5;
/// Longest value: the format's own limit.
const MAX_VALUE: u32 = 1 << 16;
/// Most blocks of a tree that are read of one inode. Each leaf but the last holds some hundred bytes of attributes at least.
const MAX_BLOCKS: u32 = 1 << 16;
/// Most bytes of attributes of one item. A record is one row; a hostile medium can give an inode gigabytes of them.
const MAX_HELD: usize = 4 << 20;
