//! Somebody has the unfinished package and the case folder, and with it the keys of the journal, but no passphrase and nobody's
//! key: what they write into the journal nobody signs.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody::durable::Op;
use custody::{Disk, SecretKey};
use evidence::custody_log::Entry;
use evidence::event::Event;
use evidence::sshsig::{self, MessageDigest};
use hmac::{Hmac, KeyInit as _, Mac as _};
use scenarios::hazard::{Hazard, Left, copy, failing, files, lines};
use scenarios::reading::acquisition;
use scenarios::story::{Desk, Ran};
use scope::Digest;
use serde_json::{Value, json};
use sha2::Sha256;

const ONE: [&str; 1] = ["KC07.ambit"];
const BOTH: [&str; 2] = ["KC07.ambit", "copy.ambit"];
const JOURNAL: &str = ".work/journal.jsonl";

fn journal(place: &Path) -> PathBuf {
    place.join("KC07.ambit.partial").join(JOURNAL)
}

/// Fails at a part, once the journal has so many lines.
fn at_line(place: &Path, count: usize) -> Disk {
    let journal = journal(place);
    failing(move |step| {
        step.op == Op::Write && step.path.to_string_lossy().contains("/data/") && lines(&journal) >= count
    })
}

/// Fails at the next entry of the case's log once the journal says this.
fn at_entry(place: &Path, says: &'static str) -> Disk {
    let (journal, log) = (journal(place), place.join("case/custody"));
    failing(move |step| {
        step.op == Op::CreateFolder
            && step.path.starts_with(&log)
            && fs::read_to_string(&journal).is_ok_and(|text| text.contains(says))
    })
}

fn resume(hazard: &Hazard, disk: Disk, place: &Path, outs: &[&str]) -> Ran {
    hazard.capture_with(disk, place, outs, &["--resume"])
}

/// The keys of the journal, as they lie in the case folder.
struct Keys {
    mac: Vec<u8>,
    crew: age::x25519::Identity,
    marks: PathBuf,
    /// A run key that nobody has announced.
    own: SecretKey,
}

impl Keys {
    fn of(place: &Path) -> Self {
        let mut state = fs::read_dir(place.join("case/state")).unwrap().map(|entry| entry.unwrap().path());
        let key = state.find(|path| path.extension().is_some_and(|kind| kind == "key")).unwrap();
        let text = fs::read_to_string(&key).unwrap();
        let (mac, crew) = text.split_once('\n').unwrap();
        let mac = format!("sha256:{mac}").parse::<Digest>().unwrap().0.to_vec();
        Self {
            mac,
            crew: crew.trim().parse().unwrap(),
            marks: key.with_extension("marks"),
            own: SecretKey::generate("mine").unwrap(),
        }
    }

    /// The journal with its lines changed: each `mac`, and the marks, as they would be if it had been written so.
    fn write(&self, place: &Path, outs: &[&str], change: &mut dyn FnMut(Vec<Value>) -> Vec<Value>) {
        let text = fs::read_to_string(journal(place)).unwrap();
        let written = text.lines().map(|line| format!("{}}}", line.rsplit_once(",\"mac\":").unwrap().0));
        let written: Vec<(String, Value)> =
            written.map(|line| (line.clone(), serde_json::from_str(&line).unwrap())).collect();
        let (mut last, mut journal, mut marks) = (String::new(), String::new(), String::new());
        for line in change(written.iter().map(|(_, line)| line.clone()).collect()) {
            // One that is not changed has its own bytes: they are what is signed.
            let own = written.iter().find(|(_, own)| *own == line).map(|(own, _)| own.clone());
            let line = own.unwrap_or_else(|| self.signed(&last, line));
            let mut over = Hmac::<Sha256>::new_from_slice(&self.mac).unwrap();
            over.update(last.as_bytes());
            over.update(line.as_bytes());
            last = scope::digest::hex(&over.finalize().into_bytes());
            let open = line.strip_suffix('}').unwrap();
            journal += &format!("{open},\"mac\":\"{last}\"}}\n");
            marks += &format!("{last}\n");
        }
        for out in outs {
            fs::write(place.join(format!("{out}.partial")).join(JOURNAL), &journal).unwrap();
        }
        fs::write(&self.marks, marks).unwrap();
    }

