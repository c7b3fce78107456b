//! `ambit package move`: whatever happens meanwhile, no byte of what was committed is lost.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
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
use scenarios::hazard::{Hazard, Left, copy, in_memory};
use scenarios::power::{Leaves, Model, recording};
use scenarios::random::Dice;

const FROM: &str = "KC07.ambit";
const TO: &str = "larger/KC07-2.ambit";

/// A disk that is full after two batches.
fn full(place: &Path) -> Disk {
    let journal = place.join("KC07.ambit.partial/.work/journal.jsonl");
    let watch = move |step: &Step<'_>| -> io::Result<usize> {
        let lines = fs::read_to_string(&journal).map_or(0, |text| text.lines().count());
        match step.op {
            Op::Write if lines > 2 && step.path.to_string_lossy().contains("/data/") => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(usize::MAX),
        }
    };
    Disk::watched(Arc::new(watch))
}

/// A case, with a capture that a full disk stopped after two batches, and a place to move it to.
fn stopped(hazard: &Hazard) -> tempfile::TempDir {
    let place = hazard.place();
    fs::create_dir(place.path().join("larger")).unwrap();
    hazard.capture(full(place.path()), place.path()).exits(1);
    assert_eq!(hazard.judge(place.path()), Left::Unfinished(2));
    place
}

/// What of `place` is committed: under the old name or the new one.
fn committed(hazard: &Hazard, place: &Path) -> usize {
    let of = |name: &str| match hazard.judge_copy(place, name) {
        Left::Unfinished(batches) => batches,
        Left::Whole => panic!("{name} is a package, and the capture never ended"),
    };
    of(FROM).max(of(TO))
}

fn is_in(place: &Path, name: &str) -> bool {
    place.join(name).exists()
}

#[test]
fn a_source_is_removed_where_the_place_that_is_named_has_all_of_it_alone() {
    let hazard = Hazard::new();
    let place = stopped(&hazard);
    let gone = place.path().join("KC07.ambit.moved");
    copy(&place.path().join("KC07.ambit.partial"), &place.path().join("kept"));
    hazard.move_package(Disk::new(), place.path(), FROM, TO).exits(0);
    // As if it had been broken off when the source had its last name.
    fs::rename(place.path().join("kept"), &gone).unwrap();

    fs::create_dir(place.path().join("other")).unwrap();
    fs::write(place.path().join("other/readme"), "somebody else's").unwrap();
    let wrong = hazard.move_package(Disk::new(), place.path(), FROM, "other");
    wrong.exits(1).says("is there, and is no copy of");
    assert!(gone.join("data").exists(), "the only copy at hand was removed");

    let part = fs::read_dir(gone.join("data")).unwrap().next().unwrap().unwrap().path();
    let bytes = fs::read(&part).unwrap();
    fs::write(&part, b"another").unwrap();
    hazard.move_package(Disk::new(), place.path(), FROM, TO).exits(1).says("is no copy of");
    fs::write(&part, bytes).unwrap();
    hazard.move_package(Disk::new(), place.path(), FROM, TO).exits(0).prints("lies on another disk already");
    assert!(!gone.exists() && is_in(place.path(), "larger/KC07-2.ambit.partial"));
}

#[test]
fn what_was_moved_is_resumed_there_and_nowhere_else() {
    let hazard = Hazard::new();
    let place = stopped(&hazard);
    copy(&place.path().join("KC07.ambit.partial"), &place.path().join("left.partial"));
    fs::create_dir(place.path().join("larger/taken.partial")).unwrap();
    let refused = hazard.move_package(Disk::new(), place.path(), FROM, "larger/taken");
    refused.exits(1).says("is there, and is no copy of");
    hazard.move_package(Disk::new(), place.path(), "none", TO).exits(1).says("neither");
    let inside = hazard.move_package(Disk::new(), place.path(), FROM, "KC07.ambit.partial/data/P");
    inside.exits(1).says("lies in what is to be moved");

    let moved = hazard.move_package(Disk::new(), place.path(), FROM, TO).exits(0);
    assert!(moved.out.contains("read back and compared") && moved.out.contains("--resume"), "{moved}");
    assert!(!is_in(place.path(), "KC07.ambit.partial") && !is_in(place.path(), "KC07.ambit.moved"));
    // Given again it has nothing left to do, and says no more on the log.
    let events = fs::read_dir(place.path().join("case/custody")).unwrap().count();
    for _ in 0..2 {
        hazard
            .move_package(Disk::new(), place.path(), FROM, TO)
            .exits(0)
            .prints("lies on another disk already");
    }
    assert_eq!(fs::read_dir(place.path().join("case/custody")).unwrap().count(), events + 1);
    hazard.move_package(Disk::new(), place.path(), FROM, "larger/other").exits(1).says("neither");
    // What was captured there, and never moved, is no answer.
    hazard.move_package(Disk::new(), place.path(), FROM, "left").exits(1).says("neither");
    let resume = |name: &str| hazard.capture_with(Disk::new(), place.path(), &[name], &["--resume"]);
    resume("left").exits(2).says("is an older copy").says("was moved");
    resume(TO).exits(0);
    assert_eq!(hazard.judge_copy(place.path(), TO), Left::Whole);

    // A package that is finished is moved alike.
    hazard.move_package(Disk::new(), place.path(), TO, FROM).exits(0);
    assert_eq!(hazard.judge(place.path()), Left::Whole);
    assert!(!is_in(place.path(), TO));
    hazard.move_package(Disk::new(), place.path(), TO, FROM).exits(0).prints("lies on another disk already");
    // Each move is on the log, also one back.
    let notes = || fs::read_dir(place.path().join("case/custody")).unwrap().count();
    let before = notes();
    for (from, to) in [(FROM, TO), (TO, FROM)] {
        hazard.move_package(Disk::new(), place.path(), from, to).exits(0).prints("of the acquisition");
    }
    assert_eq!(notes(), before + 2);
    // Another case's package is none that was moved from there.
    let other = hazard.place();
    copy(&place.path().join(FROM), &other.path().join(FROM));
    hazard.move_package(Disk::new(), other.path(), TO, FROM).exits(1).says("neither");
}

