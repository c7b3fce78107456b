//! What the walker asks of an ISO 9660 volume: nodes, directories, coverage, content.
//!
//! A directory's node is its first block, so that a directory which contains itself is met again; the node of all else is
//! the position of its record, since empty files share an extent.

use std::collections::BTreeMap;
use std::sync::Arc;

use scope::RawName;
use scope::facts::{Attribute, CaseRule, Facts, Kind, Stamp, TimeKind, Zone};

use crate::bytes::length;
use crate::exact::{EvidenceStream, Exact};
use crate::iso::content::{Extent, ExtentReader};
use crate::iso::descriptor::SECTOR;
use crate::iso::record::Record;
use crate::iso::rock::Rock;
use crate::iso::time;
use crate::iso::volume::{Names, Volume, lock};
use crate::walk::{Entry, NodeId, SourceError, Unused, stated};
use crate::walker::{self, Link, Listing, Node, Seen};

/// A volume, with the name under which facts and locators call it.
pub(crate) struct Nodes {
    volume: Arc<Volume>,
    name: String,
    case_rule: CaseRule,
}

/// Bytes that ISO 9660 leaves to whoever starts a computer from the disc.
const SYSTEM_AREA: u64 = 32 << 10;

/// The second number of a node that is a position, not a directory's first block.
const POSITION: u64 = 1;

/// What the records of an item say.
struct Item {
    record: Record,
    rock: Rock,
    kind: Kind,
    extents: Vec<Extent>,
    size: Option<u64>,
    /// Why the content cannot be read.
    refused: Option<String>,
    issues: Vec<String>,
}

impl Nodes {
    /// The nodes of `volume`, which facts call `name`.
    pub(crate) fn new(volume: Arc<Volume>, name: String, case_rule: CaseRule) -> Self {
        Self { volume, name, case_rule }
    }

    fn root_id(&self) -> NodeId {
        NodeId::new(self.volume.tree.root.start)
    }

    /// Position of the record of `id`; `None` for the root directory.
    fn position(&self, id: NodeId) -> Result<Option<u64>, SourceError> {
        if id == self.root_id() {
            return Ok(None);
        }
        let position = match id.part() {
            POSITION => Some(id.number()),
            _ => self.volume.directory(id.number()),
        };
        position.map(Some).ok_or_else(|| SourceError::NoContent("an item of which no walk has told".into()))
    }

    fn facts(&self, node: &str, kind: Kind) -> Facts {
        crate::walk::bare_facts(&self.name, self.case_rule, node.to_owned(), kind)
    }

    fn locator(&self, node: &str) -> String {
        format!("{}/{node}", self.name)
    }

    /// Reads the item at `position`, or the root directory.
    fn item(&self, position: Option<u64>) -> Result<Item, SourceError> {
        let volume = &self.volume;
        let mut issues = Vec::new();
        let record = match position {
            Some(position) => volume.record(position)?,
            None => volume.tree.root.clone(),
        };
        let mut rock = match position {
            Some(_) => volume.rock(&record, false),
            None => self.own_entries(record.start, true, &mut issues),
        };
        let mut kind = if record.is_directory() { Kind::Directory } else { Kind::File };
        if let Some(child) = rock.child.filter(|_| kind == Kind::File) {
            // The place of a directory that was moved: what it is stands in its own record of itself.
            kind = Kind::Directory;
            rock = self.own_entries(child.into(), false, &mut issues);
        }
        if let Some(mode) = rock.mode {
            kind = kind_of(mode, kind, &mut issues);
        } else if matches!(volume.names, Names::Rock { .. }) {
            issues.push("it has no mode and owner (PX), as Rock Ridge demands".into());
        }
        let mut item = Item { record, rock, kind, extents: Vec::new(), size: None, refused: None, issues };
        self.content_of(position.unwrap_or(0), &mut item);
        Ok(item)
    }

    /// The entries of the record that the directory at block `start` has of itself.
    fn own_entries(&self, start: u64, is_root: bool, issues: &mut Vec<String>) -> Rock {
        if !matches!(self.volume.names, Names::Rock { .. }) {
            return Rock::default();
        }
        match self.volume.record(self.volume.offset(start)) {
            Ok(own) => self.volume.rock(&own, is_root),
            Err(error) => {
                issues.push(format!("the directory's record of itself could not be read: {error}"));
                Rock::default()
            }
        }
    }

