//! A volume: its clusters, chains, and directories as entries of 32 bytes.
//!
//! The table says nothing of clusters that follow each other by their stream extension, and what it says of free
//! clusters may be old: a chain is judged by itself, and by the chains that were met before it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::bytes::{ByteSource, length};
use crate::exfat::bitmap::System;
use crate::exfat::boot::{self, Boot};
use crate::exfat::set::{Extension, FILE, IN_USE, Set};
use crate::fat::boot::corrupt;
use crate::fat::heap::{Heap, Run};
use crate::fat::table::{Bits, Next, Table, Width};
use crate::fat::volume::{Piece, Place, SLOT};
use crate::patient::{failed_again, failed_reads};
use crate::walk::{NodeId, SourceError};

/// An exFAT volume over some bytes.
pub(crate) struct Volume {
    pub(crate) boot: Boot,
    pub(crate) heap: Heap,
    pub(crate) table: Table,
    pub(crate) bytes: Arc<dyn ByteSource>,
    pub(crate) system: System,
    /// Directories by their first cluster, as the last listing told.
    directories: Mutex<HashMap<u32, (Place, Directory)>>,
    /// Clusters read as part of a directory.
    claims: Mutex<HashMap<u32, Claim>>,
    chains: Mutex<Chains>,
}

/// Where a directory stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Directory {
    /// First cluster.
    pub(crate) first: u32,
    /// Whether its clusters follow each other.
    contiguous: bool,
    /// Bytes; `None` for the root directory, which goes to the end of its chain.
    size: Option<u64>,
}

/// To which directory a cluster belongs, and its clusters before and after it.
#[derive(Clone, Copy)]
struct Claim {
    directory: u32,
    previous: Option<u32>,
    next: Option<u32>,
}

/// What was found of chains.
struct Chains {
    /// Who was first to begin at a cluster, what was found, and whether the medium did not give all that tells.
    known: HashMap<u32, (NodeId, Result<u64, String>, bool)>,
    /// Clusters of chains that were followed.
    taken: Bits,
}

impl Directory {
    /// The directory of an extension.
    pub(crate) fn new(extension: Extension) -> Self {
        Self { first: extension.first, contiguous: extension.contiguous, size: Some(extension.size) }
    }
}

impl Volume {
    /// Reads what belongs to the volume itself. Returns also what limits this reading.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the boot regions are damaged.
    pub(crate) fn open(bytes: Arc<dyn ByteSource>) -> Result<(Self, Vec<String>), SourceError> {
        let boot = boot::read(bytes.as_ref())?;
        let heap = boot.heap;
        let copies = vec![boot.table];
        let table = Table::open(Arc::clone(&bytes), copies, boot.table_length, Width::Whole, heap.clusters);
        let mut limits = boot.limits.clone();
        limits.extend(table.limits.iter().cloned());
        let taken = Bits::new(u64::from(heap.clusters).saturating_add(2));
        let mut volume = Self {
            boot,
            heap,
            table,
            bytes,
            system: System::default(),
            directories: Mutex::default(),
            claims: Mutex::default(),
            chains: Mutex::new(Chains { known: HashMap::new(), taken }),
        };
        volume.system = System::read(&volume);
        limits.append(&mut volume.system.limits);
        Ok((volume, limits))
    }

    /// The root directory.
    pub(crate) fn root(&self) -> Directory {
        Directory { first: self.boot.root, contiguous: false, size: None }
    }

    /// The slot at `place`.
    fn slot(&self, place: Place) -> Result<[u8; SLOT], SourceError> {
        let begin = self.heap.offset(place.cluster).ok_or_else(|| corrupt("an entry outside the volume"))?;
        if place.index >= self.slots_in_cluster() {
            return Err(corrupt("an entry outside its cluster"));
        }
        let mut slot = [0; SLOT];
        let within = u64::from(place.index).saturating_mul(length(SLOT));
        self.bytes.read_exact_at(begin.saturating_add(within), &mut slot)?;
        Ok(slot)
    }

