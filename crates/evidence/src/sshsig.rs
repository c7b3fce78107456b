//! SSH signatures (SSHSIG), verified strictly.
//!
//! Implements `docs/spec/seal.md`. People sign with keys they already have; `ssh-keygen -Y verify` checks the same files.
//!
//! ```text
//! -----BEGIN SSH SIGNATURE-----
//! U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg...
//! -----END SSH SIGNATURE-----
//! ```
//!
//! A signature has one spelling: what [`Signature::parse`] accepts, [`Signature`]'s `Display` prints again byte for byte.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256, Sha512};

/// Namespace of signatures over `approval.txt`.
pub const APPROVAL: &str = "ambit/approval/v1";
/// Namespace of the seal over `tagmanifest-sha256.txt`.
pub const PACKAGE_SEAL: &str = "ambit/package-seal/v1";
/// Namespace of signatures over `event.json`.
pub const CUSTODY_EVENT: &str = "ambit/custody-event/v1";
/// Namespace of the run key's signatures over manifests and ledger parts.
pub const MANIFEST: &str = "ambit/manifest/v1";
/// Namespace of the run key's signatures over lines of the journal of a run that has not ended.
pub const JOURNAL: &str = "ambit/journal/v1";
/// Namespace of attestations: a holder's verdict, an auditor's replay.
pub const ATTESTATION: &str = "ambit/attestation/v1";

/// A public key that may sign, written `ssh-ed25519 AAAA...`.
///
/// Parsing refuses keys that are not points of the curve and keys of small order, under which
/// one signature fits many messages.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum PublicKey {
    /// `ssh-ed25519`: a key in a file or an agent.
    Ed25519([u8; 32]),
    /// `sk-ssh-ed25519@openssh.com`: a key in a token that wants to be touched.
    SkEd25519 {
        /// The ed25519 key.
        key: [u8; 32],
        /// What the token was told it signs for; begins with `ssh:`.
        application: String,
    },
}

/// An SSHSIG signature, parsed and not yet verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signature {
    /// The key that the signature names; believe it only after [`Signature::verify`].
    pub public_key: PublicKey,
    /// What kind of statement was signed.
    pub namespace: String,
    /// The ed25519 signature.
    pub bytes: [u8; 64],
    /// What a token adds; `Some` exactly for [`PublicKey::SkEd25519`].
    pub token: Option<Token>,
}

/// What a token signs along with the message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Token {
    /// FIDO flags: bit 0 user present, bit 2 user verified.
    pub flags: u8,
    /// How often the token has signed.
    pub counter: u32,
}

/// SHA-512 of a message, which is what SSHSIG signs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MessageDigest(pub [u8; 64]);

/// Why a key or a signature is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SshsigError {
    /// Not a public key line.
    #[error("not a public key line: expected `ssh-ed25519 AAAA...` or `sk-ssh-ed25519@openssh.com AAAA...`")]
    KeyLine,
    /// A key of another kind.
    #[error("keys of kind `{0}` cannot sign here: use ssh-ed25519 or sk-ssh-ed25519@openssh.com")]
    KeyKind(String),
    /// Not a point of the curve, or one of small order.
    #[error("the ed25519 key is weak or not a key at all")]
    WeakKey,
    /// A token's key for something that is not SSH.
    #[error("the token's key is for the application `{0}`; expected one that begins with `ssh:`")]
    Application(String),
    /// Not the armored form, or not its one spelling.
    #[error("not an armored SSH signature in its one spelling: {0}")]
    Armor(&'static str),
    /// Well-formed SSHSIG that is not of the one suite of this version.
    #[error("not a signature of this version: {0}")]
    Suite(&'static str),
    /// Made by another key than the one asked for.
    #[error("signed by another key")]
    OtherKey,
    /// A signature of one kind used as another.
    #[error("signed as `{found}`, not as `{expected}`")]
    Namespace {
        /// The namespace in the signature.
        found: String,
        /// The namespace of this kind of statement.
        expected: String,
    },
    /// The token did not see a person.
    #[error("the token was not touched for this signature")]
    NotPresent,
    /// The signature does not fit these bytes.
    #[error("the signature does not fit these bytes")]
    Mismatch,
}

/// Verifies an armored signature over `message` by exactly this key, in exactly this namespace.
///
/// # Errors
///
/// [`SshsigError`] says which of the conditions does not hold.
pub fn verify(armored: &[u8], key: &PublicKey, namespace: &str, message: &[u8]) -> Result<(), SshsigError> {
    Signature::parse(armored)?.verify(key, namespace, &MessageDigest::of(message))
}

/// The bytes that an ed25519 key signs for a message in a namespace.
#[must_use]
pub fn to_be_signed(namespace: &str, message: &MessageDigest) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    put(&mut bytes, namespace.as_bytes());
    put(&mut bytes, b"");
    put(&mut bytes, HASH);
    put(&mut bytes, &message.0);
    bytes
}

