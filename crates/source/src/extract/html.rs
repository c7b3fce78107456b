//! The text of a page in HTML: what stands between its tags, with characters in place of references.
//!
//! Implements `docs/spec/keywords.md`, "The text of HTML".
//!
//! ```text
//! <p>vi<b>&#97;gra</b>,<br>M&uuml;ller      viagra,
//!                                           Müller
//! ```

/// The text of `page`; `None` where not all of it can be told.
pub(super) fn text(page: &str) -> Option<String> {
    let mut out = Text::default();
    let mut rest = page.strip_prefix('\u{feff}').unwrap_or(page);
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '<' => markup(rest, &mut out)?,
            '&' => reference(rest, &mut out)?,
            '\0' => return None,
            _ => {
                out.put(first);
                rest.get(first.len_utf8()..)?
            }
        };
    }
    Some(out.0)
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

/// Passes over a tag, a comment, or a declaration; `None` where it has no end.
fn markup<'p>(from: &'p str, out: &mut Text) -> Option<&'p str> {
    if let Some(comment) = from.strip_prefix("<!--") {
        // `<!-->` and `<!--->` are whole comments, and `--!>` ends one, for those who read pages as browsers do.
        if comment.starts_with('>') || comment.starts_with("->") {
            return None;
        }
        let end = comment.find("--")?;
        let after = comment.get(end..)?.trim_start_matches('-');
        return match after.strip_prefix('>') {
            Some(rest) => Some(rest),
            None if after.starts_with("!>") => None,
            None => inside_comment(after),
        };
    }
    let body = from.get(1..)?;
    let next = body.chars().next();
    let closes = next == Some('/');
    let name = if closes { body.get(1..)? } else { body };
    match (name.chars().next(), closes) {
        (Some('a'..='z' | 'A'..='Z'), _) => {}
        (Some('!' | '?'), false) => {
            // A declaration: up to the first `>`. What begins a section of another language is not read.
            let end = body.find('>')?;
            return (!body.starts_with("![")).then(|| body.get(end.checked_add(1)?..)).flatten();
        }
        (_, true) => return None,
        (_, false) => {
            out.put('<');
            return Some(body);
        }
    }
    let length = name.find(|c: char| c.is_ascii_whitespace() || c == '/' || c == '>').unwrap_or(name.len());
    let (word, after) = name.split_at_checked(length)?;
    let word = word.to_ascii_lowercase();
    let rest = end_of_tag(after)?;
    if !INLINE.contains(&word.as_str()) {
        out.end_line();
    }
    if !closes && RAW.contains(&word.as_str()) {
        return end_of_raw(rest, &word);
    }
    // What looks like markup in these is text.
    let other = ["textarea", "title", "xmp", "plaintext"];
    if other.contains(&word.as_str()) && !closes && has_markup(rest, &word) {
        return None;
    }
    Some(rest)
}

/// Goes on in a comment, behind two hyphens that did not end it.
fn inside_comment(from: &str) -> Option<&str> {
    let mut rest = from;
    loop {
        let at = rest.find("--")?;
        let after = rest.get(at..)?.trim_start_matches('-');
        if let Some(rest) = after.strip_prefix('>') {
            return Some(rest);
        }
        if after.starts_with("!>") {
            return None;
        }
        rest = after;
    }
}

/// What follows the `>` of a tag, whose values may have one in quotes.
fn end_of_tag(from: &str) -> Option<&str> {
    let mut quote = None;
    // A quote counts only where a value begins: behind `=` and white space.
    let mut value = false;
    for (at, letter) in from.char_indices() {
        match (quote, letter) {
            (Some(open), _) => {
                if letter == open {
                    (quote, value) = (None, false);
                }
            }
            (None, '>') => return from.get(at.checked_add(1)?..),
            (None, '=') => value = true,
            (None, '"' | '\'') if value => quote = Some(letter),
            (None, '"' | '\'' | '<') => return None,
            (None, letter) if letter.is_ascii_whitespace() => {}
            (None, _) => value = false,
        }
    }
    None
}

