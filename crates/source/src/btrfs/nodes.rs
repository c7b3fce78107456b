//! What the walker asks of a btrfs file system: nodes, directories, counters, content.

use std::sync::Arc;

use scope::RawName;
use scope::facts::{Attribute, CaseRule, Facts, Kind};

use crate::btrfs::content::{InodeReader, read_small};
use crate::btrfs::dir::list;
use crate::btrfs::entry::entries;
use crate::btrfs::inode::Inode;
use crate::btrfs::subvolumes::{self, FIRST, LAST, Subvolume, Subvolumes, TOP};
use crate::btrfs::superblock::corrupt;
use crate::btrfs::tree::{Key, Root, kind};
use crate::btrfs::volume::Volume;
use crate::exact::{EvidenceStream, Exact};
use crate::walk::{Entry, NodeId, SourceError, Unused, stated};
use crate::walker::{self, Listing, Node, Seen};

/// A volume and its subvolumes, with the name under which facts and locators call it.
pub(crate) struct Nodes {
    volume: Arc<Volume>,
    subvolumes: Subvolumes,
    name: String,
}

/// Where the first superblock stands.
const SUPERBLOCK: u64 = 64 << 10;

/// The place in `subvolume`, a snapshot, where `below` hung in what it is a snapshot of: an empty directory.
pub(crate) fn empty_place(below: u64, subvolume: u64) -> NodeId {
    NodeId::with_part(below, subvolume | PLACE)
}

impl Nodes {
    /// The nodes of `volume`, which facts call `name`.
    pub(crate) fn new(volume: Arc<Volume>, subvolumes: Subvolumes, name: String) -> Self {
        Self { volume, subvolumes, name }
    }

    fn root_of(&self, id: NodeId) -> Result<Root, SourceError> {
        Ok(self.subvolumes.get(id.part())?.root)
    }

    fn inode(&self, id: NodeId) -> Result<Inode, SourceError> {
        let key = Key::new(id.number(), kind::INODE, 0);
        let found = self.volume.find(self.root_of(id)?, key)?;
        found.and_then(|found| Inode::parse(found.data())).ok_or_else(no_inode)
    }

    /// The inode, and its extended attributes, which follow it in the tree.
    fn inode_and_attributes(
        &self,
        id: NodeId,
        issues: &mut Vec<String>,
    ) -> Result<(Inode, Vec<Attribute>), SourceError> {
        let mut items = self.volume.items(self.root_of(id)?, Key::new(id.number(), kind::INODE, 0));
        let first = items.next().transpose()?;
        let first = first.filter(|found| (found.key.object, found.key.kind) == (id.number(), kind::INODE));
        let inode = first.and_then(|found| Inode::parse(found.data())).ok_or_else(no_inode)?;
        let mut attributes = Vec::new();
        for found in items {
            let found = match found {
                Ok(found) => found,
                Err(error) => {
                    issues.push(format!("extended attributes could not be read: {error}"));
                    break;
                }
            };
            if found.key.object != id.number() || found.key.kind > kind::ATTRIBUTE {
                break;
            }
            if found.key.kind != kind::ATTRIBUTE {
                continue;
            }
            for entry in entries(found.data()) {
                let Some(entry) = entry else {
                    issues.push("an extended attribute contradicts itself".into());
                    continue;
                };
                attributes.push(attribute(entry.name, entry.value));
            }
            if attributes.len() > MAX_ATTRIBUTES {
                issues.push(format!(
                    "more than {MAX_ATTRIBUTES} extended attributes; the others are not recorded"
                ));
                break;
            }
        }
        Ok((inode, attributes))
    }

    /// Where an item is. A generation that cannot be read is `-`.
    fn locator(&self, id: NodeId, generation: Option<u64>) -> String {
        format!("{}/{}", self.name, node_name(id, generation))
    }

    fn facts(&self, id: NodeId, generation: Option<u64>, kind: Kind) -> Facts {
        crate::walk::bare_facts(&self.name, CaseRule::Sensitive, node_name(id, generation), kind)
    }

