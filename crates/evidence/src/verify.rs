//! Verification, check by check.
//!
//! Implements `docs/spec/verification.md`, version 1. Every check is attempted, whatever came out of those
//! before it; one that cannot be made says why. The first failure decides the verdict.
//!
//! ```text
//! let report = verify(&files, &trust_bytes, &VerifyOptions::default());
//! assert_eq!(report.intact, Intact::Yes);
//! ```
//!
//! Nothing in a package may cause a panic or unbounded memory: small files are read up to a limit, payload
//! files are streamed, and the limits are named constants.

mod agreement;
mod approval;
mod attested;
mod audit;
mod bag;
mod directory;
mod history;
mod inventory;
mod log;
mod objects;
mod package;
mod sampled;
mod seal;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use chrono::{DateTime, FixedOffset};

pub use audit::{audit, audit_with};
pub use sampled::{DrawnLines, draw_lines};

use crate::acquisition::{Acquisition, RunNumber, SetName};
use crate::attestation::other_runs;
use crate::event::{AcquisitionEnd, TreeHead};
use crate::files::Files;
use crate::helpers::{Helpers, Scratch, Workers};
use crate::inventory::Inventory;
use crate::report::{Answer, CHECKS, Check, Intact, Report, Status, Summary};
use crate::trust::{Required, Trust};
use crate::words;
use package::Package;

/// What a verification needs besides the package and the trust file.
#[derive(Default)]
pub struct VerifyOptions {
    /// The words on the court's paper, eight, separated by blanks or hyphens.
    pub trust_words: Option<String>,
    /// Keys of the holders for whom `objects` is checked.
    pub identities: Vec<Box<dyn age::Identity>>,
    /// The recipients (`age1...`) of these keys, all of them or none: what is said to be for one of them must open,
    /// and what opens must be said to be for one of them.
    pub recipients: Vec<String>,
    /// Room outside memory; none where everything is to stay there.
    pub scratch: Option<Box<dyn Scratch>>,
    /// Threads; none where one thing is to be done after the other.
    pub workers: Option<Box<dyn Workers>>,
    /// The time now, for what can only be said relative to it. This version needs it for nothing.
    pub now: Option<DateTime<FixedOffset>>,
}

impl VerifyOptions {
    /// What the checks may use.
    #[must_use]
    pub fn helpers(&self) -> Helpers<'_> {
        let none = Helpers::none();
        Helpers {
            scratch: self.scratch.as_deref().unwrap_or(none.scratch),
            workers: self.workers.as_deref().unwrap_or(none.workers),
        }
    }
}

/// Verifies a package relative to a trust file.
///
/// Returns a report in every case; nothing is an error here, since "could not finish" is an answer too.
#[must_use]
pub fn verify(files: &dyn Files, trust_bytes: &[u8], options: &VerifyOptions) -> Report {
    Verification::run(files, trust_bytes, options).report
}

/// A report, and what it judged: nobody has to read these files again, when the storage may give others.
pub struct Verified {
    /// What was found.
    pub report: Report,
    /// meta/acquisition.json; none where it could not be read.
    ///
    /// With INTACT, `inventory.root` is that of the inventory, and `sets` are the parts that the seal covers.
    pub acquisition: Option<Acquisition>,
    /// The policy in meta/policy; none where it could not be read.
    pub policy: Option<scope::Policy>,
    /// SHA-256 of tagmanifest-sha256.txt, the sealed bytes; none where it could not be read.
    pub tagmanifest: Option<scope::Digest>,
    /// The custody log, as far as it is there; none where there is no entry that can be read.
    pub log: Option<TreeHead>,
    /// The other runs that the custody log shows, in its order.
    pub other_runs: Vec<RunNumber>,
    /// Whether acquisition.end says that the run stopped at a limit of the policy.
    pub stopped_at_limit: bool,
}

/// As [`verify`], and hands over what was judged.
#[must_use]
pub fn verify_with(files: &dyn Files, trust_bytes: &[u8], options: &VerifyOptions) -> Verified {
    Verification::run(files, trust_bytes, options).hand_over()
}

/// What the inventory of a package comes to, if its root is the one that the statement gives.
///
/// # Errors
///
/// In words: it cannot be read, or it is another one.
pub fn inventory_of(files: &dyn Files, acquisition: &Acquisition) -> Result<Inventory, String> {
    inventory::stated(files, acquisition).map_err(Stop::words)
}

