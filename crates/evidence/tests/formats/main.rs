//! The formats, held against published vectors, other tools, and people who want them to fail.

mod ed25519;
mod tree;

use std::path::PathBuf;

/// The folder of vectors that others publish, beside the project.
///
/// `None`, after saying so, where it is absent; in CI its absence is a failure.
fn published(folder: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "the vectors `{folder}` are absent in CI");
    println!("did not run: the vectors `{folder}` are not here");
    None
}

/// Whether a program can be started; if not, says so. In CI its absence is a failure.
fn present(program: &str) -> bool {
    use std::process::{Command, Stdio};
    let quiet =
        |c: &mut Command| c.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    let found = quiet(Command::new(program).arg("-h"));
    assert!(found || std::env::var_os("CI").is_none(), "`{program}` is absent in CI");
    if !found {
        println!("did not run: `{program}` is not here");
    }
    found
}
