//! VMDK: the disk of VMware, in one file or in several.
//!
//! After VMware's "Virtual Disk Format", versions 1.1 and 5.0. A disk is what its descriptor says, a text; it stands in a
//! file of its own, or inside the one sparse file that holds the disk.
//!
//! ```text
//! # Disk DescriptorFile
//! parentCID=ffffffff
//! createType="twoGbMaxExtentSparse"
//! RW 4194304 SPARSE "disk-s001.vmdk"
//! RW 36864 SPARSE "disk-s002.vmdk"
//! ```

mod descriptor;
mod sparse;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use self::descriptor::{Descriptor, Extent, Kind};
use self::sparse::Sparse;
use super::disk::{Disk, Map, Place, Run};
use super::{Beside, Image, ImageError};
use crate::bytes::{ByteSource, RawFile};

/// Opens a VMDK: a descriptor with its extents beside it, or one sparse file with its descriptor inside.
///
/// # Errors
///
/// [`ImageError`]; disks with a parent, and kinds of extents that only ESX servers use, are refused by name.
pub(crate) fn open(name: &OsStr, first: File, beside: &dyn Beside) -> Result<Image, ImageError> {
    let length = super::file_length(&first)?;
    read(name, Arc::new(RawFile::new(first, length)), beside)
}

/// The disk whose first file is `file`, called `name`.
pub(super) fn read(
    name: &OsStr,
    file: Arc<dyn ByteSource>,
    beside: &dyn Beside,
) -> Result<Image, ImageError> {
    let mut magic = [0; 4];
    file.read_exact_at(0, &mut magic)?;
    match &magic {
        b"KDMV" => embedded(file),
        b"COWD" => Err(ImageError::Unsupported("a VMDK extent of an ESX server (COWD)".into())),
        _ => described(name, file.as_ref(), beside),
    }
}

/// One sparse file with its descriptor inside.
fn embedded(file: Arc<dyn ByteSource>) -> Result<Image, ImageError> {
    let mut limits = Vec::new();
    let sparse = Sparse::new(file, 1, &mut limits)?;
    let text = sparse.descriptor()?;
    if !text.starts_with(SIGNATURE) {
        return Err(ImageError::Unsupported(
            "one extent of a VMDK that consists of several files: open the descriptor, the small file among them".into(),
        ));
    }
    let descriptor = Descriptor::parse(&text)?;
    let size = sparse.size();
    let described = match descriptor.extents.as_slice() {
        [Extent { kind: Kind::Sparse(_), length }] => *length,
        _ => return Err(corrupt("the descriptor inside a sparse VMDK does not describe one sparse extent")),
    };
    if described != size {
        limits.push(format!(
            "the VMDK's descriptor tells {described} bytes, its header {size}: the header is believed"
        ));
    }
    let form = form(&descriptor, 1);
    let unit = sparse.grain();
    let pieces = Pieces { size, pieces: vec![Piece { start: 0, content: Content::Sparse(sparse) }] };
    Ok(image(pieces, unit, form, limits))
}

/// A descriptor, whose extents lie in files beside it.
fn described(name: &OsStr, file: &dyn ByteSource, beside: &dyn Beside) -> Result<Image, ImageError> {
    if file.len() > MAX_DESCRIPTOR {
        return Err(corrupt(format!("a VMDK descriptor of {} bytes", file.len())));
    }
    let mut text = vec![0; usize::try_from(file.len()).unwrap_or(0)];
    file.read_exact_at(0, &mut text)?;
    let descriptor = Descriptor::parse(&text)?;
    let (mut limits, mut pieces, mut start, mut unit) = (Vec::new(), Vec::new(), 0_u64, 0);
    let mut surplus = BTreeMap::new();
    for (index, extent) in descriptor.extents.iter().enumerate() {
        let number = index.saturating_add(1);
        if let Kind::Flat(flat, _) = &extent.kind {
            is_of_the_disk(flat, name, number)?;
        }
        let content = piece(extent, number, beside, &mut limits, &mut surplus)?;
        if let Content::Sparse(sparse) = &content {
            unit = sparse.grain().max(unit);
        }
        pieces.push(Piece { start, content });
        start = start.checked_add(extent.length).ok_or_else(|| corrupt("VMDK extents beyond any length"))?;
    }
    for flat in surplus.into_values() {
        flat.told(&mut limits);
    }
    let form = form(&descriptor, pieces.len());
    Ok(image(Pieces { size: start, pieces }, unit, form, limits))
}

/// A flat file, of which extents are parts.
struct FlatFile {
    /// The first extent that lies in it.
    number: usize,
    held: u64,
    reached: Vec<Range<u64>>,
}

impl FlatFile {
    /// Tells of the bytes that no extent has.
    fn told(mut self, limits: &mut Vec<String>) {
        self.reached.sort_unstable_by_key(|range| range.start);
        let (mut end, mut holes) = (0_u64, 0_u64);
        for range in &self.reached {
            holes = holes.saturating_add(range.start.min(self.held).saturating_sub(end));
            end = end.max(range.end);
        }
        let behind = self.held.saturating_sub(end);
        for (bytes, place) in [(holes, "before or between"), (behind, "behind")] {
            if bytes > 0 {
                limits.push(format!(
                    "{bytes} bytes of the file of extent {} of the VMDK, {place} what the descriptor tells, are not read",
                    self.number
                ));
            }
        }
    }
}

