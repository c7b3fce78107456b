//! ext2, ext3 and ext4, read from an image by our own code.
//!
//! Implements `docs/spec/sources.md`, "ext2, ext3, ext4". Why it is our own
//! code: `docs/decisions/0010-own-ext-reader.md`.
//!
//! ```text
//! ext4:0c9a4a5e-8d0f-4f0e-9a57-6d1c6a4c2f11/inode:12:2871934512      uuid, inode, generation
//! ```
//!
//! In story order: `superblock`, `journal` (applied in memory), `volume` (blocks
//! and inodes by number), `inode`, `map` (where content stands), `content`,
//! `dir`, `xattr`, `nodes` (what the walker asks), `in_use` (inodes without a name),
//! `owned` (blocks that are nobody's, by `tree`, all of a map), `remnants`.

mod content;
mod dir;
mod in_use;
mod inode;
mod journal;
mod map;
mod nodes;
mod owned;
mod remnants;
mod superblock;
mod tree;
mod unwritten;
mod volume;
mod xattr;

use std::sync::Arc;

use scope::facts::CaseRule;

use crate::bytes::ByteSource;
use crate::walk::{Source, SourceError, SourceInfo};
use crate::walker::VolumeSource;

pub(crate) use superblock::is_ext;

/// Reads the superblock and, where the file system was not unmounted cleanly, the journal.
///
/// # Errors
///
/// [`SourceError`] where the superblock is damaged or uses a feature that is not read, by name.
pub(crate) fn open(bytes: Arc<dyn ByteSource>) -> Result<Box<dyn Source>, SourceError> {
    let mut volume = volume::Volume::open(bytes)?;
    let info = SourceInfo {
        place: String::new(),
        volume: format!("ext4:{}", volume.sb.uuid),
        file_system: volume.sb.kind().to_owned(),
        case_rule: CaseRule::Sensitive,
        about_items: Some(volume.counted_by_superblock()),
        ids: vec![("fsuuid".to_owned(), volume.sb.uuid.clone())],
        limits: std::mem::take(&mut volume.limits),
    };
    let nodes = nodes::Nodes::new(Arc::new(volume), info.volume.clone());
    Ok(Box::new(VolumeSource::new(nodes, info)))
}
