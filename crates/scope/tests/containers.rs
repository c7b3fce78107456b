//! Containers: what is opened, and what its members make of it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod sketch;

use proptest::prelude::*;
use scope::facts::{CaseRule, ContainerFact, EndFact, Fact, Failure, Kind, Look, Member, Slack, TypeFact};
use scope::policy::{Atom, Effect, Rule};
use scope::{Bundle, Facts, Outcome, Policy, RawName, Step, Tier};
use sketch::{OPENINGS, complete, less, runner, sketch};

const HEAD: &str = include_str!("../../../policies/1-rustock-cnc/policy.toml");

fn policy(target: &str, unknown: &str, rules: &str) -> Policy {
    let head = HEAD.split("[defaults]").next().unwrap();
    let compartment = HEAD.split("[[compartment]]").nth(1).unwrap();
    let mut text =
        format!("{head}\n{target}\n[defaults]\nunknown = \"{unknown}\"\npath_case = \"as-volume\"\n");
    text += &format!("[[compartment]]{compartment}");
    text += "[selector.in]\nlabel = \"l\"\npath = [\"/in/**\"]\nkind = [\"file\"]\n";
    text += "[selector.out]\nlabel = \"l\"\nname = [\"*secret*\"]\n";
    text += "[selector.hashed]\nlabel = \"l\"\npath = [\"/hashed/**\"]\nhash_in = [\"h\"]\n";
    text += &format!("[list.h]\nkind = \"sha256\"\nlabel = \"h\"\nitems = [\"{}\"]\n", "1".repeat(64));
    for rule in rules.split(' ') {
        let (effect, selector) = rule.split_once('=').unwrap();
        let to = if effect == "hold" { "to = \"neutral\"\n" } else { "" };
        text += &format!(
            "[[rule]]\nid = \"{effect}-{selector}\"\neffect = \"{effect}\"\n{to}text = \"t\"\nbasis = \"b\"\nany = [\"{selector}\"]\n"
        );
    }
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", text).unwrap();
    Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}"))
}

const OPEN: &str = "[target.containers]\nopen = [\"zip\"]\nmax_depth = 2";

fn held(members: u64, captured: u64, trouble: Option<&str>) -> Option<ContainerFact> {
    Some(ContainerFact {
        form: "zip".into(),
        members,
        captured,
        barred: 0,
        others: 0,
        trouble: trouble.map(str::to_owned),
    })
}

fn item(name: &str, type_name: &str, container: Option<ContainerFact>) -> Facts {
    let facts = [
        Fact::Volume("v".into()),
        Fact::CaseRule(CaseRule::Sensitive),
        Fact::Node("n".into()),
        Fact::Kind(Kind::File),
        Fact::Name(RawName(name.into())),
        Fact::Size(9),
        Fact::Type(TypeFact { name: type_name.into(), encrypted: None, examined: 9, end: None }),
        Fact::Looks(Look::ALL.to_vec()),
    ];
    Facts { container, ..Facts::from_list(&facts).unwrap() }
}

#[track_caller]
fn check(policy: &Policy, facts: &Facts, expected: &str) {
    let decision = scope::decide_from_metadata(policy, facts).unwrap();
    let looks: Vec<&str> = decision.looks.iter().map(|look| look.word()).collect();
    assert_eq!(format!("{} {} {}", decision.outcome, decision.tier.word(), looks.join(",")), expected);
}

