//! The journal: changes that were agreed on but not yet put in place when the medium was taken.
//!
//! They are applied in memory, as a table of blocks whose newest content stands
//! in the journal. Nothing is written, and the record says that it was done.

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::Arc;

use crate::crc32c::crc32c;
use crate::ext::content::InodeReader;
use crate::ext::map::run;
use crate::ext::volume::Volume;
use crate::field::{be16, be32, wide};
use crate::medium::not_applied;
use crate::walk::SourceError;

/// Begins every block of the journal's own, big-endian.
pub(crate) const MAGIC: u32 = 0xC03B_3998;

/// Where a block's newest content stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    pub(crate) block: u64,
    /// Whether the content's first four bytes are [`MAGIC`] and were blanked out.
    pub(crate) escaped: bool,
}

/// Reads the journal of `volume`, and says what was done with it.
pub(crate) fn replay(volume: &Volume) -> (HashMap<u64, Place>, Vec<String>) {
    match Journal::open(volume)
        .and_then(|journal| journal.map_or(Ok(None), |journal| journal.replay().map(Some)))
    {
        Ok(Some((map, transactions, mut limits))) => {
            limits.insert(
                0,
                format!(
                    "the journal was applied in memory: {transactions} transactions, {} blocks; the medium was not changed",
                    map.len()
                ),
            );
            (map, limits)
        }
        Ok(None) => (
            HashMap::new(),
            vec![not_applied("the journal is on another device; its changes are not applied")],
        ),
        Err(error) => {
            (HashMap::new(), vec![not_applied(&format!("the journal could not be applied: {error}"))])
        }
    }
}

struct Journal<'a> {
    volume: &'a Volume,
    /// Blocks of the volume that hold the journal, in order.
    blocks: Vec<u64>,
    first: u32,
    last: u32,
    start: u32,
    sequence: u32,
    seed: u32,
    incompat: u32,
    has_fast_commits: bool,
}

type Replayed = (HashMap<u64, Place>, u64, Vec<String>);

impl<'a> Journal<'a> {
    fn open(volume: &'a Volume) -> Result<Option<Self>, SourceError> {
        let Some(number) = volume.sb.journal_inode else {
            return if volume.sb.has_journal() { Ok(None) } else { Err(bad("there is none")) };
        };
        let inode = volume.inode(number)?;
        let size = u64::from(volume.sb.block_size);
        let end = inode.size.checked_div(size).unwrap_or(0).min(MAX_BLOCKS);
        let mut blocks = Vec::new();
        while (blocks.len() as u64) < end {
            let at = blocks.len() as u64;
            let run = run(volume, &inode, at)?;
            let start = run.start.ok_or_else(|| bad("it has a hole"))?;
            blocks
                .extend((0..run.blocks.min(end.saturating_sub(at))).map(|index| start.saturating_add(index)));
        }
        let head = volume.block(*blocks.first().ok_or_else(|| bad("it is empty"))?)?;
        Self::parse(volume, blocks, &head).map(Some)
    }

    fn parse(volume: &'a Volume, blocks: Vec<u64>, head: &[u8]) -> Result<Self, SourceError> {
        let field = |at| be32(head, at).ok_or_else(|| bad("its superblock is cut short"));
        let version = field(4)?;
        if field(0)? != MAGIC || !matches!(version, 3 | 4) || field(0xC)? != volume.sb.block_size {
            return Err(bad("its superblock contradicts itself"));
        }
        let incompat = if version == 4 { field(0x28)? } else { 0 };
        if incompat & !KNOWN != 0 {
            return Err(bad(&format!("unknown features {:#x}", incompat & !KNOWN)));
        }
        let seed = crc32c(!0, head.get(0x30..0x40).unwrap_or_default());
        if incompat & (CSUM_V2 | CSUM_V3) != 0 {
            let mut copy = head.get(..1024).unwrap_or_default().to_vec();
            copy.get_mut(0xFC..0x100).unwrap_or_default().fill(0);
            if crc32c(!0, &copy) != field(0xFC)? {
                return Err(bad("its superblock's checksum does not fit"));
            }
        }
        let has_fast_commits = incompat & FAST_COMMIT != 0;
        let fast = match field(0x54)? {
            _ if !has_fast_commits => 0,
            0 => DEFAULT_FAST_BLOCKS,
            count => count,
        };
        let journal = Self {
            volume,
            first: field(0x14)?,
            last: field(0x10)?.saturating_sub(fast),
            start: field(0x1C)?,
            sequence: field(0x18)?,
            seed,
            incompat,
            has_fast_commits,
            blocks,
        };
        let inside = journal.last as usize <= journal.blocks.len() && journal.first < journal.last;
        let started = journal.start == 0 || (journal.first..journal.last).contains(&journal.start);
        if journal.first == 0 || !inside || !started {
            return Err(bad("its superblock contradicts itself"));
        }
        Ok(journal)
    }

