//! BLAKE2b with 32 bytes and no key, from RFC 7693.

/// The BLAKE2b-256 of `bytes`.
pub(super) fn blake2b_256(bytes: &[u8]) -> [u8; 32] {
    let mut state = IV;
    state[0] ^= 0x0101_0000 | 32;
    let mut done = 0_u128;
    let mut rest = bytes;
    // The last block, empty or full, is padded with zeros and marked.
    while let Some((block, after)) = rest.split_first_chunk::<128>().filter(|(_, after)| !after.is_empty()) {
        done = done.saturating_add(128);
        compress(&mut state, block, done, false);
        rest = after;
    }
    let mut last = [0; 128];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    done = done.saturating_add(u128::from(crate::bytes::length(rest.len())));
    compress(&mut state, &last, done, true);
    let mut digest = [0; 32];
    for (to, word) in digest.as_chunks_mut::<8>().0.iter_mut().zip(state) {
        *to = word.to_le_bytes();
    }
    digest
}

fn compress(state: &mut [u64; 8], block: &[u8; 128], done: u128, last: bool) {
    let mut words = [0; 16];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    let word = |index: usize| words.get(index).copied().unwrap_or_default();
    let [a0, a1, a2, a3, a4, a5, a6, a7] = *state;
    let [b0, b1, b2, b3, b4, b5, b6, b7] = IV;
    let low = u64::try_from(done & u128::from(u64::MAX)).unwrap_or_default();
    let high = u64::try_from(done >> 64).unwrap_or_default();
    let b6 = if last { !b6 } else { b6 };
    let mut v = [a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4 ^ low, b5 ^ high, b6, b7];
    for order in SIGMA.iter().cycle().take(12) {
        let [s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15] = order.map(usize::from);
        mix(&mut v, [0, 4, 8, 12], word(s0), word(s1));
        mix(&mut v, [1, 5, 9, 13], word(s2), word(s3));
        mix(&mut v, [2, 6, 10, 14], word(s4), word(s5));
        mix(&mut v, [3, 7, 11, 15], word(s6), word(s7));
        mix(&mut v, [0, 5, 10, 15], word(s8), word(s9));
        mix(&mut v, [1, 6, 11, 12], word(s10), word(s11));
        mix(&mut v, [2, 7, 8, 13], word(s12), word(s13));
        mix(&mut v, [3, 4, 9, 14], word(s14), word(s15));
    }
    let (front, back) = v.split_at(8);
    for ((state, front), back) in state.iter_mut().zip(front).zip(back) {
        *state ^= front ^ back;
    }
}

#[expect(clippy::indexing_slicing, reason = "every caller names four of the sixteen places")]
fn mix(v: &mut [u64; 16], [a, b, c, d]: [usize; 4], x: u64, y: u64) {
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(x);
    v[d] = (v[d] ^ v[a]).rotate_right(32);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(24);
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(y);
    v[d] = (v[d] ^ v[a]).rotate_right(16);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(63);
}

const IV: [u64; 8] = [
    0x6A09_E667_F3BC_C908,
    0xBB67_AE85_84CA_A73B,
    0x3C6E_F372_FE94_F82B,
    0xA54F_F53A_5F1D_36F1,
    0x510E_527F_ADE6_82D1,
    0x9B05_688C_2B3E_6C1F,
    0x1F83_D9AB_FB41_BD6B,
    0x5BE0_CD19_137E_2179,
];

const SIGMA: [[u8; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expect: &str) {
        let digest = blake2b_256(bytes).map(|byte| format!("{byte:02x}")).concat();
        assert_eq!(digest, expect, "{} bytes", bytes.len());
    }

    #[test]
    fn values_of_python_s_hashlib() {
        check(b"", "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
        check(b"abc", "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
        check(&[7; 128], "332f1f712b03a6a6f6c28db7d96c62f170744119ab0f831b9e0d80f800e3aad7");
        check(&[7; 300], "0191c3eb5a6d2128509033fab49cb00a21416257a4c104cff5ee37d156e04db2");
    }
}
