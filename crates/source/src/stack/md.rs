//! Linux software RAID (md): arrays put together from members that carry metadata 1.x.
//!
//! ```text
//! md:5f1c2d3e-00000000-...   RAID 1 of 2 members, 1 missing
//! ```
//!
//! Read are linear, RAID 0, RAID 1 and RAID 10, complete or with as many members as are needed. Sources: Linux,
//! `include/uapi/linux/raid/md_p.h`, md(4).

mod superblock;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::bytes::{ByteSource, length};

use super::joined::{Joined, Layout, Member, Stretch, Ten};
use super::{Assembled, Assembly, Piece, SECTOR, Shape, Unassembled};
use superblock::{Found, HAS_BAD_BLOCKS, Superblock, find};

/// Puts arrays together. Returns the places of all pieces that are members of one, read or not.
pub(super) fn arrays(pieces: &[Piece], assembly: &mut Assembly) -> BTreeSet<String> {
    let mut sets: BTreeMap<[u8; 16], Vec<Claim>> = BTreeMap::new();
    let mut old: BTreeMap<([u8; 16], i32), Vec<String>> = BTreeMap::new();
    let mut members = BTreeSet::new();
    for piece in pieces {
        let unread = |what: &str, why| Unassembled {
            place: piece.place.clone(),
            what: what.into(),
            name: None,
            members: vec![piece.place.clone()],
            why,
        };
        match find(piece.bytes.as_ref()) {
            Ok(Found::Nothing) => continue,
            Ok(Found::Good(block)) => {
                if block.role().is_some_and(|role| !matches!(role, SPARE | FAULTY | JOURNAL)) {
                    assembly.ids.insert(("md_uuid", uuid(&block.set), piece.place.clone()));
                }
                sets.entry(block.set).or_default().push(Claim { piece, block });
            }
            Ok(Found::Old(set, level)) => old.entry((set, level)).or_default().push(piece.place.clone()),
            Ok(Found::Damaged(why)) => {
                assembly.unread.push(unread("a member of a Linux RAID", why));
                continue;
            }
            Err(fault) => {
                let what = "a piece that may be a member of a Linux RAID";
                assembly.unread.push(unread(what, fault.to_string()));
                continue;
            }
        }
        members.insert(piece.place.clone());
    }
    for ((set, level), members) in old {
        let (place, what) = (place(&set), format!("{} with metadata 0.90", level_name(level)));
        let why = "this metadata is not read".into();
        assembly.unread.push(Unassembled { place, what, name: None, members, why });
    }
    for claims in sets.into_values() {
        all_of(claims, assembly);
    }
    members
}

/// The array of an identity, and what its members that it has no use for make up among themselves: a copy of it, or an
/// older state. What the newest superblock does not speak for must not vanish behind it.
fn all_of(mut claims: Vec<Claim>, assembly: &mut Assembly) {
    for _ in 0..MAX_ARRAYS {
        if claims.is_empty() {
            return;
        }
        claims = array(claims, assembly);
    }
    for claim in claims {
        let why = format!("more than {MAX_ARRAYS} arrays have its identity");
        assembly.unread.push(unused(&claim, why));
    }
}

/// A piece of an array without a use in it.
fn unused(claim: &Claim, why: String) -> Unassembled {
    let place = claim.piece.place.clone();
    let what = format!("a member of a {}", level_name(claim.block.level));
    Unassembled { members: vec![place.clone()], place, what, name: None, why }
}

/// How a piece's data lie by its superblock, where it has a sound one.
pub(super) fn shape(bytes: &dyn ByteSource) -> Option<Shape> {
    match find(bytes) {
        Ok(Found::Good(block)) => {
            Some(Shape { from_the_start: block.data_offset == 0, mirror: block.level == 1 })
        }
        _ => None,
    }
}

/// Whether a superblock is on it; a sound one of version 1 where a file system is there too.
pub(super) fn is_member(bytes: &dyn ByteSource, is_file_system: bool) -> bool {
    match find(bytes) {
        Ok(Found::Good(_)) => true,
        Ok(Found::Old(..) | Found::Damaged(_)) => !is_file_system,
        Ok(Found::Nothing) | Err(_) => false,
    }
}

/// A piece, and the superblock found on it.
struct Claim<'a> {
    piece: &'a Piece,
    block: Box<Superblock>,
}

