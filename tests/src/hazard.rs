//! One small capture, run many times on a disk that fails; and what may be left afterwards.
//!
//! ```text
//! let hazard = Hazard::new();
//! let place = hazard.place();                        a case of its own, nothing captured yet
//! let ran = hazard.capture(disk, &place);
//! hazard.judge(place.path());                        whole or recognisably unfinished: else the test fails
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, io};

use custody::durable::Step;
use custody::{CaseFolder, Disk};
use evidence::acquisition::{PartStatement, SetName};
use evidence::report::{Intact, Status};
use evidence::verify::{VerifyOptions, verify};
use folder::Folder;
use scope::Digest;
use serde_json::Value;
use tempfile::TempDir;

use crate::reading::expected_counts;
use crate::story::{Desk, Ran};

/// The demo's case, approved, and its medium.
#[derive(Debug)]
pub struct Hazard {
    desk: Desk,
}

/// What a capture left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Left {
    /// A package under its name, INTACT and complete.
    Whole,
    /// No package under its name; so many batches are committed, and all of their files are whole.
    Unfinished(usize),
}

impl Hazard {
    /// Makes the case.
    #[must_use]
    pub fn new() -> Self {
        Self { desk: Desk::with_case() }
    }

    /// A folder with the case in it, in memory where the system has such a place: what is synced takes no time there.
    #[must_use]
    pub fn place(&self) -> TempDir {
        let place = in_memory();
        copy(&self.desk.path("case"), &place.path().join("case"));
        place
    }

    /// The trust file.
    #[must_use]
    pub fn trust(&self) -> String {
        self.desk.fill("{trust}")
    }

    /// Captures in several batches, with one worker, to `KC07.ambit` in `place`.
    #[must_use]
    pub fn capture(&self, disk: Disk, place: &Path) -> Ran {
        self.capture_to(disk, place, &["KC07.ambit"])
    }

    /// As [`Hazard::capture`], to these names.
    #[must_use]
    pub fn capture_to(&self, disk: Disk, place: &Path, outs: &[&str]) -> Ran {
        self.capture_with(disk, place, outs, &[])
    }

    /// As [`Hazard::capture_to`], with these words added.
    #[must_use]
    pub fn capture_with(&self, disk: Disk, place: &Path, outs: &[&str], more: &[&str]) -> Ran {
        self.capture_under(Path::new(&self.trust()), disk, place, outs, more)
    }

    /// As [`Hazard::capture_with`], under another trust file.
    #[must_use]
    pub fn capture_under(&self, trust: &Path, disk: Disk, place: &Path, outs: &[&str], more: &[&str]) -> Ran {
        let mut words: Vec<String> =
            ["ambit capture --yes --jobs 1 --part-size 16384 --policy {policy} --medium {medium} \
             --sign-as examiner={keys}/examiner --sign-as witness={keys}/witness"]
            .iter()
            .flat_map(|words| words.split_whitespace())
            .map(|word| self.desk.fill(word))
            .collect();
        words.extend(["--case".to_owned(), place.join("case").display().to_string()]);
        words.extend(["--trust".to_owned(), trust.display().to_string()]);
        for out in outs {
            words.extend(["--out".to_owned(), place.join(out).display().to_string()]);
        }
        words.extend(more.iter().map(ToString::to_string));
        run_on(disk, &words)
    }

    /// Moves what has the name `from` to the name `to`, both in `place`.
    #[must_use]
    pub fn move_package(&self, disk: Disk, place: &Path, from: &str, to: &str) -> Ran {
        let words =
            ["ambit", "package", "move", from, to, "--sign-as", "examiner={keys}/examiner", "--case", "case"];
        let in_place = |word: &str| place.join(word).display().to_string();
        let words = words.iter().map(|word| match *word {
            word if word == from || word == to || word == "case" => in_place(word),
            word => self.desk.fill(word),
        });
        run_on(disk, &words.collect::<Vec<_>>())
    }

    /// What is in `place`.
    ///
    /// Fails the test where something under the package's name is not INTACT; something INTACT is not complete; a
    /// file of a committed batch is not whole; or the case cannot be opened any more.
    #[must_use]
    pub fn judge(&self, place: &Path) -> Left {
        self.judge_copy(place, "KC07.ambit")
    }

