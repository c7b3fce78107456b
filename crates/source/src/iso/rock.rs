//! Rock Ridge: what stands behind the name of a directory record, and where that goes on.
//!
//! ```text
//! PX mode, links, owners     NM name        SL link's target     CL RE  a directory that was moved
//! TF times                   SF ZF sparse, compressed content    CE     it goes on elsewhere
//! ```

use scope::facts::{Stamp, TimeKind, Zone};

use crate::bytes::ByteSource;
use crate::field::{byte, le64};
use crate::iso::record::both32;
use crate::iso::time;

/// What the entries of one record say.
#[derive(Debug, Default)]
pub(crate) struct Rock {
    pub(crate) mode: Option<u32>,
    pub(crate) links: Option<u32>,
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
    pub(crate) times: Vec<Stamp>,
    pub(crate) name: Option<Vec<u8>>,
    /// A link's target; `None` also where it cannot be told.
    pub(crate) target: Option<Vec<u8>>,
    /// First block of the directory that this record stands for.
    pub(crate) child: Option<u32>,
    /// Whether this directory stands elsewhere in the tree.
    pub(crate) moved: bool,
    /// Content in a form that is not read, in words, and its size where it is known.
    pub(crate) form: Option<(&'static str, Option<u64>)>,
    /// Bytes that are skipped before the entries of every record: the disc has SUSP.
    pub(crate) skip: Option<usize>,
    /// Whether Rock Ridge names itself among the extensions.
    pub(crate) declared: bool,
    /// Whether access lists and extended attributes in a form of their own are declared.
    pub(crate) has_lists: bool,
    pub(crate) issues: Vec<String>,
    /// Whether the medium did not give where they go on.
    is_cut: bool,
    /// Whether the name goes on in another entry.
    name_goes_on: bool,
    /// What the next part of a target needs before it.
    slash: bool,
    no_target: bool,
}

/// Where entries go on.
#[derive(Clone, Copy, Eq, PartialEq)]
struct Area {
    block: u32,
    offset: u32,
    length: u32,
}

impl Rock {
    /// Reads the entries `first`, and where they go on in blocks of `block` bytes.
    pub(crate) fn read(bytes: &dyn ByteSource, block: u64, first: &[u8]) -> Self {
        let mut rock = Self::default();
        let mut visited: Vec<Area> = Vec::new();
        let mut next = rock.entries(first);
        while let Some(area) = next {
            if visited.contains(&area) || visited.len() >= MAX_AREAS || area.length > MAX_AREA {
                rock.say(
                    "its Rock Ridge entries go on without end, or in a circle; the rest is not read".into(),
                );
                break;
            }
            visited.push(area);
            let at = u64::from(area.block).saturating_mul(block).saturating_add(area.offset.into());
            let mut raw = vec![0; usize::try_from(area.length).unwrap_or(0)];
            if let Err(error) = bytes.read_exact_at(at, &mut raw) {
                rock.say(format!("its Rock Ridge entries could not be read to their end: {error}"));
                // What is there of a target may be its beginning.
                rock.no_target = true;
                rock.is_cut = true;
                break;
            }
            next = rock.entries(&raw);
        }
        if rock.no_target {
            rock.target = None;
        }
        rock
    }

    /// Whether the root's entries say that the disc has Rock Ridge.
    pub(crate) fn is_rock_ridge(&self) -> bool {
        self.skip.is_some() && (self.declared || self.mode.is_some())
    }

    /// Whether a name may stand, or go on, where the medium gave nothing: then what else the record says is not its name.
    pub(crate) fn has_lost_name(&self) -> bool {
        self.is_cut && (self.name.is_none() || self.name_goes_on)
    }

    fn say(&mut self, what: String) {
        if self.issues.len() < MAX_ISSUES && !self.issues.contains(&what) {
            self.issues.push(what);
        }
    }

