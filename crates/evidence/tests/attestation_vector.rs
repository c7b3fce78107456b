//! The attestation under `docs/spec/vectors/attestation` is accepted, and no byte of it may change.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::path::Path;

use evidence::attestation::Attestation;
use evidence::trust::{Principal, Trust};

fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/spec/vectors/attestation");
    std::fs::read(folder.join(name)).unwrap()
}

fn signed_by<'t>(text: &[u8], trust: &'t Trust, principal: &str, signature: &[u8]) -> Option<&'t Principal> {
    let attestation = Attestation::parse(text).ok()?;
    let when = attestation.when.at();
    attestation.signed_by(text, trust, principal, signature, when).ok()
}

#[test]
fn the_published_attestation_holds_and_nothing_else_does() {
    let trust = Trust::parse(&file("trust.toml")).unwrap();
    let (text, signature) = (file("attestation.txt"), file("auditor.sig"));
    assert_eq!(Attestation::parse(&text).unwrap().to_bytes(), text, "one spelling");
    for principal in trust.principals() {
        let holds = signed_by(&text, &trust, &principal.name, &signature).is_some();
        assert_eq!(holds, principal.name == "auditor", "{}", principal.name);
    }
    for at in 0..text.len() {
        let mut changed = text.clone();
        changed[at] ^= 1;
        assert!(signed_by(&changed, &trust, "auditor", &signature).is_none(), "text, byte {at}");
    }
    for at in 0..signature.len() {
        let mut changed = signature.clone();
        changed[at] ^= 1;
        assert!(signed_by(&text, &trust, "auditor", &changed).is_none(), "signature, byte {at}");
    }
}

#[test]
fn the_page_shows_the_published_one() {
    let page = include_str!("../../../docs/spec/attestation.md");
    let text = String::from_utf8(file("attestation.txt")).unwrap();
    for line in text.lines() {
        assert!(page.contains(&format!("    {line}\n")), "{line}");
    }
}
