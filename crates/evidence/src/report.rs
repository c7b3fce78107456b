//! The report: checks, verdicts, and what was not checked.
//!
//! Implements `docs/spec/verification.md`, version 1.
//!
//! ```text
//! Relative to trust file abandon able about ... : compare these words with the court's paper.
//!
//! pass         trust         read; 5 principals
//! pass         directory     27 files, all regular, all named by the package
//! not checked  time          time stamps are not checked in this version
//!
//! INTACT: ...
//! ```
//!
//! Whatever came out of a package is escaped before it is shown.

use serde::Serialize;

use crate::listing::Listed;

mod text;

/// What a verification or an audit found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Every check, in its order.
    pub checks: Vec<Check>,
    /// Unaltered since it was sealed by these people?
    pub intact: Intact,
    /// Does every recorded decision follow from the policy and the recorded facts?
    pub followed: Answer,
    /// Does the record agree with the original?
    pub matched: Answer,
    /// How much of the original was compared with the record, where all of it was examined again.
    pub compared: Option<Compared>,
    /// Another tool's listing that was compared with the ledger. It is no examination of the original.
    pub listing: Option<Listed>,
    /// Departures from the order or the procedure.
    pub departures: Vec<String>,
    /// What the medium did not give, and what was not checked.
    pub limits: Vec<String>,
    /// What auditors and holders have signed, as it stands on the custody log.
    pub attested: Vec<String>,
    /// What an auditor raises.
    pub findings: Vec<Finding>,
    /// What the sentences of the verdict are made of.
    pub summary: Summary,
    /// Whether the question of FOLLOWED was asked: then `not checked` is no answer.
    pub asked_followed: bool,
    /// Why what was given as the original is another medium than the one acquired: then nothing was compared.
    pub other_medium: Option<String>,
    /// Whether the question of MATCHED was asked.
    pub asked_matched: bool,
    /// Whether a listing was given: then none that was compared is no answer.
    pub asked_listing: bool,
    /// Whether keys were given to look into parts: then `objects` not checked is no answer.
    pub asked_objects: bool,
}

/// How much of an original that was examined again could be compared with the record.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Compared {
    /// Preserved objects that were compared with the content of the original.
    pub objects: u64,
    /// Of them, those of which not all bytes could be read then: there, nothing was compared.
    pub partial: u64,
    /// Items of which something was not compared: it cannot be read today, or the record says that it could not be then.
    pub not_compared: u64,
    /// Items that lie beyond the limit of the policy at which the run stopped; none of a run that came to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beyond: Option<u64>,
}

/// One named check.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Check {
    /// Its id, one of [`CHECKS`].
    pub id: &'static str,
    /// What it asks, in a few words.
    pub name: &'static str,
    /// What came out.
    pub status: Status,
    /// With which files and digests.
    pub detail: String,
}

/// What came out of a check.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// Nobody looked; the detail says why.
    NotChecked,
}

/// Whether the package is unaltered since it was sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Intact {
    /// Every check that this verdict needs has passed.
    Yes,
    /// A check has failed.
    No,
    /// A check could not be finished, and none has failed.
    Unfinished,
}

/// The answer to a question that is asked of a whole package.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Confirmed.
    Yes,
    /// Refuted.
    No,
    /// Nobody looked.
    NotChecked,
}

/// What an auditor raises.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// `fact`, `trits`, `outcome`, `look`, `missing`, `duplicate`, `extra`, `policy`, `recipients` or `count`.
    pub kind: String,
    /// The item's locator or control number; empty where the finding is about the package.
    pub item: String,
    /// The rule that it is about; may be empty.
    pub rule: String,
    /// What was found, and what was expected.
    pub detail: String,
}

/// How the policy came to be in force.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Approved {
    /// No approval was found, or none that could be read.
    #[default]
    Nobody,
    /// The authority signed it.
    Signed,
    /// Somebody attests an order by its digest.
    Attested,
}

