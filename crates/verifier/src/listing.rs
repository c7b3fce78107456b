//! `ambit-verify audit --against-listing FILE`: what another tool saw, against the ledger.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use evidence::acquisition::Acquisition;
use evidence::files::{self, Files};
use evidence::listing::{Compared, Comparison, Listed, read};
use evidence::report::Answer;
use evidence::verify::{Verified, policy_of};
use scope::Policy;

use crate::Failure;
use crate::cli::AuditArgs;

/// What a comparison needs of a package before its ledger is read; the verification says whether it was the sealed one.
pub(crate) fn package(files: &dyn Files) -> Result<(Policy, Acquisition), Failure> {
    let policy = policy_of(files).map_err(Failure::new)?;
    let bytes =
        files::read(files, ACQUISITION, MAX_ACQUISITION).map_err(|error| Failure::of(ACQUISITION)(&error))?;
    let acquisition = Acquisition::from_bytes(&bytes).map_err(|error| Failure::of(ACQUISITION)(&error))?;
    Ok((policy, acquisition))
}

/// Begins the comparison with the volume that was named, or with the only one that there is.
pub(crate) fn begin<'a>(
    args: &AuditArgs,
    path: &Path,
    (policy, acquisition): &'a (Policy, Acquisition),
) -> Result<Comparison<'a>, Failure> {
    let by_offset = open(path)?.fill_buf().is_ok_and(|bytes| bytes.starts_with(b"<"));
    Comparison::new(policy, acquisition, args.listing_volume.as_deref(), by_offset)
        .map_err(|error| Failure::new(error.to_string()).hint("give --listing-volume VOLUME"))
}

/// Compares, and puts what came of it into the report.
pub(crate) fn compare(
    mut comparison: Comparison<'_>,
    (path, tool): (&Path, Option<String>),
    judged: &(Policy, Acquisition),
    verified: &mut Verified,
) -> Result<(), Failure> {
    let same = verified.acquisition.as_ref() == Some(&judged.1)
        && verified.policy.as_ref().is_some_and(|policy| policy.id() == judged.0.id());
    let report = &mut verified.report;
    report.asked_listing = true;
    if report.followed == Answer::NotChecked || !same {
        report.limits.push("the listing was not compared: the ledger was not replayed".to_owned());
        return Ok(());
    }
    if verified.stopped_at_limit {
        comparison.stopped_at_limit();
    }
    let volume = comparison.volume().map(str::to_owned);
    let (form, sha256) = read(open(path)?, &mut |seen| comparison.seen(&seen))
        .map_err(|error| Failure::of(path.display())(&error).hint("nothing was compared"))?;
    let Compared { agreed, digests_compared, digests_uncompared, explained, findings } = comparison.finish();
    let explained =
        explained.into_iter().map(|(why, count)| format!("another tool's listing: {count} {why}"));
    report.limits.extend(explained);
    let differ = findings.len() as u64;
    report.listing =
        Some(Listed { form, sha256, tool, volume, agreed, differ, digests_compared, digests_uncompared });
    report.findings.extend(findings.into_iter().map(Into::into));
    Ok(())
}

fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    File::open(path).map(BufReader::new).map_err(|error| Failure::of(path.display())(&error))
}

const ACQUISITION: &str = "meta/acquisition.json";

/// Longest `acquisition.json` read.
const MAX_ACQUISITION: u64 = 64 << 20;
