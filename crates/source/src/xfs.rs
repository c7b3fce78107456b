//! XFS, versions 4 and 5, read from an image by our own code.
//!
//! Implements `docs/spec/xfs.md`. The format is described in "XFS Algorithms &
//! Data Structures" (kernel.org, xfs-documentation).
//!
//! ```text
//! xfs:0c9a4a5e-8d0f-4f0e-9a57-6d1c6a4c2f11/inode:131:2871934512      uuid, inode, generation
//! ```
//!
//! In story order: `superblock`, `open` (which superblock is believed), `log`
//! (whether it was unmounted cleanly), `volume` (blocks and inodes by number),
//! `inode`, `fork` (where content stands), `content`, `dir`, `xattr`, `groups`
//! (inodes in use), `nodes` (what the walker asks).

mod content;
mod dir;
mod fork;
mod groups;
mod inode;
mod log;
mod nodes;
mod open;
mod superblock;
mod volume;
mod xattr;

use std::sync::Arc;

use scope::facts::CaseRule;

use crate::bytes::ByteSource;
use crate::walk::{Source, SourceError, SourceInfo};
use crate::walker::VolumeSource;

pub(crate) use open::{likely_copy as copy, written_over};
pub(crate) use superblock::{is_xfs, mark};

/// Reads the superblock, or where it is damaged, a copy; and whether the log says that the volume was unmounted cleanly.
///
/// # Errors
///
/// [`SourceError`] where no superblock can be read, or uses a feature that is not read, by name.
pub(crate) fn open(bytes: Arc<dyn ByteSource>) -> Result<Box<dyn Source>, SourceError> {
    let open::Found { sb, is_first, mut limits } = open::superblock(&bytes)?;
    let end = sb.blocks.saturating_mul(sb.block_size.into());
    if end > bytes.len() {
        limits.push(crate::medium::cut_short("its file system claims", end, bytes.len()));
    }
    let uuid = crate::field::uuid(&sb.uuid);
    let root =
        sb.root.ok_or_else(|| superblock::corrupt("the superblock does not know the root directory"))?;
    let case_rule = if sb.ignores_case() { CaseRule::Insensitive } else { CaseRule::Sensitive };
    let volume = Arc::new(volume::Volume::new(sb, bytes));
    let is_clean = state_of_log(&volume, &mut limits);
    if groups::has_unlinked(&volume) {
        limits.push(
            "files deleted while still open were not yet released; they have no name and are not walked"
                .to_owned(),
        );
    }
    limits.push("deleted entries are not looked for: XFS keeps next to nothing of them".to_owned());
    let info = SourceInfo {
        place: String::new(),
        volume: format!("xfs:{uuid}"),
        file_system: "xfs".to_owned(),
        case_rule,
        about_items: Some(volume.sb.inodes_in_use).filter(|_| is_first),
        ids: vec![("fsuuid".to_owned(), uuid)],
        limits,
    };
    let name = info.volume.clone();
    let nodes = nodes::Nodes { volume, name, case_rule, root, is_counted: is_first && is_clean };
    Ok(Box::new(VolumeSource::new(nodes, info)))
}

/// Whether the log says that the volume was unmounted cleanly; a limit where it does not.
fn state_of_log(volume: &volume::Volume, limits: &mut Vec<String>) -> bool {
    let limit = match log::is_clean(volume) {
        _ if volume.sb.log.0 == 0 => {
            "the log is on another device and is not read: whether the file system was unmounted cleanly is not known".to_owned()
        }
        Ok(true) => return true,
        Ok(false) => crate::medium::not_applied(
            "the file system was not unmounted cleanly, and its log is not applied: the last changes before that (names, sizes, \
             times, contents of new files) may be missing or half there",
        ),
        Err(error) => format!(
            "the log could not be read ({error}): whether the file system was unmounted cleanly is not known"
        ),
    };
    limits.push(limit);
    false
}
