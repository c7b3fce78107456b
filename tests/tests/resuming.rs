//! What a resume finds and does not touch: parts without a journal, what is somebody else's, an older copy that has ended.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use custody::Disk;
use custody::durable::{Op, Step};
use scenarios::hazard::{Hazard, Left, copy, failing, files, lines, put_in_place};
use scenarios::reading::acquisition;
use scenarios::story::Ran;

const ONE: [&str; 1] = ["KC07.ambit"];
const BOTH: [&str; 2] = ["KC07.ambit", "copy.ambit"];
const JOURNAL: &str = "KC07.ambit.partial/.work/journal.jsonl";

/// A capture that stops once two batches are committed.
fn stopped(hazard: &Hazard, place: &Path) {
    stopped_to(hazard, place, &ONE);
}

fn stopped_to(hazard: &Hazard, place: &Path, outs: &[&str]) {
    let journal = place.join(JOURNAL);
    let disk = failing(move |step| {
        step.op == Op::Write && step.path.to_string_lossy().contains("/data/") && lines(&journal) > 2
    });
    hazard.capture_to(disk, place, outs).exits(1);
}

fn resume(hazard: &Hazard, place: &Path, outs: &[&str], more: &[&str]) -> Ran {
    hazard.capture_with(Disk::new(), place, outs, &[&["--resume"], more].concat())
}

/// Whether an operation makes an entry of the case's log while the journal says this.
fn logs_while(place: &Path, says: &'static str) -> impl Fn(&Step<'_>) -> bool + Send + Sync + 'static {
    let (journal, log) = (place.join(JOURNAL), place.join("case/custody"));
    move |step| {
        step.op == Op::CreateFolder
            && step.path.starts_with(&log)
            && fs::read_to_string(&journal).is_ok_and(|text| text.contains(says))
    }
}

/// Changes a byte of the first part of the second batch.
fn flip(partial: &Path) {
    let path = partial.join("data/ledger-0002.jsonl.gz.age");
    let mut bytes = fs::read(&path).unwrap();
    bytes[9] ^= 1;
    fs::write(&path, bytes).unwrap();
}

fn overrides(place: &Path, words: &str) -> usize {
    let log = files(&place.join("case/custody"));
    let has = |(path, bytes): &(&PathBuf, &Vec<u8>)| {
        path.ends_with("event.json") && String::from_utf8_lossy(bytes).contains(words)
    };
    log.iter().filter(has).count()
}

/// What is done to a folder.
type Change = fn(&Path);

#[test]
fn parts_without_a_journal_are_not_removed() {
    let hazard = Hazard::new();
    let made = hazard.place();
    stopped(&hazard, made.path());
    let journal: [(&str, Change); 5] = [
        ("is gone", |work| fs::remove_file(work.join("journal.jsonl")).unwrap()),
        ("is gone with its folder", |work| fs::remove_dir_all(work).unwrap()),
        ("is empty", |work| fs::write(work.join("journal.jsonl"), "").unwrap()),
        ("is zeros", |work| fs::write(work.join("journal.jsonl"), [0; 4096]).unwrap()),
        ("is cut in its first line", |work| {
            let bytes = fs::read(work.join("journal.jsonl")).unwrap();
            fs::write(work.join("journal.jsonl"), &bytes[..300]).unwrap();
        }),
    ];
    for (what, spoil) in journal {
        let place = tempfile::tempdir().unwrap();
        copy(made.path(), place.path());
        spoil(&place.path().join("KC07.ambit.partial/.work"));
        let before = files(place.path());
        let ran = resume(&hazard, place.path(), &ONE, &[]);
        assert_eq!(ran.exit, 2, "{what}: {ran}");
        ran.says("no journal that says what they are").says("put it back");
        assert!(files(place.path()) == before, "{what}");
    }
}