/// The policy in a package, read from its bundle. Whether it is the approved one, [`verify`] says.
///
/// # Errors
///
/// In words: which file cannot be read, or what is wrong with the policy.
pub fn policy_of(files: &dyn Files) -> Result<scope::Policy, String> {
    Package::read(files).policy.map_err(Stop::words)
}

/// A finished verification: the report, and what it was made from.
pub(crate) struct Verification {
    pub(crate) report: Report,
    pub(crate) package: Package,
    pub(crate) closed_sets: Vec<String>,
    /// Sets that their holders have checked, as the log has it.
    pub(crate) attested_sets: Vec<String>,
}

/// What a check says when it passes, or why it does not.
pub(crate) type Checked = Result<String, Stop>;

/// Why a check does not pass.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// It does not hold: what was expected, and what was found.
    Fail(String),
    /// It was not made, and that is no fault.
    NotChecked(String),
    /// It could not be made, since something could not be read.
    Unfinished(String),
}

impl Stop {
    /// Why, in words.
    fn words(self) -> String {
        match self {
            Self::Fail(why) | Self::NotChecked(why) | Self::Unfinished(why) => why,
        }
    }
}

/// What the checks share, and leave behind.
pub(crate) struct Context<'a> {
    pub(crate) files: &'a dyn Files,
    pub(crate) trust: Result<Trust, Stop>,
    pub(crate) package: Package,
    pub(crate) options: &'a VerifyOptions,
    pub(crate) departures: Vec<String>,
    pub(crate) limits: Vec<String>,
    pub(crate) attested: Vec<String>,
    /// Sets that a holder has checked, by the log, and who.
    pub(crate) holders: Vec<(SetName, String)>,
    pub(crate) summary: Summary,
    /// Sets that no key that was given opens.
    pub(crate) closed_sets: Vec<String>,
}

/// What was not looked at in this version, in plain words.
const NOT_CHECKED: [&str; 3] = [
    "key validity was judged at each event's own time, by the signer's own clock; no time stamp was checked",
    "the custody log shows recorded access only: whoever has a key can open a part without leaving a trace",
    "counts of the inventory are public, and by themselves tell how much was taken and left",
];

/// Checks without which nobody may say INTACT.
const NEEDED: [&str; 9] =
    ["trust", "directory", "bag", "seal", "approval", "log", "checkpoint", "agreement", "inventory"];

impl Verification {
    /// What was judged, for those who go on with it.
    pub(crate) fn hand_over(self) -> Verified {
        let Self { report, package, .. } = self;
        let other_runs = package.run().map(|run| other_runs(&package.log, run, u64::MAX)).unwrap_or_default();
        Verified {
            report,
            tagmanifest: package.digests.get(package::TAG_MANIFEST).map(|(digest, _)| *digest),
            log: package.log.head().and_then(|head| head.tree()),
            other_runs,
            stopped_at_limit: package.end_event().is_some_and(|(_, end)| end.interrupted),
            acquisition: package.acquisition.ok(),
            policy: package.policy.ok(),
        }
    }

    pub(crate) fn run(files: &dyn Files, trust_bytes: &[u8], options: &VerifyOptions) -> Self {
        let trust = Trust::parse(trust_bytes).map_err(|e| Stop::Unfinished(e.to_string()));
        let mut context = Context {
            files,
            trust,
            package: Package::read(files),
            options,
            departures: Vec::new(),
            limits: Vec::new(),
            attested: Vec::new(),
            holders: Vec::new(),
            summary: Summary::default(),
            closed_sets: Vec::new(),
        };
        let mut checks = Vec::with_capacity(CHECKS.len());
        let mut unfinished = false;
        for (id, name) in CHECKS {
            let (status, detail) = match context.check(id) {
                Ok(detail) => (Status::Pass, detail),
                Err(Stop::Fail(detail)) => (Status::Fail, detail),
                Err(Stop::NotChecked(detail)) => (Status::NotChecked, detail),
                Err(Stop::Unfinished(detail)) => {
                    unfinished = true;
                    (Status::NotChecked, detail)
                }
            };
            checks.push(Check { id, name, status, detail });
        }
        context.conclude(checks, unfinished)
    }
}

