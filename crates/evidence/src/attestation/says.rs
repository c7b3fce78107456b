//! The sentences of an attestation: what its fields mean, in words that a person signs.

use crate::listing::Listed;
use crate::report::Compared;

use super::{
    Archives, Attestation, Counts, Ending, ItemVerdict, Portion, Prefix, Replay, SetVerdict, Statement,
    Unread, Verdict, Within,
};

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
    let stopped = replay.compared.is_some_and(|compared| compared.beyond.is_some());
    said.push(match replay.matched {
        Verdict::Yes if stopped => {
            "The original was examined again, and agrees with the record as far as the run went and both could be read."
                .to_owned()
        }
        Verdict::Yes if replay.compared.is_some_and(|all| all.partial > 0 || all.not_compared > 0) => {
            "The original was examined again, and agrees with the record where both could be read.".to_owned()
        }
        Verdict::Yes => "The original was examined again, and agrees with the record.".to_owned(),
        Verdict::No if replay.other_medium.is_some() => format!(
            "What was given as the original is another medium than the one that was acquired: {}. Nothing of it was compared, and \
             whether the record agrees with the original is not said here.",
            replay.other_medium.as_deref().unwrap_or_default()
        ),
        Verdict::No => "The original was examined again, and does not agree with the record.".to_owned(),
        Verdict::NotChecked => "Whether the record agrees with the original is not said here.".to_owned(),
    });
    said.extend(replay.compared.iter().map(of_compared));
    if let Some(listing) = &replay.listing {
        said.push(of_listing(listing));
    }
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

fn of_compared(compared: &Compared) -> String {
    let Compared { objects, partial, not_compared, beyond } = compared;
    let mut said =
        format!("Of the preserved objects {objects} were compared with the content of the original.");
    if *partial > 0 {
        said += &format!(
            " {partial} of them are partial: what could not be read when they were made was not compared."
        );
    }
    if *not_compared > 0 {
        said += &format!(
            " Of {not_compared} items something was not compared: it cannot be read today, or could not be when it was recorded."
        );
    }
    if let Some(beyond) = beyond {
        said += &format!(
            " The run stopped at a limit of the policy: {beyond} items of the original lie beyond it, and nothing of them is on record."
        );
    }
    said
}

fn of_listing(listing: &Listed) -> String {
    let Listed { agreed, differ, .. } = listing;
    format!(
        "The listing that another tool made ({}) was compared with the ledger, and for this the original was not examined: {}; {}.",
        listing.told(),
        match differ {
            0 => format!("{agreed} entries agree, and none differs"),
            _ => format!("{agreed} entries agree, and there are {differ} differences"),
        },
        listing.told_of_digests()
    )
}

fn of_holder(held: &SetVerdict) -> Vec<String> {
    let unread = held.numbers(&[ItemVerdict::Unread]);
    match &held.problem {
        None => [
            Some(format!(
                "I opened every part of the set {}, {} objects with {} bytes; rows, objects and inventory lines are one to one, \
                 and each object has the recorded digest.",
                held.set, held.objects, held.bytes
            )),
            (unread > 0).then(|| {
                format!("Of {unread} of these objects not one byte could be read: they are zeros, and no content of these items is in them. The packed bytes of a file in an archive are in the object of the archive, where that is in the set.")
            }),
            Some("Nothing of the content is disclosed by this.".to_owned()),
        ]
        .into_iter()
        .flatten()
        .collect(),
        Some(_) => vec![format!("I opened the set {}, and it is not what the record says.", held.set)],
    }
}

fn of_prefix(prefix: &Prefix, lines: u64) -> Vec<String> {
    let Counts { captured, held, listed, unread, left } = prefix.under;
    let mut said = vec![
        format!(
            "I replayed every record of the ledger, {} for {lines} inventory lines; each decision follows from the \
             policy and the recorded facts, and each line is accounted for.",
            prefix.records
        ),
        format!(
            "In this package, of {} items on record that have a name under {}, captured {captured}, held {held}, listed \
             {listed}, left {left}, without a readable byte {unread}.",
            prefix.under.all(),
            prefix.path
        ),
    ];
    said.push(match (captured, held) {
        (0, 0) => "Nothing that has a name under this path on record was taken into this package.".to_owned(),
        (0, _) => {
            "Nothing that has a name under this path on record went to the case team with this package; what was held lies \
             with a holder."
                .to_owned()
        }
        _ => "Something under this path was taken.".to_owned(),
    });
    if unread > 0 {
        said.push(format!(
            "{unread} items more under this path were to be taken, and not one byte of their content could be read: they are in no \
             number of what was taken. Their content is on the original, and, packed, in an archive above that was taken whole."
        ));
    }
    let Within { captured, held } = prefix.within;
    if captured > 0 || held > 0 {
        said.push(format!(
            "Of these, {captured} count as captured and {held} as held only since they are files in an archive that was taken \
             whole: none of them was taken by itself."
        ));
    }
    if listed > 0 {
        said.push("Of the listed items the names were handed over, and no content.".to_owned());
    }
    said.extend(of_volumes(prefix));
    let Portion { all, kept } = prefix.other_case;
    if all > 0 {
        said.push(format!(
            "{all} items more have a name under it only if capital and small letters are not told apart, as their volume \
             tells them; {kept} of these were taken."
        ));
    }
    for Ending { path, items: Portion { all, kept } } in &prefix.inside {
        said.push(format!(
            "{all} files in archives have there a name under {path} and none under this path on their volume; {kept} of these \
             were taken. If they were packed at this path, they are meant, too."
        ));
    }
    let Archives { opened, closed, closed_kept } = prefix.archives;
    if opened > 0 || closed > 0 {
        said.push(format!(
            "On the whole medium the files in {opened} archives are on record. {closed} more archives are known that were not \
             opened, or not wholly; {closed_kept} of these were taken, with whatever is in them. What files they hold, and what a \
             file holds whose type was not looked at, is not said here."
        ));
    }
    if !prefix.unread.is_empty() {
        let places = prefix
            .unread
            .iter()
            .map(|Unread { place, length, what }| format!("{place} ({what}, {length} bytes)"));
        said.push(format!(
            "No file was read of {}: what lies there, and whether anything of it is under this path, is not said here.",
            places.collect::<Vec<_>>().join(", ")
        ));
    }
    if !prefix.other_runs.is_empty() {
        let runs = prefix.other_runs.iter().map(ToString::to_string);
        said.push(format!(
            "This is about one package. The custody log shows other runs of the same case, of whose packages nothing is said \
             here: {}.",
            runs.collect::<Vec<_>>().join(", ")
        ));
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

/// Where paths begin, and what would be meant if a volume was in use at a folder of another.
fn of_volumes(prefix: &Prefix) -> Vec<String> {
    let each = prefix.volumes.iter().map(|volume| format!("{} on {}", volume.under, volume.locator));
    let mut said = vec![format!(
        "A path begins at the root of its volume, also where the volume was in use at a folder of another: under this path \
         are {}.",
        each.collect::<Vec<_>>().join(", ")
    )];
    for Ending { path, items: Portion { all, kept } } in &prefix.endings {
        said.push(format!(
            "{all} items more have a name under {path}, with which this path ends; {kept} of these were taken. If their \
             volume was in use at the folder before it, they are meant, too."
        ));
    }
    let not_walked = prefix.volumes.iter().fold(0_u64, |sum, volume| sum.saturating_add(volume.not_walked));
    if not_walked > 0 {
        said.push(format!("{not_walked} places of these volumes could not be walked."));
    }
    said
}
