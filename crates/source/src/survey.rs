//! Finding what is on a medium: tables, stacks, file systems, and whatever else.
//!
//! Implements `docs/spec/volumes.md`, "What is looked for, in which order". One
//! layer at a time, breadth first, by signatures and by what a format's own
//! checks say; nothing is guessed from a partition's stated type.

mod beside;
mod copies;
mod gaps;
mod left_over;
mod marks;
mod placed;
mod stacks;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use crate::bytes::{ByteSource, ReadFault};
use crate::file_system::{recognise, recognise_all};
use crate::medium::{Layer, LayerState, Medium, NO_BEGINNING, UnreadVolume, Within, cut_short, no_root};
use crate::names;
use crate::probe::{self, Probe};
use crate::stack::{self, Free, Unassembled};
use crate::volumes::{VolumeMap, Window, volumes};
use crate::walk::{Source, SourceError};
use marks::Mark;
use placed::Placed;

/// What was found on a medium's bytes.
#[derive(Default)]
pub(crate) struct Survey {
    pub(crate) layers: Vec<Layer>,
    pub(crate) sources: Vec<Box<dyn Source>>,
    pub(crate) unread: Vec<UnreadVolume>,
    pub(crate) ids: Vec<(String, String)>,
    /// Identities of what lies within a volume.
    within: Vec<Within>,
    pub(crate) limits: Vec<String>,
    /// How near to the drives each member is, and each volume that was put together.
    levels: BTreeMap<String, Level>,
    /// Whether names are told.
    names: bool,
    /// Pieces that stand to be looked at.
    waiting: VecDeque<Found>,
    /// Members of RAID arrays and physical volumes.
    members: Vec<Found>,
    /// Places of what was put together of them.
    assembled: BTreeSet<String>,
    /// Places of the members that are used in that.
    used: BTreeSet<String>,
    /// The length of the longest volume that each of them is used in.
    reach: BTreeMap<String, u64>,
    /// What is known of stacks from one round to the next.
    stacks: stack::Known,
    /// What each volume that was put together is made of, by place.
    made_of: BTreeMap<String, Vec<String>>,
    /// Marks of what is known and not read, on pieces that also hold something else.
    marks: Vec<Mark>,
    /// Places that bear a file system that is read, and are divided by a table.
    both: Vec<String>,
    /// Where each partition lies, and the data of what was put together.
    spans: Vec<Span>,
    /// Bytes of gaps looked at so far.
    gap_bytes: u64,
    /// What could not be put together of all members found.
    unassembled: Vec<Unassembled>,
    /// What no volume of a group has, of all members found.
    free: Vec<Free>,
    /// Members that were looked at for what they hold besides.
    looked_inside: BTreeSet<String>,
    /// How many members were there when they were last put together.
    put_together: usize,
    /// Partitions and volumes met so far.
    met: usize,
    /// Those of which no layer tells, and their bytes.
    beyond: (u64, u64),
}

/// A piece of the medium that was not looked at yet.
#[derive(Clone)]
struct Found {
    place: String,
    start: Option<u64>,
    stated: String,
    bytes: Arc<dyn ByteSource>,
    depth: usize,
    level: Level,
}

/// How near to the drives that were given a piece is: what stands on a drive identifies it, and not what somebody keeps
/// within a volume of it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Level {
    /// A drive that was given, or an array that such drives make up.
    Drive,
    /// A partition of one, or an array that has such a partition as a member.
    Part,
    /// What lies deeper: a logical volume, a partition of a partition.
    Within,
}

impl Level {
    /// That of a partition of it.
    fn part(self) -> Self {
        match self {
            Self::Drive => Self::Part,
            Self::Part | Self::Within => Self::Within,
        }
    }
}

/// Where a partition lies in what its table divides, or the data of a volume on its member.
struct Span {
    outer: String,
    place: String,
    range: Range<u64>,
    bytes: Arc<dyn ByteSource>,
}