    fn replay(&self) -> Result<Replayed, SourceError> {
        let mut limits = Vec::new();
        if self.has_fast_commits {
            limits.push("fast commits after the journal's last full commit are not applied".into());
        }
        if self.start == 0 {
            return Ok((HashMap::new(), 0, limits));
        }
        let transactions = self.scan(&mut limits);
        // A block revoked by a later transaction is not to be taken from an earlier one.
        let mut revoked: HashMap<u64, usize> = HashMap::new();
        for (order, transaction) in transactions.iter().enumerate() {
            for block in &transaction.revoked {
                revoked.insert(*block, order);
            }
        }
        let mut map = HashMap::new();
        for (order, transaction) in transactions.iter().enumerate() {
            for (block, place) in &transaction.changed {
                if revoked.get(block).is_none_or(|last| *last < order) {
                    map.insert(*block, *place);
                }
            }
        }
        Ok((map, transactions.len() as u64, limits))
    }

    /// The complete transactions, in order. The first block that does not continue them ends the journal.
    fn scan(&self, limits: &mut Vec<String>) -> Vec<Transaction> {
        let mut done = Vec::new();
        let mut open = Transaction::default();
        let mut sequence = self.sequence;
        let mut at = self.start;
        let mut budget = self.last.saturating_sub(self.first);
        while budget > 0 {
            let Ok(block) = self.block(at) else {
                limits.push(not_applied(
                    "a block of the journal could not be read; what follows it is not applied",
                ));
                break;
            };
            if be32(&block, 0) != Some(MAGIC) || be32(&block, 8) != Some(sequence) {
                break;
            }
            let result = match be32(&block, 4) {
                Some(DESCRIPTOR) => self.descriptor(&block, at, sequence, &mut open),
                Some(REVOKE) => self.revoke(&block, &mut open).map(|()| 0),
                Some(COMMIT) if self.commit_fits(&block) => {
                    done.push(std::mem::take(&mut open));
                    sequence = sequence.wrapping_add(1);
                    Some(0)
                }
                _ => None,
            };
            let Some(tags) = result else {
                limits.push(not_applied("a block of the journal is damaged; what follows it is not applied"));
                break;
            };
            budget = budget.saturating_sub(tags.saturating_add(1));
            at = self.advance(at, tags.saturating_add(1));
        }
        done
    }

    /// Notes the blocks that follow a descriptor. Returns how many they are; `None` where the descriptor is damaged.
    fn descriptor(&self, block: &[u8], at: u32, sequence: u32, open: &mut Transaction) -> Option<u32> {
        let end = self.checked_end(block)?;
        let tag_size = self.tag_size();
        let mut position = 12_usize;
        let mut count = 0_u32;
        loop {
            if position.checked_add(tag_size)? > end {
                return Some(count);
            }
            let (flags, sum) = if self.incompat & CSUM_V3 != 0 {
                (be32(block, position.checked_add(4)?)?, be32(block, position.checked_add(12)?)?)
            } else {
                let flags = be16(block, position.checked_add(6)?)?;
                (u32::from(flags), u32::from(be16(block, position.checked_add(4)?)?))
            };
            let high = if self.incompat & BITS64 != 0 { be32(block, position.checked_add(8)?)? } else { 0 };
            let target = wide(be32(block, position)?, high);
            count = count.checked_add(1).filter(|count| *count < self.last)?;
            let place = self.advance(at, count);
            if !self.data_fits(place, sequence, sum) {
                return None;
            }
            let physical = *self.blocks.get(place as usize)?;
            open.changed.push((target, Place { block: physical, escaped: flags & ESCAPED != 0 }));
            position = position.checked_add(tag_size)?;
            if flags & SAME_UUID == 0 {
                position = position.checked_add(16)?;
            }
            if flags & LAST_TAG != 0 {
                return Some(count);
            }
        }
    }

    fn revoke(&self, block: &[u8], open: &mut Transaction) -> Option<()> {
        let end = self.checked_end(block)?.min(usize::try_from(be32(block, 12)?).ok()?);
        let step = if self.incompat & BITS64 != 0 { 8 } else { 4 };
        let mut at = 16_usize;
        while at.checked_add(step)? <= end {
            let number = if step == 8 {
                wide(be32(block, at.checked_add(4)?)?, be32(block, at)?)
            } else {
                be32(block, at)?.into()
            };
            open.revoked.push(number);
            at = at.checked_add(step)?;
        }
        Some(())
    }

