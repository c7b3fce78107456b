//! The file systems that are read, each with the mark by which it is known.

use std::sync::Arc;

use crate::bytes::ByteSource;
use crate::field::{be32, be64, byte, le16, le32, le64};
use crate::walk::{Source, SourceError};
use crate::walker::OpenFileSystem;

/// A kind of file system.
pub(crate) struct Kind {
    /// What it is called in messages.
    pub(crate) name: &'static str,
    /// Whether the first bytes of a volume, 68 KiB or all of them, are those of one.
    pub(crate) fits: fn(&[u8]) -> bool,
    /// Opens it.
    pub(crate) open: OpenFileSystem,
    /// How many bytes it says that it has, from its first; `None` where the first bytes do not say.
    pub(crate) extent: fn(&[u8]) -> Option<u64>,
    /// What in its first structures shows that the first sectors were written to after it was made, so that nothing mounts it.
    /// `None` also for kinds of which the first sector shows nothing, since a disk's may be theirs.
    pub(crate) written_over: fn(&Arc<dyn ByteSource>) -> Option<&'static str>,
}

/// Opens the file system that begins at the first of `bytes`.
///
/// # Errors
///
/// [`SourceError`] where there is none that is read, or its first structures are damaged.
pub fn file_system(bytes: Arc<dyn ByteSource>) -> Result<Box<dyn Source>, SourceError> {
    let head = crate::probe::head(bytes.as_ref())?;
    match recognise(&head) {
        Some(kind) => (kind.open)(bytes),
        None => Err(SourceError::NoContent("no file system that is read".into())),
    }
}

/// The file system whose mark `head` bears: the first of the table that fits.
pub(crate) fn recognise(head: &[u8]) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| (kind.fits)(head))
}

/// Every file system whose mark `head` bears, in the order of the table: two can stand at one place.
pub(crate) fn recognise_all(head: &[u8]) -> impl Iterator<Item = &'static Kind> {
    KINDS.iter().filter(|kind| (kind.fits)(head))
}

/// INVARIANT: a mark that others may bear by chance comes after theirs.
const KINDS: &[Kind] = &[
    Kind {
        name: "an XFS file system",
        fits: crate::xfs::is_xfs,
        open: crate::xfs::open,
        extent: |head| u64::from(be32(head, 4)?).checked_mul(be64(head, 8)?),
        written_over: crate::xfs::written_over,
    },
    Kind {
        name: "an ext2, ext3 or ext4 file system",
        fits: crate::ext::is_ext,
        open: crate::ext::open,
        extent: of_ext,
        written_over: |_| None,
    },
    Kind {
        name: "a btrfs file system",
        fits: crate::btrfs::is_btrfs,
        open: crate::btrfs::open,
        extent: |head| le64(head, 0x1_0000 + 0xD1),
        written_over: |_| None,
    },
    Kind {
        name: "an NTFS volume",
        fits: crate::ntfs::is_ntfs,
        open: crate::ntfs::open,
        // The copy of the boot sector stands behind the sectors that are counted.
        extent: |head| le64(head, 0x28)?.checked_add(1)?.checked_mul(le16(head, 11)?.into()),
        written_over: crate::ntfs::written_over,
    },
    Kind {
        name: "an exFAT file system",
        fits: crate::exfat::is_exfat,
        open: crate::exfat::open,
        extent: |head| le64(head, 72)?.checked_mul(1_u64.checked_shl(byte(head, 108)?.into())?),
        written_over: crate::exfat::written_over,
    },
    Kind {
        name: "an ISO 9660 file system",
        fits: crate::iso::is_iso,
        open: crate::iso::open,
        extent: |head| u64::from(le32(head, 0x8000 + 80)?).checked_mul(le16(head, 0x8000 + 128)?.into()),
        written_over: |_| None,
    },
    Kind {
        name: "a FAT volume",
        fits: crate::fat::is_fat,
        open: crate::fat::open,
        extent: of_fat,
        written_over: |_| None,
    },
];

fn of_ext(head: &[u8]) -> Option<u64> {
    let has_64_bits = le32(head, 1024 + 0x60)? & 0x80 != 0;
    let high = if has_64_bits { le32(head, 1024 + 0x150)? } else { 0 };
    let blocks = u64::from(high) << 32 | u64::from(le32(head, 1024 + 4)?);
    blocks.checked_mul(1024_u64.checked_shl(le32(head, 1024 + 0x18)?)?)
}

fn of_fat(head: &[u8]) -> Option<u64> {
    let total = match le16(head, 19)? {
        0 => le32(head, 32)?,
        small => small.into(),
    };
    u64::from(total).checked_mul(le16(head, 11)?.into())
}
