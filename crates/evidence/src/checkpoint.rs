//! Checkpoints: signed heads of a custody log (C2SP tlog-checkpoint).

use scope::Digest;

/// The head of a log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// Entries under the head.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Digest,
}

/// Why a checkpoint is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Not written yet.
    #[error("not supported yet")]
    Unsupported,
}

impl Checkpoint {
    /// The text that is signed: origin, size, root, each with LF.
    #[must_use]
    pub fn body(&self) -> String {
        String::new()
    }
}

/// One signature line of a note.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NoteSignature {
    /// The key's name.
    pub name: String,
    /// The key's id.
    pub key_id: [u8; 4],
    /// What follows the id.
    pub bytes: Vec<u8>,
}

/// A checkpoint and its signature lines, not yet verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedCheckpoint {
    /// The head.
    pub checkpoint: Checkpoint,
    /// All signature lines.
    pub signatures: Vec<NoteSignature>,
}

impl SignedCheckpoint {
    /// Parses a signed note.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`].
    pub fn parse(_bytes: &[u8]) -> Result<Self, CheckpointError> {
        Err(CheckpointError::Unsupported)
    }

    /// Verifies the log's own signature (key name = origin); the number of other lines, which were not looked at.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`].
    pub fn verify(&self, _origin: &str, _log_key: &[u8; 32]) -> Result<usize, CheckpointError> {
        Err(CheckpointError::Unsupported)
    }
}

/// The key id of an ed25519 key.
#[must_use]
pub fn key_id(_name: &str, _key: &[u8; 32]) -> [u8; 4] {
    [0; 4]
}

/// The whole signed note: body, blank line, the log's signature line.
#[must_use]
pub fn signed(_checkpoint: &Checkpoint, _log_key: &[u8; 32], _signature: &[u8; 64]) -> String {
    String::new()
}
