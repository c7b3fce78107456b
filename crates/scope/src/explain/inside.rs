//! What opening an archive made of it.

use crate::facts::Facts;
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
    let files = |count: u64| if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
    let (form, members) = (&held.form, files(held.members));
    let all = match (held.captured, held.members) {
        (captured, members) if captured == members => "all of them were captured".to_owned(),
        (0, _) => "none of them was captured".to_owned(),
        (captured, _) => format!("{captured} of them were captured"),
    };
    let apart = held.barred > 0;
    Some(match &held.trouble {
        Some(trouble) if apart => format!(
            "it is an archive ({form}) of {members}, each decided by itself: {all}; not all of it is known ({trouble}), but a rule keeps {} in it from others, and the archive is not taken as a whole",
            if held.barred == 1 { "something".to_owned() } else { format!("{} things", held.barred) }
        ),
        Some(trouble) if held.members == 0 => {
            format!("it is an archive ({form}), and not all of it is known: {trouble}")
        }
        Some(trouble) => {
            format!(
                "it is an archive ({form}) of {members}, each decided by itself; but not all of it is known: {trouble}"
            )
        }
        None if decision.outcome == Outcome::Captured && held.members == 0 => {
            format!("it is an archive ({form}) without a file in it")
        }
        None if decision.outcome == Outcome::Captured => {
            format!("it is an archive ({form}) of {members}: {all}, and so is the whole")
        }
        None => format!(
            "it is an archive ({form}) of {members}, each decided by itself: {all}, and the archive is not taken as a whole"
        ),
    })
}

/// Whether it was left since its members stand for it.
pub(super) fn stands_apart(facts: &Facts, decision: &Decision) -> bool {
    facts.container.is_some() && decision.tier == Tier::OutOfScope
}
