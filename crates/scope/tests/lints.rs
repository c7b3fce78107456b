//! Each kind of remark: one policy that raises it, and one near it that does not.

#![allow(clippy::unwrap_used, clippy::panic, clippy::string_slice, reason = "a test may fail")]

use std::collections::BTreeSet;
use std::path::Path;

use scope::lint::KINDS;
use scope::{Bundle, Lint, Policy};

const HEAD: &str = include_str!("../../../policies/1-rustock-cnc/policy.toml");

fn lints(body: &str) -> Vec<Lint> {
    scope::lint(&policy(body))
}

/// The head of an example with rules of the test's own; `|` stands between changes of the head and the rest.
fn policy(body: &str) -> Policy {
    let (changes, body) = body.split_once("||").unwrap_or(("", body));
    let mut head = HEAD.split("[window.lease]").next().unwrap().to_owned();
    for change in changes.split('|').filter(|change| !change.is_empty()) {
        let (from, to) = change.split_once("=>").unwrap();
        assert!(head.contains(from), "`{from}` is in the head");
        head = head.replace(from, to);
    }
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", head + COMPARTMENTS + body).unwrap();
    Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}"))
}

const COMPARTMENTS: &str = r#"
[[compartment]]
id = "neutral"
label = "n"
recipients = ["age1663u3eyatty3sxtwq0mypj9r7hx6jayq9qhjahh04mf8tj09vpjsaxcddu"]
release = "order"
"#;

/// The lints that one policy raises and the other does not.
const SECOND: &str = r#"
[[compartment]]
id = "second"
label = "s"
recipients = ["age19ds649fxh7z4z5c04elw26z4yhuqh2g2q8haw9k6mk9yplkj5fkq0q9es5"]
release = "order"
"#;

/// `[selector.<id>]` with conditions, and rules `effect: selectors`.
fn body(selectors: &[(&str, &str)], rules: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (id, conditions) in selectors {
        text += &format!("[selector.{id}]\nlabel = \"l\"\n{conditions}\n");
    }
    for (at, (effect, sets)) in rules.iter().enumerate() {
        text += &format!(
            "[[rule]]\nid = \"R-{at}\"\neffect = \"{effect}\"\ntext = \"t\"\nbasis = \"b\"\n{sets}\n"
        );
    }
    text
}

/// A rule about mail.
fn mail(effect: &str, messages: &str) -> String {
    let list = "[list.a]\nkind = \"addresses\"\nlabel = \"a\"\nitems = [\"ann@x.org\"]\n";
    let condition = format!("mail = {{ party = [\"a\"], role = [\"from\"], messages = \"{messages}\" }}");
    list.to_owned()
        + &body(
            &[("m", &condition), ("p", "path = [\"/a\"]")],
            &[(effect, "any = [\"m\"]"), ("include", "any = [\"p\"]")],
        )
}

/// A policy of one include and what else is given.
fn plain(conditions: &str) -> String {
    body(&[("s", conditions)], &[("include", "any = [\"s\"]")])
}

fn window(conditions: &str) -> String {
    format!(
        "[window.w]\nfrom = \"2011-01-01T00:00:00Z\"\nuntil = \"2011-02-01T00:00:00Z\"\n{}",
        plain(conditions)
    )
}

fn keywords(items: &str) -> String {
    let conditions = "path = [\"/a/**\"]\nkeywords = { list = \"k\" }";
    format!("[list.k]\nkind = \"keywords\"\nlabel = \"k\"\nitems = [{items}]\n{}", plain(conditions))
}

fn hashes(conditions: &str, effect: &str) -> String {
    let list = format!("[list.h]\nkind = \"sha256\"\nlabel = \"h\"\nitems = [\"{}\"]\n", "1".repeat(64));
    let rules = [("include", "any = [\"p\"]"), (effect, "any = [\"s\"]")];
    list + &body(&[("p", "path = [\"/a/**\"]"), ("s", conditions)], &rules)
}

/// An include, an exclude with what may rescue, and the path of each.
fn excluded(include: &str, exclude: &str, unless: Option<&str>) -> String {
    let mut selectors = vec![("in", include), ("out", exclude)];
    let mut sets = "any = [\"out\"]".to_owned();
    if let Some(unless) = unless {
        selectors.push(("rescue", unless));
        sets += "\nunless = [\"rescue\"]";
    }
    body(&selectors, &[("include", "any = [\"in\"]"), ("exclude", &sets)])
}

