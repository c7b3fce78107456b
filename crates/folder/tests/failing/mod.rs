//! Small file systems with what has lost its name and what was deleted, media that do not give all of them, and what comes of a comparison.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use evidence::acquisition::{WalkStatement, Wanting};
use evidence::item::{ObjectValue, ReadState};
use evidence::replay::{Finding, Original, Reexamination};
use examine::{Event, Examined, Examiner, Options, every_item};
use scope::facts::{Attribute, Failure};
use scope::{Bundle, Digest, Outcome, Policy};
use source::{ByteSource, Entry, PastGaps, Patient, ReadFault, Source, WalkOptions, file_system};

/// Bytes of which some ranges cannot be read, and the sectors that were asked for.
struct Failing {
    bytes: Arc<Vec<u8>>,
    bad: Vec<Range<u64>>,
    asked: Mutex<BTreeSet<u64>>,
}

impl ByteSource for Failing {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let end = offset + buf.len() as u64;
        self.asked.lock().unwrap().extend(offset / 512..end.div_ceil(512));
        if self.bad.iter().any(|bad| offset < bad.end && bad.start < end) {
            return Err(ReadFault { offset, length: buf.len() as u64, reason: "bad sector".into() });
        }
        let from = usize::try_from(offset).unwrap().min(self.bytes.len());
        let count = buf.len().min(self.bytes.len() - from);
        buf[..count].copy_from_slice(&self.bytes[from..from + count]);
        Ok(count)
    }
}

/// What makes a file system.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tool {
    Ext2,
    Ext4,
    Fat12,
    Fat16,
    Exfat,
    Ntfs,
    Iso,
}

/// An image.
pub struct Medium {
    pub bytes: Arc<Vec<u8>>,
}

fn here(program: &str) -> bool {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let found = path.split(':').any(|folder| Path::new(folder).join(program).exists());
    assert!(found || std::env::var_os("CI").is_none(), "{program} is not installed");
    if !found {
        eprintln!("{program} is not installed: its comparison was NOT made");
    }
    found
}

