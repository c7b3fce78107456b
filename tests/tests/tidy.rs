//! Order in the house: rules about the sources themselves that no lint knows.
//!
//! `docs/contributing/architecture.md` and `style.md` say why each exists. A
//! rule that fails names every file at fault, not the first one.

#![expect(
    clippy::expect_used,
    reason = "a file of the checkout that cannot be read fails the test, and should"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Which of our crates each crate may use. A crate that is not in this table may not exist.
const ARROWS: [(&str, &[&str]); 10] = [
    ("scope", &[]),
    ("catalogue", &["scope"]),
    ("evidence", &["scope"]),
    ("folder", &["evidence", "examine", "source", "scope"]),
    ("source", &["scope"]),
    ("examine", &["source", "scope"]),
    ("custody", &["evidence", "scope"]),
    ("papers", &["evidence", "scope"]),
    ("imager", &["catalogue", "custody", "examine", "folder", "papers", "evidence", "source", "scope"]),
    ("verifier", &["examine", "folder", "evidence", "source", "scope"]),
];

/// Crates that only compute: bytes and values in, values out.
const PURE: [&str; 4] = ["scope", "catalogue", "evidence", "papers"];

/// What a pure crate does not touch. `std::{..}` is looked into as well.
const IMPURE: [&str; 15] = [
    "std::env",
    "std::fs",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "Instant::",
    "Local::now",
    "SystemTime",
    "Utc::now",
    "OsRng",
    "getrandom",
    "rand::",
    "rustix",
    "thread_rng",
];

/// Longest source file. Above it, there is a second idea in the file.
const MAX_LINES: usize = 600;

#[test]
fn a_file_has_one_idea() {
    report(files("rs").filter_map(|file| {
        let lines = file.text.lines().count();
        (lines > MAX_LINES).then(|| format!("{}: {lines} lines, at most {MAX_LINES}", file.name))
    }));
}

#[test]
fn crates_use_whom_they_may() {
    report(crates().flat_map(|(name, manifest)| {
        let Some((_, allowed)) = ARROWS.iter().find(|(crate_name, _)| *crate_name == name) else {
            return vec![format!("{}: a new crate: give it a row in ARROWS", manifest.name)];
        };
        let used = dependencies(&manifest.text).into_iter().filter(|used| !used.section.contains("dev-"));
        let ours = used.filter(|used| ARROWS.iter().any(|(crate_name, _)| *crate_name == used.name));
        ours.filter(|used| !allowed.contains(&used.name.as_str()))
            .map(|used| format!("{}: {name} may not use {}", manifest.name, used.name))
            .collect()
    }));
}

#[test]
fn pure_crates_touch_nothing() {
    report(files("rs").flat_map(|file| {
        let pure = PURE.iter().any(|name| file.name.starts_with(&format!("crates/{name}/src/")));
        if !pure || file.name.ends_with("/tests.rs") || file.name.contains("/tests/") {
            return Vec::new();
        }
        let code = code_outside_tests(&file.text);
        impurities(&code).into_iter().map(|found| format!("{}: {found}", file.name)).collect()
    }));
}

#[test]
fn impurities_are_found_where_they_hide() {
    let check =
        |code: &str, expected: &[&str]| assert_eq!(impurities(&code_outside_tests(code)), expected, "{code}");
    check("use std::fs;", &["std::fs"]);
    check("use std::{fmt, fs, io::{self, Read}};", &["std::fs"]);
    check("use std::{\n    io,\n    time::SystemTime,\n};", &["SystemTime"]);
    check("let now = Utc::now();", &["Utc::now"]);
    check("// std::fs is not used here\nuse std::fmt;\nlet version = env!(\"CARGO_PKG_VERSION\");", &[]);
    check("fn pure() {}\n#[cfg(test)]\nmod tests { use std::fs; }", &[]);
}

#[test]
fn a_dependency_says_why() {
    report(manifests().flat_map(|manifest| {
        let ours = |name: &str| ARROWS.iter().any(|(crate_name, _)| *crate_name == name);
        let silent =
            dependencies(&manifest.text).into_iter().filter(|used| !ours(&used.name) && !used.explained);
        silent
            .map(|used| format!("{}: {} has no comment above it", manifest.name, used.name))
            .collect::<Vec<_>>()
    }));
}

#[test]
fn every_crate_takes_the_workspace_lints() {
    report(
        manifests().filter(|manifest| !manifest.text.contains("[lints]\nworkspace = true")).map(|m| m.name),
    );
}

#[test]
fn no_path_of_one_machine() {
    let checkout = root().to_string_lossy().into_owned();
    let marks = [checkout.as_str(), "/.cargo/registry", "/.rustup/", "/.pyenv/"];
    let itself = "tests/tests/tidy.rs";
    report(["rs", "md", "toml", "txt", "sh", "py"].into_iter().flat_map(files).flat_map(|file| {
        let found = marks.iter().filter(|mark| file.name != itself && file.text.contains(*mark));
        found.map(|mark| format!("{}: {mark}", file.name)).collect::<Vec<_>>()
    }));
}

