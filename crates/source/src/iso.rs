//! ISO 9660 with Rock Ridge and Joliet, read from an image by our own code.
//!
//! Implements `docs/spec/iso.md`. Source of the format: ECMA-119, Microsoft's
//! Joliet specification, IEEE P1281 (SUSP) and P1282 (Rock Ridge). Why it is our
//! own code: `docs/decisions/0056-own-iso-reader.md`.
//!
//! ```text
//! iso:9f86d081884c7d65/root              the root directory
//! iso:9f86d081884c7d65/record:28:136     the directory record at byte 136 of sector 28
//! ```
//!
//! In story order: `descriptor` (what the volume says of itself), `record` (a
//! directory record), `time`, `rock` (Rock Ridge), `volume` (directories as
//! records), `nodes` (what the walker asks), `content`.

mod content;
mod descriptor;
mod nodes;
mod record;
mod rock;
mod time;
mod volume;

use std::sync::Arc;

use scope::facts::CaseRule;

use crate::bytes::ByteSource;
use crate::iso::volume::{Names, Volume};
use crate::walk::{Source, SourceError, SourceInfo};
use crate::walker::VolumeSource;

pub(crate) use descriptor::is_iso;

/// Reads the volume descriptors and the root's first record, which says whether there is Rock Ridge.
///
/// # Errors
///
/// [`SourceError`] where there is no sound primary volume descriptor.
pub(crate) fn open(bytes: Arc<dyn ByteSource>) -> Result<Box<dyn Source>, SourceError> {
    let found = descriptor::read(bytes.as_ref())?;
    let (volume, limits) = Volume::open(bytes, &found);
    let case_rule =
        if matches!(volume.names, Names::Rock { .. }) { CaseRule::Sensitive } else { CaseRule::Insensitive };
    let info = SourceInfo {
        place: String::new(),
        volume: format!("iso:{}", found.id),
        file_system: "iso9660".into(),
        case_rule,
        about_items: None,
        ids: found.stamp.into_iter().map(|id| ("fsuuid".to_owned(), id)).collect(),
        limits,
    };
    let nodes = nodes::Nodes::new(Arc::new(volume), info.volume.clone(), case_rule);
    Ok(Box::new(VolumeSource::new(nodes, info)))
}
