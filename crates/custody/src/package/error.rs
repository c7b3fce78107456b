//! Why a package could not be written, or gone on with.

use std::io;
use std::path::PathBuf;

use evidence::acquisition::SetName;
use evidence::item::RecordError;
use evidence::ledger::LedgerError;
use evidence::manifest::ManifestError;
use scope::{Digest, Outcome};

use crate::durable::DurableError;
use crate::random::RandomError;

/// Why a package could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// The disk.
    #[error(transparent)]
    Disk(#[from] DurableError),
    /// A write in the middle of a part. The text names path and numbers.
    #[error("{0}")]
    Write(#[from] io::Error),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// A recipient is not an X25519 recipient, or a set has none.
    #[error("`{recipient}` is not an age recipient (age1...) of the set {set}")]
    Recipient {
        /// The set.
        set: SetName,
        /// What stands there.
        recipient: String,
    },
    /// Encryption.
    #[error("age: {0}")]
    Age(String),
    /// A part on the disk is not what was written.
    #[error("`{path}` was written as {written} and reads back as {found}: do not trust this disk")]
    ReadBack {
        /// The part.
        path: PathBuf,
        /// The digest made while writing.
        written: Digest,
        /// The digest of the file.
        found: Digest,
    },
    /// The end of a part is not on the disk as it was written.
    #[error(
        "`{path}` was written with {length} bytes, and from byte {at} on does not read back as written: do not trust this disk"
    )]
    Look {
        /// The part.
        path: PathBuf,
        /// From which byte on.
        at: u64,
        /// How many were written.
        length: u64,
    },
    /// Committed files do not read back as they were written, in any copy.
    #[error("read back, batch {batch}: {first}{}: do not trust this disk", likewise(*others))]
    Altered {
        /// The first batch of which a file differs.
        batch: u64,
        /// What is wrong with it.
        first: Box<PackageError>,
        /// How many more files differ.
        others: usize,
    },
    /// The statement that the log quotes is lost.
    #[error(
        "meta/acquisition.json: acquisition.end on the custody log quotes {quoted}, which is not there, and the journal gives {made}"
    )]
    OtherStatement {
        /// The digest on the log.
        quoted: Digest,
        /// The digest of what can be made.
        made: Digest,
    },
    /// A record that no reader would accept.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A ledger row that no reader would accept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A manifest row that no reader would accept.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Two items have one inventory line: the randomness repeated itself.
    #[error("two items have the same inventory line; the random numbers of this machine repeat")]
    DoubledLine,
    /// A compartment that the setup does not name.
    #[error("the compartment `{0}` has no recipients in the policy")]
    Compartment(String),
    /// `keep` for an outcome that keeps nothing, or `record` for one that does.
    #[error("the outcome `{0}` does not go with this call")]
    Misuse(Outcome),
    /// Another process writes this package.
    #[error("`{0}` is in use by another ambit; wait until it has ended")]
    Locked(PathBuf),
    /// One of two copies cannot be opened, and the other can.
    #[error("the copy {} cannot be gone on with: {error}", fails.display())]
    OneFails {
        /// Where it is to go on.
        fails: PathBuf,
        /// What the disk says.
        error: Box<PackageError>,
        /// The name of the other.
        other: PathBuf,
    },
    /// The key of the journal is not where it was written.
    #[error("the resume key `{0}` is missing: without it nobody can tell what of this package is genuine")]
    NoKey(PathBuf),
    /// The run went on where this case folder was not.
    #[error(
        "the journal of {} has {lines} lines, of which this case folder knows {known}: the run went on under another copy of the \
         case folder, whose log announces the run key of what was taken since", path.display()
    )]
    CaseBehind {
        /// The unfinished package.
        path: PathBuf,
        /// How many lines its journal has.
        lines: usize,
        /// How many of them the case folder knows.
        known: usize,
    },
    /// The journal is not what was written.
    #[error("line {line} of the journal was altered: {what}")]
    Journal {
        /// Which line, from 1.
        line: usize,
        /// What does not hold.
        what: String,
    },
    /// A committed file is not what was committed.
    #[error("`{path}` is not what was committed: {stated} was, and {found} is there, with {length} bytes")]
    Part {
        /// The file.
        path: PathBuf,
        /// The digest that the journal states.
        stated: Digest,
        /// The digest of the file.
        found: Digest,
        /// Its length.
        length: u64,
    },
    /// A committed file is not there.
    #[error("`{path}` is missing, and was committed, as {stated}")]
    Missing {
        /// The file.
        path: PathBuf,
        /// Its digest.
        stated: Digest,
    },
    /// The medium gives other items than before the break.
    #[error(
        "the medium is not as it was: of its first {until} items, place, size or times of one differ from those that were captured"
    )]
    OtherWalk {
        /// Within how many items it differs.
        until: u64,
    },
    /// In the package lies what is not of one.
    #[error("`{}`: {what}; nothing was removed", path.display())]
    Foreign {
        /// What lies there.
        path: PathBuf,
        /// Why it is none of a package.
        what: &'static str,
    },
    /// Files, and no journal that names them.
    #[error(
        "`{}` has {files} files of {bytes} bytes, and no journal that says what they are; nothing was removed", path.display()
    )]
    NoJournal {
        /// The unfinished package.
        path: PathBuf,
        /// How many files that are not empty.
        files: u64,
        /// Bytes of them.
        bytes: u64,
    },
    /// A package without a journal that was not closed either.
    #[error(
        "`{}` has no journal, and was not closed either: {what}; nothing was removed, and its keys are kept", path.display()
    )]
    NotClosed {
        /// The unfinished package.
        path: PathBuf,
        /// What it lacks.
        what: &'static str,
    },
    /// Two copies are not of one run.
    #[error("`{first}` and `{second}` are not two copies of one run: {what}")]
    NoCopies {
        /// The first.
        first: PathBuf,
        /// The second.
        second: PathBuf,
        /// In what they differ.
        what: &'static str,
    },
    /// Somebody asked to stop, in the middle of an object or while files are read back.
    #[error("stopped, as asked")]
    Stopped,
    /// An earlier error ended the writing.
    #[error("an earlier error ended this package: {0}")]
    Broken(String),
}

fn likewise(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => "; one more file differs".to_owned(),
        others => format!("; {others} more files differ"),
    }
}

/// What a destination lacks, where that is behind an error of this crate, whatever it was handed on through: `StorageFull` or
/// `FileTooLarge`.
#[must_use]
pub fn destination_lacks(error: &(dyn std::error::Error + 'static)) -> Option<io::ErrorKind> {
    let of_disk = |error: &DurableError| match error {
        DurableError::Full { .. } | DurableError::NearlyFull { .. } => Some(io::ErrorKind::StorageFull),
        DurableError::FileTooLong { .. } => Some(io::ErrorKind::FileTooLarge),
        _ => None,
    };
    let mut next = Some(error);
    while let Some(error) = next {
        let durable = match error.downcast_ref::<PackageError>() {
            Some(PackageError::Disk(durable)) => Some(durable),
            _ => error.downcast_ref::<DurableError>(),
        };
        if let Some(durable) = durable {
            return of_disk(durable);
        }
        // What goes through a writer keeps its kind and its text.
        match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                return Some(io::ErrorKind::StorageFull);
            }
            Some(io::ErrorKind::FileTooLarge) => return Some(io::ErrorKind::FileTooLarge),
            _ => next = error.source(),
        }
    }
    None
}
