//! NTFS volumes for the tests: made with mkntfs, filled and read through ntfs-3g.

#![allow(dead_code, missing_docs, reason = "each test program uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use scope::facts::Kind;

use crate::common::{noise, run, unmount};

/// Whether volumes can be made and mounted here. Where `CI` is set the programs must be there; what the kernel lets us
/// do is the machine's, and said.
pub fn is_ready() -> bool {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let has = |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).exists());
    let missing: Vec<_> =
        ["mkntfs", "ntfs-3g", "istat"].into_iter().filter(|program| !has(program)).collect();
    let fuse = fs::OpenOptions::new().read(true).write(true).open("/dev/fuse").is_ok();
    let ready = missing.is_empty() && fuse;
    assert!(missing.is_empty() || std::env::var_os("CI").is_none(), "missing: {missing:?}");
    if !ready {
        eprintln!("missing: {missing:?}; /dev/fuse: {fuse}: this comparison was NOT made");
    }
    ready
}

/// Makes a volume of `size` bytes.
pub fn format(folder: &Path, size: u64, options: &[&str]) -> PathBuf {
    let image = folder.join("ntfs.img");
    fs::File::create(&image).unwrap().set_len(size).unwrap();
    let mut arguments = vec!["-q", "-F", "-p", "0", "-H", "0", "-S", "0"];
    if !options.contains(&"-s") {
        arguments.extend(["-s", "512"]);
    }
    arguments.extend(options);
    arguments.push(image.to_str().unwrap());
    run("mkntfs", &arguments);
    image
}

/// A mounted volume; unmounted when dropped.
pub struct Mount {
    folder: tempfile::TempDir,
    daemon: Child,
}