    /// Finds where the content stands, and whether it can be read.
    fn content_of(&self, position: u64, item: &mut Item) {
        let volume = &self.volume;
        let record = &item.record;
        if !record.differs.is_empty() {
            item.issues.push(format!(
                "the two forms of its {} differ; the little-endian one is used",
                record.differs.join(" and ")
            ));
        }
        if record.before > 0 {
            item.issues.push(format!(
                "an extended attribute record of {} bytes stands before the content; it is no part of it, and not read",
                volume.offset(record.before.into())
            ));
        }
        if record.is_associated() {
            item.issues
                .push("an associated file: a companion of another one, such as its resource fork".into());
        }
        if item.kind == Kind::Directory {
            if record.has_more() {
                item.issues.push("a directory in several extents; only the first is read".into());
            }
            item.extents.push(Extent { offset: volume.offset(record.start), length: record.size.into() });
            return;
        }
        if !item.kind.has_content() {
            if record.size != 0 {
                item.issues.push(format!(
                    "{} bytes belong to an item that has no content; they are not read",
                    record.size
                ));
            }
            return;
        }
        match volume.extents(position, record) {
            Ok(extents) => item.extents = extents,
            Err(error) => item.refused = Some(error.to_string()),
        }
        let sum = item.extents.iter().fold(0_u64, |sum, extent| sum.saturating_add(extent.length));
        item.size = Some(sum).filter(|_| item.refused.is_none()).and_then(stated);
        if record.interleaved {
            item.refused = Some("the content is interleaved with that of another file".into());
        }
        if record.sequence != volume.tree.sequence {
            item.refused = Some(format!(
                "the content stands on disc {} of a set, of which this is disc {}",
                record.sequence, volume.tree.sequence
            ));
        }
        if let Some((form, size)) = item.rock.form {
            item.refused = Some(format!("the content is {form}, a form that is not read"));
            item.size = size.and_then(stated);
        }
        let outside = |extent: &&Extent| {
            extent.length != 0 && extent.offset.saturating_add(extent.length) > volume.bytes.len()
        };
        if let Some(extent) = item.extents.iter().find(outside) {
            item.issues.push(format!(
                "its content is to end at {}; the image has {} bytes",
                extent.offset.saturating_add(extent.length),
                volume.bytes.len()
            ));
        }
        if let Some(why) = &item.refused {
            item.issues.push(format!("the content cannot be read: {why}"));
        }
    }

    /// First block and size of the directory that `id` is.
    fn extent(&self, id: NodeId) -> Result<(u64, u64), SourceError> {
        let record = match self.position(id)? {
            None => self.volume.tree.root.clone(),
            Some(position) => self.volume.record(position)?,
        };
        if record.is_directory() {
            return Ok((record.start, record.size.into()));
        }
        // A moved directory: its own record of itself has its size.
        let own = self.volume.record(self.volume.offset(id.number()))?;
        if !own.is_dots() || own.start != id.number() {
            return Err(SourceError::Corrupt("no directory stands where a moved one should".into()));
        }
        Ok((own.start, own.size.into()))
    }

    /// The name of a record and its node; `None` for a directory whose place is elsewhere. A name that the medium did not give is counted
    /// in `lost`, and is empty.
    fn link(&self, position: u64, record: &Record, lost: &mut u64) -> Option<Link> {
        let at = NodeId::with_part(position, POSITION);
        let own = if record.is_directory() { NodeId::new(record.start) } else { at };
        let (name, node) = match self.volume.names {
            Names::Joliet => (record.joliet_name(), own),
            Names::Plain => (record.plain_name(), own),
            Names::Rock { .. } => {
                let rock = self.volume.rock(record, false);
                if rock.moved && record.is_directory() {
                    lock(&self.volume.moved).insert(record.start);
                    return None;
                }
                let is_lost = rock.has_lost_name();
                *lost = lost.saturating_add(u64::from(is_lost));
                // Rules are about the name that people saw: the plain one would pass for it.
                let name = match rock.name {
                    _ if is_lost => Vec::new(),
                    Some(name) => name,
                    None => record.plain_name(),
                };
                match rock.child.filter(|_| !record.is_directory()) {
                    Some(child) => {
                        lock(&self.volume.placed).insert(child.into());
                        (name, NodeId::new(child.into()))
                    }
                    None => (name, own),
                }
            }
        };
        // Such a name leads nowhere in a path: the item is walked without it.
        let name = if matches!(name.as_slice(), b"." | b"..") { Vec::new() } else { name };
        Some(Link { name, node })
    }
}

