//! A mounted directory.

use std::ops::ControlFlow;
use std::path::Path;

use crate::exact::EvidenceStream;
use crate::walk::{Entry, Source, SourceError, SourceInfo, WalkEvent, WalkReport};

/// A mounted directory tree.
pub struct TreeSource {
    info: SourceInfo,
}

impl TreeSource {
    /// Opens the directory `path`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where it cannot be opened.
    pub fn new(_path: &Path) -> Result<Self, SourceError> {
        Err(SourceError::NoContent("mounted trees are being written".into()))
    }

    /// Whether the mount is writable.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        true
    }

    /// The device number of the mounted file system.
    #[must_use]
    pub fn device(&self) -> u64 {
        0
    }

    /// What this reading does not cover or had to assume.
    #[must_use]
    pub fn limits(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Source for TreeSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }
    fn walk(&self, _visit: &mut dyn FnMut(WalkEvent) -> ControlFlow<()>) -> Result<WalkReport, SourceError> {
        Err(SourceError::NoContent("mounted trees are being written".into()))
    }
    fn open(&self, _entry: &Entry) -> Result<Box<dyn EvidenceStream>, SourceError> {
        Err(SourceError::NoContent("mounted trees are being written".into()))
    }
}
