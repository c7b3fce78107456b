//! What the walker asks of an NTFS volume: nodes, directories, counters, content.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use scope::facts::{CaseRule, Facts, Kind};

use crate::bytes::length;
use crate::exact::{EvidenceStream, Exact};
use crate::ntfs::content::DataReader;
use crate::ntfs::data::{Data, sound_size};
use crate::ntfs::deleted;
use crate::ntfs::file::File;
use crate::ntfs::index;
use crate::ntfs::item::{self, Item};
use crate::ntfs::name::wtf8;
use crate::ntfs::record::{Attribute, Header, Record, Reference, kind};
use crate::ntfs::remnants::Clusters;
use crate::ntfs::volume::{RESERVED, Volume};
use crate::walk::{Entry, NodeId, SourceError};
use crate::walker::{self, Asked, Listing, NamedStream, Node, Remnants, Seen};

/// A volume, with the name under which facts and locators call it.
pub(crate) struct Nodes {
    pub(crate) volume: Arc<Volume>,
    name: String,
    root: NodeId,
    pub(crate) cluster_bits: Clusters,
}

impl Nodes {
    /// The nodes of `volume`, which facts call `name`.
    pub(crate) fn new(volume: Arc<Volume>, name: String) -> Self {
        let sequence = volume.header(ROOT).map_or(0, |header| header.sequence);
        Self {
            volume,
            name,
            root: node_id(Reference { record: ROOT, sequence }),
            cluster_bits: Clusters::new(),
        }
    }

    /// The header of a record that is in use as `id` has it.
    fn header(&self, id: NodeId) -> Result<Header, SourceError> {
        let header = self.volume.mft.header(&self.volume.disk, record_of(id))?;
        match header {
            Some(header) if !header.is_in_use() => Err(corrupt("the record is not in use")),
            Some(header) if header.sequence != sequence_of(id) => {
                Err(corrupt("the record was given to another item"))
            }
            Some(header) if header.base.is_some() => Err(corrupt("the record is a part of another file's")),
            Some(header) => Ok(header),
            None => Err(corrupt("the record is damaged")),
        }
    }

    fn file(&self, id: NodeId) -> Result<File, SourceError> {
        self.header(id)?;
        self.volume.file(record_of(id))
    }

    /// Where the item of a record is.
    pub(crate) fn locator(&self, number: u64, sequence: u16) -> String {
        format!("{}/{}", self.name, node_name(number, sequence))
    }

    /// Facts of the item of a record, of which nothing more is known.
    pub(crate) fn facts(&self, number: u64, sequence: u16, kind: Kind) -> Facts {
        crate::walk::bare_facts(&self.name, CaseRule::Insensitive, node_name(number, sequence), kind)
    }

    fn streams(&self, id: NodeId, file: &File) -> Vec<NamedStream> {
        let number = record_of(id);
        let named = file.all(kind::DATA).filter(|(record, found)| !record.name(found).is_empty());
        let streams = named.filter(|(record, found)| number != BAD_CLUSTERS || record.name(found) != BAD);
        streams.map(|(record, found)| self.stream(id, record, found)).collect()
    }

    fn stream(&self, id: NodeId, record: &Record, found: &Attribute) -> NamedStream {
        let mut issues = Vec::new();
        let size = sound_size(&self.volume.disk.boot, found);
        if size.is_none() {
            issues.push(item::NO_SIZE.to_owned());
        }
        issues.extend(item::hindrance(found).map(|how| format!("the content is {how} and cannot be read")));
        NamedStream {
            name: wtf8(record.name(found)),
            node: stream_id(id, record, found),
            suffix: stream_suffix(record_of(id), record, found),
            size,
            allocated: item::allocated(found),
            issues,
        }
    }
}

impl walker::Volume for Nodes {
    fn structures(&self) -> Vec<u64> {
        self.volume.mft.places(&self.volume.disk, 64)
    }

    fn uses(&self, at: u64) -> Option<bool> {
        let cluster = at.checked_div(self.volume.disk.boot.cluster)?;
        let bits = self.clusters().ok().filter(|bits| cluster < bits.count())?;
        Some(bits.has(cluster))
    }

