//! What the words of UAC come to, and what is refused of them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use catalogue::{Catalogue, Definition, Part};

fn one(text: &str) -> Definition {
    let mut found = catalogue::read(Catalogue::Uac, "folder/some.yaml", text.as_bytes()).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// Each part in a line: its globs with size and notes, or the reason.
fn parts(definition: &Definition) -> Vec<String> {
    let part = |part: &Part| match part {
        Part::Places(places) => {
            let mut text = format!("{}: {}", places.kinds.join(" "), places.globs.join(" "));
            if places.size != (None, None) {
                text.push_str(&format!(" {:?}", places.size));
            }
            for note in &places.notes {
                text.push_str(&format!(" # {note}"));
            }
            text
        }
        Part::Group(names) => format!("group: {}", names.join(" ")),
        Part::Refused(refusal) => format!("refused: {}", refusal.reason),
    };
    definition.parts.iter().map(part).collect()
}

/// Expectations end with `...` where only the beginning is compared.
fn check(text: &str, expected: &[&str]) {
    let found = parts(&one(text));
    assert_eq!(found.len(), expected.len(), "{found:#?}\n{text}");
    for (found, expected) in found.iter().zip(expected) {
        let fits = match (expected.strip_prefix("refused: "), expected.strip_suffix("...")) {
            (Some(reason), _) => found.starts_with("refused: ") && found.contains(reason),
            (_, Some(begin)) => found.starts_with(begin),
            _ => found == expected,
        };
        assert!(fits, "{found}\n{expected}\n{text}");
    }
}

fn of(systems: &str, keys: &str, expected: &[&str]) {
    let keys = keys.replace('\n', "\n    ");
    check(
        &format!(
            "version: 1.0\nartifacts:\n  -\n    description: D\n    supported_os: [{systems}]\n    {keys}\n"
        ),
        expected,
    );
}

fn file(keys: &str, expected: &[&str]) {
    of("linux", &format!("collector: file\n{keys}"), expected);
}

#[test]
fn a_path_is_taken_with_all_below_it() {
    file("path: /var/log", &["file symlink: /var/log/**"]);
    file("path: /var/log\nfile_type: [f]", &["file: /var/log/**"]);
    file(
        "path: /var/log\nmax_depth: 1",
        &[
            "file symlink: /var/log /var/log/* # narrower: UAC 3 lists folders as well, and takes all in them, deeper than `max_depth`",
        ],
    );
    file("path: /var/log\nmax_depth: 1\nfile_type: [f]", &["file: /var/log /var/log/*"]);
    file("path: /x\nmax_depth: 0", &["refused: the path alone in UAC 2, and no bound in UAC 3"]);
    file("path: /x\nmax_depth: deep", &["refused: no number"]);
}

/// Without a type, `find` tells folders, too, and what is in them is taken.
#[test]
fn a_folder_that_is_found_is_taken_whole() {
    file("path: /a\nname_pattern: [\"Logs\"]", &["file symlink: /a/**/Logs/**"]);
    file("path: /a\nname_pattern: [\"Logs\"]\nfile_type: [f]", &["file: /a/**/Logs"]);
    file("path: /a\nname_pattern: [\"Logs\"]\nfile_type: [d]", &["file symlink: /a/**/Logs/*/**"]);
    file(
        "path: /a\nname_pattern: [\"Logs\"]\nfile_type: [f, d]",
        &["file: /a/**/Logs", "file symlink: /a/**/Logs/*/**"],
    );
    file("path: /a\nfile_type: d", &["file symlink: /a/*/**"]);
    file("path: /a\nname_pattern: [\"L\"]\nmax_depth: 2", &["file symlink: /a/L/** /a/*/L/**"]);
    file("path: /a\nfile_type: d\nmax_file_size: 9", &["refused: a size is asked of a folder"]);
    file("path: /a\nfile_type: [s]", &["refused: files, links and folders alone"]);
    file("path: /a\nfile_type: [x]", &["refused: an unknown `file_type`"]);
}

/// `find` tells the path itself as well, where its own name fits.
#[test]
fn the_last_name_of_the_path_may_fit() {
    let file = |path: &str, name: &str, expected: &[&str]| {
        file(&format!("path: {path}\nname_pattern: [\"{name}\"]\nfile_type: [f]"), expected);
    };
    file("/v/x.log", "*.log", &["file: /v/x.log/**/*.log /v/x.log"]);
    file("/v/x.*", "x.log", &["file: /v/x.*/**/x.log /v/x.log"]);
    file("/v/x", "*.log", &["file: /v/x/**/*.log"]);
    file("/v/S*", "History*", &["file: /v/S*/**/History*"]);
    file("/v/a*", "*b", &["refused: which a name may fit both"]);
    // No dot before what a star of the shell stands for.
    file("/v/*", ".x", &["file: /v/[!.]*/**/.x"]);
}

#[test]
fn sizes_leave_out_their_bounds_and_links_have_none() {
    file("path: /a\nfile_type: f\nmax_file_size: 10\nmin_file_size: 2", &["file: /a/** (Some(3), Some(9))"]);
    file("path: /a\nfile_type: f\nmax_file_size: 1k # one", &["file: /a/** (None, Some(1023))"]);
    file("path: /a\nfile_type: f\nmax_file_size: 1G", &["file: /a/** (None, Some(1073741823))"]);
    file("path: /a\nfile_type: f\nmax_file_size: 1x", &["refused: no number of bytes"]);
    file("path: /a\nfile_type: f\nmax_file_size: 99999999999t", &["refused: no number of bytes"]);
    file("path: /a\nfile_type: f\nmax_file_size: 0", &["refused: no file is smaller"]);
    file(
        "path: /a\nfile_type: [f, l]\nmax_file_size: 1m",
        &["file: /a/** (None, Some(1048575))", "symlink: /a/**"],
    );
    file(
        "path: /a\nfile_type: [f, l]\nmax_file_size: 9",
        &[
            "file: /a/** (None, Some(8)) # wider: links are taken whatever their length",
            "symlink: /a/** # wider: links are taken whatever their length",
        ],
    );
    file("path: /a\nfile_type: [f, l]\nmin_file_size: 9999", &["file: /a/** (Some(10000), None)"]);
    file(
        "path: /a\nmax_file_size: 1m",
        &[
            "file: /a/** (None, Some(1048575)) # narrower: of a folder that is found, UAC 3 takes files of any size",
            "symlink: /a/** # narrower: of a folder...",
        ],
    );
}

#[test]
fn patterns_of_paths_are_whole_names() {
    file("path: /a\npath_pattern: [\"*/Cache/*\"]", &["file symlink: /a/**/Cache/*/**"]);
    file("path: /a\npath_pattern: [\"*/x\"]", &["file symlink: /a/**/x/**"]);
    file("path: /a\npath_pattern: [\"*/x\"]\nfile_type: f", &["file: /a/**/x"]);
    file("path: /a\npath_pattern: [\"*/x/*\"]\nfile_type: d", &["file symlink: /a/**/x/*/*/**"]);
    file("path: /a\npath_pattern: [\"*/Ca*/x\"]", &["refused: a star that crosses"]);
    file("path: /a/b\npath_pattern: [\"*/b/*\"]", &["refused: a name that stands in `path`, too"]);
    file("path: /a\npath_pattern: [\"*/x\"]\nname_pattern: [\"y\"]", &["refused: `name_pattern` beside it"]);
}

#[test]
fn paths_are_the_shell_s() {
    file("path: /\"Application Support\"/x", &["file symlink: /Application Support/x/**"]);
    file("path: /a /\"b c\"  /d", &["file symlink: /a/** /b c/** /d/**"]);
    file("path: /l/*", &["file symlink: /l/[!.]*/**"]);
    file("path: /l/*log", &["file symlink: /l/log/** /l/[!.]*log/**"]);
    file("path: /l/$x", &["refused: a character that a shell reads"]);
    file("path: /l;x", &["refused: a character that a shell reads"]);
    file("path: /\"l*\"", &["refused: a wildcard within quotes"]);
    file("path: /\"l", &["refused: not closed"]);
    file("path: l/x", &["refused: does not begin at the root"]);
    file("path: %uac_directory%/x", &["refused: `uac_directory`"]);
    file("path: /a\nname_pattern: [\"$x\"]", &["refused: reads in another way"]);
}

/// Of each system the places that are known; of all, all of them, and a note of what is not.
#[test]
fn homes_are_those_of_the_systems() {
    let home = |systems: &str, keys: &str| {
        let found = one(&format!(
            "artifacts:\n  -\n    supported_os: [{systems}]\n    collector: file\n    {keys}\n"
        ));
        parts(&found).remove(0)
    };
    let path = "path: %user_home%/.x\n    file_type: f";
    assert!(
        home("linux", path).starts_with("file: /home/*/.x/** /root/.x/** # narrower: UAC takes the homes")
    );
    assert_eq!(home("linux", path), home("linux", "path: /%user_home%/.x\n    file_type: f"));
    let all = home("all", path);
    for own in
        ["/.x", "/Users/*/.x", "/export/home/*/.x", "/home/*/.x", "/private/var/root/.x", "/usr/home/*/.x"]
    {
        assert!(all.contains(&format!(" {own}/**")), "{own}: {all}");
    }
    assert!(all.contains("narrower: of Android, Haiku"), "{all}");
    assert!(home("aix, android", path).contains("/home/*/.x/**"));
    assert!(home("aix, android", path).contains("narrower: of Android, Haiku"));
    assert!(!home("aix", path).contains("Android"));
    assert!(home("android", path).contains("`user_home` stands for no fixed place"));
    // A home that is the root is looked at two folders deep.
    let names = home("esxi", "path: %user_home%\n    name_pattern: [\"x\"]\n    file_type: f");
    assert!(names.starts_with("file: /x /*/x /home/*/**/x #"), "{names}");
}

#[test]
fn what_a_policy_cannot_say_is_refused() {
    file("path: /a\nexclude_name_pattern: [x]", &["refused: takes away"]);
    file("path: /a\ncondition: ! command_exists x", &["refused: it runs a command"]);
    file("path: /a\npermissions: [755]", &["refused: no condition on it"]);
    file("path: /a\ncolour: red", &["refused: `colour`: it is unknown"]);
    file("path: /a\nis_file_list: true", &["refused: the output of a command"]);
    file("path: /a\nis_file_list: false", &["file symlink: /a/**"]);
    file("path: /a\nignore_date_range: true", &["file symlink: /a/**"]);
    file("path: /a\nexclude_nologin_users: true", &["file symlink: /a/**"]);
    file(
        "path: %user_home%/.x %user_home%/.y\nexclude_nologin_users: true\nfile_type: f",
        &[
            "file: /home/*/.x/** /root/.x/** /home/*/.y/** /root/.y/** # wider: homes of accounts that cannot log in are meant, too # narrower: UAC takes the homes that /etc/passwd names elsewhere, too; write their paths by hand",
        ],
    );
    of("linux", "collector: command\ncommand: \"\"\"\n  ps\n\"\"\"", &["refused: the output of a command"]);
    of("linux", "collector: stat\npath: /", &["refused: a listing of files"]);
    of("", "collector: file\npath: /a", &["refused: no `supported_os`"]);
    check("version: 1.0\n", &["refused: no list of artifacts"]);
    check("description: D\nversion: 1.0\nartifacts:\n  -\n    x: y\n", &["refused: an unknown collector"]);
    check("name: p\nartifacts:\n  - files/a.yaml\n  - files/*\n", &["refused: it is a profile"]);
}

/// Each part is called what the catalogue calls it, and the rule what all of them are.
#[test]
fn each_part_has_its_own_label() {
    let text = "artifacts:\n  -\n    description: Hooks.\n    supported_os: [linux]\n    collector: file\n    path: /h\n  -\n    description: Settings.\n    supported_os: [linux]\n    collector: file\n    path: /s\n";
    let all = vec![one(text)];
    assert_eq!(all[0].name, "folder/some");
    let draft = catalogue::draft(Catalogue::Uac, &catalogue::select_all(&all).unwrap()).policy;
    for (id, label, path) in [("folder-some", "Hooks.", "/h/**"), ("folder-some-2", "Settings.", "/s/**")] {
        let own = draft.split_once(&format!("[artifact.{id}]")).unwrap().1.split_once("\n\n").unwrap().0;
        assert!(own.contains(&format!("label      = \"{label}\"")) && own.contains(path), "{own}");
        let own = draft.split_once(&format!("[selector.{id}]")).unwrap().1.split_once("\n\n").unwrap().0;
        assert!(own.contains(&format!("label    = \"{label}\"")), "{own}");
    }
    assert!(draft.contains("text   = \"Hooks. Settings.\""), "{draft}");
    assert!(draft.contains("path_case = \"as-volume\"\n"), "{draft}");
}

#[test]
fn a_file_is_named_with_its_folders_or_without() {
    let read = |name: &str| {
        let text = "artifacts:\n  -\n    supported_os: [all]\n    collector: file\n    path: /a\n";
        catalogue::read(Catalogue::Uac, name, text.as_bytes()).unwrap().remove(0)
    };
    let all = vec![read("logs/net.yaml"), read("system/net.yaml"), read("logs/one.yaml")];
    let names = |name: &str| {
        let found = catalogue::select(&all, &[name.to_owned()]).map_err(|error| error.to_string())?;
        Ok::<Vec<String>, String>(found.definitions.iter().map(|own| own.name.clone()).collect())
    };
    assert_eq!(names("logs/net").unwrap(), ["logs/net"]);
    assert_eq!(names("one").unwrap(), ["logs/one"]);
    assert_eq!(names("net").unwrap_err(), "`net` may be logs/net or system/net");
    assert!(names("One").is_err());
    assert_eq!(catalogue::select_all(&all).unwrap().definitions.len(), 3);
}

#[test]
fn a_file_that_is_not_read_is_a_refusal_of_its_name() {
    let error = catalogue::read(Catalogue::Uac, "x/y.yaml", b"some words\n").unwrap_err();
    let all = vec![catalogue::unread(Catalogue::Uac, "x/y.yaml", b"some words\n", error)];
    let selection = catalogue::select_all(&all).unwrap();
    assert_eq!(selection.refused[0].0, "x/y");
    assert!(selection.refused[0].1.reason.to_string().contains("the file is not read: line 1"));
}
