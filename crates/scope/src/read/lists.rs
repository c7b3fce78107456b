//! The named things that selectors and rules refer to: windows, custodians, lists, compartments.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::doc::Doc;
use super::fields::{Section, number, shown};
use super::head::{age_recipients, check_hex_digest, owned};
use super::{array, check_id, named};
use crate::bundle::{Bundle, BundleFile};
use crate::digest::Digest;
use crate::hash_list::{HashList, ListFile};
use crate::mail;
use crate::policy::{Compartment, Custodian, List, ListItems, Tree, UNREAD_VOLUMES, Window};

/// Longest keyword in bytes: a search keeps this much of the text before each chunk.
const MAX_KEYWORD: usize = 256;

/// Most keywords, or addresses, of one list: the searching automaton grows with them.
const MAX_KEYWORDS: usize = 10_000;

/// Most digests of a list in memory: one more than fill its file.
const MAX_DIGESTS: usize = Bundle::MAX_IN_MEMORY / 65 + 1;

pub(super) fn windows(doc: &mut Doc<'_>, root: &Section<'_>) -> Vec<Window> {
    let mut windows = Vec::new();
    for (_, id, value) in named(doc, root, "window") {
        let table = Section::open(doc, format!("[window.{}]", shown(id)), value, &["from", "until"], &[]);
        let (from, until) = (table.time(doc, "from"), table.time(doc, "until"));
        if from.zip(until).is_some_and(|(from, until)| until <= from) {
            let hint = "`until` is the first moment after the window".to_owned();
            doc.report(table.span_of("until"), format!("the window `{}` is empty", shown(id)), Some(hint));
        }
        let (from, until) = (from.unwrap_or_default(), until.unwrap_or_default());
        windows.push(Window { id: id.to_owned(), from, until });
    }
    windows
}

pub(super) fn custodians(doc: &mut Doc<'_>, root: &Section<'_>) -> Vec<Custodian> {
    let mut custodians = Vec::new();
    for (_, id, value) in named(doc, root, "custodian") {
        let refused = [("mailbox", "name accounts by `uid` or `sid`")];
        let name = format!("[custodian.{}]", shown(id));
        let table = Section::open(doc, name, value, &["label", "uid", "sid"], &refused);
        let mut uid: Vec<u64> = Vec::new();
        for value in table.values(doc, "uid") {
            match number(doc, value, "uid") {
                Some(number) if uid.contains(&number) => {
                    doc.report(value.span(), format!("{number} stands twice in `uid`"), None);
                }
                Some(number) => uid.push(number),
                None => {}
            }
        }
        let sids = table.texts(doc, "sid");
        for (span, sid) in &sids {
            let plain = sid.strip_prefix("S-1-").is_some_and(|rest| {
                rest.split('-').all(|part| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit()))
            });
            if !plain {
                let hint = "it looks like S-1-5-21-1000-1000-1000-1104".to_owned();
                doc.report(
                    span.clone(),
                    format!("`{}` is not a security identifier", shown(sid)),
                    Some(hint),
                );
            }
        }
        if table.get("uid").is_none() && table.get("sid").is_none() && table.get("mailbox").is_none() {
            doc.report(value.span(), format!("{} has neither `uid` nor `sid`", table.name), None);
        }
        let label = table.text(doc, "label", "say whose accounts these are");
        custodians.push(Custodian { id: id.to_owned(), label, uid, sid: owned(sids) });
    }
    custodians
}

pub(super) fn lists(doc: &mut Doc<'_>, root: &Section<'_>, bundle: &Bundle) -> Vec<List> {
    const KNOWN: &[&str] = &["kind", "label", "items", "file", "sha256", "restricted"];
    let mut lists = Vec::new();
    for (_, id, value) in named(doc, root, "list") {
        let table = Section::open(doc, format!("[list.{}]", shown(id)), value, KNOWN, &[]);
        let label = table.text(doc, "label", "say what it is a list of");
        let file = table.maybe_text(doc, "file");
        let source = match (&file, table.get("items")) {
            (Some(file), None) => from_file(doc, &table, file, bundle),
            (None, Some(_)) => {
                if table.get("sha256").is_some() {
                    let hint = "items in the policy are under the policy id already".to_owned();
                    doc.report(table.span_of("sha256"), "`sha256` belongs to a list in a file", Some(hint));
                }
                inline(doc, &table)
            }
            (found, _) => {
                if !(doc.faulty && found.is_none()) {
                    let fault = if found.is_some() {
                        "both `items` and `file`"
                    } else {
                        "neither `items` nor `file`"
                    };
                    let hint = "give the items here, or a file of the bundle with its sha256".to_owned();
                    doc.report(value.span(), format!("{} has {fault}", table.name), Some(hint));
                }
                Source::default()
            }
        };
        let items = items(doc, &table, &source);
        let restricted = table.maybe_flag(doc, "restricted").unwrap_or(false);
        lists.push(List { id: id.to_owned(), label, items, file, restricted, digest: source.digest });
    }
    lists
}

