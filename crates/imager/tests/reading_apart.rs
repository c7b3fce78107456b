//! The program `ambit` reads an image in a process of its own: the same items and bytes as in this one.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

use std::fs;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use scope::{Digest, RawName};
use source::{Entry, OpenOptions, Opened, Reader, WalkEvent, WalkOptions, WalkReport};

fn apart() -> Reader {
    Reader::process(env!("CARGO_BIN_EXE_ambit"), [source::guard::READ_MEDIUM.into()])
}

fn open(image: &Path, reader: Reader) -> Opened {
    source::open(image, &OpenOptions { reader, ..OpenOptions::default() }).unwrap()
}

/// An ext4 image; `None`, with a word, where it cannot be made.
fn image(folder: &Path) -> Option<PathBuf> {
    let tree = folder.join("tree");
    for index in 0..600_usize {
        let path = tree.join(format!("d{}/file-{index}", index % 9));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![(index % 251) as u8; index * 37 % 9000]).unwrap();
    }
    fs::create_dir_all(tree.join("closed/below")).unwrap();
    fs::write(tree.join("closed/below/secret"), b"not looked for").unwrap();
    // Longer than what comes with the answer to an opening, and no whole number of frames.
    let long: Vec<u8> = (0..5_000_001_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(tree.join("long"), long).unwrap();
    fs::write(tree.join("edge"), vec![3; 256 << 10]).unwrap();
    fs::write(tree.join("beyond"), vec![4; (256 << 10) + 1]).unwrap();
    fs::write(tree.join("empty"), b"").unwrap();
    fs::hard_link(tree.join("edge"), tree.join("again")).unwrap();
    let image = folder.join("medium.img");
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let made = Command::new("mke2fs")
        .args(["-q", "-F", "-t", "ext4", "-d"])
        .args([&tree, &image])
        .arg("64M")
        .env("PATH", path)
        .status();
    match made {
        Ok(status) => {
            assert!(status.success());
            Some(image)
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "mke2fs: {error}");
            eprintln!("mke2fs is not installed: reading apart was NOT compared");
            None
        }
    }
}

type Line = (Entry, Option<Result<Digest, String>>);

/// Every item with the digest of its content, opened while the walk goes on.
fn read(opened: &Opened, closed: &dyn Fn(&RawName) -> bool) -> (Vec<Line>, WalkReport) {
    let source = opened.sources[0].as_ref();
    let mut lines = Vec::new();
    let options = WalkOptions { closed, ..WalkOptions::default() };
    let report = source
        .walk_with(&options, &mut |event| {
            let WalkEvent::Item(entry) = event else { panic!("{event:?}") };
            let digest = entry.facts.kind.has_content().then(|| {
                let mut content = Vec::new();
                let mut stream = source.open(&entry).map_err(|error| error.to_string())?;
                stream.read_to_end(&mut content).map_err(|error| error.to_string())?;
                Ok(Digest::of(&content))
            });
            lines.push((entry, digest));
            ControlFlow::Continue(())
        })
        .unwrap();
    (lines, report)
}

fn compare(image: &Path, closed: &dyn Fn(&RawName) -> bool) -> usize {
    let (here, there) = (open(image, Reader::Here), open(image, apart()));
    assert_eq!(here.sources[0].info(), there.sources[0].info());
    let (expected, report) = read(&here, closed);
    let (found, told) = read(&there, closed);
    assert_eq!(told, report);
    assert_eq!(found.len(), expected.len());
    for ((one, content), (other, same)) in expected.iter().zip(&found) {
        assert_eq!((&one.locator, &one.facts, one.node), (&other.locator, &other.facts, other.node));
        assert_eq!(content, same, "{}", one.locator);
    }
    expected.len()
}

#[test]
fn items_content_and_bytes_are_the_same_as_without_a_process() {
    let folder = tempfile::tempdir().unwrap();
    let Some(image) = image(folder.path()) else { return };
    let all = compare(&image, &|_| false);
    let open_ones = compare(&image, &|path| path.bytes() == b"/closed");
    assert_eq!((all, open_ones), (618, 616));
    let (here, there) = (open(&image, Reader::Here), open(&image, apart()));
    let mut medium = there.medium.clone();
    medium.limits.retain(|limit| !limit.contains("is not confined"));
    assert_eq!(medium, here.medium);
    assert_eq!(there.image_sha256().unwrap(), here.image_sha256().unwrap());
}

#[test]
fn a_walk_that_is_broken_off_and_streams_that_are_dropped_leave_the_rest_whole() {
    let folder = tempfile::tempdir().unwrap();
    let Some(image) = image(folder.path()) else { return };
    let opened = open(&image, apart());
    let source = opened.sources[0].as_ref();
    let (all, whole) = read(&opened, &|_| false);
    assert!(whole.complete);
    let long = &all.iter().find(|(entry, _)| entry.facts.size == Some(5_000_001)).unwrap().0;
    let mut met = 0;
    let report = source
        .walk(&mut |_| {
            met += 1;
            if met == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!((report.items, report.complete), (5, false));
    for _ in 0..20 {
        drop(source.open(long).unwrap());
        let mut stream = source.open(long).unwrap();
        stream.read_exact(&mut vec![0; 1_000_000]).unwrap();
    }
    // Two at once.
    let (mut one, mut other) = (source.open(long).unwrap(), source.open(long).unwrap());
    let (mut first, mut second) = (Vec::new(), Vec::new());
    one.read_to_end(&mut first).unwrap();
    other.read_to_end(&mut second).unwrap();
    assert_eq!((first.len(), first == second), (5_000_001, true));
    assert_eq!(read(&opened, &|_| false).1, whole);
}

#[test]
fn what_is_refused_is_refused_in_the_same_words() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        if !content.is_empty() {
            fs::write(&path, content).unwrap();
        }
        let said = |reader| {
            let options = OpenOptions { reader, ..OpenOptions::default() };
            source::open(&path, &options).err().map(|error| error.to_string())
        };
        assert_eq!(said(apart()), said(Reader::Here), "{name}");
    };
    check("absent", b"");
    check("zeros", &[0; 100_000]);
    check("text", &b"plain words ".repeat(10_000));
    check("short", b"x");
    check("qcow2", &[&b"QFI\xFB\0\0\0\x03"[..], &[0; 5000]].concat());
}

#[test]
fn a_process_ends_with_the_program_that_started_it() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ambit"))
        .arg(source::guard::READ_MEDIUM)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(1), "nothing was asked");
}
