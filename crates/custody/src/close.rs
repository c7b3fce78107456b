//! Closing a package: the public statement, the bag, and the bytes that are sealed.
//!
//! ```text
//! let closed = writer.close(ending)?;                 every part read back, the inventory sorted, the ending journaled
//! let stated = closed.state(rest)?;                   meta/acquisition.json
//! case.append(AcquisitionEnd of stated.end())?;       the log says so, and quotes that file
//! let unsealed = stated.finish(policy_files)?;        meta/policy/, VERIFY.txt, the bag: tagmanifest-sha256.txt
//! unsealed.seal(...)?;                                see [`crate::seal`]
//! ```
//!
//! Once the log quotes the statement it is that file, whatever is lost later: a resume keeps it, or makes it again from the
//! journal, and goes on with no other.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::PoisonError;

use evidence::acquisition::{
    Acquisition, Departure, Extent, Format, InventoryStatement, LayerStatement, MediumStatement,
    PartStatement, RecordLeft, Resumed, RunNumber, SetName, SetStatement, WalkStatement,
};
use evidence::bag::{self, Info, Manifest, Oxum};
use evidence::event::{AcquisitionEnd, MediumUnreadable, Moment, Tool, TreeHead};
use evidence::strict;
use scope::{BundleFile, Digest, Outcome};
use serde::{Deserialize, Serialize};

use crate::batch::Recorder;
use crate::durable::Disk;
use crate::package::{PackageError, PackageWriter, Totals};
use crate::part::Recipients;
use crate::read_back::{Committed, Reading, all_read_back, same_digest};
use crate::site::Site;
use crate::sorted::Merged;
use crate::unfinished::MAX_ACQUISITION;

/// A package whose parts and inventory are complete.
pub struct Closed {
    site: Site,
    subject: Subject,
    recipients: BTreeMap<SetName, Recipients>,
    totals: Totals,
    parts: BTreeMap<SetName, Vec<PartStatement>>,
    inventory: Merged,
    ending: Ending,
    lost: Vec<String>,
    /// The digest of the statement, where acquisition.end is on the log.
    quoted: Option<Digest>,
}

/// What is said of the acquisition as a whole. The journal keeps it: what follows can be done again.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ending {
    /// The program that captured.
    pub tool: Tool,
    /// When the walk began.
    pub began: Moment,
    /// When the last part was closed.
    pub ended: Moment,
    /// What limits the acquisition, in words without names.
    pub limits: Vec<String>,
    /// The layers of the medium.
    pub layers: Vec<LayerStatement>,
    /// What of it was examined.
    pub extent: Extent,
    /// One report per volume.
    pub walk: Vec<WalkStatement>,
    /// Departures from the order or the procedure.
    pub departures: Vec<Departure>,
    /// Places of the medium that could not be walked.
    pub issues: u64,
    /// Whether the run was ended before the walk was.
    pub interrupted: bool,
    /// SHA-256 of the whole medium after the last item, where it was computed.
    pub medium: Medium,
    /// What the caller counts beside the package.
    pub crew: String,
}

/// What the custody log says of the run.
#[derive(Clone, Debug)]
pub struct Rest {
    /// The run key that acquisition.start announced.
    pub run_key: String,
    /// What each acquisition.resume announced, in the order of the log.
    pub resumed: Vec<Resumed>,
    /// The custody log before acquisition.end.
    pub log: TreeHead,
}

/// A package whose statement is written, for acquisition.end to quote.
#[derive(Debug)]
pub struct Stated {
    site: Site,
    run: RunNumber,
    origin: String,
    ended: Moment,
    limits: Vec<String>,
    end: AcquisitionEnd,
    /// Digest and length of each part, made while it was written, and again from the disk before the run ended.
    parts: BTreeMap<String, (Digest, u64)>,
    written: BTreeMap<String, Digest>,
}

/// A package that lacks nothing but its seal.
#[derive(Debug)]
pub struct Unsealed {
    pub(crate) site: Site,
    pub(crate) run: RunNumber,
    pub(crate) tagmanifest: Vec<u8>,
    /// What the statement says of copies that were lost.
    pub(crate) stated: Vec<String>,
}

