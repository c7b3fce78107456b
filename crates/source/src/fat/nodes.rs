//! What the walker asks of a FAT volume: nodes, directories, coverage, content.
//!
//! A directory's node is its first cluster, so that a directory which contains itself is met again; the node of all else is
//! the place of its entry.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use scope::facts::{CaseRule, Facts, Kind};

use crate::exact::{EvidenceStream, Exact};
use crate::fat::boot::corrupt;
use crate::fat::deleted;
use crate::fat::entry::{Short, Sort, fact};
use crate::fat::heap::RunReader;
use crate::fat::long::{self, Long};
use crate::fat::table::{Bits, Next};
use crate::fat::volume::{Piece, Place, SLOT, Volume};
use crate::walk::{Entry, NodeId, SourceError, Unused};
use crate::walker::{self, Link, Listing, Node, Remnants, Seen};

/// A volume, with the name under which facts and locators call it.
pub(crate) struct Nodes {
    pub(crate) volume: Arc<Volume>,
    name: String,
}

/// The second number of a node that is a place, not a directory's first cluster.
const PLACE: u64 = 1;

impl Nodes {
    /// The nodes of `volume`, which facts call `name`.
    pub(crate) fn new(volume: Arc<Volume>, name: String) -> Self {
        Self { volume, name }
    }

    /// The node of the entry at `place`.
    pub(crate) fn id(&self, place: Place, short: Short<'_>) -> NodeId {
        let first = short.first_cluster(self.volume.boot.width);
        if short.is_directory() && self.volume.heap.has(first) {
            return NodeId::new(first.into());
        }
        NodeId::with_part(place.number(), PLACE)
    }

    /// The first cluster of the directory that `id` is.
    fn directory(&self, id: NodeId) -> Option<u32> {
        u32::try_from(id.number()).ok().filter(|_| id.part() == 0)
    }

    /// Where the entry of `id` stands; `None` for the root directory.
    fn place(&self, id: NodeId) -> Result<Option<Place>, SourceError> {
        if id == self.root_id() {
            return Ok(None);
        }
        let place = match self.directory(id) {
            Some(first) => self.volume.directory(first),
            None => Some(id).filter(|id| id.part() == PLACE).and_then(|id| Place::of(id.number())),
        };
        place.map(Some).ok_or_else(|| SourceError::NoContent("an item of which no walk has told".into()))
    }

    pub(crate) fn root_id(&self) -> NodeId {
        NodeId::new(self.volume.boot.root_cluster.into())
    }

    /// The slot of the item at `place`.
    fn slot(&self, place: Place) -> Result<[u8; SLOT], SourceError> {
        let slot = self.volume.slot(place)?;
        match Short(&slot).sort() {
            Sort::Item => Ok(slot),
            _ => Err(corrupt("the entry is not in use")),
        }
    }

    pub(crate) fn facts(&self, node: &str, kind: Kind) -> Facts {
        crate::walk::bare_facts(&self.name, CaseRule::Insensitive, node.to_owned(), kind)
    }

    pub(crate) fn locator(&self, node: &str) -> String {
        format!("{}/{node}", self.name)
    }

    fn root_node(&self) -> Node {
        let mut facts = self.facts("root", Kind::Directory);
        let mut issues = Vec::new();
        match self.volume.boot.root_cluster {
            0 => facts.allocated = Some(u64::from(self.volume.boot.root_entries).saturating_mul(SLOT as u64)),
            first => facts.allocated = self.allocated(first, self.root_id(), &mut issues),
        }
        node(self.locator("root"), facts, issues)
    }

    /// The volume as facts call it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The first cluster and the size of a file, if it is the one that the walk saw.
    pub(crate) fn file(&self, entry: &Entry) -> Result<(u32, u64), SourceError> {
        let place = Some(entry.node).filter(|id| id.part() == PLACE).and_then(|id| Place::of(id.number()));
        let place = place.ok_or_else(|| SourceError::NoContent("not a file".into()))?;
        let slot = self.slot(place)?;
        let short = Short(&slot);
        if short.is_directory() {
            return Err(SourceError::NoContent("not a file".into()));
        }
        let size = u64::from(short.size());
        if self.locator(&node_name("entry", place)) != entry.locator || entry.facts.size != Some(size) {
            return Err(SourceError::Changed("the entry belongs to another item".into()));
        }
        Ok((short.first_cluster(self.volume.boot.width), size))
    }

    /// Bytes of the chain that begins at `first`, where it is sound.
    fn allocated(&self, first: u32, id: NodeId, issues: &mut Vec<String>) -> Option<u64> {
        if first == 0 {
            return Some(0);
        }
        if !self.volume.heap.has(first) {
            issues.push(format!("its first cluster, {first}, does not exist"));
            return None;
        }
        if !self.volume.is_owner(first, id) {
            issues.push("it begins at the same cluster as another item".into());
            return None;
        }
        let extent = self.volume.table.extent(first);
        match extent.wrong {
            None => Some(extent.clusters.saturating_mul(self.volume.heap.cluster)),
            Some(wrong) => {
                issues.push(wrong);
                None
            }
        }
    }
}