    fn slots_in_cluster(&self) -> u32 {
        u32::try_from(self.heap.cluster / length(SLOT)).unwrap_or(u32::MAX)
    }

    /// The set of the item in use at `place`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where no such entry is there, or it cannot be read.
    pub(crate) fn set(&self, place: Place) -> Result<Set, SourceError> {
        let file = self.slot(place)?;
        if file[0] != FILE {
            return Err(corrupt("the entry is not in use"));
        }
        self.set_of(place, file)
    }

    /// The set of the deleted item at `place`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where no such entry is there, or it cannot be read.
    pub(crate) fn deleted_set(&self, place: Place) -> Result<Set, SourceError> {
        let file = self.slot(place)?;
        // Behind the mark that ends a directory, an entry may bear the mark of one in use.
        if file[0] | IN_USE != FILE {
            return Err(corrupt("the entry is not that of a deleted item"));
        }
        self.set_of(place, file)
    }

    fn set_of(&self, place: Place, file: [u8; SLOT]) -> Result<Set, SourceError> {
        let claim = lock(&self.claims).contains_key(&place.cluster);
        let listed = |at: u32| lock(&self.claims).get(&at).and_then(|claim| claim.next);
        let chained = |at: u32| match self.table.next(at) {
            Ok(Next::Cluster(next)) => Some(next),
            _ => None,
        };
        // Where no listing came by, it is not known how the directory goes on: what gives a sound set is right.
        let ways: [&dyn Fn(u32) -> Option<u32>; 2] =
            if claim { [&listed, &listed] } else { [&chained, &|at| at.checked_add(1)] };
        let mut set = Err(corrupt("the entry cannot be read"));
        for onward in ways {
            let gathered = self.gather(place, &file, onward);
            if gathered.is_sound() {
                return Ok(gathered);
            }
            set = set.or(Ok(gathered));
        }
        set
    }

    fn gather(&self, place: Place, file: &[u8; SLOT], onward: &dyn Fn(u32) -> Option<u32>) -> Set {
        let mut set = Set::new(place, *file, false);
        let mut at = place;
        // INVARIANT: a set has at most 256 entries, so this ends.
        while !set.is_whole() {
            at.index = at.index.saturating_add(1);
            if at.index >= self.slots_in_cluster() {
                match onward(at.cluster) {
                    Some(cluster) => at = Place { cluster, index: 0 },
                    None => break,
                }
            }
            if !self.slot(at).is_ok_and(|slot| set.push(&slot)) {
                break;
            }
        }
        set
    }

