//! A mounted directory tree, read without following anything.
//!
//! Implements `docs/spec/sources.md`, "Mounted trees".
//!
//! ```text
//! tree/dev:8:1/inode:99        device and inode number
//! ```
//!
//! Every name is opened relative to a directory that is already open, so that
//! nobody who writes to the tree can lead the reader elsewhere in between.

mod beneath;
mod walker;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, StatVfsMountFlags, Statx, StatxTimestamp};
use scope::facts::{CaseRule, Kind, Stamp, TimeKind};

use crate::exact::{Content, EvidenceStream, Exact, Gap, StreamFault};
use crate::patience::{MEDIUM_FAILURES, Patience, RETRIES, SECTOR};
use crate::walk::{Entry, Source, SourceError, SourceInfo, WalkEvent, WalkOptions, WalkReport};
use beneath::{CONTENT, open_beneath, stat_fd};

/// A mounted directory tree.
pub struct TreeSource {
    root: OwnedFd,
    stat: Statx,
    writable: bool,
    info: SourceInfo,
    /// For all items together: a dying drive fails on each of them.
    patience: Arc<Patience>,
}

impl TreeSource {
    /// Opens the directory `path`, which may itself be reached through links.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where it cannot be opened.
    pub fn new(path: &Path) -> Result<Self, SourceError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let io = |what| move |error: rustix::io::Errno| SourceError::Io(what, error.into());
        let root = rustix::fs::open(path, flags, Mode::empty()).map_err(io("cannot open the directory"))?;
        let stat = stat_fd(&root).map_err(io("cannot examine the directory"))?;
        let mount = rustix::fs::fstatvfs(&root).map_err(io("cannot examine the mount"))?;
        let kind = rustix::fs::fstatfs(&root).map_err(io("cannot examine the mount"))?;
        let info = SourceInfo {
            place: String::new(),
            volume: "tree".to_owned(),
            file_system: file_system(u64::try_from(kind.f_type).unwrap_or(0)),
            case_rule: CaseRule::Sensitive,
            // The file system counts its own items, and this tree may be a part of it.
            about_items: None,
            ids: Vec::new(),
            limits: Vec::new(),
        };
        let patience = Arc::new(Patience::new(MEDIUM_FAILURES));
        Ok(Self { root, stat, writable: !mount.f_flag.contains(StatVfsMountFlags::RDONLY), info, patience })
    }

    /// Whether the mount is writable.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// The device number of the mounted file system.
    #[must_use]
    pub fn device(&self) -> u64 {
        rustix::fs::makedev(self.stat.stx_dev_major, self.stat.stx_dev_minor)
    }

    /// What this reading does not cover or had to assume.
    #[must_use]
    pub fn limits(&self) -> Vec<String> {
        let mut limits = vec![
            "names are compared as case sensitive, whatever the mounted file system does".to_owned(),
            "extended attributes are read of files and directories alone".to_owned(),
        ];
        if self.writable {
            limits.push("the mount is writable: items may change during the examination".to_owned());
            if !rustix::process::geteuid().is_root() {
                limits.push(
                    "not running as root: reading others' files may update their access times".to_owned(),
                );
            }
        }
        limits
    }
}

impl Source for TreeSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn walk_with(
        &self,
        options: &WalkOptions<'_>,
        visit: &mut dyn FnMut(WalkEvent) -> ControlFlow<()>,
    ) -> Result<WalkReport, SourceError> {
        walker::walk(&self.root, &self.stat, options.closed, visit)
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn EvidenceStream>, SourceError> {
        self.open_any(entry, false)
    }

    fn open_to_keep(&self, entry: &Entry) -> Result<Box<dyn EvidenceStream>, SourceError> {
        self.open_any(entry, true)
    }
}

