//! The custody log under `docs/spec/vectors/custody-log` is accepted, and no byte of it may change.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::path::{Path, PathBuf};

use evidence::custody_log::Log;
use evidence::files::{Files, MemoryFiles};
use evidence::trust::Trust;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/spec/vectors/custody-log")
}

fn files() -> MemoryFiles {
    let mut files = MemoryFiles::new();
    for index in std::fs::read_dir(folder().join("custody")).unwrap() {
        let index = index.unwrap().path();
        for file in std::fs::read_dir(&index).unwrap() {
            let file = file.unwrap().path();
            let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
            files.insert(format!("custody/{}/{}", name(&index), name(&file)), std::fs::read(&file).unwrap());
        }
    }
    files
}

fn problems(files: &MemoryFiles, trust: &Trust) -> Vec<String> {
    let log = Log::read(files);
    let replayed = log.replay(trust).problems;
    log.problems.into_iter().chain(replayed).collect()
}

#[test]
fn the_published_log_holds_and_nothing_else_does() {
    let trust = Trust::parse(&std::fs::read(folder().join("trust.toml")).unwrap()).unwrap();
    let good = files();
    assert_eq!(problems(&good, &trust), Vec::<String>::new());
    let root = Log::read(&good).head().unwrap().tree().unwrap().root;
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    assert!(readme.contains(&root.to_string()), "{root}");
    for name in good.names().unwrap().into_iter().filter(|name| !name.ends_with("/checkpoint")) {
        let bytes = good.get(&name).unwrap().to_vec();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let mut files = good.clone();
            files.insert(name.clone(), changed);
            assert!(!problems(&files, &trust).is_empty(), "{name} byte {at}");
        }
        let mut files = good.clone();
        files.remove(&name);
        // Without all of its files the last folder is gone, and a shorter log is a log: the checkpoint tells.
        assert!(!problems(&files, &trust).is_empty(), "{name} removed");
    }
}
