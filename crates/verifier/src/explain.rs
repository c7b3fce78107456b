//! `ambit-verify explain`: why an item of a package came to what it came to.
//!
//! ```text
//! KC07-C-0000012  ext4:9f0c.../inode:12:0
//! name            /var/log/nginx/cust4417.access.log
//! captured: included
//! looked: metadata
//! because of I-2, include (Attachment B, paragraph 2): ...
//! ```

use std::io::Write;

use evidence::item::{Parts, Record};
use evidence::report::{Answer, Finding, Report};
use evidence::verify::{audit as replay, policy_of};
use scope::explain::{Explanation, explain as explain_decision};
use scope::policy::LeftRecord;
use scope::{Decision, RawName};
use serde::Serialize;

use crate::Failure;
use crate::check::prepare;
use crate::cli::ExplainArgs;

/// What came of it: the text, and the exit code.
pub(crate) struct Told {
    pub(crate) text: String,
    pub(crate) code: u8,
}

/// `ambit-verify explain PKG ITEM`.
pub(crate) fn explain(args: &ExplainArgs, err: &mut dyn Write) -> Result<Told, Failure> {
    if args.check.identities.is_empty() {
        return Err(Failure::new("an explanation is made from the ledger, and no key was given")
            .hint("give --identity FILE, the auditor's or the court's"));
    }
    let (files, trust, options) = prepare(&args.check, err)?;
    let mut meant: Vec<(Record, Parts)> = Vec::new();
    let mut more = 0_u64;
    let report = replay(&files, &trust, &options, |record| {
        // A record that cannot be read is a finding of the replay, and explains nothing.
        let Ok(parts) = record.parts() else { return };
        match is_meant(args.item(), record, &parts) {
            true if meant.len() >= MOST => more = more.saturating_add(1),
            true => meant.push((record.clone(), parts)),
            false => {}
        }
    });
    if report.followed == Answer::NotChecked || meant.is_empty() && report.exit_code() % 3 != 0 {
        // Nothing that was read is known to be signed, or the item may be missing because something is wrong.
        let text = if args.check.json { report.json() + "\n" } else { report.text() };
        return Ok(Told { text, code: report.exit_code().max(1) });
    }
    let policy = policy_of(&files).map_err(Failure::new)?;
    if meant.is_empty() {
        let inside = args.item().contains("!/") || args.item().contains("/member:");
        let hint = match policy.record().left {
            _ if inside => {
                "of what is in an archive that was not opened there is no record: ask for the archive"
            }
            LeftRecord::Facts => {
                "give a control number, a locator, or a path from the root of its volume, escaped as in every record"
            }
            LeftRecord::Counts => "by its policy, this package keeps no record of items that were left",
        };
        return Err(Failure::no("the ledger has no such item").hint(hint));
    }
    let items: Vec<Item> = meant
        .into_iter()
        .map(|(record, parts)| {
            let Parts { facts, trits, decision, .. } = parts;
            let control = decision.control.map(|control| control.to_string());
            let is_about = |own: &&Finding| own.item == record.locator || Some(&own.item) == control.as_ref();
            let findings = report.findings.iter().filter(is_about).cloned().collect();
            let (outcome, tier, rules, looks) =
                (decision.outcome, decision.tier, decision.rules, decision.looks);
            let decision = Decision { outcome, tier, rules, looks, trits };
            let explanation = explain_decision(&policy, &facts, &decision);
            Item { control, locator: record.locator, names: facts.names, explanation, findings }
        })
        .collect();
    let code = report.exit_code();
    Ok(Told { text: if args.check.json { json(&report, &items) } else { text(&report, &items, more) }, code })
}

/// An item, and why it came to what it came to.
#[derive(Serialize)]
struct Item {
    control: Option<String>,
    locator: String,
    names: Vec<RawName>,
    explanation: Explanation,
    /// What the replay raises against this record.
    findings: Vec<Finding>,
}

fn text(report: &Report, items: &[Item], more: u64) -> String {
    let mut text = String::new();
    for item in items {
        text += &format!("{:<15} {}\n", item.control.as_deref().unwrap_or("no number"), item.locator);
        item.names.iter().for_each(|name| text += &format!("name            {name}\n"));
        text += &item.explanation.to_string();
        for finding in &item.findings {
            text += &format!("FINDING {}: {}\n", finding.kind, evidence::report::escape(&finding.detail));
        }
        text.push('\n');
    }
    if more > 0 {
        text += &format!("and {more} more items; a locator names one\n");
    }
    let followed = match report.followed {
        Answer::Yes => "every decision of this package was replayed, and follows from the policy",
        _ => "not every decision of this package follows from the policy: see `ambit-verify audit`",
    };
    text += followed;
    text.push('\n');
    text
}

fn json(report: &Report, items: &[Item]) -> String {
    let value = serde_json::json!({
        "intact": report.intact, "followed": report.followed, "departures": report.departures, "items": items,
    });
    value.to_string() + "\n"
}

fn is_meant(item: &str, record: &Record, parts: &Parts) -> bool {
    record.locator == item
        || parts.decision.control.as_ref().is_some_and(|control| control.to_string() == item)
        || parts.facts.names.iter().any(|name| name.is_meant(item, parts.facts.case_rule))
}

/// Most items that are explained at once: deleted entries may have had one path, and volumes have the same paths.
const MOST: usize = 1000;
