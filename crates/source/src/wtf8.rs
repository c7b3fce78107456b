//! Names kept as 16-bit units, as bytes: generalised UTF-8 (WTF-8).
//!
//! An unpaired surrogate is three bytes, so that two names never become one.
//!
//! ```text
//! 0041 D83D DE00      41 F0 9F 98 80
//! 0041 D83D           41 ED A0 BD
//! ```

/// The bytes of `units`.
pub(crate) fn wtf8(units: impl IntoIterator<Item = u16>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for unit in char::decode_utf16(units) {
        match unit {
            Ok(character) => bytes.extend(character.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(lone) => bytes.extend(three(lone.unpaired_surrogate())),
        }
    }
    bytes
}

/// A unit from 0x800 on, as three bytes.
fn three(unit: u16) -> [u8; 3] {
    let part = |shift: u32, mask: u16| u8::try_from(unit >> shift & mask).unwrap_or(0);
    [0xE0 | part(12, 0xF), 0x80 | part(6, 0x3F), 0x80 | part(0, 0x3F)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_stays_itself() {
        let check = |units: &[u16], bytes: &[u8]| assert_eq!(wtf8(units.iter().copied()), bytes);
        check(&[], b"");
        check(&[0x61, 0xE9, 0x20AC], "a\u{e9}\u{20ac}".as_bytes());
        check(&[0xD83D, 0xDE00], "\u{1f600}".as_bytes());
        check(&[0x41, 0xD83D], b"A\xED\xA0\xBD");
        check(&[0xDE00, 0xD83D], b"\xED\xB8\x80\xED\xA0\xBD");
    }
}
