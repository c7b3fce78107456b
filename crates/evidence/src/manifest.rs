//! The manifest inside a part: what its reader may see.
//!
//! Implements `docs/spec/part.md`, version 1.
//!
//! ```text
//! {"format":"ambit/part/1","origin":"example.org/KC07","package":"6f1d...",...,"set":"captured","part":1,...,"objects":2,"rows":4}
//! {"object":{"control":"KC07-C-0000001","opening":{"locator":{"salt":"...","value":"ext4:..."},"facts":{...},...}}}
//! {"object":{"control":"KC07-C-0000002","opening":{...}}}
//! {"listed":{"control":"KC07-L-0000001","opening":{...}}}
//! {"held":{"control":"KC07-H1-0000001","rules":["H-1"],"size_class":"<=4096"}}
//! ```

mod binding;

use scope::Digest;
use serde::{Deserialize, Serialize};

pub use binding::{Binding, BindingError};

use crate::acquisition::{RunNumber, SetName};
use crate::commit::Opening;
use crate::item::Control;
use crate::sshsig::{self, PublicKey, SshsigError};
use crate::strict::{self, StrictError};

/// Name of the manifest inside a part.
pub const MANIFEST: &str = "manifest.jsonl";

/// Name of the run key's signature over the manifest.
pub const SIGNATURE: &str = "manifest.jsonl.sig";

/// Name of the last entry of a held part: zeros that bring it to a size class.
pub const PADDING: &str = "padding";

/// Folder of the objects inside a part; what follows is the control number.
pub const OBJECTS: &str = "objects/";

/// Longest manifest in bytes: it is held in memory until its signature has been checked.
///
/// 65,536 rows of an ordinary batch need about 200 MiB. A writer closes its batch before
/// [`ManifestWriter::len`] comes near this.
pub const MAX_MANIFEST: usize = 512 << 20;

/// The smallest size class: a block of most file systems.
const SMALLEST_CLASS: u64 = 4096;

/// The first row of a captured or held part.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PartHeader {
    /// `ambit/part/1`.
    pub format: Format,
    /// The custody log's origin.
    pub origin: String,
    /// The run that wrote the package.
    pub package: RunNumber,
    /// The medium's label.
    pub medium: String,
    /// The policy's id.
    pub policy: Digest,
    /// The set that the part belongs to.
    pub set: SetName,
    /// The part's number within the set, from 1.
    pub part: u64,
    /// The batch with which it was closed, from 1.
    pub batch: u64,
    /// The run key, `ssh-ed25519 AAAA...`, no comment.
    pub run_key: String,
    /// The age recipients of the set, sorted, none twice.
    pub recipients: Vec<String>,
    /// How many rows are objects: kept items.
    pub objects: u64,
    /// How many rows follow.
    pub rows: u64,
}

/// The format and version that the first row states.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum Format {
    /// Version 1.
    #[default]
    #[serde(rename = "ambit/part/1")]
    V1,
}

/// One row of a manifest.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Row {
    /// A kept item. Its content, where its kind has any, is the entry `objects/<control>`.
    Object(Opened),
    /// An item that is named and not taken.
    Listed(Opened),
    /// In the captured set alone: an item held for a compartment, and nothing more about it.
    Held(HeldRow),
}

/// An item that this reader may see.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    /// Its control number.
    pub control: Control,
    /// The opening of its inventory line.
    pub opening: Opening,
}

/// What the captured set says of a held item.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HeldRow {
    /// Its control number.
    pub control: Control,
    /// The rules that hold it; none where a needed fact could not be determined.
    pub rules: Vec<String>,
    /// Its size, no closer than [`size_class`] tells.
    pub size_class: SizeClass,
}

/// A bound on a size, written `<=4096`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SizeClass(u64);

/// The class of a size: the least power of two, from 4096, that is not smaller.
#[must_use]
pub fn size_class(size: u64) -> SizeClass {
    SizeClass(size.max(SMALLEST_CLASS).checked_next_power_of_two().unwrap_or(u64::MAX))
}

/// Why a manifest cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// A row is not strict JSON of its shape.
    #[error("{MANIFEST} line {line}: {source}")]
    Row {
        /// Which line, from 1.
        line: u64,
        /// What is wrong.
        source: StrictError,
    },
    /// There is no row, or the last has no LF.
    #[error("{MANIFEST} does not end with a line feed: it was cut")]
    Cut,
    /// The manifest would be longer than [`MAX_MANIFEST`].
    #[error("{MANIFEST} would be longer than {MAX_MANIFEST} bytes")]
    TooLong,
    /// The first row's counts are not those of the rows.
    #[error("{MANIFEST} states {stated} {what} and has {found}")]
    Count {
        /// `rows` or `objects`.
        what: &'static str,
        /// What the first row states.
        stated: u64,
        /// What there is.
        found: u64,
    },
    /// The run key's signature does not hold.
    #[error("the run key's signature over {MANIFEST} does not hold: {0}")]
    Signature(#[from] SshsigError),
}

impl PartHeader {
    /// What the part says it belongs to.
    #[must_use]
    pub fn binding(&self) -> Binding {
        Binding {
            origin: self.origin.clone(),
            package: self.package,
            medium: self.medium.clone(),
            policy: self.policy,
            run_key: self.run_key.clone(),
        }
    }
}

