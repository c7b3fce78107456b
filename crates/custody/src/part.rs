//! Parts: the encrypted files of a package, written in one pass.
//!
//! Implements `docs/spec/part.md`, version 1.
//!
//! ```text
//! data/captured-0001.zip.age       age( zip( objects/KC07-C-0000001 ... manifest.jsonl manifest.jsonl.sig ) )
//! data/held-filter-0001.zip.age    the same, with a last entry `padding`
//! data/ledger-0001.jsonl.gz.age    age( gzip( header, records, signature ) )
//! ```
//!
//! Plaintext exists in memory alone. The digest of the ciphertext is made while
//! it is written. Once the file is durable, its ends are looked at ([`crate::look`]);
//! all of it is read again and compared before anybody signs ([`crate::read_back`]).

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use age::stream::StreamWriter;
use evidence::acquisition::{PartStatement, SetName};
use evidence::item::Control;
use evidence::manifest::{self, Binding, ManifestWriter, Row};
use evidence::sshsig;
use flate2::{Compression, GzBuilder, write::GzEncoder};
use scope::Digest;
use sha2::{Digest as _, Sha256};

use crate::durable::{Disk, NewFile};
use crate::keys::SecretKey;
use crate::look::Edges;
use crate::package::{PackageError, PackageWriter, lock};
use crate::size_class::padme;
use crate::zipper::ZipWriter;

/// The age recipients of a set, as text (`age1...`) and as keys.
pub(crate) struct Recipients {
    pub(crate) names: Vec<String>,
    keys: Vec<age::x25519::Recipient>,
}

impl Recipients {
    /// Reads recipients; sorted, none twice.
    pub(crate) fn parse(set: &SetName, names: &[String]) -> Result<Self, PackageError> {
        let mut names = names.to_vec();
        names.sort();
        names.dedup();
        let wrong = |name: &str| PackageError::Recipient { set: set.clone(), recipient: name.to_owned() };
        let keys =
            names.iter().map(|name| name.parse().map_err(|_| wrong(name))).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(wrong("none")) } else { Ok(Self { names, keys }) }
    }
}

/// Where a part stands: set, number and batch.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) set: SetName,
    pub(crate) number: u64,
    pub(crate) batch: u64,
}

/// An encrypted file being written.
pub(crate) struct Encrypted {
    stream: StreamWriter<Ciphertext>,
    place: Place,
    recipients: u64,
}

impl Encrypted {
    pub(crate) fn create(
        disk: &Disk,
        package: &Path,
        place: Place,
        recipients: &Recipients,
    ) -> Result<Self, PackageError> {
        let file = disk.create_large(&package.join(place.set.file(place.number)))?;
        let keys = recipients.keys.iter().map(|key| key as &dyn age::Recipient);
        let encryptor =
            age::Encryptor::with_recipients(keys).map_err(|e| PackageError::Age(e.to_string()))?;
        let header = Header::Reading(Vec::new());
        let why = Arc::default();
        let failed = Some(Arc::clone(&why));
        let wrapped = encryptor.wrap_output(Ciphertext {
            file,
            hash: Sha256::new(),
            header,
            edges: Edges::default(),
            failed,
        });
        let stream = wrapped.map_err(|error| lock(&why).take().unwrap_or(error))?;
        Ok(Self { stream, place, recipients: u64::try_from(recipients.keys.len()).unwrap_or(u64::MAX) })
    }

    /// Writes the last chunk, makes the file durable, and looks at it on the disk.
    pub(crate) fn close(self, disk: &Disk) -> Result<PartStatement, PackageError> {
        let Ciphertext { file, hash, header, edges, .. } = self.stream.finish()?;
        let path = file.path().to_owned();
        let bytes = file.finish()?;
        let sha256 = Digest(hash.finalize().into());
        // All of it is read back before anybody signs: here only so much that a dead disk is found early.
        disk.on_each(&path, |disk, path, _| edges.are_in(disk, path))?;
        // One stanza per recipient, and no other of their kind: what is stated is what is in the file.
        let stanzas = match header {
            Header::Counted(stanzas) if stanzas == self.recipients => stanzas,
            _ => {
                return Err(PackageError::Age(
                    "the age header does not have one stanza per recipient".into(),
                ));
            }
        };
        let Place { set, number, batch } = self.place;
        Ok(PartStatement { file: set.file(number), number, batch, sha256, bytes, stanzas })
    }
}

impl Write for Encrypted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // a chunk is encrypted when it is full, and not before
    }
}

struct Ciphertext {
    file: NewFile,
    hash: Sha256,
    header: Header,
    edges: Edges,
    /// Where the error goes that ends the header: what age makes of it says neither what nor where.
    failed: Option<Arc<Mutex<Option<io::Error>>>>,
}

