//! Processes that read media and misbehave: each costs what it read, and nothing else.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use source::extract::Form;
use source::guard::{Apart, Limits};
use source::{
    Entry, Issue, OpenError, OpenOptions, Opened, Reader, Source, WalkEvent, WalkOptions, WalkReport,
};

/// The program of `examples/misbehave.rs`, which `cargo test -p source` builds with the tests.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("examples/misbehave");
    // `cargo test --test guard` alone does not build examples, and would start an old one or none.
    assert!(program.exists(), "cargo build -p source --example misbehave makes {}", program.display());
    program
}

fn open(mode: &str) -> (tempfile::TempDir, Result<Opened, OpenError>) {
    let folder = tempfile::tempdir().unwrap();
    let medium = folder.path().join("medium.img");
    std::fs::write(&medium, [7; 100]).unwrap();
    std::fs::write(folder.path().join("beside"), b"next part").unwrap();
    let limits =
        Limits { answer: Duration::from_secs(2), silence: Duration::from_secs(4), ..Limits::default() };
    let apart = Apart { program: program(), arguments: vec![mode.into()], limits };
    let options = OpenOptions { reader: Reader::Process(apart), ..OpenOptions::default() };
    let opened = source::open(&medium, &options);
    (folder, opened)
}

fn walk(source: &dyn Source) -> (Vec<Entry>, Vec<Issue>, WalkReport) {
    let (mut entries, mut issues) = (Vec::new(), Vec::new());
    let options = WalkOptions { closes: false, ..WalkOptions::default() };
    let report = source.walk_with(&options, &mut |event| {
        match event {
            WalkEvent::Item(entry) => entries.push(entry),
            WalkEvent::Issue(issue) => issues.push(issue),
        }
        ControlFlow::Continue(())
    });
    (entries, issues, report.unwrap())
}

#[test]
fn a_process_that_cannot_open_the_medium_is_an_error_of_opening() {
    let check = |mode: &str, expect: &str| {
        let began = Instant::now();
        let error = open(mode).1.err().unwrap().to_string();
        assert!(error.contains("medium.img: the process that was to read it"), "{mode}: {error}");
        assert!(error.contains(expect), "{mode}: {error}");
        assert!(!error.contains("secret"), "{mode}: {error}");
        assert!(began.elapsed() < Duration::from_secs(10), "{mode} took {:?}", began.elapsed());
    };
    check("silent", "gave no answer for 2 s and was stopped");
    check("dribble", "gave no answer for 2 s and was stopped");
    check("ends", "ended with exit code 3");
    check("aborts", "ended by signal 6");
    check("memory", "ran out of its 4096 MiB of memory");
    check("garbage", "was stopped: a frame is too long");
    check("progress", "was stopped: it tells of progress without end");
    check("other frame", "was stopped: it does not say what the medium is");
}

#[test]
fn a_walk_ends_in_an_issue_and_what_was_met_is_kept() {
    let check = |mode: &str, items: &[u64], expect: &str| {
        let (_folder, opened) = open(mode);
        let opened = opened.unwrap();
        let (entries, issues, report) = walk(opened.sources[0].as_ref());
        let numbers: Vec<_> = entries.iter().map(|entry| entry.node.number()).collect();
        assert_eq!(numbers, items, "{mode}");
        assert_eq!(report.items, items.len() as u64, "{mode}: what is counted was yielded");
        let said: Vec<_> = issues.iter().map(|issue| issue.what.as_str()).collect();
        if expect.is_empty() {
            assert_eq!((said.len(), report.complete), (0, true), "{mode}: {said:?}");
            return;
        }
        assert_eq!(said.len(), 1, "{mode}: {said:?}");
        assert!(said[0].contains(expect), "{mode}: {said:?}");
        assert!(!report.complete, "{mode}");
        // The next item is read by a fresh process.
        if let Some(entry) = entries.last() {
            let mut content = String::new();
            opened.sources[0].open(entry).unwrap().read_to_string(&mut content).unwrap();
            assert_eq!(content, "hello", "{mode}");
        }
    };
    check("good", &[1, 2], "");
    check("walk ends once", &[1, 2], "");
    check(
        "walk ends",
        &[1, 2],
        "the process that reads this volume ended with exit code 4; the items met so far",
    );
    check("walk hangs", &[1], "gave no answer for 2 s");
    check("walk differs", &[1], "a second walk does not find what the first one found");
    check("walk type", &[], "an item has facts of a look that was not taken");
    check("walk locator", &[], "a locator is not one of this volume");
    check("walk facts", &[], "an item's facts are not those of a record");
    check("walk empty", &[], "it tells of events that are none");
    check("walk asks", &[], "it was asked for a walk and told something else");
}

