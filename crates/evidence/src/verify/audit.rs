//! The auditor's entry: verify, then open the ledger and replay every decision.

use std::io::ErrorKind;

use super::agreement;
use super::package::trouble;
use super::{Stop, Verification, Verified, VerifyOptions};
use crate::acquisition::{PartStatement, SetName};
use crate::approval::Approval;
use crate::files::Files;
use crate::gzip::GzipReader;
use crate::item::Record;
use crate::ledger::{LedgerError, LineError};
use crate::opener::{OpenError, verify_then_read};
use crate::replay::{FindingKind, Replay, ReplayError};
use crate::report::{Answer, Finding, Intact, Report};

/// Most bytes that one ledger part may inflate to. Rows are read one by one; this bounds time alone.
pub(crate) const MAX_LEDGER: u64 = 1 << 40;

/// Verifies a package, then opens its ledger with `options.identities` and replays every decision.
///
/// FOLLOWED is a yes only for a package that is intact and a ledger that opens; of another package it can be said that
/// its policy or its readers are not those that were approved. `each` is handed every record,
/// for a re-examination of the original: use what it gathered only where [`Report::followed`] is an answer, since
/// a record is known to be signed when its part ends.
#[must_use]
pub fn audit(
    files: &dyn Files,
    trust_bytes: &[u8],
    options: &VerifyOptions,
    each: impl FnMut(&Record),
) -> Report {
    audit_with(files, trust_bytes, options, each).report
}

/// As [`audit`], and hands over what was judged.
#[must_use]
pub fn audit_with(
    files: &dyn Files,
    trust_bytes: &[u8],
    options: &VerifyOptions,
    mut each: impl FnMut(&Record),
) -> Verified {
    let mut verification = Verification::run(files, trust_bytes, options);
    verification.report.asked_followed = true;
    let unseen: Vec<String> = match options.identities.is_empty() {
        // Nobody asked for parts, and nobody looked into one.
        true => vec!["every part".to_owned()],
        false => verification.closed_sets.clone(),
    };
    // What its holder has checked stands in the report, from the log.
    let is_attested = |set: &String| verification.attested_sets.contains(set);
    let (attested, unseen): (Vec<String>, Vec<String>) = unseen.into_iter().partition(is_attested);
    if !unseen.is_empty() {
        verification.report.limits.push(format!(
            "the contents of {} were not checked: no key for them was given; what lies there this report does not show",
            unseen.join(" and ")
        ));
    }
    if !attested.is_empty() {
        verification.report.limits.push(format!(
            "the contents of {} were not checked here: no key for them was given; that their holders checked them is their word, on the \
             log",
            attested.join(" and ")
        ));
    }
    if verification.report.intact != Intact::Yes {
        let findings = not_as_approved(&verification);
        if !findings.is_empty() {
            verification.report.followed = Answer::No;
            verification.report.findings = findings;
        }
        verification.report.limits.push("not replayed: the package is not intact".to_owned());
        return verification.hand_over();
    }
    let replayed = replay(files, &verification, options, &mut each);
    let report = &mut verification.report;
    match replayed {
        Ok(findings) => {
            report.followed = if findings.is_empty() { Answer::Yes } else { Answer::No };
            report.findings = findings;
        }
        Err(Stop::Fail(detail)) => {
            // The seal holds over a ledger that nobody can read: what it should record is missing.
            report.followed = Answer::No;
            let (item, rule) = (String::new(), String::new());
            report.findings.push(Finding { kind: "missing".to_owned(), item, rule, detail });
        }
        Err(Stop::NotChecked(detail) | Stop::Unfinished(detail)) => {
            report.limits.push(format!("not replayed: {detail}"));
        }
    }
    verification.hand_over()
}

