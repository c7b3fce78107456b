//! Tar: a header of 512 bytes before each member's content, and zeros at the end.
//!
//! Implements `docs/spec/containers.md`, "Tar".
//!
//! ```text
//! [long name, or pax records]   header   content, filled up to 512 bytes   ...   1,024 zeros
//! ```

use super::{Archive, ArchiveError, Limits, Member, Modified, Place};
use crate::bytes::{ByteSource, length};

/// Reads the header of every member.
pub(super) fn read(bytes: &dyn ByteSource, limits: &Limits) -> Result<Archive, ArchiveError> {
    let mut archive = Archive { members: Vec::new(), others: 0, loose: 0 };
    let (mut at, mut total, mut entries, mut names) = (0_u64, 0_u64, 0_u64, 0_u64);
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
            archive.loose = archive.loose.saturating_add(behind(bytes, at)?);
            return Ok(archive);
        }
        entries = entries.saturating_add(1);
        if entries > limits.entries {
            return Err(ArchiveError::TooMuch { limit: limits.entries, what: "entries" });
        }
        let header = Header::parse(&block, at)?;
        let size = told.size.filter(|_| !header.tells()).unwrap_or(header.size);
        let data = at.saturating_add(length(BLOCK));
        let next = size.checked_next_multiple_of(length(BLOCK)).and_then(|filled| data.checked_add(filled));
        let next = next.filter(|next| *next <= bytes.len() && size < 1 << 53);
        let next = next.ok_or(ArchiveError::damaged(at, "a member's content is cut off"))?;
        archive.loose = archive.loose.saturating_add(filling(bytes, data.saturating_add(size), next)?);
        if header.tells() {
            told.take(&header, bytes, data, size)?;
        } else {
            let told = std::mem::take(&mut told);
            match header.kind {
                b'0' | 0 | b'7' | b'S' if !(size == 0 && header.name.ends_with(b"/")) => {
                    total = total.saturating_add(size);
                    limits.check(total, bytes.len())?;
                    let sparse = header.kind == b'S' || told.sparse;
                    let place = if sparse {
                        Place::Unreadable(Place::HOLES)
                    } else {
                        Place::Stored { at: data, crc: None }
                    };
                    let modified = told.modified.or(header.modified);
                    let name = told.name.unwrap_or(header.name);
                    names = names.saturating_add(length(name.len()));
                    if names > limits.names {
                        return Err(ArchiveError::TooMuch { limit: limits.names, what: "bytes of names" });
                    }
                    archive.members.push(Member { name, size, modified, place });
                }
                // Links, devices, directories. Readers disagree on whether content follows such a header that has a size.
                b'0' | 0 | b'7' | b'1'..=b'6' if size == 0 => {
                    archive.others = archive.others.saturating_add(1)
                }
                b'1'..=b'6' => return Err(ArchiveError::damaged(at, "an entry without content has a size")),
                _ => {
                    archive.others = archive.others.saturating_add(1);
                    archive.loose = archive.loose.saturating_add(size);
                }
            }
        }
        at = next;
    }
}

struct Header {
    kind: u8,
    name: Vec<u8>,
    size: u64,
    modified: Option<Modified>,
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
        if part(257, 8) == b"ustar\x0000" && !prefix.is_empty() {
            name = [prefix, b"/", &name].concat();
        }
        let ns = number(part(136, 12)).map(|seconds| i128::from(seconds).saturating_mul(1_000_000_000));
        let kind = part(156, 1).first().copied().unwrap_or_default();
        Ok(Self { kind, name, size, modified: ns.map(|ns| Modified { ns, local: false }) })
    }

    /// Whether it tells of the member that follows.
    fn tells(&self) -> bool {
        matches!(self.kind, b'L' | b'K' | b'x' | b'g')
    }
}

/// What is told of a member before its header.
#[derive(Default)]
struct Told {
    name: Option<Vec<u8>>,
    link: bool,
    size: Option<u64>,
    modified: Option<Modified>,
    sparse: bool,
    records: bool,
}

impl Told {
    fn is_empty(&self) -> bool {
        self.name.is_none() && !self.link && !self.records
    }

