//! Every case of every example policy: outcome, rule, the looks that it took, and how it is explained.
//!
//! `AMBIT_BLESS=1 cargo test -p scope --test cases` writes the explanations anew.
//!
//! A line of `cases.txt` is an outcome, the determining rules (or the tier, where no rule determines), the path (several
//! names with `|`, none as `-`), and facts that differ from the policy's ordinary ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

use std::path::{Path, PathBuf};

use scope::facts::{
    CaseRule, Failure, HashFact, Hit, KeywordFact, Kind, Layer, Look, Stamp, TimeKind, TypeFact, Zone,
};
use scope::{Bundle, Digest, Facts, Policy, RawName, Tier};

fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies")
}

fn read(folder: &Path) -> Policy {
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", std::fs::read(folder.join("policy.toml")).unwrap()).unwrap();
    Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{}\n{problems}", folder.display()))
}

fn stamp(of: TimeKind, text: &str, zone: Zone) -> Stamp {
    let time = chrono::DateTime::parse_from_rfc3339(text).unwrap();
    let ns = i128::from(time.timestamp()) * 1_000_000_000 + i128::from(time.timestamp_subsec_nanos());
    Stamp { of, from: "inode".into(), ns, zone }
}

/// The facts of a line, as an examination that looked everywhere would find them.
fn facts(policy: &Policy, folder: &str, path: &str, fields: &[&str]) -> (Facts, Option<String>) {
    let get = |key: &str| fields.iter().find_map(|field| field.strip_prefix(&format!("{key}=")));
    for field in fields {
        let key = field.split_once('=').unwrap_or_else(|| panic!("{path}: `{field}` is not a fact")).0;
        let known = [
            "kind",
            "links",
            "size",
            "uid",
            "sid",
            "modified",
            "created",
            "zone",
            "type",
            "sha256",
            "keywords",
            "layer",
            "failed",
            "case",
            "looks",
            "encrypted",
        ];
        assert!(known.contains(&key), "{path}: unknown fact `{key}`");
    }
    let json = |text: &str| format!("\"{text}\"");
    let kind: Kind = serde_json::from_str(&json(get("kind").unwrap_or("file"))).unwrap();
    let names: Vec<RawName> =
        if path == "-" { Vec::new() } else { path.split('|').map(|name| name.parse().unwrap()).collect() };
    let windows = !folder.starts_with("1-");
    let case = get("case").unwrap_or(if windows { "insensitive" } else { "sensitive" });
    let zone: Zone = serde_json::from_str(&json(get("zone").unwrap_or("recorded"))).unwrap();
    let modified = match folder.get(..1) {
        Some("1") => "2011-01-15T12:00:00Z",
        Some("2") => "2022-06-01T12:00:00Z",
        _ => "2024-01-01T00:00:00Z",
    };
    let failed: Option<Look> = get("failed").map(|look| serde_json::from_str(&json(look)).unwrap());
    let layer: Layer = serde_json::from_str(&json(get("layer").unwrap_or("full"))).unwrap();
    let hits = |list: &str| {
        let lists = get("keywords").into_iter().flat_map(|text| text.split(';'));
        let found = lists
            .filter_map(|entry| entry.strip_prefix(&format!("{list}:")))
            .flat_map(|terms| terms.split(','));
        found.map(|term| Hit { term: term.parse().unwrap(), count: 1, offsets: vec![0] }).collect()
    };
    let digest = get("sha256").map_or(Digest::of(b""), |hex| Digest::from_hex(hex).unwrap());
    let content = kind.has_content();
    let facts = Facts {
        volume: "ext4:00000000-0000-0000-0000-000000000000".into(),
        case_rule: serde_json::from_str::<CaseRule>(&json(case)).unwrap(),
        node: "inode:12:0".into(),
        kind,
        links: Some(get("links").map_or(names.len().max(1) as u64, |text| text.parse().unwrap())),
        names,
        size: content.then(|| get("size").map_or(100, |text| text.parse().unwrap())),
        allocated: None,
        slack: None,
        member: None,
        container: None,
        times: vec![
            stamp(TimeKind::Modified, get("modified").unwrap_or(modified), zone),
            stamp(TimeKind::Created, get("created").unwrap_or(modified), zone),
        ],
        uid: (!windows).then(|| get("uid").map_or(0, |text| text.parse().unwrap())),
        gid: None,
        sid: windows.then(|| get("sid").unwrap_or("S-1-5-21-1000-1000-1000-1104").to_owned()),
        mode: None,
        link_target: None,
        attributes: Vec::new(),
        type_fact: (content && failed != Some(Look::Type)).then(|| TypeFact {
            name: get("type").unwrap_or("text").into(),
            encrypted: get("encrypted").map(|text| text == "true"),
            examined: 100,
            end: None,
        }),
        hash: (content && failed != Some(Look::Hash)).then_some(HashFact {
            sha256: digest,
            md5: None,
            sha1: None,
        }),
        keywords: if content && failed != Some(Look::Content) {
            let lists = policy.keyword_lists();
            let fact =
                |id: &str| KeywordFact { list: id.into(), hits: hits(id), text: None, searched: 100, layer };
            lists.iter().map(|list| fact(list.id)).collect()
        } else {
            Vec::new()
        },
        mail: Vec::new(),
        failures: failed.map(|look| Failure { look, reason: "unreadable".into() }).into_iter().collect(),
        looks: Look::ALL.to_vec(),
    };
    (facts, get("looks").map(str::to_owned))
}

fn check(folder: &str) {
    let policy = read(&policies().join(folder));
    let text = std::fs::read_to_string(policies().join(folder).join("cases.txt")).unwrap();
    let mut count = 0;
    let mut explained = String::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [outcome, rules, path, rest @ ..] = &fields[..] else { panic!("not a case: {line}") };
        let (facts, looks) = facts(&policy, folder, path, rest);
        let decision = scope::decide_from_metadata(&policy, &facts).unwrap();
        let because = match decision.tier {
            Tier::OutOfScope => "out-of-scope".to_owned(),
            Tier::Undetermined => "undetermined".to_owned(),
            _ => decision.rules.join(","),
        };
        assert_eq!((decision.outcome.to_string().as_str(), because.as_str()), (*outcome, *rules), "{line}");
        if let Some(looks) = looks {
            let took: Vec<&str> = decision.looks.iter().map(|look| look.word()).collect();
            assert_eq!(took.join(","), looks, "{line}");
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        explained += &format!("# {}\n{}\n", words.join(" "), scope::explain(&policy, &facts, &decision));
        count += 1;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/explanations/{folder}.txt"));
    if std::env::var_os("AMBIT_BLESS").is_some() {
        std::fs::write(&path, &explained).unwrap();
    }
    assert_eq!(explained, std::fs::read_to_string(&path).unwrap(), "{}", path.display());
    assert!(count >= 7, "{folder} has {count} cases");
}

#[test]
fn rustock_cnc() {
    check("1-rustock-cnc");
}

#[test]
fn fraud_privilege() {
    check("2-fraud-privilege");
}

#[test]
fn hash_list_only() {
    check("3-hash-list-only");
}

#[test]
fn ir_triage() {
    check("4-ir-triage");
}

#[test]
fn every_folder_is_complete_and_tested() {
    let mut names: Vec<String> = std::fs::read_dir(policies())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["1-rustock-cnc", "2-fraud-privilege", "3-hash-list-only", "4-ir-triage"]);
    for name in names {
        let readme = std::fs::read_to_string(policies().join(name).join("README.md")).unwrap();
        assert!(readme.contains("recipients are examples"), "{readme}");
    }
}
