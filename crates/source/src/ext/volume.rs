//! A volume: blocks by number, through the journal, and inodes by number.

use std::collections::HashMap;
use std::sync::Arc;

use crate::bytes::{ByteSource, length};
use crate::crc32c::crc32c;
use crate::ext::inode::Inode;
use crate::ext::journal;
use crate::ext::superblock::{FIRST_INODE, LENGTH, OFFSET, Superblock, corrupt};
use crate::field::{le16, le32, wide};
use crate::walk::SourceError;
use crate::walker::budget::Budget;

/// An ext file system over some bytes.
pub(crate) struct Volume {
    pub(crate) sb: Superblock,
    pub(crate) bytes: Arc<dyn ByteSource>,
    /// Blocks whose newest content is still in the journal.
    pub(crate) replay: HashMap<u64, journal::Place>,
    pub(crate) limits: Vec<String>,
    /// Blocks of maps that are read to tell what they have beside content.
    pub(crate) maps: Budget,
}

/// Flag of a group descriptor: its inode table was never written to.
const INODES_UNUSED: u16 = 0x1;

/// Flag of a group descriptor: its block bitmap was never written, and all that is not the file system's own is free.
const BLOCKS_UNUSED: u16 = 0x2;

/// What a group descriptor says that matters here.
pub(super) struct Group {
    block_bitmap: u64,
    /// Whether the block bitmap was never written.
    is_blank: bool,
    pub(super) inode_bitmap: u64,
    /// Whether the inode bitmap was never written, and no inode is in use.
    pub(super) has_no_inodes: bool,
    /// Inodes at the end of the group's table that were never in use, or all of them.
    pub(super) never_used: u32,
    inode_table: u64,
    pub(super) free_inodes: u32,
}

impl Volume {
    /// Reads the superblock and, where the file system was not unmounted cleanly, the journal.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the superblock cannot be read. A damaged journal is a limit, not an error.
    pub(crate) fn open(bytes: Arc<dyn ByteSource>) -> Result<Self, SourceError> {
        let mut raw = vec![0; LENGTH];
        bytes.read_exact_at(OFFSET, &mut raw)?;
        let sb = Superblock::parse(&raw)?;
        let mut limits = sb.limits();
        let end = sb.blocks_count.saturating_mul(sb.block_size.into());
        if end > bytes.len() {
            limits.push(crate::medium::cut_short("its file system claims", end, bytes.len()));
        }
        let maps = Budget::new(bytes.len().checked_div(sb.block_size.into()).unwrap_or(0));
        let mut volume = Self { sb, bytes, replay: HashMap::new(), limits, maps };
        if volume.sb.needs_recovery() {
            let (replay, limits) = journal::replay(&volume);
            volume.replay = replay;
            volume.limits.extend(limits);
            // The newest superblock may itself stand in the journal.
            if volume.read(0, OFFSET, &mut raw).is_ok()
                && let Ok(newest) = Superblock::parse(&raw)
                && newest.is_same_layout(&volume.sb)
            {
                volume.sb = newest;
            }
        }
        let kept = volume.kept_in_reserved();
        volume.limits.extend(kept);
        Ok(volume)
    }

