//! Which container a file is, by its first and last bytes.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use super::{Beside, Image, ImageError, ewf, qcow2, split, vhd, vhdx, vmdk};
use crate::bytes::{ByteSource as _, RawFile};

/// Opens the disk in the regular file `first`, which was opened at `path`.
///
/// # Errors
///
/// [`ImageError`] where the container cannot be read. What is in no container is a raw image.
pub(crate) fn open(path: &Path, first: File) -> Result<Image, ImageError> {
    let name = path.file_name().unwrap_or_default();
    let beside = Folder::of(path);
    let raw = RawFile::new(again(&first)?, length_of(&first)?);
    let (head, tail) = ends(&raw)?;
    let known = CONTAINERS.iter().find(|container| (container.fits)(&head, &tail));
    if let Some(container) = known {
        return (container.open)(name, first, &beside);
    }
    match split::open(name, first, &beside)? {
        Some(set) => Ok(set),
        None => Ok(Image {
            bytes: Arc::new(raw),
            form: "raw image".to_owned(),
            ids: Vec::new(),
            stored: Vec::new(),
            limits: Vec::new(),
        }),
    }
}

/// A container by its marks, and its reader.
struct Container {
    fits: fn(&[u8], &[u8]) -> bool,
    open: fn(&OsStr, File, &dyn Beside) -> Result<Image, ImageError>,
}

/// INVARIANT: marks at the beginning come before those at the end, which any content may bear by chance.
const CONTAINERS: &[Container] = &[
    Container { fits: |head, _| head.starts_with(b"EVF\x09\x0D\x0A\xFF\x00"), open: ewf::open },
    Container { fits: |head, _| head.starts_with(b"QFI\xFB"), open: qcow2::open },
    Container {
        fits: |head, _| {
            [&b"KDMV"[..], b"COWD", b"# Disk DescriptorFile"].iter().any(|mark| head.starts_with(mark))
        },
        open: vmdk::open,
    },
    Container { fits: |head, _| head.starts_with(b"vhdxfile"), open: vhdx::open },
    Container {
        fits: |head, tail| head.starts_with(b"conectix") || tail.starts_with(b"conectix"),
        open: vhd::open,
    },
];

/// The first and the last sector, as far as there are any.
fn ends(file: &RawFile) -> Result<(Vec<u8>, Vec<u8>), ImageError> {
    let read = |at: u64| {
        let mut sector = vec![0; SECTOR];
        let count = file.read_at(at, &mut sector)?;
        sector.truncate(count);
        Ok::<_, ImageError>(sector)
    };
    Ok((read(0)?, read(file.len().saturating_sub(SECTOR as u64))?))
}

/// Bytes in which containers are known by their marks.
const SECTOR: usize = 512;

fn again(file: &File) -> Result<File, ImageError> {
    file.try_clone().map_err(|error| ImageError::Segment { number: 1, name: String::new(), error })
}

fn length_of(file: &File) -> Result<u64, ImageError> {
    let metadata =
        file.metadata().map_err(|error| ImageError::Segment { number: 1, name: String::new(), error })?;
    Ok(metadata.len())
}

/// The folder of the first file, opened once: no name leads out of it.
struct Folder(Option<OwnedFd>);

impl Folder {
    fn of(path: &Path) -> Self {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Self(rustix::fs::open(parent, flags, Mode::empty()).ok())
    }
}

impl Beside for Folder {
    fn open(&self, name: &OsStr) -> io::Result<File> {
        let refused = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, why.to_owned()));
        let Some(folder) = &self.0 else { return refused("the folder of the image cannot be opened") };
        let bytes = name.as_encoded_bytes();
        if bytes.is_empty() || bytes.contains(&b'/') || bytes == b".." || bytes == b"." {
            return refused("not the name of a file in the folder of the image");
        }
        // The image may have chosen the name: a link would let it choose the file, too.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NOFOLLOW;
        let file = match rustix::fs::openat(folder, name, flags, Mode::empty()) {
            Err(rustix::io::Errno::LOOP) => {
                return refused("a link, which is not followed: put the file itself beside the image");
            }
            found => File::from(found?),
        };
        if file.metadata()?.is_file() { Ok(file) } else { refused("not a regular file") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_beside_an_image_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk.vmdk");
        std::fs::write(&path, "x").unwrap();
        std::os::unix::fs::symlink("disk.vmdk", folder.path().join("link.vmdk")).unwrap();
        let beside = Folder::of(&path);
        assert!(beside.open("disk.vmdk".as_ref()).is_ok());
        let refused = |name: &str| beside.open(name.as_ref()).unwrap_err().to_string();
        assert!(
            refused("link.vmdk").starts_with("a link, which is not followed"),
            "{}",
            refused("link.vmdk")
        );
        assert!(refused("../x").starts_with("not the name of a file"));
    }
}
