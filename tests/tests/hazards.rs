//! A disk that fails at any moment, and a power cut at any moment: never a package that verifies and lacks something.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use custody::Disk;
use custody::durable::{Op, Step};
use scenarios::hazard::{Hazard, Left, in_memory};
use scenarios::power::{Leaves, Model, recording};
use scenarios::random::Dice;

/// What becomes of the n-th operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    /// An error of the device, once.
    Once,
    /// The disk is full: of a write half is taken, and the next one fails, and all after it.
    Full,
    /// The destination is gone from here on.
    Gone,
}

/// A disk whose n-th operation, of those that a capture asks for below a folder, fails; and whether it came to that.
fn failing(n: usize, fault: Fault, below: &Path) -> (Disk, Arc<AtomicUsize>) {
    let below = below.to_owned();
    let (seen, failed) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let failures = Arc::clone(&failed);
    let watch = move |step: &Step<'_>| -> io::Result<usize> {
        if !step.path.starts_with(&below) {
            return Ok(usize::MAX);
        }
        let at = seen.fetch_add(1, Ordering::SeqCst);
        if at < n || fault == Fault::Once && at > n {
            return Ok(usize::MAX);
        }
        let takes_space =
            matches!(step.op, Op::Write | Op::Create | Op::CreateFolder | Op::Rename | Op::Sync);
        let error = match fault {
            Fault::Once => 5,  // EIO
            Fault::Gone => 19, // ENODEV
            Fault::Full if at == n && step.op == Op::Write && step.bytes.len() > 1 => {
                return Ok(step.bytes.len() / 2);
            }
            Fault::Full if takes_space => 28, // ENOSPC
            Fault::Full => return Ok(usize::MAX),
        };
        failures.fetch_add(1, Ordering::SeqCst);
        Err(io::Error::from_raw_os_error(error))
    };
    (Disk::watched(Arc::new(watch)), failed)
}

/// Calls `check` for every number below `total`, on as many threads as there are processors.
fn for_every(total: usize, check: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(2, usize::from).min(8);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    if n >= total {
                        return;
                    }
                    check(n);
                }
            });
        }
    });
}

#[test]
fn whatever_operation_fails_a_package_is_whole_or_is_none() {
    let hazard = Hazard::new();
    let place = hazard.place();
    let (disk, seen) = counting();
    hazard.capture(disk, place.path()).exits(0);
    assert_eq!(hazard.judge(place.path()), Left::Whole);
    let seen = seen.lock().unwrap().clone();
    let kinds: BTreeSet<&str> = seen.iter().map(|op| word(*op)).collect();
    assert_eq!(kinds.len(), 9, "every kind of operation is among them: {kinds:?}");

    let all = all();
    let (whole, unfinished, resumable) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    for_every(seen.len(), |n| {
        for fault in [Fault::Once, Fault::Full, Fault::Gone] {
            // All three at every operation take minutes: a run takes one of them at every fifth, and at the last ones.
            let last = n.saturating_add(30) > seen.len();
            if !all && (n % 3 != fault as usize || n % 5 != 0 && !last) {
                continue;
            }
            let place = hazard.place();
            let (disk, failed) = failing(n, fault, place.path());
            let ran = hazard.capture(disk, place.path());
            let left = hazard.judge(place.path());
            let failed = failed.load(Ordering::SeqCst);
            // age headers differ in length from run to run, and so does the number of writes: the last may not be met.
            if failed == 0 {
                ran.exits(0);
                assert_eq!(left, Left::Whole);
                continue;
            }
            assert_eq!(
                ran.exit, 1,
                "operation {n}, {:?}, {fault:?}: the error was swallowed: {ran}",
                seen[n]
            );
            assert!(ran.err.contains("error: "), "{ran}");
            match left {
                Left::Whole => whole.fetch_add(1, Ordering::SeqCst),
                Left::Unfinished(0) => unfinished.fetch_add(1, Ordering::SeqCst),
                Left::Unfinished(_) => resumable.fetch_add(1, Ordering::SeqCst),
            };
        }
    });
    let sums = [whole, unfinished, resumable].map(AtomicUsize::into_inner);
    println!("{} operations; whole, unfinished, unfinished with committed batches: {sums:?}", seen.len());
    assert!(sums[1..].iter().all(|sum| *sum > 0), "{sums:?}");
}

