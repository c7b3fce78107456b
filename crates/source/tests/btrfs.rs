//! btrfs images made with btrfs-progs and by the kernel, against the trees that they were made from.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Seen, Walked, expected, noise, populate, run, seen, walk};
use scope::facts::Kind;
use source::bytes::{ByteSource, RawFile, ReadFault};
use source::{Entry, Source, SourceError};

/// Whether the tools are there. In CI they must be.
fn can(program: &str) -> bool {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let found = std::process::Command::new(program).arg("--version").env("PATH", path).output().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "{program} is not installed");
    if !found {
        eprintln!("{program} is not installed: btrfs was NOT tested");
    }
    found
}

fn source(image: &Path) -> Box<dyn Source> {
    let file = File::open(image).unwrap();
    let length = file.metadata().unwrap().len();
    source::file_system(Arc::new(RawFile::new(file, length))).unwrap()
}

/// An image of `tree`, made by mkfs.btrfs.
fn image(folder: &Path, tree: &Path, options: &[&str]) -> PathBuf {
    let image = folder.join("image");
    File::create(&image).unwrap().set_len(200 << 20).unwrap();
    let mut arguments = vec!["-q", "--rootdir", tree.to_str().unwrap()];
    arguments.extend(options);
    arguments.push(image.to_str().unwrap());
    run("mkfs.btrfs", &arguments);
    image
}

/// What differs is printed by name, without the content.
fn compare(mut seen: BTreeMap<Vec<u8>, Seen>, mut expected: BTreeMap<Vec<u8>, Seen>) {
    for items in [&mut seen, &mut expected] {
        items.remove(&b"/"[..]).unwrap();
    }
    assert_eq!(seen.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, item) in &seen {
        let other = &expected[name];
        let brief =
            |item: &Seen| (item.content.as_ref().map(Vec::len), Seen { content: None, ..item.clone() });
        assert_eq!(brief(item), brief(other), "{}", String::from_utf8_lossy(name));
        assert!(item.content == other.content, "{}", String::from_utf8_lossy(name));
    }
}

fn whole(source: &dyn Source) -> Walked {
    let walked = walk(source);
    assert_eq!(walked.issues, vec![]);
    assert!(walked.report.complete);
    for (what, walked, expected) in &walked.report.coverage {
        assert_eq!(walked, expected, "{what}");
    }
    assert_eq!(walked.report.coverage.len(), 2);
    walked
}

fn check(options: &[&str]) {
    if !can("mkfs.btrfs") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    populate(&tree, 1 << 20);
    let source = source(&image(folder.path(), &tree, options));
    assert_eq!(source.info().limits, Vec::<String>::new());
    assert_eq!(source.info().file_system, "btrfs");
    let walked = whole(source.as_ref());
    let mut expected = expected(&tree);
    // Each directory counts one link.
    for item in expected.values_mut().filter(|item| item.kind == Kind::Directory) {
        item.links = 1;
    }
    compare(seen(source.as_ref(), &walked), expected);
}

#[test]
fn two_copies_of_the_trees() {
    check(&["-m", "dup", "-d", "single"]);
}

#[test]
fn one_copy_of_the_trees_in_the_smallest_blocks() {
    check(&["-m", "single", "-d", "single", "-n", "4k", "--csum", "xxhash"]);
}

#[test]
fn two_copies_of_everything_in_the_largest_blocks() {
    check(&["-m", "dup", "-d", "dup", "-n", "64k", "--csum", "sha256"]);
}

#[test]
fn data_and_trees_in_the_same_chunks() {
    check(&["--mixed", "--csum", "blake2", "-O", "^no-holes"]);
}

/// A mounted image; unmounted when the test ends, however it ends.
struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        let umount = |arguments: &[&str]| {
            let output = std::process::Command::new("umount").args(arguments).arg(&self.0).output();
            output.is_ok_and(|output| output.status.success())
        };
        if !umount(&[]) {
            umount(&["--lazy"]);
            assert!(std::thread::panicking(), "the image is still in use, and would be compared too early");
        }
    }
}

