//! Processes that read media as they must not: what `tests/guard.rs` starts in place of the real one.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::exit,
    clippy::indexing_slicing,
    reason = "a program for tests"
)]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use scope::facts::{Fact, Kind, Look, TypeFact};
use source::SourceInfo;

const VOLUME: &str = "fake:1";

fn main() {
    let mut mode = std::env::args().nth(1).unwrap();
    if mode == "panics" {
        std::thread::spawn(|| {
            // As soon as the process has limited itself, which is before it opens the medium.
            while rustix::process::getrlimit(rustix::process::Resource::Core).maximum != Some(0) {}
            panic!("as a parser does; /secret/name stands in its words");
        });
        std::process::exit(i32::from(source::guard::serve()));
    }
    let (_, begin) = read();
    let begin: serde_json::Value = serde_json::from_slice(&begin).unwrap();
    let mut limits = Vec::new();
    match mode.as_str() {
        "silent" => forever(),
        "ends" => std::process::exit(3),
        "aborts" => {
            drop(source::guard::limit_calls(source::guard::Calls::Reading));
            std::process::abort()
        }
        "memory" => {
            source::guard::confine_to(&["/nowhere/medium".into()], 40 << 20).unwrap();
            drop(source::guard::limit_calls(source::guard::Calls::Reading));
            let mut all = Vec::new();
            loop {
                all.push(vec![1_u8; 1 << 20]);
            }
        }
        "garbage" => {
            out(b"hello, world, this is no frame at all");
            forever();
        }
        "progress" => loop {
            send(b'p', b"");
        },
        "dribble" => {
            out(&[b's', 0, 0, 1, 0]);
            loop {
                out(b" ");
                sleep(Duration::from_millis(50));
            }
        }
        "other frame" => send(b'd', b"xx"),
        "calls" => limits = calls(Path::new(begin["paths"][0].as_str().unwrap())),
        "outside" => limits = outside(Path::new(begin["paths"][0].as_str().unwrap())),
        "content killed" | "extract killed" | "bytes killed" => {
            // Three processes get one step further each than the one before, and are killed then; the fourth is not.
            let marks = Path::new(begin["paths"][0].as_str().unwrap()).parent().unwrap();
            let number = (0..).find(|number| !marks.join(format!("mark-{number}")).exists()).unwrap();
            File::create(marks.join(format!("mark-{number}"))).unwrap();
            mode = format!("{mode} {number}");
        }
        _ => {}
    }
    survey(limits);
    loop {
        let (kind, holds) = read();
        let asked: serde_json::Value = serde_json::from_slice(&holds).unwrap_or_default();
        match kind {
            b'W' => walk(&mode, asked["at_once"] == true),
            b'O' => open(&mode, asked["item"]["node"][0].as_u64().unwrap(), asked["from"].as_u64().unwrap()),
            b'X' => extract(&mode, asked["item"]["node"][0].as_u64().unwrap()),
            b'R' if mode == "bytes short" => send(b'd', b"x"),
            b'R' if matches!(mode.as_str(), "bytes killed 0" | "bytes killed 1") => killed(),
            b'R' => send(b'd', &vec![7; usize::try_from(asked["length"].as_u64().unwrap()).unwrap()]),
            b'C' => send(b'x', b""),
            _ => std::process::exit(9),
        }
    }
}

/// What a confined process can still do.
fn outside(medium: &Path) -> Vec<String> {
    let folder = medium.parent().unwrap();
    let unconfined = source::guard::confine_to(&[medium.to_owned()], 1 << 30).unwrap();
    let done = [
        ("medium", File::open(medium).is_ok()),
        ("beside", File::open(folder.join("beside")).is_ok()),
        ("outside", File::open("/etc/passwd").is_ok()),
        ("folder outside", std::fs::read_dir("/etc").is_ok()),
        ("write", File::options().write(true).open(folder.join("beside")).is_ok()),
        ("create", File::create(folder.join("new")).is_ok()),
        ("run", Command::new("/bin/true").status().is_ok()),
        ("raise", rustix::process::getrlimit(rustix::process::Resource::Core).maximum != Some(0)),
    ];
    let mut said: Vec<String> = done.iter().map(|(what, done)| format!("{what}: {done}")).collect();
    // Nothing listens there: refused is another error than forbidden.
    let error = TcpStream::connect("127.0.0.1:1").unwrap_err();
    said.push(format!("network: {}", error.kind() != std::io::ErrorKind::PermissionDenied));
    said.push(format!("unconfined: {unconfined:?}"));
    said
}

