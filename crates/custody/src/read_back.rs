//! Reading back: what was written, from the disk and not from the system's memory, compared with what was written.
//!
//! ```text
//! at the end of a batch    the first and last bytes of each part: see [`crate::look`]
//! before anybody signs     every committed file, whole, in every copy, on several threads
//! when a run is resumed    the same
//! ```

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;

use scope::Digest;
use sha2::{Digest as _, Sha256};

use crate::durable::{Disk, turns};
use crate::journal;
use crate::package::{PackageError, lock};
use crate::site::WORK;

/// How much is read back at once, and who hears of it.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// How many threads read.
    pub jobs: usize,
    /// Hears how many bytes were read, and of how many, over all copies.
    pub told: &'a (dyn Fn(u64, u64) + Sync),
    /// Whether somebody asked to stop: nothing was changed then, and it can be done again.
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

impl Reading<'static> {
    /// Nobody hears of it, and nobody stops it.
    #[must_use]
    pub fn unheard(jobs: usize) -> Self {
        Self { jobs, told: &|_, _| {}, stop: &|| false }
    }
}

/// A file that a batch committed, as it was written.
pub(crate) struct Committed {
    /// Its path in the package.
    pub(crate) file: String,
    pub(crate) digest: Digest,
    /// Its length, where it is known.
    pub(crate) bytes: Option<u64>,
    pub(crate) batch: u64,
}

impl Committed {
    /// The files of a batch that is in the journal.
    pub(crate) fn of(batch: &journal::Batch) -> impl Iterator<Item = Self> {
        let number = batch.number;
        let parts = batch.parts.iter().map(move |(_, part)| Self {
            file: part.file.clone(),
            digest: part.sha256,
            bytes: Some(part.bytes),
            batch: number,
        });
        let (file, digest) = (format!("{WORK}/{}", batch.lines), batch.lines_sha256);
        parts.chain(std::iter::once(Self { file, digest, bytes: None, batch: number }))
    }
}

/// A committed file that is not what was written.
pub(crate) struct Differs {
    /// Which of the files.
    pub(crate) index: usize,
    /// In which of the roots.
    pub(crate) root: usize,
    pub(crate) error: PackageError,
}

/// Reads files in each of some folders, and says which are not as they were committed, by their order. `all`: what a folder
/// has is read to the end although one file of it differs.
///
/// # Errors
///
/// [`PackageError::Stopped`].
pub(crate) fn differing(
    disk: &Disk,
    roots: &[PathBuf],
    files: &[Committed],
    all: bool,
    reading: Reading<'_>,
) -> Result<Vec<Differs>, PackageError> {
    let once = files.iter().filter_map(|file| file.bytes).fold(0_u64, u64::saturating_add);
    let total = once.saturating_mul(u64::try_from(roots.len()).unwrap_or(u64::MAX));
    let (done, found) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let share = reading.jobs.checked_div(roots.len()).unwrap_or(0).max(1);
    let ways: Vec<(AtomicUsize, AtomicBool)> = roots.iter().map(|_| Default::default()).collect();
    thread::scope(|scope| {
        for (root, (folder, (next, over))) in roots.iter().zip(&ways).enumerate() {
            let (done, found) = (&done, &found);
            // A disk that turns is slower for several readers than for one.
            let threads = if turns(folder) { 1 } else { share.min(files.len()) };
            for _ in 0..threads {
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(file) = files.get(index) else { return };
                        let told = &mut |more| {
                            let before = done.fetch_add(more, Ordering::Relaxed);
                            (reading.told)(before.saturating_add(more).min(total), total);
                            if (reading.stop)() { Err(PackageError::Stopped) } else { Ok(()) }
                        };
                        let path = folder.join(&file.file);
                        if let Err(error) = check_file(disk, &path, file.digest, file.bytes, told) {
                            let stopped = matches!(error, PackageError::Stopped);
                            lock(found).push(Differs { index, root, error });
                            over.fetch_or(!all || stopped, Ordering::Relaxed);
                        }
                    }
                });
            }
        }
    });
    let mut found = found.into_inner().unwrap_or_default();
    if found.iter().any(|differs: &Differs| matches!(differs.error, PackageError::Stopped)) {
        return Err(PackageError::Stopped);
    }
    found.sort_by_key(|differs| (differs.index, differs.root));
    Ok(found)
}

/// Reads every committed file in every copy. A copy in which one differs is lost where the other has them all.
///
/// # Errors
///
/// [`PackageError::Altered`], [`PackageError::Stopped`].
pub(crate) fn all_read_back(
    disk: &Disk,
    partial: &Path,
    files: &[Committed],
    reading: Reading<'_>,
) -> Result<(), PackageError> {
    let copies = disk.copies_at(partial);
    let roots: Vec<PathBuf> = copies.iter().map(|(_, root)| root.clone()).collect();
    let found = differing(&disk.alone(), &roots, files, roots.len() == 1, reading)?;
    let others = found.len().saturating_sub(1);
    let all_differ = (0..roots.len()).all(|root| found.iter().any(|differs| differs.root == root));
    for differs in found {
        let batch = files.get(differs.index).map_or(0, |file| file.batch);
        let altered = PackageError::Altered { batch, first: Box::new(differs.error), others };
        let number = copies.get(differs.root).map_or(0, |(number, _)| *number);
        if all_differ || !disk.lose(number, &altered) {
            return Err(altered);
        }
    }
    Ok(())
}