/// The medium as it was after the last item.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Medium {
    /// SHA-256 of all of it, where it was computed and every byte was read.
    pub sha256: Option<Digest>,
    /// The same of each drive of a set, in the order given.
    #[serde(default)]
    pub drives: Option<Vec<Option<Digest>>>,
    /// What it did not give.
    pub unreadable: Option<MediumUnreadable>,
}

/// What a package is of.
pub(crate) struct Subject {
    pub(crate) origin: String,
    pub(crate) run: RunNumber,
    pub(crate) policy: Digest,
    pub(crate) medium: MediumStatement,
    pub(crate) record_left: RecordLeft,
}

/// What all batches of a package came to.
pub(crate) struct Batches {
    pub(crate) totals: Totals,
    pub(crate) parts: BTreeMap<SetName, Vec<PartStatement>>,
    pub(crate) inventory: Merged,
}

impl Closed {
    /// Ends a package whose last batch is committed, if all of it is still there.
    pub(crate) fn of(
        writer: PackageWriter,
        mut ending: Ending,
        reading: Reading<'_>,
    ) -> Result<Self, PackageError> {
        let Recorder { totals, mut journal, runs, closed: parts, .. } =
            writer.recorder.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (disk, partial) = (&writer.site.disk, writer.site.partial());
        let committed: Vec<Committed> = committed(&parts).chain(runs.committed()).collect();
        all_read_back(disk, &partial, &committed, reading)?;
        let inventory = runs.finish(&partial.join(INVENTORY))?;
        let lost = journal.lost();
        ending.limits.extend(lost.iter().cloned());
        journal.end(&ending)?;
        let binding = writer.binding;
        let subject = Subject {
            origin: binding.origin,
            run: binding.package,
            policy: binding.policy,
            medium: writer.medium,
            record_left: writer.record_left,
        };
        let batches = Batches { totals, parts, inventory };
        Ok(Self::ended(writer.site, subject, writer.recipients, batches, (ending, lost, None)))
    }

    /// A package whose ending is journaled.
    pub(crate) fn ended(
        site: Site,
        subject: Subject,
        recipients: BTreeMap<SetName, Recipients>,
        batches: Batches,
        (ending, lost, quoted): (Ending, Vec<String>, Option<Digest>),
    ) -> Self {
        let Batches { totals, parts, inventory } = batches;
        Self { site, subject, recipients, totals, parts, inventory, ending, lost, quoted }
    }

    /// The run number.
    #[must_use]
    pub fn run(&self) -> RunNumber {
        self.subject.run
    }

    /// What is said of the acquisition as a whole.
    #[must_use]
    pub fn ending(&self) -> &Ending {
        &self.ending
    }

