//! What is left between and behind files: free space, slack, what a deleted entry pointed to.
//!
//! Implements `docs/spec/sources.md`, "Remnants". A file system says where such
//! bytes stand; everything else is the same for all of them.
//!
//! ```text
//! ntfs:7831652A1D4D21CA/unallocated:8192+40960        bytes 8192 to 49151 of the volume
//! ntfs:7831652A1D4D21CA/record:64:3/slack             behind the end of a file
//! ntfs:7831652A1D4D21CA/record:70:2/recovered         where a deleted item had its content
//! ```

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::vec::IntoIter;

use scope::RawName;
use scope::facts::{Attribute, CaseRule, Facts, Kind, Slack};

use crate::bytes::{ByteSource, length};
use crate::exact::{Content, EvidenceStream, Exact, Gap};
use crate::walk::{Entry, NodeId, SourceError, bare_facts, stated};
use crate::walker::Volume;

/// The slack of `item`, of which `facts` are known, as an item whose length is yet to be learned by opening it; `None`
/// for a kind that has none.
#[must_use]
pub fn slack_of(item: &Entry, facts: &Facts) -> Option<Entry> {
    if !matches!(facts.kind, Kind::File | Kind::Stream) || facts.size.is_none() {
        return None;
    }
    let slack = Some(Slack { of: facts.kind, size: 0 });
    let facts = Facts { kind: Kind::Slack, slack, ..facts.clone() };
    Some(Entry { locator: format!("{}{SLACK}", item.locator), facts, node: item.node })
}

/// What a file system knows of bytes that belong to no file, or to none any more.
pub(crate) trait Remnants {
    /// The volume as facts call it, and how names compare on it.
    fn volume(&self) -> (&str, CaseRule);

    /// The volume's bytes, as the medium has them.
    fn bytes(&self) -> &Arc<dyn ByteSource>;

    /// Yields runs of space that the file system counts as free, ascending. Returns what it could not tell, in sentences.
    fn free(&self, each: &mut dyn FnMut(Span) -> ControlFlow<()>) -> Vec<String>;

    /// Where the slack of a file or stream stands, in order; nothing where there is none.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where it cannot be told; `NoContent` where it is of a form that is not read.
    fn slack(&self, item: &Entry) -> Result<Vec<Span>, SourceError>;

    /// Where a deleted entry had its content, if all of that is free now; `None` where it had none.
    ///
    /// # Errors
    ///
    /// [`Lost`]: why there is nothing to recover, with numbers.
    fn recover(&self, deleted: &Entry) -> Result<Option<(Pieces, &'static str)>, Lost>;
}

/// Bytes of a volume.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Span {
    /// The first.
    pub(crate) start: u64,
    /// How many.
    pub(crate) length: u64,
}

/// Where content stands.
pub(crate) enum Pieces {
    /// On the volume, in this order.
    Spans(Vec<Span>),
    /// In a structure of the file system, which had to be put together.
    Bytes(Vec<u8>),
    /// As a file's content is read: the item has no name, and is in use all the same.
    InUse(Box<dyn EvidenceStream>),
}

impl Pieces {
    fn length(&self) -> u64 {
        match self {
            Self::Spans(spans) => total(spans),
            Self::Bytes(bytes) => length(bytes.len()),
            Self::InUse(stream) => stream.declared_len(),
        }
    }
}

/// Why what stands where a deleted entry had its content is no item: words and numbers, no names.
pub(crate) struct Lost(pub(crate) String);

impl From<SourceError> for Lost {
    fn from(error: SourceError) -> Self {
        Self(error.to_string())
    }
}

/// `spans` cut to their first `size` bytes.
///
/// # Errors
///
/// [`SourceError`] where they are shorter.
pub(crate) fn cut(spans: Vec<Span>, size: u64) -> Result<Vec<Span>, SourceError> {
    let mut left = size;
    let mut kept = Vec::new();
    for span in spans {
        let take = span.length.min(left);
        if take > 0 {
            kept.push(Span { start: span.start, length: take });
        }
        left = left.saturating_sub(take);
    }
    if left > 0 {
        return Err(SourceError::Corrupt(format!("{left} of {size} bytes have no place on the volume")));
    }
    Ok(kept)
}

/// `spans` without their first `size` bytes.
pub(crate) fn behind(spans: Vec<Span>, size: u64) -> Vec<Span> {
    let mut skip = size;
    let mut kept = Vec::new();
    for span in spans {
        let away = span.length.min(skip);
        skip = skip.saturating_sub(away);
        if span.length > away {
            kept.push(Span {
                start: span.start.saturating_add(away),
                length: span.length.saturating_sub(away),
            });
        }
    }
    kept
}

fn total(spans: &[Span]) -> u64 {
    spans.iter().fold(0_u64, |sum, span| sum.saturating_add(span.length))
}

