//! The words of the rendering: texts made safe, conditions as phrases.

use chrono::{DateTime, FixedOffset};

use crate::facts::{Kind, Look, TimeKind};
use crate::policy::{Condition, List, Policy, Selector, TimeMode};
use crate::read::{KINDS, TIMES, is_visible};

/// A text of the policy, so that Markdown shows exactly it.
pub(crate) fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '&' | '~' | '!' => {
                safe.extend(['\\', c])
            }
            c if is_visible(c) => safe.push(c),
            c => safe.push_str(&format!("\\\\u\\{{{:X}\\}}", u32::from(c))),
        }
    }
    safe
}

/// A text of the policy as code: globs, digests, keys.
pub(crate) fn code(text: &str) -> String {
    let shown: String = text
        .chars()
        .map(|c| if is_visible(c) { c.to_string() } else { format!("\\u{{{:X}}}", u32::from(c)) })
        .collect();
    let longest = shown.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.saturating_add(1));
    let pad = if shown.starts_with('`') || shown.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{shown}{pad}{fence}")
}

/// `a`, `a or b`, `a, b or c`.
pub(crate) fn join(parts: &[String], word: &str) -> String {
    match parts {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [init @ .., last] => format!("{} {word} {last}", init.join(", ")),
    }
}

/// `2011-03-09 00:00:00 +00:00`.
pub(crate) fn moment(time: DateTime<FixedOffset>) -> String {
    let fraction = if time.timestamp_subsec_nanos() == 0 { "" } else { "%.9f" };
    time.format(&format!("%Y-%m-%d %H:%M:%S{fraction} %:z")).to_string()
}

/// A count and its noun.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// What a look does, in words.
pub(crate) fn look(look: Look) -> &'static str {
    match look {
        Look::Metadata => {
            "**metadata**: names, kinds, sizes, times and owners, as the file system records them"
        }
        Look::Type => {
            "**type**: the first bytes of a file, to tell what type it is and whether it is encrypted"
        }
        Look::Hash => {
            "**hash**: a file is read whole to compute its digest, which is compared with lists; nobody sees it"
        }
        Look::Content => "**content**: the text of a file is searched for the keywords of the lists below",
    }
}

pub(crate) fn kind(kind: Kind) -> &'static str {
    KINDS.iter().find(|(_, known)| *known == kind).map_or("other", |(word, _)| word)
}

pub(crate) fn time_kind(kind: TimeKind) -> &'static str {
    TIMES.iter().find(|(_, known)| *known == kind).map_or("other", |(word, _)| word)
}

/// The conditions of a selector as phrases that continue "an item ...".
pub(crate) fn conditions(policy: &Policy, selector: &Selector) -> Vec<String> {
    selector.conditions.iter().map(|own| condition(policy, own)).collect()
}

/// One condition as a phrase that continues "an item ...".
pub(crate) fn condition(policy: &Policy, condition: &Condition) -> String {
    let or = |texts: Vec<String>| join(&texts, "or");
    let codes = |texts: &[String]| or(texts.iter().map(|text| code(text)).collect());
    let list =
        |id: &String| policy.lists().iter().find(|list| list.id == *id).map_or_else(|| plain(id), list_name);
    match condition {
        Condition::Path(globs) => {
            format!("has a path like {}", or(globs.iter().map(|g| code(g.text())).collect()))
        }
        Condition::Name(globs) => {
            format!("has a name like {}", or(globs.iter().map(|g| code(g.text())).collect()))
        }
        Condition::Ext(exts) => format!("has the extension {}", codes(exts)),
        Condition::Kind(kinds) => {
            format!("is a {}", or(kinds.iter().map(|own| kind(*own).to_owned()).collect()))
        }
        Condition::Type(types) => format!("is of the type {} by its first bytes", codes(types)),
        Condition::TypeMismatch(true) => "bears an extension that belongs to other types".to_owned(),
        Condition::TypeMismatch(false) => "does not bear an extension that belongs to other types".to_owned(),
        Condition::Size { min: Some(min), max: Some(max) } => format!("has from {min} to {max} bytes"),
        Condition::Size { min: Some(min), max: None } => format!("has at least {min} bytes"),
        Condition::Size { max: Some(max), .. } => format!("has at most {max} bytes"),
        Condition::Size { .. } => "has a size".to_owned(),
        Condition::Time(time) => {
            let kinds: Vec<String> = time.of.iter().map(|own| time_kind(*own).to_owned()).collect();
            let window = policy.windows().iter().find(|window| window.id == time.within);
            let within = window.map_or_else(String::new, |window| {
                format!("from {} until before {}", moment(window.from), moment(window.until))
            });
            match (time.mode, kinds.len()) {
                (_, 1) | (TimeMode::Any, _) => format!("has the time {} {within}", join(&kinds, "or")),
                (TimeMode::All, _) => format!("has each of the times {} {within}", join(&kinds, "and")),
            }
        }
        Condition::Owner(ids) => {
            let label = |id: &String| {
                let found = policy.custodians().iter().find(|own| own.id == *id);
                found.map_or_else(|| plain(id), |own| format!("{} ({})", plain(&own.label), code(id)))
            };
            format!("belongs to {}", or(ids.iter().map(label).collect()))
        }
        Condition::HashIn(ids) => format!("has a digest on the list {}", or(ids.iter().map(list).collect())),
        Condition::Encrypted(true) => "is encrypted".to_owned(),
        Condition::Encrypted(false) => "is not encrypted".to_owned(),
        Condition::Keywords { list: id, at_least } => {
            let terms =
                if *at_least == 1 { "one term".to_owned() } else { format!("{at_least} different terms") };
            format!("contains at least {terms} of the list {}", list(id))
        }
        Condition::Volume(volumes) => format!("is on the volume {}", codes(volumes)),
    }
}

fn list_name(list: &List) -> String {
    format!("{} ({})", plain(&list.label), code(&list.id))
}
