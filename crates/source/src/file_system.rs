//! The file systems that are read, each with the mark by which it is known.

use std::sync::Arc;

use crate::bytes::ByteSource;
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

/// INVARIANT: a mark that others may bear by chance comes after theirs.
const KINDS: &[Kind] = &[
    Kind { name: "an XFS file system", fits: crate::xfs::is_xfs, open: crate::xfs::open },
    Kind { name: "an ext2, ext3 or ext4 file system", fits: crate::ext::is_ext, open: crate::ext::open },
    Kind { name: "a btrfs file system", fits: crate::btrfs::is_btrfs, open: crate::btrfs::open },
    Kind { name: "an NTFS volume", fits: crate::ntfs::is_ntfs, open: crate::ntfs::open },
    Kind { name: "an exFAT file system", fits: crate::exfat::is_exfat, open: crate::exfat::open },
    Kind { name: "an ISO 9660 file system", fits: crate::iso::is_iso, open: crate::iso::open },
    Kind { name: "a FAT volume", fits: crate::fat::is_fat, open: crate::fat::open },
];
