//! A volume: tree blocks and data by logical address, from whichever copy is whole.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::btrfs::chunks::Chunks;
use crate::btrfs::superblock::{Superblock, corrupt};
use crate::btrfs::tree::{Expected, Key, Node, Root, kind};
use crate::bytes::{ByteSource, length};
use crate::walk::SourceError;

/// A btrfs file system over some bytes.
pub(crate) struct Volume {
    pub(crate) superblock: Superblock,
    bytes: Arc<dyn ByteSource>,
    chunks: Chunks,
    cache: Mutex<Cache>,
    pub(crate) limits: Vec<String>,
}

/// Tree blocks read last, in two halves: when the young half is full, the old one is forgotten.
#[derive(Default)]
struct Cache {
    young: HashMap<u64, Arc<Node>>,
    old: HashMap<u64, Arc<Node>>,
}

impl Volume {
    /// Reads the superblock and the chunk tree.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where they cannot be read, or this device alone is not enough.
    pub(crate) fn open(bytes: Arc<dyn ByteSource>) -> Result<Self, SourceError> {
        let (superblock, mut limits) = Superblock::read(bytes.as_ref())?;
        limits.extend(superblock.limits(bytes.len()));
        let chunks = Chunks::of_superblock(&superblock)?;
        let mut volume = Self { superblock, bytes, chunks, cache: Mutex::default(), limits };
        volume.refuse_parts()?;
        let mut chunks = Chunks::of_superblock(&volume.superblock)?;
        for found in volume.items(volume.superblock.chunk_root, Key::new(0, 0, 0)) {
            match found {
                Ok(found) if found.key.kind == kind::CHUNK => {
                    chunks.add(found.key.offset, found.data(), volume.superblock.device)?;
                }
                Ok(_) => {}
                Err(error) => return Err(corrupt(format!("the chunk tree cannot be read: {error}"))),
            }
        }
        volume.chunks = chunks;
        volume.refuse_parts()?;
        Ok(volume)
    }

    /// One device of several is read only where it holds a whole copy of everything.
    fn refuse_parts(&self) -> Result<(), SourceError> {
        let (all, missing) = self.chunks.count();
        if missing == 0 {
            return Ok(());
        }
        Err(SourceError::NoContent(format!(
            "a btrfs file system over {} devices, of which this is device {}: of {all} chunks {missing} are striped or stand on other devices",
            self.superblock.devices, self.superblock.device
        )))
    }

