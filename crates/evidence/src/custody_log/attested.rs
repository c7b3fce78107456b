//! Attestations on the log: each is about a sealed package, and signed by those who may say so.

use std::collections::BTreeMap;

use scope::Digest;

use super::Logged;
use crate::acquisition::RunNumber;
use crate::attestation::{Attestation, Statement};
use crate::event::Action;
use crate::trust::Trust;

/// What is wrong with an attestation about a run that has no package.seal before it.
pub(super) fn not_sealed(run: RunNumber) -> String {
    format!("the attestation is about run {run}, not sealed yet")
}

/// What is wrong with the attestation of this entry, if it has one. `sealed`: what was sealed before it, by run.
pub(super) fn problems(logged: &Logged, trust: &Trust, sealed: &BTreeMap<RunNumber, Digest>) -> Vec<String> {
    let (Some(attested), Some(files)) = (logged.event.action.attested(), &logged.attestation) else {
        return Vec::new();
    };
    let attestation = match Attestation::parse(&files.text) {
        Ok(attestation) => attestation,
        Err(error) => return vec![error.to_string()],
    };
    let mut problems = Vec::new();
    let fits = matches!(
        (&logged.event.action, &attestation.statement),
        (Action::AuditorReplay(_), Statement::Replay(_)) | (Action::HolderVerdict(_), Statement::Holder(_))
    );
    if !fits {
        problems.push(format!(
            "{} quotes an attestation `{}`",
            logged.event.action.kind(),
            attestation.statement.word()
        ));
    }
    if attestation.package != attested.package {
        problems.push(format!("the attestation is about run {}", attestation.package));
    }
    match sealed.get(&attested.package) {
        Some(tagmanifest) if *tagmanifest == attestation.tagmanifest => {}
        Some(tagmanifest) => problems.push(format!(
            "the attestation is about the sealed bytes {}, run {} was sealed as {tagmanifest}",
            attestation.tagmanifest, attested.package
        )),
        None => problems.push(not_sealed(attested.package)),
    }
    for (principal, armored) in &files.signatures {
        // The key is judged when the log quotes the signature: the time in the text is the signer's alone.
        let when = logged.event.when.at();
        if let Err(refused) = attestation.signed_by(&files.text, trust, principal, armored, when) {
            problems.push(format!("attestation.txt: {refused}"));
        }
    }
    problems
}
