//! What the policy forbids whatever its rules say: closed folders, streams, too much.

use scope::facts::{Facts, Kind};
use scope::{Policy, RawName};

use crate::acquisition::Extent;

use super::{Finding, FindingKind};

/// Items that nobody was to look for: below a closed folder, a stream or a deleted entry where the policy does
/// not have them read.
pub(super) fn beyond_target(policy: &Policy, extent: Extent, item: &str, facts: &Facts) -> Vec<Finding> {
    let about = |rule: &str, detail: &str| Finding {
        kind: FindingKind::Look,
        item: item.to_owned(),
        rule: rule.to_owned(),
        detail: detail.to_owned(),
    };
    let mut findings = Vec::new();
    if facts.names.iter().any(|name| is_below_closed(policy, name, facts)) {
        findings.push(about("target.closed", "an item below a folder that the policy closes"));
    }
    if (facts.kind == Kind::Volume) != (extent == Extent::Volumes) {
        findings.push(about(
            "target.unread_volumes",
            "a file and a whole volume in one package, or the other of the two than it states",
        ));
    }
    if facts.kind == Kind::Stream && !policy.target().streams {
        findings.push(about("target.streams", "a named stream, and the policy does not have them read"));
    }
    if facts.kind == Kind::Deleted && !policy.target().deleted {
        findings.push(about("target.deleted", "a deleted entry, and the policy does not have them listed"));
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

/// Whether a folder above this path, not the path itself, is closed.
fn is_below_closed(policy: &Policy, name: &RawName, facts: &Facts) -> bool {
    if policy.target().closed.is_empty() {
        return false;
    }
    let path = name.bytes();
    // A walk always enters the root, whose slash is the first.
    let slashes = path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/');
    let folders = slashes.filter_map(|(at, _)| path.get(..at));
    let mut folders = folders.map(|folder| RawName(folder.to_vec()));
    folders.any(|folder| policy.is_closed(&folder, facts.case_rule))
}
