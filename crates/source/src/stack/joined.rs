//! A volume joined from members: mirrors, stripes, stretches behind each other.
//!
//! ```text
//! stretch   0..600 over members a, b, chunk 100:   a b a b a b
//! mirror    every member holds every byte
//! ten       RAID 10: each chunk on several of n members
//! ```
//!
//! Where several members hold the same bytes, a read that fails on one is tried on the next, at last sector by sector.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use crate::bytes::{ByteSource, ReadFault, length};

use super::{MAX_LENGTH, SECTOR};

/// One member: its bytes, where its data begin, and which of them it states that it does not hold.
pub(super) struct Member {
    pub(super) bytes: Arc<dyn ByteSource>,
    pub(super) start: u64,
    /// Ranges of `bytes` recorded as bad by whoever wrote the member.
    pub(super) bad: Vec<Range<u64>>,
}

impl Member {
    /// How many bytes of its data can be there.
    fn held(&self) -> u64 {
        self.bytes.len().saturating_sub(self.start)
    }

    fn read(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadFault> {
        let at = self.start.saturating_add(offset);
        let end = at.saturating_add(length(buf.len()));
        if self.bad.iter().any(|bad| bad.start < end && at < bad.end) {
            let reason = "the member's own list of bad blocks names them".to_owned();
            return Err(ReadFault { offset: at, length: length(buf.len()), reason });
        }
        self.bytes.read_exact_at(at, buf)
    }
}

/// How a volume's bytes lie on its members.
pub(super) enum Layout {
    /// Every member holds every byte at the same place.
    Mirror,
    /// One stretch behind the other, without holes, ascending.
    Stretches(Vec<Stretch>),
    /// RAID 10.
    Ten(Ten),
}

/// A range of the volume that goes round over areas of members, chunk by chunk.
pub(super) struct Stretch {
    pub(super) start: u64,
    pub(super) length: u64,
    pub(super) chunk: u64,
    /// The area that holds the first chunk.
    pub(super) turn: u64,
    /// Member and offset in its data.
    pub(super) areas: Vec<(usize, u64)>,
}

/// RAID 10: `near` copies of each chunk beside each other, or `far` copies that stand `stride` bytes apart.
pub(super) struct Ten {
    pub(super) disks: u64,
    pub(super) near: u64,
    pub(super) far: u64,
    pub(super) offset: bool,
    pub(super) stride: u64,
    pub(super) chunk: u64,
}

/// Where some bytes are: how many lie together, and each copy as member and offset.
struct Run {
    length: u64,
    copies: Vec<(usize, u64)>,
}

/// The volume.
pub(super) struct Joined {
    members: Vec<Option<Member>>,
    layout: Layout,
    length: u64,
    bad: Mutex<Vec<Range<u64>>>,
}

impl Joined {
    /// A volume of `length` bytes, as its metadata state; one that ends before, where its members hold nothing of the
    /// rest: a limit says so.
    ///
    /// # Errors
    ///
    /// Why it is none: its length is nothing, more than can be, or out of proportion to what its members hold.
    pub(super) fn new(
        members: Vec<Option<Member>>,
        layout: Layout,
        length: u64,
        limits: &mut Vec<String>,
    ) -> Result<Self, String> {
        if !(1..=MAX_LENGTH).contains(&length) {
            return Err(format!("its length would be {} sectors", length / SECTOR));
        }
        let mut joined = Self { members, layout, length, bad: Mutex::default() };
        let reach = joined.reach();
        let held =
            joined.members.iter().flatten().fold(0_u64, |sum, member| sum.saturating_add(member.held()));
        if reach == 0 || reach / MAX_PROPORTION > held {
            return Err(format!("it states {length} bytes, of which its members hold at most {held}"));
        }
        if reach < length {
            limits.push(format!(
                "it states {length} bytes, of which its members hold none from byte {reach} on: it ends there"
            ));
            joined.length = reach;
        }
        Ok(joined)
    }

