//! What must hold for any medium, whoever wrote it. That nothing panics needs no line here.

use std::collections::HashSet;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use source::{ByteSource, Entry, OpenOptions, Source, WalkEvent, WalkOptions};

/// Longest that one input may take. A medium of a few megabytes is read in a hundredth of it.
const LONGEST: Duration = Duration::from_secs(10);
/// Items whose content is read. A seed has fewer.
const ITEMS: usize = 400;
/// Bytes read of one stream. Seeds have shorter ones; a changed size may be as large as it likes.
const BYTES: u64 = 1 << 20;
/// Bytes read of all streams of an input, so that a thousand inputs a second remain possible.
const ALL_BYTES: u64 = 8 << 20;

/// Reads a file system, if there is one.
pub fn file_system(bytes: Arc<dyn ByteSource>) {
    let began = Instant::now();
    if let Ok(source) = source::file_system(bytes) {
        everything(source.as_ref(), began);
    }
    ended(began, "the file system");
}

/// Fails where a seed is not read: changing it would test nothing, and look like a success.
pub fn is_read(bytes: Arc<dyn ByteSource>, seed: usize) {
    let mut items = 0;
    let source =
        source::file_system(bytes).unwrap_or_else(|error| panic!("seed {seed} is not read: {error}"));
    let report = source.walk(&mut |event| {
        items += u64::from(matches!(event, WalkEvent::Item(_)));
        ControlFlow::Continue(())
    });
    assert!(report.is_ok() && items > 1, "seed {seed} is not read: {items} items");
}

/// Opens files as a medium and reads what is on it.
pub fn medium(paths: &[PathBuf]) {
    let began = Instant::now();
    let options = OpenOptions { bare: true, ..OpenOptions::default() };
    if let Ok(opened) = source::open_set(paths, &options) {
        ended(began, "the opening");
        if let Some(image) = &opened.image {
            raw(image.as_ref());
        }
        opened.unread.iter().for_each(|volume| raw(volume.bytes.as_ref()));
        opened.sources.iter().for_each(|source| everything(source.as_ref(), began));
    }
    ended(began, "the medium");
}

/// Fails where more time went by than any medium may take.
pub fn ended(began: Instant, what: &str) {
    assert!(began.elapsed() < LONGEST, "{what} took {:?}", began.elapsed());
}

/// Bytes of a medium: short only at its end, and the same by small steps.
fn raw(bytes: &dyn ByteSource) {
    let mut buf = vec![0; 1 << 16];
    let mut at = 0;
    while at < bytes.len().min(BYTES) {
        match bytes.read_at(at, &mut buf) {
            Ok(count) => {
                let left = bytes.len() - at;
                assert_eq!(count as u64, left.min(buf.len() as u64), "a short read at {at}");
                let mut few = [0; 7];
                if let Ok(again) = bytes.read_at(at + 3, &mut few) {
                    let end = count.min(3 + again);
                    let expected = buf.get(3..end).unwrap_or_default();
                    assert_eq!(few.get(..expected.len()), Some(expected), "two reads at {at} differ");
                }
            }
            Err(_) => {}
        }
        at += buf.len() as u64;
    }
    for at in [bytes.len(), bytes.len().saturating_add(1), u64::MAX - 1, u64::MAX] {
        assert!(
            bytes.read_at(at, &mut buf).is_err() || bytes.read_at(at, &mut buf).is_ok_and(|count| count == 0)
        );
    }
    let _ = bytes.read_at(bytes.len().saturating_sub(100), &mut buf);
}

/// Walks a source and reads what it found.
fn everything(source: &dyn Source, began: Instant) {
    let options = WalkOptions { streams: true, deleted: true, ..WalkOptions::default() };
    let mut kept: Vec<Entry> = Vec::new();
    let mut locators = HashSet::new();
    let (mut items, mut issues) = (0_u64, 0_u64);
    let report = source.walk_with(&options, &mut |event| {
        ended(began, "the walk");
        match event {
            WalkEvent::Item(entry) => {
                items += 1;
                assert!(entry.locator.is_ascii() && entry.locator.len() < 200, "{}", entry.locator);
                assert!(entry.facts.size.is_none_or(|size| size < 1 << 53), "{:?}", entry.facts.size);
                assert!(locators.insert(entry.locator.clone()), "twice: {}", entry.locator);
                if kept.len() < ITEMS {
                    kept.push(entry);
                }
            }
            WalkEvent::Issue(_) => issues += 1,
        }
        ControlFlow::Continue(())
    });
    if let Ok(report) = report {
        assert_eq!((report.items, report.issues, report.complete), (items, issues, true));
    }
    let mut left = ALL_BYTES;
    for entry in &kept {
        left = left.saturating_sub(content(source, entry, left));
        ended(began, "the content");
    }
}

/// Reads the content of an item: its declared length, or an error. Returns how much was read.
fn content(source: &dyn Source, entry: &Entry, most: u64) -> u64 {
    let Ok(mut stream) = source.open(entry) else { return 0 };
    let declared = stream.declared_len();
    let mut buf = vec![0; 1 << 16];
    let mut delivered = 0;
    while delivered < BYTES.min(most) {
        match stream.read(&mut buf) {
            Ok(0) => {
                assert_eq!(delivered, declared, "the end of {}", entry.locator);
                break;
            }
            Ok(count) => delivered += count as u64,
            Err(_) => break,
        }
        assert!(delivered <= declared, "more than was declared of {}", entry.locator);
    }
    delivered
}