/// Looks at all of `disks`: one, or the drives of a set. `names`: the names of partitions, volumes and file systems are told.
pub(crate) fn survey(disks: &[Arc<dyn ByteSource>], names: bool) -> Survey {
    let mut survey = Survey { names, ..Survey::default() };
    for (index, bytes) in disks.iter().enumerate() {
        let place = if disks.len() > 1 { format!("disk:{}", index.saturating_add(1)) } else { String::new() };
        // Of an image that was cut, file systems that do not reach its end show nothing.
        let end = bytes.len().min(END);
        let mut last = vec![0; usize::try_from(end).unwrap_or(0)];
        if let Err(fault) = bytes.read_exact_at(bytes.len().saturating_sub(end), &mut last) {
            survey.limits.push(format!(
                "{}: its last {end} bytes cannot be read, as of an image that was cut while it was made or copied: {fault}",
                shown(&place)
            ));
        }
        survey.wait(Found {
            place,
            start: Some(0),
            stated: String::new(),
            bytes: Arc::clone(bytes),
            depth: 0,
            level: Level::Drive,
        });
    }
    // A volume of a stack can hold a table, and its partitions be members again.
    for _ in 0..MAX_ROUNDS {
        while let Some(found) = survey.waiting.pop_front() {
            survey.look(&found);
        }
        let fresh = survey.members.iter().filter(|piece| !survey.assembled.contains(&piece.place)).count();
        if fresh != survey.put_together {
            survey.put_together = fresh;
            survey.put_together();
        }
        if survey.waiting.is_empty() {
            survey.look_inside_members();
        }
        if survey.waiting.is_empty() {
            break;
        }
    }
    survey.lie_in_each_other();
    survey.end();
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
        medium.within.append(&mut self.within);
        medium.within.sort();
        medium.within.dedup();
    }

    /// An identity that stands at `place`: the medium's where it is near enough to a drive, at most at the level `most`.
    fn identity(&mut self, (kind, value): (&str, String), place: &str, (level, most): (Level, Level)) {
        let kind = kind.to_owned();
        if level <= most {
            self.ids.push((kind, value));
        } else {
            self.within.push(Within { place: place.to_owned(), kind, value });
        }
    }

    fn wait(&mut self, found: Found) {
        self.met = self.met.saturating_add(1);
        if self.met > MAX_PIECES {
            let why = format!("it comes after the first {MAX_PIECES} partitions and volumes");
            return self.not_looked_at(&found, why);
        }
        self.waiting.push_back(found);
    }

    /// A partition or volume that is not looked at: it has a layer all the same, and can be preserved.
    fn not_looked_at(&mut self, found: &Found, why: String) {
        if self.layers.len() < MAX_LAYERS {
            self.not_read(found, "a partition or volume that is not looked at", why);
        } else {
            let (count, bytes) = self.beyond;
            self.beyond = (count.saturating_add(1), bytes.saturating_add(found.bytes.len()));
        }
    }

    /// Says what a piece is.
    fn look(&mut self, found: &Found) {
        match self.try_look(found) {
            Ok(()) => {}
            Err(error) if self.by_a_copy(found, &format!("cannot be read ({error})")) => {}
            Err(error) => self.unread(found, NO_BEGINNING, error.to_string()),
        }
    }

    fn try_look(&mut self, found: &Found) -> Result<(), SourceError> {
        if found.bytes.is_empty() && !found.place.is_empty() {
            self.unread(found, "a partition that is not there", "the medium ends before it".to_owned());
            return Ok(());
        }
        let head = probe::head(found.bytes.as_ref())?;
        if stack::is_member(found.bytes.as_ref(), recognise(&head).is_some()) {
            self.layer(found, MEMBER, LayerState::Divided);
            self.levels.insert(found.place.clone(), found.level);
            self.members.push(found.clone());
            return Ok(());
        }
        self.look_inside(found, false)
    }

    /// Says what a piece holds: a file system, a table, or something that is not read. `is_member`: it is a member of a
    /// stack, too, and only what can be read is of interest.
    fn look_inside(&mut self, found: &Found, is_member: bool) -> Result<(), SourceError> {
        let head = probe::head(found.bytes.as_ref())?;
        let table = match volumes(found.bytes.as_ref()) {
            Ok(table) => table,
            // What stands behind the first sector tells what is there.
            Err(fault) if recognise(&head).is_some() => {
                self.limits.push(format!(
                    "{}: whether a partition table stands in its first sector is not known: {fault}",
                    shown(&found.place)
                ));
                VolumeMap::default()
            }
            Err(fault) => return Err(fault.into()),
        };
        let is_divided = !table.partitions.is_empty() || table.scheme == "gpt" && !is_member;
        let (mut read, mut failed, mut kinds, mut unused) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut left_over = Vec::new();
        // All that fit: of two file systems at one place, one may be planted before the other.
        for kind in recognise_all(&head) {
            if is_divided && !is_member && self.is_left_over(found, kind, &table) {
                left_over.push(kind.name);
                continue;
            }
            match (kind.open)(Arc::clone(&found.bytes)) {
                Ok(source) => match source.root() {
                    Ok(()) => {
                        read.push(kind.name);
                        kinds.push(kind);
                        unused.push(source.unused());
                        self.source(found, kind.name, source);
                    }
                    Err(error) => failed.push((kind.name, error, source.info().ids.clone())),
                },
                Err(error) => failed.push((kind.name, error, Vec::new())),
            }
        }
        if read.len() > 1 {
            self.limits.push(format!(
                "{} bears {} at one place, and all are read: files of one hold bytes of the other",
                shown(&found.place),
                read.join(" and ")
            ));
        }
        let is_known = !read.is_empty() || !failed.is_empty();
        let told = read.iter().chain(failed.iter().map(|(name, ..)| name)).chain(&left_over);
        let marks = self.other_marks(found, is_member, told)?;
        for (name, error, ids) in failed {
            // What the table divides is read part by part: the whole is not a volume of which no file can be read.
            if is_member || is_divided || !read.is_empty() || self.is_unread(&found.place) {
                self.limits.push(format!(
                    "{} also bears the mark of {name}, which cannot be read: {error}",
                    shown(&found.place)
                ));
            } else if !self.by_a_copy(found, &format!("is not sound ({error})")) {
                self.lost(found, name, &error, ids);
            }
        }
        if is_known || is_member || is_divided {
            self.marks.extend(marks.into_iter().map(|(what, next)| Mark::new(found, what, next)));
        } else {
            self.bare(found, marks)?;
        }
        if is_divided {
            if !read.is_empty() {
                self.limits.push(format!(
                    "{} bears a file system and a partition table; both are read",
                    shown(&found.place)
                ));
                self.both.push(found.place.clone());
            }
            // What no partition covers is looked at as gaps are; what is in one that is not read as such is not.
            if table.partitions.iter().any(|partition| partition.start == 0) {
                self.between(found, unused, &table.tables);
            }
            self.divide(found, table, !read.is_empty());
        } else if !is_member && !kinds.is_empty() {
            self.between(found, unused, &[]);
            self.rest(found, &kinds, &head);
        }
        Ok(())
    }

    /// A piece without a file system or a table that can be read.
    fn bare(&mut self, found: &Found, marks: Vec<(&'static str, &'static str)>) -> Result<(), SourceError> {
        match probe::probe(found.bytes.as_ref())? {
            // The last bytes of a boot sector say nothing by themselves.
            Probe::Blank | Probe::Unknown | Probe::Known(probe::MBR, _)
                if self.by_a_copy(found, &unread_or_not_there(found)) => {}
            Probe::Known(what, next) => {
                self.limits.push(format!("{}: {what}, of which no file is read", shown(&found.place)));
                self.not_read(found, what, next.to_owned());
                let others = marks.into_iter().filter(|(other, _)| *other != what);
                self.marks.extend(others.map(|(what, next)| Mark::new(found, what, next)));
            }
            Probe::Blank => self.blank(found),
            Probe::Unknown => match beginning(found) {
                Ok(()) => {
                    self.limits.push(format!("{}: {UNKNOWN}; no file of it is read", shown(&found.place)));
                    self.not_known(found, UNKNOWN, LayerState::Unknown);
                }
                Err(fault) => self.unread(found, NO_BEGINNING, fault.to_string()),
            },
        }
        Ok(())
    }

    fn source(&mut self, found: &Found, name: &str, source: Box<dyn Source>) {
        let volume = source.info().volume.clone();
        let label = if self.names { names::label(found.bytes.as_ref()) } else { None };
        let found = &Found { stated: self.named(found.stated.clone(), "labelled", label), ..found.clone() };
        self.layer(found, name, LayerState::Read(volume));
        self.sources.push(Box::new(Placed::new(&found.place, source)));
    }

    fn divide(&mut self, found: &Found, table: VolumeMap, beside_file_system: bool) {
        let count = table.partitions.len();
        let partitions = if count == 1 { "partition" } else { "partitions" };
        let what = format!("{} partition table, {count} {partitions}", table.scheme.to_uppercase());
        self.layer(found, &what, LayerState::Divided);
        let signature = (table.scheme == "mbr").then(|| mbr_signature(found.bytes.as_ref())).flatten();
        for (kind, value) in [("gpt", table.guid), ("mbr_signature", signature)] {
            if let Some(value) = value {
                self.identity((kind, value), &found.place, (found.level, Level::Drive));
            }
        }
        let warnings = table.warnings.into_iter().map(|warning| match found.place.as_str() {
            "" => warning,
            place => format!("{place}: {warning}"),
        });
        self.limits.extend(warnings);
        let mut known = BTreeMap::from([((0, found.bytes.len()), found.place.clone())]);
        for partition in table.partitions {
            let place = join(&found.place, &format!("{}:{}", table.scheme, partition.number));
            if beside_file_system && partition.start == 0 {
                self.limits
                    .push(format!("{place} begins where the file system does, and is read as that alone"));
                continue;
            }
            let bytes = Window::new(Arc::clone(&found.bytes), partition.start, partition.length);
            let bytes: Arc<dyn ByteSource> = Arc::new(bytes);
            if self.spans.len() < MAX_LAYERS {
                self.spans.push(Span {
                    outer: found.place.clone(),
                    place: place.clone(),
                    range: partition.start..partition.start.saturating_add(bytes.len()),
                    bytes: Arc::clone(&bytes),
                });
            }
            if bytes.len() < partition.length {
                let cut = cut_short("the partition table gives it", partition.length, bytes.len());
                self.limits.push(format!("{place}: {cut}"));
            }
            let part = Found {
                place,
                start: Some(partition.start),
                stated: self.named(partition.kind, "named", partition.name),
                bytes,
                depth: found.depth.saturating_add(1),
                level: found.level.part(),
            };
            let same = known.entry((partition.start, part.bytes.len())).or_insert_with(|| part.place.clone());
            if *same != part.place && !part.bytes.is_empty() {
                let what = format!("the same bytes as {}, read as that alone", shown(same));
                self.limits.push(format!("{}: {what}", part.place));
                self.layer(&part, &what, LayerState::Divided);
                continue;
            }
            if found.depth >= MAX_DEPTH {
                self.not_looked_at(&part, format!("tables nested deeper than {MAX_DEPTH} are not followed"));
            } else {
                self.wait(part);
            }
        }
        for at in table.gaps {
            self.gap(found, at, &table.tables);
        }
    }

    /// What a table states of a part, and its name beside that, where names are told.
    fn named(&self, stated: String, word: &str, name: Option<String>) -> String {
        match name.filter(|_| self.names) {
            Some(name) if stated.is_empty() => format!("{word} \"{name}\""),
            Some(name) => format!("{stated}, {word} \"{name}\""),
            None => stated,
        }
    }

    fn unread(&mut self, found: &Found, what: &str, why: String) {
        self.limits.push(format!("{}: {what}, not read: {why}", shown(&found.place)));
        self.not_read(found, what, why);
    }

    /// A file system that cannot be read. What identifies it is the medium's all the same: an order that names it covers
    /// its bytes.
    fn lost(&mut self, found: &Found, what: &str, error: &SourceError, ids: Vec<(String, String)>) {
        let why = match error {
            SourceError::Read(_) | SourceError::Corrupt(_) => no_root(error),
            _ => format!("not read: it cannot be read: {error}"),
        };
        self.limits.push(format!("{}: {what}, {why}", shown(&found.place)));
        self.not_read(found, what, why.trim_start_matches("not read: ").to_owned());
        self.ids.extend(ids.iter().cloned());
        for volume in self.unread.iter_mut().filter(|volume| volume.place == found.place) {
            volume.ids.clone_from(&ids);
        }
    }

    /// A volume of which no file is read: why, or what to do now.
    fn not_read(&mut self, found: &Found, what: &str, why: String) {
        self.not_known(found, what, LayerState::Unread(why));
    }

    /// A volume of which no file is read, whatever it is: its bytes can be preserved.
    fn not_known(&mut self, found: &Found, what: &str, state: LayerState) {
        self.layer(found, what, state);
        // Of a volume of which nothing is there, as behind the end of an image that was cut, nothing can be preserved.
        if !found.bytes.is_empty() {
            self.unread.push(UnreadVolume {
                place: found.place.clone(),
                what: what.to_owned(),
                ids: Vec::new(),
                bytes: Arc::clone(&found.bytes),
            });
        }
    }

    fn layer(&mut self, found: &Found, what: &str, state: LayerState) {
        self.layers.push(Layer {
            place: found.place.clone(),
            start: found.start,
            length: found.bytes.len(),
            stated: found.stated.clone(),
            what: what.to_owned(),
            members: self.made_of.get(&found.place).cloned().unwrap_or_default(),
            state,
        });
    }
}

