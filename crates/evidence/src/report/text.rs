//! The printed report: 100 columns, no colour, and a verdict that a lawyer understands.

use std::fmt::Write as _;

use crate::listing::Listed;

use super::{Answer, Approved, Intact, Report, Status, Summary, escape};

/// Columns of the printed report: what an 80-column form's margin note and a terminal both hold.
const WIDTH: usize = 100;

/// Findings told one by one in print; the JSON has all of them.
const MAX_FINDINGS: usize = 50;

/// What no check of the package can show.
const NOT_PROVEN: [&str; 5] = [
    "that nobody looked at or copied the medium outside the recorded run;",
    "that the list of items is complete, once the original is gone;",
    "that the facts are true, had the program been modified that day;",
    "that not all signers and witnesses acted together;",
    "that the policy was wise, or the seizure lawful.",
];

impl Report {
    /// The report as people read it, at most 100 columns wide.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        self.trust_line(&mut out);
        out.push('\n');
        for check in &self.checks {
            let status = match check.status {
                Status::Pass => "pass",
                Status::Fail => "FAIL",
                Status::NotChecked => "not checked",
            };
            let head = format!("{status:<12} {:<13} ", check.id);
            let detail = if check.detail.is_empty() { check.name } else { &check.detail };
            wrap(&mut out, &head, &escape(detail));
        }
        out.push('\n');
        wrap(&mut out, "", &self.intact_sentence());
        wrap(
            &mut out,
            "",
            &answer_sentence(
                "FOLLOWED",
                self.followed,
                &format!(
                    "every recorded decision follows from {} and the recorded facts",
                    match self.summary.approved {
                        Approved::Signed => "the approved policy",
                        Approved::Attested => "the policy that was attested, not signed by the authority,",
                        Approved::Nobody => "the policy in the package, for which no approval is on record,",
                    }
                ),
                "an auditor with the ledger's key has to replay it",
            ),
        );
        if let Some(why) = &self.other_medium {
            let sentence = format!(
                "NOT MATCHED: what was given as the original is another medium than the one that was acquired: {why}. Nothing was compared."
            );
            wrap(&mut out, "", &escape(&sentence));
        } else {
            wrap(
                &mut out,
                "",
                &answer_sentence(
                    "MATCHED",
                    self.matched,
                    match self.compared.and_then(|compared| compared.beyond) {
                        None => "the record agrees with the original, where it was examined again",
                        Some(_) => {
                            "the record agrees with the original, where it was examined again, as far as the run went, which stopped at a limit of the policy"
                        }
                    },
                    "somebody has to examine the original again",
                ),
            );
        }
        if let Some(listing) = &self.listing {
            wrap(&mut out, "", &escape(&listing_sentence(listing)));
        }
        list(&mut out, "On the custody log, signed by those who could look inside", &self.attested);
        list(&mut out, "Departures from the order or the procedure", &self.departures);
        self.findings_list(&mut out);
        list(&mut out, "Limits", &self.limits);
        out.push_str("\nWhat this report does not prove:\n");
        NOT_PROVEN.iter().for_each(|line| wrap(&mut out, "  - ", line));
        out
    }

    fn trust_line(&self, out: &mut String) {
        let words = &self.summary.trust_words;
        let line = match (words.is_empty(), self.summary.words_confirmed) {
            (true, _) => "Relative to no trust file: it could not be read.".to_owned(),
            (_, true) => format!("Relative to trust file {words}: the words agree with those that you gave."),
            (_, false) => format!("Relative to trust file {words}: compare with the court's paper."),
        };
        wrap(out, "", &line);
        if !self.summary.package.is_empty() {
            let medium = escape(&self.summary.medium);
            wrap(out, "", &format!("Package {} of medium {medium}.", escape(&self.summary.package)));
        }
    }

    fn intact_sentence(&self) -> String {
        let failed: Vec<&str> =
            self.checks.iter().filter(|c| c.status == Status::Fail).map(|c| c.id).collect();
        match self.intact {
            Intact::Yes => {
                let mut text = format!("INTACT: the package is as it was when {}", self.sealed());
                let counts: Vec<String> = self.summary.counts.iter().map(|(o, n)| format!("{n} {}", escape(o))).collect();
                let _ = write!(text, " Items by outcome: {}.", if counts.is_empty() { "none".to_owned() } else { counts.join(", ") });
                match self.summary.approved {
                    Approved::Signed => {}
                    Approved::Attested => text.push_str(" Its policy is the policy that was attested, not signed by the authority."),
                    Approved::Nobody => text.push_str(" For its policy no approval is on record."),
                }
                if let Some(size) = self.summary.log_size {
                    let _ = write!(text, " The custody log is shown as of {size} entries; later ones may exist.");
                }
                if !self.summary.words_confirmed {
                    text.push_str(" Signers not confirmed: the words of the trust file were not compared with paper.");
                }
                text
            }
            Intact::No => format!(
                "NOT INTACT: the package is not, or not provably, what was sealed. First to fail: {}; all that failed: {}.",
                first_of(&failed),
                failed.join(", ")
            ),
            Intact::Unfinished => "UNFINISHED: a check could not be made, and none has failed. Nothing is said about the package.".to_owned(),
        }
    }

    fn sealed(&self) -> String {
        let told =
            |people: &[String]| people.iter().map(|person| escape(person)).collect::<Vec<_>>().join(" and ");
        let Summary { sealed_by, sealed_before, sealed_on_log_by, sealed_at, .. } = &self.summary;
        let when = escape(sealed_at.as_deref().unwrap_or("a time not stated"));
        let people = told(sealed_by);
        if sealed_before.is_empty() {
            return format!("{people} sealed it, at {when} by their own clock.");
        }
        format!(
            "{people} sealed it. The seal was put on the log by {}, at {when} by their own clock; when {} signed is not known, \
             but that it was before.",
            told(sealed_on_log_by),
            told(sealed_before)
        )
    }

    fn findings_list(&self, out: &mut String) {
        let mut lines: Vec<String> = self
            .findings
            .iter()
            .take(MAX_FINDINGS)
            .map(|finding| {
                let place =
                    [finding.item.as_str(), finding.rule.as_str()].into_iter().filter(|s| !s.is_empty());
                let place = place.collect::<Vec<_>>().join(" ");
                let between = if place.is_empty() { "" } else { " " };
                format!("{}{between}{place}: {}", finding.kind, finding.detail)
            })
            .collect();
        let more = self.findings.len().saturating_sub(MAX_FINDINGS);
        if more > 0 {
            lines.push(format!("and {more} more, in the JSON report"));
        }
        list(out, "Findings", &lines);
    }
}

