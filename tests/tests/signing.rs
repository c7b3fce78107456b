//! Signing later: two copies get the same seal, and a command that is broken off is given again and goes on.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use custody::Disk;
use custody::durable::{Op, Step};
use scenarios::hazard::{copy, files, put_in_place};
use scenarios::story::{Desk, Ran};

const TRUSTED: &str = "--trust {dir}/trust.toml";

/// Two copies, signed by examiner and witness, that lack the auditor's signature: `made/case`, `made/a`, `made/b`.
fn unsealed() -> Desk {
    let desk = Desk::new();
    let trust = fs::read_to_string(desk.demo.path("trust.toml")).unwrap();
    let quorum = "\n[[quorum]]\nstep = \"package.seal\"\nroles = [\"examiner\", \"witness\", \"auditor\"]\n";
    fs::write(desk.path("trust.toml"), trust + quorum).unwrap();
    fs::create_dir(desk.path("made")).unwrap();
    let new = "ambit case new {dir}/made/case --medium-label KC07 --log-key {keys}/log {examiner}";
    desk.run(&format!("{new} {TRUSTED}")).exits(0);
    desk.run("ambit policy approve {policy} --case {dir}/made/case {officer}").exits(0);
    let what = format!("--policy {{policy}} --medium {{medium}} --case {{dir}}/made/case {TRUSTED}");
    let outs = "--out {dir}/made/a --out {dir}/made/b";
    desk.run(&format!("ambit capture {what} {{both}} {outs}")).exits(3).prints("NOT sealed yet");
    desk
}

/// `ambit sign` of a copy in a folder of the desk, on this disk.
fn sign(desk: &Desk, disk: Disk, place: &str, name: &str, who: &str) -> Ran {
    on_disk(
        desk,
        disk,
        &format!("ambit sign {{dir}}/{place}/{name} {TRUSTED} --case {{dir}}/{place}/case {who}"),
    )
}

/// A command on this disk.
fn on_disk(desk: &Desk, disk: Disk, command: &str) -> Ran {
    let command = command.to_owned();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words = desk.words(&command);
    let exit = imager::run_on(disk, words.iter().map(Into::into), &mut out, &mut err) as u8;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { command, exit, out: text(out), err: text(err) }
}

const AUDITOR: &str = "--sign-as auditor={keys}/auditor";

/// How many events of a kind are on the log below `place`.
fn count(place: &Path, kind: &str) -> usize {
    let log = fs::read_dir(place.join("custody")).unwrap();
    let has = |entry: &io::Result<fs::DirEntry>| {
        let event = fs::read_to_string(entry.as_ref().unwrap().path().join("event.json")).unwrap();
        event.contains(&format!("\"{kind}\""))
    };
    log.filter(has).count()
}

fn is_intact(desk: &Desk, package: &str) {
    desk.run(&format!("ambit-verify {{dir}}/{package} {TRUSTED}")).exits(0).prints("INTACT");
}

#[test]
fn the_second_copy_gets_the_seal_of_the_first_and_the_case_goes_on() {
    let desk = unsealed();
    sign(&desk, Disk::new(), "made", "a", AUDITOR).exits(0).prints("package.seal is on the log");
    // Whoever has not signed this copy is asked for, and nothing was written meanwhile.
    sign(&desk, Disk::new(), "made", "b", "").exits(1).says("lacks what it quotes").says("auditor.sig");
    sign(&desk, Disk::new(), "made", "b", "{officer}").exits(1).says("`court-officer` cannot be added");
    sign(&desk, Disk::new(), "made", "b", AUDITOR)
        .exits(0)
        .prints("package.seal was on the log already")
        .prints("sealed by auditor and examiner and witness");
    sign(&desk, Disk::new(), "made", "b", AUDITOR).exits(1).says("`auditor` has sealed this package already");
    for copy in ["made/a", "made/b"] {
        is_intact(&desk, copy);
        assert_eq!(count(&desk.path(copy), "package.seal"), 1, "{copy}");
    }
    assert_eq!(count(&desk.path("made/case"), "package.seal"), 1);
    // A later package of the case has the whole log in it.
    let what = format!("--policy {{policy}} --medium {{medium}} --case {{dir}}/made/case {TRUSTED}");
    desk.run(&format!("ambit capture {what} {{both}} {AUDITOR} --out {{dir}}/made/c")).exits(0);
    is_intact(&desk, "made/c");
}

