//! Writing the zip profile, in one pass, to an output that cannot seek.
//!
//! Implements `docs/spec/zip-profile.md`, version 1. Every entry is method 8
//! with bit 3: zeros in the local header, content, one signed ZIP64 descriptor.
//! Where compression does not pay, content is in stored blocks of deflate, so
//! that the method stays the same. That is found piece by piece, from a sample
//! of its bytes: a disk image has both kinds (`docs/decisions/0063`).
//!
//! ```text
//! PK 03 04 | 2d 00  08 00  08 00 | 1980-01-01 00:00 | 0 0 0 | name | 01 00 10 00 0 0
//! deflate stream
//! PK 07 08 | crc32 | compressed, 8 bytes | uncompressed, 8 bytes
//! ```

use std::io::{self, Write};

use flate2::{Compress, Crc, FlushCompress};

/// How hard content is compressed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Compression {
    /// Not at all.
    None,
    /// As fast as possible: the disk should wait for deflate, not the other way round.
    #[default]
    Fast,
    /// As small as deflate can.
    Best,
}

/// Writes one archive.
///
/// An error of the output leaves the archive unusable: the output itself
/// latches it, and nothing more can be written.
pub(crate) struct ZipWriter<W> {
    out: Counted<W>,
    entries: Vec<Entry>,
    open: Option<Open>,
    compression: Compression,
    compress: Compress,
    /// The first bytes of the open entry, until there are enough to tell what it is.
    head: Vec<u8>,
    scratch: Vec<u8>,
}

/// What the central directory says of an entry.
struct Entry {
    name: String,
    offset: u64,
    crc: u32,
    compressed: u64,
    size: u64,
}

struct Open {
    name: String,
    offset: u64,
    begins: u64,
    crc: Crc,
    size: u64,
    mode: Mode,
}

/// What the last piece was. Between two pieces the deflate stream is at a whole byte, so that either kind can follow.
enum Mode {
    /// There was none: what came is in `head`.
    Beginning,
    /// Compressed: the next may refer back to it.
    Deflated,
    /// Stored: the next one compressed begins anew.
    Stored,
}

impl<W: Write> ZipWriter<W> {
    pub(crate) fn new(out: W, compression: Compression) -> Self {
        let level = match compression {
            Compression::None | Compression::Fast => flate2::Compression::new(1),
            Compression::Best => flate2::Compression::new(9),
        };
        Self {
            out: Counted { inner: out, count: 0 },
            entries: Vec::new(),
            open: None,
            compression,
            compress: Compress::new(level, false),
            head: Vec::new(),
            scratch: Vec::with_capacity(SCRATCH),
        }
    }

    /// Bytes of the archive so far.
    pub(crate) fn written(&self) -> u64 {
        self.out.count
    }

    /// Begins an entry. The name is ours, never one from a medium.
    pub(crate) fn start(&mut self, name: &str) -> io::Result<()> {
        let sound = (1..=MAX_NAME).contains(&name.len())
            && name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_' | b'/'));
        if !sound || self.open.is_some() {
            return Err(io::Error::other("an entry's name is not of the grammar, or the last was not ended"));
        }
        let offset = self.out.count;
        self.local_header(name)?;
        self.head.clear();
        self.open = Some(Open {
            name: name.to_owned(),
            offset,
            begins: self.out.count,
            crc: Crc::new(),
            size: 0,
            mode: Mode::Beginning,
        });
        Ok(())
    }

