//! Generated policies and items, for tests of properties.

#![allow(dead_code, reason = "each test uses some of it")]

#[path = "../conditions/mod.rs"]
mod conditions;

use std::collections::BTreeSet;

pub use conditions::CONDITIONS;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use scope::facts::{
    CaseRule, Failure, HashFact, Hit, KeywordFact, Kind, Layer, Look, Stamp, TimeKind, TypeFact, Zone,
};
use scope::mail::{MailCause, MailFact};
use scope::policy::Effect;
use scope::{Bundle, Digest, Facts, Policy, RawName};

pub const SELECTORS: usize = 4;

/// A rule: its selectors by number.
#[derive(Clone, Debug)]
pub struct RuleSketch {
    pub effect: Effect,
    pub to: bool,
    pub any: BTreeSet<usize>,
    pub all: BTreeSet<usize>,
    pub unless: BTreeSet<usize>,
}

/// A policy: its selectors as sets of [`CONDITIONS`].
#[derive(Clone, Debug)]
pub struct Sketch {
    pub selectors: Vec<BTreeSet<usize>>,
    pub rules: Vec<RuleSketch>,
    pub hold_unknown: bool,
    pub no_hit: bool,
    pub zoneless: bool,
    pub looks: [bool; 3],
    /// Which of [`OPENINGS`], where the looks allow it.
    pub containers: usize,
    pub streams: bool,
    /// Which of [`DELETED`], and of [`HELD`] for unallocated space and slack.
    pub deleted: usize,
    pub unallocated: usize,
    pub slack: usize,
    /// Of items and bytes.
    pub limits: (Option<u64>, Option<u64>),
}

/// What `target.deleted` can be.
pub const DELETED: [&str; 4] = ["never", "catalogue", "hold:one", "hold:two"];

/// What `target.unallocated` and `target.slack` can be.
pub const HELD: [&str; 3] = ["never", "hold:one", "hold:two"];

/// What can stand in `target.containers`.
pub const OPENINGS: [&str; 5] = [
    "",
    "containers = { open = [\"zip\"], max_depth = 1 }",
    "containers = { open = [\"zip\"], max_depth = 2 }",
    "containers = { open = [\"tar\"], max_depth = 2 }",
    "containers = { open = [\"zip\", \"tar\"], max_depth = 2 }",
];

const KEY: &str = "age1ugwhjv8uclxhy54l2aygaqfnf7nq076eh3pcar0wddfdarmtudmst2jlre";

impl Sketch {
    /// What is walked, and how far.
    fn extent(&self) -> String {
        let mut text = format!(
            "streams = {}\ndeleted = \"{}\"\nunallocated = \"{}\"\nslack = \"{}\"\n",
            self.streams, DELETED[self.deleted], HELD[self.unallocated], HELD[self.slack]
        );
        if self.limits != (None, None) {
            text += "[limits]\n";
        }
        for (name, limit) in [("items", self.limits.0), ("bytes", self.limits.1)] {
            text += &limit.map(|limit| format!("{name} = {limit}\n")).unwrap_or_default();
        }
        text
    }