#[test]
fn what_is_somebody_elses_stays_and_no_link_is_followed() {
    let hazard = Hazard::new();
    let made = hazard.place();
    stopped(&hazard, made.path());
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    let refused = |outs: &[&str], says: &str| {
        let before = files(place.path());
        resume(&hazard, place.path(), outs, &[]).exits(2).says(says).says("nothing was removed");
        assert!(files(place.path()) == before, "{says}");
    };
    copy(made.path(), place.path());
    fs::create_dir_all(at("other.partial/holiday")).unwrap();
    fs::write(at("other.partial/thesis.doc"), "years of work").unwrap();
    refused(&["other"], "no capture makes it there");
    symlink(at("other.partial"), at("linked.partial")).unwrap();
    refused(&["linked"], "it is a link");
    for folder in ["data", "meta", "seal", "custody", "meta/policy", ".work"] {
        let (own, kept) = (at(&format!("KC07.ambit.partial/{folder}")), at("kept"));
        fs::rename(&own, &kept).unwrap();
        symlink(&kept, &own).unwrap();
        refused(&ONE, "it is a link");
        fs::remove_file(&own).unwrap();
        fs::rename(&kept, &own).unwrap();
    }
    for file in ["data/ledger-0001.jsonl.gz.age", ".work/journal.jsonl", ".work/lines-000001"] {
        let (own, kept) = (at(&format!("KC07.ambit.partial/{file}")), at("kept"));
        fs::rename(&own, &kept).unwrap();
        symlink(&kept, &own).unwrap();
        refused(&ONE, "it is a link");
        fs::remove_file(&own).unwrap();
        // Nobody waits for a pipe.
        let made = std::process::Command::new("mkfifo").arg(&own).status().unwrap();
        assert!(made.success());
        refused(&ONE, "no regular file");
        fs::remove_file(&own).unwrap();
        fs::rename(&kept, &own).unwrap();
    }
    fs::write(at("KC07.ambit.partial/data/notes.txt"), "mine").unwrap();
    refused(&ONE, "notes.txt");
    fs::remove_file(at("KC07.ambit.partial/data/notes.txt")).unwrap();
    let state = fs::read_dir(at("case/state")).unwrap().map(|entry| entry.unwrap().path());
    let marks: Vec<PathBuf> = state.filter(|p| p.extension().is_some_and(|kind| kind == "marks")).collect();
    fs::rename(&marks[0], at("kept")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&marks[0]).status().unwrap().success());
    resume(&hazard, place.path(), &ONE, &[]).exits(1).says("no regular file");
    fs::remove_file(&marks[0]).unwrap();
    fs::rename(at("kept"), &marks[0]).unwrap();
    resume(&hazard, place.path(), &ONE, &[]).exits(0);
    assert_eq!(hazard.judge(place.path()), Left::Whole);
}

#[test]
fn an_older_copy_that_has_ended_is_not_sealed() {
    let hazard = Hazard::new();
    let place = hazard.place();
    // It ends, and the case folder cannot be told.
    hazard.capture_to(failing(logs_while(place.path(), "{\"end\"")), place.path(), &ONE).exits(1);
    let partial = place.path().join("KC07.ambit.partial");
    copy(&partial, &place.path().join("older.partial"));
    flip(&partial);
    resume(&hazard, place.path(), &ONE, &[]).exits(1).says("read back, batch 2");
    let journal = place.path().join(JOURNAL);
    let ended = lines(&journal);
    let disk = failing(move |step| {
        step.op == Op::Write && step.path.to_string_lossy().contains("/data/") && lines(&journal) > ended + 1
    });
    hazard.capture_with(disk, place.path(), &ONE, &["--resume", "--retake", "a bad disk"]).exits(1);
    let log = files(&place.path().join("case/custody"));
    let older = resume(&hazard, place.path(), &["older"], &[]).exits(2);
    older.says("older.partial is an older copy").says("--older-copy REASON");
    // Nor with a reason: what was taken since has another key, which the log has announced.
    let reason = ["--older-copy", "the disk fell"];
    resume(&hazard, place.path(), &["older"], &reason).exits(2).says("tells another story of this run");
    assert!(files(&place.path().join("case/custody")) == log);
    resume(&hazard, place.path(), &ONE, &[]).exits(3);
    assert_eq!(hazard.judge(place.path()), Left::Whole);
}

#[test]
fn what_is_retaken_is_on_the_log_whenever_it_was_broken_off() {
    let hazard = Hazard::new();
    let place = hazard.place();
    stopped(&hazard, place.path());
    flip(&place.path().join("KC07.ambit.partial"));
    let disk = failing(logs_while(place.path(), "discarded_from"));
    hazard.capture_with(disk, place.path(), &ONE, &["--resume", "--retake", "a bad disk"]).exits(1);
    assert_eq!(overrides(place.path(), "were discarded and taken again"), 0);
    resume(&hazard, place.path(), &ONE, &[]).exits(3);
    assert_eq!(hazard.judge(place.path()), Left::Whole);
    assert_eq!(overrides(place.path(), "were discarded and taken again"), 1);
    let stated = acquisition(&place.path().join("KC07.ambit")).departures;
    assert_eq!(stated.iter().filter(|own| own.what.contains("were discarded")).count(), 1, "{stated:?}");
}

