//! Durable writes: create, write, sync, rename, sync the folder. Nothing is overwritten.
//!
//! Everything this crate puts on a disk goes through a [`Disk`]. A test can
//! give it a [`Hook`] that counts operations, or makes the n-th of them fail.
//!
//! ```text
//! disk.write_new("case/policy/approval.txt", bytes)   create_new, write, fsync, fsync of the folder
//! disk.rename("OUT.partial", "OUT")                   fails if OUT exists; fsync of the folder
//! ```

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, RenameFlags, renameat_with, statvfs};
use rustix::io::Errno;

/// What is about to be done to a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Op {
    /// A folder is made.
    CreateFolder,
    /// A file is made; it did not exist.
    Create,
    /// Bytes are written to a file made here.
    Write,
    /// A file's bytes are made durable.
    Sync,
    /// A file or folder is opened to be read.
    Open,
    /// Bytes are read back.
    Read,
    /// A file or folder is renamed to a name that was free.
    Rename,
    /// A folder's names are made durable.
    SyncFolder,
    /// A file or folder made here is removed.
    Remove,
}

impl Op {
    fn verb(self) -> &'static str {
        match self {
            Self::CreateFolder => "make the folder",
            Self::Create => "create",
            Self::Write => "write",
            Self::Sync => "make durable",
            Self::Open => "open",
            Self::Read => "read",
            Self::Rename => "rename",
            Self::SyncFolder => "make durable the names in",
            Self::Remove => "remove",
        }
    }
}

/// An operation that is about to be done.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Which.
    pub op: Op,
    /// To which path: with a rename, the new one.
    pub path: &'a Path,
    /// With a rename, the old path.
    pub from: Option<&'a Path>,
    /// With a write, what is to be written.
    pub bytes: &'a [u8],
}

/// Called before each operation; an error it returns takes the operation's place.
pub type Hook = dyn Fn(Op, &Path) -> io::Result<()> + Send + Sync;

/// As [`Hook`], and told everything. It returns how many bytes a read or a write may be of at most: a short one.
pub type Watch = dyn Fn(&Step<'_>) -> io::Result<usize> + Send + Sync;

/// Why something could not be put on the disk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DurableError {
    /// The name is taken; nothing is overwritten.
    #[error("`{path}` exists already; nothing is overwritten")]
    Exists {
        /// The name.
        path: PathBuf,
    },
    /// The destination is full.
    #[error("no space left for `{path}`: {written} bytes of it were written, {free} bytes are free")]
    Full {
        /// The file.
        path: PathBuf,
        /// How many of its bytes were written.
        written: u64,
        /// How many bytes are free there now.
        free: u64,
    },
    /// Anything else that the operating system refused.
    #[error("could not {} `{path}`: {source}", op.verb())]
    Io {
        /// What was about to be done.
        op: Op,
        /// To which path.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file is longer than what is read of its kind.
    #[error("`{path}` is longer than {limit} bytes")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The bound.
        limit: u64,
    },
}

/// The disk, as this crate uses it.
#[derive(Clone, Default)]
pub struct Disk {
    watch: Option<Arc<Watch>>,
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("watched", &self.watch.is_some()).finish()
    }
}

impl Disk {
    /// The disk itself.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A disk whose every operation is first shown to `hook`, which may fail it.
    #[must_use]
    pub fn with_hook(hook: Arc<Hook>) -> Self {
        Self::watched(Arc::new(move |step| hook(step.op, step.path).map(|()| usize::MAX)))
    }

    /// A disk whose every operation is first shown to `watch`, which may fail or shorten it.
    #[must_use]
    pub fn watched(watch: Arc<Watch>) -> Self {
        Self { watch: Some(watch) }
    }

    /// Makes a folder (its parent exists) and makes its name durable.
    ///
    /// # Errors
    ///
    /// [`DurableError::Exists`] if the name is taken.
    pub fn create_folder(&self, path: &Path) -> Result<(), DurableError> {
        self.run(Op::CreateFolder, path, || std::fs::create_dir(path))?;
        self.sync_parent(path)
    }