#[test]
fn a_zip_is_known_by_its_end_and_a_document_is_decided_whole() {
    let zips = policy(OPEN, "hold:neutral", "include=in");
    let tars = policy(&OPEN.replace("zip", "tar"), "hold:neutral", "include=in");
    let all = "metadata,type,content";
    let ending = |zip, container| {
        let mut facts = item("/in/a.exe", "pe", container);
        facts.type_fact.as_mut().unwrap().end = Some(EndFact { zip, examined: 9 });
        facts
    };
    check(&zips, &ending(true, held(2, 1, None)), &format!("left out-of-scope {all}"));
    check(&zips, &ending(true, held(1, 1, Some("loose"))), &format!("held:neutral undetermined {all}"));
    check(&zips, &ending(false, None), "captured included metadata,type");
    check(&tars, &ending(true, None), "captured included metadata,type");
    check(&zips, &item("/in/a.jar", "jar", held(2, 1, None)), &format!("left out-of-scope {all}"));
    for form in ["ooxml", "odf", "epub"] {
        check(&zips, &item("/in/a", form, held(0, 0, None)), &format!("captured included {all}"));
        let foreign = item("/in/a", form, held(0, 0, Some("foreign")));
        check(&zips, &foreign, &format!("held:neutral undetermined {all}"));
        check(&tars, &item("/in/a", form, None), "captured included metadata,type");
        assert!(!scope::asks_for_end(&zips, Kind::File, form));
        assert!(
            scope::asks_for_end(&zips, Kind::File, "tar") && !scope::asks_for_end(&tars, Kind::File, "pe")
        );
    }
    assert!(!scope::asks_for_end(&zips, Kind::Recovered, "pe"));
}

#[test]
fn a_container_is_captured_whole_only_if_every_member_is() {
    let policy = policy(OPEN, "hold:neutral", "include=in");
    let all = "metadata,type,content";
    check(&policy, &item("/in/a.zip", "zip", held(2, 2, None)), &format!("captured included {all}"));
    check(&policy, &item("/in/a.zip", "zip", held(0, 0, None)), &format!("captured included {all}"));
    check(&policy, &item("/in/a.zip", "zip", held(2, 1, None)), &format!("left out-of-scope {all}"));
    let unknown = format!("held:neutral undetermined {all}");
    check(&policy, &item("/in/a.zip", "zip", held(2, 2, Some("encrypted"))), &unknown);
    check(&policy, &item("/in/a.zip", "zip", None), &unknown);
    // What is no container, or of a form that is not opened, is as the rules have it; its type has to be known.
    check(&policy, &item("/in/a.txt", "text", None), "captured included metadata,type");
    check(&policy, &item("/in/a.tar", "tar", None), "captured included metadata,type");
    check(
        &policy,
        &Facts { type_fact: None, ..item("/in/a", "", None) },
        "held:neutral undetermined metadata,type",
    );
}

#[test]
fn an_archive_with_something_that_a_rule_bars_goes_whole_to_nobody() {
    let policy = policy(OPEN, "hold:neutral", "include=in");
    for trouble in [None, Some("encrypted")] {
        let barred = held(3, 1, trouble).map(|held| ContainerFact { barred: 1, ..held });
        check(&policy, &item("/in/a.zip", "zip", barred), "left out-of-scope metadata,type,content");
    }
}

#[test]
fn what_is_barred_is_what_another_than_the_holder_of_the_unknown_may_have() {
    let secret = item("/in/secret.txt", "text", None);
    let plain = item("/in/a.txt", "text", None);
    for (unknown, rule, expected) in [
        ("hold:neutral", "exclude=out", true),
        ("hold:neutral", "withhold=out", true),
        // Its holder has what is unknown, too.
        ("hold:neutral", "hold=out", false),
        ("left", "hold=out", true),
    ] {
        let policy = policy(OPEN, unknown, &format!("include=in {rule}"));
        assert_eq!(scope::is_barred(&policy, &secret), expected, "{unknown} {rule}");
        assert!(!scope::is_barred(&policy, &plain));
        let within = held(1, 0, None).map(|held| ContainerFact { barred: 1, ..held });
        assert!(scope::is_barred(&policy, &item("/in/b.zip", "zip", within)));
        assert!(!scope::is_barred(&policy, &item("/in/b.zip", "zip", held(1, 0, None))));
    }
}