/// `ambit sign` of both copies below a folder of the desk, on this disk.
fn sign_both(desk: &Desk, disk: Disk, place: &str, who: &str) -> Ran {
    let copies = format!("{{dir}}/{place}/a {{dir}}/{place}/b");
    on_disk(desk, disk, &format!("ambit sign {copies} {TRUSTED} --case {{dir}}/{place}/case {who}"))
}

/// Both copies below a folder are sealed once, and the same file for file.
fn are_one(desk: &Desk, place: &str) {
    for copy in ["a", "b"] {
        is_intact(desk, &format!("{place}/{copy}"));
    }
    let (a, b) = (files(&desk.path(&format!("{place}/a"))), files(&desk.path(&format!("{place}/b"))));
    assert!(a == b, "the copies differ");
    assert_eq!(count(&desk.path(&format!("{place}/case")), "package.seal"), 1);
}

#[test]
fn one_command_signs_both_copies() {
    let desk = unsealed();
    assert_eq!(count(&desk.path("made/case"), "note"), 1, "the log says that there are two");
    copy(&desk.path("made"), &desk.path("kept"));
    let ran = sign_both(&desk, Disk::new(), "made", AUDITOR).exits(0);
    ran.prints("sealed by auditor and examiner and witness").prints("in each of 2 copies");
    are_one(&desk, "made");
    sign_both(&desk, Disk::new(), "made", AUDITOR).exits(1).says("nothing is left to sign");
    let twice = format!("ambit sign {{dir}}/made/a {{dir}}/made/../made/a {TRUSTED} {AUDITOR}");
    desk.run(&twice).exits(1).says("is named twice");

    // Whoever signs one of them is told of the other, which gets the same seal from it: nobody signs again.
    let ran = sign(&desk, Disk::new(), "kept", "a", AUDITOR).exits(0).prints("a second copy of this package");
    ran.prints(&desk.fill("ambit sign {dir}/kept/a SECOND --trust {dir}/trust.toml --case {dir}/kept/case"));
    sign_both(&desk, Disk::new(), "kept", "").exits(0).prints("each of 2 copies has it");
    are_one(&desk, "kept");
}

#[test]
fn a_signature_that_one_copy_has_the_other_gets_and_the_case_folder_need_not_be_there() {
    let desk = unsealed();
    copy(&desk.path("made"), &desk.path("away"));
    fs::remove_dir_all(desk.path("away/case")).unwrap();
    let away = |copies: &str, who: &str| desk.run(&format!("ambit sign {copies} {TRUSTED} {who}"));
    let (one, both) = ("{dir}/away/b", "{dir}/away/a {dir}/away/b");
    away(one, AUDITOR).exits(3).prints("a second copy of this package").prints("/away/b SECOND --trust");
    away(both, AUDITOR).exits(3).prints("in each of 2 copies").prints("nobody else has to sign");
    assert!(files(&desk.path("away/a")) == files(&desk.path("away/b")));
    // One of them was sealed where the case folder is: it gives the other its seal and its log.
    fs::rename(desk.path("away/a"), desk.path("made/x")).unwrap();
    fs::remove_dir_all(desk.path("made/a")).unwrap();
    fs::rename(desk.path("made/x"), desk.path("made/a")).unwrap();
    sign(&desk, Disk::new(), "made", "a", "{examiner}").exits(0);
    fs::rename(desk.path("made/a"), desk.path("away/a")).unwrap();
    away(both, "").exits(0).prints("each of 2 copies has it");
    assert!(files(&desk.path("away/a")) == files(&desk.path("away/b")));
    is_intact(&desk, "away/b");
}

#[test]
fn what_is_no_copy_of_the_same_package_is_not_signed_with_it() {
    let desk = unsealed();
    let what = format!("--policy {{policy}} --medium {{medium}} --case {{dir}}/made/case {TRUSTED}");
    desk.run(&format!("ambit capture {what} {{both}} --out {{dir}}/made/c")).exits(3);
    let both = |other: &str| {
        let command = format!("ambit sign {{dir}}/made/a {{dir}}/made/{other} {TRUSTED} {AUDITOR}");
        desk.run(&format!("{command} --case {{dir}}/made/case"))
    };
    both("c").exits(2).says("these are not copies of one package");
    let part = desk.path("made/b/data/captured-0001.zip.age");
    let bytes = fs::read(&part).unwrap();
    fs::write(&part, [bytes.as_slice(), b"x"].concat()).unwrap();
    both("b").exits(2).says("made/b: check `bag` fails").says("leave it out, and sign what is whole");
    fs::write(&part, bytes).unwrap();
    assert!(!desk.path("made/a/seal/tagmanifest-sha256.txt.auditor.sig").exists(), "nobody signed");
    // Of two signatures of one person a seal quotes one.
    let foreign = desk.path("made/b/seal/tagmanifest-sha256.txt.auditor.sig");
    fs::copy(desk.path("made/a/seal/tagmanifest-sha256.txt.witness.sig"), &foreign).unwrap();
    both("b")
        .exits(2)
        .says("made/b/seal/tagmanifest-sha256.txt.auditor.sig: this is no signature of `auditor`");
    fs::remove_file(foreign).unwrap();
    both("b").exits(0);
    assert!(files(&desk.path("made/a")) == files(&desk.path("made/b")));
}

