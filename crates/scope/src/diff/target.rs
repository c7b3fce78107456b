//! `[target]` and `[limits]`: which media and items are come to at all, and who can get more since that differs.

use std::collections::BTreeSet;

use super::{Audience, Finding, Way, add};
use crate::facts::Look;
use crate::glob::{Answer, Glob, covered};
use crate::policy::{Deleted, Effect, MediumIdKind, PathCase, Policy, UnknownDefault, UnreadVolumes};

/// What is walked may be less, and what is kept: under a limit, other items are come to then.
pub(super) fn reached(before: &Policy, differing: &BTreeSet<&str>, findings: &mut Vec<Finding>) {
    let limits = before.limits();
    let differs = |names: &[&str]| names.iter().any(|name| differing.contains(name));
    // Slack is no item of the walk; what is kept of it counts in bytes.
    if (limits.items.is_some() || limits.bytes.is_some()) && differs(&WALKED)
        || limits.bytes.is_some() && differs(&["target.slack"])
    {
        let what = "with a limit, other items are reached where fewer are walked or kept";
        add(findings, Way::Unsaid, Audience::CaseTeam, what.to_owned());
    }
}

/// What decides which items the walk of a medium comes to, apart from the limits. A package has one medium, and volumes that
/// cannot be read have a package of their own. Of containers their own comparison tells.
const WALKED: [&str; 4] = ["target.closed", "target.deleted", "target.streams", "target.unallocated"];

pub(super) fn media(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let (old, new) = (before.target(), after.target());
    for is in &new.media {
        let label = &is.label;
        let mut tell = |way, what| add(findings, way, Audience::Examiners, what);
        match old.media.iter().find(|was| was.label == is.label) {
            None => tell(Way::Adds, format!("the medium {label}")),
            Some(was) if was != is => tell(Way::Changes, format!("what identifies the medium {label}")),
            Some(_) => {}
        }
        // What two media have in common tells neither; once one alone has it, it can stand for the whole medium.
        for (kind, value) in &is.ids {
            let word = MediumIdKind::word(*kind);
            match (old.with(*kind, value, label).is_empty(), new.with(*kind, value, label).is_empty()) {
                (false, true) => {
                    let what = format!(
                        "of the medium {label}: {word} {value} tells it from the others, and did not: more of it can be covered"
                    );
                    tell(Way::Adds, what);
                }
                (true, false) => {
                    let what =
                        format!("of the medium {label}: {word} {value} no longer tells it from the others");
                    tell(Way::Changes, what);
                }
                _ => {}
            }
        }
    }
    for was in old.media.iter().filter(|was| !new.media.iter().any(|is| is.label == was.label)) {
        add(findings, Way::Removes, Audience::Examiners, format!("the medium {}", was.label));
    }
}

pub(super) fn live(before: &Policy, _: &Policy, findings: &mut Vec<Finding>) {
    examined(before.target().live, "running systems", findings);
}

/// What may be examined, and was not, or the reverse.
fn examined(was: bool, what: &str, findings: &mut Vec<Finding>) {
    if was {
        add(findings, Way::Removes, Audience::Examiners, format!("{what} are no longer examined"));
    } else {
        add(findings, Way::Adds, Audience::Examiners, format!("{what} may be examined"));
    }
}

pub(super) fn streams(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let (what, was) = ("named streams", before.target().streams);
    examined(was, what, findings);
    by_rules(if was { before } else { after }, was, what, "content", findings);
}

pub(super) fn deleted(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let (old, new) = (&before.target().deleted, &after.target().deleted);
    let what = "deleted entries";
    match (old, new) {
        (Deleted::Never, Deleted::Never) => {}
        (Deleted::Never, _) => {
            examined(false, what, findings);
            by_rules(after, false, what, "names", findings);
        }
        (_, Deleted::Never) => {
            examined(true, what, findings);
            by_rules(before, true, what, "names", findings);
        }
        (Deleted::Catalogue | Deleted::Hold(_), _) => {}
    }
    let captured = "names: deleted entries that the rules capture";
    for (one, way) in [(old, Way::Removes), (new, Way::Adds)] {
        if old != new && *one == Deleted::Catalogue {
            add(findings, way, Audience::CaseTeam, captured.to_owned());
        }
    }
    let held = |deleted: &Deleted| match deleted {
        Deleted::Hold(id) => Some(id.clone()),
        Deleted::Never | Deleted::Catalogue => None,
    };
    let what = "deleted entries, and what stands where their content was";
    remnant(before, after, held(old), held(new), what, findings);
}

pub(super) fn unallocated(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let (old, new) = (before.target().unallocated.clone(), after.target().unallocated.clone());
    held(old, new, "unallocated space", findings);
}

pub(super) fn slack(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let (old, new) = (before.target().slack.clone(), after.target().slack.clone());
    remnant(before, after, old, new, "slack of what is kept", findings);
}

/// What goes to a compartment where the rules would give it the case team, and to those of the rules otherwise.
fn remnant(
    before: &Policy,
    after: &Policy,
    was: Option<String>,
    is: Option<String>,
    what: &str,
    findings: &mut Vec<Finding>,
) {
    let others = |policy: &Policy, way, findings: &mut Vec<Finding>| {
        for id in compartments_of(policy) {
            let what = format!("content: {what}, as far as rules hold it");
            add(findings, way, Audience::Compartment(id), what);
        }
    };
    match (&was, &is) {
        (None, Some(_)) => others(after, Way::Adds, findings),
        (Some(_), None) => others(before, Way::Removes, findings),
        _ => {}
    }
    held(was, is, what, findings);
}

