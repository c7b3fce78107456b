//! Deleted entries: slots that are marked as free and still say what they were.
//!
//! A deleted entry has lost the first byte of its short name. A name becomes a
//! fact only where a long name is certain to be whole; otherwise what is left
//! is the attribute `fat.deleted-name`.

use std::collections::HashSet;
use std::ops::ControlFlow;

use scope::facts::Kind;

use crate::fat::entry::{DELETED, Short, Sort, fact};
use crate::fat::long::Lost;
use crate::fat::nodes::{Nodes, Reader, node_name};
use crate::fat::table::Next;
use crate::fat::volume::{Piece, Place, SLOT};
use crate::walk::{Entry, NodeId, add_name};

/// A directory whose slots are still to be looked at.
struct Waiting {
    first: u32,
    /// Its path, as a number of [`Paths`]; `None` where it is not certain.
    path: Option<usize>,
    depth: usize,
    /// Whether it is deleted itself: then only its first cluster is known to be its own.
    gone: bool,
}

/// Paths of directories, each as the one above and a name: paths in full would grow with the square of the depth.
pub(crate) struct Paths(Vec<(Option<usize>, Vec<u8>)>);

impl Paths {
    /// The path of the root directory, as number 0.
    pub(crate) fn new() -> Self {
        Self(vec![(None, Vec::new())])
    }

    /// The directory `name` in `above`: its number.
    pub(crate) fn add(&mut self, above: usize, name: Vec<u8>) -> usize {
        self.0.push((Some(above), name));
        self.0.len().saturating_sub(1)
    }

    /// The path of `name` in `above`.
    pub(crate) fn full(&self, above: usize, name: &[u8]) -> Vec<u8> {
        let mut names = vec![name];
        let mut at = Some(above);
        while let Some((above, name)) = at.and_then(|at| self.0.get(at)) {
            if above.is_some() {
                names.push(name);
            }
            at = *above;
        }
        let mut path = Vec::new();
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        path
    }
}

/// Yields the deleted entries of all directories that can be reached. Returns what could not be read.
pub(crate) fn find(nodes: &Nodes, each: &mut dyn FnMut(Entry) -> ControlFlow<()>) -> Vec<String> {
    let mut paths = Paths::new();
    let root = nodes.volume.boot.root_cluster;
    let mut waiting = vec![Waiting { first: root, path: Some(0), depth: 0, gone: false }];
    let mut visited = HashSet::from([root]);
    let mut issues = Vec::new();
    while let Some(directory) = waiting.pop() {
        let mut found = Vec::new();
        let flow = if directory.gone {
            gone(nodes, &directory, &mut found, each)
        } else {
            live(nodes, &directory, &mut paths, &mut found, each)
        };
        if flow.is_break() {
            return issues;
        }
        // The walk has told what is wrong with directories; this one goes where the walk went.
        for next in found.into_iter().rev() {
            if next.depth > MAX_DEPTH {
                issues.push(format!(
                    "deeper than {MAX_DEPTH} directories; no deleted entries were looked for there"
                ));
            } else if visited.insert(next.first) {
                waiting.push(next);
            }
        }
        issues.truncate(1);
    }
    issues
}

/// Looks at the slots of a directory in use.
fn live(
    nodes: &Nodes,
    directory: &Waiting,
    paths: &mut Paths,
    found: &mut Vec<Waiting>,
    each: &mut dyn FnMut(Entry) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let (mut reader, mut lost) = (Reader::default(), Lost::default());
    let mut flow = ControlFlow::Continue(());
    let depth = directory.depth.saturating_add(1);
    let width = nodes.volume.boot.width;
    nodes.volume.slots(directory.first, &mut |piece| {
        if flow.is_break() {
            return;
        }
        let slot = match &piece {
            Piece::Slot(place, slot) => Some((*place, *slot)),
            Piece::Gap => None,
        };
        let behind = reader.ended;
        if let Some((_, short, name)) = reader.item(piece, directory.depth != 0) {
            lost.reset();
            let first = short.first_cluster(width);
            if short.is_directory() && nodes.volume.heap.has(first) {
                let path = directory.path.filter(|_| is_name(&name)).map(|above| paths.add(above, name));
                found.push(Waiting { first, path, depth, gone: false });
            }
            return;
        }
        let Some((place, slot)) = slot else {
            lost.reset();
            return;
        };
        let short = Short(slot);
        if behind {
            if is_plausible(nodes, short) {
                flow = each(entry(nodes, place, short, None));
            }
        } else if short.sort() != Sort::Deleted {
            lost.reset();
        } else if short.is_long() {
            lost.push(slot);
        } else if short.is_label() || slot.iter().skip(1).all(|byte| *byte == 0) {
            lost.reset();
        } else {
            let name = lost.take(short).filter(|name| is_name(name));
            let path = directory.path.zip(name).map(|(above, name)| paths.full(above, &name));
            flow = each(entry(nodes, place, short, path));
            found.extend(below(nodes, short, depth));
        }
    });
    flow
}

