//! Attestations: what an auditor or a holder found, as the text that they sign.
//!
//! Implements `docs/spec/attestation.md`, version 1.
//!
//! ```text
//! ambit/attestation/v1
//! statement auditor.replay
//! origin example.org/cases/KC07
//! medium KC07
//! package 07070707070707070707070707070707
//! ...
//! intact yes
//! followed yes
//! matched not-checked
//! ...
//! says Every recorded decision follows from the policy and the recorded facts.
//! ```
//!
//! The lines `says` are made from the lines before them: whoever signs reads sentences, and whoever checks compares
//! them. An attestation is the word of the person who signs it, and no proof.

mod about;
mod accept;
mod held;
mod prefix;
mod read;
mod says;
#[cfg(test)]
pub(crate) mod tests;
mod under;

use std::fmt;

use scope::Digest;

use crate::acquisition::RunNumber;
use crate::event::{Moment, Tool, TreeHead};
use crate::listing::Listed;
use crate::report::Compared;

/// The first line, and the namespace in which the text is signed.
pub use crate::sshsig::ATTESTATION as NAMESPACE;
pub use about::{About, other_runs};
pub use accept::Refused;
pub use held::{ItemVerdict, Run, SetVerdict, runs};
pub use prefix::{Archives, Counts, Ending, NotAPath, Portion, Prefix, Unread, Volume, Within};
pub use read::AttestationError;
pub use under::{Counted, Under};

/// Longest attestation read, also from a custody log: a thousand parts, or ten thousand runs of control numbers.
pub const MAX_ATTESTATION: u64 = 1 << 20;

/// A statement about one package, by a person who could look into it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attestation {
    /// The custody log's origin.
    pub origin: String,
    /// The medium's label.
    pub medium: String,
    /// The run number.
    pub package: RunNumber,
    /// SHA-256 of `tagmanifest-sha256.txt`: the sealed bytes.
    pub tagmanifest: Digest,
    /// The custody log, as far as it was there.
    pub log: TreeHead,
    /// The policy's id.
    pub policy: Digest,
    /// How many lines the inventory has, and its root.
    pub inventory: TreeHead,
    /// What was found.
    pub statement: Statement,
    /// The eight words of the trust file that was believed.
    pub trust: String,
    /// Whether these were compared with paper.
    pub trust_compared: bool,
    /// When, by the clock of the machine that wrote the text.
    pub when: Moment,
    /// The program that wrote the text.
    pub tool: Tool,
}

/// What was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Statement {
    /// The ledger was replayed.
    Replay(Replay),
    /// All items under a path were counted, after a replay of the whole ledger.
    Prefix(Prefix),
    /// A holder checked a set.
    Holder(SetVerdict),
}

/// `statement auditor.replay`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Replay {
    /// The ledger's parts, in order.
    pub parts: Vec<Part>,
    /// How many records were read.
    pub records: u64,
    /// Unaltered since it was sealed?
    pub intact: Verdict,
    /// Does every decision follow?
    pub followed: Verdict,
    /// Does the record agree with the original?
    pub matched: Verdict,
    /// Why what was given as the original is another medium: then nothing was compared.
    pub other_medium: Option<String>,
    /// How much of the original was compared, where all of it was examined again.
    pub compared: Option<Compared>,
    /// Another tool's listing, where one was compared with the ledger.
    pub listing: Option<Listed>,
    /// Kinds of findings, with how many there are of each; sorted, none twice, none 0.
    pub findings: Vec<(String, u64)>,
    /// How many departures from the order or the procedure the report names.
    pub departures: u64,
}

impl Replay {
    /// Whether the answers contradict each other.
    fn problem(&self) -> Option<&'static str> {
        let answers = [self.followed, self.matched];
        let of_a_replay = |(kind, _): &(String, u64)| REPLAY_ALONE.contains(&kind.as_str());
        if self.followed == Verdict::Yes && self.intact != Verdict::Yes {
            Some("`followed yes` of a package that is not intact: it is not replayed")
        } else if self.compared.is_some_and(|compared| compared.partial > compared.objects) {
            Some("more objects are partial than were compared")
        } else if self.other_medium.is_some() && (self.matched != Verdict::No || self.compared.is_some()) {
            Some("another medium, and `matched` is not `no`, or something was compared")
        } else if self.matched == Verdict::Yes && self.compared.is_none() {
            Some("`matched yes`, and nothing says how much was compared")
        } else if !self.findings.is_empty() && !answers.contains(&Verdict::No) {
            Some("findings, and neither `followed` nor `matched` is `no`")
        } else if self.followed != Verdict::No && self.findings.iter().any(of_a_replay) {
            Some("a finding that only a replay makes, and `followed` is not `no`")
        } else {
            None
        }
    }
}