#[test]
fn two_copies_that_were_sealed_apart_are_told_with_the_event_and_both_digests() {
    let desk = unsealed();
    copy(&desk.path("made"), &desk.path("other"));
    sign(&desk, Disk::new(), "made", "a", AUDITOR).exits(0);
    // Signed by one more: within one second all else can be the same.
    sign(&desk, Disk::new(), "other", "b", &format!("{AUDITOR} {{examiner}}")).exits(0);
    let entry = |place: &str| {
        let number = fs::read_dir(desk.path(&format!("{place}/custody"))).unwrap().count() - 1;
        let bytes = fs::read(desk.path(&format!("{place}/custody/{number:06}/entry.txt"))).unwrap();
        (number, scope::Digest::of(&bytes).to_string())
    };
    let ((number, ours), (_, theirs)) = (entry("made/a"), entry("other/b"));
    assert_ne!(ours, theirs);
    for command in ["package update", "sign"] {
        let trusted = if command == "sign" { TRUSTED } else { "" };
        let copies = "{dir}/made/a {dir}/other/b";
        let ran = desk.run(&format!("ambit {command} {copies} {trusted} --case {{dir}}/made/case")).exits(2);
        let ran = ran.says(&format!("part at event {number}")).says(&ours).says(&theirs);
        ran.says("two case folders went on apart");
    }
    assert_eq!(entry("other/b").1, theirs, "nothing was written");
}

/// On a disk on which the n-th operation that writes, and all after it, fail; and how many there were.
fn failing_at(n: usize) -> (Disk, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    let watch = move |step: &Step<'_>| -> io::Result<usize> {
        if matches!(step.op, Op::Open | Op::Read) || counted.fetch_add(1, Ordering::SeqCst) < n {
            return Ok(usize::MAX);
        }
        Err(io::Error::from_raw_os_error(5))
    };
    (Disk::watched(Arc::new(watch)), seen)
}

#[test]
fn whatever_operation_fails_the_same_command_seals_both_copies() {
    let desk = unsealed();
    for n in 0.. {
        let place = format!("n{n}");
        copy(&desk.path("made"), &desk.path(&place));
        let (disk, seen) = failing_at(n);
        let ran = sign_both(&desk, disk, &place, AUDITOR);
        if ran.exit != 0 {
            let again = sign_both(&desk, Disk::new(), &place, AUDITOR);
            let done = again.exit == 0 || again.err.contains("nothing is left to sign");
            assert!(done, "operation {n}, {}: {again}", ran.err);
        }
        are_one(&desk, &place);
        fs::remove_dir_all(desk.path(&place)).unwrap();
        if seen.load(Ordering::SeqCst) <= n {
            assert!(n > 20 && ran.exit == 0, "{n} operations: {ran}");
            return;
        }
    }
}

#[test]
fn a_signature_that_was_copied_by_hand_is_enough_and_a_foreign_one_is_not() {
    let desk = unsealed();
    sign(&desk, Disk::new(), "made", "a", AUDITOR).exits(0);
    let name = |who: &str| format!("tagmanifest-sha256.txt.{who}.sig");
    let of = |copy: &str, who: &str| desk.path(&format!("made/{copy}/seal/{}", name(who)));
    fs::copy(of("a", "auditor"), of("b", "court-officer")).unwrap();
    sign(&desk, Disk::new(), "made", "b", AUDITOR)
        .exits(2)
        .says("court-officer.sig")
        .says("does not quote it");
    fs::remove_file(of("b", "court-officer")).unwrap();
    fs::copy(of("a", "auditor"), of("b", "auditor")).unwrap();
    sign(&desk, Disk::new(), "made", "b", "").exits(0);
    is_intact(&desk, "made/b");
}

