//! What is true of an image, and whether a source says the same.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use scope::Digest;
use scope::facts::Kind;
use sha2::{Digest as _, Sha256};
use source::{Entry, Opened, Source, WalkEvent};

/// What is compared of an item.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Item {
    pub kind: Kind,
    /// Length and SHA-256.
    pub content: Option<(u64, Digest)>,
    pub target: Option<Vec<u8>>,
    /// How many names it has.
    pub names: usize,
}

pub type Items = BTreeMap<Vec<u8>, Item>;

/// Length and SHA-256 of what `reader` gives. An error keeps its words.
pub fn digest(reader: &mut dyn Read) -> io::Result<(u64, Digest)> {
    let (mut hash, mut length, mut buf) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let count = reader.read(&mut buf)?;
        if count == 0 {
            return Ok((length, Digest(hash.finalize().into())));
        }
        hash.update(&buf[..count]);
        length += count as u64;
    }
}

/// What the operating system says of the tree below `root`, without the root; named streams of NTFS as `name:stream`.
pub fn tree(root: &Path, streams: bool) -> Items {
    let mut items = Items::new();
    let mut links: BTreeMap<u64, usize> = BTreeMap::new();
    let mut numbers = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = [b"/", path.strip_prefix(root).unwrap().as_os_str().as_bytes()].concat();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let kind = match metadata.file_type() {
                found if found.is_dir() => Kind::Directory,
                found if found.is_symlink() => Kind::Symlink,
                found if found.is_file() => Kind::File,
                found if found.is_fifo() => Kind::Fifo,
                _ => Kind::Other,
            };
            let content = (kind == Kind::File).then(|| digest(&mut File::open(&path).unwrap()).unwrap());
            let target =
                (kind == Kind::Symlink).then(|| fs::read_link(&path).unwrap().into_os_string().into_vec());
            if kind == Kind::Directory {
                waiting.push(path.clone());
            } else {
                *links.entry(metadata.ino()).or_default() += 1;
                numbers.insert(name.clone(), metadata.ino());
            }
            if streams {
                items.extend(named_streams(&path, &name));
            }
            items.insert(name, Item { kind, content, target, names: 1 });
        }
    }
    for (name, number) in numbers {
        items.get_mut(&name).unwrap().names = links[&number];
    }
    items
}

fn named_streams(path: &Path, name: &[u8]) -> Items {
    let mut names = vec![0; 4096];
    let count = rustix::fs::llistxattr(path, names.as_mut_slice()).unwrap_or(0);
    let user = names[..count].split(|byte| *byte == 0).filter_map(|name| name.strip_prefix(b"user."));
    let stream = |stream: &[u8]| {
        let mut value = vec![0; 1 << 16];
        let count = rustix::fs::lgetxattr(path, [b"user.", stream].concat(), value.as_mut_slice()).unwrap();
        let content = digest(&mut &value[..count]).unwrap();
        let item = Item { kind: Kind::Stream, content: Some(content), target: None, names: 1 };
        ([name, b":", stream].concat(), item)
    };
    user.map(stream).collect()
}

/// A walk of `source` and the digest of everything. `is_system` are items that only the file system itself has.
pub fn said(source: &dyn Source, is_system: fn(&Entry) -> bool, what: &str) -> Items {
    let mut items = Items::new();
    let visit = &mut |event| {
        match event {
            WalkEvent::Issue(issue) => panic!("{what}: {issue:?}"),
            WalkEvent::Item(entry) if is_system(&entry) => {}
            WalkEvent::Item(entry) => {
                let item = Item {
                    kind: entry.facts.kind,
                    content: entry.facts.kind.has_content().then(|| content(source, &entry, what)),
                    target: entry.facts.link_target.as_ref().map(|target| target.bytes().to_vec()),
                    names: entry.facts.names.len(),
                };
                assert!(item.names > 0, "{what}: {}", entry.locator);
                for name in &entry.facts.names {
                    assert!(
                        items.insert(name.bytes().to_vec(), item.clone()).is_none(),
                        "{what}: {name} twice"
                    );
                }
            }
        }
        ControlFlow::Continue(())
    };
    let report = source.walk(visit).unwrap();
    assert!(report.complete, "{what}");
    for (line, walked, expected) in &report.coverage {
        assert_eq!(walked, expected, "{what}: {line}");
    }
    let nobodys = report.limits.iter().find(|limit| limit.contains("belong to no item"));
    assert_eq!(nobodys, None, "{what}");
    items
}

fn content(source: &dyn Source, entry: &Entry, what: &str) -> (u64, Digest) {
    let mut stream = source.open(entry).unwrap_or_else(|error| panic!("{what}: {}: {error}", entry.locator));
    let declared = stream.declared_len();
    let found = digest(&mut stream).unwrap_or_else(|error| panic!("{what}: {}: {error}", entry.locator));
    assert_eq!(
        (Some(found.0), entry.facts.size),
        (Some(declared), Some(declared)),
        "{what}: {}",
        entry.locator
    );
    found
}

/// The one file system of `opened` holds what is true, and nothing else. How many items were compared.
pub fn compare(opened: &Opened, truth: &Items, is_system: fn(&Entry) -> bool, what: &str) -> usize {
    assert_eq!(opened.sources.len(), 1, "{what}: {:?}", opened.medium.layers);
    let found = said(opened.sources[0].as_ref(), is_system, what);
    let mut names = truth.keys().chain(found.keys().filter(|name| !truth.contains_key(*name)));
    if let Some(name) = names.find(|name| truth.get(*name) != found.get(*name)) {
        panic!(
            "{what}: {} is {:?}, and {:?} was read",
            String::from_utf8_lossy(name),
            truth.get(name),
            found.get(name)
        );
    }
    found.len()
}

/// What a source of a damaged image says: no stream may end well with other bytes. How much was noticed.
pub fn damaged(opened: &Opened, truth: &Items, is_system: fn(&Entry) -> bool, what: &str) -> usize {
    let mut noticed = opened.medium.limits.len() + opened.unread.len();
    for source in &opened.sources {
        let source = source.as_ref();
        let mut issues = 0;
        let visit = &mut |event| {
            let WalkEvent::Item(entry) = event else {
                issues += 1;
                return ControlFlow::Continue(());
            };
            if entry.facts.kind.has_content() && !is_system(&entry) {
                match source.open(&entry).map_err(io::Error::other).and_then(|mut stream| digest(&mut stream))
                {
                    Err(_) => issues += 1,
                    Ok(found) => {
                        for name in &entry.facts.names {
                            let item = truth
                                .get(name.bytes())
                                .unwrap_or_else(|| panic!("{what}: {name} is not on it"));
                            assert!(
                                item.content == Some(found),
                                "{what}: {name} ended well with other bytes"
                            );
                        }
                    }
                }
            }
            ControlFlow::Continue(())
        };
        match source.walk(visit) {
            Err(_) => issues += 1,
            Ok(report) => {
                issues += report.coverage.iter().filter(|(_, walked, expected)| walked != expected).count();
            }
        }
        noticed += issues;
    }
    noticed
}
