//! SSHSIG against `ssh-keygen`, and every way in which a signature may be wrong.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use ed25519_dalek::{Signer as _, SigningKey};
use evidence::sshsig::{
    APPROVAL, MANIFEST, MessageDigest, PublicKey, Signature, Token, armor, to_be_signed, verify,
};
use sha2::{Digest as _, Sha256};

use crate::{says, signer};

const MESSAGE: &[u8] = b"ambit/approval/v1\n";

fn public(key: &SigningKey) -> PublicKey {
    PublicKey::Ed25519(key.verifying_key().to_bytes())
}

fn sign(key: &SigningKey, namespace: &str, message: &[u8]) -> String {
    let signed = to_be_signed(namespace, &MessageDigest::of(message));
    armor(key.verifying_key().as_bytes(), namespace, &key.sign(&signed).to_bytes())
}

/// A token's signature, as OpenSSH's PROTOCOL.u2f describes it.
fn sign_with_token(key: &SigningKey, application: &str, flags: u8) -> Signature {
    let signed = to_be_signed(APPROVAL, &MessageDigest::of(MESSAGE));
    let token = Token { flags, counter: 41 };
    let mut bytes = Sha256::digest(application).to_vec();
    bytes.push(flags);
    bytes.extend(token.counter.to_be_bytes());
    bytes.extend(Sha256::digest(&signed));
    Signature {
        public_key: PublicKey::SkEd25519 {
            key: key.verifying_key().to_bytes(),
            application: application.into(),
        },
        namespace: APPROVAL.into(),
        bytes: key.sign(&bytes).to_bytes(),
        token: Some(token),
    }
}

#[test]
fn what_we_sign_we_verify_and_print_again() {
    let key = signer(1);
    let file = sign(&key, APPROVAL, MESSAGE);
    verify(file.as_bytes(), &public(&key), APPROVAL, MESSAGE).unwrap();
    let parsed = Signature::parse(file.as_bytes()).unwrap();
    assert_eq!(parsed.to_string(), file);
    assert_eq!(MessageDigest::of_reader(MESSAGE).unwrap(), MessageDigest::of(MESSAGE));
    let line = public(&key).to_string();
    assert_eq!(line.parse(), Ok(public(&key)));
    assert_eq!(format!("{line} examiner at night").parse(), Ok(public(&key)));
}

#[test]
fn a_signature_holds_for_one_key_one_namespace_one_message() {
    let key = signer(1);
    let file = sign(&key, APPROVAL, MESSAGE);
    let file = file.as_bytes();
    says(verify(file, &public(&signer(2)), APPROVAL, MESSAGE), "another key");
    says(verify(file, &public(&key), MANIFEST, MESSAGE), "signed as `ambit/approval/v1`");
    says(verify(file, &public(&key), APPROVAL, b"ambit/approval/v2\n"), "does not fit");
}

#[test]
fn a_token_must_be_touched_for_its_own_application() {
    let key = signer(3);
    let good = sign_with_token(&key, "ssh:", 1);
    let check = |signature: &Signature, key: &PublicKey| {
        verify(signature.to_string().as_bytes(), key, APPROVAL, MESSAGE)
    };
    check(&good, &good.public_key).unwrap();
    check(&sign_with_token(&key, "ssh:", 5), &good.public_key).unwrap();
    says(check(&sign_with_token(&key, "ssh:", 0), &good.public_key), "not touched");
    says(check(&sign_with_token(&key, "ssh:other", 1), &good.public_key), "another key");
    says(check(&sign_with_token(&key, "web:", 1), &good.public_key), "application `web:`");
    says(check(&good, &public(&key)), "another key");
    let more = Signature { token: Some(Token { flags: 1, counter: 42 }), ..good.clone() };
    says(check(&more, &good.public_key), "does not fit");
    let without = Signature { token: None, ..good.clone() };
    says(check(&without, &good.public_key), "not of the key's kind");
}

