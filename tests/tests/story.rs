//! The three stories, as the demo tells them: the examiner's, the lawyer's, the auditor's.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::sliced_string_as_bytes,
    clippy::type_complexity,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use scenarios::reading::{expected, expected_counts, medium};
use scenarios::story::{Demo, Desk, demo, run};
use scope::Digest;
use serde_json::{Value, json};

/// Every check, in the order in which a report has them.
const CHECKS: [&str; 13] = [
    "trust",
    "directory",
    "bag",
    "seal",
    "approval",
    "log",
    "checkpoint",
    "consistency",
    "cosignatures",
    "time",
    "agreement",
    "inventory",
    "objects",
];

/// Who opens which set.
const HOLDERS: [(&str, &str); 3] =
    [("case-team", "captured"), ("neutral", "held:neutral"), ("victim-data", "held:victim-data")];

#[test]
fn the_examiner_captures_what_the_policy_allows() {
    let demo = demo();
    let ran = demo.ran.clone().exits(0);
    let result = ran.json();
    let counts: BTreeMap<String, u64> = serde_json::from_value(result["outcomes"].clone()).unwrap();
    assert_eq!(counts, expected_counts());
    assert_eq!(
        (&result["intact"], &result["audit_findings"], &result["exit"]),
        (&json!(true), &json!(0), &json!(0))
    );
    for left_behind in
        ["KC07.E01", "policy/policy.toml", "trust.toml", "KC07.ambit/bagit.txt", "case/case.json"]
    {
        assert!(demo.path(left_behind).is_file(), "{left_behind}");
    }
    for name in
        ["court-officer", "examiner", "witness", "case-team", "neutral", "victim-data", "auditor", "court"]
    {
        for key in [format!("keys/{name}"), format!("keys/{name}.pub"), format!("keys/{name}.age")] {
            assert!(demo.path(&key).is_file(), "{key}");
        }
    }
    // Every step is shown as a command that works here, by the program as it was called, and the keys say what they are.
    for shown in [
        "have no passphrase",
        "$ ambit capture --policy ",
        "$ ambit-verify ",
        "$ ambit-verify audit ",
        "$ ambit open ",
    ] {
        assert!(ran.err.contains(shown), "`{shown}` is not in the demo's words: {ran}");
    }
}

#[test]
fn without_json_the_demo_prints_counts_for_people() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("new").to_str().unwrap().to_owned();
    let mut ran = run(["ambit", "demo", "--dir", &dir]).exits(0);
    for (outcome, items) in expected_counts() {
        ran = ran.prints(&format!("  {outcome:<22} {items:>6}\n"));
    }
    run(["ambit", "demo", "--dir", &dir]).exits(1).says("give a folder that does not exist yet");
}

#[test]
fn the_commands_that_the_demo_prints_can_be_repeated_as_printed() {
    let demo = demo();
    let mut repeated = 0;
    for line in demo.ran.err.lines() {
        let Some((program, words)) = line.strip_prefix("$ ").and_then(|line| line.split_once(' ')) else {
            continue;
        };
        let words = words.replace(" --out ", " --out new-").replace("'", "\u{0}");
        // Quoted words hold blanks; every second piece between quotes is one of them.
        let mut split = vec![program.to_owned()];
        for (piece, quoted) in words.split('\u{0}').zip([false, true].into_iter().cycle()) {
            match quoted {
                true => split.push(piece.to_owned()),
                false => split.extend(piece.split_whitespace().map(str::to_owned)),
            }
        }
        // What makes a new thing refuses to make it a second time; what looks gives the same answer.
        let makes = ["key", "case", "approve", "capture", "open"]
            .iter()
            .any(|word| split[1..3].contains(&(*word).to_owned()));
        if !makes && split[1] != "plan" {
            run(split).exits(0);
            repeated += 1;
        }
    }
    assert_eq!(repeated, 4, "medium info, policy check, verify and audit");
}