    /// A line, signed as a process of a capture does, by a key of one's own: where its signature is `null`.
    fn signed(&self, last: &str, mut line: Value) -> String {
        if line.get("signature") != Some(&Value::Null) {
            return line.to_string();
        }
        drop(line.as_object_mut().unwrap().remove("signature"));
        let message = MessageDigest::of(format!("{last}{line}").as_bytes());
        let signature = STANDARD.encode(self.own.sign_raw(&sshsig::to_be_signed(sshsig::JOURNAL, &message)));
        let text = line.to_string();
        format!("{},\"signature\":\"{signature}\"}}", text.strip_suffix('}').unwrap())
    }

    /// What the program counts, changed and encrypted again.
    fn counted_otherwise(&self, crew: &mut Value) {
        let sealed = STANDARD.decode(crew.as_str().unwrap()).unwrap();
        let mut counted: Value = serde_json::from_slice(&age::decrypt(&self.crew, &sealed).unwrap()).unwrap();
        assert!(counted.is_object(), "{counted}");
        counted["unread"] = json!(0);
        counted["departs"] = json!(false);
        let sealed = age::encrypt(&self.crew.to_public(), counted.to_string().as_bytes()).unwrap();
        *crew = json!(STANDARD.encode(sealed));
    }
}

fn a_departure() -> Value {
    json!({ "what": "all is well", "reason": "the court knows" })
}

/// What is done to the lines of a journal.
type Change = fn(&Keys, &mut Vec<Value>);

/// What was broken off, changed by somebody: refused, and nothing of package or case is another.
fn is_refused(hazard: &Hazard, made: &Path, outs: &[&str], what: &str, change: Change, says: &str) {
    let place = tempfile::tempdir().unwrap();
    copy(made, place.path());
    let keys = Keys::of(place.path());
    keys.write(place.path(), outs, &mut |mut lines| {
        change(&keys, &mut lines);
        lines
    });
    let before = files(place.path());
    assert!(before != files(made), "{what}: nothing was changed");
    let ran = resume(hazard, Disk::new(), place.path(), outs);
    assert_eq!(ran.exit, 2, "{what}: {ran}");
    ran.says(says).says("capture again to a new --out");
    assert!(files(place.path()) == before, "{what}: something was written");
}

/// Written anew without a change, a journal is the one that was written: the forger has the bytes right.
fn is_the_same_unchanged(made: &Path, outs: &[&str]) {
    let place = tempfile::tempdir().unwrap();
    copy(made, place.path());
    Keys::of(place.path()).write(place.path(), outs, &mut |lines| lines);
    assert!(files(place.path()) == files(made));
}

