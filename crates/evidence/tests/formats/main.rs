//! The formats, held against published vectors, other tools, and people who want them to fail.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "helpers of tests stop the test; clippy exempts only the test functions themselves"
)]

mod age_testkit;
mod bag;
mod checkpoint;
mod ed25519;
mod gzip;
mod sshsig;
mod tree;
mod zip_attacks;
mod zip_profile;

use std::path::PathBuf;
use std::process::{Command, Stdio};

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

/// Whether a program can be started; says so if not.
fn present(program: &str) -> bool {
    let mut command = Command::new(program);
    let found = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        println!("did not run: `{program}` is not here");
    }
    found
}

/// A signing key that anyone can make again.
fn signer(seed: u8) -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[seed; 32])
}

/// A message said by a failure, and that it contains what it should.
fn says<T>(result: Result<T, impl ToString>, expected: &str) {
    let found = result.err().map(|error| error.to_string());
    let found = found.unwrap_or_else(|| panic!("accepted; expected a refusal that says {expected:?}"));
    assert!(found.contains(expected), "{found:?} does not say {expected:?}");
}