    /// Creates a file that did not exist, readable by everyone the umask allows.
    ///
    /// # Errors
    ///
    /// [`DurableError::Exists`] if the name is taken.
    pub fn create_new(&self, path: &Path) -> Result<NewFile, DurableError> {
        self.create_with_mode(path, 0o666)
    }

    /// Opens a file made here to add to it: what stands behind its first `length` bytes is cut off.
    ///
    /// # Errors
    ///
    /// What the operating system said.
    pub fn append(&self, path: &Path, length: u64) -> Result<NewFile, DurableError> {
        let file = self.run(Op::Write, path, || {
            let mut file = OpenOptions::new().write(true).open(path)?;
            file.set_len(length)?;
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        })?;
        Ok(NewFile { disk: self.clone(), path: path.to_owned(), file, written: length, failed: None })
    }

    /// Removes what a folder made by this crate holds, but for the names that `keep` wants.
    ///
    /// # Errors
    ///
    /// What the operating system said.
    pub fn clear(&self, folder: &Path, keep: &dyn Fn(&str) -> bool) -> Result<(), DurableError> {
        let entries = self.run(Op::Open, folder, || {
            let entries = std::fs::read_dir(folder)?.map(|entry| {
                let entry = entry?;
                Ok((entry.file_name(), entry.file_type()?.is_dir()))
            });
            entries.collect::<io::Result<Vec<_>>>()
        })?;
        for (name, is_folder) in entries {
            if name.to_str().is_some_and(keep) {
                continue;
            }
            let path = folder.join(name);
            if is_folder {
                self.clear(&path, &|_| false)?;
                self.remove_folder(&path)?;
            } else {
                self.remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// Writes a whole new file and makes it and its name durable.
    ///
    /// # Errors
    ///
    /// [`DurableError::Exists`] if the name is taken.
    pub fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<(), DurableError> {
        self.write_with_mode(path, bytes, 0o666)
    }

    /// As [`Disk::write_new`], for its owner alone (mode 0600).
    ///
    /// # Errors
    ///
    /// [`DurableError::Exists`] if the name is taken.
    pub fn write_secret(&self, path: &Path, bytes: &[u8]) -> Result<(), DurableError> {
        self.write_with_mode(path, bytes, 0o600)
    }

    /// Renames to a name that must be free, and makes both names durable.
    ///
    /// # Errors
    ///
    /// [`DurableError::Exists`] if `to` is taken.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<(), DurableError> {
        let step = Step { op: Op::Rename, path: to, from: Some(from), bytes: &[] };
        self.run_step(&step, || rename_to_free_name(from, to))?;
        self.sync_parent(from)?;
        self.sync_parent(to)
    }

    /// Makes the names in a folder durable. File systems that cannot (FAT through FUSE) are taken as they are.
    ///
    /// # Errors
    ///
    /// What the operating system said.
    pub fn sync_folder(&self, path: &Path) -> Result<(), DurableError> {
        self.run(Op::SyncFolder, path, || match File::open(path)?.sync_all() {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
            other => other,
        })
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// What the operating system said.
    pub fn open(&self, path: &Path) -> Result<OldFile, DurableError> {
        let file = self.run(Op::Open, path, || File::open(path))?;
        Ok(OldFile { disk: self.clone(), path: path.to_owned(), file })
    }

    /// Reads a whole file of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`DurableError::TooLong`] beyond `limit`.
    pub fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, DurableError> {
        let mut bytes = Vec::new();
        let read = self.open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|source| describe(Op::Read, path, 0, source))?;
        if u64::try_from(bytes.len()).is_ok_and(|len| len <= limit) {
            Ok(bytes)
        } else {
            Err(DurableError::TooLong { path: path.to_owned(), limit })
        }
    }

    /// Removes a file made by this crate.
    ///
    /// # Errors
    ///
    /// What the operating system said.
    pub fn remove_file(&self, path: &Path) -> Result<(), DurableError> {
        self.run(Op::Remove, path, || std::fs::remove_file(path))
    }

    /// Removes an empty folder made by this crate.
    ///
    /// # Errors
    ///
    /// What the operating system said.
    pub fn remove_folder(&self, path: &Path) -> Result<(), DurableError> {
        self.run(Op::Remove, path, || std::fs::remove_dir(path))
    }

    /// The regular files of a folder, by name, sorted bytewise. Other entries and names that are not UTF-8 are left out.
    ///
    /// # Errors
    ///
    /// What the operating system said.
    pub fn file_names(&self, folder: &Path) -> Result<Vec<String>, DurableError> {
        self.names(folder, std::fs::FileType::is_file)
    }

    /// The folders in a folder, by name, sorted bytewise.
    ///
    /// # Errors
    ///
    /// What the operating system said.
    pub fn folder_names(&self, folder: &Path) -> Result<Vec<String>, DurableError> {
        self.names(folder, std::fs::FileType::is_dir)
    }

    fn names(
        &self,
        folder: &Path,
        wanted: fn(&std::fs::FileType) -> bool,
    ) -> Result<Vec<String>, DurableError> {
        self.run(Op::Open, folder, || {
            let mut names = Vec::new();
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                if wanted(&entry.file_type()?)
                    && let Ok(name) = entry.file_name().into_string()
                {
                    names.push(name);
                }
            }
            names.sort_unstable();
            Ok(names)
        })
    }

    fn write_with_mode(&self, path: &Path, bytes: &[u8], mode: u32) -> Result<(), DurableError> {
        let mut file = self.create_with_mode(path, mode)?;
        let _ = file.write_all(bytes); // latched: `finish` reports it
        file.finish()?;
        Ok(())
    }

    fn create_with_mode(&self, path: &Path, mode: u32) -> Result<NewFile, DurableError> {
        let file = self.run(Op::Create, path, || {
            OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
        })?;
        Ok(NewFile { disk: self.clone(), path: path.to_owned(), file, written: 0, failed: None })
    }

    fn sync_parent(&self, path: &Path) -> Result<(), DurableError> {
        match path.parent() {
            None => Ok(()),
            Some(parent) if parent.as_os_str().is_empty() => self.sync_folder(Path::new(".")),
            Some(parent) => self.sync_folder(parent),
        }
    }

    fn run<T>(&self, op: Op, path: &Path, action: impl Fn() -> io::Result<T>) -> Result<T, DurableError> {
        self.run_step(&Step { op, path, from: None, bytes: &[] }, action)
    }

    /// Does what a step says, again where a signal interrupted it before it was done.
    fn run_step<T>(&self, step: &Step<'_>, action: impl Fn() -> io::Result<T>) -> Result<T, DurableError> {
        loop {
            match self.ask(step).and_then(|_| action()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done.map_err(|source| describe(step.op, step.path, 0, source)),
            }
        }
    }

    /// How many bytes the step may be of.
    fn ask(&self, step: &Step<'_>) -> io::Result<usize> {
        self.watch.as_ref().map_or(Ok(usize::MAX), |watch| watch(step))
    }
}

/// A file created here, not yet durable.
///
/// It latches its first error: after one, every write fails and
/// [`NewFile::finish`] returns that first error.
#[derive(Debug)]
pub struct NewFile {
    disk: Disk,
    path: PathBuf,
    file: File,
    written: u64,
    failed: Option<DurableError>,
}

impl NewFile {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes written so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Makes the bytes written so far durable; the file stays open.
    ///
    /// # Errors
    ///
    /// The first error of this file, which is thereby taken out of it; later writes still fail.
    pub fn sync(&mut self) -> Result<(), DurableError> {
        if let Some(error) = self.failed.take() {
            self.failed = Some(again(&self.path));
            return Err(error);
        }
        let synced = self.disk.run(Op::Sync, &self.path, || self.file.sync_all());
        // A second try could succeed and mean nothing: the system may have dropped what it could not write.
        synced.inspect_err(|_| self.failed = Some(again(&self.path)))
    }

