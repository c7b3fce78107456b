//! `ambit case new`: one medium, one custody log.

use std::path::{Path, PathBuf};

use custody::case::NewCase;
use custody::{CaseFolder, Disk};
use evidence::event::{Action, Note};
use evidence::trust::Step;
use serde_json::json;

use crate::cli::CaseNewArgs;
use crate::console::{Console, Context as _, Exit, Failure, NextStep as _};
use crate::load::{self, Passphrases};
use crate::workplace::{self, TRUST};

pub(super) fn new(args: &CaseNewArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let (trust, trust_bytes) = load::trust(&args.trust)?;
    let signers = load::signers(&args.signing, &trust, Step::CaseOpen, console)?;
    workplace::need_quorum(&trust, Step::CaseOpen, &signers)?;
    let passphrases = Passphrases::new(args.signing.passphrase_file.as_deref())?;
    let log_key = load::signing_key(&args.log_key, &passphrases, console)?;
    if trust.log_key().to_string() != log_key.public_line() {
        return Err(Failure::new(format!(
            "{}: this is not the log key that the trust file names",
            args.log_key.display()
        ))
        .hint("give --log-key FILE, the private key to the trust file's `log_key`, or have the trust file amended"));
    }
    let disk = Disk::new();
    let new = NewCase {
        origin: trust.origin().to_owned(),
        medium_label: args.medium_label.clone(),
        description: args.description.clone(),
        log_key: Some(seen_from(&args.dir, &args.log_key)?),
    };
    // The action is filled in by the case folder itself.
    let opening = Action::Note(Note { text: String::new() });
    let statement = workplace::statement(opening, "", &workplace::tool()?);
    let signers: Vec<_> = signers.iter().collect();
    let case = CaseFolder::create(&disk, &args.dir, new, statement, &signers)
        .context("case")
        .or_hint("a case folder is made once: go on with the one that is there, or give another name")?;
    disk.write_new(&args.dir.join(TRUST), &trust_bytes).context("case")?;
    let value = json!({
        "case": args.dir.display().to_string(),
        "origin": trust.origin(),
        "medium_label": args.medium_label,
        "log_size": case.log().size(),
    });
    let text = format!(
        "case {} for medium {}, log {}: event 0, case.open, signed by {}",
        args.dir.display(),
        args.medium_label.escape_debug(),
        trust.origin(),
        signers.iter().map(|signer| signer.principal()).collect::<Vec<_>>().join(" and ")
    );
    console.result(&value, text)?;
    Ok(Exit::Done)
}

/// The path of the log key as the case folder keeps it: relative where both lie below one folder, so that the
/// whole can be moved.
fn seen_from(case: &Path, key: &Path) -> Result<PathBuf, Failure> {
    let case = std::path::absolute(case).context(case.display())?;
    let key = std::path::absolute(key).context(key.display())?;
    let parent = case.parent().unwrap_or(&case);
    Ok(match key.strip_prefix(parent) {
        Ok(below) => Path::new("..").join(below),
        Err(_) => key,
    })
}
