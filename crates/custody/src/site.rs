//! Where a package is written: its copies, its locks, and the keys of its journal in the case folder.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::durable::{Disk, DurableError};
use crate::journal;

/// The place of a package that is being written.
#[derive(Debug)]
pub(crate) struct Site {
    /// Writes to every copy that is not lost.
    pub(crate) disk: Disk,
    /// The package's name: of the first copy, by which both are named.
    pub(crate) out: PathBuf,
    pub(crate) key_path: PathBuf,
    /// One for each copy; held until the package has its name.
    pub(crate) locks: Vec<File>,
}

impl Site {
    pub(crate) fn partial(&self) -> PathBuf {
        partial_path(&self.out)
    }

    /// Gives the package its name, in every copy: nothing else is missing.
    pub(crate) fn place(self) -> Result<(), DurableError> {
        let partial = self.partial();
        remove_work(&self.disk, &partial)?;
        self.disk.rename(&partial, &self.out)?;
        remove_keys(&self.disk, &self.key_path)?;
        drop(self.locks);
        Ok(())
    }
}

/// Where a package is written until it is closed: `OUT.partial`.
#[must_use]
pub fn partial_path(out: &Path) -> PathBuf {
    with_ending(out, ".partial")
}

pub(crate) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Removes the folder of what never ships: the journal first, so that what is left is known for what it is.
pub(crate) fn remove_work(disk: &Disk, partial: &Path) -> Result<(), DurableError> {
    let work = partial.join(WORK);
    if !disk.exists(&work) {
        return disk.sync_folder(partial);
    }
    let journal = journal::path_in(&work);
    if disk.exists(&journal) {
        disk.remove_file(&journal)?;
        disk.sync_folder(&work)?;
    }
    disk.clear(&work, &|_| false)?;
    disk.remove_folder(&work)?;
    // Before the name: a package under its name has no such folder, whatever a power cut undoes.
    disk.sync_folder(partial)
}

/// Removes the keys of a journal, and the marks beside them: the run goes on no more.
pub(crate) fn remove_keys(disk: &Disk, key_path: &Path) -> Result<(), DurableError> {
    let marks = journal::marks_path(key_path);
    if disk.exists(&marks) {
        disk.remove_file(&marks)?;
    }
    if disk.exists(key_path) {
        disk.remove_file(key_path)?;
    }
    match key_path.parent() {
        Some(state) => disk.sync_folder(state),
        None => Ok(()),
    }
}

/// The folders of a package.
pub(crate) const FOLDERS: [&str; 5] = ["data", "meta", "meta/policy", "seal", "custody"];

/// What a destination is tried out with, before anything of a package is there: in files by the names of a package.
pub const TRY_OUT: &[u8] = b"ambit";

/// The folder of what never ships.
pub const WORK: &str = ".work";
