//! The pitfalls of scoping, each a test: what goes wrong elsewhere, and the rule here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use scope::facts::{
    CaseRule, HashFact, Hit, KeywordFact, Kind, Layer, Look, Stamp, TextFact, TimeKind, TypeFact, Zone,
};
use scope::{Bundle, Digest, Facts, Policy, RawName, Step};

const HEAD: &str = include_str!("../../../policies/1-rustock-cnc/policy.toml");

/// The example's head with selectors and rules of the test's own.
fn policy(defaults: &str, body: &str) -> Policy {
    let head = HEAD.split("[defaults]").next().unwrap();
    let compartment = HEAD.split("[[compartment]]").nth(1).unwrap();
    let mut text = format!("{head}[defaults]\n{defaults}\n[[compartment]]{compartment}");
    text.push_str("[window.w]\nfrom = \"2020-01-01T00:00:00Z\"\nuntil = \"2021-01-01T00:00:00Z\"\n");
    text.push_str("[list.k]\nkind = \"keywords\"\nlabel = \"k\"\nitems = [\"kick\", \"back\"]\n");
    text.push_str(body);
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", text).unwrap();
    Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}"))
}

const PLAIN: &str = "unknown = \"hold:neutral\"\npath_case = \"as-volume\"";

fn selector(id: &str, conditions: &str) -> String {
    format!("[selector.{id}]\nlabel = \"l\"\n{conditions}\n")
}

fn rule(id: &str, effect: &str, selectors: &str) -> String {
    format!("[[rule]]\nid = \"{id}\"\neffect = \"{effect}\"\ntext = \"t\"\nbasis = \"b\"\n{selectors}\n")
}

/// Includes what fits the conditions.
fn include(defaults: &str, conditions: &str) -> Policy {
    policy(defaults, &(selector("s", conditions) + &rule("I-1", "include", "any = [\"s\"]")))
}

fn file(names: &[&[u8]]) -> Facts {
    Facts {
        volume: "v".into(),
        case_rule: CaseRule::Sensitive,
        node: "inode:1:0".into(),
        kind: Kind::File,
        names: names.iter().map(|name| RawName(name.to_vec())).collect(),
        links: Some(names.len() as u64),
        size: Some(1),
        allocated: None,
        slack: None,
        member: None,
        times: Vec::new(),
        uid: None,
        gid: None,
        sid: None,
        mode: None,
        link_target: None,
        attributes: Vec::new(),
        type_fact: None,
        hash: None,
        keywords: Vec::new(),
        mail: Vec::new(),
        container: None,
        failures: Vec::new(),
        looks: Look::ALL.to_vec(),
    }
}

fn stamp(of: TimeKind, text: &str, zone: Zone) -> Stamp {
    let time = chrono::DateTime::parse_from_rfc3339(text).unwrap();
    let ns = i128::from(time.timestamp()) * 1_000_000_000 + i128::from(time.timestamp_subsec_nanos());
    Stamp { of, from: "$SI".into(), ns, zone }
}

#[track_caller]
fn check(policy: &Policy, facts: &Facts, expected: &str) {
    let decision = scope::decide_from_metadata(policy, facts).unwrap();
    let rules = decision.rules.join(",");
    let tier = serde_json::to_string(&decision.tier).unwrap().replace('"', "");
    assert_eq!(format!("{} {tier} {rules}", decision.outcome).trim_end(), expected, "{:?}", facts.names);
}