    /// As [`Hazard::judge`], of the copy with this name.
    #[must_use]
    pub fn judge_copy(&self, place: &Path, name: &str) -> Left {
        let case = CaseFolder::open(&Disk::new(), &place.join("case"));
        case.unwrap_or_else(|error| panic!("the case cannot be used any more: {error}"));
        let (out, partial) = (place.join(name), place.join(format!("{name}.partial")));
        if partial.exists() {
            let _ = self.is_complete(&partial); // INTACT or not; if it is, it lacks nothing
        }
        if out.exists() {
            assert!(self.is_complete(&out), "what has the name of a package is not INTACT");
            return Left::Whole;
        }
        Left::Unfinished(committed(&partial))
    }

    /// Whether a folder verifies. Fails the test where it does and lacks something.
    #[must_use]
    pub fn is_complete(&self, package: &Path) -> bool {
        let trust = fs::read(self.desk.demo.path("trust.toml")).expect("the demo's trust file");
        let files = Folder::open(package).expect("a folder");
        let report = verify(&files, &trust, &VerifyOptions::default());
        if report.intact != Intact::Yes {
            return false;
        }
        assert!(report.checks.iter().all(|check| check.status != Status::Fail), "{}", report.text());
        let counts = report.summary.counts.iter().cloned().collect();
        assert_eq!(expected_counts(), counts, "it verifies, and lacks something");
        true
    }
}

impl Default for Hazard {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs `ambit` on this disk.
/// Runs a command on a disk.
#[must_use]
pub fn run_on(disk: Disk, words: &[String]) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = imager::run_on(disk, words.iter().map(Into::into), &mut out, &mut err) as u8;
    let text = |bytes| String::from_utf8(bytes).expect("programs print UTF-8");
    Ran { command: words.join(" "), exit, out: text(out), err: text(err) }
}

/// How many batches the journal of an unfinished package commits; fails the test unless their files are whole.
fn committed(partial: &Path) -> usize {
    let work = partial.join(".work");
    let Ok(journal) = fs::read(work.join("journal.jsonl")) else { return 0 };
    let mut lines = 0;
    for line in journal.split_inclusive(|byte| *byte == b'\n') {
        // A line that was being written when the power went is no line.
        let Ok(line) = serde_json::from_slice::<Value>(line) else { break };
        let Some(parts) = line.get("batch").and_then(|batch| batch.get("parts")) else { continue };
        let parts: Vec<(SetName, PartStatement)> =
            serde_json::from_value(parts.clone()).expect("statements of parts");
        assert!(!parts.is_empty());
        for (_, part) in parts {
            let bytes = fs::read(partial.join(&part.file)).unwrap_or_default();
            assert_eq!(Digest::of(&bytes), part.sha256, "{}: committed, and not whole", part.file);
        }
        lines += 1;
    }
    lines
}

/// A folder for one test, in memory where the system has such a place.
#[must_use]
pub fn in_memory() -> TempDir {
    let memory = PathBuf::from("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a temporary folder")
}

/// Puts `bytes` in place of a tag file, and makes the list of what is sealed anew: nobody's key is needed for it.
pub fn put_in_place(package: &Path, file: &str, bytes: &[u8]) {
    let list = package.join("tagmanifest-sha256.txt");
    let was = Digest::of(&fs::read(package.join(file)).expect("a tag file"));
    let text = fs::read_to_string(&list).expect("a list");
    assert!(text.contains(&was.hex()), "{file} is not listed");
    fs::write(package.join(file), bytes).expect("a tag file");
    fs::write(list, text.replace(&was.hex(), &Digest::of(bytes).hex())).expect("a list");
}

/// Copies a folder.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).map(drop).expect("a file");
        }
    }
}

/// Every file and link of a folder, by its path; a link is not followed, and what is no file has no bytes.
pub fn files(of: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![of.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let kind = path.symlink_metadata().expect("an entry");
            if kind.is_dir() {
                folders.push(path);
            } else {
                let bytes = if kind.is_file() { fs::read(&path).expect("a file") } else { Vec::new() };
                found.insert(path.strip_prefix(of).expect("it lies below").to_owned(), bytes);
            }
        }
    }
    found
}

/// A disk on which an operation fails, and all after it, once `when` says so.
pub fn failing(when: impl Fn(&Step<'_>) -> bool + Send + Sync + 'static) -> Disk {
    let failed = AtomicBool::new(false);
    let watch = move |step: &Step<'_>| -> io::Result<usize> {
        if failed.load(Ordering::SeqCst) || when(step) {
            failed.store(true, Ordering::SeqCst);
            return Err(io::Error::from_raw_os_error(5));
        }
        Ok(usize::MAX)
    };
    Disk::watched(Arc::new(watch))
}

/// How many lines a journal has; none where there is none.
#[must_use]
pub fn lines(journal: &Path) -> usize {
    fs::read_to_string(journal).map_or(0, |text| text.lines().count())
}
