//! The checks themselves: read what was given, check, hand back the report.

use std::fs::{self, File};
use std::io::{IsTerminal as _, Read as _, Write};
use std::path::Path;

use age::Identity;
use chrono::Utc;
use evidence::item::Record;
use evidence::report::{Report, escape};
use evidence::trust::{MAX_TRUST, Trust};
use evidence::verify::{VerifyOptions, audit_with, verify as check};
use folder::{Folder, IdentityFileError, Temporary, Threads, audit_against_with, read_keys};
use source::{OpenOptions, Reader};
use zeroize::Zeroizing;

use crate::Failure;
use crate::cli::{AuditArgs, CheckArgs, TrustArgs};
use crate::{listing, outcome, progress};

/// `ambit-verify PKG`.
pub(crate) fn verify(args: &CheckArgs, err: &mut dyn Write) -> Result<Report, Failure> {
    let (files, trust, options) = prepare(args, err)?;
    Ok(progress::during(args.progress, "verify", &files, || check(&files, &trust, &options)))
}

/// `ambit-verify trust FILE`.
pub(crate) fn trust(args: &TrustArgs) -> Result<String, Failure> {
    let bytes = read(&args.trust, MAX_TRUST as u64)?;
    let trust = Trust::parse(&bytes).map_err(|error| Failure::of(args.trust.display())(&error))?;
    if args.allowed_signers {
        return Ok(trust.allowed_signers());
    }
    let mut text = format!("words   {}\norigin  {}\n", trust.words(), trust.origin());
    for principal in trust.principals() {
        let roles: Vec<_> = principal.roles.iter().map(|role| role.word()).collect();
        let (person, from) = (escape(&principal.person), escape(&principal.organisation));
        text += &format!("{:<16} {:<20} {person} ({from})\n", principal.name, roles.join(", "));
    }
    Ok(text)
}

/// `ambit-verify audit PKG`.
pub(crate) fn audit(args: &AuditArgs, reader: Reader, err: &mut dyn Write) -> Result<Report, Failure> {
    if args.check.identities.is_empty() {
        return Err(Failure::new("an audit opens the ledger, and no key was given")
            .hint("give --identity FILE, the auditor's or the court's"));
    }
    if let Some(path) = &args.write_result {
        outcome::may_write(path, &args.check.package)?;
    }
    let (files, trust, options) = prepare(&args.check, err)?;
    let mut records = 0_u64;
    let judged = match &args.against_listing {
        Some(path) => Some((path, listing::package(&files)?)),
        None => None,
    };
    let mut comparison =
        judged.as_ref().map(|(path, judged)| listing::begin(args, path, judged)).transpose()?;
    let mut count = |record: &Record| {
        records = records.saturating_add(1);
        if let Some(comparison) = &mut comparison {
            comparison.record(record);
        }
    };
    let mut verified =
        progress::during(args.check.progress, "audit", &files, || match args.against.as_slice() {
            [] => Ok(audit_with(&files, &trust, &options, &mut count)),
            medium => {
                let open = OpenOptions {
                    writable_source: args.writable_source,
                    bare: true,
                    form: args.image_form,
                    reader,
                    ..OpenOptions::default()
                };
                let counts = files.counts();
                audit_against_with(&files, &trust, &options, (medium, &open), &counts, &mut count)
                    .map_err(Failure::new)
            }
        })?;
    if let (Some(comparison), Some((path, judged))) = (comparison, &judged) {
        let tool = args.listing_tool.clone();
        listing::compare(comparison, (path, tool), judged, &mut verified)?;
    }
    if let Some(path) = &args.write_result {
        match &verified.acquisition {
            Some(acquisition) => {
                let statement = outcome::of_audit(acquisition, &verified.report, records);
                outcome::write(path, &outcome::attestation(&verified, statement)?)?;
            }
            None => {
                let _ = writeln!(err, "note: no result was written: meta/acquisition.json cannot be read");
            }
        }
    }
    Ok(verified.report)
}

/// Whether this is what stands under the name of a package until it is closed: it has a journal, or no list of what is sealed.
fn is_unfinished(package: &Path) -> bool {
    let there = |name: &str| package.join(name).symlink_metadata().is_ok();
    let ending = package.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(b".partial"));
    ending && (there(".work/journal.jsonl") || !there("tagmanifest-sha256.txt"))
}

