//! Where copies of first structures stand: at fixed places, whatever else a volume holds.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::{Candidate, Mended};
use crate::bytes::ByteSource;
use crate::field::{le16, le32};
use crate::{btrfs, exfat, xfs};

/// The copies that are there, by what their own bytes say.
pub(super) fn candidates(bytes: &Arc<dyn ByteSource>) -> Vec<Candidate> {
    let mut all = Vec::new();
    for place in ext_places(bytes.len()) {
        ext(bytes, place, &mut all);
    }
    let mut put = |what, at, first| {
        let bytes: Arc<dyn ByteSource> = Arc::new(Mended::new(bytes, vec![first], None));
        all.push(Candidate { bytes, what, at });
    };
    let boot = |at: u64, mark: fn(&[u8]) -> bool| {
        let mut raw = vec![0; SECTOR];
        bytes.read_exact_at(at, &mut raw).ok()?;
        mark(&raw).then_some((at, (0, raw)))
    };
    for sector in [512, 4096, 1024, 2048] {
        let last = bytes.len().checked_sub(sector).filter(|at| *at > 0);
        let found = last.and_then(|at| boot(at, crate::ntfs::is_ntfs)).or_else(|| boot(6 * sector, is_fat32));
        if let Some((at, first)) = found {
            put("its boot sector", at, first);
        }
    }
    if let Some((at, raw)) = exfat::copy(bytes.as_ref()) {
        put("its boot sector", at, (0, raw));
    }
    // These find their copies themselves, where their mark stands at its place and nothing else does.
    if let Some(at) = xfs::copy(bytes) {
        put("its superblock", at, (0, xfs::mark(SECTOR)));
    }
    if let Some(at) = btrfs::copy(bytes.as_ref()) {
        put("its superblock", at, btrfs::mark());
    }
    all
}

/// Whether `head` bears what is too short, or too common, for a mark, and says of a volume that it is of another kind:
/// minix, NILFS2. An older use may have left copies behind.
pub(super) fn is_of_another(head: &[u8]) -> bool {
    let number = |at| le16(head, at).unwrap_or(0);
    // With the state of a sound or damaged volume, or the size of a block.
    let minix = matches!(number(1040), 0x137F | 0x138F | 0x2468 | 0x2478) && number(1042) <= 3;
    let minix_3 = number(1048) == 0x4D5A && matches!(number(1052), 1024 | 2048 | 4096);
    let nilfs = number(1030) == 0x3434 && number(1024) <= 2;
    minix || minix_3 || nilfs
}

/// Where a copy of ext's superblock may begin: length of a block, first data block, place. In the groups that hold one in each
/// arrangement (`sparse_super`), with clusters or without, and in the last group (`sparse_super2`).
fn ext_places(length: u64) -> Vec<(u64, u64, u64)> {
    let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
    for block in EXT_BLOCKS {
        for ratio in EXT_RATIOS {
            let first = u64::from(block == 1024 && ratio == 1);
            let group = (8 * block).min(EXT_MOST) * ratio * block;
            let last = length.saturating_sub(first * block + 1) / group;
            let groups = if ratio == 1 { &EXT_GROUPS[..] } else { &EXT_GROUPS[..2] };
            for number in groups.iter().copied().chain([last]) {
                let start = number.saturating_mul(group).saturating_add(first * block);
                if number > 0 && start < length && seen.insert((block, first, start)) {
                    all.push((block, first, start));
                }
            }
        }
    }
    all
}

/// A copy of ext's superblock at the beginning of a group, which says itself that it is one, and of that group.
fn ext(bytes: &Arc<dyn ByteSource>, (block, first, start): (u64, u64, u64), all: &mut Vec<Candidate>) {
    let mut raw = vec![0; EXT_LENGTH];
    let read = bytes.read_exact_at(start, &mut raw).is_ok();
    let field = |at| le32(&raw, at).map_or(0, u64::from);
    let number = |at| le16(&raw, at).map_or(0, u64::from);
    let (group, in_group, blocks) = (number(0x5A), field(0x20), field(4));
    let stands = group.saturating_mul(in_group).saturating_add(field(0x14));
    let is_copy = number(0x38) == 0xEF53
        && le32(&raw, 0x18).and_then(|log| 1024_u64.checked_shl(log)) == Some(block)
        && (group, field(0x14), stands) == (group.max(1), first, start / block);
    if !read || !is_copy || in_group == 0 {
        return;
    }
    let is_wide = field(0x60) & 0x80 != 0;
    let blocks = if is_wide { field(0x150) << 32 | blocks } else { blocks };
    let size = if is_wide { number(0xFE).clamp(32, 1024) } else { 32 };
    let mut length = blocks.saturating_sub(first).div_ceil(in_group).saturating_mul(size);
    if field(0x60) & 0x10 != 0 {
        length = length.min(field(0x104).saturating_mul(block));
    }
    length = length.min(EXT_DESCRIPTORS * block);
    // The descriptors stand behind the superblock, in the group as at the beginning.
    let (from, copy) = (if block == 1024 { 2048 } else { block }, start + block);
    let behind = Some((from..from + length, copy));
    let mut put = |first| {
        let bytes: Arc<dyn ByteSource> = Arc::new(Mended::new(bytes, first, behind.clone()));
        all.push(Candidate { bytes, what: "its superblock", at: start });
    };
    // Where the first ones lead elsewhere, they were overwritten, too.
    if let Some(theirs) = other_descriptors(bytes.as_ref(), from..from + length, copy, size) {
        put(vec![(1024, raw.clone()), (from, theirs)]);
    }
    put(vec![(1024, raw)]);
}

/// The copies of descriptors at `copy`, where the first, which can be read, lead to other places.
fn other_descriptors(bytes: &dyn ByteSource, first: Range<u64>, copy: u64, size: u64) -> Option<Vec<u8>> {
    let read = |at| {
        let mut all = vec![0; usize::try_from(first.end.saturating_sub(first.start)).unwrap_or(0)];
        bytes.read_exact_at(at, &mut all).ok().map(|()| all)
    };
    let (ours, theirs) = (read(first.start)?, read(copy)?);
    // Bitmaps and table of inodes, and their upper halves.
    let places = |all: &[u8]| -> Vec<u8> {
        let each = all.chunks(usize::try_from(size).unwrap_or(32));
        each.flat_map(|one| [one.get(..12), one.get(32..44)]).flatten().flatten().copied().collect()
    };
    (places(&ours) != places(&theirs)).then_some(theirs)
}

/// Whether it is the boot sector of a FAT32 volume, which alone keeps a copy.
fn is_fat32(raw: &[u8]) -> bool {
    crate::fat::is_fat(raw) && raw.get(82..90) == Some(b"FAT32   ")
}

/// Bytes of a boot sector that matter.
const SECTOR: usize = 512;
/// Lengths of ext's blocks, the usual ones first; blocks in a cluster; and the groups that hold copies.
const EXT_BLOCKS: [u64; 7] = [4096, 1024, 2048, 8192, 16384, 32768, 65536];
const EXT_RATIOS: [u64; 7] = [1, 16, 2, 4, 8, 32, 64];
const EXT_GROUPS: [u64; 4] = [1, 3, 5, 7];
/// Most blocks, or clusters, of a group: they are counted in 16 bits, and by bytes of a bitmap.
const EXT_MOST: u64 = 65528;
/// Bytes of a superblock, and most blocks of descriptors that a copy is taken for.
const EXT_LENGTH: usize = 1024;
const EXT_DESCRIPTORS: u64 = 64;
