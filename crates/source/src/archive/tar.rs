//! Tar: a header of 512 bytes before each member's content, and zeros at the end.
//!
//! Implements `docs/spec/containers.md`, "Tar".
//!
//! ```text
//! [long name, or pax records]   header   content, filled up to 512 bytes   ...   1,024 zeros
//! ```

mod told;

use std::collections::HashMap;

use scope::facts::Kind;

use self::told::Told;
use super::names::Names;
use super::{Archive, ArchiveError, Known, Limits, Member, Modified, Other, Place};
use crate::bytes::{ByteSource, length};

/// Reads the header of every member.
pub(super) fn read(
    bytes: &dyn ByteSource,
    limits: &Limits,
    known: &mut Known,
) -> Result<Archive, ArchiveError> {
    let mut found = Found::default();
    match read_all(bytes, limits, &mut found) {
        Ok(()) => Ok(found.archive()),
        Err(error) => {
            (known.members, known.others) = (found.members, found.others);
            Err(error)
        }
    }
}

fn read_all(bytes: &dyn ByteSource, limits: &Limits, found: &mut Found) -> Result<(), ArchiveError> {
    let (mut at, mut entries) = (0_u64, 0_u64);
    let mut told = Told::default();
    loop {
        let mut block = [0; BLOCK];
        if at.saturating_add(length(BLOCK)) > bytes.len() {
            return Err(ArchiveError::damaged(at, "it ends before its end mark"));
        }
        bytes.read_exact_at(at, &mut block)?;
        if block.iter().all(|byte| *byte == 0) {
            if !told.is_empty() {
                return Err(ArchiveError::damaged(at, "it ends behind what is told of a member"));
            }
            found.loose = found.loose.saturating_add(behind(bytes, at)?);
            return Ok(());
        }
        entries = entries.saturating_add(1);
        if entries > limits.entries {
            return Err(ArchiveError::TooMuch { limit: limits.entries, what: "entries" });
        }
        let header = Header::parse(&block, at)?;
        found.aside = found.aside.saturating_add(header.aside);
        let size = told.size.filter(|_| !header.tells()).unwrap_or(header.size);
        let data = at.saturating_add(length(BLOCK));
        let next = size.checked_next_multiple_of(length(BLOCK)).and_then(|filled| data.checked_add(filled));
        let next = next.filter(|next| *next <= bytes.len() && size < 1 << 53);
        let next = next.ok_or(ArchiveError::damaged(at, "a member's content is cut off"))?;
        found.loose = found.loose.saturating_add(filling(bytes, data.saturating_add(size), next)?);
        if header.tells() {
            found.aside = found.aside.saturating_add(length(header.target.len()));
            told.take(&header, bytes, data, size)?;
        } else {
            let told = std::mem::take(&mut told);
            found.aside = found.aside.saturating_add(told.aside);
            found.take(header, told, (at, data, size), limits)?;
        }
        at = next;
    }
}

/// What was found so far.
#[derive(Default)]
struct Found {
    members: Vec<Member>,
    others: Vec<Other>,
    loose: u64,
    aside: u64,
    /// Bytes of all members, and of all names.
    total: u64,
    names: u64,
    /// The last member of each name, for links to it.
    last: HashMap<Vec<u8>, usize>,
}

impl Found {
    fn archive(self) -> Archive {
        let Self { members, others, loose, aside, .. } = self;
        Archive { loose, aside, ..Archive::new(members, others) }
    }

    /// Takes an entry whose header is at `at`, and `size` bytes of content at `data`.
    fn take(
        &mut self,
        header: Header,
        told: Told,
        (at, data, size): (u64, u64, u64),
        limits: &Limits,
    ) -> Result<(), ArchiveError> {
        let named = told.name.as_deref().unwrap_or(&header.name);
        let is_file = matches!(header.kind, b'0' | 0 | b'7' | b'S') && !(size == 0 && named.ends_with(b"/"));
        let named = named.strip_suffix(b"/").filter(|_| !is_file).unwrap_or(named);
        let mut names = Names::of(named);
        if told.name.is_none()
            && let Some(longer) = &header.longer
        {
            names = names.and(longer);
        }
        let each = std::iter::once(&names.name).chain(&names.also).map(|name| length(name.len()));
        self.names = each.fold(self.names, u64::saturating_add);
        if self.names > limits.names {
            return Err(ArchiveError::TooMuch { limit: limits.names, what: "bytes of names" });
        }
        // The field and what is told of links is for links alone.
        let target = told.target.as_deref().unwrap_or(&header.target);
        if !matches!(header.kind, b'1' | b'2') {
            self.aside = self.aside.saturating_add(length(target.len()));
        }
        let modified = told.modified.or(header.modified);
        let Names { name, also, doubtful } = names;
        let kind = match header.kind {
            _ if is_file => {
                self.total = self.total.saturating_add(size);
                limits.check(self.total)?;
                let sparse = header.kind == b'S' || told.sparse;
                let stored = Place::Stored { at: data, crc: None };
                let place = if sparse { Place::Unreadable(Place::HOLES) } else { stored };
                self.last.insert(name.clone(), self.members.len());
                self.members.push(Member { name, also, doubtful, size, modified, at: data, place });
                return Ok(());
            }
            // Readers disagree on whether content follows such a header that has a size.
            b'1'..=b'6' if size > 0 => {
                return Err(ArchiveError::damaged(at, "an entry without content has a size"));
            }
            b'1' => {
                self.link(Names { name, also, doubtful }, target);
                return Ok(());
            }
            b'2' => Kind::Symlink,
            b'3' => Kind::CharDevice,
            b'4' => Kind::BlockDevice,
            b'0' | 0 | b'7' | b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            _ => {
                self.loose = self.loose.saturating_add(size);
                Kind::Other
            }
        };
        self.others.push(Other { kind, name, also, doubtful, modified });
        Ok(())
    }

