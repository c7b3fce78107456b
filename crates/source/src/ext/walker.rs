//! The walk: every item once, depth first, names in bytewise order.
//!
//! The walker, not the file system, keeps the record of what was visited: a
//! directory that contains itself ends here as an issue.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::vec::IntoIter;

use scope::RawName;
use scope::facts::{CaseRule, Facts, Kind};

use crate::ext::content::read_small;
use crate::ext::dir::{Link, Listing, list};
use crate::ext::inode::Inode;
use crate::ext::volume::Volume;
use crate::ext::xattr;
use crate::walk::{Entry, Issue, NodeId, SourceError, WalkEvent, WalkReport};

type Visit<'a> = &'a mut dyn FnMut(WalkEvent) -> ControlFlow<()>;

/// Whether a directory is not entered, by its path.
type Closed<'a> = &'a dyn Fn(&RawName) -> bool;

/// Walks `volume` from its root.
///
/// # Errors
///
/// [`SourceError`] where the root directory cannot be read.
pub(crate) fn walk(
    volume: &Arc<Volume>,
    name: &str,
    closed: Closed,
    visit: Visit,
) -> Result<WalkReport, SourceError> {
    let root = volume.inode(ROOT)?;
    if root.kind() != Kind::Directory {
        return Err(SourceError::Corrupt("the root is not a directory".into()));
    }
    let mut walker = Walker {
        volume,
        name,
        closed,
        visit,
        report: WalkReport::default(),
        seen: HashSet::new(),
        linked: BTreeMap::new(),
        levels: Vec::new(),
        path: Vec::new(),
        waiting: 0,
        value_inodes: HashSet::new(),
    };
    if walker.run(&root).is_continue() {
        walker.report.complete = true;
    }
    walker.cover();
    Ok(walker.report)
}

/// Where the item `inode` is. A generation that cannot be read is `-`.
pub(crate) fn locator(volume: &str, inode: u32, generation: Option<u32>) -> String {
    match generation {
        Some(generation) => format!("{volume}/inode:{inode}:{generation}"),
        None => format!("{volume}/inode:{inode}:-"),
    }
}

struct Walker<'a> {
    volume: &'a Arc<Volume>,
    name: &'a str,
    closed: Closed<'a>,
    visit: Visit<'a>,
    report: WalkReport,
    /// Inodes already met.
    seen: HashSet<u32>,
    /// Items with several links, which wait for all their names.
    linked: BTreeMap<u32, (Entry, u64)>,
    levels: Vec<Level>,
    /// The path of the deepest directory, without a slash at the end. One for all levels: a path of its own for each
    /// would grow with the square of the depth.
    path: Vec<u8>,
    /// Names read from directories and not yet walked.
    waiting: usize,
    /// Inodes that hold values of extended attributes.
    value_inodes: HashSet<u32>,
}

/// A directory being walked. An explicit stack: nesting on the medium never becomes nesting of calls.
struct Level {
    /// How much of [`Walker::path`] is this directory's; `None` where its path is not known.
    path: Option<usize>,
    /// Whether its names are encrypted.
    encrypted: bool,
    links: IntoIter<Link>,
}