/// The signature file for an ed25519 signature over [`to_be_signed`], as `ssh-keygen -Y sign` writes it.
#[must_use]
pub fn armor(public_key: &[u8; 32], namespace: &str, signature: &[u8; 64]) -> String {
    Signature {
        public_key: PublicKey::Ed25519(*public_key),
        namespace: namespace.to_owned(),
        bytes: *signature,
        token: None,
    }
    .to_string()
}

/// The one rule by which ed25519 signatures are judged: RFC 8032 without its freedoms.
///
/// The key decodes and is not of small order; R decodes and is not of small order; S is below the group order;
/// and the bytes of R equal those computed, without multiplying by the cofactor.
///
/// # Errors
///
/// [`SshsigError::WeakKey`] or [`SshsigError::Mismatch`].
pub fn verify_ed25519(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), SshsigError> {
    let signature = ed25519_dalek::Signature::from_bytes(signature);
    strong(key)?.verify_strict(message, &signature).map_err(|_| SshsigError::Mismatch)
}

fn strong(key: &[u8; 32]) -> Result<ed25519_dalek::VerifyingKey, SshsigError> {
    ed25519_dalek::VerifyingKey::from_bytes(key).ok().filter(|key| !key.is_weak()).ok_or(SshsigError::WeakKey)
}

impl Signature {
    /// Reads the armored form: its one spelling, one suite, nothing around it.
    ///
    /// # Errors
    ///
    /// [`SshsigError::Armor`], [`SshsigError::Suite`], or what reading the key inside gives.
    pub fn parse(armored: &[u8]) -> Result<Self, SshsigError> {
        if armored.len() > MAX_ARMORED {
            return Err(SshsigError::Armor("it is longer than any we know"));
        }
        let text = std::str::from_utf8(armored).map_err(|_| SshsigError::Armor("it is not text"))?;
        let inner = text.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        let inner = inner.ok_or(SshsigError::Armor("first or last line"))?.replace('\n', "");
        let blob = STANDARD.decode(inner).map_err(|_| SshsigError::Armor("base64"))?;
        let signature = Self::from_blob(&blob)?;
        // Line lengths, line ends and whatever else has a second spelling.
        if signature.to_string() != text {
            return Err(SshsigError::Armor("line lengths or line ends"));
        }
        Ok(signature)
    }

    /// Verifies that `key` signed the message with this digest in this namespace.
    ///
    /// # Errors
    ///
    /// [`SshsigError`] says which of the conditions does not hold.
    pub fn verify(
        &self,
        key: &PublicKey,
        namespace: &str,
        message: &MessageDigest,
    ) -> Result<(), SshsigError> {
        if self.namespace != namespace {
            let (found, expected) = (self.namespace.clone(), namespace.to_owned());
            return Err(SshsigError::Namespace { found, expected });
        }
        if self.public_key != *key {
            return Err(SshsigError::OtherKey);
        }
        let signed = to_be_signed(namespace, message);
        match (key, &self.token) {
            (PublicKey::Ed25519(key), None) => verify_ed25519(key, &signed, &self.bytes),
            (PublicKey::SkEd25519 { key, application }, Some(token)) => {
                if token.flags & USER_PRESENT == 0 {
                    return Err(SshsigError::NotPresent);
                }
                verify_ed25519(key, &token.signed(application, &signed), &self.bytes)
            }
            _ => Err(SshsigError::Suite("a token's flags and counter belong to a token's key alone")),
        }
    }

