//! The trust file: whom the verifier believes.
//!
//! Implements `docs/spec/trust.md`, version 1. It is handed over apart from
//! any package and never read from one.
//!
//! ```text
//! format = "ambit/trust/1"
//! origin = "example.org/cases/KC07"
//! log_key = "ssh-ed25519 AAAA..."
//!
//! [[principal]]
//! name = "examiner"
//! person = "A. Berg"
//! organisation = "LKA"
//! roles = ["examiner"]
//! keys = ["ssh-ed25519 AAAA..."]
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, FixedOffset};
use scope::Digest;
use serde::{Deserialize, Serialize};

use crate::event::{Moment, TreeHead};
use crate::sshsig::{self, PublicKey};
use crate::words;

mod file;
#[cfg(test)]
mod tests;

/// Whom the verifier believes, in what role, with which keys.
#[derive(Clone, Debug)]
pub struct Trust {
    digest: Digest,
    origin: String,
    log_key: PublicKey,
    checkpoint: Option<TreeHead>,
    require: Vec<Required>,
    principals: Vec<Principal>,
    quorums: BTreeMap<Step, Vec<Vec<Role>>>,
}

/// One name under which somebody signs or opens.
#[derive(Clone, Debug)]
pub struct Principal {
    /// `[a-z0-9][a-z0-9-]{0,31}`.
    pub name: String,
    /// The person's name. Principals of one person never fill two required roles.
    pub person: String,
    /// Whom they work for.
    pub organisation: String,
    /// What they may do.
    pub roles: Vec<Role>,
    /// Their signing keys.
    pub keys: Vec<PublicKey>,
    /// Their age recipients, `age1...`.
    pub age: Vec<String>,
    /// Their signatures count from this moment on.
    pub valid_from: Option<Moment>,
    /// Their signatures count before this moment.
    pub valid_until: Option<Moment>,
}

/// What a principal may do.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Examines, captures, seals.
    Examiner,
    /// Is present, and co-signs.
    Witness,
    /// Approves the policy.
    Authority,
    /// Opens the captured set.
    Case,
    /// Opens a compartment.
    Holder,
    /// Opens the ledger, and replays it.
    Auditor,
    /// Opens the ledger.
    Court,
    /// Keeps the log.
    Log,
}

/// A step that needs a quorum.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Step {
    /// The case begins.
    #[serde(rename = "case.open")]
    CaseOpen,
    /// A policy is approved: `approval.txt`, or the event of an officer who attests an order.
    #[serde(rename = "policy.approve")]
    PolicyApprove,
    /// The medium is examined, and nothing taken.
    #[serde(rename = "examine")]
    Examine,
    /// Before the first read of an acquisition.
    #[serde(rename = "acquisition.start")]
    AcquisitionStart,
    /// After its last part.
    #[serde(rename = "acquisition.end")]
    AcquisitionEnd,
    /// The seal over the tag manifest.
    #[serde(rename = "package.seal")]
    PackageSeal,
}

/// A check that the trust file may require; without a pass it then fails.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Required {
    /// Cosignatures of the checkpoint.
    Cosignatures,
    /// Time stamps.
    Time,
}

/// Why a trust file is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("trust file line {line}: {what}")]
pub struct TrustError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

/// Longest trust file read. A principal takes about 300 bytes; no case has a thousand.
pub const MAX_TRUST: usize = 1 << 20;

/// Most roles in one quorum: more than there are kinds of people in a case, twice over.
const MAX_QUORUM: usize = 16;

impl Trust {
    /// SHA-256 of the file's bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The file's digest as eight words, to compare with paper.
    #[must_use]
    pub fn words(&self) -> String {
        words::words(&self.digest).join(" ")
    }

    /// The origin of the custody log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The key that signs the log's checkpoints.
    #[must_use]
    pub fn log_key(&self) -> &PublicKey {
        &self.log_key
    }

    /// The least acceptable head of the log.
    #[must_use]
    pub fn checkpoint(&self) -> Option<TreeHead> {
        self.checkpoint
    }

