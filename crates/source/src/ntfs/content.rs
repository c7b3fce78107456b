//! The bytes of a value from its beginning to its declared size, decompressed where it is compressed.

use std::io::{self, Read};
use std::sync::Arc;

use crate::bytes::length;
use crate::exact::{Content, Gap};
use crate::ntfs::corrupt;
use crate::ntfs::data::{Data, Disk, Form, head, run_at};
use crate::ntfs::lznt1;
use crate::walk::SourceError;

/// Reads a value.
pub(crate) struct DataReader {
    disk: Arc<Disk>,
    data: Data,
    position: u64,
    /// The compression unit under the position, and its number.
    unit: Option<(u64, Vec<u8>)>,
}

impl DataReader {
    /// A reader of `data`.
    pub(crate) fn new(disk: Arc<Disk>, data: Data) -> Self {
        Self { disk, data, position: 0, unit: None }
    }

    fn step(&mut self, buf: &mut [u8]) -> Result<usize, SourceError> {
        let Form::Clusters { unit: Some(clusters), .. } = self.data.form else {
            return self.data.read(&self.disk, self.position, buf);
        };
        let buf = head(buf, self.data.size.saturating_sub(self.position));
        if buf.is_empty() || self.position >= self.data.valid {
            buf.fill(0);
            return Ok(buf.len());
        }
        let buf = head(buf, self.data.valid.saturating_sub(self.position));
        let size = clusters.saturating_mul(self.disk.boot.cluster);
        let number = self.position.checked_div(size).unwrap_or(0);
        if self.unit.as_ref().is_none_or(|(held, _)| *held != number) {
            self.unit = Some((number, self.read_unit(number, clusters)?));
        }
        let bytes = self.unit.as_ref().map(|(_, bytes)| bytes.as_slice()).unwrap_or_default();
        let skip =
            usize::try_from(self.position.saturating_sub(number.saturating_mul(size))).unwrap_or(usize::MAX);
        let mut rest = bytes.get(skip..).unwrap_or_default();
        rest.read(buf).map_err(|_| corrupt("a compression unit ends early"))
    }

    /// One unit: a hole, plain clusters, or fewer clusters than the unit has and then a hole: these are compressed.
    fn read_unit(&self, number: u64, clusters: u64) -> Result<Vec<u8>, SourceError> {
        let Form::Clusters { runs, .. } = &self.data.form else { return Ok(Vec::new()) };
        let size =
            |clusters: u64| usize::try_from(clusters.saturating_mul(self.disk.boot.cluster)).unwrap_or(0);
        let mut bytes = Vec::with_capacity(size(clusters));
        let first = number.saturating_mul(clusters);
        let (mut at, end) = (first, first.saturating_add(clusters));
        let mut hole = None;
        while at < end {
            let run = run_at(runs, at).ok_or_else(|| corrupt("a run list ends before its value"))?;
            let take = run.end().min(end).saturating_sub(at);
            match run.start {
                None => hole = hole.or(Some(at)),
                Some(_) if hole.is_some() => {
                    return Err(corrupt("a compression unit goes on after its hole"));
                }
                Some(start) => {
                    let from = bytes.len();
                    bytes.resize(from.saturating_add(size(take)), 0);
                    let start = start.saturating_add(at.saturating_sub(run.first));
                    self.disk.read(start, 0, bytes.get_mut(from..).unwrap_or_default())?;
                }
            }
            at = at.saturating_add(take);
        }
        if bytes.is_empty() {
            bytes.resize(size(clusters), 0);
        } else if hole.is_some() {
            bytes = lznt1::decompress(&bytes, size(clusters))?;
        }
        Ok(bytes)
    }
}

impl Read for DataReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.step(buf).map_err(io::Error::other)?;
        self.position = self.position.saturating_add(length(count));
        Ok(count)
    }
}

impl Content for DataReader {
    fn gap(&self) -> Gap {
        Gap::Unknown
    }

    fn skip(&mut self, count: u64) {
        self.position = self.position.saturating_add(count);
    }
}
