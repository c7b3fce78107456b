//! Trees and images made for the tests, and what a source says of them.

#![allow(dead_code, missing_docs, reason = "each test program uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use scope::facts::{Attribute, Kind, TimeKind};
use source::{Entry, Issue, Source, WalkEvent, WalkReport};

/// What is compared of one item.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seen {
    pub kind: Kind,
    pub content: Option<Vec<u8>>,
    pub target: Option<Vec<u8>>,
    pub links: u64,
    pub seconds: i128,
    pub mode: u64,
    pub attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Everything that a walk yields.
pub struct Walked {
    pub entries: Vec<Entry>,
    pub issues: Vec<Issue>,
    pub report: WalkReport,
}

pub fn walk(source: &dyn Source) -> Walked {
    let (mut entries, mut issues) = (Vec::new(), Vec::new());
    let report = source
        .walk(&mut |event| {
            match event {
                WalkEvent::Item(entry) => entries.push(entry),
                WalkEvent::Issue(issue) => issues.push(issue),
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(report.items, entries.len() as u64);
    assert_eq!(report.issues, issues.len() as u64);
    Walked { entries, issues, report }
}

pub fn content(source: &dyn Source, entry: &Entry) -> Vec<u8> {
    let mut stream = source.open(entry).unwrap_or_else(|error| panic!("{}: {error}", entry.locator));
    assert_eq!(Some(stream.declared_len()), entry.facts.size);
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap_or_else(|error| panic!("{}: {error}", entry.locator));
    bytes
}

/// What `source` says, by name.
pub fn seen(source: &dyn Source, walked: &Walked) -> BTreeMap<Vec<u8>, Seen> {
    let mut all = BTreeMap::new();
    for entry in &walked.entries {
        let facts = &entry.facts;
        let modified = facts.times.iter().find(|stamp| stamp.of == TimeKind::Modified).unwrap();
        // Facts of the readers themselves: no operating system has them among the attributes.
        let own = [&b"xfs.unwritten"[..], b"ext.unwritten"];
        let stored = facts.attributes.iter().filter(|a| !own.contains(&a.name.0.as_slice()));
        let item = Seen {
            kind: facts.kind,
            content: facts.kind.has_content().then(|| content(source, entry)),
            target: facts.link_target.as_ref().map(|target| target.bytes().to_vec()),
            links: facts.links.unwrap(),
            seconds: modified.ns.div_euclid(1_000_000_000),
            mode: facts.mode.unwrap(),
            attributes: stored.map(|a| (a.name.0.clone(), a.value.0.clone())).collect(),
        };
        for name in &facts.names {
            assert!(all.insert(name.0.clone(), item.clone()).is_none(), "{name} twice");
        }
    }
    all
}

/// What the operating system says of the tree under `root`, by name from the root.
pub fn expected(root: &Path) -> BTreeMap<Vec<u8>, Seen> {
    let mut all = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let kind = metadata.file_type();
        let kind = match () {
            () if kind.is_dir() => Kind::Directory,
            () if kind.is_symlink() => Kind::Symlink,
            () if kind.is_file() => Kind::File,
            () => Kind::Fifo,
        };
        if kind == Kind::Directory {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let relative = path.strip_prefix(root).unwrap().as_os_str().as_bytes();
        let mut attributes = Vec::new();
        if kind == Kind::File || kind == Kind::Directory {
            let mut names = vec![0; 1 << 16];
            let count = rustix::fs::llistxattr(&path, names.as_mut_slice()).unwrap();
            for name in names[..count].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
                let mut value = vec![0; 1 << 16];
                let count = rustix::fs::lgetxattr(&path, name, value.as_mut_slice())
                    .unwrap()
                    .min(Attribute::MAX_VALUE);
                attributes.push((name.to_vec(), value[..count].to_vec()));
            }
            attributes.sort();
        }
        all.insert(
            [b"/", relative].concat(),
            Seen {
                kind,
                content: (kind == Kind::File).then(|| fs::read(&path).unwrap()),
                target: (kind == Kind::Symlink)
                    .then(|| fs::read_link(&path).unwrap().into_os_string().into_vec()),
                links: metadata.nlink(),
                seconds: metadata.mtime().into(),
                mode: (metadata.mode() & 0o7777).into(),
                attributes,
            },
        );
    }
    all
}

/// A tree with what goes wrong elsewhere: sparse, empty, deep, many, odd names, links.
pub fn populate(root: &Path, far: u64) {
    let write = |name: &[u8], bytes: &[u8]| {
        let path = root.join(std::ffi::OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    for index in 0..150_usize {
        write(format!("plain/d{}/f{index}", index % 7).as_bytes(), &noise(index * 331, index as u64));
    }
    for length in [0, 1, 59, 60, 61, 120, 159, 160, 1023, 1024, 1025, 4095, 4096, 4097, 49152, 49153, 300_000]
    {
        write(format!("sizes/{length}").as_bytes(), &noise(length, 7));
    }
    for index in 0..2000 {
        write(format!("many/entry-number-{index:05}").as_bytes(), b"");
    }
    for name in [
        &b"new\nline"[..],
        b"tab\t",
        b"caf\xC3\xA9",
        b"\xFF\xFE",
        b" ",
        b"-rf",
        b"%41",
        b"quote\"'",
        &[b'x'; 255],
    ] {
        write(&[b"odd/", name].concat(), name);
    }
    write("deep/".repeat(40).as_bytes().strip_suffix(b"/").unwrap(), b"deep");
    let sparse = fs::File::create(root.join("sparse")).unwrap();
    for index in 0..400_u64 {
        sparse.write_all_at(&noise(700, index), index * 16384 + 100).unwrap();
    }
    sparse.set_len(400 * 16384 + 12345).unwrap();
    let distant = fs::File::create(root.join("distant")).unwrap();
    distant.write_all_at(b"beginning", 0).unwrap();
    distant.write_all_at(&noise(5000, 1), far).unwrap();
    fs::File::create(root.join("hole")).unwrap().set_len(1 << 20).unwrap();
    write(b"links/one", b"one file, three names");
    fs::hard_link(root.join("links/one"), root.join("links/two")).unwrap();
    fs::hard_link(root.join("links/one"), root.join("three")).unwrap();
    for (name, target) in [
        ("fast", "one".to_owned()),
        ("slow", "../".repeat(50)),
        ("loop", "loop".into()),
        ("edge", "e".repeat(59)),
        ("over", "o".repeat(60)),
    ] {
        symlink(target, root.join("links").join(name)).unwrap();
    }
    write(b"attributes", b"with attributes");
    rustix::fs::setxattr(root.join("attributes"), "user.comment", b"short", rustix::fs::XattrFlags::empty())
        .unwrap();
    rustix::fs::setxattr(root.join("attributes"), "user.long", &[b'v'; 700], rustix::fs::XattrFlags::empty())
        .unwrap();
}

/// Bytes that no compression and no hole looks like, the same each time.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9E37_79B9_7F4A_7C15);
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(length)
    .collect()
}

/// Runs a command to its success and gives its output.
pub fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", path)
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Unmounts `point`, and waits while it is busy: a process that another test has just forked holds this one's open
/// files until it becomes the program it was made for. That passes; what is open for good fails after a minute.
pub fn unmount(point: &Path) {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let began = Instant::now();
    loop {
        let output = Command::new("umount").arg(point).env("PATH", &path).output();
        let said = match output {
            Ok(output) if output.status.success() => return,
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        if !said.contains("busy") || began.elapsed() > UNMOUNT_PATIENCE {
            // Nothing may stay mounted after the tests, whatever they found.
            let _ = Command::new("umount").arg("--lazy").arg(point).env("PATH", &path).output();
            let failed = format!("{}: not unmounted after {:?}: {said}", point.display(), began.elapsed());
            // A second panic would end the program before the first is told.
            assert!(std::thread::panicking(), "{failed}");
            eprintln!("{failed}");
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How long a mount may stay busy. A fork becomes its program within milliseconds, on a loaded machine within seconds.
const UNMOUNT_PATIENCE: Duration = Duration::from_secs(60);

/// Makes an image of `tree` with mke2fs.
pub fn image(folder: &Path, tree: &Path, size: &str, options: &[&str]) -> PathBuf {
    let image = folder.join(format!("{}.img", options.join("").replace(['-', ' ', '^', ','], "")));
    let (tree, path) = (tree.to_str().unwrap(), image.to_str().unwrap());
    let mut arguments = vec!["-q", "-F", "-d", tree];
    arguments.extend(options);
    arguments.extend([path, size]);
    run("mke2fs", &arguments);
    image
}

/// Whether `program` is installed; says so where it is not.
pub fn has(program: &str) -> bool {
    let found = Command::new(program).arg("-V").output().is_ok();
    if !found {
        eprintln!("{program} is not installed: its comparison was NOT made");
    }
    found
}
