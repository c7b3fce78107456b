//! age identities: the keys that open a set.
//!
//! Files as `age-keygen` writes them, or such a file encrypted with a
//! passphrase (`age -p`), armoured or not:
//!
//! ```text
//! # created: 2026-11-23T09:00:00+01:00
//! # public key: age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p
//! AGE-SECRET-KEY-1...
//! ```

use std::io::{BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use age::secrecy::{ExposeSecret as _, SecretString};
use age::x25519;
use chrono::{DateTime, FixedOffset, SecondsFormat};
use zeroize::Zeroizing;

use crate::durable::{Disk, DurableError};
use crate::keys::{Ask, KeyWarning, readable_by_others};

/// Why an identity file could not be made or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The file could not be read or written.
    #[error(transparent)]
    Disk(#[from] DurableError),
    /// A line is neither a comment nor a secret key. The line itself is not shown: it may be a secret.
    #[error("line {line} of `{path}` is not an age secret key (AGE-SECRET-KEY-1...)")]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// The file holds no key.
    #[error("`{path}` holds no age secret key")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// An age file that is not an identity file protected by a passphrase.
    #[error("`{path}` is an age file, but not one that a passphrase opens")]
    NotPassphrase {
        /// The file.
        path: PathBuf,
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
    /// A passphrase of no length protects nothing.
    #[error("the passphrase is empty; leave it out on purpose, or choose one")]
    EmptyPassphrase,
    /// The new file could not be encrypted.
    #[error("could not encrypt `{path}`: {reason}")]
    Encrypt {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// A new identity.
#[must_use]
pub fn generate() -> x25519::Identity {
    x25519::Identity::generate()
}

/// Writes an identity file (mode 0600), encrypted if a passphrase is given. Returns the recipient, `age1...`.
///
/// # Errors
///
/// [`DurableError::Exists`] if the name is taken.
pub fn save(
    disk: &Disk,
    path: &Path,
    identity: &x25519::Identity,
    created: DateTime<FixedOffset>,
    passphrase: Option<&str>,
) -> Result<String, IdentityError> {
    let recipient = identity.to_public().to_string();
    let text = Zeroizing::new(format!(
        "# created: {}\n# public key: {recipient}\n{}\n",
        created.to_rfc3339_opts(SecondsFormat::Secs, false),
        identity.to_string().expose_secret(),
    ));
    match passphrase {
        None => disk.write_secret(path, text.as_bytes())?,
        Some("") => return Err(IdentityError::EmptyPassphrase),
        Some(passphrase) => {
            let locked = encrypt(&text, passphrase)
                .map_err(|e| IdentityError::Encrypt { path: path.to_owned(), reason: e.to_string() })?;
            disk.write_secret(path, &locked)?;
        }
    }
    Ok(recipient)
}

/// Reads an identity file. `ask` is called only if it is protected.
///
/// # Errors
///
/// [`IdentityError`]; nothing of the file's content is in any of them.
pub fn load(
    disk: &Disk,
    path: &Path,
    ask: &mut Ask<'_>,
) -> Result<(Vec<x25519::Identity>, Vec<KeyWarning>), IdentityError> {
    let mut warnings = readable_by_others(path);
    let mut text = Zeroizing::new(disk.read(path, MAX_IDENTITY_FILE)?);
    if text.starts_with(AGE_BINARY) || text.trim_ascii_start().starts_with(AGE_ARMOR) {
        text = decrypt(path, &text, ask)?;
    } else {
        warnings.push(KeyWarning::Unprotected { path: path.to_owned() });
    }
    Ok((parse(path, &text)?, warnings))
}

fn parse(path: &Path, text: &[u8]) -> Result<Vec<x25519::Identity>, IdentityError> {
    let mut identities = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let identity = str::from_utf8(line).ok().and_then(|line| line.parse().ok());
        let wrong = || IdentityError::Line { path: path.to_owned(), line: index.saturating_add(1) };
        identities.push(identity.ok_or_else(wrong)?);
    }
    if identities.is_empty() { Err(IdentityError::Empty { path: path.to_owned() }) } else { Ok(identities) }
}

fn encrypt(text: &str, passphrase: &str) -> std::io::Result<Vec<u8>> {
    let encryptor = age::Encryptor::with_user_passphrase(SecretString::from(passphrase.to_owned()));
    let mut locked = Vec::new();
    let mut writer = encryptor.wrap_output(&mut locked)?;
    writer.write_all(text.as_bytes())?;
    writer.finish()?;
    Ok(locked)
}

fn decrypt(path: &Path, locked: &[u8], ask: &mut Ask<'_>) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
    let at = || path.to_owned();
    let reader = age::armor::ArmoredReader::new(BufReader::new(locked));
    let decryptor =
        age::Decryptor::new_buffered(reader).map_err(|_| IdentityError::NotPassphrase { path: at() })?;
    if !decryptor.is_scrypt() {
        return Err(IdentityError::NotPassphrase { path: at() });
    }
    let passphrase = ask(path).ok_or_else(|| IdentityError::NoPassphrase { path: at() })?;
    let mut identity = age::scrypt::Identity::new(SecretString::from(passphrase.as_str().to_owned()));
    identity.set_max_work_factor(MAX_WORK_FACTOR);
    let wrong = || IdentityError::WrongPassphrase { path: at() };
    let mut text = Zeroizing::new(Vec::new());
    let reader = decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity)).map_err(|_| wrong())?;
    reader.take(MAX_IDENTITY_FILE).read_to_end(&mut text).map_err(|_| wrong())?;
    Ok(text)
}

const AGE_BINARY: &[u8] = b"age-encryption.org/v1";
const AGE_ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// Longest identity file that is read. 1 MiB holds thousands of keys.
const MAX_IDENTITY_FILE: u64 = 1 << 20;

/// Most work a passphrase file may ask for: 2^22 takes some seconds and 4 GiB; `age -p` asks for 2^18.
const MAX_WORK_FACTOR: u8 = 22;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn says(passphrase: &str) -> impl FnMut(&Path) -> Option<Zeroizing<String>> {
        move |_| Some(Zeroizing::new(passphrase.to_owned()))
    }

    fn publics(identities: &[x25519::Identity]) -> Vec<String> {
        identities.iter().map(|identity| identity.to_public().to_string()).collect()
    }

    #[test]
    fn what_is_saved_is_loaded_again() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new();
        let created = DateTime::parse_from_rfc3339("2026-11-23T09:00:00+01:00").unwrap();
        let identity = generate();
        for (name, passphrase) in [("open", None), ("locked", Some("correct horse"))] {
            let path = folder.path().join(name);
            let recipient = save(&disk, &path, &identity, created, passphrase).unwrap();
            let (loaded, warnings) = load(&disk, &path, &mut says("correct horse")).unwrap();
            assert_eq!(publics(&loaded), [recipient]);
            assert_eq!(warnings.is_empty(), passphrase.is_some());
            assert!(save(&disk, &path, &identity, created, None).is_err(), "nothing is overwritten");
        }
        let locked = folder.path().join("locked");
        let wrong = load(&disk, &locked, &mut says("battery staple")).err().unwrap();
        assert!(matches!(wrong, IdentityError::WrongPassphrase { .. }), "{wrong}");
        let none = load(&disk, &locked, &mut |_| None).err().unwrap();
        assert!(matches!(none, IdentityError::NoPassphrase { .. }), "{none}");
    }

    #[test]
    fn a_wrong_line_is_named_by_number_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "# comment\nAGE-SECRET-KEY-1NEARLYASECRET\n").unwrap();
        let error = load(&Disk::new(), &path, &mut |_| None).err().unwrap();
        assert!(matches!(error, IdentityError::Line { line: 2, .. }), "{error}");
        assert!(!error.to_string().contains("NEARLY"), "{error}");
    }

    #[test]
    fn a_key_made_by_age_keygen_is_read_and_ours_by_age_keygen() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new();
        let theirs = folder.path().join("theirs");
        let Ok(made) = Command::new("age-keygen").arg("-o").arg(&theirs).output() else {
            eprintln!("skipped: no age-keygen here");
            return;
        };
        assert!(made.status.success(), "{made:?}");
        let (loaded, _) = load(&disk, &theirs, &mut |_| None).unwrap();
        let shown = |path: &Path| {
            let shown = Command::new("age-keygen").arg("-y").arg(path).output().unwrap();
            String::from_utf8(shown.stdout).unwrap().trim_end().to_owned()
        };
        assert_eq!(publics(&loaded), [shown(&theirs)]);

        let ours = folder.path().join("ours");
        let created = DateTime::parse_from_rfc3339("2026-11-23T09:00:00+01:00").unwrap();
        let recipient = save(&disk, &ours, &generate(), created, None).unwrap();
        assert_eq!(shown(&ours), recipient);
    }
}