#[test]
fn words_of_the_process_cannot_steer_a_terminal() {
    let (_folder, opened) = open("walk terminal");
    let (_, issues, _) = walk(opened.unwrap().sources[0].as_ref());
    assert_eq!(issues[0].what, "a?[2Jb");
}

#[test]
fn content_that_is_not_what_it_should_be_is_an_error_of_that_item_alone() {
    let check = |mode: &str, expect: &str| {
        let (_folder, opened) = open(mode);
        let source = &opened.unwrap().sources[0];
        let (entries, ..) = walk(source.as_ref());
        let mut content = Vec::new();
        let error = match source.open(&entries[0]) {
            Ok(mut stream) => stream.read_to_end(&mut content).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(expect), "{mode}: {error}");
        assert!(content.len() <= 5, "{mode}: no byte beyond the declared length");
        let mut next = String::new();
        source.open(&entries[1]).unwrap().read_to_string(&mut next).unwrap();
        assert_eq!(next, "hello", "{mode}");
    };
    check("content long", "content goes on after its declared 5 bytes");
    check("content endless", "content goes on after its declared 5 bytes");
    check("content short", "content ended after 3 of 5 bytes");
    check("content lies", "content is not of the length that was on record");
    check("content ends", "the process that reads this volume: ended with exit code 5");
    check("content hangs", "the process that reads this volume: gave no answer for 2 s and was stopped");
    check("content empty frames", "it broke off content and told something else");
    check("content head", "it was asked for content and told something else");
    check("content fault", "damaged: extents overlap");
}

#[test]
fn what_a_process_read_that_was_killed_goes_on_in_another_behind_what_was_had() {
    let (_folder, opened) = open("content killed");
    let source = &opened.unwrap().sources[0];
    let (entries, ..) = walk(source.as_ref());
    let mut content = String::new();
    source.open(&entries[0]).unwrap().read_to_string(&mut content).unwrap();
    assert_eq!(content, "hello");
    let (_folder, opened) = open("extract killed");
    let source = &opened.unwrap().sources[0];
    let mut told = Vec::new();
    let form = Form::Mail { surely: true, bounded: false };
    source
        .extract(&entries[0], form, &mut |piece| {
            told.extend_from_slice(piece);
            Ok(())
        })
        .unwrap();
    assert_eq!(told, b"{\"layer\":\"none\"}\n", "nothing of it twice");
    let (_folder, opened) = open("bytes killed");
    let image = opened.unwrap().image.unwrap();
    image.read_exact_at(10, &mut [0; 20]).unwrap();
}

#[test]
fn what_is_told_of_content_costs_that_item_alone() {
    let check = |mode: &str, expect: &str| {
        let (_folder, opened) = open(mode);
        let source = &opened.unwrap().sources[0];
        let (entries, ..) = walk(source.as_ref());
        let told = |entry: &Entry| {
            let mut all = Vec::new();
            let done = source.extract(entry, Form::Mail { surely: true, bounded: false }, &mut |piece| {
                all.extend_from_slice(piece);
                if all.len() > 10_000 { Err(std::io::Error::other("no more is wanted")) } else { Ok(()) }
            });
            done.map(|()| String::from_utf8(all).unwrap()).map_err(|error| error.to_string())
        };
        let error = told(&entries[0]).unwrap_err();
        assert!(error.contains(expect), "{mode}: {error}");
        assert_eq!(told(&entries[1]).unwrap(), "{\"layer\":\"none\"}\n", "{mode}");
    };
    check("extract ends", "ended with exit code 6");
    check("extract hangs", "gave no answer for 2 s and was stopped");
    check("extract endless", "no more is wanted");
    check("extract empty frames", "it was asked what is in content and told something else");
    check("extract other", "it was asked what is in content and told something else");
    check("extract fault", "damaged: extents overlap");
}

