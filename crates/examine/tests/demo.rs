//! The demo medium under the demo policy: every item has the outcome that a reader of the policy expects.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where the demo is not what it should be"
)]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::ControlFlow;

use examine::{Examiner, Options};
use scope::{Bundle, Policy};
use source::{OpenOptions, WalkEvent, WalkOptions};

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../imager/demo");

/// Keys that were made for this test and thrown away, and dates that fit the medium.
const PLACEHOLDERS: [(&str, &str); 8] = [
    ("@CASE@", "age1400m9ftvlh27j2e2yde5c6n2xmvn504e70f5xvlcsz4xpxpkk3pslcejxt"),
    ("@AUDITOR@", "age1pmyc9t2s29aru4wrg2qtjtcv4nfp57rejalmsg8ru4j8pz7g33vql0etc5"),
    ("@COURT@", "age1jsysn78z3l294ag4waheqvzxka2y6xelsnntpkceelvmdnjj74cqsz7tq2"),
    ("@NEUTRAL@", "age170dwmdyz9tnp7scl3w3tke2wattea0t2uv0rgvrzc8c6m3l5690q3jjl8g"),
    ("@VICTIM@", "age1hm88xql4lyxyga3aatwjy78xk0x8tjv0dsg6rsj7s3mmqgpc9psq3k347e"),
    ("@ISSUED@", "2011-03-09T00:00:00Z"),
    ("@EXECUTE_BY@", "2011-03-23T00:00:00Z"),
    ("@REVIEW_BY@", "2011-09-30T00:00:00Z"),
];

/// Outcome, rules and looks, with tabs between.
type Fate = String;

fn policy() -> Policy {
    let text = std::fs::read_to_string(format!("{DEMO}/policy/policy.toml")).unwrap();
    let text = PLACEHOLDERS.iter().fold(text, |text, (word, value)| text.replace(word, value));
    assert!(!text.lines().any(|line| !line.starts_with('#') && line.contains('@')), "a placeholder is left");
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", text).unwrap();
    Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Per item, by its place and its names: what is expected of it, and its marker.
fn expected() -> BTreeMap<String, (Fate, String)> {
    let text = std::fs::read_to_string(format!("{DEMO}/expected.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let fields: Vec<&str> = line.splitn(6, '\t').collect();
            (format!("{}\t{}", fields[0], fields[5]), (fields[1..4].join("\t"), fields[4].to_owned()))
        })
        .collect()
}

#[test]
fn every_item_of_the_demo_medium_has_its_expected_outcome() {
    let policy = policy();
    let examiner = Examiner::new(&policy, Options { md5: true, sha1: true, ..Options::default() });
    let small = Examiner::new(&policy, Options { buffer: 100, ..Options::default() });
    let opened = source::open(format!("{DEMO}/medium.E01").as_ref(), &OpenOptions::default()).unwrap();
    let places: Vec<&str> = opened.sources.iter().map(|source| source.info().place.as_str()).collect();
    assert_eq!(places, ["gpt:1", "gpt:2"]);
    assert!(matches!(opened.medium.limits.as_slice(), [locked] if locked.contains("LUKS")));

    let mut found = BTreeMap::new();
    for source in &opened.sources {
        let options = WalkOptions {
            deleted: policy.target().deleted != scope::policy::Deleted::Never,
            ..WalkOptions::default()
        };
        let place = &source.info().place;
        let report = source.walk_with(&options, &mut |event| {
            let entry = match event {
                WalkEvent::Item(entry) => entry,
                WalkEvent::Issue(issue) => panic!("{issue:?}"),
            };
            let names: Vec<String> = entry.facts.names.iter().map(ToString::to_string).collect();
            let examined = examiner.examine(&entry, source.as_ref()).unwrap();
            assert_eq!(examined.facts.failures, [], "{names:?}");
            assert_eq!(examined.facts.looks, examined.decision.looks, "{names:?}");
            let again = small.examine(&entry, source.as_ref()).unwrap();
            assert_eq!(again.decision, examined.decision, "{names:?}: the buffer's size decides nothing");
            assert_eq!(again.facts.keywords, examined.facts.keywords, "{names:?}");

            let mut content = Vec::new();
            if entry.facts.kind.has_content() {
                source.open(&entry).unwrap().read_to_end(&mut content).unwrap();
            }
            if let Some(kept) = &examined.content {
                assert!(**kept == content, "{names:?}: what a look kept is the content");
            }
            if let Some(hash) = &examined.facts.hash {
                assert_eq!(hash.sha256, scope::Digest::of(&content), "{names:?}");
                assert!(hash.md5.is_some() && hash.sha1.is_some());
            }
            let decision = &examined.decision;
            let rules = if decision.rules.is_empty() { "-".to_owned() } else { decision.rules.join(",") };
            let looks: Vec<&str> = decision.looks.iter().map(|look| look.word()).collect();
            let fate = format!("{}\t{rules}\t{}", decision.outcome, looks.join(","));
            // A volume's own files hold what they hold of others, and have no marker of their own.
            let marker = if names[0].starts_with("/$") { "-".to_owned() } else { find_marker(&content) };
            found.insert(format!("{place}\t{}", names.join("\t")), (fate, marker));
            ControlFlow::Continue(())
        });
        let report = report.unwrap();
        assert_eq!(report.issues, 0);
        for (what, walked, counted) in &report.coverage {
            assert_eq!(walked, counted, "{place}: {what}");
        }
    }

    let expected = expected();
    let mut wrong = Vec::new();
    for (names, expected) in &expected {
        match found.get(names) {
            Some(fate) if fate == expected => {}
            other => wrong.push(format!("{names}: expected {expected:?}, found {other:?}")),
        }
    }
    let extra = found.keys().filter(|names| !expected.contains_key(*names));
    wrong.extend(extra.map(|names| format!("{names}: not expected")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(expected.len() > 450, "only {} items were compared", expected.len());
}

fn find_marker(content: &[u8]) -> String {
    let at = content.windows(7).position(|window| window == b"MARKER-");
    at.map_or_else(|| "-".to_owned(), |at| String::from_utf8_lossy(&content[at..at + 15]).into_owned())
}
