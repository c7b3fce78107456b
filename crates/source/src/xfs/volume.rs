//! A volume: blocks and inodes by number.

use std::sync::Arc;

use crate::bytes::{ByteSource, length};
use crate::field::{be32, be64};
use crate::walk::SourceError;
use crate::walker::budget::Budget;
use crate::xfs::inode::Inode;
use crate::xfs::superblock::{Superblock, checksum_fits, corrupt};

/// An XFS file system over some bytes.
pub(crate) struct Volume {
    pub(crate) sb: Superblock,
    bytes: Arc<dyn ByteSource>,
    /// Blocks of maps that are read to tell what was never written.
    pub(crate) maps: Budget,
}

/// Where a structure of version 5 says what it is: its checksum, its place, its file system, its owner.
pub(crate) struct Seal {
    pub(crate) checksum: usize,
    pub(crate) place: usize,
    pub(crate) uuid: usize,
    pub(crate) owner: usize,
    /// Whether the owner is an allocation group, in 32 bits, and not an inode.
    pub(crate) of_group: bool,
}

/// What is wrong with a structure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Broken {
    /// It is another file's, or of another file system, or stands elsewhere.
    Foreign,
    /// Its checksum does not fit.
    Checksum,
}

impl Volume {
    /// A volume laid out by `sb`.
    pub(crate) fn new(sb: Superblock, bytes: Arc<dyn ByteSource>) -> Self {
        let maps = Budget::new(bytes.len().checked_div(sb.block_size.into()).unwrap_or(0));
        Self { sb, bytes, maps }
    }

    /// Fills `buf` from block `block` on, `skip` bytes into it. Blocks may cross into the next ones of the same group.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the blocks are outside the file system or cannot be read.
    pub(crate) fn read(&self, block: u64, skip: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let at = self.place(block, skip, length(buf.len()));
        let at = at.ok_or_else(|| corrupt("a block number beyond the end of the file system"))?;
        Ok(self.bytes.read_exact_at(at, buf)?)
    }

    /// The byte at which `length` bytes stand, `skip` bytes into `block`; `None` where they leave its group.
    fn place(&self, block: u64, skip: u64, length: u64) -> Option<u64> {
        let (group, inner) = self.split(block)?;
        let size = u64::from(self.sb.block_size);
        let first = group.checked_mul(self.sb.group_blocks.into())?;
        let end = first.checked_add(self.sb.group_blocks.into())?.min(self.sb.blocks).checked_mul(size)?;
        let at = first.checked_add(inner)?.checked_mul(size)?.checked_add(skip)?;
        (at.checked_add(length)? <= end).then_some(at)
    }

    /// The first byte of a group.
    pub(crate) fn first_of(&self, group: u64) -> Option<u64> {
        group.checked_mul(self.sb.group_blocks.into())?.checked_mul(self.sb.block_size.into())
    }

    /// A block number's group, and its place there.
    fn split(&self, block: u64) -> Option<(u64, u64)> {
        let group = block.checked_shr(self.sb.group_log.into())?;
        let inner = block.checked_sub(group.checked_shl(self.sb.group_log.into())?)?;
        (group < self.sb.groups.into() && inner < self.sb.group_blocks.into()).then_some((group, inner))
    }

    /// How many groups begin inside the bytes that there are: a forged superblock can count thousands of millions.
    pub(crate) fn groups_there(&self) -> u32 {
        let size = u64::from(self.sb.group_blocks).saturating_mul(self.sb.block_size.into());
        let there = self.bytes.len().div_ceil(size.max(1));
        u32::try_from(there).unwrap_or(u32::MAX).min(self.sb.groups)
    }

    /// The number of the block `inner` of group `group`.
    pub(crate) fn block_of(&self, group: u32, inner: u32) -> u64 {
        u64::from(group).checked_shl(self.sb.group_log.into()).unwrap_or(u64::MAX) | u64::from(inner)
    }

    /// One whole block.
    pub(crate) fn block(&self, block: u64) -> Result<Vec<u8>, SourceError> {
        let mut buf = vec![0; usize::try_from(self.sb.block_size).unwrap_or(0)];
        self.read(block, 0, &mut buf)?;
        Ok(buf)
    }

    /// The sector `sector` of group `group`: its headers.
    pub(crate) fn sector(&self, group: u32, sector: u64) -> Result<Vec<u8>, SourceError> {
        let mut buf = vec![0; self.sb.sector_size.into()];
        let skip = sector.saturating_mul(self.sb.sector_size.into());
        self.read(self.block_of(group, 0), skip, &mut buf)?;
        Ok(buf)
    }

    /// Whether `raw`, read from `block` on, is what `owner` put there. Before version 5 nothing tells.
    pub(crate) fn check(&self, raw: &[u8], seal: &Seal, owner: u64, block: u64) -> Result<(), Broken> {
        if !self.sb.checksums {
            return Ok(());
        }
        let owned = if seal.of_group { be32(raw, seal.owner).map(u64::from) } else { be64(raw, seal.owner) };
        let uuid = raw.get(seal.uuid..).and_then(<[u8]>::first_chunk);
        // Places are counted in units of 512 bytes, whatever the sector size.
        let place = self.place(block, 0, 0).map(|at| at >> 9);
        if owned != Some(owner) || uuid != Some(&self.sb.meta_uuid) || be64(raw, seal.place) != place {
            return Err(Broken::Foreign);
        }
        if checksum_fits(raw, seal.checksum) { Ok(()) } else { Err(Broken::Checksum) }
    }

    /// The inode `number`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where there is no such inode or it cannot be read.
    pub(crate) fn inode(&self, number: u64) -> Result<Inode, SourceError> {
        let outside = || corrupt("an inode number beyond the end of the file system");
        let block = number.checked_shr(self.sb.inode_log.into()).ok_or_else(outside)?;
        let slot = block.checked_shl(self.sb.inode_log.into()).and_then(|first| number.checked_sub(first));
        let skip = slot.and_then(|slot| slot.checked_mul(self.sb.inode_size.into())).ok_or_else(outside)?;
        self.split(block).ok_or_else(outside)?;
        let mut raw = vec![0; self.sb.inode_size.into()];
        self.read(block, skip, &mut raw)?;
        Inode::parse(number, &raw, &self.sb)
    }
}

/// A structure of version 5 that is not what it should be, as an error: `what` names the structure.
pub(crate) fn broken(what: &str, how: Broken) -> SourceError {
    corrupt(&match how {
        Broken::Foreign => format!("{what} says that it belongs elsewhere"),
        Broken::Checksum => format!("{what}'s checksum does not fit its content"),
    })
}
