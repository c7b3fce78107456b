//! What the walker asks of an XFS file system: nodes, directories, counters, content.

use std::sync::Arc;

use scope::RawName;
use scope::facts::{Attribute, CaseRule, Facts, Kind};

use crate::bytes::length;
use crate::exact::{EvidenceStream, Exact};
use crate::walk::{Entry, NodeId, SourceError, evenly, stated};
use crate::walker::{self, Listing, Node, Seen};
use crate::xfs::content::{FileReader, target};
use crate::xfs::dir::list;
use crate::xfs::groups::in_use;
use crate::xfs::inode::Inode;
use crate::xfs::volume::Volume;
use crate::xfs::xattr;

/// A volume, with the name under which facts and locators call it.
pub(crate) struct Nodes {
    pub(crate) volume: Arc<Volume>,
    pub(crate) name: String,
    pub(crate) case_rule: CaseRule,
    pub(crate) root: u64,
    /// Whether the superblock's counters are those of the last unmount.
    pub(crate) is_counted: bool,
}

impl Nodes {
    fn inode(&self, id: NodeId) -> Result<Inode, SourceError> {
        match self.volume.inode(id.number())? {
            inode if inode.mode != 0 => Ok(inode),
            _ => Err(SourceError::Corrupt("the inode is not in use".into())),
        }
    }

    /// Where the item `number` is. A generation that cannot be read is `-`.
    fn locator(&self, number: u64, generation: Option<u32>) -> String {
        format!("{}/{}", self.name, node_name(number, generation))
    }

    fn facts(&self, number: u64, generation: Option<u32>, kind: Kind) -> Facts {
        crate::walk::bare_facts(&self.name, self.case_rule, node_name(number, generation), kind)
    }
}

impl walker::Volume for Nodes {
    fn structures(&self) -> Vec<u64> {
        let sector = u64::from(self.volume.sb.sector_size);
        let of = |group| Some(self.volume.first_of(group)?.saturating_add(sector));
        let groups = evenly(self.volume.groups_there().into(), 32);
        // The header of its free space, and that of its inodes.
        groups.filter_map(of).flat_map(|at| [at, at.saturating_add(sector)]).collect()
    }

    fn root(&self) -> NodeId {
        NodeId::new(self.root)
    }

    fn node(&self, id: NodeId) -> Result<Node, SourceError> {
        let inode = self.inode(id)?;
        let kind = inode.kind();
        let mut issues = Vec::new();
        let mut say = |applies: bool, text: &str| {
            if applies {
                issues.push(text.to_owned());
            }
        };
        let mut facts = self.facts(id.number(), Some(inode.generation), kind);
        facts.links = Some(inode.links.into());
        facts.size = stated(inode.size).filter(|_| kind.has_content());
        facts.allocated = stated(inode.blocks.saturating_mul(self.volume.sb.block_size.into()));
        facts.times.clone_from(&inode.times);
        facts.uid = Some(inode.uid.into());
        facts.gid = Some(inode.gid.into());
        facts.mode = Some((inode.mode & 0o7777).into());
        say(!inode.checksum_fits, "the inode's checksum does not fit its content");
        say(
            kind.has_content() && facts.size.is_none(),
            "the inode states a larger size than a record can state; no size is recorded, and the content cannot be read",
        );
        say(
            facts.allocated.is_none(),
            "the inode counts more blocks than a record can state; no allocated size is recorded",
        );
        say(
            kind.has_content() && inode.is_realtime,
            "the content stands on the realtime device and cannot be read",
        );
        say(
            !inode.is_realtime && !inode.counts_its_blocks(),
            "the inode counts other blocks than its extents hold; the content of a file cannot be read",
        );
        if walker::has_no_content(kind) && inode.size > 0 {
            issues.push(walker::without_content(inode.size, facts.allocated.unwrap_or(0)));
        }
        match xattr::read(&self.volume, &inode) {
            Ok(found) => facts.attributes = found,
            Err(error) => issues.push(format!("extended attributes could not be read: {error}")),
        }
        if kind.has_content() && !inode.is_realtime {
            match inode.data.unwritten(&self.volume, facts.size.unwrap_or(0)) {
                Ok(Some(0)) => {}
                Ok(Some(bytes)) => {
                    facts.attributes.push(unwritten(bytes));
                    facts.attributes.sort_by(|a, b| a.name.cmp(&b.name));
                }
                Ok(None) => issues.push(
                    "its map, or the maps before it, have too many blocks to tell how much of the file was never written".into(),
                ),
                Err(error) => issues
                    .push(format!("its map does not tell how much of the file was never written: {error}")),
            }
        }
        if kind == Kind::Symlink {
            match target(&self.volume, &inode) {
                Ok(target) => facts.link_target = Some(RawName(target)),
                Err(error) => issues.push(format!("the link's target could not be read: {error}")),
            }
        }
        let locator = self.locator(id.number(), Some(inode.generation));
        Ok(Node { locator, facts, issues, streams: Vec::new(), uses: Vec::new() })
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

    /// Compares what was walked with the file system's own trees and counters.
    fn coverage(&self, seen: &Seen) -> Vec<(String, u64, u64)> {
        let walked = length(seen.named.len());
        let counted = in_use(&self.volume);
        let unread = match counted.unread {
            0 => String::new(),
            groups => format!("; {groups} groups could not be read whole"),
        };
        let mut coverage = vec![
            (format!("inodes in use by the trees of inodes{unread}"), walked, counted.by_trees),
            (format!("inodes in use by the groups' headers{unread}"), walked, counted.by_headers),
        ];
        // Linux brings the superblock's counters up to date only when it unmounts.
        if self.is_counted {
            let own = length(self.volume.sb.internal.len());
            let expected = self.volume.sb.inodes_in_use.saturating_sub(own);
            coverage.push(("inodes in use by the superblock".into(), walked, expected));
        }
        coverage
    }

    fn content(self: Arc<Self>, entry: &Entry) -> Result<Box<dyn EvidenceStream>, SourceError> {
        let inode = self.inode(entry.node)?;
        if inode.kind() != Kind::File {
            return Err(SourceError::NoContent("not a file".into()));
        }
        if self.locator(entry.node.number(), Some(inode.generation)) != entry.locator {
            return Err(SourceError::Changed("the inode belongs to another item".into()));
        }
        let declared = stated(inode.size).ok_or_else(|| {
            SourceError::Corrupt("the inode states a larger size than a record can state".into())
        })?;
        let reader = FileReader::new(Arc::clone(&self.volume), inode)?;
        Ok(Box::new(Exact::new(reader, declared)))
    }
}

/// The fact that bytes of a file stand in blocks that were never written: they read as zeros, whatever stands there.
fn unwritten(bytes: u64) -> Attribute {
    let value = bytes.to_string().into_bytes();
    Attribute { name: RawName::from("xfs.unwritten"), size: length(value.len()), value: RawName(value) }
}

fn node_name(number: u64, generation: Option<u32>) -> String {
    match generation {
        Some(generation) => format!("inode:{number}:{generation}"),
        None => format!("inode:{number}:-"),
    }
}
