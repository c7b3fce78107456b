//! A lock on a folder: one process at a time.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::durable::{DurableError, Op};

/// Takes the lock at `path`, a file that is made where there is none. `None` while another process has it.
pub(crate) fn take(path: &Path) -> Result<Option<File>, DurableError> {
    let io = |source| DurableError::Io { op: Op::Create, path: path.to_owned(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(io)?;
    let mut taken = flock(&file, FlockOperation::NonBlockingLockExclusive);
    for _ in 0..TRIES {
        if taken != Err(Errno::WOULDBLOCK) {
            break;
        }
        thread::sleep(PAUSE);
        taken = flock(&file, FlockOperation::NonBlockingLockExclusive);
    }
    match taken {
        // A file system that knows no locks keeps nobody out; the case folder's lock still does.
        Ok(()) | Err(Errno::NOTSUP | Errno::NOSYS | Errno::NOLCK) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(io(error.into())),
    }
}

/// A lock that was given back may live on for a moment in a process that is just being started beside this one: two
/// seconds are more than that takes, and nobody minds them before hours of work.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(20);
