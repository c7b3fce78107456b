//! Reading `policy.toml` into the tree, with every problem in one pass.
//!
//! Implements `docs/spec/policy.md`, "Schema, field by field". The TOML reader
//! keeps the span of every key and value; each field is then read by hand, so
//! that a message can say what is meant, where, and what to write instead.

mod artifacts;
mod doc;
mod fields;
mod head;
mod lists;
mod places;
mod rules;
mod selectors;

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::bundle::Bundle;
use crate::policy::{Compartment, Tree, UNREAD_VOLUMES, UnreadVolumes};
use crate::problem::PolicyProblems;
use doc::{Doc, did_you_mean};
use fields::{Section, Value, describe, shown};

pub use doc::is_visible;
pub(crate) use places::Places;
pub(crate) use selectors::{KINDS, TIMES};

/// The one schema of this version.
const SCHEMA: &str = "scope-policy/1";

/// Most selectors, rules, windows, custodians, lists, artifacts or compartments: no person approves more.
const MAX_ENTRIES: usize = 1000;

/// Most ids that a hint names.
const MAX_KNOWN: usize = 20;

const ROOT: &[&str] = &[
    "schema",
    "id",
    "version",
    "title",
    "supersedes",
    "authority",
    "recipients",
    "record",
    "target",
    "limits",
    "defaults",
    "window",
    "custodian",
    "list",
    "artifact",
    "compartment",
    "selector",
    "rule",
];

/// Reads a bundle.
pub(crate) fn read(bundle: &Bundle) -> Result<Tree, PolicyProblems> {
    let mut doc = Doc::new(Bundle::POLICY, "");
    let Some(bytes) = bundle.get(Bundle::POLICY) else {
        doc.report_file(Bundle::POLICY, "the bundle has no `policy.toml`", None);
        return Err(problems(doc));
    };
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("not UTF-8: byte {} is not part of a character", error.valid_up_to());
            doc.report_file(Bundle::POLICY, message, Some("save the file as UTF-8".to_owned()));
            return Err(problems(doc));
        }
    };
    let mut doc = Doc::new(Bundle::POLICY, text);
    let (parsed, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        doc.faulty = true;
        doc.report(error.span().unwrap_or(0..0), format!("not TOML: {}", error.message()), None);
    }
    let mut tree = tree(&mut doc, bundle, parsed.get_ref());
    tree.places = Places::of(Bundle::POLICY, text, parsed.get_ref());
    if doc.problems.is_empty() { Ok(tree) } else { Err(problems(doc)) }
}

fn problems(mut doc: Doc<'_>) -> PolicyProblems {
    doc.problems.sort_by_key(|(at, _)| *at);
    PolicyProblems(doc.problems.into_iter().map(|(_, problem)| problem).collect())
}

fn tree(doc: &mut Doc<'_>, bundle: &Bundle, table: &DeTable<'_>) -> Tree {
    let root = Section::root(doc, table, ROOT);
    if root.text(doc, "schema", "write schema = \"scope-policy/1\"") != SCHEMA && root.get("schema").is_some()
    {
        let hint = "this version reads `scope-policy/1` alone".to_owned();
        doc.report(root.span_of("schema"), "unknown schema", Some(hint));
    }
    let ids = Ids {
        windows: keys(&root, "window"),
        custodians: keys(&root, "custodian"),
        lists: keys(&root, "list"),
        artifacts: keys(&root, "artifact"),
        selectors: keys(&root, "selector"),
        compartments: compartment_ids(&root),
    };
    let tree = Tree {
        id: bundle.id(),
        schema_id: root.text(doc, "id", "give the policy a name, as in id = \"court/docket/medium\""),
        version: head::version(doc, &root),
        title: root.text(doc, "title", "say in one line what the policy is for"),
        supersedes: head::supersedes(doc, &root),
        authority: head::authority(doc, &root),
        recipients: head::recipients(doc, &root),
        record: head::record(doc, &root),
        target: head::target(doc, &root, &ids),
        limits: head::limits(doc, &root),
        defaults: head::defaults(doc, &root, &ids),
        windows: lists::windows(doc, &root),
        custodians: lists::custodians(doc, &root),
        lists: lists::lists(doc, &root, bundle),
        artifacts: artifacts::artifacts(doc, &root),
        compartments: lists::compartments(doc, &root),
        selectors: selectors::selectors(doc, &root, &ids),
        rules: rules::rules(doc, &root, &ids),
        places: Places::default(),
    };
    let mut tree = tree;
    if tree.target.unread_volumes == UnreadVolumes::Preserve {
        tree.compartments.push(Compartment {
            id: UNREAD_VOLUMES.to_owned(),
            label: "Volumes of which no file can be read, preserved whole for the court".to_owned(),
            recipients: tree.recipients.court.clone(),
            release: "a further order of the court".to_owned(),
        });
    }
    selectors::check_lists(doc, &root, &tree);
    lists::check_files(doc, bundle, &tree);
    tree
}

