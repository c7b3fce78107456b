//! What a medium turned out to be: its layers, its identity, its limits.
//!
//! ```text
//! ""         GPT partition table, 3 partitions
//! gpt:1      FAT32 file system                   read
//! gpt:2      LUKS-encrypted volume               not read: unlock it read only ...
//! gap        1048576 bytes at 535822336          no partition covers it
//! ```

use std::ops::Range;
use std::sync::Arc;

use scope::Digest;
use serde::{Deserialize, Serialize};

use crate::bytes::{ByteSource, ReadFault, digest};
use crate::image::StoredDigest;
use crate::walk::{Source, SourceError};

/// A medium and the sources found on it.
pub struct Opened {
    /// What was opened.
    pub medium: Medium,
    /// One source per file system or tree.
    pub sources: Vec<Box<dyn Source>>,
    /// The medium's own bytes, where it is an image or a device.
    pub image: Option<Arc<dyn ByteSource>>,
    /// Volumes that are recognised and not read, or that cannot be read: their bytes, in the order of the layers.
    pub unread: Vec<UnreadVolume>,
    /// The drives that the medium consists of; none of a mounted tree.
    pub drives: Arc<dyn Drives>,
}

/// The drives of a medium, and what they did not give.
pub trait Drives: Send + Sync {
    /// The ranges of each drive that could not be read so far, ascending, none touching the next. Drives are in their order.
    fn bad_ranges(&self) -> Vec<Vec<Range<u64>>>;

    /// Why the medium is gone, once a read has found that: nothing that was read since is to be believed. Known where processes
    /// of their own read it, alone.
    fn lost(&self) -> Option<String> {
        None
    }
}

impl Drives for Vec<Arc<dyn ByteSource>> {
    fn bad_ranges(&self) -> Vec<Vec<Range<u64>>> {
        self.iter().map(|drive| drive.bad_ranges()).collect()
    }
}

impl Opened {
    /// SHA-256 of the whole image; `None` for a mounted tree. Reads every byte.
    ///
    /// # Errors
    ///
    /// [`ReadFault`] where the image cannot be read to its end.
    pub fn image_sha256(&self) -> Result<Option<Digest>, ReadFault> {
        self.image.as_deref().map(digest).transpose()
    }
}

/// How a limit begins, after its place, where the medium's own structures tell of bytes that are not there.
const CUT_SHORT: &str = "cut short:";

/// A limit: what `says` how long something is, and that the medium ends before.
pub(crate) fn cut_short(says: &str, claimed: u64, there: u64) -> String {
    format!("{CUT_SHORT} {says} {claimed} bytes, of which {there} are there")
}

/// How a limit ends, before the reason, that tells of a file system of which not even the first directory is there.
const NO_ROOT: &str = "not read: neither its root nor anything below it can be read:";

/// A limit's words on a file system that is lost as a whole.
pub(crate) fn no_root(why: &SourceError) -> String {
    format!("{NO_ROOT} {why}")
}

/// What a volume is called of which not even the beginning is there.
pub(crate) const NO_BEGINNING: &str = "a volume whose beginning cannot be read";

/// How a limit goes on, after what is not sound, that tells of a file system that is read by a copy.
const BY_COPY: &str = "; it is read by the copy at byte";

/// A limit's words on a file system that is read by a copy of its first structure. `or_of_another`: what there is to say of
/// bytes in its place that may be those of another volume.
pub(crate) fn by_copy(what: &str, at: u64, or_of_another: &str) -> String {
    format!(
        "{what}{BY_COPY} {at}, which can be older: counters may be those of an earlier day, and a journal that was not applied \
         is not known of{or_of_another}"
    )
}

/// How a limit ends that tells of changes which stand in a file system's own log alone.
const NOT_APPLIED: &str = "what is read may be an older state; mount a copy with the system's own driver, which applies them, and examine that, too";

/// A limit's words on `changes` that are on the medium, and that this version does not apply.
pub(crate) fn not_applied(changes: &str) -> String {
    format!("{changes}; {NOT_APPLIED}")
}

/// What a warning of a limit says first.
#[must_use]
pub fn warned_of(limit: &str) -> &'static str {
    if limit.contains(NOT_APPLIED) { "not all that was written to this medium is read" } else { NOT_WHOLE }
}

