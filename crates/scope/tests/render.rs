//! The rendering of the example policies: the bytes that a person signs.
//!
//! `AMBIT_BLESS=1 cargo test -p scope --test render` writes them anew; a change of them needs a new renderer name.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use std::path::Path;

use scope::policy::Effect;
use scope::render::document::{Block, Run, Text};
use scope::{Bundle, Language, Policy};

const FOLDERS: [&str; 4] = ["1-rustock-cnc", "2-fraud-privilege", "3-hash-list-only", "4-ir-triage"];

fn read(folder: &str) -> (Policy, std::path::PathBuf) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies").join(folder);
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", std::fs::read(path.join("policy.toml")).unwrap()).unwrap();
    (Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}")), path.join("rendering.md"))
}

#[test]
fn the_bytes_stay_the_same() {
    for folder in FOLDERS {
        let (policy, path) = read(folder);
        for language in Language::ALL {
            let rendering = scope::render_in(&policy, language);
            let path = match language {
                Language::English => path.clone(),
                Language::German => path.with_file_name("rendering.de.md"),
            };
            if std::env::var_os("AMBIT_BLESS").is_some() {
                std::fs::write(&path, &rendering).unwrap();
            }
            assert_eq!(rendering, std::fs::read_to_string(&path).unwrap(), "{}", path.display());
            assert_eq!(rendering, scope::render_in(&policy, language));
        }
        assert_eq!(scope::render(&policy), scope::render_in(&policy, Language::English));
    }
}

#[test]
fn nothing_of_the_policy_is_missing() {
    for folder in FOLDERS {
        let (policy, _) = read(folder);
        let rendering = scope::render(&policy);
        let code = |text: &str| format!("`{text}`");
        let mut wanted = vec![
            code(&policy.id().to_string()),
            code(policy.schema_id()),
            code(Language::English.renderer()),
        ];
        for rule in policy.rules() {
            let to = rule.to.as_ref().map_or(String::new(), |to| format!(" for `{to}`"));
            wanted.push(format!("### Rule {}: {}{to}", rule.id, rule.effect.word()));
            assert_eq!(rule.effect == Effect::Hold, rule.to.is_some());
            for selector in rule.any.iter().chain(&rule.all).chain(&rule.unless) {
                wanted.push(code(selector));
            }
        }
        for compartment in policy.compartments() {
            wanted.extend(compartment.recipients.iter().map(|key| code(key)));
        }
        let recipients = policy.recipients();
        for keys in [&recipients.case, &recipients.auditor, &recipients.court, &recipients.captured_also] {
            wanted.extend(keys.iter().map(|key| code(key)));
        }
        wanted.extend(policy.lists().iter().map(|list| code(&list.digest.to_string())));
        for text in wanted {
            assert!(rendering.contains(&text), "{folder}: {text} is missing");
        }
        for line in rendering
            .lines()
            .filter(|line| line.starts_with("- ") && !line.contains("(`") && !line.contains(": "))
        {
            let marked = ["*Enforced by the tool.*", "*Duty of a person.*", "*Not checked.*"];
            let about = line.starts_with("- Takes the place of")
                || line.starts_with("- Policy id")
                || line.starts_with("- Rendered");
            assert!(about || marked.iter().any(|mark| line.ends_with(mark)), "{folder}: unmarked: {line}");
        }
    }
}

