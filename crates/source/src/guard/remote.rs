//! Sources and bytes whose reader is another process.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use super::content;
use super::frame::{ask, tell};
use super::pool::{Again, Deaths, Pool};
use super::process::{Ended, Process};
use super::walked;
use super::words::{BytesAsk, Extent, ExtractAsk, Fault};
use crate::bytes::{ByteSource, ReadFault, length};
use crate::exact::EvidenceStream;
use crate::extract::{Form, Take};
use crate::patient::merged;
use crate::walk::{Entry, Source, SourceError, SourceInfo, WalkEvent, WalkOptions, WalkReport};

/// A source that another process reads.
pub(super) struct RemoteSource {
    pool: Arc<Pool>,
    deaths: Arc<Deaths>,
    index: usize,
    info: SourceInfo,
}

impl RemoteSource {
    /// The source with the number `index` in the survey.
    pub(super) fn new(pool: Arc<Pool>, index: usize, info: SourceInfo) -> Self {
        Self { pool, deaths: Arc::default(), index, info }
    }
}

impl Source for RemoteSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn walk_with(
        &self,
        options: &WalkOptions<'_>,
        visit: &mut dyn FnMut(WalkEvent) -> ControlFlow<()>,
    ) -> Result<WalkReport, SourceError> {
        walked::walk(&self.pool, &self.deaths, self.index, &self.info, options, visit)
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn EvidenceStream>, SourceError> {
        if !entry.facts.kind.has_content() {
            return Err(SourceError::NoContent("not a file".into()));
        }
        content::open(&self.pool, &self.deaths, self.index, entry, 0)
    }

    fn open_at(&self, entry: &Entry, from: u64) -> Result<Box<dyn EvidenceStream>, SourceError> {
        if !entry.facts.kind.has_content() {
            return Err(SourceError::NoContent("not a file".into()));
        }
        content::open(&self.pool, &self.deaths, self.index, entry, from)
    }

    fn extract(&self, entry: &Entry, form: Form, take: Take<'_>) -> Result<(), SourceError> {
        if !entry.facts.kind.has_content() {
            return Err(SourceError::NoContent("not a file".into()));
        }
        content::extract(
            &self.pool,
            &self.deaths,
            &ExtractAsk { source: self.index, item: entry.into(), form },
            take,
        )
    }
}

/// Bytes that another process reads: the medium's, or those of a volume that is not read.
pub(super) struct RemoteBytes {
    pool: Arc<Pool>,
    deaths: Deaths,
    unread: Option<usize>,
    extent: Extent,
}

impl RemoteBytes {
    /// The medium's bytes, or those of the volume with the number `unread`.
    pub(super) fn new(pool: Arc<Pool>, unread: Option<usize>, extent: Extent) -> Self {
        Self { pool, deaths: Deaths::default(), unread, extent }
    }

    fn pieces(&self, offset: u64, filled: bool, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let left = usize::try_from(self.extent.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let want = left.min(buf.len());
        let mut at = offset;
        for piece in buf.get_mut(..want).unwrap_or_default().chunks_mut(PIECE) {
            self.piece(at, filled, piece)?;
            at = at.saturating_add(length(piece.len()));
        }
        Ok(want)
    }

    fn piece(&self, offset: u64, filled: bool, buf: &mut [u8]) -> Result<(), ReadFault> {
        let asked = length(buf.len());
        let unreadable = |reason: String| ReadFault { offset, length: asked, reason };
        let failed = |error: SourceError| match error {
            SourceError::Read(fault) => fault,
            other => unreadable(other.to_string()),
        };
        self.deaths.allow().map_err(failed)?;
        let ask = BytesAsk { unread: self.unread, filled, offset, length: buf.len() };
        let ask = serde_json::to_vec(&ask).map_err(|error| unreadable(error.to_string()))?;
        let mut again = Again::default();
        loop {
            let mut process = self.pool.take().map_err(failed)?;
            match process.ask(ask::BYTES, &ask).and_then(|()| taken(&mut process, buf)) {
                Ok(told) => {
                    self.pool.give(process);
                    return told.map_err(|fault| fault.bytes(offset, asked));
                }
                Err(ended) => again.allow(&self.deaths, ended, offset).map_err(failed)?,
            }
        }
    }
}

/// Fills `buf` out of one frame, which holds exactly as many bytes.
fn taken(process: &mut Process, buf: &mut [u8]) -> Result<Result<(), Fault>, Ended> {
    match process.head()? {
        (tell::DATA, length) if length == buf.len() => {
            let mut rest = buf;
            while !rest.is_empty() {
                let count = process.some(rest)?;
                rest = rest.get_mut(count..).unwrap_or_default();
            }
            Ok(Ok(()))
        }
        (tell::FAULT, length) => content::fault(process, length).map(Err),
        _ => Err(process.broke("it was asked for bytes and told something else")),
    }
}

impl ByteSource for RemoteBytes {
    fn len(&self) -> u64 {
        self.extent.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        self.pieces(offset, false, buf)
    }

    fn read_filled_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        self.pieces(offset, true, buf)
    }

    fn filled_ranges(&self) -> Vec<Range<u64>> {
        merged(self.extent.filled.iter().map(|(start, end)| *start..*end).collect())
    }

    fn sector_size(&self) -> u32 {
        self.extent.sector_size
    }

    /// Ranges that were known when the medium was opened.
    fn bad_ranges(&self) -> Vec<Range<u64>> {
        self.extent.bad.iter().map(|(start, end)| *start..*end).collect()
    }
}

/// Most bytes asked for at once.
pub(super) const PIECE: usize = 1 << 20;
