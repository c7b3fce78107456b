//! Subvolumes: trees of files within the file system, snapshots among them, and where each hangs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::btrfs::entry::entries;
use crate::btrfs::superblock::corrupt;
use crate::btrfs::tree::{Found, Key, Root, kind};
use crate::btrfs::volume::Volume;
use crate::bytes::length;
use crate::field::{byte, le16, le32, le64};
use crate::walk::{SourceError, evenly};

/// All subvolumes that the root tree lists.
#[derive(Default)]
pub(crate) struct Subvolumes {
    map: BTreeMap<u64, Subvolume>,
    /// By subvolume and the subvolume below it: the directory, and the name in it.
    places: HashMap<(u64, u64), (u64, Vec<u8>)>,
    /// The tree of the checksums of data.
    pub(crate) checksums: Option<Root>,
    default: u64,
    lost: u64,
}

/// A subvolume.
pub(crate) struct Subvolume {
    pub(crate) root: Root,
    pub(crate) is_snapshot: bool,
    pub(crate) is_read_only: bool,
    /// Whether it still hangs somewhere: one that was deleted waits to be taken apart.
    is_live: bool,
}

/// The subvolume that holds all others.
pub(crate) const TOP: u64 = 5;
/// The first number of an inode or subvolume: the root directory of each subvolume.
pub(crate) const FIRST: u64 = 256;
/// The last number of an inode.
pub(crate) const LAST: u64 = u64::MAX - 255;
/// The last number of a subvolume: the upper sixteen bits are those of quota groups.
const LAST_SUBVOLUME: u64 = (1 << 48) - 1;

impl Subvolumes {
    /// Reads the root tree.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the top subvolume is not found.
    pub(crate) fn read(volume: &Volume) -> Result<Self, SourceError> {
        let mut all = Self { default: TOP, ..Self::default() };
        let mut lost = None;
        for found in volume.items(volume.superblock.root, Key::new(0, 0, 0)) {
            match found {
                Ok(found) => all.add(&found)?,
                Err(error) => {
                    all.lost = all.lost.saturating_add(1);
                    lost = Some(error);
                }
            }
        }
        if all.map.contains_key(&TOP) {
            return Ok(all);
        }
        let why = lost.map_or_else(String::new, |error| format!(": {error}"));
        Err(corrupt(format!("the top subvolume is not found{why}")))
    }