impl Mount {
    fn new(image: &Path, at: &Path, options: &str) -> Self {
        fs::create_dir_all(at).unwrap();
        run(
            "mount",
            &["-t", "btrfs", "-o", &format!("loop,{options}"), image.to_str().unwrap(), at.to_str().unwrap()],
        );
        Self(at.to_owned())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn run(&self, program: &str, arguments: &[&str], name: &str) {
        run(program, &[arguments, &[self.path(name).to_str().unwrap()]].concat());
    }
}

/// Whether images can be made by the kernel itself: it knows btrfs, and the test may mount. In CI both must hold.
fn kernel_can() -> bool {
    let knows = fs::read_to_string("/proc/filesystems").unwrap().contains("btrfs");
    let can = knows && rustix::process::geteuid().is_root() && can("mkfs.btrfs");
    assert!(can || std::env::var_os("CI").is_none(), "btrfs cannot be mounted here");
    if !can {
        eprintln!("btrfs cannot be mounted here: the comparison with the kernel was NOT made");
    }
    can
}

/// Bytes that pack well, differing all along.
fn text(length: usize) -> Vec<u8> {
    let lines = (0..)
        .flat_map(|line: u64| format!("line {line}, and what is said in it {}\n", line * line).into_bytes());
    lines.take(length).collect()
}

/// Files packed in one way, or in none: small ones, cut ones, lengthened ones, rewritten in the middle, shared.
fn fill(mount: &Mount, folder: &str) {
    let write = |name: &str, bytes: &[u8]| fs::write(mount.path(&format!("{folder}/{name}")), bytes).unwrap();
    let change =
        |name: &str| OpenOptions::new().write(true).open(mount.path(&format!("{folder}/{name}"))).unwrap();
    fs::create_dir_all(mount.path(folder)).unwrap();
    for length in [1, 100, 1900, 2049, 4095, 4096, 4097, 50_000, 131_071, 131_072, 131_073, 700_001] {
        write(&format!("text-{length}"), &text(length));
    }
    write("zeros", &vec![0; 1 << 20]);
    write("mixed", &[text(200_000), noise(200_000, 5), text(200_000)].concat());
    for name in ["rewritten", "cut", "longer", "holed"] {
        write(name, &text(500_000));
    }
    run("sync", &[]);
    change("rewritten").write_all_at(&noise(9000, 6), 70_001).unwrap();
    change("cut").set_len(123_457).unwrap();
    change("longer").set_len(900_001).unwrap();
    mount.run("fallocate", &["-p", "-o", "40000", "-l", "300000"], &format!("{folder}/holed"));
    run("sync", &[]);
    let from = mount.path(&format!("{folder}/mixed"));
    mount.run("cp", &["--reflink=always", from.to_str().unwrap()], &format!("{folder}/shared"));
    change("shared").write_all_at(b"changed", 300_000).unwrap();
}

fn fill_others(mount: &Mount) {
    populate(&mount.path("plain"), 1 << 20);
    let fragments = File::create(mount.path("fragments")).unwrap();
    for index in 0..300_u64 {
        fragments.write_all_at(&noise(4096, index), index * 7919 % 300 * 4096).unwrap();
        if index % 20 == 0 {
            fragments.sync_all().unwrap();
        }
    }
    let reserved = File::create(mount.path("reserved")).unwrap();
    mount.run("fallocate", &["-l", "3000000"], "reserved");
    reserved.write_all_at(&noise(10_000, 1), 1_000_000).unwrap();
    mount.run("fallocate", &["-n", "-o", "1000000", "-l", "2000000"], "plain/three");
    fs::create_dir(mount.path("no-checksums")).unwrap();
    mount.run("chattr", &["+C"], "no-checksums");
    fs::write(mount.path("no-checksums/file"), noise(300_000, 2)).unwrap();
    // Two pairs of names with the same hash, which share an item.
    for name in ["f969b52af066a1e9", "00cb67e22bfcdf67", "8295669859f48663", "f5c2eb7ae2a902c0"] {
        fs::write(mount.path(name), name).unwrap();
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(mount.path("fragments"), format!("user.{name}"), name.as_bytes(), flags)
            .unwrap();
    }
    for (kind, name) in [("p", "pipe"), ("c", "character"), ("b", "block")] {
        let arguments = [mount.path(name).to_str().unwrap().to_owned(), kind.into()];
        let numbers: &[&str] = if kind == "p" { &[] } else { &["7", "9"] };
        run("mknod", &[&[arguments[0].as_str(), kind], numbers].concat());
    }
    std::os::unix::net::UnixListener::bind(mount.path("socket")).unwrap();
}

fn subvolumes(mount: &Mount) {
    let btrfs = |arguments: &[&str], name| mount.run("btrfs", &[&["subvolume"], arguments].concat(), name);
    let from = mount.path("below");
    btrfs(&["create"], "below");
    fill(mount, "below/files");
    btrfs(&["create"], "below/nested");
    fs::write(mount.path("below/nested/inner"), text(9000)).unwrap();
    btrfs(&["snapshot", from.to_str().unwrap()], "below/copy");
    btrfs(&["snapshot", "-r", from.to_str().unwrap()], "kept");
    fs::write(mount.path("below/files/zeros"), b"no longer").unwrap();
    fs::remove_file(mount.path("below/files/mixed")).unwrap();
    fs::write(mount.path("below/copy/files/cut"), b"changed").unwrap();
}

#[test]
fn what_the_kernel_wrote() {
    if !kernel_can() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    File::create(&image).unwrap().set_len(600 << 20).unwrap();
    run("mkfs.btrfs", &["-q", image.to_str().unwrap()]);
    let at = folder.path().join("mount");
    for method in ["zlib", "lzo", "zstd:15", "zstd:1", "none"] {
        let option = if method == "none" { "noatime".into() } else { format!("compress-force={method}") };
        let mount = Mount::new(&image, &at, &option);
        fill(&mount, method);
        if method == "lzo" {
            subvolumes(&mount);
        }
        if method == "none" {
            fill_others(&mount);
        }
    }

    let mount = Mount::new(&image, &at, "ro,noatime");
    let source = source(&image);
    assert_eq!(
        source.info().limits,
        [
            "2 of 5 subvolumes are snapshots, 1 of them read only; each is walked where it hangs, like a directory"
        ]
    );
    let mut walked = whole(source.as_ref());
    check_subvolumes(&mut walked);
    for (name, kind) in
        [("/character", Kind::CharDevice), ("/block", Kind::BlockDevice), ("/socket", Kind::Socket)]
    {
        assert_eq!(find(&walked, name).facts.kind, kind);
    }
    check_times(&walked, &mount);

    // What the comparison does not know: facts that are not the kernel's, and kinds that it calls by one name.
    for entry in &mut walked.entries {
        entry.facts.attributes.retain(|attribute| !attribute.name.0.starts_with(b"btrfs."));
        if matches!(entry.facts.kind, Kind::CharDevice | Kind::BlockDevice | Kind::Socket) {
            entry.facts.kind = Kind::Fifo;
        }
    }
    let mut expected = expected(&mount.0);
    for place in ["/kept/nested", "/kept/copy", "/below/copy/nested"] {
        assert_eq!(expected.remove(place.as_bytes()).map(|item| item.kind), Some(Kind::Directory), "{place}");
    }
    compare(seen(source.as_ref(), &walked), expected);
}

fn find<'a>(walked: &'a Walked, name: &str) -> &'a Entry {
    let named = |entry: &&Entry| entry.facts.names.iter().any(|known| known.bytes() == name.as_bytes());
    walked.entries.iter().find(named).unwrap_or_else(|| panic!("no {name}"))
}

