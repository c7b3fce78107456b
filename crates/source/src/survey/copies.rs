//! A file system whose first structure is lost is read by the copy that it keeps of it: ext's superblock and descriptors in later
//! groups, the boot sector of NTFS behind the volume, that of FAT32 in its sector 6.
//!
//! Implements `docs/spec/volumes.md`, "Copies".

use std::ops::Range;
use std::sync::Arc;

use super::{Found, Survey, shown};
use crate::bytes::{ByteSource, ReadFault};
use crate::field::{le16, le32};
use crate::file_system::{Kind, recognise};
use crate::medium::by_copy;
use crate::probe;

/// A volume with a copy in the place of what it is a copy of.
struct Mended {
    inner: Arc<dyn ByteSource>,
    /// What stands in the place of bytes that are not believed.
    first: (u64, Vec<u8>),
    /// What stands in the place of bytes that cannot be read: where they are, and where their copy is.
    behind: Option<(Range<u64>, u64)>,
}

impl ByteSource for Mended {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let (at, copy) = &self.first;
        let end = at.saturating_add(crate::bytes::length(copy.len()));
        let mut done = 0_usize;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let from = offset.saturating_add(crate::bytes::length(done));
            // As far as the next border.
            let border = [*at, end].into_iter().find(|border| *border > from);
            let most = border.map_or(u64::MAX, |border| border.saturating_sub(from));
            let want = usize::try_from(most).unwrap_or(usize::MAX).min(rest.len());
            let Some(rest) = rest.get_mut(..want) else { break };
            let count = if (*at..end).contains(&from) {
                let skip = usize::try_from(from.saturating_sub(*at)).unwrap_or(usize::MAX);
                let piece = copy.get(skip..skip.saturating_add(want)).unwrap_or_default();
                match rest.get_mut(..piece.len()) {
                    Some(to) => to.copy_from_slice(piece),
                    None => break,
                }
                piece.len()
            } else {
                self.read_behind(from, rest)?
            };
            if count == 0 {
                break;
            }
            done = done.saturating_add(count);
        }
        Ok(done)
    }

    fn sector_size(&self) -> u32 {
        self.inner.sector_size()
    }

    fn bad_ranges(&self) -> Vec<Range<u64>> {
        self.inner.bad_ranges()
    }
}

impl Mended {
    fn read_behind(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let fault = match self.inner.read_at(offset, buf) {
            Ok(count) => return Ok(count),
            Err(fault) => fault,
        };
        let Some((range, copy)) = &self.behind else { return Err(fault) };
        let end = offset.saturating_add(crate::bytes::length(buf.len()));
        if offset < range.start || end > range.end {
            return Err(fault);
        }
        self.inner.read_at(copy.saturating_add(offset.saturating_sub(range.start)), buf).map_err(|_| fault)
    }
}

/// A copy, and the volume as it is with it.
struct Candidate {
    bytes: Arc<dyn ByteSource>,
    /// What it is a copy of, and where it stands.
    what: &'static str,
    at: u64,
}

impl Survey {
    /// Reads a volume whose beginning says nothing, or cannot be read, by a copy. Whether it was read.
    pub(super) fn by_a_copy(&mut self, found: &Found, why: &str) -> bool {
        for Candidate { bytes, what, at } in candidates(&found.bytes) {
            let Some(kind) = probe::head(bytes.as_ref()).ok().and_then(|head| recognise(&head)) else {
                continue;
            };
            if let Some(source) = opened(kind, &bytes) {
                let place = shown(&found.place);
                self.limits.push(by_copy(&format!("{place}, {}: {what} {why}", kind.name), at));
                let unused = vec![source.unused()];
                let found = Found { bytes, ..found.clone() };
                self.source(&found, kind.name, source);
                self.between(&found, unused, &[]);
                return true;
            }
        }
        false
    }
}

/// The file system by a copy, where the root at least can be read so.
fn opened(kind: &Kind, bytes: &Arc<dyn ByteSource>) -> Option<Box<dyn crate::walk::Source>> {
    let source = (kind.open)(Arc::clone(bytes)).ok()?;
    source.root().ok()?;
    Some(source)
}

/// The copies that are there, by what their own bytes say.
fn candidates(bytes: &Arc<dyn ByteSource>) -> Vec<Candidate> {
    let mut all = Vec::new();
    for block in EXT_BLOCKS {
        for group in EXT_GROUPS {
            let first = u64::from(block == 1024);
            let start = (first + u64::from(group) * 8 * block) * block;
            all.extend(ext(bytes, (block, first, start)));
        }
    }
    let boot = |at: u64, what, mark: fn(&[u8]) -> bool| {
        let mut raw = vec![0; 512];
        bytes.read_exact_at(at, &mut raw).ok()?;
        mark(&raw).then(|| Candidate { bytes: mended(bytes, (0, raw), None), what, at })
    };
    for sector in [512, 4096] {
        let at = bytes.len().checked_sub(sector).filter(|at| *at > 0);
        all.extend(at.and_then(|at| boot(at, "its boot sector", crate::ntfs::is_ntfs)));
        all.extend(boot(6 * sector, "its boot sector", is_fat32));
    }
    all
}

/// A copy of ext's superblock at the beginning of a group, which says itself that it is one.
fn ext(bytes: &Arc<dyn ByteSource>, (block, first, start): (u64, u64, u64)) -> Option<Candidate> {
    let mut raw = vec![0; EXT_LENGTH];
    bytes.read_exact_at(start, &mut raw).ok()?;
    let is_copy = le16(&raw, 0x38) == Some(0xEF53)
        && le32(&raw, 0x18).and_then(|log| 1024_u64.checked_shl(log)) == Some(block)
        && le16(&raw, 0x5A).is_some_and(|group| group != 0);
    // The descriptors stand behind the superblock, in the group as at the beginning.
    let from = (first + 1) * block;
    let behind = Some((from..from + EXT_DESCRIPTORS * block, start + block));
    is_copy.then(|| Candidate {
        bytes: mended(bytes, (1024, raw), behind),
        what: "its superblock",
        at: start,
    })
}

fn mended(
    inner: &Arc<dyn ByteSource>,
    first: (u64, Vec<u8>),
    behind: Option<(Range<u64>, u64)>,
) -> Arc<dyn ByteSource> {
    Arc::new(Mended { inner: Arc::clone(inner), first, behind })
}

/// Whether it is the boot sector of a FAT32 volume, which alone keeps a copy.
fn is_fat32(raw: &[u8]) -> bool {
    crate::fat::is_fat(raw) && raw.get(82..90) == Some(b"FAT32   ")
}

/// Lengths of ext's blocks, and the groups that hold copies in each arrangement (`sparse_super`).
const EXT_BLOCKS: [u64; 3] = [4096, 1024, 2048];
const EXT_GROUPS: [u32; 4] = [1, 3, 5, 7];
/// Bytes of a superblock, and blocks of descriptors that a copy is taken for: 4096 groups and more.
const EXT_LENGTH: usize = 1024;
const EXT_DESCRIPTORS: u64 = 64;
