//! What of a VHDX's structures says something: the rest of the room that they state is in none of them.

use std::ops::Range;

use super::{HEADERS, REGIONS};
use crate::image::table::Pages;

/// What the first MiB holds: the mark and who made the file, both headers, both tables of regions, of which `listed` bytes say
/// something.
pub(super) fn first(pages: &Pages, listed: u64) -> Vec<Range<u64>> {
    // The maker is a text of 256 characters at most, to its first zero.
    let zero = (0..256).find(|index| {
        pages.read::<2>(8_u64.saturating_add(index * 2)).map_or(true, |character| character == [0; 2])
    });
    let maker = zero.unwrap_or(256).saturating_mul(2);
    let mut own: Vec<_> = std::iter::once(0..8_u64.saturating_add(maker)).collect();
    own.extend(HEADERS.map(|at| at..at.saturating_add(HEADER)));
    own.extend(REGIONS.map(|at| at..at.saturating_add(listed)));
    own
}

/// The sectors of the log, as far as it is ever applied, that begin as the parts of an entry do, be it an old one.
pub(super) fn log(pages: &Pages, (start, length): (u64, u64)) -> Vec<Range<u64>> {
    let end = start.saturating_add(length.min(super::log::MAX_LOG)).min(pages.file().len());
    let is_own = |at: u64| pages.read(at).is_ok_and(|mark: [u8; 4]| MARKS.contains(&&mark));
    let sectors = (start..end).step_by(SECTOR).filter(|at| is_own(*at));
    sectors.map(|at| at..at.saturating_add(SECTOR as u64)).collect()
}

/// How the sectors of an entry begin: itself, more of its descriptors, data.
const MARKS: [&[u8; 4]; 4] = [b"loge", b"desc", b"zero", b"data"];
/// The unit of the log.
const SECTOR: usize = 4096;
/// Bytes of a header's fields; zeros follow.
const HEADER: u64 = 80;