    fn root(&self) -> NodeId {
        self.root
    }

    fn node(&self, id: NodeId) -> Result<Node, SourceError> {
        let mut file = self.file(id)?;
        let number = record_of(id);
        let issues = std::mem::take(&mut file.issues);
        let mut item = Item { facts: self.facts(number, sequence_of(id), Kind::File), issues };
        item.describe(&self.volume, &file);
        let streams = self.streams(id, &file);
        let locator = self.locator(number, sequence_of(id));
        Ok(Node { locator, facts: item.facts, issues: item.issues, streams, uses: Vec::new() })
    }

    fn unreadable(&self, id: NodeId) -> (String, Facts) {
        let (number, sequence) = (record_of(id), sequence_of(id));
        (self.locator(number, sequence), self.facts(number, sequence, Kind::Other))
    }

    fn is_directory(&self, id: NodeId) -> bool {
        self.header(id).is_ok_and(|header| header.is_directory())
            && self.file(id).is_ok_and(|file| item::kind(&self.volume, &file).0 == Kind::Directory)
    }

    fn list(&self, id: NodeId, limit: usize) -> Listing {
        match self.file(id) {
            Ok(file) => index::list(&self.volume.disk, &file, record_of(id), limit),
            Err(error) => Listing {
                issues: vec![format!("the record could not be read: {error}")],
                ..Listing::default()
            },
        }
    }

    /// Compares what was walked with the records in use, by the MFT's bitmap and by the records themselves.
    fn coverage(&self, seen: &Seen) -> Vec<(String, u64, u64)> {
        let mut named: Vec<u64> = seen.named.iter().map(record_of).collect();
        named.sort_unstable();
        let bits = self.volume.records_in_use().ok();
        let (mut by_bitmap, mut by_flag) = ((0_u64, 0_u64), (0_u64, 0_u64));
        let mut extensions: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for number in 0..self.volume.mft.count() {
            let header = self.volume.header(number);
            let in_bitmap = bits.as_ref().is_some_and(|bits| bits.has(number));
            let in_use = header.is_some_and(|header| header.is_in_use());
            if let Some(base) = header.filter(|_| in_use).and_then(|header| header.base) {
                extensions.entry(base.record).or_default().push(number);
            }
            // Records that extend another are not items, and some of the reserved ones have neither name nor content.
            if !in_bitmap && !in_use
                || header.is_some_and(|header| header.base.is_some())
                || RESERVED.contains(&number) && self.is_nameless(number)
            {
                continue;
            }
            let walked = u64::from(named.binary_search(&number).is_ok());
            for (counts, applies) in [(&mut by_bitmap, in_bitmap), (&mut by_flag, in_use)] {
                if applies {
                    *counts = (counts.0.saturating_add(walked), counts.1.saturating_add(1));
                }
            }
        }
        let mut coverage = Vec::new();
        if bits.is_some() {
            coverage.push(("MFT records in use by the MFT's bitmap".into(), by_bitmap.0, by_bitmap.1));
        }
        coverage.push(("MFT records in use by their own flag".into(), by_flag.0, by_flag.1));
        if !extensions.is_empty() {
            let (mut claimed, mut all) = (0, 0);
            for (base, numbers) in extensions {
                let file = self.volume.file(base).ok();
                let is_its = |number: &&u64| file.as_ref().is_some_and(|file| file.has_record(**number));
                claimed += numbers.iter().filter(is_its).count();
                all += numbers.len();
            }
            coverage.push(("MFT records that extend others".into(), length(claimed), length(all)));
        }
        coverage
    }

    fn account(&self, _seen: &Seen, _asked: Asked) -> Vec<String> {
        let mut limits = self.clusters_unowned();
        limits.extend(self.foreign_blocks());
        limits
    }

    fn deleted(&self, each: &mut dyn FnMut(Entry) -> ControlFlow<()>) -> Vec<String> {
        deleted::each(self, each)
    }