#[test]
fn another_package_of_the_same_run_is_not_signed() {
    let desk = unsealed();
    // The same run, but for what its statement says; the bag fits it.
    sign(&desk, Disk::new(), "made", "a", AUDITOR).exits(0);
    let (info, tags) = (desk.path("made/b/bag-info.txt"), desk.path("made/b/tagmanifest-sha256.txt"));
    let text = fs::read(&info).unwrap();
    let changed = [text.as_slice(), b"Contact-Name: somebody else\n"].concat();
    let hex = |bytes: &[u8]| scope::Digest::of(bytes).hex();
    let list = fs::read_to_string(&tags).unwrap().replace(&hex(&text), &hex(&changed));
    fs::write(&info, changed).unwrap();
    fs::write(&tags, list).unwrap();
    let ran = sign(&desk, Disk::new(), "made", "b", AUDITOR).exits(2);
    assert!(
        ran.err.contains("package.seal of this run over the sealed bytes") || ran.err.contains("check `bag`"),
        "{ran}"
    );
    assert_eq!(count(&desk.path("made/case"), "package.seal"), 1);
}

#[test]
fn whatever_operation_fails_the_same_command_seals_afterwards() {
    let desk = unsealed();
    let mut whole = false;
    for n in 0.. {
        let place = format!("n{n}");
        copy(&desk.path("made"), &desk.path(&place));
        let (disk, seen) = failing_at(n);
        let ran = sign(&desk, disk, &place, "a", AUDITOR);
        if ran.exit == 0 {
            whole = true;
        } else {
            let again = sign(&desk, Disk::new(), &place, "a", AUDITOR);
            // Where only the last name was not made durable, all is there.
            let done = again.exit == 0 || again.err.contains("nothing is left to sign");
            assert!(done, "operation {n}, {}: {again}", ran.err);
        }
        sign(&desk, Disk::new(), &place, "b", AUDITOR).exits(0);
        for copy in ["a", "b"] {
            is_intact(&desk, &format!("{place}/{copy}"));
        }
        assert_eq!(count(&desk.path(&format!("{place}/case")), "package.seal"), 1, "operation {n}");
        fs::remove_dir_all(desk.path(&place)).unwrap();
        if seen.load(Ordering::SeqCst) <= n {
            assert!(whole, "it was never done");
            assert!(n > 10, "{n} operations");
            return;
        }
    }
}

#[test]
fn whoever_signs_away_from_the_case_signs_and_the_case_folder_seals() {
    let desk = unsealed();
    fs::create_dir(desk.path("away")).unwrap();
    fs::rename(desk.path("made/a"), desk.path("away/a")).unwrap();
    let before = count(&desk.path("away/a"), "acquisition.end");
    let away = format!("ambit sign {{dir}}/away/a {TRUSTED} {AUDITOR}");
    desk.run(&away).exits(3).prints("not sealed yet").prints("where it is: ambit sign PACKAGE");
    // Given again, it says the same; the package's log is as it was.
    desk.run(&away).exits(3).prints("nobody else has to sign");
    assert_eq!((count(&desk.path("away/a"), "package.seal"), before), (0, 1));
    // The case goes on meanwhile.
    let what = format!("--policy {{policy}} --medium {{medium}} --case {{dir}}/made/case {TRUSTED}");
    desk.run(&format!("ambit capture {what} {{both}} {AUDITOR} --out {{dir}}/made/c")).exits(0);
    fs::rename(desk.path("away/a"), desk.path("made/a")).unwrap();
    sign(&desk, Disk::new(), "made", "a", "{examiner}").exits(0).prints("package.seal is on the log");
    is_intact(&desk, "made/a");
    // As of its own log, the other run was not sealed: a departure, and no fork.
    desk.run(&format!("ambit-verify {{dir}}/made/c {TRUSTED}")).exits(3).prints("INTACT");
    // A case folder that was kept from before does not know of it, and is told.
    let old = desk.path("old");
    copy(&desk.path("made"), &old);
    let last = fs::read_dir(old.join("case/custody")).unwrap().count() - 1;
    fs::remove_dir_all(old.join(format!("case/custody/{last:06}"))).unwrap();
    sign(&desk, Disk::new(), "old", "a", AUDITOR).exits(1).says("an older copy of the case folder");
}

