//! The second implementation, `tests/replay/replay.py`, asked by the tests.
//!
//! ```text
//! compare(|ask| ask(question, expected), |expected, answer| ...);      many questions to one process
//! replayed(&sealed)                                                    a package, and its findings
//! ```
//!
//! It is a program of Python's standard library that was written from `docs/spec/`. Without `python3` the tests that
//! need it fail under `CI`, and elsewhere say that they did not run.

use std::fs;
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;

use evidence::gzip::GzipReader;
use serde_json::Value;
use tempfile::TempDir;

use crate::forge::Sealed;
use crate::reading::{decrypted, zip_entries};
use crate::story::Desk;

/// What the second implementation says of a package.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// 0: no difference; 1: it could not finish; 2: differences.
    pub exit: i32,
    /// Everything that it printed.
    pub text: String,
}

impl Replayed {
    /// The kinds of its findings, each once, sorted, joined by blanks.
    #[must_use]
    pub fn kinds(&self) -> String {
        let lines = self.text.lines().take_while(|line| !line.starts_with("policy: "));
        let mut kinds: Vec<&str> = lines.filter_map(|line| line.split_whitespace().next()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds.join(" ")
    }
}

/// Whether there is a `python3` to ask. Its absence is a failure in CI.
#[must_use]
pub fn is_there() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    let version = || Command::new("python3").arg("--version").output();
    let found = *FOUND.get_or_init(|| version().is_ok_and(|ran| ran.status.success()));
    assert!(
        found || std::env::var_os("CI").is_none(),
        "`python3` is not installed; `.ci/run` lists the packages"
    );
    if !found {
        println!("NOT RUN: `python3` is not installed");
    }
    found
}

/// Puts questions to one process, and hands each answer to `check` with what is expected.
///
/// `questions` runs in a thread of its own, so that both implementations work at the same time.
pub fn compare<E: Send>(
    questions: impl FnOnce(&mut dyn FnMut(&Value, E)) + Send,
    mut check: impl FnMut(E, Value),
) {
    let mut child = Command::new("python3")
        .args([&program(), "--decisions"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let mut asked = BufWriter::new(child.stdin.take().expect("a pipe"));
    let answers = BufReader::new(child.stdout.take().expect("a pipe"));
    // Unbounded: how far the questions are ahead is bounded by what the pipes hold.
    let (sent, expected) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            questions(&mut |question, expected| {
                // The reader's failure is the test's; here it only ends the questions.
                let gone = writeln!(asked, "{question}").is_err() || sent.send(expected).is_err();
                assert!(!gone, "replay.py, or the test, has ended early");
            });
        });
        for line in answers.lines() {
            let answer = serde_json::from_str(&line.expect("a line")).expect("an answer is JSON");
            check(expected.recv().expect("an answer is to a question"), answer);
        }
        assert!(expected.recv().is_err(), "a question has no answer");
    });
    assert!(child.wait().expect("it ends").success(), "replay.py failed");
}

/// Writes a package into a folder, opens its ledger with the auditor's key, and lets the second implementation replay it.
#[must_use]
pub fn replayed(sealed: &Sealed) -> Replayed {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let package = dir.path().join("KC07.ambit");
    sealed.write(&package);
    let mut ledgers = Vec::new();
    for (file, sealed_part) in sealed.files.iter().filter(|(name, _)| name.starts_with("data/ledger-")) {
        let packed =
            age::decrypt(sealed.keys.identity("auditor"), sealed_part).expect("the auditor opens the ledger");
        let mut rows = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut rows).expect("a gzip member");
        let name = file.trim_start_matches("data/").trim_end_matches(".gz.age");
        fs::write(dir.path().join(name), rows).expect("a file");
        ledgers.push(dir.path().join(name));
    }
    let log_key = sealed.keys.signing("log").public_line();
    replay(&package, &ledgers.iter().map(AsRef::as_ref).collect::<Vec<_>>(), &log_key)
}

/// As [`replayed`], for a package on disk and the files of its auditor's and its log's keys.
#[must_use]
pub fn replayed_from(package: &Path, auditor: &Path, log_key: &Path) -> Replayed {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut ledgers = Vec::new();
    for (file, packed) in crate::reading::decrypted(package, "ledger", auditor) {
        let mut rows = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut rows).expect("a gzip member");
        let name = dir.path().join(file.trim_start_matches("data/").trim_end_matches(".gz.age"));
        fs::write(&name, rows).expect("a file");
        ledgers.push(name);
    }
    let log_key = fs::read_to_string(log_key).expect("the log's key");
    replay(package, &ledgers.iter().map(AsRef::as_ref).collect::<Vec<_>>(), log_key.trim())
}

/// Runs the second implementation on a package, and what was decrypted of it.
#[must_use]
pub fn replay(package: &Path, files: &[&Path], log_key: &str) -> Replayed {
    let mut command = Command::new("python3");
    command.arg(program()).arg(package).args(files).args(["--log-key", log_key]);
    let ran = command.output().expect("python3 starts");
    let text = String::from_utf8([ran.stdout, ran.stderr].concat()).expect("it prints UTF-8");
    Replayed { exit: ran.status.code().expect("an exit code"), text }
}

/// A package, and what its holders decrypted of it.
#[derive(Debug)]
pub struct Opened {
    /// Its folder.
    pub package: PathBuf,
    _folder: TempDir,
    /// The ledger first.
    pub files: Vec<PathBuf>,
    log_key: String,
}

impl Opened {
    /// Has it replayed.
    #[must_use]
    pub fn replay(&self) -> Replayed {
        let files: Vec<&Path> = self.files.iter().map(PathBuf::as_path).collect();
        replay(&self.package, &files, &self.log_key)
    }
}

/// Opens the ledger and the manifests of a package, with the keys of the demonstration.
#[must_use]
pub fn opened(desk: &Desk, package: &str) -> Opened {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let package = PathBuf::from(package);
    let mut files = Vec::new();
    let mut put = |name: String, bytes: &[u8]| {
        files.push(folder.path().join(name));
        fs::write(files.last().expect("the last"), bytes).expect("a file");
    };
    for (file, packed) in decrypted(&package, "ledger", &desk.demo.path("keys/auditor.age")) {
        let mut rows = Vec::new();
        GzipReader::new(packed.as_slice(), 1 << 30).read_to_end(&mut rows).expect("a gzip member");
        put(file.replace("data/", "").replace(".gz.age", ""), &rows);
    }
    for (set, holder) in
        [("captured", "case-team"), ("held:neutral", "neutral"), ("held:victim-data", "victim-data")]
    {
        for (entry, bytes) in zip_entries(&package, set, &desk.demo.path(&format!("keys/{holder}.age"))) {
            if let Some(part) = entry.strip_suffix(".zip.age: manifest.jsonl") {
                put(part.replace("data/", "") + ".manifest.jsonl", &bytes);
            }
        }
    }
    let log_key = fs::read_to_string(desk.demo.path("keys/log.pub")).expect("the log's key");
    Opened { package, _folder: folder, files, log_key: log_key.trim().to_owned() }
}

fn program() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/replay/replay.py").to_owned()
}