/// Puts one array together. Returns the members of its identity that may be another array: a copy, an older state.
fn array<'a>(mut claims: Vec<Claim<'a>>, assembly: &mut Assembly) -> Vec<Claim<'a>> {
    claims.sort_by_key(|claim| std::cmp::Reverse(claim.block.events));
    let Some(first) = claims.first() else { return claims };
    let block = first.block.clone();
    let mut limits = Vec::new();
    let Sorted { slots, mut used, others, idle } = sort(claims, &block, &mut limits);
    if used.is_empty() {
        used.extend(idle.into_iter().map(|member| member.place)); // the array is named, and its members are its own
    } else {
        assembly.unread.extend(idle);
    }
    let present: Vec<bool> = slots.iter().map(Option::is_some).collect();
    let missing = present.iter().filter(|present| !**present).count();
    let mut what = format!("{} of {} members", level_name(block.level), block.disks);
    if missing > 0 {
        what.push_str(&format!(", {missing} missing"));
        limits.push(format!(
            "{missing} of its {} members are not among what was given, or are not used: what they hold was not compared, and may be newer. \
             Give all drives of the array together",
            block.disks
        ));
    }
    let spans = slots.iter().flatten().map(Slot::span).collect();
    let name = Some(block.name.clone()).filter(|name| !name.is_empty());
    let place = place(&block.set);
    let joined = refusal(&block).map_or(Ok(()), Err).and_then(|()| {
        let (layout, sectors) = layout(&block, &slots, &mut limits)?;
        let length = sectors.saturating_mul(SECTOR);
        let members = slots.into_iter().map(|slot| slot.map(|slot| slot.member)).collect();
        Joined::new(members, layout, length, &mut limits)
    });
    match joined {
        Ok(joined) => assembly.volumes.push(Assembled {
            place,
            what,
            name,
            bytes: Arc::new(joined),
            members: used,
            spans,
            limits,
            state: block.events,
        }),
        Err(why) => {
            let why = std::iter::once(why).chain(limits).collect::<Vec<_>>().join("; ");
            assembly.unread.push(Unassembled { place, what, name, members: used, why });
        }
    }
    others
}

/// Why an array is not put together, whatever its members.
fn refusal(block: &Superblock) -> Option<String> {
    let Superblock { features, level, disks, .. } = block;
    if features & RESHAPING != 0 {
        return Some("it was being reshaped".into());
    }
    if features & !KNOWN_FEATURES != 0 {
        return Some(format!("it uses features that are not known: {:#x}", features & !KNOWN_FEATURES));
    }
    if !matches!(level, -1 | 0 | 1 | 10) {
        return Some(format!("{} is not read", level_name(*level)));
    }
    (*disks == 0 || *disks > MAX_DISKS).then(|| format!("it states {disks} members"))
}

/// A member in its place.
struct Slot {
    member: Member,
    /// Sectors of data.
    size: u64,
    /// The place of its piece.
    place: String,
}

impl Slot {
    /// The place of its piece, and where its data lie on it.
    fn span(&self) -> (String, Range<u64>) {
        let end = self.member.start.saturating_add(self.size.saturating_mul(SECTOR));
        (self.place.clone(), self.member.start..end)
    }
}

/// The members of an identity, sorted by what becomes of them.
struct Sorted<'a> {
    /// Those that can be used, by role.
    slots: Vec<Option<Slot>>,
    /// The places of those that are used; of the first of all where none is, so that the array belongs to something.
    used: Vec<String>,
    /// Those that may be an array of their own.
    others: Vec<Claim<'a>>,
    /// Those that no array can be made of.
    idle: Vec<Unassembled>,
}

