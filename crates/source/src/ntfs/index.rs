//! Directories: the names in the index `$I30`.
//!
//! The index is a B+ tree. Its blocks are read in their order, by the bitmap
//! that says which are in use, and not by descending: nothing can loop, each
//! block is read once, and a damaged block costs its own names alone. Blocks
//! to which entries lead without the bitmap's knowledge are read too; what the
//! bitmap and the tree say of each other is compared.

use std::collections::{BTreeSet, HashSet};

use crate::field::{byte, le16, le32, le64};
use crate::ntfs::bits::Bits;
use crate::ntfs::corrupt;
use crate::ntfs::data::{Data, Disk};
use crate::ntfs::file::File;
use crate::ntfs::fixup;
use crate::ntfs::name::FileName;
use crate::ntfs::nodes::node_id;
use crate::ntfs::record::{Reference, kind};
use crate::walk::SourceError;
use crate::walker::{Link, Listing};

/// The names in a directory. Damage becomes issues; what can be read is given. At most `limit` names are kept, and one more.
pub(crate) fn list(disk: &Disk, file: &File, own: u64, limit: usize) -> Listing {
    let mut index = Index { own, limit, ..Index::default() };
    if let Err(error) = index.read(disk, file) {
        index.issues.push(format!("a directory could not be read to its end: {error}"));
    }
    // An 8.3 name that stands beside a longer one is an attribute of the item, not a further name.
    let named: HashSet<_> = index.links.iter().map(|link| link.node).collect();
    index
        .links
        .extend(std::mem::take(&mut index.short).into_iter().filter(|link| !named.contains(&link.node)));
    Listing { links: index.links, issues: index.issues, nameless: false }
}

#[derive(Default)]
struct Index {
    /// The directory's own record.
    own: u64,
    limit: usize,
    links: Vec<Link>,
    /// 8.3 names.
    short: Vec<Link>,
    issues: Vec<String>,
    /// Blocks to which entries lead.
    led: BTreeSet<u64>,
    /// Clusters, or sectors where a block is shorter, to a block's number.
    unit: u64,
    block: u64,
}

