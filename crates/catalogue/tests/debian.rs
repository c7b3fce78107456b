//! Every definition of Debian's package `forensic-artifacts`: how many are imported, how many refused, and why.
//!
//! The table in `docs/guide/importing.md` is what this test counts; with `AMBIT_BLESS=1` it is written anew.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test may fail"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use catalogue::{Catalogue, Definition, Part};
use scope::{Bundle, Policy};

const FOLDER: &str = "/usr/share/artifacts";

/// The package's files; `None` where it is not installed, which CI does not accept.
fn definitions() -> Option<Vec<Definition>> {
    let Ok(entries) = std::fs::read_dir(FOLDER) else {
        assert!(std::env::var_os("CI").is_none(), "install forensic-artifacts: {FOLDER} is not there");
        eprintln!("skipped: install forensic-artifacts");
        return None;
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let read = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_str().unwrap();
        catalogue::read(Catalogue::ForensicArtifacts, name, &std::fs::read(file).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    Some(files.iter().flat_map(read).collect())
}

fn version() -> String {
    let said = Command::new("dpkg-query").args(["-W", "-f", "${Version}", "forensic-artifacts"]).output();
    String::from_utf8(said.unwrap().stdout).unwrap()
}

fn row(text: &mut String, what: &str, count: usize) {
    writeln!(text, "| {what} | {count} |").unwrap();
}

/// The table of the page.
fn table(definitions: &[Definition]) -> String {
    let (mut imported, mut refused) = (BTreeMap::new(), BTreeMap::new());
    let (mut whole, mut part, mut groups, mut globs) = (0, 0, 0, 0);
    for own in definitions {
        let places = own.places().count();
        let refusals = own.refusals().count();
        whole += usize::from(places > 0 && refusals == 0);
        part += usize::from(places > 0 && refusals > 0);
        for source in &own.parts {
            match source {
                Part::Places(places) => {
                    *imported.entry(places.what.to_owned()).or_insert(0) += 1;
                    globs += places.globs.len();
                }
                Part::Group(_) => groups += 1,
                Part::Refused(refusal) => {
                    *refused.entry((refusal.what.clone(), refusal.reason.kind())).or_insert(0) += 1;
                }
            }
        }
    }
    let mut text = format!("Of `forensic-artifacts` {}:\n\n| | number |\n| --- | ---: |\n", version());
    row(&mut text, "definitions", definitions.len());
    row(&mut text, "imported whole", whole);
    row(&mut text, "imported in part, with `--leave-out-refused`", part);
    row(&mut text, "groups of other definitions (`ARTIFACT_GROUP` sources), followed", groups);
    for (what, count) in &imported {
        row(&mut text, &format!("`{what}` sources imported"), *count);
    }
    row(&mut text, "paths of these sources (one that two of a definition share is written once)", globs);
    for ((what, why), count) in &refused {
        row(&mut text, &format!("`{what}` sources refused: {why}"), *count);
    }
    text
}

#[test]
fn the_page_counts_what_is_imported() {
    let Some(definitions) = definitions() else { return };
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/importing.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (begin, end) = ("<!-- counted by crates/catalogue/tests/debian.rs -->\n", "<!-- end -->\n");
    let (before, rest) = text.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let expected = format!("{before}{begin}{}{end}{after}", table(&definitions));
    if std::env::var_os("AMBIT_BLESS").is_some() {
        std::fs::write(&page, &expected).unwrap();
    }
    assert!(
        text == expected || std::env::var_os("AMBIT_BLESS").is_some(),
        "the page differs; AMBIT_BLESS=1 writes it:\n{expected}"
    );
}

/// No source of files is passed over: it is imported, or refused with a reason.
#[test]
fn every_source_is_accounted_for() {
    let Some(definitions) = definitions() else { return };
    let files = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    let yaml = files.filter(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    let text: String = yaml.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    for what in ["FILE", "PATH"] {
        let expected = text.lines().filter(|line| *line == format!("- type: {what}")).count();
        let found = definitions.iter().flat_map(|own| &own.parts).filter(|part| match part {
            Part::Places(places) => places.what == what,
            Part::Refused(refusal) => refusal.what == what,
            Part::Group(_) => false,
        });
        assert_eq!(found.count(), expected, "{what}");
    }
}

/// All that can be said is a policy, and nothing in it is dead.
#[test]
fn all_of_it_is_a_policy() {
    let Some(definitions) = definitions() else { return };
    let selection = catalogue::select_all(&definitions).unwrap();
    let draft = catalogue::draft(Catalogue::ForensicArtifacts, &selection);
    let mut bundle = Bundle::new();
    bundle.insert(Bundle::POLICY, draft.policy.clone()).unwrap();
    let policy = Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(policy.rules().len(), draft.imported.len());
    assert!(draft.sweeps.iter().all(|(_, _, whole)| !whole), "{:?}", draft.sweeps);
    for own in policy.artifacts() {
        assert_eq!(own.catalogue, "forensic-artifacts");
        let bytes = std::fs::read(Path::new(FOLDER).join(&own.file)).unwrap();
        assert_eq!(own.sha256, scope::Digest::of(&bytes), "{}", own.id);
    }
    let kinds: Vec<&str> = scope::lint(&policy).iter().map(|lint| lint.id).collect();
    assert!(kinds.contains(&"placeholder") && !kinds.contains(&"unused"), "{kinds:?}");
}