    /// The byte from which on no member holds anything, at most the stated length.
    fn reach(&self) -> u64 {
        let held = |index: usize| self.members.get(index).and_then(Option::as_ref).map_or(0, Member::held);
        let most = self.members.iter().flatten().map(Member::held).max().unwrap_or_default();
        let reach = match &self.layout {
            Layout::Mirror => most,
            Layout::Stretches(stretches) => {
                stretches.iter().map(|stretch| stretch.reach(&held)).max().unwrap_or_default()
            }
            Layout::Ten(ten) => {
                let rows = most.div_ceil(ten.chunk.max(1));
                rows.saturating_mul(ten.disks).div_ceil(ten.near.max(1)).saturating_mul(ten.chunk)
            }
        };
        reach.min(self.length)
    }

    fn run(&self, at: u64) -> Option<Run> {
        match &self.layout {
            Layout::Mirror => {
                let copies = (0..self.members.len()).map(|index| (index, at)).collect();
                Some(Run { length: self.length.checked_sub(at)?, copies })
            }
            Layout::Stretches(stretches) => {
                let next = stretches.partition_point(|stretch| stretch.start <= at);
                stretches.get(next.checked_sub(1)?)?.run(at)
            }
            Layout::Ten(ten) => ten.run(at),
        }
    }

    /// Fills `buf` from one copy, or from several.
    fn fill(&self, at: u64, copies: &[(usize, u64)], buf: &mut [u8]) -> Result<(), ReadFault> {
        let mut reason = "no member that is there holds them".to_owned();
        let present =
            copies.iter().filter_map(|(index, offset)| Some((self.members.get(*index)?.as_ref()?, *offset)));
        let present: Vec<(&Member, u64)> = present.collect();
        for (member, offset) in &present {
            match member.read(*offset, buf) {
                Ok(()) => return Ok(()),
                Err(fault) => reason = fault.to_string(),
            }
        }
        if present.len() < 2 {
            return Err(ReadFault { offset: at, length: length(buf.len()), reason });
        }
        // Sector by sector: a piece of two could fail on every member where each sector is readable on one.
        let (mut rest, mut done) = (buf, 0_u64);
        while !rest.is_empty() {
            let offset = at.saturating_add(done);
            let left = SECTOR.saturating_sub(offset % SECTOR);
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            let Some((unit, later)) = rest.split_at_mut_checked(count) else { break };
            let mut tries =
                present.iter().map(|(member, offset)| member.read(offset.saturating_add(done), unit));
            if !tries.any(|tried| tried.is_ok()) {
                self.note_bad(offset..offset.saturating_add(length(count)));
                let reason = format!("on none of {} members: {reason}", present.len());
                return Err(ReadFault { offset, length: length(count), reason });
            }
            (rest, done) = (later, done.saturating_add(length(count)));
        }
        Ok(())
    }

    fn note_bad(&self, range: Range<u64>) {
        let Ok(mut bad) = self.bad.lock() else { return };
        let place = bad.partition_point(|other| other.start < range.start);
        let known = bad.get(place.wrapping_sub(1)).is_some_and(|other| other.end >= range.end)
            || bad.get(place).is_some_and(|other| *other == range);
        if !known && bad.len() < MAX_BAD {
            bad.insert(place, range);
        }
    }
}

impl ByteSource for Joined {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let want = left.min(buf.len());
        let mut rest = buf.get_mut(..want).unwrap_or_default();
        let mut at = offset;
        while !rest.is_empty() {
            let asked = length(rest.len());
            let run = self.run(at).filter(|run| run.length > 0).ok_or_else(|| ReadFault {
                offset: at,
                length: asked,
                reason: "no part of the volume is there".into(),
            })?;
            let most = if run.copies.len() > 1 { MIRRORED_READ } else { usize::MAX };
            let count = usize::try_from(run.length).unwrap_or(usize::MAX).min(rest.len()).min(most);
            let Some((now, later)) = rest.split_at_mut_checked(count) else { break };
            self.fill(at, &run.copies, now)?;
            (rest, at) = (later, at.saturating_add(length(count)));
        }
        Ok(want)
    }