impl TreeSource {
    /// Opens an item by one of its names. With `to_keep` it may have changed since the walk, as long as it is the same item: its
    /// content is as long as the walk saw, and the difference is told after its last byte.
    fn open_any(&self, entry: &Entry, to_keep: bool) -> Result<Box<dyn EvidenceStream>, SourceError> {
        if entry.facts.kind != Kind::File {
            return Err(SourceError::NoContent("not a file".into()));
        }
        let mut last = SourceError::NoContent("no name leads to the item".into());
        // Another of its names may still lead to an item that lost one.
        for name in &entry.facts.names {
            match self.open_name(name.bytes(), entry, to_keep) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn open_name(
        &self,
        name: &[u8],
        entry: &Entry,
        to_keep: bool,
    ) -> Result<Box<dyn EvidenceStream>, SourceError> {
        let io = |error: rustix::io::Errno| SourceError::Io("cannot open the item", error.into());
        let relative = name.strip_prefix(b"/").unwrap_or(name);
        let (parent, base) = match relative.iter().rposition(|byte| *byte == b'/') {
            Some(at) => (
                relative.get(..at).unwrap_or_default(),
                relative.get(at.saturating_add(1)..).unwrap_or_default(),
            ),
            None => (&[][..], relative),
        };
        let parent = beneath::directory(&self.root, parent).map_err(io)?;
        // Never open what is not a file: opening a pipe waits, opening a device may act.
        let seen = beneath::stat_at(&parent, OsStr::from_bytes(base)).map_err(io)?;
        self.same(&seen, entry, to_keep)?;
        let file = open_beneath(&parent, OsStr::from_bytes(base), CONTENT).map_err(io)?;
        let stat = stat_fd(&file).map_err(io)?;
        self.same(&stat, entry, to_keep)?;
        let before = seen_by_the_walk(entry);
        let watched = Watched { file: File::from(file), before, position: 0 };
        Ok(Box::new(Exact::with(watched, before.0, Arc::clone(&self.patience))))
    }

    /// Whether `stat` is of the item that the walk saw, unchanged.
    fn same(&self, stat: &Statx, entry: &Entry, to_keep: bool) -> Result<(), SourceError> {
        let place = walker::locator(stat);
        if walker::kind(stat) != Kind::File || place != entry.locator || !walker::same_mount(stat, &self.stat)
        {
            return Err(SourceError::Changed("the name leads to another item".into()));
        }
        if entry.facts.size.is_none() {
            return Err(SourceError::Corrupt("the size is larger than a record can state".into()));
        }
        let times = walker::times(stat);
        // An inode's number is used again; the time at which it came into being is not.
        let is_created = |stamp: &&Stamp| stamp.of == TimeKind::Created;
        let created = entry.facts.times.iter().find(is_created);
        if to_keep && created.is_some() && created == times.iter().find(is_created) {
            return Ok(());
        }
        if Some(stat.stx_size) != entry.facts.size {
            let what = format!(
                "its size is {}, and was {} when the walk saw it",
                stat.stx_size,
                entry.facts.size.unwrap_or(0)
            );
            return Err(SourceError::Changed(what));
        }
        let unchanged = entry.facts.times.iter().all(|known| {
            // Reading may set the time of access; nothing may set the others.
            known.of == TimeKind::Accessed || times.contains(known)
        });
        if unchanged {
            Ok(())
        } else {
            Err(SourceError::Changed("its times are no longer what the walk saw".into()))
        }
    }
}

/// What the walk saw of an item.
fn seen_by_the_walk(entry: &Entry) -> State {
    let time = |of| entry.facts.times.iter().find(|stamp| stamp.of == of).map(|stamp| stamp.ns);
    (entry.facts.size.unwrap_or(0), time(TimeKind::Modified), time(TimeKind::Changed))
}

/// A file whose state is compared before and after.
struct Watched {
    file: File,
    before: State,
    position: u64,
}

/// What of a file's state must be the same before and after: its size, and the seconds and nanoseconds of its last modification and
/// change. `None` for what is not known of before.
type State = (u64, Option<i128>, Option<i128>);

fn state(stat: &Statx) -> State {
    let ns = |time: &StatxTimestamp| {
        i128::from(time.tv_sec).saturating_mul(1_000_000_000).saturating_add(i128::from(time.tv_nsec))
    };
    (stat.stx_size, Some(ns(&stat.stx_mtime)), Some(ns(&stat.stx_ctime)))
}

impl Read for Watched {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        // A page that failed may be read when it is tried again.
        let tries = if crate::bytes::length(buf.len()) <= SECTOR { RETRIES } else { 0 };
        let mut read = self.file.read_at(buf, self.position);
        for _ in 0..tries {
            match read {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {}
                _ => break,
            }
            read = self.file.read_at(buf, self.position);
        }
        let count = read?;
        self.position = self.position.saturating_add(crate::bytes::length(count));
        Ok(count)
    }
}

impl Content for Watched {
    fn gap(&self) -> Gap {
        Gap::Unknown
    }

    fn skip(&mut self, count: u64) {
        self.position = self.position.saturating_add(count);
    }

    fn finish(&mut self) -> io::Result<()> {
        let (before, after) = (self.before, state(&stat_fd(&self.file)?));
        if before == after {
            return Ok(());
        }
        Err(StreamFault::ChangedDuringRead(difference(before, after)).into())
    }
}

/// What is different, in numbers: `size 5 then 9, modified 1300270830.000000000 then 1300270831.500000000`.
fn difference(before: State, after: State) -> String {
    let time = |ns: Option<i128>| match ns {
        Some(ns) => format!("{}.{:09}", ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000)),
        None => "unknown".to_owned(),
    };
    let mut what = format!("size {} then {}", before.0, after.0);
    let times = [("modified", before.1, after.1), ("changed", before.2, after.2)];
    for (of, before, after) in times.iter().filter(|(_, before, after)| before != after) {
        what += &format!(", {of} {} then {}", time(*before), time(*after));
    }
    what
}

/// The name of the file system with this magic number, as `statfs(2)` lists them.
fn file_system(magic: u64) -> String {
    let name = match magic {
        0xEF53 => "ext2/ext3/ext4",
        0x0102_1994 => "tmpfs",
        0x5846_5342 => "xfs",
        0x9123_683E => "btrfs",
        0x4D44 => "vfat",
        0x2011_BAB0 => "exfat",
        0x5346_544E | 0x7366_746E => "ntfs",
        0x9660 => "iso9660",
        0x6969 => "nfs",
        0x6573_5546 => "fuse",
        0x794C_7630 => "overlay",
        0x7371_7368 => "squashfs",
        0x2FC1_2FC1 => "zfs",
        0xF2F5_2010 => "f2fs",
        0x4244 | 0x482B => "hfs",
        _ => return format!("unknown {magic:#x}"),
    };
    name.to_owned()
}
