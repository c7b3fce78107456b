//! A package whose run has package.seal on the custody log: a second copy, or one whose sealing was broken off.
//!
//! The event quotes the sealed bytes and each signature by digest. What a
//! copy lacks of it another copy has, or it is made again, since a signer's key gives the same
//! signature each time, or is asked for; the log is copied. Nothing is appended.

use std::path::PathBuf;

use custody::seal::{is_torn, signature, signature_path};
use custody::{CaseFolder, LogFolder};
use evidence::event::PackageSeal;
use scope::Digest;
use serde_json::json;

use super::Subject;
use super::copy::{OneCopy, longest, write};
use crate::console::{Console, Context as _, Exit, Failure};

/// Gives each copy of the package what package.seal, at `index` of the log, says that it has.
pub(super) fn complete(
    mut subject: Subject<'_>,
    (index, seal): (u64, &PackageSeal),
    case: Option<&CaseFolder>,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let found = subject.tagmanifest();
    let first = subject.copies.first().map(|copy| copy.path.display().to_string()).unwrap_or_default();
    if seal.tagmanifest != found {
        return Err(Failure::no(format!(
            "the custody log has package.seal of this run over the sealed bytes {}, and those of {first} are {found}",
            seal.tagmanifest
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
    let present =
        subject.copies.iter().flat_map(|copy| copy.present.iter().map(move |(name, _)| (copy, name)));
    if let Some((copy, other)) = { present }.find(|(_, name)| !quoted(name)) {
        return Err(Failure::no(format!(
            "{}: package.seal of this run, which is on the custody log, does not quote it",
            signature_path(&copy.path, other).display()
        ))
        .hint("the other copy was sealed without this signature: move the file out of the package, and give the command again; nothing was signed"));
    }
    let writes = subject.copies.iter().map(|copy| signatures(&subject, copy, seal));
    let writes = writes.collect::<Result<Vec<_>, _>>()?.concat();
    let missing_head = case.filter(|case| !case.log().is_headed_from(index));
    let lacks_log =
        |copy: &OneCopy| copy.log.size() <= index || case.is_some() && !copy.log.is_headed_from(index);
    if writes.is_empty() && missing_head.is_none() && !subject.copies.iter().any(lacks_log) {
        return Err(match subject.signers.first() {
            Some(who) => Failure::new(format!("`{}` has sealed this package already", who.principal())),
            None => Failure::new("nobody signs, and this package is sealed already"),
        }
        .hint("nothing is left to sign; `ambit-verify PKG --trust FILE` checks it"));
    }
    // All that can stand in the way is asked for before the first signature is written.
    let log_key = missing_head.map(|case| subject.log_key(case)).transpose()?;
    write(&subject.disk, &writes)?;
    if let (Some(case), Some(key)) = (case, &log_key) {
        case.log().checkpoint(key).context("custody log")?;
    }
    // Without the case folder, the copy whose log has the seal gives it to the others.
    let own = match (case, longest(&subject.copies)) {
        (None, Some(longest)) => {
            let own = LogFolder::open(&subject.disk, &longest.path, longest.log.origin());
            Some(own.context("custody log")?)
        }
        _ => None,
    };
    if let Some(log) = case.map(CaseFolder::log).or(own.as_ref()) {
        let mut copies = subject.copies.iter_mut();
        copies.try_for_each(|copy| log.copy_to(&mut copy.log)).context("custody log")?;
    }
    let has = match subject.copies.len() {
        1 => "this copy has it and its signatures now".to_owned(),
        count => format!("each of {count} copies has it and its signatures now"),
    };
    let text = format!(
        "sealed by {}; package.seal was on the log already, event {index}, and {has}",
        all.join(" and ")
    );
    let value = json!({ "tagmanifest": found, "signed_by": all, "sealed": true, "missing": [], "packages": subject.packages() });
    console.result(&value, text)?;
    Ok(Exit::Done)
}

/// The signature files that a copy lacks of those that package.seal quotes: another copy has them, or who signed is here.
fn signatures(
    subject: &Subject<'_>,
    copy: &OneCopy,
    seal: &PackageSeal,
) -> Result<Vec<(PathBuf, Vec<u8>)>, Failure> {
    let (mut writes, mut lacks) = (Vec::new(), Vec::new());
    for quote in &seal.signatures {
        let name = quote.principal.as_str();
        let is_quoted = |bytes: &[u8]| Digest::of(bytes) == quote.signature;
        let found = copy.of(name);
        if found.is_some_and(is_quoted) {
            continue;
        }
        let path = signature_path(&copy.path, name);
        let here = subject.signers.iter().find(|signer| signer.principal() == name);
        let here = here.map(|signer| signature(signer, &subject.bytes)).filter(|made| is_quoted(made));
        let there =
            || subject.copies.iter().filter_map(|other| other.of(name)).find(|bytes| is_quoted(bytes));
        match here.or_else(|| there().map(<[u8]>::to_vec)) {
            Some(whole) if found.is_none_or(|bytes| is_torn(bytes, &whole)) => writes.push((path, whole)),
            _ => lacks.push(path.display().to_string()),
        }
    }
    if lacks.is_empty() {
        return Ok(writes);
    }
    Err(Failure::new(format!(
        "package.seal of this run is on the custody log, and this copy lacks what it quotes: {}",
        lacks.join(" and ")
    ))
    .hint("name the copy that is sealed in the same command, and this one gets its signatures; or have who signed that one sign this one, with the same key; nothing was signed"))
}
