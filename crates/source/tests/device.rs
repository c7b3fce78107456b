//! A block device: refused while it can be written to, read like its image where it cannot.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{image, noise, walk};
use source::{OpenError, OpenOptions, open};

/// A loop device, given back when it is dropped.
struct Loop(PathBuf);

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("/usr/sbin/losetup").arg("--detach").arg(&self.0).status();
    }
}

/// Puts `image` behind a loop device. `None` where this machine has none for us, as containers often do not.
fn attach(image: &Path, options: &[&str]) -> Option<Loop> {
    let output =
        Command::new("/usr/sbin/losetup").args(options).args(["--find", "--show"]).arg(image).output();
    match output {
        Ok(output) if output.status.success() => {
            Some(Loop(String::from_utf8(output.stdout).unwrap().trim().into()))
        }
        other => {
            println!("did not run: no loop device here: {other:?}");
            None
        }
    }
}

#[test]
fn a_device_is_read_where_nobody_can_write_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("file"), noise(10_000, 1)).unwrap();
    let image = image(folder.path(), &tree, "4M", &[]);
    let Some(writable) = attach(&image, &[]) else { return };
    match open(&writable.0, &OpenOptions::default()) {
        Err(OpenError::WritableDevice { path }) => assert_eq!(path, writable.0),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("a device that can be written to was opened"),
    }
    drop(writable);
    let Some(device) = attach(&image, &["--read-only"]) else { return };
    let opened = open(&device.0, &OpenOptions::default()).unwrap();
    let length = fs::metadata(&image).unwrap().len();
    assert_eq!((opened.medium.form.as_str(), opened.medium.size), ("block device", Some(length)));
    assert!(!opened.medium.writable);
    let of_image = open(&image, &OpenOptions::default()).unwrap();
    assert_eq!(opened.image_sha256().unwrap(), of_image.image_sha256().unwrap());
    let items = |opened: &source::Opened| -> Vec<String> {
        let walked = walk(opened.sources.first().unwrap().as_ref());
        walked.entries.iter().map(|entry| entry.locator.clone()).collect()
    };
    assert_eq!(items(&opened), items(&of_image));
}

#[test]
fn a_device_of_larger_sectors_is_divided_as_the_kernel_counts() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk.img");
    // One partition from sector 256, of 256 sectors: a MiB from the second on, by 4096 bytes.
    let mut bytes = vec![7; 4 << 20];
    bytes[..512].fill(0);
    bytes[440..444].copy_from_slice(&[1, 0, 0xFE, 0xCA]);
    bytes[446 + 4] = 0x83;
    bytes[446 + 8..446 + 12].copy_from_slice(&256_u32.to_le_bytes());
    bytes[446 + 12..446 + 16].copy_from_slice(&256_u32.to_le_bytes());
    bytes[510..512].copy_from_slice(&[0x55, 0xAA]);
    fs::write(&disk, &bytes).unwrap();
    let Some(device) = attach(&disk, &["--read-only", "--sector-size", "4096"]) else { return };
    let options = OpenOptions { bare: true, ..OpenOptions::default() };
    let starts = |path: &Path| -> Vec<Option<u64>> {
        let opened = open(path, &options).unwrap();
        let parts = opened.medium.layers.iter().filter(|layer| layer.place == "mbr:1");
        parts.map(|layer| layer.start).collect()
    };
    assert_eq!(starts(&device.0), [Some(1 << 20)]);
    assert_eq!(starts(&disk), [Some(256 * 512)], "an image says nothing of sectors");
}
