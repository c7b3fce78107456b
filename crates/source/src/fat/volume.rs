//! A volume: its table, and its directories as slots of 32 bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::bytes::{ByteSource, length};
use crate::fat::boot::{self, Boot, corrupt};
use crate::fat::heap::Heap;
use crate::fat::table::{Next, Table, Width};
use crate::walk::{NodeId, SourceError};

/// A FAT volume over some bytes.
pub(crate) struct Volume {
    pub(crate) boot: Boot,
    pub(crate) heap: Heap,
    pub(crate) table: Table,
    pub(crate) bytes: Arc<dyn ByteSource>,
    /// Where the entry of a directory stands, by the directory's first cluster.
    directories: Mutex<HashMap<u32, Place>>,
    /// Which item was the first to begin at a cluster.
    owners: Mutex<HashMap<u32, NodeId>>,
    /// Clusters read as part of a directory.
    claims: Mutex<HashMap<u32, Claim>>,
}

/// Where a slot stands: in a cluster, or in the fixed root directory, which is cluster 0 here.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Place {
    pub(crate) cluster: u32,
    pub(crate) index: u32,
}

/// To which directory a cluster belongs, and the directory's cluster before it.
#[derive(Clone, Copy)]
struct Claim {
    directory: u32,
    previous: Option<u32>,
}

/// A slot, or bytes of a directory that could not be read.
pub(crate) enum Piece<'a> {
    Slot(Place, &'a [u8; SLOT]),
    Gap,
}

/// Bytes of a slot.
pub(crate) const SLOT: usize = 32;

impl Place {
    /// The place as one number.
    pub(crate) fn number(self) -> u64 {
        u64::from(self.cluster) << 32 | u64::from(self.index)
    }

    /// The place of a number.
    pub(crate) fn of(number: u64) -> Option<Self> {
        Some(Self {
            cluster: u32::try_from(number >> 32).ok()?,
            index: u32::try_from(number & 0xFFFF_FFFF).ok()?,
        })
    }
}

impl Volume {
    /// Reads the boot sector and the table. Returns also what limits this reading.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the boot sector is damaged.
    pub(crate) fn open(bytes: Arc<dyn ByteSource>) -> Result<(Self, Vec<String>), SourceError> {
        let raw = boot::read(bytes.as_ref())?;
        let boot = Boot::parse(&raw, bytes.len())?;
        let table = Table::open(Arc::clone(&bytes), boot.tables(), boot.table, boot.width, boot.clusters);
        let mut limits = boot.limits(&raw, bytes.as_ref(), table.free);
        limits.extend(table.limits.iter().cloned());
        let (clean, sound) = match boot.width {
            Width::Sixteen => (0x8000, 0x4000),
            _ => (0x0800_0000, 0x0400_0000),
        };
        if let Some(state) = table.state() {
            if state & clean == 0 {
                limits.push("the file allocation table marks the volume as not unmounted cleanly".into());
            }
            if state & sound == 0 {
                limits.push("the file allocation table marks the volume as one with disk errors".into());
            }
        }
        let volume = Self {
            heap: boot.heap(),
            boot,
            table,
            bytes,
            directories: Mutex::default(),
            owners: Mutex::default(),
            claims: Mutex::default(),
        };
        Ok((volume, limits))
    }

    /// The slot at `place`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where there is no such slot, or it cannot be read.
    pub(crate) fn slot(&self, place: Place) -> Result<[u8; SLOT], SourceError> {
        let (begin, room) =
            self.block(place.cluster).ok_or_else(|| corrupt("an entry outside the volume"))?;
        let within = u64::from(place.index).saturating_mul(length(SLOT));
        if within >= room {
            return Err(corrupt("an entry outside its cluster"));
        }
        let mut slot = [0; SLOT];
        self.bytes.read_exact_at(begin.saturating_add(within), &mut slot)?;
        Ok(slot)
    }

    /// The slot before `place` in its directory, where a listing came by.
    pub(crate) fn slot_before(&self, place: Place) -> Option<[u8; SLOT]> {
        let before = match place.index.checked_sub(1) {
            Some(index) => Place { cluster: place.cluster, index },
            None => {
                let cluster = lock(&self.claims).get(&place.cluster)?.previous?;
                let slots = self.heap.cluster / length(SLOT);
                Place { cluster, index: u32::try_from(slots).ok()?.checked_sub(1)? }
            }
        };
        self.slot(before).ok()
    }

