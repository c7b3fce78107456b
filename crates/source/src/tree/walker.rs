//! The walk over a mounted tree: every item once, depth first, names in bytewise order.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::vec::IntoIter;

use rustix::fs::{
    Dir, Statx, StatxFlags, StatxTimestamp, fgetxattr, flistxattr, flistxattr_query, makedev, readlinkat,
};
use rustix::io::Errno;
use scope::RawName;
use scope::facts::{Attribute, CaseRule, Kind, Stamp, TimeKind, Zone};

use crate::node_set::NodeSet;
use crate::tree::beneath::{CONTENT, NAMES, open_beneath, stat_at, stat_fd};
use crate::walk::{Entry, Issue, NodeId, SourceError, WalkEvent, WalkReport, bare_facts, stated};

type Visit<'a> = &'a mut dyn FnMut(WalkEvent) -> ControlFlow<()>;

/// Whether a directory is not entered, by its path.
type Closed<'a> = &'a dyn Fn(&RawName) -> bool;

/// Walks the tree below the open directory `root`.
///
/// # Errors
///
/// [`SourceError`] where the root cannot be read.
pub(crate) fn walk(
    root: &OwnedFd,
    stat: &Statx,
    closed: Closed,
    visit: Visit,
) -> Result<WalkReport, SourceError> {
    let mut walker = Walker {
        root,
        root_stat: stat,
        closed,
        visit,
        report: WalkReport::default(),
        seen: NodeSet::default(),
        linked: BTreeMap::new(),
        levels: Vec::new(),
        path: Vec::new(),
        waiting: 0,
        links: (0, 0),
    };
    let names = names(root, MAX_WAITING);
    let (list, complaint) =
        names.map_err(|error| SourceError::Io("cannot read the directory", error.into()))?;
    if walker.run(list, complaint).is_continue() {
        walker.report.complete = true;
    }
    let (found, counted) = walker.links;
    walker.report.coverage.push(("names of items with several links".into(), found, counted));
    Ok(walker.report)
}

/// Where the item is: device and inode number.
pub(crate) fn locator(stat: &Statx) -> String {
    format!("tree/{}", node(stat))
}

fn node(stat: &Statx) -> String {
    format!("dev:{}:{}/inode:{}", stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino)
}

/// What the item is.
pub(crate) fn kind(stat: &Statx) -> Kind {
    match stat.stx_mode & 0xF000 {
        0x1000 => Kind::Fifo,
        0x2000 => Kind::CharDevice,
        0x4000 => Kind::Directory,
        0x6000 => Kind::BlockDevice,
        0x8000 => Kind::File,
        0xA000 => Kind::Symlink,
        0xC000 => Kind::Socket,
        _ => Kind::Other,
    }
}

/// The item's times, to the nanosecond; the time of birth where the file system keeps one.
pub(crate) fn times(stat: &Statx) -> Vec<Stamp> {
    let stamp = |of, time: StatxTimestamp| Stamp {
        of,
        from: "stat".into(),
        ns: i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec),
        zone: Zone::Recorded,
    };
    let mut times = vec![
        stamp(TimeKind::Modified, stat.stx_mtime),
        stamp(TimeKind::Accessed, stat.stx_atime),
        stamp(TimeKind::Changed, stat.stx_ctime),
    ];
    if StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::BTIME) {
        times.push(stamp(TimeKind::Created, stat.stx_btime));
    }
    times
}

/// Whether both are on one mount. The number of the mount decides, where the kernel gives it: on overlayfs and btrfs
/// one mount shows several devices.
pub(crate) fn same_mount(stat: &Statx, root: &Statx) -> bool {
    let numbered = |stat: &Statx| StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::MNT_ID);
    if numbered(stat) && numbered(root) {
        stat.stx_mnt_id == root.stx_mnt_id
    } else {
        key(stat).0 == key(root).0
    }
}

/// Device and inode number: what tells one item from another.
type Key = (u64, u64);

fn key(stat: &Statx) -> Key {
    (makedev(stat.stx_dev_major, stat.stx_dev_minor), stat.stx_ino)
}

/// The same, as a set of nodes has it.
fn handle(stat: &Statx) -> NodeId {
    let (device, inode) = key(stat);
    NodeId::with_part(inode, device)
}

