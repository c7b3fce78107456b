//! What auditors and holders have signed of this package, as the custody log has it.

use scope::Policy;

use crate::acquisition::{Acquisition, SetName};
use crate::attestation::{About, Attestation, ItemVerdict, Statement, Verdict};
use crate::custody_log::{Log, folder};
use crate::trust::{Principal, Trust};

/// What a log whose attestations hold says of one package.
#[derive(Debug, Default)]
pub(crate) struct Attested {
    /// What attestations say of this package that it says otherwise itself.
    pub(crate) problems: Vec<String>,
    /// One sentence for each attestation.
    pub(crate) told: Vec<String>,
    /// One for each that says no: whoever relies on the package has to know.
    pub(crate) refuted: Vec<String>,
    /// Sets that a holder has checked and found in order, and who.
    pub(crate) holders: Vec<(SetName, String)>,
}

/// Goes through a log that was replayed and has no problem.
pub(crate) fn of(
    log: &Log,
    trust: &Trust,
    acquisition: Option<&Acquisition>,
    policy: Option<&Policy>,
) -> Attested {
    let run = acquisition.map(|acquisition| acquisition.package);
    let mut found = Attested::default();
    for logged in &log.entries {
        let Some(files) = &logged.attestation else { continue };
        let Ok(attestation) = Attestation::parse(&files.text) else { continue };
        if Some(attestation.package) != run {
            continue;
        }
        let at = folder(logged.event.index);
        if let Some(acquisition) = acquisition {
            let wrong = attestation.contradictions(About { acquisition, policy, log }, logged.event.index);
            if !wrong.is_empty() {
                found
                    .problems
                    .extend(wrong.into_iter().map(|wrong| format!("{at}: attestation.txt: {wrong}")));
                continue;
            }
        }
        let signers = files.signatures.iter().filter_map(|(name, _)| trust.principal(name));
        let signers: Vec<&Principal> = signers.collect();
        let holds_key = |set: &SetName| {
            let recipients =
                acquisition.and_then(|acquisition| acquisition.set(set)).map(|set| &set.recipients);
            let is_for = |key: &String| recipients.is_some_and(|recipients| recipients.contains(key));
            signers.iter().all(|signer| signer.age.iter().any(is_for))
        };
        let own = match &attestation.statement {
            Statement::Holder(held) => Some((&held.set, holds_key(&held.set), held.problem.is_none())),
            _ => None,
        };
        let signers: Vec<_> = signers.iter().map(|p| format!("{} ({})", p.person, p.organisation)).collect();
        let (mut said, no) = said(&attestation.statement);
        match own {
            Some((set, true, true)) => found.holders.push((set.clone(), signers.join(" and "))),
            Some((_, false, _)) => said.push_str(", without a key in the trust file for which the set is"),
            _ => {}
        }
        let sentence = format!("{at}: {} signed, for {}: {said}", signers.join(" and "), attestation.when);
        if no {
            found.refuted.push(sentence.clone());
        }
        found.told.push(sentence);
    }
    found
}

/// What a statement comes to, and whether anything in it is a no.
fn said(statement: &Statement) -> (String, bool) {
    match statement {
        Statement::Replay(replay) => {
            let verdicts = [replay.intact, replay.followed, replay.matched];
            let [intact, followed, matched] = verdicts;
            let findings = replay.findings.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
            let text = format!(
                "{} records replayed; intact {intact}, followed {followed}, matched {matched}; {findings} findings",
                replay.records
            );
            (text, verdicts.contains(&Verdict::No) || findings > 0)
        }
        Statement::Holder(held) => match &held.problem {
            None => {
                let unread = match held.numbers(&[ItemVerdict::Unread]) {
                    0 => String::new(),
                    count => format!("; of {count} of these objects not one byte could be read"),
                };
                let text = format!(
                    "set {} checked: {} objects with {} bytes, one to one{unread}",
                    held.set, held.objects, held.bytes
                );
                (text, false)
            }
            Some(problem) => (format!("set {} is not in order: {problem}", held.set), true),
        },
        Statement::Prefix(prefix) => (format!("{} items under a path", prefix.under.all()), false),
    }
}
