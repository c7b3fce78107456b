//! A volume: which of its trees is read, and directories as records.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::bytes::{ByteSource, length};
use crate::field::{byte, le16, le32};
use crate::iso::content::Extent;
use crate::iso::descriptor::{Descriptor, Found, SECTOR, corrupt};
use crate::iso::record::Record;
use crate::iso::rock::Rock;
use crate::walk::SourceError;

/// An ISO 9660 volume over some bytes.
pub(crate) struct Volume {
    pub(crate) bytes: Arc<dyn ByteSource>,
    /// The descriptor of the tree that is read.
    pub(crate) tree: Descriptor,
    pub(crate) names: Names,
    /// Position of the record of a directory, by the directory's first block.
    directories: Mutex<HashMap<u64, u64>>,
    /// Bytes that were read as directories: beginning and end.
    claims: Mutex<BTreeMap<u64, u64>>,
    /// First blocks of moved directories: those met where they were moved to, and those met at their place.
    pub(crate) moved: Mutex<HashSet<u64>>,
    pub(crate) placed: Mutex<HashSet<u64>>,
}

/// How names are found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Names {
    /// By Rock Ridge, whose entries begin after `skip` bytes.
    Rock {
        skip: usize,
    },
    Joliet,
    Plain,
}

impl Volume {
    /// Chooses the tree. Returns also what limits this reading.
    pub(crate) fn open(bytes: Arc<dyn ByteSource>, found: &Found) -> (Self, Vec<String>) {
        let mut limits = found.limits.clone();
        let mut volume = Self {
            bytes,
            tree: found.primary.clone(),
            names: Names::Plain,
            directories: Mutex::default(),
            claims: Mutex::default(),
            moved: Mutex::default(),
            placed: Mutex::default(),
        };
        match volume.root_entries() {
            Ok(rock) if rock.is_rock_ridge() => {
                volume.names = Names::Rock { skip: rock.skip.unwrap_or(0) };
                if rock.has_lists {
                    limits.push("access lists and extended attributes (AAIP) are not read".into());
                }
            }
            Ok(_) => {}
            // Which tree is read, and so every name, must not hang on one sector.
            Err(error) => match volume.skip_elsewhere() {
                Some(skip) => {
                    volume.names = Names::Rock { skip };
                    limits.push(format!(
                        "the root's first record cannot be read; that the volume has Rock Ridge is known by another directory: {error}"
                    ));
                }
                None => limits.push(format!(
                    "the root's first record cannot be read, so that Rock Ridge would not be seen: {error}"
                )),
            },
        }
        match (&found.joliet, volume.names) {
            (Some(_), Names::Rock { .. }) => limits.push(
                "the volume also has a Joliet tree, which is not walked; the tree with Rock Ridge is".into(),
            ),
            (Some(joliet), _) => {
                volume.tree = joliet.clone();
                volume.names = Names::Joliet;
                limits.push(
                    "the volume also has a primary tree with plain names, which is not walked; the Joliet tree is"
                        .into(),
                );
            }
            (None, _) => {}
        }
        (volume, limits)
    }

    /// The entries of the root's record of itself, which may stand behind those of CD-ROM XA.
    fn root_entries(&self) -> Result<Rock, SourceError> {
        let own = self.record(self.offset(self.tree.root.start))?;
        let read = |skip: usize| {
            Rock::read(self.bytes.as_ref(), self.tree.block, own.system_use.get(skip..).unwrap_or_default())
        };
        let rock = read(0);
        Ok(if rock.skip.is_some() { rock } else { read(XA) })
    }

    /// What is skipped before Rock Ridge's entries, by the first records of other directories; `None` where none of them has such.
    fn skip_elsewhere(&self) -> Option<usize> {
        let others = self.table_directories()?.into_iter().skip(1).take(MAX_OTHERS);
        let records = others.filter_map(|start| self.record(self.offset(start.into())).ok());
        let of = |record: Record| {
            let has_mode = |skip: &usize| {
                let entries = record.system_use.get(*skip..).unwrap_or_default();
                Rock::read(self.bytes.as_ref(), self.tree.block, entries).mode.is_some()
            };
            [0, XA].into_iter().find(has_mode)
        };
        records.filter(Record::is_dots).find_map(of)
    }

