//! The age testkit (C2SP/CCTV): each file is named by its failure, and must fail so.

use std::io::{Cursor, Read};

use evidence::opener::{Header, OpenError, open_age, parse_identities, verify_then_read};
use scope::Digest;

/// How a file of the kit must end. Armour and passphrases are refused in packages before anything else.
fn expected(vector: &Vector) -> &str {
    match vector.expect.as_str() {
        _ if vector.armored => "armoured or header failure",
        _ if vector.file.windows(11).any(|w| w == b"\n-> scrypt ") => "passphrase or header failure",
        other => other,
    }
}

struct Vector {
    expect: String,
    payload: Option<String>,
    identities: String,
    armored: bool,
    file: Vec<u8>,
}

fn parse(bytes: &[u8]) -> Vector {
    let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap();
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let field =
        |name: &'static str| head.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix(": "));
    let first = |name| field(name).next().map(str::to_owned);
    let mut file = bytes[end + 2..].to_vec();
    if let Some(kind) = first("compressed") {
        assert_eq!(kind, "zlib");
        let mut inflated = Vec::new();
        flate2::read::ZlibDecoder::new(&file[..]).read_to_end(&mut inflated).unwrap();
        file = inflated;
    }
    Vector {
        expect: first("expect").unwrap(),
        payload: first("payload"),
        identities: field("identity").collect::<Vec<_>>().join("\n"),
        armored: first("armored").is_some(),
        file,
    }
}

fn outcome(error: &OpenError) -> &'static str {
    match error {
        OpenError::Armoured => "armoured",
        OpenError::Passphrase => "passphrase",
        OpenError::Header(_) => "header failure",
        OpenError::NoMatch => "no match",
        OpenError::Mac => "HMAC failure",
        OpenError::Payload(_) => "payload failure",
        _ => "something else",
    }
}

#[test]
fn each_expectation_is_met() {
    let Some(folder) = super::published("cctv-age/testdata") else { return };
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        // Post-quantum recipients wait for the crate.
        if name.contains("hybrid") {
            continue;
        }
        let vector = parse(&std::fs::read(entry.path()).unwrap());
        let expected = expected(&vector);
        let identities = parse_identities(&vector.identities).unwrap_or_default();

        // Whole, before anything is released.
        let found = match verify_then_read(Cursor::new(&vector.file), &identities) {
            Err(error) => outcome(&error),
            Ok(mut opening) => {
                let mut plain = Vec::new();
                opening.read_to_end(&mut plain).unwrap();
                assert_eq!(Some(Digest::of(&plain).hex()), vector.payload, "{name}");
                "success"
            }
        };
        assert!(expected.contains(found), "{name}: expected {expected}, found {found}");

        // In one pass: the same, with the failure at the latest when the end is asked for.
        let found = match open_age(&vector.file[..], &identities) {
            Err(error) => outcome(&error),
            Ok(opening) => match std::io::copy(&mut { opening }, &mut std::io::sink()) {
                Ok(_) => "success",
                Err(_) => "payload failure",
            },
        };
        assert!(expected.contains(found), "{name}, in one pass: expected {expected}, found {found}");
        seen += 1;
    }
    assert_eq!(seen, 124);
}

#[test]
fn stanzas_are_counted_and_headers_bounded() {
    use age::x25519::Identity;
    let keys = [Identity::generate(), Identity::generate()];
    let recipients = keys.each_ref().map(Identity::to_public);
    let encryptor = age::Encryptor::with_recipients(recipients.iter().map(|r| r as _)).unwrap();
    let mut file = Vec::new();
    encryptor.wrap_output(&mut file).unwrap().finish().unwrap();
    let header = Header::read(&mut &file[..]).unwrap();
    assert_eq!((header.x25519, header.stanzas), (2, 3));

    // What the crate would refuse as well, must not wait for it: counts are taken from headers alone.
    let mac = format!("--- {}\n", "A".repeat(43));
    let header = |body: &str| Header::read(&mut format!("age-encryption.org/v1\n{body}{mac}").as_bytes());
    assert_eq!(header("-> X\n\n").unwrap().stanzas, 1);
    crate::says(header(""), "no recipient stanza");
    crate::says(header(&format!("-> X\n{}\n\n", "A".repeat(68))), "lines of 64");

    let mut endless = b"age-encryption.org/v1\n-> X".chain(std::io::repeat(b'a'));
    crate::says(Header::read(&mut endless), "longer than any");
    let mut endless = std::io::repeat(b'\n');
    crate::says(Header::read(&mut endless), "first line");
}

#[test]
fn identities_are_keys_and_comments() {
    let key = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0";
    assert_eq!(parse_identities(&format!("# created: 2026\n\n{key}\n{key}\r\n")).map(|k| k.len()), Ok(2));
    for (bad, expected) in [
        ("", "no key"),
        ("# only\n", "no key"),
        (&key[1..], "line 1"),
        (&format!("{key}\n{}", key.replace("M0", "M1")), "line 2"),
        ("age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj", "line 1"),
    ] {
        let error = parse_identities(bad).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("EGTZ"), "{error}");
    }
}