impl walker::Volume for Nodes {
    fn unused(&self) -> Unused {
        self.volume.boot.unused(self.volume.bytes.as_ref())
    }

    fn structures(&self) -> Vec<u64> {
        self.volume.boot.structures()
    }

    fn uses(&self, at: u64) -> Option<bool> {
        self.volume
            .heap
            .uses(at, |cluster| self.volume.table.next(cluster).ok().map(|next| next == Next::Free))
    }

    fn root(&self) -> NodeId {
        self.root_id()
    }

    fn node(&self, id: NodeId) -> Result<Node, SourceError> {
        let Some(place) = self.place(id)? else { return Ok(self.root_node()) };
        let slot = self.slot(place)?;
        let short = Short(&slot);
        let kind = if short.is_directory() { Kind::Directory } else { Kind::File };
        let node_name = node_name("entry", place);
        let mut facts = self.facts(&node_name, kind);
        let mut issues = Vec::new();
        let first = short.first_cluster(self.volume.boot.width);
        facts.allocated = self.allocated(first, id, &mut issues);
        if kind == Kind::File {
            facts.size = Some(short.size().into());
            let needed =
                self.volume.heap.needed(short.size().into()).saturating_mul(self.volume.heap.cluster);
            match facts.allocated {
                Some(allocated) if allocated < needed => issues.push(format!(
                    "its clusters hold {allocated} bytes of {}; the content cannot be read",
                    short.size()
                )),
                Some(allocated) if allocated > needed => issues.push(format!(
                    "{allocated} bytes are allocated, more than its {} bytes need",
                    short.size()
                )),
                _ => {}
            }
        } else if !self.volume.heap.has(first) {
            issues.push("a directory without clusters".into());
        } else if short.size() != 0 {
            issues.push("a directory states a size, which directories do not have".into());
        }
        let (times, wrong) = short.times();
        facts.times = times;
        if wrong {
            issues.push("a time that is in no calendar is not recorded".into());
        }
        facts.attributes.extend(short.attributes());
        if self.volume.slot_before(place).is_some_and(|before| long::belongs(&before, short)) {
            // The eleven bytes, as the dot would have them; the case that an entry states is a long name's to tell.
            facts.attributes.push(fact("fat.short-name", short.name()));
        }
        Ok(node(self.locator(&node_name), facts, issues))
    }

    fn unreadable(&self, id: NodeId) -> (String, Facts) {
        let name = match self.place(id) {
            Ok(None) => "root".to_owned(),
            Ok(Some(place)) => node_name("entry", place),
            Err(_) => "entry:-".to_owned(),
        };
        (self.locator(&name), self.facts(&name, Kind::Other))
    }

    fn list(&self, id: NodeId, limit: usize) -> Listing {
        let mut listing = Listing::default();
        // A directory whose first cluster does not exist: the node told.
        let Some(first) = self.directory(id) else { return listing };
        let mut reader = Reader::default();
        let mut directories: BTreeMap<u32, (Vec<u8>, Place)> = BTreeMap::new();
        let is_root = id == self.root_id();
        let issues = self.volume.slots(first, &mut |piece| {
            let Some((place, short, name)) = reader.item(piece, !is_root) else { return };
            if listing.links.len() > limit {
                return;
            }
            let node = self.id(place, short);
            if let Some(first) = self.directory(node) {
                // INVARIANT: of several names for one directory, the walker takes the first of the listing that was read last.
                let known = directories.entry(first).or_insert_with(|| (name.clone(), place));
                if name < known.0 {
                    *known = (name.clone(), place);
                }
            }
            listing.links.push(Link { name, node });
        });
        for (first, (_, place)) in directories {
            self.volume.note_directory(first, place);
        }
        listing.issues = issues;
        listing.issues.extend(reader.issues());
        listing
    }

    fn has_hard_links(&self) -> bool {
        false
    }

