//! Moving a package to another disk: copied, read back, compared, and only then removed where it was.
//!
//! ```text
//! SRC.partial                        to be moved; locked
//! SRC.partial   DEST.moving          a copy, being made; a second try makes it anew
//! SRC.partial   DEST.partial         the copy is whole, and its journal says that it was moved
//! SRC.moved     DEST.partial         being removed
//!               DEST.partial
//! ```
//!
//! Whenever it ends, one of the two names is a whole package, and the same
//! call goes on. A finished package is moved alike, without the ending.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use evidence::acquisition::{Acquisition, RunNumber};
use evidence::strict;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::copying::copy_file;
use crate::durable::{Disk, DurableError, Op, free_bytes};
use crate::journal::{self, Journaled, Keys, Marks};
use crate::lock;
use crate::package::PackageError;
use crate::read_back::digest_of;
use crate::site::{WORK, with_ending};
use crate::unfinished::{MAX_ACQUISITION, MAX_JOURNAL, Older};

/// What was moved.
#[derive(Debug)]
pub struct Moved {
    /// Whether it is a package that was broken off.
    pub unfinished: bool,
    /// Its run, where its journal or its statement names it.
    pub run: Option<RunNumber>,
    /// How many files.
    pub files: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Whether an earlier try had copied it already, and nothing was left to do but to remove the source, if that.
    pub before: bool,
}

/// Why a package could not be moved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// The disk, a lock, the journal or its key.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// Neither a package nor an unfinished one.
    #[error("neither `{}` nor `{}.partial` is there", .0.display(), .0.display())]
    Nothing(PathBuf),
    /// The destination has something else.
    #[error("`{}` is there, and is no copy of `{}`", there.display(), from.display())]
    Other {
        /// What is there.
        there: PathBuf,
        /// What was to be moved.
        from: PathBuf,
    },
    /// An entry that no package has.
    #[error("`{}` is neither a file nor a folder of a package", .0.display())]
    Foreign(PathBuf),
    /// There is too little room for it.
    #[error("`{}`: {free} bytes are free there, and {bytes} are to be copied", there.display())]
    NoRoom {
        /// Where it was to go.
        there: PathBuf,
        /// How many bytes are free.
        free: u64,
        /// How many it has.
        bytes: u64,
    },
    /// The copy could not be made to its end.
    #[error("{error}; what was copied stays as `{}` until the move is given again, or removed by hand", left.display())]
    Broken {
        /// Why.
        error: Box<MoveError>,
        /// What is left of it.
        left: PathBuf,
    },
    /// The journal is an older copy.
    #[error("`{}` is an older copy: {older}", older.path.display())]
    Older {
        /// How much it lacks.
        older: Older,
    },
}

impl From<DurableError> for MoveError {
    fn from(error: DurableError) -> Self {
        Self::Package(error.into())
    }
}

