//! Going back in packed content: unpacking goes on from a state that was kept on the way, not from the beginning.
//!
//! ```text
//! content      0 ........ 1 MiB ........ 2 MiB ...... | 40 MiB is wanted, and 90 MiB were read
//! states       .          .              .          .   the nearest one before is copied and goes on
//! ```
//!
//! States lie the closer to each other the nearer they are to where unpacking was last, so that going back by some bytes costs
//! little more than these, however long the content is.

use std::io::{self, BufRead as _, Read};
use std::sync::{Arc, Mutex, PoisonError};

use crc32fast::Hasher;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};

use super::content::Range;
use crate::bytes::{ByteSource, length};

/// States of a member that was gone back in.
#[derive(Default)]
pub(super) struct Points(Vec<State>);

/// Of one member of an archive alone: that which was read last.
#[derive(Clone, Default)]
pub(super) struct Kept {
    number: usize,
    points: Arc<Mutex<Points>>,
}

impl Kept {
    /// The states of the member with this number; those of any other are given up.
    pub(super) fn of(&mut self, number: usize) -> Arc<Mutex<Points>> {
        if self.number != number {
            *self = Self { number, points: Arc::default() };
        }
        Arc::clone(&self.points)
    }
}

impl Points {
    /// The state nearest before the byte `at`, or one at the beginning.
    fn before(&self, at: u64) -> State {
        let behind = self.0.partition_point(|state| state.content <= at);
        behind.checked_sub(1).and_then(|nearest| self.0.get(nearest)).cloned().unwrap_or_default()
    }

    /// Keeps `state`, unless there is one near. Where there are too many, the one goes that is missed least.
    fn keep(&mut self, state: &State) {
        let behind = self.0.partition_point(|kept| kept.content <= state.content);
        let nearest = behind.checked_sub(1).and_then(|nearest| self.0.get(nearest));
        if state.content.saturating_sub(nearest.map_or(0, |kept| kept.content)) < APART {
            return;
        }
        self.0.insert(behind, state.clone());
        if self.0.len() <= MOST {
            return;
        }
        // What going back costs without it, for each byte that one goes back.
        let missed = |at: &usize| {
            let content = |at: Option<usize>| at.and_then(|at| self.0.get(at)).map(|kept| kept.content);
            let own = content(Some(*at)).unwrap_or_default();
            let before = content(at.checked_sub(1)).unwrap_or_default();
            let gap = content(at.checked_add(1)).map_or(u64::MAX, |after| after.saturating_sub(before));
            u128::from(gap) * u128::from(u32::MAX)
                / u128::from(own.abs_diff(state.content).saturating_add(APART))
        };
        if let Some(least) = (0..self.0.len()).min_by_key(missed) {
            self.0.remove(least);
        }
    }
}

/// Unpacking, between two reads.
#[derive(Clone, Default)]
struct State {
    /// Bytes of content so far.
    content: u64,
    /// Packed bytes that were taken.
    packed: u64,
    next: Next,
    /// Check sum and length of this stream's content so far.
    sum: Hasher,
    length: u64,
    inflate: Box<InflateState>,
}

#[derive(Clone, Copy, Default, Eq, PartialEq)]
enum Next {
    #[default]
    Header,
    Content,
    Trailer,
    End,
}

/// What is packed.
#[derive(Clone, Copy)]
pub(super) enum Packed {
    /// One deflate stream, and the CRC-32 of its content.
    Deflate(u32),
    /// Gzip streams, one behind the other.
    Gzip,
}

/// Content from somewhere within on, which keeps states on its way.
pub(super) struct Sought<'b> {
    packed: Packed,
    length: u64,
    range: Range<'b>,
    state: State,
    points: Arc<Mutex<Points>>,
}

impl<'b> Sought<'b> {
    /// Content out of the `length` packed bytes from `at` on, from the state nearest before its byte `from`. Returns it and
    /// where it begins.
    pub(super) fn new(
        packed: Packed,
        bytes: Arc<dyn ByteSource + 'b>,
        (at, length): (u64, u64),
        from: u64,
        points: Arc<Mutex<Points>>,
    ) -> (Self, u64) {
        let state = points.lock().unwrap_or_else(PoisonError::into_inner).before(from);
        let start = at.saturating_add(state.packed);
        let range = Range::new(bytes, start, length.saturating_sub(state.packed));
        let content = state.content;
        (Self { packed, length, range, state, points }, content)
    }

