//! A file system in a partition, a volume, a mirror.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::{LoopDevice, copy_at, length, need};
use crate::common::run;

/// The tables, by the names that [`put`] takes.
pub const ALL: [&str; 5] = ["GPT", "MBR logical", "LVM linear", "RAID 1, 1.2", "RAID 1, 1.0"];

/// Sectors before the file system in every table.
const BEFORE: u64 = 4096;
const SECTOR: u64 = 512;

/// Puts the file system `image` into a table: the disks to open together. `None` where it cannot be done here.
pub fn put(image: &Path, table: &str, folder: &Path) -> Option<Vec<PathBuf>> {
    let sectors = length(image).div_ceil(SECTOR);
    let disk = folder.join(format!("{}.disk", table.replace([' ', ','], "-")));
    match table {
        "GPT" => divided(image, &disk, sectors, &gpt(sectors)),
        "MBR logical" => {
            let script = format!(
                "label: dos\nstart=2048,size={},type=f\nstart={BEFORE},size={sectors},type=83\n",
                sectors + BEFORE
            );
            divided(image, &disk, sectors, &script)
        }
        "LVM linear" => linear(image, &disk),
        "RAID 1, 1.2" => Some(mirror(image, &disk, 2)),
        "RAID 1, 1.0" => Some(mirror(image, &disk, 0)),
        other => panic!("{other}"),
    }
}

/// A script for a GPT disk with one partition.
pub fn gpt(sectors: u64) -> String {
    format!("label: gpt\nstart={BEFORE},size={sectors},type=linux\n")
}

/// A disk by a script of sfdisk, with the file system at [`BEFORE`].
pub fn divided(image: &Path, disk: &Path, sectors: u64, script: &str) -> Option<Vec<PathBuf>> {
    if !need(&["sfdisk"]) {
        return None;
    }
    let file = File::create(disk).unwrap();
    file.set_len((sectors + 2 * BEFORE) * SECTOR).unwrap();
    let commands = disk.with_extension("script");
    fs::write(&commands, script).unwrap();
    let command = format!("sfdisk -q --no-reread '{}' < '{}'", disk.display(), commands.display());
    run("sh", &["-c", &command]);
    copy_at(image, &file, BEFORE * SECTOR);
    Some(vec![disk.to_owned()])
}

/// A volume group on one disk, made by lvm2 through a loop device and never activated.
fn linear(image: &Path, disk: &Path) -> Option<Vec<PathBuf>> {
    const EXTENT: u64 = 1 << 20;
    if !need(&["lvm", "losetup"]) {
        return None;
    }
    let extents = length(image).div_ceil(EXTENT);
    let file = File::create(disk).unwrap();
    file.set_len((extents + 4) * EXTENT).unwrap();
    let attached = LoopDevice::new(disk)?;
    let device = attached.0.as_str();
    let config = format!(
        "devices {{ use_devicesfile=0 scan_lvs=0 filter=[\"a|^{device}$|\", \"r|.*|\"] }} \
         backup {{ backup=0 archive=0 }} activation {{ udev_sync=0 udev_rules=0 }}"
    );
    let group = format!("matrix{}", std::process::id());
    let commands: [&[&str]; 3] = [
        &["pvcreate", "-ff", "-y", "--dataalignment", "1m", device],
        &["vgcreate", "--physicalextentsize", "1m", &group, device],
        &["lvcreate", "-an", "-Wn", "-Zn", "-l", &extents.to_string(), "-n", "volume", &group],
    ];
    let common = ["--driverloaded", "n", "--config", &config];
    for command in commands {
        run("lvm", &[&command[..1], &common, &command[1..]].concat());
    }
    drop(attached);
    copy_at(image, &file, EXTENT);
    Some(vec![disk.to_owned()])
}

/// Two members of a mirror, with superblocks of version 1.`minor`.
fn mirror(image: &Path, disk: &Path, minor: usize) -> Vec<PathBuf> {
    let sectors = length(image).div_ceil(SECTOR);
    let before = if minor == 0 { 0 } else { BEFORE };
    // 1.0: behind the data, in the last aligned place that leaves 8 KiB. 1.2: 4 KiB from the beginning.
    let size = before + sectors.next_multiple_of(8) + 64;
    let at = if minor == 0 { (size - 16) & !7 } else { 8 };
    let paths = [0, 1].map(|number| disk.with_extension(format!("member{number}")));
    for (number, path) in (0_u32..).zip(&paths) {
        let file = File::create(path).unwrap();
        file.set_len(size * SECTOR).unwrap();
        copy_at(image, &file, before * SECTOR);
        file.write_all_at(&superblock(number, sectors, before, at), at * SECTOR).unwrap();
        if need(&["mdadm"]) {
            run("mdadm", &["--examine", path.to_str().unwrap()]);
        }
    }
    paths.to_vec()
}

/// A superblock as md(4) describes it: a clean mirror of two.
fn superblock(number: u32, sectors: u64, before: u64, at: u64) -> Vec<u8> {
    let mut block = vec![0; 256 + 4];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &0xA92B_4EFC_u32.to_le_bytes());
    put(4, &1_u32.to_le_bytes());
    put(16, b"0123456789abcdef");
    put(32, b"host:7");
    put(64, &1_700_000_000_u64.to_le_bytes());
    put(72, &1_u32.to_le_bytes()); // level
    put(80, &sectors.to_le_bytes());
    put(92, &2_u32.to_le_bytes()); // members
    put(128, &before.to_le_bytes());
    put(136, &sectors.to_le_bytes());
    put(144, &at.to_le_bytes());
    put(160, &number.to_le_bytes());
    put(168, &[number as u8; 16]);
    put(192, &1_700_000_000_u64.to_le_bytes());
    put(200, &20_u64.to_le_bytes()); // events
    put(208, &u64::MAX.to_le_bytes()); // in sync to its end
    put(220, &2_u32.to_le_bytes()); // roles
    put(258, &1_u16.to_le_bytes());
    let words = block.chunks(4).map(|word| u64::from(u32::from_le_bytes(word.try_into().unwrap())));
    let sum: u64 = words.sum();
    let sum = (sum as u32).wrapping_add((sum >> 32) as u32);
    block[216..220].copy_from_slice(&sum.to_le_bytes());
    block
}