    fn reader(&self, id: NodeId, inode: &Inode) -> Result<InodeReader, SourceError> {
        let volume = Arc::clone(&self.volume);
        InodeReader::new(volume, self.root_of(id)?, id.number(), inode, self.subvolumes.checksums)
    }

    /// Subvolumes that the walk entered, and inodes that it met, against a scan of all trees but those of snapshots that
    /// are kept read only.
    fn scan(&self, seen: &Seen) -> Counts {
        let mut counts = Counts::default();
        let entered = |number: &u64| !self.subvolumes.is_kept_state(*number);
        for (number, subvolume) in self.subvolumes.live().filter(|(number, _)| entered(number)) {
            counts.subvolumes = counts.subvolumes.saturating_add(1);
            let root = NodeId::with_part(FIRST, number);
            counts.entered = counts.entered.saturating_add(seen.named.contains(root).into());
            for found in self.volume.items(subvolume.root, Key::new(FIRST, kind::INODE, 0)) {
                let Ok(found) = found else {
                    counts.lost = counts.lost.saturating_add(1);
                    continue;
                };
                let is_inode = found.key.kind == kind::INODE && (FIRST..=LAST).contains(&found.key.object);
                if is_inode && Inode::parse(found.data()).is_some_and(|inode| inode.links > 0) {
                    counts.inodes = counts.inodes.saturating_add(1);
                    let id = NodeId::with_part(found.key.object, number);
                    counts.met = counts.met.saturating_add(seen.named.contains(id).into());
                }
            }
        }
        counts
    }
}

#[derive(Default)]
struct Counts {
    subvolumes: u64,
    entered: u64,
    inodes: u64,
    met: u64,
    /// Parts of trees that could not be read.
    lost: u64,
}

impl walker::Volume for Nodes {
    fn unused(&self) -> Unused {
        let mut unused = Unused::default();
        unused.area(0, SUPERBLOCK, "it lies before the superblock");
        unused
    }

    fn structures(&self) -> Vec<u64> {
        subvolumes::structures(&self.volume, 64)
    }

    fn root(&self) -> NodeId {
        NodeId::with_part(FIRST, TOP)
    }

    fn node(&self, id: NodeId) -> Result<Node, SourceError> {
        if is_place(id) {
            let facts = self.facts(id, None, Kind::Directory);
            let locator = self.locator(id, None);
            return Ok(Node { locator, facts, issues: Vec::new(), streams: Vec::new(), uses: Vec::new() });
        }
        let mut issues = Vec::new();
        let (inode, attributes) = self.inode_and_attributes(id, &mut issues)?;
        let kind = inode.kind();
        let mut facts = self.facts(id, Some(inode.generation), kind);
        facts.links = Some(inode.links.into());
        facts.size = stated(inode.size).filter(|_| kind.has_content());
        if kind.has_content() && facts.size.is_none() {
            issues.push("the inode states a larger size than a record can; no size is recorded, and the content cannot be read".into());
        }
        facts.allocated = stated(inode.allocated);
        if facts.allocated.is_none() {
            issues.push(
                "the inode counts more bytes than a record can state; no allocated size is recorded".into(),
            );
        }
        if walker::has_no_content(kind) && inode.size > 0 {
            issues.push(walker::without_content(inode.size, inode.allocated));
        }
        facts.times.clone_from(&inode.times);
        facts.uid = Some(inode.uid.into());
        facts.gid = Some(inode.gid.into());
        facts.mode = Some((inode.mode & 0o7777).into());
        if kind == Kind::File && !inode.has_checksums() {
            facts.attributes.push(attribute(b"btrfs.checksums", b"none"));
        }
        if id.number() == FIRST && id.part() != TOP {
            facts.attributes.push(attribute(b"btrfs.subvolume", describe(self.subvolumes.get(id.part())?)));
        }
        // An attribute of the medium's own cannot stand in the place of these.
        facts.attributes.extend(attributes);
        facts.attributes.sort_by(|a, b| a.name.cmp(&b.name));
        facts.attributes.dedup_by(|a, b| a.name == b.name);
        if kind == Kind::Symlink {
            match self.reader(id, &inode).and_then(|reader| read_small(reader, MAX_TARGET)) {
                Ok(target) => facts.link_target = Some(RawName(target)),
                Err(error) => issues.push(format!("the link's target could not be read: {error}")),
            }
        }
        let locator = self.locator(id, Some(inode.generation));
        Ok(Node { locator, facts, issues, streams: Vec::new(), uses: Vec::new() })
    }

