//! ISO 9660 images made with genisoimage and xorriso, against the tree they were made from; and damaged ones.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

mod common;
mod media;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Walked, content, noise, run, walk};
use media::{expected, need, survives_mutants};
use scope::facts::{CaseRule, Kind, TimeKind, Zone};
use source::{Source, file_system};

/// 300 files, sizes around a sector, odd and long names, a deep tree, and links where `links` says so.
fn tree(root: &Path, links: bool, component: usize) {
    let write = |name: &str, bytes: &[u8]| {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    for index in 0..300 {
        write(&format!("plain/f{index}.dat"), &noise(index * 17, index as u64));
    }
    for length in [0, 1, 2047, 2048, 2049, 4096, 70_000] {
        write(&format!("sizes/{length}"), &noise(length, 7));
    }
    for name in ["UPPER.TXT", "two.dots.txt", "no extension", ".hidden", "caf\u{e9}", "a+b,c", "-rf"] {
        write(&format!("odd/{name}"), name.as_bytes());
    }
    write(&format!("{}end", "d/".repeat(14)), b"deep");
    if links {
        write(&format!("odd/{}", "x".repeat(240)), b"long");
        write("odd/new\nline;1", b"odd");
        fs::hard_link(root.join("odd/UPPER.TXT"), root.join("odd/second name")).unwrap();
        let far = format!("{}/y", "z".repeat(component)).repeat(3);
        for (index, target) in ["UPPER.TXT", "/usr/bin", "../../up/./x", "/", far.as_str()].iter().enumerate()
        {
            symlink(target, root.join(format!("odd/link{index}"))).unwrap();
        }
        run("mkfifo", &[root.join("odd/fifo").to_str().unwrap()]);
    }
}

fn image(folder: &Path, tree: &Path, program: &str, options: &[&str]) -> PathBuf {
    let image = folder.join("image.iso");
    let mut arguments = if program == "xorriso" { vec!["-as", "mkisofs"] } else { vec![] };
    arguments.extend(["-quiet", "-input-charset", "utf-8", "-V", "LABEL"]);
    if program == "xorriso" {
        arguments.retain(|argument| !matches!(*argument, "-input-charset" | "utf-8"));
    }
    arguments.extend(options);
    arguments.extend(["-o", image.to_str().unwrap(), tree.to_str().unwrap()]);
    run(program, &arguments);
    image
}

fn open(image: &Path) -> Box<dyn Source> {
    file_system(Arc::new(fs::read(image).unwrap())).unwrap()
}

/// Compares every item with the tree; `rock` also in times, links and exact names.
fn check(program: &str, options: &[&str], rock: bool, limit: Option<&str>, moved: bool) {
    if !need(&[program]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let source_tree = folder.path().join("tree");
    // genisoimage writes broken entries where a part of a link's target is split; isoinfo cannot read them either.
    tree(&source_tree, rock, if program == "xorriso" { 250 } else { 20 });
    let image = image(folder.path(), &source_tree, program, options);
    let source = open(&image);
    let info = source.info();
    let case = if rock { CaseRule::Sensitive } else { CaseRule::Insensitive };
    assert_eq!((info.file_system.as_str(), info.case_rule), ("iso9660", case));
    assert_eq!(info.limits.len(), usize::from(limit.is_some()), "{:?}", info.limits);
    assert!(limit.is_none_or(|limit| info.limits[0].contains(limit)), "{:?}", info.limits);
    if need(&["blkid"]) {
        let uuid = run("blkid", &["-p", "-o", "value", "-s", "UUID", image.to_str().unwrap()]);
        assert_eq!(info.ids, [("fsuuid".to_owned(), String::from_utf8(uuid).unwrap().trim().to_owned())]);
    }
    let walked = walk(source.as_ref());
    assert_eq!(walked.issues, vec![]);
    for (what, walked, expected) in &walked.report.coverage {
        assert_eq!(walked, expected, "{what}");
    }
    assert_eq!(walked.report.coverage.len(), 1 + usize::from(moved));
    let mut truth = expected(&source_tree);
    if moved {
        truth.insert(b"/rr_moved".to_vec(), (Kind::Directory, None, 0));
    }
    assert_eq!(walked.entries.len(), truth.len());
    for entry in &walked.entries {
        let [name] = entry.facts.names.as_slice() else { panic!("{}", entry.locator) };
        assert!(entry.locator.starts_with(&info.volume) && entry.locator.len() < 100);
        let (kind, bytes, modified) = truth.remove(name.bytes()).unwrap_or_else(|| panic!("{name}"));
        let path = source_tree.join(name.to_string().trim_start_matches('/'));
        if name.bytes().ends_with(b"/fifo") {
            assert_eq!(entry.facts.kind, Kind::Fifo);
            continue;
        }
        assert_eq!(entry.facts.kind, kind, "{name}");
        if kind == Kind::Symlink {
            let target = fs::read_link(path).unwrap();
            assert_eq!(
                entry.facts.link_target.as_ref().unwrap().bytes(),
                target.as_os_str().as_encoded_bytes()
            );
        }
        if let Some(bytes) = bytes {
            assert!(content(source.as_ref(), entry) == bytes, "{name}");
            let stamp = entry.facts.times.iter().find(|stamp| stamp.of == TimeKind::Modified).unwrap();
            assert_eq!((stamp.ns / 1_000_000_000, stamp.zone), (modified.into(), Zone::Recorded), "{name}");
            assert_eq!(entry.facts.mode.is_some() && entry.facts.uid.is_some(), rock);
        }
    }
    assert_eq!(truth, BTreeMap::new());
}

#[test]
fn rock_ridge() {
    check("genisoimage", &["-R", "-D"], true, None, false);
    check("xorriso", &["-R"], true, None, false);
}

#[test]
fn moved_directories_are_at_their_place() {
    check("genisoimage", &["-R"], true, None, true);
}

#[test]
fn joliet() {
    check("genisoimage", &["-J", "-D"], false, Some("primary tree with plain names"), false);
    check(
        "xorriso",
        &["-J", "-joliet-long", "--norock"],
        false,
        Some("primary tree with plain names"),
        false,
    );
}

#[test]
fn rock_ridge_before_joliet() {
    check("genisoimage", &["-R", "-J", "-D", "-joliet-long"], true, Some("Joliet"), false);
}

/// A plain image of some files, and the position of the record of the first.
fn plain(folder: &Path) -> Vec<u8> {
    let tree = folder.join("tree");
    fs::create_dir_all(tree.join("SUB")).unwrap();
    for (name, bytes) in [("AA", noise(2048, 1)), ("AB", noise(100, 2)), ("SUB/C.TXT", noise(5000, 3))] {
        fs::write(tree.join(name), bytes).unwrap();
    }
    for index in 0..40 {
        fs::write(tree.join(format!("SUB/F{index}")), noise(50, index)).unwrap();
    }
    fs::read(image(folder, &tree, "genisoimage", &[])).unwrap()
}

fn named(walked: &Walked, name: &str) -> source::Entry {
    walked.entries.iter().find(|entry| entry.facts.names[0].to_string() == name).unwrap().clone()
}

#[test]
fn plain_names_and_forms_of_content() {
    if !need(&["genisoimage"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bytes = plain(folder.path());
    let find = |name: &[u8]| bytes.windows(name.len()).position(|window| window == name).unwrap() - 33;
    let (first, second) = (find(b"AA.;1"), find(b"AB.;1"));
    let sound = file_system(Arc::new(bytes.clone())).unwrap();
    let walked = walk(sound.as_ref());
    assert_eq!((walked.issues.len(), walked.entries.len()), (0, 45));
    assert_eq!(content(sound.as_ref(), &named(&walked, "/SUB/C.TXT")), noise(5000, 3));
    assert_eq!(
        named(&walked, "/AA").locator,
        format!("{}/record:{}:{}", sound.info().volume, first / 2048, first % 2048)
    );

    let changed = |changes: &[(usize, u8)]| {
        let mut bytes = bytes.clone();
        for (at, value) in changes {
            bytes[*at] = *value;
        }
        let source = file_system(Arc::new(bytes)).unwrap();
        let walked = walk(source.as_ref());
        (source, walked)
    };
    // Two extents of one file.
    let (source, walked) = changed(&[(first + 25, 0x80), (second + 34, b'A')]);
    assert_eq!(walked.issues, vec![]);
    assert_eq!(content(source.as_ref(), &named(&walked, "/AA")), [noise(2048, 1), noise(100, 2)].concat());
    // The second extent is missing.
    let (source, walked) = changed(&[(first + 25, 0x80)]);
    assert_eq!(walked.issues.len(), 2);
    assert!(source.open(&named(&walked, "/AA")).is_err());
    // Interleaved; on another disc; the forms of the size differ; beyond the image; associated. Before them: a block that is an extended attribute record.
    for (change, issues, opens) in [
        ((first + 1, 1), 1, true),
        ((first + 26, 1), 1, false),
        ((first + 28, 2), 2, false),
        ((first + 17, 1), 1, true),
        ((first + 5, 9), 2, true),
        ((first + 25, 4), 1, true),
    ] {
        let (source, walked) = changed(&[change]);
        assert_eq!(walked.issues.len(), issues, "{change:?} {:?}", walked.issues);
        let entry = named(&walked, "/AA");
        assert_eq!(source.open(&entry).is_ok(), opens, "{change:?}");
        assert_eq!(media::survives(source.as_ref(), &entry), opens && change.0 != first + 5);
    }
    // A directory that contains itself.
    let sub = find(b"\x03SUB") + 1;
    let root = bytes[16 * 2048 + 158];
    let (_, walked) = changed(&[(sub + 2, root), (sub + 9, root)]);
    assert!(walked.issues.iter().any(|issue| issue.what.contains("further name")), "{:?}", walked.issues);
    assert!(walked.report.coverage.iter().any(|(_, walked, table)| walked < table));
}

#[test]
fn compressed_content_is_refused() {
    if !need(&["xorriso"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir_all(&tree).unwrap();
    fs::write(tree.join("zeros"), vec![b'a'; 100_000]).unwrap();
    let image = folder.path().join("image.iso");
    let (image_text, tree_text) = (image.to_str().unwrap(), tree.to_str().unwrap());
    let arguments =
        ["-outdev", image_text, "-map", tree_text, "/", "-set_filter_r", "--zisofs", "/", "--", "-commit"];
    run("xorriso", &arguments);
    let source = open(&image);
    let walked = walk(source.as_ref());
    let entry = named(&walked, "/zeros");
    assert_eq!(entry.facts.size, Some(100_000));
    assert!(walked.issues.iter().any(|issue| issue.what.contains("zisofs")));
    assert!(source.open(&entry).is_err());
}

#[test]
fn mutants_and_cut_images() {
    if !need(&["genisoimage"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    for index in 0..40 {
        let path =
            tree.join(format!("{}folder{}/file with a name {index}", "d/".repeat(index % 10), index % 4));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, noise(index * 100, index as u64)).unwrap();
        symlink("../a/b", path.with_extension("link")).unwrap();
    }
    let mut bytes = fs::read(image(folder.path(), &tree, "genisoimage", &["-R", "-J"])).unwrap();
    // The system area, which is never read, is left out of the mutants' choice by being zeros.
    bytes.truncate(bytes.len().next_multiple_of(2048));
    let metadata = 150 * 2048;
    survives_mutants(&Arc::new(bytes), metadata, 200);
}
