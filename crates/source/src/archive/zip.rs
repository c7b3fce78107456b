//! Zip: a directory at the end, which names every member and says where it is; and before each member's data its header, which says
//! it again. What the two do not say alike is refused.
//!
//! Implements `docs/spec/containers.md`, "Zip".
//!
//! ```text
//! header and data of each member, [a descriptor]      local
//! one entry per member                                 directory
//! [64-bit end, and where it is], end, comment
//! ```
//!
//! Open Office and Microsoft's OOXML files are zips, so this reader is for them as well. Where other bytes stand before it, they are
//! loose.

mod extra;

use std::io::Read as _;
use std::sync::Arc;

use scope::facts::Kind;

use self::extra::Extra;
use super::names::Names;
use super::{Archive, ArchiveError, Known, Limits, Member, Modified, Other, Place, content};
use crate::bytes::{ByteSource, ReadFault, length};
use crate::calendar::Moment;
use crate::field::{le16, le32, le64};

/// Reads the directory of a zip, and the header of each member.
///
/// # Errors
///
/// [`ArchiveError`]: where it is damaged, contradicts itself, or is more than `limits` allow.
pub fn read(bytes: &dyn ByteSource, limits: &Limits) -> Result<Archive, ArchiveError> {
    read_entries(bytes, limits, &mut Vec::new())
}

/// As [`read`]; where it fails, `entries` has those of the directory that were read.
fn read_entries(
    bytes: &dyn ByteSource,
    limits: &Limits,
    entries: &mut Vec<Entry>,
) -> Result<Archive, ArchiveError> {
    let end = End::find(bytes)?;
    if end.entries > limits.entries {
        return Err(ArchiveError::TooMuch { limit: limits.entries, what: "entries" });
    }
    if end.size > MAX_DIRECTORY {
        return Err(ArchiveError::TooMuch { limit: MAX_DIRECTORY, what: "bytes of directory" });
    }
    let mut directory = vec![0; usize::try_from(end.size).unwrap_or_default()];
    bytes.read_exact_at(end.start, &mut directory)?;
    let (mut at, mut total) = (0_usize, 0_u64);
    while at < directory.len() {
        let offset = end.start.saturating_add(length(at));
        let rest = directory.get(at..).unwrap_or_default();
        let (entry, used) = Entry::parse(rest, offset)?;
        at = at.saturating_add(used);
        total = total.saturating_add(entry.size);
        entries.push(Entry { header: entry.header.saturating_add(end.before), ..entry });
        if length(entries.len()) > end.entries {
            break;
        }
    }
    if length(entries.len()) != end.entries || at != directory.len() {
        return Err(ArchiveError::damaged(end.start, "the directory has other entries than its end says"));
    }
    limits.check(total)?;
    let mut loose = locate(entries, bytes, end.start)?;
    end.is_the_only_one(entries)?;
    let mut aside = end.aside;
    let (mut members, mut others) = (Vec::new(), Vec::new());
    for entry in std::mem::take(entries) {
        aside = aside.saturating_add(entry.aside);
        if entry.is_other() {
            loose = loose.saturating_add(entry.hidden(bytes)?);
            others.push(entry.other());
        } else {
            members.push(entry.member());
        }
    }
    Ok(Archive { loose, aside, ..Archive::new(members, others) })
}

/// As [`read`], and unpacks every deflated member, in the order in which they lie: whether a stream ends where its packed bytes do
/// shows at its end alone.
pub(super) fn read_whole(
    bytes: Arc<dyn ByteSource + '_>,
    limits: &Limits,
    known: &mut Known,
) -> Result<Archive, ArchiveError> {
    let mut entries = Vec::new();
    let read = read_entries(bytes.as_ref(), limits, &mut entries);
    known.others.extend(entries.into_iter().map(|entry| match entry.is_other() {
        true => entry.other(),
        false => Other::named(entry.member()),
    }));
    let mut archive = read?;
    let mut packed: Vec<(u64, &Member)> = archive
        .members
        .iter()
        .filter_map(|member| match member.place {
            Place::Deflated { at, .. } => Some((at, member)),
            _ => None,
        })
        .collect();
    packed.sort_by_key(|(at, _)| *at);
    let (mut unsound, mut piece) = (0_u64, vec![0; 64 << 10]);
    for (_, member) in packed {
        let mut stream = content::open(member, Arc::clone(&bytes))?;
        loop {
            match stream.read(&mut piece) {
                Ok(0) => break,
                Ok(_) => {}
                // What the medium does not give is no matter of the archive's, and is told where the member is read.
                Err(error) if error.get_ref().is_some_and(|inside| inside.is::<ReadFault>()) => break,
                Err(_) => {
                    unsound = unsound.saturating_add(1);
                    break;
                }
            }
        }
    }
    archive.unsound = unsound;
    Ok(archive)
}

