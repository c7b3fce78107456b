//! Directories: each name stands in two indexes, and is given where it is found in one.

use crate::btrfs::entry::entries;
use crate::btrfs::nodes::empty_place;
use crate::btrfs::subvolumes::{FIRST, Subvolumes};
use crate::btrfs::tree::{Found, Key, Root, kind};
use crate::btrfs::volume::Volume;
use crate::walk::NodeId;
use crate::walker::{Link, Listing};

/// Reads the directory `dir` of a subvolume. Damage becomes issues; what can be read is given.
///
/// At most `limit` names are kept; more are an issue of the walker's.
pub(crate) fn list(
    volume: &Volume,
    subvolumes: &Subvolumes,
    subvolume: u64,
    dir: u64,
    limit: usize,
) -> Listing {
    let mut listing = Listing::default();
    let root = match subvolumes.get(subvolume) {
        Ok(found) => found.root,
        Err(error) => {
            listing.issues.push(error.to_string());
            return listing;
        }
    };
    let mut links = Vec::new();
    collect(volume, root, dir, limit, &mut listing.issues, &mut |found: &Found, issues| {
        for entry in entries(found.data()) {
            let Some(entry) = entry else {
                issues.push(
                    "a directory entry contradicts itself; the rest of its item is not walked".to_owned(),
                );
                continue;
            };
            let node = match entry.target.kind {
                kind::INODE => NodeId::with_part(entry.target.object, subvolume),
                kind::ROOT if subvolumes.hangs(subvolume, entry.target.object, dir, entry.name) => {
                    NodeId::with_part(FIRST, entry.target.object)
                }
                kind::ROOT => empty_place(entry.target.object, subvolume),
                _ => {
                    issues.push("a directory entry leads to an item of an unknown kind".to_owned());
                    continue;
                }
            };
            links.push((Link { name: entry.name.to_vec(), node }, found.key.kind));
        }
        links.len()
    });
    links.sort_unstable();
    let mut single = 0_u64;
    let mut rest = links.into_iter().peekable();
    while let Some((link, _)) = rest.next() {
        if rest.next_if(|(other, _)| *other == link).is_none() {
            single = single.saturating_add(1);
        }
        while rest.next_if(|(other, _)| *other == link).is_some() {}
        listing.links.push(link);
    }
    if single > 0 {
        listing.issues.push(format!("{single} names stand in one of the directory's two indexes alone"));
    }
    listing
}

/// Gives the items of both indexes to `each`, which tells how many names it holds.
fn collect(
    volume: &Volume,
    root: Root,
    dir: u64,
    limit: usize,
    issues: &mut Vec<String>,
    each: &mut dyn FnMut(&Found, &mut Vec<String>) -> usize,
) {
    // Both indexes hold each name.
    let most = limit.saturating_mul(2).saturating_add(1);
    for found in volume.items(root, Key::new(dir, kind::DIR_ITEM, 0)) {
        match found {
            Ok(found) if found.key.object != dir || found.key.kind > kind::DIR_INDEX => return,
            Ok(found) if matches!(found.key.kind, kind::DIR_ITEM | kind::DIR_INDEX) => {
                if each(&found, issues) > most {
                    return;
                }
            }
            Ok(_) => {}
            Err(error) => issues.push(format!("a part of a directory could not be read: {error}")),
        }
        if issues.len() > MAX_ISSUES {
            return;
        }
    }
}

/// A directory with more damage than this is given up: the issues would outgrow the report.
const MAX_ISSUES: usize = 1000;
