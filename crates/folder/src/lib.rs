//! A package in a folder, as the checks of `evidence` want to see it.
//!
//! Both programs read packages and audit them, and neither may use the other:
//! what they share stands here. Nothing in this crate writes but nameless files, encrypted
//! to a key in memory, of what has to be sorted.

mod against;
mod drives;
mod identity_file;
mod sample;
mod scratch;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use evidence::files::{self, Files, ReadSeek};
use scope::{Digest, ListBytes, RawName};
use walkdir::WalkDir;

pub use against::{ambiguous, at_place, audit_against, audit_against_with, layers, limit_to, wanting};
pub use drives::{DRIVE_SHA256, drive_digests};
pub use identity_file::{IdentityFileError, Keys, read_identities, read_keys};
pub use sample::{Sampled, sample_medium};
pub use scratch::{Temporary, Threads};

/// The folder of one package. Links in it are reported and never followed.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
    counts: Counts,
}

/// How far a check has come: what one thread counts, and another tells. Copies count together.
#[derive(Clone, Debug, Default)]
pub struct Counts(Arc<[AtomicU64; 4]>);

/// What is counted.
#[derive(Clone, Copy, Debug)]
#[repr(usize)]
pub enum Counted {
    /// Bytes that were read of the package.
    Read,
    /// Items of the original that were met again.
    Items,
    /// Bytes of content of the original that were compared.
    Compared,
    /// Bytes of the original that were read for its digest.
    Digested,
}

impl Counts {
    /// Counts on.
    pub fn add(&self, what: Counted, more: u64) {
        if let Some(count) = self.0.get(what as usize) {
            count.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// As much was counted so far.
    #[must_use]
    pub fn of(&self, what: Counted) -> u64 {
        self.0.get(what as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

/// A reader that counts what it gives.
pub(crate) struct Counting<R> {
    pub(crate) inner: R,
    pub(crate) counts: Counts,
    pub(crate) what: Counted,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buf)?;
        self.counts.add(self.what, count as u64);
        Ok(count)
    }
}

impl<R: Seek> Seek for Counting<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

impl Folder {
    /// The package in folder `root`.
    ///
    /// # Errors
    ///
    /// `root` is not there, or not a directory.
    pub fn open(root: &Path) -> io::Result<Self> {
        if fs::metadata(root)?.is_dir() {
            Ok(Self { root: root.to_owned(), counts: Counts::default() })
        } else {
            Err(io::Error::new(ErrorKind::NotADirectory, "a package is a folder, and this is a file"))
        }
    }

    /// What is read of the package from now on, and by whoever else counts with it.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts.clone()
    }

    /// How many bytes all files have together: what a check reads at least once.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    pub fn bytes(&self) -> io::Result<u64> {
        let lengths = self.entries()?.0.into_iter().map(|name| Ok(fs::metadata(self.root.join(name))?.len()));
        lengths.sum()
    }

    fn entries(&self) -> io::Result<(Vec<String>, Vec<String>)> {
        let mut names = Vec::new();
        let mut strange = Vec::new();
        let (mut folders, mut full) = (BTreeSet::new(), BTreeSet::new());
        for entry in WalkDir::new(&self.root).min_depth(1).follow_links(false).max_open(16) {
            if names.len() + strange.len() + folders.len() > MAX_ENTRIES {
                let text = format!("more than {MAX_ENTRIES} files and folders: not a package");
                return Err(io::Error::new(ErrorKind::InvalidData, text));
            }
            let entry = entry?;
            let relative = entry.path().strip_prefix(&self.root).unwrap_or(entry.path());
            let name = relative.iter().map(|part| part.to_str()).collect::<Option<Vec<_>>>();
            full.extend(relative.parent().filter(|parent| !full.contains(*parent)).map(Path::to_owned));
            match (name, entry.file_type()) {
                (Some(name), kind) if kind.is_file() => names.push(name.join("/")),
                (Some(name), kind) if kind.is_dir() => {
                    _ = folders.insert((relative.to_owned(), name.join("/")));
                }
                (_, kind) => {
                    let shown = RawName(relative.as_os_str().as_encoded_bytes().to_vec());
                    let what = match kind {
                        kind if kind.is_symlink() => "a symbolic link",
                        kind if kind.is_dir() || kind.is_file() => "a name that is not UTF-8",
                        _ => "a special file",
                    };
                    strange.push(format!("{shown} is {what}"));
                }
            }
        }
        // A file in a folder that is none of a package's has no place in it. Nor has such a folder without a file.
        let empty = folders
            .into_iter()
            .filter(|(path, name)| !full.contains(path) && !MAY_BE_EMPTY.contains(&&**name));
        strange.extend(empty.map(|(_, name)| format!("{} is an empty folder", RawName(name.into_bytes()))));
        names.sort_unstable();
        strange.sort_unstable();
        Ok((names, strange))
    }

    /// Opens a regular file of the package. No link is followed.
    fn file(&self, name: &str) -> io::Result<File> {
        let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0']);
        if !name.split('/').all(plain) {
            return Err(io::Error::new(ErrorKind::InvalidInput, "not the name of a file in a package"));
        }
        let mut path = self.root.clone();
        for part in name.split('/') {
            path.push(part);
            if fs::symlink_metadata(&path)?.is_symlink() {
                return Err(io::Error::new(ErrorKind::NotFound, "a symbolic link is not followed"));
            }
        }
        // A pipe would hang the reader: only what is a regular file is opened. A folder in a file's place means that the
        // file is missing, which is a fault of the package, and not that it could not be read.
        if !fs::symlink_metadata(&path)?.is_file() {
            return Err(io::Error::new(ErrorKind::NotFound, "not a regular file"));
        }
        File::open(path)
    }
}

impl Files for Folder {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.entries()?.0)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn ReadSeek>> {
        let inner = self.file(name)?;
        Ok(Box::new(Counting { inner, counts: self.counts.clone(), what: Counted::Read }))
    }

