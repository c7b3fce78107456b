//! Each field of a policy, changed one way and the other: who gains or loses by it, and what the comparison calls it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use Verdict::{CannotBeSaid, Different, Narrower, Same, Wider};
use scope::diff::Difference;
use scope::{Bundle, Policy, Verdict};

const KEYS: [&str; 2] = [
    "age140v00mx9wezp8q8kkm3wgvqvp9k56x6ttxwr356kdk9en6t7npfsla8d9d",
    "age1cl748rq52gxtl8wtaqwqfw27smkeen7wggkfeccr5rh5m70qqu9se72c59",
];

/// Of every field a value, with lines that begin with `#` for what is not there.
fn base() -> String {
    let [own, _] = KEYS;
    format!(
        r##"schema = "scope-policy/1"
id = "p"
version = 1
title = "t"
[authority]
court = "c"
docket = "d"
instrument = "i"
legal_basis = ["l"]
issued = "2026-09-09T00:00:00Z"
execute_by = "2027-09-09T00:00:00Z"
hours = "06:00-22:00 +02:00"
review_by = "2028-09-09T00:00:00Z"
particulars = ["p"]
conditions = ["one duty"]
[recipients]
case = ["{own}"]
auditor = ["{own}"]
court = ["{own}"]
#captured_also
[record]
left = "facts"
holder = "h"
basis = "b"
until = "u"
[target]
media = [{{ label = "M1", serial = "1" }}]
inspect = ["metadata", "type", "hash", "content"]
#target
#limits
[defaults]
unknown = "left"
path_case = "as-volume"
#defaults
[[compartment]]
id = "one"
label = "l"
recipients = ["{own}"]
release = "r"
[[compartment]]
id = "two"
label = "l"
recipients = ["{own}"]
release = "r"
[list.t]
kind = "keywords"
label = "words"
items = ["alphaword", "betaword"]
#restricted
[list.h]
kind = "sha256"
label = "digests"
items = ["{digest}"]
#hashes
[selector.home]
label = "home"
path = ["/home/**"]
[selector.words]
label = "words"
path = ["/words/**"]
keywords = {{ list = "t" }}
[selector.known]
label = "known"
path = ["/known/**"]
hash_in = ["h"]
[selector.private]
label = "private"
path = ["/home/*/private/**"]
[[rule]]
id = "I-1"
effect = "include"
basis = "b"
text = "t"
any = ["home", "words", "known"]
#rule
"##,
        digest = "1".repeat(64)
    )
}

fn changed(text: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "`{from}` is there");
        text.replacen(from, to, 1)
    })
}

fn parse(text: &str) -> Policy {
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", text).unwrap();
    Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{text}\n{problems}"))
}

fn shown(difference: &Difference) -> String {
    let lines = difference.findings.iter();
    let lines = lines.map(|own| format!("{} {}: {}", own.audience, own.way.word(), own.what));
    lines.collect::<Vec<_>>().join("\n")
}

/// What is in both, then the change; what it is called, what it is called when it is taken back, and a finding of the first.
#[track_caller]
fn check(both: &[(&str, &str)], change: &[(&str, &str)], there: Verdict, back: Verdict, finding: &str) {
    let (before, after) = (changed(&base(), both), changed(&base(), both));
    let after = changed(&after, change);
    let (before, after) = (parse(&before), parse(&after));
    let difference = scope::diff(&before, &after);
    assert_eq!(difference.verdict, there, "{both:?} {change:?}\n{}", shown(&difference));
    assert!(shown(&difference).contains(finding), "{change:?}: `{finding}`\n{}", shown(&difference));
    let reverse = scope::diff(&after, &before);
    assert_eq!(reverse.verdict, back, "{both:?} {change:?}, taken back\n{}", shown(&reverse));
}

