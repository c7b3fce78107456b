//! Whether somebody who may say so has signed an attestation.

use chrono::{DateTime, FixedOffset};

use super::{Attestation, NAMESPACE, Statement};
use crate::custody_log::check_signature;
use crate::trust::{Principal, Role, Trust};

/// Why an attestation counts for nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// It is about another case.
    #[error("it is about {found}, the trust file about {expected}")]
    Origin {
        /// What the attestation says.
        found: String,
        /// What the trust file says.
        expected: String,
    },
    /// The principal is not in the trust file.
    #[error("{0} is not in the trust file")]
    Unknown(String),
    /// The principal has no role in which this can be said.
    #[error("{principal} has none of the roles that may sign `{statement}`: {roles}")]
    Role {
        /// Who signed.
        principal: String,
        /// What.
        statement: &'static str,
        /// The roles, in words.
        roles: String,
    },
    /// The signature does not hold.
    #[error("the signature of {principal} does not hold: {why}")]
    Signature {
        /// Who is said to have signed.
        principal: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Statement {
    /// The roles in which a statement of this kind can be signed.
    #[must_use]
    pub fn roles(&self) -> &'static [Role] {
        match self {
            Self::Replay(_) | Self::Prefix(_) => &[Role::Auditor, Role::Court],
            Self::Holder(_) => &[Role::Holder, Role::Court, Role::Case],
        }
    }
}

impl Attestation {
    /// Whether `armored` is a signature over `bytes`, these of this attestation, by somebody who may say so.
    ///
    /// The key's validity is judged at `when`.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub fn signed_by<'t>(
        &self,
        bytes: &[u8],
        trust: &'t Trust,
        principal: &str,
        armored: &[u8],
        when: DateTime<FixedOffset>,
    ) -> Result<&'t Principal, Refused> {
        if self.origin != trust.origin() {
            let (found, expected) = (self.origin.clone(), trust.origin().to_owned());
            return Err(Refused::Origin { found, expected });
        }
        let known = trust.principal(principal).ok_or_else(|| Refused::Unknown(principal.to_owned()))?;
        let roles = self.statement.roles();
        if !roles.iter().any(|role| known.roles.contains(role)) {
            let roles = roles.iter().map(|role| role.word()).collect::<Vec<_>>().join(", ");
            return Err(Refused::Role {
                principal: principal.to_owned(),
                statement: self.statement.word(),
                roles,
            });
        }
        check_signature(known, armored, NAMESPACE, bytes, when)
            .map_err(|why| Refused::Signature { principal: principal.to_owned(), why })?;
        Ok(known)
    }
}
