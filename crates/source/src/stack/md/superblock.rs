//! The superblock of a Linux RAID's member, metadata 1.0, 1.1 and 1.2.
//!
//! ```text
//!   0  FC 4E 2B A9, version 1, features, UUID of the array, name
//!  64  created, level, layout, size, chunk, members
//! 128  this member: where its data begin, how long, where this stands, its number and UUID, its bad blocks
//! 192  the array's state: time, events, in sync up to, checksum, roles
//! 256  a role for each number
//! ```
//!
//! It stands in the last 8 to 12 KiB (1.0), at the beginning (1.1) or at 4 KiB (1.2). Source: Linux, `include/uapi/linux/raid/md_p.h`.

use std::ops::Range;

use crate::bytes::{ByteSource, ReadFault};
use crate::field::{byte, le16, le32, le64};

use super::super::SECTOR;

/// What a member says of itself and of its array.
#[derive(Clone, Debug)]
pub(super) struct Superblock {
    /// Where it stands, in bytes.
    pub(super) at: u64,
    pub(super) features: u32,
    pub(super) set: [u8; 16],
    pub(super) name: String,
    pub(super) created: u64,
    pub(super) level: i32,
    pub(super) layout: u32,
    /// Sectors of each member that a mirror uses.
    pub(super) size: u64,
    /// Sectors in a chunk.
    pub(super) chunk: u32,
    pub(super) disks: u32,
    /// Sectors of this member.
    pub(super) data_offset: u64,
    pub(super) data_size: u64,
    pub(super) number: u32,
    bad_shift: u8,
    bad_size: u16,
    bad_offset: i32,
    pub(super) events: u64,
    pub(super) in_sync_to: u64,
    pub(super) roles: Vec<u16>,
    /// What else stands on the piece where superblocks stand, in words.
    pub(super) others: Vec<String>,
}

/// What stands where superblocks stand.
pub(super) enum Found {
    Nothing,
    /// Metadata 0.90: the array's UUID and level.
    Old([u8; 16], i32),
    /// A superblock that cannot be believed, and why.
    Damaged(String),
    Good(Box<Superblock>),
}

/// Looks for a superblock in `bytes`. Of several, the array that was created last counts, as for mdadm; the others are
/// told.
///
/// # Errors
///
/// [`ReadFault`] where a place cannot be read and no other holds a superblock.
pub(super) fn find(bytes: &dyn ByteSource) -> Result<Found, ReadFault> {
    let (mut best, mut other, mut fault) = (None::<Box<Superblock>>, Found::Nothing, None);
    let mut others = Vec::new();
    let end = (bytes.len() / SECTOR).checked_sub(16).map(|sector| (sector & !7).saturating_mul(SECTOR));
    for at in [Some(4096), Some(0), end].into_iter().flatten() {
        match look(bytes, at) {
            Ok(Found::Good(found)) if best.as_ref().is_none_or(|best| best.created < found.created) => {
                others.extend(best.replace(found).map(|older| older.told()));
            }
            Ok(Found::Good(found)) => others.push(found.told()),
            Ok(Found::Damaged(why)) => {
                others.push(format!("a damaged superblock at byte {at} ({why})"));
                other = Found::Damaged(why);
            }
            Ok(_) => {}
            Err(error) => fault = fault.or(Some(error)),
        }
    }
    match (best, other, fault) {
        (Some(mut best), _, _) => {
            best.others = others;
            Ok(Found::Good(best))
        }
        (None, damaged @ Found::Damaged(_), _) => Ok(damaged),
        (None, _, Some(fault)) => Err(fault),
        (None, _, None) => old(bytes),
    }
}

fn look(bytes: &dyn ByteSource, at: u64) -> Result<Found, ReadFault> {
    let mut block = vec![0; BLOCK];
    let count = bytes.read_at(at, &mut block)?;
    block.truncate(count);
    if !block.starts_with(&MAGIC) || le32(&block, 4) != Some(1) {
        return Ok(Found::Nothing);
    }
    Ok(match parse(&block, at) {
        // Another piece's: one at the end of a disk's last partition also stands at the end of the disk.
        Ok((_, own)) if own.checked_mul(SECTOR) != Some(at) => Found::Nothing,
        Ok((found, _)) => Found::Good(Box::new(found)),
        Err(why) => Found::Damaged(why),
    })
}

