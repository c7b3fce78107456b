//! Two implementations of one specification: the Rust code, and `tests/replay/replay.py`.
//!
//! Random policies and items are decided by both, random globs matched by both, and packages that lie are replayed by
//! both: there may be no difference. What is random follows from a seed; a failure prints the policy, the item and
//! how to ask again for these alone:
//!
//! ```text
//! AMBIT_SEED=4711 AMBIT_POLICY=17 cargo test -p scenarios --test second_implementation decisions
//! AMBIT_SEED=$RANDOM AMBIT_POLICIES=20000 cargo test ...        other ones, and more
//! ```

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

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use scenarios::random::{self, Dice};
use scenarios::second;
use scenarios::story::Desk;
use scope::facts::Facts;
use scope::fold::symbols;
use scope::glob::Glob;
use scope::{Bundle, Decision, Digest, Look, Policy, RawName, Step, decide, visible_names};
use serde_json::{Value, json};

/// How many policies are made, and how many items are decided by each: 102,400 decisions.
const POLICIES: u64 = 1_600;
const ITEMS: usize = 64;
/// How many pairs of a glob and a path or name.
const GLOBS: usize = 20_000;
/// How many differences are printed.
const SHOWN: usize = 5;

#[test]
fn decisions() {
    if !second::is_there() {
        return;
    }
    let seed = number("AMBIT_SEED").unwrap_or(4711);
    let policies = match number("AMBIT_POLICY") {
        Some(one) => one..one + 1,
        None => 0..number("AMBIT_POLICIES").unwrap_or(POLICIES),
    };
    let whole = policies.end - policies.start >= POLICIES;
    let seen = Mutex::new(Seen::default());
    let (mut differences, mut first) = (Vec::new(), None);
    let ask = |ask: &mut dyn FnMut(&Value, Asked)| {
        for policy in policies.clone() {
            ask_about(seed, policy, ask, &seen);
        }
    };
    second::compare(ask, |asked, answer| {
        if asked.expected != answer {
            let Asked { policy, question, expected } = asked;
            differences.push(format!("\n{question}\nRust:   {expected}\nPython: {answer}\n"));
            first.get_or_insert(policy);
        }
    });
    let seen = seen.into_inner().unwrap();
    println!(
        "{} decisions under {} policies; {}",
        seen.decisions,
        policies.end - policies.start,
        seen.told()
    );
    let shown: String = differences.iter().take(SHOWN).map(String::as_str).collect();
    let first = first.unwrap_or_default();
    assert!(differences.is_empty(), "{} differences, the first under\n{first}{shown}", differences.len());
    if whole {
        seen.everything();
    }
}

/// A question, as a failure prints it, and the answer of the Rust code.
struct Asked {
    policy: Arc<str>,
    question: String,
    expected: Value,
}

/// Makes a policy and items, decides them, and asks.
fn ask_about(seed: u64, number: u64, ask: &mut dyn FnMut(&Value, Asked), seen: &Mutex<Seen>) {
    let mut dice = Dice::new(seed.wrapping_mul(0x1_0000_0001).wrapping_add(number));
    let files = random::policy(&mut dice);
    let mut bundle = Bundle::new();
    for (name, text) in &files {
        bundle.insert(name.clone(), text.clone()).expect("a file of a bundle");
    }
    let text = files.get("policy.toml").expect("policy.toml");
    let policy = Policy::parse(&bundle).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let repeat = format!("AMBIT_SEED={seed} AMBIT_POLICY={number}");
    let expected = json!({ "policy": bundle.id().to_string(), "atoms": scope::atoms(&policy).len() });
    let text: Arc<str> = Arc::from(format!("{repeat}\n{text}"));
    ask(&json!({ "policy": files }), Asked { policy: text.clone(), question: repeat.clone(), expected });
    for _ in 0..ITEMS {
        let facts = random::item(&mut dice);
        let decision = staged(&policy, &facts);
        seen.lock().unwrap().count(&policy, &decision);
        let opened = scope::opens(&policy, &facts.up_to(&decision.looks));
        seen.lock().unwrap().opened += u64::from(opened);
        let lines: Vec<String> =
            facts.to_list().iter().map(|fact| serde_json::to_string(fact).unwrap()).collect();
        let expected = json!({
            "outcome": decision.outcome.to_string(),
            "tier": decision.tier.word(),
            "rules": decision.rules,
            "looks": decision.looks.iter().map(|look| look.word()).collect::<Vec<_>>(),
            "trits": decision.trits,
            "visible": visible_names(&policy, &facts.up_to(&decision.looks)),
        });
        let question = format!("{repeat}\n{}", lines.join("\n"));
        ask(&json!({ "facts": lines }), Asked { policy: text.clone(), question, expected });
    }
}