#[test]
fn the_lawyer_finds_the_package_intact() {
    let desk = Desk::new();
    let words = desk.demo.ran.json()["trust_words"].as_str().unwrap().to_owned();
    desk.run("ambit-verify {package} --trust {trust}").exits(0).prints("\nINTACT: ").prints("compare");
    let ran = run([
        "ambit-verify",
        &desk.fill("{package}"),
        "--trust",
        &desk.fill("{trust}"),
        "--trust-words",
        &words,
    ]);
    ran.exits(0).prints("the words agree").prints("What this report does not prove");

    let report = desk.run("ambit-verify {package} --trust {trust} --json").exits(0).json();
    let fields = ["attested", "intact", "followed", "matched", "checks", "departures", "limits"];
    check_shape(&report, &fields);
    assert_eq!(
        [&report["intact"], &report["followed"], &report["matched"]],
        ["yes", "not-checked", "not-checked"]
    );
    assert_eq!(report["departures"], json!([]));
    // The lawyer has no key, and this version knows neither cosignatures nor time stamps.
    let not_checked = ["consistency", "cosignatures", "time", "objects"];
    for check in report["checks"].as_array().unwrap() {
        let id = check["id"].as_str().unwrap();
        let expected = if not_checked.contains(&id) { "not-checked" } else { "pass" };
        assert_eq!(check["status"], expected, "{check}");
    }
}

#[test]
fn the_auditor_finds_the_policy_followed_and_the_medium_matched() {
    let desk = Desk::new();
    let audit = "ambit-verify audit {package} --trust {trust} --identity {keys}/auditor.age";
    let report = desk.run(&format!("{audit} --json")).exits(0).json();
    let fields = ["attested", "intact", "followed", "matched", "checks", "departures", "limits", "findings"];
    check_shape(&report, &fields);
    assert_eq!([&report["intact"], &report["followed"], &report["matched"]], ["yes", "yes", "not-checked"]);

    for key in ["auditor", "court"] {
        let against = format!(
            "ambit-verify audit {{package}} --trust {{trust}} --identity {{keys}}/{key}.age --against {{medium}}"
        );
        let report = desk.run(&format!("{against} --json")).exits(0).json();
        assert_eq!([&report["intact"], &report["followed"], &report["matched"]], ["yes", "yes", "yes"]);
        assert_eq!(report["findings"], json!([]));
        desk.run(&against)
            .exits(0)
            .prints("\nINTACT: ")
            .prints("\nFOLLOWED: every")
            .prints("\nMATCHED: the record");
    }
    // A key that does not open the ledger gives no audit: that is no answer, and no accusation.
    let ran = desk
        .run("ambit-verify audit {package} --trust {trust} --identity {keys}/case-team.age --json")
        .exits(1);
    assert_eq!(ran.json()["followed"], "not-checked");
}

/// The fields of a report are exactly these, in this order, and its checks are all there.
fn check_shape(report: &Value, fields: &[&str]) {
    let found: BTreeSet<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(found, fields.iter().copied().collect());
    let checks = report["checks"].as_array().unwrap();
    let ids: Vec<&str> = checks.iter().map(|check| check["id"].as_str().unwrap()).collect();
    assert_eq!(ids, CHECKS);
    for check in checks {
        let fields: BTreeSet<&str> = check.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, BTreeSet::from(["id", "name", "status", "detail"]), "{check}");
        assert!(["pass", "fail", "not-checked"].contains(&check["status"].as_str().unwrap()), "{check}");
    }
}

#[test]
fn each_holder_opens_its_set_and_no_other() {
    let desk = Desk::new();
    for (name, set) in HOLDERS {
        for (other, _) in HOLDERS.iter().chain(&[("auditor", ""), ("examiner", ""), ("court-officer", "")]) {
            let out = format!("{name}-{other}");
            let ran = desk.run(&format!(
                "ambit open {{package}} --trust {{trust}} --identity {{keys}}/{other}.age --set {set} --out {{dir}}/{out}"
            ));
            if *other == name {
                ran.exits(0);
            } else {
                ran.exits(1)
                    .says("none of the keys opens this file")
                    .says("hint: is this the identity of a holder");
                assert!(!desk.path(&out).exists() && !desk.path(&format!("{out}.partial")).exists(), "{out}");
            }
        }
    }
}