    /// Reads one area; gives where the next one is.
    fn entries(&mut self, area: &[u8]) -> Option<Area> {
        let mut rest = area;
        let mut next = None;
        while rest.len() >= 4 {
            let length = usize::from(byte(rest, 2).unwrap_or(0));
            let (Some(entry), Some(behind)) =
                (rest.get(..length).filter(|_| length >= 4), rest.get(length..))
            else {
                // What is left may be padding.
                if rest.iter().any(|byte| *byte != 0) {
                    self.say(
                        "a Rock Ridge entry does not end in its own place; those behind it are not read"
                            .into(),
                    );
                }
                break;
            };
            rest = behind;
            match entry.get(..2).unwrap_or_default() {
                b"ST" => break,
                b"CE" if next.is_none() => next = self.area(entry),
                b"CE" => self.say("Rock Ridge entries go on in two places; only the first is read".into()),
                signature => {
                    if self.entry(signature, entry).is_none() {
                        self.say("a Rock Ridge entry is too short for its fields, and is not read".into());
                    }
                }
            }
        }
        next
    }

    fn area(&mut self, entry: &[u8]) -> Option<Area> {
        let area = (self.number(entry, 4), self.number(entry, 12), self.number(entry, 20));
        if let (Some(block), Some(offset), Some(length)) = area {
            return Some(Area { block, offset, length });
        }
        self.say("a Rock Ridge entry is too short for its fields, and is not read".into());
        None
    }

    /// A number in both orders of bytes.
    fn number(&mut self, entry: &[u8], at: usize) -> Option<u32> {
        let (number, same) = both32(entry, at)?;
        if !same {
            self.say(
                "the two forms of a number of its Rock Ridge entries differ; the little-endian one is used"
                    .into(),
            );
        }
        Some(number)
    }

    /// Reads one entry; `None` where it is too short.
    fn entry(&mut self, signature: &[u8], entry: &[u8]) -> Option<()> {
        match signature {
            b"SP" if entry.get(4..6)? == [0xBE, 0xEF] => self.skip = Some(byte(entry, 6)?.into()),
            b"ER" => {
                let end = 8_usize.checked_add(byte(entry, 4)?.into())?;
                let name = entry.get(8..end)?;
                self.declared |= name.starts_with(b"RRIP_") || name.starts_with(b"IEEE_");
                self.has_lists |= name.starts_with(b"AAIP");
            }
            b"PX" => {
                self.mode = Some(self.number(entry, 4)?);
                self.links = Some(self.number(entry, 12)?);
                self.uid = Some(self.number(entry, 20)?);
                self.gid = Some(self.number(entry, 28)?);
            }
            b"TF" => self.stamps(entry)?,
            b"NM" => {
                let flags = byte(entry, 4)?;
                if flags & 0x26 != 0 {
                    self.say(
                        "its Rock Ridge name is a reference to itself, to the one above or to a host".into(),
                    );
                } else {
                    self.name.get_or_insert_default().extend(entry.get(5..)?);
                    self.name_goes_on = flags & 1 != 0;
                }
            }
            b"SL" => self.components(entry.get(5..)?)?,
            b"CL" => self.child = Some(self.number(entry, 4)?),
            b"RE" => self.moved = true,
            b"SF" => {
                let high = self.number(entry, 4)?;
                // The older form has one number alone.
                let size = match entry.len() {
                    12 => high.into(),
                    _ => u64::from(high) << 32 | u64::from(self.number(entry, 12)?),
                };
                self.form = Some(("sparse (SF)", Some(size)));
            }
            b"ZF" => {
                let size = match entry.get(4..6)? {
                    b"pz" => Some(self.number(entry, 8)?.into()),
                    b"PZ" => Some(le64(entry, 8)?),
                    _ => None,
                };
                self.form = Some(("compressed (zisofs)", size));
            }
            _ => {}
        }
        Some(())
    }