/// What a process can still do that opens the medium, and one that reads it.
fn calls(medium: &Path) -> Vec<String> {
    use source::guard::{Calls, limit_calls};
    use std::io::ErrorKind::PermissionDenied;

    let folder = medium.parent().unwrap();
    let mut file = File::open(medium).unwrap();
    let parent = rustix::process::getppid().unwrap();
    let mut said = Vec::new();
    for (stage, calls) in [("opening", Calls::Opening), ("reading", Calls::Reading)] {
        let unconfined = limit_calls(calls);
        said.push(format!("{stage}: {unconfined:?}"));
        if unconfined.is_some() {
            return said;
        }
        let done: [(&str, std::io::Result<()>); 8] = [
            ("open", File::open(medium).map(drop)),
            ("list", std::fs::read_dir(folder).map(drop)),
            ("write", File::options().write(true).open(medium).map(drop)),
            ("make", File::create(folder.join("new")).map(drop)),
            ("remove", std::fs::remove_file(medium)),
            ("socket", TcpStream::connect("127.0.0.1:1").map(drop)),
            ("run", Command::new("/bin/true").status().map(drop)),
            ("signal", rustix::process::test_kill_process(parent).map_err(Into::into)),
        ];
        let told = |(what, done): &(&str, std::io::Result<()>)| match done {
            Ok(()) => format!("{stage} {what}: done"),
            Err(error) if error.kind() == PermissionDenied => format!("{stage} {what}: EPERM"),
            Err(error) => format!("{stage} {what}: {error}"),
        };
        said.extend(done.iter().map(told));
        said.push(format!("{stage} thread: {}", std::thread::Builder::new().spawn(|| {}).is_ok()));
    }
    // What a parser does is left to it: memory, also much of it, time, reading, hashing with random seeds.
    let mut bytes = vec![1_u8; 200 << 20];
    bytes.resize(300 << 20, 2);
    let read = file.read(&mut bytes).unwrap();
    let map: std::collections::HashMap<u64, u64> = (0..1000).map(|number| (number, number)).collect();
    sleep(Duration::from_millis(1));
    said.push(format!("read {read} bytes, {} entries", map.len()));
    said
}

fn survey(limits: Vec<String>) {
    let medium = source::Medium { form: "fake".into(), size: Some(100), limits, ..source::Medium::default() };
    let info = SourceInfo { volume: VOLUME.into(), file_system: "fake".into(), ..SourceInfo::default() };
    let survey = serde_json::json!({
        "medium": medium, "sources": [info], "unread": [], "unconfined": null,
        "image": { "len": 100, "sector_size": 512, "bad": [], "filled": [] },
    });
    send(b's', survey.to_string().as_bytes());
}

fn walk(mode: &str, again: bool) {
    let first = if mode == "walk differs" && again { 3 } else { 1 };
    let (mut bad, good) = (item(first), item(2));
    match mode {
        "walk type" => {
            let unknown = TypeFact { name: "zip".into(), encrypted: None, examined: 4, end: None };
            bad["facts"]
                .as_array_mut()
                .unwrap()
                .insert(6, serde_json::to_value(Fact::Type(unknown)).unwrap());
        }
        "walk locator" => bad["locator"] = "other:1/inode:1".into(),
        "walk facts" => drop(bad["facts"].as_array_mut().unwrap().remove(0)),
        _ => {}
    }
    let issue = |what: &str| serde_json::json!({ "issue": { "locator": null, "what": what } });
    match mode {
        "walk ends" | "walk differs" => {
            // Without the word to send each at once, the second item is lost on the way.
            send(b'i', serde_json::json!([{ "item": bad }]).to_string().as_bytes());
            if again {
                send(b'i', serde_json::json!([{ "item": good }]).to_string().as_bytes());
            }
            std::process::exit(4);
        }
        "walk ends once" if !again => {
            send(b'i', serde_json::json!([{ "item": bad }]).to_string().as_bytes());
            std::process::exit(4);
        }
        "walk hangs" => {
            send(b'i', serde_json::json!([{ "item": bad }]).to_string().as_bytes());
            forever();
        }
        "walk empty" => send(b'i', b"[]"),
        "walk asks" => loop {
            send(b'q', b"/folder");
        },
        "walk terminal" => {
            send(b'i', serde_json::json!([issue("a\u{1b}[2Jb")]).to_string().as_bytes());
        }
        _ => {}
    }
    send(b'i', serde_json::json!([{ "item": bad }, { "item": good }]).to_string().as_bytes());
    let report = source::WalkReport { items: 77, names: 2, complete: true, ..source::WalkReport::default() };
    send(b'r', &serde_json::to_vec(&report).unwrap());
}