    /// Whether this check must pass.
    #[must_use]
    pub fn requires(&self, check: Required) -> bool {
        self.require.contains(&check)
    }

    /// Everybody, in the file's order.
    #[must_use]
    pub fn principals(&self) -> &[Principal] {
        &self.principals
    }

    /// The principal of that name.
    #[must_use]
    pub fn principal(&self, name: &str) -> Option<&Principal> {
        self.principals.iter().find(|p| p.name == name)
    }

    /// The principal who holds that signing key.
    #[must_use]
    pub fn holder_of(&self, key: &PublicKey) -> Option<&Principal> {
        self.principals.iter().find(|p| p.keys.contains(key))
    }

    /// The roles that a step needs, each with its alternatives.
    #[must_use]
    pub fn quorum(&self, step: Step) -> Vec<Vec<Role>> {
        self.quorums.get(&step).cloned().unwrap_or_else(|| step.default_quorum())
    }

    /// Whether `signers` fill every role that `step` needs, each by another person.
    ///
    /// Each signer is a principal's name, and the role in which they sign where the document states one;
    /// otherwise any role that the trust file gives them counts.
    ///
    /// # Errors
    ///
    /// [`QuorumError`] with what is needed and who signed.
    pub fn meets(&self, step: Step, signers: &[(&str, Option<Role>)]) -> Result<(), QuorumError> {
        self.meets_roles(step, &self.quorum(step), signers)
    }

    /// As [`Trust::meets`], for other roles than the trust file's.
    ///
    /// # Errors
    ///
    /// As [`Trust::meets`].
    pub fn meets_roles(
        &self,
        step: Step,
        slots: &[Vec<Role>],
        signers: &[(&str, Option<Role>)],
    ) -> Result<(), QuorumError> {
        // No two principals share a key (see `distinct`), so different persons are different principals and keys.
        let candidates: Vec<BTreeSet<String>> = slots
            .iter()
            .map(|slot| {
                let fills = |principal: &Principal, role: Option<Role>| match role {
                    Some(role) => slot.contains(&role) && principal.roles.contains(&role),
                    None => slot.iter().any(|role| principal.roles.contains(role)),
                };
                signers
                    .iter()
                    .filter_map(|(name, role)| Some((self.principal(name)?, *role)))
                    .filter(|(principal, role)| fills(principal, *role))
                    .map(|(principal, _)| same_person(&principal.person))
                    .collect()
            })
            .collect();
        if all_filled(&candidates) {
            return Ok(());
        }
        Err(QuorumError {
            step,
            needed: match slots {
                [one] => join(one, " or "),
                all => {
                    let roles: Vec<String> = all.iter().map(|slot| join(slot, " or ")).collect();
                    format!("{}, each another person", roles.join(" and "))
                }
            },
            signed: signers.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>().join(", "),
        })
    }

    /// The `allowed_signers` file with which `ssh-keygen -Y verify` checks every signature by hand.
    #[must_use]
    pub fn allowed_signers(&self) -> String {
        let mut text = String::new();
        for principal in &self.principals {
            let mut options = format!("namespaces=\"{}\"", self.namespaces(principal).join(","));
            for (option, moment) in
                [("valid-after", &principal.valid_from), ("valid-before", &principal.valid_until)]
            {
                if let Some(moment) = moment {
                    options
                        .push_str(&format!(",{option}=\"{}\"", moment.at().to_utc().format("%Y%m%d%H%M%SZ")));
                }
            }
            for key in &principal.keys {
                text.push_str(&format!("{} {options} {key}\n", principal.name));
            }
        }
        text
    }

