//! EnCase images of the first generation: E01, and s01 of SMART.
//!
//! Implements `docs/spec/images.md`, "E01". The format's source is Joachim Metz,
//! *Expert Witness Compression Format specification*, from the libewf project.
//!
//! ```text
//! disk.E01   header2 header2 header volume  sectors table table2  next
//! disk.E02   data                           sectors table table2  next
//! disk.E03   data                           sectors table table2  digest hash done
//! ```
//!
//! Every chunk, table and section carries a checksum, and every one is compared
//! before what it covers is used. Tables are read when the image is opened and
//! again when their chunks are: what stays in memory is a few of them.

mod account;
mod adler32;
mod disk;
mod geometry;
mod names;
mod notes;
mod section;
mod table;

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use self::account::Account;
use self::disk::Disk;
use self::geometry::Geometry;
use self::section::{FILE_HEADER, Kind, Section, Segment};
use self::table::{Copy, Joined, Table};
use super::{Beside, Image, ImageError, StoredDigest};
use crate::bytes::ByteSource as _;

/// Opens the E01 image whose first segment is `first`, named `name`; the others lie beside it.
///
/// # Errors
///
/// [`ImageError`]: what is missing, not read, or damaged so that the whole disk is concerned.
pub(crate) fn open(name: &OsStr, first: File, beside: &dyn Beside) -> Result<Image, ImageError> {
    let mut reading = Reading::default();
    let mut file = first;
    loop {
        let number = reading.segments.len().saturating_add(1);
        let segment = Segment::new(file, number)?;
        let done = reading.segment(&segment)?;
        reading.segments.push(segment);
        if done {
            return reading.finish();
        }
        file = next(name, number.saturating_add(1), beside)?;
    }
}

/// Opens segment `number`.
fn next(first: &OsStr, number: usize, beside: &dyn Beside) -> Result<File, ImageError> {
    let name = names::segment(first, number).ok_or_else(|| {
        ImageError::Unsupported(format!(
            "an E01 image that goes on in segment {number}, from a first segment whose name does not end in .E01 \
             (or .e01, .s01): give the segments the names that they were made with"
        ))
    })?;
    beside.open(&name).map_err(|error| {
        let error = match error.kind() {
            io::ErrorKind::NotFound => io::Error::new(
                error.kind(),
                format!(
                    "missing, and segment {} says that it follows; put all segments into one folder",
                    number.saturating_sub(1)
                ),
            ),
            _ if error.raw_os_error() == Some(TOO_MANY_FILES) => {
                io::Error::other(format!("{error}; allow more of them (ulimit -n 20000)"))
            }
            _ => error,
        };
        ImageError::Segment { number, name: name.as_encoded_bytes().escape_ascii().to_string(), error }
    })
}

/// What was read of an image so far.
#[derive(Default)]
struct Reading {
    segments: Vec<Segment>,
    geometry: Option<Geometry>,
    tables: Vec<Table>,
    /// Chunks in `tables`.
    chunks: u64,
    /// The first copy of a table whose second may follow.
    waiting: Option<Option<Copy>>,
    stored: Vec<StoredDigest>,
    serial: Option<String>,
    said: Vec<(String, String)>,
    /// Sectors that could not be read: first and count.
    errors: Vec<(u64, u64)>,
    sections: usize,
    headers: usize,
    /// Sections that are of no use, or too long for what they are, and their bytes.
    unknown: (u64, u64),
    account: Account,
    limits: Vec<String>,
}

impl Reading {
    /// Reads all sections of a segment; whether it is the last.
    fn segment(&mut self, segment: &Segment) -> Result<bool, ImageError> {
        let mut at = FILE_HEADER;
        let mut sectors = None;
        loop {
            let section = Section::read(segment, at)?;
            self.sections = self.sections.saturating_add(1);
            if self.sections > MAX_SECTIONS {
                return Err(ImageError::Unsupported(format!(
                    "an E01 image of more than {MAX_SECTIONS} sections"
                )));
            }
            if section.kind != Kind::Table2 {
                self.table(segment, None)?;
            }
            self.account.section(self.segments.len(), &section);
            match section.kind {
                Kind::Next | Kind::Done => {
                    let behind = segment.len().saturating_sub(section.data.end);
                    if behind > 0 {
                        let number = segment.number;
                        self.limit(format!(
                            "{behind} bytes of segment {number} of the E01 image, behind its last section, are not read"
                        ));
                    }
                    return Ok(section.kind == Kind::Done);
                }
                Kind::Sectors => sectors = Some(section.data.clone()),
                Kind::Table => {
                    let copy = Copy::read(segment, &section, sectors.as_ref())?;
                    self.account.tail(copy.as_ref().map_or(0, |copy| copy.tail));
                    self.waiting = Some(copy);
                }
                Kind::Table2 => {
                    let copy = Copy::read(segment, &section, sectors.as_ref())?;
                    self.account.tail(copy.as_ref().map_or(0, |copy| copy.tail));
                    self.table(segment, Some(copy))?;
                }
                _ => self.note(segment, &section)?,
            }
            at = section.data.end;
        }
    }

