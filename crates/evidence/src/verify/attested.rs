//! What auditors have signed of this package, as the custody log has it.

use crate::acquisition::RunNumber;
use crate::attestation::{Attestation, Statement, Verdict};
use crate::custody_log::{Log, folder};
use crate::trust::Trust;

/// What a log whose attestations hold says of one package.
#[derive(Debug, Default)]
pub(crate) struct Attested {
    /// One sentence for each attestation.
    pub(crate) told: Vec<String>,
    /// One for each that says no: whoever relies on the package has to know.
    pub(crate) refuted: Vec<String>,
}

/// Goes through a log that was replayed and has no problem.
pub(crate) fn of(log: &Log, trust: &Trust, run: Option<RunNumber>) -> Attested {
    let mut found = Attested::default();
    for logged in &log.entries {
        let Some(files) = &logged.attestation else { continue };
        let Ok(attestation) = Attestation::parse(&files.text) else { continue };
        if Some(attestation.package) != run {
            continue;
        }
        let at = folder(logged.event.index);
        let signers = files.signatures.iter().filter_map(|(name, _)| trust.principal(name));
        let signers: Vec<_> = signers.map(|p| format!("{} ({})", p.person, p.organisation)).collect();
        let (said, no) = said(&attestation.statement);
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
        Statement::Prefix(prefix) => (format!("{} items under a path", prefix.under.all()), false),
    }
}
