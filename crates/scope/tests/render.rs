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
