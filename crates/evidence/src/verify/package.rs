//! The package's small files, read once: what each check looks at.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use scope::{Bundle, Digest, ListFile, Policy};

use super::Stop;
use crate::acquisition::{Acquisition, RunNumber};
use crate::approval::MAX_APPROVAL;
use crate::bag::Manifest;
use crate::custody_log::{Log, Logged};
use crate::event::{AcquisitionEnd, AcquisitionResume, AcquisitionStart, Action, PackageSeal};
use crate::files::{self, Files};

/// Longest `acquisition.json` read. A part takes 300 bytes; ten thousand parts make 3 MB.
const MAX_ACQUISITION: u64 = 64 << 20;

/// Longest rendering read: a policy may be 1 MiB, and its rendering repeats each rule a few times.
const MAX_RENDERING: u64 = 16 << 20;

/// Longest signature file read.
const MAX_SIGNATURE: u64 = 16 << 10;

/// Most bytes of policy and lists held in memory. The largest hash list fits on its own.
const MAX_BUNDLE: u64 = 512 << 20;

/// Most signature files read from one place: more than a case has principals.
const MAX_SIGNATURES: usize = 256;

/// The folder of the policy bundle.
pub(crate) const POLICY: &str = "meta/policy/";

/// The rendering that the authority read.
pub(crate) const RENDERING: &str = "meta/policy/rendering.md";

/// What the authority signed.
pub(crate) const APPROVAL: &str = "meta/policy/approval.txt";

/// What was acquired.
pub(crate) const ACQUISITION: &str = "meta/acquisition.json";

/// The sealed bytes.
pub(crate) const TAG_MANIFEST: &str = "tagmanifest-sha256.txt";

/// The manifest of the payload.
const PAYLOAD_MANIFEST: &str = "manifest-sha256.txt";

/// Longest manifest read. A line takes 100 bytes; a hundred thousand parts and log entries make 20 MB.
const MAX_MANIFEST: u64 = 64 << 20;

/// Longest bagit.txt, bag-info.txt or VERIFY.txt read: some lines each.
const MAX_TAG_FILE: u64 = 64 << 10;

/// The package, as far as it fits in memory. Each part is there, or why it is not.
///
/// Each file is read once: what one check judges and another hashes are the same bytes, also where the storage
/// gives others the second time.
pub(crate) struct Package {
    pub(crate) names: Result<Vec<String>, Stop>,
    /// Digest and length of each file that was read here, of the bytes that are judged.
    pub(crate) digests: BTreeMap<String, (Digest, u64)>,
    pub(crate) tag_manifest: Result<Vec<u8>, Stop>,
    pub(crate) payload_manifest: Result<Manifest, Stop>,
    /// bagit.txt
    pub(crate) declaration: Result<Vec<u8>, Stop>,
    /// bag-info.txt
    pub(crate) info: Result<Vec<u8>, Stop>,
    /// VERIFY.txt
    pub(crate) instructions: Result<Vec<u8>, Stop>,
    pub(crate) log: Log,
    pub(crate) acquisition: Result<Acquisition, Stop>,
    pub(crate) bundle: Result<Bundle, Stop>,
    pub(crate) policy: Result<Policy, Stop>,
    pub(crate) rendering: Result<Vec<u8>, Stop>,
    /// None where the package has no approval.
    pub(crate) approval: Option<Result<Vec<u8>, Stop>>,
    /// Principal and signature over the approval.
    pub(crate) approval_signatures: BTreeMap<String, Result<Vec<u8>, Stop>>,
    /// Principal and signature over the tag manifest.
    pub(crate) seal_signatures: BTreeMap<String, Result<Vec<u8>, Stop>>,
}

