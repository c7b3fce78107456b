//! The text in which LVM2 keeps its metadata, read into sections and values.
//!
//! ```text
//! extent_size = 8192        # a comment
//! status = ["READ", "WRITE"]
//! physical_volumes {
//!     pv0 { ... }
//! }
//! ```
//!
//! Source: lvm.conf(5), "Syntax".

use std::collections::BTreeMap;

/// A value; texts are the bytes between the quotes, as they stand.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Value<'a> {
    Number(i64),
    Text(&'a [u8]),
    List(Vec<Value<'a>>),
    Section(Section<'a>),
}

/// Values by name. Names are of `A-Z a-z 0-9 _ . + - /` alone.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Section<'a>(pub(super) BTreeMap<&'a str, Value<'a>>);

impl<'a> Section<'a> {
    pub(super) fn section(&self, name: &str) -> Option<&Section<'a>> {
        let Value::Section(section) = self.0.get(name)? else { return None };
        Some(section)
    }

    /// A number that is not negative.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        let Value::Number(number) = self.0.get(name)? else { return None };
        u64::try_from(*number).ok()
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a [u8]> {
        let Value::Text(text) = self.0.get(name)? else { return None };
        Some(text)
    }

    pub(super) fn list(&self, name: &str) -> Option<&[Value<'a>]> {
        let Value::List(list) = self.0.get(name)? else { return None };
        Some(list)
    }

    /// Whether a list has a text among its values.
    pub(super) fn lists(&self, name: &str, text: &[u8]) -> bool {
        self.list(name).unwrap_or_default().contains(&Value::Text(text))
    }

    /// The sections inside, by name.
    pub(super) fn sections(&self) -> impl Iterator<Item = (&'a str, &Section<'a>)> {
        self.0.iter().filter_map(|(name, value)| match value {
            Value::Section(section) => Some((*name, section)),
            _ => None,
        })
    }
}

/// Reads a text.
///
/// # Errors
///
/// What is wrong, and in which line.
pub(super) fn parse(text: &[u8]) -> Result<Section<'_>, String> {
    let mut reader = Reader { text, at: 0, values: 0 };
    reader.sections().map_err(|what| {
        let before = text.get(..reader.at).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
        format!("line {line} of a metadata text: {what}")
    })
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    values: usize,
}

impl<'a> Reader<'a> {
    /// All sections, the outermost last closed: a stack of what is open, no recursion.
    fn sections(&mut self) -> Result<Section<'a>, &'static str> {
        let mut open: Vec<(&'a str, Section<'a>)> = Vec::new();
        let mut now = Section::default();
        loop {
            match self.peek() {
                None if open.is_empty() => return Ok(now),
                None => return Err("the text ends inside a section"),
                Some(b'}') => {
                    self.skip();
                    let (name, outer) = open.pop().ok_or("a section is closed that was not opened")?;
                    let inner = std::mem::replace(&mut now, outer);
                    self.put(&mut now, name, Value::Section(inner))?;
                }
                Some(_) => {
                    let name = self.name()?;
                    match self.peek() {
                        Some(b'{') if open.len() >= MAX_DEPTH => {
                            return Err("sections are nested too deeply");
                        }
                        Some(b'{') => {
                            self.skip();
                            open.push((name, std::mem::take(&mut now)));
                        }
                        Some(b'=') => {
                            self.skip();
                            let value = self.value()?;
                            self.put(&mut now, name, value)?;
                        }
                        _ => return Err("neither a value nor a section follows a name"),
                    }
                }
            }
        }
    }

