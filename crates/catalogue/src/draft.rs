//! The policy that a selection comes to: a draft, in which a person fills in what no catalogue knows.
//!
//! Until the dates are filled in, nothing can be captured under it: they lie in 1970. Until the recipients are, there is
//! a remark on it, since nobody has the keys of those that stand there.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use scope::placeholder::{RECIPIENTS, TO_FILL_IN};

use crate::Catalogue;
use crate::definition::{Definition, Places, Refusal, shown};
use crate::place::{is_sweep, is_whole_drive};
use crate::select::Selection;

/// A policy to be filled in.
#[derive(Debug)]
pub struct Draft {
    /// The text of `policy.toml`.
    pub policy: String,
    /// What was written out: the definition's name, and how many globs it came to.
    pub imported: Vec<(String, usize)>,
    /// Globs without a bound to their depth: the definition's name, the glob, and whether it goes over the whole drive.
    pub sweeps: Vec<(String, String, bool)>,
}

/// Writes a selection out.
#[must_use]
pub fn draft(catalogue: Catalogue, selection: &Selection<'_>) -> Draft {
    let mut draft =
        Draft { policy: head(catalogue, case_of(selection)), imported: Vec::new(), sweeps: Vec::new() };
    let (mut artifacts, mut selectors, mut rules) = (String::new(), String::new(), String::new());
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for own in &selection.definitions {
        let groups = alike(own);
        if groups.is_empty() {
            continue;
        }
        let mut any = Vec::new();
        let mut count = 0_usize;
        for places in &groups {
            let id = free_id(&own.name, &mut taken);
            artifact(&mut artifacts, catalogue, own, &id, places);
            selector(&mut selectors, own, &id, places);
            count = count.saturating_add(places.globs.len());
            let sweeps = places.globs.iter().filter(|glob| is_sweep(glob));
            draft.sweeps.extend(sweeps.map(|glob| (own.name.clone(), glob.clone(), is_whole_drive(glob))));
            any.push(id);
        }
        draft.imported.push((own.name.clone(), count));
        rule(&mut rules, catalogue, (own, &groups), draft.imported.len(), &any);
    }
    let left_out: String = selection.refused.iter().map(|(name, refusal)| comment(name, refusal)).collect();
    if !left_out.is_empty() {
        let _ = write!(draft.policy, "\n# Left out, since a policy cannot say it:\n#\n{left_out}");
    }
    draft.policy.push_str(&artifacts);
    draft.policy.push_str(&selectors);
    draft.policy.push_str(&rules);
    draft
}

/// The places of a definition, those together that differ in their globs alone.
fn alike(own: &Definition) -> Vec<Places> {
    let mut groups: Vec<Places> = Vec::new();
    for places in own.places() {
        let like = |group: &&mut Places| {
            group.label == places.label
                && group.kinds == places.kinds
                && group.size == places.size
                && group.notes == places.notes
        };
        let fits = |group: &Places| group.globs.len().saturating_add(places.globs.len()) <= MAX_VALUES;
        match groups.iter_mut().find(|group| like(group) && fits(group)) {
            Some(group) => {
                for glob in &places.globs {
                    if !group.globs.contains(glob) {
                        group.globs.push(glob.clone());
                    }
                }
            }
            None => groups.push(places.clone()),
        }
    }
    groups
}

/// How names compare: as the catalogue's tool compares them, where it does so in all places in the same way.
fn case_of(selection: &Selection<'_>) -> &'static str {
    let places = || selection.definitions.iter().flat_map(|own| own.places());
    match places().any(|own| own.folded) && places().all(|own| own.folded) {
        true => "\"insensitive\"   # as Windows compares names, wherever the files lie",
        false if places().any(|own| own.folded) => {
            "\"as-volume\"   # where files of Windows lie in a folder, names in another case are missed: import them alone"
        }
        false => "\"as-volume\"",
    }
}

/// What the catalogue says that this is.
fn label<'a>(own: &'a Definition, places: &'a Places) -> &'a str {
    if places.label.is_empty() { &own.doc } else { &places.label }
}

/// `WindowsXMLEventLog` as `windows-xml-event-log`, with a number behind it where that is taken.
fn free_id(name: &str, taken: &mut BTreeSet<String>) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut id = String::new();
    for (at, c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| chars.get(at));
        let after = chars.get(at.saturating_add(1));
        let begins = c.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || before.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase)
            });
        if begins {
            id.push('-');
        }
        id.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
    }
    let parts: Vec<&str> = id.split('-').filter(|part| !part.is_empty()).collect();
    let mut id: String = parts.join("-").chars().take(MAX_ID).collect();
    if id.is_empty() {
        id = "artifact".to_owned();
    }
    let mut free = id.clone();
    let mut number = 2_usize;
    while !taken.insert(free.clone()) {
        free = format!("{id}-{number}");
        number = number.saturating_add(1);
    }
    free
}

fn artifact(text: &mut String, catalogue: Catalogue, own: &Definition, id: &str, places: &Places) {
    let _ = write!(
        text,
        "\n[artifact.{id}]\nlabel      = {}\ncatalogue  = {}\ndefinition = {}\nfile       = {}\nsha256     = {}\n",
        quoted(label(own, places)),
        quoted(catalogue.word()),
        quoted(&own.name),
        quoted(&own.file),
        quoted(&own.sha256.hex()),
    );
    for note in &places.notes {
        let _ = writeln!(text, "# {note}.");
    }
    let _ = writeln!(text, "path       = [");
    for glob in &places.globs {
        let _ = writeln!(text, "    {},", quoted(glob));
    }
    text.push_str("]\n");
}

