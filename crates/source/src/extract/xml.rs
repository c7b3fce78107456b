//! The text of one part of an OOXML document: character data by paragraphs, then what stands aside, then values of attributes.
//!
//! Implements `docs/spec/keywords.md`, "The text of OOXML".
//!
//! ```text
//! <w:p><w:r><w:t>via</w:t></w:r><w:r><w:t>gra</w:t></w:r></w:p>      viagra, and the end of a line
//! ```

use super::Texts;

/// Adds the text of `part` to `out`; `None` where not all of it can be told.
pub(super) fn text(part: &[u8], out: &mut Texts) -> Option<()> {
    let text = std::str::from_utf8(part.strip_prefix(b"\xef\xbb\xbf").unwrap_or(part)).ok()?;
    let mut reader = Reader::default();
    reader.streams.push((0, String::new()));
    let mut rest = text;
    while !rest.is_empty() {
        rest = match rest.find('<') {
            Some(0) => reader.markup(rest)?,
            at => {
                let (data, after) = rest.split_at_checked(at.unwrap_or(rest.len()))?;
                reader.data(data)?;
                after
            }
        };
    }
    if !reader.open.is_empty() || !reader.root || reader.is_short {
        return None;
    }
    for (_, stream) in reader.streams {
        out.text.push_str(&stream);
        out.text.push('\n');
    }
    for own in reader.asides.iter().chain(&reader.values) {
        out.text.push_str(own);
        out.text.push('\n');
    }
    out.joined.push_str(&reader.joined);
    out.joined.push(' ');
    Some(())
}

#[derive(Default)]
struct Reader<'p> {
    /// The names of the elements that are open.
    open: Vec<&'p str>,
    /// Whether there was an element.
    root: bool,
    /// The main text, and for each open element whose text stands aside its depth and text.
    streams: Vec<(usize, String)>,
    /// The text without the ends of lines, and without what is not shown in them.
    joined: String,
    /// At which depth what is not shown began.
    unshown: Option<usize>,
    /// Whether the cell has a formula, and the value of it.
    formula: (bool, bool),
    /// Whether a cell lacks the value of its formula.
    is_short: bool,
    asides: Vec<String>,
    values: Vec<String>,
}

impl<'p> Reader<'p> {
    fn put(&mut self, text: &str) {
        if let Some((_, stream)) = self.streams.last_mut() {
            stream.push_str(text);
        }
        if self.unshown.is_none() {
            self.joined.push_str(text);
        }
    }

    fn end_line(&mut self, name: &str) {
        if let Some((_, stream)) = self.streams.last_mut() {
            stream.push('\n');
        }
        // A large letter at the beginning is a paragraph of its own.
        if !matches!(name, "p" | "title") {
            self.joined.push(' ');
        }
    }

    fn data(&mut self, data: &str) -> Option<()> {
        let blank = data.trim_ascii().is_empty();
        if self.open.is_empty() {
            return blank.then_some(());
        }
        let kept = self.open.last().is_some_and(|name| SPACED.contains(&local(name)));
        if !blank || kept {
            let text = resolved(data)?;
            if has_escape(&text) {
                return None;
            }
            self.put(&text);
        }
        Some(())
    }