    /// Adds content to the entry.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut open = self.open.take().ok_or_else(no_entry)?;
        open.crc.update(bytes);
        open.size = open.size.saturating_add(length(bytes));
        match open.mode {
            Mode::Beginning if self.head.len().saturating_add(bytes.len()) < HEAD => {
                self.head.extend_from_slice(bytes);
            }
            Mode::Beginning => {
                let head = std::mem::take(&mut self.head);
                open.mode = self.pieces(&head, Mode::Stored)?;
                self.head = head;
                open.mode = self.pieces(bytes, open.mode)?;
            }
            mode => open.mode = self.pieces(bytes, mode)?,
        }
        self.open = Some(open);
        Ok(())
    }

    /// Ends the entry. Returns its length.
    pub(crate) fn end(&mut self) -> io::Result<u64> {
        let open = self.open.take().ok_or_else(no_entry)?;
        match open.mode {
            Mode::Deflated => {
                self.scratch.clear();
                squeeze(&mut self.compress, &[], FlushCompress::Finish, &mut self.scratch)?;
                self.out.write_all(&self.scratch)?;
            }
            Mode::Stored => self.out.write_all(&LAST_BLOCK)?,
            Mode::Beginning => {
                let head = std::mem::take(&mut self.head);
                self.whole(&head)?;
                self.head = head;
            }
        }
        let (crc, size) = (open.crc.sum(), open.size);
        let compressed = self.out.count.saturating_sub(open.begins);
        let Open { name, offset, .. } = open;
        self.descriptor(Entry { name, offset, crc, compressed, size })?;
        Ok(size)
    }

    /// Writes the central directory. Returns the output.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        if self.open.is_some() {
            return Err(io::Error::other("the last entry was not ended"));
        }
        let begins = self.out.count;
        let mut directory = Vec::new();
        for entry in &self.entries {
            directory.clear();
            central_header(&mut directory, entry);
            self.out.write_all(&directory)?;
        }
        let size = self.out.count.saturating_sub(begins);
        let end = end_records(length_of(self.entries.len()), begins, size);
        self.out.write_all(&end)?;
        self.out.inner.flush()?;
        Ok(self.out.inner)
    }

    /// As [`ZipWriter::finish`], with a last entry `padding` that makes the archive exactly as long as its class.
    pub(crate) fn finish_padded(mut self, class: impl Fn(u64) -> u64) -> io::Result<W> {
        if self.open.is_some() {
            return Err(io::Error::other("the last entry was not ended"));
        }
        let stream = self.padding_stream(class).ok_or_else(|| io::Error::other("no size class fits"))?;
        let offset = self.out.count;
        self.local_header(PADDING)?;
        let zeros = vec![0; MAX_BLOCK];
        let mut crc = Crc::new();
        let (mut left, mut size) = (stream, 0_u64);
        while left > 0 {
            // INVARIANT: the last block takes all that is left, so the stream has exactly the length asked for.
            let last = left <= BLOCK_HEAD.saturating_add(length(&zeros));
            let mut len = left.min(length(&zeros).saturating_add(BLOCK_HEAD)).saturating_sub(BLOCK_HEAD);
            if !last && left.saturating_sub(BLOCK_HEAD.saturating_add(len)) < BLOCK_HEAD {
                len = len.saturating_sub(BLOCK_HEAD); // leave room for one more block's head
            }
            let block = usize::try_from(len).ok().and_then(|len| zeros.get(..len)).unwrap_or_default();
            self.block(block, last)?;
            crc.update(block);
            size = size.saturating_add(len);
            left = left.saturating_sub(BLOCK_HEAD.saturating_add(len));
        }
        let entry = Entry { name: PADDING.to_owned(), offset, crc: crc.sum(), compressed: stream, size };
        self.descriptor(entry)?;
        self.finish()
    }

    /// How long the deflate stream of `padding` must be, so that the whole archive is as long as its class.
    fn padding_stream(&self, class: impl Fn(u64) -> u64) -> Option<u64> {
        let mut directory = Vec::new();
        self.entries.iter().for_each(|entry| central_header(&mut directory, entry));
        let offset = self.out.count;
        central_header(
            &mut directory,
            &Entry { name: PADDING.to_owned(), offset, crc: 0, compressed: 0, size: 0 },
        );
        let directory = length(&directory);
        let entries = length_of(self.entries.len()).checked_add(1)?;
        let around = LOCAL_HEADER.checked_add(length(PADDING.as_bytes()))?.checked_add(DESCRIPTOR)?;
        let mut least = BLOCK_HEAD;
        for _ in 0..8 {
            // The end records are longer in ZIP64 form, which depends on the padding itself: try both forms.
            for zip64 in [false, true] {
                let end = if zip64 { END_64 } else { END };
                let other = offset.checked_add(around)?.checked_add(directory)?.checked_add(end)?;
                let stream = class(other.checked_add(least)?).checked_sub(other)?;
                let begins = offset.checked_add(around)?.checked_add(stream)?;
                if needs_zip64(entries, begins, directory) == zip64 && stream >= BLOCK_HEAD {
                    return Some(stream);
                }
            }
            least = least.checked_mul(2)?;
        }
        None
    }

    /// Writes an entry that is all there.
    fn whole(&mut self, content: &[u8]) -> io::Result<()> {
        if !self.seems_worth(content) {
            self.store(content)?;
            return self.out.write_all(&LAST_BLOCK);
        }
        self.compress.reset();
        self.scratch.clear();
        squeeze(&mut self.compress, content, FlushCompress::Finish, &mut self.scratch)?;
        if self.scratch.len() <= content.len().saturating_add(LAST_BLOCK.len()) {
            return self.out.write_all(&self.scratch);
        }
        self.store(content)?;
        self.out.write_all(&LAST_BLOCK)
    }

    /// Writes content that goes on, each piece in the way that suits it.
    fn pieces(&mut self, bytes: &[u8], mut mode: Mode) -> io::Result<Mode> {
        for piece in bytes.chunks(PIECE) {
            mode = self.piece(piece, mode)?;
        }
        Ok(mode)
    }

    fn piece(&mut self, piece: &[u8], mode: Mode) -> io::Result<Mode> {
        if self.seems_worth(piece) {
            if !matches!(mode, Mode::Deflated) {
                self.compress.reset();
            }
            self.scratch.clear();
            // INVARIANT: flushed to a whole byte, so that stored blocks can follow.
            squeeze(&mut self.compress, piece, FlushCompress::Sync, &mut self.scratch)?;
            if self.scratch.len() < piece.len() {
                self.out.write_all(&self.scratch)?;
                return Ok(Mode::Deflated);
            }
        }
        self.store(piece)?;
        Ok(Mode::Stored)
    }

    /// Whether compressing these bytes is worth trying.
    fn seems_worth(&self, bytes: &[u8]) -> bool {
        self.compression != Compression::None && !seems_random(bytes)
    }

    fn store(&mut self, bytes: &[u8]) -> io::Result<()> {
        bytes.chunks(MAX_BLOCK).try_for_each(|block| self.block(block, false))
    }

    fn block(&mut self, bytes: &[u8], last: bool) -> io::Result<()> {
        let len = u16::try_from(bytes.len()).map_err(io::Error::other)?;
        self.out.write_all(&[u8::from(last)])?;
        self.out.write_all(&len.to_le_bytes())?;
        self.out.write_all(&(!len).to_le_bytes())?;
        self.out.write_all(bytes)
    }

    fn local_header(&mut self, name: &str) -> io::Result<()> {
        let mut header = b"PK\x03\x04".to_vec();
        header.extend_from_slice(&VERSION_FLAGS_METHOD_TIME);
        header.extend_from_slice(&[0; 12]);
        put_u16(&mut header, name.len());
        put_u16(&mut header, 20);
        header.extend_from_slice(name.as_bytes());
        header.extend_from_slice(&[1, 0, 16, 0]);
        header.extend_from_slice(&[0; 16]);
        self.out.write_all(&header)
    }

    fn descriptor(&mut self, entry: Entry) -> io::Result<()> {
        let mut descriptor = b"PK\x07\x08".to_vec();
        descriptor.extend_from_slice(&entry.crc.to_le_bytes());
        descriptor.extend_from_slice(&entry.compressed.to_le_bytes());
        descriptor.extend_from_slice(&entry.size.to_le_bytes());
        self.entries.push(entry);
        self.out.write_all(&descriptor)
    }
}

