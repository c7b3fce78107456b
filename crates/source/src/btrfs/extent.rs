//! Extents: where the pieces of a file's content stand.

use crate::btrfs::superblock::corrupt;
use crate::btrfs::unpack::{MAX_UNPACKED, Method};
use crate::field::{byte, le16, le64};
use crate::walk::SourceError;

/// One piece of content.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Extent {
    /// Its length in the file.
    pub(crate) length: u64,
    pub(crate) place: Place,
}

/// Where a piece stands.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// Nowhere: a hole, or space that was reserved and never written. It reads as zeros.
    Nowhere,
    /// In the tree itself.
    Here {
        /// The bytes as they stand.
        bytes: Vec<u8>,
        /// How they are packed, if they are.
        method: Option<Method>,
    },
    /// At a logical address.
    Plain(u64),
    /// At a logical address, packed.
    Packed {
        method: Method,
        logical: u64,
        /// Bytes as they stand.
        packed: usize,
        /// Bytes that they unpack to.
        unpacked: usize,
        /// Of these, how many come before this piece.
        skip: usize,
    },
}

impl Extent {
    /// Reads an extent item.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where it contradicts itself, or its content is encrypted or packed in an unknown way.
    pub(crate) fn parse(item: &[u8]) -> Result<Self, SourceError> {
        let short = || corrupt("an extent is cut short");
        let unpacked = le64(item, 8).ok_or_else(short)?;
        let number = byte(item, 16).ok_or_else(short)?;
        if byte(item, 17) != Some(0) || le16(item, 18) != Some(0) {
            return Err(SourceError::NoContent("encrypted, or packed in a way that is not known".into()));
        }
        let method = match (number, Method::of(number)) {
            (0, _) => None,
            (_, Some(method)) => Some(method),
            (number, None) => {
                return Err(SourceError::NoContent(format!("compressed in the unknown way {number}")));
            }
        };
        match byte(item, 20) {
            Some(0) => Self::inline(item.get(21..).unwrap_or_default(), unpacked, method),
            Some(kind @ (1 | 2)) => Self::regular(item, unpacked, method, kind == 2)
                .ok_or_else(|| corrupt("an extent contradicts itself")),
            _ => Err(corrupt("an extent of an unknown kind")),
        }
    }

    fn inline(bytes: &[u8], length: u64, method: Option<Method>) -> Result<Self, SourceError> {
        let held = crate::bytes::length(bytes.len());
        let is_sound =
            if method.is_some() { length <= crate::bytes::length(MAX_UNPACKED) } else { length == held };
        if !is_sound {
            return Err(corrupt(format!("{held} bytes in a tree block are said to be {length}")));
        }
        Ok(Self { length, place: Place::Here { bytes: bytes.to_vec(), method } })
    }

    fn regular(item: &[u8], unpacked: u64, method: Option<Method>, is_reserved: bool) -> Option<Self> {
        let (logical, stored) = (le64(item, 21)?, le64(item, 29)?);
        let (skip, length) = (le64(item, 37)?, le64(item, 45)?);
        if logical == 0 || is_reserved {
            return Some(Self { length, place: Place::Nowhere });
        }
        let end = skip.checked_add(length)?;
        let place = match method {
            None if end <= stored => Place::Plain(logical.checked_add(skip)?),
            Some(method) if end <= unpacked => Place::Packed {
                method,
                logical,
                packed: bounded(stored)?,
                unpacked: bounded(unpacked)?,
                skip: bounded(skip)?,
            },
            _ => return None,
        };
        Some(Self { length, place })
    }
}

fn bounded(length: u64) -> Option<usize> {
    usize::try_from(length).ok().filter(|length| *length <= MAX_UNPACKED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(unpacked: u64, method: u8, kind: u8, fields: [u64; 4]) -> Vec<u8> {
        let mut item = [0; 8].to_vec();
        item.extend(unpacked.to_le_bytes());
        item.extend([method, 0, 0, 0, kind]);
        item.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
        item
    }

    fn check(item: &[u8], expect: Option<(u64, Place)>) {
        let found = Extent::parse(item).ok().map(|extent| (extent.length, extent.place));
        assert_eq!(found, expect);
    }

    #[test]
    fn extents_that_hold_together() {
        check(&item(8192, 0, 1, [9000, 8192, 4096, 4096]), Some((4096, Place::Plain(13096))));
        check(&item(8192, 0, 1, [0, 0, 0, 4096]), Some((4096, Place::Nowhere)));
        check(&item(8192, 0, 2, [9000, 8192, 0, 8192]), Some((8192, Place::Nowhere)));
        let packed =
            Place::Packed { method: Method::Zstd, logical: 9000, packed: 4096, unpacked: 8192, skip: 4096 };
        check(&item(8192, 3, 1, [9000, 4096, 4096, 4096]), Some((4096, packed)));
        let here = Place::Here { bytes: vec![0; 32], method: None };
        check(&item(32, 0, 0, [0; 4]), Some((32, here)));
    }

    #[test]
    fn extents_that_do_not() {
        check(&item(8192, 0, 1, [9000, 8192, 4096, 4097]), None);
        check(&item(8192, 0, 1, [u64::MAX, 8192, 1, 4096]), None);
        check(&item(8192, 0, 1, [9000, 8192, u64::MAX, 4096]), None);
        check(&item(8192, 4, 1, [9000, 8192, 0, 8192]), None);
        check(&item(8192, 3, 1, [9000, 8192, 4096, 8192]), None);
        check(&item(1 << 20, 3, 1, [9000, 8192, 0, 8192]), None);
        check(&item(8192, 0, 3, [9000, 8192, 0, 8192]), None);
        check(&item(33, 0, 0, [0; 4]), None);
        check(&item(8192, 0, 1, [0; 4])[..52], None);
        check(&[], None);
    }
}
