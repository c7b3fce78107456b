//! YAML of the plain kind, in bounded space: texts, lists and tables.
//!
//! Every value is the text that was written: `no` and `1.0` are not turned into anything. Anchors, aliases and tags are
//! errors, so that a small file cannot stand for a large one, and so is a key that stands twice.

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::MAX_FILE;

/// Why a file is not read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum YamlError {
    /// Too long.
    #[error("it has {0} bytes; a file of a catalogue has at most {MAX_FILE}")]
    Size(usize),
    /// Not UTF-8.
    #[error("not UTF-8: byte {0} is not part of a character")]
    Utf8(usize),
    /// Not YAML.
    #[error("line {line}: not YAML: {message}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// YAML that no catalogue needs.
    #[error("line {line}: {what}, which is not read")]
    Refused {
        /// Line, from 1.
        line: usize,
        /// What stands there.
        what: &'static str,
    },
}

/// A value and the line it begins in.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A text as it was written; nothing at all is the empty text.
    Text(String),
    List(Vec<Node>),
    /// In file order, no key twice.
    Table(Vec<(String, Node)>),
}

impl Node {
    pub(crate) fn table(&self) -> Option<&[(String, Node)]> {
        match &self.value {
            Value::Table(entries) => Some(entries),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a key of a table.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.table()?.iter().find(|(own, _)| own == key).map(|(_, node)| node)
    }

    pub(crate) fn list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// A list of texts; `None` where it is anything else.
    pub(crate) fn texts(&self) -> Option<Vec<&str>> {
        self.list()?.iter().map(Node::text).collect()
    }
}

/// All documents of a file.
pub(crate) fn documents(bytes: &[u8]) -> Result<Vec<Node>, YamlError> {
    if bytes.len() > MAX_FILE {
        return Err(YamlError::Size(bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| YamlError::Utf8(error.valid_up_to()))?;
    let mut building = Building::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| YamlError::Syntax {
            line: error.marker().line(),
            message: error.info().chars().filter(|c| !c.is_control()).collect(),
        })?;
        building.take(event, span.start.line())?;
    }
    Ok(building.documents)
}

/// What has been begun and is not ended yet: no call within a call, so depth costs no stack.
#[derive(Default)]
struct Building {
    open: Vec<Node>,
    /// The key that waits for its value, one for each table that is open.
    keys: Vec<Option<String>>,
    nodes: usize,
    documents: Vec<Node>,
}

impl Building {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), YamlError> {
        let refused = |what| Err(YamlError::Refused { line, what });
        match event {
            Event::Alias(_) => refused("an alias"),
            Event::Scalar(_, _, 1.., _) | Event::SequenceStart(1.., _) | Event::MappingStart(1.., _) => {
                refused("an anchor")
            }
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => refused("a tag"),
            Event::Scalar(text, style, _, None) => {
                let nothing = style == ScalarStyle::Plain && matches!(text.as_ref(), "~" | "null");
                let text = if nothing { String::new() } else { text.into_owned() };
                self.put(Node { line, value: Value::Text(text) })
            }
            Event::SequenceStart(_, None) => self.begin(Node { line, value: Value::List(Vec::new()) }),
            Event::MappingStart(_, None) => self.begin(Node { line, value: Value::Table(Vec::new()) }),
            Event::SequenceEnd | Event::MappingEnd => {
                self.keys.pop();
                match self.open.pop() {
                    Some(node) => self.place(node),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, node: Node) -> Result<(), YamlError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(YamlError::Refused { line: node.line, what: "a value too deep within others" });
        }
        self.open.push(node);
        self.keys.push(None);
        Ok(())
    }

    fn put(&mut self, node: Node) -> Result<(), YamlError> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > MAX_NODES {
            return Err(YamlError::Refused { line: node.line, what: "one value too many" });
        }
        self.place(node)
    }

    /// Puts a value that is complete where it belongs.
    fn place(&mut self, node: Node) -> Result<(), YamlError> {
        let line = node.line;
        let Some(holder) = self.open.last_mut() else {
            // A document that says nothing, such as the one after a last `---`.
            if !matches!(&node.value, Value::Text(text) if text.is_empty()) {
                self.documents.push(node);
            }
            return Ok(());
        };
        match (&mut holder.value, self.keys.last_mut()) {
            (Value::List(items), _) => items.push(node),
            (Value::Table(entries), Some(waiting)) => match (waiting.take(), node.value) {
                (Some(key), value) => entries.push((key, Node { line, value })),
                (None, Value::Text(key)) if entries.iter().any(|(own, _)| *own == key) => {
                    return Err(YamlError::Refused { line, what: "a key that stands twice" });
                }
                (None, Value::Text(key)) => *waiting = Some(key),
                (None, _) => return Err(YamlError::Refused { line, what: "a key that is no text" }),
            },
            _ => {}
        }
        Ok(())
    }
}

/// Deepest value: the catalogues go to six.
const MAX_DEPTH: usize = 32;

/// Most values of a file. The largest of Debian's has 7,000.
pub(crate) const MAX_NODES: usize = 200_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;

    #[test]
    fn values_are_what_was_written() {
        let found = documents(b"a: no\nb: [1.0, 'x', ~]\n---\nname: y\n---\n").unwrap();
        let [first, second] = found.as_slice() else { unreachable!("{found:?}") };
        assert_eq!(first.get("a").unwrap().text(), Some("no"));
        assert_eq!(first.get("b").unwrap().texts(), Some(vec!["1.0", "x", ""]));
        assert_eq!(second.get("name").unwrap().text(), Some("y"));
    }

    #[test]
    fn what_could_grow_is_refused() {
        let check = |text: String, expected: &str| {
            let error = documents(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("a: &x [1]\nb: *x\n".into(), "line 1: an anchor");
        check("b: *x\n".into(), "not YAML");
        check("a: !!str 1\n".into(), "a tag");
        check("a: 1\na: 2\n".into(), "line 2: a key that stands twice");
        check("[a]: 1\n".into(), "a key that is no text");
        check("[".repeat(40) + &"]".repeat(40), "too deep");
        check("[".repeat(1_000_000), "recursion limit");
        check("- ".repeat(100_000), "too deep");
        check("- a\n".repeat(MAX_NODES + 1), "one value too many");
        check("a".repeat(MAX_FILE + 1), "bytes");
        check("a: [1\n".into(), "not YAML");
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert_eq!(documents(b"a: \xff").unwrap_err(), YamlError::Utf8(3));
    }
}
