//! btrfs, read from an image by our own code.
//!
//! Implements `docs/spec/btrfs.md`. Why it is our own code: `docs/decisions/0051-own-btrfs-reader.md`. The format is
//! described in <https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html>.
//!
//! ```text
//! btrfs:5f0c6a4e-1d47-4b0e-8f43-0a6c8d1a9e77/subvol:256/inode:261:9      uuid, subvolume, inode, generation
//! ```
//!
//! In story order: `superblock`, `chunks` (logical addresses on the device),
//! `volume` (checked tree blocks and data), `tree`, `subvolumes`, `inode`,
//! `entry` (names and attributes), `dir`, `extent` and `content` (what is in a
//! file), `unpack` (its compressions), `nodes` (what the walker asks).

mod checksum;
mod chunks;
mod content;
mod dir;
mod entry;
mod extent;
mod inode;
mod nodes;
mod subvolumes;
mod superblock;
mod tree;
mod unpack;
mod volume;

use std::sync::Arc;

use scope::facts::CaseRule;

use crate::bytes::ByteSource;
use crate::walk::{Source, SourceError, SourceInfo};
use crate::walker::VolumeSource;

pub(crate) use superblock::{copy, is_btrfs, mark};

/// Reads the superblock, the chunks, and the list of subvolumes.
///
/// # Errors
///
/// [`SourceError`] where they are damaged, use a feature that is not read, or need a device that is not here, by name.
pub(crate) fn open(bytes: Arc<dyn ByteSource>) -> Result<Box<dyn Source>, SourceError> {
    let volume = volume::Volume::open(bytes)?;
    let subvolumes = subvolumes::Subvolumes::read(&volume)?;
    let uuid = volume.superblock.uuid.clone();
    let mut limits = volume.limits.clone();
    limits.extend(subvolumes.limits(&volume));
    let info = SourceInfo {
        place: String::new(),
        volume: format!("btrfs:{uuid}"),
        file_system: "btrfs".to_owned(),
        case_rule: CaseRule::Sensitive,
        about_items: None,
        ids: vec![("fsuuid".to_owned(), uuid)],
        limits,
    };
    let nodes = nodes::Nodes::new(Arc::new(volume), subvolumes, info.volume.clone());
    Ok(Box::new(VolumeSource::new(nodes, info)))
}
