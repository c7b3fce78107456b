//! The superblock: what the file system says about itself.

use crate::crc32c::crc32c;
use crate::field::{byte, le16, le32, wide};
use crate::walk::SourceError;

/// Where the superblock stands, whatever the block size.
pub(crate) const OFFSET: u64 = 1024;
/// Its length.
pub(crate) const LENGTH: usize = 1024;
/// Its magic number, at byte 0x38.
pub(crate) const MAGIC: u16 = 0xEF53;

/// Features without which the contents cannot be understood (`s_feature_incompat`).
mod incompat {
    pub(super) const FILETYPE: u32 = 0x2;
    pub(super) const RECOVER: u32 = 0x4;
    pub(super) const JOURNAL_DEV: u32 = 0x8;
    pub(super) const META_BG: u32 = 0x10;
    pub(super) const EXTENTS: u32 = 0x40;
    pub(super) const BITS64: u32 = 0x80;
    pub(super) const MMP: u32 = 0x100;
    pub(super) const FLEX_BG: u32 = 0x200;
    pub(super) const EA_INODE: u32 = 0x400;
    pub(super) const CSUM_SEED: u32 = 0x2000;
    pub(super) const LARGEDIR: u32 = 0x4000;
    pub(super) const INLINE_DATA: u32 = 0x8000;
    pub(super) const ENCRYPT: u32 = 0x1_0000;
    pub(super) const CASEFOLD: u32 = 0x2_0000;
    pub(super) const SUPPORTED: u32 = FILETYPE
        | RECOVER
        | META_BG
        | EXTENTS
        | BITS64
        | MMP
        | FLEX_BG
        | EA_INODE
        | CSUM_SEED
        | LARGEDIR
        | INLINE_DATA
        | ENCRYPT
        | CASEFOLD;
    /// Names of those that this version refuses.
    pub(super) const REFUSED: [(u32, &str); 3] = [
        (0x1, "compression"),
        (JOURNAL_DEV, "an external journal device"),
        (0x1000, "data in directory entries (dirdata)"),
    ];
}

/// Features that a reader need not know (`s_feature_ro_compat`).
mod ro_compat {
    pub(super) const SPARSE_SUPER: u32 = 0x1;
    pub(super) const HUGE_FILE: u32 = 0x8;
    pub(super) const GROUP_CSUM: u32 = 0x10;
    pub(super) const QUOTA: u32 = 0x100;
    pub(super) const BIGALLOC: u32 = 0x200;
    pub(super) const METADATA_CSUM: u32 = 0x400;
    pub(super) const KNOWN: u32 = 0x1_FFFF;
}

const COMPAT_HAS_JOURNAL: u32 = 0x4;
const COMPAT_SPARSE_SUPER2: u32 = 0x200;
const COMPAT_ORPHAN_FILE: u32 = 0x1000;
const STATE_CLEAN: u16 = 0x1;
const STATE_ERRORS: u16 = 0x2;

/// Largest block: 64 KiB, the format's own limit (`s_log_block_size` 6).
const MAX_LOG_BLOCK_SIZE: u32 = 6;

/// The superblock's fields, checked against each other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Superblock {
    pub(crate) inodes_count: u32,
    pub(crate) free_inodes: u32,
    pub(crate) blocks_count: u64,
    pub(crate) first_data_block: u32,
    pub(crate) block_size: u32,
    pub(crate) blocks_per_group: u32,
    pub(crate) inodes_per_group: u32,
    pub(crate) inode_size: u16,
    pub(crate) first_inode: u32,
    pub(crate) desc_size: u16,
    pub(crate) uuid: String,
    pub(crate) journal_inode: Option<u32>,
    pub(crate) last_orphan: u32,
    pub(crate) orphan_file: Option<u32>,
    /// The inodes of quotas: of users, of groups, of projects.
    pub(crate) quotas: [Option<u32>; 3],
    /// The block of the multi-mount protection.
    pub(crate) mount_guard: Option<u64>,
    /// Seed of all metadata checksums; `None` where the file system has none.
    pub(crate) checksum_seed: Option<u32>,
    /// Whether the superblock's own checksum fits.
    pub(crate) checksum_fits: bool,
    pub(crate) creator: u32,
    /// Blocks for each bit of a block bitmap: more than 1 where there are clusters (bigalloc).
    pub(crate) cluster_ratio: u32,
    reserved_descriptors: u16,
    first_meta_group: Option<u32>,
    backup_groups: Option<[u32; 2]>,
    compat: u32,
    incompat: u32,
    ro_compat: u32,
    state: u16,
}