#[test]
fn slack_of_a_container_asks_for_the_looks_of_its_file() {
    let policy = policy(&format!("slack = \"hold:neutral\"\n{OPEN}"), "left", "include=in");
    let of =
        |file: Facts| Facts { kind: Kind::Slack, slack: Some(Slack { of: Kind::File, size: 5 }), ..file };
    let captured = of(item("/in/a.zip", "zip", held(2, 2, None)));
    check(&policy, &captured, "held:neutral held metadata,type,content");
    check(&policy, &of(item("/in/a.txt", "text", None)), "held:neutral held metadata,type");
    assert!(scope::opens(&policy, &captured));
}

#[test]
fn what_is_not_to_be_captured_stays_closed() {
    let rules = "include=in exclude=out";
    check(&policy(OPEN, "left", rules), &item("/in/secret.zip", "zip", None), "left excluded metadata");
    check(&policy(OPEN, "left", rules), &item("/elsewhere/a.zip", "zip", None), "left out-of-scope metadata");
    let held = policy(OPEN, "left", "include=in hold=out");
    check(&held, &item("/in/secret.zip", "zip", None), "held:neutral held metadata");
    let withheld = policy(OPEN, "left", "include=in withhold=out");
    check(&withheld, &item("/in/secret.zip", "zip", None), "listed withheld metadata");
    // Without the field nothing is opened.
    check(&policy("", "left", "include=in"), &item("/in/a.zip", "zip", None), "captured included metadata");
}

#[test]
fn what_a_rule_bars_stays_closed_whatever_else_is_unknown() {
    let looks = "undetermined metadata,hash";
    for (rules, outcome) in [("hold=out", "held:neutral"), ("withhold=out", "left")] {
        let policy = policy(OPEN, "hold:neutral", &format!("include=out exclude=hashed {rules}"));
        let facts = item("/hashed/secret.zip", "zip", None);
        check(&policy, &facts, &format!("{outcome} {looks}"));
        assert!(!scope::opens(&policy, &facts), "{rules}");
    }
    // Where nothing bars it, it is opened: its members may be told apart where it cannot.
    let policy = policy(OPEN, "hold:neutral", "include=out exclude=hashed");
    assert!(scope::opens(&policy, &item("/hashed/secret.zip", "zip", None)));
}

#[test]
fn of_what_is_undetermined_the_members_decide() {
    let policy = policy(OPEN, "hold:neutral", "include=hashed");
    let all = "metadata,type,hash,content";
    check(&policy, &item("/hashed/a.zip", "zip", held(3, 1, None)), &format!("left out-of-scope {all}"));
    check(&policy, &item("/hashed/a.zip", "zip", held(3, 3, None)), &format!("left out-of-scope {all}"));
    check(
        &policy,
        &item("/hashed/a.zip", "zip", held(3, 3, Some("cut"))),
        &format!("held:neutral undetermined {all}"),
    );
    check(&policy, &item("/hashed/a.txt", "text", None), "held:neutral undetermined metadata,type,hash");
}

#[test]
fn a_member_is_a_file_and_no_deeper_than_the_policy_says() {
    let policy = policy(OPEN, "hold:neutral", "include=in");
    let member = |depth, container| Facts {
        kind: Kind::Member,
        member: Some(Member { of: "v/n".into(), number: 0, depth, name: RawName(b"b.zip".to_vec()) }),
        ..item("/in/a.zip!/b.zip", "zip", container)
    };
    check(&policy, &member(1, held(1, 1, None)), "captured included metadata,type,content");
    check(&policy, &member(2, None), "held:neutral undetermined metadata,type");
    let text = Facts { type_fact: item("", "text", None).type_fact, ..member(2, None) };
    check(&policy, &text, "captured included metadata,type");
}

