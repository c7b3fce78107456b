//! Reading media without mounting them: images, partitions, RAID, LVM, file systems; and mounted trees. Read only.
//!
//! Implements `docs/spec/sources.md`. Nothing here writes to a medium, follows
//! a link or opens a device, pipe or socket found on one.
//!
//! ```text
//! let opened = source::open(&path, &OpenOptions::default())?;
//! for source in &opened.sources {
//!     let report = source.walk(&mut |event| ...)?;     // every item once, damage as issues
//! }
//! ```
//!
//! Start with [`open()`]. In story order: `open`; `image` (a container as the
//! disk in it); `survey` (what is on the disk: `probe`, `volumes`, `stack`,
//! [`file_system()`]); [`walk`] (what every source offers) and `walker` (how every
//! file system is walked); `unread` (volumes of which no file is read); [`tree`] (a
//! mounted directory); [`bytes`], [`exact`] (streams that deliver their declared
//! length or an error); [`archive`] (files that hold files); [`guard`] (the process of its own in which all this runs).

pub mod archive;
mod btrfs;
pub mod bytes;
pub mod exact;
mod ext;
pub mod extract;
pub mod guard;
pub mod presence;
mod probe;
pub mod tree;
pub mod walk;

mod calendar;
mod crc32c;
mod device;
mod digests;
mod exfat;
mod fat;
mod field;
mod file_system;
mod image;
mod iso;
mod medium;
mod names;
mod node_set;
mod ntfs;
mod open;
mod past;
mod patience;
mod patient;
#[allow(dead_code)] // what people called a volume is read, and shown nowhere yet
mod stack;
mod survey;
mod unread;
mod volumes;
mod walker;
mod wtf8;
mod xfs;

pub use bytes::{ByteSource, ReadFault};
pub use digests::{MediumDigests, digests};
pub use exact::{EvidenceStream, StreamFault};
pub use file_system::file_system;
pub use guard::{Reader, Unpacked, Unpacker};
pub use image::{Form, ImageError, StoredDigest};
pub use medium::{Drives, Layer, LayerState, Medium, NOT_WHOLE, Opened, UnreadVolume, Within, warned_of};
pub use open::{OpenError, OpenOptions, open, open_set};
pub use past::PastGaps;
pub use patient::{Patient, merged};
pub use volumes::{Partition, VolumeMap, volumes};
pub use walk::{
    Entry, Issue, NodeId, ROOT_UNREAD, Source, SourceError, SourceInfo, Unused, WalkEvent, WalkOptions,
    WalkReport, Wanting,
};
pub use walker::slack_of;
