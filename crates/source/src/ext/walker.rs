//! The walk: every item once, depth first, names in bytewise order.
//!
//! The walker, not the file system, keeps the record of what was visited: a
//! directory that contains itself ends here as an issue. Which items wait for
//! further names is counted before, from the directories (`descent`).

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use scope::RawName;
use scope::facts::{CaseRule, Facts, Kind};

use crate::ext::content::read_small;
use crate::ext::descent::{Closed, Descent, several_names};
use crate::ext::dir::Link;
use crate::ext::inode::Inode;
use crate::ext::volume::Volume;
use crate::ext::xattr;
use crate::walk::{Entry, Issue, NodeId, SourceError, WalkEvent, WalkReport, stated};

type Visit<'a> = &'a mut dyn FnMut(WalkEvent) -> ControlFlow<()>;

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
        several: several_names(volume, &root, closed),
        linked: BTreeMap::new(),
        descent: Descent::default(),
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
    /// Inodes to which several names lead, whatever they count.
    several: HashSet<u32>,
    /// Items with several names or links, which wait for all their names.
    linked: BTreeMap<u32, (Entry, u64)>,
    descent: Descent,
    /// Inodes that hold values of extended attributes.
    value_inodes: HashSet<u32>,
}

impl Walker<'_> {
    fn run(&mut self, root: &Inode) -> ControlFlow<()> {
        self.seen.insert(ROOT);
        self.report.names = 1;
        let entry = self.entry(root, Some(b"/".to_vec()))?;
        self.item(entry)?;
        self.enter(root, Some(Vec::new()))?;
        while let Some((link, path)) = self.descent.next() {
            self.link(&link, path)?;
        }
        for (_, (mut entry, found)) in std::mem::take(&mut self.linked) {
            if let Some(what) = crate::walk::names_left_out(&mut entry.facts, found) {
                self.issue(Some(&entry.locator), what)?;
            }
            if let Some(counted) = entry.facts.links.filter(|counted| *counted != found) {
                let wrong = if found > counted { "; its link count is wrong" } else { "" };
                self.issue(
                    Some(&entry.locator),
                    format!("{found} names were found of the {counted} that the inode counts{wrong}"),
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
                "a further name of an item that was walked before; that name is not recorded".into(),
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
        if unnamed && !self.descent.is_nameless() {
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
        self.item_or_wait(link.inode, entry)
    }

    /// Yields an item that is not a directory, or has it wait for its other names.
    fn item_or_wait(&mut self, number: u32, entry: Entry) -> ControlFlow<()> {
        if entry.facts.links.is_some_and(|links| links > 1) || self.several.contains(&number) {
            self.linked.insert(number, (entry, 1));
            return ControlFlow::Continue(());
        }
        self.item(entry)
    }

    fn enter(&mut self, inode: &Inode, path: Option<Vec<u8>>) -> ControlFlow<()> {
        let place = locator(self.name, inode.number, Some(inode.generation));
        for what in self.descent.enter(self.volume, inode, path) {
            self.issue(Some(&place), what)?;
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
        facts.size = inode.sound_size(&self.volume.sb).filter(|_| kind.has_content());
        if kind.has_content() && facts.size.is_none() {
            self.issue(
                Some(&place),
                "the inode states a larger size than a file can have; no size is recorded, and the content cannot be read".into(),
            )?;
        }
        facts.allocated = stated(inode.allocated);
        if facts.allocated.is_none() {
            self.issue(
                Some(&place),
                "the inode counts more blocks than a record can state; no allocated size is recorded".into(),
            )?;
        }
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
        self.item_or_wait(number, Entry { locator: place, facts, node: NodeId::new(number.into()) })
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
    if let Some(path) = path {
        crate::walk::add_name(facts, path);
    }
}

const ROOT: u32 = 2;
/// Longest link target: Linux writes at most one block, and PATH_MAX is 4096.
const MAX_TARGET: u64 = 1 << 16;