/// What can be said without the ledger: where a policy or a reader stands in the place of an approved one.
///
/// Nobody can follow an order that was swapped for another, so this is an answer, whatever else is wrong.
fn not_as_approved(verification: &Verification) -> Vec<Finding> {
    let package = &verification.package;
    let (Ok(acquisition), Ok(policy)) = (&package.acquisition, &package.policy) else {
        return Vec::new();
    };
    let about = |kind: FindingKind, detail: String| Finding {
        kind: kind.word().to_owned(),
        item: String::new(),
        rule: String::new(),
        detail,
    };
    let mut findings = Vec::new();
    let approval = package.approval.as_ref().and_then(|bytes| Approval::parse(bytes.as_ref().ok()?).ok());
    let approved = approval.map_or(acquisition.policy, |approval| approval.policy);
    for (what, id) in [("the package holds", policy.id()), ("it was acquired under", acquisition.policy)] {
        if id != approved {
            let detail = format!("policy {approved} was approved, {what} {id}");
            findings.push(about(FindingKind::Policy, detail));
        }
    }
    let fixed = agreement::recipients(policy);
    for set in &acquisition.sets {
        let named = fixed.get(&set.set).map_or(&[][..], Vec::as_slice);
        if named != set.recipients {
            let (stated, named) = (set.recipients.join(", "), named.join(", "));
            let detail = format!("the set {} is encrypted to {stated}; the policy names {named}", set.set);
            findings.push(about(FindingKind::Recipients, detail));
        }
    }
    findings
}

fn replay(
    files: &dyn Files,
    verification: &Verification,
    options: &VerifyOptions,
    each: &mut dyn FnMut(&Record),
) -> Result<Vec<Finding>, Stop> {
    let package = &verification.package;
    let acquisition = package.acquisition.as_ref().map_err(Clone::clone)?;
    let policy = package.policy.as_ref().map_err(Clone::clone)?;
    let inventory = super::inventory::stated(files, acquisition)?;
    let mut replay = Replay::new(policy, acquisition, &inventory, options.helpers());
    if package.end_event().is_some_and(|(_, end)| end.interrupted) {
        replay.interrupted();
    }
    let parts = acquisition.set(&SetName::Ledger).map_or(&[][..], |set| &set.parts);
    for part in parts {
        let opened = open(files, part, options)?;
        replay
            .part(GzipReader::new(opened, MAX_LEDGER), &mut *each)
            .map_err(|e| ledger_trouble(&part.file, e))?;
    }
    let lines = super::inventory::lines(files)?;
    let mut replayed = replay.finish(lines).map_err(|e| ledger_trouble("ledger", e))?;
    for part in parts {
        if replayed.is_named() {
            break;
        }
        let opened = open(files, part, options)?;
        replayed
            .name_from(GzipReader::new(opened, MAX_LEDGER))
            .map_err(|e| ledger_trouble(&part.file, e.into()))?;
    }
    Ok(replayed.findings.into_iter().map(Finding::from).collect())
}

/// Opens a part whose last chunk has verified.
pub(crate) fn open(
    files: &dyn Files,
    part: &PartStatement,
    options: &VerifyOptions,
) -> Result<impl std::io::Read + use<>, Stop> {
    let name = &part.file;
    let file = files.open(name).map_err(|e| trouble(name, &e))?;
    verify_then_read(file, &options.identities).map_err(|e| match e {
        OpenError::NoMatch => Stop::NotChecked(format!("no key that was given opens {name}")),
        OpenError::Io(e) => trouble(name, &e),
        OpenError::Payload(e) if is_storage(e.kind()) => trouble(name, &e),
        e => Stop::Fail(format!("{name}: {e}")),
    })
}

fn ledger_trouble(name: &str, error: ReplayError) -> Stop {
    match error {
        ReplayError::Ledger(LedgerError::Line(LineError::Read { ref source, .. }))
            if is_storage(source.kind()) =>
        {
            trouble(name, source)
        }
        ReplayError::Compare(error) => super::inventory::incomparable(error),
        error @ ReplayError::List(_) => Stop::Unfinished(error.to_string()),
        error @ ReplayError::Parts { .. } => Stop::Fail(error.to_string()),
        error @ ReplayError::Ledger(_) => Stop::Fail(format!("{name}: {error}")),
    }
}

/// Whether an error of this kind is the storage's; else the bytes themselves are wrong.
fn is_storage(kind: ErrorKind) -> bool {
    !matches!(kind, ErrorKind::InvalidData | ErrorKind::UnexpectedEof)
}
