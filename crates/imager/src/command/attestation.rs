//! `ambit attestation`: what an auditor found is signed, and put on the log.
//!
//! `ambit-verify` writes the text and never a package; the auditor signs it here or with `ssh-keygen -Y sign`;
//! whoever keeps the log appends it. Nothing is appended that a verifier would refuse.

use std::path::{Path, PathBuf};

use chrono::Local;
use custody::attest::{Signed, put_on_log, sign_attestation};
use custody::{CaseFolder, Disk, Signer};
use evidence::attestation::{About, Attestation, MAX_ATTESTATION, Statement};
use evidence::custody_log::Log;
use evidence::event::{Action, Note};
use evidence::report::Status;
use evidence::trust::{Step, Trust};
use evidence::verify::{Verified, VerifyOptions, verify_with};
use folder::Folder;
use serde_json::json;

use super::copies;
use crate::cli::{AttestationAppendArgs, AttestationSignArgs};
use crate::console::{Console, Context as _, Exit, Failure};
use crate::load::{self, Passphrases};
use crate::workplace;

pub(super) fn sign(args: &AttestationSignArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let (trust, _) = load::trust(&args.trust)?;
    let (attestation, text) = read(&args.attestation)?;
    for line in String::from_utf8_lossy(&text).lines() {
        console.say(line);
    }
    // The role does not matter to the keys; whether it allows this statement is asked below.
    let signers = load::signers(&args.signing, &trust, Step::CaseOpen, console)?;
    if signers.is_empty() {
        return Err(Failure::new("nobody signs").hint("give --sign-as NAME=KEY"));
    }
    let mut made = Vec::new();
    for signer in &signers {
        let armored = sign_attestation(signer, &text);
        let now = Local::now().fixed_offset();
        attestation.signed_by(&text, &trust, signer.principal(), armored.as_bytes(), now).map_err(
            |refused| {
                Failure::no(refused.to_string()).hint("nothing more was signed; the trust file names who may")
            },
        )?;
        let path = beside(&args.attestation, signer.principal());
        Disk::new().write_new(&path, armored.as_bytes()).context("signature")?;
        made.push(path.display().to_string());
    }
    let text = format!("signed: {}", made.join(", "));
    console.result(&json!({ "statement": attestation.statement.word(), "signatures": made }), text)?;
    Ok(Exit::Done)
}

pub(super) fn append(args: &AttestationAppendArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let (trust, trust_bytes) = load::trust(&args.trust)?;
    let (attestation, text) = read(&args.attestation)?;
    if let Statement::Prefix(_) = attestation.statement {
        return Err(Failure::no(
            "the custody log is public, and this attestation names a path of the medium",
        )
        .hint("hand it, with its signature, to those whom it concerns"));
    }
    let signatures = signatures(&args.attestation, &attestation, &text, &trust)?;
    copies::are_different(&args.package)?;
    let disk = console.disk().clone();
    let mut case = keeper(args, &disk)?;
    workplace::log_holds(&case, &trust)?;
    let mut copies = copies::open(&disk, &args.package, &case, NOT_APPENDED)?;
    // What the auditor saw of the log can stand in another copy, and not in this one yet.
    let log = Log::read(&Folder::open(case.root()).context("custody log")?);
    for copy in &copies {
        let files = Folder::open(copy.path()).context(copy.path().display())?;
        let options = VerifyOptions { now: Some(Local::now().fixed_offset()), ..VerifyOptions::default() };
        let verified = verify_with(&files, &trust_bytes, &options);
        is_about(&attestation, &verified, &log, copy.path())?;
    }
    let signers = load::signers(&args.signing, &trust, Step::Examine, console)?;
    if signers.is_empty() {
        return Err(
            Failure::new("nobody signs the event").hint("give --sign-as NAME=KEY of whoever keeps the log")
        );
    }
    let passphrases = Passphrases::new(args.signing.passphrase_file.as_deref())?;
    let log_key = workplace::log_key(&case, &passphrases)?;
    // The action is filled in by the log itself.
    let statement = workplace::statement(Action::Note(Note { text: String::new() }), "", &workplace::tool()?);
    let by: Vec<&Signer> = signers.iter().collect();
    let signed = Signed { attestation, text, signatures };
    let put = put_on_log(&mut case, statement, &signed, &by, &log_key, &mut copies).context("custody log")?;
    let got = put.copies.iter().any(|brought| brought.as_ref().map_or(true, |brought| brought.anything));
    if put.before && !got {
        return Err(Failure::new(format!(
            "event {} has this attestation with the same signers already; nothing is appended",
            put.index
        ))
        .hint("every copy that was named has it; `ambit-verify PACKAGE --trust FILE` tells of it"));
    }
    let told = copies::told(&copies, &put.copies)?;
    let word = signed.attestation.statement.word();
    let people: Vec<&str> = signed.signatures.iter().map(|(name, _)| name.as_str()).collect();
    let value = json!({ "statement": word, "signed_by": people, "event": put.index, "copies": told.value });
    let is = if put.before { "was on the log already" } else { "is on the log" };
    let text =
        format!("{word}, signed by {}, {is}, event {}\n{}", people.join(" and "), put.index, told.text);
    console.result(&value, text)?;
    Ok(Exit::Done)
}

