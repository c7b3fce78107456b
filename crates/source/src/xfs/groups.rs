//! Allocation groups: which inodes are in use, without going through the directories.

use std::collections::HashSet;

use crate::bytes::length;
use crate::field::{be16, be32, be64};
use crate::walk::SourceError;
use crate::xfs::superblock::{checksum_fits, corrupt};
use crate::xfs::volume::{Seal, Volume, broken};

/// What the groups say of inodes in use, without the file system's own.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct InUse {
    /// By the trees of inodes.
    pub(crate) by_trees: u64,
    /// By the counters in the groups' headers.
    pub(crate) by_headers: u64,
    /// Groups of which something could not be read.
    pub(crate) unread: u64,
}

/// Counts inodes in use, group by group. What cannot be read is counted, too.
pub(crate) fn in_use(volume: &Volume) -> InUse {
    let there = volume.groups_there();
    let missing = volume.sb.groups.saturating_sub(there).into();
    let mut all = InUse { unread: missing, ..InUse::default() };
    for group in 0..there {
        let Ok(header) = Header::read(volume, group) else {
            all.unread = all.unread.saturating_add(1);
            continue;
        };
        all.by_headers = all.by_headers.saturating_add(header.in_use.into());
        let (count, result) = count(volume, group, &header);
        all.by_trees = all.by_trees.saturating_add(count);
        all.unread = all.unread.saturating_add(result.is_err().into());
    }
    all.by_headers = all.by_headers.saturating_sub(length(volume.sb.internal.len()));
    all
}

/// Whether some group lists inodes that were deleted while open, or made without a name.
pub(crate) fn has_unlinked(volume: &Volume) -> bool {
    (0..volume.groups_there())
        .any(|group| Header::read(volume, group).is_ok_and(|header| header.has_unlinked))
}

/// The header of a group's inodes (`AGI`).
struct Header {
    in_use: u32,
    root: u32,
    level: u32,
    has_unlinked: bool,
}

impl Header {
    fn read(volume: &Volume, group: u32) -> Result<Self, SourceError> {
        let raw = volume.sector(group, 2)?;
        let fields = || {
            let lists = raw.get(40..296)?.as_chunks::<4>().0;
            Some(Self {
                in_use: be32(&raw, 16)?.saturating_sub(be32(&raw, 28)?),
                root: be32(&raw, 20)?,
                level: be32(&raw, 24)?,
                has_unlinked: lists.iter().any(|first| *first != [0xFF; 4]),
            })
        };
        let right = raw.starts_with(b"XAGI") && be32(&raw, 8) == Some(group);
        let right = right && (!volume.sb.checksums || checksum_fits(&raw, 312));
        fields().filter(|_| right).ok_or_else(|| corrupt("a group's header contradicts itself"))
    }
}

/// Counts the inodes in use in a group's tree, and says whether all of it could be read.
fn count(volume: &Volume, group: u32, header: &Header) -> (u64, Result<(), SourceError>) {
    let (mut count, mut result) = (0_u64, Ok(()));
    if header.level == 0 || header.level > MAX_LEVEL {
        return (0, Err(corrupt("a tree of inodes has an impossible depth")));
    }
    let mut waiting = vec![(header.root, header.level - 1)];
    let mut met = HashSet::new();
    while let Some((inner, level)) = waiting.pop() {
        // A tree that leads to one block twice is none: it could be as wide as it likes.
        if !met.insert(inner) {
            result = Err(corrupt("a tree of inodes leads to one block twice"));
            continue;
        }
        match node(volume, group, inner, level) {
            Err(error) => result = Err(error),
            Ok(Node::Children(children)) => {
                waiting.extend(children.into_iter().map(|child| (child, level.saturating_sub(1))));
            }
            Ok(Node::InUse(found)) => count = count.saturating_add(found),
        }
    }
    (count, result)
}

enum Node {
    Children(Vec<u32>),
    InUse(u64),
}

fn node(volume: &Volume, group: u32, inner: u32, level: u32) -> Result<Node, SourceError> {
    let place = volume.block_of(group, inner);
    let block = volume.block(place)?;
    volume.check(&block, &SEAL, group.into(), place).map_err(|how| broken("a tree of inodes", how))?;
    let (magic, header): (&[u8], _) =
        if volume.sb.checksums { (b"IAB3", HEADER_V5) } else { (b"IABT", HEADER) };
    let damaged = || corrupt("a tree of inodes contradicts itself");
    if !block.starts_with(magic) || be16(&block, 4).map(u32::from) != Some(level) {
        return Err(damaged());
    }
    let count = usize::from(be16(&block, 6).ok_or_else(damaged)?);
    if level == 0 {
        let records =
            count.checked_mul(RECORD).and_then(|length| block.get(header..header.checked_add(length)?));
        let records = records.ok_or_else(damaged)?.as_chunks::<RECORD>().0;
        let found = records.iter().filter_map(|record| in_use_of_record(volume, group, record));
        return Ok(Node::InUse(found.sum()));
    }
    // Keys first, with room for as many as the node can hold; then pointers.
    let pointers = header.saturating_add((block.len().saturating_sub(header) >> 3).saturating_mul(4));
    let pointers = count.checked_mul(4).and_then(|length| block.get(pointers..pointers.checked_add(length)?));
    let pointers = pointers.ok_or_else(damaged)?.as_chunks::<4>().0;
    Ok(Node::Children(pointers.iter().map(|pointer| u32::from_be_bytes(*pointer)).collect()))
}

/// Inodes in use of the 64 of a record, without the file system's own. Those that are not there at all (sparse) count as free.
fn in_use_of_record(volume: &Volume, group: u32, record: &[u8]) -> Option<u64> {
    let used = !be64(record, 8)?;
    let bits = volume.sb.group_log.checked_add(volume.sb.inode_log)?;
    let first = u64::from(group).checked_shl(bits.into())? | u64::from(be32(record, 0)?);
    let own = volume.sb.internal.iter().filter(|inode| {
        let bit = inode.checked_sub(first).and_then(|bit| u32::try_from(bit).ok()).filter(|bit| *bit < 64);
        bit.is_some_and(|bit| used >> bit & 1 == 1)
    });
    Some(u64::from(used.count_ones()).saturating_sub(length(own.count())))
}

const SEAL: Seal = Seal { checksum: 52, place: 16, uuid: 32, owner: 48, of_group: true };
const HEADER: usize = 16;
const HEADER_V5: usize = 56;
const RECORD: usize = 16;
/// Deepest tree of inodes: a group has at most 2^31 blocks, and a node at least 28 children.
const MAX_LEVEL: u32 = 9;