fn central_header(header: &mut Vec<u8>, entry: &Entry) {
    let far = entry.offset >= U32_FULL;
    header.extend_from_slice(b"PK\x01\x02");
    header.extend_from_slice(&[0x2d, 3]); // made by: version 4.5, Unix
    header.extend_from_slice(&VERSION_FLAGS_METHOD_TIME);
    header.extend_from_slice(&entry.crc.to_le_bytes());
    header.extend_from_slice(&[0xff; 8]); // both sizes: see the ZIP64 field
    put_u16(header, entry.name.len());
    put_u16(header, if far { 28 } else { 20 });
    header.extend_from_slice(&[0; 6]); // no comment, disk 0, binary
    header.extend_from_slice(&[0, 0, 0xa4, 0x81]); // a regular file, mode 0644
    put_u32(header, entry.offset);
    header.extend_from_slice(entry.name.as_bytes());
    header.extend_from_slice(&[1, 0, if far { 24 } else { 16 }, 0]);
    header.extend_from_slice(&entry.size.to_le_bytes());
    header.extend_from_slice(&entry.compressed.to_le_bytes());
    if far {
        header.extend_from_slice(&entry.offset.to_le_bytes());
    }
}

fn end_records(entries: u64, begins: u64, size: u64) -> Vec<u8> {
    let mut end = Vec::new();
    let zip64 = needs_zip64(entries, begins, size);
    if zip64 {
        end.extend_from_slice(b"PK\x06\x06");
        end.extend_from_slice(&44_u64.to_le_bytes());
        end.extend_from_slice(&[0x2d, 0, 0x2d, 0]);
        end.extend_from_slice(&[0; 8]);
        for value in [entries, entries, size, begins] {
            end.extend_from_slice(&value.to_le_bytes());
        }
        end.extend_from_slice(b"PK\x06\x07");
        end.extend_from_slice(&[0; 4]);
        end.extend_from_slice(&begins.saturating_add(size).to_le_bytes());
        end.extend_from_slice(&1_u32.to_le_bytes());
    }
    end.extend_from_slice(b"PK\x05\x06");
    end.extend_from_slice(&[0; 4]);
    let entries = u16::try_from(entries).unwrap_or(u16::MAX);
    end.extend_from_slice(&entries.to_le_bytes());
    end.extend_from_slice(&entries.to_le_bytes());
    put_u32(&mut end, if zip64 { U32_FULL } else { size });
    put_u32(&mut end, begins);
    end.extend_from_slice(&[0; 2]);
    end
}

