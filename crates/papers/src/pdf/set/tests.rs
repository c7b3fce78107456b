use std::collections::BTreeSet;

use scope::{Bundle, Language, Policy};

use super::*;

/// An example with what is long: terms, a name of a file beside a digest, paths and an origin of an artifact.
fn long() -> Policy {
    let terms: Vec<String> = (0..300).map(|at| format!("\"term number {at} of the schedule\"")).collect();
    let terms = terms.join(", ");
    let list = "1".repeat(64) + "\n";
    let digest = scope::Digest::of(list.as_bytes()).hex();
    let paths: Vec<String> =
        (0..40).map(|at| format!("\"/Users/*/AppData/Local/Vendor{at}/User Data/*/Cache{at}/**\"")).collect();
    let paths = paths.join(", ");
    let origin = format!(
        "catalogue = \"forensic-artifacts\"\ndefinition = \"Browser\"\nfile = \"webbrowser.yaml\"\nsha256 = \"{digest}\""
    );
    let text = include_str!("../../../../../policies/2-fraud-privilege/policy.toml").to_owned()
        + &format!(
            "\n[list.many]\nkind = \"keywords\"\nlabel = \"m\"\nitems = [{terms}]\n\
             [list.known]\nkind = \"sha256\"\nlabel = \"k\"\nfile = \"known-files-of-the-examination.txt\"\nsha256 = \"{digest}\"\n\
             [artifact.browser]\nlabel = \"b\"\n{origin}\npath = [{paths}]\n\
             [selector.s]\nlabel = \"s\"\nkeywords = {{ list = \"many\" }}\nhash_in = [\"known\"]\nartifact = [\"browser\"]\n\
             [[rule]]\nid = \"I-9\"\neffect = \"include\"\ntext = \"t\"\nbasis = \"webbrowser.yaml sha256:{digest}\"\nany = [\"s\"]\n"
        );
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", text).unwrap();
    bundle.insert("known-files-of-the-examination.txt", list).unwrap();
    Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}"))
}

fn set(language: Language, then: impl FnOnce(&Faces, Vec<Piece>)) {
    let paper = Paper::policy(&long(), language);
    let faces = Faces::new().unwrap();
    let mut set = Set::new(&faces, &paper.document);
    set.all(&paper);
    then(&faces, set.pieces);
}

/// Each line of text: its block, left and right edge, and its words.
fn texts(faces: &Faces, pieces: &[Piece]) -> Vec<(usize, f32, f32, String)> {
    let drawn = pieces.iter().flat_map(|own| own.drawn.iter().chain(&own.after).map(|one| (own.block, one)));
    let lines = drawn.filter_map(|(block, drawn)| match drawn {
        Drawn::Text { x, line, .. } => {
            let text: String = line.iter().map(|span| span.text.as_str()).collect();
            let last = line.last()?;
            let end = x + last.x + faces.width(last.style, last.size, last.text.trim_end());
            Some((block, *x, end, text))
        }
        _ => None,
    });
    lines.collect()
}

#[test]
fn nothing_runs_into_the_marks_or_over_the_edge() {
    for language in Language::ALL {
        set(language, |faces, pieces| {
            let signed = |own: &&Piece| own.after.iter().any(|drawn| matches!(drawn, Drawn::Sign { .. }));
            let marked: BTreeSet<usize> = pieces.iter().filter(signed).map(|own| own.block).collect();
            assert!(marked.len() > 20);
            for (block, x, end, text) in texts(faces, &pieces) {
                let edge = if marked.contains(&block) && x < MARK { MARK - 5.0 } else { WIDTH };
                assert!(end <= edge + 0.1, "{language}: ends at {end}, {edge} is the edge: {text}");
            }
        });
    }
}

#[test]
fn a_digest_stands_on_one_line() {
    for language in Language::ALL {
        set(language, |faces, pieces| {
            let texts = texts(faces, &pieces);
            let broken = texts.iter().filter(|(_, _, _, text)| {
                let digits = text.split(|c: char| !c.is_ascii_hexdigit()).map(str::len).max().unwrap_or(0);
                text.contains("sha256:") && digits != 64
            });
            assert_eq!(broken.map(|own| own.3.as_str()).collect::<Vec<_>>(), [""; 0]);
            let alone = texts.iter().filter(|(_, _, _, text)| text.trim() == ".");
            assert_eq!(alone.count(), 0, "a full stop alone on a line");
            assert!(texts.iter().filter(|own| own.3.contains("sha256:")).count() > 5);
        });
    }
}

#[test]
fn the_lines_for_signatures_stay_with_what_is_signed() {
    set(Language::English, |_, pieces| {
        let signed = pieces.last().unwrap().block;
        let before = pieces.iter().rev().find(|own| own.block != signed).unwrap();
        assert!(before.keep, "what stands before the signatures stays with them");
    });
}
