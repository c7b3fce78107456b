//! Names: the attribute `$FILE_NAME`, which is also the key of a directory's index, and UTF-16 as bytes.

use crate::field::{byte, le16};
use crate::ntfs::record::Reference;

/// A name in a directory.
#[derive(Debug)]
pub(crate) struct FileName<'a> {
    /// The directory that it stands in.
    pub(crate) parent: Reference,
    /// Whether this is the 8.3 name that stands beside another.
    pub(crate) is_short: bool,
    /// Times of its own, as `times` reads them: from byte 8 on.
    pub(crate) times: &'a [u8],
    utf16: &'a [u8],
}

impl<'a> FileName<'a> {
    /// Reads a name. `None` where it is cut short.
    pub(crate) fn parse(value: &'a [u8]) -> Option<Self> {
        let length = usize::from(byte(value, 0x40)?).checked_mul(2)?;
        Some(Self {
            parent: Reference::parse(value, 0)?,
            is_short: byte(value, 0x41)? == DOS,
            times: value.get(0x8..0x28)?,
            utf16: value.get(0x42..length.checked_add(0x42)?)?,
        })
    }

    /// The name as generalised UTF-8.
    pub(crate) fn name(&self) -> Vec<u8> {
        wtf8(self.utf16)
    }
}

/// Little-endian UTF-16 as generalised UTF-8: an unpaired surrogate becomes three bytes.
pub(crate) fn wtf8(utf16: &[u8]) -> Vec<u8> {
    let units = utf16.chunks_exact(2).filter_map(|pair| le16(pair, 0));
    let mut bytes = Vec::with_capacity(utf16.len());
    for found in char::decode_utf16(units) {
        match found {
            Ok(found) => bytes.extend(found.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(error) => {
                let [low, high] = error.unpaired_surrogate().to_le_bytes();
                bytes.extend([0xE0 | high >> 4, 0x80 | (high & 0x0F) << 2 | low >> 6, 0x80 | low & 0x3F]);
            }
        }
    }
    bytes
}

/// The name space of 8.3 names that stand beside longer ones.
const DOS: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(units: &[u16], expect: &[u8]) {
        let utf16: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        assert_eq!(wtf8(&utf16), expect);
    }

    #[test]
    fn unpaired_surrogates_are_three_bytes() {
        check(&[0x61, 0xE4, 0x20AC], "aä€".as_bytes());
        check(&[0xD83D, 0xDE00], "😀".as_bytes());
        check(&[0xD800], b"\xED\xA0\x80");
        check(&[0xDC00, 0x61], b"\xED\xB0\x80a");
        check(&[0xDFFF, 0xD83D, 0xDE00], b"\xED\xBF\xBF\xF0\x9F\x98\x80");
    }
}
