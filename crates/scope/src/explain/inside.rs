//! What opening an archive made of it.

use crate::facts::Facts;
use crate::members;
use crate::outcome::{Decision, Outcome, Tier};
use crate::policy::Policy;

/// In words; `None` for an item that is no archive which is opened.
pub(super) fn told(policy: &Policy, facts: &Facts, decision: &Decision) -> Option<String> {
    let containers = policy.target().containers.as_ref()?;
    let undetermined = decision.tier == Tier::Undetermined;
    let Some(held) = &facts.container else {
        let form = facts.type_fact.as_ref().map(|found| found.name.as_str())?;
        let depth = facts.member.as_ref().map_or(0, |member| member.depth);
        let too_deep = containers.open.contains(&form) && depth >= containers.max_depth && undetermined;
        let archives =
            if depth == 1 { "one archive".to_owned() } else { format!("{depth} archives in each other") };
        return too_deep.then(|| {
            format!("it is an archive ({form}) within {archives}, and the policy opens none that lies deeper")
        });
    };
    let count = |count: u64, one: &str, many: &str| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    };
    let form = &held.form;
    let is_document = members::is_document(form);
    let what = if is_document { "a document" } else { "an archive" };
    let members = match (held.members, held.others) {
        (0, 0) => "with nothing in it".to_owned(),
        (0, others) => format!(
            "of {} and no file",
            count(others, "folder, link or the like", "folders, links and the like")
        ),
        (members, _) => format!("of {}", count(members, "file", "files")),
    };
    let all = match (held.captured, held.members) {
        (_, 0) => String::new(),
        (captured, members) if captured == members => {
            ", each decided by itself: all of them were captured".to_owned()
        }
        (0, _) => ", each decided by itself: none of them was captured".to_owned(),
        (captured, _) => format!(", each decided by itself: {captured} of them were captured"),
    };
    let apart = || {
        let what = if held.barred == 1 { "something".to_owned() } else { format!("{} things", held.barred) };
        format!("a rule keeps {what} in it from others")
    };
    Some(match &held.trouble {
        Some(trouble) if held.barred > 0 && held.members == 0 => format!(
            "it is {what} ({form}), and not all of it is known ({trouble}); but {}, and it is not taken as a whole",
            apart()
        ),
        Some(trouble) if held.barred > 0 => format!(
            "it is an archive ({form}) {members}{all}; not all of it is known ({trouble}), but {}, and the archive is not taken as a whole",
            apart()
        ),
        Some(trouble) if held.members == 0 => {
            format!("it is {what} ({form}), and not all of it is known: {trouble}")
        }
        Some(trouble) => {
            format!(
                "it is an archive ({form}) {members}, each decided by itself; but not all of it is known: {trouble}"
            )
        }
        None if is_document => {
            format!("it is a document ({form}), with nothing in it but what a document of its form has")
        }
        None if held.barred > 0 => format!(
            "it is an archive ({form}) {members}{all}; {}, and the archive is not taken as a whole",
            apart()
        ),
        None if decision.outcome == Outcome::Captured && held.members == 0 => {
            format!("it is an archive ({form}) {members}, and taken as the one file that it is")
        }
        None if decision.outcome == Outcome::Captured => {
            let files = count(held.members, "file", "files");
            format!("it is an archive ({form}) of {files}: all of them were captured, and so is the whole")
        }
        None if held.members == 0 => {
            format!(
                "it is an archive ({form}) {members}: the rules could not tell what it comes to, and nothing in it is left to decide"
            )
        }
        None => format!("it is an archive ({form}) {members}{all}, and the archive is not taken as a whole"),
    })
}

/// Whether it was left since its members stand for it.
pub(super) fn stands_apart(facts: &Facts, decision: &Decision) -> bool {
    facts.container.is_some() && decision.tier == Tier::OutOfScope
}
