//! `ambit policy import`, as a person at a keyboard and a script meet it.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const CATALOGUE: &str = "name: Logs
doc: Logs of the service.
sources:
- type: FILE
  attributes: {paths: ['/var/log/x*.log']}
---
name: Deep
sources:
- type: FILE
  attributes: {paths: ['/srv/**', '/*/**']}
---
name: Mixed
sources:
- type: FILE
  attributes: {paths: ['/etc/x']}
- type: COMMAND
  attributes: {cmd: /bin/x}
";

fn words(folder: &Path, more: &str) -> String {
    format!(
        "'{}' policy import --from forensic-artifacts '{}' --out '{}' {more}",
        env!("CARGO_BIN_EXE_ambit"),
        folder.join("c.yaml").display(),
        folder.join("draft").display()
    )
}

fn run(folder: &Path, more: &str) -> (i32, String) {
    let ran = Command::new("sh").args(["-c", &words(folder, more)]).stdin(Stdio::null()).output().unwrap();
    said(&ran)
}

fn said(ran: &Output) -> (i32, String) {
    let text = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    (ran.status.code().unwrap(), text)
}

#[test]
fn a_definition_becomes_a_draft_that_waits_to_be_filled_in() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("c.yaml"), CATALOGUE).unwrap();
    let draft = folder.path().join("draft");

    let (code, text) = run(folder.path(), "--select Logs,Gone");
    assert!(
        code == 2 && text.contains("no definition") || text.contains("has a definition `Gone`"),
        "{text}"
    );
    let (code, text) = run(folder.path(), "--select Mixed");
    assert!(code == 2 && text.contains("left out: Mixed, COMMAND: it is not of files"), "{text}");
    let (code, text) = run(folder.path(), "--select Deep");
    assert!(code == 2 && text.contains("to any depth: Deep: /srv/*/**"), "{text}");
    assert!(text.contains("over the whole drive: Deep: /*/*/**"), "{text}");
    assert!(!draft.exists(), "a no writes nothing");

    let (code, text) = run(folder.path(), "--all --leave-out-refused --accept-sweeps");
    assert_eq!(code, 0, "{text}");
    let policy = fs::read_to_string(draft.join("policy.toml")).unwrap();
    assert!(policy.contains("# - Mixed, COMMAND: it is not of files"), "{policy}");
    let digest = scope::Digest::of(CATALOGUE.as_bytes()).hex();
    assert_eq!(policy.matches(&format!("sha256     = \"{digest}\"")).count(), 3, "{policy}");
    assert_eq!(policy.matches(&format!("c.yaml sha256:{digest}")).count(), 3, "in the basis of each rule");

    let check = |more: &[&str]| {
        let mut check = Command::new(env!("CARGO_BIN_EXE_ambit"));
        said(&check.args(["policy", "check"]).arg(&draft).args(more).output().unwrap())
    };
    let (code, text) = check(&[]);
    assert!(code == 0 && text.contains("[placeholder]"), "{text}");
    assert_eq!(check(&["--deny-warnings"]).0, 2);

    let (code, text) = run(folder.path(), "--select Logs");
    assert!(code == 1 && text.contains("draft"), "nothing is overwritten: {text}");
}

#[test]
fn at_a_terminal_sweeps_are_asked_about() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("c.yaml"), CATALOGUE).unwrap();
    let draft = folder.path().join("draft");
    for (answer, code) in [("no", 2), ("yes", 0)] {
        // `script` gives it a terminal, on which the answer is typed.
        let words = words(folder.path(), "--select Deep");
        let typed = format!("echo {answer} | script -qec \"{words}\" /dev/null");
        match Command::new("sh").args(["-c", &typed]).output() {
            Ok(ran) if ran.status.code() != Some(127) => {
                let (found, text) = said(&ran);
                assert!(text.contains("Type yes to take them into the draft"), "{text}");
                assert_eq!(found, code, "{text}");
                assert_eq!(draft.exists(), answer == "yes", "{text}");
            }
            other => {
                assert!(std::env::var_os("CI").is_none(), "`script` (bsdutils) is absent in CI: {other:?}");
                eprintln!("did not run: `script` is not here");
            }
        }
    }
}

/// A catalogue as it lies in its repository: folders within folders, and a file that is not in its form.
#[test]
fn a_folder_stands_for_the_files_in_its_folders() {
    let folder = tempfile::tempdir().unwrap();
    let own = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let part = |path: &str| {
        format!(
            "artifacts:\n  -\n    supported_os: [linux]\n    collector: file\n    path: {path}\n    max_depth: 1\n    file_type: [f]\n"
        )
    };
    own("uac/files/logs/net.yaml", &part("/l"));
    own("uac/files/system/net.yaml", &part("%user_home%/.s"));
    own("uac/files/broken.yaml", "no key\n");
    own("empty/readme.txt", "");
    own("kape/!Disabled/All.tkape", "Description: D\nTargets: []\n");
    own("kape/One.tkape", "Description: D\nTargets:\n    -\n        Name: N\n        Path: C:\\X\n");
    let import = |from: &str, catalogue: &str, out: &str, more: &[&str]| {
        let mut words = Command::new(env!("CARGO_BIN_EXE_ambit"));
        words.args(["policy", "import", "--from", from]).arg(folder.path().join(catalogue)).args(more);
        said(&words.arg("--out").arg(folder.path().join(out)).stdin(Stdio::null()).output().unwrap())
    };

    let (code, text) = import("uac", "uac", "a", &["--select", "net"]);
    assert!(code == 2 && text.contains("`net` may be files/logs/net or files/system/net"), "{text}");
    let (code, text) = import("uac", "uac", "a", &["--select", "files/logs/net"]);
    assert_eq!(code, 0, "the file that is not read is another: {text}");
    let policy = fs::read_to_string(folder.path().join("a/policy.toml")).unwrap();
    assert!(policy.contains("file       = \"files/logs/net.yaml\""), "{policy}");
    let (code, text) = import("uac", "uac", "b", &["--select", "gone"]);
    assert!(code == 2 && text.contains("not read: files/broken.yaml"), "{text}");
    let (code, text) = import("uac", "uac", "b", &["--all"]);
    assert!(
        code == 2 && text.contains("left out: files/broken, file: the file is not read: line 1"),
        "{text}"
    );
    let (code, text) = import("uac", "uac", "b", &["--all", "--leave-out-refused"]);
    assert!(code == 0 && text.contains("2 definitions"), "{text}");

    let (code, text) = import("kape", "uac", "c", &["--all"]);
    assert!(code == 1 && text.contains("no file in it ends in .tkape"), "{text}");
    let (code, text) = import("uac", "empty", "c", &["--all"]);
    assert!(code == 1 && text.contains("no file in it ends in .yaml or .yml"), "{text}");
    let (code, text) = import("kape", "kape", "c", &["--all"]);
    assert!(code == 0 && text.contains("passed over: ") && text.contains("1 definitions"), "{text}");

    let mut deep = "deep".to_owned();
    for _ in 0..10 {
        deep.push_str("/d");
    }
    own(&format!("{deep}/x.yaml"), &part("/x"));
    let (code, text) = import("uac", "deep", "d", &["--all"]);
    assert!(code == 1 && text.contains("more than 8 folders deep"), "{text}");
}
