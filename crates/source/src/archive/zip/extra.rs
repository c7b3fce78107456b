//! Extra fields of a zip: what they say, and how much of them nobody knows.

use super::super::{ArchiveError, Modified};
use crate::field::{le16, le32};

/// What an entry's extra fields say.
#[derive(Default)]
pub(super) struct Extra<'a> {
    pub(super) wide: &'a [u8],
    pub(super) modified: Option<Modified>,
    /// The check sum of the name for which another one is told, and that.
    pub(super) name: Option<(u32, &'a [u8])>,
    /// Bytes in fields of which nobody knows what they hold.
    pub(super) aside: usize,
}

impl<'a> Extra<'a> {
    pub(super) fn parse(mut bytes: &'a [u8], offset: u64) -> Result<Self, ArchiveError> {
        let mut found = Self::default();
        // Some programs fill up with a few zeros, which are no field.
        while let (Some(id), Some(size)) = (le16(bytes, 0), le16(bytes, 2)) {
            let size = usize::from(size);
            let holds = bytes
                .get(4..size.saturating_add(4))
                .ok_or(ArchiveError::damaged(offset, "an extra field is cut off"))?;
            match id {
                WIDE_FIELD if found.wide.is_empty() => found.wide = holds,
                WIDE_FIELD => {
                    return Err(ArchiveError::damaged(offset, "an entry has its 64-bit sizes twice"));
                }
                TIME_FIELD if holds.first().is_some_and(|flags| flags & 1 != 0) => {
                    let seconds = le32(holds, 1).map(u32::cast_signed);
                    let ns = seconds.map(|seconds| i128::from(seconds).saturating_mul(1_000_000_000));
                    found.modified = ns.map(|ns| Modified { ns, local: false });
                }
                NAME_FIELD if found.name.is_some() => {
                    return Err(ArchiveError::damaged(offset, "an entry has its name in Unicode twice"));
                }
                NAME_FIELD if holds.first() == Some(&1) => {
                    found.name = le32(holds, 1).zip(holds.get(5..));
                }
                _ => {}
            }
            if !is_known(id, holds) {
                found.aside = found.aside.saturating_add(size).saturating_add(4);
            }
            bytes = bytes.get(size.saturating_add(4)..).unwrap_or_default();
        }
        found.aside = found.aside.saturating_add(bytes.iter().filter(|byte| **byte != 0).count());
        Ok(found)
    }
}

/// Whether a field is one of those that programs write of themselves: times, owners, sizes, names, and filling.
fn is_known(id: u16, holds: &[u8]) -> bool {
    let zeros = |from: usize| holds.get(from..).is_some_and(|rest| rest.iter().all(|byte| *byte == 0));
    match (id, holds.len()) {
        (WIDE_FIELD, 0..=28) | (TIME_FIELD, 1..=13) => true,
        // A name is used as one; of another name than the entry's, it is nobody's.
        (NAME_FIELD, 5..) => holds.first() == Some(&1),
        // Times of Windows; owners, and times, of Info-ZIP; of libarchive, what the directory says again.
        (0x000A, 32) | (0x7875, 0..=11) | (0x7855, 0..=4) | (0x5855, 8 | 12) | (0x6C78, 9) => true,
        // The mark of an archive for Java; zeros, with which members are moved to even places.
        (0xCAFE | 0, 0) => true,
        (0xA220, 4..) => zeros(4),
        (0xD935, 2..) => zeros(2),
        _ => false,
    }
}

/// Extra fields: 64-bit sizes, Unix times, and a name in Unicode.
const WIDE_FIELD: u16 = 1;
const TIME_FIELD: u16 = 0x5455;
const NAME_FIELD: u16 = 0x7075;
