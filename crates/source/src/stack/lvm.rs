//! LVM2: logical volumes put together from physical volumes.
//!
//! ```text
//! lvm:jsRy1d-0d2u-...:oIFfbe-9enc-...   a linear logical volume on 2 physical volumes
//! ```
//!
//! Of all metadata texts of a group, the newest counts. Linear and striped segments are read; what is thin, cached, mirrored or a
//! snapshot is named. Volumes that are parts of others are not given as volumes.

mod free;
mod group;
mod label;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::joined::{Joined, Layout, Member, Stretch};
use super::{Assembled, Assembly, Piece, SECTOR, Unassembled};
use group::{Group, Logical, group};
use label::Label;

use crate::bytes::{ByteSource, length};

/// Puts logical volumes together from the pieces that are not in `members`.
pub(super) fn groups(
    pieces: &[Piece],
    members: &BTreeSet<String>,
    assembly: &mut Assembly,
    texts: &mut Texts,
) {
    let mut found = Found::default();
    for piece in pieces.iter().filter(|piece| !members.contains(&piece.place)) {
        found.look(piece, assembly, texts);
    }
    let Found { physical, groups, damage } = found;
    let mut claimed = BTreeSet::new();
    for Texted { newest: group, mut notes, at, .. } in groups.into_values() {
        assembly.ids.extend(at.into_iter().map(|place| ("vg_uuid", group.id.clone(), place)));
        for volume in group.physical.values() {
            claimed.insert(volume.id.clone());
            if let (Some(piece), Some(why)) = (physical.get(&volume.id), damage.get(&volume.id)) {
                notes.push(format!("a copy of the metadata at {} is not used: {why}", piece.place));
            }
        }
        // They are said of each volume.
        let more = notes.len().saturating_sub(MAX_NOTES);
        notes.truncate(MAX_NOTES);
        if more > 0 {
            notes.push(format!("{more} more remarks on the texts of its volume group are left out"));
        }
        let volumes = Volumes { group: &group, physical: &physical, limits: &notes };
        volumes.put_together(assembly);
        assembly.free.extend(free::free(&group, &physical));
    }
    for (id, piece) in physical.into_iter().filter(|(id, _)| !claimed.contains(id)) {
        let why =
            damage.get(&id).map_or("no metadata that is there describes its volume group", String::as_str);
        assembly.unread.push(alone(&piece, why.to_owned()));
    }
}

/// Whether the label of a physical volume is on it; a sound one where a file system is there too.
pub(super) fn is_member(bytes: &dyn ByteSource, is_file_system: bool) -> bool {
    matches!(label::find(bytes), Ok(Some(label)) if label.is_ok() || !is_file_system)
}

fn alone(piece: &Piece, why: String) -> Unassembled {
    let (place, members) = (piece.place.clone(), vec![piece.place.clone()]);
    Unassembled { place, what: "an LVM physical volume".into(), name: None, members, why }
}

/// What the metadata areas hold, each read once, and each text parsed once however many areas hold it.
#[derive(Default)]
pub(crate) struct Texts {
    /// By the piece's place, and the area's first byte and length.
    areas: BTreeMap<(String, u64, u64), Read>,
    /// By SHA-256 of the text.
    groups: BTreeMap<[u8; 32], Read>,
    /// Bytes of texts read so far.
    bytes: u64,
}

/// The group that a text describes, nothing where an area holds none, or why it cannot be believed.
type Read = Result<Option<Arc<Group>>, String>;

impl Texts {
    fn read(&mut self, piece: &Piece, area: (u64, u64)) -> Read {
        let key = (piece.place.clone(), area.0, area.1);
        if let Some(known) = self.areas.get(&key) {
            return known.clone();
        }
        let read = self.parse(piece, area);
        self.areas.insert(key, read.clone());
        read
    }

    fn parse(&mut self, piece: &Piece, area: (u64, u64)) -> Read {
        if self.bytes > MAX_BYTES {
            return Err(format!("metadata texts of more than {MAX_BYTES} bytes together are not read"));
        }
        let Some(text) = label::text(piece.bytes.as_ref(), area)? else { return Ok(None) };
        self.bytes = self.bytes.saturating_add(length(text.len()));
        let parse = || group(&text::parse(&text)?).map(|group| Some(Arc::new(group)));
        self.groups.entry(Sha256::digest(&text).into()).or_insert_with(parse).clone()
    }

    /// How many different texts were parsed.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.groups.len()
    }
}

/// What the pieces hold.
#[derive(Default)]
struct Found {
    /// Physical volumes, by UUID.
    physical: BTreeMap<String, Piece>,
    /// The newest description of each group, and what there is to say of the others.
    groups: BTreeMap<String, Texted>,
    /// What is wrong with the metadata on a physical volume.
    damage: BTreeMap<String, String>,
}

