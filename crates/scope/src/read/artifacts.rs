//! `[artifact.X]`.

use super::doc::Doc;
use super::fields::{Section, shown};
use super::head::{check_hex_digest, globs};
use super::named;
use crate::artifact::Artifact;
use crate::digest::Digest;
use crate::glob::Glob;

pub(super) fn artifacts(doc: &mut Doc<'_>, root: &Section<'_>) -> Vec<Artifact> {
    const KNOWN: &[&str] = &["label", "catalogue", "definition", "file", "sha256", "path"];
    let mut artifacts = Vec::new();
    for (_, id, value) in named(doc, root, "artifact") {
        let table = Section::open(doc, format!("[artifact.{}]", shown(id)), value, KNOWN, &[]);
        table.need(doc, "path", "write out where it is: path = [\"/Windows/Prefetch/*.pf\"]");
        let sha256 = table.text(doc, "sha256", "give the SHA-256 of the catalogue's file");
        let sha256 = match sha256.as_str() {
            "" => None,
            text => check_hex_digest(doc, table.span_of("sha256"), text),
        };
        artifacts.push(Artifact {
            id: id.to_owned(),
            label: table.text(doc, "label", "say what it is"),
            catalogue: table.text(doc, "catalogue", "name the catalogue that it was taken from"),
            definition: table.text(doc, "definition", "give the name that the catalogue has for it"),
            file: table.text(doc, "file", "name the catalogue's file"),
            sha256: sha256.unwrap_or(Digest([0; 32])),
            path: globs(doc, &table, "path", Glob::path),
        });
    }
    artifacts
}
