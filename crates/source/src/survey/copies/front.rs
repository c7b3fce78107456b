//! Whether what stands in the place of a first structure looks like the beginning of an encrypted volume.
//!
//! Implements `docs/spec/volumes.md`, "A beginning that looks random".

use std::ops::RangeInclusive;

use crate::bytes::ByteSource;
use crate::walk::Source;

/// How many bytes look random from the first on, sector by sector.
pub(super) fn random(bytes: &dyn ByteSource) -> u64 {
    let places = (0..LOOKED_AT).step_by(SECTOR);
    let end = places.take_while(|at| is_random_at(bytes, *at)).last();
    end.map_or(0, |at| at.saturating_add(crate::bytes::length(SECTOR)))
}

/// A limit's words on a volume of which the first `length` bytes look random, and what else of it does.
pub(super) fn told(bytes: &dyn ByteSource, length: u64, source: &dyn Source) -> String {
    let last = length.saturating_sub(1);
    let more = if length >= LOOKED_AT { ", as far as was looked" } else { "" };
    let places = source.structures();
    let random = places.iter().filter(|at| is_random_at(bytes, **at)).count();
    let sampled = match places.len() {
        0 => String::new(),
        count => format!("; of {count} places where by the copy its structures stand, {random} look random"),
    };
    format!(
        "; bytes 0 to {last} look random{more}: this may be an encrypted volume that was made over that file system, and what \
         is read is then what was there before; or these bytes were overwritten{sampled}"
    )
}

fn is_random_at(bytes: &dyn ByteSource, at: u64) -> bool {
    let mut sector = [0; SECTOR];
    bytes.read_exact_at(at, &mut sector).is_ok() && is_random(&sector)
}

/// Whether the 256 values are spread over a sector as chance spreads them: the sum of squares over what is expected (2 of
/// each), chi-square of 255 degrees of freedom. Of random bytes, one sector in some ten millions is outside these bounds.
fn is_random(sector: &[u8; SECTOR]) -> bool {
    let mut counts = [0_u32; 256];
    for byte in sector {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    // (n - 2)^2 / 2, in halves.
    let squares: u32 = counts.iter().map(|count| count.abs_diff(2).pow(2)).sum();
    SQUARES.contains(&squares)
}

/// Twice the chi-square: between 120 and 420, of which 255 is the mean and 23 the deviation.
const SQUARES: RangeInclusive<u32> = 240..=840;
const SECTOR: usize = 512;
/// Most bytes that are looked at.
const LOOKED_AT: u64 = 1 << 20;
