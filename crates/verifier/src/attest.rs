//! `ambit-verify attest` and `ambit-verify attestation`: a statement about a path, and the check of a signed one.

use std::fmt::Write as _;
use std::io::Write;
use std::os::unix::ffi::OsStrExt as _;

use chrono::Local;
use evidence::acquisition::{RecordLeft, SetName};
use evidence::attestation::{Attestation, MAX_ATTESTATION, Prefix, Statement, Under};
use evidence::report::{Answer, Report};
use evidence::trust::{MAX_TRUST, Trust};
use evidence::verify::audit_with;
use scope::Outcome;

use crate::Failure;
use crate::check::{prepare, read};
use crate::cli::{AttestArgs, AttestationArgs};
use crate::explain::Told;
use crate::outcome;

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
    let verified = audit_with(&files, &trust, &options, |record| under.record(record));
    let acquisition = verified.acquisition.as_ref().filter(|_| verified.report.followed == Answer::Yes);
    let (Some(acquisition), 0) = (acquisition, under.unreadable()) else {
        let _ =
            writeln!(err, "note: nothing was written: only of a ledger that is FOLLOWED can this be said");
        return Ok(verified.report);
    };
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
        unnamed_kept: under.unnamed_kept(),
        unrecorded,
    };
    let attestation = outcome::attestation(&verified, Statement::Prefix(prefix))?;
    outcome::write(&args.write_result, &attestation)?;
    Ok(verified.report)
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

/// Longest signature file read: a token's takes 600 bytes.
const MAX_SIGNATURE: u64 = 16 << 10;
