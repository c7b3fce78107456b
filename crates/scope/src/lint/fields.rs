//! The fields of the whole policy: keys, dates, what is kept.

use std::collections::BTreeSet;

use super::Remarks;
use crate::policy::LeftRecord;

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