/// The lines of a list, wherever they stand.
struct Source<'s> {
    lines: Vec<(Place, &'s str)>,
    digest: Digest,
    /// A file that is not in memory, and its name.
    outside: Option<(String, Arc<ListFile>)>,
}

/// Where an item stands.
enum Place {
    /// In the policy.
    Here(std::ops::Range<usize>),
    /// In a list file: its name and a line, from 1.
    There(String, usize),
}

impl Default for Source<'_> {
    fn default() -> Self {
        Self { lines: Vec::new(), digest: Digest::of(b""), outside: None }
    }
}

fn inline<'d>(doc: &mut Doc<'_>, table: &Section<'d>) -> Source<'d> {
    let lines = table.raw_strings(doc, "items");
    let mut bytes = Vec::new();
    for (_, line) in &lines {
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }
    let digest = Digest::of(&bytes);
    let lines = lines.into_iter().map(|(span, line)| (Place::Here(span), line)).collect();
    Source { lines, digest, outside: None }
}

fn from_file<'b>(doc: &mut Doc<'_>, table: &Section<'_>, file: &str, bundle: &'b Bundle) -> Source<'b> {
    let pinned = table.text(doc, "sha256", "give the file's SHA-256: 64 lower-case hex digits");
    let Some(found) = bundle.file(file).filter(|_| file != Bundle::POLICY) else {
        let known: Vec<&str> =
            bundle.files().map(|(name, _)| name).filter(|name| *name != Bundle::POLICY).collect();
        let hint = super::did_you_mean(file, known).or(Some("put the file beside policy.toml".to_owned()));
        doc.report(table.span_of("file"), format!("the bundle has no file `{}`", shown(file)), hint);
        return Source::default();
    };
    let digest = found.digest();
    if !pinned.is_empty()
        && let Some(pinned) = check_hex_digest(doc, table.span_of("sha256"), &pinned)
        && pinned != digest
    {
        let hint = format!("the file's digest is {}", digest.hex());
        doc.report(
            table.span_of("sha256"),
            format!("`{}` is not the file that was pinned", shown(file)),
            Some(hint),
        );
    }
    let bytes = match found {
        BundleFile::Memory(bytes) => bytes,
        BundleFile::Outside(long) => {
            return Source { lines: Vec::new(), digest, outside: Some((file.to_owned(), long.clone())) };
        }
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        doc.report_file(file, "not UTF-8", None);
        return Source { lines: Vec::new(), digest, outside: None };
    };
    let lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
    let line = |(at, line): (usize, &'b str)| (Place::There(file.to_owned(), at.saturating_add(1)), line);
    let lines: Vec<_> = lines.take(MAX_DIGESTS.saturating_add(1)).enumerate().map(line).collect();
    Source { lines, digest, outside: None }
}

fn items(doc: &mut Doc<'_>, table: &Section<'_>, source: &Source<'_>) -> ListItems {
    let kinds = [("sha256", Kind::Sha256), ("keywords", Kind::Keywords), ("addresses", Kind::Addresses)];
    let kind = table.word(doc, "kind", &kinds);
    let most = if kind == Some(Kind::Sha256) { MAX_DIGESTS } else { MAX_KEYWORDS };
    if source.lines.len() > most {
        doc.report(table.span.clone(), format!("{} has more than {most} items", table.name), None);
        return ListItems::Keywords(Vec::new());
    }
    if let Some((name, long)) = &source.outside {
        return outside(doc, kind == Some(Kind::Sha256), name, long);
    }
    match kind {
        Some(Kind::Sha256) => digests(doc, source),
        Some(Kind::Keywords) => keywords(doc, source),
        Some(Kind::Addresses) => addresses(doc, source),
        None => ListItems::Keywords(Vec::new()),
    }
}

/// What a list is of.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Sha256,
    Keywords,
    Addresses,
}

fn addresses(doc: &mut Doc<'_>, source: &Source<'_>) -> ListItems {
    let mut seen = BTreeSet::new();
    let mut items = Vec::new();
    for (place, line) in &source.lines {
        if let Some(wrong) = mail::fault(line) {
            fault(doc, place, &format!("`{}`: {wrong}", shown(line)));
        } else if !seen.insert(mail::normal(line)) {
            fault(doc, place, &format!("the address `{}` stands twice", shown(line)));
        } else {
            items.push((*line).to_owned());
        }
    }
    ListItems::Addresses(items)
}

