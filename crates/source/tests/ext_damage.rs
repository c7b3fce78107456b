//! Damaged, hostile and unfinished ext images: an error or an issue, never a panic, a hang or a silent short read.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Walked, content, image, noise, run, walk};
use scope::facts::{Kind, TimeKind};

use source::{Entry, OpenOptions, SourceError, WalkEvent, WalkOptions, open};

/// An image with one file of each sort, and the folder that holds it.
fn small(options: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir_all(tree.join("dir/inner")).unwrap();
    for (name, length) in [("file", 5), ("dir/empty", 0), ("dir/block", 1024), ("dir/inner/long", 40_000)] {
        fs::write(tree.join(name), noise(length, 3)).unwrap();
    }
    let sparse = fs::File::create(tree.join("sparse")).unwrap();
    for index in 0..120 {
        std::os::unix::fs::FileExt::write_all_at(&sparse, b"data", index * 4096).unwrap();
    }
    fs::File::create(tree.join("hole")).unwrap().set_len(1 << 20).unwrap();
    fs::hard_link(tree.join("file"), tree.join("dir/other")).unwrap();
    std::os::unix::fs::symlink("../file", tree.join("dir/link")).unwrap();
    for index in 0..60 {
        fs::write(tree.join(format!("dir/inner/a-rather-long-name-{index:03}")), b"x").unwrap();
    }
    let image = image(folder.path(), &tree, "4M", options);
    (folder, image)
}

