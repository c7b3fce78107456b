//! Why a set is not what it should be.

use std::io;

use scope::{Digest, Outcome};

use crate::acquisition::SetName;
use crate::commit::OpeningError;
use crate::inventory::CompareError;
use crate::item::{Control, Mismatch};
use crate::manifest::{BindingError, ManifestError};
use crate::zip_strict::ZipError;

/// Why a set is not what the inventory and the acquisition say.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HolderError {
    /// The archive is not of the zip profile.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// The content of an entry cannot be read, or the sink did not take it.
    #[error("entry {entry}: {source}")]
    Entry {
        /// The entry's name.
        entry: String,
        /// Why.
        source: io::Error,
    },
    /// An entry is longer than it may be.
    #[error("entry {entry} is longer than {limit} bytes")]
    TooLong {
        /// The entry's name.
        entry: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// An object is named by no control number.
    #[error("entry objects/{0}: not a control number")]
    ObjectName(String),
    /// A captured part has an entry `padding`, or one of a held part holds more than zeros.
    #[error("padding where none may be, or with anything but zeros in it")]
    Padding,
    /// A held part has no entry `padding`.
    #[error("a held part without padding")]
    Unpadded,
    /// A held part's archive is not exactly as long as a size class.
    #[error("a held part of {length} bytes; its size class has {class}")]
    Length {
        /// Length of the archive in bytes.
        length: u64,
        /// The size class of that length.
        class: u64,
    },
    /// The manifest is unsigned or unreadable.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The part belongs to something else.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// The first row names other recipients than the acquisition.
    #[error("the first row names other recipients than the acquisition")]
    Recipients,
    /// A row cannot be opened.
    #[error("{control}: {source}")]
    Opening {
        /// The row's control number.
        control: Control,
        /// What is wrong.
        source: OpeningError,
    },
    /// A row contradicts itself, its set, or the policy.
    #[error("{control}: {what}")]
    Row {
        /// The row's control number.
        control: Control,
        /// What contradicts what.
        what: String,
    },
    /// The opened facts, decision and object of a row cannot stand together.
    #[error("{control}: {source}")]
    Mismatch {
        /// The row's control number.
        control: Control,
        /// What contradicts what.
        source: Mismatch,
    },
    /// Two rows have one control number.
    #[error("{0} stands twice")]
    Twice(Control),
    /// A row has no line, or the line of another row.
    #[error("{control}: its line {line} {what} the inventory")]
    Line {
        /// The row's control number.
        control: Control,
        /// The line.
        line: String,
        /// `is not in`, or `was already used by another row of`.
        what: &'static str,
    },
    /// A row has no object.
    #[error("{0}: its object is not in the part")]
    NoObject(Control),
    /// An object has no row: something was put in.
    #[error("{0}: an object without a row")]
    NoRow(Control),
    /// An object is not the one that its row opens.
    #[error("{control}: the object is {found} of {found_size} bytes, its row says {stated} of {stated_size}")]
    Object {
        /// The row's control number.
        control: Control,
        /// Digest of the object.
        found: Digest,
        /// Length of the object in bytes.
        found_size: u64,
        /// The opened digest.
        stated: Digest,
        /// The opened length in bytes.
        stated_size: u64,
    },
    /// A line of the inventory has no row.
    #[error("{missing} lines of outcome {outcome} have no row; the first is {first}")]
    Missing {
        /// The outcome.
        outcome: Outcome,
        /// How many.
        missing: u64,
        /// The first line's digest.
        first: Digest,
    },
    /// The lines could not be compared with the inventory.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// The rows for held items are not as many as the inventory's lines.
    #[error("{stated} lines of outcome {outcome}, {found} rows for held items")]
    Held {
        /// The outcome, or `held` for all compartments together.
        outcome: String,
        /// Lines in the inventory.
        stated: u64,
        /// Rows.
        found: u64,
    },
    /// Not every part was given, or one too many, or one of them failed.
    #[error("{checked} of {stated} parts of the set {set} were checked")]
    Parts {
        /// The set.
        set: SetName,
        /// Parts that were found right.
        checked: usize,
        /// Parts that the acquisition states.
        stated: usize,
    },
}