    fn by_place(&self, name: &str) -> io::Result<Arc<dyn ListBytes>> {
        let file = self.file(name)?;
        let length = file.metadata()?.len();
        Ok(Arc::new(ByPlace { file: Mutex::new(file), length }))
    }

    fn irregular(&self) -> Vec<String> {
        self.entries().map(|(_, strange)| strange).unwrap_or_else(|error| vec![error.to_string()])
    }

    /// As many files at once as there are processors.
    fn digests(&self, names: &[&str]) -> Vec<io::Result<(Digest, u64)>> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(names.len());
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            while let Some((at, name)) = {
                let at = next.fetch_add(1, Ordering::Relaxed);
                names.get(at).map(|name| (at, *name))
            } {
                done.push((at, self.open(name).and_then(|mut file| files::digest_of(&mut *file))));
            }
            done
        };
        let mut found: BTreeMap<usize, _> = thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
        });
        let lost = || Err(io::Error::other("the thread that was to hash this file is gone"));
        (0..names.len()).map(|at| found.remove(&at).unwrap_or_else(lost)).collect()
    }
}

/// A file that is read by place. INVARIANT: it stays open, so that another one under its name is not read.
#[derive(Debug)]
struct ByPlace {
    file: Mutex<File>,
    length: u64,
}

impl ListBytes for ByPlace {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(into)
    }
}

/// The folders that a package has, whatever is in them: `seal` has nothing where nobody has signed.
const MAY_BE_EMPTY: [&str; 5] = ["data", "meta", "meta/policy", "seal", "custody"];

/// Most entries that a folder is listed to. A package has a few files per gibibyte and per event of its log.
const MAX_ENTRIES: usize = 1_000_000;

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt as _;

    #[test]
    fn links_pipes_and_strange_names_are_reported_and_never_opened() {
        let dir = tempfile::tempdir().expect("temporary folder");
        fs::create_dir(dir.path().join("data")).expect("folder");
        fs::write(dir.path().join("data/a"), b"a").expect("file");
        std::os::unix::fs::symlink("data", dir.path().join("link")).expect("link");
        fs::write(dir.path().join(std::ffi::OsStr::from_bytes(b"x\xff\n")), b"").expect("file");
        for empty in ["seal", "photos/2024", "custody/000001"] {
            fs::create_dir_all(dir.path().join(empty)).expect("folder");
        }
        let folder = Folder::open(dir.path()).expect("folder");
        assert_eq!(folder.names().expect("names"), ["data/a"]);
        assert_eq!(
            folder.irregular(),
            [
                "custody/000001 is an empty folder",
                "link is a symbolic link",
                "photos/2024 is an empty folder",
                "x%FF%0A is a name that is not UTF-8"
            ]
        );
        assert!(folder.open("data/a").is_ok());
        for refused in ["link/a", "link", "../x", "/etc/passwd", "data/../data/a", "data", ""] {
            assert!(folder.open(refused).is_err(), "{refused}");
        }
    }
}