#[test]
fn a_container_is_opened_where_its_looks_were_taken_and_nowhere_else() {
    let policy = policy(OPEN, "left", "include=in exclude=out");
    let facts = item("/in/a.zip", "zip", None);
    assert!(scope::opens(&policy, &facts));
    assert!(scope::opens(&policy, &item("/in/a.zip", "zip", held(1, 1, None))));
    assert!(!scope::opens(&policy, &facts.up_to(&[Look::Metadata, Look::Type])));
    assert!(!scope::opens(&policy, &item("/in/a.txt", "text", None)));
    assert!(!scope::opens(&policy, &item("/in/secret.zip", "zip", None)));
    let failed = Facts { failures: vec![Failure::new(Look::Content, "read error")], ..facts.clone() };
    assert!(!scope::opens(&policy, &failed));
    assert!(matches!(scope::decide(&policy, &facts.up_to(&[Look::Metadata])), Step::Look(Look::Type)));
}

/// Steps 9 to 16 of the page, from what the rules make of an item.
fn by_the_page(policy: &Policy, facts: &Facts, tier: Tier) -> Option<(&'static str, Tier)> {
    let containers = policy.target().containers.as_ref().unwrap();
    let of_kind = matches!(facts.kind, Kind::File | Kind::Stream | Kind::Member);
    if !of_kind || !matches!(tier, Tier::Included | Tier::Undetermined) {
        return None;
    }
    let undetermined = Some(("as unknown", Tier::Undetermined));
    let Some(found) = &facts.type_fact else { return undetermined };
    if !containers.open.contains(&found.name.as_str()) {
        return None;
    }
    if facts.member.as_ref().is_some_and(|member| member.depth >= containers.max_depth) {
        return undetermined;
    }
    match &facts.container {
        None => undetermined,
        Some(held) if held.barred > 0 => Some(("left", Tier::OutOfScope)),
        Some(held) if held.trouble.is_some() => undetermined,
        Some(held) if tier == Tier::Included && held.captured == held.members => None,
        Some(_) => Some(("left", Tier::OutOfScope)),
    }
}

/// Whether conditions on content are asked of an item's members: it is a container that is opened, or may be.
fn asked_of_members(policy: &Policy, facts: &Facts) -> bool {
    let containers = policy.target().containers.as_ref().unwrap();
    matches!(facts.kind, Kind::File | Kind::Stream | Kind::Member)
        && facts.member.as_ref().is_none_or(|member| member.depth < containers.max_depth)
        && facts.type_fact.as_ref().is_none_or(|found| containers.open.contains(&found.name.as_str()))
}

/// What the include rules are for an item of which these are the atoms by name, where those on content are true of nothing:
/// 0 false, 1 unknown, 2 true.
fn included(policy: &Policy, trits: &[String]) -> u8 {
    let atoms = scope::atoms(policy);
    let of_row = |row: &String| {
        let value = |id: &String| {
            let own = atoms.iter().zip(row.chars()).filter(|(atom, _)| atom.selector == *id);
            let value = |(atom, letter): (&Atom, char)| match letter {
                'T' if !matches!(atom.field.word(), "keywords" | "mail") => 2,
                'F' => 0,
                _ => 1,
            };
            own.map(value).min().unwrap_or(2)
        };
        let rule = |rule: &Rule| {
            let any = rule.any.iter().map(value).max().unwrap_or(2);
            let unless = rule.unless.iter().map(value).max().unwrap_or(0);
            any.min(rule.all.iter().map(value).min().unwrap_or(2)).min(2 - unless)
        };
        policy.rules().iter().map(rule).max().unwrap_or(0)
    };
    trits.iter().map(of_row).max().unwrap_or(1)
}