/// Changes an image with debugfs, which reports errors in words alone.
fn debugfs(image: &Path, commands: &str) {
    let mut child = Command::new("/usr/sbin/debugfs")
        .args(["-w", image.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{commands}\nquit\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

fn opened(image: &Path) -> source::Opened {
    open(image, &OpenOptions::default()).unwrap()
}

fn find<'a>(walked: &'a Walked, name: &str) -> &'a Entry {
    let named = |entry: &&Entry| entry.facts.names.iter().any(|known| known.bytes() == name.as_bytes());
    walked.entries.iter().find(named).unwrap_or_else(|| panic!("no {name}"))
}

fn has_issue(walked: &Walked, locator: Option<&str>, words: &str) -> bool {
    walked
        .issues
        .iter()
        .any(|issue| issue.what.contains(words) && (locator.is_none() || issue.locator.as_deref() == locator))
}

const EXT4: &[&str] = &["-t", "ext4", "-b", "1024"];

#[test]
fn a_file_made_a_pipe_is_told_with_its_bytes() {
    for (kind, mode) in [("fifo", "010644"), ("device", "020644"), ("block", "060644"), ("socket", "0140644")]
    {
        let (_folder, image) = small(EXT4);
        let before = walk(opened(&image).sources[0].as_ref());
        assert!(!has_issue(&before, None, "that has no content"));
        debugfs(&image, &format!("sif /dir/inner/long mode {mode}"));
        let walked = walk(opened(&image).sources[0].as_ref());
        let entry = find(&walked, "/dir/inner/long");
        assert_eq!(entry.facts.size, None);
        assert!(has_issue(&walked, Some(&entry.locator), "40000 bytes ("), "{kind}: {:?}", walked.issues);
        // Without its size, the map tells.
        debugfs(&image, "sif /dir/inner/long size 0");
        let walked = walk(opened(&image).sources[0].as_ref());
        assert!(has_issue(&walked, Some(&entry.locator), "0 bytes (40960 allocated)"), "{:?}", walked.issues);
    }
}

#[test]
fn blocks_of_a_reserved_inode_are_told() {
    let (folder, image) = small(EXT4);
    let limits = |image: &Path| opened(image).sources[0].info().limits.join("\n");
    assert!(!limits(&image).contains("is no item"), "{}", limits(&image));
    let list = folder.path().join("bad");
    fs::write(&list, (3000..3064).map(|block| format!("{block}\n")).collect::<String>()).unwrap();
    let done = Command::new("/usr/sbin/e2fsck").args(["-fy", "-l"]).args([&list, &image]).output().unwrap();
    assert!(done.status.code().unwrap() < 4, "{done:?}");
    let said = limits(&image);
    assert!(
        said.contains(
            "inode 1, which is kept for a list of bad blocks and is no item, has a size of 65536 bytes"
        ),
        "{said}"
    );
}

#[test]
fn times_from_1901_to_2446() {
    let (_folder, image) = small(&["-t", "ext4", "-b", "1024", "-I", "256"]);
    let check = |field: &str, value: &str, extra: &str, expect: i128| {
        debugfs(&image, &format!("sif /file {field} {value}\nsif /file {field}_extra {extra}"));
        let opened = opened(&image);
        let walked = walk(opened.sources[0].as_ref());
        assert!(!has_issue(&walked, None, "checksum"));
        let times = &find(&walked, "/file").facts.times;
        let of = if field == "mtime" { TimeKind::Modified } else { TimeKind::Created };
        assert_eq!(times.iter().find(|time| time.of == of).unwrap().ns, expect, "{field} {value} {extra}");
    };
    check("mtime", "@0x80000000", "0", -2_147_483_648_000_000_000);
    check("mtime", "@0xFFFFFFFF", "0xEE6B27FC", -1_000_000_000 + 999_999_999);
    check("mtime", "@0x80000000", "1", 2_147_483_648_000_000_000);
    check("mtime", "@0x7FFFFFFF", "3", 15_032_385_535_000_000_000);
    check("crtime", "@0x00000001", "0x4", 1_000_000_001);
}

#[test]
fn a_journal_is_applied_in_memory_and_the_record_says_so() {
    for version in ["1", "2", "3"] {
        let (folder, image) = small(EXT4);
        let original = fs::read(&image).unwrap();
        let path = image.to_str().unwrap();
        let blocks = String::from_utf8(run("debugfs", &["-R", "blocks /dir/block", path])).unwrap();
        let block = blocks.trim();
        let mut newest = noise(1024, 99);
        newest[..4].copy_from_slice(&[0xC0, 0x3B, 0x39, 0x98]); // the journal's own magic: must come back unescaped
        let newest_file = folder.path().join("newest");
        fs::write(&newest_file, &newest).unwrap();
        let newest_path = newest_file.to_str().unwrap();
        let start = if version == "1" { "jo".to_owned() } else { format!("jo -c -v {version}") };
        debugfs(&image, &format!("{start}\njw -b {block} {newest_path}\njc"));
        let written = fs::read(&image).unwrap();
        assert_ne!(written, original);

        let opened = opened(&image);
        let limits = opened.medium.limits.join("; ");
        assert!(limits.contains("not unmounted cleanly"), "{limits}");
        assert!(limits.contains("applied in memory: 1 transactions, 1 blocks"), "{limits}");
        let source = opened.sources[0].as_ref();
        let walked = walk(source);
        assert!(content(source, find(&walked, "/dir/block")) == newest, "version {version}");
        assert_eq!(fs::read(&image).unwrap(), written, "the image was changed");

        // A revoked block is not applied.
        debugfs(&image, &format!("{start}\njw -r {block}\njc"));
        let opened = open(&image, &OpenOptions::default()).unwrap();
        let source = opened.sources[0].as_ref();
        let walked = walk(source);
        assert!(content(source, find(&walked, "/dir/block")) == noise(1024, 3), "version {version}: revoked");
    }
}

#[test]
fn a_damaged_journal_is_a_limit() {
    let (folder, image) = small(EXT4);
    let newest = folder.path().join("newest");
    fs::write(&newest, noise(1024, 98)).unwrap();
    debugfs(&image, &format!("jo -c -v 3\njw -b 1000 {}\njc", newest.display()));
    let mut bytes = fs::read(&image).unwrap();
    let at = bytes.windows(64).position(|window| window == &noise(1024, 98)[..64]).unwrap();
    bytes[at + 100] ^= 1;
    let source = source::file_system(Arc::new(bytes)).unwrap();
    let limits = source.info().limits.join("; ");
    assert!(limits.contains("a block of the journal is damaged"), "{limits}");
    assert!(limits.contains("0 transactions, 0 blocks"), "{limits}");
}

#[test]
fn encrypted_content_is_an_issue_and_never_bytes() {
    let (_folder, image) = small(EXT4);
    debugfs(&image, "sif /file flags 0x80800\nsif /dir flags 0x80800");
    let opened = opened(&image);
    let source = opened.sources[0].as_ref();
    let walked = walk(source);
    let file = find(&walked, "/file");
    assert!(has_issue(&walked, Some(&file.locator), "encrypted (fscrypt)"));
    assert!(matches!(source.open(file), Err(SourceError::NoContent(_))));
    let dir = find(&walked, "/dir");
    assert!(has_issue(&walked, Some(&dir.locator), "names in this directory are encrypted"));
    // Its items are walked, without names.
    assert_eq!(walked.entries.iter().filter(|entry| entry.facts.names.is_empty()).count(), 4 + 61);
    assert!(walked.report.coverage.iter().all(|(_, walked, expected)| walked == expected));
}

#[test]
fn a_directory_inside_itself_ends_the_walk_there() {
    let (_folder, image) = small(EXT4);
    debugfs(&image, "link /dir /dir/inner/again\nlink / /dir/root");
    let opened = opened(&image);
    let walked = walk(opened.sources[0].as_ref());
    assert!(walked.report.complete);
    let dir = find(&walked, "/dir").locator.clone();
    assert!(has_issue(&walked, Some(&dir), "further name"));
    assert_eq!(walked.issues.iter().filter(|issue| issue.what.contains("further name")).count(), 2);
}

#[test]
fn a_forged_link_count_hides_no_name() {
    let (_folder, image) = small(EXT4);
    debugfs(&image, "sif /file links_count 1\nsif /dir/block links_count 0\nlink /dir/block /second");
    debugfs(&image, "sif /dir/block links_count 0");
    let opened = opened(&image);
    let source = opened.sources[0].as_ref();
    let walked = walk(source);
    let check = |names: &[&str], links: u64| {
        let at = walked.entries.iter().position(|entry| {
            let names = names.iter().map(|name| name.as_bytes());
            entry.facts.names.iter().map(|known| known.bytes()).eq(names)
        });
        let at = at.unwrap_or_else(|| panic!("no item with the names {names:?}"));
        let entry = &walked.entries[at];
        assert!(at + 2 >= walked.entries.len(), "{names:?} did not wait for the end");
        assert_eq!(entry.facts.links, Some(links), "what the inode states");
        assert!(has_issue(&walked, Some(&entry.locator), "its link count is wrong"));
    };
    check(&["/dir/other", "/file"], 1);
    check(&["/dir/block", "/second"], 0);
    assert_eq!(walked.issues.len(), 2, "{:?}", walked.issues);
    assert_eq!(walked.report.names, walked.report.items + 2);

    // What is closed is not entered to count either.
    let (mut names, mut issues) = (Vec::new(), 0);
    let closed = |path: &scope::RawName| path.bytes() == b"/dir";
    source
        .walk_with(&WalkOptions { closed: &closed, ..WalkOptions::default() }, &mut |event| {
            match event {
                WalkEvent::Item(entry) => names.extend(entry.facts.names.into_iter().map(|name| name.0)),
                WalkEvent::Issue(_) => issues += 1,
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    let expect = ["/", "/dir", "/file", "/hole", "/lost+found", "/second", "/sparse"];
    assert_eq!(names, expect.map(|name| name.as_bytes().to_vec()));
    assert_eq!(issues, 0);
}

#[test]
fn an_unused_inode_keeps_all_its_names() {
    let (_folder, image) = small(EXT4);
    debugfs(&image, "link /dir/block /second\nclri /dir/block");
    let walked = walk(opened(&image).sources[0].as_ref());
    assert_eq!(find(&walked, "/second").locator, find(&walked, "/dir/block").locator);
    assert_eq!(find(&walked, "/second").facts.kind, Kind::Other);
}

#[test]
fn a_size_that_no_file_can_have_is_neither_stated_nor_read() {
    let (_extents, extents) = small(EXT4);
    let (_numbers, numbers) = small(&["-t", "ext2", "-b", "1024"]);
    let (_large, large) = small(&["-t", "ext2", "-b", "4096"]);
    let check = |image: &Path, size: u64, sound: bool| {
        debugfs(image, &format!("sif /file size {size}"));
        let opened = opened(image);
        let source = opened.sources[0].as_ref();
        let walked = walk(source);
        let file = find(&walked, "/file");
        assert_eq!(file.facts.size, sound.then_some(size), "{size}");
        assert_eq!(has_issue(&walked, Some(&file.locator), "larger size"), !sound, "{size}");
        match source.open(file) {
            Ok(stream) => assert!(sound && stream.declared_len() == size, "{size}"),
            Err(error) => assert!(!sound && matches!(error, SourceError::Corrupt(_)), "{size}: {error}"),
        }
    };
    check(&extents, 1 << 42, true);
    check(&extents, (1 << 42) + 1, false);
    check(&extents, u64::MAX, false);
    let most = (12 + 256 + 256 * 256 + 256 * 256 * 256) * 1024;
    check(&numbers, most, true);
    check(&numbers, most + 1, false);
    check(&large, (1 << 53) - 1, false);
}

#[test]
fn more_blocks_than_a_record_can_state_are_not_stated() {
    let (_folder, image) = small(&["-t", "ext4", "-b", "4096", "-O", "huge_file"]);
    debugfs(&image, "sif /file flags 0xC0000\nsif /file blocks 0xFFFFFFFFFFFF");
    let walked = walk(opened(&image).sources[0].as_ref());
    let file = find(&walked, "/file");
    assert_eq!(file.facts.allocated, None);
    assert!(has_issue(&walked, Some(&file.locator), "more blocks than a record"));
}

#[test]
fn a_name_of_an_unused_inode_stays_on_record() {
    let (_folder, image) = small(EXT4);
    debugfs(&image, "clri /dir/block");
    let opened = opened(&image);
    let walked = walk(opened.sources[0].as_ref());
    let entry = find(&walked, "/dir/block");
    assert_eq!(entry.facts.kind, Kind::Other);
    assert!(has_issue(&walked, Some(&entry.locator), "not in use"));
}

#[test]
fn a_hashed_directory_with_the_bytes_of_an_old_tail_is_whole() {
    let (_folder, image) = small(EXT4);
    let path = image.to_str().unwrap();
    // e2fsck leaves 1 behind when it has changed something.
    Command::new("/usr/sbin/e2fsck").args(["-fyD", path]).stdout(Stdio::null()).status().unwrap();
    let blocks = String::from_utf8(run("debugfs", &["-R", "blocks /dir/inner", path])).unwrap();
    let root: usize = blocks.split_whitespace().next().unwrap().parse().unwrap();
    assert!(run("debugfs", &["-R", "htree /dir/inner", path]).len() > 100, "the directory is not hashed");
    let mut bytes = fs::read(&image).unwrap();
    // What the kernel leaves of a directory that outgrew its first block: the beginning of that block's tail.
    let tail = (root + 1) * 1024 - 12;
    bytes[tail..tail + 8].copy_from_slice(&[0, 0, 0, 0, 12, 0, 0, 0xDE]);
    let source = source::file_system(Arc::new(bytes)).unwrap();
    let walked = walk(source.as_ref());
    assert_eq!(walked.issues, vec![]);
    assert!(walked.report.coverage.iter().all(|(_, walked, expected)| walked == expected));
}

/// Found by fuzzing: each group was asked for its deleted inodes, and refused one by one.
#[test]
fn groups_without_number_keep_nobody_busy() {
    let (_folder, image) = small(&["-t", "ext4", "-b", "1024", "-O", "64bit"]);
    let mut bytes = fs::read(&image).unwrap();
    bytes[1024 + 0x150..][..4].copy_from_slice(&u32::MAX.to_le_bytes());
    let check = |bytes: &[u8]| {
        let source = source::file_system(Arc::new(bytes.to_vec())).unwrap();
        let options = WalkOptions { deleted: true, ..WalkOptions::default() };
        let began = Instant::now();
        let report = source.walk_with(&options, &mut |_| ControlFlow::Continue(())).unwrap();
        assert!(report.complete && (60..300_000).contains(&report.items), "{}", report.items);
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    };
    check(&bytes);
    // Nor do inodes without number, in tables that overlap.
    bytes[1024..1028].copy_from_slice(&(1_u32 << 28).to_le_bytes());
    check(&bytes);
}

/// Found by fuzzing: such an inode was yielded twice, as a file and as a deleted one, under one locator.
#[test]
fn an_inode_with_a_name_is_not_deleted_whatever_the_bitmap_says() {
    let (_folder, image) = small(EXT4);
    debugfs(&image, "freei /file");
    let opened = opened(&image);
    let options = WalkOptions { deleted: true, ..WalkOptions::default() };
    let (mut locators, mut issues) = (Vec::new(), Vec::new());
    let report = opened.sources[0].walk_with(&options, &mut |event| {
        match event {
            WalkEvent::Item(entry) => locators.push(entry.locator),
            WalkEvent::Issue(issue) => issues.push(issue.what),
        }
        ControlFlow::Continue(())
    });
    let items = locators.len();
    assert_eq!(report.unwrap().items, items as u64);
    locators.sort();
    locators.dedup();
    assert_eq!(locators.len(), items);
    assert_eq!(issues.iter().filter(|what| what.contains("counts it as free")).count(), 1, "{issues:?}");
}

#[test]
fn unknown_features_are_refused_by_name() {
    let check = |bits: u32, words: &str| {
        let (_folder, image) = small(EXT4);
        let mut bytes = fs::read(&image).unwrap();
        let field = 1024 + 0x60;
        let features = u32::from_le_bytes(bytes[field..field + 4].try_into().unwrap()) | bits;
        bytes[field..field + 4].copy_from_slice(&features.to_le_bytes());
        let error = source::file_system(Arc::new(bytes)).err().unwrap().to_string();
        assert!(error.contains(words), "{error}");
    };
    check(0x1, "compression");
    check(0x8, "journal device");
    check(0x8000_0000, "0x80000000");
}

/// `mke2fs -d` writes a file that is one hole so. Linux 6.18 gives zeros up to the size, and `e2fsck` finds nothing wrong.
#[test]
fn inline_content_shorter_than_its_size_goes_on_with_zeros_and_the_record_says_how_many() {
    let (_folder, image) = small(&["-t", "ext4", "-O", "inline_data", "-I", "256"]);
    let opened = opened(&image);
    let source = opened.sources[0].as_ref();
    let walked = walk(source);
    let entry = find(&walked, "/hole");
    let mut content = Vec::new();
    source.open(entry).unwrap().read_to_end(&mut content).unwrap();
    assert_eq!(content.len(), 1_048_576);
    assert!(content.iter().all(|byte| *byte == 0));
    let unwritten = entry.facts.attributes.iter().find(|own| own.name.bytes() == b"ext.unwritten").unwrap();
    let bytes: u64 = String::from_utf8_lossy(&unwritten.value.0).parse().unwrap();
    assert!((1_048_576 - 256..1_048_576).contains(&bytes), "{bytes}");
}

/// The bytes that are there come first, and a link has no zeros in its target.
#[test]
fn what_an_inode_holds_of_its_size_is_read_and_no_link_is_filled_up() {
    let (_folder, image) = small(&["-t", "ext4", "-O", "inline_data", "-I", "256"]);
    let short = image.with_file_name("short");
    fs::write(&short, "short").unwrap();
    let link = "x".repeat(100);
    debugfs(
        &image,
        &format!(
            "write {} short\nsymlink link {link}\nsif short size 5000\nsif link size 3000",
            short.display()
        ),
    );
    let opened = opened(&image);
    let source = opened.sources[0].as_ref();
    let walked = walk(source);
    let mut content = Vec::new();
    source.open(find(&walked, "/short")).unwrap().read_to_end(&mut content).unwrap();
    assert_eq!((content.len(), &content[..6]), (5000, &b"short\0"[..]));
    assert_eq!(find(&walked, "/link").facts.link_target, None);
    let flags = run("debugfs", &["-R", "stat link", image.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&flags).contains("Flags: 0x10000000"), "not inside the inode");
    let told = walked.issues.iter().any(|issue| issue.what.contains("the link's target could not be read"));
    assert!(told, "{:?}", walked.issues);
}

/// Walks and reads all that can be read. Every stream that ends well delivers its declared length.
fn survive(bytes: Vec<u8>, what: &str) -> Option<(u64, u64, u64)> {
    let began = Instant::now();
    let source = source::file_system(Arc::new(bytes)).ok()?;
    let mut entries = Vec::new();
    let report = source
        .walk(&mut |event| {
            if let WalkEvent::Item(entry) = event {
                entries.push(entry);
            }
            ControlFlow::Continue(())
        })
        .ok()?;
    let mut failed = 0;
    for entry in entries.iter().filter(|entry| entry.facts.kind == Kind::File) {
        let Ok(mut stream) = source.open(entry) else {
            failed += 1;
            continue;
        };
        // A mutant may claim a size of exabytes, all of it a hole: read its beginning.
        let declared = stream.declared_len();
        let mut head = Vec::new();
        match stream.by_ref().take(READ).read_to_end(&mut head) {
            Ok(count) => assert_eq!(count as u64, declared.min(READ), "{what}: a silent short read"),
            Err(_) => failed += 1,
        }
    }
    assert!(began.elapsed() < Duration::from_secs(30), "{what}: took {:?}", began.elapsed());
    Some((report.items, report.issues, failed))
}

const READ: u64 = 4 << 20;

#[test]
fn single_byte_mutants_neither_crash_nor_hang_nor_fall_short() {
    for options in
        [EXT4, &["-t", "ext4", "-b", "1024", "-O", "^metadata_csum"], &["-t", "ext2", "-b", "1024"]]
    {
        let (_folder, image) = small(options);
        let original = fs::read(&image).unwrap();
        let whole = survive(original.clone(), "the original");
        assert!(
            whole.is_some_and(|(items, issues, failed)| items > 60 && issues == 0 && failed == 0),
            "{whole:?}"
        );
        // Bytes that are neither are structure or content; mutate all over them.
        let used: Vec<usize> =
            (1024..original.len()).filter(|at| !matches!(original[*at], 0 | 0xFF)).collect();
        let mut noticed = 0;
        let choice = noise(400 * 5, 17);
        for pick in choice.chunks_exact(5) {
            let index = u32::from_le_bytes(pick[..4].try_into().unwrap()) as usize;
            // Half of them in the superblock, descriptors and first inodes, where it hurts.
            let at = if index.is_multiple_of(2) {
                used[index / 2 % used.len().min(3000)]
            } else {
                used[index / 2 % used.len()]
            };
            let mut mutant = original.clone();
            mutant[at] ^= pick[4].max(1);
            if survive(mutant, &format!("byte {at} with {:#x}", pick[4])) != whole {
                noticed += 1;
            }
        }
        assert!(noticed > 10, "the mutants changed nothing: {noticed}");
    }
}

#[test]
fn truncated_images_fail_aloud() {
    let (_folder, image) = small(EXT4);
    let original = fs::read(&image).unwrap();
    for keep in (0..original.len()).step_by(64 << 10).chain([1, 1024, 1500, 2047, 2048, 3000]) {
        let mut bytes = original.clone();
        bytes.truncate(keep);
        if let Ok(source) = source::file_system(Arc::new(bytes.clone())) {
            assert!(source.info().limits.join(";").contains("its file system claims"), "{keep}");
        }
        survive(bytes, &format!("the first {keep} bytes"));
    }
}
