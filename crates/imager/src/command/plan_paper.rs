//! What a dry run says: counts as text, as JSON, and as a page of HTML for counsel. Never a name.

use std::path::Path;
use std::time::Duration;

use custody::Disk;
use indicatif::{DecimalBytes, HumanDuration};
use papers::{DryRun, dry_run_html};
use scope::facts::Look;
use scope::{Digest, Policy};
use serde_json::{Value, json};

use super::plan;
use super::uncovered::Uncovered;
use crate::console::{Console, Context as _, Failure};
use crate::study::Study;
use crate::survey::{Amount, Tally};

/// A finished dry run.
pub(super) struct Finished<'a> {
    pub(super) policy: &'a Policy,
    pub(super) tally: &'a Tally,
    pub(super) study: &'a Study,
    /// What is on the medium, and in no count.
    pub(super) uncovered: &'a Uncovered,
    /// The medium in words.
    pub(super) medium: String,
    /// Set where it was made up: from what.
    pub(super) synthetic: Option<String>,
    /// What departs from the order or the procedure: no plan goes to counsel without it.
    pub(super) departures: Vec<String>,
    /// How long the walk and its looks took; nothing is to be learned from it where no medium was read.
    pub(super) took: Option<Duration>,
}

impl Finished<'_> {
    /// All counts as JSON.
    pub(super) fn value(&self) -> Value {
        let mut value = plan::summary_value(self.tally, self.policy);
        let study = self.study;
        if let Value::Object(fields) = &mut value {
            let mut add = |name: &str, value: Value| fields.insert(name.to_owned(), value);
            add("alone", json!(study.alone));
            add("waited", json!(study.waited));
            add("unknown", json!(study.unknown));
            add("links_across_scopes", json!(study.links_across_scopes));
            add("keyword_hits", json!(study.keyword_hits));
            add("archives", json!(study.archives));
            add("looks_for_archives", json!(study.for_archives));
            add(
                "estimate",
                json!({
                    "kept_bytes": study.kept.bytes,
                    "package_bytes_at_most": study.package_bytes(self.tally.items),
                    "seconds_at_least": self.took.map(|took| took.as_secs()),
                }),
            );
            add("departures", json!(self.departures));
            if let Some(made) = &self.synthetic {
                add("synthetic", json!(made));
            }
        }
        self.uncovered.add_to(&mut value);
        value
    }

    /// All counts as a table for people.
    pub(super) fn text(&self) -> String {
        let mut text = plan::summary(self.tally, self.policy);
        text += "\n";
        text += &self.study.text(self.policy);
        text +=
            "\nBytes are as they are stated: of what cannot be read, a capture counts the items alone.\n\n";
        for (name, value) in self.estimates() {
            text += &format!("{name}: {value}\n");
        }
        text + &self.uncovered.text()
    }

    fn estimates(&self) -> Vec<(&'static str, String)> {
        let kept = self.study.kept.bytes;
        let package = self.study.package_bytes(self.tally.items);
        let mut all = vec![(
            "Package",
            format!(
                "at most about {}: {} of content before compression, and the record of {} items",
                DecimalBytes(package),
                DecimalBytes(kept),
                self.tally.items
            ),
        )];
        if let Some(took) = self.took {
            let more = |rate: u64| HumanDuration(Duration::from_secs(kept.checked_div(rate).unwrap_or(0)));
            all.push((
                "Time of a capture",
                format!(
                    "as long as this dry run took ({}), and what reading and encrypting {} takes: {} at 100 MB/s, {} at 20 MB/s",
                    HumanDuration(took),
                    DecimalBytes(kept),
                    more(100_000_000),
                    more(20_000_000)
                ),
            ));
        }
        all
    }

    /// Writes the page to a new file.
    pub(super) fn write_html(&self, path: &Path, console: &mut Console<'_>) -> Result<(), Failure> {
        let (tally, study) = (self.tally, self.study);
        let pair = |amount: Amount| [amount.items, amount.bytes];
        let of_rule = |id: &String| {
            let [items, bytes] = pair(tally.rules.get(id).copied().unwrap_or_default());
            let [alone, alone_bytes] = pair(study.alone.get(id).copied().unwrap_or_default());
            (id.clone(), [items, bytes, alone, alone_bytes])
        };
        let tier = |word: &'static str| {
            let [items, bytes] = pair(tally.tiers.get(word).copied().unwrap_or_default());
            (items, bytes)
        };
        let no_rule =
            [("out of scope", "out-of-scope"), ("undetermined", "undetermined")].map(|(words, id)| {
                let (items, bytes) = tier(id);
                (words, items, bytes)
            });
        let mut notes: Vec<String> = self
            .departures
            .iter()
            .map(|what| format!("Departure from the order or the procedure: {what}."))
            .collect();
        notes.extend(self.uncovered.limits.iter().chain(&tally.limits).cloned());
        if study.links_across_scopes > 0 {
            notes.push(format!(
                "{} items have one name that an include fits and no exclude, and another of which that is not so (hard links).",
                study.links_across_scopes
            ));
        }
        if tally.failed_looks > 0 {
            notes.push(format!("{} looks could not be taken to their end.", tally.failed_looks));
        }
        if tally.issues > 0 {
            notes.push(format!("{} places of the medium could not be walked.", tally.issues));
        }
        notes.extend(
            tally
                .interrupted
                .iter()
                .map(|why| format!("Stopped at {why}; what lies beyond was not examined.")),
        );
        // What is said of the policy comes after what is said of the medium.
        let idle = tally.idle_rules(self.policy);
        notes.extend(idle.iter().map(|rule| format!("Rule {rule} determined nothing.")));
        notes.extend(tally.dead_paths(self.policy));
        let when = chrono::Local::now().fixed_offset().to_rfc3339_opts(chrono::SecondsFormat::Secs, false);
        let page = dry_run_html(&DryRun {
            policy: self.policy,
            medium: &self.medium,
            synthetic: self.synthetic.as_deref(),
            when: &when,
            items: tally.items,
            outcomes: tally.outcomes.iter().map(|(own, n)| (own.to_string(), n.items, n.bytes)).collect(),
            rules: self.policy.rules().iter().map(|rule| of_rule(&rule.id)).collect(),
            no_rule,
            looks: tally.deepest.iter().map(|(look, items)| (Look::word(*look), *items)).collect(),
            waited: study
                .deepest()
                .map(|(rule, look, why, items)| {
                    (rule.to_owned(), look.word().to_owned(), why.to_owned(), items)
                })
                .collect(),
            unknown: study.unknown.iter().map(|(what, n)| (what.clone(), n.items, n.bytes)).collect(),
            keywords: study.keyword_hits.iter().map(|(list, counts)| (list.clone(), *counts)).collect(),
            estimates: study
                .archives
                .told()
                .map(|told| ("Archives", told))
                .into_iter()
                .chain(self.estimates())
                .collect(),
            uncovered: self.uncovered.sentences(),
            command: self.uncovered.command.as_deref(),
            notes,
        });
        Disk::new().write_new(path, page.as_bytes()).context("page")?;
        console.say(format_args!("note: {} is {}", path.display(), Digest::of(page.as_bytes())));
        Ok(())
    }
}

/// Refuses, before anything is looked at, a file that is there.
pub(super) fn is_new(html: Option<&Path>) -> Result<(), Failure> {
    match html {
        Some(path) if path.symlink_metadata().is_ok() => {
            Err(Failure::new(format!("{} exists; nothing is overwritten", path.display()))
                .hint("give another name with --html; nothing was read"))
        }
        _ => Ok(()),
    }
}