    /// Where the content of a journal block ends: before its checksum, which must fit, or at its end.
    fn checked_end(&self, block: &[u8]) -> Option<usize> {
        if self.incompat & (CSUM_V2 | CSUM_V3) == 0 {
            return Some(block.len());
        }
        let tail = block.len().checked_sub(4)?;
        let crc = crc32c(crc32c(self.seed, block.get(..tail)?), &[0; 4]);
        (be32(block, tail)? == crc).then_some(tail)
    }

    fn commit_fits(&self, block: &[u8]) -> bool {
        if self.incompat & (CSUM_V2 | CSUM_V3) == 0 {
            return true;
        }
        let parts = block.get(..0x10).zip(block.get(0x14..)).zip(be32(block, 0x10));
        parts.is_some_and(|((head, tail), stored)| {
            crc32c(crc32c(crc32c(self.seed, head), &[0; 4]), tail) == stored
        })
    }

    fn data_fits(&self, place: u32, sequence: u32, stored: u32) -> bool {
        if self.incompat & (CSUM_V2 | CSUM_V3) == 0 {
            return true;
        }
        let Ok(data) = self.block(place) else { return false };
        let crc = crc32c(crc32c(self.seed, &sequence.to_be_bytes()), &data);
        if self.incompat & CSUM_V3 != 0 { crc == stored } else { crc & 0xFFFF == stored }
    }

    fn block(&self, at: u32) -> Result<Vec<u8>, SourceError> {
        let block = self.blocks.get(at as usize).ok_or_else(|| bad("a block outside it"))?;
        self.volume.block(*block)
    }

    fn advance(&self, at: u32, by: u32) -> u32 {
        let next = at.saturating_add(by);
        if next < self.last { next } else { next.saturating_sub(self.last.saturating_sub(self.first)) }
    }

    fn tag_size(&self) -> usize {
        if self.incompat & CSUM_V3 != 0 {
            return 16;
        }
        let narrow = if self.incompat & CSUM_V2 != 0 { 10 } else { 8 };
        if self.incompat & BITS64 != 0 { narrow + 4 } else { narrow }
    }
}

/// What stands in the journal behind its superblock, as a limit: old blocks of files and folders, which are neither items nor free
/// space.
pub(crate) fn kept(volume: &Arc<Volume>) -> Option<String> {
    let number = volume.sb.journal_inode?;
    let inode = volume.inode(number).ok()?;
    let size = inode.sound_size(&volume.sb)?;
    let block = u64::from(volume.sb.block_size);
    let mut reader = InodeReader::new(Arc::clone(volume), inode).ok()?;
    let mut buf = vec![0; usize::try_from(block).ok()?];
    let (mut at, mut full, mut unread) = (0_u64, 0_u64, 0_u64);
    while at < size.min(MAX_LOOKED_AT) {
        let is_read = reader.read_exact(&mut buf).is_ok();
        if !is_read {
            unread = size.saturating_sub(at);
            break;
        }
        if at > 0 && buf.iter().any(|byte| *byte != 0) {
            full = full.saturating_add(block);
        }
        at = at.saturating_add(block);
    }
    let unread = unread.max(size.saturating_sub(at));
    (full > 0 || unread > 0).then(|| {
        let beyond = if unread > 0 { format!(", and {unread} bytes were not looked at") } else { String::new() };
        format!(
            "the journal, inode {number}, has {full} bytes of blocks behind its first one that are not blank{beyond}: old blocks of files and folders may stand there; they are no items, and not among free space"
        )
    })
}

#[derive(Default)]
struct Transaction {
    changed: Vec<(u64, Place)>,
    revoked: Vec<u64>,
}

fn bad(what: &str) -> SourceError {
    SourceError::Corrupt(format!("the journal: {what}"))
}

/// Most bytes of a journal that are looked at: 1 GiB, the largest that mke2fs makes unasked.
const MAX_LOOKED_AT: u64 = 1 << 30;
const DESCRIPTOR: u32 = 1;
const COMMIT: u32 = 2;
const REVOKE: u32 = 5;
const ESCAPED: u32 = 1;
const SAME_UUID: u32 = 2;
const LAST_TAG: u32 = 8;
const BITS64: u32 = 0x2;
const CSUM_V2: u32 = 0x8;
const CSUM_V3: u32 = 0x10;
const FAST_COMMIT: u32 = 0x20;
const KNOWN: u32 = 0x3F;
/// Blocks kept for fast commits where the journal does not say.
const DEFAULT_FAST_BLOCKS: u32 = 256;
/// Longest journal read: 2^22 blocks, 16 GiB at the usual block size; mke2fs makes at most 10,240,000 blocks on request.
const MAX_BLOCKS: u64 = 1 << 22;
