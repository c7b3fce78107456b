//! The file allocation table: which cluster follows which. FAT and exFAT share this.
//!
//! ```text
//! entry of cluster 5    6          cluster 6 follows
//! entry of cluster 6    0xFFF8     the chain ends here
//! entry of cluster 7    0          free
//! ```
//!
//! A scan of the whole table at the beginning finds the clusters to which more than one entry
//! points. A chain that meets none of them, and begins where none points, cannot return to itself and
//! shares nothing: this bounds all later work by the number of clusters.

mod windows;

use std::sync::{Arc, Mutex};

use crate::bytes::ByteSource;
use crate::fat::boot::corrupt;
use crate::fat::heap::Run;
use crate::field::{le16, le32};
use crate::walk::SourceError;

use windows::{WINDOW, Window};

/// How entries are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Width {
    Twelve,
    Sixteen,
    /// 28 bits; the upper four are kept for others.
    ThirtyTwo,
    /// 32 bits, as in exFAT.
    Whole,
}

impl Width {
    /// Bits of an entry.
    pub(crate) fn bits(self) -> u64 {
        match self {
            Self::Twelve => 12,
            Self::Sixteen => 16,
            Self::ThirtyTwo | Self::Whole => 32,
        }
    }

    /// The file system's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Twelve => "fat12",
            Self::Sixteen => "fat16",
            Self::ThirtyTwo => "fat32",
            Self::Whole => "exfat",
        }
    }

    /// The mark of a cluster that cannot be used; what is above marks the end of a chain.
    fn bad(self) -> u32 {
        match self {
            Self::Twelve => 0xFF7,
            Self::Sixteen => 0xFFF7,
            Self::ThirtyTwo => 0x0FFF_FFF7,
            Self::Whole => 0xFFFF_FFF7,
        }
    }

    /// Most clusters that can have numbers.
    pub(crate) fn most(self) -> u32 {
        self.bad().saturating_sub(2)
    }
}

/// What an entry says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    Free,
    Cluster(u32),
    Bad,
    End,
    /// A number that no cluster has.
    Invalid(u32),
}

/// How far a chain goes by itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Extent {
    /// Clusters up to its end, or to where it stops being sound.
    pub(crate) clusters: u64,
    /// What is wrong; `None` where the chain ends as it should.
    pub(crate) wrong: Option<String>,
}

/// The table of a volume.
pub(crate) struct Table {
    bytes: Arc<dyn ByteSource>,
    /// Offsets: the copy in use, then its mirrors.
    copies: Vec<u64>,
    /// Bytes of one copy.
    length: u64,
    width: Width,
    clusters: u32,
    window: Mutex<Option<(u64, Arc<Window>)>>,
    /// Clusters to which some entry points.
    pointed: Bits,
    /// Clusters to which more than one entry points.
    joined: Bits,
    /// Clusters in use, without those marked bad.
    pub(crate) used: u64,
    pub(crate) free: u64,
    pub(crate) bad: u64,
    /// What the scan found, in sentences.
    pub(crate) limits: Vec<String>,
}

/// A set of cluster numbers.
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// An empty set of numbers below `end`.
    pub(crate) fn new(end: u64) -> Self {
        Self(vec![0; usize::try_from(end.div_ceil(64)).unwrap_or(0)])
    }

    /// Adds a number. Returns whether it was not there.
    pub(crate) fn insert(&mut self, number: u32) -> bool {
        let bit = 1 << (number % 64);
        match self.0.get_mut(usize::try_from(number / 64).unwrap_or(usize::MAX)) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                true
            }
            _ => false,
        }
    }

    /// Whether a number is there.
    pub(crate) fn has(&self, number: u32) -> bool {
        let word = self.0.get(usize::try_from(number / 64).unwrap_or(usize::MAX));
        word.is_some_and(|word| word & 1 << (number % 64) != 0)
    }
}

