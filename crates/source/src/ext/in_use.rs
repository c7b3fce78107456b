//! Which inodes are in use, by the bitmaps themselves, and which of them no name leads to.
//!
//! Counters say how many there are; two changed numbers make a hidden file fit them. So the bits are counted, and an inode
//! that is in use without a name is an item where deleted entries are, and a limit in any case.
//!
//! ```text
//! inodes in use by the inode bitmaps        202 named, 203 counted
//! ```

use std::ops::ControlFlow;

use scope::RawName;
use scope::facts::{Attribute, Facts, Kind};

use crate::bytes::length;
use crate::ext::inode::Inode;
use crate::ext::nodes::{Nodes, ROOT};
use crate::ext::superblock::{FIRST_INODE, corrupt};
use crate::ext::volume::Volume;
use crate::walk::{Entry, Issue, NodeId, SourceError};
use crate::walker::{Asked, Seen, Volume as _};

/// What of the bitmaps could not be counted.
#[derive(Default)]
pub(super) struct Uncounted {
    /// Groups whose bitmap cannot be read, and why the first cannot.
    groups: u64,
    why: Option<SourceError>,
    /// Whether there are more bits than inodes that the bytes have room for.
    is_beyond: bool,
}

/// What the bitmaps and the walk say of each other.
#[derive(Default)]
struct Counts {
    /// Inodes in use that ought to have a name, or to hold what belongs to one that has.
    in_use: u64,
    /// Those of them that the walk met.
    met: u64,
    /// Those that it did not, which are blank, and what is allocated to the others.
    unnamed: u64,
    blank: u64,
    allocated: u64,
    uncounted: Uncounted,
}

impl Volume {
    /// Every inode that the bitmaps say is in use, ascending. A group whose table was never written has no bitmap, and none in use.
    pub(super) fn each_in_use(&self, each: &mut dyn FnMut(u32) -> ControlFlow<()>) -> Uncounted {
        let mut uncounted = Uncounted::default();
        // Bitmaps that overlap show the same bits as ever more inodes.
        let mut left = self.room_for_inodes();
        for number in 0..self.groups() {
            let bits = match self.inode_bits(number) {
                Ok(bits) => bits,
                Err(error) => {
                    uncounted.groups = uncounted.groups.saturating_add(1);
                    uncounted.why = uncounted.why.or(Some(error));
                    continue;
                }
            };
            let first = number.saturating_mul(self.sb.inodes_per_group.into());
            let set = bits.iter().zip(0_u64..).filter(|(byte, _)| **byte != 0);
            let slots = set.flat_map(|(byte, at)| {
                (0..8_u64).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| at * 8 + bit)
            });
            for slot in slots.take_while(|slot| *slot < self.sb.inodes_per_group.into()) {
                let inode = first.checked_add(slot).and_then(|at| u32::try_from(at.checked_add(1)?).ok());
                let Some(inode) = inode.filter(|inode| *inode <= self.sb.inodes_count) else { break };
                let Some(fewer) = left.checked_sub(1) else {
                    uncounted.is_beyond = true;
                    return uncounted;
                };
                left = fewer;
                if each(inode).is_break() {
                    return uncounted;
                }
            }
        }
        uncounted
    }

    /// The bitmap of a group's inodes; nothing where none of them was ever in use.
    fn inode_bits(&self, number: u64) -> Result<Vec<u8>, SourceError> {
        let group = self.group(number)?;
        match group.has_no_inodes {
            true => Ok(Vec::new()),
            false => self.block(group.inode_bitmap),
        }
    }

    /// Whether a bitmap says that an inode is in use.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where there is no such inode, or its bitmap cannot be read.
    pub(crate) fn is_in_use(&self, inode: u32) -> Result<bool, SourceError> {
        let index = inode.checked_sub(1).filter(|_| inode <= self.sb.inodes_count);
        let index = index.ok_or_else(|| corrupt("an inode number beyond the end of the file system"))?;
        let slot = index.checked_rem(self.sb.inodes_per_group).unwrap_or(0);
        let bits = self.inode_bits(index.checked_div(self.sb.inodes_per_group).unwrap_or(0).into())?;
        let byte = usize::try_from(slot / 8).ok().and_then(|at| bits.get(at));
        Ok(byte.is_some_and(|byte| byte >> (slot % 8) & 1 == 1))
    }

    /// Inodes that the file system uses itself, and has no name for, beyond those that every one of its kind keeps.
    pub(crate) fn own_inodes(&self) -> impl Iterator<Item = u32> + '_ {
        let quotas = self.sb.quotas.into_iter().flatten();
        let all = self.sb.journal_inode.into_iter().chain(self.sb.orphan_file).chain(quotas);
        all.filter(|inode| *inode >= FIRST_INODE)
    }

    /// Inodes in use by the group descriptors' counters, without the reserved ones but with the root.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where a descriptor cannot be read.
    pub(crate) fn counted_by_groups(&self) -> Result<u64, SourceError> {
        let mut free = 0_u64;
        for group in 0..self.sb.groups() {
            free = free.saturating_add(self.group(group)?.free_inodes.into());
        }
        Ok(self.counted(free))
    }

    /// The same by the superblock's counter.
    pub(crate) fn counted_by_superblock(&self) -> u64 {
        self.counted(self.sb.free_inodes.into())
    }

    fn counted(&self, free: u64) -> u64 {
        let reserved = u64::from(FIRST_INODE).saturating_sub(2); // the root is reserved, and walked
        u64::from(self.sb.inodes_count).saturating_sub(free).saturating_sub(reserved)
    }
}