/// Where the directory is.
struct End {
    start: u64,
    size: u64,
    entries: u64,
    /// Bytes of the comment.
    aside: u64,
    /// Where in the archive the marks of an end stand that are not used.
    unused: Vec<u64>,
    /// Bytes before the archive, from behind which the places in it are counted.
    before: u64,
}

impl End {
    fn find(bytes: &dyn ByteSource) -> Result<Self, ArchiveError> {
        let len = bytes.len();
        let tail_len = len.min(END + u64::from(u16::MAX));
        let tail_start = len.saturating_sub(tail_len);
        let mut tail = vec![0; usize::try_from(tail_len).unwrap_or_default()];
        bytes.read_exact_at(tail_start, &mut tail)?;
        // The end is where its comment ends with the file. Where two places fit, programs disagree on which one they believe.
        let mut ends = (0..tail.len()).filter(|at| {
            let comment = length(tail.len()).saturating_sub(length(*at)).saturating_sub(END);
            le32(&tail, *at) == Some(END_MARK)
                && le16(&tail, at.saturating_add(20)).is_some_and(|stated| u64::from(stated) == comment)
        });
        let at =
            ends.next_back().ok_or(ArchiveError::damaged(len, "it ends before the end of its directory"))?;
        if ends.next_back().is_some() {
            return Err(ArchiveError::damaged(tail_start, "it has more than one end of a directory"));
        }
        let end = tail.get(at..).unwrap_or_default();
        let offset = tail_start.saturating_add(length(at));
        let short = || ArchiveError::damaged(offset, "the end of the directory is cut off");
        let (disk, first) = (le16(end, 4).ok_or_else(short)?, le16(end, 6).ok_or_else(short)?);
        let (here, all) = (le16(end, 8).ok_or_else(short)?, le16(end, 10).ok_or_else(short)?);
        let (size, start) = (le32(end, 12).ok_or_else(short)?, le32(end, 16).ok_or_else(short)?);
        let comment = end.get(usize::try_from(END).unwrap_or_default()..).unwrap_or_default();
        let aside = if is_digest(comment) { 0 } else { length(comment.len()) };
        let (start, size, entries) = (start.into(), size.into(), all.into());
        let found = Self { start, size, entries, aside, unused: Vec::new(), before: 0 };
        // Programs look for it whether or not this end says that it is needed.
        let (mut found, stop) = match Self::wide(bytes, offset)? {
            Some((wide, stop)) => (wide.instead_of(&found, offset)?, stop),
            None if disk == 0 && first == 0 && here == all => (found, offset),
            None => return Err(ArchiveError::Unreadable("it is one of several parts")),
        };
        found.place(bytes, offset, stop)?;
        let locator = if stop == offset { offset } else { offset.saturating_sub(length(LOCATOR)) };
        let marks = (0..tail.len()).filter(|at| {
            le32(&tail, *at).is_some_and(|mark| [END_MARK, LOCATOR_MARK, WIDE_MARK].contains(&mark))
        });
        let marks = marks.map(|at| tail_start.saturating_add(length(at)));
        found.unused = marks.filter(|at| ![offset, stop, locator].contains(at)).collect();
        Ok(found)
    }

    /// Finds the directory: right before its end, where that says it is, or by so many bytes behind as stand before the archive. Some
    /// programs believe the place that is stated alone: no directory stands there then.
    fn place(&mut self, bytes: &dyn ByteSource, offset: u64, stop: u64) -> Result<(), ArchiveError> {
        let damaged = |what| ArchiveError::damaged(offset, what);
        let before = stop.checked_sub(self.size).and_then(|start| start.checked_sub(self.start));
        self.before = before.ok_or_else(|| damaged("its directory is not where its end says"))?;
        if self.before > 0 {
            let mut mark = [0; 4];
            if self.start.checked_add(4).is_some_and(|stop| stop <= offset) {
                bytes.read_exact_at(self.start, &mut mark)?;
            }
            if le32(&mark, 0) == Some(ENTRY_MARK) {
                return Err(damaged("it has a directory where its end says, and another before its end"));
            }
            self.start = self.start.saturating_add(self.before);
        }
        Ok(())
    }

