//! What of a file reads as zeros though nothing says that it has a hole there: blocks that are allocated and marked as never
//! written, whatever stands in them, and what the size of a file inside its inode goes beyond the inode.
//!
//! ```text
//! ext.unwritten 40960        bytes of the file's content that are such
//! ```

use std::ops::ControlFlow;
use std::sync::Arc;

use scope::RawName;
use scope::facts::Attribute;

use crate::bytes::length;
use crate::ext::content::inline;
use crate::ext::inode::Inode;
use crate::ext::map::FILE_END;
use crate::ext::tree::{self, Mapped};
use crate::ext::volume::Volume;
use crate::walk::SourceError;

/// How many bytes of a file's `size` stand in blocks that were never written or beyond its inode, as far as its map is sound; `None` where the map has more than
/// [`MAX_MAPS`] blocks, or the volume's maps before it had too many.
///
/// # Errors
///
/// [`SourceError::Read`] where the medium does not give all of the map: a part of the sum would be another number.
pub(super) fn within(
    volume: &Arc<Volume>,
    inode: &Inode,
    size: Option<u64>,
) -> Result<Option<u64>, SourceError> {
    let Some(size) = size else { return Ok(Some(0)) };
    if inode.is_inline() {
        return match inline(volume, inode) {
            Ok(content) => Ok(Some(size.saturating_sub(length(content.len())))),
            Err(fault @ SourceError::Read(_)) => Err(fault),
            Err(_) => Ok(Some(0)),
        };
    }
    if !inode.has_extents() {
        return Ok(Some(0));
    }
    let block = u64::from(volume.sb.block_size);
    let (mut bytes, mut maps, mut is_spent) = (0_u64, 0_u64, false);
    // Damage is told where the content is read.
    let damage = tree::each(volume, inode, FILE_END, &mut |mapped| {
        match mapped {
            Mapped::Map(_) => {
                maps = maps.saturating_add(1);
                is_spent = maps > MAX_MAPS || !volume.maps.take();
            }
            Mapped::Run { logical, blocks, written: false, .. } => {
                let from = logical.saturating_mul(block);
                let to = from.saturating_add(blocks.saturating_mul(block)).min(size);
                bytes = bytes.saturating_add(to.saturating_sub(from));
            }
            Mapped::Run { .. } => {}
        }
        if is_spent { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match damage {
        Some(fault @ SourceError::Read(_)) => Err(fault),
        _ => Ok((!is_spent).then_some(bytes)),
    }
}

/// The fact that a file has such bytes.
pub(super) fn fact(bytes: u64) -> Attribute {
    let value = bytes.to_string().into_bytes();
    Attribute { name: RawName::from("ext.unwritten"), size: length(value.len()), value: RawName(value) }
}

/// Most blocks of one file's map that are read to tell it: a file in a million pieces has fewer.
const MAX_MAPS: u64 = 1 << 12;
