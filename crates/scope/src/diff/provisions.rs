//! What does not depend on the item: keys, looks that are allowed, dates, what is kept.
//!
//! Each field that differs is told by its own comparison. One that differs and of which nothing is told is *not worked
//! out*, so that no field can be forgotten.

use std::collections::BTreeSet;

use super::fields::fields;
use super::{Audience, Finding, Way, add, containers, published, searched, target};
use crate::facts::Look;
use crate::policy::{Compartment, Hours, LeftRecord, Policy, UNREAD_VOLUMES};

/// Tells what one field gives to whom, where it differs.
type Tell = fn(&Policy, &Policy, &mut Vec<Finding>);

/// Compares everything but the rules.
pub(super) fn compare(before: &Policy, after: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (old, new) = (fields(before), fields(after));
    let differing: BTreeSet<&str> =
        old.iter().filter(|(name, value)| new.get(*name) != Some(value)).map(|(name, _)| *name).collect();
    for name in &differing {
        let own = TOLD.iter().find(|(known, ..)| known == name);
        let first = findings.len();
        if let Some((_, tell, _)) = own {
            tell(before, after, &mut findings);
        }
        let may_be_silent = own.is_some_and(|(_, _, may_be_silent)| *may_be_silent);
        if findings.len() == first && !may_be_silent {
            let what = format!("`{name}` differs");
            add(&mut findings, Way::Unsaid, Audience::CaseTeam, what);
        }
    }
    target::reached(before, &differing, &mut findings);
    published::compare(before, after, &mut findings);
    searched::compare(before, after, &mut findings);
    findings
}

/// Each field, who tells of it, and whether silence means that nothing changes, however it is written.
const TOLD: [(&str, Tell, bool); 29] = [
    ("authority.conditions", conditions, false),
    ("authority.execute_by", execute_by, false),
    ("authority.hours", hours, false),
    ("authority.issued", issued, false),
    ("authority.review_by", review_by, false),
    ("compartment", compartments, false),
    ("defaults.not_searchable", not_searchable, false),
    ("defaults.path_case", path_case, false),
    ("defaults.unknown", unknown, false),
    ("defaults.zoneless_times", zoneless_times, false),
    ("limits.bytes", target::bytes, false),
    ("limits.items", target::items, false),
    ("recipients.auditor", auditor, false),
    ("recipients.captured_also", captured_also, false),
    ("recipients.case", case, false),
    ("recipients.court", court, false),
    ("record.holder", holder, false),
    ("record.left", left, false),
    ("record.until", until, false),
    ("target.closed", target::closed, true),
    ("target.containers", containers::compare, false),
    ("target.deleted", target::deleted, false),
    ("target.inspect", looks, false),
    ("target.live", target::live, false),
    ("target.media", target::media, false),
    ("target.slack", target::slack, false),
    ("target.streams", target::streams, false),
    ("target.unallocated", target::unallocated, false),
    ("target.unread_volumes", target::unread_volumes, false),
];

fn case(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let (was, is) = (&before.recipients().case, &after.recipients().case);
    keys(was, is, &Audience::CaseTeam, "opens what is captured", findings);
}

fn captured_also(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let (was, is) = (&before.recipients().captured_also, &after.recipients().captured_also);
    keys(was, is, &Audience::CaseTeam, "opens what is captured, too", findings);
}

fn auditor(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let (was, is) = (&before.recipients().auditor, &after.recipients().auditor);
    keys(was, is, &Audience::AuditorAndCourt, "of the auditor opens the ledger", findings);
}

fn court(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let (was, is) = (&before.recipients().court, &after.recipients().court);
    keys(was, is, &Audience::AuditorAndCourt, "of the court opens the ledger", findings);
}

fn keys(was: &[String], is: &[String], audience: &Audience, what: &str, findings: &mut Vec<Finding>) {
    for key in is.iter().filter(|key| !was.contains(key)) {
        add(findings, Way::Adds, audience.clone(), format!("a recipient: {key} {what}"));
    }
    for key in was.iter().filter(|key| !is.contains(key)) {
        add(findings, Way::Changes, audience.clone(), format!("a recipient goes: {key} {what}"));
    }
}

