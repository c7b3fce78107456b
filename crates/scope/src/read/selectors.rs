//! `[selector.X]`.

use toml::de::DeValue;

use super::doc::Doc;
use super::fields::{Section, Value, number, one_of, shown};
use super::head::{globs, owned};
use super::{Ids, check_reference, named};
use crate::facts::{Kind, TimeKind};
use crate::glob::Glob;
use crate::magic;
use crate::mail::Role;
use crate::policy::{Condition, Field, ListItems, MailCondition, Selector, TimeCondition, TimeMode, Tree};

/// Kinds and their words, as in facts.
pub(crate) const KINDS: [(&str, Kind); 12] = [
    ("file", Kind::File),
    ("directory", Kind::Directory),
    ("symlink", Kind::Symlink),
    ("fifo", Kind::Fifo),
    ("socket", Kind::Socket),
    ("char-device", Kind::CharDevice),
    ("block-device", Kind::BlockDevice),
    ("stream", Kind::Stream),
    ("deleted", Kind::Deleted),
    ("recovered", Kind::Recovered),
    ("member", Kind::Member),
    ("other", Kind::Other),
];

/// Times and their words, as in facts.
pub(crate) const TIMES: [(&str, TimeKind); 4] = [
    ("modified", TimeKind::Modified),
    ("accessed", TimeKind::Accessed),
    ("changed", TimeKind::Changed),
    ("created", TimeKind::Created),
];

pub(super) fn selectors(doc: &mut Doc<'_>, root: &Section<'_>, ids: &Ids<'_>) -> Vec<Selector> {
    let known: Vec<&str> = std::iter::once("label").chain(Field::ALL.into_iter().map(Field::word)).collect();
    let mut selectors = Vec::new();
    for (_, id, value) in named(doc, root, "selector") {
        let name = format!("[selector.{}]", shown(id));
        let table = Section::open(doc, name, value, &known, &[]);
        let label = table.text(doc, "label", "say what it selects");
        let given = Field::ALL.into_iter().filter(|field| table.get(field.word()).is_some());
        let given: Vec<Field> = given.collect();
        if given.is_empty() && !doc.faulty && matches!(value.get_ref(), DeValue::Table(_)) {
            let hint = "it would match every item; give at least one condition".to_owned();
            doc.report(value.span(), format!("{} is empty: it has no condition", table.name), Some(hint));
        }
        let conditions = given.into_iter().filter_map(|field| condition(doc, &table, field, ids)).collect();
        selectors.push(Selector { id: id.to_owned(), label, conditions });
    }
    selectors
}

fn condition(doc: &mut Doc<'_>, table: &Section<'_>, field: Field, ids: &Ids<'_>) -> Option<Condition> {
    let key = field.word();
    Some(match field {
        Field::Path => Condition::Path(globs(doc, table, key, Glob::path)),
        Field::Name => Condition::Name(globs(doc, table, key, Glob::name)),
        Field::Ext => Condition::Ext(extensions(doc, table)),
        Field::Kind => Condition::Kind(kinds(doc, table)),
        Field::Type => Condition::Type(types(doc, table)),
        Field::TypeMismatch => Condition::TypeMismatch(table.maybe_flag(doc, key)?),
        Field::Size => size(doc, table)?,
        Field::Time => time(doc, table, ids)?,
        Field::Owner => Condition::Owner(references(doc, table, key, &ids.custodians, "custodian")),
        Field::HashIn => Condition::HashIn(references(doc, table, key, &ids.lists, "list")),
        Field::Encrypted => Condition::Encrypted(table.maybe_flag(doc, key)?),
        Field::Keywords => keywords(doc, table, ids)?,
        Field::Mail => mail(doc, table, ids)?,
        Field::Artifact => Condition::Artifact(references(doc, table, key, &ids.artifacts, "artifact")),
        Field::Volume => Condition::Volume(owned(table.texts(doc, key))),
    })
}

fn references(doc: &mut Doc<'_>, table: &Section<'_>, key: &str, known: &[&str], what: &str) -> Vec<String> {
    let found = table.texts(doc, key);
    for (span, id) in &found {
        check_reference(doc, span.clone(), id, known, what);
    }
    owned(found)
}

