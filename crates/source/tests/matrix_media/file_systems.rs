//! File systems made by their own tools, and what is true of them.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use source::Entry;

use super::trees::{self, Can, FILLERS, Names, fill};
use super::truth::{self, Items};
use super::{Extent, LoopDevice, need};
use crate::common::{noise, run, unmount};
use crate::ntfs_volumes;

/// A file system, and what is true of it.
pub struct Made {
    pub image: PathBuf,
    pub truth: Items,
    /// Where the truth comes from.
    pub by: &'static str,
    /// Items that only the file system itself has.
    pub is_system: fn(&Entry) -> bool,
}

/// The file systems, by the names that [`make`] takes.
pub const ALL: [&str; 10] =
    ["ext2", "ext3", "ext4", "NTFS", "FAT16", "FAT32", "exFAT", "ISO 9660", "XFS", "btrfs"];

const POSIX: Can = Can { hard_links: true, symlinks: true, names: Names::Bytes };
const WINDOWS: Can = Can { hard_links: false, symlinks: false, names: Names::Windows };

/// Makes a file system in `folder`. `None` where a tool is missing.
pub fn make(name: &str, folder: &Path, extent: Extent) -> Option<Made> {
    fs::create_dir_all(folder).unwrap();
    match name {
        "ext2" | "ext3" | "ext4" => ext(name, folder, extent),
        "NTFS" => ntfs(folder, extent),
        "FAT16" => fat(folder, "16", extent),
        "FAT32" => fat(folder, "32", extent),
        "exFAT" => exfat(folder, extent),
        "ISO 9660" => iso(folder, extent),
        "XFS" => xfs(folder, extent),
        "btrfs" => btrfs(folder, extent),
        other => panic!("{other}"),
    }
}

fn root_alone(entry: &Entry) -> bool {
    entry.facts.names.first().is_some_and(|name| name.bytes() == b"/")
}

/// An empty file of `mib` MiB for an image, and an empty folder for a tree.
fn begin(folder: &Path, mib: u64) -> (PathBuf, PathBuf) {
    let (image, tree) = (folder.join("image"), folder.join("tree"));
    File::create(&image).unwrap().set_len(mib << 20).unwrap();
    fs::create_dir(&tree).unwrap();
    (image, tree)
}

/// Takes every second filler from the tree, and puts in what stands in their places.
fn refill(tree: &Path) {
    for index in (0..FILLERS).step_by(2) {
        fs::remove_file(tree.join(format!("filler/{index}"))).unwrap();
    }
    fs::write(tree.join("fragments"), trees::fragments()).unwrap();
}

fn ext(kind: &str, folder: &Path, extent: Extent) -> Option<Made> {
    if !need(&["mke2fs", "debugfs"]) {
        return None;
    }
    let (image, tree) = begin(folder, if extent == Extent::Full { 64 } else { 16 });
    fill(&tree, POSIX, extent);
    trees::sparse(&tree);
    trees::filler(&tree);
    let (path, source) = (image.to_str().unwrap(), tree.to_str().unwrap());
    let inodes = if extent == Extent::Full { "24000" } else { "1000" };
    run("mke2fs", &["-q", "-F", "-t", kind, "-b", "1024", "-N", inodes, "-d", source, path]);
    refill(&tree);
    let removed = (0..FILLERS).step_by(2).map(|index| format!("rm /filler/{index}\n"));
    let commands = removed.collect::<String>() + &format!("write {source}/fragments fragments\n");
    let script = folder.join("script");
    fs::write(&script, commands).unwrap();
    run("debugfs", &["-w", "-f", script.to_str().unwrap(), path]);
    // Blocks that do not follow each other: the file stands in the gaps.
    let blocks = String::from_utf8(run("debugfs", &["-R", "blocks fragments", path])).unwrap();
    let blocks: Vec<u64> = blocks.split_whitespace().map(|block| block.parse().unwrap()).collect();
    let jumps = blocks.windows(2).filter(|pair| pair[1] != pair[0] + 1).count();
    assert!(jumps >= 10, "{kind}: a file in {jumps} pieces was to be in many");
    let is_system = |entry: &Entry| {
        root_alone(entry) || entry.facts.names.iter().any(|name| name.bytes() == b"/lost+found")
    };
    Some(Made { truth: truth::tree(&tree, false), image, by: "the tree that mke2fs took", is_system })
}

