//! A source whose reading is counted, slowed down where that is asked for, and cut off by an interrupt.

use std::io::{self, Read};
use std::ops::ControlFlow;

use source::extract::{Form, Take};
use source::{Entry, EvidenceStream, Source, SourceError, SourceInfo, WalkEvent, WalkOptions, WalkReport};

use crate::interrupt::Interrupt;
use crate::progress::Meter;

/// See the module's page.
pub(crate) struct Metered<'a> {
    source: &'a dyn Source,
    meter: &'a Meter,
    interrupt: &'a Interrupt,
}

impl<'a> Metered<'a> {
    pub(crate) fn new(source: &'a dyn Source, meter: &'a Meter, interrupt: &'a Interrupt) -> Self {
        Self { source, meter, interrupt }
    }

    /// The content of an item, counted as it is read. The stream may not outlive the meter.
    fn stream<'s>(&self, inner: Box<dyn EvidenceStream + 's>) -> Stream<'s> {
        Stream { inner, meter: self.meter.clone(), interrupt: self.interrupt.clone(), kept: None }
    }
}

impl Source for Metered<'_> {
    fn info(&self) -> &SourceInfo {
        self.source.info()
    }

    fn walk_with(
        &self,
        options: &WalkOptions<'_>,
        visit: &mut dyn FnMut(WalkEvent) -> ControlFlow<()>,
    ) -> Result<WalkReport, SourceError> {
        self.source.walk_with(options, visit)
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn EvidenceStream + '_>, SourceError> {
        Ok(Box::new(self.stream(self.source.open(entry)?)))
    }

    fn open_at(&self, entry: &Entry, from: u64) -> Result<Box<dyn EvidenceStream + '_>, SourceError> {
        Ok(Box::new(self.stream(self.source.open_at(entry, from)?)))
    }

    fn extract(&self, entry: &Entry, form: Form, take: Take<'_>) -> Result<(), SourceError> {
        self.source.extract(entry, form, &mut |piece| {
            if self.interrupt.is_asked() {
                return Err(io::Error::other("stopped, as asked"));
            }
            take(piece)
        })
    }

    fn open_to_keep(&self, entry: &Entry) -> Result<Box<dyn EvidenceStream + '_>, SourceError> {
        let mut stream = self.stream(self.source.open_to_keep(entry)?);
        stream.kept = Some(0);
        Ok(Box::new(stream))
    }
}

struct Stream<'s> {
    inner: Box<dyn EvidenceStream + 's>,
    meter: Meter,
    interrupt: Interrupt,
    /// How many bytes were read to be kept; `None` of what is only looked at.
    kept: Option<u64>,
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        self.meter.done(self.kept.unwrap_or(0));
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.interrupt.is_asked() {
            return Err(io::Error::other("stopped, as asked"));
        }
        let count = self.inner.read(buffer)?;
        if let Some(kept) = &mut self.kept {
            let more = u64::try_from(count).unwrap_or(0);
            *kept = kept.saturating_add(more);
            self.meter.under_way(more);
        }
        self.meter.read(count, &self.interrupt);
        Ok(count)
    }
}

impl EvidenceStream for Stream<'_> {
    fn declared_len(&self) -> u64 {
        self.inner.declared_len()
    }

    fn pass(&mut self) -> Option<u64> {
        self.inner.pass()
    }

    fn advance(&mut self, count: u64) -> io::Result<()> {
        self.inner.advance(count)
    }
}
