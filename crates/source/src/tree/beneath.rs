//! Opening names beneath an open directory, without links, other mounts or `..`.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, Statx, StatxFlags, openat, openat2, statx};
use rustix::io::{Errno, Result};

/// How a file is opened for its content. `NONBLOCK` and `NOCTTY`: should it have become a pipe or a terminal since,
/// nothing waits and nothing is taken over.
pub(crate) const CONTENT: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// How a directory is opened for its names.
pub(crate) const NAMES: OFlags = CONTENT.union(OFlags::DIRECTORY);

/// How a directory is opened to be passed through: neither its names nor its time of access are touched.
const THROUGH: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Opens `name`, one component or several, beneath `parent`, and does not update its time of access where permitted.
///
/// # Errors
///
/// The system's, among them `ELOOP` for a link and `EXDEV` for another mount.
pub(crate) fn open_beneath(parent: impl AsFd, name: &OsStr, flags: OFlags) -> Result<OwnedFd> {
    if flags.contains(OFlags::PATH) {
        return resolve(&parent, name, flags);
    }
    match resolve(&parent, name, flags | OFlags::NOATIME) {
        Err(Errno::PERM) => resolve(&parent, name, flags), // the file is somebody else's, and we are not root
        result => result,
    }
}

fn resolve(parent: impl AsFd, name: &OsStr, flags: OFlags) -> Result<OwnedFd> {
    if name.as_bytes().contains(&b'/') || matches!(name.as_bytes(), b"" | b"." | b"..") {
        return Err(Errno::INVAL); // one component at a time, and never upwards
    }
    let rules = ResolveFlags::BENEATH
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_XDEV;
    for _ in 0..RETRIES {
        match openat2(&parent, name, flags, Mode::empty(), rules) {
            Err(Errno::AGAIN | Errno::INTR) => {} // somebody renames or mounts meanwhile
            // An old kernel, or a filter that does not know the call. One component without `NOFOLLOW`'s exceptions
            // cannot lead elsewhere either; what lies on another mount is refused by its number after the open.
            Err(Errno::NOSYS | Errno::PERM) if !flags.contains(OFlags::NOATIME) => {
                return openat(&parent, name, flags, Mode::empty());
            }
            Err(Errno::NOSYS) => return openat(&parent, name, flags, Mode::empty()),
            result => return result,
        }
    }
    Err(Errno::AGAIN)
}

/// The directory `path` (components with `/` between, none leading) beneath `root`, to pass through.
///
/// # Errors
///
/// As [`open_beneath`].
pub(crate) fn directory(root: impl AsFd, path: &[u8]) -> Result<OwnedFd> {
    let mut current = root.as_fd().try_clone_to_owned().map_err(|_| Errno::MFILE)?;
    // Component by component: a path may be longer than the system takes at once.
    for component in path.split(|byte| *byte == b'/').filter(|component| !component.is_empty()) {
        current = open_beneath(&current, OsStr::from_bytes(component), THROUGH)?;
    }
    Ok(current)
}

/// What the system says of `name` in `parent`, without following it or mounting anything.
pub(crate) fn stat_at(parent: impl AsFd, name: &OsStr) -> Result<Statx> {
    statx(parent, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT, MASK)
}

/// What the system says of an open file.
pub(crate) fn stat_fd(file: impl AsFd) -> Result<Statx> {
    statx(file, "", AtFlags::EMPTY_PATH, MASK)
}

const MASK: StatxFlags = StatxFlags::BASIC_STATS.union(StatxFlags::BTIME).union(StatxFlags::MNT_ID);
/// Attempts at a name that is being renamed around: enough for chance, not for an adversary who keeps at it.
const RETRIES: usize = 16;