    /// Unpacks some bytes; 0 where the stream has ended, and is to be checked.
    fn unpack(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let input = self.range.fill_buf()?;
            let (is_all, state) = (input.is_empty(), &mut self.state);
            let done = inflate(&mut state.inflate, input, buf, MZFlush::None);
            self.range.consume(done.bytes_consumed);
            state.sum.update(buf.get(..done.bytes_written).unwrap_or_default());
            state.length = state.length.saturating_add(length(done.bytes_written));
            state.content = state.content.saturating_add(length(done.bytes_written));
            state.packed = self.length.saturating_sub(self.range.left());
            match done.status {
                Ok(MZStatus::StreamEnd) => state.next = Next::Trailer,
                Ok(_) if done.bytes_written == 0 && is_all => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) if done.bytes_written == 0 => continue,
                Ok(_) => {}
                Err(_) => return Err(io::ErrorKind::InvalidData.into()),
            }
            return Ok(done.bytes_written);
        }
    }

    fn header(&mut self) -> io::Result<()> {
        let Packed::Gzip = self.packed else { return Ok(()) };
        let fixed: [u8; 10] = self.take()?;
        let [0x1F, 0x8B, 8, flags, ..] = fixed else { return Err(io::ErrorKind::InvalidData.into()) };
        if flags & EXTRA != 0 {
            let extra = self.take().map(u16::from_le_bytes)?;
            for _ in 0..extra {
                self.take::<1>()?;
            }
        }
        for text in [NAME, COMMENT] {
            while flags & text != 0 && self.take()? != [0] {}
        }
        if flags & SUM != 0 {
            self.take::<2>()?;
        }
        Ok(())
    }

    /// Compares the content with what is said of it, and begins the next stream, where there is one.
    fn trailer(&mut self) -> io::Result<()> {
        let sum = std::mem::take(&mut self.state.sum).finalize();
        let more = match self.packed {
            Packed::Deflate(stated) => {
                if stated != sum || !self.range.fill_buf()?.is_empty() {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                false
            }
            Packed::Gzip => {
                let stated: [u8; 8] = self.take()?;
                let [a, b, c, d, ..] = self.state.length.to_le_bytes();
                let [e, f, g, h] = sum.to_le_bytes();
                if stated != [e, f, g, h, a, b, c, d] {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                self.range.fill_buf()?.starts_with(&[0x1F])
            }
        };
        self.state.length = 0;
        self.state.inflate.reset(DataFormat::Raw);
        self.state.next = if more { Next::Header } else { Next::End };
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.range.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl Read for Sought<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match self.state.next {
                Next::Header => {
                    self.header()?;
                    self.state.next = Next::Content;
                }
                Next::Content => {
                    let count = self.unpack(buf)?;
                    if count > 0 {
                        self.points.lock().unwrap_or_else(PoisonError::into_inner).keep(&self.state);
                        return Ok(count);
                    }
                }
                Next::Trailer => self.trailer()?,
                Next::End => return Ok(0),
            }
        }
    }
}

