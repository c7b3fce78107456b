//! What the walker asks of an ext file system: nodes, directories, counters, content.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use scope::RawName;
use scope::facts::{CaseRule, Facts, Kind};

use crate::bytes::length;
use crate::exact::{EvidenceStream, Exact};
use crate::ext::content::{InodeReader, read_small};
use crate::ext::dir::list;
use crate::ext::inode::Inode;
use crate::ext::remnants::LastGroup;
use crate::ext::superblock::{LENGTH, OFFSET};
use crate::ext::volume::Volume;
use crate::ext::{journal, unwritten, xattr};
use crate::walk::{Entry, Issue, NodeId, SourceError, Unused, evenly, stated};
use crate::walker::{self, Asked, Listing, Node, Remnants, Seen};

/// A volume, with the name under which facts and locators call it.
pub(crate) struct Nodes {
    pub(crate) volume: Arc<Volume>,
    name: String,
    pub(crate) last_group: Mutex<LastGroup>,
}

impl Nodes {
    /// The nodes of `volume`, which facts call `name`.
    pub(crate) fn new(volume: Arc<Volume>, name: String) -> Self {
        Self { volume, name, last_group: Mutex::default() }
    }

    fn inode(&self, id: NodeId) -> Result<Inode, SourceError> {
        let number = u32::try_from(id.number())
            .map_err(|_| SourceError::NoContent("an inode number of another kind of file system".into()))?;
        match self.volume.inode(number)? {
            inode if inode.mode != 0 => Ok(inode),
            _ => Err(SourceError::Corrupt("the inode is not in use".into())),
        }
    }

    /// The volume as facts call it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The inode of a file, if it is the one that the walk saw.
    pub(crate) fn file(&self, entry: &Entry) -> Result<Inode, SourceError> {
        let inode = self.inode(entry.node)?;
        if inode.kind() != Kind::File {
            return Err(SourceError::NoContent("not a file".into()));
        }
        if self.locator(entry.node.number(), Some(inode.generation)) != entry.locator {
            return Err(SourceError::Changed("the inode belongs to another item".into()));
        }
        Ok(inode)
    }

    /// Where the item `number` is. A generation that cannot be read is `-`.
    fn locator(&self, number: u64, generation: Option<u32>) -> String {
        format!("{}/{}", self.name, node_name(number, generation))
    }

    fn facts(&self, number: u64, generation: Option<u32>, kind: Kind) -> Facts {
        crate::walk::bare_facts(&self.name, CaseRule::Sensitive, node_name(number, generation), kind)
    }

    fn target(&self, inode: &Inode) -> Result<Vec<u8>, SourceError> {
        if inode.is_encrypted() {
            return Err(SourceError::NoContent("encrypted (fscrypt)".into()));
        }
        if inode.is_fast_symlink() {
            let length = usize::try_from(inode.size).unwrap_or(0);
            return Ok(inode.blocks.get(..length).unwrap_or_default().to_vec());
        }
        read_small(&self.volume, inode, MAX_TARGET)
    }
}

impl walker::Volume for Nodes {
    fn unused(&self) -> Unused {
        let mut unused = Unused::default();
        unused.area(0, OFFSET, "it lies before the superblock");
        let end = OFFSET.saturating_add(length(LENGTH));
        unused.area(end, self.volume.sb.block_size.into(), "it lies behind the superblock");
        unused
    }

    fn structures(&self) -> Vec<u64> {
        let groups = evenly(self.volume.groups(), 32);
        groups.flat_map(|group| self.volume.structures_of(group)).collect()
    }

    fn root(&self) -> NodeId {
        NodeId::new(ROOT)
    }

    fn node(&self, id: NodeId) -> Result<Node, SourceError> {
        let inode = self.inode(id)?;
        let kind = inode.kind();
        let mut issues = Vec::new();
        if !inode.checksum_fits {
            issues.push("the inode's checksum does not fit its content".into());
        }
        let mut facts = self.facts(id.number(), Some(inode.generation), kind);
        facts.links = Some(inode.links.into());
        facts.size = inode.sound_size(&self.volume.sb).filter(|_| kind.has_content());
        if kind.has_content() && facts.size.is_none() {
            issues.push(
                "the inode states a larger size than a file can have; no size is recorded, and the content cannot be read".into(),
            );
        }
        facts.allocated = stated(inode.allocated);
        if facts.allocated.is_none() {
            issues.push(
                "the inode counts more blocks than a record can state; no allocated size is recorded".into(),
            );
        }
        let blocks = if inode.attribute_block == 0 { inode.allocated } else { 0 };
        if walker::has_no_content(kind) && (inode.size > 0 || blocks > 0 || inode.has_extents()) {
            issues.push(walker::without_content(inode.size, inode.allocated));
        }
        facts.times.clone_from(&inode.times);
        facts.uid = Some(inode.uid.into());
        facts.gid = Some(inode.gid.into());
        facts.mode = Some((inode.mode & 0o7777).into());
        let mut uses = Vec::new();
        let unwritten = unwritten::within(&self.volume, &inode, facts.size);
        match xattr::read(&self.volume, &inode) {
            Ok(found) => {
                facts.attributes = found.list;
                uses.extend(found.value_inodes.into_iter().map(|inode| NodeId::new(inode.into())));
            }
            Err(error) => issues.push(format!("extended attributes could not be read: {error}")),
        }
        match unwritten {
            Ok(Some(0)) => {}
            Ok(Some(bytes)) => {
                facts.attributes.push(unwritten::fact(bytes));
                facts.attributes.sort_by(|a, b| a.name.cmp(&b.name));
            }
            Ok(None) => issues
                .push("its map, or the maps before it, have too many blocks to tell how much of the file was never written".into()),
            Err(error) => issues
                .push(format!("its map does not tell how much of the file was never written: {error}")),
        }
        if kind == Kind::Symlink {
            match self.target(&inode) {
                Ok(target) => facts.link_target = Some(RawName(target)),
                Err(error) => issues.push(format!("the link's target could not be read: {error}")),
            }
        }
        if kind.has_content() && (inode.is_encrypted() || inode.is_compressed()) {
            let how = if inode.is_encrypted() { "encrypted (fscrypt)" } else { "compressed (e2compr)" };
            issues.push(format!("the content is {how} and cannot be read"));
        }
        let locator = self.locator(id.number(), Some(inode.generation));
        Ok(Node { locator, facts, issues, streams: Vec::new(), uses })
    }