#[test]
fn what_was_said_of_the_end_is_what_the_capture_said() {
    let hazard = Hazard::new();
    let made = hazard.place();
    hazard.capture_to(at_entry(made.path(), "{\"end\""), made.path(), &ONE).exits(1);
    is_the_same_unchanged(made.path(), &ONE);
    let changes: [(&str, Change); 6] = [
        ("limits", |_, lines| lines.last_mut().unwrap()["end"]["limits"] = json!(["all is well"])),
        ("began", |_, lines| lines.last_mut().unwrap()["end"]["began"] = json!("2026-01-01T01:00:00Z")),
        ("unreadable", |_, lines| {
            lines.last_mut().unwrap()["end"]["medium"]["unreadable"] =
                json!({ "ranges": 1, "bytes": 512, "first": [] });
        }),
        ("departures", |_, lines| {
            lines.last_mut().unwrap()["end"]["departures"].as_array_mut().unwrap().push(a_departure());
        }),
        ("crew", |keys, lines| keys.counted_otherwise(&mut lines.last_mut().unwrap()["end"]["crew"])),
        ("issues", |_, lines| lines.last_mut().unwrap()["end"]["issues"] = json!(7)),
    ];
    for (what, change) in changes {
        is_refused(
            &hazard,
            made.path(),
            &ONE,
            what,
            change,
            "of the journal was altered: the run key of line 1",
        );
    }
    let unsigned: Change =
        |_, lines| drop(lines.last_mut().unwrap().as_object_mut().unwrap().remove("signature"));
    let place = tempfile::tempdir().unwrap();
    copy(made.path(), place.path());
    let keys = Keys::of(place.path());
    keys.write(place.path(), &ONE, &mut |mut lines| {
        unsigned(&keys, &mut lines);
        lines
    });
    resume(&hazard, Disk::new(), place.path(), &ONE).exits(1).says("it is not signed");
    resume(&hazard, Disk::new(), made.path(), &ONE).exits(0);
    assert_eq!(hazard.judge(made.path()), Left::Whole);
}

#[test]
fn what_was_counted_and_what_departed_is_what_the_capture_said() {
    let hazard = Hazard::new();
    let made = hazard.place();
    hazard.capture_to(at_line(made.path(), 2), made.path(), &BOTH).exits(1);
    let count = lines(&journal(made.path()));
    resume(&hazard, at_line(made.path(), count + 2), made.path(), &BOTH).exits(1);
    is_the_same_unchanged(made.path(), &BOTH);
    let changes: [(&str, Change, &str); 8] = [
        (
            "crew",
            |keys, lines| keys.counted_otherwise(&mut lines[1]["batch"]["crew"]),
            "line 2 of the journal was altered",
        ),
        ("items", |_, lines| lines[1]["batch"]["items"] = json!(1), "line 2 of the journal was altered"),
        ("lost", |_, lines| lines[3]["batch"]["lost"] = json!(["copy 2 of 2 was lost"]), "line 4"),
        (
            "begin",
            |_, lines| lines[0]["begin"]["departures"] = json!([a_departure()]),
            "line 1 of the journal was altered",
        ),
        (
            "resume",
            |_, lines| lines[2]["resume"]["departures"] = json!([a_departure()]),
            "line 3 of the journal was altered",
        ),
        ("a batch that goes", |_, lines| drop(lines.remove(1)), "was altered"),
        ("the order", |_, lines| lines.swap(1, 2), "was altered"),
        // With everything of a capture but its key.
        (
            "a key of one's own",
            |_, lines| {
                lines[2]["signature"] = Value::Null;
                lines[3]["signature"] = Value::Null;
            },
            "line 3 of the journal was altered: no run key that the custody log announces has signed it, and line 4 rests on it",
        ),
    ];
    for (what, change, says) in changes {
        is_refused(&hazard, made.path(), &BOTH, what, change, says);
    }
    // What is added before its key is announced may stand, and does not count.
    let place = tempfile::tempdir().unwrap();
    copy(made.path(), place.path());
    Keys::of(place.path()).write(place.path(), &BOTH, &mut |mut lines| {
        let lost = ["copy 2 of 2 was lost"];
        let said = json!({ "departures": [a_departure()], "copies": 2, "lost": lost });
        lines.push(json!({ "resume": said, "signature": null }));
        lines
    });
    // Nor later, when lines that are believed follow it.
    let count = lines(&journal(place.path()));
    resume(&hazard, at_line(place.path(), count + 1), place.path(), &BOTH).exits(1);
    for place in [place.path(), made.path()] {
        resume(&hazard, Disk::new(), place, &BOTH).exits(0);
        let stated = acquisition(&place.join("KC07.ambit"));
        assert!(stated.departures.is_empty() && stated.limits.iter().all(|own| !own.contains("copy 2 of 2")));
        for name in BOTH {
            assert_eq!(hazard.judge_copy(place, name), Left::Whole);
        }
    }
}

