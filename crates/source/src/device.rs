//! What the kernel tells of a block device, from its own file trees: no ioctl, so no unsafe code.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{major, minor};

use crate::medium::Medium;

/// The medium behind the device number `device`.
pub(crate) fn describe(device: u64, size: u64) -> Medium {
    let folder = PathBuf::from(format!("/sys/dev/block/{}:{}", major(device), minor(device)));
    let mut medium = Medium { form: "block device".into(), size: Some(size), ..Medium::default() };
    // A device whose flag cannot be read counts as writable.
    medium.writable = text(&folder.join("ro")).as_deref() != Some("1");
    // A partition's folder lies in its disk's.
    for disk in [folder.clone(), folder.join("..")] {
        for (kind, files) in [("serial", ["device/serial", "serial"]), ("wwn", ["device/wwid", "wwid"])] {
            let known = medium.ids.iter().any(|(id, _)| id == kind);
            let value = files.iter().find_map(|file| text(&disk.join(file)));
            medium.ids.extend(value.filter(|_| !known).map(|value| (kind.to_owned(), value)));
        }
    }
    medium
}

/// Bytes in a sector, as the kernel addresses the device by; 512 where it does not say, or says what cannot be.
pub(crate) fn sector_size(device: u64) -> u32 {
    let folder = PathBuf::from(format!("/sys/dev/block/{}:{}", major(device), minor(device)));
    let files = ["queue/logical_block_size", "../queue/logical_block_size"];
    let stated = files.iter().find_map(|file| text(&folder.join(file))?.parse().ok());
    stated.filter(|size: &u32| size.is_power_of_two() && (512..=MAX_SECTOR).contains(size)).unwrap_or(512)
}

/// The UUID of the file system on `device`, as udev noted it.
pub(crate) fn fsuuid(device: u64) -> Option<String> {
    let entries = std::fs::read_dir("/dev/disk/by-uuid").ok()?;
    entries.flatten().find_map(|entry| {
        let target = std::fs::metadata(entry.path()).ok()?;
        (target.rdev() == device).then(|| entry.file_name().into_string().ok())?
    })
}

/// A short file's content, trimmed; `None` where there is none, or it is not plain ASCII.
fn text(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let text = text.trim();
    let plain =
        !text.is_empty() && text.len() <= MAX_TEXT && text.chars().all(|c| c == ' ' || c.is_ascii_graphic());
    plain.then(|| text.to_owned())
}

/// Longest sector: the kernel's own limit was a page for long.
const MAX_SECTOR: u32 = 1 << 16;

/// Longest identifier taken from the kernel: a serial number comes from the device, which may be hostile.
const MAX_TEXT: usize = 200;