fn ntfs(folder: &Path, extent: Extent) -> Option<Made> {
    if !ntfs_volumes::is_ready() {
        return None;
    }
    let size = if extent == Extent::Full { 96 << 20 } else { 24 << 20 };
    let image = ntfs_volumes::format(folder, size, &["-c", "4096"]);
    let mount = ntfs_volumes::Mount::new(&image, "compression,special_files=wsl");
    let root = mount.path();
    fill(root, Can { hard_links: true, symlinks: true, names: Names::Unicode }, extent);
    trees::sparse(root);
    trees::pieces(root);
    fs::create_dir(root.join("streams")).unwrap();
    for (name, bytes) in [("few", b"[ZoneTransfer]\r\nZoneId=3\r\n".to_vec()), ("many", noise(50_000, 3))] {
        let path = root.join("streams").join(name);
        fs::write(&path, b"with a stream").unwrap();
        ntfs_volumes::set_attribute(&path, "user.stream", &bytes);
    }
    let packed = root.join("packed");
    fs::create_dir(&packed).unwrap();
    ntfs_volumes::set_attribute(&packed, "system.ntfs_attrib_be", &0x810_u32.to_be_bytes());
    let text = |length: usize| -> Vec<u8> {
        (0..)
            .flat_map(|line| format!("line {line} of the file, {}\n", line % 7).into_bytes())
            .take(length)
            .collect()
    };
    let mixed = [text(70_000), noise(70_000, 5), vec![0; 100_000], text(70_001)].concat();
    for (name, bytes) in [("text", text(100_000)), ("mixed", mixed), ("noise", noise(70_000, 6))] {
        fs::write(packed.join(name), bytes).unwrap();
    }
    drop(mount);
    let mount = ntfs_volumes::Mount::new(&image, "ro,special_files=wsl");
    let truth = truth::tree(mount.path(), true);
    drop(mount);
    // The root, and the file system's own records.
    let is_system = |entry: &Entry| {
        let record = entry.facts.node.split(':').nth(1).and_then(|number| number.parse::<u64>().ok());
        record.is_some_and(|record| record <= 27)
    };
    Some(Made { image, truth, by: "the mount by ntfs-3g", is_system })
}

fn fat(folder: &Path, bits: &str, extent: Extent) -> Option<Made> {
    if !need(&["mkfs.vfat", "mcopy", "mdel"]) {
        return None;
    }
    let large = if extent == Extent::Full { 96 } else { 16 };
    let (image, tree) = begin(folder, if bits == "32" { large.max(36) } else { large });
    let path = image.to_str().unwrap();
    let options: &[&str] = if bits == "32" { &["-s", "1"] } else { &["-s", "4"] };
    run("mkfs.vfat", &[&["-F", bits, "-i", "1A2B3C4D"], options, &[path]].concat());
    trees::filler(&tree);
    mtools("mcopy", path, &["-s", tree.join("filler").to_str().unwrap(), "::/filler"]);
    refill(&tree);
    let gone: Vec<String> = (0..FILLERS).step_by(2).map(|index| format!("::/filler/{index}")).collect();
    mtools("mdel", path, &gone.iter().map(String::as_str).collect::<Vec<_>>());
    mtools("mcopy", path, &[tree.join("fragments").to_str().unwrap(), "::/"]);
    fill(&tree, WINDOWS, extent);
    for name in ["plain", "wide", "sizes", "deep", "odd"] {
        mtools("mcopy", path, &["-s", tree.join(name).to_str().unwrap(), "::/"]);
    }
    Some(Made {
        truth: truth::tree(&tree, false),
        image,
        by: "the tree that mcopy took",
        is_system: root_alone,
    })
}

