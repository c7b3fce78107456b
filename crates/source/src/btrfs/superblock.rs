//! The superblock: what the file system is, and where its trees begin.

use crate::btrfs::checksum::Checksum;
use crate::btrfs::tree::Root;
use crate::bytes::ByteSource;
use crate::field::{byte, le16, le32, le64};
use crate::walk::SourceError;

/// The fields that reading needs.
#[derive(Clone, Debug)]
pub(crate) struct Superblock {
    pub(crate) checksum: Checksum,
    /// The file system's UUID, as Linux writes it.
    pub(crate) uuid: String,
    /// The UUID that tree blocks bear: another one where the file system's was changed after it was made.
    pub(crate) block_uuid: [u8; 16],
    pub(crate) root: Root,
    pub(crate) chunk_root: Root,
    /// Whether changes wait in a log tree that was not applied.
    pub(crate) has_log: bool,
    /// How many devices the file system spans.
    pub(crate) devices: u64,
    /// The number of this one.
    pub(crate) device: u64,
    /// The length that this device had.
    pub(crate) device_bytes: u64,
    /// The unit of data and of their checksums.
    pub(crate) sector: u32,
    /// The length of a tree block.
    pub(crate) node: u32,
    /// The chunks in which the chunk tree itself stands.
    pub(crate) system_chunks: Vec<u8>,
    flags: u64,
    compat_ro: u64,
}

mod incompat {
    pub(super) const METADATA_UUID: u64 = 1 << 10;
    pub(super) const ZONED: u64 = 1 << 12;
    pub(super) const EXTENT_TREE_V2: u64 = 1 << 13;
    pub(super) const RAID_STRIPE_TREE: u64 = 1 << 14;
    /// Everything up to mirrors of three and four copies, and simple quotas: none changes how content is found.
    pub(super) const READ: u64 = 0x1_0FFF;
}

/// Free space tree and its mark, verity, block group tree.
const COMPAT_RO_KNOWN: u64 = 0xF;
const FLAG_DUMP: u64 = 1 << 33;
const FLAG_DUMP_V2: u64 = 1 << 34;

const LENGTH: usize = 4096;
const PRIMARY: u64 = 64 << 10;
/// Where the copies stand, on devices that reach so far.
const MIRRORS: [u64; 2] = [64 << 20, 256 << 30];
const MAGIC: &[u8] = b"_BHRfS_M";
const MAGIC_AT: usize = 0x40;
const SYSTEM_CHUNKS_AT: usize = 0x32B;
const SYSTEM_CHUNKS: usize = 2048;

/// Whether `head`, the first bytes of a medium, has a btrfs superblock.
pub(crate) fn is_btrfs(head: &[u8]) -> bool {
    let at = usize::try_from(PRIMARY).unwrap_or(usize::MAX).saturating_add(MAGIC_AT);
    head.get(at..).is_some_and(|rest| rest.starts_with(MAGIC))
}

/// Where a sound copy of the superblock stands.
pub(crate) fn copy(bytes: &dyn ByteSource) -> Option<u64> {
    MIRRORS.into_iter().find(|at| matches!(Superblock::read_at(bytes, *at), Ok((_, true))))
}

/// A first superblock that bears its mark and says nothing, and where it stands: whoever reads it goes on to the copies.
pub(crate) fn mark() -> (u64, Vec<u8>) {
    let mut raw = vec![0; LENGTH];
    if let Some(place) = raw.get_mut(MAGIC_AT..MAGIC_AT.saturating_add(MAGIC.len())) {
        place.copy_from_slice(MAGIC);
    }
    (PRIMARY, raw)
}

impl Superblock {
    /// Reads the superblock, or a copy of it where the first is damaged; and what is to be said of that.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where none can be read, or it uses a feature that is not read, by name.
    pub(crate) fn read(bytes: &dyn ByteSource) -> Result<(Self, Vec<String>), SourceError> {
        let first = Self::read_at(bytes, PRIMARY);
        if let Ok((superblock, true)) = first {
            return Ok((superblock, Vec::new()));
        }
        for at in MIRRORS {
            if let Ok((superblock, true)) = Self::read_at(bytes, at) {
                let limit = format!("the superblock is damaged; its copy at {at} was read");
                return Ok((superblock, vec![limit]));
            }
        }
        let (superblock, _) = first?;
        Ok((
            superblock,
            vec!["the superblock's checksum does not fit its content, and it has no good copy".into()],
        ))
    }