/// The names of two copies, each in a folder of its own.
const BOTH: [&str; 2] = ["one/KC07.ambit", "two/KC07.ambit"];

fn place_of_both(hazard: &Hazard) -> tempfile::TempDir {
    let place = hazard.place();
    for folder in ["one", "two"] {
        std::fs::create_dir(place.path().join(folder)).unwrap();
    }
    place
}

#[test]
fn whatever_operation_fails_in_one_of_two_copies_the_other_is_whole() {
    let hazard = Hazard::new();
    let place = place_of_both(&hazard);
    let (disk, record) = recording();
    hazard.capture_to(disk, place.path(), &BOTH).exits(0);
    let below = |name: &str| place.path().join(name);
    let total = record.lock().unwrap().iter().filter(|done| done.path.starts_with(below("two"))).count();
    let (lost, all) = (AtomicUsize::new(0), all());
    for_every(total, |n| {
        for fault in [Fault::Once, Fault::Full, Fault::Gone] {
            let last = n.saturating_add(12) > total;
            if !all && (n % 3 != fault as usize || n % 13 != 0 && !last) {
                continue;
            }
            let (failed_in, other) = if n % 2 == 0 { ("two", BOTH[0]) } else { ("one", BOTH[1]) };
            let place = place_of_both(&hazard);
            let (disk, failed) = failing(n, fault, &place.path().join(failed_in));
            let ran = hazard.capture_to(disk, place.path(), &BOTH);
            let came_to_it = failed.load(Ordering::SeqCst) > 0;
            assert_eq!(
                ran.exit,
                if came_to_it { 3 } else { 0 },
                "operation {n}, {fault:?}, {failed_in}: {ran}"
            );
            assert_eq!(hazard.judge_copy(place.path(), other), Left::Whole, "operation {n}, {fault:?}");
            let _ = hazard.judge_copy(place.path(), BOTH[usize::from(failed_in == "two")]);
            lost.fetch_add(usize::from(came_to_it), Ordering::SeqCst);
        }
    });
    println!("{total} operations that write to a copy; {} copies lost", lost.load(Ordering::SeqCst));
    assert!(lost.into_inner() > 10);
}

#[test]
fn after_a_power_cut_at_any_moment_each_of_two_copies_is_whole_or_none() {
    let hazard = Hazard::new();
    let place = place_of_both(&hazard);
    let mut model = Model::of(place.path());
    let (disk, record) = recording();
    hazard.capture_to(disk, place.path(), &BOTH).exits(0);
    let record = record.lock().unwrap().clone();
    let (mut whole, mut resumable, mut resumed) = (0, 0, 0);
    for n in 0..=record.len() {
        let ways = [Leaves::Nothing, Leaves::Names, Leaves::Some(Dice::new(n as u64))];
        let end = n == record.len();
        for (leaves, way) in ways.into_iter().zip(0..) {
            if !(end || all() || n % 6 == way) {
                continue;
            }
            let shown = format!("operation {n}, {leaves:?}");
            let after = in_memory();
            model.cut(after.path(), leaves);
            let left = BOTH.map(|name| hazard.judge_copy(after.path(), name));
            if end {
                assert_eq!(left, [Left::Whole; 2], "the capture said that it is done; {shown}");
            }
            whole += left.iter().filter(|left| **left == Left::Whole).count();
            resumable += left.iter().filter(|left| matches!(left, Left::Unfinished(1..))).count();
            // And what is left goes on, in both.
            if !end && n % 72 == way && left.iter().any(|left| matches!(left, Left::Unfinished(1..))) {
                let ran = hazard.capture_with(Disk::new(), after.path(), &BOTH, &["--resume"]);
                assert!(ran.exit == 0 || ran.exit == 3, "{shown}: {ran}");
                assert_eq!(
                    BOTH.map(|name| hazard.judge_copy(after.path(), name)),
                    [Left::Whole; 2],
                    "{shown}: {ran}"
                );
                resumed += 1;
            }
        }
        if let Some(done) = record.get(n) {
            model.apply(done);
        }
    }
    println!(
        "{} operations; whole {whole}, with committed batches {resumable}, resumed {resumed}",
        record.len()
    );
    assert!(whole >= 3 && resumable > 30 && resumed > 5, "{whole} {resumable} {resumed}");
}