#[test]
fn names_and_texts_give_nobody_anything() {
    for change in [
        ("id = \"p\"", "id = \"q\""),
        ("version = 1", "version = 2"),
        ("title = \"t\"", "title = \"u\""),
        ("court = \"c\"", "court = \"e\""),
        ("docket = \"d\"", "docket = \"e\""),
        ("instrument = \"i\"", "instrument = \"j\""),
        ("legal_basis = [\"l\"]", "legal_basis = [\"m\"]"),
        ("particulars = [\"p\"]", "particulars = [\"q\"]"),
        ("basis = \"b\"\nuntil", "basis = \"c\"\nuntil"),
        ("label = \"words\"", "label = \"terms\""),
        ("basis = \"b\"\ntext = \"t\"", "basis = \"c\"\ntext = \"u\""),
    ] {
        check(&[], &[change], Same, Same, "");
    }
}

#[test]
fn time_and_duties_are_the_examiners() {
    let issued = "examiners adds: time from when the order is issued";
    check(&[], &[("issued = \"2026", "issued = \"2020")], Wider, Narrower, issued);
    check(
        &[],
        &[("execute_by = \"2027", "execute_by = \"2028")],
        Wider,
        Narrower,
        "examiners adds: time for",
    );
    check(&[], &[("review_by = \"2028", "review_by = \"2029")], Wider, Narrower, "examiners adds: time for");
    // The same moment, said otherwise.
    check(&[], &[("2026-09-09T00:00:00Z", "2026-09-09T02:00:00+02:00")], Same, Same, "");
    let any = ("\"06:00-22:00 +02:00\"", "\"any\"");
    check(&[], &[any], Wider, Narrower, "examiners adds: hours");
    check(&[], &[("06:00", "05:00")], Different, Different, "examiners changes: hours");
    let duty = ("[\"one duty\"]", "[\"one duty\", \"another\"]");
    check(&[], &[duty], CannotBeSaid, Different, "examiners not worked out: a duty is new: another");
}

#[test]
fn a_key_more_gives_more_and_one_less_is_neither() {
    let [own, other] = KEYS;
    let two = format!("[\"{own}\", \"{other}\"]");
    for (field, who) in
        [("case", "case team"), ("auditor", "auditor and court"), ("court", "auditor and court")]
    {
        let (from, to) = (format!("\n{field} = [\"{own}\"]"), format!("\n{field} = {two}"));
        check(&[], &[(&from, &to)], Wider, Different, &format!("{who} adds: a recipient"));
    }
    let also = format!("captured_also = [\"{other}\"]");
    check(&[], &[("#captured_also", &also)], Wider, Different, "case team adds: a recipient");
    let held = format!("recipients = [\"{own}\"]");
    check(
        &[],
        &[(&held, &format!("recipients = {two}"))],
        Wider,
        Different,
        "compartment one adds: a recipient",
    );
    for change in [
        ("label = \"l\"", "label = \"m\""),
        ("release = \"r\"", "release = \"s\""),
        ("id = \"two\"", "id = \"three\""),
        ("left = \"facts\"", "left = \"counts\""),
        ("holder = \"h\"", "holder = \"i\""),
        ("until = \"u\"", "until = \"v\""),
        ("unknown = \"left\"", "unknown = \"hold:one\""),
        ("as-volume", "sensitive"),
        ("#defaults", "zoneless_times = \"+01:00\""),
        ("#defaults", "not_searchable = \"no-hit\""),
    ] {
        let back = if change.0.starts_with("left") { Wider } else { Different };
        check(&[], &[change], Different, back, " changes: ");
    }
    let order =
        [("id = \"one\"", "id = \"-\""), ("id = \"two\"", "id = \"one\""), ("id = \"-\"", "id = \"two\"")];
    check(&[], &order, Different, Different, "the compartments come in another order");
}

