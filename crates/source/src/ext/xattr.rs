//! Extended attributes: inside the inode, in a block of their own, or with values in inodes of their own.

use std::sync::Arc;

use scope::RawName;
use scope::facts::Attribute;

use crate::ext::content::read_small;
use crate::ext::inode::Inode;
use crate::ext::superblock::corrupt;
use crate::ext::volume::Volume;
use crate::field::{byte, le16, le32};
use crate::walk::SourceError;

/// An inode's attributes, sorted by name, and the inodes that hold their values.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    pub(crate) list: Vec<Attribute>,
    pub(crate) value_inodes: Vec<u32>,
}

struct Found {
    index: u8,
    name: Vec<u8>,
    value_at: u16,
    value_inode: u32,
    size: u32,
}

/// Reads all attributes of `inode`.
///
/// # Errors
///
/// [`SourceError`] where they are damaged: then none is given.
pub(crate) fn read(volume: &Arc<Volume>, inode: &Inode) -> Result<Attributes, SourceError> {
    let mut all = Attributes::default();
    if le32(&inode.attributes, 0) == Some(MAGIC) {
        // Values are addressed from the first entry, after the magic number.
        let area = inode.attributes.get(4..).unwrap_or_default();
        collect(volume, area, area, &mut all)?;
    }
    if inode.attribute_block != 0 {
        let block = volume.block(inode.attribute_block)?;
        if le32(&block, 0) != Some(MAGIC) {
            return Err(corrupt("an attribute block has the wrong magic number"));
        }
        collect(volume, block.get(BLOCK_HEADER..).unwrap_or_default(), &block, &mut all)?;
    }
    all.list.sort_by(|a, b| a.name.cmp(&b.name));
    all.list.dedup_by(|a, b| a.name == b.name);
    Ok(all)
}

/// The part of inline content that stands in the attribute `system.data`.
pub(crate) fn inline_rest(volume: &Arc<Volume>, inode: &Inode) -> Result<Option<Vec<u8>>, SourceError> {
    if le32(&inode.attributes, 0) != Some(MAGIC) {
        return Ok(None);
    }
    let area = inode.attributes.get(4..).unwrap_or_default();
    for found in entries(area)? {
        if found.index == SYSTEM && found.name == b"data" {
            return value(volume, area, &found, usize::MAX).map(Some);
        }
    }
    Ok(None)
}

fn collect(
    volume: &Arc<Volume>,
    from: &[u8],
    values: &[u8],
    all: &mut Attributes,
) -> Result<(), SourceError> {
    for found in entries(from)? {
        if found.index == SYSTEM && found.name == b"data" {
            continue; // content, not an attribute
        }
        if found.value_inode != 0 {
            all.value_inodes.push(found.value_inode);
        }
        let value = value(volume, values, &found, Attribute::MAX_VALUE)?;
        let mut name = prefix(found.index).to_vec();
        name.extend(&found.name);
        all.list.push(Attribute { name: RawName(name), size: found.size.into(), value: RawName(value) });
    }
    Ok(())
}

fn entries(area: &[u8]) -> Result<Vec<Found>, SourceError> {
    let mut found = Vec::new();
    let mut at = 0_usize;
    loop {
        // Four zero bytes end the list; so does the end of the area.
        if le32(area, at).unwrap_or(0) == 0 {
            return Ok(found);
        }
        let entry = || {
            let length = usize::from(byte(area, at)?);
            let name_at = at.checked_add(ENTRY)?;
            Some(Found {
                index: byte(area, at.checked_add(1)?)?,
                name: area.get(name_at..name_at.checked_add(length)?)?.to_vec(),
                value_at: le16(area, at.checked_add(2)?)?,
                value_inode: le32(area, at.checked_add(4)?)?,
                size: le32(area, at.checked_add(8)?)?,
            })
        };
        let entry = entry().ok_or_else(|| corrupt("an extended attribute is cut short"))?;
        at = at.saturating_add(ENTRY).saturating_add(entry.name.len()).next_multiple_of(4);
        found.push(entry);
    }
}

fn value(volume: &Arc<Volume>, values: &[u8], found: &Found, limit: usize) -> Result<Vec<u8>, SourceError> {
    if found.value_inode != 0 {
        let mut value = read_small(volume, &volume.inode(found.value_inode)?, MAX_VALUE)?;
        value.truncate(limit);
        return Ok(value);
    }
    let size = usize::try_from(found.size).unwrap_or(usize::MAX);
    let start = usize::from(found.value_at);
    let whole = start.checked_add(size).and_then(|end| values.get(start..end));
    let whole = whole.ok_or_else(|| corrupt("an extended attribute's value is cut short"))?;
    Ok(whole.get(..size.min(limit)).unwrap_or_default().to_vec())
}

fn prefix(index: u8) -> &'static [u8] {
    match index {
        1 => b"user.",
        2 => b"system.posix_acl_access",
        3 => b"system.posix_acl_default",
        4 => b"trusted.",
        6 => b"security.",
        SYSTEM => b"system.",
        8 => b"system.richacl",
        9 => b"encryption.",
        _ => b"unknown.",
    }
}

const MAGIC: u32 = 0xEA02_0000;
const ENTRY: usize = 16;
const BLOCK_HEADER: usize = 32;
const SYSTEM: u8 = 7;
/// Longest value in an inode of its own: Linux allows 64 KiB.
const MAX_VALUE: u64 = 1 << 16;
