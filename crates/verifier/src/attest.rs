//! `ambit-verify attest` and `ambit-verify attestation`: a statement about a path, and the check of a signed one.

use std::fmt::Write as _;
use std::io::Write;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use chrono::Local;
use evidence::acquisition::{Acquisition, RecordLeft, SetName};
use evidence::attestation::{
    About, Attestation, Counted, Ending, MAX_ATTESTATION, Portion, Prefix, Statement, Under, Unread,
};
use evidence::custody_log::Log;
use evidence::report::{Answer, Intact, Report};
use evidence::trust::{MAX_TRUST, Trust};
use evidence::verify::{VerifyOptions, audit_with, verify_with};
use folder::Folder;
use scope::Outcome;

use crate::Failure;
use crate::check::{prepare, read};
use crate::cli::{AttestArgs, AttestationArgs};
use crate::explain::Told;
use crate::{listing, outcome};

/// `ambit-verify attest PKG`: replays the whole ledger, and counts what lies under a path.
///
/// The text is written only where every decision follows: else there is nothing to attest.
pub(crate) fn attest(args: &AttestArgs, err: &mut dyn Write) -> Result<Report, Failure> {
    if args.check.identities.is_empty() {
        return Err(Failure::new("what lies under a path, the ledger says, and no key was given")
            .hint("give --identity FILE, the auditor's or the court's"));
    }
    outcome::may_write(&args.write_result, &args.check.package)?;
    let mut under = Under::new(args.prefix.as_os_str().as_bytes())
        .map_err(|error| Failure::new(format!("--prefix: {error}")))?;
    let (files, trust, options) = prepare(&args.check, err)?;
    // Where it cannot be read, the report says so, and nothing is written.
    let judged = listing::package(&files).ok();
    if let Some((_, acquisition)) = &judged {
        under.on(acquisition);
    }
    let verified = audit_with(&files, &trust, &options, |record| under.record(record));
    let under = under.finish();
    let acquisition = verified.acquisition.as_ref().filter(|_| verified.report.followed == Answer::Yes);
    let (Some(acquisition), 0) = (acquisition, under.unreadable()) else {
        let _ =
            writeln!(err, "note: nothing was written: only of a ledger that is FOLLOWED can this be said");
        return Ok(verified.report);
    };
    if judged.as_ref().is_none_or(|(_, judged)| judged != acquisition) {
        return Err(Failure::new("meta/acquisition.json was another one the second time it was read"));
    }
    if under.counts().all() == 0 {
        return Err(no_such_path(&under, acquisition));
    }
    let left = acquisition.inventory.counts.get(&Outcome::Left).copied().unwrap_or(0);
    let unrecorded = match acquisition.record_left {
        RecordLeft::Facts => 0,
        RecordLeft::Counts => left.saturating_sub(under.left()),
    };
    let prefix = Prefix {
        parts: outcome::parts(acquisition, &SetName::Ledger),
        records: under.records(),
        path: under.path().clone(),
        under: under.counts(),
        within: under.within(),
        volumes: under.volumes(acquisition),
        endings: under.endings(),
        inside: under.inside(),
        other_case: under.other_case(),
        archives: under.archives(),
        unread: Unread::of(acquisition),
        other_runs: verified.other_runs.clone(),
        unnamed_kept: under.unnamed_kept(),
        unrecorded,
    };
    let attestation = outcome::attestation(&verified, Statement::Prefix(prefix))?;
    outcome::write(&args.write_result, &attestation)?;
    Ok(verified.report)
}

/// Of a path that no name on record has, nothing can be said: what the record has instead.
fn no_such_path(under: &Counted, acquisition: &Acquisition) -> Failure {
    let mut hints = Vec::new();
    let Portion { all, .. } = under.other_case();
    if all > 0 {
        hints.push(format!("{all} items have one that differs in capital and small letters alone"));
    }
    for Ending { path, items } in under.endings() {
        hints.push(format!(
            "{} items have one under {path}: ask for that, if their volume was in use there",
            items.all
        ));
    }
    for Ending { path, items } in under.inside() {
        hints.push(format!("{} files in archives have there one under {path}", items.all));
    }
    let volumes: Vec<&str> = acquisition.walk.iter().map(|walk| walk.volume.as_str()).collect();
    hints.push(format!(
        "a path begins at the root of its volume, is taken letter by letter, and the volumes are {}; `ambit-verify explain` \
         finds single items",
        volumes.join(", ")
    ));
    let path = under.path();
    Failure::new(format!(
        "nothing was written: no item on record in this package has a name under {path}, so that nothing can be said of it"
    ))
    .hint(hints.join("; "))
}

