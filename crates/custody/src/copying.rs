//! Copying a file of ours from one disk to another: written, made durable, read back and compared.

use std::io::{Read as _, Write as _};
use std::path::Path;

use scope::Digest;
use sha2::{Digest as _, Sha256};

use crate::durable::Disk;
use crate::package::PackageError;
use crate::read_back::digest_of;

/// Copies a file to a name that is free. Returns its digest and its length.
///
/// # Errors
///
/// [`PackageError::ReadBack`] where what was written does not read back.
pub(crate) fn copy_file(disk: &Disk, from: &Path, to: &Path) -> Result<(Digest, u64), PackageError> {
    let mut source = disk.open(from)?;
    let mut copy = disk.create_large(to)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; STEP]);
    loop {
        match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                let read = buffer.get(..count).unwrap_or_default();
                hash.update(read);
                if copy.write_all(read).is_err() {
                    break; // latched: `finish` reports it, with path and numbers
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let length = copy.finish()?;
    let written = Digest(hash.finalize().into());
    match digest_of(disk, to)? {
        found if found == written => Ok((written, length)),
        found => Err(PackageError::ReadBack { path: to.to_owned(), written, found }),
    }
}

/// How much is read at a time.
const STEP: usize = 1 << 20;
