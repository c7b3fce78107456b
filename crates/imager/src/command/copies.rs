//! Copies of one package: `ambit package update`, and what every command says that is given several.
//!
//! The log of the case folder goes on, each copy has what was on it when it was last written to. What it lacks is copied,
//! onto a beginning of that log alone; nothing is signed but the log's head, where nobody has signed that yet.

use std::path::{Path, PathBuf};

use custody::package_copy::Brought;
use custody::{CaseFolder, Disk, LogError, PackageCopy, SealError};
use evidence::acquisition::RunNumber;
use serde_json::{Value, json};

use crate::cli::PackageUpdateArgs;
use crate::console::{Chain, Console, Context as _, Exit, Failure};
use crate::load::Passphrases;
use crate::workplace;

pub(super) fn update(args: &PackageUpdateArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let disk = console.disk().clone();
    are_different(&args.packages)?;
    let first = args.packages.first().map_or(Path::new(""), PathBuf::as_path);
    let (case, trust) = workplace::open_case_on(&disk, &args.case, first)?;
    workplace::log_holds(&case, &trust)?;
    let mut copies = open(&disk, &args.packages, &case, "nothing was brought into any copy")?;
    let last = case.log().size().saturating_sub(1);
    if !case.log().is_headed_from(last) {
        let passphrases = Passphrases::new(args.passphrase_file.as_deref())?;
        case.log().checkpoint(&workplace::log_key(&case, &passphrases)?).context("custody log")?;
    }
    let brought: Vec<_> = copies.iter_mut().map(|copy| copy.bring(case.log())).collect();
    let told = told(&copies, &brought)?;
    let value = json!({ "events": case.log().size(), "copies": told.value });
    let text =
        format!("{}\n`ambit-verify PACKAGE --trust FILE` says the same of each that is whole", told.text);
    console.result(&value, text)?;
    Ok(Exit::Done)
}

/// The note of a capture that left two copies of a package to be signed later: without it nobody who has one of them knows of
/// the other. It names no place.
pub(super) fn left_in_two(run: RunNumber) -> String {
    format!("two copies of the package of {run} were left, and are to be signed later")
}

/// Fails where one place is named twice.
pub(super) fn are_different(packages: &[PathBuf]) -> Result<(), Failure> {
    let mut seen: Vec<PathBuf> = Vec::new();
    for package in packages {
        let place = std::fs::canonicalize(package).unwrap_or_else(|_| package.clone());
        if seen.contains(&place) {
            return Err(Failure::new(format!("{} is named twice", package.display()))
                .hint("name each copy of the package once; nothing was signed or written"));
        }
        seen.push(place);
    }
    Ok(())
}

/// Opens every copy, as one of a package that the log of the case tells of. `not_done`: what is left undone where one is none.
pub(super) fn open(
    disk: &Disk,
    packages: &[PathBuf],
    case: &CaseFolder,
    not_done: &str,
) -> Result<Vec<PackageCopy>, Failure> {
    let open = |path: &PathBuf| {
        PackageCopy::open(disk, path, case.log()).map_err(|error| refused(path, &error, not_done))
    };
    packages.iter().map(open).collect()
}

/// What each copy got, for people and under `--json`; fails where one could not be written, after all were tried.
pub(super) fn told(copies: &[PackageCopy], brought: &[Result<Brought, LogError>]) -> Result<Told, Failure> {
    let mut told = Told { text: String::new(), value: Vec::new() };
    let mut lines = Vec::new();
    for (copy, brought) in copies.iter().zip(brought) {
        let path = copy.path().display();
        let Ok(Brought { had, has, anything }) = brought else { continue };
        lines.push(match (has.saturating_sub(*had), anything) {
            (0, false) => format!("{path}: has the whole log already, {has} events"),
            (0, true) => format!("{path}: got the signature of the log's head"),
            (1, _) => format!("{path}: got event {had}"),
            (_, _) => format!("{path}: got the events {had} to {}", has.saturating_sub(1)),
        });
        told.value.push(json!({ "package": path.to_string(), "had": had, "has": has }));
    }
    told.text = lines.join("\n");
    let failed = copies.iter().zip(brought).find_map(|(copy, brought)| Some((copy, brought.as_ref().err()?)));
    match failed {
        None => Ok(told),
        Some((copy, error)) => {
            Err(Failure::new(format!("{}: {}", copy.path().display(), Chain(error))).hint(format!(
                "the log of the case has all of it, and so has every other copy that was named; mend the fault, and bring it into this one with: ambit package update {}",
                copy.path().display()
            )))
        }
    }
}

/// What [`told`] says.
pub(super) struct Told {
    pub(super) text: String,
    pub(super) value: Vec<Value>,
}

/// Why a folder is no copy that the log goes on in.
pub(super) fn refused(path: &Path, error: &SealError, not_done: &str) -> Failure {
    let message = match error {
        SealError::Disk(_) | SealError::Acquisition(_) => format!("{}: {}", path.display(), Chain(error)),
        _ => Chain(error).to_string(),
    };
    let (no, hint) = match error {
        SealError::Log(LogError::Fork { index: 0, .. }) => {
            (false, "this is another case than the package's: give its own with --case DIR")
        }
        SealError::Log(LogError::Fork { .. }) => (
            true,
            "two case folders went on apart from each other, as where a folder was copied and both were worked in: keep both logs as they are, say in \
             a note which one counts and why, and show both to whoever decides",
        ),
        SealError::Log(LogError::Behind { .. }) => {
            (false, "give the case folder that went on last, with --case DIR")
        }
        SealError::OtherCase { .. } | SealError::UnknownRun { .. } => {
            (false, "give the package's own case with --case DIR")
        }
        SealError::OtherPackage { .. } => (true, "keep it with the case as it is, and say so in a note"),
        SealError::LacksSignatures { .. } => (
            false,
            "give it to `ambit sign` together with the copy that is sealed: it gets the same seal, and nobody has to sign",
        ),
        _ => (false, "give a package under its name, each copy of it once"),
    };
    let failure = if no { Failure::no(message) } else { Failure::new(message) };
    failure.hint(format!("{hint}; {not_done}"))
}