#[test]
fn what_is_walked_is_told_and_under_a_limit_not_worked_out() {
    let target = |text: &'static str| ("#target", text);
    let limits = [("#limits", "[limits]\nitems = 8"), ("#limits", "[limits]\nbytes = 1000")];
    for (change, finding) in [
        (target("deleted = \"catalogue\""), "case team adds: names: deleted entries"),
        (target("deleted = \"hold:one\""), "compartment one adds: content: deleted entries"),
        (target("unallocated = \"hold:one\""), "compartment one adds: content: unallocated"),
        (target("slack = \"hold:one\""), "compartment one adds: content: slack"),
        (("#target", "unread_volumes = \"preserve\""), "auditor and court adds: content: volumes"),
        (target("live = true"), "examiners adds: running systems"),
    ] {
        check(&[], &[change], Wider, Narrower, finding);
        for limit in limits {
            // What is more in the walk takes from what is behind it; a volume has a package of its own.
            let walked = change.1.starts_with("deleted") || change.1.starts_with("unalloc");
            let counts = walked || change.1.starts_with("slack") && limit.1.contains("bytes");
            let (there, back) = if counts { (Different, CannotBeSaid) } else { (Wider, Narrower) };
            check(&[limit], &[change], there, back, finding);
        }
    }
    let streams = target("streams = false");
    check(&[], &[streams], Narrower, Wider, "examiners removes: named streams");
    let closed = target("closed = [\"/home/x\"]");
    check(&[], &[closed], Different, Wider, "examiners removes: folders");
    for limit in limits {
        check(&[limit], &[streams], CannotBeSaid, Different, "with a limit");
        check(&[limit], &[closed], Different, Different, "with a limit");
        check(&[], &[limit], Narrower, Wider, "examiners removes: the limit");
    }
    check(&[target("closed = [\"/x\"]")], &[("[\"/x\"]", "[\"/x\", \"/x/y\"]")], Same, Same, "");
    let held = target("deleted = \"hold:one\"");
    check(
        &[held],
        &[("hold:one", "catalogue")],
        Different,
        Different,
        "case team adds: names: deleted entries",
    );
    check(
        &[held],
        &[("hold:one", "hold:two")],
        Different,
        Different,
        "compartment two adds: content: deleted",
    );
    check(&[], &[(", \"hash\"", "")], Different, Different, "examiners changes: the look hash");
}

/// A rule that withholds has names shown of what was deleted and held: the case team gains them.
#[test]
fn what_was_deleted_and_is_held_is_not_the_case_teams() {
    let rule = |effect: &str| {
        format!("[[rule]]\nid = \"R\"\nbasis = \"b\"\ntext = \"t\"\nany = [\"private\"]\neffect = {effect}")
    };
    let held = ("#target", "deleted = \"hold:one\"");
    let withhold = rule("\"withhold\"");
    let withhold = [("#rule", withhold.as_str())];
    check(&[], &withhold, Narrower, Different, "items that were captured are listed");
    let names = "case team adds: names: deleted entries, or what stands where their content was, that were held for one are listed";
    check(&[held], &withhold, Different, Different, names);
    // Slack is of what is kept: none is listed.
    let slack = "compartment one removes: content: pieces of slack that were held for one are left";
    check(&[("#target", "slack = \"hold:one\"")], &withhold, Narrower, Different, slack);
    // Held for the same compartment by a rule, too: of what was deleted nothing changes.
    let kinds = ("path = [\"/home/*/private/**\"]", "kind = [\"deleted\", \"recovered\"]");
    let hold = |to: &str| rule(&format!("\"hold\"\nto = \"{to}\""));
    check(&[held, kinds], &[("#rule", &hold("one"))], Same, Same, "");
    check(&[held, kinds], &[("#rule", &hold("two"))], Different, Different, "compartment two adds: content");
}