fn extensions(doc: &mut Doc<'_>, table: &Section<'_>) -> Vec<String> {
    let found = table.texts(doc, "ext");
    for (span, ext) in &found {
        if ext.contains(['.', '/']) {
            let hint = "write it without the dot; only the last extension counts".to_owned();
            doc.report(span.clone(), format!("`{}` is not an extension", shown(ext)), Some(hint));
        } else if ext.contains(['*', '?', '[']) {
            let hint = "an extension is no glob; use `name` for globs".to_owned();
            doc.report(span.clone(), format!("`{}` is not an extension", shown(ext)), Some(hint));
        }
    }
    owned(found)
}

fn kinds(doc: &mut Doc<'_>, table: &Section<'_>) -> Vec<Kind> {
    let mut kinds = Vec::new();
    for (span, word) in table.texts(doc, "kind") {
        if word == "message" {
            let message = format!("the kind `{word}` is not supported in this version");
            let hint = "mailboxes are not opened; leave it out".to_owned();
            doc.report(span, message, Some(hint));
        } else if let Some((_, kind)) = KINDS.iter().find(|(known, _)| *known == word) {
            kinds.push(*kind);
        } else {
            let hint = super::did_you_mean(word, KINDS.iter().map(|(word, _)| *word));
            doc.report(span, format!("`{}` is not a kind", shown(word)), hint);
        }
    }
    kinds
}

fn types(doc: &mut Doc<'_>, table: &Section<'_>) -> Vec<String> {
    let found = table.texts(doc, "type");
    for (span, name) in &found {
        if !magic::is_type(name) {
            let hint = super::did_you_mean(name, magic::TYPES.iter().map(|info| info.name));
            doc.report(span.clone(), format!("`{}` is not a type of magic/1", shown(name)), hint);
        }
    }
    owned(found)
}

fn size(doc: &mut Doc<'_>, table: &Section<'_>) -> Option<Condition> {
    let value = table.get("size")?;
    let inner = Section::open(doc, format!("`size` of {}", table.name), value, &["min", "max"], &[]);
    let (min, max) = (inner.maybe_number(doc, "min"), inner.maybe_number(doc, "max"));
    if inner.get("min").is_none()
        && inner.get("max").is_none()
        && matches!(value.get_ref(), DeValue::Table(_))
    {
        doc.report(value.span(), "`size` has neither `min` nor `max`", None);
    }
    if min.zip(max).is_some_and(|(min, max)| max < min) {
        doc.report(value.span(), "no size is at least `min` and at most `max`", None);
    }
    Some(Condition::Size { min, max })
}

fn time(doc: &mut Doc<'_>, table: &Section<'_>, ids: &Ids<'_>) -> Option<Condition> {
    let value = table.get("time")?;
    let inner =
        Section::open(doc, format!("`time` of {}", table.name), value, &["of", "within", "mode"], &[]);
    let modes = [("any", TimeMode::Any), ("all", TimeMode::All)];
    inner.need(doc, "of", "say which times: of = [\"modified\"]");
    let mut of = Vec::new();
    for value in inner.values(doc, "of") {
        match one_of(doc, value, "of", &TIMES) {
            Some(kind) if of.contains(&kind) => doc.report(value.span(), "a time stands twice in `of`", None),
            Some(kind) => of.push(kind),
            None => {}
        }
    }
    let within = inner.text(doc, "within", "name a window");
    if !within.is_empty() {
        check_reference(doc, inner.span_of("within"), &within, &ids.windows, "window");
    }
    let mode = inner.maybe_word(doc, "mode", &modes).unwrap_or(TimeMode::Any);
    Some(Condition::Time(TimeCondition { of, within, mode }))
}

fn keywords(doc: &mut Doc<'_>, table: &Section<'_>, ids: &Ids<'_>) -> Option<Condition> {
    let value = table.get("keywords")?;
    let inner =
        Section::open(doc, format!("`keywords` of {}", table.name), value, &["list", "at_least"], &[]);
    let list = inner.text(doc, "list", "name a list of keywords");
    if !list.is_empty() {
        check_reference(doc, inner.span_of("list"), &list, &ids.lists, "list");
    }
    let at_least = inner.get("at_least").and_then(|value| number(doc, value, "at_least")).unwrap_or(1);
    if at_least == 0 {
        doc.report(inner.span_of("at_least"), "`at_least` = 0 would match every item", None);
    }
    Some(Condition::Keywords { list, at_least })
}