fn holds(first: &str, second: &str) -> String {
    let selectors = [("in", "path = [\"/**\"]"), ("one", first), ("two", second)];
    let rules = [
        ("include", "any = [\"in\"]"),
        ("hold", "to = \"neutral\"\nany = [\"one\"]"),
        ("hold", "to = \"second\"\nany = [\"two\"]"),
    ];
    SECOND.to_owned() + &body(&selectors, &rules)
}

const CASE: &str = "age1qvnt2e72rcsjlae78pxwx26ztj8vyjdsjsz8743a4yfxknfc4y6qwvfvxr";
const COURT: &str = "age1lm86n7udclr6a3e7ksf5my73tng954u72cwqvdn0c23zppfgsdfq3xqf5r";

/// The change that has archives opened.
const CONTAINERS: &str = "[defaults]=>[target.containers]\nopen = [\"zip\"]\nmax_depth = 1\n[defaults]";

/// The change that gives an office another key.
fn key(office: &str, key: &str) -> String {
    let own = HEAD.lines().find(|line| line.starts_with(office) && line.contains("age1")).unwrap();
    format!("{own}=>{office} = [\"{key}\"]||")
}

/// Zips are opened, and an include has these paths.
fn in_archives(paths: &str) -> String {
    CONTAINERS.to_owned() + "||" + &plain(&format!("path = [\"{paths}\"]"))
}

/// Gzips and tars are opened, two in each other.
fn gzips(paths: &str) -> String {
    let containers = CONTAINERS.replace("\"zip\"", "\"gzip\", \"tar\"").replace("= 1", "= 2");
    containers + "||" + &plain(&format!("path = [\"{paths}\"]"))
}

/// Zips are opened, and what has these paths is excluded.
fn kept(paths: &str) -> String {
    let exclude =
        "[[rule]]\nid = \"X-1\"\neffect = \"exclude\"\nbasis = \"b\"\ntext = \"t\"\nany = [\"x\"]\n";
    in_archives("/home/**") + &format!("[selector.x]\nlabel = \"l\"\npath = [\"{paths}\"]\n{exclude}")
}

