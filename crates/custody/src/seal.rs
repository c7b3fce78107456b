//! The seal: signatures over the tag manifest, and the event that quotes them.
//!
//! 1. Each signer signs the bytes of `tagmanifest-sha256.txt`.
//! 2. Once the quorum has signed, `package.seal` is appended to the custody
//!    log: it quotes the tag manifest and every signature by digest.
//! 3. The whole log is copied into the package, the log key signs its head,
//!    and `OUT.partial` becomes `OUT`.
//!
//! Where somebody signs later, [`unsealed`](Unsealed::leave_open) leaves the package
//! without step 2, and [`add_signature`] and [`conclude`] follow: the first
//! wherever the signer is, the second where the case folder is. Its log alone
//! goes on, so that no two can part.

use std::path::{Path, PathBuf};

use evidence::acquisition::{Acquisition, RunNumber};
use evidence::custody_log::Statement;
use evidence::event::{Action, PackageSeal, SealSignature};
use evidence::sshsig;
use evidence::strict::{self, StrictError};
use scope::Digest;

use crate::case::CaseFolder;
use crate::close::Unsealed;
use crate::durable::{Disk, DurableError};
use crate::keys::{SecretKey, Signer};
use crate::log::{LogError, LogFolder};
use crate::package::PackageError;
use crate::read_back::same_digest;

/// Why a package could not be sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The disk.
    #[error(transparent)]
    Disk(#[from] DurableError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// `meta/acquisition.json` cannot be read.
    #[error("meta/acquisition.json: {0}")]
    Acquisition(#[from] StrictError),
    /// A signature or the copy of the log is not as it was written.
    #[error(transparent)]
    Package(#[from] Box<PackageError>),
    /// Nobody has signed.
    #[error("the package has no signature to conclude with")]
    NoSignature,
    /// Something else has the name of the signature.
    #[error("`{}` is there, and is not the signature that this key gives", .0.display())]
    OtherSignature(PathBuf),
    /// The case folder is another case's.
    #[error("the case is `{case}`, and the package belongs to `{package}`")]
    OtherCase {
        /// The case's origin.
        case: String,
        /// The package's.
        package: String,
    },
    /// The log of the case has no end of this run.
    #[error("{}: the custody log of the case has no end of the acquisition {run}", path.display())]
    UnknownRun {
        /// Which package.
        path: PathBuf,
        /// The run that it says it is of.
        run: RunNumber,
    },
    /// The package is not the one that the log tells of.
    #[error(
        "{}: this is not the package of the acquisition {run}: {what}: the custody log quotes {stated}, here it is {found}",
        path.display()
    )]
    OtherPackage {
        /// Which package.
        path: PathBuf,
        /// The run that it says it is of.
        run: RunNumber,
        /// What differs.
        what: &'static str,
        /// The digest on the log.
        stated: Digest,
        /// The digest that it has.
        found: Digest,
    },
    /// The run was sealed, and this copy of the package lacks signatures that package.seal quotes.
    #[error("{}: it lacks what package.seal on the custody log quotes, the signature of {lacks}", path.display())]
    LacksSignatures {
        /// Which package.
        path: PathBuf,
        /// Whose.
        lacks: String,
    },
}

impl Unsealed {
    /// SHA-256 of the sealed bytes: what a witness compares before signing.
    #[must_use]
    pub fn tagmanifest(&self) -> Digest {
        Digest::of(&self.tagmanifest)
    }