/// Sorts the members; those that are not used are named in `limits`.
fn sort<'a>(claims: Vec<Claim<'a>>, array: &Superblock, limits: &mut Vec<String>) -> Sorted<'a> {
    let mut slots = Vec::new();
    slots.resize_with(usize::try_from(array.disks.min(MAX_DISKS)).unwrap_or_default(), || None);
    let mut sorted = Sorted { slots, used: Vec::new(), others: Vec::new(), idle: Vec::new() };
    // The member that speaks for the array is never tried again as another one: that would not end.
    let speaker = claims.first().map(|claim| claim.piece.place.clone());
    for claim in claims {
        let Claim { piece, block } = &claim;
        let (place, at) = (&piece.place, shown(&piece.place));
        limits.extend(
            block
                .others
                .iter()
                .map(|other| format!("the member at {at} also bears {other}, which is not used")),
        );
        let unfit = match unfit(block, array) {
            Some(unfit) => unfit,
            None => {
                let role = block.role();
                let slot = role.and_then(|role| sorted.slots.get_mut(usize::from(role)));
                match (slot, block.bad_blocks(piece.bytes.as_ref())) {
                    (None, _) => Unfit::Idle("has no place in it".into()),
                    (Some(Some(_)), _) => Unfit::Other("claims a place that another has".into()),
                    (_, Err(why)) => Unfit::Idle(format!("is not trusted: {why}")),
                    (Some(slot @ None), Ok(bad)) => {
                        *slot = Some(used(&claim, array, bad, limits));
                        sorted.used.push(place.clone());
                        continue;
                    }
                }
            }
        };
        let (Unfit::Idle(why) | Unfit::Other(why)) = &unfit;
        limits.push(format!("the member at {at} {why}, and is not used"));
        match unfit {
            Unfit::Other(_) if speaker.as_ref() != Some(place) => sorted.others.push(claim),
            Unfit::Other(why) | Unfit::Idle(why) => {
                let why = format!("it {why}, and is not used");
                sorted.idle.push(unused(&claim, why));
            }
        }
    }
    sorted
}

/// A place as a sentence names it.
fn shown(place: &str) -> &str {
    if place.is_empty() { "the medium itself" } else { place }
}

/// A member in its place, and what there is to say of it.
fn used(claim: &Claim, array: &Superblock, bad: Vec<std::ops::Range<u64>>, limits: &mut Vec<String>) -> Slot {
    let Claim { piece, block } = claim;
    let (place, at) = (&piece.place, shown(&piece.place));
    if block.features & HAS_BAD_BLOCKS != 0 {
        limits.push(format!("the member at {at} lists {} ranges that it does not hold", bad.len()));
    }
    let start = block.data_offset.saturating_mul(SECTOR);
    let size = if array.level < 1 { block.data_size } else { array.size };
    let end = start.saturating_add(size.saturating_mul(SECTOR));
    if end > piece.bytes.len() {
        let there = piece.bytes.len();
        limits.push(format!("the member at {at} ends at byte {there}, its data would at {end}"));
    }
    if block.events != array.events {
        limits.push(format!("the member at {at} is one event behind, and is used"));
    }
    Slot { member: Member { bytes: Arc::clone(&piece.bytes), start, bad }, size, place: place.clone() }
}

/// Why a member cannot be used, as the words that follow "the member at ...".
enum Unfit {
    /// It may be a member of another array of the same identity: a copy, or an older state.
    Other(String),
    /// Nothing can be made of it.
    Idle(String),
}

fn unfit(block: &Superblock, array: &Superblock) -> Option<Unfit> {
    if block.events.saturating_add(1) < array.events {
        let (counts, array) = (block.events, array.events);
        return Some(Unfit::Other(format!("is stale (it counts {counts} events, the array {array})")));
    }
    let same = block.level == array.level
        && block.layout == array.layout
        && block.size == array.size
        && block.chunk == array.chunk
        && block.disks == array.disks;
    if !same {
        return Some(Unfit::Other("contradicts the others on what the array is".into()));
    }
    let role = block.role().unwrap_or(SPARE);
    match role {
        SPARE => return Some(Unfit::Idle("is a spare".into())),
        FAULTY => return Some(Unfit::Idle("is marked as faulty".into())),
        JOURNAL => return Some(Unfit::Idle("is a journal".into())),
        _ => {}
    }
    if array.role_of(block.number) != Some(role) {
        return Some(Unfit::Other("is stale (the array no longer counts it as a member)".into()));
    }
    if block.features & REBUILDING != 0 {
        return Some(Unfit::Idle("was being rebuilt".into()));
    }
    if block.features & REPLACEMENT != 0 {
        return Some(Unfit::Idle("is a replacement for another".into()));
    }
    let unknown = block.features & !KNOWN_FEATURES;
    if unknown != 0 {
        return Some(Unfit::Idle(format!("uses features that are not known ({unknown:#x})")));
    }
    let (has, needs) = (block.data_size, array.size);
    (array.level >= 1 && has < needs)
        .then(|| Unfit::Idle(format!("has {has} sectors of data, the array needs {needs}")))
}

