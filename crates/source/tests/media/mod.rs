//! What the tests of FAT, exFAT and ISO 9660 share: a tree without links, damage, and The Sleuth Kit.

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
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use scope::facts::Kind;
use source::{ByteSource, Entry, ReadFault, Source, WalkEvent, WalkOptions, file_system};

use crate::common::{Walked, content, noise, run};

/// Whether all programs are installed. Where `CI` is set they must be.
pub fn need(programs: &[&str]) -> bool {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    for program in programs {
        if !path.split(':').any(|folder| Path::new(folder).join(program).exists()) {
            assert!(std::env::var_os("CI").is_none(), "{program} is not installed");
            eprintln!("{program} is not installed: its comparison was NOT made");
            return false;
        }
    }
    true
}

/// A tree of `count` files with odd names and sizes, and one directory with very many.
pub fn tree(root: &Path, count: usize) {
    let write = |name: &str, bytes: &[u8]| {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    for index in 0..count {
        write(&format!("plain/d{}/f{index}.dat", index % 7), &noise(index * 31, index as u64));
    }
    for length in
        [0, 1, 511, 512, 513, 1023, 1024, 1025, 2047, 2048, 2049, 4095, 4096, 4097, 32768, 32769, 300_000]
    {
        write(&format!("sizes/{length}"), &noise(length, 7));
    }
    if count >= 100 {
        for index in 0..2000 {
            write(&format!("many/{index:05}-entry"), b"");
        }
    }
    for name in [
        "UPPER.TXT",
        "lower.txt",
        "Mixed.Txt",
        "two.dots.txt",
        "no extension at all",
        ".hidden",
        "caf\u{e9} au lait",
        "\u{65e5}\u{672c}\u{8a9e}",
        "-rf",
        "%41",
        "thirteen char",
        "a+b,c;d=e[f]",
        &"x".repeat(200),
    ] {
        write(&format!("odd/{name}"), name.as_bytes());
    }
    write(&format!("{}end", "deep/D/".repeat(15)), b"deep");
}

/// Kind, content, time of modification in seconds; 0 where it is not compared.
pub type Expected = (Kind, Option<Vec<u8>>, i64);

/// What the operating system says of the tree: kind, content, time of modification in seconds.
pub fn expected(root: &Path) -> BTreeMap<Vec<u8>, Expected> {
    let mut all = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let relative = path.strip_prefix(root).unwrap().as_os_str().as_bytes();
        let name = [b"/", relative].concat();
        if metadata.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            all.insert(name, (Kind::Directory, None, 0));
        } else if metadata.is_file() {
            all.insert(name, (Kind::File, Some(fs::read(&path).unwrap()), metadata.mtime()));
        } else {
            all.insert(name, (Kind::Symlink, None, 0));
        }
    }
    all
}