impl Index {
    fn read(&mut self, disk: &Disk, file: &File) -> Result<(), SourceError> {
        let found = file.find(kind::INDEX_ROOT, I30);
        let root = found.and_then(|(record, root)| record.resident(root));
        let root = root.ok_or_else(|| corrupt("the root of the index is missing"))?;
        self.block = le32(root, 8).unwrap_or(0).into();
        if le32(root, 0) != Some(kind::FILE_NAME)
            || !self.block.is_power_of_two()
            || !(512..=MAX_BLOCK).contains(&self.block)
        {
            return Err(corrupt("the root of the index contradicts itself"));
        }
        // Blocks are numbered in clusters, or in units of 512 bytes where a cluster is longer than a block.
        self.unit = if disk.boot.cluster <= self.block { disk.boot.cluster } else { 512 };
        let is_large = self.entries(root, 16)?;
        if !is_large && self.led.is_empty() && file.find(kind::INDEX_ALLOCATION, I30).is_none() {
            return Ok(());
        }
        let blocks = file.value(disk, kind::INDEX_ALLOCATION, I30)?;
        let count = blocks.size.min(blocks.mapped(disk)).checked_div(self.block).unwrap_or(0);
        if count > MAX_BLOCKS {
            self.issues.push(format!("a directory has {count} index blocks, of which {MAX_BLOCKS} are read"));
        }
        let count = count.min(MAX_BLOCKS);
        let bitmap = file.value(disk, kind::BITMAP, I30);
        let used: BTreeSet<u64> = match bitmap.and_then(|bitmap| Bits::read(disk, &bitmap, count)) {
            Ok(used) => used.numbers().collect(),
            Err(error) => {
                self.issues
                    .push(format!("a directory's bitmap could not be read: {error}; all blocks are read"));
                (0..count).collect()
            }
        };
        for number in &used {
            if self.is_full() {
                return Ok(());
            }
            self.block(disk, &blocks, *number);
        }
        let mut read = used.clone();
        while let Some(number) = self.led.difference(&read).next().copied() {
            if self.is_full() {
                return Ok(());
            }
            read.insert(number);
            if number < count {
                self.issues.push("an index block in use is not marked so in the bitmap; it is read".into());
                self.block(disk, &blocks, number);
            } else {
                self.issues.push("an entry leads beyond the end of the index".into());
            }
        }
        let loose = used.difference(&self.led).count();
        if loose > 0 {
            self.issues.push(format!(
                "{loose} index blocks are in use though no entry leads to them; they are read"
            ));
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.links.len().saturating_add(self.short.len()) > self.limit || self.issues.len() > MAX_ISSUES
    }

    fn block(&mut self, disk: &Disk, blocks: &Data, number: u64) {
        if let Err(error) = self.try_block(disk, blocks, number) {
            self.issues.push(format!("index block {number} could not be read: {error}"));
        }
    }

    fn try_block(&mut self, disk: &Disk, blocks: &Data, number: u64) -> Result<(), SourceError> {
        let mut raw = vec![0; usize::try_from(self.block).unwrap_or(0)];
        let offset = number.saturating_mul(self.block);
        if blocks.fill(disk, offset, &mut raw)? < raw.len() {
            return Err(corrupt("it is cut short"));
        }
        fixup::restore(&mut raw, b"INDX")?;
        if le64(&raw, 16).and_then(|place| place.checked_mul(self.unit)) != Some(offset) {
            return Err(corrupt("it belongs elsewhere"));
        }
        self.entries(&raw, 24).map(|_| ())
    }

    /// Reads the entries behind the header at `header`. Returns whether there are blocks below.
    fn entries(&mut self, raw: &[u8], header: usize) -> Result<bool, SourceError> {
        let cut = || corrupt("index entries are cut short");
        let node = raw.get(header..).ok_or_else(cut)?;
        let bound = |at| le32(node, at).and_then(|value| usize::try_from(value).ok());
        let (start, end) = (bound(0).ok_or_else(cut)?, bound(4).ok_or_else(cut)?);
        let flags = byte(node, 12).ok_or_else(cut)?;
        let mut rest = node.get(start..end).ok_or_else(cut)?;
        let mut wrong = 0_u64;
        loop {
            let size = usize::from(le16(rest, 8).ok_or_else(cut)?);
            let entry = rest.get(..size).filter(|entry| entry.len() >= 16).ok_or_else(cut)?;
            let flags_of_entry = le16(entry, 12).unwrap_or_default();
            if flags_of_entry & HAS_BLOCK != 0 {
                let place = size.checked_sub(8).and_then(|at| le64(entry, at)).unwrap_or(u64::MAX);
                let offset = place.saturating_mul(self.unit);
                self.led.insert(offset.checked_div(self.block).unwrap_or(u64::MAX));
            }
            if flags_of_entry & IS_LAST != 0 {
                break;
            }
            wrong = wrong.saturating_add(self.entry(entry).is_none().into());
            rest = rest.get(size..).unwrap_or_default();
        }
        if wrong > 0 {
            self.issues
                .push(format!("{wrong} index entries contradict themselves or belong to another directory"));
        }
        Ok(flags & 1 != 0)
    }

    /// Keeps an entry's name. `None` where there is none that can be believed.
    fn entry(&mut self, entry: &[u8]) -> Option<()> {
        let key = entry.get(16..usize::from(le16(entry, 10)?).checked_add(16)?)?;
        let (place, name) = (Reference::parse(entry, 0)?, FileName::parse(key)?);
        if name.parent.record != self.own {
            return None;
        }
        let link = Link { name: name.name(), node: node_id(place) };
        if name.is_short {
            self.short.push(link);
        } else if place.record != self.own || link.name != b"." {
            self.links.push(link);
        }
        Some(())
    }
}

/// The name of the index of names, in UTF-16.
pub(crate) const I30: &[u8] = b"$\0I\x003\x000\0";
const HAS_BLOCK: u16 = 0x1;
const IS_LAST: u16 = 0x2;
/// Longest index block: Windows writes 4 KiB, and a cluster where that is longer.
pub(crate) const MAX_BLOCK: u64 = 2 << 20;
/// Most index blocks of one directory: with names of usual length, more than the walk keeps at once.
const MAX_BLOCKS: u64 = 1 << 22;
/// A directory with more damage than this is given up: the issues would outgrow the report.
const MAX_ISSUES: usize = 1000;