fn run(program: &str, words: &[&str]) {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let ran = Command::new(program).args(words).env("PATH", path).stdin(Stdio::null()).output().unwrap();
    assert!(ran.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from(state >> 56).unwrap()
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Folders that are taken, listed and left; files of some blocks; what is to be deleted.
fn tree(root: &Path) -> Vec<String> {
    let mut gone = Vec::new();
    for folder in ["keep", "keep/deep", "other", "other/deep"] {
        fs::create_dir_all(root.join(folder)).unwrap();
        for number in 0..6_usize {
            let name = format!("{folder}/file number {number}.bin");
            fs::write(root.join(&name), noise(number * 900 + 300, number as u64)).unwrap();
            if number % 3 == 2 {
                gone.push(name);
            }
        }
    }
    gone
}

/// Copies the tree to a file system that is mounted by `program`, and deletes what is to go. `false` where it cannot be mounted.
fn mounted(program: &str, device: &str, root: &str, gone: &[String]) -> bool {
    let point = tempfile::tempdir().unwrap();
    let place = point.path().to_str().unwrap();
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let ran = Command::new(program).args([device, place]).env("PATH", path).stdin(Stdio::null()).output();
    if !ran.unwrap().status.success() {
        eprintln!("FUSE is not allowed here: {program} was NOT compared");
        return false;
    }
    run("cp", &["-r", &format!("{root}/."), place]);
    gone.iter().for_each(|name| fs::remove_file(point.path().join(name)).unwrap());
    run("umount", &[place]);
    true
}

impl Medium {
    /// A small file system; `None` where its tools are not installed.
    pub fn made_by(tool: Tool) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let (root, image) = (folder.path().join("tree"), folder.path().join("image"));
        let gone = tree(&root);
        let (root, place) = (root.to_str().unwrap(), image.to_str().unwrap());
        let blank = |bytes: u64| fs::File::create(&image).unwrap().set_len(bytes).unwrap();
        match tool {
            Tool::Ext2 | Tool::Ext4 => {
                if !["mke2fs", "debugfs"].into_iter().all(here) {
                    return None;
                }
                let kind = if tool == Tool::Ext2 { "ext2" } else { "ext4" };
                let options = [
                    "-q", "-t", kind, "-b", "1024", "-g", "512", "-N", "96", "-I", "128", "-d", root, place,
                    "1M",
                ];
                run("mke2fs", &options);
                gone.iter().for_each(|name| run("debugfs", &["-w", "-R", &format!("rm \"/{name}\""), place]));
            }
            Tool::Fat12 | Tool::Fat16 => {
                if !["mkfs.vfat", "mcopy", "mdel"].into_iter().all(here) {
                    return None;
                }
                let (bits, sectors, bytes) =
                    if tool == Tool::Fat12 { ("12", "2", 1 << 20) } else { ("16", "1", 5 << 20) };
                blank(bytes);
                run("mkfs.vfat", &["-F", bits, "-s", sectors, "-i", "1A2B3C4D", place]);
                for top in ["keep", "other"] {
                    run("mcopy", &["-i", place, "-s", &format!("{root}/{top}"), "::/"]);
                }
                gone.iter().for_each(|name| run("mdel", &["-i", place, &format!("::/{name}")]));
            }
            Tool::Ntfs => {
                if !["mkntfs", "ntfs-3g", "fusermount3"].into_iter().all(here) {
                    return None;
                }
                blank(4 << 20);
                run(
                    "mkntfs",
                    &["-q", "-F", "-p", "0", "-H", "0", "-S", "0", "-s", "512", "-c", "1024", place],
                );
                mounted("ntfs-3g", place, root, &gone).then_some(())?;
            }
            Tool::Exfat => {
                if !["mkfs.exfat", "mount.exfat-fuse", "losetup", "fusermount3"].into_iter().all(here) {
                    return None;
                }
                blank(4 << 20);
                run("mkfs.exfat", &["-c", "1024", "-b", "64K", place]);
                // exfat-fuse mounts block devices alone.
                let made = Command::new("losetup").args(["--find", "--show", place]).output().unwrap();
                let device = String::from_utf8(made.stdout).unwrap().trim().to_owned();
                if device.is_empty() {
                    eprintln!("no loop device here: exFAT was NOT compared");
                    return None;
                }
                let filled = mounted("mount.exfat-fuse", &device, root, &gone);
                run("losetup", &["--detach", &device]);
                filled.then_some(())?;
            }
            Tool::Iso => {
                if !here("xorriso") {
                    return None;
                }
                fs::write(format!("{root}/keep/{}", "a long name of many letters ".repeat(8)), b"long")
                    .unwrap();
                std::os::unix::fs::symlink("x/".repeat(200), format!("{root}/keep/link")).unwrap();
                run("xorriso", &["-as", "mkisofs", "-quiet", "-R", "-o", place, root]);
            }
        }
        Some(Self { bytes: Arc::new(fs::read(&image).unwrap()) })
    }

    /// The sectors that are read where the file system is opened and walked with all its lists, but content.
    pub fn read_by_a_walk(&self) -> BTreeSet<u64> {
        let bytes = Arc::clone(&self.bytes);
        let failing = Arc::new(Failing { bytes, bad: Vec::new(), asked: Mutex::default() });
        let source = file_system(Arc::clone(&failing) as Arc<dyn ByteSource>).unwrap();
        let options =
            WalkOptions { deleted: true, recovered: true, unallocated: true, ..WalkOptions::default() };
        source.walk_with(&options, &mut |_| ControlFlow::Continue(())).unwrap();
        let asked = failing.asked.lock().unwrap().clone();
        asked.into_iter().filter(|sector| *sector < self.bytes.len() as u64 / 512).collect()
    }

    fn opened(&self, bad: &[Range<u64>]) -> Option<Box<dyn Source>> {
        let bytes = Arc::clone(&self.bytes);
        let failing = Failing { bytes, bad: bad.to_vec(), asked: Mutex::default() };
        file_system(Arc::new(Patient::new(Arc::new(failing)))).ok()
    }
}

/// A policy that takes what stands in `/keep`, and free space, slack and what was deleted.
pub fn policy(left: &str) -> Policy {
    let key = "age1400m9ftvlh27j2e2yde5c6n2xmvn504e70f5xvlcsz4xpxpkk3pslcejxt";
    let other = "age1qvnt2e72rcsjlae78pxwx26ztj8vyjdsjsz8743a4yfxknfc4y6qwvfvxr";
    let text = format!(
        r#"
        schema = "scope-policy/1"
        id = "better"
        version = 1
        title = "A better image"
        authority = {{ court = "c", docket = "d", instrument = "i", legal_basis = ["l"], hours = "any",
            issued = "2011-03-09T00:00:00Z", execute_by = "2011-03-23T00:00:00Z", review_by = "2011-09-30T00:00:00Z",
            particulars = ["p"], conditions = ["c"] }}
        recipients = {{ case = ["{key}"], auditor = ["{key}"], court = ["{key}"] }}
        record = {{ left = "{left}", holder = "h", basis = "b", until = "u" }}
        target = {{ media = [{{ label = "M", serial = "1" }}], inspect = ["metadata"], deleted = "hold:neutral",
            unallocated = "hold:neutral", slack = "hold:neutral" }}
        defaults = {{ unknown = "hold:neutral", path_case = "as-volume" }}
        compartment = [{{ id = "neutral", label = "l", recipients = ["{other}"], release = "court order" }}]
        selector.wanted = {{ label = "l", path = ["/keep/**"] }}
        [[rule]]
        id = "I-1"
        effect = "include"
        basis = "b"
        text = "t"
        any = ["wanted"]
        "#
    );
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", text).unwrap();
    Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What a comparison says.
#[derive(Debug)]
pub enum Answer {
    /// The medium cannot be read.
    NotRead,
    No(Vec<Finding>),
    /// Something could not be told.
    Open,
    Yes,
}

impl Answer {
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotRead => "not read",
            Self::No(_) => "NO",
            Self::Open => "open",
            Self::Yes => "yes",
        }
    }
}