/// Free space as items: neighbouring runs as one, none longer than [`RANGE`], no more than [`MAX_RUNS`].
pub(super) fn each_item(
    remnants: &dyn Remnants,
    each: &mut dyn FnMut(Entry) -> ControlFlow<()>,
) -> (ControlFlow<()>, Vec<String>) {
    let end = remnants.bytes().len();
    let (mut count, mut beyond) = (0_u64, Span { start: 0, length: 0 });
    let mut flow = ControlFlow::Continue(());
    let mut give = |run: Span| {
        let (mut start, until) = (run.start, run.start.saturating_add(run.length).min(end));
        while start < until && flow.is_continue() {
            let piece = Span { start, length: until.saturating_sub(start).min(RANGE) };
            start = start.saturating_add(piece.length);
            if count >= MAX_RUNS {
                // As a sum: how many runs, and how many bytes.
                beyond.start = beyond.start.saturating_add(1);
                beyond.length = beyond.length.saturating_add(piece.length);
                continue;
            }
            count = count.saturating_add(1);
            flow = each(item(remnants, piece));
        }
        flow
    };
    let mut open: Option<Span> = None;
    let mut limits = remnants.free(&mut |run| match &mut open {
        Some(last) if last.start.saturating_add(last.length) == run.start => {
            last.length = last.length.saturating_add(run.length);
            ControlFlow::Continue(())
        }
        _ => open.replace(run).map_or(ControlFlow::Continue(()), &mut give),
    });
    if let Some(last) = open {
        // What ends the walk is in `flow`.
        let _ = give(last);
    }
    if beyond.start > 0 {
        limits.push(format!(
            "more than {MAX_RUNS} runs of unallocated space: the last {}, with {} bytes, are no items",
            beyond.start, beyond.length
        ));
    }
    (flow, limits)
}

fn item(remnants: &dyn Remnants, run: Span) -> Entry {
    let (volume, case_rule) = remnants.volume();
    let node = format!("unallocated:{}+{}", run.start, run.length);
    let locator = format!("{volume}/{node}");
    let mut facts = bare_facts(volume, case_rule, node, Kind::Unallocated);
    facts.size = Some(run.length);
    Entry { locator, facts, node: NodeId::with_part(run.start, run.length) }
}

/// What deleted entries gave, and why others gave nothing.
#[derive(Default)]
pub(super) struct Tally {
    /// Locators, and what is to be said there.
    pub(super) issues: Vec<(String, String)>,
    /// How many more there are.
    more: u64,
    /// Bytes that deleted entries were looked for so far.
    asked: u64,
    /// The same in a sentence.
    pub(super) further: Option<String>,
}

impl Tally {
    /// What stands where `deleted` had its content, as an item beside it.
    pub(super) fn recovered(&mut self, remnants: &dyn Remnants, deleted: &Entry) -> Option<Entry> {
        // Entries that all point to the same free space would have it looked at again and again.
        let all = remnants.bytes().len();
        self.asked = self.asked.saturating_add(deleted.facts.size.unwrap_or(0).min(all));
        let found = if self.asked > all.saturating_mul(MAX_TIMES) {
            Err(Lost(format!("deleted entries state more than {MAX_TIMES} times the bytes of the volume")))
        } else {
            remnants.recover(deleted)
        };
        let lost = match found {
            Ok(found) => {
                let (pieces, how) = found?;
                match stated(pieces.length()).filter(|size| *size > 0) {
                    Some(size) => return Some(recovered(deleted, size, how)),
                    None => return None,
                }
            }
            Err(lost) => lost,
        };
        if self.issues.len() < MAX_ISSUES {
            let what = format!("what stands where its content was is not taken: {}", lost.0);
            self.issues.push((deleted.locator.clone(), what));
        } else {
            self.more = self.more.saturating_add(1);
            self.further =
                Some(format!("of {} more deleted entries the content could not be recovered", self.more));
        }
        None
    }
}

fn recovered(deleted: &Entry, size: u64, how: &str) -> Entry {
    let mut facts = deleted.facts.clone();
    facts.kind = Kind::Recovered;
    facts.node = format!("{}/recovered", facts.node);
    facts.size = Some(size);
    let how = how.as_bytes().to_vec();
    let found = Attribute { name: RawName::from(HOW), size: length(how.len()), value: RawName(how) };
    facts.attributes.push(found);
    facts.attributes.sort_by(|a, b| a.name.cmp(&b.name));
    Entry { locator: format!("{}{RECOVERED}", deleted.locator), facts, node: deleted.node }
}

