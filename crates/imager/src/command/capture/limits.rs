//! What a capture states as its limits.

use evidence::acquisition::Extent;
use scope::Policy;

use super::amiss;
use crate::survey::{Amiss, Tally};
use crate::workplace::Ready;

/// What the walk came to and could not walk: a whole folder may be behind each.
pub(super) fn unwalked(tally: &Tally) -> Option<String> {
    (tally.issues > 0).then(|| format!("{} places of the medium could not be walked", tally.issues))
}

/// What the record says that it does not cover, in sentences.
pub(super) fn limits(
    ready: &Ready,
    tally: &Tally,
    policy: &Policy,
    extent: Extent,
    found: &Amiss,
) -> Vec<String> {
    let mut limits = ready.opened.medium.limits.clone();
    limits.extend(tally.limits.iter().cloned());
    limits.extend(unwalked(tally));
    if tally.failed_looks > 0 {
        limits.push(format!("{} looks could not be taken to their end", tally.failed_looks));
    }
    if extent == Extent::Files {
        let idle = tally.idle_rules(policy).into_iter();
        limits.extend(idle.map(|rule| format!("rule {rule} determined no item on this medium")));
        // Paths that fit nothing are told on the screen alone: in the record, which needs no key, they would tell of names.
    }
    if !policy.target().closed.is_empty() {
        limits.push(
            "the policy closes folders: nothing below them was listed, counted or looked at".to_owned(),
        );
    }
    limits.extend(tally.lost_archives());
    limits.extend(amiss::sentences(found));
    if let Some(reason) = &tally.interrupted {
        limits.push(format!("stopped at {reason}; what lies beyond was not examined"));
    }
    limits
}
