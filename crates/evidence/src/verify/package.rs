//! The package's small files, read once: what each check looks at.

use std::collections::BTreeMap;
use std::io;

use scope::{Bundle, Digest, Policy};

use super::Stop;
use crate::acquisition::{Acquisition, RunNumber};
use crate::approval::MAX_APPROVAL;
use crate::custody_log::{Log, Logged};
use crate::event::{AcquisitionStart, Action, PackageSeal};
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

/// The sealed bytes.
pub(crate) const TAG_MANIFEST: &str = "tagmanifest-sha256.txt";

/// The package, as far as it fits in memory. Each part is there, or why it is not.
pub(crate) struct Package {
    pub(crate) names: Result<Vec<String>, Stop>,
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
        let acquisition = read(files, "meta/acquisition.json", MAX_ACQUISITION).and_then(|bytes| {
            Acquisition::from_bytes(&bytes).map_err(|e| Stop::Fail(format!("meta/acquisition.json: {e}")))
        });
        let bundle = bundle(files, listed);
        let policy = bundle.as_ref().map_err(Clone::clone).and_then(|bundle| {
            Policy::parse(bundle).map_err(|problems| Stop::Fail(format!("meta/policy: {problems}")))
        });
        Self {
            log: Log::read(files),
            acquisition,
            bundle,
            policy,
            rendering: read(files, RENDERING, MAX_RENDERING),
            approval: listed.iter().any(|name| name == APPROVAL).then(|| read(files, APPROVAL, MAX_APPROVAL)),
            approval_signatures: signatures(files, listed, "meta/policy/approval.txt."),
            seal_signatures: signatures(files, listed, "seal/tagmanifest-sha256.txt."),
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

    /// The event that sealed this package.
    pub(crate) fn seal_event(&self) -> Option<(&Logged, &PackageSeal)> {
        self.find(|action| match action {
            Action::PackageSeal(seal) => Some((seal.package, seal)),
            _ => None,
        })
    }

    /// The policy's id, computed from its files.
    pub(crate) fn policy_id(&self) -> Option<Digest> {
        self.bundle.as_ref().ok().map(Bundle::id)
    }
}

/// Reads one file. What the package lacks or overdoes is a failure; what the storage refuses is unfinished.
pub(crate) fn read(files: &dyn Files, name: &str, limit: u64) -> Result<Vec<u8>, Stop> {
    files::read(files, name, limit).map_err(|e| trouble(name, &e))
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
fn bundle(files: &dyn Files, listed: &[String]) -> Result<Bundle, Stop> {
    let mut bundle = Bundle::new();
    let mut budget = MAX_BUNDLE;
    for name in listed.iter().filter(|name| is_policy_file(name)) {
        let bytes = read(files, name, budget)?;
        budget = budget.saturating_sub(bytes.len() as u64);
        let short = name.strip_prefix(POLICY).unwrap_or(name);
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

fn signatures(files: &dyn Files, listed: &[String], prefix: &str) -> BTreeMap<String, Result<Vec<u8>, Stop>> {
    let principal = |name: &String| {
        let middle = name.strip_prefix(prefix)?.strip_suffix(".sig")?;
        Some((middle.to_owned(), name.clone()))
    };
    let found = listed.iter().filter_map(principal).take(MAX_SIGNATURES);
    found.map(|(principal, name)| (principal, read(files, &name, MAX_SIGNATURE))).collect()
}
