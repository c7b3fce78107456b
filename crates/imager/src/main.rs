//! `ambit`: the examiner's program.

use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    imager::run(std::env::args_os(), &mut io::stdout().lock(), &mut io::stderr())
}