#[test]
fn what_is_opened_is_what_lies_on_the_medium() {
    let desk = Desk::new();
    let on_medium = medium(&desk.demo.path("KC07.E01"));
    for (holder, set) in HOLDERS {
        let out = set.replace(':', "-");
        let ran = desk.run(&format!(
            "ambit open {{package}} --trust {{trust}} --identity {{keys}}/{holder}.age --set {set} --out {{dir}}/{out} \
             --original-paths --json"
        ));
        let result = ran.exits(0).json();
        let listed = match set.strip_prefix("held:") {
            None => "listed".to_owned(),
            Some(compartment) => format!("listed:{compartment}"),
        };
        let in_set: Vec<_> =
            expected().into_iter().filter(|item| item.outcome == set || item.outcome == listed).collect();

        // items.tsv has one line per name, and no names but those.
        let items = fs::read_to_string(desk.path(&out).join("items.tsv")).unwrap();
        let mut lines = items.lines();
        assert_eq!(lines.next(), Some("control\toutcome\tsize\tsha256\tread\tname"));
        let rows: Vec<Vec<&str>> = lines.map(|line| line.split('\t').collect()).collect();
        let named: BTreeMap<&str, &Vec<&str>> =
            rows.iter().filter(|row| row[5] != "-").map(|row| (row[5], row)).collect();
        let wanted: BTreeSet<String> =
            in_set.iter().flat_map(|item| &item.names).map(ToString::to_string).collect();
        assert_eq!(
            named.keys().copied().collect::<BTreeSet<_>>(),
            wanted.iter().map(String::as_str).collect()
        );
        let held = rows.iter().filter(|row| row[5] == "-");
        let expected_held = expected().into_iter().filter(|item| item.outcome.starts_with("held:")).count();
        assert_eq!(held.count(), if set == "captured" { expected_held } else { 0 }, "{set}");

        let mut objects = 0;
        for item in &in_set {
            let found = &on_medium[&item.place()];
            let row = named[item.names[0].to_string().as_str()];
            assert_eq!(row[1], item.outcome);
            let object = desk.path(&out).join("objects").join(row[0]);
            match &found.content {
                Some(content) if item.outcome == set => {
                    let bytes = fs::read(&object).unwrap();
                    assert_eq!(Digest::of(&bytes), Digest::of(content), "{:?}", item.names);
                    assert_eq!(
                        (row[2], row[3]),
                        (content.len().to_string().as_str(), Digest::of(content).hex().as_str())
                    );
                    objects += 1;
                }
                _ => {
                    assert!(!object.exists(), "{:?}", item.names);
                    assert_eq!((row[2], row[3]), ("-", "-"), "{:?}", item.names);
                }
            }
        }
        assert!(objects > 5, "{set}: only {objects} objects were compared");
        assert_eq!(result["objects"], objects);
        assert_eq!(fs::read_dir(desk.path(&out).join("objects")).unwrap().count(), objects);
    }
}

#[test]
fn every_command_gives_its_result_as_json_alone_on_standard_output() {
    let desk = Desk::with_case();
    let protected = desk.path("passphrase");
    fs::write(protected, "correct horse\n").unwrap();
    for (command, fields) in [
        ("key new someone --dir {dir}/keys --unprotected", "files name protected recipient signing_key"),
        ("trust show {trust}", "origin principals words"),
        (
            "case new {dir}/second --trust {trust} --medium-label KC07 --log-key {keys}/log {examiner}",
            "case log_size medium_label origin",
        ),
        ("policy check {policy}", "id policy version warnings"),
        ("policy render {policy}", "policy rendering"),
        ("policy diff {policy} {policy}", "after before causes findings sentences verdict"),
        (
            "policy approve {policy} --case {dir}/second {officer}",
            "approval event instrument policy rendering signed_by",
        ),
        (
            "plan --policy {policy} --medium {medium} --case {case} {examiner}",
            "alone archives cut_short dead_paths deepest_look departures estimate event failed_looks idle_rules interrupted issues items keyword_hits \
             limits links_across_scopes looks_for_archives medium_unreadable outcomes policy rules tiers unknown unread_command unread_rule unread_volumes waited",
        ),
        (
            "capture {what} {both} --yes --out {dir}/KC07.ambit",
            "copies cut_short dead_paths deepest_look drive_sha256 failed_looks idle_rules interrupted inventory issues items \
             limits medium_sha256 medium_unreadable outcomes package policy read_back rules run sealed tagmanifest tiers unreadable",
        ),
        (
            "open {dir}/KC07.ambit --trust {trust} --identity {keys}/case-team.age --set captured --out {dir}/opened",
            "bytes items listed objects out partial set unread unread_items",
        ),
    ] {
        let ran = desk.run(&format!("ambit --json {command}")).exits(0);
        let result = ran.json();
        let found: Vec<&str> = result.as_object().unwrap().keys().map(String::as_str).collect();
        let fields: Vec<&str> = fields.split_whitespace().collect();
        assert_eq!(found, fields, "{ran}");
        assert_eq!(ran.out.lines().count(), 1, "one line: {ran}");
        // Without --json the same command's result is words, and still on standard output.
        assert!(!ran.err.contains('{'), "words go to standard error, data does not: {ran}");
    }
    let failed = desk.run("ambit --json policy check {dir}/nothing").exits(1);
    let result = failed.json();
    assert_eq!(result.as_object().unwrap().keys().collect::<Vec<_>>(), ["error", "hint"]);
    assert!(failed.err.starts_with("error: "), "{failed}");
}