/// Looks at the one cluster that is known of a deleted directory. No path of what was in it is certain.
fn gone(
    nodes: &Nodes,
    directory: &Waiting,
    found: &mut Vec<Waiting>,
    each: &mut dyn FnMut(Entry) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let slots = u32::try_from(nodes.volume.heap.cluster / SLOT as u64).unwrap_or(0);
    let mut lost = Lost::default();
    for index in 2..slots {
        let place = Place { cluster: directory.first, index };
        let Ok(slot) = nodes.volume.slot(place) else { continue };
        let short = Short(&slot);
        match short.sort() {
            Sort::End => break,
            Sort::Deleted if short.is_long() => lost.push(&slot),
            _ if !is_plausible(nodes, short) => lost.reset(),
            _ => {
                let mut entry = entry(nodes, place, short, None);
                if let Some(name) = lost.take(short) {
                    entry
                        .facts
                        .attributes
                        .retain(|attribute| attribute.name.bytes() != DELETED_NAME.as_bytes());
                    entry.facts.attributes.push(fact(DELETED_NAME, name));
                }
                each(entry)?;
                found.extend(below(nodes, short, directory.depth.saturating_add(1)));
            }
        }
    }
    ControlFlow::Continue(())
}

/// The deleted directory of a deleted entry, where its first cluster is free and still says that it is its own.
fn below(nodes: &Nodes, short: Short<'_>, depth: usize) -> Option<Waiting> {
    let volume = &nodes.volume;
    let first = short.first_cluster(volume.boot.width);
    if !short.is_directory() || !volume.heap.has(first) || !matches!(volume.table.next(first), Ok(Next::Free))
    {
        return None;
    }
    let slot = volume.slot(Place { cluster: first, index: 0 }).ok()?;
    let own = Short(&slot);
    let is_own = own.is_dots()
        && own.raw_name().get(1) == Some(&b' ')
        && own.first_cluster(volume.boot.width) == first;
    is_own.then_some(Waiting { first, path: None, depth, gone: true })
}

/// Whether a slot that nothing vouches for looks like an entry.
fn is_plausible(nodes: &Nodes, short: Short<'_>) -> bool {
    let first = short.first_cluster(nodes.volume.boot.width);
    let name = short.raw_name();
    !short.is_long()
        && !short.is_label()
        && short.0.get(11).is_some_and(|attributes| attributes & 0xC0 == 0)
        && name.iter().skip(1).all(|byte| *byte >= b' ')
        && name.first().is_some_and(|byte| *byte > b' ')
        && (first == 0 || nodes.volume.heap.has(first))
        && !short.times().1
        && !short.times().0.is_empty()
}

fn entry(nodes: &Nodes, place: Place, short: Short<'_>, path: Option<Vec<u8>>) -> Entry {
    let node = node_name("deleted", place);
    let mut facts = nodes.facts(&node, Kind::Deleted);
    facts.size = Some(short.size().into()).filter(|_| !short.is_directory());
    facts.times = short.times().0;
    facts.attributes.extend(short.attributes());
    facts.attributes.push(fact(DELETED_NAME, left_of_name(short)));
    if let Some(path) = path {
        add_name(&mut facts, path);
    }
    Entry { locator: nodes.locator(&node), facts, node: NodeId::with_part(place.number(), PLACE_OF_DELETED) }
}

/// The short name, with `?` for the byte that is lost.
fn left_of_name(short: Short<'_>) -> Vec<u8> {
    let mut slot = *short.0;
    if let Some(first) = slot.first_mut().filter(|first| **first == DELETED) {
        *first = b'?';
    }
    Short(&slot).name()
}

/// Whether a path can hold `name`.
pub(crate) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && !name.contains(&b'/') && !name.contains(&0)
}

/// The attribute that holds what is left of a name.
const DELETED_NAME: &str = "fat.deleted-name";
/// The second number of the node of a deleted entry.
const PLACE_OF_DELETED: u64 = 2;
/// Deepest nesting looked at, as in the walk.
pub(crate) const MAX_DEPTH: usize = 4096;
