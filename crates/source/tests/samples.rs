//! Debian's sample images, compared with The Sleuth Kit: every name, every digest, every deleted inode.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::content;
use scope::facts::Kind;
use source::{OpenOptions, WalkEvent, WalkOptions, open};

/// The partition of the samples begins at this sector.
const SECTOR: &str = "2048";

/// A sample, unpacked. `None` where the packages are not here, which CI does not excuse.
fn sample(folder: &Path, name: &str) -> Option<PathBuf> {
    let packed = format!("/usr/share/forensics-samples/{name}.xz");
    let tools = ["fls", "icat", "ils", "xz"].iter().all(|tool| Path::new("/usr/bin").join(tool).exists());
    if !Path::new(&packed).exists() || !tools {
        assert!(std::env::var_os("CI").is_none(), "{packed} or The Sleuth Kit is absent in CI");
        println!("did not run: {packed} or The Sleuth Kit is not here");
        return None;
    }
    let path = folder.join(name);
    let file = File::create(&path).unwrap();
    assert!(Command::new("xz").args(["-dkc", &packed]).stdout(Stdio::from(file)).status().unwrap().success());
    Some(path)
}

fn tsk(tool: &str, words: &[&str], image: &Path) -> Vec<u8> {
    let output = Command::new(tool).args(["-o", SECTOR]).args(words).arg(image).output().unwrap();
    assert!(output.status.success(), "{tool} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn icat(image: &Path, inode: &str) -> Vec<u8> {
    let output = Command::new("icat").args(["-o", SECTOR]).arg(image).arg(inode).output().unwrap();
    assert!(output.status.success(), "icat {inode}");
    output.stdout
}

#[test]
fn the_ext4_sample_is_what_the_sleuth_kit_reads() {
    let folder = tempfile::tempdir().unwrap();
    let Some(image) = sample(folder.path(), "fs.ext4") else { return };
    let opened = open(&image, &OpenOptions::default()).unwrap();
    let source = opened.sources.first().unwrap().as_ref();
    assert_eq!(source.info().place, "mbr:1");

    let (mut files, mut deleted) = (BTreeMap::new(), BTreeSet::new());
    let options = WalkOptions { deleted: true, ..WalkOptions::default() };
    let report = source
        .walk_with(&options, &mut |event| {
            let WalkEvent::Item(entry) = event else { panic!("an issue: {event:?}") };
            let number = entry.node.number().to_string();
            match entry.facts.kind {
                Kind::Deleted => drop(deleted.insert(number)),
                Kind::File => {
                    let name = String::from_utf8(entry.facts.names.first().unwrap().0.clone()).unwrap();
                    files.insert(name, (number, content(source, &entry)));
                }
                _ => {}
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(report.coverage.iter().all(|(_, seen, counted)| seen == counted), "{report:?}");
    assert!(!report.limits.iter().any(|limit| limit.contains("belong to no item")), "{report:?}");

    // `r/r 13:\taudio1/debian.mp3`; the kit's own $OrphanFiles are not names on the medium.
    let listing = String::from_utf8(tsk("fls", &["-r", "-p", "-F", "-u"], &image)).unwrap();
    let theirs: BTreeMap<String, String> = listing
        .lines()
        .filter_map(|line| line.strip_prefix("r/r "))
        .map(|line| {
            let (inode, name) = line.split_once(":\t").unwrap();
            (format!("/{name}"), inode.to_owned())
        })
        .collect();
    assert!(theirs.len() > 15, "{listing}");
    assert_eq!(files.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    for (name, (inode, bytes)) in &files {
        assert_eq!(Some(inode), theirs.get(name), "{name}");
        assert!(*bytes == icat(&image, inode), "{name}");
    }

    // `16|f|1000|...`: free inodes that were in use.
    let listing = String::from_utf8(tsk("ils", &[], &image)).unwrap();
    let theirs: BTreeSet<String> = listing
        .lines()
        .filter(|line| line.split('|').nth(1) == Some("f"))
        .map(|line| line.split('|').next().unwrap().to_owned())
        .collect();
    assert!(theirs.len() > 10, "{listing}");
    assert_eq!(deleted, theirs);
}
