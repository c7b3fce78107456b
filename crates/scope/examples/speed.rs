//! How many metadata-only decisions one core makes in a second, on the largest example policy.
//!
//! `cargo run --release -p scope --example speed`
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement")]

use scope::facts::{CaseRule, Kind, Look};
use scope::{Bundle, Facts, Policy, RawName, decide};

fn main() {
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", include_str!("../../../policies/1-rustock-cnc/policy.toml")).unwrap();
    let policy = Policy::parse(&bundle).unwrap();
    let names = [
        "/var/www/vhosts/bakery.example/httpdocs/index.php",
        "/var/www/vhosts/cust4417.example/httpdocs/gate.php",
        "/usr/share/doc/openssl/changelog.gz",
        "/home/anna/Maildir/cur/1299999999.M1P2.host",
    ];
    let items: Vec<Facts> = names
        .into_iter()
        .map(|name| Facts {
            volume: "ext4:0".into(),
            case_rule: CaseRule::Sensitive,
            node: "inode:12:0".into(),
            kind: Kind::File,
            names: vec![RawName::from(name)],
            links: Some(1),
            size: Some(100),
            allocated: None,
            slack: None,
            times: Vec::new(),
            uid: Some(0),
            gid: None,
            sid: None,
            mode: None,
            link_target: None,
            attributes: Vec::new(),
            type_fact: None,
            hash: None,
            keywords: Vec::new(),
            failures: Vec::new(),
            looks: vec![Look::Metadata],
        })
        .collect();
    let rounds = 250_000;
    let started = std::time::Instant::now();
    for _ in 0..rounds {
        for facts in &items {
            std::hint::black_box(decide(&policy, std::hint::black_box(facts)));
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{:.0} decisions a second", f64::from(rounds) * 4.0 / seconds);
}
