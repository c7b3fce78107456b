//! The approval of a policy: what the authority signs.
//!
//! Implements `docs/spec/package.md`, version 1.
//!
//! ```text
//! ambit/approval/v1
//! origin example.org/cases/KC07
//! medium KC07
//! medium-id serial WD-WCC4N5PF96JD
//! policy sha256:9f86d081...
//! rendering sha256:60303ae2...
//! renderer ambit-render/2/en
//! ```

use scope::Digest;
use serde::{Deserialize, Serialize};

use crate::acquisition::MediumId;
use crate::trust::is_origin;

/// The text of `approval.txt`: this policy, read in this rendering, for this medium in this case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Approval {
    /// The custody log's origin.
    pub origin: String,
    /// The medium's label in the policy.
    pub medium: String,
    /// The identities that the policy gives for that label, sorted, none twice.
    pub medium_ids: Vec<MediumId>,
    /// The policy's id.
    pub policy: Digest,
    /// SHA-256 of the rendering.
    pub rendering: Digest,
    /// What rendered it, which names the language: `ambit-render/2/en`.
    pub renderer: String,
    /// The order, where people attest one.
    pub instrument: Option<Instrument>,
}

/// An order that no key of the authority signs: people attest it by its digest.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Instrument {
    /// How the order was given.
    pub kind: InstrumentKind,
    /// SHA-256 of what there is of it: the scan, the file, the note or the recording of the call.
    pub sha256: Digest,
}

/// How an order was given.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InstrumentKind {
    /// On paper, of which there is a scan.
    Paper,
    /// As a file, without a signature that this program checks.
    Electronic,
    /// By telephone, of which there is a note or a recording.
    Telephone,
}

impl InstrumentKind {
    const ALL: [Self; 3] = [Self::Paper, Self::Electronic, Self::Telephone];

    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::Electronic => "electronic",
            Self::Telephone => "telephone",
        }
    }

    /// In a sentence.
    #[must_use]
    pub fn told(self) -> &'static str {
        match self {
            Self::Paper => "a paper order",
            Self::Electronic => "an electronic order",
            Self::Telephone => "an order by telephone",
        }
    }

    /// What somebody who doubts it can do.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Paper => "compare the paper",
            Self::Electronic => "compare the court's own copy",
            Self::Telephone => "ask the court for its own record of the call",
        }
    }
}

impl std::fmt::Display for Instrument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.word(), self.sha256)
    }
}

/// Why a text is not an approval.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("approval.txt line {line}: {what}")]
pub struct ApprovalError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

/// The first line, and the namespace in which the text is signed.
pub use crate::sshsig::APPROVAL as NAMESPACE;

/// Longest approval read. A medium has a handful of identities.
pub const MAX_APPROVAL: u64 = 64 << 10;

impl Approval {
    /// The bytes to sign: one line per field, in the order of the fields.
    ///
    /// Identities are sorted and written once.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut ids = self.medium_ids.clone();
        ids.sort();
        ids.dedup();
        let mut lines =
            vec![NAMESPACE.to_owned(), format!("origin {}", self.origin), format!("medium {}", self.medium)];
        lines.extend(ids.iter().map(|id| format!("medium-id {} {}", id.kind, id.value)));
        lines.push(format!("policy {}", self.policy));
        lines.push(format!("rendering {}", self.rendering));
        lines.push(format!("renderer {}", self.renderer));
        lines.extend(self.instrument.map(|instrument| format!("instrument {instrument}")));
        let mut text = lines.join("\n");
        text.push('\n');
        text.into_bytes()
    }

    /// Reads an `approval.txt`.
    ///
    /// # Errors
    ///
    /// [`ApprovalError`] for anything but the bytes that [`Approval::to_bytes`] gives.
    pub fn parse(bytes: &[u8]) -> Result<Self, ApprovalError> {
        let fail = |line: usize, what: &str| ApprovalError { line, what: what.to_owned() };
        let text = std::str::from_utf8(bytes).map_err(|_| fail(1, "not UTF-8"))?;
        let text = text.strip_suffix('\n').ok_or_else(|| fail(1, "the last line does not end"))?;
        let mut lines = text.split('\n').zip(1..).peekable();
        let mut field = |name: &str, optional: bool| -> Result<Option<(&str, usize)>, ApprovalError> {
            let found = lines.next_if(|(line, _)| line.split(' ').next() == Some(name));
            match found {
                Some((line, number)) => {
                    let value = line.strip_prefix(name).unwrap_or_default();
                    let value = value.strip_prefix(' ').unwrap_or(value);
                    Ok(Some((value, number)))
                }
                None if optional => Ok(None),
                None => {
                    let at = lines
                        .peek()
                        .map_or_else(|| text.split('\n').count().saturating_add(1), |(_, at)| *at);
                    Err(fail(at, &format!("expected `{name}`")))
                }
            }
        };
        let mut must = |name: &str| field(name, false).map(Option::unwrap_or_default);
        must(NAMESPACE)?;
        let (origin, origin_at) = must("origin")?;
        if !is_origin(origin) {
            return Err(fail(origin_at, "not an origin"));
        }
        let (medium, medium_at) = must("medium")?;
        if !is_printable(medium) {
            return Err(fail(medium_at, "not a medium's label"));
        }
        let mut medium_ids = Vec::new();
        while let Some((id, at)) = field("medium-id", true)? {
            let (kind, value) = id.split_once(' ').ok_or_else(|| fail(at, "expected a kind and a value"))?;
            if !is_printable(kind) || !is_printable(value) {
                return Err(fail(at, "not an identity"));
            }
            medium_ids.push(MediumId { kind: kind.to_owned(), value: value.to_owned() });
        }
        let digest =
            |(value, at): (&str, usize)| value.parse::<Digest>().map_err(|e| fail(at, &e.to_string()));
        let mut must = |name: &str| field(name, false).map(Option::unwrap_or_default);
        let policy = digest(must("policy")?)?;
        let rendering = digest(must("rendering")?)?;
        let (renderer, renderer_at) = must("renderer")?;
        if !is_printable(renderer) {
            return Err(fail(renderer_at, "not a renderer"));
        }
        let renderer = renderer.to_owned();
        let instrument = match field("instrument", true)? {
            None => None,
            Some((value, at)) => {
                let (word, sha256) = value.split_once(' ').unwrap_or_default();
                let kind = InstrumentKind::ALL.into_iter().find(|kind| kind.word() == word);
                let kind = kind
                    .ok_or_else(|| fail(at, "expected `paper`, `electronic` or `telephone`, and a digest"))?;
                Some(Instrument { kind, sha256: digest((sha256, at))? })
            }
        };
        if let Some((_, at)) = lines.next() {
            return Err(fail(at, "nothing may stand here"));
        }
        let approval = Self {
            origin: origin.to_owned(),
            medium: medium.to_owned(),
            medium_ids,
            policy,
            rendering,
            renderer,
            instrument,
        };
        // One spelling per approval: order, doubles and blanks are those that writing it again gives.
        if approval.to_bytes() != bytes {
            return Err(fail(1, "not written as this approval must be (order of identities, or one twice)"));
        }
        Ok(approval)
    }
}