/// Refuses a flat file that need not be of the disk. A descriptor comes with the evidence: it must not name whatever lies
/// in the examiner's folder. (A sparse extent shows by its own mark that it is one.)
fn is_of_the_disk(flat: &[u8], descriptor: &OsStr, number: usize) -> Result<(), ImageError> {
    let stem = Path::new(descriptor).file_stem().unwrap_or_default().as_encoded_bytes();
    if flat.to_ascii_lowercase().ends_with(b".vmdk") || !stem.is_empty() && flat.starts_with(stem) {
        return Ok(());
    }
    Err(ImageError::Unsupported(format!(
        "a VMDK whose extent {number} is in a file that neither ends in .vmdk nor begins with the name of the descriptor \
         (call it so, in the descriptor too)"
    )))
}

/// Extent `number` of a descriptor, opened.
fn piece(
    extent: &Extent,
    number: usize,
    beside: &dyn Beside,
    limits: &mut Vec<String>,
    surplus: &mut BTreeMap<Vec<u8>, FlatFile>,
) -> Result<Content, ImageError> {
    match &extent.kind {
        Kind::Zeros => Ok(Content::Zeros),
        Kind::Flat(name, at) => {
            let file = sibling(name, number, beside)?;
            let held = file.len().saturating_sub(*at);
            if held < extent.length {
                limits.push(format!(
                    "the file of extent {number} of the VMDK holds {held} of the {} bytes that the descriptor tells",
                    extent.length
                ));
            }
            // A file can hold several extents.
            let end = at.saturating_add(extent.length);
            let held = file.len();
            let flat = surplus.entry(name.clone()).or_insert(FlatFile { number, held, reached: Vec::new() });
            flat.reached.push(*at..end);
            Ok(Content::Flat(file, *at))
        }
        Kind::Sparse(name) => {
            let sparse = Sparse::new(sibling(name, number, beside)?, number, limits)?;
            if sparse.size() < extent.length {
                return Err(corrupt(format!(
                    "extent {number} of the VMDK tells {} bytes, its descriptor {}",
                    sparse.size(),
                    extent.length
                )));
            }
            Ok(Content::Sparse(sparse))
        }
    }
}

/// The file called `name` beside the descriptor. Names are written by whoever wrote the descriptor: bare ones alone are opened.
fn sibling(name: &[u8], number: usize, beside: &dyn Beside) -> Result<Arc<dyn ByteSource>, ImageError> {
    let failed = |error| ImageError::Segment { number, name: name.escape_ascii().to_string(), error };
    if name.is_empty() || name == b"." || name == b".." || name.iter().any(|byte| matches!(byte, b'/' | 0)) {
        return Err(failed(std::io::Error::other("not the bare name of a file beside the descriptor")));
    }
    let file = beside.open(OsStr::from_bytes(name)).map_err(failed)?;
    let length = super::file_length(&file)?;
    Ok(Arc::new(RawFile::new(file, length)))
}

fn form(descriptor: &Descriptor, count: usize) -> String {
    match count {
        1 => format!("VMDK disk ({})", descriptor.form),
        _ => format!("VMDK disk ({}) of {count} extents", descriptor.form),
    }
}

fn image(pieces: Pieces, unit: u64, form: String, limits: Vec<String>) -> Image {
    Image {
        bytes: Arc::new(Disk::new(pieces, unit)),
        form,
        ids: Vec::new(),
        said: Vec::new(),
        stored: Vec::new(),
        limits,
    }
}

/// The extents, one after the other.
struct Pieces {
    size: u64,
    pieces: Vec<Piece>,
}

struct Piece {
    start: u64,
    content: Content,
}

enum Content {
    Zeros,
    Flat(Arc<dyn ByteSource>, u64),
    Sparse(Sparse),
}

impl Pieces {
    /// The extent that holds `offset`, and where it ends.
    fn at(&self, offset: u64) -> Option<(&Piece, u64)> {
        let next = self.pieces.partition_point(|piece| piece.start <= offset);
        let end = self.pieces.get(next).map_or(self.size, |piece| piece.start);
        Some((self.pieces.get(next.checked_sub(1)?)?, end))
    }
}

impl Map for Pieces {
    fn len(&self) -> u64 {
        self.size
    }

    fn run(&self, offset: u64) -> Result<Run<'_>, String> {
        let (piece, end) = self.at(offset).ok_or("no extent of the VMDK holds this")?;
        let (left, inside) = (end.saturating_sub(offset), offset.saturating_sub(piece.start));
        match &piece.content {
            Content::Zeros => Ok(Run { length: left, place: Place::Zeros }),
            Content::Flat(file, at) => {
                Ok(Run { length: left, place: Place::Stored(file.as_ref(), at.saturating_add(inside)) })
            }
            Content::Sparse(sparse) => {
                let run = sparse.run(inside)?;
                let place = match run.place {
                    Place::Packed(start) => Place::Packed(piece.start.saturating_add(start)),
                    other => other,
                };
                Ok(Run { length: run.length.min(left), place })
            }
        }
    }

    fn unpack(&self, start: u64) -> Result<Vec<u8>, String> {
        let (piece, _) = self.at(start).ok_or("no extent of the VMDK holds this")?;
        match &piece.content {
            Content::Sparse(sparse) => sparse.unpack(start.saturating_sub(piece.start)),
            _ => Err("this extent of the VMDK is not packed".into()),
        }
    }
}

fn corrupt(what: impl Into<String>) -> ImageError {
    ImageError::Corrupt(what.into())
}

/// How every descriptor begins.
const SIGNATURE: &[u8] = b"# Disk DescriptorFile";
/// Longest descriptor: 1,024 extents and their names fit several times.
const MAX_DESCRIPTOR: u64 = 1 << 20;
/// The unit of a VMDK's numbers.
const SECTOR: u64 = 512;