#[test]
fn nobody_signs_a_statement_that_was_changed_after_the_run() {
    let desk = unsealed();
    let (package, statement) = (desk.path("made/a"), "meta/acquisition.json");
    let text = fs::read_to_string(package.join(statement)).unwrap();
    let log = count(&desk.path("made/case"), "note");
    for (from, to) in [
        ("\"limits\": [", "\"limits\": [\n    \"all is well\","),
        ("\"version\": \"", "\"version\": \"9."),
        ("\"rule_counts\": {", "\"rule_counts\": {\n    \"A-0\": 3,"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        put_in_place(&package, statement, changed.as_bytes());
        let ran = sign(&desk, Disk::new(), "made", "a", AUDITOR).exits(2);
        ran.says("check `agreement` fails: meta/acquisition.json: expected sha256:").says("do not sign");
        let ran = desk.run(&format!("ambit-verify {{dir}}/made/a {TRUSTED}")).exits(2);
        ran.prints("FAIL         agreement").prints("was changed after the run ended");
        put_in_place(&package, statement, text.as_bytes());
    }
    // Nothing was appended, and nobody signed.
    let signed = |who: &str| package.join(format!("seal/tagmanifest-sha256.txt.{who}.sig")).exists();
    assert!(signed("witness") && !signed("auditor"));
    for place in ["made/a", "made/case"] {
        assert_eq!(count(&desk.path(place), "package.seal"), 0, "{place}");
    }
    assert_eq!(count(&desk.path("made/case"), "note"), log);
    // As it was, it is signed; whoever signs has seen what limits it.
    let limits: Vec<String> = serde_json::from_str::<serde_json::Value>(&text).unwrap()["limits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|limit| limit.as_str().unwrap().to_owned())
        .collect();
    assert!(!limits.is_empty());
    let ran = sign(&desk, Disk::new(), "made", "a", AUDITOR).exits(0);
    for limit in limits {
        assert!(ran.err.contains(&format!("limit: {limit}")), "{limit}: {ran}");
    }
    is_intact(&desk, "made/a");
}

#[test]
fn the_time_of_the_seal_is_told_of_those_alone_who_put_it_on_the_log() {
    let desk = unsealed();
    fs::create_dir(desk.path("away")).unwrap();
    fs::rename(desk.path("made/a"), desk.path("away/a")).unwrap();
    desk.run(&format!("ambit sign {{dir}}/away/a {TRUSTED} {AUDITOR}")).exits(3);
    fs::rename(desk.path("away/a"), desk.path("made/a")).unwrap();
    sign(&desk, Disk::new(), "made", "a", "{examiner}").exits(0);
    let trust = evidence::trust::Trust::parse(&fs::read(desk.path("trust.toml")).unwrap()).unwrap();
    let person = |name: &str| trust.principal(name).unwrap().person.clone();
    let ran = desk.run(&format!("ambit-verify {{dir}}/made/a {TRUSTED}")).exits(0);
    let words = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, told) = words.split_once("sealed it. The seal was put on the log by ").unwrap();
    let (by, rest) = told.split_once(", at ").unwrap();
    assert!(by.starts_with(&person("examiner")), "{words}");
    let (_, others) = rest.split_once("by their own clock; when ").unwrap();
    let (others, _) = others.split_once(" signed is not known").unwrap();
    assert!(others.contains(&person("auditor")) && others.contains(&person("witness")), "{words}");
    assert!(!others.contains(&person("examiner")), "{words}");
}

#[test]
fn a_signature_whose_key_has_expired_since_seals_nothing() {
    let desk = unsealed();
    fs::create_dir(desk.path("away")).unwrap();
    fs::rename(desk.path("made/a"), desk.path("away/a")).unwrap();
    desk.run(&format!("ambit sign {{dir}}/away/a {TRUSTED} {AUDITOR}")).exits(3);
    fs::rename(desk.path("away/a"), desk.path("made/a")).unwrap();
    let trust = fs::read_to_string(desk.path("trust.toml")).unwrap();
    let role = "roles = [\"auditor\"]";
    let short = trust.replacen(role, &format!("{role}\nvalid_until = \"2020-01-01T00:00:00Z\""), 1);
    assert_ne!(short, trust);
    fs::write(desk.path("trust.toml"), short).unwrap();
    sign(&desk, Disk::new(), "made", "a", "{examiner}")
        .exits(2)
        .says("the key of `auditor` is not valid now");
    for log in ["made/a", "made/case"] {
        assert_eq!(count(&desk.path(log), "package.seal"), 0, "{log}");
    }
    // Nothing is lost by it: a trust file that gives the key its time is all that is needed.
    fs::write(desk.path("trust.toml"), trust).unwrap();
    sign(&desk, Disk::new(), "made", "a", "{examiner}").exits(0).prints("package.seal is on the log");
    is_intact(&desk, "made/a");
}
