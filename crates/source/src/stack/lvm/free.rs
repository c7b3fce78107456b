//! What no logical volume has: the extents of physical volumes that are free, and what lies behind the last extent.
//!
//! A volume that was removed lies there, whole.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::{Free, Piece, SECTOR};
use super::group::{Group, Logical, Physical};

/// The free ranges of the physical volumes of a group that are there.
///
/// Of one that is used by a volume whose segments are not read nothing is told: nobody knows which extents are its.
pub(super) fn free(group: &Group, physical: &BTreeMap<String, Piece>) -> Vec<Free> {
    let of = |(name, one): (&String, &Physical)| {
        let piece = physical.get(&one.id)?;
        let used = used(group, name)?;
        Some(Free { place: piece.place.clone(), ranges: ranges(group, one, used, piece.bytes.len())? })
    };
    group.physical.iter().filter_map(of).collect()
}

/// The extents of a physical volume that logical volumes have, ascending; `None` where that is not known.
fn used(group: &Group, name: &str) -> Option<Vec<Range<u64>>> {
    let mut used = Vec::new();
    for Logical { segments, uses, .. } in &group.logical {
        let segments = match segments {
            Ok(segments) => segments,
            Err(_) if uses.contains(name) => return None,
            Err(_) => continue,
        };
        for segment in segments {
            let count = u64::try_from(segment.areas.len()).unwrap_or(u64::MAX);
            let deep = segment.extents.checked_div(count)?;
            let areas = segment.areas.iter().filter(|(area, _)| area == name);
            used.extend(areas.map(|(_, first)| *first..first.saturating_add(deep)));
        }
    }
    used.sort_unstable_by_key(|range| (range.start, range.end));
    Some(used)
}

/// What lies between `used` extents and behind them, in bytes of the piece.
fn ranges(group: &Group, one: &Physical, used: Vec<Range<u64>>, length: u64) -> Option<Vec<Range<u64>>> {
    let unit = group.extent.checked_mul(SECTOR)?;
    let start = one.start.checked_mul(SECTOR)?;
    let byte = |extent: u64| extent.checked_mul(unit)?.checked_add(start);
    let mut free: Vec<Range<u64>> = Vec::new();
    let mut from = 0;
    for range in used {
        if range.start > from {
            free.push(byte(from)?..byte(range.start)?.min(length));
        }
        from = range.end.max(from);
    }
    free.push(byte(from)?..length);
    free.retain(|range| range.start < range.end);
    Some(free)
}