    /// The disk that it is written to: what was lost of it, and what was read back.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        &self.site.disk
    }

    /// What was lost of two copies until the last batch was committed, in words.
    #[must_use]
    pub fn lost(&self) -> &[String] {
        &self.lost
    }

    /// What was counted.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Size, root and counts of the inventory.
    #[must_use]
    pub fn inventory(&self) -> &InventoryStatement {
        &self.inventory.statement
    }

    /// The fields of acquisition.end, which quotes the statement with this digest.
    fn end(&self, statement: Digest) -> AcquisitionEnd {
        let totals = &self.totals;
        let sum = |which: fn(&Outcome) -> bool| {
            let of = totals.outcomes.iter().filter(|(outcome, _)| which(outcome));
            of.fold(0_u64, |sum, (_, count)| sum.saturating_add(*count))
        };
        AcquisitionEnd {
            package: self.subject.run,
            items: totals.items(),
            captured: sum(|outcome| matches!(outcome, Outcome::Captured)),
            held: sum(|outcome| matches!(outcome, Outcome::Held(_))),
            listed: sum(|outcome| matches!(outcome, Outcome::Listed | Outcome::ListedTo(_))),
            left: sum(|outcome| matches!(outcome, Outcome::Left)),
            bytes: totals.bytes,
            unreadable: totals.unreadable,
            issues: self.ending.issues,
            interrupted: self.ending.interrupted,
            acquisition_sha256: statement,
            medium_sha256: self.ending.medium.sha256,
            drive_sha256: self.ending.medium.drives.clone(),
            medium_unreadable: self.ending.medium.unreadable.clone(),
        }
    }

    /// Writes the statement, and reads it back; the one that the log quotes already, where there is one.
    ///
    /// # Errors
    ///
    /// [`PackageError::OtherStatement`] where that one is lost, and the journal gives another; `OUT.partial` stays.
    pub fn state(self, rest: Rest) -> Result<Stated, PackageError> {
        let disk = &self.site.disk;
        let path = self.site.partial().join(ACQUISITION);
        let kept = self.quoted.and_then(|quoted| kept(disk, &path, quoted));
        let (bytes, limits) = match kept {
            Some(kept) => kept,
            None => {
                let made = self.statement(rest);
                (made.to_bytes(), made.limits)
            }
        };
        let digest = Digest::of(&bytes);
        if let Some(quoted) = self.quoted.filter(|quoted| *quoted != digest) {
            return Err(PackageError::OtherStatement { quoted, made: digest });
        }
        disk.on_each(&path, |disk, path, _| match disk.exists(path) {
            true => Ok(()),
            false => disk.write_new(path, &bytes),
        })?;
        same_digest(disk, &path, Some(digest))?;
        let end = self.end(digest);
        let Self { site, subject, parts, inventory, ending, .. } = self;
        let parts = parts.into_values().flatten().map(|part| (part.file, (part.sha256, part.bytes)));
        let written = [(INVENTORY.to_owned(), inventory.sha256), (ACQUISITION.to_owned(), digest)].into();
        let (parts, Subject { origin, run, .. }) = (parts.collect(), subject);
        Ok(Stated { site, run, origin, ended: ending.ended, limits, end, parts, written })
    }

    /// What is said of the acquisition: what was lost by now, too, unless the log quotes it without.
    pub(crate) fn statement(&self, rest: Rest) -> Acquisition {
        let (subject, ending, totals) = (&self.subject, self.ending.clone(), self.totals.clone());
        let sets = self.recipients.iter().map(|(set, recipients)| SetStatement {
            set: set.clone(),
            recipients: recipients.names.clone(),
            parts: self.parts.get(set).cloned().unwrap_or_default(),
        });
        let mut limits = ending.limits;
        if self.quoted.is_none() {
            let lost = self.site.disk.loss().map(|loss| loss.to_string());
            limits.extend(lost.filter(|lost| !limits.contains(lost)));
        }
        Acquisition {
            format: Format::V1,
            origin: subject.origin.clone(),
            package: subject.run,
            medium: subject.medium.clone(),
            policy: subject.policy,
            run_key: rest.run_key,
            resumed: rest.resumed,
            tool: ending.tool,
            began: ending.began,
            ended: ending.ended,
            log: rest.log,
            inventory: self.inventory.statement.clone(),
            sets: sets.collect(),
            record_left: subject.record_left,
            limits,
            layers: ending.layers,
            extent: ending.extent,
            walk: ending.walk,
            departures: ending.departures,
            tier_counts: totals.tiers,
            rule_counts: totals.rules,
            looks: totals.looks,
        }
    }
}

impl Stated {
    /// The fields of acquisition.end.
    #[must_use]
    pub fn end(&self) -> &AcquisitionEnd {
        &self.end
    }

    /// Writes the policy and the bag: `policy_files` are the bundle, `rendering.md`, and the approval where there is one.
    ///
    /// # Errors
    ///
    /// [`PackageError`]; `OUT.partial` stays.
    pub fn finish(self, policy_files: &[(String, BundleFile)]) -> Result<Unsealed, PackageError> {
        let Self { site, run, origin, ended, limits, parts, written, .. } = self;
        let (disk, partial) = (&site.disk, site.partial());
        let mut tags = Tags { disk, root: &partial, written };
        for (name, file) in policy_files {
            let path = format!("meta/policy/{name}");
            disk.write_policy_file(&partial.join(&path), file)?;
            tags.written.insert(path, file.digest());
        }
        tags.write("VERIFY.txt", bag::VERIFY_TXT.as_bytes())?;
        let tagmanifest = write_bag(tags, &parts, &origin, run, &ended)?;
        Ok(Unsealed { site, run, tagmanifest, stated: limits })
    }
}

