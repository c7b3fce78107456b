//! The text of a page in HTML: what stands between its tags, with characters in place of references.
//!
//! Implements `docs/spec/keywords.md`, "The text of HTML".
//!
//! ```text
//! <p>vi<b>&#97;gra</b>,<br>M&uuml;ller      viagra,
//!                                           Müller
//! ```

mod names;
mod tags;

use names::NAMES;

use super::Texts;

/// The texts of `page`; `None` where not all of it can be told.
pub(super) fn text(page: &str) -> Option<Texts> {
    let mut out = Page::default();
    read(page.strip_prefix('\u{feff}').unwrap_or(page), &mut out)?;
    if out.annotation.is_some() {
        return None; // an annotation without an end
    }
    for aside in out.asides {
        out.text.end_line();
        aside.chars().for_each(|letter| out.text.put(letter));
    }
    Some(Texts { text: out.text.0, joined: out.joined.0 })
}

/// A page being read.
#[derive(Default)]
struct Page {
    text: Text,
    /// The same without the ends of lines that tags make.
    joined: Text,
    /// What does not stand between what is before and behind it: annotations of letters, values of attributes.
    asides: Vec<String>,
    /// The annotation that is open.
    annotation: Option<String>,
    /// Whether a table was begun and no cell of it: text here is shown elsewhere.
    between_cells: bool,
    /// The element that is open and not shown, and how many of its name are open with it.
    hidden: Option<(String, usize)>,
    /// How many drawings are open.
    drawings: usize,
}

impl Page {
    fn put(&mut self, letter: char) -> Option<()> {
        if self.between_cells && !letter.is_ascii_whitespace() {
            return None;
        }
        match &mut self.annotation {
            Some(annotation) => annotation.push(letter),
            None => {
                self.text.put(letter);
                if self.hidden.is_none() {
                    self.joined.put(letter);
                }
            }
        }
        Some(())
    }
}

/// Text in which white space is one space, or the end of a line.
#[derive(Default)]
struct Text(String);

impl Text {
    fn put(&mut self, letter: char) {
        match letter {
            ' ' | '\t' | '\n' | '\r' | '\u{c}' | '\u{a0}' => {
                if !self.0.is_empty() && !self.0.ends_with([' ', '\n']) {
                    self.0.push(' ');
                }
            }
            letter => self.0.push(letter),
        }
    }

    fn end_line(&mut self) {
        if self.0.ends_with(' ') {
            self.0.pop();
        }
        if !self.0.is_empty() && !self.0.ends_with('\n') {
            self.0.push('\n');
        }
    }
}

/// Reads markup that begins and ends between tags.
fn read(markup: &str, out: &mut Page) -> Option<()> {
    let mut rest = markup;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '<' => tags::markup(rest, out)?,
            '&' => {
                let (letter, rest) = reference(rest, false)?;
                out.put(letter)?;
                rest
            }
            '\0' => return None,
            _ => {
                out.put(first)?;
                rest.get(first.len_utf8()..)?
            }
        };
    }
    Some(())
}

/// The character that a reference stands for, or `&` itself, and what follows; `None` for one that is not in the table
/// or can be read in two ways.
fn reference(from: &str, in_value: bool) -> Option<(char, &str)> {
    let body = from.get(1..)?;
    if let Some(number) = body.strip_prefix('#') {
        let (radix, digits) = match number.strip_prefix(['x', 'X']) {
            Some(digits) => (16, digits),
            None => (10, number),
        };
        let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
        if in_value && end == 0 {
            return Some(('&', body));
        }
        let code = u32::from_str_radix(digits.get(..end)?, radix).ok()?;
        // Browsers read 0x80 to 0x9F as another code page, and others of these as nothing.
        if code < 0x20 && !matches!(code, 9 | 10 | 13) || (0x7f..=0x9f).contains(&code) {
            return None;
        }
        return Some((char::from_u32(code)?, digits.get(end..)?.strip_prefix(';')?));
    }
    let end = body.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(body.len());
    let (name, rest) = body.split_at_checked(end)?;
    if name.is_empty() {
        return Some(('&', body));
    }
    if let Some(rest) = rest.strip_prefix(';') {
        let (_, letter) = NAMES.iter().find(|(own, _)| *own == name)?;
        return Some((*letter, rest));
    }
    // Without `;` some names are references nevertheless; in values, not before `=` or a letter.
    let ambiguous = if in_value {
        !rest.starts_with('=') && NAMES.iter().any(|(own, _)| name == *own)
    } else {
        NAMES.iter().any(|(own, _)| name.starts_with(own))
    };
    (!ambiguous).then_some(('&', body))
}
