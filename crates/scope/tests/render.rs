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
use scope::{Bundle, Policy};

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
        let rendering = scope::render(&policy);
        if std::env::var_os("AMBIT_BLESS").is_some() {
            std::fs::write(&path, &rendering).unwrap();
        }
        assert_eq!(rendering, std::fs::read_to_string(&path).unwrap(), "{folder}");
        assert_eq!(rendering, scope::render(&policy));
    }
}

#[test]
fn nothing_of_the_policy_is_missing() {
    for folder in FOLDERS {
        let (policy, _) = read(folder);
        let rendering = scope::render(&policy);
        let code = |text: &str| format!("`{text}`");
        let mut wanted =
            vec![code(&policy.id().to_string()), code(policy.schema_id()), code(scope::RENDERER)];
        for rule in policy.rules() {
            let to = rule.to.as_ref().map_or(String::new(), |to| format!(" for `{to}`"));
            wanted.push(format!("### {}: {}{to}", rule.id, rule.effect.word()));
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
    check("", "", "serial `WD-WCAV00000007`, compared", tool);
    check("", "", "asset_tag `KC-07`, read off the medium", duty);
    check("", "", "of which no person states the asset tag", tool);
    check(", asset_tag = \"KC-07\"", "", "one that shows none of it; unless", tool);
    check("serial = \"WD-WCAV00000007\", ", "", "asset_tag `KC-07`", duty);
    check("", "", "work that begins later is refused, or is on the record as a departure", tool);
    check("", "", "Work on site only in the hours", duty);
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
            "](x) <b> `Y` *Enforced by the tool.* | # \\\\ Event logs, execution",
        )
        .replace("/Users/*/NTUSER.DAT", "/Users/*/a`b``c\u{202E}");
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", text).unwrap();
    let rendering = scope::render(&Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}")));
    assert!(
        rendering.contains("> \\](x) \\<b\\> \\`Y\\` \\*Enforced by the tool.\\* \\| \\# \\\\ Event logs"),
        "{rendering}"
    );
    assert!(rendering.contains("```/Users/*/a`b``c\\u{202E}```"), "{rendering}");
}
