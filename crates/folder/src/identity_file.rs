//! age identity files: what opens a set.
//!
//! As `age-keygen` writes them, or such a file encrypted with a passphrase (`age -p`), armoured or not.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use age::Identity;
use age::secrecy::SecretString;
use evidence::opener::{parse_identities, recipients_of};
use zeroize::Zeroizing;

/// Why an identity file cannot be used. Nothing of its content is in any of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityFileError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The file is longer than any identity file.
    #[error("longer than {MAX} bytes: not an identity file")]
    TooLong,
    /// The file is not text.
    #[error("neither text nor an age file: not an identity file")]
    NotText,
    /// An age file that a passphrase does not open.
    #[error("an age file, but not one that a passphrase opens")]
    NotPassphrase,
    /// The file is protected, and no passphrase was given.
    #[error("it is protected by a passphrase, and none was given")]
    NoPassphrase,
    /// The passphrase does not open the file.
    #[error("the passphrase does not open it")]
    WrongPassphrase,
    /// A line is no key, or there is none.
    #[error(transparent)]
    Text(#[from] evidence::opener::IdentityError),
}

/// The keys of an identity file, and for whom a set must be encrypted that they are to open.
pub struct Keys {
    /// The keys.
    pub identities: Vec<Box<dyn Identity>>,
    /// Their recipients (`age1...`), in the same order.
    pub recipients: Vec<String>,
}

/// Reads the identities in the file at `path`. `ask` is called only if it is protected.
///
/// # Errors
///
/// [`IdentityFileError`].
pub fn read_identities(
    path: &Path,
    ask: &mut dyn FnMut(&Path) -> Option<Zeroizing<String>>,
) -> Result<Vec<Box<dyn Identity>>, IdentityFileError> {
    Ok(read_keys(path, ask)?.identities)
}

/// As [`read_identities`], with the keys' public halves.
///
/// # Errors
///
/// [`IdentityFileError`].
pub fn read_keys(
    path: &Path,
    ask: &mut dyn FnMut(&Path) -> Option<Zeroizing<String>>,
) -> Result<Keys, IdentityFileError> {
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path)?.take(MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX {
        return Err(IdentityFileError::TooLong);
    }
    if bytes.starts_with(BINARY) || bytes.trim_ascii_start().starts_with(ARMOUR) {
        let passphrase = |path: &Path| ask(path).ok_or(IdentityFileError::NoPassphrase);
        bytes = decrypt(&bytes, path, passphrase)?;
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| IdentityFileError::NotText)?;
    Ok(Keys { identities: parse_identities(text)?, recipients: recipients_of(text)? })
}

fn decrypt(
    locked: &[u8],
    path: &Path,
    passphrase: impl FnOnce(&Path) -> Result<Zeroizing<String>, IdentityFileError>,
) -> Result<Zeroizing<Vec<u8>>, IdentityFileError> {
    let reader = age::armor::ArmoredReader::new(BufReader::new(locked));
    let decryptor = age::Decryptor::new_buffered(reader).map_err(|_| IdentityFileError::NotPassphrase)?;
    if !decryptor.is_scrypt() {
        return Err(IdentityFileError::NotPassphrase);
    }
    let mut identity = age::scrypt::Identity::new(SecretString::from(passphrase(path)?.as_str().to_owned()));
    identity.set_max_work_factor(MAX_WORK_FACTOR);
    let mut text = Zeroizing::new(Vec::new());
    let reader = decryptor
        .decrypt(std::iter::once(&identity as &dyn Identity))
        .map_err(|_| IdentityFileError::WrongPassphrase)?;
    reader.take(MAX).read_to_end(&mut text).map_err(|_| IdentityFileError::WrongPassphrase)?;
    Ok(text)
}

const BINARY: &[u8] = b"age-encryption.org/v1";
const ARMOUR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// Longest identity file that is read. 1 MiB holds thousands of keys.
const MAX: u64 = 1 << 20;

/// Most work a file may ask for: 2^20 takes a second or two and 1 GiB; `age -p` asks for 2^18.
const MAX_WORK_FACTOR: u8 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_identity_file_is_refused_without_repeating_it() {
        let dir = tempfile::tempdir().expect("folder");
        let check = |name: &str, bytes: &[u8], expected: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).expect("file");
            let error = read_identities(&path, &mut |_| None).err().expect("refused").to_string();
            assert!(error.contains(expected), "{name}: {error}");
            assert!(!error.contains("SECRET-TYPO"), "{error}");
        };
        check("empty", b"", "no key");
        check("typo", b"AGE-SECRET-TYPO\n", "line 1");
        check("binary", b"\xff\xfe", "neither text");
        check("to-a-key", b"age-encryption.org/v1\n-> X25519 a\n", "not one that a passphrase opens");
    }
}
