//! Signing keys: OpenSSH ed25519 private key files, as `ssh-keygen` writes and reads them.
//!
//! ```text
//! examiner.key        -----BEGIN OPENSSH PRIVATE KEY-----     mode 0600, aes256-ctr under bcrypt-pbkdf
//! examiner.key.pub    ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA... examiner
//! ```
//!
//! A passphrase comes through a callback, never from a command line. The
//! signature itself is SSHSIG (`docs/spec/sshsig.md`) over dalek's Ed25519.

use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signer as _, SigningKey};
use evidence::event::Person;
use evidence::sshsig::{self, MessageDigest};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{Cipher, Kdf, LineEnding, PrivateKey, PublicKey};
use zeroize::Zeroizing;

use crate::durable::{Disk, DurableError};
use crate::random::{self, RandomError};

/// Asks a person for the passphrase of the file at a path; `None` where there is no one to ask.
pub type Ask<'a> = dyn FnMut(&Path) -> Option<Zeroizing<String>> + 'a;

/// Why a signing key could not be made or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file could not be read or written.
    #[error(transparent)]
    Disk(#[from] DurableError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The file is no OpenSSH private key.
    #[error("`{path}` is not an OpenSSH private key: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What the parser said; it quotes nothing of the file.
        reason: String,
    },
    /// A key of another algorithm.
    #[error("`{path}` is a key of the algorithm {algorithm}; only ssh-ed25519 signs here")]
    Algorithm {
        /// The file.
        path: PathBuf,
        /// Its algorithm.
        algorithm: String,
    },
    /// The file is protected, and no passphrase was given.
    #[error("`{path}` is protected by a passphrase, and none was given")]
    NoPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// The passphrase does not open the file.
    #[error("the passphrase does not open `{path}`")]
    WrongPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// The public key in the file is not the private key's.
    #[error("the two halves of `{path}` do not belong together")]
    Halves {
        /// The file.
        path: PathBuf,
    },
    /// A passphrase of no length protects nothing.
    #[error("the passphrase is empty; leave it out on purpose, or choose one")]
    EmptyPassphrase,
}

/// An ed25519 private key. Its bytes are wiped when it is dropped.
#[derive(Clone)]
pub struct SecretKey {
    key: SigningKey,
    comment: String,
}

/// What is worth telling a person about a key file, without refusing it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyWarning {
    /// Others than its owner can read the file.
    Readable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file opens without a passphrase.
    Unprotected {
        /// The file.
        path: PathBuf,
    },
}

impl fmt::Display for KeyWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Readable { path, mode } => {
                write!(f, "`{}` has mode {mode:04o}: others than its owner can read it", path.display())
            }
            Self::Unprotected { path } => {
                write!(f, "`{}` is not protected by a passphrase", path.display())
            }
        }
    }
}

impl SecretKey {
    /// A new key.
    ///
    /// # Errors
    ///
    /// [`KeyError::Random`].
    pub fn generate(comment: &str) -> Result<Self, KeyError> {
        let seed = Zeroizing::new(random::bytes::<32>()?);
        Ok(Self { key: SigningKey::from_bytes(&seed), comment: comment.to_owned() })
    }

    /// Reads a key file. `ask` is called only if it is protected.
    ///
    /// # Errors
    ///
    /// [`KeyError`]; the file's bytes are in none of them.
    pub fn load(disk: &Disk, path: &Path, ask: &mut Ask<'_>) -> Result<(Self, Vec<KeyWarning>), KeyError> {
        let mut warnings = readable_by_others(path);
        let pem = Zeroizing::new(disk.read(path, MAX_KEY_FILE)?);
        let at = || path.to_owned();
        let format = |error: ssh_key::Error| KeyError::Format { path: at(), reason: error.to_string() };
        let mut private = PrivateKey::from_openssh(pem.as_slice()).map_err(format)?;
        if private.algorithm() != ssh_key::Algorithm::Ed25519 {
            return Err(KeyError::Algorithm { path: at(), algorithm: private.algorithm().to_string() });
        }
        if private.is_encrypted() {
            let passphrase = ask(path).ok_or_else(|| KeyError::NoPassphrase { path: at() })?;
            private = private
                .decrypt(passphrase.as_bytes())
                .map_err(|_| KeyError::WrongPassphrase { path: at() })?;
        } else {
            warnings.push(KeyWarning::Unprotected { path: at() });
        }
        let comment = private.comment().to_owned();
        let KeypairData::Ed25519(pair) = private.key_data() else {
            return Err(KeyError::Algorithm { path: at(), algorithm: private.algorithm().to_string() });
        };
        let seed = Zeroizing::new(pair.private.to_bytes());
        let key = SigningKey::from_bytes(&seed);
        if key.verifying_key().as_bytes() != &pair.public.0 {
            return Err(KeyError::Halves { path: at() });
        }
        Ok((Self { key, comment }, warnings))
    }