impl Mount {
    pub fn new(image: &Path, options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let outside = fs::metadata(folder.path()).unwrap().dev();
        let daemon = Command::new("ntfs-3g")
            .args(["-o", &format!("no_detach,{options}")])
            .args([image, folder.path()])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while fs::metadata(folder.path()).is_ok_and(|metadata| metadata.dev() == outside) {
            assert!(began.elapsed() < Duration::from_secs(20), "ntfs-3g did not mount");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { folder, daemon }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        unmount(self.folder.path());
        // The daemon writes to the image until it ends.
        self.daemon.wait().unwrap();
    }
}

pub fn set_attribute(path: &Path, name: &str, value: &[u8]) {
    rustix::fs::lsetxattr(path, name, value, rustix::fs::XattrFlags::empty())
        .unwrap_or_else(|error| panic!("{name} of {}: {error}", path.display()));
}

/// What goes wrong elsewhere: sizes around what a record holds, fragments, holes, compression, streams, odd names, links.
pub fn populate(root: &Path, cluster: u64) {
    let write = |name: &[u8], bytes: &[u8]| {
        let path = root.join(OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    for length in [0, 1, 500, 650, 680, 700, 720, 740, 1000, 3500, 4095, 4096, 4097, 65536, 65537, 300_000] {
        write(format!("sizes/{length}").as_bytes(), &noise(length, 7));
    }
    for index in 0..1500 {
        write(format!("many/entry number {index:05}").as_bytes(), b"");
    }
    let long = "ä".repeat(120) + "😀 x";
    for name in
        ["Änderung.TXT", " ", "trailing. .", "...", "-rf", "%41", "quote'", "new\nline", "\u{FEFF}", &long]
    {
        write(format!("odd/{name}").as_bytes(), name.as_bytes());
    }
    write("deep/".repeat(60).as_bytes().strip_suffix(b"/").unwrap(), b"deep");
    pieces(root, cluster);
    let sparse = fs::File::create(root.join("sparse")).unwrap();
    for index in 0..40_u64 {
        sparse.write_all_at(&noise(700, index), index * 100_000 + 100).unwrap();
    }
    sparse.set_len(40 * 100_000 + 12345).unwrap();
    fs::File::create(root.join("hole")).unwrap().set_len(1 << 20).unwrap();
    write(b"links/one", b"one file, three names");
    fs::hard_link(root.join("links/one"), root.join("links/two")).unwrap();
    fs::hard_link(root.join("links/one"), root.join("three")).unwrap();
    symlink("one", root.join("links/link")).unwrap();
    symlink("../".repeat(50) + "ä", root.join("links/away")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    write(b"streams/file", b"with streams");
    set_attribute(&root.join("streams/file"), "user.Zone.Identifier", b"[ZoneTransfer]\r\nZoneId=3\r\n");
    set_attribute(&root.join("streams/file"), "user.long", &noise(50_000, 3));
    set_attribute(&root.join("streams"), "user.of a folder", &noise(3000, 4));
    write(b"short name.text", b"with an 8.3 name");
    set_attribute(&root.join("short name.text"), "system.ntfs_dos_name", b"SHORTN~1.TEX");
    if cluster <= 4096 {
        compressed(root);
    }
}

/// Files in hundreds of pieces: `0` has its even pieces first and its odd ones after them, so that its clusters jump to and fro;
/// `1` has holes in the place of its odd ones.
fn pieces(root: &Path, cluster: u64) {
    fs::create_dir(root.join("pieces")).unwrap();
    let files = [0, 1].map(|number| fs::File::create(root.join(format!("pieces/{number}"))).unwrap());
    let (step, count) = if cluster > 4096 { (cluster, 260) } else { (4096, 1600) };
    for index in (0..count).step_by(2).chain((1..count).step_by(2)) {
        for (number, file) in (0_u64..).zip(&files) {
            if number == 0 || index % 2 == 0 {
                file.write_all_at(&noise(4000, index * 2 + number), index * step).unwrap();
            }
        }
    }
}

/// Compressed files: units that shrink, units that do not, holes, a part of a unit at the end.
fn compressed(root: &Path) {
    let folder = root.join("compressed");
    fs::create_dir(&folder).unwrap();
    set_attribute(&folder, "system.ntfs_attrib_be", &0x810_u32.to_be_bytes());
    let text = |length: usize| -> Vec<u8> {
        let lines = (0..).flat_map(|line| format!("line {line} of the file, {}\n", line % 7).into_bytes());
        lines.take(length).collect()
    };
    let mut mixed = text(150_000);
    mixed.extend(noise(150_000, 5));
    mixed.extend(vec![0; 200_000]);
    mixed.extend(text(100_001));
    let all =
        [text(100), text(5000), text(65536), text(1_000_000), noise(100_000, 6), vec![0; 70_000], mixed];
    for (index, bytes) in all.iter().enumerate() {
        fs::File::create(folder.join(index.to_string())).unwrap().write_all(bytes).unwrap();
    }
}

/// As the tests of the reader have it: kind, content, target, links, time of modification.
type Said = (Kind, Option<Vec<u8>>, Option<Vec<u8>>, Option<u64>, i128);

/// What the mount shows, by name from the root; named streams as `name:stream`.
pub fn expected(root: &Path) -> BTreeMap<Vec<u8>, Said> {
    let mut all = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let kind = match metadata.file_type() {
            found if found.is_dir() => Kind::Directory,
            found if found.is_symlink() => Kind::Symlink,
            found if found.is_file() => Kind::File,
            found if found.is_fifo() => Kind::Fifo,
            _ => Kind::Other,
        };
        if kind == Kind::Directory {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        if path == root {
            continue;
        }
        let name = [b"/", path.strip_prefix(root).unwrap().as_os_str().as_bytes()].concat();
        let modified = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
        let content = (kind == Kind::File).then(|| fs::read(&path).unwrap());
        let target =
            (kind == Kind::Symlink).then(|| fs::read_link(&path).unwrap().into_os_string().into_vec());
        let links = (kind == Kind::File).then(|| metadata.nlink());
        if kind == Kind::File || kind == Kind::Directory {
            let mut names = vec![0; 4096];
            let count = rustix::fs::llistxattr(&path, names.as_mut_slice()).unwrap();
            let names = names[..count].split(|byte| *byte == 0);
            for stream in names.filter_map(|name| name.strip_prefix(b"user.")) {
                let mut value = vec![0; 1 << 16];
                let count =
                    rustix::fs::lgetxattr(&path, [b"user.", stream].concat(), value.as_mut_slice()).unwrap();
                value.truncate(count);
                all.insert(
                    [&name, &b":"[..], stream].concat(),
                    (Kind::Stream, Some(value), None, None, modified),
                );
            }
        }
        all.insert(name, (kind, content, target, links, modified));
    }
    all
}

/// Where record `number` stands: the volumes here have their MFT in one piece.
pub fn place(bytes: &[u8], number: usize) -> usize {
    let cluster = usize::from(bytes[0x0D]) * 512;
    let mft = u64::from_le_bytes(bytes[0x30..0x38].try_into().unwrap());
    usize::try_from(mft).unwrap() * cluster + number * 1024
}

/// Where the attribute `kind` of a record begins; with a name, or without.
pub fn attribute_place(bytes: &[u8], number: usize, kind: u32, named: bool) -> usize {
    let base = place(bytes, number);
    let mut at = base + usize::from(u16::from_le_bytes(bytes[base + 0x14..base + 0x16].try_into().unwrap()));
    while u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) != kind || (bytes[at + 9] != 0) != named {
        at += usize::try_from(u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap())).unwrap();
    }
    at
}
