//! The superblock: what the file system says about itself.

use crate::crc32c::crc32c;
use crate::field::{be16, be32, be64, byte, le32};
use crate::walk::SourceError;

/// Bytes of a superblock that have a meaning.
const LENGTH: usize = 288;
/// Its magic number, in the first bytes of the volume.
const MAGIC: &[u8] = b"XFSB";

/// Bits of `sb_versionnum`, beside the version in the low four.
mod version {
    pub(super) const LOG_V2: u16 = 0x400;
    pub(super) const DIRECTORIES_V2: u16 = 0x2000;
    pub(super) const ASCII_CI: u16 = 0x4000;
    pub(super) const MORE_BITS: u16 = 0x8000;
}

/// Bits of `sb_features2`.
mod features2 {
    pub(super) const FILE_TYPES: u32 = 0x200;
    /// Lazy counters, the second form of attribute offsets, 32-bit project ids, checksums, file types.
    pub(super) const KNOWN: u32 = 0x2 | 0x8 | 0x80 | 0x100 | FILE_TYPES;
}

/// Features without which the contents cannot be understood (`sb_features_incompat`).
mod incompat {
    pub(super) const FILE_TYPES: u32 = 0x1;
    pub(super) const META_UUID: u32 = 0x4;
    pub(super) const NEEDS_REPAIR: u32 = 0x10;
    /// File types, sparse inodes, a UUID of metadata, large times, a mark for repair, large extent counters, exchange of
    /// ranges, parent pointers.
    pub(super) const SUPPORTED: u32 = 0xFF;
    /// Names of those that this version refuses.
    pub(super) const REFUSED: [(u32, &str); 3] = [
        (0x100, "a metadata directory (metadir)"),
        (0x200, "a zoned realtime device (zoned)"),
        (0x400, "gaps between realtime groups (zone_gaps)"),
    ];
}

/// Free inodes' tree, reverse mapping, shared extents, block counts of inode trees (`sb_features_ro_compat`).
const KNOWN_RO_COMPAT: u32 = 0xF;
/// An inode number that stands for none.
const NO_INODE: u64 = u64::MAX;
/// Smallest allocation group, in blocks: the format's own limit.
const MIN_GROUP_BLOCKS: u32 = 64;
/// Most blocks of a volume: extents number them with 52 bits.
const MAX_BLOCKS: u64 = 1 << 52;

/// The superblock's fields, checked against each other.
#[derive(Clone, Debug)]
pub(crate) struct Superblock {
    pub(crate) block_size: u32,
    pub(crate) blocks: u64,
    pub(crate) group_blocks: u32,
    pub(crate) groups: u32,
    pub(crate) sector_size: u16,
    pub(crate) inode_size: u16,
    /// Bits of a block number inside its group.
    pub(crate) group_log: u8,
    /// Bits of an inode's place inside its block.
    pub(crate) inode_log: u8,
    /// Bits by which a directory block is larger than a block.
    pub(crate) directory_log: u8,
    /// The root directory; `None` where this copy of the superblock does not know it.
    pub(crate) root: Option<u64>,
    /// Inodes of the file system's own: bitmaps of a realtime device, quotas.
    pub(crate) internal: Vec<u64>,
    pub(crate) uuid: [u8; 16],
    /// The UUID that structures bear, where it is not the volume's.
    pub(crate) meta_uuid: [u8; 16],
    /// First block and number of blocks of the log; block 0 for a log on another device.
    pub(crate) log: (u64, u32),
    /// Whether inodes are of version 3, and structures have checksums and say what they belong to.
    pub(crate) checksums: bool,
    /// Whether the superblock's own checksum fits; `true` where it has none.
    pub(crate) checksum_fits: bool,
    /// Whether directory entries state what they name.
    pub(crate) file_types: bool,
    /// Inodes in use, by the superblock's counters.
    pub(crate) inodes_in_use: u64,
    versions: u16,
    features2: u32,
    incompat: u32,
    ro_compat: u32,
    unfinished: bool,
}

