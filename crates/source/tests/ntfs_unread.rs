//! Bytes in NTFS attributes that nobody reads are told, whatever their type and name; what Windows and ntfs-3g write is not.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

mod common;
mod ntfs_volumes;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use common::{Walked, noise, walk};
use ntfs_volumes::{Mount, attribute_place, format, is_ready, set_attribute};
use source::{Entry, Source};

fn walked(bytes: &[u8]) -> (Box<dyn Source>, Walked) {
    let source = source::file_system(Arc::new(bytes.to_vec())).unwrap();
    let walked = walk(source.as_ref());
    (source, walked)
}

/// The issues of the item `name`, and all limits.
fn told(bytes: &[u8], name: &str) -> String {
    let (source, walked) = walked(bytes);
    let entry = find(&walked, name);
    let issues = walked.issues.iter().filter(|issue| issue.locator.as_ref() == Some(&entry.locator));
    let issues: Vec<_> = issues.map(|issue| issue.what.clone()).collect();
    [&issues[..], &source.info().limits, &walked.report.limits].concat().join("; ")
}

fn find<'a>(walked: &'a Walked, name: &str) -> &'a Entry {
    let is_it = |entry: &&Entry| entry.facts.names.iter().any(|found| found.to_string() == name);
    walked.entries.iter().find(is_it).unwrap()
}

/// A volume with what ntfs-3g writes in attributes of all types, and with streams of a file and of a folder.
fn volume(folder: &Path) -> Vec<u8> {
    let image = format(folder, 16 << 20, &["-c", "4096"]);
    let mount = Mount::new(&image, "compression,permissions,acl");
    let root = mount.path();
    fs::create_dir(root.join("folder")).unwrap();
    fs::create_dir(root.join("shrunk")).unwrap();
    fs::create_dir(root.join("small")).unwrap();
    set_attribute(&root.join("small"), "user.bits", &noise(30_000, 4));
    fs::write(root.join("file"), noise(20_000, 1)).unwrap();
    for name in ["folder", "file"] {
        set_attribute(&root.join(name), "user.hid", &noise(30_000, 2));
    }
    // Entries of $EA: the offset of the next, flags, lengths, name, value.
    let one = [&[20, 0, 0, 0, 0, 6, 4, 0][..], b"$LXUID\0", &7_u32.to_le_bytes(), &[0]].concat();
    let long =
        [&6012_u32.to_le_bytes()[..], &[0, 1], &6000_u16.to_le_bytes(), b"L\0", &noise(6000, 3), &[0; 2]]
            .concat();
    set_attribute(&root.join("file"), "system.ntfs_ea", &[one, long].concat());
    set_attribute(&root.join("file"), "system.ntfs_object_id", &[5; 64]);
    set_attribute(&root.join("folder"), "system.ntfs_object_id", &[6; 16]);
    fs::write(root.join("tag"), "").unwrap();
    let tag = [&0x8000_FFFF_u32.to_le_bytes()[..], &[4, 0, 0, 0], b"data"].concat();
    set_attribute(&root.join("tag"), "system.ntfs_reparse_data", &tag);
    for index in 0..400 {
        fs::write(root.join(format!("shrunk/a name as long as names are, {index:03}")), "").unwrap();
    }
    for index in 10..400 {
        fs::remove_file(root.join(format!("shrunk/a name as long as names are, {index:03}"))).unwrap();
    }
    drop(mount);
    fs::read(image).unwrap()
}

fn number(bytes: &[u8], name: &str) -> usize {
    let (_, walked) = walked(bytes);
    let entry = find(&walked, name);
    entry.facts.node.split(':').nth(1).unwrap().parse().unwrap()
}

#[test]
fn what_ntfs_3g_writes_is_read_or_told_as_a_fact() {
    if !is_ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bytes = volume(folder.path());
    let (source, walked) = walked(&bytes);
    assert_eq!(walked.issues, vec![]);
    assert_eq!([&source.info().limits[..], &walked.report.limits].concat(), Vec::<String>::new());
    let attributes: Vec<_> = walked
        .entries
        .iter()
        .flat_map(|entry| &entry.facts.attributes)
        .filter(|attribute| attribute.name.0.starts_with(b"ntfs.ea."))
        .collect();
    let names: Vec<_> = attributes.iter().map(|found| (found.name.0.as_slice(), found.size)).collect();
    assert_eq!(names, [(&b"ntfs.ea.$LXUID"[..], 4), (b"ntfs.ea.L", 6000)]);
    assert_eq!((&attributes[0].value.0[..], attributes[1].value.0.len()), (&[7, 0, 0, 0][..], 4096));
}