impl Nodes {
    /// What was walked against bitmaps and counters.
    pub(super) fn inodes_covered(&self, seen: &Seen) -> Vec<(String, u64, u64)> {
        let volume = &self.volume;
        let walked = self.met(seen);
        let own = length(volume.own_inodes().filter(|inode| !self.is_met(*inode, seen)).count());
        let counts = self.compare(seen, &mut |_, _| ControlFlow::Continue(()));
        let mut coverage = Vec::new();
        let what = match counts.uncounted.groups {
            0 => "inodes in use by the inode bitmaps".to_owned(),
            groups => format!("inodes in use by the inode bitmaps ({groups} groups' could not be read)"),
        };
        coverage.push((what, walked, counts.in_use));
        if let Ok(counted) = volume.counted_by_groups() {
            let expected = counted.saturating_sub(own);
            coverage.push(("inodes in use by the group descriptors".into(), walked, expected));
        }
        // Linux brings the superblock's counter up to date only when it unmounts.
        if !volume.sb.needs_recovery() {
            let expected = volume.counted_by_superblock().saturating_sub(own);
            coverage.push(("inodes in use by the superblock".into(), walked, expected));
        }
        coverage
    }

    /// Items of inodes in use that no name leads to. Returns what is wrong with them.
    pub(super) fn each_nameless(
        &self,
        seen: &Seen,
        each: &mut dyn FnMut(Entry) -> ControlFlow<()>,
    ) -> Vec<Issue> {
        let mut issues = Vec::new();
        self.compare(seen, &mut |number, inode| {
            if inode.is_none_or(|inode| inode.mode == 0) {
                return ControlFlow::Continue(());
            }
            let id = NodeId::new(number.into());
            let Ok(node) = self.node(id) else { return ControlFlow::Continue(()) };
            let told = node.issues.into_iter().take(MAX_ISSUES.saturating_sub(issues.len()));
            issues.extend(told.map(|what| Issue { locator: Some(node.locator.clone()), what }));
            let kind = node.facts.kind;
            let mut facts = Facts { kind: Kind::Deleted, link_target: None, ..node.facts };
            facts.attributes.push(in_use(kind));
            facts.attributes.sort_by(|a, b| a.name.cmp(&b.name));
            each(Entry { locator: node.locator, facts, node: id })
        });
        issues
    }

