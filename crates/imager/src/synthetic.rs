//! `ambit plan --synthetic`: a policy on a medium that was made up, before anybody approves it.
//!
//! No medium is opened, so that no approval is needed and no log has an event. Everything that is said is labelled
//! synthetic.

mod description;
mod made;

use examine::Examined;
use scope::Policy;
use serde_json::{Value, json};

use crate::console::{Console, Failure};
use crate::study::Study;
use crate::survey::Tally;

pub(crate) use description::{Description, check_lists, read};

/// Decides every item that the description makes, and counts. `list`: each item as a line of JSON, with its name.
///
/// # Errors
///
/// A line that cannot be written.
pub(crate) fn survey(
    description: &Description,
    policy: &Policy,
    list: bool,
    console: &mut Console<'_>,
) -> Result<(Tally, Study), Failure> {
    let (mut tally, mut study) = (Tally::default(), Study::default());
    let mut written = Ok(());
    let undescribed = made::every_item(description, policy, &mut |locator, examined| {
        policy.meet_paths(&examined.facts, &mut tally.paths);
        tally.count(&examined, 0);
        study.add(policy, &examined);
        if list && written.is_ok() {
            written = console.line(&line(locator, &examined));
        }
    });
    if undescribed > 0 {
        tally.limits.push(format!(
            "{} would be opened on a medium, and the description gives no `members` of it: undetermined here",
            scope::render::counted(undescribed, "archive")
        ));
    }
    if let Some(limit) = policy.limits().items.filter(|limit| tally.items > *limit) {
        tally.limits.push(format!("a capture would stop at the policy's limit of {limit} items"));
    }
    written.map(|()| (tally, study))
}

fn line(locator: &str, examined: &Examined) -> Value {
    let decision = &examined.decision;
    json!({
        "synthetic": true,
        "locator": locator,
        "paths": examined.facts.names,
        "kind": examined.facts.kind,
        "size": examined.facts.size,
        "outcome": decision.outcome,
        "tier": decision.tier,
        "rules": decision.rules,
        "looks": decision.looks,
    })
}

#[cfg(test)]
mod tests {
    use super::description::parse;

    #[test]
    fn a_description_says_what_is_wrong() {
        let with = |group: &str| {
            let head =
                "schema = \"synthetic-medium/1\"\ntitle = \"t\"\nseed = 1\n[[items]]\nlabel = \"logs\"\n";
            let times = "modified = [\"2011-01-01T00:00:00Z\", \"2011-02-01T00:00:00Z\"]\n";
            parse(format!("{head}{times}{group}").as_bytes()).map(|_| ())
        };
        let refuses = |group: &str, words: &str| {
            let why = with(group).expect_err(group);
            assert!(why.contains(words), "{group}: {why}");
        };
        assert_eq!(with("path = \"/var/log/{n}/{f}\"\nn = 3\nfiles = [0, 9]"), Ok(()));
        refuses("path = \"var\"", "begins with `/`");
        refuses("path = \"/var//x\"", "begins with `/`");
        refuses("path = \"/var/../x\"", "no name is `.` or `..`");
        refuses("path = \"/var\"\nn = 2", "must have `{n}`");
        refuses("path = \"/var\"\nfiles = [1, 2]", "must have");
        refuses("path = \"/var/{f}\"\nfiles = [3, 2]", "the first is the lower");
        refuses("path = \"/var/{f}\"\nfiles = [1, 9000000]", "at most 5000000");
        refuses(
            "path = \"/var/{n}/{f}\"\nfiles = [1, 18446744073709551615]\nn = 18446744073709551615",
            "at most",
        );
        refuses("path = \"/var\"\nsize = [0, 18446744073709551615]", "at most");
        refuses("path = \"/var\"\nunreadable = 1001", "of a thousand");
        refuses("path = \"/var\"\ncolour = 1", "unknown field");
        refuses("path = \"/var\"\ntype = \"message\"", "`message` is no type");
        refuses("path = \"/var\"\nmail = { anna = 9 }", "give `type = \"eml\"`");
        let within = |rest: &str| {
            format!(
                "path = \"/a\"\ntype = \"zip\"\n[[items.members]]\nlabel = \"x\"\nmodified = [\"2011-01-01T00:00:00Z\", \"2011-02-01T00:00:00Z\"]\n{rest}"
            )
        };
        assert_eq!(with(&within("path = \"a/{f}\"\nfiles = [1, 9]")), Ok(()));
        refuses(&within("path = \"/a\""), "no `/` at its beginning");
        refuses(&within("path = \"a/../b\""), "no name is `.` or `..`");
        refuses(&within("path = \"a{n}\"\nn = 2"), "`n` is that of the archive");
        refuses(&within("path = \"a/{f}\"\nfiles = [1, 9000000]"), "at most 5000000");
        refuses(&within("path = \"a\"").replace("\"zip\"", "\"text\""), "`members` are of archives");
        assert_eq!(with("path = \"/var\"\ntype = \"eml\"\nmail = { anna = 9 }"), Ok(()));
    }
}