    fn add(&mut self, found: &Found) -> Result<(), SourceError> {
        let (key, data) = (found.key, found.data());
        match key.kind {
            kind::ROOT if key.object == CHECKSUM_TREE => {
                self.checksums = Subvolume::parse(data).map(|tree| tree.root);
            }
            kind::ROOT if is_subvolume(key.object) => {
                if self.map.len() >= MAX_SUBVOLUMES {
                    return Err(corrupt(format!("more than {MAX_SUBVOLUMES} subvolumes")));
                }
                let subvolume = Subvolume::parse(data)
                    .ok_or_else(|| corrupt(format!("the root of subvolume {} is cut short", key.object)))?;
                self.map.insert(key.object, subvolume);
            }
            kind::ROOT_REF if is_subvolume(key.object) && is_subvolume(key.offset) => {
                if let Some(place) = place(data) {
                    self.places.insert((key.object, key.offset), place);
                }
            }
            kind::DIR_ITEM => {
                let named = entries(data).flatten().find(|entry| entry.name == b"default");
                if let Some(entry) = named.filter(|_| key.object == ROOT_DIRECTORY) {
                    self.default = entry.target.object;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The subvolume `number`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where there is none.
    pub(crate) fn get(&self, number: u64) -> Result<&Subvolume, SourceError> {
        self.map.get(&number).ok_or_else(|| corrupt(format!("there is no subvolume {number}")))
    }

    /// Whether subvolume `below` hangs in directory `dir` of subvolume `above`, under `name`. In a snapshot of `above` it
    /// does not: there the same name leads to an empty directory.
    pub(crate) fn hangs(&self, above: u64, below: u64, dir: u64, name: &[u8]) -> bool {
        self.places.get(&(above, below)).is_some_and(|(at, known)| *at == dir && known == name)
    }

    /// Whether a subvolume is an earlier state that somebody keeps: a snapshot that cannot be written to, and that is not
    /// the one which a plain mount shows. Policies call these snapshots, and this version never enters them.
    pub(crate) fn is_kept_state(&self, number: u64) -> bool {
        let is_kept = |found: &Subvolume| found.is_snapshot && found.is_read_only;
        number != TOP && number != self.default && self.map.get(&number).is_some_and(is_kept)
    }

    /// The subvolumes that were not deleted.
    pub(crate) fn live(&self) -> impl Iterator<Item = (u64, &Subvolume)> {
        self.map.iter().filter(|(_, subvolume)| subvolume.is_live).map(|(number, found)| (*number, found))
    }

    /// What is to be said of the subvolumes, in sentences.
    pub(crate) fn limits(&self, volume: &Volume) -> Vec<String> {
        let mut limits = Vec::new();
        let count = |fits: fn(&Subvolume) -> bool| self.live().filter(|(_, found)| fits(found)).count();
        let snapshots = count(|found| found.is_snapshot);
        if snapshots > 0 {
            let kept = self.live().filter(|(number, _)| self.is_kept_state(*number)).count();
            limits.push(format!(
                "{snapshots} of {} subvolumes are snapshots; {kept} of them, kept read only, are named and not entered, the others can be written to and are walked where they hang",
                count(|_| true)
            ));
        }
        let deleted = self.map.len().saturating_sub(count(|_| true));
        if deleted > 0 {
            limits
                .push(format!("{deleted} deleted subvolumes were not yet taken apart; they are not walked"));
        }
        if self.default != TOP {
            limits.push(format!(
                "a plain mount shows subvolume {}; paths here begin at the top subvolume",
                self.default
            ));
        }
        if self.lost > 0 {
            limits.push(format!(
                "{} parts of the root tree cannot be read; the subvolumes in them are not walked",
                self.lost
            ));
        }
        if self.checksums.is_none() {
            limits.push("there is no tree of checksums; content that should have them is not read".into());
        }
        let orphans: usize = self.live().map(|(_, found)| orphans(volume, found.root)).sum();
        if orphans > 0 {
            limits.push(format!(
                "{orphans} files were deleted while still open, or not yet cut to their size; those without a name are not walked"
            ));
        }
        limits
    }
}

impl Subvolume {
    fn parse(item: &[u8]) -> Option<Self> {
        let flags = le64(item, 208)?;
        Some(Self {
            root: Root { at: le64(item, 176)?, level: byte(item, 238)?, generation: le64(item, 160)? },
            // The first form of this item ends before the UUIDs.
            is_snapshot: item.get(263..279).is_some_and(|parent| parent.iter().any(|byte| *byte != 0)),
            is_read_only: flags & READ_ONLY != 0,
            is_live: le32(item, 216)? != 0 && flags & DEAD == 0,
        })
    }
}

/// Where tree blocks stand, at most `most` of them, evenly: of each tree the first block, and those that it names.
pub(crate) fn structures(volume: &Volume, most: u64) -> Vec<u64> {
    let (root, chunks) = (volume.superblock.root, volume.superblock.chunk_root);
    let items = volume.items(root, Key::new(0, 0, 0)).flatten().take(MAX_SAMPLED);
    let trees = items.filter(|found| found.key.kind == kind::ROOT);
    let trees: Vec<Root> =
        trees.filter_map(|found| Subvolume::parse(found.data())).map(|tree| tree.root).collect();
    let mut places = BTreeSet::new();
    for root in [root, chunks].into_iter().chain(trees) {
        places.extend(volume.places(root.at));
        if let Ok(block) = volume.first_block(root) {
            block.below().for_each(|at| places.extend(volume.places(at)));
        }
    }
    let places: Vec<u64> = places.into_iter().collect();
    let chosen = evenly(length(places.len()), most);
    chosen.filter_map(|index| places.get(usize::try_from(index).ok()?).copied()).collect()
}

/// Entries for inodes that wait to be released.
fn orphans(volume: &Volume, root: Root) -> usize {
    let items = volume.items(root, Key::new(ORPHANS, kind::ORPHAN, 0)).flatten();
    items.take_while(|found| (found.key.object, found.key.kind) == (ORPHANS, kind::ORPHAN)).count()
}

fn place(item: &[u8]) -> Option<(u64, Vec<u8>)> {
    let length = usize::from(le16(item, 16)?);
    Some((le64(item, 0)?, item.get(18..)?.get(..length)?.to_vec()))
}

fn is_subvolume(number: u64) -> bool {
    number == TOP || (FIRST..=LAST_SUBVOLUME).contains(&number)
}

const CHECKSUM_TREE: u64 = 7;
/// The directory of the root tree that names the default subvolume.
const ROOT_DIRECTORY: u64 = 6;
/// The object of entries for inodes without a name: -5.
const ORPHANS: u64 = u64::MAX - 4;
const READ_ONLY: u64 = 1;
/// Items of the root tree that are looked at for places of trees.
const MAX_SAMPLED: usize = 4096;
const DEAD: u64 = 1 << 48;
/// Subvolumes kept in memory: ten times what file systems with hourly snapshots over years hold.
const MAX_SUBVOLUMES: usize = 1 << 20;
