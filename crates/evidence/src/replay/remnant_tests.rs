//! Slack, free space and what was deleted: held where the policy says so, and a finding wherever a record has them otherwise.

use scope::facts::{Facts, Kind, Look, Slack};
use scope::{Outcome, Tier};

use super::testing::{Case, POLICY, told};
use crate::item::DecisionValue;

/// A run under the tests' policy with `target` in its `[target]`.
fn case(target: &str) -> Case {
    let inspect = "inspect = [";
    Case::under(&POLICY.replace(inspect, &format!("{target}\n{inspect}")))
}

const GRANTED: &str = "slack = \"hold:vault\"\nunallocated = \"hold:neutral\"\ndeleted = \"hold:vault\"";

/// Adds a file and its slack; the slack's position.
fn with_slack(case: &mut Case, name: &str, content: &[u8]) -> usize {
    let at = case.file(&[name], content);
    let slack = Some(Slack { of: Kind::File, size: 4 });
    let facts = case.items[at].facts.clone();
    case.item(Facts { kind: Kind::Slack, slack, ..facts }, b"tail")
}

/// Adds an item of `kind`, of which nothing is known but its length and its name.
fn add(case: &mut Case, kind: Kind, names: &[&str], content: &[u8]) -> usize {
    let at = case.file(&["/etc/model"], b"x");
    let names = names.iter().map(|name| (*name).into()).collect();
    let size = Some(content.len() as u64);
    let mut facts = Facts { kind, names, size, ..case.items[at].facts.clone() };
    facts.looks = vec![Look::Metadata];
    case.item(facts, content)
}

fn outcome(case: &Case, at: usize) -> (Outcome, Tier, Vec<String>) {
    let decision = DecisionValue::parse(&case.items[at].record.decision).unwrap();
    (decision.outcome, decision.tier, decision.rules)
}

fn findings(case: &Case) -> Vec<String> {
    let findings = case.seal().replay(&case.policy).unwrap().findings;
    findings.iter().map(|finding| format!("{} {}", finding.rule, told(finding))).collect()
}

#[test]
fn what_the_rules_capture_goes_to_the_compartment_of_the_target() {
    let mut case = case(GRANTED);
    let held = |id: &str| Outcome::Held(id.to_owned());
    let by_path = with_slack(&mut case, "/srv/tenant/a", b"x");
    let by_digest = with_slack(&mut case, "/srv/pool/b", b"abc");
    let by_rule = with_slack(&mut case, "/srv/tenant/legal/c", b"x");
    let free = add(&mut case, Kind::Unallocated, &[], b"free");
    let named = add(&mut case, Kind::Recovered, &["/srv/pool/d"], b"abc");
    let gone = add(&mut case, Kind::Deleted, &["/srv/tenant/e"], b"x");
    let excluded = add(&mut case, Kind::Recovered, &["/srv/other/f"], b"x");
    let unknown = add(&mut case, Kind::Recovered, &[], b"x");
    let expected = [
        (by_path, held("vault"), Tier::Held, ""),
        (by_digest, held("vault"), Tier::Held, ""),
        (by_rule, held("neutral"), Tier::Held, "H-1"),
        (free, held("neutral"), Tier::Held, ""),
        (named, held("vault"), Tier::Held, ""),
        (gone, held("vault"), Tier::Held, ""),
        (excluded, Outcome::Left, Tier::Excluded, "X-1"),
        (unknown, Outcome::Left, Tier::Undetermined, ""),
    ];
    for (at, wanted, tier, rules) in expected {
        let found = outcome(&case, at);
        assert_eq!((found.0, found.1, found.2.join(",")), (wanted, tier, rules.to_owned()), "{at}");
    }
    assert_eq!(findings(&case), Vec::<String>::new());
}