/// The texts of one group.
struct Texted {
    newest: Arc<Group>,
    notes: Vec<String>,
    /// All that were compared.
    met: Vec<Arc<Group>>,
    /// The places of the pieces that bear one.
    at: BTreeSet<String>,
}

impl Found {
    fn look(&mut self, piece: &Piece, assembly: &mut Assembly, texts: &mut Texts) {
        let Label { uuid, areas } = match label::find(piece.bytes.as_ref()) {
            Ok(None) => return,
            Ok(Some(Ok(label))) => label,
            Ok(Some(Err(why))) => return assembly.unread.push(alone(piece, why)),
            Err(fault) => {
                let what = "a piece that may be an LVM physical volume".into();
                return assembly.unread.push(Unassembled { what, ..alone(piece, fault.to_string()) });
            }
        };
        if let Some(other) = self.physical.get(&uuid) {
            let why = format!("it has the identity of the one at {}, which is used", other.place);
            return assembly.unread.push(alone(piece, why));
        }
        for area in areas {
            match texts.read(piece, area) {
                Ok(Some(group)) => self.add(group, &piece.place),
                Ok(None) => {}
                Err(why) => _ = self.damage.insert(uuid.clone(), why),
            }
        }
        self.physical.insert(uuid, piece.clone());
    }

    fn add(&mut self, group: Arc<Group>, place: &str) {
        let Some(Texted { newest: known, notes, met, at }) = self.groups.get_mut(&group.id) else {
            let (id, met) = (group.id.clone(), vec![Arc::clone(&group)]);
            let at = BTreeSet::from([place.to_owned()]);
            self.groups.insert(id, Texted { newest: group, notes: Vec::new(), met, at });
            return;
        };
        at.insert(place.to_owned());
        if met.iter().any(|other| Arc::ptr_eq(other, &group)) {
            return;
        }
        met.push(Arc::clone(&group));
        if group.seqno == known.seqno {
            if group != *known {
                notes.push(format!(
                    "two texts of the volume group have the number {}, and differ: the first is used, not the one at {place}",
                    group.seqno
                ));
            }
            return;
        }
        let (old, new) = (group.seqno.min(known.seqno), group.seqno.max(known.seqno));
        notes.push(format!(
            "metadata {new} of the volume group is used, not the older {old} (compared at {place})"
        ));
        if group.seqno > known.seqno {
            *known = group;
        }
    }
}

/// A group, and what there is of it.
struct Volumes<'a> {
    group: &'a Group,
    physical: &'a BTreeMap<String, Piece>,
    limits: &'a [String],
}