/// What subvolumes say of themselves; and the empty places of those below a snapshot, which are then left out.
fn check_subvolumes(walked: &mut Walked) {
    let attribute = |name: &str, of: &str| {
        let entry = find(walked, name);
        let found = entry.facts.attributes.iter().find(|attribute| attribute.name.0 == of.as_bytes());
        found.map(|attribute| String::from_utf8(attribute.value.0.clone()).unwrap())
    };
    for (name, expect) in [
        ("/below", Some("writable")),
        ("/below/nested", Some("writable")),
        ("/below/copy", Some("snapshot")),
        ("/kept", Some("read-only snapshot")),
        ("/plain", None),
    ] {
        assert_eq!(attribute(name, "btrfs.subvolume").as_deref(), expect, "{name}");
    }
    assert_eq!(attribute("/no-checksums/file", "btrfs.checksums").as_deref(), Some("none"));
    assert_eq!(attribute("/fragments", "btrfs.checksums"), None);
    let before = walked.entries.len();
    walked.entries.retain(|entry| !entry.locator.contains("/place:"));
    assert_eq!(before - walked.entries.len(), 3);
}

fn check_times(walked: &Walked, mount: &Mount) {
    let status =
        String::from_utf8(run("stat", &["-c", "%.9Y %.9X %.9Z %.9W", mount.path("pipe").to_str().unwrap()]));
    let times: Vec<_> = find(walked, "/pipe").facts.times.iter().map(|time| time.ns).collect();
    let expected: Vec<i128> =
        status.unwrap().split_whitespace().map(|time| time.replace('.', "").parse().unwrap()).collect();
    assert_eq!(times, expected);
}

