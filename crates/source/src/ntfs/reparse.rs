//! Reparse points: links, special files, and content that another program keeps.

use scope::facts::Kind;

use crate::bytes::length;
use crate::field::{le16, le32};
use crate::ntfs::name::wtf8;

/// What an item with a reparse point is.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Reparse {
    /// A link, and its target as recorded.
    Link(Option<Vec<u8>>),
    /// A pipe, socket or device of the Windows Subsystem for Linux.
    Special(Kind),
    /// Content that another program compresses or keeps elsewhere, in words.
    Away(&'static str),
    /// A file of a cloud store: its content is here where it has no holes.
    Cloud,
    /// A tag that is not known.
    Unknown,
}

impl Reparse {
    /// Reads the attribute's value.
    pub(crate) fn parse(value: &[u8]) -> Self {
        let stated = le16(value, 4).map_or(0, usize::from);
        let data = value.get(8..).unwrap_or_default();
        let data = data.get(..stated.min(data.len())).unwrap_or_default();
        match tag(value) {
            SYMLINK => Self::Link(target(data, 12)),
            MOUNT_POINT => Self::Link(target(data, 8)),
            LX_SYMLINK => Self::Link(data.get(4..).map(<[u8]>::to_vec)),
            LX_SOCKET => Self::Special(Kind::Socket),
            LX_FIFO => Self::Special(Kind::Fifo),
            LX_CHARACTER => Self::Special(Kind::CharDevice),
            LX_BLOCK => Self::Special(Kind::BlockDevice),
            WOF => Self::Away("compressed by Windows (WOF), in a stream of its own"),
            DEDUPLICATED => Self::Away("deduplicated by Windows, in chunks shared with other files"),
            tag if tag & 0xFFFF_0FFF == CLOUD => Self::Cloud,
            _ => Self::Unknown,
        }
    }
}

/// The tag of a reparse point: whose it is.
pub(crate) fn tag(value: &[u8]) -> u32 {
    le32(value, 0).unwrap_or_default()
}

/// Bytes behind the length that a reparse point states. One whose tag is not of Microsoft has a GUID in its header.
pub(crate) fn unread(value: &[u8]) -> u64 {
    let header = if tag(value) & IS_MICROSOFT == 0 { 24 } else { 8 };
    let stated = le16(value, 4).map_or(0, u64::from).saturating_add(header);
    length(value.len()).saturating_sub(stated)
}

/// The name to put in the link's place; names begin at `names`.
fn target(data: &[u8], names: usize) -> Option<Vec<u8>> {
    let start = names.checked_add(usize::from(le16(data, 0)?))?;
    let end = start.checked_add(usize::from(le16(data, 2)?))?;
    Some(wtf8(data.get(start..end)?))
}

const IS_MICROSOFT: u32 = 0x8000_0000;
const MOUNT_POINT: u32 = 0xA000_0003;
const SYMLINK: u32 = 0xA000_000C;
const LX_SYMLINK: u32 = 0xA000_001D;
const LX_SOCKET: u32 = 0x8000_0023;
const LX_FIFO: u32 = 0x8000_0024;
const LX_CHARACTER: u32 = 0x8000_0025;
const LX_BLOCK: u32 = 0x8000_0026;
const WOF: u32 = 0x8000_0017;
const DEDUPLICATED: u32 = 0x8000_0013;
/// 16 tags, which differ in four bits.
const CLOUD: u32 = 0x9000_001A;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tag: u32, data: &[u8], expect: &Reparse) {
        let length = u16::try_from(data.len()).unwrap();
        let value = [&tag.to_le_bytes()[..], &length.to_le_bytes(), &[0, 0], data].concat();
        assert_eq!(Reparse::parse(&value), *expect);
    }

    #[test]
    fn links_and_what_is_not_here() {
        check(SYMLINK, b"\x02\0\x02\0\0\0\x02\0\x01\0\0\0p\0t\0", &Reparse::Link(Some(b"t".to_vec())));
        check(MOUNT_POINT, b"\0\0\x04\0\x06\0\0\0C\0:\0\0\0", &Reparse::Link(Some(b"C:".to_vec())));
        check(MOUNT_POINT, b"\0\0\x09\0\x06\0\0\0C\0:\0\0\0", &Reparse::Link(None));
        check(LX_SYMLINK, b"\x02\0\0\0../x", &Reparse::Link(Some(b"../x".to_vec())));
        check(LX_FIFO, b"", &Reparse::Special(Kind::Fifo));
        check(0x9000_601A, b"", &Reparse::Cloud);
        check(0x8000_001B, b"", &Reparse::Unknown);
    }

    #[test]
    fn bytes_behind_the_length_that_is_stated() {
        let value = |tag: u32, behind: usize| {
            [&tag.to_le_bytes()[..], &2_u16.to_le_bytes(), &[0; 4], &vec![7; behind]].concat()
        };
        assert_eq!((unread(&value(LX_FIFO, 0)), unread(&value(LX_FIFO, 9))), (0, 9));
        // A GUID of 16 bytes.
        assert_eq!((unread(&value(0x1234, 16)), unread(&value(0x1234, 20))), (0, 4));
    }
}