fn needs_zip64(entries: u64, begins: u64, size: u64) -> bool {
    entries > u64::from(u16::MAX) || begins > U32_FULL || size > U32_FULL
}

/// Whether a sample of the bytes has every value about as often as the others, as compressed and encrypted content has.
///
/// Two bytes drawn from such content are equal once in 256 times. What is counted here is how often that happens; text,
/// programs and tables have it several times as often.
fn seems_random(bytes: &[u8]) -> bool {
    let mut counts = [0_u64; 256];
    let mut sampled = 0_u64;
    let apart = (bytes.len() / SAMPLES).max(SAMPLE);
    for sample in bytes.chunks(apart).take(SAMPLES) {
        for byte in sample.iter().take(SAMPLE) {
            if let Some(count) = counts.get_mut(usize::from(*byte)) {
                *count = count.saturating_add(1);
            }
            sampled = sampled.saturating_add(1);
        }
    }
    if sampled < LEAST_SAMPLE {
        return false;
    }
    let pairs = counts.iter().fold(0_u64, |sum, n| sum.saturating_add(n.saturating_mul(n.saturating_sub(1))));
    let even = sampled.saturating_mul(sampled.saturating_sub(1)) / 256;
    pairs.saturating_mul(4) < even.saturating_mul(5)
}

/// Compresses all of `input`, appending to `out`.
fn squeeze(
    compress: &mut Compress,
    mut input: &[u8],
    flush: FlushCompress,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    loop {
        out.reserve(SCRATCH);
        let before = compress.total_in();
        let status = compress.compress_vec(input, out, flush).map_err(io::Error::other)?;
        let read = usize::try_from(compress.total_in().saturating_sub(before)).map_err(io::Error::other)?;
        input = input.get(read..).unwrap_or_default();
        let room = out.len() < out.capacity(); // no room left means that there may be more to come
        let done = match flush {
            FlushCompress::Finish => status == flate2::Status::StreamEnd,
            _ => input.is_empty() && room,
        };
        if done {
            return Ok(());
        }
    }
}

fn put_u16(out: &mut Vec<u8>, value: usize) {
    out.extend_from_slice(&u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes());
}

fn put_u32(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
}

fn length(bytes: &[u8]) -> u64 {
    length_of(bytes.len())
}

fn length_of(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

fn no_entry() -> io::Error {
    io::Error::other("no entry was started, or an earlier write failed")
}

struct Counted<W> {
    inner: W,
    count: u64,
}

impl<W: Write> Counted<W> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.inner.write_all(bytes)?;
        self.count = self.count.saturating_add(length(bytes));
        Ok(())
    }
}

/// The name of the entry that pads an archive.
const PADDING: &str = "padding";

/// Version 4.5, bit 3, method 8, 1980-01-01 00:00:00: real times are facts, and stand in the manifest.
const VERSION_FLAGS_METHOD_TIME: [u8; 10] = [0x2d, 0, 8, 0, 8, 0, 0, 0, 0x21, 0];

/// Content shorter than this is compressed whole, in one go.
const HEAD: usize = 1 << 16;

/// How many bytes are compressed or stored alike: what is held back stays bounded, and 5 bytes each do not matter.
const PIECE: usize = 1 << 18;

/// A sample is so many runs of so many bytes, spread over a piece.
const SAMPLES: usize = 32;
const SAMPLE: usize = 128;

/// Fewer bytes than this tell nothing, and cost nothing to compress.
const LEAST_SAMPLE: u64 = 512;

/// Room that deflate gets at a time.
const SCRATCH: usize = 1 << 16;

/// Most bytes in a stored block.
const MAX_BLOCK: usize = 65_535;

/// An empty, last, stored block.
const LAST_BLOCK: [u8; 5] = [1, 0, 0, 0xff, 0xff];

/// Bytes before a stored block's content.
const BLOCK_HEAD: u64 = 5;

/// Bytes of a local header but for the name.
const LOCAL_HEADER: u64 = 50;

/// Bytes of a signed ZIP64 descriptor.
const DESCRIPTOR: u64 = 24;

/// Bytes of the end records, without and with ZIP64.
const END: u64 = 22;
const END_64: u64 = 98;

/// The value that refers a reader to the ZIP64 field.
const U32_FULL: u64 = 0xffff_ffff;

/// Longest name of an entry. Ours are under 50.
const MAX_NAME: usize = 200;

#[cfg(test)]
mod tests;