/// The decision as a capture makes it: from metadata, one look more at a time.
fn staged(policy: &Policy, facts: &Facts) -> Decision {
    let mut looks = vec![Look::Metadata];
    loop {
        match decide(policy, &facts.up_to(&looks)) {
            Step::Look(look) => looks.push(look),
            Step::Decided(decision) => return decision,
        }
    }
}

/// What came up: a comparison of decisions that are all alike would show nothing.
#[derive(Default)]
struct Seen {
    decisions: u64,
    tiers: BTreeMap<&'static str, u64>,
    looks: BTreeMap<usize, u64>,
    /// Containers that were to be opened.
    opened: u64,
    /// Field and letter.
    atoms: BTreeMap<String, u64>,
}

impl Seen {
    fn count(&mut self, policy: &Policy, decision: &Decision) {
        self.decisions += 1;
        *self.tiers.entry(decision.tier.word()).or_default() += 1;
        *self.looks.entry(decision.looks.len()).or_default() += 1;
        for (atom, letter) in scope::atoms(policy).iter().zip(decision.trits[0].chars()) {
            *self.atoms.entry(format!("{:?} {letter}", atom.field)).or_default() += 1;
        }
    }

    fn told(&self) -> String {
        format!("by tier {:?}; by number of looks {:?}", self.tiers, self.looks)
    }

    /// Every tier, every depth, and every value of every condition, often enough.
    fn everything(&self) {
        // A kind and a volume are always known.
        let enough = |count: &u64| *count >= 100;
        assert_eq!(
            (self.tiers.len(), self.looks.len(), self.atoms.len()),
            (7, 4, 15 * 3 - 2),
            "{:?}",
            self.atoms
        );
        assert!(enough(&self.opened), "{} containers", self.opened);
        assert!(self.tiers.values().all(enough) && self.looks.values().all(enough), "{}", self.told());
        assert!(self.atoms.values().all(enough), "{:?}", self.atoms);
    }
}

#[test]
fn globs() {
    if !second::is_there() {
        return;
    }
    let seed = number("AMBIT_SEED").unwrap_or(4711);
    let mut counts = [0_u64; 3];
    let mut differences = Vec::new();
    let ask = |ask: &mut dyn FnMut(&Value, (Value, Value))| {
        let mut dice = Dice::new(seed);
        for _ in 0..GLOBS {
            let form = if dice.percent(75) { "path" } else { "name" };
            let (text, name) = random::any_glob(&mut dice, form);
            let fold = dice.percent(50);
            let question = json!({ "glob": text, "form": form, "fold": fold, "name": RawName(name.clone()) });
            let glob = if form == "path" { Glob::path(&text) } else { Glob::name(&text) };
            let given = symbols(&name, fold);
            let expected = match glob {
                Ok(glob) if form == "path" => json!({ "matches": glob.matches_path(&given, fold) }),
                Ok(glob) => json!({ "matches": glob.matches_name(&given, fold) }),
                Err(error) => json!({ "error": error.at }),
            };
            ask(&question, (question.clone(), expected));
        }
    };
    second::compare(ask, |(question, expected), answer| {
        counts[if expected.get("error").is_some() { 2 } else { usize::from(expected["matches"] == true) }] +=
            1;
        if expected != answer {
            differences.push(format!("{question}\n  Rust {expected}, Python {answer}\n"));
        }
    });
    let [no, yes, error] = counts;
    println!("globs, seed {seed}: {yes} match, {no} do not, {error} are none");
    let shown: String = differences.iter().take(4 * SHOWN).map(String::as_str).collect();
    assert!(differences.is_empty(), "seed {seed}: {} differences, among them:\n{shown}", differences.len());
    assert!(counts.iter().all(|count| *count > 2_000), "{counts:?}");
}