impl Volumes<'_> {
    fn put_together(&self, assembly: &mut Assembly) {
        let before = (assembly.volumes.len(), assembly.unread.len());
        let parts = self.group.parts();
        for volume in &self.group.logical {
            let what = if volume.store {
                Err("it keeps the blocks of a snapshot, which is not read".to_owned())
            } else if volume.visible {
                self.volume(volume)
            } else if parts.contains(volume.name.as_str()) {
                continue;
            } else {
                Err("it is hidden, and no other volume uses it".to_owned())
            };
            match what {
                Ok(volume) => assembly.volumes.push(volume),
                Err(why) => assembly.unread.push(self.unread(volume, why)),
            }
        }
        if before == (assembly.volumes.len(), assembly.unread.len()) {
            assembly.unread.push(Unassembled {
                place: format!("lvm:{}", self.group.id),
                what: "an LVM volume group".into(),
                name: Some(self.group.name.clone()),
                members: self
                    .group
                    .physical
                    .values()
                    .filter_map(|one| Some(self.physical.get(&one.id)?.place.clone()))
                    .collect(),
                why: "it has no logical volumes".into(),
            });
        }
    }

    fn place(&self, volume: &Logical) -> String {
        format!("lvm:{}:{}", self.group.id, volume.id)
    }

    fn name(&self, volume: &Logical) -> Option<String> {
        Some(format!("{}/{}", self.group.name, volume.name))
    }

    /// The pieces that a volume lies on, as far as they are there.
    fn members(&self, volume: &Logical) -> Vec<String> {
        let mentioned = volume.uses.iter().filter_map(|name| self.group.physical.get(name));
        mentioned.filter_map(|one| Some(self.physical.get(&one.id)?.place.clone())).collect()
    }

    fn unread(&self, volume: &Logical, why: String) -> Unassembled {
        let (place, name) = (self.place(volume), self.name(volume));
        Unassembled { place, what: "an LVM logical volume".into(), name, members: self.members(volume), why }
    }

    fn volume(&self, volume: &Logical) -> Result<Assembled, String> {
        let segments = volume.segments.clone()?;
        let overflow = || "its length overflows".to_owned();
        let unit = self.group.extent.checked_mul(SECTOR).ok_or_else(overflow)?;
        let mut limits = self.limits.to_vec();
        let mut index_of: BTreeMap<&str, usize> = BTreeMap::new();
        let (mut members, mut stretches, mut start, mut widest) = (Vec::new(), Vec::new(), 0_u64, 1);
        let (mut extents, mut spans) = (Vec::new(), Vec::<(String, Range<u64>)>::new());
        for segment in &segments {
            let length = segment.extents.checked_mul(unit).ok_or_else(overflow)?;
            let count = u64::try_from(segment.areas.len()).unwrap_or(u64::MAX);
            let deep = segment.extents.checked_div(count).ok_or_else(overflow)?;
            let mut areas = Vec::new();
            for (name, first) in &segment.areas {
                let (name, one) = self
                    .group
                    .physical
                    .get_key_value(name)
                    .ok_or("it lies on other logical volumes (a move, or parts)")?;
                if first.checked_add(deep).is_none_or(|end| end > one.extents) {
                    return Err(format!(
                        "it uses {deep} extents from {first} of a physical volume of {}",
                        one.extents
                    ));
                }
                let at = first.checked_mul(unit).ok_or_else(overflow)?;
                let index = match index_of.get(name.as_str()) {
                    Some(index) => *index,
                    None => {
                        index_of.insert(name, members.len());
                        members.push(Some(self.member(one)?));
                        members.len().saturating_sub(1)
                    }
                };
                if let Some(Some(member)) = members.get(index) {
                    let end = deep
                        .checked_mul(unit)
                        .and_then(|deep| member.start.checked_add(at)?.checked_add(deep));
                    let end = end.ok_or_else(overflow)?;
                    if end > member.bytes.len() {
                        let there = member.bytes.len();
                        limits.push(format!(
                            "a physical volume ends at byte {there}, this volume's data on it at {end}"
                        ));
                    }
                }
                if let (Some(Some(member)), Some(piece)) = (members.get(index), self.physical.get(&one.id)) {
                    let from = member.start.saturating_add(at);
                    spans.push((piece.place.clone(), from..from.saturating_add(deep.saturating_mul(unit))));
                }
                areas.push((index, at));
                extents.push((index, *first, deep));
            }
            widest = widest.max(areas.len());
            let chunk = if areas.len() == 1 { Some(length) } else { segment.stripe.checked_mul(SECTOR) };
            let chunk = chunk.ok_or_else(overflow)?;
            // A last row of stripes that is not full would not be where a full one is.
            if !deep.checked_mul(unit).ok_or_else(overflow)?.is_multiple_of(chunk.max(1)) && areas.len() > 1 {
                return Err(format!("its stripes of {} sectors do not fill its extents", segment.stripe));
            }
            stretches.push(Stretch { start, length, chunk, turn: 0, areas });
            start = start.checked_add(length).ok_or_else(overflow)?;
        }
        extents.sort_unstable();
        let mut pairs = extents.iter().zip(extents.iter().skip(1));
        if pairs
            .any(|((one, first, deep), (other, next, _))| one == other && first.saturating_add(*deep) > *next)
        {
            return Err("two of its segments lie on the same extents".into());
        }
        if volume.snapshots > 0 {
            limits.push(format!("snapshots of this volume are not read: {}", volume.snapshots));
        }
        let kind = if widest > 1 { "striped" } else { "linear" };
        let many = if members.len() == 1 { "" } else { "s" };
        let what = format!("a {kind} LVM logical volume on {} physical volume{many}", members.len());
        let joined = Joined::new(members, Layout::Stretches(stretches), start, &mut limits)?;
        let (place, name) = (self.place(volume), self.name(volume));
        Ok(Assembled {
            place,
            what,
            name,
            bytes: Arc::new(joined),
            members: self.members(volume),
            spans,
            limits,
            state: self.group.seqno,
        })
    }

    fn member(&self, one: &group::Physical) -> Result<Member, String> {
        if one.missing {
            return Err(format!(
                "the physical volume {} was missing when the group was last changed",
                one.id
            ));
        }
        let piece = self
            .physical
            .get(&one.id)
            .ok_or_else(|| format!("the physical volume {} is not there", one.id))?;
        let start = one.start.checked_mul(SECTOR).ok_or("a physical volume's extents begin nowhere")?;
        Ok(Member { bytes: Arc::clone(&piece.bytes), start, bad: Vec::new() })
    }
}

/// Most remarks on a group's texts.
const MAX_NOTES: usize = 8;
/// Most bytes of metadata texts read of one medium: a group of a thousand volumes has one of some 500 KB on each disk.
const MAX_BYTES: u64 = 512 << 20;