#[test]
fn a_broken_package_is_a_no_and_a_misunderstanding_is_not() {
    let desk = Desk::new();
    let broken = Demo::new();
    let payload = broken.path("KC07.ambit/data/captured-0001.zip.age");
    let mut bytes = fs::read(&payload).unwrap();
    bytes[1000] ^= 1;
    fs::write(&payload, bytes).unwrap();
    let package = broken.path("KC07.ambit").to_str().unwrap().to_owned();
    let trust = broken.path("trust.toml").to_str().unwrap().to_owned();
    let auditor = broken.path("keys/auditor.age").to_str().unwrap().to_owned();
    let team = broken.path("keys/case-team.age").to_str().unwrap().to_owned();
    let verify = ["ambit-verify", &package, "--trust", &trust];
    run(verify).exits(2).prints("NOT INTACT");
    run(["ambit-verify", "audit", &package, "--trust", &trust, "--identity", &auditor]).exits(2);
    let out = desk.fill("{dir}/opened");
    run([
        "ambit",
        "open",
        &package,
        "--trust",
        &trust,
        "--identity",
        &team,
        "--set",
        "captured",
        "--out",
        &out,
    ])
    .exits(2)
    .says("is not intact; nothing was opened");
    assert!(!desk.path("opened").exists());

    // What could not be understood, or is not there, is 1: nothing was found out about the package.
    for command in [
        "ambit",
        "ambit nonsense",
        "ambit capture",
        "ambit capture --policy",
        "ambit open {package} --trust {trust}",
        "ambit key new ../x",
        "ambit policy approve {policy} --sign-as nobody",
        "ambit open {package} --trust {trust} --identity {keys}/auditor.age --set ledger --out {dir}/x",
        "ambit open {package} --trust {trust} --identity {keys}/auditor.age --set held:nobody --out {dir}/x",
        "ambit open {package} --trust {trust} --identity {keys}/auditor.age --set nothing --out {dir}/x",
        "ambit open {package} --trust {dir}/none --identity {keys}/auditor.age --set captured --out {dir}/x",
        "ambit open {dir}/none --trust {trust} --identity {keys}/auditor.age --set captured --out {dir}/x",
        "ambit policy check {dir}/none",
        "ambit trust show {policy}/policy.toml",
        "ambit plan --policy {policy} --medium {dir}/none --case {demo}/case {examiner}",
        "ambit plan --policy {policy} --medium {trust} --case {demo}/case {examiner}",
        "ambit-verify",
        "ambit-verify {package}",
        "ambit-verify {package} --nonsense",
        "ambit-verify audit",
        "ambit-verify audit {package} --trust {trust}",
        "ambit-verify {package} --trust {dir}/none",
        "ambit-verify {package} --trust {package}/VERIFY.txt",
        "ambit-verify {package} --trust {medium}",
        "ambit-verify {dir}/none --trust {trust}",
        "ambit-verify {trust} --trust {trust}",
        "ambit-verify {package} --trust {trust} --identity {dir}/none",
        "ambit-verify {package} --trust {trust} --identity {keys}/examiner",
        "ambit-verify audit {package} --trust {trust} --identity {keys}/auditor.age --against {dir}/none",
    ] {
        let ran = desk.run(command).exits(1);
        assert!(!ran.err.trim().is_empty() || !ran.out.is_empty(), "it says why: {ran}");
        assert!(!desk.path("x").exists(), "{ran}");
    }
    let sets = "the package has the sets captured, held:neutral, held:victim-data";
    for set in ["nothing", "held:nobody", "ledger"] {
        let key = "--identity {keys}/auditor.age --out {dir}/x";
        desk.run(&format!("ambit open {{package}} --trust {{trust}} {key} --set {set}")).exits(1).says(sets);
    }
    for command in [
        "ambit --help",
        "ambit --version",
        "ambit capture --help",
        "ambit-verify --help",
        "ambit-verify --version",
    ] {
        let ran = desk.run(command).exits(0);
        assert!(ran.err.is_empty() && !ran.out.is_empty(), "help is what was asked for: {ran}");
    }
}

