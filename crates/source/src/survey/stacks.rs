//! Members of stacks: what they make up, what they hold besides, and what stays unread.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Found, Level, MEMBER, Span, Survey, shown};
use crate::file_system::recognise;
use crate::medium::{Layer, LayerState, UnreadVolume};
use crate::names;
use crate::probe;
use crate::stack::{self, Assembled, Free, Piece, Unassembled};
use crate::walk::SourceError;

impl Survey {
    /// Makes volumes of the members found so far.
    pub(super) fn put_together(&mut self) {
        let pieces: Vec<Piece> = self
            .members
            .iter()
            .filter(|member| !self.assembled.contains(&member.place))
            .map(|member| Piece { place: member.place.clone(), bytes: Arc::clone(&member.bytes) })
            .collect();
        let assembly = match stack::assemble_all(&pieces, &mut self.stacks) {
            Ok(assembly) => assembly,
            Err(error) => {
                self.limits.push(format!("RAID arrays and volume groups could not be put together: {error}"));
                return;
            }
        };
        // With more members, more may have been put together: what counts is said at the end.
        self.unassembled = assembly.unread;
        self.free = assembly.free;
        self.levels_of(&assembly.volumes);
        for (kind, value, place) in assembly.ids {
            let level = self.level(&place);
            self.identity((kind, value), &place, (level, Level::Part));
        }
        for volume in assembly.volumes {
            self.used.extend(volume.members.iter().cloned());
            self.made_of.insert(volume.place.clone(), volume.members.clone());
            for member in &volume.members {
                let reach = self.reach.entry(member.clone()).or_default();
                *reach = volume.bytes.len().max(*reach);
            }
            if !self.assembled.insert(volume.place.clone()) {
                continue;
            }
            for (outer, range) in volume.spans {
                if self.spans.len() < MAX_SPANS {
                    let (place, bytes) = (volume.place.clone(), Arc::clone(&volume.bytes));
                    self.spans.push(Span { outer, place, range, bytes });
                }
            }
            self.limits.extend(volume.limits.iter().map(|limit| format!("{}: {limit}", volume.place)));
            let stated = format!("{}, of {}", volume.what, places(&volume.members));
            let name = volume.name.as_deref().and_then(|name| names::shown(name.as_bytes()));
            let stated = self.named(stated, "named", name);
            let level = self.level(&volume.place);
            self.wait(Found {
                place: volume.place,
                start: None,
                stated,
                bytes: volume.bytes,
                depth: 0,
                level,
            });
        }
    }

    /// How near to the drives each of these volumes is: an array as its farthest member, a logical volume never.
    fn levels_of(&mut self, volumes: &[Assembled]) {
        // Each may lie on those behind it.
        loop {
            let before = self.levels.len();
            for volume in volumes.iter().filter(|volume| !volume.place.starts_with("lvm:")) {
                let levels = volume.members.iter().map(|place| self.levels.get(place).copied());
                let level = levels.collect::<Option<Vec<_>>>().and_then(|levels| levels.into_iter().max());
                self.levels.extend(level.map(|level| (volume.place.clone(), level)));
            }
            if self.levels.len() == before {
                return;
            }
        }
    }

    fn level(&self, place: &str) -> Level {
        self.levels.get(place).copied().unwrap_or(Level::Within)
    }

    /// Looks at members for a file system or a table of their own: a superblock, left over from an earlier use or
    /// planted, must not hide what can be read.
    pub(super) fn look_inside_members(&mut self) {
        for member in self.members.clone() {
            if self.looked_inside.insert(member.place.clone())
                && let Err(error) = self.look_inside_member(&member)
            {
                self.limits.push(format!("{}, {MEMBER}: {error}", shown(&member.place)));
            }
        }
    }

