//! Check `agreement`: what acquisition.json, the log, the policy and the parts say of each other.

use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom};

use scope::policy::LeftRecord;
use scope::{Digest, Outcome, Policy};

use super::package::{ACQUISITION, Package, trouble};
use super::{Checked, Context, Stop, none_or_fail};
use crate::acquisition::{
    Acquisition, Departure, MediumStatement, OTHER_MEDIUM, RecordLeft, SetName, SetStatement, WalkStatement,
};
use crate::event::{AcquisitionEnd, Action};
use crate::files::Files;
use crate::opener::{Header, OpenError};

/// Problems, collected by comparing.
#[derive(Default)]
struct Compared {
    problems: Vec<String>,
    values: u64,
}

impl Compared {
    /// Compares two values that must be equal, and says where each stands.
    fn same<T: PartialEq + ToString>(&mut self, what: &str, (here, a): (&str, &T), (there, b): (&str, &T)) {
        self.values = self.values.saturating_add(1);
        if a != b {
            self.problems.push(format!(
                "{what}: {here} has {}, {there} has {}",
                a.to_string(),
                b.to_string()
            ));
        }
    }

    fn holds(&mut self, holds: bool, problem: impl FnOnce() -> String) {
        self.values = self.values.saturating_add(1);
        if !holds {
            self.problems.push(problem());
        }
    }
}

pub(crate) fn check(context: &mut Context<'_>) -> Checked {
    let package = &context.package;
    let acquisition = package.acquisition.as_ref().map_err(Clone::clone)?;
    let mut compared = Compared::default();
    if let Ok(trust) = &context.trust {
        compared.same(
            "origin",
            ("acquisition.json", &acquisition.origin),
            ("the trust file", &trust.origin().to_owned()),
        );
    }
    events(&mut compared, package, acquisition);
    let mut departures = times(package, acquisition);
    match &package.policy {
        Ok(policy) => {
            against_policy(&mut compared, acquisition, policy);
            match acquisition.known(policy.target()) {
                Ok(known) => {
                    compared.values = compared.values.saturating_add(1);
                    departures.extend(known.rests_on.map(|weak| weak.to_string()));
                }
                // Told as a departure already.
                Err(_) if is_another_on_purpose(package, acquisition) => {}
                Err(problem) => compared.problems.push(format!("medium: {problem}")),
            }
        }
        Err(_) => {
            compared.problems.push("the policy cannot be read, so recipients cannot be compared".to_owned())
        }
    }
    no_set_without_parts(&mut compared, acquisition);
    parts(&mut compared, context.files, package, acquisition)?;
    // What is on the log as an override is told with that event, in the same words.
    let on_log = |own: &Departure| {
        let said = |action: &Action| matches!(action, Action::Override(said) if said.what == own.what && said.reason == own.reason);
        package.log.entries.iter().any(|logged| said(&logged.event.action))
    };
    let stated = acquisition.departures.iter().filter(|own| !on_log(own));
    departures.extend(stated.map(|departure| format!("{}: {}", departure.what, departure.reason)));
    let values = compared.values;
    let checked = none_or_fail(&compared.problems, || format!("{values} values agree across the files"));
    context.departures.extend(departures);
    checked
}