#[test]
fn a_sealed_copy_that_was_altered_before_it_had_its_name_is_made_again_from_the_other() {
    let hazard = Hazard::new();
    let made = hazard.place();
    // package.seal is on the log of the case, and the copies lack their names.
    let log = made.path().join("case/custody");
    let renamed = AtomicUsize::new(0);
    let disk = failing(move |step| {
        step.op == Op::Rename && !step.path.starts_with(&log) && renamed.fetch_add(1, Ordering::SeqCst) == 0
    });
    hazard.capture_to(disk, made.path(), &BOTH).exits(1);
    assert_eq!(overrides(made.path(), "\"package.seal\""), 1);
    let changes: [(&str, u8, Change); 5] = [
        ("nothing", 0, |_| {}),
        ("a part", 3, flip),
        ("a part is gone", 3, |partial| {
            fs::remove_file(partial.join("data/ledger-0001.jsonl.gz.age")).unwrap()
        }),
        ("the statement", 3, |partial| fs::write(partial.join("meta/acquisition.json"), "{}").unwrap()),
        ("a signature", 3, |partial| {
            fs::write(partial.join("seal/tagmanifest-sha256.txt.witness.sig"), "x").unwrap();
        }),
    ];
    for which in [0, 1] {
        for (what, exit, change) in changes {
            let place = tempfile::tempdir().unwrap();
            copy(made.path(), place.path());
            change(&place.path().join(format!("{}.partial", BOTH[which])));
            let ran = resume(&hazard, place.path(), &BOTH, &[]);
            assert_eq!(ran.exit, exit, "{what} of {which}: {ran}");
            assert_eq!(hazard.judge_copy(place.path(), BOTH[1 - which]), Left::Whole, "{what} of {which}");
            let left = hazard.judge_copy(place.path(), BOTH[which]);
            if what == "a signature" {
                ran.says(&format!("copy {} of 2", which + 1)).says("was lost");
                assert!(matches!(left, Left::Unfinished(_)), "{which}");
            } else {
                assert_eq!(left, Left::Whole, "{what} of {which}");
                assert_eq!(overrides(place.path(), "made again from the other") == 1, exit == 3, "{what}");
            }
        }
    }
    // What the journal gives is made again, where no copy has it; what it does not give, a copy alone lacks for good.
    for (outs, file, is_known) in [
        (&BOTH[..], "meta/acquisition.json", true),
        (&ONE[..], "meta/acquisition.json", true),
        (&ONE[..], "VERIFY.txt", true),
        (&ONE[..], "bag-info.txt", true),
        (&ONE[..], "meta/inventory.txt", false),
    ] {
        let place = tempfile::tempdir().unwrap();
        copy(made.path(), place.path());
        for name in BOTH {
            fs::write(place.path().join(format!("{name}.partial/{file}")), "x").unwrap();
        }
        let ran = resume(&hazard, place.path(), outs, &[]);
        if is_known {
            let ran = ran.exits(3);
            ran.says(&format!("{file} of copy 1 was not what is sealed, and was made again"));
            assert!(outs.iter().all(|out| hazard.judge_copy(place.path(), out) == Left::Whole), "{file}");
            assert_eq!(
                overrides(place.path(), "made again from what the journal knows"),
                outs.len(),
                "{file}"
            );
        } else {
            assert_ne!(ran.exit, 0, "{ran}");
            assert!(!place.path().join("KC07.ambit").exists());
        }
    }
}

#[test]
fn a_statement_that_was_changed_after_the_run_ended_is_made_again_and_said() {
    let hazard = Hazard::new();
    let made = hazard.place();
    let disk = failing(|step| step.op == Op::Create && step.path.to_string_lossy().ends_with("VERIFY.txt"));
    hazard.capture_to(disk, made.path(), &BOTH).exits(1);
    assert_eq!(overrides(made.path(), "\"acquisition.end\""), 1);
    let statement = |place: &Path, name: &str| place.join(format!("{name}/meta/acquisition.json"));
    let of = |name: &str| statement(made.path(), &format!("{name}.partial"));
    let quoted = fs::read(of(BOTH[0])).unwrap();
    assert_eq!(quoted, fs::read(of(BOTH[1])).unwrap());
    for (altered, lost) in [(&BOTH[..], &[][..]), (&BOTH[1..], &BOTH[..1]), (&[], &BOTH[..])] {
        let place = tempfile::tempdir().unwrap();
        copy(made.path(), place.path());
        let of = |name: &str| statement(place.path(), &format!("{name}.partial"));
        altered.iter().for_each(|name| fs::write(of(name), "{\"limits\": []}").unwrap());
        lost.iter().for_each(|name| fs::remove_file(of(name)).unwrap());
        let ran = resume(&hazard, place.path(), &BOTH, &[]).exits(0);
        let words = "was changed after the run ended, and is made again as it was";
        assert_eq!(ran.err.matches(words).count() + ran.out.matches(words).count(), altered.len(), "{ran}");
        assert_eq!(overrides(place.path(), words), altered.len());
        for name in BOTH {
            assert_eq!(hazard.judge_copy(place.path(), name), Left::Whole);
            assert_eq!(fs::read(statement(place.path(), name)).unwrap(), quoted);
        }
    }
}