    /// Gives every slot of `directory`, in order. Returns what could not be read.
    ///
    /// A cluster belongs to the directory that was read first: all listings together read each cluster once for each
    /// directory that begins at it.
    pub(crate) fn slots(&self, directory: &Directory, each: &mut dyn FnMut(Piece<'_>)) -> Vec<String> {
        let mut issues = Vec::new();
        let first = directory.first;
        let mut left = self.heap.needed(directory.size.unwrap_or(MAX_DIRECTORY).min(MAX_DIRECTORY));
        if directory.size.is_some_and(|size| size > MAX_DIRECTORY) {
            issues.push(format!("a directory states more than {MAX_DIRECTORY} bytes; the rest is not read"));
        }
        let (mut at, mut previous) = (first, None);
        while left > 0 {
            left = left.saturating_sub(1);
            let fresh = Claim { directory: first, previous, next: None };
            // INVARIANT: a chain that returns to itself comes to a cluster from another side than before, and ends here.
            let mut claims = lock(&self.claims);
            let claim = *claims.entry(at).or_insert(fresh);
            if claim.directory != first || claim.previous != previous {
                issues.push(format!(
                    "a directory goes on at cluster {at}, which is already part of a directory; the rest is not read"
                ));
                return issues;
            }
            if let Some(claim) = previous.and_then(|before| claims.get_mut(&before)) {
                claim.next = Some(at);
            }
            drop(claims);
            self.cluster_slots(at, each, &mut issues);
            if left == 0 && directory.size.is_some() {
                return issues;
            }
            let what = match self.onward(directory, at) {
                Ok(Next::End) if directory.size.is_none() => return issues,
                Ok(Next::End) => format!("a directory ends {left} clusters before its size does"),
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
        if directory.size.is_none() {
            issues.push(format!(
                "the root directory has more than {MAX_DIRECTORY} bytes; the rest is not read"
            ));
        }
        issues
    }

    fn onward(&self, directory: &Directory, at: u32) -> Result<Next, SourceError> {
        if !directory.contiguous {
            return self.table.next(at);
        }
        let next = at.saturating_add(1);
        Ok(if self.heap.has(next) { Next::Cluster(next) } else { Next::Invalid(next) })
    }

    /// Gives the slots of one cluster: what cannot be read is a gap.
    fn cluster_slots(&self, cluster: u32, each: &mut dyn FnMut(Piece<'_>), issues: &mut Vec<String>) {
        let Some(begin) = self.heap.offset(cluster) else {
            issues.push(format!("a directory stands at cluster {cluster}, which does not exist"));
            return;
        };
        let mut at = 0;
        let mut part = vec![0; usize::try_from(self.heap.cluster.min(PART)).unwrap_or(SLOT)];
        while at < self.heap.cluster {
            let offset = begin.saturating_add(at);
            let index = u32::try_from(at / length(SLOT)).unwrap_or(u32::MAX);
            if self.bytes.read_exact_at(offset, &mut part).is_ok() {
                give(cluster, index, &part, each);
            } else {
                self.sectors(cluster, at, &mut part, each, issues);
            }
            at = at.saturating_add(length(part.len()));
        }
    }

    fn sectors(
        &self,
        cluster: u32,
        within: u64,
        part: &mut [u8],
        each: &mut dyn FnMut(Piece<'_>),
        issues: &mut Vec<String>,
    ) {
        let begin = self.heap.offset(cluster).unwrap_or(u64::MAX);
        let mut at = within;
        for sector in part.chunks_mut(usize::try_from(self.boot.sector).unwrap_or(SLOT).max(SLOT)) {
            match self.bytes.read_exact_at(begin.saturating_add(at), sector) {
                Ok(()) => give(cluster, u32::try_from(at / length(SLOT)).unwrap_or(u32::MAX), sector, each),
                Err(error) => {
                    each(Piece::Gap);
                    if issues.len() < MAX_ISSUES {
                        issues.push(format!("a part of a directory could not be read: {error}"));
                    }
                }
            }
            at = at.saturating_add(length(sector.len()));
        }
    }

    /// The clusters of an item: how many, or what is wrong with them.
    pub(crate) fn extent(&self, extension: Extension, id: NodeId) -> Result<u64, String> {
        let needed = self.heap.needed(extension.size);
        let directory = Directory::new(extension);
        self.clusters(&directory, needed, id)
    }

    /// The clusters of the root directory: how many, or what is wrong with them.
    pub(crate) fn root_extent(&self, id: NodeId) -> Result<u64, String> {
        self.clusters(&self.root(), 0, id)
    }

    fn clusters(&self, place: &Directory, needed: u64, id: NodeId) -> Result<u64, String> {
        let first = place.first;
        if first == 0 && needed == 0 {
            return Ok(0);
        }
        if !self.heap.has(first) {
            return Err(format!("its first cluster, {first}, does not exist"));
        }
        let mut chains = lock(&self.chains);
        if let Some((owner, known, wanting)) = chains.known.get(&first) {
            if *wanting {
                failed_again();
            }
            let shared = "it begins at the same cluster as another item".to_owned();
            return if *owner == id { known.clone() } else { Err(shared) };
        }
        let failed = failed_reads();
        let found = if place.contiguous {
            self.run(first, needed).map(|run| run.count.into())
        } else {
            self.chain(first, &mut chains.taken)
        };
        chains.known.insert(first, (id, found.clone(), failed_reads() > failed));
        found
    }

    /// Follows a chain to its end, or to a cluster of one that was followed before.
    fn chain(&self, first: u32, taken: &mut Bits) -> Result<u64, String> {
        let mut count = 0_u64;
        let mut at = first;
        loop {
            if !taken.insert(at) {
                return Err("its chain of clusters runs into another, or returns to itself".into());
            }
            count = count.saturating_add(1);
            match self.table.next(at) {
                Ok(Next::End) => return Ok(count),
                Ok(Next::Cluster(next)) => at = next,
                Ok(Next::Free) => return Err(format!("cluster {at} of its chain is marked as free")),
                Ok(Next::Bad) => return Err(format!("cluster {at} of its chain is marked as bad")),
                Ok(Next::Invalid(next)) => {
                    return Err(format!(
                        "cluster {at} of its chain leads to cluster {next}, which does not exist"
                    ));
                }
                Err(error) => {
                    return Err(format!("the chain cannot be followed beyond cluster {at}: {error}"));
                }
            }
        }
    }

    fn run(&self, first: u32, needed: u64) -> Result<Run, String> {
        let wrong = || format!("its {needed} clusters from {first} on lead out of the volume");
        let count = u32::try_from(needed).map_err(|_| wrong())?;
        let last = first.checked_add(count.saturating_sub(1)).filter(|last| self.heap.has(*last));
        last.map(|_| Run { start: first, count }).ok_or_else(wrong)
    }

    /// Where the content of `extension` stands.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where its clusters are not all there.
    pub(crate) fn runs(&self, extension: Extension) -> Result<Vec<Run>, SourceError> {
        let needed = self.heap.needed(extension.size);
        if needed == 0 {
            return Ok(Vec::new());
        }
        if !self.heap.has(extension.first) {
            return Err(corrupt(&format!("the first cluster, {}, does not exist", extension.first)));
        }
        if extension.contiguous {
            return Ok(vec![self.run(extension.first, needed).map_err(|what| corrupt(&what))?]);
        }
        self.table.follow(extension.first, needed)
    }

    /// Adds the clusters of an item to `reached`; returns how many were not there.
    pub(crate) fn reach(&self, directory: &Directory, reached: &mut Bits) -> u64 {
        let mut count = 0_u64;
        let mut left = directory.size.map_or(u64::MAX, |size| self.heap.needed(size));
        let mut at = directory.first;
        // INVARIANT: every step but the last takes a cluster that was not there: all items together cost the volume's clusters.
        while left > 0 && self.heap.has(at) {
            let next = self.onward(directory, at);
            if matches!(next, Ok(Next::Free | Next::Bad) | Err(_)) || !reached.insert(at) {
                break;
            }
            count = count.saturating_add(1);
            left = left.saturating_sub(1);
            match next {
                Ok(Next::Cluster(next)) => at = next,
                _ => break,
            }
        }
        count
    }

    /// Notes where a directory stands: the last listing tells.
    pub(crate) fn note_directory(&self, place: Place, directory: Directory) {
        lock(&self.directories).insert(directory.first, (place, directory));
    }

    /// The directory that begins at `first`, and where its entry stands.
    pub(crate) fn directory(&self, first: u32) -> Option<(Place, Directory)> {
        lock(&self.directories).get(&first).copied()
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

/// Most bytes of a directory, by the specification.
const MAX_DIRECTORY: u64 = 256 << 20;
/// Bytes of a directory that are read at once: a cluster can have 32 MiB.
const PART: u64 = 1 << 16;
/// Most issues of one directory's sectors: a longer list says no more.
const MAX_ISSUES: usize = 1000;
