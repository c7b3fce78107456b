//! Keeping: keys, recipients, parts, journal, package, seal and custody log; everything that is written.
//!
//! The main path of a capture:
//!
//! ```text
//! let disk = Disk::new();
//! let mut case = CaseFolder::open(&disk, case_path)?;
//! let run_key = SecretKey::generate("run")?;                        // named in acquisition.start, then used here alone
//! let run = new_run_number()?;
//! case.append(statement(Action::AcquisitionStart(..)), &[&examiner, &witness])?;
//!
//! let mut writer = PackageWriter::create(&disk, &out, &case.state(), Setup { .. })?;
//! writer.keep(&Item { .. }, Some(Content { .. }))?;                 // captured or held: content read once
//! writer.record(&Item { .. })?;                                     // listed or left
//! let closed = writer.close(Ending { .. })?;
//!
//! let stated = closed.state(Rest { log: case.tree(), .. })?;
//! case.append(statement(Action::AcquisitionEnd(stated.end().clone())), &[&examiner])?;
//! let unsealed = stated.finish(&case.policy_files()?)?;
//! let (log_key, _) = case.log_key(&mut ask)?;
//! unsealed.seal(&mut case, statement(..), &[&examiner, &witness], &log_key)?;   // OUT.partial becomes OUT
//! ```
//!
//! Where a run was broken off, [`Unfinished`] says what of it is committed, and goes on from there.
//! Where the witness signs later: [`Unsealed::leave_open`], then
//! [`seal::add_signature`] and [`seal::conclude`].
//!
//! The formats themselves are types of the crate `evidence`. Time and reasons
//! come from the caller; randomness from the operating system ([`random`]).
//! Everything on a disk goes through [`durable`]: nothing is overwritten. No
//! byte of the medium is on a disk unencrypted, and no secret in a message.

pub mod durable;
pub mod random;

pub mod identities;
pub mod keys;

pub mod attest;
pub mod case;
pub mod log;

pub mod close;
pub mod mirror;
pub mod package;
pub mod package_copy;
pub mod relocate;
pub mod seal;
pub mod size_class;
pub mod unfinished;

mod batch;
mod copying;
mod hand;
mod journal;
mod lock;
mod look;
mod part;
mod policy_file;
mod read_back;
mod site;
mod sorted;
mod totals;
mod zipper;

pub use case::{CaseError, CaseFolder, NewCase};
pub use close::{Closed, Ending, Medium, Rest, Stated, Unsealed};
pub use durable::{Disk, DurableError};
pub use journal::Begun;
pub use keys::{KeyError, SecretKey, Signer};
pub use log::{LogError, LogFolder};
pub use package::{
    Compression, Content, Hand, Item, Kept, Options, PackageError, PackageWriter, SetRecipients, Setup,
    Totals,
};
pub use package_copy::PackageCopy;
pub use part::{Missing, Trouble};
pub use policy_file::ListOnDisk;
pub use read_back::Reading;
pub use seal::SealError;
pub use unfinished::{Complete, Found, Unfinished};

use evidence::acquisition::RunNumber;

/// Draws the number of a new run.
///
/// # Errors
///
/// [`random::RandomError`].
pub fn new_run_number() -> Result<RunNumber, random::RandomError> {
    Ok(RunNumber(random::bytes()?))
}