    pub fn policy(&self) -> Policy {
        let looks: Vec<&str> = ["\"type\"", "\"hash\"", "\"content\""]
            .into_iter()
            .zip(self.looks)
            .filter_map(|(word, allowed)| allowed.then_some(word))
            .collect();
        let mut text = format!(
            r#"
schema = "scope-policy/1"
id = "p"
version = 1
title = "t"
[authority]
court = "c"
docket = "d"
instrument = "i"
legal_basis = ["l"]
issued = "2020-01-01T00:00:00Z"
execute_by = "2020-02-01T00:00:00Z"
hours = "any"
review_by = "2020-03-01T00:00:00Z"
particulars = ["p"]
[recipients]
case = ["{KEY}"]
auditor = ["{KEY}"]
court = ["{KEY}"]
[record]
left = "facts"
holder = "h"
basis = "b"
until = "u"
[target]
media = [{{ label = "m", serial = "s" }}]
inspect = ["metadata"{}{}]
{}
{}
[defaults]
unknown = "{}"
path_case = "as-volume"
not_searchable = "{}"
{}
[window.w]
from = "2020-01-01T00:00:00Z"
until = "2021-01-01T00:00:00Z"
[custodian.c]
label = "c"
uid = [1, 2]
[list.h]
kind = "sha256"
label = "h"
items = ["{}"]
[list.a]
kind = "addresses"
label = "a"
items = ["ann@x.org", "@firm.example"]
[list.k]
kind = "keywords"
label = "k"
items = ["kick", "back", "side"]
[artifact.x]
label = "x"
catalogue = "c"
definition = "X"
file = "f"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
path = ["/a/x.*", "/b/x.txt"]
[artifact.y]
label = "y"
catalogue = "c"
definition = "Y"
file = "f"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
path = ["/a/**"]
[[compartment]]
id = "one"
label = "l"
recipients = ["{KEY}"]
release = "r"
[[compartment]]
id = "two"
label = "l"
recipients = ["{KEY}"]
release = "r"
"#,
            if looks.is_empty() { "" } else { ", " },
            looks.join(", "),
            if self.looks[0] && self.looks[2] { OPENINGS[self.containers] } else { "" },
            self.extent(),
            if self.hold_unknown { "hold:two" } else { "left" },
            if self.no_hit { "no-hit" } else { "unknown" },
            if self.zoneless { "zoneless_times = \"+01:00\"" } else { "" },
            Digest::of(b"known").hex(),
        );
        for (at, conditions) in self.selectors.iter().enumerate() {
            text.push_str(&format!("[selector.s{at}]\nlabel = \"l\"\n"));
            let mut seen = BTreeSet::new();
            for (field, value) in conditions.iter().map(|at| CONDITIONS[*at]) {
                if seen.insert(field) {
                    text.push_str(&format!("{field} = {value}\n"));
                }
            }
        }
        for (at, rule) in self.rules.iter().enumerate() {
            let ids = |ids: &BTreeSet<usize>| {
                ids.iter().map(|id| format!("\"s{id}\"")).collect::<Vec<_>>().join(", ")
            };
            text.push_str(&format!(
                "[[rule]]\nid = \"R-{at}\"\neffect = \"{}\"\ntext = \"t\"\nbasis = \"b\"\n",
                rule.effect.word()
            ));
            if rule.effect == Effect::Hold {
                text.push_str(if rule.to { "to = \"one\"\n" } else { "to = \"two\"\n" });
            }
            for (key, selectors) in [("any", &rule.any), ("all", &rule.all), ("unless", &rule.unless)] {
                if !selectors.is_empty() {
                    text.push_str(&format!("{key} = [{}]\n", ids(selectors)));
                }
            }
        }
        let mut bundle = Bundle::new();
        bundle.insert("policy.toml", text.as_str()).unwrap();
        Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{text}\n{problems}"))
    }
}

/// Any rule.
pub fn rule() -> impl Strategy<Value = RuleSketch> {
    let some = |most| proptest::collection::btree_set(0..SELECTORS, 0..=most);
    let effect = prop_oneof![
        3 => Just(Effect::Include), 1 => Just(Effect::Exclude), 1 => Just(Effect::Withhold), 2 => Just(Effect::Hold)
    ];
    (effect, any::<bool>(), some(2), some(2), some(1)).prop_map(|(effect, to, mut any, all, unless)| {
        if any.is_empty() && all.is_empty() {
            any.insert(0);
        }
        RuleSketch { effect, to, any, all, unless }
    })
}

/// Any policy.
pub fn sketch() -> impl Strategy<Value = Sketch> {
    let selector = proptest::collection::btree_set(0..CONDITIONS.len(), 1..=2);
    let selectors = proptest::collection::vec(selector, SELECTORS);
    let rules = proptest::collection::vec(rule(), 1..6);
    let looks = prop_oneof![3 => Just([true; 3]), 1 => any::<[bool; 3]>()];
    (selectors, rules, any::<[bool; 3]>(), looks).prop_map(|(selectors, rules, flags, looks)| Sketch {
        selectors,
        rules,
        hold_unknown: flags[0],
        no_hit: flags[1],
        zoneless: flags[2],
        looks,
        containers: 0,
        streams: true,
        deleted: 0,
        unallocated: 0,
        slack: 0,
        limits: (None, None),
    })
}

