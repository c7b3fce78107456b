//! The facts that a condition used, in words.

use chrono::{DateTime, SecondsFormat};

use crate::facts::{Facts, Stamp, Zone};
use crate::name::RawName;
use crate::policy::{Condition, Policy, TimeMode};
use crate::render::words::{kind, time_kind};

/// What the facts say of a condition. `name`: the name that is compared, or the words in its place.
pub(super) fn used(
    policy: &Policy,
    facts: &Facts,
    name: Result<&RawName, &'static str>,
    selector: &str,
    condition: &Condition,
) -> String {
    let none = || "not known".to_owned();
    let path = || name.map_or_else(ToOwned::to_owned, ToString::to_string);
    let last = || match name {
        Ok(name) => name.to_string().rsplit('/').next().unwrap_or_default().to_owned(),
        Err(words) => words.to_owned(),
    };
    let label = |id: &String| {
        let label = policy.lists().iter().find(|own| own.id == *id).map_or("", |own| &own.label);
        format!("\"{label}\" ({id})")
    };
    match condition {
        Condition::Path(_) | Condition::Artifact(_) => path(),
        Condition::Name(_) => last(),
        Condition::Ext(_) => name.map_or_else(ToOwned::to_owned, extension),
        Condition::Kind(_) => kind(facts.kind_for_rules()).to_owned(),
        Condition::Size { .. } => facts.size.map_or_else(none, |size| format!("{size} bytes")),
        Condition::Volume(_) => facts.volume.clone(),
        Condition::Owner(_) => match (facts.uid, &facts.sid) {
            (Some(uid), _) => format!("user id {uid}"),
            (None, Some(sid)) => sid.clone(),
            (None, None) => none(),
        },
        Condition::Time(time) => {
            let stamps = facts.times.iter().filter(|own| time.of.contains(&own.of));
            let times: Vec<String> = stamps.map(stamp).collect();
            if times.is_empty() { none() } else { times.join(", ") }
        }
        Condition::Type(_) => facts.type_fact.as_ref().map_or_else(none, |found| found.name.clone()),
        Condition::TypeMismatch(_) => match &facts.type_fact {
            Some(found) => format!("{} is of the type {}", last(), found.name),
            None => none(),
        },
        Condition::Encrypted(_) => match facts.type_fact.as_ref().and_then(|found| found.encrypted) {
            Some(true) => "encrypted".to_owned(),
            Some(false) => "not encrypted".to_owned(),
            None => none(),
        },
        Condition::HashIn(lists) => {
            let lists: Vec<String> = lists.iter().map(label).collect();
            let hash = facts.hash.as_ref().map_or_else(none, |hash| hash.sha256.to_string());
            format!("{hash}, compared with {}", lists.join(", "))
        }
        Condition::Mail(mail) => {
            let Some(found) = facts.mail.iter().find(|own| own.selector == selector) else { return none() };
            let wanted = if mail.messages == TimeMode::All { "every one is" } else { "one is" };
            let (fits, open, all) = (found.fits, found.open, found.messages);
            let open = if open == 0 { String::new() } else { format!(", {open} are unknown") };
            format!("{fits} of {all} messages fit{open}; {wanted} wanted")
        }
        Condition::Keywords { list, at_least } => {
            let Some(found) = facts.keywords.iter().find(|own| own.list == *list) else { return none() };
            let terms = found.terms().len();
            let term = if terms == 1 { "term" } else { "terms" };
            format!("{terms} {term} of {}; {at_least} wanted", label(list))
        }
    }
}

/// The part behind the last dot of a name's last part, as the condition takes it.
fn extension(name: &RawName) -> String {
    let last = name.bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let dot = last.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0);
    let ext = dot.and_then(|dot| last.get(dot.saturating_add(1)..)).filter(|ext| !ext.is_empty());
    ext.map_or_else(|| "none".to_owned(), |ext| RawName(ext.to_vec()).to_string())
}

fn stamp(stamp: &Stamp) -> String {
    let kind = time_kind(stamp.of);
    let seconds = i64::try_from(stamp.ns.div_euclid(1_000_000_000)).ok();
    let nanos = u32::try_from(stamp.ns.rem_euclid(1_000_000_000)).unwrap_or(0);
    let time = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, nanos));
    let text = time
        .map_or_else(|| format!("{} ns", stamp.ns), |time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    match stamp.zone {
        Zone::Recorded => format!("{kind} {text}"),
        Zone::Assumed => format!("{kind} {text}, its zone assumed"),
        Zone::None => format!("{kind} {} without a zone", text.trim_end_matches('Z')),
    }
}