/// What can be referred to. An entry that is faulty itself counts, so that one fault is one message.
struct Ids<'d> {
    windows: Vec<&'d str>,
    custodians: Vec<&'d str>,
    lists: Vec<&'d str>,
    artifacts: Vec<&'d str>,
    selectors: Vec<&'d str>,
    compartments: Vec<&'d str>,
}

fn keys<'d>(root: &Section<'d>, key: &str) -> Vec<&'d str> {
    match root.get(key).map(toml::Spanned::get_ref) {
        Some(DeValue::Table(table)) => table.iter().map(|(key, _)| key.get_ref().as_ref()).collect(),
        _ => Vec::new(),
    }
}

fn compartment_ids<'d>(root: &Section<'d>) -> Vec<&'d str> {
    let Some(DeValue::Array(array)) = root.get("compartment").map(toml::Spanned::get_ref) else {
        return Vec::new();
    };
    let id = |value: &'d Value<'d>| match value.get_ref() {
        DeValue::Table(table) => match table.get("id")?.get_ref() {
            DeValue::String(text) => Some(text.as_ref()),
            _ => None,
        },
        _ => None,
    };
    array.iter().filter_map(id).collect()
}

/// The entries of `[what.X]`, in file order.
fn named<'d>(
    doc: &mut Doc<'_>,
    root: &Section<'d>,
    what: &str,
) -> Vec<(Range<usize>, &'d str, &'d Value<'d>)> {
    let Some(value) = root.get(what) else { return Vec::new() };
    let DeValue::Table(table) = value.get_ref() else {
        let message = format!("`{what}` is a table of tables, not {}", describe(value.get_ref()));
        doc.report(value.span(), message, Some(format!("write [{what}.some-name]")));
        return Vec::new();
    };
    let mut entries: Vec<_> =
        table.iter().map(|(key, value)| (key.span(), key.get_ref().as_ref(), value)).collect();
    entries.sort_by_key(|(span, _, _)| span.start);
    for (span, id, _) in &entries {
        check_id(doc, span.clone(), id, what);
    }
    bounded(doc, value, what, &mut entries);
    entries
}

/// The entries of `[[what]]`, in file order.
fn array<'d>(doc: &mut Doc<'_>, root: &Section<'d>, what: &str) -> Vec<&'d Value<'d>> {
    let Some(value) = root.get(what) else { return Vec::new() };
    let DeValue::Array(array) = value.get_ref() else {
        let message = format!("`{what}` is a list of tables, not {}", describe(value.get_ref()));
        doc.report(value.span(), message, Some(format!("write [[{what}]]")));
        return Vec::new();
    };
    let mut entries: Vec<_> = array.iter().collect();
    bounded(doc, value, what, &mut entries);
    entries
}

fn bounded<T>(doc: &mut Doc<'_>, value: &Value<'_>, what: &str, entries: &mut Vec<T>) {
    if entries.len() > MAX_ENTRIES {
        let message =
            format!("there are {} entries of `{what}`; at most {MAX_ENTRIES} are read", entries.len());
        doc.report(value.span(), message, None);
        entries.truncate(MAX_ENTRIES);
    }
}

fn check_id(doc: &mut Doc<'_>, span: Range<usize>, id: &str, what: &str) {
    if !crate::outcome::is_id(id) {
        let hint = "an id has 1 to 64 of a-z, 0-9, - and _, and begins with a letter or digit".to_owned();
        doc.report(span, format!("`{}` cannot name a {what}", shown(id)), Some(hint));
    }
}

/// Which ids there are, where one names none of them.
fn those_there_are(known: &[&str], what: &str) -> String {
    if known.is_empty() {
        return format!("the policy has no {what}: add one");
    }
    let shown = known.iter().take(MAX_KNOWN).copied().collect::<Vec<_>>().join(", ");
    let more = known.len().saturating_sub(MAX_KNOWN);
    format!("there are {shown}{}", if more > 0 { format!(" and {more} more") } else { String::new() })
}

/// Checks that `found` is among `known`.
fn check_reference(doc: &mut Doc<'_>, span: Range<usize>, found: &str, known: &[&str], what: &str) {
    if !known.contains(&found) {
        let hint = did_you_mean(found, known.iter().copied()).or_else(|| Some(those_there_are(known, what)));
        doc.report(span, format!("unknown {what} `{}`", shown(found)), hint);
    }
}