/// Printable, and no space at either end: what one line can hold.
fn is_printable(text: &str) -> bool {
    !text.is_empty()
        && text.trim() == text
        && !text.chars().any(|c| c.is_control() || crate::trust::is_invisible(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "ambit/approval/v1\n\
        origin example.org/cases/KC07\n\
        medium KC07\n\
        medium-id gpt 6b1d\n\
        medium-id serial WD-WCC4N5PF96JD\n\
        policy sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n\
        rendering sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752\n\
        renderer ambit-render/2/en\n";

    fn check(text: &str, expected: &str) {
        let found = match Approval::parse(text.as_bytes()) {
            Ok(approval) => {
                assert_eq!(approval.to_bytes(), text.as_bytes());
                format!("{} ids, instrument {:?}", approval.medium_ids.len(), approval.instrument.is_some())
            }
            Err(error) => error.to_string(),
        };
        assert!(found.contains(expected), "{text}\n{found}");
    }

    #[test]
    fn one_spelling_per_approval() {
        check(EXAMPLE, "2 ids, instrument false");
        let sha256 = "sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752";
        for kind in ["paper", "electronic", "telephone"] {
            check(&format!("{EXAMPLE}instrument {kind} {sha256}\n"), "2 ids, instrument true");
        }
        check(&format!("{EXAMPLE}instrument {sha256}\n"), "line 9: expected `paper`");
        check(&format!("{EXAMPLE}instrument fax {sha256}\n"), "line 9: expected `paper`");
        check(&format!("{EXAMPLE}instrument paper  {sha256}\n"), "line 9: not a digest");
        let digest = &format!("instrument paper {sha256}\n");
        check(&format!("{EXAMPLE}{digest}{digest}"), "line 10: nothing may stand here");
        check(&format!("{EXAMPLE}\n"), "line 9: nothing may stand here");
        check(EXAMPLE.trim_end(), "the last line does not end");
        check(&EXAMPLE.replace("approval/v1", "approval/v2"), "line 1: expected `ambit/approval/v1`");
        check(&EXAMPLE.replace("medium-id gpt", "medium-id wwn"), "order of identities");
        check(&EXAMPLE.replace("medium KC07", "medium KC07 "), "line 3: not a medium's label");
        check(&EXAMPLE.replace("medium KC07", "medium  KC07"), "line 3: not a medium's label");
        check(&EXAMPLE.replace("origin example.org", "origin example org"), "line 2: not an origin");
        check(&EXAMPLE.replace("sha256:9f", "sha256:9F"), "line 6: not a digest");
        check(&EXAMPLE.replace('\n', "\r\n"), "line 1: expected");
        check(&EXAMPLE.replace("renderer ambit-render/2/en\n", ""), "line 8: expected `renderer`");
        check(&EXAMPLE.replace("ambit/approval/v1\n", "ambit/approval/v1 \n"), "not written as");
    }
}
