//! Two captures of one medium decide alike, whatever is random in them, however their parts are cut, and however many
//! threads work on them.

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
use std::path::Path;

use evidence::item::Parts;
use scenarios::reading::{acquisition, expected, ledger, zip_entries};
use scenarios::story::Desk;
use scope::{Bundle, Decision, Policy, explain};

/// What two captures must have in common of one item, as text that a person can compare.
///
/// Control numbers are given in the order of the decisions, which is that of the walk only where one thread decides.
fn decided(parts: &Parts, policy: &Policy, one_thread: bool) -> String {
    let value = &parts.decision;
    let decision = Decision {
        outcome: value.outcome.clone(),
        tier: value.tier,
        rules: value.rules.clone(),
        looks: value.looks.clone(),
        trits: parts.trits.clone(),
    };
    let object =
        parts.object.as_ref().map(|object| (object.sha256, object.size, object.read, &object.unreadable));
    let control = value.control.as_ref().map(|control| match one_thread {
        true => control.to_string(),
        false => control.to_string().trim_end_matches(|c: char| c.is_ascii_digit()).to_owned(),
    });
    format!(
        "{}\ntrits {:?}\nfacts {:?}\ncontrol {control:?}\nobject {object:?}",
        explain(policy, &parts.facts, &decision),
        parts.trits,
        parts.facts,
    )
}

#[test]
fn two_captures_of_one_medium_decide_alike() {
    let desk = Desk::with_case();
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", fs::read(desk.demo.path("policy/policy.toml")).unwrap()).unwrap();
    let policy = Policy::parse(&bundle).unwrap();
    let auditor = desk.demo.path("keys/auditor.age");

    // The demo's own package, a second capture in another case, and two cut into small parts.
    let mut records = vec![("the demo", ledger(&desk.demo.path("KC07.ambit"), &auditor))];
    let mut stated = vec![acquisition(&desk.demo.path("KC07.ambit"))];
    for (name, words) in [
        ("again", "--jobs 1"),
        ("part size 100 kB", "--jobs 1 --part-size 100000"),
        ("the least part size", "--jobs 1 --part-size 4096 --md5 --sha1"),
        ("two threads", "--jobs 2 --compression best"),
        ("eight threads", "--jobs 8 --part-size 50000 --compression none"),
    ] {
        let package = name.replace(' ', "-");
        desk.run(&format!("ambit capture {{what}} {{both}} --digest-medium {words} --out {{dir}}/{package}"))
            .exits(0);
        desk.run(&format!("ambit-verify {{dir}}/{package} --trust {{trust}}")).exits(0);
        let audit = "--trust {trust} --identity {keys}/auditor.age --against {medium}";
        desk.run(&format!("ambit-verify audit {{dir}}/{package} {audit}")).exits(0);
        if !words.contains("md5") {
            records.push((name, ledger(&desk.path(&package), &auditor)));
        }
        stated.push(acquisition(&desk.path(&package)));
    }
    let (_, first) = &records[0];
    assert_eq!(first.len(), expected().len());
    for (name, other) in &records[1..] {
        assert!(first.keys().eq(other.keys()), "{name}: other locators");
        for (locator, parts) in first {
            let (found, one) = (&other[locator], !name.contains("threads"));
            assert_eq!(decided(parts, &policy, one), decided(found, &policy, one), "{name}: {locator}");
        }
    }
    let first = &stated[0];
    for other in &stated[1..] {
        assert_eq!(first.inventory.counts, other.inventory.counts);
        assert_eq!(first.inventory.lines, other.inventory.lines);
        assert_eq!((&first.rule_counts, &first.tier_counts), (&other.rule_counts, &other.tier_counts));
        assert_eq!((&first.looks, &first.walk, &first.limits), (&other.looks, &other.walk, &other.limits));
        assert_eq!(first.policy, other.policy);
        // What is random differs: numbers, keys, salts, and with them every line.
        assert_ne!(first.package, other.package);
        assert_ne!(first.run_key, other.run_key);
        assert_ne!(first.inventory.root, other.inventory.root);
    }
    let parts = |at: usize| -> usize { stated[at].sets.iter().map(|set| set.parts.len()).sum() };
    assert_eq!((parts(0), parts(1)), (4, 4));
    // A batch ends between two chunks of items, so that there are fewer parts than items.
    assert!(parts(2) > parts(1) && parts(3) > 10, "small parts are many: {} and {}", parts(2), parts(3));
}