#[test]
fn a_package_of_the_demonstration_is_replayed_without_a_difference() {
    if !second::is_there() {
        return;
    }
    let desk = Desk::new();
    let replayed = second::opened(&desk, &desk.fill("{package}")).replay();
    assert_eq!((replayed.exit, replayed.kinds().as_str()), (0, ""), "{}", replayed.text);
    for said in [
        "475 records",
        "475 of them made again",
        "decided again: 475",
        "parts of 3",
        "their signatures checked",
    ] {
        assert!(replayed.text.contains(said), "{said}\n{}", replayed.text);
    }

    // Where the policy keeps only counts of what was left, most lines have no record.
    let counts = Desk::with_open_case();
    counts.policy_with(&[("left   = ", "left   = \"counts\"")]);
    counts.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    let what = "--policy {dir}/policy --medium {medium} --case {case} --trust {trust}";
    counts.run(&format!("ambit capture {what} {{both}} --out {{dir}}/KC07.ambit")).exits(0);
    let package = counts.fill("{dir}/KC07.ambit");
    let replayed = second::opened(&counts, &package).replay();
    assert_eq!((replayed.exit, replayed.kinds().as_str()), (0, ""), "{}", replayed.text);
    assert!(replayed.text.contains("inventory: 475 lines, 134 of them"), "{}", replayed.text);
}

/// A list of 20 MB, made by the program out of digests in no order, comes to what the short one comes to.
#[test]
fn a_long_list_is_searched_in_its_file_by_both() {
    if !second::is_there() {
        return;
    }
    let desk = Desk::with_open_case();
    let known = "32909d9442152d84105cd095e97a99bda51160b6717c8dcec997abefc1d823b7";
    let mut digests: String = (0..300_000_u32).map(|n| Digest::of(&n.to_be_bytes()).hex() + "\n").collect();
    digests.push_str(known);
    fs::write(desk.path("digests.txt"), digests).unwrap();
    fs::create_dir(desk.path("policy")).unwrap();
    let made = desk
        .run("ambit policy hash-list --from digests {dir}/digests.txt --out {dir}/policy/long.txt --json");
    let made = made.exits(0).json();
    let list = format!("file = \"long.txt\"\nsha256 = {}", made["sha256"]);
    desk.policy_with(&[(&format!("items = [\"{known}"), &list)]);

    // Out of order, it is no list.
    let sorted = fs::read(desk.path("policy/long.txt")).unwrap();
    let mut swapped = sorted.clone();
    swapped[65 * 7..65 * 9].rotate_left(65);
    fs::write(desk.path("policy/long.txt"), &swapped).unwrap();
    let refused = desk.run("ambit policy check {dir}/policy").exits(2);
    refused.says("is not the file that was pinned").says("long.txt:9");
    fs::write(desk.path("policy/long.txt"), sorted).unwrap();

    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    let what = "--policy {dir}/policy --medium {medium} --case {case} --trust {trust}";
    desk.run(&format!("ambit capture {what} {{both}} --out {{dir}}/KC07.ambit")).exits(0);
    let counts = |package: &Path| {
        let stated = fs::read_to_string(package.join("meta/acquisition.json")).unwrap();
        let stated: Value = serde_json::from_str(&stated).unwrap();
        (stated["tier_counts"].clone(), stated["rule_counts"].clone())
    };
    let package = desk.fill("{dir}/KC07.ambit");
    assert_eq!(counts(Path::new(&package)), counts(Path::new(&desk.fill("{package}"))));
    desk.run("ambit-verify audit {dir}/KC07.ambit --trust {trust} --identity {keys}/auditor.age").exits(0);
    let replayed = second::opened(&desk, &package).replay();
    assert_eq!((replayed.exit, replayed.kinds().as_str()), (0, ""), "{}", replayed.text);
}

#[test]
fn what_nobody_signed_has_no_answer() {
    if !second::is_there() {
        return;
    }
    let desk = Desk::new();
    let opened = second::opened(&desk, &desk.fill("{package}"));
    let ledger = fs::read_to_string(&opened.files[0]).unwrap();
    let rows: Vec<&str> = ledger.lines().collect();
    let changes = [
        ledger.replacen("\"kind\\\":\\\"file", "\"kind\\\":\\\"fifo", 1),
        ledger.replacen("FFF", "FFT", 1),
        ledger.replacen(rows[7], "", 1).replace("\n\n", "\n"),
        ledger.replacen(rows[7], &[rows[7], rows[7]].join("\n"), 1),
        ledger.replacen("\"part\":1", "\"part\":2", 1),
        format!("{ledger}\n"),
        rows[..rows.len() - 1].join("\n") + "\n",
    ];
    for changed in changes {
        assert_ne!(changed, ledger);
        fs::write(&opened.files[0], changed).unwrap();
        let replayed = opened.replay();
        assert_eq!(replayed.exit, 1, "{}", replayed.text);
        assert!(replayed.text.starts_with("could not finish: Unfinished: ledger-0001"), "{}", replayed.text);
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect(variable))
}
