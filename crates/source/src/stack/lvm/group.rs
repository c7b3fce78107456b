//! A volume group, as one metadata text describes it.
//!
//! ```text
//! lin { id = "oIFfbe-..." segment1 { start_extent = 0 extent_count = 3 type = "striped" stripe_count = 1 stripes = ["pv0", 5] } }
//! ```

use std::collections::{BTreeMap, BTreeSet};

use super::label::uuid;
use super::text::{Section, Value};

/// A volume group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Group {
    pub(super) id: String,
    /// Counts the changes; the text with the highest is the newest.
    pub(super) seqno: u64,
    pub(super) name: String,
    /// Sectors in an extent.
    pub(super) extent: u64,
    pub(super) physical: BTreeMap<String, Physical>,
    pub(super) logical: Vec<Logical>,
}

/// A physical volume of a group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Physical {
    pub(super) id: String,
    /// The sector where its extents begin.
    pub(super) start: u64,
    pub(super) extents: u64,
    /// Marked as missing when the text was written: what it holds may be old.
    pub(super) missing: bool,
}

/// A logical volume.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Logical {
    pub(super) id: String,
    pub(super) name: String,
    /// Not a part of another one.
    pub(super) visible: bool,
    /// Its segments in order, or why they are not read.
    pub(super) segments: Result<Vec<Segment>, String>,
    /// The names that its segments mention: physical volumes, and logical ones that are its parts.
    pub(super) uses: BTreeSet<String>,
    /// It keeps the old blocks of a snapshot.
    pub(super) store: bool,
    /// How many snapshots were taken of it.
    pub(super) snapshots: usize,
}

impl Group {
    /// The names of volumes that are mentioned by others' segments.
    pub(super) fn parts(&self) -> BTreeSet<&str> {
        let others =
            |volume: &'_ Logical, name: &str| volume.name != name && !self.physical.contains_key(name);
        let mentions = self
            .logical
            .iter()
            .flat_map(|volume| volume.uses.iter().map(move |name| (volume, name.as_str())));
        mentions.filter(|(volume, name)| others(volume, name)).map(|(_, name)| name).collect()
    }
}

/// A range of extents that goes round over areas of physical volumes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Segment {
    pub(super) extents: u64,
    /// Sectors of one area before the next one's turn.
    pub(super) stripe: u64,
    /// A physical volume's name and its first extent.
    pub(super) areas: Vec<(String, u64)>,
}

/// Reads the group out of a text.
///
/// # Errors
///
/// What is missing.
pub(super) fn group(text: &Section) -> Result<Group, String> {
    let mut groups = text.sections().filter(|(_, section)| section.section("physical_volumes").is_some());
    let (name, section) = groups.next().ok_or("a metadata text describes no volume group")?;
    let lacks = |what: &str| format!("a volume group has no {what}");
    let mut physical = BTreeMap::new();
    for (name, volume) in section.section("physical_volumes").into_iter().flat_map(Section::sections) {
        let read = || {
            Some(Physical {
                id: id(volume)?,
                start: volume.number("pe_start")?,
                extents: volume.number("pe_count")?,
                missing: volume.lists("status", b"MISSING") || volume.lists("flags", b"MISSING"),
            })
        };
        physical
            .insert(name.to_owned(), read().ok_or_else(|| lacks("whole description of a physical volume"))?);
    }
    let mut logical = Vec::new();
    let mut snapshots = Vec::new();
    for (name, volume) in section.section("logical_volumes").into_iter().flat_map(Section::sections) {
        let text = |section: &Section, name| {
            section.text(name).map(|text| String::from_utf8_lossy(text).into_owned())
        };
        let taken = volume.sections().find(|(_, segment)| segment.text("type") == Some(b"snapshot"));
        if let Some((_, segment)) = taken {
            let store = text(segment, "cow_store").or_else(|| text(segment, "merging_store"));
            snapshots.push((text(segment, "origin"), store));
            continue;
        }
        logical.push(Logical {
            id: id(volume).ok_or_else(|| lacks("UUID of a logical volume"))?,
            name: name.to_owned(),
            visible: volume.lists("status", b"VISIBLE"),
            segments: segments(volume),
            uses: uses(volume),
            store: false,
            snapshots: 0,
        });
    }
    for (origin, store) in snapshots {
        for volume in &mut logical {
            volume.store |= store.as_ref() == Some(&volume.name);
            volume.snapshots =
                volume.snapshots.saturating_add(usize::from(origin.as_ref() == Some(&volume.name)));
        }
    }
    Ok(Group {
        id: id(section).ok_or_else(|| lacks("UUID"))?,
        seqno: section.number("seqno").ok_or_else(|| lacks("sequence number"))?,
        name: name.to_owned(),
        extent: section.number("extent_size").filter(|size| *size > 0).ok_or_else(|| lacks("extent size"))?,
        physical,
        logical,
    })
}