/// Gathers the rows of a manifest in memory.
#[derive(Clone, Debug, Default)]
pub struct ManifestWriter {
    rows: Vec<u8>,
    objects: u64,
    count: u64,
}

impl ManifestWriter {
    /// A manifest without rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] for a row that a reader would refuse, or one too many; the manifest is as before.
    pub fn add(&mut self, row: &Row) -> Result<(), ManifestError> {
        let line = self.count.saturating_add(2);
        let bytes =
            strict::strings_to_json_line(row).map_err(|source| ManifestError::Row { line, source })?;
        if self.rows.len().saturating_add(bytes.len()) > MAX_ROWS {
            return Err(ManifestError::TooLong);
        }
        self.rows.extend_from_slice(&bytes);
        self.count = self.count.saturating_add(1);
        self.objects = self.objects.saturating_add(u64::from(matches!(row, Row::Object(_))));
        Ok(())
    }

    /// Bytes of the rows so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The bytes of `manifest.jsonl`, which the run key signs in namespace [`sshsig::MANIFEST`].
    ///
    /// # Errors
    ///
    /// [`ManifestError`] for a first row that a reader would refuse.
    pub fn finish(
        self,
        binding: &Binding,
        set: SetName,
        part: u64,
        batch: u64,
        recipients: Vec<String>,
    ) -> Result<Vec<u8>, ManifestError> {
        let Binding { origin, package, medium, policy, run_key } = binding.clone();
        let (objects, rows, format) = (self.objects, self.count, Format::V1);
        let header = PartHeader {
            format,
            origin,
            package,
            medium,
            policy,
            set,
            part,
            batch,
            run_key,
            recipients,
            objects,
            rows,
        };
        let mut bytes =
            strict::to_json_line(&header).map_err(|source| ManifestError::Row { line: 1, source })?;
        bytes.extend_from_slice(&self.rows);
        if bytes.len() > MAX_MANIFEST { Err(ManifestError::TooLong) } else { Ok(bytes) }
    }
}

/// Most bytes of rows, which leaves a mebibyte for the first row and its recipients.
const MAX_ROWS: usize = MAX_MANIFEST - (1 << 20);

/// A manifest whose signature by the run key holds. Only [`Manifest::open`] gives one.
#[derive(Debug)]
pub struct Manifest<'a> {
    header: PartHeader,
    rows: &'a [u8],
}

impl<'a> Manifest<'a> {
    /// Checks the run key's armored signature over the bytes of `manifest.jsonl`, then reads its first row.
    ///
    /// # Errors
    ///
    /// [`ManifestError`]. Nothing of an unsigned manifest is looked at.
    pub fn open(bytes: &'a [u8], signature: &[u8], run_key: &str) -> Result<Self, ManifestError> {
        let key: PublicKey = run_key.parse()?;
        sshsig::verify(signature, &key, sshsig::MANIFEST, bytes)?;
        let (first, rows) = split_line(bytes).ok_or(ManifestError::Cut)?;
        let header = strict::from_json(first).map_err(|source| ManifestError::Row { line: 1, source })?;
        Ok(Self { header, rows })
    }

    /// The first row.
    #[must_use]
    pub fn header(&self) -> &PartHeader {
        &self.header
    }

    /// The other rows in order; after the last, an error if the first row's counts are not theirs.
    pub fn rows(&self) -> impl Iterator<Item = Result<Row, ManifestError>> + use<'a> {
        let (stated_rows, stated_objects) = (self.header.rows, self.header.objects);
        let (mut rest, mut line, mut objects, mut ended) = (self.rows, 1_u64, 0_u64, false);
        std::iter::from_fn(move || {
            if ended {
                return None;
            }
            if rest.is_empty() {
                ended = true;
                let counted = Self::counted("rows", stated_rows, line.saturating_sub(1))
                    .and_then(|()| Self::counted("objects", stated_objects, objects));
                return counted.err().map(Err);
            }
            let Some((row, following)) = split_line(rest) else {
                ended = true;
                return Some(Err(ManifestError::Cut));
            };
            rest = following;
            line = line.saturating_add(1);
            let row: Result<Row, _> =
                strict::from_json(row).map_err(|source| ManifestError::Row { line, source });
            ended = row.is_err();
            objects = objects.saturating_add(u64::from(matches!(row, Ok(Row::Object(_)))));
            Some(row)
        })
    }

    fn counted(what: &'static str, stated: u64, found: u64) -> Result<(), ManifestError> {
        if stated == found { Ok(()) } else { Err(ManifestError::Count { what, stated, found }) }
    }
}

/// The first line with its LF, and what follows.
fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    bytes.split_at_checked(end.checked_add(1)?)
}

impl std::fmt::Display for SizeClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<={}", self.0)
    }
}

impl Serialize for SizeClass {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SizeClass {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bound = text.strip_prefix("<=").and_then(|bound| bound.parse().ok());
        let class = bound.map(size_class).filter(|class| class.to_string() == text);
        class.ok_or_else(|| {
            serde::de::Error::custom("not a size class: expected `<=` and a power of two from 4096")
        })
    }
}

#[cfg(test)]
mod tests;
