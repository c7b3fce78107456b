//! Adler-32 (RFC 1950), the checksum of everything in an E01 image.

/// The checksum of `bytes`.
pub(super) fn adler32(bytes: &[u8]) -> u32 {
    let (mut low, mut high) = (1_u32, 0_u32);
    for block in bytes.chunks(BLOCK) {
        for byte in block {
            low = low.wrapping_add(u32::from(*byte));
            high = high.wrapping_add(low);
        }
        low %= PRIME;
        high %= PRIME;
    }
    high << 16 | low
}

const PRIME: u32 = 65_521;
/// Most bytes after which the sums still fit into 32 bits without a remainder being taken.
const BLOCK: usize = 5_552;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_checksums() {
        for (bytes, expect) in
            [(b"".as_slice(), 1), (b"Wikipedia", 0x11E6_0398), (&[0xFF; 100_000], 0x149A_302C)]
        {
            assert_eq!(adler32(bytes), expect);
        }
    }
}
