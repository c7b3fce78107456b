//! What the person at the keyboard reads: words, results, failures.

use std::ffi::OsString;
use std::fmt::{self, Display};
use std::io::{ErrorKind, Write};

use custody::Disk;
use serde::Serialize;
use source::Reader;

use crate::interrupt::Interrupt;

/// How a command ended; the number is the process's exit code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Exit {
    /// All that was asked is done.
    Done = 0,
    /// The command could not finish, or was not understood.
    Unfinished = 1,
    /// It finished, and the answer is no.
    No = 2,
    /// It finished, with departures from the order or the procedure.
    Departures = 3,
}

/// Why a command did not do what was asked, and what to do next.
#[derive(Debug)]
pub struct Failure {
    /// What, where, and with which numbers.
    pub message: String,
    /// The next step.
    pub hint: Option<String>,
    /// [`Exit::Unfinished`] or [`Exit::No`].
    pub exit: Exit,
    /// What a destination lacks, where that is the cause: the next step depends on it.
    pub lacks: Option<Lacks>,
}

/// What a destination lacks for what was to be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lacks {
    /// Free bytes.
    Room,
    /// A file system with files as long.
    LongFiles,
}

impl Lacks {
    fn of(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        match custody::package::destination_lacks(error)? {
            ErrorKind::FileTooLarge => Some(Self::LongFiles),
            _ => Some(Self::Room),
        }
    }
}

impl Failure {
    /// The command could not finish.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, exit: Exit::Unfinished, lacks: None }
    }

    /// The command finished, and the answer is no.
    pub fn no(message: impl Into<String>) -> Self {
        Self { exit: Exit::No, ..Self::new(message) }
    }

    /// The command could not finish, for an error of a library; `what` names the thing.
    pub(crate) fn of(what: impl Display, error: &(dyn std::error::Error + 'static)) -> Self {
        Self { lacks: Lacks::of(error), ..Self::new(format!("{what}: {}", Chain(error))) }
    }

    /// Adds the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Turns an error of a library into a failure that says what was being done.
pub(crate) trait Context<T> {
    /// `what` names the thing: "trust file keys/trust.toml".
    fn context(self, what: impl Display) -> Result<T, Failure>;
}

impl<T, E: std::error::Error + 'static> Context<T> for Result<T, E> {
    fn context(self, what: impl Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::of(what, &error))
    }
}

/// The next step for a failure that has none.
pub(crate) trait NextStep<T> {
    /// Adds `hint` where nothing nearer to the fault has said what to do.
    fn or_hint(self, hint: &str) -> Result<T, Failure>;
}

impl<T> NextStep<T> for Result<T, Failure> {
    fn or_hint(self, hint: &str) -> Result<T, Failure> {
        self.map_err(|failure| match failure.hint {
            None => failure.hint(hint),
            Some(_) => failure,
        })
    }
}

/// An error with its causes, joined by colons, each cause once.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn std::error::Error);

impl Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            let text = error.to_string();
            if !said.contains(&text) {
                write!(f, ": {text}")?;
                said = text;
            }
            next = error.source();
        }
        Ok(())
    }
}

/// Where results and words go.
pub(crate) struct Console<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    json: bool,
    reader: Reader,
    interrupt: Interrupt,
    disk: Disk,
    command: Vec<String>,
    called: String,
}

impl<'a> Console<'a> {
    pub(crate) fn new(
        out: &'a mut dyn Write,
        err: &'a mut dyn Write,
        json: bool,
        reader: Reader,
        interrupt: Interrupt,
        disk: Disk,
    ) -> Self {
        Self { out, err, json, reader, interrupt, disk, command: Vec::new(), called: "ambit".to_owned() }
    }

    /// Where cases and packages are written.
    pub(crate) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Where media are parsed: in this process or in one of its own.
    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Whether the person asked the program to stop.
    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Remembers the command line.
    pub(crate) fn started_with(&mut self, args: &[OsString]) {
        if let Some(called) = args.first() {
            self.called = called.to_string_lossy().into_owned();
        }
        self.command = args.iter().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    }

    /// The program as it was called, for a shell: `ambit`, or a path.
    pub(crate) fn called(&self) -> &str {
        &self.called
    }

    /// The command line that resumes this one, for a shell.
    pub(crate) fn how_to_resume(&self) -> String {
        const RESUME: &str = "--resume";
        let again = self.command.iter().map(String::as_str).filter(|word| *word != RESUME);
        shell([self.called.as_str()].into_iter().chain(again).chain([RESUME]))
    }

    /// Another command with these options of this one and their values, for a shell.
    pub(crate) fn with_options(&self, words: &[&str], options: &[&str]) -> String {
        let mut all: Vec<&str> = [self.called.as_str()].into_iter().chain(words.iter().copied()).collect();
        let mut given = self.command.iter().map(String::as_str);
        while let Some(word) = given.next() {
            let joined = word.split_once('=').is_some_and(|(name, _)| options.contains(&name));
            if joined {
                all.push(word);
            } else if options.contains(&word) {
                all.extend([word].into_iter().chain(given.next()));
            }
        }
        shell(all.into_iter())
    }

    /// Words to the person at the keyboard. A closed terminal stops nothing.
    pub(crate) fn say(&mut self, words: impl Display) {
        let _ = writeln!(self.err, "{words}");
    }

    /// The result: `text` for people, `value` under `--json`.
    ///
    /// # Errors
    ///
    /// A result that cannot be written is a failure: somebody waits for it.
    pub(crate) fn result(&mut self, value: &impl Serialize, text: impl Display) -> Result<(), Failure> {
        let written = if self.json {
            let json = serde_json::to_string(value).context("result")?;
            writeln!(self.out, "{json}")
        } else {
            writeln!(self.out, "{}", text.to_string().trim_end())
        };
        written.and_then(|()| self.out.flush()).context("standard output")
    }

    /// A result that is a file: exactly its bytes.
    ///
    /// # Errors
    ///
    /// As [`Console::result`].
    pub(crate) fn file(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).and_then(|()| self.out.flush()).context("standard output")
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// A line of a result that is too long to wait for.
    ///
    /// # Errors
    ///
    /// As [`Console::result`].
    pub(crate) fn line(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let json = serde_json::to_string(value).context("result")?;
        writeln!(self.out, "{json}").context("standard output")
    }

    /// Lines of such a result that are text.
    ///
    /// # Errors
    ///
    /// As [`Console::result`].
    pub(crate) fn text(&mut self, lines: &str) -> Result<(), Failure> {
        self.out.write_all(lines.as_bytes()).context("standard output")
    }

    pub(crate) fn failure(&mut self, failure: &Failure) {
        if self.json {
            let value = serde_json::json!({ "error": failure.message, "hint": failure.hint });
            let _ = writeln!(self.out, "{value}");
        }
        self.say(format_args!("error: {}", failure.message));
        if let Some(hint) = &failure.hint {
            self.say(format_args!("hint: {hint}"));
        }
    }
}

/// Words as a line that a shell takes as it stands.
pub(crate) fn shell<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    let words = words.map(|word| match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// What clap has to say: help goes to standard output; a usage error is 1, since 2 means "the answer is no".
pub(crate) fn usage(error: &clap::Error, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    if error.use_stderr() {
        let _ = write!(err, "{error}");
        Exit::Unfinished
    } else {
        let _ = write!(out, "{error}");
        Exit::Done
    }
}
