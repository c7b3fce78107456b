//! Containers of a disk's bytes: sets of raw segments, E01, virtual disks.
//!
//! Implements `docs/spec/images.md`. A container is read as the disk that it
//! holds; what it stores about that disk (digests, a serial number) is a claim
//! of whoever made it until it was compared.

pub(crate) mod container;

mod disk;
mod ewf;
mod qcow2;
mod split;
mod table;
#[cfg(test)]
mod testing;
mod vhd;
mod vhdx;
#[cfg(test)]
mod virtual_disks;
mod vmdk;

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::bytes::{ByteSource, ReadFault};

/// A disk's bytes, out of the files that hold them.
pub(crate) struct Image {
    /// The disk's bytes.
    pub(crate) bytes: Arc<dyn ByteSource>,
    /// What the container is, in words: `E01 image of 3 segments`, `QCOW2 disk`.
    pub(crate) form: String,
    /// Identifiers that the container states of the disk: kind (`serial`, ...) and value, printable ASCII.
    pub(crate) ids: Vec<(String, String)>,
    /// What the image's maker wrote down: what it is about and the text, escaped.
    pub(crate) said: Vec<(String, String)>,
    /// Digests that the container states for the disk's bytes.
    pub(crate) stored: Vec<StoredDigest>,
    /// What this reading does not cover or had to assume, in sentences without names.
    pub(crate) limits: Vec<String>,
}

/// A digest that a container states for the bytes of its disk: a claim, until it was computed again.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StoredDigest {
    /// `md5`, `sha1` or `sha256`.
    pub algorithm: String,
    /// Lower-case hex digits.
    pub hex: String,
}

/// What a file is read as that is a disk by its own bytes and bears the mark of a container as well.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// The disk whose bytes are those of the file.
    Raw,
    /// The disk in the container whose mark the file bears.
    Container,
}

impl Form {
    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Container => "container",
        }
    }
}

impl std::str::FromStr for Form {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        [Self::Raw, Self::Container]
            .into_iter()
            .find(|form| form.word() == word)
            .ok_or_else(|| format!("{word} is neither `raw` nor `container`"))
    }
}

/// The folder in which a container's first file lies: its other files are opened from there, by bare name.
pub(crate) trait Beside {
    /// Opens the regular file `name` for reading. A name with `/` in it, and anything but a regular file, is an error.
    ///
    /// # Errors
    ///
    /// As the operating system reports them; [`io::ErrorKind::NotFound`] where there is none.
    fn open(&self, name: &OsStr) -> io::Result<File>;
}

/// Why a container cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The container's bytes could not be read.
    #[error(transparent)]
    Read(#[from] ReadFault),
    /// A further file of the container could not be opened.
    #[error("part {number} of the image, {name}: {error}")]
    Segment {
        /// Which of the files, from 1.
        number: usize,
        /// The name that was tried, escaped.
        name: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The file is two things at once, and which one is not for the program to say.
    #[error(
        "it is two disks at once: it bears the mark of {container}, and its own bytes are {raw}. Each reading hides what \
         the other shows. Say which one is meant with --image-form raw or --image-form container, which goes on the \
         record; a disk that was copied as it is, is raw"
    )]
    TwoForms {
        /// What the container is.
        container: String,
        /// What the bytes of the file are by themselves.
        raw: String,
    },
    /// The container uses something that is not read, by name.
    #[error("not read: {0}")]
    Unsupported(String),
    /// The container's structures contradict themselves.
    #[error("damaged: {0}")]
    Corrupt(String),
}

/// Length of the regular file `file`.
pub(crate) fn file_length(file: &File) -> Result<u64, ReadFault> {
    let metadata =
        file.metadata().map_err(|error| ReadFault { offset: 0, length: 0, reason: error.to_string() })?;
    Ok(metadata.len())
}
