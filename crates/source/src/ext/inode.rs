//! An inode: what the file system records of one item.

use scope::facts::{Kind, Stamp, TimeKind, Zone};

use crate::crc32c::crc32c;
use crate::ext::superblock::Superblock;
use crate::field::{le16, le32, wide};
use crate::walk::stated;

/// An inode's fields.
#[derive(Clone, Debug)]
pub(crate) struct Inode {
    pub(crate) number: u32,
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size: u64,
    pub(crate) links: u16,
    pub(crate) allocated: u64,
    pub(crate) generation: u32,
    pub(crate) times: Vec<Stamp>,
    /// Block numbers, the root of the extent tree, or content.
    pub(crate) blocks: [u8; 60],
    /// The block of extended attributes, 0 where there is none.
    pub(crate) attribute_block: u64,
    /// Extended attributes inside the inode: what follows its fixed fields.
    pub(crate) attributes: Vec<u8>,
    /// Whether the inode's checksum fits; `true` where the file system has none.
    pub(crate) checksum_fits: bool,
    flags: u32,
}

mod flag {
    pub(super) const COMPRESSED: u32 = 0x4;
    pub(super) const ENCRYPTED: u32 = 0x800;
    pub(super) const HUGE_FILE: u32 = 0x4_0000;
    pub(super) const EXTENTS: u32 = 0x8_0000;
    pub(super) const INLINE_DATA: u32 = 0x1000_0000;
}

const FIXED: usize = 128;
/// Blocks that extents can number: 32 bits.
const EXTENT_BLOCKS: u64 = 1 << 32;
/// Blocks numbered in the inode itself, where there are no extents.
const DIRECT_BLOCKS: u64 = 12;

impl Inode {
    /// Reads an inode's bytes. `None` where there are fewer than an inode has.
    pub(crate) fn parse(number: u32, raw: &[u8], sb: &Superblock) -> Option<Self> {
        let mode = le16(raw, 0x0)?;
        let flags = le32(raw, 0x20)?;
        let extra = if raw.len() > FIXED { usize::from(le16(raw, 0x80)?) } else { 0 };
        // Fields beyond the first 128 bytes hold only as far as the inode says it goes.
        let end = FIXED.checked_add(extra).filter(|end| *end <= raw.len()).unwrap_or(FIXED);
        let whole = raw;
        let raw = raw.get(..end)?;
        let high_size = matches!(mode & 0xF000, 0x8000) || sb.has_large_directories();
        let blocks = wide(le32(raw, 0x1C)?, if sb.has_huge_files() { le16(raw, 0x74)?.into() } else { 0 });
        let unit = if flags & flag::HUGE_FILE != 0 { u64::from(sb.block_size) } else { 512 };
        let generation = le32(raw, 0x64)?;
        Some(Self {
            number,
            mode,
            uid: u32::from(le16(raw, 0x78)?) << 16 | u32::from(le16(raw, 0x2)?),
            gid: u32::from(le16(raw, 0x7A)?) << 16 | u32::from(le16(raw, 0x18)?),
            size: wide(le32(raw, 0x4)?, if high_size { le32(raw, 0x6C)? } else { 0 }),
            links: le16(raw, 0x1A)?,
            allocated: blocks.saturating_mul(unit),
            generation,
            times: times(raw)?,
            blocks: *raw.get(0x28..)?.first_chunk()?,
            attribute_block: wide(le32(raw, 0x68)?, le16(raw, 0x76)?.into()),
            attributes: whole
                .get(end..)
                .filter(|_| whole.len() > FIXED && extra >= 4)
                .unwrap_or_default()
                .to_vec(),
            checksum_fits: checksum_fits(number, generation, whole, extra, sb)?,
            flags,
        })
    }

    /// What the item is.
    pub(crate) fn kind(&self) -> Kind {
        match self.mode & 0xF000 {
            0x1000 => Kind::Fifo,
            0x2000 => Kind::CharDevice,
            0x4000 => Kind::Directory,
            0x6000 => Kind::BlockDevice,
            0x8000 => Kind::File,
            0xA000 => Kind::Symlink,
            0xC000 => Kind::Socket,
            _ => Kind::Other,
        }
    }

