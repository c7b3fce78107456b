//! Closing a package: the public statement, the bag, and the bytes that are sealed.
//!
//! ```text
//! let closed = writer.close(ending)?;                 every part durable, the inventory sorted, the ending journaled
//! case.append(AcquisitionEnd of closed.end())?;       the log says so
//! let unsealed = closed.finish(rest)?;                meta/, VERIFY.txt, the bag: tagmanifest-sha256.txt
//! unsealed.seal(...)?;                                see [`crate::seal`]
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use evidence::acquisition::{
    Acquisition, Departure, Extent, Format, InventoryStatement, LayerStatement, MediumStatement,
    PartStatement, RecordLeft, Resumed, RunNumber, SetName, SetStatement, WalkStatement,
};
use evidence::bag::{self, Info, Manifest, Oxum};
use evidence::event::{AcquisitionEnd, MediumUnreadable, Moment, Tool, TreeHead};
use scope::{Digest, Outcome};
use serde::{Deserialize, Serialize};

use crate::batch::Recorder;
use crate::durable::Disk;
use crate::journal::Begun;
use crate::package::{PackageError, PackageWriter, Totals, partial_path};
use crate::part::{Recipients, digest_of};
use crate::sorted::Runs;

/// A package whose parts and inventory are complete.
pub struct Closed {
    disk: Disk,
    out: PathBuf,
    partial: PathBuf,
    key_path: PathBuf,
    lock: File,
    origin: String,
    run: RunNumber,
    policy: Digest,
    medium: MediumStatement,
    record_left: RecordLeft,
    recipients: BTreeMap<SetName, Recipients>,
    totals: Totals,
    closed: BTreeMap<SetName, Vec<PartStatement>>,
    inventory: InventoryStatement,
    ending: Ending,
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
    pub policy_files: Vec<(String, Vec<u8>)>,
}

/// A package that lacks nothing but its seal.
#[derive(Debug)]
pub struct Unsealed {
    pub(crate) disk: Disk,
    pub(crate) out: PathBuf,
    pub(crate) partial: PathBuf,
    pub(crate) run: RunNumber,
    pub(crate) tagmanifest: Vec<u8>,
    pub(crate) key_path: PathBuf,
    pub(crate) lock: File,
}

/// The medium as it was after the last item.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Medium {
    /// SHA-256 of all of it, where it was computed and every byte was read.
    pub sha256: Option<Digest>,
    /// What it did not give.
    pub unreadable: Option<MediumUnreadable>,
}

impl Closed {
    pub(crate) fn of(writer: PackageWriter, ending: Ending) -> Result<Self, PackageError> {
        let PackageWriter { disk, out, partial, binding, medium, record_left, recipients, recorder, .. } =
            writer;
        let (key_path, lock) = (writer.key_path, writer.lock);
        let Recorder { totals, mut journal, runs, closed, .. } =
            recorder.into_inner().unwrap_or_else(PoisonError::into_inner);
        journal.end(&ending)?;
        let inventory = runs.finish(&partial.join("meta/inventory.txt"))?;
        let (origin, run, policy) = (binding.origin, binding.package, binding.policy);
        Ok(Self {
            disk,
            out,
            partial,
            key_path,
            lock,
            origin,
            run,
            policy,
            medium,
            record_left,
            recipients,
            totals,
            closed,
            inventory,
            ending,
        })
    }

    /// A package whose ending is journaled already.
    #[expect(clippy::too_many_arguments, reason = "each is a different thing that a package has")]
    pub(crate) fn again(
        disk: Disk,
        out: PathBuf,
        key_path: PathBuf,
        lock: File,
        begun: Begun,
        ending: Ending,
        recipients: BTreeMap<SetName, Recipients>,
        totals: Totals,
        closed: BTreeMap<SetName, Vec<PartStatement>>,
        runs: Runs,
    ) -> Result<Self, PackageError> {
        let partial = partial_path(&out);
        let inventory = runs.finish(&partial.join("meta/inventory.txt"))?;
        let Begun { origin, package: run, policy, medium, record_left, .. } = begun;
        Ok(Self {
            disk,
            out,
            partial,
            key_path,
            lock,
            origin,
            run,
            policy,
            medium,
            record_left,
            recipients,
            totals,
            closed,
            inventory,
            ending,
        })
    }