    /// Offset of a block.
    pub(crate) fn offset(&self, block: u64) -> u64 {
        block.saturating_mul(self.tree.block)
    }

    /// The record at `position`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where none is there, or it cannot be read.
    pub(crate) fn record(&self, position: u64) -> Result<Record, SourceError> {
        let room =
            sector_end(position).saturating_sub(position).min(self.bytes.len().saturating_sub(position));
        let mut raw = vec![0; usize::try_from(room).unwrap_or(0).min(MAX_RECORD)];
        self.bytes.read_exact_at(position, &mut raw)?;
        Record::parse(&raw).map_err(|what| corrupt(&format!("a directory record: {what}")))
    }

    /// The Rock Ridge entries of a record; none where they are not read. `is_root_own` is the root's record of itself.
    pub(crate) fn rock(&self, record: &Record, is_root_own: bool) -> Rock {
        let Names::Rock { skip } = self.names else { return Rock::default() };
        let entries = match is_root_own {
            // The entry that states the skip is not behind it.
            true if record.system_use.starts_with(b"SP") => record.system_use.as_slice(),
            true => record.system_use.get(XA..).unwrap_or_default(),
            false => record.system_use.get(skip..).unwrap_or_default(),
        };
        Rock::read(self.bytes.as_ref(), self.tree.block, entries)
    }

    /// The extents of the item whose first record is `first`, at `position`: later ones stand in the records that follow.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where a record is missing.
    pub(crate) fn extents(&self, position: u64, first: &Record) -> Result<Vec<Extent>, SourceError> {
        let extent =
            |record: &Record| Extent { offset: self.offset(record.start), length: record.size.into() };
        let mut extents = vec![extent(first)];
        let (mut at, mut has_more, mut room) = (position, first.has_more(), first.length);
        while has_more {
            if extents.len() >= MAX_EXTENTS {
                return Err(corrupt("more extents than are read"));
            }
            at = self.behind(at, room)?;
            let record = self.record(at)?;
            if record.identifier != first.identifier {
                return Err(corrupt(&format!("its content has {} extents and should go on", extents.len())));
            }
            if record.interleaved || record.sequence != first.sequence {
                return Err(corrupt("one of its extents is interleaved, or on another disc"));
            }
            extents.push(extent(&record));
            (has_more, room) = (record.has_more(), record.length);
        }
        Ok(extents)
    }

    /// Position of the record behind the one at `position`.
    fn behind(&self, position: u64, room: usize) -> Result<u64, SourceError> {
        let end = sector_end(position);
        let next = position.saturating_add(length(room));
        if next >= end {
            return Ok(end);
        }
        let mut first = [0];
        self.bytes.read_exact_at(next, &mut first)?;
        Ok(if first == [0] { end } else { next })
    }

    /// Gives every record of the directory at block `start`, in order, with its position. Returns what could not be read.
    pub(crate) fn records(&self, start: u64, size: u64, each: &mut dyn FnMut(u64, Record)) -> Vec<String> {
        let mut issues = Vec::new();
        let begin = self.offset(start);
        let mut end = begin.saturating_add(size);
        if end > self.bytes.len() {
            issues.push(format!("a directory is to end at {end}; the image has {} bytes", self.bytes.len()));
            end = self.bytes.len();
        }
        end = self.claim(begin, end, &mut issues);
        let mut at = begin;
        while at < end {
            let stop = sector_end(at).min(end);
            let mut raw = vec![0; usize::try_from(stop.saturating_sub(at)).unwrap_or(0).min(SECTOR)];
            match self.bytes.read_exact_at(at, &mut raw) {
                Ok(()) => sector(at, &raw, each, &mut issues),
                Err(error) => say(&mut issues, format!("a part of a directory could not be read: {error}")),
            }
            at = stop;
        }
        issues
    }

