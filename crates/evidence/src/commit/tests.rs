//! Commitments: the vector of the spec page, and that nothing else gives the same line.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::replay::testing::Case;
use crate::strict;

/// The vector of `docs/spec/record.md`, checked there by a second implementation.
const VECTOR: &str = include_str!("../../../../docs/spec/vectors/record-1.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    k: BatchKey,
    record: Record,
    locator: String,
    facts: String,
    trits: String,
    decision: String,
    object: String,
    line: String,
    opening: Opening,
    opening_for_name_0: Opening,
}

fn key() -> BatchKey {
    BatchKey([1; 32])
}

fn record(name: &str) -> Record {
    let case = Case::new();
    case.items[case.at(name)].record.clone()
}

#[test]
fn the_vector_of_the_spec() {
    let vector: Vector = strict::from_json(VECTOR.as_bytes()).unwrap();
    let made = Commitments::of(&vector.k, &vector.record);
    let found = [made.locator, made.facts, made.trits, made.decision, made.object].map(|digest| digest.hex());
    assert_eq!(found, [vector.locator, vector.facts, vector.trits, vector.decision, vector.object]);
    assert_eq!(line(&vector.k, &vector.record).unwrap().to_string(), vector.line);
    assert_eq!(Opening::whole(&vector.k, &vector.record), vector.opening);
    assert_eq!(Opening::for_reader(&vector.k, &vector.record, &[0]), vector.opening_for_name_0);
    assert_eq!(vector.opening.line().unwrap().to_string(), vector.line);
    assert_eq!(vector.opening_for_name_0.line().unwrap().to_string(), vector.line);
}

#[test]
fn an_opening_gives_the_line_and_hides_the_rest() {
    let record = record("/srv/tenant/www/linked");
    let line = line(&key(), &record).unwrap();
    for (visible, names, trits) in
        [(&[0, 1][..], 2, true), (&[0], 1, false), (&[1], 1, false), (&[], 0, false)]
    {
        let opening = Opening::for_reader(&key(), &record, visible);
        assert_eq!(opening.line().unwrap(), line, "{visible:?}");
        let facts = opening.facts().unwrap();
        let open = facts.iter().flatten().filter(|fact| matches!(fact, Fact::Name(_))).count();
        assert_eq!((open, facts.len()), (names, record.facts.len()), "{visible:?}");
        assert_eq!(opening.trits().unwrap().is_some(), trits, "{visible:?}");
        let text = String::from_utf8(strict::to_json_line(&opening).unwrap()).unwrap();
        assert_eq!(text.contains("/var/backup/linked"), visible.contains(&1));
        assert_eq!(strict::from_json::<Opening>(text.as_bytes()).unwrap(), opening);
    }
    let whole = Opening::whole(&key(), &record);
    assert_eq!(whole, Opening::for_reader(&key(), &record, &[0, 1]));
    assert_eq!(whole.locator().unwrap(), record.locator);
    assert_eq!(whole.object().unwrap(), record.object().unwrap());
}

#[test]
fn shapes_that_are_no_opening() {
    let opening = strict::to_json_line(&Opening::whole(&key(), &record("/etc/passwd"))).unwrap();
    let opening = String::from_utf8(opening).unwrap();
    let refused = |from: &str, to: &str| {
        let changed = opening.replacen(from, to, 1);
        assert_ne!(changed, opening, "{from:?} is not there");
        assert!(strict::from_json::<Opening>(changed.as_bytes()).is_err(), "{from:?} -> {to:?}");
    };
    refused("{\"salt\":", "{\"commitment\":\"00\",\"salt\":");
    refused("\"value\":\"ext4", "\"value\":\"x\",\"value\":\"ext4");
    refused("=\",\"value\":\"ext4", "\",\"value\":\"ext4"); // base64 without its padding
    refused("{\"locator\":", "{\"id\":1,\"locator\":");
    let short = format!("{{\"commitment\":\"{}\"}}", "0".repeat(62));
    refused("\"trits\":{", &format!("\"trits\":{short},\"x\":{{"));
}

#[test]
fn every_bit_counts() {
    let record = record("/srv/tenant/www/gate.php");
    let mut lines = HashSet::new();
    let mut add = |key: &BatchKey, record: &Record| {
        assert!(lines.insert(Commitments::of(key, record).line(Outcome::Captured).digest), "{record:?}");
    };
    add(&key(), &record);
    add(&BatchKey([2; 32]), &record);
    let changes: [fn(&mut Record); 11] = [
        |r| r.id[15] ^= 1,
        |r| r.locator.push('0'),
        |r| std::mem::swap(&mut r.locator, &mut r.object),
        |r| r.facts[4].push(' '),
        |r| r.facts.swap(0, 1),
        |r| r.facts.push("-".into()),
        |r| r.facts.clear(),
        |r| r.facts = vec!["-".into()],
        |r| r.trits.push(' '),
        |r| r.decision.push(' '),
        |r| r.object.push(' '),
    ];
    for change in changes {
        let mut changed = record.clone();
        change(&mut changed);
        add(&key(), &changed);
    }
}

#[test]
fn a_key_is_not_printed() {
    assert_eq!(format!("{:?}", key()), "BatchKey(..)");
}

proptest! {
    /// Values of any bytes: no two records share a line, and any opening gives the record's.
    #[test]
    fn openings_agree_with_records(
        locator in ".{0,12}",
        facts in prop::collection::vec(".{0,12}", 1..9),
        visible in prop::collection::vec(0_usize..9, 0..9),
        object in ".{0,12}",
    ) {
        let decision = record("/etc/passwd").decision;
        let record = Record { id: [3; 16], locator, facts, trits: "[]".into(), decision, object };
        let line = line(&key(), &record).unwrap();
        prop_assert_eq!(Opening::whole(&key(), &record).line().unwrap(), line.clone());
        prop_assert_eq!(Opening::for_reader(&key(), &record, &visible).line().unwrap(), line.clone());
        let mut other = record.clone();
        other.facts.push(String::new());
        prop_assert_ne!(super::line(&key(), &other).unwrap(), line);
    }
}
