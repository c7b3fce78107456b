//! Stacks: volumes that are put together from pieces of media, Linux software RAID and LVM2.
//!
//! Implements `docs/spec/volumes.md`, "Stacks".
//!
//! ```text
//! pieces   two partitions
//! level 1  md:5f1c2d3e-...            RAID 1 of 2 members, a physical volume of LVM
//! level 2  lvm:jsRy1d-...:oIFfbe-...  a linear logical volume on it
//! ```
//!
//! Nothing is activated and nothing is rebuilt. What is recognised and not read is named.

mod joined;
mod lvm;
mod md;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::bytes::{ByteSource, ReadFault};

/// A piece of a medium that may be a member of a stack: a partition, a whole disk, or a volume made by another stack.
#[derive(Clone)]
pub(crate) struct Piece {
    /// Where it is, without names.
    pub(crate) place: String,
    /// Its bytes.
    pub(crate) bytes: Arc<dyn ByteSource>,
}

/// A volume that was put together.
#[derive(Clone)]
pub(crate) struct Assembled {
    /// `md:<array uuid>` or `lvm:<group uuid>:<volume uuid>`; `:2` and so on behind it where another one has the same.
    pub(crate) place: String,
    /// What it is, in words: `RAID 1 of 2 members, 1 missing`.
    pub(crate) what: String,
    /// What people called it, for those who ask about a medium; content of the medium, never in a message.
    pub(crate) name: Option<String>,
    /// Its bytes.
    pub(crate) bytes: Arc<dyn ByteSource>,
    /// The places of the pieces that it is made of: those that are used.
    pub(crate) members: Vec<String>,
    /// Where its data lie on them.
    pub(crate) spans: Vec<(String, Range<u64>)>,
    /// What this reading does not cover or had to assume, in sentences without names.
    pub(crate) limits: Vec<String>,
    /// Which state it is of: the events that an array counts, the number of a volume group's text.
    pub(crate) state: u64,
}

/// Something recognised that cannot be put together.
#[derive(Clone, Debug)]
pub(crate) struct Unassembled {
    /// As for what was put together; the piece's own place where no more is known.
    pub(crate) place: String,
    /// What it is, in words.
    pub(crate) what: String,
    /// What people called it, as in [`Assembled`].
    pub(crate) name: Option<String>,
    /// The places of the pieces that belong to it.
    pub(crate) members: Vec<String>,
    /// Why it is not put together, in a sentence without names.
    pub(crate) why: String,
}

/// What is on a member of a volume group, and in no volume of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Free {
    /// The place of the piece.
    pub(crate) place: String,
    /// Ascending, none empty.
    pub(crate) ranges: Vec<Range<u64>>,
}

/// What some pieces make up.
#[derive(Clone, Default)]
pub(crate) struct Assembly {
    /// What was put together.
    pub(crate) volumes: Vec<Assembled>,
    /// What was recognised and is not read.
    pub(crate) unread: Vec<Unassembled>,
    /// What no volume of a group has.
    pub(crate) free: Vec<Free>,
    /// What identifies the arrays and groups that were met, put together or not: kind, value, and the place of a piece that
    /// shows it. A spare, a faulty drive and a journal show none: what an array holds is not on them.
    pub(crate) ids: BTreeSet<(&'static str, String, String)>,
}

/// What is known from one call of [`assemble_all`] to the next: what comes again keeps its place, another state of it
/// gets one of its own, and no metadata text is read twice.
#[derive(Default)]
pub(crate) struct Known {
    /// The place of each volume, by identity, state, and which of those it is.
    places: BTreeMap<(String, u64, usize), String>,
    /// How many volumes have each identity.
    counts: BTreeMap<String, usize>,
    pub(crate) texts: lvm::Texts,
}

impl Known {
    /// The place of the volume that is number `nth` of an identity in one state: `md:5f1c...`, and `md:5f1c...:2` for
    /// the second volume of that identity.
    fn place(&mut self, identity: &str, state: u64, nth: usize) -> String {
        let key = (identity.to_owned(), state, nth);
        if let Some(place) = self.places.get(&key) {
            return place.clone();
        }
        let count = self.counts.entry(identity.to_owned()).or_default();
        *count = count.saturating_add(1);
        let place = numbered(identity, *count);
        self.places.insert(key, place.clone());
        place
    }
}

/// The place of the first, the second and so on of one identity.
fn numbered(identity: &str, number: usize) -> String {
    if number > 1 { format!("{identity}:{number}") } else { identity.to_owned() }
}

/// Whether a piece is a member of a stack: by a sound superblock or label; by any mark of one where nothing else is there.
///
/// A member of a mirror with its metadata at the end looks like a bare file system: it must not be read as that.
pub(crate) fn is_member(bytes: &dyn ByteSource, is_file_system: bool) -> bool {
    md::is_member(bytes, is_file_system) || lvm::is_member(bytes, is_file_system)
}

/// How the data of a RAID member lie on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Shape {
    /// The array's data begin at the piece's first byte: what stands there is the array's.
    pub(crate) from_the_start: bool,
    /// Each member holds all data.
    pub(crate) mirror: bool,
}

