//! What does not depend on the item: keys, media, looks that are allowed, dates, what is kept.

use std::collections::BTreeSet;

use super::{Audience, Finding, Way, add, containers};
use crate::artifact::path_globs;
use crate::facts::Look;
use crate::glob::{Answer, Glob, covered};
use crate::mail::normal;
use crate::policy::{
    Compartment, Condition, Deleted, Effect, Hours, LeftRecord, List, ListItems, PathCase, Policy, Rule,
    Selector, Target, UNREAD_VOLUMES, UnknownDefault, UnreadVolumes,
};

/// Compares everything but the rules.
pub(super) fn compare(before: &Policy, after: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    recipients(before, after, &mut findings);
    compartments(before, after, &mut findings);
    looks(before, after, &mut findings);
    media(before, after, &mut findings);
    items(before, after, &mut findings);
    closed(before, after, &mut findings);
    record(before, after, &mut findings);
    authority(before, after, &mut findings);
    findings
}

fn recipients(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let (old, new) = (before.recipients(), after.recipients());
    for (was, is, audience, what) in [
        (&old.case, &new.case, Audience::CaseTeam, "opens what is captured"),
        (&old.captured_also, &new.captured_also, Audience::CaseTeam, "opens what is captured, too"),
        (&old.auditor, &new.auditor, Audience::AuditorAndCourt, "of the auditor opens the ledger"),
        (&old.court, &new.court, Audience::AuditorAndCourt, "of the court opens the ledger"),
    ] {
        keys(was, is, &audience, what, findings);
    }
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
    let (old, new) = (before.defaults(), after.defaults());
    let mut change = |differs: bool, what: &str| {
        if differs {
            add(findings, Way::Changes, Audience::CaseTeam, what.to_owned());
        }
    };
    change(old.unknown != new.unknown, "what cannot be determined goes elsewhere");
    change(
        old.path_case != new.path_case,
        "names compare otherwise; what that does to items was not worked out",
    );
    change(
        old.zoneless_times != new.zoneless_times,
        "times without a zone are read otherwise; what that does to items was not worked out",
    );
    change(
        old.not_searchable != new.not_searchable,
        "files without text are read otherwise; what that does to items was not worked out",
    );
}

fn media(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let (old, new) = (&before.target().media, &after.target().media);
    for is in new {
        let label = &is.label;
        match old.iter().find(|was| was.label == is.label) {
            None => add(findings, Way::Adds, Audience::Examiners, format!("the medium {label}")),
            Some(was) if was != is => {
                add(
                    findings,
                    Way::Changes,
                    Audience::Examiners,
                    format!("what identifies the medium {label}"),
                );
            }
            Some(_) => {}
        }
    }
    for was in old.iter().filter(|was| !new.iter().any(|is| is.label == was.label)) {
        add(findings, Way::Removes, Audience::Examiners, format!("the medium {}", was.label));
    }
}

/// Free space, slack and deleted entries that go to a compartment whatever the rules would give the case team.
fn remnants(old: &Target, new: &Target, findings: &mut Vec<Finding>) {
    let held = |target: &Target| match &target.deleted {
        Deleted::Hold(id) => Some(id.clone()),
        Deleted::Never | Deleted::Catalogue => None,
    };
    for (was, is, what) in [
        (old.unallocated.clone(), new.unallocated.clone(), "unallocated space"),
        (old.slack.clone(), new.slack.clone(), "slack of what is kept"),
        (held(old), held(new), "deleted entries, and what stands where their content was"),
    ] {
        if was == is {
            continue;
        }
        if let (None, Some(_)) = (&was, &is) {
            add(findings, Way::Adds, Audience::Examiners, format!("{what}: may be read"));
        }
        if let Some(id) = was {
            add(findings, Way::Removes, Audience::Compartment(id), format!("content: {what}"));
        }
        if let Some(id) = is {
            add(findings, Way::Adds, Audience::Compartment(id), format!("content: {what}"));
        }
    }
    let what = "deleted entries that the rules capture";
    match (&old.deleted, &new.deleted) {
        (Deleted::Catalogue, Deleted::Hold(_)) => {
            add(findings, Way::Removes, Audience::CaseTeam, what.to_owned())
        }
        (Deleted::Hold(_), Deleted::Catalogue) => {
            add(findings, Way::Adds, Audience::CaseTeam, what.to_owned())
        }
        _ => {}
    }
}