    /// Takes over the table that waits, if one does, and its second copy.
    fn table(&mut self, segment: &Segment, second: Option<Option<Copy>>) -> Result<(), ImageError> {
        let number = self.tables.len().saturating_add(1);
        let corrupt = |what: &str| {
            Err(ImageError::Corrupt(format!("segment {}, table {number}: {what}", segment.number)))
        };
        if self.waiting.is_none() && second.is_none() {
            return Ok(());
        }
        let first = self.waiting.take().flatten();
        let Joined::Table(table, said) = Table::join(self.chunks, self.segments.len(), first, second) else {
            return corrupt("it does not tell how many chunks follow");
        };
        let what =
            said.map(|said| format!("the E01 image's table {number}, in segment {}: {said}", segment.number));
        self.limits.extend(what.filter(|_| self.limits.len() < MAX_LIMITS));
        self.chunks = self.chunks.saturating_add(table.chunks);
        if table.chunks > 0 {
            self.tables.push(table);
        }
        Ok(())
    }

    /// Takes over what is said of the disk beside its chunks.
    fn note(&mut self, segment: &Segment, section: &Section) -> Result<(), ImageError> {
        let limit = |what: &str| format!("the E01 image's {what}, in segment {}", segment.number);
        match section.kind {
            Kind::Volume | Kind::Data => self.volume(segment, section)?,
            Kind::Header { wide } => {
                self.headers = self.headers.saturating_add(1);
                if self.headers <= MAX_HEADERS && (self.serial.is_none() || self.said.is_empty()) {
                    let content = section.content(segment, notes::MAX_HEADER)?.unwrap_or_default();
                    self.serial = self.serial.take().or_else(|| notes::serial(&content, wide));
                    if self.said.is_empty() {
                        self.said = notes::said(&content, wide);
                    }
                }
            }
            Kind::Digest => {
                match section.content(segment, notes::MAX_DIGEST)?.as_deref().and_then(notes::digests) {
                    Some(digests) => digests.into_iter().for_each(|digest| self.digest(digest)),
                    None => self.limit(limit("stored digest is damaged and is left out")),
                }
            }
            Kind::Errors => {
                match section.content(segment, notes::MAX_ERRORS)?.as_deref().and_then(notes::errors) {
                    Some(errors) if self.errors.len() < MAX_ERRORS => self.errors.extend(errors),
                    Some(_) => self.limit(limit(
                        "list of sectors that could not be read is one too many, and is left out",
                    )),
                    None => self.limit(limit(
                        "list of sectors that could not be read is damaged or too long, and is left out",
                    )),
                }
            }
            Kind::Unknown | Kind::Aside => {
                let size = section.data.end.saturating_sub(section.data.start);
                // What the maker said beside the disk is short.
                if section.kind == Kind::Unknown || size > notes::MAX_HEADER {
                    self.unknown = (self.unknown.0.saturating_add(1), self.unknown.1.saturating_add(size));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes over the volume section, or compares a copy of it; a copy stands in for one that is damaged.
    fn volume(&mut self, segment: &Segment, section: &Section) -> Result<(), ImageError> {
        let content = section.content(segment, MAX_VOLUME)?.unwrap_or_default();
        if section::checked(&content).is_none() {
            let which =
                if section.kind == Kind::Data { "copy of the volume section" } else { "volume section" };
            self.limit(format!(
                "the E01 image's {which} is damaged and was not used, in segment {}",
                segment.number
            ));
            return Ok(());
        }
        match &self.geometry {
            None => self.geometry = Some(Geometry::read(&content)?),
            Some(known) if section.kind == Kind::Volume => {
                if *known != Geometry::read(&content)? {
                    return Err(ImageError::Corrupt("two volume sections contradict each other".into()));
                }
            }
            Some(known) if known.agrees(&content) => {}
            Some(_) => {
                return Err(ImageError::Corrupt(format!(
                    "segment {} is of another image: its chunks or its identifier are not those of the segments before",
                    segment.number
                )));
            }
        }
        Ok(())
    }

    fn digest(&mut self, digest: StoredDigest) {
        if self.stored.contains(&digest) {
            return;
        }
        if self.stored.iter().any(|known| known.algorithm == digest.algorithm) {
            self.limit(format!("the E01 image stores two {} digests, which differ", digest.algorithm));
        }
        if self.stored.len() < MAX_LIMITS {
            self.stored.push(digest);
        }
    }

    fn limit(&mut self, what: String) {
        if self.limits.len() < MAX_LIMITS {
            self.limits.push(what);
        }
    }

    fn finish(mut self) -> Result<Image, ImageError> {
        let whole = self.geometry.take();
        let geometry = whole.ok_or_else(|| ImageError::Corrupt("no volume section that is whole".into()))?;
        if geometry.chunks != self.chunks {
            return Err(ImageError::Corrupt(format!(
                "the tables lead to {} chunks, where the disk has {}: the acquisition did not end, or a part is missing",
                self.chunks, geometry.chunks
            )));
        }
        let form = match self.segments.len() {
            1 => "E01 image".to_owned(),
            count => format!("E01 image of {count} segments"),
        };
        if let (count @ 1.., bytes) = self.unknown {
            self.limit(format!(
                "{count} sections of the E01 image, of {bytes} bytes, are of unknown kinds or too long for theirs, and were not read"
            ));
        }
        let account = std::mem::take(&mut self.account);
        for told in account.told(&self.segments, &self.tables, geometry.chunk) {
            self.limit(told);
        }
        let mut bad: Vec<Range<u64>> = self.lost(&geometry).collect();
        let filled = notes::merge(self.unreadable(&geometry));
        bad.extend(filled.iter().cloned());
        let mut disk =
            Disk::new(std::mem::take(&mut self.segments), std::mem::take(&mut self.tables), geometry.clone());
        self.last_chunk(&mut disk, &geometry);
        disk.set_bad(notes::merge(bad), filled);
        Ok(Image {
            bytes: Arc::new(disk),
            form,
            ids: self.serial.map(|serial| ("serial".to_owned(), serial)).into_iter().collect(),
            said: self.said,
            stored: self.stored,
            limits: self.limits,
        })
    }

    /// The disk ends where the last chunk does, if that is within a sector that the sector count leaves out.
    fn last_chunk(&mut self, disk: &mut Disk, geometry: &Geometry) {
        let Some(Ok(held)) = disk.last_chunk() else { return };
        let start = geometry.chunks.saturating_sub(1).saturating_mul(geometry.chunk);
        let over = start.saturating_add(held).saturating_sub(geometry.len);
        if over == 0 {
            return;
        }
        if over < u64::from(geometry.sector) {
            disk.set_len(disk.len().saturating_add(over));
            self.limit(format!(
                "the E01 image ends in {over} bytes of a sector that it does not count; they are read"
            ));
        } else if held < geometry.chunk {
            self.limit(format!(
                "the E01 image holds {over} bytes beyond the disk's last sector; they are not read"
            ));
        }
    }

    /// Where the disk cannot be read because no table tells where its chunks are.
    fn lost(&self, geometry: &Geometry) -> impl Iterator<Item = Range<u64>> {
        self.tables.iter().filter(|table| table.is_lost()).map(|table| {
            let end = table.first.saturating_add(table.chunks);
            let at = |chunk: u64| chunk.saturating_mul(geometry.chunk).min(geometry.len);
            at(table.first)..at(end)
        })
    }

    /// Where the image's maker could not read the disk.
    fn unreadable(&mut self, geometry: &Geometry) -> Vec<Range<u64>> {
        let errors = std::mem::take(&mut self.errors);
        for (first, count) in errors.iter().take(MAX_STATED) {
            self.limit(format!(
                "the image's maker could not read {count} sectors at sector {first}: what the image holds in their place is not taken for content"
            ));
        }
        if let Some(more) = errors.len().checked_sub(MAX_STATED).filter(|more| *more > 0) {
            self.limit(format!("the image's maker could not read {more} further ranges of sectors"));
        }
        let at = |sector: u64| sector.saturating_mul(geometry.sector.into()).min(geometry.len);
        errors.iter().map(|(first, count)| at(*first)..at(first.saturating_add(*count))).collect()
    }
}

/// Most sections of an image. A disk of 20 TB takes some 120,000 with EnCase's shortest tables.
const MAX_SECTIONS: usize = 1 << 20;
/// Bytes of a volume section, and more.
const MAX_VOLUME: u64 = 1 << 12;
/// Most header sections that are unpacked. EnCase writes two or three, all alike.
const MAX_HEADERS: usize = 8;
/// Most ranges of unreadable sectors, from several lists.
const MAX_ERRORS: usize = 1 << 19;
/// Most limits kept: more say nothing new, and a hostile image could have millions.
const MAX_LIMITS: usize = 200;
/// Most ranges of unreadable sectors that are spelled out; all of them are known to the reader.
const MAX_STATED: usize = 100;
/// `EMFILE`: this process has as many files open as it may.
const TOO_MANY_FILES: i32 = 24;

#[cfg(test)]
mod tests;
