//! The policy on paper, by the commands: each form in each language, and an approval in German.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::fs;
use std::path::Path;

use scenarios::story::{Desk, run};

#[test]
fn a_policy_is_rendered_in_each_form_and_language() {
    let folder = tempfile::tempdir().unwrap();
    for policy in ["1-rustock-cnc", "2-fraud-privilege", "3-hash-list-only", "4-ir-triage"] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies").join(policy);
        for (language, signed) in [("en", "rendering.md"), ("de", "rendering.de.md")] {
            for (format, begins) in [("md", "# "), ("html", "<!DOCTYPE html>\n"), ("pdf", "%PDF-1.7\n")] {
                let out = folder.path().join(format!("{policy}.{language}.{format}"));
                let words =
                    ["ambit", "policy", "render", "--format", format, "--lang", language].map(Into::into);
                let words = [&words[..], &[source.clone().into_os_string()]].concat();
                let to_file = [&words[..], &["--out".into(), out.clone().into_os_string()]].concat();
                run(to_file.clone()).exits(0).prints("policy sha256:").prints("the file is sha256:");
                let bytes = fs::read(&out).unwrap();
                assert!(bytes.starts_with(begins.as_bytes()));
                run(to_file).exits(1).says("exists already; nothing is overwritten");
                assert_eq!(fs::read(&out).unwrap(), bytes);
                if format == "md" {
                    assert_eq!(bytes, fs::read(source.join(signed)).unwrap());
                }
                if format != "pdf" {
                    assert_eq!(run(words).exits(0).out.as_bytes(), bytes);
                }
            }
        }
    }
    let json = ["ambit", "policy", "render", "--format", "pdf", "--json", "../policies/3-hash-list-only"];
    run(json).exits(1).says("a PDF is not for the screen").says("add --out FILE");
}

#[test]
fn what_was_approved_in_german_is_rendered_again_in_german() {
    let desk = Desk::with_open_case();
    desk.run("ambit policy approve {policy} --case {case} {officer} --lang de").exits(0);
    let german = fs::read_to_string(desk.path("case/policy/rendering.md")).unwrap();
    assert!(german.contains("Vom Programm durchgesetzt"));
    desk.run("ambit capture {what} {both} --out {dir}/KC07.ambit").exits(0);
    desk.run("ambit-verify {dir}/KC07.ambit --trust {trust}").exits(0).prints("INTACT");
    let sent = fs::read_to_string(desk.path("KC07.ambit/meta/policy/rendering.md")).unwrap();
    assert_eq!(sent, german);
}

#[test]
fn a_cover_sheet_has_the_words_that_reports_begin_with() {
    let desk = Desk::with_case();
    desk.run("ambit policy cover {policy} --trust {trust} --format pdf --out {dir}/cover.pdf").exits(0);
    assert!(fs::read(desk.path("cover.pdf")).unwrap().starts_with(b"%PDF-1.7\n"));
    let html = desk.run("ambit policy cover {policy} --trust {trust} --format html --lang de").exits(0).out;
    let words = desk.run("ambit trust show {trust} --json").exits(0).json();
    assert!(html.contains(words["words"].as_str().unwrap()), "{html}");
    let approval = fs::read_to_string(desk.path("case/policy/approval.txt")).unwrap();
    let digest = approval.lines().find_map(|line| line.strip_prefix("rendering ")).unwrap();
    let english = desk.run("ambit policy cover {policy} --trust {trust} --format html").exits(0);
    english.prints(digest);
}
