//! Closing a package: the public statement, the bag, and the bytes that are sealed.
//!
//! ```text
//! let closed = writer.close()?;                       every part durable, the inventory sorted
//! case.append(AcquisitionEnd of closed.end(...))?;    the log says so
//! let unsealed = closed.finish(statement)?;           meta/, VERIFY.txt, the bag: tagmanifest-sha256.txt
//! unsealed.seal(...)?;                                see [`crate::seal`]
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use evidence::acquisition::{
    Acquisition, Departure, Extent, Format, InventoryStatement, LayerStatement, MediumStatement,
    PartStatement, RecordLeft, RunNumber, SetName, SetStatement, WalkStatement,
};
use evidence::bag::{self, Info, Manifest, Oxum};
use evidence::event::{AcquisitionEnd, MediumUnreadable, Moment, Tool, TreeHead};
use evidence::manifest::Binding;
use scope::{Digest, Outcome};

use crate::batch::Recorder;
use crate::durable::Disk;
use crate::journal::Journal;
use crate::package::{PackageError, PackageWriter, Totals, WORK};
use crate::part::{Recipients, digest_of};

/// A package whose parts and inventory are complete.
pub struct Closed {
    disk: Disk,
    out: PathBuf,
    partial: PathBuf,
    binding: Binding,
    medium: MediumStatement,
    record_left: RecordLeft,
    recipients: BTreeMap<SetName, Recipients>,
    totals: Totals,
    journal: Journal,
    closed: BTreeMap<SetName, Vec<PartStatement>>,
    inventory: InventoryStatement,
}

/// What is said of the acquisition as a whole.
#[derive(Clone, Debug)]
pub struct Ending {
    /// The program that captured.
    pub tool: Tool,
    /// When the walk began.
    pub began: Moment,
    /// When the last part was closed.
    pub ended: Moment,
    /// The custody log, whose last entry is acquisition.end.
    pub log: TreeHead,
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
}

/// The medium as it was after the last item.
#[derive(Clone, Debug, Default)]
pub struct Medium {
    /// SHA-256 of all of it, where it was computed and every byte was read.
    pub sha256: Option<Digest>,
    /// What it did not give.
    pub unreadable: Option<MediumUnreadable>,
}

impl Closed {
    pub(crate) fn of(writer: PackageWriter) -> Result<Self, PackageError> {
        let PackageWriter { disk, out, partial, binding, medium, record_left, recipients, recorder, .. } =
            writer;
        let Recorder { totals, journal, runs, closed, .. } =
            recorder.into_inner().unwrap_or_else(PoisonError::into_inner);
        let inventory = runs.finish(&partial.join("meta/inventory.txt"))?;
        Ok(Self {
            disk,
            out,
            partial,
            binding,
            medium,
            record_left,
            recipients,
            totals,
            journal,
            closed,
            inventory,
        })
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
    pub fn end(&self, issues: u64, interrupted: bool, medium: Medium) -> AcquisitionEnd {
        let totals = &self.totals;
        let sum = |which: fn(&Outcome) -> bool| {
            let of = totals.outcomes.iter().filter(|(outcome, _)| which(outcome));
            of.fold(0_u64, |sum, (_, count)| sum.saturating_add(*count))
        };
        AcquisitionEnd {
            package: self.binding.package,
            items: totals.items(),
            captured: sum(|outcome| matches!(outcome, Outcome::Captured)),
            held: sum(|outcome| matches!(outcome, Outcome::Held(_))),
            listed: sum(|outcome| matches!(outcome, Outcome::Listed | Outcome::ListedTo(_))),
            left: sum(|outcome| matches!(outcome, Outcome::Left)),
            bytes: totals.bytes,
            unreadable: totals.unreadable,
            issues,
            interrupted,
            medium_sha256: medium.sha256,
            medium_unreadable: medium.unreadable,
        }
    }

    /// Writes the statement, the policy and the bag. The run key is gone after this.
    ///
    /// # Errors
    ///
    /// [`PackageError`]; `OUT.partial` stays.
    pub fn finish(self, ending: Ending) -> Result<Unsealed, PackageError> {
        let Self { disk, out, partial, binding, recipients, mut closed, totals, journal, inventory, .. } =
            self;
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
            origin: binding.origin.clone(),
            package: binding.package,
            medium: self.medium,
            policy: binding.policy,
            run_key: binding.run_key,
            resumed: Vec::new(),
            tool: ending.tool,
            began: ending.began,
            ended: ending.ended,
            log: ending.log,
            inventory,
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
        for (name, bytes) in &ending.policy_files {
            disk.write_new(&partial.join("meta/policy").join(name), bytes)?;
        }
        disk.write_new(&partial.join("meta/acquisition.json"), &acquisition.to_bytes())?;
        disk.write_new(&partial.join("VERIFY.txt"), bag::VERIFY_TXT.as_bytes())?;
        journal.remove()?;
        disk.remove_folder(&partial.join(WORK))?;
        let tagmanifest = write_bag(&disk, &partial, &digests, &binding.origin, binding.package, &ended)?;
        Ok(Unsealed { disk, out, partial, run: binding.package, tagmanifest })
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
