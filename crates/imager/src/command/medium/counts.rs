//! `ambit medium info --count`: what a walk of each file system sees, beside what the file system counts itself.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde_json::{Value, json};
use source::{Opened, WalkEvent, WalkOptions, WalkReport};

use super::{line, place};
use crate::console::{Console, Context as _, Failure};

/// What one walk saw. No name is in it.
pub(super) struct Counts {
    /// How many items of each kind.
    kinds: BTreeMap<String, u64>,
    report: WalkReport,
}

/// Walks every volume, in the order of the sources.
pub(super) fn count(opened: &Opened, console: &mut Console<'_>) -> Result<Vec<Counts>, Failure> {
    let mut all = Vec::new();
    for source in &opened.sources {
        let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
        let report = source
            .walk_with(&WalkOptions::default(), &mut |event| {
                match event {
                    WalkEvent::Issue(issue) => {
                        let at = issue.locator.map(|locator| format!("{locator}: ")).unwrap_or_default();
                        console.say(format_args!("note: {at}{}", issue.what));
                    }
                    WalkEvent::Item(entry) => *kinds.entry(line::word(&entry.facts.kind)).or_default() += 1,
                }
                ControlFlow::Continue(())
            })
            .context(format_args!("volume {}", source.info().volume))?;
        tell(&source.info().place, &report, console);
        all.push(Counts { kinds, report });
    }
    Ok(all)
}

/// Says where a walk saw other than what the file system counts.
pub(super) fn tell(at: &str, report: &WalkReport, console: &mut Console<'_>) {
    let at = place(at);
    for limit in &report.limits {
        console.say(format_args!("note: {at}: {limit}"));
    }
    for (what, seen, stated) in differing(report) {
        console
            .say(format_args!("WARNING: {at}: {what}: {seen} were seen, the medium itself counts {stated}"));
    }
}

/// What the walk saw in another number than the file system counts.
pub(super) fn differing(report: &WalkReport) -> impl Iterator<Item = &(String, u64, u64)> {
    report.coverage.iter().filter(|(_, seen, stated)| seen != stated)
}

impl Counts {
    /// Whether the walk did not see what the file system counts, or came to places that it could not walk.
    pub(super) fn differ(&self) -> bool {
        self.report.issues > 0 || differing(&self.report).next().is_some()
    }

    /// For programs.
    pub(super) fn value(&self) -> Value {
        let coverage = self.report.coverage.iter();
        let coverage: Vec<Value> = coverage
            .map(|(what, seen, stated)| json!({"what": what, "seen": seen, "stated": stated}))
            .collect();
        json!({
            "items": self.report.items, "names": self.report.names, "kinds": self.kinds,
            "issues": self.report.issues, "coverage": coverage, "limits": self.report.limits,
        })
    }

    /// For people: lines below the volume's.
    pub(super) fn text(&self) -> String {
        let kinds: Vec<String> = self.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let kinds = if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(", ") };
        let mut text =
            format!("\n  walked: {} items with {} names: {kinds}", self.report.items, self.report.names);
        if self.report.issues > 0 {
            text += &format!("\n  places that could not be walked: {}", self.report.issues);
        }
        text + &covered(&self.report)
    }
}

/// What was seen of what the file system counts.
pub(super) fn covered(report: &WalkReport) -> String {
    let mut text = String::new();
    for (what, seen, stated) in &report.coverage {
        let verdict = if seen == stated { "all were seen" } else { "DIFFERS" };
        text += &format!("\n  {what}: {seen} seen, {stated} counted by the file system: {verdict}");
    }
    if report.coverage.is_empty() {
        text += "\n  the file system has no counters to compare this with";
    }
    text
}