/// The three events of the run against acquisition.json.
fn events(compared: &mut Compared, package: &Package, acquisition: &Acquisition) {
    const HERE: &str = "acquisition.json";
    let Some((start_at, start)) = package.start_event() else {
        compared
            .problems
            .push(format!("the custody log has no acquisition.start of run {}", acquisition.package));
        return;
    };
    const START: &str = "acquisition.start";
    compared.same("origin", (HERE, &acquisition.origin), (START, &start_at.event.origin));
    compared.same("policy", (HERE, &acquisition.policy), (START, &start.policy));
    compared.same("run_key", (HERE, &acquisition.run_key), (START, &start.run_key));
    compared.same("medium", (HERE, &medium(&acquisition.medium)), (START, &medium(&start.medium)));
    compared.same("tool", (HERE, &acquisition.tool.digest), (START, &start_at.event.tool.digest));
    resumes(compared, package, acquisition);
    if let Some(id) = package.policy_id() {
        compared.same("policy", (HERE, &acquisition.policy), ("meta/policy", &id));
    }
    let Some((end_at, end)) = package.end_event() else {
        compared
            .problems
            .push(format!("the custody log has no acquisition.end of run {}", acquisition.package));
        return;
    };
    const END: &str = "acquisition.end";
    compared.same("tool", (HERE, &acquisition.tool.digest), (END, &end_at.event.tool.digest));
    counts(compared, acquisition, end);
    walked(compared, acquisition, end);
    quoted(compared, package, end);
    const BEFORE: &str = "the log before acquisition.end";
    let size = end_at.event.index;
    compared.same("log.size", (HERE, &acquisition.log.size), (BEFORE, &size));
    if let Some(tree) = package.log.head_at(size).and_then(|head| head.tree()) {
        compared.same("log.root", (HERE, &acquisition.log.root), (BEFORE, &tree.root));
    }
}

/// Whether acquisition.json is the file that the run ended with.
fn quoted(compared: &mut Compared, package: &Package, end: &AcquisitionEnd) {
    let Some((found, _)) = package.digests.get(ACQUISITION) else { return };
    let expected = end.acquisition_sha256;
    compared.holds(*found == expected, || {
        format!(
            "{ACQUISITION}: expected {expected} (acquisition.end), found {found}: it was changed after the run ended, \
             and nothing that it says of limits, departures and counts may be relied on"
        )
    });
}

/// Each resume on the log is stated, with its key and the first batch that it signs, and found the same medium again.
fn resumes(compared: &mut Compared, package: &Package, acquisition: &Acquisition) {
    const HERE: &str = "acquisition.json";
    const RESUME: &str = "acquisition.resume";
    let announced: Vec<String> = package
        .resume_events()
        .map(|(_, resume)| format!("{} from batch {}", resume.run_key, resume.batch))
        .collect();
    let stated: Vec<String> = acquisition
        .resumed
        .iter()
        .map(|resumed| format!("{} from batch {}", resumed.run_key, resumed.batch))
        .collect();
    compared.same("run keys of resumes", (HERE, &stated.join(", ")), (RESUME, &announced.join(", ")));
    for (at, resume) in package.resume_events() {
        compared.same("policy", (HERE, &acquisition.policy), (RESUME, &resume.policy));
        compared.same("medium", (HERE, &medium(&acquisition.medium)), (RESUME, &medium(&resume.medium)));
        compared.same("tool", (HERE, &acquisition.tool.digest), (RESUME, &at.event.tool.digest));
    }
}

/// Where the clock went back between start and end. It proves nothing against the parts: whoever reads the times is told.
fn times(package: &Package, acquisition: &Acquisition) -> Vec<String> {
    let mut times = Vec::new();
    times.extend(package.start_event().map(|(at, _)| ("acquisition.start", &at.event.when)));
    times.extend([("began", &acquisition.began), ("ended", &acquisition.ended)]);
    times.extend(package.end_event().map(|(at, _)| ("acquisition.end", &at.event.when)));
    let pairs = times.iter().zip(times.iter().skip(1));
    let back = pairs.filter(|((_, a), (_, b))| a.at().timestamp() > b.at().timestamp());
    back.map(|((earlier, a), (later, b))| {
        format!("times: {earlier} {a} is after {later} {b}: the clock was set back")
    })
    .collect()
}