    /// The disk that it is written to: what was lost of it.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        &self.site.disk
    }

    /// The run number.
    #[must_use]
    pub fn run(&self) -> RunNumber {
        self.run
    }

    /// Seals with everybody who must sign: the quorum is the caller's to know.
    ///
    /// The event is signed by the same people. `statement.action` and `statement.who` are filled in here.
    ///
    /// # Errors
    ///
    /// [`SealError`]; `OUT.partial` stays.
    pub fn seal(
        self,
        case: &mut CaseFolder,
        mut statement: Statement,
        signers: &[&Signer],
        log_key: &SecretKey,
    ) -> Result<(), SealError> {
        let partial = self.site.partial();
        for signer in signers {
            sign(&self.site.disk, &partial, &self.tagmanifest, signer)?;
        }
        // The statement is sealed already: what was lost since stands in the event.
        let lost = self.site.disk.loss().map(|loss| loss.to_string());
        if let Some(lost) = lost.filter(|lost| !self.stated.contains(lost)) {
            statement.reason = format!("{} {lost}", statement.reason).trim_start().to_owned();
        }
        append(&self.site.disk, &partial, self.run, case.log_mut(), statement, signers)?;
        case.log().checkpoint(log_key)?;
        self.place(case)
    }

    /// Signs with those who are here and leaves the rest to [`add_signature`] and [`conclude`]:
    /// the package has its name, and no `package.seal` yet.
    ///
    /// # Errors
    ///
    /// [`SealError`]; `OUT.partial` stays.
    pub fn leave_open(
        self,
        case: &CaseFolder,
        signers: &[&Signer],
        log_key: &SecretKey,
    ) -> Result<(), SealError> {
        let partial = self.site.partial();
        for signer in signers {
            sign(&self.site.disk, &partial, &self.tagmanifest, signer)?;
        }
        case.log().checkpoint(log_key)?;
        self.place(case)
    }

    /// Gives the package its copy of the log, and its name: the last step, and the only one left where the log has its
    /// package.seal already.
    ///
    /// # Errors
    ///
    /// [`SealError`]; `OUT.partial` stays.
    pub fn place(self, case: &CaseFolder) -> Result<(), SealError> {
        let mut copy = LogFolder::open(&self.site.disk, &self.site.partial(), case.log().origin())?;
        case.log().copy_to(&mut copy)?;
        self.read_back()?;
        self.site.place()?;
        Ok(())
    }

    /// Reads the signatures and the copy of the log from the disk: the same in every copy as was written.
    fn read_back(&self) -> Result<(), SealError> {
        let (disk, partial) = (&self.site.disk, self.site.partial());
        let (seal, log) = (partial.join("seal"), partial.join("custody"));
        let entries = disk.folder_names(&log)?.into_iter().map(|name| log.join(name));
        for folder in entries.chain([seal]) {
            for name in disk.file_names(&folder)? {
                let file = folder.join(name);
                let written = Digest::of(&disk.read(&file, MAX_TAGMANIFEST)?);
                same_digest(disk, &file, Some(written)).map_err(Box::new)?;
            }
        }
        Ok(())
    }
}

/// Adds a signature to a package that is not concluded yet; `false` where it is there already.
///
/// The bytes signed are those of `tagmanifest-sha256.txt` as they are: verify the package before you sign.
///
/// # Errors
///
/// [`SealError::OtherSignature`] where something else has its name.
pub fn add_signature(disk: &Disk, package: &Path, signer: &Signer) -> Result<bool, SealError> {
    let tagmanifest = disk.read(&package.join(TAGMANIFEST), MAX_TAGMANIFEST)?;
    let signature = signature(signer, &tagmanifest);
    let path = signature_path(package, signer.principal());
    match signature_files(disk, package)?.into_iter().find(|(name, _)| name == signer.principal()) {
        Some((_, found)) if found == signature => return Ok(false),
        Some((_, found)) if is_torn(&found, &signature) => disk.remove_file(&path)?,
        Some(_) => return Err(SealError::OtherSignature(path)),
        None => {}
    }
    disk.write_new(&path, &signature)?;
    Ok(true)
}

/// What `signer` puts under these sealed bytes: the same at each time, so that every copy of a package can have it.
#[must_use]
pub fn signature(signer: &Signer, tagmanifest: &[u8]) -> Vec<u8> {
    signer.sign(sshsig::PACKAGE_SEAL, tagmanifest).into_bytes()
}

/// Whether `found` is what a break can leave of a file that was to be `whole`: its beginning, or zeros where nothing came.
#[must_use]
pub fn is_torn(found: &[u8], whole: &[u8]) -> bool {
    found != whole && found.len() <= whole.len() && whole.starts_with(without_zeros(found))
}

/// What was written of a file of text that a power cut filled up with zeros.
pub(crate) fn without_zeros(found: &[u8]) -> &[u8] {
    let written = found.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
    found.get(..written).unwrap_or_default()
}

/// The name of a signature over the sealed bytes.
#[must_use]
pub fn signature_path(package: &Path, principal: &str) -> PathBuf {
    package.join(format!("seal/{TAGMANIFEST}.{principal}.sig"))
}