/// `ambit-verify attestation FILE`: who signed it, and whether they may say so.
pub(crate) fn attestation(args: &AttestationArgs) -> Result<Told, Failure> {
    let trust = read(&args.trust, MAX_TRUST as u64)?;
    let trust = Trust::parse(&trust).map_err(|error| Failure::of(args.trust.display())(&error))?;
    let text = read(&args.attestation, MAX_ATTESTATION)?;
    let mut out = format!("Relative to trust file {}: compare with the court's paper.\n\n", trust.words());
    let attestation = match Attestation::parse(&text) {
        Ok(attestation) => attestation,
        Err(error) => return Ok(Told { text: format!("{out}REFUSED: {error}\n"), code: 2 }),
    };
    // Every line has been read as visible characters alone.
    out.push_str(&String::from_utf8_lossy(&text));
    out.push('\n');
    let mut holds = true;
    if let Some(package) = &args.package {
        let wrong = against(&attestation, package, &args.trust)?;
        holds = wrong.is_empty();
        wrong.iter().for_each(|wrong| out.push_str(&format!("REFUSED: {wrong}\n")));
        if holds {
            out.push_str("ABOUT this package: what can be compared without a key is as the package has it\n");
        }
    }
    for path in &args.signatures {
        let armored = read(path, MAX_SIGNATURE)?;
        let now = Local::now().fixed_offset();
        let mut refused = None;
        let by = trust.principals().iter().find_map(|principal| {
            match attestation.signed_by(&text, &trust, &principal.name, &armored, now) {
                Ok(principal) => Some(principal),
                Err(why) => {
                    // Of all refusals the one of somebody who may sign tells most.
                    refused = Some(why)
                        .filter(|_| {
                            attestation.statement.roles().iter().any(|role| principal.roles.contains(role))
                        })
                        .or(refused.take());
                    None
                }
            }
        });
        let _ = match (by, refused) {
            (Some(by), _) => writeln!(
                out,
                "SIGNED by {} ({}), `{}` in the trust file, in its own name space; the key is valid today",
                by.person, by.organisation, by.name
            ),
            (None, why) => {
                holds = false;
                let why = why.map_or_else(
                    || "nobody in the trust file may sign this".to_owned(),
                    |why| why.to_string(),
                );
                writeln!(out, "REFUSED: {}: {why}", path.display())
            }
        };
    }
    Ok(Told { text: out, code: if holds { 0 } else { 2 } })
}

/// What in an attestation is not so by the package that is given for it.
fn against(attestation: &Attestation, package: &Path, trust: &Path) -> Result<Vec<String>, Failure> {
    let files = Folder::open(package).map_err(|error| Failure::of(package.display())(&error))?;
    let options = VerifyOptions { now: Some(Local::now().fixed_offset()), ..VerifyOptions::default() };
    let verified = verify_with(&files, &read(trust, MAX_TRUST as u64)?, &options);
    let acquisition = verified.acquisition.as_ref().filter(|_| verified.report.intact == Intact::Yes);
    let Some(acquisition) = acquisition else {
        return Ok(vec![format!("{} is not INTACT: `ambit-verify` says why", package.display())]);
    };
    if attestation.package != acquisition.package || verified.tagmanifest != Some(attestation.tagmanifest) {
        return Ok(vec!["it is about another package, or other sealed bytes".to_owned()]);
    }
    let log = Log::read(&files);
    let about = About { acquisition, policy: verified.policy.as_ref(), log: &log };
    Ok(attestation.contradictions(about, log.entries.len() as u64))
}

/// Longest signature file read: a token's takes 600 bytes.
const MAX_SIGNATURE: u64 = 16 << 10;
