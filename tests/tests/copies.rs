//! A package in two copies, made at once: what becomes of one stops nothing, and is on the record.

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
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use custody::Disk;
use custody::durable::{Op, Step};
use scenarios::hazard::{Hazard, Left, copy, failing, files};
use scenarios::reading::acquisition;
use scenarios::story::Ran;

const BOTH: [&str; 2] = ["KC07.ambit", "copy/KC07.ambit"];

/// A disk on which the n-th operation below `folder`, and all after it, fail.
fn losing(folder: &Path, n: usize) -> Disk {
    let (folder, seen) = (folder.to_owned(), AtomicUsize::new(0));
    let watch = move |step: &Step<'_>| -> io::Result<usize> {
        if step.path.starts_with(&folder) && seen.fetch_add(1, Ordering::SeqCst) >= n {
            return Err(io::Error::from_raw_os_error(19)); // ENODEV
        }
        Ok(usize::MAX)
    };
    Disk::watched(Arc::new(watch))
}

/// A case, and a place for the second copy.
fn place(hazard: &Hazard) -> tempfile::TempDir {
    let place = hazard.place();
    fs::create_dir(place.path().join("copy")).unwrap();
    place
}

/// Fails unless the copies are the same, and each is whole.
fn are_whole(hazard: &Hazard, place: &Path) {
    for name in BOTH {
        assert_eq!(hazard.judge_copy(place, name), Left::Whole, "{name}");
    }
    assert!(files(&place.join(BOTH[0])) == files(&place.join(BOTH[1])), "the copies differ");
}

/// Whether the log of a case has an event with these words.
fn log_says(place: &Path, words: &str) -> bool {
    let log = files(&place.join("case/custody"));
    log.values().any(|bytes| String::from_utf8_lossy(bytes).contains(words))
}

/// A capture of two copies that is stopped by a full disk once so many batches are committed in both.
fn stopped(hazard: &Hazard, place: &Path, batches: usize) -> Ran {
    let journal = place.join("KC07.ambit.partial/.work/journal.jsonl");
    let watch = move |step: &Step<'_>| -> io::Result<usize> {
        let lines = fs::read_to_string(&journal).map_or(0, |text| text.lines().count());
        match step.op {
            Op::Write if lines > batches && step.path.to_string_lossy().contains("/data/") => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(usize::MAX),
        }
    };
    hazard.capture_to(Disk::watched(Arc::new(watch)), place, &BOTH).exits(1).says("no space left")
}

#[test]
fn what_stops_before_the_first_batch_has_committed_nothing_and_says_so() {
    let hazard = Hazard::new();
    for (batches, says, not) in [
        (0, "nothing was committed yet", "keeps what is committed"),
        (1, "keeps what is committed", "nothing was"),
    ] {
        let place = place(&hazard);
        let ran = stopped(&hazard, place.path(), batches);
        assert!(ran.err.contains(says) && !ran.err.contains(not), "{batches}: {ran}");
        assert!(ran.err.contains("package move") && ran.err.contains("--resume"), "{ran}");
        resume(&hazard, place.path(), &BOTH).exits(0);
        are_whole(&hazard, place.path());
    }
}

#[test]
fn a_file_that_is_too_long_for_the_file_system_is_told_with_what_to_do() {
    let hazard = Hazard::new();
    let place = place(&hazard);
    let watch = |step: &Step<'_>| -> io::Result<usize> {
        match step.op {
            Op::Write if step.path.to_string_lossy().contains("/data/captured-0002") => {
                Err(io::Error::from_raw_os_error(27)) // EFBIG
            }
            _ => Ok(usize::MAX),
        }
    };
    let ran = hazard.capture_to(Disk::watched(Arc::new(watch)), place.path(), &BOTH).exits(1);
    ran.says("the file system there takes no longer file")
        .says("a disk with another file system")
        .says("package move");
    resume(&hazard, place.path(), &BOTH).exits(0);
}

