//! `ambit policy diff`: what a later version of a policy would change, for whom.
//!
//! ```text
//! the later policy is narrower
//!   case team removes content: items that were captured are left as excluded
//! ```

use std::path::Path;

use scope::diff::{Audience, Difference, Way};
use scope::{Verdict, diff as compare};
use serde_json::{Value, json};

use super::policy_ledger;
use crate::cli::LedgerArgs;
use crate::console::{Console, Exit, Failure};
use crate::load;

pub(super) fn diff(
    before: &Path,
    after: &Path,
    ledger: &LedgerArgs,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let (old, new) = (load::policy(before)?, load::policy(after)?);
    let moved = match &ledger.ledger {
        Some(package) => Some(policy_ledger::moved(&old.policy, &new.policy, ledger, package, console)?),
        None => None,
    };
    let difference = compare(&old.policy, &new.policy);
    let verdict = difference.verdict;
    let findings: Vec<_> = difference
        .findings
        .iter()
        .map(|own| json!({ "audience": own.audience.to_string(), "way": own.way.word(), "what": own.what }))
        .collect();
    let sentences: Vec<_> =
        difference.sentences.iter().map(|own| json!({ "old": own.old, "new": own.new })).collect();
    let mut value = json!({
        "before": old.policy.id(),
        "after": new.policy.id(),
        "verdict": verdict.words(),
        "findings": findings,
        "sentences": sentences,
    });
    let mut text = text(&difference, new.policy.supersedes() == Some(old.policy.id()));
    if let Some(moved) = &moved {
        text += &moved.to_string();
        if let Value::Object(fields) = &mut value {
            fields.insert("ledger".to_owned(), json!(moved));
        }
    }
    console.result(&value, text)?;
    Ok(if matches!(verdict, Verdict::Same | Verdict::Narrower) { Exit::Done } else { Exit::No })
}

fn text(difference: &Difference, named: bool) -> String {
    let mut text = match difference.verdict {
        Verdict::Same => "the later policy gives everybody the same\n".to_owned(),
        Verdict::CannotBeSaid => "whether the later policy is narrower cannot be said\n".to_owned(),
        verdict => format!("the later policy is {}\n", verdict.words()),
    };
    if !named {
        text += "it does not name the earlier one in `supersedes`\n";
    }
    let mut audience: Option<&Audience> = None;
    let mut sorted: Vec<_> = difference.findings.iter().collect();
    sorted.sort_by_key(|own| (&own.audience, own.way));
    for own in sorted {
        if audience != Some(&own.audience) {
            text += &format!("\n{}\n", own.audience);
            audience = Some(&own.audience);
        }
        let sign = match own.way {
            Way::Adds => '+',
            Way::Removes => '-',
            Way::Changes => '!',
            Way::Unsaid => '?',
        };
        text += &format!("  {sign} {}: {}\n", own.way.word(), own.what.escape_debug());
    }
    if !difference.sentences.is_empty() {
        text += "\nsentences that differ\n";
    }
    for change in &difference.sentences {
        text += "\n";
        for (sign, lines) in [('-', &change.old), ('+', &change.new)] {
            for line in lines {
                text += &format!("  {sign} {line}\n");
            }
        }
    }
    text + "\nEvery amendment needs the approver, whatever stands here.\n"
}
