//! A crash of this program leaves no image of its memory.

#![allow(clippy::expect_used, reason = "test code")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn no_core_is_left_whatever_the_shell_allows() {
    let pipe = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("pipe-{}", std::process::id()));
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    // It waits for the pipe, and so does this test: whoever opens it has begun.
    let mut program = Command::new("sh");
    program.args([
        "-c",
        "ulimit -S -c unlimited 2>&-; exec \"$@\"",
        "sh",
        env!("CARGO_BIN_EXE_ambit-verify"),
    ]);
    program.args(["trust"]).arg(&pipe).stdout(Stdio::null()).stderr(Stdio::null());
    let mut program = program.spawn().expect("the program");
    let writer = fs::OpenOptions::new().write(true).open(&pipe).expect("a pipe that it reads");
    let limits = fs::read_to_string(format!("/proc/{}/limits", program.id())).expect("its limits");
    drop(writer);
    program.wait().expect("its end");
    fs::remove_file(&pipe).expect("the pipe");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
}