/// An image with some bytes changed, or its end missing.
struct Damaged {
    image: RawFile,
    length: u64,
    /// Places, and what is changed in the byte there.
    changes: Vec<(u64, u8)>,
}

impl Damaged {
    fn new(image: &Path, changes: &[(u64, u8)]) -> Self {
        let length = fs::metadata(image).unwrap().len();
        Self { image: RawFile::new(File::open(image).unwrap(), length), length, changes: changes.to_vec() }
    }

    fn open(self) -> Result<Box<dyn Source>, SourceError> {
        source::file_system(Arc::new(self))
    }
}

impl ByteSource for Damaged {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap().min(buf.len());
        let count = self.image.read_at(offset, &mut buf[..left])?;
        for (at, change) in &self.changes {
            if let Some(byte) = at.checked_sub(offset).and_then(|at| buf[..count].get_mut(at as usize)) {
                *byte ^= change;
            }
        }
        Ok(count)
    }
}

/// The content of a file, or what is said instead.
fn try_content(source: &dyn Source, entry: &Entry) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut stream = source.open(entry).map_err(|error| error.to_string())?;
    stream.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Where the image's blocks of 4 KiB are not zero, and where those begin that begin like `content`.
fn blocks(image: &Path, content: &[u8]) -> (Vec<u64>, Vec<u64>) {
    let (file, mut block) = (File::open(image).unwrap(), vec![0; 4096]);
    let (mut used, mut found) = (Vec::new(), Vec::new());
    for at in (0..file.metadata().unwrap().len()).step_by(4096) {
        file.read_exact_at(&mut block, at).unwrap();
        if block.iter().any(|byte| *byte != 0) {
            used.push(at);
        }
        if block.starts_with(content) {
            found.push(at);
        }
    }
    (used, found)
}

/// A small tree, and each file's content by name.
fn small(folder: &Path) -> (PathBuf, BTreeMap<Vec<u8>, Vec<u8>>) {
    let tree = folder.join("tree");
    fs::create_dir_all(tree.join("inner/deep")).unwrap();
    let mut contents = BTreeMap::new();
    let files = [
        ("file", 5),
        ("empty", 0),
        ("inner/block", 4096),
        ("inner/deep/long", 400_000),
        ("inner/odd", 70_001),
    ];
    for (index, (name, length)) in files.into_iter().enumerate() {
        let content = noise(length, index as u64);
        fs::write(tree.join(name), &content).unwrap();
        contents.insert(format!("/{name}").into_bytes(), content);
    }
    for index in 0..150 {
        let name = format!("inner/a-rather-long-name-{index:03}");
        fs::write(tree.join(&name), &name).unwrap();
        contents.insert(format!("/{name}").into_bytes(), name.into_bytes());
    }
    (tree, contents)
}

