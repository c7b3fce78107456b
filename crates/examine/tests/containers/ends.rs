//! Archives that begin as something else, and documents in which something else lies.

use scope::{Outcome, RawName, Tier};

use super::{ALL, Found, crc, examined, outcomes, policy_and, tar, trouble};

/// A zip of stored files, at the end of `before`; its places are counted from the beginning of the file where `moved` is set.
fn zip(before: &[u8], moved: bool, files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (before.to_vec(), Vec::new());
    let base = if moved { 0 } else { before.len() };
    let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
    for (name, content) in files {
        let at = u32::try_from(bytes.len() - base).unwrap().to_le_bytes();
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        let own =
            [&[0; 8][..], &crc(content).to_le_bytes(), &size(content), &size(content), &length, &[0; 2]];
        let own = own.concat();
        bytes.extend([b"PK\x03\x04\x14\0", &own[..], name.as_bytes(), content].concat());
        let rest = [&[0; 10][..], &at, name.as_bytes()].concat();
        directory.extend([b"PK\x01\x02\x14\0\x14\0", &own[..], &rest].concat());
    }
    let start = u32::try_from(bytes.len() - base).unwrap().to_le_bytes();
    let count = u16::try_from(files.len()).unwrap().to_le_bytes();
    bytes.extend(&directory);
    bytes.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &size(&directory), &start, &[0; 2]].concat());
    bytes
}

const PAIR: [(&str, &[u8]); 2] = [("a.txt", b"wanted"), ("private/s.txt", b"secret")];
const BAR: &str = "[selector.bar]\nlabel = \"l\"\npath = [\"/**/private/**\"]\n[[rule]]\nid = \"X-1\"\neffect = \"exclude\"\nbasis = \"b\"\ntext = \"t\"\nany = [\"bar\"]";

fn found(more: &str, name: &str, content: Vec<u8>) -> Found {
    examined(&policy_and("", ALL, more), content, 0..0, vec![RawName(format!("/in/{name}").into_bytes())])
}

fn form(found: &Found) -> Option<(&str, u64)> {
    found.0.facts.container.as_ref().map(|held| (held.form.as_str(), held.others))
}

#[test]
fn a_zip_behind_other_bytes_is_opened_and_what_is_excluded_in_it_goes_to_nobody() {
    let program = [b"MZ".as_slice(), &[0; 70_000]].concat();
    for before in [b"#!/bin/sh\nexec unzip $0\n".as_slice(), b"PK00", b"\x7fELF\x02", &program, b"GIF89a"] {
        for moved in [true, false] {
            let found = found(BAR, "setup", zip(before, moved, &PAIR));
            let singly = [
                ("/member:0", &Outcome::Captured, Tier::Included),
                ("/member:1", &Outcome::Left, Tier::Excluded),
            ];
            assert_eq!(outcomes(&found), singly, "{before:.9?} {moved}");
            assert_eq!(found.0.decision.outcome, Outcome::Left, "{before:.9?} {moved}");
            assert!(trouble(&found).contains("belong to no member"), "{}", trouble(&found));
            assert!(found.0.facts.type_fact.as_ref().unwrap().end.unwrap().zip);
        }
    }
    // What stands before is in no file of it, so that it is never taken whole without a look.
    let found = found("", "setup", zip(&program, true, &[("a.txt", b"wanted")]));
    assert_eq!(found.0.decision.tier, Tier::Undetermined);
}

#[test]
fn a_jar_is_a_zip_and_one_that_is_not_opened_is_left_alone() {
    let jar =
        zip(b"", true, &[("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\n"), ("private/s.txt", b"s")]);
    let opened = found(BAR, "x.jar", jar.clone());
    assert_eq!(opened.0.decision.outcome, Outcome::Left);
    assert_eq!(opened.1.len(), 2);
    let whole = found("", "x.jar", jar);
    assert_eq!(whole.0.decision.outcome, Outcome::Captured);
    // What is no zip is as it was: its end was looked at, and says so.
    let plain = found("", "x.txt", b"a text, and PK\x05\x06 in it".to_vec());
    assert_eq!((form(&plain), plain.0.decision.outcome.clone()), (None, Outcome::Captured));
    assert!(!plain.0.facts.type_fact.as_ref().unwrap().end.unwrap().zip);
    // A tar is read as a tar, also with a zip as its last file.
    let inner = found("", "x.tar", tar(&[("b.zip", &zip(b"", true, &PAIR))]));
    assert_eq!(form(&inner), Some(("tar", 0)));
    assert_eq!(inner.0.decision.outcome, Outcome::Captured);
}

