//! Which container a file is, by its first and last bytes.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use super::{Beside, Form, Image, ImageError, ewf, qcow2, split, vhd, vhdx, vmdk};
use crate::bytes::{ByteSource, RawFile};
use crate::file_system::recognise;
use crate::volumes::volumes;
use crate::{probe, stack};

/// Opens the disk in the regular file `first`, which was opened at `path`. `form`: what it is, where it could be two things.
///
/// # Errors
///
/// [`ImageError`] where the container cannot be read, or the file is two things and nobody says which. What is in no container
/// is a raw image.
pub(crate) fn open(path: &Path, first: File, form: Option<Form>) -> Result<Image, ImageError> {
    let name = path.file_name().unwrap_or_default();
    let beside = Folder::of(path);
    let raw = RawFile::new(again(&first)?, length_of(&first)?);
    let (head, tail, limits) = ends(&raw);
    let known = CONTAINERS.iter().find(|container| (container.fits)(&head, &tail));
    if let Some(container) = known {
        let (seen, is_near) = match disk_by_itself(&raw)?.filter(|_| !vhd::is_fixed(&tail)) {
            Some(seen) => seen,
            None => return (container.open)(name, first, &beside),
        };
        if !is_near && form.is_none() {
            let image = (container.open)(name, first, &beside)?;
            return if is_one_at_its_place(&raw, image.bytes.as_ref()) {
                Ok(image)
            } else {
                Err(ImageError::TwoForms { container: container.name.to_owned(), raw: seen })
            };
        }
        let says = format!(
            "the file bears the mark of {}, and its own bytes are {seen}: it is read as --image-form",
            container.name
        );
        return match form {
            None => Err(ImageError::TwoForms { container: container.name.to_owned(), raw: seen }),
            Some(Form::Container) => {
                let mut image = (container.open)(name, first, &beside)?;
                image
                    .limits
                    .push(format!("{says} container says, and what the other shows is not in the record"));
                Ok(image)
            }
            Some(Form::Raw) => Ok(as_raw(
                raw,
                vec![format!("{says} raw says, and what the other shows is not in the record")],
            )),
        };
    }
    match split::open(name, first, &beside)? {
        Some(mut set) => {
            set.limits.extend(limits);
            Ok(set)
        }
        None => Ok(as_raw(raw, limits)),
    }
}

fn as_raw(raw: RawFile, limits: Vec<String>) -> Image {
    Image {
        bytes: Arc::new(raw),
        form: "raw image".to_owned(),
        ids: Vec::new(),
        said: Vec::new(),
        stored: Vec::new(),
        limits,
    }
}

/// What the bytes of the file are by themselves, `a disk with a GPT partition table`, and whether that shows in its first
/// bytes; `None` where they are no disk.
///
/// Whoever had the disk can write a container's mark and tables into places that no partition covers; whoever has only a disk
/// within a container cannot write the first bytes of its file.
fn disk_by_itself(raw: &RawFile) -> Result<Option<(String, bool)>, ImageError> {
    // A first sector that cannot be read shows nothing.
    let table = volumes(raw).unwrap_or_default();
    if !table.partitions.is_empty() || table.scheme == "gpt" {
        return Ok(Some((format!("a disk with a {} partition table", table.scheme.to_uppercase()), true)));
    }
    if stack::is_member(raw, false) {
        return Ok(Some(("a member of a stack of volumes".to_owned(), true)));
    }
    let head = probe::head(raw)?;
    for (head, is_near) in [(head.get(..NEAR).unwrap_or(&head), true), (&head, false)] {
        let known = recognise(head).map(|kind| kind.name).or_else(|| probe::volume(head));
        // A table of GPT was looked for above, whole, in sectors of both sizes. The mark alone stands 4 KiB behind the beginning
        // where a disk with such a table is in a VHD of 514 to 768 MiB, whose content begins at 3,584.
        let known = known.filter(|what| *what != probe::GPT || head.get(512..520) == Some(b"EFI PART"));
        if let Some(what) = known {
            return Ok(Some((format!("a disk with the mark of {what}"), is_near)));
        }
    }
    Ok(None)
}

/// Whether all marks that stand far behind the first bytes stand in the container's disk where they stand in its file: its
/// content can begin there, so that both are one file system.
fn is_one_at_its_place(raw: &RawFile, disk: &dyn ByteSource) -> bool {
    FAR.iter().all(|at| {
        let (mut one, mut other) = (vec![0; NEAR], vec![0; NEAR]);
        raw.read_exact_at(*at, &mut one).is_err()
            || disk.read_exact_at(*at, &mut other).is_ok_and(|()| one == other)
    })
}

/// Bytes at the beginning of a file that hold no content of a container's disk, in those that are usual.
const NEAR: usize = 8 << 10;
/// Where the marks behind them stand: of ISO 9660 and UDF, of btrfs and others.
const FAR: [u64; 2] = [32 << 10, 64 << 10];

/// A container by its marks, and its reader.
struct Container {
    name: &'static str,
    fits: fn(&[u8], &[u8]) -> bool,
    open: fn(&OsStr, File, &dyn Beside) -> Result<Image, ImageError>,
}

/// INVARIANT: marks at the beginning come before those at the end, which any content may bear by chance.
const CONTAINERS: &[Container] = &[
    Container {
        name: "an E01 image",
        fits: |head, _| head.starts_with(b"EVF\x09\x0D\x0A\xFF\x00"),
        open: ewf::open,
    },
    Container { name: "a QCOW2 disk", fits: |head, _| head.starts_with(b"QFI\xFB"), open: qcow2::open },
    Container {
        name: "a VMDK disk",
        fits: |head, _| {
            [&b"KDMV"[..], b"COWD", b"# Disk DescriptorFile"].iter().any(|mark| head.starts_with(mark))
        },
        open: vmdk::open,
    },
    Container { name: "a VHDX disk", fits: |head, _| head.starts_with(b"vhdxfile"), open: vhdx::open },
    Container {
        name: "a VHD disk",
        fits: |head, tail| head.starts_with(b"conectix") || tail.starts_with(b"conectix"),
        open: vhd::open,
    },
];