/// What is an item at all, and where the capture stops.
fn items(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let (old, new) = (before.target(), after.target());
    let named = |policy: &Policy| policy.rules().iter().any(|rule| rule.effect == Effect::Withhold);
    let mut fewer = false;
    for (was, is, what) in [
        (old.live, new.live, "running systems"),
        (old.streams, new.streams, "named streams"),
        (old.deleted != Deleted::Never, new.deleted != Deleted::Never, "deleted entries"),
    ] {
        match (was, is) {
            (false, true) => add(findings, Way::Adds, Audience::Examiners, format!("{what} may be examined")),
            (true, false) => {
                fewer = true;
                add(findings, Way::Removes, Audience::Examiners, format!("{what} are no longer examined"));
                if named(before) {
                    let what = format!("{what} that were listed are no longer named");
                    add(findings, Way::Changes, Audience::CaseTeam, what);
                }
            }
            _ => {}
        }
    }
    remnants(old, new, findings);
    containers::compare(before, after, findings);
    match (old.unread_volumes, new.unread_volumes) {
        (UnreadVolumes::Name, UnreadVolumes::Preserve) => {
            let what = "content: volumes of which no file can be read may be preserved whole";
            add(findings, Way::Adds, Audience::AuditorAndCourt, what.to_owned());
        }
        (UnreadVolumes::Preserve, UnreadVolumes::Name) => {
            let what = "content: volumes of which no file can be read are no longer preserved";
            add(findings, Way::Removes, Audience::AuditorAndCourt, what.to_owned());
        }
        _ => {}
    }
    let (limits, later) = (before.limits(), after.limits());
    for (was, is, what) in [(limits.items, later.items, "items"), (limits.bytes, later.bytes, "bytes")] {
        let beyond = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
        if beyond(is) > beyond(was) {
            add(findings, Way::Adds, Audience::Examiners, format!("the limit of {what} is higher, or gone"));
        } else if beyond(is) < beyond(was) {
            add(findings, Way::Removes, Audience::Examiners, format!("the limit of {what} is lower"));
            if named(before) {
                let what = format!("beyond the limit of {what}, nothing is listed");
                add(findings, Way::Changes, Audience::CaseTeam, what);
            }
        }
    }
    let closed = |policy: &Policy| {
        policy.target().closed.iter().map(|glob| glob.text().to_owned()).collect::<BTreeSet<_>>()
    };
    if (fewer || closed(before) != closed(after)) && (limits.items.is_some() || limits.bytes.is_some()) {
        let what = "with a limit, other items are reached where fewer are walked";
        add(findings, Way::Unsaid, Audience::CaseTeam, what.to_owned());
    }
}