    /// What is said of the acquisition as a whole.
    #[must_use]
    pub fn ending(&self) -> &Ending {
        &self.ending
    }

    /// What was counted.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Size, root and counts of the inventory.
    #[must_use]
    pub fn inventory(&self) -> &InventoryStatement {
        &self.inventory
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
            package: self.run,
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
            medium_unreadable: self.ending.medium.unreadable.clone(),
        }
    }

    /// Writes the statement, the policy and the bag.
    ///
    /// # Errors
    ///
    /// [`PackageError`]; `OUT.partial` stays.
    pub fn finish(self, rest: Rest) -> Result<Unsealed, PackageError> {
        let Self {
            disk,
            out,
            partial,
            key_path,
            lock,
            origin,
            run,
            recipients,
            mut closed,
            totals,
            ending,
            ..
        } = self;
        // Their digests were made while they were written, and once more from the disk: they are not read a third time.
        let digests = closed.values().flatten().map(|part| (part.file.clone(), (part.sha256, part.bytes)));
        let digests = digests.collect();
        let sets = recipients
            .into_iter()
            .map(|(set, recipients)| {
                let parts = closed.remove(&set).unwrap_or_default();
                SetStatement { set, recipients: recipients.names, parts }
            })
            .collect();
        let ended = ending.ended.clone();
        let acquisition = Acquisition {
            format: Format::V1,
            origin: origin.clone(),
            package: run,
            medium: self.medium,
            policy: self.policy,
            run_key: rest.run_key,
            resumed: rest.resumed,
            tool: ending.tool,
            began: ending.began,
            ended: ending.ended,
            log: rest.log,
            inventory: self.inventory,
            sets,
            record_left: self.record_left,
            limits: ending.limits,
            layers: ending.layers,
            extent: ending.extent,
            walk: ending.walk,
            departures: ending.departures,
            tier_counts: totals.tiers,
            rule_counts: totals.rules,
            looks: totals.looks,
        };
        for (name, bytes) in &rest.policy_files {
            disk.write_new(&partial.join("meta/policy").join(name), bytes)?;
        }
        disk.write_new(&partial.join("meta/acquisition.json"), &acquisition.to_bytes())?;
        disk.write_new(&partial.join("VERIFY.txt"), bag::VERIFY_TXT.as_bytes())?;
        let tagmanifest = write_bag(&disk, &partial, &digests, &origin, run, &ended)?;
        Ok(Unsealed { disk, out, partial, run, tagmanifest, key_path, lock })
    }
}

/// Writes the tag files of a BagIt 1.0 bag; the bytes of the tag manifest.
fn write_bag(
    disk: &Disk,
    root: &Path,
    digests: &BTreeMap<String, (Digest, u64)>,
    origin: &str,
    run: RunNumber,
    ended: &Moment,
) -> Result<Vec<u8>, PackageError> {
    let mut payload = BTreeMap::new();
    let mut bytes = 0_u64;
    for name in disk.file_names(&root.join("data"))? {
        let path = format!("data/{name}");
        let length = std::fs::metadata(root.join(&path))?.len();
        bytes = bytes.saturating_add(length);
        let known = digests.get(&path).filter(|(_, written)| *written == length);
        let digest = known.map_or_else(|| digest_of(disk, &root.join(&path)), |(digest, _)| Ok(*digest))?;
        payload.insert(path, digest);
    }
    let oxum = Oxum { octets: bytes, files: payload.len() as u64 };
    disk.write_new(&root.join("manifest-sha256.txt"), Manifest(payload).to_string().as_bytes())?;
    disk.write_new(&root.join("bagit.txt"), bag::BAGIT_TXT.as_bytes())?;
    let info = Info::of_package(origin, run, ended, oxum);
    disk.write_new(&root.join("bag-info.txt"), info.to_string().as_bytes())?;
    let mut tags = BTreeMap::new();
    for folder in ["", "meta", "meta/policy"] {
        for name in disk.file_names(&root.join(folder))? {
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            tags.insert(path.clone(), digest_of(disk, &root.join(path))?);
        }
    }
    let tagmanifest = Manifest(tags).to_string().into_bytes();
    disk.write_new(&root.join("tagmanifest-sha256.txt"), &tagmanifest)?;
    Ok(tagmanifest)
}
