//! Trust files that are refused, and quorums.

use super::*;
use crate::verify::testing::{identity, key_line, trust};

fn check(text: &str, expected: &str) {
    let found = match Trust::parse(text.as_bytes()) {
        Ok(trust) => format!("{} principals", trust.principals().len()),
        Err(error) => error.to_string(),
    };
    assert!(found.contains(expected), "{found} does not say {expected}\n{text}");
}

#[test]
fn every_problem_has_its_line() {
    let good = trust();
    let age = identity("case").to_public().to_string();
    check(&good, "4 principals");
    check(&good.replace("trust/1", "trust/2"), "line 1: format: expected");
    check(&good.replace("example.org/cases", "example org"), "line 2: origin: expected");
    check(&good.replace("log_key = \"ssh-ed25519", "log_key = \"ssh-rsa"), "line 3");
    check(&good.replacen("\n\n", "\ncolour = \"red\"\n\n", 1), "line 4: unknown field `colour`");
    check(&good.replacen("\n\n", "\norigin = \"b\"\n\n", 1), "line 4: duplicate key");
    check(&good.replace("\"witness\"\nperson", "\"examiner\"\nperson"), "line 15: this name is taken");
    check(&good.replace("\"witness\"\nperson", "\"Witness\"\nperson"), "line 15: name: expected");
    check(&good.replace("B. Tal", " B. Tal"), "line 16: expected 1 to 200 visible");
    check(&good.replace("B. Tal", "B.\u{200b}Tal"), "line 16: expected 1 to 200 visible");
    check(&good.replace("[\"witness\"]", "[\"witness\", \"witness\"]"), "line 18: roles: expected");
    check(&good.replace("[\"witness\"]", "[\"king\"]"), "line 18: unknown variant `king`");
    check(&good.replace(&key_line("witness"), &key_line("examiner")), "line 19: this key belongs to another");
    check(&good.replace(&key_line("witness"), &key_line("log")), "line 19: the log key may belong");
    check(
        &good.replace(&key_line("witness"), &format!("{} w", key_line("witness"))),
        "line 19: a key is its type",
    );
    check(&good.replacen("keys = [", "age = [\"age1xyz\"]\nkeys = [", 1), "line 10: not an age recipient");
    let shared = good.replace("keys = [", &format!("age = [\"{age}\"]\nkeys = ["));
    check(&shared, "this recipient belongs to another");
    check(&good.replacen("2026-01-01T00:00:00Z", "2028-01-01T00:00:00Z", 1), "valid_from is not before");
    check(&good.replacen("2026-01-01T00:00:00Z", "yesterday", 1), "not a time");
    check(
        &format!("{good}\n[[quorum]]\nstep = \"package.seal\"\nroles = [\"examiner\", \"examiner\"]\n"),
        "can never fill",
    );
    check(&format!("{good}\n[[quorum]]\nstep = \"package.seal\"\nroles = []\n"), "roles: expected 1 to 16");
    let twice = "\n[[quorum]]\nstep = \"examine\"\nroles = [\"examiner\"]\n".repeat(2);
    check(&format!("{good}{twice}"), "this step has a quorum already");
    check(
        &format!("{good}\n[[quorum]]\nstep = \"lunch\"\nroles = [\"examiner\"]\n"),
        "unknown variant `lunch`",
    );
}

#[test]
fn one_person_fills_one_role() {
    // C has two principals and both roles; a greedy choice would give C the first role and strand B.
    let text =
        trust().replace("D. Neu", "C. Richter").replace("[\"auditor\"]", "[\"examiner\", \"witness\"]");
    let trust =
        Trust::parse(text.replace("[\"authority\"]", "[\"authority\", \"witness\"]").as_bytes()).unwrap();
    let met = |names: &[&str]| {
        let signers: Vec<(&str, Option<Role>)> = names.iter().map(|name| (*name, None)).collect();
        trust.meets(Step::PackageSeal, &signers).is_ok()
    };
    assert!(met(&["examiner", "witness"]));
    assert!(met(&["other", "witness"]));
    assert!(met(&["other", "examiner"]));
    assert!(met(&["authority", "examiner"]));
    assert!(!met(&["other", "authority"]), "one person under two names");
    assert!(!met(&["other"]));
    assert!(!met(&["examiner", "nobody"]));
    let stated =
        |role| trust.meets(Step::PackageSeal, &[("examiner", Some(Role::Examiner)), ("other", Some(role))]);
    assert!(stated(Role::Witness).is_ok());
    assert!(stated(Role::Examiner).is_err(), "a stated role is the only one that counts");
}

#[test]
fn ssh_keygen_gets_one_line_per_key() {
    let text = Trust::parse(trust().as_bytes()).unwrap().allowed_signers();
    let line = format!(
        "witness namespaces=\"ambit/custody-event/v1,ambit/attestation/v1,ambit/approval/v1,ambit/package-seal/v1\",\
         valid-after=\"20260101000000Z\",valid-before=\"20270101000000Z\" {}",
        key_line("witness")
    );
    assert!(text.lines().any(|found| found == line), "{text}");
    assert_eq!(text.lines().count(), 4);
}