impl Superblock {
    /// Reads the 1024 bytes at [`OFFSET`].
    ///
    /// # Errors
    ///
    /// [`SourceError::Corrupt`] for impossible values or a feature that is not read, by name.
    pub(crate) fn parse(raw: &[u8]) -> Result<Self, SourceError> {
        let sb = Self::fields(raw).ok_or_else(|| corrupt("the superblock is cut short"))?;
        sb.check(raw)?;
        Ok(sb)
    }

    fn fields(raw: &[u8]) -> Option<Self> {
        let raw = raw.get(..LENGTH)?;
        let revision = le32(raw, 0x4C)?;
        let incompat = if revision == 0 { 0 } else { le32(raw, 0x60)? };
        let compat = if revision == 0 { 0 } else { le32(raw, 0x5C)? };
        let ro_compat = if revision == 0 { 0 } else { le32(raw, 0x64)? };
        let wide_blocks = incompat & incompat::BITS64 != 0;
        let uuid = raw.get(0x68..0x78)?;
        let checksummed = ro_compat & ro_compat::METADATA_CSUM != 0;
        let seed = if incompat & incompat::CSUM_SEED != 0 { le32(raw, 0x270)? } else { crc32c(!0, uuid) };
        Some(Self {
            inodes_count: le32(raw, 0x0)?,
            free_inodes: le32(raw, 0x10)?,
            blocks_count: wide(le32(raw, 0x4)?, if wide_blocks { le32(raw, 0x150)? } else { 0 }),
            first_data_block: le32(raw, 0x14)?,
            // A shift out of range is caught by `check`, which reads the field again.
            block_size: 1024_u32.checked_shl(le32(raw, 0x18)?.min(MAX_LOG_BLOCK_SIZE))?,
            blocks_per_group: le32(raw, 0x20)?,
            inodes_per_group: le32(raw, 0x28)?,
            inode_size: if revision == 0 { 128 } else { le16(raw, 0x58)? },
            first_inode: if revision == 0 { 11 } else { le32(raw, 0x54)? },
            desc_size: if wide_blocks { le16(raw, 0xFE)? } else { 32 },
            uuid: crate::field::uuid(uuid),
            journal_inode: Some(le32(raw, 0xE0)?)
                .filter(|inode| compat & COMPAT_HAS_JOURNAL != 0 && *inode != 0),
            last_orphan: le32(raw, 0xE8)?,
            orphan_file: Some(le32(raw, 0x280)?).filter(|_| compat & COMPAT_ORPHAN_FILE != 0),
            quotas: [le32(raw, 0x240)?, le32(raw, 0x244)?, le32(raw, 0x26C)?]
                .map(|inode| Some(inode).filter(|inode| *inode != 0 && ro_compat & ro_compat::QUOTA != 0)),
            mount_guard: Some(wide(le32(raw, 0x168)?, le32(raw, 0x16C)?))
                .filter(|_| incompat & incompat::MMP != 0),
            checksum_seed: checksummed.then_some(seed),
            checksum_fits: !checksummed || le32(raw, 0x3FC)? == crc32c(!0, raw.get(..0x3FC)?),
            creator: le32(raw, 0x48)?,
            cluster_ratio: match ro_compat & ro_compat::BIGALLOC {
                0 => 1,
                _ => 1_u32.checked_shl(le32(raw, 0x1C)?.checked_sub(le32(raw, 0x18)?)?)?,
            },
            reserved_descriptors: le16(raw, 0xCE)?,
            first_meta_group: (incompat & incompat::META_BG != 0).then_some(le32(raw, 0x104)?),
            backup_groups: (compat & COMPAT_SPARSE_SUPER2 != 0)
                .then_some([le32(raw, 0x24C)?, le32(raw, 0x250)?]),
            compat,
            incompat,
            ro_compat,
            state: le16(raw, 0x3A)?,
        })
    }

