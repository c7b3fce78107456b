//! Whether a medium is still there once a read of it has failed: a bad sector is one thing, a pulled cable another.
//!
//! Implements `docs/spec/sources.md`, "A medium that goes away".
//!
//! ```text
//! ENODEV, ENOTCONN, ESTALE, ...        it is gone
//! shorter than when it was opened      it is gone
//! places that were read before         gone where none of them is given any more
//! ```

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

/// What is known of a file or device that was read: its size when it was opened, and places that it gave.
#[derive(Debug)]
pub(crate) struct Presence {
    size: u64,
    /// The first place of each part of the medium that was read well, and the last of all; [`NONE`] where none was.
    given: [AtomicU64; PARTS],
    last: AtomicU64,
}

impl Presence {
    /// Of `file`, as it is now.
    pub(crate) fn of(file: &File) -> Self {
        // Of one that has no end, none is compared.
        let size = seek(file, SeekFrom::End(0)).unwrap_or(0);
        Self { size, given: [const { AtomicU64::new(NONE) }; PARTS], last: AtomicU64::new(NONE) }
    }

    /// Notes a read at `offset` that succeeded.
    pub(crate) fn gave(&self, offset: u64) {
        let part = offset / (self.size / PARTS as u64).saturating_add(1);
        let part = usize::try_from(part).ok().and_then(|part| self.given.get(part));
        if let Some(part) = part.filter(|part| part.load(Ordering::Relaxed) == NONE) {
            part.store(offset, Ordering::Relaxed);
        }
        self.last.store(offset, Ordering::Relaxed);
    }

    /// Why the medium is gone; `None` where it is there, as far as can be known. `error` is that of the read that failed, `None`
    /// where the file ended; `gives` reads a byte anew, past all caches.
    pub(crate) fn lost(
        &self,
        file: &File,
        error: Option<&io::Error>,
        gives: impl Fn(u64) -> bool,
    ) -> Option<String> {
        if let Some(error) = error.filter(|error| is_of_loss(error)) {
            return Some(error.to_string());
        }
        let now = seek(file, SeekFrom::End(0)).unwrap_or(self.size);
        if now < self.size {
            return Some(format!("it has {now} bytes, and had {} when it was opened", self.size));
        }
        let error = error?;
        let places: Vec<u64> =
            self.given.iter().chain([&self.last]).map(|place| place.load(Ordering::Relaxed)).collect();
        let any_given = || places.iter().any(|place| *place != NONE && gives(*place));
        if places.iter().all(|place| *place == NONE) || any_given() {
            return None;
        }
        // A bus that is reset is there again.
        sleep(PAUSE);
        (!any_given()).then(|| format!("{error}, also where it was read before"))
    }
}

/// Whether the operating system says that what was opened is not there any more.
pub(crate) fn is_of_loss(error: &io::Error) -> bool {
    let of_loss = [
        Errno::NODEV,
        Errno::NXIO,
        Errno::NOTCONN,
        Errno::CONNABORTED,
        Errno::SHUTDOWN,
        Errno::STALE,
        Errno::BADF,
        Errno::NOMEDIUM,
    ];
    error.raw_os_error().is_some_and(|code| of_loss.iter().any(|errno| errno.raw_os_error() == code))
}

/// No place.
const NONE: u64 = u64::MAX;
/// Of how many parts of a medium one place each is remembered. That all of them fail on a drive that is there is the end of that drive.
const PARTS: usize = 8;
/// How long a bus has to come back.
const PAUSE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn check(error: Option<Errno>, shorter: bool, given: &[u64], gives: &[u64], lost: bool) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[1; 4096]).unwrap();
        let presence = Presence::of(&file);
        given.iter().for_each(|place| presence.gave(*place));
        if shorter {
            file.set_len(4095).unwrap();
        }
        let error = error.map(|errno| io::Error::from_raw_os_error(errno.raw_os_error()));
        let found = presence.lost(&file, error.as_ref(), |place| gives.contains(&place));
        assert_eq!(found.is_some(), lost, "{error:?} {shorter} {given:?} {gives:?}: {found:?}");
    }

    #[test]
    fn a_bad_sector_is_no_loss_and_a_medium_that_gives_nothing_any_more_is() {
        check(Some(Errno::NOTCONN), false, &[0], &[0], true);
        check(Some(Errno::IO), false, &[0, 2048], &[2048], false);
        check(Some(Errno::IO), false, &[0, 2048], &[], true);
        // Bad from the beginning: nobody knows better.
        check(Some(Errno::IO), false, &[], &[], false);
        check(None, true, &[0], &[0], true);
        check(None, false, &[0], &[], false);
    }
}
