//! What a plan counted, kept in the case folder so that a capture can say how long it will take. Counts alone.
//!
//! ```text
//! state/plan-000004.json
//! {"policy":"sha256:...","medium":"KC07","items":250000,"kept_bytes":91230112,"largest":1048576}
//! ```

use custody::{CaseFolder, Disk};
use scope::{Digest, Outcome};
use serde::{Deserialize, Serialize};

use crate::progress::Expected;
use crate::survey::Tally;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Estimate {
    policy: Digest,
    medium: String,
    items: u64,
    kept_bytes: u64,
    largest: u64,
}

/// Keeps a plan's counts, under the number of its event. What cannot be kept costs a capture its estimate alone.
pub(crate) fn keep(case: &CaseFolder, event: u64, policy: Digest, medium: &str, tally: &Tally) {
    let kept_bytes = tally.total(Outcome::is_kept).bytes;
    let (medium, items, largest) = (medium.to_owned(), tally.items, tally.largest);
    let estimate = Estimate { policy, medium, items, kept_bytes, largest };
    if let Ok(bytes) = serde_json::to_vec(&estimate) {
        let _ = Disk::new().write_new(&case.state().join(format!("plan-{event:06}.json")), &bytes);
    }
}

/// The counts of the last plan of this medium under this policy.
pub(crate) fn last(case: &CaseFolder, policy: Digest, medium: &str) -> Option<Expected> {
    let disk = Disk::new();
    let names = disk.file_names(&case.state()).ok()?;
    names.into_iter().rev().filter(|name| name.starts_with("plan-")).find_map(|name| {
        let bytes = disk.read(&case.state().join(name), MAX_ESTIMATE).ok()?;
        let estimate: Estimate = serde_json::from_slice(&bytes).ok()?;
        (estimate.policy == policy && estimate.medium == medium).then_some(Expected {
            items: estimate.items,
            kept_bytes: estimate.kept_bytes,
            largest: estimate.largest,
        })
    })
}

/// Longest file of an estimate: five short fields.
const MAX_ESTIMATE: u64 = 1 << 12;