impl Table {
    /// Reads the whole table once. `copies` are offsets of tables of `length` bytes for `clusters` clusters.
    pub(crate) fn open(
        bytes: Arc<dyn ByteSource>,
        copies: Vec<u64>,
        length: u64,
        width: Width,
        clusters: u32,
    ) -> Self {
        let held = copies.first().map_or(0, |first| bytes.len().saturating_sub(*first).min(length));
        // Entries beyond the medium's end cannot be read: no memory is set aside for them.
        let readable = held.saturating_mul(8) / width.bits();
        let numbers = u64::from(clusters).saturating_add(2).min(readable);
        let mut table = Self {
            bytes,
            copies,
            length,
            width,
            clusters,
            window: Mutex::new(None),
            pointed: Bits::new(numbers),
            joined: Bits::new(numbers),
            used: 0,
            free: 0,
            bad: 0,
            limits: Vec::new(),
        };
        table.scan(numbers);
        table
    }

    fn scan(&mut self, numbers: u64) {
        let all = u64::from(self.clusters).saturating_add(2);
        let mut unread = all.saturating_sub(numbers);
        for number in 2..u32::try_from(numbers).unwrap_or(u32::MAX) {
            match self.next(number) {
                Err(_) => unread = unread.saturating_add(1),
                Ok(Next::Free) => self.free = self.free.saturating_add(1),
                Ok(Next::Bad) => self.bad = self.bad.saturating_add(1),
                Ok(next) => {
                    self.used = self.used.saturating_add(1);
                    if let Next::Cluster(next) = next
                        && !self.pointed.insert(next)
                    {
                        self.joined.insert(next);
                    }
                }
            }
        }
        if unread != 0 {
            self.limits
                .push(format!("{unread} of {all} entries of the file allocation table cannot be read"));
        }
        if self.bad != 0 {
            self.limits.push(format!("{} clusters are marked as bad", self.bad));
        }
        let end = (numbers.saturating_mul(self.width.bits()) / 8).min(self.length);
        let found = windows::compare(self.bytes.as_ref(), &self.copies, end);
        self.limits.extend(found.limits());
    }

    /// The entry of `cluster`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where there is no such entry, or no copy of it can be read.
    pub(crate) fn next(&self, cluster: u32) -> Result<Next, SourceError> {
        if !self.has(cluster) {
            return Err(corrupt("a cluster outside the volume"));
        }
        let raw = match self.width {
            // An entry of 12 bits can stand in two windows; nothing else can.
            Width::Twelve => {
                let at = u64::from(cluster).saturating_mul(3) / 2;
                let pair = u16::from_le_bytes([self.byte(at)?, self.byte(at.saturating_add(1))?]);
                u32::from(if cluster.is_multiple_of(2) { pair & 0xFFF } else { pair >> 4 })
            }
            Width::Sixteen => {
                le16(&self.part(u64::from(cluster).saturating_mul(2))?, 0).map(u32::from).ok_or_else(cut)?
            }
            Width::ThirtyTwo => {
                le32(&self.part(u64::from(cluster).saturating_mul(4))?, 0).ok_or_else(cut)? & 0x0FFF_FFFF
            }
            Width::Whole => le32(&self.part(u64::from(cluster).saturating_mul(4))?, 0).ok_or_else(cut)?,
        };
        Ok(match raw {
            0 => Next::Free,
            raw if self.has(raw) => Next::Cluster(raw),
            raw if raw == self.width.bad() => Next::Bad,
            raw if raw > self.width.bad() => Next::End,
            raw => Next::Invalid(raw),
        })
    }

    /// The first two entries, which belong to no cluster: the second holds the volume's state.
    pub(crate) fn state(&self) -> Option<u32> {
        match self.width {
            Width::Sixteen => self.part(2).ok().and_then(|part| le16(&part, 0)).map(u32::from),
            Width::ThirtyTwo => self.part(4).ok().and_then(|part| le32(&part, 0)),
            Width::Twelve | Width::Whole => None,
        }
    }

    fn has(&self, cluster: u32) -> bool {
        cluster.checked_sub(2).is_some_and(|index| index < self.clusters)
    }

    fn byte(&self, at: u64) -> Result<u8, SourceError> {
        self.part(at).map(|[byte, ..]| byte)
    }