#[test]
fn a_departure_from_the_order_is_done_and_told() {
    // What was departed from, and how the package is checked: what every report must say of it.
    let unapproved = Desk::with_open_case();
    departs(&unapproved, "{what} --without-approval urgent", "no approval on record");

    let expired = Desk::with_open_case();
    expired.policy_with(&[
        ("issued      = ", "issued      = \"2023-12-01T00:00:00Z\""),
        ("execute_by  = ", "execute_by  = \"2024-01-01T00:00:00Z\""),
    ]);
    expired.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    let late = "--policy {dir}/policy --medium {medium} --case {case} --trust {trust}";
    let refused = expired.run(&format!("ambit capture {late} {{both}} --out {{dir}}/KC07.ambit")).exits(2);
    refused.says("was to be executed by 2024-01-01T00:00:00+00:00");
    assert!(!expired.path("KC07.ambit").exists());
    departs(&expired, &format!("{late} --without-approval extension-by-telephone"), "executed by");

    // Hours that are three hours away, whenever this runs.
    let night = Desk::with_open_case();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let hour = |later: u64| (now.as_secs() / 3600 + later) % 24;
    let hours = format!("{:02}:00-{:02}:30 +00:00", hour(3), hour(5));
    night.policy_with(&[("hours       = ", &format!("hours       = \"{hours}\""))]);
    night.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    night
        .run(&format!("ambit plan {{examiner}} {}", late.replace("--trust {trust}", "")))
        .exits(2)
        .says(&format!("limited to the hours {hours}"))
        .says("nothing was read");
    departs(&night, &format!("{late} --without-approval in-the-laboratory"), "outside of the order's hours");

    let early = Desk::with_open_case();
    early.policy_with(&[
        ("issued      = ", "issued      = \"2098-01-01T00:00:00Z\""),
        ("execute_by  = ", "execute_by  = \"2099-01-01T00:00:00Z\""),
        ("review_by   = ", "review_by   = \"2099-01-01T00:00:00Z\""),
    ]);
    early.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    early
        .run(&format!("ambit plan {{examiner}} {}", late.replace("--trust {trust}", "")))
        .exits(2)
        .says("which is still to come")
        .says("check the clock");
    departs(&early, &format!("{late} --without-approval date-misprinted"), "before the order was issued");

    let other = Desk::with_open_case();
    other.policy_with(&[(
        "media   = ",
        "media   = [{ label = \"KC07\", fsuuid = \"5b433037-2011-4316-8000-000000004417\" }]",
    )]);
    other.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    let another = "--policy {dir}/policy --medium {medium} --case {case} --trust {trust}";
    let refused = other.run(&format!("ambit capture {another} {{both}} --out {{dir}}/KC07.ambit")).exits(2);
    refused.says("the policy's medium has fsuuid 5b433037-").says("this one has 4B43303720110316, 4b433037-");
    departs(&other, &format!("{another} --other-medium copy-by-the-provider"), "fsuuid 5b433037-");

    // A folder of this machine stands for a mounted tree, whose mount is writable.
    let tree = Desk::with_case();
    fs::create_dir(tree.path("tree")).unwrap();
    fs::write(tree.path("tree/crontab"), "* * * * * true\n").unwrap();
    let mounted =
        "--policy {policy} --medium {dir}/tree --case {case} --trust {trust} --other-medium no-fsuuid";
    tree.run(&format!("ambit capture {mounted} {{both}} --out {{dir}}/KC07.ambit"))
        .exits(1)
        .says("writable")
        .says("--writable-source REASON; nothing was read");
    assert!(!tree.path("KC07.ambit").exists());
    departs(&tree, &format!("{mounted} --writable-source no-blocker-at-hand"), "the source was writable");
}

/// Captures with these words; package, report and plan finish with 3 and name the departure.
#[track_caller]
fn departs(desk: &Desk, words: &str, departure: &str) {
    let plan = words.replace("{what}", "--policy {policy} --medium {medium} --case {case} --trust {trust}");
    desk.run(&format!("ambit plan {{examiner}} {}", plan.replace("--trust {trust}", ""))).exits(3);
    desk.run(&format!("ambit capture {words} {{both}} --out {{dir}}/KC07.ambit")).exits(3);
    let report = desk.run("ambit-verify {dir}/KC07.ambit --trust {trust} --json").exits(3).json();
    assert_eq!(report["intact"], "yes");
    let told = report["departures"].as_array().unwrap();
    assert!(told.iter().any(|told| told.as_str().unwrap().contains(departure)), "{told:?}");
    let audit = "ambit-verify audit {dir}/KC07.ambit --trust {trust} --identity {keys}/court.age";
    let audited = desk.run(&format!("{audit} --json")).exits(3).json();
    assert_eq!((&audited["followed"], &audited["findings"]), (&json!("yes"), &json!([])));
    desk.run("ambit open {dir}/KC07.ambit --trust {trust} --identity {keys}/case-team.age --set captured --out {dir}/opened")
        .exits(3);
}