fn selector(text: &mut String, own: &Definition, id: &str, places: &Places) {
    let kinds: Vec<String> = places.kinds.iter().map(|kind| quoted(kind)).collect();
    let _ = write!(
        text,
        "\n[selector.{id}]\nlabel    = {}\nkind     = [{}]\n",
        quoted(label(own, places)),
        kinds.join(", ")
    );
    let size = [("min", places.size.0), ("max", places.size.1)];
    let size: Vec<String> =
        size.iter().filter_map(|(key, size)| Some(format!("{key} = {}", (*size)?))).collect();
    if !size.is_empty() {
        let _ = writeln!(text, "size     = {{ {} }}", size.join(", "));
    }
    let _ = writeln!(text, "artifact = [{}]", quoted(id));
}

fn rule(
    text: &mut String,
    catalogue: Catalogue,
    (own, groups): (&Definition, &[Places]),
    number: usize,
    any: &[String],
) {
    let basis = format!(
        "{TO_FILL_IN}: where the order says so. Places after {} {}, {} sha256:{}",
        catalogue.word(),
        own.name,
        own.file,
        own.sha256.hex()
    );
    let any: Vec<String> = any.iter().map(|id| quoted(id)).collect();
    let _ = write!(
        text,
        "\n[[rule]]\nid     = \"I-{number}\"\neffect = \"include\"\nbasis  = {}\ntext   = {}\nany    = [{}]\n",
        quoted(&basis),
        quoted(&sentence(own, groups)),
        any.join(", ")
    );
}

/// What a rule says of a definition: what the catalogue says of it, or else of each of its parts.
fn sentence(own: &Definition, groups: &[Places]) -> String {
    if own.doc != own.name {
        return own.doc.clone();
    }
    let mut labels: Vec<&str> = Vec::new();
    for places in groups {
        let label = label(own, places);
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    let said = labels.join(" ");
    if said.chars().count() > MAX_TEXT {
        return format!("{}: {} places, each with its label", own.name, labels.len());
    }
    said
}

fn comment(name: &str, refusal: &Refusal) -> String {
    format!("# - {}, {}: {}\n", shown(name), shown(&refusal.what), shown(&refusal.reason.to_string()))
}

/// A text as TOML writes it. INVARIANT: names, docs and globs have no line break: [`shown`], and globs are of glob/1.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn head(catalogue: Catalogue, path_case: &str) -> String {
    let fill = |what: &str| quoted(&format!("{TO_FILL_IN}: {what}"));
    let [case, auditor, court] = RECIPIENTS;
    let word = catalogue.word();
    format!(
        "# A draft made by `ambit policy import` from the catalogue {word}.
#
# Where \"{TO_FILL_IN}\" stands, a person fills in what no catalogue knows, and takes out what the order does not cover.
# Nobody has the keys of the recipients below, and the dates lie in 1970: nothing can be captured until both are replaced.
{}
schema  = \"scope-policy/1\"
id      = \"to-be-filled-in/draft\"
version = 1
title   = {}

[authority]
court       = {}
docket      = {}
instrument  = {}
legal_basis = [{}]
issued      = \"1970-01-01T00:00:00Z\"
particulars = [{}]
execute_by  = \"1970-01-02T00:00:00Z\"
hours       = \"any\"
review_by   = \"1970-01-02T00:00:00Z\"

[recipients]
case    = [\"{case}\"]
auditor = [\"{auditor}\"]
court   = [\"{court}\"]

[record]
left   = \"facts\"
holder = {}
basis  = {}
until  = {}

[target]
media   = [{{ label = \"to-be-filled-in\", serial = \"to-be-filled-in\" }}]
inspect = [\"metadata\"]

[defaults]
unknown   = \"left\"
path_case = {path_case}
",
        tool(catalogue),
        fill(&format!("artifacts of {word}")),
        fill("the court or other authority"),
        fill("docket or file number"),
        fill("what kind of order"),
        fill("the law that the order rests on"),
        fill("what the order describes"),
        fill("who keeps the record of what was left"),
        fill("on what ground"),
        fill("until when"),
    )
}

/// What the catalogue's tool does everywhere, and a policy does not: said once in the draft.
fn tool(catalogue: Catalogue) -> &'static str {
    match catalogue {
        Catalogue::ForensicArtifacts => "",
        Catalogue::Uac => {
            "#
# Read as UAC 3 reads it. A path is that of its own volume: where homes are a volume, write `/*/.x` for `/home/*/.x`.
"
        }
        Catalogue::Kape => {
            "#
# narrower: KAPE follows links and reparse points on the drive; here they are items of their own, and are not followed.
"
        }
    }
}

/// Longest sentence made of labels, in characters.
const MAX_TEXT: usize = 600;

/// Most values in one field of a policy.
const MAX_VALUES: usize = 1000;

/// Longest id before a number is put behind it.
const MAX_ID: usize = 56;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_readable_and_differ() {
        let mut taken = BTreeSet::new();
        let mut check = |name: &str, expected: &str| assert_eq!(free_id(name, &mut taken), expected);
        check("WindowsXMLEventLogSystem", "windows-xml-event-log-system");
        check("windows xml event log system", "windows-xml-event-log-system-2");
        check("!BasicCollection", "basic-collection");
        check("4KVideo", "4-k-video");
        check("é", "artifact");
        check("../..", "artifact-2");
    }
}
