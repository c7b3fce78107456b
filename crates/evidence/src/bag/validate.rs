//! Judging any bag: enough of RFC 8493 for the Library of Congress's conformance suite.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use sha2::{Digest as _, Sha256, Sha512};

use super::{BAGIT_TXT, Oxum};
use crate::files::{self, Files};

/// What a valid bag holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Summary {
    /// Bytes and files of the payload.
    pub payload: Oxum,
    /// Names of the payload manifests that were checked.
    pub manifests: Vec<String>,
}

/// One thing that makes a bag invalid.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// `bagit.txt` is missing or not in its one spelling.
    #[error("bagit.txt is not the declaration of BagIt 1.0 in UTF-8: {0}")]
    Declaration(&'static str),
    /// There is no payload manifest.
    #[error("there is no payload manifest")]
    NoManifest,
    /// A manifest with another algorithm.
    #[error("{0}: only sha256 and sha512 are known")]
    Algorithm(String),
    /// A manifest that cannot be read, or a line in it.
    #[error("{manifest}, line {line}: {what}")]
    Line {
        /// The manifest.
        manifest: String,
        /// Line number, from 1; 0 for the whole.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A file listed twice.
    #[error("{manifest} lists `{name}` twice, {}", if *.same { "with the same hash" } else { "with different hashes" })]
    Twice {
        /// The manifest.
        manifest: String,
        /// The file.
        name: String,
        /// Whether the hashes agree.
        same: bool,
    },
    /// A payload file that a manifest does not list.
    #[error("{manifest} does not list `{name}`")]
    Unlisted {
        /// The manifest.
        manifest: String,
        /// The file.
        name: String,
    },
    /// A listed file that is not there.
    #[error("{manifest} lists `{name}`, which is not there")]
    Missing {
        /// The manifest.
        manifest: String,
        /// The file.
        name: String,
    },
    /// A file with another digest.
    #[error("`{name}` differs from its digest in {manifest}")]
    Digest {
        /// The manifest.
        manifest: String,
        /// The file.
        name: String,
    },
    /// `Payload-Oxum` does not agree with the payload.
    #[error("Payload-Oxum says {stated}; the payload has {found}")]
    Oxum {
        /// As written, escaped.
        stated: String,
        /// As counted.
        found: Oxum,
    },
    /// Files to be fetched from elsewhere.
    #[error("fetch.txt: a bag that is not complete is not judged")]
    Fetch,
    /// Something that is not a regular file.
    #[error("not a regular file: {0}")]
    Irregular(String),
    /// A file that could not be read.
    #[error("`{name}` could not be read: {error}")]
    Read {
        /// The file.
        name: String,
        /// What the storage said.
        error: String,
    },
}

/// Judges a bag completely: declaration, manifests, every byte of every listed file, `Payload-Oxum`.
///
/// # Errors
///
/// Every problem found, not only the first.
pub fn validate(files: &dyn Files) -> Result<Summary, Vec<Problem>> {
    let mut bag = Bag { files, names: BTreeSet::new(), problems: Vec::new() };
    let summary = bag.judge();
    if bag.problems.is_empty() { Ok(summary) } else { Err(bag.problems) }
}

struct Bag<'a> {
    files: &'a dyn Files,
    names: BTreeSet<String>,
    problems: Vec<Problem>,
}

/// Hex digits that a manifest states for each name.
type Stated = BTreeMap<String, String>;