    /// The size, unless a file's block map cannot hold that much or a record cannot state it: then it is damage, and
    /// nothing may be read or allotted by it.
    pub(crate) fn sound_size(&self, sb: &Superblock) -> Option<u64> {
        let blocks = if self.has_extents() || self.is_inline() {
            EXTENT_BLOCKS
        } else {
            let per_block = u64::from(sb.block_size >> 2);
            let levels = [per_block, per_block.saturating_pow(2), per_block.saturating_pow(3)];
            levels.into_iter().fold(DIRECT_BLOCKS, u64::saturating_add)
        };
        stated(self.size).filter(|size| *size <= blocks.saturating_mul(sb.block_size.into()))
    }

    /// Whether the content, target or names are encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.flags & flag::ENCRYPTED != 0
    }

    /// Whether the content is compressed in a way that no Linux kernel ever read.
    pub(crate) fn is_compressed(&self) -> bool {
        self.flags & flag::COMPRESSED != 0
    }

    /// Whether blocks are found by extents.
    pub(crate) fn has_extents(&self) -> bool {
        self.flags & flag::EXTENTS != 0
    }

    /// Whether the content stands in the inode itself.
    pub(crate) fn is_inline(&self) -> bool {
        self.flags & flag::INLINE_DATA != 0
    }

    /// Whether this is a symbolic link whose target stands in the block numbers.
    pub(crate) fn is_fast_symlink(&self) -> bool {
        self.kind() == Kind::Symlink && !self.has_extents() && !self.is_inline() && self.size < 60
    }
}

fn times(raw: &[u8]) -> Option<Vec<Stamp>> {
    let mut times = Vec::with_capacity(4);
    for (of, at, extra_at) in
        [(TimeKind::Modified, 0x10, 0x88), (TimeKind::Accessed, 0x8, 0x8C), (TimeKind::Changed, 0xC, 0x84)]
    {
        times.push(stamp(of, le32(raw, at)?, le32(raw, extra_at).unwrap_or(0)));
    }
    if let (Some(seconds), Some(extra)) = (le32(raw, 0x90), le32(raw, 0x94))
        && (seconds, extra) != (0, 0)
    {
        times.push(stamp(TimeKind::Created, seconds, extra));
    }
    Some(times)
}

/// Seconds are signed; the two low bits of `extra` add multiples of 2^32 to them, the others are nanoseconds.
fn stamp(of: TimeKind, seconds: u32, extra: u32) -> Stamp {
    let seconds = i128::from(seconds.cast_signed()) + (i128::from(extra & 3) << 32);
    Stamp {
        of,
        from: "inode".into(),
        ns: seconds * 1_000_000_000 + i128::from(extra >> 2),
        zone: Zone::Recorded,
    }
}

fn checksum_fits(number: u32, generation: u32, raw: &[u8], extra: usize, sb: &Superblock) -> Option<bool> {
    let Some(seed) = sb.checksum_seed else { return Some(true) };
    let mut crc = crc32c(crc32c(seed, &number.to_le_bytes()), &generation.to_le_bytes());
    crc = crc32c(crc, raw.get(..0x7C)?);
    crc = crc32c(crc, &[0; 2]);
    crc = crc32c(crc, raw.get(0x7E..FIXED)?);
    let low = le16(raw, 0x7C)?;
    if raw.len() == FIXED {
        let [first, second, ..] = crc.to_le_bytes();
        return Some(u16::from_le_bytes([first, second]) == low);
    }
    crc = crc32c(crc, raw.get(FIXED..0x82)?);
    let has_high = extra >= 4;
    crc = if has_high { crc32c(crc, &[0; 2]) } else { crc32c(crc, raw.get(0x82..0x84)?) };
    crc = crc32c(crc, raw.get(0x84..)?);
    if has_high {
        return Some(crc == u32::from(le16(raw, 0x82)?) << 16 | u32::from(low));
    }
    let [first, second, ..] = crc.to_le_bytes();
    Some(u16::from_le_bytes([first, second]) == low)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seconds: u32, extra: u32, expect: i128) {
        assert_eq!(stamp(TimeKind::Modified, seconds, extra).ns, expect, "{seconds:#x} {extra:#x}");
    }

    #[test]
    fn times_before_1970_and_after_2038() {
        check(0, 0, 0);
        check(0xFFFF_FFFF, 0, -1_000_000_000); // 1969-12-31T23:59:59Z
        check(0x8000_0000, 0, -2_147_483_648_000_000_000); // 1901-12-13T20:45:52Z
        check(0x8000_0000, 1, 2_147_483_648_000_000_000); // 2038-01-19T03:14:08Z
        check(0x7FFF_FFFF, 3, 15_032_385_535_000_000_000); // 2446-05-10T22:38:55Z
        check(1, 500 << 2, 1_000_000_500);
    }
}
