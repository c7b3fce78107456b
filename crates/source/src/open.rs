//! Opening a medium: what is it, and which sources does it hold.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use crate::bytes::{ByteSource, RawFile};
use crate::device;
use crate::guard::Reader;
use crate::image::{Form, ImageError, container};
use crate::medium::{LayerState, Medium, Opened};
use crate::patient::Patient;
use crate::survey::survey;
use crate::tree::TreeSource;
use crate::walk::SourceError;

/// How to open a medium.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Read a mounted tree although its mount is writable. The caller records why.
    pub writable_source: bool,
    /// Open a medium of which no file can be read, too: for its layers, and for its volumes as they are.
    pub bare: bool,
    /// How a file is read that bears the mark of a container, and is a disk by its own bytes, too.
    pub form: Option<Form>,
    /// Tell the names in the medium's own structures: of partitions, volumes and file systems, and what an image's maker wrote.
    pub names: bool,
    /// Where an image or a device is parsed: in this process, or in one of its own.
    pub reader: Reader,
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
    /// The container of an image cannot be read.
    #[error("cannot read the image {}: {error}", path.display())]
    Image {
        /// The path as given.
        path: PathBuf,
        /// Why.
        #[source]
        error: ImageError,
    },
    /// A medium that is one volume, of which no file can be read.
    #[error("{} is {what}, which this version does not read. {next}.", path.display())]
    NotRead {
        /// The path as given.
        path: PathBuf,
        /// What it is.
        what: String,
        /// What to do now.
        next: String,
    },
    /// A divided medium of which nothing can be read.
    #[error("nothing on {} can be read: {}", path.display(), found.join("; "))]
    Nothing {
        /// The path as given.
        path: PathBuf,
        /// What was found, and why it is not read.
        found: Vec<String>,
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
    /// The process that was to read the medium ended, or refused in words of its own.
    #[error("{what}")]
    Apart {
        /// What happened, with the path.
        what: String,
    },
}

impl OpenError {
    /// Whether the medium can be opened bare: it is there, and no file of it can be read.
    #[must_use]
    pub fn is_of_unread_volumes(&self) -> bool {
        matches!(self, Self::NotRead { .. } | Self::Nothing { .. })
    }
}

/// Opens a medium: a mounted directory, an image in any container that is read, or a block device.
///
/// # Errors
///
/// [`OpenError`]; a medium on which nothing can be read is refused by name, unless the options ask for it bare.
pub fn open(path: &Path, options: &OpenOptions) -> Result<Opened, OpenError> {
    open_set(&[path.to_owned()], options)
}

/// As [`open`], for the drives of one set, in their order: volumes may be put together from all of them.
///
/// # Errors
///
/// As [`open`]. A directory is never part of a set.
pub fn open_set(paths: &[PathBuf], options: &OpenOptions) -> Result<Opened, OpenError> {
    let Some(first) = paths.first() else {
        return Err(unsupported(
            Path::new("-"),
            "no medium at all",
            "Give a directory, an image or a block device",
        ));
    };
    if is_directory(first)? {
        return match paths {
            [only] => open_tree(only, options),
            _ => Err(unsupported(first, "a directory among the drives of a set", "Give it alone")),
        };
    }
    if let Reader::Process(apart) = &options.reader {
        return crate::guard::open(paths, apart, options);
    }
    let mut medium = Medium::default();
    let mut disks = Vec::new();
    for path in paths {
        let (disk, found) = open_disk(path, options)?;
        add_disk(&mut medium, found, paths.len());
        disks.push(Arc::new(Patient::new(disk)) as Arc<dyn ByteSource>);
    }
    let mut survey = survey(&disks, options.names);
    survey.describe(&mut medium);
    if survey.sources.is_empty() && !options.bare {
        return Err(nothing_read(first, &medium));
    }
    let image = match disks.as_slice() {
        [only] => Some(Arc::clone(only)),
        _ => None,
    };
    Ok(Opened { medium, sources: survey.sources, image, unread: survey.unread, drives: Arc::new(disks) })
}

fn is_directory(path: &Path) -> Result<bool, OpenError> {
    let io = |error| OpenError::Io { path: path.to_owned(), error };
    Ok(std::fs::metadata(path).map_err(io)?.file_type().is_dir())
}

