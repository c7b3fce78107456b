//! The sentences of an attestation: what its fields mean, in words that a person signs.

use super::{Attestation, Counts, Prefix, Replay, SetVerdict, Statement, Verdict};

/// Who speaks, and what that is worth.
const LABEL: &str = "This is an attestation: the word of whoever signs it, and no proof.";

/// The sentences, in order. They follow from the fields alone.
pub(super) fn sentences(attestation: &Attestation) -> Vec<String> {
    let mut said = match &attestation.statement {
        Statement::Replay(replay) => of_replay(replay),
        Statement::Prefix(prefix) => of_prefix(prefix, attestation.inventory.size),
        Statement::Holder(held) => of_holder(held),
    };
    if !attestation.trust_compared {
        said.push("The words of the trust file were not compared with paper.".to_owned());
    }
    said.push(LABEL.to_owned());
    said
}

fn of_replay(replay: &Replay) -> Vec<String> {
    let mut said = vec![match replay.intact {
        Verdict::Yes => "The package is as it was when it was sealed.".to_owned(),
        Verdict::No => "The package is not, or not provably, what was sealed.".to_owned(),
        Verdict::NotChecked => "Whether the package is what was sealed could not be found out.".to_owned(),
    }];
    said.push(match replay.followed {
        Verdict::Yes => format!(
            "I opened every part of the ledger, {} records; every recorded decision follows from the policy and the \
             recorded facts, each record has its inventory line, and each line its record.",
            replay.records
        ),
        Verdict::No => "It is not so that every recorded decision follows from the policy and the recorded facts.".to_owned(),
        Verdict::NotChecked => "The ledger was not replayed to its end.".to_owned(),
    });
    said.push(match replay.matched {
        Verdict::Yes => "The original was examined again, and agrees with the record.".to_owned(),
        Verdict::No => "The original was examined again, and does not agree with the record.".to_owned(),
        Verdict::NotChecked => "Whether the record agrees with the original is not said here.".to_owned(),
    });
    let findings: Vec<String> =
        replay.findings.iter().map(|(kind, count)| format!("{count} of the kind {kind}")).collect();
    if !findings.is_empty() {
        said.push(format!("Findings: {}.", findings.join(", ")));
    }
    if replay.departures > 0 {
        said.push(format!(
            "Departures from the order or the procedure that the report names: {}.",
            replay.departures
        ));
    }
    said
}

fn of_holder(held: &SetVerdict) -> Vec<String> {
    match &held.problem {
        None => vec![
            format!(
                "I opened every part of the set {}, {} objects with {} bytes; rows, objects and inventory lines are one to one, \
                 and each object has the recorded digest.",
                held.set, held.objects, held.bytes
            ),
            "Nothing of the content is disclosed by this.".to_owned(),
        ],
        Some(_) => vec![format!("I opened the set {}, and it is not what the record says.", held.set)],
    }
}

fn of_prefix(prefix: &Prefix, lines: u64) -> Vec<String> {
    let Counts { captured, held, listed, left } = prefix.under;
    let mut said = vec![
        format!(
            "I replayed every record of the ledger, {} for {lines} inventory lines; each decision follows from the \
             policy and the recorded facts, and each line is accounted for.",
            prefix.records
        ),
        format!(
            "Of {} items on record that have a name under {}, captured {captured}, held {held}, listed {listed}, left {left}.",
            prefix.under.all(),
            prefix.path
        ),
    ];
    said.push(match (captured, held) {
        (0, 0) => "Nothing of yours under this path was taken.".to_owned(),
        (0, _) => {
            "Nothing under this path went to the case team; what was held lies with a holder.".to_owned()
        }
        _ => "Something under this path was taken.".to_owned(),
    });
    if listed > 0 {
        said.push("Of the listed items the names were handed over, and no content.".to_owned());
    }
    if prefix.unnamed_kept > 0 {
        said.push(format!(
            "On the whole medium {} items were taken that have no name on record or not all of their names, such as \
             unallocated space: whether they lie or lay under this path is not said here.",
            prefix.unnamed_kept
        ));
    }
    if prefix.unrecorded > 0 {
        said.push(format!(
            "On the whole medium {} items were left of which nothing is on record; those under this path are not among \
             the numbers above.",
            prefix.unrecorded
        ));
    }
    said
}
