//! What a journal is authenticated and encrypted with: the two keys of a resume, in the case folder.

use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use scope::Digest;
use scope::digest::hex;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Line, read_own, signed};
use crate::durable::Disk;
use crate::identities;
use crate::keys::SecretKey;
use crate::package::PackageError;
use crate::random;

/// What the journal is authenticated and encrypted with.
pub(crate) struct Keys {
    pub(crate) mac: Zeroizing<[u8; 32]>,
    crew: age::x25519::Identity,
}

impl Keys {
    /// Draws keys and writes them to `path`, which did not exist.
    pub(super) fn create(disk: &Disk, path: &Path) -> Result<Self, PackageError> {
        let keys = Self { mac: Zeroizing::new(random::bytes::<32>()?), crew: identities::generate() };
        let crew = keys.crew.to_string();
        let text = Zeroizing::new(format!(
            "{}\n{}\n",
            hex(&*keys.mac),
            age::secrecy::ExposeSecret::expose_secret(&crew)
        ));
        disk.write_secret(path, text.as_bytes())?;
        Ok(keys)
    }

    /// Reads the keys that [`Keys::create`] wrote; `None` for a file that it did not write.
    pub(crate) fn load(disk: &Disk, path: &Path) -> Result<Option<Self>, PackageError> {
        let text = Zeroizing::new(read_own(disk, path, MAX_KEYS)?);
        let parsed = std::str::from_utf8(&text).ok().and_then(|text| {
            let (mac, rest) = text.split_once('\n')?;
            let mac = Zeroizing::new(format!("sha256:{mac}").parse::<Digest>().ok()?.0);
            Some(Self { mac, crew: rest.trim_end().parse().ok()? })
        });
        Ok(parsed)
    }

    pub(crate) fn hmac(&self) -> Result<Hmac<Sha256>, PackageError> {
        Hmac::new_from_slice(&*self.mac).map_err(|e| PackageError::Age(e.to_string()))
    }

    pub(super) fn mac_of(&self, last: &str, line: &str) -> Result<String, PackageError> {
        let mut over = self.hmac()?;
        over.update(last.as_bytes());
        over.update(line.as_bytes());
        Ok(hex(&over.finalize().into_bytes()))
    }

    /// A line as it is written, and its `mac`; signed, where there is a run key.
    pub(super) fn line(
        &self,
        last: &str,
        line: &Line,
        run_key: Option<&SecretKey>,
    ) -> Result<(String, String), PackageError> {
        let mut line = serde_json::to_string(line).map_err(std::io::Error::other)?;
        if let Some(run_key) = run_key {
            line = signed::sign(run_key, last, &line);
        }
        let mac = self.mac_of(last, &line)?;
        let open = line.strip_suffix('}').unwrap_or(&line);
        Ok((format!("{open}{MAC}{mac}{END}\n"), mac))
    }

    pub(crate) fn close(&self, crew: &str) -> Result<String, PackageError> {
        let sealed = age::encrypt(&self.crew.to_public(), crew.as_bytes());
        Ok(STANDARD.encode(sealed.map_err(|e| PackageError::Age(e.to_string()))?))
    }

    pub(crate) fn open(&self, sealed: &str) -> Result<String, PackageError> {
        let age = |what: String| PackageError::Age(format!("the journal's counts: {what}"));
        let sealed = STANDARD.decode(sealed).map_err(|e| age(e.to_string()))?;
        let decryptor = age::Decryptor::new(sealed.as_slice()).map_err(|e| age(e.to_string()))?;
        let identity: &dyn age::Identity = &self.crew;
        let mut text = String::new();
        let mut reader = decryptor.decrypt(std::iter::once(identity)).map_err(|e| age(e.to_string()))?;
        reader.read_to_string(&mut text)?;
        Ok(text)
    }
}

/// What stands before and after the `mac` of a line.
pub(super) const MAC: &str = ",\"mac\":\"";
pub(super) const END: &str = "\"}";

/// Longest key file: a key in hex, and an age identity.
const MAX_KEYS: u64 = 1 << 10;