#[test]
fn short_and_interrupted_operations_change_nothing() {
    let hazard = Hazard::new();
    let place = hazard.place();
    let count = AtomicUsize::new(0);
    let watch = move |step: &Step<'_>| -> io::Result<usize> {
        let at = count.fetch_add(1, Ordering::SeqCst);
        match (at % 3, step.op) {
            (0, _) => Err(io::ErrorKind::Interrupted.into()),
            (1, Op::Write) => Ok(step.bytes.len().div_ceil(2).max(1)),
            (1, Op::Read) => Ok(4_099),
            _ => Ok(usize::MAX),
        }
    };
    hazard.capture(Disk::watched(Arc::new(watch)), place.path()).exits(0);
    assert_eq!(hazard.judge(place.path()), Left::Whole);
}

#[test]
fn after_a_power_cut_at_any_moment_what_is_committed_is_whole() {
    let hazard = Hazard::new();
    let place = hazard.place();
    let mut model = Model::of(place.path());
    let (disk, record) = recording();
    hazard.capture(disk, place.path()).exits(0);
    let record = record.lock().unwrap().clone();
    let (mut whole, mut resumable) = (0, 0);
    for n in 0..=record.len() {
        let ways = [Leaves::Nothing, Leaves::Names, Leaves::Some(Dice::new(n as u64))];
        let end = n == record.len();
        for leaves in
            ways.into_iter().zip(0..).filter(|(_, way)| end || all() || n % 3 == *way).map(|(way, _)| way)
        {
            let shown = format!("{leaves:?}");
            let after = in_memory();
            model.cut(after.path(), leaves);
            let left = hazard.judge(after.path());
            if end {
                assert_eq!(left, Left::Whole, "the capture said that it is done; {shown}");
            }
            whole += usize::from(left == Left::Whole);
            resumable += usize::from(matches!(left, Left::Unfinished(1..)));
        }
        if let Some(done) = record.get(n) {
            model.apply(done);
        }
    }
    println!("{} operations; whole {whole}, with committed batches {resumable}", record.len());
    assert!(whole >= 3 && resumable > 30, "{whole} {resumable}");
}

/// The model itself: what was not synced is lost, else the test above would show nothing.
#[test]
fn what_was_not_synced_does_not_survive_the_model() {
    let folder = in_memory();
    let mut model = Model::of(folder.path());
    let (disk, record) = recording();
    let path = folder.path().join("kept");
    disk.write_new(&path, b"kept").unwrap();
    let mut open = disk.create_new(&folder.path().join("open")).unwrap();
    io::Write::write_all(&mut open, b"lost").unwrap();
    record.lock().unwrap().iter().for_each(|done| model.apply(done));
    let (nothing, names) = (in_memory(), in_memory());
    model.cut(nothing.path(), Leaves::Nothing);
    model.cut(names.path(), Leaves::Names);
    let read = |place: &tempfile::TempDir, name: &str| std::fs::read(place.path().join(name)).ok();
    assert_eq!((read(&nothing, "kept"), read(&nothing, "open")), (Some(b"kept".to_vec()), None));
    assert_eq!((read(&names, "kept"), read(&names, "open")), (Some(b"kept".to_vec()), Some(Vec::new())));
}

/// Whether somebody has the time for every case.
fn all() -> bool {
    std::env::var("AMBIT_HAZARDS").is_ok_and(|asked| asked == "full")
}

fn counting() -> (Disk, Arc<Mutex<Vec<Op>>>) {
    let seen: Arc<Mutex<Vec<Op>>> = Arc::default();
    let to = Arc::clone(&seen);
    let watch = move |step: &Step<'_>| {
        to.lock().unwrap().push(step.op);
        Ok(usize::MAX)
    };
    (Disk::watched(Arc::new(watch)), seen)
}

fn word(op: Op) -> &'static str {
    match op {
        Op::CreateFolder => "create folder",
        Op::Create => "create",
        Op::Write => "write",
        Op::Sync => "sync",
        Op::Open => "open",
        Op::Read => "read",
        Op::Rename => "rename",
        Op::SyncFolder => "sync folder",
        Op::Remove => "remove",
    }
}
