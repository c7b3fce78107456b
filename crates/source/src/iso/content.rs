//! Content that stands in extents.

use std::io::{self, Read};
use std::sync::Arc;

use crate::bytes::{ByteSource, length};
use crate::exact::{Content, Gap};

/// Consecutive bytes of an item's content.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Extent {
    /// Offset in the image.
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// Reads extents one after the other. One that lies outside of the image is an error.
pub(crate) struct ExtentReader {
    bytes: Arc<dyn ByteSource>,
    extents: std::vec::IntoIter<Extent>,
    current: Extent,
}

impl ExtentReader {
    pub(crate) fn new(bytes: Arc<dyn ByteSource>, extents: Vec<Extent>) -> Self {
        Self { bytes, extents: extents.into_iter(), current: Extent { offset: 0, length: 0 } }
    }
}

impl Read for ExtentReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.current.length == 0 {
            match self.extents.next() {
                Some(extent) => self.current = extent,
                None => return Ok(0),
            }
        }
        let take = usize::try_from(self.current.length).unwrap_or(usize::MAX).min(buf.len());
        let part = buf.get_mut(..take).unwrap_or_default();
        self.bytes.read_exact_at(self.current.offset, part).map_err(io::Error::other)?;
        self.current.offset = self.current.offset.saturating_add(length(take));
        self.current.length = self.current.length.saturating_sub(length(take));
        Ok(take)
    }
}

impl Content for ExtentReader {
    fn gap(&self) -> Gap {
        Gap::Unknown
    }

    fn skip(&mut self, mut count: u64) {
        while count > 0 {
            let now = count.min(self.current.length);
            self.current.offset = self.current.offset.saturating_add(now);
            self.current.length = self.current.length.saturating_sub(now);
            count = count.saturating_sub(now);
            if self.current.length == 0 {
                let Some(extent) = self.extents.next() else { return };
                self.current = extent;
            }
        }
    }
}
