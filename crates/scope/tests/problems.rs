//! Every kind of problem, each from one change of an example policy: message, place and hint.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use scope::{Bundle, Policy, PolicyProblems};

const EXAMPLE: &str = include_str!("../../../policies/2-fraud-privilege/policy.toml");

fn problems(text: &str) -> PolicyProblems {
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", text).unwrap();
    Policy::parse(&bundle).expect_err("there should be a problem")
}

/// One replacement in the example gives exactly these messages, the first on the line that was changed.
fn check(from: &str, to: &str, expected: &[&str]) {
    assert_eq!(EXAMPLE.matches(from).count(), 1, "`{from}` stands once in the example");
    let found = problems(&EXAMPLE.replace(from, to));
    let shown: Vec<String> = found
        .0
        .iter()
        .map(|problem| match &problem.hint {
            Some(hint) => format!("{} | {hint}", problem.message),
            None => problem.message.clone(),
        })
        .collect();
    assert_eq!(shown.len(), expected.len(), "{to}: {shown:#?}");
    for (shown, expected) in shown.iter().zip(expected) {
        assert!(shown.contains(expected), "{to}:\n{shown}\nlacks\n{expected}");
    }
    assert!(found.0.iter().all(|problem| problem.line > 0), "{found}");
}

#[test]
fn each_fault_has_its_message() {
    let key = "age150435zp89m0ldsm4t597ltvkx7rm3ld9wjrt6ndgnw597pwg9arsp5dx9f";
    for (from, to, expected) in [
        // fields
        (
            "[record]\nleft ",
            "[record]\nlft ",
            &["[record] has no `left`", "unknown field `lft` in [record] | did you mean `left`?"][..],
        ),
        ("version = 2\n", "", &["the policy has no `version`"]),
        ("version = 2", "version = \"2\"", &["`version` is a whole number, not a text"]),
        ("version = 2", "version = 0", &["counts from 1"]),
        ("scope-policy/1", "scope-policy/2", &["unknown schema"]),
        ("sha256:0000", "sha256:000G", &["`supersedes` is not a policy id"]),
        ("title   = \"Procurement", "title   = \"Pro\\u202Ecurement", &["invisible character U+202E"]),
        ("hours       = \"06:00-22:00 -04:00\"\n", "", &["has no `hours` | write \"06:00"]),
        ("06:00-22:00 -04:00", "06:00-22:00", &["`hours` is not a span"]),
        ("06:00-22:00 -04:00", "06:00-25:00 -04:00", &["`hours` is not a span"]),
        ("review_by   = \"2024-11-02T00:00:00Z\"\n", "", &["has no `review_by`"]),
        (
            "left   = \"facts\"",
            "left   = \"fact\"",
            &["`fact` is not a value of `left` | did you mean `facts`?"],
        ),
        // times
        ("2022-01-01T00:00:00-05:00", "2022-01-01T00:00:00", &["`from` has no offset"]),
        ("2022-01-01T00:00:00-05:00", "2022-01-01 00:00:00-05:00", &["`from` is not a time"]),
        ("2022-01-01T00:00:00-05:00", "2022-01-01T00:00:00-00:00", &["`from` is not a time"]),
        (
            "\"2022-01-01T00:00:00-05:00\"",
            "2022-01-01T00:00:00-05:00",
            &["a time in quotes, not a time without quotes"],
        ),
        ("2022-01-01T00:00:00-05:00", "2023-07-01T04:00:00Z", &["the window `relevant` is empty"]),
        ("execute_by  = \"2024-05-16", "execute_by  = \"2024-05-01", &["`execute_by` is not after `issued`"]),
        // recipients
        (key, "age1example", &["is not an age recipient: a character or the checksum is wrong"]),
        (key, "age150435zp89m0ldsm4t597ltvkx7rm3ld9wjrt6ndgnw597pwg9arsp5dx9g", &["the checksum is wrong"]),
        (key, "AGE-SECRET-KEY-1QQQ", &["SECRET"]),
        // media and looks
        (
            "{ label = \"laptop-03\", serial = \"S5H9NX0R000000\" }",
            "{ label = \"laptop-03\" }",
            &["nothing identifies this medium"],
        ),
        ("serial = \"S5H9NX0R000000\"", "image_sha256 = \"00\"", &["`00` is not a SHA-256 value"]),
        (
            "serial = \"S5H9NX0R000000\"",
            "md_uuid = \"30313233-3435-3637-3839-616263646566\"",
            &["`30313233-3435-3637-3839-616263646566` is no value of `md_uuid` | write four groups of eight"],
        ),
        (
            "serial = \"S5H9NX0R000000\"",
            "vg_uuid = \"jsRy1d0d2ukRwQSMtRqrz98jdQ3Yf9Lf\"",
            &["`jsRy1d0d2ukRwQSMtRqrz98jdQ3Yf9Lf` is no value of `vg_uuid` | write it as `vgs"],
        ),
        (
            "serial = \"S5H9NX0R000000\"",
            "mbr_signature = \"0xbeef0000\"",
            &["`0xbeef0000` is no value of `mbr_signature` | write eight"],
        ),
        (
            "serial = \"S5H9NX0R000000\"",
            "mbr_signature = \"00000000\"",
            &["`00000000` is no value of `mbr_signature` | write eight"],
        ),
        ("[\"metadata\", \"type\",", "[\"type\",", &["lacks `metadata`"]),
        (
            "\"type\", \"hash\"",
            "\"typo\", \"hash\"",
            &["`typo` is not a value of `inspect` | did you mean `type`?"],
        ),
        // references, selectors, rules
        (
            "unknown        = \"hold:filter-team\"",
            "unknown        = \"hold:filter-tema\"",
            &["unknown compartment `filter-tema` | did you mean `filter-team`?"],
        ),
        (
            "unknown        = \"hold:filter-team\"",
            "unknown        = \"captured\"",
            &["not a value of `unknown`"],
        ),
        (
            "owner = [\"doe\", \"roe\"]",
            "owner = [\"doe\", \"row\"]",
            &["unknown custodian `row` | did you mean `roe`?"],
        ),
        (
            "within = \"relevant\"",
            "within = \"relevent\"",
            &["unknown window `relevent` | did you mean `relevant`?"],
        ),
        ("list = \"terms\" }", "list = \"termz\" }", &["unknown list `termz`"]),
        ("list = \"terms\" }", "list = \"terms\", at_least = 9 }", &["has 4 terms: 9 can never occur"]),
        ("list = \"terms\" }", "list = \"terms\", at_least = 0 }", &["would match every item"]),
        ("ext   = [\"csv\", \"xlsx\", \"db\"]", "ext   = [\".csv\"]", &["without the dot"]),
        ("ext   = [\"csv\", \"xlsx\", \"db\"]", "ext   = []", &["`ext` is empty"]),
        ("ext   = [\"csv\", \"xlsx\", \"db\"]", "type  = [\"docx\"]", &["`docx` is not a type of magic/1"]),
        ("path  = [\"/FIN/Payroll/**\"]\n", "", &["[selector.payroll] is empty"]),
        (
            "any    = [\"payroll\"]",
            "any    = [\"payrol\"]",
            &["unknown selector `payrol` | did you mean `payroll`?"],
        ),
        ("any    = [\"payroll\"]\n", "", &["has neither `any` nor `all`"]),
        ("any    = [\"payroll\"]\n", "unless = [\"payroll\"]\n", &["has neither `any` nor `all`"]),
        ("to     = \"filter-team\"\n", "", &["rule `H-1` holds for nobody"]),
        ("id = \"W-1\"", "id = \"X-1\"", &["two rules are called `X-1`"]),
        ("effect = \"withhold\"", "effect = \"withold\"", &["did you mean `withhold`?"]),
        ("basis  = \"Attachment B, paragraph 3\"\n", "", &["rule `W-1` has no `basis`"]),
        (
            "id         = \"filter-team\"",
            "id         = \"Filter Team\"",
            &[
                "unknown compartment `filter-team`",
                "cannot name a compartment",
                "unknown compartment `filter-team`",
            ],
        ),
        // globs: the caret stands at the fault
        (
            "\"/FIN/Payroll/**\"",
            "\"/FIN/Payroll**\"",
            &["bad glob `/FIN/Payroll**`: `**` stands for whole segments only"],
        ),
        ("\"/FIN/Payroll/**\"", "\"/FIN/{a,b}\"", &["has no braces"]),
        // not in this version
        (
            "streams    = true",
            "containers = { open = [\"zip\", \"rar\"], family = \"whole\" }",
            &[
                "[target.containers] has no `max_depth`",
                "`rar` is not a container that is opened",
                "`family` of [target.containers] is not supported in this version",
            ],
        ),
        (
            "streams    = true",
            "containers = { open = [\"zip\"], max_depth = 9 }",
            &["`max_depth` is not between 1 and 8"],
        ),
        ("streams    = true", "deleted = \"hold:filter\"", &["unknown compartment `filter`"]),
        (
            "streams    = true",
            "unallocated = \"catalogue\"",
            &["`catalogue` is not a value of `unallocated`"],
        ),
        ("streams    = true", "slack = \"hold\"", &["`hold` is not a value of `slack`"]),
        ("streams    = true", "snapshots = \"catalogue\"", &["`snapshots` = \"catalogue\" is not supported"]),
        ("streams    = true", "unread_volumes = \"keep\"", &["`keep` is not a value of `unread_volumes`"]),
        (
            "kind  = [\"file\", \"stream\"]",
            "kind  = [\"message\", \"member\"]",
            &["the kind `message` is not supported"],
        ),
        (
            "kind  = [\"file\", \"stream\"]",
            "mail = { party = [\"counsl\"], role = [\"from\"] }",
            &["`mail` of [selector.custodians] has no `messages`", "unknown list `counsl`"],
        ),
        (
            "kind  = [\"file\", \"stream\"]",
            "mail = { messages = \"any\" }",
            &["`mail` asks for neither a party nor a period"],
        ),
        (
            "kind  = [\"file\", \"stream\"]",
            "mail = { role = [\"from\", \"from\", \"sender\"], within = \"nowhere\", messages = \"one\" }",
            &[
                "`mail` has a `role` and no `party`",
                "a role stands twice in `role`",
                "`sender` is not a value of `role`",
                "unknown window `nowhere`",
                "`one` is not a value of `messages`",
            ],
        ),
        (
            "kind  = [\"file\", \"stream\"]",
            "mail = { party = [\"counsel\"], messages = \"all\" }",
            &["`mail` has a `party` and no `role`", "`counsel` is a list of keywords, not of addresses"],
        ),
        ("kind  = [\"file\", \"stream\"]", "artifact = [\"X\"]", &["unknown artifact `X`"]),
        (
            "label = \"J. Doe, head of procurement\"",
            "label = \"J\"\nmailbox = [\"a\"]",
            &["`mailbox` of [custodian.doe] is not supported"],
        ),
        (
            "kind  = \"keywords\"\nlabel = \"addresses",
            "kind  = \"addresses\"\nlabel = \"addresses",
            &["`counsel` is a list of addresses, not of keywords"],
        ),
        // TOML itself
        ("version = 2", "version = 2\nversion = 3", &["not TOML: duplicate key"]),
    ] {
        check(from, to, expected);
    }
}

