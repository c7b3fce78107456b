//! What is told of a member before its header: long names, and records of pax.

use super::super::{ArchiveError, Modified};
use super::{Header, decimal, seconds, text};
use crate::bytes::{ByteSource, length};

/// What is told of a member before its header.
#[derive(Default)]
pub(super) struct Told {
    pub(super) name: Option<Vec<u8>>,
    /// What a link leads to.
    pub(super) target: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) modified: Option<Modified>,
    pub(super) sparse: bool,
    /// Bytes that say something of which no member tells.
    pub(super) aside: u64,
    records: bool,
}

impl Told {
    pub(super) fn is_empty(&self) -> bool {
        self.name.is_none() && self.target.is_none() && !self.records
    }

    pub(super) fn take(
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
        let mut told = || {
            let told = text(&holds).to_vec();
            let behind = holds.get(told.len()..).unwrap_or_default().iter();
            self.aside = self.aside.saturating_add(length(behind.filter(|byte| **byte != 0).count()));
            Some(told)
        };
        match header.kind {
            b'L' if self.name.is_none() => self.name = told(),
            b'K' if self.target.is_none() => self.target = told(),
            b'x' if !self.records => self.records(&holds, at, false)?,
            // What is told of all members that follow: of nothing that is read here.
            b'g' => {
                let mut all = Self::default();
                all.records(&holds, at, true)?;
                self.aside = self.aside.saturating_add(all.aside);
                let any = all.name.is_some() || all.target.is_some() || all.size.is_some();
                if any || all.modified.is_some() || all.sparse {
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
    fn records(&mut self, mut holds: &[u8], at: u64, of_all: bool) -> Result<(), ArchiveError> {
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
                b"linkpath" if self.target.is_none() => self.target = Some(value.to_vec()),
                b"size" if self.size.is_none() => self.size = Some(decimal(value).ok_or_else(bad)?),
                b"mtime" if self.modified.is_none() => self.modified = Some(seconds(value).ok_or_else(bad)?),
                b"path" | b"linkpath" | b"size" | b"mtime" => {
                    return Err(ArchiveError::damaged(at, "a member is told of twice"));
                }
                key if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                key if is_known(key, value, of_all) => {}
                _ => self.aside = self.aside.saturating_add(length(record.len())),
            }
            holds = holds.get(len..).unwrap_or_default();
        }
        Ok(())
    }
}

/// Whether a record is one of those that programs write of themselves: times, numbers, short names of owners.
fn is_known(key: &[u8], value: &[u8], of_all: bool) -> bool {
    let short = |most: usize, allowed: fn(&u8) -> bool| value.len() <= most && value.iter().all(allowed);
    match key {
        b"atime" | b"ctime" | b"LIBARCHIVE.creationtime" => {
            short(32, |byte| matches!(byte, b'0'..=b'9' | b'.' | b'-'))
        }
        b"uid" | b"gid" | b"SCHILY.dev" | b"SCHILY.ino" | b"SCHILY.nlink" => {
            short(20, |byte| matches!(byte, b'0'..=b'9' | b'-'))
        }
        // As long as in a header.
        b"uname" | b"gname" => value.len() <= 32,
        b"SCHILY.fflags" => short(64, |byte| matches!(byte, b'a'..=b'z' | b',')),
        b"hdrcharset" => matches!(value, b"BINARY" | b"ISO-IR 10646 2000 UTF-8"),
        // `git archive` names its commit.
        b"comment" => {
            of_all && value.len() == 40 && short(40, |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        }
        _ => false,
    }
}

/// Longest name or list of records told of one member. A path of an operating system has at most some thousand bytes.
const MAX_TOLD: u64 = 1 << 20;
