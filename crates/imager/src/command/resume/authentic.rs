//! Whether the journal of a broken run was written by its captures: each line against the run keys on the custody log.
//!
//! The keys of the case folder do not say so: they lie there in clear. A run key is in the memory of one process alone, and the
//! quorum of acquisition.start signed it.

use custody::{CaseFolder, PackageError, Unfinished};
use evidence::trust::Trust;

use super::Announced;
use crate::console::{Context as _, Failure};
use crate::workplace;

/// What the log says of this run. Fails unless the custody log holds, so that people of the trust file have announced this run and
/// whatever else it says of it, and the run keys have signed its journal: nothing that either says is used before.
pub(super) fn authentic(
    found: &mut Unfinished,
    case: &CaseFolder,
    trust: &Trust,
) -> Result<Announced, Failure> {
    let run = found.begun().package;
    let announced = Announced::of(case, run)?;
    // Under another trust file than the one of the beginning it does not go on anyhow.
    if found.begun().setting.get("--trust").is_none_or(|own| *own == trust.digest().to_string()) {
        workplace::log_holds(case, trust)?;
    }
    let first = announced.start.iter().map(|(start, _)| start.run_key.clone());
    let keys: Vec<String> =
        first.chain(announced.resumed.iter().map(|resumed| resumed.run_key.clone())).collect();
    match found.believe(&keys) {
        Err(error @ PackageError::Journal { .. }) => Err(altered(format!("package: {error}"))),
        believed => believed.context("package"),
    }?;
    let begun = found.begun();
    let other =
        announced.media.iter().find(|(medium, policy)| *medium != begun.medium || *policy != begun.policy);
    match other {
        None => Ok(announced),
        Some((medium, policy)) => Err(altered(format!(
            "package: line 1 of the journal was altered: it is of the medium {} and the policy {}, and the custody log announces \
             this run for the medium {} and the policy {policy}, or for other facts of that medium",
            begun.medium.label, begun.policy, medium.label
        ))),
    }
}

fn altered(what: String) -> Failure {
    Failure::no(what).hint(
        "somebody who has the case folder has rewritten the journal, or the log of the case folder is older than the journal: put back \
         .work/journal.jsonl from a copy of the package, or give the --case under which it went on last. Else keep both as they are and say so in a \
         note: the parts are evidence, signed by run keys that the log announces; and capture again to a new --out. Nothing was read, signed or changed",
    )
}
