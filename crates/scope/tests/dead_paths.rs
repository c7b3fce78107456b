//! A path of a policy that fits no item is known, whatever fits beside it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use scope::facts::{CaseRule, Fact, Kind, Look};
use scope::{Bundle, Facts, PathsMet, Policy, RawName};

const POLICY: &str = include_str!("../../imager/demo/policy/policy.toml");

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
    bundle.insert(Bundle::POLICY, POLICY.as_bytes().to_vec()).unwrap();
    let policy = Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}"));
    let dead = |met: &PathsMet| -> Vec<String> {
        policy.dead_paths(met).iter().map(|(_, path)| (*path).to_owned()).collect()
    };
    let (mut one, mut other) = (PathsMet::default(), PathsMet::default());
    let all = dead(&one).len();
    assert!(dead(&one).contains(&"/opt/panel/**".to_owned()) && all > 10, "{all}");
    policy.meet_paths(&item("/opt/panel/gate.php"), &mut one);
    policy.meet_paths(&item("/opt/panels"), &mut one);
    assert!(!dead(&one).contains(&"/opt/panel/**".to_owned()));
    assert_eq!(dead(&one).len(), all - 1);
    // Two workers meet what neither has met alone.
    policy.meet_paths(&item("/etc/tor/torrc"), &mut other);
    assert_eq!(dead(&other).len(), all - 1);
    one.add(&other);
    assert_eq!(dead(&one).len(), all - 2);
}
