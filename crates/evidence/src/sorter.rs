//! Fixed-size records in order, however many there are.
//!
//! ```text
//! add       a bounded number in memory; when they are too many, a sorted run to the scratch
//! sorted    the runs merged with what is in memory
//! ```

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, BufReader, Read, Write as _};

use crate::helpers::{Run, Scratch};

/// Takes records in any order.
pub struct Sorter<'s, const N: usize> {
    scratch: &'s dyn Scratch,
    held: Vec<[u8; N]>,
    most: usize,
    runs: Vec<Box<dyn Run>>,
    count: u64,
}

impl<'s, const N: usize> Sorter<'s, N> {
    /// An empty sorter, which holds 8 MiB.
    #[must_use]
    pub fn new(scratch: &'s dyn Scratch) -> Self {
        Self::holding(scratch, HELD.checked_div(N).unwrap_or(1).max(1))
    }

    fn holding(scratch: &'s dyn Scratch, most: usize) -> Self {
        Self { scratch, held: Vec::new(), most, runs: Vec::new(), count: 0 }
    }

    /// Takes a record.
    ///
    /// # Errors
    ///
    /// What the scratch reports.
    pub fn add(&mut self, record: [u8; N]) -> io::Result<()> {
        if self.held.len() >= self.most {
            self.spill()?;
        }
        self.held.push(record);
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// All records, ascending.
    ///
    /// # Errors
    ///
    /// What the scratch reports.
    pub fn sorted(mut self) -> io::Result<Sorted<N>> {
        self.held.sort_unstable();
        let held = std::mem::take(&mut self.held);
        Sorted::new(held, std::mem::take(&mut self.runs), self.count)
    }

    fn spill(&mut self) -> io::Result<()> {
        if self.runs.len() >= FAN_IN {
            let runs = std::mem::take(&mut self.runs);
            let merged =
                Sorted::<N>::new(Vec::new(), runs, self.count.saturating_sub(self.held.len() as u64))?;
            self.runs.push(written(self.scratch, merged)?);
        }
        self.held.sort_unstable();
        self.runs.push(written(self.scratch, self.held.drain(..).map(Ok))?);
        Ok(())
    }
}

fn written<const N: usize>(
    scratch: &dyn Scratch,
    records: impl Iterator<Item = io::Result<[u8; N]>>,
) -> io::Result<Box<dyn Run>> {
    let mut out = io::BufWriter::with_capacity(BUFFER, scratch.begin()?);
    for record in records {
        out.write_all(&record?)?;
    }
    out.into_inner().map_err(io::IntoInnerError::into_error)
}

/// Records in ascending order.
pub struct Sorted<const N: usize> {
    held: std::vec::IntoIter<[u8; N]>,
    runs: Vec<BufReader<Box<dyn Read>>>,
    /// The next record of each source; the last source is memory.
    next: BinaryHeap<Reverse<([u8; N], usize)>>,
    left: u64,
    ended: bool,
}

impl<const N: usize> Sorted<N> {
    fn new(held: Vec<[u8; N]>, runs: Vec<Box<dyn Run>>, count: u64) -> io::Result<Self> {
        let runs = runs
            .into_iter()
            .map(|run| Ok(BufReader::with_capacity(BUFFER, run.read_back()?)))
            .collect::<io::Result<Vec<_>>>()?;
        let sources = runs.len();
        let mut sorted =
            Self { held: held.into_iter(), runs, next: BinaryHeap::new(), left: count, ended: false };
        for source in 0..=sources {
            sorted.refill(source)?;
        }
        Ok(sorted)
    }

    fn refill(&mut self, source: usize) -> io::Result<()> {
        let next = match self.runs.get_mut(source) {
            Some(run) => record(run)?,
            None => self.held.next(),
        };
        self.next.extend(next.map(|next| Reverse((next, source))));
        Ok(())
    }

    fn step(&mut self) -> io::Result<Option<[u8; N]>> {
        let Some(Reverse((record, source))) = self.next.pop() else {
            // A scratch that lost something must not look like fewer records.
            return match self.left {
                0 => Ok(None),
                left => {
                    Err(io::Error::other(format!("the scratch has {left} records less than it was given")))
                }
            };
        };
        self.left = self.left.saturating_sub(1);
        self.refill(source)?;
        Ok(Some(record))
    }
}

impl<const N: usize> Iterator for Sorted<N> {
    type Item = io::Result<[u8; N]>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.step().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

fn record<const N: usize>(run: &mut impl Read) -> io::Result<Option<[u8; N]>> {
    let mut record = [0; N];
    let mut got = 0;
    while let Some(rest) = record.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match run.read(rest) {
            Ok(0) if got == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => got = got.saturating_add(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(record))
}

/// Bytes of records that a sorter holds before it writes a run.
const HELD: usize = 8 << 20;

/// Runs that are merged at a time: with their buffers some 10 MiB, and few enough open files.
const FAN_IN: usize = 64;

/// Bytes written and read at a time.
const BUFFER: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helpers::Alone;

    #[test]
    fn whatever_is_held_the_order_is_the_same() {
        let record = |n: u64| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40).to_be_bytes();
        let records: Vec<[u8; 8]> = (0..3000).map(record).collect();
        let mut expected = records.clone();
        expected.sort_unstable();
        for most in [1, 7, 100, 10_000] {
            let mut sorter = Sorter::holding(&Alone, most);
            records.iter().for_each(|record| sorter.add(*record).unwrap());
            let found: io::Result<Vec<[u8; 8]>> = sorter.sorted().unwrap().collect();
            assert_eq!(found.unwrap(), expected, "{most}");
        }
    }

    /// A scratch that gives back less than it was given.
    struct Forgets(usize);

    struct Cut(Vec<u8>, usize);

    impl Scratch for Forgets {
        fn begin(&self) -> io::Result<Box<dyn Run>> {
            Ok(Box::new(Cut(Vec::new(), self.0)))
        }
    }

    impl io::Write for Cut {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Run for Cut {
        fn read_back(self: Box<Self>) -> io::Result<Box<dyn Read>> {
            let kept = self.0.len().saturating_sub(self.1);
            Ok(Box::new(io::Cursor::new(self.0[..kept].to_vec())))
        }
    }

    #[test]
    fn a_scratch_that_loses_something_is_an_error() {
        for (lost, expected) in [(8, "1 records less than it was given"), (3, "unexpected end of file")] {
            let scratch = Forgets(lost);
            let mut sorter = Sorter::holding(&scratch, 10);
            (0..15_u64).for_each(|n| sorter.add(n.to_be_bytes()).unwrap());
            let found: io::Result<Vec<[u8; 8]>> = sorter.sorted().and_then(Iterator::collect);
            assert!(found.unwrap_err().to_string().contains(expected), "{lost}");
        }
    }
}