/// An item of which everything is known.
pub fn complete() -> impl Strategy<Value = Facts> {
    let names = ["/a/x.txt", "/a/y.jpg", "/b/x.txt", "/c/z", "/a", "/c/.txt"];
    let names = proptest::sample::subsequence(names.to_vec(), 1..=2);
    let kind = prop_oneof![4 => Just(Kind::File), 1 => Just(Kind::Directory), 1 => Just(Kind::Symlink)];
    let stamps = (any::<bool>(), any::<bool>(), any::<bool>());
    let hits = proptest::collection::btree_set(0u64..3, 0..=3);
    let content = (any::<bool>(), any::<bool>(), any::<bool>(), hits, 0u64..5);
    (names, kind, any::<bool>(), 5u64..120, stamps, 1u64..4, any::<bool>(), content).prop_map(
        |(
            names,
            kind,
            folds,
            size,
            (modified, created, zoned),
            uid,
            volume,
            (text, known, encrypted, hits, mail),
        )| {
            let mut names: Vec<RawName> = names.into_iter().map(RawName::from).collect();
            names.sort();
            if kind == Kind::Directory {
                names.truncate(1);
            }
            let stamp = |of, inside: bool| Stamp {
                of,
                from: "inode".into(),
                // Inside the window: its first nanosecond; else the one after its last.
                ns: if inside { 1_577_836_800_000_000_000 } else { 1_609_459_200_000_000_000 },
                zone: if zoned { Zone::Recorded } else { Zone::Assumed },
            };
            let content = kind.has_content();
            let hits = hits.into_iter().map(|term| Hit { term, count: 1, offsets: vec![0] }).collect();
            Facts {
                volume: if volume { "v1" } else { "v2" }.into(),
                case_rule: if folds { CaseRule::Insensitive } else { CaseRule::Sensitive },
                node: "inode:1:0".into(),
                kind,
                links: Some(names.len() as u64),
                names,
                size: content.then_some(size),
                allocated: None,
                slack: None,
                member: None,
                container: None,
                times: vec![stamp(TimeKind::Modified, modified), stamp(TimeKind::Created, created)],
                uid: Some(uid),
                gid: None,
                sid: None,
                mode: None,
                link_target: None,
                attributes: Vec::new(),
                type_fact: content.then(|| TypeFact {
                    name: if text { "text" } else { "jpeg" }.into(),
                    encrypted: Some(encrypted),
                    examined: 10,
                    end: None,
                }),
                hash: content.then(|| HashFact {
                    sha256: Digest::of(if known { b"known" } else { b"other" }),
                    md5: None,
                    sha1: None,
                }),
                keywords: if content {
                    vec![KeywordFact { list: "k".into(), hits, text: None, searched: 10, layer: Layer::Full }]
                } else {
                    Vec::new()
                },
                mail: if content {
                    (0..SELECTORS).map(|at| mail_fact(at, mail)).collect()
                } else {
                    Vec::new()
                },
                failures: Vec::new(),
                looks: Look::ALL.to_vec(),
            }
        },
    )
}

/// No mail, or up to two messages, of which some fit whatever is asked of them.
fn mail_fact(selector: usize, sort: u64) -> MailFact {
    let (messages, fits) = [(0, 0), (1, 0), (1, 1), (2, 1), (2, 2)][usize::try_from(sort).unwrap()];
    MailFact {
        selector: format!("s{selector}"),
        layer: if messages == 0 { Layer::None } else { Layer::Full },
        messages,
        fits,
        open: 0,
        offsets: (0..fits).collect(),
        causes: Vec::new(),
    }
}

/// The same item, of which less is known.
pub fn less(facts: &Facts, forget: [bool; 10]) -> Facts {
    let mut less = facts.clone();
    let [names, size, times, owner, kind_of, encrypted, hash, layer, hits, failed] = forget;
    if names && less.kind != Kind::Directory {
        less.names.pop();
    }
    if size {
        less.size = None;
    }
    if times {
        less.times.pop();
    }
    if owner {
        less.uid = None;
    }
    if kind_of {
        less.type_fact = None;
    }
    if let Some(fact) = less.type_fact.as_mut().filter(|_| encrypted) {
        fact.encrypted = None;
    }
    if hash {
        less.hash = None;
    }
    for fact in &mut less.keywords {
        if layer || hits {
            fact.layer = Layer::Unread;
        }
        if hits {
            fact.hits.pop();
        }
    }
    for fact in &mut less.mail {
        if hits && fact.fits > 0 {
            fact.fits -= 1;
            fact.open += 1;
            fact.offsets.pop();
            fact.causes = vec![MailCause::NoZone];
        }
        if layer {
            fact.layer = Layer::Unread;
            fact.causes = vec![MailCause::NotRead];
        }
    }
    if failed {
        less.keywords.clear();
        less.mail.clear();
        less.failures.push(Failure { look: Look::Content, reason: "unreadable".into() });
    }
    less
}

/// Always the same cases.
pub fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]))
}