    fn take(
        &mut self,
        header: &Header,
        bytes: &dyn ByteSource,
        at: u64,
        size: u64,
    ) -> Result<(), ArchiveError> {
        let twice = || ArchiveError::damaged(at, "a member is told of twice");
        if size > MAX_TOLD {
            return Err(ArchiveError::TooMuch { limit: MAX_TOLD, what: "bytes told of one member" });
        }
        let mut holds = vec![0; usize::try_from(size).unwrap_or_default()];
        bytes.read_exact_at(at, &mut holds)?;
        match header.kind {
            b'L' if self.name.is_none() => self.name = Some(text(&holds).to_vec()),
            b'K' if !self.link => self.link = true,
            b'x' if !self.records => self.records(&holds, at)?,
            // What is told of all members that follow: of nothing that is read here.
            b'g' => {
                let mut all = Self::default();
                all.records(&holds, at)?;
                if all.name.is_some() || all.size.is_some() || all.modified.is_some() || all.sparse {
                    return Err(ArchiveError::damaged(
                        at,
                        "all members are told to have one name, size or time",
                    ));
                }
            }
            _ => return Err(twice()),
        }
        Ok(())
    }

    /// Pax records: `<length> <key>=<value>` and a line feed.
    fn records(&mut self, mut holds: &[u8], at: u64) -> Result<(), ArchiveError> {
        let bad = || ArchiveError::damaged(at, "what is told of a member cannot be read");
        self.records = true;
        while !holds.is_empty() {
            let space = holds.iter().position(|byte| *byte == b' ').ok_or_else(bad)?;
            let len = decimal(holds.get(..space).unwrap_or_default()).ok_or_else(bad)?;
            let len = usize::try_from(len).map_err(|_| bad())?;
            let record = holds.get(space.saturating_add(1)..len).ok_or_else(bad)?;
            let record = record.strip_suffix(b"\n").ok_or_else(bad)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(bad)?;
            let (key, value) = (
                record.get(..equals).unwrap_or_default(),
                record.get(equals.saturating_add(1)..).unwrap_or_default(),
            );
            match key {
                b"path" if self.name.is_none() => self.name = Some(value.to_vec()),
                b"size" if self.size.is_none() => self.size = Some(decimal(value).ok_or_else(bad)?),
                b"mtime" if self.modified.is_none() => self.modified = Some(seconds(value).ok_or_else(bad)?),
                b"path" | b"size" | b"mtime" => {
                    return Err(ArchiveError::damaged(at, "a member is told of twice"));
                }
                key if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                _ => {}
            }
            holds = holds.get(len..).unwrap_or_default();
        }
        Ok(())
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
/// Longest name or list of records told of one member. A path of an operating system has at most some thousand bytes.
const MAX_TOLD: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::sync::Arc;

    use super::super::Form;
    use super::*;

    fn header(kind: u8, name: &[u8], size: usize) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
        block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
        block[136..147].copy_from_slice(format!("{:011o}", 1_300_000_000).as_bytes());
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        sum(block)
    }

    fn sum(mut block: Vec<u8>) -> Vec<u8> {
        block[148..156].fill(b' ');
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        block
    }

    fn entry(kind: u8, name: &[u8], content: &[u8]) -> Vec<u8> {
        let mut bytes = header(kind, name, content.len());
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    }

    fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
        [entries.concat(), vec![0; 2 * BLOCK]].concat()
    }

    /// Members by name and content, how many entries are none, and loose bytes; or what is wrong.
    type Expected<'e> = Result<(&'e [(&'e [u8], &'e [u8])], u64, u64), &'e str>;

    fn check(bytes: Vec<u8>, expect: Expected<'_>) {
        let bytes: Arc<dyn ByteSource> = Arc::new(bytes);
        let read = super::super::read(Form::Tar, Arc::clone(&bytes), &Limits::default());
        match (read, expect) {
            (Ok(archive), Ok((members, others, loose))) => {
                assert_eq!((archive.others, archive.loose), (others, loose));
                let names: Vec<&[u8]> = archive.members.iter().map(|member| &member.name[..]).collect();
                assert_eq!(names, members.iter().map(|(name, _)| *name).collect::<Vec<_>>());
                for (number, (_, content)) in members.iter().enumerate() {
                    let mut found = Vec::new();
                    archive.open(number, Arc::clone(&bytes)).unwrap().read_to_end(&mut found).unwrap();
                    assert_eq!(&found, content);
                }
            }
            (Err(error), Err(because)) => assert!(error.to_string().contains(because), "{error}"),
            (read, expect) => panic!("{read:?} instead of {expect:?}"),
        }
    }

    #[test]
    fn each_member_has_its_name_and_content() {
        let long = vec![b'n'; 300];
        let record = [b"313 path=", &[b'p'; 303][..], b"\n"].concat();
        let bytes = tar(&[
            entry(b'5', b"folder/", b""),
            entry(b'0', b"../up", b"one"),
            entry(b'2', b"link", b""),
            entry(b'L', b"././@LongLink", &[&long[..], b"\0"].concat()),
            entry(b'0', b"short", &[7; 512]),
            entry(b'x', b"pax", &record),
            entry(0, b"short", b""),
        ]);
        check(bytes, Ok((&[(b"../up", b"one"), (&long, &[7; 512]), (&[b'p'; 303], b"")], 2, 0)));
    }

    #[test]
    fn bytes_that_no_member_holds_are_told_of() {
        let mut bytes = tar(&[entry(b'0', b"a", b"x")]);
        bytes[BLOCK + 100] = 1;
        bytes.extend(b"hidden");
        check(bytes, Ok((&[(b"a", b"x")], 0, 7)));
        check(tar(&[entry(b'D', b"dump", b"some")]), Ok((&[], 1, 4)));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let told = entry(b'L', b"", b"name");
        check(tar(&[told.clone(), told.clone(), entry(b'0', b"a", b"")]), Err("told of twice"));
        check(tar(&[told, entry(b'x', b"", b"9 path=a\n"), entry(b'0', b"a", b"")]), Err("told of twice"));
        check(
            tar(&[entry(b'x', b"", b"9 path=a\n9 path=b\n"), entry(b'0', b"a", b"")]),
            Err("told of twice"),
        );
        check(tar(&[entry(b'x', b"", b"9 path=a\n")]), Err("ends behind"));
        check(tar(&[entry(b'x', b"", b"99 path=a\n"), entry(b'0', b"a", b"")]), Err("cannot be read"));
        check(tar(&[entry(b'g', b"", b"9 path=a\n"), entry(b'0', b"a", b"")]), Err("all members"));
        check(tar(&[entry(b'2', b"link", b"content")]), Err("without content has a size"));
        check(entry(b'0', b"a", b"x"), Err("before its end mark"));
        check(tar(&[header(b'0', b"a", 1 << 20)]), Err("cut off"));
        let mut bytes = tar(&[entry(b'0', b"a", b"x")]);
        bytes[0] ^= 1;
        check(bytes, Err("no header"));
    }

    #[test]
    fn members_with_holes_have_a_name_and_no_content() {
        let pax = |record: &[u8]| entry(b'x', b"pax", record);
        for entries in [
            vec![entry(b'S', b"a", b"map")],
            vec![pax(b"22 GNU.sparse.major=1\n"), entry(b'0', b"a", b"map")],
        ] {
            let bytes: Arc<dyn ByteSource> = Arc::new(tar(&entries));
            let archive = super::super::read(Form::Tar, Arc::clone(&bytes), &Limits::default()).unwrap();
            assert_eq!(archive.members[0].name, b"a");
            let error = archive.open(0, bytes).err().unwrap().to_string();
            assert!(error.contains("holes"), "{error}");
        }
    }

    #[test]
    fn too_many_entries_and_names_without_end_are_refused() {
        let limits = Limits { entries: 3, names: 10, ..Limits::default() };
        let refused = |entries: &[Vec<u8>], because: &str| {
            let bytes: Arc<dyn ByteSource> = Arc::new(tar(entries));
            let error = super::super::read(Form::Tar, bytes, &limits).unwrap_err().to_string();
            assert!(error.contains(because), "{error}");
        };
        let named = |name: &[u8]| [entry(b'L', b"", name), entry(b'0', b"a", b"")].concat();
        refused(&vec![entry(b'5', b"a/", b""); 4], "more than 3 entries");
        refused(&[entry(b'0', b"abcdef", b""), entry(b'0', b"abcdef", b"")], "more than 10 bytes of names");
        let limits = Limits::default();
        let read = |name: &[u8]| {
            let bytes: Arc<dyn ByteSource> = Arc::new(tar(&[named(name)]));
            super::super::read(Form::Tar, bytes, &limits).map_err(|error| error.to_string())
        };
        assert!(read(&[b'a'; 4096]).is_ok() && read(&b"a/".repeat(255)).is_ok());
        assert!(read(&[b'a'; 4097]).unwrap_err().contains("4096 bytes in a member's name"));
        assert!(read(&b"a/".repeat(256)).unwrap_err().contains("255 folders"));
    }

    #[test]
    fn times_have_fractions() {
        for (text, ns) in [("12.5", 12_500_000_000), ("-1", -1_000_000_000), ("3.1234567891", 3_123_456_789)]
        {
            assert_eq!(seconds(text.as_bytes()).unwrap().ns, ns, "{text}");
        }
        for text in ["", "1.x", "--1", "x"] {
            assert!(seconds(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn no_byte_that_is_changed_makes_it_panic() {
        let bytes = tar(&[
            entry(b'L', b"", b"name\0"),
            entry(b'0', b"a", b"x"),
            entry(b'x', b"", b"9 path=a\n"),
            entry(b'0', b"b", b"y"),
        ]);
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] = bytes[at].wrapping_add(0x80);
            let _ = read(&bytes, &Limits::default());
        }
    }
}
