//! Each forgery of a part, fully re-signed, is refused for its own reason.

use super::*;
use crate::commit::{ClosedField, Field};
use crate::helpers::Alone;
use crate::item::Record;
use crate::manifest::ManifestWriter;
use crate::replay::testing::{Case, Sealed, zipped};
use crate::sshsig::MessageDigest;

/// The parts of a sealed package as entries.
struct Parts {
    case: Case,
    sealed: Sealed,
    captured: Vec<(String, Vec<u8>)>,
}

impl Parts {
    fn of(case: Case) -> Self {
        let sealed = case.seal();
        let captured = entries(&case, &sealed, &SetName::Captured);
        Self { case, sealed, captured }
    }

    fn check(&self, set: &SetName, zip: &[u8]) -> Result<CheckedSet, HolderError> {
        let Sealed { acquisition, inventory, .. } = &self.sealed;
        let mut check = SetCheck::new(acquisition, set, inventory, Some(&self.case.policy), &Alone).unwrap();
        check.part(zip, &mut |_, _| Ok(()))?;
        check.finish(self.sealed.lines.as_bytes())
    }

    /// Makes the captured manifest again from changed rows, and signs it.
    fn resign(&mut self, change: impl FnOnce(&mut Vec<Row>)) {
        let mut rows = self.case.rows(&SetName::Captured);
        change(&mut rows);
        let set = &self.sealed.acquisition.sets[0];
        let mut manifest = ManifestWriter::new();
        rows.iter().for_each(|row| manifest.add(row).unwrap());
        let binding = Binding::of(&self.sealed.acquisition, 1);
        let bytes = manifest.finish(&binding, SetName::Captured, 1, 1, set.recipients.clone()).unwrap();
        *self.entry(SIGNATURE) = self.case.sign(&MessageDigest::of(&bytes)).into_bytes();
        *self.entry(MANIFEST) = bytes;
    }

    fn entry(&mut self, name: &str) -> &mut Vec<u8> {
        &mut self.captured.iter_mut().find(|(found, _)| found == name).unwrap().1
    }
}

fn entries(case: &Case, sealed: &Sealed, set: &SetName) -> Vec<(String, Vec<u8>)> {
    let statement = sealed.acquisition.sets.iter().find(|stated| stated.set == *set).unwrap();
    case.entries(&Binding::of(&sealed.acquisition, 1), statement)
}

/// Changes a run and its captured part; the check must say this.
fn check(before: impl FnOnce(&mut Case), after: impl FnOnce(&mut Parts), expected: &str) {
    let mut case = Case::new();
    before(&mut case);
    let mut parts = Parts::of(case);
    after(&mut parts);
    let found = match parts.check(&SetName::Captured, &zipped(&parts.captured)) {
        Ok(checked) => format!("{checked:?}"),
        Err(error) => error.to_string(),
    };
    assert!(found.contains(expected), "{found:?} does not say {expected:?}");
}

fn same<T>(_: &mut T) {}

fn opening(row: &mut Row) -> &mut crate::commit::Opening {
    match row {
        Row::Object(opened) | Row::Listed(opened) => &mut opened.opening,
        Row::Held(row) => panic!("{row:?} has no opening"),
    }
}

fn held(control: &str) -> Row {
    Row::Held(HeldRow {
        control: control.parse().unwrap(),
        rules: vec![if control.contains("-H1-") { "H-1" } else { "H-2" }.to_owned()],
        size_class: crate::manifest::size_class(1),
    })
}

#[test]
fn honest_sets_are_whole() {
    check(
        same,
        same,
        "CheckedSet { items: 7, objects: 5, bytes: 41, listed: 1, held: 2, partial: 0, unread: 0 }",
    );
    let parts = Parts::of(Case::new());
    for (set, items, listed) in [("held:neutral", 1, 1), ("held:vault", 1, 0)] {
        let set = set.parse().unwrap();
        let checked = parts.check(&set, &zipped(&entries(&parts.case, &parts.sealed, &set))).unwrap();
        assert_eq!((checked.items, checked.objects, checked.listed, checked.held), (items, 1, listed, 0));
    }
}