    fn unreadable(&self, id: NodeId) -> (String, Facts) {
        let generation = self.inode(id).ok().map(|inode| inode.generation);
        (self.locator(id, generation), self.facts(id, generation, Kind::Other))
    }

    fn is_directory(&self, id: NodeId) -> bool {
        is_place(id) || self.inode(id).is_ok_and(|inode| inode.kind() == Kind::Directory)
    }

    fn list(&self, id: NodeId, limit: usize) -> Listing {
        // That there are snapshots which are not entered is told with the volume.
        if is_place(id) || id.number() == FIRST && self.subvolumes.is_kept_state(id.part()) {
            return Listing::default();
        }
        list(&self.volume, &self.subvolumes, id.part(), id.number(), limit)
    }

    fn coverage(&self, seen: &Seen) -> Vec<(String, u64, u64)> {
        let counts = self.scan(seen);
        let scan = match counts.lost {
            0 => "inodes with links, by a scan of all subvolumes' trees".to_owned(),
            lost => format!(
                "inodes with links, by a scan of all subvolumes' trees, of which {lost} parts cannot be read"
            ),
        };
        vec![
            (scan, counts.met, counts.inodes),
            ("subvolumes in the root tree".into(), counts.entered, counts.subvolumes),
        ]
    }

    fn content(self: Arc<Self>, entry: &Entry) -> Result<Box<dyn EvidenceStream>, SourceError> {
        let inode = self.inode(entry.node)?;
        if inode.kind() != Kind::File {
            return Err(SourceError::NoContent("not a file".into()));
        }
        if self.locator(entry.node, Some(inode.generation)) != entry.locator {
            return Err(SourceError::Changed("the inode belongs to another item".into()));
        }
        let declared =
            stated(inode.size).ok_or_else(|| corrupt("the inode states a larger size than a record can"))?;
        Ok(Box::new(Exact::new(self.reader(entry.node, &inode)?, declared)))
    }
}

fn is_place(id: NodeId) -> bool {
    id.part() & PLACE != 0
}

fn node_name(id: NodeId, generation: Option<u64>) -> String {
    let (subvolume, number) = (id.part() & !PLACE, id.number());
    match generation {
        _ if is_place(id) => format!("subvol:{subvolume}/place:{number}"),
        Some(generation) => format!("subvol:{subvolume}/inode:{number}:{generation}"),
        None => format!("subvol:{subvolume}/inode:{number}:-"),
    }
}

fn attribute(name: &[u8], value: &[u8]) -> Attribute {
    let kept = value.get(..value.len().min(Attribute::MAX_VALUE)).unwrap_or_default();
    Attribute {
        name: RawName(name.to_vec()),
        size: crate::bytes::length(value.len()),
        value: RawName(kept.to_vec()),
    }
}

fn describe(subvolume: &Subvolume) -> &'static [u8] {
    match (subvolume.is_snapshot, subvolume.is_read_only) {
        (true, true) => b"read-only snapshot",
        (true, false) => b"snapshot",
        (false, true) => b"read-only",
        (false, false) => b"writable",
    }
}

fn no_inode() -> SourceError {
    corrupt("the inode is not in its tree")
}

/// Marks, in a node's second number, the empty place of a subvolume. No subvolume's number reaches so far: the upper
/// sixteen bits belong to quota groups.
const PLACE: u64 = 1 << 63;
/// Longest link target: Linux writes at most one sector less a byte, and PATH_MAX is 4096.
const MAX_TARGET: u64 = 4096;
/// Attributes of one item kept: all that fit into 64 KiB, the most that Linux lists, are fewer.
const MAX_ATTRIBUTES: usize = 1 << 16;
