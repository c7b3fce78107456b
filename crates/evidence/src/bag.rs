//! BagIt 1.0 (RFC 8493): the outer form of a package, which `sha256sum -c` and `bagit.py` check as well.
//!
//! ```text
//! 30f7a2ac78b0d9f0d470fc1cd95c2b2173abed140b20a27a55c5a0182fdec22e  data/captured-0001.zip.age
//! ```
//!
//! [`Manifest`] and [`Info`] are our own strict profile: one spelling per value, names of the grammar. [`validate`] judges any
//! bag with SHA-256 or SHA-512 manifests, as the Library of Congress's conformance suite asks.

mod validate;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use scope::Digest;

use crate::acquisition::RunNumber;
use crate::event::Moment;

pub use validate::{Problem, Summary, validate};

/// `bagit.txt`, which has one spelling.
pub const BAGIT_TXT: &str = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";

/// `VERIFY.txt`: how to check a package by hand. It has one spelling, since people follow what it says.
pub const VERIFY_TXT: &str = include_str!("verify.txt");

/// `BagIt-Profile-Identifier`: what kind of bag a package is.
pub const PROFILE: &str = "urn:ambit:bag-profile:1";

/// Why a manifest or `bag-info.txt` is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BagError {
    /// The text as a whole.
    #[error("not text in UTF-8 with a line feed at its end and no carriage returns")]
    Text,
    /// A line of another form.
    #[error("line {line}: expected {expected}")]
    Line {
        /// Line number, from 1.
        line: usize,
        /// What must stand there.
        expected: &'static str,
    },
    /// A name outside the grammar.
    #[error("line {line}: `{name}` is not a name of the grammar")]
    Name {
        /// Line number, from 1.
        line: usize,
        /// The name, escaped.
        name: String,
    },
    /// A name listed twice.
    #[error("line {line}: `{name}` is listed twice, {}", if *.same { "with the same hash" } else { "with different hashes" })]
    Twice {
        /// Line number of the second, from 1.
        line: usize,
        /// The name.
        name: String,
        /// Whether the hashes agree.
        same: bool,
    },
    /// Names not in bytewise order.
    #[error("line {0}: names are not in bytewise order")]
    Order(usize),
}

/// `manifest-sha256.txt` or `tagmanifest-sha256.txt`: a digest per file, in bytewise order of names.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Manifest(pub BTreeMap<String, Digest>);

impl Manifest {
    /// Reads a manifest in its one spelling: 64 hex digits, two spaces, name, LF.
    ///
    /// # Errors
    ///
    /// [`BagError`], with the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, BagError> {
        let mut files = BTreeMap::new();
        let mut last = "";
        for (text, line) in lines(bytes)?.zip(1..) {
            let expected = "64 lower-case hex digits, two spaces, a name";
            let (hex, name) = text.split_once("  ").ok_or(BagError::Line { line, expected })?;
            let digest = Digest::from_hex(hex).map_err(|_| BagError::Line { line, expected })?;
            if !is_name(name) {
                return Err(BagError::Name { line, name: name.escape_debug().to_string() });
            }
            match files.entry(name.to_owned()) {
                Entry::Vacant(place) => place.insert(digest),
                Entry::Occupied(first) => {
                    let same = *first.get() == digest;
                    return Err(BagError::Twice { line, name: name.to_owned(), same });
                }
            };
            if name < last {
                return Err(BagError::Order(line));
            }
            last = name;
        }
        Ok(Self(files))
    }
}

/// The file's text, as [`Manifest::parse`] and `sha256sum -c` read it.
impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, digest)| writeln!(f, "{}  {name}", digest.hex()))
    }
}

/// `bag-info.txt`: labels and values in the order of the file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Info(pub Vec<(String, String)>);

impl Info {
    /// Reads `Label: value` lines; no label twice, no continued lines, no space around a value.
    ///
    /// # Errors
    ///
    /// [`BagError`], with the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, BagError> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for (text, line) in lines(bytes)?.zip(1..) {
            let expected = "`Label: value`";
            let (label, value) = text.split_once(": ").ok_or(BagError::Line { line, expected })?;
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
            let whole = !label.is_empty() && label.chars().all(plain) && value.trim() == value;
            if !whole || value.is_empty() || value.contains(char::is_control) || line > MAX_FIELDS {
                return Err(BagError::Line { line, expected });
            }
            if let Some((_, first)) = fields.iter().find(|(known, _)| known == label) {
                return Err(BagError::Twice { line, name: label.to_owned(), same: first == value });
            }
            fields.push((label.to_owned(), value.to_owned()));
        }
        Ok(Self(fields))
    }

    /// The `bag-info.txt` of a package, which has one spelling: four labels, in this order.
    #[must_use]
    pub fn of_package(origin: &str, run: RunNumber, ended: &Moment, payload: Oxum) -> Self {
        let fields = [
            ("External-Identifier", format!("{origin} {run}")),
            ("Bagging-Date", ended.at().format("%Y-%m-%d").to_string()),
            ("Payload-Oxum", payload.to_string()),
            ("BagIt-Profile-Identifier", PROFILE.to_owned()),
        ];
        Self(fields.map(|(label, value)| (label.to_owned(), value)).into())
    }

    /// The value of a label.
    #[must_use]
    pub fn get(&self, label: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == label).map(|(_, value)| value.as_str())
    }

    /// The value of `Payload-Oxum`, if it is there and well-formed.
    #[must_use]
    pub fn payload_oxum(&self) -> Option<Oxum> {
        Oxum::parse(self.get("Payload-Oxum")?)
    }
}

/// The file's text, as [`Info::parse`] reads it.
impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(label, value)| writeln!(f, "{label}: {value}"))
    }
}

/// Bytes and files of the payload, written `77.1`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Oxum {
    /// Bytes of all files under `data/`.
    pub octets: u64,
    /// Number of files under `data/`.
    pub files: u64,
}

impl Oxum {
    /// Reads `octets.files`, both decimal without leading zeros.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (octets, files) = text.split_once('.')?;
        let oxum = Self { octets: octets.parse().ok()?, files: files.parse().ok()? };
        (oxum.to_string() == text).then_some(oxum)
    }
}

impl fmt::Display for Oxum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.octets, self.files)
    }
}

/// Whether a name may stand in a package: segments of `[a-z0-9._-]`, none `.` or `..`; and `VERIFY.txt`.
///
/// Lower case only, so that no two names collide on a file system that folds case.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'.' | b'_' | b'-');
    let segment = |s: &str| !matches!(s, "" | "." | "..") && s.bytes().all(plain);
    name == "VERIFY.txt" || (name.len() <= MAX_NAME && name.split('/').all(segment))
}

/// The lines of a text that is empty or ends with LF, and has no CR.
fn lines(bytes: &[u8]) -> Result<impl Iterator<Item = &str>, BagError> {
    let text = std::str::from_utf8(bytes).map_err(|_| BagError::Text)?;
    if text.contains('\r') || !(text.is_empty() || text.ends_with('\n')) {
        return Err(BagError::Text);
    }
    Ok(text.split_terminator('\n'))
}

/// Longest name. FAT32 and ISO 9660 readers take 255; the prefix of a destination needs room.
const MAX_NAME: usize = 200;

/// Most lines in `bag-info.txt`: we write fewer than ten.
const MAX_FIELDS: usize = 64;
