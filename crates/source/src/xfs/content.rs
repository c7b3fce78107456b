//! The bytes of a file: mapped blocks; holes and blocks never written as zeros. And the target of a link.

use std::io::{self, Read};
use std::sync::Arc;

use crate::bytes::length;
use crate::exact::{Content, Gap};
use crate::field::be32;
use crate::walk::SourceError;
use crate::xfs::fork::{Format, Map, Run};
use crate::xfs::inode::Inode;
use crate::xfs::superblock::corrupt;
use crate::xfs::volume::{Seal, Volume, broken};

/// Reads a file's content from its beginning to its declared size.
pub(crate) struct FileReader {
    volume: Arc<Volume>,
    map: Map,
    size: u64,
    position: u64,
    /// The run under the position, and the file's block at which it begins.
    current: Option<(u64, Run)>,
}

impl FileReader {
    /// A reader of `inode`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the content is out of reach, or the inode contradicts itself about where it stands.
    pub(crate) fn new(volume: Arc<Volume>, inode: Inode) -> Result<Self, SourceError> {
        if inode.is_realtime {
            return Err(SourceError::NoContent("the content stands on the realtime device".into()));
        }
        if !inode.counts_its_blocks() {
            return Err(corrupt("the inode counts other blocks than its extents hold"));
        }
        let map = Map::new(Arc::clone(&volume), inode.data);
        Ok(Self { volume, map, size: inode.size, position: 0, current: None })
    }

    fn step(&mut self, buf: &mut [u8]) -> Result<usize, SourceError> {
        let left = self.size.saturating_sub(self.position);
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        let buf = buf.get_mut(..want).unwrap_or_default();
        if buf.is_empty() {
            return Ok(0);
        }
        let size = u64::from(self.volume.sb.block_size);
        let logical = self.position.checked_div(size).unwrap_or(0);
        let (first, run) = self.run_at(logical)?;
        let within = self.position.saturating_sub(first.saturating_mul(size));
        let room = run.blocks.saturating_mul(size).saturating_sub(within);
        let take = usize::try_from(room).unwrap_or(usize::MAX).min(buf.len());
        let buf = buf.get_mut(..take).unwrap_or_default();
        match run.start.filter(|_| run.written) {
            None => buf.fill(0),
            Some(block) => self.volume.read(block, within, buf)?,
        }
        Ok(take)
    }

    fn run_at(&mut self, logical: u64) -> Result<(u64, Run), SourceError> {
        if let Some((first, run)) = self.current
            && logical >= first
            && logical < first.saturating_add(run.blocks)
        {
            return Ok((first, run));
        }
        let found = (logical, self.map.run(logical)?);
        self.current = Some(found);
        Ok(found)
    }
}

impl Read for FileReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.step(buf).map_err(io::Error::other)?;
        self.position = self.position.saturating_add(length(count));
        Ok(count)
    }
}

impl Content for FileReader {
    fn finish(&mut self) -> io::Result<()> {
        self.map.check_count().map_err(io::Error::other)
    }

    fn gap(&self) -> Gap {
        Gap::Unknown
    }

    fn skip(&mut self, count: u64) {
        self.position = self.position.saturating_add(count);
    }
}

/// The target of a symbolic link.
///
/// # Errors
///
/// [`SourceError`] where it is damaged or longer than a target can be.
pub(crate) fn target(volume: &Arc<Volume>, inode: &Inode) -> Result<Vec<u8>, SourceError> {
    let size = usize::try_from(inode.size).unwrap_or(usize::MAX);
    if size == 0 || size > MAX_TARGET {
        return Err(corrupt("a link's target has an impossible length"));
    }
    if inode.data.format == Format::Local {
        let target = inode.data.bytes.get(..size);
        return target.map(<[u8]>::to_vec).ok_or_else(|| corrupt("a link's target is cut short"));
    }
    let block_size = u64::from(volume.sb.block_size);
    let mut map = Map::new(Arc::clone(volume), inode.data.clone());
    let (mut target, mut logical) = (Vec::new(), 0);
    // INVARIANT: each turn adds at least one byte, or ends.
    while target.len() < size {
        let most = length(MAX_TARGET).div_ceil(block_size).saturating_add(1);
        let blocks = map.run(logical)?.blocks.min(most);
        // One header for all blocks of an extent, not one for each.
        let (raw, place) = map.blocks(logical, blocks)?;
        let part = part(volume, &raw, inode.number, place, target.len())?;
        let part = part.get(..part.len().min(size.saturating_sub(target.len()))).unwrap_or_default();
        if part.is_empty() {
            return Err(corrupt("a link's target is cut short"));
        }
        target.extend(part);
        logical = logical.saturating_add(blocks);
    }
    Ok(target)
}

/// The part of a target, from its byte `done` on, that an extent holds.
fn part<'a>(
    volume: &Volume,
    raw: &'a [u8],
    owner: u64,
    place: u64,
    done: usize,
) -> Result<&'a [u8], SourceError> {
    if !volume.sb.checksums {
        return Ok(raw);
    }
    volume.check(raw, &SEAL, owner, place).map_err(|how| broken("a link's target", how))?;
    let offset = be32(raw, 4).and_then(|offset| usize::try_from(offset).ok());
    let bytes = be32(raw, 8).and_then(|bytes| usize::try_from(bytes).ok());
    let end = bytes.and_then(|bytes| bytes.checked_add(HEADER));
    let part = end.and_then(|end| raw.get(HEADER..end));
    part.filter(|_| raw.starts_with(b"XSLM") && offset == Some(done))
        .ok_or_else(|| corrupt("a link's target contradicts itself"))
}

const SEAL: Seal = Seal { checksum: 12, place: 40, uuid: 16, owner: 32, of_group: false };
const HEADER: usize = 56;
/// Longest link target: the format's own limit.
const MAX_TARGET: usize = 1024;