#[test]
fn time_zones_and_half_open_windows() {
    let policy = include(PLAIN, "time = { of = [\"modified\"], within = \"w\" }");
    for (time, zone, expected) in [
        ("2020-01-01T00:00:00Z", Zone::Recorded, "captured included I-1"),
        ("2019-12-31T23:59:59.999999999Z", Zone::Recorded, "left out-of-scope"),
        ("2021-01-01T00:00:00Z", Zone::Recorded, "left out-of-scope"),
        ("2020-12-31T23:59:59.999999999Z", Zone::Recorded, "captured included I-1"),
        ("2021-01-01T00:30:00+01:00", Zone::Recorded, "captured included I-1"),
        ("2020-06-01T00:00:00Z", Zone::None, "held:neutral undetermined"),
        ("2020-06-01T00:00:00Z", Zone::Assumed, "held:neutral undetermined"),
        ("1601-01-01T00:00:00Z", Zone::Recorded, "left out-of-scope"),
    ] {
        let facts = Facts { times: vec![stamp(TimeKind::Modified, time, zone)], ..file(&[b"/a"]) };
        check(&policy, &facts, expected);
    }
    let assumed = include(
        &format!("{PLAIN}\nzoneless_times = \"-05:00\""),
        "time = { of = [\"modified\"], within = \"w\" }",
    );
    for (time, expected) in
        [("2020-12-31T18:59:59Z", "captured included I-1"), ("2020-12-31T19:00:00Z", "left out-of-scope")]
    {
        let facts = Facts { times: vec![stamp(TimeKind::Modified, time, Zone::None)], ..file(&[b"/a"]) };
        check(&assumed, &facts, expected);
    }
}

#[test]
fn which_timestamp() {
    let (inside, outside) = ("2020-06-01T00:00:00Z", "2010-06-01T00:00:00Z");
    let of = |of, time| stamp(of, time, Zone::Recorded);
    let (modified, created) = (TimeKind::Modified, TimeKind::Created);
    for (mode, times, expected) in [
        ("any", vec![of(modified, outside)], "held:neutral undetermined"), // one false, one missing
        ("any", vec![of(modified, inside)], "captured included I-1"),
        ("any", vec![of(modified, outside), of(created, outside)], "left out-of-scope"),
        ("all", vec![of(modified, inside)], "held:neutral undetermined"),
        ("all", vec![of(modified, outside)], "left out-of-scope"),
        ("all", vec![of(modified, inside), of(created, inside)], "captured included I-1"),
        // Two stamps of one kind, as NTFS has: all means both.
        ("all", vec![of(modified, inside), of(modified, outside), of(created, inside)], "left out-of-scope"),
        (
            "any",
            vec![of(modified, inside), of(modified, outside), of(created, outside)],
            "captured included I-1",
        ),
    ] {
        let conditions =
            format!("time = {{ of = [\"modified\", \"created\"], within = \"w\", mode = \"{mode}\" }}");
        check(&include(PLAIN, &conditions), &Facts { times, ..file(&[b"/a"]) }, expected);
    }
}

#[test]
fn hard_links() {
    let body = selector("in", "path = [\"/in/**\"]")
        + &selector("out", "path = [\"/out/**\"]")
        + &selector("rescued", "path = [\"/out/ours/**\"]")
        + &rule("I-1", "include", "any = [\"in\", \"rescued\"]")
        + &rule("X-1", "exclude", "any = [\"out\"]\nunless = [\"rescued\"]");
    let policy = policy(PLAIN, &body);
    check(&policy, &file(&[b"/in/a", b"/x"]), "captured included I-1");
    check(&policy, &file(&[b"/in/a", b"/out/a"]), "left excluded X-1");
    // An `unless` rescues only the name that it fits.
    check(&policy, &file(&[b"/out/ours/a"]), "captured included I-1");
    check(&policy, &file(&[b"/out/a", b"/out/ours/a"]), "left excluded X-1");
    // A name that was not found may be the excluded one; also where the one found is rescued.
    for name in [&b"/in/a"[..], b"/out/ours/a", b"/x"] {
        check(&policy, &Facts { links: Some(2), ..file(&[name]) }, "held:neutral undetermined");
    }
    // Whether the `unless` fits is then unknown of the name that was found, too.
    check(&policy, &Facts { links: Some(2), ..file(&[b"/out/a"]) }, "held:neutral undetermined");
    // A directory counts its subdirectories, not its names.
    check(
        &policy,
        &Facts { links: Some(7), kind: Kind::Directory, ..file(&[b"/in/a"]) },
        "captured included I-1",
    );
    // Only the names that are in scope themselves are shown.
    let facts = file(&[b"/in/a", b"/out/ours/a", b"/x"]);
    assert_eq!(scope::visible_names(&policy, &facts), [0, 1]);
    assert_eq!(scope::visible_names(&policy, &file(&[])), [0usize; 0]);
}