#[test]
fn the_rows_come_back_and_objects_pass_through() {
    let parts = Parts::of(Case::new());
    let Sealed { acquisition, inventory, .. } = &parts.sealed;
    let mut check = SetCheck::new(acquisition, &SetName::Captured, inventory, None, &Alone).unwrap();
    let mut objects: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let part = check.part(zipped(&parts.captured).as_slice(), &mut |control, bytes| {
        objects.entry(control.to_string()).or_default().extend_from_slice(bytes);
        Ok(())
    });
    let rows: Vec<Row> = part.unwrap().rows().map(|row| row.unwrap()).collect();
    assert_eq!(rows, parts.case.rows(&SetName::Captured));
    let gate = objects.values().filter(|content| content.as_slice() == b"<?php").count();
    assert_eq!((objects.len(), gate), (5, 1));
    assert!(SetCheck::new(acquisition, &SetName::Ledger, inventory, None, &Alone).is_none());
    assert!(SetCheck::new(acquisition, &SetName::Held("nobody".into()), inventory, None, &Alone).is_none());
}

#[test]
fn objects() {
    let gate = "objects/KC07-C-0000004";
    check(same, |parts| *parts.entry(gate) = b"<?PHP".to_vec(), "KC07-C-0000004: the object is sha256:");
    check(same, |parts| parts.entry(gate).push(b'x'), "of 6 bytes, its row says");
    check(
        same,
        |parts| parts.captured.insert(0, ("objects/KC07-C-0000099".into(), b"smuggled".to_vec())),
        "KC07-C-0000099: an object without a row",
    );
    check(
        same,
        |parts| parts.captured.insert(0, ("objects/KC07-C-0000001".into(), b"of a directory".to_vec())),
        "KC07-C-0000001: an object without a row",
    );
    check(
        same,
        |parts| parts.captured.retain(|(name, _)| name != gate),
        "KC07-C-0000004: its object is not in the part",
    );
    check(
        same,
        |parts| parts.captured.insert(0, ("objects/X".into(), Vec::new())),
        "objects/X: not a control number",
    );
    check(same, |parts| parts.captured.push(("padding".into(), Vec::new())), "padding where none may be");
    let parts = Parts::of(Case::new());
    let set = SetName::Held("vault".into());
    let refused = |change: fn(&mut Vec<(String, Vec<u8>)>), expected: &str| {
        let mut vault = entries(&parts.case, &parts.sealed, &set);
        change(&mut vault);
        let error = parts.check(&set, &zipped(&vault)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
    };
    refused(|vault| vault.last_mut().unwrap().1[400] = 1, "with anything but zeros in it");
    refused(|vault| drop(vault.pop()), "a held part without padding");
    refused(|vault| vault.last_mut().unwrap().1.extend([0; 5000]), "its size class has");
}

#[test]
fn signature_and_binding() {
    check(
        same,
        |parts| parts.entry(MANIFEST)[20] ^= 1,
        "the run key's signature over manifest.jsonl does not hold",
    );
    check(
        same,
        |parts| parts.entry(SIGNATURE).clear(),
        "the run key's signature over manifest.jsonl does not hold",
    );
    check(
        same,
        |parts| parts.entry(SIGNATURE).extend([b'\n'; 5000]),
        "manifest.jsonl.sig is longer than 4096 bytes",
    );
    let stated = |change: fn(&mut Acquisition), expected: &str| {
        check(same, |parts| change(&mut parts.sealed.acquisition), expected);
    };
    stated(|a| a.origin = "elsewhere".into(), "`origin` is `example.org/KC07`, not `elsewhere`");
    stated(|a| a.package.0 = [0; 16], "`package` is `6f6f6f");
    stated(|a| a.medium.label = "KC08".into(), "`medium` is `KC07`, not `KC08`");
    stated(|a| a.policy = Digest::of(b"another"), "`policy` is `sha256:");
    stated(
        |a| {
            a.run_key =
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOqCPjaUDaHWSfZ7qSeIV4rBtBtvWk4QOZ9kPsZVOQDl".into()
        },
        "signature",
    );
    stated(|a| a.sets[0].parts[0].number = 2, "`part` is `1`, not `2`");
    stated(|a| a.sets[0].parts[0].batch = 2, "`batch` is `1`, not `2`");
    stated(|a| a.sets[0].recipients.push("age1".into()), "other recipients");
    stated(|a| a.sets[0].parts.clear(), "1 of 0 parts of the set captured");
    stated(|a| a.sets[0].parts = vec![a.sets[0].parts[0].clone(); 2], "1 of 2 parts of the set captured");
    // One set's part in another's place.
    let parts = Parts::of(Case::new());
    let neutral = entries(&parts.case, &parts.sealed, &SetName::Held("neutral".into()));
    let error = parts.check(&SetName::Held("vault".into()), &zipped(&neutral)).unwrap_err();
    assert!(error.to_string().contains("`set` is `held:neutral`, not `held:vault`"), "{error}");
}

#[test]
fn rows_and_lines() {
    let resigned =
        |change: fn(&mut Vec<Row>), expected: &str| check(same, |parts| parts.resign(change), expected);
    resigned(|rows| rows.push(rows[3].clone()), "KC07-C-0000004 stands twice");
    resigned(
        |rows| {
            let Row::Object(opened) = &mut rows[3] else { unreachable!() };
            opened.control = "KC07-C-0000098".parse().unwrap();
        },
        "KC07-C-0000098: its decision has another control number",
    );
    resigned(
        |rows| {
            let Field::Open(field) = &mut opening(&mut rows[3]).locator else { unreachable!() };
            field.value.push('0');
        },
        "KC07-C-0000004: its line captured",
    );
    resigned(
        |rows| {
            let Field::Open(field) = &mut opening(&mut rows[3]).object else { unreachable!() };
            field.salt[0] ^= 1;
        },
        "is not in the inventory",
    );
    resigned(
        |rows| {
            let closed = opening(&mut rows[3]).commitments().object;
            opening(&mut rows[3]).object = Field::Closed(ClosedField { commitment: closed });
        },
        "KC07-C-0000004: the field `object` is closed",
    );
    resigned(
        |rows| {
            let crate::commit::FactsField::Open(facts) = &mut opening(&mut rows[3]).facts else {
                unreachable!()
            };
            facts.leaves[6] = Field::Closed(ClosedField { commitment: Digest::of(b"") });
        },
        "KC07-C-0000004: a fact is closed that is not a name",
    );
    resigned(
        |rows| {
            let at = rows.iter().position(|row| matches!(row, Row::Listed(_))).unwrap();
            let Row::Listed(opened) = rows[at].clone() else { unreachable!() };
            rows[at] = Row::Object(opened);
        },
        "the outcome listed does not belong in this row",
    );
    resigned(
        |rows| rows.retain(|row| !matches!(row, Row::Listed(_))),
        "1 lines of outcome listed have no row",
    );
    resigned(|rows| rows.retain(|row| !matches!(row, Row::Held(_))), "2 lines of outcome held, 0 rows");
    resigned(|rows| rows.push(held("KC07-H2-0000002")), "2 lines of outcome held, 3 rows");
    resigned(
        |rows| {
            rows.retain(|row| !matches!(row, Row::Held(row) if row.control.series() == Series::Held(1)));
            rows.push(held("KC07-H2-0000002"));
        },
        "1 lines of outcome held:neutral, 0 rows",
    );
    resigned(|rows| rows.push(held("KC07-C-0000099")), "not a control number of a held item");
    resigned(|rows| rows.push(held("KC08-H1-0000001")), "a control number of another medium");
    check(
        same,
        |parts| {
            parts.resign(|rows| {
                rows.remove(3);
            });
            parts.captured.retain(|(name, _)| name != "objects/KC07-C-0000004");
        },
        "1 lines of outcome captured have no row",
    );
}

/// The record itself is wrong, and its line and ledger row agree with that.
#[test]
fn records_that_contradict_themselves() {
    let swapped = Digest::of(b"swapped");
    let gate = "/srv/tenant/www/gate.php";
    check(|case| case.change_object(gate, |object| object.sha256 = swapped), same, "its row says");
    check(
        |case| case.change_object("/srv/pool/named.bin", |object| object.sha256 = swapped),
        same,
        "the look hash found",
    );
    check(
        |case| case.change_object(gate, |object| object.part = "captured-0002".into()),
        same,
        "said to lie in",
    );
    check(|case| case.record(gate).object = "-".into(), same, "an object is missing");
    check(
        |case| case.change_decision(gate, |decision| decision.policy = swapped),
        same,
        "KC07-C-0000004: decided under sha256:",
    );
    check(
        |case| {
            case.change_decision(gate, |decision| decision.control = Some("KC07-L-0000044".parse().unwrap()))
        },
        same,
        "the control number KC07-L-0000044 does not belong to the outcome captured",
    );
}

#[test]
fn names_that_are_not_in_scope_stay_closed() {
    let linked = "/srv/tenant/www/linked";
    let parts = Parts::of(Case::new());
    let (_, manifest) = parts.captured.iter().find(|(name, _)| name == MANIFEST).unwrap();
    let manifest = String::from_utf8(manifest.clone()).unwrap();
    assert!(manifest.contains(linked) && !manifest.contains("/var/backup"), "only one of two names is shown");
    check(
        |case| {
            let at = case.at(linked);
            case.items[at].visible = vec![0, 1];
        },
        same,
        "it shows a name that is not in scope by itself",
    );
    // Trits tell what a closed name matches.
    let mut parts = Parts::of(Case::new());
    let at = parts.case.at(linked);
    let record: Record = parts.case.items[at].record.clone();
    let whole = parts.case.whole(&record);
    parts.resign(|rows| {
        let row =
            rows.iter_mut().find(|row| matches!(row, Row::Object(o) if whole.locator == o.opening.locator));
        opening(row.unwrap()).trits = whole.trits.clone();
    });
    let error = parts.check(&SetName::Captured, &zipped(&parts.captured)).unwrap_err();
    assert!(error.to_string().contains("the trits are open exactly where every name is"), "{error}");
}

/// What the case team is told of held items is signed, and free text would be a way around the sets.
#[test]
fn rules_of_held_rows() {
    let rows = |rules: &[&str], expected: &str| {
        let rules: Vec<String> = rules.iter().map(|rule| (*rule).to_owned()).collect();
        let change = |rows: &mut Vec<Row>| {
            let row = rows.iter_mut().find_map(|row| match row {
                Row::Held(row) if row.control.series() == Series::Held(1) => Some(row),
                _ => None,
            });
            row.unwrap().rules = rules;
        };
        check(same, |parts| parts.resign(change), expected);
    };
    let refused = "KC07-H1-0000001: its rules are not the policy's for that compartment, in order";
    rows(&["H-1"], "CheckedSet {");
    rows(&[], refused); // the policy leaves what it cannot tell
    rows(&["H-2"], refused);
    rows(&["H-1", "H-1"], refused);
    rows(&["I-1"], refused);
    rows(&["H-1", "advice of counsel: settle"], refused);
    // Without the policy: ids at most.
    let bare = |rule: &str| {
        let mut parts = Parts::of(Case::new());
        parts.resign(|rows| {
            rows.iter_mut().for_each(|row| {
                if let Row::Held(row) = row {
                    row.rules = vec![rule.to_owned()];
                }
            });
        });
        let Sealed { acquisition, inventory, .. } = &parts.sealed;
        let mut check = SetCheck::new(acquisition, &SetName::Captured, inventory, None, &Alone).unwrap();
        check.part(zipped(&parts.captured).as_slice(), &mut |_, _| Ok(())).is_ok()
    };
    assert!(bare("H-1.a_b") && bare(&"x".repeat(32)));
    assert!(!bare("") && !bare("two words") && !bare(&"x".repeat(33)));
}
