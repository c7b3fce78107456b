//! What the checks say of a forged package.

use age::Identity;
use evidence::report::{Report, Status};
use evidence::verify::{VerifyOptions, audit, verify};

use super::{Keys, Medium, Sealed};

impl Sealed {
    /// Verifies, with the keys of these people.
    #[must_use]
    pub fn verify(&self, people: &[&str]) -> Report {
        verify(&self.memory(), self.trust.as_bytes(), &options(&self.keys, people))
    }

    /// Audits, with the keys of these people.
    #[must_use]
    pub fn audit(&self, people: &[&str]) -> Report {
        audit(&self.memory(), self.trust.as_bytes(), &options(&self.keys, people), |_| ())
    }

    /// Audits as the auditor, and examines the original again.
    #[must_use]
    pub fn audit_against(&self, medium: &Medium) -> Report {
        let options = options(&self.keys, &["auditor"]);
        let open = source::OpenOptions::default();
        folder::audit_against(&self.memory(), self.trust.as_bytes(), &options, &medium.path(), &open)
            .expect("the medium can be walked")
    }
}

fn options(keys: &Keys, people: &[&str]) -> VerifyOptions {
    let boxed = |name: &&str| Box::new(keys.identity(name).clone()) as Box<dyn Identity>;
    VerifyOptions {
        identities: people.iter().map(boxed).collect(),
        recipients: people.iter().map(|name| keys.recipient(name)).collect(),
        ..VerifyOptions::default()
    }
}

/// The checks of a status, in their order, joined by blanks.
#[must_use]
pub fn statuses(report: &Report, status: Status) -> String {
    let of = report.checks.iter().filter(|check| check.status == status);
    of.map(|check| check.id).collect::<Vec<_>>().join(" ")
}

/// The kinds of the findings, each once, sorted, joined by blanks.
#[must_use]
pub fn kinds(report: &Report) -> String {
    let mut kinds: Vec<&str> = report.findings.iter().map(|finding| finding.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.join(" ")
}