    fn remnants(&self) -> Option<&dyn Remnants> {
        Some(self)
    }

    fn content(self: Arc<Self>, entry: &Entry) -> Result<Box<dyn EvidenceStream>, SourceError> {
        let data = self.data(entry)?;
        let size = data.size;
        Ok(Box::new(Exact::new(DataReader::new(Arc::clone(&self.volume.disk), data), size)))
    }
}

impl Nodes {
    /// The volume as facts call it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where the content of a file or stream stands, if it is the one that the walk saw.
    pub(crate) fn data(&self, entry: &Entry) -> Result<Data, SourceError> {
        let file = self.file(entry.node)?;
        let (number, sequence) = (record_of(entry.node), sequence_of(entry.node));
        let locator = self.locator(number, sequence);
        let disk = &self.volume.disk;
        let (found, is_it) = if is_stream(entry.node) {
            let fits =
                |(record, found): &(&Record, &Attribute)| stream_id(entry.node, record, found) == entry.node;
            let found = file.all(kind::DATA).find(fits);
            let suffix =
                found.map(|(record, found)| stream_suffix(number, record, found)).unwrap_or_default();
            (found, entry.locator.strip_prefix(&locator) == Some(&suffix) && !suffix.is_empty())
        } else {
            let (kind, reparse) = item::kind(&self.volume, &file);
            if kind != Kind::File {
                return Err(SourceError::NoContent("not a file".into()));
            }
            let found = file.find(kind::DATA, b"");
            if let Some(how) = found.and_then(|(_, found)| item::away(&file, reparse.as_ref(), found)) {
                return Err(SourceError::NoContent(how.into()));
            }
            (found, entry.locator == locator)
        };
        if !is_it {
            return Err(SourceError::Changed("the record belongs to another item".into()));
        }
        let found =
            found.ok_or_else(|| SourceError::NoContent("the record has no $DATA attribute".into()))?;
        file.data(disk, found)
    }

    fn is_nameless(&self, number: u64) -> bool {
        self.volume.file(number).is_ok_and(|file| file.all(kind::FILE_NAME).next().is_none())
    }
}

/// The handle of the item that a reference leads to.
pub(crate) fn node_id(place: Reference) -> NodeId {
    NodeId::with_part(place.record, place.sequence.into())
}

/// The handle of a stream: its file's, and the record and instance of its attribute.
fn stream_id(file: NodeId, record: &Record, found: &Attribute) -> NodeId {
    // Record numbers of an MFT are below 2^32.
    let part = (record.number & 0xFFFF_FFFF) << 32 | u64::from(found.id) << 16 | u64::from(sequence_of(file));
    NodeId::with_part(record_of(file) | STREAM, part)
}

/// What stands behind the file's locator: the attribute's instance, and before it the record where that is not the
/// file's own, since each record counts instances by itself.
fn stream_suffix(file: u64, record: &Record, found: &Attribute) -> String {
    if record.number == file { format!(":{}", found.id) } else { format!(":{}.{}", record.number, found.id) }
}

fn is_stream(id: NodeId) -> bool {
    id.number() & STREAM != 0
}

fn record_of(id: NodeId) -> u64 {
    id.number() & !STREAM
}

fn sequence_of(id: NodeId) -> u16 {
    let [low, high, ..] = id.part().to_le_bytes();
    u16::from_le_bytes([low, high])
}

fn node_name(number: u64, sequence: u16) -> String {
    format!("record:{number}:{sequence}")
}

fn corrupt(what: &str) -> SourceError {
    crate::ntfs::corrupt(what)
}

/// The mark of a stream's handle: references have 48 bits of number.
const STREAM: u64 = 1 << 63;
/// The root directory's record.
pub(crate) const ROOT: u64 = 5;
/// The record of bad clusters, whose stream `$Bad` (in UTF-16) spans the volume and has no content of its own.
pub(crate) const BAD_CLUSTERS: u64 = 8;
pub(crate) const BAD: &[u8] = b"$\0B\0a\0d\0";