/// All items, deleted ones too.
pub fn all(source: &dyn Source) -> Vec<Entry> {
    let mut entries = Vec::new();
    let options = WalkOptions { deleted: true, ..WalkOptions::default() };
    source
        .walk_with(&options, &mut |event| {
            if let WalkEvent::Item(entry) = event {
                entries.push(entry);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    entries
}

/// Reads all of a file. Whether that went well; a stream that ends early without an error fails the test.
pub fn survives(source: &dyn Source, entry: &Entry) -> bool {
    let Ok(mut stream) = source.open(entry) else { return false };
    let declared = stream.declared_len();
    assert_eq!(Some(declared), entry.facts.size);
    let (mut buf, mut read) = (vec![0; 1 << 16], 0);
    loop {
        match stream.read(&mut buf) {
            Ok(0) => break,
            Ok(count) => read += count as u64,
            Err(_) => {
                assert!(read <= declared);
                return false;
            }
        }
    }
    assert_eq!(read, declared, "{} ended early", entry.locator);
    true
}

/// An image with some bytes changed, or cut.
pub struct Patched {
    pub bytes: Arc<Vec<u8>>,
    pub len: u64,
    pub changes: Vec<(u64, u8)>,
}

impl ByteSource for Patched {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap();
        let want = buf.len().min(left);
        let count = self.bytes.read_at(offset, &mut buf[..want])?;
        for (at, value) in &self.changes {
            if (offset..offset + count as u64).contains(at) {
                buf[usize::try_from(at - offset).unwrap()] = *value;
            }
        }
        Ok(count)
    }
}

/// Walks and reads everything, deleted entries too, within a time that no loop would keep.
pub fn exhaust(bytes: Arc<dyn ByteSource>, what: &str) -> (usize, usize) {
    let began = Instant::now();
    let (mut items, mut read) = (0, 0);
    if let Ok(source) = file_system(bytes) {
        let mut entries = Vec::new();
        let options = WalkOptions { deleted: true, ..WalkOptions::default() };
        let walked = source.walk_with(&options, &mut |event| {
            if let WalkEvent::Item(entry) = event {
                entries.push(entry);
            }
            ControlFlow::Continue(())
        });
        if walked.is_ok() {
            items = entries.len();
            for entry in entries.iter().filter(|entry| entry.facts.kind == Kind::File) {
                read += usize::from(survives(source.as_ref(), entry));
            }
        }
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{what} took {:?}", began.elapsed());
    (items, read)
}

/// `count` images with one byte changed, most of them among the first `metadata` bytes, and some cut ones.
pub fn survives_mutants(bytes: &Arc<Vec<u8>>, metadata: u64, count: u64) {
    let len = bytes.as_slice().len() as u64;
    let (items, read) = exhaust(Arc::clone(bytes) as Arc<dyn ByteSource>, "the sound image");
    assert!(items > 20 && read > 20);
    let pick = |seed: u64| u64::from_le_bytes(noise(8, seed).try_into().unwrap());
    let mut differ = 0;
    for seed in 0..count {
        let range = match seed % 4 {
            0 => 512,
            1..=2 => metadata.min(len),
            _ => len,
        };
        // Most of a volume is zeros: take a byte that says something.
        let at = (0..1000).map(|more| pick(seed * 1000 + more) % range);
        let at =
            at.into_iter().find(|at| bytes[usize::try_from(*at).unwrap()] != 0).unwrap_or(pick(seed) % range);
        let value = bytes[usize::try_from(at).unwrap()] ^ (1 + (pick(seed ^ 0x5555) % 255) as u8);
        let mutant = Patched { bytes: Arc::clone(bytes), len, changes: vec![(at, value)] };
        let seen = exhaust(Arc::new(mutant), &format!("byte {at} as {value}"));
        differ += usize::from(seen != (items, read));
    }
    assert!(differ > 0, "no mutant made a difference");
    for cut in 0..20 {
        let len = if cut < 10 { len * cut / 10 } else { pick(cut) % metadata.min(len) };
        exhaust(
            Arc::new(Patched { bytes: Arc::clone(bytes), len, changes: vec![] }),
            &format!("cut at {len}"),
        );
    }
}

/// One of Debian's real samples, unpacked.
pub fn sample(name: &str) -> Option<Vec<u8>> {
    let packed = Path::new("/usr/share/forensics-samples").join(name);
    if !packed.exists() {
        assert!(std::env::var_os("CI").is_none(), "{name} is not installed");
        eprintln!("{name} is not installed: its comparison was NOT made");
        return None;
    }
    Some(run("xz", &["-dc", packed.to_str().unwrap()]))
}

/// The Sleuth Kit's names of items in use, each with its address.
pub fn fls(image: &Path, arguments: &[&str]) -> Vec<(String, String, bool)> {
    let mut all = vec!["-r", "-p"];
    all.extend(arguments);
    all.push(image.to_str().unwrap());
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let output = Command::new("fls").args(&all).env("PATH", path).env("LC_ALL", "C.UTF-8").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |line: &str| {
        let (kind, rest) = line.split_once(' ')?;
        let (address, name) = rest.trim_start_matches("* ").split_once(":\t")?;
        let name = name.to_owned();
        (!kind.starts_with(['v', 'V'])).then(|| (name, address.to_owned(), kind.ends_with('d')))
    };
    text.lines().filter_map(line).collect()
}

/// Compares names of items in use, and a sample of contents, with The Sleuth Kit's.
pub fn sleuth_kit(image: &Path, kind: &str, source: &dyn Source, walked: &Walked) {
    if !need(&["fls", "icat"]) {
        return;
    }
    let theirs: BTreeMap<String, String> = fls(image, &["-u", "-f", kind])
        .into_iter()
        .filter(|(name, ..)| !name.starts_with('$') && !name.ends_with(" (Volume Label Entry)"))
        .map(|(name, address, _)| (format!("/{name}"), address))
        .collect();
    let ours: BTreeMap<String, &Entry> = walked
        .entries
        .iter()
        .flat_map(|entry| {
            entry
                .facts
                .names
                .iter()
                .map(move |name| (String::from_utf8_lossy(name.bytes()).into_owned(), entry))
        })
        .filter(|(name, _)| name != "/")
        .collect();
    // fls cuts long names; ours was compared with the tree.
    let short = |name: &&String| !name.contains("xxxxxxxxxx");
    let missing: Vec<_> = theirs.keys().filter(short).filter(|name| !ours.contains_key(*name)).collect();
    let more: Vec<_> = ours.keys().filter(short).filter(|name| !theirs.contains_key(*name)).collect();
    assert!(missing.is_empty() && more.is_empty(), "only theirs: {missing:?}; only ours: {more:?}");
    let files = ours.iter().filter(|(_, entry)| entry.facts.kind == Kind::File);
    for (index, (name, entry)) in files.enumerate() {
        // One process a file: the first ones, and every tenth of the others that has content.
        if entry.facts.size == Some(0) || (index > 30 && index % 10 != 0) || !short(&name) {
            continue;
        }
        let output =
            Command::new("icat").args(["-f", kind, image.to_str().unwrap(), &theirs[name]]).output().unwrap();
        assert!(output.stdout == content(source, entry), "icat differs on {}", entry.locator);
    }
}
