//! NTFS volumes made with mkntfs and filled through ntfs-3g, against its mount and against The Sleuth Kit.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

mod common;
mod ntfs_volumes;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use common::{Walked, content, run, walk};
use ntfs_volumes::{Mount, format, is_ready, populate};
use scope::facts::{Kind, TimeKind};
use source::bytes::RawFile;
use source::{Entry, Source};

fn opened(image: &Path) -> Box<dyn Source> {
    let file = fs::File::open(image).unwrap();
    let length = file.metadata().unwrap().len();
    source::file_system(Arc::new(RawFile::new(file, length))).unwrap()
}

fn find<'a>(walked: &'a Walked, name: &str) -> &'a Entry {
    let is_it = |entry: &&Entry| entry.facts.names.iter().any(|found| found.0 == name.as_bytes());
    walked.entries.iter().find(is_it).unwrap_or_else(|| panic!("{name} was not found"))
}

fn attribute(entry: &Entry, name: &str) -> Option<String> {
    let found = entry.facts.attributes.iter().find(|attribute| attribute.name.0 == name.as_bytes());
    found.map(|attribute| String::from_utf8(attribute.value.0.clone()).unwrap())
}

fn time(entry: &Entry, of: TimeKind, from: &str) -> i128 {
    entry.facts.times.iter().find(|stamp| stamp.of == of && stamp.from == from).unwrap().ns
}

/// The number of an entry's record.
fn record(entry: &Entry) -> u64 {
    entry.facts.node.split(':').nth(1).unwrap().parse().unwrap()
}

/// An item as the mount and we see it: kind, content, target, links, time of modification.
type Said = (Kind, Option<Vec<u8>>, Option<Vec<u8>>, Option<u64>, i128);

/// What we say of all items that are not the system's, by name; named streams as `name:stream`.
fn said(source: &dyn Source, walked: &Walked) -> BTreeMap<Vec<u8>, Said> {
    let mut all = BTreeMap::new();
    for entry in walked.entries.iter().filter(|entry| record(entry) > 27) {
        let facts = &entry.facts;
        let content = facts.kind.has_content().then(|| content(source, entry));
        let target = facts.link_target.as_ref().map(|target| target.0.clone());
        // The mount counts the 8.3 name too.
        let short = u64::from(attribute(entry, "ntfs.short-name").is_some());
        let links = (facts.kind == Kind::File).then(|| facts.links.unwrap() + short);
        let item = (facts.kind, content, target, links, time(entry, TimeKind::Modified, "$SI"));
        for name in &facts.names {
            assert!(all.insert(name.0.clone(), item.clone()).is_none(), "{name} twice");
        }
    }
    all
}

/// The image holds exactly what its mount shows, without an issue.
fn check(cluster: u64, sectors: &str, size: u64) {
    if !is_ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = format(folder.path(), size, &["-s", sectors, "-c", &cluster.to_string()]);
    let mount = Mount::new(&image, "compression,special_files=wsl");
    populate(mount.path(), cluster);
    drop(mount);
    let mount = Mount::new(&image, "ro,special_files=wsl");
    let expected = ntfs_volumes::expected(mount.path());
    drop(mount);

    let source = opened(&image);
    assert_eq!(source.info().limits, Vec::<String>::new());
    assert_eq!(source.info().file_system, "ntfs");
    let walked = walk(source.as_ref());
    assert_eq!(walked.issues, vec![], "{cluster}");
    assert!(walked.report.complete);
    assert_eq!(walked.report.limits, Vec::<String>::new());
    // Records in use, by the bitmap and by themselves; and those that extend others.
    assert_eq!(walked.report.coverage.len(), 3);
    for (what, walked, expected) in &walked.report.coverage {
        assert_eq!(walked, expected, "{what}");
    }
    let ours = said(source.as_ref(), &walked);
    let (names, theirs): (Vec<_>, Vec<_>) = (ours.keys().collect(), expected.keys().collect());
    assert_eq!(names, theirs);
    for (name, item) in &ours {
        let theirs = &expected[name];
        // What is not content is short enough to be shown.
        assert_eq!((&item.0, &item.2, &item.3, &item.4), (&theirs.0, &theirs.2, &theirs.3, &theirs.4));
        assert!(item.1 == theirs.1, "{cluster} {}", String::from_utf8_lossy(name));
    }
    for name in ["/pieces/0", "/pieces/1"] {
        let number = record(find(&walked, name)).to_string();
        let istat = String::from_utf8(run("istat", &[image.to_str().unwrap(), &number])).unwrap();
        assert!(istat.contains("$ATTRIBUTE_LIST"), "{name} was to need an attribute list");
    }
}

#[test]
fn clusters_of_4_kib() {
    check(4096, "512", 96 << 20);
}

#[test]
fn clusters_of_512_bytes() {
    check(512, "512", 96 << 20);
}

#[test]
fn clusters_of_64_kib() {
    check(65536, "512", 512 << 20);
}

#[test]
fn sectors_and_records_of_4_kib() {
    check(4096, "4096", 96 << 20);
}

/// As a fork of another test holds it for a moment.
#[test]
fn a_mount_that_is_busy_for_a_moment_is_unmounted_after_it() {
    if !is_ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = format(folder.path(), 4 << 20, &[]);
    let mount = Mount::new(&image, "streams_interface=windows");
    let open = fs::File::create(mount.path().join("open")).unwrap();
    let holder = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        drop(open);
    });
    drop(mount);
    assert!(holder.is_finished(), "it was unmounted while it was in use");
    holder.join().unwrap();
}

#[test]
fn a_windows_that_sleeps_is_told() {
    if !is_ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (mark, told) in [(&b"HIBR"[..], true), (b"hibr", true), (b"wake", false), (b"", false)] {
        let image = format(folder.path(), 8 << 20, &["-c", "1024"]);
        {
            let mount = Mount::new(&image, "rw");
            fs::write(mount.path().join("hiberfil.sys"), [mark, &[7; 8000]].concat()).unwrap();
            fs::create_dir(mount.path().join("below")).unwrap();
            fs::write(mount.path().join("below/hiberfil.sys"), b"hibr").unwrap();
        }
        let limits = opened(&image).info().limits.join("; ");
        assert_eq!(limits.contains("a Windows that sleeps"), told, "{mark:?}: {limits}");
    }
}
