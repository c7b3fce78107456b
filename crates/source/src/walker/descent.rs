//! The way down through the directories, and which nodes have several names.
//!
//! The walk goes this way twice, by the same code: first for names alone, then
//! for items. A node's own link count is not believed: a count of 1 that is
//! stale or forged would hide a further name, and a rule that excludes by it.

use std::collections::HashSet;
use std::vec::IntoIter;

use scope::RawName;

use super::{Link, Listing, Volume};
use crate::node_set::NodeSet;
use crate::walk::NodeId;

/// The directories from the root down to the one being walked, and the names in them that are still to come.
#[derive(Default)]
pub(super) struct Descent {
    levels: Vec<Level>,
    /// The path of the deepest directory, without a slash at the end. One for all levels: a path of its own for each
    /// would grow with the square of the depth.
    path: Vec<u8>,
    /// Names read from directories and not yet walked.
    waiting: usize,
}

/// A directory being walked. An explicit stack: nesting on the medium never becomes nesting of calls.
struct Level {
    /// How much of [`Descent::path`] is this directory's; `None` where its path is not known.
    path: Option<usize>,
    /// Whether its names are not those that a person knows.
    nameless: bool,
    links: IntoIter<Link>,
}

impl Descent {
    /// The next name, depth first, and its path where there is one.
    pub(super) fn next(&mut self) -> Option<(Link, Option<Vec<u8>>)> {
        loop {
            let level = self.levels.last_mut()?;
            let Some(link) = level.links.next() else {
                self.levels.pop();
                continue;
            };
            self.waiting = self.waiting.saturating_sub(1);
            let parent = level.path.filter(|_| !level.nameless && is_name(&link.name));
            let path = parent.map(|length| {
                self.path.truncate(length);
                let mut path = self.path.clone();
                path.push(b'/');
                path.extend(&link.name);
                path
            });
            return Some((link, path));
        }
    }

    /// Whether names in the deepest directory have no path that is known.
    pub(super) fn is_nameless(&self) -> bool {
        self.levels.last().is_some_and(|level| level.nameless || level.path.is_none())
    }

    /// Goes into a directory. Returns what could not be read of it.
    pub(super) fn enter(&mut self, volume: &dyn Volume, id: NodeId, path: Option<Vec<u8>>) -> Vec<String> {
        if self.levels.len() >= MAX_DEPTH {
            return vec![format!("deeper than {MAX_DEPTH} directories; not entered")];
        }
        let room = MAX_WAITING.saturating_sub(self.waiting);
        let Listing { mut links, mut issues, nameless } = volume.list(id, room);
        if links.len() > room {
            links.truncate(room);
            issues.push("a directory has more names than are kept at once; the others are not walked".into());
        }
        links.sort_unstable();
        if nameless && !links.is_empty() {
            issues
                .push("the names in this directory are encrypted; its items are walked without names".into());
        }
        self.waiting = self.waiting.saturating_add(links.len());
        self.levels.push(Level { path: path.as_ref().map(Vec::len), nameless, links: links.into_iter() });
        if let Some(path) = path {
            self.path = path;
        }
        issues
    }
}

/// The nodes to which several names lead, by the directories alone. What is `closed` is not entered.
///
/// Memory is bounded by the nodes that the directories name: a few bytes each.
pub(super) fn several_names(volume: &dyn Volume, closed: &dyn Fn(&RawName) -> bool) -> HashSet<NodeId> {
    let mut descent = Descent::default();
    let mut once = NodeSet::default();
    once.insert(volume.root());
    let mut several = HashSet::new();
    descent.enter(volume, volume.root(), Some(Vec::new()));
    while let Some((link, path)) = descent.next() {
        if !once.insert(link.node) {
            several.insert(link.node);
            continue;
        }
        // The kind that a directory entry states may be forged like the count: the node itself says what is entered.
        if !volume.is_directory(link.node) {
            continue;
        }
        let path = path.map(RawName);
        if !path.as_ref().is_some_and(closed) {
            descent.enter(volume, link.node, path.map(|path| path.0));
        }
    }
    several
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && !name.contains(&b'/') && !name.contains(&0)
}

/// Deepest nesting walked. Linux cannot reach deeper than 2,048 in one path; hostile media could nest for ever.
const MAX_DEPTH: usize = 4096;
/// Names held at once, over all directories on the way down: about 1 GiB of short names.
const MAX_WAITING: usize = 1 << 24;