/// What is read for a compartment alone.
fn held(was: Option<String>, is: Option<String>, what: &str, findings: &mut Vec<Finding>) {
    if was == is {
        return;
    }
    match (&was, &is) {
        (None, _) => add(findings, Way::Adds, Audience::Examiners, format!("{what}: may be read")),
        (_, None) => add(findings, Way::Removes, Audience::Examiners, format!("{what}: is no longer read")),
        _ => {}
    }
    for (id, way) in [(was, Way::Removes), (is, Way::Adds)] {
        if let Some(id) = id {
            add(findings, way, Audience::Compartment(id), format!("content: {what}"));
        }
    }
}

/// Who can get something of items of a kind that one policy alone comes to: whomever its rules name.
fn by_rules(policy: &Policy, gone: bool, what: &str, gives: &str, findings: &mut Vec<Finding>) {
    let way = if gone { Way::Removes } else { Way::Adds };
    let withholds = policy.rules().iter().any(|rule| rule.effect == Effect::Withhold);
    if gives == "content" {
        add(findings, way, Audience::CaseTeam, format!("content: {what} that the rules capture"));
    }
    if withholds && !gone {
        add(findings, way, Audience::CaseTeam, format!("names: {what} that the rules list"));
    }
    if withholds && gone {
        let what = format!("{what} that were listed are no longer named");
        add(findings, Way::Changes, Audience::CaseTeam, what);
    }
    for id in compartments_of(policy) {
        let what = format!("{gives}: {what} that the rules hold");
        add(findings, way, Audience::Compartment(id), what);
    }
}

/// The compartments to which a rule, or what is unknown, can send something.
fn compartments_of(policy: &Policy) -> BTreeSet<String> {
    let unknown = match &policy.defaults().unknown {
        UnknownDefault::Hold(id) => Some(id.clone()),
        UnknownDefault::Left => None,
    };
    policy.rules().iter().filter_map(|rule| rule.to.clone()).chain(unknown).collect()
}

pub(super) fn unread_volumes(before: &Policy, _: &Policy, findings: &mut Vec<Finding>) {
    let (way, what) = match before.target().unread_volumes {
        UnreadVolumes::Name => {
            (Way::Adds, "content: volumes of which no file can be read may be preserved whole")
        }
        UnreadVolumes::Preserve => {
            (Way::Removes, "content: volumes of which no file can be read are no longer preserved")
        }
    };
    add(findings, way, Audience::AuditorAndCourt, what.to_owned());
}

pub(super) fn items(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    limit(before, before.limits().items, after.limits().items, "items", findings);
}

pub(super) fn bytes(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    limit(before, before.limits().bytes, after.limits().bytes, "bytes", findings);
}

fn limit(before: &Policy, was: Option<u64>, is: Option<u64>, of: &str, findings: &mut Vec<Finding>) {
    let beyond = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
    if beyond(is) > beyond(was) {
        add(findings, Way::Adds, Audience::Examiners, format!("the limit of {of} is higher, or gone"));
    } else if beyond(is) < beyond(was) {
        add(findings, Way::Removes, Audience::Examiners, format!("the limit of {of} is lower"));
        if before.rules().iter().any(|rule| rule.effect == Effect::Withhold) {
            let what = format!("beyond the limit of {of}, nothing is listed");
            add(findings, Way::Changes, Audience::CaseTeam, what);
        }
    }
}

/// The folders that the walk does not enter.
pub(super) fn closed(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let below = |policy: &Policy| -> Vec<Option<Glob>> {
        let globs = policy.target().closed.iter();
        globs.map(|glob| Glob::path(&format!("{}/*/**", glob.text().trim_end_matches('/'))).ok()).collect()
    };
    let (old, new) = (below(before), below(after));
    let within = |some: &[Option<Glob>], others: &[Option<Glob>]| {
        let all: Vec<&Glob> = others.iter().flatten().collect();
        let modes: &[bool] = match before.defaults().path_case {
            PathCase::AsVolume => &[false, true],
            PathCase::Sensitive => &[false],
            PathCase::Insensitive => &[true],
        };
        some.iter().all(|own| {
            own.as_ref()
                .is_some_and(|own| modes.iter().all(|folded| covered(own, &all, *folded) == Answer::Yes))
        })
    };
    if !within(&old, &new) {
        let what = "folders are entered that were closed";
        add(findings, Way::Adds, Audience::Examiners, what.to_owned());
    }
    if !within(&new, &old) {
        add(findings, Way::Removes, Audience::Examiners, "folders are closed that were entered".to_owned());
        let names_alone = after.target().inspect == [Look::Metadata];
        let lists = before.rules().iter().any(|rule| rule.effect == Effect::Withhold);
        if !names_alone || lists || after.defaults().unknown != UnknownDefault::Left {
            let what =
                "a file that has a name in a folder that is now closed, too, is decided without that name";
            add(findings, Way::Changes, Audience::CaseTeam, what.to_owned());
        }
    }
}
