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
use std::path::Path;

use rustix::fs::{Mode, OFlags, StatVfsMountFlags, Statx};
use scope::facts::{CaseRule, Kind};

use crate::exact::{Content, EvidenceStream, Exact, StreamFault};
use crate::walk::{Entry, Source, SourceError, SourceInfo, WalkEvent, WalkOptions, WalkReport};
use beneath::{CONTENT, open_beneath, stat_fd};

/// A mounted directory tree.
pub struct TreeSource {
    root: OwnedFd,
    stat: Statx,
    writable: bool,
    info: SourceInfo,
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
        Ok(Self { root, stat, writable: !mount.f_flag.contains(StatVfsMountFlags::RDONLY), info })
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
        if entry.facts.kind != Kind::File {
            return Err(SourceError::NoContent("not a file".into()));
        }
        let mut last = SourceError::NoContent("no name leads to the item".into());
        // Another of its names may still lead to an item that lost one.
        for name in &entry.facts.names {
            match self.open_name(name.bytes(), entry) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl TreeSource {
    fn open_name(&self, name: &[u8], entry: &Entry) -> Result<Box<dyn EvidenceStream>, SourceError> {
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
        self.same(&seen, entry)?;
        let file = open_beneath(&parent, OsStr::from_bytes(base), CONTENT).map_err(io)?;
        let stat = stat_fd(&file).map_err(io)?;
        self.same(&stat, entry)?;
        let declared = stat.stx_size;
        Ok(Box::new(Exact::new(Watched { file: File::from(file), before: stat }, declared)))
    }

    /// Whether `stat` is of the item that the walk saw, unchanged.
    fn same(&self, stat: &Statx, entry: &Entry) -> Result<(), SourceError> {
        let place = walker::locator(stat);
        if walker::kind(stat) != Kind::File || place != entry.locator || !walker::same_mount(stat, &self.stat)
        {
            return Err(SourceError::Changed("the name leads to another item".into()));
        }
        if entry.facts.size.is_none() {
            return Err(SourceError::Corrupt("the size is larger than a record can state".into()));
        }
        if Some(stat.stx_size) != entry.facts.size {
            return Err(SourceError::Changed("its size is no longer what the walk saw".into()));
        }
        let times = walker::times(stat);
        let unchanged = entry.facts.times.iter().all(|known| {
            // Reading may set the time of access; nothing may set the others.
            known.of == scope::facts::TimeKind::Accessed || times.contains(known)
        });
        if unchanged {
            Ok(())
        } else {
            Err(SourceError::Changed("its times are no longer what the walk saw".into()))
        }
    }
}

/// A file whose state is compared before and after.
struct Watched {
    file: File,
    before: Statx,
}

impl Read for Watched {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.file.read(buf)
    }
}

impl Content for Watched {
    fn finish(&mut self) -> io::Result<()> {
        let after = stat_fd(&self.file)?;
        let state = |stat: &Statx| {
            let (modified, changed) = (stat.stx_mtime, stat.stx_ctime);
            (stat.stx_size, modified.tv_sec, modified.tv_nsec, changed.tv_sec, changed.tv_nsec)
        };
        let (before, after) = (state(&self.before), state(&after));
        if before == after {
            return Ok(());
        }
        let what = format!(
            "size {} then {}, modified {}.{:09} then {}.{:09}",
            before.0, after.0, before.1, before.2, after.1, after.2
        );
        Err(StreamFault::ChangedDuringRead(what).into())
    }
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