fn cases() -> Vec<(&'static str, String, String)> {
    let left = "\"hold:neutral\"=>\"left\"||".to_owned();
    let path = |glob: &str| plain(&format!("path = ['{glob}']"));
    let modified = "time = { of = [\"modified\"], within = \"w\" }";
    let withhold = |ground: &str, hold: &str| {
        let withhold = format!("ground = \"{ground}\"\nany = [\"p\"]");
        let hold = format!("to = \"neutral\"\nany = [\"{hold}\"]");
        let rules = [("include", "any = [\"s\"]"), ("withhold", withhold.as_str()), ("hold", hold.as_str())];
        body(
            &[("s", "path = [\"/a/**\"]"), ("p", "path = [\"/a/p/**\"]"), ("q", "path = [\"/a/q\"]")],
            &rules,
        )
    };
    vec![
        ("any-folder", path("/**/x"), path("/a/**/x")),
        ("placeholder", "2011-03-09T=>1970-01-02T||".to_owned() + &path("/a/x"), path("/a/x")),
        ("placeholder", "WD-WCAV00000007=>to-be-filled-in||".to_owned() + &path("/a/x"), path("/a/x")),
        ("unread-text", keywords("\"kick\""), path("/a")),
        ("unread-text", left.clone() + &keywords("\"kick\""), path("/a")),
        (
            "nobodys-key",
            key("auditor", scope::placeholder::RECIPIENTS[1]) + &path("/a/x"),
            key("auditor", "age19ds649fxh7z4z5c04elw26z4yhuqh2g2q8haw9k6mk9yplkj5fkq0q9es5") + &path("/a/x"),
        ),
        ("short-name", path("/PROGRA~1/x"), path("/Program Files/~x")),
        (
            "closed-include",
            "streams     = true=>closed = [\"/a/*\"]||".to_owned() + &path("/a/b/c*"),
            "streams     = true=>closed = [\"/a/*\"]||".to_owned() + &path("/a/b"), // the folder itself is an item
        ),
        (
            "dead-include",
            excluded(
                "path = [\"/home/ann/b*.txt\"]",
                "path = [\"/home/*/[!x]*\"]",
                Some("path = [\"/srv/**\"]"),
            ),
            excluded(
                "path = [\"/home/ann/b*.txt\"]",
                "path = [\"/home/*/[!x]*\"]",
                Some("path = [\"/home/**/*a*\"]"),
            ),
        ),
        (
            "dead-include",
            excluded("path = [\"/home/ann/[!x]*.txt\"]", "path = [\"/home/*/[!x]*\"]", None),
            excluded("path = [\"/home/ann/*.txt\"]", "path = [\"/home/*/[!x]*\"]", None),
        ),
        (
            "dead-include",
            excluded("path = [\"/home/ann/x\"]", "path = [\"/home/**\"]", None),
            excluded("path = [\"/home/ann/x\"]", "path = [\"/home/**\"]\nkind = [\"directory\"]", None),
        ),
        (
            "duplicate-rule",
            body(&[("s", "path = [\"/a\"]")], &[("include", "any = [\"s\"]"), ("include", "any = [\"s\"]")]),
            body(&[("s", "path = [\"/a\"]")], &[("include", "any = [\"s\"]"), ("include", "all = [\"s\"]")]),
        ),
        (
            "execute-after-review",
            "2011-09-09=>2011-03-10||".to_owned() + &path("/a"),
            "2011-09-09=>2011-03-23||".to_owned() + &path("/a"),
        ),
        ("folded-duplicate", keywords("\"Kickback\", \"kicKBACK\""), keywords("\"kickback\", \"kick back\"")),
        ("literal-keyword", keywords("\"kickb*\""), keywords("\"kickb\"")),
        ("literal-keyword", keywords("\"kick\u{200b}back\""), keywords("\"kick back\"")),
        ("short-keyword", keywords("\"kik\""), keywords("\"kick\"")),
        ("one-spelling", keywords("\"caf\u{e9}\""), keywords("\"caf\u{e9}\", \"Cafe\u{301}\"")),
        (
            "hash-exclude",
            hashes("hash_in = [\"h\"]", "exclude"),
            hashes("hash_in = [\"h\"]\npath = [\"/a/b/**\"]", "exclude"),
        ),
        (
            "hash-exclude",
            hashes("hash_in = [\"h\"]\nkind = [\"file\"]", "exclude"),
            hashes("hash_in = [\"h\"]", "include"),
        ),
        (
            "idle-hold",
            body(
                &[("s", "path = [\"/a/**\"]"), ("h", "path = [\"/b/**\"]")],
                &[("include", "any = [\"s\"]"), ("hold", "to = \"neutral\"\nany = [\"h\"]")],
            ),
            body(
                &[("s", "path = [\"/a/**\"]"), ("h", "path = [\"/*/b\"]")],
                &[("include", "any = [\"s\"]"), ("hold", "to = \"neutral\"\nany = [\"h\"]")],
            ),
        ),
        (
            "idle-unless",
            excluded("path = [\"/**\"]", "path = [\"/a/**\"]", Some("path = [\"/b/**\"]")),
            excluded("path = [\"/**\"]", "path = [\"/a/**\"]", Some("name = [\"b\"]")),
        ),
        (
            "kept-forever",
            "the final disposition of the case, then destroyed by the court=>indefinitely||".to_owned()
                + &path("/a"),
            "\"facts\"=>\"counts\"|the final disposition of the case, then destroyed by the court=>not kept||"
                .to_owned() + &path("/a"),
        ),
        (
            "late-window",
            "2011-03-23T=>2011-03-24T|2011-03-09T=>2010-03-09T|2011-03-24T=>2010-12-31T||".to_owned()
                + &window(modified),
            window(modified),
        ),
        (
            "never-true",
            plain("kind = [\"directory\"]\nencrypted = true"),
            plain("kind = [\"file\"]\nencrypted = true"),
        ),
        (
            "never-true",
            plain("kind = [\"symlink\"]\nsize = { min = 1 }"),
            plain("kind = [\"deleted\"]\nsize = { min = 1 }"),
        ),
        (
            "never-true",
            plain("path = [\"/a/*.txt\"]\nname = [\"*.jpg\", \"x\"]"),
            plain("path = [\"/a/*.txt\"]\nname = [\"*.jpg\", \"x*\"]"),
        ),
        ("nothing-included", body(&[("s", "path = [\"/a\"]")], &[("exclude", "any = [\"s\"]")]), path("/a")),
        (
            "overlap",
            holds("path = [\"/a/*x\"]", "path = [\"/a/x*\"]"),
            holds("path = [\"/a/x\"]", "path = [\"/a/*y\"]"),
        ),
        (
            "shadowed-hold",
            holds("path = [\"/a/**\"]", "path = [\"/a/x*\"]"),
            holds("path = [\"/a/?*\"]", "path = [\"/a\"]"),
        ),
        (
            "privileged-names",
            withhold("attorney-client privilege", "q"),
            withhold("attorney-client privilege", "p"),
        ),
        ("privileged-names", withhold("work product", "q"), withhold("third-party data", "q")),
        ("redundant-glob", plain("path = [\"/a/**\", \"/a/b/*\"]"), plain("path = [\"/a/*\", \"/a/b/*\"]")),
        ("shared-key", key("auditor", CASE) + &path("/a"), key("auditor", COURT) + &path("/a")),
        ("court-key", key("court", CASE) + &path("/a"), path("/a")),
        (
            "unlimited",
            plain("ext = [\"txt\"]"),
            plain("ext = [\"txt\"]\nowner = [\"c\"]") + "[custodian.c]\nlabel = \"c\"\nuid = [1]\n",
        ),
        ("unnamed-version", "version = 1=>version = 2||".to_owned() + &path("/a"), path("/a")),
        (
            "unrecorded-time",
            window("time = { of = [\"modified\", \"created\"], within = \"w\" }"),
            window(modified),
        ),
        (
            "unrecorded-time",
            window("time = { of = [\"changed\"], within = \"w\", mode = \"all\" }"),
            window(modified),
        ),
        (
            "archive-alone",
            CONTAINERS.to_owned() + "||" + &plain("path = [\"/a/**\"]\next = [\"zip\"]"),
            CONTAINERS.to_owned() + "||" + &plain("path = [\"/a/**\"]\next = [\"txt\"]"),
        ),
        ("archive-path", plain("path = [\"/d/box.zip!/a\", \"/d/**\"]"), plain("path = [\"/d/box.zip/a\", \"/d/**\"]")),
        ("archive-path", in_archives("/d/box.zip!/a"), in_archives("/d/box.zip!/a\", \"/d/*.zip")),
        ("archive-path", in_archives("/d/**\", \"/d/a.7z!/x"), in_archives("/d/**\", \"/d/a.odd!/x")),
        ("archive-path", in_archives("/d/**\", \"/d/a.zip/x"), in_archives("/d/**\", \"/d/a.tar/x")),
        ("archive-path", in_archives("/d/**\", \"/d/a.zip!/b.zip!/x"), in_archives("/d/**\", \"/d/a.zip!/b.zip")),
        ("archive-path", gzips("/d/**\", \"/d/a.tar.gz!/x"), gzips("/d/**\", \"/d/a.tar.gz!/a.tar!/x\", \"/d/b.tgz!/*/x")),
        ("rooted-path", kept("/home/anna/**"), kept("/home/anna/**\", \"/**/*!/home/anna/**")),
        ("rooted-path", kept("/home/anna/**"), kept("/**/anna/**")),
        (
            "rooted-path",
            kept("/home/anna/**\", \"/home/ben/**\", \"/**/*!/home/anna/**"),
            kept("/home/anna/**\", \"/home/ben/**\", \"/**/*!/home/*/**"),
        ),
        ("any-folder", kept("/**/home/anna/**"), kept("/home/anna/**\", \"/**/*!/home/anna/**")),
        (
            "unopened",
            CONTAINERS.to_owned() + "|" + &left + &path("/a/x"),
            CONTAINERS.to_owned() + "||" + &path("/a/x"),
        ),
        ("mailbox-whole", mail("include", "any"), mail("include", "all")),
        ("mailbox-whole", mail("include", "any"), mail("exclude", "any")),
        (
            "unseen",
            "\"type\", \"hash\", =>|inspect=>inspect||".to_owned()
                + &plain("path = [\"/a\"]\ntype = [\"text\"]"),
            plain("path = [\"/a\"]\ntype = [\"text\"]"),
        ),
        ("unused", path("/a") + "[selector.x]\nlabel = \"l\"\npath = [\"/x\"]\n", path("/a")),
        (
            "weak-identity",
            "serial = \"WD-WCAV00000007\"=>mbr_signature = \"beef0000\"||".to_owned() + &path("/a"),
            "serial = \"=>mbr_signature = \"beef0000\", gpt = \"||".to_owned() + &path("/a"),
        ),
        (
            "weak-identity",
            "serial = \"=>mbr_signature = \"beef0000\", wwn = \"5\", serial = \"||".to_owned() + &path("/a"),
            "serial = \"=>mbr_signature = \"beef0000\", fsuuid = \"U\", serial = \"||".to_owned() + &path("/a"),
        ),
        (
            "shared-identity",
            "asset_tag = \"KC-07\" }=>asset_tag = \"KC-07\" }, { label = \"X8\", wwn = \"5\", serial = \"WD-WCAV00000007\" }||".to_owned()
                + &path("/a"),
            "asset_tag = \"KC-07\" }=>asset_tag = \"KC-07\" }, { label = \"X8\", wwn = \"WD-WCAV00000007\" }||".to_owned() + &path("/a"),
        ),
        (
            "zoneless",
            window(modified),
            "\"hold:neutral\"=>\"hold:neutral\"\nzoneless_times = \"+01:00\"||".to_owned()
                + &window(modified),
        ),
        (
            "zoneless",
            left.clone() + &window(modified),
            "\"hold:neutral\"=>\"left\"\nzoneless_times = \"+01:00\"||".to_owned() + &window(modified),
        ),
    ]
}