    fn from_blob(blob: &[u8]) -> Result<Self, SshsigError> {
        let short = SshsigError::Suite("it ends early");
        let mut rest = blob.strip_prefix(MAGIC).ok_or(SshsigError::Suite("it is not SSHSIG"))?;
        let version = take_u32(&mut rest).ok_or_else(|| short.clone())?;
        let mut field = || take(&mut rest).ok_or_else(|| short.clone());
        let (key, namespace, reserved, hash, signature) = (field()?, field()?, field()?, field()?, field()?);
        if version != 1 {
            return Err(SshsigError::Suite("the SSHSIG version is not 1"));
        }
        if !rest.is_empty() {
            return Err(SshsigError::Suite("bytes follow the signature"));
        }
        if !reserved.is_empty() {
            return Err(SshsigError::Suite("the reserved field is not empty"));
        }
        if hash != HASH {
            return Err(SshsigError::Suite("the hash is not sha512"));
        }
        let namespace = std::str::from_utf8(namespace).ok().filter(|n| !n.is_empty());
        let namespace = namespace.ok_or(SshsigError::Suite("the namespace is empty or not text"))?.to_owned();
        let public_key = PublicKey::from_blob(key)?;
        let (bytes, token) = public_key
            .read_signature(signature)
            .ok_or(SshsigError::Suite("the signature inside is not of the key's kind"))?;
        Ok(Self { public_key, namespace, bytes, token })
    }

    fn blob(&self) -> Vec<u8> {
        let mut signature = Vec::new();
        put(&mut signature, self.public_key.kind().as_bytes());
        put(&mut signature, &self.bytes);
        if let Some(Token { flags, counter }) = self.token {
            signature.push(flags);
            signature.extend(counter.to_be_bytes());
        }
        let mut blob = MAGIC.to_vec();
        blob.extend(1_u32.to_be_bytes());
        put(&mut blob, &self.public_key.blob());
        put(&mut blob, self.namespace.as_bytes());
        put(&mut blob, b"");
        put(&mut blob, HASH);
        put(&mut blob, &signature);
        blob
    }
}

/// The armored form, with its final LF.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(BEGIN)?;
        let base64 = STANDARD.encode(self.blob());
        let mut rest = base64.as_str();
        while let Some((line, after)) = rest.split_at_checked(LINE) {
            writeln!(f, "{line}")?;
            rest = after;
        }
        if !rest.is_empty() {
            writeln!(f, "{rest}")?;
        }
        f.write_str(END)
    }
}

impl Token {
    /// What a token signs: digests of application and message around its flags and counter.
    fn signed(&self, application: &str, message: &[u8]) -> Vec<u8> {
        let mut bytes = Sha256::digest(application).to_vec();
        bytes.push(self.flags);
        bytes.extend(self.counter.to_be_bytes());
        bytes.extend(Sha256::digest(message));
        bytes
    }
}