    /// A hard link is one more name of a member.
    fn link(&mut self, names: Names, target: &[u8]) {
        let at = self.last.get(&Names::of(target).name).copied();
        let Some((at, member)) = at.and_then(|at| self.members.get_mut(at).map(|own| (at, own))) else {
            // Of something that is not there.
            self.aside = self.aside.saturating_add(length(names.name.len()));
            return;
        };
        member.doubtful |= names.doubtful;
        self.last.insert(names.name.clone(), at);
        let new = std::iter::once(names.name).chain(names.also).filter(|name| *name != member.name);
        member.also.extend(new);
    }
}

struct Header {
    kind: u8,
    name: Vec<u8>,
    /// The name with a prefix that some programs put before it.
    longer: Option<Vec<u8>>,
    /// What a link leads to.
    target: Vec<u8>,
    size: u64,
    modified: Option<Modified>,
    /// Bytes that say something of which no field tells.
    aside: u64,
}

impl Header {
    fn parse(block: &[u8; BLOCK], at: u64) -> Result<Self, ArchiveError> {
        let damaged = |what| ArchiveError::damaged(at, what);
        let part = |from: usize, len: usize| block.get(from..from.saturating_add(len)).unwrap_or_default();
        // The sum counts its own field as spaces.
        let sum = block
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) });
        if number(part(148, 8)) != Some(sum.sum()) {
            return Err(damaged("here is no header of a member"));
        }
        let size = number(part(124, 12)).ok_or(damaged("a member's size is no number"))?;
        let mut name = text(part(0, 100)).to_vec();
        let prefix = text(part(345, 155));
        let whole = [prefix, b"/", &name].concat();
        let mut longer = None;
        let said = |field: &[u8]| field.iter().filter(|byte| **byte != 0).count();
        // Bytes of fields that hold something else than they are for.
        let mut odd = 0_usize;
        // Behind a text that ends, and in what is filled up, nobody reads.
        let mut unread = vec![(0, 100), (157, 100)];
        let filled = match part(257, 8) {
            b"ustar\x0000" => {
                unread.extend([(265, 32), (297, 32), (345, 155)]);
                if !prefix.is_empty() {
                    name = whole;
                }
                part(500, 12)
            }
            magic if magic.starts_with(b"ustar") => {
                unread.extend([(265, 32), (297, 32)]);
                // Some programs read a prefix here all the same, others times.
                longer = (!prefix.is_empty()).then_some(whole);
                part(345, 167)
            }
            // Before POSIX there were no further fields; GNU writes zeros in digits where those of devices came to stand.
            _ => {
                let bare = |field: &[u8]| field.iter().all(|byte| matches!(byte, b'0' | b' ' | 0));
                let devices = bare(part(329, 16));
                odd = odd.saturating_add(said(part(257, 72)));
                odd = odd.saturating_add(if devices { 0 } else { said(part(329, 16)) });
                part(345, 167)
            }
        };
        if block.get(257..262) == Some(b"ustar") {
            let owner =
                |field: &[u8]| !std::str::from_utf8(field).is_ok_and(|name| name.chars().all(is_of_owner));
            let users = [(265, 32), (297, 32)].map(|(from, len)| text(part(from, len)));
            let users = users.into_iter().filter(|field| owner(field)).map(said);
            let devices = [(329, 8), (337, 8)].map(|(from, len)| part(from, len));
            let devices = devices.into_iter().filter(|field| small(field).is_none()).map(said);
            odd = users.chain(devices).fold(odd, usize::saturating_add);
        }
        let numbers = [(100, 8), (108, 8), (116, 8)].map(|(from, len)| part(from, len));
        let numbers = numbers.into_iter().filter(|field| small(field).is_none()).map(said);
        odd = numbers.fold(odd, usize::saturating_add);
        let rest = unread.iter().map(|(from, len)| part(*from, *len));
        let rest = rest.map(|field| field.get(text(field).len()..).unwrap_or_default());
        let aside = rest.chain([filled]).map(said).fold(odd, usize::saturating_add);
        let ns = number(part(136, 12)).map(|seconds| i128::from(seconds).saturating_mul(1_000_000_000));
        let modified = ns.map(|ns| Modified { ns, local: false });
        let kind = part(156, 1).first().copied().unwrap_or_default();
        let target = text(part(157, 100)).to_vec();
        Ok(Self { kind, name, longer, target, size, modified, aside: length(aside) })
    }

    /// Whether it tells of the member that follows.
    fn tells(&self) -> bool {
        matches!(self.kind, b'L' | b'K' | b'x' | b'g')
    }
}