    /// Latches an error, and tells it with path and numbers.
    fn fails(&mut self, error: io::Error) -> io::Result<usize> {
        let kind = error.kind();
        let described = describe(Op::Write, &self.path, self.written, error);
        let told = io::Error::new(kind, described.to_string());
        self.failed = Some(described);
        Err(told)
    }

    /// Makes the file and its name durable. Returns its length.
    ///
    /// # Errors
    ///
    /// The first error of this file.
    pub fn finish(mut self) -> Result<u64, DurableError> {
        self.sync()?;
        self.disk.sync_parent(&self.path)?;
        Ok(self.written)
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.is_some() {
            return Err(io::Error::other("an earlier write to this file failed"));
        }
        let step = Step { op: Op::Write, path: &self.path, from: None, bytes };
        let allowed = self.disk.ask(&step).map(|most| bytes.get(..most).unwrap_or(bytes));
        match allowed.and_then(|bytes| self.file.write(bytes)) {
            Ok(0) if !bytes.is_empty() => self.fails(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                self.written = self.written.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => self.fails(error),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // nothing is held back here; durability is `sync`
    }
}

/// A file that is read back.
#[derive(Debug)]
pub struct OldFile {
    disk: Disk,
    path: PathBuf,
    file: File,
}

impl OldFile {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Asks the system to forget what it holds of the file in memory, so that it is read from the disk. What is not
    /// durable yet stays in memory: sync first.
    pub fn from_the_disk(&self) {
        let _ = rustix::fs::fadvise(&self.file, 0, None, rustix::fs::Advice::DontNeed); // a hint: some systems take none
    }
}

impl io::Read for OldFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let step = Step { op: Op::Read, path: &self.path, from: None, bytes: &[] };
        let read = self.disk.ask(&step).and_then(|most| {
            let most = most.min(buffer.len());
            self.file.read(buffer.get_mut(..most).unwrap_or_default())
        });
        read.map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            kind => io::Error::new(kind, describe(Op::Read, &self.path, 0, error).to_string()),
        })
    }
}