impl PublicKey {
    /// The kind, as it stands at the beginning of a key line.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => ED25519,
            Self::SkEd25519 { .. } => SK_ED25519,
        }
    }

    /// The bytes of an `ssh-ed25519` key; `None` for a token's key, which never signs for a log or a run.
    #[must_use]
    pub fn ed25519(&self) -> Option<&[u8; 32]> {
        match self {
            Self::Ed25519(key) => Some(key),
            Self::SkEd25519 { .. } => None,
        }
    }

    fn from_blob(blob: &[u8]) -> Result<Self, SshsigError> {
        let mut rest = blob;
        let kind = take(&mut rest).ok_or(SshsigError::KeyLine)?;
        let key = match kind {
            kind if kind == ED25519.as_bytes() => Self::Ed25519(take_array(&mut rest)?),
            kind if kind == SK_ED25519.as_bytes() => {
                let key = take_array(&mut rest)?;
                let application = take(&mut rest).ok_or(SshsigError::KeyLine)?;
                let application = String::from_utf8_lossy(application).into_owned();
                if !application.starts_with("ssh:") || application.contains(['\0', '\u{fffd}']) {
                    return Err(SshsigError::Application(application.escape_debug().to_string()));
                }
                Self::SkEd25519 { key, application }
            }
            other => {
                let name = other.get(..other.len().min(64)).unwrap_or_default();
                return Err(SshsigError::KeyKind(name.escape_ascii().to_string()));
            }
        };
        let (Self::Ed25519(bytes) | Self::SkEd25519 { key: bytes, .. }) = &key;
        strong(bytes)?;
        if rest.is_empty() { Ok(key) } else { Err(SshsigError::KeyLine) }
    }

    fn blob(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        put(&mut blob, self.kind().as_bytes());
        match self {
            Self::Ed25519(key) => put(&mut blob, key),
            Self::SkEd25519 { key, application } => {
                put(&mut blob, key);
                put(&mut blob, application.as_bytes());
            }
        }
        blob
    }

    fn read_signature(&self, blob: &[u8]) -> Option<([u8; 64], Option<Token>)> {
        let mut rest = blob;
        if take(&mut rest)? != self.kind().as_bytes() {
            return None;
        }
        let bytes = take(&mut rest)?.try_into().ok()?;
        let token = match self {
            Self::Ed25519(_) => None,
            Self::SkEd25519 { .. } => {
                let (flags, after) = rest.split_first()?;
                rest = after;
                Some(Token { flags: *flags, counter: take_u32(&mut rest)? })
            }
        };
        rest.is_empty().then_some((bytes, token))
    }
}

/// Without a comment.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), STANDARD.encode(self.blob()))
    }
}

/// Reads `kind base64` and an optional comment, which is not kept.
impl FromStr for PublicKey {
    type Err = SshsigError;
    fn from_str(line: &str) -> Result<Self, SshsigError> {
        if line.len() > MAX_KEY_LINE || line.contains(char::is_control) {
            return Err(SshsigError::KeyLine);
        }
        let mut words = line.splitn(3, ' ');
        let (kind, base64) = words.next().zip(words.next()).ok_or(SshsigError::KeyLine)?;
        if kind != ED25519 && kind != SK_ED25519 && !base64.is_empty() {
            return Err(SshsigError::KeyKind(kind.escape_debug().to_string()));
        }
        let key = Self::from_blob(&STANDARD.decode(base64).map_err(|_| SshsigError::KeyLine)?)?;
        if key.kind() == kind { Ok(key) } else { Err(SshsigError::KeyLine) }
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl MessageDigest {
    /// The digest of bytes in memory.
    #[must_use]
    pub fn of(message: &[u8]) -> Self {
        Self(Sha512::digest(message).into())
    }

    /// The digest of all that a reader gives.
    ///
    /// # Errors
    ///
    /// What the reader reports.
    pub fn of_reader(mut reader: impl Read) -> io::Result<Self> {
        let mut hasher = Sha512::new();
        let mut buffer = [0; 16 << 10];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(Self(hasher.finalize().into())),
                Ok(count) => hasher.update(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Appends an SSH string: four bytes of length, big-endian, then the bytes.
fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    // INVARIANT: all strings here are our own or come out of a file of at most MAX_ARMORED bytes.
    out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(bytes);
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (number, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u32::from_be_bytes(*number))
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_u32(rest)?).ok()?;
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(bytes)
}

fn take_array(rest: &mut &[u8]) -> Result<[u8; 32], SshsigError> {
    take(rest).and_then(|bytes| bytes.try_into().ok()).ok_or(SshsigError::KeyLine)
}

const MAGIC: &[u8] = b"SSHSIG";
const HASH: &[u8] = b"sha512";
const ED25519: &str = "ssh-ed25519";
const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com";
const USER_PRESENT: u8 = 1;
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----\n";
const END: &str = "-----END SSH SIGNATURE-----\n";

/// Characters of base64 on a line, as OpenSSH wraps them.
const LINE: usize = 70;

/// Longest signature file we read. One of ours has about 300 bytes; the rest is room for a token's application.
pub const MAX_ARMORED: usize = 4096;

/// Longest public key line we read, comment included.
const MAX_KEY_LINE: usize = 4096;