    /// Writes the key to `path` (mode 0600) and its public half to `path.pub`.
    ///
    /// `None` leaves the file unprotected, which is for keys that live on a
    /// machine without a person, such as a log key.
    ///
    /// # Errors
    ///
    /// [`DurableError::Exists`] if either name is taken; nothing is overwritten.
    pub fn save(&self, disk: &Disk, path: &Path, passphrase: Option<&str>) -> Result<(), KeyError> {
        let format =
            |error: ssh_key::Error| KeyError::Format { path: path.to_owned(), reason: error.to_string() };
        let pair = Ed25519Keypair {
            public: ssh_key::public::Ed25519PublicKey(self.public_bytes()),
            private: ssh_key::private::Ed25519PrivateKey::from_bytes(self.key.as_bytes()),
        };
        let mut private =
            PrivateKey::new(KeypairData::Ed25519(pair), self.comment.as_str()).map_err(format)?;
        if let Some(passphrase) = passphrase {
            if passphrase.is_empty() {
                return Err(KeyError::EmptyPassphrase);
            }
            let kdf = Kdf::Bcrypt { salt: random::bytes::<16>()?.to_vec(), rounds: BCRYPT_ROUNDS };
            let checkint = u32::from_be_bytes(random::bytes::<4>()?);
            private = private
                .encrypt_with(Cipher::Aes256Ctr, kdf, checkint, passphrase.as_bytes())
                .map_err(format)?;
        }
        let pem = private.to_openssh(LineEnding::LF).map_err(format)?;
        let public = public_path(path);
        disk.write_secret(path, pem.as_bytes())?;
        disk.write_new(&public, format!("{}\n", self.public_line_with_comment()).as_bytes())?;
        Ok(())
    }

    /// The public half, 32 bytes.
    #[must_use]
    pub fn public_bytes(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// The public half as `ssh-ed25519 AAAA...`, without a comment: how trust files and events name keys.
    #[must_use]
    pub fn public_line(&self) -> String {
        let key = ssh_key::public::KeyData::Ed25519(ssh_key::public::Ed25519PublicKey(self.public_bytes()));
        // An ed25519 public key always has a text form; the empty text would match no key.
        PublicKey::new(key, "").to_openssh().unwrap_or_default().trim_end().to_owned()
    }

    /// The comment of the key file.
    #[must_use]
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// Signs `message` in a namespace: the armoured file that `ssh-keygen -Y sign` would write.
    #[must_use]
    pub fn sign(&self, namespace: &str, message: &[u8]) -> String {
        self.sign_digest(namespace, &MessageDigest::of(message))
    }

    /// As [`SecretKey::sign`], for a message that was hashed while it passed.
    #[must_use]
    pub fn sign_digest(&self, namespace: &str, message: &MessageDigest) -> String {
        let signature = self.sign_raw(&sshsig::to_be_signed(namespace, message));
        sshsig::armor(&self.public_bytes(), namespace, &signature)
    }

    /// The plain Ed25519 signature over `bytes`, 64 bytes: for checkpoints.
    #[must_use]
    pub fn sign_raw(&self, bytes: &[u8]) -> [u8; 64] {
        self.key.sign(bytes).to_bytes()
    }

    fn public_line_with_comment(&self) -> String {
        format!("{} {}", self.public_line(), self.comment).trim_end().to_owned()
    }
}

/// A person who signs, and the key with which they do.
#[derive(Clone, Debug)]
pub struct Signer {
    /// Who, and in which role: as the events name them.
    pub person: Person,
    /// With which key.
    pub key: SecretKey,
}

impl Signer {
    /// The principal's name in the trust file.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.person.principal
    }

    /// Signs `message` in a namespace: the armoured file that `ssh-keygen -Y sign` would write.
    #[must_use]
    pub fn sign(&self, namespace: &str, message: &[u8]) -> String {
        self.key.sign(namespace, message)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public_line())
    }
}

/// Where the public half of the key at `path` lies: `path.pub`.
#[must_use]
pub fn public_path(path: &Path) -> PathBuf {
    let mut public = path.as_os_str().to_owned();
    public.push(".pub");
    PathBuf::from(public)
}

/// Warns if others than the owner can read a file of secrets.
#[must_use]
pub fn readable_by_others(path: &Path) -> Vec<KeyWarning> {
    let mode = std::fs::metadata(path).map_or(0, |meta| meta.permissions().mode() & 0o7777);
    if mode & 0o077 == 0 { Vec::new() } else { vec![KeyWarning::Readable { path: path.to_owned(), mode }] }
}

/// Longest key file that is read. An ed25519 key takes about 500 bytes.
const MAX_KEY_FILE: u64 = 1 << 16;