    /// Compares the clusters that lead from what was walked with those that the table says are in use.
    fn coverage(&self, seen: &Seen) -> Vec<(String, u64, u64)> {
        let mut reached = Bits::new(u64::from(self.volume.heap.clusters).saturating_add(2));
        let mut count = 0_u64;
        for id in seen.named.iter() {
            let first = match self.place(id) {
                Ok(None) => Some(self.volume.boot.root_cluster),
                Ok(Some(place)) => {
                    self.slot(place).ok().map(|slot| Short(&slot).first_cluster(self.volume.boot.width))
                }
                Err(_) => None,
            };
            let mut at = first.filter(|first| self.volume.heap.has(*first));
            while let Some(cluster) = at {
                let next = self.volume.table.next(cluster);
                at = None;
                if matches!(next, Ok(Next::Free | Next::Bad) | Err(_)) || !reached.insert(cluster) {
                    continue;
                }
                count = count.saturating_add(1);
                if let Ok(Next::Cluster(next)) = next {
                    at = Some(next);
                }
            }
        }
        vec![("clusters in use by the file allocation table".into(), count, self.volume.table.used)]
    }

    fn deleted(&self, each: &mut dyn FnMut(Entry) -> ControlFlow<()>) -> Vec<String> {
        deleted::find(self, each)
    }

    fn remnants(&self) -> Option<&dyn Remnants> {
        Some(self)
    }

    fn content(self: Arc<Self>, entry: &Entry) -> Result<Box<dyn EvidenceStream>, SourceError> {
        let (first, size) = self.file(entry)?;
        let volume = &self.volume;
        let needed = volume.heap.needed(size);
        let runs = if needed == 0 { Vec::new() } else { volume.table.follow(first, needed)? };
        let reader = RunReader::new(Arc::clone(&volume.bytes), volume.heap, runs, size, size);
        Ok(Box::new(Exact::new(reader, size)))
    }
}

/// Reads a directory's slots into items and their names.
#[derive(Default)]
pub(crate) struct Reader {
    long: Long,
    slots: u64,
    pub(crate) ended: bool,
    behind: u64,
    labels: u64,
    /// Whether what stands before the next entry could not be read: parts of its name may be there.
    is_cut: bool,
    /// Items whose name is not known for that.
    nameless: u64,
}

impl Reader {
    /// The item of a slot and its name, where there is one. `below` the root, the first two entries may be the dots.
    pub(crate) fn item<'a>(&mut self, piece: Piece<'a>, below: bool) -> Option<(Place, Short<'a>, Vec<u8>)> {
        let Piece::Slot(place, slot) = piece else {
            self.long.reset();
            self.is_cut = true;
            return None;
        };
        let number = self.slots;
        self.slots = self.slots.saturating_add(1);
        if self.ended {
            if slot.iter().any(|byte| *byte != 0) {
                self.behind = self.behind.saturating_add(1);
            }
            return None;
        }
        let short = Short(slot);
        match short.sort() {
            Sort::Long => self.long.push(slot),
            Sort::Item if below && number < 2 && short.is_dots() => {
                self.long.reset();
                self.is_cut = false;
            }
            Sort::Item => {
                let long = self.long.take(short);
                // Rules are about the name that people saw: the short one would pass for it.
                let is_lost = std::mem::take(&mut self.is_cut) && long.is_none();
                self.nameless = self.nameless.saturating_add(u64::from(is_lost));
                let name = if is_lost { Vec::new() } else { long.unwrap_or_else(|| short.name()) };
                // Such a name leads nowhere in a path: the item is walked without it.
                let name = if matches!(name.as_slice(), b"." | b"..") { Vec::new() } else { name };
                return Some((place, short, name));
            }
            sort => {
                self.long.reset();
                self.is_cut = false;
                self.ended = sort == Sort::End;
                if sort == Sort::Label
                    && (short.size() != 0 || short.first_cluster(crate::fat::table::Width::ThirtyTwo) != 0)
                {
                    self.labels = self.labels.saturating_add(1);
                }
            }
        }
        None
    }

    /// What was odd in this directory.
    pub(crate) fn issues(mut self) -> Vec<String> {
        self.long.reset();
        let mut issues = Vec::new();
        if self.long.orphans != 0 {
            issues.push(format!(
                "{} long names in a directory are not whole or fit no entry; short names are used",
                self.long.orphans
            ));
        }
        if self.nameless != 0 {
            issues.push(format!(
                "of {} items the name may stand in a part that could not be read; they are walked without a name",
                self.nameless
            ));
        }
        if self.behind != 0 {
            issues.push(format!(
                "{} entries stand behind the mark that ends a directory; they are not items in use",
                self.behind
            ));
        }
        if self.labels != 0 {
            issues.push(format!(
                "{} volume labels have content, which labels do not have; it is not read",
                self.labels
            ));
        }
        issues
    }
}

fn node(locator: String, facts: Facts, issues: Vec<String>) -> Node {
    Node { locator, facts, issues, streams: Vec::new(), uses: Vec::new() }
}

/// What the item at `place` is called: `entry:17:3`, `entry:root:4`.
pub(crate) fn node_name(what: &str, place: Place) -> String {
    match place.cluster {
        0 => format!("{what}:root:{}", place.index),
        cluster => format!("{what}:{cluster}:{}", place.index),
    }
}