    /// The superblock at `at`, and whether its checksum fits.
    fn read_at(bytes: &dyn ByteSource, at: u64) -> Result<(Self, bool), SourceError> {
        let mut raw = vec![0; LENGTH];
        bytes.read_exact_at(at, &mut raw)?;
        let superblock = Self::parse(&raw, at)?;
        let fits = superblock.checksum.fits(&raw, raw.get(32..).unwrap_or_default());
        Ok((superblock, fits))
    }

    fn parse(raw: &[u8], at: u64) -> Result<Self, SourceError> {
        let short = || corrupt("the superblock is cut short");
        if !raw.get(MAGIC_AT..).is_some_and(|rest| rest.starts_with(MAGIC)) || le64(raw, 0x30) != Some(at) {
            return Err(corrupt(format!("no superblock stands at {at}")));
        }
        refuse_unread(le64(raw, 0xBC).ok_or_else(short)?)?;
        let number = le16(raw, 0xC4).ok_or_else(short)?;
        let checksum = Checksum::of(number)
            .ok_or_else(|| SourceError::NoContent(format!("checksums of the unknown kind {number}")))?;
        let superblock = Self::fields(raw, checksum).ok_or_else(short)?;
        let fits = |length: u32| length.is_power_of_two() && (4096..=65536).contains(&length);
        if !fits(superblock.sector) || !fits(superblock.node) || superblock.node < superblock.sector {
            return Err(corrupt(format!(
                "the superblock states sectors of {} and tree blocks of {} bytes",
                superblock.sector, superblock.node
            )));
        }
        Ok(superblock)
    }

    fn fields(raw: &[u8], checksum: Checksum) -> Option<Self> {
        let uuid = raw.get(0x20..)?.first_chunk::<16>()?;
        let has_other = le64(raw, 0xBC)? & incompat::METADATA_UUID != 0;
        let block_uuid = if has_other { raw.get(0x23B..)?.first_chunk()? } else { uuid };
        let system = usize::try_from(le32(raw, 0xA0)?).ok()?.min(SYSTEM_CHUNKS);
        Some(Self {
            checksum,
            uuid: uuid_text(uuid),
            block_uuid: *block_uuid,
            root: Root { at: le64(raw, 0x50)?, level: byte(raw, 0xC6)?, generation: le64(raw, 0x48)? },
            chunk_root: Root { at: le64(raw, 0x58)?, level: byte(raw, 0xC7)?, generation: le64(raw, 0xA4)? },
            has_log: le64(raw, 0x60)? != 0,
            devices: le64(raw, 0x88)?,
            device: le64(raw, 0xC9)?,
            device_bytes: le64(raw, 0xD1)?,
            sector: le32(raw, 0x90)?,
            node: le32(raw, 0x94)?,
            system_chunks: raw.get(SYSTEM_CHUNKS_AT..SYSTEM_CHUNKS_AT.checked_add(system)?)?.to_vec(),
            flags: le64(raw, 0x38)?,
            compat_ro: le64(raw, 0xB4)?,
        })
    }

    /// What reading this file system does not cover, in sentences.
    pub(crate) fn limits(&self, length: u64) -> Vec<String> {
        let mut limits = Vec::new();
        if self.has_log {
            limits.push(crate::medium::not_applied(
                "changes that were forced to the medium after the last commit stand in a log tree, which is not applied",
            ));
        }
        if self.devices > 1 {
            limits.push(format!(
                "the file system spans {} devices; this is device {}, and the copies on others are not compared",
                self.devices, self.device
            ));
        }
        if self.device_bytes > length {
            limits.push(crate::medium::cut_short("its file system claims", self.device_bytes, length));
        }
        if self.flags & (FLAG_DUMP | FLAG_DUMP_V2) != 0 {
            limits.push("made by btrfs-image: it holds the trees, and no content of files".into());
        }
        if self.compat_ro & !COMPAT_RO_KNOWN != 0 {
            limits.push("unknown read-only-compatible features are present".into());
        }
        limits
    }
}

fn refuse_unread(features: u64) -> Result<(), SourceError> {
    let named = [
        (incompat::ZONED, "zoned devices"),
        (incompat::EXTENT_TREE_V2, "extent tree version 2"),
        (incompat::RAID_STRIPE_TREE, "a RAID stripe tree"),
    ];
    if let Some((_, name)) = named.iter().find(|(bit, _)| features & bit != 0) {
        return Err(SourceError::NoContent(format!("the file system uses {name}, which is not read")));
    }
    match features & !incompat::READ {
        0 => Ok(()),
        unknown => Err(SourceError::NoContent(format!("unknown incompatible features {unknown:#x}"))),
    }
}

/// A UUID as Linux writes it.
fn uuid_text(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
    }
    text
}

/// Damage, in words.
pub(crate) fn corrupt(what: impl Into<String>) -> SourceError {
    SourceError::Corrupt(what.into())
}
