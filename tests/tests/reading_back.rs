//! What changes on a destination between its batch and the seal: it is found before anybody signs.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use custody::durable::{Op, Step};
use custody::{CaseFolder, Disk};
use evidence::event::Action;
use scenarios::hazard::{Hazard, Left};
use scenarios::reading::acquisition;
use tempfile::TempDir;

const ONE: [&str; 1] = ["KC07.ambit"];
const BOTH: [&str; 2] = ["KC07.ambit", "copy/KC07.ambit"];

fn place(hazard: &Hazard) -> TempDir {
    let place = hazard.place();
    fs::create_dir(place.path().join("copy")).unwrap();
    place
}

/// A disk on which somebody does `change` right before the n-th step (from 1) that is one of `when`.
fn meddled(
    n: usize,
    when: impl Fn(&Step<'_>) -> bool + Send + Sync + 'static,
    change: impl Fn() + Send + Sync + 'static,
) -> Disk {
    let seen = AtomicUsize::new(0);
    Disk::watched(Arc::new(move |step: &Step<'_>| -> io::Result<usize> {
        if when(step) && seen.fetch_add(1, Ordering::SeqCst) + 1 == n {
            change();
        }
        Ok(usize::MAX)
    }))
}

/// A line of the journal is being written in the first copy: the fourth commits the third batch.
fn third_batch(step: &Step<'_>) -> bool {
    let journal = step.path.ends_with("KC07.ambit.partial/.work/journal.jsonl");
    step.op == Op::Write && journal && !step.path.to_string_lossy().contains("/copy/")
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] = if bytes[middle] == b'a' { b'b' } else { b'a' };
    fs::write(path, bytes).unwrap();
}

/// How many events of the case tell that a run ended, or that it was sealed.
fn signed(place: &Path) -> usize {
    let case = CaseFolder::open(&Disk::new(), &place.join("case")).unwrap();
    let events = case.log().events().unwrap().into_iter();
    events.filter(|event| matches!(event.action, Action::AcquisitionEnd(_) | Action::PackageSeal(_))).count()
}

/// A file of the first batch of a run, changed while the third is committed.
fn changed_in_the_run(hazard: &Hazard, file: &str, change: fn(&Path)) {
    let place = place(hazard);
    let path = place.path().join("KC07.ambit.partial").join(file);
    let disk = meddled(4, third_batch, move || change(&path));
    let ran = hazard.capture_to(disk, place.path(), &ONE).exits(1);
    ran.clone().says("read back, batch 1: ").says(file).says("nobody has sealed");
    assert_eq!(signed(place.path()), 0, "{file}: {ran}");
    assert!(matches!(hazard_left(place.path()), Some(3..)), "{file}: {ran}");
}

/// How many lines the journal has of a package without its name.
fn hazard_left(place: &Path) -> Option<usize> {
    assert!(!place.join("KC07.ambit").exists());
    let journal = fs::read_to_string(place.join("KC07.ambit.partial/.work/journal.jsonl")).ok()?;
    assert!(!journal.contains("{\"end\""), "the run has not ended");
    Some(journal.lines().count())
}

#[test]
fn a_committed_file_that_changes_before_the_seal_is_found_before_anybody_signs() {
    let hazard = Hazard::new();
    for file in ["data/ledger-0001.jsonl.gz.age", "data/captured-0001.zip.age", ".work/lines-000001"] {
        changed_in_the_run(&hazard, file, flip);
    }
    changed_in_the_run(&hazard, "data/captured-0001.zip.age", |path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
    });
    let place = place(&hazard);
    let path = place.path().join("KC07.ambit.partial/data/captured-0001.zip.age");
    let disk = meddled(4, third_batch, move || fs::remove_file(&path).unwrap());
    hazard.capture_to(disk, place.path(), &ONE).exits(1).says("batch 1: ").says("captured-0001");
    assert_eq!(signed(place.path()), 0);
}

/// The lists of the inventory are read once more, when they are merged: what is merged is what was committed.
#[test]
fn a_list_that_changes_before_it_is_merged_is_found_before_anybody_signs() {
    let hazard = Hazard::new();
    let place = place(&hazard);
    let list = place.path().join("KC07.ambit.partial/.work/lines-000001");
    let opened = list.clone();
    let when = move |step: &Step<'_>| step.op == Op::Open && step.path == opened;
    let ran = hazard.capture_to(meddled(2, when, move || flip(&list)), place.path(), &ONE).exits(1);
    ran.clone().says("lines-000001` is not what was committed");
    assert_eq!(signed(place.path()), 0);
    hazard_left(place.path());
}

