//! Deleted entries: sets whose in-use bits are gone, and which still say what they were.
//!
//! The checksum of the set, taken over the bits as they were, tells whether it is whole: then its name is certain, and
//! its path where the directory is in use.

use std::collections::HashSet;
use std::ops::ControlFlow;

use scope::facts::Kind;

use crate::exfat::nodes::Nodes;
use crate::exfat::set::{Reader, Set};
use crate::exfat::volume::Directory;
use crate::fat::deleted::{MAX_DEPTH, Paths, is_name};
use crate::fat::entry::fact;
use crate::fat::nodes::node_name;
use crate::walk::{Entry, NodeId, add_name, stated};

/// A directory whose entries are still to be looked at.
struct Waiting {
    directory: Directory,
    /// Its path, as a number of [`Paths`]; `None` where it is not certain.
    path: Option<usize>,
    depth: usize,
}

/// Yields the deleted entries of all directories in use. Returns what could not be read.
pub(crate) fn find(nodes: &Nodes, each: &mut dyn FnMut(Entry) -> ControlFlow<()>) -> Vec<String> {
    let mut paths = Paths::new();
    let root = nodes.volume.root();
    let mut waiting = vec![Waiting { directory: root, path: Some(0), depth: 0 }];
    let mut visited = HashSet::from([root.first]);
    let mut issues = Vec::new();
    while let Some(directory) = waiting.pop() {
        let mut found = Vec::new();
        if look(nodes, &directory, &mut paths, &mut found, each).is_break() {
            return issues;
        }
        // The walk has told what is wrong with directories; this one goes where the walk went.
        for next in found.into_iter().rev() {
            if next.depth > MAX_DEPTH {
                issues.push(format!(
                    "deeper than {MAX_DEPTH} directories; no deleted entries were looked for there"
                ));
            } else if visited.insert(next.directory.first) {
                waiting.push(next);
            }
        }
        issues.truncate(1);
    }
    issues
}

fn look(
    nodes: &Nodes,
    waiting: &Waiting,
    paths: &mut Paths,
    found: &mut Vec<Waiting>,
    each: &mut dyn FnMut(Entry) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut flow = ControlFlow::Continue(());
    let mut reader = Reader::default();
    let mut take = |set: Set| {
        if flow.is_break() {
            return;
        }
        if !set.is_live() || set.behind {
            // Behind the end of a directory, only a set that is certainly one.
            if !set.behind || set.is_sound() {
                flow = each(entry(nodes, &set, waiting.path.filter(|_| !set.behind), paths));
            }
        } else if let Some(directory) = nodes.directory_of(&set) {
            let name = set.name();
            let path = waiting.path.filter(|_| is_name(&name)).map(|above| paths.add(above, name));
            found.push(Waiting { directory, path, depth: waiting.depth.saturating_add(1) });
        }
    };
    let is_root = waiting.depth == 0;
    nodes.volume.slots(&waiting.directory, &mut |piece| reader.push(piece, is_root, &mut take));
    reader.end_set(&mut take);
    flow
}

fn entry(nodes: &Nodes, set: &Set, directory: Option<usize>, paths: &Paths) -> Entry {
    let node = node_name("deleted", set.place);
    let mut facts = nodes.facts(&node, Kind::Deleted);
    if let Some(extension) = set.extension().filter(|_| !set.is_directory()) {
        facts.size = stated(extension.size);
    }
    facts.times = set.times().0;
    facts.attributes.extend(set.attributes());
    let (left, whole) = set.left_of_name();
    match directory.filter(|_| whole && set.is_sound() && is_name(&left)) {
        Some(above) => add_name(&mut facts, paths.full(above, &left)),
        None if left.is_empty() => {}
        None => facts.attributes.push(fact(DELETED_NAME, left)),
    }
    Entry {
        locator: nodes.locator(&node),
        facts,
        node: NodeId::with_part(set.place.number(), PLACE_OF_DELETED),
    }
}

/// The attribute that holds what is left of a name whose path is not certain.
const DELETED_NAME: &str = "exfat.deleted-name";
/// The second number of the node of a deleted entry.
const PLACE_OF_DELETED: u64 = 2;
