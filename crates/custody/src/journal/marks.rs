//! What the case folder knows of a journal.

use std::io::Write as _;
use std::path::Path;

use super::{marks_path, read_own};
use crate::durable::{Disk, NewFile};
use crate::package::PackageError;

/// What the case folder knows of a journal: the `mac` of each line.
pub(crate) struct Marks {
    macs: Vec<String>,
    are_there: bool,
}

impl Marks {
    /// Reads the marks beside a key. A last line that is not whole was never one.
    pub(crate) fn read(disk: &Disk, key_path: &Path) -> Result<Self, PackageError> {
        let path = marks_path(key_path);
        if !disk.exists(&path) {
            return Ok(Self { macs: Vec::new(), are_there: false });
        }
        let bytes = read_own(disk, &path, MAX_MARKS)?;
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').map_while(|line| line.strip_suffix(b"\n"));
        let macs = lines.map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        Ok(Self { macs, are_there: true })
    }

    /// Makes them what a journal has, and gives the file, to go on with.
    pub(super) fn bring(disk: &Disk, key_path: &Path, macs: &[String]) -> Result<NewFile, PackageError> {
        let marked = Self::read(disk, key_path)?;
        let known = marked.in_common(macs);
        let mut marks = match marked.are_there {
            true => disk.append(&marks_path(key_path), marked.bytes(known))?,
            false => disk.create_new(&marks_path(key_path))?,
        };
        for mac in macs.iter().skip(known) {
            marks.write_all(format!("{mac}\n").as_bytes())?;
        }
        marks.sync()?;
        Ok(marks)
    }

    /// Whether the file is there, however much is in it.
    pub(crate) fn are_there(&self) -> bool {
        self.are_there
    }

    pub(crate) fn count(&self) -> usize {
        self.macs.len()
    }

    /// How many lines of a journal are known, from its first. A `mac` is over all lines before its own: where a later mark
    /// agrees, an earlier one that does not was altered, and says nothing.
    pub(crate) fn in_common(&self, macs: &[String]) -> usize {
        let agreeing = self.macs.iter().zip(macs).zip(1..).filter(|((a, b), _)| a == b);
        agreeing.map(|(_, number)| number).last().unwrap_or(0)
    }

    /// The marks behind those of a journal; `None` unless they begin with all of it.
    pub(crate) fn beyond(&self, macs: &[String]) -> Option<&[String]> {
        self.macs.strip_prefix(macs)
    }

    /// Whether bytes behind the last whole line of a journal are of a line that was durable: its mark follows it.
    pub(crate) fn knew(&self, lines: usize, rest: &[u8]) -> bool {
        let next = self.macs.get(lines).map(String::as_bytes);
        next.is_some_and(|mac| {
            rest.ends_with(b"\n") || rest.windows(mac.len().max(1)).any(|part| part == mac)
        })
    }

    fn bytes(&self, lines: usize) -> u64 {
        let sizes = self.macs.iter().take(lines).map(|mac| mac.len().saturating_add(1));
        u64::try_from(sizes.sum::<usize>()).unwrap_or(u64::MAX)
    }
}

/// Longest file of marks: 65 bytes for each line of a journal.
const MAX_MARKS: u64 = 64 << 20;