    fn sector_size(&self) -> u32 {
        self.members.iter().flatten().map(|member| member.bytes.sector_size()).max().unwrap_or(512)
    }

    fn bad_ranges(&self) -> Vec<Range<u64>> {
        self.bad.lock().map(|bad| bad.clone()).unwrap_or_default()
    }
}

impl Stretch {
    /// The byte of the volume from which on no member holds anything of this stretch; 0 where none holds any.
    fn reach(&self, held: &dyn Fn(usize) -> u64) -> u64 {
        let ends = self.areas.iter().filter_map(|(index, offset)| {
            let there = held(*index).saturating_sub(*offset);
            let deep = if self.areas.len() == 1 {
                there
            } else {
                let rows = there.div_ceil(self.chunk.max(1));
                rows.saturating_mul(self.chunk).saturating_mul(length(self.areas.len()))
            };
            (there > 0).then(|| self.start.saturating_add(deep.min(self.length)))
        });
        ends.max().unwrap_or_default()
    }

    fn run(&self, at: u64) -> Option<Run> {
        let inside = at.checked_sub(self.start).filter(|inside| *inside < self.length)?;
        let left = self.length.checked_sub(inside)?;
        if let [(member, offset)] = self.areas.as_slice() {
            return Some(Run { length: left, copies: vec![(*member, offset.checked_add(inside)?)] });
        }
        let count = length(self.areas.len());
        let (chunk, within) = (inside.checked_div(self.chunk)?, inside.checked_rem(self.chunk)?);
        let area = chunk.checked_add(self.turn)?.checked_rem(count)?;
        let (member, offset) = self.areas.get(usize::try_from(area).ok()?)?;
        let deep = chunk.checked_div(count)?.checked_mul(self.chunk)?.checked_add(within)?;
        let run = left.min(self.chunk.checked_sub(within)?);
        Some(Run { length: run, copies: vec![(*member, offset.checked_add(deep)?)] })
    }
}

impl Ten {
    fn run(&self, at: u64) -> Option<Run> {
        let (chunk, within) = (at.checked_div(self.chunk)?, at.checked_rem(self.chunk)?);
        let first = chunk.checked_mul(self.near)?;
        let (mut row, disk) = (first.checked_div(self.disks)?, first.checked_rem(self.disks)?);
        if self.offset {
            row = row.checked_mul(self.far)?;
        }
        let deep = row.checked_mul(self.chunk)?.checked_add(within)?;
        let mut copies = Vec::new();
        for copy in 0..self.near {
            // A row that is full goes on with the first disk of the next.
            let place = disk.checked_add(copy)?;
            let below = place.checked_div(self.disks)?.checked_mul(self.chunk)?.checked_add(deep)?;
            for far in 0..self.far {
                let member = place.checked_add(far.checked_mul(self.near)?)?.checked_rem(self.disks)?;
                copies
                    .push((usize::try_from(member).ok()?, below.checked_add(far.checked_mul(self.stride)?)?));
            }
        }
        Some(Run { length: self.chunk.checked_sub(within)?, copies })
    }

    /// Whether every chunk has a copy on a member that is there.
    pub(super) fn is_covered(&self, present: &[bool]) -> bool {
        // The pattern of disks comes back after as many chunks as there are disks.
        (0..self.disks).all(|chunk| {
            let run = chunk.checked_mul(self.chunk).and_then(|at| self.run(at));
            run.is_some_and(|run| run.copies.iter().any(|(index, _)| present.get(*index) == Some(&true)))
        })
    }
}

/// How many times longer than what its members hold a volume can be: where one disk of a set was copied in part, the
/// others' data may stand far behind. What states more than that states it to be long.
const MAX_PROPORTION: u64 = 1024;
/// Most bytes of a mirror read at once: a bad sector then makes few others be read twice.
const MIRRORED_READ: usize = 64 << 10;
/// Most unreadable ranges remembered; a disk with more is remembered in part, and read no worse.
const MAX_BAD: usize = 1 << 16;