impl Context<'_> {
    fn check(&mut self, id: &str) -> Checked {
        match id {
            "trust" => self.trust_file(),
            "directory" => directory::check(self),
            "bag" => bag::check(self),
            "seal" => seal::check(self),
            "approval" => approval::check(self),
            "log" => log::check(self),
            "checkpoint" => log::checkpoint(self),
            "consistency" => log::consistency(self),
            "cosignatures" => {
                self.not_in_this_version(Required::Cosignatures, "cosignatures of the log's head")
            }
            "time" => self.not_in_this_version(Required::Time, "time stamps"),
            "agreement" => agreement::check(self),
            "inventory" => inventory::check(self),
            "objects" => objects::check(self),
            _ => Err(Stop::Unfinished("no such check".to_owned())),
        }
    }

    /// The trust file was read from outside; its words are compared with those on paper.
    fn trust_file(&mut self) -> Checked {
        let trust = self.trust.as_ref().map_err(Clone::clone)?;
        self.summary.trust_words = trust.words();
        let people = trust.principals().len();
        match &self.options.trust_words {
            None => Ok(format!("read; {people} principals; its words were not compared with paper")),
            Some(words) if words::matches(&trust.digest(), words) => {
                self.summary.words_confirmed = true;
                Ok(format!("read; {people} principals; its words are those on paper"))
            }
            Some(words) => Err(match words::slip(words) {
                Some(slip) => Stop::Unfinished(format!("the words could not be compared: {slip}")),
                None if words::in_some_order(&trust.digest(), words) => Stop::Fail(
                    "the words are those of this trust file, and stand in another order than on its paper"
                        .to_owned(),
                ),
                None => Stop::Fail("the words on paper are those of another trust file".to_owned()),
            }),
        }
    }

    fn not_in_this_version(&self, check: Required, what: &str) -> Checked {
        let text = format!("{what} are not checked in this version");
        match self.trust() {
            Ok(trust) if trust.requires(check) => {
                Err(Stop::Fail(format!("{text}, and the trust file requires them")))
            }
            _ => Err(Stop::NotChecked(text)),
        }
    }

    /// The trust file, or that it is missing for this check.
    pub(crate) fn trust(&self) -> Result<&Trust, Stop> {
        self.trust.as_ref().map_err(|_| Stop::Unfinished("no trust file to check against".to_owned()))
    }

    fn conclude(mut self, checks: Vec<Check>, unfinished: bool) -> Verification {
        self.summarize();
        self.limits.extend(NOT_CHECKED.map(str::to_owned));
        let failed = checks.iter().any(|check| check.status == Status::Fail);
        // An approval that is missing by the package's own statement is a departure; all else that is needed must pass.
        let open = checks.iter().any(|check| {
            check.status == Status::NotChecked && NEEDED.contains(&check.id) && check.id != "approval"
        });
        let intact = match (failed, unfinished || open) {
            (true, _) => Intact::No,
            (false, true) => Intact::Unfinished,
            (false, false) => Intact::Yes,
        };
        let report = Report {
            checks,
            intact,
            followed: Answer::NotChecked,
            matched: Answer::NotChecked,
            compared: None,
            departures: self.departures,
            limits: self.limits,
            attested: self.attested,
            findings: Vec::new(),
            summary: self.summary,
            asked_followed: false,
            asked_matched: false,
            other_medium: None,
            listing: None,
            asked_listing: false,
            asked_objects: !self.options.identities.is_empty(),
        };
        let attested_sets = self.holders.iter().map(|(set, _)| set.to_string()).collect();
        Verification { report, package: self.package, closed_sets: self.closed_sets, attested_sets }
    }

    /// Who, when and how much, for the sentences of the verdict; and what the package says of its own limits.
    fn summarize(&mut self) {
        self.summary.log_size = Some(self.package.log.entries.len() as u64);
        if let Ok(acquisition) = &self.package.acquisition {
            self.summary.package = acquisition.package.to_string();
            self.summary.medium = acquisition.medium.label.clone();
            self.summary.counts =
                acquisition.inventory.counts.iter().map(|(outcome, n)| (outcome.to_string(), *n)).collect();
            if acquisition.extent == crate::acquisition::Extent::Volumes {
                self.limits.push(
                    "the package holds volumes preserved whole; no file of the medium was examined"
                        .to_owned(),
                );
            }
            self.limits.extend(acquisition.limits.iter().cloned());
            for walk in &acquisition.walk {
                for coverage in walk.coverage.iter().filter(|c| c.counted != c.expected) {
                    self.limits.push(format!(
                        "{}: {} {} counted, the volume says {}",
                        walk.volume, coverage.counted, coverage.what, coverage.expected
                    ));
                }
            }
        }
        self.limits.extend(interruptions(&self.package));
        if let Some((logged, _)) = self.package.seal_event() {
            self.summary.sealed_at = Some(logged.event.when.to_string());
        }
        if let Some((logged, end)) = self.package.end_event() {
            if end.interrupted {
                self.departures
                    .push(format!("the run was ended before the walk was, at {}", logged.event.when));
            }
            self.departures.extend(changed_medium(&self.package, end));
            if end.unreadable > 0 {
                self.limits.push(format!("some content of {} items could not be read", end.unreadable));
            }
            self.limits.extend(end.medium_unreadable.as_ref().map(ToString::to_string));
            if end.issues > 0 {
                self.limits.push(format!("{} places of the medium could not be walked", end.issues));
            }
        }
        // The same may stand in the log and in acquisition.json.
        for sentences in [&mut self.departures, &mut self.limits] {
            let mut told = BTreeSet::new();
            sentences.retain(|sentence| told.insert(sentence.clone()));
        }
    }
}