struct Walker<'a> {
    root: &'a OwnedFd,
    root_stat: &'a Statx,
    closed: Closed<'a>,
    visit: Visit<'a>,
    report: WalkReport,
    /// Items already met.
    seen: NodeSet,
    /// Items with several links, which wait for all their names.
    linked: BTreeMap<Key, (Entry, u64)>,
    levels: Vec<Level>,
    /// The path of the deepest directory, without a slash at the end. One for all levels: a path of its own for each
    /// would grow with the square of the depth.
    path: Vec<u8>,
    /// Names read from directories and not yet walked.
    waiting: usize,
    /// Names found, and links counted, of items with several links.
    links: (u64, u64),
}

/// A directory being walked. An explicit stack: nesting on the medium never becomes nesting of calls.
struct Level {
    /// Kept open, or opened again when it is needed: see [`KEPT_OPEN`].
    handle: Option<OwnedFd>,
    name: Vec<u8>,
    key: Key,
    /// How much of [`Walker::path`] is this directory's.
    path: usize,
    names: IntoIter<Vec<u8>>,
}

impl Walker<'_> {
    fn run(&mut self, names: Vec<Vec<u8>>, complaint: Option<Errno>) -> ControlFlow<()> {
        self.report.names = 1;
        self.seen.insert(handle(self.root_stat));
        let entry = self.entry(self.root_stat, b"/".to_vec());
        let entry = self
            .with_attributes(entry, Some(self.root.as_fd().try_clone_to_owned().map_err(|_| Errno::MFILE)))?;
        let place = entry.locator.clone();
        self.item(entry)?;
        if let Some(error) = complaint {
            self.issue(Some(&place), format!("a directory could not be read to its end: {error}"))?;
        }
        self.push(None, Vec::new(), key(self.root_stat), Vec::new(), names);
        while let Some(level) = self.levels.last_mut() {
            let Some(name) = level.names.next() else {
                self.levels.pop();
                continue;
            };
            self.waiting = self.waiting.saturating_sub(1);
            self.path.truncate(level.path);
            let mut path = self.path.clone();
            path.push(b'/');
            path.extend(&name);
            self.name(name, path)?;
        }
        for (_, (mut entry, found)) in std::mem::take(&mut self.linked) {
            if let Some(what) = crate::walk::names_left_out(&mut entry.facts, found) {
                self.issue(Some(&entry.locator), what)?;
            }
            let counted = entry.facts.links.unwrap_or(0);
            self.links = (self.links.0.saturating_add(found), self.links.1.saturating_add(counted));
            // Fewer is no damage here: the other names may lie outside the directory given.
            self.item(entry)?;
        }
        ControlFlow::Continue(())
    }

    fn name(&mut self, name: Vec<u8>, path: Vec<u8>) -> ControlFlow<()> {
        self.report.names = self.report.names.saturating_add(1);
        let parent = match self.parent() {
            Ok(parent) => parent,
            Err(error) => return self.issue(None, format!("a directory could not be opened again: {error}")),
        };
        let stat = match stat_at(&parent, OsStr::from_bytes(&name)) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => {
                return self.issue(None, "an item was gone before it could be examined".into());
            }
            Err(error) => return self.issue(None, format!("an item could not be examined: {error}")),
        };
        let place = locator(&stat);
        if !same_mount(&stat, self.root_stat) {
            return self
                .issue(Some(&place), "another file system is mounted here; it was not entered".into());
        }
        if let Some((entry, found)) = self.linked.get_mut(&key(&stat)) {
            *found = found.saturating_add(1);
            crate::walk::add_name(&mut entry.facts, path);
            return ControlFlow::Continue(());
        }
        if !self.seen.insert(handle(&stat)) {
            return self.issue(Some(&place), "a further name of an item that counts one link, or was moved meanwhile; that name is not recorded".into());
        }
        let kind = kind(&stat);
        let mut entry = self.entry(&stat, path.clone());
        if entry.facts.allocated.is_none() || kind.has_content() && entry.facts.size.is_none() {
            self.issue(
                Some(&place),
                "a size larger than a record can state; it is not recorded, and such content cannot be read"
                    .into(),
            )?;
        }
        if kind == Kind::Symlink {
            match readlinkat(&parent, OsStr::from_bytes(&name), Vec::new()) {
                Ok(target) => entry.facts.link_target = Some(RawName(target.into_bytes())),
                Err(error) => {
                    self.issue(Some(&place), format!("the link's target could not be read: {error}"))?
                }
            }
        }
        let flags = match kind {
            Kind::Directory => Some(NAMES),
            Kind::File => Some(CONTENT),
            _ => None, // never opened
        };
        let handle = flags.map(|flags| open_same(&parent, &name, flags, &stat));
        if kind == Kind::Directory {
            return self.enter(entry, key(&stat), name, path, handle);
        }
        let entry = self.with_attributes(entry, handle)?;
        if stat.stx_nlink > 1 {
            self.linked.insert(key(&stat), (entry, 1));
            return ControlFlow::Continue(());
        }
        self.item(entry)
    }

    fn enter(
        &mut self,
        entry: Entry,
        key: Key,
        name: Vec<u8>,
        path: Vec<u8>,
        handle: Option<Handle>,
    ) -> ControlFlow<()> {
        let place = entry.locator.clone();
        let (entry, handle) = match handle {
            Some(Ok(handle)) => {
                let clone = handle.try_clone().map_err(|_| Errno::MFILE);
                (self.with_attributes(entry, Some(clone))?, handle)
            }
            Some(Err(error)) => {
                self.item(entry)?;
                return self.issue(Some(&place), format!("the directory could not be opened: {error}"));
            }
            None => return self.item(entry),
        };
        let closed = entry.facts.names.first().is_some_and(self.closed);
        self.item(entry)?;
        if closed {
            return ControlFlow::Continue(());
        }
        if self.levels.len() >= MAX_DEPTH {
            return self.issue(Some(&place), format!("deeper than {MAX_DEPTH} directories; not entered"));
        }
        match names(&handle, MAX_WAITING.saturating_sub(self.waiting)) {
            Ok((list, complaint)) => {
                if let Some(error) = complaint {
                    self.issue(Some(&place), format!("a directory could not be read to its end: {error}"))?;
                }
                self.push(Some(handle), name, key, path, list);
            }
            Err(error) => self.issue(Some(&place), format!("the directory could not be read: {error}"))?,
        }
        ControlFlow::Continue(())
    }

    fn push(&mut self, handle: Option<OwnedFd>, name: Vec<u8>, key: Key, path: Vec<u8>, names: Vec<Vec<u8>>) {
        self.waiting = self.waiting.saturating_add(names.len());
        self.levels.push(Level { handle, name, key, path: path.len(), names: names.into_iter() });
        self.path = path;
        // Close the handle that fell out of the window, unless it is a milestone.
        let leaving = self.levels.len().checked_sub(KEPT_OPEN.saturating_add(1));
        if let Some(level) = leaving.filter(|at| at % KEPT_OPEN != 0).and_then(|at| self.levels.get_mut(at)) {
            level.handle = None;
        }
    }

    /// The deepest directory, opened again from the nearest open one above it where it was closed.
    fn parent(&mut self) -> Handle {
        let open = self.levels.iter().rposition(|level| level.handle.is_some());
        let mut handle =
            match open.and_then(|at| self.levels.get(at)).and_then(|level| level.handle.as_ref()) {
                Some(handle) => handle.try_clone(),
                None => self.root.try_clone(),
            }
            .map_err(|_| Errno::MFILE)?;
        let first = open.unwrap_or(0).saturating_add(1);
        for level in self.levels.get_mut(first..).unwrap_or_default() {
            handle = open_beneath(&handle, OsStr::from_bytes(&level.name), NAMES)?;
            if key(&stat_fd(&handle)?) != level.key {
                return Err(Errno::STALE); // another directory has taken its name
            }
        }
        if first < self.levels.len()
            && let Some(level) = self.levels.last_mut()
        {
            level.handle = handle.try_clone().ok();
        }
        Ok(handle)
    }

    fn entry(&self, stat: &Statx, path: Vec<u8>) -> Entry {
        let kind = kind(stat);
        let mut facts = bare_facts("tree", CaseRule::Sensitive, node(stat), kind);
        facts.names.push(RawName(path));
        facts.links = Some(stat.stx_nlink.into());
        facts.size = stated(stat.stx_size).filter(|_| kind.has_content());
        facts.allocated = stated(stat.stx_blocks.saturating_mul(512));
        facts.times = times(stat);
        facts.uid = Some(stat.stx_uid.into());
        facts.gid = Some(stat.stx_gid.into());
        facts.mode = Some((stat.stx_mode & 0o7777).into());
        Entry { locator: locator(stat), facts, node: NodeId::new(stat.stx_ino) }
    }

    /// Adds the extended attributes of an opened item. An item that cannot be opened has none on record, and an issue.
    fn with_attributes(&mut self, mut entry: Entry, handle: Option<Handle>) -> ControlFlow<(), Entry> {
        let result = match handle {
            None => return ControlFlow::Continue(entry),
            Some(handle) => handle.and_then(|handle| attributes(&handle)),
        };
        match result {
            Ok(found) => entry.facts.attributes = found,
            Err(Errno::NOTSUP) => {} // the file system has none
            Err(error) => {
                let place = entry.locator.clone();
                self.issue(Some(&place), format!("extended attributes could not be read: {error}"))?;
            }
        }
        ControlFlow::Continue(entry)
    }

    fn item(&mut self, entry: Entry) -> ControlFlow<()> {
        self.report.items = self.report.items.saturating_add(1);
        (self.visit)(WalkEvent::Item(entry))
    }

    fn issue(&mut self, locator: Option<&str>, what: String) -> ControlFlow<()> {
        self.report.issues = self.report.issues.saturating_add(1);
        (self.visit)(WalkEvent::Issue(Issue { locator: locator.map(str::to_owned), what }))
    }
}