/// Opens an item of free space, a slack, or what was recovered.
///
/// # Errors
///
/// As [`crate::walk::Source::open`].
pub(super) fn open(
    volume: &dyn Volume,
    name: &str,
    entry: &Entry,
) -> Result<Box<dyn EvidenceStream>, SourceError> {
    let remnants = volume.remnants().ok_or_else(|| {
        SourceError::NoContent("free space and slack of this file system are not read".into())
    })?;
    let changed = || SourceError::Changed("the item is not one of this volume's".into());
    let pieces = match entry.facts.kind {
        Kind::Unallocated => {
            let run = Span { start: entry.node.number(), length: entry.node.part() };
            let fits = run.start.checked_add(run.length).is_some_and(|end| end <= remnants.bytes().len());
            if !fits || run.length > RANGE || item(remnants, run).locator != entry.locator {
                return Err(changed());
            }
            Pieces::Spans(vec![run])
        }
        Kind::Slack => {
            let mut file = without(entry, SLACK).ok_or_else(changed)?;
            file.facts.kind = file.facts.slack.take().map_or(Kind::File, |slack| slack.of);
            Pieces::Spans(remnants.slack(&file)?)
        }
        _ => {
            let mut deleted = without(entry, RECOVERED).ok_or_else(changed)?;
            deleted.facts.kind = Kind::Deleted;
            let found = remnants.recover(&deleted).map_err(|lost| SourceError::Changed(lost.0))?;
            let (pieces, _) = found.ok_or_else(changed)?;
            if Some(pieces.length()) != entry.facts.size {
                return Err(changed());
            }
            pieces
        }
    };
    if !entry.locator.starts_with(name) {
        return Err(changed());
    }
    let declared = pieces.length();
    let bytes = Arc::clone(remnants.bytes());
    Ok(match pieces {
        Pieces::Spans(spans) => {
            let left = Span { start: 0, length: 0 };
            Box::new(Exact::new(Spans { bytes, spans: spans.into_iter(), left }, declared))
        }
        Pieces::Bytes(bytes) => Box::new(Exact::new(Held(io::Cursor::new(bytes)), declared)),
        Pieces::InUse(stream) => stream,
    })
}

fn without(entry: &Entry, suffix: &str) -> Option<Entry> {
    let locator = entry.locator.strip_suffix(suffix)?.to_owned();
    Some(Entry { locator, ..entry.clone() })
}

/// Reads spans one after the other.
struct Spans {
    bytes: Arc<dyn ByteSource>,
    spans: IntoIter<Span>,
    left: Span,
}

impl Read for Spans {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.left.length == 0 {
            match self.spans.next() {
                Some(span) => self.left = span,
                None => return Ok(0),
            }
        }
        let want = usize::try_from(self.left.length).unwrap_or(usize::MAX).min(buf.len());
        let Some(buf) = buf.get_mut(..want).filter(|buf| !buf.is_empty()) else { return Ok(0) };
        self.bytes.read_exact_at(self.left.start, buf).map_err(io::Error::other)?;
        let took = length(want);
        self.left = Span {
            start: self.left.start.saturating_add(took),
            length: self.left.length.saturating_sub(took),
        };
        Ok(want)
    }
}

impl Content for Spans {
    fn gap(&self) -> Gap {
        Gap::Unknown
    }

    fn skip(&mut self, mut count: u64) {
        while count > 0 {
            let now = count.min(self.left.length);
            self.left = Span {
                start: self.left.start.saturating_add(now),
                length: self.left.length.saturating_sub(now),
            };
            count = count.saturating_sub(now);
            if self.left.length == 0 {
                let Some(span) = self.spans.next() else { return };
                self.left = span;
            }
        }
    }
}

/// Content in memory.
struct Held(io::Cursor<Vec<u8>>);

impl Read for Held {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Content for Held {}

/// What stands behind a file's locator.
const SLACK: &str = "/slack";
const RECOVERED: &str = "/recovered";
/// The attribute that says how the place of what was recovered is known.
const HOW: &str = "recovered.how";
/// Most bytes in one item of free space, as of an unread volume.
const RANGE: u64 = 1 << 30;
/// Most items of free space of one volume: each is a record of some hundred bytes. A volume of terabytes with more runs
/// than this is in pieces of a few blocks.
const MAX_RUNS: u64 = 1 << 20;
/// How often the volume may be looked at for the content of deleted entries. Entries of years point to the same few places;
/// this many layers of them are more than real volumes show.
const MAX_TIMES: u64 = 64;
/// Deleted entries of which it is told one by one why nothing was recovered.
const MAX_ISSUES: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_cut_at_the_size() {
        let spans = || vec![Span { start: 10, length: 4 }, Span { start: 100, length: 4 }];
        assert_eq!(cut(spans(), 5).unwrap(), [Span { start: 10, length: 4 }, Span { start: 100, length: 1 }]);
        assert!(cut(spans(), 9).is_err());
        assert_eq!(behind(spans(), 5), [Span { start: 101, length: 3 }]);
        assert_eq!(behind(spans(), 0), spans());
        assert_eq!(behind(spans(), 8), []);
    }
}
