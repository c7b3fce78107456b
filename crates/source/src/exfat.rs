//! exFAT, read from an image by our own code.
//!
//! Implements `docs/spec/fat.md`, "exFAT". Source of the format: Microsoft's "exFAT file
//! system specification", version 1.00. Why it is our own code:
//! `docs/decisions/0049-fat-exfat-and-iso-are-read-by-our-own-code.md`.
//!
//! ```text
//! exfat:6A3B12F0/entry:17:3          cluster 17, its entry 3: the first of an item's set
//! ```
//!
//! Clusters and chains are those of `fat`. In story order: `boot` (the shape of the volume), `volume` (directories as
//! entries of 32 bytes, chains), `bitmap` (which clusters are in use), `set` (the entries of one item), `nodes` (what the
//! walker asks), `deleted`, `remnants`.

mod bitmap;
mod boot;
mod deleted;
mod nodes;
mod remnants;
mod set;
mod volume;

use std::sync::Arc;

use scope::facts::CaseRule;

use crate::bytes::ByteSource;
use crate::walk::{Source, SourceError, SourceInfo};
use crate::walker::VolumeSource;

pub(crate) use boot::{copy, is_exfat, written_over};

/// Reads the boot region, the file allocation table, the root directory and the allocation bitmap.
///
/// # Errors
///
/// [`SourceError`] where both boot regions are damaged.
pub(crate) fn open(bytes: Arc<dyn ByteSource>) -> Result<Box<dyn Source>, SourceError> {
    let (volume, limits) = volume::Volume::open(bytes)?;
    let serial = volume.boot.serial;
    let info = SourceInfo {
        volume: format!("exfat:{serial:08X}"),
        file_system: "exfat".to_owned(),
        case_rule: CaseRule::Insensitive,
        about_items: None,
        ids: vec![("fsuuid".to_owned(), format!("{:04X}-{:04X}", serial >> 16, serial & 0xFFFF))],
        place: String::new(),
        limits,
    };
    let nodes = nodes::Nodes::new(volume, info.volume.clone());
    Ok(Box::new(VolumeSource::new(nodes, info)))
}