#[test]
fn a_stream_that_is_dropped_costs_nothing() {
    let (_folder, opened) = open("content endless");
    let opened = opened.unwrap();
    let (entries, ..) = walk(opened.sources[0].as_ref());
    for entry in &entries {
        drop(opened.sources[0].open(entry).unwrap());
    }
    let mut next = String::new();
    opened.sources[0].open(&entries[1]).unwrap().read_to_string(&mut next).unwrap();
    assert_eq!(next, "hello");
}

#[test]
fn bytes_are_as_many_as_were_asked_for() {
    let (_folder, opened) = open("good");
    let image = opened.unwrap().image.unwrap();
    let mut buf = [0; 60];
    assert_eq!((image.len(), image.read_at(90, &mut buf).unwrap()), (100, 10));
    assert_eq!(&buf[..11], [7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0]);
    let (_folder, opened) = open("bytes short");
    let fault = opened.unwrap().image.unwrap().read_at(0, &mut buf).unwrap_err();
    assert!(fault.reason.contains("it was asked for bytes and told something else"), "{fault}");
}

#[test]
fn a_confined_process_reads_the_folder_of_the_medium_and_nothing_else() {
    let (_folder, opened) = open("outside");
    let limits = opened.unwrap().medium.limits;
    if limits.contains(&"unconfined: Some(\"this kernel has no Landlock\")".to_owned()) {
        println!("this kernel has no Landlock: that a process is confined was NOT shown");
        return;
    }
    assert_eq!(
        limits,
        [
            "medium: true",
            "beside: true",
            "outside: false",
            "folder outside: false",
            "write: false",
            "create: false",
            "run: false",
            "raise: false",
            "network: false",
            "unconfined: None",
        ]
    );
}

#[test]
fn a_process_makes_the_calls_alone_that_reading_needs() {
    let (_folder, opened) = open("calls");
    let opened = opened.unwrap();
    let limits = opened.medium.limits.join("\n");
    if limits.starts_with("opening: Some(\"seccomp: Error calling `seccomp`") {
        assert!(std::env::var_os("CI").is_none(), "no seccomp in CI: {limits}");
        println!("this kernel has no seccomp: that calls are limited was NOT shown");
        return;
    }
    let expected = "opening: None\n\
        opening open: done\nopening list: done\nopening write: EPERM\nopening make: EPERM\nopening remove: EPERM\n\
        opening socket: EPERM\nopening run: EPERM\nopening signal: EPERM\nopening thread: false\n\
        reading: None\n\
        reading open: EPERM\nreading list: EPERM\nreading write: EPERM\nreading make: EPERM\nreading remove: EPERM\n\
        reading socket: EPERM\nreading run: EPERM\nreading signal: EPERM\nreading thread: false\n\
        read 100 bytes, 1000 entries";
    assert_eq!(limits, expected);
    // It goes on, and so does the walk.
    assert_eq!(walk(opened.sources[0].as_ref()).0.len(), 2);
}

#[test]
fn the_real_process_says_when_its_parser_panics() {
    // The panic comes from a thread beside the parser: it may come too late, when the medium is already refused.
    let said = (0..100).map(|_| open("panics").1.err().unwrap().to_string());
    let found = said.into_iter().find(|error| !error.contains("no signature that is known")).unwrap();
    assert!(found.contains("ended: a check inside the reader failed (panic)"), "{found}");
    assert!(!found.contains("secret"), "{found}");
}

#[test]
fn a_program_that_is_not_there_is_an_error() {
    let options = OpenOptions {
        reader: Reader::process("/nowhere/ambit", ["read-medium".into()]),
        ..OpenOptions::default()
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = source::open(file.path(), &options).err().unwrap().to_string();
    assert!(error.contains("the process that was to read it could not be started"), "{error}");
}
