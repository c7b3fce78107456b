//! Manifests: signed before they are read, and counted.

use super::*;
use crate::replay::testing::Case;
use crate::sshsig::MessageDigest;
use crate::strict::from_json;

/// Changes the bytes of an honest manifest and signs them; reading must say this.
fn check(change: impl FnOnce(&mut String), expected: &str) {
    let case = Case::new();
    let sealed = case.seal();
    let set = &sealed.acquisition.sets[0];
    let entries = case.entries(&Binding::of(&sealed.acquisition, 1), set);
    let (_, bytes) = entries.into_iter().find(|(name, _)| name == MANIFEST).unwrap();
    let mut text = String::from_utf8(bytes).unwrap();
    change(&mut text);
    let signature = case.sign(&MessageDigest::of(text.as_bytes()));
    let read = Manifest::open(text.as_bytes(), signature.as_bytes(), &sealed.acquisition.run_key)
        .and_then(|manifest| manifest.rows().collect::<Result<Vec<_>, _>>());
    let found = match read {
        Ok(rows) => format!("{} rows", rows.len()),
        Err(error) => error.to_string(),
    };
    assert!(found.contains(expected), "{found:?} does not say {expected:?}");
}

#[test]
fn rows_are_strict_and_counted() {
    check(|_| {}, "10 rows");
    check(|text| *text = text.replacen("\"rows\":10", "\"rows\":9", 1), "states 9 rows and has 10");
    check(|text| *text = text.replacen("\"objects\":7", "\"objects\":8", 1), "states 8 objects and has 7");
    check(
        |text| *text = text.replacen("ambit/part/1", "ambit/part/2", 1),
        "line 1: not strict JSON: unknown variant",
    );
    check(
        |text| *text = text.replacen("\"set\":", "\"kind\":1,\"set\":", 1),
        "line 1: not strict JSON: unknown field",
    );
    check(
        |text| *text = text.replacen("{\"object\":", "{\"objects\":", 1),
        "line 2: not strict JSON: unknown variant",
    );
    check(|text| text.push('\n'), "line 12: not strict JSON");
    check(|text| assert_eq!(text.pop(), Some('\n')), "it was cut");
    check(String::clear, "it was cut");
    check(|text| *text = text.replacen("\"<=4096\"", "\"<=5000\"", 1), "not a size class");
}

#[test]
fn an_unsigned_manifest_is_not_read() {
    let case = Case::new();
    let run_key = case.seal().acquisition.run_key;
    let other = case.sign(&MessageDigest::of(b"something else"));
    for signature in ["", &other] {
        let error = Manifest::open(b"not even a manifest", signature.as_bytes(), &run_key).unwrap_err();
        assert!(matches!(error, ManifestError::Signature(_)), "{error}");
    }
}

#[test]
fn size_classes() {
    let told = [0, 1, 4096, 4097, 8192, 1 << 40, u64::MAX].map(|size| size_class(size).to_string());
    assert_eq!(
        told,
        ["<=4096", "<=4096", "<=4096", "<=8192", "<=8192", "<=1099511627776", "<=18446744073709551615"]
    );
    for text in told {
        assert_eq!(from_json::<SizeClass>(format!("\"{text}\"").as_bytes()).unwrap().to_string(), text);
    }
    for wrong in ["<=4095", "<=2048", "4096", "<=+4096", "<=04096", "<= 4096", "<=", "<=18446744073709551614"]
    {
        assert!(from_json::<SizeClass>(format!("\"{wrong}\"").as_bytes()).is_err(), "{wrong}");
    }
}