/// What a warning says first of a limit on what is not there.
pub const NOT_WHOLE: &str = "this medium is not whole";

impl Medium {
    /// The limits that tell of what is not there, or not read though it is: a missing end, as of an image that was cut off while it was
    /// made or copied, the beginning of a volume, the root of a file system, without which none of its files is found, or changes in a
    /// log that is not applied.
    pub fn cut_short(&self) -> impl Iterator<Item = &str> {
        let words = [CUT_SHORT, NO_ROOT, NO_BEGINNING, BY_COPY, NOT_APPLIED];
        let tells = move |limit: &&str| words.iter().any(|word| limit.contains(word));
        self.limits.iter().map(String::as_str).filter(tells)
    }
}

/// A volume of which no file is read.
#[derive(Clone)]
pub struct UnreadVolume {
    /// Where it is: the place of its layer.
    pub place: String,
    /// What it is, in words.
    pub what: String,
    /// What identifies its file system, where that much of it is read: kind (`fsuuid`) and value.
    pub ids: Vec<(String, String)>,
    /// Its bytes.
    pub bytes: Arc<dyn ByteSource>,
}

/// What was opened.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Medium {
    /// `raw image`, `block device`, `mounted tree`, or what the container calls itself: `E01 image of 3 segments`.
    pub form: String,
    /// Length in bytes, where it is known: of the disk, not of the container that holds it.
    pub size: Option<u64>,
    /// Identifiers: kind (`fsuuid`, ...) and value.
    pub ids: Vec<(String, String)>,
    /// Those of tables, arrays and groups that lie within a volume, each with its place: a disk of a guest on a logical volume,
    /// say. They do not make the whole the medium that they are of.
    pub within: Vec<Within>,
    /// What the image's maker wrote down, where names were asked for: what it is about (`case`, `examiner`, ...) and the text,
    /// escaped.
    pub said: Vec<(String, String)>,
    /// Digests that the container states for the disk's bytes: claims, until they were computed again.
    pub stored: Vec<StoredDigest>,
    /// Whether the tree's mount, or the device, is writable. Always `false` for an image, which is opened for reading alone.
    pub writable: bool,
    /// What this reading of the medium does not cover or had to assume, in sentences without names.
    pub limits: Vec<String>,
    /// The layers, outermost first; empty for a mounted tree.
    pub layers: Vec<Layer>,
}

/// An identifier of something that lies within a volume.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Within {
    /// The place of the layer that shows it.
    pub place: String,
    /// `gpt`, `mbr_signature`, `md_uuid` or `vg_uuid`.
    pub kind: String,
    /// The identifier.
    pub value: String,
}

/// One layer of a medium: a table, a partition, a volume, a gap.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Where it is: empty for the medium itself, `gpt:2`, `mbr:5`, `lvm:<vg>:<lv>`, `md:<array>`; parts of parts after a slash.
    pub place: String,
    /// First byte, within the layer that holds it; `None` where it is put together from several places.
    pub start: Option<u64>,
    /// Length in bytes.
    pub length: u64,
    /// What the table that holds it says it is for; empty where no table does.
    pub stated: String,
    /// What it is.
    pub what: String,
    /// The places of the layers that it is made of, where it is put together from several or lies on another volume.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// What became of it.
    pub state: LayerState,
}

/// What becomes of a layer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerState {
    /// A file system whose items are read; the volume's name in facts.
    Read(String),
    /// A table or a member of something: what it holds are layers of their own.
    Divided,
    /// Recognised, and not read: why, or what to do.
    Unread(String),
    /// Zeros where signatures stand.
    Blank,
    /// Nothing that is known.
    Unknown,
    /// What no partition covers.
    Gap,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_and_what_is_not_read_though_it_is_are_warnings() {
        let cut = cut_short("its file system claims", 10, 5);
        let log = not_applied("the log is not applied");
        let note = "the file system was not unmounted cleanly".to_owned();
        let medium = Medium { limits: vec![note, cut.clone(), log.clone()], ..Medium::default() };
        assert_eq!(medium.cut_short().collect::<Vec<_>>(), [cut.as_str(), &log]);
        assert_eq!(warned_of(&cut), NOT_WHOLE);
        assert_ne!(warned_of(&log), NOT_WHOLE);
    }
}