fn mtools(program: &str, image: &str, arguments: &[&str]) {
    let output = Command::new(program)
        .args([&["-i", image], arguments].concat())
        .env("LC_ALL", "C.UTF-8")
        .env("MTOOLS_SKIP_CHECK", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Filled and read through exfat-fuse.
fn exfat(folder: &Path, extent: Extent) -> Option<Made> {
    if !need(&["mkfs.exfat", "mount.exfat-fuse"]) {
        return None;
    }
    let (image, point) = begin(folder, if extent == Extent::Full { 128 } else { 24 });
    run("mkfs.exfat", &["-c", "4096", image.to_str().unwrap()]);
    // exfat-fuse mounts block devices alone.
    let attached = LoopDevice::new(&image)?;
    through_exfat_fuse(&attached.0, &point, |root| {
        trees::filler(root);
        refill(root);
        fill(root, WINDOWS, extent);
        trees::pieces(root);
    });
    let mut truth = Items::new();
    through_exfat_fuse(&attached.0, &point, |root| truth = truth::tree(root, false));
    // The mount numbers its items anew each time they are met; no item has two names.
    truth.values_mut().for_each(|item| item.names = 1);
    Some(Made { image, truth, by: "the mount by exfat-fuse", is_system: root_alone })
}

fn through_exfat_fuse(device: &str, point: &Path, work: impl FnOnce(&Path)) {
    let outside = fs::metadata(point).unwrap().dev();
    // With -d it stays in the foreground, and its end is the end of its writing.
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let mut daemon = Command::new("mount.exfat-fuse")
        .arg("-d")
        .arg(device)
        .arg(point)
        .env("PATH", path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while fs::metadata(point).is_ok_and(|metadata| metadata.dev() == outside) {
        assert!(began.elapsed() < Duration::from_secs(20), "exfat-fuse did not mount");
        std::thread::sleep(Duration::from_millis(10));
    }
    work(point);
    unmount(point);
    daemon.wait().unwrap();
}

fn iso(folder: &Path, extent: Extent) -> Option<Made> {
    if !need(&["xorriso"]) {
        return None;
    }
    let (image, tree) = begin(folder, 0);
    fill(&tree, Can { hard_links: false, ..POSIX }, extent);
    trees::sparse(&tree);
    let (path, source) = (image.to_str().unwrap(), tree.to_str().unwrap());
    run("xorriso", &["-as", "mkisofs", "-quiet", "-R", "-V", "LABEL", "-o", path, source]);
    let is_system = |entry: &Entry| {
        root_alone(entry) || entry.facts.names.iter().any(|name| name.bytes() == b"/rr_moved")
    };
    Some(Made { truth: truth::tree(&tree, false), image, by: "the tree that xorriso took", is_system })
}

/// A mount by the kernel, through a loop device; unmounted when dropped.
pub struct Mounted(pub PathBuf);

impl Mounted {
    pub fn new(image: &Path, kind: &str) -> Option<Self> {
        let point = image.with_extension("mount");
        fs::create_dir_all(&point).unwrap();
        let result = Command::new("mount").args(["-t", kind, "-o", "loop"]).args([image, &point]).output();
        let mounted = result.is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("{kind} cannot be mounted here: what the kernel writes was NOT tested");
        }
        mounted.then_some(Self(point))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        unmount(&self.0);
    }
}

/// Filled through the kernel's mount; where that cannot be, by mkfs.xfs from a prototype.
fn xfs(folder: &Path, extent: Extent) -> Option<Made> {
    if !need(&["mkfs.xfs"]) {
        return None;
    }
    let (image, tree) = begin(folder, 300);
    let path = image.to_str().unwrap();
    run("mkfs.xfs", &["-q", "-f", path]);
    if let Some(mount) = Mounted::new(&image, "xfs") {
        fill(&mount.0, POSIX, extent);
        trees::sparse(&mount.0);
        trees::pieces(&mount.0);
        let truth = truth::tree(&mount.0, false);
        return Some(Made { image: image.clone(), truth, by: "the kernel's mount", is_system: root_alone });
    }
    fill(&tree, Can { hard_links: false, symlinks: true, names: Names::Plain }, extent);
    let prototype = folder.join("prototype");
    let mut text = "/\n0 0\nd--755 0 0\n".to_owned();
    describe(&tree, &mut text);
    fs::write(&prototype, text + "$\n").unwrap();
    run("mkfs.xfs", &["-q", "-f", "-p", prototype.to_str().unwrap(), path]);
    Some(Made {
        truth: truth::tree(&tree, false),
        image,
        by: "the tree that mkfs.xfs took",
        is_system: root_alone,
    })
}

fn describe(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_str().unwrap();
        if entry.is_symlink() {
            *text += &format!("{name} l--777 0 0 {}\n", fs::read_link(&entry).unwrap().display());
        } else if entry.is_dir() {
            *text += &format!("{name} d--755 0 0\n");
            describe(&entry, text);
            *text += "$\n";
        } else {
            *text += &format!("{name} ---644 0 0 {}\n", entry.display());
        }
    }
}

fn btrfs(folder: &Path, extent: Extent) -> Option<Made> {
    if !need(&["mkfs.btrfs"]) {
        return None;
    }
    let (image, tree) = begin(folder, if extent == Extent::Full { 256 } else { 128 });
    fill(&tree, POSIX, extent);
    trees::sparse(&tree);
    run("mkfs.btrfs", &["-q", "--rootdir", tree.to_str().unwrap(), image.to_str().unwrap()]);
    Some(Made {
        truth: truth::tree(&tree, false),
        image,
        by: "the tree that mkfs.btrfs took",
        is_system: root_alone,
    })
}
