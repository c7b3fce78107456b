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
//! renderer ambit-render/1
//! ```

use scope::Digest;

use crate::acquisition::MediumId;

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
    /// What rendered it: `ambit-render/1`.
    pub renderer: String,
    /// SHA-256 of the order, where an officer attests one.
    pub instrument: Option<Digest>,
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

/// The namespace in which an approval is signed.
pub const NAMESPACE: &str = "ambit/approval/v1";

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
        lines.extend(self.instrument.map(|digest| format!("instrument {digest}")));
        let mut text = lines.join("\n");
        text.push('\n');
        text.into_bytes()
    }
}