#[test]
fn each_kind_is_raised_where_it_should_be_and_not_beside() {
    let mut raised = BTreeSet::new();
    for (id, fires, quiet) in cases() {
        let found = lints(&fires);
        let own: Vec<&Lint> = found.iter().filter(|lint| lint.id == id).collect();
        assert!(!own.is_empty(), "{id} is not raised by\n{fires}\n{found:#?}");
        for lint in own {
            let problem = &lint.problem;
            assert_eq!(
                (problem.file.as_str(), problem.message.as_str()),
                ("policy.toml", lint.message.as_str())
            );
            assert!(
                problem.line > 0 && problem.column > 0 && problem.snippet.contains('^'),
                "{id}: {problem}"
            );
            assert!(problem.hint.as_ref().is_some_and(|hint| !hint.is_empty()), "{id} says what to do");
        }
        let german = scope::render_in(&policy(&fires), scope::Language::German);
        let remarks = german.split("Hinweise des Programms").nth(1).unwrap();
        for line in remarks.lines().filter(|line| !line.is_empty()) {
            let english = [" the ", " is ", " are ", " it ", " of "].iter().any(|word| line.contains(word));
            assert!(!english && !line.ends_with(": "), "{id}: {line}");
        }
        let near = lints(&quiet);
        assert!(near.iter().all(|lint| lint.id != id), "{id} is raised by\n{quiet}\n{near:#?}");
        raised.insert(id);
    }
    let kinds: BTreeSet<&str> = KINDS.iter().map(|kind| kind.id).collect();
    assert_eq!(raised, kinds, "each kind has a case");
    assert!(KINDS.is_sorted_by_key(|kind| kind.id));
}