#[test]
fn who_sees_to_it_is_true_of_the_program() {
    let text = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/1-rustock-cnc/policy.toml"),
    )
    .unwrap();
    let check = |from: &str, to: &str, line: &str, mark: &str| {
        let changed = text.replace(from, to);
        assert!(from == to || changed != text, "{from} is not in the policy");
        let mut bundle = Bundle::new();
        bundle.insert("policy.toml", changed).unwrap();
        let rendering =
            scope::render(&Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}")));
        let found: Vec<&str> = rendering.lines().filter(|found| found.contains(line)).collect();
        assert!(
            !found.is_empty() && found.iter().all(|line| line.ends_with(mark)),
            "{line} {mark}: {found:?}\n{rendering}"
        );
    };
    let (tool, duty, unchecked) = ("*Enforced by the tool.*", "*Duty of a person.*", "*Not checked.*");
    check("", "", "A running system is not read", duty);
    check("", "", "cannot tell a read-only bind mount of a live file system", duty);
    check("", "", "whose mount can be written to", tool);
    let live = "unallocated = \"never\"\nlive = true";
    check("unallocated = \"never\"", live, "A running system, or a snapshot of one, may be read.", unchecked);
    check("unallocated = \"never\"", live, "whose mount can be written to", tool);
    check("", "", "serial number `WD-WCAV00000007`, compared", tool);
    check("", "", "asset tag `KC-07`, read off the medium", duty);
    check("", "", "of which no person states the asset tag", tool);
    check(", asset_tag = \"KC-07\"", "", "one that shows none of it; unless", tool);
    check("serial = \"WD-WCAV00000007\", ", "", "asset tag `KC-07`", duty);
    let stack = "md_uuid = \"30313233:34353637:38396162:63646566\", mbr_signature = \"beef0000\", \
        vg_uuid = \"jsRy1d-0d2u-kRwQ-SMtR-qrz9-8jdQ-3Yf9Lf\", ";
    check(
        "serial = \"WD-WCAV00000007\", ",
        stack,
        "UUID of a RAID array (md) `30313233:34353637:38396162:63646566`",
        tool,
    );
    check("serial = \"WD-WCAV00000007\", ", stack, "(LVM) `jsRy1d-0d2u-kRwQ-SMtR-qrz9-8jdQ-3Yf9Lf`", tool);
    check("serial = \"WD-WCAV00000007\", ", stack, "the same on every copy of a disk) `beef0000`", tool);
    check("", "", "work that begins later is refused, or is on the record as a departure", tool);
    check("", "", "Work on site only in the hours", tool);
    check("", "", "Issued: ", tool);
    check("\"06:00-22:00 -06:00\"", "\"any\"", "Work on site at any hour", unchecked);
    check("", "", "Review in the laboratory by", duty);
    check("", "", "goes to the compartment `neutral` even if a `hold` rule of another", tool);
    check("\"hold:neutral\"", "\"left\"", "is left even if a `hold` rule matches it", tool);
    check("", "", "its control number, the rules that decided, and a size class", tool);
    let closed = "unallocated = \"never\"\nclosed = [\"/srv/hr\"]";
    check("unallocated = \"never\"", closed, "does not enter folders like `/srv/hr`", tool);
    let limits = "[limits]\nitems = 7\nbytes = 8\n\n[defaults]";
    check("[defaults]", limits, "stops the capture after 7 items", tool);
    check("[defaults]", limits, "would bring what is kept beyond 8 bytes", tool);
}

#[test]
fn texts_cannot_pass_for_something_else() {
    let text = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/4-ir-triage/policy.toml"),
    )
    .unwrap();
    let text = text
        .replace(
            "Event logs, execution",
            "](x) <b> `Y` *Enforced by the tool.* | # \\\\ Event logs, \\\\u{202E} execution",
        )
        .replace("/Users/*/NTUSER.DAT", "/Users/*/a`b``c\u{202E}");
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", text).unwrap();
    let rendering = scope::render(&Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}")));
    assert!(
        rendering.contains("> \\](x) \\<b\\> \\`Y\\` \\*Enforced by the tool.\\* \\| \\# \\\\ Event logs"),
        "{rendering}"
    );
    // What somebody spells is no character that is not seen.
    assert!(rendering.contains("Event logs, \\\\u\\{5C\\}u{202E} execution"), "{rendering}");
    assert!(rendering.contains("```/Users/*/a`b``c\\u{202E}```"), "{rendering}");
}

#[test]
fn nobody_alone_has_a_key_that_stands_twice() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/1-rustock-cnc/policy.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let parse = |text: &str| {
        let mut bundle = Bundle::new();
        bundle.insert("policy.toml", text).unwrap();
        Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}"))
    };
    let policy = parse(&text);
    let own = &policy.compartments().first().unwrap().recipients[0];
    let case = &policy.recipients().case[0];
    let auditor = &policy.recipients().auditor[0];
    let alone = ["It alone can open", "Nur der Inhaber dieses Schlüssels"];
    let said = ["The same key stands elsewhere", "Derselbe Schlüssel steht in diesem Teil"];
    let hidden = ["the case team cannot.", "die Ermittlungsgruppe nicht."];
    let open = ["one of their keys is the same", "Einer ihrer Schlüssel ist derselbe"];
    let check = |changed: &str, times: [([&str; 2], usize); 2]| {
        let policy = parse(changed);
        for (at, language) in Language::ALL.into_iter().enumerate() {
            let rendering = scope::render_in(&policy, language);
            for (sentence, expected) in times {
                let found = rendering.matches(sentence[at]).count();
                assert_eq!(found, expected, "{}: {rendering}", sentence[at]);
            }
        }
    };
    // There are two compartments, each with one key.
    check(&text, [(alone, 2), (said, 0)]);
    check(&text, [(hidden, 1), (open, 0)]);
    check(&text.replace(own, case), [(alone, 1), (said, 1)]);
    check(&text.replace(own, auditor), [(alone, 1), (said, 1)]);
    check(&text.replace(auditor, case), [(hidden, 0), (open, 1)]);
}

