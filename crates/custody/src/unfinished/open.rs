//! What stands at `OUT.partial`, once or in two copies.

use std::path::{Path, PathBuf};

use evidence::acquisition::Acquisition;
use evidence::strict;

use super::{Complete, Copy, Found, MAX_ACQUISITION, MAX_JOURNAL, Older, TAGMANIFEST, Unfinished};
use crate::durable::Disk;
use crate::journal::{self, Journaled, Keys, Marks};
use crate::lock;
use crate::package::PackageError;
use crate::read_back::digest_of;
use crate::relocate::Tree;
use crate::site::{WORK, partial_path};

/// What stands at one `OUT.partial`.
enum One {
    /// Nothing, or nothing that was committed.
    Nothing,
    /// A package that lacks nothing but its name.
    Complete(PathBuf),
    /// A package that can go on.
    Unfinished(Box<Read>),
    /// A package under its name.
    Finished,
}

struct Read {
    copy: Copy,
    key_path: PathBuf,
    keys: Keys,
    journal: Journaled,
}

pub(super) fn open(disk: &Disk, outs: &[PathBuf], state: &Path) -> Result<Found, PackageError> {
    let found = (1_usize..).zip(outs).map(|(number, out)| one(disk, out, number, state));
    let mut found = found.collect::<Result<Vec<_>, _>>()?.into_iter();
    let (first, second) = (found.next().unwrap_or(One::Nothing), found.next());
    let complete =
        |outs: Vec<PathBuf>, key_path| Ok(Found::Complete(Complete { disk: disk.clone(), outs, key_path }));
    let (one, other) = (outs.first().cloned().unwrap_or_default(), outs.get(1).cloned().unwrap_or_default());
    match (first, second) {
        (One::Nothing, None | Some(One::Nothing)) => Ok(Found::Nothing),
        (One::Finished, None | Some(One::Finished)) => Ok(Found::Finished(one)),
        (One::Complete(key), None) | (One::Complete(key), Some(One::Finished)) => complete(vec![one], key),
        (One::Finished, Some(One::Complete(key))) => complete(vec![other], key),
        (One::Complete(key), Some(One::Complete(other_key))) if key == other_key => {
            complete(vec![one, other], key)
        }
        // The journal of one was removed, of the other not yet: it lacks as little.
        (One::Complete(key), Some(One::Unfinished(read)))
        | (One::Unfinished(read), Some(One::Complete(key)))
            if read.key_path == key && same_files(disk, &one, &other) =>
        {
            complete(vec![one, other], key)
        }
        (One::Unfinished(read), None) => unfinished(disk, outs, *read, None),
        (One::Unfinished(read), Some(One::Nothing)) => {
            let empty = Copy::nothing(2, &other);
            unfinished(disk, outs, *read, Some(empty))
        }
        (One::Nothing, Some(One::Unfinished(read))) => {
            let empty = Copy::nothing(1, &one);
            unfinished(disk, outs, *read, Some(empty))
        }
        (One::Unfinished(a), Some(One::Unfinished(b))) => {
            let (a, b) = if b.journal.macs.len() > a.journal.macs.len() { (b, a) } else { (a, b) };
            if !a.journal.macs.starts_with(&b.journal.macs) || a.key_path != b.key_path {
                let what = "their journals tell different stories";
                return Err(PackageError::NoCopies { first: one, second: other, what });
            }
            unfinished(disk, outs, *a, Some(b.copy))
        }
        _ => {
            let what = "one of them is further than the other can be brought";
            Err(PackageError::NoCopies { first: one, second: other, what })
        }
    }
}

fn unfinished(
    disk: &Disk,
    outs: &[PathBuf],
    read: Read,
    second: Option<Copy>,
) -> Result<Found, PackageError> {
    let Read { copy, key_path, keys, journal } = read;
    let marks = Marks::read(disk, &key_path)?;
    let older = Older::of(&copy.partial, &marks, &journal)?;
    let (disk, outs, lost) = (disk.clone(), outs.to_vec(), Vec::new());
    let (first, mend) = (copy, Vec::new());
    Ok(Found::Unfinished(Box::new(Unfinished {
        disk,
        outs,
        first,
        second,
        mend,
        lost,
        key_path,
        keys,
        journal,
        older,
        discarded: None,
    })))
}

/// Locks what stands at one `OUT.partial`, and reads its journal.
fn one(disk: &Disk, out: &Path, number: usize, state: &Path) -> Result<One, PackageError> {
    let partial = partial_path(out);
    if !disk.exists(&partial) {
        return Ok(if disk.exists(out) { One::Finished } else { One::Nothing });
    }
    let path = journal::path_in(&partial.join(WORK));
    if !disk.exists(&path) {
        return without_journal(disk, &partial, state);
    }
    let lock = lock::take(&path)?.ok_or(PackageError::Locked(partial.clone()))?;
    let bytes = disk.read(&path, MAX_JOURNAL)?;
    let Some(run) = journal::run_of(&bytes)? else { return Ok(One::Nothing) };
    let key_path = journal::key_path(state, run);
    if !disk.exists(&key_path) {
        return Err(PackageError::NoKey(key_path));
    }
    let altered =
        || PackageError::Journal { line: 1, what: "the resume key is not as it was written".to_owned() };
    let keys = Keys::load(disk, &key_path)?.ok_or_else(altered)?;
    let Some(journal) = Journaled::read(&bytes, &keys)? else { return Ok(One::Nothing) };
    let copy = Copy { number, partial, lock: Some(lock), length: journal.length };
    Ok(One::Unfinished(Box::new(Read { copy, key_path, keys, journal })))
}

/// The journal goes first when a package gets its name: where all else is there, only that is left to do.
fn without_journal(disk: &Disk, partial: &Path, state: &Path) -> Result<One, PackageError> {
    if !disk.exists(&partial.join(TAGMANIFEST)) {
        return Ok(One::Nothing);
    }
    let bytes = disk.read(&partial.join("meta/acquisition.json"), MAX_ACQUISITION)?;
    let acquisition: Acquisition = strict::from_json(&bytes).map_err(std::io::Error::other)?;
    let key_path = journal::key_path(state, acquisition.package);
    if !disk.exists(&key_path) {
        return Err(PackageError::NoKey(key_path));
    }
    Ok(One::Complete(key_path))
}

/// Whether both have the same files, but for the folder of what never ships: parts by name, the rest by its bytes.
fn same_files(disk: &Disk, one: &Path, other: &Path) -> bool {
    let files = |out: &Path| {
        let partial = partial_path(out);
        let tree = Tree::of(disk, &partial).ok()?;
        let shipped = tree.files.into_iter().filter(|file| !file.starts_with(WORK));
        let digest = |file: String| match file.starts_with("data/") {
            true => Some((file, None)),
            false => digest_of(disk, &partial.join(&file)).ok().map(|digest| (file, Some(digest))),
        };
        shipped.map(digest).collect::<Option<Vec<_>>>()
    };
    files(one).is_some_and(|of_one| files(other).as_ref() == Some(&of_one))
}