    /// Programs look for an end from behind, and some believe what they meet first. So where none is used, none stands: but in
    /// the data of a member, which is looked into by itself.
    fn is_the_only_one(&self, entries: &[Entry]) -> Result<(), ArchiveError> {
        let within = |at: u64| {
            let mut own = entries.iter().filter(|entry| !entry.is_other());
            own.any(|entry| (entry.data..entry.data.saturating_add(entry.packed)).contains(&at))
        };
        match self.unused.iter().find(|at| !within(**at)) {
            Some(at) => Err(ArchiveError::damaged(*at, "here is another end of a directory")),
            None => Ok(()),
        }
    }

    /// The 64-bit end before the other one, and where it begins.
    fn wide(bytes: &dyn ByteSource, end: u64) -> Result<Option<(Self, u64)>, ArchiveError> {
        let Some(locator_at) = end.checked_sub(length(LOCATOR)) else { return Ok(None) };
        let mut locator = [0; LOCATOR];
        bytes.read_exact_at(locator_at, &mut locator)?;
        if le32(&locator, 0) != Some(LOCATOR_MARK) {
            return Ok(None);
        }
        let damaged = |what| ArchiveError::damaged(locator_at, what);
        let mut at = le64(&locator, 8).unwrap_or_default();
        let mut wide = [0; WIDE];
        // Behind other bytes it stands right before the locator, and not where that says.
        let near = locator_at.checked_sub(length(WIDE)).filter(|near| *near > at);
        if let Some(near) = near {
            bytes.read_exact_at(near, &mut wide)?;
            if le32(&wide, 0) == Some(WIDE_MARK) {
                let mut there = [0; 4];
                bytes.read_exact_at(at, &mut there)?;
                if le32(&there, 0) == Some(WIDE_MARK) {
                    return Err(damaged("it has two 64-bit ends"));
                }
                at = near;
            }
        }
        let fits = at.checked_add(length(WIDE)).is_some_and(|end| end <= locator_at);
        if le32(&locator, 4) != Some(0) || le32(&locator, 16) != Some(1) {
            return Err(ArchiveError::Unreadable("it is one of several parts"));
        }
        if !fits {
            return Err(damaged("its 64-bit end is not where it is said to be"));
        }
        bytes.read_exact_at(at, &mut wide)?;
        // What extends it would stand between it and the locator, and nobody knows what that means.
        let length_fits =
            le64(&wide, 4).and_then(|rest| at.checked_add(rest)?.checked_add(12)) == Some(locator_at);
        if le32(&wide, 0) != Some(WIDE_MARK) || !length_fits {
            return Err(damaged("its 64-bit end is damaged"));
        }
        if le32(&wide, 16) != Some(0) || le32(&wide, 20) != Some(0) || le64(&wide, 24) != le64(&wide, 32) {
            return Err(ArchiveError::Unreadable("it is one of several parts"));
        }
        let (entries, size) = (le64(&wide, 32).unwrap_or_default(), le64(&wide, 40).unwrap_or_default());
        let start = le64(&wide, 48).unwrap_or_default();
        Ok(Some((Self { start, size, entries, aside: 0, unused: Vec::new(), before: 0 }, at)))
    }

    /// The 64-bit end, where the other one says nothing else.
    fn instead_of(self, narrow: &Self, offset: u64) -> Result<Self, ArchiveError> {
        let same = |wide: u64, narrow: u64, full: u64| narrow == full || narrow == wide;
        let all = same(self.entries, narrow.entries, u16::MAX.into())
            && same(self.size, narrow.size, u32::MAX.into())
            && same(self.start, narrow.start, u32::MAX.into());
        if all {
            Ok(Self { aside: narrow.aside, ..self })
        } else {
            Err(ArchiveError::damaged(offset, "its two ends contradict each other"))
        }
    }
}

/// One entry of the directory.
struct Entry {
    name: Vec<u8>,
    /// The name in Unicode, where it is told of this name.
    unicode: Option<Vec<u8>>,
    /// Bytes that say something of which no member tells.
    aside: u64,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    /// Where its header is, and, once that was read, where its data begins.
    header: u64,
    data: u64,
    modified: Option<Modified>,
}