/// The statement that the log quotes and its limits, if a copy has it.
fn kept(disk: &Disk, path: &Path, quoted: Digest) -> Option<(Vec<u8>, Vec<String>)> {
    disk.places(path).into_iter().find_map(|place| {
        let bytes = disk.alone().read(&place, MAX_ACQUISITION).ok()?;
        let own = Digest::of(&bytes) == quoted;
        let said = own.then(|| strict::from_json::<Acquisition>(&bytes).ok())??;
        Some((bytes, said.limits))
    })
}

/// The files of a bag beside its payload, each with the digest of what was written.
struct Tags<'a> {
    disk: &'a Disk,
    root: &'a Path,
    written: BTreeMap<String, Digest>,
}

impl Tags<'_> {
    fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), PackageError> {
        self.disk.write_new(&self.root.join(path), bytes)?;
        self.written.insert(path.to_owned(), Digest::of(bytes));
        Ok(())
    }

    /// The digest of a file on the disk, the same in every copy: what was written, where it was written here.
    fn read_back(&self, path: &str) -> Result<Digest, PackageError> {
        same_digest(self.disk, &self.root.join(path), self.written.get(path).copied())
    }
}

/// The files of a bag of which the text follows from what is known of the package.
pub(crate) fn known_texts(
    origin: &str,
    run: RunNumber,
    ended: &Moment,
    payload: Oxum,
) -> [(&'static str, String); 3] {
    [
        ("bagit.txt", bag::BAGIT_TXT.to_owned()),
        ("VERIFY.txt", bag::VERIFY_TXT.to_owned()),
        ("bag-info.txt", Info::of_package(origin, run, ended, payload).to_string()),
    ]
}

/// Writes the tag files of a BagIt 1.0 bag, and reads all tag files back; the bytes of the tag manifest.
fn write_bag(
    mut tags: Tags<'_>,
    digests: &BTreeMap<String, (Digest, u64)>,
    origin: &str,
    run: RunNumber,
    ended: &Moment,
) -> Result<Vec<u8>, PackageError> {
    let (disk, root) = (tags.disk, tags.root);
    let mut payload = BTreeMap::new();
    let mut bytes = 0_u64;
    for name in disk.file_names(&root.join("data"))? {
        let path = format!("data/{name}");
        let length = disk.length(&root.join(&path))?;
        bytes = bytes.saturating_add(length);
        let known = digests.get(&path).filter(|(_, written)| *written == length);
        let digest = known.map_or_else(|| tags.read_back(&path), |(digest, _)| Ok(*digest))?;
        payload.insert(path, digest);
    }
    let oxum = Oxum { octets: bytes, files: payload.len() as u64 };
    tags.write("manifest-sha256.txt", Manifest(payload).to_string().as_bytes())?;
    tags.write("bagit.txt", bag::BAGIT_TXT.as_bytes())?;
    let info = Info::of_package(origin, run, ended, oxum);
    tags.write("bag-info.txt", info.to_string().as_bytes())?;
    let mut listed = BTreeMap::new();
    for folder in ["", "meta", "meta/policy"] {
        for name in disk.file_names(&root.join(folder))? {
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            let digest = tags.read_back(&path)?;
            listed.insert(path, digest);
        }
    }
    let tagmanifest = Manifest(listed).to_string().into_bytes();
    tags.write(TAGMANIFEST, &tagmanifest)?;
    tags.read_back(TAGMANIFEST)?;
    Ok(tagmanifest)
}

/// What the parts of all sets were when they were closed.
fn committed(parts: &BTreeMap<SetName, Vec<PartStatement>>) -> impl Iterator<Item = Committed> {
    parts.values().flatten().map(|part| Committed {
        file: part.file.clone(),
        digest: part.sha256,
        bytes: Some(part.bytes),
        batch: part.batch,
    })
}

pub(crate) const INVENTORY: &str = "meta/inventory.txt";

pub(crate) const ACQUISITION: &str = "meta/acquisition.json";

const TAGMANIFEST: &str = "tagmanifest-sha256.txt";
