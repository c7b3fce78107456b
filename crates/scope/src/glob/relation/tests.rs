//! The relations against trying every short path, and the number of states they take.

use proptest::prelude::*;

use super::*;
use crate::fold::{Symbol, symbols};

/// Every path of at most `most` symbols after the first `/`, over a small alphabet.
fn paths(alphabet: &str, most: usize) -> Vec<String> {
    let mut all = vec!["/".to_owned()];
    let mut from = 0;
    for _ in 0..most {
        let until = all.len();
        for at in from..until {
            for c in alphabet.chars() {
                let longer = format!("{}{c}", all[at]);
                all.push(longer);
            }
        }
        from = until;
    }
    all
}

fn glob(text: &str) -> Glob {
    if text.starts_with('/') { Glob::path(text).unwrap() } else { Glob::name(text).unwrap() }
}

fn matches(glob: &Glob, path: &[Symbol], folded: bool) -> bool {
    if glob.text().starts_with('/') {
        return glob.matches_path(path, folded);
    }
    glob.matches_name(path.rsplit(|symbol| *symbol == super::super::SLASH).next().unwrap_or_default(), folded)
}

/// What all the short paths say.
fn tried(a: &Glob, others: &[&Glob], paths: &[Vec<Symbol>], folded: bool) -> (bool, bool) {
    let mut covered = true;
    let mut disjoint = true;
    for path in paths.iter().filter(|path| matches(a, path, folded)) {
        covered &= others.iter().any(|other| matches(other, path, folded));
        disjoint &= !others.iter().any(|other| matches(other, path, folded));
    }
    (covered, disjoint)
}

fn in_symbols(paths: &[String], folded: bool) -> Vec<Vec<Symbol>> {
    paths.iter().map(|path| symbols(path.as_bytes(), folded)).collect()
}

/// All globs of a few shapes against one another: what differs, differs in a short path.
#[test]
fn every_pair_agrees_with_trying_every_short_path() {
    let parts = ["**", "*", "a", "b*", "?", "[!a]", "*a"];
    let mut globs = vec![glob("/")];
    for part in parts {
        globs.push(glob(&format!("/{part}")));
        if part != "**" {
            globs.push(glob(part));
        }
        for below in parts {
            globs.extend(Glob::path(&format!("/{part}/{below}")));
        }
    }
    let paths = in_symbols(&paths("abc/", 5), false);
    let mut count = 0;
    for a in &globs {
        for b in &globs {
            let (covered, disjoint_tried) = tried(a, &[b], &paths, false);
            assert_eq!(subset(a, b, false), Answer::known(covered), "{} in {}", a.text(), b.text());
            assert_eq!(disjoint(a, b, false), Answer::known(disjoint_tried), "{} and {}", a.text(), b.text());
            count += 1;
        }
    }
    assert!(count > 3000, "only {count} pairs");
}

fn any_glob() -> impl Strategy<Value = Glob> {
    let segment = "\\*\\*|[aA*?]{1,3}|[ab]?\\[!?[abA]\\]\\*?";
    let path = proptest::collection::vec(segment, 0..4)
        .prop_filter_map("not a glob", |parts| Glob::path(&format!("/{}", parts.join("/"))).ok());
    let name = "[aAb*?]{1,3}".prop_filter_map("not a glob", |text| Glob::name(&text).ok());
    prop_oneof![4 => path, 1 => name]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn answers_agree_with_trying_every_short_path(
        a in any_glob(), others in proptest::collection::vec(any_glob(), 1..4), folded in any::<bool>(),
    ) {
        let paths = in_symbols(&paths("abAc/", 5), folded);
        let others: Vec<&Glob> = others.iter().collect();
        let (was_covered, _) = tried(&a, &others, &paths, folded);
        let shown: Vec<&str> = others.iter().map(|glob| glob.text()).collect();
        // A `yes` holds for every path; a `no` has a path against it, which may be a longer one.
        match covered(&a, &others, folded) {
            Answer::Yes => prop_assert!(was_covered, "{} covered by {shown:?}", a.text()),
            Answer::No => prop_assert!(meets(&a, &others, folded, false), "{} not covered by {shown:?}", a.text()),
            Answer::Unknown => prop_assert!(false, "too many states"),
        }
        for other in others {
            match disjoint(&a, other, folded) {
                Answer::Yes => prop_assert!(tried(&a, &[other], &paths, folded).1, "{} apart from {}", a.text(), other.text()),
                Answer::No => prop_assert!(meets(&a, &[other], folded, true), "{} meets {}", a.text(), other.text()),
                Answer::Unknown => prop_assert!(false, "too many states"),
            }
        }
    }
}

