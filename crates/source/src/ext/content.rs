//! The bytes of an inode: mapped blocks, holes as zeros, or content inside the inode.

use std::io::{self, Read};
use std::sync::Arc;

use scope::facts::Kind;

use crate::bytes::length;
use crate::exact::{Content, Gap};
use crate::ext::inode::Inode;
use crate::ext::map::{Run, run};
use crate::ext::superblock::corrupt;
use crate::ext::volume::Volume;
use crate::ext::xattr;
use crate::walk::SourceError;

/// Reads an inode's content from its beginning to its declared size.
pub(crate) struct InodeReader {
    volume: Arc<Volume>,
    inode: Inode,
    position: u64,
    /// The run under the position, and the file's block at which it begins.
    current: Option<(u64, Run)>,
    inline: Option<Vec<u8>>,
}

impl InodeReader {
    /// A reader of `inode`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the content is encrypted, compressed, or inside the inode and damaged.
    pub(crate) fn new(volume: Arc<Volume>, inode: Inode) -> Result<Self, SourceError> {
        if inode.is_encrypted() {
            return Err(SourceError::NoContent(
                "encrypted by the file system (fscrypt), the key is not on the medium".into(),
            ));
        }
        if inode.is_compressed() {
            return Err(SourceError::NoContent("compressed by the file system (e2compr)".into()));
        }
        let inline = if inode.is_inline() { Some(inline(&volume, &inode)?) } else { None };
        Ok(Self { volume, inode, position: 0, current: None, inline })
    }

    fn step(&mut self, buf: &mut [u8]) -> Result<usize, SourceError> {
        let left = self.inode.size.saturating_sub(self.position);
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        let buf = buf.get_mut(..want).unwrap_or_default();
        if buf.is_empty() {
            return Ok(0);
        }
        if let Some(content) = &self.inline {
            let at = usize::try_from(self.position).unwrap_or(usize::MAX);
            let rest = content.get(at..).unwrap_or_default();
            // What a file's size goes beyond the inode is zeros, as Linux reads it; of a link or a folder it is damage.
            if rest.is_empty() && self.inode.kind() == Kind::File {
                buf.fill(0);
                return Ok(buf.len());
            }
            return Ok(io::Read::read(&mut &*rest, buf).unwrap_or(0));
        }
        let size = u64::from(self.volume.sb.block_size);
        let logical = self.position.checked_div(size).unwrap_or(0);
        let (first, run) = self.run_at(logical)?;
        let within = self.position.saturating_sub(first.saturating_mul(size));
        let room = run.blocks.saturating_mul(size).saturating_sub(within);
        let take = usize::try_from(room).unwrap_or(usize::MAX).min(buf.len());
        let buf = buf.get_mut(..take).unwrap_or_default();
        match run.start {
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
        let found = (logical, run(&self.volume, &self.inode, logical)?);
        self.current = Some(found);
        Ok(found)
    }
}

impl Read for InodeReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.step(buf).map_err(io::Error::other)?;
        self.position = self.position.saturating_add(length(count));
        Ok(count)
    }
}

impl Content for InodeReader {
    fn gap(&self) -> Gap {
        Gap::Unknown
    }

    fn skip(&mut self, count: u64) {
        self.position = self.position.saturating_add(count);
    }
}

/// The whole content of a small inode.
///
/// # Errors
///
/// [`SourceError`] where it is longer than `limit` or ends early.
pub(crate) fn read_small(volume: &Arc<Volume>, inode: &Inode, limit: u64) -> Result<Vec<u8>, SourceError> {
    if inode.size > limit {
        return Err(corrupt("content longer than its kind allows"));
    }
    let mut reader = InodeReader::new(Arc::clone(volume), inode.clone())?;
    let mut bytes = vec![0; usize::try_from(inode.size).map_err(|_| corrupt("longer than memory"))?];
    let mut done = 0;
    while done < bytes.len() {
        let count = reader.step(bytes.get_mut(done..).unwrap_or_default())?;
        if count == 0 {
            return Err(corrupt("content ends before its size"));
        }
        reader.position = reader.position.saturating_add(length(count));
        done = done.saturating_add(count);
    }
    Ok(bytes)
}

/// Content inside the inode: 60 bytes in place of block numbers, the rest in the attribute `system.data`.
pub(crate) fn inline(volume: &Arc<Volume>, inode: &Inode) -> Result<Vec<u8>, SourceError> {
    let mut bytes = inode.blocks.to_vec();
    if let Some(rest) = xattr::inline_rest(volume, inode)? {
        bytes.extend(rest);
    }
    Ok(bytes)
}