fn counts(compared: &mut Compared, acquisition: &Acquisition, end: &AcquisitionEnd) {
    let mut sums = [0_u64; 4];
    let [captured, held, listed, left] = &mut sums;
    for (outcome, n) in &acquisition.inventory.counts {
        let sum = match outcome {
            Outcome::Captured => &mut *captured,
            Outcome::Held(_) => &mut *held,
            Outcome::Listed | Outcome::ListedTo(_) => &mut *listed,
            Outcome::Left => &mut *left,
        };
        *sum = sum.saturating_add(*n);
    }
    let stated = [end.captured, end.held, end.listed, end.left];
    for ((what, here), there) in ["captured", "held", "listed", "left"].into_iter().zip(&sums).zip(&stated) {
        compared.same(what, ("acquisition.json", here), ("acquisition.end", there));
    }
    compared.same(
        "items",
        ("acquisition.json", &acquisition.inventory.lines),
        ("acquisition.end", &end.items),
    );
}

/// What was walked, against what is in the inventory: an item that was found has a line.
fn walked(compared: &mut Compared, acquisition: &Acquisition, end: &AcquisitionEnd) {
    let sum = |of: fn(&WalkStatement) -> u64| {
        acquisition.walk.iter().fold(0_u64, |sum, walk| sum.saturating_add(of(walk)))
    };
    let (items, lines) = (sum(|walk| walk.items), acquisition.inventory.lines);
    // Where a limit of the policy ends a run, the item beyond it was found and is in no record.
    compared.holds(items == lines || (end.interrupted && lines < items), || {
        format!("items: the walks of acquisition.json found {items}, the inventory has {lines}")
    });
    compared.same(
        "issues",
        ("the walks of acquisition.json", &sum(|walk| walk.issues)),
        ("acquisition.end", &end.issues),
    );
}

fn medium(medium: &MediumStatement) -> String {
    let ids: Vec<String> = medium.ids.iter().map(|id| format!("{} {}", id.kind, id.value)).collect();
    let size = medium.size.map_or_else(|| "unknown".to_owned(), |size| size.to_string());
    format!("{} ({}, {size} bytes, {})", medium.label, medium.form, ids.join(", "))
}

/// Recipients and record, which the authority fixed and the examiner must not change.
fn against_policy(compared: &mut Compared, acquisition: &Acquisition, policy: &Policy) {
    for (name, expected) in recipients(policy) {
        let stated = acquisition.set(&name);
        let Some(set) = stated else {
            // A compartment that took nothing has no set; captured and ledger are always there.
            compared.holds(matches!(name, SetName::Held(_)), || format!("acquisition.json: no set {name}"));
            continue;
        };
        compared.same(
            &format!("recipients of {name}"),
            ("acquisition.json", &set.recipients.join(" ")),
            ("the policy", &expected.join(" ")),
        );
    }
    let known = recipients(policy);
    for set in &acquisition.sets {
        compared.holds(known.contains_key(&set.set), || {
            format!("acquisition.json: the policy knows no set {}", set.set)
        });
    }
    let record = match policy.record().left {
        LeftRecord::Facts => RecordLeft::Facts,
        LeftRecord::Counts => RecordLeft::Counts,
    };
    compared.holds(acquisition.record_left == record, || "record_left is not the policy's".to_owned());
}

/// Whether acquisition.json says so, in the words of an override that was on the log before the first read.
fn is_another_on_purpose(package: &Package, acquisition: &Acquisition) -> bool {
    let Some((start, _)) = package.start_event() else { return false };
    let mut stated = acquisition.departures.iter().filter(|stated| stated.what.starts_with(OTHER_MEDIUM));
    stated.any(|stated| {
        package.log.entries.iter().any(|logged| match &logged.event.action {
            Action::Override(logged_as) => {
                logged.event.index < start.event.index
                    && (&logged_as.what, &logged_as.reason) == (&stated.what, &stated.reason)
            }
            _ => false,
        })
    })
}

/// The recipients of each set, as the policy fixes them: sorted, none twice.
pub(crate) fn recipients(policy: &Policy) -> BTreeMap<SetName, Vec<String>> {
    let union = |a: &[String], b: &[String]| {
        let mut all: Vec<String> = a.iter().chain(b).cloned().collect();
        all.sort();
        all.dedup();
        all
    };
    let fixed = policy.recipients();
    let mut sets = BTreeMap::from([
        (SetName::Captured, union(&fixed.case, &fixed.captured_also)),
        (SetName::Ledger, union(&fixed.auditor, &fixed.court)),
    ]);
    for compartment in policy.compartments() {
        sets.insert(SetName::Held(compartment.id.clone()), union(&compartment.recipients, &[]));
    }
    sets
}

