//! What begins with `<` in a page: tags, comments, declarations.

use super::{Page, read, reference};

/// Passes over a tag, a comment, or a declaration; `None` where it has no end, or can be read in two ways.
pub(super) fn markup<'p>(from: &'p str, out: &mut Page) -> Option<&'p str> {
    if let Some(comment) = from.strip_prefix("<!--") {
        // `<!-->` and `<!--->` are whole comments for those who read pages as browsers do.
        if comment.starts_with('>') || comment.starts_with("->") {
            return None;
        }
        return end_of_comment(comment);
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
            let other = ["![", "?php", "?="].iter().any(|other| body.starts_with(other));
            return (!other).then(|| body.get(end.checked_add(1)?..)).flatten();
        }
        (_, true) => return None,
        (_, false) => {
            out.put('<')?;
            return Some(body);
        }
    }
    let length = name.find(|c: char| c.is_ascii_whitespace() || c == '/' || c == '>').unwrap_or(name.len());
    let (word, after) = name.split_at_checked(length)?;
    let word = word.to_ascii_lowercase();
    let word = word.as_str();
    let rest = end_of_tag(after)?;
    let length = after.len().checked_sub(rest.len())?.checked_sub(1)?;
    let attributes = after.get(..length)?;
    values(attributes, out)?;
    hidden(word, closes, attributes, out);
    if word == "svg" {
        out.drawings = if closes { out.drawings.saturating_sub(1) } else { out.drawings.saturating_add(1) };
    }
    annotation(word, closes, out);
    if LINES.contains(&word) {
        out.text.end_line();
    }
    if BREAKS.contains(&word) && out.hidden.is_none() {
        out.joined.put(' ');
    }
    out.between_cells = match word {
        "table" => !closes,
        "tbody" | "thead" | "tfoot" | "tr" => true,
        "td" | "th" | "caption" | "colgroup" => closes,
        "script" | "style" | "col" => out.between_cells,
        _ => false,
    };
    if closes {
        return Some(rest);
    }
    match word {
        "script" | "style" => {
            let (raw, _) = rest.split_at_checked(end_of_element(rest, word)?)?;
            // In a drawing, browsers read these as they read all else.
            if out.drawings > 0 && raw.contains(['<', '&']) {
                return None;
            }
            end_of_raw(rest, word)
        }
        // What looks like markup in these is text.
        "textarea" | "title" | "xmp" | "plaintext" => (!has_markup(rest, word)).then_some(rest),
        // What is in these is markup for some, and something up to their end for others.
        "noscript" | "noframes" | "noembed" | "iframe" => {
            let (body, rest) = rest.split_at_checked(end_of_element(rest, word)?)?;
            read(body, out)?;
            Some(rest)
        }
        _ => Some(rest),
    }
}

