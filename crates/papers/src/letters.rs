//! Letters of a text as they are shown: what cannot be seen is written as its number, and what is long has a line of its own.

use scope::render::document::{Row, Text};
use scope::render::is_visible;

/// A last cell with more letters stands below the others: a digest, a key.
const LONG: usize = 40;

/// How many columns of a table stand beside each other; what is left of a row stands below them.
pub(crate) fn beside(columns: &[Text], rows: &[Row]) -> usize {
    let long = |row: &Row| row.cells.last().is_some_and(|cell| cell.letters().chars().count() > LONG);
    if rows.iter().any(long) { columns.len().saturating_sub(1) } else { columns.len() }
}

/// The text, each character that cannot be shown as `\u{202E}`; so is the backslash of a text that spells this itself.
///
/// `has` says which visible characters there is a picture for.
pub(crate) fn shown(text: &str, has: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let spelled = text.get(at..).is_some_and(|rest| rest.starts_with("\\u{"));
        if is_visible(c) && has(c) && !spelled {
            shown.push(c);
        } else {
            shown.extend(
                c.escape_unicode().map(|c| c.to_ascii_uppercase()).map(|c| if c == 'U' { 'u' } else { c }),
            );
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_vanishes() {
        let check = |text: &str, expected: &str| assert_eq!(shown(text, |c| c != '中'), expected);
        check("Grüße – „ß“", "Grüße – „ß“");
        check("a\u{202E}b", "a\\u{202E}b");
        check("中文", "\\u{4E2D}文");
        check("\n", "\\u{A}");
        check("a\\u{202E}b\\u", "a\\u{5C}u{202E}b\\u");
    }
}