fn read(path: &Path) -> Result<(Attestation, Vec<u8>), Failure> {
    let text = load::read(path, MAX_ATTESTATION)?;
    let attestation = Attestation::parse(&text).map_err(|error| {
        Failure::no(format!("{}: {error}", path.display()))
            .hint("take the file as `ambit-verify --write-result` wrote it; nothing was signed")
    })?;
    Ok((attestation, text))
}

/// `FILE.NAME.sig`.
fn beside(attestation: &Path, principal: &str) -> PathBuf {
    let mut name = attestation.as_os_str().to_owned();
    name.push(format!(".{principal}.sig"));
    PathBuf::from(name)
}

/// The signatures of everybody in the trust file that lie beside the attestation: each holds, or nothing is appended.
fn signatures(
    path: &Path,
    attestation: &Attestation,
    text: &[u8],
    trust: &Trust,
) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut found = Vec::new();
    for principal in trust.principals() {
        let file = beside(path, &principal.name);
        if file.symlink_metadata().is_err() {
            continue;
        }
        let armored = load::read(&file, MAX_SIGNATURE)?;
        let now = Local::now().fixed_offset();
        attestation
            .signed_by(text, trust, &principal.name, &armored, now)
            .map_err(|refused| Failure::no(format!("{}: {refused}", file.display())))?;
        found.push((principal.name.clone(), armored));
    }
    if found.is_empty() {
        return Err(Failure::new(format!("{}: no signature lies beside it", path.display())).hint(format!(
            "{} is looked for, for each NAME of the trust file",
            beside(path, "NAME").display()
        )));
    }
    Ok(found)
}

/// The attestation is about this very package, whose log is whole and whose seal is on it.
fn is_about(
    attestation: &Attestation,
    verified: &Verified,
    log: &Log,
    package: &Path,
) -> Result<(), Failure> {
    for id in ["trust", "directory", "log", "checkpoint"] {
        match verified.report.check(id) {
            Some(check) if check.status == Status::Pass => {}
            Some(check) => {
                return Err(Failure::no(format!(
                    "{}: the check `{id}` does not pass: {}",
                    package.display(),
                    check.detail
                )));
            }
            None => return Err(Failure::new(format!("the check `{id}` was not made"))),
        }
    }
    let run = verified.acquisition.as_ref().map(|acquisition| acquisition.package);
    if let Some(acquisition) = verified.acquisition.as_ref()
        && run == Some(attestation.package)
        && verified.tagmanifest == Some(attestation.tagmanifest)
    {
        let about = About { acquisition, policy: verified.policy.as_ref(), log };
        let wrong = attestation.contradictions(about, log.entries.len() as u64);
        if wrong.is_empty() {
            return Ok(());
        }
        return Err(Failure::no(format!(
            "{}: the package says otherwise than the attestation: {}",
            package.display(),
            wrong.join("; ")
        ))
        .hint("have the check made again with `ambit-verify --write-result`, and its text signed as it is"));
    }
    Err(Failure::no(format!("{}: the attestation is about another package", package.display())).hint(
        format!("it is about run {} with the sealed bytes {}", attestation.package, attestation.tagmanifest),
    ))
}

/// The case folder, whose log alone goes on.
fn keeper(args: &AttestationAppendArgs, disk: &Disk) -> Result<CaseFolder, Failure> {
    let beside = args.package.first().map_or(Path::new(""), PathBuf::as_path);
    let Ok(dir) = workplace::find_case(&args.case, beside) else {
        return Err(Failure::new("the case folder is not here, and the log goes on there alone").hint(format!(
            "hand the attestation and its signatures to whoever has it, and give the command there, or give --case DIR; {NOT_APPENDED}"
        )));
    };
    CaseFolder::open(disk, &dir).context(format_args!("case {}", dir.display()))
}

/// What is left undone where something is refused.
const NOT_APPENDED: &str = "nothing was appended";

/// Longest signature file read.
const MAX_SIGNATURE: u64 = 16 << 10;
