//! Other people's sets of digests, taken out one by one.
//!
//! ```text
//! nsrl        an SQLite database of the RDS, version 3: column `sha256` of its table `FILE`
//! hashdeep    a text of hashdeep: the column `sha256`
//! digests     64 hexadecimal digits in each line
//! ```
//!
//! What is not as the form has it is an error that names the line or row: a set that lost something is not the set.

mod nsrl;
mod sqlite;
mod text;

use std::io;

use scope::{Digest, ListBytes};

pub use sqlite::SqliteError;

/// Whose form a set is in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SetForm {
    /// The Reference Data Set of the National Software Reference Library, version 3.
    Nsrl,
    /// The output of hashdeep.
    Hashdeep,
    /// A digest in each line.
    Digests,
}

/// Why a set is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// The storage, or whoever takes the digests.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The database.
    #[error("{0}")]
    Sqlite(#[from] SqliteError),
    /// A row without a digest.
    #[error("row {row} of the table FILE: `sha256` is not 64 hexadecimal digits")]
    Row {
        /// From 1, in the order of the table.
        row: u64,
    },
    /// A line that is not in the form.
    #[error("line {line}: {what}")]
    Line {
        /// From 1.
        line: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// Hands every digest of a set to `take`, in the set's order, as often as it stands there. Returns how many.
///
/// # Errors
///
/// [`SetError`]. What was handed on before is then of no use.
pub fn digests(
    form: SetForm,
    bytes: &dyn ListBytes,
    take: &mut dyn FnMut(Digest) -> io::Result<()>,
) -> Result<u64, SetError> {
    match form {
        SetForm::Nsrl => nsrl::digests(bytes, take),
        SetForm::Hashdeep => text::hashdeep(bytes, take),
        SetForm::Digests => text::digests(bytes, take),
    }
}

/// A digest in digits of either case: NSRL writes large ones.
fn digest(text: &[u8]) -> Option<Digest> {
    if text.len() != 64 {
        return None;
    }
    let small: Vec<u8> = text.iter().map(u8::to_ascii_lowercase).collect();
    Digest::from_hex(std::str::from_utf8(&small).ok()?).ok()
}
