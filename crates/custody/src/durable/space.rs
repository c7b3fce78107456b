//! What is known of the disk that a path is on: its room, its limits, and how it likes to be read.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;

/// Bytes that an ordinary user may still write where `path` is; 0 where the system does not tell.
#[must_use]
pub fn free_bytes(path: &Path) -> u64 {
    free_where(path).unwrap_or(0)
}

pub(super) fn free_where(path: &Path) -> Option<u64> {
    statvfs(path).ok().map(|fs| fs.f_bavail.saturating_mul(fs.f_frsize))
}

/// Bytes that stay free where `path` is: 1/64 of its file system, and 64 MiB at most. A file system that is filled to its
/// last block can be left in a state in which not even a file can be removed (btrfs), it may be the system's own, and
/// closing a package takes a little space, too.
#[must_use]
pub fn low_water(path: &Path) -> u64 {
    let at = path
        .ancestors()
        .find_map(|at| statvfs(if at.as_os_str().is_empty() { Path::new(".") } else { at }).ok());
    at.map_or(0, |fs| fs.f_blocks.saturating_mul(fs.f_frsize) / 64).min(MOST_FREE)
}

/// See [`low_water`].
const MOST_FREE: u64 = 64 << 20;

/// The longest file that can be written where `path` is, where the file system is known to have a limit: FAT's 4 GiB.
#[must_use]
pub fn longest_file(path: &Path) -> Option<u64> {
    let kind = rustix::fs::statfs(path).ok()?.f_type;
    (kind == MSDOS).then_some((4 << 30) - 1)
}

/// Whether `path` is on a disk that turns: one that reads several files at a time slower than one after the other.
#[must_use]
pub fn turns(path: &Path) -> bool {
    let told = disk_of(path).and_then(|disk| std::fs::read(disk.join("queue/rotational")).ok());
    told.is_some_and(|told| told.starts_with(b"1"))
}

/// Whether two paths are on one file system, or on two of one disk.
#[must_use]
pub fn on_one_disk(one: &Path, other: &Path) -> bool {
    let device = |path: &Path| std::fs::metadata(path).map(|there| there.dev()).ok();
    let same = |a: Option<u64>, b| a.is_some() && a == b;
    same(device(one), device(other)) || disk_of(one).is_some_and(|disk| Some(disk) == disk_of(other))
}

/// The system's folder of the disk that `path` is on, where it is on one: a partition has no queue of its own.
fn disk_of(path: &Path) -> Option<PathBuf> {
    let device = std::fs::metadata(path).ok()?.dev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let of = std::fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok()?;
    of.ancestors().take(2).find(|of| of.join("queue").is_dir()).map(Path::to_owned)
}

/// What Linux calls a FAT file system (`MSDOS_SUPER_MAGIC`).
const MSDOS: rustix::fs::FsWord = 0x4d44;