#[test]
fn a_statement_is_made_again_from_what_the_capture_wrote_alone() {
    let hazard = Hazard::new();
    let made = hazard.place();
    // package.seal is on the log of the case, the name is missing, and the statement is lost.
    let log = made.path().join("case/custody");
    let disk = failing(move |step| step.op == Op::Rename && !step.path.starts_with(&log));
    hazard.capture_to(disk, made.path(), &ONE).exits(1);
    fs::remove_file(made.path().join("KC07.ambit.partial/meta/acquisition.json")).unwrap();
    let change: Change = |_, lines| lines.last_mut().unwrap()["end"]["limits"] = json!(["all is well"]);
    is_refused(&hazard, made.path(), &ONE, "limits", change, "of the journal was altered");
    resume(&hazard, Disk::new(), made.path(), &ONE).exits(3);
    assert_eq!(hazard.judge(made.path()), Left::Whole);
}

/// Puts another event into an entry of the log, as who has no key can: the signatures stay, and no longer fit.
fn rewrite(entry: &Path, event: &str) {
    let parsed = Event::from_bytes(event.as_bytes()).unwrap();
    let signature = |name: &String| fs::read(entry.join(format!("{name}.sig"))).unwrap();
    let signatures: Vec<(String, Vec<u8>)> =
        parsed.who.iter().map(|who| (who.principal.clone(), signature(&who.principal))).collect();
    fs::write(entry.join("entry.txt"), Entry::of(&parsed, event.as_bytes(), &signatures).to_bytes()).unwrap();
    fs::write(entry.join("event.json"), event).unwrap();
}

/// The end is on the log, and nobody has sealed yet: what examiner and witness are asked to sign is what the capture said.
#[test]
fn nobody_is_asked_to_seal_what_somebody_else_stated() {
    let hazard = Hazard::new();
    let made = hazard.place();
    let disk = failing(|step| step.path.ends_with("case/custody/.new-000004"));
    hazard.capture_to(disk, made.path(), &ONE).exits(1);
    let place = tempfile::tempdir().unwrap();
    copy(made.path(), place.path());
    let statement = place.path().join("KC07.ambit.partial/meta/acquisition.json");
    let own = fs::read_to_string(&statement).unwrap();
    let other = own.replace("\"limits\":[", "\"limits\":[\"all is well\",");
    let other =
        if other == own { own.replace("\"limits\": [", "\"limits\": [\"all is well\",") } else { other };
    assert_ne!(other, own);
    fs::write(&statement, &other).unwrap();
    let log = place.path().join("case/custody");
    let entry = fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    let event = fs::read_to_string(entry.join("event.json")).unwrap();
    let quoted = |text: &str| Digest::of(text.as_bytes()).to_string();
    assert!(event.contains("acquisition.end") && event.contains(&quoted(&own)), "{event}");
    rewrite(&entry, &event.replace(&quoted(&own), &quoted(&other)));
    // With its journal, and as if it lacked its name alone.
    for journal in [true, false] {
        if !journal {
            fs::remove_dir_all(place.path().join("KC07.ambit.partial/.work")).unwrap();
            let tags = place.path().join("KC07.ambit.partial/tagmanifest-sha256.txt");
            let bare = |text: &str| quoted(text).trim_start_matches("sha256:").to_owned();
            let text = fs::read_to_string(&tags).unwrap();
            fs::write(&tags, text.replace(&bare(&own), &bare(&other))).unwrap();
        }
        let before = files(place.path());
        let ran = resume(&hazard, Disk::new(), place.path(), &ONE);
        ran.exits(2).says("every verifier would refuse this custody log").says("does not fit these bytes");
        assert!(files(place.path()) == before, "with its journal: {journal}");
    }
    resume(&hazard, Disk::new(), made.path(), &ONE).exits(0);
    assert_eq!(hazard.judge(made.path()), Left::Whole);
}