/// The usual case: two disks alike, and both are full.
#[test]
fn of_two_copies_each_is_moved_by_itself() {
    let hazard = Hazard::new();
    let place = hazard.place();
    fs::create_dir(place.path().join("larger")).unwrap();
    hazard.capture_to(full(place.path()), place.path(), &[FROM, "copy.ambit"]).exits(1);
    // What was not committed yet differs between the two.
    fs::write(place.path().join("copy.ambit.partial/data/captured-0009.zip.age"), b"begun").unwrap();
    let both = [TO, "larger/copy-2.ambit"];
    hazard.move_package(Disk::new(), place.path(), FROM, both[0]).exits(0);
    hazard.move_package(Disk::new(), place.path(), "copy.ambit", both[1]).exits(0);
    hazard.capture_with(Disk::new(), place.path(), &both, &["--resume"]).exits(0);
    for name in both {
        assert_eq!(hazard.judge_copy(place.path(), name), Left::Whole);
    }
}

#[test]
fn a_move_in_which_any_operation_fails_loses_nothing_and_goes_on() {
    let hazard = Hazard::new();
    let seen = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&seen);
    let count = move |_: &Step<'_>| -> io::Result<usize> {
        counting.fetch_add(1, Ordering::SeqCst);
        Ok(usize::MAX)
    };
    let place = stopped(&hazard);
    let whole = in_memory();
    copy(place.path(), whole.path());
    hazard.move_package(Disk::watched(Arc::new(count)), place.path(), FROM, TO).exits(0);
    let (total, step) = (seen.load(Ordering::SeqCst), if all() { 1 } else { 29 });
    let mut failed = 0;
    for n in (0..total).step_by(step) {
        let place = in_memory();
        copy(whole.path(), place.path());
        let seen = AtomicUsize::new(0);
        let fail = move |_: &Step<'_>| match seen.fetch_add(1, Ordering::SeqCst) {
            at if at >= n => Err(io::Error::from_raw_os_error(5)),
            _ => Ok(usize::MAX),
        };
        let ran = hazard.move_package(Disk::watched(Arc::new(fail)), place.path(), FROM, TO);
        assert_eq!(ran.exit, 1, "operation {n}: the error was swallowed: {ran}");
        assert_eq!(committed(&hazard, place.path()), 2, "operation {n}: {ran}");
        failed += 1;
        let again = hazard.move_package(Disk::new(), place.path(), FROM, TO);
        // Where the last operations fail, the package was moved, and the log alone was not told.
        assert_eq!(again.exit, 0, "operation {n}: {again}");
        assert!(!is_in(place.path(), "KC07.ambit.partial") && !is_in(place.path(), "KC07.ambit.moved"));
        if all() || n % 5 == 0 {
            hazard.capture_with(Disk::new(), place.path(), &[TO], &["--resume"]).exits(0);
            assert_eq!(hazard.judge_copy(place.path(), TO), Left::Whole);
        }
    }
    println!("{total} operations, {failed} failed");
    assert!(failed > 5);
}

#[test]
fn after_a_power_cut_in_a_move_one_of_the_two_is_whole() {
    let hazard = Hazard::new();
    let place = stopped(&hazard);
    let mut model = Model::of(place.path());
    let (disk, record) = recording();
    hazard.move_package(disk, place.path(), FROM, TO).exits(0);
    let record = record.lock().unwrap().clone();
    for n in 0..=record.len() {
        let ways = [Leaves::Nothing, Leaves::Names, Leaves::Some(Dice::new(n as u64))];
        let end = n == record.len();
        for (leaves, _) in ways.into_iter().zip(0..).filter(|(_, way)| end || all() || n % 18 == *way) {
            let after = in_memory();
            model.cut(after.path(), leaves);
            assert_eq!(committed(&hazard, after.path()), 2, "operation {n}");
            if n % 36 == 0 || all() {
                let again = hazard.move_package(Disk::new(), after.path(), FROM, TO);
                assert_eq!(again.exit, 0, "operation {n}: {again}");
                hazard.capture_with(Disk::new(), after.path(), &[TO], &["--resume"]).exits(0);
                assert_eq!(hazard.judge_copy(after.path(), TO), Left::Whole);
            }
        }
        if let Some(done) = record.get(n) {
            model.apply(done);
        }
    }
    println!("{} operations", record.len());
}

/// Whether somebody has the time for every case.
fn all() -> bool {
    std::env::var("AMBIT_HAZARDS").is_ok_and(|asked| asked == "full")
}
