//! Mounted trees: temporary directories, opened with the override for a writable source.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::Path;

use common::{expected, populate, seen, walk};
use rustix::fs::{Mode, OFlags, mkdirat, openat};
use scope::facts::{Kind, TimeKind};
use source::{OpenError, OpenOptions, Opened, PastGaps, SourceError, StreamFault, WalkOptions, open};

fn opened(path: &Path) -> Opened {
    open(path, &OpenOptions { writable_source: true, ..OpenOptions::default() }).unwrap()
}

#[test]
fn the_walk_yields_the_tree() {
    let folder = tempfile::tempdir().unwrap();
    populate(folder.path(), 1 << 40);
    // The far end of a sparse file is not compared here: a test need not read a terabyte of zeros.
    fs::remove_file(folder.path().join("distant")).unwrap();
    let opened = opened(folder.path());
    assert!(opened.medium.writable);
    let source = opened.sources[0].as_ref();
    let walked = walk(source);
    assert_eq!(walked.issues, vec![]);
    let (seen, expected) = (seen(source, &walked), expected(folder.path()));
    assert_eq!(seen.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, item) in &seen {
        assert!(*item == expected[name], "{}", String::from_utf8_lossy(name));
    }
    assert!(walked.report.complete);
    assert_eq!(walked.report.coverage, [("names of items with several links".to_owned(), 3, 3)]);
}

#[test]
fn items_come_depth_first_and_bytewise_and_hard_links_last() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in ["a/z", "a!", "B", "a/b/c"] {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), name).unwrap();
    }
    fs::hard_link(root.join("B"), root.join("a/a")).unwrap();
    let opened = opened(root);
    let walked = walk(opened.sources[0].as_ref());
    let order: Vec<String> = walked
        .entries
        .iter()
        .map(|e| e.facts.names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(order, ["/", "/a", "/a/b", "/a/b/c", "/a/z", "/a!", "/B /a/a"]);
    assert_eq!(walked.report.names, 8);
    for entry in &walked.entries {
        assert!(entry.locator.is_ascii() && entry.locator.starts_with("tree/dev:"), "{}", entry.locator);
        let of: Vec<TimeKind> = entry.facts.times.iter().map(|time| time.of).collect();
        assert_eq!(of[..3], [TimeKind::Modified, TimeKind::Accessed, TimeKind::Changed]);
    }
}

#[test]
fn a_writable_mount_is_refused_without_the_override() {
    let folder = tempfile::tempdir().unwrap();
    let error = open(folder.path(), &OpenOptions::default()).err().unwrap();
    assert!(matches!(error, OpenError::Writable { .. }), "{error}");
}

#[test]
fn pipes_sockets_and_links_are_items_and_never_opened() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    common::run("mkfifo", &[root.join("pipe").to_str().unwrap()]);
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    fs::write(root.join("outside"), "x").unwrap();
    symlink("outside", root.join("link")).unwrap();
    symlink("/proc/self/root", root.join("out")).unwrap();
    let opened = opened(root);
    let source = opened.sources[0].as_ref();
    let walked = walk(source);
    assert_eq!(walked.issues, vec![]);
    let kinds: Vec<(String, Kind)> =
        walked.entries.iter().map(|entry| (entry.facts.names[0].to_string(), entry.facts.kind)).collect();
    let expect = [
        ("/", Kind::Directory),
        ("/link", Kind::Symlink),
        ("/out", Kind::Symlink),
        ("/outside", Kind::File),
        ("/pipe", Kind::Fifo),
        ("/socket", Kind::Socket),
    ];
    assert_eq!(kinds, expect.map(|(name, kind)| (name.to_owned(), kind)));
    for entry in walked.entries.iter().filter(|entry| entry.facts.kind != Kind::File) {
        assert!(matches!(source.open(entry).err().unwrap(), SourceError::NoContent(_)));
    }
}