/// What follows `</script>` or `</style>`; what stands before it is no text.
fn end_of_raw<'p>(from: &'p str, word: &str) -> Option<&'p str> {
    let mut rest = from;
    loop {
        let at = rest.find("</")?;
        // In a script, `<!--` can hide the end of it.
        if rest.get(..at)?.contains("<!--") {
            return None;
        }
        let name = rest.get(at.checked_add(2)?..)?;
        let own = name.get(..word.len()).is_some_and(|own| own.eq_ignore_ascii_case(word));
        if own {
            let after = name.get(word.len()..)?;
            return after.starts_with('>').then(|| after.get(1..)).flatten();
        }
        rest = name;
    }
}

/// Whether there is markup before the element's end, or it has none.
fn has_markup(from: &str, word: &str) -> bool {
    let end = from.find('<');
    let tag = end.and_then(|at| from.get(at..)).and_then(|rest| rest.strip_prefix("</"));
    !tag.and_then(|rest| rest.get(..word.len())).is_some_and(|own| own.eq_ignore_ascii_case(word))
}

/// Puts the character that a reference stands for; `None` for one that is not in the table or can be read in two ways.
fn reference<'p>(from: &'p str, out: &mut Text) -> Option<&'p str> {
    let body = from.get(1..)?;
    if let Some(number) = body.strip_prefix('#') {
        let (radix, digits) = match number.strip_prefix(['x', 'X']) {
            Some(digits) => (16, digits),
            None => (10, number),
        };
        let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
        let code = u32::from_str_radix(digits.get(..end)?, radix).ok()?;
        // Browsers read 0x80 to 0x9F as another code page, and others of these as nothing.
        if code < 0x20 && !matches!(code, 9 | 10 | 13) || (0x7f..=0x9f).contains(&code) {
            return None;
        }
        out.put(char::from_u32(code)?);
        return digits.get(end..)?.strip_prefix(';');
    }
    let end = body.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(body.len());
    let (name, rest) = body.split_at_checked(end)?;
    if name.is_empty() {
        out.put('&');
        return Some(body);
    }
    if let Some(rest) = rest.strip_prefix(';') {
        let (_, letter) = NAMES.iter().find(|(own, _)| *own == name)?;
        out.put(*letter);
        return Some(rest);
    }
    // Without `;` some names are references nevertheless.
    if NAMES.iter().any(|(own, _)| name.starts_with(own)) {
        return None;
    }
    out.put('&');
    Some(body)
}

/// Elements that do not end a line.
const INLINE: [&str; 29] = [
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "em", "font", "i", "ins", "del", "kbd",
    "mark", "nobr", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "tt", "u", "var", "wbr",
];
/// Elements whose content is no text of the page.
const RAW: [&str; 2] = ["script", "style"];