/// What has a line is told somewhere: to the auditor; and if anything becomes of it, to the case team and in its own set.
///
/// A set without parts would otherwise leave nothing to check.
fn no_set_without_parts(compared: &mut Compared, acquisition: &Acquisition) {
    let mut needed = BTreeMap::new();
    for outcome in acquisition.inventory.counts.keys() {
        needed.entry(SetName::Ledger).or_insert(outcome);
        if let Some(set) = SetName::naming(outcome) {
            needed.entry(SetName::Captured).or_insert(outcome);
            needed.entry(set).or_insert(outcome);
        }
    }
    for (set, outcome) in needed {
        let there = acquisition.set(&set).is_some_and(|stated| !stated.parts.is_empty());
        compared.holds(there, || {
            format!("acquisition.json: items are {outcome}, and the set {set} has no part that tells of them")
        });
    }
}

/// Every part: its digest in the bag's manifest, its length, its stanzas; and no payload file besides.
fn parts(
    compared: &mut Compared,
    files: &dyn Files,
    package: &Package,
    acquisition: &Acquisition,
) -> Result<(), Stop> {
    let manifest = package.payload_manifest.as_ref().map_err(Clone::clone)?;
    let mut stated: BTreeMap<&str, Digest> = BTreeMap::new();
    for (set, part) in acquisition.sets.iter().flat_map(|set| set.parts.iter().map(move |part| (set, part))) {
        stated.insert(&part.file, part.sha256);
        match manifest.0.get(&part.file) {
            Some(digest) => compared.same(
                &format!("digest of {}", part.file),
                ("acquisition.json", &part.sha256),
                ("manifest-sha256.txt", digest),
            ),
            None => compared.problems.push(format!("{}: not in manifest-sha256.txt", part.file)),
        }
        if package.names.as_ref().is_ok_and(|names| names.contains(&part.file)) {
            part_file(compared, files, set, part)?;
        } else {
            compared.problems.push(format!("{} is missing", part.file));
        }
    }
    for file in manifest.0.keys().filter(|file| !stated.contains_key(file.as_str())) {
        compared.problems.push(format!("{file}: acquisition.json names no such part"));
    }
    Ok(())
}

fn part_file(
    compared: &mut Compared,
    files: &dyn Files,
    set: &SetStatement,
    part: &crate::acquisition::PartStatement,
) -> Result<(), Stop> {
    let mut file = files.open(&part.file).map_err(|e| trouble(&part.file, &e))?;
    let length = file.seek(SeekFrom::End(0)).map_err(|e| trouble(&part.file, &e))?;
    compared.same(
        &format!("length of {}", part.file),
        ("acquisition.json", &part.bytes),
        ("the file", &length),
    );
    file.rewind().map_err(|e| trouble(&part.file, &e))?;
    let recipients = set.recipients.len() as u64;
    let header = match Header::read(&mut file) {
        Ok(header) => header,
        Err(OpenError::Io(e)) => return Err(trouble(&part.file, &e)),
        Err(e) => {
            compared.problems.push(format!("{}: {e}", part.file));
            return Ok(());
        }
    };
    let found = header.x25519 as u64;
    // The age crate writes one stanza of grease, which opens nothing; more may be readers that nobody names.
    compared.holds(header.stanzas.saturating_sub(header.x25519) <= 1, || {
        format!("{}: {} stanzas that are not X25519", part.file, header.stanzas.saturating_sub(header.x25519))
    });
    let what = format!("stanzas of {}", part.file);
    compared.same(&what, ("acquisition.json", &part.stanzas), ("the file", &found));
    compared.same(&what, ("the file", &found), ("the list of recipients", &recipients));
    Ok(())
}
