//! CRC-32 with the polynomial of ISO 3309 (zip, Ethernet): GPT and LVM2 guard their structures with it.

/// The register after `bytes`, begun with `register`. GPT begins with all ones and inverts the end; LVM2 does neither.
pub(crate) fn crc32(register: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(register, |register, byte| {
        let [low, ..] = register.to_le_bytes();
        let entry = TABLE.get(usize::from(low ^ byte)).copied().unwrap_or_default();
        register >> 8 ^ entry
    })
}

static TABLE: [u32; 256] = table();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "index is below 256, at compile time"
)]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0xEDB8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_catalogue() {
        assert_eq!(!crc32(!0, b"123456789"), 0xCBF4_3926);
    }
}
