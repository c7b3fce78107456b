//! Checkpoints: what the log key signed, and what others may add.

use ed25519_dalek::Signer as _;
use evidence::checkpoint::{Checkpoint, SignedCheckpoint, key_id};
use scope::Digest;

use crate::{says, signer};

const ORIGIN: &str = "example.org/cases/kc07";

fn head() -> Checkpoint {
    Checkpoint { origin: ORIGIN.into(), size: 3, root: Digest::of(b"root") }
}

fn note(seed: u8) -> String {
    let (key, head) = (signer(seed), head());
    let signature = key.sign(head.body().as_bytes()).to_bytes();
    head.signed(key.verifying_key().as_bytes(), &signature).to_string()
}

fn check(text: &str) -> Result<usize, String> {
    let note = SignedCheckpoint::parse(text.as_bytes()).map_err(|e| e.to_string())?;
    note.verify(ORIGIN, signer(1).verifying_key().as_bytes()).map_err(|e| e.to_string())
}

#[test]
fn a_head_and_its_signature() {
    let text = note(1);
    let body = format!("{ORIGIN}\n3\nSBOBHzl1cIkjFKdEpXIa6P9sk/8EVbIcfo8hDMiabnA=\n\n\u{2014} {ORIGIN} ");
    assert!(text.starts_with(&body) || text.starts_with(&format!("{}\n", head().body())), "{text}");
    assert_eq!(check(&text), Ok(0));
    assert_eq!(SignedCheckpoint::parse(text.as_bytes()).unwrap().to_string(), text);
    assert_eq!(SignedCheckpoint::parse(text.as_bytes()).unwrap().checkpoint, head());
}

/// The example of the signed-note specification (C2SP), whose key is published with it.
#[test]
fn the_key_id_of_the_specification() {
    use base64::Engine as _;
    let vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let mut parts = vkey.splitn(3, '+');
    let (name, id, key) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let key = base64::engine::general_purpose::STANDARD.decode(key).unwrap();
    let (kind, key) = key.split_first().unwrap();
    assert_eq!(*kind, 1);
    assert_eq!(scope::digest::hex(&key_id(name, key.try_into().unwrap())), id);
}

#[test]
fn lines_of_others_neither_help_nor_harm() {
    let (own, other) = (note(1), note(2));
    let line = other.lines().last().unwrap();
    assert_eq!(check(&format!("{own}{line}\n\u{2014} witness.example AAAAAAAA\n")), Ok(2));
    assert_eq!(check(&format!("{}\n{line}\n", head().body())), Err("no signature by the log key".into()));
    let own_line = own.lines().last().unwrap();
    assert_eq!(check(&format!("{own}{own_line}\n")), Err("two signatures by the log key".into()));
}

#[test]
fn every_other_spelling_is_refused() {
    let good = note(1);
    for (bad, expected) in [
        (good.replacen("\n3\n", "\n4\n", 1), "does not fit"),
        (good.replacen("\n3\n", "\n03\n", 1), "line 2"),
        (good.replacen("\n3\n", "\n+3\n", 1), "line 2"),
        (good.replacen("\n3\n", "\n18446744073709551616\n", 1), "line 2"),
        (good.replacen("=\n\n", "\n\n", 1), "line 3"),
        (good.replacen("=\n\n", "=\nextension\n\n", 1), "line 4"),
        (good.replacen("=\n\n", "=\n", 1), "no blank line"),
        (good.replacen(ORIGIN, "a b", 1), "line 1"),
        (good.replacen(ORIGIN, "example.org/other", 1), "head of the log `example.org/other`"),
        (good.replacen(ORIGIN, "", 1), "line 1"),
        (good.replace('\n', "\r\n"), "control characters"),
        (good.trim_end().to_owned(), "no final line feed"),
        (format!("{good}\n"), "line 6"),
        (good.replace('\u{2014}', "-"), "line 5"),
        (format!("{}\n", head().body()), "no final line feed"),
        ("x".repeat(1 << 20), "longer than"),
    ] {
        says(check(&bad), expected);
    }
    says(SignedCheckpoint::parse(b"\xff"), "not UTF-8");
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone().into_bytes();
        bad[bit / 8] ^= 1 << (bit % 8);
        let parsed = SignedCheckpoint::parse(&bad).ok();
        let verified = parsed.and_then(|n| n.verify(ORIGIN, signer(1).verifying_key().as_bytes()).ok());
        assert_eq!(verified, None, "bit {bit}");
    }
}