fn digests(doc: &mut Doc<'_>, source: &Source<'_>) -> ListItems {
    let mut digests = Vec::with_capacity(source.lines.len());
    for (place, line) in &source.lines {
        match Digest::from_hex(line) {
            Ok(digest) => digests.push(digest),
            Err(_) => fault(doc, place, &format!("`{}` is not a SHA-256 value", shown(line))),
        }
    }
    ListItems::Sha256(HashList::of(digests))
}

/// A list that is too long for memory: digests, ascending.
fn outside(doc: &mut Doc<'_>, of_digests: bool, name: &str, file: &Arc<ListFile>) -> ListItems {
    if !of_digests {
        let most = Bundle::MAX_IN_MEMORY;
        let message = format!("it has {} bytes; a list of keywords has at most {most}", file.length());
        doc.report_file(name, message, None);
    } else if let Some(fault) = file.fault() {
        let line = usize::try_from(fault.line).unwrap_or(usize::MAX);
        let long = format!("{} (a list of more than {} bytes)", fault.what, Bundle::MAX_IN_MEMORY);
        doc.report_line(name, line, &long);
    } else {
        return ListItems::Sha256(HashList::outside(file.clone()));
    }
    ListItems::Keywords(Vec::new())
}

fn keywords(doc: &mut Doc<'_>, source: &Source<'_>) -> ListItems {
    let mut seen = BTreeSet::new();
    let mut terms = Vec::new();
    for (place, line) in &source.lines {
        if line.trim().is_empty() || line.trim() != *line || line.chars().any(char::is_control) {
            fault(
                doc,
                place,
                "a keyword is not empty, does not begin or end with a space, and has no control character",
            );
        } else if line.contains('\u{FEFF}') {
            fault(
                doc,
                place,
                "a keyword has no byte order mark (U+FEFF) in it: some programs begin a file with one; save the list as UTF-8 without it",
            );
        } else if line.len() > MAX_KEYWORD {
            fault(doc, place, &format!("a keyword has at most {MAX_KEYWORD} bytes"));
        } else if !seen.insert(*line) {
            if matches!(place, Place::There(..)) {
                fault(doc, place, &format!("the keyword `{}` stands twice", shown(line)));
            }
        } else {
            terms.push((*line).to_owned());
        }
    }
    ListItems::Keywords(terms)
}

fn fault(doc: &mut Doc<'_>, place: &Place, message: &str) {
    match place {
        Place::Here(span) => doc.report(span.clone(), message, None),
        Place::There(file, line) => doc.report_line(file, *line, message),
    }
}

/// A file that no list names would be signed and mean nothing.
pub(super) fn check_files(doc: &mut Doc<'_>, bundle: &Bundle, tree: &Tree) {
    for (name, _) in bundle.files().filter(|(name, _)| *name != Bundle::POLICY) {
        let users = tree.lists.iter().filter(|list| list.file.as_deref() == Some(name)).count();
        if users == 0 {
            let hint = "take it out of the bundle, or name it in a list".to_owned();
            doc.report_file(name, "no list of the policy names this file", Some(hint));
        }
    }
}

pub(super) fn compartments(doc: &mut Doc<'_>, root: &Section<'_>) -> Vec<Compartment> {
    let mut ids = BTreeSet::new();
    let mut compartments = Vec::new();
    for value in array(doc, root, "compartment") {
        let known = ["id", "label", "recipients", "release"];
        let table = Section::open(doc, "[[compartment]]", value, &known, &[]);
        let id = table.text(doc, "id", "give the compartment an id");
        if !id.is_empty() {
            check_id(doc, table.span_of("id"), &id, "compartment");
            if id == UNREAD_VOLUMES {
                let hint = "target.unread_volumes = \"preserve\" makes that compartment; choose another id"
                    .to_owned();
                doc.report(
                    table.span_of("id"),
                    format!("`{UNREAD_VOLUMES}` is the program's own"),
                    Some(hint),
                );
            }
            if !ids.insert(id.clone()) {
                doc.report(
                    table.span_of("id"),
                    format!("two compartments are called `{}`", shown(&id)),
                    None,
                );
            }
        }
        let hint = "what is held must be encrypted to someone: recipients = [\"age1...\"]";
        table.need(doc, "recipients", hint);
        compartments.push(Compartment {
            id,
            label: table.text(doc, "label", "say who it is"),
            recipients: age_recipients(doc, &table, "recipients"),
            release: table.text(doc, "release", "say on what condition it may be released"),
        });
    }
    compartments
}