#[test]
fn an_identity_that_two_media_had_in_common_covers_more_once_one_has_it_alone() {
    let both = ("{ label = \"M1\", serial = \"1\" }", "{ label = \"M1\", gpt = \"G\", fsuuid = \"F1\" }");
    let two = |gpt: &str| format!("F1\" }}, {{ label = \"M2\", gpt = \"{gpt}\", fsuuid = \"F2\" }}");
    let (shared, other) = (two("G"), two("H"));
    let told = "examiners adds: the medium M2";
    check(&[both], &[("F1\" }", &other)], Wider, Narrower, told);
    check(&[both], &[("F1\" }", &shared)], Different, Different, told);
    let of_the_other = "of the medium M1: gpt G tells it from the others, and did not";
    let gone = [("F1\" }", shared.as_str())];
    check(&[both, gone[0]], &[(&shared, "F1\" }")], Different, Different, of_the_other);
}

#[test]
fn what_was_restricted_gives_the_public_more_in_whatever_form_it_can_be_read() {
    let restricted = ("#restricted", "restricted = true");
    let told = "public adds: the items of the list t, which was restricted";
    // Under another label, in another order, in other letters.
    let renamed = [
        ("[list.t]", "[list.u]"),
        ("list = \"t\"", "list = \"u\""),
        ("[\"alphaword\", \"betaword\"]\nrestricted = true", "[\"betaword\", \"alphaword\"]"),
    ];
    check(&[restricted], &renamed, Wider, Same, told);
    check(&[restricted], &[("restricted = true", "")], Wider, Same, told);
    check(
        &[restricted],
        &[("path = [\"/home/**\"]", "path = [\"/home/**\", \"/home/AlphaWord\"]")],
        Wider,
        Same,
        told,
    );
    check(&[restricted], &[("title = \"t\"", "title = \"t\" # betaword is one of them")], Wider, Same, told);
    check(&[restricted], &[("label = \"words\"", "label = \"like betaword\"")], Wider, Same, told);
    // A part of a longer word is another; and what could be read before is nothing new.
    check(&[restricted], &[("label = \"words\"", "label = \"alphawords\"")], Same, Same, "");
    let open = ("title = \"t\"", "title = \"alphaword\"");
    check(&[restricted, open], &[("label = \"words\"", "label = \"alphaword\"")], Same, Same, "");
    // Digests: on another list, or as the identity of an image.
    let one = "1".repeat(64);
    let hidden = ("#hashes", "restricted = true");
    let list = format!("label = \"digests\"\nitems = [\"{one}\"]\nrestricted = true");
    let also = format!(
        "{list}\n[list.o]\nkind = \"sha256\"\nlabel = \"o\"\nitems = [\"{}\", \"{one}\"]",
        "2".repeat(64)
    );
    let told = "public adds: the items of the list h, which was restricted";
    check(&[hidden], &[(&list, &also)], Wider, Same, told);
    check(&[hidden], &[("title = \"t\"", &format!("title = \"{one}\""))], Wider, Same, told);
}

/// Every list of keywords is searched for where content is looked at, and the record says what was found.
#[test]
fn what_is_searched_for_without_a_rule_gives_the_ledger_more() {
    let list = |word: &str| format!("[list.more]\nkind = \"keywords\"\nlabel = \"m\"\nitems = [\"{word}\"]");
    let told = "auditor and court adds: facts: which words of the list more";
    check(&[], &[("#rule", &list("gamma"))], Wider, Same, told);
    check(&[], &[("#rule", &list("alphaword"))], Same, Same, "");
    let mail = "[list.firm]\nkind = \"addresses\"\nlabel = \"f\"\nitems = [\"@firm.example\"]\n\
                [selector.mail]\nlabel = \"m\"\nmail = { party = [\"firm\"], role = [\"from\"], messages = \"any\" }";
    check(&[], &[("#rule", mail)], Wider, Same, "auditor and court adds: facts: whose mail");
    // Without the look, nothing is searched.
    check(&[(", \"content\"", "")], &[("#rule", &list("gamma"))], Same, Same, "");
}
