//! What the custody log has since a package was sealed is brought into every copy of it: by the command that appends it, or later.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use custody::Disk;
use custody::durable::{Op, Step};
use scenarios::hazard::{copy, files, run_on};
use scenarios::story::{Desk, Ran};

const SIGNED: &str = "--trust {trust} --case {case} {examiner}";

/// Two copies `{dir}/a` and `{dir}/b`, sealed, and a result of the auditor's, signed.
fn desk() -> Desk {
    let desk = Desk::with_case();
    desk.run("ambit capture {what} {both} --out {dir}/a --out {dir}/b").exits(0);
    desk.run("ambit-verify audit {dir}/a --trust {trust} --identity {keys}/auditor.age --write-result {dir}/result.txt")
        .exits(0);
    desk.run("ambit attestation sign {dir}/result.txt --trust {trust} --sign-as auditor={keys}/auditor")
        .exits(0);
    desk
}

fn append(desk: &Desk, disk: Disk, copies: &[&str]) -> Ran {
    let packages: String = copies.iter().map(|copy| format!("--package {{dir}}/{copy} ")).collect();
    let words = desk.words(&format!("ambit attestation append {{dir}}/result.txt {packages} {SIGNED}"));
    run_on(disk, &words)
}

fn update(desk: &Desk, disk: Disk, copies: &[&str]) -> Ran {
    let packages: String = copies.iter().map(|copy| format!("{{dir}}/{copy} ")).collect();
    run_on(disk, &desk.words(&format!("ambit package update {packages} --case {{case}}")))
}

/// What the verifier says of a copy, but for its name.
fn said(desk: &Desk, package: &str) -> (u8, String) {
    let ran = desk.run(&format!("ambit-verify {{dir}}/{package} --trust {{trust}} --json"));
    (ran.exit, ran.out.replace(&desk.fill(&format!("{{dir}}/{package}")), "PACKAGE"))
}

/// Fails unless both copies have the log of the case, the same files, and the same report, which knows of the auditor's result.
fn are_one(desk: &Desk) {
    assert!(files(&desk.path("a")) == files(&desk.path("b")), "the copies differ");
    assert!(files(&desk.path("a/custody")) == files(&desk.path("case/custody")), "the log is another");
    assert_eq!(said(desk, "a"), said(desk, "b"));
    let ran = desk.run("ambit-verify {dir}/b --trust {trust}").prints("INTACT");
    ran.prints("Sam Okafor (Independent auditor) signed");
}

#[test]
fn one_command_puts_a_result_into_both_copies() {
    let desk = desk();
    append(&desk, Disk::new(), &["a", "b"])
        .exits(0)
        .prints("is on the log, event 5")
        .prints("b: got event 5");
    are_one(&desk);
    append(&desk, Disk::new(), &["a", "b"]).exits(1).says("event 5 has this attestation");
    append(&desk, Disk::new(), &["a", "./a"]).exits(1).says("is named twice");
    update(&desk, Disk::new(), &["a", "b"]).exits(0).prints("b: has the whole log already, 6 events");
}

#[test]
fn a_copy_that_stayed_behind_is_brought_to_where_the_case_is() {
    let desk = desk();
    append(&desk, Disk::new(), &["a"]).exits(0);
    assert_ne!(said(&desk, "a"), said(&desk, "b"), "one report knows of it, the other does not");
    update(&desk, Disk::new(), &["b"]).exits(0).prints("b: got event 5");
    are_one(&desk);
    // A later run of the case: its events have no signed head while it is not sealed.
    desk.run("ambit medium info {medium} --json").exits(0);
    desk.run("ambit plan --policy {policy} --medium {medium} --case {case} {examiner}").exits(0);
    assert!(!desk.path("case/custody/000006/checkpoint").exists());
    update(&desk, Disk::new(), &["b", "a"]).exits(0).prints("a: got event 6").prints("b: got event 6");
    are_one(&desk);
}

#[test]
fn a_result_of_one_copy_is_appended_though_the_other_is_named() {
    let desk = desk();
    append(&desk, Disk::new(), &["a"]).exits(0);
    // It was made of the copy whose log is longer.
    fs::remove_file(desk.path("result.txt")).unwrap();
    fs::remove_file(desk.path("result.txt.auditor.sig")).unwrap();
    desk.run("ambit-verify audit {dir}/a --trust {trust} --identity {keys}/auditor.age --write-result {dir}/result.txt")
        .exits(0);
    desk.run("ambit attestation sign {dir}/result.txt --trust {trust} --sign-as auditor={keys}/auditor")
        .exits(0);
    append(&desk, Disk::new(), &["b"]).exits(0).prints("b: got the events 5 to 6");
    update(&desk, Disk::new(), &["a"]).exits(0);
    are_one(&desk);
}