impl Package {
    pub(crate) fn read(files: &dyn Files) -> Self {
        let names = files.names().map_err(|e| Stop::Unfinished(format!("the files cannot be listed: {e}")));
        let listed: &[String] = names.as_deref().unwrap_or_default();
        let mut once = Once { files, digests: BTreeMap::new() };
        let acquisition = once.read(ACQUISITION, MAX_ACQUISITION).and_then(|bytes| {
            Acquisition::from_bytes(&bytes).map_err(|e| Stop::Fail(format!("{ACQUISITION}: {e}")))
        });
        let bundle = bundle(&mut once, listed);
        let policy = bundle.as_ref().map_err(Clone::clone).and_then(|bundle| {
            Policy::parse(bundle).map_err(|problems| Stop::Fail(format!("meta/policy: {problems}")))
        });
        let payload_manifest = once.read(PAYLOAD_MANIFEST, MAX_MANIFEST);
        Self {
            log: Log::read(files),
            acquisition,
            bundle,
            policy,
            rendering: once.read(RENDERING, MAX_RENDERING),
            approval: listed.iter().any(|name| name == APPROVAL).then(|| once.read(APPROVAL, MAX_APPROVAL)),
            approval_signatures: signatures(&mut once, listed, "meta/policy/approval.txt."),
            seal_signatures: signatures(&mut once, listed, "seal/tagmanifest-sha256.txt."),
            tag_manifest: once.read(TAG_MANIFEST, MAX_MANIFEST),
            payload_manifest: payload_manifest.and_then(|bytes| manifest(PAYLOAD_MANIFEST, &bytes)),
            declaration: once.read("bagit.txt", MAX_TAG_FILE),
            info: once.read("bag-info.txt", MAX_TAG_FILE),
            instructions: once.read("VERIFY.txt", MAX_TAG_FILE),
            digests: once.digests,
            names,
        }
    }

    /// The run number, as acquisition.json states it.
    pub(crate) fn run(&self) -> Option<RunNumber> {
        self.acquisition.as_ref().ok().map(|acquisition| acquisition.package)
    }

    /// The event of this package's run that `pick` wants, with the run number it names.
    pub(crate) fn find<'a, T>(
        &'a self,
        pick: impl Fn(&'a Action) -> Option<(RunNumber, T)>,
    ) -> Option<(&'a Logged, T)> {
        let run = self.run()?;
        self.log.entries.iter().find_map(|logged| match pick(&logged.event.action) {
            Some((package, found)) if package == run => Some((logged, found)),
            _ => None,
        })
    }

    /// The event that announced this package's run.
    pub(crate) fn start_event(&self) -> Option<(&Logged, &AcquisitionStart)> {
        self.find(|action| match action {
            Action::AcquisitionStart(start) => Some((start.package, start)),
            _ => None,
        })
    }

    /// The events by which this package's run was resumed, in order.
    pub(crate) fn resume_events(&self) -> impl Iterator<Item = (&Logged, &AcquisitionResume)> {
        let run = self.run();
        self.log.entries.iter().filter_map(move |logged| match &logged.event.action {
            Action::AcquisitionResume(resume) if Some(resume.package) == run => Some((logged, resume)),
            _ => None,
        })
    }

    /// The event that ended this package's run.
    pub(crate) fn end_event(&self) -> Option<(&Logged, &AcquisitionEnd)> {
        self.find(|action| match action {
            Action::AcquisitionEnd(end) => Some((end.package, end)),
            _ => None,
        })
    }

    /// The event that sealed this package.
    pub(crate) fn seal_event(&self) -> Option<(&Logged, &PackageSeal)> {
        self.find(|action| match action {
            Action::PackageSeal(seal) => Some((seal.package, seal)),
            _ => None,
        })
    }

    /// Why there is no package.seal of this run to be found: what cannot be read comes before what is not there.
    pub(crate) fn unsealed(&self) -> String {
        if self.run().is_none() {
            return "meta/acquisition.json cannot be read, and it alone says which run's package.seal to look for"
                .to_owned();
        }
        if !self.log.problems.is_empty() {
            return "the custody log cannot be read whole (see `log`), and what can be read of it has no package.seal of this run"
                .to_owned();
        }
        "the custody log has no package.seal of this run: the package is not sealed".to_owned()
    }