impl walker::Volume for Nodes {
    fn unused(&self) -> Unused {
        let mut unused = Unused::default();
        unused.area(0, SYSTEM_AREA, "it lies before the volume descriptors");
        unused
    }

    fn root(&self) -> NodeId {
        self.root_id()
    }

    fn node(&self, id: NodeId) -> Result<Node, SourceError> {
        let position = self.position(id)?;
        let Item { record, rock, kind, extents, size, mut issues, .. } = self.item(position)?;
        let node_name = node_name(position);
        let mut facts = self.facts(&node_name, kind);
        facts.size = size;
        let block = self.volume.tree.block;
        let blocks = |sum: u64, extent: &Extent| sum.saturating_add(extent.length.div_ceil(block));
        facts.allocated = stated(extents.iter().fold(0, blocks).saturating_mul(block));
        facts.mode = rock.mode.map(|mode| u64::from(mode & 0o7777));
        facts.links = rock.links.map(u64::from);
        facts.uid = rock.uid.map(u64::from);
        facts.gid = rock.gid.map(u64::from);
        facts.times = rock.times;
        if !facts.times.iter().any(|stamp| stamp.of == TimeKind::Modified) {
            match time::short(&record.time) {
                Ok(Some(ns)) => facts.times.push(Stamp {
                    of: TimeKind::Modified,
                    from: "dir-entry".into(),
                    ns,
                    zone: Zone::Recorded,
                }),
                Ok(None) => {}
                Err(time::Odd) => issues.push("a time that is in no calendar is not recorded".into()),
            }
        }
        if kind == Kind::Symlink {
            match rock.target {
                Some(target) => facts.link_target = Some(RawName(target)),
                None => issues.push("the link has no target that can be read".into()),
            }
        }
        facts.attributes.extend(letters(&record));
        issues.extend(rock.issues);
        let locator = self.locator(&node_name);
        Ok(Node { locator, facts, issues, streams: Vec::new(), uses: Vec::new() })
    }

    fn unreadable(&self, id: NodeId) -> (String, Facts) {
        let name = self.position(id).map_or_else(|_| "record:-".to_owned(), node_name);
        (self.locator(&name), self.facts(&name, Kind::Other))
    }

    fn list(&self, id: NodeId, limit: usize) -> Listing {
        let mut listing = Listing::default();
        let (start, size) = match self.extent(id) {
            Ok(extent) => extent,
            Err(error) => {
                listing.issues.push(format!("the directory could not be read: {error}"));
                return listing;
            }
        };
        let mut directories: BTreeMap<u64, (Vec<u8>, u64)> = BTreeMap::new();
        let (mut number, mut strays, mut unfinished) = (0_u64, 0_u64, 0_u64);
        let mut before: Option<Vec<u8>> = None;
        let mut lost = 0_u64;
        let issues = self.volume.records(start, size, &mut |position, record| {
            number = number.saturating_add(1);
            if record.is_dots() {
                strays = strays.saturating_add(u64::from(number > 2));
                return;
            }
            let goes_on = before.take();
            let is_part = goes_on.as_ref() == Some(&record.identifier);
            unfinished = unfinished.saturating_add(u64::from(goes_on.is_some() && !is_part));
            if record.has_more() && !record.is_directory() {
                before = Some(record.identifier.clone());
            }
            if is_part || listing.links.len() > limit {
                return;
            }
            let Some(link) = self.link(position, &record, &mut lost) else { return };
            if link.node.part() != POSITION {
                // INVARIANT: of several names for one directory, the walker takes the first of the listing that was read last.
                let known =
                    directories.entry(link.node.number()).or_insert_with(|| (link.name.clone(), position));
                if link.name < known.0 {
                    *known = (link.name.clone(), position);
                }
            }
            listing.links.push(link);
        });
        for (start, (_, position)) in directories {
            self.volume.note_directory(start, position);
        }
        listing.issues = issues;
        if number < 2 {
            listing.issues.push("a directory without records of itself and of the one above".into());
        }
        if strays != 0 {
            listing.issues.push(format!(
                "{strays} records of a directory are those of a directory itself, in the wrong place; they are not items"
            ));
        }
        if lost != 0 {
            listing.issues.push(format!(
                "of {lost} items the Rock Ridge name could not be read; they are walked without a name"
            ));
        }
        if unfinished != 0 || before.is_some() {
            listing.issues.push("the last extent of a file is missing from a directory".into());
        }
        listing
    }

