//! A path of a policy that fits no item is known, whatever fits beside it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use scope::facts::{CaseRule, Fact, Kind, Look};
use scope::{Bundle, Facts, PathsMet, Policy, RawName};

const POLICY: &str = include_str!("../../imager/demo/policy/policy.toml");

/// Keys that were made for a test and thrown away, and dates that fit the medium.
const FILLED: [(&str, &str); 8] = [
    ("@CASE@", "age1400m9ftvlh27j2e2yde5c6n2xmvn504e70f5xvlcsz4xpxpkk3pslcejxt"),
    ("@AUDITOR@", "age1pmyc9t2s29aru4wrg2qtjtcv4nfp57rejalmsg8ru4j8pz7g33vql0etc5"),
    ("@COURT@", "age1jsysn78z3l294ag4waheqvzxka2y6xelsnntpkceelvmdnjj74cqsz7tq2"),
    ("@NEUTRAL@", "age170dwmdyz9tnp7scl3w3tke2wattea0t2uv0rgvrzc8c6m3l5690q3jjl8g"),
    ("@VICTIM@", "age1hm88xql4lyxyga3aatwjy78xk0x8tjv0dsg6rsj7s3mmqgpc9psq3k347e"),
    ("@ISSUED@", "2011-03-09T00:00:00Z"),
    ("@EXECUTE_BY@", "2011-03-23T00:00:00Z"),
    ("@REVIEW_BY@", "2011-09-30T00:00:00Z"),
];

fn item(name: &str) -> Facts {
    let list = [
        Fact::Volume("ext4:1".into()),
        Fact::CaseRule(CaseRule::Sensitive),
        Fact::Node("inode:1:0".into()),
        Fact::Kind(Kind::File),
        Fact::Name(RawName(name.into())),
        Fact::Looks(vec![Look::Metadata]),
    ];
    Facts::from_list(&list).unwrap()
}

#[test]
fn paths_are_dead_until_an_item_fits_them() {
    let mut bundle = Bundle::new();
    let text = FILLED.iter().fold(POLICY.to_owned(), |text, (field, value)| text.replace(field, value));
    bundle.insert(Bundle::POLICY, text.into_bytes()).unwrap();
    let policy = Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}"));
    let dead = |met: &PathsMet| -> Vec<String> {
        policy.dead_paths(met).iter().map(|(_, path)| (*path).to_owned()).collect()
    };
    let (mut one, mut other) = (PathsMet::default(), PathsMet::default());
    let all = dead(&one).len();
    assert!(dead(&one).contains(&"/opt/panel/**".to_owned()) && all > 10, "{all}");
    policy.meet_paths(&item("/opt/panel/gate.php"), &mut one);
    policy.meet_paths(&item("/opt/panels"), &mut one);
    // Two selectors name that folder.
    assert!(!dead(&one).contains(&"/opt/panel/**".to_owned()));
    assert_eq!(dead(&one).len(), all - 2);
    // Two workers meet what neither has met alone.
    policy.meet_paths(&item("/etc/tor/torrc"), &mut other);
    assert_eq!(dead(&other).len(), all - 1);
    one.add(&other);
    assert_eq!(dead(&one).len(), all - 3);
}
