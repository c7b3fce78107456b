//! The bundle: the exact bytes that a policy consists of, and its id.
//!
//! Implements `docs/spec/policy.md`, "The policy id".
//!
//! ```text
//! scope-policy/1
//! 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  counsel.txt
//! 60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752  policy.toml
//! ```

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use crate::digest::Digest;
use crate::hash_list::ListFile;

/// The policy file and its list files, by name.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    files: BTreeMap<String, BundleFile>,
}

/// One file of a bundle.
#[derive(Clone, Debug)]
pub enum BundleFile {
    /// Its bytes.
    Memory(Arc<[u8]>),
    /// A long list, which stays where it lies.
    Outside(Arc<ListFile>),
}

impl BundleFile {
    /// How many bytes it has.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Outside(file) => file.length(),
        }
    }

    /// The SHA-256 of its bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        match self {
            Self::Memory(bytes) => Digest::of(bytes),
            Self::Outside(file) => file.digest(),
        }
    }

    /// Hands its bytes on, piece by piece.
    ///
    /// # Errors
    ///
    /// What `take` reports; of a long list, also what the storage does, or that it is no longer the same.
    pub fn copy(&self, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => take(bytes),
            Self::Outside(file) => file.copy(take),
        }
    }
}

impl From<Vec<u8>> for BundleFile {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Memory(bytes.into())
    }
}

/// Why a file cannot be part of a bundle.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The name is not of the grammar.
    #[error(
        "`{0}` cannot be the name of a policy file: expected 1 to 100 characters of a-z 0-9 . _ - and not only dots"
    )]
    Name(String),
    /// The name is taken.
    #[error("`{0}` is in the bundle twice")]
    Doubled(String),
    /// The file is too large.
    #[error("`{name}` has {bytes} bytes; a policy file has at most {limit}")]
    Size {
        /// The file.
        name: String,
        /// Its length in bytes.
        bytes: u64,
        /// The longest length allowed.
        limit: u64,
    },
    /// There are too many files.
    #[error("a policy has at most {0} files")]
    Count(usize),
}

impl Bundle {
    /// Name of the policy itself.
    pub const POLICY: &'static str = "policy.toml";

    /// Most bytes of `policy.toml`. The largest example has 7 kB; 1 MiB is beyond what a person approves.
    pub const MAX_POLICY: usize = 1 << 20;

    /// Most bytes of a list file that is kept in memory: a quarter of a million digests. A longer one is a list of digests
    /// in ascending order, and stays where it lies.
    pub const MAX_IN_MEMORY: usize = 16 << 20;

    /// Most bytes of any list file: a billion digests, of whose blocks an eighth of a gigabyte is kept.
    pub const MAX_LIST: u64 = 64 << 30;

    /// Most files of a bundle. Each list is read by a person at least as label, count and digest.
    pub const MAX_FILES: usize = 100;

    /// An empty bundle.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file.
    ///
    /// # Errors
    ///
    /// [`BundleError`] for a name that is not `[a-z0-9._-]{1,100}`, that consists of dots alone or is
    /// there already, and for a file or a number of files over the limits.
    pub fn insert(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Result<(), BundleError> {
        let (name, bytes) = (name.into(), bytes.into());
        let limit = if name == Self::POLICY { Self::MAX_POLICY } else { Self::MAX_IN_MEMORY };
        self.add(name, bytes.into(), limit as u64)
    }

    /// Adds a list file that stays where it lies.
    ///
    /// # Errors
    ///
    /// As [`Bundle::insert`]; `policy.toml` is not such a file.
    pub fn insert_outside(
        &mut self,
        name: impl Into<String>,
        file: Arc<ListFile>,
    ) -> Result<(), BundleError> {
        let name = name.into();
        let limit = if name == Self::POLICY { Self::MAX_POLICY as u64 } else { Self::MAX_LIST };
        if name == Self::POLICY {
            return Err(BundleError::Size { name, bytes: file.length(), limit });
        }
        self.add(name, BundleFile::Outside(file), limit)
    }

    fn add(&mut self, name: String, file: BundleFile, limit: u64) -> Result<(), BundleError> {
        if !is_file_name(&name) {
            return Err(BundleError::Name(name));
        }
        if file.length() > limit {
            return Err(BundleError::Size { name, bytes: file.length(), limit });
        }
        if self.files.contains_key(&name) {
            return Err(BundleError::Doubled(name));
        }
        if self.files.len() >= Self::MAX_FILES {
            return Err(BundleError::Count(Self::MAX_FILES));
        }
        self.files.insert(name, file);
        Ok(())
    }

    /// The bytes of one file; `None` where it is not in memory, too.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        match self.files.get(name)? {
            BundleFile::Memory(bytes) => Some(bytes),
            BundleFile::Outside(_) => None,
        }
    }

    /// One file.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&BundleFile> {
        self.files.get(name)
    }

    /// All files, sorted bytewise by name.
    pub fn files(&self) -> impl Iterator<Item = (&str, &BundleFile)> {
        self.files.iter().map(|(name, file)| (name.as_str(), file))
    }

    /// The policy id: SHA-256 of the schema id and of every file's digest and name.
    #[must_use]
    pub fn id(&self) -> Digest {
        let mut text = String::from("scope-policy/1\n");
        for (name, file) in self.files() {
            text.push_str(&file.digest().hex());
            text.push_str("  ");
            text.push_str(name);
            text.push('\n');
        }
        Digest::of(text.as_bytes())
    }
}

/// Whether `name` can stand in a bundle: `[a-z0-9._-]{1,100}`, not dots alone.
pub(crate) fn is_file_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name.bytes().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
        && name.bytes().any(|c| c != b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_covers_names_and_bytes() {
        let mut bundle = Bundle::new();
        bundle.insert("policy.toml", *b"abc").unwrap();
        // printf 'scope-policy/1\n%s  policy.toml\n' "$(printf abc | sha256sum | cut -d' ' -f1)" | sha256sum
        let text =
            "scope-policy/1\nba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  policy.toml\n";
        assert_eq!(bundle.id(), Digest::of(text.as_bytes()));
        let before = bundle.id();
        bundle.insert("a.txt", *b"").unwrap();
        assert_ne!(bundle.id(), before);
    }

    #[test]
    fn names_cannot_leave_the_folder() {
        for name in ["", ".", "..", "../a", "a/b", "A", "é", "a b", &"a".repeat(101)] {
            assert_eq!(
                Bundle::new().insert(name, *b""),
                Err(BundleError::Name(name.into())),
                "accepted {name:?}"
            );
        }
        let mut bundle = Bundle::new();
        bundle.insert("a", *b"").unwrap();
        assert_eq!(bundle.insert("a", *b""), Err(BundleError::Doubled("a".into())));
    }
}