impl Superblock {
    /// Reads a superblock's sector; `raw` may go on beyond it.
    ///
    /// # Errors
    ///
    /// [`SourceError::Corrupt`] for impossible values or a feature that is not read, by name.
    pub(crate) fn parse(raw: &[u8]) -> Result<Self, SourceError> {
        if !raw.starts_with(MAGIC) {
            return Err(corrupt("impossible magic number in the superblock"));
        }
        let sb = Self::fields(raw).ok_or_else(|| corrupt("the superblock is cut short"))?;
        sb.check_features()?;
        sb.check_layout(raw)?;
        Ok(sb)
    }

    fn fields(raw: &[u8]) -> Option<Self> {
        let fixed = raw.get(..LENGTH)?;
        let versions = be16(fixed, 100)?;
        let checksums = versions & 0xF == 5;
        let sector_size = be16(fixed, 102)?;
        let incompat = if checksums { be32(fixed, 216)? } else { 0 };
        let more = versions & version::MORE_BITS != 0;
        // An old fault put this field four bytes too far; its copy there is merged, as Linux does.
        let features2 = if more { be32(fixed, 200)? | be32(fixed, 204)? } else { 0 };
        let uuid = *fixed.get(32..)?.first_chunk()?;
        let meta_uuid = *fixed.get(248..)?.first_chunk()?;
        let inode = |at| be64(fixed, at).filter(|inode| *inode != NO_INODE && *inode != 0);
        let quota = if checksums { inode(232) } else { None };
        let mut internal: Vec<u64> =
            [inode(64), inode(72), inode(160), inode(168), quota].into_iter().flatten().collect();
        internal.sort_unstable();
        internal.dedup();
        Some(Self {
            block_size: be32(fixed, 4)?,
            blocks: be64(fixed, 8)?,
            group_blocks: be32(fixed, 84)?,
            groups: be32(fixed, 88)?,
            sector_size,
            inode_size: be16(fixed, 104)?,
            group_log: byte(fixed, 124)?,
            inode_log: byte(fixed, 123)?,
            directory_log: byte(fixed, 192)?,
            root: inode(56),
            internal,
            uuid,
            meta_uuid: if incompat & incompat::META_UUID != 0 { meta_uuid } else { uuid },
            log: (be64(fixed, 48)?, be32(fixed, 96)?),
            checksums,
            checksum_fits: !checksums
                || raw.get(..sector_size.into()).is_some_and(|sector| checksum_fits(sector, 224)),
            file_types: if checksums {
                incompat & incompat::FILE_TYPES != 0
            } else {
                features2 & features2::FILE_TYPES != 0
            },
            inodes_in_use: be64(fixed, 128)?.saturating_sub(be64(fixed, 136)?),
            versions,
            features2,
            incompat,
            ro_compat: if checksums { be32(fixed, 212)? } else { 0 },
            unfinished: byte(fixed, 126)? != 0,
        })
    }

    fn check_features(&self) -> Result<(), SourceError> {
        let number = self.versions & 0xF;
        if !matches!(number, 4 | 5) {
            return Err(corrupt(&format!("version {number} of the format is not read by this version")));
        }
        if self.versions & version::DIRECTORIES_V2 == 0 {
            return Err(corrupt("directories of version 1 are not read by this version"));
        }
        if let Some((_, name)) = incompat::REFUSED.iter().find(|(bit, _)| self.incompat & bit != 0) {
            return Err(corrupt(&format!("the feature {name} is not read by this version")));
        }
        let unknown = self.incompat & !incompat::SUPPORTED;
        if unknown != 0 {
            return Err(corrupt(&format!("unknown incompatible features {unknown:#x}")));
        }
        let unknown = self.features2 & !features2::KNOWN;
        if unknown != 0 && !self.checksums {
            return Err(corrupt(&format!("unknown features {unknown:#x} of version 4")));
        }
        Ok(())
    }

