//! Names that stand in a medium's own structures: of partitions, volumes and file systems, and what an image's maker wrote down.
//!
//! They are content of the medium, chosen by whoever used it. Nothing of them is read unless somebody asks for it by
//! [`OpenOptions::names`](crate::OpenOptions::names), and no record holds any.

use scope::RawName;

use crate::bytes::ByteSource;

/// The label of a file system, where it stands at a fixed place in its first blocks: ext, FAT, XFS, btrfs, ISO 9660. Those of
/// NTFS and exFAT stand in files, and are not read.
pub(crate) fn label(bytes: &dyn ByteSource) -> Option<String> {
    let at = |offset: u64, count: usize| {
        let mut buf = vec![0; count];
        bytes.read_exact_at(offset, &mut buf).ok().map(|()| buf)
    };
    let marked = |offset: u64, mark: &[u8]| at(offset, mark.len()).is_some_and(|found| found == mark);
    // The mark, where it stands, and where the label is.
    let places: [(&[u8], u64, u64, usize); 6] = [
        (b"\x53\xEF", 1080, 1144, 16),
        (b"XFSB", 0, 108, 12),
        (b"_BHRfS_M", 0x1_0040, 0x1_012B, 256),
        (b"FAT32", 82, 71, 11),
        (b"FAT", 54, 43, 11),
        (b"\x01CD001", 32_768, 32_808, 32),
    ];
    let (.., offset, count) = places.into_iter().find(|(mark, offset, ..)| marked(*offset, mark))?;
    shown(&at(offset, count)?).filter(|label| label != "NO NAME")
}

/// A name of UTF-16 units, up to the first zero.
pub(crate) fn wide(units: &[u8]) -> Option<String> {
    let units = units.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    let name: String = char::decode_utf16(units.take_while(|unit| *unit != 0))
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    shown(name.as_bytes())
}

/// A name as every record escapes it, up to the first zero and without blanks around; `None` where nothing is left.
pub(crate) fn shown(name: &[u8]) -> Option<String> {
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default().trim_ascii();
    let name = name.get(..name.len().min(MAX_NAME)).unwrap_or_default();
    (!name.is_empty()).then(|| RawName(name.to_vec()).to_string())
}

/// Most bytes of a name that are shown.
const MAX_NAME: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_found_by_their_marks_and_escaped() {
        let check = |mark: (usize, &[u8]), name: (usize, &[u8]), expected: Option<&str>| {
            let mut bytes = vec![0; 70_000];
            for (offset, part) in [mark, name] {
                bytes[offset..offset + part.len()].copy_from_slice(part);
            }
            assert_eq!(label(&bytes).as_deref(), expected, "{name:?}");
        };
        check((1080, b"\x53\xEF"), (1144, b"root"), Some("root"));
        check((1080, b"\x53\xEF"), (1144, b"\x1b[31mroot"), Some("%1B[31mroot"));
        check((1080, b"\x53\xEF"), (1144, b""), None);
        check((0, b"XFSB"), (108, b"srv"), Some("srv"));
        check((82, b"FAT32"), (71, b"USB STICK  "), Some("USB STICK"));
        check((82, b"FAT32"), (71, b"NO NAME    "), None);
        check((0x1_0040, b"_BHRfS_M"), (0x1_012B, b"data"), Some("data"));
        check((32_768, b"\x01CD001"), (32_808, b"DEBIAN 12"), Some("DEBIAN 12"));
        check((0, b""), (1144, b"root"), None);
        assert_eq!(label(&vec![0; 100]), None);
    }

    #[test]
    fn wide_names_end_at_a_zero() {
        let units: Vec<u8> = "EFI\0junk".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(wide(&units).as_deref(), Some("EFI"));
        assert_eq!(wide(&[0, 0xD8, 0, 0]).as_deref(), Some("%EF%BF%BD"));
        assert_eq!(wide(&[]), None);
    }
}
