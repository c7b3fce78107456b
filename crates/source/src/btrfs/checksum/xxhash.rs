//! XXH64 with seed 0, from its specification (xxHash fast digest algorithm, version 0.2.0).

use crate::field::{byte, le32, le64};

/// The XXH64 of `bytes`.
pub(super) fn xxh64(bytes: &[u8]) -> u64 {
    let (stripes, mut rest) = bytes.as_chunks::<32>();
    let mut hash = if stripes.is_empty() { PRIME5 } else { long(stripes) };
    hash = hash.wrapping_add(crate::bytes::length(bytes.len()));
    while let Some(lane) = le64(rest, 0) {
        hash = (hash ^ round(0, lane)).rotate_left(27).wrapping_mul(PRIME1).wrapping_add(PRIME4);
        rest = rest.get(8..).unwrap_or_default();
    }
    if let Some(lane) = le32(rest, 0) {
        hash = (hash ^ u64::from(lane).wrapping_mul(PRIME1)).rotate_left(23);
        hash = hash.wrapping_mul(PRIME2).wrapping_add(PRIME3);
        rest = rest.get(4..).unwrap_or_default();
    }
    while let Some(lane) = byte(rest, 0) {
        hash = (hash ^ u64::from(lane).wrapping_mul(PRIME5)).rotate_left(11).wrapping_mul(PRIME1);
        rest = rest.get(1..).unwrap_or_default();
    }
    hash = (hash ^ hash >> 33).wrapping_mul(PRIME2);
    hash = (hash ^ hash >> 29).wrapping_mul(PRIME3);
    hash ^ hash >> 32
}

fn long(stripes: &[[u8; 32]]) -> u64 {
    let mut lanes = [PRIME1.wrapping_add(PRIME2), PRIME2, 0, 0_u64.wrapping_sub(PRIME1)];
    for stripe in stripes {
        for (lane, bytes) in lanes.iter_mut().zip(stripe.as_chunks::<8>().0) {
            *lane = round(*lane, u64::from_le_bytes(*bytes));
        }
    }
    let mixed = lanes.iter().zip([1, 7, 12, 18]).map(|(lane, turn)| lane.rotate_left(turn));
    let hash = mixed.fold(0, u64::wrapping_add);
    lanes.iter().fold(hash, |hash, lane| (hash ^ round(0, *lane)).wrapping_mul(PRIME1).wrapping_add(PRIME4))
}

fn round(lane: u64, input: u64) -> u64 {
    lane.wrapping_add(input.wrapping_mul(PRIME2)).rotate_left(31).wrapping_mul(PRIME1)
}

const PRIME1: u64 = 0x9E37_79B1_85EB_CA87;
const PRIME2: u64 = 0xC2B2_AE3D_27D4_EB4F;
const PRIME3: u64 = 0x1656_67B1_9E37_79F9;
const PRIME4: u64 = 0x85EB_CA77_C2B2_AE63;
const PRIME5: u64 = 0x27D4_EB2F_1656_67C5;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expect: u64) {
        assert_eq!(xxh64(bytes), expect, "{bytes:?}");
    }

    #[test]
    fn values_known_of_it() {
        check(b"", 0xEF46_DB37_51D8_E999);
        check(b"a", 0xD24E_C4F1_A98C_6E5B);
        check(b"abc", 0x44BC_2CF5_AD77_0999);
        check(b"Nobody inspects the spammish repetition", 0xFBCE_A83C_8A37_8BF1);
    }
}