/// Rounds of bcrypt-pbkdf: what OpenSSH 9.4 and later use.
const BCRYPT_ROUNDS: u32 = 24;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn no_one(_: &Path) -> Option<Zeroizing<String>> {
        panic!("asked for a passphrase that the file does not need")
    }

    fn says(passphrase: &str) -> impl FnMut(&Path) -> Option<Zeroizing<String>> {
        move |_| Some(Zeroizing::new(passphrase.to_owned()))
    }

    #[test]
    fn what_is_saved_is_loaded_again() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new();
        let key = SecretKey::generate("examiner").unwrap();
        let (open, locked) = (folder.path().join("open"), folder.path().join("locked"));
        key.save(&disk, &open, None).unwrap();
        key.save(&disk, &locked, Some("correct horse")).unwrap();

        let (loaded, warnings) = SecretKey::load(&disk, &open, &mut no_one).unwrap();
        assert_eq!(loaded.public_line(), key.public_line());
        assert_eq!(loaded.comment(), "examiner");
        assert_eq!(warnings, [KeyWarning::Unprotected { path: open.clone() }]);
        let (loaded, warnings) = SecretKey::load(&disk, &locked, &mut says("correct horse")).unwrap();
        assert_eq!((loaded.public_line(), warnings), (key.public_line(), vec![]));

        let wrong = SecretKey::load(&disk, &locked, &mut says("battery staple")).unwrap_err();
        assert!(matches!(wrong, KeyError::WrongPassphrase { .. }), "{wrong}");
        let none = SecretKey::load(&disk, &locked, &mut |_| None).unwrap_err();
        assert!(matches!(none, KeyError::NoPassphrase { .. }), "{none}");
        let taken = key.save(&disk, &open, None).unwrap_err();
        assert!(matches!(taken, KeyError::Disk(DurableError::Exists { .. })), "{taken}");
        assert!(matches!(
            key.save(&disk, &folder.path().join("n"), Some("")),
            Err(KeyError::EmptyPassphrase)
        ));

        let mode = std::fs::metadata(&open).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{mode:o}");
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o640)).unwrap();
        let (_, warnings) = SecretKey::load(&disk, &open, &mut no_one).unwrap();
        assert_eq!(warnings.len(), 2, "{warnings:?}");
    }

    #[test]
    fn a_key_made_by_ssh_keygen_is_read_and_ours_by_ssh_keygen() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new();
        let keygen = |args: &[&str]| Command::new("ssh-keygen").args(args).output();
        for (name, passphrase) in [("plain", ""), ("locked", "tr0ub4dor")] {
            let path = folder.path().join(name);
            let file = path.to_str().unwrap();
            let Ok(made) = keygen(&["-q", "-t", "ed25519", "-C", "c", "-N", passphrase, "-f", file]) else {
                eprintln!("skipped: no ssh-keygen here");
                return;
            };
            assert!(made.status.success(), "{made:?}");
            let (key, _) = SecretKey::load(&disk, &path, &mut says(passphrase)).unwrap();
            let public = std::fs::read_to_string(public_path(&path)).unwrap();
            assert_eq!(public.trim_end(), key.public_line_with_comment());
        }
        for passphrase in [None, Some("correct horse")] {
            let path = folder.path().join(format!("ours-{}", passphrase.is_some()));
            let key = SecretKey::generate("ours").unwrap();
            key.save(&disk, &path, passphrase).unwrap();
            let file = path.to_str().unwrap();
            let shown = keygen(&["-y", "-P", passphrase.unwrap_or(""), "-f", file]).unwrap();
            assert!(shown.status.success(), "{shown:?}");
            assert!(String::from_utf8_lossy(&shown.stdout).starts_with(&key.public_line()), "{shown:?}");
        }
    }

    #[test]
    fn ssh_keygen_verifies_what_is_signed() {
        let folder = tempfile::tempdir().unwrap();
        let key = SecretKey::generate("examiner").unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("signers"), format!("examiner {}\n", key.public_line())).unwrap();
        std::fs::write(path("sig"), key.sign(sshsig::PACKAGE_SEAL, b"sealed\n")).unwrap();
        std::fs::write(path("good"), b"sealed\n").unwrap();
        std::fs::write(path("bad"), b"Sealed\n").unwrap();
        for (message, namespace, holds) in [
            ("good", sshsig::PACKAGE_SEAL, true),
            ("bad", sshsig::PACKAGE_SEAL, false),
            ("good", sshsig::CUSTODY_EVENT, false),
        ] {
            let checked = Command::new("ssh-keygen")
                .args(["-Y", "verify", "-I", "examiner", "-n", namespace, "-f"])
                .arg(path("signers"))
                .arg("-s")
                .arg(path("sig"))
                .stdin(std::fs::File::open(path(message)).unwrap())
                .output();
            match checked {
                Err(_) => eprintln!("skipped: no ssh-keygen here"),
                Ok(checked) => {
                    assert_eq!(checked.status.success(), holds, "{message} {namespace}: {checked:?}")
                }
            }
        }
    }

    #[test]
    fn other_algorithms_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ecdsa");
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ecdsa", "-N", "", "-f", path.to_str().unwrap()])
            .output();
        if made.is_err() {
            eprintln!("skipped: no ssh-keygen here");
            return;
        }
        let error = SecretKey::load(&Disk::new(), &path, &mut no_one).unwrap_err();
        assert!(!error.to_string().contains("ed25519 key file"), "{error}");
        assert!(matches!(error, KeyError::Algorithm { .. } | KeyError::Format { .. }), "{error}");
    }
}
