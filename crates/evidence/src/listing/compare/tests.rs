//! Content against the digests of a listing.

use super::*;
use crate::replay::testing::{Case, told};

/// The ledger against a listing that has every item, with the digests that `digest` gives of its name and content.
fn compare(case: &Case, digest: impl Fn(&str, &[u8], &mut Seen)) -> Compared {
    let acquisition = case.clone().seal().acquisition;
    let mut comparison = Comparison::new(&case.policy, &acquisition, None, false).unwrap();
    case.items.iter().for_each(|item| comparison.record(&item.record));
    for item in &case.items {
        for name in &item.facts.names {
            let mut seen = Seen { path: name.bytes().to_vec(), size: item.facts.size, ..Seen::default() };
            if item.facts.kind == Kind::File {
                digest(&String::from_utf8_lossy(name.bytes()), &item.content, &mut seen);
            }
            comparison.seen(&seen);
        }
    }
    comparison.finish()
}

const GATE: &str = "/srv/tenant/www/gate.php";

#[test]
fn digests_are_compared_with_those_of_the_objects() {
    let case = Case::new();
    let truth = |_: &str, content: &[u8], seen: &mut Seen| seen.sha256 = Some(Digest::of(content).hex());
    let found = compare(&case, truth);
    assert_eq!(found.findings, []);
    let kept: Vec<&RawName> = case
        .items
        .iter()
        .filter(|item| item.record.object().unwrap().is_some())
        .flat_map(|item| &item.facts.names)
        .collect();
    assert!(kept.len() > 5 && found.digests_compared >= kept.len() as u64, "{found:?}");
    let files = case.items.iter().filter(|item| item.facts.kind == Kind::File);
    let files = files.map(|item| item.facts.names.len() as u64).sum::<u64>();
    assert_eq!(found.digests_compared + found.digests_uncompared, files);
    assert_eq!(found.explained[NOT_TAKEN], found.digests_uncompared);

    // Other bytes in one of them, captured or held.
    for name in kept {
        let name = name.to_string();
        let found = compare(&case, |own, content, seen| {
            truth(own, if own == name { b"other" } else { content }, seen);
        });
        let [finding] = found.findings.as_slice() else { panic!("{found:?}") };
        assert!(told(finding).contains("differs from the ledger: sha256 "), "{finding:?}");
        assert_eq!(finding.kind, FindingKind::Fact);
    }
    let none = compare(&case, |_, _, _| ());
    assert_eq!((none.digests_compared, none.digests_uncompared), (0, 0));
}

#[test]
fn a_digest_that_cannot_be_compared_is_counted() {
    let mut case = Case::new();
    let gate = |own: &str, seen: &mut Seen, digest: &str| {
        if own == GATE {
            seen.sha256 = Some(digest.to_owned());
        }
    };
    let counts = |found: &Compared| (found.digests_compared, found.digests_uncompared, found.findings.len());
    assert_eq!(counts(&compare(&case, |own, _, seen| gate(own, seen, &"0".repeat(64)))), (1, 0, 1));
    let md5 = compare(&case, |own, _, seen| seen.md5 = (own == GATE).then(|| "0".repeat(32)));
    assert_eq!(counts(&md5), (0, 1, 0));
    assert_eq!(md5.explained[OTHER_KIND], 1);
    // Zeros stand for what could not be read: no other tool has them.
    let object = case.items[case.at(GATE)].record.object().unwrap().unwrap();
    let part = ObjectValue::new(object.sha256, object.size, object.part, vec![(0, 1)]);
    case.change_object(GATE, |object| *object = part);
    let partial = compare(&case, |own, _, seen| gate(own, seen, &"0".repeat(64)));
    assert_eq!(counts(&partial), (0, 1, 0));
    assert_eq!(partial.explained[PARTIAL], 1);
}
