//! `ambit policy diff`: what a later version of a policy would change, for whom.
//!
//! ```text
//! the later policy is narrower
//!   case team removes content: items that were captured are left as excluded
//! ```

use scope::diff::{Audience, Difference, Way};
use scope::{Language, Verdict, diff_in as compare};
use serde_json::{Value, json};

use super::policy_ledger;
use crate::cli::DiffArgs;
use crate::console::{Console, Exit, Failure};
use crate::load;

pub(super) fn diff(args: &DiffArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let DiffArgs { before, after, lang, ledger } = args;
    let (old, new) = (load::policy(before)?, load::policy(after)?);
    let moved = match &ledger.ledger {
        Some(package) => Some(policy_ledger::moved(&old.policy, &new.policy, ledger, package, console)?),
        None => None,
    };
    let difference = compare(&old.policy, &new.policy, Language::from(*lang));
    let verdict = difference.verdict;
    let findings: Vec<_> = difference
        .findings
        .iter()
        .map(|own| {
            let (audience, way) = (own.audience.to_string(), own.way.word());
            json!({ "audience": audience, "way": way, "what": own.what, "because": own.because })
        })
        .collect();
    let causes: Vec<_> = difference
        .causes
        .iter()
        .map(|own| json!({ "selector": own.selector, "rules": own.rules, "old": own.old, "new": own.new }))
        .collect();
    let sentences: Vec<_> =
        difference.sentences.iter().map(|own| json!({ "old": own.old, "new": own.new })).collect();
    let mut value = json!({
        "before": old.policy.id(),
        "after": new.policy.id(),
        "verdict": verdict.words(),
        "findings": findings,
        "causes": causes,
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
        Verdict::Different => format!("the later policy is different: it {}\n", different(difference)),
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
        for because in &own.because {
            text += &format!("      since {because}\n");
        }
    }
    if !difference.causes.is_empty() {
        text += "\nconditions that read otherwise\n";
    }
    for own in &difference.causes {
        text += &format!("\n  `{}`, of {}\n", own.selector, own.rules.join(", "));
        for (sign, lines) in [('-', &own.old), ('+', &own.new)] {
            for line in lines {
                text += &format!("    {sign} {line}\n");
            }
        }
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

/// Why a policy is neither narrower nor wider.
fn different(difference: &Difference) -> String {
    let has = |way| difference.findings.iter().any(|own| own.way == way);
    let parts = [
        (Way::Adds, "gives somebody more"),
        (Way::Removes, "takes something from somebody"),
        (Way::Changes, "changes what is neither more nor less"),
    ];
    let parts: Vec<&str> = parts.iter().filter(|(way, _)| has(*way)).map(|(_, words)| *words).collect();
    parts.join(", and ") + ", so that it is neither narrower nor wider"
}
