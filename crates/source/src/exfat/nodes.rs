//! What the walker asks of an exFAT volume: nodes, directories, coverage, content.
//!
//! A directory's node is its first cluster, so that a directory which contains itself is met again; the node of all else is
//! the place of its file entry.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use scope::facts::{CaseRule, Facts, Kind};

use crate::bytes::length;
use crate::exact::{EvidenceStream, Exact};
use crate::exfat::deleted;
use crate::exfat::set::{Extension, Reader, Set};
use crate::exfat::volume::{Directory, Volume};
use crate::fat::entry::fact;
use crate::fat::heap::RunReader;
use crate::fat::nodes::node_name;
use crate::fat::table::Bits;
use crate::fat::volume::Place;
use crate::walk::{Entry, NodeId, SourceError, Unused, evenly, stated};
use crate::walker::{self, Link, Listing, Node, Remnants, Seen};

/// A volume, with the name under which facts and locators call it.
pub(crate) struct Nodes {
    pub(crate) volume: Volume,
    name: String,
}

/// The second number of a node that is a place, not a directory's first cluster.
const PLACE: u64 = 1;

impl Nodes {
    /// The nodes of `volume`, which facts call `name`.
    pub(crate) fn new(volume: Volume, name: String) -> Self {
        Self { volume, name }
    }

    fn root_id(&self) -> NodeId {
        NodeId::new(self.volume.boot.root.into())
    }

    /// The directory that `set` is of, where it has a first cluster.
    pub(crate) fn directory_of(&self, set: &Set) -> Option<Directory> {
        let extension = set.extension().filter(|_| set.is_directory())?;
        self.volume.heap.has(extension.first).then(|| Directory::new(extension))
    }

    /// Where the file entry of `id` stands; `None` for the root directory.
    fn place(&self, id: NodeId) -> Result<Option<Place>, SourceError> {
        if id == self.root_id() {
            return Ok(None);
        }
        let place = match id.part() {
            0 => self.known(id).map(|(place, _)| place),
            PLACE => Place::of(id.number()),
            _ => None,
        };
        place.map(Some).ok_or_else(|| SourceError::NoContent("an item of which no walk has told".into()))
    }

    fn known(&self, id: NodeId) -> Option<(Place, Directory)> {
        self.volume.directory(u32::try_from(id.number()).ok().filter(|_| id.part() == 0)?)
    }

    /// Facts of `node`, which nothing more is known of yet.
    pub(crate) fn facts(&self, node: &str, kind: Kind) -> Facts {
        crate::walk::bare_facts(&self.name, CaseRule::Insensitive, node.to_owned(), kind)
    }

    /// The locator of `node`.
    pub(crate) fn locator(&self, node: &str) -> String {
        format!("{}/{node}", self.name)
    }

    /// The volume as facts call it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where the content of a file stands, if it is the one that the walk saw.
    pub(crate) fn file(&self, entry: &Entry) -> Result<Extension, SourceError> {
        let place = Some(entry.node).filter(|id| id.part() == PLACE).and_then(|id| Place::of(id.number()));
        let place = place.ok_or_else(|| SourceError::NoContent("not a file".into()))?;
        let set = self.volume.set(place)?;
        if set.is_directory() {
            return Err(SourceError::NoContent("not a file".into()));
        }
        let extension = set
            .extension()
            .ok_or_else(|| SourceError::NoContent("the entry has no stream extension".into()))?;
        let size = stated(extension.size)
            .ok_or_else(|| SourceError::NoContent("the size is one that no volume holds".into()))?;
        if self.locator(&node_name("entry", place)) != entry.locator || entry.facts.size != Some(size) {
            return Err(SourceError::Changed("the entry belongs to another item".into()));
        }
        Ok(extension)
    }

    fn root_node(&self) -> Node {
        let mut facts = self.facts("root", Kind::Directory);
        let mut issues = Vec::new();
        match self.volume.root_extent(self.root_id()) {
            Ok(clusters) => facts.allocated = stated(clusters.saturating_mul(self.volume.heap.cluster)),
            Err(what) => issues.push(what),
        }
        node(self.locator("root"), facts, issues)
    }

    /// Size and clusters of an item, and what is wrong with them.
    fn content_facts(&self, facts: &mut Facts, extension: Extension, id: NodeId, issues: &mut Vec<String>) {
        let (heap, size) = (self.volume.heap, extension.size);
        if facts.kind == Kind::File {
            facts.size = stated(size);
            if facts.size.is_none() {
                issues.push("it states a size that no volume holds".into());
            }
        } else if !heap.has(extension.first) {
            issues.push("a directory without clusters".into());
        }
        if extension.valid > size {
            issues.push(format!("{} bytes are written, more than its {size}", extension.valid));
        } else if facts.kind == Kind::File && extension.valid < size {
            facts.attributes.push(fact("exfat.valid-length", extension.valid.to_string().into_bytes()));
        } else if facts.kind == Kind::Directory && extension.valid != size {
            issues.push(format!("{} bytes of a directory of {size} are stated as written", extension.valid));
        }
        let needed = heap.needed(size);
        match self.volume.extent(extension, id) {
            Ok(clusters) if clusters < needed => issues.push(format!(
                "it has {clusters} clusters, and {needed} are needed for {size} bytes; the content cannot be read"
            )),
            Ok(clusters) => {
                facts.allocated = stated(clusters.saturating_mul(heap.cluster));
                if clusters > needed {
                    issues.push(format!("it has {clusters} clusters, more than the {needed} for {size} bytes"));
                }
            }
            Err(what) => issues.push(what),
        }
        if heap.has(extension.first) && self.volume.system.is_free(extension.first) {
            issues.push("its first cluster is marked as free in the allocation bitmap".into());
        }
    }
}