    /// The four bytes of the table from `at` on, zeros where it or the window ends: an entry of two or four bytes stands in one sector.
    fn part(&self, at: u64) -> Result<[u8; 4], SourceError> {
        let begin = at.saturating_sub(at % WINDOW);
        let within = usize::try_from(at % WINDOW).unwrap_or(usize::MAX);
        let mut cached = self.window.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((known, window)) = cached.as_ref()
            && *known == begin
        {
            return window.part(within);
        }
        let window = Arc::new(Window::read(self.bytes.as_ref(), &self.copies, begin, self.length)?);
        let part = window.part(within);
        *cached = Some((begin, window));
        part
    }

    /// Whether the chain from `start` is alone with its clusters, and how long it is.
    ///
    /// It is followed no further than to a cluster that several entries point to, so that all chains of a volume together
    /// cost no more than its clusters.
    pub(crate) fn extent(&self, start: u32) -> Extent {
        let mut clusters = 0;
        let mut at = start;
        if self.pointed.has(start) {
            return Extent { clusters, wrong: Some("its first cluster is in the middle of a chain".into()) };
        }
        let wrong = loop {
            let next = match self.next(at) {
                Ok(Next::Free) => break Some(format!("cluster {at} of its chain is marked as free")),
                Ok(Next::Bad) => break Some(format!("cluster {at} of its chain is marked as bad")),
                Err(error) => {
                    break Some(format!("the chain cannot be followed beyond cluster {at}: {error}"));
                }
                Ok(next) => next,
            };
            clusters += 1;
            match next {
                Next::Cluster(next) if self.joined.has(next) => {
                    break Some("its chain of clusters runs into another, or returns to itself".into());
                }
                Next::Cluster(next) => at = next,
                Next::Invalid(next) => {
                    break Some(format!(
                        "cluster {at} of its chain leads to cluster {next}, which does not exist"
                    ));
                }
                _ => break None,
            }
        };
        Extent { clusters, wrong }
    }

    /// The first `needed` clusters of the chain from `start`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the chain is shorter, leads out of the volume or into free clusters, or returns to itself.
    pub(crate) fn follow(&self, start: u32, needed: u64) -> Result<Vec<Run>, SourceError> {
        let mut runs: Vec<Run> = Vec::new();
        if needed > u64::from(self.clusters) {
            return Err(corrupt(&format!("{needed} clusters are needed, the volume has {}", self.clusters)));
        }
        let mut at = start;
        for done in 0..needed {
            let next = match self.next(at)? {
                Next::Free | Next::Bad => {
                    return Err(corrupt(&format!(
                        "the chain has {done} of {needed} clusters, then a free or bad one"
                    )));
                }
                next => next,
            };
            let pieces = runs.len();
            match runs.last_mut() {
                Some(run) if run.start.checked_add(run.count) == Some(at) => {
                    run.count = run.count.saturating_add(1)
                }
                _ if pieces >= MAX_RUNS => return Err(corrupt("a chain of more pieces than are read")),
                _ => runs.push(Run { start: at, count: 1 }),
            }
            let done = done.saturating_add(1);
            match next {
                Next::Cluster(next) => at = next,
                _ if done == needed => {}
                _ => return Err(corrupt(&format!("the chain ends after {done} of {needed} clusters"))),
            }
        }
        distinct(&runs)?;
        Ok(runs)
    }
}

/// # Errors
///
/// [`SourceError`] where a cluster stands in `runs` twice.
fn distinct(runs: &[Run]) -> Result<(), SourceError> {
    let mut sorted = runs.to_vec();
    sorted.sort_unstable();
    let overlap = |pair: &[Run]| match pair {
        [first, second] => first.start.saturating_add(first.count) > second.start,
        _ => false,
    };
    if sorted.windows(2).any(overlap) {
        return Err(corrupt("the chain of clusters returns to itself"));
    }
    Ok(())
}

pub(super) fn cut() -> SourceError {
    corrupt("the file allocation table is cut short")
}

/// Most pieces of one file: 128 MiB of memory. The worst real volumes have some thousands.
const MAX_RUNS: usize = 1 << 24;
