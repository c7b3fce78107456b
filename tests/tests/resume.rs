//! Captures that are broken off: killed, tampered with; and what becomes of them. For full disks see `destination.rs`.

#![allow(
    clippy::exit,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use evidence::item::Parts;
use scenarios::reading::{acquisition, ledger};
use scenarios::story::{Desk, run};

/// Many small batches, slowly.
const CAPTURE: &str =
    "ambit capture {what} {both} --jobs 2 --part-size 5000 --throttle 3000000 --progress off";

#[test]
#[ignore = "the other tests run it, as a process that can be killed"]
fn child() {
    let Ok(words) = std::env::var("AMBIT_CHILD") else { return };
    let ran = run(words.lines());
    eprintln!("{ran}");
    std::process::exit(ran.exit.into());
}

/// A command in a process of its own.
fn command(desk: &Desk, words: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "child", "--nocapture"])
        .env("AMBIT_CHILD", desk.words(words).join("\n"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Starts it.
fn start(desk: &Desk, words: &str) -> Child {
    command(desk, words).spawn().unwrap()
}

/// What makes a process see another time. Its absence is a failure in CI.
fn another_clock() -> Option<PathBuf> {
    let named = "libfaketime.so.1";
    let folders =
        ["/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime", "/usr/lib/faketime"];
    let clock = folders.iter().map(|folder| PathBuf::from(folder).join(named)).find(|path| path.exists());
    assert!(
        clock.is_some() || std::env::var_os("CI").is_none(),
        "`{named}` is not installed; `.ci/run` lists the packages"
    );
    if clock.is_none() {
        eprintln!("NOT RUN: `{named}` is not installed");
    }
    clock
}

/// Runs a command to its end by a clock that stands 50 years further. Returns its exit code and what it says.
fn later(desk: &Desk, clock: &Path, words: &str) -> (i32, String) {
    by_clock(desk, (clock, "+50y"), words)
}

/// As [`later`], by a clock that is `off` by so much.
fn by_clock(desk: &Desk, (clock, off): (&Path, &str), words: &str) -> (i32, String) {
    let mut command = command(desk, words);
    command.env("LD_PRELOAD", clock).env("FAKETIME", off);
    let ended = command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").output().unwrap();
    (ended.status.code().unwrap(), String::from_utf8(ended.stderr).unwrap())
}

/// What must be the same of one item, however often its capture was broken off.
fn told(parts: &Parts) -> String {
    let decision = &parts.decision;
    let object = parts.object.as_ref().map(|object| (object.sha256, object.size, object.read));
    format!(
        "{:?} {:?} {:?} {:?}\n{:?}\n{:?}\n{object:?}",
        decision.outcome, decision.tier, decision.rules, decision.looks, parts.trits, parts.facts
    )
}

/// A package verifies, is followed and matched, and is what an unbroken one is. Returns how often it was resumed.
fn is_as(desk: &Desk, whole: &str, name: &str) -> usize {
    desk.run(&format!("ambit-verify {{dir}}/{name} --trust {{trust}}")).exits(0);
    let audit = "--trust {trust} --identity {keys}/auditor.age --against {medium}";
    let audited = desk.run(&format!("ambit-verify audit {{dir}}/{name} {audit}")).exits(0);
    for verdict in ["INTACT", "FOLLOWED", "MATCHED"] {
        assert!(audited.out.contains(verdict), "{audited}");
    }
    let auditor = desk.demo.path("keys/auditor.age");
    let records = |name: &str| -> BTreeMap<String, String> {
        let records = ledger(&desk.path(name), &auditor);
        records.iter().map(|(locator, parts)| (locator.to_string(), told(parts))).collect()
    };
    assert_eq!(records(whole), records(name));
    let (whole, broken) = (acquisition(&desk.path(whole)), acquisition(&desk.path(name)));
    assert_eq!(
        (whole.inventory.lines, whole.inventory.counts),
        (broken.inventory.lines, broken.inventory.counts)
    );
    assert_eq!((whole.rule_counts, whole.tier_counts), (broken.rule_counts, broken.tier_counts));
    assert_eq!((whole.looks, whole.walk, whole.limits), (broken.looks, broken.walk, broken.limits));
    assert!(!desk.path(name).join(".work").exists());
    broken.resumed.len()
}

/// Twenty kills; `AMBIT_KILLS=200 cargo test -p scenarios --test resume` for more.
#[test]
fn a_capture_that_is_killed_again_and_again_is_as_good_as_one_that_was_not() {
    let kills: u32 = std::env::var("AMBIT_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let desk = Desk::with_case();
    let began = Instant::now();
    let unbroken = start(&desk, &format!("{CAPTURE} --out {{dir}}/whole")).wait_with_output().unwrap();
    assert!(unbroken.status.success(), "{}", String::from_utf8_lossy(&unbroken.stderr));
    let most = began.elapsed().as_millis() as u64;
    let mut random = u64::from(std::process::id()) | 1;
    let (mut done, mut package, mut resumed) = (0, 0, 0);
    loop {
        let name = format!("P{package}");
        if desk.path(&name).exists() {
            resumed += is_as(&desk, "whole", &name);
            package += 1;
            if done >= kills {
                break;
            }
            continue;
        }
        let again = desk.path(&format!("{name}.partial")).exists();
        let command = format!("{CAPTURE} --out {{dir}}/{name}{}", if again { " --resume" } else { "" });
        let mut child = start(&desk, &command);
        if done < kills {
            // xorshift: any moment from the first to a little after the last.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            sleep(Duration::from_millis(random % (most + most / 10)));
            child.kill().unwrap();
        }
        let ended = child.wait_with_output().unwrap();
        match (ended.status.signal(), ended.status.code()) {
            (Some(9), _) => done += 1,
            (_, Some(0)) => {}
            _ => panic!("{command}: {}", String::from_utf8_lossy(&ended.stderr)),
        }
    }
    eprintln!("{done} kills, {package} packages, {resumed} resumes in them");
    assert!(resumed > 0, "no kill came between two batches");
}

/// A capture to `{dir}/P`, killed after some batches. It stands still while a second one is refused, however slow this machine is.
fn killed(desk: &Desk) -> PathBuf {
    let slow = CAPTURE.replace("3000000", "600000");
    let mut child = start(desk, &format!("{slow} --out {{dir}}/P"));
    let journal = desk.path("P.partial/.work/journal.jsonl");
    while fs::read_to_string(&journal).map_or(0, |text| text.lines().count()) < 4 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        sleep(Duration::from_millis(2));
    }
    assert!(Command::new("kill").args(["-STOP", &child.id().to_string()]).status().unwrap().success());
    desk.run(&format!("{CAPTURE} --out {{dir}}/P --resume")).exits(1).says("in use by another ambit");
    child.kill().unwrap();
    child.wait().unwrap();
    journal
}

#[test]
fn what_does_not_belong_together_is_not_gone_on_with() {
    let desk = Desk::with_case();
    desk.run(&format!("{CAPTURE} --out {{dir}}/P --resume")).exits(1).says("there is nothing to resume");
    let journal = killed(&desk);
    let resume = |more: &str| desk.run(&format!("{CAPTURE} --out {{dir}}/P --resume {more}"));
    desk.run(&format!("{CAPTURE} --out {{dir}}/P"))
        .exits(1)
        .says("an unfinished capture stays under that name")
        .says("P --yes --resume");
    resume("--md5").exits(2).says("was begun without --md5; now it is given");

    fs::create_dir(desk.path("policy")).unwrap();
    let policy = fs::read_to_string(desk.demo.path("policy/policy.toml")).unwrap();
    fs::write(desk.path("policy/policy.toml"), policy + "# another\n").unwrap();
    desk.run(&format!("{CAPTURE} --out {{dir}}/P --resume").replace("{what}", OTHER_POLICY))
        .exits(2)
        .says("was begun with the policy sha256:");

    let state = desk.path("case/state");
    let is_key = |path: &PathBuf| path.extension().is_some_and(|end| end == "key");
    let key = fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().path()).find(is_key).unwrap();
    let away = desk.path("key");
    fs::rename(&key, &away).unwrap();
    resume("").exits(1).says("is missing").says("in which this capture was begun");
    fs::rename(&away, &key).unwrap();

    let text = fs::read_to_string(&journal).unwrap();
    let second = text.lines().nth(1).unwrap();
    fs::write(&journal, text.replacen(second, &second.replace("\"number\":1", "\"number\":2"), 1)).unwrap();
    resume("").exits(1).says("of the journal was altered");
    let without: Vec<&str> =
        text.lines().enumerate().filter(|(n, _)| *n != 1).map(|(_, line)| line).collect();
    fs::write(&journal, without.join("\n") + "\n").unwrap();
    resume("").exits(1).says("of the journal was altered");
    fs::write(&journal, &text).unwrap();

    let (first, other) = (data(&desk, "ledger-0001"), data(&desk, "ledger-0002"));
    let swap = || {
        fs::rename(&first, desk.path("held")).unwrap();
        fs::rename(&other, &first).unwrap();
        fs::rename(desk.path("held"), &other).unwrap();
    };
    swap();
    resume("").exits(1).says("ledger-0001.jsonl.gz.age` is not what was committed");
    swap();

    // Nothing was changed by what was refused. A line that was cut off was never committed.
    fs::write(&journal, text + "{\"batch\":{\"number\":").unwrap();
    resume("").exits(0);
    desk.run(&format!("{} --out {{dir}}/whole", CAPTURE.replace("--throttle 3000000", ""))).exits(0);
    assert_eq!(is_as(&desk, "whole", "P"), 1);
    desk.run(&format!("{CAPTURE} --out {{dir}}/P --resume"))
        .exits(1)
        .says("P exists: there is nothing to resume");
}

/// Evidence that was committed in time is not lost because the night was too short.
#[test]
fn a_capture_that_was_broken_off_in_time_goes_on_after_the_last_moment_of_the_order() {
    let Some(clock) = another_clock() else { return };
    let desk = Desk::with_case();
    killed(&desk);
    let resume = format!("{CAPTURE} --out {{dir}}/P --resume").replace("--throttle 3000000", "");
    let reason = ["--without-approval", "the-judge-agreed-by-telephone"].join(" ");

    let (exit, said) = later(&desk, &clock, &resume);
    assert_eq!(exit, 2, "{said}");
    assert!(
        said.contains("the order was to be executed by") && said.contains("`--without-approval REASON`"),
        "{said}"
    );

    let (exit, said) = later(&desk, &clock, &format!("{resume} {reason}"));
    assert_eq!(exit, 3, "{said}");
    assert!(said.contains("departure: the order was to be executed by"), "{said}");
    let verified = desk.run("ambit-verify {dir}/P --trust {trust}").exits(3);
    for words in ["INTACT", "the-judge-agreed-by-telephone", "after execute_by"] {
        assert!(verified.out.contains(words), "{words}: {verified}");
    }
    assert!(!verified.out.contains("without an approval on record"), "{verified}");
    assert_eq!(verified.out.matches("the-judge-agreed-by-telephone").count(), 1, "{verified}");
}

/// Whoever looks at the exit code of the capture learns what the verifier says of its package.
#[test]
fn a_clock_that_goes_back_is_a_departure_of_the_capture_too() {
    let Some(clock) = another_clock() else { return };
    let desk = Desk::with_case();
    let capture = format!("{CAPTURE} --out {{dir}}/P").replace("--throttle 3000000", "");
    // Before the events by which the case was opened and the policy approved.
    let (exit, said) = by_clock(&desk, (&clock, "-90"), &capture);
    assert_eq!(exit, 3, "{said}");
    let departure = "its clock shows an earlier time than the event before";
    assert!(said.contains("departure: custody/") && said.contains(departure), "{said}");
    let verified = desk.run("ambit-verify {dir}/P --trust {trust}").exits(3);
    assert!(verified.out.contains(departure), "{verified}");

    // Between a break and the resume.
    let desk = Desk::with_case();
    killed(&desk);
    let (exit, said) = by_clock(&desk, (&clock, "-90"), &format!("{capture} --resume"));
    assert_eq!(exit, 3, "{said}");
    assert!(said.contains("departure: the clock went back while the capture ran"), "{said}");
    desk.run("ambit-verify {dir}/P --trust {trust}").exits(3);
}

const OTHER_POLICY: &str = "--policy {dir}/policy --medium {medium} --case {case} --trust {trust}";

fn data(desk: &Desk, name: &str) -> PathBuf {
    desk.path(&format!("P.partial/data/{name}.jsonl.gz.age"))
}