/// A policy, which containers it opens, an item, its type, what a container has, and what is not known.
type Scene = (sketch::Sketch, usize, Facts, &'static str, (u64, u64, bool, u8, bool), [bool; 10]);

#[test]
fn the_page_and_the_evaluation_agree_on_containers() {
    let form = proptest::sample::select(vec!["zip", "tar", "gzip", "text"]);
    let fact = (0u64..3, 0u64..3, proptest::bool::weighted(0.2), 0u8..4, proptest::bool::weighted(0.2));
    let forget = proptest::array::uniform10(proptest::bool::weighted(0.1));
    let scene = (sketch(), 1..OPENINGS.len(), complete(), form, fact, forget);
    let counts = std::cell::RefCell::new(std::collections::BTreeMap::<String, u32>::new());
    let agree = |(mut sketch, containers, mut facts, form, fact, forget): Scene| {
        let (members, captured, trouble, sort, barred) = fact;
        // Whether a rule bars an item of which something else is unknown is asked above.
        sketch.rules.retain(|rule| rule.effect == Effect::Include);
        if sketch.rules.is_empty() {
            return Ok(());
        }
        sketch.looks = [true; 3];
        facts.links = Some(facts.names.len() as u64);
        if facts.kind.has_content() {
            facts.type_fact =
                Some(TypeFact { name: form.to_owned(), encrypted: Some(false), examined: 10, end: None });
            facts.container = (sort > 0).then(|| ContainerFact {
                form: form.to_owned(),
                members: members.max(captured),
                captured,
                barred: u64::from(barred),
                others: 0,
                trouble: trouble.then(|| "t".to_owned()),
            });
            if sort > 1 {
                facts.kind = Kind::Member;
                let (of, name) = ("v/inode:1:0".to_owned(), RawName(b"n".to_vec()));
                facts.member = Some(Member { of, number: 0, depth: u64::from(sort - 1), name });
            }
        }
        let plain = sketch.policy();
        sketch.containers = containers;
        let policy = sketch.policy();
        for facts in [facts.clone(), less(&facts, forget)] {
            let (Step::Decided(rules), step) =
                (scope::decide(&plain, &facts), scope::decide(&policy, &facts))
            else {
                return Err(TestCaseError::fail("all looks were taken"));
            };
            let unknown = match &policy.defaults().unknown {
                scope::policy::UnknownDefault::Hold(id) => Outcome::Held(id.clone()),
                scope::policy::UnknownDefault::Left => Outcome::Left,
            };
            // The raw bytes of what is opened say nothing: its members are asked.
            let (outcome, tier) = match asked_of_members(&policy, &facts) {
                false => (rules.outcome, rules.tier),
                true => match included(&plain, &rules.trits) {
                    2 => (Outcome::Captured, Tier::Included),
                    0 => (Outcome::Left, Tier::OutOfScope),
                    _ => (unknown.clone(), Tier::Undetermined),
                },
            };
            let page = by_the_page(&policy, &facts, tier);
            let asked = matches!(tier, Tier::Included | Tier::Undetermined) && page.is_some();
            let is_open = scope::opens(&policy, &facts);
            let decided = match step {
                Step::Decided(decided) => decided,
                Step::Look(_) => return Err(TestCaseError::fail("all looks were taken")),
            };
            let expected = match page {
                None => (outcome, tier),
                Some(("left", tier)) => (Outcome::Left, tier),
                Some((_, tier)) => (unknown, tier),
            };
            prop_assert_eq!((decided.outcome, decided.tier), expected.clone(), "{:?}", facts);
            prop_assert!(!is_open || tier != Tier::OutOfScope, "opened: {:?}", facts);
            let what = format!("{} {asked} {is_open}", expected.1.word());
            *counts.borrow_mut().entry(what).or_default() += 1;
        }
        Ok(())
    };
    if let Err(error) = runner(3000).run(&scene, agree) {
        panic!("{error}");
    }
    for what in [
        "included false false",
        "included false true",
        "out-of-scope true true",
        "undetermined true false",
        "undetermined true true",
    ] {
        assert!(counts.borrow().get(what).is_some_and(|count| *count > 20), "{what}: {counts:?}");
    }
}
