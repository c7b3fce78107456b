//! The demo's case, made once, and commands run on it in this process.
//!
//! ```text
//! let desk = Desk::with_case();
//! desk.run("ambit capture {what} {both} --out {dir}/KC07.ambit").exits(0);
//! ```

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tempfile::TempDir;

/// What a program did.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The words it was started with.
    pub command: String,
    /// Its exit code.
    pub exit: u8,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Fails the test unless the exit code is this.
    #[track_caller]
    #[expect(clippy::must_use_candidate, reason = "it is a check")]
    pub fn exits(self, expected: u8) -> Self {
        assert!(self.exit == expected, "expected exit code {expected}: {self}");
        self
    }

    /// Fails the test unless standard error has these words.
    #[track_caller]
    #[expect(clippy::must_use_candidate, reason = "it is a check")]
    pub fn says(self, words: &str) -> Self {
        assert!(self.err.contains(words), "expected the words `{words}`: {self}");
        self
    }

    /// Fails the test unless standard output has these words.
    #[track_caller]
    #[expect(clippy::must_use_candidate, reason = "it is a check")]
    pub fn prints(self, words: &str) -> Self {
        assert!(self.out.contains(words), "expected the result `{words}`: {self}");
        self
    }

    /// Standard output as one JSON object; fails the test if it is not one.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let value: serde_json::Value = serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("not one JSON value: {error}: {self}"));
        assert!(value.is_object(), "not an object: {self}");
        value
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { command, exit, out, err } = self;
        write!(f, "\n$ {command}\nexit code {exit}\n--- standard output\n{out}--- standard error\n{err}")
    }
}

/// Runs `ambit` or `ambit-verify`, whichever the first word says.
pub fn run<W: Into<OsString>>(words: impl IntoIterator<Item = W>) -> Ran {
    let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
    let shown: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let (command, program) = (shown.join(" "), shown.first().map(ToString::to_string));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = match program.as_deref() {
        Some("ambit") => imager::run_to_exit(words, &mut out, &mut err) as u8,
        Some("ambit-verify") => verifier::run_to_code(words, &mut out, &mut err),
        _ => panic!("neither of the programs: {command}"),
    };
    let text = |bytes| String::from_utf8(bytes).expect("programs print UTF-8");
    Ran { command, exit, out: text(out), err: text(err) }
}

/// A folder as `ambit demo` leaves it.
#[derive(Debug)]
pub struct Demo {
    folder: TempDir,
    /// How the demo went; its result is JSON.
    pub ran: Ran,
}

impl Demo {
    /// Runs the demo in a folder of its own.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ran = run(["ambit", "demo", "--json", "--dir", &text(folder.path())]);
        Self { folder, ran }
    }

    /// What it left under this name.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Default for Demo {
    fn default() -> Self {
        Self::new()
    }
}

/// The demo of this test program: run for the first test that asks, removed after the last.
#[must_use]
pub fn demo() -> Arc<Demo> {
    static SHARED: Mutex<Weak<Demo>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let demo = Arc::new(Demo::new());
        *shared = Arc::downgrade(&demo);
        demo
    })
}

/// A folder for one test, beside the demo's keys, policy and medium.
#[derive(Debug)]
pub struct Desk {
    /// The demo; its files are read, never changed.
    pub demo: Arc<Demo>,
    folder: TempDir,
}

impl Desk {
    /// An empty folder.
    #[must_use]
    pub fn new() -> Self {
        let demo = demo();
        demo.ran.clone().exits(0);
        Self { demo, folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// A folder with a case in `{dir}/case`, opened by the examiner; nothing is approved.
    #[must_use]
    pub fn with_open_case() -> Self {
        let desk = Self::new();
        desk.run("ambit case new {case} --trust {trust} --medium-label KC07 --log-key {keys}/log {examiner}")
            .exits(0);
        desk
    }

    /// A folder with a case in `{dir}/case`, its policy approved by the court officer.
    #[must_use]
    pub fn with_case() -> Self {
        let desk = Self::with_open_case();
        desk.run("ambit policy approve {policy} --case {case} {officer}").exits(0);
        desk
    }

    /// Puts the demo's policy into `{dir}/policy`, with other lines in place of those that begin so.
    pub fn policy_with(&self, lines: &[(&str, &str)]) {
        let mut text = fs::read_to_string(self.demo.path("policy/policy.toml")).expect("the demo's policy");
        for (begins, line) in lines {
            let old =
                text.lines().find(|old| old.starts_with(begins)).expect("a line of the policy").to_owned();
            text = text.replacen(&old, line, 1);
        }
        fs::create_dir_all(self.path("policy")).expect("a folder");
        fs::write(self.path("policy/policy.toml"), text).expect("a file");
    }

    /// A name in this folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command: words separated by blanks, in which braces stand for files and for groups of words.
    ///
    /// `{dir}` and `{case}` are this desk's; `{keys}`, `{trust}`, `{policy}`, `{medium}` and `{package}` the demo's.
    #[must_use]
    pub fn run(&self, command: &str) -> Ran {
        run(self.words(command))
    }

    /// The words of a command, as [`Desk::run`] takes them.
    #[must_use]
    pub fn words(&self, command: &str) -> Vec<String> {
        let whole = GROUPS.iter().fold(command.to_owned(), |words, (group, all)| words.replace(group, all));
        // A capture asks before it seals; nobody is asked here.
        let asks = ["ambit capture ", "ambit image "].iter().any(|command| whole.starts_with(command));
        let agreed = asks.then_some("--yes");
        whole.split_whitespace().chain(agreed).map(|word| self.fill(word)).collect()
    }

    /// Puts paths in place of names in braces.
    #[must_use]
    pub fn fill(&self, word: &str) -> String {
        let places = [
            ("{dir}", self.folder.path().to_owned()),
            ("{case}", self.path("case")),
            ("{demo}", self.demo.folder.path().to_owned()),
            ("{keys}", self.demo.path("keys")),
            ("{trust}", self.demo.path("trust.toml")),
            ("{policy}", self.demo.path("policy")),
            ("{medium}", self.demo.path("KC07.E01")),
            ("{package}", self.demo.path("KC07.ambit")),
        ];
        places.iter().fold(word.to_owned(), |word, (place, path)| word.replace(place, &text(path)))
    }
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

/// What stands in many commands.
const GROUPS: [(&str, &str); 5] = [
    ("{what}", "--policy {policy} --medium {medium} --case {case} --trust {trust}"),
    ("{examiner}", "--sign-as examiner={keys}/examiner"),
    ("{witness}", "--sign-as witness={keys}/witness"),
    ("{officer}", "--sign-as court-officer={keys}/court-officer"),
    ("{both}", "--sign-as examiner={keys}/examiner --sign-as witness={keys}/witness"),
];

fn text(path: &Path) -> String {
    path.to_str().expect("temporary folders have names in UTF-8").to_owned()
}
