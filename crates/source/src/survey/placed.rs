//! A file system at its place on a medium.

use std::ops::ControlFlow;

use crate::exact::EvidenceStream;
use crate::extract::{Form, Take};
use crate::walk::{Entry, Source, SourceError, SourceInfo, WalkEvent, WalkOptions, WalkReport};

/// A source at its place: every locator begins with it.
pub(super) struct Placed {
    inner: Box<dyn Source>,
    info: SourceInfo,
    /// The place with a slash, or nothing for a source that is the whole medium.
    prefix: String,
}

impl Placed {
    pub(super) fn new(place: &str, inner: Box<dyn Source>) -> Self {
        let info = SourceInfo { place: place.to_owned(), ..inner.info().clone() };
        let prefix = if place.is_empty() { String::new() } else { format!("{place}/") };
        Self { inner, info, prefix }
    }
}

impl Placed {
    /// The entry as the source itself knows it.
    fn unplaced(&self, entry: &Entry) -> Result<Entry, SourceError> {
        let locator = entry.locator.strip_prefix(&self.prefix);
        let locator =
            locator.ok_or_else(|| SourceError::Changed("the item belongs to another volume".into()))?;
        Ok(Entry { locator: locator.to_owned(), ..entry.clone() })
    }
}

impl Source for Placed {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn root(&self) -> Result<(), SourceError> {
        self.inner.root()
    }

    fn structures(&self) -> Vec<u64> {
        self.inner.structures()
    }

    fn uses(&self, at: u64) -> Option<bool> {
        self.inner.uses(at)
    }

    fn walk_with(
        &self,
        options: &WalkOptions<'_>,
        visit: &mut dyn FnMut(WalkEvent) -> ControlFlow<()>,
    ) -> Result<WalkReport, SourceError> {
        self.inner.walk_with(options, &mut |mut event| {
            match &mut event {
                WalkEvent::Item(entry) => entry.locator.insert_str(0, &self.prefix),
                WalkEvent::Issue(issue) => {
                    if let Some(locator) = &mut issue.locator {
                        locator.insert_str(0, &self.prefix);
                    }
                }
            }
            visit(event)
        })
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn EvidenceStream + '_>, SourceError> {
        if self.prefix.is_empty() {
            return self.inner.open(entry);
        }
        self.inner.open(&self.unplaced(entry)?)
    }

    fn open_at(&self, entry: &Entry, from: u64) -> Result<Box<dyn EvidenceStream + '_>, SourceError> {
        if self.prefix.is_empty() {
            return self.inner.open_at(entry, from);
        }
        self.inner.open_at(&self.unplaced(entry)?, from)
    }

    fn extract(&self, entry: &Entry, form: Form, take: Take<'_>) -> Result<(), SourceError> {
        if self.prefix.is_empty() {
            return self.inner.extract(entry, form, take);
        }
        self.inner.extract(&self.unplaced(entry)?, form, take)
    }
}