#[test]
fn a_tag_file_that_changes_before_it_is_hashed_is_found_before_the_seal() {
    let hazard = Hazard::new();
    for (file, ended) in [
        ("meta/inventory.txt", 1),
        ("meta/acquisition.json", 0),
        ("meta/policy/policy.toml", 1),
        ("manifest-sha256.txt", 1),
        ("tagmanifest-sha256.txt", 1),
    ] {
        let place = place(&hazard);
        let path = place.path().join("KC07.ambit.partial").join(file);
        let opened = path.clone();
        let when = move |step: &Step<'_>| step.op == Op::Open && step.path == opened;
        let ran = hazard.capture_to(meddled(1, when, move || flip(&path)), place.path(), &ONE).exits(1);
        ran.clone().says(file).says("reads back as");
        assert_eq!(signed(place.path()), ended, "{ran}");
        assert!(!place.path().join("KC07.ambit").exists());
        // Everything behind acquisition.end is made again.
        hazard.capture_with(Disk::new(), place.path(), &ONE, &["--resume"]).exits(0);
        assert_eq!(hazard.judge(place.path()), Left::Whole, "{file}");
    }
}

#[test]
fn of_two_copies_the_one_that_changed_is_lost_and_the_other_is_sealed() {
    let hazard = Hazard::new();
    for (which, good) in [(0, 1), (1, 0)] {
        for file in ["data/ledger-0001.jsonl.gz.age", ".work/lines-000001"] {
            let place = place(&hazard);
            let path = place.path().join(format!("{}.partial", BOTH[which])).join(file);
            let ran =
                hazard.capture_to(meddled(4, third_batch, move || flip(&path)), place.path(), &BOTH).exits(3);
            ran.clone().says(&format!("copy {} of 2", which + 1)).says("read back, batch 1");
            assert_eq!(hazard.judge_copy(place.path(), BOTH[good]), Left::Whole, "{ran}");
            assert!(!place.path().join(BOTH[which]).exists(), "{ran}");
            let limits = acquisition(&place.path().join(BOTH[good])).limits;
            let lost = format!("copy {} of 2 was lost while it was written", which + 1);
            assert!(limits.iter().any(|limit| limit.contains(&lost)), "{limits:?}");
        }
    }
}

#[test]
fn two_copies_that_changed_in_different_files_mend_each_other() {
    let hazard = Hazard::new();
    let place = place(&hazard);
    let file = |name: &str, file: &str| place.path().join(format!("{name}.partial")).join(file);
    let one: PathBuf = file(BOTH[0], "data/ledger-0001.jsonl.gz.age");
    let other = file(BOTH[1], "data/ledger-0002.jsonl.gz.age");
    let disk = meddled(4, third_batch, move || {
        flip(&one);
        flip(&other);
    });
    let ran = hazard.capture_to(disk, place.path(), &BOTH).exits(1);
    ran.clone().says("What one copy lacks it gets from the other").says("--resume");
    assert_eq!(signed(place.path()), 0);
    hazard.capture_with(Disk::new(), place.path(), &BOTH, &["--resume"]).exits(3);
    for name in BOTH {
        assert_eq!(hazard.judge_copy(place.path(), name), Left::Whole, "{name}");
    }
}

/// What a disk smaller than it says gives back is seen at the end of the batch, not at the end of the night.
#[test]
fn a_part_whose_end_does_not_read_back_ends_its_batch() {
    let hazard = Hazard::new();
    let place = place(&hazard);
    let part = place.path().join("KC07.ambit.partial/data/ledger-0002.jsonl.gz.age");
    let opened = part.clone();
    let when = move |step: &Step<'_>| step.op == Op::Open && step.path == opened;
    let zeros = move || {
        let mut bytes = fs::read(&part).unwrap();
        bytes.iter_mut().rev().take(9).for_each(|byte| *byte = 0);
        fs::write(&part, bytes).unwrap();
    };
    let ran = hazard.capture_to(meddled(1, when, zeros), place.path(), &ONE).exits(1);
    ran.clone().says("ledger-0002.jsonl.gz.age` was written with").says("does not read back as written");
    assert_eq!(hazard.judge(place.path()), Left::Unfinished(1));
    hazard.capture_with(Disk::new(), place.path(), &ONE, &["--resume"]).exits(0);
    assert_eq!(hazard.judge(place.path()), Left::Whole);
}

