//! Trees: blocks of sorted items, each block checked before anything in it is believed.
//!
//! ```text
//! (257 INODE_ITEM 0)  (257 INODE_REF 256)  (257 EXTENT_DATA 0)  (258 INODE_ITEM 0)  ...
//! ```

use std::sync::Arc;

use crate::btrfs::superblock::{Superblock, corrupt};
use crate::btrfs::volume::Volume;
use crate::field::{byte, le32, le64};
use crate::walk::SourceError;

/// Kinds of items, by the number in their keys.
pub(crate) mod kind {
    pub(crate) const INODE: u8 = 1;
    pub(crate) const ATTRIBUTE: u8 = 24;
    pub(crate) const ORPHAN: u8 = 48;
    pub(crate) const DIR_ITEM: u8 = 84;
    pub(crate) const DIR_INDEX: u8 = 96;
    pub(crate) const EXTENT_DATA: u8 = 108;
    pub(crate) const CHECKSUMS: u8 = 128;
    pub(crate) const ROOT: u8 = 132;
    pub(crate) const ROOT_REF: u8 = 156;
    pub(crate) const CHUNK: u8 = 228;
}

/// What items are sorted by.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Key {
    pub(crate) object: u64,
    pub(crate) kind: u8,
    pub(crate) offset: u64,
}

/// Length of a key.
pub(crate) const KEY: usize = 17;

impl Key {
    /// The key of these three.
    pub(crate) fn new(object: u64, kind: u8, offset: u64) -> Self {
        Self { object, kind, offset }
    }

    /// The key at `at`.
    pub(crate) fn parse(bytes: &[u8], at: usize) -> Option<Self> {
        let bytes = bytes.get(at..)?;
        Some(Self { object: le64(bytes, 0)?, kind: byte(bytes, 8)?, offset: le64(bytes, 9)? })
    }
}

/// Where a tree begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Root {
    pub(crate) at: u64,
    pub(crate) level: u8,
    pub(crate) generation: u64,
}

/// A tree block that was checked by itself.
pub(crate) struct Node {
    raw: Vec<u8>,
    level: u8,
    generation: u64,
    count: usize,
}

/// What the place that points to a tree block says of it. A block that is otherwise is damaged, or out of date.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) root: Root,
    /// Its first key; `None` at the root of a tree.
    first: Option<Key>,
    /// A key that is greater than all of its own.
    upper: Option<Key>,
}

impl Node {
    /// Checks the bytes of a tree block, read from logical address `at`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where its checksum does not fit, it belongs elsewhere, or it contradicts itself.
    pub(crate) fn parse(raw: Vec<u8>, at: u64, superblock: &Superblock) -> Result<Self, SourceError> {
        let wrong = |what: &str| corrupt(format!("the tree block at logical address {at} {what}"));
        if !superblock.checksum.fits(&raw, raw.get(CHECKSUM..).unwrap_or_default()) {
            return Err(wrong("does not fit its checksum"));
        }
        if raw.get(0x20..0x30) != Some(superblock.block_uuid.as_slice()) || le64(&raw, 0x30) != Some(at) {
            return Err(wrong("belongs elsewhere"));
        }
        let node = || {
            let count = usize::try_from(le32(&raw, 0x60)?).ok()?;
            Some((byte(&raw, 0x64)?, le64(&raw, 0x50)?, count))
        };
        let (level, generation, count) = node().ok_or_else(|| wrong("is cut short"))?;
        let node = Self { raw, level, generation, count };
        if level >= MAX_LEVELS || !node.is_sound() {
            return Err(wrong("contradicts itself"));
        }
        Ok(node)
    }

    /// Whether all entries lie inside the block, in strictly ascending order.
    fn is_sound(&self) -> bool {
        let mut last = None;
        (0..self.count).all(|index| {
            let Some(key) = self.key(index).filter(|key| last.is_none_or(|last| last < *key)) else {
                return false;
            };
            last = Some(key);
            if self.level == 0 { self.data(index).is_some() } else { self.pointer(index).is_some() }
        })
    }

    /// Whether this is what the place that points here says.
    pub(crate) fn is(&self, expected: &Expected) -> bool {
        let Expected { root, first, upper } = *expected;
        let last = self.count.checked_sub(1).and_then(|index| self.key(index));
        self.level == root.level
            && self.generation == root.generation
            && first.is_none_or(|first| self.key(0) == Some(first))
            && upper.is_none_or(|upper| last.is_some_and(|last| last < upper))
    }

    fn key(&self, index: usize) -> Option<Key> {
        Key::parse(&self.raw, self.place(index)?)
    }

    fn place(&self, index: usize) -> Option<usize> {
        let length = if self.level == 0 { ITEM } else { POINTER };
        (index < self.count).then(|| index.checked_mul(length)?.checked_add(HEADER)).flatten()
    }

    fn data(&self, index: usize) -> Option<&[u8]> {
        let place = self.place(index)?;
        let at = usize::try_from(le32(&self.raw, place.checked_add(KEY)?)?).ok()?.checked_add(HEADER)?;
        let length = usize::try_from(le32(&self.raw, place.checked_add(KEY + 4)?)?).ok()?;
        self.raw.get(at..at.checked_add(length)?)
    }

