//! An image in every container that is read.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::{length, need};
use crate::common::run;

/// The containers, by the names that [`wrap`] takes.
pub const ALL: [&str; 10] = [
    "raw",
    "split",
    "E01",
    "E01 split",
    "VMDK sparse",
    "VMDK stream",
    "VHD dynamic",
    "VHDX",
    "QCOW2",
    "QCOW2 packed",
];

/// Puts the disk `image` into a container, in a new folder. The file to open; `None` where the tool is missing.
pub fn wrap(image: &Path, container: &str, folder: &Path) -> Option<PathBuf> {
    let folder = folder.join(container.replace(' ', "-"));
    fs::create_dir(&folder).unwrap();
    let convert = |options: &[&str], name: &str| {
        if !need(&["qemu-img"]) {
            return None;
        }
        let target = folder.join(name);
        let paths = [image.to_str().unwrap(), target.to_str().unwrap()];
        run("qemu-img", &[&["convert", "-f", "raw", "-O"], options, &paths].concat());
        Some(target)
    };
    let acquire = |options: &[&str]| {
        if !need(&["ewfacquire"]) {
            return None;
        }
        let target = folder.join("disk");
        let paths = ["-t", target.to_str().unwrap(), image.to_str().unwrap()];
        run("ewfacquire", &[&["-u", "-q"], options, &paths].concat());
        Some(folder.join("disk.E01"))
    };
    match container {
        "raw" => {
            let link = folder.join("disk.img");
            fs::hard_link(image, &link).or_else(|_| fs::copy(image, &link).map(|_| ())).unwrap();
            Some(link)
        }
        "split" => Some(split(image, &folder)),
        "E01" => acquire(&["-f", "encase6", "-c", "fast"]),
        "E01 split" => acquire(&["-f", "encase6", "-c", "fast", "-S", "1048576"]),
        "VMDK sparse" => convert(&["vmdk", "-o", "subformat=monolithicSparse"], "disk.vmdk"),
        "VMDK stream" => convert(&["vmdk", "-o", "subformat=streamOptimized"], "disk.vmdk"),
        "VHD dynamic" => convert(&["vpc", "-o", "subformat=dynamic,force_size=on"], "disk.vhd"),
        "VHDX" => convert(&["vhdx"], "disk.vhdx"),
        "QCOW2" => convert(&["qcow2"], "disk.qcow2"),
        "QCOW2 packed" => convert(&["qcow2", "-c"], "disk.qcow2"),
        other => panic!("{other}"),
    }
}

/// Four files of one disk.
fn split(image: &Path, folder: &Path) -> PathBuf {
    let part = length(image).div_ceil(4).next_multiple_of(512);
    let mut file = File::open(image).unwrap();
    let mut buf = vec![0; 1 << 16];
    for number in 1.. {
        let (mut target, mut left) = (None, part);
        while left > 0 {
            let want = buf.len().min(left as usize);
            let count = file.read(&mut buf[..want]).unwrap();
            if count == 0 {
                break;
            }
            let path = || folder.join(format!("disk.{number:03}"));
            target.get_or_insert_with(|| File::create(path()).unwrap()).write_all(&buf[..count]).unwrap();
            left -= count as u64;
        }
        if left > 0 {
            break;
        }
    }
    folder.join("disk.001")
}
