//! Files of a policy on disk: short ones as bytes, long lists where they lie.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use scope::{Bundle, BundleFile, ListBytes, ListFile};

use crate::durable::{Disk, DurableError, Op};

/// A list on disk, read by place. INVARIANT: the file stays open, so that another one under its name is not read.
#[derive(Debug)]
pub struct ListOnDisk {
    file: File,
    path: PathBuf,
    length: u64,
}

impl ListOnDisk {
    /// Opens a list.
    ///
    /// # Errors
    ///
    /// What the operating system said.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file, path: path.to_owned(), length })
    }
}

impl ListBytes for ListOnDisk {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let read = self.file.read_exact_at(into, offset);
        read.map_err(|error| {
            io::Error::new(error.kind(), format!("{} at byte {offset}: {error}", self.path.display()))
        })
    }
}

impl Disk {
    /// Reads a file of a policy. One that is too long for memory stays open.
    ///
    /// # Errors
    ///
    /// [`DurableError`].
    pub fn read_policy_file(&self, path: &Path) -> Result<BundleFile, DurableError> {
        let failed = |source: io::Error| reading(path, source);
        if std::fs::metadata(path).map_err(failed)?.len() <= Bundle::MAX_IN_MEMORY as u64 {
            return Ok(self.read(path, Bundle::MAX_IN_MEMORY as u64)?.into());
        }
        let list = ListOnDisk::open(path).map_err(failed)?;
        Ok(BundleFile::Outside(Arc::new(ListFile::read(Arc::new(list)).map_err(failed)?)))
    }

    /// Writes a file of a policy, and makes it and its name durable.
    ///
    /// # Errors
    ///
    /// [`DurableError::Exists`] if the name is taken; where a long list is no longer the one that was read, that.
    pub fn write_policy_file(&self, path: &Path, file: &BundleFile) -> Result<(), DurableError> {
        if let BundleFile::Memory(bytes) = file {
            return self.write_new(path, bytes);
        }
        let mut new = self.create_new(path)?;
        let copied = file.copy(&mut |piece| new.write_all(piece));
        match copied {
            Ok(()) => new.finish().map(drop),
            // A fault of the new file comes first: it is latched there, with its numbers.
            Err(source) => new.sync().and(Err(reading(path, source))),
        }
    }
}

fn reading(path: &Path, source: io::Error) -> DurableError {
    DurableError::Io { op: Op::Read, path: path.to_owned(), source }
}
