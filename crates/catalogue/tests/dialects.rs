//! What each catalogue's words come to, and what is refused of them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test may fail"
)]

use catalogue::{Catalogue, Definition, Part};

fn one(catalogue: Catalogue, text: &str) -> Definition {
    let mut found = catalogue::read(catalogue, "some.file", text.as_bytes()).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// Each part in a line: its globs, the group, or the reason.
fn parts(definition: &Definition) -> Vec<String> {
    let part = |part: &Part| match part {
        Part::Places(places) => format!("{}: {}", places.kinds.join(" "), places.globs.join(" ")),
        Part::Group(names) => format!("group: {}", names.join(" ")),
        Part::Refused(refusal) => format!("refused: {}", refusal.reason),
    };
    definition.parts.iter().map(part).collect()
}

fn check(catalogue: Catalogue, text: &str, expected: &[&str]) {
    let found = parts(&one(catalogue, text));
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        let fits = match expected.strip_prefix("refused: ") {
            Some(reason) => found.starts_with("refused: ") && found.contains(reason),
            None => found == expected,
        };
        assert!(fits, "{found}\n{expected}\n{text}");
    }
}

#[test]
fn forensic_artifacts() {
    let source = |attributes: &str, systems: &str| {
        format!(
            "name: A\ndoc: |\n  Several\n\n  lines.\nsources:\n- type: FILE\n  attributes: {attributes}\nsupported_os: [{systems}]\n"
        )
    };
    let fa = |attributes: &str, systems: &str, expected: &[&str]| {
        check(Catalogue::ForensicArtifacts, &source(attributes, systems), expected);
    };
    assert_eq!(one(Catalogue::ForensicArtifacts, &source("{paths: ['/a']}", "Linux")).doc, "Several lines.");
    fa("{paths: ['/etc/x*']}", "Linux", &["file symlink: /etc/x*"]);
    fa("{paths: ['%%users.homedir%%/.a']}", "Linux", &["file symlink: /home/*/.a /root/.a"]);
    fa("{paths: ['%%users.homedir%%/.a']}", "Darwin", &["file symlink: /Users/*/.a"]);
    fa("{paths: ['%%users.homedir%%/.a']}", "ESXi", &["refused: `users.homedir` stands for no fixed place"]);
    fa("{paths: ['%%environ_path%%/a']}", "Linux", &["refused: `environ_path`"]);
    fa("{paths: ['/a/%%domain%%']}", "Linux", &["refused: `domain`"]);
    fa("{paths: ['/a/**2/b']}", "Linux", &["file symlink: /a/*/b /a/*/*/b"]);
    fa("{paths: ['/a/**']}", "Linux", &["file symlink: /a/*/**"]);
    fa("{paths: ['/a/**0']}", "Linux", &["file symlink: /a/*0"]);
    fa("{paths: ['a/b']}", "Linux", &["refused: does not begin at the root"]);
    fa("{paths: ['/a/../b']}", "Linux", &["refused: no glob stands for"]);
    fa("{paths: ['/V[0-9]/a']}", "Linux", &["file symlink: /V[0-9]/a"]);
    fa("{paths: ['/a[!1]']}", "Linux", &["refused: does not say what such a `[` means"]);
    fa("{paths: []}", "Linux", &["refused: no list of paths"]);
    fa("{paths: ['/a'], filter: x}", "Linux", &["refused: the key `filter`"]);
    let windows = |path: &str, expected: &[&str]| {
        fa(&format!("{{paths: ['{path}'], separator: '\\'}}"), "Windows", expected);
    };
    windows(r"%%environ_systemroot%%\Prefetch\*.pf", &["file symlink: /Windows/Prefetch/*.pf"]);
    windows(r"C:\{A}\L.%%users.username%%", &["file symlink: /[{]A[}]/L.*"]);
    windows(r"D:\a", &["refused: does not begin at the root"]);
    windows(r"\a/b", &["refused: both separators"]);
    windows(r"\$Recycle.Bin\%%users.sid%%\*", &["file symlink: /$Recycle.Bin/S-1-*/*"]);
    check(
        Catalogue::ForensicArtifacts,
        "name: B\nsources:\n- type: WMI\n  attributes: {query: q}\n- type: REGISTRY_KEY\n  attributes: {keys: [k]}\n- type: COMMAND\n  attributes: {cmd: c, args: []}\n- type: ARTIFACT_GROUP\n  attributes: {names: [X, Y]}\n- type: PATH\n  attributes: {paths: ['/a']}\n- type: DIRECTORY\n- type: FILE\n  attributes: {paths: ['/a']}\n  conditions: [os == 1]\n",
        &[
            "refused: a running Windows",
            "refused: a registry",
            "refused: the output of a command",
            "group: X Y",
            "file directory symlink: /a",
            "refused: an unknown type",
            "refused: `conditions`: it asks",
        ],
    );
    check(
        Catalogue::ForensicArtifacts,
        "doc: nameless\n",
        &["refused: no name", "refused: no list of sources"],
    );
}

