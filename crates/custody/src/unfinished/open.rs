//! What stands at `OUT.partial`, once or in two copies.

use std::path::{Path, PathBuf};

use evidence::acquisition::Acquisition;
use evidence::strict;

use super::inspect::inspect;
use super::{Complete, Copy, Found, MAX_ACQUISITION, MAX_JOURNAL, Older, TAGMANIFEST, Unfinished};
use crate::durable::Disk;
use crate::journal::{self, Journaled, Keys, Marks};
use crate::lock;
use crate::package::PackageError;
use crate::site::{WORK, partial_path};

/// What stands at one `OUT.partial`.
enum One {
    /// Nothing, or nothing that was committed.
    Nothing,
    /// Files of a package whose journal is lost.
    Lost(PackageError),
    /// A package that lacks nothing but its name.
    Complete(PathBuf, Box<Acquisition>),
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
    let mut found = openable(found.collect(), outs)?.into_iter();
    let (first, second) = (found.next().unwrap_or(One::Nothing), found.next());
    let complete = |outs: Vec<PathBuf>, key_path, acquisition, with_journal| {
        let (disk, anew, left) = (disk.clone(), Vec::new(), None);
        Ok(Found::Complete(Complete { disk, outs, key_path, acquisition, with_journal, anew, left }))
    };
    let (one, other) = (outs.first().cloned().unwrap_or_default(), outs.get(1).cloned().unwrap_or_default());
    match (first, second) {
        // What the other copy's journal names is of both. Where that one is an older copy, it does not name all.
        (One::Unfinished(read), Some(One::Lost(error))) => match read.older(disk)? {
            None => unfinished(disk, outs, *read, Some(Copy::nothing(2, &other))),
            Some(_) => Err(error),
        },
        (One::Lost(error), Some(One::Unfinished(read))) => match read.older(disk)? {
            None => unfinished(disk, outs, *read, Some(Copy::nothing(1, &one))),
            Some(_) => Err(error),
        },
        (One::Lost(error), _) | (_, Some(One::Lost(error))) => Err(error),
        (One::Nothing, None | Some(One::Nothing)) => Ok(Found::Nothing),
        (One::Finished, None | Some(One::Finished)) => Ok(Found::Finished(one)),
        (One::Complete(key, says), None | Some(One::Finished)) => complete(vec![one], key, says, None),
        (One::Finished, Some(One::Complete(key, says))) => complete(vec![other], key, says, None),
        (One::Complete(key, says), Some(One::Complete(other_key, _))) if key == other_key => {
            complete(vec![one, other], key, says, None)
        }
        // The journal of one was removed, of the other not yet: it lacks as little, or it was given up before and is left.
        (One::Complete(key, says), Some(One::Unfinished(read))) if read.key_path == key => {
            complete(vec![one, other.clone()], key, says, Some(other))
        }
        (One::Unfinished(read), Some(One::Complete(key, says))) if read.key_path == key => {
            complete(vec![one.clone(), other], key, says, Some(one))
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

/// What was found, unless one of them cannot be opened. Where that is a fault of its disk, and the other can go on or lacks its
/// name alone, the error says so: it goes on without this one.
fn openable(found: Vec<Result<One, PackageError>>, outs: &[PathBuf]) -> Result<Vec<One>, PackageError> {
    let goes_on = |one: &Result<One, PackageError>| matches!(one, Ok(One::Unfinished(_) | One::Complete(..)));
    let other = found.iter().zip(outs).find(|(one, _)| goes_on(one)).map(|(_, out)| out.clone());
    let named = |(one, out): (Result<One, PackageError>, &PathBuf)| match (one, &other) {
        (Err(error @ PackageError::Disk(_)), Some(other)) => {
            let (fails, other) = (partial_path(out), other.clone());
            Err(PackageError::OneFails { fails, error: Box::new(error), other })
        }
        (one, _) => one,
    };
    found.into_iter().zip(outs).map(named).collect()
}

impl Read {
    fn older(&self, disk: &Disk) -> Result<Option<Older>, PackageError> {
        let marks = Marks::read(disk, &self.key_path)?;
        Older::of(&self.copy.partial, &marks, &self.journal)
    }
}

fn unfinished(
    disk: &Disk,
    outs: &[PathBuf],
    read: Read,
    second: Option<Copy>,
) -> Result<Found, PackageError> {
    let older = read.older(disk)?;
    let Read { copy, key_path, keys, journal } = read;
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
        quoted: None,
    })))
}

/// Locks what stands at one `OUT.partial`, and reads its journal.
fn one(disk: &Disk, out: &Path, number: usize, state: &Path) -> Result<One, PackageError> {
    let partial = partial_path(out);
    if !disk.exists(&partial) {
        return Ok(if disk.exists(out) { One::Finished } else { One::Nothing });
    }
    let lies = inspect(disk, &partial)?;
    // Whatever is there was committed by a journal, and nobody can say any more which of it is whole.
    let lost = |path: &Path| match lies.files {
        0 => One::Nothing,
        files => One::Lost(PackageError::NoJournal { path: path.to_owned(), files, bytes: lies.bytes }),
    };
    let path = journal::path_in(&partial.join(WORK));
    if !disk.exists(&path) {
        return Ok(without_journal(disk, &partial, state)?.unwrap_or_else(|| lost(&partial)));
    }
    let lock = lock::take(&path)?.ok_or(PackageError::Locked(partial.clone()))?;
    let bytes = disk.read(&path, MAX_JOURNAL)?;
    let Some(run) = journal::run_of(&bytes)? else { return Ok(lost(&partial)) };
    let key_path = journal::key_path(state, run);
    if !disk.exists(&key_path) {
        return Err(PackageError::NoKey(key_path));
    }
    let altered =
        || PackageError::Journal { line: 1, what: "the resume key is not as it was written".to_owned() };
    let keys = Keys::load(disk, &key_path)?.ok_or_else(altered)?;
    let Some(journal) = Journaled::read(&bytes, &keys)? else { return Ok(lost(&partial)) };
    if journal.ending.is_none() {
        lies.before_the_end(&partial)?;
    }
    let copy = Copy { number, partial, lock: Some(lock), length: journal.length };
    Ok(One::Unfinished(Box::new(Read { copy, key_path, keys, journal })))
}

/// The journal goes first when a package gets its name: where all else is there, only that is left to do.
fn without_journal(disk: &Disk, partial: &Path, state: &Path) -> Result<Option<One>, PackageError> {
    if !disk.exists(&partial.join(TAGMANIFEST)) {
        return Ok(None);
    }
    let bytes = disk.read(&partial.join("meta/acquisition.json"), MAX_ACQUISITION)?;
    let acquisition: Acquisition = strict::from_json(&bytes).map_err(std::io::Error::other)?;
    let key_path = journal::key_path(state, acquisition.package);
    if !disk.exists(&key_path) {
        return Err(PackageError::NoKey(key_path));
    }
    Ok(Some(One::Complete(key_path, Box::new(acquisition))))
}
