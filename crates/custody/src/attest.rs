//! An attestation is put on the log: the text and its signatures beside the event that quotes them.
//!
//! ```text
//! custody/000006/event.json  attestation.txt  attestation.txt.auditor.sig  examiner.sig  entry.txt
//! ```
//!
//! Whoever keeps the log appends, to the case folder's: the package gets a copy.

use std::path::Path;

use evidence::attestation::{Attestation, NAMESPACE, Statement as Said};
use evidence::custody_log::{ATTESTATION, Statement, attestation_signature};
use evidence::event::{Action, Attested, SealSignature};
use scope::Digest;

use crate::case::CaseFolder;
use crate::durable::Disk;
use crate::keys::{SecretKey, Signer};
use crate::log::{LogError, LogFolder};
use crate::seal::SealError;

/// An attestation that was signed, and by whom.
#[derive(Clone, Debug)]
pub struct Signed {
    /// What the text says.
    pub attestation: Attestation,
    /// The bytes of the attestation.
    pub text: Vec<u8>,
    /// Principal and signature file, in any order.
    pub signatures: Vec<(String, Vec<u8>)>,
}

/// Signs an attestation: the file that lies beside it.
#[must_use]
pub fn sign_attestation(signer: &Signer, text: &[u8]) -> String {
    signer.sign(NAMESPACE, text)
}

/// Appends the event that puts a signed attestation on the log of its package.
///
/// Whether the signatures hold and their signers may say so is the caller's to check, as a verifier will.
///
/// # Errors
///
/// [`SealError`]; [`LogError::Fork`] if the case's log and the package's are not one log.
pub fn put_on_log(
    disk: &Disk,
    package: &Path,
    case: &mut CaseFolder,
    mut statement: Statement,
    signed: &Signed,
    signers: &[&Signer],
    log_key: &SecretKey,
) -> Result<(), SealError> {
    let mut own = LogFolder::open(disk, package, &signed.attestation.origin)?;
    let mut files = vec![(ATTESTATION.to_owned(), signed.text.clone())];
    files.extend(signed.signatures.iter().map(|(name, bytes)| (attestation_signature(name), bytes.clone())));
    statement.action = action(signed);
    is_new(case.log(), &statement.action)?;
    case.log().copy_to(&mut own)?;
    case.log_mut().append_with(statement, signers, &files)?;
    case.log().checkpoint(log_key)?;
    Ok(case.log().copy_to(&mut own)?)
}

/// Fails where the log has this very text already, with everybody who signs it now.
fn is_new(log: &LogFolder, action: &Action) -> Result<(), LogError> {
    let (Action::AuditorReplay(new) | Action::HolderVerdict(new)) = action else { return Ok(()) };
    for event in log.events()? {
        if let Action::AuditorReplay(old) | Action::HolderVerdict(old) = &event.action
            && old.attestation == new.attestation
            && new
                .signatures
                .iter()
                .all(|sig| old.signatures.iter().any(|own| own.principal == sig.principal))
        {
            return Err(LogError::Attested { index: event.index });
        }
    }
    Ok(())
}

/// The event's action: what it quotes.
fn action(signed: &Signed) -> Action {
    let mut signatures: Vec<SealSignature> = signed
        .signatures
        .iter()
        .map(|(principal, bytes)| SealSignature {
            principal: principal.clone(),
            signature: Digest::of(bytes),
        })
        .collect();
    signatures.sort();
    let attested =
        Attested { package: signed.attestation.package, attestation: Digest::of(&signed.text), signatures };
    match signed.attestation.statement {
        Said::Holder(_) => Action::HolderVerdict(attested),
        Said::Replay(_) | Said::Prefix(_) => Action::AuditorReplay(attested),
    }
}