#[test]
fn all_problems_come_at_once_and_in_order() {
    let text = EXAMPLE
        .replace("version = 2", "version = 2\nnonsense = 1")
        .replace("within = \"relevant\"", "within = \"relevent\"")
        .replace("any    = [\"medical\"]", "any    = [\"medicl\", \"payroll\"]");
    let shown = problems(&text).to_string();
    let expected = "\
error: unknown field `nonsense` in the policy
 --> policy.toml:4:1
  |
4 | nonsense = 1
  | ^^^^^^^^
";
    assert!(shown.starts_with(expected), "{shown}");
    let caret =
        "any    = [\"medicl\", \"payroll\"]\n    |           ^^^^^^^^\nhint: did you mean `medical`?\n";
    assert!(shown.contains(caret), "{shown}");
    assert!(shown.ends_with("3 problems in the policy"), "{shown}");
}

#[test]
fn list_files_are_pinned() {
    let digest = scope::Digest::of(b"one\ntwo\n").hex();
    let text = |sha256: &str| {
        EXAMPLE.replace(
            "items = [\"Northwind Supply\", \"kickback\", \"PO 77\", \"side letter\"]",
            &format!("file = \"terms.txt\"\nsha256 = \"{sha256}\""),
        )
    };
    let read = |text: &str, files: &[(&str, &[u8])]| {
        let mut bundle = Bundle::new();
        bundle.insert("policy.toml", text).unwrap();
        for (name, bytes) in files {
            bundle.insert(*name, *bytes).unwrap();
        }
        Policy::parse(&bundle).map_err(|problems| problems.to_string())
    };
    let good = text(&digest);
    let policy = read(&good, &[("terms.txt", b"one\ntwo\n")]).unwrap();
    assert_eq!(policy.keyword_lists()[0].terms, ["one", "two"]);
    assert_eq!(policy.lists()[0].digest.hex(), digest);
    // As many terms as a list may have, and one more.
    let many = |count: usize| (0..count).map(|n| format!("term {n}\n")).collect::<String>();
    let (most, over) = (many(10_000), many(10_001));
    let pinned = |file: &str| text(&scope::Digest::of(file.as_bytes()).hex());
    let policy = read(&pinned(&most), &[("terms.txt", most.as_bytes())]).unwrap();
    assert_eq!(policy.keyword_lists()[0].terms.len(), 10_000);
    let refused = read(&pinned(&over), &[("terms.txt", over.as_bytes())]).unwrap_err();
    assert!(refused.contains("more than 10000 items"), "{refused}");
    for (text, files, expected) in [
        (&good, &[][..], "the bundle has no file `terms.txt`"),
        (&good, &[("term.txt", &b"x"[..])][..], "did you mean `term.txt`?"),
        (&good, &[("terms.txt", &b"one\n"[..])][..], "is not the file that was pinned"),
        (
            &good,
            &[("terms.txt", &b"one\ntwo\n"[..]), ("b.txt", &b""[..])][..],
            "no list of the policy names this file",
        ),
        (&text(&scope::Digest::of(b"a\n\nb").hex()), &[("terms.txt", &b"a\n\nb"[..])][..], "terms.txt:2:1"),
        (&text(&scope::Digest::of(b"a\xff").hex()), &[("terms.txt", &b"a\xff"[..])][..], "not UTF-8"),
        (&text(&scope::Digest::of(b"a\na").hex()), &[("terms.txt", &b"a\na"[..])][..], "`a` stands twice"),
        (
            &text(&scope::Digest::of(b"\xef\xbb\xbfkickback\nb").hex()),
            &[("terms.txt", &b"\xef\xbb\xbfkickback\nb"[..])][..],
            "no byte order mark",
        ),
    ] {
        let shown = read(text, files).unwrap_err();
        assert!(shown.contains(expected), "{expected}:\n{shown}");
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let bytes = EXAMPLE.as_bytes();
    for at in (0..bytes.len()).step_by(7) {
        for change in [&b""[..], b"\"", b"[", b"\xff", b"\n", b"= 1\n", b"\xe2\x80\xae"] {
            let text = [&bytes[..at], change, &bytes[(at + change.len()).min(bytes.len())..]].concat();
            let mut bundle = Bundle::new();
            bundle.insert("policy.toml", text).unwrap();
            if let Err(problems) = Policy::parse(&bundle) {
                assert!(!problems.0.is_empty() && problems.0.len() <= 200);
            }
        }
    }
    for text in [
        "",
        "[",
        &"[".repeat(5000),
        &"a=".repeat(5000),
        &"[a.".repeat(3000),
        "rule = 1",
        "selector = []",
        "[[rule]]",
    ] {
        let _ = problems(text).to_string();
    }
}
