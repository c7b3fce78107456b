//! SSH signatures (SSHSIG), verified strictly.

use std::io::{self, Read};

/// Namespace of `approval.txt` signatures.
pub const APPROVAL: &str = "ambit/approval/v1";
/// Namespace of the seal over `tagmanifest-sha256.txt`.
pub const PACKAGE_SEAL: &str = "ambit/package-seal/v1";
/// Namespace of signatures over `event.json`.
pub const CUSTODY_EVENT: &str = "ambit/custody-event/v1";
/// Namespace of the run key's signatures over manifests and ledger parts.
pub const MANIFEST: &str = "ambit/manifest/v1";
/// Namespace of attestations (a holder's verdict, an auditor's replay).
pub const ATTESTATION: &str = "ambit/attestation/v1";

/// A public key that may sign.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum PublicKey {
    /// `ssh-ed25519`.
    Ed25519([u8; 32]),
    /// `sk-ssh-ed25519@openssh.com`.
    SkEd25519 {
        /// The key.
        key: [u8; 32],
        /// The application it is pinned to.
        application: String,
    },
}

/// Why a key or signature is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SshsigError {
    /// Not written yet.
    #[error("not supported yet")]
    Unsupported,
}

/// SHA-512 of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MessageDigest(pub [u8; 64]);

impl MessageDigest {
    /// Digest of bytes.
    #[must_use]
    pub fn of(message: &[u8]) -> Self {
        use sha2::{Digest as _, Sha512};
        Self(Sha512::digest(message).into())
    }

    /// Digest of all that a reader gives.
    ///
    /// # Errors
    ///
    /// What the reader reports.
    pub fn of_reader(_reader: impl Read) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl std::str::FromStr for PublicKey {
    type Err = SshsigError;
    fn from_str(_line: &str) -> Result<Self, SshsigError> {
        Err(SshsigError::Unsupported)
    }
}

/// One parsed armored signature.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signature {
    /// The key it names.
    pub public_key: PublicKey,
    /// The namespace it names.
    pub namespace: String,
}

impl Signature {
    /// Parses the armored form.
    ///
    /// # Errors
    ///
    /// [`SshsigError`].
    pub fn parse(_armored: &[u8]) -> Result<Self, SshsigError> {
        Err(SshsigError::Unsupported)
    }

    /// Verifies.
    ///
    /// # Errors
    ///
    /// [`SshsigError`].
    pub fn verify(
        &self,
        _key: &PublicKey,
        _namespace: &str,
        _message: &MessageDigest,
    ) -> Result<(), SshsigError> {
        Err(SshsigError::Unsupported)
    }
}

/// Verifies an armored signature over message bytes by `key` in `namespace`.
///
/// # Errors
///
/// [`SshsigError`].
pub fn verify(armored: &[u8], key: &PublicKey, namespace: &str, message: &[u8]) -> Result<(), SshsigError> {
    Signature::parse(armored)?.verify(key, namespace, &MessageDigest::of(message))
}

/// The bytes that an ed25519 key signs.
#[must_use]
pub fn to_be_signed(_namespace: &str, _message: &MessageDigest) -> Vec<u8> {
    Vec::new()
}

/// The armored signature file.
#[must_use]
pub fn armor(_public_key: &[u8; 32], _namespace: &str, _signature: &[u8; 64]) -> String {
    String::new()
}
