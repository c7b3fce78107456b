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
use super::names::Names;
use super::{Archive, ArchiveError, Known, Limits, Member, Modified, Other, Place};
use crate::bytes::{ByteSource, ReadFault, length};

/// Unpacks a gzip to its end, to learn how long its member is.
pub(super) fn read(
    bytes: Arc<dyn ByteSource + '_>,
    limits: &Limits,
    known: &mut Known,
) -> Result<Archive, ArchiveError> {
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
        let read = unpacked.read(&mut buf).map_err(failed).and_then(|count| {
            total = total.saturating_add(length(count));
            limits.check(total).map(|()| count)
        });
        match read {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => {
                let (name, _) = unpacked.first.take().unwrap_or_default();
                known.others.push(Other::named(member(&name, (total, 0), len)));
                return Err(error);
            }
        }
    }
    let (name, seconds) = unpacked.first.take().unwrap_or_default();
    let aside = unpacked.aside;
    let loose = unpacked.loose().map_err(failed)?;
    let member = member(&name, (total, seconds), len);
    Ok(Archive { loose, aside, ..Archive::new(vec![member], Vec::new()) })
}

/// The member of a gzip of `length` bytes: its name there, its size, and its time in seconds, if it is not 0.
fn member(name: &[u8], (size, seconds): (u64, u32), length: u64) -> Member {
    let ns = i128::from(seconds).saturating_mul(1_000_000_000);
    let modified = (seconds != 0).then_some(Modified { ns, local: false });
    // Where it has none, whoever asks knows what the file is called.
    let Names { name, also, doubtful } = if name.is_empty() { Names::default() } else { Names::of(name) };
    Member { name, also, doubtful, size, modified, at: 0, place: Place::Gzip { length } }
}

/// The content of a gzip, stream by stream.
pub(super) struct Unpacked<'b> {
    decoder: Option<GzDecoder<Range<'b>>>,
    /// What follows the last stream.
    rest: Option<Range<'b>>,
    /// Name and time of the first stream, once it was read.
    first: Option<(Vec<u8>, u32)>,
    /// Whether the header of this stream was read, and bytes in all of them that say something of which no member tells.
    met: bool,
    aside: u64,
    ended: bool,
}

impl<'b> Unpacked<'b> {
    pub(super) fn new(bytes: Range<'b>) -> Self {
        Self {
            decoder: Some(GzDecoder::new(bytes)),
            rest: None,
            first: None,
            met: false,
            aside: 0,
            ended: false,
        }
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
            if !self.met
                && let Some(header) = decoder.header()
            {
                self.met = true;
                let name = header.filename().unwrap_or_default();
                let said = header.comment().map_or(0, <[u8]>::len);
                let extra = header.extra().filter(|extra| !is_block_size(extra)).map_or(0, <[u8]>::len);
                // Of a stream that follows another, nobody asks for the name.
                let unasked = if self.first.is_some() { name.len() } else { 0 };
                let aside = said.saturating_add(extra).saturating_add(unasked);
                self.aside = self.aside.saturating_add(length(aside));
                self.first.get_or_insert_with(|| (name.to_vec(), header.mtime()));
            }
            if count > 0 {
                return Ok(count);
            }
            let Some(decoder) = self.decoder.take() else { break };
            let mut rest = decoder.into_inner();
            if rest.fill_buf()?.starts_with(&[0x1F]) {
                (self.decoder, self.met) = (Some(GzDecoder::new(rest)), false);
            } else {
                (self.rest, self.ended) = (Some(rest), true);
            }
        }
        Ok(0)
    }
}

/// Whether an extra field is how long its own stream is, as `bgzip` writes it.
fn is_block_size(extra: &[u8]) -> bool {
    extra.len() == 6 && extra.starts_with(b"BC\x02\0")
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
    fn what_headers_say_beside_the_name_is_told_of() {
        let aside = |build: flate2::GzBuilder| {
            let mut pack = build.write(Vec::new(), flate2::Compression::best());
            pack.write_all(b"x").unwrap();
            let bytes = [gzip("a.txt", b"one"), pack.finish().unwrap()].concat();
            read(Arc::new(bytes), &Limits::default(), &mut Known::default()).unwrap().aside
        };
        let new = flate2::GzBuilder::new;
        assert_eq!(aside(new()), 0);
        assert_eq!(aside(new().comment("hidden")), 6);
        assert_eq!(aside(new().extra("hidden")), 6);
        assert_eq!(aside(new().extra(*b"BC\x02\0\x1b\0")), 0);
        assert_eq!(aside(new().filename("priv.txt")), 8);
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
        let limits = Limits { total: 1 << 16, ..Limits::of(1) };
        let error = super::super::read(Form::Gzip, bomb, &limits).unwrap_err().to_string();
        assert!(error.contains("65536 bytes unpacked"), "{error}");
    }
}
