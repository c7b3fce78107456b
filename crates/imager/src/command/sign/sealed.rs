//! A package whose run has package.seal on the custody log: a second copy, or one whose sealing was broken off.
//!
//! The event quotes the sealed bytes and each signature by digest. What this
//! copy lacks of it is made again, since a signer's key gives the same
//! signature each time, or is asked for; the log is copied. Nothing is appended.

use std::path::PathBuf;

use custody::seal::{is_torn, signature, signature_path};
use custody::{CaseFolder, LogFolder, Signer};
use evidence::event::PackageSeal;
use scope::Digest;
use serde_json::json;

use super::Subject;
use crate::console::{Console, Context as _, Exit, Failure};

/// Gives the package what package.seal, at `index` of the log, says that it has.
pub(super) fn complete(
    subject: &Subject<'_>,
    (index, seal): (u64, &PackageSeal),
    mut own: LogFolder,
    case: Option<&CaseFolder>,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let (disk, package) = (&subject.disk, &subject.args.package);
    let found = subject.tagmanifest();
    if seal.tagmanifest != found {
        return Err(Failure::no(format!(
            "the custody log has package.seal of this run over the sealed bytes {}, and those of {} are {found}",
            seal.tagmanifest,
            package.display()
        ))
        .hint("this is no copy of the package that was sealed: keep it with the case as it is, say so in a note, and do not sign it; nothing was signed"));
    }
    let all: Vec<&str> = seal.signatures.iter().map(|own| own.principal.as_str()).collect();
    let quoted = |name: &str| all.contains(&name);
    if let Some(other) = subject.signers.iter().find(|signer| !quoted(signer.principal())) {
        return Err(Failure::new(format!(
            "the package is sealed, by {}: `{}` cannot be added",
            all.join(" and "),
            other.principal()
        ))
        .hint("leave this --sign-as out; nothing was signed"));
    }
    if let Some((other, _)) = subject.present.iter().find(|(name, _)| !quoted(name)) {
        return Err(Failure::no(format!(
            "{}: package.seal of this run, which is on the custody log, does not quote it",
            signature_path(package, other).display()
        ))
        .hint("the other copy was sealed without this signature: move the file out of the package, and give the command again; nothing was signed"));
    }
    let writes = signatures(subject, seal)?;
    let missing_head = case.filter(|case| !case.log().is_headed_from(index));
    let lacks = own.size() <= index || missing_head.is_some() || case.is_some() && !own.is_headed_from(index);
    if writes.is_empty() && !lacks {
        return Err(match subject.signers.first() {
            Some(who) => Failure::new(format!("`{}` has sealed this package already", who.principal())),
            None => Failure::new("nobody signs, and this package is sealed already"),
        }
        .hint("nothing is left to sign; `ambit-verify PKG --trust FILE` checks it"));
    }
    // All that can stand in the way is asked for before the first signature is written.
    let log_key = missing_head.map(|case| subject.log_key(case)).transpose()?;
    for (path, bytes) in &writes {
        if disk.exists(path) {
            disk.remove_file(path).context("seal")?;
        }
        disk.write_new(path, bytes).context("seal")?;
    }
    if let Some(case) = case {
        if let Some(key) = &log_key {
            case.log().checkpoint(key).context("custody log")?;
        }
        case.log().copy_to(&mut own).context("custody log")?;
    }
    let text = format!(
        "sealed by {}; package.seal was on the log already, event {index}, and this copy has it and its signatures now",
        all.join(" and ")
    );
    let value = json!({ "tagmanifest": found, "signed_by": all, "sealed": true, "missing": [] });
    console.result(&value, text)?;
    Ok(Exit::Done)
}

/// The signature files that the package lacks of those that package.seal quotes.
fn signatures(subject: &Subject<'_>, seal: &PackageSeal) -> Result<Vec<(PathBuf, Vec<u8>)>, Failure> {
    let package = &subject.args.package;
    let (mut writes, mut lacks) = (Vec::new(), Vec::new());
    for quote in &seal.signatures {
        let name = quote.principal.as_str();
        let found = subject.present.iter().find(|(own, _)| own == name).map(|(_, bytes)| bytes.as_slice());
        if found.is_some_and(|bytes| Digest::of(bytes) == quote.signature) {
            continue;
        }
        let here = subject.signers.iter().find(|signer| signer.principal() == name);
        let made = here.map(|signer: &Signer| signature(signer, &subject.bytes));
        let made = made.filter(|made| Digest::of(made) == quote.signature);
        match (made, found) {
            (Some(made), None) => writes.push((signature_path(package, name), made)),
            (Some(made), Some(bytes)) if is_torn(bytes, &made) => {
                writes.push((signature_path(package, name), made));
            }
            _ => lacks.push(signature_path(package, name).display().to_string()),
        }
    }
    if lacks.is_empty() {
        return Ok(writes);
    }
    Err(Failure::new(format!(
        "package.seal of this run is on the custody log, and this copy lacks what it quotes: {}",
        lacks.join(" and ")
    ))
    .hint("copy each from `seal/` of the copy that is sealed, in place of what is there, and give the command again; or have who signed that one sign this one, with the same key; nothing was signed"))
}