/// The files of the case's `state/`: keys and marks of runs that go on.
fn state(place: &Path) -> usize {
    files(&place.join("case/state")).len()
}

#[test]
fn without_a_journal_only_what_was_closed_and_is_whole_gets_its_name() {
    let hazard = Hazard::new();
    let work = |place: &Path| place.join("KC07.ambit.partial/.work");
    // Before anybody has sealed: the list of what is sealed is there, and nothing else of a seal.
    let place = hazard.place();
    let seal = place.path().join("KC07.ambit.partial/seal");
    let disk = failing(move |step| step.op == Op::Create && step.path.starts_with(&seal));
    hazard.capture_to(disk, place.path(), &ONE).exits(1);
    assert!(place.path().join("KC07.ambit.partial/tagmanifest-sha256.txt").exists());
    let kept = tempfile::tempdir().unwrap();
    copy(&work(place.path()), kept.path());
    fs::remove_dir_all(work(place.path())).unwrap();
    let (before, keys) = (files(place.path()), state(place.path()));
    resume(&hazard, place.path(), &ONE, &[]).exits(2).says("was not closed either").says("its keys are kept");
    assert_eq!(files(place.path()), before);
    assert!(keys > 0);
    copy(kept.path(), &work(place.path()));
    resume(&hazard, place.path(), &ONE, &[]).exits(0);
    assert_eq!(hazard.judge(place.path()), Left::Whole);

    // Sealed, the journal is removed, and the name is missing: every file is read before it is given.
    let made = hazard.place();
    let journal = made.path().join(JOURNAL);
    let begun = made.path().join("KC07.ambit.partial/custody/000000");
    let disk = failing(move |step| step.op == Op::Rename && begun.exists() && !journal.exists());
    hazard.capture_to(disk, made.path(), &ONE).exits(1);
    let changes: [(&str, Change); 6] = [
        ("a part", flip),
        ("a part is gone", |partial| {
            fs::remove_file(partial.join("data/ledger-0001.jsonl.gz.age")).unwrap();
        }),
        ("the inventory", |partial| fs::write(partial.join("meta/inventory.txt"), "x").unwrap()),
        ("a signature", |partial| {
            fs::write(partial.join("seal/tagmanifest-sha256.txt.witness.sig"), "x").unwrap();
        }),
        ("the log", |partial| fs::remove_dir_all(partial.join("custody")).unwrap()),
        ("a file beside", |partial| fs::write(partial.join("data/captured-0099.zip.age"), "x").unwrap()),
    ];
    for (what, change) in changes {
        let place = tempfile::tempdir().unwrap();
        copy(made.path(), place.path());
        change(&place.path().join("KC07.ambit.partial"));
        let ran = resume(&hazard, place.path(), &ONE, &[]);
        assert_ne!(ran.exit, 0, "{what}: {ran}");
        assert!(!place.path().join("KC07.ambit").exists(), "{what}");
        assert_eq!(state(place.path()), state(made.path()), "{what}");
        assert_eq!(ran.err.contains("is missing, and was committed"), what == "a part is gone", "{ran}");
    }
    resume(&hazard, made.path(), &ONE, &[]).exits(0).prints("was complete but for its name");
    assert_eq!((hazard.judge(made.path()), state(made.path())), (Left::Whole, 0));
}