#[test]
fn a_set_opens_alike_however_its_parts_are_cut() {
    let desk = Desk::with_case();
    desk.run("ambit capture {what} {both} --jobs 1 --part-size 20000 --out {dir}/small").exits(0);
    for (holder, set) in
        [("case-team", "captured"), ("neutral", "held:neutral"), ("victim-data", "held:victim-data")]
    {
        let mut opened = Vec::new();
        for (package, out) in [("{package}", "whole"), ("{dir}/small", "parts")] {
            let out = format!("{out}-{holder}");
            desk.run(&format!(
                "ambit open {package} --trust {{trust}} --identity {{keys}}/{holder}.age --set {set} --out {{dir}}/{out}"
            ))
            .exits(0);
            // Control numbers are given in the order of the walk, which is the medium's.
            let items = fs::read_to_string(desk.path(&out).join("items.tsv")).unwrap();
            opened.push(items.lines().map(str::to_owned).collect::<BTreeSet<_>>());
        }
        assert_eq!(opened[0], opened[1], "{set}");
    }
    // The same objects, byte for byte, under the same numbers.
    let objects = |package: &str| -> BTreeMap<String, Vec<u8>> {
        let entries =
            zip_entries(Path::new(&desk.fill(package)), "captured", &desk.demo.path("keys/case-team.age"));
        let objects = entries.into_iter().filter_map(|(name, bytes)| {
            let (_, object) = name.split_once(": objects/")?;
            Some((object.to_owned(), bytes))
        });
        objects.collect()
    };
    let (whole, parts) = (objects("{package}"), objects("{dir}/small"));
    assert!(whole.len() > 50 && whole == parts, "{} and {} objects", whole.len(), parts.len());
}

#[test]
fn threads_share_the_work_and_a_limit_of_bytes_still_falls_in_the_order_of_the_walk() {
    let desk = Desk::with_open_case();
    let policy = fs::read_to_string(desk.demo.path("policy/policy.toml")).unwrap();
    let most = 60_000;
    fs::create_dir(desk.path("policy")).unwrap();
    fs::write(desk.path("policy/policy.toml"), format!("{policy}\n[limits]\nbytes = {most}\n")).unwrap();
    let mut stated = Vec::new();
    for jobs in [1, 2, 8] {
        let words =
            "--policy {dir}/policy --medium {medium} --case {case} --trust {trust} --without-approval test";
        desk.run(&format!("ambit capture {words} {{both}} --jobs {jobs} --out {{dir}}/jobs{jobs}")).exits(3);
        desk.run(&format!("ambit-verify {{dir}}/jobs{jobs} --trust {{trust}}")).exits(3);
        stated.push(acquisition(&desk.path(&format!("jobs{jobs}"))));
    }
    let first = &stated[0];
    assert!(
        first.limits.iter().any(|limit| limit.contains("the policy's limit of 60000 bytes")),
        "{:?}",
        first.limits
    );
    for other in &stated[1..] {
        assert_eq!(first.inventory.counts, other.inventory.counts);
        assert_eq!((&first.rule_counts, &first.looks), (&other.rule_counts, &other.looks));
        let items = |stated: &evidence::acquisition::Acquisition| {
            stated.walk.iter().map(|walk| walk.items).collect::<Vec<_>>()
        };
        assert_eq!((items(first), &first.limits), (items(other), &other.limits));
    }
}