/// How the data lie, and how many sectors they are.
fn layout(
    block: &Superblock,
    slots: &[Option<Slot>],
    limits: &mut Vec<String>,
) -> Result<(Layout, u64), String> {
    let present = slots.iter().flatten().count();
    let lacking = || {
        let numbers =
            slots.iter().enumerate().filter(|(_, slot)| slot.is_none()).map(|(index, _)| index.to_string());
        let numbers: Vec<String> = numbers.take(MAX_NAMED).collect();
        format!(
            "what is there does not hold all data: members {} are missing (counted from 0)",
            numbers.join(", ")
        )
    };
    if block.level >= 1 && block.in_sync_to != u64::MAX && present > 1 {
        limits.push(format!(
            "the members were in agreement up to sector {} alone: they may differ, and the first that can be read is used",
            block.in_sync_to
        ));
    }
    if block.level >= 1 && present > 1 {
        limits.push(NOT_COMPARED.to_owned());
    }
    match block.level {
        1 if present > 0 => Ok((Layout::Mirror, block.size)),
        10 => {
            let (ten, sectors) = ten(block)?;
            let there: Vec<bool> = slots.iter().map(Option::is_some).collect();
            ten.is_covered(&there).then_some((Layout::Ten(ten), sectors)).ok_or_else(lacking)
        }
        -1 | 0 if present == slots.len() => {
            let sizes: Vec<u64> = slots.iter().flatten().map(|slot| slot.size).collect();
            let found = if block.level == 0 { zones(block, &sizes) } else { linear(block, &sizes) };
            let stretches = found?;
            let sectors =
                stretches.iter().fold(0_u64, |sum, stretch| sum.saturating_add(stretch.length / SECTOR));
            Ok((Layout::Stretches(stretches), sectors))
        }
        _ => Err(lacking()),
    }
}

/// Linear: one member behind the other, each rounded down to chunks where there are any.
fn linear(block: &Superblock, sizes: &[u64]) -> Result<Vec<Stretch>, String> {
    let mut stretches = Vec::new();
    let mut start = 0_u64;
    for (index, size) in sizes.iter().enumerate() {
        let length = whole(*size, block.chunk.max(1)).ok_or("a member's size overflows")?;
        if length > 0 {
            stretches.push(Stretch { start, length, chunk: length, turn: 0, areas: vec![(index, 0)] });
        }
        start = start.checked_add(length).ok_or("its length overflows")?;
    }
    Ok(stretches)
}

/// RAID 0: members of unequal size make several zones, each over those that still have room.
fn zones(block: &Superblock, sizes: &[u64]) -> Result<Vec<Stretch>, String> {
    let overflow = || "its length overflows".to_owned();
    if block.chunk == 0 {
        return Err("its chunks have no length".into());
    }
    let chunk = u64::from(block.chunk).saturating_mul(SECTOR);
    let sizes = sizes
        .iter()
        .map(|size| whole(*size, block.chunk))
        .collect::<Option<Vec<u64>>>()
        .ok_or_else(overflow)?;
    let ends: BTreeSet<u64> = sizes.iter().copied().filter(|size| *size > 0).collect();
    let recorded = if block.features & RAID0_LAYOUT == 0 { 0 } else { block.layout };
    let original = match recorded {
        _ if ends.len() < 2 => true,
        1 => true,
        2 => false,
        _ => {
            return Err(
                "its members are of unequal size, and it does not record which of two layouts it has: \
                        that of Linux before 3.14 or the later one"
                    .into(),
            );
        }
    };
    let (mut stretches, mut start, mut from) = (Vec::new(), 0_u64, 0);
    for end in ends {
        let wide = sizes.iter().enumerate().filter(|(_, size)| **size > from);
        let areas: Vec<(usize, u64)> = wide.map(|(index, _)| (index, from)).collect();
        let count = length(areas.len());
        let length = end.checked_sub(from).and_then(|deep| deep.checked_mul(count)).ok_or_else(overflow)?;
        // Before 3.14, members took turns by the chunk's number in the array; since then, by its number in the zone.
        let turn = if original { (start / chunk).checked_rem(count).unwrap_or_default() } else { 0 };
        stretches.push(Stretch { start, length, chunk, turn, areas });
        start = start.checked_add(length).ok_or_else(overflow)?;
        from = end;
    }
    Ok(stretches)
}