/// Two copies of which the first has lost its journal and neither has its name: cut between the two.
fn cut_at_the_end(hazard: &Hazard, place: &Path) {
    let second = place.join("copy/KC07.ambit.partial/.work");
    let cut = failing(move |step| step.op == Op::Remove && step.path.starts_with(&second));
    hazard.capture_to(cut, place, &BOTH).exits(1);
    let journal = |name: &str| place.join(format!("{name}.partial/.work/journal.jsonl")).exists();
    assert_eq!(BOTH.map(journal), [false, true]);
}

#[test]
fn at_the_very_end_the_copy_that_is_whole_gets_its_name_and_the_other_is_told() {
    let hazard = Hazard::new();
    let spoil = |place: &Path, name: &str, file: &str| {
        let path = place.join(format!("{name}.partial/{file}"));
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let place_of = || {
        let place = place(&hazard);
        cut_at_the_end(&hazard, place.path());
        place
    };
    let place = place_of();
    resume(&hazard, place.path(), &BOTH).exits(0);
    are_whole(&hazard, place.path());
    for file in [
        "data/captured-0001.zip.age",
        "meta/inventory.txt",
        "seal/tagmanifest-sha256.txt.witness.sig",
        "VERIFY.txt",
    ] {
        for (bad, good) in [(0, 1), (1, 0)] {
            let place = place_of();
            spoil(place.path(), BOTH[bad], file);
            let ran = resume(&hazard, place.path(), &BOTH).exits(3);
            ran.says(&format!("copy {} of 2 is not whole, and is left as it is", bad + 1)).prints(BOTH[good]);
            assert_eq!(hazard.judge_copy(place.path(), BOTH[good]), Left::Whole, "{file}");
            assert!(!place.path().join(BOTH[bad]).exists(), "{file}: what is not whole gets no name");
            assert!(
                place.path().join(format!("{}.partial/{file}", BOTH[bad])).exists(),
                "{file}: it is kept"
            );
            assert!(log_says(place.path(), &format!("copy {} of 2 was not whole", bad + 1)));
        }
    }
    // Where neither is, the one that has its journal is named: what can be made again, it makes again by that.
    let place = place_of();
    spoil(place.path(), BOTH[0], "data/captured-0001.zip.age");
    spoil(place.path(), BOTH[1], "VERIFY.txt");
    let ran = resume(&hazard, place.path(), &BOTH).exits(1);
    ran.says("has its journal still: give --out").says("copy/KC07.ambit alone");
    resume(&hazard, place.path(), &BOTH[1..]).exits(3);
    assert_eq!(hazard.judge_copy(place.path(), BOTH[1]), Left::Whole);
}

fn resume(hazard: &Hazard, place: &Path, outs: &[&str]) -> Ran {
    hazard.capture_with(Disk::new(), place, outs, &["--resume"])
}

#[test]
fn two_copies_are_the_same() {
    let hazard = Hazard::new();
    let place = place(&hazard);
    let ran = hazard.capture_to(Disk::new(), place.path(), &BOTH).exits(0);
    are_whole(&hazard, place.path());
    assert!(ran.out.contains("second copy") && ran.out.contains("read back"), "{ran}");
    hazard.capture_to(Disk::new(), place.path(), &["A", "B", "C"]).exits(1).says("--out was given 3 times");
    hazard.capture_to(Disk::new(), place.path(), &["A", "./A"]).exits(1).says("both copies would be");
}

#[test]
fn losing_one_copy_stops_nothing_and_is_on_the_record() {
    let hazard = Hazard::new();
    for (lost, kept) in [(1, 0), (0, 1)] {
        for n in [0, 40, 150] {
            let place = place(&hazard);
            let disk = losing(&place.path().join(format!("{}.partial", BOTH[lost])), n);
            let ran = hazard.capture_to(disk, place.path(), &BOTH).exits(3);
            assert_eq!(hazard.judge_copy(place.path(), BOTH[kept]), Left::Whole);
            assert!(!place.path().join(BOTH[lost]).exists());
            let words = format!("copy {} of 2 was lost while it was written", lost + 1);
            ran.says(&format!("warning: copy {} of 2", lost + 1)).prints("was lost");
            let limits = acquisition(&place.path().join(BOTH[kept])).limits;
            let said = limits.iter().find(|limit| limit.contains(&words)).expect("a limit says so");
            assert!(!said.contains(&*place.path().to_string_lossy()), "{said}");
            assert!(log_says(place.path(), &words));
        }
    }
}

#[test]
fn a_copy_that_reads_back_otherwise_is_lost() {
    let hazard = Hazard::new();
    let place = place(&hazard);
    let second = place.path().join("copy/KC07.ambit.partial/data");
    let flip = move |step: &Step<'_>| -> io::Result<usize> {
        if step.op == Op::Open && step.path.starts_with(&second) && step.path.is_file() {
            let mut bytes = fs::read(step.path)?;
            bytes[9] ^= 1;
            fs::write(step.path, bytes)?;
        }
        Ok(usize::MAX)
    };
    let ran = hazard.capture_to(Disk::watched(Arc::new(flip)), place.path(), &BOTH).exits(3);
    ran.says("copy 2 of 2").says("does not read back as written");
    assert_eq!(hazard.judge(place.path()), Left::Whole);
}