    /// A tree block, checked, and what the place that points to it expects.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where no copy is.
    pub(crate) fn node(&self, expected: &Expected) -> Result<Arc<Node>, SourceError> {
        let Root { at, generation, .. } = expected.root;
        if let Some(node) = self.cached(at).filter(|node| node.is(expected)) {
            return Ok(node);
        }
        let size = usize::try_from(self.superblock.node).unwrap_or_default();
        let mut last = corrupt(format!("no tree block at logical address {at}"));
        for place in self.chunks.places(at, self.superblock.node.into())? {
            match self.block(place, at, size) {
                Ok(node) if node.is(expected) => {
                    let node = Arc::new(node);
                    self.keep(at, Arc::clone(&node));
                    return Ok(node);
                }
                Ok(_) => {
                    last = corrupt(format!(
                        "the tree block at logical address {at} is not the one of generation {generation} that belongs there"
                    ));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn block(&self, place: u64, at: u64, size: usize) -> Result<Node, SourceError> {
        let mut raw = vec![0; size];
        self.bytes.read_exact_at(place, &mut raw)?;
        Node::parse(raw, at, &self.superblock)
    }

    /// Where on this device each copy of the tree block at logical address `at` stands.
    pub(crate) fn places(&self, at: u64) -> Vec<u64> {
        self.chunks.places(at, self.superblock.node.into()).unwrap_or_default()
    }

    fn cached(&self, at: u64) -> Option<Arc<Node>> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = cache.young.get(&at) {
            return Some(Arc::clone(node));
        }
        let node = cache.old.remove(&at)?;
        cache.young.insert(at, Arc::clone(&node));
        Some(node)
    }

    fn keep(&self, at: u64, node: Arc<Node>) {
        let half = (CACHE / 2).checked_div(self.superblock.node).unwrap_or(1);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if length(cache.young.len()) >= half.into() {
            cache.old = std::mem::take(&mut cache.young);
        }
        cache.young.insert(at, node);
    }

    /// Data at a logical address. With `checksums`, the root of their tree, each sector has to fit its own: what fits
    /// in no copy is an error, never data.
    ///
    /// # Errors
    ///
    /// [`SourceError`], with the logical address.
    pub(crate) fn data(
        &self,
        logical: u64,
        size: usize,
        checksums: Option<Root>,
    ) -> Result<Vec<u8>, SourceError> {
        let sector = usize::try_from(self.superblock.sector).unwrap_or(1);
        if !size.is_multiple_of(sector) || !logical.is_multiple_of(self.superblock.sector.into()) {
            return Err(corrupt(format!("{size} bytes at logical address {logical} are not whole sectors")));
        }
        let sums = checksums.map(|root| self.checksums(root, logical, size)).transpose()?;
        let places = self.chunks.places(logical, length(size))?;
        let mut data = vec![0; size];
        // The first copy as a whole; then what is wrong in it, sector by sector, from the others.
        let first = places.first().copied().unwrap_or_default();
        let is_read = self.bytes.read_exact_at(first, &mut data).is_ok();
        for (index, piece) in data.chunks_mut(sector).enumerate() {
            let skip = length(index.saturating_mul(sector));
            let sum = sums.as_ref().map(|sums| self.sum(sums, index));
            if is_read && sum.is_none_or(|sum| self.superblock.checksum.fits(sum, piece)) {
                continue;
            }
            self.sector(&places, skip, sum, piece).map_err(|what| {
                let at = logical.saturating_add(skip);
                corrupt(format!(
                    "{sector} bytes at logical address {at} {what}, in none of {} copies",
                    places.len()
                ))
            })?;
        }
        Ok(data)
    }

    /// One sector from the first copy that has it.
    fn sector(&self, places: &[u64], skip: u64, sum: Option<&[u8]>, piece: &mut [u8]) -> Result<(), String> {
        let mut last = String::new();
        for place in places {
            match self.bytes.read_exact_at(place.saturating_add(skip), piece) {
                Err(fault) => last = format!("cannot be read ({fault})"),
                Ok(()) if sum.is_none_or(|sum| self.superblock.checksum.fits(sum, piece)) => return Ok(()),
                Ok(()) => "do not fit their checksum".clone_into(&mut last),
            }
        }
        Err(last)
    }

    fn sum<'a>(&self, sums: &'a [u8], index: usize) -> &'a [u8] {
        let length = self.superblock.checksum.len();
        sums.get(index.saturating_mul(length)..).unwrap_or_default()
    }

    /// The checksums of `size` bytes from `logical`, one after the other.
    fn checksums(&self, root: Root, logical: u64, size: usize) -> Result<Vec<u8>, SourceError> {
        let (sector, width) = (u64::from(self.superblock.sector), self.superblock.checksum.len());
        let end = logical.saturating_add(length(size));
        let (mut at, mut sums) = (logical, Vec::new());
        while at < end {
            let missing = corrupt(format!("the data at logical address {at} has no checksum, and should"));
            let key = Key::new(CHECKSUM_OBJECT, kind::CHECKSUMS, at);
            let found = self
                .floor(root, key)
                .map_err(|error| corrupt(format!("the checksum tree cannot be read: {error}")))?;
            let found = found.filter(|found| (found.key.object, found.key.kind) == (key.object, key.kind));
            let Some(found) = found else { return Err(missing) };
            let skip = at.saturating_sub(found.key.offset).checked_div(sector).unwrap_or(0);
            let skip = usize::try_from(skip).unwrap_or(usize::MAX).saturating_mul(width);
            let want = usize::try_from(end.saturating_sub(at).checked_div(sector).unwrap_or(0)).unwrap_or(0);
            let held = found.data().get(skip..).unwrap_or_default().chunks_exact(width).take(want);
            let before = at;
            for sum in held {
                sums.extend(sum);
                at = at.saturating_add(sector);
            }
            if at == before {
                return Err(missing);
            }
        }
        Ok(sums)
    }
}

/// The object under which all checksums of data stand: -10.
const CHECKSUM_OBJECT: u64 = u64::MAX - 9;
/// Bytes of tree blocks kept: a walk goes through few blocks at a time, and a laptop has room for this many.
const CACHE: u32 = 16 << 20;