    fn unreadable(&self, id: NodeId) -> (String, Facts) {
        let generation = self.inode(id).ok().map(|inode| inode.generation);
        (self.locator(id.number(), generation), self.facts(id.number(), generation, Kind::Other))
    }

    fn is_directory(&self, id: NodeId) -> bool {
        self.inode(id).is_ok_and(|inode| inode.kind() == Kind::Directory)
    }

    fn list(&self, id: NodeId, limit: usize) -> Listing {
        match self.inode(id) {
            Ok(inode) => list(&self.volume, &inode, limit),
            Err(error) => Listing {
                issues: vec![format!("the inode could not be read: {error}")],
                ..Listing::default()
            },
        }
    }

    /// Compares what was walked with the file system's own bitmaps and counters.
    fn coverage(&self, seen: &Seen) -> Vec<(String, u64, u64)> {
        self.inodes_covered(seen)
    }

    fn nameless(&self, seen: &Seen, each: &mut dyn FnMut(Entry) -> ControlFlow<()>) -> Vec<Issue> {
        self.each_nameless(seen, each)
    }

    fn account(&self, seen: &Seen, asked: Asked) -> Vec<String> {
        let mut limits = self.inodes_unmet(seen, asked);
        limits.extend(self.blocks_unowned(seen));
        limits.extend(journal::kept(&self.volume));
        limits
    }

    /// Inodes that are free and not blank: what they were, without a name, since nothing certain leads to them.
    fn deleted(&self, each: &mut dyn FnMut(Entry) -> ControlFlow<()>) -> Vec<String> {
        let mut issues = Vec::new();
        // Tables that overlap show the same bytes as ever more inodes.
        let mut left = self.volume.room_for_inodes().max(LEAST_LOOKS);
        for group in 0..self.volume.groups() {
            let free = match self.volume.free_inodes(group) {
                Ok(free) => free,
                Err(error) if issues.len() < MAX_ISSUES => {
                    issues.push(format!("deleted inodes of group {group} could not be looked for: {error}"));
                    continue;
                }
                Err(_) => continue,
            };
            for number in free {
                let Some(fewer) = left.checked_sub(1) else {
                    issues.push(
                        "more free inodes than there is room for; further ones are not looked for".into(),
                    );
                    return issues;
                };
                left = fewer;
                let Ok(inode) = self.volume.inode(number) else { continue };
                if inode.mode == 0 && inode.times.iter().all(|stamp| stamp.ns == 0) {
                    continue;
                }
                let mut facts = self.facts(number.into(), Some(inode.generation), Kind::Deleted);
                facts.size = inode.sound_size(&self.volume.sb).filter(|_| inode.kind().has_content());
                facts.times.clone_from(&inode.times);
                facts.uid = Some(inode.uid.into());
                facts.gid = Some(inode.gid.into());
                facts.mode = Some((inode.mode & 0o7777).into());
                let locator = self.locator(number.into(), Some(inode.generation));
                if each(Entry { locator, facts, node: NodeId::new(number.into()) }).is_break() {
                    return issues;
                }
            }
        }
        issues
    }

    fn remnants(&self) -> Option<&dyn Remnants> {
        Some(self)
    }

    fn content(self: Arc<Self>, entry: &Entry) -> Result<Box<dyn EvidenceStream>, SourceError> {
        let inode = self.file(entry)?;
        let declared = inode.sound_size(&self.volume.sb).ok_or_else(|| {
            SourceError::Corrupt("the inode states a larger size than a file can have".into())
        })?;
        let reader = InodeReader::new(Arc::clone(&self.volume), inode)?;
        Ok(Box::new(Exact::new(reader, declared)))
    }
}

fn node_name(number: u64, generation: Option<u32>) -> String {
    match generation {
        Some(generation) => format!("inode:{number}:{generation}"),
        None => format!("inode:{number}:-"),
    }
}

/// The root directory.
pub(super) const ROOT: u64 = 2;
/// Groups of which a damaged bitmap is told, one by one.
const MAX_ISSUES: usize = 100;
/// Free inodes that are looked at however short the image is: of one that was cut off, not all can be read.
const LEAST_LOOKS: u64 = 1 << 18;
/// Longest link target: Linux writes at most one block, and PATH_MAX is 4096.
const MAX_TARGET: u64 = 1 << 16;
