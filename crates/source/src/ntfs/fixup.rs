//! Update sequences: the last two bytes of each 512 stand elsewhere, so that a write that was torn shows.

use crate::field::le16;
use crate::ntfs::corrupt;
use crate::walk::SourceError;

/// Checks a structure's mark and puts its bytes back in their places.
///
/// # Errors
///
/// [`SourceError`] where the mark is another, or a part of the structure was not written with the others.
pub(crate) fn restore(raw: &mut [u8], mark: &[u8; 4]) -> Result<(), SourceError> {
    if !raw.starts_with(mark) {
        return Err(corrupt("a structure has the wrong mark"));
    }
    let array = usize::from(le16(raw, 4).unwrap_or_default());
    let count = usize::from(le16(raw, 6).unwrap_or_default());
    let steps = raw.len().checked_div(STEP).unwrap_or(0);
    let end = count.checked_mul(2).and_then(|length| length.checked_add(array));
    let sequence = end.filter(|end| *end <= STEP - 2).and_then(|end| raw.get(array..end)).map(<[u8]>::to_vec);
    let (Some(sequence), true) = (sequence, count == steps.saturating_add(1)) else {
        return Err(corrupt("an update sequence contradicts the structure's length"));
    };
    let mut pairs = sequence.chunks_exact(2);
    let number = pairs.next().unwrap_or_default();
    for (chunk, pair) in raw.chunks_exact_mut(STEP).zip(pairs) {
        let Some(last) = chunk.get_mut(STEP - 2..) else { continue };
        if last != number {
            return Err(corrupt("a structure was not written to its end, or is damaged"));
        }
        last.copy_from_slice(pair);
    }
    Ok(())
}

/// How many bytes each number of the sequence covers, whatever the sector's length.
const STEP: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut [u8]), expect: Option<[u8; 4]>) {
        let mut raw = [0_u8; 1024];
        raw[..4].copy_from_slice(b"FILE");
        raw[4] = 48;
        raw[6] = 3;
        raw[48..54].copy_from_slice(&[7, 7, 1, 2, 3, 4]);
        raw[510..512].fill(7);
        raw[1022..].fill(7);
        change(&mut raw);
        let restored = restore(&mut raw, b"FILE").is_ok();
        assert_eq!(restored.then(|| [raw[510], raw[511], raw[1022], raw[1023]]), expect);
    }

    #[test]
    fn a_torn_write_is_an_error() {
        check(|_| {}, Some([1, 2, 3, 4]));
        check(|raw| raw[1023] = 8, None);
        check(|raw| raw[6] = 2, None);
        check(|raw| raw[6] = 4, None);
        check(|raw| raw[5] = 2, None);
        check(|raw| raw[0] = b'B', None);
    }
}
