//! Random policies, as text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use scope::Digest;

use super::{DIGITS, Dice, KEYWORDS, MOMENTS, OFFSETS, SIDS, SIZES, TYPES, UIDS, VOLUMES, globs};

/// Recipients of the example policies; their checksums hold.
const RECIPIENTS: [&str; 5] = [
    "age1qvnt2e72rcsjlae78pxwx26ztj8vyjdsjsz8743a4yfxknfc4y6qwvfvxr",
    "age1myrhh56rl4dz2gwvt2pkl6sdzfhgv7ksdm7382875a7phznu24zqqs5sjd",
    "age1lm86n7udclr6a3e7ksf5my73tng954u72cwqvdn0c23zppfgsdfq3xqf5r",
    "age1663u3eyatty3sxtwq0mypj9r7hx6jayq9qhjahh04mf8tj09vpjsaxcddu",
    "age19ds649fxh7z4z5c04elw26z4yhuqh2g2q8haw9k6mk9yplkj5fkq0q9es5",
];
const COMPARTMENTS: [&str; 3] = ["neutral", "a-privilege", "victim_data"];
const EXTENSIONS: [&str; 14] = [
    "txt", "TXT", "gz", "jpg", "exe", "php", "sh", "\u{17f}h", "\u{e9}", "e\u{301}", "csv", "doc", "t t", "K",
];
const KINDS: [&str; 12] = [
    "member",
    "recovered",
    "file",
    "directory",
    "symlink",
    "fifo",
    "socket",
    "char-device",
    "block-device",
    "stream",
    "deleted",
    "other",
];
const STAMPS: [&str; 4] = ["modified", "accessed", "changed", "created"];
const HEAD: &str = r#"schema  = "scope-policy/1"
id      = "random"
version = 1
title   = "made by a seed"

[authority]
court       = "court"
docket      = "docket"
instrument  = "instrument"
legal_basis = ["basis"]
issued      = "2025-09-09T00:00:00Z"
particulars = ["device 1"]
execute_by  = "2025-10-09T00:00:00Z"
hours       = "any"
review_by   = "2026-03-09T00:00:00Z"
"#;

/// The files of a policy: every field and every choice, each about as often as not.
pub fn policy(dice: &mut Dice) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut text = HEAD.to_owned();
    let compartments: Vec<&str> = COMPARTMENTS[..dice.below(4)].to_vec();
    head(dice, &mut text, &compartments);
    let lists = lists(dice, &mut text, &mut files);
    for (at, name) in compartments.iter().enumerate() {
        let key = RECIPIENTS[3 + at % 2];
        put(
            &mut text,
            &format!(
                "[[compartment]]\nid = \"{name}\"\nlabel = \"{name}\"\nrecipients = [\"{key}\"]\nrelease = \"order\""
            ),
        );
    }
    let mut selectors: Vec<String> =
        (0..2 + dice.below(6)).map(|at| format!("{}{at}", dice.pick(&["s", "b-", "z"]))).collect();
    for name in &selectors {
        put(&mut text, &format!("[selector.{name}]\nlabel = \"{name}\""));
        conditions(dice, &mut text, &lists);
    }
    selectors.reverse();
    for at in 0..2 + dice.below(6) {
        rule(dice, &mut text, at, &selectors, &compartments);
    }
    files.insert("policy.toml".to_owned(), text);
    files
}