    fn stamps(&mut self, entry: &[u8]) -> Option<()> {
        let flags = byte(entry, 4)?;
        let width = if flags & 0x80 == 0 { 7 } else { 17 };
        let mut at = 5_usize;
        let kinds = [
            Some(TimeKind::Created),
            Some(TimeKind::Modified),
            Some(TimeKind::Accessed),
            Some(TimeKind::Changed),
            None,
            None,
            None,
        ];
        for (_, of) in kinds.into_iter().enumerate().filter(|(bit, _)| flags >> bit & 1 != 0) {
            let end = at.checked_add(width)?;
            let raw = entry.get(at..end)?;
            at = end;
            let found = if width == 7 { time::short(raw) } else { time::long(raw) };
            match (of, found) {
                (Some(of), Ok(Some(ns))) if !self.times.iter().any(|stamp| stamp.of == of) => {
                    self.times.push(Stamp { of, from: "inode".into(), ns, zone: Zone::Recorded });
                }
                (Some(_), Err(time::Odd)) => {
                    self.say("a time that is in no calendar is not recorded".into());
                }
                _ => {}
            }
        }
        Some(())
    }

    /// Adds the components of a link's target.
    fn components(&mut self, mut rest: &[u8]) -> Option<()> {
        let mut target = self.target.take().unwrap_or_default();
        while !rest.is_empty() {
            let flags = byte(rest, 0)?;
            let end = 2_usize.checked_add(byte(rest, 1)?.into())?;
            let Some(text) = rest.get(2..end) else {
                self.no_target = true;
                return None;
            };
            if self.slash {
                target.push(b'/');
            }
            self.slash = flags & 1 == 0;
            match flags & !1 {
                0 => target.extend(text),
                2 => target.push(b'.'),
                4 => target.extend(b".."),
                8 => {
                    target.push(b'/');
                    self.slash = false;
                }
                _ => {
                    self.no_target = true;
                    self.say(
                        "the link's target depends on the host that reads it; it is not recorded".into(),
                    );
                }
            }
            rest = rest.get(end..)?;
        }
        self.target = Some(target);
        Some(())
    }
}

/// Most places where one record's entries go on. A name of 255 bytes and a target of 4,096 need four.
const MAX_AREAS: usize = 16;
/// Most bytes of one such place: it lies in one block, or a few.
const MAX_AREA: u32 = 1 << 13;
/// Most issues of one record's entries: a longer list says no more.
const MAX_ISSUES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(entries: &[&[u8]]) -> Rock {
        let mut all = Vec::new();
        for entry in entries {
            all.extend(&entry[..2]);
            all.extend([entry.len() as u8 + 2, 1]);
            all.extend(&entry[2..]);
        }
        Rock::read(&vec![0; 4096], 2048, &all)
    }

    #[test]
    fn targets() {
        let check = |components: &[u8], expect: Option<&[u8]>| {
            let entry = [b"SL\0", components].concat();
            assert_eq!(read(&[&entry]).target.as_deref(), expect, "{components:?}");
        };
        check(b"\0\x01a\0\x01b", Some(b"a/b"));
        check(b"\x08\0\0\x03usr\0\x03bin", Some(b"/usr/bin"));
        check(b"\x04\0\x04\0\x02\0\0\x01x", Some(b"../.././x"));
        check(b"\x01\x02ab\0\x02cd\0\x01e", Some(b"abcd/e"));
        check(b"\x10\0\0\x01a", None);
        check(b"\x20\0", None);
        check(b"\0\x09a", None);
    }

    #[test]
    fn parts_are_put_together() {
        let rock = read(&[b"NM\x01long ", b"NM\0name", b"SL\x01\x01\x02ab", b"SL\0\0\x01c\0\x01d"]);
        assert_eq!(rock.name.as_deref(), Some(&b"long name"[..]));
        assert_eq!(rock.target.as_deref(), Some(&b"abc/d"[..]));
        assert_eq!(rock.issues, Vec::<String>::new());
    }

    #[test]
    fn circles_end() {
        let area =
            |block: u8| [block, 0, 0, 0, 0, 0, 0, block, 0, 0, 0, 0, 0, 0, 0, 0, 28, 0, 0, 0, 0, 0, 0, 28];
        let entry = [&b"CE\x1c\x01"[..], &area(1)].concat();
        let mut medium = vec![0; 2048];
        medium.extend(&entry);
        medium.resize(4096, 0);
        let rock = Rock::read(&medium, 2048, &entry);
        assert_eq!(rock.issues.len(), 1);
    }
}