/// The log of the case is rewritten, too: nobody of the trust file has signed that.
#[test]
fn a_run_key_that_nobody_signed_announces_nothing() {
    let hazard = Hazard::new();
    let place = hazard.place();
    hazard.capture_to(at_line(place.path(), 3), place.path(), &ONE).exits(1);
    let log = place.path().join("case/custody");
    let mut entries: Vec<PathBuf> = fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let key = SecretKey::generate("mine").unwrap();
    // From acquisition.start on; what follows it goes.
    let start = entries
        .iter()
        .position(|entry| {
            fs::read_to_string(entry.join("event.json")).unwrap().contains("\"acquisition.start\"")
        })
        .unwrap();
    entries[start + 1..].iter().for_each(|entry| fs::remove_dir_all(entry).unwrap());
    let entry = &entries[start];
    let text = fs::read_to_string(entry.join("event.json")).unwrap();
    let own: Value = serde_json::from_str(&text).unwrap();
    let announced = own["action"]["run_key"].as_str().unwrap();
    rewrite(entry, &text.replace(announced, &key.public_line()));
    let keys = Keys::of(place.path());
    let before = files(place.path());
    let ran = resume(&hazard, Disk::new(), place.path(), &ONE);
    ran.exits(2).says("every verifier would refuse this custody log").says("does not fit these bytes");
    assert!(files(place.path()) == before && keys.marks.exists());
}

/// Changes a signature of an event, and the digest of it in its entry, as whoever has the folder and no key can.
fn spoil(entry: &Path) {
    let bytes = fs::read(entry.join("event.json")).unwrap();
    let event = Event::from_bytes(&bytes).unwrap();
    let mut signatures = Vec::new();
    for who in &event.who {
        let path = entry.join(format!("{}.sig", who.principal));
        let mut signature = fs::read(&path).unwrap();
        let at = signature.len() / 2;
        signature[at] = if signature[at] == b'A' { b'B' } else { b'A' };
        fs::write(&path, &signature).unwrap();
        signatures.push((who.principal.clone(), signature));
    }
    fs::write(entry.join("entry.txt"), Entry::of(&event, &bytes, &signatures).to_bytes()).unwrap();
}

#[test]
fn nothing_is_begun_on_a_log_that_every_verifier_would_refuse() {
    let desk = Desk::with_case();
    desk.run("ambit capture {what} {both} --out {dir}/KC07.ambit").exits(0);
    // The last entry: what nobody has quoted yet.
    spoil(&desk.path("case/custody/000004"));
    let before = files(&desk.path(""));
    for command in [
        "ambit plan --policy {policy} --medium {medium} --case {case} {examiner}",
        "ambit capture {what} {both} --out {dir}/second.ambit",
        "ambit package update {dir}/KC07.ambit --case {case}",
    ] {
        let ran = desk.run(command).exits(2);
        ran.says("every verifier would refuse this custody log: custody/000004: ").says("nothing was read");
        assert!(files(&desk.path("")) == before, "{command}");
    }
    desk.run("ambit-verify {dir}/KC07.ambit --trust {trust}").exits(0).prints("INTACT");
}

#[test]
fn what_lies_beside_the_files_of_an_entry_does_not_go_into_a_package() {
    let desk = Desk::with_case();
    for stray in ["custody/000001/event.json~", "custody/000001/other.sig", "custody/.DS_Store"] {
        fs::write(desk.path("case").join(stray), "left by an editor").unwrap();
    }
    desk.run("ambit capture {what} {both} --out {dir}/KC07.ambit").exits(0);
    assert!(!desk.path("KC07.ambit/custody/000001/event.json~").exists());
    desk.run("ambit-verify {dir}/KC07.ambit --trust {trust}").exits(0).prints("INTACT");
}