#[test]
fn content_that_does_not_fit_its_checksum_is_an_error_or_comes_from_the_other_copy() {
    if !can("mkfs.btrfs") {
        return;
    }
    for (options, copies) in [(["-d", "single"], 1), (["-d", "dup"], 2)] {
        let folder = tempfile::tempdir().unwrap();
        let (tree, contents) = small(folder.path());
        let image = image(folder.path(), &tree, &options);
        let name = &b"/inner/deep/long"[..];
        let (_, places) = blocks(&image, &contents[name][40960..41000]);
        assert_eq!(places.len(), copies);
        // One copy has a wrong byte in this sector, and the other in the next one.
        let changes: Vec<_> =
            places.iter().enumerate().map(|(index, at)| (at + 4096 * index as u64, 4)).collect();
        let source = Damaged::new(&image, &changes).open().unwrap();
        let walked = whole(source.as_ref());
        for (known, content) in &contents {
            let entry = find(&walked, std::str::from_utf8(known).unwrap());
            let found = try_content(source.as_ref(), entry);
            if known == name && copies == 1 {
                let error = found.unwrap_err();
                assert!(
                    error.contains("content from byte 0 on: damaged: 4096 bytes at logical address"),
                    "{error}"
                );
                assert!(error.contains("do not fit their checksum, in none of 1 copies"), "{error}");
            } else {
                assert!(found.unwrap() == *content);
            }
        }
        // Wrong in all copies: never data.
        let changes: Vec<_> = places.iter().map(|at| (at + 7, 1)).collect();
        let source = Damaged::new(&image, &changes).open().unwrap();
        let walked = whole(source.as_ref());
        let error = try_content(source.as_ref(), find(&walked, "/inner/deep/long")).unwrap_err();
        assert!(error.contains("do not fit their checksum"), "{error}");
    }
}

#[test]
fn the_superblock_is_read_from_its_copy() {
    if !can("mkfs.btrfs") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (tree, _) = small(folder.path());
    let image = image(folder.path(), &tree, &[]);
    let check = |changes: &[(u64, u8)], expect: &str| match Damaged::new(&image, changes).open() {
        Ok(source) => {
            assert_eq!(source.info().limits, [expect]);
            whole(source.as_ref());
        }
        Err(error) => assert_eq!(error.to_string(), expect),
    };
    let (first, second) = (64 << 10, 64 << 20);
    check(&[(first + 0x50, 1)], "the superblock is damaged; its copy at 67108864 was read");
    check(
        &[(first + 0x130, 1), (second + 0x130, 1)],
        "the superblock's checksum does not fit its content, and it has no good copy",
    );
    let raid_stripes = 1 << (14 - 8);
    check(
        &[(first + 0xBC + 1, raid_stripes), (second + 1, 1)],
        "no readable content: the file system uses a RAID stripe tree, which is not read",
    );
    let mut short = Damaged::new(&image, &[]);
    short.length = 40 << 20;
    let source = short.open().unwrap();
    assert_eq!(source.info().limits, ["the image has 41943040 bytes; its file system claims 209715200"]);
}

/// Whatever is wrong: no panic, no end of the walk, no wrong content, and nothing missing without a word.
fn survives(damaged: Damaged, contents: &BTreeMap<Vec<u8>, Vec<u8>>) -> bool {
    let Ok(source) = damaged.open() else { return false };
    let mut events = (Vec::new(), 0);
    let report = source.walk(&mut |event| {
        match event {
            source::WalkEvent::Item(entry) => events.0.push(entry),
            source::WalkEvent::Issue(_) => events.1 += 1,
        }
        std::ops::ControlFlow::Continue(())
    });
    let Ok(report) = report else { return false };
    let mut right = 0;
    for entry in events.0.iter().filter(|entry| entry.facts.kind == Kind::File) {
        let Ok(found) = try_content(source.as_ref(), entry) else { continue };
        for name in &entry.facts.names {
            assert!(contents.get(name.bytes()) == Some(&found), "wrong content of {name}");
            right += 1;
        }
    }
    let is_whole = report.coverage.iter().all(|(_, walked, expected)| walked == expected);
    let is_missing = events.0.iter().flat_map(|entry| &entry.facts.names).count() < contents.len();
    assert!(!is_missing || events.1 > 0 || !is_whole, "items are missing without a word");
    right < contents.len()
}