#[test]
fn an_item_replaced_after_the_walk_is_not_opened() {
    let check = |replace: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dir/file");
        fs::create_dir(folder.path().join("dir")).unwrap();
        fs::write(&path, "content").unwrap();
        let opened = opened(folder.path());
        let source = opened.sources[0].as_ref();
        let walked = walk(source);
        let entry = walked.entries.iter().find(|entry| entry.facts.kind == Kind::File).unwrap();
        assert!(source.open(entry).is_ok());
        replace(&path);
        assert!(source.open(entry).is_err());
    };
    check(&|path| fs::remove_file(path).unwrap());
    check(&|path| {
        fs::rename(path, path.with_extension("old")).unwrap();
        symlink("file.old", path).unwrap();
    });
    check(&|path| {
        fs::rename(path, path.with_extension("old")).unwrap();
        fs::write(path, "content").unwrap();
    });
    check(&|path| {
        fs::rename(path, path.with_extension("old")).unwrap();
        common::run("mkfifo", &[path.to_str().unwrap()]);
    });
    check(&|path| fs::write(path, "longer content").unwrap());
    // A directory on the way becomes a link to itself under another name.
    check(&|path| {
        let dir = path.parent().unwrap();
        fs::rename(dir, dir.with_extension("old")).unwrap();
        symlink("dir.old", dir).unwrap();
    });
}

#[test]
fn a_file_that_changes_while_it_is_read_says_so() {
    let check = |change: &dyn Fn(&mut fs::File), expect: &dyn Fn(&StreamFault) -> bool| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, vec![1; 100_000]).unwrap();
        let opened = opened(folder.path());
        let source = opened.sources[0].as_ref();
        let walked = walk(source);
        let mut stream = source.open(&walked.entries[1]).unwrap();
        stream.read_exact(&mut [0; 1000]).unwrap();
        // Time stamps advance by the kernel's tick.
        std::thread::sleep(std::time::Duration::from_millis(30));
        change(&mut fs::OpenOptions::new().append(true).open(&path).unwrap());
        let error = stream.read_to_end(&mut Vec::new()).unwrap_err();
        assert!(StreamFault::of(&error).is_some_and(expect), "{error}");
    };
    check(
        &|file| file.write_all(b"more").unwrap(),
        &|fault| matches!(fault, StreamFault::ChangedDuringRead(told) if told.contains("size 100000 then 100004")),
    );
    check(&|file| file.set_len(50_000).unwrap(), &|fault| {
        matches!(fault, StreamFault::Short { declared: 100_000, delivered: 50_000 })
    });
    check(&|file| file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap(), &|fault| {
        matches!(fault, StreamFault::ChangedDuringRead(_))
    });
}

/// Makes directories one in the other, each `d`, with a file `f` beside it on every level.
fn nest(root: &Path, depth: usize) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let mut current: OwnedFd = fs::File::open(root).unwrap().into();
    for _ in 0..depth {
        mkdirat(&current, "d", Mode::RWXU).unwrap();
        drop(openat(&current, "f", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR).unwrap());
        current = openat(&current, "d", flags, Mode::empty()).unwrap();
    }
}