fn answer_sentence(word: &str, answer: Answer, what: &str, needs: &str) -> String {
    match answer {
        Answer::Yes => format!("{word}: {what}."),
        Answer::No => format!("NOT {word}: it is not so that {what}; see the findings."),
        Answer::NotChecked => format!("{word}: not checked; {needs}."),
    }
}

/// The failure to begin with. An entry of the log that cannot be read makes the seal and the approval in it fail as well, which the
/// report tells before the log.
fn first_of<'a>(failed: &[&'a str]) -> &'a str {
    let first = failed.first().copied().unwrap_or("none");
    match first {
        "seal" | "approval" if failed.contains(&"log") => "log",
        _ => first,
    }
}

/// It stands beside MATCHED: who compares a listing has not examined the original.
fn listing_sentence(listing: &Listed) -> String {
    let Listed { agreed, differ, .. } = listing;
    let (word, what) = match differ {
        0 => ("LISTING", format!("{agreed} entries agree with the ledger, and none differs")),
        _ => (
            "LISTING DIFFERS",
            format!("{agreed} entries agree with the ledger; {differ} differences, see the findings"),
        ),
    };
    let digests = listing.told_of_digests();
    format!("{word}: another tool's listing ({}): {what}; {digests}.", listing.told())
}

fn list(out: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title}:");
    lines.iter().for_each(|line| wrap(out, "  - ", &escape(line)));
}

/// Writes `text` after `head`, broken at spaces; what follows the first line stands under its beginning.
///
/// A word that is longer than a line is broken where the line ends: it may come from a package.
fn wrap(out: &mut String, head: &str, text: &str) {
    let indent = head.chars().count();
    let room = WIDTH.saturating_sub(indent).max(20);
    let mut line = String::new();
    let mut width = 0_usize;
    let mut lines = Vec::new();
    for word in text.split(' ') {
        let mut letters = word.chars().peekable();
        let length = word.chars().count();
        if width > 0 {
            if width.saturating_add(1).saturating_add(length) <= room {
                line.push(' ');
                width = width.saturating_add(1);
            } else {
                lines.push(std::mem::take(&mut line));
                width = 0;
            }
        }
        while letters.peek().is_some() {
            if width == room {
                lines.push(std::mem::take(&mut line));
                width = 0;
            }
            let before = line.len();
            line.extend(letters.by_ref().take(room.saturating_sub(width)));
            width = width.saturating_add(line.get(before..).unwrap_or_default().chars().count());
        }
    }
    lines.push(line);
    for (number, line) in lines.iter().enumerate() {
        if number == 0 {
            let _ = writeln!(out, "{}", format!("{head}{line}").trim_end());
        } else {
            let _ = writeln!(out, "{:indent$}{line}", "");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hold_a_hundred_columns_and_nothing_is_lost() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let text =
            format!("data/captured-0001.zip.age: expected {digest}, found {digest} {}", "x".repeat(250));
        let mut out = String::new();
        wrap(&mut out, "FAIL         bag           ", &text);
        assert!(out.lines().all(|line| line.chars().count() <= WIDTH), "{out}");
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        assert_eq!(letters(&out), letters(&format!("FAILbag{text}")));
    }

    #[test]
    fn nothing_from_a_package_reaches_the_terminal_raw() {
        assert_eq!(escape("a\u{1b}[31m\n\u{202e}b"), "a\\u{1b}[31m\\u{a}\\u{202e}b");
        assert_eq!(escape("Zürich, 12 Bögen"), "Zürich, 12 Bögen");
    }
}
