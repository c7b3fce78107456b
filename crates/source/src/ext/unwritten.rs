//! Blocks of a file that are allocated and marked as never written: they read as zeros, whatever stands in them.
//!
//! ```text
//! ext.unwritten 40960        bytes of the file's content that stand in such blocks
//! ```

use std::ops::ControlFlow;

use scope::RawName;
use scope::facts::Attribute;

use crate::bytes::length;
use crate::ext::inode::Inode;
use crate::ext::map::FILE_END;
use crate::ext::tree::{self, Mapped};
use crate::ext::volume::Volume;
use crate::walk::SourceError;

/// How many bytes of a file's `size` stand in blocks that were never written, as far as its map is sound; `None` where the map has more than
/// [`MAX_MAPS`] blocks, or the volume's maps before it had too many.
///
/// # Errors
///
/// [`SourceError::Read`] where the medium does not give all of the map: a part of the sum would be another number.
pub(super) fn within(volume: &Volume, inode: &Inode, size: Option<u64>) -> Result<Option<u64>, SourceError> {
    let Some(size) = size.filter(|_| inode.has_extents() && !inode.is_inline()) else { return Ok(Some(0)) };
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