/// The folders that the walk does not enter.
fn closed(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let below = |policy: &Policy| -> Vec<Option<Glob>> {
        let globs = policy.target().closed.iter();
        globs.map(|glob| Glob::path(&format!("{}/*/**", glob.text().trim_end_matches('/'))).ok()).collect()
    };
    let (old, new) = (below(before), below(after));
    let texts = |globs: &[Option<Glob>]| {
        globs.iter().flatten().map(|glob| glob.text().to_owned()).collect::<BTreeSet<_>>()
    };
    if old.iter().chain(&new).all(Option::is_some) && texts(&old) == texts(&new) {
        return;
    }
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

fn record(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let (old, new) = (before.record(), after.record());
    match (old.left, new.left) {
        (LeftRecord::Counts, LeftRecord::Facts) => {
            let what = "names: facts of what was left are kept, other people's among them";
            add(findings, Way::Adds, Audience::AuditorAndCourt, what.to_owned());
        }
        (LeftRecord::Facts, LeftRecord::Counts) => {
            let what = "facts of what was left are no longer kept, so that its decisions cannot be replayed";
            add(findings, Way::Changes, Audience::AuditorAndCourt, what.to_owned());
        }
        _ => {}
    }
    for (was, is, what) in
        [(&old.holder, &new.holder, "who keeps"), (&old.until, &new.until, "until when is kept")]
    {
        if was != is {
            let what = format!("{what} the record of what was left");
            add(findings, Way::Changes, Audience::AuditorAndCourt, what);
        }
    }
    for list in after.lists().iter().filter(|list| !list.restricted) {
        let restricted = |was: &&List| was.restricted && (was.id == list.id || was.digest == list.digest);
        if before.lists().iter().any(|was| restricted(&was)) {
            let what = format!("the items of the list {}, which was restricted", list.id);
            add(findings, Way::Adds, Audience::Public, what);
        }
    }
}

fn authority(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    let (old, new) = (before.authority(), after.authority());
    for (was, is, what) in [
        (old.execute_by, new.execute_by, "time for seizure or copying on site"),
        (old.review_by, new.review_by, "time for review in the laboratory"),
    ] {
        if is > was {
            add(findings, Way::Adds, Audience::Examiners, what.to_owned());
        } else if is < was {
            add(findings, Way::Removes, Audience::Examiners, what.to_owned());
        }
    }
    match (old.hours, new.hours) {
        (was, is) if was == is => {}
        (Hours::Any, Hours::Daily { .. }) => {
            add(findings, Way::Removes, Audience::Examiners, "hours for work on site".to_owned());
        }
        (Hours::Daily { .. }, Hours::Any) => {
            add(findings, Way::Adds, Audience::Examiners, "hours for work on site".to_owned());
        }
        _ => add(findings, Way::Changes, Audience::Examiners, "hours for work on site".to_owned()),
    }
    for duty in old.conditions.iter().filter(|duty| !new.conditions.contains(duty)) {
        add(findings, Way::Changes, Audience::Examiners, format!("a duty falls away: {duty}"));
    }
}

/// Whether the rules mean the same, whatever their names, their words and their order.
pub(super) fn same_rules(before: &Policy, after: &Policy) -> bool {
    let order = |policy: &Policy| policy.compartments().iter().map(|own| own.id.clone()).collect::<Vec<_>>();
    let alike = before.target().inspect == after.target().inspect
        && before.defaults() == after.defaults()
        && order(before) == order(after);
    alike && meanings(before) == meanings(after)
}

pub(super) type Meaning = (Effect, Option<String>, [BTreeSet<String>; 3]);

fn meanings(policy: &Policy) -> BTreeSet<Meaning> {
    policy.rules().iter().map(|rule| meaning(policy, rule)).collect()
}

/// What a rule means, whatever it and what it refers to are called.
pub(super) fn meaning(policy: &Policy, rule: &Rule) -> Meaning {
    let of = |ids: &[String]| {
        let own = |id: &String| policy.selectors().iter().find(|own| own.id == *id);
        ids.iter().filter_map(own).map(|own| selector(policy, own)).collect()
    };
    (rule.effect, rule.to.clone(), [of(&rule.any), of(&rule.all), of(&rule.unless)])
}

/// A selector with all that it refers to.
pub(super) fn selector(policy: &Policy, own: &Selector) -> String {
    let list = |id: &String| {
        let found = policy.lists().iter().find(|list| list.id == *id);
        match found.map(|list| &list.items) {
            // Digests are read as a set, so that the file's bytes may differ.
            Some(ListItems::Sha256(items)) => items.set().to_string(),
            Some(ListItems::Keywords(terms)) => format!("{:?}", terms.iter().collect::<BTreeSet<_>>()),
            Some(ListItems::Addresses(items)) => {
                format!("{:?}", items.iter().map(|own| normal(own)).collect::<BTreeSet<_>>())
            }
            None => String::new(),
        }
    };
    let parts = own.conditions.iter().map(|condition| match condition {
        Condition::Path(globs) => format!("path {:?}", globs.iter().map(Glob::text).collect::<BTreeSet<_>>()),
        Condition::Name(globs) => format!("name {:?}", globs.iter().map(Glob::text).collect::<BTreeSet<_>>()),
        Condition::Artifact(_) => {
            let globs = path_globs(policy.artifacts(), &own.id, condition).unwrap_or_default();
            format!("artifact {:?}", globs.iter().map(|(glob, _)| glob.text()).collect::<BTreeSet<_>>())
        }
        Condition::HashIn(ids) => format!("hash {:?}", ids.iter().map(list).collect::<BTreeSet<_>>()),
        Condition::Mail(mail) => {
            let window =
                mail.within.as_ref().and_then(|id| policy.windows().iter().find(|own| own.id == *id));
            let window = window.map(|window| (window.from.to_utc(), window.until.to_utc()));
            let party = mail.party.iter().map(list).collect::<BTreeSet<_>>();
            let role = mail.role.iter().collect::<BTreeSet<_>>();
            format!("mail {party:?} {role:?} {window:?} {:?}", mail.messages)
        }
        Condition::Keywords { list: id, at_least } => format!("keywords {at_least} {}", list(id)),
        Condition::Owner(ids) => {
            let known = ids.iter().filter_map(|id| policy.custodians().iter().find(|own| own.id == *id));
            format!("owner {:?}", known.map(|own| (&own.uid, &own.sid)).collect::<BTreeSet<_>>())
        }
        Condition::Time(time) => {
            let window = policy.windows().iter().find(|window| window.id == time.within);
            let window = window.map(|window| (window.from.to_utc(), window.until.to_utc()));
            format!("time {:?} {:?} {window:?}", time.of, time.mode)
        }
        other => format!("{other:?}"),
    });
    parts.collect::<Vec<_>>().join("; ")
}