#[test]
fn nothing_is_brought_into_what_is_no_copy() {
    let desk = desk();
    desk.run("ambit capture {what} {both} --out {dir}/later").exits(0);
    let before = files(&desk.path("b"));
    // Another list of what is sealed; a signature less; another case; an older copy of the case folder.
    let list = desk.path("a/tagmanifest-sha256.txt");
    let bytes = fs::read(&list).unwrap();
    fs::copy(desk.path("later/tagmanifest-sha256.txt"), &list).unwrap();
    let ran =
        update(&desk, Disk::new(), &["b", "a"]).exits(2).says("this is not the package of the acquisition");
    ran.says("nothing was brought into any copy");
    append(&desk, Disk::new(), &["b", "a"]).exits(2).says("nothing was appended");
    fs::write(&list, bytes).unwrap();
    let sig = desk.path("a/seal/tagmanifest-sha256.txt.witness.sig");
    let bytes = fs::read(&sig).unwrap();
    fs::remove_file(&sig).unwrap();
    update(&desk, Disk::new(), &["a"]).exits(1).says("the signature of witness").says("ambit sign");
    fs::write(&sig, bytes).unwrap();
    desk.run("ambit case new {dir}/new --trust {trust} --medium-label KC07 --log-key {keys}/log {examiner}")
        .exits(0);
    let other = |case: &str| desk.run(&format!("ambit package update {{dir}}/b --case {{dir}}/{case}"));
    other("new").exits(1).says("another case than the package's");
    copy(&desk.path("case"), &desk.path("old"));
    append(&desk, Disk::new(), &["a"]).exits(0);
    desk.run("ambit package update {dir}/a --case {dir}/old").exits(1).says("is an older copy");
    assert!(files(&desk.path("b")) == before, "what was refused wrote nothing");
    desk.run("ambit package update {dir} --case {case}").exits(1).says("nothing was brought");
}

#[test]
fn whatever_operation_fails_the_same_command_brings_it_into_both() {
    let desk = desk();
    let kept = tempfile::tempdir().unwrap();
    for name in ["a", "b", "case"] {
        copy(&desk.path(name), &kept.path().join(name));
    }
    for n in 0.. {
        for name in ["a", "b", "case"] {
            fs::remove_dir_all(desk.path(name)).unwrap();
            copy(&kept.path().join(name), &desk.path(name));
        }
        let seen = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&seen);
        let watch = move |step: &Step<'_>| -> io::Result<usize> {
            if matches!(step.op, Op::Open | Op::Read) || counted.fetch_add(1, Ordering::SeqCst) < n {
                return Ok(usize::MAX);
            }
            Err(io::Error::from_raw_os_error(5))
        };
        let ran = append(&desk, Disk::watched(Arc::new(watch)), &["a", "b"]);
        let again = append(&desk, Disk::new(), &["a", "b"]);
        assert!(again.exit == 0 || again.err.contains("event 5 has this attestation"), "{n}: {ran} {again}");
        are_one(&desk);
        assert_eq!(
            files(&desk.path("case/custody")).keys().filter(|path| path.ends_with("event.json")).count(),
            6
        );
        if seen.load(Ordering::SeqCst) <= n {
            assert!(n > 30 && ran.exit == 0, "{n} operations: {ran}");
            return;
        }
    }
}

#[test]
fn of_a_copy_that_cannot_be_written_the_command_is_named_that_brings_it() {
    let desk = desk();
    let b = desk.path("b/custody");
    let watch = move |step: &Step<'_>| -> io::Result<usize> {
        match step.op {
            Op::Open | Op::Read => Ok(usize::MAX),
            _ if step.path.starts_with(&b) => Err(io::Error::from_raw_os_error(30)), // EROFS
            _ => Ok(usize::MAX),
        }
    };
    let ran = append(&desk, Disk::watched(Arc::new(watch)), &["b", "a"]).exits(1);
    ran.says("the log of the case has all of it").says(&desk.fill("ambit package update {dir}/b"));
    assert!(files(&desk.path("a/custody")) == files(&desk.path("case/custody")), "the other has it");
    update(&desk, Disk::new(), &["b"]).exits(0);
    are_one(&desk);
}
