//! Closing a package: the public statement, the bag, and the bytes that are sealed.
//!
//! ```text
//! let closed = writer.close(ending)?;                 every part read back, the inventory sorted, the ending journaled
//! case.append(AcquisitionEnd of closed.end())?;       the log says so
//! let unsealed = closed.finish(rest)?;                meta/, VERIFY.txt, the bag: tagmanifest-sha256.txt
//! unsealed.seal(...)?;                                see [`crate::seal`]
//! ```

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::PoisonError;

use evidence::acquisition::{
    Acquisition, Departure, Extent, Format, InventoryStatement, LayerStatement, MediumStatement,
    PartStatement, RecordLeft, Resumed, RunNumber, SetName, SetStatement, WalkStatement,
};
use evidence::bag::{self, Info, Manifest, Oxum};
use evidence::event::{AcquisitionEnd, MediumUnreadable, Moment, Tool, TreeHead};
use scope::{BundleFile, Digest, Outcome};
use serde::{Deserialize, Serialize};

use crate::batch::Recorder;
use crate::durable::Disk;
use crate::package::{PackageError, PackageWriter, Totals};
use crate::part::Recipients;
use crate::read_back::{Committed, Reading, all_read_back, same_digest};
use crate::site::Site;
use crate::sorted::Merged;

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

/// What is known once the custody log says that the acquisition has ended.
#[derive(Clone, Debug)]
pub struct Rest {
    /// The run key that acquisition.start announced.
    pub run_key: String,
    /// What each acquisition.resume announced, in the order of the log.
    pub resumed: Vec<Resumed>,
    /// The custody log up to acquisition.end.
    pub log: TreeHead,
    /// The files of `meta/policy`: the bundle, `rendering.md`, and the approval where there is one.
    pub policy_files: Vec<(String, BundleFile)>,
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
        Ok(Self::ended(writer.site, subject, writer.recipients, batches, ending, lost))
    }

    /// A package whose ending is journaled.
    pub(crate) fn ended(
        site: Site,
        subject: Subject,
        recipients: BTreeMap<SetName, Recipients>,
        batches: Batches,
        ending: Ending,
        lost: Vec<String>,
    ) -> Self {
        let Batches { totals, parts, inventory } = batches;
        Self { site, subject, recipients, totals, parts, inventory, ending, lost }
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

    /// The fields of acquisition.end.
    #[must_use]
    pub fn end(&self) -> AcquisitionEnd {
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
            medium_sha256: self.ending.medium.sha256,
            drive_sha256: self.ending.medium.drives.clone(),
            medium_unreadable: self.ending.medium.unreadable.clone(),
        }
    }

    /// Writes the statement, the policy and the bag.
    ///
    /// # Errors
    ///
    /// [`PackageError`]; `OUT.partial` stays.
    pub fn finish(self, rest: Rest) -> Result<Unsealed, PackageError> {
        let Self { site, subject, recipients, mut parts, totals, inventory, ending, .. } = self;
        let (disk, partial) = (&site.disk, site.partial());
        let Subject { origin, run, policy, medium, record_left } = subject;
        // Their digests were made while they were written, and again from the disk before the run ended.
        let digests = parts.values().flatten().map(|part| (part.file.clone(), (part.sha256, part.bytes)));
        let digests = digests.collect();
        let sets = recipients
            .into_iter()
            .map(|(set, recipients)| {
                let parts = parts.remove(&set).unwrap_or_default();
                SetStatement { set, recipients: recipients.names, parts }
            })
            .collect();
        let ended = ending.ended.clone();
        let mut limits = ending.limits;
        let lost = disk.loss().map(|loss| loss.to_string());
        limits.extend(lost.filter(|lost| !limits.contains(lost)));
        let stated = limits.clone();
        let acquisition = Acquisition {
            format: Format::V1,
            origin: origin.clone(),
            package: run,
            medium,
            policy,
            run_key: rest.run_key,
            resumed: rest.resumed,
            tool: ending.tool,
            began: ending.began,
            ended: ending.ended,
            log: rest.log,
            inventory: inventory.statement,
            sets,
            record_left,
            limits,
            layers: ending.layers,
            extent: ending.extent,
            walk: ending.walk,
            departures: ending.departures,
            tier_counts: totals.tiers,
            rule_counts: totals.rules,
            looks: totals.looks,
        };
        let mut tags = Tags { disk, root: &partial, written: BTreeMap::new() };
        tags.written.insert(INVENTORY.to_owned(), inventory.sha256);
        for (name, file) in &rest.policy_files {
            let path = format!("meta/policy/{name}");
            disk.write_policy_file(&partial.join(&path), file)?;
            tags.written.insert(path, file.digest());
        }
        tags.write("meta/acquisition.json", &acquisition.to_bytes())?;
        tags.write("VERIFY.txt", bag::VERIFY_TXT.as_bytes())?;
        let tagmanifest = write_bag(tags, &digests, &origin, run, &ended)?;
        Ok(Unsealed { site, run, tagmanifest, stated })
    }
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

const TAGMANIFEST: &str = "tagmanifest-sha256.txt";
