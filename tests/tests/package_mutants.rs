//! Random mutants of a whole sealed package, in memory: none is INTACT, and none stops the check.
//!
//! ```text
//! AMBIT_PACKAGE_MUTANTS=10000 AMBIT_SEED=7 cargo test -p scenarios --test package_mutants -- --nocapture
//! ```
//!
//! `tamper.rs` changes each file in every planned way and asks which check says so; this looks for what nobody planned.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use evidence::files::{Files as _, MemoryFiles};
use evidence::report::Intact;
use evidence::verify::{VerifyOptions, audit, verify};
use scenarios::reading::files_below;
use scenarios::story::demo;

type Package = BTreeMap<String, Vec<u8>>;

/// A generator whose numbers are the same in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn name(&mut self, package: &Package) -> String {
        package.keys().nth(self.below(package.len())).expect("a package has files").clone()
    }
}

/// Changes a package in one way; what it did. The package may come out as it was.
fn change(package: &mut Package, dice: &mut Dice) -> String {
    let name = dice.name(package);
    let other = dice.name(package);
    let bytes = package[&name].clone();
    let at = dice.below(bytes.len());
    let what = dice.below(13);
    let changed = match what {
        0..=2 => {
            let mut bytes = bytes;
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
            bytes
        }
        3 => {
            let mut bytes = bytes;
            for _ in 0..=dice.below(16) {
                let (at, value) = (dice.below(bytes.len()), dice.next() as u8);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            bytes
        }
        4 => bytes[..at].to_vec(),
        5 => {
            // A piece is cut out, or doubled.
            let end = (at + 1 + dice.below(64)).min(bytes.len());
            let middle = if dice.below(2) == 0 { &[][..] } else { &bytes[at.min(end)..end].repeat(2) };
            [&bytes[..at.min(end)], middle, &bytes[end..]].concat()
        }
        6 => {
            // A piece of another file, or of this one, in this one's place.
            let from = &package[&other];
            let start = dice.below(from.len());
            let piece = &from[start..(start + 1 + dice.below(200)).min(from.len())];
            let end = (at + piece.len()).min(bytes.len());
            [&bytes[..at.min(end)], piece, &bytes[end..]].concat()
        }
        7 => {
            // Lines change places.
            let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
            let (a, b) = (dice.below(lines.len()), dice.below(lines.len()));
            if !lines.is_empty() {
                lines.swap(a, b);
            }
            lines.concat()
        }
        8 => [bytes.as_slice(), [&b"\n"[..], b" ", b"\0", b"\r\n", b"x"][dice.below(5)]].concat(),
        9 => {
            let there = package[&other].clone();
            package.insert(other.clone(), bytes);
            package.insert(name.clone(), there);
            return format!("{name} and {other} change places");
        }
        10 => {
            package.remove(&name);
            return format!("{name} is gone");
        }
        11 => {
            let to = [format!("{name}.bak"), format!("{name}~"), name.to_uppercase(), "data/more".to_owned()];
            let to = to[dice.below(4)].clone();
            package.insert(to.clone(), bytes);
            return format!("{name} also as {to}");
        }
        _ => {
            package.insert(name.clone(), package[&other].clone());
            return format!("{name} as {other}");
        }
    };
    package.insert(name.clone(), changed);
    format!("change {what} of {name} at {at}")
}

/// A number from the environment, where it is set.
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|e| panic!("{name}: {e}")))
}

#[test]
fn no_random_mutant_of_a_package_is_intact() {
    let demo = demo();
    demo.ran.clone().exits(0);
    let honest: Package = files_below(&demo.path("KC07.ambit"));
    let trust = fs::read(demo.path("trust.toml")).unwrap();
    let options = |path: Option<&str>| {
        let identities = path.map_or_else(Vec::new, |path| {
            folder::read_identities(&demo.path(path), &mut |_| None).expect("an identity of the demo")
        });
        VerifyOptions { identities, ..VerifyOptions::default() }
    };
    let files = |package: &Package| {
        package.iter().map(|(name, bytes)| (name.clone(), bytes.clone())).collect::<MemoryFiles>()
    };
    let bare = options(None);
    let auditor = options(Some("keys/auditor.age"));
    assert_eq!(verify(&files(&honest), &trust, &bare).intact, Intact::Yes);
    assert!(files(&honest).names().unwrap().len() > 35);

    let (count, seed) = (number("AMBIT_PACKAGE_MUTANTS", 200), number("AMBIT_SEED", 1));
    let mut failed: BTreeMap<String, u64> = BTreeMap::new();
    let (mut tried, mut touched) = (0, BTreeSet::new());
    let mut round = 0;
    while tried < count {
        round += 1;
        let mut dice = Dice(seed.wrapping_mul(1 << 32).wrapping_add(round));
        let mut package = honest.clone();
        let done: Vec<String> = (0..=dice.below(2)).map(|_| change(&mut package, &mut dice)).collect();
        if package == honest {
            continue;
        }
        tried += 1;
        touched.extend(honest.keys().filter(|name| package.get(*name) != honest.get(*name)).cloned());
        let mutant = files(&package);
        let told = || format!("AMBIT_SEED={seed}, round {round}: {}", done.join("; "));
        let report = catch_unwind(AssertUnwindSafe(|| verify(&mutant, &trust, &bare)))
            .unwrap_or_else(|_| panic!("the check panicked: {}", told()));
        assert_ne!(report.intact, Intact::Yes, "{}", told());
        assert_eq!(report.exit_code(), 2, "{}", told());
        for check in report.checks.iter().filter(|check| check.status == evidence::report::Status::Fail) {
            *failed.entry(check.id.to_string()).or_default() += 1;
        }
        // Whoever has the key goes on to what stands behind it.
        if round % 8 == 0 {
            let report = catch_unwind(AssertUnwindSafe(|| audit(&mutant, &trust, &auditor, |_| ())))
                .unwrap_or_else(|_| panic!("the audit panicked: {}", told()));
            assert_ne!(report.intact, Intact::Yes, "audit, {}", told());
        }
    }
    println!(
        "{tried} mutants of {} files, {} of them changed; failed: {failed:?}",
        honest.len(),
        touched.len()
    );
    assert!(tried < 100 || touched.len() * 10 > honest.len() * 9, "mutants left files alone: {touched:?}");
}