/// A capture of which a file of the second batch was changed while the third was committed.
fn spoiled(hazard: &Hazard, outs: &[&str]) -> TempDir {
    let place = place(hazard);
    let paths: Vec<PathBuf> = outs
        .iter()
        .map(|out| place.path().join(format!("{out}.partial/data/ledger-0002.jsonl.gz.age")))
        .collect();
    let disk = meddled(4, third_batch, move || paths.iter().for_each(|path| flip(path)));
    hazard.capture_to(disk, place.path(), outs).exits(1).says("read back, batch 2: ").says("--retake REASON");
    place
}

const RETAKE: [&str; 3] = ["--resume", "--retake", "the stick drops bytes"];

#[test]
fn batches_that_no_copy_has_kept_are_taken_again_and_the_record_says_so() {
    let hazard = Hazard::new();
    for outs in [&ONE[..], &BOTH[..]] {
        let place = spoiled(&hazard, outs);
        let refused = hazard.capture_with(Disk::new(), place.path(), outs, &["--resume"]).exits(1);
        refused.says("read back, batch 2: ").says("--retake REASON");
        hazard.capture_with(Disk::new(), place.path(), outs, &RETAKE).exits(3);
        for out in outs {
            assert_eq!(hazard.judge_copy(place.path(), out), Left::Whole, "{out}");
            let said = acquisition(&place.path().join(out));
            let departure = said.departures.iter().find(|departure| departure.what.contains("taken again"));
            let departure = departure.expect("a departure");
            assert!(departure.what.starts_with("batches 2 to "), "{}", departure.what);
            assert_eq!(departure.reason, RETAKE[2]);
            assert_eq!(said.resumed.iter().map(|resumed| resumed.batch).collect::<Vec<_>>(), [2]);
        }
    }
}

#[test]
fn taking_again_goes_on_when_it_is_broken_off_itself() {
    let hazard = Hazard::new();
    let place = spoiled(&hazard, &ONE);
    let journal = place.path().join("KC07.ambit.partial/.work/journal.jsonl");
    let discarded = journal.clone();
    let full = move |step: &Step<'_>| -> io::Result<usize> {
        let said = fs::read_to_string(&discarded).is_ok_and(|text| text.contains("\"discarded_from\":2"));
        match step.op {
            Op::Write if said && step.path.to_string_lossy().contains("/data/") => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(usize::MAX),
        }
    };
    let ran = hazard.capture_with(Disk::watched(Arc::new(full)), place.path(), &ONE, &RETAKE).exits(1);
    ran.says("no space left");
    // The journal says what is committed: nobody has to ask for it again.
    hazard.capture_with(Disk::new(), place.path(), &ONE, &["--resume"]).exits(3);
    assert_eq!(hazard.judge(place.path()), Left::Whole);
}

#[test]
fn nothing_is_taken_again_behind_what_the_log_says() {
    let hazard = Hazard::new();
    // The end of the run was announced.
    let place = place(&hazard);
    let path = place.path().join("KC07.ambit.partial/manifest-sha256.txt");
    let opened = path.clone();
    let when = move |step: &Step<'_>| step.op == Op::Open && step.path == opened;
    hazard.capture_to(meddled(1, when, move || flip(&path)), place.path(), &ONE).exits(1);
    flip(&place.path().join("KC07.ambit.partial/data/ledger-0001.jsonl.gz.age"));
    let refused = hazard.capture_with(Disk::new(), place.path(), &ONE, &RETAKE).exits(2);
    refused.says("batch 1 of this run cannot be taken again: its end is on the custody log");

    // Another key was announced for later batches.
    let place = spoiled(&hazard, &ONE);
    let stop = |step: &Step<'_>| match step.op {
        Op::Write if step.path.to_string_lossy().contains("/data/") => Err(io::ErrorKind::StorageFull.into()),
        _ => Ok(usize::MAX),
    };
    hazard.capture_with(Disk::watched(Arc::new(stop)), place.path(), &ONE, &RETAKE).exits(1);
    flip(&place.path().join("KC07.ambit.partial/data/ledger-0001.jsonl.gz.age"));
    let refused = hazard.capture_with(Disk::new(), place.path(), &ONE, &RETAKE).exits(2);
    refused.says("the custody log says that it was resumed at batch 2");
}