type Handle = Result<OwnedFd, Errno>;

/// Opens `name` if it is still the item that `stat` describes.
fn open_same(parent: &OwnedFd, name: &[u8], flags: rustix::fs::OFlags, stat: &Statx) -> Handle {
    let handle = open_beneath(parent, OsStr::from_bytes(name), flags)?;
    let opened = stat_fd(&handle)?;
    let same = key(&opened) == key(stat) && kind(&opened) == kind(stat) && same_mount(&opened, stat);
    if same { Ok(handle) } else { Err(Errno::STALE) }
}

/// The names in an open directory, bytewise; and what ended the reading early.
fn names(directory: &OwnedFd, limit: usize) -> Result<(Vec<Vec<u8>>, Option<Errno>), Errno> {
    let mut names = Vec::new();
    let mut complaint = None;
    for entry in Dir::read_from(directory)? {
        match entry {
            Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
            Ok(_) if names.len() >= limit => {
                complaint = Some(Errno::OVERFLOW);
                break;
            }
            Ok(entry) => names.push(entry.file_name().to_bytes().to_vec()),
            Err(error) => {
                complaint = Some(error);
                break;
            }
        }
    }
    names.sort();
    names.dedup();
    Ok((names, complaint))
}

fn attributes(handle: &OwnedFd) -> Result<Vec<Attribute>, Errno> {
    if flistxattr_query(handle)? == 0 {
        return Ok(Vec::new()); // nearly always, and not worth two buffers
    }
    let mut buf = vec![0; MAX_ATTRIBUTE_NAMES];
    let count = flistxattr(handle, buf.as_mut_slice())?;
    let list = buf.get(..count).unwrap_or_default();
    let mut attributes = Vec::new();
    for name in list.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; MAX_ATTRIBUTE];
        let size = fgetxattr(handle, name, value.as_mut_slice())?;
        value.truncate(size.min(Attribute::MAX_VALUE));
        attributes.push(Attribute { name: RawName(name.to_vec()), size: size as u64, value: RawName(value) });
    }
    attributes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(attributes)
}

/// Directories kept open: the deepest this many, and every this-many-th above them. With [`MAX_DEPTH`] that is at most
/// 128 handles, well below the usual limit of 1,024; opening one again takes at most 63 opens.
const KEPT_OPEN: usize = 64;
/// Deepest nesting walked. Paths of the system end at about 2,048; a tree made step by step could nest for ever.
const MAX_DEPTH: usize = 4096;
/// Names held at once, over all directories on the way down: about 1 GiB of short names.
const MAX_WAITING: usize = 1 << 24;
/// Linux's own limits: 64 KiB of names, 64 KiB a value.
const MAX_ATTRIBUTE_NAMES: usize = 1 << 16;
const MAX_ATTRIBUTE: usize = 1 << 16;