impl walker::Volume for Nodes {
    /// Places in the table, and where the root directory and those in it begin.
    fn structures(&self) -> Vec<u64> {
        let volume = &self.volume;
        let mut directories = vec![volume.root().first];
        let mut reader = Reader::default();
        let mut take = |set: Set| {
            let live = set.is_live() && !set.behind;
            directories.extend(self.directory_of(&set).filter(|_| live).map(|directory| directory.first));
        };
        volume.slots(&volume.root(), &mut |piece| reader.push(piece, true, &mut take));
        reader.end_set(&mut take);
        let chosen = evenly(length(directories.len()), 32);
        let chosen = chosen.filter_map(|index| directories.get(usize::try_from(index).ok()?));
        let directories = chosen.filter_map(|first| volume.heap.offset(*first));
        let mut places: Vec<u64> = volume.boot.table_places(32).chain(directories).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    fn unused(&self) -> Unused {
        self.volume.boot.unused(self.volume.bytes.len())
    }

    fn root(&self) -> NodeId {
        self.root_id()
    }

    fn node(&self, id: NodeId) -> Result<Node, SourceError> {
        let Some(place) = self.place(id)? else { return Ok(self.root_node()) };
        let set = self.volume.set(place)?;
        let kind = if set.is_directory() { Kind::Directory } else { Kind::File };
        let node_name = node_name("entry", place);
        let mut facts = self.facts(&node_name, kind);
        let mut issues = set.issues();
        if let Some(extension) = set.extension() {
            self.content_facts(&mut facts, extension, id, &mut issues);
        }
        let (times, wrong) = set.times();
        facts.times = times;
        if wrong {
            issues.push("a time that is in no calendar is not recorded".into());
        }
        facts.attributes.extend(set.attributes());
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
        let is_root = id == self.root_id();
        let directory = if is_root { Some(self.volume.root()) } else { self.known(id).map(|known| known.1) };
        // A directory whose first cluster does not exist: the node told.
        let Some(directory) = directory else { return listing };
        let mut reader = Reader::default();
        let mut directories: BTreeMap<u32, (Vec<u8>, Place, Directory)> = BTreeMap::new();
        let links = &mut listing.links;
        let mut each = |set: Set| {
            if !set.is_live() || set.behind || links.len() > limit {
                return;
            }
            let name = set.name();
            let node = match self.directory_of(&set) {
                Some(directory) => {
                    // INVARIANT: of several names for one directory, the walker takes the first of the listing read last.
                    let this = || (name.clone(), set.place, directory);
                    let known = directories.entry(directory.first).or_insert_with(this);
                    if name < known.0 {
                        *known = this();
                    }
                    NodeId::new(directory.first.into())
                }
                None => NodeId::with_part(set.place.number(), PLACE),
            };
            links.push(Link { name, node });
        };
        let issues = self.volume.slots(&directory, &mut |piece| reader.push(piece, is_root, &mut each));
        reader.end_set(&mut each);
        for (_, (_, place, directory)) in directories {
            self.volume.note_directory(place, directory);
        }
        listing.issues = issues;
        listing.issues.extend(reader.issues());
        listing
    }

    fn has_hard_links(&self) -> bool {
        false
    }

    /// Compares the clusters that lead from what was walked, and those of the volume itself, with the bitmap.
    fn coverage(&self, seen: &Seen) -> Vec<(String, u64, u64)> {
        let clusters = self.volume.heap.clusters;
        let mut reached = Bits::new(u64::from(clusters).saturating_add(2));
        let mut count = 0_u64;
        for run in &self.volume.system.runs {
            for cluster in run.start..run.start.saturating_add(run.count) {
                count = count.saturating_add(u64::from(reached.insert(cluster)));
            }
        }
        for id in seen.named.iter() {
            let directory = match self.place(id) {
                Ok(None) => Some(self.volume.root()),
                Ok(Some(place)) => {
                    self.volume.set(place).ok().and_then(|set| set.extension()).map(Directory::new)
                }
                Err(_) => None,
            };
            if let Some(directory) = directory {
                count = count.saturating_add(self.volume.reach(&directory, &mut reached));
            }
        }
        vec![("clusters in use by the allocation bitmap".into(), count, self.volume.system.used(clusters))]
    }

    fn deleted(&self, each: &mut dyn FnMut(Entry) -> ControlFlow<()>) -> Vec<String> {
        deleted::find(self, each)
    }

    fn uses(&self, at: u64) -> Option<bool> {
        let system = &self.volume.system;
        self.volume.heap.uses(at, |cluster| system.has_bitmap().then(|| system.is_free(cluster)))
    }

    fn is_wanting(&self) -> bool {
        self.volume.system.is_wanting()
    }

    fn remnants(&self) -> Option<&dyn Remnants> {
        Some(self)
    }

    fn content(self: Arc<Self>, entry: &Entry) -> Result<Box<dyn EvidenceStream>, SourceError> {
        let extension = self.file(entry)?;
        let size = extension.size;
        let runs = self.volume.runs(extension)?;
        let bytes = Arc::clone(&self.volume.bytes);
        let reader = RunReader::new(bytes, self.volume.heap, runs, size, extension.valid);
        Ok(Box::new(Exact::new(reader, size)))
    }
}

fn node(locator: String, facts: Facts, issues: Vec<String>) -> Node {
    Node { locator, facts, issues, streams: Vec::new(), uses: Vec::new() }
}
