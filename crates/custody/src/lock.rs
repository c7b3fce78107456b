//! A lock on a folder: one process at a time.

use std::fs::{File, OpenOptions};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::durable::{DurableError, Op};

/// Takes the lock at `path`, a file that is made where there is none. `None` while another process has it.
pub(crate) fn take(path: &Path) -> Result<Option<File>, DurableError> {
    let io = |source| DurableError::Io { op: Op::Create, path: path.to_owned(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(io)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        // A file system that knows no locks keeps nobody out; the case folder's lock still does.
        Ok(()) | Err(Errno::NOTSUP | Errno::NOSYS | Errno::NOLCK) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(io(error.into())),
    }
}