    /// Takes bytes for a directory. Those that another one has are not read again: all listings together read each byte of
    /// the image once for each time that a directory is listed.
    fn claim(&self, begin: u64, end: u64, issues: &mut Vec<String>) -> u64 {
        let mut claims = lock(&self.claims);
        let before = claims.range(..begin).next_back().is_some_and(|(_, other)| *other > begin);
        let after = claims.range(begin.saturating_add(1)..).next().map(|(other, _)| *other);
        let free = match after {
            _ if before => begin,
            Some(other) if other < end => other,
            _ => end,
        };
        if free < end {
            issues
                .push("a directory has sectors that are part of another one; they are not read again".into());
        }
        if free > begin {
            let known = claims.entry(begin).or_insert(free);
            *known = (*known).max(free);
        }
        free
    }

    /// Notes where the record of a directory stands: the last listing tells.
    pub(crate) fn note_directory(&self, start: u64, position: u64) {
        lock(&self.directories).insert(start, position);
    }

    /// Position of the record of the directory at block `start`.
    pub(crate) fn directory(&self, start: u64) -> Option<u64> {
        lock(&self.directories).get(&start).copied()
    }

    /// How many directories the path table has; `None` where it cannot be read.
    pub(crate) fn path_table(&self) -> Option<u64> {
        self.table_directories().map(|starts| length(starts.len()))
    }

    /// First blocks of the directories in the path table, the root's first.
    fn table_directories(&self) -> Option<Vec<u32>> {
        if self.tree.table_size > MAX_TABLE {
            return None;
        }
        let mut raw = vec![0; usize::try_from(self.tree.table_size).ok()?];
        self.bytes.read_exact_at(self.offset(self.tree.table.into()), &mut raw).ok()?;
        let (mut at, mut starts) = (0_usize, Vec::new());
        while at < raw.len() {
            let named = usize::from(byte(&raw, at)?);
            starts.push(le32(&raw, at.checked_add(2)?)?);
            le16(&raw, at.checked_add(6)?).filter(|_| named != 0)?;
            at = at.checked_add(8)?.checked_add(named.next_multiple_of(2))?;
        }
        Some(starts)
    }
}

/// Gives the records of one sector, which begins at `position`.
fn sector(position: u64, raw: &[u8], each: &mut dyn FnMut(u64, Record), issues: &mut Vec<String>) {
    let mut at = 0_usize;
    while let Some(rest) = raw.get(at..).filter(|rest| byte(rest, 0).is_some_and(|length| length != 0)) {
        let place = position.saturating_add(length(at));
        match Record::parse(rest) {
            Ok(record) => {
                at = at.saturating_add(record.length);
                each(place, record);
            }
            Err(what) => {
                say(
                    issues,
                    format!("a directory record at {place}: {what}; the rest of its sector is not read"),
                );
                return;
            }
        }
    }
    if raw.get(at..).is_some_and(|rest| rest.iter().any(|byte| *byte != 0)) {
        say(
            issues,
            "bytes stand behind the last record of a sector of a directory; they are not items".into(),
        );
    }
}

fn say(issues: &mut Vec<String>, what: String) {
    if issues.len() < MAX_ISSUES {
        issues.push(what);
    }
}

/// The end of the sector that holds `position`.
fn sector_end(position: u64) -> u64 {
    position.saturating_sub(position % length(SECTOR)).saturating_add(length(SECTOR))
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is inside is whole at every moment: a panic elsewhere does not make it wrong.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes of CD-ROM XA's own fields, which may stand before those of SUSP.
const XA: usize = 14;
/// Directories that are asked whether the volume has Rock Ridge, where the root cannot be.
const MAX_OTHERS: usize = 16;
/// Longest record: its length is one byte.
const MAX_RECORD: usize = 255;
/// Most extents of one file: 256 TiB of 4 GiB each.
const MAX_EXTENTS: usize = 1 << 16;
/// Longest path table that is read: 65,535 directories, each with the longest name.
const MAX_TABLE: u32 = 1 << 25;
/// Most issues of one directory's sectors: a longer list says no more.
const MAX_ISSUES: usize = 1000;