struct Past<'s>(PastGaps<Box<dyn source::EvidenceStream + 's>>);

impl std::io::Read for Past<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buf)
    }
}

impl Original for Past<'_> {
    fn missing(&self) -> &[(u64, u64)] {
        self.0.missing()
    }

    fn is_damaged(&self) -> bool {
        self.0.is_damaged()
    }
}

fn object(source: &dyn Source, entry: &Entry, examined: &Examined) -> Option<ObjectValue> {
    if !examined.decision.outcome.is_kept() || !examined.facts.kind.has_content() {
        return None;
    }
    let mut bytes = Vec::new();
    let (unreadable, trouble) = match source.open_to_keep(entry) {
        Ok(stream) => {
            let mut stream = PastGaps::new(stream);
            stream.read_to_end(&mut bytes).ok()?;
            (stream.missing().to_vec(), stream.reason().map(|reason| reason.to_string()))
        }
        Err(error) => {
            let size = examined.facts.content_size()?;
            bytes.resize(usize::try_from(size).unwrap(), 0);
            (vec![(0, size)], Some(error.to_string()))
        }
    };
    let unreadable: Vec<_> = unreadable.into_iter().filter(|(from, to)| from < to).collect();
    Some(ObjectValue {
        sha256: Digest::of(&bytes),
        size: bytes.len() as u64,
        part: "captured-0001".into(),
        read: if unreadable.is_empty() { ReadState::Complete } else { ReadState::Partial },
        unreadable,
        trouble,
    })
}

/// Records what a medium with the ranges `bad` shows, and compares it with the whole medium.
pub fn compared(medium: &Medium, policy: &Policy, bad: &[Range<u64>]) -> Answer {
    let counts_alone = policy.record().left == scope::policy::LeftRecord::Counts;
    let (Some(before), Some(after)) = (medium.opened(bad), medium.opened(&[])) else {
        return Answer::NotRead;
    };
    let examiner = Examiner::new(policy, Options::default());
    let mut reexamination = Reexamination::new();
    let (mut left, mut left_unread) = (0, 0);
    let report = every_item(&examiner, before.as_ref(), &mut |event| {
        if let Event::Item(source, entry, examined) = event {
            let is_left = examined.decision.outcome == Outcome::Left;
            left += u64::from(is_left);
            let facts = &examined.facts;
            let is_wanting = facts.attributes.iter().any(Attribute::is_unread)
                || !facts.failures.iter().all(Failure::is_of_archive);
            left_unread += u64::from(is_left && counts_alone && is_wanting);
            if !(is_left && counts_alone) {
                let object = object(source, entry, &examined);
                reexamination.recorded_item(&entry.locator, &examined.facts, object.as_ref());
            }
        }
        ControlFlow::Continue(())
    });
    let Ok(report) = report else { return Answer::NotRead };
    let volume = before.info().volume.clone();
    let wanting = Wanting { left: left_unread, ..folder::wanting(&report) };
    reexamination.wanting(&[WalkStatement {
        volume: volume.clone(),
        ids: Vec::new(),
        items: 0,
        names: 0,
        issues: 0,
        coverage: Vec::new(),
        wanting,
    }]);
    let walked = every_item(&examiner, after.as_ref(), &mut |event| {
        if let Event::Item(source, entry, examined) = event {
            let facts = &examined.facts;
            match examined.decision.outcome {
                Outcome::Left if counts_alone => _ = reexamination.left_item(&entry.locator, facts),
                _ => reexamination.item(&entry.locator, facts),
            }
            reexamination.object(&entry.locator, facts, || match source.open_to_keep(entry) {
                Ok(stream) => Ok(Box::new(Past(PastGaps::new(stream))) as Box<dyn Original + '_>),
                Err(error) => Err(std::io::Error::other(error)),
            });
        }
        ControlFlow::Continue(())
    });
    let Ok(walked) = walked else { return Answer::NotRead };
    reexamination.wanting_today(&volume, folder::wanting(&walked));
    if counts_alone {
        reexamination.left_lines(left);
    }
    reexamination.walked();
    let open = reexamination.unread().items > 0 || reexamination.unsaid().unknown > 0;
    let findings = reexamination.finish();
    match findings.is_empty() {
        false => Answer::No(findings),
        true if open => Answer::Open,
        true => Answer::Yes,
    }
}
