//! What the matrix of tests is made of: trees, file systems, tables, containers, and what is true of them.

#![allow(dead_code, missing_docs, reason = "each test program uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

pub mod containers;
pub mod file_systems;
pub mod tables;
pub mod trees;
pub mod truth;

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

use crate::common::run;

/// How much is made and compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extent {
    /// Some sixty files, for mutants.
    Mutants,
    /// What every run of the tests does.
    Quick,
    /// `AMBIT_MATRIX=full`: larger trees, and the whole product of file systems, tables and containers.
    Full,
}

impl Extent {
    pub fn asked() -> Self {
        if std::env::var_os("AMBIT_MATRIX").is_some_and(|value| value == "full") {
            Self::Full
        } else {
            Self::Quick
        }
    }
}

/// Whether all programs are installed. Where `CI` is set they must be.
pub fn need(programs: &[&str]) -> bool {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    for program in programs {
        if !std::env::split_paths(&path).any(|folder| folder.join(program).exists()) {
            assert!(std::env::var_os("CI").is_none(), "{program} is not installed");
            eprintln!("{program} is not installed: its comparison was NOT made");
            return false;
        }
    }
    true
}

/// A file as a block device, until it is dropped.
pub struct LoopDevice(pub String);

impl LoopDevice {
    /// `None`, and words, where there are no loop devices.
    pub fn new(file: &Path) -> Option<Self> {
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
        let result = Command::new("losetup").args(["--find", "--show"]).arg(file).env("PATH", path).output();
        match result {
            Ok(output) if output.status.success() => {
                Some(Self(String::from_utf8(output.stdout).unwrap().trim().to_owned()))
            }
            _ => {
                eprintln!("no loop device: what needs one was NOT tested");
                None
            }
        }
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        run("losetup", &["-d", &self.0]);
    }
}

/// Writes the bytes of `from` at `offset` of `to`, leaving holes where they are zero.
pub fn copy_at(from: &Path, to: &File, offset: u64) {
    let mut file = File::open(from).unwrap();
    let mut buf = vec![0; 1 << 16];
    let mut at = offset;
    loop {
        let count = file.read(&mut buf).unwrap();
        if count == 0 {
            return;
        }
        if buf[..count].iter().any(|byte| *byte != 0) {
            to.write_all_at(&buf[..count], at).unwrap();
        }
        at += count as u64;
    }
}

pub fn length(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}