#[test]
fn unknown_parents_make_the_path_unknown() {
    check(&include(PLAIN, "path = [\"/a\"]"), &file(&[]), "held:neutral undetermined");
    let left = PLAIN.replace("hold:neutral", "left");
    check(&include(&left, "path = [\"/a\"]"), &file(&[]), "left undetermined");
    let Step::Decided(decision) = scope::decide(&include(PLAIN, "path = [\"/a\"]"), &file(&[])) else {
        panic!()
    };
    assert_eq!(decision.trits, ["U"]);
}

#[test]
fn what_is_withheld_is_not_taken_even_if_unknown() {
    let body = selector("s", "encrypted = true")
        + &selector("w", "path = [\"/w/**\"]")
        + &rule("I-1", "include", "any = [\"s\"]")
        + &rule("W-1", "withhold", "any = [\"w\"]");
    let policy = policy(PLAIN, &body);
    check(&policy, &file(&[b"/w/a"]), "left undetermined");
    check(&policy, &file(&[b"/a"]), "held:neutral undetermined");
}

#[test]
fn case_folding_and_normalisation() {
    let conditions = |glob: &str| format!("path = ['{glob}']");
    for (glob, name, case, expected) in [
        ("/Straße", "/STRASSE".as_bytes(), CaseRule::Insensitive, false),
        ("/straße", "/STRA\u{1E9E}E".as_bytes(), CaseRule::Insensitive, true),
        ("/\u{130}", b"/i", CaseRule::Insensitive, false),
        ("/k", "/\u{212A}".as_bytes(), CaseRule::Insensitive, true),
        ("/É", "/e\u{301}".as_bytes(), CaseRule::Insensitive, true),
        ("/É", "/é".as_bytes(), CaseRule::Sensitive, false),
        (r"/caf\xE9", b"/caf\xe9", CaseRule::Sensitive, true),
        ("/café", b"/caf\xe9", CaseRule::Sensitive, false),
    ] {
        let facts = Facts { case_rule: case, ..file(&[name]) };
        let expected = if expected { "captured included I-1" } else { "left out-of-scope" };
        check(&include(PLAIN, &conditions(glob)), &facts, expected);
    }
    // The policy can overrule the volume, either way.
    let upper = Facts { case_rule: CaseRule::Sensitive, ..file(&[b"/A"]) };
    check(
        &include(&PLAIN.replace("as-volume", "insensitive"), "path = [\"/a\"]"),
        &upper,
        "captured included I-1",
    );
    let folding = Facts { case_rule: CaseRule::Insensitive, ..file(&[b"/A"]) };
    check(
        &include(&PLAIN.replace("as-volume", "sensitive"), "path = [\"/a\"]"),
        &folding,
        "left out-of-scope",
    );
}

#[test]
fn extensions() {
    let policy = include(PLAIN, "ext = [\"TXT\"]");
    for (name, expected) in [
        (&b"/a.txt"[..], true),
        (b"/a.TXT", true),
        (b"/a.tar.txt", true),
        (b"/a.txt.gz", false),
        (b"/.txt", false),
        (b"/a.txt.", false),
        (b"/txt", false),
        (b"/a.txt/b", false),
        (b"/x/..txt", true),
    ] {
        check(&policy, &file(&[name]), if expected { "captured included I-1" } else { "left out-of-scope" });
    }
}

#[test]
fn links_are_never_followed() {
    let policy = include(PLAIN, "path = [\"/in/**\"]\nkind = [\"file\", \"symlink\"]");
    let link = |name: &[u8], target: &str| Facts {
        kind: Kind::Symlink,
        size: None,
        link_target: Some(target.into()),
        ..file(&[name])
    };
    check(&policy, &link(b"/x", "/in/a"), "left out-of-scope");
    check(&policy, &link(b"/in/x", "/elsewhere"), "captured included I-1");
}