fn item(number: u64) -> serde_json::Value {
    let facts = [
        Fact::Volume(VOLUME.into()),
        Fact::CaseRule(scope::facts::CaseRule::Sensitive),
        Fact::Node(format!("inode:{number}")),
        Fact::Kind(Kind::File),
        Fact::Name(format!("/{number}").as_str().into()),
        Fact::Size(5),
        Fact::Looks(vec![Look::Metadata]),
    ];
    let locator = format!("{VOLUME}/inode:{number}");
    serde_json::json!({ "locator": locator, "facts": facts, "node": [number, 0] })
}

fn killed() {
    let own = rustix::process::getpid();
    rustix::process::kill_process(own, rustix::process::Signal::KILL).unwrap();
    forever();
}

fn open(mode: &str, number: u64, from: u64) {
    let opened = |all: u8, declared: u64, content: &[u8]| {
        send(b'o', &[&[all], declared.to_le_bytes().as_slice(), content].concat());
    };
    match (mode, number) {
        ("content long", 1) => opened(1, 5, b"much more"),
        ("content short", 1) => opened(1, 5, b"abc"),
        ("content lies", 1) => opened(1, 9, b"nine byte"),
        ("content ends", 1) => {
            opened(0, 5, if from == 0 { b"ab" } else { b"" });
            std::process::exit(5);
        }
        ("content killed 0", 1) => killed(),
        ("content killed 1" | "content killed 2", 1) => {
            opened(0, 5, &b"hello"[usize::try_from(from).unwrap()..][..1]);
            killed();
        }
        ("content killed 3", 1) => opened(1, 5, &b"hello"[usize::try_from(from).unwrap()..]),
        ("content hangs", 1) => {
            opened(0, 5, b"ab");
            forever();
        }
        ("content endless", 1) => {
            opened(0, 5, b"");
            loop {
                send(b'd', &[1; 1000]);
            }
        }
        ("content empty frames", 1) => {
            opened(0, 5, b"");
            loop {
                send(b'd', b"");
            }
        }
        ("content head", 1) => send(b'o', b"\x01"),
        ("content fault", 1) => send(b'f', br#"{"corrupt":"extents overlap"}"#),
        _ => opened(1, 5, b"hello"),
    }
}

fn extract(mode: &str, number: u64) {
    match (mode, number) {
        ("extract ends", 1) => {
            send(b'd', b"{\"layer\":");
            std::process::exit(6);
        }
        ("extract killed 0" | "extract killed 1", 1) => {
            send(b'd', b"{\"layer\":");
            killed();
        }
        ("extract hangs", 1) => forever(),
        ("extract endless", 1) => loop {
            send(b'd', &[b'x'; 1000]);
        },
        ("extract empty frames", 1) => loop {
            send(b'd', b"");
        },
        ("extract other", 1) => send(b'o', &[0; 20]),
        ("extract fault", 1) => send(b'f', br#"{"corrupt":"extents overlap"}"#),
        _ => {
            send(b'd', b"{\"layer\":");
            send(b'd', b"\"none\"}\n");
            send(b'e', b"");
        }
    }
}

fn forever() {
    loop {
        sleep(Duration::from_secs(60));
    }
}

fn read() -> (u8, Vec<u8>) {
    let mut head = [0; 5];
    if std::io::stdin().read_exact(&mut head).is_err() {
        std::process::exit(0);
    }
    let mut holds = vec![0; u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize];
    std::io::stdin().read_exact(&mut holds).unwrap();
    (head[0], holds)
}

fn send(kind: u8, holds: &[u8]) {
    out(&[&[kind], u32::try_from(holds.len()).unwrap().to_le_bytes().as_slice(), holds].concat());
}

fn out(bytes: &[u8]) {
    let mut output = std::io::stdout().lock();
    if output.write_all(bytes).and_then(|()| output.flush()).is_err() {
        std::process::exit(0);
    }
}