/// A UUID, in the one way to write it.
fn id(section: &Section) -> Option<String> {
    let text = section.text("id")?;
    let plain: Vec<u8> = text.iter().copied().filter(|byte| *byte != b'-').collect();
    uuid(&plain).filter(|id| id.as_bytes() == text)
}

fn uses(volume: &Section) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, segment) in volume.sections() {
        for value in segment.0.values() {
            let list =
                if let Value::List(list) = value { list.as_slice() } else { std::slice::from_ref(value) };
            for value in list {
                if let Value::Text(text) = value {
                    found.insert(String::from_utf8_lossy(text).into_owned());
                }
            }
        }
    }
    found
}

/// The segments of a volume, in order and without holes.
fn segments(volume: &Section) -> Result<Vec<Segment>, String> {
    let count = volume.number("segment_count").ok_or("it states no number of segments")?;
    let mut found = BTreeMap::new();
    for (_, segment) in volume.sections() {
        let start = segment.number("start_extent").ok_or("a segment has no beginning")?;
        if found.insert(start, self::segment(segment)?).is_some() {
            return Err(format!("two segments begin at extent {start}"));
        }
    }
    if u64::try_from(found.len()) != Ok(count) {
        return Err(format!("it states {count} segments and has {}", found.len()));
    }
    let mut next = 0_u64;
    for (start, segment) in &found {
        if *start != next {
            return Err(format!("a segment begins at extent {start} instead of {next}"));
        }
        next = next.checked_add(segment.extents).ok_or("its length overflows")?;
    }
    Ok(found.into_values().collect())
}

fn segment(segment: &Section) -> Result<Segment, String> {
    let kind = segment.text("type").ok_or("a segment has no type")?;
    if kind != b"striped" && kind != b"linear" {
        let known = KINDS.iter().find(|(known, _)| kind.starts_with(known.as_bytes()));
        return Err(known.map_or("a segment of a type that is not known".into(), |(_, words)| {
            format!("{words} is not read")
        }));
    }
    let extents =
        segment.number("extent_count").filter(|count| *count > 0).ok_or("a segment has no length")?;
    let count = segment.number("stripe_count").ok_or("a segment states no number of stripes")?;
    let stripe = segment.number("stripe_size").unwrap_or(0);
    let mut areas = Vec::new();
    for pair in segment.list("stripes").unwrap_or_default().chunks(2) {
        let [Value::Text(name), Value::Number(first)] = pair else {
            return Err("a segment's areas are not pairs of a volume and an extent".into());
        };
        let first = u64::try_from(*first).map_err(|_| "an area begins before its volume")?;
        areas.push((String::from_utf8_lossy(name).into_owned(), first));
    }
    if areas.is_empty() || u64::try_from(areas.len()) != Ok(count) || !extents.is_multiple_of(count) {
        return Err(format!("a segment of {extents} extents states {count} stripes and has {}", areas.len()));
    }
    if count > 1 && stripe == 0 {
        return Err("a segment of several stripes states no size of them".into());
    }
    Ok(Segment { extents, stripe, areas })
}

/// What a segment's type begins with, in words; the first that fits.
const KINDS: &[(&str, &str)] = &[
    ("thin-pool", "a thin pool"),
    ("thin", "a thin volume"),
    ("snapshot", "a snapshot"),
    ("mirror", "a mirror"),
    ("raid", "a RAID of LVM"),
    ("cache-pool", "a cache pool"),
    ("cache", "a cached volume"),
    ("writecache", "a volume with a write cache"),
    ("vdo", "a deduplicated volume (VDO)"),
    ("integrity", "a volume with integrity data"),
    ("zero", "a segment of zeros"),
    ("error", "a segment of errors"),
    ("free", "a segment without space"),
];