    /// Offset and length of a cluster, or of the fixed root directory.
    fn block(&self, cluster: u32) -> Option<(u64, u64)> {
        match cluster {
            0 if self.boot.root_entries == 0 => None,
            0 => Some((
                self.boot.root_offset(),
                u64::from(self.boot.root_entries).saturating_mul(length(SLOT)),
            )),
            _ => Some((self.heap.offset(cluster)?, self.heap.cluster)),
        }
    }

    /// Gives every slot of the directory that begins at cluster `first`, in order. Returns what could not be read.
    ///
    /// A cluster belongs to the directory that was read first: all listings together read each cluster once for each
    /// directory that begins at it, and once more for the end of a damaged one.
    pub(crate) fn slots(&self, first: u32, each: &mut dyn FnMut(Piece<'_>)) -> Vec<String> {
        let mut issues = Vec::new();
        let (mut at, mut previous) = (first, None);
        loop {
            // INVARIANT: a chain that returns to itself comes to a cluster from another side than before, and ends here.
            let claim = *lock(&self.claims).entry(at).or_insert(Claim { directory: first, previous });
            if claim.directory != first || claim.previous != previous {
                issues.push(format!(
                    "a directory goes on at cluster {at}, which is already part of a directory; the rest is not read"
                ));
                return issues;
            }
            self.block_slots(at, each, &mut issues);
            if first == 0 {
                return issues;
            }
            let what = match self.table.next(at) {
                Ok(Next::End) => return issues,
                Ok(Next::Cluster(next)) => {
                    (previous, at) = (Some(at), next);
                    continue;
                }
                Ok(Next::Free) => {
                    format!("cluster {at} of a directory is marked as free; what follows is not read")
                }
                Ok(Next::Bad) => {
                    format!("cluster {at} of a directory is marked as bad; what follows is not read")
                }
                Ok(Next::Invalid(next)) => {
                    format!("a directory goes on at cluster {next}, which does not exist")
                }
                Err(error) => format!("a directory could not be read to its end: {error}"),
            };
            issues.push(what);
            return issues;
        }
    }

    /// Gives the slots of one cluster: sector by sector where it cannot be read at once.
    fn block_slots(&self, cluster: u32, each: &mut dyn FnMut(Piece<'_>), issues: &mut Vec<String>) {
        let Some((begin, room)) = self.block(cluster) else {
            issues.push(format!("a directory stands at cluster {cluster}, which does not exist"));
            return;
        };
        let mut buf = vec![0; usize::try_from(room).unwrap_or(0)];
        if self.bytes.read_exact_at(begin, &mut buf).is_ok() {
            give(cluster, 0, &buf, each);
            return;
        }
        let sector = usize::try_from(self.boot.sector).unwrap_or(SLOT).max(SLOT);
        for (number, part) in buf.chunks_mut(sector).enumerate() {
            let skip = number.saturating_mul(sector);
            match self.bytes.read_exact_at(begin.saturating_add(length(skip)), part) {
                Ok(()) => give(cluster, u32::try_from(skip / SLOT).unwrap_or(u32::MAX), part, each),
                Err(error) => {
                    each(Piece::Gap);
                    if issues.len() < MAX_ISSUES {
                        issues.push(format!("a part of a directory could not be read: {error}"));
                    }
                }
            }
        }
    }

    /// Notes where the entry of a directory stands: the last listing tells.
    pub(crate) fn note_directory(&self, first: u32, place: Place) {
        lock(&self.directories).insert(first, place);
    }

    /// Where the entry of the directory that begins at `first` stands.
    pub(crate) fn directory(&self, first: u32) -> Option<Place> {
        lock(&self.directories).get(&first).copied()
    }

    /// Whether `id` is the first item that begins at cluster `first`.
    pub(crate) fn is_owner(&self, first: u32, id: NodeId) -> bool {
        *lock(&self.owners).entry(first).or_insert(id) == id
    }
}

fn give(cluster: u32, first: u32, bytes: &[u8], each: &mut dyn FnMut(Piece<'_>)) {
    let mut index = first;
    for slot in bytes.as_chunks::<SLOT>().0 {
        each(Piece::Slot(Place { cluster, index }, slot));
        index = index.saturating_add(1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is inside is whole at every moment: a panic elsewhere does not make it wrong.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Most issues of one directory's sectors: a longer list says no more.
const MAX_ISSUES: usize = 1000;