/// Of a folder that has nothing of a package: that it is none, and the packages in it, if it is the folder above.
fn no_package(folder: &Path) -> Option<Failure> {
    let parts =
        ["bagit.txt", "tagmanifest-sha256.txt", "manifest-sha256.txt", "data", "meta", "seal", "custody"];
    if parts.iter().any(|part| folder.join(part).symlink_metadata().is_ok()) {
        return None;
    }
    let packages = fs::read_dir(folder).ok()?.flatten().take(MAX_LOOKED_AT);
    let packages = packages.map(|entry| entry.path()).filter(|path| path.join("bagit.txt").is_file());
    let mut packages: Vec<String> = packages.map(|path| escape(&path.display().to_string())).collect();
    packages.sort();
    let hint = match packages.as_slice() {
        [] => "give the package's folder, such as KC07.ambit".to_owned(),
        some => format!("in it lies {}: give that", some.join(", and ")),
    };
    Some(
        Failure::new(format!("{} is no package: it has none of a package's files", folder.display()))
            .hint(hint),
    )
}

/// Most entries of a folder that are looked at for packages.
const MAX_LOOKED_AT: usize = 1000;

/// What a check is given: the package, the trust file, the keys.
pub(crate) fn prepare(
    args: &CheckArgs,
    err: &mut dyn Write,
) -> Result<(Folder, Vec<u8>, VerifyOptions), Failure> {
    let package = &args.package;
    let files = Folder::open(package).map_err(|error| {
        Failure::of(package.display())(&error).hint("give the package's folder, such as KC07.ambit")
    })?;
    if let Some(failure) = no_package(package) {
        return Err(failure);
    }
    if is_unfinished(package) {
        return Err(Failure::new(format!(
            "{} is an unfinished package: a capture writes it, or was broken off; nothing of it is sealed, and there is nothing to check yet",
            package.display()
        ))
        .hint("`ambit capture ... --resume`, with the options of the capture, goes on with it; check the package that comes of it"));
    }
    if is_inside(&args.trust, package) {
        return Err(Failure::new(format!("{}: the trust file lies in the package", args.trust.display()))
            .hint("a package cannot say whom to believe: use the trust file that the court or your side gave you"));
    }
    let trust = read(&args.trust, MAX_TRUST as u64)?;
    let mut identities: Vec<Box<dyn Identity>> = Vec::new();
    let mut recipients = Vec::new();
    for path in &args.identities {
        let mut ask = |path: &Path| passphrase(path, args.passphrase_file.as_deref(), err);
        let opened = read_keys(path, &mut ask).map_err(|error| {
            let failure = Failure::of(format_args!("identity {}", path.display()))(&error);
            match error {
                IdentityFileError::NoPassphrase if args.passphrase_file.is_none() => failure.hint(
                    "run this at a terminal, where it is asked for; or give --passphrase-file FILE, whose first line it is",
                ),
                _ => failure,
            }
        })?;
        identities.extend(opened.identities);
        recipients.extend(opened.recipients);
    }
    let options = VerifyOptions {
        trust_words: args.trust_words.clone(),
        identities,
        recipients,
        scratch: Some(Box::new(Temporary::new())),
        workers: Some(Box::new(Threads)),
        now: Some(Utc::now().fixed_offset()),
    };
    Ok((files, trust, options))
}

/// Whether the trust file would come out of the package.
fn is_inside(file: &Path, package: &Path) -> bool {
    match (fs::canonicalize(file), fs::canonicalize(package)) {
        (Ok(file), Ok(package)) => file.starts_with(package),
        _ => false,
    }
}

pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)).map_err(|error| {
        Failure::of(path.display())(&error).hint("give the trust file that the court or your side gave you")
    })?;
    if bytes.len() as u64 > limit {
        return Err(Failure::new(format!("{}: more than {limit} bytes", path.display())));
    }
    Ok(bytes)
}

fn passphrase(path: &Path, file: Option<&Path>, err: &mut dyn Write) -> Option<Zeroizing<String>> {
    if let Some(file) = file {
        return match fs::read_to_string(file).map(Zeroizing::new) {
            Ok(text) => Some(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned())),
            Err(error) => {
                let _ = writeln!(err, "{}: {error}", file.display());
                None
            }
        };
    }
    if !std::io::stdin().is_terminal() {
        return None;
    }
    rpassword::prompt_password(format!("passphrase of {}: ", path.display())).ok().map(Zeroizing::new)
}