/// Kinds of findings that no comparison with an original or a listing makes.
const REPLAY_ALONE: [&str; 6] = ["duplicate", "look", "outcome", "policy", "recipients", "trits"];

/// A sealed file that was opened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part {
    /// Its name in the package.
    pub file: String,
    /// SHA-256 of the sealed file.
    pub sha256: Digest,
}

/// An answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Confirmed.
    Yes,
    /// Refuted.
    No,
    /// Nobody looked, or could not finish.
    NotChecked,
}

impl Verdict {
    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::NotChecked => "not-checked",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Statement {
    /// The word in the line `statement`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Replay(_) => "auditor.replay",
            Self::Prefix(_) => "auditor.prefix",
            Self::Holder(_) => "holder.verdict",
        }
    }
}

impl Attestation {
    /// The bytes to sign.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = Text(format!("{NAMESPACE}\n"));
        text.line("statement", self.statement.word());
        text.line("origin", &self.origin);
        text.line("medium", &self.medium);
        text.line("package", self.package);
        text.line("tagmanifest", self.tagmanifest);
        text.line("log", head(&self.log));
        text.line("policy", self.policy);
        text.line("inventory", head(&self.inventory));
        match &self.statement {
            Statement::Replay(replay) => {
                text.parts(&replay.parts);
                text.line("records", replay.records);
                text.line("intact", replay.intact);
                text.line("followed", replay.followed);
                text.line("matched", replay.matched);
                if let Some(why) = &replay.other_medium {
                    text.line("other-medium", why);
                }
                if let Some(Compared { objects, partial, not_compared, beyond }) = replay.compared {
                    text.line("compared", format_args!("{objects} {partial} {not_compared}"));
                    if let Some(beyond) = beyond {
                        text.line("beyond", beyond);
                    }
                }
                if let Some(listing) = &replay.listing {
                    text.listing(listing);
                }
                for (kind, count) in &replay.findings {
                    text.line("finding", format_args!("{kind} {count}"));
                }
                text.line("departures", replay.departures);
            }
            Statement::Prefix(prefix) => {
                text.parts(&prefix.parts);
                text.line("records", prefix.records);
                prefix.lines(&mut text);
            }
            Statement::Holder(held) => {
                text.line("set", &held.set);
                text.parts(&held.parts);
                text.line("checked", if held.problem.is_none() { Verdict::Yes } else { Verdict::No });
                if let Some(problem) = &held.problem {
                    text.line("problem", problem);
                }
                text.line("objects", held.objects);
                text.line("bytes", held.bytes);
                for run in &held.verdicts {
                    text.line("verdict", format_args!("{} {} {}", run.verdict.word(), run.first, run.last));
                }
            }
        }
        text.line("trust", &self.trust);
        text.line("trust-words", if self.trust_compared { COMPARED } else { NOT_COMPARED });
        text.line("when", &self.when);
        text.line("tool", format_args!("{} {} {}", self.tool.name, self.tool.version, self.tool.digest));
        for sentence in says::sentences(self) {
            text.line("says", sentence);
        }
        text.0.into_bytes()
    }
}

/// What the line `trust-words` says where the words were compared with paper.
const COMPARED: &str = "compared";
/// And where they were not.
const NOT_COMPARED: &str = "not-compared";

/// Lines of a name and a value.
struct Text(String);

impl Text {
    fn line(&mut self, name: &str, value: impl fmt::Display) {
        self.0.push_str(&format!("{name} {value}\n"));
    }

    fn listing(&mut self, listing: &Listed) {
        self.line("listing", format_args!("{} {}", listing.form.word(), listing.sha256));
        for (name, value) in [("listing-tool", &listing.tool), ("listing-volume", &listing.volume)] {
            if let Some(value) = value {
                self.line(name, value);
            }
        }
        self.line("listing-agreed", listing.agreed);
        self.line("listing-differ", listing.differ);
        self.line("listing-digests-compared", listing.digests_compared);
        self.line("listing-digests-uncompared", listing.digests_uncompared);
    }

    fn parts(&mut self, parts: &[Part]) {
        for part in parts {
            self.line("part", format_args!("{} {}", part.file, part.sha256));
        }
    }
}

fn head(head: &TreeHead) -> String {
    format!("{} {}", head.size, head.root)
}