fn describe(op: Op, path: &Path, written: u64, source: io::Error) -> DurableError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::AlreadyExists => DurableError::Exists { path },
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            let free = free_bytes(&path);
            DurableError::Full { path, written, free }
        }
        _ => DurableError::Io { op, path, source },
    }
}

fn again(path: &Path) -> DurableError {
    let source = io::Error::other("an earlier write to this file failed");
    DurableError::Io { op: Op::Write, path: path.to_owned(), source }
}

/// Bytes that an ordinary user may still write where `path` is; 0 where the system does not tell.
#[must_use]
pub fn free_bytes(path: &Path) -> u64 {
    statvfs(path).map_or(0, |fs| fs.f_bavail.saturating_mul(fs.f_frsize))
}

fn rename_to_free_name(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // Some file systems (exFAT, FUSE) know no such flag. We alone make names in our folders, under a lock.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            if std::fs::symlink_metadata(to).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            std::fs::rename(from, to)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new();
        let path = |name: &str| folder.path().join(name);
        disk.write_new(&path("a"), b"first").unwrap();
        disk.write_new(&path("b"), b"second").unwrap();
        for taken in [
            disk.write_new(&path("a"), b"x"),
            disk.rename(&path("b"), &path("a")),
            disk.create_folder(&path("a")),
        ] {
            assert!(matches!(taken, Err(DurableError::Exists { .. })), "{taken:?}");
        }
        assert_eq!(disk.read(&path("a"), 10).unwrap(), b"first");
        assert!(matches!(disk.read(&path("a"), 4), Err(DurableError::TooLong { limit: 4, .. })));
    }

    #[test]
    fn the_first_error_is_kept_and_every_later_write_fails() {
        let folder = tempfile::tempdir().unwrap();
        let writes = AtomicUsize::new(0);
        let disk = Disk::with_hook(Arc::new(move |op, _: &Path| {
            let full = op == Op::Write && writes.fetch_add(1, Ordering::Relaxed) == 1;
            if full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }));
        let mut file = disk.create_new(&folder.path().join("part")).unwrap();
        assert!(file.write_all(b"12345").is_ok());
        assert!(file.write_all(b"fails").is_err());
        assert!(file.write_all(b"would work").is_err());
        let error = file.finish().unwrap_err();
        assert!(matches!(error, DurableError::Full { written: 5, .. }), "{error}");
        assert!(error.to_string().contains("5 bytes of it were written"), "{error}");
    }
}