#[test]
fn a_signature_has_one_spelling() {
    let key = signer(1);
    let file = sign(&key, APPROVAL, MESSAGE);
    let refused = |text: String| says(Signature::parse(text.as_bytes()), "one spelling");
    refused(file.trim_end().to_owned());
    refused(format!("{file}\n"));
    refused(format!(" {file}"));
    refused(file.replace('\n', "\r\n"));
    refused(file.replace("=\n", "\n"));
    refused(file.replacen("\nU1NI", "\nU1NI\n", 1));
    refused(file.replace("BEGIN SSH", "BEGIN PGP"));
    refused(format!("{file}{file}"));
    refused("A".repeat(1 << 20));
    says(Signature::parse(b"\xff"), "not text");
}

/// The blob of a good signature, edited and armoured again.
fn edited(edit: impl Fn(&mut Vec<u8>)) -> String {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    let file = sign(&signer(1), APPROVAL, MESSAGE);
    let inner = file.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let mut blob = engine.decode(inner).unwrap();
    edit(&mut blob);
    let encoded = engine.encode(blob);
    let lines = encoded.as_bytes().chunks(70).map(|line| format!("{}\n", String::from_utf8_lossy(line)));
    let lines = lines.collect::<String>();
    format!("-----BEGIN SSH SIGNATURE-----\n{lines}-----END SSH SIGNATURE-----\n")
}

#[test]
fn one_suite_and_nothing_else() {
    // Offsets: magic 6, version 4, key 4+51 (kind at 18, point at 33), namespace 4+17, reserved 4, hash 4+6, signature 4+83.
    let refused = |expected: &str, edit: &dyn Fn(&mut Vec<u8>)| {
        says(Signature::parse(edited(edit).as_bytes()), expected);
    };
    Signature::parse(edited(|_| {}).as_bytes()).unwrap();
    refused("not SSHSIG", &|blob| blob[0] = b'X');
    refused("version is not 1", &|blob| blob[9] = 2);
    refused("bytes follow", &|blob| blob.push(0));
    refused("ends early", &|blob| blob.truncate(blob.len() - 1));
    refused("reserved", &|blob| {
        blob[89] = 1;
        blob.insert(90, b'x');
    });
    refused("not sha512", &|blob| blob[94..100].copy_from_slice(b"sha256"));
    refused("not sha512", &|blob| blob[94..100].copy_from_slice(b"SHA512"));
    refused("namespace", &|blob| blob[69] = 0xff);
    refused("kind `ssh-rsa-519`", &|blob| blob[18..29].copy_from_slice(b"ssh-rsa-519"));
    refused("not of the key's kind", &|blob| blob[108] ^= 1);
    refused("weak", &|blob| blob[33..65].copy_from_slice(&[0; 32]));
    refused("weak", &|blob| {
        blob[33..65].copy_from_slice(&[0; 32]);
        blob[33] = 1;
    });
    refused("ends early", &|blob| blob[10..14].copy_from_slice(&[0xff; 4]));
}

#[test]
fn every_flipped_bit_is_refused() {
    let (key, file) = (public(&signer(1)), sign(&signer(1), APPROVAL, MESSAGE).into_bytes());
    for bit in 0..file.len() * 8 {
        let mut bad = file.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&bad, &key, APPROVAL, MESSAGE).is_err(), "bit {bit}");
    }
}

#[test]
fn key_lines() {
    let line = public(&signer(1)).to_string();
    let (kind, base64) = line.split_once(' ').unwrap();
    for (bad, expected) in [
        (String::new(), "not a public key line"),
        (kind.to_owned(), "not a public key line"),
        (format!("{kind}  {base64}"), "not a public key line"),
        (format!("{line}="), "not a public key line"),
        (format!("{line}\n"), "not a public key line"),
        (format!("sk-ssh-ed25519@openssh.com {base64}"), "not a public key line"),
        (format!("ssh-rsa {base64}"), "kind `ssh-rsa`"),
        (format!("restrict {line}"), "kind `restrict`"),
        (PublicKey::Ed25519([0; 32]).to_string(), "weak"),
        (PublicKey::Ed25519([2; 32]).to_string(), "weak or not a key"),
    ] {
        says(bad.parse::<PublicKey>(), expected);
    }
}