/// The package.seal of a run that a log has, and its place there.
///
/// # Errors
///
/// [`LogError`].
pub fn seal_of(log: &LogFolder, run: RunNumber) -> Result<Option<(u64, PackageSeal)>, LogError> {
    let sealed = log.events()?.into_iter().find_map(|event| match event.action {
        Action::PackageSeal(seal) if seal.package == run => Some((event.index, seal)),
        _ => None,
    });
    Ok(sealed)
}

/// Appends package.seal, which quotes every signature in `seal/`: the quorum has signed.
///
/// `signers` sign the event; at least one of them has sealed. `log_key` is the case's.
///
/// # Errors
///
/// [`SealError`]; [`LogError::Fork`] if the case's log and the package's are not one log.
pub fn conclude(
    disk: &Disk,
    package: &Path,
    case: &mut CaseFolder,
    statement: Statement,
    signers: &[&Signer],
    log_key: &SecretKey,
) -> Result<(), SealError> {
    let bytes = disk.read(&package.join("meta/acquisition.json"), MAX_ACQUISITION)?;
    let acquisition: Acquisition = strict::from_json(&bytes)?;
    let mut own = LogFolder::open(disk, package, &acquisition.origin)?;
    if case.log().origin() != acquisition.origin {
        let case = case.log().origin().to_owned();
        return Err(SealError::OtherCase { case, package: acquisition.origin });
    }
    // The package's copy must be a beginning of the case's log before anything is appended to that.
    case.log().copy_to(&mut own)?;
    append(disk, package, acquisition.package, case.log_mut(), statement, signers)?;
    case.log().checkpoint(log_key)?;
    Ok(case.log().copy_to(&mut own)?)
}

/// The signatures that lie in `seal/`, by principal, as they are.
///
/// # Errors
///
/// [`DurableError`].
pub fn signature_files(disk: &Disk, package: &Path) -> Result<Vec<(String, Vec<u8>)>, DurableError> {
    let folder = package.join("seal");
    let mut found = Vec::new();
    for name in disk.file_names(&folder)? {
        let principal = name
            .strip_prefix(TAGMANIFEST)
            .and_then(|rest| rest.strip_prefix('.'))
            .and_then(|rest| rest.strip_suffix(".sig"));
        if let Some(principal) = principal {
            found.push((principal.to_owned(), disk.read(&folder.join(&name), MAX_SIGNATURE)?));
        }
    }
    found.sort();
    Ok(found)
}

fn sign(disk: &Disk, package: &Path, tagmanifest: &[u8], signer: &Signer) -> Result<(), SealError> {
    Ok(disk.write_new(&signature_path(package, signer.principal()), &signature(signer, tagmanifest))?)
}

fn append(
    disk: &Disk,
    package: &Path,
    run: RunNumber,
    log: &mut LogFolder,
    mut statement: Statement,
    signers: &[&Signer],
) -> Result<(), SealError> {
    let signatures = signatures(disk, package)?;
    if signatures.is_empty() {
        return Err(SealError::NoSignature);
    }
    let tagmanifest = Digest::of(&disk.read(&package.join(TAGMANIFEST), MAX_TAGMANIFEST)?);
    statement.action = Action::PackageSeal(PackageSeal { package: run, tagmanifest, signatures });
    log.append(statement, signers)?;
    Ok(())
}

pub(crate) fn signatures(disk: &Disk, package: &Path) -> Result<Vec<SealSignature>, SealError> {
    let files = signature_files(disk, package)?.into_iter();
    Ok(files.map(|(principal, bytes)| SealSignature { principal, signature: Digest::of(&bytes) }).collect())
}

pub(crate) const TAGMANIFEST: &str = "tagmanifest-sha256.txt";

/// Longest tag manifest read: 100 bytes per file of `meta/policy`, of which there are at most thousands.
pub(crate) const MAX_TAGMANIFEST: u64 = 64 << 20;

/// Longest `acquisition.json` read. A part takes 300 bytes; ten thousand parts make 3 MB.
pub(crate) const MAX_ACQUISITION: u64 = 64 << 20;

/// Longest signature file read.
const MAX_SIGNATURE: u64 = 16 << 10;