/// Who, when and how much, as the package states it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Summary {
    /// The trust file's words; empty where it could not be read.
    pub trust_words: String,
    /// Whether the words were compared with paper, and agree.
    pub words_confirmed: bool,
    /// The run number.
    pub package: String,
    /// The medium's label.
    pub medium: String,
    /// How the policy was approved.
    pub approved: Approved,
    /// Who sealed: person and organisation.
    pub sealed_by: Vec<String>,
    /// Those of them who did not sign package.seal, so that nothing says when they sealed.
    pub sealed_before: Vec<String>,
    /// Who signed package.seal.
    pub sealed_on_log_by: Vec<String>,
    /// When package.seal was put on the log, by the clock of those who signed it.
    pub sealed_at: Option<String>,
    /// The size of the custody log.
    pub log_size: Option<u64>,
    /// Items by outcome.
    pub counts: Vec<(String, u64)>,
}

/// The ids of all checks, in their order, with what each asks.
pub const CHECKS: [(&str, &str); 13] = [
    ("trust", "whom this report believes"),
    ("directory", "regular files only, none unlisted"),
    ("bag", "every byte of every file"),
    ("seal", "who sealed the package"),
    ("approval", "who approved the policy, for which medium"),
    ("log", "custody log, from its first entry"),
    ("checkpoint", "signed head of the custody log"),
    ("consistency", "agreement with an earlier head"),
    ("cosignatures", "others who saw the same log"),
    ("time", "time stamps by others"),
    ("agreement", "what the files say of each other"),
    ("inventory", "one line per item"),
    ("objects", "contents of the encrypted parts"),
];

impl Report {
    /// 0: all that was asked is confirmed. 1: could not finish. 2: the answer is no. 3: confirmed, with departures.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let unlike = self.listing.as_ref().is_some_and(|listing| listing.differ > 0);
        if self.intact == Intact::No || self.followed == Answer::No || self.matched == Answer::No || unlike {
            return 2;
        }
        let unanswered = (self.asked_followed && self.followed == Answer::NotChecked)
            || (self.asked_matched && self.matched == Answer::NotChecked)
            || (self.asked_listing && self.listing.is_none())
            || (self.asked_objects
                && self.check("objects").is_none_or(|check| check.status == Status::NotChecked));
        if self.intact == Intact::Unfinished || unanswered {
            return 1;
        }
        if self.departures.is_empty() { 0 } else { 3 }
    }

    /// The report as one JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        #[derive(Serialize)]
        struct Shape<'a> {
            intact: Intact,
            followed: Answer,
            matched: Answer,
            #[serde(skip_serializing_if = "Option::is_none")]
            compared: Option<Compared>,
            #[serde(skip_serializing_if = "Option::is_none")]
            listing: Option<&'a Listed>,
            checks: &'a [Check],
            departures: &'a [String],
            limits: &'a [String],
            attested: &'a [String],
            #[serde(skip_serializing_if = "Option::is_none")]
            findings: Option<&'a [Finding]>,
        }
        let audited = self.asked_followed || self.asked_matched;
        let shape = Shape {
            intact: self.intact,
            followed: self.followed,
            matched: self.matched,
            compared: self.compared,
            listing: self.listing.as_ref(),
            checks: &self.checks,
            departures: &self.departures,
            limits: &self.limits,
            attested: &self.attested,
            findings: audited.then_some(&self.findings),
        };
        // Strings and enumerations alone: writing them cannot fail.
        let json = serde_json::to_string_pretty(&shape).unwrap_or_default();
        // Outside strings JSON is plain ASCII; inside, `\\uXXXX` says the same and turns or hides nothing.
        let mut safe = String::with_capacity(json.len());
        for c in json.chars() {
            if c != '\n' && (c.is_control() || crate::trust::is_invisible(c)) {
                c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| safe.push_str(&format!("\\u{unit:04x}")));
            } else {
                safe.push(c);
            }
        }
        safe
    }

    /// Takes in what a re-examination of the original found: MATCHED, if it found nothing.
    ///
    /// `what` says in words how much was examined again and how it was chosen; it becomes a limit of the verdict.
    pub fn reexamined(&mut self, what: &str, findings: Vec<Finding>) {
        self.asked_matched = true;
        self.matched = if findings.is_empty() { Answer::Yes } else { Answer::No };
        self.findings.extend(findings);
        self.limits.push(format!("examined again: {what}"));
    }

    /// The check of that id.
    #[must_use]
    pub fn check(&self, id: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.id == id)
    }
}

/// Makes a text that came out of a package safe to print on one line.
///
/// Control characters, line breaks, and characters that turn or hide other text are written `\u{..}`.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || crate::trust::is_invisible(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}
