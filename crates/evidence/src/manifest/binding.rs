//! What a part belongs to.

use std::fmt;

use scope::Digest;

use crate::acquisition::{Acquisition, RunNumber};

/// What every part of a package states in its first row: a part cannot be carried over from another case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Binding {
    /// The custody log's origin.
    pub origin: String,
    /// The run that wrote the package.
    pub package: RunNumber,
    /// The medium's label.
    pub medium: String,
    /// The policy's id.
    pub policy: Digest,
    /// The run key of its batch, `ssh-ed25519 AAAA...`, no comment.
    pub run_key: String,
}

/// A part states something else than the acquisition does.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the first row's `{field}` is {found}, not {expected}: the part belongs elsewhere")]
pub struct BindingError {
    /// Which field.
    pub field: &'static str,
    /// What the acquisition says, safe to print.
    pub expected: String,
    /// What the part says, safe to print.
    pub found: String,
}

impl Binding {
    /// What the parts of this batch of the acquisition must state: a run that was resumed has several run keys.
    #[must_use]
    pub fn of(acquisition: &Acquisition, batch: u64) -> Self {
        Self {
            origin: acquisition.origin.clone(),
            package: acquisition.package,
            medium: acquisition.medium.label.clone(),
            policy: acquisition.policy,
            run_key: acquisition.run_key_of(batch).to_owned(),
        }
    }

    /// Whether a part's binding is this one.
    ///
    /// # Errors
    ///
    /// [`BindingError`] naming the first field that differs from `expected`.
    pub fn must_equal(&self, expected: &Self) -> Result<(), BindingError> {
        BindingError::unless_equal("origin", &expected.origin, &self.origin)?;
        BindingError::unless_equal("package", expected.package, self.package)?;
        BindingError::unless_equal("medium", &expected.medium, &self.medium)?;
        BindingError::unless_equal("policy", expected.policy, self.policy)?;
        BindingError::unless_equal("run_key", &expected.run_key, &self.run_key)
    }
}

impl BindingError {
    pub(crate) fn unless_equal<T: fmt::Display + PartialEq>(
        field: &'static str,
        expected: T,
        found: T,
    ) -> Result<(), Self> {
        if expected == found {
            return Ok(());
        }
        let shown = |value: T| format!("`{}`", value.to_string().escape_debug());
        Err(Self { field, expected: shown(expected), found: shown(found) })
    }
}