#[test]
fn an_attribute_of_any_type_and_name_is_told_with_its_bytes() {
    if !is_ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bytes = volume(folder.path());
    for name in ["/folder", "/file"] {
        let at = attribute_place(&bytes, number(&bytes, name), 0x80, true);
        for kind in
            [0x10_u32, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xA0, 0xB0, 0xC0, 0xD0, 0xE0, 0x100, 0x180]
        {
            let mut changed = bytes.clone();
            changed[at..at + 4].copy_from_slice(&kind.to_le_bytes());
            let words = format!("attributes of the type {kind:#x} have 32768 bytes, which are not read");
            let said = told(&changed, name);
            assert!(said.contains(&words), "{name} {kind:#x}: {said}");
            // A part of a value without its beginning.
            changed[at + 0x10] = 9;
            let said = told(&changed, name);
            assert!(said.contains(&words), "{name} {kind:#x}, a further part: {said}");
        }
    }
    // The bitmap of an index that has no blocks.
    let at = attribute_place(&bytes, number(&bytes, "/small"), 0x80, true);
    let mut changed = bytes.clone();
    changed[at..at + 4].copy_from_slice(&0xB0_u32.to_le_bytes());
    let called = at + usize::from(u16::from_le_bytes([bytes[at + 0x0A], bytes[at + 0x0B]]));
    changed[called..called + 8].copy_from_slice(&utf16("$I30"));
    let said = told(&changed, "/small");
    assert!(said.contains("attributes of the type 0xb0 have 32768 bytes, which are not read"), "{said}");
    // The system's own files.
    let at = attribute_place(&bytes, 10, 0x80, false);
    let mut changed = bytes.clone();
    changed[at..at + 4].copy_from_slice(&0x60_u32.to_le_bytes());
    assert!(told(&changed, "/$UpCase").contains("attributes of the type 0x60 have 131072 bytes"));
}

#[test]
fn what_is_longer_than_it_can_be_or_written_beside_an_index_is_told() {
    if !is_ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bytes = volume(folder.path());
    let file = number(&bytes, "/file");
    // $EA in clusters: one entry ends it early.
    let ea = attribute_place(&bytes, file, 0xE0, false);
    assert_eq!(bytes[ea + 8], 1, "in clusters");
    let entry = bytes.windows(6).position(|window| window == b"$LXUID").unwrap() - 8;
    let mut changed = bytes.clone();
    changed[entry..entry + 4].fill(0);
    let said = told(&changed, "/file");
    assert!(said.contains("attributes of the type 0xe0 have 6013 bytes, which are not read"), "{said}");
    // A valid length of nothing.
    let mut changed = bytes.clone();
    changed[ea + 0x38..ea + 0x40].fill(0);
    assert!(told(&changed, "/file").contains("attributes of the type 0xe0 have "));
    // Blocks of an index that the bitmap calls free, with other bytes.
    let shrunk = number(&bytes, "/shrunk");
    let bitmap = attribute_place(&bytes, shrunk, 0xB0, true);
    let bits = bitmap + usize::from(bytes[bitmap + 0x14]);
    let blocks = u64::from_le_bytes(
        bytes[attribute_place(&bytes, shrunk, 0xA0, true) + 0x30..][..8].try_into().unwrap(),
    ) / 4096;
    let is_free = |number: u64| bytes[bits + number as usize / 8] >> (number % 8) & 1 == 0;
    let mut changed = bytes.clone();
    let mut overwritten = 0;
    for at in (0..bytes.len()).step_by(4096).filter(|at| bytes[*at..].starts_with(b"INDX")) {
        let number = u64::from_le_bytes(bytes[at + 16..at + 24].try_into().unwrap());
        let names = utf16("a name as long");
        let is_of_shrunk = bytes[at..at + 4096].windows(names.len()).any(|window| window == names);
        if is_of_shrunk && number < blocks && is_free(number) {
            changed[at..at + 4096].fill(b'H');
            overwritten += 1;
        }
    }
    assert!(overwritten > 1, "{blocks} blocks");
    let said = told(&changed, "/shrunk");
    let words =
        format!("{} bytes in blocks of indexes (of 1 records) are none of an index", overwritten * 4096);
    assert!(said.contains(&words) && said.ends_with(&format!("is of MFT record {shrunk}")), "{said}");
    // A bit of a bitmap behind its blocks.
    let mut changed = bytes.clone();
    assert!(blocks < 63);
    changed[bits + 7] |= 0x80;
    assert!(told(&changed, "/shrunk").contains("bytes in blocks of indexes (of 1 records)"));
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