/// One disk: its bytes, and what is known of it from outside.
fn open_disk(path: &Path, options: &OpenOptions) -> Result<(Arc<dyn ByteSource>, Medium), OpenError> {
    let io = |error| OpenError::Io { path: path.to_owned(), error };
    let kind = std::fs::metadata(path).map_err(io)?.file_type();
    if !kind.is_file() && !kind.is_block_device() {
        let what = if kind.is_dir() {
            "a directory among the drives of a set"
        } else if kind.is_fifo() {
            "a named pipe"
        } else if kind.is_socket() {
            "a socket"
        } else {
            "a character device"
        };
        return Err(unsupported(path, what, "Give a directory, an image or a block device"));
    }
    // O_NONBLOCK: should the path have become a pipe since, the open does not wait for a writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(|error| io(error.into()))?);
    let metadata = file.metadata().map_err(io)?;
    if metadata.is_file() {
        let image = container::open(path, file, options.form)
            .map_err(|error| OpenError::Image { path: path.to_owned(), error })?;
        let medium = Medium {
            form: image.form,
            size: Some(image.bytes.len()),
            ids: image.ids,
            said: if options.names { image.said } else { Vec::new() },
            stored: image.stored,
            limits: image.limits,
            ..Medium::default()
        };
        return Ok((image.bytes, medium));
    }
    if !metadata.file_type().is_block_device() {
        return Err(unsupported(path, "not what it was a moment ago", "Try again"));
    }
    let size = rustix::fs::seek(&file, rustix::fs::SeekFrom::End(0)).map_err(|error| io(error.into()))?;
    let medium = device::describe(metadata.rdev(), size);
    if medium.writable && !options.writable_source {
        return Err(OpenError::WritableDevice { path: path.to_owned() });
    }
    // Where it cannot be opened so, faults are narrowed down to pages.
    let direct = rustix::fs::open(path, flags | OFlags::DIRECT, Mode::empty()).ok().map(File::from);
    let same = |direct: &File| direct.metadata().is_ok_and(|found| found.rdev() == metadata.rdev());
    let sector = device::sector_size(metadata.rdev());
    Ok((Arc::new(RawFile::with_direct(file, direct.filter(same), size).in_sectors(sector)), medium))
}

/// Adds what is known of one disk to the description of the medium.
fn add_disk(medium: &mut Medium, disk: Medium, disks: usize) {
    medium.form = match disks {
        1 => disk.form,
        count => format!("set of {count} drives"),
    };
    medium.size = match (medium.size, disk.size) {
        (Some(sum), Some(size)) => Some(sum.saturating_add(size)),
        (None, size) => size,
        (size, None) => size,
    };
    medium.ids.extend(disk.ids);
    medium.said.extend(disk.said);
    medium.stored.extend(disk.stored);
    medium.limits.extend(disk.limits);
    medium.writable |= disk.writable;
}

/// Why a medium on which nothing can be read is refused: by what was found, the first thing first.
fn nothing_read(path: &Path, medium: &Medium) -> OpenError {
    let mut found = medium.layers.iter().filter_map(|layer| match &layer.state {
        LayerState::Unread(next) => Some((layer.what.as_str(), next.as_str())),
        LayerState::Blank => Some(("blank where a file system would begin", "Check that this is the image meant")),
        LayerState::Unknown => Some((
            "of a kind with no signature that is known",
            "Check that this is an image of a disk or a file system that is read, or give a mounted directory",
        )),
        LayerState::Read(_) | LayerState::Divided | LayerState::Gap => None,
    });
    match (found.next(), medium.layers.len()) {
        (Some((what, next)), 1) => {
            OpenError::NotRead { path: path.to_owned(), what: what.to_owned(), next: next.to_owned() }
        }
        (Some((what, _)), _) if medium.limits.is_empty() => {
            OpenError::Nothing { path: path.to_owned(), found: vec![what.to_owned()] }
        }
        (Some(_), _) => OpenError::Nothing { path: path.to_owned(), found: medium.limits.clone() },
        (None, _) => {
            unsupported(path, "a disk without a partition in it", "Check that this is the disk meant")
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
    Ok(Opened {
        medium,
        sources: vec![Box::new(tree)],
        image: None,
        unread: Vec::new(),
        drives: Arc::new(Vec::new()),
    })
}

fn unsupported(path: &Path, what: &str, next: &str) -> OpenError {
    OpenError::Unsupported { path: path.to_owned(), what: what.to_owned(), next: next.to_owned() }
}
