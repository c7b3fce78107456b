//! LZNT1, the compression of NTFS: chunks of 4 KiB, each on its own.
//!
//! Public description: Microsoft's "MS-XCA: Xpress Compression Algorithm", section 2.5.

use crate::field::{byte, le16};
use crate::ntfs::corrupt;
use crate::walk::SourceError;

/// Decompresses `packed` into `length` bytes, the length of a unit.
///
/// A chunk that holds less than 4 KiB is followed by zeros up to there, and an end mark by zeros to the end: so all
/// readers have it, Windows among them.
///
/// # Errors
///
/// [`SourceError`] where a chunk contradicts itself, or `packed` ends without an end mark before the bytes do.
pub(crate) fn decompress(packed: &[u8], length: usize) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::with_capacity(length);
    let mut at = 0_usize;
    while bytes.len() < length {
        let header =
            le16(packed, at).ok_or_else(|| corrupt("compressed content ends before its unit does"))?;
        if header == 0 {
            break;
        }
        let size = usize::from(header & 0x0FFF).saturating_add(1);
        at = at.saturating_add(2);
        let end = at.saturating_add(size);
        let chunk = packed.get(at..end).filter(|_| header & 0x7000 == 0x3000);
        let chunk =
            chunk.ok_or_else(|| corrupt("a compressed chunk has an unknown form, or is cut short"))?;
        let start = bytes.len();
        if header & 0x8000 == 0 {
            bytes.extend(chunk);
        } else {
            expand(chunk, start, &mut bytes)
                .ok_or_else(|| corrupt("a compressed chunk contradicts itself"))?;
        }
        bytes.resize(start.saturating_add(CHUNK), 0);
        at = end;
    }
    bytes.resize(length, 0);
    Ok(bytes)
}

/// Expands one chunk; what it repeats lies in the chunk itself, which begins at `start`.
fn expand(chunk: &[u8], start: usize, bytes: &mut Vec<u8>) -> Option<()> {
    let mut at = 0_usize;
    while let Some(flags) = byte(chunk, at) {
        at = at.checked_add(1)?;
        for bit in 0..8 {
            if at >= chunk.len() {
                break;
            }
            let done = bytes.len().checked_sub(start)?;
            if flags >> bit & 1 == 0 {
                bytes.push(byte(chunk, at)?);
                at = at.checked_add(1)?;
            } else {
                let pair = le16(chunk, at)?;
                at = at.checked_add(2)?;
                // The further into the chunk, the more of the 16 bits are distance: at least 4, at most 12.
                let distance_bits =
                    done.checked_sub(1)?.checked_ilog2().map_or(4, |log| log.saturating_add(1).max(4));
                let length_bits = 16_u32.checked_sub(distance_bits)?;
                let distance = usize::from(pair.checked_shr(length_bits)?).checked_add(1)?;
                let mask = 1_u16.checked_shl(length_bits)?.checked_sub(1)?;
                let count = usize::from(pair & mask).checked_add(3)?;
                if distance > done || done.checked_add(count)? > CHUNK {
                    return None;
                }
                let from = bytes.len().checked_sub(distance)?;
                if distance >= count {
                    bytes.extend_from_within(from..from.checked_add(count)?);
                } else {
                    for index in 0..count {
                        bytes.push(*bytes.get(from.checked_add(index)?)?);
                    }
                }
            }
        }
    }
    (bytes.len().checked_sub(start)? <= CHUNK).then_some(())
}

/// Bytes in a chunk.
const CHUNK: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(packed: &[u8], length: usize, expect: Option<&[u8]>) {
        let bytes = decompress(packed, length).ok();
        let trimmed = bytes.as_deref().map(|bytes| &bytes[..expect.map_or(0, <[u8]>::len)]);
        assert_eq!(trimmed, expect);
        if let (Some(bytes), Some(expect)) = (&bytes, expect) {
            assert_eq!(bytes.len(), length);
            assert!(bytes[expect.len()..].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn the_example_of_the_specification() {
        // MS-XCA 3.2, "LZNT1 compression example".
        let packed = [
            0x38, 0xb0, 0x88, 0x46, 0x23, 0x20, 0x00, 0x20, 0x47, 0x20, 0x41, 0x00, 0x10, 0xa2, 0x47, 0x01,
            0xa0, 0x45, 0x20, 0x44, 0x00, 0x08, 0x45, 0x01, 0x50, 0x79, 0x00, 0xc0, 0x45, 0x20, 0x05, 0x24,
            0x13, 0x88, 0x05, 0xb4, 0x02, 0x4a, 0x44, 0xef, 0x03, 0x58, 0x02, 0x8c, 0x09, 0x16, 0x01, 0x48,
            0x45, 0x00, 0xbe, 0x00, 0x9e, 0x00, 0x04, 0x01, 0x18, 0x90, 0x00,
        ];
        let text =
            b"F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D \
                     E F# G F# E D E A F# F# G A A G F# E D D E F# E D D\0";
        check(&[&packed[..], &[0, 0]].concat(), 65536, Some(text));
    }

    #[test]
    fn damage_is_an_error() {
        check(&[0, 0], 4096, Some(b""));
        check(&[2, 0x30, b'a', b'b', b'c', 0, 0], 8192, Some(b"abc"));
        check(&[2, 0x30, b'a', b'b', b'c'], 8192, None); // no end mark
        check(&[2, 0x20, b'a', b'b', b'c', 0, 0], 8192, None); // no such form
        check(&[9, 0x30, b'a', 0, 0], 8192, None); // cut short
        check(&[2, 0xB0, 1, 0, 0, 0, 0], 8192, None); // repeats what is not there
        check(&[3, 0xB0, 2, b'a', 0x00, 0x10, 0, 0], 8192, None); // reaches before the chunk
        check(&[3, 0xB0, 2, b'a', 0xFF, 0x0F, 0, 0], 8192, None); // goes on beyond 4 KiB
        check(&[3, 0xB0, 2, b'a', 0x01, 0x00, 0, 0], 8192, Some(b"aaaaa"));
    }
}
