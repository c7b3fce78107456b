//! btrfs images made with btrfs-progs and by the kernel, against the trees that they were made from.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

mod common;
#[path = "btrfs/damage.rs"]
mod damage;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Seen, Walked, expected, noise, populate, run, seen, unmount, walk};
use damage::Damaged;
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
        unmount(&self.0);
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

/// Whether images can be made by the kernel itself: it knows btrfs, and the test may mount. That is the machine's, and said.
fn kernel_can() -> bool {
    let knows = fs::read_to_string("/proc/filesystems").unwrap().contains("btrfs");
    let can = knows && rustix::process::geteuid().is_root() && can("mkfs.btrfs");
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
            "2 of 5 subvolumes are snapshots; 1 of them, kept read only, are named and not entered, the others can be written to and are walked where they hang"
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
    let place = expected.remove(b"/below/copy/nested".as_slice());
    assert_eq!(place.map(|item| item.kind), Some(Kind::Directory));
    // The snapshot that is kept read only is an item, and what is in it is none.
    let before = expected.len();
    expected.retain(|name, _| !name.starts_with(b"/kept/"));
    assert!(expected.len() < before);
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
    assert_eq!(before - walked.entries.len(), 1);
}

fn check_times(walked: &Walked, mount: &Mount) {
    let status =
        String::from_utf8(run("stat", &["-c", "%.9Y %.9X %.9Z %.9W", mount.path("pipe").to_str().unwrap()]));
    let times: Vec<_> = find(walked, "/pipe").facts.times.iter().map(|time| time.ns).collect();
    let expected: Vec<i128> =
        status.unwrap().split_whitespace().map(|time| time.replace('.', "").parse().unwrap()).collect();
    assert_eq!(times, expected);
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
            "changes that were forced to the medium after the last commit stand in a log tree, which is not applied; what is read may be an older \
             state; mount a copy with the system's own driver, which applies them, and examine that, too",
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