fn compartments(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let own = |policy: &'_ Policy| -> Vec<Compartment> {
        policy.compartments().iter().filter(|own| own.id != UNREAD_VOLUMES).cloned().collect()
    };
    let (old, new) = (own(before), own(after));
    for is in &new {
        let audience = Audience::Compartment(is.id.clone());
        match old.iter().find(|was| was.id == is.id) {
            None => add(findings, Way::Changes, audience, "the compartment is new".to_owned()),
            Some(was) => {
                keys(&was.recipients, &is.recipients, &audience, "opens what is held for it", findings);
                if was.release != is.release {
                    add(
                        findings,
                        Way::Changes,
                        audience.clone(),
                        "its condition of release differs".to_owned(),
                    );
                }
                if was.label != is.label {
                    add(findings, Way::Changes, audience, "who it is differs".to_owned());
                }
            }
        }
    }
    for was in old.iter().filter(|was| !new.iter().any(|is| is.id == was.id)) {
        add(findings, Way::Changes, Audience::Compartment(was.id.clone()), "the compartment goes".to_owned());
    }
    let order = |policy: &[Compartment], other: &[Compartment]| -> Vec<String> {
        let both = policy.iter().filter(|own| other.iter().any(|known| known.id == own.id));
        both.map(|own| own.id.clone()).collect()
    };
    if order(&old, &new) != order(&new, &old) {
        add(findings, Way::Changes, Audience::CaseTeam, "the compartments come in another order".to_owned());
    }
}

fn looks(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    for look in Look::ALL {
        let allowed = |policy: &Policy| policy.target().inspect.contains(&look);
        match (allowed(before), allowed(after)) {
            (false, true) => {
                add(findings, Way::Adds, Audience::Examiners, format!("the look {} is allowed", look.word()));
            }
            (true, false) => {
                let what = format!(
                    "the look {} is no longer allowed, so that what needs it is unknown",
                    look.word()
                );
                add(findings, Way::Changes, Audience::Examiners, what);
            }
            _ => {}
        }
    }
}

fn unknown(_: &Policy, _: &Policy, findings: &mut Vec<Finding>) {
    changes(findings, Audience::CaseTeam, "what cannot be determined goes elsewhere");
}

fn path_case(_: &Policy, _: &Policy, findings: &mut Vec<Finding>) {
    changes(
        findings,
        Audience::CaseTeam,
        "names compare otherwise; what that does to items was not worked out",
    );
}

fn zoneless_times(_: &Policy, _: &Policy, findings: &mut Vec<Finding>) {
    let what = "times without a zone are read otherwise; what that does to items was not worked out";
    changes(findings, Audience::CaseTeam, what);
}

fn not_searchable(_: &Policy, _: &Policy, findings: &mut Vec<Finding>) {
    let what = "files without text are read otherwise; what that does to items was not worked out";
    changes(findings, Audience::CaseTeam, what);
}

fn left(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    match (before.record().left, after.record().left) {
        (LeftRecord::Counts, LeftRecord::Facts) => {
            let what = "names: facts of what was left are kept, other people's among them";
            add(findings, Way::Adds, Audience::AuditorAndCourt, what.to_owned());
        }
        (LeftRecord::Facts, LeftRecord::Counts) => {
            let what = "facts of what was left are no longer kept, so that its decisions cannot be replayed";
            changes(findings, Audience::AuditorAndCourt, what);
        }
        _ => {}
    }
}

fn holder(_: &Policy, _: &Policy, findings: &mut Vec<Finding>) {
    changes(findings, Audience::AuditorAndCourt, "who keeps the record of what was left");
}

fn until(_: &Policy, _: &Policy, findings: &mut Vec<Finding>) {
    changes(findings, Audience::AuditorAndCourt, "until when is kept the record of what was left");
}

fn issued(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let earlier = after.authority().issued < before.authority().issued;
    let what = "time from when the order is issued: before it no work begins";
    span(earlier, what, what, findings);
}

fn execute_by(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let later = after.authority().execute_by > before.authority().execute_by;
    let what = "time for seizure or copying on site";
    span(later, what, what, findings);
}

fn review_by(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let later = after.authority().review_by > before.authority().review_by;
    let what = "time for review in the laboratory";
    span(later, what, what, findings);
}

/// A span of time that is longer, or shorter.
fn span(longer: bool, gained: &str, lost: &str, findings: &mut Vec<Finding>) {
    let (way, what) = if longer { (Way::Adds, gained) } else { (Way::Removes, lost) };
    add(findings, way, Audience::Examiners, what.to_owned());
}

fn hours(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let way = match (before.authority().hours, after.authority().hours) {
        (Hours::Any, Hours::Daily { .. }) => Way::Removes,
        (Hours::Daily { .. }, Hours::Any) => Way::Adds,
        _ => Way::Changes,
    };
    add(findings, way, Audience::Examiners, "hours for work on site".to_owned());
}

fn conditions(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let (old, new) = (&before.authority().conditions, &after.authority().conditions);
    for duty in old.iter().filter(|duty| !new.contains(duty)) {
        changes(findings, Audience::Examiners, &format!("a duty falls away: {duty}"));
    }
    // It is a text: whether it binds somebody or gives something, only a person can say.
    for duty in new.iter().filter(|duty| !old.contains(duty)) {
        add(findings, Way::Unsaid, Audience::Examiners, format!("a duty is new: {duty}"));
    }
}

fn changes(findings: &mut Vec<Finding>, audience: Audience, what: &str) {
    add(findings, Way::Changes, audience, what.to_owned());
}
