//! How many decisions one core makes in a second, on a ledger of 1,000,000 items that were made up.
//!
//! `cargo bench -p scope --bench decide`
//!
//! ```text
//! metadata     `decide` on what the file system says, as a capture does for every item
//! replay       `decide_from_metadata` on all facts, as an audit does: look after look
//! ```
#![allow(clippy::unwrap_used, reason = "a measurement")]

use std::sync::LazyLock;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box_drop};
use scope::facts::{
    CaseRule, Facts, HashFact, KeywordFact, Kind, Layer, Look, Stamp, TimeKind, TypeFact, Zone,
};
use scope::{Bundle, Digest, Policy, RawName, decide, decide_from_metadata};

const ITEMS: u64 = 1_000_000;

fn main() {
    divan::main();
}

/// A triage of a Windows host on metadata alone.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn metadata_policy_4(bencher: Bencher) {
    metadata(bencher, &TRIAGE, &WINDOWS);
}

/// A shared server, with rules that would look at type, digest and content. What a look would tell is not asked here.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn metadata_policy_1(bencher: Bencher) {
    metadata(bencher, &SERVER, &LINUX);
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn replay_policy_4(bencher: Bencher) {
    replay(bencher, &TRIAGE, &WINDOWS);
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn replay_policy_1(bencher: Bencher) {
    replay(bencher, &SERVER, &LINUX);
}

fn metadata(bencher: Bencher, policy: &Policy, items: &[Facts]) {
    let items: Vec<Facts> = items.iter().map(|facts| facts.up_to(&[Look::Metadata])).collect();
    bencher.counter(ItemsCount::new(items.len())).bench_local(|| {
        items.iter().for_each(|facts| black_box_drop(decide(policy, facts)));
    });
}

fn replay(bencher: Bencher, policy: &Policy, items: &[Facts]) {
    bencher.counter(ItemsCount::new(items.len())).bench_local(|| {
        items.iter().for_each(|facts| black_box_drop(decide_from_metadata(policy, facts).unwrap()));
    });
}

static TRIAGE: LazyLock<Policy> =
    LazyLock::new(|| policy(include_str!("../../../policies/4-ir-triage/policy.toml")));
static SERVER: LazyLock<Policy> =
    LazyLock::new(|| policy(include_str!("../../../policies/1-rustock-cnc/policy.toml")));

static WINDOWS: LazyLock<Vec<Facts>> = LazyLock::new(|| {
    let place = |n: u64| match n % 8 {
        0 => format!("/Windows/System32/drivers/driver{n}.sys"),
        1 => format!("/Windows/WinSxS/amd64_component_{n}/component.dll"),
        2 => format!("/Users/user{}/AppData/Local/Microsoft/Outlook/{n}.ost", n % 5),
        3 => format!("/Users/user{}/Documents/2026/Report {n}.docx", n % 5),
        4 => format!("/Program Files/Vendor/Product/{n}.dll"),
        5 => format!("/Windows/Prefetch/PROGRAM{n}.EXE-1A2B3C4D.pf"),
        6 => format!("/ProgramData/Caf\u{e9}/cache/{n}.bin"),
        _ => format!("/Users/user{}/Pictures/img_{n}.jpg", n % 5),
    };
    (0..ITEMS).map(|n| item(n, &place(n), CaseRule::Insensitive)).collect()
});

static LINUX: LazyLock<Vec<Facts>> = LazyLock::new(|| {
    let place = |n: u64| match n % 8 {
        0 => format!("/var/www/vhosts/site{}.example/httpdocs/page{n}.php", n % 400),
        1 => format!("/var/www/vhosts/cust4417.example/httpdocs/{n}.php"),
        2 => format!("/usr/share/doc/package{n}/changelog.gz"),
        3 => format!("/home/user{}/Maildir/cur/{n}.M1P2.host", n % 300),
        4 => format!("/var/lib/mysql/cust{}_shop/table{n}.ibd", n % 300),
        5 => format!("/usr/lib/x86_64-linux-gnu/library{n}.so.1"),
        6 => format!("/var/log/maillog.{n}"),
        _ => format!("/tmp/upload/{n}.txt"),
    };
    (0..ITEMS).map(|n| item(n, &place(n), CaseRule::Sensitive)).collect()
});

fn policy(text: &str) -> Policy {
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", text).unwrap();
    Policy::parse(&bundle).unwrap()
}

/// An ordinary file of which everything is known.
fn item(n: u64, path: &str, case_rule: CaseRule) -> Facts {
    let stamp = |of| Stamp {
        of,
        from: "inode".into(),
        ns: 1_300_000_000_000_000_000 + i128::from(n),
        zone: Zone::Recorded,
    };
    Facts {
        volume: "volume:1".into(),
        case_rule,
        node: format!("inode:{n}:0"),
        kind: Kind::File,
        names: vec![RawName::from(path)],
        links: Some(1),
        size: Some(n % 65_536),
        allocated: Some(n % 65_536),
        slack: None,
        member: None,
        times: [TimeKind::Modified, TimeKind::Accessed, TimeKind::Changed].map(stamp).to_vec(),
        uid: Some(10_000 + n % 300),
        gid: Some(10_000),
        sid: None,
        mode: Some(0o644),
        link_target: None,
        attributes: Vec::new(),
        type_fact: Some(TypeFact { name: "text".into(), encrypted: Some(false), examined: 64, end: None }),
        hash: Some(HashFact { sha256: Digest::of(&n.to_le_bytes()), md5: None, sha1: None }),
        keywords: vec![KeywordFact {
            list: "spam-marks".into(),
            hits: Vec::new(),
            text: None,
            searched: 100,
            layer: Layer::Full,
        }],
        mail: Vec::new(),
        container: None,
        failures: Vec::new(),
        looks: Look::ALL.to_vec(),
    }
}