/// The names that are read: those of HTML 4 for Latin-1, for markup, and a few for punctuation.
const NAMES: [(&str, char); 123] = [
    ("amp", '&'),
    ("AMP", '&'),
    ("lt", '<'),
    ("LT", '<'),
    ("gt", '>'),
    ("GT", '>'),
    ("quot", '"'),
    ("QUOT", '"'),
    ("apos", '\''),
    ("COPY", '\u{a9}'),
    ("REG", '\u{ae}'),
    ("nbsp", '\u{a0}'),
    ("iexcl", '\u{a1}'),
    ("cent", '\u{a2}'),
    ("pound", '\u{a3}'),
    ("curren", '\u{a4}'),
    ("yen", '\u{a5}'),
    ("brvbar", '\u{a6}'),
    ("sect", '\u{a7}'),
    ("uml", '\u{a8}'),
    ("copy", '\u{a9}'),
    ("ordf", '\u{aa}'),
    ("laquo", '\u{ab}'),
    ("not", '\u{ac}'),
    ("shy", '\u{ad}'),
    ("reg", '\u{ae}'),
    ("macr", '\u{af}'),
    ("deg", '\u{b0}'),
    ("plusmn", '\u{b1}'),
    ("sup2", '\u{b2}'),
    ("sup3", '\u{b3}'),
    ("acute", '\u{b4}'),
    ("micro", '\u{b5}'),
    ("para", '\u{b6}'),
    ("middot", '\u{b7}'),
    ("cedil", '\u{b8}'),
    ("sup1", '\u{b9}'),
    ("ordm", '\u{ba}'),
    ("raquo", '\u{bb}'),
    ("frac14", '\u{bc}'),
    ("frac12", '\u{bd}'),
    ("frac34", '\u{be}'),
    ("iquest", '\u{bf}'),
    ("Agrave", '\u{c0}'),
    ("Aacute", '\u{c1}'),
    ("Acirc", '\u{c2}'),
    ("Atilde", '\u{c3}'),
    ("Auml", '\u{c4}'),
    ("Aring", '\u{c5}'),
    ("AElig", '\u{c6}'),
    ("Ccedil", '\u{c7}'),
    ("Egrave", '\u{c8}'),
    ("Eacute", '\u{c9}'),
    ("Ecirc", '\u{ca}'),
    ("Euml", '\u{cb}'),
    ("Igrave", '\u{cc}'),
    ("Iacute", '\u{cd}'),
    ("Icirc", '\u{ce}'),
    ("Iuml", '\u{cf}'),
    ("ETH", '\u{d0}'),
    ("Ntilde", '\u{d1}'),
    ("Ograve", '\u{d2}'),
    ("Oacute", '\u{d3}'),
    ("Ocirc", '\u{d4}'),
    ("Otilde", '\u{d5}'),
    ("Ouml", '\u{d6}'),
    ("times", '\u{d7}'),
    ("Oslash", '\u{d8}'),
    ("Ugrave", '\u{d9}'),
    ("Uacute", '\u{da}'),
    ("Ucirc", '\u{db}'),
    ("Uuml", '\u{dc}'),
    ("Yacute", '\u{dd}'),
    ("THORN", '\u{de}'),
    ("szlig", '\u{df}'),
    ("agrave", '\u{e0}'),
    ("aacute", '\u{e1}'),
    ("acirc", '\u{e2}'),
    ("atilde", '\u{e3}'),
    ("auml", '\u{e4}'),
    ("aring", '\u{e5}'),
    ("aelig", '\u{e6}'),
    ("ccedil", '\u{e7}'),
    ("egrave", '\u{e8}'),
    ("eacute", '\u{e9}'),
    ("ecirc", '\u{ea}'),
    ("euml", '\u{eb}'),
    ("igrave", '\u{ec}'),
    ("iacute", '\u{ed}'),
    ("icirc", '\u{ee}'),
    ("iuml", '\u{ef}'),
    ("eth", '\u{f0}'),
    ("ntilde", '\u{f1}'),
    ("ograve", '\u{f2}'),
    ("oacute", '\u{f3}'),
    ("ocirc", '\u{f4}'),
    ("otilde", '\u{f5}'),
    ("ouml", '\u{f6}'),
    ("divide", '\u{f7}'),
    ("oslash", '\u{f8}'),
    ("ugrave", '\u{f9}'),
    ("uacute", '\u{fa}'),
    ("ucirc", '\u{fb}'),
    ("uuml", '\u{fc}'),
    ("yacute", '\u{fd}'),
    ("thorn", '\u{fe}'),
    ("yuml", '\u{ff}'),
    ("ndash", '\u{2013}'),
    ("mdash", '\u{2014}'),
    ("lsquo", '\u{2018}'),
    ("rsquo", '\u{2019}'),
    ("sbquo", '\u{201a}'),
    ("ldquo", '\u{201c}'),
    ("rdquo", '\u{201d}'),
    ("bdquo", '\u{201e}'),
    ("hellip", '\u{2026}'),
    ("bull", '\u{2022}'),
    ("euro", '\u{20ac}'),
    ("trade", '\u{2122}'),
    ("rarr", '\u{2192}'),
    ("larr", '\u{2190}'),
    ("lsaquo", '\u{2039}'),
    ("rsaquo", '\u{203a}'),
];