    fn pointer(&self, index: usize) -> Option<(Key, u64, u64)> {
        let place = self.place(index)?;
        let at = le64(&self.raw, place.checked_add(KEY)?)?;
        Some((self.key(index)?, at, le64(&self.raw, place.checked_add(KEY + 8)?)?))
    }

    /// Logical addresses of the blocks below; none at the lowest level.
    pub(crate) fn below(&self) -> impl Iterator<Item = u64> {
        let count = if self.level == 0 { 0 } else { self.count };
        (0..count).filter_map(|index| self.pointer(index).map(|(_, at, _)| at))
    }

    /// The child at `index`, where there is one; `upper` is what this node itself lies below.
    fn child(&self, index: usize, upper: Option<Key>) -> Option<Expected> {
        let (first, at, generation) = self.pointer(index)?;
        let root = Root { at, level: self.level.checked_sub(1)?, generation };
        let upper = index.checked_add(1).and_then(|next| self.key(next)).or(upper);
        Some(Expected { root, first: Some(first), upper })
    }

    /// How many entries come before `key`.
    fn before(&self, key: Key) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            if self.key(middle).is_some_and(|found| found < key) {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        low
    }

    /// The last entry that is not greater than `key`.
    fn floor(&self, key: Key) -> Option<usize> {
        let before = self.before(key);
        if self.key(before) == Some(key) { Some(before) } else { before.checked_sub(1) }
    }
}

/// An item in a tree.
pub(crate) struct Found {
    node: Arc<Node>,
    index: usize,
    /// Its key.
    pub(crate) key: Key,
}

impl Found {
    fn new(node: Arc<Node>, index: usize) -> Option<Self> {
        let key = node.key(index)?;
        Some(Self { node, index, key })
    }

    /// Its bytes.
    pub(crate) fn data(&self) -> &[u8] {
        self.node.data(self.index).unwrap_or_default()
    }
}

/// The items of a tree from a key on, in ascending order. A part of the tree that cannot be read is an error among
/// them, and what comes after it is given.
///
/// INVARIANT: levels fall by one on each step down, and each block's keys lie between those that its parent gives it.
/// So no block is entered twice, and a tree that contains itself comes to an end.
pub(crate) struct Items<'a> {
    volume: &'a Volume,
    from: Key,
    next: Option<Expected>,
    stack: Vec<Level>,
}

struct Level {
    node: Arc<Node>,
    index: usize,
    upper: Option<Key>,
}

impl Volume {
    /// The first block of the tree at `root`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where it cannot be read.
    pub(crate) fn first_block(&self, root: Root) -> Result<Arc<Node>, SourceError> {
        self.node(&Expected { root, first: None, upper: None })
    }

    /// The items of the tree at `root`, from `from` on.
    pub(crate) fn items(&self, root: Root, from: Key) -> Items<'_> {
        let next = Expected { root, first: None, upper: None };
        Items { volume: self, from, next: Some(next), stack: Vec::new() }
    }

    /// The first item at or after `from`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where it may be in a part of the tree that cannot be read.
    pub(crate) fn first(&self, root: Root, from: Key) -> Result<Option<Found>, SourceError> {
        self.items(root, from).next().transpose()
    }

    /// The item with the key `key`.
    ///
    /// # Errors
    ///
    /// As [`Volume::first`].
    pub(crate) fn find(&self, root: Root, key: Key) -> Result<Option<Found>, SourceError> {
        Ok(self.first(root, key)?.filter(|found| found.key == key))
    }

    /// The last item at or before `key`.
    ///
    /// # Errors
    ///
    /// As [`Volume::first`].
    pub(crate) fn floor(&self, root: Root, key: Key) -> Result<Option<Found>, SourceError> {
        let mut next = Expected { root, first: None, upper: None };
        loop {
            let node = self.node(&next)?;
            let Some(index) = node.floor(key) else { return Ok(None) };
            match node.child(index, next.upper) {
                Some(child) => next = child,
                None => return Ok(Found::new(node, index)),
            }
        }
    }
}

impl Iterator for Items<'_> {
    type Item = Result<Found, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(expected) = self.next.take() {
                let node = match self.volume.node(&expected) {
                    Ok(node) => node,
                    Err(error) => return Some(Err(error)),
                };
                let before = node.before(self.from);
                let index = if node.level == 0 { before } else { node.floor(self.from).unwrap_or(0) };
                self.stack.push(Level { node, index, upper: expected.upper });
            }
            let level = self.stack.last_mut()?;
            let index = level.index;
            level.index = index.saturating_add(1);
            if index >= level.node.count {
                self.stack.pop();
            } else if level.node.level == 0 {
                return Found::new(Arc::clone(&level.node), index).map(Ok);
            } else {
                self.next = level.node.child(index, level.upper);
            }
        }
    }
}

const CHECKSUM: usize = 32;
const HEADER: usize = 101;
const ITEM: usize = KEY + 8;
const POINTER: usize = KEY + 16;
/// Levels that a tree can have: btrfs's own bound.
const MAX_LEVELS: u8 = 8;