#[test]
fn a_kind_without_content_is_not_looked_into() {
    for conditions in [
        "hash_in = [\"h\"]",
        "type = [\"text\"]",
        "keywords = { list = \"k\" }",
        "encrypted = false",
        "size = { min = 0 }",
        "type_mismatch = false",
    ] {
        let body = "[list.h]\nkind = \"sha256\"\nlabel = \"h\"\nitems = [\"1111111111111111111111111111111111111111111111111111111111111111\"]\n".to_owned()
            + &selector("s", conditions)
            + &rule("I-1", "include", "any = [\"s\"]");
        let facts = Facts { kind: Kind::Symlink, ..file(&[b"/a"]) };
        check(&policy(PLAIN, &body), &facts, "left out-of-scope");
    }
}

#[test]
fn an_extension_with_a_byte_that_is_no_text_belongs_to_no_type() {
    let policy = include(PLAIN, "type_mismatch = true");
    let zip = || TypeFact { name: "zip".into(), encrypted: None, examined: 4, end: None };
    let named = |name: &[u8]| Facts { type_fact: Some(zip()), ..file(&[name]) };
    check(&policy, &named(b"/x.jpg"), "captured included I-1");
    check(&policy, &named(b"/x.j\xFFpg"), "left out-of-scope");
}

#[test]
fn no_hit_is_not_not_there() {
    let fact = |terms: &[u64], layer| KeywordFact {
        list: "k".into(),
        hits: terms.iter().map(|term| Hit { term: *term, count: 2, offsets: vec![0, 9] }).collect(),
        text: None,
        searched: 10,
        layer,
    };
    let no_hit = format!("{PLAIN}\nnot_searchable = \"no-hit\"");
    for (defaults, at_least, terms, layer, expected) in [
        (PLAIN, 1, &[0][..], Layer::Full, "captured included I-1"),
        (PLAIN, 1, &[], Layer::Full, "left out-of-scope"),
        (PLAIN, 1, &[], Layer::None, "held:neutral undetermined"),
        (&no_hit, 1, &[], Layer::None, "left out-of-scope"),
        (&no_hit, 1, &[], Layer::Unread, "held:neutral undetermined"),
        (PLAIN, 1, &[1], Layer::Unread, "captured included I-1"),
        (PLAIN, 2, &[1], Layer::Full, "left out-of-scope"),
        (PLAIN, 2, &[1], Layer::Unread, "held:neutral undetermined"),
        (PLAIN, 2, &[0, 1], Layer::None, "captured included I-1"),
        (PLAIN, 2, &[1, 1], Layer::Full, "left out-of-scope"), // one term, however it is written down
        (PLAIN, 2, &[1, 7], Layer::Full, "left out-of-scope"), // a term that the list does not have
    ] {
        let policy = include(defaults, &format!("keywords = {{ list = \"k\", at_least = {at_least} }}"));
        check(&policy, &Facts { keywords: vec![fact(terms, layer)], ..file(&[b"/a"]) }, expected);
    }
    // A term in the text of a document counts as one in its bytes; one in both counts once.
    let policy = include(PLAIN, "keywords = { list = \"k\", at_least = 2 }");
    for (bytes, text, expected) in [
        (&[0][..], &[1][..], "captured included I-1"),
        (&[], &[0, 1], "captured included I-1"),
        (&[0], &[0], "left out-of-scope"),
    ] {
        let text = TextFact { sha256: Digest::of(b"text"), bytes: 4, hits: fact(text, Layer::Full).hits };
        let found = KeywordFact { text: Some(text), ..fact(bytes, Layer::Full) };
        check(&policy, &Facts { keywords: vec![found], ..file(&[b"/a"]) }, expected);
    }
    // No fact at all: the look failed, or its record is missing.
    check(&include(PLAIN, "keywords = { list = \"k\" }"), &file(&[b"/a"]), "held:neutral undetermined");
}

