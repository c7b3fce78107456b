//! The program at a terminal, where it shows how far it is.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail")]

use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn a_check_at_a_terminal_comes_to_its_end() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/spec/vectors/custody-log");
    // A trust file in what is checked would be refused.
    let trust = Path::new(env!("CARGO_TARGET_TMPDIR")).join("terminal-trust.toml");
    std::fs::copy(vectors.join("trust.toml"), &trust).unwrap();
    // What is checked has a log alone, and nothing else of a package: the answer is no, which is an answer.
    let (package, trust) = (vectors.display(), trust.display());
    let words = format!("{} {package} --trust {trust}", env!("CARGO_BIN_EXE_ambit-verify"));
    // `script` gives it a terminal. A program that takes two minutes for five small files has stopped.
    let typed = ["120", "script", "-qec", &words, "/dev/null"];
    match Command::new("timeout").args(typed).stdin(Stdio::null()).output() {
        Ok(ran) if ran.status.code() != Some(127) => {
            let shown = String::from_utf8_lossy(&ran.stdout);
            assert_eq!(ran.status.code(), Some(2), "124 is a program that did not end: {shown}");
            assert!(shown.contains("NOT INTACT"), "{shown}");
        }
        other => {
            assert!(std::env::var_os("CI").is_none(), "`script` (bsdutils) is absent in CI: {other:?}");
            eprintln!("did not run: `script` is not here");
        }
    }
}
