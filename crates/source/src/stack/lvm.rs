//! LVM2: logical volumes put together from physical volumes.
//!
//! ```text
//! lvm:jsRy1d-0d2u-...:oIFfbe-9enc-...   a linear logical volume on 2 physical volumes
//! ```
//!
//! Of all metadata texts of a group, the newest counts. Linear and striped segments are read; what is thin, cached, mirrored or a
//! snapshot is named. Volumes that are parts of others are not given as volumes.

mod group;
mod label;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::joined::{Joined, Layout, Member, Stretch};
use super::{Assembled, Assembly, Piece, SECTOR, Unassembled};
use group::{Group, Logical, group};
use label::Label;

use crate::bytes::ByteSource;

/// Puts logical volumes together from the pieces that are not in `members`.
pub(super) fn groups(pieces: &[Piece], members: &BTreeSet<String>, assembly: &mut Assembly) {
    let mut found = Found::default();
    for piece in pieces.iter().filter(|piece| !members.contains(&piece.place)) {
        found.look(piece, assembly);
    }
    let Found { physical, groups, damage } = found;
    let mut claimed = BTreeSet::new();
    for (group, mut notes) in groups.into_values() {
        for volume in group.physical.values() {
            claimed.insert(volume.id.clone());
            if let (Some(piece), Some(why)) = (physical.get(&volume.id), damage.get(&volume.id)) {
                notes.push(format!("a copy of the metadata at {} is not used: {why}", piece.place));
            }
        }
        let volumes = Volumes { group: &group, physical: &physical, limits: &notes };
        volumes.put_together(assembly);
    }
    for (id, piece) in physical.into_iter().filter(|(id, _)| !claimed.contains(id)) {
        let why =
            damage.get(&id).map_or("no metadata that is there describes its volume group", String::as_str);
        assembly.unread.push(alone(&piece, why.to_owned()));
    }
}

/// Whether the label of a physical volume is on it.
pub(super) fn is_member(bytes: &dyn ByteSource) -> bool {
    matches!(label::find(bytes), Ok(Some(_)))
}

fn alone(piece: &Piece, why: String) -> Unassembled {
    let (place, members) = (piece.place.clone(), vec![piece.place.clone()]);
    Unassembled { place, what: "an LVM physical volume".into(), name: None, members, why }
}

/// What the pieces hold.
#[derive(Default)]
struct Found {
    /// Physical volumes, by UUID.
    physical: BTreeMap<String, Piece>,
    /// The newest description of each group, and what there is to say of the others.
    groups: BTreeMap<String, (Group, Vec<String>)>,
    /// What is wrong with the metadata on a physical volume.
    damage: BTreeMap<String, String>,
}

impl Found {
    fn look(&mut self, piece: &Piece, assembly: &mut Assembly) {
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
            let read = label::text(piece.bytes.as_ref(), area);
            match read.and_then(|text| text.map(|text| group(&text::parse(&text)?)).transpose()) {
                Ok(Some(group)) => self.add(group, &piece.place),
                Ok(None) => {}
                Err(why) => _ = self.damage.insert(uuid.clone(), why),
            }
        }
        self.physical.insert(uuid, piece.clone());
    }

    fn add(&mut self, group: Group, place: &str) {
        let Some((known, notes)) = self.groups.get_mut(&group.id) else {
            self.groups.insert(group.id.clone(), (group, Vec::new()));
            return;
        };
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
                areas.push((index, at));
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
        if volume.snapshots > 0 {
            limits.push(format!("snapshots of this volume are not read: {}", volume.snapshots));
        }
        let kind = if widest > 1 { "striped" } else { "linear" };
        let many = if members.len() == 1 { "" } else { "s" };
        let what = format!("a {kind} LVM logical volume on {} physical volume{many}", members.len());
        let joined = Joined::new(members, Layout::Stretches(stretches), start)
            .ok_or("it has no length that can be")?;
        let (place, name) = (self.place(volume), self.name(volume));
        Ok(Assembled { place, what, name, bytes: Arc::new(joined), members: self.members(volume), limits })
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
