//! Opening a medium: what is it, and which sources does it hold.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use crate::bytes::{ByteSource, RawFile};
use crate::device;
use crate::ext;
use crate::medium::{Medium, Opened};
use crate::probe::{Probe, probe};
use crate::tree::TreeSource;
use crate::walk::SourceError;

/// How to open a medium.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Read a mounted tree although its mount is writable. The caller records why.
    pub writable_source: bool,
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
    #[error("{} is {what}, which this version does not read. {next}.", path.display())]
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
    /// A block device that is not set read only.
    #[error(
        "{} can be written to. Put a write blocker before it or set it read only (blockdev --setro), \
         or pass the override for a writable source, which is recorded", path.display()
    )]
    WritableDevice {
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

/// Opens a medium: a mounted directory, a raw image of a file system, or a block device that holds one.
///
/// # Errors
///
/// [`OpenError`]; whatever is recognised but not read is refused by name.
pub fn open(path: &Path, options: &OpenOptions) -> Result<Opened, OpenError> {
    let io = |error| OpenError::Io { path: path.to_owned(), error };
    let kind = std::fs::metadata(path).map_err(io)?.file_type();
    if kind.is_dir() {
        return open_tree(path, options);
    }
    if !kind.is_file() && !kind.is_block_device() {
        let what = if kind.is_fifo() {
            "a named pipe"
        } else if kind.is_socket() {
            "a socket"
        } else {
            "a character device"
        };
        return Err(unsupported(path, what, "Give a directory, a raw image or a block device"));
    }
    // O_NONBLOCK: should the path have become a pipe since, the open does not wait for a writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(|error| io(error.into()))?);
    let metadata = file.metadata().map_err(io)?;
    if metadata.is_file() {
        let medium = Medium { form: "raw image".into(), size: Some(metadata.len()), ..Medium::default() };
        return open_image(path, medium, RawFile::new(file, metadata.len()));
    }
    if !metadata.file_type().is_block_device() {
        return Err(unsupported(path, "not what it was a moment ago", "Try again"));
    }
    let size = rustix::fs::seek(&file, rustix::fs::SeekFrom::End(0)).map_err(|error| io(error.into()))?;
    let medium = device::describe(metadata.rdev(), size);
    if medium.writable && !options.writable_source {
        return Err(OpenError::WritableDevice { path: path.to_owned() });
    }
    open_image(path, medium, RawFile::new(file, size))
}

fn open_image(path: &Path, mut medium: Medium, file: RawFile) -> Result<Opened, OpenError> {
    let source = |error| OpenError::Source { path: path.to_owned(), error };
    let image: Arc<dyn ByteSource> = Arc::new(file);
    match probe(image.as_ref()).map_err(|fault| source(fault.into()))? {
        Probe::Known(what, next) => Err(unsupported(path, what, next)),
        Probe::Blank => Err(unsupported(
            path,
            "blank where a file system would begin",
            "Check that this is the image meant",
        )),
        Probe::Unknown => Err(unsupported(
            path,
            "of a kind with no signature that is known",
            "Check that this is a raw image of one ext2, ext3 or ext4 file system, or give a mounted directory",
        )),
        Probe::Ext(others) => {
            let file_system = ext::open(Arc::clone(&image)).map_err(source)?;
            medium.ids.extend(file_system.info().ids.iter().cloned());
            medium
                .limits
                .extend(others.iter().map(|other| format!("the image also bears the signature of {other}")));
            medium.limits.extend(file_system.info().limits.iter().cloned());
            Ok(Opened { medium, sources: vec![file_system], image: Some(image), unread: Vec::new() })
        }
    }
}

fn open_tree(path: &Path, options: &OpenOptions) -> Result<Opened, OpenError> {
    let tree = TreeSource::new(path).map_err(|error| OpenError::Source { path: path.to_owned(), error })?;
    let mut medium = Medium { form: "mounted tree".into(), ..Medium::default() };
    medium.writable = tree.is_writable();
    medium.ids.extend(device::fsuuid(tree.device()).map(|uuid| ("fsuuid".to_owned(), uuid)));
    medium.limits.extend(tree.limits());
    if medium.writable && !options.writable_source {
        return Err(OpenError::Writable { path: path.to_owned() });
    }
    Ok(Opened { medium, sources: vec![Box::new(tree)], image: None, unread: Vec::new() })
}

fn unsupported(path: &Path, what: &str, next: &str) -> OpenError {
    OpenError::Unsupported { path: path.to_owned(), what: what.to_owned(), next: next.to_owned() }
}