#[test]
fn deep_nesting_takes_neither_stack_nor_handles() {
    let folder = tempfile::tempdir().unwrap();
    nest(folder.path(), 3000);
    let opened = opened(folder.path());
    let source = opened.sources[0].as_ref();
    let mut most = 0;
    let mut items = 0;
    let report = source
        .walk(&mut |_| {
            items += 1;
            if items % 100 == 0 {
                most = most.max(fs::read_dir("/proc/self/fd").unwrap().count());
            }
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((report.items, report.issues), (6001, 0));
    // 128 of the walk, those of the tests that run beside this one, and room.
    assert!(most < 300, "{most} handles");
    let walked = walk(source);
    let deepest = walked.entries.iter().max_by_key(|entry| entry.facts.names[0].0.len()).unwrap();
    assert!(deepest.facts.names[0].0.len() >= 5999);
    let file = walked
        .entries
        .iter()
        .filter(|entry| entry.facts.kind == Kind::File)
        .max_by_key(|e| e.facts.names[0].0.len());
    assert_eq!(common::content(source, file.unwrap()), b"");
    common::run("rm", &["-rf", folder.path().to_str().unwrap()]);
}

#[test]
fn a_walk_can_be_ended() {
    let folder = tempfile::tempdir().unwrap();
    populate(folder.path(), 1 << 20);
    let opened = opened(folder.path());
    let mut count = 0;
    let report = opened.sources[0].walk(&mut |_| {
        count += 1;
        if count == 10 { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
    });
    let report = report.unwrap();
    assert_eq!((report.items, report.complete), (10, false));
}

#[test]
fn a_closed_folder_is_an_item_and_nothing_below_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("closed/deep")).unwrap();
    fs::create_dir(root.join("open")).unwrap();
    for file in ["closed/a", "closed/deep/b", "open/c"] {
        fs::write(root.join(file), file).unwrap();
    }
    let image = folder.path().join("image");
    fs::File::create(&image).unwrap().set_len(4 << 20).unwrap();
    common::run("mke2fs", &["-q", "-t", "ext4", "-d", root.to_str().unwrap(), image.to_str().unwrap()]);
    for medium in [&root, &image] {
        let opened = opened(medium);
        let mut names = Vec::new();
        let closed = |path: &scope::RawName| path.bytes() == b"/closed";
        opened.sources[0]
            .walk_with(&WalkOptions { closed: &closed, ..WalkOptions::default() }, &mut |event| {
                if let source::WalkEvent::Item(entry) = event {
                    names.push(entry.facts.names[0].to_string());
                }
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        names.retain(|name| name != "/lost+found");
        names.sort();
        assert_eq!(names, ["/", "/closed", "/open", "/open/c"], "{}", medium.display());
    }
}

#[test]
fn a_size_that_no_record_can_state_is_not_stated_and_not_read() {
    // Only some file systems, tmpfs among them, have files that long.
    let Ok(folder) = tempfile::tempdir_in("/dev/shm") else { return };
    let check = |name: &str, size: u64, sound: bool| {
        let Ok(()) = fs::File::create(folder.path().join(name)).unwrap().set_len(size) else { return };
        let opened = opened(folder.path());
        let source = opened.sources[0].as_ref();
        let walked = walk(source);
        let path = format!("/{name}");
        let entry =
            walked.entries.iter().find(|entry| entry.facts.names[0].bytes() == path.as_bytes()).unwrap();
        assert_eq!(entry.facts.size, sound.then_some(size));
        let issue = walked.issues.iter().any(|issue| issue.locator.as_deref() == Some(&entry.locator));
        assert_eq!(issue, !sound);
        match source.open(entry) {
            Ok(stream) => assert!(sound && stream.declared_len() == size),
            Err(error) => assert!(!sound && matches!(error, SourceError::Corrupt(_)), "{error}"),
        }
    };
    check("most", (1 << 53) - 1, true);
    check("more", 1 << 53, false);
}

#[test]
fn an_item_with_more_names_than_a_record_holds_says_so_and_hides_none() {
    let folder = tempfile::tempdir().unwrap();
    let deep = (0..12).fold(folder.path().to_owned(), |path, _| path.join("d".repeat(250)));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("first"), b"x").unwrap();
    let links = 1600;
    for number in 0..links {
        fs::hard_link(deep.join("first"), deep.join(format!("link-{number}"))).unwrap();
    }
    let opened = opened(folder.path());
    let walked = walk(opened.sources[0].as_ref());
    let item = walked.entries.iter().find(|entry| entry.facts.kind == Kind::File).unwrap();
    assert_eq!(item.facts.links, Some(links + 1));
    let names = item.facts.names.len() as u64;
    assert!(names > 1000 && names < links, "{names}");
    assert!(walked.issues.iter().any(|issue| issue.what.contains("of which")), "{:?}", walked.issues);
}

/// What is kept of a file of 200,000 bytes that is changed after it was opened and 1,000 bytes were read: the bytes, what is
/// missing, and the last word.
fn kept_while(change: &dyn Fn(&Path)) -> (Vec<u8>, Vec<(u64, u64)>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, common::noise(200_000, 1)).unwrap();
    let opened = opened(folder.path());
    let source = opened.sources[0].as_ref();
    let walked = walk(source);
    let mut stream = PastGaps::new(source.open_to_keep(&walked.entries[1]).unwrap());
    let mut bytes = vec![0; 1000];
    stream.read_exact(&mut bytes).unwrap();
    change(&path);
    let error = stream.read_to_end(&mut bytes).unwrap_err();
    assert!(matches!(StreamFault::of(&error), Some(StreamFault::ChangedDuringRead(_))), "{error}");
    (bytes, stream.missing().to_vec(), error.to_string())
}

#[test]
fn a_file_that_changes_while_it_is_kept_is_kept_and_the_last_word_says_so() {
    let (bytes, missing, what) = kept_while(&|path| {
        let file = fs::File::options().write(true).open(path).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"x", 199_999).unwrap();
    });
    let mut expected = common::noise(200_000, 1);
    expected[199_999] = b'x';
    assert!(bytes == expected && missing.is_empty());
    assert!(what.contains("size 200000 then 200000, modified "), "{what}");
}