    fn check(&self, raw: &[u8]) -> Result<(), SourceError> {
        let impossible = |what: &str| Err(corrupt(&format!("impossible {what} in the superblock")));
        if le16(raw, 0x38) != Some(MAGIC) {
            return impossible("magic number");
        }
        if le32(raw, 0x18).is_none_or(|log| log > MAX_LOG_BLOCK_SIZE) {
            return impossible("block size");
        }
        if let Some((_, name)) = incompat::REFUSED.iter().find(|(bit, _)| self.incompat & bit != 0) {
            return Err(corrupt(&format!("the feature {name} is not read by this version")));
        }
        let unknown = self.incompat & !incompat::SUPPORTED;
        if unknown != 0 {
            return Err(corrupt(&format!("unknown incompatible features {unknown:#x}")));
        }
        let bits = self.block_size.saturating_mul(8);
        if self.blocks_per_group == 0 || self.blocks_per_group > bits.saturating_mul(MAX_CLUSTER_RATIO) {
            return impossible("blocks per group");
        }
        if self.inodes_per_group == 0 || self.inodes_per_group > bits {
            return impossible("inodes per group");
        }
        let inode_size = u32::from(self.inode_size);
        if !inode_size.is_power_of_two() || inode_size < 128 || inode_size > self.block_size {
            return impossible("inode size");
        }
        let desc_size = u32::from(self.desc_size);
        let least = if self.incompat & incompat::BITS64 != 0 { 64 } else { 32 };
        if !desc_size.is_power_of_two() || desc_size < least || desc_size > self.block_size {
            return impossible("group descriptor size");
        }
        if u64::from(self.first_data_block) >= self.blocks_count {
            return impossible("block count");
        }
        if u64::from(self.inodes_count) > self.groups().saturating_mul(self.inodes_per_group.into()) {
            return impossible("inode count");
        }
        Ok(())
    }

    /// Number of block groups.
    pub(crate) fn groups(&self) -> u64 {
        self.blocks_count.saturating_sub(self.first_data_block.into()).div_ceil(self.blocks_per_group.into())
    }

    /// The block that holds the descriptor of `group`, and the byte offset in it.
    pub(crate) fn descriptor_place(&self, group: u64) -> Option<(u64, usize)> {
        let per_block = u64::from(self.block_size).checked_div(self.desc_size.into())?;
        let meta_group = group.checked_div(per_block)?;
        let offset = group.checked_rem(per_block)?.checked_mul(self.desc_size.into())?;
        let first = u64::from(self.first_data_block);
        let small = self.block_size == 1024; // then block 0 is boot code and block 1 the superblock
        let block = match self.first_meta_group {
            Some(start) if meta_group >= u64::from(start) => {
                let holder = meta_group.checked_mul(per_block)?;
                let base = holder.checked_mul(self.blocks_per_group.into())?.checked_add(first)?;
                let boot = small && meta_group == 0 && first == 0;
                base.checked_add(u64::from(self.has_superblock(holder)))?.checked_add(boot.into())?
            }
            _ => meta_group.checked_add(1)?.checked_add(small.into())?,
        };
        Some((block, usize::try_from(offset).ok()?))
    }

    /// Blocks at the beginning of `group` that hold copies of the superblock and of descriptors, with those kept for longer tables.
    pub(crate) fn copies(&self, group: u64) -> u64 {
        let copy = u64::from(self.has_superblock(group));
        let per_block = u64::from(self.block_size).checked_div(self.desc_size.into()).unwrap_or(1).max(1);
        match self.first_meta_group.map(u64::from) {
            None if copy == 0 => 0,
            None => {
                let descriptors = self.groups().div_ceil(per_block);
                descriptors.saturating_add(self.reserved_descriptors.into()).saturating_add(1)
            }
            Some(first) if group.checked_div(per_block).unwrap_or(0) < first => {
                copy.saturating_mul(first.saturating_add(1))
            }
            // A meta group's descriptors stand in its first group, its second, and its last.
            Some(_) => {
                let within = group.checked_rem(per_block).unwrap_or(0);
                copy.saturating_add((within < 2 || within == per_block.saturating_sub(1)).into())
            }
        }
    }

    fn has_superblock(&self, group: u64) -> bool {
        if group == 0 {
            return true;
        }
        if let Some(backups) = self.backup_groups {
            return backups.iter().any(|backup| u64::from(*backup) == group);
        }
        let power_of = |base: u64| {
            let mut rest = group;
            while rest > 1 && rest.is_multiple_of(base) {
                rest = rest.checked_div(base).unwrap_or(1);
            }
            rest == 1
        };
        self.ro_compat & ro_compat::SPARSE_SUPER == 0 || power_of(3) || power_of(5) || power_of(7)
    }