/// Bytes of the whole chunks in `sectors`.
fn whole(sectors: u64, chunk: u32) -> Option<u64> {
    let chunk = u64::from(chunk);
    sectors.checked_div(chunk)?.checked_mul(chunk)?.checked_mul(SECTOR)
}

/// RAID 10: copies beside each other (near), in another part of the members (far), or in the next row (offset).
fn ten(block: &Superblock) -> Result<(Ten, u64), String> {
    let Superblock { layout, disks, size, chunk, .. } = block;
    let (near, far, offset) =
        (u64::from(layout & 0xFF), u64::from(layout >> 8 & 0xFF), layout & 1 << 16 != 0);
    let disks = u64::from(*disks);
    if layout >> 17 != 0 {
        return Err(format!("its RAID 10 layout is not read: {layout:#x} (copies in sets of members)"));
    }
    let copies = near.saturating_mul(far);
    if copies == 0 || copies > disks || (near > 1 && far > 1) {
        return Err(format!(
            "its RAID 10 layout is not read: {near} near and {far} far copies on {disks} members"
        ));
    }
    if !chunk.is_power_of_two() {
        return Err(format!("its chunks have {chunk} sectors"));
    }
    let overflow = || "its length overflows".to_owned();
    let chunks = |rows: u64| rows.checked_div(far)?.checked_mul(disks)?.checked_div(near);
    // As Linux counts: how many chunks there are, how many rows they take, and again how many chunks fit in those.
    let rows =
        chunks(size / u64::from(*chunk)).and_then(|count| Some(count.checked_mul(copies)?.div_ceil(disks)));
    let rows = rows.ok_or_else(overflow)?;
    let sectors = chunks(rows).and_then(|count| count.checked_mul(u64::from(*chunk))).ok_or_else(overflow)?;
    let chunk = u64::from(*chunk).saturating_mul(SECTOR);
    let stride = if offset { Some(chunk) } else { (rows / far).checked_mul(chunk) }.ok_or_else(overflow)?;
    Ok((Ten { disks, near, far, offset, stride, chunk }, sectors))
}

/// The array's UUID as `mdadm` prints it.
fn uuid(set: &[u8; 16]) -> String {
    let words = set.chunks(4).map(|word| word.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    words.collect::<Vec<_>>().join(":")
}

pub(super) fn place(set: &[u8; 16]) -> String {
    let mut text = "md:".to_owned();
    for (index, byte) in set.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

fn level_name(level: i32) -> String {
    match level {
        -1 => "linear RAID".into(),
        -4 => "multipath device".into(),
        0 | 1 | 4 | 5 | 6 | 10 => format!("RAID {level}"),
        _ => format!("RAID of the unknown level {level}"),
    }
}

/// What is not done with copies.
const NOT_COMPARED: &str = "the copies are not compared with each other: where they differ, those of the first member that gives them count";

const SPARE: u16 = 0xFFFF;
const FAULTY: u16 = 0xFFFE;
const JOURNAL: u16 = 0xFFFD;

/// Features: rebuilt up to an offset, or guided by a bitmap.
const REBUILDING: u32 = 2 | 128;
/// Feature: the member is to replace another of the same role.
const REPLACEMENT: u32 = 16;
/// Features: a reshape is going on, backwards, with new data offsets.
const RESHAPING: u32 = 4 | 32 | 64;
/// Feature: the layout of RAID 0 is recorded.
const RAID0_LAYOUT: u32 = 4096;
/// Those above, and: bitmap, bad blocks, clustered bitmap, journal, partial parity logs.
const KNOWN_FEATURES: u32 = 0x1FFF;
/// Most members of an array: as many roles as fit in a superblock of 4 KiB.
const MAX_DISKS: u32 = 1920;
/// Most arrays made of the members of one identity: a pair that was parted, and copies of both, are four.
const MAX_ARRAYS: usize = 8;
/// Most missing members named in one sentence.
const MAX_NAMED: usize = 16;