/// The age header: gathered until its end, then only the number of its X25519 stanzas.
enum Header {
    Reading(Vec<u8>),
    Counted(u64),
}

impl Write for Ciphertext {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.file.write_all(bytes) {
            if let Some(failed) = &self.failed {
                *lock(failed) = Some(io::Error::new(error.kind(), error.to_string()));
            }
            return Err(error);
        }
        self.hash.update(bytes);
        self.edges.wrote(bytes);
        if let Header::Reading(header) = &mut self.header {
            header.extend_from_slice(bytes);
            if header.windows(5).any(|end| end == b"\n--- ") {
                let stanzas = header.split(|b| *b == b'\n').filter(|line| line.starts_with(b"-> X25519 "));
                self.header = Header::Counted(u64::try_from(stanzas.count()).unwrap_or(u64::MAX));
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A captured or held part being written.
pub(crate) struct Part {
    zip: ZipWriter<Encrypted>,
    rows: ManifestWriter,
    place: Place,
}

impl Part {
    /// Begins the next part of a set.
    pub(crate) fn begin(writer: &PackageWriter, set: &SetName, batch: u64) -> Result<Self, PackageError> {
        let recipients = writer.recipients_of(set)?;
        let place = Place { set: set.clone(), number: writer.counters.next_part(set), batch };
        let encrypted =
            Encrypted::create(&writer.site.disk, &writer.site.partial(), place.clone(), recipients)?;
        Ok(Self {
            zip: ZipWriter::new(encrypted, writer.options.compression),
            rows: ManifestWriter::new(),
            place,
        })
    }

    /// The set that it belongs to.
    pub(crate) fn set(&self) -> &SetName {
        &self.place.set
    }

    /// Bytes of the archive so far.
    pub(crate) fn written(&self) -> u64 {
        self.zip.written()
    }

    /// Bytes of the manifest's rows so far.
    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The part's name as records quote it.
    pub(crate) fn name(&self) -> String {
        self.place.set.part(self.place.number)
    }

    /// Adds a row to the manifest, which is held in memory. Returns by how many bytes it grew.
    pub(crate) fn add(&mut self, row: &Row) -> Result<usize, PackageError> {
        let before = self.rows.len();
        self.rows.add(row)?;
        Ok(self.rows.len().saturating_sub(before))
    }

    /// Writes an object while it is read, once: `length` bytes, whatever the reader gives.
    pub(crate) fn object(
        &mut self,
        control: &Control,
        content: Content<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<Written, PackageError> {
        self.zip.start(&format!("{}{control}", manifest::OBJECTS))?;
        let mut object = Written { hash: Sha256::new(), got: 0, trouble: None, longer: false };
        buffer.resize(READ_STEP, 0);
        while object.got < content.length && object.trouble.is_none() {
            go_on(content.stopped)?;
            let want = content.length.saturating_sub(object.got).min(READ_STEP_U64);
            let room = usize::try_from(want).ok().and_then(|want| buffer.get_mut(..want)).unwrap_or_default();
            match content.bytes.read(room) {
                Ok(0) => object.trouble = Some(Trouble::Ended),
                Ok(count) => {
                    let read = buffer.get(..count).unwrap_or_default();
                    object.hash.update(read);
                    self.zip.write(read)?;
                    object.got = object.got.saturating_add(u64::try_from(read.len()).unwrap_or(u64::MAX));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => object.trouble = Some(Trouble::Read(error)),
            }
        }
        self.zeros(&mut object.hash, content.length.saturating_sub(object.got), content.stopped)?;
        if object.trouble.is_none() {
            match gives_more(content.bytes) {
                Ok(more) => object.longer = more,
                Err(error) => object.trouble = Some(Trouble::Read(error)),
            }
        }
        self.zip.end()?;
        Ok(object)
    }

    /// Closes the part: manifest, the run key's signature, padding where the set is padded.
    pub(crate) fn close(
        self,
        disk: &Disk,
        binding: &Binding,
        recipients: &Recipients,
        run_key: &SecretKey,
    ) -> Result<PartStatement, PackageError> {
        let Self { mut zip, rows, place } = self;
        let Place { set, number, batch } = place;
        let bytes = rows.finish(binding, set.clone(), number, batch, recipients.names.clone())?;
        let signature = run_key.sign(sshsig::MANIFEST, &bytes);
        for (name, content) in
            [(manifest::MANIFEST, bytes.as_slice()), (manifest::SIGNATURE, signature.as_bytes())]
        {
            zip.start(name)?;
            zip.write(content)?;
            zip.end()?;
        }
        let encrypted = match set {
            SetName::Held(_) => zip.finish_padded(padme)?,
            SetName::Captured | SetName::Ledger => zip.finish()?,
        };
        encrypted.close(disk)
    }

    /// What the medium did not give is zeros, so that every later byte stands at its own place.
    fn zeros(
        &mut self,
        hash: &mut Sha256,
        mut missing: u64,
        stopped: &dyn Fn() -> bool,
    ) -> Result<(), PackageError> {
        if missing == 0 {
            return Ok(());
        }
        let zeros = vec![0; READ_STEP];
        while missing > 0 {
            go_on(stopped)?;
            let now = missing.min(READ_STEP_U64);
            let step = usize::try_from(now).ok().and_then(|now| zeros.get(..now)).unwrap_or_default();
            hash.update(step);
            self.zip.write(step)?;
            missing = missing.saturating_sub(now);
        }
        Ok(())
    }
}

/// The content of an item.
pub struct Content<'a> {
    /// Its length as the file system states it.
    pub length: u64,
    /// Its bytes. An error ends the reading; what is missing is recorded, and zeros stand in its place.
    pub bytes: &'a mut dyn Read,
    /// What the reader has already filled with zeros because the medium did not give it: asked for once the last byte has
    /// been read.
    pub missing: &'a dyn Fn() -> Missing,
    /// Whether somebody asked to stop: asked again and again. The object is then given up, with the batch that it is in.
    pub stopped: &'a dyn Fn() -> bool,
}

/// Bytes that a medium did not give.
#[derive(Clone, Debug, Default)]
pub struct Missing {
    /// Ranges `[from, to)`.
    pub ranges: Vec<(u64, u64)>,
    /// Why the first of them are missing.
    pub reason: Option<String>,
}

/// What became of an object's bytes.
pub(crate) struct Written {
    hash: Sha256,
    pub(crate) got: u64,
    pub(crate) trouble: Option<Trouble>,
    pub(crate) longer: bool,
}

impl Written {
    pub(crate) fn digest(&self) -> Digest {
        Digest(self.hash.clone().finalize().into())
    }

    /// What was amiss with the reading of `length` bytes of which the reader itself says `reason`.
    pub(crate) fn amiss(&self, length: u64, reason: Option<String>) -> Option<String> {
        let then = match &self.trouble {
            Some(Trouble::Ended) => Some(format!("content ended after {} of {length} bytes", self.got)),
            Some(Trouble::Read(error)) => Some(error.to_string()),
            None => self.longer.then(|| format!("content goes on after its stated {length} bytes")),
        };
        match (reason, then) {
            (Some(reason), Some(then)) if reason != then => Some(format!("{reason}; {then}")),
            (reason, then) => reason.or(then),
        }
    }
}

/// Why a medium did not give all bytes of an item.
#[derive(Debug)]
#[non_exhaustive]
pub enum Trouble {
    /// The content ended before its stated length.
    Ended,
    /// Reading failed.
    Read(io::Error),
}

/// A ledger part being written.
pub(crate) struct LedgerPart {
    gzip: GzEncoder<Encrypted>,
}

impl LedgerPart {
    pub(crate) fn create(
        disk: &Disk,
        package: &Path,
        place: Place,
        recipients: &Recipients,
    ) -> Result<Self, PackageError> {
        let encrypted = Encrypted::create(disk, package, place, recipients)?;
        // No name, no comment, no time: one member without optional fields.
        let gzip = GzBuilder::new().operating_system(UNKNOWN_SYSTEM).write(encrypted, Compression::new(1));
        Ok(Self { gzip })
    }

    /// Writes rows.
    pub(crate) fn rows(&mut self, rows: &[u8]) -> Result<(), PackageError> {
        Ok(self.gzip.write_all(rows)?)
    }

    pub(crate) fn close(self, disk: &Disk) -> Result<PartStatement, PackageError> {
        self.gzip.finish()?.close(disk)
    }
}

fn go_on(stopped: &dyn Fn() -> bool) -> Result<(), PackageError> {
    if stopped() { Err(PackageError::Stopped) } else { Ok(()) }
}

/// Whether there is more than was stated. The last word of a reader may be that the content changed meanwhile.
fn gives_more(bytes: &mut dyn Read) -> io::Result<bool> {
    loop {
        match bytes.read(&mut [0]) {
            Ok(count) => return Ok(count > 0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// How much is read at a time.
const READ_STEP: usize = 1 << 18;
const READ_STEP_U64: u64 = 1 << 18;

/// gzip's number for a system that is not stated.
const UNKNOWN_SYSTEM: u8 = 255;
