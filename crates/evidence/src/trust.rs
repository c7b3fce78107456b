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

use std::collections::BTreeMap;
use std::fmt;

use scope::Digest;
use serde::{Deserialize, Serialize};

use crate::event::{Moment, TreeHead};
use crate::sshsig::PublicKey;

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