/// Moves the package, or the unfinished package, of the name `from` to the name `to`. `state` is the case folder's; `told`
/// hears how many bytes were copied, and of how many.
///
/// # Errors
///
/// [`MoveError`]; nothing is lost, and it can be tried again.
pub fn move_package(
    disk: &Disk,
    from: &Path,
    to: &Path,
    state: &Path,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Moved, MoveError> {
    let unfinished = !disk.exists(from);
    let ending = if unfinished { ".partial" } else { "" };
    let (source, target) = (with_ending(from, ending), with_ending(to, ending));
    let (copy, gone) = (with_ending(to, ".moving"), with_ending(from, ".moved"));
    if !disk.exists(&source) {
        return remove_the_rest(disk, from, to, &gone, state);
    }
    if let Some(other) =
        [to, &with_ending(to, ".partial")].into_iter().find(|other| **other != *target && disk.exists(other))
    {
        return Err(MoveError::Other { there: other.to_owned(), from: source });
    }
    let journal = journal::path_in(&source.join(WORK));
    let _lock = match disk.exists(&journal) {
        true => lock::take(&journal)?.ok_or(PackageError::Locked(source.clone()))?,
        false => lock_folder(&source)?,
    };
    let tree = Tree::of(disk, &source)?;
    let mut bytes = 0_u64;
    for file in &tree.files {
        bytes = bytes.saturating_add(disk.length(&source.join(file))?);
    }
    let mut moved = Moved { unfinished, run: None, files: tree.files.len() as u64, bytes, before: false };
    let mut told_of = Story::of(disk, &source, state)?;
    moved.run =
        told_of.as_ref().map(|story| story.read.begun.package).or_else(|| run_of_package(disk, &source));
    if disk.exists(&target) {
        if !is_copy(disk, &tree, &source, &target)? {
            return Err(MoveError::Other { there: target, from: source });
        }
        moved.before = true;
    } else {
        if let Some(story) = &told_of
            && let Some(older) = Older::of(&source, &story.marks, &story.read)?
            // Of two copies on two disks each is moved by itself: that the other one was is nothing that this one lacks.
            && !story.read.lacks_moves_alone(&story.keys, &story.marks)?
        {
            return Err(MoveError::Older { older });
        }
        make_room(disk, &tree, &copy, &source)?;
        let free = free_where(&copy);
        if free.is_some_and(|free| free < bytes) {
            return Err(MoveError::NoRoom { there: copy, free: free.unwrap_or(0), bytes });
        }
        copy_all(disk, &tree, &source, &copy, &mut |done| told(done, bytes))
            .map_err(|error| MoveError::Broken { error: Box::new(error), left: copy.clone() })?;
        let mut _lock_of_copy = None;
        if let Some(story) = &mut told_of {
            let path = journal::path_in(&copy.join(WORK));
            _lock_of_copy = lock::take(&path)?;
            story.read.note_move(disk, &path, &story.keys)?;
        }
        disk.rename(&copy, &target)?;
    }
    if told_of.is_some()
        && let Some(story) = Story::of(disk, &target, state)?
    {
        let path = journal::path_in(&target.join(WORK));
        story.read.make_known(disk, &path, &story.key_path)?;
    }
    disk.rename(&source, &gone)?;
    remove(disk, &gone)?;
    Ok(moved)
}

/// Removes what is left of a source, where the place named has all of it: of an unfinished one whose journal says that it was
/// moved there nothing needs to be left. Whether a finished package is the one that was meant, its run tells the caller.
fn remove_the_rest(
    disk: &Disk,
    from: &Path,
    to: &Path,
    gone: &Path,
    state: &Path,
) -> Result<Moved, MoveError> {
    let partial = with_ending(to, ".partial");
    let unfinished = disk.exists(&partial);
    let there = if unfinished { partial.as_path() } else { to };
    let run = match (disk.exists(there), unfinished) {
        (false, _) => return Err(MoveError::Nothing(from.to_owned())),
        (true, true) => Story::of(disk, there, state)?
            .filter(|story| story.read.moved)
            .map(|story| story.read.begun.package),
        (true, false) => run_of_package(disk, there),
    };
    let left = disk.exists(gone);
    if !left && run.is_none() {
        return Err(MoveError::Nothing(from.to_owned()));
    }
    let tree = Tree::of(disk, there)?;
    if left {
        let rest = Tree::of(disk, gone)?;
        if !rest.files.is_subset(&tree.files) || !all_same(disk, &rest, gone, there)? {
            return Err(MoveError::Other { there: there.to_owned(), from: gone.to_owned() });
        }
        remove(disk, gone)?;
    }
    Ok(Moved { unfinished, run, files: tree.files.len() as u64, bytes: 0, before: true })
}

/// Bytes that are free where a folder will be made.
fn free_where(path: &Path) -> Option<u64> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let free = free_bytes(parent.unwrap_or(Path::new(".")));
    (free > 0).then_some(free)
}

/// The run that a finished package says it is of.
fn run_of_package(disk: &Disk, package: &Path) -> Option<RunNumber> {
    let bytes = disk.read(&package.join("meta/acquisition.json"), MAX_ACQUISITION).ok()?;
    strict::from_json::<Acquisition>(&bytes).ok().map(|acquisition| acquisition.package)
}

fn remove(disk: &Disk, folder: &Path) -> Result<(), DurableError> {
    disk.clear(folder, &|_| false)?;
    disk.remove_folder(folder)?;
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => disk.sync_folder(parent),
        _ => disk.sync_folder(Path::new(".")),
    }
}

/// Removes what an earlier try left of a copy: nothing but files that the source has, too.
fn make_room(disk: &Disk, tree: &Tree, copy: &Path, source: &Path) -> Result<(), MoveError> {
    if !disk.exists(copy) {
        return Ok(());
    }
    let left = Tree::of(disk, copy)?;
    if !left.files.is_subset(&tree.files) || !left.folders.is_subset(&tree.folders) {
        return Err(MoveError::Other { there: copy.to_owned(), from: source.to_owned() });
    }
    Ok(remove(disk, copy)?)
}

