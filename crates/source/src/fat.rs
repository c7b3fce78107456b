//! FAT12, FAT16 and FAT32, read from an image by our own code.
//!
//! Implements `docs/spec/fat.md`, "FAT". Source of the format: Microsoft's
//! "FAT: General Overview of On-Disk Format", version 1.03, and ECMA-107. Why it is our own
//! code: `docs/decisions/0049-fat-exfat-and-iso-are-read-by-our-own-code.md`.
//!
//! ```text
//! fat:6A3B12F0/entry:root:4          serial number, the fixed root directory, its entry 4
//! fat:6A3B12F0/entry:17:3            cluster 17, its entry 3
//! ```
//!
//! In story order: `boot` (the shape of the volume), `table` (which cluster
//! follows which), `heap` (clusters on the medium), `volume` (directories as
//! slots), `entry` (a slot's fields), `long` (long names), `nodes` (what the
//! walker asks), `deleted`, `remnants`.

pub(crate) mod boot;
pub(crate) mod deleted;
pub(crate) mod entry;
pub(crate) mod heap;
mod long;
pub(crate) mod nodes;
pub(crate) mod remnants;
pub(crate) mod table;
pub(crate) mod volume;

use std::sync::Arc;

use scope::facts::CaseRule;

use crate::bytes::ByteSource;
use crate::walk::{Source, SourceError, SourceInfo};
use crate::walker::VolumeSource;

pub(crate) use boot::is_fat;

/// Reads the boot sector and the whole file allocation table.
///
/// # Errors
///
/// [`SourceError`] where the boot sector is damaged.
pub(crate) fn open(bytes: Arc<dyn ByteSource>) -> Result<Box<dyn Source>, SourceError> {
    let (volume, limits) = volume::Volume::open(bytes)?;
    let serial = volume.boot.serial_text();
    let blkid = serial.split_at_checked(4).map(|(high, low)| format!("{high}-{low}"));
    let info = SourceInfo {
        volume: format!("fat:{serial}"),
        file_system: volume.boot.width.name().to_owned(),
        case_rule: CaseRule::Insensitive,
        about_items: None,
        ids: blkid.map(|id| ("fsuuid".to_owned(), id)).into_iter().collect(),
        place: String::new(),
        limits,
    };
    let nodes = nodes::Nodes::new(Arc::new(volume), info.volume.clone());
    Ok(Box::new(VolumeSource::new(nodes, info)))
}