/// The list of what is sealed fits every change: nobody has signed it yet, so that anybody can make it anew.
#[test]
fn before_anybody_signs_only_what_the_capture_wrote_gets_its_name() {
    let hazard = Hazard::new();
    let made = hazard.place();
    let trust = fs::read_to_string(hazard.trust()).unwrap();
    let own = made.path().join("trust.toml");
    let quorum = "\n[[quorum]]\nstep = \"package.seal\"\nroles = [\"examiner\", \"witness\", \"auditor\"]\n";
    fs::write(&own, trust + quorum).unwrap();
    let journal = made.path().join(JOURNAL);
    let begun = made.path().join("KC07.ambit.partial/custody/000000");
    let disk = failing(move |step| step.op == Op::Rename && begun.exists() && !journal.exists());
    hazard.capture_under(&own, disk, made.path(), &ONE, &[]).exits(1);
    let partial = |place: &Path| place.join("KC07.ambit.partial");
    let read = |file: &str| fs::read_to_string(partial(made.path()).join(file)).unwrap();
    let statement =
        read("meta/acquisition.json").replacen("\"limits\": [", "\"limits\": [\"all is well\",", 1);
    let listed = read("tagmanifest-sha256.txt");
    for (file, bytes, signed) in [
        ("meta/acquisition.json", statement.clone(), false),
        ("meta/inventory.txt", "x\n".to_owned(), false),
        // Somebody has signed the list that has the digest of another text.
        ("VERIFY.txt", "Nothing to do.\n".to_owned(), true),
    ] {
        let place = tempfile::tempdir().unwrap();
        copy(made.path(), place.path());
        match file {
            "meta/inventory.txt" => fs::write(partial(place.path()).join(file), bytes).unwrap(),
            _ => put_in_place(&partial(place.path()), file, bytes.as_bytes()),
        }
        if signed {
            let seal = partial(place.path()).join("seal");
            fs::create_dir_all(&seal).unwrap();
            fs::write(seal.join("tagmanifest-sha256.txt.witness.sig"), "x").unwrap();
        }
        let ran = hazard.capture_under(&own, Disk::new(), place.path(), &ONE, &["--resume"]);
        assert!(![0, 3].contains(&ran.exit), "{file}: {ran}");
        assert!(!ran.err.contains("capture again") || file.ends_with(".json"), "{ran}");
        ran.says(file);
        assert!(!place.path().join("KC07.ambit").exists(), "{file}");
        assert_eq!(state(place.path()), state(made.path()), "{file}");
    }
    // What follows from the rest is made again, whether or not the list of what is sealed was made anew with it.
    for (file, bytes) in [
        ("VERIFY.txt", Some("Nothing to do.\n".to_owned())),
        ("VERIFY.txt", None),
        ("bag-info.txt", Some(read("bag-info.txt") + "Contact-Name: somebody\n")),
    ] {
        for relisted in [false, true] {
            let place = tempfile::tempdir().unwrap();
            copy(made.path(), place.path());
            match (&bytes, relisted) {
                (Some(bytes), true) => put_in_place(&partial(place.path()), file, bytes.as_bytes()),
                (Some(bytes), false) => fs::write(partial(place.path()).join(file), bytes).unwrap(),
                (None, _) => fs::remove_file(partial(place.path()).join(file)).unwrap(),
            }
            let ran = hazard.capture_under(&own, Disk::new(), place.path(), &ONE, &["--resume"]).exits(3);
            ran.says(file).says("is made again as it was");
            let package = place.path().join("KC07.ambit");
            assert_eq!(fs::read_to_string(package.join(file)).unwrap(), read(file));
            assert_eq!(fs::read_to_string(package.join("tagmanifest-sha256.txt")).unwrap(), listed);
            assert!(overrides(place.path(), "was not what a capture writes") > 0, "{file}");
            assert_eq!(state(place.path()), 0, "{file}");
        }
    }
    let ran = hazard.capture_under(&own, Disk::new(), made.path(), &ONE, &["--resume"]).exits(3);
    ran.prints("it is NOT sealed yet");
    assert!(made.path().join("KC07.ambit").exists());
    assert_eq!(state(made.path()), 0);
}

#[test]
fn keys_that_a_break_left_behind_are_removed_and_said() {
    let hazard = Hazard::new();
    let place = hazard.place();
    let (kept, out) = (place.path().join("case/state"), place.path().join("KC07.ambit"));
    let disk = failing(move |step| step.path.starts_with(&kept) && out.exists());
    hazard.capture_to(disk, place.path(), &ONE).exits(1);
    assert_eq!(hazard.judge(place.path()), Left::Whole);
    assert!(state(place.path()) > 0);
    resume(&hazard, place.path(), &ONE, &[])
        .exits(1)
        .says("still in the case folder, and are removed")
        .says("exists");
    assert_eq!(state(place.path()), 0);
}