    /// What the bitmaps say and the walk does not, in sentences with numbers.
    pub(super) fn inodes_unmet(&self, seen: &Seen, asked: Asked) -> Vec<String> {
        let mut limits = Vec::new();
        let counts = self.compare(seen, &mut |_, _| ControlFlow::Continue(()));
        let Counts { unnamed, blank, allocated, .. } = counts;
        let whole = counts.uncounted.groups == 0 && !counts.uncounted.is_beyond;
        if unnamed > 0 {
            let are = match (asked.all_folders, asked.deleted) {
                (false, _) => "they may lie in folders that the walk did not enter, and are no items",
                (true, true) => "they are items of the kind deleted, without a name",
                (true, false) => "they are no items, since deleted entries are not asked for",
            };
            let of_which = if blank > 0 { format!(" ({blank} of them are blank)") } else { String::new() };
            limits.push(format!(
                "the inode bitmaps call {unnamed} inodes in use to which the walk found no name{of_which}, with {allocated} bytes of blocks; {are}"
            ));
        }
        let free = self.met(seen).saturating_sub(counts.met);
        if free > 0 && whole {
            limits.push(format!("names lead to {free} inodes that the inode bitmaps call free"));
        }
        let low = seen.named.iter().map(|id| id.number());
        let first = u64::from(self.volume.sb.first_inode.max(FIRST_INODE));
        let low = low.filter(|inode| *inode < first && *inode != ROOT).count();
        if low > 0 {
            limits.push(format!(
                "names lead to {low} inodes below {first}, which the superblock keeps for the file system itself"
            ));
        }
        let Uncounted { groups, why, is_beyond } = counts.uncounted;
        if let Some(why) = why {
            limits.push(format!(
                "which inodes of {groups} block groups are in use is not known, and no item without a name was looked for there: {why}"
            ));
        }
        if is_beyond {
            limits.push(
                "the inode bitmaps call more inodes in use than the medium has room for; the further ones were not looked at".into(),
            );
        }
        limits
    }

    /// Goes through the inodes in use; `unmet` gets those that the walk did not meet, and what stands there.
    fn compare(&self, seen: &Seen, unmet: &mut dyn FnMut(u32, Option<Inode>) -> ControlFlow<()>) -> Counts {
        let volume = &self.volume;
        let own: Vec<u32> = volume.own_inodes().collect();
        let mut counts = Counts::default();
        let uncounted = volume.each_in_use(&mut |number| {
            let met = self.is_met(number, seen);
            if number < FIRST_INODE && u64::from(number) != ROOT || own.contains(&number) && !met {
                return ControlFlow::Continue(());
            }
            counts.in_use = counts.in_use.saturating_add(1);
            if met {
                counts.met = counts.met.saturating_add(1);
                return ControlFlow::Continue(());
            }
            counts.unnamed = counts.unnamed.saturating_add(1);
            let inode = volume.inode(number).ok();
            match &inode {
                Some(inode) if inode.mode != 0 => {
                    counts.allocated = counts.allocated.saturating_add(inode.allocated);
                }
                _ => counts.blank = counts.blank.saturating_add(1),
            }
            unmet(number, inode)
        });
        counts.uncounted = uncounted;
        counts
    }

    /// How many inodes the walk met that a counter counts: with a name, or in use for one that has.
    fn met(&self, seen: &Seen) -> u64 {
        let counts = |inode: u64| inode >= u64::from(FIRST_INODE) || inode == ROOT;
        let named = seen.named.iter().filter(|id| counts(id.number())).count();
        let used = seen.used.iter().filter(|id| counts(id.number()) && !seen.named.contains(*id)).count();
        length(named.saturating_add(used))
    }

    fn is_met(&self, number: u32, seen: &Seen) -> bool {
        let id = NodeId::new(number.into());
        seen.named.contains(id) || seen.used.contains(id)
    }
}

/// The attribute of an item that has no name though its inode is in use: what its inode says it is.
fn in_use(kind: Kind) -> Attribute {
    let kind: &[u8] = match kind {
        Kind::File => b"file",
        Kind::Directory => b"directory",
        Kind::Symlink => b"symlink",
        Kind::Fifo => b"fifo",
        Kind::Socket => b"socket",
        Kind::CharDevice => b"char-device",
        Kind::BlockDevice => b"block-device",
        _ => b"other",
    };
    Attribute { name: RawName::from(IN_USE), size: length(kind.len()), value: RawName(kind.to_vec()) }
}

/// What the inode of an item without a name is.
const IN_USE: &str = "ext.in-use";
/// Issues of items without a name that are told one by one.
const MAX_ISSUES: usize = 1000;
