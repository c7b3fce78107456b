//! Finding what is on a medium: tables, stacks, file systems, and whatever else.
//!
//! Implements `docs/spec/volumes.md`, "What is looked for, in which order". One
//! layer at a time, breadth first, by signatures and by what a format's own
//! checks say; nothing is guessed from a partition's stated type.

use std::collections::{BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::bytes::ByteSource;
use crate::exact::EvidenceStream;
use crate::file_system::recognise;
use crate::medium::{Layer, LayerState, Medium, UnreadVolume};
use crate::probe::{self, Probe};
use crate::stack::{self, Piece};
use crate::volumes::{VolumeMap, Window, volumes};
use crate::walk::{Entry, Source, SourceError, SourceInfo, WalkEvent, WalkOptions, WalkReport};

/// What was found on a medium's bytes.
#[derive(Default)]
pub(crate) struct Survey {
    pub(crate) layers: Vec<Layer>,
    pub(crate) sources: Vec<Box<dyn Source>>,
    pub(crate) unread: Vec<UnreadVolume>,
    pub(crate) ids: Vec<(String, String)>,
    pub(crate) limits: Vec<String>,
    /// Pieces that stand to be looked at.
    waiting: VecDeque<Found>,
    /// Members of RAID arrays and physical volumes.
    members: Vec<Piece>,
    /// Places of what was put together of them, or could not be.
    assembled: BTreeSet<String>,
    /// How many members were there when they were last put together.
    put_together: usize,
    /// Partitions and volumes met so far.
    met: usize,
}

/// A piece of the medium that was not looked at yet.
struct Found {
    place: String,
    start: Option<u64>,
    stated: String,
    bytes: Arc<dyn ByteSource>,
    depth: usize,
}

/// Looks at all of `disks`: one, or the drives of a set.
pub(crate) fn survey(disks: &[Arc<dyn ByteSource>]) -> Survey {
    let mut survey = Survey::default();
    for (index, bytes) in disks.iter().enumerate() {
        let place = if disks.len() > 1 { format!("disk:{}", index.saturating_add(1)) } else { String::new() };
        survey.wait(Found {
            place,
            start: Some(0),
            stated: String::new(),
            bytes: Arc::clone(bytes),
            depth: 0,
        });
    }
    // A volume of a stack can hold a table, and its partitions be members again.
    for _ in 0..MAX_DEPTH {
        while let Some(found) = survey.waiting.pop_front() {
            survey.look(&found);
        }
        let fresh = survey.members.iter().filter(|piece| !survey.assembled.contains(&piece.place)).count();
        if fresh == survey.put_together {
            break;
        }
        survey.put_together = fresh;
        survey.put_together();
    }
    survey
}

impl Survey {
    /// Puts what was found into the medium's description.
    pub(crate) fn describe(&mut self, medium: &mut Medium) {
        medium.layers.append(&mut self.layers);
        medium.limits.append(&mut self.limits);
        for source in &self.sources {
            let info = source.info();
            medium.ids.extend(info.ids.iter().cloned());
            medium.limits.extend(info.limits.iter().map(|limit| match info.place.as_str() {
                "" => limit.clone(),
                place => format!("{place}: {limit}"),
            }));
        }
        medium.ids.append(&mut self.ids);
        medium.ids.sort();
        medium.ids.dedup();
    }

    fn wait(&mut self, found: Found) {
        self.met = self.met.saturating_add(1);
        if self.met > MAX_PIECES {
            if self.met == MAX_PIECES.saturating_add(1) {
                self.limits.push(format!(
                    "more than {MAX_PIECES} partitions and volumes; the others are not looked at"
                ));
            }
            return;
        }
        self.waiting.push_back(found);
    }

    /// Says what a piece is.
    fn look(&mut self, found: &Found) {
        match self.try_look(found) {
            Ok(()) => {}
            Err(error) => self.unread(found, "a volume whose beginning cannot be read", error.to_string()),
        }
    }

    fn try_look(&mut self, found: &Found) -> Result<(), SourceError> {
        let head = probe::head(found.bytes.as_ref())?;
        let known = probe::probe(found.bytes.as_ref())?;
        let file_system = recognise(&head);
        if stack::is_member(found.bytes.as_ref(), file_system.is_some()) {
            self.layer(found, "a member of a RAID array or a volume group", LayerState::Divided);
            self.members.push(Piece { place: found.place.clone(), bytes: Arc::clone(&found.bytes) });
            return Ok(());
        }
        let table = volumes(found.bytes.as_ref())?;
        if let Some(kind) = file_system {
            match (kind.open)(Arc::clone(&found.bytes)) {
                Ok(source) => self.source(found, kind.name, source, &known),
                // What the table divides is read part by part: the whole is not a volume of which no file can be read.
                Err(error) if !table.partitions.is_empty() => self.limits.push(format!(
                    "{} also bears the mark of {}, which cannot be read: {error}",
                    shown(&found.place),
                    kind.name
                )),
                Err(error) => self.unread(found, kind.name, format!("it cannot be read: {error}")),
            }
        }
        if !table.partitions.is_empty() || table.scheme == "gpt" {
            if file_system.is_some() {
                self.limits.push(format!(
                    "{} bears a file system and a partition table; both are read",
                    shown(&found.place)
                ));
            }
            self.divide(found, table, file_system.is_some());
        } else if file_system.is_none() {
            match known {
                Probe::Known(what, next) => {
                    self.limits.push(format!("{}: {what}, of which no file is read", shown(&found.place)));
                    self.not_read(found, what, next.to_owned());
                }
                Probe::Blank => self.layer(found, "blank where signatures stand", LayerState::Blank),
                Probe::Unknown => {
                    self.layer(found, "nothing with a signature that is known", LayerState::Unknown)
                }
            }
        }
        Ok(())
    }

    fn source(&mut self, found: &Found, name: &str, source: Box<dyn Source>, known: &Probe) {
        if let Probe::Known(other, _) = known
            && !probe::is_name_of(other, name)
        {
            self.limits.push(format!("{} also bears the signature of {other}", shown(&found.place)));
        }
        let volume = source.info().volume.clone();
        self.layer(found, name, LayerState::Read(volume));
        self.sources.push(Box::new(Placed::new(&found.place, source)));
    }

    fn divide(&mut self, found: &Found, table: VolumeMap, beside_file_system: bool) {
        let count = table.partitions.len();
        let partitions = if count == 1 { "partition" } else { "partitions" };
        let what = format!("{} partition table, {count} {partitions}", table.scheme.to_uppercase());
        self.layer(found, &what, LayerState::Divided);
        self.ids.extend(table.guid.map(|guid| ("gpt".to_owned(), guid)));
        let warnings = table.warnings.into_iter().map(|warning| match found.place.as_str() {
            "" => warning,
            place => format!("{place}: {warning}"),
        });
        self.limits.extend(warnings);
        if found.depth >= MAX_DEPTH {
            self.limits.push(format!(
                "{}: tables nested deeper than {MAX_DEPTH} are not followed",
                shown(&found.place)
            ));
            return;
        }
        for partition in table.partitions {
            let place = join(&found.place, &format!("{}:{}", table.scheme, partition.number));
            if beside_file_system && partition.start == 0 {
                self.limits
                    .push(format!("{place} begins where the file system does, and is read as that alone"));
                continue;
            }
            let bytes = Window::new(Arc::clone(&found.bytes), partition.start, partition.length);
            if bytes.len() < partition.length {
                self.limits.push(format!(
                    "{place} has {} bytes by the table, of which the medium has {}",
                    partition.length,
                    bytes.len()
                ));
            }
            self.wait(Found {
                place,
                start: Some(partition.start),
                stated: partition.kind,
                bytes: Arc::new(bytes),
                depth: found.depth.saturating_add(1),
            });
        }
        for (start, length) in table.gaps {
            self.layers.push(Layer {
                place: found.place.clone(),
                start: Some(start),
                length,
                stated: String::new(),
                what: "no partition covers it".to_owned(),
                state: LayerState::Gap,
            });
        }
    }

    /// Makes volumes of the members found so far.
    fn put_together(&mut self) {
        let pieces: Vec<Piece> =
            self.members.iter().filter(|piece| !self.assembled.contains(&piece.place)).cloned().collect();
        let assembly = match stack::assemble_all(&pieces) {
            Ok(assembly) => assembly,
            Err(error) => {
                self.limits.push(format!("RAID arrays and volume groups could not be put together: {error}"));
                return;
            }
        };
        let used: BTreeSet<String> =
            assembly.volumes.iter().flat_map(|volume| volume.members.iter().cloned()).collect();
        for volume in assembly.volumes {
            if !self.assembled.insert(volume.place.clone()) {
                continue;
            }
            self.limits.extend(volume.limits.iter().map(|limit| format!("{}: {limit}", volume.place)));
            let stated = format!("{}, of {}", volume.what, places(&volume.members));
            self.wait(Found { place: volume.place, start: None, stated, bytes: volume.bytes, depth: 0 });
        }
        for volume in assembly.unread {
            if !self.assembled.insert(volume.place.clone()) {
                continue;
            }
            let why = format!("{} (of {})", volume.why, places(&volume.members));
            self.limits.push(format!("{}: {}, not read: {why}", volume.place, volume.what));
            self.layers.push(Layer {
                place: volume.place,
                start: None,
                length: 0,
                stated: String::new(),
                what: volume.what,
                state: LayerState::Unread(why),
            });
            // Its members' bytes are what there is to preserve.
            for member in pieces.iter().filter(|piece| volume.members.contains(&piece.place)) {
                // A member that also carries what is read is not preserved whole: files of others are on it.
                let known = self.unread.iter().any(|known| known.place == member.place);
                if !known && !used.contains(&member.place) {
                    self.unread.push(UnreadVolume {
                        place: member.place.clone(),
                        what: "a member of something that cannot be put together".to_owned(),
                        bytes: Arc::clone(&member.bytes),
                    });
                }
            }
        }
    }

    fn unread(&mut self, found: &Found, what: &str, why: String) {
        self.limits.push(format!("{}: {what}, not read: {why}", shown(&found.place)));
        self.not_read(found, what, why);
    }

    /// A volume of which no file is read: why, or what to do now.
    fn not_read(&mut self, found: &Found, what: &str, why: String) {
        self.layer(found, what, LayerState::Unread(why));
        self.unread.push(UnreadVolume {
            place: found.place.clone(),
            what: what.to_owned(),
            bytes: Arc::clone(&found.bytes),
        });
    }

    fn layer(&mut self, found: &Found, what: &str, state: LayerState) {
        self.layers.push(Layer {
            place: found.place.clone(),
            start: found.start,
            length: found.bytes.len(),
            stated: found.stated.clone(),
            what: what.to_owned(),
            state,
        });
    }
}

fn places(members: &[String]) -> String {
    members.iter().map(|place| shown(place)).collect::<Vec<_>>().join(", ")
}

fn join(place: &str, part: &str) -> String {
    if place.is_empty() { part.to_owned() } else { format!("{place}/{part}") }
}

/// A place as a sentence names it.
fn shown(place: &str) -> &str {
    if place.is_empty() { "the medium" } else { place }
}

/// A source at its place: every locator begins with it.
struct Placed {
    inner: Box<dyn Source>,
    info: SourceInfo,
    /// The place with a slash, or nothing for a source that is the whole medium.
    prefix: String,
}

impl Placed {
    fn new(place: &str, inner: Box<dyn Source>) -> Self {
        let info = SourceInfo { place: place.to_owned(), ..inner.info().clone() };
        let prefix = if place.is_empty() { String::new() } else { format!("{place}/") };
        Self { inner, info, prefix }
    }
}

impl Source for Placed {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn walk_with(
        &self,
        options: &WalkOptions<'_>,
        visit: &mut dyn FnMut(WalkEvent) -> ControlFlow<()>,
    ) -> Result<WalkReport, SourceError> {
        self.inner.walk_with(options, &mut |mut event| {
            match &mut event {
                WalkEvent::Item(entry) => entry.locator.insert_str(0, &self.prefix),
                WalkEvent::Issue(issue) => {
                    if let Some(locator) = &mut issue.locator {
                        locator.insert_str(0, &self.prefix);
                    }
                }
            }
            visit(event)
        })
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn EvidenceStream>, SourceError> {
        if self.prefix.is_empty() {
            return self.inner.open(entry);
        }
        let Some(locator) = entry.locator.strip_prefix(&self.prefix) else {
            return Err(SourceError::Changed("the item belongs to another volume".into()));
        };
        self.inner.open(&Entry { locator: locator.to_owned(), ..entry.clone() })
    }
}

/// Deepest nesting of tables and stacks: a volume group on a RAID array on partitions needs three.
const MAX_DEPTH: usize = 5;
/// Most partitions and volumes of one medium: a GPT has 128 as a rule.
const MAX_PIECES: usize = 1024;