fn head(dice: &mut Dice, text: &mut String, compartments: &[&str]) {
    let [case, auditor, court, ..] = RECIPIENTS;
    put(
        text,
        &format!("[recipients]\ncase = [\"{case}\"]\nauditor = [\"{auditor}\"]\ncourt = [\"{court}\"]"),
    );
    let left = dice.pick(&["facts", "counts"]);
    put(
        text,
        &format!("[record]\nleft = \"{left}\"\nholder = \"court\"\nbasis = \"order\"\nuntil = \"the end\""),
    );
    put(text, "[target]\nmedia = [{ label = \"device-1\", serial = \"0001\" }]");
    // Mostly all looks, since otherwise nothing waits for them.
    let all = ["type", "hash", "content"];
    let mut looks = if dice.percent(60) { all.to_vec() } else { dice.some(&all) };
    looks.insert(0, "metadata");
    if dice.percent(20) {
        looks.reverse(); // their order in the policy means nothing
    }
    put(text, &format!("inspect = {}", quoted(&looks)));
    for (field, values) in [
        ("streams", ["true", "false"]),
        ("unread_volumes", ["\"name\"", "\"preserve\""]),
        ("live", ["true", "false"]),
    ] {
        if dice.percent(50) {
            put(text, &format!("{field} = {}", dice.pick(&values)));
        }
    }
    for (field, words) in
        [("deleted", &["never", "catalogue"][..]), ("unallocated", &["never"]), ("slack", &["never"])]
    {
        if !compartments.is_empty() && dice.percent(50) {
            put(text, &format!("{field} = \"hold:{}\"", dice.pick(compartments)));
        } else if dice.percent(50) {
            put(text, &format!("{field} = \"{}\"", dice.pick(words)));
        }
    }
    if dice.percent(20) {
        let closed = quoted(&globs_of(dice, "path"));
        put(text, &format!("closed = {closed}"));
    }
    // Opening needs the looks type and content, and has no limit of items beside it.
    let opens = looks.contains(&"type") && looks.contains(&"content") && dice.percent(50);
    if opens {
        let forms = quoted(&dice.some(&["zip", "gzip", "tar"]));
        let depth = 1 + dice.below(3);
        put(text, &format!("[target.containers]\nopen = {forms}\nmax_depth = {depth}"));
    }
    if dice.percent(30) {
        let items = if opens { "" } else { "items = 1000\n" };
        put(text, &format!("[limits]\n{items}bytes = 9007199254740991"));
    }
    let unknown = if compartments.is_empty() || dice.percent(40) {
        "left".to_owned()
    } else {
        format!("hold:{}", dice.pick(compartments))
    };
    let case = dice.pick(&["as-volume", "as-volume", "sensitive", "insensitive"]);
    put(text, &format!("[defaults]\nunknown = \"{unknown}\"\npath_case = \"{case}\""));
    if dice.percent(50) {
        put(text, &format!("zoneless_times = \"{}\"", dice.pick(&OFFSETS).0));
    }
    if dice.percent(60) {
        put(text, &format!("not_searchable = \"{}\"", dice.pick(&["unknown", "no-hit"])));
    }
    for name in ["w0", "w1", "w2"] {
        let from = dice.below(MOMENTS.len() - 1);
        let until = from + 1 + dice.below(MOMENTS.len() - from - 1);
        put(
            text,
            &format!("[window.{name}]\nfrom = \"{}\"\nuntil = \"{}\"", MOMENTS[from].0, MOMENTS[until].0),
        );
    }
    put(text, &format!("[custodian.uids]\nlabel = \"uids\"\nuid = [{}, {}]", UIDS[0], UIDS[2]));
    put(text, &format!("[custodian.sids]\nlabel = \"sids\"\nsid = {}", quoted(&SIDS[1..])));
    put(
        text,
        &format!("[custodian.both]\nlabel = \"both\"\nuid = [{}]\nsid = {}", UIDS[1], quoted(&SIDS[..1])),
    );
    for name in ["a0", "a1"] {
        let origin =
            format!("catalogue = \"c\"\ndefinition = \"d\"\nfile = \"f\"\nsha256 = \"{}\"", "0".repeat(64));
        let path = quoted(&globs_of(dice, "path"));
        put(text, &format!("[artifact.{name}]\nlabel = \"{name}\"\n{origin}\npath = {path}"));
    }
}

