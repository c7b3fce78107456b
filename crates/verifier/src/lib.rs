//! `ambit-verify`: the lawyer's, the auditor's and the court's program.
//!
//! It checks and never writes. The report goes to standard output, words go
//! to standard error, and the exit code is the report's.

mod attest;
mod check;
pub mod cli;
mod explain;
mod holder;
mod listing;
mod outcome;
mod progress;
mod sample;

use std::ffi::OsString;
use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use chrono::{Local, SecondsFormat};
use clap::Parser as _;
use evidence::report::{Check, Intact, Report, Status, escape};
use source::Reader;

/// Runs one check: the whole of the program `ambit-verify`. The report is written to `out`, errors to `err`.
///
/// Images and devices are parsed by this program again, in processes that do nothing else.
pub fn run(args: impl IntoIterator<Item = OsString>, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    if let Err(error) = source::guard::leave_no_image() {
        let _ = writeln!(err, "warning: a crash of this program can leave an image of its memory: {error}");
    }
    let args: Vec<OsString> = args.into_iter().collect();
    if let Some(code) = source::guard::serve_if_asked(&args) {
        return ExitCode::from(code);
    }
    ExitCode::from(run_with(Reader::this_program(), args, out, err))
}

/// As [`run`], for callers in the same process, where media are parsed too: 0, 1, 2 or 3.
pub fn run_to_code(args: impl IntoIterator<Item = OsString>, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    run_with(Reader::Here, args, out, err)
}

fn run_with(
    reader: Reader,
    args: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let cli = match cli::Cli::try_parse_from(args) {
        Ok(cli) => cli,
        // clap's own exit code for a usage error is 2, which here means "the answer is no".
        Err(error) if error.use_stderr() => {
            let _ = write!(err, "{error}");
            return 1;
        }
        Err(help) => {
            let _ = write!(out, "{help}");
            return 0;
        }
    };
    if let Some(cli::Command::Trust(args)) = &cli.command {
        let text = check::trust(args).map_err(|failure| failure.to_string());
        let written =
            text.and_then(|text| out.write_all(text.as_bytes()).map_err(|error| format!("error: {error}")));
        return match written {
            Ok(()) => 0,
            Err(message) => {
                let _ = writeln!(err, "{message}");
                1
            }
        };
    }
    let told = match &cli.command {
        Some(cli::Command::Explain(args)) => Some(explain::explain(args, err)),
        Some(cli::Command::Attestation(args)) => Some(attest::attestation(args)),
        _ => None,
    };
    if let Some(told) = told {
        return match told {
            Ok(told) => match out.write_all(told.text.as_bytes()).and_then(|()| out.flush()) {
                Ok(()) => told.code,
                Err(error) => {
                    let _ = writeln!(err, "error: standard output: {error}");
                    1
                }
            },
            Err(failure) => {
                let _ = writeln!(err, "{failure}");
                failure.code
            }
        };
    }
    let json = match (&cli.command, &cli.verify) {
        (Some(cli::Command::Audit(args)), _) => args.check.json,
        (Some(cli::Command::Attest(args)), _) => args.check.json,
        (Some(cli::Command::Holder(args)), _) => args.check.json,
        (Some(cli::Command::Sample(args)), _) => args.check.json,
        (None, Some(args)) => args.json,
        _ => false,
    };
    let made = made();
    let outcome = match (&cli.command, &cli.verify) {
        (Some(cli::Command::Audit(args)), _) => check::audit(args, reader, err),
        (Some(cli::Command::Attest(args)), _) => attest::attest(args, err),
        (Some(cli::Command::Holder(args)), _) => holder::holder(args, err),
        (Some(cli::Command::Sample(args)), _) => sample::sample(args, reader, out, err),
        (None, Some(args)) => check::verify(args, err),
        _ => Err(Failure::new("no package was given").hint("ambit-verify PKG --trust FILE")),
    };
    match outcome {
        Ok(report) => {
            // Under --json two checks of one package are the same bytes.
            let text = if json { report.json() + "\n" } else { made + &report.text() };
            match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                Ok(()) => {
                    if let Some(why) = unanswered(&report) {
                        let _ = writeln!(err, "error: something that was asked is not answered: {why}");
                    }
                    report.exit_code()
                }
                Err(error) => {
                    let _ = writeln!(err, "error: standard output: {error}");
                    1
                }
            }
        }
        Err(failure) => {
            let _ = writeln!(err, "{failure}");
            1
        }
    }
}

/// When a printed report is made, and by which program: what somebody notes who puts it into a file.
fn made() -> String {
    let now = Local::now().to_rfc3339_opts(SecondsFormat::Secs, false);
    format!("Checked at {now}, by this computer's clock, with ambit-verify {}.\n", env!("CARGO_PKG_VERSION"))
}

/// Of a report that could not say what was asked: why, in its own words.
fn unanswered(report: &Report) -> Option<String> {
    if report.exit_code() != 1 {
        return None;
    }
    // What stands first in the way of an answer stands first in the report.
    if report.intact == Intact::Unfinished {
        let needed = |check: &&Check| {
            check.status == Status::NotChecked
                && !["consistency", "cosignatures", "time", "objects"].contains(&check.id)
        };
        let first = report.checks.iter().find(needed);
        return first.map(|check| escape(&format!("{}: {}", check.id, check.detail)));
    }
    let limit = report.limits.iter().find(|limit| limit.starts_with("not replayed: "));
    let open =
        || report.checks.iter().find(|check| check.id == "objects" && check.status == Status::NotChecked);
    let why = limit.cloned().or_else(|| open().map(|check| check.detail.clone()));
    Some(escape(&why.unwrap_or_else(|| "see the report".to_owned())))
}

/// Why no report could be made, and what to do next.
#[derive(Debug)]
struct Failure {
    message: String,
    hint: Option<String>,
    code: u8,
}

impl Failure {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code: 1 }
    }

    /// The answer is no.
    fn no(message: impl Into<String>) -> Self {
        Self { code: 2, ..Self::new(message) }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// An error of a library; `what` names the thing it was about.
    fn of(what: impl fmt::Display) -> impl FnOnce(&dyn std::error::Error) -> Self {
        move |error| Self::new(format!("{what}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}
