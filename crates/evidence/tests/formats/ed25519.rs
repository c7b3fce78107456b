//! 914 signatures with edge cases, of which a strict verifier accepts 43 (C2SP/CCTV).

use evidence::sshsig::verify_ed25519;
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    key: String,
    sig: String,
    msg: String,
    flags: Option<Vec<String>>,
}

#[test]
fn exactly_43_of_914_edge_cases_are_accepted() {
    let Some(folder) = super::published("cctv-ed25519") else { return };
    let text = std::fs::read(folder.join("ed25519vectors.json")).unwrap();
    let vectors: Vec<Vector> = serde_json::from_slice(&text).unwrap();
    let accepted = vectors.iter().filter(|vector| {
        let key = unhex(&vector.key).try_into().unwrap();
        let signature = unhex(&vector.sig).try_into().unwrap();
        verify_ed25519(&key, vector.msg.as_bytes(), &signature).is_ok()
    });
    let accepted = accepted.collect::<Vec<_>>();
    assert_eq!((vectors.len(), accepted.len()), (914, 43));
    for vector in accepted {
        let flags = vector.flags.as_deref().unwrap_or_default();
        let weak = |flag: &String| flag.starts_with("low_order_") && !flag.contains("component");
        assert!(!flags.iter().any(|flag| weak(flag) || flag.starts_with("non_canonical")), "{flags:?}");
    }
}

fn unhex(text: &str) -> Vec<u8> {
    scope::digest::unhex(text).unwrap()
}
