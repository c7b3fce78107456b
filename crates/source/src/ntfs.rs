//! NTFS, read from an image by our own code.
//!
//! Implements `docs/spec/ntfs.md`. Why it is our own code:
//! `docs/decisions/0048-own-ntfs-reader.md`.
//!
//! ```text
//! ntfs:7831652A1D4D21CA/record:64:3          serial number, record, sequence number
//! ntfs:7831652A1D4D21CA/record:64:3:5        a named stream: the instance of its attribute
//! ```
//!
//! In story order: `boot`, `record` (with `fixup`), `runs`, `data` (a value by
//! position), `mft` (records by number), `file` (all records of one item), `volume`,
//! `index` (directories), `item` (facts; `times`, `security`, `reparse`, `ea`, `name`), `unread`,
//! `content` (with `lznt1`), `deleted`, `remnants`, `owned`, `blocks`, `nodes` (what the walker asks).
//!
//! Source of the format: the documentation of the Linux-NTFS project, and MS-FSCC,
//! MS-DTYP and MS-XCA for reparse points, security descriptors and LZNT1.

mod bits;
mod blocks;
mod boot;
mod content;
mod data;
mod deleted;
mod ea;
mod file;
mod fixup;
mod hibernation;
mod index;
mod item;
mod logfile;
mod lznt1;
mod mft;
mod name;
mod nodes;
mod owned;
mod record;
mod remnants;
mod reparse;
mod runs;
mod security;
mod times;
mod unread;
mod volume;

use std::sync::Arc;

use scope::facts::CaseRule;

use crate::bytes::ByteSource;
use crate::walk::{Source, SourceError, SourceInfo};
use crate::walker::VolumeSource;

pub(crate) use boot::{is_ntfs, written_over};

/// Reads the boot sector, the MFT's own record and the system files that say something of the whole volume.
///
/// # Errors
///
/// [`SourceError`] where the boot sector or the MFT's own record cannot be read, nor their copies.
pub(crate) fn open(bytes: Arc<dyn ByteSource>) -> Result<Box<dyn Source>, SourceError> {
    let mut volume = volume::Volume::open(bytes)?;
    let serial = format!("{:016X}", volume.disk.boot.serial);
    let mut info = SourceInfo {
        place: String::new(),
        volume: format!("ntfs:{serial}"),
        file_system: "ntfs".into(),
        case_rule: CaseRule::Insensitive,
        about_items: volume.records_in_use().ok().map(|bits| bits.set()),
        ids: vec![("fsuuid".into(), serial)],
        limits: std::mem::take(&mut volume.limits),
    };
    let nodes = nodes::Nodes::new(Arc::new(volume), info.volume.clone());
    if hibernation::is_asleep(&nodes) {
        info.limits.push(
            "a Windows that sleeps (hibernation, or its fast start) has its memory in hiberfil.sys of this volume: what it had not written \
             yet of files and folders is there alone, and is not read"
                .into(),
        );
    }
    Ok(Box::new(VolumeSource::new(nodes, info)))
}

fn corrupt(what: &str) -> SourceError {
    SourceError::Corrupt(what.to_owned())
}