#[test]
fn a_mailbox_is_one_file_and_the_policy_says_what_a_match_of_it_is() {
    let list = "[list.a]\nkind = \"addresses\"\nlabel = \"a\"\nitems = [\"ann@x.org\"]\n";
    let of = |messages: &str| {
        let mail = format!("mail = {{ party = [\"a\"], role = [\"from\"], messages = \"{messages}\" }}");
        policy(PLAIN, &(list.to_owned() + &selector("s", &mail) + &rule("I-1", "include", "any = [\"s\"]")))
    };
    let fact = |messages, fits, open, layer| {
        let unknown = open > 0 || layer == Layer::Unread;
        let causes = if unknown { vec![scope::mail::MailCause::NotRead] } else { Vec::new() };
        let offsets = (0..fits).collect();
        scope::mail::MailFact { selector: "s".into(), layer, messages, fits, open, offsets, causes }
    };
    let (captured, left, unknown) =
        ("captured included I-1", "left out-of-scope", "held:neutral undetermined");
    for (fact, any, all) in [
        (fact(1, 1, 0, Layer::Full), captured, captured),
        (fact(3, 1, 0, Layer::Full), captured, left),
        (fact(3, 3, 0, Layer::Full), captured, captured),
        (fact(3, 1, 1, Layer::Full), captured, left),
        (fact(3, 2, 1, Layer::Full), captured, unknown),
        (fact(3, 0, 1, Layer::Full), unknown, left),
        (fact(3, 0, 0, Layer::Full), left, left),
        (fact(0, 0, 0, Layer::None), left, left),
        (fact(0, 0, 0, Layer::Unread), unknown, unknown), // a PST
    ] {
        let facts = Facts { mail: vec![fact], ..file(&[b"/a"]) };
        check(&of("any"), &facts, any);
        check(&of("all"), &facts, all);
    }
    check(&of("any"), &file(&[b"/a"]), unknown);
}

#[test]
fn facts_of_looks_not_taken_do_not_count() {
    let policy = include(PLAIN, "type = [\"text\"]");
    let known = TypeFact { name: "text".into(), encrypted: None, examined: 1, end: None };
    let facts = Facts { type_fact: Some(known), looks: vec![Look::Metadata], ..file(&[b"/a"]) };
    assert_eq!(scope::decide(&policy, &facts), Step::Look(Look::Type));
    assert_eq!(scope::decide_from_metadata(&policy, &facts), Err(scope::MissingLook(Look::Type)));
    assert_eq!(scope::decide(&policy, &Facts { looks: Vec::new(), ..facts }), Step::Look(Look::Metadata));
}

#[test]
fn no_file_is_looked_into_deeper_than_needed() {
    let list = "[list.h]\nkind = \"sha256\"\nlabel = \"h\"\nitems = [\"1111111111111111111111111111111111111111111111111111111111111111\"]\n";
    let body = list.to_owned()
        + &selector("place", "path = [\"/in/**\"]")
        + &selector("bad", "hash_in = [\"h\"]")
        + &selector("word", "path = [\"/in/**\"]\nkeywords = { list = \"k\" }")
        + &rule("I-1", "include", "any = [\"place\", \"bad\"]")
        + &rule("X-1", "exclude", "any = [\"word\"]");
    let policy = policy(PLAIN, &body);
    let full = Facts {
        hash: Some(HashFact { sha256: Digest::of(b""), md5: None, sha1: None }),
        keywords: vec![KeywordFact {
            list: "k".into(),
            hits: Vec::new(),
            text: None,
            searched: 0,
            layer: Layer::Full,
        }],
        ..file(&[b"/in/a"])
    };
    let looks = |facts: &Facts| scope::decide_from_metadata(&policy, facts).unwrap().looks;
    // In place already: its digest cannot matter, its words can.
    assert_eq!(looks(&full), [Look::Metadata, Look::Content]);
    // Out of place: its digest can, its words cannot.
    assert_eq!(looks(&Facts { names: vec!["/x".into()], ..full.clone() }), [Look::Metadata, Look::Hash]);
}

