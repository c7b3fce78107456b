//! Records: what is written is read back, and nothing else is read.

use proptest::prelude::*;

use super::*;
use crate::replay::testing::Case;

fn honest() -> Record {
    let case = Case::new();
    case.items[case.at("/srv/tenant/www/gate.php")].record.clone()
}

/// Changes an honest record; reading its values must say this.
fn check(change: impl FnOnce(&mut Record), expected: &str) {
    let mut record = honest();
    change(&mut record);
    let found = match record.parts() {
        Ok(_) => "read".to_owned(),
        Err(error) => error.to_string(),
    };
    assert!(found.contains(expected), "{found:?} does not say {expected:?}");
}

#[test]
fn values_are_strict() {
    check(|_| {}, "read");
    check(|record| record.locator.clear(), "the locator is not");
    check(|record| record.locator = "-".into(), "the locator is not");
    check(|record| record.locator = "a\u{1b}[2J".into(), "the locator is not");
    check(|record| record.locator = "x".repeat(MAX_LOCATOR + 1), "the locator is not");
    check(|record| record.facts.clear(), "the fact `volume` is missing");
    check(
        |record| record.facts[0] = "{\"volume\":\"a\",\"volume\":\"a\"}".into(),
        "`facts/0` cannot be used",
    );
    check(|record| record.facts[0] = "{\"colour\":\"a\"}".into(), "`facts/0` cannot be used");
    check(|record| record.facts[0].push('\n'), "`facts/0` cannot be used");
    check(|record| record.facts[0].insert(0, ' '), "`facts/0` cannot be used");
    check(|record| record.facts[6] = "{\"size\":5.0}".into(), "`facts/6` cannot be used");
    check(|record| record.facts[6] = "{\"size\":9007199254740992}".into(), "`facts/6` cannot be used");
    check(|record| record.facts.reverse(), "doubled or out of order");
    check(|record| record.trits = "[]".into(), "the trits are not");
    check(|record| record.trits = "[\"T\",\"F\"]".into(), "the trits are not");
    check(|record| record.trits = "[\"t\"]".into(), "the trits are not");
    check(|record| record.trits = "\"T\"".into(), "`trits` cannot be used");
    check(|record| record.decision = "-".into(), "`decision` cannot be used");
    check(
        |record| record.decision = record.decision.replace(",\"policy\"", ",\"by\":1,\"policy\""),
        "unknown field",
    );
    check(
        |record| record.decision = record.decision.replace("captured", "seized"),
        "`decision` cannot be used",
    );
    check(
        |record| record.decision = record.decision.replace("\"KC07-C-0000004\"", "null"),
        "do not go together",
    );
    check(
        |record| record.decision = record.decision.replace("\"control\":\"KC07-C-0000004\",", ""),
        "missing field",
    );
    check(
        |record| record.decision = record.decision.replace("\"captured\"", "\"left\""),
        "do not go together",
    );
    check(|record| record.object = String::new(), "`object` cannot be used");
    check(|record| record.object = "--".into(), "`object` cannot be used");
    check(|record| record.object = record.object.replace("\"complete\"", "\"partial\""), "unreadable ranges");
    let unreadable = |ranges: &str| {
        honest().object.replace("complete\",\"unreadable\":[]", &format!("partial\",\"unreadable\":{ranges}"))
    };
    check(|record| record.object = unreadable("[[0,2],[3,5]]"), "read");
    check(|record| record.object = unreadable("[[0,2],[2,5]]"), "unreadable ranges");
    check(|record| record.object = unreadable("[[3,5],[0,2]]"), "unreadable ranges");
    check(|record| record.object = unreadable("[[2,2]]"), "unreadable ranges");
    check(|record| record.object = unreadable("[[4,6]]"), "unreadable ranges");
    check(|record| record.object = unreadable("[[4,5,6]]"), "`object` cannot be used");
    let trouble = |text: &str| honest().object.replace("[]}", &format!("[],\"trouble\":{text}}}"));
    check(|record| record.object = trouble("\"\""), "what was amiss");
    check(|record| record.object = trouble("\"caf\u{e9}\""), "what was amiss");
    check(|record| record.object = trouble(&format!("\"{}\"", "x".repeat(201))), "what was amiss");
    check(|record| record.object = trouble("null"), "`object` cannot be used");
}

