//! Opening a medium: what is it, and which sources does it hold.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use scope::Digest;

use crate::bytes::{ByteSource, ReadFault, digest};
use crate::walk::{Source, SourceError};

/// How to open a medium.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Read a mounted tree although its mount is writable. The caller records why.
    pub writable_source: bool,
}

/// A medium and the sources found on it.
pub struct Opened {
    /// What was opened.
    pub medium: Medium,
    /// One source per file system or tree.
    pub sources: Vec<Box<dyn Source>>,
    /// The medium's own bytes, where it is an image or a device.
    pub image: Option<Arc<dyn ByteSource>>,
}

impl Opened {
    /// SHA-256 of the whole image; `None` for a mounted tree. Reads every byte.
    ///
    /// # Errors
    ///
    /// [`ReadFault`] where the image cannot be read to its end.
    pub fn image_sha256(&self) -> Result<Option<Digest>, ReadFault> {
        self.image.as_deref().map(digest).transpose()
    }
}

/// What was opened.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Medium {
    /// `raw image`, `block device` or `mounted tree`.
    pub form: String,
    /// Length in bytes, where it is known.
    pub size: Option<u64>,
    /// Identifiers: kind (`fsuuid`, ...) and value.
    pub ids: Vec<(String, String)>,
    /// Whether somebody could write to it during the examination.
    pub writable: bool,
    /// What this reading of the medium does not cover or had to assume, in sentences without names.
    pub limits: Vec<String>,
}

/// Why a medium is not opened. What it is, and what to do now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The operating system refused.
    #[error("cannot open {}: {error}", path.display())]
    Io {
        /// The path as given.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The medium is something that this version does not read.
    #[error("{} is {what}, which this version does not read. {next}", path.display())]
    Unsupported {
        /// The path as given.
        path: PathBuf,
        /// What it is.
        what: String,
        /// What to do now.
        next: String,
    },
    /// A tree whose mount is writable.
    #[error(
        "{} is on a writable mount. Mount it read only behind a write blocker (mount -o remount,ro), \
         or pass the override for a writable source, which is recorded", path.display()
    )]
    Writable {
        /// The path as given.
        path: PathBuf,
    },
    /// The file system cannot be read.
    #[error("cannot read the file system on {}: {error}", path.display())]
    Source {
        /// The path as given.
        path: PathBuf,
        /// Why.
        #[source]
        error: SourceError,
    },
}

/// Opens a medium: a mounted directory, or a raw image of a file system.
///
/// # Errors
///
/// [`OpenError`]; whatever is recognised but not read is refused by name.
pub fn open(path: &Path, _options: &OpenOptions) -> Result<Opened, OpenError> {
    Err(OpenError::Unsupported { path: path.to_owned(), what: "not read yet".into(), next: String::new() })
}
