//! An attestation is put on the log: the text and its signatures beside the event that quotes them.
//!
//! ```text
//! custody/000006/event.json  attestation.txt  attestation.txt.auditor.sig  examiner.sig  entry.txt
//! ```
//!
//! Whoever keeps the log appends, to the case folder's: each copy of the package gets a copy.

use evidence::attestation::{Attestation, NAMESPACE, Statement as Said};
use evidence::custody_log::{ATTESTATION, Statement, attestation_signature};
use evidence::event::{Action, Attested, SealSignature};
use scope::Digest;

use crate::case::CaseFolder;
use crate::keys::{SecretKey, Signer};
use crate::log::{LogError, LogFolder};
use crate::package_copy::{Brought, PackageCopy};

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

/// What became of an attestation, and what each copy of the package got.
#[derive(Debug)]
pub struct OnLog {
    /// The number of its event.
    pub index: u64,
    /// Whether the log of the case had it already: nothing was appended.
    pub before: bool,
    /// What each copy got, in the order given.
    pub copies: Vec<Result<Brought, LogError>>,
}

/// Puts a signed attestation on the log of the case, and brings that into each copy of its package. What is on the log already, with
/// everybody who signs it now, is brought alone: a command that was broken off goes on.
///
/// Whether the signatures hold and their signers may say so is the caller's to check, as a verifier will.
///
/// # Errors
///
/// [`LogError`]; nothing is then appended.
pub fn put_on_log(
    case: &mut CaseFolder,
    mut statement: Statement,
    signed: &Signed,
    signers: &[&Signer],
    log_key: &SecretKey,
    copies: &mut [PackageCopy],
) -> Result<OnLog, LogError> {
    statement.action = action(signed);
    let before = is_there(case.log(), &statement.action)?;
    let index = match before {
        Some(index) => index,
        None => {
            let mut files = vec![(ATTESTATION.to_owned(), signed.text.clone())];
            files.extend(
                signed.signatures.iter().map(|(name, bytes)| (attestation_signature(name), bytes.clone())),
            );
            case.log_mut().append_with(statement, signers, &files)?.index
        }
    };
    case.log().checkpoint(log_key)?;
    let copies = copies.iter_mut().map(|copy| copy.bring(case.log())).collect();
    Ok(OnLog { index, before: before.is_some(), copies })
}

/// Where the log has this very text already, with everybody who signs it now.
fn is_there(log: &LogFolder, action: &Action) -> Result<Option<u64>, LogError> {
    let (Action::AuditorReplay(new) | Action::HolderVerdict(new)) = action else { return Ok(None) };
    for event in log.events()? {
        if let Action::AuditorReplay(old) | Action::HolderVerdict(old) = &event.action
            && old.attestation == new.attestation
            && new
                .signatures
                .iter()
                .all(|sig| old.signatures.iter().any(|own| own.principal == sig.principal))
        {
            return Ok(Some(event.index));
        }
    }
    Ok(None)
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