/// The example at Kansas City with everything that a policy can say.
fn with_everything() -> Policy {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/1-rustock-cnc/policy.toml");
    let mut text = std::fs::read_to_string(path).unwrap();
    for (from, to) in [
        (
            "version = 1\n",
            "version = 1000\nsupersedes = \"sha256:00000000000000000000000000000000000000000000000000000000000000aa\"\n",
        ),
        ("\"06:00-22:00 -06:00\"", "\"any\""),
        (
            "deleted     = \"never\"",
            "deleted     = \"catalogue\"\nlive = true\nclosed = [\"/srv/hr\"]\nunread_volumes = \"preserve\"",
        ),
        ("streams     = true", "streams     = false"),
        ("left   = \"facts\"", "left   = \"counts\""),
        ("\"hold:neutral\"", "\"left\"\nzoneless_times = \"-05:00\"\nnot_searchable = \"no-hit\""),
        (
            "[[compartment]]",
            "[artifact.gates]\nlabel = \"gate scripts\"\ncatalogue = \"a catalogue\"\ndefinition = \"Gates\"\nfile = \"web.yaml\"\nsha256 = \"00000000000000000000000000000000000000000000000000000000000000bb\"\npath = [\"/var/gates/*\", \"/opt/**/gate.php\"]\n\n[[compartment]]",
        ),
        ("[defaults]", "[limits]\nitems = 70000\nbytes = 8\n\n[defaults]"),
        ("label = \"words in the spam", "restricted = true\nlabel = \"words in the spam"),
        (
            "kind    = [\"file\", \"stream\"]\nsize    = { min = 1,",
            "kind = [\"file\", \"directory\", \"symlink\", \"fifo\", \"socket\", \"char-device\", \"block-device\", \"stream\", \"deleted\", \"other\"]\ntype = [\"pdf\", \"zip\"]\ntype_mismatch = true\nencrypted = false\next = [\"exe\"]\nartifact = [\"gates\"]\nvolume = [\"p1\"]\nsize    = { min = 1,",
        ),
        (
            "time  = { of = [\"modified\"], within",
            "time  = { of = [\"modified\", \"accessed\", \"changed\", \"created\"], mode = \"all\", within",
        ),
        (
            "effect = \"hold\"\nto     = \"neutral\"",
            "effect = \"withhold\"\nground = \"a ground\"\nall = [\"logins\"]",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", text).unwrap();
    Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What a document says, without the words of its language: headings, numbers, marks, and the policy's own texts.
fn bones(policy: &Policy, language: Language) -> Vec<String> {
    let texts = |texts: &[&Text]| {
        let runs = texts.iter().flat_map(|text| text.runs());
        let own = runs.filter_map(|run| match run {
            Run::Given(text) | Run::Code(text) if *text != language.renderer() => Some(text.as_str()),
            _ => None,
        });
        let mut own: Vec<&str> = own.collect();
        own.sort_unstable();
        own.join(" | ")
    };
    let document = scope::render::document(policy, language);
    let remarks = document.blocks.iter().rposition(|block| matches!(block, Block::Part { .. })).unwrap();
    let blocks = document.blocks[..remarks].iter().map(|block| match block {
        Block::Part { number, .. } => format!("part {number}"),
        Block::Heading(text) => format!("heading {}", texts(&[text])),
        Block::Paragraph(text) => format!("paragraph {}", texts(&[text])),
        Block::Quote(text) => format!("quote {}", texts(&[text])),
        Block::Facts(facts) => {
            format!("facts {}", facts.iter().map(|(_, value)| texts(&[value])).collect::<Vec<_>>().join("; "))
        }
        Block::Provision { number, text, mark } => format!("{number:?} {mark:?} {}", texts(&[text])),
        Block::Conditions { joined, of } => {
            let of = of.iter().map(|own| {
                format!(
                    "{} ({})",
                    texts(&[&own.text]),
                    own.all.iter().map(|one| texts(&[one])).collect::<Vec<_>>().join("; ")
                )
            });
            format!("conditions {} {}", joined.is_some(), of.collect::<Vec<_>>().join("; "))
        }
        Block::Table { columns, rows, mark } => {
            let rows = rows.iter().map(|row| {
                let cells: Vec<&Text> = row.cells.iter().chain(&row.below).collect();
                format!("{} {}", row.number, texts(&cells))
            });
            format!("table {} {mark:?} {}", columns.len(), rows.collect::<Vec<_>>().join("; "))
        }
    });
    blocks.collect()
}

#[test]
fn each_language_says_the_same() {
    let examples = FOLDERS.iter().map(|folder| read(folder).0).chain([with_everything()]);
    for policy in examples {
        assert_eq!(bones(&policy, Language::English), bones(&policy, Language::German));
        let [english, german] = Language::ALL.map(|language| scope::render_in(&policy, language));
        for text in [&english, &german] {
            assert!(!text.contains("  \n") && !text.contains(" .") && !text.contains(" ,"), "{text}");
        }
        let english: std::collections::BTreeSet<&str> = english.lines().collect();
        let shared: Vec<&str> = german
            .lines()
            .filter(|line| line.contains(' ') && english.contains(line))
            .filter(|line| !line.starts_with("# ") && !line.starts_with("> ") && !line.starts_with("  - `"))
            .collect();
        assert!(shared.is_empty(), "not translated: {shared:#?}");
    }
}

#[test]
fn a_remark_is_german_where_the_rest_is() {
    let german = scope::render_in(&with_everything(), Language::German);
    let remarks = german.split("Hinweise des Programms").nth(1).unwrap();
    assert!(remarks.lines().count() > 4 && !remarks.contains(" the "), "{remarks}");
}