#[test]
fn the_period_of_a_log_is_not_that_of_its_lines() {
    // The file is the atom: it comes whole if it was changed in the period, and not at all if it was not.
    let policy = include(PLAIN, "path = [\"/var/log/**\"]\ntime = { of = [\"modified\"], within = \"w\" }");
    for (time, expected) in
        [("2020-12-31T00:00:00Z", "captured included I-1"), ("2021-01-01T00:00:01Z", "left out-of-scope")]
    {
        let times = vec![stamp(TimeKind::Modified, time, Zone::Recorded)];
        check(&policy, &Facts { times, ..file(&[b"/var/log/auth.log"]) }, expected);
    }
}

#[test]
fn a_star_does_not_cross_a_slash() {
    for (glob, name, inside) in [
        ("/a/*", &b"/a/b"[..], true),
        ("/a/*", b"/a/b/c", false),
        ("/a/**", b"/a/b/c", true),
        ("/a/**", b"/a", true),
        ("/a/**", b"/ab", false),
        ("/a", b"/a/b", false),
        ("/a/b", b"/x/a/b", false),
    ] {
        let policy = include(PLAIN, &format!("path = [\"{glob}\"]"));
        check(&policy, &file(&[name]), if inside { "captured included I-1" } else { "left out-of-scope" });
    }
}

#[test]
fn short_names_are_not_compared_and_streams_have_names_of_their_own() {
    let policy = include(PLAIN, "path = [\"/Program Files/**\"]");
    check(&policy, &file(&[b"/PROGRA~1/a.exe"]), "left out-of-scope");
    check(&policy, &file(&[b"/Program Files/a.exe"]), "captured included I-1");
    // Trailing dots and spaces are part of a name.
    let policy = include(PLAIN, "name = [\"con\", \"a.txt\", \"a.txt:hidden\"]");
    for (name, inside) in [
        (&b"/a.txt"[..], true),
        (b"/a.txt.", false),
        (b"/a.txt ", false),
        (b"/con", true),
        (b"/a.txt:hidden", true),
        (b"/a.txt:other", false),
    ] {
        let facts = Facts { kind: Kind::Stream, ..file(&[name]) };
        check(&policy, &facts, if inside { "captured included I-1" } else { "left out-of-scope" });
    }
}

#[test]
fn members_of_containers_are_text_and_never_a_way_up() {
    let policy = include(PLAIN, "path = [\"/in/**\"]");
    check(&policy, &file(&[b"/in/a.zip!/../../out/x"]), "captured included I-1");
    check(&policy, &file(&[b"/out/a.zip!/../../in/x"]), "left out-of-scope");
}

#[test]
fn the_recorded_type_decides_and_not_the_extension() {
    let typed = |name: &str| Some(TypeFact { name: name.into(), encrypted: None, examined: 8, end: None });
    let policy = include(PLAIN, "type = [\"jpeg\"]");
    for (name, type_fact, expected) in [
        (&b"/a.txt"[..], typed("jpeg"), "captured included I-1"),
        (b"/a.jpg", typed("text"), "left out-of-scope"),
        (b"/a.jpg", None, "held:neutral undetermined"),
    ] {
        check(&policy, &Facts { type_fact, ..file(&[name]) }, expected);
    }
}

#[test]
fn rules_have_no_order() {
    let rules = [
        rule("I-1", "include", "any = [\"in\"]"),
        rule("X-1", "exclude", "any = [\"out\"]"),
        rule("W-1", "withhold", "any = [\"with\"]"),
        rule("H-1", "hold", "to = \"neutral\"\nany = [\"held\"]"),
    ];
    let selectors = selector("in", "path = [\"/**\"]")
        + &selector("out", "name = [\"*x*\"]")
        + &selector("with", "name = [\"*w*\"]")
        + &selector("held", "name = [\"*h*\"]");
    for turn in 0..4 {
        let mut turned = rules.to_vec();
        turned.rotate_left(turn);
        let policy = policy(PLAIN, &(selectors.clone() + &turned.concat()));
        check(&policy, &file(&[b"/a"]), "captured included I-1");
        check(&policy, &file(&[b"/xwh"]), "left excluded X-1");
        check(&policy, &file(&[b"/w"]), "listed withheld W-1");
        check(&policy, &file(&[b"/h"]), "held:neutral held H-1");
        let both = scope::decide_from_metadata(&policy, &file(&[b"/wh"])).unwrap();
        assert_eq!((both.outcome.to_string(), both.rules.len()), ("listed:neutral".to_owned(), 2));
    }
}

