//! An inode: what the file system records of one item.

use scope::facts::{Kind, Stamp, TimeKind, Zone};

use crate::field::{be16, be32, be64, byte};
use crate::walk::SourceError;
use crate::xfs::fork::{Fork, Format};
use crate::xfs::superblock::{Superblock, checksum_fits, corrupt};

/// An inode's fields.
#[derive(Clone, Debug)]
pub(crate) struct Inode {
    pub(crate) number: u64,
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size: u64,
    pub(crate) links: u32,
    /// Blocks that its maps hold, with those of the maps' own trees.
    pub(crate) blocks: u64,
    pub(crate) generation: u32,
    pub(crate) times: Vec<Stamp>,
    /// Content, names or a link's target, or where they stand.
    pub(crate) data: Fork,
    /// Extended attributes, or where they stand.
    pub(crate) attributes: Option<Fork>,
    /// Whether the inode's checksum fits; `true` where the file system has none.
    pub(crate) checksum_fits: bool,
    /// Whether the content stands on the realtime device.
    pub(crate) is_realtime: bool,
}

/// Length of the fields before the forks, of versions 1 and 2.
const CORE: usize = 100;
/// The same of version 3.
const CORE_V3: usize = 176;
const FLAG_REALTIME: u16 = 0x1;
const FLAG2_LARGE_TIMES: u64 = 1 << 3;
const FLAG2_LARGE_COUNTERS: u64 = 1 << 4;

impl Inode {
    /// Reads an inode's bytes.
    ///
    /// # Errors
    ///
    /// [`SourceError::Corrupt`] where they are not those of this inode. A wrong checksum alone is no error.
    pub(crate) fn parse(number: u64, raw: &[u8], sb: &Superblock) -> Result<Self, SourceError> {
        if !raw.starts_with(b"IN") {
            return Err(corrupt("an inode has the wrong magic number"));
        }
        let version = byte(raw, 4).unwrap_or(0);
        if (version == 3) != sb.checksums || !(1..=3).contains(&version) {
            return Err(corrupt(&format!("an inode has the impossible version {version}")));
        }
        let uuid = raw.get(160..).and_then(<[u8]>::first_chunk);
        if version == 3 && (be64(raw, 152) != Some(number) || uuid != Some(&sb.meta_uuid)) {
            return Err(corrupt("an inode says that it is another one"));
        }
        Self::fields(number, raw, version).ok_or_else(|| corrupt("an inode contradicts itself"))
    }

    fn fields(number: u64, raw: &[u8], version: u8) -> Option<Self> {
        let v3 = version == 3;
        let flags2 = if v3 { be64(raw, 120)? } else { 0 };
        let large_counters = flags2 & FLAG2_LARGE_COUNTERS != 0;
        let (extents, attribute_extents) = if large_counters {
            (be64(raw, 24)?, be32(raw, 76)?.into())
        } else {
            (be32(raw, 76)?.into(), be16(raw, 80)?.into())
        };
        let area = raw.get(if v3 { CORE_V3 } else { CORE }..)?;
        // Where the attributes begin, in units of 8 bytes; 0 where there are none.
        let offset = usize::from(byte(raw, 82)?).checked_mul(8)?;
        let (data, attributes) = if offset == 0 {
            (area, None)
        } else {
            area.split_at_checked(offset).map(|(data, rest)| (data, Some(rest)))?
        };
        let fork = |format, bytes: &[u8], extents| Fork {
            format: Format::of(format),
            bytes: bytes.to_vec(),
            extents,
            owner: number,
        };
        let attribute_format = byte(raw, 83)?;
        Some(Self {
            number,
            mode: be16(raw, 2)?,
            uid: be32(raw, 8)?,
            gid: be32(raw, 12)?,
            size: be64(raw, 56)?,
            links: if version == 1 { be16(raw, 6)?.into() } else { be32(raw, 16)? },
            blocks: be64(raw, 64)?,
            generation: be32(raw, 92)?,
            times: times(raw, v3, flags2 & FLAG2_LARGE_TIMES != 0)?,
            data: fork(byte(raw, 5)?, data, extents),
            attributes: attributes.map(|bytes| fork(attribute_format, bytes, attribute_extents)),
            checksum_fits: !v3 || checksum_fits(raw, 100),
            is_realtime: be16(raw, 90)? & FLAG_REALTIME != 0,
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

    /// Whether the inode counts as many blocks as its maps hold. `true` where a map is a tree: the stream counts those.
    pub(crate) fn counts_its_blocks(&self) -> bool {
        let forks = [Some(&self.data), self.attributes.as_ref()];
        let held = forks.into_iter().flatten().map(Fork::inline_blocks);
        held.sum::<Option<u64>>().is_none_or(|held| held == self.blocks)
    }
}

fn times(raw: &[u8], v3: bool, large: bool) -> Option<Vec<Stamp>> {
    let mut times = Vec::with_capacity(4);
    let places = [(TimeKind::Modified, 40), (TimeKind::Accessed, 32), (TimeKind::Changed, 48)];
    let created = v3.then_some((TimeKind::Created, 144));
    for (of, at) in places.into_iter().chain(created) {
        let ns = nanoseconds(be64(raw, at)?, large);
        times.push(Stamp { of, from: "inode".into(), ns, zone: Zone::Recorded });
    }
    Some(times)
}

/// A large time is nanoseconds since 2^31 seconds before 1970; the others are signed seconds, and nanoseconds.
fn nanoseconds(raw: u64, large: bool) -> i128 {
    if large {
        return i128::from(raw) - (1 << 31) * 1_000_000_000;
    }
    let [a, b, c, d, rest @ ..] = raw.to_be_bytes();
    i128::from(i32::from_be_bytes([a, b, c, d])) * 1_000_000_000 + i128::from(i32::from_be_bytes(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: u64, large: bool, expect: i128) {
        assert_eq!(nanoseconds(raw, large), expect, "{raw:#x} {large}");
    }

    #[test]
    fn times_before_1970_and_after_2038() {
        check(0, false, 0);
        check(0xFFFF_FFFF_0000_0000, false, -1_000_000_000); // 1969-12-31T23:59:59Z
        check(0x8000_0000_0000_0000, false, -2_147_483_648_000_000_000); // 1901-12-13T20:45:52Z
        check(0x0000_0001_0000_01F4, false, 1_000_000_500);
        check(0, true, -2_147_483_648_000_000_000); // 1901-12-13T20:45:52Z
        check(0x1DCD_6500_0000_0000, true, 0);
        check(u64::MAX, true, 16_299_260_425_709_551_615); // 2486-07-02T20:20:25Z
    }
}
