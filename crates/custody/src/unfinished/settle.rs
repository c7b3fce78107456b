//! Making two copies the same again before a run goes on, and removing what no journal names.
//!
//! Both copies are of one run, and the journal of one is a beginning of the
//! other's. What the shorter one lacks is copied, read back and compared; its
//! journal grows last, so that at any moment it names nothing that is not there.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::{Copy, MAX_JOURNAL, Mend, Unfinished};
use crate::close::ACQUISITION;
use crate::copying::copy_file;
use crate::durable::{Disk, DurableError};
use crate::journal;
use crate::lock;
use crate::package::PackageError;
use crate::read_back::{Committed, Reading, differing, digest_of};
use crate::site::{FOLDERS, Site, WORK};

impl Unfinished {
    /// Reads every committed file of both copies, and notes what one has to get from the other.
    pub(super) fn check_copies(&mut self, reading: Reading<'_>) -> Result<(), PackageError> {
        let files: Vec<Committed> = self.journal.batches.iter().flat_map(Committed::of).collect();
        let second = self.second.as_ref().map(|copy| copy.partial.clone());
        let roots: Vec<PathBuf> = std::iter::once(self.first.partial.clone()).chain(second).collect();
        let found = differing(&self.disk, &roots, &files, true, reading)?;
        let nowhere =
            |index: usize| found.iter().filter(|differs| differs.index == index).count() == roots.len();
        let first = found.iter().map(|differs| differs.index).find(|index| nowhere(*index));
        let batch_of = |index: usize| files.get(index).map_or(0, |file| file.batch);
        let until = first.map_or(u64::MAX, batch_of);
        let mendable = found.iter().filter(|differs| batch_of(differs.index) < until);
        self.mend = mendable
            .filter_map(|differs| {
                let file = files.get(differs.index)?;
                Some(Mend { file: file.file.clone(), digest: file.digest, to_first: differs.root == 0 })
            })
            .collect();
        let Some(first) = first else { return Ok(()) };
        let others = found.iter().filter(|differs| differs.index > first && differs.root == 0);
        let others = others.filter(|differs| nowhere(differs.index)).count();
        match found.into_iter().find(|differs| differs.index == first) {
            Some(differs) => {
                Err(PackageError::Altered { batch: until, first: Box::new(differs.error), others })
            }
            None => Ok(()),
        }
    }

    /// Removes what the journal does not name, makes both copies the same, and gives the place that is written to.
    pub(super) fn settle(&mut self) -> Result<Site, PackageError> {
        self.remove_uncommitted(&self.first.partial)?;
        for mend in self.mend.iter().filter(|mend| mend.to_first) {
            let second = self.second.as_ref().map(|copy| copy.partial.as_path()).unwrap_or(Path::new(""));
            mend_file(&self.disk, mend, second, &self.first.partial)?;
            self.lost.push(format!(
                "a file of copy {} of 2 was not what was committed, and was made again from the other",
                self.first.number
            ));
        }
        let mut locks: Vec<_> = self.first.lock.take().into_iter().collect();
        let mut disk = self.disk.clone();
        if let [one, two] = self.outs.as_slice() {
            disk = disk.mirrored(one, two);
        }
        if let Some(mut second) = self.second.take() {
            match self.bring(&mut second) {
                Ok(()) => locks.extend(second.lock),
                Err(error) => drop(disk.lose(second.number, &error)),
            }
        } else if self.journal.copies > 1 && self.journal.lost.is_empty() {
            self.lost.push("two copies were begun, and one of them was gone on with".to_owned());
        }
        let (out, key_path) = (self.outs.first().cloned().unwrap_or_default(), self.key_path.clone());
        Ok(Site { disk, out, key_path, locks })
    }

    /// Brings the second copy to where the first is.
    fn bring(&mut self, second: &mut Copy) -> Result<(), PackageError> {
        let (disk, work) = (&self.disk, second.partial.join(WORK));
        for folder in [&second.partial, &work] {
            if !disk.exists(folder) {
                disk.create_folder(folder)?;
            }
        }
        self.remove_uncommitted(&second.partial)?;
        for mend in self.mend.iter().filter(|mend| !mend.to_first) {
            mend_file(disk, mend, &self.first.partial, &second.partial)?;
        }
        let path = journal::path_in(&work);
        let mut file = match second.length {
            0 => {
                if disk.exists(&path) {
                    disk.remove_file(&path)?;
                }
                disk.create_new(&path)?
            }
            length => disk.append(&path, length)?,
        };
        let bytes = disk.read(&journal::path_in(&self.first.partial.join(WORK)), MAX_JOURNAL)?;
        let place = |length: u64| usize::try_from(length).unwrap_or(usize::MAX);
        let lacks = bytes.get(place(second.length)..place(self.journal.length)).unwrap_or_default();
        let _ = file.write_all(lacks); // latched: `finish` reports it
        file.finish()?;
        if second.lock.is_none() {
            second.lock = Some(lock::take(&path)?.ok_or(PackageError::Locked(path))?);
        }
        let mended = self.mend.iter().filter(|mend| !mend.to_first).count();
        if mended > 0 {
            self.lost.push(format!(
                "copy {} of 2 lacked {mended} committed files when the run was resumed, and got them from the other",
                second.number
            ));
        }
        Ok(())
    }

    /// Whether it is the statement that the log quotes.
    fn is_quoted(&self, path: &Path) -> bool {
        let Some(quoted) = self.quoted.filter(|_| path.ends_with(ACQUISITION)) else { return false };
        digest_of(&self.disk, path).is_ok_and(|found| found == quoted)
    }

    /// Removes what the journal does not name.
    fn remove_uncommitted(&self, root: &Path) -> Result<(), DurableError> {
        let parts: Vec<&str> = self.parts().filter_map(|(_, part)| part.file.strip_prefix("data/")).collect();
        let lines: Vec<&str> = self.journal.batches.iter().map(|batch| batch.lines.as_str()).collect();
        let disk = &self.disk;
        disk.clear(root, &|name| FOLDERS.contains(&name) || name == WORK)?;
        for folder in FOLDERS {
            let path = root.join(folder);
            if !disk.exists(&path) {
                disk.create_folder(&path)?;
            }
            disk.clear(&path, &|name| match folder {
                "data" => parts.contains(&name),
                "meta" => name == "policy" || self.is_quoted(&path.join(name)),
                _ => false,
            })?;
        }
        let work = root.join(WORK);
        let journal = journal::path_in(&work);
        let journal = journal.file_name().and_then(|name| name.to_str());
        disk.clear(&work, &|name| Some(name) == journal || lines.contains(&name))
    }
}

/// Replaces a file by what the other copy has.
pub(super) fn mend_file(disk: &Disk, mend: &Mend, from: &Path, to: &Path) -> Result<(), PackageError> {
    let to = to.join(&mend.file);
    if disk.exists(&to) {
        disk.remove_file(&to)?;
    }
    let (digest, _) = copy_file(disk, &from.join(&mend.file), &to)?;
    match digest == mend.digest {
        true => Ok(()),
        false => Err(PackageError::ReadBack { path: to, written: mend.digest, found: digest }),
    }
}
