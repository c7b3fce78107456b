//! Volumes of which no file is read, as items: one for each range of bytes.
//!
//! ```text
//! gpt:3/bytes:0-1073741824            the first GiB of the third partition
//! gpt:3/bytes:1073741824-1610612736   the rest
//! ```

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

use scope::facts::{CaseRule, Kind};

use crate::bytes::{ByteSource, length};
use crate::exact::{Content, EvidenceStream, Exact, Gap};
use crate::medium::{Opened, UnreadVolume};
use crate::walk::{
    Entry, NodeId, Source, SourceError, SourceInfo, WalkEvent, WalkOptions, WalkReport, bare_facts,
};

/// A volume as ranges of bytes.
struct Ranges {
    bytes: Arc<dyn ByteSource>,
    info: SourceInfo,
}

impl Opened {
    /// The volumes of which no file is read, each as a source whose items are ranges of its bytes, in order, without
    /// gaps, of at most 1 GiB.
    #[must_use]
    pub fn unread_sources(&self) -> Vec<Box<dyn Source>> {
        self.unread.iter().map(|volume| Box::new(Ranges::new(volume)) as Box<dyn Source>).collect()
    }
}

impl Ranges {
    fn new(volume: &UnreadVolume) -> Self {
        let bytes = Arc::clone(&volume.bytes);
        let place = if volume.place.is_empty() { "medium".to_owned() } else { volume.place.clone() };
        let info = SourceInfo {
            volume: place.clone(),
            place,
            file_system: volume.what.clone(),
            case_rule: CaseRule::Sensitive,
            about_items: Some(bytes.len().div_ceil(RANGE)),
            ids: volume.ids.clone(),
            limits: Vec::new(),
        };
        Self { bytes, info }
    }

    fn entry(&self, start: u64) -> Entry {
        let end = start.saturating_add(RANGE).min(self.bytes.len());
        let node = format!("bytes:{start}-{end}");
        let locator = format!("{}/{node}", self.info.place);
        let mut facts = bare_facts(&self.info.volume, CaseRule::Sensitive, node, Kind::Volume);
        facts.size = Some(end.saturating_sub(start));
        Entry { locator, facts, node: NodeId::new(start) }
    }
}

impl Source for Ranges {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn walk_with(
        &self,
        _: &WalkOptions<'_>,
        visit: &mut dyn FnMut(WalkEvent) -> ControlFlow<()>,
    ) -> Result<WalkReport, SourceError> {
        let mut report = WalkReport::default();
        let mut start = 0;
        while start < self.bytes.len() {
            let entry = self.entry(start);
            start = start.saturating_add(entry.facts.size.unwrap_or(RANGE));
            report.items = report.items.saturating_add(1);
            if visit(WalkEvent::Item(entry)).is_break() {
                return Ok(report);
            }
        }
        report.coverage.push(("bytes of the volume".to_owned(), start, self.bytes.len()));
        report.complete = true;
        // Every byte is in an item: there is no free space and no slack beside them that could be missing.
        report.remnants = true;
        Ok(report)
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn EvidenceStream>, SourceError> {
        let start = entry.node.number();
        let same = self.entry(start);
        if start >= self.bytes.len() || same.locator != entry.locator {
            return Err(SourceError::Changed("the range is not one of this volume's".into()));
        }
        let declared = same.facts.size.unwrap_or(0);
        let reader = Range { bytes: Arc::clone(&self.bytes), at: start, end: start.saturating_add(declared) };
        Ok(Box::new(Exact::new(reader, declared)))
    }
}

/// Bytes from one offset to another, as content.
pub(crate) struct Range {
    pub(crate) bytes: Arc<dyn ByteSource>,
    pub(crate) at: u64,
    pub(crate) end: u64,
}

impl Read for Range {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let want = left.min(buf.len());
        let count = match buf.get_mut(..want).filter(|buf| !buf.is_empty()) {
            Some(buf) => self.bytes.read_at(self.at, buf).map_err(io::Error::other)?,
            None => 0,
        };
        self.at = self.at.saturating_add(length(count));
        Ok(count)
    }
}

impl Content for Range {
    fn gap(&self) -> Gap {
        Gap::Unknown
    }

    fn skip(&mut self, count: u64) {
        self.at = self.at.saturating_add(count);
    }
}

/// Most bytes in one item: small enough that one part on a FAT disk holds some, large enough that a drive of many
/// terabytes is some thousands of items.
const RANGE: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_the_volume_once() {
        let length = 5_000;
        let bytes: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let volume = UnreadVolume {
            place: "gpt:3".into(),
            what: "LUKS".into(),
            ids: Vec::new(),
            bytes: Arc::new(bytes.clone()),
        };
        let source = Ranges::new(&volume);
        let mut entries = Vec::new();
        let report = source
            .walk(&mut |event| {
                if let WalkEvent::Item(entry) = event {
                    entries.push(entry);
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        assert!(report.complete);
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].locator, "gpt:3/bytes:0-5000");
        let mut read = Vec::new();
        source.open(&entries[0]).unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
        let elsewhere = Entry { node: NodeId::new(7), ..entries[0].clone() };
        assert!(source.open(&elsewhere).is_err());
    }
}
