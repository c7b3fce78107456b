//! The fields of the whole policy: keys, dates, what is kept.

use std::collections::BTreeSet;

use super::Remarks;
use crate::placeholder::{LAST_DATE, RECIPIENTS, is_to_fill_in};
use crate::policy::{LeftRecord, MediumIdKind, UnknownDefault};

/// Identities that stand outside the bytes of a medium, and that a copy of them need not have.
const FROM_OUTSIDE: [MediumIdKind; 3] = [MediumIdKind::Serial, MediumIdKind::Wwn, MediumIdKind::AssetTag];

pub(super) fn keys(remarks: &mut Remarks<'_>) {
    let policy = remarks.policy;
    let recipients = policy.recipients();
    let case: BTreeSet<&String> = recipients.case.iter().chain(&recipients.captured_also).collect();
    let shared = |keys: &[String]| keys.iter().any(|key| case.contains(key));
    for (at, compartment) in policy.compartments().iter().enumerate() {
        if shared(&compartment.recipients) {
            let message = "the case team has a key of this compartment: what is held from it is open to it";
            let place = format!("compartment.{at}.recipients");
            remarks.add("shared-key", format!("compartment {}", compartment.id), &place, message);
        }
    }
    for (id, who, keys) in
        [("shared-key", "auditor", &recipients.auditor), ("court-key", "court", &recipients.court)]
    {
        if keys.iter().any(|key| recipients.case.contains(key)) {
            let message =
                format!("the case team has a key of the {who}: the names of what was left are open to it");
            remarks.add(id, "recipients".to_owned(), &format!("recipients.{who}"), message);
        }
    }
}

/// What an imported draft leaves to a person.
pub(super) fn placeholders(remarks: &mut Remarks<'_>) {
    let policy = remarks.policy;
    let (recipients, authority, record) = (policy.recipients(), policy.authority(), policy.record());
    let keys = [("case", &recipients.case), ("auditor", &recipients.auditor), ("court", &recipients.court)];
    for (who, keys) in keys {
        if keys.iter().any(|key| RECIPIENTS.contains(&key.as_str())) {
            let message = "a recipient is the placeholder of a draft: nobody has its key, and nobody could ever open what is encrypted to it";
            remarks.add("nobodys-key", "recipients".to_owned(), &format!("recipients.{who}"), message);
        }
    }
    let message = "it still says what is to be filled in";
    let first = |texts: &[String]| texts.iter().any(|text| is_to_fill_in(text));
    let media = &policy.target().media;
    let label = media.iter().any(|own| is_to_fill_in(&own.label));
    let ids = media.iter().any(|own| own.ids.iter().any(|(_, id)| is_to_fill_in(id)));
    for (place, found) in [
        ("id", is_to_fill_in(policy.schema_id())),
        ("target.media", label || ids),
        ("title", is_to_fill_in(policy.title())),
        ("authority.court", is_to_fill_in(&authority.court)),
        ("authority.docket", is_to_fill_in(&authority.docket)),
        ("authority.instrument", is_to_fill_in(&authority.instrument)),
        ("authority.legal_basis", first(&authority.legal_basis)),
        ("authority.particulars", first(&authority.particulars)),
        ("record.holder", is_to_fill_in(&record.holder)),
        ("record.basis", is_to_fill_in(&record.basis)),
        ("record.until", is_to_fill_in(&record.until)),
    ] {
        if found {
            remarks.add("placeholder", place.to_owned(), place, message);
        }
    }
    // A draft has one rule for each artifact: one remark stands for all of them.
    for (place, date) in [
        ("authority.issued", authority.issued),
        ("authority.execute_by", authority.execute_by),
        ("authority.review_by", authority.review_by),
    ] {
        if date.timestamp() <= LAST_DATE {
            let message = "the date is that of a draft";
            remarks.add("placeholder", place.to_owned(), place, message);
        }
    }
    let open: Vec<usize> = policy
        .rules()
        .iter()
        .enumerate()
        .filter(|(_, rule)| is_to_fill_in(&rule.basis))
        .map(|(at, _)| at)
        .collect();
    if let Some(first) = open.first() {
        let message = format!("the basis of {} rules still says what is to be filled in", open.len());
        remarks.add("placeholder", "rules".to_owned(), &format!("rule.{first}.basis"), message);
    }
}

pub(super) fn fields(remarks: &mut Remarks<'_>) {
    let policy = remarks.policy;
    if policy.version() > 1 && policy.supersedes().is_none() {
        let message = format!("version {} does not say which policy it takes the place of", policy.version());
        remarks.add("unnamed-version", "version".to_owned(), "version", message);
    }
    let authority = policy.authority();
    if authority.execute_by > authority.review_by {
        let message = "`execute_by` is later than `review_by`: the review ends before the copying";
        remarks.add("execute-after-review", "authority".to_owned(), "authority.review_by", message);
    }
    if policy.target().containers.is_some() && policy.defaults().unknown == UnknownDefault::Left {
        let message =
            "an archive that is to be captured and cannot be opened is left, since what is unknown is left";
        remarks.add("unopened", "target".to_owned(), "target.containers", message);
    }
    for (at, medium) in policy.target().media.iter().enumerate() {
        let about = || format!("medium {}", medium.label);
        let has = |kinds: &[MediumIdKind]| medium.ids.iter().any(|(kind, _)| kinds.contains(kind));
        // What an image does not show is no help where an image is what there is.
        let others = medium.ids.iter().filter(|(kind, _)| !FROM_OUTSIDE.contains(kind)).count();
        if has(&[MediumIdKind::MbrSignature]) && others == 1 {
            let message = if has(&[MediumIdKind::Serial, MediumIdKind::Wwn]) {
                "an image seldom shows a serial number and never a WWN: then the medium is known by the signature of its MBR alone, 32 bits, \
                 which each copy of a disk has, too, and which are easily set; a capture of it has a departure"
            } else {
                "the medium is known by the signature of its MBR alone: 32 bits, which each copy of a disk has, too, and which are easily \
                 set; each capture of it has a departure"
            };
            remarks.add("weak-identity", about(), &format!("target.media.{at}.mbr_signature"), message);
        }
        for (kind, value) in &medium.ids {
            if let Some(other) = policy.target().with(*kind, value, &medium.label).first() {
                let word = kind.word();
                let message = format!(
                    "`{other}` has the same {word}: what two media have in common tells neither from the other, and neither is known by it"
                );
                remarks.add("shared-identity", about(), &format!("target.media.{at}.{word}"), message);
            }
        }
    }
    let until = policy.record().until.to_lowercase();
    let endless =
        ["indefinite", "unlimited", "forever", "permanent", "not kept", "unknown", "to be determined"];
    let blank = ["none", "no", "-", "n/a", "tbd", "?"].contains(&until.trim());
    if policy.record().left == LeftRecord::Facts && (blank || endless.iter().any(|word| until.contains(word)))
    {
        let message =
            "the facts of what was left, other people's among them, are kept, and `until` names no end";
        remarks.add("kept-forever", "record".to_owned(), "record.until", message);
    }
}