/// How the data of a RAID member lie on it; `None` where the piece has no sound superblock.
pub(crate) fn shape(bytes: &dyn ByteSource) -> Option<Shape> {
    md::shape(bytes)
}

/// What the pieces make up: one level. A member of a RAID is not looked at as a physical volume of LVM.
///
/// A read error on one piece does not end the others: it becomes a limit, or makes something unread. To go on with LVM on
/// RAID, ask again with the volumes found and all pieces that are no member, as [`assemble_all`] does.
///
/// # Errors
///
/// None in this version; [`ReadFault`] is kept for pieces without which nothing could be said.
pub(crate) fn assemble(pieces: &[Piece], known: &mut Known) -> Result<Assembly, ReadFault> {
    let mut assembly = Assembly::default();
    let members = md::arrays(pieces, &mut assembly);
    lvm::groups(pieces, &members, &mut assembly, &mut known.texts);
    let own: BTreeSet<&str> = pieces.iter().map(|piece| piece.place.as_str()).collect();
    let mut met: BTreeMap<(String, u64), usize> = BTreeMap::new();
    for volume in &mut assembly.volumes {
        let nth = met.entry((volume.place.clone(), volume.state)).or_default();
        *nth = nth.saturating_add(1);
        volume.place = known.place(&volume.place, volume.state, *nth);
    }
    // What is not read stands behind all that is.
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for other in assembly.unread.iter_mut().filter(|other| !own.contains(other.place.as_str())) {
        let read = known.counts.get(&other.place).copied().unwrap_or_default();
        let count = counts.entry(other.place.clone()).or_insert(read);
        *count = count.saturating_add(1);
        other.place = numbered(&other.place, *count);
    }
    Ok(assembly)
}

/// What the pieces make up, and what that makes up, to [`MAX_LEVELS`]: LVM on RAID, RAID on RAID, groups over both.
///
/// A volume that is a member of another one is among the volumes too. Where a newer state of one comes to light inside
/// another, both are.
///
/// # Errors
///
/// As [`assemble`].
pub(crate) fn assemble_all(pieces: &[Piece], known: &mut Known) -> Result<Assembly, ReadFault> {
    let mut pieces = pieces.to_vec();
    let mut volumes: BTreeMap<String, Assembled> = BTreeMap::new();
    let (mut unread, mut free, mut ids) = (Vec::new(), Vec::new(), BTreeSet::new());
    for _ in 0..MAX_LEVELS {
        let found = assemble(&pieces, known)?;
        // What could not be read with fewer pieces may be readable with more: the last word counts.
        (unread, free) = (found.unread, found.free);
        ids.extend(found.ids);
        let before = volumes.len();
        for volume in found.volumes {
            // All pieces stay, so that what was put together before comes again under the same place.
            if !volumes.contains_key(&volume.place) {
                pieces.push(Piece { place: volume.place.clone(), bytes: Arc::clone(&volume.bytes) });
                volumes.insert(volume.place.clone(), volume);
            }
        }
        if volumes.len() == before {
            break;
        }
    }
    Ok(Assembly { volumes: volumes.into_values().collect(), unread, free, ids })
}

/// Most levels of stacks on each other. Two are common, three are known; more is a puzzle, not a server.
const MAX_LEVELS: usize = 4;

/// Bytes in the sectors that both formats count in, whatever the disk has.
const SECTOR: u64 = 512;

/// Longest volume: beyond it, offsets leave what the operating system can state.
const MAX_LENGTH: u64 = 1 << 62;

#[cfg(test)]
pub(crate) mod tests;