/// How many of `count` images with one byte changed were not read whole.
fn mutants(image: &Path, contents: &BTreeMap<Vec<u8>, Vec<u8>>, count: u64) -> usize {
    let (used, _) = blocks(image, b"no such content");
    let damaged = (0..count).filter(|seed| {
        let random = noise(12, *seed)
            .chunks(4)
            .map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap()))
            .collect::<Vec<_>>();
        let at = used[random[0] as usize % used.len()] + u64::from(random[1] % 4096);
        let change = (random[2] % 255 + 1) as u8;
        survives(Damaged::new(image, &[(at, change)]), contents)
    });
    damaged.count()
}

#[test]
fn one_byte_changed_or_the_end_missing() {
    if !can("mkfs.btrfs") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (tree, contents) = small(folder.path());
    let image = image(folder.path(), &tree, &["-m", "single", "-n", "4k"]);
    assert!(!survives(Damaged::new(&image, &[]), &contents));
    assert!(mutants(&image, &contents, 140) > 70);
    for length in [0, 66_000, 70_000, 1 << 20, 5 << 20, 6 << 20, 14 << 20, 20 << 20, 30 << 20, 50 << 20] {
        let mut short = Damaged::new(&image, &[]);
        short.length = length;
        survives(short, &contents);
    }
}

#[test]
fn one_byte_changed_of_what_the_kernel_packed() {
    if !kernel_can() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    File::create(&image).unwrap().set_len(120 << 20).unwrap();
    run("mkfs.btrfs", &["-q", "-m", "single", image.to_str().unwrap()]);
    let at = folder.path().join("mount");
    let mut contents = BTreeMap::new();
    for method in ["zlib", "lzo", "zstd"] {
        let mount = Mount::new(&image, &at, &format!("compress-force={method}"));
        mount.run("btrfs", &["-q", "subvolume", "create"], method);
        for length in [1900, 300_000] {
            let name = format!("{method}/{length}");
            fs::write(mount.path(&name), text(length)).unwrap();
            contents.insert(format!("/{name}").into_bytes(), text(length));
        }
    }
    assert!(!survives(Damaged::new(&image, &[]), &contents));
    assert!(mutants(&image, &contents, 60) > 10);
}

#[test]
fn several_devices() {
    if !can("mkfs.btrfs") {
        return;
    }
    let check = |profile: &str, expect: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = |number: u32| folder.path().join(number.to_string());
        for number in 1..=2 {
            File::create(path(number)).unwrap().set_len(300 << 20).unwrap();
        }
        let (one, two) = (path(1), path(2));
        run(
            "mkfs.btrfs",
            &["-q", "-m", "raid1", "-d", profile, one.to_str().unwrap(), two.to_str().unwrap()],
        );
        let found = Damaged::new(&two, &[]).open();
        let found = found.map_or_else(
            |error| error.to_string(),
            |source| {
                whole(source.as_ref());
                source.info().limits.join("; ")
            },
        );
        assert!(found.starts_with(expect), "{profile}: {found}");
    };
    check(
        "raid1",
        "the file system spans 2 devices; this is device 2, and the copies on others are not compared",
    );
    let refused = "no readable content: a btrfs file system over 2 devices, of which this is device 2: of ";
    check("raid0", refused);
    check("single", refused);
}

#[test]
fn changes_that_were_not_committed_are_named_as_a_limit() {
    if !kernel_can() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (image, copy) = (folder.path().join("image"), folder.path().join("copy"));
    File::create(&image).unwrap().set_len(120 << 20).unwrap();
    run("mkfs.btrfs", &["-q", image.to_str().unwrap()]);
    let mount = Mount::new(&image, &folder.path().join("mount"), "noatime");
    let open = File::create(mount.path("deleted")).unwrap();
    fs::write(mount.path("file"), b"old").unwrap();
    fs::remove_file(mount.path("deleted")).unwrap();
    mount.run("btrfs", &["-q", "subvolume", "create"], "default");
    mount.run("btrfs", &["-q", "subvolume", "set-default"], "default");
    run("sync", &[]);
    let file = OpenOptions::new().write(true).open(mount.path("file")).unwrap();
    file.set_len(0).unwrap();
    file.write_all_at(b"newer", 0).unwrap();
    file.sync_all().unwrap();
    fs::copy(&image, &copy).unwrap();
    drop(open);
    let source = source(&copy);
    assert_eq!(
        source.info().limits,
        [
            "changes that were forced to the medium after the last commit stand in a log tree, which is not applied",
            "a plain mount shows subvolume 256; paths here begin at the top subvolume",
            "1 files were deleted while still open, or not yet cut to their size; those without a name are not walked",
        ]
    );
    let walked = whole(source.as_ref());
    assert_eq!(common::content(source.as_ref(), find(&walked, "/file")), b"old");
}

