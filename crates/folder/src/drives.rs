//! The digest of each drive of a set: what `image_sha256` is to a medium of one drive.

use std::path::PathBuf;
use std::slice;

use source::{MediumDigests, OpenOptions};

/// The kind of identity that is the SHA-256 of one drive of a set: one of each drive, none twice.
pub const DRIVE_SHA256: &str = "drive_sha256";

/// Reads every byte of each drive once, in the order given. `progress` is told which drive (from 1), how many bytes it has
/// and how many of them were read.
///
/// The medium's volumes are put together from all drives; here each is opened by itself, as nothing but its bytes.
///
/// # Errors
///
/// In words: a drive cannot be opened alone, or is given up.
pub fn drive_digests(
    drives: &[PathBuf],
    open: &OpenOptions,
    progress: &mut dyn FnMut(usize, u64, u64),
) -> Result<Vec<MediumDigests>, String> {
    let mut all = Vec::with_capacity(drives.len());
    for (number, path) in (1_usize..).zip(drives) {
        let options = OpenOptions { bare: true, ..open.clone() };
        let alone = source::open_set(slice::from_ref(path), &options)
            .map_err(|error| format!("drive {number}: {error}"))?;
        let Some(image) = &alone.image else {
            return Err(format!("drive {number}: a mounted folder has no digest"));
        };
        let length = image.len();
        let found = source::digests(image, &alone.medium.stored, &mut |read| progress(number, length, read))
            .map_err(|fault| format!("drive {number}: {fault}"));
        if let Some(why) = alone.drives.lost() {
            return Err(format!("drive {number} is gone: {why}"));
        }
        let found = found?;
        all.push(found);
    }
    Ok(all)
}
