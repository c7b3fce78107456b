//! Owners: security identifiers, in records themselves or by number in `$Secure`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::bytes::length;
use crate::field::{byte, le16, le32, le64};
use crate::ntfs::corrupt;
use crate::ntfs::data::{Data, Disk};
use crate::walk::SourceError;

/// The owners of all security descriptors in `$Secure`, by their numbers.
#[derive(Default)]
pub(crate) struct Owners(HashMap<u32, Arc<str>>);

impl Owners {
    /// Reads the stream `$SDS`: descriptors one after the other, each block of 256 KiB followed by its copy.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where it is longer than [`MAX_SDS`] or cannot be read.
    pub(crate) fn read(disk: &Disk, sds: &Data) -> Result<Self, SourceError> {
        let mut owners = HashMap::new();
        let mut known = HashMap::<String, Arc<str>>::new();
        if sds.size > MAX_SDS {
            return Err(corrupt("it is longer than a volume's descriptors can be"));
        }
        let mut block = vec![0; usize::try_from(BLOCK).unwrap_or(0)];
        let mut at = 0_u64;
        while at < sds.size {
            let count = match sds.fill(disk, at, &mut block) {
                Ok(count) => count,
                // The copy says the same of itself, offsets included.
                Err(error) => sds.fill(disk, at.saturating_add(BLOCK), &mut block).map_err(|_| error)?,
            };
            let whole = block.get(..count).unwrap_or_default();
            let mut inner = 0_usize;
            while let Some((id, descriptor, size)) = entry(whole, inner, at) {
                if let Some(sid) = owner(descriptor) {
                    let sid = known.entry(sid).or_insert_with_key(|sid| sid.as_str().into());
                    owners.insert(id, Arc::clone(sid));
                }
                inner = inner.saturating_add(size).next_multiple_of(16);
            }
            at = at.saturating_add(BLOCK.saturating_mul(2));
        }
        Ok(Self(owners))
    }

    /// Whether no descriptor is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The owner of the descriptor `id`.
    pub(crate) fn get(&self, id: u32) -> Option<&str> {
        self.0.get(&id).map(AsRef::as_ref)
    }
}

/// The entry `at` bytes into a block: its number, the descriptor, and its size. `None` behind the last.
fn entry(block: &[u8], at: usize, block_at: u64) -> Option<(u32, &[u8], usize)> {
    let raw = block.get(at..)?;
    let size = usize::try_from(le32(raw, 16)?).ok()?;
    let is_here = le64(raw, 8)? == block_at.checked_add(length(at))?;
    let descriptor = raw.get(20..size).filter(|_| is_here)?;
    Some((le32(raw, 4)?, descriptor, size))
}

/// The owner that a security descriptor names.
pub(crate) fn owner(descriptor: &[u8]) -> Option<String> {
    let at = usize::try_from(le32(descriptor, 4)?).ok().filter(|at| *at >= 20)?;
    let sid = descriptor.get(at..).filter(|_| byte(descriptor, 0) == Some(1))?;
    let count = usize::from(byte(sid, 1)?);
    if byte(sid, 0)? != 1 || count > 15 {
        return None;
    }
    let authority = sid.get(2..8)?.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let mut text =
        if authority >> 32 == 0 { format!("S-1-{authority}") } else { format!("S-1-0x{authority:012x}") };
    for index in 0..count {
        let number = le32(sid, index.checked_mul(4)?.checked_add(8)?)?;
        let _ = write!(text, "-{number}"); // writing to a String cannot fail
    }
    Some(text)
}

/// Bytes of a security descriptor that are neither its header, its owners nor its lists.
pub(crate) fn unread(descriptor: &[u8]) -> u64 {
    let size = length(descriptor.len());
    if byte(descriptor, 0) != Some(1) {
        return size;
    }
    let part = |field: usize, is_list: bool| {
        let at = le32(descriptor, field).filter(|at| *at >= HEADER)?;
        let start = usize::try_from(at).ok()?;
        let long = if is_list {
            u64::from(le16(descriptor, start.checked_add(2)?)?)
        } else {
            u64::from(byte(descriptor, start.checked_add(1)?)?).saturating_mul(4).saturating_add(8)
        };
        Some((u64::from(at), u64::from(at).saturating_add(long)))
    };
    let parts = [part(4, false), part(8, false), part(12, true), part(16, true)];
    let mut parts: Vec<_> = parts.into_iter().flatten().collect();
    parts.sort_unstable();
    let (mut unread, mut end) = (0_u64, u64::from(HEADER));
    for (from, to) in parts.into_iter().chain([(size, size)]) {
        // Parts begin at multiples of four, and a descriptor can be rounded up to eight.
        unread = unread.saturating_add(Some(from.saturating_sub(end)).filter(|gap| *gap > 7).unwrap_or(0));
        end = end.max(to);
    }
    unread
}

/// The header of a descriptor, behind which its parts stand.
const HEADER: u32 = 20;
/// Bytes in a block of `$SDS`, each of which stands there twice.
const BLOCK: u64 = 256 << 10;
/// Longest `$SDS` read: 128 MiB, with its copies half a million descriptors. Busy servers have some ten thousand.
const MAX_SDS: u64 = 128 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sid: &[u8], expect: Option<&str>) {
        let mut descriptor = vec![1, 0, 4, 0x80, 20];
        descriptor.resize(20, 0);
        descriptor.extend(sid);
        assert_eq!(owner(&descriptor).as_deref(), expect);
    }

    #[test]
    fn bytes_between_and_behind_the_parts_of_a_descriptor() {
        let sid = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
        let list = [2, 0, 8, 0, 0, 0, 0, 0];
        let mut descriptor = vec![1, 0, 4, 0x80, 20, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0, 44, 0, 0, 0];
        descriptor.extend([&sid[..], &sid, &list].concat());
        assert_eq!(unread(&descriptor), 0);
        let behind = [&descriptor[..], &[7; 100]].concat();
        assert_eq!(unread(&behind), 100);
        let mut between = descriptor.clone();
        between.splice(44..44, [7; 50]);
        between[16] = 94;
        assert_eq!(unread(&between), 50);
        // Two parts at one place, as some writers have owner and group.
        descriptor[8] = 20;
        assert_eq!(unread(&descriptor), 12);
        assert_eq!(unread(&[7; 300]), 300);
    }

    #[test]
    fn identifiers_as_windows_writes_them() {
        check(&[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0], Some("S-1-5-18"));
        check(&[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0], Some("S-1-5-32-544"));
        check(&[1, 1, 1, 0, 0, 0, 0, 5, 1, 0, 0, 0], Some("S-1-0x010000000005-1"));
        check(&[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0], None);
        check(&[2, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0], None);
        check(&[1, 16, 0, 0, 0, 0, 0, 5], None);
    }
}