#[test]
fn what_would_be_refused_is_not_written() {
    let case = Case::new();
    let item = &case.items[case.at("/srv/other/index.html")];
    let decision = scope::decide_from_metadata(&case.policy, &item.facts).unwrap();
    let control = Control::new("KC07", Series::Captured, 1);
    let new = |locator: &str, facts: &Facts, decision: &Decision, control: Option<&Control>| {
        let made = Record::new([0; 16], locator, facts, decision, control, case.policy.id(), None);
        made.map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(new("x", &item.facts, &decision, None), Ok(()));
    assert!(new("a b", &item.facts, &decision, None).unwrap_err().contains("locator"));
    assert!(new("x", &item.facts, &decision, Some(&control)).unwrap_err().contains("do not go together"));
    let vast = Facts { size: Some(1 << 53), ..item.facts.clone() };
    assert!(new("x", &vast, &decision, None).unwrap_err().contains("beyond 2^53"));
    let short = Decision { trits: Vec::new(), ..decision.clone() };
    assert!(new("x", &item.facts, &short, None).unwrap_err().contains("trits"));
    assert!(Record::unnamed([0; 16], &decision, case.policy.id()).is_ok());
    let kept = Decision { outcome: Outcome::Captured, ..decision };
    assert!(Record::unnamed([0; 16], &kept, case.policy.id()).is_err());
    let object = ObjectValue::new(Digest::of(b""), 4, "captured-0001".into(), vec![(2, 5)]);
    assert!(object.to_value().is_err());
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        id: [u8; 16],
        names in prop::collection::btree_set(prop::collection::vec(any::<u8>(), 1..20), 0..4),
        size in 0_u64..1 << 53,
        ranges in prop::collection::btree_set(0_u64..1 << 52, 0..6),
        rules in prop::collection::vec("\\PC{0,8}", 0..3),
        outcome in prop::sample::select(vec!["captured", "held:a", "listed", "listed:a", "left"]),
    ) {
        let case = Case::new();
        let names: Vec<scope::RawName> = names.into_iter().map(scope::RawName).collect();
        let rows = names.len().max(1);
        let facts = Facts { names, size: Some(size), ..case.items[2].facts.clone() };
        let outcome: Outcome = outcome.parse().unwrap();
        let control = (outcome != Outcome::Left).then(|| Control::new("KC07", Series::Captured, size + 1));
        let decision = Decision {
            outcome,
            tier: Tier::Included,
            rules,
            looks: vec![Look::Metadata],
            trits: vec!["TFU".to_owned(); rows],
        };
        let ends: Vec<u64> = ranges.into_iter().collect();
        let unreadable = ends.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        let object = ObjectValue::new(Digest::of(b"x"), 1 << 52, "captured-0001".into(), unreadable);
        let policy = case.policy.id();
        let record = Record::new(id, "ext4:x/inode:1", &facts, &decision, control.as_ref(), policy, Some(&object));
        let record = record.unwrap();
        let row = strict::to_json_line(&record).unwrap();
        let read: Record = strict::from_json(&row).unwrap();
        prop_assert_eq!(&read, &record);
        let parts = read.parts().unwrap();
        prop_assert_eq!(parts.facts, facts);
        prop_assert_eq!(&parts.trits, &decision.trits);
        prop_assert_eq!(parts.decision, DecisionValue::new(&decision, control.as_ref(), policy).unwrap());
        prop_assert_eq!(parts.object, Some(object));
    }
}