    fn look_inside_member(&mut self, member: &Found) -> Result<(), SourceError> {
        let shape = stack::shape(member.bytes.as_ref());
        let from_the_start = shape.is_some_and(|shape| shape.from_the_start);
        let (place, length) = (shown(&member.place), member.bytes.len());
        let reach = self.reach.get(&member.place).copied().filter(|_| from_the_start);
        if reach.is_some_and(|reach| reach.saturating_add(BESIDE) >= length) {
            return Ok(()); // the array has it
        }
        if let Some(reach) = reach {
            self.limits.push(format!(
                "{place} has {length} bytes, of which the array that it is in reaches {reach}"
            ));
        } else if from_the_start && !shape.is_some_and(|shape| shape.mirror) {
            // The first piece of something striped looks like the whole: its files would be read wrongly.
            for (mark, _) in self.other_marks(member, true, [].iter())? {
                self.limits.push(format!("{place} bears the mark of {mark} as the first of several pieces"));
            }
            if let Some(kind) = recognise(&probe::head(member.bytes.as_ref())?) {
                self.limits.push(format!(
                    "{place} bears the mark of {} as the first of several pieces; it is not read by itself",
                    kind.name
                ));
            }
            return Ok(());
        }
        let before = (self.sources.len(), self.met);
        self.look_inside(member, true)?;
        if before != (self.sources.len(), self.met) {
            let used = if self.used.contains(&member.place) { "both are read" } else { "the latter is read" };
            self.limits.push(format!(
                "{} is {MEMBER}, and holds a file system or partitions of its own; {used}: one may be left over from \
                 an earlier use, and its files hold bytes of the other",
                shown(&member.place)
            ));
            self.used.insert(member.place.clone());
        }
        Ok(())
    }

    /// Says what stayed unread.
    pub(super) fn end(&mut self) {
        for volume in std::mem::take(&mut self.unassembled) {
            self.not_put_together(&volume);
        }
        for free in std::mem::take(&mut self.free) {
            self.free(free);
        }
        self.name_marks();
        let (count, bytes) = self.beyond;
        if count > 0 {
            self.limits.push(format!(
                "{count} more partitions and volumes, of {bytes} bytes together, are in no layer, and not looked at"
            ));
        }
        // What rounds had no end for is not lost in silence.
        for found in std::mem::take(&mut self.waiting) {
            self.not_looked_at(&found, "tables and stacks go deeper than is followed".to_owned());
        }
        self.part_what_overlaps();
    }

    /// What no volume of a group has on one of its members: a volume that was removed lies there.
    fn free(&mut self, free: Free) {
        let member = self.members.iter().find(|member| member.place == free.place).cloned();
        // What is preserved whole has it; of what is no member by itself nothing more is known.
        let Some(member) = member.filter(|_| !self.is_unread(&free.place)) else { return };
        for range in free.ranges {
            let length = range.end.saturating_sub(range.start);
            self.uncovered(&member, "free", (range.start, length), &[], "no logical volume has it");
        }
    }

    fn not_put_together(&mut self, volume: &Unassembled) {
        let mut why = volume.why.clone();
        if volume.members != [volume.place.clone()] {
            why = format!("{why} (of {})", places(&volume.members));
        }
        // Its members' bytes are what there is to preserve; not those of a member that also carries what is read:
        // files of others are on it.
        let members: BTreeSet<&String> = volume.members.iter().collect();
        let kept: Vec<Found> =
            self.members.iter().filter(|member| members.contains(&member.place)).cloned().collect();
        if kept.iter().any(|member| self.used.contains(&member.place)) {
            why.push_str("; what it lies on also carries what is read, and is not preserved whole");
        }
        self.limits.push(format!("{}: {}, not read: {why}", shown(&volume.place), volume.what));
        if volume.members != [volume.place.clone()] {
            self.layers.push(Layer {
                place: volume.place.clone(),
                start: None,
                length: 0,
                stated: String::new(),
                what: volume.what.clone(),
                members: volume.members.clone(),
                state: LayerState::Unread(why),
            });
        }
        for member in kept {
            let known = self.unread.iter().any(|known| known.place == member.place);
            if known || self.used.contains(&member.place) {
                continue;
            }
            let state = LayerState::Unread(format!("{}: {}", volume.what, volume.why));
            for layer in
                self.layers.iter_mut().filter(|layer| layer.place == member.place && layer.what == MEMBER)
            {
                layer.state = state.clone();
            }
            self.unread.push(UnreadVolume {
                place: member.place,
                what: "a member of something that cannot be put together".to_owned(),
                ids: Vec::new(),
                bytes: member.bytes,
            });
        }
    }
}

/// Most bytes that stand beside an array's data on a member whose data begin at byte 0: superblock, bitmap, list of bad blocks.
const BESIDE: u64 = 1 << 20;

/// Most places of data kept, of what was put together: a thousand volumes on some disks each.
const MAX_SPANS: usize = 1 << 16;

fn places(members: &[String]) -> String {
    members.iter().map(|place| shown(place)).collect::<Vec<_>>().join(", ")
}