/// Records another decision of an item; the replay must find `expect`.
fn check(target: &str, fill: impl FnOnce(&mut Case) -> usize, wrong: Option<(Outcome, Tier)>, expect: &str) {
    let mut case = case(target);
    let at = fill(&mut case);
    if let Some((outcome, tier)) = wrong {
        let control = case.control(&outcome);
        let record = &mut case.items[at].record;
        let mut decision = DecisionValue::parse(&record.decision).unwrap();
        decision.control = control;
        (decision.outcome, decision.tier) = (outcome, tier);
        record.decision = serde_json::to_string(&decision).unwrap();
    }
    let found = findings(&case);
    assert!(found.iter().any(|finding| finding.contains(expect)), "{found:#?}\nexpected {expect}");
}

#[test]
fn a_record_that_has_them_otherwise_is_found() {
    let slack = |case: &mut Case| with_slack(case, "/srv/tenant/a", b"x");
    let captured = Some((Outcome::Captured, Tier::Included));
    let neutral = Some((Outcome::Held("neutral".into()), Tier::Held));
    check(
        GRANTED,
        slack,
        captured.clone(),
        "recorded captured (included); the policy gives held:vault (held)",
    );
    check(
        GRANTED,
        slack,
        neutral.clone(),
        "recorded held:neutral (held); the policy gives held:vault (held)",
    );
    let left = |case: &mut Case| with_slack(case, "/etc/passwd", b"x");
    check(GRANTED, left, None, "target.slack look /etc/passwd: slack of an item that is not kept");
    check(GRANTED, left, neutral.clone(), "the policy gives left (out-of-scope)");
    let listed = |case: &mut Case| with_slack(case, "/srv/tenant/x/payroll/y", b"x");
    check(GRANTED, listed, None, "slack of an item that is not kept");
    let free = |case: &mut Case| add(case, Kind::Unallocated, &[], b"free");
    check(GRANTED, free, captured.clone(), "recorded captured (included); the policy gives held:neutral");
    let named = |case: &mut Case| add(case, Kind::Unallocated, &["/a"], b"free");
    check(GRANTED, named, None, "unallocated space with a name, or looked at");
    let recovered = |case: &mut Case| add(case, Kind::Recovered, &["/srv/tenant/r"], b"x");
    check(GRANTED, recovered, captured, "recorded captured (included); the policy gives held:vault");

    // Where nothing is granted, nobody was to look.
    check("", slack, None, "target.slack look /srv/tenant/a: slack space, and the policy");
    check("", free, None, "target.unallocated look ");
    check("", recovered, None, "target.deleted look /srv/tenant/r: what stands where");
    check("deleted = \"catalogue\"", recovered, neutral, "the policy gives left (out-of-scope)");
}

#[test]
fn a_slack_states_whose_it_is() {
    let mut case = case(GRANTED);
    let at = with_slack(&mut case, "/srv/tenant/a", b"x");
    for change in [
        (|facts| facts.slack = None) as fn(&mut Facts),
        |facts| facts.kind = Kind::File,
        |facts| facts.slack = Some(Slack { of: Kind::Directory, size: 4 }),
        |facts| facts.slack = Some(Slack { of: Kind::File, size: 0 }),
    ] {
        let mut forged = case.clone();
        let record = &mut forged.items[at].record;
        let mut facts = record.parts().unwrap().facts;
        change(&mut facts);
        record.facts = facts.to_list().iter().map(|fact| serde_json::to_string(fact).unwrap()).collect();
        let found = findings(&forged);
        assert!(found.iter().any(|finding| finding.contains("a slack whose file or length")), "{found:#?}");
    }
    // A length that is not the object's.
    let record = &mut case.items[at].record;
    let mut facts = record.parts().unwrap().facts;
    facts.slack = Some(Slack { of: Kind::File, size: 5 });
    record.facts = facts.to_list().iter().map(|fact| serde_json::to_string(fact).unwrap()).collect();
    let found = findings(&case);
    assert!(found.iter().any(|finding| finding.contains("the object has 4 bytes, the item 5")), "{found:#?}");
}
