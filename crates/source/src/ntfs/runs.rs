//! Run lists: which clusters hold an attribute's value, as lengths and signed steps from one run to the next.

use crate::field::byte;
use crate::ntfs::corrupt;
use crate::walk::SourceError;

/// A run of clusters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Run {
    /// The first of its clusters, counted in the value.
    pub(crate) first: u64,
    /// How many clusters there are.
    pub(crate) clusters: u64,
    /// The first of its clusters on the volume; `None` for a hole.
    pub(crate) start: Option<u64>,
}

impl Run {
    /// The value's cluster after this run.
    pub(crate) fn end(&self) -> u64 {
        self.first.saturating_add(self.clusters)
    }
}

/// Adds the runs of one run list, which begins with the value's cluster `first`. Returns the cluster after the last.
///
/// # Errors
///
/// [`SourceError`] where the list is cut short, leaves the volume's `clusters`, or grows beyond [`MAX_RUNS`].
pub(crate) fn decode(
    list: &[u8],
    first: u64,
    clusters: u64,
    runs: &mut Vec<Run>,
) -> Result<u64, SourceError> {
    let (mut at, mut next, mut start) = (0_usize, first, 0_i64);
    loop {
        let header = byte(list, at).ok_or_else(|| corrupt("a run list is cut short"))?;
        if header == 0 {
            return Ok(next);
        }
        let run = || {
            let length_at = at.checked_add(1)?;
            let step_at = length_at.checked_add(usize::from(header & 0x0F))?;
            let end = step_at.checked_add(usize::from(header >> 4))?;
            let count =
                u64::try_from(signed(list.get(length_at..step_at)?)?).ok().filter(|count| *count > 0)?;
            let step = list.get(step_at..end)?;
            let hole = step.is_empty();
            let start = if hole { start } else { start.checked_add(signed(step)?)? };
            let place = u64::try_from(start).ok()?;
            let inside = hole || place.checked_add(count)? <= clusters;
            let run = Run { first: next, clusters: count, start: (!hole).then_some(place) };
            (inside && next.checked_add(count)? <= MAX_CLUSTERS).then_some((run, start, end))
        };
        let (run, place, end) =
            run().ok_or_else(|| corrupt("a run list contradicts itself or the volume"))?;
        if runs.len() >= MAX_RUNS {
            return Err(corrupt("a run list has more runs than a file can have"));
        }
        (at, next, start) = (end, run.end(), place);
        runs.push(run);
    }
}

/// A little-endian number of up to eight bytes, with its sign.
fn signed(bytes: &[u8]) -> Option<i64> {
    let last = *bytes.last()?;
    let mut wide = [if last & 0x80 == 0 { 0 } else { 0xFF }; 8];
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(wide))
}

/// Most runs of one value: an attribute list of 256 KiB leads to about 1.5 million. 48 MiB of memory.
const MAX_RUNS: usize = 2 << 20;
/// Most clusters of one value: 2^32, by Windows.
pub(crate) const MAX_CLUSTERS: u64 = 1 << 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &[u8], expect: Option<&[(u64, u64, Option<u64>)]>) {
        let mut runs = Vec::new();
        let result = decode(list, 0, 1000, &mut runs);
        let found: Vec<_> = runs.iter().map(|run| (run.first, run.clusters, run.start)).collect();
        assert_eq!(result.is_ok().then_some(found.as_slice()), expect);
    }

    #[test]
    fn steps_are_signed_and_stay_inside() {
        check(
            &[0x11, 3, 100, 0x01, 2, 0x11, 1, 0xF6, 0],
            Some(&[(0, 3, Some(100)), (3, 2, None), (5, 1, Some(90))]),
        );
        check(&[0x21, 3, 0xE4, 0x03, 0], Some(&[(0, 3, Some(996))]));
        check(&[0x21, 5, 0xE4, 0x03, 0], None);
        check(&[0x11, 1, 0xFF, 0], None);
        check(&[0x11, 0, 5, 0], None);
        check(&[0x11, 0x80, 5, 0], None);
        check(&[0x10, 5, 0], None);
        check(&[0x19, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0], None);
        check(&[0x11, 1, 5], None);
        check(&[0], Some(&[]));
    }
}
