//! Deleted items: records that are not in use and still have a name.

use std::ops::ControlFlow;

use scope::facts::Kind;

use crate::ntfs::data::sound_size;
use crate::ntfs::file::File;
use crate::ntfs::item::{Item, allocated};
use crate::ntfs::name::FileName;
use crate::ntfs::nodes::{Nodes, ROOT, node_id};
use crate::ntfs::record::{Reference, kind};
use crate::walk::{Entry, add_name};

/// Yields deleted items, in the order of their records. Returns what could not be read.
pub(crate) fn each(nodes: &Nodes, each: &mut dyn FnMut(Entry) -> ControlFlow<()>) -> Vec<String> {
    let mut paths = Paths { nodes, last: None };
    let (mut damaged, mut unread) = (0_u64, 0_u64);
    for number in 0..nodes.volume.mft.count() {
        let header = match nodes.volume.mft.header(&nodes.volume.disk, number) {
            Ok(Some(header)) if !header.is_in_use() && header.base.is_none() => header,
            Ok(_) => continue,
            Err(_) => {
                unread = unread.saturating_add(1);
                continue;
            }
        };
        let Ok(file) = nodes.volume.file(number) else {
            damaged = damaged.saturating_add(1);
            continue;
        };
        if file.all(kind::FILE_NAME).next().is_none() {
            continue;
        }
        let place = Reference { record: number, sequence: header.sequence };
        if each(entry(nodes, &mut paths, place, &file)).is_break() {
            break;
        }
    }
    let mut issues = Vec::new();
    if damaged > 0 {
        issues.push(format!(
            "{damaged} MFT records that are not in use are damaged; what they were is not known"
        ));
    }
    if unread > 0 {
        issues.push(format!("{unread} MFT records could not be read in the search for deleted items"));
    }
    issues
}

fn entry(nodes: &Nodes, paths: &mut Paths<'_>, place: Reference, file: &File) -> Entry {
    let facts = nodes.facts(place.record, place.sequence, Kind::Deleted);
    let mut item = Item { facts, issues: Vec::new() };
    item.describe(&nodes.volume, file);
    let mut facts = item.facts;
    facts.kind = Kind::Deleted;
    facts.link_target = None;
    // Links are counted down as names go: what is left says nothing of what there was.
    facts.links = None;
    let data = file.find(kind::DATA, b"").map(|(_, found)| found);
    facts.size = data.and_then(|found| sound_size(&nodes.volume.disk.boot, found));
    facts.allocated = data.and_then(allocated);
    for name in names(file) {
        if let Some(path) = paths.path(&name) {
            add_name(&mut facts, path);
        }
    }
    Entry { locator: nodes.locator(place.record, place.sequence), facts, node: node_id(place) }
}

/// The names of a file, without 8.3 names that stand beside others.
fn names(file: &File) -> Vec<FileName<'_>> {
    let values = file.all(kind::FILE_NAME).filter_map(|(record, found)| record.resident(found));
    let all: Vec<_> = values.filter_map(FileName::parse).collect();
    let has_long = all.iter().any(|name| !name.is_short);
    all.into_iter().filter(|name| !has_long || !name.is_short).collect()
}

/// Paths of directories that are in use.
struct Paths<'a> {
    nodes: &'a Nodes,
    /// The directory asked for last, and its path: what was deleted from one directory often stands together.
    last: Option<(Reference, Option<Vec<u8>>)>,
}

impl Paths<'_> {
    /// The path of a name; `None` unless every directory on the way to the root is in use, and as the name knew it.
    fn path(&mut self, name: &FileName<'_>) -> Option<Vec<u8>> {
        if self.last.as_ref().is_none_or(|(parent, _)| *parent != name.parent) {
            self.last = Some((name.parent, self.climb(name.parent)));
        }
        let mut path = self.last.as_ref()?.1.clone()?;
        path.push(b'/');
        path.extend(sound_name(name)?);
        Some(path)
    }

    /// The path of a directory, without a slash at its end.
    fn climb(&self, mut place: Reference) -> Option<Vec<u8>> {
        let mut parts = Vec::new();
        for _ in 0..MAX_DEPTH {
            let header = self.nodes.volume.header(place.record)?;
            if !header.is_in_use() || !header.is_directory() || header.sequence != place.sequence {
                return None;
            }
            if place.record == ROOT {
                return Some(
                    parts.iter().rev().flat_map(|part: &Vec<u8>| [b"/", part.as_slice()].concat()).collect(),
                );
            }
            let file = self.nodes.volume.file(place.record).ok()?;
            let name = names(&file).into_iter().next()?;
            parts.push(sound_name(&name)?);
            place = name.parent;
        }
        None
    }
}

/// A name that a path can hold.
fn sound_name(name: &FileName<'_>) -> Option<Vec<u8>> {
    Some(name.name()).filter(|name| !name.is_empty() && !name.contains(&b'/') && !name.contains(&0))
}

/// Deepest path looked for: as deep as the walk goes.
const MAX_DEPTH: usize = 4096;
