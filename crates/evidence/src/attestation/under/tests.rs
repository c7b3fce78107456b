//! What is counted under a path, and what beside it.

use scope::{Decision, Tier};

use super::*;
use crate::item::{Control, Series};
use crate::replay::testing::Case;

const VOLUME: &str = "ext4:9f0c";

/// What becomes of what has these names, counted under `/home/anna`.
fn counted(names: &[&str], outcome: Outcome, change: impl FnOnce(&mut Facts)) -> Counted {
    let case = Case::new();
    let plain = &case.items[case.at("/srv/other/index.html")].facts;
    let names = names.iter().map(|name| RawName::from(*name)).collect();
    let mut facts = Facts { names, links: Some(1), kind: Kind::File, ..plain.clone() };
    change(&mut facts);
    let mut decision = Decision { outcome, tier: Tier::Included, ..decided(&case, plain) };
    decision.trits = vec![decision.trits.first().cloned().unwrap_or_default(); facts.names.len().max(1)];
    let control = (decision.outcome != Outcome::Left).then(|| Control::new("KC07", Series::Captured, 1));
    let locator = format!("{VOLUME}/inode:12:0");
    let policy = case.policy.id();
    let record = Record::new([1; 16], &locator, &facts, &decision, control.as_ref(), policy, None).unwrap();
    let mut under = Under::new(b"/home/anna").unwrap();
    under.volumes = BTreeMap::from([(VOLUME.to_owned(), 0)]);
    under.record(&record);
    let counted = under.finish();
    assert_eq!((counted.records(), counted.unreadable()), (1, 0));
    counted
}

fn decided(case: &Case, facts: &Facts) -> Decision {
    scope::decide_from_metadata(&case.policy, facts).unwrap()
}

/// How many are under the path, under an ending of it, and under it but for case.
fn check(names: &[&str], change: impl FnOnce(&mut Facts), expected: [u64; 3]) {
    let under = counted(names, Outcome::Left, change);
    let endings = under.endings().iter().map(|ending| ending.items.all).sum();
    assert_eq!([under.counts().all(), endings, under.other_case().all], expected, "{names:?}");
}

#[test]
fn a_name_is_under_a_path_by_its_parts() {
    check(&["/home/anna"], |_| {}, [1, 0, 0]);
    check(&["/home/anna/letter"], |_| {}, [1, 0, 0]);
    check(&["/home/annabel"], |_| {}, [0, 0, 0]);
    check(&["/home/anna:stream"], |_| {}, [0, 0, 0]);
    check(&["/home/anna:stream"], |facts| facts.kind = Kind::Stream, [1, 0, 0]);
    // By any of its names.
    check(&["/home/anna/letter", "/srv/letter"], |facts| facts.links = Some(2), [1, 0, 0]);
}

#[test]
fn what_may_be_meant_is_counted_apart() {
    check(&["/anna/letter"], |_| {}, [0, 1, 0]);
    check(&["/HOME/anna/letter"], |_| {}, [0, 0, 1]);
    check(&["/HOME/anna/letter"], |facts| facts.case_rule = CaseRule::Insensitive, [1, 0, 0]);
    check(&["/srv/anna"], |_| {}, [0, 0, 0]);
    let kept = counted(&["/anna/letter"], Outcome::Captured, |_| {});
    assert_eq!(kept.endings().iter().map(|ending| ending.items.kept).collect::<Vec<_>>(), [1]);
}

#[test]
fn what_is_kept_and_lacks_a_name_is_counted() {
    let unnamed =
        |names: &[&str], outcome, links| counted(names, outcome, |facts| facts.links = links).unnamed_kept();
    assert_eq!(unnamed(&["/srv/a"], Outcome::Captured, Some(2)), 1);
    assert_eq!(unnamed(&["/srv/a"], Outcome::Captured, Some(1)), 0);
    assert_eq!(unnamed(&[], Outcome::Captured, None), 1);
    assert_eq!(unnamed(&["/srv/a"], Outcome::Left, Some(2)), 0);
}
