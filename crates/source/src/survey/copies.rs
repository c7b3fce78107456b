//! A file system whose first structure is lost is read by the copy that it keeps of it: superblocks of ext, XFS and btrfs, boot
//! sectors of NTFS, FAT32 and exFAT.
//!
//! Implements `docs/spec/volumes.md`, "Copies".

mod front;
mod places;

use std::ops::Range;
use std::sync::Arc;

use scope::identity::FSUUID_OF_COPY;

use super::{Found, Survey, shown};
use crate::bytes::{ByteSource, ReadFault};
use crate::file_system::{Kind, recognise};
use crate::medium::by_copy;
use crate::probe;

/// A volume with a copy in the place of what it is a copy of.
struct Mended {
    inner: Arc<dyn ByteSource>,
    /// What stands in the place of bytes that are not believed: where, and what.
    first: Vec<(u64, Vec<u8>)>,
    /// What stands in the place of bytes that cannot be read: where they are, and where their copy is.
    behind: Option<(Range<u64>, u64)>,
}

impl ByteSource for Mended {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let mut done = 0_usize;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let from = offset.saturating_add(crate::bytes::length(done));
            // As far as the next border.
            let borders = self.first.iter().map(extent).flat_map(|range| [range.start, range.end]);
            let border = borders.filter(|border| *border > from).min();
            let most = border.map_or(u64::MAX, |border| border.saturating_sub(from));
            let want = usize::try_from(most).unwrap_or(usize::MAX).min(rest.len());
            let Some(rest) = rest.get_mut(..want) else { break };
            let count = match self.first.iter().find(|piece| extent(piece).contains(&from)) {
                Some((at, copy)) => {
                    let skip = usize::try_from(from.saturating_sub(*at)).unwrap_or(usize::MAX);
                    let piece = copy.get(skip..skip.saturating_add(want)).unwrap_or_default();
                    match rest.get_mut(..piece.len()) {
                        Some(to) => to.copy_from_slice(piece),
                        None => break,
                    }
                    piece.len()
                }
                None => self.read_behind(from, rest)?,
            };
            if count == 0 {
                break;
            }
            done = done.saturating_add(count);
        }
        Ok(done)
    }

    fn sector_size(&self) -> u32 {
        self.inner.sector_size()
    }

    fn bad_ranges(&self) -> Vec<Range<u64>> {
        self.inner.bad_ranges()
    }
}

/// Where a piece stands.
fn extent((at, copy): &(u64, Vec<u8>)) -> Range<u64> {
    *at..at.saturating_add(crate::bytes::length(copy.len()))
}

impl Mended {
    fn new(
        inner: &Arc<dyn ByteSource>,
        first: Vec<(u64, Vec<u8>)>,
        behind: Option<(Range<u64>, u64)>,
    ) -> Self {
        Self { inner: Arc::clone(inner), first, behind }
    }

    fn read_behind(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let fault = match self.inner.read_at(offset, buf) {
            Ok(count) => return Ok(count),
            Err(fault) => fault,
        };
        let Some((range, copy)) = &self.behind else { return Err(fault) };
        let end = offset.saturating_add(crate::bytes::length(buf.len()));
        if offset < range.start || end > range.end {
            return Err(fault);
        }
        self.inner.read_at(copy.saturating_add(offset.saturating_sub(range.start)), buf).map_err(|_| fault)
    }
}

/// A copy, and the volume as it is with it.
struct Candidate {
    bytes: Arc<dyn ByteSource>,
    /// What it is a copy of, and where it stands.
    what: &'static str,
    at: u64,
}

impl Survey {
    /// Reads a volume whose beginning says nothing, or cannot be read, by a copy. Whether it was read.
    pub(super) fn by_a_copy(&mut self, found: &Found, why: &str) -> bool {
        if probe::head(found.bytes.as_ref()).is_ok_and(|head| places::is_of_another(&head)) {
            return false;
        }
        for Candidate { bytes, what, at } in places::candidates(&found.bytes) {
            let Some(kind) = probe::head(bytes.as_ref()).ok().and_then(|head| recognise(&head)) else {
                continue;
            };
            if let Some(source) = opened(kind, &bytes) {
                let place = shown(&found.place);
                let random = front::random(found.bytes.as_ref());
                let (mut name, mut or_of_another) = (kind.name.to_owned(), String::new());
                if random > 0 {
                    or_of_another = front::told(found.bytes.as_ref(), random, source.as_ref());
                    name += ", by a copy: its beginning looks random";
                    let ids = source.info().ids.iter().filter(|(kind, _)| kind == "fsuuid");
                    self.ids.extend(ids.map(|(_, value)| (FSUUID_OF_COPY.to_owned(), value.clone())));
                }
                self.limits.push(by_copy(
                    &format!("{place}, {}: {what} {why}", kind.name),
                    at,
                    &or_of_another,
                ));
                let unused = vec![source.unused()];
                let found = Found { bytes, ..found.clone() };
                self.source(&found, &name, source);
                self.between(&found, unused, &[]);
                return true;
            }
        }
        false
    }
}

/// The file system by a copy, where the root at least can be read so.
pub(super) fn opened(kind: &Kind, bytes: &Arc<dyn ByteSource>) -> Option<Box<dyn crate::walk::Source>> {
    let source = (kind.open)(Arc::clone(bytes)).ok()?;
    source.root().ok()?;
    Some(source)
}
