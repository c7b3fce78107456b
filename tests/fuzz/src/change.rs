//! An input: which seed, and what is changed on it.
//!
//! ```text
//! 00          the seed, modulo their number
//! 01          bit 0: make checksums fit again; bit 1: the first file ends early, after a fraction in the next two bytes
//! then        changes, each: 1 byte kind, 1 byte file, 2 bytes line, 1 byte offset in it, and what the kind needs
//! kind & 3    0, 1: bytes follow, their number is (kind >> 2 & 15) + 1
//!             2: a run of lines is copied here, from a line in the next two bytes
//!             3: bytes follow, and the line counts from the beginning of the file, not among those that are set
//! ```

use std::collections::BTreeMap;

use source::{ByteSource, ReadFault};

use crate::seed::{File, LINE, PAGE, Seed};

/// Most changes of one input. More are noise.
const MOST: usize = 64;

/// A file of a seed, changed.
#[derive(Clone)]
pub struct Changed {
    /// What it was.
    pub seed: &'static File,
    /// Its length now.
    pub len: u64,
    /// Pages that differ.
    pub pages: BTreeMap<u64, [u8; PAGE]>,
}

/// Applies an input: the number of the seed, and all its files.
pub fn apply(seeds: &'static [Seed], input: &[u8], seal: fn(&mut Changed)) -> Option<(usize, Vec<Changed>)> {
    let mut input = Input(input);
    let number = usize::from(input.byte()?) % seeds.len();
    let flags = input.byte()?;
    let end = if flags & 2 == 0 { None } else { Some(input.word()?) };
    let mut files: Vec<Changed> = seeds[number]
        .files
        .iter()
        .map(|seed| Changed { seed, len: seed.len, pages: BTreeMap::new() })
        .collect();
    for _ in 0..MOST {
        if one(&mut input, &mut files).is_none() {
            break;
        }
    }
    if flags & 1 == 1 {
        files.iter_mut().for_each(seal);
    }
    if let (Some(end), Some(first)) = (end, files.first_mut()) {
        first.len = first.len * u64::from(end) / 0xFFFF;
    }
    Some((number, files))
}

fn one(input: &mut Input<'_>, files: &mut [Changed]) -> Option<()> {
    let kind = input.byte()?;
    let count = files.len();
    let file = files.get_mut(usize::from(input.byte()?) % count)?;
    let line = input.word()?;
    let at = match kind & 3 {
        3 => (u64::from(line) * LINE as u64) % file.len.max(1),
        _ => file.line(line)?,
    };
    let at = at + u64::from(input.byte()?) % LINE as u64;
    let count = usize::from(kind >> 2 & 15) + 1;
    if kind & 3 == 2 {
        let from = file.line(input.word()?)?;
        let mut run = vec![0; count * LINE];
        let _ = file.read_at(from, &mut run);
        file.write(at - at % LINE as u64, &run);
    } else {
        file.write(at, &input.bytes(count));
    }
    Some(())
}

impl Changed {
    /// The place of one of the lines that are set, by its share of them all.
    fn line(&self, share: u16) -> Option<u64> {
        let lines = &self.seed.lines;
        lines.get(usize::from(share) * lines.len() >> 16).copied()
    }

    /// Writes bytes; not beyond the end.
    pub fn write(&mut self, at: u64, bytes: &[u8]) {
        for (at, byte) in (at..self.len).zip(bytes) {
            let number = at / PAGE as u64;
            let page = self.pages.entry(number).or_insert_with(|| self.seed.page(number));
            page[(at % PAGE as u64) as usize] = *byte;
        }
    }

    /// Reads bytes; zeros beyond the end.
    pub fn get<const N: usize>(&self, at: u64) -> [u8; N] {
        let mut bytes = [0; N];
        let _ = self.read_at(at, &mut bytes);
        bytes
    }

    /// Reads any number of bytes; zeros beyond the end.
    pub fn range(&self, at: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let _ = self.read_at(at, &mut bytes);
        bytes
    }
}

impl File {
    /// A page as it was.
    pub fn page(&self, number: u64) -> [u8; PAGE] {
        self.pages.get(&number).copied().unwrap_or([0; PAGE])
    }
}

impl ByteSource for Changed {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let count = buf.len().min(self.len.saturating_sub(offset) as usize);
        let mut done = 0;
        while done < count {
            let at = offset + done as u64;
            let (number, within) = (at / PAGE as u64, (at % PAGE as u64) as usize);
            let part = (PAGE - within).min(count - done);
            let to = &mut buf[done..done + part];
            match self.pages.get(&number).or_else(|| self.seed.pages.get(&number)) {
                Some(page) => to.copy_from_slice(&page[within..within + part]),
                None => to.fill(0),
            }
            done += part;
        }
        Ok(count)
    }
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn word(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes([self.byte()?, self.byte()?]))
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map_while(|_| self.byte()).collect()
    }
}