    fn put(
        &mut self,
        section: &mut Section<'a>,
        name: &'a str,
        value: Value<'a>,
    ) -> Result<(), &'static str> {
        self.count()?;
        section.0.insert(name, value).map_or(Ok(()), |_| Err("a name comes twice in one section"))
    }

    fn count(&mut self) -> Result<(), &'static str> {
        self.values = self.values.saturating_add(1);
        if self.values > MAX_VALUES { Err("there are too many values") } else { Ok(()) }
    }

    fn value(&mut self) -> Result<Value<'a>, &'static str> {
        if self.peek() != Some(b'[') {
            return self.scalar();
        }
        self.skip();
        let mut list = Vec::new();
        loop {
            match self.peek().ok_or("the text ends inside a list")? {
                b']' => {
                    self.skip();
                    return Ok(Value::List(list));
                }
                b',' => self.skip(),
                _ => {
                    self.count()?;
                    list.push(self.scalar()?);
                }
            }
        }
    }

    fn scalar(&mut self) -> Result<Value<'a>, &'static str> {
        if self.peek() == Some(b'"') {
            self.skip();
            let rest = self.text.get(self.at..).unwrap_or_default();
            let mut escaped = false;
            let end = rest.iter().position(|byte| {
                let end = *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                end
            });
            let text = end.and_then(|end| rest.get(..end)).ok_or("the text ends inside quotes")?;
            self.at = self.at.saturating_add(text.len()).saturating_add(1);
            return Ok(Value::Text(text));
        }
        self.word()
            .parse()
            .map(Value::Number)
            .map_err(|_| "a value is neither a number, nor text, nor a list")
    }

    fn name(&mut self) -> Result<&'a str, &'static str> {
        Some(self.word())
            .filter(|word| !word.is_empty())
            .ok_or("something else stands in the place of a name")
    }

    fn word(&mut self) -> &'a str {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.+-/".contains(byte);
        let rest = self.text.get(self.at..).unwrap_or_default();
        let word = rest.split(|byte| !plain(byte)).next().unwrap_or_default();
        self.at = self.at.saturating_add(word.len());
        std::str::from_utf8(word).unwrap_or_default()
    }

    /// The next byte that is no space and in no comment. A zero byte ends the text.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at)? {
                0 => return None,
                b'#' => {
                    let rest = self.text.get(self.at..).unwrap_or_default();
                    let line = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                    self.at = self.at.saturating_add(line);
                }
                byte if byte.is_ascii_whitespace() => self.skip(),
                byte => return Some(*byte),
            }
        }
    }

    fn skip(&mut self) {
        self.at = self.at.saturating_add(1);
    }
}

/// Deepest nesting. LVM2 uses four: group, list of volumes, volume, segment.
const MAX_DEPTH: usize = 16;
/// Most values of one text: some ten thousand volumes, and no more than some 100 MB of memory.
const MAX_VALUES: usize = 500_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read() {
        let text = b"g {\n id = \"a\\\"b\" # c\n n = -7\n l = [\"x\", 3,\n \"y\"]\n s {\n }\n}\nversion = 1\n\0junk {";
        let read = parse(text).unwrap();
        let g = read.section("g").unwrap();
        assert_eq!(g.text("id"), Some(&b"a\\\"b"[..]));
        assert_eq!((g.number("n"), g.0.get("n")), (None, Some(&Value::Number(-7))));
        assert!(g.lists("l", b"y") && !g.lists("l", b"z") && g.section("s").is_some());
        assert_eq!(read.number("version"), Some(1));
    }

    #[test]
    fn what_is_wrong_is_told_by_line() {
        let check = |text: &[u8], expect: &str| assert_eq!(parse(text).unwrap_err(), expect);
        check(b"a {\n", "line 2 of a metadata text: the text ends inside a section");
        check(b"}", "line 1 of a metadata text: a section is closed that was not opened");
        check(b"a = 1\na = 2\n", "line 2 of a metadata text: a name comes twice in one section");
        check(b"a = \"x", "line 1 of a metadata text: the text ends inside quotes");
        check(b"a = [1, 2", "line 1 of a metadata text: the text ends inside a list");
        check(b"a = [[1]]", "line 1 of a metadata text: a value is neither a number, nor text, nor a list");
        check(b"= 1", "line 1 of a metadata text: something else stands in the place of a name");
        check(b"a b", "line 1 of a metadata text: neither a value nor a section follows a name");
        check(&b"a{".repeat(1 << 16), "line 1 of a metadata text: sections are nested too deeply");
        check(
            &[&b"a=["[..], &b"1,".repeat(MAX_VALUES + 1)].concat(),
            "line 1 of a metadata text: there are too many values",
        );
    }
}