#[test]
fn the_page_has_every_kind() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/spec/lints.md");
    let page = std::fs::read_to_string(path).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> =
        KINDS.iter().map(|kind| format!("| `{}` | {} | {} |", kind.id, kind.meaning, kind.remedy)).collect();
    assert_eq!(rows, expected, "\n{}", expected.join("\n"));
}

#[test]
fn a_remark_points_at_what_it_is_about() {
    let found = lints(&excluded(
        "path = [\"/x\", \"/home/ann/*\"]",
        "path = [\"/home/**\"]",
        Some("path = [\"/srv/**\"]"),
    ));
    let dead = found.iter().find(|lint| lint.id == "dead-include").unwrap();
    let expected = "\
warning: rule R-0: `/home/ann/*` is never in scope: R-1 excludes all of it, and no `unless` can reach it [dead-include]
  --> policy.toml:51:15
   |
51 | path = [\"/x\", \"/home/ann/*\"]
   |               ^^^^^^^^^^^^^
hint: take the glob or the exclude out, or give the exclude an `unless` that fits it
";
    assert_eq!(without_lines(&dead.to_string()), without_lines(expected));
}

/// Globs of an artifact are globs: dead, redundant and in any folder like those of a path, at their own place.
#[test]
fn the_paths_of_an_artifact_are_remarked_upon() {
    let origin =
        format!("catalogue = \"c\"\ndefinition = \"d\"\nfile = \"f\"\nsha256 = \"{}\"", "0".repeat(64));
    let artifact =
        |id: &str, path: &str| format!("[artifact.{id}]\nlabel = \"l\"\n{origin}\npath = {path}\n");
    let body = artifact("used", "[\"/home/ann/*\", \"/**/x\", \"/home/ann/a\"]")
        + &artifact("idle", "[\"/a\"]")
        + &excluded("artifact = [\"used\"]", "path = [\"/home/**\"]", None);
    let found: Vec<(&str, String)> =
        lints(&body).iter().map(|lint| (lint.id, lint.problem.snippet.trim().to_owned())).collect();
    for (id, snippet) in [
        ("dead-include", "path = [\"/home/ann/*\""),
        ("any-folder", "path = [\"/home/ann/*\""),
        ("redundant-glob", "path = [\"/home/ann/*\""),
        ("unused", "[artifact.idle]"),
    ] {
        assert!(found.iter().any(|(own, at)| *own == id && at.contains(snippet)), "{id}: {found:?}");
    }
    assert!(!found.iter().any(|(id, _)| *id == "unlimited"), "{found:?}");
}

/// Without the numbers of lines, which change with the example.
fn without_lines(text: &str) -> String {
    text.lines()
        .map(|line| line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' '))
        .map(|line| match line.strip_prefix("--> policy.toml:") {
            Some(place) => place[place.find(':').unwrap()..].to_owned(),
            None => line.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// What the examples raise is looked at by a person, and each remark is right.
#[test]
fn the_examples_raise_what_is_right() {
    for (folder, expected) in [
        (
            "1-rustock-cnc",
            &[
                "zoneless selector tenant-logs",
                "unread-text keywords",
                "redundant-glob selector address-lists",
            ][..],
        ),
        ("2-fraud-privilege", &["unrecorded-time selector in-window", "unread-text keywords"][..]),
        ("3-hash-list-only", &["unrecorded-time selector period", "zoneless selector period"][..]),
        ("4-ir-triage", &[][..]),
    ] {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies").join(folder).join("policy.toml");
        let mut bundle = Bundle::new();
        bundle.insert("policy.toml", std::fs::read(path).unwrap()).unwrap();
        let policy = Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}"));
        let found: Vec<String> =
            scope::lint(&policy).iter().map(|lint| format!("{} {}", lint.id, lint.about)).collect();
        assert_eq!(found, expected, "{folder}");
    }
}

/// Remarks are made whenever a policy is shown, and a policy may be an enemy's.
#[test]
fn a_policy_made_to_be_slow_is_remarked_upon_all_the_same() {
    let globs = |first: char| {
        (0..300).map(|at| format!("\"/**/*{first}{}{at}\"", "?*".repeat(20))).collect::<Vec<_>>().join(", ")
    };
    let found =
        lints(&excluded(&format!("path = [{}]", globs('a')), &format!("path = [{}]", globs('b')), None));
    assert!(found.iter().any(|lint| lint.id == "any-folder"));
}

/// The line of a term is quoted, but for those that nobody is to read.
#[test]
fn no_term_of_a_restricted_list_is_quoted() {
    let list = |restricted: &str| {
        let list = format!(
            "[list.k]\nkind = \"keywords\"\nlabel = \"k\"\n{restricted}\nitems = [\"Kickback\", \"kicKBACK\", \"kik\"]\n"
        );
        let rules = body(&[("s", "keywords = { list = \"k\" }")], &[("include", "any = [\"s\"]")]);
        let lints = lints(&(list + &rules));
        assert!(lints.iter().any(|own| own.id == "folded-duplicate"), "{lints:?}");
        lints.iter().map(|own| own.problem.to_string()).collect::<String>()
    };
    assert!(list("").contains("kicKBACK"));
    let hidden = list("restricted = true");
    assert!(
        !hidden.to_lowercase().contains("kik\"") && !hidden.to_lowercase().contains("kickback"),
        "{hidden}"
    );
}