fn copy_all(
    disk: &Disk,
    tree: &Tree,
    source: &Path,
    copy: &Path,
    told: &mut dyn FnMut(u64),
) -> Result<(), MoveError> {
    disk.create_folder(copy)?;
    for folder in &tree.folders {
        disk.create_folder(&copy.join(folder))?;
    }
    let mut done = 0_u64;
    for file in &tree.files {
        let (_, length) = copy_file(disk, &source.join(file), &copy.join(file))?;
        done = done.saturating_add(length);
        told(done);
    }
    Ok(())
}

/// Whether a folder has the files of another, but for what its journal says beyond the other's.
fn is_copy(disk: &Disk, tree: &Tree, source: &Path, copy: &Path) -> Result<bool, MoveError> {
    let there = Tree::of(disk, copy)?;
    if there.files != tree.files || there.folders != tree.folders {
        return Ok(false);
    }
    all_same(disk, tree, source, copy)
}

/// Whether each file is the same in another folder, but for what a journal says beyond the other's.
fn all_same(disk: &Disk, tree: &Tree, source: &Path, copy: &Path) -> Result<bool, MoveError> {
    let journal = journal::path_in(Path::new(WORK));
    for file in &tree.files {
        let (one, other) = (source.join(file), copy.join(file));
        let same = match Path::new(file) == journal {
            true => disk.read(&other, MAX_JOURNAL)?.starts_with(&disk.read(&one, MAX_JOURNAL)?),
            false => digest_of(disk, &one)? == digest_of(disk, &other)?,
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A journal, with the keys that authenticate it.
struct Story {
    key_path: PathBuf,
    keys: Keys,
    read: Journaled,
    marks: Marks,
}

impl Story {
    /// `None` where nothing was committed, or all is.
    fn of(disk: &Disk, partial: &Path, state: &Path) -> Result<Option<Self>, PackageError> {
        let path = journal::path_in(&partial.join(WORK));
        if !disk.exists(&path) {
            return Ok(None);
        }
        let bytes = disk.read(&path, MAX_JOURNAL)?;
        let Some(run) = journal::run_of(&bytes)? else { return Ok(None) };
        let key_path = journal::key_path(state, run);
        if !disk.exists(&key_path) {
            return Err(PackageError::NoKey(key_path));
        }
        let Some(keys) = Keys::load(disk, &key_path)? else { return Err(PackageError::NoKey(key_path)) };
        let Some(read) = Journaled::read(&bytes, &keys)? else { return Ok(None) };
        let marks = Marks::read(disk, &key_path)?;
        Ok(Some(Self { key_path, keys, read, marks }))
    }
}

/// Folders, each after the one that it is in, and files of a package: by their paths in it.
pub(crate) struct Tree {
    folders: BTreeSet<String>,
    pub(crate) files: BTreeSet<String>,
}

impl Tree {
    pub(crate) fn of(disk: &Disk, root: &Path) -> Result<Self, MoveError> {
        let mut tree = Self { folders: BTreeSet::new(), files: BTreeSet::new() };
        let mut open = vec![String::new()];
        while let Some(folder) = open.pop() {
            for (name, is_folder) in disk.entries(&root.join(&folder))? {
                let in_it =
                    |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
                let place = || MoveError::Foreign(root.join(&folder).join(&name));
                let path = in_it(name.to_str().ok_or_else(place)?);
                match is_folder {
                    Some(true) if path.matches('/').count() < MAX_DEPTH => {
                        tree.folders.insert(path.clone());
                        open.push(path);
                    }
                    Some(false) => drop(tree.files.insert(path)),
                    _ => return Err(place()),
                }
            }
        }
        Ok(tree)
    }
}

/// Locks a folder that has no journal.
fn lock_folder(folder: &Path) -> Result<File, MoveError> {
    let io = |source| DurableError::Io { op: Op::Open, path: folder.to_owned(), source };
    let file = File::open(folder).map_err(io)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) | Err(Errno::NOTSUP | Errno::NOSYS | Errno::NOLCK) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(PackageError::Locked(folder.to_owned()).into()),
        Err(error) => Err(io(error.into()).into()),
    }
}

/// Folders inside folders: a package has two levels, and what is deeper is none.
const MAX_DEPTH: usize = 4;