/// Windows takes no notice of case, and the files may lie where case counts. A draft has one word for all of its places.
#[test]
fn places_of_windows_alone_are_compared_as_windows_does() {
    let one = |name: &str, path: &str, more: &str| {
        format!("name: {name}\nsources:\n- type: FILE\n  attributes: {{paths: ['{path}']{more}}}\n---\n")
    };
    let windows = one("W", "C:\\x", ", separator: '\\'");
    let case = |text: &str| {
        let all = catalogue::read(Catalogue::ForensicArtifacts, "f", text.as_bytes()).unwrap();
        let draft =
            catalogue::draft(Catalogue::ForensicArtifacts, &catalogue::select_all(&all).unwrap()).policy;
        draft.lines().find(|line| line.starts_with("path_case")).unwrap().to_owned()
    };
    assert!(case(&windows).starts_with("path_case = \"insensitive\""));
    assert_eq!(case(&one("L", "/x", "")), "path_case = \"as-volume\"");
    let both = case(&(windows + &one("L", "/x", "")));
    assert!(both.starts_with("path_case = \"as-volume\"") && both.contains("import them alone"), "{both}");
}

/// A name or a text of a catalogue cannot say anything else in the policy than itself.
#[test]
fn texts_stay_texts() {
    let text = "name: \"A\\\"]\\n[x]\\u202e\"\ndoc: \"say \\\"\\\\n\\\" # x\\u0007\"\nsources:\n- type: FILE\n  attributes: {paths: ['/a\"b', '/c#d']}\n- type: WMI\n";
    let definition = one(Catalogue::ForensicArtifacts, text);
    assert_eq!(definition.name, "A\"] [x]");
    let all = vec![definition];
    let draft = catalogue::draft(Catalogue::ForensicArtifacts, &catalogue::select_all(&all).unwrap());
    let mut bundle = scope::Bundle::new();
    bundle.insert("policy.toml", draft.policy.clone()).unwrap();
    let policy =
        scope::Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}\n{}", draft.policy));
    assert_eq!(policy.artifacts()[0].definition, "A\"] [x]");
    assert_eq!(policy.artifacts()[0].label, "say \"\\n\" # x");
    let globs: Vec<&str> = policy.artifacts()[0].path.iter().map(|glob| glob.text()).collect();
    assert_eq!(globs, ["/a\"b", "/c#d"]);
}

#[test]
fn groups_are_followed_once() {
    let text = "name: G\nsources: [{type: ARTIFACT_GROUP, attributes: {names: [A, G, Gone]}}]\n---\nname: A\nsources: [{type: FILE, attributes: {paths: ['/a']}}]\n";
    let all = catalogue::read(Catalogue::ForensicArtifacts, "f", text.as_bytes()).unwrap();
    let selection = catalogue::select(&all, &["G".to_owned()]).unwrap();
    let names: Vec<&str> = selection.definitions.iter().map(|own| own.name.as_str()).collect();
    assert_eq!(names, ["G", "A"]);
    assert_eq!(selection.refused.len(), 1, "{:?}", selection.refused);
    assert!(selection.refused[0].1.reason.to_string().contains("`Gone` is in none"));
    assert!(catalogue::select(&all, &["g".to_owned()]).is_err());
    let twice: Vec<Definition> = all.iter().chain(&all).cloned().collect();
    assert!(catalogue::select_all(&twice).unwrap_err().to_string().contains("two definitions"));
}

/// Whatever stands in a file, reading it ends with definitions or with an error, and what can be drafted is a policy.
#[test]
fn no_bytes_make_it_panic() {
    let texts = [
        "name: A\ndoc: |\n  d\nsources:\n- type: FILE\n  attributes:\n    paths: ['%%users.homedir%%/.a/**2/b', \"/c\\x41\"]\n    separator: '/'\nsupported_os: [Linux]\n---\nname: B\nsources: [{type: ARTIFACT_GROUP, attributes: {names: [A]}}]\n",
        "version: 1.0\nartifacts:\n  -\n    description: D\n    collector: file\n    path: %user_home%/\"x y\"/[a-c]* /v/*x\n    name_pattern: [\"*.log\"]\n    max_depth: 2\n    max_file_size: 9k # n\n    supported_os: [all]\n",
        "Description: D\nTargets:\n    -\n        Name: N\n        Path: C:\\Users\\%user%\\{x}\\\n        FileMask: '*.log'\n        Recursive: true\n",
    ];
    let mut number = 0x9E37_79B9_7F4A_7C15_u64;
    let mut read = 0;
    for at in 0..6000_usize {
        let mut bytes = texts[at % 3].as_bytes().to_vec();
        for _ in 0..=at % 4 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let place = (number >> 33) as usize % bytes.len();
            let signs = b"\0\xff\n :-[]{}\"'|>&*!%@`#\\/?~,\t9a";
            bytes[place] = signs[(number >> 20) as usize % signs.len()];
        }
        for own in [Catalogue::ForensicArtifacts, Catalogue::Uac, Catalogue::Kape] {
            let Ok(found) = catalogue::read(own, "f", &bytes) else { continue };
            let Ok(selection) = catalogue::select_all(&found) else { continue };
            let draft = catalogue::draft(own, &selection);
            if !draft.imported.is_empty() {
                let mut bundle = scope::Bundle::new();
                bundle.insert("policy.toml", draft.policy.clone()).unwrap();
                scope::Policy::parse(&bundle)
                    .unwrap_or_else(|problems| panic!("{problems}\n{}", draft.policy));
                read += 1;
            }
        }
    }
    assert!(read > 200, "{read} of them came to a policy");
}