#[test]
fn an_option_that_was_not_needed_is_said_to_be_and_an_unfinished_package_is_none_to_check() {
    let hazard = Hazard::new();
    let place = hazard.place();
    stopped(&hazard, place.path());
    let partial = place.path().join("KC07.ambit.partial").display().to_string();
    let words = ["ambit-verify", &partial, "--trust", &hazard.trust()].map(Into::into);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    assert_eq!(verifier::run_to_code(words, &mut out, &mut err), 1);
    let said = String::from_utf8(err).unwrap();
    assert!(out.is_empty() && said.contains("is an unfinished package"), "{said}");
    // A package's own folder is named to whoever gives the one above it.
    std::fs::create_dir(place.path().join("above")).unwrap();
    let above = place.path().join("above").display().to_string();
    let words = ["ambit-verify", &above, "--trust", &hazard.trust()].map(Into::into);
    let mut err = Vec::new();
    assert_eq!(verifier::run_to_code(words, &mut out, &mut err), 1);
    assert!(String::from_utf8(err).unwrap().contains("above is no package"));
    std::fs::create_dir(place.path().join("above/KC07.ambit")).unwrap();
    std::fs::write(place.path().join("above/KC07.ambit/bagit.txt"), "x").unwrap();
    let words = ["ambit-verify", &above, "--trust", &hazard.trust()].map(Into::into);
    let mut err = Vec::new();
    assert_eq!(verifier::run_to_code(words, &mut out, &mut err), 1);
    assert!(String::from_utf8(err).unwrap().contains("above/KC07.ambit: give that"));
    resume(&hazard, place.path(), &ONE, &["--older-copy", "because", "--retake", "because"])
        .exits(0)
        .says("--older-copy was not needed")
        .says("--retake was not needed");
    assert_eq!(hazard.judge(place.path()), Left::Whole);
    assert_eq!(overrides(place.path(), "because"), 0);
}

#[test]
fn a_copy_that_cannot_be_opened_is_named_and_the_other_goes_on_alone() {
    let hazard = Hazard::new();
    let place = hazard.place();
    stopped_to(&hazard, place.path(), &BOTH);
    let unreadable = Disk::watched(Arc::new(|step: &Step<'_>| -> io::Result<usize> {
        let fails = step.path.ends_with("copy.ambit.partial/.work/journal.jsonl");
        if fails { Err(io::Error::from_raw_os_error(5)) } else { Ok(usize::MAX) }
    }));
    let said = hazard.capture_with(unreadable, place.path(), &BOTH, &["--resume"]).exits(1);
    said.says("copy.ambit.partial cannot be gone on with")
        .says("KC07.ambit alone: that copy goes on without the other");
    resume(&hazard, place.path(), &ONE, &[])
        .exits(3)
        .says("warning: two copies were begun, and one of them is gone on with");
    assert!(hazard.is_complete(&place.path().join("KC07.ambit")));
}

#[test]
fn a_copy_of_which_nothing_is_there_is_told_before_it_is_made_anew() {
    let hazard = Hazard::new();
    let place = hazard.place();
    stopped_to(&hazard, place.path(), &BOTH);
    fs::remove_dir_all(place.path().join("copy.ambit.partial")).unwrap();
    resume(&hazard, place.path(), &BOTH, &[])
        .exits(3)
        .says("warning: nothing of this run is at")
        .says("If its disk is not mounted");
    for name in BOTH {
        assert_eq!(hazard.judge_copy(place.path(), name), Left::Whole);
    }
}

#[test]
fn what_is_not_found_is_looked_for_before_another_is_begun() {
    let hazard = Hazard::new();
    let place = hazard.place();
    stopped(&hazard, place.path());
    let (partial, away) = (place.path().join("KC07.ambit.partial"), place.path().join("away"));
    resume(&hazard, place.path(), &["KC07.ambit.partial"], &[])
        .exits(1)
        .says("is an unfinished package itself")
        .says("KC07.ambit, its name once it is whole");
    fs::rename(&partial, &away).unwrap();
    resume(&hazard, place.path(), &ONE, &[])
        .exits(1)
        .says("there is nothing to resume")
        .says("the case folder has the keys of 1 unfinished captures: mount the disk");
    resume(&hazard, place.path(), &["away"], &[]).exits(1).says("away.partial, and give the command again");
    resume(&hazard, place.path(), &["gone/KC07.ambit"], &[]).exits(1).says("mount the disk");
    fs::rename(&away, &partial).unwrap();
    resume(&hazard, place.path(), &ONE, &[]).exits(0);
}
