//! Comparing two policies: what amendments of the examples come to, and what is never called narrower.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::path::Path;

use scope::diff::Way;
use scope::policy::Effect;
use scope::{Bundle, Language, Policy, Verdict};

fn text(folder: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies").join(folder).join("policy.toml");
    std::fs::read_to_string(path).unwrap()
}

fn parse(text: &str) -> Policy {
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", text).unwrap();
    Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Changes one place of an example, and compares: the verdict, and a finding among those of one way.
#[track_caller]
fn check(folder: &str, changes: &[(&str, &str)], verdict: Verdict, finding: Option<(Way, &str)>) {
    let before = text(folder);
    let mut after = before.clone();
    for (from, to) in changes {
        assert!(after.contains(from), "`{from}` is in {folder}");
        after = after.replacen(from, to, 1);
    }
    let difference = scope::diff(&parse(&before), &parse(&after));
    let shown: Vec<String> = difference
        .findings
        .iter()
        .map(|own| format!("{} {}: {}", own.audience, own.way.word(), own.what))
        .collect();
    assert_eq!(difference.verdict, verdict, "{changes:?}\n{}", shown.join("\n"));
    if let Some((way, words)) = finding {
        let mut own = difference.findings.iter().zip(&shown).filter(|(own, _)| own.way == way);
        assert!(own.any(|(_, shown)| shown.contains(words)), "`{words}`\n{}", shown.join("\n"));
    }
}

const ONE: &str = "1-rustock-cnc";
const TWO: &str = "2-fraud-privilege";
const THREE: &str = "3-hash-list-only";
const FOUR: &str = "4-ir-triage";

#[test]
fn words_names_and_order_change_nothing() {
    check(FOUR, &[], Verdict::Same, None);
    check(
        FOUR,
        &[("Windows event logs", "Event logs of Windows"), ("version = 1", "version = 2")],
        Verdict::Same,
        None,
    );
    check(
        FOUR,
        &[("[selector.logs]", "[selector.events]"), ("\"logs\", \"execution\"", "\"execution\", \"events\"")],
        Verdict::Same,
        None,
    );
    // Other globs, the same names.
    check(
        FOUR,
        &[("\"/Users/*/NTUSER.DAT\"", "\"/Users/*/NTUSER.[D]AT\", \"/Users/a/NTUSER.DAT\"")],
        Verdict::Same,
        None,
    );
    check(ONE, &[("\"*.lst\", \"*emails*.txt\"", "\"*.lst\"")], Verdict::Same, None); // the redundant glob
}

#[test]
fn narrower() {
    let gone =
        Some((Way::Removes, "case team removes: content: items that were captured are left as out of scope"));
    check(FOUR, &[("    \"/Windows/System32/config/SAM\",\n", "")], Verdict::Narrower, gone);
    check(FOUR, &[("/Windows/Prefetch/*.pf", "/Windows/Prefetch/[A-M]*.pf")], Verdict::Narrower, gone);
    let excluded = Some((Way::Removes, "items that were captured are left as excluded"));
    check(
        FOUR,
        &[("\"/Users/*/NTUSER.DAT\"", "\"/Users/*/NTUSER.DAT\", \"/Windows/**\"")],
        Verdict::Narrower,
        excluded,
    );
    check(THREE, &[("2023-01-01T", "2024-01-01T")], Verdict::Narrower, None);
    check(
        FOUR,
        &[("2026-10-08T", "2026-10-07T")],
        Verdict::Narrower,
        Some((Way::Removes, "examiners removes: time for seizure")),
    );
}

#[test]
fn wider() {
    let adds =
        Some((Way::Adds, "case team adds: content: items that were left as out of scope are captured"));
    check(FOUR, &[("/Windows/Prefetch/*.pf", "/Windows/Prefetch/*")], Verdict::Wider, adds);
    check(
        FOUR,
        &[(", \"user-hives\"]", "]"), ("\"registry\"]", "\"registry\", \"user-hives\"]")],
        Verdict::Wider,
        None,
    );
    check(
        FOUR,
        &[("deleted = \"never\"", "deleted = \"catalogue\"")],
        Verdict::Wider,
        Some((Way::Adds, "deleted entries")),
    );
    check(FOUR, &[("deleted = \"never\"", "live = true")], Verdict::Wider, None);
    check(FOUR, &[("2026-10-08T", "2026-10-09T")], Verdict::Wider, None);
    check(
        FOUR,
        &[("{ label = \"WS-114\"", "{ label = \"X\", serial = \"9\" }, { label = \"WS-114\"")],
        Verdict::Wider,
        None,
    );
    check(THREE, &[("label = \"hash set", "restricted = true\nlabel = \"hash set")], Verdict::Same, None);
}

/// An archive that stays closed goes whole to whoever gets it, with what is kept from them in it.
#[test]
fn fewer_archives_that_are_opened_are_more_for_somebody() {
    let with = |containers: &str| parse(&text(ONE).replacen("streams     = true\n", containers, 1));
    let of = |forms: &str, depth: u32| format!("containers = {{ open = [{forms}], max_depth = {depth} }}\n");
    let (all, zip) = (with(&of("\"zip\", \"tar\"", 2)), with(&of("\"zip\"", 2)));
    let (flat, none) = (with(&of("\"zip\", \"tar\"", 1)), with(""));
    for (before, after) in [(&all, &none), (&all, &zip), (&all, &flat), (&flat, &zip)] {
        let difference = scope::diff(before, after);
        assert_eq!(difference.verdict, Verdict::Different);
        let gained = |audience: &str, words: &str| {
            let mut own = difference.findings.iter().filter(|own| own.way == Way::Adds);
            own.find(|own| own.audience.to_string() == audience && own.what.contains(words)).cloned()
        };
        let whole =
            gained("case team", "content: archives that are no longer opened can be captured whole").unwrap();
        let held: Vec<&str> = before
            .rules()
            .iter()
            .filter(|rule| rule.effect != Effect::Include)
            .map(|rule| rule.id.as_str())
            .collect();
        assert!(
            !held.is_empty() && held.iter().all(|id| whole.because.iter().any(|own| own.contains(id))),
            "{whole:?}"
        );
        assert!(gained("compartment neutral", "can be held whole").is_some());
        let back = scope::diff(after, before);
        assert!(
            back.findings
                .iter()
                .any(|own| own.way == Way::Adds && own.what.contains("files in archives that are opened"))
        );
    }
}

/// What looks like less, and gives somebody more.
#[test]
fn what_only_looks_narrower_is_not() {
    // A new hold gives content to new people.
    let held = Some((
        Way::Adds,
        "compartment victim-data adds: content: items that were captured are held for victim-data",
    ));
    check(ONE, &[("\"*pass*.txt\"]", "\"*pass*.txt\", \"*.sql\"]")], Verdict::Different, held);
    // An exclude whose conditions can be unknown sends what was captured to the compartment of what is unknown.
    let unknown =
        Some((Way::Adds, "compartment filter-team adds: content: items that were captured are held"));
    let encrypted =
        "[selector.medical]\nlabel = \"l\"\nencrypted = true\npath = [\"/Users/**\"]\n[selector.folders]";
    let both = ("any    = [\"medical\"]", "any    = [\"medical\", \"folders\"]");
    check(TWO, &[("[selector.medical]", encrypted), both], Verdict::Different, unknown);
    // A withhold shows the case team names that were held.
    let named = Some((Way::Adds, "case team adds: names: items that were"));
    check(
        ONE,
        &[("effect = \"hold\"\nto     = \"victim-data\"", "effect = \"withhold\"")],
        Verdict::Different,
        named,
    );
    // An exclude takes from the withholding log what was named there.
    let buried = Some((
        Way::Changes,
        "what was not taken is no longer named: items that were listed are left as excluded",
    ));
    check(
        TWO,
        &[("\"/Users/*/Pictures/**\"", "\"/Users/*/Pictures/**\", \"/FIN/Payroll/**\"")],
        Verdict::Different,
        buried,
    );
    // A hash list looks at each file that the path alone had decided.
    let looks = Some((Way::Adds, "examiners adds: the look hash"));
    let list = "[list.h]\nkind = \"sha256\"\nlabel = \"h\"\nitems = [\"1111111111111111111111111111111111111111111111111111111111111111\"]\n[selector.private]";
    let inspect = ("inspect = [\"metadata\"]", "inspect = [\"metadata\", \"hash\"]");
    check(
        FOUR,
        &[
            inspect,
            ("[selector.private]", list),
            ("label    = \"Windows event logs\"", "label = \"l\"\nhash_in = [\"h\"]"),
        ],
        Verdict::Different,
        looks,
    );
    // Fewer allowed looks leave more unknown.
    check(
        TWO,
        &[("\"type\", \"hash\", \"content\"]", "\"content\"]")],
        Verdict::Different,
        Some((Way::Changes, "the look hash is no longer allowed")),
    );
    for (from, to) in [
        ("unknown        = \"hold:filter-team\"", "unknown        = \"left\""),
        ("release    = \"written agreement", "release    = \"agreement"),
        ("left   = \"facts\"", "left   = \"counts\""),
        ("until  = \"90 days", "until  = \"80 days"),
        ("captured_also = [\"age158drpj8we5hn4ruh74r6uugsjvs8q3rsjucamrs7mte2nvy0nqqqach626\"]", ""),
        ("path_case      = \"as-volume\"", "path_case      = \"sensitive\""),
        ("zoneless_times = \"-05:00\"", ""),
        ("streams    = true", "streams    = false"), // streams could be listed
        ("streams    = true", "closed = [\"/FIN/HR\"]"), // a file may have a second name there
    ] {
        check(TWO, &[(from, to)], Verdict::Different, None);
    }
}

#[test]
fn what_cannot_be_worked_out_is_not_called_narrower() {
    let limits = ("[defaults]", "[limits]\nbytes = 1000\n[defaults]");
    let before = text(FOUR).replacen(limits.0, limits.1, 1);
    let after = before.replacen("    \"/Windows/System32/config/SAM\",\n", "", 1);
    let difference = scope::diff(&parse(&before), &parse(&after));
    assert_eq!(difference.verdict, Verdict::CannotBeSaid, "{:?}", difference.findings);
    let hard =
        |last: &str| text(FOUR).replacen("/Windows/Prefetch/*.pf", &format!("/*{last}{}", "?".repeat(20)), 1);
    let difference = scope::diff(&parse(&hard("a*b")), &parse(&hard("a*bc")));
    assert_eq!(difference.verdict, Verdict::CannotBeSaid, "{:?}", difference.findings);
}

#[test]
fn the_sentences_that_differ_come_in_order() {
    let before = text(FOUR);
    let after = before.replacen("Windows event logs", "Event logs", 1).replacen(
        "31 December 2026",
        "30 December 2026",
        1,
    );
    let difference = scope::diff(&parse(&before), &parse(&after));
    let shown: Vec<(usize, usize)> =
        difference.sentences.iter().map(|own| (own.old.len(), own.new.len())).collect();
    assert_eq!(shown, [(1, 1), (1, 1)], "{:#?}", difference.sentences);
    let [first, second] = difference.sentences.as_slice() else { panic!() };
    assert!(first.old.concat().contains("Windows event logs") && first.new.concat().contains("Event logs"));
    assert!(second.new.concat().contains("30 December"));
}

/// An example with a rule on mail: the condition is the test's own.
fn with_mail(condition: &str) -> Policy {
    let text = text(FOUR).replacen("\"metadata\"", "\"metadata\", \"content\"", 1);
    parse(&format!(
        "{text}\n[list.counsel]\nkind = \"addresses\"\nlabel = \"c\"\nitems = [\"Ann@firm.example\"]\n\
         [list.firm]\nkind = \"addresses\"\nlabel = \"f\"\nitems = [\"@firm.example\"]\n\
         [window.early]\nfrom = \"2020-01-01T00:00:00Z\"\nuntil = \"2021-01-01T00:00:00Z\"\n\
         [window.long]\nfrom = \"2020-01-01T00:00:00Z\"\nuntil = \"2022-01-01T00:00:00Z\"\n\
         [selector.mail]\nlabel = \"m\"\npath = [\"/mail/**\"]\nmail = {{ {condition} }}\n\
         [[rule]]\nid = \"I-9\"\neffect = \"include\"\ntext = \"t\"\nbasis = \"b\"\nany = [\"mail\"]\n"
    ))
}

#[test]
fn a_condition_on_mail_is_narrower_by_fewer_addresses_roles_days_and_by_every_message() {
    let wide = "party = [\"firm\"], role = [\"from\", \"to\"], within = \"long\", messages = \"any\"";
    for (from, to) in [
        ("\"firm\"", "\"counsel\""),
        ("\"from\", \"to\"", "\"to\""),
        ("\"long\"", "\"early\""),
        ("\"any\"", "\"all\""),
    ] {
        let narrow = wide.replace(from, to);
        let verdict = |a: &str, b: &str| scope::diff(&with_mail(a), &with_mail(b)).verdict;
        assert_eq!(verdict(wide, &narrow), Verdict::Narrower, "{narrow}");
        assert_eq!(verdict(&narrow, wide), Verdict::Wider, "{narrow}");
        assert_eq!(verdict(&narrow, &narrow), Verdict::Same, "{narrow}");
    }
    let other = "party = [\"firm\"], role = [\"cc\"], messages = \"any\"";
    assert_eq!(scope::diff(&with_mail(wide), &with_mail(other)).verdict, Verdict::Different);
}

/// The rule and the condition that lead to another outcome are named, and what they said and say.
#[test]
fn a_finding_says_what_leads_to_it() {
    let told = |folder: &str, from: &str, to: &str, language: Language| {
        let before = text(folder);
        assert!(before.contains(from));
        let after = before.replacen(from, to, 1);
        scope::diff_in(&parse(&before), &parse(&after), language)
    };
    // A window: two rules hang on it.
    let window = told(TWO, "2023-07-01T", "2023-06-01T", Language::German);
    let lost = window.findings.iter().find(|own| own.what.starts_with("content: items that were captured"));
    let because = &lost.unwrap().because;
    assert!(because.contains(&"include I-2 reads otherwise, by `in-window`".to_owned()), "{because:?}");
    let [cause] = window.causes.as_slice() else { panic!("{:?}", window.causes) };
    assert_eq!(
        (cause.selector.as_str(), cause.rules.as_slice()),
        ("in-window", &["I-1".into(), "I-2".into()][..])
    );
    assert!(cause.old.concat().contains("vor dem 1. Juli 2023"), "{cause:?}");
    assert!(cause.new.concat().contains("vor dem 1. Juni 2023"), "{cause:?}");
    assert!(window.sentences.iter().any(|own| own.new.concat().contains("vor dem: 1. Juni 2023")));
    // A list: its sentence is the same, its entries are not.
    let list = told(TWO, "\"PO 77\"", "\"PO 78\"", Language::English);
    let [cause] = list.causes.as_slice() else { panic!("{:?}", list.causes) };
    assert_eq!(
        (cause.old.as_slice(), cause.new.as_slice()),
        (&["`PO 77`".into()][..], &["`PO 78`".into()][..])
    );
    assert!(list.findings.iter().any(|own| own.because == ["include I-1 reads otherwise, by `terms`"]));
    // Of a restricted list no entry is shown.
    let kept = text(TWO).replacen("kind  = \"keywords\"", "kind  = \"keywords\"\nrestricted = true", 1);
    let other = kept.replacen("\"PO 77\"", "\"PO 78\"", 1);
    let hidden = scope::diff(&parse(&kept), &parse(&other));
    assert!(!format!("{hidden:?}").contains("PO 7"), "{hidden:?}");
    // A rule that is new, and one that goes.
    let rule =
        "\n[[rule]]\nid = \"X-9\"\neffect = \"exclude\"\nbasis = \"b\"\ntext = \"t\"\nany = [\"payroll\"]\n";
    let (less, more) = (text(TWO), text(TWO) + rule);
    for (before, after, words) in
        [(&less, &more, "exclude X-9 is new"), (&more, &less, "exclude X-9 is gone")]
    {
        let difference = scope::diff(&parse(before), &parse(after));
        assert!(difference.findings.iter().any(|own| own.because == [words]), "{:?}", difference.findings);
        assert!(difference.causes.is_empty(), "{:?}", difference.causes);
    }
}
