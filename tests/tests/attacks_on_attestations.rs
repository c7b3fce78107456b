//! Attacks on what an auditor or a holder is said to have found: attestations on the custody log.
//!
//! The forger has the keys of the case and of the log, so that the entry, its chain and its head are in order.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use evidence::acquisition::RunNumber;
use evidence::attestation::{Replay, Statement, Verdict};
use evidence::event::Action;
use evidence::sshsig;
use evidence::trust::Role;
use scenarios::forge::{Attesting, Sealed, check, digest, packed};

fn sealed() -> Sealed {
    packed(|_| {})
}

/// An honest result on the log with one lie in how it got there.
fn lied(lie: impl FnOnce(&Sealed, &mut Attesting)) -> Sealed {
    let sealed = sealed();
    let (_, mut attesting) = sealed.attesting();
    lie(&sealed, &mut attesting);
    sealed.attested(&attesting)
}

/// A result that says what `edit` makes of an honest one, signed by the auditor.
fn saying(edit: impl FnOnce(&mut evidence::attestation::Attestation)) -> Sealed {
    let sealed = sealed();
    let (mut attestation, mut attesting) = sealed.attesting();
    edit(&mut attestation);
    attesting.text = attestation.to_bytes();
    sealed.attested(&attesting)
}

fn replay(statement: &mut Statement) -> &mut Replay {
    match statement {
        Statement::Replay(replay) => replay,
        _ => panic!("not a replay"),
    }
}

#[test]
fn what_the_auditor_signed_is_told() {
    let report = check(&lied(|_, _| {}), &[], "", "INTACT");
    assert_eq!(report.exit_code(), 0);
    assert!(report.text().contains("followed yes, matched not-checked; 0 findings"), "{}", report.text());
    // A no is told as a departure: nobody overlooks it under a good verdict.
    let refuted = saying(|attestation| {
        let replay = replay(&mut attestation.statement);
        replay.followed = Verdict::No;
        replay.findings = vec![("trits".to_owned(), 3)];
    });
    let report = refuted.verify(&[]);
    assert_eq!(report.exit_code(), 3, "{}", report.text());
    assert!(report.text().contains("followed no"), "{}", report.text());
}

#[test]
fn nobody_is_an_auditor_but_whom_the_court_names() {
    // The examiner audits himself.
    let own = lied(|sealed, attesting| {
        attesting.signed = vec![sealed.signing("examiner", Role::Examiner, sshsig::ATTESTATION)];
    });
    check(&own, &[], "log", "examiner has none of the roles that may sign `auditor.replay`");
    // He signs in the auditor's name with his own key.
    let name = lied(|_, attesting| attesting.signed[0].key = "examiner".to_owned());
    check(&name, &[], "log", "the signature of auditor does not hold");
    // He has a signature of the auditor's, over something else.
    let other = lied(|_, attesting| attesting.signed[0].namespace = sshsig::CUSTODY_EVENT);
    check(&other, &[], "log", "signed as");
    // Nobody signed.
    let nobody = lied(|_, attesting| attesting.signed.clear());
    check(&nobody, &[], "log", "nobody signed the attestation");
    // A holder's word is not an auditor's.
    let holder = lied(|_, attesting| attesting.action = Action::HolderVerdict);
    check(&holder, &[], "log", "holder.verdict quotes an attestation `auditor.replay`");
}

#[test]
fn a_result_is_about_this_package_and_these_bytes() {
    let other_run = |attested: &mut evidence::event::Attested| attested.package = RunNumber([9; 16]);
    let run = lied(|_, attesting| attesting.quoted = other_run);
    check(&run, &[], "log", "the attestation is about run");
    let bytes = saying(|attestation| attestation.tagmanifest = digest(b"another seal"));
    check(&bytes, &[], "log", "the attestation is about the sealed bytes");
    let unsealed = saying(|attestation| attestation.package = RunNumber([9; 16]));
    check(&unsealed, &[], "log", "the attestation is about run");
    let case = saying(|attestation| attestation.origin = "example.org/cases/other".to_owned());
    check(&case, &[], "log", "it is about example.org/cases/other, the trust file about");
}

#[test]
fn what_the_package_says_otherwise_fails() {
    let check = |edit: fn(&mut evidence::attestation::Attestation), what: &str| {
        check(&saying(edit), &[], "log", what);
    };
    check(
        |attestation| attestation.medium = "KC99".to_owned(),
        "medium: the statement says KC99, the package",
    );
    check(|attestation| attestation.policy = digest(b"another"), "policy: the statement says sha256:");
    check(|attestation| attestation.inventory.size = 1, "inventory, lines: the statement says 1");
    check(
        |attestation| attestation.inventory.root = digest(b"another"),
        "inventory, root: the statement says",
    );
    check(|attestation| attestation.log.root = digest(b"another"), "log, root: the statement says");
    check(
        |attestation| attestation.log.size = 1,
        "the 1 entries that are said to have been seen lack the seal",
    );
    check(
        |attestation| attestation.log.size = 99,
        "log: 99 entries are said to have been seen, where there were",
    );
    check(|attestation| replay(&mut attestation.statement).records = 1, "records: 1, of an inventory of");
    check(|attestation| replay(&mut attestation.statement).parts.clear(), "parts: the statement says 0");
    check(
        |attestation| {
            replay(&mut attestation.statement).parts[0].file = "data/captured-0001.zip.age".to_owned();
        },
        "part: the statement says data/captured-0001.zip.age",
    );
    check(
        |attestation| replay(&mut attestation.statement).parts[0].sha256 = digest(b"another"),
        "part data/ledger-0001.jsonl.gz.age: the statement says",
    );
}

#[test]
fn the_text_is_the_one_that_was_signed() {
    // The sentence says more than the fields.
    let mut said = sealed();
    let (_, mut attesting) = said.attesting();
    let text = String::from_utf8(attesting.text).unwrap();
    let whether = "says Whether the record agrees with the original is not said here.\n";
    assert!(text.contains(whether), "{text}");
    attesting.text = text.replace(whether, "says The record agrees with the original.\n").into_bytes();
    said = said.attested(&attesting);
    check(&said, &[], "log", "what the fields say");
    // The file was swapped after the entry was signed.
    let mut swapped = lied(|_, _| {});
    let file = swapped.files.keys().find(|name| name.ends_with("/attestation.txt")).unwrap().clone();
    let better = String::from_utf8(swapped.files.get(&file).unwrap().clone()).unwrap();
    swapped.files.insert(file, better.replace("departures 0", "departures 1").into_bytes());
    check(&swapped, &[], "log", "attestation.txt: expected");
}
