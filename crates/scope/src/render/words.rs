//! Texts made safe for Markdown, and the words of kinds and times as policies write them.

use crate::facts::{Kind, TimeKind};
use crate::read::{KINDS, TIMES};

pub use crate::read::is_visible;

/// Whether a backslash is written as its number: else what somebody spelled would look like a character that is not seen.
#[must_use]
pub fn begins_escape(rest: &str) -> bool {
    rest.starts_with("\\u{")
}

/// A text of the policy, so that Markdown shows exactly it. What begins a line must not pass for a list or a heading.
pub(crate) fn plain(text: &str, begins_line: bool) -> String {
    let mut safe = String::with_capacity(text.len());
    let digits = text.len().saturating_sub(text.trim_start_matches(|c: char| c.is_ascii_digit()).len());
    for (at, c) in text.char_indices() {
        let item = begins_line
            && (at == 0 && matches!(c, '-' | '+' | '=') || at == digits && matches!(c, '.' | ')'));
        match c {
            '\\' if text.get(at..).is_some_and(begins_escape) => safe.push_str("\\\\u\\{5C\\}"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '&' | '~' | '!' => {
                safe.extend(['\\', c])
            }
            c if item => safe.extend(['\\', c]),
            c if is_visible(c) => safe.push(c),
            c => safe.push_str(&format!("\\\\u\\{{{:X}\\}}", u32::from(c))),
        }
    }
    safe
}

/// A text of the policy as code: globs, digests, keys.
pub(crate) fn code(text: &str) -> String {
    let shown = shown(text);
    let longest = shown.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.saturating_add(1));
    let pad = if shown.starts_with('`') || shown.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{shown}{pad}{fence}")
}

/// A text whose invisible characters are written out, `\u{202E}`, and so is the backslash of one that spells this.
fn shown(text: &str) -> String {
    let one = |(at, c): (usize, char)| match is_visible(c) && !text.get(at..).is_some_and(begins_escape) {
        true => c.to_string(),
        false => format!("\\u{{{:X}}}", u32::from(c)),
    };
    text.char_indices().map(one).collect()
}

pub(crate) fn kind(kind: Kind) -> &'static str {
    KINDS.iter().find(|(_, known)| *known == kind).map_or("other", |(word, _)| word)
}

pub(crate) fn time_kind(kind: TimeKind) -> &'static str {
    TIMES.iter().find(|(_, known)| *known == kind).map_or("other", |(word, _)| word)
}

/// What applies, as a list that begins a sentence: `Deleted entries, slack space and snapshots`.
pub(super) fn listed(all: &[(bool, &str)], and: &str) -> String {
    let words: Vec<&str> = all.iter().filter(|(applies, _)| *applies).map(|(_, word)| *word).collect();
    let list = match words.as_slice() {
        [init @ .., last] if !init.is_empty() => format!("{} {and} {last}", init.join(", ")),
        words => words.concat(),
    };
    let mut letters = list.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}", letters.as_str())
}