/// Reads the bytes in which the first structures of a volume, and its marks, stand.
fn beginning(found: &Found) -> Result<(), ReadFault> {
    let length = found.bytes.len().min(probe::HEAD);
    found.bytes.read_exact_at(0, &mut vec![0; usize::try_from(length).unwrap_or(0)])
}

/// What is wrong with a first structure of which nothing is found.
fn unread_or_not_there(found: &Found) -> String {
    beginning(found).map_or_else(|fault| format!("cannot be read ({fault})"), |()| "is not there".to_owned())
}

/// The number by which an MBR tells its disk from others, as eight hexadecimal digits; `None` where none was given.
fn mbr_signature(bytes: &dyn ByteSource) -> Option<String> {
    let mut number = [0; 4];
    bytes.read_exact_at(440, &mut number).ok()?;
    (number != [0; 4]).then(|| format!("{:08x}", u32::from_le_bytes(number)))
}

/// The layer of a stretch that is no partition: between partitions, or behind a file system.
fn rest_layer(volume: &UnreadVolume, start: u64, state: LayerState) -> Layer {
    Layer {
        place: volume.place.clone(),
        start: Some(start),
        length: volume.bytes.len(),
        stated: String::new(),
        what: volume.what.clone(),
        members: Vec::new(),
        state,
    }
}

fn join(place: &str, part: &str) -> String {
    if place.is_empty() { part.to_owned() } else { format!("{place}/{part}") }
}

/// A place as a sentence names it.
fn shown(place: &str) -> &str {
    if place.is_empty() { "the medium" } else { place }
}

/// Bytes at the end of a disk that are read to see whether they are there.
const END: u64 = 4096;

/// What a member of a stack is called.
const MEMBER: &str = "a member of a RAID array or a volume group";
/// What bears no mark that is known.
const UNKNOWN: &str = "nothing with a signature that is known";
/// Most rounds of looking and putting together: each table and each stack, and what members hold besides.
const MAX_ROUNDS: usize = 4 * MAX_DEPTH;
/// Most layers that are told one by one.
const MAX_LAYERS: usize = 8192;
/// Deepest nesting of tables and stacks: a volume group on a RAID array on partitions needs three.
const MAX_DEPTH: usize = 5;
/// Most partitions and volumes of one medium: a GPT has 128 as a rule.
const MAX_PIECES: usize = 1024;
