//! The audit of a package, and of the original against it.

use std::ops::ControlFlow;
use std::path::Path;

use evidence::files::Files;
use evidence::replay::Reexamination;
use evidence::report::{Answer, Report};
use evidence::verify::{VerifyOptions, audit, policy_of};
use examine::{Event, Examiner, Options, every_item};
use scope::Outcome;
use scope::policy::LeftRecord;
use source::OpenOptions;

/// Audits a package, then examines `medium` again under the package's policy and compares the two.
///
/// MATCHED is answered only where FOLLOWED is: a record that was not shown to be signed proves nothing.
///
/// # Errors
///
/// In words: the medium cannot be opened, or not walked to its end.
pub fn audit_against(
    files: &dyn Files,
    trust: &[u8],
    options: &VerifyOptions,
    medium: &Path,
    open: &OpenOptions,
) -> Result<Report, String> {
    let mut reexamination = Reexamination::new();
    // A record that cannot be read is a finding of the replay already.
    let mut report = audit(files, trust, options, |record| drop(reexamination.record(record)));
    report.asked_matched = true;
    if report.followed == Answer::NotChecked {
        report.limits.push("the original was not examined again: the ledger was not replayed".to_owned());
        return Ok(report);
    }
    let policy = policy_of(files)?;
    let opened = source::open(medium, open).map_err(|error| format!("{}: {error}", medium.display()))?;
    report.limits.extend(opened.medium.limits.iter().map(|limit| format!("examined again: {limit}")));
    let examiner = Examiner::new(&policy, Options::default());
    let counts = policy.record().left == LeftRecord::Counts;
    let mut issues: u64 = 0;
    for source in &opened.sources {
        every_item(&examiner, source.as_ref(), &mut |event| {
            match event {
                // Of what is left, such a record keeps nothing that could be compared.
                Event::Item(entry, examined) if counts && examined.decision.outcome == Outcome::Left => {
                    reexamination.left_item(&entry.locator, &examined.facts);
                }
                Event::Item(entry, examined) => reexamination.item(&entry.locator, &examined.facts),
                Event::Issue(_) => issues = issues.saturating_add(1),
            }
            ControlFlow::Continue(())
        })
        .map_err(|error| format!("{}: {error}", medium.display()))?;
    }
    if issues > 0 {
        report.limits.push(format!("examined again: {issues} places of the medium could not be walked"));
    }
    let findings = reexamination.finish();
    report.matched = if findings.is_empty() { Answer::Yes } else { Answer::No };
    report.findings.extend(findings.into_iter().map(Into::into));
    Ok(report)
}