/// The first and the last sector, as far as there are any; and what is to be said of one that cannot be read. A file of which
/// the first cannot be is no container that is known, and its other bytes may be a disk's all the same.
fn ends(file: &RawFile) -> (Vec<u8>, Vec<u8>, Vec<String>) {
    let mut limits = Vec::new();
    let mut read = |at: u64, end: &str| {
        let mut sector = vec![0; SECTOR];
        let count = file.read_at(at, &mut sector).unwrap_or_else(|fault| {
            limits.push(format!(
                "whether the file is a container of a disk does not show at its {end}: {fault}"
            ));
            0
        });
        sector.truncate(count);
        sector
    };
    let (head, tail) = (read(0, "beginning"), read(file.len().saturating_sub(SECTOR as u64), "end"));
    (head, tail, limits)
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

    /// A disk of 1 MiB with one partition of type 0x83 from sector 64 on.
    fn disk() -> Vec<u8> {
        let mut disk = vec![0; 1 << 20];
        disk[446..462].copy_from_slice(&[0, 0, 0, 0, 0x83, 0, 0, 0, 64, 0, 0, 0, 0, 4, 0, 0]);
        disk[510..512].copy_from_slice(&[0x55, 0xAA]);
        disk[64 * 512..64 * 512 + 7].copy_from_slice(b"content");
        disk
    }

    /// Writes a QCOW2 header into the code before a partition table: an empty disk of the same size, its tables at 128 KiB.
    fn with_qcow2(mut disk: Vec<u8>) -> Vec<u8> {
        let header = [
            &b"QFI\xFB"[..],
            &3_u32.to_be_bytes(),
            &[0; 12],
            &16_u32.to_be_bytes(),
            &(1_u64 << 20).to_be_bytes(),
            &[0; 4],
            &1_u32.to_be_bytes(),
            &(128_u64 << 10).to_be_bytes(),
            &(192_u64 << 10).to_be_bytes(),
            &1_u32.to_be_bytes(),
            &[0; 36],
            &4_u32.to_be_bytes(),
            &104_u32.to_be_bytes(),
            &[0; 8],
        ]
        .concat();
        disk[..header.len()].copy_from_slice(&header);
        disk
    }

    fn opened(content: &[u8], form: Option<Form>) -> Result<Image, ImageError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk.img");
        std::fs::write(&path, content).unwrap();
        open(&path, File::open(&path).unwrap(), form)
    }

    #[test]
    fn a_disk_that_is_a_container_too_is_read_as_nobody_but_the_examiner_says() {
        let both = with_qcow2(disk());
        let error = opened(&both, None).err().unwrap().to_string();
        for words in ["a QCOW2 disk", "a disk with a MBR partition table", "--image-form raw"] {
            assert!(error.contains(words), "{words}: {error}");
        }
        let raw = opened(&both, Some(Form::Raw)).unwrap();
        let mut content = [0; 7];
        raw.bytes.read_exact_at(64 * 512, &mut content).unwrap();
        assert_eq!((raw.form.as_str(), &content), ("raw image", b"content"));
        let container = opened(&both, Some(Form::Container)).unwrap();
        container.bytes.read_exact_at(64 * 512, &mut content).unwrap();
        assert_eq!((container.form.as_str(), content), ("QCOW2 disk, version 3", [0; 7]));
        for image in [raw, container] {
            assert!(image.limits.iter().any(|limit| limit.contains("bears the mark of a QCOW2 disk")));
        }
    }

    #[test]
    fn a_container_of_a_disk_and_a_disk_are_one_thing() {
        assert_eq!(opened(&disk(), None).unwrap().form, "raw image");
        let qemu = std::process::Command::new("qemu-img").arg("--version").output();
        if qemu.is_err() {
            assert!(std::env::var_os("CI").is_none(), "qemu-img is absent: install qemu-utils");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let raw = folder.path().join("raw");
        std::fs::write(&raw, disk()).unwrap();
        for (format, options) in [
            ("qcow2", "cluster_size=512"),
            ("vpc", "subformat=fixed,force_size=on"),
            ("vpc", "subformat=dynamic,force_size=on"),
            ("vhdx", "subformat=fixed"),
            ("vmdk", "subformat=monolithicSparse"),
            ("vmdk", "subformat=streamOptimized"),
        ] {
            let path = folder.path().join("disk");
            let args = ["convert", "-f", "raw", "-O", format, "-o", options];
            let made = std::process::Command::new("qemu-img").args(args).arg(&raw).arg(&path).status();
            assert!(made.unwrap().success(), "{format} {options}");
            let image = open(&path, File::open(&path).unwrap(), None).unwrap();
            let mut content = [0; 7];
            image.bytes.read_exact_at(64 * 512, &mut content).unwrap();
            assert_eq!(&content, b"content", "{format} {options}");
        }
    }

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

    #[test]
    fn a_file_of_which_the_beginning_cannot_be_read_is_no_container() {
        // The kernel reads no byte at address 0 of a process.
        let file = File::open("/proc/self/mem").unwrap();
        let (head, tail, limits) = ends(&RawFile::new(file, 4096));
        assert_eq!((head.len(), tail.len(), limits.len()), (0, 0, 2));
        assert!(
            limits[0].starts_with("whether the file is a container of a disk does not show at its beginning: cannot read 512 bytes at 0"),
            "{limits:?}"
        );
    }
}