    /// The namespaces in which this principal may sign.
    ///
    /// An approval is signed by whom the step needs, and one by an instrument by the examiner and the witness who attest it.
    fn namespaces(&self, principal: &Principal) -> Vec<&'static str> {
        let approvers = self.quorum(Step::PolicyApprove).concat();
        let has = |roles: &[Role]| roles.iter().any(|role| principal.roles.contains(role));
        let mut namespaces = vec![sshsig::CUSTODY_EVENT, sshsig::ATTESTATION];
        if has(&approvers) || has(&[Role::Authority, Role::Examiner, Role::Witness]) {
            namespaces.push(sshsig::APPROVAL);
        }
        if has(&[Role::Examiner, Role::Witness]) {
            namespaces.push(sshsig::PACKAGE_SEAL);
        }
        namespaces
    }
}

impl Principal {
    /// Whether signatures of this principal count at that moment.
    #[must_use]
    pub fn valid_at(&self, at: DateTime<FixedOffset>) -> bool {
        self.valid_from.as_ref().is_none_or(|from| from.at() <= at)
            && self.valid_until.as_ref().is_none_or(|until| at < until.at())
    }
}

impl Role {
    /// The role as files write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Examiner => "examiner",
            Self::Witness => "witness",
            Self::Authority => "authority",
            Self::Case => "case",
            Self::Holder => "holder",
            Self::Auditor => "auditor",
            Self::Court => "court",
            Self::Log => "log",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Step {
    /// The step as files write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::CaseOpen => "case.open",
            Self::PolicyApprove => "policy.approve",
            Self::Examine => "examine",
            Self::AcquisitionStart => "acquisition.start",
            Self::AcquisitionEnd => "acquisition.end",
            Self::PackageSeal => "package.seal",
        }
    }

    /// What the step needs where the trust file says nothing.
    fn default_quorum(self) -> Vec<Vec<Role>> {
        match self {
            Self::CaseOpen | Self::AcquisitionEnd => vec![vec![Role::Examiner]],
            Self::PolicyApprove => vec![vec![Role::Authority]],
            Self::Examine => vec![vec![Role::Examiner, Role::Log]],
            Self::AcquisitionStart | Self::PackageSeal => vec![vec![Role::Examiner], vec![Role::Witness]],
        }
    }
}

/// A step that too few people stand for.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{} needs {needed}; valid signatures: {}", step.word(), none_if_empty(signed))]
pub struct QuorumError {
    /// The step.
    pub step: Step,
    /// The roles, in words.
    pub needed: String,
    /// The principals who signed.
    pub signed: String,
}

/// Whether `text` may name a principal: `[a-z0-9][a-z0-9-]{0,31}`.
#[must_use]
pub fn is_principal(text: &str) -> bool {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 32 && text.bytes().next().is_some_and(plain) && text.bytes().all(|c| plain(c) || c == b'-')
}

/// Whether `text` may be a log's origin: 1 to 200 characters of `[A-Za-z0-9._/:-]`.
#[must_use]
pub fn is_origin(text: &str) -> bool {
    (1..=200).contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"._/:-".contains(&c))
}

/// Whether every slot gets a person of its own (a matching, grown slot by slot along augmenting paths).
fn all_filled(slots: &[BTreeSet<String>]) -> bool {
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    (0..slots.len()).all(|slot| place(slot, slots, &mut taken, &mut BTreeSet::new()))
}

/// Gives `slot` a person, moving others if need be. The depth is the number of slots, at most [`MAX_QUORUM`].
fn place<'a>(
    slot: usize,
    slots: &'a [BTreeSet<String>],
    taken: &mut BTreeMap<&'a str, usize>,
    tried: &mut BTreeSet<&'a str>,
) -> bool {
    for person in slots.get(slot).into_iter().flatten() {
        if !tried.insert(person) {
            continue;
        }
        let free = match taken.get(person.as_str()).copied() {
            None => true,
            Some(other) => place(other, slots, taken, tried),
        };
        if free {
            taken.insert(person, slot);
            return true;
        }
    }
    false
}

/// One form per person, so that `A. Berg` and `a.  berg` do not count as two.
fn same_person(person: &str) -> String {
    person.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Characters that change what is seen without being seen.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

fn join(roles: &[Role], between: &str) -> String {
    roles.iter().map(|role| role.word()).collect::<Vec<_>>().join(between)
}

fn none_if_empty(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}
