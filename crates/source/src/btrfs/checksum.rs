//! The four checksums that a btrfs file system can be made with, for its tree blocks and its data alike.

mod blake2b;
mod xxhash;

use sha2::Digest as _;

use crate::crc32c::crc32c;

/// A kind of checksum.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Checksum {
    /// CRC-32C, four bytes.
    Crc32c,
    /// XXH64 with seed 0, eight bytes.
    Xxhash,
    /// SHA-256.
    Sha256,
    /// BLAKE2b with 32 bytes and no key.
    Blake2b,
}

impl Checksum {
    /// The kind with the number `number` in the superblock.
    pub(crate) fn of(number: u16) -> Option<Self> {
        [Self::Crc32c, Self::Xxhash, Self::Sha256, Self::Blake2b].get(usize::from(number)).copied()
    }

    /// Length of one, in bytes.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Crc32c => 4,
            Self::Xxhash => 8,
            Self::Sha256 | Self::Blake2b => 32,
        }
    }

    /// Whether `bytes` have the checksum with which `stored` begins.
    pub(crate) fn fits(self, stored: &[u8], bytes: &[u8]) -> bool {
        let Some(stored) = stored.get(..self.len()) else { return false };
        match self {
            Self::Crc32c => (!crc32c(!0, bytes)).to_le_bytes() == *stored,
            Self::Xxhash => xxhash::xxh64(bytes).to_le_bytes() == *stored,
            Self::Sha256 => sha2::Sha256::digest(bytes).as_slice() == stored,
            Self::Blake2b => blake2b::blake2b_256(bytes) == *stored,
        }
    }
}
