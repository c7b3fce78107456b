//! Lints.

use crate::policy::Policy;

/// Something in a policy that a person should look at; not an error.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lint {
    /// The kind of remark: `unused-selector`.
    pub id: &'static str,
    /// What it is about: `selector.tenant-web`, `rule I-1`.
    pub about: String,
    /// The remark.
    pub message: String,
}

/// Remarks on a policy.
#[must_use]
pub fn lint(_policy: &Policy) -> Vec<Lint> {
    Vec::new()
}
