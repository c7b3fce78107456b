//! Checkpoints: signed heads of a custody log (C2SP tlog-checkpoint and signed-note).
//!
//! ```text
//! example.org/cases/kc07
//! 3
//! 3rkYV7F6eS3bMnYHxqCNzpmMHtNpQ2m7vmJpoVCnKZE=
//!
//! — example.org/cases/kc07 8o8tA0n5...
//! ```
//!
//! The log key signs; others may add lines of their own, which do not count here and do not harm.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use scope::Digest;
use sha2::{Digest as _, Sha256};

use crate::sshsig;

/// The head of a log: all that its key signs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    /// The log's name, which is also the name of its key.
    pub origin: String,
    /// Number of entries under this head.
    pub size: u64,
    /// Root of the RFC 6962 tree over them.
    pub root: Digest,
}

/// One signature line: `— name base64(key id, signature)`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NoteSignature {
    /// The name of the key.
    pub name: String,
    /// The first four bytes of a digest over name, kind and key.
    pub key_id: [u8; 4],
    /// What follows the key id; 64 bytes for the log's key.
    pub bytes: Vec<u8>,
}

/// A checkpoint with its signature lines, parsed and not yet verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedCheckpoint {
    /// The head.
    pub checkpoint: Checkpoint,
    /// All signature lines, in the order of the file; at least one.
    pub signatures: Vec<NoteSignature>,
}

/// Why a checkpoint is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Longer than [`MAX_CHECKPOINT`].
    #[error("the checkpoint is longer than {MAX_CHECKPOINT} bytes")]
    TooLong,
    /// Not a signed note.
    #[error("not a signed note: {0}")]
    Note(&'static str),
    /// A line of the text is not what it must be.
    #[error("line {line}: expected {expected}")]
    Line {
        /// Line number, from 1.
        line: usize,
        /// What must stand there.
        expected: &'static str,
    },
    /// The head of another log.
    #[error("this is a head of the log `{found}`, not of `{expected}`")]
    Origin {
        /// The origin in the checkpoint.
        found: String,
        /// The origin asked for.
        expected: String,
    },
    /// The log key did not sign it.
    #[error("no signature by the log key")]
    Unsigned,
    /// The log key's line stands there more than once.
    #[error("two signatures by the log key")]
    SignedTwice,
    /// The log key's line does not fit the text.
    #[error("the log key's signature does not fit the text")]
    Mismatch,
}

impl Checkpoint {
    /// The text that is signed: origin, size and root, a line each.
    #[must_use]
    pub fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.0))
    }

    /// The checkpoint file with the log's own signature over [`Checkpoint::body`].
    #[must_use]
    pub fn signed(self, log_key: &[u8; 32], signature: &[u8; 64]) -> SignedCheckpoint {
        let line = NoteSignature {
            key_id: key_id(&self.origin, log_key),
            name: self.origin.clone(),
            bytes: signature.to_vec(),
        };
        SignedCheckpoint { checkpoint: self, signatures: vec![line] }
    }
}

