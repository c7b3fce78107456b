//! What the words of KAPE's targets come to, and what is refused of them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use catalogue::{Catalogue, Definition, Part};

fn read(name: &str, targets: &str) -> Definition {
    let text = format!("Description: D\nTargets:\n{targets}");
    catalogue::read(Catalogue::Kape, name, text.as_bytes()).unwrap().remove(0)
}

/// One target's keys, and what they come to.
fn kape(keys: &str, expected: &str) {
    let keys = keys.replace('\n', "\n        ");
    let own = read("T.tkape", &format!("    -\n        Name: N\n        {keys}\n"));
    let [part] = own.parts.as_slice() else { panic!("{own:#?}") };
    let found = match part {
        Part::Places(places) => format!("{}: {}", places.kinds.join(" "), places.globs.join(" ")),
        Part::Group(names) => format!("group: {}", names.join(" ")),
        Part::Refused(refusal) => format!("refused: {}", refusal.reason),
    };
    let fits = match expected.strip_prefix("refused: ") {
        Some(reason) => found.starts_with("refused: ") && found.contains(reason),
        None => found == expected,
    };
    assert!(fits, "{found}\n{expected}\n{keys}");
}

#[test]
fn a_path_is_a_folder_and_a_mask_a_name() {
    kape("Path: C:\\Users\\%user%\\X\\\nFileMask: '*.log'", "file: /Users/*/X/*.log");
    kape("Path: C:\\X\nRecursive: true", "file: /X/**/*");
    kape("Path: C:\\\nFileMask: $MFT", "file: /$MFT");
    kape("Path: C:\\$Extend\nFileMask: $UsnJrnl:$J", "stream: /$Extend/$UsnJrnl:$J");
    kape("Path: Apps\\Other.tkape", "group: Other");
    kape("Path: other.TKAPE", "group: other");
    kape("Path: C:\\X\nRecreateDirectories: true", "file: /X/*");
    kape("Path: D:\\X", "refused: does not begin with `C:\\`");
    kape("Path: C:\\%temp%", "refused: `%temp%`");
    kape("Path: C:\\X\nFileMask: 'regex:a+'", "refused: a regular expression");
    kape("Path: C:\\X\nRecursive: perhaps", "refused: neither true nor false");
    kape("Path: C:\\X\nNewer: 2020", "refused: `Newer`: it is unknown");
    kape("Path: C:\\X:y", "refused: a stream stands where a folder should");
    kape("Path: Antivirus\\*", "refused: it names all targets of a folder");
    kape("Path: '*.tkape'", "refused: it names all targets of a folder");
}

/// Before 0.9.2, a path could be that of a file: `IsDirectory` said so.
#[test]
fn a_path_that_is_no_folder_ends_in_the_mask() {
    let file = |path: &str, expected: &str| kape(&format!("Path: {path}\nIsDirectory: false"), expected);
    file("C:\\hiberfil.sys", "file: /hiberfil.sys");
    file("C:\\Windows\\Tasks\\*.job", "file: /Windows/Tasks/*.job");
    file("c:\\$Secure:$SDS", "stream: /$Secure:$SDS");
    file("C:\\X\\", "refused: the path ends in no name of a file");
    file("C:\\X\nFileMask: a", "refused: `IsDirectory: false` beside it");
    file("C:\\X\nRecursive: true", "refused: with a file beside it");
    file("C:\\X\nRecursive: false", "file: /X");
    file("Other.tkape", "group: Other");
    kape("Path: C:\\Windows\\Tasks\nIsDirectory: true\nRecursive: true", "file: /Windows/Tasks/**/*");
    kape("Path: C:\\X\nIsDirectory: perhaps", "refused: neither true nor false");
}

/// Windows takes no notice of case: neither where targets name each other, nor where files are looked for.
#[test]
fn case_does_not_count() {
    let all = vec![
        read("All/!Basic.tkape", "    -\n        Name: G\n        Path: Thumbcache.tkape\n"),
        read("Windows/ThumbCache.tkape", "    -\n        Name: N\n        Path: C:\\X\n"),
    ];
    let selection = catalogue::select(&all, &["!basic".to_owned()]).unwrap();
    let names: Vec<&str> = selection.definitions.iter().map(|own| own.name.as_str()).collect();
    assert_eq!(names, ["All/!Basic", "Windows/ThumbCache"]);
    assert!(selection.refused.is_empty(), "{:?}", selection.refused);
    let draft = catalogue::draft(Catalogue::Kape, &selection).policy;
    assert!(draft.contains("\npath_case = \"insensitive\""), "{draft}");
    assert!(draft.contains("narrower: KAPE follows links"), "{draft}");
    assert!(draft.contains("label      = \"N\""), "the target's own name: {draft}");
    let mut bundle = scope::Bundle::new();
    bundle.insert("policy.toml", draft.clone()).unwrap();
    scope::Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}\n{draft}"));
}

#[test]
fn a_name_that_several_targets_have_is_a_refusal_of_the_group() {
    let all = vec![
        read("G.tkape", "    -\n        Name: G\n        Path: t.tkape\n"),
        read("A/T.tkape", "    -\n        Name: N\n        Path: C:\\X\n"),
        read("B/t.tkape", "    -\n        Name: N\n        Path: C:\\Y\n"),
    ];
    let selection = catalogue::select(&all, &["G".to_owned()]).unwrap();
    assert_eq!(selection.definitions.len(), 1);
    assert_eq!(selection.refused[0].1.reason.to_string(), "`t` may be A/T or B/t");
}