/// Says that the run was broken off and went on, how often and when, and what is to be expected of it.
fn interruptions(package: &Package) -> Option<String> {
    let when: Vec<String> =
        package.resume_events().map(|(logged, _)| logged.event.when.to_string()).collect();
    let told = match when.as_slice() {
        [] => return None,
        [only] => format!("once, and went on at {only}"),
        [.., last] if when.len() > MOST_TOLD => {
            format!("{} times, and went on last at {last}", when.len())
        }
        all => format!("{} times, and went on at {}", all.len(), all.join(", ")),
    };
    let keys = when.len().saturating_add(1);
    Some(format!(
        "the run was interrupted {told}, by the log: it announced {keys} run keys, one for each stretch, which is to be expected of it"
    ))
}

/// Most resumes of which each has its time told.
const MOST_TOLD: usize = 12;

/// Says that the medium had other bytes after the acquisition than before, where both digests were computed.
fn changed_medium(package: &Package, end: &AcquisitionEnd) -> Option<String> {
    let acquisition = package.acquisition.as_ref().ok()?;
    let of_kind = |kind: &'static str| acquisition.medium.ids.iter().filter(move |id| id.kind == kind);
    if let Some(drives) = &end.drive_sha256 {
        let before: BTreeSet<&str> = of_kind("drive_sha256").map(|id| id.value.as_str()).collect();
        // A drive that has one of the digests from before has all its bytes; which of two alike it is says nothing.
        let other =
            drives.iter().flatten().map(|digest| digest.hex()).find(|after| !before.contains(after.as_str()));
        return other.filter(|_| !before.is_empty()).map(|after| {
            let before = before.into_iter().collect::<Vec<_>>().join(", ");
            format!(
                "a drive of the medium changed while it was examined: the SHA-256 of the drives were {before} before, \
                 and one is {after} after"
            )
        });
    }
    let before = of_kind("image_sha256").next()?;
    let after = end.medium_sha256?.hex();
    (before.value != after).then(|| {
        format!(
            "the medium changed while it was examined: its SHA-256 was {} before, and {after} after",
            before.value
        )
    })
}

/// Turns problems into a failure that tells the first few, or passes with `detail`.
pub(crate) fn none_or_fail(problems: &[String], detail: impl FnOnce() -> String) -> Checked {
    /// What follows the first few problems is, more often than not, their consequence.
    const TOLD: usize = 8;
    if problems.is_empty() {
        return Ok(detail());
    }
    let mut text = problems.iter().take(TOLD).cloned().collect::<Vec<_>>().join("; ");
    let more = problems.len().saturating_sub(TOLD);
    if more > 0 {
        text.push_str(&format!("; and {more} more"));
    }
    Err(Stop::Fail(text))
}
