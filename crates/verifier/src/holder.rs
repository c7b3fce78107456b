//! `ambit-verify holder`: a set, checked by whoever can open it, and the verdicts for them to sign.

use std::io::Write;

use evidence::acquisition::SetName;
use evidence::attestation::{ItemVerdict, SetVerdict, Statement, Verdict, runs};
use evidence::files::Files;
use evidence::holder::SetCheck;
use evidence::item::Control;
use evidence::manifest::Row;
use evidence::opener::verify_then_read;
use evidence::report::{Intact, Report, escape};
use evidence::verify::{Verified, VerifyOptions, inventory_of, verify_with};

use folder::Temporary;

use crate::Failure;
use crate::check::prepare;
use crate::cli::HolderArgs;
use crate::outcome;

/// Verifies the package, checks one set, and writes what came of it.
pub(crate) fn holder(args: &HolderArgs, err: &mut dyn Write) -> Result<Report, Failure> {
    let set = args.set.parse::<SetName>().map_err(|error| Failure::of("--set")(&error))?;
    if set == SetName::Ledger {
        return Err(
            Failure::new("the ledger is for an auditor").hint("use `ambit-verify audit --write-result`")
        );
    }
    if args.check.identities.is_empty() {
        return Err(Failure::new("a set is checked by opening it, and no key was given")
            .hint("give --identity FILE, that of a holder of the set"));
    }
    outcome::may_write(&args.write_result, &args.check.package)?;
    let (files, trust, options) = prepare(&args.check, err)?;
    let verified = verify_with(&files, &trust, &options);
    if verified.report.intact == Intact::Unfinished || verified.acquisition.is_none() {
        let _ = writeln!(err, "note: nothing was written: the package could not be read");
        return Ok(verified.report);
    }
    let found = check(&files, &verified, &set, &options)?;
    let holds = found.problem.is_none();
    let attestation = outcome::attestation(&verified, Statement::Holder(found))?;
    outcome::write(&args.write_result, &attestation)?;
    let _ = writeln!(
        err,
        "set {set}: checked {}; {} is for its holder to sign",
        if holds { Verdict::Yes } else { Verdict::No },
        args.write_result.display()
    );
    Ok(verified.report)
}

/// The verdicts of a set whose rows, objects and lines are one to one; else why not.
fn check(
    files: &dyn Files,
    verified: &Verified,
    set: &SetName,
    options: &VerifyOptions,
) -> Result<SetVerdict, Failure> {
    let acquisition = verified
        .acquisition
        .as_ref()
        .filter(|acquisition| acquisition.set(set).is_some())
        .ok_or_else(|| Failure::new(format!("the package has no set {set}")))?;
    let mut found = SetVerdict {
        set: set.clone(),
        parts: outcome::parts(acquisition, set),
        problem: None,
        objects: 0,
        bytes: 0,
        verdicts: Vec::new(),
    };
    let checked = (|| -> Result<_, Stop> {
        let scratch = Temporary::new();
        let inventory = inventory_of(files, acquisition).map_err(Stop::No)?;
        let mut check = SetCheck::new(acquisition, set, &inventory, verified.policy.as_ref(), &scratch)
            .ok_or_else(|| Stop::No("the acquisition does not state it".to_owned()))?;
        let mut verdicts = Vec::new();
        for part in acquisition.set(set).map_or(&[][..], |set| &set.parts) {
            let sealed = files.open(&part.file).map_err(|error| Stop::Unfinished(error.to_string()))?;
            let zip = verify_then_read(sealed, &options.identities).map_err(|error| match error {
                evidence::opener::OpenError::NoMatch => {
                    Stop::Unfinished("no key that was given opens it".to_owned())
                }
                error => Stop::No(format!("{}: {error}", part.file)),
            })?;
            let part = check
                .part(zip, &mut |_, _| Ok(()))
                .map_err(|error| Stop::No(format!("{}: {error}", part.file)))?;
            for row in part.rows() {
                verdicts.extend(of_row(&row.map_err(|error| Stop::No(error.to_string()))?));
            }
        }
        let lines = files.open(INVENTORY).map_err(|error| Stop::Unfinished(error.to_string()))?;
        let counted = check.finish(lines).map_err(|error| Stop::No(error.to_string()))?;
        Ok((counted, verdicts))
    })();
    match checked {
        Ok((counted, verdicts)) => {
            (found.objects, found.bytes, found.verdicts) = (counted.objects, counted.bytes, runs(verdicts));
        }
        Err(Stop::Unfinished(why)) => return Err(Failure::new(format!("set {set}: {why}"))),
        Err(Stop::No(why)) => {
            let told: String = escape(&why).chars().take(MAX_PROBLEM).collect();
            found.problem = Some(told.trim().to_owned());
        }
    }
    Ok(found)
}

/// Why there are no verdicts.
enum Stop {
    No(String),
    Unfinished(String),
}

/// What is said of a row's item; nothing of one that is held by others.
fn of_row(row: &Row) -> Option<(Control, ItemVerdict)> {
    match row {
        Row::Object(opened) => {
            let verdict = match opened.opening.object().ok()? {
                None => ItemVerdict::NoContent,
                Some(object) if object.is_unread() => ItemVerdict::Unread,
                Some(object) if !object.unreadable.is_empty() => ItemVerdict::Partial,
                Some(_) => ItemVerdict::Ok,
            };
            Some((opened.control.clone(), verdict))
        }
        Row::Listed(opened) => Some((opened.control.clone(), ItemVerdict::Listed)),
        Row::Held(_) => None,
    }
}

/// The inventory, read once more at the end.
const INVENTORY: &str = "meta/inventory.txt";

/// Longest problem told, in characters: as long as a text of an attestation may be.
const MAX_PROBLEM: usize = 200;
