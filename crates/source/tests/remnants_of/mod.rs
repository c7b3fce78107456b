//! Free space, slack and what deleted entries pointed to, of an image whose bytes are known.

#![allow(dead_code, missing_docs, reason = "each test program uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use scope::facts::Kind;
use source::{Entry, Issue, Source, WalkEvent, WalkOptions, WalkReport, file_system, slack_of};

use crate::common::{content, has, run};

/// What a walk yields where everything is asked for.
pub struct Whole {
    pub entries: Vec<Entry>,
    pub issues: Vec<Issue>,
    pub report: WalkReport,
}

pub fn whole(source: &dyn Source) -> Whole {
    let (mut entries, mut issues) = (Vec::new(), Vec::new());
    let options = WalkOptions { deleted: true, recovered: true, unallocated: true, ..WalkOptions::default() };
    let report = source
        .walk_with(&options, &mut |event| {
            match event {
                WalkEvent::Item(entry) => entries.push(entry),
                WalkEvent::Issue(issue) => issues.push(issue),
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(report.items, entries.len() as u64);
    assert!(report.remnants);
    Whole { entries, issues, report }
}

impl Whole {
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.facts.kind == kind)
    }

    pub fn named(&self, name: &str) -> &Entry {
        let is_it = |entry: &&Entry| {
            entry.facts.kind == Kind::File
                && entry.facts.names.iter().any(|own| own.bytes() == name.as_bytes())
        };
        self.entries.iter().find(is_it).unwrap_or_else(|| panic!("{name}"))
    }

    /// The content of what was recovered, each with how it was found.
    pub fn recovered(&self, source: &dyn Source) -> Vec<(Vec<u8>, String)> {
        let how = |entry: &Entry| {
            let found = entry.facts.attributes.iter().find(|own| own.name.bytes() == b"recovered.how");
            String::from_utf8(found.unwrap().value.0.clone()).unwrap()
        };
        self.of(Kind::Recovered).map(|entry| (content(source, entry), how(entry))).collect()
    }
}

/// The bytes of all free space, in order, as the items say; each item lies where its locator says.
pub fn free(source: &dyn Source, whole: &Whole, image: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let mut last = 0;
    for entry in whole.of(Kind::Unallocated) {
        let place = entry.locator.rsplit_once("/unallocated:").unwrap().1;
        let (start, length) = place.split_once('+').unwrap();
        let (start, length): (usize, usize) = (start.parse().unwrap(), length.parse().unwrap());
        assert!(start > last || last == 0, "neighbours are one run: {}", entry.locator);
        last = start + length;
        assert!(entry.facts.names.is_empty());
        let bytes = content(source, entry);
        assert!(bytes == image[start..last], "{}", entry.locator);
        all.extend(bytes);
    }
    all
}

/// As The Sleuth Kit gives it; `None` where it is not installed.
pub fn blkls(image: &Path, kind: &str) -> Option<Vec<u8>> {
    has("blkls").then(|| run("blkls", &["-f", kind, image.to_str().unwrap()]))
}

/// Free blocks of 1 KiB as e2fsprogs lists them.
pub fn dumpe2fs(path: &Path, image: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(run("dumpe2fs", &[path.to_str().unwrap()])).unwrap();
    let lists = text.lines().filter_map(|line| line.strip_prefix("  Free blocks: "));
    let number = |text: &str| text.parse::<usize>().unwrap();
    let mut bytes = Vec::new();
    for range in lists.flat_map(|list| list.split(", ")).filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        bytes.extend_from_slice(&image[number(first) * 1024..(number(last) + 1) * 1024]);
    }
    bytes
}

/// The bytes behind the end of a file.
pub fn slack(source: &dyn Source, entry: &Entry) -> Vec<u8> {
    let slack = slack_of(entry, &entry.facts).unwrap();
    let mut stream = source.open(&slack).unwrap_or_else(|error| panic!("{}: {error}", slack.locator));
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    assert_eq!(stream.declared_len(), bytes.len() as u64);
    bytes
}

pub fn opened(image: &[u8]) -> Box<dyn Source> {
    file_system(Arc::new(image.to_vec())).unwrap()
}

/// Where `content` stands in `image`, once.
pub fn place(image: &[u8], content: &[u8]) -> usize {
    image.windows(content.len()).position(|window| window == content).unwrap()
}