#[test]
fn every_page_is_in_the_book() {
    let docs = root().join("docs");
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).expect("the book has a summary");
    let listed: BTreeSet<_> = links(&summary).into_iter().collect();
    let pages = files("md").filter_map(|file| file.name.strip_prefix("docs/").map(str::to_owned));
    let pages = pages.filter(|page| page != "SUMMARY.md");
    let unlisted = pages.filter(|page| !listed.contains(page));
    let unlisted = unlisted.map(|page| format!("docs/SUMMARY.md does not list {page}"));
    let unwritten = summary.lines().filter(|line| line.contains("]()"));
    report(unlisted.chain(unwritten.map(|line| format!("docs/SUMMARY.md: still to be written: {line}"))));
}

#[test]
fn links_between_pages_lead_somewhere() {
    report(files("md").flat_map(|file| {
        let folder = root().join(&file.name).parent().map(Path::to_path_buf).unwrap_or_default();
        let dead = links(&file.text).into_iter().filter(|link| !folder.join(link).exists());
        dead.map(|link| format!("{}: {link}", file.name)).collect::<Vec<_>>()
    }));
}

#[test]
fn a_decision_is_numbered_once_and_has_four_parts() {
    let mut numbers = BTreeSet::new();
    let pages = files("md")
        .filter(|file| file.name.starts_with("docs/decisions/") && !file.name.ends_with("README.md"));
    let mut faults = Vec::new();
    for page in pages {
        let number: String = page.name.chars().skip("docs/decisions/".len()).take(4).collect();
        if !numbers.insert(number.clone()) {
            faults.push(format!("{}: the number is taken", page.name));
        }
        if !page.text.starts_with(&format!("# {number}. ")) {
            faults.push(format!("{}: the title does not begin with `# {number}. `", page.name));
        }
        let parts = ["## Context", "## Decision", "## Consequences", "## Alternatives"];
        let missing = parts.iter().filter(|part| !page.text.lines().any(|line| line == **part));
        faults.extend(missing.map(|part| format!("{}: no part `{part}`", page.name)));
    }
    report(faults);
}

/// Fails with all `faults`, if there are any.
fn report(faults: impl IntoIterator<Item = String>) {
    let faults: Vec<_> = faults.into_iter().collect();
    assert!(faults.is_empty(), "\n  {}\n", faults.join("\n  "));
}

/// A text file of the checkout.
struct File {
    /// Its path from the root, with `/`.
    name: String,
    text: String,
}

/// A line of a `[dependencies]` section.
struct Dependency {
    section: String,
    name: String,
    /// Whether the line above it is a comment.
    explained: bool,
}

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests lie in the checkout").to_path_buf()
}

/// All files of the checkout with this extension, sorted; not what was built, vendored or is hidden.
fn files(extension: &str) -> impl Iterator<Item = File> {
    let mut paths = Vec::new();
    collect(&root(), &mut paths);
    let extension = extension.to_owned();
    paths.sort();
    paths
        .into_iter()
        .filter(move |path| path.extension().is_some_and(|found| found == extension.as_str()))
        .map(|path| {
            let name = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
            let bytes = fs::read(&path).expect("a file of the checkout can be read");
            File { name, text: String::from_utf8_lossy(&bytes).into_owned() }
        })
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the checkout can be read") {
        let entry = entry.expect("a folder of the checkout can be read");
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().expect("an entry has a type");
        let built = ["target", "vendor", "book"].contains(&name.as_str()) || name.starts_with("ambit-demo");
        if kind.is_dir() && !built && !name.starts_with('.') && !name.contains(".ambit") {
            collect(&entry.path(), paths);
        } else if kind.is_file() {
            paths.push(entry.path());
        }
    }
}

fn manifests() -> impl Iterator<Item = File> {
    files("toml").filter(|file| file.name.ends_with("/Cargo.toml"))
}

/// The crates under `crates/`, by the name of their folder.
fn crates() -> impl Iterator<Item = (String, File)> {
    manifests().filter_map(|manifest| {
        let name = manifest.name.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?.to_owned();
        Some((name, manifest))
    })
}

/// The lines of all dependency sections, also those for one target alone.
fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    let mut section = "";
    let mut above = "";
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]") && !line.is_empty() && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            let explained = above.starts_with('#');
            found.push(Dependency { section: section.to_owned(), name: name.to_owned(), explained });
        }
        above = line;
    }
    found
}

/// The lines before the test module, without comments.
fn code_outside_tests(source: &str) -> String {
    let code = source.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    code.map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn impurities(code: &str) -> Vec<&'static str> {
    let dense: String = code.split_whitespace().collect();
    let grouped: Vec<_> = dense.split("std::{").skip(1).filter_map(|rest| rest.split(';').next()).collect();
    let in_group = |module: &str| {
        grouped.iter().any(|group| group.split([',', '{', '}', ':']).any(|part| part == module))
    };
    let found = |mark: &&str| dense.contains(*mark) || mark.strip_prefix("std::").is_some_and(in_group);
    IMPURE.iter().filter(|mark| found(mark)).copied().collect()
}

/// The targets of a page's links to other files, without their anchors. Code is no place for links.
fn links(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code || line.starts_with("    ") && !line.trim_start().starts_with('-') {
            continue;
        }
        let prose = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let targets = targets.map(|target| target.split('#').next().unwrap_or_default());
        found.extend(
            targets.filter(|target| !target.is_empty() && !target.contains("://")).map(str::to_owned),
        );
    }
    found
}
