//! The look at a part that was just closed: does the disk give back its first and last bytes?
//!
//! A disk that is dead, or smaller than it says (it drops what is beyond), is
//! found at the end of a batch, and not at the end of the night. Everything
//! else is for [`crate::read_back`], before anybody signs.

use std::io::{self, Read as _};
use std::path::Path;

use crate::durable::{Disk, OldFile};
use crate::package::PackageError;
use crate::read_back::{BLOCK, Blocks};

/// What is kept of a file while it is written: its first and its last bytes. They are encrypted.
#[derive(Default)]
pub(crate) struct Edges {
    first: Vec<u8>,
    last: Vec<u8>,
    length: u64,
}

impl Edges {
    /// Bytes were written.
    pub(crate) fn wrote(&mut self, bytes: &[u8]) {
        self.length = self.length.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let room = EDGE.saturating_sub(self.first.len());
        self.first.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        match bytes.len().checked_sub(EDGE) {
            Some(from) => {
                self.last.clear();
                self.last.extend_from_slice(bytes.get(from..).unwrap_or_default());
            }
            None => {
                if self.last.len() > EDGE {
                    self.last.drain(..self.last.len().saturating_sub(EDGE));
                }
                self.last.extend_from_slice(bytes);
            }
        }
    }

    /// Fails unless the file, which is durable, begins and ends like this on the disk.
    ///
    /// # Errors
    ///
    /// [`PackageError::Look`].
    pub(crate) fn are_in(&self, disk: &Disk, path: &Path) -> Result<(), PackageError> {
        let differs = |at| PackageError::Look { path: path.to_owned(), at, length: self.length };
        let mut file = disk.open_on_disk(path)?;
        let mut memory = Blocks::of(EDGE);
        let read = fill(&mut file, memory.bytes())?;
        if memory.bytes().get(..read) != Some(self.first.as_slice()) {
            return Err(differs(0));
        }
        // From the first block that begins in what is kept, to the end.
        let kept = u64::try_from(self.last.len()).unwrap_or(u64::MAX);
        let at = self.length.saturating_sub(kept).next_multiple_of(BLOCK as u64);
        let skip = at.saturating_sub(self.length.saturating_sub(kept));
        let last = usize::try_from(skip).ok().and_then(|skip| self.last.get(skip..)).unwrap_or_default();
        file.go_to(at)?;
        // One block more than there should be: a file that is longer differs, too.
        let mut memory = Blocks::of(last.len().next_multiple_of(BLOCK).saturating_add(BLOCK));
        let read = fill(&mut file, memory.bytes())?;
        if memory.bytes().get(..read) != Some(last) {
            return Err(differs(at));
        }
        Ok(())
    }
}

/// Reads until there is no more, or no room.
fn fill(file: &mut OldFile, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// How many bytes are looked at, at either end: more than a block of any disk, and little memory for each open part.
const EDGE: usize = 1 << 14;

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a file in steps, changes a byte or its length, and looks at it.
    fn look(steps: &[usize], change: impl FnOnce(&mut Vec<u8>)) -> Result<(), PackageError> {
        let (mut edges, mut bytes) = (Edges::default(), Vec::new());
        for (step, number) in steps.iter().zip(1_u8..) {
            let wrote = vec![number; *step];
            edges.wrote(&wrote);
            bytes.extend(wrote);
        }
        change(&mut bytes);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part");
        std::fs::write(&path, bytes).unwrap();
        edges.are_in(&Disk::new(), &path)
    }

    #[test]
    fn what_is_as_it_was_written_is_found_whatever_the_writes() {
        for steps in [
            &[][..],
            &[1],
            &[100, EDGE],
            &[EDGE, EDGE],
            &[EDGE - 1, 2],
            &[70_000; 9],
            &[7_000; 90],
            &[EDGE, 4096],
        ] {
            look(steps, |_| {}).unwrap_or_else(|error| panic!("{steps:?}: {error}"));
        }
    }

    #[test]
    fn a_change_at_either_end_is_seen() {
        let steps = [7_000; 90];
        for at in [0, EDGE - 1, 7_000 * 90 - BLOCK, 7_000 * 90 - 1] {
            let seen = look(&steps, |bytes| bytes[at] ^= 1).expect_err("a changed byte");
            assert!(matches!(seen, PackageError::Look { .. }), "{at}: {seen}");
        }
        look(&steps, |bytes| bytes.push(1)).expect_err("one byte more");
        look(&steps, |bytes| bytes.truncate(7_000 * 90 - 1)).expect_err("one byte less");
        look(&steps, Vec::clear).expect_err("nothing");
    }
}