/// Lists of digests and of keywords: their names.
fn lists(
    dice: &mut Dice,
    text: &mut String,
    files: &mut BTreeMap<String, String>,
) -> (Vec<&'static str>, Vec<(&'static str, u64)>) {
    let digest = |digit: &&str| digit.repeat(64);
    let digests: Vec<String> = dice.some(&DIGITS).iter().map(digest).collect();
    put(text, &format!("[list.known]\nkind = \"sha256\"\nlabel = \"known\"\nitems = {}", quoted(&digests)));
    let mut names = vec!["known"];
    if dice.percent(40) {
        let digests: Vec<String> = dice.some(&DIGITS).iter().map(digest).collect();
        let file = digests.join("\n") + if dice.percent(50) { "\n" } else { "" };
        let digest = Digest::of(file.as_bytes()).hex();
        put(
            text,
            &format!(
                "[list.filed]\nkind = \"sha256\"\nlabel = \"filed\"\nfile = \"filed.txt\"\nsha256 = \"{digest}\""
            ),
        );
        files.insert("filed.txt".to_owned(), file);
        names.push("filed");
    }
    for (name, items) in
        [("counsel", r#"["a@x.org", "B\u00fcro@xn--mller-kva.example"]"#), ("firm", r#"["@firm.example"]"#)]
    {
        put(text, &format!("[list.{name}]\nkind = \"addresses\"\nlabel = \"{name}\"\nitems = {items}"));
    }
    let mut keywords = dice.some(&KEYWORDS);
    if dice.percent(50) {
        keywords.reverse();
    }
    for (name, terms) in &keywords {
        let items: Vec<String> = (0..*terms).map(|term| format!("term {term}")).collect();
        put(
            text,
            &format!("[list.{name}]\nkind = \"keywords\"\nlabel = \"{name}\"\nitems = {}", quoted(&items)),
        );
    }
    (names, keywords)
}

fn conditions(dice: &mut Dice, text: &mut String, (digests, keywords): &(Vec<&str>, Vec<(&str, u64)>)) {
    let fields = if dice.percent(50) { 1 } else { 1 + dice.below(4) };
    let mut left: Vec<&str> = vec![
        "path",
        "path",
        "name",
        "ext",
        "kind",
        "type",
        "type_mismatch",
        "size",
        "time",
        "time",
        "owner",
        "hash_in",
        "hash_in",
        "encrypted",
        "keywords",
        "keywords",
        "mail",
        "mail",
        "artifact",
        "volume",
    ];
    for _ in 0..fields {
        let field = dice.pick(&left);
        left.retain(|other| *other != field);
        let value = match field {
            "path" | "name" => quoted(&globs_of(dice, field)),
            "ext" => quoted(&dice.some(&EXTENSIONS)),
            "kind" => quoted(&dice.some(&KINDS)),
            "type" => quoted(&dice.some(&TYPES)),
            "size" => size(dice),
            "time" => format!(
                "{{ of = {}, within = \"w{}\"{} }}",
                quoted(&dice.some(&STAMPS)),
                dice.below(3),
                dice.pick(&["", ", mode = \"any\"", ", mode = \"all\"", ", mode = \"all\""])
            ),
            "owner" => quoted(&dice.some(&["uids", "sids", "both"])),
            "hash_in" => quoted(&dice.some(digests)),
            "keywords" => {
                let (list, terms) = dice.pick(keywords);
                let least = 1 + dice.number() % terms;
                format!(
                    "{{ list = \"{list}\"{} }}",
                    if dice.percent(30) { String::new() } else { format!(", at_least = {least}") }
                )
            }
            "mail" => mail(dice),
            "artifact" => quoted(&dice.some(&["a0", "a1"])),
            "volume" => quoted(&dice.some(&VOLUMES)),
            // The two flags.
            _ => dice.pick(&["true", "false"]).to_string(),
        };
        put(text, &format!("{field} = {value}"));
    }
}

fn mail(dice: &mut Dice) -> String {
    let form = dice.below(3);
    let mut fields = Vec::new();
    if form != 0 {
        fields.push(format!("party = {}", quoted(&dice.some(&["counsel", "firm"]))));
        fields.push(format!("role = {}", quoted(&dice.some(&["from", "to", "cc", "bcc"]))));
    }
    if form != 1 {
        fields.push(format!("within = \"w{}\"", dice.below(3)));
    }
    fields.push(format!("messages = \"{}\"", dice.pick(&["any", "all"])));
    format!("{{ {} }}", fields.join(", "))
}

fn size(dice: &mut Dice) -> String {
    let (first, second) = (dice.below(SIZES.len()), dice.below(SIZES.len()));
    let (min, max) = (SIZES[first.min(second)], SIZES[first.max(second)]);
    match dice.below(3) {
        0 => format!("{{ min = {min} }}"),
        1 => format!("{{ max = {max} }}"),
        _ => format!("{{ min = {min}, max = {max} }}"),
    }
}

fn rule(dice: &mut Dice, text: &mut String, at: usize, selectors: &[String], compartments: &[&str]) {
    // The first rule is an include: where nothing is included, nothing else is looked at.
    let effect = if at == 0 {
        "include"
    } else {
        dice.pick(&["include", "include", "exclude", "withhold", "hold", "hold"])
    };
    let effect = if effect == "hold" && compartments.is_empty() { "exclude" } else { effect };
    put(
        text,
        &format!(
            "[[rule]]\nid = \"{}-{at}\"\neffect = \"{effect}\"\nbasis = \"order\"\ntext = \"rule\"",
            &effect[..1].to_uppercase()
        ),
    );
    if effect == "hold" {
        put(text, &format!("to = \"{}\"", dice.pick(compartments)));
    }
    let form = dice.below(6);
    for (field, wanted) in [("any", form != 0), ("all", form <= 1), ("unless", dice.percent(30))] {
        if wanted {
            put(text, &format!("{field} = {}", quoted(&dice.some(selectors))));
        }
    }
}

fn globs_of(dice: &mut Dice, form: &str) -> Vec<String> {
    let mut globs: Vec<String> = (0..1 + dice.below(4)).map(|_| globs::glob(dice, form)).collect();
    if dice.percent(25) {
        globs.push(if form == "path" { "/**" } else { "*" }.to_owned());
    }
    globs.sort();
    globs.dedup();
    globs
}

fn put(text: &mut String, lines: &str) {
    writeln!(text, "{lines}").expect("a text takes any text");
}

/// A list of texts as TOML has it: its escapes are among those of JSON.
fn quoted<T: AsRef<str>>(texts: &[T]) -> String {
    let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    serde_json::to_string(&texts).expect("texts are JSON")
}
