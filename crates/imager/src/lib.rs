//! `ambit`, the examiner's program: policy, capture, seal.
//!
//! A command is: parse, do, render. Words go to standard error, the result
//! goes to standard output, and the exit code says which of four things
//! happened ([`Exit`]).

mod bad_places;
pub mod cli;
mod command;
mod console;
mod digests;
mod estimate;
mod interrupt;
mod known;
mod load;
mod metered;
mod pipeline;
mod progress;
mod queue;
mod study;
mod survey;
mod synthetic;
mod workplace;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser as _;
use custody::Disk;
use source::Reader;

pub use console::{Exit, Failure};
use interrupt::Interrupt;

/// Runs one command: the whole of the program `ambit`.
///
/// Results are written to `out`, words to the person at the keyboard to `err`. Images and devices are parsed by this
/// program again, in processes that do nothing else.
pub fn run(args: impl IntoIterator<Item = OsString>, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    if let Err(error) = source::guard::leave_no_image() {
        let _ = writeln!(err, "warning: a crash of this program can leave an image of its memory: {error}");
    }
    let args: Vec<OsString> = args.into_iter().collect();
    if let Some(code) = source::guard::serve_if_asked(&args) {
        return ExitCode::from(code);
    }
    // Where signals cannot be listened to, they end the program as they always do.
    let interrupt = Interrupt::of_process().unwrap_or_default();
    ExitCode::from(run_with(Reader::this_program(), interrupt, args, out, err) as u8)
}

/// As [`run`], for callers in the same process, where media are parsed too.
pub fn run_to_exit(
    args: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    run_with(Reader::Here, Interrupt::default(), args, out, err)
}

/// As [`run_to_exit`], with a disk of the caller's: one whose operations fail when a test says so. `capture`,
/// `image` and `sign` write the case and the package to it; other commands take the system's.
pub fn run_on(
    disk: Disk,
    args: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    run_around(Reader::Here, Interrupt::default(), disk, args, out, err)
}

pub(crate) fn run_with(
    reader: Reader,
    interrupt: Interrupt,
    args: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    run_around(reader, interrupt, Disk::new(), args, out, err)
}

fn run_around(
    reader: Reader,
    interrupt: Interrupt,
    disk: Disk,
    args: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match cli::Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return console::usage(&error, out, err),
    };
    let mut console = console::Console::new(out, err, cli.json, reader, interrupt, disk);
    console.started_with(&args);
    match command::run(cli.command, &mut console) {
        Ok(exit) => exit,
        Err(failure) => {
            console.failure(&failure);
            failure.exit
        }
    }
}