impl SignedCheckpoint {
    /// Reads a signed note whose text is a checkpoint of three lines.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`], with the line. Extension lines are refused: this version has none.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        if bytes.len() > MAX_CHECKPOINT {
            return Err(CheckpointError::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| CheckpointError::Note("it is not UTF-8"))?;
        if text.contains(|c: char| c != '\n' && c.is_control()) {
            return Err(CheckpointError::Note("it holds control characters"));
        }
        let (body, signatures) = text.split_once("\n\n").ok_or(CheckpointError::Note("no blank line"))?;
        let checkpoint = parse_body(body)?;
        let lines = signatures.strip_suffix('\n').ok_or(CheckpointError::Note("no final line feed"))?;
        let signatures = lines.split('\n').zip(5..).map(|(text, line)| {
            let expected = "`— name base64`, in its one spelling";
            NoteSignature::parse(text).ok_or(CheckpointError::Line { line, expected })
        });
        Ok(Self { checkpoint, signatures: signatures.collect::<Result<_, _>>()? })
    }

    /// Verifies that this is a head of the log `origin`, signed by its key; the number of other signature lines,
    /// which were not judged.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`] for another origin, and for a log key's line that is missing, doubled or wrong.
    pub fn verify(&self, origin: &str, log_key: &[u8; 32]) -> Result<usize, CheckpointError> {
        if self.checkpoint.origin != origin {
            let (found, expected) = (self.checkpoint.origin.clone(), origin.to_owned());
            return Err(CheckpointError::Origin { found, expected });
        }
        let id = key_id(origin, log_key);
        let mut own = self.signatures.iter().filter(|line| line.name == origin && line.key_id == id);
        let line = own.next().ok_or(CheckpointError::Unsigned)?;
        if own.next().is_some() {
            return Err(CheckpointError::SignedTwice);
        }
        let signature = line.bytes.as_slice().try_into().map_err(|_| CheckpointError::Mismatch)?;
        sshsig::verify_ed25519(log_key, self.checkpoint.body().as_bytes(), signature)
            .map_err(|_| CheckpointError::Mismatch)?;
        Ok(self.signatures.len().saturating_sub(1))
    }
}

/// The file, as [`SignedCheckpoint::parse`] reads it.
impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.checkpoint.body())?;
        for NoteSignature { name, key_id, bytes } in &self.signatures {
            let encoded = STANDARD.encode([key_id.as_slice(), bytes].concat());
            writeln!(f, "{DASH}{name} {encoded}")?;
        }
        Ok(())
    }
}

/// The id of an ed25519 key of that name in a signed note: SHA-256(name, LF, 01, key), first four bytes.
#[must_use]
pub fn key_id(name: &str, key: &[u8; 32]) -> [u8; 4] {
    let hash =
        Sha256::new().chain_update(name).chain_update([b'\n', ED25519_NOTE]).chain_update(key).finalize();
    let [a, b, c, d, ..] = <[u8; 32]>::from(hash);
    [a, b, c, d]
}

/// Whether a text may name a log: not empty, at most 255 bytes, no spaces, `+` or control characters.
#[must_use]
pub fn is_origin(name: &str) -> bool {
    let refused = |c: char| c == '+' || c.is_whitespace() || c.is_control();
    (1..=255).contains(&name.len()) && !name.contains(refused)
}

fn parse_body(body: &str) -> Result<Checkpoint, CheckpointError> {
    let fail = |line, expected| CheckpointError::Line { line, expected };
    let mut lines = body.split('\n');
    let origin = lines.next().filter(|name| is_origin(name)).ok_or(fail(1, "the name of a log"))?;
    let size = lines.next().and_then(decimal).ok_or(fail(2, "a size in decimal digits"))?;
    let root = lines.next().and_then(|text| <[u8; 32]>::try_from(STANDARD.decode(text).ok()?).ok());
    let root = root.ok_or(fail(3, "a root of 32 bytes in base64"))?;
    if lines.next().is_some() {
        return Err(fail(4, "a blank line: this version has no extension lines"));
    }
    Ok(Checkpoint { origin: origin.to_owned(), size, root: Digest(root) })
}

/// A decimal number without sign or leading zeros.
fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

impl NoteSignature {
    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(DASH)?.split_once(' ')?;
        let bytes = STANDARD.decode(encoded).ok()?;
        let (key_id, rest) = bytes.split_first_chunk()?;
        let whole = is_origin(name) && !rest.is_empty();
        whole.then(|| Self { name: name.to_owned(), key_id: *key_id, bytes: rest.to_vec() })
    }
}

/// An em dash and a space begin a signature line.
const DASH: &str = "\u{2014} ";

/// The kind of key in [`key_id`]: plain ed25519.
const ED25519_NOTE: u8 = 1;

/// Longest checkpoint we read: the text, and about a hundred cosignatures.
pub const MAX_CHECKPOINT: usize = 32 << 10;
