//! The program `ambit` and a terminal: a PDF does not go there.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn a_pdf_is_not_for_the_screen() {
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/3-hash-list-only");
    let words =
        format!("'{}' policy render '{}' --format pdf", env!("CARGO_BIN_EXE_ambit"), policy.display());
    // `script` runs it with a terminal of its own, and gives its exit code with `-e`.
    let ran = Command::new("script").args(["-qec", &words, "/dev/null"]).stdin(Stdio::null()).output();
    match ran {
        Ok(ran) => {
            let said = String::from_utf8_lossy(&ran.stdout);
            assert_eq!(ran.status.code(), Some(1), "{said}");
            assert!(
                said.contains("a PDF is not for the screen") && said.contains("add --out FILE"),
                "{said}"
            );
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "`script` (bsdutils) is absent in CI: {error}");
            eprintln!("did not run: `script` is not here");
        }
    }
    let ran = Command::new("sh").args(["-c", &words]).stdin(Stdio::null()).output().unwrap();
    assert!(ran.status.success() && ran.stdout.starts_with(b"%PDF-1.7\n"));
}
