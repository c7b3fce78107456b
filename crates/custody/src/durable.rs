//! Durable writes: create, write, sync, rename, sync the folder. Nothing is overwritten.
//!
//! Everything this crate puts on a disk goes through a [`Disk`]. A test can
//! give it a [`Hook`] that counts operations, or makes the n-th of them fail.
//!
//! ```text
//! disk.write_new("case/policy/approval.txt", bytes)   create_new, write, fsync, fsync of the folder
//! disk.rename("OUT.partial", "OUT")                   fails if OUT exists; fsync of the folder
//! ```

mod copies;
mod file;
mod space;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::mirror::{Loss, Mirror};

use file::OneFile;
pub use file::{NewFile, OldFile};
use space::free_where;
pub use space::{free_bytes, longest_file, low_water, on_one_disk, turns};

use rustix::fs::{CWD, RenameFlags, renameat_with};
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
    /// The destination is nearly full: writing stops before it is.
    #[error(
        "`{path}`: {free} bytes are free there, and writing stops before fewer than {reserve} are; {written} bytes of it were written"
    )]
    NearlyFull {
        /// The file.
        path: PathBuf,
        /// How many of its bytes were written.
        written: u64,
        /// How many bytes are free there now.
        free: u64,
        /// How many are to stay free.
        reserve: u64,
    },
    /// The file system there has no longer files, as FAT has none of 4 GiB.
    #[error("`{path}`: the file system there takes no longer file; {written} bytes of it were written")]
    FileTooLong {
        /// The file.
        path: PathBuf,
        /// How many of its bytes were written.
        written: u64,
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

/// Files that were read back once they were durable.
#[derive(Debug, Default)]
pub struct ReadBack {
    /// Past the system's memory, to their end (`O_DIRECT`).
    pub direct: AtomicU64,
    /// After the system was asked to forget them (`POSIX_FADV_DONTNEED`), which it need not do.
    pub asked: AtomicU64,
}

/// The disk, as this crate uses it.
#[derive(Clone, Default)]
pub struct Disk {
    watch: Option<Arc<Watch>>,
    mirror: Option<Arc<Mirror>>,
    read_back: Arc<ReadBack>,
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("watched", &self.watch.is_some()).field("mirror", &self.mirror).finish()
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
        Self { watch: Some(watch), ..Self::default() }
    }

    /// This disk, with a second copy of the package at `first`: see [`crate::mirror`].
    #[must_use]
    pub fn mirrored(self, first: &Path, second: &Path) -> Self {
        Self { mirror: Some(Arc::new(Mirror::new(first, second))), ..self }
    }

    /// The copy of a mirrored package that was lost.
    #[must_use]
    pub fn loss(&self) -> Option<Loss> {
        self.mirror.as_ref().and_then(|mirror| mirror.loss())
    }

    /// Makes a folder (its parent exists) and makes its name durable.
    ///
    /// # Errors
    ///
    /// [`DurableError::Exists`] if the name is taken.
    pub fn create_folder(&self, path: &Path) -> Result<(), DurableError> {
        self.on_each(path, |disk, path, _| {
            disk.run(Op::CreateFolder, path, || std::fs::create_dir(path))?;
            disk.sync_parent(path)
        })
    }

    /// Creates a file that did not exist, readable by everyone the umask allows.
    ///
    /// # Errors
    ///
    /// [`DurableError::Exists`] if the name is taken.
    pub fn create_new(&self, path: &Path) -> Result<NewFile, DurableError> {
        self.create_with_mode(path, 0o666, false)
    }

    /// As [`Disk::create_new`], for a file that may fill the disk: writing to it stops while [`low_water`] is still free.
    ///
    /// # Errors
    ///
    /// [`DurableError::Exists`] if the name is taken.
    pub fn create_large(&self, path: &Path) -> Result<NewFile, DurableError> {
        self.create_with_mode(path, 0o666, true)
    }

    /// Opens a file made here to add to it: what stands behind its first `length` bytes is cut off.
    ///
    /// # Errors
    ///
    /// What the operating system said.
    pub fn append(&self, path: &Path, length: u64) -> Result<NewFile, DurableError> {
        let files = self.on_all(path, |disk, path, copy| {
            let file = disk.run(Op::Write, path, || {
                let mut file = OpenOptions::new().write(true).open(path)?;
                file.set_len(length)?;
                file.seek(SeekFrom::End(0))?;
                Ok(file)
            })?;
            Ok::<_, DurableError>((copy, OneFile::of(disk, path, file, length, 0)))
        })?;
        Ok(NewFile::of(self, path, files))
    }

    /// Removes what a folder made by this crate holds, but for the names that `keep` wants.
    ///
    /// # Errors
    ///
    /// What the operating system said.
    pub fn clear(&self, folder: &Path, keep: &dyn Fn(&str) -> bool) -> Result<(), DurableError> {
        self.on_each(folder, |disk, folder, _| disk.clear_one(folder, keep))
    }

    fn clear_one(&self, folder: &Path, keep: &dyn Fn(&str) -> bool) -> Result<(), DurableError> {
        for (name, is_folder) in self.entries(folder)? {
            if name.to_str().is_some_and(keep) {
                continue;
            }
            let path = folder.join(name);
            if is_folder == Some(true) {
                self.clear_one(&path, &|_| false)?;
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
        self.on_each(to, |disk, to, copy| {
            let from = &self.place(copy, from);
            let step = Step { op: Op::Rename, path: to, from: Some(from), bytes: &[] };
            disk.run_step(&step, || rename_to_free_name(from, to))?;
            disk.sync_parent(from)?;
            disk.sync_parent(to)
        })
    }

    /// Makes the names in a folder durable. File systems that cannot (FAT through FUSE) are taken as they are.
    ///
    /// # Errors
    ///
    /// What the operating system said.
    pub fn sync_folder(&self, path: &Path) -> Result<(), DurableError> {
        self.on_each(path, |disk, path, _| {
            disk.run(Op::SyncFolder, path, || match File::open(path)?.sync_all() {
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
                other => other,
            })
        })
    }

    /// Makes durable all that was written to the file system that `folder` is on, bytes and names: one wait for many new
    /// files, where a wait for each would take longer than writing them. What others wrote there meanwhile is waited for, too.
    ///
    /// # Errors
    ///
    /// What the operating system said, also of a write that failed since the folder was opened here.
    pub fn sync_file_system(&self, folder: &Path) -> Result<(), DurableError> {
        self.run(Op::SyncFolder, folder, || Ok(rustix::fs::syncfs(File::open(folder)?)?))
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// What the operating system said.
    pub fn open(&self, path: &Path) -> Result<OldFile, DurableError> {
        let (copy, file) = self.on_one(path, |disk, path, copy| {
            disk.run(Op::Open, path, || File::open(path)).map(|file| (copy, file))
        })?;
        Ok(OldFile::of(self, path, copy, file))
    }

    /// As [`Disk::open`], past what the system holds of the file in memory, as far as it lets us: what is read comes from
    /// the disk. What is not durable yet stays in memory: sync first. Reads are best of whole blocks into a buffer that
    /// starts at one; any other read goes on as [`OldFile::is_direct`] says.
    ///
    /// # Errors
    ///
    /// What the operating system said.
    pub fn open_on_disk(&self, path: &Path) -> Result<OldFile, DurableError> {
        let (copy, (file, direct)) = self.on_one(path, |disk, path, copy| {
            disk.run(Op::Open, path, || file::past_memory(path)).map(|opened| (copy, opened))
        })?;
        Ok(OldFile::of(self, path, copy, file).read_back(direct))
    }

    /// How many files were read back, and how far past the system's memory.
    #[must_use]
    pub fn read_back(&self) -> &ReadBack {
        &self.read_back
    }

    /// Whether there is anything under this name.
    #[must_use]
    pub fn exists(&self, path: &Path) -> bool {
        let there = |_: &Self, path: &Path, _| Ok::<_, DurableError>(path.symlink_metadata().is_ok());
        self.on_one(path, there).unwrap_or(false)
    }

    /// Reads a whole file of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`DurableError::TooLong`] beyond `limit`.
    pub fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, DurableError> {
        let mut bytes = Vec::new();
        // What a mirrored file cannot give is read from the other copy.
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
        self.on_each(path, |disk, path, _| disk.run(Op::Remove, path, || std::fs::remove_file(path)))
    }

    /// Removes an empty folder made by this crate.
    ///
    /// # Errors
    ///
    /// What the operating system said.
    pub fn remove_folder(&self, path: &Path) -> Result<(), DurableError> {
        self.on_each(path, |disk, path, _| disk.run(Op::Remove, path, || std::fs::remove_dir(path)))
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

    /// Everything in a folder: `true` for a folder, `false` for a file, `None` for what is neither.
    ///
    /// # Errors
    ///
    /// What the operating system said.
    pub fn entries(&self, folder: &Path) -> Result<Vec<(OsString, Option<bool>)>, DurableError> {
        self.run(Op::Open, folder, || {
            let entries = std::fs::read_dir(folder)?.map(|entry| {
                let entry = entry?;
                let kind = entry.file_type()?;
                Ok((entry.file_name(), (kind.is_dir() || kind.is_file()).then_some(kind.is_dir())))
            });
            entries.collect()
        })
    }

    /// How many bytes a file has.
    ///
    /// # Errors
    ///
    /// What the operating system said.
    pub fn length(&self, path: &Path) -> Result<u64, DurableError> {
        let length = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.len());
        self.on_one(path, |disk, path, _| disk.run(Op::Open, path, || length(path)))
    }

    fn names(
        &self,
        folder: &Path,
        wanted: fn(&std::fs::FileType) -> bool,
    ) -> Result<Vec<String>, DurableError> {
        self.on_one(folder, |disk, folder, _| disk.names_in(folder, wanted))
    }

    fn names_in(
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
        let mut file = self.create_with_mode(path, mode, false)?;
        let _ = file.write_all(bytes); // latched: `finish` reports it
        file.finish()?;
        Ok(())
    }

    fn create_with_mode(&self, path: &Path, mode: u32, large: bool) -> Result<NewFile, DurableError> {
        let files = self.on_all(path, |disk, path, copy| {
            let file = disk.run(Op::Create, path, || {
                OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
            })?;
            let reserve = if large { low_water(path) } else { 0 };
            Ok::<_, DurableError>((copy, OneFile::of(disk, path, file, 0, reserve)))
        })?;
        Ok(NewFile::of(self, path, files))
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

fn describe(op: Op, path: &Path, written: u64, source: io::Error) -> DurableError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::AlreadyExists => DurableError::Exists { path },
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            let free = free_bytes(&path);
            DurableError::Full { path, written, free }
        }
        io::ErrorKind::FileTooLarge => DurableError::FileTooLong { path, written },
        _ => DurableError::Io { op, path, source },
    }
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