/// Looks for a path that `a` matches and that one of the others matches, or none; and asks the matcher about it.
fn meets(a: &Glob, others: &[&Glob], folded: bool, one: bool) -> bool {
    let languages: Vec<Language> =
        std::iter::once(a).chain(others.iter().copied()).map(|glob| Language::of(glob, folded)).collect();
    let walk = Walk::new(&languages, folded, &mut Budget(MAX_WORK)).unwrap();
    let wanted = |accepted: &[bool]| accepted[0] && accepted[1..].contains(&true) == one;
    let path = if wanted(&walk.roots) { vec![super::super::SLASH] } else { shortest(&walk, wanted).unwrap() };
    matches(a, &path, folded) && others.iter().any(|other| matches(other, &path, folded)) == one
}

/// A shortest path of at least one symbol after the first `/` in a state that is wanted.
fn shortest(walk: &Walk, wanted: impl Fn(&[bool]) -> bool) -> Option<Vec<Symbol>> {
    let mut paths = vec![(walk.start.clone(), vec![super::super::SLASH])];
    let mut seen = std::collections::BTreeSet::new();
    let mut at = 0;
    while let Some((state, path)) = paths.get(at).cloned() {
        at += 1;
        for symbol in walk.groups.iter().copied().chain([super::super::SLASH]) {
            let next = walk.step(&state, symbol);
            let longer = [path.as_slice(), &[symbol]].concat();
            if wanted(&walk.accepted(&next)) {
                return Some(longer);
            }
            if seen.insert(next.clone()) {
                paths.push((next, longer));
            }
        }
    }
    None
}

#[test]
fn answers_on_real_globs() {
    for (a, b, folded, is_subset, is_disjoint) in [
        ("/var/www/vhosts/cust4417.example/**", "/var/www/vhosts/**", false, true, false),
        ("/var/log/auth.log*", "/var/log/*", false, true, false),
        ("/var/log/auth.log*", "/var/lib/**", false, false, true),
        ("/FIN/**", "/fin/**", false, false, true),
        ("/FIN/**", "/fin/**", true, true, false),
        ("/stra[ß]e", "/STRA\u{1E9E}E", true, true, false),
        ("/k", "/[\u{40}-\u{60}]", true, true, false), // A-Z of the range are folded
        ("*.txt", "/**", false, true, false),
        ("/a/*.txt", "*.txt", false, true, false),
        ("/a/**", "*.txt", false, false, false),
        ("/a", "/b", false, false, true),
        ("/", "*", false, true, false), // the last segment of the root is empty
        ("/", "?", false, false, true),
        ("/**", "/", false, false, false),
        (r"/\x80", "/?", false, true, false),
        (r"/\x80", "/[\u{20}-.0-\u{10FFFF}]", false, true, false),
        ("/[!a]", "/[!A]", true, true, false),
        ("/?", "/[!\u{1}]", false, false, false),
    ] {
        let (a, b) = (glob(a), glob(b));
        assert_eq!(subset(&a, &b, folded), Answer::known(is_subset), "{} in {}", a.text(), b.text());
        assert_eq!(disjoint(&a, &b, folded), Answer::known(is_disjoint), "{} and {}", a.text(), b.text());
        assert_eq!(disjoint(&b, &a, folded), Answer::known(is_disjoint), "{} and {}", b.text(), a.text());
    }
}

/// A state is a few machine words and a few table look-ups for each group of symbols: some hundreds of them are well
/// under a millisecond, tens of thousands are not.
#[test]
fn hard_pairs_take_few_states() {
    let states = |a: &str, b: &str| covered_in(&glob(a), &[&glob(b)], false, &mut Budget(MAX_WORK));
    let deep = format!("{}/x*y*z", "/**/a*b".repeat(6));
    let counts = [
        states(&deep, "/**/a*b/**/x*z"),
        states("/**/*a*b*c*d*", "/**/*a*c*d*/**"),
        states("/**/????????", "/**/?*"),
        states("/**/*a?????/**", "/**/a*/**/*b/**"),
    ];
    assert_eq!(counts, [(Answer::Yes, 40), (Answer::Yes, 12), (Answer::Yes, 11), (Answer::No, 25)]);
    let apart = disjoint_in(&glob("/*a?????"), &glob("/*b?????"), false, &mut Budget(MAX_WORK));
    assert_eq!(apart, (Answer::Yes, 731));
}

#[test]
fn beyond_the_limit_nothing_is_claimed() {
    let hard = |last: &str| glob(&format!("/*{last}{}", "?".repeat(20)));
    assert_eq!(covered(&hard("a"), &[&hard("[!b]")], false), Answer::Unknown);
    assert_eq!(disjoint(&hard("a"), &hard("b"), false), Answer::Unknown);
    // Where a short path decides, it is found before.
    assert_eq!(disjoint(&hard("a"), &glob("/b"), false), Answer::Yes);
}