impl Entry {
    /// Reads an entry at the beginning of `bytes`, and how long it is.
    fn parse(bytes: &[u8], offset: u64) -> Result<(Self, usize), ArchiveError> {
        let cut = || ArchiveError::damaged(offset, "an entry of the directory is cut off");
        if le32(bytes, 0).ok_or_else(cut)? != ENTRY_MARK {
            return Err(ArchiveError::damaged(offset, "here is no entry of the directory"));
        }
        let field = |at| le16(bytes, at).ok_or_else(cut);
        let (flags, method, name, extra, comment) =
            (field(8)?, field(10)?, field(28)?, field(30)?, field(32)?);
        let extra_at = ENTRY.saturating_add(name.into());
        let comment_at = extra_at.saturating_add(extra.into());
        let stop = comment_at.saturating_add(comment.into());
        let narrow = |at| le32(bytes, at).ok_or_else(cut);
        let (packed, size, header) = (narrow(20)?, narrow(24)?, narrow(42)?);
        let extra = Extra::parse(bytes.get(extra_at..comment_at).ok_or_else(cut)?, offset)?;
        bytes.get(comment_at..stop).ok_or_else(cut)?;
        let mut wide = extra.wide.chunks_exact(8);
        let mut take = |narrow: u32| match narrow {
            u32::MAX => wide.next().and_then(|bytes| le64(bytes, 0)).ok_or_else(cut),
            narrow => Ok(narrow.into()),
        };
        // In this order.
        let (size, packed, header) = (take(size)?, take(packed)?, take(header)?);
        let name = bytes.get(ENTRY..extra_at).unwrap_or_default().to_vec();
        let unicode = unicode(&name, &extra);
        // Where the name in Unicode is of another name, no program uses it.
        let unused = extra.name.filter(|_| unicode.is_none()).map_or(0, |(_, unused)| unused.len());
        let aside = extra.aside.saturating_add(unused).saturating_add(comment.into());
        let stamp = extra.modified.or_else(|| local_time(field(14).ok()?, field(12).ok()?));
        let entry = Self {
            name,
            unicode,
            aside: length(aside),
            flags,
            method,
            crc: narrow(16)?,
            packed,
            size,
            header,
            data: 0,
            modified: stamp,
        };
        entry.check(offset)?;
        Ok((entry, stop))
    }

    /// Whether the sizes are such as the method can give.
    fn check(&self, offset: u64) -> Result<(), ArchiveError> {
        if self.flags & MASKED != 0 {
            return Err(ArchiveError::Unreadable("its directory is encrypted"));
        }
        if self.size >= 1 << 53 {
            return Err(ArchiveError::damaged(offset, "a member has a size that no record can state"));
        }
        let encrypted = self.flags & ENCRYPTED != 0;
        let possible = match self.method {
            STORED => encrypted || self.packed == self.size,
            DEFLATE => self.size <= self.packed.saturating_add(1).saturating_mul(MOST_DEFLATED),
            _ => true,
        };
        if possible {
            Ok(())
        } else {
            Err(ArchiveError::damaged(offset, "a member's sizes contradict each other"))
        }
    }

    /// Whether it is a directory, or another entry without content.
    fn is_other(&self) -> bool {
        self.size == 0 && self.name.ends_with(b"/")
    }

    /// Its names: that of its header, and the one in Unicode. Bytes that are no UTF-8 are nobody's spelling, where that is there.
    fn names(&self) -> Names {
        let name = self.name.strip_suffix(b"/").filter(|_| self.is_other()).unwrap_or(&self.name);
        let unicode = self.unicode.as_deref().map(|name| name.strip_suffix(b"/").unwrap_or(name));
        match unicode {
            Some(unicode) if std::str::from_utf8(name).is_err() => Names::of(unicode),
            Some(unicode) => Names::of(name).and(unicode),
            None => Names::of(name),
        }
    }

    /// Packed bytes of an entry without content: a deflate stream of nothing is none.
    fn hidden(&self, bytes: &dyn ByteSource) -> Result<u64, ArchiveError> {
        let mut packed = [0; 2];
        if self.packed == 2 && self.method == DEFLATE && self.flags & ENCRYPTED == 0 {
            bytes.read_exact_at(self.data, &mut packed)?;
        }
        Ok(if packed == [3, 0] { 0 } else { self.packed })
    }