    fn check_layout(&self, raw: &[u8]) -> Result<(), SourceError> {
        let impossible = |what: &str| Err(corrupt(&format!("impossible {what} in the superblock")));
        let log = |at| byte(raw, at).map(u32::from);
        if !is_power(self.block_size, 512, 65_536) || log(120) != Some(self.block_size.trailing_zeros()) {
            return impossible("block size");
        }
        if !is_power(self.sector_size.into(), 512, 32_768) {
            return impossible("sector size");
        }
        let inode_size = u32::from(self.inode_size);
        if !is_power(inode_size, 256, self.block_size.min(2048))
            || log(122) != Some(inode_size.trailing_zeros())
            || u32::from(self.inode_log) != self.block_size.trailing_zeros() - inode_size.trailing_zeros()
        {
            return impossible("inode size");
        }
        // The bits of a block number inside its group: no more than it needs.
        let needed =
            self.group_blocks.saturating_sub(1).checked_ilog2().map_or(0, |log| log.saturating_add(1));
        if self.group_blocks < MIN_GROUP_BLOCKS || u32::from(self.group_log) != needed {
            return impossible("group size");
        }
        let most = u64::from(self.groups).saturating_mul(self.group_blocks.into());
        let before = u64::from(self.groups).saturating_sub(1).saturating_mul(self.group_blocks.into());
        if self.groups == 0 || self.blocks > most || self.blocks <= before || self.blocks > MAX_BLOCKS {
            return impossible("block count");
        }
        if u32::from(self.directory_log).saturating_add(self.block_size.trailing_zeros()) > 16 {
            return impossible("directory block size");
        }
        Ok(())
    }

    /// Length of a directory block, in blocks.
    pub(crate) fn directory_blocks(&self) -> u64 {
        1_u64.checked_shl(self.directory_log.into()).unwrap_or(1)
    }

    /// Whether names that differ in the case of ASCII letters alone are one name.
    pub(crate) fn ignores_case(&self) -> bool {
        self.versions & version::ASCII_CI != 0
    }

    /// Whether records of the log may have more than one block of header.
    pub(crate) fn has_log_v2(&self) -> bool {
        self.versions & version::LOG_V2 != 0
    }

    /// Whether `other` lays out the same volume.
    pub(crate) fn is_same_layout(&self, other: &Self) -> bool {
        (self.block_size, self.blocks, self.group_blocks, self.groups, self.inode_size, self.uuid)
            == (
                other.block_size,
                other.blocks,
                other.group_blocks,
                other.groups,
                other.inode_size,
                other.uuid,
            )
    }

    /// What the superblock says that a record must say too, in sentences.
    pub(crate) fn limits(&self) -> Vec<String> {
        let mut limits = Vec::new();
        let mut say = |applies: bool, text: &str| {
            if applies {
                limits.push(text.to_owned());
            }
        };
        say(!self.checksum_fits, "the superblock's checksum does not fit its content");
        say(self.unfinished, "the superblock is marked as being made or changed");
        say(self.incompat & incompat::NEEDS_REPAIR != 0, "the file system is marked as needing repair");
        say(
            self.ignores_case(),
            "names ignore the case of ASCII letters on this volume; here they are compared ignoring that of all letters",
        );
        say(self.ro_compat & !KNOWN_RO_COMPAT != 0, "unknown read-only-compatible features are present");
        limits
    }
}

fn is_power(number: u32, least: u32, most: u32) -> bool {
    number.is_power_of_two() && (least..=most).contains(&number)
}

/// Whether the checksum at `at`, taken over all of `raw` as if it were zero there, fits.
pub(crate) fn checksum_fits(raw: &[u8], at: usize) -> bool {
    let parts = || {
        let stored = le32(raw, at)?;
        let crc = crc32c(crc32c(!0, raw.get(..at)?), &[0; 4]);
        Some(!crc32c(crc, raw.get(at.checked_add(4)?..)?) == stored)
    };
    parts().unwrap_or(false)
}

pub(crate) fn corrupt(what: &str) -> SourceError {
    SourceError::Corrupt(what.to_owned())
}

/// Whether `head`, the first bytes of a medium, has an XFS superblock.
pub(crate) fn is_xfs(head: &[u8]) -> bool {
    head.starts_with(MAGIC) && head.len() >= LENGTH
}

/// A first sector of `length` bytes that bears the mark and says nothing: whoever reads it goes on to the copies.
pub(crate) fn mark(length: usize) -> Vec<u8> {
    MAGIC.iter().copied().chain(std::iter::repeat(0)).take(length).collect()
}