    fn has_hard_links(&self) -> bool {
        false
    }

    /// Compares the directories that were walked with those of the path table.
    fn coverage(&self, seen: &Seen) -> Vec<(String, u64, u64)> {
        let walked = length(seen.named.iter().filter(|id| id.part() != POSITION).count());
        let mut lines = Vec::new();
        match self.volume.path_table() {
            Some(count) => lines.push(("directories in the path table".to_owned(), walked, count)),
            None => lines.push(("directories in the path table, which cannot be read".to_owned(), walked, 0)),
        }
        let moved = lock(&self.volume.moved);
        if !moved.is_empty() {
            let placed = lock(&self.volume.placed);
            let found = length(moved.intersection(&placed).count());
            lines.push((
                "directories that were moved, at their place".to_owned(),
                found,
                length(moved.len()),
            ));
        }
        lines
    }

    fn content(self: Arc<Self>, entry: &Entry) -> Result<Box<dyn EvidenceStream>, SourceError> {
        let no_file = || SourceError::NoContent("not a file".into());
        let position = Some(entry.node).filter(|id| id.part() == POSITION).ok_or_else(no_file)?.number();
        let item = self.item(Some(position))?;
        if item.kind != Kind::File {
            return Err(no_file());
        }
        if self.locator(&node_name(Some(position))) != entry.locator || entry.facts.size != item.size {
            return Err(SourceError::Changed("the record belongs to another item".into()));
        }
        if let Some(why) = item.refused {
            return Err(SourceError::NoContent(why));
        }
        let size = item.size.ok_or_else(|| SourceError::NoContent("its size cannot be stated".into()))?;
        Ok(Box::new(Exact::new(ExtentReader::new(Arc::clone(&self.volume.bytes), item.extents), size)))
    }
}

/// The kind that a mode states, where the record agrees whether it is a directory.
fn kind_of(mode: u32, record: Kind, issues: &mut Vec<String>) -> Kind {
    let kind = match mode & 0o170_000 {
        0o100_000 => Kind::File,
        0o040_000 => Kind::Directory,
        0o120_000 => Kind::Symlink,
        0o010_000 => Kind::Fifo,
        0o140_000 => Kind::Socket,
        0o020_000 => Kind::CharDevice,
        0o060_000 => Kind::BlockDevice,
        _ => Kind::Other,
    };
    if (kind == Kind::Directory) != (record == Kind::Directory) {
        issues.push("its mode and its directory record do not agree whether it is a directory; the record is believed".into());
        return record;
    }
    if kind == Kind::Other {
        issues.push("its mode states a kind that is not known".into());
    }
    kind
}

/// The flags that are set, as letters: H hidden, A associated.
fn letters(record: &Record) -> Option<Attribute> {
    let set = [(record.is_hidden(), b'H'), (record.is_associated(), b'A')];
    let letters: Vec<u8> = set.into_iter().filter(|(set, _)| *set).map(|(_, letter)| letter).collect();
    (!letters.is_empty()).then(|| Attribute {
        name: RawName(b"iso.flags".to_vec()),
        size: length(letters.len()),
        value: RawName(letters),
    })
}

/// What the item at `position` is called: `record:28:136`, or `root`.
fn node_name(position: Option<u64>) -> String {
    let Some(position) = position else { return "root".to_owned() };
    let sector = length(SECTOR);
    format!("record:{}:{}", position / sector, position % sector)
}
