//! Gzip: one member, in one packed stream or in several that follow each other.
//!
//! Implements `docs/spec/containers.md`, "Gzip".
//!
//! ```text
//! 1f 8b 08, flags, time, [name]   deflate   check sum, length      and perhaps again
//! ```

use std::io::{self, BufRead as _, Read};
use std::sync::Arc;

use flate2::bufread::GzDecoder;

use super::content::Range;
use super::{Archive, ArchiveError, Limits, Member, Modified, Place};
use crate::bytes::{ByteSource, ReadFault, length};

/// Unpacks a gzip to its end, to learn how long its member is.
pub(super) fn read(bytes: Arc<dyn ByteSource + '_>, limits: &Limits) -> Result<Archive, ArchiveError> {
    let len = bytes.len();
    let mut unpacked = Unpacked::new(Range::new(bytes, 0, len));
    let mut buf = vec![0; PIECE];
    let mut total = 0_u64;
    let failed =
        |error: io::Error| match error.get_ref().and_then(|inside| inside.downcast_ref::<ReadFault>()) {
            Some(fault) => ArchiveError::Read(fault.clone()),
            None => ArchiveError::damaged(
                0,
                "the packed content is damaged or cut off, or its check sum does not fit",
            ),
        };
    loop {
        let count = unpacked.read(&mut buf).map_err(failed)?;
        if count == 0 {
            break;
        }
        total = total.saturating_add(length(count));
        limits.check(total, len)?;
    }
    let first = unpacked.first.take();
    let (name, seconds) = first.unwrap_or_default();
    let ns = i128::from(seconds).saturating_mul(1_000_000_000);
    let modified = (seconds != 0).then_some(Modified { ns, local: false });
    let loose = unpacked.loose().map_err(failed)?;
    let member = Member { name, size: total, modified, place: Place::Gzip { length: len } };
    Ok(Archive { members: vec![member], others: 0, loose })
}

/// The content of a gzip, stream by stream.
pub(super) struct Unpacked<'b> {
    decoder: Option<GzDecoder<Range<'b>>>,
    /// What follows the last stream.
    rest: Option<Range<'b>>,
    /// Name and time of the first stream, once it was read.
    first: Option<(Vec<u8>, u32)>,
    ended: bool,
}

impl<'b> Unpacked<'b> {
    pub(super) fn new(bytes: Range<'b>) -> Self {
        Self { decoder: Some(GzDecoder::new(bytes)), rest: None, first: None, ended: false }
    }

    /// How many bytes follow the last stream; zeros, with which tapes are filled up, are none.
    fn loose(self) -> io::Result<u64> {
        let Some(mut rest) = self.rest else { return Ok(0) };
        let (left, mut any) = (rest.left(), false);
        loop {
            let held = rest.fill_buf()?;
            if held.is_empty() {
                return Ok(if any { left } else { 0 });
            }
            any |= held.iter().any(|byte| *byte != 0);
            let count = held.len();
            rest.consume(count);
        }
    }
}

impl Read for Unpacked<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !buf.is_empty() {
            let Some(decoder) = &mut self.decoder else { break };
            let count = decoder.read(buf)?;
            if self.first.is_none()
                && let Some(header) = decoder.header()
            {
                self.first = Some((header.filename().unwrap_or_default().to_vec(), header.mtime()));
            }
            if count > 0 {
                return Ok(count);
            }
            let Some(decoder) = self.decoder.take() else { break };
            let mut rest = decoder.into_inner();
            if rest.fill_buf()?.starts_with(&[0x1F]) {
                self.decoder = Some(GzDecoder::new(rest));
            } else {
                (self.rest, self.ended) = (Some(rest), true);
            }
        }
        Ok(0)
    }
}

/// Bytes unpacked at once.
const PIECE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::Form;
    use super::*;

    fn gzip(name: &str, content: &[u8]) -> Vec<u8> {
        let mut pack = flate2::GzBuilder::new()
            .filename(name)
            .mtime(1_300_000_000)
            .write(Vec::new(), flate2::Compression::best());
        pack.write_all(content).unwrap();
        pack.finish().unwrap()
    }

    fn check(bytes: &[u8], expect: Result<(&[u8], u64), &str>) {
        let source: Arc<dyn ByteSource> = Arc::new(bytes.to_vec());
        let read = super::super::read(Form::Gzip, Arc::clone(&source), &Limits::default());
        match (read, expect) {
            (Ok(archive), Ok((content, loose))) => {
                let mut found = Vec::new();
                archive.open(0, source).unwrap().read_to_end(&mut found).unwrap();
                assert_eq!((found.as_slice(), archive.loose), (content, loose));
                assert_eq!(archive.members[0].name, b"a.txt");
                assert_eq!(archive.members[0].modified.unwrap().ns, 1_300_000_000_000_000_000);
            }
            (Err(error), Err(because)) => assert!(error.to_string().contains(because), "{error}"),
            (read, expect) => panic!("{read:?} instead of {expect:?}"),
        }
    }

    #[test]
    fn streams_that_follow_each_other_are_one_member() {
        let one = gzip("a.txt", b"one");
        check(&one, Ok((b"one", 0)));
        check(&[&one[..], &gzip("", b" two")].concat(), Ok((b"one two", 0)));
        check(&[&one[..], &[0; 700]].concat(), Ok((b"one", 0)));
        check(&[&one[..], b"hidden"].concat(), Ok((b"one", 6)));
        check(&[&one[..], b"\0\0hidden"].concat(), Ok((b"one", 8)));
    }

    #[test]
    fn damage_and_bombs_are_refused() {
        let one = gzip("a.txt", b"some content");
        for cut in 0..one.len() {
            check(&one[..cut], Err("damaged or cut off"));
        }
        let mut other = one.clone();
        let sum = other.len() - 8;
        other[sum] ^= 1;
        check(&other, Err("check sum"));
        let bomb: Arc<dyn ByteSource> = Arc::new(gzip("a.txt", &vec![0; 1 << 20]));
        let limits = Limits { free: 1 << 16, ..Limits::default() };
        let error = super::super::read(Form::Gzip, bomb, &limits).unwrap_err().to_string();
        assert!(error.contains("250 times"), "{error}");
    }
}