/// Passes over a comment; `None` where it ends for some at another place than for others, or not at all.
fn end_of_comment(from: &str) -> Option<&str> {
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

/// Annotations of letters stand above them, and what is written on the line goes on.
fn annotation(word: &str, closes: bool, out: &mut Page) {
    match (word, closes) {
        // Each ends the one before.
        ("rt" | "rp" | "rtc", false) => {
            out.asides.extend(out.annotation.replace(String::new()));
        }
        ("rt" | "rp" | "rtc" | "ruby", true) | ("rb", _) => out.asides.extend(out.annotation.take()),
        _ => {}
    }
}

/// Where an element begins that is not shown, or ends.
fn hidden(word: &str, closes: bool, attributes: &str, out: &mut Page) {
    match &mut out.hidden {
        Some((name, open)) if name == word => {
            *open = if closes { open.saturating_sub(1) } else { open.saturating_add(1) };
            if *open == 0 {
                out.hidden = None;
            }
        }
        Some(_) => {}
        None if !closes && !VOID.contains(&word) && is_hidden(attributes) => {
            out.hidden = Some((word.to_owned(), 1));
        }
        None => {}
    }
}

fn is_hidden(attributes: &str) -> bool {
    let words = attributes.split(|c: char| c.is_ascii_whitespace() || matches!(c, '"' | '\''));
    if words.into_iter().any(|word| word.trim_end_matches('=').eq_ignore_ascii_case("hidden")) {
        return true;
    }
    let style: String = attributes.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let style = style.to_ascii_lowercase();
    ["display:none", "visibility:hidden", "font-size:0", "opacity:0"].iter().any(|own| style.contains(own))
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

/// Sets aside the values with references that a tag has; those without stand in the page as they are read. `None` for
/// values that hold a page of their own.
fn values(attributes: &str, out: &mut Page) -> Option<()> {
    let mut rest = attributes;
    while let Some(at) = rest.find('=') {
        let (before, after) = rest.split_at_checked(at)?;
        let name = before.trim_ascii_end().rsplit(|c: char| c.is_ascii_whitespace() || c == '/').next()?;
        let after = after.get(1..)?.trim_ascii_start();
        let (value, next) = match after.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let body = after.get(1..)?;
                let (value, next) = body.split_at_checked(body.find(quote)?)?;
                (value, next.get(1..)?)
            }
            _ => after
                .split_at_checked(after.find(|c: char| c.is_ascii_whitespace()).unwrap_or(after.len()))?,
        };
        if name.eq_ignore_ascii_case("srcdoc") {
            return None;
        }
        let mut text = String::new();
        let mut body = value;
        while let Some(at) = body.find('&') {
            let (plain, from) = body.split_at_checked(at)?;
            text.push_str(plain);
            let (letter, rest) = reference(from, true)?;
            text.push(letter);
            body = rest;
        }
        text.push_str(body);
        let start: String = text.chars().filter(|c| *c > ' ').take(12).collect();
        let start = start.to_ascii_lowercase();
        // A picture has no text here either.
        if start.starts_with("data:")
            && !["data:image/", "data:font/"].iter().any(|own| start.starts_with(own))
        {
            return None;
        }
        if text != value {
            out.asides.push(text);
        }
        rest = next;
    }
    Some(())
}

/// What follows `</script>` or `</style>`; what stands before it is no text.
fn end_of_raw<'p>(from: &'p str, word: &str) -> Option<&'p str> {
    let at = end_of_element(from, word)?;
    // In a script, `<!--` can hide the end of it.
    if from.get(..at)?.contains("<!--") {
        return None;
    }
    from.get(at..)?.get(2..)?.get(word.len()..)?.strip_prefix('>')
}

/// Where `</word` is, in any case.
fn end_of_element(from: &str, word: &str) -> Option<usize> {
    from.match_indices("</").map(|(at, _)| at).find(|at| {
        let name = from.get(at.saturating_add(2)..).unwrap_or_default();
        name.get(..word.len()).is_some_and(|own| own.eq_ignore_ascii_case(word))
    })
}

/// Whether there is markup before the element's end, or it has none.
fn has_markup(from: &str, word: &str) -> bool {
    let end = from.find('<');
    let tag = end.and_then(|at| from.get(at..)).and_then(|rest| rest.strip_prefix("</"));
    !tag.and_then(|rest| rest.get(..word.len())).is_some_and(|own| own.eq_ignore_ascii_case(word))
}

/// Elements that have no end.
const VOID: [&str; 13] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"];

/// Elements that part words in whatever way they are shown.
const BREAKS: [&str; 8] = ["br", "hr", "td", "th", "li", "option", "dt", "dd"];

/// Elements whose tags end a line, unless a style sheet says otherwise.
const LINES: [&str; 66] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "br",
    "caption",
    "center",
    "col",
    "colgroup",
    "dd",
    "details",
    "dialog",
    "dir",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "frame",
    "frameset",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hgroup",
    "hr",
    "html",
    "legend",
    "li",
    "listing",
    "main",
    "menu",
    "nav",
    "noframes",
    "ol",
    "optgroup",
    "option",
    "p",
    "plaintext",
    "pre",
    "search",
    "section",
    "select",
    "summary",
    "table",
    "tbody",
    "td",
    "template",
    "textarea",
    "tfoot",
    "th",
    "thead",
    "title",
    "tr",
    "ul",
    "xmp",
    "foreignobject",
    "desc",
];
