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
//! `dir`, `xattr`, `descent` (all names, twice), `walker`.

mod content;
mod crc32c;
mod descent;
mod dir;
mod inode;
mod journal;
mod map;
mod superblock;
mod volume;
mod walker;
mod xattr;

use std::ops::ControlFlow;
use std::sync::Arc;

use scope::RawName;
use scope::facts::{CaseRule, Kind};

use crate::bytes::ByteSource;
use crate::exact::{EvidenceStream, Exact};
use crate::walk::{Entry, Source, SourceError, SourceInfo, WalkEvent, WalkReport};
use content::InodeReader;
use volume::Volume;

pub(crate) use superblock::is_ext;

/// An ext2, ext3 or ext4 file system.
pub struct ExtSource {
    volume: Arc<Volume>,
    info: SourceInfo,
}

impl ExtSource {
    /// Reads the superblock and, where the file system was not unmounted cleanly, the journal.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the superblock is damaged or uses a feature that is not read, by name.
    pub fn new(bytes: Arc<dyn ByteSource>) -> Result<Self, SourceError> {
        let volume = Volume::open(bytes)?;
        let info = SourceInfo {
            volume: format!("ext4:{}", volume.sb.uuid),
            file_system: volume.sb.kind().to_owned(),
            case_rule: CaseRule::Sensitive,
            locator_prefix: "image/ext4".to_owned(),
            about_items: Some(volume.inodes_in_use_by_superblock()),
        };
        Ok(Self { volume: Arc::new(volume), info })
    }

    /// The file system's UUID.
    #[must_use]
    pub fn uuid(&self) -> &str {
        &self.volume.sb.uuid
    }

    /// What this reading does not cover or had to assume.
    #[must_use]
    pub fn limits(&self) -> &[String] {
        &self.volume.limits
    }
}

impl Source for ExtSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn walk_open(
        &self,
        closed: &dyn Fn(&RawName) -> bool,
        visit: &mut dyn FnMut(WalkEvent) -> ControlFlow<()>,
    ) -> Result<WalkReport, SourceError> {
        walker::walk(&self.volume, &self.info.volume, closed, visit)
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn EvidenceStream>, SourceError> {
        let number = u32::try_from(entry.node.number())
            .map_err(|_| SourceError::NoContent("an inode number of another kind of file system".into()))?;
        let inode = self.volume.inode(number)?;
        if inode.kind() != Kind::File {
            return Err(SourceError::NoContent("not a file".into()));
        }
        if walker::locator(&self.info.volume, number, Some(inode.generation)) != entry.locator {
            return Err(SourceError::Changed("the inode belongs to another item".into()));
        }
        let declared = inode.sound_size(&self.volume.sb).ok_or_else(|| {
            SourceError::Corrupt("the inode states a larger size than a file can have".into())
        })?;
        let reader = InodeReader::new(Arc::clone(&self.volume), inode)?;
        Ok(Box::new(Exact::new(reader, declared)))
    }
}