/// A superblock, and the sector in which it says that it stands.
fn parse(block: &[u8], at: u64) -> Result<(Superblock, u64), String> {
    let short = || "the superblock is cut off".to_owned();
    let own = le64(block, 144).ok_or_else(short)?;
    let most = le32(block, 220).ok_or_else(short)?;
    let end = usize::try_from(most).ok().and_then(|most| most.checked_mul(2)?.checked_add(ROLES));
    let covered =
        end.and_then(|end| block.get(..end)).ok_or_else(|| format!("the superblock states {most} roles"))?;
    let (found, stated) = (checksum(covered), le32(block, 216).ok_or_else(short)?);
    if found != stated {
        return Err(format!("the superblock's checksum is {found:08x}, stated is {stated:08x}"));
    }
    let roles = covered.get(ROLES..).unwrap_or_default();
    let name = block.get(32..64).ok_or_else(short)?.split(|byte| *byte == 0).next().unwrap_or_default();
    let read = || {
        Some(Superblock {
            at,
            features: le32(block, 8)?,
            set: *block.get(16..)?.first_chunk()?,
            name: String::from_utf8_lossy(name).into_owned(),
            created: le64(block, 64)? & 0xFF_FFFF_FFFF,
            level: le32(block, 72)?.cast_signed(),
            layout: le32(block, 76)?,
            size: le64(block, 80)?,
            chunk: le32(block, 88)?,
            disks: le32(block, 92)?,
            data_offset: le64(block, 128)?,
            data_size: le64(block, 136)?,
            number: le32(block, 160)?,
            bad_shift: byte(block, 185)?,
            bad_size: le16(block, 186)?,
            bad_offset: le32(block, 188)?.cast_signed(),
            events: le64(block, 200)?,
            in_sync_to: le64(block, 208)?,
            others: Vec::new(),
            roles: roles.chunks_exact(2).filter_map(|role| le16(role, 0)).collect(),
        })
    };
    Ok((read().ok_or_else(short)?, own))
}

/// The sum of all 32-bit words, the last perhaps of 16 bits, with the checksum's own field as zero; the carry is added.
fn checksum(covered: &[u8]) -> u32 {
    let mut sum = 0_u64;
    for (index, word) in covered.chunks(4).enumerate() {
        let value = le32(word, 0).or_else(|| le16(word, 0).map(u32::from)).unwrap_or_default();
        sum = sum.saturating_add(if index == 216 / 4 { 0 } else { value.into() });
    }
    let [a, b, c, d, carry @ ..] = sum.to_le_bytes();
    u32::from_le_bytes([a, b, c, d]).wrapping_add(u32::from_le_bytes(carry))
}

fn old(bytes: &dyn ByteSource) -> Result<Found, ReadFault> {
    let Some(at) = (bytes.len() & !0xFFFF).checked_sub(0x1_0000) else { return Ok(Found::Nothing) };
    let mut block = [0; 64];
    bytes.read_exact_at(at, &mut block)?;
    if !block.starts_with(&MAGIC) || le32(&block, 4) != Some(0) || le32(&block, 8) != Some(90) {
        return Ok(Found::Nothing);
    }
    let mut set = [0; 16];
    for (to, from) in set.chunks_mut(4).zip([20, 52, 56, 60]) {
        to.copy_from_slice(&le32(&block, from).unwrap_or_default().to_be_bytes());
    }
    Ok(Found::Old(set, le32(&block, 28).unwrap_or_default().cast_signed()))
}

impl Superblock {
    /// What it is beside another one.
    fn told(&self) -> String {
        let (at, place, created) = (self.at, super::place(&self.set), self.created);
        format!("a superblock at byte {at} of {place}, created at second {created}")
    }

    /// What this member is in its array, as it says itself.
    pub(super) fn role(&self) -> Option<u16> {
        self.role_of(self.number)
    }

    /// What the member of a number is in the array, as this superblock says.
    pub(super) fn role_of(&self, number: u32) -> Option<u16> {
        self.roles.get(usize::try_from(number).ok()?).copied()
    }

    /// The ranges of the member that its own list says are not held, in bytes.
    ///
    /// # Errors
    ///
    /// Why the list cannot be believed.
    pub(super) fn bad_blocks(&self, bytes: &dyn ByteSource) -> Result<Vec<Range<u64>>, String> {
        if self.features & HAS_BAD_BLOCKS == 0 {
            return Ok(Vec::new());
        }
        let sectors = u64::from(self.bad_size);
        let offset = i64::from(self.bad_offset).saturating_mul(512);
        let at = self
            .at
            .checked_add_signed(offset)
            .filter(|_| offset != 0 && (1..=MAX_BAD_LIST).contains(&sectors));
        let at =
            at.ok_or_else(|| format!("its list of bad blocks has {sectors} sectors, {offset} bytes on"))?;
        let mut list = vec![0; usize::try_from(sectors.saturating_mul(SECTOR)).unwrap_or_default()];
        bytes.read_exact_at(at, &mut list).map_err(|fault| format!("its list of bad blocks: {fault}"))?;
        let entries = list.chunks_exact(8).filter_map(|entry| le64(entry, 0));
        let unit =
            SECTOR.checked_shl(self.bad_shift.into()).filter(|unit| *unit < 1 << 32).unwrap_or(u64::MAX);
        let range = |entry: u64| {
            let start = (entry >> 10).saturating_mul(unit);
            start..start.saturating_add((entry & 0x3FF).saturating_mul(unit))
        };
        Ok(entries.take_while(|entry| *entry != u64::MAX).map(range).collect())
    }
}

const MAGIC: [u8; 4] = [0xFC, 0x4E, 0x2B, 0xA9];
/// The superblock and its roles fit in 4 KiB.
const BLOCK: usize = 4096;
/// Where the roles begin.
const ROLES: usize = 256;
/// Feature: the member's list of bad blocks is not empty.
pub(super) const HAS_BAD_BLOCKS: u32 = 8;
/// Longest list of bad blocks, in sectors: what Linux reads.
const MAX_BAD_LIST: u64 = 8;