    /// Whether blocks and inodes of both stand in the same places.
    pub(crate) fn is_same_layout(&self, other: &Self) -> bool {
        let layout = |sb: &Self| {
            (
                sb.block_size,
                sb.blocks_count,
                sb.first_data_block,
                sb.blocks_per_group,
                sb.inodes_per_group,
                sb.inode_size,
            )
        };
        layout(self) == layout(other) && self.uuid == other.uuid && self.desc_size == other.desc_size
    }

    /// `ext2`, `ext3` or `ext4`, by the features in use.
    pub(crate) fn kind(&self) -> &'static str {
        let four = incompat::EXTENTS
            | incompat::BITS64
            | incompat::FLEX_BG
            | incompat::EA_INODE
            | incompat::INLINE_DATA
            | incompat::MMP;
        if self.incompat & four != 0 || self.ro_compat & !0x7 != 0 {
            "ext4"
        } else if self.compat & COMPAT_HAS_JOURNAL != 0 {
            "ext3"
        } else {
            "ext2"
        }
    }

    /// Whether the journal holds changes that are not yet in place.
    pub(crate) fn needs_recovery(&self) -> bool {
        self.incompat & incompat::RECOVER != 0
    }

    /// Whether the file system has a journal, inside it or elsewhere.
    pub(crate) fn has_journal(&self) -> bool {
        self.compat & COMPAT_HAS_JOURNAL != 0
    }

    /// Whether group descriptors have checksums, and with them counts of inodes never used.
    pub(crate) fn has_group_checksums(&self) -> bool {
        self.ro_compat & (ro_compat::GROUP_CSUM | ro_compat::METADATA_CSUM) != 0
    }

    /// Whether directory entries carry the kind of what they name; without, the byte is the upper half of the length.
    pub(crate) fn has_file_types(&self) -> bool {
        self.incompat & incompat::FILETYPE != 0
    }

    /// Whether `i_blocks` may count file system blocks.
    pub(crate) fn has_huge_files(&self) -> bool {
        self.ro_compat & ro_compat::HUGE_FILE != 0
    }

    /// Whether directories may be longer than 32 bits tell.
    pub(crate) fn has_large_directories(&self) -> bool {
        self.incompat & incompat::LARGEDIR != 0
    }

    /// What the state and the features mean for an examination, in sentences.
    pub(crate) fn limits(&self) -> Vec<String> {
        let mut limits = Vec::new();
        let mut say = |applies: bool, text: &str| {
            if applies {
                limits.push(text.to_owned());
            }
        };
        let clean = self.state & STATE_CLEAN != 0 && !self.needs_recovery();
        say(!clean, "the file system was not unmounted cleanly");
        say(self.state & STATE_ERRORS != 0, "the file system is marked as having errors");
        say(!self.checksum_fits, "the superblock's checksum does not fit its content");
        say(
            self.last_orphan != 0,
            "files deleted while still open were not yet released; they have no name, and are items where deleted entries are",
        );
        say(
            self.incompat & incompat::ENCRYPT != 0,
            "encrypted files and names are recorded as issues, not read",
        );
        say(
            self.incompat & incompat::CASEFOLD != 0,
            "names in case-folding directories are compared as case sensitive",
        );
        say(self.creator == CREATOR_HURD, "made by GNU Hurd: upper halves of owners may be read wrongly");
        say(self.ro_compat & !ro_compat::KNOWN != 0, "unknown read-only-compatible features are present");
        if self.first_inode != FIRST_INODE {
            limits.push(format!(
                "the superblock says that files begin with inode {}; those who made the format begin with {FIRST_INODE}, and so does this walk",
                self.first_inode
            ));
        }
        limits
    }
}

/// Groups count clusters of at most this many blocks (bigalloc: 256 MiB clusters of 1 KiB blocks would be more; none are made).
const MAX_CLUSTER_RATIO: u32 = 1 << 10;
const CREATOR_HURD: u32 = 1;
/// The first inode that is not the file system's own, whatever the superblock says: a larger number there would hide files.
pub(crate) const FIRST_INODE: u32 = 11;

pub(crate) fn corrupt(what: &str) -> SourceError {
    SourceError::Corrupt(what.to_owned())
}

/// Whether `head`, the first bytes of a medium, has an ext superblock.
pub(crate) fn is_ext(head: &[u8]) -> bool {
    le16(head, 1024 + 0x38) == Some(MAGIC) && byte(head, 1024 + LENGTH - 1).is_some()
}
