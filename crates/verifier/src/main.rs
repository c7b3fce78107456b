//! `ambit-verify`: the lawyer's, the auditor's and the court's program.

use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Standard error is not locked: progress is written to it meanwhile, by another thread.
    verifier::run(std::env::args_os(), &mut io::stdout().lock(), &mut io::stderr())
}