#[test]
fn of_a_file_that_shrinks_while_it_is_kept_the_rest_is_missing() {
    let (bytes, missing, what) =
        kept_while(&|path| fs::File::options().write(true).open(path).unwrap().set_len(50_000).unwrap());
    let mut expected = common::noise(200_000, 1);
    expected[50_000..].fill(0);
    assert!(bytes == expected);
    assert_eq!(missing, [(50_000, 200_000)]);
    assert!(what.contains("size 200000 then 50000"), "{what}");
}

#[test]
fn of_a_file_that_grows_while_it_is_kept_what_the_walk_saw_is_kept() {
    let (bytes, missing, what) =
        kept_while(&|path| fs::File::options().append(true).open(path).unwrap().write_all(b"more").unwrap());
    assert!(bytes == common::noise(200_000, 1) && missing.is_empty());
    assert!(what.contains("size 200000 then 200004"), "{what}");
}

#[test]
fn a_file_that_vanishes_while_it_is_kept_is_kept_and_one_that_is_gone_before_is_an_error() {
    let (bytes, missing, what) = kept_while(&|path| fs::remove_file(path).unwrap());
    assert!(bytes == common::noise(200_000, 1) && missing.is_empty());
    assert!(what.contains("changed "), "{what}");

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "content").unwrap();
    let opened = opened(folder.path());
    let source = opened.sources[0].as_ref();
    let walked = walk(source);
    fs::remove_file(folder.path().join("file")).unwrap();
    assert!(matches!(source.open_to_keep(&walked.entries[1]), Err(SourceError::Io(..))));
}

#[test]
fn a_file_that_changed_since_the_walk_is_kept_as_long_as_the_walk_saw_and_looked_at_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "before").unwrap();
    let opened = opened(folder.path());
    let source = opened.sources[0].as_ref();
    let walked = walk(source);
    let entry = &walked.entries[1];
    fs::write(&path, "later and longer").unwrap();
    let refused = source.open(entry).err().unwrap();
    assert!(matches!(refused, SourceError::Changed(_)), "{refused}");
    if !entry.facts.times.iter().any(|time| time.of == TimeKind::Created) {
        return; // nothing tells here that it is the same item
    }
    let mut stream = PastGaps::new(source.open_to_keep(entry).unwrap());
    let mut bytes = Vec::new();
    let error = stream.read_to_end(&mut bytes).unwrap_err();
    assert_eq!(bytes, b"later ");
    assert!(error.to_string().contains("size 6 then 16"), "{error}");
    // Another file in its place is another item.
    fs::write(folder.path().join("other"), "before").unwrap();
    fs::rename(folder.path().join("other"), &path).unwrap();
    assert!(matches!(source.open_to_keep(entry), Err(SourceError::Changed(_))));
}