/// What is done to one copy, in words and in deed.
type Spoil = (&'static str, fn(&Path));

#[test]
fn two_copies_go_on_after_a_break_whatever_one_of_them_lacks() {
    let hazard = Hazard::new();
    let spoil: [Spoil; 5] = [
        ("nothing", |_| {}),
        ("a committed file", |partial| {
            fs::remove_file(partial.join("data/ledger-0001.jsonl.gz.age")).unwrap();
        }),
        ("a byte", |partial| {
            fs::write(partial.join("data/ledger-0002.jsonl.gz.age"), "other").unwrap();
        }),
        ("the end of its journal", |partial| {
            let journal = partial.join(".work/journal.jsonl");
            let text = fs::read_to_string(&journal).unwrap();
            let lines: Vec<&str> = text.split_inclusive('\n').collect();
            fs::write(&journal, lines[..lines.len() - 1].concat() + "{\"batch\":{\"num").unwrap();
        }),
        ("everything", |partial| fs::remove_dir_all(partial).unwrap()),
    ];
    for which in BOTH {
        for (what, spoil) in spoil {
            let place = place(&hazard);
            stopped(&hazard, place.path(), 2);
            spoil(&place.path().join(format!("{which}.partial")));
            let ran = resume(&hazard, place.path(), &BOTH);
            let mended = !matches!(what, "nothing" | "the end of its journal");
            assert_eq!(ran.exit, if mended { 3 } else { 0 }, "{what} of {which}: {ran}");
            are_whole(&hazard, place.path());
            assert_eq!(log_says(place.path(), "of the two copies"), mended, "{what} of {which}");
        }
    }
}

#[test]
fn one_of_two_copies_can_be_gone_on_with_alone_and_the_other_is_then_an_older_one() {
    let hazard = Hazard::new();
    let place = place(&hazard);
    stopped(&hazard, place.path(), 2);
    copy(&place.path().join("copy"), &place.path().join("kept"));
    let again = losing(&place.path().join("KC07.ambit.partial/data"), 40);
    hazard.capture_with(again, place.path(), &BOTH[..1], &["--resume"]).exits(1);
    let older = ["copy/KC07.ambit"];
    resume(&hazard, place.path(), &older).exits(2).says("is an older copy").says("--older-copy REASON");
    let reason = ["--resume", "--older-copy", "the first disk fell"];
    hazard.capture_with(Disk::new(), place.path(), &older, &reason).exits(3);
    assert_eq!(hazard.judge_copy(place.path(), older[0]), Left::Whole);
    let departures = acquisition(&place.path().join(older[0])).departures;
    assert!(departures.iter().any(|d| d.what.contains("an older copy") && d.reason.contains("fell")));
    // The run has ended: what is left of it elsewhere is no package, and becomes none.
    resume(&hazard, place.path(), &BOTH[..1]).exits(1).says("the resume key");
    resume(&hazard, place.path(), &["kept/KC07.ambit"]).exits(1).says("the resume key");
}

#[test]
fn a_copy_that_was_moved_is_one_of_the_two_still() {
    let hazard = Hazard::new();
    let place = place(&hazard);
    stopped(&hazard, place.path(), 2);
    fs::create_dir(place.path().join("moved")).unwrap();
    hazard.move_package(Disk::new(), place.path(), "copy/KC07.ambit", "moved/KC07.ambit").exits(0);
    resume(&hazard, place.path(), &BOTH[..1]).exits(2).says("is an older copy");
    resume(&hazard, place.path(), &[BOTH[0], "moved/KC07.ambit"]).exits(0);
    for name in [BOTH[0], "moved/KC07.ambit"] {
        assert_eq!(hazard.judge_copy(place.path(), name), Left::Whole, "{name}");
    }
}

#[test]
fn a_case_folder_that_lacks_marks_or_is_older_than_the_package_is_told() {
    let hazard = Hazard::new();
    let place = place(&hazard);
    stopped(&hazard, place.path(), 2);
    let again = losing(&place.path().join("KC07.ambit.partial/data"), 40);
    hazard.capture_with(again, place.path(), &BOTH[..1], &["--resume"]).exits(1);
    let state = fs::read_dir(place.path().join("case/state")).unwrap().map(|entry| entry.unwrap().path());
    let marks: Vec<PathBuf> =
        state.filter(|path| path.extension().is_some_and(|kind| kind == "marks")).collect();
    let [marks] = marks.as_slice() else { panic!("{marks:?}") };
    // Nobody switches the comparison off by taking the marks away.
    let kept = fs::read(marks).unwrap();
    fs::remove_file(marks).unwrap();
    resume(&hazard, place.path(), &BOTH[..1]).exits(2).says("no marks of its journal");
    // The case folder as it was before the run went on: its log would never announce the key of the later batches.
    let lines: Vec<&[u8]> = kept.split_inclusive(|byte| *byte == b'\n').collect();
    assert!(lines.len() > 2, "{} lines", lines.len());
    fs::write(marks, lines[..lines.len() - 2].concat()).unwrap();
    let refused = resume(&hazard, place.path(), &BOTH[..1]).exits(1);
    refused.says("under another copy of the case folder").says("give the --case under which it went on last");
    // Nor does a move make it known.
    let moved = hazard.move_package(Disk::new(), place.path(), BOTH[0], "moved");
    moved.exits(1).says("under another copy of the case folder");
    // A mark that was altered is none where a later one agrees; the last one cannot be told from an older copy's.
    let altered = |line: usize| {
        let mut lines: Vec<Vec<u8>> = lines.iter().map(|line| line.to_vec()).collect();
        lines[line][9] = b'x';
        fs::write(marks, lines.concat()).unwrap();
    };
    altered(lines.len() - 1);
    resume(&hazard, place.path(), &BOTH[..1]).exits(2).says("or the marks in the case folder were altered");
    // A line of the journal that was durable, and is not as it was written, was not lost by going on elsewhere.
    fs::write(marks, &kept).unwrap();
    let journal = place.path().join("KC07.ambit.partial/.work/journal.jsonl");
    let whole = fs::read(&journal).unwrap();
    for from_end in [1, 2, 9, 70, 100] {
        let mut bytes = whole.clone();
        let at = bytes.len() - from_end;
        bytes[at] ^= 1;
        fs::write(&journal, bytes).unwrap();
        let refused = resume(&hazard, place.path(), &BOTH[..1]).exits(1);
        refused.says(&format!("line {} of the journal was altered", lines.len()));
    }
    fs::write(&journal, &whole).unwrap();
    altered(0);
    // Of the two copies one goes on alone.
    resume(&hazard, place.path(), &BOTH[..1]).exits(3);
}