impl Bag<'_> {
    fn judge(&mut self) -> Summary {
        self.problems.extend(self.files.irregular().into_iter().map(Problem::Irregular));
        match self.files.names() {
            Ok(names) => self.names.extend(names),
            Err(error) => self.unreadable(".", &error),
        }
        self.declaration();
        if self.names.contains("fetch.txt") {
            self.problems.push(Problem::Fetch);
        }
        let named = |prefix: &str| {
            let whole = |n: &&String| n.starts_with(prefix) && n.ends_with(".txt") && !n.contains('/');
            self.names.iter().filter(whole).cloned().collect::<Vec<_>>()
        };
        let (manifests, tag_manifests) = (named("manifest-"), named("tagmanifest-"));
        if manifests.is_empty() {
            self.problems.push(Problem::NoManifest);
        }
        let payload: Vec<_> = self.names.iter().filter(|name| name.starts_with("data/")).cloned().collect();
        for manifest in &manifests {
            let stated = self.manifest(manifest);
            let missing = payload.iter().filter(|name| !stated.contains_key(*name));
            let unlisted =
                |name: &String| Problem::Unlisted { manifest: manifest.clone(), name: name.clone() };
            self.problems.extend(missing.map(unlisted));
            self.compare(manifest, &stated);
        }
        for manifest in &tag_manifests {
            let stated = self.manifest(manifest);
            self.compare(manifest, &stated);
        }
        let found = self.count(&payload);
        self.oxum(found);
        Summary { payload: found, manifests }
    }

    fn declaration(&mut self) {
        let what = match files::read(self.files, "bagit.txt", MAX_SMALL) {
            Err(_) => "it is missing",
            Ok(bytes) if bytes == BAGIT_TXT.as_bytes() => return,
            Ok(bytes) => {
                let squeezed = String::from_utf8_lossy(&bytes).replace([' ', '\t', '\r'], "");
                let same = squeezed.trim_end() == BAGIT_TXT.replace(' ', "").trim_end();
                if same { "white space where none belongs" } else { "another version or encoding" }
            }
        };
        self.problems.push(Problem::Declaration(what));
    }

    /// Reads a manifest; what cannot be read becomes a problem and is left out.
    fn manifest(&mut self, manifest: &str) -> Stated {
        let mut stated = Stated::new();
        let digits = match algorithm(manifest) {
            Some(Algorithm::Sha256) => 64,
            Some(Algorithm::Sha512) => 128,
            None => {
                self.problems.push(Problem::Algorithm(manifest.to_owned()));
                return stated;
            }
        };
        let bytes = match files::read(self.files, manifest, MAX_MANIFEST) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.unreadable(manifest, &error);
                return stated;
            }
        };
        let problem = |line, what| Problem::Line { manifest: manifest.to_owned(), line, what };
        let Ok(text) = std::str::from_utf8(&bytes) else {
            self.problems.push(problem(0, "it is not UTF-8"));
            return stated;
        };
        for (text, line) in text.lines().zip(1..) {
            let Some((hex, name)) = text.split_once([' ', '\t']) else {
                self.problems.push(problem(line, "expected a digest, white space and a name"));
                continue;
            };
            if hex.len() != digits || !hex.bytes().all(|c| c.is_ascii_hexdigit()) {
                self.problems.push(problem(line, "the digest is not of the manifest's algorithm"));
                continue;
            }
            let Some(name) = decode(name.trim_start_matches([' ', '\t'])) else {
                self.problems.push(problem(line, "the name leads out of the bag"));
                continue;
            };
            let hex = hex.to_ascii_lowercase();
            if let Some(first) = stated.get(&name) {
                let (manifest, same) = (manifest.to_owned(), *first == hex);
                self.problems.push(Problem::Twice { manifest, name, same });
            } else {
                stated.insert(name, hex);
            }
        }
        stated
    }

    /// Every listed file must be there and have its digest.
    fn compare(&mut self, manifest: &str, stated: &Stated) {
        for (name, hex) in stated {
            let (manifest, name) = (manifest.to_owned(), name.clone());
            if !self.names.contains(&name) {
                self.problems.push(Problem::Missing { manifest, name });
                continue;
            }
            let found = self.files.open(&name).and_then(|mut file| match algorithm(&manifest) {
                Some(Algorithm::Sha512) => hash(&mut file, Sha512::new()),
                _ => hash(&mut file, Sha256::new()),
            });
            match found {
                Ok(found) if found == *hex => {}
                Ok(_) => self.problems.push(Problem::Digest { manifest, name }),
                Err(error) => self.unreadable(&name, &error),
            }
        }
    }

    fn count(&mut self, payload: &[String]) -> Oxum {
        let mut found = Oxum::default();
        for name in payload {
            let length = self.files.open(name).and_then(|mut file| file.seek(io::SeekFrom::End(0)));
            match length {
                Ok(length) => found.octets = found.octets.saturating_add(length),
                Err(error) => self.unreadable(name, &error),
            }
            found.files = found.files.saturating_add(1);
        }
        found
    }

    fn oxum(&mut self, found: Oxum) {
        if !self.names.contains("bag-info.txt") {
            return;
        }
        match files::read(self.files, "bag-info.txt", MAX_SMALL) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                let stated = text.lines().filter_map(|line| line.strip_prefix("Payload-Oxum:"));
                let wrong = stated.map(str::trim).filter(|stated| Oxum::parse(stated) != Some(found));
                let wrong = wrong.map(|s| Problem::Oxum { stated: s.escape_debug().to_string(), found });
                self.problems.extend(wrong);
            }
            Err(error) => self.unreadable("bag-info.txt", &error),
        }
    }

    fn unreadable(&mut self, name: &str, error: &io::Error) {
        self.problems.push(Problem::Read { name: name.to_owned(), error: error.to_string() });
    }
}

enum Algorithm {
    Sha256,
    Sha512,
}

fn algorithm(manifest: &str) -> Option<Algorithm> {
    match manifest.rsplit_once('-')?.1 {
        "sha256.txt" => Some(Algorithm::Sha256),
        "sha512.txt" => Some(Algorithm::Sha512),
        _ => None,
    }
}

/// Undoes the three escapes of RFC 8493; `None` for a name that leads out of the bag.
fn decode(name: &str) -> Option<String> {
    let name = name.replace("%0A", "\n").replace("%0a", "\n").replace("%0D", "\r").replace("%0d", "\r");
    let name = name.replace("%25", "%");
    let inside = |s: &str| !matches!(s, "" | "." | "..");
    name.split('/').all(inside).then_some(name)
}

fn hash<D: sha2::Digest>(file: &mut dyn Read, mut hasher: D) -> io::Result<String> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(scope::digest::hex(&hasher.finalize())),
            Ok(count) => hasher.update(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Longest tag file other than a manifest that is read into memory.
const MAX_SMALL: u64 = 1 << 20;

/// Longest manifest: a million files.
const MAX_MANIFEST: u64 = 256 << 20;
