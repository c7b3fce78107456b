//! Copies of a package: each has a copy of the custody log, which goes on in the case folder alone.
//!
//! ```text
//! let mut copy = PackageCopy::open(&disk, &package, case.log())?;     it is the package of a run of this case
//! let brought = copy.bring(case.log())?;                              entries and signed heads that it lacked
//! ```
//!
//! Each entry is there whole or not at all, so that a command that was broken off is given again and goes on.
//! What is sealed is known by the digest of its list; the files that are listed are the verifier's to read.

use std::path::{Path, PathBuf};

use evidence::acquisition::{Acquisition, RunNumber};
use evidence::event::Action;
use evidence::strict;
use scope::Digest;

use crate::durable::Disk;
use crate::log::{LogError, LogFolder};
use crate::seal::{MAX_ACQUISITION, MAX_TAGMANIFEST, SealError, TAGMANIFEST, seal_of, signatures};

/// A package that a log tells of, under its name, with its own copy of that log.
#[derive(Debug)]
pub struct PackageCopy {
    path: PathBuf,
    log: LogFolder,
    run: RunNumber,
}

/// What a copy of a package got.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Brought {
    /// How many events it had.
    pub had: u64,
    /// How many it has now.
    pub has: u64,
    /// Whether it got anything: an event, or the signature of a head.
    pub anything: bool,
}

impl PackageCopy {
    /// Opens a copy. It is of a run that the log of the case tells of, what is sealed in it is what the log says, and its own log is
    /// a beginning of that one. Of a package that nobody has sealed yet, the log says what was stated.
    ///
    /// # Errors
    ///
    /// [`SealError::OtherCase`], [`SealError::OtherPackage`], [`SealError::LacksSignatures`]; [`LogError::Fork`] and
    /// [`LogError::Behind`] where the logs are not one log. Nothing is changed.
    pub fn open(disk: &Disk, path: &Path, case: &LogFolder) -> Result<Self, SealError> {
        let bytes = disk.read(&path.join(ACQUISITION), MAX_ACQUISITION)?;
        let said: Acquisition = strict::from_json(&bytes)?;
        if said.origin != case.origin() {
            return Err(SealError::OtherCase { case: case.origin().to_owned(), package: said.origin });
        }
        let log = LogFolder::open(disk, path, case.origin())?;
        case.must_continue(&log)?;
        let run = said.package;
        let (what, stated, found) = match seal_of(case, run)? {
            Some((_, seal)) => {
                let own = signatures(disk, path)?;
                let lacks = seal.signatures.iter().filter(|quoted| !own.contains(quoted));
                let lacks: Vec<String> = lacks.map(|quoted| quoted.principal.clone()).collect();
                let found = Digest::of(&disk.read(&path.join(TAGMANIFEST), MAX_TAGMANIFEST)?);
                if found == seal.tagmanifest && !lacks.is_empty() {
                    return Err(SealError::LacksSignatures {
                        path: path.to_owned(),
                        lacks: lacks.join(" and "),
                    });
                }
                ("the sealed bytes", seal.tagmanifest, found)
            }
            None => match ended(case, run)? {
                Some(stated) => (ACQUISITION, stated, Digest::of(&bytes)),
                None => return Err(SealError::UnknownRun { path: path.to_owned(), run }),
            },
        };
        if stated != found {
            return Err(SealError::OtherPackage { path: path.to_owned(), run, what, stated, found });
        }
        Ok(Self { path: path.to_owned(), log, run })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run that made it.
    #[must_use]
    pub fn run(&self) -> RunNumber {
        self.run
    }

    /// Copies to it what the log of the case has and its own has not.
    ///
    /// # Errors
    ///
    /// [`LogError`]; it can be tried again.
    pub fn bring(&mut self, case: &LogFolder) -> Result<Brought, LogError> {
        let (had, anything) = (self.log.size(), case.has_more_than(&self.log));
        case.copy_to(&mut self.log)?;
        Ok(Brought { had, has: self.log.size(), anything })
    }
}

/// The digest of its statement that acquisition.end of a run quotes.
fn ended(log: &LogFolder, run: RunNumber) -> Result<Option<Digest>, LogError> {
    let quoted = log.events()?.into_iter().find_map(|event| match event.action {
        Action::AcquisitionEnd(end) if end.package == run => Some(end.acquisition_sha256),
        _ => None,
    });
    Ok(quoted)
}

const ACQUISITION: &str = "meta/acquisition.json";