fn mail(doc: &mut Doc<'_>, table: &Section<'_>, ids: &Ids<'_>) -> Option<Condition> {
    let value = table.get("mail")?;
    let known = ["party", "role", "within", "messages"];
    let inner = Section::open(doc, format!("`mail` of {}", table.name), value, &known, &[]);
    let party = references(doc, &inner, "party", &ids.lists, "list");
    let mut role = Vec::new();
    for value in inner.values(doc, "role") {
        match one_of(doc, value, "role", &Role::ALL.map(|own| (own.word(), own))) {
            Some(own) if role.contains(&own) => {
                doc.report(value.span(), "a role stands twice in `role`", None)
            }
            Some(own) => role.push(own),
            None => {}
        }
    }
    let within = inner.maybe_text(doc, "within");
    if let Some(within) = &within {
        check_reference(doc, inner.span_of("within"), within, &ids.windows, "window");
    }
    if let DeValue::Table(_) = value.get_ref() {
        match (inner.get("party"), inner.get("role"), inner.get("within")) {
            (None, None, None) => {
                let hint = "name lists of addresses in `party`, a window in `within`, or both".to_owned();
                doc.report(value.span(), "`mail` asks for neither a party nor a period", Some(hint));
            }
            (Some(_), None, _) => {
                let hint = "say in which roles: role = [\"from\", \"to\", \"cc\", \"bcc\"]".to_owned();
                doc.report(value.span(), "`mail` has a `party` and no `role`", Some(hint));
            }
            (None, Some(_), _) => {
                let hint = "name lists of addresses in `party`".to_owned();
                doc.report(value.span(), "`mail` has a `role` and no `party`", Some(hint));
            }
            _ => {}
        }
    }
    let modes = [("any", TimeMode::Any), ("all", TimeMode::All)];
    let hint = "a mailbox is one file of many messages: say whether one that fits suffices (\"any\") or every one must (\"all\")";
    let messages = inner.need(doc, "messages", hint);
    let messages = messages.and_then(|_| inner.maybe_word(doc, "messages", &modes)).unwrap_or(TimeMode::Any);
    Some(Condition::Mail(MailCondition { party, role, within, messages }))
}

/// What can be said of lists only once they are read: their kind and their length.
pub(super) fn check_lists(doc: &mut Doc<'_>, root: &Section<'_>, tree: &Tree) {
    let Some(DeValue::Table(entries)) = root.get("selector").map(toml::Spanned::get_ref) else { return };
    let place = |selector: &Selector, key: &str| {
        let entry: &Value<'_> = entries.get(selector.id.as_str())?;
        match entry.get_ref() {
            DeValue::Table(table) => table.get(key).map(toml::Spanned::span),
            _ => None,
        }
    };
    let list = |id: &str| tree.lists.iter().find(|list| list.id == id);
    for selector in &tree.selectors {
        for condition in &selector.conditions {
            let span = place(selector, condition.field().word()).unwrap_or(0..0);
            match condition {
                Condition::HashIn(lists) => {
                    for found in lists.iter().filter_map(|id| list(id)) {
                        if let ListItems::Keywords(terms) | ListItems::Addresses(terms) = &found.items
                            && !terms.is_empty()
                        {
                            let kind = found.items.word();
                            let message = format!("`{}` is a list of {kind}, not of digests", found.id);
                            doc.report(span.clone(), message, None);
                        }
                    }
                }
                Condition::Keywords { list: id, at_least } => match list(id).map(|list| &list.items) {
                    Some(ListItems::Sha256(_)) => {
                        doc.report(span, format!("`{id}` is a list of digests, not of keywords"), None);
                    }
                    Some(ListItems::Addresses(items)) if !items.is_empty() => {
                        doc.report(span, format!("`{id}` is a list of addresses, not of keywords"), None);
                    }
                    Some(ListItems::Keywords(terms))
                        if !terms.is_empty() && *at_least > terms.len() as u64 =>
                    {
                        let message = format!("`{id}` has {} terms: {at_least} can never occur", terms.len());
                        doc.report(span, message, None);
                    }
                    _ => {}
                },
                Condition::Mail(mail) => {
                    for found in mail.party.iter().filter_map(|id| list(id)) {
                        let what = match &found.items {
                            ListItems::Sha256(_) => "digests",
                            ListItems::Keywords(terms) if !terms.is_empty() => "keywords",
                            _ => continue,
                        };
                        let message = format!("`{}` is a list of {what}, not of addresses", found.id);
                        doc.report(span.clone(), message, None);
                    }
                }
                _ => {}
            }
        }
    }
}
