//! Each forgery, fully re-signed, gives exactly its own findings.

use scope::facts::Look;
use scope::{Digest, Outcome, Tier};

use super::testing::{Case, Sealed, told};
use super::*;

/// Changes a run before it is sealed; what the replay finds must be this.
fn check(change: impl FnOnce(&mut Case), expected: &[&str]) {
    let mut case = Case::new();
    change(&mut case);
    compare(&case.seal().findings(&case.policy), expected);
}

/// Changes a package after it is sealed; what the replay finds must be this.
fn check_sealed(change: impl FnOnce(&Case, &mut Sealed), expected: &[&str]) {
    let case = Case::new();
    let mut sealed = case.seal();
    change(&case, &mut sealed);
    compare(&sealed.findings(&case.policy), expected);
}

fn compare(found: &[String], expected: &[&str]) {
    let fits = found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| f.starts_with(e));
    assert!(fits, "found {found:#?}\nexpected {expected:#?}");
}

#[test]
fn an_honest_ledger_has_no_findings() {
    let case = Case::new();
    let replayed = case.seal().replay(&case.policy).unwrap();
    compare(&replayed.findings.iter().map(told).collect::<Vec<_>>(), &[]);
    assert_eq!((replayed.records, replayed.unrecorded), (15, 0));
    let counts = case.seal().inventory.counts();
    let counts: Vec<_> = counts.iter().map(|(outcome, count)| format!("{outcome} {count}")).collect();
    assert_eq!(
        counts.join(", "),
        "captured 7, held:neutral 1, held:vault 1, listed 1, listed:neutral 1, left 4"
    );
}
