//! An inode: what the file system records of one item.

use scope::facts::{Kind, Stamp, TimeKind, Zone};

use crate::field::{le32, le64};

/// An inode's fields.
#[derive(Clone, Debug)]
pub(crate) struct Inode {
    /// The transaction in which it was made: tells it from an earlier inode of its number.
    pub(crate) generation: u64,
    pub(crate) size: u64,
    pub(crate) allocated: u64,
    pub(crate) links: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mode: u32,
    pub(crate) times: Vec<Stamp>,
    flags: u64,
}

/// The data of the file bear no checksums.
const NO_CHECKSUMS: u64 = 1;

impl Inode {
    /// Reads an inode item. `None` where it is cut short.
    pub(crate) fn parse(raw: &[u8]) -> Option<Self> {
        let mut times = Vec::with_capacity(4);
        for (of, at) in [
            (TimeKind::Modified, 136),
            (TimeKind::Accessed, 112),
            (TimeKind::Changed, 124),
            (TimeKind::Created, 148),
        ] {
            let (seconds, nanoseconds) = (le64(raw, at)?, le32(raw, at.checked_add(8)?)?);
            // A time of creation that was never set is zero.
            if of != TimeKind::Created || (seconds, nanoseconds) != (0, 0) {
                times.push(stamp(of, seconds, nanoseconds));
            }
        }
        Some(Self {
            generation: le64(raw, 0)?,
            size: le64(raw, 16)?,
            allocated: le64(raw, 24)?,
            links: le32(raw, 40)?,
            uid: le32(raw, 44)?,
            gid: le32(raw, 48)?,
            mode: le32(raw, 52)?,
            times,
            flags: le64(raw, 64)?,
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

    /// Whether the file's data have checksums.
    pub(crate) fn has_checksums(&self) -> bool {
        self.flags & NO_CHECKSUMS == 0
    }
}

fn stamp(of: TimeKind, seconds: u64, nanoseconds: u32) -> Stamp {
    let ns = i128::from(seconds.cast_signed()) * 1_000_000_000 + i128::from(nanoseconds);
    Stamp { of, from: "inode".into(), ns, zone: Zone::Recorded }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seconds: i64, nanoseconds: u32, expect: i128) {
        assert_eq!(stamp(TimeKind::Modified, seconds.cast_unsigned(), nanoseconds).ns, expect);
    }

    #[test]
    fn times_before_1970_and_after_2554() {
        check(0, 0, 0);
        check(-1, 0, -1_000_000_000);
        check(-2, 999_999_999, -1_000_000_001);
        check(18_446_744_074, 1, 18_446_744_074_000_000_001);
        check(i64::MIN, 0, -9_223_372_036_854_775_808_000_000_000);
    }
}
