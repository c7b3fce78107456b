//! The way down through the directories, and which inodes have several names.
//!
//! The walk goes this way twice, by the same code: first for names alone, then
//! for items. An inode's own link count is not believed: a count of 1 that is
//! stale or forged would hide a further name, and a rule that excludes by it.

use std::collections::HashSet;
use std::sync::Arc;
use std::vec::IntoIter;

use scope::RawName;
use scope::facts::Kind;

use crate::ext::dir::{Link, Listing, list};
use crate::ext::inode::Inode;
use crate::ext::volume::Volume;

/// Whether a directory is not entered, by its path.
pub(crate) type Closed<'a> = &'a dyn Fn(&RawName) -> bool;

/// The directories from the root down to the one being walked, and the names in them that are still to come.
#[derive(Default)]
pub(crate) struct Descent {
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
    /// Whether its names are encrypted.
    encrypted: bool,
    links: IntoIter<Link>,
}

impl Descent {
    /// The next name, depth first, and its path where there is one.
    pub(crate) fn next(&mut self) -> Option<(Link, Option<Vec<u8>>)> {
        loop {
            let level = self.levels.last_mut()?;
            let Some(link) = level.links.next() else {
                self.levels.pop();
                continue;
            };
            self.waiting = self.waiting.saturating_sub(1);
            let parent = level.path.filter(|_| !level.encrypted && is_name(&link.name));
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
    pub(crate) fn is_nameless(&self) -> bool {
        self.levels.last().is_some_and(|level| level.encrypted || level.path.is_none())
    }

    /// Goes into a directory. Returns what could not be read of it.
    pub(crate) fn enter(
        &mut self,
        volume: &Arc<Volume>,
        inode: &Inode,
        path: Option<Vec<u8>>,
    ) -> Vec<String> {
        if self.levels.len() >= MAX_DEPTH {
            return vec![format!("deeper than {MAX_DEPTH} directories; not entered")];
        }
        let room = MAX_WAITING.saturating_sub(self.waiting);
        let Listing { links, mut issues } = list(volume, inode, room);
        let encrypted = inode.is_encrypted();
        if encrypted && !links.is_empty() {
            issues
                .push("the names in this directory are encrypted; its items are walked without names".into());
        }
        self.waiting = self.waiting.saturating_add(links.len());
        self.levels.push(Level { path: path.as_ref().map(Vec::len), encrypted, links: links.into_iter() });
        if let Some(path) = path {
            self.path = path;
        }
        issues
    }
}

/// The inodes to which several names lead, by the directories alone. What is `closed` is not entered.
///
/// Memory is bounded by the inodes that the directories name: a few bytes each.
pub(crate) fn several_names(volume: &Arc<Volume>, root: &Inode, closed: Closed) -> HashSet<u32> {
    let mut descent = Descent::default();
    let mut once = HashSet::from([root.number]);
    let mut several = HashSet::new();
    descent.enter(volume, root, Some(Vec::new()));
    while let Some((link, path)) = descent.next() {
        if !once.insert(link.inode) {
            several.insert(link.inode);
            continue;
        }
        // The kind that a directory entry states may be forged like the count: the inode itself says what is entered.
        let Ok(inode) = volume.inode(link.inode) else { continue };
        if inode.kind() != Kind::Directory {
            continue;
        }
        let path = path.map(RawName);
        if !path.as_ref().is_some_and(closed) {
            descent.enter(volume, &inode, path.map(|path| path.0));
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