    /// Takes in what begins with `<`.
    fn markup(&mut self, from: &'p str) -> Option<&'p str> {
        if let Some(comment) = from.strip_prefix("<!--") {
            let end = comment.find("--")?;
            return comment.get(end..)?.strip_prefix("-->");
        }
        if let Some(data) = from.strip_prefix("<![CDATA[") {
            let (data, rest) = data.split_at_checked(data.find("]]>")?)?;
            if self.open.is_empty() || !data.chars().all(is_char) {
                return None;
            }
            self.put(data);
            return rest.strip_prefix("]]>");
        }
        if let Some(instruction) = from.strip_prefix("<?") {
            let (instruction, rest) = instruction.split_at_checked(instruction.find("?>")?)?;
            let other = instruction.to_ascii_lowercase();
            let plain = ["utf-8", "us-ascii"].iter().any(|known| other.contains(known));
            if other.starts_with("xml ") && other.contains("encoding") && !plain {
                return None;
            }
            return rest.strip_prefix("?>");
        }
        if let Some(name) = from.strip_prefix("</") {
            let (name, rest) = name.split_at_checked(name.find('>')?)?;
            if self.open.pop()? != name.trim_ascii_end() {
                return None;
            }
            self.ended(name.trim_ascii_end());
            return rest.get(1..);
        }
        self.element(from.get(1..)?)
    }

    fn element(&mut self, from: &'p str) -> Option<&'p str> {
        let length = from.find(|c: char| c.is_ascii_whitespace() || c == '/' || c == '>')?;
        let (name, mut rest) = from.split_at_checked(length)?;
        let sound = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
        if !sound
            || self.open.len() >= MAX_DEPTH
            || (self.open.is_empty() && self.root)
            || OTHERS.contains(&local(name))
        {
            return None;
        }
        self.root = true;
        loop {
            rest = rest.trim_ascii_start();
            if let Some(after) = rest.strip_prefix("/>") {
                self.began(name);
                self.ended(name);
                return Some(after);
            }
            if let Some(after) = rest.strip_prefix('>') {
                self.began(name);
                self.open.push(name);
                return Some(after);
            }
            let (key, value) = rest.split_at_checked(rest.find('=')?)?;
            if key.contains(['<', '>', '"', '\'', '/']) {
                return None;
            }
            let value = value.get(1..)?.trim_ascii_start();
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let value = value.get(1..)?;
            let (value, after) = value.split_at_checked(value.find(quote)?)?;
            if value.contains('<') {
                return None;
            }
            let value = resolved(value)?;
            if local(name) == "numFmt" && key.trim_ascii() == "formatCode" && !is_plain_format(&value) {
                return None;
            }
            if !value.is_empty() {
                self.values.push(value);
            }
            rest = after.get(1..)?;
        }
    }

    /// An element begins whose name is not among the open ones yet.
    fn began(&mut self, name: &str) {
        match local(name) {
            "c" => self.formula = (false, false),
            "f" => self.formula.0 = true,
            "v" => self.formula.1 = true,
            _ => {}
        }
        if self.unshown.is_none() && UNSHOWN.contains(&local(name)) {
            self.unshown = Some(self.open.len());
        }
        if ASIDE.contains(&local(name)) {
            self.streams.push((self.open.len(), String::new()));
        }
    }

    /// An element ended, and is not among the open ones any more.
    fn ended(&mut self, name: &str) {
        match local(name) {
            "noBreakHyphen" => self.put("-"),
            "tab" | "ptab" => self.put(" "),
            own if LINES.contains(&own) => {
                self.is_short |= own == "c" && self.formula == (true, false);
                self.end_line(own);
            }
            _ => {}
        }
        let depth = self.open.len();
        self.unshown = self.unshown.filter(|own| *own != depth);
        if self.streams.len() > 1
            && self.streams.last().is_some_and(|(own, _)| *own == depth)
            && ASIDE.contains(&local(name))
        {
            self.asides.extend(self.streams.pop().map(|(_, stream)| stream));
        }
    }
}

/// A name without its prefix.
fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// Whether there is `_x0041_`, which tables show as the character.
fn has_escape(text: &str) -> bool {
    text.match_indices("_x").any(|(at, _)| {
        let digits = text.get(at.saturating_add(2)..).unwrap_or_default().as_bytes();
        digits.get(..4).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            && digits.get(4) == Some(&b'_')
    })
}

/// Whether a format of numbers adds no letters or digits of its own, and nothing between two digits.
fn is_plain_format(format: &str) -> bool {
    let mut digit = false;
    let mut between = false;
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        let literal: String = match letter {
            '"' => letters.by_ref().take_while(|c| *c != '"').collect(),
            '\\' => letters.next().into_iter().collect(),
            // As wide as a character, or filled with one.
            '_' | '*' => {
                letters.next();
                continue;
            }
            // A colour, a condition, a currency with its language: `[$€-407]`.
            '[' => letters.by_ref().take_while(|c| *c != ']').filter(|_| false).collect(),
            '0' | '#' | '?' => {
                if digit && between {
                    return false;
                }
                (digit, between) = (true, false);
                continue;
            }
            ';' => {
                (digit, between) = (false, false);
                continue;
            }
            '.' | ',' | ' ' | '/' | 'E' | 'e' | '+' => continue,
            other => other.to_string(),
        };
        let own = matches!(letter, '"' | '\\') && literal.chars().any(char::is_alphanumeric);
        if own {
            return false;
        }
        between |= !literal.is_empty();
    }
    true
}

/// Characters in place of references.
fn resolved(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (plain, reference) = rest.split_at_checked(at)?;
        out.push_str(plain);
        let (name, after) = reference.get(1..)?.split_once(';')?;
        out.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                let number = name.strip_prefix('#')?;
                let code = match number.strip_prefix('x') {
                    Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(code)?
            }
        });
        rest = after;
    }
    out.push_str(rest);
    out.chars().all(is_char).then_some(out)
}

/// Whether XML 1.0 has the character.
fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Elements whose end is the end of a line.
const LINES: [&str; 11] = ["p", "br", "cr", "si", "c", "is", "row", "tc", "tr", "comment", "title"];
/// Elements in which white space alone is text.
const SPACED: [&str; 4] = ["t", "delText", "instrText", "v"];
/// Elements whose text does not belong between what stands before and behind them.
const ASIDE: [&str; 11] = [
    "rt",
    "delText",
    "instrText",
    "AlternateContent",
    "Choice",
    "Fallback",
    "drawing",
    "pict",
    "object",
    "rPh",
    "txbxContent",
];
/// Elements whose text is not shown, or beside the line.
const UNSHOWN: [&str; 5] = ["delText", "instrText", "Fallback", "rPh", "rt"];
/// Elements that stand for text of another form, or for characters of a font, or hide what others show.
const OTHERS: [&str; 4] = ["sym", "altChunk", "binaryData", "vanish"];
/// Most elements within one another.
const MAX_DEPTH: usize = 256;