    fn other(self) -> Other {
        let Names { name, also, doubtful } = self.names();
        Other { kind: Kind::Directory, name, also, doubtful, modified: self.modified }
    }

    fn member(self) -> Member {
        let Names { name, also, doubtful } = self.names();
        let place = match self.method {
            _ if self.flags & ENCRYPTED != 0 => Place::Unreadable(Place::ENCRYPTED),
            STORED => Place::Stored { at: self.data, crc: Some(self.crc) },
            DEFLATE => Place::Deflated { at: self.data, packed: self.packed, crc: self.crc },
            _ => Place::Unreadable(Place::METHOD),
        };
        Member { name, also, doubtful, size: self.size, modified: self.modified, at: self.data, place }
    }
}

/// The name in Unicode, where it is told of `name`.
fn unicode(name: &[u8], extra: &Extra<'_>) -> Option<Vec<u8>> {
    let (crc, unicode) = extra.name?;
    let mut sum = flate2::Crc::new();
    sum.update(name);
    (sum.sum() == crc && std::str::from_utf8(unicode).is_ok()).then(|| unicode.to_vec())
}

/// Whether a comment is the name of a commit, as `git archive` writes it.
fn is_digest(comment: &[u8]) -> bool {
    comment.len() == 40 && comment.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The time of MS-DOS: local, in steps of two seconds; `None` where it is no time.
fn local_time(date: u16, time: u16) -> Option<Modified> {
    let (date, time) = (u32::from(date), u32::from(time));
    let (year, month, day) = ((date >> 9).saturating_add(1980), date >> 5 & 15, date & 31);
    let (hour, minute, second) = (time >> 11, time >> 5 & 63, (time & 31).saturating_mul(2));
    let seconds = Moment { year, month, day, hour, minute, second }.seconds()?;
    Some(Modified { ns: i128::from(seconds).saturating_mul(1_000_000_000), local: true })
}

/// Reads the header before each member's data. Returns how many bytes before the directory belong to nobody.
fn locate(entries: &mut [Entry], bytes: &dyn ByteSource, directory: u64) -> Result<u64, ArchiveError> {
    let mut order: Vec<&mut Entry> = entries.iter_mut().collect();
    order.sort_by_key(|entry| entry.header);
    let starts: Vec<u64> = order.iter().skip(1).map(|entry| entry.header).chain([directory]).collect();
    let (mut done, mut loose) = (0_u64, 0_u64);
    for (entry, next) in order.into_iter().zip(starts) {
        let at = entry.header;
        let overlaps = || ArchiveError::damaged(at, "members overlap each other or the directory");
        loose = loose.saturating_add(entry.header.checked_sub(done).ok_or_else(overlaps)?);
        let header = header(entry, bytes, next)?;
        entry.data = entry.header.checked_add(header).ok_or_else(overlaps)?;
        let stop = entry.data.checked_add(entry.packed).filter(|stop| *stop <= next).ok_or_else(overlaps)?;
        done = stop.saturating_add(descriptor(entry, bytes, stop, next)?);
    }
    Ok(loose.saturating_add(directory.saturating_sub(done)))
}

/// Compares the header of `entry` with its entry in the directory. Returns how long the header is.
fn header(entry: &mut Entry, bytes: &dyn ByteSource, next: u64) -> Result<u64, ArchiveError> {
    let at = entry.header;
    let damaged = |what| ArchiveError::damaged(at, what);
    let mut fixed = [0; LOCAL];
    if entry.header.saturating_add(length(LOCAL)) > next {
        return Err(damaged("members overlap each other or the directory"));
    }
    bytes.read_exact_at(entry.header, &mut fixed)?;
    let (name, extra) = (le16(&fixed, 26).unwrap_or_default(), le16(&fixed, 28).unwrap_or_default());
    let whole = length(LOCAL).saturating_add(u64::from(name)).saturating_add(u64::from(extra));
    if le32(&fixed, 0) != Some(LOCAL_MARK) {
        return Err(damaged("here is no header of a member"));
    }
    if entry.header.saturating_add(whole) > next {
        return Err(damaged("members overlap each other or the directory"));
    }
    let mut rest = vec![0; usize::from(name).saturating_add(extra.into())];
    bytes.read_exact_at(entry.header.saturating_add(length(LOCAL)), &mut rest)?;
    let (local_name, extra) = rest.split_at_checked(name.into()).unwrap_or_default();
    let flags = le16(&fixed, 6).unwrap_or_default();
    let same_flags = (flags ^ entry.flags) & (ENCRYPTED | DESCRIBED) == 0;
    if local_name != entry.name || le16(&fixed, 8) != Some(entry.method) || !same_flags {
        return Err(damaged("a member's header names another member than the directory"));
    }
    let extra = Extra::parse(extra, entry.header)?;
    if extra.name.is_some() && unicode(local_name, &extra) != entry.unicode {
        return Err(damaged("a member's header has another name in Unicode than the directory"));
    }
    let unused = extra.name.filter(|_| entry.unicode.is_none()).map_or(0, |(_, unused)| unused.len());
    entry.aside = entry.aside.saturating_add(length(extra.aside)).saturating_add(length(unused));
    let wide = extra.wide;
    let (crc, packed, size) = (le32(&fixed, 14), le32(&fixed, 18), le32(&fixed, 22));
    let says = |stated: Option<u32>, at: usize, truth: u64| match stated {
        Some(u32::MAX) => le64(wide, at) == Some(truth) || truth == u64::from(u32::MAX),
        Some(stated) => u64::from(stated) == truth,
        None => false,
    };
    let later = flags & DESCRIBED != 0;
    let zero = |stated: Option<u32>, at: usize| {
        later && (stated == Some(0) || stated == Some(u32::MAX) && le64(wide, at) == Some(0))
    };
    let same = (crc == Some(entry.crc) || later && crc == Some(0))
        && (says(size, 0, entry.size) || zero(size, 0))
        && (says(packed, 8, entry.packed) || zero(packed, 8));
    if same { Ok(whole) } else { Err(damaged("a member's header states other sizes than the directory")) }
}

/// How long the descriptor behind the data is: check sum and sizes once more, in one of four spellings.
fn descriptor(entry: &Entry, bytes: &dyn ByteSource, at: u64, next: u64) -> Result<u64, ArchiveError> {
    if entry.flags & DESCRIBED == 0 {
        return Ok(0);
    }
    let mut room = [0; 24];
    let left = next.saturating_sub(at).min(length(room.len()));
    let room = room.get_mut(..usize::try_from(left).unwrap_or_default()).unwrap_or_default();
    bytes.read_exact_at(at, room)?;
    let marked = le32(room, 0) == Some(DESCRIPTOR_MARK);
    let fits = |start: usize, wide: bool| {
        let size = |at| if wide { le64(room, at) } else { le32(room, at).map(u64::from) };
        let second = start.saturating_add(if wide { 12 } else { 8 });
        le32(room, start) == Some(entry.crc)
            && size(start.saturating_add(4)) == Some(entry.packed)
            && size(second) == Some(entry.size)
    };
    // The longest that fits: a short one at the beginning of a long one fits where sizes are zero alone.
    let spellings = [(4, true, 24), (0, true, 20), (4, false, 16), (0, false, 12)];
    let found = spellings.into_iter().find(|(start, wide, _)| (*start == 0 || marked) && fits(*start, *wide));
    found
        .map(|(_, _, length)| length)
        .ok_or(ArchiveError::damaged(at, "a member's descriptor differs from the directory"))
}

const END_MARK: u32 = 0x0605_4b50;
const WIDE_MARK: u32 = 0x0606_4b50;
const LOCATOR_MARK: u32 = 0x0706_4b50;
const ENTRY_MARK: u32 = 0x0201_4b50;
const LOCAL_MARK: u32 = 0x0403_4b50;
const DESCRIPTOR_MARK: u32 = 0x0807_4b50;
/// Bytes of the end without its comment.
const END: u64 = 22;
const LOCATOR: usize = 20;
const WIDE: usize = 56;
/// Bytes of an entry of the directory, and of a member's header, before the name.
const ENTRY: usize = 46;
const LOCAL: usize = 30;
/// Bits of the flags.
const ENCRYPTED: u16 = 1;
const DESCRIBED: u16 = 1 << 3;
const MASKED: u16 = 1 << 13;
const STORED: u16 = 0;
const DEFLATE: u16 = 8;
/// How many bytes one byte of deflate can give, at most.
const MOST_DEFLATED: u64 = 1032;
/// Longest directory that is read. 50,000 entries with long names are half of it.
const MAX_DIRECTORY: u64 = 64 << 20;

#[cfg(test)]
mod tests;