#[test]
fn a_document_is_taken_whole_unless_something_foreign_lies_in_it() {
    const TYPES: (&str, &[u8]) = ("[Content_Types].xml", b"<?xml version=\"1.0\"?><Types/>");
    const BODY: (&str, &[u8]) = ("word/document.xml", b"<?xml version=\"1.0\"?><w:document/>");
    let with = |name: &'static str, content: &[u8]| zip(b"", true, &[TYPES, BODY, (name, content)]);
    let picture: &[u8] = b"\x89PNG\r\n\x1a\n and so on";
    let whole = found(BAR, "a.docx", with("word/media/image1.png", picture));
    assert_eq!((form(&whole), whole.0.decision.outcome.clone()), (Some(("ooxml", 0)), Outcome::Captured));
    assert!(whole.1.is_empty(), "it has no members");
    let inner = zip(b"", true, &PAIR);
    let hidden = zip(picture, true, &PAIR);
    for (name, content) in [
        ("notes.txt", b"a text".as_slice()),
        ("word/notes.txt", b"a text"),
        ("word/media/image1.png", &inner),
        ("word/media/image1.png", &hidden),
        ("word/embeddings/sheet.xlsx", &inner),
        ("word/document2.xml", b"MZ\0\0"),
        ("word/vbaProject.bin", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        ("word\\x.xml", b"<?xml?>"),
    ] {
        let found = found(BAR, "a.docx", with(name, content));
        assert_eq!(form(&found), Some(("ooxml", 1)), "{name}");
        assert_eq!(found.0.decision.tier, Tier::Undetermined, "{name}");
        assert!(trouble(&found).contains("1 entries in it are not such"), "{}", trouble(&found));
    }
    // The table of a chart is such a document itself, or the text is unknown with it.
    let sheet = |name, content: &[u8]| {
        let sheet = ("xl/workbook.xml", b"<?xml version=\"1.0\"?><workbook/>".as_slice());
        zip(b"", true, &[TYPES, sheet, (name, content)])
    };
    let inside = |content: &[u8]| with("word/embeddings/Sheet1.xlsx", content);
    let plain = sheet("xl/styles.xml", b"<?xml version=\"1.0\"?><styleSheet/>");
    let deep = (0..3).fold(plain.clone(), |inner, _| sheet("xl/embeddings/b.xlsx", &inner));
    let kept = found(BAR, "a.docx", inside(&plain));
    assert_eq!((form(&kept), kept.0.decision.outcome.clone()), (Some(("ooxml", 0)), Outcome::Captured));
    for content in [
        sheet("xl/notes.txt", b"a text"),
        sheet("private/s.txt", b"secret"),
        sheet("xl/media/image1.png", &hidden),
        [picture, &plain].concat(),
        [&plain, picture].concat(),
        sheet("xl/embeddings/b.xlsx", &sheet("xl/notes.txt", b"a text")),
        plain[..plain.len() - 9].to_vec(),
        deep,
    ] {
        let found = found(BAR, "a.docx", inside(&content));
        assert_eq!((form(&found), found.0.decision.tier), (Some(("ooxml", 1)), Tier::Undetermined));
    }
    let kind = ("mimetype", b"application/vnd.oasis.opendocument.text".as_slice());
    let text = zip(b"", true, &[kind, ("Formula-0/content.xml", b"<?xml version=\"1.0\"?><math/>")]);
    let kept = found(BAR, "a.odt", text);
    assert_eq!((form(&kept), kept.0.decision.outcome.clone()), (Some(("odf", 0)), Outcome::Captured));
    let barred = found(BAR, "a.docx", with("private/s.txt", b"secret"));
    assert_eq!((barred.0.decision.outcome, barred.0.decision.tier), (Outcome::Left, Tier::OutOfScope));
    assert_eq!(barred.0.facts.container.as_ref().unwrap().barred, 1);
    let cut = found("", "a.docx", with("word/media/image1.png", picture)[..200].to_vec());
    assert_eq!(cut.0.decision.tier, Tier::Undetermined);
}
