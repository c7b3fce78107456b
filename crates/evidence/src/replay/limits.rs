//! What the policy forbids whatever its rules say: closed folders, streams, too much.

use scope::facts::{Facts, Kind};
use scope::policy::Deleted;
use scope::{Outcome, Policy};

use crate::acquisition::Extent;

use super::{Finding, FindingKind};

/// Items that nobody was to look for: below a closed folder, a stream, a deleted entry, slack or unallocated space
/// where the policy does not have them read, and slack of what is not kept.
pub(super) fn beyond_target(
    policy: &Policy,
    extent: Extent,
    item: &str,
    facts: &Facts,
    outcome: &Outcome,
) -> Vec<Finding> {
    let target = policy.target();
    let about = |rule: &str, detail: &str| Finding {
        kind: FindingKind::Look,
        item: item.to_owned(),
        rule: rule.to_owned(),
        detail: detail.to_owned(),
    };
    let mut findings = Vec::new();
    if facts.names.iter().any(|name| policy.is_below_closed(name, facts.case_rule)) {
        findings.push(about("target.closed", "an item below a folder that the policy closes"));
    }
    if (facts.kind == Kind::Volume) != (extent == Extent::Volumes) {
        findings.push(about(
            "target.unread_volumes",
            "a file and a whole volume in one package, or the other of the two than it states",
        ));
    }
    if facts.kind == Kind::Stream && !target.streams {
        findings.push(about("target.streams", "a named stream, and the policy does not have them read"));
    }
    if facts.kind == Kind::Deleted && target.deleted == Deleted::Never {
        findings.push(about("target.deleted", "a deleted entry, and the policy does not have them listed"));
    }
    if facts.kind == Kind::Recovered && !matches!(target.deleted, Deleted::Hold(_)) {
        let detail =
            "what stands where a deleted entry had its content, and the policy does not have it read";
        findings.push(about("target.deleted", detail));
    }
    if facts.kind == Kind::Unallocated && target.unallocated.is_none() {
        findings.push(about("target.unallocated", "unallocated space, and the policy does not have it read"));
    }
    if facts.kind == Kind::Slack && target.slack.is_none() {
        findings.push(about("target.slack", "slack space, and the policy does not have it read"));
    } else if facts.kind == Kind::Slack && !outcome.is_kept() {
        findings.push(about("target.slack", "slack of an item that is not kept: nobody was to read it"));
    }
    findings
}

/// More items, or more bytes of preserved content, than the policy allows.
pub(super) fn exceeded(policy: &Policy, items: u64, bytes: u64) -> Vec<Finding> {
    let limits = policy.limits();
    let found = [("items", limits.items, items), ("bytes", limits.bytes, bytes)];
    let exceeded = found.into_iter().filter_map(|(what, limit, found)| {
        let limit = limit.filter(|limit| found > *limit)?;
        let detail = format!("{what}: the policy allows {limit}, the package has {found}");
        Some(Finding { kind: FindingKind::Count, item: String::new(), rule: "limits".to_owned(), detail })
    });
    exceeded.collect()
}