impl Walker<'_> {
    fn run(&mut self, root: &Inode) -> ControlFlow<()> {
        self.seen.insert(ROOT);
        self.report.names = 1;
        let entry = self.entry(root, Some(b"/".to_vec()))?;
        self.item(entry)?;
        self.enter(root, Some(Vec::new()))?;
        while let Some(level) = self.levels.last_mut() {
            let Some(link) = level.links.next() else {
                self.levels.pop();
                continue;
            };
            self.waiting = self.waiting.saturating_sub(1);
            let parent = level.path.filter(|_| !level.encrypted && is_name(&link.name));
            let path = parent.map(|length| {
                self.path.truncate(length);
                let mut path = self.path.clone();
                path.push(b'/');
                path.extend(&link.name);
                path
            });
            self.link(&link, path)?;
        }
        for (_, (entry, found)) in std::mem::take(&mut self.linked) {
            let counted = entry.facts.links.unwrap_or(0);
            if found != counted {
                self.issue(
                    Some(&entry.locator),
                    format!("{found} names were found of the {counted} that the inode counts"),
                )?;
            }
            self.item(entry)?;
        }
        ControlFlow::Continue(())
    }

    fn link(&mut self, link: &Link, path: Option<Vec<u8>>) -> ControlFlow<()> {
        self.report.names = self.report.names.saturating_add(1);
        if let Some((entry, found)) = self.linked.get_mut(&link.inode) {
            *found = found.saturating_add(1);
            add_name(&mut entry.facts, path);
            return ControlFlow::Continue(());
        }
        if !self.seen.insert(link.inode) {
            let locator = locator(
                self.name,
                link.inode,
                self.volume.inode(link.inode).ok().map(|inode| inode.generation),
            );
            return self.issue(
                Some(&locator),
                "a further name of an item that counts one link; that name is not recorded".into(),
            );
        }
        let inode = match self.volume.inode(link.inode) {
            Ok(inode) if inode.mode != 0 => inode,
            Ok(_) => return self.unreadable(link.inode, path, "a name leads to an inode that is not in use"),
            Err(error) => {
                return self.unreadable(link.inode, path, &format!("the inode could not be read: {error}"));
            }
        };
        let unnamed = path.is_none();
        let entry = self.entry(&inode, path.clone())?;
        if unnamed && !self.levels.last().is_some_and(|level| level.encrypted || level.path.is_none()) {
            self.issue(
                Some(&entry.locator),
                "a name that no path can hold (empty, or with a slash or a zero byte)".into(),
            )?;
        }
        if inode.kind() == Kind::Directory {
            self.item(entry)?;
            return match path.map(RawName) {
                Some(path) if (self.closed)(&path) => ControlFlow::Continue(()),
                path => self.enter(&inode, path.map(|path| path.0)),
            };
        }
        if inode.links > 1 {
            self.linked.insert(inode.number, (entry, 1));
            return ControlFlow::Continue(());
        }
        self.item(entry)
    }

    fn enter(&mut self, inode: &Inode, path: Option<Vec<u8>>) -> ControlFlow<()> {
        let place = locator(self.name, inode.number, Some(inode.generation));
        if self.levels.len() >= MAX_DEPTH {
            return self.issue(Some(&place), format!("deeper than {MAX_DEPTH} directories; not entered"));
        }
        let Listing { links, issues } = list(self.volume, inode, MAX_WAITING.saturating_sub(self.waiting));
        for what in issues {
            self.issue(Some(&place), what)?;
        }
        let encrypted = inode.is_encrypted();
        if encrypted && !links.is_empty() {
            self.issue(
                Some(&place),
                "the names in this directory are encrypted; its items are walked without names".into(),
            )?;
        }
        self.waiting = self.waiting.saturating_add(links.len());
        self.levels.push(Level { path: path.as_ref().map(Vec::len), encrypted, links: links.into_iter() });
        if let Some(path) = path {
            self.path = path;
        }
        ControlFlow::Continue(())
    }

    /// An item's entry; damage beside the inode itself becomes issues.
    fn entry(&mut self, inode: &Inode, path: Option<Vec<u8>>) -> ControlFlow<(), Entry> {
        let place = locator(self.name, inode.number, Some(inode.generation));
        if !inode.checksum_fits {
            self.issue(Some(&place), "the inode's checksum does not fit its content".into())?;
        }
        let kind = inode.kind();
        let mut facts = self.facts(inode.number, Some(inode.generation), kind);
        add_name(&mut facts, path);
        facts.links = Some(inode.links.into());
        facts.size = kind.has_content().then_some(inode.size);
        facts.allocated = Some(inode.allocated);
        facts.times.clone_from(&inode.times);
        facts.uid = Some(inode.uid.into());
        facts.gid = Some(inode.gid.into());
        facts.mode = Some((inode.mode & 0o7777).into());
        match xattr::read(self.volume, inode) {
            Ok(found) => {
                facts.attributes = found.list;
                self.value_inodes.extend(found.value_inodes);
            }
            Err(error) => {
                self.issue(Some(&place), format!("extended attributes could not be read: {error}"))?
            }
        }
        if kind == Kind::Symlink {
            match self.target(inode) {
                Ok(target) => facts.link_target = Some(RawName(target)),
                Err(error) => {
                    self.issue(Some(&place), format!("the link's target could not be read: {error}"))?
                }
            }
        }
        if kind.has_content() && (inode.is_encrypted() || inode.is_compressed()) {
            let how = if inode.is_encrypted() { "encrypted (fscrypt)" } else { "compressed (e2compr)" };
            self.issue(Some(&place), format!("the content is {how} and cannot be read"))?;
        }
        ControlFlow::Continue(Entry { locator: place, facts, node: NodeId::new(inode.number.into()) })
    }

    fn target(&self, inode: &Inode) -> Result<Vec<u8>, SourceError> {
        if inode.is_encrypted() {
            return Err(SourceError::NoContent("encrypted (fscrypt)".into()));
        }
        if inode.is_fast_symlink() {
            let length = usize::try_from(inode.size).unwrap_or(0);
            return Ok(inode.blocks.get(..length).unwrap_or_default().to_vec());
        }
        read_small(self.volume, inode, MAX_TARGET)
    }

    /// An item of which only the name is known: on record all the same.
    fn unreadable(&mut self, number: u32, path: Option<Vec<u8>>, what: &str) -> ControlFlow<()> {
        let place = locator(self.name, number, None);
        self.issue(Some(&place), what.to_owned())?;
        let mut facts = self.facts(number, None, Kind::Other);
        add_name(&mut facts, path);
        self.item(Entry { locator: place, facts, node: NodeId::new(number.into()) })
    }

    fn facts(&self, number: u32, generation: Option<u32>, kind: Kind) -> Facts {
        let node = match generation {
            Some(generation) => format!("inode:{number}:{generation}"),
            None => format!("inode:{number}:-"),
        };
        crate::walk::bare_facts(self.name, CaseRule::Sensitive, node, kind)
    }

    fn item(&mut self, entry: Entry) -> ControlFlow<()> {
        self.report.items = self.report.items.saturating_add(1);
        (self.visit)(WalkEvent::Item(entry))
    }

    fn issue(&mut self, locator: Option<&str>, what: String) -> ControlFlow<()> {
        self.report.issues = self.report.issues.saturating_add(1);
        (self.visit)(WalkEvent::Issue(Issue { locator: locator.map(str::to_owned), what }))
    }

    /// Compares what was walked with the file system's own counters.
    fn cover(&mut self) {
        let first = self.volume.sb.first_inode;
        let items = self.seen.iter().filter(|inode| **inode >= first || **inode == ROOT).count();
        let values = self.value_inodes.difference(&self.seen).count();
        let walked = items.saturating_add(values) as u64;
        if let Ok(expected) = self.volume.inodes_in_use() {
            self.report.coverage.push(("inodes in use by the group descriptors".into(), walked, expected));
        }
        // Linux brings the superblock's counter up to date only when it unmounts.
        if !self.volume.sb.needs_recovery() {
            let expected = self.volume.inodes_in_use_by_superblock();
            self.report.coverage.push(("inodes in use by the superblock".into(), walked, expected));
        }
    }
}

fn add_name(facts: &mut Facts, path: Option<Vec<u8>>) {
    if let Some(path) = path.map(RawName)
        && let Err(at) = facts.names.binary_search(&path)
    {
        facts.names.insert(at, path);
    }
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && !name.contains(&b'/') && !name.contains(&0)
}

const ROOT: u32 = 2;
/// Deepest nesting walked. Linux cannot reach deeper than 2,048 in one path; hostile media could nest for ever.
const MAX_DEPTH: usize = 4096;
/// Names held at once, over all directories on the way down: about 1 GiB of short names.
const MAX_WAITING: usize = 1 << 24;
/// Longest link target: Linux writes at most one block, and PATH_MAX is 4096.
const MAX_TARGET: u64 = 1 << 16;