/// Bits of the flags of a gzip's header.
const SUM: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
/// Bytes of content between two states, at least.
pub(super) const APART: u64 = 1 << 20;
/// Most states: some 43 KiB each.
const MOST: usize = 96;

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::atomic::{AtomicU64, Ordering};

    use flate2::{Compression, GzBuilder};

    use super::super::{Archive, Form, Limits, Member, Place, read};
    use super::*;
    use crate::bytes::ReadFault;

    /// Bytes, and how many of them were read.
    struct Counted(Vec<u8>, AtomicU64);

    impl ByteSource for Counted {
        fn len(&self) -> u64 {
            length(self.0.len())
        }

        fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
            let count = self.0.read_at(offset, buf)?;
            self.1.fetch_add(length(count), Ordering::Relaxed);
            Ok(count)
        }
    }

    /// So many bytes that can be packed to some half.
    fn content(count: u32) -> Vec<u8> {
        let mut state = 1_u32;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 28) as u8
        };
        (0..count).map(next).collect()
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let header = GzBuilder::new().filename("a").comment("b").extra(vec![1; 300]);
        let mut pack = header.write(Vec::new(), Compression::fast());
        pack.write_all(content).unwrap();
        pack.finish().unwrap()
    }

    /// What is at `from`, to the end or so many bytes of it, as a stream that goes back gives it.
    fn at(archive: &Archive, bytes: &Arc<Counted>, from: u64, most: u64) -> io::Result<Vec<u8>> {
        let (mut stream, begins) = archive.open_at(0, from, Arc::clone(bytes) as _).unwrap();
        assert!(begins <= from);
        stream.advance(from - begins)?;
        let mut found = Vec::new();
        stream.take(most).read_to_end(&mut found).map(|_| found)
    }

    #[test]
    fn any_place_is_gone_back_to() {
        let whole = content(9 << 20);
        let (first, second) = whole.split_at(5 << 20);
        let bytes = Arc::new(Counted([gzip(first), gzip(b""), gzip(second)].concat(), AtomicU64::default()));
        let archive = read(Form::Gzip, Arc::clone(&bytes) as _, &Limits::default()).unwrap();
        for from in [9_000_000, 8_999_999, 100, 4 << 20, 5 << 20, (5 << 20) - 1, 7_000_000, 1 << 20, 9 << 20]
        {
            let found = at(&archive, &bytes, from, 200_000).unwrap();
            let from = usize::try_from(from).unwrap();
            assert_eq!(found, whole[from..whole.len().min(from + 200_000)], "at {from}");
        }
        assert_eq!(at(&archive, &bytes, 6 << 20, u64::MAX).unwrap(), whole[6 << 20..]);
    }

    #[test]
    fn going_back_costs_little_more_than_one_goes_back() {
        let whole = content(64 << 20);
        let bytes = Arc::new(Counted(gzip(&whole), AtomicU64::default()));
        let archive = read(Form::Gzip, Arc::clone(&bytes) as _, &Limits::default()).unwrap();
        let packed = bytes.len();
        let cost = |from: u64, most: u64| {
            let before = bytes.1.load(Ordering::Relaxed);
            let found = at(&archive, &bytes, from, most).unwrap();
            let from = usize::try_from(from).unwrap();
            assert!(whole[from..].starts_with(&found));
            bytes.1.load(Ordering::Relaxed) - before
        };
        assert!(cost(60 << 20, 4 << 20) >= packed, "the first time all has to be unpacked");
        // Half a megabyte read at each place, and a megabyte and a half before it at most.
        let of = |content: u64| packed / 64 * content;
        for from in (0..60).rev() {
            let cost = cost(from << 20, 1 << 19);
            assert!(cost <= of(3), "at {from} MiB: {cost} of {packed}");
        }
    }

    #[test]
    fn states_are_few_and_near_where_one_was_last() {
        let mut points = Points::default();
        for content in 1..10_000 {
            points.keep(&State { content: content * APART, ..State::default() });
        }
        assert_eq!(points.0.len(), MOST);
        let last = 9_999 * APART;
        for back in [1, 2, 5, 10, 100, 1_000, 9_000] {
            let at = points.before(last - back * APART).content;
            assert!(last - at <= back * APART * 5 / 4 + 2 * APART, "{back}: {}", (last - at) / APART);
        }
    }

    #[test]
    fn what_was_not_from_the_beginning_is_checked_all_the_same() {
        let whole = content(3 << 20);
        let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), Compression::fast());
        deflated.write_all(&whole).unwrap();
        let bytes = deflated.finish().unwrap();
        let mut sum = Hasher::new();
        sum.update(&whole);
        let sum = sum.finalize();
        let check = |bytes: Vec<u8>, crc: u32, expect: Result<(), &str>| {
            let place = Place::Deflated { at: 0, packed: length(bytes.len()), crc };
            let size = length(whole.len());
            let (name, also) = (Vec::new(), Vec::new());
            let member = Member { name, also, doubtful: false, size, modified: None, at: 0, place };
            let archive = Archive::new(vec![member], Vec::new());
            let bytes = Arc::new(Counted(bytes, AtomicU64::default()));
            let found = at(&archive, &bytes, 2 << 20, u64::MAX);
            match expect {
                Ok(()) => assert_eq!(found.unwrap(), whole[2 << 20..]),
                Err(why) => assert!(found.unwrap_err().to_string().contains(why)),
            }
        };
        check(bytes.clone(), sum, Ok(()));
        check(bytes.clone(), sum ^ 1, Err("contradicts its content"));
        check([&bytes[..], b"x"].concat(), sum, Err("contradicts its content"));
        check(bytes[..bytes.len() - 1000].to_vec(), sum, Err("contradicts its content"));
    }
}