fn keygen(folder: &Path, arguments: &[&str], input: &[u8]) -> bool {
    let mut child = Command::new("ssh-keygen")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).ok();
    child.wait().unwrap().success()
}

#[test]
fn ssh_keygen_signs_and_we_verify() {
    if !crate::present("ssh-keygen") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    assert!(keygen(at, &["-q", "-t", "ed25519", "-N", "", "-C", "a comment", "-f", "key"], b""));
    let line = std::fs::read_to_string(at.join("key.pub")).unwrap();
    let key: PublicKey = line.trim_end().parse().unwrap();
    // Sizes around where base64 and its lines end, and what ssh-keygen might treat as text.
    for message in [&b""[..], b"x", MESSAGE, &[0xff; 100_000]] {
        std::fs::write(at.join("message"), message).unwrap();
        let _ = std::fs::remove_file(at.join("message.sig"));
        assert!(keygen(at, &["-Y", "sign", "-f", "key", "-n", APPROVAL, "message"], b""));
        let file = std::fs::read(at.join("message.sig")).unwrap();
        verify(&file, &key, APPROVAL, message).unwrap();
        says(verify(&file, &key, APPROVAL, b"another"), "does not fit");
    }
    assert!(keygen(at, &["-q", "-t", "ecdsa", "-N", "", "-f", "other"], b""));
    assert!(keygen(at, &["-Y", "sign", "-f", "other", "-n", APPROVAL, "key.pub"], b""));
    let file = std::fs::read(at.join("key.pub.sig")).unwrap();
    says(Signature::parse(&file), "ecdsa-sha2-nistp256");
}

#[test]
fn we_sign_and_ssh_keygen_verifies() {
    if !crate::present("ssh-keygen") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let key = signer(1);
    let token = sign_with_token(&key, "ssh:", 1);
    for (file, line) in [
        (sign(&key, APPROVAL, MESSAGE), public(&key).to_string()),
        (token.to_string(), token.public_key.to_string()),
    ] {
        std::fs::write(at.join("signers"), format!("examiner namespaces=\"{APPROVAL}\" {line}\n")).unwrap();
        std::fs::write(at.join("sig"), file).unwrap();
        let verify = |namespace, message| {
            let arguments = ["-Y", "verify", "-f", "signers", "-I", "examiner", "-n", namespace, "-s", "sig"];
            keygen(at, &arguments, message)
        };
        assert!(verify(APPROVAL, MESSAGE), "{line}");
        assert!(!verify(APPROVAL, b"another"), "{line}");
        assert!(!verify(MANIFEST, MESSAGE), "{line}");
    }
}

/// The page and the code must not drift apart.
#[test]
fn the_example_of_the_page() {
    let page = include_str!("../../../../docs/spec/seal.md");
    let code = page.lines().filter_map(|line| line.strip_prefix("    ")).collect::<Vec<_>>();
    let end = code.iter().position(|line| line.starts_with("-----END")).unwrap();
    let file = code[..=end].iter().map(|line| format!("{line}\n")).collect::<String>();
    let key = code.iter().find(|line| line.starts_with("ssh-ed25519")).unwrap().parse().unwrap();
    verify(file.as_bytes(), &key, APPROVAL, MESSAGE).unwrap();
    assert_eq!(file, sign(&signer(1), APPROVAL, MESSAGE));
    let words = evidence::words::words(&scope::Digest::of(b"abc")).join(" ");
    assert!(code.contains(&words.as_str()), "{words}");
}