    /// The policy's id, computed from its files.
    pub(crate) fn policy_id(&self) -> Option<Digest> {
        self.bundle.as_ref().ok().map(Bundle::id)
    }
}

/// Reads files, and keeps the digest of what it gave.
struct Once<'a> {
    files: &'a dyn Files,
    digests: BTreeMap<String, (Digest, u64)>,
}

impl Once<'_> {
    /// Reads one file. What the package lacks or overdoes is a failure; what the storage refuses is unfinished.
    fn read(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, Stop> {
        let bytes = files::read(self.files, name, limit).map_err(|e| trouble(name, &e))?;
        self.digests.insert(name.to_owned(), (Digest::of(&bytes), bytes.len() as u64));
        Ok(bytes)
    }

    /// How long a file is.
    fn length(&self, name: &str) -> Result<u64, Stop> {
        let length = self.files.open(name).and_then(|mut file| file.seek(io::SeekFrom::End(0)));
        length.map_err(|e| trouble(name, &e))
    }

    /// Reads a list that stays where it is.
    fn list(&mut self, name: &str) -> Result<Arc<ListFile>, Stop> {
        let file = self.files.by_place(name).and_then(ListFile::read).map_err(|e| trouble(name, &e))?;
        self.digests.insert(name.to_owned(), (file.digest(), file.length()));
        Ok(Arc::new(file))
    }
}

/// Reads a manifest's bytes.
pub(crate) fn manifest(name: &str, bytes: &[u8]) -> Result<Manifest, Stop> {
    Manifest::parse(bytes).map_err(|e| Stop::Fail(format!("{name}: {e}")))
}

/// A failure to read, as a check tells it.
pub(crate) fn trouble(name: &str, error: &io::Error) -> Stop {
    match error.kind() {
        io::ErrorKind::NotFound => Stop::Fail(format!("{name} is missing")),
        io::ErrorKind::FileTooLarge => Stop::Fail(format!("{name}: {error}")),
        _ => Stop::Unfinished(format!("{name} cannot be read: {error}")),
    }
}

/// The files of the policy: everything in its folder but the rendering, the approval and its signatures.
fn bundle(once: &mut Once<'_>, listed: &[String]) -> Result<Bundle, Stop> {
    let mut bundle = Bundle::new();
    let mut budget = MAX_BUNDLE;
    for name in listed.iter().filter(|name| is_policy_file(name)) {
        let short = name.strip_prefix(POLICY).unwrap_or(name);
        if short != Bundle::POLICY && once.length(name)? > Bundle::MAX_IN_MEMORY as u64 {
            let file = once.list(name)?;
            bundle.insert_outside(short, file).map_err(|e| Stop::Fail(format!("{name}: {e}")))?;
            continue;
        }
        let bytes = once.read(name, budget)?;
        budget = budget.saturating_sub(bytes.len() as u64);
        bundle.insert(short, bytes).map_err(|e| Stop::Fail(format!("{name}: {e}")))?;
    }
    Ok(bundle)
}

/// Whether a file belongs to the policy bundle.
pub(crate) fn is_policy_file(name: &str) -> bool {
    name.starts_with(POLICY)
        && name != RENDERING
        && name != APPROVAL
        && !name.starts_with("meta/policy/approval.txt.")
}

fn signatures(
    once: &mut Once<'_>,
    listed: &[String],
    prefix: &str,
) -> BTreeMap<String, Result<Vec<u8>, Stop>> {
    let principal = |name: &String| {
        let middle = name.strip_prefix(prefix)?.strip_suffix(".sig")?;
        Some((middle.to_owned(), name.clone()))
    };
    let found = listed.iter().filter_map(principal).take(MAX_SIGNATURES);
    found
        .map(|(principal, name)| {
            let file = once.read(&name, MAX_SIGNATURE);
            (principal, file)
        })
        .collect()
}