    /// What stands in inodes that the file system keeps for itself, and that are no items: the blocks of a list of bad blocks are
    /// in use, and no file's.
    fn kept_in_reserved(&self) -> Vec<String> {
        let mut kept = RESERVED.to_vec();
        let named = |(inode, what): (Option<u32>, &'static str)| Some((inode?, what));
        let quotas = self.sb.quotas.into_iter().zip(QUOTAS).filter_map(named);
        kept.extend(quotas.filter(|(number, _)| *number >= FIRST_INODE));
        let told = kept.iter().filter_map(|(number, what)| {
            let inode = self.inode(*number).ok()?;
            let points = !inode.has_extents() && inode.blocks.iter().any(|byte| *byte != 0);
            let (size, allocated) = (inode.size, inode.allocated);
            (size > 0 || allocated > 0 || points).then(|| {
                format!(
                    "inode {number}, which is kept for {what} and is no item, has a size of {size} bytes, and {allocated} \
                     bytes of blocks that are in use for it; they are not read, and are not among free space"
                )
            })
        });
        told.collect()
    }

    /// Fills `buf` from block `block` on, `skip` bytes into it. Blocks may cross into the next ones.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the blocks are outside the file system or cannot be read.
    pub(crate) fn read(&self, block: u64, skip: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let size = u64::from(self.sb.block_size);
        let offset = block.checked_mul(size).and_then(|at| at.checked_add(skip));
        let end = offset.and_then(|at| at.checked_add(length(buf.len())));
        let inside = end.is_some_and(|end| end <= self.sb.blocks_count.saturating_mul(size));
        let Some(mut at) = offset.filter(|_| inside) else {
            return Err(corrupt("a block number beyond the end of the file system"));
        };
        if self.replay.is_empty() {
            return Ok(self.bytes.read_exact_at(at, buf)?);
        }
        // INVARIANT: every read of the file system goes through here, so that the journal's newest blocks are never
        // mixed with older ones.
        let mut rest = buf;
        while !rest.is_empty() {
            let (number, inner) = (at.checked_div(size).unwrap_or(0), at.checked_rem(size).unwrap_or(0));
            let room = size.saturating_sub(inner).min(length(rest.len()));
            let (piece, tail) =
                rest.split_at_mut(usize::try_from(room).unwrap_or(usize::MAX).min(rest.len()));
            match self.replay.get(&number) {
                None => self.bytes.read_exact_at(at, piece)?,
                Some(place) => self.read_journaled(*place, inner, piece)?,
            }
            rest = tail;
            at = at.saturating_add(room);
        }
        Ok(())
    }

    fn read_journaled(&self, place: journal::Place, inner: u64, piece: &mut [u8]) -> Result<(), SourceError> {
        let at = place.block.saturating_mul(self.sb.block_size.into()).saturating_add(inner);
        self.bytes.read_exact_at(at, piece)?;
        if place.escaped {
            // The journal keeps its own magic number out of data blocks; put it back.
            let skip = usize::try_from(inner).unwrap_or(usize::MAX);
            for (slot, value) in piece.iter_mut().zip(journal::MAGIC.to_be_bytes().iter().skip(skip)) {
                *slot = *value;
            }
        }
        Ok(())
    }

    /// One whole block.
    pub(crate) fn block(&self, block: u64) -> Result<Vec<u8>, SourceError> {
        let mut buf = vec![0; usize::try_from(self.sb.block_size).unwrap_or(0)];
        self.read(block, 0, &mut buf)?;
        Ok(buf)
    }

    /// The inode `number`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where there is no such inode or it cannot be read.
    pub(crate) fn inode(&self, number: u32) -> Result<Inode, SourceError> {
        let index = number.checked_sub(1).filter(|_| number <= self.sb.inodes_count);
        let index = index.ok_or_else(|| corrupt("an inode number beyond the end of the file system"))?;
        let group = index.checked_div(self.sb.inodes_per_group).unwrap_or(0);
        let slot = index.checked_rem(self.sb.inodes_per_group).unwrap_or(0);
        let group = self.group(group.into())?;
        let mut raw = vec![0; usize::from(self.sb.inode_size)];
        let skip = u64::from(slot).saturating_mul(self.sb.inode_size.into());
        self.read(group.inode_table, skip, &mut raw)?;
        Inode::parse(number, &raw, &self.sb).ok_or_else(|| corrupt("an inode is cut short"))
    }

    /// The descriptor of a group.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where there is no such group or it cannot be read.
    pub(super) fn group(&self, group: u64) -> Result<Group, SourceError> {
        let place = self.sb.descriptor_place(group);
        let (block, at) = place.ok_or_else(|| corrupt("a group beyond the end of the file system"))?;
        let mut raw = vec![0; usize::from(self.sb.desc_size)];
        self.read(block, length(at), &mut raw)?;
        let fields = || {
            let high32 = |at| if raw.len() >= 64 { le32(&raw, at) } else { Some(0) };
            let high16 = |at| if raw.len() >= 64 { le16(&raw, at) } else { Some(0) };
            let all = le16(&raw, 0x12)? & INODES_UNUSED != 0 && self.sb.has_group_checksums();
            let unused = match self.sb.has_group_checksums() {
                true => u32::from(high16(0x32)?) << 16 | u32::from(le16(&raw, 0x1C)?),
                false => 0,
            };
            Some(Group {
                block_bitmap: wide(le32(&raw, 0x0)?, high32(0x20)?),
                is_blank: le16(&raw, 0x12)? & BLOCKS_UNUSED != 0 && self.sb.has_group_checksums(),
                has_no_inodes: all,
                inode_bitmap: wide(le32(&raw, 0x4)?, high32(0x24)?),
                never_used: if all { self.sb.inodes_per_group } else { unused },
                inode_table: wide(le32(&raw, 0x8)?, high32(0x28)?),
                free_inodes: u32::from(high16(0x2E)?) << 16 | u32::from(le16(&raw, 0xE)?),
            })
        };
        fields().ok_or_else(|| corrupt("a group descriptor is cut short"))
    }

    /// The first bytes of a group's bitmap and of its table of inodes, where they are in use.
    pub(super) fn structures_of(&self, number: u64) -> Vec<u64> {
        let Ok(group) = self.group(number) else { return Vec::new() };
        let bitmap = (!group.is_blank).then_some(group.block_bitmap);
        let table = (group.never_used < self.sb.inodes_per_group).then_some(group.inode_table);
        bitmap
            .into_iter()
            .chain(table)
            .filter_map(|block| block.checked_mul(self.sb.block_size.into()))
            .collect()
    }

    /// How many groups of inodes there can be: those with inodes, whose descriptors the bytes have room for.
    pub(crate) fn groups(&self) -> u64 {
        let with_inodes = self.sb.inodes_count.div_ceil(self.sb.inodes_per_group.max(1));
        let described = self.bytes.len().div_ceil(u64::from(self.sb.desc_size).max(1));
        self.sb.groups().min(with_inodes.into()).min(described)
    }

    /// How many inodes the bytes have room for.
    pub(crate) fn room_for_inodes(&self) -> u64 {
        self.bytes.len().div_ceil(u64::from(self.sb.inode_size).max(1))
    }

    /// The inodes of a group that its bitmap says are free, and that may have been in use.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the descriptor or the bitmap cannot be read.
    pub(crate) fn free_inodes(&self, number: u64) -> Result<Vec<u32>, SourceError> {
        let group = self.group(number)?;
        let bitmap = self.block(group.inode_bitmap)?;
        let first =
            u32::try_from(number).ok().and_then(|number| number.checked_mul(self.sb.inodes_per_group));
        let first = first.ok_or_else(|| corrupt("a group beyond the end of the file system"))?;
        let used = self.sb.inodes_per_group.saturating_sub(group.never_used);
        let is_free = |slot: u32| {
            let byte = usize::try_from(slot / 8).ok().and_then(|at| bitmap.get(at));
            byte.is_some_and(|byte| byte >> (slot % 8) & 1 == 0)
        };
        let slots = (0..used).filter(|slot| is_free(*slot));
        let numbers = slots.filter_map(|slot| first.checked_add(slot)?.checked_add(1));
        Ok(numbers.filter(|inode| (FIRST_INODE..=self.sb.inodes_count).contains(inode)).collect())
    }

    /// Which blocks of a group are in use: the first bit is that of the group's first blocks.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the descriptor or the bitmap cannot be read.
    pub(crate) fn blocks_in_use(&self, number: u64) -> Result<Vec<u8>, SourceError> {
        let group = self.group(number)?;
        if !group.is_blank {
            return self.block(group.block_bitmap);
        }
        let first =
            self.first_block(number).ok_or_else(|| corrupt("a group beyond the end of the file system"))?;
        let mut bits = vec![0_u8; usize::try_from(self.sb.block_size).unwrap_or(0)];
        for (start, count) in self.structures(number, first, &group) {
            for block in start..start.saturating_add(count) {
                let bit =
                    block.checked_sub(first).and_then(|at| at.checked_div(self.sb.cluster_ratio.into()));
                let Some(bit) = bit else { continue };
                let Some(byte) = usize::try_from(bit / 8).ok().and_then(|at| bits.get_mut(at)) else { break };
                *byte |= 1 << (bit % 8);
            }
        }
        Ok(bits)
    }

    /// The structures of a group: first block and number of each.
    pub(super) fn structures(&self, number: u64, first: u64, group: &Group) -> [(u64, u64); 4] {
        let table = u64::from(self.sb.inodes_per_group)
            .saturating_mul(self.sb.inode_size.into())
            .div_ceil(self.sb.block_size.into());
        [
            (first, self.sb.copies(number)),
            (group.block_bitmap, 1),
            (group.inode_bitmap, 1),
            (group.inode_table, table),
        ]
    }

    /// The first block of a group.
    pub(crate) fn first_block(&self, group: u64) -> Option<u64> {
        group.checked_mul(self.sb.blocks_per_group.into())?.checked_add(self.sb.first_data_block.into())
    }

    /// The seed of checksums over an inode's own structures; `None` where the file system has no checksums.
    pub(crate) fn seed(&self, inode: &Inode) -> Option<u32> {
        let seed = crc32c(self.sb.checksum_seed?, &inode.number.to_le_bytes());
        Some(crc32c(seed, &inode.generation.to_le_bytes()))
    }
}

/// Inodes that the file system keeps for itself, and for what. The root, the journal and the table for growth are not among them: they are read or known.
const RESERVED: [(u32, &str); 7] = [
    (1, "a list of bad blocks"),
    (3, "quotas of users"),
    (4, "quotas of groups"),
    (5, "a boot loader"),
    (6, "files to be restored"),
    (9, "what snapshots leave out"),
    (10, "replicas"),
];

/// What the quotas are of whose inodes the superblock names, in its order.
const QUOTAS: [&str; 3] = ["quotas of users", "quotas of groups", "quotas of projects"];