#[test]
fn a_file_of_more_than_four_gibibytes() {
    if !kernel_can() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    File::create(&image).unwrap().set_len(120 << 20).unwrap();
    run("mkfs.btrfs", &["-q", image.to_str().unwrap()]);
    let mount = Mount::new(&image, &folder.path().join("mount"), "noatime");
    let far = (4 << 30) + 12_345;
    let file = File::create(mount.path("far")).unwrap();
    file.write_all_at(&noise(5000, 3), far).unwrap();
    file.set_len(far + 100_000).unwrap();
    drop((file, mount));
    let source = source(&image);
    let walked = whole(source.as_ref());
    let entry = find(&walked, "/far");
    assert_eq!(entry.facts.size, Some(far + 100_000));
    let mut stream = source.open(entry).unwrap();
    let zeros = std::io::copy(&mut stream.by_ref().take(far), &mut std::io::sink()).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert_eq!(zeros, far);
    assert!(rest == [noise(5000, 3), vec![0; 95_000]].concat());
}

/// CRC-32C of a tree block, as it stands at its beginning.
fn checksum(block: &[u8]) -> [u8; 4] {
    let crc = block.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { 0x82F6_3B78 ^ crc >> 1 } else { crc >> 1 },
        )
    });
    (!crc).to_le_bytes()
}

/// Trees by an enemy: a byte of a tree block is changed, and its checksum fits all the same.
#[test]
fn forged_tree_blocks_end_in_issues_and_errors() {
    if !can("mkfs.btrfs") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (tree, _) = small(folder.path());
    let image = image(folder.path(), &tree, &["-m", "single", "-n", "4k"]);
    let file = File::open(&image).unwrap();
    let (used, _) = blocks(&image, b"no such content");
    let mut uuid = [0; 16];
    file.read_exact_at(&mut uuid, (64 << 10) + 0x20).unwrap();
    let mut block = vec![0; 4096];
    let trees: Vec<_> = used
        .into_iter()
        .filter(|at| {
            file.read_exact_at(&mut block, *at).unwrap();
            block[0x20..0x30] == uuid && checksum(&block[32..]) == block[..4]
        })
        .collect();
    assert!(trees.len() > 20, "{} tree blocks", trees.len());
    let mut walks = 0;
    for seed in 0..400 {
        let random = noise(16, seed);
        let at = trees[usize::from(u16::from_le_bytes([random[0], random[1]])) % trees.len()];
        file.read_exact_at(&mut block, at).unwrap();
        let mut forged = block.clone();
        // Most of a block is free space: the head, the keys and the last items are what is believed.
        let place = usize::from(u16::from_le_bytes([random[4], random[5]])) % 4064 + 32;
        let used: Vec<_> = (32..4096).filter(|at| block[*at] != 0).collect();
        let place = if random[6].is_multiple_of(4) { place } else { used[place % used.len()] };
        forged[place] = random[8];
        let sum = checksum(&forged[32..]);
        forged[..4].copy_from_slice(&sum);
        let changes: Vec<_> = (at..)
            .zip(block.iter().zip(&forged).map(|(one, other)| one ^ other))
            .filter(|(_, change)| *change != 0)
            .collect();
        let Ok(source) = Damaged::new(&image, &changes).open() else { continue };
        let mut entries = Vec::new();
        let report = source.walk(&mut |event| {
            if let source::WalkEvent::Item(entry) = event {
                entries.push(entry);
            }
            std::ops::ControlFlow::Continue(())
        });
        walks += usize::from(report.is_ok());
        for entry in entries.iter().filter(|entry| entry.facts.kind == Kind::File) {
            if let Ok(stream) = source.open(entry) {
                let _ = std::io::copy(&mut stream.take(8 << 20), &mut std::io::sink());
            }
        }
    }
    assert!(walks > 250, "{walks} walks");
}