#[test]
fn a_database_is_taken_whole_or_not_at_all() {
    // One row that fits makes the file fit: only a hold sets it apart.
    let body = selector("words", "keywords = { list = \"k\" }")
        + &selector("mixed", "ext = [\"db\"]")
        + &rule("I-1", "include", "any = [\"words\"]")
        + &rule("H-1", "hold", "to = \"neutral\"\nany = [\"mixed\"]");
    let hit = Hit { term: 0, count: 1, offsets: vec![7] };
    let keywords = vec![KeywordFact {
        list: "k".into(),
        hits: vec![hit],
        text: None,
        searched: 10,
        layer: Layer::Unread,
    }];
    let facts = |name: &[u8]| Facts { keywords: keywords.clone(), ..file(&[name]) };
    check(&policy(PLAIN, &body), &facts(b"/customers.db"), "held:neutral held H-1");
    check(&policy(PLAIN, &body), &facts(b"/customers.csv"), "captured included I-1");
}

#[test]
fn a_list_of_known_files_as_an_exclude_is_remarked_upon() {
    let list = format!("[list.h]\nkind = \"sha256\"\nlabel = \"NSRL\"\nitems = [\"{}\"]\n", "1".repeat(64));
    let body = list
        + &selector("known", "hash_in = [\"h\"]")
        + &selector("place", "path = [\"/a/**\"]")
        + &rule("I-1", "include", "any = [\"place\"]")
        + &rule("X-1", "exclude", "any = [\"known\"]");
    assert!(scope::lint(&policy(PLAIN, &body)).iter().any(|lint| lint.id == "hash-exclude"));
}

#[test]
fn digests_are_cryptographic_and_nothing_else_is_a_list_of_them() {
    let head = HEAD.replace("kind  = \"sha256\"", "kind  = \"pdq\"");
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", head).unwrap();
    let problems = Policy::parse(&bundle).unwrap_err().to_string();
    assert!(problems.contains("`pdq` is not a value of `kind`"), "{problems}");
}

#[test]
fn a_stranger_to_text_is_unknown_and_floods_what_holds_the_unknown() {
    // The dry run shows how many before anybody signs; here, that each of them goes there.
    let policy = include(PLAIN, "path = [\"/home/**\"]\nencrypted = false");
    let typed = Some(TypeFact { name: "unknown".into(), encrypted: None, examined: 8, end: None });
    check(&policy, &Facts { type_fact: typed, ..file(&[b"/home/a.7z"]) }, "held:neutral undetermined");
}

#[test]
fn lints_name_what_a_person_should_see() {
    let body = selector("any", "path = [\"/**/x\"]\nkeywords = { list = \"k\" }")
        + &selector("short", "name = [\"PROGRA~1\"]")
        + &selector("unused", "kind = [\"file\"]")
        + "[list.tiny]\nkind = \"keywords\"\nlabel = \"t\"\nitems = [\"ab\", \"long\"]\n"
        + &rule("I-1", "include", "any = [\"any\", \"short\"]");
    let found: Vec<String> = scope::lint(&policy(PLAIN, &body))
        .into_iter()
        .map(|lint| format!("{} {}", lint.id, lint.about))
        .collect();
    let expected = [
        "unused selector unused",
        "unused window w",
        "unused list tiny",
        "unlimited rule I-1",
        "any-folder selector any",
        "short-name selector short",
        "short-keyword list tiny",
        "unread-text keywords",
    ];
    assert_eq!(found, expected);
}
