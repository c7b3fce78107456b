//! Bags: our strict profile, and the Library of Congress's conformance suite.

use evidence::bag::{BAGIT_TXT, BagError, Info, Manifest, Oxum, Problem, is_name, validate};
use evidence::files::MemoryFiles;
use scope::Digest;

use crate::says;

/// Reads a folder into memory.
fn load(folder: &std::path::Path) -> MemoryFiles {
    let mut files = MemoryFiles::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                files.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    files
}

#[test]
fn the_conformance_suite() {
    let Some(suite) = super::published("bagit-v1.0") else { return };
    let valid = validate(&load(&suite.join("valid/basicBag"))).unwrap();
    assert_eq!(
        (valid.payload.to_string(), valid.manifests),
        ("6.1".into(), vec!["manifest-sha512.txt".into()])
    );
    let refused = |bag: &str, reason: Problem| {
        let problems = validate(&load(&suite.join("invalid").join(bag))).unwrap_err();
        assert!(problems.contains(&reason), "{bag}: {problems:?}");
    };
    let (manifest, name) = ("manifest-sha256.txt".to_owned(), "data/README".to_owned());
    refused("bagit-with-invalid-whitespace", Problem::Declaration("white space where none belongs"));
    refused(
        "notAllManifestsListAllFiles",
        Problem::Unlisted {
            manifest: "manifest-sha512.txt".into(),
            name: "data/missingFromManifest.txt".into(),
        },
    );
    refused(
        "same-filename-listed-twice-with-different-hashes",
        Problem::Twice { manifest: manifest.clone(), name: name.clone(), same: false },
    );
    refused("same-filename-listed-twice-with-the-same-hash", Problem::Twice { manifest, name, same: true });
}

fn bag() -> MemoryFiles {
    let manifest = Manifest([("data/a".to_owned(), Digest::of(b"one"))].into());
    let mut files = MemoryFiles::new();
    files.insert("bagit.txt", BAGIT_TXT.as_bytes());
    files.insert("bag-info.txt", b"Payload-Oxum: 3.1\n".as_slice());
    files.insert("data/a", b"one".as_slice());
    files.insert("manifest-sha256.txt", manifest.to_string().into_bytes());
    let tags = ["bag-info.txt", "bagit.txt", "manifest-sha256.txt"];
    let tags = tags.map(|name| (name.to_owned(), Digest::of(files.get(name).unwrap())));
    files.insert("tagmanifest-sha256.txt", Manifest(tags.into()).to_string().into_bytes());
    files
}

#[test]
fn what_makes_a_bag_invalid() {
    assert_eq!(validate(&bag()).unwrap().payload, Oxum { octets: 3, files: 1 });
    let check = |edit: &dyn Fn(&mut MemoryFiles), expected: &str| {
        let mut files = bag();
        edit(&mut files);
        let problems = validate(&files).unwrap_err();
        let found = problems.iter().map(|p| format!("{p}\n")).collect::<String>();
        assert!(found.contains(expected), "{found} does not say {expected}");
    };
    check(&|f| f.insert("data/a", b"two".as_slice()), "`data/a` differs from its digest in manifest-sha256");
    check(&|f| drop(f.remove("data/a")), "lists `data/a`, which is not there");
    check(&|f| f.insert("data/b", b"".as_slice()), "does not list `data/b`");
    check(&|f| f.insert("bagit.txt", b"BagIt-Version: 0.97\n".as_slice()), "another version");
    check(&|f| f.insert("bagit.txt", BAGIT_TXT.replace('\n', "\r\n").into_bytes()), "white space");
    check(&|f| drop(f.remove("bagit.txt")), "it is missing");
    check(&|f| drop(f.remove("manifest-sha256.txt")), "no payload manifest");
    check(&|f| f.insert("bag-info.txt", b"Payload-Oxum: 4.1\n".as_slice()), "the payload has 3.1");
    check(
        &|f| f.insert("bag-info.txt", b"x\n".as_slice()),
        "`bag-info.txt` differs from its digest in tagman",
    );
    check(&|f| f.insert("manifest-md5.txt", b"".as_slice()), "only sha256 and sha512");
    check(&|f| f.insert("fetch.txt", b"".as_slice()), "not complete");
    check(&|f| f.insert_irregular("data/link -> /etc"), "not a regular file");
    check(&|f| f.insert("manifest-sha256.txt", b"00  data/a\n".as_slice()), "line 1: the digest");
    let out = format!("{}  ../a\n", "0".repeat(64));
    check(&|f| f.insert("manifest-sha256.txt", out.clone().into_bytes()), "leads out of the bag");
}

#[test]
fn our_manifests_have_one_spelling() {
    let line = |name: &str, of: &str| format!("{}  {name}\n", Digest::of(of.as_bytes()).hex());
    let good = line("data/a-1.zip.age", "1") + &line("meta/policy/policy.toml", "2");
    assert_eq!(Manifest::parse(good.as_bytes()).unwrap().to_string(), good);
    assert_eq!(Manifest::parse(b"").unwrap(), Manifest::default());
    let a = || line("a", "1");
    for (bad, expected) in [
        (a().replace("  ", " "), "line 1: expected"),
        (a().replace("  ", " *"), "line 1: expected"),
        (a().replace("  ", "   "), "` a` is not a name"),
        (a().to_uppercase(), "line 1: expected"),
        (a().replace('\n', "\r\n"), "line feed"),
        (a().trim_end().to_owned(), "line feed"),
        (a() + "\n", "line 2: expected"),
        (a() + &a(), "listed twice, with the same hash"),
        (a() + &line("a", "2"), "listed twice, with different hashes"),
        (line("b", "1") + &a(), "line 2: names are not in bytewise order"),
        (line("../a", "1"), "not a name"),
        (line("data//a", "1"), "not a name"),
        (line("/etc/passwd", "1"), "not a name"),
        (line("data/A", "1"), "not a name"),
        (line("data/%0A", "1"), "not a name"),
        (line("data/\u{e9}", "1"), "not a name"),
        (line("data\\a", "1"), "not a name"),
        (line(&"a".repeat(201), "1"), "not a name"),
    ] {
        says(Manifest::parse(bad.as_bytes()), expected);
    }
    assert_eq!(Manifest::parse(b"\xff\n"), Err(BagError::Text));
    assert!(is_name("VERIFY.txt") && is_name("seal/tagmanifest-sha256.txt.examiner.sig"));
    assert!(!is_name("meta/VERIFY.txt") && !is_name("a/./b") && !is_name("") && !is_name("a/"));
}

#[test]
fn bag_info_has_one_spelling() {
    let good = "External-Identifier: KC07\nBagging-Date: 2026-03-01\nPayload-Oxum: 77.1\n";
    let info = Info::parse(good.as_bytes()).unwrap();
    assert_eq!(info.to_string(), good);
    assert_eq!((info.get("Bagging-Date"), info.get("bagging-date")), (Some("2026-03-01"), None));
    assert_eq!(info.payload_oxum(), Some(Oxum { octets: 77, files: 1 }));
    for bad in
        ["A:b\n", "A : b\n", "A:  b\n", "A: b \n", " A: b\n", "A: \n", ": b\n", "A: b", "A: \u{1b}[2J\n"]
    {
        assert!(Info::parse(bad.as_bytes()).is_err(), "{bad:?}");
    }
    says(Info::parse(b"A: b\nA: c\n"), "listed twice");
    for bad in ["077.1", "77", "77.1.1", "+77.1", "77.1 ", "", "77.", "-1.1"] {
        assert_eq!(Oxum::parse(bad), None, "{bad}");
    }
}