/// Bytes between the end of a member's content and the next header that are not zero.
fn filling(bytes: &dyn ByteSource, from: u64, to: u64) -> Result<u64, ArchiveError> {
    let mut filling = [0; BLOCK];
    let len = usize::try_from(to.saturating_sub(from)).unwrap_or_default();
    let filling = filling.get_mut(..len).unwrap_or_default();
    bytes.read_exact_at(from, filling)?;
    Ok(length(filling.iter().filter(|byte| **byte != 0).count()))
}

/// Bytes behind the end mark that are not zero.
fn behind(bytes: &dyn ByteSource, mut at: u64) -> Result<u64, ArchiveError> {
    let mut piece = vec![0; 128 * BLOCK];
    let mut loose = 0_usize;
    loop {
        let count = bytes.read_at(at, &mut piece)?;
        if count == 0 {
            return Ok(length(loose));
        }
        let other = piece.get(..count).unwrap_or_default().iter().filter(|byte| **byte != 0).count();
        loose = loose.saturating_add(other);
        at = at.saturating_add(length(count));
    }
}

/// A text that ends at its first zero byte.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A number of a header that says nothing but itself: an owner, a mode, a device. Binary ones may be negative.
fn small(field: &[u8]) -> Option<u64> {
    match field.split_first() {
        Some((0xFF, rest)) if rest.iter().take(3).all(|byte| *byte == 0xFF) => Some(0),
        _ => number(field).filter(|number| *number <= u32::MAX.into()),
    }
}

/// Whether names of users and groups have it: those of domains, too.
fn is_of_owner(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '$' | '+' | '@' | '\\' | ' ')
}

/// A number of a header: octal digits among spaces and zero bytes, or, with the highest bit set, a binary one.
fn number(field: &[u8]) -> Option<u64> {
    match field.split_first()? {
        (0x80, rest) => {
            rest.iter().try_fold(0_u64, |sum, byte| sum.checked_mul(256)?.checked_add((*byte).into()))
        }
        _ => {
            let digits = field
                .split(|byte| matches!(byte, b' ' | 0))
                .find(|part| !part.is_empty())
                .unwrap_or_default();
            let octal = |sum: u64, byte: &u8| {
                let digit = byte.checked_sub(b'0').filter(|digit| *digit < 8)?;
                sum.checked_mul(8)?.checked_add(digit.into())
            };
            let rest = field.iter().filter(|byte| !matches!(byte, b' ' | 0)).count();
            (rest == digits.len()).then(|| digits.iter().try_fold(0, octal)).flatten()
        }
    }
}

fn decimal(field: &[u8]) -> Option<u64> {
    let digits = !field.is_empty() && field.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(field).ok().filter(|_| digits)?.parse().ok()
}

/// Seconds with or without a fraction.
fn seconds(field: &[u8]) -> Option<Modified> {
    let field = std::str::from_utf8(field).ok()?;
    let (minus, field) = field.strip_prefix('-').map_or((false, field), |rest| (true, rest));
    let (whole, fraction) = field.split_once('.').unwrap_or((field, ""));
    let whole = i128::from(decimal(whole.as_bytes())?).checked_mul(1_000_000_000)?;
    let fraction = fraction.get(..fraction.len().min(9))?;
    let missing = u32::try_from(9_usize.checked_sub(fraction.len())?).ok()?;
    let part = if fraction.is_empty() {
        0
    } else {
        decimal(fraction.as_bytes())?.checked_mul(10_u64.pow(missing))?
    };
    let ns = whole.checked_add(part.into())?;
    Some(Modified { ns: if minus { ns.checked_neg()? } else { ns }, local: false })
}

const BLOCK: usize = 512;

#[cfg(test)]
mod tests;