/// Fails unless a file is what was committed. `told` hears how many more bytes were read, and can end it.
pub(crate) fn check_file(
    disk: &Disk,
    path: &Path,
    stated: Digest,
    bytes: Option<u64>,
    told: &mut dyn FnMut(u64) -> Result<(), PackageError>,
) -> Result<(), PackageError> {
    let (found, length) = digest_and_length(disk, path, told)?;
    if found == stated && bytes.is_none_or(|bytes| bytes == length) {
        return Ok(());
    }
    Err(PackageError::Part { path: path.to_owned(), stated, found, length })
}

/// The digest of a file that must be the same in every copy, and `written` where that is known.
pub(crate) fn same_digest(disk: &Disk, path: &Path, written: Option<Digest>) -> Result<Digest, PackageError> {
    let digests = disk.on_all(path, |disk, path, _| match (digest_of(disk, path)?, written) {
        (found, Some(written)) if found != written => {
            Err(PackageError::ReadBack { path: path.to_owned(), written, found })
        }
        (found, _) => Ok(found),
    })?;
    let first = digests.first().copied();
    let written = first.ok_or_else(|| PackageError::Broken("no copy is left".to_owned()))?;
    match digests.iter().find(|digest| **digest != written) {
        None => Ok(written),
        Some(found) => Err(PackageError::ReadBack { path: path.to_owned(), written, found: *found }),
    }
}

/// The digest of a file, from the disk as far as the system lets us choose.
pub(crate) fn digest_of(disk: &Disk, path: &Path) -> Result<Digest, PackageError> {
    Ok(digest_and_length(disk, path, &mut |_| Ok(()))?.0)
}

/// As [`digest_of`], with the number of bytes that were read.
fn digest_and_length(
    disk: &Disk,
    path: &Path,
    told: &mut dyn FnMut(u64) -> Result<(), PackageError>,
) -> Result<(Digest, u64), PackageError> {
    let mut file = disk.open_on_disk(path)?;
    let (mut hash, mut length) = (Sha256::new(), 0_u64);
    let mut memory = Blocks::of(READ_BACK);
    let buffer = memory.bytes();
    loop {
        match file.read(buffer) {
            Ok(0) => return Ok((Digest(hash.finalize().into()), length)),
            Ok(count) => {
                let read = buffer.get(..count).unwrap_or_default();
                hash.update(read);
                let more = u64::try_from(read.len()).unwrap_or(u64::MAX);
                length = length.saturating_add(more);
                told(more)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Memory for reads past the system's: of whole blocks, and from where a block may begin.
pub(crate) struct Blocks {
    memory: Vec<u8>,
    length: usize,
}

impl Blocks {
    pub(crate) fn of(length: usize) -> Self {
        Self { memory: vec![0; length.saturating_add(BLOCK)], length }
    }

    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        let begin = self.memory.as_ptr().align_offset(BLOCK);
        let all = self.memory.get_mut(begin..).unwrap_or_default();
        all.get_mut(..self.length).unwrap_or_default()
    }
}

/// How much is read back at a time: nothing reads ahead for what goes past the system's memory.
const READ_BACK: usize = 1 << 20;

/// Memory and file position of a read past the system's memory are multiples of this: no disk has larger blocks.
pub(crate) const BLOCK: usize = 1 << 12;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use scope::Digest;

    use super::{Committed, READ_BACK, Reading, all_read_back};
    use crate::durable::Disk;
    use crate::package::PackageError;

    #[test]
    fn whoever_asks_to_stop_need_not_wait_for_the_end_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = vec![7; 4 * READ_BACK];
        std::fs::write(folder.path().join("part"), &bytes).unwrap();
        let file = || Committed {
            file: "part".to_owned(),
            digest: Digest::of(&bytes),
            bytes: Some(bytes.len() as u64),
            batch: 1,
        };
        let (disk, files) = (Disk::default(), [file(), file()]);
        all_read_back(&disk, folder.path(), &files, Reading::unheard(2)).unwrap();

        let asked = AtomicBool::new(false);
        let told = |_, _| assert!(!asked.swap(true, Ordering::Relaxed), "it read on");
        let stop = || asked.load(Ordering::Relaxed);
        let stopped =
            all_read_back(&disk, folder.path(), &files, Reading { jobs: 1, told: &told, stop: &stop });
        assert!(matches!(stopped, Err(PackageError::Stopped)), "{stopped:?}");
    }
}
