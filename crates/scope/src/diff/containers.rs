//! Containers that are opened otherwise: who can get more by it, though no rule says anything else.
//!
//! ```text
//! adds  case team  content: archives that are no longer opened can be captured whole, with what in them is not for the case team
//!       since exclude X-1 was asked of each file in them
//! ```
//!
//! What lies in an archive is not known from the policies: so what is said is what can be, never that it is nothing.

use super::{Audience, Finding, Way};
use crate::policy::{Effect, Policy, Target, UnknownDefault};

/// What it gives, and takes from, whom.
pub(super) fn compare(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let (old, new) = (before.target(), after.target());
    if old.containers == new.containers {
        return;
    }
    // A container that is split gives less of itself and more of what is in it; one that is not, the reverse.
    let what = "containers are opened otherwise: what was taken whole is taken singly, or the reverse";
    push(findings, Way::Changes, Audience::CaseTeam, what.to_owned(), Vec::new());
    if before.limits().bytes.is_some() || after.limits().bytes.is_some() {
        let what =
            "with a limit of bytes, what is kept of earlier containers decides which later items are reached";
        push(findings, Way::Unsaid, Audience::CaseTeam, what.to_owned(), Vec::new());
    }
    if !within(new, old) {
        let what = "more containers are opened, or deeper".to_owned();
        push(findings, Way::Adds, Audience::Examiners, what, Vec::new());
        more_opened(after, findings);
    }
    if !within(old, new) {
        let what = "fewer containers are opened, or less deep".to_owned();
        push(findings, Way::Removes, Audience::Examiners, what, Vec::new());
        fewer_opened(before, after, findings);
    }
}

/// Whether each container that the one opens is one that the other opens.
fn within(one: &Target, other: &Target) -> bool {
    let Some(one) = &one.containers else { return true };
    let Some(other) = &other.containers else { return false };
    one.open.iter().all(|form| other.open.contains(form)) && one.max_depth <= other.max_depth
}

/// An archive that stays closed is decided as one file: whoever gets it gets all that is in it.
fn fewer_opened(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let includes = |policy: &Policy| policy.rules().iter().any(|rule| rule.effect == Effect::Include);
    if includes(after) {
        let kept = rules(before, "was asked", |effect| effect != Effect::Include);
        let what = "content: archives that are no longer opened can be captured whole, with what in them is not for the case team, \
                    or could not be read";
        push(findings, Way::Adds, Audience::CaseTeam, what.to_owned(), kept);
    }
    // What the raw bytes of an archive say decided nothing while it was opened.
    for id in compartments(after) {
        let what = "content: archives that are no longer opened can be held whole";
        push(findings, Way::Adds, Audience::Compartment(id), what.to_owned(), Vec::new());
    }
}

/// Members are decided one by one, and an archive of which not all is known goes where the policy sends such.
fn more_opened(after: &Policy, findings: &mut Vec<Finding>) {
    let what = "content: files in archives that are opened can be captured where their archive was not";
    let included = rules(after, "is asked", |effect| effect == Effect::Include);
    push(findings, Way::Adds, Audience::CaseTeam, what.to_owned(), included);
    if after.rules().iter().any(|rule| rule.effect == Effect::Withhold) {
        let what = "names: files in archives that are opened can be listed";
        let listed = rules(after, "is asked", |effect| effect == Effect::Withhold);
        push(findings, Way::Adds, Audience::CaseTeam, what.to_owned(), listed);
    }
    for id in compartments(after) {
        let what =
            "content: files in archives that are opened, or archives of which not all is known, can be held";
        push(findings, Way::Adds, Audience::Compartment(id), what.to_owned(), Vec::new());
    }
}

/// The compartments to which a rule or what is unknown can send something.
fn compartments(policy: &Policy) -> Vec<String> {
    let unknown = match &policy.defaults().unknown {
        UnknownDefault::Hold(id) => Some(id.clone()),
        UnknownDefault::Left => None,
    };
    let mut ids: Vec<String> =
        policy.rules().iter().filter_map(|rule| rule.to.clone()).chain(unknown).collect();
    ids.sort();
    ids.dedup();
    ids
}

fn rules(policy: &Policy, asked: &str, which: impl Fn(Effect) -> bool) -> Vec<String> {
    let rules = policy.rules().iter().filter(|rule| which(rule.effect));
    rules.map(|rule| format!("{} {} {asked} of each file in them", rule.effect.word(), rule.id)).collect()
}

fn push(findings: &mut Vec<Finding>, way: Way, audience: Audience, what: String, because: Vec<String>) {
    findings.push(Finding { way, audience, what, because });
}
